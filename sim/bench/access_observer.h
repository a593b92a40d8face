// SPDX-License-Identifier: Apache-2.0
// Whoever wants to see the software's register accesses.
#pragma once

#include <cstdint>

namespace gpudmar::sim {

/// One access; `value` of a read is there at its end.
struct RegisterAccess {
  bool write = false;
  std::uint64_t address = 0;  ///< on the bus
  unsigned bytes = 0;         ///< 4 or 8
  std::uint64_t value = 0;
};

/// Called in the thread that accesses.
class AccessObserver {
 public:
  virtual ~AccessObserver() = default;
  virtual void access_begins(const RegisterAccess& access) = 0;
  /// Failed accesses end, too.
  virtual void access_ends(const RegisterAccess& access) = 0;
};

}  // namespace gpudmar::sim
