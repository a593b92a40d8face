// SPDX-License-Identifier: Apache-2.0
// Entries of 16 bytes on a table bus of 64 bits: two beats, put together for the reader they belong to.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/rtl/iommu/iommu_bench.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

static_assert(kBusBytes == 8);

constexpr std::uint64_t kPool = 0x4000'0000;
constexpr std::uint64_t kIova = 0x10'0000'0000;  // below 2^39
constexpr std::uint16_t kDid[2] = {3, 0x0109};
constexpr unsigned kPages = 64;
constexpr std::uint32_t kFsts = 0x034, kIqh = 0x080, kIqercd = 0x0B0, kIqe = 1U << 4;

/// Two devices whose entries differ in both halves: other tables, domains and numbers of levels, so an entry
/// put together of both leads nowhere.
class Halves : public ::testing::Test {
 protected:
  explicit Halves(unsigned latency = 10, std::uint64_t seed = 1) : bench(latency, seed) {
    for (unsigned p = 0; p < 2; ++p) {
      tables[p] = bench.tables.page();
      bench.tables.context(kSid[p], kDid[p], tables[p], levels(p) - 2);
      map(tables[p], p, pool(p));
    }
  }
  ~Halves() override {
    for (const auto& v : bench.violations) ADD_FAILURE() << v.cycle << " " << v.rule << ": " << v.message;
  }
  static unsigned levels(unsigned port) { return port == 0 ? 4 : 3; }
  static std::uint64_t pool(unsigned port) { return kPool + port * 0x100'0000ULL; }
  static std::uint64_t where(std::uint64_t pool, std::uint64_t iova) {
    return pool + (kPages - 1 - ((iova - kIova) >> 12)) * 4096 + (iova & 0xFFF);
  }
  void map(std::uint64_t table, unsigned port, std::uint64_t to) {
    for (unsigned i = 0; i < kPages; ++i) {
      const std::uint64_t iova = kIova + i * 4096ULL;
      bench.tables.map(table, iova, where(to, iova), 3, levels(port));
    }
  }
  std::uint64_t root_entry(unsigned port) const { return bench.tables.root() + (kSid[port] >> 8) * 16U; }
  std::uint64_t context_entry(unsigned port) {
    return (bench.memory.load64(root_entry(port)) & ~0xFFFULL) + (kSid[port] & 0xFF) * 16U;
  }
  void forget() {
    bench.flush_contexts();
    bench.flush_global();
    ASSERT_TRUE(bench.invalidate());
  }
  void leads(unsigned port, std::uint64_t iova, std::uint64_t to) {
    const auto b = bench.read(port, 1, iova);
    ASSERT_TRUE(bench.settle());
    EXPECT_TRUE(b->out);
    EXPECT_EQ(b->out_address, where(to, iova)) << std::hex << b->out_address;
  }
  bool queue_error() { return (bench.read_register(kFsts, 4) & kIqe) != 0; }

  IommuBench bench;
  std::uint64_t tables[2] = {};
};

TEST_F(Halves, AnEntryIsOneBurst) {
  covers("vtd.walk.halves", "vtd.queue.halves");
  ASSERT_TRUE(bench.bring_up());
  std::vector<std::pair<std::uint64_t, unsigned>> walk, queue;  // address, beats
  bench.observer = [&](const model::cycle::Inputs&, const std::vector<model::cycle::Event>& events) {
    for (const auto& event : events) {
      const auto beats = static_cast<unsigned>(event.detail & 0xFF) + 1;
      if (event.kind == model::cycle::Kind::kWalkRead) walk.emplace_back(event.address, beats);
      if (event.kind == model::cycle::Kind::kQueueFetch) queue.emplace_back(event.address, beats);
    }
  };
  leads(0, kIova, pool(0));
  ASSERT_EQ(walk.size(), 6U);
  EXPECT_EQ(walk[0], std::make_pair(root_entry(0), 2U));
  EXPECT_EQ(walk[1], std::make_pair(context_entry(0), 2U));
  for (unsigned level = 4; level >= 1; --level)
    EXPECT_EQ(walk[6 - level], std::make_pair(bench.tables.entry(tables[0], 4, kIova, level), 1U));
  for (unsigned i = 0; i < 18; ++i) bench.flush_pages(kDid[1], kIova);
  ASSERT_TRUE(bench.invalidate());
  ASSERT_EQ(queue.size(), 2U);
  EXPECT_EQ(queue[0], std::make_pair(bench.queue_address(), 32U));
  EXPECT_EQ(queue[1], std::make_pair(bench.queue_address() + 256, 6U));
}

TEST_F(Halves, AnErrorOnEitherBeatIsAnErrorOfTheEntry) {
  covers("vtd.fault.08", "vtd.fault.09");
  ASSERT_TRUE(bench.bring_up());
  const auto fails = [&](std::uint64_t at, unsigned reason) {
    leads(1, kIova, pool(1));
    bench.table_port().add_error({at, 8}, sim::AxiResp::kSlvErr);
    const auto before = bench.faults.size();
    const auto b = bench.read(0, 2, kIova);
    ASSERT_TRUE(bench.settle());
    EXPECT_FALSE(b->out);
    EXPECT_EQ(b->resp, sim::AxiResp::kSlvErr);
    ASSERT_EQ(bench.faults.size(), before + 1);
    EXPECT_EQ((bench.faults.back()[1] >> 32) & 0xFF, reason);
    bench.table_port().clear_errors();
    // Nothing of the error is left: the next one of the same number reads entries of 8 bytes only.
    leads(1, kIova + 4096, pool(1));
    leads(0, kIova, pool(0));
    forget();
  };
  for (unsigned half = 0; half < 2; ++half) {
    SCOPED_TRACE(half);
    fails(root_entry(0) + 8 * half, 0x08);
    fails(context_entry(0) + 8 * half, 0x09);
  }
}

TEST_F(Halves, AnErrorOnEitherBeatStopsTheQueueAtTheDescriptor) {
  covers("vtd.iqe.2");
  ASSERT_TRUE(bench.bring_up());
  for (unsigned half = 0; half < 2; ++half) {
    SCOPED_TRACE(half);
    leads(0, kIova, pool(0));
    const unsigned head = bench.tail() + 1;
    bench.flush_global();
    bench.flush_contexts();
    bench.table_port().add_error({bench.queue_address() + head * 16 + 8 * half, 8}, sim::AxiResp::kDecErr);
    const auto value = bench.push_wait();
    bench.ring();
    ASSERT_TRUE(bench.run_until([&] { return queue_error(); }, 500));
    EXPECT_EQ(bench.read_register(kIqercd, 8) & 0xF, 2U);
    EXPECT_EQ(bench.read_register(kIqh, 4), head * 16);
    EXPECT_FALSE(bench.waited(value));
    bench.table_port().clear_errors();
    bench.write_register(kFsts, kIqe, 4);
    ASSERT_TRUE(bench.run_until([&] { return bench.waited(value); }, 500));
    leads(0, kIova, pool(0));
  }
}

/// Looks at the R channel of the table bus: which ids have a first half in and no second.
class HalfWatch {
 public:
  void sample(const sim::AxiSlaveOut& bus) {
    if (!bus.rvalid) return;
    mixed_ +=
        std::any_of(open_.begin(), open_.end(), [&](std::uint32_t id) { return id != bus.rid; }) ? 1 : 0;
    if (bus.rid == kTableQueueId) {
      if (!open_.erase(bus.rid)) open_.insert(bus.rid);
    } else if (bus.rlast) {
      open_.erase(bus.rid);
    } else {
      open_.insert(bus.rid);
    }
    most_ = std::max(most_, open_.size());
  }
  /// Beats that came between the halves of others.
  [[nodiscard]] std::uint64_t mixed() const { return mixed_; }
  /// First halves that waited at the same time.
  [[nodiscard]] std::size_t most() const { return most_; }
  [[nodiscard]] const std::set<std::uint32_t>& open() const { return open_; }

 private:
  std::set<std::uint32_t> open_;
  std::uint64_t mixed_ = 0;
  std::size_t most_ = 0;
};

sim::AxiMemoryConfig mixing(const sim::AxiMemory& port, unsigned jitter, double stall) {
  sim::AxiMemoryConfig config = port.config();
  config.out_of_order = config.interleave = true;
  config.jitter = jitter;
  config.r_stall = stall;
  return config;
}

class MixedHalves : public Halves, public ::testing::WithParamInterface<unsigned> {
 protected:
  MixedHalves() : Halves(4, GetParam()) {}
};

TEST_P(MixedHalves, BelongToTheirReaders) {
  covers("vtd.walk.halves", "vtd.queue.halves", "vtd.walks.parallel");
  std::mt19937_64 rng(GetParam());
  ASSERT_TRUE(bench.bring_up());
  HalfWatch watch;
  bench.table_port().configure(mixing(bench.table_port(), 6, GetParam() % 2 ? 0.2 : 0));
  for (unsigned round = 0; round < 60; ++round) {
    std::vector<BurstPtr> bursts;
    for (unsigned i = 0; i < 24; ++i) {
      const auto port = static_cast<unsigned>(rng() % 2);
      const std::uint64_t at = kIova + (rng() % kPages) * 4096 + (rng() % 512) * 8;
      bursts.push_back(rng() % 2 ? bench.read(port, i % 16, at) : bench.write(port, i % 16, at));
    }
    const auto value = [&] {
      for (unsigned i = 0; i < 1 + rng() % 20; ++i) {
        if (rng() % 2)
          bench.flush_contexts();
        else
          bench.flush_pages(kDid[rng() % 2], kIova + (rng() % kPages) * 4096);
      }
      return bench.push_wait();
    }();
    bench.ring();
    const auto done = [&] {
      watch.sample(bench.table_port().out());
      return bench.waited(value) &&
             std::all_of(bursts.begin(), bursts.end(), [](const BurstPtr& b) { return b->done; });
    };
    ASSERT_TRUE(bench.run_until(done, 20'000)) << fmt::format("round {}", round);
    for (const auto& b : bursts) {
      ASSERT_TRUE(b->out) << fmt::format("round {}, port {}: {:x}", round, b->port, b->address);
      ASSERT_EQ(b->out_address, where(pool(b->port), b->address));
    }
  }
  EXPECT_TRUE(bench.faults.empty());
  EXPECT_GE(watch.mixed(), 500U);
  EXPECT_GE(watch.most(), 4U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, MixedHalves, ::testing::Range(1U, 5U));

// What was read in part before a flush is as old as what was read whole.
TEST_F(Halves, AFlushBetweenThemStartsTheWalkAgain) {
  covers("vtd.invalidation.context", "vtd.walk.halves");
  ASSERT_TRUE(bench.bring_up());
  bench.table_port().configure(mixing(bench.table_port(), 0, 0));
  bench.table_port().set_beat_delay(
      [](std::uint32_t id, std::uint64_t) { return id == kTableQueueId ? 0 : 90; });
  const std::uint64_t other = bench.tables.page(), other_pool = pool(0) + 0x200'0000;
  map(other, 0, other_pool);
  for (unsigned round = 0; round < 40; ++round) {
    SCOPED_TRACE(round);
    forget();
    const auto early = bench.read(0, 1, kIova);
    HalfWatch watch;
    const auto half_read = [&](unsigned entry) {  // 0: root, 1: context
      unsigned begun = 0;
      return bench.run_until(
          [&] {
            const bool was = watch.open().empty();
            watch.sample(bench.table_port().out());
            begun += was && !watch.open().empty() ? 1 : 0;
            return begun > entry;
          },
          500);
    };
    ASSERT_TRUE(half_read(round / 2 % 2));
    bench.run(round);
    const bool back = round % 2 != 0;  // to the tables of before
    bench.tables.context(kSid[0], back ? kDid[0] : 0x77, back ? tables[0] : other);
    bench.flush_contexts();
    bench.flush_global();
    const auto value = bench.push_wait();
    bench.ring();
    ASSERT_TRUE(bench.run_until(
        [&] {
          watch.sample(bench.table_port().out());
          return bench.waited(value);
        },
        500));
    ASSERT_EQ(watch.open().size(), 1U) << "the flush must come before the second half";
    leads(0, kIova + 4096, back ? pool(0) : other_pool);
    EXPECT_EQ(early->out_address, where(back ? pool(0) : other_pool, kIova));
  }
}

}  // namespace
}  // namespace gpudmar::test
