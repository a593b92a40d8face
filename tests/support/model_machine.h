// SPDX-License-Identifier: Apache-2.0
// A machine without clock for tests of operating-system code: sparse memory, the reference remapping unit,
// register windows without a device behind them, and interrupts that arrive while time passes.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "driver-model/hw/hw.h"
#include "sim/mem/host_memory.h"
#include "sim/model/model_mmio.h"
#include "sim/model/unit.h"

namespace gpudmar::test {

/// Messages are kept and delivered by deliver(), which FakeTime calls whenever time passes. Thread-safe.
class FakeInterrupts final : public hw::Interrupts {
 public:
  [[nodiscard]] hw::MessageTarget connect(std::string name, std::function<void()> handler) override;
  void disconnect(const hw::MessageTarget& target) override;
  void send(hw::PhysAddr address, std::uint32_t data);
  void deliver();
  [[nodiscard]] std::uint64_t spurious() const { return spurious_; }
  [[nodiscard]] std::size_t connected() const;

 private:
  /// The next message for somebody; counts those for nobody.
  [[nodiscard]] std::function<void()> next();
  mutable std::mutex mutex_;
  std::uint32_t next_data_ = 0x40;
  std::map<std::uint32_t, std::function<void()>> handlers_;
  std::deque<hw::MessageTarget> pending_;
  std::atomic<std::uint64_t> spurious_{0};
  std::atomic<bool> delivering_{false};
};

/// A counter of cycles; one a look at a condition. Thread-safe.
class FakeTime final : public hw::Time {
 public:
  explicit FakeTime(FakeInterrupts& interrupts) : interrupts_(interrupts) {}
  [[nodiscard]] std::uint64_t now() const override { return now_; }
  [[nodiscard]] double cycle_ns() const override { return 1.0; }
  void wait(std::uint64_t cycles) override;
  bool wait_until(const std::function<bool()>& done, std::uint64_t max_cycles) override;

 private:
  FakeInterrupts& interrupts_;
  std::atomic<std::uint64_t> now_{0};
};

/// A register window in front of another, where a test can change what is read and swallow what is written.
/// Accesses are one at a time.
class TamperMmio final : public hw::Mmio {
 public:
  explicit TamperMmio(hw::Mmio& inner) : inner_(inner) {}
  /// Changes a value on its way to software.
  std::function<std::uint64_t(std::uint64_t offset, std::uint64_t value)> on_read;
  /// Sees each write; false = the device does not.
  std::function<bool(std::uint64_t offset, std::uint64_t value)> on_write;

  [[nodiscard]] hw::PhysAddr base() const override { return inner_.base(); }
  [[nodiscard]] std::uint64_t size() const override { return inner_.size(); }
  [[nodiscard]] std::uint32_t read32(std::uint64_t offset) override;
  [[nodiscard]] std::uint64_t read64(std::uint64_t offset) override;
  void write32(std::uint64_t offset, std::uint32_t value) override;
  void write64(std::uint64_t offset, std::uint64_t value) override;

  /// Held during an access; a test that looks behind the window from another thread takes it too.
  [[nodiscard]] std::recursive_mutex& mutex() { return mutex_; }

 private:
  hw::Mmio& inner_;
  std::recursive_mutex mutex_;
};

/// A register page that keeps what is written.
class PlainMmio final : public hw::Mmio {
 public:
  explicit PlainMmio(hw::PhysAddr base) : base_(base) {}
  [[nodiscard]] hw::PhysAddr base() const override { return base_; }
  [[nodiscard]] std::uint64_t size() const override { return hw::kPageSize; }
  [[nodiscard]] std::uint32_t read32(std::uint64_t offset) override { return words_[offset]; }
  [[nodiscard]] std::uint64_t read64(std::uint64_t offset) override;
  void write32(std::uint64_t offset, std::uint32_t value) override { words_[offset] = value; }
  void write64(std::uint64_t offset, std::uint64_t value) override;

 private:
  hw::PhysAddr base_;
  std::map<std::uint64_t, std::uint32_t> words_;
};

/// One thing that software or the unit did, in order: a publish, or an executed invalidation.
struct MachineEvent {
  enum class Kind { kPublish, kInvalidate } kind{};
  hw::PhysAddr address = 0;        ///< publish
  std::size_t bytes = 0;           ///< publish
  model::Descriptor descriptor{};  ///< invalidation
};

/// The machine.
class ModelMachine final : private sim::MemoryObserver {
 public:
  struct Options {
    std::vector<hw::MemoryRange> ram = sim::default_memory_map();
    std::vector<hw::MemoryRange> device_memory = sim::default_device_memory();
    model::UnitConfig unit;
    std::size_t functions = 2;  ///< source-ids 0100h, 0200h, ...
    bool caching_mode = false;  ///< CAP.CM as software reads it
    bool iommu = true;
    std::vector<hw::ReservedRegion> reserved = {};  ///< for the platform; the memory has to be there besides
  };
  explicit ModelMachine(Options options);
  ModelMachine() : ModelMachine(Options()) {}
  ~ModelMachine() override;

  [[nodiscard]] hw::Platform platform();

  /// A device's 8-byte access through the unit; false / nullopt = blocked. Fault messages come with the next
  /// time step.
  bool dma_write(std::uint16_t source_id, std::uint64_t address, std::uint64_t value);
  [[nodiscard]] std::optional<std::uint64_t> dma_read(std::uint16_t source_id, std::uint64_t address);

  FakeInterrupts interrupts;
  FakeTime time{interrupts};
  sim::HostMemory memory;
  model::ModelMemory unit_memory{memory};
  model::Unit unit;
  model::ModelMmio unit_registers{unit};
  TamperMmio iommu{unit_registers};
  std::vector<std::unique_ptr<PlainMmio>> bars;
  std::vector<MachineEvent> events;  ///< read it while no other thread runs

 private:
  void published(hw::PhysAddr address, std::size_t bytes) override;
  void refreshed(hw::PhysAddr, std::size_t) override {}
  [[nodiscard]] std::optional<hw::PhysAddr> translate(std::uint16_t source_id, std::uint64_t address,
                                                      bool write);
  Options options_;
  std::mutex events_mutex_;
};

/// The seed of random tests: GPUDMAR_SEED if set, else `fallback`; printed with the line that repeats the
/// run.
[[nodiscard]] std::uint64_t test_seed(std::uint64_t fallback);

}  // namespace gpudmar::test
