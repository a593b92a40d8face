// SPDX-License-Identifier: Apache-2.0
// The first-light scenario on the RTL, one program per variant of the machine: what it must show besides
// "pass".
#include "sim/scenario/first_light.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/support/covers.h"
#include "tests/support/sc_harness.h"

namespace gpudmar::test {

constexpr unsigned kPipe = FIRST_LIGHT_PIPE;
constexpr unsigned kAdapters = FIRST_LIGHT_ADAPTERS;
constexpr bool kRough = FIRST_LIGHT_ROUGH != 0;

sim::MachineConfig machine_config() {
  sim::MachineConfig config;
  config.pipe = kPipe;
  config.adapters = kAdapters;
  config.memory.latency = 20;
  config.vram.latency = 20;
  if (kRough) {
    config.seed = 20'260'101;
    for (sim::AxiMemoryConfig* memory : {&config.memory, &config.vram}) {
      memory->jitter = 40;
      memory->b_latency = 7;
      memory->ar_stall = memory->aw_stall = memory->w_stall = 0.1;
      memory->r_stall = memory->b_stall = 0.2;
      memory->out_of_order = true;
      memory->interleave = true;
      memory->read_at_first_beat = true;
      memory->write_at_wlast = true;
    }
  }
  return config;
}

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// Odd, and not a whole number of pages: the last burst, page and beat are partial.
constexpr std::uint64_t kBytes = 200 * 1024 + 1;
constexpr std::uint64_t kPages = (kBytes + hw::kPageSize - 1) / hw::kPageSize;

/// The scenario runs once; each test looks at another side of what it left.
class FirstLight : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::mt19937_64 random(machine().config().seed);
    std::vector<std::uint8_t> data(kBytes);
    for (std::uint8_t& byte : data) byte = static_cast<std::uint8_t>(random());
    result = sim::run_first_light(machine(), data, machine().config().seed);
  }
  static const sim::StepCounts& step(const std::string& name) {
    for (const sim::StepResult& s : result.steps)
      if (s.name == name) return s.counts;
    ADD_FAILURE() << "no step \"" << name << "\"";
    static const sim::StepCounts kNone;
    return kNone;
  }
  static inline sim::FirstLightResult result;
};

TEST_F(FirstLight, Passes) {
  // 40 address bits under memory above 1 TiB: only logical mode, with every function in the one domain, gets
  // here.
  covers("R6", "R15");
  EXPECT_TRUE(result.passed);
  EXPECT_THAT(result.failures, IsEmpty());
  EXPECT_EQ(machine().violations().count(), 0U);
}

TEST_F(FirstLight, EveryByteArrivesTwice) {
  covers("G2");
  EXPECT_EQ(result.bytes_verified, 2 * kBytes);
  // Into VRAM and back, by each of two engines or twice by one; the rest of a run moves some bytes too.
  std::uint64_t copied = 0;
  for (const sim::StepResult& s : result.steps)
    if (s.name.rfind("GPU", 0) == 0) copied += s.counts.bytes;
  EXPECT_EQ(copied, 4 * kBytes);
}

TEST_F(FirstLight, AfterFreeAdlEveryGpuIsBlocked) {
  if (kAdapters > 1) {
    covers("G5", "G12", "vtd.fault.05", "vtd.fault.06");
  } else {
    covers("G5", "vtd.fault.05", "vtd.fault.06");
  }
  EXPECT_EQ(step("FreeAdl, then use it").faults, 2U * kAdapters);
  EXPECT_EQ(step("GPU 0: beside every ADL").faults, 2U);
  constexpr std::uint64_t kAll = 2U * kAdapters + 2;
  EXPECT_EQ(result.faults_expected, kAll);
  EXPECT_EQ(result.faults_recorded, kAll);
  EXPECT_EQ(result.total.faults, kAll);  // and none in any other step
}

TEST_F(FirstLight, CallsAreExactlyTheExpected) {
  covers("R88", "R89");
  std::vector<std::string> names;
  for (const auto& [name, count] : result.ddi_calls) names.push_back(name);
  EXPECT_THAT(names,
              UnorderedElementsAre(
                  "DriverEntry", "DxgkInitialize", "DxgkCbAllocateAdl", "DxgkCbClosePhysicalMemoryObject",
                  "DxgkCbCreatePhysicalMemoryObject", "DxgkCbDestroyPhysicalMemoryObject", "DxgkCbFreeAdl",
                  "DxgkCbGetDeviceInformation", "DxgkCbMapMemory", "DxgkCbMapPhysicalMemory",
                  "DxgkCbOpenPhysicalMemoryObject", "DxgkCbQueueDpc", "DxgkCbUnmapMemory",
                  "DxgkCbUnmapPhysicalMemory", "DxgkDdiAddDevice", "DxgkDdiDpcRoutine", "DxgkDdiEscape",
                  "DxgkDdiInterruptRoutine", "DxgkDdiLinkDevice", "DxgkDdiQueryAdapterInfo",
                  "DxgkDdiRemoveDevice", "DxgkDdiStartDevice", "DxgkDdiStopDevice", "DxgkDdiUnload"));
  const auto count = [&](const char* name) { return result.ddi_calls.at(name); };
  // The driver has three objects of its own per function, two rings and their fences; the scenario has two
  // more.
  EXPECT_EQ(count("DxgkCbCreatePhysicalMemoryObject"), 3 * kAdapters + 2U);
  EXPECT_EQ(count("DxgkCbDestroyPhysicalMemoryObject"), 3 * kAdapters + 2U);
  EXPECT_EQ(count("DxgkCbAllocateAdl"), 3 * kAdapters + 2U);
  EXPECT_EQ(count("DxgkCbFreeAdl"), 3 * kAdapters + 2U);
  EXPECT_EQ(count("DxgkCbMapPhysicalMemory"), count("DxgkCbUnmapPhysicalMemory"));
  // One object was created without an adapter, one destroyed in the split form.
  EXPECT_EQ(count("DxgkCbOpenPhysicalMemoryObject"), 1U);
  EXPECT_EQ(count("DxgkCbClosePhysicalMemoryObject"), 1U);
  for (const char* name : {"DxgkDdiAddDevice", "DxgkDdiLinkDevice", "DxgkDdiStartDevice", "DxgkDdiStopDevice",
                           "DxgkDdiRemoveDevice"})
    EXPECT_EQ(count(name), kAdapters) << name;
  // Of the lead only: four for the link, six for each member.
  EXPECT_EQ(count("DxgkDdiQueryAdapterInfo"), 4U + 6 * kAdapters);
}

TEST_F(FirstLight, CountersOfTheHardwareFitTheSteps) {
  covers("vtd.counters");
  for (const char* name : {"GPU 0: object to VRAM", "GPU 0: VRAM to second object"}) {
    const sim::StepCounts& s = step(name);
    EXPECT_EQ(s.bytes, kBytes) << name;
    EXPECT_GE(s.walks, kPages) << name;  // every page is new to the IOTLB
    EXPECT_LT(s.misses, kPages / 2) << name << ": the engine asks for its pages ahead";
    EXPECT_GT(s.hits, 0U) << name;
    EXPECT_EQ(s.invalidations, 0U) << name;
    // The bus carries 32 bytes a cycle; a copy that beats it was not made through it.
    EXPECT_GE(s.cycles * 32, kBytes) << name;
  }
  EXPECT_GT(step("FreeAdl, then use it").invalidations, 0U);
  EXPECT_EQ(step("AllocateAdl").invalidations, 0U);  // CAP.CM is 0: a new mapping needs none
  const model::Scoreboard::Counters seen = machine().scoreboard().counters();
  EXPECT_EQ(seen.violations, 0U);
  EXPECT_EQ(seen.faults_recorded, result.total.faults);
  EXPECT_GT(seen.translated, 4 * kPages);
  EXPECT_EQ(seen.unannounced_changes, 0U);
}

TEST_F(FirstLight, ContractWasMeasuredAndKept) {
  covers("contract.iotlb_hit");
  for (const auto& [name, measurement] : machine().contract().measurements())
    EXPECT_EQ(measurement.breaches, 0U) << name;
  EXPECT_GT(machine().contract().measurements().at("iotlb_hit").occurrences, 0U);
}

}  // namespace
}  // namespace gpudmar::test
