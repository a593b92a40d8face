// SPDX-License-Identifier: Apache-2.0
// Time-out detection and recovery: preemption, a reset of the node, a reset of the adapter. Paging work that
// was lost is built again, under new fences.
#include <fmt/format.h>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "driver-model/dxgkrnl/paging_allocation.h"

namespace gpudmar::dxgkrnl {
namespace {

constexpr std::size_t kReportBytes = 1024;

}  // namespace

void Paging::wait(PagingQueue& queue, UINT fence) {
  if (queue.deferring()) return;  // nothing runs before the restart
  if (queue.wait(fence, config_.tdr_delay) == PagingQueue::Outcome::kDone || gone_) return;
  ++timeouts_;
  if (++timeouts_of_operation_ > config_.tdr_limit)
    throw BugCheck(bugcheck::kVideoTdrFailure, {timeouts_of_operation_, 0, 0, 0},
                   fmt::format("{} time-outs in a row", timeouts_of_operation_));
  // A late answer to the preemption ends the matter.
  (void)queue.preempt(config_.preemption_delay);
  if (queue.done(fence)) return;
  if (caps_.per_engine_tdr && recovered_by_engine(queue, fence)) return;
  reset_adapter();
  throw AdapterWasReset();
}

// The reset of the one node. False: it took a paging packet along, or it failed, and the adapter's reset has
// to follow.
bool Paging::recovered_by_engine(PagingQueue& queue, UINT fence) {
  const auto& driver = port_.driver;
  const UINT node = queue.config().node;
  const UINT engine = queue.config().engine;
  if (driver.DxgkDdiQueryEngineStatus != nullptr) {
    DXGKARG_QUERYENGINESTATUS status{node, engine, {}};
    const DdiGate::Call inside(port_.gate);
    CallScope call(port_.calls, "DxgkDdiQueryEngineStatus", {}, {&status});
    const NTSTATUS answer = call.done(driver.DxgkDdiQueryEngineStatus(port_.context, &status));
    if (NT_SUCCESS(answer) && status.EngineStatus.Responsive != 0 &&
        queue.wait(fence, config_.tdr_delay) == PagingQueue::Outcome::kDone)
      return true;
  }
  if (driver.DxgkDdiQueryDependentEngineGroup != nullptr) {
    DXGKARG_QUERYDEPENDENTENGINEGROUP group{node, engine, 0};
    const DdiGate::Call inside(port_.gate);
    CallScope call(port_.calls, "DxgkDdiQueryDependentEngineGroup", {}, {&group});
    (void)call.done(driver.DxgkDdiQueryDependentEngineGroup(port_.context, &group));
  }
  if (driver.DxgkDdiResetEngine == nullptr) return false;
  queue.ignore_notifications(true);
  DXGKARG_RESETENGINE args{node, engine, 0};
  NTSTATUS status = STATUS_SUCCESS;
  {
    const DdiGate::Call inside(port_.gate);
    CallScope call(port_.calls, "DxgkDdiResetEngine", fmt::format("engine {}", engine),
                   {&args, port_.device_handle, -1, engine});
    status = call.done(driver.DxgkDdiResetEngine(port_.context, &args));
  }
  if (!NT_SUCCESS(status) || queue.engine_was_reset(args.LastAbortedFenceId)) return false;
  wait(queue, fence);  // what was submitted again
  return true;
}

void Paging::reset_adapter() {
  const auto& driver = port_.driver;
  ++adapter_resets_;
  if (driver.DxgkDdiCollectDbgInfo != nullptr) {
    UCHAR report[kReportBytes] = {};
    const DXGKARG_COLLECTDBGINFO args{VIDEO_TDR_TIMEOUT_DETECTED, report, sizeof(report), nullptr};
    const DdiGate::Call inside(port_.gate);
    CallScope call(port_.calls, "DxgkDdiCollectDbgInfo", {}, {&args});
    (void)call.done(driver.DxgkDdiCollectDbgInfo(port_.context, &args));
  }
  const auto must = [&](const char* name, PDXGKDDI_RESETFROMTIMEOUT entry) {  // E11
    NTSTATUS status = STATUS_NOT_SUPPORTED;
    if (entry != nullptr) {
      const DdiGate::Call inside(port_.gate);
      CallScope call(port_.calls, name, {}, {nullptr, port_.device_handle});
      status = call.done(entry(port_.context));
    }
    if (!NT_SUCCESS(status))
      throw BugCheck(bugcheck::kVideoTdrFailure, {0, 0, static_cast<std::uint32_t>(status), 0},
                     fmt::format("{} failed: {:#x}", name, static_cast<std::uint32_t>(status)));
  };
  for (const auto& adapter : adapters_)
    if (adapter->queue != nullptr) adapter->queue->ignore_notifications(true);
  {
    const DdiGate::Exclusive alone(port_.gate);  // no other thread runs in the driver meanwhile
    must("DxgkDdiResetFromTimeout", driver.DxgkDdiResetFromTimeout);
  }
  for (const auto& adapter : adapters_) {
    if (adapter->queue == nullptr) continue;
    adapter->queue->adapter_was_reset();
    adapter->queue->defer(true);
  }
  // The clean-up: the driver is told that everything has gone; the GPU is left alone until the restart.
  std::vector<Allocation*> evicted;
  for (const auto& a : allocations_) {
    if (a->residency == Residency::kLocal) {
      tell_lost(*a);
      if (!a->arriving && a->content) {
        a->content = false;
        a->content_lost = true;
      }
    } else if (a->residency == Residency::kAperture) {
      unmap_aperture(*a, *a->segment);
    } else {
      continue;
    }
    unmap_virtual(*a);
    evicted.push_back(a.get());
  }
  must("DxgkDdiRestartFromTimeout", driver.DxgkDdiRestartFromTimeout);
  for (const auto& adapter : adapters_)
    if (adapter->queue != nullptr) adapter->queue->ignore_notifications(false);
  // What the aperture showed stays within reach until it does not show it any more (G15).
  for (const auto& adapter : adapters_) {
    if (adapter->queue == nullptr) continue;
    adapter->queue->submit_deferred();
    if (!adapter->queue->idle()) wait(*adapter->queue, adapter->queue->last_submitted());
  }
  for (Allocation* a : evicted) {
    for (const auto& run : a->segment->mapped(a->first_page, a->pages)) a->segment->note_unmapped(run.first);
    forget_place(*a);
  }
}

}  // namespace gpudmar::dxgkrnl
