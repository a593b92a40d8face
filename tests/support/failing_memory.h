// SPDX-License-Identifier: Apache-2.0
// Memory of a host that at some moment can not make one more mapping.
#pragma once

#include <optional>
#include <vector>

#include "driver-model/hw/hw.h"

namespace gpudmar::test {

class FailingMemory final : public hw::PhysicalMemory {
 public:
  explicit FailingMemory(hw::PhysicalMemory& inner) : inner_(inner) {}
  /// `maps` more calls of map() work and the one after them does not.
  void fail_after(unsigned maps) { left_ = maps; }
  /// No failure is to come; was one still to come?
  bool disarm() {
    const bool pending = left_.has_value();
    left_.reset();
    return pending;
  }

  [[nodiscard]] const std::vector<hw::MemoryRange>& ram() const override { return inner_.ram(); }
  [[nodiscard]] const std::vector<hw::MemoryRange>& device_memory() const override {
    return inner_.device_memory();
  }
  [[nodiscard]] void* map(const std::vector<hw::PhysAddr>& pages, bool writable) override {
    if (left_ && (*left_)-- == 0) {
      left_.reset();
      throw hw::HardwareError("map: no room, as the test wants it");
    }
    return inner_.map(pages, writable);
  }
  void unmap(void* address, std::size_t pages) override { inner_.unmap(address, pages); }
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
  hw::PhysicalMemory& inner_;
  std::optional<unsigned> left_;
};

}  // namespace gpudmar::test
