// SPDX-License-Identifier: Apache-2.0
// Sequences of VT-d section 9 over the parts: registers, queue, fault handler, tables.
#include "driver-model/vtd/remapping_unit.h"

#include <fmt/format.h>

#include <mutex>

#include "driver-model/hw/regs/vtd_regs.h"
#include "driver-model/vtd/error.h"
#include "driver-model/vtd/unit_pages.h"

namespace gpudmar::vtd {
namespace {

namespace r = regs::vtd;

constexpr std::uint64_t kEntryBytes = 16;     // of root and context entries
constexpr std::uint64_t kAddressWidth39 = 1;  // AW codes
constexpr std::uint64_t kAddressWidth48 = 2;

}  // namespace

RemappingUnit::RemappingUnit(hw::Mmio& mmio, hw::Time& time, hw::Interrupts& interrupts,
                             mm::PageAllocator& pages, const Config& config)
    : pages_(pages),
      memory_(pages.memory()),
      registers_(mmio, time, config.timeout_cycles),
      capabilities_(registers_.read_capabilities()),
      address_limit_((1ULL << config.host_address_width) - 1),
      lock_(time) {
  queue_ = std::make_unique<InvalidationQueue>(registers_, pages_, address_limit_);
  faults_ = std::make_unique<FaultHandler>(registers_, interrupts, capabilities_,
                                           [this] { queue_->note_queue_error(); });
  root_ = new_table("the root table");
  try {
    for (const std::uint16_t source_id : config.running) enter_pass_through(source_id);
    set_up();
  } catch (...) {
    pages_.free(tables_);
    throw;
  }
  up_ = true;
}

void RemappingUnit::set_up() {
  faults_->enable();
  queue_->enable();
  registers_.mmio().write64(r::RTADDR::kOffset, root_);  // TTM = 00, legacy
  registers_.one_shot(r::GCMD::SRTP, true, "RTPS");
  // Firmware may have used the caches before; ESRTPS units have dropped everything themselves.
  if (!capabilities_.srtp_invalidates) {
    queue_->submit({context_global()});
    queue_->submit({iotlb_global()});
  }
  registers_.set_level(r::GCMD::TE, true, "TES");
}

void RemappingUnit::restore() {
  faults_->drain();  // without the lock: it calls subscribers
  const std::lock_guard guard(lock_);
  if (up_) set_up();
}

RemappingUnit::~RemappingUnit() {
  if (!up_) return;
  try {
    // Whoever is still attached can no longer be served; a destructor must not leave the unit using freed
    // tables.
    for (const auto& [source_id, domain_id] : std::map(attached_)) detach(*domains_.at(domain_id), source_id);
    while (!domains_.empty()) destroy_domain(*domains_.begin()->second);
    shut_down();
  } catch (const std::exception&) {
    // The unit does not answer any more; there is nobody left to tell.
  }
}

void RemappingUnit::shut_down() {
  {
    const std::lock_guard guard(lock_);
    if (!up_) return;
    if (!domains_.empty())
      throw VtdError(fmt::format("remapping unit: shut-down with {} domains left", domains_.size()));
    registers_.set_level(r::GCMD::TE, false, "TES");
    queue_->disable();
    pages_.free(tables_);
    tables_.clear();
    passing_.clear();
    pass_through_id_.reset();
    up_ = false;
  }
  faults_->drain();  // without the lock: it calls subscribers
  faults_->disable();
}

hw::PhysAddr RemappingUnit::new_table(const char* what) {
  tables_.push_back(unit_pages(pages_, 1, address_limit_, what).front());
  return tables_.back() << hw::kPageShift;
}

void RemappingUnit::store(hw::PhysAddr entry, std::uint64_t value) {
  memory_.store64(entry, value);
  memory_.publish(entry, sizeof(value));
}

void RemappingUnit::flush_write_buffer() {
  if (capabilities_.write_buffer_flush) registers_.one_shot(r::GCMD::WBF, false, "WBFS");
}

std::optional<std::uint16_t> RemappingUnit::free_id() const {
  // 0 stays unused: with caching mode on, not-present context entries are cached under it (VT-d 4.4).
  const std::uint32_t ids = 1U << capabilities_.domain_id_bits;
  for (std::uint32_t id = 1; id < ids; ++id)
    if (domains_.count(static_cast<std::uint16_t>(id)) == 0 && pass_through_id_ != id)
      return static_cast<std::uint16_t>(id);
  return std::nullopt;
}

Domain& RemappingUnit::create_domain() {
  const std::lock_guard guard(lock_);
  const auto id = free_id();
  if (!id)
    throw VtdError(fmt::format("remapping unit: all {} domain-ids are in use",
                               (1U << capabilities_.domain_id_bits) - 1));
  return *domains_.emplace(*id, std::make_unique<Domain>(*this, *id)).first->second;
}

void RemappingUnit::destroy_domain(Domain& domain) {
  const std::lock_guard guard(lock_);
  if (!domain.devices_.empty())
    throw VtdError(
        fmt::format("domain {}: destroyed with {} devices attached", domain.id(), domain.devices_.size()));
  if (!domain.unsettled_.empty())
    throw VtdError(fmt::format("domain {}: destroyed before a batch was committed", domain.id()));
  queue_->submit({iotlb_domain(domain.id())});
  domains_.erase(domain.id());
}

std::vector<const Domain*> RemappingUnit::domains() const {
  const std::lock_guard guard(lock_);
  std::vector<const Domain*> all;
  for (const auto& [id, domain] : domains_) all.push_back(domain.get());
  return all;
}

hw::PhysAddr RemappingUnit::context_table(std::uint8_t bus, bool create) {
  const hw::PhysAddr entry = root_ + bus * kEntryBytes;
  const std::uint64_t low = memory_.load64(entry);
  if (r::root_entry::P.get(low) != 0) return r::root_entry::CTP.get(low) << hw::kPageShift;
  if (!create) return 0;
  const hw::PhysAddr table = new_table("a context table");
  store(entry, r::root_entry::P.put(1) | r::root_entry::CTP.put(table >> hw::kPageShift));
  return table;
}

hw::PhysAddr RemappingUnit::context_entry_address(std::uint16_t source_id) {
  return context_table(static_cast<std::uint8_t>(source_id >> 8), true) + (source_id & 0xFF) * kEntryBytes;
}

void RemappingUnit::attach(Domain& domain, std::uint16_t source_id) {
  const std::lock_guard guard(lock_);
  if (const auto it = attached_.find(source_id); it != attached_.end())
    throw VtdError(fmt::format("source-id {:04x} is attached to domain {} already", source_id, it->second));
  const bool switching = passing_.count(source_id) != 0;
  const hw::PhysAddr entry = context_entry_address(source_id);
  const Descriptor old{memory_.load64(entry), memory_.load64(entry + 8)};
  const std::uint64_t width = domain.tables_.levels() == 4 ? kAddressWidth48 : kAddressWidth39;
  try {
    if (switching) {
      store(entry, 0);
      queue_->submit({context_device(*pass_through_id_, source_id), iotlb_domain(*pass_through_id_)});
    }
    store(entry + 8, r::context_entry::AW.put(width) | r::context_entry::DID.put(domain.id()));
    store(entry, r::context_entry::P.put(1) | r::context_entry::TT.put(r::tt::SECOND_STAGE) |
                     r::context_entry::SSPTPTR.put(domain.root() >> hw::kPageShift));
    // With caching mode on, the old not-present entry may be cached, under domain-id 0.
    if (capabilities_.caching_mode)
      queue_->submit({context_device(0, source_id), iotlb_domain(domain.id())});
    else
      flush_write_buffer();
  } catch (const std::exception&) {
    store(entry, 0);
    store(entry + 8, old[1]);
    store(entry, old[0]);
    throw;
  }
  passing_.erase(source_id);
  attached_.emplace(source_id, domain.id());
  domain.devices_.insert(source_id);
}

void RemappingUnit::pass_through(std::uint16_t source_id) {
  const std::lock_guard guard(lock_);
  if (const auto it = attached_.find(source_id); it != attached_.end())
    throw VtdError(fmt::format("source-id {:04x} is attached to domain {}", source_id, it->second));
  if (passing_.count(source_id) != 0) return;
  enter_pass_through(source_id);
  if (capabilities_.caching_mode)
    queue_->submit({context_device(0, source_id), iotlb_domain(*pass_through_id_)});
  else
    flush_write_buffer();
}

bool RemappingUnit::passes_through(std::uint16_t source_id) const {
  const std::lock_guard guard(lock_);
  return passing_.count(source_id) != 0;
}

void RemappingUnit::enter_pass_through(std::uint16_t source_id) {
  if (!capabilities_.pass_through)
    throw VtdError(fmt::format("source-id {:04x}: the remapping unit has no pass-through", source_id));
  const auto id = pass_through_id_ ? pass_through_id_ : free_id();
  if (!id) throw VtdError("remapping unit: no domain-id is left for pass-through");
  const hw::PhysAddr entry = context_entry_address(source_id);
  pass_through_id_ = id;
  // AW of a pass-through entry has to be the widest one (VT-d 2.2).
  store(entry + 8, r::context_entry::AW.put(capabilities_.widest) | r::context_entry::DID.put(*id));
  store(entry, r::context_entry::P.put(1) | r::context_entry::TT.put(r::tt::PASS_THROUGH));
  passing_.insert(source_id);
}

void RemappingUnit::detach(Domain& domain, std::uint16_t source_id) {
  {
    const std::lock_guard guard(lock_);
    const auto it = attached_.find(source_id);
    if (it == attached_.end() || it->second != domain.id())
      throw VtdError(fmt::format("source-id {:04x} is not attached to domain {}", source_id, domain.id()));
    const hw::PhysAddr entry =
        context_table(static_cast<std::uint8_t>(source_id >> 8), false) + (source_id & 0xFF) * kEntryBytes;
    store(entry, 0);
    queue_->submit({context_device(domain.id(), source_id), iotlb_domain(domain.id())});
    store(entry + 8, 0);
    attached_.erase(it);
    domain.devices_.erase(source_id);
  }
  faults_->drain();  // if this device's faults were a storm, it is over; without the lock: subscribers
}

Descriptor RemappingUnit::context_entry(std::uint16_t source_id) const {
  const std::uint64_t low = memory_.load64(root_ + (source_id >> 8) * kEntryBytes);
  if (r::root_entry::P.get(low) == 0) return {};
  const hw::PhysAddr entry =
      (r::root_entry::CTP.get(low) << hw::kPageShift) + (source_id & 0xFF) * kEntryBytes;
  return {memory_.load64(entry), memory_.load64(entry + 8)};
}

}  // namespace gpudmar::vtd
