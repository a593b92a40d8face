// SPDX-License-Identifier: Apache-2.0
// Register access of one adapter by name of the register source.
#pragma once

#include "driver-model/hw/regs/dma_regs.h"
#include "driver-model/kmd/gdm.h"

namespace dma = gpudmar::regs::dma;

inline ULONG GdmRead32(const GDM_ADAPTER* Adapter, ULONG64 Offset) {
  return READ_REGISTER_ULONG(reinterpret_cast<volatile ULONG*>(Adapter->Registers + Offset));
}

inline ULONG64 GdmRead64(const GDM_ADAPTER* Adapter, ULONG64 Offset) {
  return READ_REGISTER_ULONG64(reinterpret_cast<volatile ULONG64*>(Adapter->Registers + Offset));
}

inline VOID GdmWrite32(const GDM_ADAPTER* Adapter, ULONG64 Offset, ULONG64 Value) {
  WRITE_REGISTER_ULONG(reinterpret_cast<volatile ULONG*>(Adapter->Registers + Offset),
                       static_cast<ULONG>(Value));
}

inline VOID GdmWrite64(const GDM_ADAPTER* Adapter, ULONG64 Offset, ULONG64 Value) {
  WRITE_REGISTER_ULONG64(reinterpret_cast<volatile ULONG64*>(Adapter->Registers + Offset), Value);
}

/// Polls of a register that has not changed, after which it is worth asking whether the device is still
/// there.
inline constexpr ULONG kGdmPollsUntilDoubt = 16;

/// Removed: nobody answers on the bus.
inline bool GdmDeviceGone(const GDM_ADAPTER* Adapter) {
  return GdmRead32(Adapter, dma::ID::kOffset) == MAXULONG;
}

/// Offset of a channel's register; Offset is channel 0's.
inline constexpr ULONG64 GdmChannelRegister(ULONG Channel, ULONG64 Offset) {
  return Offset + Channel * dma::CH_CTRL::kStride;
}
