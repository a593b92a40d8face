// SPDX-License-Identifier: Apache-2.0
// See race_case.h.
#include "tests/rtl/iommu/race_case.h"

#include <fmt/format.h>

#include <algorithm>

namespace gpudmar::test::race {

const char* to_string(Warm warm) {
  const char* const names[] = {"cold", "contexts", "tables", "hit"};
  return names[static_cast<unsigned>(warm)];
}

const std::vector<Change>& changes() {
  using W = Change::What;
  static const std::vector<Change> all{
      // name, what, level, leaf before, leaf after, span
      {"leaf_swap", W::kMove, 1, 1, 1, 0},
      {"leaf_gone", W::kGone, 1, 1, 1, 0},
      {"leaf_no_write", W::kNoWrite, 1, 1, 1, 0},
      {"leaf_no_read", W::kNoRead, 1, 1, 1, 0},
      {"leaf_repaired", W::kRepair, 1, 1, 1, 0},
      {"leaf_swap_2m", W::kSwap, 2, 2, 2, 9},
      {"leaf_swap_1g", W::kSwap, 3, 3, 3, 18},
      {"leaf_gone_2m", W::kGone, 2, 2, 2, 9},
      {"leaf_no_write_1g", W::kNoWrite, 3, 3, 3, 18},
      {"table_moved_2", W::kMove, 2, 1, 1, 0},
      {"table_moved_3", W::kMove, 3, 1, 1, 0},
      {"table_moved_4", W::kMove, 4, 1, 1, 0},
      {"table_swap_2", W::kSwap, 2, 1, 1, 9},
      {"table_swap_3", W::kSwap, 3, 1, 1, 18},
      {"table_swap_4", W::kSwap, 4, 1, 1, 99},
      {"table_gone_2", W::kGone, 2, 1, 1, 9},
      {"table_gone_3", W::kGone, 3, 1, 1, 18},
      {"table_gone_4", W::kGone, 4, 1, 1, 99},
      {"table_no_write_2", W::kNoWrite, 2, 1, 1, 9},
      {"table_no_read_3", W::kNoRead, 3, 1, 1, 18},
      {"table_no_write_4", W::kNoWrite, 4, 1, 1, 99},
      {"size_4k_to_2m", W::kSwap, 2, 1, 2, 9},
      {"size_2m_to_4k", W::kSwap, 2, 2, 1, 9},
      {"size_4k_to_1g", W::kSwap, 3, 1, 3, 18},
      {"size_1g_to_4k", W::kSwap, 3, 3, 1, 18},
      {"size_2m_to_1g", W::kSwap, 3, 2, 3, 18},
      {"size_1g_to_2m", W::kSwap, 3, 3, 2, 18},
      {"context_table", W::kContextTable, 5, 1, 1, 99},
      {"context_domain", W::kContextDomain, 5, 1, 1, 99},
      {"context_gone", W::kContextGone, 5, 1, 1, 99},
      {"context_to_pass", W::kContextToPass, 5, 1, 1, 99},
      {"context_from_pass", W::kContextFromPass, 5, 1, 1, 99},
      {"root_table", W::kRootTable, 5, 1, 1, 99},
      {"appear_1", W::kAppear, 1, 1, 1, 0},
      {"appear_2", W::kAppear, 2, 1, 1, 9},
      {"appear_3", W::kAppear, 3, 1, 1, 18},
      {"appear_4", W::kAppear, 4, 1, 1, 99},
      {"appear_2m", W::kAppear, 2, 2, 2, 9},
  };
  return all;
}

const std::vector<Flush>& flushes() {
  using C = Flush::Context;
  using T = Flush::Iotlb;
  static const std::vector<Flush> all{
      {"none", C::kNone, T::kNone, 0, false},
      {"page_am0_ih1", C::kNone, T::kPage, 0, true},
      {"page_am0_ih0", C::kNone, T::kPage, 0, false},
      {"page_am2_ih1", C::kNone, T::kPage, 2, true, false, true},
      {"page_am2_ih0", C::kNone, T::kPage, 2, false, false, true},
      {"page_am9_ih1", C::kNone, T::kPage, 9, true},
      {"page_am9_ih0", C::kNone, T::kPage, 9, false},
      {"page_am18_ih1", C::kNone, T::kPage, 18, true},
      {"page_am18_ih0", C::kNone, T::kPage, 18, false},
      {"page_beside_ih0", C::kNone, T::kPage, 0, false, true},
      {"domain", C::kNone, T::kDomain, 0, false},
      {"domain_behind", C::kNone, T::kDomain, 0, false, false, true},
      {"domain_x4", C::kNone, T::kDomain, 0, false, false, false, 4},
      {"global", C::kNone, T::kGlobal, 0, false},
      {"context_device_domain", C::kDevice, T::kDomain, 0, false},
      {"context_device_global", C::kDevice, T::kGlobal, 0, false},
      {"context_domain_domain", C::kDomain, T::kDomain, 0, false},
      {"context_domain_global", C::kDomain, T::kGlobal, 0, false},
      {"context_global_domain", C::kGlobal, T::kDomain, 0, false},
      {"context_global_global", C::kGlobal, T::kGlobal, 0, false},
  };
  return all;
}

const char* why_illegal(const Change& change, const Flush& flush) {
  const bool none = flush.context == Flush::Context::kNone && flush.iotlb == Flush::Iotlb::kNone;
  if (change.owes_nothing() != none) return none ? "a present entry changed" : "nothing is owed";
  if (none) return nullptr;
  if (change.of_context()) {
    if (flush.context == Flush::Context::kNone) return "a cached context would stay";
    return nullptr;
  }
  if (flush.context != Flush::Context::kNone) return "no context changed";
  if (flush.iotlb != Flush::Iotlb::kPage) return nullptr;
  if (flush.beside) {
    if (change.what == Change::What::kRepair || change.old_leaf != 1 || change.level == 1)
      return "the pages themselves changed";
    return nullptr;
  }
  if (flush.am < change.span) return "pages outside the range changed too";
  if (flush.ih && !change.leaf_only()) return "IH = 1 leaves the ways through the entry that changed";
  return nullptr;
}

const char* why_impossible(const Change& change, Warm warm) {
  const bool absent = change.what == Change::What::kAppear || change.what == Change::What::kRepair;
  if (absent && warm == Warm::kHit) return "the page was not there";
  if (absent && change.level > 1 && warm == Warm::kTables) return "there was no table to come through";
  if (change.what == Change::What::kContextFromPass && (warm == Warm::kTables || warm == Warm::kHit))
    return "pass-through uses no tables";
  return nullptr;
}

const std::vector<Pattern>& patterns() {
  using K = Step::Kind;
  static const std::vector<Pattern> all = [] {
    std::vector<Pattern> list{
        {"read", false, {{0, 0, K::kRead, 3, kT0, 2}}},
        {"write", false, {{0, 0, K::kWrite, 3, kT0, 2}}},
        {"mix",
         false,
         {{0, 0, K::kRead, 1, kT0, 2},
          {0, 0, K::kWrite, 1, kT0, 1},
          {0, 1, K::kRead, 1, kT0, 1},
          {0, 1, K::kWrite, 2, kT0, 2},
          {1, 0, K::kRead, 2, kT0, 1},
          {1, 0, K::kRead, 3, kT1, 1},
          {2, 1, K::kRead, 2, kFar, 1},
          {2, 0, K::kWrite, 2, kFar, 1},
          {3, 0, K::kRead, 1, kT0, 1}}},
        {"stream", false, {}, 8},
        {"domains",
         true,
         {{0, 0, K::kRead, 1, kT0, 1},
          {0, 1, K::kRead, 1, kT0, 1},
          {0, 0, K::kWrite, 2, kT0, 1},
          {0, 1, K::kWrite, 2, kT0, 1},
          {1, 0, K::kRead, 2, kT1, 1}}},
        {"hints",
         false,
         {{0, 0, K::kHint, 0, kT0, 0},
          {0, 1, K::kHint, 0, kT1, 0},
          {2, 0, K::kRead, 1, kT0, 1},
          {2, 0, K::kHint, 0, kFresh1, 0},
          {4, 1, K::kWrite, 1, kT1, 1}}},
    };
    for (unsigned i = 0; i < 16; ++i) {
      const std::uint64_t page = i % 4 == 3 ? kT1 : kT0;
      for (unsigned port = 0; port < 2; ++port) {
        list[3].steps.push_back({0, port, K::kRead, i % 3, page, 1});
        list[3].steps.push_back({0, port, K::kWrite, i % 3, page, 1});
      }
    }
    return list;
  }();
  return all;
}

const std::vector<Timing>& timings() {
  static const std::vector<Timing> all = [] {
    std::vector<Timing> list(9);
    list[0].name = "equal7";
    list[1].name = "equal20";
    list[1].latency = list[1].data_latency = 20;
    list[2].name = "slow_walks";
    list[2].walk_delay = 18;
    list[3].name = "slower_walks";
    list[3].latency = 2;
    list[3].walk_delay = 20;
    list[4].name = "random";
    list[4].jitter = 12;
    list[5].name = "late_sample";
    list[5].late_sample = true;
    list[6].name = "requesters_stall";
    list[6].requesters_stall = true;
    list[7].name = "data_held";
    list[7].data_held = true;
    list[8].name = "slow_data";
    list[8].data_latency = 30;
    return list;
  }();
  return all;
}

sim::AxiMemoryConfig Timing::data() const {
  sim::AxiMemoryConfig config;
  config.bus_bytes = kBusBytes;
  config.latency = data_latency;
  config.b_latency = data_latency > 20 ? data_latency : 1;
  config.jitter = jitter;
  if (jitter != 0) {
    config.out_of_order = config.interleave = true;
    config.ar_stall = config.aw_stall = config.w_stall = 0.3;
    config.r_stall = config.b_stall = 0.2;
  }
  config.read_at_first_beat = config.write_at_wlast = late_sample;
  return config;
}

sim::AxiMemoryConfig Timing::table() const {
  sim::AxiMemoryConfig config = data();
  config.latency = latency;
  config.b_latency = 1;
  if (walk_delay != 0) config.out_of_order = true;
  return config;
}

const std::vector<Drain>& drains() {
  static const std::vector<Drain> all{{"drain", true, true},
                                      {"no_drain", false, false},
                                      {"drain_reads", true, false},
                                      {"drain_writes", false, true}};
  return all;
}

std::string RaceCase::name() const {
  return fmt::format("{}.{}.{}.{}.{}.{}", change->name, flush->name, to_string(warm), pattern->name,
                     timing->name, drain->name);
}

const std::vector<Program>& programs() {
  static const std::vector<Program> all{
      {"rtl_iommu_race0_test", 0, 2},      {"rtl_iommu_race1_test", 1, 2},
      {"rtl_iommu_race_sets0_test", 0, 4}, {"rtl_iommu_race_sets1_test", 1, 4},
      {"rtl_iommu_race_small_test", 2, 4}, {"rtl_iommu_race_w64_test", 3, 4}};
  return all;
}

std::size_t combinations() { return patterns().size() * timings().size() * drains().size(); }

std::vector<RaceCase> cases(const Program& program, std::size_t change, std::size_t depth) {
  std::vector<RaceCase> list;
  const Change& what = changes()[change];
  const std::size_t p = patterns().size(), t = timings().size(), all = combinations();
  struct Start {
    const Flush* flush;
    Warm warm;
    std::size_t square;  // of a chessboard: neighbours are of different parts
  };
  std::vector<Start> legal, starts;
  std::size_t square = change;
  for (const Flush& flush : flushes()) {
    if (why_illegal(what, flush) != nullptr) continue;
    ++square;
    for (const Warm warm : kWarms) {
      if (why_impossible(what, warm) == nullptr)
        legal.push_back({&flush, warm, square + static_cast<unsigned>(warm)});
    }
  }
  for (const Start& start : legal)
    if (depth != 0 || start.square % program.of == program.part) starts.push_back(start);
  if (starts.empty()) starts.push_back(legal.at(program.part % legal.size()));
  // Goes through all combinations before it repeats one: the step has no factor in common with their number.
  const auto number = static_cast<std::size_t>(&program - programs().data());
  std::size_t turn = change * 9 + number / 2 * 25;
  for (const Start& start : starts) {
    for (std::size_t n = std::max<std::size_t>(1, depth); n > 0; --n) {
      turn = (turn + 137) % all;
      list.push_back({&what, start.flush, start.warm, &patterns()[turn % p], &timings()[turn / p % t],
                      &drains()[turn / p / t]});
    }
  }
  return list;
}

}  // namespace gpudmar::test::race
