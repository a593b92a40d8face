// SPDX-License-Identifier: Apache-2.0
// Host memory: CPU mappings of scattered pages, atomic words, observers.
#include "sim/mem/host_memory.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace gpudmar::sim {
namespace {

void refuse_overlap(const std::vector<hw::MemoryRange>& ranges, const hw::MemoryRange& with,
                    const char* name) {
  for (const auto& range : ranges) {
    if (range.base < with.end() && range.base + range.size > with.base)
      throw std::invalid_argument(fmt::format("host memory: range {:#x}..{:#x} overlaps the {} {:#x}..{:#x}",
                                              range.base, range.base + range.size, name, with.base,
                                              with.end()));
  }
}

std::vector<hw::MemoryRange> checked(const std::vector<hw::MemoryRange>& ram,
                                     const std::vector<hw::MemoryRange>& device) {
  if (ram.empty()) throw std::invalid_argument("host memory: no memory at all");
  refuse_overlap(ram, kMmioHole, "MMIO hole");
  refuse_overlap(device, {hw::kInterruptWindowBase, hw::kInterruptWindowEnd - hw::kInterruptWindowBase},
                 "interrupt window");
  std::vector<hw::MemoryRange> all = ram;
  all.insert(all.end(), device.begin(), device.end());
  return all;
}

std::vector<hw::MemoryRange> sorted(std::vector<hw::MemoryRange> ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const auto& a, const auto& b) { return a.base < b.base; });
  return ranges;
}

// Nothing lies there: a driver that runs past either end of a mapping is stopped at once, and further than by
// one page, since an index that is too large seldom is so by one.
constexpr std::size_t kGuard = 16 * hw::kPageSize;

void give_back(const void* address, std::size_t pages) {
  ::munmap(const_cast<char*>(static_cast<const char*>(address)) - kGuard, pages * hw::kPageSize + 2 * kGuard);
}

hw::MemoryRange vram_range(unsigned adapter, std::uint64_t bytes) {
  if (bytes < hw::kPageSize || (bytes & (bytes - 1)) != 0)
    throw std::invalid_argument(
        fmt::format("vram{}: {} bytes is not a power of two of at least one page", adapter, bytes));
  return {0, bytes};
}

}  // namespace

std::vector<hw::MemoryRange> default_memory_map() {
  return {{0, 2 * kGiB}, {4 * kGiB, 2 * kGiB}, {kTiB, 4 * kGiB}};
}

std::vector<hw::MemoryRange> default_device_memory() { return {{0xD000'0000, 16ULL << 20}}; }

HostMemory::HostMemory(std::vector<hw::MemoryRange> ram, unsigned address_bits,
                       std::vector<hw::MemoryRange> device)
    : memory_("host memory", checked(ram, device), address_bits),
      ram_(sorted(std::move(ram))),
      device_(sorted(std::move(device))) {}

HostMemory::~HostMemory() {
  for (const auto& [address, pages] : mappings_) give_back(address, pages.size());
}

void* HostMemory::map(const std::vector<hw::PhysAddr>& pages, bool writable) {
  if (pages.empty()) throw hw::HardwareError("map: no pages");
  for (hw::PhysAddr page : pages) {
    if (page % hw::kPageSize != 0)
      throw hw::HardwareError(fmt::format("map: {:#x} is not page-aligned", page));
    if (!memory_.contains(page, hw::kPageSize))
      throw hw::HardwareError(fmt::format("map: page {:#x} is not RAM", page));
  }
  const std::size_t bytes = pages.size() * hw::kPageSize;
  const int protection = PROT_READ | (writable ? PROT_WRITE : 0);
  void* reserved =
      ::mmap(nullptr, bytes + 2 * kGuard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED)
    throw hw::HardwareError(fmt::format("map: no room for {} pages: {}", pages.size(), std::strerror(errno)));
  void* const base = static_cast<std::byte*>(reserved) + kGuard;
  for (std::size_t i = 0; i < pages.size();) {
    std::size_t run = 1;  // neighbours go into one mapping: the kernel counts mappings
    while (i + run < pages.size() && pages[i + run] == pages[i] + run * hw::kPageSize &&
           memory_.contains(pages[i], (run + 1) * hw::kPageSize))
      ++run;
    void* want = static_cast<std::byte*>(base) + i * hw::kPageSize;
    if (::mmap(want, run * hw::kPageSize, protection, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, memory_.fd(),
               static_cast<off_t>(pages[i])) == MAP_FAILED) {
      const int error = errno;
      give_back(base, pages.size());
      throw hw::HardwareError(fmt::format(
          "map: page {:#x}, number {} of {}: {}{}", pages[i], i, pages.size(), std::strerror(error),
          error == ENOMEM ? " (vm.max_map_count bounds scattered pages)" : ""));
    }
    i += run;
  }
  const std::lock_guard guard(mutex_);
  mappings_[base] = pages;
  return base;
}

std::size_t HostMemory::mappings() const {
  const std::lock_guard guard(mutex_);
  return mappings_.size();
}

void HostMemory::unmap(void* address, std::size_t pages) {
  const std::lock_guard guard(mutex_);
  auto found = mappings_.find(address);
  if (found == mappings_.end())
    throw hw::HardwareError(fmt::format("unmap: {} was not given out by map", fmt::ptr(address)));
  if (found->second.size() != pages)
    throw hw::HardwareError(fmt::format("unmap: {} pages, but {} were mapped", pages, found->second.size()));
  give_back(address, pages);
  mappings_.erase(found);
}

std::optional<hw::PhysAddr> HostMemory::physical(const void* address) const {
  const std::lock_guard guard(mutex_);
  auto after = mappings_.upper_bound(address);
  if (after == mappings_.begin()) return std::nullopt;
  const auto& [base, pages] = *std::prev(after);
  const auto offset =
      static_cast<std::size_t>(static_cast<const std::byte*>(address) - static_cast<const std::byte*>(base));
  if (offset / hw::kPageSize >= pages.size()) return std::nullopt;
  return pages[offset / hw::kPageSize] + offset % hw::kPageSize;
}

template <typename T>
T* HostMemory::word(hw::PhysAddr address, const char* what) const {
  if (address % sizeof(T) != 0)
    throw hw::HardwareError(fmt::format("{}: {:#x} is not {}-byte aligned", what, address, sizeof(T)));
  std::byte* at = memory_.at(address, sizeof(T));
  if (at == nullptr) throw hw::HardwareError(fmt::format("{}: {:#x} is not RAM", what, address));
  return reinterpret_cast<T*>(at);
}

std::uint64_t HostMemory::load64(hw::PhysAddr address) {
  return __atomic_load_n(word<std::uint64_t>(address, "load64"), __ATOMIC_ACQUIRE);
}

void HostMemory::store64(hw::PhysAddr address, std::uint64_t value) {
  __atomic_store_n(word<std::uint64_t>(address, "store64"), value, __ATOMIC_RELEASE);
}

std::uint32_t HostMemory::load32(hw::PhysAddr address) {
  return __atomic_load_n(word<std::uint32_t>(address, "load32"), __ATOMIC_ACQUIRE);
}

void HostMemory::store32(hw::PhysAddr address, std::uint32_t value) {
  __atomic_store_n(word<std::uint32_t>(address, "store32"), value, __ATOMIC_RELEASE);
}

void HostMemory::publish(hw::PhysAddr address, std::size_t bytes) {
  if (!memory_.contains(address, bytes))
    throw hw::HardwareError(fmt::format("publish: {:#x}+{:#x} is not RAM", address, bytes));
  for (MemoryObserver* observer : observers_) observer->published(address, bytes);
}

void HostMemory::refresh(hw::PhysAddr address, std::size_t bytes) {
  if (!memory_.contains(address, bytes))
    throw hw::HardwareError(fmt::format("refresh: {:#x}+{:#x} is not RAM", address, bytes));
  for (MemoryObserver* observer : observers_) observer->refreshed(address, bytes);
}

void HostMemory::remove_observer(MemoryObserver& observer) {
  observers_.erase(std::remove(observers_.begin(), observers_.end(), &observer), observers_.end());
}

Vram::Vram(unsigned adapter, std::uint64_t bytes)
    : memory_(fmt::format("vram{}", adapter), {vram_range(adapter, bytes)}, 40) {}

}  // namespace gpudmar::sim
