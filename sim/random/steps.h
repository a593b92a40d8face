// SPDX-License-Identifier: Apache-2.0
// A stream of driver callbacks and GPU accesses as data: one step each, in the form of a scenario file.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "sim/random/pattern.h"

namespace gpudmar::random {

inline constexpr std::uint64_t kPage = 4096;
/// Of a probe, aligned: the device reports a failed write by the address of its burst.
inline constexpr std::uint64_t kProbeBytes = 64;
inline constexpr int kNoAdapter = -1;   ///< NULL instead of an adapter's handle
inline constexpr int kBadAdapter = 99;  ///< a handle that is no adapter's

enum class Do {
  kCreate,
  kOpen,
  kClose,
  kDestroy,
  kMap,
  kUnmap,
  kAdl,
  kFree,
  kFill,
  kCheck,
  kCopy,
  kProbe,
  kReattach,
  kWait,  ///< `size` cycles
  kStop
};
[[nodiscard]] const char* to_string(Do what);

enum class ObjectType : std::uint32_t { kMdl = 0, kContiguous = 1, kSection = 2, kIoSpace = 3 };

/// Which value stands where the callback wants the handle of the step's object.
enum class Handle {
  kRight,    ///< the one the callback is for; of a dead object the one it had
  kNull,     ///<
  kGarbage,  ///< a value that no call ever returned
  kSwapped,  ///< the adapter's handle instead of the object's, or the other way round
};

/// What the graphics kernel must answer: a status, or a bugcheck.
struct Expected {
  std::string status = "STATUS_SUCCESS";
  std::uint32_t bugcheck = 0;  ///< code; 0 = none
  std::uint64_t parameter = 0;
  [[nodiscard]] bool ok() const { return bugcheck == 0 && status == "STATUS_SUCCESS"; }
  [[nodiscard]] bool operator==(const Expected& o) const {
    return status == o.status && bugcheck == o.bugcheck && (bugcheck == 0 || parameter == o.parameter);
  }
};
/// "STATUS_X", or "bugcheck 1E4h/7".
[[nodiscard]] std::string to_string(const Expected& expected);

/// One side of a copy: local memory, a place in an ADL, or a bare address.
struct Operand {
  enum class Kind { kVram, kAdl, kAddress } kind = Kind::kVram;
  std::string adl;           ///< of kAdl
  std::uint64_t offset = 0;  ///< bytes from the start of VRAM or of the ADL; the address itself
};

/// One step. Members that a kind of step does not use keep their defaults.
struct Step {
  Do what = Do::kStop;
  std::string name;  ///< object; UNMAP and FREE: overrides the owner when not empty
  std::string item;  ///< view of MAP and UNMAP, ADL of ADL and FREE
  Handle handle = Handle::kRight;
  Expected expect;

  // CREATE
  std::uint32_t type = 0;   ///< ObjectType, or out of range
  std::uint32_t cache = 1;  ///< 0 none, 1 cached, 2 write combined, or out of range
  std::uint64_t low = 0;    ///< lowest address; IO_SPACE: the base
  std::uint64_t high = ~0ULL;
  std::uint64_t step = 0;        ///< SkipBytes of an MDL, boundary of contiguous memory
  std::uint32_t flags = 0;       ///< MM_ALLOCATE_*; ADL: its flag bits
  std::uint32_t protection = 4;  ///< PAGE_* of a section
  /// CREATE, OPEN: member of the link, kNoAdapter or kBadAdapter.
  int adapter = kNoAdapter;

  // Ranges: CREATE (size), MAP, ADL, FILL, CHECK
  std::uint64_t offset = 0;
  std::uint64_t size = 0;

  // DESTROY: the second handle. Combined and split name it while the object is open, stale when it is closed.
  enum class Form { kCombined, kSplit, kPhysicalOnly, kStale, kOther } form = Form::kCombined;
  std::string other;  ///< of kOther: the object whose adapter handle is named

  std::uint32_t mode = 0;  ///< MAP: 0 kernel, 1 user, or out of range
  /// UNMAP: added to what MAP returned.
  std::int64_t base_shift = 0;
  std::int64_t size_shift = 0;

  std::uint64_t pattern = 0;  ///< FILL: its seed
  std::uint64_t digest = 0;   ///< CHECK: of the bytes expected; see digest()

  // COPY, PROBE
  unsigned gpu = 0;
  Operand from;  ///< PROBE: the place
  Operand to;
  bool write = false;    ///< PROBE
  bool blocked = false;  ///< PROBE: expected
};

/// One step, or threads that run side by side.
struct Section {
  std::vector<std::vector<Step>> threads;  ///< a single one: ordinary steps
};

/// Everything that decides a run.
struct Stream {
  std::string name = "random";
  std::uint64_t seed = 1;  ///< of the machine and of page placement
  std::string iommu = "logical";
  nlohmann::json machine = nlohmann::json::object();
  std::vector<Section> sections;
  [[nodiscard]] std::size_t steps() const;
};

[[nodiscard]] nlohmann::json to_json(const Step& step);
/// The scenario file.
[[nodiscard]] nlohmann::json to_json(const Stream& stream);

}  // namespace gpudmar::random
