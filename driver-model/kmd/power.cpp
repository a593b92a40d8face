// SPDX-License-Identifier: Apache-2.0
// Power states: what the driver keeps in local memory is saved before they take it, and comes back after
// them. The GPU copies all of it at once, or, where the system has no memory for that, in pieces through a
// page of the driver's own.
#include "driver-model/kmd/hardware.h"

namespace {

constexpr SIZE_T kPiece = PAGE_SIZE;

GDM_ADAPTER* LeadOf(GDM_LINK* Link) {
  for (LIST_ENTRY* entry = Link->Adapters.Flink; entry != &Link->Adapters; entry = entry->Flink) {
    GDM_ADAPTER* adapter = CONTAINING_RECORD(entry, GDM_ADAPTER, LinkEntry);
    if (adapter->Lead) return adapter;
  }
  return NULL;
}

GDM_OPERAND Local(ULONGLONG Offset) { return {dma::space::VRAM, NULL, Offset}; }

GDM_OPERAND Memory(const DXGK_ADL* Adl) { return {dma::space::LOGICAL, Adl, 0}; }

NTSTATUS Move(GDM_ADAPTER* Adapter, const GDM_OPERAND& Source, const GDM_OPERAND& Destination, SIZE_T Size) {
  ULONG descriptors = 0;
  ULONG64 fence = 0;
  GdmChannelError error = {};
  NTSTATUS status = GdmRingCopy(Adapter, &Source, &Destination, Size, false, &descriptors);
  if (NT_SUCCESS(status)) status = GdmRingFence(Adapter, &fence);
  if (!NT_SUCCESS(status)) return status;
  GdmRingDoorbell(Adapter);
  return GdmRingWait(Adapter, fence, Size, &error);
}

NTSTATUS MoveAtOnce(GDM_ADAPTER* Adapter, const GDM_ADAPTER* Lead, const DXGK_ADL* Adl, bool Save) {
  const NTSTATUS status = Save ? Move(Adapter, Local(0), Memory(Adl), Adapter->SaveSize)
                               : Move(Adapter, Memory(Adl), Local(0), Adapter->SaveSize);
  const DXGKARGCB_UNPINFRAMEBUFFERFORSAVE unpin = {Adapter->Index};
  const NTSTATUS unpinned = Lead->Dxgk.DxgkCbUnpinFrameBufferForSave(Lead->Dxgk.DeviceHandle, &unpin);
  return NT_SUCCESS(status) ? unpinned : status;
}

// One piece, between its place in local memory and the system's view of it.
NTSTATUS MovePiece(GDM_ADAPTER* Adapter, UCHAR* View, SIZE_T Offset, SIZE_T Size, bool Save) {
  GDM_MEMORY& buffer = Adapter->SaveBuffer;
  if (Save) {
    const NTSTATUS status = Move(Adapter, Local(Offset), Memory(buffer.Adl), Size);
    if (NT_SUCCESS(status)) RtlCopyMemory(View, buffer.Data, Size);
    return status;
  }
  RtlCopyMemory(buffer.Data, View, Size);
  KeMemoryBarrier();
  return Move(Adapter, Memory(buffer.Adl), Local(Offset), Size);
}

NTSTATUS MoveInPieces(GDM_ADAPTER* Adapter, const GDM_ADAPTER* Lead, bool Save) {
  const DXGKRNL_INTERFACE& dxgk = Lead->Dxgk;
  NTSTATUS status = STATUS_SUCCESS;
  for (SIZE_T offset = 0; NT_SUCCESS(status) && offset < Adapter->SaveSize; offset += kPiece) {
    const SIZE_T size = Adapter->SaveSize - offset < kPiece ? Adapter->SaveSize - offset : kPiece;
    DXGKARGCB_MAPFRAMEBUFFERPOINTER map = {};
    map.PhysicalAdapterIndex = Adapter->Index;
    map.Size = size;
    map.Offset = offset;
    status = dxgk.DxgkCbMapFrameBufferPointer(dxgk.DeviceHandle, &map);
    if (!NT_SUCCESS(status)) break;
    status = MovePiece(Adapter, static_cast<UCHAR*>(map.pBaseAddress) + map.Offset, offset, size, Save);
    const DXGKARGCB_UNMAPFRAMEBUFFERPOINTER unmap = {Adapter->Index, map.pBaseAddress};
    const NTSTATUS unmapped = dxgk.DxgkCbUnmapFrameBufferPointer(dxgk.DeviceHandle, &unmap);
    if (NT_SUCCESS(status)) status = unmapped;
  }
  return status;
}

NTSTATUS MoveFrameBuffer(GDM_ADAPTER* Adapter, bool Save) {
  const GDM_ADAPTER* lead = LeadOf(Adapter->Link);
  if (lead == NULL) return STATUS_INVALID_DEVICE_STATE;
  DXGKARGCB_PINFRAMEBUFFERFORSAVE2 pin = {};
  pin.PhysicalAdapterIndex = Adapter->Index;
  pin.CommitSize = Adapter->SaveSize;
  pin.Flags.PreferContiguous = 1;
  const NTSTATUS status = lead->Dxgk.DxgkCbPinFrameBufferForSave2(lead->Dxgk.DeviceHandle, &pin);
  return NT_SUCCESS(status) ? MoveAtOnce(Adapter, lead, pin.pAdl, Save) : MoveInPieces(Adapter, lead, Save);
}

}  // namespace

NTSTATUS GdmSaveCreate(GDM_ADAPTER* Adapter) {
  Adapter->SaveSize = GdmParameters.FrameBufferSave;
  Adapter->Saved = FALSE;
  if (Adapter->SaveSize == 0) return STATUS_SUCCESS;
  // A system before WDDM 2.9 has no such list; its tables end earlier.
  if (Adapter->Dxgk.DxgkCbPinFrameBufferForSave2 == NULL || Adapter->SaveSize > GdmVramSegmentBase(Adapter) ||
      Adapter->SaveSize % PAGE_SIZE != 0) {
    Adapter->SaveSize = 0;
    return STATUS_INVALID_PARAMETER;
  }
  return GdmMemoryCreate(Adapter, kPiece, false, &Adapter->SaveBuffer);
}

VOID GdmSaveDestroy(GDM_ADAPTER* Adapter) { GdmMemoryDestroy(Adapter, &Adapter->SaveBuffer); }

// Neither direction may fail (E3): what could not be saved is lost, and nothing else is put in its place.
VOID GdmPowerDown(GDM_ADAPTER* Adapter) {
  if (Adapter->SaveSize != 0 && !Adapter->Saved) {
    const NTSTATUS status = MoveFrameBuffer(Adapter, true);
    Adapter->Saved = NT_SUCCESS(status);
    if (!Adapter->Saved)
      DbgPrint("gdmkmd: adapter %u: local memory is lost, status %x\n", Adapter->Index, status);
  }
  GdmDeviceQuiesce(Adapter);
}

VOID GdmPowerUp(GDM_ADAPTER* Adapter) {
  GdmDeviceResume(Adapter);
  if (!Adapter->Saved) return;
  const NTSTATUS status = MoveFrameBuffer(Adapter, false);
  if (!NT_SUCCESS(status))
    DbgPrint("gdmkmd: adapter %u: local memory does not come back, status %x\n", Adapter->Index, status);
  Adapter->Saved = FALSE;
}
