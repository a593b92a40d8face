// SPDX-License-Identifier: Apache-2.0
// See race_run.h.
#include "tests/rtl/iommu/race_run.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

namespace gpudmar::test::race {
namespace {

constexpr std::uint64_t kLimit = 3000;  // cycles that anything may take
constexpr std::uint64_t kHold =
    30;  // cycles after the tail write that held data memory takes addresses again
constexpr std::uint32_t kGuard = 0xA5A5'A5A5;
constexpr unsigned kGuarded = 48;  // dwords around the status word

std::uint64_t linear(std::uint64_t base, std::uint64_t page) { return base + (page - kRegion); }
std::uint64_t safe(std::uint64_t page) { return kSafeBase + (page & (k1G - 1)); }
std::uint64_t leaf_size(unsigned level) { return kPage << (9 * (level - 1)); }

}  // namespace

// ---------------------------------------------------------------- tables

std::uint64_t Race::neighbour() const {
  return old_leaf_ == 1 ? kT0 + 16 * kPage : old_leaf_ == 2 ? kT0 + 4 * k2M : kT0 + 2 * k1G;
}

void Race::map_region(std::uint64_t table, unsigned leaf, std::uint64_t base) {
  auto& t = bench_.tables;
  const auto map = [&](std::uint64_t page, unsigned level) {
    const std::uint64_t at = page & ~(leaf_size(level) - 1);
    t.map(table, at, linear(base, at), 3, 4, level);
  };
  if (leaf == 1) {
    for (unsigned i = 0; i < kTargets; ++i) map(kT0 + i * kPage, 1);
    map(kFresh1, 1);
    map(kFresh4, 1);
  } else {
    map(kT0, leaf);
  }
  if (leaf < 3) map(kFresh2, leaf);
  map(kFresh3, leaf == 3 ? 3 : 1);
  t.map(table, kFar, safe(kFar));
}

void Race::build(const RaceCase& c) {
  auto& t = bench_.tables;
  const Change& change = *c.change;
  old_leaf_ = change.old_leaf;
  freed_.clear();
  old_ = t.page();
  new_ = t.page();
  other_ = t.page();
  map_region(old_, change.old_leaf, kOldBase);
  const std::uint64_t n = neighbour();
  t.map(old_, n & ~(leaf_size(old_leaf_) - 1), safe(n & ~(leaf_size(old_leaf_) - 1)), 3, 4, old_leaf_);
  const bool moved = change.what == Change::What::kMove;
  map_region(new_, change.new_leaf, moved ? kOldBase : kNewBase);
  if (moved) t.map(new_, kT0, linear(kNewBase, kT0));
  const std::uint64_t size = leaf_size(change.new_leaf);
  if (change.new_leaf == 1 || n / size != kT0 / size) t.map(new_, n, safe(n));
  map_region(other_, 1, kElsewhere);
  const bool pass = change.what == Change::What::kContextFromPass;
  t.context(kSid[0], kDid, pass ? 0 : old_, 2, pass ? 2 : 0);
  if (c.pattern->other_domain)
    t.context(kSid[1], kOtherDid, other_);
  else
    t.context(kSid[1], kDid, pass ? 0 : old_, 2, pass ? 2 : 0);
  if (change.what == Change::What::kAppear || change.what == Change::What::kRepair) {
    const std::uint64_t at = t.entry(old_, 4, kT0, change.level);
    saved_ = bench_.memory.load64(at);
    bench_.memory.store64(at, 0);
  }
}

void Race::apply(const RaceCase& c) {
  using W = Change::What;
  auto& t = bench_.tables;
  auto& memory = bench_.memory;
  const Change& change = *c.change;
  const unsigned ports = c.pattern->other_domain ? 1 : 2;
  // What stands below the old entry belongs to somebody else once the wait has completed.
  const bool drops = change.what == W::kSwap || change.what == W::kMove || change.what == W::kGone ||
                     (change.of_context() && change.what != W::kContextFromPass);
  if (drops && change.level > old_leaf_) {
    for (unsigned i = 0; i < kTargets + 2; ++i) {
      const std::uint64_t page = i < kTargets ? kT0 + i * kPage : i == kTargets ? kFresh1 : kFresh4;
      const std::uint64_t to = (kFreedBase + i * kPage) & ~(leaf_size(old_leaf_) - 1);
      freed_.emplace_back(t.entry(old_, 4, page, old_leaf_), to | (old_leaf_ > 1 ? 0x83 : 3));
    }
  }
  const std::uint64_t at = change.of_context() ? 0 : t.entry(old_, 4, kT0, change.level);
  switch (change.what) {
    case W::kSwap:
    case W::kMove:
      memory.store64(at, memory.load64(t.entry(new_, 4, kT0, change.level)));
      break;
    case W::kGone:
      memory.store64(at, 0);
      break;
    case W::kNoWrite:
      memory.store64(at, memory.load64(at) & ~2ULL);
      break;
    case W::kNoRead:
      memory.store64(at, memory.load64(at) & ~1ULL);
      break;
    case W::kAppear:
    case W::kRepair:
      memory.store64(at, saved_);
      break;
    case W::kContextTable:
      for (unsigned p = 0; p < ports; ++p) t.context(kSid[p], kDid, new_);
      break;
    case W::kContextDomain:
      for (unsigned p = 0; p < ports; ++p) t.context(kSid[p], kNewDid, new_);
      break;
    case W::kContextGone:
      for (unsigned p = 0; p < ports; ++p) t.set_context(kSid[p], 0, 0);
      break;
    case W::kContextToPass:
      for (unsigned p = 0; p < ports; ++p) t.context(kSid[p], kDid, 0, 2, 2);
      break;
    case W::kContextFromPass:
      for (unsigned p = 0; p < ports; ++p) t.context(kSid[p], kDid, old_);
      break;
    case W::kRootTable:
      for (unsigned p = 0; p < ports; ++p) {
        const std::uint64_t contexts = t.page();
        memory.store64(contexts + (kSid[p] & 0xFF) * 16U + 8, context_high(kDid, 2));
        memory.store64(contexts + (kSid[p] & 0xFF) * 16U, context_low(new_, 0));
        t.set_root(kSid[p] >> 8, contexts | 1);
      }
      break;
  }
}

void Race::poison() {
  for (const auto& [at, value] : freed_) bench_.memory.store64(at, value);
}

Race::Verdicts Race::verdicts() const {
  Verdicts all;
  for (unsigned port = 0; port < 2; ++port) {
    for (const std::uint64_t page : {kT0, kT1, kFresh1, kFresh2, kFresh3, kFresh4, kFar, neighbour()}) {
      for (const bool write : {false, true}) {
        const model::Outcome outcome = bench_.expected(port, page, write);
        Verdict v;
        v.address = model::outgoing_address(outcome);
        if (const auto* fault = std::get_if<model::Fault>(&outcome)) {
          v.reason = static_cast<unsigned>(fault->reason);
          v.alternate = static_cast<unsigned>(fault->alternate);
        }
        all[{port, page, write}] = v;
      }
    }
  }
  return all;
}

// ---------------------------------------------------------------- before the race

void Race::set_fast() {
  for (sim::AxiMemory* port : {&bench_.data_port(), &bench_.table_port()}) {
    sim::AxiMemoryConfig config;
    config.bus_bytes = kBusBytes;
    config.latency = 1;
    config.out_of_order = port->config().out_of_order;  // what is under way may still be slow
    port->configure(config);
  }
  bench_.table_port().set_read_delay(nullptr);
  for (unsigned p = 0; p < kPorts; ++p) bench_.r_ready[p] = bench_.b_ready[p] = 1.0;
}

void Race::set_timing(const Timing& timing) {
  bench_.data_port().configure(timing.data());
  bench_.table_port().configure(timing.table());
  if (timing.walk_delay != 0)
    bench_.table_port().set_read_delay([delay = timing.walk_delay](std::uint32_t id, std::uint64_t) {
      return id == kTableQueueId ? 0 : delay;
    });
  for (unsigned p = 0; p < kPorts; ++p)
    bench_.r_ready[p] = bench_.b_ready[p] = timing.requesters_stall ? 0.0 : timing.jitter != 0 ? 0.6 : 1.0;
}

void Race::warm(const RaceCase& c) {
  for (unsigned port = 0; port < 2; ++port) {
    bench_.read(port, 0, kFar);
    if (port == 1 && c.pattern->other_domain) bench_.read(port, 0, kT0);
  }
  if (c.warm >= Warm::kTables) bench_.read(0, 0, neighbour());
  if (c.warm >= Warm::kHit) {
    bench_.read(0, 0, kT0);
    bench_.read(0, 0, kT1);
  }
  EXPECT_TRUE(bench_.settle(kLimit));
  if (c.warm == Warm::kCold) {
    bench_.flush_contexts();
    EXPECT_TRUE(bench_.invalidate());
  }
}

void Race::prepare(const RaceCase& c, std::uint64_t seed) {
  set_fast();
  bench_.restart(seed);
  build(c);
  EXPECT_TRUE(bench_.bring_up(true));
  warm(c);
  EXPECT_TRUE(bench_.run_until([this] { return bench_.unit_idle(); }, kLimit));
  status_page_ = bench_.status_address();
  bench_.faults.clear();
  bench_.fault_cycles.clear();
  bench_.table_writes.clear();
  issued_.clear();
  set_timing(*c.timing);
}

// ---------------------------------------------------------------- the race

void Race::request(const std::string& name, unsigned port, bool write, unsigned id, std::uint64_t page,
                   unsigned beats) {
  const std::uint64_t address = page + (issued_.size() % 16) * 64;
  issued_.push_back(
      {fmt::format("{} {} of port {} id {} for {:x}", name, write ? "write" : "read", port, id, address),
       write ? bench_.write(port, id, address, beats) : bench_.read(port, id, address, beats)});
}

void Race::issue(const Step& step) {
  if (step.kind == Step::Kind::kHint)
    bench_.hint(step.port, step.page);
  else
    request("raced", step.port, step.kind == Step::Kind::kWrite, step.id, step.page, step.beats);
}

void Race::late_requests(std::uint64_t page) {
  for (unsigned port = 0; port < 2; ++port) {
    request("late", port, false, 5, page, 1);
    request("late", port, true, 5, page, 1);
  }
}

void Race::invalidate(const RaceCase& c, Mistake mistake) {
  const Flush& flush = *c.flush;
  const bool drain = mistake != Mistake::kNoDrain;
  const std::uint64_t bits = (drain && c.drain->writes ? 0x40 : 0) | (drain && c.drain->reads ? 0x80 : 0);
  const std::uint64_t did = std::uint64_t{mistake == Mistake::kWrongDomain ? kUnusedDid : kDid} << 16;
  if (mistake != Mistake::kNoInvalidation) {
    if (mistake != Mistake::kNoContext) {
      switch (flush.context) {
        case Flush::Context::kNone:
          break;
        case Flush::Context::kDevice:
          for (unsigned p = 0; p < 2; ++p)
            bench_.push_descriptor(0x31 | did | (std::uint64_t{kSid[p]} << 32), 0);
          break;
        case Flush::Context::kDomain:
          bench_.push_descriptor(0x21 | did, 0);
          break;
        case Flush::Context::kGlobal:
          bench_.push_descriptor(0x11, 0);
          break;
      }
    }
    const std::uint64_t page = mistake == Mistake::kWrongPage ? kT0 + (leaf_size(3) << 4) : flush.page();
    const bool ih = flush.ih || mistake == Mistake::kLeavesWays;
    if (flush.behind) bench_.push_descriptor(0x22 | bits | std::uint64_t{kUnusedDid} << 16, 0);
    switch (flush.iotlb) {
      case Flush::Iotlb::kNone:
        break;
      case Flush::Iotlb::kPage:
        bench_.push_descriptor(0x32 | bits | did, page | (ih ? 0x40 : 0) | flush.am);
        break;
      case Flush::Iotlb::kDomain:
        for (unsigned i = 0; i < flush.times; ++i) bench_.push_descriptor(0x22 | bits | did, 0);
        break;
      case Flush::Iotlb::kGlobal:
        bench_.push_descriptor(0x12 | bits, 0);
        break;
    }
  }
  status_value_ = bench_.push_wait();
  bench_.ring();
}

Observed Race::run(const RaceCase& c, int distance, Mistake mistake) {
  prepare(c, std::hash<std::string>()(c.name()) + static_cast<std::uint64_t>(distance + 100'000));
  Observed seen;
  seen.bus_bytes = kBusBytes;
  seen.invalidates = !c.change->owes_nothing();
  seen.free_flow = c.timing->free_flow() && mistake != Mistake::kNoWait;
  seen.drains_reads = c.drain->reads;
  seen.drains_writes = c.drain->writes;
  // Every alignment of the status in turn; guards around it.
  const std::uint64_t status = status_page_ + 64 + (static_cast<std::uint64_t>(distance) % 16) * 4;
  seen.status_address = status;
  for (unsigned i = 0; i < kGuarded; ++i) bench_.memory.store32(status_page_ + i * 4, kGuard);
  bench_.status_at(status);

  const std::uint64_t start = bench_.cycle();
  const std::uint64_t request_at = start + static_cast<std::uint64_t>(std::max(0, -distance));
  const std::uint64_t change_at = start + static_cast<std::uint64_t>(std::max(0, distance));
  first_cycle_ = start;
  bool over = false;  // software knows that the old translation is gone
  const auto known = [&](std::uint64_t cycle) {
    if (over) return;
    over = true;
    seen.boundary = cycle;
    if (seen.invalidates) poison();
    late_requests(c.flush->page());
    if (c.timing->jitter == 0) set_fast();
  };
  bench_.at_table_write = [&](const TableWrite& write) {
    if (seen.invalidates && write.address == status) known(write.cycle);
  };
  std::size_t next = 0;
  bool changed = false;
  sim::AxiMemoryConfig held = c.timing->data();
  held.ar_stall = held.aw_stall = held.w_stall = 1.0;
  if (c.timing->data_held) bench_.data_port().configure(held);
  for (std::uint64_t limit = std::max(request_at, change_at) + kLimit; bench_.cycle() < limit;) {
    const std::uint64_t now = bench_.cycle();
    if (now == change_at) {
      before_ = verdicts();
      apply(c);
      after_ = verdicts();
      changed = true;
      if (seen.invalidates) {
        invalidate(c, mistake);
        if (mistake == Mistake::kNoWait) known(now);
      } else {
        known(now - 1);
      }
    }
    while (next < c.pattern->steps.size() && now >= request_at + c.pattern->steps[next].delay)
      issue(c.pattern->steps[next++]);
    if (c.timing->data_held && !over && now == change_at + kHold)
      bench_.data_port().configure(c.timing->data());
    if (over && next == c.pattern->steps.size()) break;
    bench_.step();
  }
  if (!changed) before_ = after_ = verdicts();
  if (c.timing->data_held) bench_.data_port().configure(c.timing->data());
  seen.finished = over && bench_.settle(kLimit);
  if (seen.finished && seen.invalidates)
    seen.finished = bench_.run_until([&] { return bench_.waited(status_value_); }, kLimit);
  bench_.at_table_write = nullptr;
  if (seen.finished) {
    set_fast();
    seen.idle = bench_.run_until([this] { return bench_.unit_idle(); }, kLimit);
    look_at_caches(c, seen);
  }
  collect(c, seen);
  return seen;
}

// What is still there must hit; then everything once more, and pages that nobody has asked for, so that what
// stands in the IOTLB and on the way to it is seen.
void Race::look_at_caches(const RaceCase& c, Observed& seen) {
  if (c.flush->iotlb == Flush::Iotlb::kPage) {
    std::string names;
    const std::uint64_t before = bench_.walk_reads;
    const auto look = [&](unsigned port, std::uint64_t page) {
      const bool covered =
          (port == 0 || !c.pattern->other_domain) && ((page ^ c.flush->page()) >> (12 + c.flush->am)) == 0;
      if (covered || (!c.flush->beside && !after_.at({port, page, false}).address)) return;
      request("cached", port, false, 6, page, 1);
      names += (names.empty() ? "" : ", ") + issued_.back().name;
    };
    look(0, kFar);
    look(1, kFar);
    if (c.pattern->other_domain) look(1, kT0);
    if (c.warm >= Warm::kTables) look(0, neighbour());
    if (c.warm >= Warm::kHit) look(0, kT1);
    if (c.warm >= Warm::kHit && c.flush->beside) look(0, kT0);
    seen.finished = bench_.settle(kLimit) && seen.finished;
    seen.hits.push_back({names, bench_.walk_reads - before});
  }
  for (unsigned port = 0; port < 2; ++port) {
    for (const std::uint64_t page : {kT0, kT1}) {
      request("second", port, false, 7, page, 1);
      request("second", port, true, 7, page, 1);
    }
    request("second", port, false, 8, kFar, 1);
  }
  for (const std::uint64_t page : {kFresh1, kFresh2, kFresh3, kFresh4, neighbour()})
    request("fresh", 0, false, 9, page, 1);
  seen.finished = bench_.settle(kLimit) && seen.finished;
  seen.idle = bench_.run_until([this] { return bench_.unit_idle(); }, kLimit) && seen.idle;
}

void Race::collect(const RaceCase& c, Observed& seen) {
  for (const auto& [name, b] : issued_) {
    SeenRequest r;
    r.name = name;
    r.write = b->write;
    r.source = kSid[b->port];
    r.page = b->address & ~(kPage - 1);
    const auto shifted = [&](Verdict v) {
      if (v.address) *v.address += b->address - r.page;
      return v;
    };
    r.before = shifted(before_.at({b->port, r.page, b->write}));
    r.after = shifted(after_.at({b->port, r.page, b->write}));
    r.ends = c.flush->ends(r.page);
    r.in_cycle = b->in_cycle;
    if (b->out) r.out_address = b->out_address;
    r.out_cycle = b->out_cycle;
    if (b->performed) r.performed_cycle = b->performed_cycle;
    r.answered = b->done;
    r.refused = b->resp == sim::AxiResp::kSlvErr;
    seen.requests.push_back(r);
  }
  for (std::size_t i = 0; i < bench_.faults.size(); ++i) {
    const auto& [low, high] = bench_.faults[i];
    seen.faults.push_back({bench_.fault_cycles[i], low, static_cast<std::uint16_t>(high & 0xFFFF),
                           ((high >> 62) & 1) == 0, static_cast<unsigned>((high >> 32) & 0xFF)});
  }
  for (const TableWrite& w : bench_.table_writes)
    seen.status_writes.push_back({w.cycle, w.address, w.strobe, w.dword});
  seen.status_value = status_value_;
  for (unsigned i = 0; i < kGuarded; ++i) {
    const std::uint64_t at = status_page_ + i * 4;
    if (at != seen.status_address && bench_.memory.load32(at) != kGuard) seen.neighbours_intact = false;
  }
  seen.violations = bench_.violations;
}

// ---------------------------------------------------------------- distances

int Race::request_cycles(const RaceCase& c) {
  const std::string key =
      fmt::format("{} {} {} {}", c.change->name, to_string(c.warm), c.pattern->name, c.timing->name);
  const auto found = request_cycles_.find(key);
  if (found != request_cycles_.end()) return found->second;
  Timing timing = *c.timing;
  timing.requesters_stall = timing.data_held = false;
  RaceCase alone = c;
  alone.timing = &timing;
  prepare(alone, 1);
  const std::uint64_t start = bench_.cycle();
  const std::size_t steps = std::min(c.pattern->leading, c.pattern->steps.size());
  for (std::size_t next = 0; next < steps; bench_.step()) {
    while (next < steps && bench_.cycle() >= start + c.pattern->steps[next].delay)
      issue(c.pattern->steps[next++]);
  }
  EXPECT_TRUE(bench_.settle(kLimit)) << c.name();
  return request_cycles_[key] = static_cast<int>(bench_.cycle() - start);
}

int Race::invalidation_cycles(const RaceCase& c) {
  if (c.change->owes_nothing()) return 0;
  const std::string key = fmt::format("{} {} {}", c.flush->name, c.timing->name, c.drain->name);
  const auto found = invalidation_cycles_.find(key);
  if (found != invalidation_cycles_.end()) return found->second;
  prepare(c, 1);
  const std::uint64_t start = bench_.cycle();
  invalidate(c, Mistake::kNone);
  EXPECT_TRUE(bench_.run_until([&] { return bench_.waited(status_value_); }, kLimit)) << c.name();
  return invalidation_cycles_[key] = static_cast<int>(bench_.cycle() - start);
}

Window Race::window(const RaceCase& c) {
  const int margin = 4 + static_cast<int>(c.timing->jitter);
  return {-(invalidation_cycles(c) + margin), request_cycles(c) + margin};
}

}  // namespace gpudmar::test::race
