// SPDX-License-Identifier: Apache-2.0
// Fault and invalidation events: the mask and pending bits in every order of what can happen, and what is no
// event.
#include <gtest/gtest.h>

#include "tests/rtl/iommu/status_fixture.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

constexpr std::uint32_t kIm = 1U << 31, kIp = 1U << 30;

class Events : public StatusFixture {
 protected:
  Events() {
    EXPECT_TRUE(bench.bring_up());
    bench.write_register(0x03C, 0x41, 4);
    bench.write_register(0x040, 0xFEE0'0000, 4);
    bench.write_register(0x0A4, 0x55, 4);
    bench.write_register(0x0A8, 0xFEE0'1000, 4);
  }
  void wait_with_interrupt() {
    bench.push_wait(true);
    ASSERT_TRUE(bench.invalidate());
  }
  void bad_descriptor() {
    bench.push_descriptor(0, 0);
    bench.ring();
    ASSERT_TRUE(bench.run_until([&] { return (status() & kIqe) != 0; }, 300));
  }
  void settle_messages() { bench.run(40); }

  /// The event as VT-d 1.11 has it, step by step beside the unit.
  struct Reference {
    bool status = false, masked = true, pending = false;
    unsigned sent = 0;
    void raise() {
      if (!status) pending = true;
      status = true;
      send();
    }
    void clear() { status = pending = false; }
    void mask(bool on) {
      masked = on;
      send();
    }
    void send() {
      if (pending && !masked) {
        ++sent;
        pending = false;
      }
    }
  };

  /// Every sequence of `length` steps out of raise, clear, mask, unmask.
  template <typename Raise, typename Clear>
  void every_order(std::uint32_t control, unsigned length, Raise raise, Clear clear) {
    unsigned sequences = 1;
    for (unsigned i = 0; i < length; ++i) sequences *= 4;
    Reference reference;
    for (unsigned sequence = 0; sequence < sequences; ++sequence) {
      for (unsigned i = 0, left = sequence; i < length; ++i, left /= 4) {
        SCOPED_TRACE(testing::Message() << "sequence " << sequence << " step " << i);
        switch (left % 4) {
          case 0:
            raise();
            reference.raise();
            break;
          case 1:
            clear();
            reference.clear();
            break;
          case 2:
            bench.write_register(control, kIm, 4);
            reference.mask(true);
            break;
          default:
            bench.write_register(control, 0, 4);
            reference.mask(false);
        }
        ASSERT_FALSE(HasFatalFailure());
        settle_messages();
        ASSERT_EQ(bench.messages.size(), reference.sent);
        ASSERT_EQ(status(control), (reference.masked ? kIm : 0) | (reference.pending ? kIp : 0));
      }
    }
    EXPECT_GT(reference.sent, sequences / 4);
  }
};

TEST_F(Events, FaultEventInEveryOrder) {
  covers("vtd.event.fault");
  // One fault is one status: a second one before it is cleared is not new.
  every_order(
      kFectl, 4, [&] { fault(); }, [&] { clear_faults(); });
}

TEST_F(Events, InvalidationEventInEveryOrder) {
  covers("vtd.event.invalidation", "vtd.wait.interrupt");
  every_order(
      kIectl, 4, [&] { wait_with_interrupt(); }, [&] { bench.write_register(kIcs, 1, 4); });
}

TEST_F(Events, AQueueErrorIsAFaultEvent) {
  covers("vtd.event.queue-error");
  bench.write_register(kFectl, 0, 4);
  bad_descriptor();
  settle_messages();
  ASSERT_EQ(bench.messages.size(), 1U);
  EXPECT_EQ(bench.messages[0].address, 0xFEE0'0000U);
  fault();
  settle_messages();
  EXPECT_EQ(bench.messages.size(), 1U) << "PPF is not new while IQE stands";
}

TEST_F(Events, AQueueErrorWhileAFaultStandsIsNotNew) {
  covers("vtd.event.queue-error");
  bench.write_register(kFectl, 0, 4);
  fault();
  bad_descriptor();
  settle_messages();
  EXPECT_EQ(bench.messages.size(), 1U);
}

TEST_F(Events, OverflowIsNoEvent) {
  covers("vtd.event.overflow");
  bench.write_register(kFectl, 0, 4);
  for (unsigned i = 0; i < 10; ++i) fault(i);
  settle_messages();
  EXPECT_EQ(status() & kPfo, kPfo);
  EXPECT_EQ(bench.messages.size(), 1U) << "the first fault's";
  for (unsigned i = 0; i < 8; ++i) clear_record(i);
  fault();
  settle_messages();
  EXPECT_EQ(bench.messages.size(), 1U) << "dropped while PFO stands";
  bench.write_register(kFsts, kPfo, 4);
  settle_messages();
  EXPECT_EQ(bench.messages.size(), 1U);
  fault();
  settle_messages();
  EXPECT_EQ(bench.messages.size(), 2U);
}

TEST_F(Events, PendingGoesWithTheLastStatusOnly) {
  covers("vtd.event.pending");
  for (unsigned i = 0; i < 9; ++i) fault(i);
  bad_descriptor();
  EXPECT_EQ(status(kFectl), kIm | kIp);
  for (unsigned i = 0; i < 8; ++i) clear_record(i);
  EXPECT_EQ(status(), kPfo | kIqe);
  EXPECT_EQ(status(kFectl), kIm | kIp);
  bench.write_register(kFsts, kPfo, 4);
  EXPECT_EQ(status(kFectl), kIm | kIp);
  bench.push_descriptor(0, 0);  // never looked at: the queue is moved away
  bench.write_register(kIqa, bench.tables.page(), 8);
  bench.write_register(kFsts, kIqe, 4);
  EXPECT_EQ(status(), 0U);
  EXPECT_EQ(status(kFectl), kIm);
  bench.write_register(kFectl, 0, 4);
  settle_messages();
  EXPECT_TRUE(bench.messages.empty()) << "nothing is left to tell";
}

TEST_F(Events, TheMessageIsWhatTheRegistersSayWhenItIsSent) {
  covers("vtd.event.message");
  fault();
  wait_with_interrupt();
  bench.write_register(0x03C, 0xFFFF'1234, 4);
  bench.write_register(0x040, 0xFEEF'FFFF, 4);
  bench.write_register(0x0A4, 0xABCD, 4);
  bench.write_register(0x0A8, 0xFEE1'2344, 4);
  settle_messages();
  EXPECT_TRUE(bench.messages.empty());
  bench.write_register(kFectl, 0, 4);
  bench.write_register(kIectl, 0, 4);
  settle_messages();
  ASSERT_EQ(bench.messages.size(), 2U);
  EXPECT_EQ(bench.messages[0].address, 0xFEEF'FFFCU);
  EXPECT_EQ(bench.messages[0].data, 0x1234U);
  EXPECT_EQ(bench.messages[1].address, 0xFEE1'2344U);
  EXPECT_EQ(bench.messages[1].data, 0xABCDU);
}

TEST_F(Events, FpdMakesNoEvent) {
  covers("vtd.fpd", "vtd.event.fault");
  bench.tables.set_context(kSid[1], context_low(table, 0) | 2, context_high(3, 2));
  bench.write_register(kFectl, 0, 4);
  const auto blocked = bench.read(1, 2, kIova + 4096);
  ASSERT_TRUE(bench.settle());
  EXPECT_FALSE(blocked->out);
  EXPECT_EQ(blocked->resp, sim::AxiResp::kSlvErr);
  settle_messages();
  EXPECT_EQ(status(), 0U);
  EXPECT_TRUE(bench.messages.empty());
}

TEST_F(Events, AMessageOfARequesterPassesUntranslatedWithTranslationOff) {
  covers("vtd.interrupt_window");
  bench.write_register(kGcmd, kQie, 4);
  ASSERT_TRUE(bench.run_until([&] { return (status(kGsts) & kTe) == 0; }, 500));
  const auto message = bench.write(0, 1, 0xFEE0'0010, 1, 2, 0, 0x42);
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(message->resp, sim::AxiResp::kOkay);
  ASSERT_EQ(bench.messages.size(), 1U);
  EXPECT_EQ(bench.messages[0].address, 0xFEE0'0010U);
  EXPECT_EQ(bench.messages[0].data, 0x42424242U);
}

// IWC is cleared at every distance from the wait that sets it again: it stands exactly when that wait came
// with or behind the clearing, and then it has its own message.
TEST_F(Events, WaitAndClearAtEveryDistance) {
  covers("vtd.event.invalidation", "vtd.wait.interrupt");
  bench.write_register(kIectl, 0, 4);
  unsigned set = 0;
  for (unsigned offset = 0; offset < 70; ++offset) {
    SCOPED_TRACE(testing::Message() << "offset " << offset);
    bench.write_register(kIcs, 1, 4);
    wait_with_interrupt();
    settle_messages();
    const std::size_t before = bench.messages.size();
    bench.push_wait(true);
    bench.ring();
    bench.run(offset);
    bench.write_register(kIcs, 1, 4);
    bench.run(150);
    ASSERT_EQ(bench.messages.size() - before, status(kIcs));
    set += status(kIcs);
  }
  EXPECT_GT(set, 0U);
  EXPECT_LT(set, 70U);
}

// The only record is cleared at every distance from the next fault: that one stands, and has a message unless
// it came before the clearing.
TEST_F(Events, FaultAndLastClearAtEveryDistance) {
  covers("vtd.event.fault");
  bench.write_register(kFectl, 0, 4);
  unsigned told = 0;
  bool came_before = false;
  for (unsigned offset = 0; offset < 150; ++offset) {
    SCOPED_TRACE(testing::Message() << "offset " << offset);
    const unsigned first = 2 * offset % 8;
    bench.flush_global();
    ASSERT_TRUE(bench.invalidate());
    fault();
    settle_messages();
    const std::size_t before = bench.messages.size();
    bench.read(1, 2, kIova + 3 * 4096ULL, 1, 5, 0);
    bench.run(offset);
    clear_record(first);
    ASSERT_TRUE(bench.settle());
    settle_messages();
    EXPECT_EQ(status() & kPpf, kPpf);
    const std::size_t sent = bench.messages.size() - before;
    ASSERT_LE(sent, 1U);
    told += static_cast<unsigned>(sent);
    // The earlier the clearing, the likelier a message: it never comes back.
    EXPECT_FALSE(came_before && sent == 1);
    came_before = sent == 0;
    // Told anew, it is the first.
    EXPECT_EQ(status() >> 8 & 0xFF, sent == 1 ? first + 1 : first);
    clear_record(first + 1);
    ASSERT_EQ(status() & kPpf, 0U);
  }
  EXPECT_GT(told, 0U);
  EXPECT_LT(told, 150U);
}

}  // namespace
}  // namespace gpudmar::test
