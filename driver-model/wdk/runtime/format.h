// SPDX-License-Identifier: Apache-2.0
// The kernel's printf: %wZ, %Z, %ws, %ls, %hs, %S, %wc, the I64, I32, I, h, l, w and z prefixes.
#pragma once

#include <cstdarg>
#include <string>

#include "wdm.h"

namespace gpudmar::wdk {

/// va_list is an array type on this ABI; the wrapper lets the helpers advance the caller's.
struct Arguments {
  va_list list;
};

/// Strings of the other width are converted: what ASCII has not becomes '?', bytes become the first 256
/// characters.
[[nodiscard]] std::string format_message(const char* format, Arguments& arguments);
[[nodiscard]] std::basic_string<WCHAR> format_message(const WCHAR* format, Arguments& arguments);

}  // namespace gpudmar::wdk
