// SPDX-License-Identifier: Apache-2.0
// Host physical memory of the bench: sparse, with CPU mappings of scattered pages and observers of
// publish/refresh.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "driver-model/hw/hw.h"
#include "sim/mem/sparse_memory.h"

namespace gpudmar::sim {

inline constexpr std::uint64_t kGiB = 1ULL << 30;
inline constexpr std::uint64_t kTiB = 1ULL << 40;
/// No RAM here: register windows and the interrupt window.
inline constexpr hw::MemoryRange kMmioHole{2 * kGiB, 2 * kGiB};

/// 2 GiB at 0, 2 GiB at 4 GiB, 4 GiB at 1 TiB.
[[nodiscard]] std::vector<hw::MemoryRange> default_memory_map();
/// 16 MiB at D000'0000h: a peer's memory, a target for I/O space.
[[nodiscard]] std::vector<hw::MemoryRange> default_device_memory();

/// Is told of CPU-side visibility events, in call order, between clock cycles.
class MemoryObserver {
 public:
  virtual ~MemoryObserver() = default;
  /// CPU stores to [address, address + bytes) are now visible to devices.
  virtual void published(hw::PhysAddr address, std::size_t bytes) = 0;
  /// The CPU is about to load from [address, address + bytes).
  virtual void refreshed(hw::PhysAddr address, std::size_t bytes) = 0;
};

/// hw::PhysicalMemory over one sparse memory. Coherent: what the CPU stores is at once what devices read.
class HostMemory final : public hw::PhysicalMemory {
 public:
  /// `device`: memory of devices. Throws std::invalid_argument on an impossible map (see SparseMemory), on
  /// RAM in the MMIO hole and on device memory in the interrupt window.
  explicit HostMemory(std::vector<hw::MemoryRange> ram = default_memory_map(), unsigned address_bits = 46,
                      std::vector<hw::MemoryRange> device = {});
  ~HostMemory() override;

  [[nodiscard]] const std::vector<hw::MemoryRange>& ram() const override { return ram_; }
  [[nodiscard]] const std::vector<hw::MemoryRange>& device_memory() const override { return device_; }
  [[nodiscard]] void* map(const std::vector<hw::PhysAddr>& pages, bool writable) override;
  void unmap(void* address, std::size_t pages) override;
  [[nodiscard]] std::optional<hw::PhysAddr> physical(const void* address) const override;
  [[nodiscard]] std::uint64_t load64(hw::PhysAddr address) override;
  void store64(hw::PhysAddr address, std::uint64_t value) override;
  [[nodiscard]] std::uint32_t load32(hw::PhysAddr address) override;
  void store32(hw::PhysAddr address, std::uint32_t value) override;
  void publish(hw::PhysAddr address, std::size_t bytes) override;
  void refresh(hw::PhysAddr address, std::size_t bytes) override;

  /// The device side.
  [[nodiscard]] SparseMemory& device() { return memory_; }
  /// `observer` must outlive this object or be removed.
  void add_observer(MemoryObserver& observer) { observers_.push_back(&observer); }
  void remove_observer(MemoryObserver& observer);
  /// CPU mappings that have not been undone.
  [[nodiscard]] std::size_t mappings() const;
  /// All zero again; observers and mappings stay.
  void clear() { memory_.clear(); }

 private:
  template <typename T>
  T* word(hw::PhysAddr address, const char* what) const;

  SparseMemory memory_;  ///< both kinds
  std::vector<hw::MemoryRange> ram_;
  std::vector<hw::MemoryRange> device_;
  std::vector<MemoryObserver*> observers_;
  mutable std::mutex mutex_;  ///< of mappings_: software may have several threads
  std::map<const void*, std::vector<hw::PhysAddr>> mappings_;  ///< first byte to pages, in their order
};

/// Local memory of one adapter; addresses are byte offsets.
class Vram {
 public:
  /// `bytes` is a power of two of at least one page. Throws std::invalid_argument.
  Vram(unsigned adapter, std::uint64_t bytes);

  [[nodiscard]] std::uint64_t size() const { return memory_.ranges().front().size; }
  [[nodiscard]] SparseMemory& device() { return memory_; }

 private:
  SparseMemory memory_;
};

}  // namespace gpudmar::sim
