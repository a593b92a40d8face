// SPDX-License-Identifier: Apache-2.0
// DbgPrint.
#include <cstdio>
#include <string>

#include "driver-model/wdk/runtime/format.h"
#include "driver-model/wdk/runtime/runtime.h"

using gpudmar::wdk::Arguments;
using gpudmar::wdk::format_message;

namespace {

void emit(const std::string& text) {
  const gpudmar::wdk::Runtime* runtime = gpudmar::wdk::Runtime::active_or_null();
  if (runtime != nullptr) {
    runtime->debug_print(text);
  } else {
    std::fputs(text.c_str(), stderr);
  }
}

}  // namespace

extern "C" {

ULONG DbgPrint(PCSTR Format, ...) {
  Arguments arguments;
  va_start(arguments.list, Format);
  emit(format_message(Format, arguments));
  va_end(arguments.list);
  return STATUS_SUCCESS;
}

ULONG DbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, ...) {
  // Errors always; the rest would need the debugger's component masks, which this kernel has not.
  if (ComponentId != DPFLTR_IHVVIDEO_ID && Level != DPFLTR_ERROR_LEVEL) return STATUS_SUCCESS;
  Arguments arguments;
  va_start(arguments.list, Format);
  emit(format_message(Format, arguments));
  va_end(arguments.list);
  return STATUS_SUCCESS;
}

}  // extern "C"
