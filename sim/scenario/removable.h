// SPDX-License-Identifier: Apache-2.0
// Register windows of devices that can be pulled out while the system runs.
#pragma once

#include "driver-model/hw/hw.h"
#include "driver-model/hw/regs/dma_regs.h"

namespace gpudmar::sim {

/// A GPU's BAR 0 as software sees it: removed, reads give all ones and writes go nowhere.
class RemovableBar final : public hw::Mmio {
 public:
  explicit RemovableBar(hw::Mmio& bar) : bar_(bar) {}
  /// The link is down: the device starts no request and sends no message any more.
  void remove() {
    bar_.write32(regs::dma::CFG_COMMAND::kOffset, 0);
    removed_ = true;
  }
  void insert() { removed_ = false; }

  [[nodiscard]] hw::PhysAddr base() const override { return bar_.base(); }
  [[nodiscard]] std::uint64_t size() const override { return bar_.size(); }
  [[nodiscard]] std::uint32_t read32(std::uint64_t offset) override {
    return removed_ ? ~std::uint32_t{0} : bar_.read32(offset);
  }
  [[nodiscard]] std::uint64_t read64(std::uint64_t offset) override {
    return removed_ ? ~std::uint64_t{0} : bar_.read64(offset);
  }
  void write32(std::uint64_t offset, std::uint32_t value) override {
    if (!removed_) bar_.write32(offset, value);
  }
  void write64(std::uint64_t offset, std::uint64_t value) override {
    if (!removed_) bar_.write64(offset, value);
  }

 private:
  hw::Mmio& bar_;
  bool removed_ = false;
};

}  // namespace gpudmar::sim
