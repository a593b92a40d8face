// SPDX-License-Identifier: Apache-2.0
// READ_PORT_* and WRITE_PORT_*: nothing answers in the I/O space of this machine, so that reads see the idle
// bus and writes are lost. The driver is told once for each port.
#include <fmt/format.h>

#include "driver-model/wdk/runtime/kernel_objects.h"

using gpudmar::wdk::Runtime;

namespace {

void note(const char* routine, const void* port) {
  Runtime& runtime = Runtime::enter(routine);
  if (runtime.objects().ports_told.insert(reinterpret_cast<std::uintptr_t>(port)).second) {
    runtime.debug_print(fmt::format("{}: nothing answers at port {:#x}; this machine has no I/O space\n",
                                    routine, reinterpret_cast<std::uintptr_t>(port)));
  }
}

template <typename T>
T read(const char* routine, const T* port) {
  note(routine, port);
  return static_cast<T>(~T{0});
}

template <typename T>
void read_all(const char* routine, const T* port, T* buffer, ULONG count) {
  note(routine, port);
  for (ULONG i = 0; i < count; ++i) buffer[i] = static_cast<T>(~T{0});
}

}  // namespace

extern "C" {

UCHAR READ_PORT_UCHAR(PUCHAR Port) { return read("READ_PORT_UCHAR", Port); }
USHORT READ_PORT_USHORT(PUSHORT Port) { return read("READ_PORT_USHORT", Port); }
ULONG READ_PORT_ULONG(PULONG Port) { return read("READ_PORT_ULONG", Port); }
VOID WRITE_PORT_UCHAR(PUCHAR Port, UCHAR) { note("WRITE_PORT_UCHAR", Port); }
VOID WRITE_PORT_USHORT(PUSHORT Port, USHORT) { note("WRITE_PORT_USHORT", Port); }
VOID WRITE_PORT_ULONG(PULONG Port, ULONG) { note("WRITE_PORT_ULONG", Port); }

VOID READ_PORT_BUFFER_UCHAR(PUCHAR Port, PUCHAR Buffer, ULONG Count) {
  read_all("READ_PORT_BUFFER_UCHAR", Port, Buffer, Count);
}
VOID READ_PORT_BUFFER_USHORT(PUSHORT Port, PUSHORT Buffer, ULONG Count) {
  read_all("READ_PORT_BUFFER_USHORT", Port, Buffer, Count);
}
VOID READ_PORT_BUFFER_ULONG(PULONG Port, PULONG Buffer, ULONG Count) {
  read_all("READ_PORT_BUFFER_ULONG", Port, Buffer, Count);
}
VOID WRITE_PORT_BUFFER_UCHAR(PUCHAR Port, PUCHAR, ULONG) { note("WRITE_PORT_BUFFER_UCHAR", Port); }
VOID WRITE_PORT_BUFFER_USHORT(PUSHORT Port, PUSHORT, ULONG) { note("WRITE_PORT_BUFFER_USHORT", Port); }
VOID WRITE_PORT_BUFFER_ULONG(PULONG Port, PULONG, ULONG) { note("WRITE_PORT_BUFFER_ULONG", Port); }

}  // extern "C"
