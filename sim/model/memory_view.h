// SPDX-License-Identifier: Apache-2.0
// How the architectural reference sees host memory: loads for walks and queue fetches, stores for wait
// status.
#pragma once

#include <cstdint>
#include <optional>

namespace gpudmar::model {

/// Read access to host physical memory. Addresses are bytes, multiples of 8.
struct MemoryView {
  virtual ~MemoryView() = default;
  /// The aligned little-endian qword at `pa`; nullopt is a bus error.
  [[nodiscard]] virtual std::optional<std::uint64_t> load64(std::uint64_t pa) const = 0;
};

/// Write access, for the status dword of an invalidation wait (VT-d 5.7).
struct MemoryWriter {
  virtual ~MemoryWriter() = default;
  /// Store an aligned dword; false is a bus error.
  virtual bool store32(std::uint64_t pa, std::uint32_t value) = 0;
};

}  // namespace gpudmar::model
