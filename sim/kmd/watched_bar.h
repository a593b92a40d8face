// SPDX-License-Identifier: Apache-2.0
// A GPU's BAR 0 under somebody's driver.
#pragma once

#include <cstdint>
#include <functional>
#include <set>

#include "sim/scenario/removable.h"

namespace gpudmar::sim::kmd {

/// Notes who uses it; can be pulled out; a channel of it can be made to hang.
class WatchedBar final : public hw::Mmio {
 public:
  struct Hooks {
    std::function<void()> used;
    /// A doorbell is rung. True: from here on the channel hears no doorbell, until its reset.
    std::function<bool()> doorbell;
  };
  WatchedBar(hw::Mmio& bar, Hooks hooks) : bar_(bar), hooks_(std::move(hooks)) {}
  void remove() { bar_.remove(); }
  void insert() {
    bar_.insert();
    deaf_.clear();
  }

  [[nodiscard]] hw::PhysAddr base() const override { return bar_.base(); }
  [[nodiscard]] std::uint64_t size() const override { return bar_.size(); }
  [[nodiscard]] std::uint32_t read32(std::uint64_t offset) override;
  [[nodiscard]] std::uint64_t read64(std::uint64_t offset) override;
  void write32(std::uint64_t offset, std::uint32_t value) override;
  void write64(std::uint64_t offset, std::uint64_t value) override;

 private:
  /// The access reaches the device.
  [[nodiscard]] bool passes(std::uint64_t offset, std::uint64_t value, unsigned bytes);

  RemovableBar bar_;
  Hooks hooks_;
  std::set<std::uint64_t> deaf_;  ///< channels
};

}  // namespace gpudmar::sim::kmd
