// SPDX-License-Identifier: Apache-2.0
// How a logical adapter may reach memory: decided once, before StartDevice, from what the driver reports.
#pragma once

#include <cstdint>
#include <string>

namespace gpudmar::dxgkrnl {

/// How device addresses relate to memory.
enum class RemappingMode {
  kPhysical,   ///< addresses are page frame numbers, and nothing limits them
  kIsolation,  ///< addresses are page frame numbers, and only mapped pages are reachable (1:1)
  kLogical,    ///< addresses are logical pages of the adapter's own domain
};

/// What the driver answered.
struct ReportedCaps {
  bool physical_memory_caps_answered = false;  ///< QueryAdapterInfo 34 succeeded
  bool iommu_caps_answered = false;            ///< QueryAdapterInfo 35 succeeded
  /// The driver is older than both queries (before 2.9): DXGK_VIDMMCAPS alone tells of isolation.
  bool before_memory_caps = false;
  std::uint64_t highest_visible_address = ~0ULL;  ///< inclusive, unsigned (E20)
  bool isolation_supported = false;
  bool isolation_required = false;
  bool dma_remapping_supported = false;
  bool secure_mode_supported = false;  ///< DXGK_VIDMMCAPS, mirrors isolation_supported
  bool secure_mode_required = false;   ///< DXGK_VIDMMCAPS, mirrors isolation_required
  bool map_aperture2_supported = false;
};

/// The registry value IOMMUFlags (R24).
namespace iommu_flags {
inline constexpr std::uint32_t kEnabled = 0x01;          ///< make the domain
inline constexpr std::uint32_t kEnableMappings = 0x02;   ///< map memory into it; needs the former
inline constexpr std::uint32_t kEnableAttach = 0x04;     ///< attach the devices; needs the former
inline constexpr std::uint32_t kBypassDriverCap = 0x08;  ///< also for a driver without the capability
inline constexpr std::uint32_t kAllowFailure = 0x10;     ///< what can not be enabled fails no start
}  // namespace iommu_flags

/// How far 1:1 isolation goes.
enum class IsolationStep {
  kNone,
  kDomain,    ///< a domain, empty
  kMappings,  ///< what the driver allocates is mapped in it
  kAttached,  ///< the devices are attached
};

/// What the system wants where the driver leaves it a choice.
struct StartPolicy {
  bool force_logical = false;  ///< logical mode wherever driver and machine can (R8)
  bool isolation = false;      ///< 1:1 isolation where logical mode is not needed and the driver supports it
  std::uint32_t flags = 0;     ///< of iommu_flags: the same, as the developer's switch has it
};

/// The outcome: `status` is STATUS_SUCCESS, or why the adapter does not start.
struct StartDecision {
  RemappingMode mode = RemappingMode::kPhysical;
  std::int32_t status = 0;  ///< NTSTATUS
  std::string reason;
  IsolationStep step = IsolationStep::kNone;  ///< kIsolation: the last two; kDomain goes with kPhysical
};

/// Rules R4 to R14, R17 and R24. `highest_ram`: last byte of installed RAM.
[[nodiscard]] StartDecision decide_start(const ReportedCaps& caps, bool iommu_present,
                                         std::uint64_t highest_ram, const StartPolicy& policy);

}  // namespace gpudmar::dxgkrnl
