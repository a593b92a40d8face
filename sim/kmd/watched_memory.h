// SPDX-License-Identifier: Apache-2.0
// The machine's memory under somebody's driver.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "driver-model/hw/hw.h"

namespace gpudmar::sim::kmd {

/// Tells which addresses show memory. Those of a view that is gone stay empty for a while, so that whoever
/// still uses it faults, instead of meeting the next view.
class WatchedMemory final : public hw::PhysicalMemory {
 public:
  struct Hooks {
    std::function<void(const void* address, std::size_t bytes)> mapped;
    std::function<void(const void* address)> unmapped;
  };
  WatchedMemory(hw::PhysicalMemory& inner, Hooks hooks) : inner_(inner), hooks_(std::move(hooks)) {}
  ~WatchedMemory() override;
  WatchedMemory(const WatchedMemory&) = delete;
  WatchedMemory& operator=(const WatchedMemory&) = delete;

  [[nodiscard]] const std::vector<hw::MemoryRange>& ram() const override { return inner_.ram(); }
  [[nodiscard]] const std::vector<hw::MemoryRange>& device_memory() const override {
    return inner_.device_memory();
  }
  [[nodiscard]] void* map(const std::vector<hw::PhysAddr>& pages, bool writable) override;
  void unmap(void* address, std::size_t pages) override;
  [[nodiscard]] std::optional<hw::PhysAddr> physical(const void* address) const override {
    return inner_.physical(address);
  }
  [[nodiscard]] std::uint64_t load64(hw::PhysAddr address) override { return inner_.load64(address); }
  void store64(hw::PhysAddr address, std::uint64_t value) override { inner_.store64(address, value); }
  [[nodiscard]] std::uint32_t load32(hw::PhysAddr address) override { return inner_.load32(address); }
  void store32(hw::PhysAddr address, std::uint32_t value) override { inner_.store32(address, value); }
  void publish(hw::PhysAddr address, std::size_t bytes) override { inner_.publish(address, bytes); }
  void refresh(hw::PhysAddr address, std::size_t bytes) override { inner_.refresh(address, bytes); }

 private:
  void keep_empty(void* address, std::size_t bytes);
  void let_go();

  hw::PhysicalMemory& inner_;
  Hooks hooks_;
  std::deque<std::pair<void*, std::size_t>> empty_;  // the newest last
  std::size_t empty_bytes_ = 0;
};

}  // namespace gpudmar::sim::kmd
