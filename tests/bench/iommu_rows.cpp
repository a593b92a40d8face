// SPDX-License-Identifier: Apache-2.0
// How each row is measured.
#include "tests/bench/iommu_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <stdexcept>

namespace gpudmar::bench {
namespace {

using test::BurstPtr;

constexpr std::uint64_t kPool = 0x4000'0000;  // pages that are mapped
constexpr std::uint64_t kIova = 0x10'0000'0000;
constexpr std::uint64_t kPage = 4096;
constexpr std::uint16_t kDomain = 7;
constexpr unsigned kPages = 2048;
constexpr std::uint64_t kLimit = 200'000;  // cycles that anything may take
constexpr unsigned kDescriptorBytes = 16;
constexpr unsigned kSlope = 64;  // further invalidations

std::uint64_t distance(std::uint64_t a, std::uint64_t b) { return a > b ? a - b : b - a; }

/// Departures a cycle from request `from` to request `to` of a stream.
double rate_between(std::vector<BurstPtr> stream, std::size_t from, std::size_t to) {
  std::sort(stream.begin(), stream.end(),
            [](const BurstPtr& a, const BurstPtr& b) { return a->out_cycle < b->out_cycle; });
  return static_cast<double>(to - from) /
         static_cast<double>(stream[to]->out_cycle - stream[from]->out_cycle);
}

}  // namespace

/// A unit with small pages mapped, remapping on; both requesters share one domain.
class IommuRows::Unit {
 public:
  explicit Unit(unsigned latency, unsigned pages = kPages) : bench(latency), table(bench.tables.page()) {
    for (const unsigned port : {0U, 1U}) bench.tables.context(test::kSid[port], kDomain, table);
    for (unsigned i = 0; i < pages; ++i) bench.tables.map(table, page(i), kPool + i * kPage);
    require(bench.bring_up(), "start of the unit");
  }

  static std::uint64_t page(unsigned index) { return kIova + index * kPage; }
  static void require(bool done, const std::string& what) {
    if (!done) throw std::runtime_error(what + " takes too long");
  }
  void settle() {
    require(bench.settle(kLimit), "an answer");
    for (const auto& v : bench.violations)
      if (v.rule.rfind("contract.", 0) != 0)  // the rows judge that
        throw std::runtime_error(fmt::format("cycle {}: {}: {}", v.cycle, v.rule, v.message));
  }
  /// One burst of one beat alone in the unit.
  BurstPtr one(bool write, unsigned port, std::uint64_t address) {
    auto burst = write ? bench.write(port, 1, address) : bench.read(port, 1, address);
    settle();
    return burst;
  }
  /// The same; cycles from request in to request out.
  std::uint64_t latency(bool write, unsigned port, std::uint64_t address) {
    const auto burst = one(write, port, address);
    require(burst->out, "a request that must leave");
    return burst->out_cycle - burst->in_cycle;
  }
  /// Contexts and all tables above the leaves of the first 512 pages are in the caches afterwards.
  void warm() {
    for (const unsigned port : {0U, 1U}) (void)one(false, port, page(0));
  }
  void invalidate() { require(bench.invalidate(kLimit), "an invalidation"); }

  test::IommuBench bench;
  std::uint64_t table;
};

void IommuRows::cycles(const std::string& name, const std::vector<std::uint64_t>& values,
                       const std::string& promise, unsigned latency, unsigned reads) {
  const sim::Promise& promised = contract_.promise(promise);
  if (variant_.pipe >= promised.pipe.size())
    throw std::invalid_argument(promise + ": no formula for the pipe");
  const std::uint64_t bound =
      promised.pipe[variant_.pipe].cycles({0, 0, reads, std::uint64_t{latency} * reads, 0, 0, 0});
  const auto worse = [&](std::uint64_t a, std::uint64_t b) {
    return promised.at_most ? a < b : distance(a, bound) < distance(b, bound);
  };
  results_.add(name, static_cast<double>(*std::max_element(values.begin(), values.end(), worse)), "cycles",
               static_cast<double>(bound), promised.at_most ? Relation::kAtMost : Relation::kExact);
}

void IommuRows::rate(const std::string& name, double value, const std::string& promise, unsigned latency) {
  const sim::Rate& rate = contract_.rate(promise);
  const double promised =
      rate.promised(variant_.pipe, {latency, variant_.walks, kDescriptorBytes, test::kBusBytes});
  results_.add(name, value, rate.unit, promised, rate.at_least ? Relation::kAtLeast : Relation::kAtMost);
}

void IommuRows::hit_latency() {
  const std::string name = "iommu.hit.latency";
  if (!results_.wanted(name)) return;
  Unit unit(20);
  unit.warm();
  std::vector<std::uint64_t> values;
  for (unsigned i = 0; i < 32; ++i)
    for (const bool write : {false, true})
      values.push_back(unit.latency(write, i % 2, Unit::page(0) + i * test::kBusBytes));
  cycles(name, values, "iotlb_hit", 20, 0);
}

void IommuRows::hit_rates() {
  constexpr unsigned kStream = 4096;
  constexpr unsigned kEnds = 256;  // left out: filling, and running dry
  const auto stream = [](bool writes) {
    Unit unit(20);
    for (unsigned i = 0; i < 16; ++i) (void)unit.one(false, i % 2, Unit::page(i));
    std::vector<BurstPtr> reads;
    std::vector<BurstPtr> written;
    for (unsigned i = 0; i < kStream; ++i) {
      const std::uint64_t address = Unit::page(i * 7 % 16) + i % 128 * test::kBusBytes;
      reads.push_back(unit.bench.read(i % 2, i / 2 % 16, address));
      if (writes) written.push_back(unit.bench.write(i % 2, i / 2 % 16, address));
    }
    unit.settle();
    double rate = rate_between(reads, kEnds, kStream - kEnds);
    if (writes) rate += rate_between(written, kEnds, kStream - kEnds);
    return rate;
  };
  if (results_.wanted("iommu.hit.rate_read")) rate("iommu.hit.rate_read", stream(false), "hit_rate_read", 20);
  if (results_.wanted("iommu.hit.rate_read_write"))
    rate("iommu.hit.rate_read_write", stream(true), "hit_rate_read_write", 20);
}

void IommuRows::hit_under_miss(unsigned latency) {
  const std::string name = fmt::format("iommu.hit_under_miss.latency.L{}", latency);
  if (!results_.wanted(name)) return;
  Unit unit(latency);
  unit.warm();
  (void)unit.one(true, 1, Unit::page(0));
  std::vector<std::uint64_t> values;
  const auto miss = unit.bench.read(0, 3, Unit::page(5));
  std::vector<BurstPtr> hits;
  // One request at a time in each cycle of the walk that has room for it.
  for (unsigned i = 0; i + 10 < latency; i += 3) {
    const std::uint64_t address = Unit::page(0) + i % 128 * test::kBusBytes;
    hits.push_back(unit.bench.read(0, 4, address));
    unit.bench.run(1);
    hits.push_back(unit.bench.read(1, 3, address));
    unit.bench.run(1);
    hits.push_back(unit.bench.write(1, 3, address));
    unit.bench.run(1);
  }
  unit.settle();
  for (const auto& hit : hits) {
    if (hit->in_cycle < miss->in_cycle || hit->out_cycle > miss->out_cycle)
      throw std::runtime_error(name + ": a hit did not fall into the walk");
    values.push_back(hit->out_cycle - hit->in_cycle);
  }
  cycles(name, values, "iotlb_hit", latency, 0);
}

void IommuRows::miss_cold(unsigned latency) {
  const std::string name = fmt::format("iommu.miss.cold4.L{}", latency);
  if (!results_.wanted(name)) return;
  Unit unit(latency);
  unit.warm();
  std::vector<std::uint64_t> values;
  for (unsigned i = 0; i < 8; ++i) {
    unit.bench.flush_global();
    unit.invalidate();
    values.push_back(unit.latency(i % 2 != 0, i / 2 % 2, Unit::page(1 + i)));
  }
  cycles(name, values, "miss_4_levels", latency, 4);
}

void IommuRows::miss_leaf(unsigned latency) {
  const std::string name = fmt::format("iommu.miss.leaf.L{}", latency);
  if (!results_.wanted(name)) return;
  Unit unit(latency);
  unit.warm();
  std::vector<std::uint64_t> values;
  for (unsigned i = 0; i < 16; ++i) values.push_back(unit.latency(i % 2 != 0, i / 2 % 2, Unit::page(1 + i)));
  cycles(name, values, "miss_leaf", latency, 1);
}

void IommuRows::miss_rate(unsigned latency) {
  const std::string name = fmt::format("iommu.miss.rate.L{}", latency);
  if (!results_.wanted(name)) return;
  Unit unit(latency);
  unit.warm();
  for (unsigned i = 0; i < kPages; i += 512) (void)unit.one(false, 0, Unit::page(i));  // the upper tables
  std::vector<BurstPtr> reads;
  for (unsigned i = 0; i < kPages; ++i)
    if (i % 512 != 0) reads.push_back(unit.bench.read(i % 2, i / 2 % 16, Unit::page(i)));
  unit.settle();
  // Whole turns of all walks, so that the ends of the window do not count.
  const std::size_t from = variant_.walks * 4;
  const std::size_t to = from + (reads.size() - 2 * from) / variant_.walks * variant_.walks;
  rate(name, rate_between(reads, from, to), "miss_stream", latency);
}

void IommuRows::miss_contexts_cold(unsigned latency) {
  const std::string name = fmt::format("iommu.miss.contexts_cold.L{}", latency);
  if (!results_.wanted(name)) return;
  std::vector<std::uint64_t> values;
  for (unsigned i = 0; i < 4; ++i) values.push_back(Unit(latency).latency(i % 2 != 0, i / 2, Unit::page(0)));
  cycles(name, values, "miss_all_cold", latency, 6);
}

void IommuRows::invalidate_pair(unsigned latency) {
  const std::string name = fmt::format("iommu.invalidate.pair.L{}", latency);
  if (!results_.wanted(name)) return;
  Unit unit(latency);
  unit.warm();
  std::vector<std::uint64_t> values;
  for (unsigned i = 0; i < 16; ++i) {
    (void)unit.one(false, 0, Unit::page(i));
    while ((unit.bench.read_register(0x088, 4) >> 4) % 2 != 0) {  // both in one burst
      unit.bench.flush_global();
      unit.bench.ring();
      unit.bench.run(latency + 100);
    }
    if (i % 2 == 0) {
      unit.bench.flush_pages(kDomain, Unit::page(i));
    } else {
      unit.bench.flush_domain(kDomain);
    }
    unit.invalidate();
    values.push_back(unit.bench.status_cycle - unit.bench.tail_cycle);
    unit.bench.run(50);
  }
  cycles(name, values, "invalidate_wait", latency, 1);
}

void IommuRows::invalidate_extra(const std::string& name, unsigned filled) {
  if (!results_.wanted(name)) return;
  double worst = 0;
  for (const unsigned latency : {20U, 100U}) {
    Unit unit(latency);
    enum class Kind { kPage, kDomain, kGlobal };
    const auto cost = [&](Kind kind, unsigned count) {
      for (unsigned i = 0; i < filled; ++i) (void)unit.bench.read(i % 2, i / 2 % 16, Unit::page(i % kPages));
      unit.settle();
      // From the start of a burst of descriptors, so that both runs are cut into bursts alike.
      while ((unit.bench.read_register(0x088, 4) >> 4) % 16 != 0) {
        unit.bench.flush_pages(kDomain, Unit::page(kPages), 0);
        unit.bench.ring();
        unit.bench.run(latency + 100);
      }
      for (unsigned i = 0; i < count; ++i) {
        if (kind == Kind::kPage) unit.bench.flush_pages(kDomain, Unit::page(i));
        if (kind == Kind::kDomain) unit.bench.flush_domain(kDomain);
        if (kind == Kind::kGlobal) unit.bench.flush_global();
      }
      unit.invalidate();
      const std::uint64_t measured = unit.bench.status_cycle - unit.bench.tail_cycle;
      unit.bench.run(100);
      return static_cast<double>(measured);
    };
    for (const Kind kind : {Kind::kPage, Kind::kDomain, Kind::kGlobal}) {
      const double few = cost(kind, 1);
      worst = std::max(worst, (cost(kind, 1 + kSlope) - few) / kSlope);
    }
  }
  rate(name, worst, "invalidate_extra", 20);
}

void IommuRows::fault_latency(unsigned latency) {
  const std::string name = fmt::format("iommu.fault.latency.L{}", latency);
  if (!results_.wanted(name)) return;
  Unit unit(latency);
  unit.warm();
  std::vector<std::uint64_t> values;
  for (unsigned i = 0; i < 4; ++i) {
    const std::uint64_t blocked = Unit::page(400 + i);
    unit.bench.tables.map(unit.table, blocked, kPool, 0);
    const auto read = unit.one(false, i % 2, blocked);
    if (read->out || read->resp == sim::AxiResp::kOkay)
      throw std::runtime_error(name + ": the read was not blocked");
    values.push_back(read->first_cycle - read->in_cycle);
  }
  cycles(name, values, "read_fault", latency, 1);
}

void IommuRows::replacement(const std::string& suffix) {
  // One request at a time, so that only what was kept decides; pages in a fixed order of each pattern.
  const auto measure = [&](const std::string& pattern, const std::function<unsigned(unsigned)>& page_of,
                           unsigned pages) {
    const std::string name = "iommu.iotlb.hit_rate." + pattern + suffix;
    if (!results_.wanted(name)) return;
    Unit unit(1, pages);
    const std::uint64_t hit = contract_.promise("iotlb_hit").pipe.at(variant_.pipe).constant;
    const unsigned warm = 2 * variant_.iotlb_entries;
    const unsigned count = 6 * variant_.iotlb_entries;
    unsigned hits = 0;
    for (unsigned i = 0; i < warm + count; ++i) {
      const bool kept = unit.latency(false, 0, Unit::page(page_of(i))) == hit;
      if (i >= warm && kept) ++hits;
    }
    results_.report(name, static_cast<double>(hits) / count, "hits/request");
  };
  const unsigned entries = variant_.iotlb_entries;
  std::mt19937_64 random(1);
  measure(
      "loop", [&](unsigned i) { return i % entries; }, entries);
  measure(
      "random_twice_its_size", [&](unsigned) { return static_cast<unsigned>(random() % (2 * entries)); },
      2 * entries);
  // Half of the requests to a hot half of its size, the others to pages that are used once.
  unsigned scan = 0;
  measure(
      "hot_and_scan",
      [&](unsigned) {
        return static_cast<unsigned>(random() % 2 != 0 ? random() % (entries / 2) : entries / 2 + scan++);
      },
      entries / 2 + 8 * entries);
}

void IommuRows::all() {
  hit_latency();
  hit_rates();
  hit_under_miss(100);
  for (const unsigned latency : {20U, 100U}) miss_cold(latency);
  for (const unsigned latency : {20U, 100U}) miss_leaf(latency);
  miss_rate(100);
  for (const unsigned latency : {20U, 100U}) invalidate_pair(latency);
  invalidate_extra("iommu.invalidate.extra", variant_.iotlb_entries);
  miss_contexts_cold(20);
  fault_latency(20);
  replacement("");
}

void IommuRows::large_iotlb() {
  invalidate_extra(fmt::format("iommu.invalidate.extra.{}", variant_.iotlb_entries),
                   std::min(variant_.iotlb_entries, kPages));
  replacement(fmt::format(".{}", variant_.iotlb_entries));
}

}  // namespace gpudmar::bench
