// SPDX-License-Identifier: Apache-2.0
// The walkers: who starts or joins, whose read goes next, what a beat brings, what a flush starts again.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "sim/model/cycle/caches.h"
#include "sim/model/cycle/entry.h"
#include "sim/model/cycle/table_port.h"
#include "sim/model/cycle/types.h"

namespace gpudmar::model::cycle {

struct WalkRequest {
  std::uint16_t sid = 0;
  std::uint64_t page = 0;
  unsigned at = 0;
  unsigned slot = 0;  ///< of the parked request
  bool hint = false;
};

struct WalkGrant {
  unsigned lane = 0;
  unsigned walk = 0;
};

/// Told to the lanes.
struct WalkEnd {
  unsigned walk = 0;
  std::optional<unsigned> lane;  ///< of the owner; none for hints
  unsigned slot = 0;
  unsigned fault = 0;
  bool fpd = false;
  std::optional<Translation> fill;
};

class Walker {
 public:
  Walker(const Config& config, const ContextCache& contexts, const std::array<PagingCache, 3>& paging);

  /// First half of a cycle: everything but the walks that the lanes ask for.
  void begin(const std::optional<TableBeat>& beat, const Flush& flush, bool root_changes, std::uint64_t root);
  [[nodiscard]] const std::optional<TableRead>& wants_read() const { return now_.read; }
  [[nodiscard]] const std::optional<WalkEnd>& told() const { return now_.told; }
  [[nodiscard]] const std::optional<ContextCache::Entry>& context_fill() const { return now_.context_fill; }
  [[nodiscard]] std::optional<PagingCache::Entry> paging_fill(unsigned level) const {
    return now_.paging_level == level ? now_.paging_fill : std::nullopt;
  }
  /// Which of the two lanes' requests is served, and by which walk.
  [[nodiscard]] std::optional<WalkGrant> grant(
      const std::array<std::optional<WalkRequest>, 2>& requests) const;
  [[nodiscard]] bool idle() const;

  /// Second half: the next state. `read_taken`: the table port takes wants_read().
  void step(bool read_taken, const std::array<std::optional<WalkRequest>, 2>& requests,
            const std::optional<WalkGrant>& granted);

 private:
  enum class State : std::uint8_t { kStart, kRootRead, kContextAsk, kContextRead, kPageAsk, kPageRead };
  struct Walk {
    bool valid = false;
    bool killed = false;  ///< by a flush, while its read was under way
    bool small = false;   ///< fills 4 KiB only
    bool hint = false;
    bool write = false, fpd = false, r = false, w = false, top = false;
    State state = State::kStart;
    unsigned slot = 0, at = 0, level = 0;
    std::uint16_t sid = 0, did = 0;
    std::uint64_t page = 0, address = 0;
  };
  /// Where a walk with a cached context begins.
  struct Begin {
    unsigned level = 0;
    std::uint64_t table = 0;
    bool r = true, w = true, top = true;
  };
  /// What this cycle's wires say.
  struct Now {
    Flush flush;
    bool contexts_flushed = false;
    std::uint64_t root = 0;
    std::optional<unsigned> beat_of;
    bool beat_live = false, beat_reads = false;
    Verdict verdict;
    std::optional<unsigned> asks;
    bool ask_reads = false, start_ends = false;
    std::optional<Context> start_context;
    Begin start;
    std::uint64_t next_address = 0;  ///< of the beat's successor
    std::optional<TableRead> read;
    std::optional<WalkEnd> end, told;
    std::optional<ContextCache::Entry> context_fill;
    std::optional<PagingCache::Entry> paging_fill;
    unsigned paging_level = 0;
  };

  [[nodiscard]] static bool reading(const Walk& walk);
  [[nodiscard]] static bool paging(const Walk& walk);
  [[nodiscard]] bool kills(const Walk& walk) const;
  [[nodiscard]] bool near(const Walk& walk) const;
  [[nodiscard]] bool wants(const Walk& walk) const;
  [[nodiscard]] Begin where_to_begin(const Walk& walk, const Context& context) const;
  void take_beat(const std::optional<TableBeat>& beat);
  void choose_read();
  void tell();
  void step_beat(const Walk& before, Walk& walk, bool read_taken) const;

  const Config& config_;
  const ContextCache& contexts_;
  const std::array<PagingCache, 3>& paging_;
  std::vector<Walk> walks_;
  RoundRobin lanes_{2}, asks_;
  std::optional<TableBeat> beat_;     ///< Pipe 1: the beat of the cycle before
  std::optional<TableBeat> arrived_;  ///< this cycle's
  std::optional<WalkEnd> ended_;      ///< Pipe 0: told a cycle later
  Now now_;
};

}  // namespace gpudmar::model::cycle
