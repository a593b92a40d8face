// SPDX-License-Identifier: Apache-2.0
// A device that behaves as the register source and docs/dma.md say, on byte level and without cycles: enough
// for a driver to run on. Its channels are independent; each executes one descriptor after the other.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "tests/support/fake_platform.h"

namespace gpudmar::test {

/// The engine. Operations: NOP, COPY, FILL, the three of the aperture, FENCE; register OPERATIONS says so.
class FakeGpu {
 public:
  /// An access of the host port to [logical, logical + bytes), which lies in one page; false = error
  /// response.
  using Access = std::function<bool(std::uint64_t logical, void* data, std::size_t bytes, bool write)>;

  struct Config {
    unsigned address_bits = 40;
    unsigned vram_bits = 20;
    unsigned channels = 2;
    unsigned aperture_pages_log2 = 8;  ///< 0: none
  };
  FakeGpu(FakeTime& time, hw::PhysAddr base, const Config& config, Access access);

  FakeMmio mmio;
  std::vector<std::uint8_t> vram;
  std::function<void()> interrupt;  ///< the message
  std::uint64_t latency = 20;       ///< cycles from the doorbell to the end of each descriptor
  bool hang_reset = false;          ///< RESET never finishes
  bool deaf = false;                ///< doorbells are ignored
  bool lose_interrupts = false;
  std::vector<unsigned> stuck;    ///< by channel: so many resets are needed until descriptors end again
  std::uint64_t descriptors = 0;  ///< completed
  std::uint64_t no_snoop = 0;     ///< of these, copies and fills with that attribute
  std::uint64_t fences = 0;       ///< of these, fences
  std::uint64_t resumes = 0;

  [[nodiscard]] unsigned channels() const { return static_cast<unsigned>(channels_.size()); }
  /// Logical page of an aperture page, or nullopt.
  [[nodiscard]] std::optional<std::uint64_t> aperture_page(std::uint64_t page) const;
  /// Called with each descriptor before it is executed.
  std::function<void(unsigned channel, const std::uint64_t* descriptor)> on_descriptor;

 private:
  struct Channel {
    bool running = false;
    std::uint64_t generation = 0;  // of resets: a step from before one does nothing
  };
  struct Failure {
    std::uint32_t code = 0;  // 0: none
    std::uint32_t operand = 0;
    std::uint64_t address = 0;
    bool response = false;  // of the bus
  };

  void connect(unsigned channel);
  void control(unsigned channel, std::uint64_t value);
  void doorbell(unsigned channel);
  void step(unsigned channel);
  void raise(unsigned channel, unsigned bit);
  void stop(unsigned channel, const Failure& failure, std::uint64_t tag);
  [[nodiscard]] Failure execute(unsigned channel, const std::uint64_t* descriptor, std::uint64_t slot);
  [[nodiscard]] Failure check(const std::uint64_t* descriptor, std::uint64_t slot) const;
  [[nodiscard]] Failure copy(const std::uint64_t* descriptor);
  [[nodiscard]] Failure fill(const std::uint64_t* descriptor);
  [[nodiscard]] Failure map(const std::uint64_t* descriptor);
  [[nodiscard]] Failure fence(unsigned channel, const std::uint64_t* descriptor);
  /// Bytes of an operand, page by page.
  [[nodiscard]] Failure transfer(std::uint32_t space, std::uint64_t address, void* data, std::size_t bytes,
                                 bool write);
  [[nodiscard]] std::uint64_t limit(std::uint32_t space) const;
  [[nodiscard]] std::uint32_t peek(unsigned channel, std::uint64_t offset) const;
  void poke(unsigned channel, std::uint64_t offset, std::uint64_t value);

  FakeTime& time_;
  Config config_;
  Access access_;
  std::vector<Channel> channels_;
  std::vector<std::uint64_t> aperture_;  // logical page, or kInvalid
};

}  // namespace gpudmar::test
