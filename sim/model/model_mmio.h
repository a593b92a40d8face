// SPDX-License-Identifier: Apache-2.0
// Backends of the driver model's hardware interface on the untimed unit, for tests of OS code without the
// RTL.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "driver-model/hw/hw.h"
#include "sim/model/memory_view.h"
#include "sim/model/unit.h"

namespace gpudmar::model {

/// The unit's register page. Misaligned or out-of-range accesses throw hw::HardwareError.
class ModelMmio final : public hw::Mmio {
 public:
  explicit ModelMmio(Unit& unit, hw::PhysAddr base = 0xFED9'0000) : unit_(unit), base_(base) {}
  [[nodiscard]] hw::PhysAddr base() const override { return base_; }
  [[nodiscard]] std::uint64_t size() const override { return hw::kPageSize; }
  [[nodiscard]] std::uint32_t read32(std::uint64_t offset) override { return unit_.read32(check(offset, 4)); }
  [[nodiscard]] std::uint64_t read64(std::uint64_t offset) override { return unit_.read64(check(offset, 8)); }
  void write32(std::uint64_t offset, std::uint32_t value) override { unit_.write32(check(offset, 4), value); }
  void write64(std::uint64_t offset, std::uint64_t value) override { unit_.write64(check(offset, 8), value); }

 private:
  [[nodiscard]] std::uint64_t check(std::uint64_t offset, std::uint64_t bytes) const {
    if (offset % bytes != 0 || offset > size() - bytes) {
      throw hw::HardwareError("IOMMU register page: bad " + std::to_string(8 * bytes) +
                              "-bit access at offset " + std::to_string(offset));
    }
    return offset;
  }
  Unit& unit_;
  hw::PhysAddr base_;
};

/// hw::PhysicalMemory as the unit sees it: memory answers, everything else is a bus error.
class ModelMemory final : public MemoryView, public MemoryWriter {
 public:
  explicit ModelMemory(hw::PhysicalMemory& memory) : memory_(memory) {}
  [[nodiscard]] std::optional<std::uint64_t> load64(std::uint64_t pa) const override {
    if (!installed(pa)) return std::nullopt;
    return memory_.load64(pa);
  }
  bool store32(std::uint64_t pa, std::uint32_t value) override {
    if (!installed(pa)) return false;
    memory_.store32(pa, value);
    return true;
  }

 private:
  [[nodiscard]] bool installed(std::uint64_t pa) const {
    const auto within = [pa](const std::vector<hw::MemoryRange>& ranges) {
      return std::any_of(ranges.begin(), ranges.end(),
                         [pa](const hw::MemoryRange& r) { return pa >= r.base && pa < r.end(); });
    };
    return within(memory_.ram()) || within(memory_.device_memory());
  }
  hw::PhysicalMemory& memory_;
};

}  // namespace gpudmar::model
