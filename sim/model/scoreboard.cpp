// SPDX-License-Identifier: Apache-2.0
// The requesters' side of the scoreboard: requests arriving, leaving, and being answered.
#include "sim/model/scoreboard.h"

#include <fmt/format.h>

#include <algorithm>

namespace gpudmar::model {
namespace {

constexpr unsigned kFirstErrorResp = 2;  // SLVERR, DECERR

}  // namespace

std::string_view to_string(ViolationKind kind) {
  switch (kind) {
    case ViolationKind::kUnknownRequest:
      return "unknown-request";
    case ViolationKind::kWrongAddress:
      return "wrong-address";
    case ViolationKind::kSnoop:
      return "snoop";
    case ViolationKind::kStaleAddress:
      return "stale-address";
    case ViolationKind::kFaultedRequest:
      return "faulted-request";
    case ViolationKind::kOrder:
      return "order";
    case ViolationKind::kResponse:
      return "response";
    case ViolationKind::kFaultUnexpected:
      return "fault-unexpected";
    case ViolationKind::kFaultFields:
      return "fault-fields";
    case ViolationKind::kFaultMissing:
      return "fault-missing";
    case ViolationKind::kDrain:
      return "drain";
    case ViolationKind::kWaitStatus:
      return "wait-status";
    case ViolationKind::kHeld:
      return "held";
    case ViolationKind::kLost:
      return "lost";
  }
  return "?";
}

Scoreboard::Scoreboard(UnitConfig config, const MemoryView& memory, Report report)
    : config_(config),
      memory_(memory),
      report_(std::move(report)),
      invalidations_(config_, memory_),
      walks_(config_, memory_, invalidations_) {}

Scoreboard::Key Scoreboard::stream_key(unsigned port, bool is_write, unsigned id) {
  return std::uint64_t{port} << 33 | std::uint64_t{is_write} << 32 | id;
}

void Scoreboard::violation(std::uint64_t cycle, ViolationKind kind, std::string text) {
  ++counters_.violations;
  if (report_) report_({cycle, kind, std::move(text)});
}

std::string Scoreboard::name(const Flight& flight) const {
  return fmt::format("{} (port {}, id {}, cycle {})", describe(flight.request), flight.port, flight.id,
                     flight.cycle);
}

bool Scoreboard::allows(const LegalSet& set, std::uint64_t address) {
  return std::any_of(set.outcomes.begin(), set.outcomes.end(),
                     [address](const Outcome& o) { return outgoing_address(o) == address; });
}

bool Scoreboard::allows(const LegalSet& set, const Request& request, std::uint64_t address, bool snoop) {
  return std::any_of(set.outcomes.begin(), set.outcomes.end(), [&](const Outcome& o) {
    return outgoing_address(o) == address && outgoing_snoop(o, request) == snoop;
  });
}

bool Scoreboard::may_be_blocked(const LegalSet& set) {
  return std::any_of(set.outcomes.begin(), set.outcomes.end(), [](const Outcome& o) {
    return std::holds_alternative<Fault>(o) || std::holds_alternative<Aborted>(o) ||
           std::holds_alternative<Completion>(o);
  });
}

std::string Scoreboard::describe_set(const LegalSet& set) {
  std::string text;
  for (const Outcome& outcome : set.outcomes) text += (text.empty() ? "" : "; ") + describe(outcome);
  return text.empty() ? "nothing" : text;
}

LegalSet Scoreboard::legal(const Flight& flight, bool for_fault) {
  if (flight.generation == walks_.generation()) return flight.arrival_set;
  return walks_.evaluate(flight.request, {flight.arrival, flight.arrival, false, !for_fault});
}

void Scoreboard::follow_waiting() {
  // Entries that have just come into reach must be followed from now on: a waiting request may read them.
  for (const auto& [serial, flight] : flights_) {
    if (!flight.out && !flight.responded) {
      (void)walks_.evaluate(flight.request, {flight.arrival, flight.arrival, true, false});
    }
  }
}

void Scoreboard::request_in(std::uint64_t cycle, unsigned port, std::uint16_t source_id, bool is_write,
                            unsigned id, std::uint64_t address, unsigned beats, unsigned size,
                            std::uint32_t user) {
  ++now_;
  check_due(cycle, false);
  Flight flight;
  flight.cycle = cycle;
  flight.arrival = now_;
  flight.port = port;
  flight.id = id;
  flight.beats = beats;
  Request& r = flight.request;
  r.source_id = source_id;
  r.address = address;
  r.is_write = is_write;
  r.at = user & 3;
  r.pasid_valid = (user >> 2 & 1) != 0;
  r.pasid = user >> 3 & 0xF'FFFF;
  r.execute = (user >> 23 & 1) != 0;
  r.privileged = (user >> 24 & 1) != 0;
  r.no_snoop = (user >> 25 & 1) != 0;
  r.zero_length = !is_write && (user >> 26 & 1) != 0;
  // The first beat of an unaligned burst carries only the bytes up to the next multiple of its size.
  r.bytes = (beats << size) - static_cast<std::uint32_t>(address & ((1U << size) - 1));
  flight.arrival_set = walks_.evaluate_new(r, now_);
  flight.generation = walks_.generation();
  if (held_)
    violation(cycle, ViolationKind::kHeld,
              name(flight) + " was taken although translation was on before the reset");
  const std::uint64_t serial = next_serial_++;
  flights_.emplace(serial, std::move(flight));
  to_leave_[stream_key(port, is_write, is_write ? 0 : id)].push_back(serial);
  to_answer_[stream_key(port, is_write, id)].push_back(serial);
  ++counters_.requests;
}

void Scoreboard::page_hint(std::uint64_t cycle, std::uint16_t source_id, std::uint64_t address) {
  ++now_;
  check_due(cycle, false);
  Request request;
  request.source_id = source_id;
  request.address = address;
  (void)walks_.evaluate_new(request, now_);
}

void Scoreboard::leave(std::uint64_t cycle, std::uint64_t serial, std::uint64_t address,
                       const LegalSet& set) {
  Flight& flight = flights_.at(serial);
  flight.out = true;
  flight.out_at = now_;
  flight.out_address = address;
  at_memory_[stream_key(flight.port, flight.request.is_write, flight.id)].push_back(serial);
  if (flight.fault_seen) {
    // A record carries no id: it may have been meant for another request to the same page.
    if (Flight* other = match_fault(flight.fault_record, true); other != nullptr) {
      settle_fault(*other, flight.fault_record);
    } else {
      violation(cycle, ViolationKind::kFaultedRequest,
                fmt::format("{} left with {:#x} although its fault was reported", name(flight), address));
    }
  }
  for (const Outcome& outcome : set.outcomes) {
    if (outgoing_address(outcome) != address) continue;
    if (const auto* t = std::get_if<Translated>(&outcome)) {
      flight.remapped = true;
      flight.did = t->did;
      flight.page_shift = t->page_shift;
      ++counters_.translated;
      return;
    }
    if (std::holds_alternative<Message>(outcome)) {
      ++counters_.messages;
      return;
    }
    const auto& pass = std::get<Pass>(outcome);
    flight.remapped = !pass.remapping_off;
    flight.did = pass.did;
    ++counters_.passed;
    return;
  }
}

void Scoreboard::mismatch(std::uint64_t cycle, Flight& flight, std::uint64_t address,
                          std::uint64_t valid_since) {
  const LegalSet set = legal(flight, false);
  const LegalSet ever = walks_.evaluate(flight.request, {flight.arrival, flight.arrival, true, true});
  const bool stale = allows(ever, address);
  const bool blocked = std::none_of(set.outcomes.begin(), set.outcomes.end(),
                                    [](const Outcome& o) { return outgoing_address(o).has_value(); });
  const ViolationKind kind = stale     ? ViolationKind::kStaleAddress
                             : blocked ? ViolationKind::kFaultedRequest
                                       : ViolationKind::kWrongAddress;
  violation(cycle, kind,
            fmt::format("{} left with {:#x} (valid since cycle {}); legal: {}", name(flight), address,
                        valid_since, describe_set(set)));
}

void Scoreboard::request_out(std::uint64_t cycle, unsigned port, bool is_write, unsigned id,
                             std::uint64_t address, bool snoop, unsigned beats, std::uint64_t valid_since) {
  ++now_;
  check_due(cycle, false);
  auto& waiting = to_leave_[stream_key(port, is_write, is_write ? 0 : id)];
  const auto fits = [&](const Flight& f) {
    return f.id == id && f.beats == beats && (f.request.address & 0xFFF) == (address & 0xFFF);
  };
  auto chosen = waiting.end();
  auto looks_like = waiting.end();
  LegalSet set;
  // First the requests in order; one that was overtaken (it should be blocked) only if no other fits; last
  // one that goes to this address with the other attribute.
  for (int round = 0; round < 6 && chosen == waiting.end(); ++round) {
    const bool overtaken = (round & 1) != 0;
    const bool any_attribute = round >= 4;
    const auto allowed = [&](const Flight& flight) {
      return any_attribute ? allows(set, address) : allows(set, flight.request, address, snoop);
    };
    for (auto it = waiting.begin(); it != waiting.end() && chosen == waiting.end(); ++it) {
      const Flight& flight = flights_.at(*it);
      if (flight.overtaken != overtaken || !fits(flight)) continue;
      if (looks_like == waiting.end()) looks_like = it;
      set = legal(flight, false);
      if (!allowed(flight) && round >= 2 && walks_.refresh(now_, flight.request)) {
        ++counters_.unannounced_changes;
        set = legal(flight, false);
      }
      if (!allowed(flight)) continue;
      chosen = it;
      if (any_attribute)
        violation(cycle, ViolationKind::kSnoop,
                  fmt::format("{} left {} snooping; legal: {}", name(flight), snoop ? "with" : "without",
                              describe_set(set)));
    }
  }
  if (chosen == waiting.end()) {
    if (looks_like == waiting.end()) {
      std::string text = fmt::format("{} to {:#x}, {} beats, port {}, id {}: no waiting request fits",
                                     is_write ? "write" : "read", address, beats, port, id);
      if (!waiting.empty()) text += "; oldest is " + name(flights_.at(waiting.front()));
      violation(cycle, ViolationKind::kUnknownRequest, std::move(text));
      return;
    }
    chosen = looks_like;
    mismatch(cycle, flights_.at(*chosen), address, valid_since);
    set.outcomes.clear();
  }
  const std::uint64_t serial = *chosen;
  Flight& flight = flights_.at(serial);
  if (flight.overtaken && !flight.order_reported) {
    violation(cycle, ViolationKind::kOrder, name(flight) + " left after a younger request of its stream");
  }
  for (auto it = waiting.begin(); it != chosen; ++it) {
    Flight& older = flights_.at(*it);
    if (older.overtaken) continue;
    older.overtaken = true;
    if (!older.fault_seen && !may_be_blocked(legal(older, true))) {
      older.order_reported = true;
      violation(cycle, ViolationKind::kOrder,
                fmt::format("{} left before {}, which cannot be blocked", name(flight), name(older)));
    }
  }
  waiting.erase(chosen);
  leave(cycle, serial, address, set);
}

void Scoreboard::response(std::uint64_t cycle, unsigned port, bool is_write, unsigned id, unsigned resp,
                          bool last) {
  ++now_;
  check_due(cycle, false);
  auto& order = to_answer_[stream_key(port, is_write, id)];
  if (order.empty()) {
    violation(cycle, ViolationKind::kResponse,
              fmt::format("{} response {} at port {}, id {}, without a request", is_write ? "write" : "read",
                          resp, port, id));
    return;
  }
  const std::uint64_t serial = order.front();
  Flight& flight = flights_.at(serial);
  flight.resp = std::max(flight.resp, resp);
  if (!last) return;
  order.pop_front();
  flight.responded = true;
  flight.responded_cycle = cycle;
  if (flight.resp >= kFirstErrorResp) {
    answered_with_error(cycle, flight);
  } else if (!flight.out) {
    const LegalSet set = legal(flight, true);
    const bool completion = std::any_of(set.outcomes.begin(), set.outcomes.end(), [](const Outcome& o) {
      return std::holds_alternative<Completion>(o);
    });
    if (!completion) {
      violation(cycle, ViolationKind::kResponse, name(flight) + " was answered without error but never left");
    }
    auto& waiting = to_leave_[stream_key(port, is_write, is_write ? 0 : id)];
    waiting.erase(std::remove(waiting.begin(), waiting.end(), serial), waiting.end());
  } else if (flight.memory_done && flight.memory_resp >= kFirstErrorResp) {
    violation(
        cycle, ViolationKind::kResponse,
        fmt::format("{} was answered without error, memory answered {}", name(flight), flight.memory_resp));
  } else if (is_write && !flight.memory_done) {
    violation(cycle, ViolationKind::kResponse, name(flight) + " was answered before memory answered");
  }
  if (flight.resp >= kFirstErrorResp && !flight.out) {
    auto& waiting = to_leave_[stream_key(port, is_write, is_write ? 0 : id)];
    waiting.erase(std::remove(waiting.begin(), waiting.end(), serial), waiting.end());
    if (flight.record_due) due_.push_back(serial);
  }
  retire(serial);
}

void Scoreboard::answered_with_error(std::uint64_t cycle, Flight& flight) {
  if (flight.out) {
    // Read beats may pass through while the burst is still running, but its error comes from memory.
    if (flight.memory_done && flight.memory_resp < kFirstErrorResp) {
      violation(cycle, ViolationKind::kResponse,
                fmt::format("{} left with {:#x}, memory answered without error, but the requester got {}",
                            name(flight), flight.out_address, flight.resp));
    }
    return;
  }
  const auto blocked = [](const LegalSet& set) {
    return std::any_of(set.outcomes.begin(), set.outcomes.end(), [](const Outcome& o) {
      return std::holds_alternative<Fault>(o) || std::holds_alternative<Aborted>(o);
    });
  };
  LegalSet set = legal(flight, true);
  if (!blocked(set) && !flight.fault_seen && walks_.refresh(now_, flight.request)) {
    ++counters_.unannounced_changes;
    set = legal(flight, true);
  }
  if (!blocked(set)) {
    if (!flight.fault_seen) {
      violation(
          cycle, ViolationKind::kResponse,
          fmt::format("{} was answered with {}; legal: {}", name(flight), flight.resp, describe_set(set)));
    }
    return;
  }
  const bool unrecorded = std::any_of(set.outcomes.begin(), set.outcomes.end(), [](const Outcome& o) {
    const auto* fault = std::get_if<Fault>(&o);
    return fault != nullptr ? fault->suppressed : std::holds_alternative<Aborted>(o);
  });
  const bool faults = std::any_of(set.outcomes.begin(), set.outcomes.end(),
                                  [](const Outcome& o) { return std::holds_alternative<Fault>(o); });
  ++(faults ? counters_.faulted : counters_.aborted);
  flight.record_due = !flight.fault_seen && !unrecorded;
}

void Scoreboard::mem_read_done(std::uint64_t cycle, unsigned port, unsigned id, unsigned resp) {
  memory_done(cycle, port, false, id, resp);
}

void Scoreboard::mem_write_done(std::uint64_t cycle, unsigned port, unsigned id, unsigned resp) {
  memory_done(cycle, port, true, id, resp);
}

void Scoreboard::memory_done(std::uint64_t cycle, unsigned port, bool is_write, unsigned id, unsigned resp) {
  ++now_;
  auto& order = at_memory_[stream_key(port, is_write, id)];
  if (order.empty()) {
    violation(cycle, ViolationKind::kUnknownRequest,
              fmt::format("memory finished a {} of port {}, id {}, that is not under way",
                          is_write ? "write" : "read", port, id));
    return;
  }
  const std::uint64_t serial = order.front();
  order.pop_front();
  Flight& flight = flights_.at(serial);
  flight.memory_done = true;
  flight.memory_resp = resp;
  retire(serial);
}

void Scoreboard::retire(std::uint64_t serial) {
  const auto it = flights_.find(serial);
  const Flight& flight = it->second;
  if (flight.responded && (!flight.out || flight.memory_done) && !flight.record_due) flights_.erase(it);
}

}  // namespace gpudmar::model
