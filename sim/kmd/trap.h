// SPDX-License-Identifier: Apache-2.0
// What the processor tells the child about its driver: register accesses by plain loads and stores, threads
// that poll memory, crashes.
#pragma once

#include <csignal>
#include <cstdint>
#include <functional>
#include <string>

#include "driver-model/wdk/runtime/runtime.h"
#include "sim/kmd/frames.h"

namespace gpudmar::sim::kmd {

/// One at a time. Everything runs on the one host thread of the simulation.
class Traps {
 public:
  struct Place {
    std::string ddi;  ///< entry point; empty: none
    Frames frames;
  };
  /// The end of the driver at an instruction that the processor does not carry out.
  struct Crash {
    int signal = 0;
    std::uintptr_t address = 0;  ///< that was accessed
    bool no_address = false;     ///< there can be no memory at it; the processor does not say what it is
    bool undefined = false;      ///< the instruction that assertions end in
    Frames frames;
  };
  struct Hooks {
    /// A thread has run in the driver for a while without a call: let time pass. May not return.
    std::function<void(const Frames&)> preempt;
    /// A register access cannot be served. Does not return.
    std::function<void(const std::string& what, const Frames&)> refuse;
    /// Cheap and async-signal-safe: a number that changes whenever the running thread makes a call.
    std::function<std::uint64_t()> activity;
    /// The driver ends the process. Does not return.
    std::function<void(const Frames&)> exits;
    /// Where the driver is while all that runs is the simulation.
    std::function<Place()> waits;
    /// An access of memory faults. True: it is to be made again; else it is a crash.
    std::function<bool(std::uintptr_t address, std::uintptr_t pc)> serve;
    /// Of the machine; cheap and async-signal-safe.
    std::function<std::uint64_t()> cycles;
    /// The parent knows of the crash. What more there is to tell; anything may be damaged.
    std::function<void(const Crash&)> crashed;
  };
  Traps(const LoadedDriver& driver, const EventSink& events, Hooks hooks);
  ~Traps();
  Traps(const Traps&) = delete;
  Traps& operator=(const Traps&) = delete;

 private:
  static void on_fault(int signal, siginfo_t* info, void* context);
  static void on_step(int signal, siginfo_t* info, void* context);
  static void on_tick(int signal, siginfo_t* info, void* context);
  static void on_crash(int signal, siginfo_t* info, void* context);
  static void on_question(int signal, siginfo_t* info, void* context);
  static void on_exit();
  /// To the parent, by means that work in any state.
  void last_words(int signal, std::uintptr_t address, const Place& place) const;
  [[nodiscard]] const DriverModule& module() const { return driver_.module(); }
  bool begin_access(std::uintptr_t address, void* context);
  void end_access(void* context);

  const LoadedDriver& driver_;
  const EventSink& events_;
  Hooks hooks_;
  struct Access {
    bool stepping = false;
    std::uintptr_t address = 0;
    unsigned bytes = 0;
    bool writes = false;
    wdk::Runtime::RegisterPlace place;
  } access_;
  std::uint64_t last_activity_ = 0;
  unsigned quiet_ticks_ = 0;
};

}  // namespace gpudmar::sim::kmd
