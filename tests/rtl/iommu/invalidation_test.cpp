// SPDX-License-Identifier: Apache-2.0
// Queued invalidation: scope, exactness under races, draining, wait, errors and recovery.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/rtl/iommu/iommu_bench.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

constexpr std::uint64_t kOld = 0x4000'0000;
constexpr std::uint64_t kNew = 0x5000'0000;
constexpr std::uint64_t kIova = 0x10'0000'0000;

class Invalidation : public ::testing::Test {
 protected:
  explicit Invalidation(unsigned latency = 10) : bench(latency), table(bench.tables.page()) {
    bench.tables.context(kSid[0], 7, table);
    bench.tables.context(kSid[1], 7, table);
    for (unsigned i = 0; i < 16; ++i) bench.tables.map(table, kIova + i * 4096ULL, kOld + i * 4096ULL);
    EXPECT_TRUE(bench.bring_up());
  }
  ~Invalidation() override {
    for (const auto& v : bench.violations) ADD_FAILURE() << v.cycle << " " << v.rule << ": " << v.message;
  }
  /// Where a read of `iova` goes now; 0 = blocked.
  std::uint64_t goes(std::uint64_t iova, unsigned port = 0) {
    const auto b = bench.read(port, 1, iova);
    EXPECT_TRUE(bench.settle());
    return b->out ? b->out_address : 0;
  }
  void warm() {
    for (unsigned i = 0; i < 8; ++i) EXPECT_EQ(goes(kIova + i * 4096ULL), kOld + i * 4096ULL);
  }
  void move_all() {
    for (unsigned i = 0; i < 16; ++i) bench.tables.map(table, kIova + i * 4096ULL, kNew + i * 4096ULL);
  }
  unsigned iqei() { return static_cast<unsigned>(bench.read_register(0x0B0, 4) & 15); }
  bool iqe() { return (bench.read_register(0x034, 4) & 0x10) != 0; }

  IommuBench bench;
  std::uint64_t table;
};

TEST_F(Invalidation, PageSelectiveTakesItsRangeOnly) {
  covers("vtd.invalidation.page");
  warm();
  move_all();
  EXPECT_EQ(goes(kIova), kOld) << "cached until invalidated";
  bench.flush_pages(7, kIova + 2 * 4096, 1);  // pages 2 and 3
  ASSERT_TRUE(bench.invalidate());
  EXPECT_EQ(goes(kIova + 1 * 4096), kOld + 1 * 4096);
  EXPECT_EQ(goes(kIova + 2 * 4096), kNew + 2 * 4096);
  EXPECT_EQ(goes(kIova + 3 * 4096), kNew + 3 * 4096);
  EXPECT_EQ(goes(kIova + 4 * 4096), kOld + 4 * 4096);
}

TEST_F(Invalidation, AddressesNeedNotBeAlignedToTheMask) {
  covers("vtd.invalidation.page");
  warm();
  move_all();
  bench.flush_pages(7, kIova + 3 * 4096, 2);  // pages 0 to 3
  ASSERT_TRUE(bench.invalidate());
  EXPECT_EQ(goes(kIova), kNew);
  EXPECT_EQ(goes(kIova + 3 * 4096), kNew + 3 * 4096);
  EXPECT_EQ(goes(kIova + 4 * 4096), kOld + 4 * 4096);
}

TEST_F(Invalidation, DomainAndGlobal) {
  covers("vtd.invalidation.domain", "vtd.invalidation.global");
  warm();
  move_all();
  bench.flush_domain(8);
  ASSERT_TRUE(bench.invalidate());
  EXPECT_EQ(goes(kIova), kOld) << "another domain";
  bench.flush_domain(7);
  ASSERT_TRUE(bench.invalidate());
  EXPECT_EQ(goes(kIova), kNew);
  for (unsigned i = 0; i < 16; ++i) bench.tables.map(table, kIova + i * 4096ULL, kOld + i * 4096ULL);
  bench.flush_global();
  ASSERT_TRUE(bench.invalidate());
  EXPECT_EQ(goes(kIova), kOld);
}

TEST_F(Invalidation, ContextsStayCachedUntilInvalidated) {
  covers("vtd.invalidation.context");
  warm();
  bench.tables.set_context(kSid[0], 0, 0);
  EXPECT_EQ(goes(kIova), kOld);
  bench.push_descriptor(0x31 | (std::uint64_t{kSid[1]} << 32), 0);  // device-selective, the other one
  ASSERT_TRUE(bench.invalidate());
  EXPECT_EQ(goes(kIova), kOld);
  bench.push_descriptor(0x31 | (std::uint64_t{kSid[0]} << 32), 0);
  ASSERT_TRUE(bench.invalidate());
  EXPECT_EQ(goes(kIova), 0U);
  EXPECT_EQ((bench.faults.back()[1] >> 32) & 0xFF, 0x02U);
}

// A context entry changes and is flushed in every cycle of a walk that reads it: who goes out behind the
// status goes where the new one says, and nothing of the old one stays.
TEST_F(Invalidation, ContextsAreFlushedInEveryCycleOfAWalk) {
  covers("vtd.invalidation.context", "vtd.race");
  const std::uint64_t other = bench.tables.page();
  bench.tables.map(other, kIova, kNew);
  unsigned old = 0;
  for (unsigned offset = 0; offset < 90; ++offset) {
    SCOPED_TRACE(offset);
    bench.tables.context(kSid[0], 7, table);
    bench.flush_contexts();
    bench.flush_global();
    ASSERT_TRUE(bench.invalidate());
    const auto early = bench.read(0, 1, kIova);
    bench.run(offset);
    bench.tables.context(kSid[0], 7, other);
    bench.flush_contexts();
    bench.flush_global();
    ASSERT_TRUE(bench.invalidate());
    const auto told = bench.status_cycle;
    ASSERT_TRUE(bench.settle());
    EXPECT_TRUE(early->out_address == kOld || early->out_address == kNew);
    if (early->out_cycle > told) {
      EXPECT_EQ(early->out_address, kNew);
    }
    old += early->out_address == kOld ? 1 : 0;
    EXPECT_EQ(goes(kIova), kNew);
  }
  EXPECT_GT(old, 0U);
  EXPECT_LT(old, 90U);
  EXPECT_TRUE(bench.faults.empty());
}

// A new root pointer is adopted in every cycle of a walk: without its context from the old one it takes the
// new one, and leaves nothing of the old one behind.
TEST_F(Invalidation, ANewRootComesInEveryCycleOfAWalk) {
  covers("vtd.root.switch", "vtd.race");
  const std::uint64_t root = bench.tables.page(), contexts = bench.tables.page(), other = bench.tables.page();
  bench.tables.map(other, kIova, kNew);
  bench.memory.store64(contexts + (kSid[0] & 0xFF) * 16, context_low(other, 0));
  bench.memory.store64(contexts + (kSid[0] & 0xFF) * 16 + 8, context_high(7, 2));
  bench.memory.store64(root + (kSid[0] >> 8) * 16, contexts | 1);
  const auto adopt = [&] {
    constexpr std::uint32_t kSrtp = 1U << 30;
    bench.write_register(0x018, kSrtp | 1U << 31 | 1U << 26, 4);
    ASSERT_TRUE(bench.run_until([&] { return (bench.read_register(0x01C, 4) & kSrtp) != 0; }, 500));
  };
  const auto flush = [&] {
    bench.flush_contexts();
    bench.flush_global();
    ASSERT_TRUE(bench.invalidate());
  };
  std::string went;
  for (unsigned offset = 0; offset < 100; ++offset) {
    SCOPED_TRACE(offset);
    bench.write_register(0x020, bench.tables.root(), 8);
    adopt();
    flush();
    bench.write_register(0x020, root, 8);
    const auto early = bench.read(0, 1, kIova);
    bench.run(offset);
    adopt();
    ASSERT_TRUE(bench.settle());
    went += early->out_address == kNew ? 'n' : early->out_address == kOld ? 'o' : '?';
    if (went.back() == 'n') {
      EXPECT_EQ(goes(kIova), kNew) << "before any flush";
    }
    flush();
    EXPECT_EQ(goes(kIova), kNew);
  }
  const auto turn = went.find('o');
  ASSERT_NE(turn, std::string::npos);
  EXPECT_GT(turn, 0U);
  EXPECT_EQ(went, std::string(turn, 'n') + std::string(100 - turn, 'o'));
  EXPECT_TRUE(bench.faults.empty());
}

// A page becomes present while a request that saw it absent is under way; requests made afterwards never
// fault, even if they would have joined the walk that found nothing (CM = 0: no invalidation is needed).
TEST(PresentRace, ARequestAfterTheMappingNeverFaults) {
  covers("G3", "vtd.race");
  for (unsigned offset = 0; offset <= 80; ++offset) {
    SCOPED_TRACE(offset);
    IommuBench bench(10);
    const std::uint64_t table = bench.tables.page();
    bench.tables.context(kSid[0], 7, table);
    bench.tables.map(table, kIova, kOld, 0);  // all levels but the leaf
    ASSERT_TRUE(bench.bring_up());
    const auto early = bench.read(0, 1, kIova);
    bench.run(offset);
    bench.tables.map(table, kIova, kOld);
    const auto late = bench.read(0, 2, kIova);
    const auto late_write = bench.write(0, 2, kIova);
    ASSERT_TRUE(bench.settle(3000));
    EXPECT_EQ(late->resp, sim::AxiResp::kOkay);
    EXPECT_EQ(late_write->resp, sim::AxiResp::kOkay);
    EXPECT_EQ(bench.faults.size(), early->out ? 0U : 1U);
  }
}

// A write that faults waits behind an older one of its port. Software repairs its page and invalidates
// meanwhile: the verdict that was found before must not come out after the status.
TEST(VerdictRace, NoFaultFromBeforeTheFlushIsRecordedAfterTheStatus) {
  covers("G3", "vtd.race");
  for (unsigned offset = 0; offset <= 110; ++offset) {
    SCOPED_TRACE(offset);
    IommuBench bench(20);
    const std::uint64_t table = bench.tables.page();
    bench.tables.context(kSid[0], 7, table);
    bench.tables.map(table, kIova, kOld);
    const std::uint64_t far = kIova + (1ULL << 39);  // its walk ends at the first level
    ASSERT_TRUE(bench.bring_up());
    bench.read(0, 1, kIova + 4096);  // the context
    ASSERT_TRUE(bench.settle());
    bench.faults.clear();
    const auto slow = bench.write(0, 1, kIova);
    const auto repaired = bench.write(0, 1, far);
    bench.run(offset);
    bench.tables.map(table, far, kNew);
    bench.flush_pages(7, far, 0, false);
    const auto wait = bench.push_wait();
    bench.ring();
    ASSERT_TRUE(bench.run_until([&] { return bench.waited(wait); }, 2000));
    const auto before = bench.faults.size();
    ASSERT_TRUE(bench.settle(2000));
    EXPECT_EQ(bench.faults.size(), before) << "recorded after the status";
    EXPECT_TRUE(slow->out);
    EXPECT_EQ(repaired->out ? repaired->out_address : kNew, kNew);
  }
}

TEST_F(Invalidation, InTheVeryNextCycleEveryUseIsBlockedAndRecorded) {
  covers("R142", "G5", "G12");
  warm();
  EXPECT_EQ(goes(kIova, 1), kOld);
  bench.memory.store64(bench.tables.entry(table, 4, kIova), 0);
  std::vector<BurstPtr> uses;
  bench.at_status = [&] {
    if (!uses.empty()) return;
    for (unsigned port = 0; port < kPorts; ++port) {
      uses.push_back(bench.read(port, 2, kIova + 64, 2));
      uses.push_back(bench.write(port, 2, kIova + 128, 2));
    }
  };
  bench.flush_pages(7, kIova);
  ASSERT_TRUE(bench.invalidate());
  ASSERT_TRUE(bench.settle());
  ASSERT_EQ(uses.size(), 2U * kPorts);
  std::uint64_t first_read = ~0ULL;
  for (const auto& use : uses) {
    EXPECT_FALSE(use->out) << "a bus beat carried it";
    EXPECT_EQ(use->resp, sim::AxiResp::kSlvErr);
    if (!use->write) first_read = std::min(first_read, use->in_cycle);
    const auto recorded = std::count_if(bench.faults.begin(), bench.faults.end(), [&](const auto& fault) {
      return fault[0] == kIova && (fault[1] & 0xFFFF) == kSid[use->port] &&
             ((fault[1] >> 32) & 0xFF) == (use->write ? 5U : 6U) &&
             ((fault[1] >> 62) & 1) == (use->write ? 0U : 1U);
    });
    EXPECT_EQ(recorded, 1);
  }
  EXPECT_EQ(first_read, bench.status_cycle + 1);
  EXPECT_EQ(bench.faults.size(), uses.size());
}

TEST_F(Invalidation, DrainWaitsForOlderReadsAndWrites) {
  covers("vtd.drain");
  warm();
  bench.data_port().set_latency(400);
  const auto r = bench.read(0, 2, kIova);
  ASSERT_TRUE(bench.run_until([&] { return r->out; }, 100));
  bench.flush_pages(7, kIova);
  ASSERT_TRUE(bench.invalidate());
  EXPECT_TRUE(r->done || bench.cycle() >= r->out_cycle + 400) << "the read's data came before the status";
  EXPECT_GE(bench.status_cycle, r->out_cycle + 400);
}

TEST_F(Invalidation, WithoutDrainTheWaitDoesNotWaitForData) {
  covers("vtd.drain");
  warm();
  bench.data_port().set_latency(400);
  const auto r = bench.read(0, 2, kIova);
  ASSERT_TRUE(bench.run_until([&] { return r->out; }, 100));
  bench.flush_pages(7, kIova, 0, true, false);
  ASSERT_TRUE(bench.invalidate());
  EXPECT_LT(bench.status_cycle, r->out_cycle + 200);
  ASSERT_TRUE(bench.settle());
}

TEST_F(Invalidation, ADrainIsNotHeldUpByYoungerRequests) {
  covers("vtd.drain");
  warm();
  for (unsigned i = 0; i < 2000; ++i) bench.read(0, i % 4, kIova + 8 * 4096 + (i % 64) * 64, 2);
  bench.run(200);
  bench.flush_pages(7, kIova);
  ASSERT_TRUE(bench.invalidate(1000)) << "an endless stream of other requests kept the drain from ending";
  ASSERT_TRUE(bench.settle());
}

TEST_F(Invalidation, StatusTouchesItsFourBytes) {
  covers("vtd.wait.status");
  const std::uint64_t page = bench.tables.page();
  for (unsigned at = 0; at < 64; at += 4) {
    for (unsigned i = 0; i < 16; ++i) bench.memory.store32(page + i * 4, 0xAAAA'AAAA);
    bench.push_descriptor(0x25 | (0x1234'5678ULL << 32), page + at);
    ASSERT_TRUE(bench.invalidate());
    EXPECT_EQ(bench.memory.load32(page + at), 0x1234'5678U);
    for (unsigned i = 0; i < 16; ++i) {
      if (i * 4 != at) {
        EXPECT_EQ(bench.memory.load32(page + i * 4), 0xAAAA'AAAAU) << at << " " << i;
      }
    }
  }
}

TEST_F(Invalidation, WaitWithInterrupt) {
  covers("vtd.wait.interrupt");
  bench.write_register(0x0A4, 0x55, 4);
  bench.write_register(0x0A8, 0xFEE0'1000, 4);
  bench.write_register(0x0A0, 0, 4);
  auto value = bench.push_wait(true);
  bench.ring();
  ASSERT_TRUE(bench.run_until([&] { return !bench.messages.empty(); }, 500));
  EXPECT_TRUE(bench.waited(value)) << "the status is there before the message";
  EXPECT_EQ(bench.messages[0].address, 0xFEE0'1000U);
  EXPECT_EQ(bench.messages[0].data, 0x55U);
  EXPECT_EQ(bench.read_register(0x09C, 4), 1U);
  bench.push_wait(true);
  ASSERT_TRUE(bench.invalidate());
  EXPECT_EQ(bench.messages.size(), 1U) << "not new while IWC stands";
  bench.write_register(0x09C, 1, 4);
  EXPECT_EQ(bench.read_register(0x09C, 4), 0U);
  value = bench.push_wait(true);
  ASSERT_TRUE(bench.invalidate());
  bench.run(50);
  EXPECT_EQ(bench.messages.size(), 2U);
}

TEST_F(Invalidation, TheQueueWraps) {
  covers("vtd.queue.wrap");
  for (unsigned i = 0; i < 700; ++i) {
    bench.flush_pages(7, kIova + (i % 16) * 4096ULL);
    if (i % 100 == 99) {
      ASSERT_TRUE(bench.invalidate());
    }
  }
  EXPECT_EQ(bench.read_register(0x080, 4), bench.read_register(0x088, 4));
  EXPECT_FALSE(iqe());
}

TEST_F(Invalidation, BadTypesAndReservedBitsStopTheQueueAtTheDescriptor) {
  covers("vtd.iqe.3", "vtd.iqe.4");
  struct Case {
    std::uint64_t low, high;
    unsigned code;
  };
  const Case cases[] = {{0x00, 0, 3},         {0x03, 0, 3},
                        {0x06, 0, 3},         {0x211, 0, 3},
                        {0x01, 0, 4},         {0x02, 0, 4},
                        {0x12 | 0x100, 0, 4}, {0x32, 19, 4},
                        {0x32, 0x80, 4},      {0x25 | 0x80, 0, 4},
                        {0x25, 1, 4},         {0x11 | (1ULL << 63), 0, 4},
                        {0x12, 1ULL << 8, 4}, {0x11 | (1ULL << 6), 0, 4}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.low);
    const auto head = bench.read_register(0x088, 4);
    bench.push_descriptor(c.low, c.high);
    const auto value = bench.push_wait();
    bench.ring();
    ASSERT_TRUE(bench.run_until([&] { return iqe(); }, 200));
    EXPECT_EQ(iqei(), c.code);
    EXPECT_EQ(bench.read_register(0x080, 4), head) << "the head stays at the bad descriptor";
    bench.run(100);
    EXPECT_FALSE(bench.waited(value)) << "nothing after it runs";
    // Not repaired: it comes again.
    bench.write_register(0x034, 0x10, 4);
    ASSERT_TRUE(bench.run_until([&] { return iqe(); }, 200));
    EXPECT_EQ(bench.read_register(0x080, 4), head);
    // Repaired as Linux does it: a copy of the wait, no new tail write.
    const std::uint64_t queue = bench.read_register(0x090, 8) & ~0xFFFULL;
    const std::uint64_t next = (head + 16) % 4096;
    bench.memory.store64(queue + head, bench.memory.load64(queue + next));
    bench.memory.store64(queue + head + 8, bench.memory.load64(queue + next + 8));
    bench.write_register(0x034, 0x10, 4);
    ASSERT_TRUE(bench.run_until([&] { return bench.waited(value); }, 500));
    EXPECT_FALSE(iqe());
  }
}

TEST_F(Invalidation, ATailBeyondTheQueueIsAnError) {
  covers("vtd.iqe.1");
  bench.write_register(0x088, 0x1000, 4);
  ASSERT_TRUE(bench.run_until([&] { return iqe(); }, 200));
  EXPECT_EQ(iqei(), 1U);
  bench.write_register(0x088, 0, 4);
  bench.write_register(0x034, 0x10, 4);
  ASSERT_TRUE(bench.invalidate());
}

TEST_F(Invalidation, AQueueThatCannotBeReadIsAnError) {
  covers("vtd.iqe.2");
  const std::uint64_t queue = bench.read_register(0x090, 8) & ~0xFFFULL;
  bench.table_port().add_error({queue, 4096}, sim::AxiResp::kDecErr, true, false);
  const auto value = bench.push_wait();
  bench.ring();
  ASSERT_TRUE(bench.run_until([&] { return iqe(); }, 200));
  EXPECT_EQ(iqei(), 2U);
  bench.table_port().clear_errors();
  bench.write_register(0x034, 0x10, 4);
  ASSERT_TRUE(bench.run_until([&] { return bench.waited(value); }, 500));
}

TEST_F(Invalidation, WideDescriptorsAreNotSupported) {
  covers("vtd.iqe.5");
  bench.write_register(0x018, 1U << 31, 4);  // queue off
  ASSERT_TRUE(bench.run_until([&] { return (bench.read_register(0x01C, 4) & (1U << 26)) == 0; }, 500));
  bench.write_register(0x090, bench.tables.page() | 0x800, 8);
  bench.write_register(0x018, (1U << 31) | (1U << 26), 4);
  bench.write_register(0x088, 0x20, 4);
  ASSERT_TRUE(bench.run_until([&] { return iqe(); }, 200));
  EXPECT_EQ(iqei(), 5U);
}

TEST_F(Invalidation, QueueOffFinishesWhatIsUnderWay) {
  covers("vtd.gcmd.qie");
  const auto value = bench.push_wait();
  bench.ring();
  bench.write_register(0x018, 1U << 31, 4);
  ASSERT_TRUE(bench.run_until([&] { return (bench.read_register(0x01C, 4) & (1U << 26)) == 0; }, 500));
  EXPECT_TRUE(bench.waited(value));
  EXPECT_EQ(bench.read_register(0x080, 4), 0U);
}

}  // namespace
}  // namespace gpudmar::test
