// SPDX-License-Identifier: Apache-2.0
// See traffic_checker.h.
#include "sim/contract/traffic_checker.h"

#include <algorithm>
#include <cstring>
#include <iterator>

namespace gpudmar::sim {
namespace {

constexpr std::uint64_t kTableMask = 0x000F'FFFF'FFFF'F000;  // of a second-stage entry (VT-d 9.8)
constexpr std::uint64_t kGrantsAll = 3;                      // its R and W
constexpr std::uint64_t kLarge = 1U << 7;                    // its PS
constexpr unsigned kEntrySize = 3;                           // log2 of its bytes
constexpr unsigned kLevels = 4;
// An answered read matters to requests that come while its result is on the way to the caches.
constexpr std::uint64_t kResult = 6;

std::uint64_t index_of(std::uint64_t page, unsigned level) { return page >> (9 * level) & 0x1FF; }

}  // namespace

void TrafficChecker::reset() {
  requests_.clear();
  reads_.clear();
  steps_.clear();
}

void TrafficChecker::hold_writes() {
  for (Request& request : requests_)
    if (request.write) request.on_time = request.miss = false;
}

void TrafficChecker::disturb() {
  ++disturbance_count_;
  for (Request& request : requests_) request.on_time = request.miss = false;
}

void TrafficChecker::observe(const CycleView& view, bool remapping, bool queue_busy) {
  remapping_ = remapping;
  queue_busy_ = queue_busy;
  responses(view);
  table_bus(view);
  const AxiMasterOut& m = view.out.data;
  // A walk that led to this page has ended, even if the page is a table of other walks.
  const auto end_walks = [&](std::uint64_t address) {
    for (auto step = steps_.begin(); step != steps_.end();)
      step = step->second.table == (address & kTableMask) ? steps_.erase(step) : std::next(step);
  };
  if (m.arvalid) end_walks(m.araddr);
  if (m.awvalid) end_walks(m.awaddr);
  departure(view.cycle, false, m.arvalid, view.in.data.arready, m.arid);
  departure(view.cycle, true, m.awvalid, view.in.data.awready, m.awid);
  arrivals(view);
}

void TrafficChecker::responses(const CycleView& view) {
  for (unsigned port = 0; port < setup_.adapters; ++port) {
    const RequesterProbe& probe = view.out.probe[port];
    const auto answer = [&](bool write, std::uint32_t id, AxiResp resp, bool last) {
      const auto request = std::find_if(requests_.begin(), requests_.end(), [&](const Request& r) {
        return r.port == port && r.write == write && r.id == id;
      });
      if (request == requests_.end()) return;
      if (!request->out && resp != AxiResp::kOkay && !request->failing) {
        request->failing = true;
        ++disturbance_count_;
        for (Request& other : requests_)  // may have waited behind it
          if (other.write == write && !other.out) other.on_time = false;
      }
      if (last) requests_.erase(request);
    };
    if (probe.r) answer(false, probe.rid, probe.rresp, probe.rlast);
    if (probe.b) answer(true, probe.bid, probe.bresp, true);
  }
}

// Does the walk of the request's page read this entry?
void TrafficChecker::fit(Request& request, const TableRead& read) {
  if (read.entry16) {
    request.others = true;
    return;
  }
  const std::uint64_t index = read.address >> kEntrySize & 0x1FF;
  for (unsigned level = 1; level < kLevels; ++level) {
    if (index_of(request.page, level) == index) request.others = true;
  }
  if (index_of(request.page, 0) != index) return;
  if (request.leaves++ != 0) return;
  request.issued = read.cycle;
  request.answered = read.answered ? read.first : 0;
  request.reads_then = read_count_;
}

// The next read of the same walk, if there is one, goes to the table that the entry names.
void TrafficChecker::beat(std::uint64_t cycle, TableRead& read, const BeatData& data) {
  read.answered = true;
  read.first = cycle;
  for (Request& request : requests_)
    if (request.leaves != 0 && request.issued == read.cycle && request.answered == 0)
      request.answered = cycle;
  if (read.entry16 || read.id >= setup_.walks || read.disturbances != disturbance_count_) return;
  std::uint64_t entry = 0;
  std::memcpy(&entry, data.data() + (read.address & (setup_.bus_bytes - 1)), sizeof(entry));
  if ((entry & kGrantsAll) != kGrantsAll || (entry & kLarge) != 0) return;  // the walk may end here
  steps_[read.id] = {cycle, entry & kTableMask, disturbance_count_};
}

void TrafficChecker::table_bus(const CycleView& view) {
  const AxiMasterOut& m = view.out.table;
  const AxiSlaveOut& s = view.in.table;
  if ((m.arvalid && !s.arready) || queue_busy_) ++disturbance_count_;
  while (!reads_.empty() && reads_.front().answered && reads_.front().first + kResult < view.cycle)
    reads_.pop_front();
  if (s.rvalid && m.rready && s.rlast && s.rid != setup_.queue_id) {
    const auto read = std::find_if(reads_.begin(), reads_.end(),
                                   [&](const TableRead& r) { return !r.answered && r.id == s.rid; });
    if (read != reads_.end()) beat(view.cycle, *read, s.rdata);
  }
  if (!m.arvalid || !s.arready) return;
  if (m.arid == setup_.queue_id) {
    ++disturbance_count_;
    return;
  }
  ++read_count_;
  // An invalidation may start the walk again, also after its status, and so may a new root pointer.
  const std::uint64_t disturbances = queue_busy_ || !remapping_ ? ~std::uint64_t{0} : disturbance_count_;
  reads_.push_back(
      {view.cycle, m.arid, m.araddr, m.arsize != kEntrySize || m.arlen != 0, disturbances, false, 0});
  for (Request& request : requests_)
    if (!request.out && !request.failing) fit(request, reads_.back());
  const auto step = steps_.find(m.arid);
  if (step == steps_.end()) return;
  if (step->second.table == (m.araddr & kTableMask)) {
    ++step_count_;
    if (step->second.disturbances == disturbance_count_)
      measurements_.record(PromiseKind::kWalkStep, {step->second.cycle, view.cycle, 1, 0, 0, 0, 0});
  }
  steps_.erase(step);
}

void TrafficChecker::leaves(std::uint64_t cycle, Request& request) {
  request.out = true;
  ++departure_count_;
  const bool parked = cycle > request.cycle + 2 + setup_.pipe;
  if (parked)  // it takes the place at the output
    for (Request& other : requests_)
      if (&other != &request && other.write == request.write && !other.out) other.on_time = false;
  if (request.leaves == 0 && !request.others) {
    if (request.on_time && request.behind)
      measurements_.record(PromiseKind::kHitBehindMiss, {request.cycle, cycle, 0, 0, 0, 0, 0});
    return;
  }
  if (!request.miss || !parked || request.leaves != 1 || request.others || request.answered == 0 ||
      request.disturbances != disturbance_count_)
    return;
  const std::uint64_t own = request.issued > request.cycle ? 1 : 0;
  const std::uint64_t rounds = (request.in_flight + request.reads_then - request.reads - own) / setup_.walks;
  if (rounds != 0 && request.steps != step_count_) return;  // walks of unknown length kept it waiting
  const std::uint64_t others = (read_count_ - request.reads - own) + (arrival_count_ - request.arrivals - 1) +
                               (departure_count_ - request.departures - 1);
  measurements_.record(PromiseKind::kMissAmongOthers,
                       {request.cycle, cycle, 1, request.answered - request.issued, 0, others, rounds});
}

void TrafficChecker::departure(std::uint64_t cycle, bool write, bool valid, bool ready,
                               std::uint32_t data_id) {
  if (!valid) return;
  if (!ready) {
    ++disturbance_count_;
    for (Request& other : requests_)
      if (other.write == write) other.on_time = false;
    return;
  }
  const std::uint32_t id = data_id & ((1U << setup_.id_bits) - 1);
  for (Request& request : requests_) {
    if (request.out || request.failing || request.port != data_id >> setup_.id_bits ||
        request.write != write || request.id != id)
      continue;
    leaves(cycle, request);
    return;
  }
}

void TrafficChecker::arrival(std::uint64_t cycle, unsigned port, bool write, std::uint32_t id,
                             std::uint64_t address) {
  Request request;
  request.cycle = cycle;
  request.port = port;
  request.id = id;
  request.write = write;
  request.page = address >> 12;
  request.reads = read_count_;
  request.arrivals = arrival_count_;
  request.departures = departure_count_;
  request.disturbances = disturbance_count_;
  request.steps = step_count_;
  request.in_flight = static_cast<std::uint64_t>(
      std::count_if(reads_.begin(), reads_.end(), [](const TableRead& r) { return !r.answered; }));
  request.on_time = remapping_;
  request.miss = remapping_ && !queue_busy_;
  for (const Request& other : requests_) {
    if (other.out || other.failing) continue;
    const bool parked = cycle > other.cycle + 2 + setup_.pipe;
    request.behind = request.behind || parked;
    if (other.write != write) continue;
    const bool ahead = other.port == port && (write || other.id == id);
    if (ahead) request.miss = false;
    if (parked ? ahead : !other.on_time) request.on_time = false;
  }
  for (const TableRead& read : reads_) fit(request, read);
  requests_.push_back(request);
  ++arrival_count_;
}

void TrafficChecker::arrivals(const CycleView& view) {
  for (const bool write : {false, true}) {
    for (unsigned port = 0; port < setup_.adapters; ++port) {
      const RequesterProbe& probe = view.out.probe[port];
      if (!(write ? probe.aw : probe.ar)) continue;
      arrival(view.cycle, port, write, write ? probe.awid : probe.arid, write ? probe.awaddr : probe.araddr);
    }
  }
}

}  // namespace gpudmar::sim
