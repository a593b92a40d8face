// SPDX-License-Identifier: Apache-2.0
// Strings that end within their buffers (ntstrsafe.h).
#include <algorithm>
#include <string>

#include "driver-model/wdk/runtime/format.h"
#include "driver-model/wdk/runtime/runtime.h"
#include "ntstrsafe.h"

using gpudmar::wdk::Arguments;
using gpudmar::wdk::Runtime;

namespace {

bool is_size(std::size_t count) { return count != 0 && count <= NTSTRSAFE_MAX_CCH; }

// Characters before the terminator, or `most`.
template <typename Char>
std::size_t length_within(const Char* text, std::size_t most) {
  std::size_t count = 0;
  while (count < most && text[count] != 0) ++count;
  return count;
}

// Of the first `most` characters of `text`, what fits.
template <typename Char>
NTSTATUS copy(Char* to, std::size_t room, const Char* text, std::size_t most) {
  if (!is_size(room) || to == nullptr || text == nullptr) return STATUS_INVALID_PARAMETER;
  if (most > NTSTRSAFE_MAX_LENGTH) {
    *to = 0;
    return STATUS_INVALID_PARAMETER;
  }
  // One more than there is room for tells that it is cut off.
  const std::size_t count = length_within(text, std::min(most, room));
  const std::size_t fits = std::min(count, room - 1);
  std::copy_n(text, fits, to);
  to[fits] = 0;
  return fits == count ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW;
}

template <typename Char>
NTSTATUS append(Char* to, std::size_t room, const Char* text, std::size_t most) {
  if (!is_size(room) || to == nullptr || text == nullptr || most > NTSTRSAFE_MAX_LENGTH)
    return STATUS_INVALID_PARAMETER;
  const std::size_t used = length_within(to, room);
  return used == room ? STATUS_INVALID_PARAMETER : copy(to + used, room - used, text, most);
}

template <typename Char>
NTSTATUS print(Char* to, std::size_t room, const Char* format, va_list list, const char* routine) {
  Runtime::enter(routine).require_at_most(PASSIVE_LEVEL, routine);
  if (!is_size(room) || to == nullptr || format == nullptr) return STATUS_INVALID_PARAMETER;
  Arguments arguments;
  va_copy(arguments.list, list);
  const std::basic_string<Char> text = gpudmar::wdk::format_message(format, arguments);
  va_end(arguments.list);
  const std::size_t fits = std::min(text.size(), room - 1);
  std::copy_n(text.data(), fits, to);
  to[fits] = 0;
  return fits == text.size() ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW;
}

template <typename Char>
NTSTATUS measure(const Char* text, std::size_t most, std::size_t* length, std::size_t unit) {
  if (length != nullptr) *length = 0;
  if (text == nullptr || most > NTSTRSAFE_MAX_CCH) return STATUS_INVALID_PARAMETER;
  const std::size_t count = length_within(text, most);
  if (count == most) return STATUS_INVALID_PARAMETER;
  if (length != nullptr) *length = count * unit;
  return STATUS_SUCCESS;
}

constexpr std::size_t kW = sizeof(WCHAR);

}  // namespace

extern "C" {

NTSTATUS RtlStringCchCopyA(NTSTRSAFE_PSTR pszDest, size_t cchDest, NTSTRSAFE_PCSTR pszSrc) {
  return copy(pszDest, cchDest, pszSrc, NTSTRSAFE_MAX_LENGTH);
}
NTSTATUS RtlStringCchCopyW(NTSTRSAFE_PWSTR pszDest, size_t cchDest, NTSTRSAFE_PCWSTR pszSrc) {
  return copy(pszDest, cchDest, pszSrc, NTSTRSAFE_MAX_LENGTH);
}
NTSTATUS RtlStringCbCopyA(NTSTRSAFE_PSTR pszDest, size_t cbDest, NTSTRSAFE_PCSTR pszSrc) {
  return copy(pszDest, cbDest, pszSrc, NTSTRSAFE_MAX_LENGTH);
}
NTSTATUS RtlStringCbCopyW(NTSTRSAFE_PWSTR pszDest, size_t cbDest, NTSTRSAFE_PCWSTR pszSrc) {
  return copy(pszDest, cbDest / kW, pszSrc, NTSTRSAFE_MAX_LENGTH);
}
NTSTATUS RtlStringCchCopyNA(NTSTRSAFE_PSTR pszDest, size_t cchDest, NTSTRSAFE_PCSTR pszSrc,
                            size_t cchToCopy) {
  return copy(pszDest, cchDest, pszSrc, cchToCopy);
}
NTSTATUS RtlStringCchCopyNW(NTSTRSAFE_PWSTR pszDest, size_t cchDest, NTSTRSAFE_PCWSTR pszSrc,
                            size_t cchToCopy) {
  return copy(pszDest, cchDest, pszSrc, cchToCopy);
}
NTSTATUS RtlStringCbCopyNA(NTSTRSAFE_PSTR pszDest, size_t cbDest, NTSTRSAFE_PCSTR pszSrc, size_t cbToCopy) {
  return copy(pszDest, cbDest, pszSrc, cbToCopy);
}
NTSTATUS RtlStringCbCopyNW(NTSTRSAFE_PWSTR pszDest, size_t cbDest, NTSTRSAFE_PCWSTR pszSrc, size_t cbToCopy) {
  return copy(pszDest, cbDest / kW, pszSrc, cbToCopy / kW);
}

NTSTATUS RtlStringCchCatA(NTSTRSAFE_PSTR pszDest, size_t cchDest, NTSTRSAFE_PCSTR pszSrc) {
  return append(pszDest, cchDest, pszSrc, NTSTRSAFE_MAX_LENGTH);
}
NTSTATUS RtlStringCchCatW(NTSTRSAFE_PWSTR pszDest, size_t cchDest, NTSTRSAFE_PCWSTR pszSrc) {
  return append(pszDest, cchDest, pszSrc, NTSTRSAFE_MAX_LENGTH);
}
NTSTATUS RtlStringCbCatA(NTSTRSAFE_PSTR pszDest, size_t cbDest, NTSTRSAFE_PCSTR pszSrc) {
  return append(pszDest, cbDest, pszSrc, NTSTRSAFE_MAX_LENGTH);
}
NTSTATUS RtlStringCbCatW(NTSTRSAFE_PWSTR pszDest, size_t cbDest, NTSTRSAFE_PCWSTR pszSrc) {
  return append(pszDest, cbDest / kW, pszSrc, NTSTRSAFE_MAX_LENGTH);
}
NTSTATUS RtlStringCchCatNA(NTSTRSAFE_PSTR pszDest, size_t cchDest, NTSTRSAFE_PCSTR pszSrc,
                           size_t cchToAppend) {
  return append(pszDest, cchDest, pszSrc, cchToAppend);
}
NTSTATUS RtlStringCchCatNW(NTSTRSAFE_PWSTR pszDest, size_t cchDest, NTSTRSAFE_PCWSTR pszSrc,
                           size_t cchToAppend) {
  return append(pszDest, cchDest, pszSrc, cchToAppend);
}
NTSTATUS RtlStringCbCatNA(NTSTRSAFE_PSTR pszDest, size_t cbDest, NTSTRSAFE_PCSTR pszSrc, size_t cbToAppend) {
  return append(pszDest, cbDest, pszSrc, cbToAppend);
}
NTSTATUS RtlStringCbCatNW(NTSTRSAFE_PWSTR pszDest, size_t cbDest, NTSTRSAFE_PCWSTR pszSrc,
                          size_t cbToAppend) {
  return append(pszDest, cbDest / kW, pszSrc, cbToAppend / kW);
}

NTSTATUS RtlStringCchVPrintfA(NTSTRSAFE_PSTR pszDest, size_t cchDest, NTSTRSAFE_PCSTR pszFormat,
                              va_list argList) {
  return print(pszDest, cchDest, pszFormat, argList, "RtlStringCchVPrintfA");
}
NTSTATUS RtlStringCchVPrintfW(NTSTRSAFE_PWSTR pszDest, size_t cchDest, NTSTRSAFE_PCWSTR pszFormat,
                              va_list argList) {
  return print(pszDest, cchDest, pszFormat, argList, "RtlStringCchVPrintfW");
}
NTSTATUS RtlStringCbVPrintfA(NTSTRSAFE_PSTR pszDest, size_t cbDest, NTSTRSAFE_PCSTR pszFormat,
                             va_list argList) {
  return print(pszDest, cbDest, pszFormat, argList, "RtlStringCbVPrintfA");
}
NTSTATUS RtlStringCbVPrintfW(NTSTRSAFE_PWSTR pszDest, size_t cbDest, NTSTRSAFE_PCWSTR pszFormat,
                             va_list argList) {
  return print(pszDest, cbDest / kW, pszFormat, argList, "RtlStringCbVPrintfW");
}
NTSTATUS RtlStringCchPrintfA(NTSTRSAFE_PSTR pszDest, size_t cchDest, NTSTRSAFE_PCSTR pszFormat, ...) {
  va_list list;
  va_start(list, pszFormat);
  const NTSTATUS status = print(pszDest, cchDest, pszFormat, list, "RtlStringCchPrintfA");
  va_end(list);
  return status;
}
NTSTATUS RtlStringCchPrintfW(NTSTRSAFE_PWSTR pszDest, size_t cchDest, NTSTRSAFE_PCWSTR pszFormat, ...) {
  va_list list;
  va_start(list, pszFormat);
  const NTSTATUS status = print(pszDest, cchDest, pszFormat, list, "RtlStringCchPrintfW");
  va_end(list);
  return status;
}
NTSTATUS RtlStringCbPrintfA(NTSTRSAFE_PSTR pszDest, size_t cbDest, NTSTRSAFE_PCSTR pszFormat, ...) {
  va_list list;
  va_start(list, pszFormat);
  const NTSTATUS status = print(pszDest, cbDest, pszFormat, list, "RtlStringCbPrintfA");
  va_end(list);
  return status;
}
NTSTATUS RtlStringCbPrintfW(NTSTRSAFE_PWSTR pszDest, size_t cbDest, NTSTRSAFE_PCWSTR pszFormat, ...) {
  va_list list;
  va_start(list, pszFormat);
  const NTSTATUS status = print(pszDest, cbDest / kW, pszFormat, list, "RtlStringCbPrintfW");
  va_end(list);
  return status;
}

NTSTATUS RtlStringCchLengthA(NTSTRSAFE_PCSTR psz, size_t cchMax, size_t* pcchLength) {
  return measure(psz, cchMax, pcchLength, 1);
}
NTSTATUS RtlStringCchLengthW(NTSTRSAFE_PCWSTR psz, size_t cchMax, size_t* pcchLength) {
  return measure(psz, cchMax, pcchLength, 1);
}
NTSTATUS RtlStringCbLengthA(NTSTRSAFE_PCSTR psz, size_t cbMax, size_t* pcbLength) {
  return measure(psz, cbMax, pcbLength, 1);
}
NTSTATUS RtlStringCbLengthW(NTSTRSAFE_PCWSTR psz, size_t cbMax, size_t* pcbLength) {
  return measure(psz, cbMax / kW, pcbLength, kW);
}

}  // extern "C"
