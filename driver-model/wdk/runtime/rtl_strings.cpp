// SPDX-License-Identifier: Apache-2.0
// Counted strings.
#include <algorithm>
#include <cstring>

#include "driver-model/wdk/runtime/runtime.h"

using gpudmar::wdk::Runtime;

namespace {

constexpr std::size_t kMostBytes =
    UNICODE_STRING_MAX_BYTES;  // without and with the terminator of an even length

std::size_t length_of(PCWSTR text) {
  std::size_t count = 0;
  while (text[count] != 0) ++count;
  return count;
}

// The capital letter: of Latin 1, Greek and Cyrillic.
WCHAR upcase(WCHAR c) {
  const auto within = [c](unsigned first, unsigned last) { return c >= first && c <= last; };
  if (within('a', 'z') || (within(0xE0, 0xFE) && c != 0xF7)) return static_cast<WCHAR>(c - 0x20);
  if (c == 0xFF) return 0x178;
  if ((within(0x3B1, 0x3CB) && c != 0x3C2) || within(0x430, 0x44F)) return static_cast<WCHAR>(c - 0x20);
  if (within(0x450, 0x45F)) return static_cast<WCHAR>(c - 0x50);
  return c;
}

LONG compare(PCUNICODE_STRING left, PCUNICODE_STRING right, BOOLEAN fold) {
  const std::size_t lengths[] = {left->Length / sizeof(WCHAR), right->Length / sizeof(WCHAR)};
  for (std::size_t i = 0; i < std::min(lengths[0], lengths[1]); ++i) {
    const WCHAR a = fold ? upcase(left->Buffer[i]) : left->Buffer[i];
    const WCHAR b = fold ? upcase(right->Buffer[i]) : right->Buffer[i];
    if (a != b) return static_cast<LONG>(a) - static_cast<LONG>(b);
  }
  return static_cast<LONG>(lengths[0]) - static_cast<LONG>(lengths[1]);
}

NTSTATUS append(PUNICODE_STRING destination, PCWSTR text, std::size_t bytes) {
  if (bytes >
      std::size_t{destination->MaximumLength} - std::min(destination->Length, destination->MaximumLength))
    return STATUS_BUFFER_TOO_SMALL;
  WCHAR* end = destination->Buffer + destination->Length / sizeof(WCHAR);
  std::memmove(end, text, bytes);
  destination->Length = static_cast<USHORT>(destination->Length + bytes);
  if (destination->Length + sizeof(WCHAR) <= destination->MaximumLength) end[bytes / sizeof(WCHAR)] = 0;
  return STATUS_SUCCESS;
}

}  // namespace

extern "C" {

NTSTATUS RtlInitAnsiStringEx(PANSI_STRING DestinationString, PCSZ SourceString) {
  const std::size_t length = SourceString == nullptr ? 0 : std::strlen(SourceString);
  if (length > kMostBytes) return STATUS_NAME_TOO_LONG;
  DestinationString->Length = static_cast<USHORT>(length);
  DestinationString->MaximumLength = static_cast<USHORT>(SourceString == nullptr ? 0 : length + 1);
  DestinationString->Buffer = const_cast<PCHAR>(SourceString);
  return STATUS_SUCCESS;
}

VOID RtlInitAnsiString(PANSI_STRING DestinationString, PCSZ SourceString) {
  if (NT_SUCCESS(RtlInitAnsiStringEx(DestinationString, SourceString))) return;
  DestinationString->Length = static_cast<USHORT>(kMostBytes);
  DestinationString->MaximumLength = static_cast<USHORT>(kMostBytes + 1);
  DestinationString->Buffer = const_cast<PCHAR>(SourceString);
}

VOID RtlInitString(PSTRING DestinationString, PCSZ SourceString) {
  RtlInitAnsiString(DestinationString, SourceString);
}

NTSTATUS RtlInitUnicodeStringEx(PUNICODE_STRING DestinationString, PCWSTR SourceString) {
  const std::size_t bytes = SourceString == nullptr ? 0 : length_of(SourceString) * sizeof(WCHAR);
  if (bytes >= kMostBytes) return STATUS_NAME_TOO_LONG;
  DestinationString->Length = static_cast<USHORT>(bytes);
  DestinationString->MaximumLength = static_cast<USHORT>(SourceString == nullptr ? 0 : bytes + sizeof(WCHAR));
  DestinationString->Buffer = const_cast<PWCH>(SourceString);
  return STATUS_SUCCESS;
}

VOID RtlCopyUnicodeString(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString) {
  DestinationString->Length = 0;
  if (SourceString == nullptr) return;
  // An odd byte would cut a character in two.
  const auto room = static_cast<USHORT>(DestinationString->MaximumLength & ~1u);
  append(DestinationString, SourceString->Buffer, std::min(SourceString->Length, room));
}

NTSTATUS RtlAppendUnicodeStringToString(PUNICODE_STRING Destination, PCUNICODE_STRING Source) {
  return append(Destination, Source->Buffer, Source->Length);
}

NTSTATUS RtlAppendUnicodeToString(PUNICODE_STRING Destination, PCWSTR Source) {
  return Source == nullptr ? STATUS_SUCCESS : append(Destination, Source, length_of(Source) * sizeof(WCHAR));
}

LONG RtlCompareUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive) {
  Runtime::enter("RtlCompareUnicodeString").require_at_most(PASSIVE_LEVEL, "RtlCompareUnicodeString");
  return compare(String1, String2, CaseInSensitive);
}

BOOLEAN RtlEqualUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive) {
  Runtime::enter("RtlEqualUnicodeString").require_at_most(PASSIVE_LEVEL, "RtlEqualUnicodeString");
  return String1->Length == String2->Length && compare(String1, String2, CaseInSensitive) == 0;
}

}  // extern "C"
