// SPDX-License-Identifier: Apache-2.0
// Makes the calls of a trace again, on the model and the RTL, and compares what comes of them.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <systemc>
#include <unordered_map>
#include <utility>
#include <vector>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "driver-model/dxgkrnl/interface_calls.h"
#include "sim/replay/engine.h"
#include "sim/replay/places.h"
#include "sim/replay/trace.h"
#include "sim/scenario/guarantees.h"
#include "sim/scenario/system_actions.h"

namespace gpudmar::sim::replay {

struct PlayOptions {
  bool cycles = false;  ///< everything in its recorded cycle, registers included, and compared
  unsigned until = 0;   ///< line of the last event; 0: all
  /// Cycles after the system's start in which all of it must end.
  std::uint64_t limit = ~std::uint64_t{0} >> 1;
};

struct Difference {
  unsigned line = 0;  ///< of the trace; 0: of no event
  std::string name;   ///< function, action or window
  std::string field;
  std::string expected;
  std::string got;
  std::uint64_t cycle = 0;
};

struct PlayResult {
  bool passed = false;
  std::optional<Difference> difference;
  std::vector<std::string> failures;  ///< what checkers found
  std::string rule;                   ///< of the first of those
  std::vector<std::string> notes;     ///< blocked requests of work without a result in the trace
  std::string bugcheck;               ///< that the run ended in, as the trace says; empty: none
  std::string blocked;                ///< the first blocked request, in words that are the same in each run
  std::uint64_t events = 0;           ///< that were made
  std::uint64_t cycles = 0;
  double khz = 0;
};

/// Why a run failed, the same for all that fail alike: a difference, else a broken rule, else the bugcheck
/// that it ended in, else a blocked request. Empty: none of them.
[[nodiscard]] std::string kind_of(const PlayResult& result);

class Player {
 public:
  /// Throws TraceError when the trace has not what the options need.
  Player(Machine& machine, const Trace& trace, const PlayOptions& options);
  ~Player();
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;
  /// In an SC_THREAD, on a machine as the trace's head says, freshly reset. Never throws.
  [[nodiscard]] PlayResult run();

  // ---- For the entry points of the driver that it plays
  struct Device {
    std::size_t index = 0;
  };
  [[nodiscard]] static Player& active();
  NTSTATUS add_device(PVOID* context);
  NTSTATUS link_device(const Device& device, LINKED_DEVICE& link);
  NTSTATUS start_device(const Device& device, dxgkrnl::StartDeviceArguments& args);
  NTSTATUS query(const Device& device, const DXGKARG_QUERYADAPTERINFO& query);
  NTSTATUS submit(const Device& device, const DXGKARG_SUBMITCOMMAND& args);
  /// Any other: its status, and its answer in the structures.
  NTSTATUS entry(const char* name, const Device& device, void* arguments = nullptr);
  BOOLEAN interrupt(const Device& device);
  void dpc(const Device& device);

 private:
  /// Unwinds a thread after the end was decided.
  struct Stop {};
  static constexpr std::size_t kNone = ~std::size_t{0};

  // Order and time, player.cpp.
  void prepare();
  void hoist();
  void find_races();
  [[nodiscard]] bool may_come(std::uint64_t waited) const;
  /// A bugcheck ended it, and what was inside.
  void over(std::size_t index);
  /// Nobody makes it of his own accord here.
  [[nodiscard]] bool is_orphan(const Event& event) const;
  [[nodiscard]] bool is_active(const Event& event) const;
  void run_thread(const std::vector<std::size_t>& roots);
  void spawn(const char* name, std::function<void()> body);
  void take_turn(const Event& event, std::uint64_t seq, const std::optional<std::uint64_t>& cycle,
                 const char* when);
  [[nodiscard]] bool ready(std::uint64_t seq) const;
  void happened(std::uint64_t seq);
  void differ(const Event* event, const std::string& field, const std::string& expected,
              const std::string& got);
  void check_cycle(const Event& event, const std::optional<std::uint64_t>& cycle, const char* field);
  [[noreturn]] static void stop() { throw Stop(); }
  [[nodiscard]] std::vector<std::size_t>& context();
  void watch_violations();

  // Events, player_calls.cpp.
  void execute(std::size_t index);
  void callback(std::size_t index);
  void entry_root(std::size_t index);
  void action(std::size_t index);
  NTSTATUS act(const Event& event);
  NTSTATUS page(const Event& event);
  NTSTATUS allocate(const Event& event);
  NTSTATUS power(const Event& event);
  void access(const Event& event);
  void work(const Event& event);
  void finish_work(const Event& event, const Engine::Result& result);
  void compare_status(const Event& event, NTSTATUS status);
  void compare_out(const Event& event, const nlohmann::json& out);
  void compare_bugcheck(const Event& event, const wdk::BugCheck& bugcheck);
  void children(const Event& event, bool entry_points);
  [[nodiscard]] std::optional<std::string> fill(const Event& event, const Function& function, void* arguments,
                                                HANDLE& device);
  /// What the driver has made of an MDL before the call.
  void make_mdl(const Event& event);
  /// Which page frames stand here for those of the trace.
  void note_frames(const Event& event, const nlohmann::json& out);
  [[nodiscard]] std::vector<Descriptor> descriptors(const Event& event, std::size_t link);
  [[nodiscard]] std::size_t link_of(const Event& event) const;
  void fault(const vtd::FaultRecord& record);
  void boot();
  /// Cycles that the recorded system spent around a call.
  void take_time(const dxgkrnl::CallRecord& record, bool finished);
  void shut();
  [[nodiscard]] dxgkrnl::ProcessId process(const std::string& name);

  // Entry points, player_driver.cpp.
  /// The event behind a call of the kernel's, begun; null: the trace says nothing of it.
  [[nodiscard]] const Event* begin_entry(const char* name, std::size_t adapter,
                                         const void* arguments = nullptr);
  void compare_arguments(const Event& event, const void* arguments);
  [[nodiscard]] std::uint64_t driver_handle(const nlohmann::json& name);
  NTSTATUS end_entry(const Event* event);
  void answer(const Device& device, const Event* event, const DXGKARG_QUERYADAPTERINFO& query) const;

  Machine& machine_;
  const Trace& trace_;
  PlayOptions options_;
  PlayResult result_;
  std::vector<Event> events_;  ///< the trace's, as they are played
  std::vector<bool> active_;
  std::vector<bool> consumed_;
  std::map<std::pair<std::string, int>, std::deque<std::size_t>>
      from_outside_;  ///< entry points without a parent
  std::map<std::string, std::vector<std::size_t>> threads_;
  std::deque<std::pair<std::uint64_t, std::size_t>> order_;  ///< seqs to come, and whose
  std::set<std::uint64_t> early_;                            ///< that happened before their turn
  sc_core::sc_event progress_;
  std::size_t running_ = 0;
  std::size_t waiting_ = 0;  ///< of those, for their turn
  bool paging_ = false;      ///< the driver takes part in paging
  bool timeouts_ = false;    ///< and its work was late
  bool stopped_ = false;
  bool down_ = false;  ///< a bugcheck stopped the system
  unsigned epoch_ = 0;
  std::map<std::uintptr_t, std::vector<std::size_t>> contexts_;

  hw::Platform platform_;
  RemovableBars bars_;
  std::unique_ptr<dxgkrnl::Kernel> kernel_;
  std::unique_ptr<Guarantees> guarantees_;
  std::map<std::string, std::uint64_t> checked_;
  DRIVER_INITIALIZATION_DATA driver_{};
  DXGKRNL_INTERFACE callbacks_{};
  std::deque<Device> devices_;
  Handles handles_;
  Places places_;
  std::vector<std::size_t> links_;
  std::map<std::string, dxgkrnl::ProcessId> processes_;
  std::deque<std::vector<std::uint64_t>> mdls_;  ///< of the driver's own; the kernel may still look at any
  std::map<std::uint64_t, PMDL> mapped_mdls_;    ///< by the handle of the mapping
  std::unordered_map<std::uint64_t, std::uint64_t> frames_;
  std::uint64_t driver_handles_ = 0;  ///< given out
  std::vector<std::unique_ptr<Engine>> engines_;
  std::vector<const Event*> working_;  ///< by adapter: the newest work
  std::set<std::string> raced_;        ///< ADLs that were freed while work on them was under way
  std::deque<const Event*> faults_;    ///< exact: to come
};

}  // namespace gpudmar::sim::replay
