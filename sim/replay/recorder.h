// SPDX-License-Identifier: Apache-2.0
// Writes a trace of a run (docs/replay.md): every call across the driver interface, what the driver does to
// registers, the work it hands to the engines, faults.
#pragma once

#include <cstdint>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "driver-model/dxgkrnl/kernel.h"
#include "sim/bench/machine.h"
#include "sim/replay/dma_log.h"
#include "sim/replay/entry_points.h"
#include "sim/replay/functions.h"
#include "sim/replay/mdl.h"
#include "sim/replay/places.h"

namespace gpudmar::sim::replay {

inline constexpr unsigned kTraceVersion = 1;

/// One run's trace. Used in SC_THREADs; costs no simulated time.
class Recorder {
 public:
  /// Opens the file and writes its head: `head` has "machine", "start" and what else is to be told. Throws
  /// std::runtime_error when it cannot be written.
  Recorder(Machine& machine, const std::string& path, const nlohmann::json& head);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  /// The platform that the kernel is to be made on: the driver's register accesses are seen there.
  [[nodiscard]] hw::Platform watch(const hw::Platform& platform);
  /// The same for a bench that reads the unit's registers itself.
  [[nodiscard]] hw::Platform watch_bench(const hw::Platform& platform);
  /// Call with each kernel after it was made and before its driver is loaded.
  void attach(dxgkrnl::Kernel& kernel);
  /// The kernel ends.
  void detach();
  /// What is still open is written as far as it is known; nothing is recorded afterwards. `failures`: of the
  /// run.
  void close(const std::vector<std::string>& failures);

  /// A new name for an allocation of an adapter's link, and the newest one.
  std::string name_allocation(std::size_t adapter, dxgkrnl::AllocationId id);
  [[nodiscard]] std::string allocation_name(std::size_t adapter, dxgkrnl::AllocationId id) const;

  /// What the system does of its own accord, as long as this lives: "load", "start", ... `recorder` may be
  /// null.
  class Action {
   public:
    Action(Recorder* recorder, const std::string& name, const nlohmann::json& in = nlohmann::json::object());
    ~Action();
    Action(const Action&) = delete;
    Action& operator=(const Action&) = delete;
    /// Its result, and hands it on.
    NTSTATUS done(NTSTATUS status);
    /// What came of it.
    void out(const nlohmann::json& values);

   private:
    Recorder* recorder_;
    nlohmann::json line_;
    int exceptions_;
  };

 private:
  class Window;
  struct Open {
    nlohmann::json line;
    const Function* function = nullptr;
    EntryPointBegin begin;  ///< of an entry point
  };

  void write(const nlohmann::json& line);
  [[nodiscard]] std::string thread();
  /// "seq", "cycle" and "thread" of something that begins now.
  [[nodiscard]] nlohmann::json begin();
  void end(nlohmann::json& line);
  void call(const dxgkrnl::CallRecord& record, bool finished);
  void call_begins(const dxgkrnl::CallRecord& record);
  void call_ends(const dxgkrnl::CallRecord& record);
  void fault(const vtd::FaultRecord& record);
  void access(const std::string& window, unsigned adapter, std::uint64_t offset, unsigned bytes, bool write,
              std::uint64_t& value, const std::function<void()>& run);
  void doorbell(unsigned adapter, const Rings::Work& work);
  [[nodiscard]] nlohmann::json page_list(const Descriptor& descriptor, std::size_t link);
  /// What the driver has made of MDLs, as far as the trace does not say it yet.
  void look_at_mdl(const dxgkrnl::CallRecord& record, nlohmann::json& in);
  void note_mdl(const dxgkrnl::CallRecord& record, const nlohmann::json& in, const nlohmann::json& out);
  void note_submission(const dxgkrnl::CallRecord& record);
  void dma_ended(std::size_t id, const std::string& result, bool write, std::uint64_t address);
  [[nodiscard]] std::size_t link_of(unsigned adapter) const;

  Machine& machine_;
  std::ofstream file_;
  std::string path_;
  dxgkrnl::Kernel* kernel_ = nullptr;
  std::vector<std::unique_ptr<Window>> windows_;
  DmaEnds ends_;
  Handles handles_;
  Places places_;
  MdlNotes mdls_;
  std::vector<Rings> rings_;
  std::vector<std::size_t> links_;  ///< by adapter, as last seen
  std::uint64_t next_seq_ = 1;
  std::map<std::uintptr_t, std::string> threads_;
  std::map<std::uint64_t, Open> open_;         ///< calls under way, by the log's id
  std::map<std::size_t, nlohmann::json> dma_;  ///< work under way, by number
  std::size_t next_dma_ = 0;
  unsigned allocations_ = 0;  ///< named
  bool closed_ = false;
};

/// The "machine" and "start" of a head, as docs/scenarios.md has them.
[[nodiscard]] nlohmann::json machine_to_json(const MachineConfig& machine, bool linked);

/// "out" of a call that is over, and what it made known: names come from `name`.
struct CallView {
  dxgkrnl::Kernel* kernel = nullptr;
  Handles* handles = nullptr;
  PageBook* pages = nullptr;
};
[[nodiscard]] nlohmann::json call_result(const CallView& view, const Function& function,
                                         const void* arguments, const nlohmann::json& in,
                                         const NameHandle& name);
/// The driver's answer to QueryAdapterInfo: fields by name; empty for types that say nothing here.
[[nodiscard]] nlohmann::json query_result(const DXGKARG_QUERYADAPTERINFO& query, const Handles& handles);
/// "out" of the action "load".
[[nodiscard]] nlohmann::json entry_points(const DRIVER_INITIALIZATION_DATA& driver);

}  // namespace gpudmar::sim::replay
