// SPDX-License-Identifier: Apache-2.0
// A lookup lane: lookup stages, parked requests with their order, the way out.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "sim/model/cycle/caches.h"
#include "sim/model/cycle/types.h"
#include "sim/model/cycle/walker.h"

namespace gpudmar::model::cycle {

struct FaultAsk {
  Request request;
  unsigned reason = 0;
};

class Lane {
 public:
  Lane(const Config& config, bool write, const ContextCache& contexts, const Iotlb& iotlb);

  struct Seen {
    std::optional<Request> request;  ///< taken in this cycle
    std::optional<Hint> hint;
    bool te = false, mode_ok = false;
    bool flush = false;  ///< anything is flushed, or the root changes
  };
  /// First half of a cycle. False when the lane had no place for what was taken.
  [[nodiscard]] bool begin(const Seen& seen);
  [[nodiscard]] const std::optional<WalkRequest>& wants_walk() const { return now_.walk; }
  /// A fault to record.
  [[nodiscard]] std::optional<FaultAsk> wants_fault() const;
  /// A blocked request to be answered.
  [[nodiscard]] std::optional<Request> wants_error() const;
  [[nodiscard]] bool error_busy(unsigned port) const { return error_slot_[port].has_value(); }
  /// Requests that were given their output address in this cycle.
  [[nodiscard]] const std::vector<Answer>& pushed() const { return now_.pushed; }
  /// The request at the output, its address translated.
  [[nodiscard]] const Request* out() const { return out_.empty() ? nullptr : &out_.front(); }
  /// Of what had its address at the last flush, no more than the head of the output is left, and that only if
  /// it is `shown`.
  [[nodiscard]] bool settled(bool shown) const { return older_ <= (shown ? 1U : 0U); }

  struct Outcome {
    std::optional<unsigned> walk;  ///< that serves wants_walk()
    std::optional<WalkEnd> told;
    bool fault_taken = false;
    std::array<bool, kMaxPorts> error_done{};
    bool popped = false;
  };
  /// Second half: the next state.
  void step(const Outcome& outcome);

 private:
  static constexpr unsigned kOutWords = 8;
  enum class State : std::uint8_t { kReady, kInPipe, kWalkRequest, kWalk, kFault, kError, kErrorWait, kOut };
  enum class Verdict : std::uint8_t { kOut, kWalk, kFault, kAbort };
  struct Park {
    bool valid = false;
    std::optional<unsigned> behind;  ///< slot of the request that must leave first
    bool followed = false;
    bool fpd = false;
    State state = State::kReady;
    unsigned walk = 0, reason = 0;
    std::uint64_t frame = 0;
    Request request;
  };
  struct Lookup {
    Request request;
    bool hint = false;
    std::optional<unsigned> replay;  ///< slot
    std::optional<Context> context;  ///< as the cache answered the first stage
  };
  struct Now {
    bool flush = false;
    bool kept_enters = false;
    std::optional<unsigned> leaves, replays, asks_walk, fault, error;
    std::optional<Lookup> enters;
    std::optional<Lookup> lookup;  ///< at the IOTLB
    Verdict verdict = Verdict::kWalk;
    unsigned reason = 0;
    bool remapped = false;
    std::uint64_t address = 0;
    std::optional<unsigned> tail;
    unsigned free = 0;
    bool push = false, park = false;
    std::optional<WalkRequest> walk;
    std::vector<Answer> pushed;
  };

  [[nodiscard]] bool same_key(const Request& a, const Request& b) const {
    return a.port == b.port && (write_ || a.id == b.id);
  }
  template <typename Holds>
  [[nodiscard]] std::optional<unsigned> pick(const RoundRobin& turn, const Holds& holds) const;
  void judge(bool te, bool mode_ok);
  void place();
  void ask_for_walk();
  void step_parked(unsigned i, const Outcome& outcome, const std::vector<bool>& freed,
                   const std::vector<Park>& before);
  void step_lookup(const std::optional<unsigned>& walk, const std::vector<bool>& freed);

  const Config& config_;
  bool write_;
  const ContextCache& contexts_;
  const Iotlb& iotlb_;
  std::vector<Park> parks_;
  RoundRobin replay_turn_, out_turn_, walk_turn_, fault_turn_, error_turn_;
  std::optional<Lookup> first_, second_;  ///< second: Pipe 1 only
  std::deque<Request> kept_hints_;        ///< needed a walk in their lookup and got none
  std::optional<Request> leaving_;        ///< parked request on its way to the output
  std::deque<Request> out_;
  std::size_t older_ = 0;  ///< requests in out_ from before the last flush
  unsigned credits_ = kOutWords;
  std::array<std::optional<unsigned>, kMaxPorts> error_slot_;
  Now now_;
};

}  // namespace gpudmar::model::cycle
