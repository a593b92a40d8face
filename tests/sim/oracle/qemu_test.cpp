// SPDX-License-Identifier: Apache-2.0
// The RTL against QEMU, and the proof that the comparison notices when one of them is wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include "sim/oracle/campaign.h"
#include "sim/oracle/qemu_machine.h"
#include "sim/oracle/rtl_machine.h"
#include "tests/support/covers.h"

namespace gpudmar::oracle {
namespace {

namespace fs = std::filesystem;

std::uint64_t number(const char* variable, std::uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 0) : otherwise;
}

class Oracle : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string program = find_qemu("");
    if (program.empty()) {
      const char* const ci = std::getenv("CI");
      const bool must = ci != nullptr && (std::string(ci) == "true" || std::string(ci) == "1");
      if (must) FAIL() << "qemu-system-x86_64 is not installed";
      GTEST_SKIP() << "qemu-system-x86_64 is not installed: apt-get install qemu-system-x86";
    }
    std::string name = (fs::temp_directory_path() / "oracle-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    rtl_ = std::make_unique<RtlMachine>(std::vector<std::string>{GPUDMAR_ORACLE, "serve"}, name, 1);
    qemu_ = std::make_unique<QemuMachine>(program, name);
  }
  void TearDown() override {
    qemu_.reset();
    rtl_.reset();
    if (!directory_.empty()) fs::remove_all(directory_);
  }

  CampaignResult run(std::uint64_t cases, std::size_t shrink_runs = 0, std::size_t give_up = 1) {
    CampaignOptions options;
    options.cases = cases;
    options.seed = number("GPUDMAR_SEED", 1);
    options.give_up = give_up;
    options.shrink_runs = shrink_runs;
    options.again = std::string(GPUDMAR_ORACLE) + " --cases 1 --seed SEED";
    return run_campaign(*qemu_, *rtl_, options, told_);
  }

  /// A unit with this fault is found within some hundred cases.
  void expect_found(Tamper tamper) {
    constexpr std::uint64_t kCases = 400;
    rtl_->tamper(std::move(tamper));
    EXPECT_EQ(run(kCases).mismatches.size(), 1U) << "not found in " << kCases << " cases";
    EXPECT_THAT(told_.str(), ::testing::Not(::testing::HasSubstr("own checkers"))) << "not by the comparison";
  }

  std::string directory_;
  std::unique_ptr<QemuMachine> qemu_;
  std::unique_ptr<RtlMachine> rtl_;
  std::ostringstream told_;
};

/// The level of a second-stage entry by the text of its store; 0: another entry.
unsigned level_of(const Store& store) {
  const std::size_t at = store.what.find(" level ");
  return at == std::string::npos ? 0 : static_cast<unsigned>(store.what[at + 7] - '0');
}

TEST_F(Oracle, the_rtl_does_what_qemu_does) {
  test::covers("vtd.random.qemu");
  const std::uint64_t cases = number("GPUDMAR_ORACLE_CASES", 2000);
  const CampaignResult result = run(cases, 200, 3);
  EXPECT_THAT(result.mismatches, ::testing::IsEmpty()) << told_.str();
  EXPECT_EQ(result.cases, cases);
  EXPECT_EQ(rtl_->end(), 0) << std::ifstream(directory_ + "/rtl.log").rdbuf();
  // Nothing of what cases are for has gone missing: accesses that succeed, and every reason that both units
  // know.
  if (cases < 1000) return;
  EXPECT_GT(result.accesses, 2 * cases);
  EXPECT_GT(result.blocked, result.accesses / 10);
  EXPECT_GT(result.accesses - result.blocked, result.accesses / 10);
  std::vector<unsigned> reasons;
  for (const auto& [reason, count] : result.reasons) reasons.push_back(reason);
  EXPECT_THAT(reasons, ::testing::IsSupersetOf({1U, 2U, 3U, 4U, 5U, 6U, 7U, 9U, 0xAU, 0xBU, 0xCU}));
}

// Each: what a unit with that mistake would do, made by changing what the RTL is told or what it answers.
TEST_F(Oracle, a_permission_of_a_level_that_is_not_checked_is_found) {
  test::covers("vtd.random.qemu");
  Tamper tamper;
  tamper.store = [](Store& store) {
    if (level_of(store) == 2 && (store.value & 3) != 0) store.value |= 2;
  };
  expect_found(std::move(tamper));
}

TEST_F(Oracle, reserved_bits_that_are_not_checked_are_found) {
  Tamper tamper;
  tamper.store = [](Store& store) {
    if (level_of(store) != 0) store.value &= ~(0xFULL << 48);
  };
  expect_found(std::move(tamper));
}

TEST_F(Oracle, an_invalidation_that_does_nothing_is_found) {
  Tamper tamper;
  tamper.invalidation = [](Invalidation& invalidation) {
    if (invalidation.kind == Invalidation::Kind::kIotlb &&
        invalidation.granularity == Invalidation::kSelective)
      invalidation.address ^= 1ULL << 40;
  };
  expect_found(std::move(tamper));
}

TEST_F(Oracle, a_context_that_stays_cached_is_found) {
  Tamper tamper;
  tamper.invalidation = [](Invalidation& invalidation) {
    if (invalidation.kind == Invalidation::Kind::kContext &&
        invalidation.granularity != Invalidation::kGlobal)
      invalidation.granularity = Invalidation::kDomain, invalidation.did ^= 0x4000;
  };
  expect_found(std::move(tamper));
}

TEST_F(Oracle, a_wrong_reason_direction_source_or_page_is_found) {
  const std::vector<void (*)(Fault&)> lies = {
      [](Fault& fault) { fault.reason ^= fault.reason == 5 || fault.reason == 6 ? 3U : 0U; },
      [](Fault& fault) { fault.write = !fault.write; },
      [](Fault& fault) { fault.source ^= 0x100; },
      [](Fault& fault) { fault.page ^= 1ULL << 47; },
  };
  for (const auto& lie : lies) {
    Tamper tamper;
    tamper.observation = [&](const Access&, Observation& seen) {
      for (Fault& fault : seen.faults) lie(fault);
    };
    expect_found(std::move(tamper));
  }
}

TEST_F(Oracle, one_wrong_byte_and_a_lost_record_are_found) {
  Tamper tamper;
  tamper.observation = [](const Access& access, Observation& seen) {
    if (access.bytes > 64 && !seen.after.empty() && !seen.after.back().empty()) seen.after.back().back() ^= 1;
  };
  expect_found(std::move(tamper));
  tamper.observation = [](const Access&, Observation& seen) { seen.faults.clear(); };
  expect_found(std::move(tamper));
  tamper.observation = [](const Access& access, Observation& seen) {
    if (!access.write && !seen.data.empty()) seen.data.front() ^= 0x80;
  };
  expect_found(std::move(tamper));
}

TEST_F(Oracle, a_mismatch_is_shrunk_and_told_with_its_seed) {
  Tamper tamper;
  tamper.store = [](Store& store) {
    if (level_of(store) == 2 && (store.value & 3) != 0) store.value |= 2;
  };
  rtl_->tamper(std::move(tamper));
  const CampaignResult result = run(400, 300);
  ASSERT_EQ(result.mismatches.size(), 1U);
  const std::string told = told_.str();
  EXPECT_THAT(told, ::testing::HasSubstr("MISMATCH, seed " + std::to_string(result.mismatches[0])));
  EXPECT_THAT(told, ::testing::ContainsRegex("accesses became 1 in"));
  EXPECT_THAT(told, ::testing::HasSubstr("=> "));
  EXPECT_THAT(told, ::testing::HasSubstr("--cases 1 --seed " + std::to_string(result.mismatches[0])));
}

}  // namespace
}  // namespace gpudmar::oracle
