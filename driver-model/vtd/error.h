// SPDX-License-Identifier: Apache-2.0
// Errors of the remapping unit's driver.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace gpudmar::vtd {

/// The unit or its use is at fault: a missing capability, a handshake that timed out, a resource exhausted.
class VtdError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// No memory for page tables. Nothing has changed.
class NoTableMemory : public VtdError {
 public:
  NoTableMemory(const std::string& what, std::uint64_t pages) : VtdError(what), pages_(pages) {}
  [[nodiscard]] std::uint64_t pages() const { return pages_; }  ///< how many the change takes, at least

 private:
  std::uint64_t pages_;
};

/// What a code of IQERCD.IQEI means (VT-d 5.9).
[[nodiscard]] const char* describe_iqei(unsigned iqei);

/// The invalidation queue stopped: FSTS.IQE, or a wait descriptor whose status write never came.
class QueueError : public VtdError {
 public:
  QueueError(const std::string& what, unsigned iqei, std::uint64_t head)
      : VtdError(what), iqei_(iqei), head_(head) {}
  [[nodiscard]] unsigned iqei() const { return iqei_; }       ///< IQERCD.IQEI; 0 when it was a time-out
  [[nodiscard]] std::uint64_t head() const { return head_; }  ///< IQH at that moment, in slots

 private:
  unsigned iqei_;
  std::uint64_t head_;
};

}  // namespace gpudmar::vtd
