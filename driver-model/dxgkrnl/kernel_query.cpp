// SPDX-License-Identifier: Apache-2.0
// What the driver is asked for: capabilities of the link, then what each physical adapter has.
#include <fmt/format.h>

#include <algorithm>

#include "driver-model/dxgkrnl/kernel.h"
#include "driver-model/dxgkrnl/segment_query.h"

namespace gpudmar::dxgkrnl {
namespace {

constexpr UINT32 kMaxRanges = 1024;  // more is no answer but noise

}  // namespace

NTSTATUS Kernel::query(const PhysicalAdapter& adapter, DXGK_QUERYADAPTERINFOTYPE type, void* out,
                       std::uint32_t size, void* in, std::uint32_t in_size) {
  DXGKARG_QUERYADAPTERINFO args{};
  args.Type = type;
  args.pInputData = in;
  args.InputDataSize = in_size;
  args.pOutputData = out;
  args.OutputDataSize = size;
  return call_driver("DxgkDdiQueryAdapterInfo", fmt::format("type {}", static_cast<int>(type)),
                     {&args, nullptr, index_of(adapter)},
                     [&] { return driver_.DxgkDdiQueryAdapterInfo(adapter.context, &args); });
}

void Kernel::query_caps(LogicalAdapter& link) {
  DXGK_PHYSICAL_MEMORY_CAPS memory_caps{};
  DXGK_IOMMU_CAPS iommu_caps{};
  ReportedCaps& caps = link.caps;
  caps = {};
  caps.before_memory_caps = driver_.Version < DXGKDDI_INTERFACE_VERSION_WDDM2_9;
  if (!caps.before_memory_caps) {
    caps.physical_memory_caps_answered =
        NT_SUCCESS(query(*link.lead, DXGKQAITYPE_PHYSICAL_MEMORY_CAPS, &memory_caps, sizeof(memory_caps)));
    caps.iommu_caps_answered =
        NT_SUCCESS(query(*link.lead, DXGKQAITYPE_IOMMU_CAPS, &iommu_caps, sizeof(iommu_caps)));
  }
  if (caps.physical_memory_caps_answered)
    caps.highest_visible_address = static_cast<std::uint64_t>(memory_caps.HighestVisibleAddress.QuadPart);
  if (caps.iommu_caps_answered) {
    caps.isolation_supported = iommu_caps.IommuIsolationSupported != 0;
    caps.isolation_required = iommu_caps.IommuIsolationRequired != 0;
    caps.dma_remapping_supported = iommu_caps.DmaRemappingSupported != 0;
  }
  if (config_.late_driver_caps) {
    // Until they are known, what would not stand in the way.
    caps.secure_mode_supported = caps.isolation_supported;
    caps.secure_mode_required = caps.isolation_required;
    caps.map_aperture2_supported = caps.dma_remapping_supported;
  } else {
    query_driver_caps(link);
  }
}

void Kernel::query_driver_caps(LogicalAdapter& link) {
  DXGK_DRIVERCAPS driver_caps{};
  ReportedCaps& caps = link.caps;
  caps.secure_mode_supported = caps.secure_mode_required = caps.map_aperture2_supported = false;
  if (NT_SUCCESS(query(*link.lead, DXGKQAITYPE_DRIVERCAPS, &driver_caps, sizeof(driver_caps)))) {
    caps.secure_mode_supported = driver_caps.MemoryManagementCaps.IoMmuSecureModeSupported != 0;
    caps.secure_mode_required = driver_caps.MemoryManagementCaps.IoMmuSecureModeRequired != 0;
    caps.map_aperture2_supported = driver_caps.MemoryManagementCaps.MapAperture2Supported != 0;
  }
}

// R18: for each physical adapter its capabilities and right after them the size of its save area. A driver
// without an answer to either has nothing to say.
NTSTATUS Kernel::query_physical_adapters(LogicalAdapter& link) {
  link.by_index = link.members;
  std::vector<PhysicalAdapter*> named;
  for (UINT index = 0; index < link.members.size(); ++index) {
    DXGK_QUERYPHYSICALADAPTERCAPSIN in{index};
    DXGK_PHYSICALADAPTERCAPS caps{};
    if (NT_SUCCESS(
            query(*link.lead, DXGKQAITYPE_PHYSICALADAPTERCAPS, &caps, sizeof(caps), &in, sizeof(in)))) {
      PhysicalAdapter* member = find_adapter(caps.DxgkPhysicalAdapterHandle);
      if (std::find(link.members.begin(), link.members.end(), member) == link.members.end() ||
          std::find(named.begin(), named.end(), member) != named.end())
        return fail(STATUS_INVALID_PARAMETER,
                    fmt::format("physical adapter {} of {}: its handle is not one that StartDevice gave, or "
                                "another one's",
                                index, link.memory.name));
      named.push_back(member);
      link.by_index[index] = member;
    }
    if (!link.caps.secure_mode_supported) continue;
    if (const NTSTATUS status = query_save_area(link, index); !NT_SUCCESS(status)) return status;
  }
  return STATUS_SUCCESS;
}

NTSTATUS Kernel::query_save_area(LogicalAdapter& link, UINT index) {
  DXGK_FRAMEBUFFERSAVEAREA area{};
  if (!NT_SUCCESS(
          query(*link.lead, DXGKQAITYPE_FRAMEBUFFERSAVESIZE, &area, sizeof(area), &index, sizeof(index))))
    return STATUS_SUCCESS;
  const NTSTATUS status = memory_.add_save_area(link.memory, index, area.MaximumSize);
  if (NT_SUCCESS(status)) return status;
  return fail(status, fmt::format("physical adapter {} of {}: no frame-buffer save area of {:#x} bytes",
                                  index, link.memory.name, area.MaximumSize));
}

// Once: before the first attachment where that comes before StartDevice, else after StartDevice (R23).
NTSTATUS Kernel::query_reserved_ranges(LogicalAdapter& link) {
  if (link.reserved_ranges_known) return STATUS_SUCCESS;
  for (UINT index = 0; index < link.members.size(); ++index) {
    if (const NTSTATUS status = query_reserved_ranges(link, index); !NT_SUCCESS(status)) return status;
    if (driver_.DxgkDdiBuildPagingBuffer == nullptr) continue;
    // Segments that firmware has carved out of the machine's memory. A driver may not know them yet; what is
    // wrong with its answer comes out when paging starts.
    const auto ask = [&](DXGK_QUERYSEGMENTIN4& in, DXGK_QUERYSEGMENTOUT4& out) {
      return query(*link.lead, DXGKQAITYPE_QUERYSEGMENT4, &out, sizeof(out), &in, sizeof(in));
    };
    std::vector<DXGK_SEGMENTDESCRIPTOR4> segments;
    DXGK_QUERYSEGMENTOUT4 rest{};
    std::string why;
    if (!NT_SUCCESS(query_segments(ask, index, segments, rest, why))) continue;
    for (const DXGK_SEGMENTDESCRIPTOR4& segment : segments) {
      if (segment.Flags.PopulatedFromSystemMemory == 0) continue;
      LARGE_INTEGER bytes;
      bytes.QuadPart = static_cast<LONGLONG>(segment.Size);
      if (const NTSTATUS status = take_reserved_range(link, {segment.CpuTranslatedAddress, bytes});
          !NT_SUCCESS(status))
        return status;
    }
  }
  link.reserved_ranges_known = true;
  return STATUS_SUCCESS;
}

// R21: the first call tells how many there are, the second one which.
NTSTATUS Kernel::query_reserved_ranges(LogicalAdapter& link, UINT index) {
  DXGK_HARDWARERESERVEDRANGES answer{};
  const auto ask = [&] {
    return query(*link.lead, DXGKQAITYPE_HARDWARERESERVEDRANGES, &answer, sizeof(answer), &index,
                 sizeof(index));
  };
  if (!NT_SUCCESS(ask()) || answer.NumRanges == 0) return STATUS_SUCCESS;
  const auto contradiction = [&](NTSTATUS status) {
    return fail(status, fmt::format("physical adapter {} of {}: its reserved ranges can not be had", index,
                                    link.memory.name));
  };
  const UINT32 count = answer.NumRanges;
  if (count > kMaxRanges) return contradiction(STATUS_INVALID_PARAMETER);
  std::vector<DXGK_PHYSICAL_MEMORY_RANGE> ranges(count);
  answer.pPhysicalRanges = ranges.data();
  if (const NTSTATUS status = ask(); !NT_SUCCESS(status)) return contradiction(status);
  if (answer.NumRanges != count || answer.pPhysicalRanges != ranges.data())
    return contradiction(STATUS_INVALID_PARAMETER);
  for (const DXGK_PHYSICAL_MEMORY_RANGE& range : ranges)
    if (const NTSTATUS status = take_reserved_range(link, range); !NT_SUCCESS(status)) return status;
  return STATUS_SUCCESS;
}

NTSTATUS Kernel::take_reserved_range(LogicalAdapter& link, const DXGK_PHYSICAL_MEMORY_RANGE& range) {
  const auto base = static_cast<std::uint64_t>(range.BaseAddress.QuadPart);
  const auto bytes = static_cast<std::uint64_t>(range.NumberOfBytes.QuadPart);
  if (bytes == 0) return STATUS_SUCCESS;
  const auto refuse = [&](NTSTATUS status, const char* why) {
    return fail(status, fmt::format("the range {:#x}+{:#x} that the hardware of {} reserves {}", base, bytes,
                                    link.memory.name, why));
  };
  const std::uint64_t limit = 1ULL << platform_.host_address_width;
  if (base >= limit || bytes > limit - base)
    return refuse(STATUS_INVALID_PARAMETER, "is beyond the machine's addresses");
  const mm::Pfn first = base >> hw::kPageShift;
  const mm::Pfn end = ((base + bytes - 1) >> hw::kPageShift) + 1;
  const auto overlaps = [&](hw::PhysAddr low, hw::PhysAddr high) {
    return first << hw::kPageShift < high && low < end << hw::kPageShift;
  };
  for (const hw::MemoryRange& ram : platform_.memory->ram())
    if (overlaps(ram.base, ram.end()))
      return refuse(STATUS_CONFLICTING_ADDRESSES, "is RAM of the system");  // R22
  if (overlaps(hw::kInterruptWindowBase, hw::kInterruptWindowEnd))
    return refuse(STATUS_CONFLICTING_ADDRESSES, "lies in the interrupt window");
  link.hardware_reserved.push_back({first, end - first});
  return STATUS_SUCCESS;
}

}  // namespace gpudmar::dxgkrnl
