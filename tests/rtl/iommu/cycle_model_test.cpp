// SPDX-License-Identifier: Apache-2.0
// The cycle model in lock-step with the RTL over random traffic: every event in the predicted cycle.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>

#include "sim/model/cycle/compare.h"
#include "sim/model/cycle/machine.h"
#include "tests/rtl/iommu/cycle_traffic.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

namespace cycle = model::cycle;
using cycle::Event;
using cycle::Kind;

std::uint64_t number(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 0) : otherwise;
}

/// Of all runs of the program; written at its end when GPUDMAR_CYCLEMODEL_JSON names a file.
class Totals final : public ::testing::Environment {
 public:
  void add(const cycle::Comparison& comparison) {
    max_difference_ = std::max(max_difference_, comparison.max_difference());
    events_ += comparison.events();
    outside_ += comparison.outside();
  }
  void TearDown() override {
    const char* file = std::getenv("GPUDMAR_CYCLEMODEL_JSON");
    if (file == nullptr) return;
    std::ofstream(file) << fmt::format("{{\"max_difference\":{},\"events\":{},\"outside\":{}}}\n",
                                       max_difference_, events_, outside_);
  }

 private:
  std::uint64_t max_difference_ = 0, events_ = 0, outside_ = 0;
};
Totals& totals() {
  static auto* environment = new Totals;  // GoogleTest deletes it
  return *environment;
}
const auto* const kRegistered = ::testing::AddGlobalTestEnvironment(&totals());

class Memory final : public model::MemoryView {
 public:
  explicit Memory(sim::HostMemory& memory) : memory_(memory) {}
  [[nodiscard]] std::optional<std::uint64_t> load64(std::uint64_t pa) const override {
    std::uint64_t value = 0;
    if (!memory_.device().read(pa, &value, 8)) return std::nullopt;
    return value;
  }

 private:
  sim::HostMemory& memory_;
};

/// Changes the unit's events of a cycle before they are compared.
using Tamper = std::function<void(std::vector<Event>&)>;

/// One bench and one model from reset on.
class LockStep {
 public:
  LockStep(std::uint64_t seed, unsigned latency, const TrafficMix& mix, Tamper tamper = nullptr)
      : bench_(latency, seed),
        memory_(bench_.memory),
        machine_(config(latency), memory_),
        traffic_(bench_, seed, mix),
        tamper_(std::move(tamper)) {
    bench_.observer = [this](const cycle::Inputs& in, std::vector<Event> seen) {
      const auto expected = machine_.step(bench_.cycle(), in);
      if (tamper_) tamper_(seen);
      comparison_.add(bench_.cycle(), expected, seen);
    };
  }

  /// Up to `cycles`; not beyond the first difference.
  void run(std::uint64_t cycles) {
    ASSERT_TRUE(traffic_.bring_up());
    for (std::uint64_t i = 0; i < cycles && comparison_.agrees() && machine_.surprises().empty(); ++i)
      traffic_.step();
    comparison_.finish();
  }
  [[nodiscard]] const cycle::Comparison& comparison() const { return comparison_; }
  [[nodiscard]] const cycle::Machine& machine() const { return machine_; }
  [[nodiscard]] const IommuBench& bench() const { return bench_; }

 private:
  static cycle::Config config(unsigned latency) {
    cycle::Config config;
    config.pipe = GPUDMAR_PIPE;
    config.ports = kPorts;
    for (unsigned p = 0; p < kPorts; ++p) config.source_ids[p] = kSid[p];
    config.bus_bytes = kBusBytes;
    config.latency = latency;
    return config;
  }
  IommuBench bench_;
  Memory memory_;
  cycle::Machine machine_;
  CycleTraffic traffic_;
  Tamper tamper_;
  cycle::Comparison comparison_;
};

/// From one port that hits to everything at once.
TrafficMix mix_of(std::uint64_t seed) {
  std::mt19937_64 rng(seed);
  const auto up_to = [&](unsigned n) { return static_cast<unsigned>(rng() % n); };
  TrafficMix mix;
  mix.stall = up_to(3) == 0 ? up_to(600) : 0;
  const unsigned rate = 20 + up_to(900);
  switch (seed % 8) {
    case 0:  // one hit a cycle, and what a rare invalidation parks
      mix.ports = 1 + up_to(kPorts);
      mix.ids = 16;
      mix.max_beats = 1;
      mix.read = 1000 - up_to(2) * 100;
      mix.write = up_to(2) * 1000;
      mix.invalidate = up_to(3) * 4;
      mix.stall = 0;
      break;
    case 1:  // misses
      mix.pages = 400;
      mix.ids = 16;
      mix.read = rate;
      break;
    case 2:  // both directions
      mix.pages = 100;
      mix.read = mix.write = rate;
      break;
    case 3:  // hints
      mix.pages = 300;
      mix.read = mix.write = rate / 2;
      mix.hint = 300;
      break;
    case 4:  // faults
      mix.pages = 60;
      mix.read = mix.write = rate / 2;
      mix.damage = mix.odd = 200;
      mix.hint = 30;
      break;
    case 5:  // invalidation
      mix.pages = 120;
      mix.read = mix.write = rate;
      mix.store = 20;
      mix.invalidate = 1 + up_to(12);
      mix.hint = 50;
      break;
    case 6:  // invalidation and changes, many of large pages
      mix.pages = up_to(2) == 0 ? 12 : 40;
      mix.large = 850;
      mix.read = mix.write = rate;
      mix.damage = mix.odd = 100;
      mix.store = 60;
      mix.invalidate = 1 + up_to(30);
      mix.hint = 50;
      break;
    default:  // commands as well
      mix.pages = 40;
      mix.ids = 16;
      mix.max_beats = 32;
      mix.read = mix.write = rate;
      mix.damage = mix.odd = 100;
      mix.store = 60;
      mix.invalidate = 1 + up_to(30);
      mix.command = 4;
      mix.hint = 50;
      break;
  }
  return mix;
}

unsigned latency_of(std::uint64_t seed) {
  constexpr unsigned kLatencies[] = {20, 1, 5, 100, 20, 40, 2, 13};
  return kLatencies[(seed / 8 + seed) % 8];
}

class CycleModel : public ::testing::TestWithParam<unsigned> {};

TEST_P(CycleModel, EveryEventComesInItsCycle) {
  covers("vtd.cycles.out", "vtd.cycles.walk_read", "vtd.cycles.queue_fetch", "vtd.cycles.fault",
         "vtd.cycles.status");
  const std::uint64_t seed = number("GPUDMAR_SEED", 20261129) + GetParam();
  SCOPED_TRACE(
      fmt::format("re-run: GPUDMAR_SEED={} {} --gtest_filter='*EveryEvent*/0'", seed, GPUDMAR_PROGRAM));
  LockStep both(seed, latency_of(seed), mix_of(seed));
  both.run(number("GPUDMAR_CYCLEMODEL_CYCLES", 4000));
  totals().add(both.comparison());
  RecordProperty("max_difference", static_cast<int>(both.comparison().max_difference()));
  RecordProperty("events", static_cast<int>(both.comparison().events()));
  for (unsigned kind = 0; kind < cycle::kKinds; ++kind)
    RecordProperty(std::string(cycle::name(static_cast<Kind>(kind))),
                   static_cast<int>(both.comparison().events(static_cast<Kind>(kind))));
  EXPECT_TRUE(both.comparison().agrees()) << both.comparison().report();
  EXPECT_GT(both.comparison().events(), 0U);
  for (const auto& surprise : both.machine().surprises()) ADD_FAILURE() << surprise;
  for (const auto& v : both.bench().violations)
    ADD_FAILURE() << v.cycle << " " << v.rule << ": " << v.message;
}

INSTANTIATE_TEST_SUITE_P(Seeds, CycleModel,
                         ::testing::Range(0U, static_cast<unsigned>(number("GPUDMAR_CYCLEMODEL_SEEDS", 24))));

TrafficMix everything() {
  TrafficMix mix;
  mix.pages = 40;
  mix.read = mix.write = 300;
  mix.damage = mix.odd = 200;
  mix.store = 30;
  mix.invalidate = 20;
  mix.hint = 30;
  return mix;
}

const char* rule_of(Kind kind) {
  switch (kind) {
    case Kind::kWalkRead:
      return "vtd.cycles.walk_read";
    case Kind::kQueueFetch:
      return "vtd.cycles.queue_fetch";
    case Kind::kFault:
      return "vtd.cycles.fault";
    case Kind::kStatus:
      return "vtd.cycles.status";
    default:
      return "vtd.cycles.out";
  }
}

class CycleModelFires : public ::testing::TestWithParam<unsigned> {};

TEST_P(CycleModelFires, OnAnEventACycleLate) {
  const auto kind = static_cast<Kind>(GetParam());
  covers(rule_of(kind));
  unsigned seen = 0;
  LockStep both(1, 20, everything(), [&](std::vector<Event>& events) {
    for (Event& event : events)
      if (event.kind == kind && ++seen == 8) ++event.cycle;
  });
  both.run(6000);
  ASSERT_GE(seen, 8U);
  EXPECT_EQ(both.comparison().outside(), 1U);
  EXPECT_EQ(both.comparison().max_difference(), 1U);
  EXPECT_NE(both.comparison().report().find(cycle::name(kind)), std::string::npos)
      << both.comparison().report();
}

TEST_P(CycleModelFires, OnAnEventThatIsMissing) {
  const auto kind = static_cast<Kind>(GetParam());
  covers(rule_of(kind));
  unsigned seen = 0;
  LockStep both(1, 20, everything(), [&](std::vector<Event>& events) {
    const auto gone = std::find_if(events.begin(), events.end(),
                                   [&](const Event& event) { return event.kind == kind && ++seen == 8; });
    if (gone != events.end()) events.erase(gone);
  });
  both.run(6000);
  ASSERT_GE(seen, 8U);
  EXPECT_GE(both.comparison().outside(), 1U);
  EXPECT_NE(both.comparison().report().find(cycle::name(kind)), std::string::npos)
      << both.comparison().report();
}

// The output holds eight; memory takes none.
TEST(CycleModelFiresOn, ARequestThatHadNoPlace) {
  covers("vtd.cycles.out");
  sim::HostMemory host;
  const Memory memory(host);
  cycle::Config config;
  config.pipe = GPUDMAR_PIPE;
  cycle::Machine machine(config, memory);
  cycle::Inputs in;
  in.read = cycle::Request{0, 0, 0x1000, 0, kFullSize, 0};
  in.data_arready = false;
  std::vector<Event> all;
  for (unsigned now = 0; now < 8; ++now) {
    for (const Event& event : machine.step(now, in)) all.push_back(event);
    EXPECT_TRUE(machine.surprises().empty());
  }
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].cycle, 2U + GPUDMAR_PIPE);
  static_cast<void>(machine.step(8, in));
  EXPECT_EQ(machine.surprises().size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Kinds, CycleModelFires, ::testing::Range(0U, cycle::kKinds));

}  // namespace
}  // namespace gpudmar::test
