// SPDX-License-Identifier: Apache-2.0
// Invalidation queue of the untimed unit: execution, wrap, waits, each error code and its recovery.
#include "tests/sim/model/unit_fixture.h"

namespace gpudmar::model::test {
namespace {

using ::gpudmar::test::covers;
using QueueTest = UnitTest;

TEST_F(QueueTest, ExecutesInOrderAndWritesStatus) {
  covers("vtd.queue.execution");
  enable_queue();
  put(0, 0x1 | 3 << 4 | 7ULL << 16 | 0x100ULL << 32 | 3ULL << 48);
  put(1, 0x2 | 3 << 4 | 0xC0 | 7ULL << 16, 0x12'3456'7000 | 0x40 | 3);
  put_wait(2, 0xCAFE);
  tail(2);
  EXPECT_EQ(status(), 0U);
  EXPECT_EQ(mmio_.read64(0x80), 32U);
  tail(3);
  EXPECT_EQ(status(), 0xCAFEU);
  EXPECT_EQ(mmio_.read64(0x80), 48U);
  ASSERT_EQ(invalidated_.size(), 2U);
  EXPECT_EQ(invalidated_[0].source_id, 0x100);
  EXPECT_EQ(invalidated_[0].function_mask, 3U);
  EXPECT_EQ(invalidated_[1].address, 0x12'3456'0000U);
  EXPECT_TRUE(invalidated_[1].leaf_only && invalidated_[1].drain_reads && invalidated_[1].drain_writes);
}

TEST_F(QueueTest, WrapsAround) {
  enable_queue();
  for (unsigned i = 0; i < 256; ++i) put(i, 0x2 | 1 << 4);
  tail(250);
  put_wait(255, 1);
  put_wait(3, 2);
  tail(4);
  EXPECT_EQ(status(), 2U);
  EXPECT_EQ(mmio_.read64(0x80), 64U);
  EXPECT_EQ(invalidated_.size(), 258U);
  EXPECT_EQ(fsts(), 0U);
}

TEST_F(QueueTest, NothingHappensWhileDisabled) {
  mmio_.write64(0x90, kQueue);
  put_wait(0, 1);
  tail(1);
  EXPECT_EQ(status(), 0U);
  mmio_.write32(0x18, kQie);
  EXPECT_EQ(status(), 1U);
  mmio_.write32(0x18, 0);
  EXPECT_EQ(mmio_.read64(0x80), 0U);
}

TEST_F(QueueTest, WaitWithInterrupt) {
  covers("vtd.event.invalidation");
  enable_queue();
  mmio_.write32(0xA4, 0x66);
  mmio_.write32(0xA8, 0xFEE0'2000);
  for (unsigned i = 0; i < 4; ++i) put_wait(i, i + 1, 0x30);
  tail(1);
  EXPECT_EQ(status(), 1U);
  EXPECT_EQ(mmio_.read32(0x9C), 1U);
  EXPECT_EQ(mmio_.read32(0xA0), 0xC000'0000U);
  mmio_.write32(0xA0, 0);
  EXPECT_EQ(messages_.size(), 1U);
  EXPECT_EQ(messages_[0], (std::pair<std::uint64_t, std::uint32_t>{0xFEE0'2000, 0x66}));
  tail(2);  // IWC stands: no new event
  EXPECT_EQ(messages_.size(), 1U);
  mmio_.write32(0x9C, 1);
  tail(3);
  EXPECT_EQ(messages_.size(), 2U);
  mmio_.write32(0xA0, 1U << 31);
  mmio_.write32(0x9C, 1);
  tail(4);
  EXPECT_EQ(mmio_.read32(0xA0), 0xC000'0000U);
  mmio_.write32(0x9C, 1);  // withdrawn
  EXPECT_EQ(mmio_.read32(0xA0), 0x8000'0000U);
}

TEST_F(QueueTest, UnreachableStatusIsNoQueueError) {
  enable_queue();
  memory_.broken.insert(kStatus >> 12);
  put_wait(0, 1);
  tail(1);
  EXPECT_EQ(fsts(), 0U);
  EXPECT_EQ(mmio_.read64(0x80), 16U);
}

class QueueErrorTest : public QueueTest {
 protected:
  /// The error is reported with its event, stops the queue at `slot`, and clearing it resumes there.
  void expect_error(unsigned code, unsigned slot) {
    EXPECT_EQ(fsts(), 0x10U);
    EXPECT_EQ(iqei(), code);
    EXPECT_EQ(mmio_.read64(0x80), 16U * slot);
    EXPECT_EQ(mmio_.read32(0x38), 0xC000'0000U);
  }
  void recover(unsigned slot) {
    mmio_.write32(0x34, 0x10);  // unrepaired: the same error again
    EXPECT_EQ(fsts(), 0x10U);
    put_wait(slot, 0xD0);
    mmio_.write32(0x34, 0x10);
    EXPECT_EQ(fsts(), 0U);
    EXPECT_EQ(status(), 0xD0U);
    EXPECT_EQ(mmio_.read32(0x38), 0x8000'0000U);
  }
};

TEST_F(QueueErrorTest, Tail) {
  covers("vtd.iqe.1");
  enable_queue();
  tail(256);
  expect_error(1, 0);
  put_wait(0, 9);
  tail(1);  // stored, but acted on only after the error is cleared
  EXPECT_EQ(status(), 0U);
  mmio_.write32(0x34, 0x10);
  EXPECT_EQ(status(), 9U);
}

TEST_F(QueueErrorTest, Fetch) {
  covers("vtd.iqe.2");
  enable_queue();
  put_wait(0, 1);
  memory_.broken.insert(kQueue >> 12);
  tail(1);
  expect_error(2, 0);
  memory_.broken.clear();
  mmio_.write32(0x34, 0x10);
  EXPECT_EQ(fsts(), 0U);
  EXPECT_EQ(status(), 1U);
}

TEST_F(QueueErrorTest, FetchBeyondWidth) {
  enable_queue(1ULL << 46);
  tail(1);
  expect_error(2, 0);
}

TEST_F(QueueErrorTest, Type) {
  covers("vtd.iqe.3");
  for (const std::uint64_t type : {0ULL, 3ULL, 4ULL, 6ULL, 0xFULL, 0x202ULL}) {
    EXPECT_EQ(decode_descriptor(config_, type | 1 << 4, 0).error, QueueError::kType) << type;
  }
  enable_queue();
  put_wait(0, 1);
  put(1, 0);
  put_wait(2, 3);
  tail(3);
  EXPECT_EQ(status(), 1U);  // what stood before it was executed, what follows was not
  expect_error(3, 1);
  mmio_.write32(0x34, 0x10);  // unrepaired: the same error again
  expect_error(3, 1);
  put_wait(1, 2);
  mmio_.write32(0x34, 0x10);
  EXPECT_EQ(fsts(), 0U);
  EXPECT_EQ(status(), 3U);
}

TEST_F(QueueErrorTest, Reserved) {
  covers("vtd.iqe.4");
  const auto error = [this](std::uint64_t qw0, std::uint64_t qw1) {
    return decode_descriptor(config_, qw0, qw1).error;
  };
  const std::uint64_t context = 1 | 3 << 4, iotlb = 2 | 3 << 4, wait = 5 | 1 << 5;
  EXPECT_EQ(error(context, 0), QueueError::kNone);
  EXPECT_EQ(error(iotlb, 0x1000 | 18), QueueError::kNone);
  EXPECT_EQ(error(wait, 4), QueueError::kNone);
  for (const unsigned bit : {6U, 7U, 8U, 12U, 15U, 50U, 63U}) {
    EXPECT_EQ(error(context | 1ULL << bit, 0), QueueError::kReserved) << bit;
  }
  for (const unsigned bit : {8U, 12U, 15U, 32U, 63U}) {
    EXPECT_EQ(error(iotlb | 1ULL << bit, 0), QueueError::kReserved) << bit;
  }
  for (const unsigned bit : {7U, 8U, 12U, 31U})
    EXPECT_EQ(error(wait | 1ULL << bit, 4), QueueError::kReserved) << bit;
  EXPECT_EQ(error(context, 1), QueueError::kReserved);
  EXPECT_EQ(error(iotlb, 1 << 7), QueueError::kReserved);
  EXPECT_EQ(error(wait, 2), QueueError::kReserved);
  EXPECT_EQ(error(1, 0), QueueError::kReserved);  // granularity 00
  EXPECT_EQ(error(2, 0), QueueError::kReserved);
  EXPECT_EQ(error(iotlb, 19), QueueError::kReserved);  // beyond MAMV
  enable_queue();
  put(0, 2);
  tail(1);
  expect_error(4, 0);
  recover(0);
}

TEST_F(QueueErrorTest, Width) {
  covers("vtd.iqe.5");
  enable_queue(kQueue | 0x800);
  tail(2);
  expect_error(5, 0);
  mmio_.write64(0x90, kQueue);
  mmio_.write32(0x34, 0x10);
  EXPECT_EQ(fsts(), 0U);
}

TEST_F(QueueErrorTest, TableMode) {
  covers("vtd.iqe.7");
  mmio_.write64(0x20, Tables::kRoot | 2 << 10);
  mmio_.write32(0x18, kSrtp);
  enable_queue();
  put_wait(0, 1);
  tail(1);
  expect_error(7, 0);
}

TEST_F(QueueErrorTest, EventIsNotNewWhileAnotherStatusStands) {
  mmio_.write32(0x38, 0);
  enable_translation();
  unit_.access(read_of(0x0100, 0));
  EXPECT_EQ(messages_.size(), 1U);
  mmio_.write64(0x90, kQueue);
  mmio_.write32(0x18, kTe | kQie);
  put(0, 0);
  tail(1);
  EXPECT_EQ(fsts(), 0x12U);
  EXPECT_EQ(messages_.size(), 1U);
}

}  // namespace
}  // namespace gpudmar::model::test
