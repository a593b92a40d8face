// SPDX-License-Identifier: Apache-2.0
// The decision between physical and logical mode, all combinations of what counts.
#include "driver-model/dxgkrnl/start_decision.h"

#include <gtest/gtest.h>

#include "tests/support/covers.h"
#include "wdm.h"

namespace gpudmar::dxgkrnl {
namespace {

constexpr std::uint64_t kTop = (1ULL << 40) + (4ULL << 30) - 1;  // last byte of RAM

ReportedCaps full(std::uint64_t visible) {
  ReportedCaps caps;
  caps.physical_memory_caps_answered = caps.iommu_caps_answered = true;
  caps.highest_visible_address = visible;
  caps.isolation_supported = caps.secure_mode_supported = true;
  caps.dma_remapping_supported = caps.map_aperture2_supported = true;
  return caps;
}

TEST(StartDecisionTest, MemoryBeyondTheDeviceNeedsLogicalMode) {
  test::covers("R5", "R6", "R9", "R14");
  const ReportedCaps caps = full((1ULL << 40) - 1);
  EXPECT_EQ(decide_start(caps, true, kTop, {}).mode, RemappingMode::kLogical);
  EXPECT_EQ(decide_start(caps, true, kTop, {}).status, STATUS_SUCCESS);
  EXPECT_EQ(decide_start(caps, false, kTop, {}).status, STATUS_NOT_SUPPORTED) << "no IOMMU";
  ReportedCaps lacking = caps;
  lacking.dma_remapping_supported = false;
  EXPECT_EQ(decide_start(lacking, true, kTop, {}).status, STATUS_NOT_SUPPORTED);
  lacking = caps;
  lacking.map_aperture2_supported = false;
  EXPECT_EQ(decide_start(lacking, true, kTop, {}).status, STATUS_NOT_SUPPORTED);
  lacking = caps;
  lacking.isolation_supported = lacking.secure_mode_supported = false;
  EXPECT_EQ(decide_start(lacking, true, kTop, {}).status, STATUS_NOT_SUPPORTED);
}

TEST(StartDecisionTest, EqualityIsEnoughAndOnePageLessIsNot) {
  test::covers("R7", "E20");
  ReportedCaps caps = full(kTop);
  caps.dma_remapping_supported = false;
  EXPECT_EQ(decide_start(caps, true, kTop, {}).status, STATUS_SUCCESS);
  caps.highest_visible_address = kTop - 0x1000;
  EXPECT_EQ(decide_start(caps, true, kTop, {}).status, STATUS_NOT_SUPPORTED);
  caps.highest_visible_address = ~0ULL;  // QuadPart = -1
  EXPECT_EQ(decide_start(caps, true, kTop, {}).status, STATUS_SUCCESS);
}

TEST(StartDecisionTest, LogicalModeIsNotTakenWithoutNeed) {
  test::covers("R8", "R17");
  const ReportedCaps caps = full(~0ULL);
  EXPECT_EQ(decide_start(caps, true, kTop, {}).mode, RemappingMode::kPhysical);
  EXPECT_EQ(decide_start(caps, true, kTop, {true, false}).mode, RemappingMode::kLogical);
  EXPECT_EQ(decide_start(caps, false, kTop, {true, false}).mode, RemappingMode::kPhysical);
  EXPECT_EQ(decide_start(caps, false, kTop, {true, false}).status, STATUS_SUCCESS);
  ReportedCaps integrated;
  integrated.physical_memory_caps_answered = integrated.iommu_caps_answered = true;
  integrated.highest_visible_address = kTop;
  EXPECT_EQ(decide_start(integrated, true, kTop, {}).status, STATUS_SUCCESS);
}

TEST(StartDecisionTest, OlderDriversCountAsWithoutCaps) {
  test::covers("R4");
  ReportedCaps caps = full((1ULL << 40) - 1);
  caps.iommu_caps_answered = false;
  EXPECT_EQ(decide_start(caps, true, kTop, {}).status, STATUS_NOT_SUPPORTED);
  caps = full(0);
  caps.physical_memory_caps_answered = false;
  EXPECT_EQ(decide_start(caps, true, kTop, {true, false}).mode, RemappingMode::kPhysical);
  EXPECT_EQ(decide_start(caps, true, kTop, {true, false}).status, STATUS_SUCCESS);
}

TEST(StartDecisionTest, MirroredCapsMustAgree) {
  test::covers("R10", "R11", "R12");
  ReportedCaps caps = full(~0ULL);
  caps.secure_mode_supported = false;
  EXPECT_EQ(decide_start(caps, true, kTop, {}).status, STATUS_INVALID_PARAMETER);
  caps = full(~0ULL);
  caps.isolation_required = true;
  EXPECT_EQ(decide_start(caps, true, kTop, {}).status, STATUS_INVALID_PARAMETER);
  caps.secure_mode_required = true;
  EXPECT_EQ(decide_start(caps, true, kTop, {}).status, STATUS_SUCCESS);
  caps.isolation_supported = caps.secure_mode_supported = false;
  EXPECT_EQ(decide_start(caps, true, kTop, {}).status, STATUS_INVALID_PARAMETER);
}

TEST(StartDecisionTest, RequiredIsolationNeedsAnIommu) {
  test::covers("R13");
  ReportedCaps caps = full(~0ULL);
  caps.isolation_required = caps.secure_mode_required = true;
  EXPECT_EQ(decide_start(caps, false, kTop, {}).status, STATUS_NOT_SUPPORTED);
  EXPECT_EQ(decide_start(caps, true, kTop, {}).mode, RemappingMode::kIsolation);
  EXPECT_EQ(decide_start(caps, true, kTop, {}).status, STATUS_SUCCESS);
  EXPECT_EQ(decide_start(caps, true, kTop, {true, false}).mode, RemappingMode::kLogical);
  caps.dma_remapping_supported = false;
  EXPECT_EQ(decide_start(caps, true, kTop, {true, false}).mode, RemappingMode::kIsolation);
  caps.highest_visible_address = (1ULL << 40) - 1;
  EXPECT_EQ(decide_start(caps, true, kTop, {}).status, STATUS_NOT_SUPPORTED);
}

TEST(StartDecisionTest, IsolationIsAMatterOfPolicyCapabilityAndMachine) {
  test::covers("R8", "R17");
  const StartPolicy on{false, true};
  ReportedCaps caps = full(~0ULL);
  EXPECT_EQ(decide_start(caps, true, kTop, on).mode, RemappingMode::kIsolation);
  EXPECT_EQ(decide_start(caps, true, kTop, {}).mode, RemappingMode::kPhysical);
  EXPECT_EQ(decide_start(caps, false, kTop, on).mode, RemappingMode::kPhysical);
  EXPECT_EQ(decide_start(caps, false, kTop, on).status, STATUS_SUCCESS);
  EXPECT_EQ(decide_start(caps, true, kTop, {true, true}).mode, RemappingMode::kLogical);
  EXPECT_EQ(decide_start(full((1ULL << 40) - 1), true, kTop, on).mode, RemappingMode::kLogical) << "needed";
  caps.dma_remapping_supported = caps.map_aperture2_supported = false;
  EXPECT_EQ(decide_start(caps, true, kTop, on).mode, RemappingMode::kIsolation);
  caps.isolation_supported = caps.secure_mode_supported = false;
  EXPECT_EQ(decide_start(caps, true, kTop, on).mode, RemappingMode::kPhysical);
  EXPECT_EQ(decide_start(caps, true, kTop, on).status, STATUS_SUCCESS);
}

// Every combination of what counts, against the rules said once more.
TEST(StartDecisionTest, AllCombinations) {
  test::covers("R4", "R5", "R6", "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R17");
  for (unsigned bits = 0; bits < 1U << 13; ++bits) {
    unsigned at = 0;
    const auto take = [&] { return (bits >> at++ & 1) != 0; };
    ReportedCaps caps;
    caps.physical_memory_caps_answered = take();
    caps.iommu_caps_answered = take();
    caps.isolation_supported = take();
    caps.isolation_required = take();
    caps.dma_remapping_supported = take();
    caps.secure_mode_supported = take();
    caps.secure_mode_required = take();
    caps.map_aperture2_supported = take();
    const bool visible = take();
    caps.highest_visible_address = visible ? kTop : kTop - 0x1000;
    const bool iommu = take();
    const StartPolicy policy{take(), take()};
    const StartDecision decision = decide_start(caps, iommu, kTop, policy);
    SCOPED_TRACE(bits);

    const bool answered = caps.physical_memory_caps_answered && caps.iommu_caps_answered;
    if (answered && (caps.isolation_supported != caps.secure_mode_supported ||
                     caps.isolation_required != caps.secure_mode_required ||
                     (caps.isolation_required && !caps.isolation_supported))) {
      ASSERT_EQ(decision.status, STATUS_INVALID_PARAMETER);
      continue;
    }
    const bool sees_all = !caps.physical_memory_caps_answered || visible;
    const bool remaps = answered && iommu && caps.dma_remapping_supported && caps.isolation_supported &&
                        caps.map_aperture2_supported;
    if (!sees_all && !remaps) {
      ASSERT_EQ(decision.status, STATUS_NOT_SUPPORTED);
      continue;
    }
    const bool required = answered && caps.isolation_required;
    if (required && !iommu) {
      ASSERT_EQ(decision.status, STATUS_NOT_SUPPORTED);
      continue;
    }
    RemappingMode mode = RemappingMode::kPhysical;
    if (required || (policy.isolation && answered && iommu && caps.isolation_supported))
      mode = RemappingMode::kIsolation;
    if (remaps && (!sees_all || policy.force_logical)) mode = RemappingMode::kLogical;
    ASSERT_EQ(decision.status, STATUS_SUCCESS);
    ASSERT_EQ(decision.mode, mode);
  }
}

}  // namespace
}  // namespace gpudmar::dxgkrnl
