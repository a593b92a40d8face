// SPDX-License-Identifier: Apache-2.0
// Events of a replay: made, and compared with what the trace says of them.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "driver-model/dxgkrnl/interface_calls.h"
#include "sim/replay/player.h"
#include "sim/replay/player_driver.h"
#include "sim/replay/recorder.h"
#include "sim/scenario/system.h"

namespace gpudmar::sim::replay {
namespace {

using nlohmann::json;
using Kind = Event::Kind;

constexpr std::size_t kMostArguments = 1024;
constexpr std::uint64_t kPage = hw::kPageSize;

/// Numbers are the same whether they stand as number or as text.
bool same(const json& a, const json& b) {
  if (a == b) return true;
  const auto number = [](const json& value) -> std::optional<std::uint64_t> {
    if (value.is_number_unsigned()) return value.get<std::uint64_t>();
    return value.is_string() ? parse_number(value.get<std::string>()) : std::nullopt;
  };
  const auto x = number(a);
  return x && x == number(b);
}

/// What depends on everything that was allocated before.
bool is_placement(const std::string& field) {
  return field == "PageFrames" || field == "Pages" || field == "VirtualAddress";
}

/// Context of a routine under SynchronizeExecution, which gets the address of the first member.
struct Routine {
  BOOLEAN result = TRUE;
  std::function<void()> body;
  static BOOLEAN run(PVOID context) {
    static_cast<Routine*>(context)->body();
    return TRUE;
  }
};

}  // namespace

void Player::execute(std::size_t index) {
  const Event& event = events_[index];
  if (event.kind != Kind::kEntryPoint) ++result_.events;  // those are counted when they are entered
  switch (event.kind) {
    case Kind::kCallback:
      return callback(index);
    case Kind::kEntryPoint:
      return entry_root(index);
    case Kind::kSystem:
      return action(index);
    case Kind::kRegister:
      return access(event);
    case Kind::kDma:
      return work(event);
    default:
      break;
  }
}

void Player::children(const Event& event, bool entry_points) {
  for (const std::size_t child : event.children)
    if (active_[child] && (entry_points || events_[child].kind != Kind::kEntryPoint)) execute(child);
}

dxgkrnl::ProcessId Player::process(const std::string& name) {
  if (name.empty()) return kernel_->processes().current();
  auto it = processes_.find(name);
  if (it == processes_.end()) it = processes_.emplace(name, kernel_->processes().create(name)).first;
  return it->second;
}

std::optional<std::string> Player::fill(const Event& event, const Function& function, void* arguments,
                                        HANDLE& device) const {
  if (function.device) {
    const auto value = handles_.read(event.in[function.device_name]);
    if (!value) return event.in[function.device_name].dump();
    device = reinterpret_cast<HANDLE>(*value);
  }
  std::string missing;
  if (!event.null && !fill_in(function, event.in, handles_, arguments, missing)) return missing;
  return std::nullopt;
}

void Player::callback(std::size_t index) {
  const Event& event = events_[index];
  const Function& function = *find_function(event.name);
  take_turn(event, event.begin, event.begin_cycle, "cycle");
  if (kernel_ == nullptr) {
    differ(&event, "call", "is made", "no system runs");
    stop();
  }
  alignas(16) std::array<std::uint8_t, kMostArguments> arguments{};
  static_assert(sizeof(DXGKARGCB_NOTIFY_INTERRUPT_DATA) <= kMostArguments &&
                sizeof(DXGK_DEVICE_INFO) <= kMostArguments);
  HANDLE device = nullptr;
  if (const auto missing = fill(event, function, arguments.data(), device)) {
    differ(&event, "in", *missing, "no handle of this name: the call that returned it failed");
    stop();
  }
  Routine routine;
  if (event.name == "DxgkCbSynchronizeExecution") {
    routine.body = [&] { children(event, false); };
    auto& a = *reinterpret_cast<dxgkrnl::SynchronizeArguments*>(arguments.data());
    a.routine = &Routine::run;
    a.result = &routine.result;
  }
  std::optional<wdk::IrqlRaise> raised;
  if (event.irql > KeGetCurrentIrql()) raised.emplace(wdk::Runtime::active(), static_cast<KIRQL>(event.irql));
  const dxgkrnl::ProcessScope scope(kernel_->processes(), process(event.process));
  happened(event.begin);
  context().push_back(index);
  NTSTATUS status = STATUS_SUCCESS;
  try {
    status =
        function.call(callbacks_, device, event.null || function.bytes == 0 ? nullptr : arguments.data());
  } catch (const wdk::BugCheck& bugcheck) {
    context().pop_back();
    if (event.bugcheck.is_null()) {
      differ(&event, "bugcheck", "none", fmt::format("{:#x}: {}", bugcheck.code(), bugcheck.what()));
      stop();
    }
    compare_bugcheck(event, bugcheck);
    if (event.parent) happened(event.end);  // else in run_thread()
    throw;
  }
  context().pop_back();
  if (event.end != 0) happened(event.end);
  check_cycle(event, event.end_cycle, "return cycle");
  if (!event.bugcheck.is_null()) {
    differ(&event, "bugcheck", event.bugcheck["code"].dump(), "none: " + status_name(status));
    stop();
  }
  if (function.status) compare_status(event, status);
  if (event.null) return;
  // What MapMemory takes is where the result is to stand.
  PVOID mapped = nullptr;
  if (event.name == "DxgkCbMapMemory") {
    auto& a = *reinterpret_cast<dxgkrnl::MapMemoryArguments*>(arguments.data());
    mapped = a.address;
    a.address = &mapped;
  }
  const json out = call_result(
      {kernel_.get(), &handles_, &pages_}, function, arguments.data(), event.in,
      [&](const Field& field, std::uint64_t value) -> json {
        if (value == 0) return nullptr;
        const json told =
            event.out.is_object() && event.out.contains(field.name) ? event.out[field.name] : json();
        const std::string name = Handles::name_in(told);
        const auto size = event.in.find("Size");
        const std::uint64_t bytes = field.makes != "view" ? 0 : size == event.in.end() ? 1 : number_of(*size);
        if (name.empty()) return handles_.make("untold " + field.makes, value, bytes);
        handles_.bind(name, value, bytes);
        return name;
      });
  compare_out(event, out);
}

void Player::compare_status(const Event& event, NTSTATUS status) {
  if (!event.status || *event.status == status_name(status)) return;
  differ(&event, "status", *event.status, status_name(status));
  stop();
}

void Player::compare_out(const Event& event, const json& out) {
  if (!event.out.is_object()) return;
  for (const auto& [field, expected] : event.out.items()) {
    if (is_placement(field) && !options_.cycles) continue;
    const auto got = out.find(field);
    if (got != out.end() && same(*got, expected)) continue;
    differ(&event, field, expected.dump(), got == out.end() ? "nothing" : got->dump());
    stop();
  }
}

void Player::compare_bugcheck(const Event& event, const wdk::BugCheck& bugcheck) {
  const auto differs = [&](const char* field, const json& expected, std::uint64_t got) {
    if (number_of(expected) == got) return false;
    differ(&event, field, expected.dump(), hex(got));
    return true;
  };
  if (differs("bugcheck.code", event.bugcheck["code"], bugcheck.code())) return;
  const auto parameters = event.bugcheck.find("parameters");
  if (parameters != event.bugcheck.end() && parameters->is_array() && !parameters->empty())
    (void)differs("bugcheck.parameters[0]", parameters->front(), bugcheck.parameter(0));
}

// ---- Registers and work

void Player::access(const Event& event) {
  take_turn(event, event.begin, event.begin_cycle, "cycle");
  happened(event.begin);
  const json& data = event.data;
  hw::Mmio& window = event.adapter < 0 ? *platform_.iommu
                                       : *platform_.functions[static_cast<std::size_t>(event.adapter)].bar0;
  const std::uint64_t offset = number_of(data["offset"]);
  const bool wide = number_of(data["bytes"]) == 8;
  std::uint64_t value = data.contains("value") ? number_of(data["value"]) : 0;
  const std::uint64_t expected = value;
  const bool write = data["write"].get<bool>();
  if (write && wide) window.write64(offset, value);
  if (write && !wide) window.write32(offset, static_cast<std::uint32_t>(value));
  if (!write) value = wide ? window.read64(offset) : window.read32(offset);
  happened(event.end);
  check_cycle(event, event.end_cycle, "return cycle");
  if (value == expected || !data.contains("value")) return;
  differ(&event, "register " + data["offset"].get<std::string>(), hex(expected), hex(value));
  stop();
}

void Player::work(const Event& event) {
  take_turn(event, event.begin, event.begin_cycle, "cycle");
  const auto adapter = static_cast<std::size_t>(event.adapter);
  const std::size_t link = adapter < links_.size() ? links_[adapter] : adapter;
  const auto address = [this](const json& place) { return pages_.address(place); };
  std::vector<Descriptor> list;
  for (const json& item : event.data["work"]) {
    Descriptor descriptor{};
    if (const std::string missing = assemble(item, address, descriptor); !missing.empty()) {
      differ(&event, "work", missing, "no such place");
      stop();
    }
    list.push_back(descriptor);
    if (!options_.cycles || !item.contains("at")) continue;
    // As the driver did: into the ring, and the doorbell follows.
    const json& at = item["at"];
    const bool vram = at.contains("vram");
    const std::uint64_t place =
        vram ? at["vram"].get<std::uint64_t>() : pages_.physical(link, pages_.address(at).value_or(0));
    SparseMemory& memory = vram ? machine_.board().vram(static_cast<unsigned>(adapter)).device()
                                : machine_.board().memory().device();
    if (!memory.write(place, descriptor.data(), kDescriptorBytes)) {
      differ(&event, "work.at", at.dump(), "no memory there");
      stop();
    }
  }
  const bool told = event.data.contains("result");
  if (options_.cycles || (told && event.data["result"] == "dropped")) {
    happened(event.begin);
    if (!options_.cycles) happened(event.end);
    return;
  }
  Engine& engine = *engines_[adapter];
  engine.submit(list);
  working_[adapter] = &event;
  happened(event.begin);
  const auto end = [this, &engine, &event, adapter] {
    const Engine::Result result = engine.finish();
    if (working_[adapter] == &event) working_[adapter] = nullptr;
    finish_work(event, result);
  };
  if (!told) return end();
  spawn("replay_work", end);
}

void Player::finish_work(const Event& event, const Engine::Result& result) {
  const bool told = event.data.contains("result");
  const auto adapter = static_cast<std::size_t>(event.adapter);
  const std::size_t link = adapter < links_.size() ? links_[adapter] : adapter;
  const std::string got = result.done ? "done" : result.timeout ? "no end" : "blocked";
  const json place = pages_.place(link, result.address & ~(kPage - 1));
  const std::string words =
      fmt::format("gpu{} {} blocked at {}", adapter, result.write ? "write" : "read", place.dump());
  if (got == "blocked" && result_.blocked.empty()) result_.blocked = words;
  const auto names = names_used(event);
  const bool raced = std::any_of(names.begin(), names.end(),
                                 [&](const std::string& name) { return raced_.count(name) != 0; });
  if (!told) {
    if (!result.done)
      result_.notes.push_back(fmt::format("{}: {}", place_of(trace_, event), result.timeout ? got : words));
  } else if (!raced) {
    if (event.data["result"] != got) {
      differ(&event, "result", event.data["result"].get<std::string>(), got == "blocked" ? words : got);
    } else if (got == "blocked" && event.data.contains("address") && pages_.address(event.data["address"]) &&
               *pages_.address(event.data["address"]) != (result.address & ~(kPage - 1))) {
      differ(&event, "address", event.data["address"].dump(), place.dump());
    }
  }
  if (told) happened(event.end);
  if (stopped_) stop();
}

void Player::fault(const vtd::FaultRecord& record) {
  if (stopped_) return;
  const auto& functions = platform_.functions;
  const auto it = std::find_if(functions.begin(), functions.end(),
                               [&](const auto& function) { return function.source_id == record.source_id; });
  if (it == functions.end()) return;
  const auto adapter = static_cast<std::size_t>(it - functions.begin());
  const std::size_t link = adapter < links_.size() ? links_[adapter] : adapter;
  const json got{{"adapter", adapter},
                 {"write", record.is_write},
                 {"address", pages_.place(link, record.address)},
                 {"reason", fmt::format("{:02x}", record.reason)}};
  if (options_.cycles) {
    if (faults_.empty()) return differ(nullptr, "fault", "none", got.dump());
    const Event& next = *faults_.front();
    faults_.pop_front();
    if (next.data != got) return differ(&next, "fault", next.data.dump(), got.dump());
    if (next.begin_cycle && *next.begin_cycle != machine_.board().cycles())
      differ(&next, "cycle", std::to_string(*next.begin_cycle), std::to_string(machine_.board().cycles()));
    return;
  }
  // How many requests a stopped engine had under way is a matter of timing; what is said of a page is not.
  for (const Event& event : events_) {
    if (event.kind != Kind::kFault || event.adapter != static_cast<int>(adapter) ||
        event.data["write"] != record.is_write || pages_.address(event.data["address"]) != record.address)
      continue;
    if (event.data["reason"] != got["reason"])
      differ(&event, "reason", event.data["reason"].dump(), got["reason"].dump());
    return;
  }
}

// ---- The system

void Player::boot() {
  const ScenarioStart& start = trace_.system.start;
  dxgkrnl::KernelConfig config = kernel_config(machine_.config().seed);
  config.runtime.debug_output = [](std::string_view) {};
  config.placement = start.placement;
  if (start.page_file) config.page_file_pages = *start.page_file / kPage;
  config.shuffle_logical = start.shuffle_logical;
  config.force_logical = start.iommu == ScenarioStart::Iommu::kLogical;
  config.isolation = start.iommu == ScenarioStart::Iommu::kIsolation;
  kernel_ = std::make_unique<dxgkrnl::Kernel>(platform_, config);
  if (trace_.call_cycles != 0)
    kernel_->calls().watch([this](const dxgkrnl::CallRecord& record, bool finished) {
      const bool entry = record.name.rfind("DxgkDdi", 0) == 0 || record.name == "DriverEntry";
      if (!finished && !entry && !stopped_) machine_.engine().wait_cycles(trace_.call_cycles);
    });
  kernel_->on_fault([this](const vtd::FaultRecord& record) { fault(record); });
  guarantees_ =
      std::make_unique<Guarantees>(machine_, *kernel_, checked_, visible_addresses(machine_, trace_.system));
}

void Player::shut() {
  if (guarantees_ != nullptr && !stopped_ && !down_) guarantees_->sweep();
  if (guarantees_ != nullptr) guarantees_->finish();
  guarantees_.reset();
  kernel_.reset();
}

void Player::action(std::size_t index) {
  const Event& event = events_[index];
  take_turn(event, event.begin, event.begin_cycle, "cycle");
  happened(event.begin);
  if (kernel_ == nullptr) {
    differ(&event, "system", "happens", "nothing is loaded");
    stop();
  }
  context().push_back(index);
  NTSTATUS status = STATUS_SUCCESS;
  try {
    status = act(event);
  } catch (...) {
    context().pop_back();
    throw;
  }
  context().pop_back();
  if (event.end != 0) happened(event.end);
  if (event.name != "reboot") check_cycle(event, event.end_cycle, "return cycle");
  compare_status(event, status);
}

NTSTATUS Player::act(const Event& event) {
  if (event.name == "load") {
    driver_ = played_driver(event.out);
    return kernel_->load(&driver_entry);
  }
  if (event.name == "start") {
    devices_.clear();
    if (guarantees_ == nullptr)
      guarantees_ = std::make_unique<Guarantees>(machine_, *kernel_, checked_,
                                                 visible_addresses(machine_, trace_.system));
    const NTSTATUS status = kernel_->start();
    if (NT_SUCCESS(status)) guarantees_->system_started();
    return status;
  }
  if (event.name == "stop") {
    guarantees_->sweep();
    // As with `gpu-dmar kmd`: each link is detached before the next one's driver is done.
    if (trace_.head.value("source", "") == "kmd" && kernel_->adapters().size() > 1) guarantees_.reset();
    return kernel_->stop();
  }
  if (event.name == "unload") kernel_->unload();
  if (event.name == "reattach") return kernel_->reattach();
  if (event.name == "trim") kernel_->trim(number_of(event.in["pages"]));
  if (event.name == "exit_process") {
    const std::string name = event.in["process"].get<std::string>();
    kernel_->exit_process(process(name));
    processes_.erase(name);
  }
  if (event.name == "reboot") {
    guarantees_.reset();
    kernel_.reset();
    processes_.clear();
    pages_.clear();
    machine_.reset(true);
    down_ = false;
    result_.bugcheck.clear();
    boot();
    ++epoch_;
  }
  return STATUS_SUCCESS;
}

}  // namespace gpudmar::sim::replay
