// SPDX-License-Identifier: Apache-2.0
// Links: which functions act as one adapter.
#include "driver-model/kmd/gdm.h"

namespace {

// Changed at PASSIVE_LEVEL by AddDevice, LinkDevice and RemoveDevice only, which the system calls one at a
// time.
LIST_ENTRY AllLinks;
ULONG NextOwnUid;

GDM_LINK* FindOpenLink(ULONG ChainUid) {
  for (LIST_ENTRY* entry = AllLinks.Flink; entry != &AllLinks; entry = entry->Flink) {
    GDM_LINK* link = CONTAINING_RECORD(entry, GDM_LINK, Entry);
    if (link->ChainUid == ChainUid && link->Members < link->ExpectedMembers) return link;
  }
  return NULL;
}

}  // namespace

VOID GdmLinkInitialize(VOID) {
  InitializeListHead(&AllLinks);
  NextOwnUid = 0x1000;
}

NTSTATUS GdmLinkJoin(GDM_ADAPTER* Adapter, LINKED_DEVICE* LinkedDevice) {
  if (Adapter->Link != NULL) return STATUS_INVALID_DEVICE_STATE;
  if (LinkedDevice->NumberOfLinksInChain > GDM_MAX_ADAPTERS) return STATUS_NOT_SUPPORTED;
  if (GdmParameters.Unlinked || LinkedDevice->NumberOfLinksInChain == 0) {
    // The answer of an unlinked adapter: a chain of its own.
    LinkedDevice->ChainUid = NextOwnUid++;
    LinkedDevice->NumberOfLinksInChain = 1;
    LinkedDevice->LeadLink = TRUE;
  }
  GDM_LINK* link = FindOpenLink(LinkedDevice->ChainUid);
  if (link == NULL) {
    link = static_cast<GDM_LINK*>(ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(GDM_LINK), kGdmPoolTag));
    if (link == NULL) return STATUS_NO_MEMORY;
    link->ChainUid = LinkedDevice->ChainUid;
    link->ExpectedMembers = LinkedDevice->NumberOfLinksInChain;
    link->NextId = 1;
    InitializeListHead(&link->Adapters);
    InitializeListHead(&link->Objects);
    InitializeListHead(&link->Allocations);
    KeInitializeEvent(&link->Lock, SynchronizationEvent, TRUE);
    InsertTailList(&AllLinks, &link->Entry);
  }
  Adapter->Link = link;
  Adapter->Index = link->Members++;
  Adapter->Lead = LinkedDevice->LeadLink;
  InsertTailList(&link->Adapters, &Adapter->LinkEntry);
  return STATUS_SUCCESS;
}

VOID GdmLinkLeave(GDM_ADAPTER* Adapter) {
  GDM_LINK* link = Adapter->Link;
  if (link == NULL) return;
  RemoveEntryList(&Adapter->LinkEntry);
  Adapter->Link = NULL;
  if (--link->Members == 0) {
    RemoveEntryList(&link->Entry);
    ExFreePoolWithTag(link, kGdmPoolTag);
  }
}

GDM_ADAPTER* GdmLinkMember(GDM_LINK* Link, ULONG Index) {
  for (LIST_ENTRY* entry = Link->Adapters.Flink; entry != &Link->Adapters; entry = entry->Flink) {
    GDM_ADAPTER* adapter = CONTAINING_RECORD(entry, GDM_ADAPTER, LinkEntry);
    if (adapter->Index == Index) return adapter;
  }
  return NULL;
}

ULONGLONG GdmLinkHighestVisibleAddress(const GDM_LINK* Link) {
  ULONGLONG lowest = MAXULONG64;
  for (LIST_ENTRY* entry = Link->Adapters.Flink; entry != &Link->Adapters; entry = entry->Flink) {
    const GDM_ADAPTER* adapter = CONTAINING_RECORD(entry, GDM_ADAPTER, LinkEntry);
    if (adapter->HighestVisibleAddress < lowest) lowest = adapter->HighestVisibleAddress;
  }
  return lowest;
}

VOID GdmLinkLock(GDM_LINK* Link) { KeWaitForSingleObject(&Link->Lock, Executive, KernelMode, FALSE, NULL); }

VOID GdmChannelLock(GDM_ADAPTER* Adapter) {
  KeWaitForSingleObject(&Adapter->ChannelLock, Executive, KernelMode, FALSE, NULL);
}

VOID GdmChannelUnlock(GDM_ADAPTER* Adapter) { KeSetEvent(&Adapter->ChannelLock, IO_NO_INCREMENT, FALSE); }

VOID GdmLinkLockChannels(GDM_LINK* Link) {
  for (ULONG i = 0; i < Link->Members; ++i) GdmChannelLock(GdmLinkMember(Link, i));
}

VOID GdmLinkUnlockChannels(GDM_LINK* Link) {
  for (ULONG i = Link->Members; i-- > 0;) GdmChannelUnlock(GdmLinkMember(Link, i));
}

VOID GdmLinkUnlock(GDM_LINK* Link) { KeSetEvent(&Link->Lock, IO_NO_INCREMENT, FALSE); }
