// SPDX-License-Identifier: Apache-2.0
// Generic tables, by hand and against std::set; by the older names, too.
#define RTL_USE_AVL_TABLES 0
#include <algorithm>
#include <cstdlib>
#include <random>

#include "tests/driver-model/wdk/kernel_test.h"

namespace {

struct Range {
  ULONG start;
  ULONG length;
};

struct Context {
  ULONG nodes = 0;
  bool refuse = false;
};

RTL_GENERIC_COMPARE_RESULTS compare(PRTL_AVL_TABLE, PVOID first, PVOID second) {
  const ULONG a = static_cast<Range*>(first)->start;
  const ULONG b = static_cast<Range*>(second)->start;
  return a < b ? GenericLessThan : a > b ? GenericGreaterThan : GenericEqual;
}
PVOID allocate(PRTL_AVL_TABLE table, CLONG bytes) {
  auto* context = static_cast<Context*>(table->TableContext);
  EXPECT_EQ(bytes, sizeof(Range) + sizeof(RTL_BALANCED_LINKS));
  if (context->refuse) return nullptr;
  ++context->nodes;
  return std::malloc(bytes);
}
VOID release(PRTL_AVL_TABLE table, PVOID node) {
  --static_cast<Context*>(table->TableContext)->nodes;
  std::free(node);
}

struct AvlTest : ::testing::Test {
  Context context;
  RTL_GENERIC_TABLE table{};
  void SetUp() override { RtlInitializeGenericTable(&table, compare, allocate, release, &context); }
  void TearDown() override {
    while (PVOID first = RtlGetElementGenericTable(&table, 0)) RtlDeleteElementGenericTable(&table, first);
    EXPECT_EQ(context.nodes, 0u);
  }
  bool insert(ULONG start) {
    Range range{start, start + 1};
    BOOLEAN fresh = 2;
    EXPECT_NE(RtlInsertElementGenericTable(&table, &range, sizeof range, &fresh), nullptr);
    return fresh;
  }
  bool remove(ULONG start) {
    Range range{start, 0};
    return RtlDeleteElementGenericTable(&table, &range);
  }
  std::vector<ULONG> elements() {
    std::vector<ULONG> all;
    PVOID key = nullptr;
    while (auto* range = static_cast<Range*>(RtlEnumerateGenericTableWithoutSplaying(&table, &key)))
      all.push_back(range->start);
    return all;
  }
  // Height of a subtree; every balance and link on the way is right.
  int check(RTL_BALANCED_LINKS* node, RTL_BALANCED_LINKS* parent) {
    if (node == nullptr) return 0;
    EXPECT_EQ(node->Parent, parent);
    const int left = check(node->LeftChild, node);
    const int right = check(node->RightChild, node);
    EXPECT_EQ(node->Balance, right - left);
    EXPECT_LE(std::abs(right - left), 1);
    return 1 + std::max(left, right);
  }
};

TEST_F(AvlTest, FindsInsertsOnceAndDeletes) {
  EXPECT_TRUE(RtlIsGenericTableEmpty(&table));
  EXPECT_TRUE(insert(20));
  EXPECT_TRUE(insert(10));
  EXPECT_FALSE(insert(20));
  EXPECT_EQ(RtlNumberGenericTableElements(&table), 2u);
  Range wanted{10, 0};
  auto* found = static_cast<Range*>(RtlLookupElementGenericTable(&table, &wanted));
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->length, 11u) << "the copy";
  wanted.start = 11;
  EXPECT_EQ(RtlLookupElementGenericTable(&table, &wanted), nullptr);
  EXPECT_FALSE(remove(11));
  EXPECT_TRUE(remove(10));
  EXPECT_EQ(context.nodes, 1u) << "its node went to the free routine";
  context.refuse = true;
  BOOLEAN fresh = TRUE;
  EXPECT_EQ(RtlInsertElementGenericTable(&table, &wanted, sizeof wanted, &fresh), nullptr);
  EXPECT_FALSE(fresh);
  EXPECT_EQ(RtlNumberGenericTableElements(&table), 1u);
}

TEST_F(AvlTest, LookupCanPrepareAnInsertion) {
  insert(10);
  Range range{15, 1};
  PVOID place = nullptr;
  TABLE_SEARCH_RESULT result = TableEmptyTree;
  EXPECT_EQ(RtlLookupElementGenericTableFull(&table, &range, &place, &result), nullptr);
  EXPECT_EQ(result, TableInsertAsRight);
  BOOLEAN fresh = FALSE;
  PVOID element = RtlInsertElementGenericTableFull(&table, &range, sizeof range, &fresh, place, result);
  EXPECT_TRUE(fresh);
  EXPECT_EQ(RtlLookupElementGenericTableFull(&table, &range, &place, &result), element);
  EXPECT_EQ(result, TableFoundNode);
  PVOID key = nullptr;
  EXPECT_EQ(RtlLookupFirstMatchingElementGenericTableAvl(&table, &range, &key), element);
  EXPECT_EQ(RtlEnumerateGenericTableWithoutSplaying(&table, &key), nullptr) << "it was the last";
}

TEST_F(AvlTest, EnumerationGoesOnBehindWhatIsDeleted) {
  for (const ULONG start : {50, 20, 80, 10, 30, 70, 90}) insert(start);
  EXPECT_EQ(elements(), (std::vector<ULONG>{10, 20, 30, 50, 70, 80, 90}));
  std::vector<ULONG> seen;
  for (auto* range = static_cast<Range*>(RtlEnumerateGenericTable(&table, TRUE)); range != nullptr;
       range = static_cast<Range*>(RtlEnumerateGenericTable(&table, FALSE))) {
    seen.push_back(range->start);
    if (seen.size() % 2 != 0) remove(seen.back());
  }
  EXPECT_EQ(seen, (std::vector<ULONG>{10, 20, 30, 50, 70, 80, 90}));
  EXPECT_EQ(elements(), (std::vector<ULONG>{20, 50, 80}));
}

TEST_F(AvlTest, ElementsByTheirPlace) {
  for (ULONG i = 0; i < 40; ++i) insert(i * 7 % 40);
  for (const ULONG place : {0, 39, 3, 20, 19, 5, 38})
    EXPECT_EQ(static_cast<Range*>(RtlGetElementGenericTable(&table, place))->start, place);
  EXPECT_EQ(RtlGetElementGenericTable(&table, 40), nullptr);
  remove(0);
  EXPECT_EQ(static_cast<Range*>(RtlGetElementGenericTable(&table, 38))->start, 39u);
}

TEST_F(AvlTest, AgreesWithASetAndStaysBalanced) {
  std::mt19937 random(11);
  std::set<ULONG> model;
  for (int step = 0; step < 4000; ++step) {
    const ULONG start = random() % 300;
    // It grows first and shrinks then.
    if (random() % 100 < (step < 2000 ? 65u : 35u)) {
      ASSERT_EQ(insert(start), model.insert(start).second);
    } else {
      ASSERT_EQ(remove(start), model.erase(start) != 0);
    }
    ASSERT_EQ(RtlNumberGenericTableElements(&table), model.size());
    const int height = check(table.BalancedRoot.RightChild, &table.BalancedRoot);
    ASSERT_EQ(table.DepthOfTree, static_cast<ULONG>(height));
    if (step % 50 == 0) {
      ASSERT_EQ(elements(), std::vector<ULONG>(model.begin(), model.end()));
    }
    ASSERT_FALSE(HasFailure());
  }
}

}  // namespace
