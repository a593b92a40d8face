// SPDX-License-Identifier: Apache-2.0
// Arguments of DxgkCbCreatePhysicalMemoryObject, in the order of section 7 of the rules.
#include "driver-model/dxgkrnl/memory_objects.h"

namespace gpudmar::dxgkrnl {
namespace {

constexpr std::uint64_t kPage = hw::kPageSize;
constexpr std::uint64_t kLargePage = 2ULL << 20;
constexpr std::uint64_t kMaxMdlBytes = (4ULL << 30) - kPage;  // R69
constexpr std::uint64_t kMaxSectionBytes = 1ULL << 44;        // R55: beyond is no matter of commit

// Address limits are LARGE_INTEGERs whose all-ones value means "no limit": unsigned (E20).
std::uint64_t unsigned_of(const PHYSICAL_ADDRESS& address) {
  return static_cast<std::uint64_t>(address.QuadPart);
}

bool power_of_two(std::uint64_t value) { return value != 0 && (value & (value - 1)) == 0; }

NTSTATUS check_mdl(const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT& args, mm::BackingRequest& request) {
  const std::uint64_t skip = unsigned_of(args.Mdl.SkipBytes);
  const UINT flags = args.Mdl.Flags;
  if (skip % kPage != 0) return STATUS_INVALID_PARAMETER;  // R62
  if (args.Size == 0 || args.Size > kMaxMdlBytes) return STATUS_INVALID_PARAMETER;
  if ((flags & MM_ALLOCATE_AND_HOT_REMOVE) != 0)
    return STATUS_INVALID_PARAMETER;  // R65: an object is never partial
  const bool chunks = (flags & MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS) != 0;
  if (chunks && skip != 0 && (!power_of_two(skip) || args.Size % skip != 0))
    return STATUS_INVALID_PARAMETER;  // R67
  if ((flags & MM_ALLOCATE_FAST_LARGE_PAGES) != 0 && (!chunks || skip % kLargePage != 0))
    return STATUS_INVALID_PARAMETER;  // R68
  request.window = {unsigned_of(args.Mdl.LowAddress), unsigned_of(args.Mdl.HighAddress)};
  request.skip_bytes = skip;
  request.zero = (flags & MM_DONT_ZERO_ALLOCATION) == 0;
  request.prefer_contiguous = (flags & MM_ALLOCATE_PREFER_CONTIGUOUS) != 0;
  request.contiguous_chunks = chunks;
  request.trim = (flags & MM_ALLOCATE_TRIM_IF_NECESSARY) != 0;
  return STATUS_SUCCESS;
}

NTSTATUS check_contiguous(const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT& args, mm::BackingRequest& request) {
  const std::uint64_t low = unsigned_of(args.ContiguousMemory.LowestAcceptableAddress);
  const std::uint64_t high = unsigned_of(args.ContiguousMemory.HighestAcceptableAddress);
  const std::uint64_t boundary = unsigned_of(args.ContiguousMemory.BoundaryAddressMultiple);
  if (boundary != 0 && !power_of_two(boundary)) return STATUS_INVALID_PARAMETER;  // R71
  if (args.Size == 0) return STATUS_INVALID_PARAMETER;
  // R72. A boundary below a page can not be kept by any page.
  if (low > high || (boundary != 0 && (args.Size > boundary || boundary < kPage)))
    return STATUS_INVALID_PARAMETER;
  request.window = {low, high};
  request.boundary = boundary;
  return STATUS_SUCCESS;
}

/// Device permissions and views follow the protection (G10). EXECUTE is writable here, as nothing else could
/// fill such a section; nothing ever grants execution.
bool section_writable(ULONG protection) { return protection == PAGE_READWRITE || protection == PAGE_EXECUTE; }

NTSTATUS check_section(const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT& args, mm::BackingRequest& request) {
  if (args.Size == 0) return STATUS_INVALID_PARAMETER;
  if (args.CacheType == DXGK_MEMORY_CACHING_TYPE_NON_CACHED) return STATUS_INVALID_PARAMETER;  // R50
  switch (args.Section.PageProtection) {  // R51; with any modifier it is none of these (R52)
    case PAGE_READONLY:
    case PAGE_READWRITE:
    case PAGE_WRITECOPY:
    case PAGE_EXECUTE:
      break;
    default:
      return STATUS_INVALID_PAGE_PROTECTION;
  }
  if (args.Size > kMaxSectionBytes) return STATUS_SECTION_TOO_BIG;  // R55
  request.writable = section_writable(args.Section.PageProtection);
  return STATUS_SUCCESS;
}

NTSTATUS check_io_space(const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT& args, unsigned address_bits,
                        mm::BackingRequest& request) {
  request.io_base = unsigned_of(args.IOSpace.BaseAddress);
  if (request.io_base % kPage != 0 || args.Size % kPage != 0) return STATUS_INVALID_PARAMETER;  // R57, R58
  const std::uint64_t limit = 1ULL << address_bits;
  if (args.Size == 0 || request.io_base >= limit || args.Size > limit - request.io_base)
    return STATUS_INVALID_PARAMETER;  // no table entry can hold such an address
  return STATUS_SUCCESS;
}

}  // namespace

bool view_denied(const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT& args) {
  if (args.Type != DXGK_PHYSICAL_MEMORY_TYPE_SECTION) return false;
  const ACCESS_MASK granted = args.Section.DesiredAccess;
  const ACCESS_MASK needed =
      SECTION_MAP_READ | (section_writable(args.Section.PageProtection) ? SECTION_MAP_WRITE : 0);
  return (granted & needed) != needed;
}

NTSTATUS check_create(const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT& args, unsigned address_bits,
                      mm::BackingRequest& request) {
  const auto type = static_cast<std::uint32_t>(args.Type);
  const auto cache = static_cast<std::uint32_t>(args.CacheType);
  if (type > DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE) return STATUS_INVALID_PARAMETER;        // R48
  if (cache > DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED) return STATUS_INVALID_PARAMETER;  // R49
  request.type = static_cast<mm::BackingType>(type);
  if (args.Size > ~static_cast<SIZE_T>(0) - (kPage - 1)) return STATUS_INVALID_PARAMETER;
  request.pages = (args.Size + kPage - 1) / kPage;  // R47
  switch (args.Type) {
    case DXGK_PHYSICAL_MEMORY_TYPE_MDL:
      return check_mdl(args, request);
    case DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY:
      return check_contiguous(args, request);
    case DXGK_PHYSICAL_MEMORY_TYPE_SECTION:
      return check_section(args, request);
    case DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE:
      return check_io_space(args, address_bits, request);
  }
  return STATUS_INVALID_PARAMETER;
}

}  // namespace gpudmar::dxgkrnl
