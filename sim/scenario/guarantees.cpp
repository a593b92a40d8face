// SPDX-License-Identifier: Apache-2.0
// From signals to the events of the rules; calls stand in guarantee_calls.cpp.
#include "sim/scenario/guarantees.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/model/unit.h"

namespace gpudmar::sim {
namespace {

// The unit's registers, from the specification (VT-d 1).
constexpr std::uint32_t kEcap = 0x010, kGcmd = 0x018, kRtaddr = 0x020, kIqt = 0x088;
constexpr std::uint32_t kTe = 1U << 31, kSrtp = 1U << 30;
constexpr std::uint64_t kPassThrough = 1U << 6, kSnoopControl = 1U << 7;
constexpr std::uint64_t kSettleCycles = 50'000;
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

}  // namespace

std::optional<std::uint64_t> Guarantees::View::load64(std::uint64_t pa) const {
  std::uint64_t value = 0;
  if (!memory.device().read(pa, &value, sizeof value)) return std::nullopt;
  return value;
}

Guarantees::Guarantees(Machine& machine, dxgkrnl::Kernel& kernel,
                       std::map<std::string, std::uint64_t>& checked,
                       std::vector<std::uint64_t> highest_visible, bool attaches)
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
      attaches_(attaches),
      faults_before_(kernel.faults().size()) {
  kernel_.calls().observe(
      [this](const dxgkrnl::CallRecord& record, bool finished) { call(record, finished); });
  // The system's own memory is reached under the same promises.
  kernel_.system_memory().observe(
      [this](const dxgkrnl::CallRecord& record, bool finished) { call(record, finished); });
  kernel_.pages().observe([this](const mm::PageEvent& event) {
    using Kind = mm::PageEvent::Kind;
    const bool locks = event.kind == Kind::kLock || event.kind == Kind::kUnlock;
    if (!locks || !kernel_.pool_changes()) rules_.page_event(event);  // pool is locked all its life
  });
  machine_.board().add_observer(*this);
}

Guarantees::~Guarantees() { finish(); }

void Guarantees::finish() {
  if (!watching_) return;
  watching_ = false;
  sweep();
  kernel_.calls().observe({});
  kernel_.system_memory().observe({});
  kernel_.pages().observe({});
  machine_.board().remove_observer(*this);
}

void Guarantees::sweep() {
  rules_.sweep();
  rules_.check_caches(machine_.board().dut().cached_translations());
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
