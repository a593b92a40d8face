// SPDX-License-Identifier: Apache-2.0
#include "sim/scenario/system_start.h"

#include <algorithm>

#include "sim/scenario/system.h"

namespace gpudmar::sim {
namespace {

namespace flags = dxgkrnl::iommu_flags;

constexpr std::uint32_t kMaps = flags::kEnabled | flags::kEnableMappings;

}  // namespace

dxgkrnl::KernelConfig kernel_config(const ScenarioStart& start, std::uint64_t seed) {
  dxgkrnl::KernelConfig config = kernel_config(seed);
  config.placement = start.placement;
  if (start.page_file) config.page_file_pages = *start.page_file / hw::kPageSize;
  config.shuffle_logical = start.shuffle_logical;
  config.fresh_logical = start.fresh_logical.value_or(false);
  config.force_logical = start.iommu == ScenarioStart::Iommu::kLogical;
  config.isolation = start.iommu == ScenarioStart::Iommu::kIsolation;
  config.iommu_flags = start.iommu_flags;
  config.paging.tdr_delay = start.tdr_delay;
  config.paging.preemption_delay = std::min(config.paging.preemption_delay, start.tdr_delay);
  config.paging.map_pages = config.paging.transfer_pages = start.operation_pages;
  config.paging.first_pages = start.first_pages;
  return config;
}

dxgkrnl::RemappingMode mode_of(const ScenarioStart& start) {
  switch (start.iommu) {
    case ScenarioStart::Iommu::kLogical:
      return dxgkrnl::RemappingMode::kLogical;
    case ScenarioStart::Iommu::kIsolation:
      return dxgkrnl::RemappingMode::kIsolation;
    case ScenarioStart::Iommu::kPhysical:
      return (start.iommu_flags & kMaps) == kMaps ? dxgkrnl::RemappingMode::kIsolation
                                                  : dxgkrnl::RemappingMode::kPhysical;
    case ScenarioStart::Iommu::kOff:
      break;
  }
  return dxgkrnl::RemappingMode::kPhysical;
}

bool attaches(const ScenarioStart& start) {
  constexpr std::uint32_t kAll = kMaps | flags::kEnableAttach;
  return start.iommu != ScenarioStart::Iommu::kPhysical || (start.iommu_flags & kAll) == kAll;
}

}  // namespace gpudmar::sim
