// SPDX-License-Identifier: Apache-2.0
// Statuses are the proposals of the rules: documentation fixes that a start fails, not with what.
#include "driver-model/dxgkrnl/start_decision.h"

#include <fmt/format.h>

#include "wdm.h"

namespace gpudmar::dxgkrnl {

namespace {

// R24: each step depends on the one before.
IsolationStep step_of(std::uint32_t flags) {
  if ((flags & iommu_flags::kEnabled) == 0) return IsolationStep::kNone;
  if ((flags & iommu_flags::kEnableMappings) == 0) return IsolationStep::kDomain;
  return (flags & iommu_flags::kEnableAttach) == 0 ? IsolationStep::kMappings : IsolationStep::kAttached;
}

}  // namespace

StartDecision decide_start(const ReportedCaps& caps, bool iommu_present, std::uint64_t highest_ram,
                           const StartPolicy& policy) {
  // R4: a driver that does not answer both has none of what they report.
  const bool answered = caps.physical_memory_caps_answered && caps.iommu_caps_answered;
  if (answered) {
    // R10, R11: the two reports of one fact must agree. R12: required without supported makes no sense.
    if (caps.isolation_supported != caps.secure_mode_supported)
      return {RemappingMode::kPhysical, STATUS_INVALID_PARAMETER,
              fmt::format("IommuIsolationSupported = {} but IoMmuSecureModeSupported = {}",
                          caps.isolation_supported, caps.secure_mode_supported)};
    if (caps.isolation_required != caps.secure_mode_required)
      return {RemappingMode::kPhysical, STATUS_INVALID_PARAMETER,
              fmt::format("IommuIsolationRequired = {} but IoMmuSecureModeRequired = {}",
                          caps.isolation_required, caps.secure_mode_required)};
    if (caps.isolation_required && !caps.isolation_supported)
      return {RemappingMode::kPhysical, STATUS_INVALID_PARAMETER,
              "IommuIsolationRequired without ...Supported"};
  }

  if (caps.before_memory_caps && caps.secure_mode_required && !caps.secure_mode_supported)
    return {RemappingMode::kPhysical, STATUS_INVALID_PARAMETER,
            "IoMmuSecureModeRequired without ...Supported"};

  // R14: remapping implies the callbacks of isolation. R9: and operation 17.
  const bool remapping = answered && iommu_present && caps.dma_remapping_supported &&
                         caps.isolation_supported && caps.map_aperture2_supported;
  const std::uint64_t visible = caps.physical_memory_caps_answered ? caps.highest_visible_address : ~0ULL;
  const bool all_visible = visible >= highest_ram;  // R7: both are inclusive, so equality will do

  if (remapping && (!all_visible || policy.force_logical))
    return {RemappingMode::kLogical, STATUS_SUCCESS,
            all_visible ? "logical remapping on request" : "memory lies beyond the visible addresses"};
  if (!all_visible)
    return {RemappingMode::kPhysical, STATUS_NOT_SUPPORTED,
            fmt::format("memory up to {:#x}, visible up to {:#x}, and no logical remapping ({})", highest_ram,
                        visible,
                        !iommu_present                  ? "no IOMMU"
                        : !answered                     ? "the driver does not report its capabilities"
                        : !caps.dma_remapping_supported ? "DmaRemappingSupported = 0"
                        : !caps.isolation_supported     ? "IommuIsolationSupported = 0"
                                                        : "MapAperture2Supported = 0")};
  // R13. Where logical mode is neither needed nor asked for, isolation is 1:1 (R8).
  const bool supported = answered                  ? caps.isolation_supported
                         : caps.before_memory_caps ? caps.secure_mode_supported
                                                   : false;
  const bool required = answered                  ? caps.isolation_required
                        : caps.before_memory_caps ? caps.secure_mode_required
                                                  : false;
  if (required && !iommu_present)
    return {RemappingMode::kPhysical, STATUS_NOT_SUPPORTED, "isolation required, and there is no IOMMU"};
  if (required)
    return {RemappingMode::kIsolation, STATUS_SUCCESS, "isolation required", IsolationStep::kAttached};
  const IsolationStep step = step_of(policy.flags);
  if (step != IsolationStep::kNone && (supported || (policy.flags & iommu_flags::kBypassDriverCap) != 0)) {
    if (iommu_present)
      return {step == IsolationStep::kDomain ? RemappingMode::kPhysical : RemappingMode::kIsolation,
              STATUS_SUCCESS, "isolation by IOMMUFlags", step};
    if ((policy.flags & iommu_flags::kAllowFailure) == 0)
      return {RemappingMode::kPhysical, STATUS_NOT_SUPPORTED, "isolation by IOMMUFlags, and no IOMMU"};
  }
  if (policy.isolation && supported && iommu_present)
    return {RemappingMode::kIsolation, STATUS_SUCCESS, "isolation on request", IsolationStep::kAttached};
  return {RemappingMode::kPhysical, STATUS_SUCCESS, "all memory is visible"};
}

}  // namespace gpudmar::dxgkrnl
