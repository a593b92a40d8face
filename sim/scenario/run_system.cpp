// SPDX-License-Identifier: Apache-2.0
// What a scenario has the system do: allocations and their paging, time-outs, power states, removal, domains.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "driver-model/kmd/allocation.h"
#include "driver-model/kmd/parameters.h"
#include "sim/scenario/names.h"
#include "sim/scenario/power_loss.h"
#include "sim/scenario/runner.h"

namespace gpudmar::sim {
namespace {

using nlohmann::json;

constexpr std::uint64_t kPage = hw::kPageSize;

const NameTable& segment_names() {
  static const NameTable names{{"vram", 1U << (GDM_SEGMENT_VRAM - 1)},
                               {"aperture", 1U << (GDM_SEGMENT_APERTURE - 1)}};
  return names;
}

const NameTable& allocation_flag_names() {
  static const NameTable names{{"accessed_physically", GDM_ALLOCATION_ACCESSED_PHYSICALLY},
                               {"cpu_visible_mapped", GDM_ALLOCATION_CPU_VISIBLE_MAPPED},
                               {"cached", GDM_ALLOCATION_CACHED},
                               {"cpu_visible", GDM_ALLOCATION_CPU_VISIBLE}};
  return names;
}

const char* residency_name(dxgkrnl::Residency residency) {
  switch (residency) {
    case dxgkrnl::Residency::kNone:
      return "none";
    case dxgkrnl::Residency::kSystem:
      return "system";
    case dxgkrnl::Residency::kAperture:
      return "aperture";
    case dxgkrnl::Residency::kLocal:
      return "vram";
  }
  return "?";
}

}  // namespace

std::size_t ScenarioRunner::link_of(unsigned gpu) const {
  const auto adapters = kernel_->adapters();
  for (std::size_t link = 0; link < adapters.size(); ++link)
    if (std::count(adapters[link].members.begin(), adapters[link].members.end(), gpu) != 0) return link;
  throw StepFailure(fmt::format("GPU {} is not there", gpu));
}

dxgkrnl::Paging& ScenarioRunner::paging(unsigned gpu) const {
  dxgkrnl::Paging* paging = kernel_->paging(link_of(gpu));
  if (paging == nullptr) throw StepFailure("the driver takes no part in paging");
  return *paging;
}

ScenarioRunner::Allocation& ScenarioRunner::allocation(const std::string& name) {
  const auto it = allocations_.find(name);
  if (it == allocations_.end()) throw StepFailure(fmt::format("there is no allocation '{}'", name));
  return it->second;
}

dxgkrnl::AllocationView ScenarioRunner::allocation_view(const std::string& name) {
  const Allocation& target = allocation(name);
  const auto view = paging(target.gpu).view(target.id);
  if (!view) throw StepFailure(fmt::format("there is no allocation '{}' any more", name));
  return *view;
}

void ScenarioRunner::allocate(const Call& call) {
  GdmAllocationData data{};
  Allocation made;
  made.gpu = gpu_of(call);
  data.magic = GDM_ALLOCATION_MAGIC;
  data.adapter_index = scenario_.linked ? made.gpu : 0;
  data.size = call.number("size");
  if (call.has("flags"))
    data.flags = static_cast<std::uint32_t>(flags(call.args["flags"], allocation_flag_names()));
  if (call.has("segments"))
    data.segments = static_cast<std::uint32_t>(flags(call.args["segments"], segment_names()));
  (void)paging(made.gpu);
  const NTSTATUS status =
      expect(call, [&] { return system_calls().allocate(made.gpu, &data, sizeof data, made.id); });
  if (!down_ && NT_SUCCESS(status)) allocations_[call.text("name")] = made;
}

void ScenarioRunner::deallocate(const Call& call) {
  const Allocation target = allocation(call.text("name"));
  const NTSTATUS status = expect(call, [&] { return system_calls().deallocate(target.gpu, target.id); });
  if (!down_ && NT_SUCCESS(status)) allocations_.erase(call.text("name"));
}

void ScenarioRunner::resident(const Call& call) {
  const Allocation target = allocation(call.text("name"));
  const NTSTATUS status = expect(call, [&] { return system_calls().resident(target.gpu, target.id); });
  if (down_ || !NT_SUCCESS(status) || !call.has("where")) return;
  const auto view = allocation_view(call.text("name"));
  if (call.text("where") != residency_name(view.residency))
    throw StepFailure(
        fmt::format("it is in {} instead of {}", residency_name(view.residency), call.text("where")));
}

void ScenarioRunner::evict(const Call& call) {
  const Allocation target = allocation(call.text("name"));
  expect(call, [&] { return system_calls().evict(target.gpu, target.id); });
}

void ScenarioRunner::fill_resident(const Call& call) {
  const Allocation target = allocation(call.text("name"));
  const auto word = static_cast<UINT>(call.number("word"));
  expect(call, [&] { return system_calls().fill(target.gpu, target.id, word); });
}

void ScenarioRunner::discard(const Call& call) {
  const Allocation target = allocation(call.text("name"));
  expect(call, [&] { return system_calls().discard(target.gpu, target.id); });
}

// The CPU's access to a backing store.
void ScenarioRunner::touch_allocation(const Call& call, bool write) {
  const Allocation target = allocation(call.text("allocation"));
  const std::uint64_t all = allocation_view(call.text("allocation")).size;
  const std::uint64_t offset = call.number("offset");
  if (offset > all) throw StepFailure("the offset is behind the end");
  const std::uint64_t size = call.number("size", all - offset);
  std::vector<std::uint8_t> bytes(size);
  if (write) touch_bytes(call, bytes.data(), size, true);
  const NTSTATUS status = system_calls().access(target.gpu, target.id, offset, bytes.data(), size, write);
  if (!NT_SUCCESS(status)) throw StepFailure("the backing store: " + status_name(status));
  if (!write) touch_bytes(call, bytes.data(), size, false);
}

ScenarioRunner::Place ScenarioRunner::allocation_place(const std::string& name, std::uint64_t offset,
                                                       std::uint64_t size) {
  const auto view = allocation_view(name);
  if (offset > view.size || size > view.size - offset)
    throw StepFailure(fmt::format("'{}' has {:#x} bytes", name, view.size));
  Place place;
  switch (view.residency) {
    case dxgkrnl::Residency::kNone:
      throw StepFailure(fmt::format("'{}' is not resident", name));
    case dxgkrnl::Residency::kLocal:
    case dxgkrnl::Residency::kAperture:
      place.kind = view.residency == dxgkrnl::Residency::kLocal ? GDM_OPERAND_VRAM : GDM_OPERAND_APERTURE;
      place.runs.emplace_back(view.segment_address + offset, size);
      break;
    case dxgkrnl::Residency::kSystem:
      place.kind = GDM_OPERAND_LOGICAL;
      for (std::uint64_t done = 0; done < size;) {
        const std::uint64_t at = offset + done;
        const std::uint64_t piece = std::min(size - done, kPage - at % kPage);
        place.runs.emplace_back(view.logical_pages[at / kPage] * kPage + at % kPage, piece);
        done += piece;
      }
      break;
  }
  return place;
}

void ScenarioRunner::hang(const Call& call) {
  GdmParameters.HangingSubmissions = static_cast<ULONG>(call.number("submissions", 1));
}

void ScenarioRunner::check_paging(const Call& call) {
  const dxgkrnl::Paging& state = paging(gpu_of(call));
  const auto compare = [&](const char* key, unsigned found) {
    if (call.has(key) && call.number(key) != found)
      throw StepFailure(fmt::format("{} {} instead of {}", found, key, call.number(key)));
  };
  compare("timeouts", state.timeouts());
  compare("resets", state.adapter_resets());
  if (!call.has("name")) return;
  const auto view = allocation_view(call.text("name"));
  if (call.has("where") && call.text("where") != residency_name(view.residency))
    throw StepFailure(
        fmt::format("it is in {} instead of {}", residency_name(view.residency), call.text("where")));
  if (call.has("lost") && call.args["lost"].get<bool>() != view.content_lost)
    throw StepFailure(view.content_lost ? "its content was lost" : "its content was not lost");
}

void ScenarioRunner::check_calls(const Call& call) {
  const auto counts = kernel_->calls().counts();
  const auto it = counts.find(call.text("name"));
  const std::uint64_t found = it == counts.end() ? 0 : it->second;
  if (found < call.number("at_least") || found > call.number("at_most", ~0ULL))
    throw StepFailure(fmt::format("{} calls of {}", found, call.text("name")));
}

// ---- Power

void ScenarioRunner::power(const Call& call) {
  static const std::vector<std::string> states{"D0", "D1", "D2", "D3"};
  static const NameTable actions{{"none", PowerActionNone},
                                 {"sleep", PowerActionSleep},
                                 {"hibernate", PowerActionHibernate},
                                 {"shutdown", PowerActionShutdown}};
  const auto state = static_cast<DEVICE_POWER_STATE>(
      PowerDeviceD0 + (std::find(states.begin(), states.end(), call.text("state")) - states.begin()));
  const auto action = static_cast<POWER_ACTION>(*value_of(actions, call.text("action", "none")));
  const unsigned gpu = gpu_of(call);
  wait_jobs(std::nullopt);
  const auto members = kernel_->adapters()[link_of(gpu)].members;
  const NTSTATUS status = expect(call, [&] { return system_calls().power(gpu, state, action); });
  if (down_ || !NT_SUCCESS(status)) return;
  for (const std::size_t member : members) {
    asleep_.erase(member);
    if (state != PowerDeviceD0) asleep_.insert(member);
  }
  if (state == PowerDeviceD0) return;
  if (state == PowerDeviceD3)
    for (const std::size_t member : members) lose_local_memory(machine_, static_cast<unsigned>(member));
  if ((action == PowerActionSleep || action == PowerActionHibernate) &&
      asleep_.size() == kernel_->functions().size())
    system_calls().reset_unit([this] { lose_remapping_unit(machine_); });
}

// ---- Links

void ScenarioRunner::remove(const Call& call) {
  const unsigned gpu = gpu_of(call);
  const std::vector<std::size_t> members = kernel_->adapters()[link_of(gpu)].members;
  wait_jobs(std::nullopt);
  guarantees_->settle();
  for (const std::size_t member : members)
    for (auto it = allocations_.begin(); it != allocations_.end();)
      it = it->second.gpu == member ? allocations_.erase(it) : std::next(it);
  expect(call, [&] { return remove_link(*kernel_, *guarantees_, bars_, gpu, choices_.recorder); });
  if (kernel_->adapters().empty()) started_ = false;
}

void ScenarioRunner::isolate(const Call& call) {
  expect(call, [&] { return isolate_link(*kernel_, *guarantees_, gpu_of(call), choices_.recorder); });
}

}  // namespace gpudmar::sim
