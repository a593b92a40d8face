// SPDX-License-Identifier: Apache-2.0
// Inner state of a scenario's run, shared by its source files only.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "driver-model/kmd/escape.h"
#include "sim/scenario/guarantees.h"
#include "sim/scenario/scenario.h"
#include "sim/scenario/system_actions.h"

namespace gpudmar::sim {

/// What went wrong in a step; the place is added where it is caught.
class StepFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class ScenarioRunner {
 public:
  ScenarioRunner(Machine& machine, const Scenario& scenario, std::uint64_t seed, const RunChoices& choices,
                 ScenarioResult& result);
  ~ScenarioRunner();
  ScenarioRunner(const ScenarioRunner&) = delete;
  ScenarioRunner& operator=(const ScenarioRunner&) = delete;
  void run();

 private:
  using Variables = std::map<std::string, std::string>;
  /// One step as it runs: its values, with the variables of the repeats around it put in.
  struct Call {
    const ScenarioStep& step;
    nlohmann::json args;
    [[nodiscard]] bool has(const char* key) const { return args.contains(key); }
    [[nodiscard]] std::string text(const char* key, const std::string& fallback = {}) const;
    [[nodiscard]] std::uint64_t number(const char* key, std::uint64_t fallback = 0) const;
  };
  /// Thrown after a failure was noted: unwinds the thread.
  struct Stop {};

  struct Object {
    HANDLE physical = nullptr;
    HANDLE adapter = nullptr;  ///< as last opened; stays after Close, so that misuse can be shown
    bool open = false;
    bool live = true;  ///< false, too, when Create failed: the handles are NULL then
    std::uint64_t size = 0;
  };
  struct View {
    std::string object;
    HANDLE physical = nullptr;
    void* base = nullptr;          ///< as mapped
    std::uint64_t mapped = 0;      ///< bytes from base
    std::uint8_t* data = nullptr;  ///< first byte asked for
    std::uint64_t size = 0;        ///< bytes asked for
    bool live = true;
  };
  struct Adl {
    std::string object;
    DXGK_ADL* adl = nullptr;
    std::vector<std::uint64_t> pages;
  };
  /// Memory of the callbacks of WDDM 2.4.
  struct Block {
    HANDLE handle = nullptr;  ///< stays, so that misuse can be shown
    PMDL mdl = nullptr;       ///< the system's, or `own`
    bool own = false;         ///< the step made the MDL
    bool live = false;
  };
  struct Allocation {
    unsigned gpu = 0;
    dxgkrnl::AllocationId id = 0;
  };
  /// A side of a copy, as runs of consecutive device addresses.
  struct Place {
    std::uint32_t kind = GDM_OPERAND_VRAM;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> runs;  ///< address, bytes
  };
  struct Job {
    unsigned gpu = 0;
    bool done = false;
    std::string failure;
  };

  // Control flow, run.cpp.
  void boot();
  NTSTATUS start_system();
  void shut_down();
  void steps(const std::vector<ScenarioStep>& list, const Variables& variables, bool top);
  void execute(const ScenarioStep& step, const Variables& variables);
  void dispatch(const Call& call, const Variables& variables);
  bool dispatch_system(const Call& call);  ///< false: no such step
  void repeat(const Call& call, const Variables& variables);
  void parallel(const ScenarioStep& step, const Variables& variables);
  void account();  ///< adds the counts of this system to the result's; once, at its end
  void note(const ScenarioStep& step, const std::string& what);
  [[nodiscard]] static nlohmann::json substitute(const nlohmann::json& value, const Variables& variables);
  /// Runs `action` in a thread of its own, beginning in the present cycle.
  void spawn(std::function<void()> action);
  /// Makes the call and throws StepFailure unless it ends as "expect" says; its status.
  NTSTATUS expect(const Call& call, const std::function<NTSTATUS()>& action);
  /// Throws StepFailure unless `status` is one of those that "expect" names.
  static void expect_status(const nlohmann::json& args, NTSTATUS status, const std::string& what);

  // Callbacks, run_calls.cpp.
  void create(const Call& call);
  void open(const Call& call);
  void close(const Call& call);
  void destroy(const Call& call);
  void map(const Call& call);
  void unmap(const Call& call);
  void adl(const Call& call);
  void free(const Call& call);
  void touch(const Call& call, bool write);
  /// Writes or compares what the step says, from the step's "from" on.
  void touch_bytes(const Call& call, std::uint8_t* data, std::uint64_t size, bool write);
  void trim(const Call& call);
  void exit_process(const Call& call);
  /// The process that "process" names, made when it is first named; the system's without that key.
  [[nodiscard]] dxgkrnl::ProcessId process(const Call& call);
  /// Throws StepFailure for a view without write access.
  void require_writable(HANDLE physical, const void* base) const;
  [[nodiscard]] Object& object(const std::string& name);
  [[nodiscard]] View& view(const std::string& name);
  [[nodiscard]] Adl& adl_named(const std::string& name);
  /// As "adapter" and "bad_adapter" say.
  [[nodiscard]] HANDLE device_handle(const Call& call) const;
  /// What stands in a handle argument: the right one, or what "handle" says.
  [[nodiscard]] static HANDLE given_handle(const Call& call, HANDLE right, HANDLE other);
  [[nodiscard]] static std::uint64_t flags(const nlohmann::json& value,
                                           const std::vector<std::pair<std::string, std::uint32_t>>& names);

  void fail(const Call& call);  ///< failures.cpp

  // The system, run_system.cpp.
  void allocate(const Call& call);
  void deallocate(const Call& call);
  void resident(const Call& call);
  void evict(const Call& call);
  void fill_resident(const Call& call);
  void discard(const Call& call);
  void touch_allocation(const Call& call, bool write);
  void hang(const Call& call);
  void check_paging(const Call& call);
  void check_calls(const Call& call);
  void power(const Call& call);
  void remove(const Call& call);
  void isolate(const Call& call);
  [[nodiscard]] std::size_t link_of(unsigned gpu) const;  ///< index among the links that there are
  [[nodiscard]] dxgkrnl::Paging& paging(unsigned gpu) const;
  [[nodiscard]] replay::SystemCalls system_calls() const { return {*kernel_, choices_.recorder}; }
  [[nodiscard]] Allocation& allocation(const std::string& name);
  [[nodiscard]] dxgkrnl::AllocationView allocation_view(const std::string& name);
  [[nodiscard]] Place allocation_place(const std::string& name, std::uint64_t offset, std::uint64_t size);

  // The callbacks of WDDM 2.4 and of save areas, run_legacy.cpp.
  bool dispatch_legacy(const Call& call);  ///< false: no such step
  void contiguous(const Call& call);
  void free_contiguous(const Call& call);
  void pages_for_mdl(const Call& call);
  void free_pages(const Call& call);
  void map_mdl(const Call& call);
  void unmap_mdl(const Call& call);
  void pin(const Call& call);
  void unpin(const Call& call);
  void map_frame_buffer(const Call& call);
  void unmap_frame_buffer(const Call& call);
  [[nodiscard]] Block& block(const std::string& name);
  [[nodiscard]] HANDLE block_handle(const Call& call);
  [[nodiscard]] PMDL make_mdl(const Call& call);
  void require_new(const std::string& name);
  void drop_view(const std::string& name);

  // GPUs, run_gpu.cpp.
  void copy(const Call& call);
  void wait_gpu(const Call& call);
  void probe(const Call& call);
  void wait_jobs(std::optional<unsigned> gpu);
  [[nodiscard]] Place place(const Call& call, const char* key, std::uint64_t size);
  NTSTATUS move(unsigned gpu, const Place& from, const Place& to, std::uint64_t size, bool no_snoop,
                GdmChannelError& error);
  [[nodiscard]] unsigned gpu_of(const Call& call) const;
  [[nodiscard]] std::uint64_t adl_address(const std::string& name, std::uint64_t offset);

  Machine& machine_;
  hw::Platform kernel_platform_;  ///< registers watched by the recorder, devices that can be removed
  hw::Platform platform_;         ///< the bench's
  RemovableBars bars_;
  const Scenario& scenario_;
  std::uint64_t seed_;
  const RunChoices& choices_;
  ScenarioResult& result_;
  std::unique_ptr<dxgkrnl::Kernel> kernel_;
  std::unique_ptr<Guarantees> guarantees_;  ///< after the kernel: it looks at it until its own end
  DXGKRNL_INTERFACE callbacks_{};
  bool started_ = false;
  bool down_ = false;  ///< a bugcheck stopped the system
  bool failed_ = false;
  unsigned threads_ = 0;  ///< of parallel steps, running
  std::uint64_t spawned_ = 0;
  std::map<std::string, Object> objects_;
  std::map<std::string, View> views_;
  std::map<std::string, Adl> adls_;
  std::map<std::string, Block> blocks_;
  std::map<std::string, dxgkrnl::ProcessId> processes_;
  std::map<std::string, Allocation> allocations_;
  std::set<std::size_t> asleep_;  ///< functions below D0
  std::list<std::shared_ptr<Job>> jobs_;
};

}  // namespace gpudmar::sim
