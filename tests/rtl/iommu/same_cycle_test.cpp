// SPDX-License-Identifier: Apache-2.0
// Two things in one cycle, and in every order around it: what software clears beside a fault, the end of a
// wait or an error of the queue; events beside each other and beside the message of the one before; accesses
// of both kinds.
#include <gtest/gtest.h>

#include <string>

#include "tests/rtl/iommu/status_fixture.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

constexpr std::uint32_t kImplWLimit = 0xF08;
constexpr std::uint64_t kFaultMessage = 0xFEE0'0000, kWaitMessage = 0xFEE0'1000;
constexpr std::uint64_t kWaitForNothing = 0x05;  // neither SW nor IF
constexpr std::uint64_t kWaitNoStatus = 0x15;    // IF only
constexpr int kReach = 6;                        // cycles to both sides

class SameCycle : public StatusFixture {
 protected:
  SameCycle() {
    EXPECT_TRUE(bench.bring_up());
    bench.write_register(0x03C, 0x41, 4);
    bench.write_register(0x040, kFaultMessage, 4);
    bench.write_register(0x0A4, 0x55, 4);
    bench.write_register(0x0A8, kWaitMessage, 4);
    bench.write_register(kFectl, 0, 4);
    bench.write_register(kIectl, 0, 4);
    // Cycles from asking to what happens, alike as long as tables are cached.
    fault();
    auto from = bench.cycle();
    fault();
    to_fault = static_cast<int>(bench.fault_cycles.back() - from);
    from = bench.cycle();
    clear_faults();
    bench.write_register(kFsts, kPfo, 4);
    from = bench.cycle();
    bench.write_register(kFsts, kPfo, 4);
    to_write = static_cast<int>(bench.tail_cycle - from);
    bench.run(60);
    bench.messages.clear();
    bench.table_writes.clear();
    EXPECT_GT(to_fault, to_write + kReach);
  }
  /// A fault, and a register write whose W handshake comes `behind` cycles after the fault is taken.
  void fault_and_write(int behind, std::uint32_t offset, std::uint64_t value) {
    bench.read(1, 2, kIova + 7 * 4096ULL);
    bench.run(static_cast<std::uint64_t>(to_fault - to_write + behind));
    bench.write_register(offset, value, 4);
    written = bench.tail_cycle;
    ASSERT_TRUE(bench.settle());
    came = bench.fault_cycles.back();
    ASSERT_EQ(static_cast<int>(written - came), behind) << "not the distance that was meant";
  }
  /// A request that fails, and the queue's tail written, `offset` - 30 cycles apart.
  void ring_beside_a_fault(unsigned offset) {
    if (offset < 30) {
      bench.read(1, 2, kIova + 7 * 4096ULL);
      bench.run(30 - offset);
      bench.ring();
    } else {
      bench.ring();
      bench.run(offset - 30);
      bench.read(1, 2, kIova + 7 * 4096ULL);
    }
  }
  unsigned next() const { return static_cast<unsigned>(recorded % 8); }
  void record_one() {
    fault();
    ++recorded;
  }
  bool stands(unsigned record) { return status(kFrcd + 16 * record + 12) >> 31 != 0; }
  /// Messages that memory has taken; cycle of the last one's address and data.
  unsigned sent(std::uint64_t address) const {
    unsigned count = 0;
    for (const auto& w : bench.table_writes) count += w.address == address ? 1 : 0;
    return count;
  }
  std::uint64_t last_sent(std::uint64_t address) const {
    std::uint64_t cycle = 0;
    for (const auto& w : bench.table_writes)
      if (w.address == address) cycle = w.cycle;
    return cycle;
  }
  void slow_answers(unsigned cycles) {
    auto config = bench.table_port().config();
    config.b_latency = cycles;
    bench.table_port().configure(config);
  }

  int to_fault = 0, to_write = 0;
  std::uint64_t came = 0, written = 0;
  std::uint64_t recorded = 2;  // of the constructor
};

// The next record is in use until the cycle in which it is cleared, that one included.
TEST_F(SameCycle, AFaultAndTheClearingOfItsRecord) {
  covers("vtd.records.overflow");
  for (int behind = -kReach; behind <= kReach; ++behind) {
    SCOPED_TRACE(behind);
    for (unsigned i = 0; i < 8; ++i) record_one();
    ASSERT_EQ(status() & kPfo, 0U);
    const unsigned record = next();
    fault_and_write(behind, kFrcd + 16 * record + 12, 1U << 31);
    const bool fits = came > written;
    EXPECT_EQ(status() & kPfo, fits ? 0 : kPfo);
    EXPECT_EQ(stands(record), fits);
    for (unsigned i = 1; i < 8; ++i) EXPECT_TRUE(stands((record + i) % 8));
    recorded += fits ? 1 : 0;
    clear_faults();
  }
}

// An overflow in the cycle in which PFO is cleared stands.
TEST_F(SameCycle, AnOverflowAndTheClearingOfPfo) {
  covers("vtd.records.overflow");
  for (int behind = -kReach; behind <= kReach; ++behind) {
    SCOPED_TRACE(behind);
    for (unsigned i = 0; i < 8; ++i) record_one();
    fault_and_write(behind, kFsts, kPfo);
    EXPECT_EQ(status() & kPfo, came >= written ? kPfo : 0);
    clear_faults();
    EXPECT_EQ(status(), 0U);
  }
}

// While PFO stands nothing is recorded; it stands in the cycle in which it is cleared.
TEST_F(SameCycle, AFaultAndTheClearingOfPfo) {
  covers("vtd.records.overflow", "vtd.event.fault");
  for (int behind = -kReach; behind <= kReach; ++behind) {
    SCOPED_TRACE(behind);
    for (unsigned i = 0; i < 9; ++i) fault();
    recorded += 8;
    ASSERT_EQ(status() & kPfo, kPfo);
    for (unsigned i = 0; i < 8; ++i) clear_record(i);
    bench.run(60);
    const auto before = sent(kFaultMessage);
    const unsigned record = next();
    fault_and_write(behind, kFsts, kPfo);
    bench.run(60);
    const bool fits = came > written;
    EXPECT_EQ(status() & (kPfo | kPpf), fits ? kPpf : 0);
    EXPECT_EQ(stands(record), fits);
    EXPECT_EQ(sent(kFaultMessage) - before, fits ? 1U : 0U);
    recorded += fits ? 1 : 0;
    clear_faults();
  }
}

// A fault that is recorded in the cycle in which its empty record is cleared stands.
TEST_F(SameCycle, AFaultAndTheClearingOfAnEmptyRecord) {
  covers("vtd.event.fault");
  for (int behind = -kReach; behind <= kReach; ++behind) {
    SCOPED_TRACE(behind);
    const auto before = sent(kFaultMessage);
    const unsigned record = next();
    fault_and_write(behind, kFrcd + 16 * record + 12, 1U << 31);
    ++recorded;
    bench.run(60);
    EXPECT_EQ(stands(record), came >= written);
    EXPECT_EQ(status() & kPpf, came >= written ? kPpf : 0);
    EXPECT_EQ(sent(kFaultMessage) - before, 1U);
    clear_faults();
  }
}

// Both events at every distance: each has its message, and which comes first turns over once.
TEST_F(SameCycle, AFaultAndAWaitAreTwoEvents) {
  covers("vtd.event.fault", "vtd.event.invalidation", "vtd.wait.interrupt");
  std::string order;
  for (unsigned offset = 0; offset < 60; ++offset) {
    SCOPED_TRACE(offset);
    bench.messages.clear();
    bench.push_descriptor(kWaitForNothing, 0);  // the next one ends as a fault of a later beat comes
    bench.push_descriptor(kWaitNoStatus, 0);
    ring_beside_a_fault(offset);
    ASSERT_TRUE(bench.settle());
    bench.run(80);
    ASSERT_EQ(bench.messages.size(), 2U);
    order += bench.messages[0].address == kFaultMessage ? 'f' : 'w';
    EXPECT_NE(bench.messages[0].address, bench.messages[1].address);
    EXPECT_EQ(status() & kPpf, kPpf);
    EXPECT_EQ(status(kIcs), 1U);
    clear_faults();
    bench.write_register(kIcs, 1, 4);
  }
  EXPECT_EQ(order, std::string(order.find('w'), 'f') + std::string(60 - order.find('w'), 'w'));
}

// Memory answers a status late: messages wait. The first fault is cleared and a second comes around the cycle
// in which the first one's message goes out; an event always has its message behind it.
TEST_F(SameCycle, AFaultEventAsTheOneBeforeIsSent) {
  covers("vtd.event.fault", "vtd.event.message");
  slow_answers(60);
  unsigned before_clearing = 0, not_new = 0, alone = 0;
  for (int behind = -2; behind <= 1; ++behind) {
    for (unsigned offset = 0; offset < 50; ++offset) {
      SCOPED_TRACE(testing::Message() << "clearing " << behind << " behind, offset " << offset);
      const auto first = next();
      bench.table_writes.clear();
      const auto value = bench.push_wait();
      bench.ring();
      bench.run(10);
      record_one();
      bench.run(offset);
      fault_and_write(behind, kFrcd + 16 * first + 12, 1U << 31);
      ++recorded;
      ASSERT_TRUE(bench.run_until([&] { return bench.waited(value); }, 500));
      bench.run(150);
      EXPECT_EQ(status() & kPpf, kPpf);
      EXPECT_TRUE(stands((first + 1) % 8));
      const auto count = sent(kFaultMessage);
      if (came > written) {
        EXPECT_GT(last_sent(kFaultMessage), came + 1) << "what stands was never told";
        (count == 2 ? before_clearing : alone) += 1;
      } else {
        EXPECT_EQ(count, 1U);
        ++not_new;
      }
      ASSERT_GE(count, 1U);
      ASSERT_LE(count, 2U);
      clear_faults();
      EXPECT_EQ(status(), 0U);
    }
  }
  EXPECT_GT(before_clearing, 0U);
  EXPECT_GT(not_new, 0U);
  EXPECT_GT(alone, 0U);
}

// The same of waits: a fault's message is answered late, the first wait's message stands behind it, IWC is
// cleared as a second wait ends.
TEST_F(SameCycle, AWaitAsTheMessageOfTheOneBeforeIsSent) {
  covers("vtd.event.invalidation", "vtd.event.message", "vtd.wait.interrupt");
  // How long after the tail a wait ends: the last clearing that leaves it.
  unsigned last = 0;
  for (unsigned offset = 0; offset < 40; ++offset) {
    bench.push_descriptor(kWaitNoStatus, 0);
    bench.ring();
    bench.run(offset);
    bench.write_register(kIcs, 1, 4);
    bench.run(60);
    if (status(kIcs) != 0) last = offset;
    bench.write_register(kIcs, 1, 4);
  }
  ASSERT_GT(last, 3U);
  ASSERT_LT(last, 39U);
  slow_answers(80);
  unsigned both = 0, one = 0;
  for (unsigned clearing = last - 2; clearing <= last + 1; ++clearing) {
    for (unsigned offset = 0; offset < 60; ++offset) {
      SCOPED_TRACE(testing::Message() << "clearing " << clearing << " of " << last << ", offset " << offset);
      bench.table_writes.clear();
      record_one();
      bench.push_descriptor(kWaitNoStatus, 0);
      bench.ring();
      bench.run(30 + offset);
      bench.push_descriptor(kWaitNoStatus, 0);
      bench.ring();
      bench.run(clearing);
      bench.write_register(kIcs, 1, 4);
      const auto ended = bench.tail_cycle + last - clearing;
      bench.run(250);
      const auto count = sent(kWaitMessage);
      EXPECT_EQ(status(kIcs), clearing <= last ? 1U : 0U);
      if (clearing <= last) {
        EXPECT_GT(last_sent(kWaitMessage), ended + 1) << "what stands was never told";
        ASSERT_GE(count, 1U);
        (count == 2 ? both : one) += 1;
      }
      ASSERT_LE(count, 2U);
      bench.write_register(kIcs, 1, 4);
      clear_faults();
    }
  }
  EXPECT_GT(both, 0U);
  EXPECT_GT(one, 0U);
}

// A status and both events wait for the answer to a message: they go in that order, each once.
TEST_F(SameCycle, AStatusAndBothEventsWaitForTheBus) {
  covers("vtd.event.message", "vtd.wait.status");
  slow_answers(300);
  record_one();
  ASSERT_TRUE(bench.run_until([&] { return sent(kFaultMessage) == 1; }, 100));
  clear_faults();
  record_one();
  bench.push_descriptor(kWaitNoStatus, 0);
  const auto value = bench.push_wait();
  bench.ring();
  bench.run(100);
  EXPECT_EQ(bench.table_writes.size(), 1U);
  EXPECT_EQ(status(kFectl), 1U << 30);
  EXPECT_EQ(status(kIectl), 1U << 30);
  ASSERT_TRUE(bench.run_until([&] { return bench.table_writes.size() == 4; }, 1500));
  EXPECT_EQ(bench.table_writes[1].address, bench.status_address());
  EXPECT_EQ(bench.table_writes[1].dword, value);
  EXPECT_EQ(bench.table_writes[2].address, kFaultMessage);
  EXPECT_EQ(bench.table_writes[2].dword, 0x41U);
  EXPECT_EQ(bench.table_writes[3].address, kWaitMessage);
  EXPECT_EQ(bench.table_writes[3].dword, 0x55U);
  bench.run(400);
  EXPECT_EQ(bench.table_writes.size(), 4U);
  EXPECT_EQ(status(kFectl), 0U);
  EXPECT_EQ(status(kIectl), 0U);
}

// IQE is cleared around the cycle in which a bad descriptor sets it. Before and in that cycle it stands;
// behind it the queue tries the descriptor again, which is an event of its own.
TEST_F(SameCycle, AQueueErrorAndTheClearingOfIqe) {
  covers("vtd.event.queue-error", "vtd.iqe.3");
  unsigned before = 0, with = 0, behind = 0;
  for (unsigned offset = 0; offset < 50; ++offset) {
    SCOPED_TRACE(offset);
    bench.table_writes.clear();
    const std::uint64_t slot = bench.queue_address() + bench.tail() * 16;
    const std::uint32_t head = bench.tail() * 16;
    bench.push_descriptor(0, 0);
    bench.ring();
    bench.run(offset);
    bench.write_register(kFsts, kIqe, 4);
    written = bench.tail_cycle;
    bench.run(100);
    EXPECT_EQ(status(), kIqe);
    EXPECT_EQ(status(kIqh), head);
    // The address of its message is two cycles behind an event.
    ASSERT_FALSE(bench.table_writes.empty());
    const auto error = bench.table_writes[0].cycle - 2;
    EXPECT_EQ(sent(kFaultMessage), written > error ? 2U : 1U);
    (written < error ? before : written == error ? with : behind) += 1;
    // Repaired, it goes on there.
    bench.memory.store64(slot, kWaitNoStatus);
    bench.write_register(kFsts, kIqe, 4);
    ASSERT_TRUE(bench.run_until([&] { return status(kIcs) == 1; }, 200));
    EXPECT_EQ(status(kIqh), bench.tail() * 16);
    EXPECT_EQ(status(), 0U);
    bench.write_register(kIcs, 1, 4);
    bench.run(60);
  }
  EXPECT_GT(before, 0U);
  EXPECT_EQ(with, 1U);
  EXPECT_GT(behind, 0U);
}

// A queue error and a fault at every distance are one event: the second is not new.
TEST_F(SameCycle, AQueueErrorAndAFaultAreOneEvent) {
  covers("vtd.event.queue-error", "vtd.event.fault");
  for (unsigned offset = 0; offset < 60; ++offset) {
    SCOPED_TRACE(offset);
    bench.messages.clear();
    const std::uint64_t slot = bench.queue_address() + bench.tail() * 16;
    bench.push_descriptor(0, 0);
    ring_beside_a_fault(offset);
    ASSERT_TRUE(bench.settle());
    bench.run(80);
    EXPECT_EQ(status() & 0xFF, kIqe | kPpf);
    EXPECT_EQ(bench.messages.size(), 1U);
    bench.memory.store64(slot, kWaitNoStatus);
    clear_faults();
    ASSERT_TRUE(bench.run_until([&] { return status(kIcs) == 1; }, 200));
    bench.write_register(kIcs, 1, 4);
    bench.run(60);
    ++recorded;
  }
}

// A read gives what stands in the cycle of its address; a write of that cycle shows behind it.
TEST_F(SameCycle, ARegisterIsReadAsItIsWritten) {
  covers("vtd.registers.access");
  std::uint64_t value = 1000;
  for (unsigned offset = 0; offset < 12; ++offset) {
    SCOPED_TRACE(offset);
    bench.write_register(kImplWLimit, value, 4);
    const auto write = bench.start_write(kImplWLimit, value + 1, 4);
    const auto other = bench.start_write(kIectl, 0, 4);
    bench.run(offset);
    const auto read = bench.start_read_beside(kImplWLimit, 4);
    ASSERT_TRUE(bench.run_until([&] { return read->done && other->done; }, 50));
    EXPECT_EQ(read->data, read->started > write->started ? value + 1 : value);
    EXPECT_EQ(read->resp, sim::AxiResp::kOkay);
    ++value;
  }
}

}  // namespace
}  // namespace gpudmar::test
