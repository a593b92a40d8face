// SPDX-License-Identifier: Apache-2.0
// The translation caches of the RTL, seen by the bench on a whole machine: what a copy leaves in them, and a
// stale entry, planted by turning the invalidation that should have removed it into another domain's.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "sim/scenario/scenario.h"
#include "tests/support/covers.h"
#include "tests/support/sc_harness.h"

namespace gpudmar::test {

sim::MachineConfig machine_config() {
  sim::MachineConfig config;
  config.pipe = CACHED_PIPE;
  config.memory.latency = 20;
  return config;
}

namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::uint64_t kPages = 4;

/// Changes a qword right after the CPU published it.
class Tamper final : public sim::MemoryObserver {
 public:
  void published(hw::PhysAddr address, std::size_t bytes) override {
    if (!change || bytes > 4096) return;
    sim::SparseMemory& memory = machine().board().memory().device();
    for (hw::PhysAddr at = address & ~7ULL; at < address + bytes; at += 8) {
      std::uint64_t value = 0;
      if (!memory.read(at, &value, sizeof value)) continue;
      const std::uint64_t changed = change(value);
      if (changed != value) (void)memory.write(at, &changed, sizeof changed);
    }
  }
  void refreshed(hw::PhysAddr /*address*/, std::size_t /*bytes*/) override {}
  std::function<std::uint64_t(std::uint64_t)> change;
};

class CachedTranslations : public ::testing::Test {
 protected:
  void SetUp() override {
    machine().reset(true);
    machine().board().violations().clear();
    machine().board().memory().add_observer(tamper);
  }
  void TearDown() override {
    machine().board().memory().remove_observer(tamper);
    machine().board().violations().clear();
  }
  sim::ScenarioResult run(const std::string& steps) {
    const std::string text = R"({"schema": 1, "name": "t", "about": "t", "machine": {"pipe": )" +
                             std::to_string(CACHED_PIPE) + R"(, "memory": {"latency": 20}}, "steps": [)" +
                             steps + "]}";
    sim::RunChoices choices;
    choices.on_kernel = [this](dxgkrnl::Kernel& kernel) { on_kernel(kernel); };
    return sim::run_scenario(machine(), sim::parse_scenario(text, "t.json"), 7, choices);
  }
  static std::vector<std::string> messages(const std::string& rule) {
    std::vector<std::string> all;
    for (const sim::Violation& violation : machine().violations().list())
      if (violation.rule == rule) all.push_back(violation.message);
    return all;
  }
  static std::vector<sim::CachedTranslation> cached() {
    return machine().board().dut().cached_translations();
  }
  std::function<void(dxgkrnl::Kernel&)> on_kernel = [](dxgkrnl::Kernel&) {};
  Tamper tamper;
};

constexpr const char* kCopy = R"(
  {"do": "create", "name": "a", "type": "mdl", "size": "16K", "low": "1T"},
  {"do": "adl", "name": "a", "adl": "a"},
  {"do": "copy", "gpu": 0, "from": {"adl": "a"}, "to": {"vram": 0}, "size": "16K"})";
constexpr const char* kFree = R"(, {"do": "free", "adl": "a"}, {"do": "destroy", "name": "a"})";

TEST_F(CachedTranslations, ACopyLeavesItsPagesAndTheWayToThem) {
  covers("G5");
  // When the ADL's release begins nothing of it has been invalidated.
  std::vector<sim::CachedTranslation> seen;
  std::vector<std::uint64_t> numbers, frames;
  on_kernel = [&](dxgkrnl::Kernel& kernel) {
    kernel.calls().watch([&](const dxgkrnl::CallRecord& record, bool finished) {
      if (record.name != "DxgkCbFreeAdl" || finished || !numbers.empty()) return;
      seen = cached();
      const auto& args = *static_cast<const DXGKARGCB_FREE_ADL*>(record.arguments);
      const auto object = kernel.memory().object(args.hAdapterMemoryObject);
      for (std::uint64_t i = 0; i < args.pAdl->PageCount; ++i)
        numbers.push_back(args.pAdl->Flags.Contiguous != 0 ? args.pAdl->BasePageNumber + i
                                                           : args.pAdl->Pages[i]);
      frames = object->page_frames;
    });
  };
  const auto result = run(std::string(kCopy) + kFree);
  EXPECT_TRUE(result.passed) << fmt::format("{}", fmt::join(result.failures, "\n"));
  ASSERT_EQ(numbers.size(), kPages);
  for (std::uint64_t i = 0; i < kPages; ++i) {
    const auto entry = std::find_if(seen.begin(), seen.end(), [&](const sim::CachedTranslation& candidate) {
      return candidate.table_level == 0 && candidate.page == numbers[i];
    });
    ASSERT_NE(entry, seen.end()) << "page " << i;
    EXPECT_EQ(entry->frame, frames[i]);
    EXPECT_EQ(entry->page_shift, 12U);
    EXPECT_TRUE(entry->readable && entry->writable);
    EXPECT_NE(entry->did, 0U);
  }
  for (unsigned level = 1; level <= 3; ++level)
    EXPECT_TRUE(std::any_of(seen.begin(), seen.end(), [&](const sim::CachedTranslation& entry) {
      return entry.table_level == level && entry.page == numbers[0] >> (9 * level) << (9 * level);
    })) << level;
  EXPECT_THAT(cached(), IsEmpty()) << "the domain is gone";
}

TEST_F(CachedTranslations, AnEntryThatOutlivesItsMappingIsFound) {
  covers("G5");
  bool armed = false;
  unsigned changed = 0;
  on_kernel = [&](dxgkrnl::Kernel& kernel) {
    kernel.calls().watch([&](const dxgkrnl::CallRecord& record, bool finished) {
      if (record.name == "DxgkCbFreeAdl") armed = !finished && changed == 0;
    });
  };
  // IOTLB invalidation descriptors: type 2, granularity in bits 5:4, domain-id in 31:16 (VT-d 5.3).
  tamper.change = [&](std::uint64_t value) {
    if (!armed || (value & 0xF) != 2 || (value >> 4 & 3) == 0 || value >> 32 != 0) return value;
    ++changed;
    return value ^ std::uint64_t{1} << 31;
  };
  const auto result = run(std::string(kCopy) + kFree);
  EXPECT_GT(changed, 0U);
  EXPECT_FALSE(result.passed);
  EXPECT_THAT(messages("guarantee.G5"), Contains(HasSubstr("the IOTLB has number")));
  EXPECT_THAT(messages("guarantee.G5"), Contains(HasSubstr("the tables lead nowhere")));
  EXPECT_THAT(messages("guarantee.G2"), IsEmpty()) << "the tables are right";
}

}  // namespace
}  // namespace gpudmar::test
