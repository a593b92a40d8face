// SPDX-License-Identifier: Apache-2.0
// Handle values lie where no x86-64 address can: following one faults at once.
#include "driver-model/dxgkrnl/handles.h"

namespace gpudmar::dxgkrnl {
namespace {

constexpr std::uint64_t kNonCanonical = 0x2A00'0000'0000'0000;
constexpr std::uint64_t kRandomBits =
    0x00FF'FFFF'FFFF'FFFC;  // two low bits are zero, as in handles of the system

}  // namespace

void* HandleTable::insert(HandleKind kind, void* target) {
  const std::lock_guard guard(mutex_);
  while (true) {
    void* handle = reinterpret_cast<void*>(kNonCanonical | (random_() & kRandomBits));
    if (!used_.insert(handle).second) continue;
    live_.emplace(handle, Entry{kind, target});
    return handle;
  }
}

void HandleTable::erase(void* handle) {
  const std::lock_guard guard(mutex_);
  live_.erase(handle);
}

HandleKind HandleTable::kind(void* handle) const {
  const std::lock_guard guard(mutex_);
  const auto it = live_.find(handle);
  return it == live_.end() ? HandleKind::kNone : it->second.kind;
}

void* HandleTable::lookup(void* handle, HandleKind kind) const {
  const std::lock_guard guard(mutex_);
  const auto it = live_.find(handle);
  return it != live_.end() && it->second.kind == kind ? it->second.target : nullptr;
}

std::size_t HandleTable::size() const {
  const std::lock_guard guard(mutex_);
  return live_.size();
}

}  // namespace gpudmar::dxgkrnl
