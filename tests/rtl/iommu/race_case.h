// SPDX-License-Identifier: Apache-2.0
// The axes of the race sweeps: what changes in the tables, how software invalidates it, what is cached
// before, what requests are under way, and how memory behaves. Tables of data; race_run.h plays one point of
// their product.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/rtl/iommu/iommu_bench.h"

namespace gpudmar::test::race {

// Pages of the requests. kT0 is the one that every race is about; kT1 stands next to it.
inline constexpr std::uint64_t kPage = 4096;
inline constexpr std::uint64_t k2M = 1ULL << 21;
inline constexpr std::uint64_t k1G = 1ULL << 30;
inline constexpr std::uint64_t kRegion = 5 * k1G;  ///< memory stands here too, for pass-through
inline constexpr std::uint64_t kT0 = kRegion + 5 * k2M + 8 * kPage;
inline constexpr std::uint64_t kT1 = kT0 + kPage;
inline constexpr unsigned kTargets = 4;                     ///< kT0 and the pages behind it
inline constexpr std::uint64_t kFresh1 = kT0 + 24 * kPage;  ///< same leaf table; read only at the end
inline constexpr std::uint64_t kFresh2 = kT0 + k2M;         ///< same level-2 table
inline constexpr std::uint64_t kFresh3 = kT0 + k1G;         ///< same level-3 table
inline constexpr std::uint64_t kFresh4 =
    kFresh1 + kPage;                                   ///< same leaf table; outside every page flush of AM 0
inline constexpr std::uint64_t kFar = 0x80'3000'3000;  ///< another entry of the top table
// Where they lead.
inline constexpr std::uint64_t kOldBase = 0x100'0000'0000;
inline constexpr std::uint64_t kNewBase = kOldBase + 2 * k1G;
inline constexpr std::uint64_t kSafeBase = 4 * k1G;                   ///< pages that no change touches
inline constexpr std::uint64_t kElsewhere = kSafeBase + 0x2000'0000;  ///< kT0 of the other domain
inline constexpr std::uint64_t kFreedBase = 0x6000'0000;  ///< what stands in a table that is none any more
inline constexpr std::uint16_t kDid = 7, kNewDid = 9, kOtherDid = 8, kUnusedDid = 3;

enum class Warm { kCold, kContexts, kTables, kHit };
inline constexpr Warm kWarms[] = {Warm::kCold, Warm::kContexts, Warm::kTables, Warm::kHit};
[[nodiscard]] const char* to_string(Warm warm);

/// A change of one entry.
struct Change {
  enum class What {
    kSwap,     ///< the entry of `level` leads to where the new tables lead
    kMove,     ///< the same, to a copy of the table in which only kT0 differs
    kGone,     ///< not present
    kNoWrite,  ///< W removed
    kNoRead,   ///< R removed
    kAppear,   ///< was not present: nothing is owed
    kRepair,   ///< was not present, and software invalidates all the same
    kContextTable,
    kContextDomain,
    kContextGone,
    kContextToPass,
    kContextFromPass,
    kRootTable,
  };
  const char* name;
  What what;
  unsigned level;     ///< of the entry; 5: the context entry
  unsigned old_leaf;  ///< level of kT0's leaf before
  unsigned new_leaf;  ///< and in the new tables
  unsigned span;      ///< log2 of the 4 KiB pages whose translation may differ; 99: more than AM can name

  [[nodiscard]] bool of_context() const { return what >= What::kContextTable; }
  [[nodiscard]] bool owes_nothing() const { return what == What::kAppear; }
  /// Only what a leaf says has changed: IH = 1 is allowed.
  [[nodiscard]] bool leaf_only() const {
    return !of_context() && level == old_leaf && (level == new_leaf || what == What::kGone);
  }
};
[[nodiscard]] const std::vector<Change>& changes();

/// What software puts into the queue before the wait.
struct Flush {
  enum class Context { kNone, kDevice, kDomain, kGlobal };
  enum class Iotlb { kNone, kPage, kDomain, kGlobal };
  const char* name;
  Context context;
  Iotlb iotlb;
  unsigned am;
  bool ih;
  /// Names kFresh1, which nobody has cached, and not kT0: it takes the ways through the entry that changed
  /// and nothing else, so what is cached of the other pages may stay, and does.
  bool beside = false;
  /// Behind an invalidation of a domain that nobody has. Walks and the queue share a bus, so an invalidation
  /// that comes with its own beat never meets what a walk's beat of that cycle does one cycle later; the next
  /// one can.
  bool behind = false;
  unsigned times = 1;  ///< one after the other: generations of a domain come round
  [[nodiscard]] std::uint64_t page() const { return beside ? kFresh1 : kT0; }
  /// Whether the old translation of `page` ends with the status.
  [[nodiscard]] bool ends(std::uint64_t page) const {
    return !beside || page == kFresh1 || page == kFresh2 || page == kFresh3 || page == kFresh4;
  }
};
[[nodiscard]] const std::vector<Flush>& flushes();
/// nullptr if `flush` is what software may do after `change`; otherwise why not.
[[nodiscard]] const char* why_illegal(const Change& change, const Flush& flush);
/// The same of what may be cached before.
[[nodiscard]] const char* why_impossible(const Change& change, Warm warm);

/// One thing that a requester does, `delay` cycles after the first.
struct Step {
  enum class Kind { kRead, kWrite, kHint };
  unsigned delay;
  unsigned port;
  Kind kind;
  unsigned id;
  std::uint64_t page;
  unsigned beats;
};
struct Pattern {
  const char* name;
  bool other_domain;  ///< port 1 is in another domain, where kT0 leads elsewhere
  std::vector<Step> steps;
  std::size_t leading = ~std::size_t{0};  ///< whose steps make the window; those behind them repeat
};
[[nodiscard]] const std::vector<Pattern>& patterns();

/// How memory and requesters behave from the first cycle of the race to the status.
struct Timing {
  const char* name;
  unsigned latency = 7;
  unsigned data_latency = 7;
  unsigned walk_delay = 0;        ///< of walks, beyond `latency`: the queue overtakes them
  unsigned jitter = 0;            ///< with stalls on every channel
  bool late_sample = false;       ///< reads look at memory with their first beat, writes change it at WLAST
  bool requesters_stall = false;  ///< RREADY and BREADY low
  bool data_held = false;         ///< ARREADY, AWREADY and WREADY of the data memory low for a while
  [[nodiscard]] bool free_flow() const { return jitter == 0 && !data_held; }
  [[nodiscard]] sim::AxiMemoryConfig data() const;
  [[nodiscard]] sim::AxiMemoryConfig table() const;
};
[[nodiscard]] const std::vector<Timing>& timings();

/// DR, DW.
struct Drain {
  const char* name;
  bool reads, writes;
};
[[nodiscard]] const std::vector<Drain>& drains();

/// One point of the product.
struct RaceCase {
  const Change* change;
  const Flush* flush;
  Warm warm;
  const Pattern* pattern;
  const Timing* timing;
  const Drain* drain;
  [[nodiscard]] std::string name() const;
};

/// A program that plays cases. Of the legal combinations of change, invalidation and warm cache it has every
/// `of`th, those whose turn is `part`, each with another combination of the remaining axes.
struct Program {
  const char* name;
  unsigned part, of;
};
[[nodiscard]] const std::vector<Program>& programs();
/// What `program` plays of the change. `depth` 0: its default; otherwise all legal combinations of change,
/// invalidation and warm cache, each with `depth` of the combinations of the remaining axes.
[[nodiscard]] std::vector<RaceCase> cases(const Program& program, std::size_t change, std::size_t depth);
/// How many combinations of pattern, timing and drain there are.
[[nodiscard]] std::size_t combinations();

}  // namespace gpudmar::test::race
