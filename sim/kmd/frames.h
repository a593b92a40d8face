// SPDX-License-Identifier: Apache-2.0
// The loaded driver, call stacks in it, and the events that the child tells its parent.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace gpudmar::sim::kmd {

/// Offsets in the driver's shared object, the innermost frame first.
using Frames = std::vector<std::uint64_t>;

struct DriverModule {
  std::uintptr_t base = 0;  ///< what offsets count from
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  [[nodiscard]] bool contains(std::uintptr_t address) const { return address >= begin && address < end; }
};

/// A driver as the dynamic loader has it.
class LoadedDriver {
 public:
  explicit LoadedDriver(std::string path);
  /// Runs its static constructors, too. Throws std::runtime_error with the loader's words.
  void load();
  /// Known as soon as the driver's first code runs; for signal handlers, too.
  [[nodiscard]] const DriverModule& module() const;
  /// Null: there is none.
  [[nodiscard]] void* symbol(const char* name) const;

 private:
  std::string path_;
  void* handle_ = nullptr;  // never given back: threads of a run that broke off may still be in it
  mutable DriverModule module_;
};

/// The driver's frames of the running thread.
[[nodiscard]] Frames driver_frames(const DriverModule& module);
/// The same, seen from a signal handler: `pc` is where the thread was interrupted.
[[nodiscard]] Frames interrupted_frames(const DriverModule& module, std::uintptr_t pc);

/// A line of JSON for each event, written at once.
class EventSink {
 public:
  explicit EventSink(int fd) : fd_(fd) {}
  void send(const nlohmann::json& event) const;
  /// `line` with its end; for signal handlers.
  void send_raw(const char* line, std::size_t bytes) const;

 private:
  int fd_;
};

}  // namespace gpudmar::sim::kmd
