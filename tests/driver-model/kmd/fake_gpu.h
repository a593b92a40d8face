// SPDX-License-Identifier: Apache-2.0
// A device that behaves as the register source says, on byte level and without cycles: enough for a driver to
// run on.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "tests/support/fake_platform.h"

namespace gpudmar::test {

/// Registers and one channel. Logical addresses go through `resolve`, page by page; a page it does not know
/// is an error.
class FakeGpu {
 public:
  /// Host address of a logical byte, or null; write tells the direction.
  using Resolve = std::function<std::uint8_t*(std::uint64_t logical, bool write)>;

  FakeGpu(FakeTime& time, hw::PhysAddr base, unsigned address_bits, Resolve resolve);

  FakeMmio mmio;
  std::vector<std::uint8_t> vram;
  std::function<void()> interrupt;  ///< the message
  std::uint64_t latency = 20;       ///< cycles from the doorbell to the end of each descriptor
  bool hang_reset = false;          ///< RESET never finishes
  bool deaf = false;                ///< doorbells are ignored
  bool lose_interrupts = false;
  std::uint64_t descriptors = 0;  ///< completed
  std::uint64_t no_snoop = 0;     ///< of these, copies with that attribute

 private:
  void doorbell();
  void step();
  void raise(unsigned bit);
  void stop(std::uint32_t code, std::uint32_t operand, std::uint64_t address, std::uint64_t tag);
  /// A pointer to the byte of an operand, or null.
  std::uint8_t* byte_of(std::uint32_t space, std::uint64_t address, bool write);
  bool copy(const std::uint64_t* descriptor);
  bool fence(const std::uint64_t* descriptor);

  FakeTime& time_;
  Resolve resolve_;
  bool running_ = false;
};

}  // namespace gpudmar::test
