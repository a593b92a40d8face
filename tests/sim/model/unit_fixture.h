// SPDX-License-Identifier: Apache-2.0
// The untimed unit with memory, its event messages and its faults collected.
#pragma once

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "sim/model/model_mmio.h"
#include "tests/sim/model/tables.h"
#include "tests/support/covers.h"

namespace gpudmar::model::test {

class UnitTest : public ::testing::Test {
 protected:
  static constexpr std::uint32_t kTe = 1U << 31, kSrtp = 1U << 30, kQie = 1U << 26;
  static constexpr std::uint64_t kQueue = 0x80'0000, kStatus = 0x90'0000;

  UnitTest() {
    Unit::Hooks hooks;
    hooks.message = [this](std::uint64_t a, std::uint32_t d) { messages_.emplace_back(a, d); };
    hooks.invalidated = [this](const Descriptor& d) { invalidated_.push_back(d); };
    hooks.faulted = [this](const FaultRecord& r, bool recorded) { faults_.emplace_back(r, recorded); };
    unit_.set_hooks(std::move(hooks));
  }

  void enable_translation() {
    mmio_.write64(0x20, Tables::kRoot);
    mmio_.write32(0x18, kSrtp);
    mmio_.write32(0x18, kTe);
  }
  void enable_queue(std::uint64_t address = kQueue) {
    mmio_.write64(0x90, address);
    mmio_.write32(0x18, kQie);
  }
  void put(unsigned slot, std::uint64_t qw0, std::uint64_t qw1 = 0) {
    memory_.qwords[kQueue + 16 * slot] = qw0;
    memory_.qwords[kQueue + 16 * slot + 8] = qw1;
  }
  /// A wait that writes `data` to the status word.
  void put_wait(unsigned slot, std::uint32_t data, std::uint64_t flags = 0x20) {
    put(slot, 5 | flags | std::uint64_t{data} << 32, kStatus);
  }
  void tail(unsigned slot) { mmio_.write64(0x88, 16 * slot); }
  std::uint32_t status() { return static_cast<std::uint32_t>(memory_.qwords[kStatus]); }
  std::uint32_t fsts() { return mmio_.read32(0x34); }
  unsigned iqei() { return static_cast<unsigned>(mmio_.read64(0xB0) & 0xF); }
  FaultRecord record(unsigned i) { return {mmio_.read64(0x400 + 16 * i), mmio_.read64(0x408 + 16 * i)}; }
  void clear_record(unsigned i) { mmio_.write32(0x40C + 16 * i, 1U << 31); }

  SparseMemory memory_;
  Tables tables_{memory_};
  UnitConfig config_;
  Unit unit_{config_, memory_, memory_};
  ModelMmio mmio_{unit_};
  std::vector<std::pair<std::uint64_t, std::uint32_t>> messages_;
  std::vector<Descriptor> invalidated_;
  std::vector<std::pair<FaultRecord, bool>> faults_;
};

}  // namespace gpudmar::model::test
