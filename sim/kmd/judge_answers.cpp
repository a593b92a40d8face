// SPDX-License-Identifier: Apache-2.0
// The rules of what a driver answers: capabilities that have to fit together, sizes, ranges, allocations.
#include <fmt/format.h>

#include <utility>

#include "sim/kmd/judge_arguments.h"

namespace gpudmar::sim::kmd {

void Judge::adapter_info_answered(const DXGKARG_QUERYADAPTERINFO& query, NTSTATUS status, int function) {
  const bool good = NT_SUCCESS(status);
  const auto has_room = [&](std::size_t bytes) {
    return good && query.pOutputData != nullptr && query.OutputDataSize >= bytes;
  };
  switch (query.Type) {
    case DXGKQAITYPE_FRAMEBUFFERSAVESIZE: {
      if (query.InputDataSize < sizeof(UINT)) return;
      const UINT index = *static_cast<const UINT*>(query.pInputData);
      std::uint64_t& size = save_sizes_[{function, index}] = 0;  // R201, R207: how much each save area has
      if (!has_room(sizeof(DXGK_FRAMEBUFFERSAVEAREA))) return;
      size = as<DXGK_FRAMEBUFFERSAVEAREA>(query.pOutputData).MaximumSize;
      check("R19", page_multiple(size), fmt::format("a frame-buffer save area of {:#x} bytes", size));
      return;
    }
    case DXGKQAITYPE_DRIVERCAPS:
      if (has_room(sizeof(DXGK_DRIVERCAPS)))
        driver_caps_answered(as<DXGK_DRIVERCAPS>(query.pOutputData), function);
      return;
    case DXGKQAITYPE_IOMMU_CAPS:
      if (has_room(sizeof(DXGK_IOMMU_CAPS)))
        iommu_caps_answered(as<DXGK_IOMMU_CAPS>(query.pOutputData), function);
      return;
    case DXGKQAITYPE_HARDWARERESERVEDRANGES:
      if (has_room(sizeof(DXGK_HARDWARERESERVEDRANGES)))
        reserved_ranges_answered(as<DXGK_HARDWARERESERVEDRANGES>(query.pOutputData));
      return;
    default:
      return;
  }
}

void Judge::driver_caps_answered(const DXGK_DRIVERCAPS& caps, int function) {
  const auto& memory = caps.MemoryManagementCaps;
  map_aperture2_ = map_aperture2_ || memory.MapAperture2Supported != 0;
  caps_[function].driver =
      Caps::Isolation{memory.IoMmuSecureModeSupported != 0, memory.IoMmuSecureModeRequired != 0};
  check_caps(function);
  if (memory.IoMmuSecureModeSupported == 0) return;  // R226: only who opts into isolation is bound by it
  std::string names;
  for (const std::string& import : hooks_.forbidden_imports) names += (names.empty() ? "" : ", ") + import;
  check("R226", names.empty(), "a driver with IoMmuSecureModeSupported imports " + names);
}

void Judge::iommu_caps_answered(const DXGK_IOMMU_CAPS& caps, int function) {
  const bool supported = caps.IommuIsolationSupported != 0;
  const bool required = caps.IommuIsolationRequired != 0;
  check("R12", supported || !required, "IommuIsolationRequired without IommuIsolationSupported");
  check("R14", supported || caps.DmaRemappingSupported == 0,
        "DmaRemappingSupported without IommuIsolationSupported");
  caps_[function].iommu = Caps::Isolation{supported, required};
  check_caps(function);
}

// R10, R11: two reports of one fact. Each pair of answers is compared once.
void Judge::check_caps(int function) {
  Caps& caps = caps_[function];
  if (!caps.driver || !caps.iommu) return;
  const Caps now = std::exchange(caps, {});
  check("R10", now.iommu->supported == now.driver->supported,
        fmt::format("IommuIsolationSupported = {} but IoMmuSecureModeSupported = {}", now.iommu->supported,
                    now.driver->supported));
  check("R11", now.iommu->required == now.driver->required,
        fmt::format("IommuIsolationRequired = {} but IoMmuSecureModeRequired = {}", now.iommu->required,
                    now.driver->required));
}

void Judge::reserved_ranges_answered(const DXGK_HARDWARERESERVEDRANGES& answer) {
  if (answer.pPhysicalRanges == nullptr || !hooks_.is_taken) return;  // only how many there are
  for (UINT32 i = 0; i < answer.NumRanges; ++i) {
    const auto base = static_cast<std::uint64_t>(answer.pPhysicalRanges[i].BaseAddress.QuadPart);
    const auto bytes = static_cast<std::uint64_t>(answer.pPhysicalRanges[i].NumberOfBytes.QuadPart);
    check("R22", bytes == 0 || !hooks_.is_taken(base, bytes),
          fmt::format("the reserved range {:#x}+{:#x} is RAM of the system, or the interrupt window", base,
                      bytes));
  }
}

void Judge::allocation_created(const DXGKARG_CREATEALLOCATION& args) {
  for (UINT i = 0; i < args.NumAllocations; ++i) {
    const auto& flags = args.pAllocationInfo[i].FlagsWddm2;
    if (flags.MapApertureCpuVisible == 0) continue;
    check("R168", flags.AccessedPhysically != 0 && map_aperture2_,
          fmt::format("MapApertureCpuVisible without {}",
                      flags.AccessedPhysically == 0 ? "AccessedPhysically" : "MapAperture2Supported"));
  }
}

}  // namespace gpudmar::sim::kmd
