// SPDX-License-Identifier: Apache-2.0
// How far a GPU is with what SubmitCommand has put into its rings: the doorbells that were rung for a
// submission, against the HEAD of their channels.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "driver-model/hw/hw.h"

namespace gpudmar::sim::kmd {

/// A GPU's BAR 0 on its way to the device: what comes here was not swallowed by anybody.
class RingBar final : public hw::Mmio {
 public:
  /// A place in a channel's ring that no wrap brings back.
  struct Bell {
    std::uint64_t channel = 0;
    std::uint64_t resets = 0;    ///< of the channel, before it was rung
    std::uint64_t position = 0;  ///< behind the last descriptor, counted since the first one
  };
  RingBar(hw::Mmio& bar, std::function<void(const Bell&)> rung) : bar_(bar), rung_(std::move(rung)) {}
  /// The channel has completed everything in front of the bell; lets the cycles of a read pass. nullopt: it
  /// was reset since, or nobody can tell.
  [[nodiscard]] std::optional<bool> is_done(const Bell& bell);

  [[nodiscard]] hw::PhysAddr base() const override { return bar_.base(); }
  [[nodiscard]] std::uint64_t size() const override { return bar_.size(); }
  [[nodiscard]] std::uint32_t read32(std::uint64_t offset) override { return bar_.read32(offset); }
  [[nodiscard]] std::uint64_t read64(std::uint64_t offset) override { return bar_.read64(offset); }
  void write32(std::uint64_t offset, std::uint32_t value) override;
  void write64(std::uint64_t offset, std::uint64_t value) override;

 private:
  struct Ring {
    unsigned size_log2 = 0;  ///< 0: not known
    std::uint64_t tail = 0;
    std::uint64_t position = 0;
    std::uint64_t resets = 0;
  };
  void written(std::uint64_t offset, std::uint64_t value, unsigned bytes);

  hw::Mmio& bar_;
  std::function<void(const Bell&)> rung_;
  std::map<std::uint64_t, Ring> rings_;  // by channel
};

/// The submissions of all links.
class FenceWatch {
 public:
  struct Submission {
    unsigned link = 0;
    unsigned engine = 0;
    std::uint32_t fence = 0;
  };
  /// Whoever hands the bars on; an adapter's index is its place in the order of these calls.
  [[nodiscard]] hw::Mmio& watch(hw::Mmio& bar, const std::function<std::optional<Submission>()>& under_way);
  /// Nothing is known of an adapter any more.
  void forget(std::size_t adapter);
  /// The GPU is through with it. nullopt: no doorbell was rung while it was submitted, or RingBar does not
  /// know.
  [[nodiscard]] std::optional<bool> is_done(const Submission& submission);

 private:
  struct Rung {
    std::size_t adapter = 0;
    RingBar::Bell bell;
  };
  void rung(std::size_t adapter, const RingBar::Bell& bell, const Submission& submission);

  std::vector<std::unique_ptr<RingBar>> bars_;
  std::map<std::pair<unsigned, unsigned>, std::map<std::uint32_t, std::vector<Rung>>> submissions_;
};

}  // namespace gpudmar::sim::kmd
