// SPDX-License-Identifier: Apache-2.0
// Queued invalidation (VT-d 5): the ring, its descriptors, and the wait for their completion.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "driver-model/hw/hw.h"
#include "driver-model/mm/pages.h"
#include "driver-model/mm/sleep_lock.h"
#include "driver-model/vtd/registers.h"

namespace gpudmar::vtd {

/// A 128-bit descriptor, low quadword first.
using Descriptor = std::array<std::uint64_t, 2>;

// Descriptor builders. Domain-ids and source-ids are 16 bits, addresses are pages.
[[nodiscard]] Descriptor context_global();
[[nodiscard]] Descriptor context_device(std::uint16_t domain_id, std::uint16_t source_id);
[[nodiscard]] Descriptor iotlb_global();
[[nodiscard]] Descriptor iotlb_domain(std::uint16_t domain_id);
/// The 2^mask pages around `page`; `leaf_only`: no upper-level entry changed (IH).
[[nodiscard]] Descriptor iotlb_pages(std::uint16_t domain_id, std::uint64_t page, unsigned mask,
                                     bool leaf_only);
[[nodiscard]] Descriptor wait_status(hw::PhysAddr address, std::uint32_t data);
[[nodiscard]] Descriptor wait_nothing();  ///< neither status nor event

/// An aligned block of 2^mask pages.
struct PageBlock {
  std::uint64_t page = 0;
  unsigned mask = 0;
  [[nodiscard]] bool operator==(const PageBlock& o) const { return page == o.page && mask == o.mask; }
};
/// The fewest aligned blocks of at most 2^max_mask pages that cover the run exactly.
[[nodiscard]] std::vector<PageBlock> cover(const mm::PageRun& run, unsigned max_mask);

/// How many descriptors were issued, by kind.
struct InvalidationCounters {
  std::uint64_t context = 0;
  std::uint64_t iotlb_global = 0;
  std::uint64_t iotlb_domain = 0;
  std::uint64_t iotlb_page = 0;
  std::uint64_t wait = 0;
  [[nodiscard]] std::uint64_t invalidations() const {
    return context + iotlb_global + iotlb_domain + iotlb_page;
  }
};

/// Begin and end of one submit(), for logs: the tail write and the moment the status write was seen, in
/// cycles.
struct InvalidationSpan {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// The one queue of a unit: one page, 256 slots, 128-bit descriptors. submit() is thread-safe.
class InvalidationQueue {
 public:
  /// Takes two pages below `address_limit` (the ring and the status word).
  InvalidationQueue(Registers& registers, mm::PageAllocator& pages, std::uint64_t address_limit);
  ~InvalidationQueue();
  InvalidationQueue(const InvalidationQueue&) = delete;
  InvalidationQueue& operator=(const InvalidationQueue&) = delete;

  /// VT-d 9.B. If firmware left the queue on it is drained and switched off first.
  void enable();
  /// Wait until the queue is empty and switch it off.
  void disable();

  /// Issue any number of descriptors, followed by one wait with status write, and return when the status has
  /// been written: every invalidation is then complete, with all its draining (VT-d 5.10). Where the ring is
  /// too short for all, the unit takes some while the others wait for slots. Throws QueueError when the unit
  /// stops with IQE, takes no descriptor or does not write the status within the time-out; how to go on:
  /// recover().
  InvalidationSpan submit(const std::vector<Descriptor>& descriptors);

  /// After IQE (VT-d 5.9): repair what the code names, that is the descriptor (replaced by an empty wait) or
  /// the tail, then clear IQE, so that the unit fetches again at the head. What submit() had not seen
  /// completed counts as not done: submit it again. Throws QueueError when the code has no repair here.
  void recover();

  /// From the fault handler: FSTS.IQE was seen. Ends a submit() under way at once instead of at its time-out.
  void note_queue_error() { error_.store(true, std::memory_order_release); }

  [[nodiscard]] const InvalidationCounters& counters() const { return counters_; }
  [[nodiscard]] hw::PhysAddr ring_address() const { return ring_; }
  [[nodiscard]] hw::PhysAddr status_address() const { return status_; }
  static constexpr std::uint64_t kSlots = 256;

 private:
  void put(const Descriptor& descriptor);
  void make_room();
  void ring_doorbell();
  void wait_for(std::uint32_t token);
  [[noreturn]] void throw_stopped(std::uint64_t waited);
  void count(const Descriptor& descriptor);

  Registers& registers_;
  mm::PageAllocator& pages_;
  hw::PhysicalMemory& memory_;
  mm::SleepLock lock_;
  std::vector<mm::Pfn> own_pages_;
  hw::PhysAddr ring_ = 0;
  hw::PhysAddr status_ = 0;
  std::uint64_t tail_ = 0;   // slots
  std::uint64_t free_ = 0;   // slots that can be written before the head is looked at again
  std::uint32_t token_ = 0;  // value of the newest wait
  std::atomic<bool> error_{false};
  InvalidationCounters counters_;
};

}  // namespace gpudmar::vtd
