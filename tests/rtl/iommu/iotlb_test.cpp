// SPDX-License-Identifier: Apache-2.0
// The IOTLB alone, in each of its forms: random fills, flushes and lookups in every cycle against what may
// and what must be found.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <verilated.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <tuple>
#include <vector>

#include GPUDMAR_MODEL_HEADER
#include "sim/dut/model_coverage.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

constexpr unsigned kEntries = GPUDMAR_ENTRIES;
constexpr unsigned kWays = GPUDMAR_WAYS;  // 0: fully associative
constexpr unsigned kStages = GPUDMAR_READ_STAGES;
constexpr unsigned kGenBits = GPUDMAR_GEN_BITS;
constexpr unsigned kSets = kWays == 0 ? 1 : kEntries / kWays;
constexpr unsigned kRecent = 8;
// Every flush must be taken within so many cycles: the sets of a page flush before it, and two passes.
constexpr unsigned kLongestWait = 3 * kSets + 12;

std::uint64_t base_seed() {
  const char* text = std::getenv("GPUDMAR_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 0) : 20261129;
}

struct Fill {
  std::uint64_t frame = 0;  ///< of the page's first 4 KiB
  bool r = false, w = false, snp = false;
  std::uint64_t cycle = 0;
};

struct Flush {
  unsigned g = 1;
  std::uint16_t did = 0;
  std::uint64_t page = 0;
  unsigned am = 0;
};

std::uint64_t size_mask(unsigned size) { return ~((1ULL << (9 * size)) - 1); }

class Iotlb : public ::testing::TestWithParam<unsigned> {
 protected:
  Iotlb() : context_(std::make_unique<VerilatedContext>()) {
    context_->threads(1);
    context_->randReset(2);
    context_->randSeed(static_cast<int>(base_seed() + GetParam()));
    top_ = std::make_unique<GPUDMAR_MODEL>(context_.get(), "iotlb");
    top_->rst_ni = 0;
    step();
    step();
    top_->rst_ni = 1;
    for (unsigned i = 0; i < kSets + 4; ++i) step();  // the memories are cleared
  }
  ~Iotlb() override { top_->final(); }

  using Key = std::tuple<std::uint16_t, unsigned, std::uint64_t>;  // domain, size, page

  /// Set what is looked up kStages cycles from now and return what is looked up now.
  std::pair<std::uint16_t, std::uint64_t> lookup(bool write, std::uint16_t did, std::uint64_t page) {
    auto& queue = pending_[write ? 1 : 0];
    queue.emplace_back(did, page);
    std::pair<std::uint16_t, std::uint64_t> now{0, 0};
    if (queue.size() > kStages) {
      now = queue.front();
      queue.pop_front();
    }
    if (write) {
      top_->wr_next_page_i = page;
      top_->wr_did_i = now.first;
      top_->wr_page_i = now.second;
    } else {
      top_->rd_next_page_i = page;
      top_->rd_did_i = now.first;
      top_->rd_page_i = now.second;
    }
    return now;
  }

  void fill(std::uint16_t did, std::uint64_t page, unsigned size, const Fill& f) {
    top_->fill_valid_i = 1;
    top_->fill_size_i = size;
    top_->fill_did_i = did;
    top_->fill_page_i = page;
    top_->fill_frame_i = f.frame + (page & ~size_mask(size));
    top_->fill_r_i = f.r;
    top_->fill_w_i = f.w;
    top_->fill_snp_i = f.snp;
  }

  /// Describe a flush; true when it is taken in this cycle.
  bool flush(const Flush& f) {
    top_->flush_g_i = f.g;
    top_->flush_did_i = f.did;
    top_->flush_page_i = f.page;
    top_->flush_mask_i = (~0ULL << f.am) & ((1ULL << 36) - 1);
    top_->eval();
    top_->flush_valid_i = top_->flush_ready_o;
    return top_->flush_ready_o != 0;
  }

  void step() {
    top_->clk_i = 0;
    top_->eval();
    top_->clk_i = 1;
    top_->eval();
    top_->clk_i = 0;
    top_->fill_valid_i = 0;
    top_->flush_valid_i = 0;
    top_->eval();
    ++cycle_;
  }

  /// Run idle cycles.
  void rest(unsigned cycles) {
    for (unsigned i = 0; i < cycles; ++i) {
      lookup(false, 0, 0);
      lookup(true, 0, 0);
      step();
    }
  }

  /// True when a read lookup of the page hits, some cycles from now.
  bool hits(std::uint16_t did, std::uint64_t page) {
    for (unsigned i = 0; i < kStages; ++i) {
      lookup(false, did, page);
      lookup(true, did, page);
      step();
    }
    lookup(false, did, page);
    lookup(true, did, page);
    top_->eval();
    const bool hit = top_->rd_hit_o != 0;
    EXPECT_EQ(hit, top_->wr_hit_o != 0);
    step();
    return hit;
  }

  std::unique_ptr<VerilatedContext> context_;
  std::unique_ptr<GPUDMAR_MODEL> top_;
  sim::ModelCoverage coverage_{*context_};
  std::deque<std::pair<std::uint16_t, std::uint64_t>> pending_[2];
  std::uint64_t cycle_ = 0;
};

/// What a lookup may answer: the last fill of each size that no flush has taken. What it must find: a page
/// among the last few fills, and with the sets not overfilled every page that had a few quiet cycles to get
/// there.
TEST_P(Iotlb, AnswersOnlyWhatIsLiveAndFindsWhatItMust) {
  covers("vtd.iotlb");
  const std::uint64_t seed = base_seed() + GetParam();
  SCOPED_TRACE(
      fmt::format("re-run: GPUDMAR_SEED={} {} --gtest_filter='*AnswersOnly*/0'", seed, GPUDMAR_PROGRAM));
  std::mt19937_64 rng(seed);
  const auto pick = [&rng](std::uint64_t n) { return rng() % n; };
  // Few pages, so that fills, flushes and lookups meet; spread so that some sets overflow.
  const unsigned span = static_cast<unsigned>(8 + pick(kSets * 2));
  const std::uint64_t base = pick(2) == 0 ? 0 : 0x7'FFFF'FE00ULL;
  const unsigned domains = static_cast<unsigned>(1 + pick(4));
  const unsigned flush_every = static_cast<unsigned>(2 + pick(40)),
                 fill_every = static_cast<unsigned>(1 + pick(6));
  const unsigned large_every = static_cast<unsigned>(2 + pick(30));
  const auto page = [&] { return base + pick(span) + (pick(4) == 0 ? pick(3) << 9 : 0); };
  const auto did = [&] { return static_cast<std::uint16_t>(3 + 16 * pick(2) + pick(domains)); };

  std::map<Key, std::vector<Fill>> live;  // with memory: a dropped fill leaves what it would have replaced
  std::deque<Key> recent;                 // the last fills of 4 KiB pages, youngest last
  bool overfilled = false;                // flip-flops may have had to replace something
  std::uint64_t hits = 0, musts = 0, waits = 0, longest = 0, waited = 0;
  bool flushing = false;
  Flush next_flush;
  for (unsigned n = 0; n < 6000; ++n) {
    const auto rd = lookup(false, did(), page());
    const auto wr = lookup(true, did(), page());
    top_->eval();
    for (const bool write : {false, true}) {
      const auto& [d, p] = write ? wr : rd;
      const bool hit = write ? top_->wr_hit_o != 0 : top_->rd_hit_o != 0;
      const std::uint64_t frame = write ? top_->wr_frame_o : top_->rd_frame_o;
      bool legal = false;
      for (unsigned size = 0; size < 3; ++size) {
        const auto it = live.find({d, size, p & size_mask(size)});
        if (it == live.end()) continue;
        for (const Fill& f : it->second)
          legal |= frame == f.frame + (p & ~size_mask(size)) &&
                   f.w == (write ? top_->wr_w_o != 0 : top_->rd_w_o != 0) &&
                   f.snp == (write ? top_->wr_snp_o != 0 : top_->rd_snp_o != 0) &&
                   (write || f.r == (top_->rd_r_o != 0));
      }
      const bool must =
          live.count({d, 0, p}) != 0 &&
          (kWays == 0 ? !overfilled : std::find(recent.begin(), recent.end(), Key{d, 0, p}) != recent.end());
      ASSERT_TRUE(!hit || legal) << "cycle " << cycle_ << (write ? " write" : " read") << " domain " << d
                                 << " page 0x" << std::hex << p << " frame 0x" << frame;
      ASSERT_TRUE(hit || !must) << "cycle " << cycle_ << (write ? " write" : " read") << " domain " << d
                                << " page 0x" << std::hex << p << " must be there";
      hits += hit ? 1 : 0;
      musts += must ? 1 : 0;
    }

    // A flush in this cycle takes a fill of this cycle with it.
    std::vector<std::pair<Key, Fill>> filled;
    if (pick(fill_every) == 0) {
      const unsigned size = pick(large_every) == 0 ? 1 + static_cast<unsigned>(pick(2)) : 0;
      const std::uint64_t any = page();
      const Fill f{(pick(1 << 14) << 18) + (size == 0   ? pick(1 << 18)
                                            : size == 1 ? pick(1 << 9) << 9
                                                        : 0),
                   pick(2) == 1, pick(2) == 1, pick(2) == 1, cycle_};
      const Key key{did(), size, any & size_mask(size)};
      fill(std::get<0>(key), any, size, f);
      filled.emplace_back(key, f);
    }
    if (!flushing && pick(flush_every) == 0) {
      flushing = true;
      waits = 0;
      next_flush = {static_cast<unsigned>(pick(12) == 0  ? 1
                                          : pick(3) == 0 ? 2
                                                         : 3),
                    did(), page(), pick(3) == 0 ? static_cast<unsigned>(pick(12)) : 0};
    }
    bool flushed = false;
    if (flushing) {
      flushed = flush(next_flush);
      if (flushed) {
        flushing = false;
      } else {
        longest = std::max<std::uint64_t>(longest, ++waits);
        ++waited;
        ASSERT_LE(waits, kLongestWait) << "a flush waits for ever";
      }
    }
    const auto taken = [&](const Key& key) {
      const auto& [d, size, p] = key;
      return flushed &&
             (next_flush.g == 1 ||
              (d == next_flush.did && (next_flush.g == 2 || ((p ^ next_flush.page) & size_mask(size) &
                                                             (~0ULL << next_flush.am)) == 0)));
    };
    overfilled = (overfilled && !live.empty()) || live.size() + filled.size() > kEntries;
    for (auto it = live.begin(); it != live.end();) it = taken(it->first) ? live.erase(it) : std::next(it);
    for (const auto& [key, f] : filled) {
      if (taken(key)) continue;
      if (kWays == 0) {
        // A fully associative fill clears what it overlaps.
        for (auto it = live.begin(); it != live.end();) {
          const auto mask = size_mask(std::get<1>(it->first)) & size_mask(std::get<1>(key));
          const bool gone = std::get<0>(it->first) == std::get<0>(key) &&
                            ((std::get<2>(it->first) ^ std::get<2>(key)) & mask) == 0;
          it = gone ? live.erase(it) : std::next(it);
        }
      }
      live[key].push_back(f);
      if (std::get<1>(key) == 0) recent.push_back(key);
      if (recent.size() > kRecent) recent.pop_front();
    }
    step();
  }
  EXPECT_GT(hits, 200U);
  EXPECT_GT(musts, 10U);
  if (kWays == 0) {
    EXPECT_EQ(waited, 0U) << "flip-flops take every flush at once";
  }
}

TEST_P(Iotlb, HoldsItsWholeSizeAndForgetsIt) {
  covers("vtd.iotlb");
  const auto f = [](std::uint64_t page) { return Fill{page + 0x1000, true, true, false, 0}; };
  for (unsigned round = 0; round < 2 + (1U << kGenBits); ++round) {
    SCOPED_TRACE(round);
    for (unsigned i = 0; i < kEntries; ++i) {
      fill(5, 0x100 + i, 0, f(i));
      rest(4);
    }
    for (unsigned i = 0; i < kEntries; ++i) ASSERT_TRUE(hits(5, 0x100 + i)) << i;
    // One page goes, and no other.
    const Flush one{3, 5, 0x100 + round % kEntries, 0};
    ASSERT_TRUE(flush(one));
    step();
    for (unsigned i = 0; i < kEntries; ++i) ASSERT_EQ(hits(5, 0x100 + i), i != round % kEntries) << i;
    Flush all{round % 2 == 0 ? 1U : 2U, 5, 0, 0};
    unsigned waits = 0;
    while (!flush(all)) {
      step();
      ASSERT_LE(++waits, kLongestWait);
    }
    step();
    for (unsigned i = 0; i < kEntries; ++i) ASSERT_FALSE(hits(5, 0x100 + i)) << i;
  }
}

TEST_P(Iotlb, FlushesCostTheirCycles) {
  covers("vtd.iotlb", "contract.invalidation_slope");
  rest(2 * kSets + 8);
  // Generations that are clean: one cycle each.
  const unsigned clean = kWays == 0 ? 20 : (1U << kGenBits) - 1;
  for (unsigned i = 0; i < clean; ++i) {
    EXPECT_TRUE(flush({i % 2 == 0 ? 1U : 2U, 7, 0, 0})) << i;
    step();
  }
  rest(3 * kSets + 8);
  // Single pages: every second cycle. Ranges: as many cycles as they have sets.
  for (unsigned i = 0; i < 8; ++i) {
    EXPECT_TRUE(flush({3, 7, 0x100 + i, 0}));
    step();
    rest(1);
  }
  for (unsigned am = 1; am < 12; ++am) {
    EXPECT_TRUE(flush({3, 7, 0x1000, am}));
    step();
    unsigned cycles = 1;
    while (!flush({3, 7, 0x8000, 0})) {
      step();
      ++cycles;
    }
    step();
    rest(1);
    EXPECT_LE(cycles, 2 + std::min(1U << am, kSets)) << am;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Iotlb, ::testing::Range(0U, 8U));

}  // namespace
}  // namespace gpudmar::test
