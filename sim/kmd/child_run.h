// SPDX-License-Identifier: Apache-2.0
// The state of a child's run, shared by its source files only.
#pragma once

#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "driver-model/dxgkrnl/kernel.h"
#include "sim/kmd/address_book.h"
#include "sim/kmd/child.h"
#include "sim/kmd/dma_watch.h"
#include "sim/kmd/fence_watch.h"
#include "sim/kmd/frames.h"
#include "sim/kmd/guarded_interrupts.h"
#include "sim/kmd/judge.h"
#include "sim/kmd/paged_pool.h"
#include "sim/kmd/trap.h"
#include "sim/kmd/watched_bar.h"
#include "sim/kmd/watched_memory.h"
#include "sim/replay/recorder.h"
#include "sim/replay/system_calls.h"
#include "sim/scenario/guarantees.h"

namespace gpudmar::sim::kmd {

inline constexpr const char* kPagingBuffer = "paging buffer";
inline constexpr std::uint64_t kCleanUpCycles = 1000;  // from a reset to what the system does next

/// The running thread of the simulation, as a number.
[[nodiscard]] std::uintptr_t current_process();

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
    std::vector<std::string> ddis;   ///< entry points under way, the innermost last
    std::vector<Frames> frames;      ///< where its calls under way were made, the innermost last
    std::vector<std::string> calls;  ///< their names
    std::uint64_t ddi_begin = 0;     ///< cycle of the outermost
    std::uint64_t activity = 0;      ///< calls and register accesses
    unsigned preemptions = 0;        ///< since the last of them
    Frames last;                     ///< where it last made one
    std::uint64_t last_cycle = 0;
    bool of_driver = false;  ///< the driver made it
    unsigned number = 0;
    /// Of the SubmitCommand under way.
    std::optional<FenceWatch::Submission> submission;
  };
  struct Allocation {
    std::string link;
    dxgkrnl::AllocationId id = 0;
    bool filled = true;  ///< false: the last fill was left out
  };

  // child_run.cpp: who is told of what.
  [[nodiscard]] dxgkrnl::KernelConfig kernel_config() const;
  void pass_call();  ///< the time that a call into the kernel takes
  void hook_runtime(wdk::Runtime::Options& options);
  void make_judge();
  [[nodiscard]] bool reaches(unsigned adapter, std::uint64_t page) const;
  /// Of the link that an adapter handle belongs to; nullopt: no live handle.
  [[nodiscard]] std::optional<unsigned> link_number(HANDLE adapter);
  [[nodiscard]] std::optional<bool> is_done(const FenceWatch::Submission& submission);
  /// Who submits what, and the beginning of a reset.
  void watch_fences(const dxgkrnl::CallRecord& record, bool finished);
  void call(const dxgkrnl::CallRecord& record, bool finished);
  void call_begins(const dxgkrnl::CallRecord& record);
  void call_ends(const dxgkrnl::CallRecord& record);
  void system_use(const dxgkrnl::CallRecord& record, bool finished);
  [[nodiscard]] Thread& thread();
  /// Null: it is none that did anything yet.
  [[nodiscard]] const Thread* known_thread() const;
  /// The driver's frames of the running thread.
  [[nodiscard]] Frames here() const;
  /// Where the running thread called last.
  [[nodiscard]] const Frames& last_call() { return thread().last; }
  /// The running thread did something that the bench sees; breaks off what takes too long.
  void active(const Frames& at);
  /// Of the threads in the driver the one that the others wait for, as far as can be told.
  [[nodiscard]] Traps::Place waiting() const;
  void preempted(const Frames& frames);
  [[nodiscard]] std::string where() const;

  // child_memory.cpp: what the driver does with addresses.
  void watch_memory();
  void loan(const char* kind, const void* what, std::size_t bytes, bool begins);
  void watch_paged_pool();
  /// True: the access can be made again. Does not return from one that is forbidden.
  bool serve_fault(std::uintptr_t address, std::uintptr_t pc);
  /// The last words: what lay where the driver went.
  void crashed(const Traps::Crash& crash);

  // child_devices.cpp: what the devices do, and who had them do it.
  struct Place {
    Frames frames;
    std::string in;  ///< entry point
  };
  void make_dma_watch();
  [[nodiscard]] WatchedBar::Hooks bar_hooks(unsigned adapter);
  /// Of the register access that runs.
  [[nodiscard]] Place access_place();
  void tell_of_device(const std::string& rule, const std::string& text, const Place& place);
  void tell_stray(const StrayRequest& stray);
  void tell_blocked(const BlockedRequest& blocked);
  void tell_channel_error(unsigned adapter, const ChannelError& error);
  /// A doorbell of the GPU is rung. True: its channel hangs from here on.
  bool doorbell(unsigned adapter);
  /// The devices' side of power states, resets and exclusive access: who may make requests.
  void watch_devices(const dxgkrnl::CallRecord& record, bool finished);
  void watch_power(const dxgkrnl::CallRecord& record, bool finished);
  void fall_asleep(std::size_t adapter, bool asleep);
  /// E18: what a driver leaves on.
  void device_stopped(const dxgkrnl::CallRecord& record);
  void look_at_channels();
  /// E14: an interrupt that is not the device's, as on a line that others share.
  void interrupt_without_cause();
  void interrupt_routine_ends(const dxgkrnl::CallRecord& record);

  // child_steps.cpp: what the plan does.
  void step(const Step& step);
  void start(const Step& step);
  void stop();
  void power(const Step& step);
  void reattach();
  void query(const Step& step);
  void escape(const Step& step);
  void allocate(const Step& step);
  void touch(const Step& step, std::size_t link, Allocation& target);
  void page(const Step& step);
  void remove(const Step& step);
  void isolate(const Step& step);
  void fail(const Step& step);
  /// What a step ended with, against what it was to end with.
  void outcome(const Step& step, NTSTATUS status);
  [[nodiscard]] bool memory_ran_out() const;
  [[nodiscard]] std::optional<std::size_t> link_index(const std::string& name) const;
  /// The one that the step names; nullopt, after saying so, when there is none.
  [[nodiscard]] std::optional<std::size_t> link_of(const Step& step);
  [[nodiscard]] std::size_t adapter_of(std::size_t link) const;
  [[nodiscard]] replay::SystemCalls system_calls() const { return {*kernel_, recorder_.get()}; }
  /// Time-outs of paging work that nobody asked for.
  void look_for_timeouts();
  void note(const std::string& text) { events_.send({{"t", "note"}, {"text", text}}); }
  void problem(const std::string& text) { events_.send({{"t", "problem"}, {"text", text}}); }

  // child.cpp: from the load to the end.
  void stage(const std::string& name);
  void run_plan();
  void unload();
  [[noreturn]] void start_failed(const std::string& why);
  /// Tells why, and ends the process.
  [[noreturn]] void break_off(const std::string& kind, const std::string& what, const Frames& frames);
  [[noreturn]] void end(int code);
  /// Runs a body of the driver; what it throws breaks the run off.
  void guarded(const std::function<void()>& body);

  Machine& machine_;
  const ChildRequest& request_;
  EventSink events_;
  LoadedDriver driver_;
  AddressBook addresses_;
  std::unique_ptr<WatchedMemory> memory_;
  std::unique_ptr<PagedPool> paged_;
  FenceWatch fences_;
  std::vector<std::unique_ptr<WatchedBar>> bars_;
  hw::Platform platform_;
  std::unique_ptr<GuardedInterrupts> interrupts_;
  std::mt19937_64 jitter_;
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
  std::string failed_start_;        ///< why, until that is told
  std::string last_error_;          ///< what the kernel said of the last broken rule
  Frames last_frames_;              ///< and where
  Frames call_frames_;              ///< of the callback that begins or ends
  std::vector<Frames> remembered_;  ///< of those that the judge comes back to
  std::string stopped_in_;          ///< the innermost call that a bugcheck came through; empty: none did
  std::string stopped_ddi_;
  bool started_ = false;
  bool absent_ = false;  ///< the last start failed for want of memory, as planned
  std::map<std::string, Allocation> allocations_;
  std::set<std::size_t> asleep_;                      ///< functions below D0
  std::map<unsigned, Place> rung_;                    ///< by adapter: where it was last given work
  std::map<unsigned, Place> enabled_;                 ///< where something of it was last switched on
  std::map<unsigned, std::uint64_t> blocked_before_;  ///< requests that were blocked before its last error
  std::uintptr_t without_cause_ = 0;                  ///< thread whose interrupt routine is called so
  bool claimed_ = false;                              ///< it claims the interrupt
  std::uint64_t hangs_ = 0;                           ///< submissions that are to hang yet
  std::uint64_t hung_ = 0;                            ///< that did
  std::uint64_t timeouts_ = 0;                        ///< that were seen
  std::map<std::string, unsigned> timeouts_of_;
  std::map<int, unsigned long> sources_;  ///< by function, that StartDevice has reported
  bool pool_fails_ = false;
};

}  // namespace gpudmar::sim::kmd
