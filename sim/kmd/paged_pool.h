// SPDX-License-Identifier: Apache-2.0
// Paged pool under a driver: at DISPATCH_LEVEL and above nobody may touch what can be paged out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>

namespace gpudmar::sim::kmd {

/// Its pages are inaccessible from the moment a thread raises its IRQL. Who touches them below that level
/// faults, once, and has them all again.
class PagedPool {
 public:
  struct Hooks {
    std::function<bool(const void* address)> is_paged_pool;
    std::function<bool(const void* address)> may_move;  ///< nobody has locked the page
    std::function<bool()> is_high;                      ///< the running thread is at DISPATCH_LEVEL or above
  };
  explicit PagedPool(Hooks hooks) : hooks_(std::move(hooks)) {}

  void begins(const void* block, std::size_t bytes);
  void ends(const void* block);
  /// The running thread is at DISPATCH_LEVEL or above.
  void close();
  void open();

  enum class Fault {
    kElsewhere,
    kServed,    ///< the access can be made again
    kForbidden  ///< that is it
  };
  /// In a signal handler.
  [[nodiscard]] Fault fault(std::uintptr_t address);

 private:
  Hooks hooks_;
  std::map<std::uintptr_t, std::size_t> blocks_;  ///< to bytes
  std::map<std::uintptr_t, unsigned> pages_;      ///< to blocks in them
  bool open_ = true;
};

}  // namespace gpudmar::sim::kmd
