// SPDX-License-Identifier: Apache-2.0
// The plan, step by step, and the ways in which a run ends.
#include "sim/kmd/child.h"

#include <cxxabi.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <systemc>
#include <typeinfo>
#include <utility>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "driver-model/wdk/runtime/kernel_objects.h"
#include "sim/kmd/child_run.h"
#include "sim/scenario/names.h"
#include "sim/scenario/system_start.h"

namespace gpudmar::sim::kmd {
namespace {

using nlohmann::json;

using Action = replay::Recorder::Action;

constexpr std::size_t kStackBytes = 8U << 20;
constexpr std::uint64_t kRestCycles = 100'000;

/// Of the exception that is being handled.
std::string type_of_exception() {
  const std::type_info* type = abi::__cxa_current_exception_type();
  if (type == nullptr) return "a foreign exception";
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(
      abi::__cxa_demangle(type->name(), nullptr, nullptr, &status), std::free);
  return fmt::format("an exception of type {}", name == nullptr ? type->name() : name.get());
}

}  // namespace

void ChildRun::stage(const std::string& name) {
  stage_ = name;
  events_.send({{"t", "stage"}, {"name", name}, {"cycle", machine_.board().cycles()}});
}

void ChildRun::run_plan() {
  guarantees_ =
      std::make_unique<Guarantees>(machine_, *kernel_, guarantees_checked_, std::vector<std::uint64_t>(),
                                   attaches(request_.plan.system.start));
  stage("load");
  traps_ = std::make_unique<Traps>(
      driver_, events_,
      Traps::Hooks{
          [this](const Frames& frames) { preempted(frames); },
          [this](const std::string& what, const Frames& frames) { break_off("bad_access", what, frames); },
          [this] {
            const Thread& now = thread();
            return static_cast<std::uint64_t>(now.number) << 48 | now.activity;
          },
          [this](const Frames& frames) { break_off("crash", "the driver ends the process", frames); },
          [this] { return waiting(); },
          [this](std::uintptr_t address, std::uintptr_t pc) { return serve_fault(address, pc); },
          [this] { return machine_.board().cycles(); },
          [this](const Traps::Crash& crash) { crashed(crash); }});
  try {
    driver_.load();  // the traps are there: static constructors are the driver's first code
  } catch (const std::runtime_error& error) {
    break_off("does_not_load", error.what(), {});
  }
  auto* const entry = reinterpret_cast<DRIVER_INITIALIZE*>(driver_.symbol("DriverEntry"));
  if (entry == nullptr) break_off("no_entry_point", "the driver has no DriverEntry with C linkage", {});
  const NTSTATUS loaded = Action(recorder_.get(), "load").done(kernel_->load(entry));
  if (!NT_SUCCESS(loaded)) {
    const bool silent = kernel_->calls().counts().count("DxgkInitialize") == 0;
    std::string why = silent ? ", and DxgkInitialize was never called" : "";
    if (!kernel_->start_error().empty()) why = ": " + kernel_->start_error();
    break_off("entry_failed", fmt::format("DriverEntry: {}{}", status_name(loaded), why), {});
  }
  for (const Step& s : request_.plan.steps) step(s);
  if (started_) {
    Step last;
    last.kind = Step::Kind::kStop;
    step(last);
  }
  unload();
}

void ChildRun::unload() {
  stage("unload");
  {
    const Action action(recorder_.get(), "unload");
    kernel_->unload();
  }
  wdk::Runtime::active().check_pool();  // of blocks that nobody frees any more
  stage("unloaded");
}

// The driver is unloaded all the same: what it has left by then it has lost.
void ChildRun::start_failed(const std::string& why) {
  const std::string at = stage_;
  const Frames frames = last_frames_;
  failed_start_ = why;
  unload();
  stage_ = at;
  break_off("start_failed", std::exchange(failed_start_, {}), frames);
}

void ChildRun::guarded(const std::function<void()>& body) {
  try {
    body();
  } catch (const wdk::BugCheck& bugcheck) {
    json event{{"t", "bugcheck"}, {"code", bugcheck.code()}, {"text", bugcheck.what()}, {"in", stopped_in_}};
    for (unsigned i = 0; i < 4; ++i) event["parameters"].push_back(bugcheck.parameter(i));
    events_.send(event);
    std::string what = bugcheck.what();
    if (bugcheck.code() == dxgkrnl::bugcheck::kVideoTdrFailure && !judge_->progress().empty())
      what += "; " + judge_->progress();
    break_off("bugcheck", what, last_frames_);
  } catch (const wdk::WaitBoundExceeded& error) {
    break_off("endless_wait", error.what(), last_frames_);
  } catch (const wdk::KernelRuleError& error) {
    break_off("kernel_rule", error.what(), last_frames_);
  } catch (const hw::HardwareError& error) {
    break_off("bad_access", error.what(), last_call());
  } catch (const std::exception& error) {
    break_off("exception", fmt::format("nothing in the kernel catches it: {}", error.what()), last_call());
  } catch (...) {
    break_off("exception", fmt::format("nothing in the kernel catches it: {}", type_of_exception()),
              last_call());
  }
}

void ChildRun::break_off(const std::string& kind, const std::string& what, const Frames& frames) {
  // What a wait has no end for.
  if (kind == "endless_wait" || kind == "endless_loop" || kind == "start_failed") look_at_channels();
  const Thread& now = thread();
  if (!failed_start_.empty()) note("start: " + failed_start_);
  if (request_.verifier && kernel_ != nullptr) events_.send({{"t", "dump"}, {"text", kernel_->dump()}});
  events_.send({{"t", "broken_off"},
                {"kind", kind},
                {"text", what},
                {"f", frames},
                {"stage", stage_},
                {"ddi", now.ddis.empty() ? stopped_ddi_ : now.ddis.back()}});
  end(kChildBroken);
}

void ChildRun::end(int code) {
  if (paged_ != nullptr) {
    wdk::Runtime::active().objects().level_set = nullptr;
    paged_->open();
  }
  if (traps_ != nullptr) traps_.reset();
  if (recorder_ != nullptr) recorder_->close({});
  for (const Violation& violation : machine_.violations().list())
    events_.send({{"t", "violation"},
                  {"rule", violation.rule},
                  {"cycle", violation.cycle},
                  {"text", violation.message}});
  json last{{"t", "end"}, {"cycles", machine_.board().cycles()}, {"khz", machine_.engine().khz()}};
  if (kernel_ != nullptr) {
    judge_->run_ends();
    last["calls"] = kernel_->calls().counts();
    last["kept"] = judge_->kept();
    last["guarantees"] = guarantees_checked_;
    last["reachable"] = judge_->left().reachable;
    last["unreachable"] = judge_->left().unreachable;
    last["faults"] = kernel_->faults().size();
    last["requests"] = dma_->seen();
    last["stray"] = dma_->stray();
    last["kernel_warnings"] = kernel_->warnings();
    // Each request was looked at; the parent knows of those that broke the rule.
    if (dma_->stray() == 0 && dma_->seen() != 0) last["kept"]["R142"] = dma_->seen();
    if (dma_->stray() != 0) last["kept"].erase("R142");
  }
  events_.send(last);
  if (!machine_.config().waves.empty()) machine_.board().dut().close_waves();
  ::_exit(code);
}

void ChildRun::run() {
  guarded([this] { run_plan(); });
  guarantees_.reset();
  machine_.finish(kRestCycles);
  end(kChildDone);
}

void run_child(const ChildRequest& request) {
  const EventSink events(request.events);
  try {
    Machine machine("machine", request.plan.system.machine);
    ChildRun run(machine, request);
    sc_core::sc_spawn_options options;
    options.set_stack_size(kStackBytes);
    sc_core::sc_spawn([&run] { run.run(); }, "driver", &options);
    sc_core::sc_start();
    events.send({{"t", "broken_off"},
                 {"kind", "endless_wait"},
                 {"text", "the simulation ended before the driver did: every thread waits"},
                 {"f", json::array()},
                 {"stage", ""},
                 {"ddi", ""}});
  } catch (const std::exception& error) {
    events.send({{"t", "broken_off"},
                 {"kind", "bench_error"},
                 {"text", error.what()},
                 {"f", json::array()},
                 {"stage", ""},
                 {"ddi", ""}});
  }
  ::_exit(kChildBroken);
}

}  // namespace gpudmar::sim::kmd
