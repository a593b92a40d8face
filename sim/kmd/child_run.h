// SPDX-License-Identifier: Apache-2.0
// The state of a child's run, shared by its source files only.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "driver-model/dxgkrnl/kernel.h"
#include "sim/kmd/child.h"
#include "sim/kmd/dma_watch.h"
#include "sim/kmd/frames.h"
#include "sim/kmd/judge.h"
#include "sim/kmd/trap.h"
#include "sim/replay/recorder.h"
#include "sim/scenario/guarantees.h"

namespace gpudmar::sim::kmd {

class ChildRun {
 public:
  ChildRun(Machine& machine, const ChildRequest& request);
  ~ChildRun();
  ChildRun(const ChildRun&) = delete;
  ChildRun& operator=(const ChildRun&) = delete;
  /// In an SC_THREAD.
  [[noreturn]] void run();

 private:
  /// One simulated thread.
  struct Thread {
    std::string name;
    std::vector<std::string> ddis;  ///< entry points under way, the innermost last
    std::vector<Frames> frames;     ///< where its calls under way were made, the innermost last
    std::uint64_t ddi_begin = 0;    ///< cycle of the outermost
    std::uint64_t activity = 0;     ///< calls and register accesses
    unsigned preemptions = 0;       ///< since the last of them
    unsigned number = 0;
  };
  /// A BAR that notes who uses it.
  class WatchedBar;

  [[nodiscard]] dxgkrnl::KernelConfig kernel_config() const;
  void hook_runtime(wdk::Runtime::Options& options);
  void make_judge();
  void call(const dxgkrnl::CallRecord& record, bool finished);
  void system_use(const dxgkrnl::CallRecord& record, bool finished);
  [[nodiscard]] Thread& thread();
  /// The running thread did something that the bench sees; breaks off what takes too long.
  void active();
  void preempted(const Frames& frames);
  void stage(const std::string& name);
  void step(const Step& step);
  void start();
  void stop();
  void power(std::uint64_t state);
  void power_member(dxgkrnl::PhysicalAdapter& member, std::uint64_t state);
  void query(const Step& step);
  void run_plan();
  /// Tells why, and ends the process.
  [[noreturn]] void break_off(const std::string& kind, const std::string& what, const Frames& frames);
  [[noreturn]] void end(int code);
  /// Runs a body of the driver; what it throws breaks the run off.
  void guarded(const std::function<void()>& body);
  [[nodiscard]] nlohmann::json where() const;

  Machine& machine_;
  const ChildRequest& request_;
  EventSink events_;
  std::unique_ptr<LoadedDriver> driver_;
  std::vector<std::unique_ptr<WatchedBar>> bars_;
  hw::Platform platform_;
  std::unique_ptr<Judge> judge_;
  std::unique_ptr<Traps> traps_;
  std::unique_ptr<DmaWatch> dma_;
  std::unique_ptr<replay::Recorder> recorder_;
  std::unique_ptr<dxgkrnl::Kernel> kernel_;
  std::unique_ptr<Guarantees> guarantees_;
  std::map<std::string, std::uint64_t> guarantees_checked_;
  std::unordered_map<std::uintptr_t, Thread> threads_;
  using SystemPage = std::pair<std::string, std::uint64_t>;  ///< link and number
  std::map<const void*, std::vector<SystemPage>> system_adls_;
  std::multiset<SystemPage> system_pages_;
  std::string stage_;
  std::string last_error_;  ///< what the kernel said of the last broken rule
  Frames last_frames_;      ///< and where
  Frames call_frames_;      ///< of the callback that begins or ends
  std::string stopped_in_;  ///< the innermost call that a bugcheck came through; empty: none did
  std::string stopped_ddi_;
  bool started_ = false;
};

}  // namespace gpudmar::sim::kmd
