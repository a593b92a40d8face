// SPDX-License-Identifier: Apache-2.0
// Checker of a remapping unit's translations, driven by what the bench sees on its ports. It keeps no copy of
// the unit's caches: it knows which outcomes are legal at each moment and complains about any other.
//
// Within one cycle the bench reports in this order: memory side (read/write done), requester side responses,
// faults, table-bus writes, requests leaving, requests arriving, register accesses, then what the CPU does
// between cycles.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sim/model/invalidation_log.h"
#include "sim/model/legal_walks.h"
#include "sim/model/unit.h"

namespace gpudmar::model {

enum class ViolationKind {
  kUnknownRequest,   ///< an address left that no waiting request explains
  kWrongAddress,     ///< it left with an address that no legal walk yields
  kSnoop,            ///< it left with an attribute that no legal walk yields
  kStaleAddress,     ///< it left with a translation that a completed invalidation had removed
  kFaultedRequest,   ///< a request that must be blocked left
  kOrder,            ///< it overtook an older request of its id (reads) or port (writes)
  kResponse,         ///< a response that does not fit the request
  kFaultUnexpected,  ///< a fault without a request, or one that must not be recorded
  kFaultFields,      ///< a fault with the wrong reason or fields
  kFaultMissing,     ///< a blocked request without its fault record
  kDrain,            ///< a wait's status was written while an older request was still under way
  kWaitStatus,       ///< a status write nobody asked for, or one that never came
  kHeld,             ///< a request was taken after a reset that took translation away
  kLost,             ///< a request without an answer at the end
};
[[nodiscard]] std::string_view to_string(ViolationKind kind);

struct Violation {
  std::uint64_t cycle = 0;
  ViolationKind kind = ViolationKind::kLost;
  std::string text;  ///< the request, what was legal, what was seen
};

class Scoreboard {
 public:
  struct Counters {
    std::uint64_t requests = 0;
    std::uint64_t translated = 0;  ///< left with a second-stage translation
    std::uint64_t passed = 0;      ///< left unchanged: remapping off or pass-through
    std::uint64_t messages = 0;    ///< interrupt messages of requesters
    std::uint64_t faulted = 0;     ///< blocked with a fault, recorded or not
    std::uint64_t aborted = 0;     ///< blocked, never to be recorded
    std::uint64_t faults_recorded = 0;
    std::uint64_t faults_dropped = 0;
    std::uint64_t invalidations = 0;
    std::uint64_t waits = 0;
    std::uint64_t events = 0;  ///< event messages of the unit itself
    std::uint64_t violations = 0;
    std::uint64_t unannounced_changes = 0;  ///< table stores that nobody published
    std::uint64_t walks = 0;                ///< reference walks made

    Counters& operator+=(const Counters& more);
  };
  using Report = std::function<void(const Violation&)>;

  /// `memory` must outlive the scoreboard and show what the unit's own fetches see.
  Scoreboard(UnitConfig config, const MemoryView& memory, Report report);

  /// AR or AW handshake at a requester port. `user` is AxUSER: 1:0 AT, 2 PASID valid, 22:3 PASID, 23 execute,
  /// 24 privileged, 25 no-snoop, 26 zero-length. `size` is AxSIZE (log2 of the bytes of a beat).
  void request_in(std::uint64_t cycle, unsigned port, std::uint16_t source_id, bool is_write, unsigned id,
                  std::uint64_t address, unsigned beats, unsigned size, std::uint32_t user);
  /// A requester announced that it will want a page soon; the unit may walk for it from now on.
  void page_hint(std::uint64_t cycle, std::uint16_t source_id, std::uint64_t address);
  /// AR or AW handshake at m_axi_data, which must be snooped or need not; `valid_since` is the first cycle of
  /// its valid, for messages.
  void request_out(std::uint64_t cycle, unsigned port, bool is_write, unsigned id, std::uint64_t address,
                   bool snoop, unsigned beats, std::uint64_t valid_since);
  /// R (every beat, or only the last) or B at the requester port. `resp` is xRESP.
  void response(std::uint64_t cycle, unsigned port, bool is_write, unsigned id, unsigned resp, bool last);
  /// Last R beat, or B, at m_axi_data; `resp` is the worst of the burst.
  void mem_read_done(std::uint64_t cycle, unsigned port, unsigned id, unsigned resp = 0);
  void mem_write_done(std::uint64_t cycle, unsigned port, unsigned id, unsigned resp = 0);
  /// The unit found a fault; not `recorded` = dropped by overflow, or suppressed.
  void fault(std::uint64_t cycle, const FaultRecord& record, bool recorded);
  /// The CPU wrote memory (publish).
  void memory_changed(std::uint64_t cycle, std::uint64_t pa, std::uint64_t bytes);
  /// A write of `bytes` (4 or 8) to the register page took place (W handshake).
  void register_write(std::uint64_t cycle, std::uint64_t offset, std::uint64_t value, unsigned bytes);
  /// A read of the register page returned `value`.
  void register_read(std::uint64_t cycle, std::uint64_t offset, std::uint64_t value, unsigned bytes);
  /// Instead of register_read: GSTS shows this state.
  void root_state_changed(std::uint64_t cycle, const RootState& state);
  /// W handshake of a dword on the table bus: a wait status, or an event message of the unit.
  void status_write(std::uint64_t cycle, std::uint64_t pa, std::uint32_t data);

  /// The unit is reset alone: no request may be inside. Waits that it owes never come; this object is done.
  /// True if requests must be held afterwards.
  bool unit_reset(std::uint64_t cycle);
  /// No request may be taken until software turns translation on or lets requests pass (IMPL_HELD).
  void hold_requests() { held_ = true; }
  /// End of the run. `running` = requests and waits may still be open.
  void finish(std::uint64_t cycle, bool running = false);

  [[nodiscard]] Counters counters() const;
  [[nodiscard]] std::size_t in_flight() const { return flights_.size(); }

  /// Cycles after its error response within which the fault of a request must be seen.
  static constexpr std::uint64_t kFaultRecordCycles = 1000;

 private:
  /// One request from its arrival to the last thing that must happen to it.
  struct Flight {
    std::uint64_t cycle = 0;
    Sequence arrival = 0;
    unsigned port = 0;
    unsigned id = 0;
    unsigned beats = 1;
    Request request;
    LegalSet arrival_set;  ///< holds while `generation` is current
    std::uint64_t generation = 0;
    bool overtaken = false;  ///< a younger one of its stream has left: only an error may follow
    bool order_reported = false;
    bool drain_reported = false;
    bool out = false;
    Sequence out_at = 0;
    std::uint64_t out_address = 0;
    bool remapped = false;  ///< left through a context entry: domain and page size below hold
    std::uint16_t did = 0;
    unsigned page_shift = 12;
    bool memory_done = false;
    unsigned memory_resp = 0;
    unsigned resp = 0;  ///< worst so far
    bool responded = false;
    std::uint64_t responded_cycle = 0;
    bool fault_seen = false;
    FaultRecord fault_record;  ///< if fault_seen
    bool record_due = false;   ///< answered with an error, its fault is still to come
  };
  using Key = std::uint64_t;
  static Key stream_key(unsigned port, bool is_write, unsigned id);

  void violation(std::uint64_t cycle, ViolationKind kind, std::string text);
  [[nodiscard]] std::string name(const Flight& flight) const;
  [[nodiscard]] LegalSet legal(const Flight& flight, bool for_fault);
  [[nodiscard]] static bool allows(const LegalSet& set, std::uint64_t address);
  [[nodiscard]] static bool allows(const LegalSet& set, const Request& request, std::uint64_t address,
                                   bool snoop);
  [[nodiscard]] static bool may_be_blocked(const LegalSet& set);
  [[nodiscard]] static std::string describe_set(const LegalSet& set);
  void leave(std::uint64_t cycle, std::uint64_t serial, std::uint64_t address, const LegalSet& set);
  void mismatch(std::uint64_t cycle, Flight& flight, std::uint64_t address, std::uint64_t valid_since);
  void answered_with_error(std::uint64_t cycle, Flight& flight);
  void memory_done(std::uint64_t cycle, unsigned port, bool is_write, unsigned id, unsigned resp);
  void check_drained(std::uint64_t cycle, const CompletedInvalidation& invalidation);
  void check_due(std::uint64_t cycle, bool all);
  void check_lost(std::uint64_t cycle);
  void follow_waiting();
  void request_root_state(const RootState& state);
  void settle_fault(Flight& flight, const FaultRecord& record);
  [[nodiscard]] Flight* match_fault(const FaultRecord& record, bool same_reason);
  void retire(std::uint64_t serial);

  UnitConfig config_;
  const MemoryView& memory_;
  Report report_;
  Sequence now_ = 0;
  InvalidationLog invalidations_;
  LegalWalks walks_;
  RootState requested_;
  std::uint64_t rtaddr_ = 0;
  bool held_ = false;

  std::uint64_t next_serial_ = 0;
  std::unordered_map<std::uint64_t, Flight> flights_;
  std::unordered_map<Key, std::deque<std::uint64_t>> to_leave_;   ///< reads by id, writes by port
  std::unordered_map<Key, std::deque<std::uint64_t>> to_answer_;  ///< by port, direction, id
  std::unordered_map<Key, std::deque<std::uint64_t>> at_memory_;  ///< by port, direction, id
  std::deque<std::uint64_t> due_;  ///< answered with an error, fault record still to come
  Counters counters_;
};

}  // namespace gpudmar::model
