// SPDX-License-Identifier: Apache-2.0
// Events of a replay: made, and compared with what the trace says of them.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "driver-model/dxgkrnl/interface_calls.h"
#include "driver-model/hw/regs/dma_regs.h"
#include "sim/replay/entry_points.h"
#include "sim/replay/mdl.h"
#include "sim/replay/player.h"
#include "sim/replay/player_driver.h"
#include "sim/replay/recorder.h"
#include "sim/scenario/system_start.h"

namespace gpudmar::sim::replay {
namespace {

using nlohmann::json;
using Kind = Event::Kind;

constexpr std::size_t kMostArguments = 1024;
constexpr std::uint64_t kPage = hw::kPageSize;
constexpr std::uint64_t kMostPages = 1U << 20;
constexpr std::uint64_t kPatience = 400'000'000;  // cycles, where the trace has no time-out

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
                                        HANDLE& device) {
  if (function.device) {
    const auto value = handles_.read(event.in[function.device_name]);
    if (!value) return event.in[function.device_name].dump();
    device = reinterpret_cast<HANDLE>(*value);
  }
  if (event.in.contains("Mdl")) make_mdl(event);
  std::string missing;
  if (!event.null && !fill_in(function, event.in, handles_, arguments, missing)) return missing;
  return std::nullopt;
}

void Player::make_mdl(const Event& event) {
  const auto frame_here = [this](std::uint64_t frame) {
    const auto here = frames_.find(frame);
    return here == frames_.end() ? frame : here->second;
  };
  if (event.in.contains("pMdl")) {
    const auto& storage = mdls_.emplace_back(build_mdl(event.in["Mdl"], frame_here));
    handles_.bind(Handles::name_in(event.in["pMdl"]), reinterpret_cast<std::uintptr_t>(storage.data()));
    return;
  }
  const auto mapped = mapped_mdls_.find(handles_.read(event.in["hMemoryHandle"]).value_or(0));
  if (mapped == mapped_mdls_.end() || change_mdl(event.in["Mdl"], frame_here, *mapped->second)) return;
  differ(&event, "in.Mdl", event.in["Mdl"].dump(), "the MDL that was mapped has fewer pages");
  stop();
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
      {kernel_.get(), &handles_, &places_.pages()}, function, arguments.data(), event.in,
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
  if (event.name == "DxgkCbUnmapMdlFromIoMmu")
    mapped_mdls_.erase(handles_.read(event.in["hMemoryHandle"]).value_or(0));
  if (event.name == "DxgkCbMapMdlToIoMmu") {
    const auto& args = *reinterpret_cast<const DXGKARGCB_MAPMDLTOIOMMU*>(arguments.data());
    mapped_mdls_[reinterpret_cast<std::uintptr_t>(args.hMemoryHandle)] = args.pMdl;
  }
  note_frames(event, out);
  compare_out(event, out);
}

void Player::note_frames(const Event& event, const json& out) {
  if (!event.out.is_object()) return;
  for (const char* const key : {"PageFrames", "Pages"}) {
    // Where requests are translated, an ADL's pages are no frames.
    const bool numbers =
        trace_.system.start.iommu == ScenarioStart::Iommu::kLogical && event.out.contains("PageCount");
    const auto told = event.out.find(key);
    const auto here = out.find(key);
    if (numbers || told == event.out.end() || here == out.end() || !told->is_array()) continue;
    const auto all = [](const json& list) {
      std::vector<std::uint64_t> pages;
      for (const json& run : list)
        for (std::uint64_t i = 0;
             run.is_array() && run.size() == 2 && i < number_of(run[1]) && i < kMostPages; ++i)
          pages.push_back(number_of(run[0]) + i);
      return pages;
    };
    const auto from = all(*told);
    const auto to = all(*here);
    for (std::size_t i = 0; i < std::min(from.size(), to.size()); ++i) frames_[from[i]] = to[i];
  }
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
    if (got != out.end() && same_value(*got, expected)) continue;
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
  // Told is what reached the hardware, whether its software still did or not.
  const hw::Platform& hardware = machine_.platform();
  hw::Mmio& window =
      event.adapter < 0 ? *hardware.iommu : *hardware.functions[static_cast<std::size_t>(event.adapter)].bar0;
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

std::size_t Player::link_of(const Event& event) const {
  const auto adapter = static_cast<std::size_t>(event.adapter);
  return adapter < links_.size() ? links_[adapter] : adapter;
}

// The descriptors of a piece of work with addresses as they are here, and what lies in memory behind them.
std::vector<Descriptor> Player::descriptors(const Event& event, std::size_t link) {
  const auto address = [&](const json& place) { return places_.address(link, place); };
  const auto write = [&](SparseMemory& memory, std::uint64_t at, const void* data, std::size_t bytes) {
    if (memory.write(at, data, bytes)) return;
    differ(&event, "work.at", hex(at), "no memory there");
    stop();
  };
  SparseMemory& host = machine_.board().memory().device();
  std::vector<Descriptor> list;
  for (const json& item : event.data["work"]) {
    Descriptor descriptor{};
    std::string missing = assemble(item, address, descriptor);
    if (missing.empty() && item.contains("list")) {
      const auto entries = assemble_list(item["list"], address);
      if (!entries) missing = "list " + item["list"].dump();
      std::uint64_t at = 0;
      for (std::size_t i = 0; entries && i < entries->size(); ++i) {
        const std::uint64_t entry = regs::dma::descriptor::SRC.get(descriptor.data()) + 8 * i;
        at = i == 0 || entry % kPage == 0 ? places_.physical(link, entry) : at + 8;
        write(host, at, &(*entries)[i], 8);
      }
    }
    if (!missing.empty()) {
      differ(&event, "work", missing, "no such place");
      stop();
    }
    list.push_back(descriptor);
    if (!options_.cycles || !item.contains("at")) continue;
    // As the driver did: into the ring, and the doorbell follows.
    const json& at = item["at"];
    if (at.contains("vram"))
      write(machine_.board().vram(static_cast<unsigned>(event.adapter)).device(),
            at["vram"].get<std::uint64_t>(), descriptor.data(), kDescriptorBytes);
    else
      write(host, places_.physical(link, address(at).value_or(0)), descriptor.data(), kDescriptorBytes);
  }
  return list;
}

void Player::work(const Event& event) {
  take_turn(event, event.begin, event.begin_cycle, "cycle");
  const auto adapter = static_cast<std::size_t>(event.adapter);
  const std::vector<Descriptor> list = descriptors(event, link_of(event));
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
  const std::size_t link = link_of(event);
  const std::string got = result.done ? "done" : result.timeout ? "no end" : "blocked";
  const json place = places_.place(link, result.address & ~(kPage - 1));
  const std::string words =
      fmt::format("gpu{} {} blocked at {}", event.adapter, result.write ? "write" : "read", place.dump());
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
    } else if (got == "blocked" && event.data.contains("address") &&
               places_.address(link, event.data["address"]).value_or(result.address & ~(kPage - 1)) !=
                   (result.address & ~(kPage - 1))) {
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
                 {"address", places_.place(link, record.address)},
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
        event.data["write"] != record.is_write ||
        places_.address(link, event.data["address"]) != record.address)
      continue;
    if (event.data["reason"] != got["reason"])
      differ(&event, "reason", event.data["reason"].dump(), got["reason"].dump());
    return;
  }
}

// ---- The system

void Player::boot() {
  const ScenarioStart& start = trace_.system.start;
  dxgkrnl::KernelConfig config = kernel_config(start, machine_.config().seed);
  config.pool_in_ram = false;
  config.runtime.debug_output = [](std::string_view) {};
  // Another memory, or another machine, may be slower.
  if (!options_.cycles && !timeouts_) config.paging.tdr_delay = std::max(config.paging.tdr_delay, kPatience);
  insert_all(bars_);
  kernel_ = std::make_unique<dxgkrnl::Kernel>(platform_, config);
  places_.attach(kernel_.get());
  kernel_->calls().watch(
      [this](const dxgkrnl::CallRecord& record, bool finished) { take_time(record, finished); });
  kernel_->on_fault([this](const vtd::FaultRecord& record) { fault(record); });
  guarantees_ = std::make_unique<Guarantees>(machine_, *kernel_, checked_,
                                             visible_addresses(machine_, trace_.system), attaches(start));
}

void Player::take_time(const dxgkrnl::CallRecord& record, bool finished) {
  const bool entry = record.name.rfind("DxgkDdi", 0) == 0 || record.name == "DriverEntry";
  std::uint64_t cycles = 0;
  if (!finished && !entry) cycles = trace_.call_cycles;
  if (finished && !record.bugcheck && NT_SUCCESS(record.status) && record.name == "DxgkDdiResetFromTimeout")
    cycles = trace_.reset_cycles;
  if (cycles != 0 && !stopped_) machine_.engine().wait_cycles(cycles);
}

void Player::shut() {
  if (guarantees_ != nullptr && !stopped_ && !down_) guarantees_->sweep();
  if (guarantees_ != nullptr) guarantees_->finish();
  guarantees_.reset();
  places_.attach(nullptr);
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

}  // namespace gpudmar::sim::replay
