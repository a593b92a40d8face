// SPDX-License-Identifier: Apache-2.0
// The driver's own memory, and arithmetic on ADLs.
#include "driver-model/kmd/gdm.h"

NTSTATUS GdmMemoryCreate(GDM_ADAPTER* Adapter, SIZE_T Size, bool Contiguous, GDM_MEMORY* Memory) {
  const DXGKRNL_INTERFACE& dxgk = Adapter->Dxgk;
  *Memory = {};
  Memory->Size = ROUND_TO_PAGES(Size);

  DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT create = {};
  create.hAdapter = dxgk.DeviceHandle;
  create.Size = Memory->Size;
  create.Context = reinterpret_cast<ULONG_PTR>(Adapter);
  create.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
  // No limit to the physical address: either the device never sees it, or it drives all of them.
  if (Contiguous) {
    create.Type = DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY;
    create.ContiguousMemory.HighestAcceptableAddress.QuadPart = -1;
  } else {
    create.Type = DXGK_PHYSICAL_MEMORY_TYPE_MDL;
    create.Mdl.HighAddress.QuadPart = -1;
    create.Mdl.Flags = MM_ALLOCATE_FULLY_REQUIRED;
  }
  NTSTATUS status = dxgk.DxgkCbCreatePhysicalMemoryObject(&create);
  if (!NT_SUCCESS(status)) return status;
  Memory->Physical = create.hPhysicalMemoryObject;
  Memory->Adapter = create.hAdapterMemoryObject;

  DXGKARGCB_MAP_PHYSICAL_MEMORY map = {};
  map.hPhysicalMemoryObject = Memory->Physical;
  map.AccessMode = DXGK_ACCESS_MODE_KERNEL_MODE;
  map.Size = Memory->Size;
  status = dxgk.DxgkCbMapPhysicalMemory(&map);
  if (NT_SUCCESS(status)) {
    Memory->MapBase = map.pMappedAddress;
    Memory->MapSize = map.Size;
    Memory->Data = static_cast<UCHAR*>(map.pMappedAddress) + map.Offset;

    DXGKARGCB_ALLOCATE_ADL allocate = {};
    allocate.hAdapterMemoryObject = Memory->Adapter;
    allocate.Size = Memory->Size;
    allocate.Flags.RequireContiguous = Contiguous ? 1 : 0;
    allocate.Flags.PreferContiguous = Contiguous ? 0 : 1;
    status = dxgk.DxgkCbAllocateAdl(&allocate);
    Memory->Adl = allocate.pAdl;
  }
  if (!NT_SUCCESS(status)) {
    Memory->Adl = NULL;
    GdmMemoryDestroy(Adapter, Memory);
  }
  return status;
}

VOID GdmMemoryDestroy(GDM_ADAPTER* Adapter, GDM_MEMORY* Memory) {
  const DXGKRNL_INTERFACE& dxgk = Adapter->Dxgk;
  if (Memory->Physical == NULL) return;
  if (Memory->Adl != NULL) {
    const DXGKARGCB_FREE_ADL free = {Memory->Adapter, Memory->Adl};
    dxgk.DxgkCbFreeAdl(&free);
  }
  if (Memory->MapBase != NULL) {
    const DXGKARGCB_UNMAP_PHYSICAL_MEMORY unmap = {Memory->Physical, Memory->MapBase, Memory->MapSize};
    dxgk.DxgkCbUnmapPhysicalMemory(&unmap);
  }
  const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT destroy = {Memory->Physical, Memory->Adapter};
  dxgk.DxgkCbDestroyPhysicalMemoryObject(&destroy);
  *Memory = {};
}

ULONGLONG GdmAdlAddress(const DXGK_ADL* Adl, ULONGLONG Offset, ULONGLONG* Run) {
  const ULONGLONG page = Offset >> PAGE_SHIFT;
  const ULONGLONG inside = Offset & (PAGE_SIZE - 1);
  const ULONGLONG rest = (ULONGLONG{Adl->PageCount} << PAGE_SHIFT) - Offset;
  if (Adl->Flags.Contiguous) {
    *Run = rest;
    return (ULONGLONG{Adl->BasePageNumber} << PAGE_SHIFT) + Offset;
  }
  ULONGLONG pages = 1;
  while (page + pages < Adl->PageCount && Adl->Pages[page + pages] == Adl->Pages[page] + pages) ++pages;
  *Run = (pages << PAGE_SHIFT) - inside;
  return (ULONGLONG{Adl->Pages[page]} << PAGE_SHIFT) + inside;
}
