// SPDX-License-Identifier: Apache-2.0
// Memory objects, mappings and ADLs that user mode asked for. The callers hold the link's lock.
#include "driver-model/kmd/gdm.h"

struct GDM_OBJECT {
  LIST_ENTRY Entry;  // GDM_LINK::Objects
  ULONG Id;
  HANDLE Physical;
  HANDLE Adapter;  // NULL while closed
  LIST_ENTRY Maps;
  LIST_ENTRY Adls;
};

namespace {

struct GDM_MAP {
  LIST_ENTRY Entry;  // GDM_OBJECT::Maps
  PVOID Base;
  SIZE_T Size;
  UCHAR* Data;
};

GDM_OBJECT* FindObject(GDM_LINK* Link, ULONG Id) {
  for (LIST_ENTRY* entry = Link->Objects.Flink; entry != &Link->Objects; entry = entry->Flink) {
    GDM_OBJECT* object = CONTAINING_RECORD(entry, GDM_OBJECT, Entry);
    if (object->Id == Id) return object;
  }
  return NULL;
}

template <typename T>
T* Allocate() {
  return static_cast<T*>(ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(T), kGdmPoolTag));
}

VOID Free(PVOID Block) { ExFreePoolWithTag(Block, kGdmPoolTag); }

NTSTATUS DeviceHandleOf(GDM_LINK* Link, ULONG Index, HANDLE* Handle) {
  GDM_ADAPTER* adapter = GdmLinkMember(Link, Index);
  if (adapter == NULL || !adapter->Started) return STATUS_INVALID_PARAMETER;
  *Handle = adapter->Dxgk.DeviceHandle;
  return STATUS_SUCCESS;
}

VOID Unmap(GDM_ADAPTER* Lead, GDM_OBJECT* Object, GDM_MAP* Map) {
  const DXGKARGCB_UNMAP_PHYSICAL_MEMORY unmap = {Object->Physical, Map->Base, Map->Size};
  Lead->Dxgk.DxgkCbUnmapPhysicalMemory(&unmap);
  RemoveEntryList(&Map->Entry);
  Free(Map);
}

VOID Close(GDM_ADAPTER* Lead, GDM_OBJECT* Object) {
  const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT close = {Object->Adapter};
  Lead->Dxgk.DxgkCbClosePhysicalMemoryObject(&close);
  Object->Adapter = NULL;
}

VOID Destroy(GDM_ADAPTER* Lead, GDM_OBJECT* Object) {
  const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT destroy = {Object->Physical, Object->Adapter};
  Lead->Dxgk.DxgkCbDestroyPhysicalMemoryObject(&destroy);
  RemoveEntryList(&Object->Entry);
  Free(Object);
}

VOID FillTypeArguments(const GdmCreateObject* Args, DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT* Create) {
  switch (Args->type) {
    case GDM_OBJECT_MDL:
      Create->Mdl.LowAddress.QuadPart = static_cast<LONGLONG>(Args->low);
      Create->Mdl.HighAddress.QuadPart = static_cast<LONGLONG>(Args->high);
      Create->Mdl.SkipBytes.QuadPart = static_cast<LONGLONG>(Args->step);
      Create->Mdl.Flags = Args->mdl_flags;
      break;
    case GDM_OBJECT_CONTIGUOUS:
      Create->ContiguousMemory.LowestAcceptableAddress.QuadPart = static_cast<LONGLONG>(Args->low);
      Create->ContiguousMemory.HighestAcceptableAddress.QuadPart = static_cast<LONGLONG>(Args->high);
      Create->ContiguousMemory.BoundaryAddressMultiple.QuadPart = static_cast<LONGLONG>(Args->step);
      break;
    case GDM_OBJECT_SECTION:
      Create->Section.DesiredAccess = SECTION_ALL_ACCESS;
      Create->Section.PageProtection = Args->protection;
      Create->Section.AllocationAttributes = SEC_COMMIT;
      break;
    default:
      Create->IOSpace.BaseAddress.QuadPart = static_cast<LONGLONG>(Args->low);
      break;
  }
}

}  // namespace

NTSTATUS GdmObjectCreate(GDM_ADAPTER* Lead, GdmCreateObject* Args) {
  DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT create = {};
  create.Size = Args->size;
  create.Context = Args->context;
  create.Type = static_cast<DXGK_PHYSICAL_MEMORY_TYPE>(Args->type);
  create.CacheType = static_cast<DXGK_MEMORY_CACHING_TYPE>(Args->cache);
  FillTypeArguments(Args, &create);
  NTSTATUS status = STATUS_SUCCESS;
  if (Args->with_adapter) status = DeviceHandleOf(Lead->Link, Args->adapter_index, &create.hAdapter);
  if (!NT_SUCCESS(status)) return status;

  GDM_OBJECT* object = Allocate<GDM_OBJECT>();
  if (object == NULL) return STATUS_NO_MEMORY;
  status = Lead->Dxgk.DxgkCbCreatePhysicalMemoryObject(&create);
  if (!NT_SUCCESS(status)) {
    Free(object);
    return status;
  }
  object->Id = Lead->Link->NextId++;
  object->Physical = create.hPhysicalMemoryObject;
  object->Adapter = create.hAdapterMemoryObject;
  InitializeListHead(&object->Maps);
  InitializeListHead(&object->Adls);
  InsertTailList(&Lead->Link->Objects, &object->Entry);
  Args->object = object->Id;
  return STATUS_SUCCESS;
}

NTSTATUS GdmObjectOpen(GDM_ADAPTER* Lead, const GdmObjectCommand* Args) {
  GDM_OBJECT* object = FindObject(Lead->Link, Args->object);
  if (object == NULL) return STATUS_INVALID_HANDLE;
  DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT open = {object->Physical, NULL, NULL};
  NTSTATUS status = DeviceHandleOf(Lead->Link, Args->adapter_index, &open.hAdapter);
  if (NT_SUCCESS(status)) status = Lead->Dxgk.DxgkCbOpenPhysicalMemoryObject(&open);
  if (NT_SUCCESS(status)) object->Adapter = open.hAdapterMemoryObject;
  return status;
}

NTSTATUS GdmObjectClose(GDM_ADAPTER* Lead, const GdmObjectCommand* Args) {
  GDM_OBJECT* object = FindObject(Lead->Link, Args->object);
  if (object == NULL) return STATUS_INVALID_HANDLE;
  // User mode must not be able to stop the system, which closing with live ADLs does.
  if (object->Adapter == NULL || !IsListEmpty(&object->Adls)) return STATUS_INVALID_DEVICE_STATE;
  Close(Lead, object);
  return STATUS_SUCCESS;
}

NTSTATUS GdmObjectDestroy(GDM_ADAPTER* Lead, const GdmDestroyObject* Args) {
  GDM_OBJECT* object = FindObject(Lead->Link, Args->object);
  if (object == NULL) return STATUS_INVALID_HANDLE;
  if (!IsListEmpty(&object->Adls) || !IsListEmpty(&object->Maps)) return STATUS_INVALID_DEVICE_STATE;
  if (Args->form == GDM_DESTROY_SPLIT && object->Adapter != NULL) Close(Lead, object);
  Destroy(Lead, object);
  return STATUS_SUCCESS;
}

NTSTATUS GdmObjectMap(GDM_ADAPTER* Lead, GdmMapObject* Args) {
  GDM_OBJECT* object = FindObject(Lead->Link, Args->object);
  if (object == NULL) return STATUS_INVALID_HANDLE;
  GDM_MAP* map = Allocate<GDM_MAP>();
  if (map == NULL) return STATUS_NO_MEMORY;
  DXGKARGCB_MAP_PHYSICAL_MEMORY args = {};
  args.hPhysicalMemoryObject = object->Physical;
  args.AccessMode = Args->user_mode ? DXGK_ACCESS_MODE_USER_MODE : DXGK_ACCESS_MODE_KERNEL_MODE;
  args.Offset = Args->offset;
  args.Size = Args->size;
  const NTSTATUS status = Lead->Dxgk.DxgkCbMapPhysicalMemory(&args);
  if (!NT_SUCCESS(status)) {
    Free(map);
    return status;
  }
  map->Base = args.pMappedAddress;
  map->Size = args.Size;
  map->Data = static_cast<UCHAR*>(args.pMappedAddress) + args.Offset;
  InsertTailList(&object->Maps, &map->Entry);
  Args->address = reinterpret_cast<ULONG_PTR>(map->Data);
  return STATUS_SUCCESS;
}

NTSTATUS GdmObjectUnmap(GDM_ADAPTER* Lead, const GdmMapObject* Args) {
  GDM_OBJECT* object = FindObject(Lead->Link, Args->object);
  if (object == NULL) return STATUS_INVALID_HANDLE;
  for (LIST_ENTRY* entry = object->Maps.Flink; entry != &object->Maps; entry = entry->Flink) {
    GDM_MAP* map = CONTAINING_RECORD(entry, GDM_MAP, Entry);
    if (reinterpret_cast<ULONG_PTR>(map->Data) == Args->address) {
      Unmap(Lead, object, map);
      return STATUS_SUCCESS;
    }
  }
  return STATUS_NOT_MAPPED_VIEW;
}

NTSTATUS GdmObjectAllocateAdl(GDM_ADAPTER* Lead, GdmAllocateAdl* Args) {
  GDM_OBJECT* object = FindObject(Lead->Link, Args->object);
  if (object == NULL) return STATUS_INVALID_HANDLE;
  GDM_USER_ADL* adl = Allocate<GDM_USER_ADL>();
  if (adl == NULL) return STATUS_NO_MEMORY;
  DXGKARGCB_ALLOCATE_ADL allocate = {};
  allocate.hAdapterMemoryObject = object->Adapter;
  allocate.Offset = Args->offset;
  allocate.Size = Args->size;
  allocate.Flags.RequireContiguous = (Args->flags & GDM_ADL_REQUIRE_CONTIGUOUS) != 0;
  allocate.Flags.PreferContiguous = (Args->flags & GDM_ADL_PREFER_CONTIGUOUS) != 0;
  const NTSTATUS status = Lead->Dxgk.DxgkCbAllocateAdl(&allocate);
  if (!NT_SUCCESS(status)) {
    Free(adl);
    return status;
  }
  adl->Id = Lead->Link->NextId++;
  adl->Object = object;
  adl->Adl = allocate.pAdl;
  InsertTailList(&object->Adls, &adl->Entry);
  ULONGLONG run = 0;
  Args->adl = adl->Id;
  Args->page_count = adl->Adl->PageCount;
  Args->contiguous = adl->Adl->Flags.Contiguous;
  Args->first_page = GdmAdlAddress(adl->Adl, 0, &run);
  return STATUS_SUCCESS;
}

GDM_USER_ADL* GdmObjectFindAdl(GDM_LINK* Link, ULONG Id, BOOLEAN Going) {
  for (LIST_ENTRY* o = Link->Objects.Flink; o != &Link->Objects; o = o->Flink) {
    GDM_OBJECT* object = CONTAINING_RECORD(o, GDM_OBJECT, Entry);
    for (LIST_ENTRY* a = object->Adls.Flink; a != &object->Adls; a = a->Flink) {
      GDM_USER_ADL* adl = CONTAINING_RECORD(a, GDM_USER_ADL, Entry);
      if (adl->Id == Id) return (adl->Going != FALSE) == (Going != FALSE) ? adl : NULL;
    }
  }
  return NULL;
}

VOID GdmObjectFreeAdl(GDM_ADAPTER* Lead, GDM_USER_ADL* Adl) {
  const DXGKARGCB_FREE_ADL free = {Adl->Object->Adapter, Adl->Adl};
  Lead->Dxgk.DxgkCbFreeAdl(&free);
  RemoveEntryList(&Adl->Entry);
  Free(Adl);
}

VOID GdmObjectDestroyAll(GDM_ADAPTER* Lead) {
  LIST_ENTRY* objects = &Lead->Link->Objects;
  while (!IsListEmpty(objects)) {
    GDM_OBJECT* object = CONTAINING_RECORD(objects->Flink, GDM_OBJECT, Entry);
    while (!IsListEmpty(&object->Adls)) {
      GdmObjectFreeAdl(Lead, CONTAINING_RECORD(object->Adls.Flink, GDM_USER_ADL, Entry));
    }
    while (!IsListEmpty(&object->Maps)) {
      Unmap(Lead, object, CONTAINING_RECORD(object->Maps.Flink, GDM_MAP, Entry));
    }
    Destroy(Lead, object);
  }
}
