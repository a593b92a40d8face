// SPDX-License-Identifier: Apache-2.0
// Opaque handles: values that are no pointers, can not be guessed, are never used twice, and know their kind.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <random>
#include <set>

namespace gpudmar::dxgkrnl {

/// What a handle stands for.
enum class HandleKind {
  kNone,  ///< not a live handle
  kObject,
  kAdapterObject,
  kAdapter,
  kContiguousMemory,  ///< these three: of the callbacks of 2.4
  kPagesForMdl,
  kMappedMdl,
  kSaveArea,  ///< never given to the driver
};

/// Table of live handles. Thread-safe. The pointers are not owned.
class HandleTable {
 public:
  explicit HandleTable(std::uint64_t seed) : random_(seed) {}

  [[nodiscard]] void* insert(HandleKind kind, void* target);
  void erase(void* handle);
  [[nodiscard]] HandleKind kind(void* handle) const;
  /// The target if the handle is live and of that kind, else null.
  template <typename T>
  [[nodiscard]] T* find(void* handle, HandleKind kind) const {
    return static_cast<T*>(lookup(handle, kind));
  }
  [[nodiscard]] std::size_t size() const;

 private:
  struct Entry {
    HandleKind kind;
    void* target;
  };
  [[nodiscard]] void* lookup(void* handle, HandleKind kind) const;

  mutable std::mutex mutex_;
  std::mt19937_64 random_;
  std::map<void*, Entry> live_;
  std::set<void*> used_;
};

}  // namespace gpudmar::dxgkrnl
