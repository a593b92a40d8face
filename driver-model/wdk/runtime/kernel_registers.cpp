// SPDX-License-Identifier: Apache-2.0
// READ_REGISTER_* and WRITE_REGISTER_*: addresses inside a mapped window go to the device, others to memory.
#include <fmt/format.h>

#include <string>

#include "driver-model/wdk/runtime/runtime.h"

using gpudmar::wdk::Runtime;

namespace {

Runtime::RegisterPlace find(const volatile void* address) {
  const Runtime* runtime = Runtime::active_or_null();
  return runtime == nullptr ? Runtime::RegisterPlace() : runtime->find_register(address);
}

// Whoever watches the kernel's routines learns the place; the others have none.
[[noreturn]] void refuse(const std::string& what) {
  (void)Runtime::enter("READ_REGISTER and WRITE_REGISTER");
  throw gpudmar::hw::HardwareError(what);
}

template <typename T>
T read_small(volatile T* address) {
  const Runtime::RegisterPlace place = find(address);
  if (place.mmio == nullptr) {
    KeMemoryBarrier();
    return *address;
  }
  // Reads of part of a register: hw::Mmio has whole ones only.
  const std::uint64_t byte = place.offset % 4;
  if (byte % sizeof(T) != 0) {
    refuse(fmt::format("misaligned register read at offset {:#x}", place.offset));
  }
  return static_cast<T>(place.mmio->read32(place.offset - byte) >> (8 * byte));
}

template <typename T>
void write_small(volatile T* address, T value) {
  const Runtime::RegisterPlace place = find(address);
  if (place.mmio != nullptr) {
    // A read-modify-write would clear write-1-to-clear bits next to it, so it is refused instead.
    refuse(fmt::format("a {}-byte write to register offset {:#x}: only 4 and 8 bytes reach the bus",
                       sizeof(T), place.offset));
  }
  *address = value;
  KeMemoryBarrier();
}

}  // namespace

extern "C" {

UCHAR READ_REGISTER_UCHAR(volatile UCHAR* Register) { return read_small(Register); }
USHORT READ_REGISTER_USHORT(volatile USHORT* Register) { return read_small(Register); }

ULONG READ_REGISTER_ULONG(volatile ULONG* Register) {
  const Runtime::RegisterPlace place = find(Register);
  if (place.mmio != nullptr) return place.mmio->read32(place.offset);
  KeMemoryBarrier();
  return *Register;
}

ULONG64 READ_REGISTER_ULONG64(volatile ULONG64* Register) {
  const Runtime::RegisterPlace place = find(Register);
  if (place.mmio != nullptr) return place.mmio->read64(place.offset);
  KeMemoryBarrier();
  return *Register;
}

VOID WRITE_REGISTER_UCHAR(volatile UCHAR* Register, UCHAR Value) { write_small(Register, Value); }
VOID WRITE_REGISTER_USHORT(volatile USHORT* Register, USHORT Value) { write_small(Register, Value); }

VOID WRITE_REGISTER_ULONG(volatile ULONG* Register, ULONG Value) {
  const Runtime::RegisterPlace place = find(Register);
  if (place.mmio != nullptr) {
    place.mmio->write32(place.offset, Value);
    return;
  }
  *Register = Value;
  KeMemoryBarrier();
}

VOID WRITE_REGISTER_ULONG64(volatile ULONG64* Register, ULONG64 Value) {
  const Runtime::RegisterPlace place = find(Register);
  if (place.mmio != nullptr) {
    place.mmio->write64(place.offset, Value);
    return;
  }
  *Register = Value;
  KeMemoryBarrier();
}

VOID READ_REGISTER_BUFFER_UCHAR(volatile UCHAR* Register, PUCHAR Buffer, ULONG Count) {
  for (ULONG i = 0; i < Count; ++i) Buffer[i] = READ_REGISTER_UCHAR(Register + i);
}

VOID WRITE_REGISTER_BUFFER_UCHAR(volatile UCHAR* Register, PUCHAR Buffer, ULONG Count) {
  for (ULONG i = 0; i < Count; ++i) WRITE_REGISTER_UCHAR(Register + i, Buffer[i]);
}

VOID READ_REGISTER_BUFFER_USHORT(volatile USHORT* Register, PUSHORT Buffer, ULONG Count) {
  for (ULONG i = 0; i < Count; ++i) Buffer[i] = READ_REGISTER_USHORT(Register + i);
}

VOID WRITE_REGISTER_BUFFER_USHORT(volatile USHORT* Register, PUSHORT Buffer, ULONG Count) {
  for (ULONG i = 0; i < Count; ++i) WRITE_REGISTER_USHORT(Register + i, Buffer[i]);
}

VOID READ_REGISTER_BUFFER_ULONG(volatile ULONG* Register, PULONG Buffer, ULONG Count) {
  for (ULONG i = 0; i < Count; ++i) Buffer[i] = READ_REGISTER_ULONG(Register + i);
}

VOID WRITE_REGISTER_BUFFER_ULONG(volatile ULONG* Register, PULONG Buffer, ULONG Count) {
  for (ULONG i = 0; i < Count; ++i) WRITE_REGISTER_ULONG(Register + i, Buffer[i]);
}

VOID READ_REGISTER_BUFFER_ULONG64(volatile ULONG64* Register, PULONG64 Buffer, ULONG Count) {
  for (ULONG i = 0; i < Count; ++i) Buffer[i] = READ_REGISTER_ULONG64(Register + i);
}

VOID WRITE_REGISTER_BUFFER_ULONG64(volatile ULONG64* Register, PULONG64 Buffer, ULONG Count) {
  for (ULONG i = 0; i < Count; ++i) WRITE_REGISTER_ULONG64(Register + i, Buffer[i]);
}

}  // extern "C"
