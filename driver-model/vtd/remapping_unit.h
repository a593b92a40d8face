// SPDX-License-Identifier: Apache-2.0
// The operating system's driver of one remapping unit: bring-up, domains, attachment of devices.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "driver-model/hw/hw.h"
#include "driver-model/mm/pages.h"
#include "driver-model/mm/sleep_lock.h"
#include "driver-model/vtd/fault_handler.h"
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

  /// Clear the leaves, invalidate the IOTLB with read and write draining, and wait for the status write: on
  /// return no device reaches the pages any more (VT-d 9.F). Throws VtdError with nothing changed when a page
  /// is not mapped; throws QueueError when the invalidation can not be completed, and then nothing may be
  /// reused.
  InvalidationSpan unmap(const std::vector<std::uint64_t>& logical);

  [[nodiscard]] std::optional<Translation> lookup(std::uint64_t logical) const;
  [[nodiscard]] std::vector<std::uint64_t> mapped_logical_pages() const;
  [[nodiscard]] std::uint64_t mapped_pages() const { return tables_.mapped_pages(); }
  [[nodiscard]] hw::PhysAddr root() const { return tables_.root(); }
  [[nodiscard]] const std::set<std::uint16_t>& devices() const { return devices_; }  ///< attached source-ids

 private:
  friend class RemappingUnit;
  /// Invalidation descriptors for the pages: exact aligned blocks, or the whole domain where that is shorter.
  [[nodiscard]] std::vector<Descriptor> invalidations(std::vector<std::uint64_t> logical) const;

  RemappingUnit& unit_;
  std::uint16_t id_;
  SecondStage tables_;
  std::set<std::uint16_t> devices_;
};

/// The unit. Legacy mode, queued invalidation. Works with caching mode on and off.
class RemappingUnit {
 public:
  struct Config {
    std::uint64_t timeout_cycles = 1'000'000;  ///< of every handshake and of every invalidation wait
    unsigned host_address_width = 46;          ///< bits: tables are placed below
  };

  /// Brings the unit up (VT-d 9.A to 9.C) with an empty root table: from here on every device request that is
  /// not attached faults. Throws VtdError when the unit lacks something or does not answer.
  RemappingUnit(hw::Mmio& mmio, hw::Time& time, hw::Interrupts& interrupts, mm::PageAllocator& pages,
                const Config& config);
  /// Calls shut_down() if that has not happened; errors are swallowed there.
  ~RemappingUnit();
  RemappingUnit(const RemappingUnit&) = delete;
  RemappingUnit& operator=(const RemappingUnit&) = delete;

  /// Translation off, queue off, event masked (VT-d 9.K). Throws VtdError while domains exist.
  void shut_down();

  /// A new domain with a domain-id of its own (never 0). Throws VtdError when ids or memory run out.
  [[nodiscard]] Domain& create_domain();
  /// Throws VtdError while devices are attached. The id is invalidated before it can be used again
  /// (VT-d 9.J).
  void destroy_domain(Domain& domain);

  /// Let a device translate through the domain (VT-d 9.D). Throws VtdError when it is attached somewhere.
  void attach(Domain& domain, std::uint16_t source_id);
  /// Clear the device's context entry, invalidate context cache and IOTLB, wait (VT-d 9.H 2 to 6): on return
  /// all its requests fault. Throws VtdError when it is not attached to the domain.
  void detach(Domain& domain, std::uint16_t source_id);

  /// The context entry of a device as software sees it: {low, high}, zeroes when there is no table.
  [[nodiscard]] Descriptor context_entry(std::uint16_t source_id) const;

  [[nodiscard]] const Capabilities& capabilities() const { return capabilities_; }
  [[nodiscard]] FaultHandler& faults() { return *faults_; }
  [[nodiscard]] InvalidationQueue& queue() { return *queue_; }
  [[nodiscard]] mm::PageAllocator& pages() { return pages_; }
  [[nodiscard]] std::uint64_t address_limit() const { return address_limit_; }  ///< of tables, inclusive
  [[nodiscard]] std::size_t domain_count() const { return domains_.size(); }
  /// After a table change that needs no invalidation: WBF where CAP.RWBF asks for it, else nothing.
  void flush_write_buffer();

 private:
  friend class Domain;
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
  bool up_ = false;
};

}  // namespace gpudmar::vtd
