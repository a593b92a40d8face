// SPDX-License-Identifier: Apache-2.0
// The operating system's driver of one remapping unit: bring-up, domains, attachment of devices.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "driver-model/hw/hw.h"
#include "driver-model/mm/pages.h"
#include "driver-model/mm/sleep_lock.h"
#include "driver-model/vtd/fault_handler.h"
#include "driver-model/vtd/invalidation_batch.h"
#include "driver-model/vtd/invalidation_queue.h"
#include "driver-model/vtd/registers.h"
#include "driver-model/vtd/second_stage.h"

namespace gpudmar::vtd {

class RemappingUnit;

/// One address space of devices: a domain-id and its second-stage tables. Created by RemappingUnit.
/// Thread-safe.
class Domain {
 public:
  Domain(RemappingUnit& unit, std::uint16_t id);
  Domain(const Domain&) = delete;
  Domain& operator=(const Domain&) = delete;

  [[nodiscard]] std::uint16_t id() const { return id_; }

  /// Make logical[i] translate to pfns[i] on every attached device before returning. All or nothing; throws
  /// VtdError as SecondStage::map, and for a logical page beyond the input width or either side in the
  /// interrupt window (R148).
  void map(const std::vector<std::uint64_t>& logical, const std::vector<mm::Pfn>& pfns, const Access& access);

  /// Map page frames 1:1, readable and writable, until the domain's end: memory that firmware keeps for the
  /// devices. The runs ascend and are apart; what is reserved already stays so. map(), unmap() and protect()
  /// refuse these pages from here on. Throws as map().
  void reserve(const std::vector<mm::PageRun>& runs);
  [[nodiscard]] const std::vector<mm::PageRun>& reserved() const { return reserved_; }
  [[nodiscard]] bool reserves(std::uint64_t page) const;

  /// Clear the leaves, invalidate the IOTLB with read and write draining, and wait for the status write: on
  /// return no device reaches the pages any more, and tables that are empty now are free (VT-d 9.F). Pages of
  /// a large leaf that stays in part are split off first. Throws VtdError with every translation as before
  /// when a page is not mapped or memory is short; throws QueueError when the invalidation can not be
  /// completed, and then nothing may be reused.
  InvalidationSpan unmap(const std::vector<std::uint64_t>& logical);
  /// The same without the last wait: the guarantee holds when `batch` has been committed.
  void unmap(const std::vector<std::uint64_t>& logical, InvalidationBatch& batch);

  /// Give mapped pages other permissions, invalidate and wait: on return no device has the old ones (VT-d
  /// 9.G). Throws as unmap().
  InvalidationSpan protect(const std::vector<std::uint64_t>& logical, const Access& access);
  void protect(const std::vector<std::uint64_t>& logical, const Access& access, InvalidationBatch& batch);

  /// Let no large leaf hold both pages of `logical` and others, so that a later unmap() or protect() of them
  /// needs no memory. Translations stay as they are; waits for an invalidation where a leaf was split. Throws
  /// VtdError, with nothing changed, when a page is not mapped or memory is short.
  void split(const std::vector<std::uint64_t>& logical);

  [[nodiscard]] std::optional<Translation> lookup(std::uint64_t logical) const;
  [[nodiscard]] std::vector<std::uint64_t> mapped_logical_pages() const;
  [[nodiscard]] std::uint64_t mapped_pages() const { return tables_.mapped_pages(); }
  [[nodiscard]] std::uint64_t table_pages() const { return tables_.table_pages(); }
  [[nodiscard]] hw::PhysAddr root() const { return tables_.root(); }
  [[nodiscard]] const std::set<std::uint16_t>& devices() const { return devices_; }  ///< attached source-ids

 private:
  friend class RemappingUnit;
  friend class InvalidationBatch;
  void refuse_reserved(const std::vector<std::uint64_t>& logical, const char* what) const;
  void split_locked(const std::vector<std::uint64_t>& logical);
  void defer(const std::vector<std::uint64_t>& logical, const std::vector<mm::Pfn>& retired,
             InvalidationBatch& batch);
  void settle(const std::vector<std::uint64_t>& pages);
  [[nodiscard]] Access effective(const Access& access) const;
  /// Invalidation descriptors for the pages: exact aligned blocks, or the whole domain where that is shorter.
  [[nodiscard]] std::vector<Descriptor> invalidations(std::vector<std::uint64_t> logical,
                                                      bool leaf_only) const;
  [[nodiscard]] std::vector<Descriptor> invalidations_of(const std::vector<mm::PageRun>& runs,
                                                         bool leaf_only) const;

  RemappingUnit& unit_;
  std::uint16_t id_;
  SecondStage tables_;
  std::vector<mm::PageRun> reserved_;
  std::set<std::uint16_t> devices_;
  std::map<std::uint64_t, unsigned> unsettled_;  // pages of batches that are not committed
};

/// The unit. Legacy mode, queued invalidation. Works with caching mode on and off.
class RemappingUnit {
 public:
  struct Config {
    std::uint64_t timeout_cycles = 1'000'000;  ///< of every handshake and of every invalidation wait
    unsigned host_address_width = 46;          ///< bits: tables are placed below
    /// Devices that run already and keep the path to memory that they have: see pass_through().
    std::vector<std::uint16_t> running = {};
  };

  /// Brings the unit up (VT-d 9.A to 9.C) with an empty root table: from here on every device request that is
  /// not attached faults, but for Config::running. Throws VtdError when the unit lacks something or does not
  /// answer.
  RemappingUnit(hw::Mmio& mmio, hw::Time& time, hw::Interrupts& interrupts, mm::PageAllocator& pages,
                const Config& config);
  /// Calls shut_down() if that has not happened; errors are swallowed there.
  ~RemappingUnit();
  RemappingUnit(const RemappingUnit&) = delete;
  RemappingUnit& operator=(const RemappingUnit&) = delete;

  /// Set the unit up again with the tables as they are, after a reset of the unit alone. Records that it kept
  /// go to the subscribers first. No other call may be under way. Throws VtdError when the unit does not
  /// answer.
  void restore();
  /// Translation off, queue off, event masked (VT-d 9.K). Throws VtdError while domains exist.
  void shut_down();

  /// A new domain with a domain-id of its own (never 0). Throws VtdError when ids or memory run out.
  [[nodiscard]] Domain& create_domain();
  /// Throws VtdError while devices are attached or a batch with its pages is not committed. The id is
  /// invalidated before it can be used again (VT-d 9.J).
  void destroy_domain(Domain& domain);

  /// Let a device translate through the domain (VT-d 9.D), or switch it over from pass-through (VT-d 9.H:
  /// the device makes no request meanwhile, or it faults). Throws VtdError, with the context entry as before,
  /// when the device is attached somewhere, memory is short or the unit does not complete an invalidation.
  void attach(Domain& domain, std::uint16_t source_id);
  /// Let a device reach memory at untranslated addresses while others are translated. Throws VtdError when
  /// the unit has no pass-through (ECAP.PT) or the device is attached.
  void pass_through(std::uint16_t source_id);
  [[nodiscard]] bool passes_through(std::uint16_t source_id) const;
  /// Clear the device's context entry, invalidate context cache and IOTLB, wait (VT-d 9.H 2 to 6): on return
  /// all its requests fault. Throws VtdError when it is not attached to the domain; QueueError when the
  /// invalidation can not be completed: the device then still counts as attached, and detach() may be called
  /// again.
  void detach(Domain& domain, std::uint16_t source_id);

  /// The context entry of a device as software sees it: {low, high}, zeroes when there is no table.
  [[nodiscard]] Descriptor context_entry(std::uint16_t source_id) const;

  [[nodiscard]] const Capabilities& capabilities() const { return capabilities_; }
  [[nodiscard]] FaultHandler& faults() { return *faults_; }
  [[nodiscard]] InvalidationQueue& queue() { return *queue_; }
  [[nodiscard]] mm::PageAllocator& pages() { return pages_; }
  [[nodiscard]] std::uint64_t address_limit() const { return address_limit_; }  ///< of tables, inclusive
  [[nodiscard]] std::size_t domain_count() const { return domains_.size(); }
  [[nodiscard]] std::vector<const Domain*> domains() const;  ///< by id
  /// After a table change that needs no invalidation: WBF where CAP.RWBF asks for it, else nothing.
  void flush_write_buffer();

 private:
  friend class Domain;
  friend class InvalidationBatch;
  void set_up();
  [[nodiscard]] std::optional<std::uint16_t> free_id() const;
  [[nodiscard]] hw::PhysAddr context_entry_address(std::uint16_t source_id);
  void enter_pass_through(std::uint16_t source_id);
  [[nodiscard]] hw::PhysAddr context_table(std::uint8_t bus, bool create);
  [[nodiscard]] hw::PhysAddr new_table(const char* what);
  void store(hw::PhysAddr entry, std::uint64_t value);

  mm::PageAllocator& pages_;
  hw::PhysicalMemory& memory_;
  Registers registers_;
  Capabilities capabilities_;
  std::uint64_t address_limit_;
  mutable mm::SleepLock lock_;  // tables, domains and attachments
  std::unique_ptr<InvalidationQueue> queue_;
  std::unique_ptr<FaultHandler> faults_;
  std::vector<mm::Pfn> tables_;
  hw::PhysAddr root_ = 0;
  std::map<std::uint16_t, std::unique_ptr<Domain>> domains_;
  std::map<std::uint16_t, std::uint16_t> attached_;  // source-id -> domain-id
  std::set<std::uint16_t> passing_;                  // source-ids of pass_through()
  std::optional<std::uint16_t> pass_through_id_;     // their domain-id, once there is one
  bool up_ = false;
};

}  // namespace gpudmar::vtd
