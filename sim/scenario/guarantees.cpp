// SPDX-License-Identifier: Apache-2.0
// From calls and signals to the events of the rules.
#include "sim/scenario/guarantees.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "sim/model/unit.h"

namespace gpudmar::sim {
namespace {

// The unit's registers, from the specification (VT-d 1).
constexpr std::uint32_t kEcap = 0x010, kGcmd = 0x018, kRtaddr = 0x020, kIqt = 0x088;
constexpr std::uint32_t kTe = 1U << 31, kSrtp = 1U << 30;
constexpr std::uint64_t kPassThrough = 1U << 6, kSnoopControl = 1U << 7;
constexpr std::uint64_t kSettleCycles = 50'000;
constexpr std::uint64_t kSweepCalls = 16;  // at least so many callbacks between two sweeps
constexpr std::uint64_t kSweepShare = 8;   // and at least live pages / so many
constexpr std::size_t kFailedKept = 64;

model::UnitConfig unit_config(Machine& machine) {
  model::UnitConfig config;
  config.haw = machine.board().info().haw;
  config.mgaw = machine.board().info().mgaw;
  const std::uint64_t ecap = machine.platform().iommu->read64(kEcap);
  config.sc = (ecap & kSnoopControl) != 0;
  config.pt = (ecap & kPassThrough) != 0;
  return config;
}

bool is_memory_call(const std::string& name) {
  static const std::set<std::string> names{"DxgkCbCreatePhysicalMemoryObject",
                                           "DxgkCbDestroyPhysicalMemoryObject",
                                           "DxgkCbOpenPhysicalMemoryObject",
                                           "DxgkCbClosePhysicalMemoryObject",
                                           "DxgkCbMapPhysicalMemory",
                                           "DxgkCbUnmapPhysicalMemory",
                                           "DxgkCbAllocateAdl",
                                           "DxgkCbFreeAdl"};
  return names.count(name) != 0;
}

}  // namespace

std::optional<std::uint64_t> Guarantees::View::load64(std::uint64_t pa) const {
  std::uint64_t value = 0;
  if (!memory.device().read(pa, &value, sizeof value)) return std::nullopt;
  return value;
}

Guarantees::Guarantees(Machine& machine, dxgkrnl::Kernel& kernel,
                       std::map<std::string, std::uint64_t>& checked,
                       std::vector<std::uint64_t> highest_visible)
    : machine_(machine),
      kernel_(kernel),
      info_(machine.board().info()),
      unit_(unit_config(machine)),
      highest_visible_(std::move(highest_visible)),
      view_(machine.board().memory()),
      rules_(
          unit_, view_,
          [this](const std::string& rule, const std::string& message) {
            machine_.board().violations().add({machine_.board().cycles(), rule, message});
          },
          checked),
      faults_before_(kernel.faults().size()) {
  kernel_.calls().observe(
      [this](const dxgkrnl::CallRecord& record, bool finished) { call(record, finished); });
  kernel_.pages().observe([this](const mm::PageEvent& event) { rules_.page_event(event); });
  machine_.board().add_observer(*this);
}

Guarantees::~Guarantees() { finish(); }

void Guarantees::finish() {
  if (!watching_) return;
  watching_ = false;
  rules_.sweep();
  kernel_.calls().observe({});
  kernel_.pages().observe({});
  machine_.board().remove_observer(*this);
}

void Guarantees::settle() {
  const auto quiet = [&] {
    for (const auto& port : requests_)
      for (const auto& channel : port)
        for (const auto& [id, requests] : channel)
          if (!requests.empty()) return false;
    return kernel_.faults().size() == faults_before_ + faults_recorded_;
  };
  rules_.count("G21");
  if (!machine_.engine().run_until(quiet, kSettleCycles))
    machine_.board().violations().add(
        {machine_.board().cycles(), "guarantee.G21",
         fmt::format(
             "{} records reached the operating system of {} that the unit made, or a request was never "
             "answered",
             kernel_.faults().size() - faults_before_, faults_recorded_)});
}

// ---- Calls

GuaranteeRules::Snapshot Guarantees::snapshot() const {
  const mm::PageAllocator& pages = kernel_.pages();
  return {pages.free_pages(), rules_.locked_pages(), pages.committed_pages(), queue_commands_};
}

std::vector<std::uint16_t> Guarantees::source_ids() const {
  std::vector<std::uint16_t> ids;
  for (const auto& function : machine_.platform().functions) ids.push_back(function.source_id);
  return ids;
}

void Guarantees::call(const dxgkrnl::CallRecord& record, bool finished) {
  if (record.bugcheck) rules_.end();
  if (!is_memory_call(record.name)) {
    if (!finished) device_call_begins(record.name, record.args);
    if (finished && record.status >= 0 && record.name == "DxgkDdiBeginExclusiveAccess")
      if (const auto port = port_of(record.args)) rules_.exclusive_begins(*port);
    return;
  }
  if (!finished) {
    for (auto& [id, other] : open_calls_) other.alone = false;
    open_calls_[record.id] = {snapshot(), open_calls_.empty()};
    if (record.name == "DxgkCbAllocateAdl") rules_.allocate_begins();
    if (record.name == "DxgkCbFreeAdl" && record.arguments != nullptr)
      rules_.free_begins(static_cast<const DXGKARGCB_FREE_ADL*>(record.arguments)->pAdl);
    return;
  }
  memory_call_ends(record);
  if (record.name == "DxgkCbAllocateAdl") rules_.allocate_ends();
  const Open open = open_calls_[record.id];
  open_calls_.erase(record.id);
  const bool failed = record.status < 0 && !record.bugcheck;
  if (failed && open.alone) {
    GuaranteeRules::Snapshot after = snapshot();
    // Pages of sections may have come or gone: that is no change that anybody can see.
    if (sections_ > 0) after.free_pages = open.before.free_pages;
    rules_.call_failed(record.name, open.before, after);
  }
  if (++calls_since_sweep_ < kSweepCalls + rules_.live_pages() / kSweepShare && !failed) return;
  calls_since_sweep_ = 0;
  rules_.sweep();
}

void Guarantees::device_call_begins(const std::string& name, const std::string& what) {
  if (name == "DxgkDdiAddDevice") {
    removing_ = false;
    rules_.before_attach(source_ids());
  } else if (name == "DxgkDdiStartDevice") {
    device_starts(what);
  } else if (name == "DxgkDdiEndExclusiveAccess") {
    if (const auto port = port_of(what)) rules_.exclusive_ends(*port);
  } else if (name == "DxgkDdiRemoveDevice" && !removing_) {
    removing_ = true;
    rules_.links_end();
    rules_.before_attach(source_ids());
  }
}

void Guarantees::device_starts(const std::string& what) {
  const auto starting = port_of(what.substr(0, what.find(',')));  // "name, lead"
  const auto& functions = machine_.platform().functions;
  for (const dxgkrnl::AdapterView& adapter : kernel_.adapters()) {
    // Links that come later are not decided yet.
    const auto& members = adapter.members;
    if (!starting || std::find(members.begin(), members.end(), *starting) == members.end()) continue;
    GuaranteeRules::Link link;
    link.name = adapter.name;
    link.remapped = adapter.domain_id.has_value();
    link.identity = adapter.mode != dxgkrnl::RemappingMode::kLogical;
    link.late = adapter.mode == dxgkrnl::RemappingMode::kIsolation && unit_.pt;
    for (const std::size_t member : members) {
      link.ports.push_back(static_cast<unsigned>(member));
      link.source_ids.push_back(functions[member].source_id);
      std::uint64_t highest = (1ULL << info_.dma_addr_bits) - 1;
      if (member < highest_visible_.size() && highest_visible_[member] != 0)
        highest = highest_visible_[member];
      link.highest_visible = std::min(link.highest_visible, highest);
      // As the machine is built, not as the kernel was told.
      for (const ReservedMemory& entry : machine_.config().reserved)
        if (std::count(entry.adapters.begin(), entry.adapters.end(), member) != 0)
          link.reserved.push_back({entry.range.base / hw::kPageSize, entry.range.size / hw::kPageSize});
    }
    rules_.link_starts(link);
  }
}

std::optional<unsigned> Guarantees::port_of(const std::string& function) const {
  const auto& functions = machine_.platform().functions;
  for (std::size_t i = 0; i < functions.size(); ++i)
    if (functions[i].name == function) return static_cast<unsigned>(i);
  return std::nullopt;
}

void Guarantees::system_started() {
  for (const dxgkrnl::AdapterView& adapter : kernel_.adapters())
    if (adapter.domain_id) rules_.link_started(adapter.name);
}

void Guarantees::memory_call_ends(const dxgkrnl::CallRecord& record) {
  if (record.arguments == nullptr || record.status < 0 || record.bugcheck) return;
  if (record.name == "DxgkCbAllocateAdl") return adl_allocated(record);
  if (record.name == "DxgkCbFreeAdl") return adl_freed(record);
  if (record.name == "DxgkCbCreatePhysicalMemoryObject") {
    const auto& args = *static_cast<const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT*>(record.arguments);
    const auto object = kernel_.memory().object(args.hPhysicalMemoryObject);
    if (!object) return;
    Made made{args.Type, 0, true};
    if (args.Type == DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE)
      made.io_frame = static_cast<std::uint64_t>(args.IOSpace.BaseAddress.QuadPart) / hw::kPageSize;
    if (args.Type == DXGK_PHYSICAL_MEMORY_TYPE_SECTION)
      made.writable =
          args.Section.PageProtection == PAGE_READWRITE || args.Section.PageProtection == PAGE_EXECUTE;
    if (args.Type == DXGK_PHYSICAL_MEMORY_TYPE_SECTION) ++sections_;
    made_[args.hPhysicalMemoryObject] = made;
    // Contiguous memory need not be (R73).
    const bool zeroed =
        args.Type == DXGK_PHYSICAL_MEMORY_TYPE_SECTION ||
        (args.Type == DXGK_PHYSICAL_MEMORY_TYPE_MDL && (args.Mdl.Flags & MM_DONT_ZERO_ALLOCATION) == 0);
    rules_.object_created(args.hPhysicalMemoryObject, object->page_frames, zeroed);
  }
  if (record.name == "DxgkCbDestroyPhysicalMemoryObject") {
    const HANDLE handle =
        static_cast<const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT*>(record.arguments)->hPhysicalMemoryObject;
    rules_.object_destroyed(handle);
    if (made_[handle].type == DXGK_PHYSICAL_MEMORY_TYPE_SECTION) --sections_;
    made_.erase(handle);
  }
}

void Guarantees::adl_allocated(const dxgkrnl::CallRecord& record) {
  const auto& args = *static_cast<const DXGKARGCB_ALLOCATE_ADL*>(record.arguments);
  const auto object = kernel_.memory().object(args.hAdapterMemoryObject);
  if (!object || args.pAdl == nullptr) return;
  const auto view = std::find_if(object->adls.begin(), object->adls.end(),
                                 [&](const auto& candidate) { return candidate.adl == args.pAdl; });
  if (view == object->adls.end()) return;
  GuaranteeRules::Adl adl;
  adl.id = args.pAdl;
  adl.object = object->handle;
  adl.link = object->adapter;
  adl.contiguous = args.pAdl->Flags.Contiguous != 0;
  adl.required = args.Flags.RequireContiguous != 0;
  for (std::uint64_t i = 0; i < args.pAdl->PageCount; ++i)
    adl.numbers.push_back(adl.contiguous ? args.pAdl->BasePageNumber + i : args.pAdl->Pages[i]);
  // The object's pages, not what the ADL is said to lead to.
  const Made& made = made_[object->handle];
  for (std::uint64_t i = 0; i < args.Size / hw::kPageSize; ++i) {
    const std::uint64_t index = args.Offset / hw::kPageSize + i;
    if (made.type == DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE)
      adl.frames.push_back(made.io_frame + index);
    else
      adl.frames.push_back(index < object->page_frames.size() ? object->page_frames[index]
                                                              : mm::kNotResident);
  }
  adl.io_space = made.type == DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE;
  adl.writable = made.writable;
  adl.cached = object->cache_type == DXGK_MEMORY_CACHING_TYPE_CACHED;
  rules_.allocated(adl, record.end);
}

void Guarantees::adl_freed(const dxgkrnl::CallRecord& record) {
  const auto& args = *static_cast<const DXGKARGCB_FREE_ADL*>(record.arguments);
  GuaranteeRules::FreeTimes times;
  if (const auto object = kernel_.memory().object(args.hAdapterMemoryObject)) {
    using Kind = dxgkrnl::ObjectEvent::Kind;
    for (const dxgkrnl::ObjectEvent& event : object->events) {
      if (event.kind == Kind::kInvalidateBegin) times.invalidate_begin = event.cycle;
      if (event.kind == Kind::kInvalidateDone) times.invalidate_done = event.cycle;
    }
  }
  rules_.freed(args.pAdl, times);
}

// ---- Signals

void Guarantees::iommu_reset() {
  root_ = {};
  root_register_ = 0;
  rules_.root_is(root_);
}

void Guarantees::reset() {
  iommu_reset();
  for (auto& port : requests_)
    for (auto& channel : port) channel.clear();
  for (auto& channel : data_) channel.clear();
  for (auto& list : failed_) list.clear();
  table_address_ = 0;
}

void Guarantees::observe(const CycleView& view) {
  registers(view);
  fault(view);
  requesters(view);
  data_port(view);
  table_port(view);
}

void Guarantees::registers(const CycleView& view) {
  const AxiLiteMasterOut& m = view.in.iommu;
  if (!m.wvalid || !view.out.iommu.wready) return;
  const std::uint32_t base = m.awaddr & ~7U;
  const bool low = (m.wstrb & 0x0F) != 0;
  const bool high = (m.wstrb & 0xF0) != 0;
  if (base == kIqt && low) ++queue_commands_;
  if (base == kRtaddr) {
    const std::uint64_t mask = (low ? 0xFFFF'FFFFULL : 0) | (high ? 0xFFFF'FFFF'0000'0000ULL : 0);
    root_register_ = (root_register_ & ~mask) | (m.wdata & mask);
  }
  if (base != kGcmd || !low) return;
  const auto command = static_cast<std::uint32_t>(m.wdata);
  if ((command & kSrtp) != 0) {
    root_.root = root_register_ & ~0xFFFULL;
    root_.ttm = static_cast<unsigned>(root_register_ >> 10 & 3);
  }
  root_.te = (command & kTe) != 0;
  rules_.root_is(root_);
}

void Guarantees::fault(const CycleView& view) {
  if (!view.out.fault.valid) return;
  if (view.out.fault.recorded) ++faults_recorded_;
  const model::FaultRecord record{view.out.fault.record[0], view.out.fault.record[1]};
  const bool write = !record.t1();
  const auto& functions = machine_.platform().functions;
  for (std::size_t port = 0; port < functions.size(); ++port) {
    if (functions[port].source_id != record.source_id()) continue;
    std::optional<std::uint64_t> arrival;  // of the oldest that it can be
    const auto look = [&](const Request& request) {
      if ((request.address & ~0xFFFULL) == record.page() && (!arrival || request.cycle < *arrival))
        arrival = request.cycle;
    };
    for (const auto& [id, requests] : requests_[port][write ? 1 : 0])
      for (const Request& request : requests) look(request);
    for (const Request& request : failed_[write ? 1 : 0]) look(request);
    rules_.count("G21");
    if (arrival)
      rules_.blocked(record.source_id(), write, record.page(), *arrival);
    else
      machine_.board().violations().add(
          {view.cycle, "guarantee.G21",
           fmt::format("a record of a {} of {:#x} by source-id {:#06x}, which made no such request",
                       write ? "write" : "read", record.page(), record.source_id())});
  }
}

void Guarantees::requesters(const CycleView& view) {
  for (unsigned port = 0; port < info_.adapters; ++port) {
    const RequesterProbe& probe = view.out.probe[port];
    const auto answer = [&](unsigned write, std::uint32_t id, AxiResp response) {
      auto& queue = requests_[port][write][id];
      if (queue.empty()) return;
      if (response != AxiResp::kOkay) {
        failed_[write].push_back(queue.front());
        if (failed_[write].size() > kFailedKept) failed_[write].pop_front();
      }
      queue.pop_front();
    };
    if (probe.r && probe.rlast) answer(0, probe.rid, probe.rresp);
    if (probe.b) answer(1, probe.bid, probe.bresp);
    if (probe.ar) requests_[port][0][probe.arid].push_back({view.cycle, probe.araddr});
    if (probe.aw) requests_[port][1][probe.awid].push_back({view.cycle, probe.awaddr});
  }
}

void Guarantees::data_port(const CycleView& view) {
  const AxiMasterOut& m = view.out.data;
  const AxiSlaveOut& s = view.in.data;
  const auto port_of = [&](std::uint32_t id) { return static_cast<unsigned>(id >> info_.id_bits); };
  const auto ends = [&](unsigned write, std::uint32_t id) {
    auto& queue = data_[write][id];
    if (queue.empty()) return;
    rules_.completes(port_of(id), write != 0, queue.front().address);
    queue.pop_front();
  };
  if (s.rvalid && m.rready && s.rlast) ends(0, s.rid);
  if (s.bvalid && m.bready) ends(1, s.bid);
  const auto leaves = [&](unsigned write, std::uint32_t id, std::uint64_t address, bool snoop) {
    data_[write][id].push_back({view.cycle, address});
    rules_.departs(port_of(id), write != 0, address, snoop, view.cycle);
  };
  if (m.arvalid && s.arready) leaves(0, m.arid, m.araddr, m.arsnoop);
  if (m.awvalid && s.awready) leaves(1, m.awid, m.awaddr, m.awsnoop);
}

void Guarantees::table_port(const CycleView& view) {
  const AxiMasterOut& m = view.out.table;
  const AxiSlaveOut& s = view.in.table;
  if (m.awvalid) table_address_ = m.awaddr;  // one write at a time, and its data never before it
  if (!m.wvalid || !s.wready || !m.wlast) return;
  if (table_address_ < hw::kInterruptWindowBase || table_address_ >= hw::kInterruptWindowEnd)
    rules_.status_written(view.cycle);
}

}  // namespace gpudmar::sim
