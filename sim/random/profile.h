// SPDX-License-Identifier: Apache-2.0
// What a campaign of random streams is about: how often which step comes, on which machines.
#pragma once

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace gpudmar::random {

/// A profile that cannot be used: names the file and the key.
class ProfileError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

/// How often each kind of step is proposed, against the others. What cannot be done then is passed over.
struct Weights {
  unsigned create = 14;
  unsigned open = 5;
  unsigned close = 4;
  unsigned destroy = 5;
  unsigned map = 8;
  unsigned unmap = 8;
  unsigned adl = 14;
  unsigned free = 12;
  unsigned fill = 12;
  unsigned check = 12;
  unsigned copy = 14;
  unsigned probe = 10;
  unsigned reattach = 2;
};

/// Of memory: lists of which the seed takes one, and probabilities.
struct Timing {
  std::vector<unsigned> latency{1, 2, 5, 20, 60, 100, 150};  ///< cycles
  std::vector<unsigned> jitter{0, 0, 3, 17, 60};             ///< cycles
  std::vector<unsigned> write_latency{1, 1, 3, 7, 30};       ///< cycles
  std::vector<unsigned> stall{0, 0, 10, 30};                 ///< percent of cycles
  double out_of_order = 0.6;
  double interleave = 0.5;  ///< of those that are out of order
  double read_at_first_beat = 0.5;
  double write_at_wlast = 0.5;
};

struct Profile {
  Weights weights;
  Timing timing;
  double illegal = 0.3;  ///< share of calls that break a rule
  double endings = 0.5;  ///< share of streams that end with a bugcheck
  /// Objects from which on most steps are for fewer: create weighs a fifth, destroy three times as much.
  unsigned objects = 14;
  std::uint64_t max_pages = 8;  ///< of an object
  bool sections = true;         ///< objects of type SECTION
  bool io_space = true;         ///< objects of type IO_SPACE
  // Of each stream, one of these by its seed.
  std::vector<std::string> iommu{"logical"};
  std::vector<unsigned> pipe{0};
  std::vector<unsigned> threads{1};
};

/// From a JSON file; docs/testing.md has the keys. Throws ProfileError.
[[nodiscard]] Profile load_profile(const std::string& file);
/// The same, from its text; `file` is for messages.
[[nodiscard]] Profile parse_profile(const std::string& text, const std::string& file);

}  // namespace gpudmar::random
