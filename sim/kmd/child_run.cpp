// SPDX-License-Identifier: Apache-2.0
// Who is told of what: the kernel's calls, its routines, registers, threads.
#include "sim/kmd/child_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <systemc>
#include <utility>

#include "driver-model/dxgkrnl/driver_imports.h"
#include "driver-model/dxgkrnl/interface_calls.h"
#include "driver-model/wdk/runtime/kernel_objects.h"
#include "sim/scenario/system_start.h"

namespace gpudmar::sim::kmd {
namespace {

constexpr std::size_t kThreadStack = 8U << 20;
constexpr std::uint64_t kPreemptionCycles = 20'000;
constexpr std::uint64_t kAnswerCycles = 64;      // from a write's response to HEAD, and what is in between
constexpr std::uint64_t kInterruptCycles = 500;  // from the end of work to what the driver tells of it

// "link3": a link keeps its number when others go.
unsigned number_of(const dxgkrnl::AdapterView& link) {
  return static_cast<unsigned>(std::stoul(link.name.substr(link.name.find_first_of("0123456789"))));
}

bool is_entry_point(const std::string& name) {
  return name.rfind("DxgkDdi", 0) == 0 || name == "DriverEntry";
}

}  // namespace

std::uintptr_t current_process() {
  return reinterpret_cast<std::uintptr_t>(sc_core::sc_get_current_process_handle().get_process_object());
}

ChildRun::ChildRun(Machine& machine, const ChildRequest& request)
    : machine_(machine),
      request_(request),
      events_(request.events),
      driver_(request.driver),
      platform_(machine.platform()),
      jitter_(machine.config().seed) {
  // Below the bars: what does not reach the hardware is nothing that happened.
  if (!request.record.empty()) {
    const Scenario& system = request.plan.system;
    recorder_ = std::make_unique<replay::Recorder>(
        machine, request.record,
        nlohmann::json{{"source", "kmd"},
                       {"call_cycles", request.limits.call_cycles},
                       {"reset_cycles", kCleanUpCycles},
                       {"machine", replay::machine_to_json(machine.config(), system.linked)},
                       {"start", start_to_json(system.start)}});
    platform_ = recorder_->watch(platform_);
  }
  interrupts_ = std::make_unique<GuardedInterrupts>(
      *platform_.interrupts, [this](const std::function<void()>& body) { guarded(body); });
  platform_.interrupts = interrupts_.get();
  for (hw::Function& function : platform_.functions) {
    const auto adapter = static_cast<unsigned>(bars_.size());
    function.bar0 = &fences_.watch(*function.bar0, [this] { return thread().submission; });
    bars_.push_back(std::make_unique<WatchedBar>(*function.bar0, *machine_.platform().functions[adapter].bar0,
                                                 bar_hooks(adapter)));
    function.bar0 = bars_.back().get();
  }
  watch_memory();
  make_judge();
  make_dma_watch();
  kernel_ = std::make_unique<dxgkrnl::Kernel>(platform_, kernel_config());
  watch_paged_pool();
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
  dxgkrnl::KernelConfig config = sim::kernel_config(request_.plan.system.start, machine_.config().seed);
  if (recorder_ != nullptr) config.pool_in_ram = false;  // a replay has no driver whose pool would take pages
  config.verifier = request_.verifier;
  config.faults_are_fatal = request_.strict;
  const_cast<ChildRun*>(this)->hook_runtime(config.runtime);
  return config;
}

bool ChildRun::reaches(unsigned adapter, std::uint64_t page) const {
  for (const auto& function : kernel_->functions()) {
    if (function->index() != adapter || function->device_handle == nullptr) continue;
    for (const auto& view : kernel_->adapters())
      if (std::count(view.members.begin(), view.members.end(), adapter) != 0)
        return judge_->is_live(number_of(view), page) || system_pages_.count({view.name, page}) != 0 ||
               (view.mode == dxgkrnl::RemappingMode::kPhysical && kernel_->driver_memory().holds(page));
  }
  return false;
}

void ChildRun::pass_call() {
  const Limits& limits = request_.limits;
  std::uint64_t cycles = limits.call_cycles;
  if (limits.call_jitter != 0) cycles += jitter_() % (limits.call_jitter + 1);
  machine_.engine().wait_cycles(cycles);
}

void ChildRun::hook_runtime(wdk::Runtime::Options& options) {
  options.infinite_wait_cycles = request_.limits.wait_cycles;
  options.debug_output = [this](std::string_view text) { events_.send({{"t", "print"}, {"text", text}}); };
  options.on_call = [this](const char*) {
    active(here());
    pass_call();
    // Others ran meanwhile, at their levels.
    if (paged_ != nullptr && wdk::Runtime::active().irql() >= DISPATCH_LEVEL) paged_->close();
  };
  options.on_rule_error = [this](const std::string& what) {
    last_error_ = what;
    last_frames_ = driver_frames(driver_.module());
    // Told after the routine's return: where it took what it keeps.
    const auto site =
        reinterpret_cast<std::uintptr_t>(std::exchange(wdk::Runtime::active().objects().rule_site, nullptr));
    if (driver_.module().contains(site))
      last_frames_.insert(last_frames_.begin(), site - 1 - driver_.module().base);
    events_.send({{"t", "rule"}, {"rule", "wdk"}, {"text", what}, {"f", last_frames_}, {"in", where()}});
  };
  options.on_loan = [this](const char* kind, const void* what, std::size_t bytes, bool begins) {
    loan(kind, what, bytes, begins);
  };
  options.spawn = [this](const std::string& name, std::function<void()> body) {
    sc_core::sc_spawn_options spawn_options;
    spawn_options.set_stack_size(kThreadStack);
    sc_core::sc_spawn(
        [this, name, body = std::move(body)] {
          thread().name = name;
          thread().of_driver = true;
          guarded(body);
          threads_.erase(current_process());
        },
        sc_core::sc_gen_unique_name("driver_thread"), &spawn_options);
  };
}

void ChildRun::make_judge() {
  Judge::Hooks hooks;
  const auto tell = [this](const std::string& rule, const std::string& what, const Frames& frames) {
    events_.send({{"t", "rule"}, {"rule", rule}, {"text", what}, {"f", frames}, {"in", where()}});
  };
  hooks.broken = [this, tell](const std::string& rule, const std::string& what) {
    tell(rule, what, call_frames_);
    if (rule == "R226")
      break_off("does_not_load", "it opts into IOMMU isolation and imports what no such driver may", {});
  };
  hooks.broken_at = [this, tell](const std::string& rule, const std::string& what, std::size_t call) {
    tell(rule, what, remembered_.at(call));
  };
  hooks.here = [this] {
    remembered_.push_back(call_frames_);
    return remembered_.size() - 1;
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
  hooks.link_of = [this](HANDLE adapter) { return link_number(adapter); };
  hooks.is_lead = [this](HANDLE adapter) { return kernel_->space_of_lead(adapter) != nullptr; };
  hooks.function_of = [this](HANDLE adapter) -> std::optional<int> {
    const dxgkrnl::PhysicalAdapter* physical = kernel_->find_adapter(adapter);
    return physical == nullptr ? std::nullopt : std::optional<int>(static_cast<int>(physical->index()));
  };
  hooks.pages_of = [this](HANDLE memory) {
    const auto object = kernel_->memory().object(memory);
    return object ? object->page_frames : std::vector<std::uint64_t>();
  };
  hooks.is_taken = [this](std::uint64_t base, std::uint64_t bytes) {
    const auto overlaps = [&](std::uint64_t low, std::uint64_t high) {
      return bytes != 0 && base < high && (base >= low || bytes > low - base);
    };
    const auto& ram = platform_.memory->ram();
    return overlaps(hw::kInterruptWindowBase, hw::kInterruptWindowEnd) ||
           std::any_of(ram.begin(), ram.end(),
                       [&](const hw::MemoryRange& range) { return overlaps(range.base, range.end()); });
  };
  hooks.is_done = [this](unsigned link, UINT engine, UINT fence) { return is_done({link, engine, fence}); };
  hooks.has_sources = [this](HANDLE adapter) {
    const dxgkrnl::PhysicalAdapter* physical = kernel_->find_adapter(adapter);
    const auto sources =
        physical == nullptr ? sources_.end() : sources_.find(static_cast<int>(physical->index()));
    return sources == sources_.end() || sources->second != 0;
  };
  hooks.irql = [] { return static_cast<unsigned>(KeGetCurrentIrql()); };
  hooks.thread = [] { return static_cast<std::uint64_t>(current_process()); };
  hooks.forbidden_imports = dxgkrnl::forbidden_imports(request_.driver);
  judge_ = std::make_unique<Judge>(std::move(hooks));
}

std::optional<unsigned> ChildRun::link_number(HANDLE adapter) {
  const dxgkrnl::PhysicalAdapter* physical = kernel_->find_adapter(adapter);
  if (physical == nullptr) return std::nullopt;
  for (const auto& view : kernel_->adapters()) {
    if (std::count(view.members.begin(), view.members.end(), physical->index()) == 0) continue;
    for (const std::size_t member : view.members)
      dma_->set_link(static_cast<unsigned>(member), number_of(view));
    return number_of(view);
  }
  return std::nullopt;
}

ChildRun::Thread& ChildRun::thread() {
  const auto [entry, added] = threads_.try_emplace(current_process());
  if (added) {
    entry->second.number = static_cast<unsigned>(threads_.size());
    entry->second.name = sc_core::sc_get_current_process_handle().name();
  }
  return entry->second;
}

const ChildRun::Thread* ChildRun::known_thread() const {
  const auto entry = threads_.find(current_process());
  return entry == threads_.end() ? nullptr : &entry->second;
}

std::string ChildRun::where() const {
  const Thread* now = known_thread();
  return now == nullptr || now->ddis.empty() ? "" : now->ddis.back();
}

// Not in a recording: a replay asks for nothing, and has the cycles of the driver alone.
std::optional<bool> ChildRun::is_done(const FenceWatch::Submission& submission) {
  if (recorder_ != nullptr) return std::nullopt;
  const std::optional<bool> done = fences_.is_done(submission);
  if (!done || *done) return done;
  // A fence may lie in memory, where a driver sees it, while its write is not answered yet.
  machine_.engine().wait_cycles(machine_.config().memory.b_latency + kAnswerCycles);
  return fences_.is_done(submission);
}

void ChildRun::watch_fences(const dxgkrnl::CallRecord& record, bool finished) {
  if (record.name == "DxgkDdiSubmitCommand") {
    thread().submission.reset();
    const std::optional<unsigned> link = finished ? std::nullopt : link_number(record.adapter);
    const auto* args = static_cast<const DXGKARG_SUBMITCOMMAND*>(record.arguments);
    if (link && args != nullptr)
      thread().submission = FenceWatch::Submission{*link, args->EngineOrdinal, args->SubmissionFenceId};
  } else if (record.name == "DxgkDdiStartDevice") {
    if (!finished) {
      sources_.erase(record.function);
      fences_.forget(static_cast<std::size_t>(record.function));
    } else if (NT_SUCCESS(record.status) && record.arguments != nullptr) {
      sources_[record.function] = static_cast<const dxgkrnl::StartDeviceArguments*>(record.arguments)
                                      ->number_of_video_present_sources;
    }
  } else if (!finished && (record.name == "DxgkDdiResetFromTimeout" || record.name == "DxgkDdiResetEngine")) {
    if (recorder_ == nullptr) machine_.engine().wait_cycles(kInterruptCycles);
    const std::string progress = judge_->progress();
    if (!progress.empty()) note("time-out: " + progress);
  }
}

void ChildRun::call(const dxgkrnl::CallRecord& record, bool finished) {
  watch_devices(record, finished);
  watch_fences(record, finished);
  if (finished)
    call_ends(record);
  else
    call_begins(record);
}

void ChildRun::call_begins(const dxgkrnl::CallRecord& record) {
  Thread& now = thread();
  const bool entry = is_entry_point(record.name);
  call_frames_ = entry ? Frames() : here();
  now.frames.push_back(call_frames_);
  now.calls.push_back(record.name);
  if (record.name == "DxgkDdiBuildPagingBuffer")
    addresses_.name(static_cast<const DXGKARG_BUILDPAGINGBUFFER*>(record.arguments)->pDmaBuffer,
                    kPagingBuffer);
  events_.send({{"t", "call"}, {"name", record.name}, {"args", record.args}, {"cycle", record.begin}});
  judge_->begins(record.name, record.arguments, record.adapter, record.function);
  if (entry) {
    if (now.ddis.empty()) {
      now.ddi_begin = record.begin;
      now.last.clear();
    }
    now.ddis.push_back(record.name);
  } else {
    active(call_frames_);
    pass_call();
  }
}

void ChildRun::call_ends(const dxgkrnl::CallRecord& record) {
  Thread& now = thread();
  const bool entry = is_entry_point(record.name);
  if (!now.frames.empty()) {
    call_frames_ = now.frames.back();
    now.frames.pop_back();
    now.calls.pop_back();
  }
  if (record.bugcheck && stopped_in_.empty()) {
    stopped_in_ = record.name;
    stopped_ddi_ = now.ddis.empty() ? "" : now.ddis.back();
    if (!entry) last_frames_ = call_frames_;
  }
  judge_->ends(record.name, record.arguments, record.status, record.bugcheck, record.adapter,
               record.function);
  interrupt_routine_ends(record);
  if (!entry) return;
  if (!now.ddis.empty()) now.ddis.pop_back();
  ++now.activity;
}

Frames ChildRun::here() const { return driver_frames(driver_.module()); }

void ChildRun::active(const Frames& at) {
  Thread& now = thread();
  ++now.activity;
  now.preemptions = 0;
  now.last = at;
  now.last_cycle = machine_.board().cycles();
  if (now.ddis.empty()) return;
  const std::uint64_t gone = machine_.board().cycles() - now.ddi_begin;
  if (gone > request_.limits.ddi_cycles)
    break_off("endless_loop", fmt::format("{} has not returned after {} cycles", now.ddis.back(), gone), at);
}

// Interrupt routines and DPCs keep the processor from everybody else.
Traps::Place ChildRun::waiting() const {
  const auto rank = [](const Thread& thread) {
    if (thread.ddis.empty()) return 0;
    const std::string& ddi = thread.ddis.front();
    return ddi == "DxgkDdiInterruptRoutine" || ddi == "DxgkDdiDpcRoutine" ? 2 : 1;
  };
  const Thread* found = nullptr;
  for (const auto& [process, thread] : threads_) {
    if (thread.ddis.empty() && !thread.of_driver) continue;
    if (found == nullptr ||
        std::make_pair(rank(thread), thread.last_cycle) > std::make_pair(rank(*found), found->last_cycle))
      found = &thread;
  }
  if (found == nullptr) return {};
  return {found->ddis.empty() ? "" : found->ddis.back(), found->last};
}

void ChildRun::preempted(const Frames& frames) {
  Thread& now = thread();
  if (++now.preemptions == 1) events_.send({{"t", "poll"}, {"f", frames}, {"in", where()}});
  if (now.preemptions > request_.limits.preemptions)
    break_off("endless_loop", "a thread runs on without a call, a register access or a wait", frames);
  machine_.engine().wait_cycles(kPreemptionCycles);
}

}  // namespace gpudmar::sim::kmd
