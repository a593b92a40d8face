// SPDX-License-Identifier: Apache-2.0
// Random tables and requests: translate() against a second walker that shares nothing with it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "sim/model/translate.h"
#include "tests/sim/model/tables.h"

namespace gpudmar::model::test {
namespace {

struct Naive {
  unsigned fault = 0;
  std::uint64_t address = 0;
};

/// Deliberately plain: division instead of shifts, a std::map of qwords, one return per rule.
Naive naive_walk(const std::map<std::uint64_t, std::uint64_t>& memory, std::uint64_t root, unsigned sid,
                 std::uint64_t address, bool is_write) {
  const auto get = [&](std::uint64_t pa) {
    const auto it = memory.find(pa);
    return it == memory.end() ? std::uint64_t{0} : it->second;
  };
  const std::uint64_t page = 4096, haw = 1ULL << 46;
  const std::uint64_t r0 = get(root + sid / 256 * 16), r1 = get(root + sid / 256 * 16 + 8);
  if (r0 % 2 == 0) return {1, 0};
  if (r0 % page != 1 || r0 >= haw || r1 != 0) return {0xA, 0};
  const std::uint64_t c = r0 / page * page + sid % 256 * 16;
  const std::uint64_t c0 = get(c), c1 = get(c + 8);
  if (c0 % 2 == 0) return {2, 0};
  if (c0 % page / 16 != 0 || c1 / 128 % 2 != 0 || c1 >= 1ULL << 24) return {0xB, 0};
  const std::uint64_t aw = c1 % 8, tt = c0 / 4 % 4;
  if (aw != 1 && aw != 2) return {3, 0};
  if (tt == 1 || tt == 3) return {3, 0};
  if (tt == 2) {
    if (aw != 2) return {3, 0};
    return address >= haw ? Naive{4, 0} : Naive{0, address};
  }
  if (c0 >= haw) return {3, 0};
  std::uint64_t span = aw == 1 ? 1ULL << 39 : 1ULL << 48;
  if (address >= span) return {4, 0};
  std::uint64_t table = c0 / page * page;
  while (true) {
    const bool top_levels = span > 1ULL << 39;  // an entry of this table covers more than 1 GiB
    const std::uint64_t each = span / 512;
    const std::uint64_t e = get(table + address % span / each * 8);
    if (is_write ? e / 2 % 2 == 0 : e % 2 == 0) return {is_write ? 5U : 6U, 0};
    const bool large = e / 128 % 2 == 1;
    if (e / 2048 % 2 == 1 || (e >> 46) % 64 != 0 || (e >> 62) % 2 != 0) return {0xC, 0};
    if (top_levels && large) return {0xC, 0};
    const std::uint64_t target = e % haw / page * page;
    if (each == page || large) {
      if (target % each != 0) return {0xC, 0};
      if (target <= 0xFEEF'FFFF && target + each - 1 >= 0xFEE0'0000) return {0xE, 0};
      return {0, target + address % each};
    }
    table = target;
    span = each;
  }
}

TEST(TranslateRandom, AgreesWithTheNaiveWalker) {
  const char* given = std::getenv("GPUDMAR_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device{}();
  const std::string rerun = fmt::format(
      "GPUDMAR_SEED={} model_translate_test --gtest_filter=TranslateRandom.AgreesWithTheNaiveWalker", seed);
  std::cout << rerun << "\n";
  std::mt19937_64 rng(seed);
  const auto below = [&rng](std::uint64_t n) { return rng() % n; };

  std::map<unsigned, unsigned> seen;
  for (int round = 0; round < 200; ++round) {
    SparseMemory memory;
    Tables tables(memory);
    std::vector<std::uint64_t> entries;  // places worth damaging
    std::vector<std::uint64_t> pages;
    std::vector<std::uint16_t> sids;
    for (int device = 0; device < 4; ++device) {
      const auto sid = static_cast<std::uint16_t>(below(4) << 8 | below(4));
      const unsigned levels = 3 + static_cast<unsigned>(below(2));
      const std::uint64_t stage = tables.attach(sid, static_cast<std::uint16_t>(below(65536)), levels - 2,
                                                below(8) == 0 ? static_cast<unsigned>(below(4)) : 0);
      sids.push_back(sid);
      entries.push_back(tables.root_entry(sid));
      entries.push_back(tables.root_entry(sid) + 8);
      entries.push_back(tables.context_entry(sid));
      entries.push_back(tables.context_entry(sid) + 8);
      for (int i = 0; i < 12; ++i) {
        const std::uint64_t address = below(4) << 38 | below(3) << 30 | below(3) << 21 | below(4) << 12;
        const unsigned level = below(4) == 0 ? 2 + static_cast<unsigned>(below(2)) : 1;
        const std::uint64_t size = 1ULL << (12 + 9 * (level - 1));
        const std::uint64_t target =
            below(6) == 0 ? 0xFEE0'0000 / size * size : below(1ULL << 46) / size * size;
        const std::uint64_t at =
            tables.entry(stage, levels, address & ((1ULL << (9 * levels + 12)) - 1), level);
        memory.qwords[at] = target | (1 + below(3)) | (level > 1 ? kLarge : 0);
        entries.push_back(at);
        pages.push_back(address);
      }
    }
    const auto damage = below(6);
    for (std::uint64_t i = 0; i < damage; ++i)
      memory.qwords[entries[below(entries.size())]] ^= 1ULL << below(64);

    for (int i = 0; i < 500; ++i) {
      Request request = read_of(sids[below(sids.size())], pages[below(pages.size())] + below(512) * 8);
      request.is_write = below(2) == 1;
      if (below(20) == 0) request.address ^= 1ULL << (12 + below(52));
      if (request.address >= kInterruptBase && request.address < kInterruptEnd) continue;
      const Naive expected =
          naive_walk(memory.qwords, Tables::kRoot, request.source_id, request.address, request.is_write);
      const Outcome outcome = translate({}, {true, Tables::kRoot, 0}, memory, request);
      const auto* fault = std::get_if<Fault>(&outcome);
      ++seen[expected.fault];
      if (expected.fault != 0) {
        ASSERT_NE(fault, nullptr) << describe(request) << ": " << describe(outcome) << "\n" << rerun;
        const bool either = static_cast<unsigned>(fault->reason) == expected.fault ||
                            static_cast<unsigned>(fault->alternate) == expected.fault;
        ASSERT_TRUE(either) << describe(request) << ": " << describe(outcome) << ", expected "
                            << expected.fault << "\n"
                            << rerun;
      } else {
        ASSERT_EQ(outgoing_address(outcome), expected.address)
            << describe(request) << ": " << describe(outcome) << "\n"
            << rerun;
      }
    }
  }
  for (const unsigned reason : {0U, 5U, 6U, 0xCU, 0xEU})
    EXPECT_GT(seen[reason], 0U) << "reason " << reason << "\n" << rerun;
}

}  // namespace
}  // namespace gpudmar::model::test
