// SPDX-License-Identifier: Apache-2.0
// The rules of fences and interrupts: what a driver tells by NotifyInterrupt and NotifyDpc against what was
// submitted to its paging nodes.
#include <fmt/format.h>

#include <algorithm>

#include "sim/kmd/judge_arguments.h"

namespace gpudmar::sim::kmd {
namespace {

/// Fence a is b or a later one; fences wrap.
bool reached(UINT a, UINT b) { return static_cast<INT>(a - b) >= 0; }

bool tells_of_display(DXGK_INTERRUPT_TYPE type) {
  switch (type) {
    case DXGK_INTERRUPT_CRTC_VSYNC:
    case DXGK_INTERRUPT_DISPLAYONLY_VSYNC:
    case DXGK_INTERRUPT_DISPLAYONLY_PRESENT_PROGRESS:
    case DXGK_INTERRUPT_CRTC_VSYNC_WITH_MULTIPLANE_OVERLAY:
    case DXGK_INTERRUPT_CRTC_VSYNC_WITH_MULTIPLANE_OVERLAY2:
    case DXGK_INTERRUPT_CRTC_VSYNC_WITH_MULTIPLANE_OVERLAY3:
      return true;
    default:
      return false;
  }
}

bool runs_at_device_level(const std::string& name) {
  return name == "DxgkDdiInterruptRoutine" || name == "DxgkCbSynchronizeExecution";
}

}  // namespace

void Judge::interrupts_begin(Thread& thread, const std::string& name, const void* arguments, HANDLE adapter,
                             int function) {
  if (name == "DxgkDdiStartDevice") {
    for (auto node = nodes_.begin(); node != nodes_.end();)
      node = node->second.lead == function ? nodes_.erase(node) : std::next(node);
    notices_[function].confirmed = notices_[function].told;
  } else if (name == "DxgkDdiStopDevice") {  // from here on nobody listens
    notices_[function].confirmed = notices_[function].told;
  } else if (name == "DxgkDdiDpcRoutine") {
    thread.calls.back().owed = notices_[function].complete;
  } else if (name == "DxgkCbNotifyInterrupt") {
    check("R29", arguments != nullptr, name + " without data");
    check("E14", hooks_.irql() > DISPATCH_LEVEL,
          fmt::format("{} at IRQL {}: it belongs into the interrupt routine, or under "
                      "DxgkCbSynchronizeExecution",
                      name, hooks_.irql()));
    if (arguments != nullptr) notified(thread, as<DXGKARGCB_NOTIFY_INTERRUPT_DATA>(arguments), adapter);
  } else if (name == "DxgkCbNotifyDpc") {
    check("E15", hooks_.irql() == DISPATCH_LEVEL,
          fmt::format("{} at IRQL {}: it belongs into the DPC", name, hooks_.irql()));
    const std::optional<int> teller = hooks_.function_of(adapter);
    if (!teller) return;
    Notices& notices = notices_[*teller];
    notices.confirmed = notices.told;
    for (auto& [place, node] : nodes_)
      if (hooks_.link_of(adapter) == place.first) node.confirmed = node.told;
  } else if (name == "DxgkDdiPreemptCommand" && arguments != nullptr) {
    const auto& args = as<DXGKARG_PREEMPTCOMMAND>(arguments);
    for (auto& [place, node] : nodes_)
      if (place.second == args.EngineOrdinal) node.preemptions.insert(args.PreemptionFenceId);
  }
  const std::optional<unsigned> link = hooks_.link_of(adapter);
  if (!link) return;
  if (name == "DxgkDdiSubmitCommand" && arguments != nullptr) {
    submitted(as<DXGKARG_SUBMITCOMMAND>(arguments), *link, adapter);
  } else if (name == "DxgkDdiResetFromTimeout" || name == "DxgkDdiResetEngine") {
    timed_out(*link);
    const auto* one =
        name == "DxgkDdiResetEngine" ? static_cast<const DXGKARG_RESETENGINE*>(arguments) : nullptr;
    for (auto& [place, node] : nodes_)
      if (place.first == *link && (one == nullptr || one->EngineOrdinal == place.second)) node.reset = true;
  }
}

void Judge::interrupts_end(Thread& thread, const std::string& name, const void* arguments, NTSTATUS status,
                           HANDLE adapter) {
  if (runs_at_device_level(name)) {
    for (const int function : thread.told) notices_[function].complete = notices_[function].told;
    thread.told.clear();
  }
  if (name == "DxgkDdiDpcRoutine" && !thread.calls.empty() && thread.calls.back().owed != 0) {
    const Call& call = thread.calls.back();
    Notices& notices = notices_[call.function];
    check("E15", notices.confirmed >= call.owed,
          "the DPC returns without DxgkCbNotifyDpc, and DxgkCbNotifyInterrupt has told of something");
    notices.confirmed = std::max(notices.confirmed, call.owed);  // told once
  }
  if (!NT_SUCCESS(status)) return;
  const std::optional<unsigned> link = hooks_.link_of(adapter);
  if (!link) return;
  if (name == "DxgkDdiResetFromTimeout") {
    for (auto& [place, node] : nodes_)
      if (place.first == *link) node.told = node.confirmed = node.submitted;
  } else if (name == "DxgkDdiResetEngine" && arguments != nullptr) {
    const auto& args = as<DXGKARG_RESETENGINE>(arguments);
    const auto node = nodes_.find({*link, args.EngineOrdinal});
    if (node == nodes_.end()) return;
    const UINT fence = args.LastAbortedFenceId;
    const bool possible = reached(fence, node->second.told) && reached(node->second.submitted, fence);
    check("E12", possible,
          fmt::format("{} names {} as the last fence that it aborted, told are {} of {}", name, fence,
                      node->second.told, node->second.submitted));
    if (possible) node->second.told = node->second.confirmed = fence;
  }
}

void Judge::submitted(const DXGKARG_SUBMITCOMMAND& args, unsigned link, HANDLE lead) {
  const auto [entry, added] = nodes_.try_emplace({link, args.EngineOrdinal});
  Node& node = entry->second;
  const UINT fence = args.SubmissionFenceId;
  if (added) node.told = node.confirmed = fence - 1;
  node.lead = hooks_.function_of(lead).value_or(-1);
  node.node = args.NodeOrdinal;
  node.reset = false;
  if (added || reached(fence, node.submitted)) node.submitted = fence;
}

void Judge::notified(Thread& thread, const DXGKARGCB_NOTIFY_INTERRUPT_DATA& data, HANDLE adapter) {
  const std::optional<int> function = hooks_.function_of(adapter);
  const std::optional<unsigned> link = hooks_.link_of(adapter);
  if (!function || !link) return;
  ++notices_[*function].told;
  thread.told.insert(*function);
  const auto type = static_cast<unsigned>(data.InterruptType);
  switch (data.InterruptType) {
    case DXGK_INTERRUPT_DMA_COMPLETED: {
      const auto& told = data.DmaCompleted;
      completed(*link, told.EngineOrdinal, told.NodeOrdinal, told.SubmissionFenceId, "DMA_COMPLETED");
      return;
    }
    case DXGK_INTERRUPT_DMA_PREEMPTED: {
      const auto& told = data.DmaPreempted;
      const auto node = nodes_.find({*link, told.EngineOrdinal});
      if (node != nodes_.end() && !node->second.reset)
        check("E13", node->second.preemptions.count(told.PreemptionFenceId) != 0,
              fmt::format("DMA_PREEMPTED with fence {}, and nobody asked for that preemption",
                          told.PreemptionFenceId));
      completed(*link, told.EngineOrdinal, told.NodeOrdinal, told.LastCompletedFenceId, "DMA_PREEMPTED");
      return;
    }
    case DXGK_INTERRUPT_DMA_FAULTED: {
      const auto& told = data.DmaFaulted;
      check_fence(*link, told.EngineOrdinal, told.NodeOrdinal, told.FaultedFenceId, "DMA_FAULTED");
      return;
    }
    default:
      break;
  }
  for (auto& [place, node] : nodes_)
    if (place.first == *link) node.last = fmt::format("the type {}", type);
  const bool known =
      type >= DXGK_INTERRUPT_DMA_COMPLETED && type <= DXGK_INTERRUPT_CRTC_VSYNC_WITH_MULTIPLANE_OVERLAY3;
  const bool shown =
      !tells_of_display(data.InterruptType) || !hooks_.has_sources || hooks_.has_sources(adapter);
  check("E14", known && shown,
        known ? fmt::format("DxgkCbNotifyInterrupt with the type {}: the adapter has no video present source",
                            type)
              : fmt::format("DxgkCbNotifyInterrupt with the type {}", type));
}

// The node, and a fence that was submitted and has not been told.
void Judge::check_fence(unsigned link, UINT engine, UINT node_ordinal, UINT fence, const char* what) {
  const auto entry = nodes_.find({link, engine});
  if (entry == nodes_.end()) {
    check("E14", false,
          fmt::format("{} of fence {} and engine {}, to which nothing was submitted", what, fence, engine));
    return;
  }
  Node& node = entry->second;
  node.last = fmt::format("{} of fence {}", what, fence);
  if (node.reset) return;
  check(
      "E14", node_ordinal == node.node,
      fmt::format("{} of node {}, fence {} was submitted to node {}", what, node_ordinal, fence, node.node));
  check("E14", reached(fence, node.told) && reached(node.submitted, fence),
        fmt::format("{} of fence {}: complete are {} of {}", what, fence, node.told, node.submitted));
}

void Judge::completed(unsigned link, UINT engine, UINT node_ordinal, UINT fence, const char* what) {
  check_fence(link, engine, node_ordinal, fence, what);
  const auto entry = nodes_.find({link, engine});
  if (entry == nodes_.end()) return;
  const Node& before = entry->second;
  if (before.reset || !reached(fence, before.told) || !reached(before.submitted, fence)) return;
  // Asking takes time, in which the node may come to an end.
  const bool news = fence != before.told;
  entry->second.told = fence;
  if (!news || !hooks_.is_done) return;
  const std::optional<bool> done = hooks_.is_done(link, engine, fence);
  if (done)
    check("E14", *done,
          fmt::format("{} of fence {}, whose descriptors the GPU has not completed", what, fence));
}

// A time-out is about to take its course: what the driver owed by now.
void Judge::timed_out(unsigned link) {
  for (auto& [place, node] : nodes_) {
    if (place.first != link || node.reset || node.told == node.submitted || !hooks_.is_done) continue;
    const UINT fence = node.told + 1;
    const UINT before = node.told;
    const std::string last = node.last.empty() ? "nothing" : node.last;
    const std::optional<bool> done = hooks_.is_done(link, place.second, fence);
    if (done && node.told == before)
      check("E14", !*done,
            fmt::format(
                "the GPU is through with fence {}, and DxgkCbNotifyInterrupt never told so; the last that "
                "it told: {}",
                fence, last));
  }
  // An adapter's reset follows upon its engine's.
  if (std::any_of(nodes_.begin(), nodes_.end(),
                  [link](const auto& entry) { return entry.first.first == link && entry.second.reset; }))
    return;
  // At the second one, as what was told just now may have its DPC yet.
  for (auto& [function, notices] : notices_) {
    if (notices.late > notices.confirmed)
      check("E15", false,
            fmt::format("a second time-out, and no DxgkCbNotifyDpc since adapter {} told of an interrupt",
                        function));
    notices.late = notices.complete;
  }
}

std::string Judge::progress() const {
  std::string text;
  for (const auto& [place, node] : nodes_)
    text += fmt::format(
        "{}link{}, engine {}: submitted up to fence {}, told by DxgkCbNotifyInterrupt {}, confirmed "
        "by DxgkCbNotifyDpc {}, told last: {}",
        text.empty() ? "" : "; ", place.first, place.second, node.submitted, node.told, node.confirmed,
        node.last.empty() ? "nothing" : node.last);
  return text;
}

}  // namespace gpudmar::sim::kmd
