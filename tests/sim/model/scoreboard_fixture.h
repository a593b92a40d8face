// SPDX-License-Identifier: Apache-2.0
// A scoreboard in front of an imaginary unit: the test plays the bus, the CPU and the queue.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sim/model/scoreboard.h"
#include "tests/sim/model/tables.h"
#include "tests/support/covers.h"

namespace gpudmar::model::test {

class ScoreboardTest : public ::testing::Test {
 protected:
  static constexpr std::uint16_t kSid = 0x0100;
  static constexpr std::uint16_t kDid = 7;
  static constexpr std::uint64_t kIova = 0x12'3456'7000, kPage = 0x100'0ABC'D000, kOther = 0x100'0FFF'0000;
  static constexpr std::uint64_t kQueue = 0x80'0000, kStatus = 0x90'0000;
  static constexpr std::uint32_t kTe = 1U << 31, kSrtp = 1U << 30, kQie = 1U << 26;

  explicit ScoreboardTest(const UnitConfig& config = {})
      : board_(config, memory_, [this](const Violation& v) { violations_.push_back(v); }) {
    leaf_ = tables_.map(stage_, 4, kIova, kPage);
    reg(0x90, kQueue, 8);
    reg(0x20, Tables::kRoot, 8);
    reg(0x18, kQie | kSrtp);
    reg(0x18, kQie | kTe);
    board_.register_read(++cycle_, 0x1C, kQie | kSrtp | kTe, 4);
  }

  void reg(std::uint64_t offset, std::uint64_t value, unsigned bytes = 4) {
    board_.register_write(++cycle_, offset, value, bytes);
  }
  void in(std::uint64_t address, bool is_write = false, unsigned id = 0, unsigned port = 0,
          std::uint32_t user = 0, unsigned beats = 2) {
    board_.request_in(++cycle_, port, static_cast<std::uint16_t>(kSid + port), is_write, id, address, beats,
                      5, user);
  }
  void out(std::uint64_t address, bool is_write = false, unsigned id = 0, unsigned port = 0,
           unsigned beats = 2, bool snoop = true) {
    ++cycle_;
    board_.request_out(cycle_, port, is_write, id, address, snoop, beats, cycle_);
  }
  void done(bool is_write = false, unsigned id = 0, unsigned port = 0, unsigned resp = 0) {
    if (is_write) return board_.mem_write_done(++cycle_, port, id, resp);
    board_.mem_read_done(++cycle_, port, id, resp);
  }
  void answer(unsigned resp = 0, bool is_write = false, unsigned id = 0, unsigned port = 0) {
    board_.response(++cycle_, port, is_write, id, resp, true);
  }
  /// A whole request that goes well.
  void pass(std::uint64_t address, std::uint64_t target, bool is_write = false) {
    in(address, is_write);
    out(target, is_write);
    done(is_write);
    answer(0, is_write);
  }
  void fault(std::uint64_t address, unsigned reason, bool is_write = false, bool recorded = true,
             unsigned port = 0) {
    Request r = read_of(static_cast<std::uint16_t>(kSid + port), address);
    r.is_write = is_write;
    board_.fault(++cycle_, make_fault_record(r, static_cast<Reason>(reason)), recorded);
  }
  void store(std::uint64_t pa, std::uint64_t value) {
    memory_.qwords[pa] = value;
    board_.memory_changed(++cycle_, pa, 8);
  }
  /// Queue one descriptor and a wait, and write the tail.
  void submit(std::uint64_t qw0, std::uint64_t qw1 = 0) {
    descriptor(qw0, qw1);
    descriptor(5 | 1 << 5 | ++status_ << 32, kStatus);
    reg(0x88, slot_ * 16ULL, 8);
  }
  void descriptor(std::uint64_t qw0, std::uint64_t qw1) {
    memory_.qwords[kQueue + 16 * slot_] = qw0;
    memory_.qwords[kQueue + 16 * slot_ + 8] = qw1;
    slot_ = (slot_ + 1) % 256;
  }
  void complete() { board_.status_write(++cycle_, kStatus, static_cast<std::uint32_t>(status_)); }
  static constexpr std::uint64_t kDrain = 0xC0;
  static constexpr std::uint64_t domain_invalidation(std::uint16_t did, std::uint64_t flags = kDrain) {
    return 2 | 2 << 4 | flags | std::uint64_t{did} << 16;
  }
  static constexpr std::uint64_t page_invalidation(std::uint16_t did, std::uint64_t flags = kDrain) {
    return 2 | 3 << 4 | flags | std::uint64_t{did} << 16;
  }

  /// Kinds reported so far, in order; the list starts anew.
  std::vector<ViolationKind> kinds() {
    std::vector<ViolationKind> result;
    for (const Violation& v : violations_) result.push_back(v.kind);
    violations_.clear();
    return result;
  }
  void expect_clean() {
    for (const Violation& v : violations_)
      ADD_FAILURE() << v.cycle << " " << to_string(v.kind) << ": " << v.text;
    violations_.clear();
  }
  void finish() { board_.finish(++cycle_); }

  SparseMemory memory_;
  Tables tables_{memory_};
  std::uint64_t stage_ = tables_.attach(kSid, kDid);
  std::uint64_t leaf_ = 0;
  std::vector<Violation> violations_;
  Scoreboard board_;
  std::uint64_t cycle_ = 0;
  unsigned slot_ = 0;
  std::uint64_t status_ = 0;
};

using Kinds = std::vector<ViolationKind>;

}  // namespace gpudmar::model::test
