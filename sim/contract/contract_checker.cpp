// SPDX-License-Identifier: Apache-2.0
// Recognises the occurrences of the promises and compares them with their formulas.
#include "sim/contract/contract_checker.h"

#include <algorithm>
#include <utility>

#include "sim/contract/contract_log.h"

namespace gpudmar::sim {
namespace {

constexpr std::uint32_t kGcmd = 0x18;  // VT-d 11.4.4
constexpr unsigned kEntrySize = 3;     // log2 of the bytes of a second-stage entry; those above it are larger
// So many writes may have shown their address at m_axi_data and not all of their data, less what is in
// registers.
constexpr int kUnsentWrites = 12;
// Cycles that the steps of a command take when there is nothing to drain.
constexpr std::uint64_t kCommand = 16;

}  // namespace

ContractChecker::ContractChecker(Contract contract, ContractSetup setup, Report report)
    : setup_(setup),
      measurements_(std::move(contract), setup.pipe, std::move(report)),
      queue_(setup_, measurements_),
      traffic_(setup_, measurements_),
      engine_(setup_, measurements_) {}

void ContractChecker::reset() {
  forget();
  held_ = false;
  engine_.reset();
}

// The engines go on.
void ContractChecker::iommu_reset() {
  forget();
  held_ = true;
}

void ContractChecker::forget() {
  requests_.clear();
  table_reads_.clear();
  table_writes_ = 0;
  remapping_ = false;
  command_.reset();
  unsent_writes_ = 0;
  for (auto& ends : wlast_) ends.clear();
  queue_.reset();
  traffic_.reset();
}

void ContractChecker::finish(std::uint64_t /*cycle*/) { log_measurements(measurements_); }

// A read that is offered now enters the lookup in this cycle, if no other does.
EngineChecker::HostPort ContractChecker::host_port(const CycleView& view) const {
  if (held_ || view.in.iommu_quiesce) return EngineChecker::HostPort::kClosed;
  const bool inside =
      std::any_of(requests_.begin(), requests_.end(), [](const Request& r) { return !r.write && !r.out; });
  return inside || command_ ? EngineChecker::HostPort::kBusy : EngineChecker::HostPort::kOpen;
}

void ContractChecker::observe(const CycleView& view) {
  if (setup_.engines) engine_.observe(view, host_port(view));
  responses(view);
  table_bus(view);
  departures(view);
  arrivals(view);
  write_data(view);
  registers(view);
  if (command_ && requests_.empty() && view.cycle > *command_ + kCommand) command_.reset();
  traffic_.observe(view, remapping_ && !command_, queue_.busy());
}

bool ContractChecker::quiet() const {
  // A wait is done when its status write was answered, which software may not wait for.
  if (!table_reads_.empty() || table_writes_ != 0 || queue_.measuring()) return false;
  return requests_.empty();
}

// Something else happens in the unit: nobody is alone any more.
void ContractChecker::disturb() {
  for (Request& request : requests_) request.alone = false;
  queue_.disturb();
}

ContractChecker::Request* ContractChecker::oldest(unsigned port, bool write, std::uint32_t id, bool leaving) {
  for (Request& request : requests_)
    if (request.port == port && request.write == write && request.id == id &&
        !(leaving && (request.out || request.failing)))
      return &request;
  return nullptr;
}

void ContractChecker::fault(std::uint64_t cycle, const Request& request) {
  if (!request.alone || request.reads == 0) return;
  if (request.write && !request.has_wlast) return;
  measurements_.record(request.write ? PromiseKind::kWriteFault : PromiseKind::kReadFault,
                       {request.cycle, cycle, request.reads, request.latency, request.wlast, 0, 0});
}

void ContractChecker::responses(const CycleView& view) {
  for (unsigned port = 0; port < setup_.adapters; ++port) {
    const RequesterProbe& probe = view.out.probe[port];
    const auto answer = [&](bool write, std::uint32_t id, AxiResp resp, bool last) {
      Request* request = oldest(port, write, id, false);
      if (request == nullptr) return;  // the scoreboard reports that
      if (!request->out && !request->failing && resp != AxiResp::kOkay) {
        request->failing = true;
        fault(view.cycle, *request);
        for (Request& other : requests_)  // may have waited behind it
          if (other.write == write) other.hit_so_far = false;
      }
      if (!last) return;
      requests_.erase(
          std::find_if(requests_.begin(), requests_.end(), [&](const Request& r) { return &r == request; }));
    };
    if (probe.r) answer(false, probe.rid, probe.rresp, probe.rlast);
    if (probe.b) answer(true, probe.bid, probe.bresp, true);
  }
}

void ContractChecker::table_bus(const CycleView& view) {
  const AxiMasterOut& m = view.out.table;
  const AxiSlaveOut& s = view.in.table;
  // Stalls are not the unit's time.
  if ((m.arvalid && !s.arready) || (m.awvalid && !s.awready) || (m.wvalid && !s.wready)) disturb();
  if (s.rvalid && m.rready) {
    const auto read = std::find_if(table_reads_.begin(), table_reads_.end(),
                                   [&](const TableRead& r) { return r.id == s.rid; });
    if (read != table_reads_.end() && s.rlast) {  // on 64 bits some entries are two beats
      for (Request& request : requests_) request.latency += view.cycle - read->cycle;
      table_reads_.erase(read);
    }
  }
  if (m.arvalid && s.arready) {
    // Reads of one walk follow each other; one that was begun for a hint is not the request's own.
    if (!table_reads_.empty() || (m.arid >= setup_.walks && m.arid != setup_.queue_id))
      for (Request& request : requests_) request.alone = false;
    table_reads_.push_back({view.cycle, m.arid});
    for (Request& request : requests_) {
      if (request.out || request.failing) continue;
      if (m.arid == setup_.queue_id) {  // takes the bus from walks, and has nothing to do with hits
        request.alone = false;
        continue;
      }
      ++request.reads;
      request.cold = request.cold || m.arsize != kEntrySize || m.arlen != 0;
      request.hit_so_far = false;
    }
  }
  if (m.awvalid && s.awready) ++table_writes_;
  if (s.bvalid && m.bready && table_writes_ > 0) --table_writes_;
  queue_.table_bus(view);
}

void ContractChecker::departure(std::uint64_t cycle, bool write, bool valid, bool ready,
                                std::uint32_t data_id) {
  if (!valid) return;
  const std::uint32_t id = data_id & ((1U << setup_.id_bits) - 1);
  Request* request = oldest(data_id >> setup_.id_bits, write, id, true);
  if (!ready) {
    for (Request& other : requests_)
      if (other.write == write) other.hit_so_far = other.alone = false;
    return;
  }
  if (request == nullptr) return;
  request->out = true;
  if (request->hit_so_far) {
    measurements_.record(PromiseKind::kHit, {request->cycle, cycle, 0, 0, 0, 0, 0});
  } else if (request->alone && request->reads > 0) {
    measurements_.record(request->cold ? PromiseKind::kMissCold : PromiseKind::kMiss,
                         {request->cycle, cycle, request->reads, request->latency, 0, 0, 0});
  }
}

// Addresses of writes stand only while there is room for their data.
void ContractChecker::write_room(const CycleView& view) {
  const AxiMasterOut& m = view.out.data;
  if (unsent_writes_ >= kUnsentWrites) {
    for (Request& request : requests_)
      if (request.write) request.hit_so_far = request.alone = false;
    traffic_.hold_writes();
  }
  if (m.awvalid && view.in.data.awready) ++unsent_writes_;
  if (m.wvalid && m.wlast && view.in.data.wready) --unsent_writes_;
}

void ContractChecker::departures(const CycleView& view) {
  write_room(view);
  const AxiMasterOut& m = view.out.data;
  departure(view.cycle, false, m.arvalid, view.in.data.arready, m.arid);
  departure(view.cycle, true, m.awvalid, view.in.data.awready, m.awid);
}

void ContractChecker::arrivals(const CycleView& view) {
  for (const bool write : {false, true}) {
    unsigned count = 0;
    for (unsigned port = 0; port < setup_.adapters; ++port)
      count += (write ? view.out.probe[port].aw : view.out.probe[port].ar) ? 1U : 0U;
    if (count == 0) continue;
    const bool hits_only = std::all_of(requests_.begin(), requests_.end(), [&](const Request& r) {
      return r.write != write || r.out || r.hit_so_far;
    });
    const bool still = table_reads_.empty() && !queue_.measuring();
    // Requests that have left do not disturb; those inside do.
    const bool inside =
        std::any_of(requests_.begin(), requests_.end(), [](const Request& r) { return !r.out; });
    if (count > 1 || inside) disturb();
    queue_.disturb();
    for (unsigned port = 0; port < setup_.adapters; ++port) {
      const RequesterProbe& probe = view.out.probe[port];
      if (!(write ? probe.aw : probe.ar)) continue;
      Request request;
      request.cycle = view.cycle;
      request.port = port;
      request.id = write ? probe.awid : probe.arid;
      request.write = write;
      request.hit_so_far = remapping_ && !command_ && still && hits_only && count == 1;
      // An answer that its port has not taken would hold up this one's.
      const bool owed = std::any_of(requests_.begin(), requests_.end(),
                                    [&](const Request& r) { return r.port == port && r.write == write; });
      request.alone = remapping_ && !command_ && still && !inside && !owed && count == 1;
      requests_.push_back(request);
    }
  }
}

// W follows AW order within a port, but may come before its AW.
void ContractChecker::write_data(const CycleView& view) {
  for (unsigned port = 0; port < setup_.adapters; ++port) {
    std::deque<std::uint64_t>& ends = wlast_[port];
    if (view.out.probe[port].wlast) ends.push_back(view.cycle);
    for (Request& request : requests_) {
      if (ends.empty()) break;
      if (request.port != port || !request.write || request.has_wlast) continue;
      request.wlast = ends.front();
      request.has_wlast = true;
      ends.pop_front();
    }
  }
}

// W handshakes on the register port.
void ContractChecker::registers(const CycleView& view) {
  const AxiLiteMasterOut& m = view.in.iommu;
  if (!m.wvalid || !view.out.iommu.wready) return;
  const bool still = quiet();
  for (Request& request : requests_) request.alone = false;
  queue_.register_write(view, still);
  if (m.awaddr != kGcmd || (m.wstrb & 0x8U) == 0) return;
  remapping_ = (m.wdata >> 31U & 1U) != 0;
  held_ = held_ && !remapping_;
  command_ = view.cycle;
  for (Request& request : requests_) request.hit_so_far = false;
  traffic_.disturb();
}

}  // namespace gpudmar::sim
