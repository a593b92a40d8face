// SPDX-License-Identifier: Apache-2.0
// Random tables, requests, stalls and invalidations against the reference model.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "tests/rtl/iommu/iommu_bench.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

std::uint64_t base_seed() {
  const char* text = std::getenv("GPUDMAR_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 0) : 20261122;
}

constexpr std::uint64_t kPool = 0x4000'0000;

class Random : public ::testing::TestWithParam<unsigned> {};

/// Tables full of everything: holes, permissions, large pages, reserved bits, windows; then requests of both
/// ports.
TEST_P(Random, EveryRequestGoesWhereTheReferenceSays) {
  covers("G4", "vtd.random");
  const std::uint64_t seed = base_seed() + GetParam();
  SCOPED_TRACE(
      fmt::format("re-run: GPUDMAR_SEED={} {} --gtest_filter='*EveryRequest*/0'", seed, GPUDMAR_PROGRAM));
  std::mt19937_64 rng(seed);
  const auto pick = [&](std::uint64_t n) { return rng() % n; };
  IommuBench bench(1 + static_cast<unsigned>(pick(40)), seed);
  const std::uint64_t tables[2] = {bench.tables.page(), bench.tables.page()};
  bench.tables.context(kSid[0], 3, tables[0]);
  bench.tables.context(kSid[1], pick(2) ? 3 : 4, tables[0]);
  if (pick(3) == 0) bench.tables.context(kSid[1], 5, tables[1]);
  if (pick(6) == 0) bench.tables.context(kSid[1], 6, 0, 2, 2);
  std::vector<std::uint64_t> iovas;
  const std::uint64_t bases[] = {0, 0x10'0000'0000, 0x7FFF'FFE0'0000, 0xFEC0'0000};
  for (unsigned i = 0; i < 60; ++i) {
    const std::uint64_t iova = bases[pick(4)] + pick(24) * 4096;
    iovas.push_back(iova);
    const std::uint64_t entry = bench.tables.entry(tables[pick(2)], 4, iova);
    std::uint64_t value = kPool + pick(64) * 4096;
    if (pick(12) == 0) value = 0xFEE0'0000 + pick(256) * 4096;
    value |= pick(5) == 0 ? pick(4) : 3;
    if (pick(12) == 0) value |= 1ULL << (pick(2) ? 62 : 46 + pick(6));
    if (bench.unit.sc && pick(3) == 0) value |= 1ULL << 11;
    value |= (pick(2) << 52) | (pick(2) << 10) | (pick(2) << 2);
    bench.memory.store64(entry, value);
  }
  if (pick(2)) bench.tables.map(tables[0], 0x11'0000'0000, 0x100'4000'0000, 3, 4, 3);
  iovas.push_back(0x11'0000'0000 + pick(0x3FFF) * 4096);
  iovas.push_back(0x11'0000'0000 + pick(0x3FFF) * 4096);
  iovas.push_back(1ULL << 48);
  iovas.push_back(0xFEE0'0000);
  ASSERT_TRUE(bench.bring_up());
  for (unsigned p = 0; p < kPorts; ++p) {
    bench.r_ready[p] = pick(2) ? 1.0 : 0.5;
    bench.b_ready[p] = pick(2) ? 1.0 : 0.5;
  }

  std::vector<BurstPtr> all;
  for (unsigned round = 0; round < 40; ++round) {
    std::vector<BurstPtr> bursts;
    for (unsigned i = 0; i < 40; ++i) {
      const std::uint64_t page = iovas[pick(iovas.size())];
      const unsigned port = static_cast<unsigned>(pick(kPorts));
      const unsigned id = static_cast<unsigned>(pick(pick(2) ? 2 : 16));
      const unsigned beats = 1 + static_cast<unsigned>(pick(pick(8) == 0 ? 64 : 4));
      const std::uint64_t at =
          page + pick(4096 / kBusBytes - beats + 1) * kBusBytes + (pick(4) == 0 ? pick(kBusBytes) : 0);
      std::uint32_t user = pick(30) == 0 ? static_cast<std::uint32_t>(1 + pick(4)) : 0;
      user |= static_cast<std::uint32_t>(pick(2) * kNoSnoop + (pick(4) == 0 ? kZeroLength : 0));
      bursts.push_back(pick(2) ? bench.read(port, id, at, beats, kFullSize, user)
                               : bench.write(port, id, at, beats, kFullSize, user));
    }
    if (pick(3) == 0) {
      const auto n = 1 + pick(4);
      for (unsigned i = 0; i < n; ++i) {
        if (pick(4) == 0)
          bench.flush_domain(static_cast<std::uint16_t>(3 + pick(4)));
        else
          bench.flush_pages(static_cast<std::uint16_t>(3 + pick(4)),
                            iovas[pick(iovas.size())] & 0xFFFFFFFFF000, static_cast<unsigned>(pick(4)),
                            pick(2) != 0);
      }
      if (pick(4) == 0) bench.flush_contexts();
      bench.run(pick(100));
      ASSERT_TRUE(bench.invalidate(20000));
    }
    ASSERT_TRUE(bench.settle(200000));
    std::size_t recorded = 0;
    for (const auto& b : bursts) {
      const auto outcome = bench.expected(b->port, b->address, b->write, kBusBytes * b->beats, b->user);
      const auto out = model::outgoing_address(outcome);
      ASSERT_EQ(b->out, out.has_value())
          << model::describe(outcome)
          << fmt::format(" for {} {:x} of port {}", b->write ? "write" : "read", b->address, b->port);
      if (out) {
        ASSERT_EQ(b->out_address, *out) << model::describe(outcome);
        const auto* translated = std::get_if<model::Translated>(&outcome);
        const bool forced = translated != nullptr && translated->snoop;
        ASSERT_EQ(b->out_snoop, forced || (b->user & kNoSnoop) == 0) << model::describe(outcome);
      } else {
        ASSERT_EQ(b->resp, sim::AxiResp::kSlvErr);
        if (std::holds_alternative<model::Fault>(outcome)) ++recorded;
      }
    }
    ASSERT_EQ(bench.faults.size(), recorded);
    // Each fault has its request: same page, source, direction, reason.
    for (const auto& [low, high] : bench.faults) {
      bool found = false;
      for (const auto& b : bursts) {
        const auto outcome = bench.expected(b->port, b->address, b->write, kBusBytes * b->beats, b->user);
        const auto* fault = std::get_if<model::Fault>(&outcome);
        if (fault == nullptr || (b->address & ~0xFFFULL) != low || kSid[b->port] != (high & 0xFFFF)) continue;
        const auto reason = static_cast<model::Reason>((high >> 32) & 0xFF);
        found |= (fault->reason == reason || fault->alternate == reason) &&
                 ((high >> 62) & 1) == (b->write ? 0U : 1U);
      }
      ASSERT_TRUE(found) << fmt::format("fault record {:016x} {:016x} fits no request", high, low);
    }
    bench.faults.clear();
  }
  for (const auto& v : bench.violations) ADD_FAILURE() << v.cycle << " " << v.rule << ": " << v.message;
}

INSTANTIATE_TEST_SUITE_P(Seeds, Random, ::testing::Range(0U, 12U));

}  // namespace
}  // namespace gpudmar::test
