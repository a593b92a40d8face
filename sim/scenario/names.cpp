// SPDX-License-Identifier: Apache-2.0
// The names, and the numbers.
#include "sim/scenario/names.h"

#include <fmt/format.h>

#include <cctype>

#include "ntddk.h"

namespace gpudmar::sim {
namespace {

#define GPUDMAR_NAME(x) \
  { #x, static_cast < std::uint32_t>(x) }

}  // namespace

const NameTable& status_names() {
  static const NameTable table{
      GPUDMAR_NAME(STATUS_SUCCESS),
      GPUDMAR_NAME(STATUS_PENDING),
      GPUDMAR_NAME(STATUS_UNSUCCESSFUL),
      GPUDMAR_NAME(STATUS_NOT_IMPLEMENTED),
      GPUDMAR_NAME(STATUS_ACCESS_VIOLATION),
      GPUDMAR_NAME(STATUS_INVALID_HANDLE),
      GPUDMAR_NAME(STATUS_INVALID_PARAMETER),
      GPUDMAR_NAME(STATUS_NO_SUCH_DEVICE),
      GPUDMAR_NAME(STATUS_INVALID_DEVICE_REQUEST),
      GPUDMAR_NAME(STATUS_NO_MEMORY),
      GPUDMAR_NAME(STATUS_CONFLICTING_ADDRESSES),
      GPUDMAR_NAME(STATUS_NOT_MAPPED_VIEW),
      GPUDMAR_NAME(STATUS_INVALID_VIEW_SIZE),
      GPUDMAR_NAME(STATUS_ACCESS_DENIED),
      GPUDMAR_NAME(STATUS_BUFFER_TOO_SMALL),
      GPUDMAR_NAME(STATUS_OBJECT_TYPE_MISMATCH),
      GPUDMAR_NAME(STATUS_OBJECT_NAME_INVALID),
      GPUDMAR_NAME(STATUS_OBJECT_NAME_NOT_FOUND),
      GPUDMAR_NAME(STATUS_OBJECT_NAME_COLLISION),
      GPUDMAR_NAME(STATUS_SECTION_TOO_BIG),
      GPUDMAR_NAME(STATUS_QUOTA_EXCEEDED),
      GPUDMAR_NAME(STATUS_INVALID_PAGE_PROTECTION),
      GPUDMAR_NAME(STATUS_SECTION_PROTECTION),
      GPUDMAR_NAME(STATUS_REVISION_MISMATCH),
      GPUDMAR_NAME(STATUS_INTEGER_OVERFLOW),
      GPUDMAR_NAME(STATUS_INSUFFICIENT_RESOURCES),
      GPUDMAR_NAME(STATUS_IO_TIMEOUT),
      GPUDMAR_NAME(STATUS_NOT_SUPPORTED),
      GPUDMAR_NAME(STATUS_COMMITMENT_LIMIT),
      GPUDMAR_NAME(STATUS_INVALID_ADDRESS),
      GPUDMAR_NAME(STATUS_INVALID_DEVICE_STATE),
      GPUDMAR_NAME(STATUS_INVALID_BUFFER_SIZE),
      GPUDMAR_NAME(STATUS_NOT_FOUND),
      GPUDMAR_NAME(STATUS_DRIVER_UNABLE_TO_LOAD),
      GPUDMAR_NAME(STATUS_ALREADY_REGISTERED),
      GPUDMAR_NAME(STATUS_DEVICE_DATA_ERROR),
      GPUDMAR_NAME(STATUS_DEVICE_HARDWARE_ERROR),
      GPUDMAR_NAME(STATUS_DEVICE_CONFIGURATION_ERROR),
      GPUDMAR_NAME(STATUS_GRAPHICS_LEADLINK_NOT_ENUMERATED),
      GPUDMAR_NAME(STATUS_GRAPHICS_CHAINLINKS_NOT_ENUMERATED),
      GPUDMAR_NAME(STATUS_GRAPHICS_INCONSISTENT_DEVICE_LINK_STATE),
  };
  return table;
}

const NameTable& mdl_flag_names() {
  static const NameTable table{
      GPUDMAR_NAME(MM_DONT_ZERO_ALLOCATION),       GPUDMAR_NAME(MM_ALLOCATE_FROM_LOCAL_NODE_ONLY),
      GPUDMAR_NAME(MM_ALLOCATE_FULLY_REQUIRED),    GPUDMAR_NAME(MM_ALLOCATE_NO_WAIT),
      GPUDMAR_NAME(MM_ALLOCATE_PREFER_CONTIGUOUS), GPUDMAR_NAME(MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS),
      GPUDMAR_NAME(MM_ALLOCATE_FAST_LARGE_PAGES),  GPUDMAR_NAME(MM_ALLOCATE_TRIM_IF_NECESSARY),
      GPUDMAR_NAME(MM_ALLOCATE_AND_HOT_REMOVE),
  };
  return table;
}

const NameTable& protection_names() {
  static const NameTable table{
      GPUDMAR_NAME(PAGE_NOACCESS),
      GPUDMAR_NAME(PAGE_READONLY),
      GPUDMAR_NAME(PAGE_READWRITE),
      GPUDMAR_NAME(PAGE_WRITECOPY),
      GPUDMAR_NAME(PAGE_EXECUTE),
      GPUDMAR_NAME(PAGE_EXECUTE_READ),
      GPUDMAR_NAME(PAGE_EXECUTE_READWRITE),
      GPUDMAR_NAME(PAGE_EXECUTE_WRITECOPY),
      GPUDMAR_NAME(PAGE_GUARD),
      GPUDMAR_NAME(PAGE_NOCACHE),
      GPUDMAR_NAME(PAGE_WRITECOMBINE),
  };
  return table;
}

#undef GPUDMAR_NAME

std::optional<std::uint32_t> value_of(const NameTable& table, const std::string& name) {
  for (const auto& [known, value] : table)
    if (known == name) return value;
  return std::nullopt;
}

std::string status_name(std::int32_t status) {
  for (const auto& [name, value] : status_names())
    if (value == static_cast<std::uint32_t>(status)) return name;
  return fmt::format("{:#010x}", static_cast<std::uint32_t>(status));
}

std::optional<std::uint64_t> parse_number(const std::string& text) {
  std::size_t at = 0;
  std::uint64_t base = 10;
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    base = 16;
    at = 2;
  }
  std::uint64_t value = 0;
  std::size_t digits = 0;
  for (; at < text.size(); ++at, ++digits) {
    const auto c = static_cast<unsigned char>(text[at]);
    std::uint64_t digit = 0;
    if (std::isdigit(c) != 0)
      digit = c - '0';
    else if (base == 16 && std::isxdigit(c) != 0)
      digit = static_cast<std::uint64_t>(std::tolower(c)) - 'a' + 10;
    else
      break;
    if (value > (~0ULL - digit) / base) return std::nullopt;
    value = value * base + digit;
  }
  if (digits == 0) return std::nullopt;
  if (at == text.size()) return value;
  static const std::string suffixes = "KMGT";
  const std::size_t power = suffixes.find(text[at]);
  if (power == std::string::npos || at + 1 != text.size()) return std::nullopt;
  const unsigned shift = 10 * (static_cast<unsigned>(power) + 1);
  if (value > ~0ULL >> shift) return std::nullopt;
  return value << shift;
}

}  // namespace gpudmar::sim
