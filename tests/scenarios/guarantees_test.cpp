// SPDX-License-Identifier: Apache-2.0
// The guarantees fire on a whole machine too: tables, traffic and software are tampered with behind the
// graphics kernel's back while scenarios run. And what a scenario's failure says.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sim/scenario/scenario.h"
#include "tests/support/covers.h"
#include "tests/support/sc_harness.h"

namespace gpudmar::test {

sim::MachineConfig machine_config() {
  sim::MachineConfig config;
  config.memory.latency = 20;
  return config;
}

namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::uint64_t kAddress = 0x000F'FFFF'FFFF'F000ULL;

/// Changes a qword right after the CPU published it: `change` gets address and value and answers the new
/// value.
class Tamper final : public sim::MemoryObserver {
 public:
  void published(hw::PhysAddr address, std::size_t bytes) override {
    if (!change || bytes > 4096) return;
    sim::SparseMemory& memory = machine().board().memory().device();
    for (hw::PhysAddr at = address & ~7ULL; at < address + bytes; at += 8) {
      std::uint64_t value = 0;
      if (!memory.read(at, &value, sizeof value)) continue;
      const std::uint64_t changed = change(at, value);
      if (changed != value) (void)memory.write(at, &changed, sizeof changed);
    }
  }
  void refreshed(hw::PhysAddr /*address*/, std::size_t /*bytes*/) override {}
  std::function<std::uint64_t(hw::PhysAddr, std::uint64_t)> change;
};

class Guarantees : public ::testing::Test {
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
  sim::ScenarioResult run(const std::string& steps, const sim::RunChoices& choices = {},
                          const std::string& more_machine = "") {
    const std::string text =
        R"({"schema": 1, "name": "t", "about": "t", "machine": {"memory": {"latency": 20})" + more_machine +
        R"(}, "steps": [)" + steps + "]}";
    return sim::run_scenario(machine(), sim::parse_scenario(text, "t.json"), 7, choices);
  }
  static std::vector<std::string> rules() {
    std::vector<std::string> all;
    for (const sim::Violation& violation : machine().violations().list()) all.push_back(violation.rule);
    return all;
  }
  static std::string all(const sim::ScenarioResult& result) {
    return fmt::format("{}", fmt::join(result.failures, "\n"));
  }
  Tamper tamper;
};

constexpr const char* kOneAdl = R"(
  {"do": "create", "name": "a", "type": "mdl", "size": "16K", "low": "1T"},
  {"do": "adl", "name": "a", "adl": "a"})";
constexpr const char* kEnd = R"(,
  {"do": "free", "adl": "a"}, {"do": "destroy", "name": "a"})";

TEST_F(Guarantees, HoldWhenNobodyTampers) {
  const auto result = run(std::string(kOneAdl) + kEnd);
  EXPECT_TRUE(result.passed) << all(result);
  for (const char* rule : {"G1", "G2", "G3", "G4", "G5", "G6", "G7", "G12", "G21", "G22", "G23"})
    EXPECT_GT(result.guarantees.at(rule), 0U) << rule;
}

TEST_F(Guarantees, AnotherPageThanTheObjects) {
  covers("G2");
  tamper.change = [done = false](hw::PhysAddr, std::uint64_t value) mutable {
    if (done || (value & 3) != 3 || (value & kAddress) < 1ULL << 40) return value;
    done = true;
    return value ^ 0x10'0000;
  };
  const auto result = run(std::string(kOneAdl) + kEnd);
  EXPECT_FALSE(result.passed);
  EXPECT_THAT(rules(), Contains("guarantee.G2")) << all(result);
}

TEST_F(Guarantees, ALeafThatIsMissing) {
  covers("G3");
  tamper.change = [done = false](hw::PhysAddr, std::uint64_t value) mutable -> std::uint64_t {
    if (done || (value & 3) != 3 || (value & kAddress) < 1ULL << 40) return value;
    done = true;
    return 0;
  };
  const auto result = run(kOneAdl);
  EXPECT_THAT(rules(), Contains("guarantee.G3")) << all(result);
}

TEST_F(Guarantees, AnExtraPage) {
  covers("G4");
  // Behind the first leaf of the object, a thousand bytes on in the same table: nobody's number.
  tamper.change = [done = false](hw::PhysAddr at, std::uint64_t value) mutable {
    if (done || (value & 3) != 3 || (value & kAddress) < 1ULL << 40) return value;
    done = true;
    const hw::PhysAddr other = (at & ~0xFFFULL) + 0xFF8;
    (void)machine().board().memory().device().write(other, &value, sizeof value);
    return value;
  };
  const auto result = run(std::string(kOneAdl) + kEnd);
  EXPECT_THAT(rules(), Contains("guarantee.G4")) << all(result);
}

TEST_F(Guarantees, ALeafThatStaysAfterFreeAdl) {
  covers("G5");
  // What is cleared comes back.
  std::map<hw::PhysAddr, std::uint64_t> leaves;
  tamper.change = [&](hw::PhysAddr at, std::uint64_t value) {
    if ((value & 3) == 3 && (value & kAddress) >= 1ULL << 40) leaves[at] = value;
    return value == 0 && leaves.count(at) != 0 ? leaves[at] : value;
  };
  const auto result = run(std::string(kOneAdl) + kEnd);
  EXPECT_THAT(rules(), Contains("guarantee.G5")) << all(result);
}

TEST_F(Guarantees, AnEntryIntoTheInterruptWindow) {
  covers("G23");
  tamper.change = [done = false](hw::PhysAddr at, std::uint64_t value) mutable {
    if (done || (value & 3) != 3 || (value & kAddress) < 1ULL << 40) return value;
    done = true;
    const std::uint64_t window = 0xFEE0'0003;
    (void)machine().board().memory().device().write((at & ~0xFFFULL) + 0xFF0, &window, sizeof window);
    return value;
  };
  const auto result = run(std::string(kOneAdl) + kEnd);
  EXPECT_THAT(rules(), Contains("guarantee.G23")) << all(result);
}

TEST_F(Guarantees, AMemberWithoutContextEntryAtStartDevice) {
  covers("G1");
  // Root entry, context entry, and the same for the second GPU: the last of the four goes.
  tamper.change = [seen = 0](hw::PhysAddr at, std::uint64_t value) mutable -> std::uint64_t {
    const bool entry = (value & 0xFFF) == 1 && at % 16 == 0;
    return entry && ++seen == 4 ? 0 : value;
  };
  const auto result = run(std::string(kOneAdl) + kEnd);
  EXPECT_THAT(rules(), Contains("guarantee.G1")) << all(result);
}

TEST_F(Guarantees, TrafficToAPageOfNobody) {
  covers("G5");
  // Number 511 leads somewhere, and a GPU goes there.
  tamper.change = [done = false](hw::PhysAddr at, std::uint64_t value) mutable {
    if (done || (value & 3) != 3 || (value & kAddress) < 1ULL << 40) return value;
    done = true;
    const std::uint64_t other = value ^ 0x10'0000;
    (void)machine().board().memory().device().write((at & ~0xFFFULL) + 0xFF8, &other, sizeof other);
    return value;
  };
  const auto result =
      run(std::string(kOneAdl) +
          R"(, {"do": "probe", "address": "0x1FF000", "access": "read", "expect": "done"})" + kEnd);
  EXPECT_THAT(rules(), Contains("guarantee.G5")) << all(result);
  EXPECT_THAT(all(result), HasSubstr("no ADL of its link names that page")) << all(result);
}

TEST_F(Guarantees, AnInvalidationThatTheUnitHasNotDone) {
  covers("G6");
  // Once a leaf is cleared, the status of a wait stands before the unit has seen the wait.
  std::map<hw::PhysAddr, std::uint64_t> leaves;
  bool freeing = false;
  tamper.change = [&](hw::PhysAddr at, std::uint64_t value) {
    if ((value & 3) == 3 && (value & kAddress) >= 1ULL << 40) leaves[at] = value;
    freeing = freeing || (value == 0 && leaves.count(at) != 0);
    if (freeing && at % 16 == 0 && (value & 0xFFF) == 0x25) {
      std::uint64_t status = 0;
      const auto token = static_cast<std::uint32_t>(value >> 32);
      (void)machine().board().memory().device().read(at + 8, &status, sizeof status);
      (void)machine().board().memory().device().write(status, &token, sizeof token);
    }
    return value;
  };
  const auto result = run(std::string(kOneAdl) + kEnd);
  EXPECT_THAT(rules(), Contains("guarantee.G6")) << all(result);
}

TEST_F(Guarantees, ALeafThatPermitsMore) {
  covers("G10");
  tamper.change = [](hw::PhysAddr, std::uint64_t value) {
    return (value & 0x7FF) == 1 && (value & kAddress) >= 1ULL << 40 ? value | 2 : value;
  };
  // Sections lie anywhere: as much is needed that some of it is above 1 TiB.
  const auto result = run(R"(
    {"do": "create", "name": "a", "type": "section", "size": "256K", "protection": "PAGE_READONLY"},
    {"do": "adl", "name": "a", "adl": "a"})" +
                          std::string(kEnd));
  EXPECT_THAT(rules(), Contains("guarantee.G10")) << all(result);
}

TEST_F(Guarantees, AMemberThatIsCutOff) {
  covers("G12");
  std::vector<hw::PhysAddr> entries;
  tamper.change = [&](hw::PhysAddr at, std::uint64_t value) {
    if ((value & 0xFFF) == 1 && at % 16 == 0) entries.push_back(at);
    if ((value & 3) == 3 && (value & kAddress) >= 1ULL << 40 && entries.size() >= 4) {
      const std::uint64_t none = 0;
      (void)machine().board().memory().device().write(entries[3], &none, sizeof none);
    }
    return value;
  };
  const auto result = run(std::string(kOneAdl) + kEnd);
  EXPECT_THAT(rules(), Contains("guarantee.G12")) << all(result);
}

TEST_F(Guarantees, AnotherLinkOnTheSameTables) {
  covers("G13");
  std::vector<std::pair<hw::PhysAddr, std::uint64_t>> entries;
  tamper.change = [&](hw::PhysAddr at, std::uint64_t value) {
    if ((value & 0xFFF) == 1 && at % 16 == 0) entries.emplace_back(at, value);
    if ((value & 3) == 3 && (value & kAddress) >= 1ULL << 40 && entries.size() >= 4)
      (void)machine().board().memory().device().write(entries[3].first, &entries[1].second, 8);
    return value;
  };
  const auto result = run(std::string(kOneAdl) + kEnd, {}, R"(, "links": [[0], [1]])");
  EXPECT_THAT(rules(), Contains("guarantee.G13")) << all(result);
}

TEST_F(Guarantees, AnotherBusAddressThanThePeers) {
  covers("G19");
  tamper.change = [](hw::PhysAddr, std::uint64_t value) {
    return (value & 3) == 3 && (value & kAddress) == 0xD000'1000 ? value + 0x1000 : value;
  };
  const auto result = run(R"(
    {"do": "create", "name": "a", "type": "io_space", "base": "0xD0000000", "size": "16K", "cache": "non_cached"},
    {"do": "adl", "name": "a", "adl": "a"})" +
                          std::string(kEnd));
  EXPECT_THAT(rules(), Contains("guarantee.G19")) << all(result);
}

TEST_F(Guarantees, AFailedCallThatKeepsAPage) {
  covers("G20");
  // The first chunk is there and cleared, the second can not be had; a page goes in between.
  dxgkrnl::Kernel* kernel = nullptr;
  sim::RunChoices choices;
  choices.on_kernel = [&](dxgkrnl::Kernel& made) { kernel = &made; };
  tamper.change = [&, done = false](hw::PhysAddr at, std::uint64_t value) mutable {
    if (!done && at == 1ULL << 40) {
      done = true;
      EXPECT_TRUE(kernel->pages().allocate(1, {4ULL << 30, (6ULL << 30) - 1}, false));
    }
    return value;
  };
  const auto result = run(R"(
    {"do": "create", "name": "a", "type": "mdl", "size": "8K", "step": "4K", "flags": 32, "low": "1T",
     "high": "0x10000000FFF", "expect": "STATUS_NO_MEMORY"})",
                          choices);
  EXPECT_THAT(rules(), Contains("guarantee.G20")) << all(result);
}

TEST_F(Guarantees, ARecordThatNobodyHearsOf) {
  covers("G21");
  // The fault event is masked behind the driver's back.
  tamper.change = [done = false](hw::PhysAddr, std::uint64_t value) mutable {
    if (done || (value & 3) != 3 || (value & kAddress) < 1ULL << 40) return value;
    done = true;
    machine().platform().iommu->write32(0x038, 1U << 31);
    return value;
  };
  const auto result = run(
      std::string(kOneAdl) +
      R"(, {"do": "probe", "address": "0x1FF000", "access": "read", "expect": "blocked", "record": false})" +
      kEnd);
  EXPECT_THAT(rules(), Contains("guarantee.G21")) << all(result);
}

TEST_F(Guarantees, AFormerOwnersData) {
  covers("G22");
  tamper.change = [seen = 0](hw::PhysAddr at, std::uint64_t value) mutable {
    return at == (1ULL << 40) + 0x18 && ++seen == 2 ? 0x5EC4E7 : value;
  };
  const std::string once = R"({"do": "create", "name": "a", "type": "mdl", "size": "4K", "low": "1T",
    "high": "0x10000000FFF"}, {"do": "destroy", "name": "a"})";
  const auto result = run(once + "," + once);
  EXPECT_THAT(rules(), Contains("guarantee.G22")) << all(result);
}

// ---- What a failure says

TEST_F(Guarantees, AFailedStepNamesItsPlaceAndHowToRunItAgain) {
  const auto result = run("\n{\"do\": \"create\", \"name\": \"a\", \"type\": \"mdl\",\n\"size\": 0}");
  ASSERT_FALSE(result.passed);
  EXPECT_THAT(result.failures[0],
              AllOf(HasSubstr("t.json:2: create: STATUS_INVALID_PARAMETER instead of STATUS_SUCCESS"),
                    HasSubstr("cycle "), HasSubstr("seed 7")));
  EXPECT_EQ(result.failures.back(), "again: gpu-dmar run t.json --seed 7");
}

TEST_F(Guarantees, WrongExpectationsFail) {
  const auto fails = [&](const std::string& steps, const std::string& what) {
    machine().reset(true);
    machine().board().violations().clear();
    const auto result = run(steps);
    EXPECT_FALSE(result.passed) << steps;
    EXPECT_THAT(all(result), HasSubstr(what)) << steps;
  };
  const std::string one = std::string(kOneAdl) + ",";
  fails(R"({"do": "free", "adl": "x"})", "there is no ADL 'x'");
  fails(R"({"do": "wait", "cycles": "${j}"})", "no such variable");
  fails(one + R"({"do": "check", "name": "a", "pattern": 1})", "byte 0x0 is 0x00 instead of");
  fails(one + R"({"do": "probe", "adl": "a", "access": "read", "expect": "blocked"})", "was not blocked");
  fails(one + R"({"do": "probe", "address": "0x70000000", "access": "read", "expect": "done"})",
        "was blocked");
  fails(
      one +
          R"({"do": "probe", "address": "0x70000000", "access": "read", "expect": "blocked", "reason": "05"})",
      "no record of the read of 0x70000000");
  fails(one + R"({"do": "copy", "from": {"address": "0x70000000"}, "to": {"vram": 0}, "size": 64})",
        "STATUS_DEVICE_DATA_ERROR instead of STATUS_SUCCESS");
  fails(
      one +
          R"({"do": "copy", "from": {"adl": "a"}, "to": {"vram": 0}, "size": 64, "expect": "STATUS_DEVICE_DATA_ERROR"})",
      "STATUS_SUCCESS instead of STATUS_DEVICE_DATA_ERROR");
  fails(
      one +
          R"({"do": "copy", "from": {"address": "0x70000000"}, "to": {"vram": 0}, "size": 64, "wait": false},
             {"do": "wait_gpu"})",
      "the copy of line 3: ");
  fails(one + R"({"do": "destroy", "name": "a"})", "bugcheck 0x1e4");
  fails(one + R"({"do": "destroy", "name": "a", "expect": {"bugcheck": "0x1E4", "parameter": 6}})",
        "parameter 0x7");
  fails(one + R"({"do": "free", "adl": "a", "expect": {"bugcheck": "0x1E4"}})", "instead of a bugcheck");
  fails(
      one + R"({"do": "destroy", "name": "a", "expect": {"bugcheck": "0x1E4"}}, {"do": "free", "adl": "a"})",
      "only reboot may follow");
  fails(std::string(kOneAdl), "bugcheck");  // left alive at the end
  fails(R"({"do": "parallel", "threads": [[{"do": "free", "adl": "p"}], [{"do": "wait", "cycles": 5}]]})",
        "there is no ADL 'p'");
}

}  // namespace
}  // namespace gpudmar::test
