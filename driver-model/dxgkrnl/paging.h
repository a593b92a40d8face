// SPDX-License-Identifier: Apache-2.0
// The video memory manager of a link, as far as paging goes: allocations, where they are, and the operations
// that move them.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dispmprt.h"
#include "driver-model/dxgkrnl/gpu_page_tables.h"
#include "driver-model/dxgkrnl/paging_queue.h"
#include "driver-model/dxgkrnl/paging_segments.h"
#include "driver-model/mm/sleep_lock.h"

namespace gpudmar::dxgkrnl {

/// Choices of a run.
struct PagingConfig {
  std::uint64_t tdr_delay = 5'000'000;       ///< cycles without an answer that make a time-out (TdrDelay)
  std::uint64_t preemption_delay = 500'000;  ///< cycles that a preemption may take
  unsigned tdr_limit = 5;                    ///< time-outs during one operation before bugcheck 0x116
  std::uint64_t map_pages = 0;               ///< aperture: pages of one operation at most; 0 = all in one
  std::uint64_t transfer_pages = 0;          ///< transfers: the same
  std::uint64_t first_pages = 0;             ///< both: pages of the first of several; 0 = as the others
  bool guard_dummy_page = false;             ///< bugcheck 0x10E/0x25 when something wrote to the dummy page
};

/// Where an allocation's content is for the GPU.
enum class Residency {
  kNone,      ///< nowhere: only the backing store has it
  kSystem,    ///< implicit system memory: the backing store itself, mapped, without an aperture (R165)
  kAperture,  ///< the backing store, behind pages of an aperture segment
  kLocal,     ///< a memory segment
};

using AllocationId = std::uint32_t;

/// An allocation as it stands, for inspection.
struct AllocationView {
  AllocationId id = 0;
  std::uint64_t size = 0;  ///< bytes, whole pages
  UINT adapter = 0;        ///< physical adapter
  Residency residency = Residency::kNone;
  UINT segment = 0;                          ///< kAperture, kLocal
  std::uint64_t segment_address = 0;         ///< the same: of its first byte
  std::vector<std::uint64_t> logical_pages;  ///< of the backing store, while it is mapped
  void* cpu_visible = nullptr;               ///< CpuVisibleAddress, while it is valid
  std::uint64_t virtual_page = 0;            ///< of its first byte, where the GPU has an MMU
  bool virtual_valid = false;                ///< the GPU's page tables lead to it
  bool content = false;                      ///< it has any
  bool content_lost = false;                 ///< a reset took it
};

/// Paging of one logical adapter. Thread-safe; one operation at a time.
class Paging {
 public:
  struct Caps {
    bool logical = false;         ///< ADLs are to be contiguous (R162)
    bool map_aperture2 = false;   ///< operation 17, else 5 (R160, R161)
    bool per_engine_tdr = false;  ///< DRIVERCAPS.SupportPerEngineTDR
    bool gpu_mmu = false;         ///< DXGK_VIDMMCAPS.GpuMmuSupported (R174)
    bool patch = false;           ///< not DXGK_VIDSCHCAPS.NoDmaPatching
    UINT node = 0;                ///< DXGK_VIDMMCAPS.PagingNode
    unsigned packets = 0;         ///< DXGK_VIDSCHCAPS.HwQueuePacketCap; 0 = no limit
  };
  /// `tables`: of each physical adapter; those without segments take no part. Throws std::bad_alloc.
  Paging(const PagingPort& port, const Caps& caps, std::vector<SegmentTable> tables,
         const PagingConfig& config);
  /// Frees what is the system's; the driver is not called.
  ~Paging();
  Paging(const Paging&) = delete;
  Paging& operator=(const Paging&) = delete;

  // ---- Allocations
  NTSTATUS create(const void* private_data, UINT bytes, AllocationId& id);
  NTSTATUS destroy(AllocationId id);
  /// Bring it to where the driver wants it, pushing others out if need be.
  NTSTATUS make_resident(AllocationId id);
  /// Take it out of its segment; its content goes to the backing store.
  NTSTATUS evict(AllocationId id);
  /// Fill a resident allocation of a segment.
  NTSTATUS fill(AllocationId id, UINT pattern);
  /// Its content is not needed any more.
  NTSTATUS discard(AllocationId id);
  /// The CPU's access to the backing store; STATUS_GRAPHICS_ALLOCATION_BUSY while the content is in local
  /// memory.
  NTSTATUS access(AllocationId id, std::uint64_t offset, void* data, std::uint64_t bytes, bool write);
  [[nodiscard]] std::optional<AllocationView> view(AllocationId id) const;
  [[nodiscard]] std::vector<AllocationId> allocations() const;
  [[nodiscard]] std::uint64_t dummy_page(std::size_t adapter) const;  ///< its logical page
  /// Of a GPU with an MMU: where it finds the root of its page tables.
  [[nodiscard]] std::uint64_t root_page_table(std::size_t adapter) const;

  // ---- The link
  /// Nothing is submitted from the return of suspend() until resume(), and nothing is outstanding (R181).
  void suspend() { lock_.lock(); }
  void resume() { lock_.unlock(); }
  /// Before power goes: everything leaves local memory and the aperture, and nothing comes until power_up().
  NTSTATUS power_down();
  void power_up() { powered_ = true; }
  /// The hardware is gone: from here on there are neither operations nor waits, and local content is lost.
  void abandon() { gone_ = true; }
  /// Before the adapter stops: every allocation goes.
  void stop();
  void note_interrupt(const DXGKARGCB_NOTIFY_INTERRUPT_DATA& data);
  void note_dpc();
  [[nodiscard]] SegmentTable& segments(std::size_t adapter) { return adapters_.at(adapter)->table; }
  [[nodiscard]] PagingQueue& queue(std::size_t adapter) { return *adapters_.at(adapter)->queue; }
  [[nodiscard]] unsigned timeouts() const { return timeouts_; }
  [[nodiscard]] unsigned adapter_resets() const { return adapter_resets_; }

 private:
  struct Allocation;
  struct Adapter {
    SegmentTable table;
    std::unique_ptr<PagingQueue> queue;
    std::unique_ptr<PagingMemory> dummy;
    std::unique_ptr<GpuPageTables> tables;  // of a GPU with an MMU
  };
  struct AdapterWasReset {};  // thrown out of a wait; the operation starts again

  [[nodiscard]] Allocation* find(AllocationId id) const;
  [[nodiscard]] NTSTATUS check_info(const DXGK_ALLOCATIONINFO& info) const;
  NTSTATUS make_backing(Allocation& a);
  void drop_backing(Allocation& a);
  void call_destroy(HANDLE allocation);
  NTSTATUS with_retries(const std::function<NTSTATUS()>& action);
  [[nodiscard]] std::vector<UINT> candidates(const Allocation& a) const;
  NTSTATUS place(Allocation& a);
  NTSTATUS take_room(Allocation& a, Segment& segment);
  NTSTATUS place_local(Allocation& a, Segment& segment);
  NTSTATUS place_aperture(Allocation& a, Segment& segment);
  NTSTATUS take_out(Allocation& a);
  void forget_place(Allocation& a);
  /// The backing store within the devices' reach, as the mode wants its list.
  NTSTATUS map_backing(Allocation& a);
  void unmap_backing(Allocation& a);

  // paging_operations.cpp
  void transfer(Allocation& a, bool in);
  void fill_segment(Allocation& a, UINT pattern);
  void map_aperture(Allocation& a, Segment& segment);
  void unmap_aperture(Allocation& a, Segment& segment);
  void tell_discard(Allocation& a);
  void run(Allocation& a, DXGK_BUILDPAGINGBUFFER_OPERATION operation, const PagingQueue::Describe& describe,
           std::uint64_t failure);
  void run(Adapter& adapter, DXGK_BUILDPAGINGBUFFER_OPERATION operation,
           const PagingQueue::Describe& describe, std::uint64_t failure);

  // gpu_page_tables.cpp
  struct PageTableUpdate {
    DXGK_PTE* entries = nullptr;
    UINT first = 0;
    UINT count = 0;
    bool repeat = false;   ///< one entry for all
    bool initial = false;  ///< the table's first content
    HANDLE allocation = nullptr;
    std::uint64_t offset = 0;   ///< of the first page within it
    std::uint64_t address = 0;  ///< virtual, of the first page
  };
  void update_table(Adapter& adapter, UINT level, GpuPageTables::Table& table, const PageTableUpdate& update);
  /// Memory for the tables that it needs; after that map_virtual() can not fail.
  NTSTATUS prepare_virtual(Allocation& a);
  void validate_tables(Adapter& adapter, std::uint64_t page);
  void map_virtual(Allocation& a);
  void unmap_virtual(Allocation& a);

  // paging_timeout.cpp
  void wait(PagingQueue& queue, UINT fence);
  [[nodiscard]] bool recovered_by_engine(PagingQueue& queue, UINT fence);
  void reset_adapter();
  void tell_lost(Allocation& a);

  PagingPort port_;
  Caps caps_;
  PagingConfig config_;
  mutable mm::SleepLock lock_;
  std::vector<std::unique_ptr<Adapter>> adapters_;
  std::list<std::unique_ptr<Allocation>> allocations_;  // resident ones last, in order of arrival
  AllocationId next_id_ = 1;
  std::atomic<bool> powered_{true};
  std::atomic<bool> gone_{false};
  unsigned timeouts_ = 0;
  unsigned adapter_resets_ = 0;
  unsigned timeouts_of_operation_ = 0;
};

/// No paging work as long as it lives.
class PagingSuspension {
 public:
  explicit PagingSuspension(Paging* paging) : paging_(paging) {
    if (paging_ != nullptr) paging_->suspend();
  }
  ~PagingSuspension() {
    if (paging_ != nullptr) paging_->resume();
  }
  PagingSuspension(const PagingSuspension&) = delete;
  PagingSuspension& operator=(const PagingSuspension&) = delete;

 private:
  Paging* paging_;
};

}  // namespace gpudmar::dxgkrnl
