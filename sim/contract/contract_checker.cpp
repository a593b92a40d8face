// SPDX-License-Identifier: Apache-2.0
// Recognises the occurrences of the promises and compares them with their formulas.
#include "sim/contract/contract_checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace gpudmar::sim {
namespace {

// Register offsets that start something (VT-d 1.x), and what the checker reads of descriptors (VT-d 5.x).
constexpr std::uint32_t kGcmd = 0x18;
constexpr std::uint32_t kIqt = 0x88;
constexpr std::uint32_t kIqa = 0x90;
constexpr std::uint64_t kTypeIotlb = 2;
constexpr std::uint64_t kTypeWait = 5;
constexpr std::uint64_t kWaitStatus = 1ULL << 5;
constexpr std::uint64_t kQueueWide = 1ULL << 11;  // IQA.DW: 256-bit descriptors

}  // namespace

ContractChecker::ContractChecker(Contract contract, ContractSetup setup, Report report)
    : contract_(std::move(contract)), setup_(setup), report_(std::move(report)) {
  for (const Promise& promise : contract_.promises()) {
    if (setup_.pipe >= promise.pipe.size())
      throw std::invalid_argument(
          fmt::format("contract: promise {} has no formula for pipe {}", promise.name, setup_.pipe));
    measurements_[promise.name];
  }
}

void ContractChecker::reset() {
  requests_.clear();
  table_reads_.clear();
  table_writes_ = 0;
  invalidation_.reset();
  remapping_ = false;
  for (auto& ends : wlast_) ends.clear();
  queue_base_ = tail_ = 0;
}

void ContractChecker::observe(const CycleView& view) {
  responses(view);
  table_bus(view);
  departures(view);
  arrivals(view);
  write_data(view);
  registers(view);
}

bool ContractChecker::quiet() const {
  // A wait is done when its status write was answered, which software may not wait for.
  if (!table_reads_.empty() || table_writes_ != 0 || invalidation_) return false;
  return requests_.empty();
}

// Something else happens in the unit: nobody is alone any more.
void ContractChecker::disturb() {
  for (Request& request : requests_) request.alone = false;
  if (invalidation_) invalidation_->valid = false;
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
  measure(request.write ? PromiseKind::kWriteFault : PromiseKind::kReadFault, request.cycle, cycle,
          request.reads, request.latency, request.wlast);
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
      }
      if (!last) return;
      requests_.erase(
          std::find_if(requests_.begin(), requests_.end(), [&](const Request& r) { return &r == request; }));
    };
    if (probe.r) answer(false, probe.rid, probe.rresp, probe.rlast);
    if (probe.b) answer(true, probe.bid, probe.bresp, true);
  }
}

// Picks the quadwords of the two expected descriptors out of a beat.
void ContractChecker::descriptor_data(const TableRead& read, const BeatData& data) {
  const std::uint64_t address = beat_address(read.address, read.size, read.beat);
  const std::uint64_t line = address & ~std::uint64_t{setup_.bus_bytes - 1};
  for (unsigned i = 0; i < 4; ++i) {
    const std::uint64_t at = invalidation_->first + 8ULL * i;
    const std::uint64_t lanes = beat_lanes(address, read.size, setup_.bus_bytes);
    if (at < line || at + 8 > line + setup_.bus_bytes || ((lanes >> (at - line)) & 0xFF) != 0xFF) continue;
    std::memcpy(&invalidation_->qwords[i], data.data() + (at - line), 8);
    invalidation_->seen |= 1U << i;
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
    if (read != table_reads_.end()) {
      const std::uint64_t latency = view.cycle - read->cycle;
      if (read->beat == 0) {
        for (Request& request : requests_) request.latency += latency;
        if (invalidation_) invalidation_->latency += latency;
      }
      if (invalidation_) descriptor_data(*read, s.rdata);
      ++read->beat;
      if (s.rlast) table_reads_.erase(read);
    }
  }
  if (m.arvalid && s.arready) {
    if (!table_reads_.empty()) disturb();  // reads of one walk follow each other
    table_reads_.push_back({view.cycle, m.arid, m.araddr, m.arsize, 0});
    for (Request& request : requests_) {
      if (request.out || request.failing) continue;
      if (m.arid == setup_.queue_id) {  // takes the bus from walks, and has nothing to do with hits
        request.alone = false;
        continue;
      }
      ++request.reads;
      request.hit_so_far = false;
    }
    if (invalidation_) ++invalidation_->reads;
  }
  if (m.awvalid && s.awready) ++table_writes_;
  if (s.bvalid && m.bready && table_writes_ > 0) --table_writes_;
  // Without an invalidation a write is an event message: it takes nothing from lookups, walks or answers.
  if (m.wvalid && s.wready && invalidation_) {
    const Invalidation& done = *invalidation_;
    const bool expected = done.seen == 0xF && (done.qwords[0] & 0xF) == kTypeIotlb &&
                          (done.qwords[1] & 0x3F) == 0 && (done.qwords[2] & 0xF) == kTypeWait &&
                          (done.qwords[2] & kWaitStatus) != 0;
    if (done.valid && done.reads == 1 && expected)
      measure(PromiseKind::kInvalidate, done.cycle, view.cycle, done.reads, done.latency, 0);
    invalidation_.reset();
  }
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
    measure(PromiseKind::kHit, request->cycle, cycle, 0, 0, 0);
  } else if (request->alone && request->reads > 0) {
    measure(PromiseKind::kMiss, request->cycle, cycle, request->reads, request->latency, 0);
  }
}

void ContractChecker::departures(const CycleView& view) {
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
    const bool still = table_reads_.empty() && !invalidation_;
    // Requests that have left do not disturb; those inside do.
    const bool inside =
        std::any_of(requests_.begin(), requests_.end(), [](const Request& r) { return !r.out; });
    if (count > 1 || inside) disturb();
    if (invalidation_) invalidation_->valid = false;
    for (unsigned port = 0; port < setup_.adapters; ++port) {
      const RequesterProbe& probe = view.out.probe[port];
      if (!(write ? probe.aw : probe.ar)) continue;
      Request request;
      request.cycle = view.cycle;
      request.port = port;
      request.id = write ? probe.awid : probe.arid;
      request.write = write;
      request.hit_so_far = remapping_ && still && hits_only && count == 1;
      request.alone = remapping_ && still && !inside && count == 1;
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
  const auto merge = [&](std::uint64_t& value) {
    for (unsigned i = 0; i < 8; ++i) {
      const std::uint64_t lane = 0xFFULL << (8 * i);
      if ((m.wstrb >> i) & 1U) value = (value & ~lane) | (m.wdata & lane);
    }
  };
  const bool still = quiet();
  disturb();
  if (m.awaddr == kGcmd && (m.wstrb & 0x8U) != 0) remapping_ = (m.wdata >> 31U & 1U) != 0;
  if (m.awaddr == kIqa) {
    merge(queue_base_);
    tail_ = 0;
  }
  if (m.awaddr == kIqt && (m.wstrb & 0xFU) != 0) {
    const std::uint64_t old = tail_;
    tail_ = m.wdata & 0x7FFF0;
    const bool narrow = (queue_base_ & kQueueWide) == 0;
    if (still && narrow && tail_ == old + 32) {
      invalidation_ = Invalidation{};
      invalidation_->cycle = view.cycle;
      invalidation_->first = (queue_base_ & ~std::uint64_t{0xFFF}) + old;
    } else {
      invalidation_.reset();
    }
  }
}

void ContractChecker::measure(PromiseKind kind, std::uint64_t start, std::uint64_t end, unsigned reads,
                              std::uint64_t latency, std::uint64_t wlast) {
  for (const Promise& promise : contract_.promises()) {
    if (promise.kind != kind || (promise.reads != 0 && promise.reads != reads)) continue;
    const Formula& formula = promise.pipe[setup_.pipe];
    std::uint64_t promised = formula.cycles(latency, reads);
    if (formula.wlast != 0 && wlast + formula.wlast > start + promised)
      promised = wlast + formula.wlast - start;
    const std::uint64_t measured = end - start;
    Measurement& record = measurements_[promise.name];
    ++record.occurrences;
    ++record.histogram[measured];
    ++record.deviation[static_cast<std::int64_t>(measured) - static_cast<std::int64_t>(promised)];
    if (measured == promised || (promise.at_most && measured < promised)) continue;
    ++record.breaches;
    report_({end, "contract." + promise.name,
             fmt::format("{} cycles instead of {}{} (from cycle {}, {} table reads of {} cycles)", measured,
                         promise.at_most ? "at most " : "", promised, start, reads, latency)});
  }
}

void ContractChecker::check_minimum(const std::string& scenario, std::uint64_t cycle) {
  for (const Promise& promise : contract_.promises()) {
    const auto wanted = promise.minimum.find(scenario);
    if (wanted == promise.minimum.end()) continue;
    const std::uint64_t seen = measurements_[promise.name].occurrences;
    if (seen < wanted->second)
      report_({cycle, "contract." + promise.name,
               fmt::format("occurred {} times in {}, at least {} were expected", seen, scenario,
                           wanted->second)});
  }
}

}  // namespace gpudmar::sim
