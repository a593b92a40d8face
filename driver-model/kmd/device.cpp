// SPDX-License-Identifier: Apache-2.0
// The function as a whole: resources, registers, interrupts, start and stop.
#include "driver-model/kmd/hardware.h"

namespace {

constexpr ULONG kMagic = 0x414D4447;  // 'GDMA'
constexpr ULONG kVersionMajor = 2;
constexpr ULONG kRegisterBytes = PAGE_SIZE;
constexpr ULONG kIdlePolls = 10000;  // of about a microsecond

// BAR 0 is the first memory resource.
const CM_PARTIAL_RESOURCE_DESCRIPTOR* FindRegisters(const CM_RESOURCE_LIST* Resources) {
  if (Resources == NULL || Resources->Count == 0) return NULL;
  const CM_PARTIAL_RESOURCE_LIST& list = Resources->List[0].PartialResourceList;
  for (ULONG i = 0; i < list.Count; ++i) {
    if (list.PartialDescriptors[i].Type == CmResourceTypeMemory) return &list.PartialDescriptors[i];
  }
  return NULL;
}

// The device behind the registers is the one this driver was written for, and drives what the driver
// promised.
NTSTATUS CheckDevice(GDM_ADAPTER* Adapter) {
  const ULONG id = GdmRead32(Adapter, dma::ID::kOffset);
  const ULONG version = GdmRead32(Adapter, dma::VERSION::kOffset);
  if (id != kMagic || dma::VERSION::MAJOR.get(version) != kVersionMajor) {
    DbgPrint("gdmkmd: adapter %u: id %x, version %x is not this driver's device\n", Adapter->Index, id,
             version);
    return STATUS_DEVICE_CONFIGURATION_ERROR;
  }
  const ULONG64 caps = GdmRead64(Adapter, dma::CAPS::kOffset);
  const ULONG64 bits = dma::CAPS::ADDR_BITS.get(caps);
  const ULONGLONG reach = bits >= 64 ? MAXULONG64 : (1ull << bits) - 1;
  if (reach < Adapter->HighestVisibleAddress) {
    DbgPrint("gdmkmd: adapter %u drives %I64u address bits, the driver promised addresses up to %I64x\n",
             Adapter->Index, bits, Adapter->HighestVisibleAddress);
    return STATUS_DEVICE_CONFIGURATION_ERROR;
  }
  Adapter->VramSize = 1ull << dma::CAPS::VRAM_BITS.get(caps);
  Adapter->Channels = static_cast<ULONG>(dma::CAPS::CHANNELS.get(caps));
  return STATUS_SUCCESS;
}

VOID EnableInterrupts(GDM_ADAPTER* Adapter) {
  const ULONG64 causes = dma::INT_ENABLE::FENCE.put(1) | dma::INT_ENABLE::ERROR.put(1);
  GdmWrite32(Adapter, dma::INT_STATUS::kOffset, causes);  // whatever an earlier owner left
  GdmWrite32(Adapter, dma::INT_ENABLE::kOffset, causes);
}

}  // namespace

NTSTATUS GdmDeviceStart(GDM_ADAPTER* Adapter) {
  const DXGKRNL_INTERFACE& dxgk = Adapter->Dxgk;
  NTSTATUS status = dxgk.DxgkCbGetDeviceInformation(dxgk.DeviceHandle, &Adapter->DeviceInfo);
  if (!NT_SUCCESS(status)) return status;
  const CM_PARTIAL_RESOURCE_DESCRIPTOR* bar = FindRegisters(Adapter->DeviceInfo.TranslatedResourceList);
  if (bar == NULL || bar->u.Memory.Length < kRegisterBytes) return STATUS_DEVICE_CONFIGURATION_ERROR;
  PHYSICAL_ADDRESS base;
  base.QuadPart = bar->u.Memory.Start.QuadPart;  // a copy: the descriptor is packed
  PVOID registers = NULL;
  status = dxgk.DxgkCbMapMemory(dxgk.DeviceHandle, base, bar->u.Memory.Length, FALSE, FALSE, MmNonCached,
                                &registers);
  if (!NT_SUCCESS(status)) return status;
  Adapter->Registers = static_cast<UCHAR*>(registers);

  KeInitializeEvent(&Adapter->WorkEvent, SynchronizationEvent, FALSE);
  Adapter->PendingCauses = 0;
  status = CheckDevice(Adapter);
  if (NT_SUCCESS(status)) status = GdmRingCreate(Adapter);
  if (NT_SUCCESS(status)) status = GdmPagingCreate(Adapter);
  if (NT_SUCCESS(status)) status = GdmSaveCreate(Adapter);
  if (NT_SUCCESS(status)) {
    EnableInterrupts(Adapter);
  } else {
    GdmDeviceStop(Adapter);
  }
  return status;
}

NTSTATUS GdmDeviceResume(GDM_ADAPTER* Adapter) {
  const NTSTATUS status = GdmRingRestart(Adapter);
  if (!NT_SUCCESS(status)) return status;
  GdmPagingResume(Adapter);
  EnableInterrupts(Adapter);
  return status;
}

VOID GdmDeviceReset(GDM_ADAPTER* Adapter) {
  if (Adapter->Registers == NULL) return;
  GdmWrite32(Adapter, dma::CH_CTRL::kOffset, 0);
  if (Adapter->Paging.Present) GdmWrite32(Adapter, GdmChannelRegister(1, dma::CH_CTRL::kOffset), 0);
  GdmWrite32(Adapter, dma::INT_ENABLE::kOffset, 0);
}

NTSTATUS GdmDeviceQuiesce(GDM_ADAPTER* Adapter) {
  if (Adapter->Registers == NULL) return STATUS_SUCCESS;
  GdmDeviceReset(Adapter);
  // RESET drains: when it reads 0 again nothing is in flight.
  GdmWrite32(Adapter, dma::CH_CTRL::kOffset, dma::CH_CTRL::RESET.put(1));
  for (ULONG polls = 0; dma::CH_CTRL::RESET.get(GdmRead32(Adapter, dma::CH_CTRL::kOffset)) != 0; ++polls) {
    // What is not there makes no request either.
    if (polls == kGdmPollsUntilDoubt && GdmDeviceGone(Adapter)) return STATUS_SUCCESS;
    if (polls == kIdlePolls) {
      DbgPrint("gdmkmd: adapter %u does not become idle\n", Adapter->Index);
      return STATUS_IO_TIMEOUT;
    }
    KeStallExecutionProcessor(1);
  }
  return GdmPagingQuiesce(Adapter);
}

VOID GdmDeviceStop(GDM_ADAPTER* Adapter) {
  if (Adapter->Registers == NULL) return;
  GdmDeviceQuiesce(Adapter);
  GdmSaveDestroy(Adapter);
  GdmPagingDestroy(Adapter);
  GdmRingDestroy(Adapter);
  Adapter->Dxgk.DxgkCbUnmapMemory(Adapter->Dxgk.DeviceHandle, Adapter->Registers);
  Adapter->Registers = NULL;
}

BOOLEAN GdmDeviceInterrupt(GDM_ADAPTER* Adapter) {
  if (Adapter->Registers == NULL) return FALSE;
  const ULONG causes = GdmRead32(Adapter, dma::INT_STATUS::kOffset);
  if (causes == 0) return FALSE;
  GdmWrite32(Adapter, dma::INT_STATUS::kOffset, causes);
  if (Adapter->Paging.Present) {
    // Cleared behind INT_STATUS, so that a cause in between is kept by that.
    GdmWrite32(Adapter, dma::INT_CHANNELS::kOffset, GdmRead32(Adapter, dma::INT_CHANNELS::kOffset));
    GdmPagingInterrupt(Adapter, causes);
  }
  InterlockedOr(&Adapter->PendingCauses, static_cast<LONG>(causes));
  Adapter->Dxgk.DxgkCbQueueDpc(Adapter->Dxgk.DeviceHandle);
  return TRUE;
}

VOID GdmDeviceDpc(GDM_ADAPTER* Adapter) {
  GdmPagingDpc(Adapter);
  const auto causes = static_cast<ULONG>(InterlockedExchange(&Adapter->PendingCauses, 0));
  if (causes == 0) return;
  if (dma::INT_STATUS::ERROR.get(causes) != 0) InterlockedExchange(&Adapter->ErrorSeen, 1);
  KeSetEvent(&Adapter->WorkEvent, IO_NO_INCREMENT, FALSE);
}
