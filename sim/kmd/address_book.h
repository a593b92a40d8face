// SPDX-License-Identifier: Apache-2.0
// What lies at the addresses that the driver was given, and what lay there: a stray access is told by more
// than a number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "sim/kmd/frames.h"

namespace gpudmar::sim::kmd {

class AddressBook {
 public:
  /// Whole pages that the machine's memory shows, and smaller things in them or apart from them.
  enum class Layer { kThing, kPages };
  void begins(Layer layer, const void* address, std::size_t bytes, std::string what, Frames given);
  void ends(Layer layer, const void* address, Frames by);
  /// Pages turn out to be something, which `address` is in.
  void name(const void* address, const std::string& what);

  struct Found {
    std::string text;      ///< "byte 0x3000 of ...: 0 bytes behind its end"
    std::string what;      ///< the range alone; empty: nothing is known
    bool outside = false;  ///< in front of or behind what is there
    Frames given;
    Frames gone;
  };
  /// Of an access that faulted.
  [[nodiscard]] Found find(std::uintptr_t address) const;

 private:
  struct Range {
    std::uintptr_t begin = 0;
    std::size_t bytes = 0;
    std::string what;
    Frames given;
    Frames gone;
    [[nodiscard]] std::uintptr_t end() const { return begin + bytes; }
    [[nodiscard]] bool holds(std::uintptr_t address) const { return address >= begin && address < end(); }
  };
  using Key = std::pair<std::uintptr_t, Layer>;
  [[nodiscard]] const Range* nearest(std::uintptr_t address) const;

  std::map<Key, Range> live_;
  std::deque<Range> gone_;  // the newest last
};

}  // namespace gpudmar::sim::kmd
