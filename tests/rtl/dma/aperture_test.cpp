// SPDX-License-Identifier: Apache-2.0
// The aperture's table alone, four channels: cleared by reset, shared fairly, never an entry of somebody
// else's.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <verilated.h>

#include <array>
#include <cstdlib>
#include <deque>
#include <random>

#include "Vdma_aperture0.h"
#include "Vdma_aperture1.h"
#include "sim/dut/model_coverage.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

constexpr unsigned kChannels = 4, kPagesLog2 = 5, kPages = 1U << kPagesLog2, kEntryBits = 29;
constexpr std::uint64_t kValid = 1ULL << (kEntryBits - 1);

/// One cycle's requests; an unset page asks for nothing.
struct Requests {
  std::array<int, kChannels> src{-1, -1, -1, -1}, dst{-1, -1, -1, -1}, update{-1, -1, -1, -1};
  std::array<std::uint64_t, kChannels> entry{};
};

template <class V>
class Table {
 public:
  explicit Table(std::uint64_t seed) {
    context_.randReset(2);
    context_.randSeed(static_cast<int>(seed) + 1);
    top_ = std::make_unique<V>(&context_);
    reset();
  }
  ~Table() { top_->final(); }
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  unsigned lookups_taken = 0, updates_taken = 0;  ///< In the last cycle, a bit per channel.
  std::uint64_t entry_src = 0, entry_dst = 0;     ///< As they were in the last cycle.

  void reset() {
    top_->rst_ni = 0;
    step({});
    top_->rst_ni = 1;
  }
  void step(const Requests& r) {
    top_->lookup_valid_i = top_->update_valid_i = 0;
    std::uint64_t src = 0, dst = 0, update = 0;
    for (unsigned i = 0; i < 4; ++i) top_->update_entry_i[i] = 0;
    for (unsigned c = 0; c < kChannels; ++c) {
      if (r.src[c] >= 0) top_->lookup_valid_i |= static_cast<std::uint8_t>(1U << c);
      if (r.update[c] >= 0) top_->update_valid_i |= static_cast<std::uint8_t>(1U << c);
      src |= static_cast<std::uint64_t>(r.src[c] & (kPages - 1)) << (kPagesLog2 * c);
      dst |= static_cast<std::uint64_t>(r.dst[c] & (kPages - 1)) << (kPagesLog2 * c);
      update |= static_cast<std::uint64_t>(r.update[c] & (kPages - 1)) << (kPagesLog2 * c);
      for (unsigned bit = 0; bit < kEntryBits; ++bit) {
        const unsigned at = c * kEntryBits + bit;
        top_->update_entry_i[at / 32] |= static_cast<std::uint32_t>(r.entry[c] >> bit & 1) << (at % 32);
      }
    }
    top_->lookup_src_i = static_cast<std::uint32_t>(src);
    top_->lookup_dst_i = static_cast<std::uint32_t>(dst);
    top_->update_page_i = static_cast<std::uint32_t>(update);
    top_->clk_i = 0;
    top_->eval();
    lookups_taken = top_->lookup_ready_o & top_->lookup_valid_i;
    updates_taken = top_->update_ready_o & top_->update_valid_i;
    entry_src = top_->entry_src_o;
    entry_dst = top_->entry_dst_o;
    top_->clk_i = 1;
    top_->eval();
  }

 private:
  VerilatedContext context_;
  std::unique_ptr<V> top_;
  sim::ModelCoverage coverage_{context_};
};

template <class V>
class ApertureTable : public ::testing::Test {
 protected:
  static constexpr unsigned kPipe = std::is_same_v<V, Vdma_aperture0> ? 0 : 1;
};
using Pipes = ::testing::Types<Vdma_aperture0, Vdma_aperture1>;
TYPED_TEST_SUITE(ApertureTable, Pipes);

TYPED_TEST(ApertureTable, RandomRequestsSeeTheLastUpdate) {
  covers("contract.dma.aperture");
  const char* text = std::getenv("GPUDMAR_SEED");
  const std::uint64_t seed = text == nullptr ? 9 : std::strtoull(text, nullptr, 0);
  SCOPED_TRACE(fmt::format("re-run: GPUDMAR_SEED={} rtl_dma_mover_test --gtest_filter=ApertureTable*", seed));
  std::mt19937_64 random(seed);
  Table<TypeParam> table(seed);
  std::array<std::uint64_t, kPages> model{};
  Requests r;
  for (unsigned i = 0; i < kPages; ++i) {  // nothing is taken while the entries are cleared
    r.src.fill(3);
    r.update.fill(3);
    table.step(r);
    ASSERT_EQ(table.lookups_taken | table.updates_taken, 0U) << i;
  }
  r = Requests();
  std::deque<std::pair<std::uint64_t, std::uint64_t>> due;
  std::array<unsigned, kChannels> waited{}, waited_update{};
  for (unsigned i = 0; i < 20'000; ++i) {
    for (unsigned c = 0; c < kChannels; ++c) {
      if (r.src[c] < 0 && random() % 2 == 0) {
        r.src[c] = static_cast<int>(random() % kPages);
        r.dst[c] = static_cast<int>(random() % kPages);
      }
      if (r.update[c] < 0 && random() % 3 == 0) {
        r.update[c] = static_cast<int>(random() % kPages);
        r.entry[c] = random() % (2 * kValid);
      }
    }
    table.step(r);
    ASSERT_LE(__builtin_popcount(table.lookups_taken), 1);
    ASSERT_LE(__builtin_popcount(table.updates_taken), 1);
    if (due.size() == 1 + TestFixture::kPipe) {
      if (due.front().first != ~0ULL) {
        ASSERT_EQ(table.entry_src, due.front().first) << i;
        ASSERT_EQ(table.entry_dst, due.front().second) << i;
      }
      due.pop_front();
    }
    due.emplace_back(~0ULL, ~0ULL);
    // A request sees the update of its own cycle.
    for (unsigned c = 0; c < kChannels; ++c) {
      waited_update[c] = r.update[c] < 0 ? 0 : waited_update[c] + 1;
      ASSERT_LE(waited_update[c], kChannels) << "channel " << c << " starves";
      if (table.updates_taken >> c & 1) {
        model[static_cast<unsigned>(r.update[c])] = r.entry[c];
        r.update[c] = -1;
        waited_update[c] = 0;
      }
    }
    for (unsigned c = 0; c < kChannels; ++c) {
      waited[c] = r.src[c] < 0 ? 0 : waited[c] + 1;
      ASSERT_LE(waited[c], kChannels) << "channel " << c << " starves";
      if (table.lookups_taken >> c & 1) {
        due.back() = {model[static_cast<unsigned>(r.src[c])], model[static_cast<unsigned>(r.dst[c])]};
        r.src[c] = -1;
        waited[c] = 0;
      }
    }
  }
}

// A reset forgets every entry.
TYPED_TEST(ApertureTable, ResetInvalidatesEverything) {
  covers("contract.dma.aperture");
  Table<TypeParam> table(1);
  for (unsigned i = 0; i < kPages; ++i) table.step({});
  Requests r;
  for (unsigned page = 0; page < kPages; ++page) {
    r.update[1] = static_cast<int>(page);
    r.entry[1] = kValid | page;
    table.step(r);
    ASSERT_EQ(table.updates_taken, 2U);
  }
  table.reset();
  for (unsigned i = 0; i < kPages; ++i) table.step({});
  for (unsigned page = 0; page < kPages; ++page) {
    Requests look;
    look.src[2] = look.dst[2] = static_cast<int>(page);
    table.step(look);
    ASSERT_EQ(table.lookups_taken, 4U);
    for (unsigned i = 0; i < 1 + TestFixture::kPipe; ++i) table.step({});
    EXPECT_EQ(table.entry_src & kValid, 0U) << page;
    EXPECT_EQ(table.entry_dst & kValid, 0U) << page;
  }
}

}  // namespace
}  // namespace gpudmar::test
