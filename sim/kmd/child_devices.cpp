// SPDX-License-Identifier: Apache-2.0
// What the devices do under somebody's driver, told with the place in the driver that had them do it.
#include <fmt/format.h>

#include <algorithm>

#include "driver-model/dxgkrnl/interface_calls.h"
#include "driver-model/hw/regs/dma_regs.h"
#include "driver-model/hw/regs/vtd_regs.h"
#include "driver-model/vtd/fault_handler.h"
#include "sim/kmd/child_run.h"

namespace gpudmar::sim::kmd {
namespace {

namespace error = regs::dma::error;

}  // namespace

// ---- Requests

void ChildRun::make_dma_watch() {
  DmaWatch::Hooks hooks;
  hooks.is_live = [this](unsigned adapter, std::uint64_t page) { return reaches(adapter, page); };
  hooks.report = [this](const StrayRequest& stray) { tell_stray(stray); };
  hooks.loud = [this](const StrayRequest& request, const std::string& rule, const std::string& since) {
    tell_of_device(rule,
                   fmt::format("adapter {} {} {:#x} in cycle {}, after {}", request.adapter,
                               request.write ? "writes" : "reads", request.address, request.cycle, since),
                   rung_[request.adapter]);
  };
  hooks.blocked = [this](const BlockedRequest& blocked) { tell_blocked(blocked); };
  dma_ = std::make_unique<DmaWatch>(machine_, std::move(hooks));
}

void ChildRun::tell_of_device(const std::string& rule, const std::string& text, const Place& place) {
  judge_->note_broken(rule);
  events_.send({{"t", "rule"}, {"rule", rule}, {"text", text}, {"f", place.frames}, {"in", place.in}});
}

void ChildRun::tell_stray(const StrayRequest& stray) {
  const Place& place = rung_[stray.adapter];
  events_.send({{"t", "dma"},
                {"adapter", stray.adapter},
                {"write", stray.write},
                {"address", stray.address},
                {"cycle", stray.cycle},
                {"freed", stray.freed},
                {"f", stray.freed_by},
                {"rung", place.frames},
                {"in", place.in}});
}

// A device that was pulled out left its domain with its requests under way.
void ChildRun::tell_blocked(const BlockedRequest& blocked) {
  if (bars_[blocked.adapter]->removed()) return;
  const Place& place = rung_[blocked.adapter];
  const std::string text =
      fmt::format("adapter {} in cycle {}: {}", blocked.adapter, blocked.cycle,
                  vtd::describe({machine_.platform().functions[blocked.adapter].source_id, blocked.page,
                                 blocked.reason, blocked.write, blocked.cycle}));
  events_.send({{"t", "fault"},
                {"adapter", blocked.adapter},
                {"write", blocked.write},
                {"address", blocked.page},
                {"cycle", blocked.cycle},
                {"text", text},
                {"rung", place.frames}});
  if (blocked.stray) return;  // R142 tells of it
  tell_of_device(blocked.reason == regs::vtd::fault::WRITE ? "G10" : "dma.blocked", text, place);
}

void ChildRun::tell_channel_error(unsigned adapter, const ChannelError& error) {
  // The first is E5's, the second what a time-out is for.
  if (error.code == error::BUS_MASTER || error.code == error::SEM_TIMEOUT) return;
  const std::uint64_t blocked = dma_->blocked(adapter);
  const bool stopped = blocked != std::exchange(blocked_before_[adapter], blocked);
  // That request has been told.
  if (stopped && (error.code == error::READ || error.code == error::WRITE || error.code == error::RING_READ))
    return;
  tell_of_device("dma.error", fmt::format("adapter {}: {}", adapter, error.text), rung_[adapter]);
}

// ---- Register accesses

WatchedBar::Hooks ChildRun::bar_hooks(unsigned adapter) {
  WatchedBar::Hooks hooks;
  hooks.used = [this] { active(here()); };
  hooks.doorbell = [this, adapter] { return doorbell(adapter); };
  hooks.started = [this, adapter] { rung_[adapter] = access_place(); };
  hooks.enabled = [this, adapter] { enabled_[adapter] = access_place(); };
  hooks.error = [this, adapter](const ChannelError& error) { tell_channel_error(adapter, error); };
  return hooks;
}

ChildRun::Place ChildRun::access_place() { return {thread().last, where()}; }

bool ChildRun::doorbell(unsigned adapter) {
  rung_[adapter] = access_place();
  if (asleep_.count(adapter) != 0)
    tell_of_device("E5", fmt::format("a doorbell of adapter {}, which is below D0", adapter), rung_[adapter]);
  const auto& ddis = thread().ddis;
  if (hangs_ == 0 || std::count(ddis.begin(), ddis.end(), "DxgkDdiSubmitCommand") == 0) return false;
  --hangs_;
  ++hung_;
  return true;
}

void ChildRun::look_at_channels() {
  for (const auto& bar : bars_) {
    bar->look();
    judge_->look("dma.error");
  }
}

// ---- Calls that the devices have a part in

void ChildRun::fall_asleep(std::size_t adapter, bool asleep) {
  if (asleep)
    asleep_.insert(adapter);
  else
    asleep_.erase(adapter);
  bars_[adapter]->sleep(asleep);
}

void ChildRun::watch_power(const dxgkrnl::CallRecord& record, bool finished) {
  const auto adapter = static_cast<unsigned>(record.function);
  const bool up = record.args.back() == '0';  // "gpu0, D0"
  if (up && !finished) {
    fall_asleep(adapter, false);
    dma_->allow(adapter, "E5");
  } else if (!up && finished && !record.bugcheck && NT_SUCCESS(record.status)) {
    fall_asleep(adapter, true);
    judge_->look("E5");
    dma_->forbid(adapter, "E5",
                 "DxgkDdiSetPowerState has taken it to " + record.args.substr(record.args.size() - 2));
  }
}

void ChildRun::watch_devices(const dxgkrnl::CallRecord& record, bool finished) {
  const bool good = finished && !record.bugcheck && NT_SUCCESS(record.status);
  const auto adapter = static_cast<unsigned>(record.function);
  if (record.name == "DxgkDdiSetPowerState") return watch_power(record, finished);
  if (record.name == "DxgkDdiStartDevice" && !finished) {
    fall_asleep(adapter, false);
    dma_->allow(adapter);
  }
  if (record.name == "DxgkDdiBeginExclusiveAccess" && good) {
    judge_->look("R183");
    dma_->forbid(adapter, "R183", "DxgkDdiBeginExclusiveAccess has returned");
  }
  if (record.name == "DxgkDdiEndExclusiveAccess" && !finished) dma_->allow(adapter, "R183");
  if (finished) device_stopped(record);
  const bool reset = good && record.name == "DxgkDdiResetFromTimeout";
  const bool restart = !finished && record.name == "DxgkDdiRestartFromTimeout";
  if (!reset && !restart) return;
  const dxgkrnl::PhysicalAdapter* lead = kernel_->find_adapter(record.adapter);
  for (const auto& view : kernel_->adapters()) {
    if (lead == nullptr || std::count(view.members.begin(), view.members.end(), lead->index()) == 0) continue;
    for (const std::size_t member : view.members)
      if (reset)
        dma_->forbid(static_cast<unsigned>(member), "E11", "DxgkDdiResetFromTimeout has returned");
      else
        dma_->allow(static_cast<unsigned>(member), "E11");
  }
  if (reset) machine_.engine().wait_cycles(kCleanUpCycles);
}

// A start that fails has to leave the device as a stop does.
void ChildRun::device_stopped(const dxgkrnl::CallRecord& record) {
  const bool stopped = record.name == "DxgkDdiStopDevice" && NT_SUCCESS(record.status);
  const bool failed = record.name == "DxgkDdiStartDevice" && !NT_SUCCESS(record.status);
  if (record.bugcheck || (!stopped && !failed)) return;
  const auto adapter = static_cast<unsigned>(record.function);
  judge_->look("E18");
  const std::string on = bars_[adapter]->left_on();
  if (on.empty()) return;
  tell_of_device(
      "E18", fmt::format("{} of adapter {} leaves enabled: {}; last enabled here", record.name, adapter, on),
      {enabled_[adapter].frames, record.name});
}

// ---- An interrupt that is somebody else's

void ChildRun::interrupt_without_cause() {
  // A trace has the interrupts that the device sends, and nobody to make another.
  if (recorder_ != nullptr || kernel_->driver().DxgkDdiInterruptRoutine == nullptr) return;
  for (const auto& function : kernel_->functions()) {
    WatchedBar& bar = *bars_[function->index()];
    if (function->context == nullptr || bar.removed() || asleep_.count(function->index()) != 0) continue;
    if (bar.causes() != 0) continue;
    const std::uint64_t seen = bar.causes_seen();
    without_cause_ = current_process();
    claimed_ = false;
    interrupts_->raise(function->function().name);
    without_cause_ = 0;
    // A cause of its own may have come meanwhile.
    if (bar.causes_seen() != seen) continue;
    judge_->look("E14");
    if (!claimed_) continue;
    const auto routine = reinterpret_cast<std::uintptr_t>(kernel_->driver().DxgkDdiInterruptRoutine);
    tell_of_device("E14",
                   fmt::format("the interrupt routine takes an interrupt that adapter {} has not raised",
                               function->index()),
                   {{routine - driver_.module().base}, "DxgkDdiInterruptRoutine"});
  }
}

void ChildRun::interrupt_routine_ends(const dxgkrnl::CallRecord& record) {
  if (without_cause_ != current_process() || record.name != "DxgkDdiInterruptRoutine") return;
  claimed_ = static_cast<const dxgkrnl::InterruptArguments*>(record.arguments)->claimed != FALSE;
}

}  // namespace gpudmar::sim::kmd
