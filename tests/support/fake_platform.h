// SPDX-License-Identifier: Apache-2.0
// A platform without hardware, for tests of software: manual time with scheduled events, sparse RAM, scripted
// registers, interrupts on demand.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "driver-model/hw/hw.h"

namespace gpudmar::test {

/// Time that moves only when somebody waits. Scheduled events run when their cycle is reached.
class FakeTime : public hw::Time {
 public:
  explicit FakeTime(double cycle_ns = 1.0) : cycle_ns_(cycle_ns) {}
  [[nodiscard]] std::uint64_t now() const override { return now_; }
  [[nodiscard]] double cycle_ns() const override { return cycle_ns_; }
  void wait(std::uint64_t cycles) override;
  bool wait_until(const std::function<bool()>& done, std::uint64_t max_cycles) override;
  /// Run `event` `cycles` from now.
  void after(std::uint64_t cycles, std::function<void()> event);
  /// Several threads: called before time moves, cycle by cycle, so that the others run as well (turns.h).
  std::function<void()> on_wait;

 private:
  void advance_to(std::uint64_t cycle);
  double cycle_ns_;
  std::uint64_t now_ = 0;
  std::multimap<std::uint64_t, std::function<void()>> events_;
};

/// RAM in a sparse memfd: a mapping shows the very pages that load64 and devices see.
class FakeMemory : public hw::PhysicalMemory {
 public:
  explicit FakeMemory(std::vector<hw::MemoryRange> ranges);
  ~FakeMemory() override;
  FakeMemory(const FakeMemory&) = delete;
  FakeMemory& operator=(const FakeMemory&) = delete;
  [[nodiscard]] const std::vector<hw::MemoryRange>& ram() const override { return ranges_; }
  [[nodiscard]] const std::vector<hw::MemoryRange>& device_memory() const override { return none_; }
  [[nodiscard]] void* map(const std::vector<hw::PhysAddr>& pages, bool writable) override;
  void unmap(void* address, std::size_t pages) override;
  [[nodiscard]] std::optional<hw::PhysAddr> physical(const void* address) const override;
  [[nodiscard]] std::uint64_t load64(hw::PhysAddr address) override;
  void store64(hw::PhysAddr address, std::uint64_t value) override;
  [[nodiscard]] std::uint32_t load32(hw::PhysAddr address) override;
  void store32(hw::PhysAddr address, std::uint32_t value) override;
  void publish(hw::PhysAddr address, std::size_t bytes) override { published.emplace_back(address, bytes); }
  void refresh(hw::PhysAddr, std::size_t) override {}
  /// A device's access. Throws HardwareError outside RAM.
  void read(hw::PhysAddr address, void* to, std::size_t bytes);
  void write(hw::PhysAddr address, const void* from, std::size_t bytes);

  std::vector<std::pair<hw::PhysAddr, std::size_t>> published;  ///< every publish(), in order
  std::size_t mapped_pages = 0;                                 ///< in all live mappings

 private:
  void check(hw::PhysAddr address, std::size_t bytes, const char* what) const;
  std::vector<hw::MemoryRange> ranges_;
  std::vector<hw::MemoryRange> none_;
  std::map<const std::uint8_t*, hw::PhysAddr> frames_;  // of the mapped pages
  int fd_;
};

/// Registers that hold what is written, with hooks. Every access takes `access_cycles`.
class FakeMmio : public hw::Mmio {
 public:
  struct Access {
    bool write;
    std::uint64_t offset;
    unsigned bytes;
    std::uint64_t value;
  };
  FakeMmio(hw::PhysAddr base, std::uint64_t size, FakeTime* time = nullptr, std::uint64_t access_cycles = 0)
      : base_(base), size_(size), time_(time), access_cycles_(access_cycles) {}
  [[nodiscard]] hw::PhysAddr base() const override { return base_; }
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  [[nodiscard]] std::uint32_t read32(std::uint64_t offset) override;
  [[nodiscard]] std::uint64_t read64(std::uint64_t offset) override;
  void write32(std::uint64_t offset, std::uint32_t value) override;
  void write64(std::uint64_t offset, std::uint64_t value) override;

  /// The stored value, without an access.
  [[nodiscard]] std::uint32_t peek32(std::uint64_t offset) const;
  [[nodiscard]] std::uint64_t peek64(std::uint64_t offset) const;
  void poke32(std::uint64_t offset, std::uint32_t value) { words_[offset] = value; }
  void poke64(std::uint64_t offset, std::uint64_t value);

  /// Called instead of storing, when set for the offset.
  std::map<std::uint64_t, std::function<void(std::uint64_t)>> on_write;
  std::vector<Access> log;

 private:
  void begin(std::uint64_t offset, unsigned bytes) const;
  void write(std::uint64_t offset, unsigned bytes, std::uint64_t value);
  hw::PhysAddr base_;
  std::uint64_t size_;
  FakeTime* time_;
  std::uint64_t access_cycles_;
  std::map<std::uint64_t, std::uint32_t> words_;
};

/// Interrupts that a test raises by hand.
class FakeInterrupts : public hw::Interrupts {
 public:
  [[nodiscard]] hw::MessageTarget connect(std::string name, std::function<void()> handler) override;
  void disconnect(const hw::MessageTarget& target) override;
  /// Deliver a message; false if nobody is connected to it (and it is counted as spurious).
  bool raise(const hw::MessageTarget& target);
  [[nodiscard]] std::size_t connected() const { return handlers_.size(); }
  std::size_t spurious = 0;

 private:
  std::map<std::uint32_t, std::pair<std::string, std::function<void()>>> handlers_;
  std::uint32_t next_ = 0x20;
};

/// The parts together. Functions and a remapping unit are added by the test.
struct FakePlatform {
  explicit FakePlatform(std::vector<hw::MemoryRange> ranges = {{0, 64ull << 20}, {1ull << 40, 64ull << 20}})
      : memory(std::move(ranges)) {
    platform.memory = &memory;
    platform.interrupts = &interrupts;
    platform.time = &time;
  }
  FakeTime time;
  FakeMemory memory;
  FakeInterrupts interrupts;
  hw::Platform platform;
};

}  // namespace gpudmar::test
