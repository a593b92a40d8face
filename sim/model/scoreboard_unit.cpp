// SPDX-License-Identifier: Apache-2.0
// The unit's side of the scoreboard: faults, registers, table changes, invalidation and the end of the run.
#include <fmt/format.h>

#include <algorithm>

#include "sim/model/scoreboard.h"

namespace gpudmar::model {
namespace {

constexpr std::uint64_t kGcmd = 0x018, kGsts = 0x01C, kRtaddr = 0x020;
constexpr std::uint64_t kHeld = 0xF40;  // the unit's own, not VT-d's
constexpr std::uint32_t kTe = 1U << 31, kSrtp = 1U << 30;
constexpr std::uint64_t kReasonAndF = std::uint64_t{0xFF} << 32 | std::uint64_t{1} << 63;

/// The first legal fault with this reason; null if there is none.
const Fault* find_reason(const LegalSet& set, Reason reason, bool suppressed) {
  for (const Outcome& outcome : set.outcomes) {
    const auto* fault = std::get_if<Fault>(&outcome);
    if (fault != nullptr && fault->suppressed == suppressed &&
        (fault->reason == reason || (reason != Reason::kNone && fault->alternate == reason))) {
      return fault;
    }
  }
  return nullptr;
}

}  // namespace

Scoreboard::Flight* Scoreboard::match_fault(const FaultRecord& record, bool same_reason) {
  // Page bits above MGAW may read 0 in a record (VT-d 1.14).
  const std::uint64_t upper = config_.mgaw >= 64 ? 0 : ~((std::uint64_t{1} << config_.mgaw) - 1);
  std::uint64_t best_serial = 0;
  Flight* best = nullptr;
  for (auto& [serial, flight] : flights_) {
    const std::uint64_t page = flight.request.address & ~std::uint64_t{0xFFF};
    if (flight.fault_seen || flight.out || flight.request.source_id != record.source_id()) continue;
    if (page != record.page() && (page & ~upper) != record.page()) continue;
    if (flight.request.is_write == record.t1()) continue;
    if (flight.responded && !flight.record_due) continue;
    if (best != nullptr && serial > best_serial) continue;
    if (same_reason) {
      const LegalSet set = legal(flight, true);
      if (find_reason(set, record.reason(), false) == nullptr &&
          find_reason(set, record.reason(), true) == nullptr) {
        continue;
      }
    }
    best = &flight;
    best_serial = serial;
  }
  return best;
}

void Scoreboard::fault(std::uint64_t cycle, const FaultRecord& record, bool recorded) {
  ++now_;
  check_due(cycle, false);
  ++(recorded ? counters_.faults_recorded : counters_.faults_dropped);
  const std::string what = fmt::format("fault {:02X}h of source-id {:04x}, {} of page {:#x}",
                                       static_cast<unsigned>(record.reason()), record.source_id(),
                                       record.t1() ? "read" : "write", record.page());
  Flight* flight = match_fault(record, true);
  bool same_reason = flight != nullptr;
  if (!same_reason) flight = match_fault(record, false);
  if (flight == nullptr) {
    violation(cycle, ViolationKind::kFaultUnexpected, what + ": no waiting request fits");
    return;
  }
  if (!same_reason && walks_.refresh(now_, flight->request)) {
    ++counters_.unannounced_changes;
    same_reason = find_reason(legal(*flight, true), record.reason(), false) != nullptr;
  }
  const LegalSet set = legal(*flight, true);
  const FaultRecord expected = make_fault_record(flight->request, record.reason());
  if (!same_reason) {
    violation(cycle, ViolationKind::kFaultFields,
              fmt::format("{}, for {}; legal: {}", what, name(*flight), describe_set(set)));
  } else if ((expected.high & ~kReasonAndF) != (record.high & ~kReasonAndF)) {
    violation(cycle, ViolationKind::kFaultFields,
              fmt::format("{}: record {:016x} {:016x}, expected {:016x} {:016x}", what, record.high,
                          record.low, expected.high, expected.low));
  } else if (recorded && find_reason(set, record.reason(), false) == nullptr) {
    violation(cycle, ViolationKind::kFaultUnexpected,
              fmt::format("{} was recorded, but its context entry disables fault processing", what));
  }
  settle_fault(*flight, record);
}

void Scoreboard::settle_fault(Flight& flight, const FaultRecord& record) {
  flight.fault_seen = true;
  flight.fault_record = record;
  if (!flight.record_due) return;
  flight.record_due = false;
  for (auto it = due_.begin(); it != due_.end(); ++it) {
    if (&flights_.at(*it) != &flight) continue;
    const std::uint64_t serial = *it;
    due_.erase(it);
    retire(serial);
    return;
  }
}

void Scoreboard::check_due(std::uint64_t cycle, bool all) {
  while (!due_.empty()) {
    const std::uint64_t serial = due_.front();
    Flight& flight = flights_.at(serial);
    if (!all && cycle < flight.responded_cycle + kFaultRecordCycles) return;
    due_.pop_front();
    violation(cycle, ViolationKind::kFaultMissing,
              fmt::format("{} was blocked in cycle {} without a fault record; legal: {}", name(flight),
                          flight.responded_cycle, describe_set(legal(flight, true))));
    flight.record_due = false;
    retire(serial);
  }
}

void Scoreboard::memory_changed(std::uint64_t cycle, std::uint64_t pa, std::uint64_t bytes) {
  ++now_;
  check_due(cycle, false);
  if (walks_.memory_changed(now_, pa, bytes)) follow_waiting();
}

void Scoreboard::request_root_state(const RootState& state) {
  if (state == requested_) return;
  requested_ = state;
  walks_.root_state_requested(now_, state);
  follow_waiting();
}

void Scoreboard::register_write(std::uint64_t cycle, std::uint64_t offset, std::uint64_t value,
                                unsigned bytes) {
  if (bytes == 8 && (offset == kRtaddr || offset == kGcmd)) {
    register_write(cycle, offset, value & 0xFFFF'FFFF, 4);
    register_write(cycle, offset + 4, value >> 32, 4);
    return;
  }
  ++now_;
  check_due(cycle, false);
  invalidations_.register_write(now_, offset, value, bytes);
  if (offset == kRtaddr) {
    rtaddr_ = (rtaddr_ & ~std::uint64_t{0xFFFF'FFFF}) | value;
  } else if (offset == kRtaddr + 4) {
    rtaddr_ = (rtaddr_ & 0xFFFF'FFFF) | value << 32;
  } else if (offset == kHeld) {
    if ((value & 1) != 0) held_ = false;
  } else if (offset == kGcmd) {
    RootState state = requested_;
    state.te = (value & kTe) != 0;
    if (state.te) held_ = false;
    if ((value & kSrtp) != 0) {
      state.root = rtaddr_ & ~std::uint64_t{0xFFF};
      state.ttm = static_cast<unsigned>(rtaddr_ >> 10 & 3);
    }
    request_root_state(state);
  }
}

void Scoreboard::register_read(std::uint64_t cycle, std::uint64_t offset, std::uint64_t value,
                               unsigned bytes) {
  if (bytes == 8 && offset == kGcmd) return register_read(cycle, kGsts, value >> 32, 4);
  if (offset != kGsts || walks_.effective() == requested_) return;
  const bool te = (value & kTe) != 0;
  const bool root_set = (value & kSrtp) != 0;
  const bool new_root =
      requested_.root != walks_.effective().root || requested_.ttm != walks_.effective().ttm;
  if (te == requested_.te && (root_set || !new_root)) root_state_changed(cycle, requested_);
}

void Scoreboard::root_state_changed(std::uint64_t cycle, const RootState& state) {
  ++now_;
  check_due(cycle, false);
  requested_ = state;
  walks_.root_state_effective(now_, state);
  follow_waiting();
}

void Scoreboard::status_write(std::uint64_t cycle, std::uint64_t pa, std::uint32_t data) {
  ++now_;
  check_due(cycle, false);
  if (pa >= kInterruptBase && pa < kInterruptEnd) {
    ++counters_.events;
    return;
  }
  std::string error;
  const auto done = invalidations_.status_write(now_, pa, data, &error);
  if (!error.empty()) {
    violation(cycle, ViolationKind::kWaitStatus, std::move(error));
    return;
  }
  if (!done.empty()) walks_.forget_remembered();
  for (const CompletedInvalidation& invalidation : done) check_drained(cycle, invalidation);
}

void Scoreboard::check_drained(std::uint64_t cycle, const CompletedInvalidation& invalidation) {
  const Descriptor& d = invalidation.descriptor;
  if (d.type != DescriptorType::kIotlb || (!d.drain_reads && !d.drain_writes)) return;
  for (auto& [serial, flight] : flights_) {
    const bool drains = flight.request.is_write ? d.drain_writes : d.drain_reads;
    if (!flight.out || flight.memory_done || !flight.remapped || !drains || flight.drain_reported) continue;
    if (!d.covers_page(flight.did, flight.request.address, flight.page_shift)) continue;
    // It left before software asked, or with a translation that is gone now: memory must have answered it.
    const bool older =
        flight.out_at < invalidation.tail ||
        !allows(walks_.evaluate(flight.request, {flight.arrival, now_, false, false}), flight.out_address);
    if (!older) continue;
    flight.drain_reported = true;
    violation(
        cycle, ViolationKind::kDrain,
        fmt::format("{} left with {:#x} and is still under way at the status write of an invalidation that "
                    "drains it",
                    name(flight), flight.out_address));
  }
}

void Scoreboard::check_lost(std::uint64_t cycle) {
  std::vector<std::uint64_t> left;
  for (const auto& [serial, flight] : flights_) left.push_back(serial);
  std::sort(left.begin(), left.end());
  for (const std::uint64_t serial : left) {
    const Flight& flight = flights_.at(serial);
    const char* missing = !flight.responded
                              ? (flight.out ? "left but was never answered" : "neither left nor was answered")
                              : "was answered, but memory never finished it";
    violation(cycle, ViolationKind::kLost, name(flight) + " " + missing);
  }
}

bool Scoreboard::unit_reset(std::uint64_t cycle) {
  ++now_;
  check_due(cycle, true);
  check_lost(cycle);
  return held_ || (walks_.effective().te && requested_.te);
}

void Scoreboard::finish(std::uint64_t cycle, bool running) {
  ++now_;
  check_due(cycle, true);
  if (running) return;
  check_lost(cycle);
  if (const std::size_t waits = invalidations_.pending_waits(); waits != 0) {
    violation(cycle, ViolationKind::kWaitStatus,
              fmt::format("{} wait descriptors never wrote their status", waits));
  }
}

Scoreboard::Counters& Scoreboard::Counters::operator+=(const Counters& more) {
  for (std::uint64_t Counters::*counter :
       {&Counters::requests, &Counters::translated, &Counters::passed, &Counters::messages,
        &Counters::faulted, &Counters::aborted, &Counters::faults_recorded, &Counters::faults_dropped,
        &Counters::invalidations, &Counters::waits, &Counters::events, &Counters::violations,
        &Counters::unannounced_changes, &Counters::walks})
    this->*counter += more.*counter;
  return *this;
}

Scoreboard::Counters Scoreboard::counters() const {
  Counters counters = counters_;
  counters.invalidations = invalidations_.invalidations();
  counters.waits = invalidations_.waits();
  counters.walks = walks_.walks();
  return counters;
}

}  // namespace gpudmar::model
