// SPDX-License-Identifier: Apache-2.0
// Who is told of what: the kernel's calls, its routines, registers, threads.
#include "sim/kmd/child_run.h"

#include <fmt/format.h>

#include <systemc>
#include <utility>

#include "sim/scenario/system.h"

namespace gpudmar::sim::kmd {
namespace {

constexpr std::size_t kThreadStack = 8U << 20;
constexpr std::uint64_t kPreemptionCycles = 20'000;

std::uintptr_t current_process() {
  return reinterpret_cast<std::uintptr_t>(sc_core::sc_get_current_process_handle().get_process_object());
}

bool is_entry_point(const std::string& name) {
  return name.rfind("DxgkDdi", 0) == 0 || name == "DriverEntry";
}

}  // namespace

class ChildRun::WatchedBar final : public hw::Mmio {
 public:
  WatchedBar(hw::Mmio& bar, std::function<void()> used) : bar_(bar), used_(std::move(used)) {}
  [[nodiscard]] hw::PhysAddr base() const override { return bar_.base(); }
  [[nodiscard]] std::uint64_t size() const override { return bar_.size(); }
  [[nodiscard]] std::uint32_t read32(std::uint64_t offset) override {
    used_();
    return bar_.read32(offset);
  }
  [[nodiscard]] std::uint64_t read64(std::uint64_t offset) override {
    used_();
    return bar_.read64(offset);
  }
  void write32(std::uint64_t offset, std::uint32_t value) override {
    used_();
    bar_.write32(offset, value);
  }
  void write64(std::uint64_t offset, std::uint64_t value) override {
    used_();
    bar_.write64(offset, value);
  }

 private:
  hw::Mmio& bar_;
  std::function<void()> used_;
};

ChildRun::ChildRun(Machine& machine, const ChildRequest& request)
    : machine_(machine), request_(request), events_(request.events), platform_(machine.platform()) {
  for (hw::Function& function : platform_.functions) {
    bars_.push_back(std::make_unique<WatchedBar>(*function.bar0, [this] { active(); }));
    function.bar0 = bars_.back().get();
  }
  make_judge();
  dma_ = std::make_unique<DmaWatch>(
      machine_,
      [this](unsigned adapter, std::uint64_t page) {
        const auto& functions = kernel_->functions();
        for (const auto& function : functions) {
          if (function->index() != adapter || function->device_handle == nullptr) continue;
          const auto views = kernel_->adapters();
          for (unsigned link = 0; link < views.size(); ++link)
            for (const std::size_t member : views[link].members)
              if (member == adapter)
                return judge_->is_live(link, page) || system_pages_.count({views[link].name, page}) != 0;
        }
        return false;
      },
      [this](const StrayRequest& stray) {
        events_.send({{"t", "dma"},
                      {"adapter", stray.adapter},
                      {"write", stray.write},
                      {"address", stray.address},
                      {"cycle", stray.cycle},
                      {"freed", stray.freed},
                      {"f", stray.freed_by}});
      });
  if (!request.record.empty()) {
    const Scenario& system = request.plan.system;
    recorder_ = std::make_unique<replay::Recorder>(
        machine, request.record,
        nlohmann::json{{"source", "kmd"},
                       {"call_cycles", request.limits.call_cycles},
                       {"machine", replay::machine_to_json(machine.config(), system.linked)},
                       {"start", start_to_json(system.start)}});
    platform_ = recorder_->watch(platform_);
  }
  kernel_ = std::make_unique<dxgkrnl::Kernel>(platform_, kernel_config());
  if (recorder_ != nullptr) recorder_->attach(*kernel_);
  kernel_->calls().watch(
      [this](const dxgkrnl::CallRecord& record, bool finished) { call(record, finished); });
  kernel_->system_memory().watch(
      [this](const dxgkrnl::CallRecord& record, bool finished) { system_use(record, finished); });
}

ChildRun::~ChildRun() = default;

// What devices reach of the system's own: paging buffers, backing stores.
void ChildRun::system_use(const dxgkrnl::CallRecord& record, bool finished) {
  if (record.name == "DxgkCbAllocateAdl" && finished && record.status >= 0) {
    const auto& args = *static_cast<const DXGKARGCB_ALLOCATE_ADL*>(record.arguments);
    const auto object = kernel_->memory().object(args.hAdapterMemoryObject);
    if (!object || args.pAdl == nullptr) return;
    auto& pages = system_adls_[args.pAdl];
    for (UINT32 i = 0; i < args.pAdl->PageCount; ++i)
      pages.emplace_back(object->adapter, args.pAdl->Flags.Contiguous != 0 ? args.pAdl->BasePageNumber + i
                                                                           : args.pAdl->Pages[i]);
    system_pages_.insert(pages.begin(), pages.end());
  } else if (record.name == "DxgkCbFreeAdl" && finished) {
    const auto adl = system_adls_.find(static_cast<const DXGKARGCB_FREE_ADL*>(record.arguments)->pAdl);
    if (adl == system_adls_.end()) return;
    for (const auto& page : adl->second) system_pages_.erase(system_pages_.find(page));
    system_adls_.erase(adl);
  }
}

dxgkrnl::KernelConfig ChildRun::kernel_config() const {
  const ScenarioStart& start = request_.plan.system.start;
  dxgkrnl::KernelConfig config = sim::kernel_config(machine_.config().seed);
  config.placement = start.placement;
  if (start.page_file) config.page_file_pages = *start.page_file / hw::kPageSize;
  config.shuffle_logical = start.shuffle_logical;
  config.force_logical = start.iommu == ScenarioStart::Iommu::kLogical;
  config.isolation = start.iommu == ScenarioStart::Iommu::kIsolation;
  const_cast<ChildRun*>(this)->hook_runtime(config.runtime);
  return config;
}

void ChildRun::hook_runtime(wdk::Runtime::Options& options) {
  options.infinite_wait_cycles = request_.limits.wait_cycles;
  options.debug_output = [this](std::string_view text) { events_.send({{"t", "print"}, {"text", text}}); };
  options.on_call = [this](const char*) {
    active();
    machine_.engine().wait_cycles(request_.limits.call_cycles);
  };
  options.on_rule_error = [this](const std::string& what) {
    last_error_ = what;
    last_frames_ = driver_frames(driver_->module());
    events_.send({{"t", "rule"}, {"rule", "wdk"}, {"text", what}, {"f", last_frames_}, {"in", where()}});
  };
  options.on_loan = [this](const char* kind, const void* what, std::size_t bytes, bool begins) {
    if (driver_ == nullptr) return;
    const Frames frames = begins ? driver_frames(driver_->module()) : Frames();
    events_.send({{"t", "loan"},
                  {"kind", kind},
                  {"id", reinterpret_cast<std::uintptr_t>(what)},
                  {"bytes", bytes},
                  {"begins", begins},
                  {"f", frames}});
  };
  options.spawn = [this](const std::string& name, std::function<void()> body) {
    sc_core::sc_spawn_options spawn_options;
    spawn_options.set_stack_size(kThreadStack);
    sc_core::sc_spawn(
        [this, name, body = std::move(body)] {
          thread().name = name;
          guarded(body);
          threads_.erase(current_process());
        },
        sc_core::sc_gen_unique_name("driver_thread"), &spawn_options);
  };
}

void ChildRun::make_judge() {
  Judge::Hooks hooks;
  hooks.broken = [this](const std::string& rule, const std::string& what) {
    events_.send({{"t", "rule"}, {"rule", rule}, {"text", what}, {"f", call_frames_}, {"in", where()}});
  };
  hooks.loan = [this](const char* kind, std::uint64_t id, std::uint64_t pages, bool begins) {
    events_.send({{"t", "loan"},
                  {"kind", kind},
                  {"id", id},
                  {"pages", pages},
                  {"begins", begins},
                  {"f", begins ? call_frames_ : Frames()}});
  };
  hooks.freed = [this](unsigned link, const std::vector<std::uint64_t>& pages) {
    dma_->freed(link, pages, call_frames_);
  };
  hooks.link_of = [this](HANDLE adapter) -> std::optional<unsigned> {
    const dxgkrnl::PhysicalAdapter* physical = kernel_->find_adapter(adapter);
    if (physical == nullptr) return std::nullopt;
    const auto views = kernel_->adapters();
    for (unsigned link = 0; link < views.size(); ++link)
      for (const std::size_t member : views[link].members)
        if (member == physical->index()) {
          for (const std::size_t other : views[link].members)
            dma_->set_link(static_cast<unsigned>(other), link);
          return link;
        }
    return std::nullopt;
  };
  hooks.is_lead = [this](HANDLE adapter) { return kernel_->space_of_lead(adapter) != nullptr; };
  hooks.pages_of = [this](HANDLE memory) {
    const auto object = kernel_->memory().object(memory);
    return object ? object->page_frames : std::vector<std::uint64_t>();
  };
  hooks.irql = [] { return static_cast<unsigned>(KeGetCurrentIrql()); };
  hooks.thread = [] { return static_cast<std::uint64_t>(current_process()); };
  judge_ = std::make_unique<Judge>(std::move(hooks));
}

ChildRun::Thread& ChildRun::thread() {
  const auto [entry, added] = threads_.try_emplace(current_process());
  if (added) {
    entry->second.number = static_cast<unsigned>(threads_.size());
    entry->second.name = sc_core::sc_get_current_process_handle().name();
  }
  return entry->second;
}

nlohmann::json ChildRun::where() const {
  const auto entry = threads_.find(current_process());
  return entry == threads_.end() || entry->second.ddis.empty() ? "" : entry->second.ddis.back();
}

void ChildRun::call(const dxgkrnl::CallRecord& record, bool finished) {
  Thread& now = thread();
  const bool entry = is_entry_point(record.name);
  if (!finished) {
    call_frames_ = driver_ == nullptr || entry ? Frames() : driver_frames(driver_->module());
    now.frames.push_back(call_frames_);
    events_.send({{"t", "call"}, {"name", record.name}, {"args", record.args}, {"cycle", record.begin}});
    judge_->begins(record.name, record.arguments, record.adapter);
    if (entry) {
      if (now.ddis.empty()) now.ddi_begin = record.begin;
      now.ddis.push_back(record.name);
    } else {
      active();
      machine_.engine().wait_cycles(request_.limits.call_cycles);
    }
    return;
  }
  if (!now.frames.empty()) {
    call_frames_ = now.frames.back();
    now.frames.pop_back();
  }
  if (record.bugcheck && stopped_in_.empty()) {
    stopped_in_ = record.name;
    stopped_ddi_ = now.ddis.empty() ? "" : now.ddis.back();
    if (!entry) last_frames_ = call_frames_;
  }
  judge_->ends(record.name, record.arguments, record.status, record.bugcheck, record.adapter);
  if (!entry) return;
  if (!now.ddis.empty()) now.ddis.pop_back();
  ++now.activity;
  // Off the driver's own thread nobody above catches what stops the system.
  if (record.bugcheck && (record.name == "DxgkDdiInterruptRoutine" || record.name == "DxgkDdiDpcRoutine"))
    break_off("bugcheck", last_error_.empty() ? record.name + " stopped the system" : last_error_,
              last_frames_);
}

void ChildRun::active() {
  Thread& now = thread();
  ++now.activity;
  now.preemptions = 0;
  if (now.ddis.empty()) return;
  const std::uint64_t gone = machine_.board().cycles() - now.ddi_begin;
  if (gone > request_.limits.ddi_cycles)
    break_off("endless_loop", fmt::format("{} has not returned after {} cycles", now.ddis.back(), gone),
              driver_frames(driver_->module()));
}

void ChildRun::preempted(const Frames& frames) {
  Thread& now = thread();
  if (++now.preemptions == 1) events_.send({{"t", "poll"}, {"f", frames}, {"in", where()}});
  if (now.preemptions > request_.limits.preemptions)
    break_off("endless_loop", "a thread runs on without a call, a register access or a wait", frames);
  machine_.engine().wait_cycles(kPreemptionCycles);
}

}  // namespace gpudmar::sim::kmd
