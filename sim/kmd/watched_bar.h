// SPDX-License-Identifier: Apache-2.0
// A GPU's BAR 0 under somebody's driver.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>

#include "sim/scenario/removable.h"

namespace gpudmar::sim::kmd {

/// A channel that has stopped on an error.
struct ChannelError {
  unsigned channel = 0;
  std::uint32_t code = 0;  ///< regs::dma::error
  std::string text;        ///< which, why and where
};

/// Notes who uses it and what a driver leaves on; can be pulled out or go to sleep; a channel of it can be
/// made to hang.
class WatchedBar final : public hw::Mmio {
 public:
  struct Hooks {
    std::function<void()> used;
    /// A doorbell is rung. True: from here on the channel hears no doorbell, until its reset.
    std::function<bool()> doorbell;
    /// A channel is told to go on, without a doorbell.
    std::function<void()> started;
    /// A channel or the interrupts are switched on.
    std::function<void()> enabled;
    std::function<void(const ChannelError&)> error;
  };
  /// `raw`: the same window, for looks that are not the driver's.
  WatchedBar(hw::Mmio& bar, hw::Mmio& raw, Hooks hooks) : bar_(bar), raw_(raw), hooks_(std::move(hooks)) {}
  void remove();
  void insert();
  /// Below D0 only the configuration space answers.
  void sleep(bool asleep) { asleep_ = asleep; }
  [[nodiscard]] bool removed() const { return removed_; }

  /// Tells of channels that have stopped on an error, of each error once. Takes time.
  void look();
  /// Interrupt causes that are there, enabled or not. Takes time.
  [[nodiscard]] std::uint32_t causes();
  /// How often the driver has read such a cause.
  [[nodiscard]] std::uint64_t causes_seen() const { return causes_seen_; }
  /// What the driver has on: "channel 0, interrupts"; empty: nothing.
  [[nodiscard]] std::string left_on() const;

  [[nodiscard]] hw::PhysAddr base() const override { return bar_.base(); }
  [[nodiscard]] std::uint64_t size() const override { return bar_.size(); }
  [[nodiscard]] std::uint32_t read32(std::uint64_t offset) override;
  [[nodiscard]] std::uint64_t read64(std::uint64_t offset) override;
  void write32(std::uint64_t offset, std::uint32_t value) override;
  void write64(std::uint64_t offset, std::uint64_t value) override;

 private:
  /// The device answers.
  [[nodiscard]] bool reachable(std::uint64_t offset) const;
  /// The access reaches the device.
  [[nodiscard]] bool passes(std::uint64_t offset, std::uint64_t value, unsigned bytes);
  void control(std::uint64_t channel, std::uint32_t value);
  void look_at(std::uint64_t channel);
  void note_causes(std::uint64_t offset, std::uint64_t value);

  RemovableBar bar_;
  hw::Mmio& raw_;
  Hooks hooks_;
  bool removed_ = false;
  bool asleep_ = false;
  std::set<std::uint64_t> deaf_;     ///< channels
  std::set<std::uint64_t> working_;  ///< that may have work, or an error that nobody was told of
  std::set<std::uint64_t> on_;       ///< with ENABLE
  std::uint32_t interrupts_ = 0;     ///< INT_ENABLE
  std::uint64_t causes_seen_ = 0;
};

}  // namespace gpudmar::sim::kmd
