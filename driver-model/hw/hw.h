// SPDX-License-Identifier: Apache-2.0
// The one interface between software and hardware: register windows, physical memory, interrupts, time.
//
// Everything under driver-model reaches hardware only through these classes, so the same code runs against
// the RTL, the reference model, a board, or another simulator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace gpudmar::hw {

using PhysAddr = std::uint64_t;
inline constexpr std::uint64_t kPageSize = 4096;
inline constexpr unsigned kPageShift = 12;

/// The interrupt window: a 4-byte write to it is a message, never memory, and is never translated (VT-d 2.5).
inline constexpr PhysAddr kInterruptWindowBase = 0xFEE0'0000;
inline constexpr PhysAddr kInterruptWindowEnd = 0xFEF0'0000;  // exclusive

/// A hardware access that cannot be served: an address outside every window, a bus error, a time-out.
class HardwareError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A device's register window (a BAR, or the remapping unit's page). Offsets are in bytes and naturally
/// aligned. Every access takes bus time on backends that have time. Throws HardwareError on a misaligned or
/// out-of-range offset and on an error response.
class Mmio {
 public:
  virtual ~Mmio() = default;
  [[nodiscard]] virtual PhysAddr base() const = 0;       ///< bus address of offset 0
  [[nodiscard]] virtual std::uint64_t size() const = 0;  ///< bytes
  [[nodiscard]] virtual std::uint32_t read32(std::uint64_t offset) = 0;
  [[nodiscard]] virtual std::uint64_t read64(std::uint64_t offset) = 0;
  virtual void write32(std::uint64_t offset, std::uint32_t value) = 0;
  virtual void write64(std::uint64_t offset, std::uint64_t value) = 0;
};

/// A run of installed memory. Byte addresses, multiples of the page size.
struct MemoryRange {
  PhysAddr base = 0;
  std::uint64_t size = 0;
  [[nodiscard]] PhysAddr end() const { return base + size; }
};

/// Memory that firmware keeps for devices, which use it at its own addresses: no RAM of the system's, and
/// where requests are translated it is an identity for those devices (ACPI DMAR: a reserved memory region,
/// RMRR).
struct ReservedRegion {
  MemoryRange range;
  std::vector<std::uint16_t> source_ids;  ///< of the devices that use it
};

/// Host physical memory as the CPU sees it.
class PhysicalMemory {
 public:
  virtual ~PhysicalMemory() = default;

  /// Installed RAM, ascending, not overlapping.
  [[nodiscard]] virtual const std::vector<MemoryRange>& ram() const = 0;
  /// Memory of devices that answers on the bus like RAM but is not the system's to give out (a peer's
  /// aperture): ascending, not overlapping, apart from RAM. Where "RAM" stands below it is meant as well.
  [[nodiscard]] virtual const std::vector<MemoryRange>& device_memory() const = 0;

  /// Map the given pages (page-aligned physical addresses, RAM only) one after the other into this process.
  /// Returns the address of the first byte; the same bytes that devices see. Throws HardwareError on a page
  /// that is not RAM.
  [[nodiscard]] virtual void* map(const std::vector<PhysAddr>& pages, bool writable) = 0;
  /// Undo map(); `pages` is the page count it was given.
  virtual void unmap(void* address, std::size_t pages) = 0;
  /// The physical address of a byte that map() made visible at `address`; nullopt where no mapping is.
  [[nodiscard]] virtual std::optional<PhysAddr> physical(const void* address) const = 0;

  /// One aligned 64-bit access to RAM (page tables, queues, status words); single-copy atomic.
  [[nodiscard]] virtual std::uint64_t load64(PhysAddr address) = 0;
  virtual void store64(PhysAddr address, std::uint64_t value) = 0;
  [[nodiscard]] virtual std::uint32_t load32(PhysAddr address) = 0;
  virtual void store32(PhysAddr address, std::uint32_t value) = 0;

  /// CPU stores to [address, address + bytes) made before this call are visible to devices after it. Software
  /// calls it after writing anything a device reads: tables, descriptors, data. Backends with coherent memory
  /// only note it (the bench's checkers learn of table changes here).
  virtual void publish(PhysAddr address, std::size_t bytes) = 0;
  /// Device writes to the range made before this call are visible to CPU loads after it.
  virtual void refresh(PhysAddr address, std::size_t bytes) = 0;
};

/// What a device is programmed with in order to raise an interrupt: a 4-byte write of `data` to `address`.
struct MessageTarget {
  PhysAddr address = 0;
  std::uint32_t data = 0;
};

/// Interrupt delivery. Handlers run one at a time, in order of arrival, never inside another handler; on a
/// backend with threads they run in a thread of their own and may access registers and wait.
class Interrupts {
 public:
  virtual ~Interrupts() = default;
  /// Give out a message that calls `handler` each time it arrives. Throws HardwareError when all vectors are
  /// taken.
  [[nodiscard]] virtual MessageTarget connect(std::string name, std::function<void()> handler) = 0;
  /// Take a message back; it arrives nowhere afterwards (and is then reported as spurious).
  virtual void disconnect(const MessageTarget& target) = 0;
};

/// Time, in clock cycles of the hardware.
class Time {
 public:
  virtual ~Time() = default;
  [[nodiscard]] virtual std::uint64_t now() const = 0;  ///< cycles since reset
  [[nodiscard]] virtual double cycle_ns() const = 0;    ///< length of a cycle
  /// Let at least `cycles` cycles pass.
  virtual void wait(std::uint64_t cycles) = 0;
  /// Let time pass until `done` is true (looked at once a cycle) or `max_cycles` have gone by; false on the
  /// latter. `done` must not access the hardware except through PhysicalMemory loads.
  virtual bool wait_until(const std::function<bool()>& done, std::uint64_t max_cycles) = 0;
};

/// A PCI function as firmware and bus driver present it.
struct Function {
  std::string name;             ///< for messages: "gpu0"
  std::uint16_t source_id = 0;  ///< bus[15:8] device[7:3] function[2:0]
  Mmio* bar0 = nullptr;
};

/// Everything software finds at boot.
struct Platform {
  Mmio* iommu = nullptr;  ///< register page of the remapping unit; null = there is none
  std::vector<Function> functions;
  PhysicalMemory* memory = nullptr;
  Interrupts* interrupts = nullptr;
  Time* time = nullptr;
  unsigned host_address_width = 46;  ///< bits (ACPI DMAR)
  std::vector<ReservedRegion> reserved;
};

}  // namespace gpudmar::hw
