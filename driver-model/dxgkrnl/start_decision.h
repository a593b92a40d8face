// SPDX-License-Identifier: Apache-2.0
// How a logical adapter may reach memory: decided once, before StartDevice, from what the driver reports.
#pragma once

#include <cstdint>
#include <string>

namespace gpudmar::dxgkrnl {

/// How device addresses relate to memory.
enum class RemappingMode {
  kPhysical,  ///< addresses are page frame numbers, translation is off
  kLogical,   ///< addresses are logical pages of the adapter's own domain
};

/// What the driver answered.
struct ReportedCaps {
  bool physical_memory_caps_answered = false;     ///< QueryAdapterInfo 34 succeeded
  bool iommu_caps_answered = false;               ///< QueryAdapterInfo 35 succeeded
  std::uint64_t highest_visible_address = ~0ULL;  ///< inclusive, unsigned (E20)
  bool isolation_supported = false;
  bool isolation_required = false;
  bool dma_remapping_supported = false;
  bool secure_mode_supported = false;  ///< DXGK_VIDMMCAPS, mirrors isolation_supported
  bool secure_mode_required = false;   ///< DXGK_VIDMMCAPS, mirrors isolation_required
  bool map_aperture2_supported = false;
};

/// The outcome: `status` is STATUS_SUCCESS, or why the adapter does not start.
struct StartDecision {
  RemappingMode mode = RemappingMode::kPhysical;
  std::int32_t status = 0;  ///< NTSTATUS
  std::string reason;
};

/// Rules R4 to R14 and R17. `highest_ram`: last byte of installed RAM. `force_logical`: use logical mode
/// wherever the driver and the machine can, even when the device sees all memory (R8).
[[nodiscard]] StartDecision decide_start(const ReportedCaps& caps, bool iommu_present,
                                         std::uint64_t highest_ram, bool force_logical);

}  // namespace gpudmar::dxgkrnl
