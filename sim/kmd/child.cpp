// SPDX-License-Identifier: Apache-2.0
// The plan, step by step, and the ways in which a run ends.
#include "sim/kmd/child.h"

#include <fmt/format.h>
#include <unistd.h>

#include <systemc>

#include "sim/kmd/child_run.h"
#include "sim/scenario/names.h"

namespace gpudmar::sim::kmd {
namespace {

using nlohmann::json;

using Action = replay::Recorder::Action;

constexpr std::size_t kStackBytes = 8U << 20;
constexpr std::uint64_t kRestCycles = 100'000;

}  // namespace

void ChildRun::stage(const std::string& name) {
  stage_ = name;
  events_.send({{"t", "stage"}, {"name", name}, {"cycle", machine_.board().cycles()}});
}

void ChildRun::power_member(dxgkrnl::PhysicalAdapter& member, std::uint64_t state) {
  dxgkrnl::CallScope call(kernel_->calls(), "DxgkDdiSetPowerState",
                          fmt::format("{} D{}", member.function().name, state - PowerDeviceD0),
                          {nullptr, nullptr, dxgkrnl::index_of(member)});
  call.done(kernel_->driver().DxgkDdiSetPowerState(member.context, DISPLAY_ADAPTER_HW_ID,
                                                   static_cast<DEVICE_POWER_STATE>(state), PowerActionSleep));
}

// E2: down with the lead first, up with the lead last.
void ChildRun::power(std::uint64_t state) {
  if (kernel_->driver().DxgkDdiSetPowerState == nullptr) return;
  const bool up = state == PowerDeviceD0;
  for (const bool lead : {!up, up})
    for (const auto& member : kernel_->functions())
      if (member->started && (member->link.LeadLink != FALSE) == lead) power_member(*member, state);
}

void ChildRun::query(const Step& step) {
  std::vector<std::uint8_t> answer(step.answer);
  DXGKARG_QUERYADAPTERINFO args{};
  args.Type = static_cast<DXGK_QUERYADAPTERINFOTYPE>(step.number);
  args.pOutputData = answer.data();
  args.OutputDataSize = static_cast<UINT>(answer.size());
  dxgkrnl::CallScope call(kernel_->calls(), "DxgkDdiQueryAdapterInfo", fmt::format("type {}", step.number),
                          {&args, nullptr, dxgkrnl::index_of(*kernel_->functions().front())});
  const NTSTATUS status =
      call.done(kernel_->driver().DxgkDdiQueryAdapterInfo(kernel_->functions().front()->context, &args));
  events_.send({{"t", "note"}, {"text", fmt::format("query {}: {}", step.number, status_name(status))}});
}

void ChildRun::start() {
  if (guarantees_ == nullptr)
    guarantees_ = std::make_unique<Guarantees>(machine_, *kernel_, guarantees_checked_);
  const NTSTATUS status = Action(recorder_.get(), "start").done(kernel_->start());
  if (!NT_SUCCESS(status))
    break_off("start_failed", fmt::format("{}: {}", status_name(status), kernel_->start_error()),
              last_frames_);
  started_ = true;
  guarantees_->system_started();
  for (const auto& adapter : kernel_->adapters()) {
    static const char* const modes[] = {"physical", "1:1 isolation", "logical remapping"};
    events_.send({{"t", "note"},
                  {"text", fmt::format("{}: {} adapter{}, {}", adapter.name, adapter.members.size(),
                                       adapter.members.size() == 1 ? "" : "s",
                                       modes[static_cast<unsigned>(adapter.mode)])}});
  }
}

void ChildRun::stop() {
  guarantees_->sweep();
  // The checker takes all links to end at once; each is detached before the next one's drivers are done.
  if (kernel_->adapters().size() > 1) guarantees_.reset();
  const NTSTATUS status = Action(recorder_.get(), "stop").done(kernel_->stop());
  started_ = false;
  if (!NT_SUCCESS(status))
    events_.send({{"t", "problem"}, {"text", "StopDevice returns " + status_name(status)}});
}

void ChildRun::step(const Step& step) {
  using Kind = Step::Kind;
  stage(name_of(step));
  if (step.kind == Kind::kStart) return start();
  if (step.kind == Kind::kWait) return machine_.engine().wait_cycles(step.number);
  if (step.kind == Kind::kTrim) {
    const Action action(recorder_.get(), "trim", {{"pages", step.number}});
    kernel_->trim(step.number);
    return;
  }
  if (!started_) {
    events_.send({{"t", "problem"}, {"text", name_of(step) + ": the adapters are not started"}});
    return;
  }
  if (step.kind == Kind::kStop) return stop();
  if (step.kind == Kind::kPower) return power(step.number);
  if (step.kind == Kind::kQuery) return query(step);
  if (step.kind == Kind::kEscape) {
    std::vector<std::uint8_t> data = step.bytes;
    const NTSTATUS status = kernel_->escape(data.data(), static_cast<std::uint32_t>(data.size()));
    events_.send({{"t", "note"}, {"text", "escape: " + status_name(status)}});
    return;
  }
  // Reattach: only a driver that gives exclusive access can be asked.
  const auto& driver = kernel_->driver();
  if (driver.DxgkDdiBeginExclusiveAccess == nullptr || driver.DxgkDdiEndExclusiveAccess == nullptr) return;
  if (kernel_->adapters().front().mode == dxgkrnl::RemappingMode::kPhysical) return;
  const NTSTATUS status = Action(recorder_.get(), "reattach").done(kernel_->reattach());
  if (!NT_SUCCESS(status))
    events_.send({{"t", "problem"}, {"text", "exclusive access: " + status_name(status)}});
}

void ChildRun::run_plan() {
  guarantees_ = std::make_unique<Guarantees>(machine_, *kernel_, guarantees_checked_);
  stage("load");
  try {
    driver_ = std::make_unique<LoadedDriver>(request_.driver);
  } catch (const std::runtime_error& error) {
    break_off("does_not_load", error.what(), {});
  }
  auto* const entry = reinterpret_cast<DRIVER_INITIALIZE*>(driver_->symbol("DriverEntry"));
  if (entry == nullptr) break_off("no_entry_point", "the driver has no DriverEntry with C linkage", {});
  traps_ = std::make_unique<Traps>(
      driver_->module(), events_,
      Traps::Hooks{
          [this](const Frames& frames) { preempted(frames); },
          [this](const std::string& what, const Frames& frames) { break_off("bad_access", what, frames); },
          [this] {
            const Thread& now = thread();
            return static_cast<std::uint64_t>(now.number) << 48 | now.activity;
          }});
  const NTSTATUS loaded = Action(recorder_.get(), "load").done(kernel_->load(entry));
  if (!NT_SUCCESS(loaded)) {
    const bool silent = kernel_->calls().counts().count("DxgkInitialize") == 0;
    break_off("entry_failed",
              fmt::format("DriverEntry: {}{}", status_name(loaded),
                          silent ? ", and DxgkInitialize was never called" : ""),
              {});
  }
  for (const Step& s : request_.plan.steps) step(s);
  if (started_) step({Step::Kind::kStop, 0, {}, 0});
  stage("unload");
  {
    const Action action(recorder_.get(), "unload");
    kernel_->unload();
  }
  stage("unloaded");
}

void ChildRun::guarded(const std::function<void()>& body) {
  try {
    body();
  } catch (const wdk::BugCheck& bugcheck) {
    json event{{"t", "bugcheck"}, {"code", bugcheck.code()}, {"text", bugcheck.what()}, {"in", stopped_in_}};
    for (unsigned i = 0; i < 4; ++i) event["parameters"].push_back(bugcheck.parameter(i));
    events_.send(event);
    break_off("bugcheck", bugcheck.what(), last_frames_);
  } catch (const wdk::WaitBoundExceeded& error) {
    break_off("endless_wait", error.what(), last_frames_);
  } catch (const wdk::KernelRuleError& error) {
    break_off("kernel_rule", error.what(), last_frames_);
  } catch (const std::exception& error) {
    break_off("error", error.what(), last_frames_);
  }
}

void ChildRun::break_off(const std::string& kind, const std::string& what, const Frames& frames) {
  const Thread& now = thread();
  events_.send({{"t", "broken_off"},
                {"kind", kind},
                {"text", what},
                {"f", frames},
                {"stage", stage_},
                {"ddi", now.ddis.empty() ? stopped_ddi_ : now.ddis.back()}});
  end(kChildBroken);
}

void ChildRun::end(int code) {
  if (traps_ != nullptr) traps_.reset();
  if (recorder_ != nullptr) recorder_->close({});
  for (const Violation& violation : machine_.violations().list())
    events_.send({{"t", "violation"},
                  {"rule", violation.rule},
                  {"cycle", violation.cycle},
                  {"text", violation.message}});
  json last{{"t", "end"}, {"cycles", machine_.board().cycles()}, {"khz", machine_.engine().khz()}};
  if (kernel_ != nullptr) {
    last["calls"] = kernel_->calls().counts();
    last["kept"] = judge_->kept();
    last["guarantees"] = guarantees_checked_;
    last["reachable"] = judge_->left().reachable;
    last["unreachable"] = judge_->left().unreachable;
    last["faults"] = kernel_->faults().size();
    last["requests"] = dma_->seen();
    last["stray"] = dma_->stray();
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
