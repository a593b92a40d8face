// SPDX-License-Identifier: Apache-2.0
// The steps of a plan: what the system does with the driver.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "sim/kmd/child_run.h"
#include "sim/random/pattern.h"
#include "sim/scenario/failures.h"
#include "sim/scenario/names.h"
#include "sim/scenario/power_loss.h"
#include "sim/scenario/system_start.h"

namespace gpudmar::sim::kmd {
namespace {

using Action = replay::Recorder::Action;

const char* residency_name(dxgkrnl::Residency residency) {
  static const char* const names[] = {"none", "system", "aperture", "vram"};
  return names[static_cast<unsigned>(residency)];
}

std::vector<std::uint8_t> content_of(const Step& step, std::uint64_t bytes) {
  std::vector<std::uint8_t> data(bytes);
  const auto word = static_cast<std::uint32_t>(step.number);
  for (std::uint64_t i = 0; i < bytes; ++i)
    data[i] =
        step.word ? static_cast<std::uint8_t>(word >> (8 * (i % 4))) : random::pattern_byte(step.number, i);
  return data;
}

}  // namespace

bool ChildRun::memory_ran_out() const { return pool_fails_ || kernel_->pages().failures().failed(); }

void ChildRun::outcome(const Step& step, NTSTATUS status) {
  const std::string what = fmt::format("{}: {}", name_of(step), status_name(status));
  if (!step.expect.empty()) {
    if (std::count(step.expect.begin(), step.expect.end(), status_name(status)) != 0) return note(what);
    return problem(fmt::format("{} instead of {}", what, fmt::join(step.expect, " or ")));
  }
  if (NT_SUCCESS(status)) return;
  if (memory_ran_out()) return note(what + ": memory has run out");
  if (step.optional) return note(what);
  problem(what);
}

std::optional<std::size_t> ChildRun::link_index(const std::string& name) const {
  const auto views = kernel_->adapters();
  const auto it = std::find_if(views.begin(), views.end(), [&](const auto& v) { return v.name == name; });
  if (it == views.end()) return std::nullopt;
  return static_cast<std::size_t>(it - views.begin());
}

// Traces name a link by one of its adapters.
std::size_t ChildRun::adapter_of(std::size_t link) const { return kernel_->adapters()[link].members.front(); }

std::optional<std::size_t> ChildRun::link_of(const Step& step) {
  const std::string name = fmt::format("link{}", step.link.value_or(0));
  const auto index = link_index(name);
  if (!index) problem(fmt::format("{}: there is no {}", name_of(step), name));
  return index;
}

void ChildRun::look_for_timeouts() {
  const auto views = kernel_->adapters();
  for (std::size_t link = 0; link < views.size(); ++link) {
    const dxgkrnl::Paging* paging = kernel_->paging(link);
    if (paging == nullptr) continue;
    unsigned& before = timeouts_of_[views[link].name];
    const unsigned now = paging->timeouts();
    timeouts_ += now - std::min(now, before);
    before = now;
  }
  if (timeouts_ <= hung_) return;
  problem(fmt::format("{}: paging work did not end in time, {} times", stage_, timeouts_ - hung_));
  timeouts_ = hung_;
}

// ---- Start and stop

void ChildRun::start(const Step& step) {
  for (const auto& bar : bars_) bar->insert();
  asleep_.clear();
  allocations_.clear();
  timeouts_of_.clear();
  const NTSTATUS status = Action(recorder_.get(), "start").done(kernel_->start());
  if (!NT_SUCCESS(status)) {
    const std::string why = fmt::format("{}: {}", status_name(status), kernel_->start_error());
    if (step.expect.empty() && !memory_ran_out()) start_failed(why);
    absent_ = true;
    note("start: " + why);
    return outcome(step, status);
  }
  started_ = true;
  absent_ = false;
  look_at_channels();
  if (!step.expect.empty()) outcome(step, status);
  guarantees_->system_started();
  for (const auto& adapter : kernel_->adapters()) {
    static const char* const modes[] = {"physical", "1:1 isolation", "logical remapping"};
    note(fmt::format("{}: {} adapter{}, {}", adapter.name, adapter.members.size(),
                     adapter.members.size() == 1 ? "" : "s", modes[static_cast<unsigned>(adapter.mode)]));
  }
}

void ChildRun::stop() {
  for (const auto& bar : bars_) bar->sleep(false);  // the bus powers up what it stops
  look_at_channels();
  interrupt_without_cause();
  guarantees_->sweep();
  const NTSTATUS status = Action(recorder_.get(), "stop").done(kernel_->stop());
  started_ = false;
  allocations_.clear();
  if (!NT_SUCCESS(status)) problem("StopDevice returns " + status_name(status));
}

// ---- Power, domains, removal

// Down the links one after the other, up the other way round.
void ChildRun::power(const Step& step) {
  const auto state = static_cast<DEVICE_POWER_STATE>(step.number);
  const bool up = state == PowerDeviceD0;
  const POWER_ACTION action = step.choice == "sleep"       ? PowerActionSleep
                              : step.choice == "hibernate" ? PowerActionHibernate
                              : step.choice == "shutdown"  ? PowerActionShutdown
                                                           : PowerActionNone;
  std::vector<std::size_t> links;
  if (step.link) {
    const auto index = link_of(step);
    if (!index) return;
    links.push_back(*index);
  } else {
    for (std::size_t i = 0; i < kernel_->adapters().size(); ++i) links.push_back(i);
    if (up) std::reverse(links.begin(), links.end());
  }
  for (const std::size_t link : links) {
    const NTSTATUS status = system_calls().power(adapter_of(link), state, action);
    outcome(step, status);
    if (!NT_SUCCESS(status)) continue;
    const auto members = kernel_->adapters()[link].members;
    for (const std::size_t member : members) {
      // A driver without the entry point is not asked.
      fall_asleep(member, !up);
      if (state == PowerDeviceD3) lose_local_memory(machine_, static_cast<unsigned>(member));
    }
  }
  const bool sleeps = action == PowerActionSleep || action == PowerActionHibernate;
  if (!up && sleeps && asleep_.size() == kernel_->functions().size())
    system_calls().reset_unit([this] { lose_remapping_unit(machine_); });
}

// Only a driver that gives exclusive access can be asked.
void ChildRun::reattach() {
  const auto& driver = kernel_->driver();
  if (driver.DxgkDdiBeginExclusiveAccess == nullptr || driver.DxgkDdiEndExclusiveAccess == nullptr) return;
  if (kernel_->adapters().front().mode == dxgkrnl::RemappingMode::kPhysical) return;
  const NTSTATUS status = Action(recorder_.get(), "reattach").done(kernel_->reattach());
  if (!NT_SUCCESS(status)) problem("exclusive access: " + status_name(status));
}

void ChildRun::remove(const Step& step) {
  const auto link = link_of(step);
  if (!link) return;
  const dxgkrnl::AdapterView adapter = kernel_->adapters()[*link];
  guarantees_->sweep();
  guarantees_->rules().link_is_removed(adapter.name);
  for (auto it = allocations_.begin(); it != allocations_.end();)
    it = it->second.link == adapter.name ? allocations_.erase(it) : std::next(it);
  outcome(step, system_calls().remove(adapter.members.front(), [&] {
    for (const std::size_t member : adapter.members) {
      bars_[member]->remove();
      fences_.forget(member);
    }
  }));
  if (kernel_->adapters().empty()) started_ = false;
}

void ChildRun::isolate(const Step& step) {
  const auto link = link_of(step);
  if (!link) return;
  const dxgkrnl::AdapterView before = kernel_->adapters()[*link];
  const bool changes = before.source_ids.empty();  // nothing does for one that is isolated already
  if (changes) guarantees_->rules().link_is_isolated(before.name, true);
  outcome(step, system_calls().isolate(adapter_of(*link)));
  if (changes && kernel_->adapters()[*link].source_ids.empty())
    guarantees_->rules().link_is_isolated(before.name, false);
}

// ---- Calls with the driver's own data

void ChildRun::query(const Step& step) {
  std::vector<std::uint8_t> answer(step.answer);
  DXGKARG_QUERYADAPTERINFO args{};
  args.Type = static_cast<DXGK_QUERYADAPTERINFOTYPE>(step.number);
  args.pOutputData = answer.data();
  args.OutputDataSize = static_cast<UINT>(answer.size());
  const auto& adapter = *kernel_->functions().front();
  dxgkrnl::CallScope call(kernel_->calls(), "DxgkDdiQueryAdapterInfo", fmt::format("type {}", step.number),
                          {&args, nullptr, dxgkrnl::index_of(adapter)});
  const NTSTATUS status = call.done(kernel_->driver().DxgkDdiQueryAdapterInfo(adapter.context, &args));
  note(fmt::format("query {}: {}", step.number, status_name(status)));
}

void ChildRun::escape(const Step& step) {
  std::vector<std::uint8_t> data = step.bytes;
  const NTSTATUS status = kernel_->escape(data.data(), static_cast<std::uint32_t>(data.size()));
  if (!step.expect.empty()) return outcome(step, status);
  note("escape: " + status_name(status));
}

// ---- Allocations

void ChildRun::allocate(const Step& step) {
  if (step.optional && kernel_->paging() == nullptr) return;
  const auto link = link_of(step);
  if (!link) return;
  if (kernel_->paging(*link) == nullptr)
    return problem(name_of(step) + ": the driver takes no part in paging");
  Allocation made{kernel_->adapters()[*link].name};
  const NTSTATUS status = system_calls().allocate(adapter_of(*link), step.bytes.data(),
                                                  static_cast<UINT>(step.bytes.size()), made.id);
  if (NT_SUCCESS(status)) allocations_[step.name] = made;
  if (!step.optional) return outcome(step, status);
  if (!NT_SUCCESS(status))
    note(fmt::format("no paging: {} to an allocation without private data (--allocation names some)",
                     status_name(status)));
}

// The CPU's side of a backing store.
void ChildRun::touch(const Step& step, std::size_t link, Allocation& target) {
  if (step.kind == Step::Kind::kCheck && step.word && step.optional && !target.filled) return;
  const auto view = kernel_->paging(link)->view(target.id);
  if (!view) return problem(name_of(step) + ": it is gone");
  const std::vector<std::uint8_t> wanted = content_of(step, view->size);
  std::vector<std::uint8_t> data = wanted;
  const bool write = step.kind == Step::Kind::kWrite;
  const NTSTATUS status =
      system_calls().access(adapter_of(link), target.id, 0, data.data(), data.size(), write);
  if (!NT_SUCCESS(status)) return outcome(step, status);
  if (write || data == wanted) return;
  const auto at = std::mismatch(data.begin(), data.end(), wanted.begin()).first - data.begin();
  problem(fmt::format("{}: byte {:#x} is {:#x} instead of {:#x}{}", name_of(step), at,
                      data[static_cast<std::size_t>(at)], wanted[static_cast<std::size_t>(at)],
                      view->content_lost ? "; a reset took the content" : ""));
}

void ChildRun::page(const Step& step) {
  const auto entry = allocations_.find(step.name);
  const auto link = entry == allocations_.end() ? std::nullopt : link_index(entry->second.link);
  dxgkrnl::Paging* paging = link ? kernel_->paging(*link) : nullptr;
  if (paging == nullptr) {
    if (!step.optional && !memory_ran_out()) problem(name_of(step) + ": there is no such allocation");
    return;
  }
  Allocation& target = entry->second;
  switch (step.kind) {
    case Step::Kind::kWrite:
    case Step::Kind::kCheck:
      return touch(step, *link, target);
    case Step::Kind::kResident: {
      outcome(step, system_calls().resident(adapter_of(*link), target.id));
      const auto view = paging->view(target.id);
      const std::string where = view ? residency_name(view->residency) : "none";
      if (!step.where.empty() && step.where != where)
        problem(fmt::format("{}: it is in {} instead of {}", name_of(step), where, step.where));
      return;
    }
    case Step::Kind::kEvict:
      return outcome(step, system_calls().evict(adapter_of(*link), target.id));
    case Step::Kind::kFill: {
      const NTSTATUS status =
          system_calls().fill(adapter_of(*link), target.id, static_cast<UINT>(step.number));
      target.filled = NT_SUCCESS(status);
      // System memory without an aperture has no place to be filled in.
      if (!step.optional || status != STATUS_INVALID_DEVICE_STATE) outcome(step, status);
      return;
    }
    case Step::Kind::kDiscard:
      return outcome(step, system_calls().discard(adapter_of(*link), target.id));
    default: {
      const NTSTATUS status = system_calls().deallocate(adapter_of(*link), target.id);
      if (NT_SUCCESS(status)) allocations_.erase(entry);
      return outcome(step, status);
    }
  }
}

void ChildRun::fail(const Step& step) {
  const auto after = step.given ? std::optional<std::uint64_t>(step.number) : std::nullopt;
  pool_fails_ = step.given && step.choice == "pool";
  const Failures::Of of = pool_fails_ ? Failures::Of::kPool : Failures::Of::kMemory;
  const Action action(recorder_.get(), "fail", Failures::told(after, step.sticky, of));
  (void)Failures::set(*kernel_, after, step.sticky, of);
}

void ChildRun::step(const Step& step) {
  using Kind = Step::Kind;
  stage(name_of(step));
  if (step.kind == Kind::kStart) return start(step);
  if (step.kind == Kind::kWait) return machine_.engine().wait_cycles(step.number);
  if (step.kind == Kind::kFail) return fail(step);
  if (step.kind == Kind::kTrim) {
    const Action action(recorder_.get(), "trim", {{"pages", step.number}});
    kernel_->trim(step.number);
    return;
  }
  if (!started_) {
    const std::string what = name_of(step) + ": the adapters are not started";
    if (absent_) return note(what);
    return problem(what);
  }
  switch (step.kind) {
    case Kind::kStop:
      return stop();
    case Kind::kPower:
      power(step);
      break;
    case Kind::kReattach:
      return reattach();
    case Kind::kEscape:
      return escape(step);
    case Kind::kQuery:
      return query(step);
    case Kind::kAllocate:
      return allocate(step);
    case Kind::kHang:
      hangs_ += step.number;
      return;
    case Kind::kRemove:
      return remove(step);
    case Kind::kIsolate:
      return isolate(step);
    default:
      page(step);
      break;
  }
  look_at_channels();
  look_for_timeouts();
}

}  // namespace gpudmar::sim::kmd
