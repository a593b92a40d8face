// SPDX-License-Identifier: Apache-2.0
// Generic tables: AVL trees with links to the parent. Balance is the height of the right side less that of
// the left.
#include <cstring>

#include "ntddk.h"

namespace {

using Node = RTL_BALANCED_LINKS;

PVOID data_of(Node* node) { return node + 1; }

// The table's own node stands above the tree: the root is its right child, so that every node has a parent.
Node* anchor(PRTL_AVL_TABLE table) { return &table->BalancedRoot; }
Node* root(PRTL_AVL_TABLE table) { return table->BalancedRoot.RightChild; }

Node*& child(Node* node, bool right) { return right ? node->RightChild : node->LeftChild; }
bool is_right(const Node* node) { return node->Parent->RightChild == node; }

void replace(Node* old, Node* with) {
  child(old->Parent, is_right(old)) = with;
  if (with != nullptr) with->Parent = old->Parent;
}

Node* outermost(Node* node, bool right) {
  while (child(node, right) != nullptr) node = child(node, right);
  return node;
}

// The next in order, or the one before; null at the end.
Node* step(PRTL_AVL_TABLE table, Node* node, bool forward) {
  if (child(node, forward) != nullptr) return outermost(child(node, forward), !forward);
  while (node->Parent != anchor(table) && is_right(node) == forward) node = node->Parent;
  return node->Parent == anchor(table) ? nullptr : node->Parent;
}

// Lifts the child of that side over `node`.
void rotate(Node* node, bool right) {
  Node* up = child(node, right);
  replace(node, up);
  Node* moved = child(up, !right);
  child(node, right) = moved;
  if (moved != nullptr) moved->Parent = node;
  child(up, !right) = node;
  node->Parent = up;
}

// `node` is two deeper on that side. Returns what stands in its place; `lower`: it is one less high than
// before.
Node* rebalance(Node* node, bool right, bool& lower) {
  const int side = right ? 1 : -1;
  Node* heavy = child(node, right);
  if (heavy->Balance != -side) {
    rotate(node, right);
    lower = heavy->Balance != 0;
    node->Balance = static_cast<CHAR>(lower ? 0 : side);
    heavy->Balance = static_cast<CHAR>(lower ? 0 : -side);
    return heavy;
  }
  Node* middle = child(heavy, !right);
  rotate(heavy, !right);
  rotate(node, right);
  node->Balance = static_cast<CHAR>(middle->Balance == side ? -side : 0);
  heavy->Balance = static_cast<CHAR>(middle->Balance == -side ? side : 0);
  middle->Balance = 0;
  lower = true;
  return middle;
}

void grown(PRTL_AVL_TABLE table, Node* node) {
  for (Node* parent = node->Parent; parent != anchor(table); node = parent, parent = node->Parent) {
    const int side = is_right(node) ? 1 : -1;
    if (parent->Balance == side) {
      bool lower = false;
      rebalance(parent, side > 0, lower);
      return;
    }
    parent->Balance = static_cast<CHAR>(parent->Balance + side);
    if (parent->Balance == 0) return;
  }
  ++table->DepthOfTree;
}

// The side of `parent` became one less high.
void shrunk(PRTL_AVL_TABLE table, Node* parent, bool right) {
  while (parent != anchor(table)) {
    const int other = right ? -1 : 1;
    if (parent->Balance == 0) {
      parent->Balance = static_cast<CHAR>(other);
      return;
    }
    if (parent->Balance == other) {
      bool lower = false;
      parent = rebalance(parent, other > 0, lower);
      if (!lower) return;
    } else {
      parent->Balance = 0;
    }
    right = is_right(parent);
    parent = parent->Parent;
  }
  --table->DepthOfTree;
}

void unlink(PRTL_AVL_TABLE table, Node* node) {
  if (node->LeftChild != nullptr && node->RightChild != nullptr) {
    // The next in order, which has no left child, takes its place.
    Node* next = outermost(node->RightChild, false);
    Node* from = next->Parent == node ? next : next->Parent;
    const bool right = next->Parent == node;
    if (!right) {
      replace(next, next->RightChild);
      next->RightChild = node->RightChild;
      next->RightChild->Parent = next;
    }
    next->LeftChild = node->LeftChild;
    next->LeftChild->Parent = next;
    next->Balance = node->Balance;
    replace(node, next);
    shrunk(table, from, right);
    return;
  }
  const bool right = is_right(node);
  replace(node, node->LeftChild != nullptr ? node->LeftChild : node->RightChild);
  shrunk(table, node->Parent, right);
}

TABLE_SEARCH_RESULT search(PRTL_AVL_TABLE table, PVOID buffer, Node*& found) {
  found = nullptr;
  TABLE_SEARCH_RESULT result = TableEmptyTree;
  for (Node* node = root(table); node != nullptr; node = child(node, result == TableInsertAsRight)) {
    found = node;
    const RTL_GENERIC_COMPARE_RESULTS order = table->CompareRoutine(table, buffer, data_of(node));
    if (order == GenericEqual) return TableFoundNode;
    result = order == GenericLessThan ? TableInsertAsLeft : TableInsertAsRight;
  }
  return result;
}

void forget_order(PRTL_AVL_TABLE table) {
  table->OrderedPointer = nullptr;
  table->WhichOrderedElement = 0;
}

}  // namespace

extern "C" {

VOID RtlInitializeGenericTableAvl(PRTL_AVL_TABLE Table, PRTL_AVL_COMPARE_ROUTINE CompareRoutine,
                                  PRTL_AVL_ALLOCATE_ROUTINE AllocateRoutine,
                                  PRTL_AVL_FREE_ROUTINE FreeRoutine, PVOID TableContext) {
  *Table = RTL_AVL_TABLE{};
  Table->BalancedRoot.Parent = anchor(Table);
  Table->CompareRoutine = CompareRoutine;
  Table->AllocateRoutine = AllocateRoutine;
  Table->FreeRoutine = FreeRoutine;
  Table->TableContext = TableContext;
}

PVOID RtlInsertElementGenericTableFullAvl(PRTL_AVL_TABLE Table, PVOID Buffer, CLONG BufferSize,
                                          PBOOLEAN NewElement, PVOID NodeOrParent,
                                          TABLE_SEARCH_RESULT SearchResult) {
  auto* node = static_cast<Node*>(NodeOrParent);
  const bool fresh = SearchResult != TableFoundNode;
  if (NewElement != nullptr) *NewElement = FALSE;
  if (!fresh) return data_of(node);
  auto* entry = static_cast<Node*>(
      Table->AllocateRoutine(Table, static_cast<CLONG>(BufferSize + sizeof(RTL_BALANCED_LINKS))));
  if (entry == nullptr) return nullptr;
  *entry = Node{};
  std::memcpy(data_of(entry), Buffer, BufferSize);
  const bool first = SearchResult == TableEmptyTree;
  entry->Parent = first ? anchor(Table) : node;
  child(entry->Parent, first || SearchResult == TableInsertAsRight) = entry;
  ++Table->NumberGenericTableElements;
  forget_order(Table);
  grown(Table, entry);
  if (NewElement != nullptr) *NewElement = TRUE;
  return data_of(entry);
}

PVOID RtlInsertElementGenericTableAvl(PRTL_AVL_TABLE Table, PVOID Buffer, CLONG BufferSize,
                                      PBOOLEAN NewElement) {
  Node* node = nullptr;
  const TABLE_SEARCH_RESULT result = search(Table, Buffer, node);
  return RtlInsertElementGenericTableFullAvl(Table, Buffer, BufferSize, NewElement, node, result);
}

BOOLEAN RtlDeleteElementGenericTableAvl(PRTL_AVL_TABLE Table, PVOID Buffer) {
  Node* node = nullptr;
  if (search(Table, Buffer, node) != TableFoundNode) return FALSE;
  // An enumeration goes on behind the element that is gone.
  if (Table->RestartKey == node) Table->RestartKey = step(Table, node, false);
  ++Table->DeleteCount;
  --Table->NumberGenericTableElements;
  forget_order(Table);
  unlink(Table, node);
  Table->FreeRoutine(Table, node);
  return TRUE;
}

PVOID RtlLookupElementGenericTableFullAvl(PRTL_AVL_TABLE Table, PVOID Buffer, PVOID* NodeOrParent,
                                          TABLE_SEARCH_RESULT* SearchResult) {
  Node* node = nullptr;
  *SearchResult = search(Table, Buffer, node);
  *NodeOrParent = node;
  return *SearchResult == TableFoundNode ? data_of(node) : nullptr;
}

PVOID RtlLookupElementGenericTableAvl(PRTL_AVL_TABLE Table, PVOID Buffer) {
  Node* node = nullptr;
  return search(Table, Buffer, node) == TableFoundNode ? data_of(node) : nullptr;
}

PVOID RtlLookupFirstMatchingElementGenericTableAvl(PRTL_AVL_TABLE Table, PVOID Buffer, PVOID* RestartKey) {
  Node* found = nullptr;
  *RestartKey = nullptr;
  if (search(Table, Buffer, found) != TableFoundNode) return nullptr;
  for (Node* before = step(Table, found, false); before != nullptr; before = step(Table, before, false)) {
    if (Table->CompareRoutine(Table, Buffer, data_of(before)) != GenericEqual) break;
    found = before;
  }
  *RestartKey = found;
  return data_of(found);
}

PVOID RtlEnumerateGenericTableWithoutSplayingAvl(PRTL_AVL_TABLE Table, PVOID* RestartKey) {
  if (root(Table) == nullptr) return nullptr;
  auto* last = static_cast<Node*>(*RestartKey);
  Node* node = last == nullptr ? outermost(root(Table), false) : step(Table, last, true);
  if (node == nullptr) return nullptr;
  *RestartKey = node;
  return data_of(node);
}

PVOID RtlEnumerateGenericTableAvl(PRTL_AVL_TABLE Table, BOOLEAN Restart) {
  if (Restart) Table->RestartKey = nullptr;
  PVOID key = Table->RestartKey;
  PVOID element = RtlEnumerateGenericTableWithoutSplayingAvl(Table, &key);
  Table->RestartKey = static_cast<Node*>(key);
  return element;
}

PVOID RtlGetElementGenericTableAvl(PRTL_AVL_TABLE Table, ULONG I) {
  if (I >= Table->NumberGenericTableElements) return nullptr;
  // From where the last call ended, so that a loop over all takes few steps.
  auto* node = static_cast<Node*>(Table->OrderedPointer);
  ULONG at = Table->WhichOrderedElement;
  if (node == nullptr || I < at / 2) {
    node = outermost(root(Table), false);
    at = 0;
  }
  for (; at < I; ++at) node = step(Table, node, true);
  for (; at > I; --at) node = step(Table, node, false);
  Table->OrderedPointer = node;
  Table->WhichOrderedElement = at;
  return data_of(node);
}

ULONG RtlNumberGenericTableElementsAvl(PRTL_AVL_TABLE Table) { return Table->NumberGenericTableElements; }
BOOLEAN RtlIsGenericTableEmptyAvl(PRTL_AVL_TABLE Table) { return Table->NumberGenericTableElements == 0; }

}  // extern "C"
