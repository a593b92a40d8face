// SPDX-License-Identifier: Apache-2.0
// GCMD handshakes, alone and under traffic; the root-pointer switch; the queue's registers, sizes and errors.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/rtl/iommu/status_fixture.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

class Commands : public StatusFixture {
 protected:
  bool reaches(std::uint32_t mask, std::uint32_t value, std::uint64_t cycles = 3000) {
    return bench.run_until([&] { return (status(kGsts) & mask) == value; }, cycles);
  }
  void command(std::uint32_t value) { bench.write_register(kGcmd, value, 4); }
  /// Where a request of port 0 goes; 0 = blocked.
  std::uint64_t goes(std::uint64_t iova) {
    const auto b = bench.read(0, 1, iova);
    EXPECT_TRUE(bench.settle());
    return b->out ? b->out_address : 0;
  }
  /// Queue off, at `base` with QS, on again.
  void move_queue(std::uint64_t base, std::uint64_t size) {
    command(kTe);
    ASSERT_TRUE(reaches(kQie, 0));
    bench.write_register(kIqa, base | size, 8);
    command(kTe | kQie);
    ASSERT_TRUE(reaches(kQie, kQie));
  }
  /// A second set of tables; its pages lie at `pool`. Returns the root table.
  std::uint64_t other_root(std::uint64_t pool, unsigned pages) {
    const std::uint64_t root = bench.tables.page();
    const std::uint64_t other = bench.tables.page();
    for (unsigned p = 0; p < kPorts; ++p) {
      const std::uint64_t contexts = bench.tables.page();
      bench.memory.store64(contexts + (kSid[p] & 0xFF) * 16 + 8, context_high(3, 2));
      bench.memory.store64(contexts + (kSid[p] & 0xFF) * 16, context_low(other, 0));
      bench.memory.store64(root + (kSid[p] >> 8) * 16, contexts | 1);
    }
    for (unsigned i = 0; i < pages; ++i) bench.tables.map(other, kIova + i * 4096ULL, pool + i * 4096ULL);
    return root;
  }
  void traffic(std::vector<BurstPtr>& into, unsigned count, unsigned pages, std::uint64_t base = kIova) {
    for (unsigned i = 0; i < count; ++i) {
      for (unsigned p = 0; p < kPorts; ++p) {
        const std::uint64_t at = base + ((i * 7 + p) % pages) * 4096ULL + (i % 32) * 64;
        into.push_back(bench.read(p, i % 16, at, 1 + i % 2));
        into.push_back(bench.write(p, i % 16, at, 1 + i % 2));
      }
    }
  }
};

TEST_F(Commands, EachCommandHasItsOwnStatus) {
  covers("vtd.gcmd.status");
  bench.write_register(kRtaddr, bench.tables.root(), 8);
  bench.write_register(kIqa, bench.tables.page(), 8);
  command(kSrtp);
  ASSERT_TRUE(reaches(kSrtp, kSrtp));
  EXPECT_EQ(status(kGsts), kSrtp);
  command(kQie);
  ASSERT_TRUE(reaches(kQie, kQie));
  EXPECT_EQ(status(kGsts), kSrtp | kQie) << "RTPS stays";
  command(kQie | kTe);
  ASSERT_TRUE(reaches(kTe, kTe));
  EXPECT_EQ(status(kGsts), kSrtp | kQie | kTe);
  command(kTe);
  ASSERT_TRUE(reaches(kQie, 0));
  EXPECT_EQ(status(kGsts), kSrtp | kTe);
  command(0);
  ASSERT_TRUE(reaches(kTe, 0));
  EXPECT_EQ(status(kGsts), kSrtp);
  EXPECT_EQ(status(kGcmd), 0U) << "reads as zero";
}

TEST_F(Commands, SrtpClearsItsStatusFirst) {
  covers("vtd.gcmd.srtp");
  ASSERT_TRUE(bench.bring_up());
  bench.data_port().set_latency(300);
  const auto old = bench.read(0, 1, kIova);
  ASSERT_TRUE(bench.run_until([&] { return old->out; }, 300));
  command(kTe | kQie | kSrtp);
  EXPECT_EQ(status(kGsts) & kSrtp, 0U) << "the read is at memory";
  ASSERT_TRUE(reaches(kSrtp, kSrtp));
  EXPECT_TRUE(old->done);
}

TEST_F(Commands, SeveralAtOnceAreAllDone) {
  covers("vtd.gcmd.several");
  bench.write_register(kRtaddr, bench.tables.root(), 8);
  bench.write_register(kIqa, bench.tables.page(), 8);
  command(kSrtp | kTe | kQie);
  ASSERT_TRUE(reaches(kSrtp | kTe | kQie, kSrtp | kTe | kQie));
  EXPECT_EQ(goes(kIova), kPool) << "with the root pointer that came along";
}

TEST_F(Commands, AbsentFeaturesAndRestatedLevelsDoNothing) {
  covers("vtd.gcmd.ignored");
  ASSERT_TRUE(bench.bring_up());
  const std::uint32_t now = status(kGsts);
  EXPECT_EQ(goes(kIova), kPool);
  const auto walks = bench.read_register(0xF28, 8);
  for (const unsigned bit : {29U, 28U, 27U, 25U, 24U, 23U, 22U, 0U}) {
    command(kTe | kQie | 1U << bit);
    bench.run(20);
    EXPECT_EQ(status(kGsts), now) << bit;
  }
  command(kTe | kQie | 0x3BFF'FFFF);
  bench.run(20);
  EXPECT_EQ(status(kGsts), now);
  EXPECT_EQ(goes(kIova), kPool);
  EXPECT_EQ(bench.read_register(0xF28, 8), walks) << "the caches are as before";
}

// Software must not do this; the unit neither hangs nor forgets.
TEST_F(Commands, AWriteBeforeTheStatusOfTheOneBeforeLosesNothing) {
  covers("vtd.gcmd.rewrite");
  for (unsigned offset = 0; offset <= 60; ++offset) {
    SCOPED_TRACE(offset);
    bench.reset(true);
    bench.write_register(kRtaddr, bench.tables.root(), 8);
    bench.write_register(kIqa, bench.tables.page(), 8);
    bench.data_port().set_latency(40);
    std::vector<BurstPtr> bursts;
    traffic(bursts, 4, 1, kPool);
    bench.run(12);
    command(kSrtp);
    bench.run(offset);
    command(kTe | kQie);
    bench.run(offset / 2);
    command(kTe);
    bench.run(offset / 3);
    command(kQie);
    ASSERT_TRUE(reaches(kSrtp | kTe | kQie, kSrtp | kQie)) << std::hex << status(kGsts);
    command(kTe | kQie | kSrtp);
    command(kTe | kQie);
    ASSERT_TRUE(reaches(kSrtp | kTe | kQie, kSrtp | kTe | kQie)) << std::hex << status(kGsts);
    EXPECT_EQ(goes(kIova), kPool);
    ASSERT_TRUE(bench.settle());
  }
}

// A root pointer that waits for the drain of the one before is not lost to a write that asks for something
// else.
TEST_F(Commands, ARootPointerThatWaitsIsNotLost) {
  covers("vtd.gcmd.rewrite", "vtd.gcmd.srtp");
  ASSERT_TRUE(bench.bring_up());
  const std::uint64_t other = other_root(kPool + 0x10'0000, 1);
  EXPECT_EQ(goes(kIova), kPool);
  bench.data_port().set_latency(200);
  const auto slow = bench.read(1, 3, kIova);
  ASSERT_TRUE(bench.run_until([&] { return slow->out; }, 200));
  command(kSrtp | kTe | kQie);  // adopted, and waits for the read
  bench.write_register(kRtaddr, other, 8);
  command(kSrtp | kTe | kQie);  // waits for that drain
  command(kTe | kQie);
  EXPECT_FALSE(slow->done);
  EXPECT_EQ(status(kGsts) & kSrtp, 0U);
  ASSERT_TRUE(reaches(kSrtp | kTe | kQie, kSrtp | kTe | kQie));
  EXPECT_TRUE(slow->done);
  EXPECT_EQ(slow->out_address, kPool);
  bench.flush_contexts();
  bench.flush_global();
  ASSERT_TRUE(bench.invalidate());
  EXPECT_EQ(goes(kIova), kPool + 0x10'0000);
}

TEST_F(Commands, RtaddrIsLatched) {
  covers("vtd.gcmd.srtp", "vtd.root.latched");
  ASSERT_TRUE(bench.bring_up());
  const std::uint64_t root = other_root(kPool + 0x100'0000, 4);
  EXPECT_EQ(goes(kIova), kPool);
  bench.write_register(kRtaddr, root, 8);
  EXPECT_EQ(bench.read_register(kRtaddr, 8), root) << "reads what was written last";
  bench.flush_contexts();
  bench.flush_global();
  ASSERT_TRUE(bench.invalidate());
  EXPECT_EQ(goes(kIova), kPool) << "not adopted";
  command(kTe | kQie | kSrtp);
  ASSERT_TRUE(reaches(kSrtp, kSrtp));
  bench.write_register(kRtaddr, 0, 8);
  bench.flush_contexts();
  bench.flush_global();
  ASSERT_TRUE(bench.invalidate());
  EXPECT_EQ(goes(kIova), kPool + 0x100'0000) << "what stood there at SRTP";
}

TEST_F(Commands, ACommandDoesNotInvalidate) {
  covers("vtd.gcmd.srtp");
  ASSERT_TRUE(bench.bring_up());
  EXPECT_EQ(goes(kIova), kPool);
  bench.write_register(kRtaddr, other_root(kPool + 0x100'0000, 4), 8);
  command(kTe | kQie | kSrtp);
  ASSERT_TRUE(reaches(kSrtp, kSrtp));
  EXPECT_EQ(goes(kIova), kPool) << "CAP.ESRTPS = 0: software owes the invalidations";
}

// The root pointer changes under full traffic of both ports, at every distance. Each request goes to its page
// of the old tables or of the new ones; after what software owes, to the new ones only.
TEST_F(Commands, RootPointerSwitchUnderTraffic) {
  covers("vtd.gcmd.srtp", "vtd.root.switch", "vtd.race");
  constexpr unsigned kPages = 12;
  for (unsigned offset = 0; offset <= 120; offset += 2) {
    SCOPED_TRACE(offset);
    bench.reset(true);
    for (unsigned i = 0; i < kPages; ++i) bench.tables.map(table, kIova + i * 4096ULL, kPool + i * 4096ULL);
    ASSERT_TRUE(bench.bring_up());
    bench.faults.clear();
    const std::uint64_t shift = 0x100'0000;
    bench.write_register(kRtaddr, other_root(kPool + shift, kPages), 8);
    std::vector<BurstPtr> early, middle, late;
    traffic(early, 60, kPages);
    bench.run(offset);
    command(kTe | kQie | kSrtp);
    traffic(middle, 40, kPages);
    ASSERT_TRUE(reaches(kSrtp, kSrtp));
    bench.flush_contexts();
    bench.flush_global();
    const auto wait = bench.push_wait();
    bench.ring();
    ASSERT_TRUE(bench.run_until([&] { return bench.waited(wait); }, 5000));
    const std::uint64_t switched = bench.status_cycle;
    traffic(late, 10, kPages);
    ASSERT_TRUE(bench.settle());
    unsigned old_ones = 0, new_ones = 0;
    early.insert(early.end(), middle.begin(), middle.end());
    early.insert(early.end(), late.begin(), late.end());
    for (const auto& b : early) {
      ASSERT_TRUE(b->out);
      EXPECT_EQ(b->resp, sim::AxiResp::kOkay);
      const std::uint64_t page = b->out_address - (b->address - kIova);
      EXPECT_TRUE(page == kPool || page == kPool + shift) << std::hex << b->out_address;
      ++(page == kPool ? old_ones : new_ones);
      if (page == kPool) {
        EXPECT_LT(b->out_cycle, switched) << "the wait drained";
      }
      if (b->in_cycle > switched) {
        EXPECT_EQ(page, kPool + shift);
      }
    }
    EXPECT_GT(new_ones, 0U);
    if (offset > 100) {
      EXPECT_GT(old_ones, 0U);
    }
    EXPECT_TRUE(bench.faults.empty());
  }
}

// Each request is wholly remapped or wholly not; when TES shows, the others have been performed.
TEST_F(Commands, TranslationOnAndOffUnderTraffic) {
  covers("vtd.gcmd.te", "vtd.drain", "vtd.race");
  constexpr std::uint64_t kPlain = 0x6000'0000;  // memory, and mapped to other memory
  for (unsigned offset = 0; offset <= 100; offset += 4) {
    for (const bool on : {true, false}) {
      SCOPED_TRACE(testing::Message() << (on ? "on " : "off ") << offset);
      bench.reset(true);
      for (unsigned i = 0; i < 4; ++i) bench.tables.map(table, kPlain + i * 4096ULL, kPool + i * 4096ULL);
      ASSERT_TRUE(bench.bring_up());
      std::vector<BurstPtr> bursts;
      traffic(bursts, 4, 4, kPlain);
      ASSERT_TRUE(bench.settle());
      bursts.clear();
      if (on) {
        command(kQie);
        ASSERT_TRUE(reaches(kTe, 0));
      }
      bench.data_port().set_latency(30);
      traffic(bursts, 150, 4, kPlain);
      bench.run(offset + 20);
      command(on ? kQie | kTe : kQie);
      ASSERT_TRUE(reaches(kTe, on ? kTe : 0));
      const std::uint64_t shown = bench.cycle();
      ASSERT_TRUE(bench.settle());
      unsigned counts[2] = {0, 0};
      for (const auto& b : bursts) {
        ASSERT_TRUE(b->out);
        const bool remapped = b->out_address == b->address - kPlain + kPool;
        EXPECT_TRUE(remapped || b->out_address == b->address) << std::hex << b->out_address;
        ++counts[remapped ? 1 : 0];
        if (b->in_cycle >= shown) {
          EXPECT_EQ(remapped, on);
        }
        if (remapped != on) {
          EXPECT_LE(b->done_cycle, shown) << "performed before the status";
        }
      }
      EXPECT_GT(counts[0], 0U);
      EXPECT_GT(counts[1], 0U);
    }
  }
}

TEST_F(Commands, QueueOffCompletesEverythingAtEveryDistance) {
  covers("vtd.gcmd.qie");
  for (unsigned offset = 0; offset <= 120; offset += 3) {
    SCOPED_TRACE(offset);
    bench.reset(true);
    ASSERT_TRUE(bench.bring_up());
    for (unsigned i = 0; i < 60; ++i) bench.flush_pages(3, kIova);
    const auto wait = bench.push_wait(true);
    bench.ring();
    bench.run(offset);
    command(kTe);
    ASSERT_TRUE(reaches(kQie, 0));
    EXPECT_TRUE(bench.waited(wait));
    EXPECT_EQ(status(kIcs), 1U);
    EXPECT_EQ(status(kIqh), 0U);
    EXPECT_EQ(bench.read_register(0xF30, 8), 60U);
    bench.write_register(kIqt, 0, 4);
    command(kTe | kQie);
    ASSERT_TRUE(reaches(kQie, kQie));
    EXPECT_EQ(status(kIqh), 0U);
  }
}

TEST_F(Commands, QueueOffDoesNotHangOnAnError) {
  covers("vtd.gcmd.qie");
  ASSERT_TRUE(bench.bring_up());
  bench.push_descriptor(0, 0);
  bench.push_wait();
  bench.ring();
  ASSERT_TRUE(bench.run_until([&] { return (status() & kIqe) != 0; }, 300));
  command(kTe);
  ASSERT_TRUE(reaches(kQie, 0));
  EXPECT_EQ(status(kIqh), 0U);
  bench.write_register(kFsts, kIqe, 4);
  move_queue(bench.tables.page(), 0);
  EXPECT_EQ(status(), 0U);
}

TEST_F(Commands, IqaStartsTheQueueOverWhileItIsOff) {
  covers("vtd.queue.iqa");
  bench.write_register(kIqt, 0x7'FFF0, 8);
  EXPECT_EQ(status(kIqt), 0x7'FFF0U);
  bench.write_register(kIqa, bench.tables.page(), 8);
  EXPECT_EQ(status(kIqt), 0U);
  bench.write_register(kIqt, 0x40, 4);
  bench.write_register(kIqa + 4, 0, 4);
  EXPECT_EQ(status(kIqt), 0U) << "either half";
  ASSERT_TRUE(bench.bring_up());
  for (unsigned i = 0; i < 5; ++i) bench.flush_contexts();
  ASSERT_TRUE(bench.invalidate());
  const std::uint64_t base = bench.read_register(kIqa, 8);
  bench.write_register(kIqa, base + 0x10'0000, 8);
  EXPECT_EQ(bench.read_register(kIqa, 8), base) << "not while the queue runs";
  EXPECT_EQ(status(kIqh), 0x60U);
  EXPECT_EQ(status(kIqt), 0x60U);
  EXPECT_TRUE(bench.invalidate());
}

TEST_F(Commands, EveryQueueSizeWraps) {
  covers("vtd.queue.size", "vtd.queue.wrap");
  ASSERT_TRUE(bench.bring_up());
  const std::uint64_t base = 0x4800'0000;
  const std::uint64_t word = bench.tables.page();
  for (unsigned size = 0; size < 8; ++size) {
    SCOPED_TRACE(size);
    const std::uint32_t slots = 256U << size;
    move_queue(base, size);
    const auto put = [&](std::uint32_t slot, std::uint64_t low, std::uint64_t high) {
      bench.memory.store64(base + slot * 16ULL, low);
      bench.memory.store64(base + slot * 16ULL + 8, high);
    };
    for (std::uint32_t slot = 0; slot < slots; ++slot) put(slot, 0x11, 0);
    const auto before = bench.read_register(0xF30, 8);
    put(slots - 2, 0x25 | (std::uint64_t{size} * 2 + 1) << 32, word);
    bench.write_register(kIqt, (slots - 1) * 16, 4);
    ASSERT_TRUE(
        bench.run_until([&] { return bench.memory.load32(word) == size * 2 + 1; }, 4ULL * slots + 500));
    EXPECT_EQ(bench.read_register(0xF30, 8) - before, slots - 2U);
    // The last slot, and three behind it.
    put(2, 0x25 | (std::uint64_t{size} * 2 + 2) << 32, word);
    bench.write_register(kIqt, 3 * 16, 4);
    ASSERT_TRUE(bench.run_until([&] { return bench.memory.load32(word) == size * 2 + 2; }, 500));
    EXPECT_EQ(status(kIqh), 3 * 16U);
    EXPECT_EQ(bench.read_register(0xF30, 8) - before, slots - 2U + 3U);
    // A tail in the first slot behind the queue.
    if (size < 7) {
      bench.write_register(kIqt, slots * 16, 4);
      ASSERT_TRUE(bench.run_until([&] { return (status() & kIqe) != 0; }, 100));
      EXPECT_EQ(status(kIqercd), 1U);
      EXPECT_EQ(status(kIqh), 3 * 16U);
      bench.write_register(kIqt, 3 * 16, 4);
      bench.write_register(kFsts, kIqe, 4);
      EXPECT_EQ(status(), 0U);
    }
  }
}

TEST_F(Commands, TailsWrittenWhileTheQueueWorks) {
  covers("vtd.queue.tail");
  ASSERT_TRUE(bench.bring_up());
  std::uint32_t last = 0;
  for (unsigned i = 0; i < 300; ++i) {
    bench.flush_pages(3, kIova + i * 4096ULL);
    last = bench.push_wait(i % 5 == 0);
    bench.ring();
    bench.ring();  // the same tail again
    bench.run(i % 23);
  }
  ASSERT_TRUE(bench.run_until([&] { return bench.waited(last); }, 20000));
  EXPECT_EQ(bench.read_register(0xF30, 8), 300U);
  EXPECT_EQ(status(), 0U);
}

TEST_F(Commands, ErrorsAtTheFirstAndLastSlot) {
  covers("vtd.iqe.3", "vtd.queue.wrap");
  ASSERT_TRUE(bench.bring_up());
  const std::uint64_t queue = bench.read_register(kIqa, 8);
  for (const unsigned slot : {0U, 255U, 0U}) {
    SCOPED_TRACE(slot);
    while (status(kIqt) != slot * 16) {
      bench.flush_contexts();
      bench.ring();
      bench.run(4);
    }
    ASSERT_TRUE(bench.run_until([&] { return status(kIqh) == slot * 16; }, 2000));
    bench.push_descriptor(0, 0);
    const auto wait = bench.push_wait();
    bench.ring();
    ASSERT_TRUE(bench.run_until([&] { return (status() & kIqe) != 0; }, 300));
    EXPECT_EQ(status(kIqh), slot * 16);
    bench.memory.store64(queue + slot * 16, 0x11);
    bench.write_register(kFsts, kIqe, 4);
    ASSERT_TRUE(bench.run_until([&] { return bench.waited(wait); }, 300));
  }
}

// A wait stands still, and all bursts that are fetched ahead come in whole behind it.
TEST_F(Commands, EveryBurstOfTheQueueIsHereAndWaits) {
  covers("vtd.queue.tail", "vtd.wait.status", "vtd.drain");
  ASSERT_TRUE(bench.bring_up());
  EXPECT_EQ(goes(kIova), kPool);
  bench.data_port().set_latency(600);
  for (unsigned i = 0; i < 15; ++i) bench.push_wait();
  bench.flush_global();
  bench.ring();
  ASSERT_TRUE(bench.run_until([&] { return status(kIqh) == 16 * 16; }, 1000));
  const auto slow = bench.read(0, 1, kIova);
  ASSERT_TRUE(bench.run_until([&] { return slow->out; }, 100));
  bench.table_writes.clear();
  const std::uint32_t first = bench.push_wait();
  for (unsigned i = 1; i < 200; ++i) bench.push_wait();
  bench.ring();
  ASSERT_TRUE(bench.run_until([&] { return slow->done; }, 1000));
  EXPECT_TRUE(bench.table_writes.empty()) << "the wait's drain is not over";
  ASSERT_TRUE(bench.run_until([&] { return bench.table_writes.size() == 200; }, 10000));
  for (unsigned i = 0; i < 200; ++i) EXPECT_EQ(bench.table_writes[i].dword, first + i);
  EXPECT_EQ(status(kIqh), bench.tail() * 16);
}

// IQE is cleared at every distance from the error, reads of the queue still under way: they are dropped, and
// the queue goes on with what stands at its head by then.
TEST_F(Commands, IqeIsClearedWithReadsOfTheQueueUnderWay) {
  covers("vtd.iqe.3", "vtd.queue.tail");
  ASSERT_TRUE(bench.bring_up());
  bench.table_port().set_latency(30);
  for (unsigned offset = 0; offset < 90; ++offset) {
    SCOPED_TRACE(offset);
    const unsigned head = bench.tail();
    const std::uint64_t slot = bench.queue_address() + head * 16;
    bench.push_descriptor(0, 0);
    std::uint32_t last = 0;
    for (unsigned i = 0; i < 150; ++i) last = bench.push_wait();
    bench.ring();
    ASSERT_TRUE(bench.run_until([&] { return (status() & kIqe) != 0; }, 300));
    EXPECT_EQ(status(kIqh), head * 16);
    bench.run(offset);
    bench.table_writes.clear();
    bench.memory.store64(slot + 8, bench.status_address());
    bench.memory.store64(slot, 0x25 | (std::uint64_t{0xABCD} << 32));
    bench.write_register(kFsts, kIqe, 4);
    ASSERT_TRUE(bench.run_until([&] { return bench.waited(last); }, 10000));
    ASSERT_EQ(bench.table_writes.size(), 151U) << "each is done once";
    EXPECT_EQ(bench.table_writes[0].dword, 0xABCDU);
    for (unsigned i = 1; i <= 150; ++i) EXPECT_EQ(bench.table_writes[i].dword, last - 150 + i);
    EXPECT_EQ(status() & kIqe, 0U);
  }
}

TEST_F(Commands, AnUnsupportedTableModeStopsTheQueue) {
  covers("vtd.iqe.7", "vtd.fault.30");
  ASSERT_TRUE(bench.bring_up());
  for (const std::uint64_t mode : {1ULL, 2ULL, 3ULL}) {
    SCOPED_TRACE(mode);
    bench.write_register(kRtaddr, bench.tables.root() | mode << 10, 8);
    command(kTe | kQie | kSrtp);
    ASSERT_TRUE(reaches(kSrtp, kSrtp)) << "SRTP itself does not complain";
    EXPECT_EQ(status() & kIqe, 0U) << "nothing to interpret yet";
    const auto head = status(kIqh);
    const auto wait = bench.push_wait();
    bench.ring();
    ASSERT_TRUE(bench.run_until([&] { return (status() & kIqe) != 0; }, 300));
    EXPECT_EQ(status(kIqercd), 7U);
    EXPECT_EQ(status(kIqh), head);
    EXPECT_EQ(goes(kIova), 0U);
    EXPECT_EQ((bench.faults.back()[1] >> 32) & 0xFF, 0x30U);
    bench.write_register(kRtaddr, bench.tables.root(), 8);
    command(kTe | kQie | kSrtp);
    ASSERT_TRUE(reaches(kSrtp, kSrtp));
    EXPECT_FALSE(bench.waited(wait));
    clear_faults();
    ASSERT_TRUE(bench.run_until([&] { return bench.waited(wait); }, 300));
    EXPECT_EQ(goes(kIova), kPool);
  }
}

TEST_F(Commands, WideDescriptorsAreRefusedBeforeTheirTailIsLookedAt) {
  covers("vtd.iqe.5", "vtd.iqe.6");
  ASSERT_TRUE(bench.bring_up());
  move_queue(bench.tables.page() | 0x800, 0);
  for (const std::uint32_t tail : {0x20U, 0x10U, 0x1000U}) {
    bench.write_register(kIqt, tail, 4);
    ASSERT_TRUE(bench.run_until([&] { return (status() & kIqe) != 0; }, 100));
    EXPECT_EQ(status(kIqercd), 5U) << "codes 6 and 1 are about a width that works";
    bench.write_register(kFsts, kIqe, 4);
  }
  // Repaired where it stands.
  ASSERT_TRUE(bench.run_until([&] { return (status() & kIqe) != 0; }, 100));
  bench.write_register(kIqa, bench.tables.page(), 8);
  bench.write_register(kFsts, kIqe, 4);
  bench.run(50);
  EXPECT_EQ(status(), 0U);
  EXPECT_EQ(status(kIqh), 0U);
}

TEST_F(Commands, WaitsOfEveryKind) {
  covers("vtd.wait.status", "vtd.wait.interrupt", "vtd.wait.fence");
  ASSERT_TRUE(bench.bring_up());
  const std::uint64_t word = bench.tables.page();
  for (unsigned flags = 0; flags < 8; ++flags) {  // IF, SW, FN
    SCOPED_TRACE(flags);
    bench.memory.store32(word, 0);
    bench.write_register(kIcs, 1, 4);
    bench.push_descriptor(5 | std::uint64_t{flags} << 4 | (0x99ULL << 32), word);
    ASSERT_TRUE(bench.invalidate());
    EXPECT_EQ(bench.memory.load32(word), (flags & 2) != 0 ? 0x99U : 0U);
    EXPECT_EQ(status(kIcs), flags & 1U);
    EXPECT_EQ(status(), 0U);
  }
  // Two statuses to one word, in order.
  bench.push_descriptor(0x25 | (1ULL << 32), word);
  bench.push_descriptor(0x25 | (2ULL << 32), word);
  ASSERT_TRUE(bench.invalidate());
  EXPECT_EQ(bench.memory.load32(word), 2U);
  // An address without memory is no queue error.
  bench.push_descriptor(0x35 | (1ULL << 32), 1ULL << 44);
  bench.push_descriptor(0x35 | (1ULL << 32), 1ULL << 60);
  ASSERT_TRUE(bench.invalidate());
  EXPECT_EQ(status(), 0U);
}

TEST_F(Commands, TheQueueRunsWithTranslationOff) {
  covers("vtd.queue.te-off");
  ASSERT_TRUE(bench.bring_up());
  EXPECT_EQ(goes(kIova), kPool);
  command(kQie);
  ASSERT_TRUE(reaches(kTe, 0));
  bench.memory.store64(bench.tables.entry(table, 4, kIova), 0);
  bench.flush_pages(3, kIova);
  ASSERT_TRUE(bench.invalidate());
  command(kQie | kTe);
  ASSERT_TRUE(reaches(kTe, kTe));
  EXPECT_EQ(goes(kIova), 0U);
}

}  // namespace
}  // namespace gpudmar::test
