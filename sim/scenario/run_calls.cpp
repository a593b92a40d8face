// SPDX-License-Identifier: Apache-2.0
// The callbacks of a scenario, called as a driver does, and the CPU's accesses.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sim/random/pattern.h"
#include "sim/scenario/names.h"
#include "sim/scenario/runner.h"

namespace gpudmar::sim {
namespace {

using nlohmann::json;

constexpr std::uint64_t kPage = hw::kPageSize;

PHYSICAL_ADDRESS physical(std::uint64_t address) {
  PHYSICAL_ADDRESS value{};
  value.QuadPart = static_cast<LONGLONG>(address);
  return value;
}

/// A handle that no call returned.
HANDLE garbage() { return reinterpret_cast<HANDLE>(std::uintptr_t{0x5A5A'5A50}); }

/// The number that stands for one of `names`, in their order; any other number for itself.
template <std::size_t N>
std::uint32_t enumerator(const json& value, const std::array<const char*, N>& names) {
  if (value.is_string()) {
    const auto it = std::find(names.begin(), names.end(), value.get<std::string>());
    if (it != names.end()) return static_cast<std::uint32_t>(it - names.begin());
    return static_cast<std::uint32_t>(parse_number(value.get<std::string>()).value_or(0));
  }
  return value.get<std::uint32_t>();
}

std::uint64_t round_up(std::uint64_t size) { return (size + kPage - 1) / kPage * kPage; }

}  // namespace

ScenarioRunner::Object& ScenarioRunner::object(const std::string& name) {
  const auto it = objects_.find(name);
  if (it == objects_.end()) throw StepFailure(fmt::format("there is no object '{}'", name));
  return it->second;
}

ScenarioRunner::View& ScenarioRunner::view(const std::string& name) {
  const auto it = views_.find(name);
  if (it == views_.end()) throw StepFailure(fmt::format("there is no view '{}'", name));
  return it->second;
}

ScenarioRunner::Adl& ScenarioRunner::adl_named(const std::string& name) {
  const auto it = adls_.find(name);
  if (it == adls_.end()) throw StepFailure(fmt::format("there is no ADL '{}'", name));
  return it->second;
}

HANDLE ScenarioRunner::device_handle(const Call& call) const {
  if (call.has("bad_adapter") && call.args["bad_adapter"].get<bool>()) return garbage();
  if (call.has("adapter") && call.args["adapter"].is_null()) return nullptr;
  const std::uint64_t adapter = call.number("adapter");
  for (const auto& function : kernel_->functions())
    if (function->index() == adapter) return function->device_handle;
  throw StepFailure(fmt::format("there is no adapter {}", adapter));
}

HANDLE ScenarioRunner::given_handle(const Call& call, HANDLE right, HANDLE other) {
  const std::string handle = call.text("handle");
  if (handle == "null") return nullptr;
  if (handle == "garbage") return garbage();
  return handle == "swapped" ? other : right;
}

std::uint64_t ScenarioRunner::flags(const json& value, const NameTable& names) {
  if (!value.is_array()) {
    if (value.is_number()) return value.get<std::uint64_t>();
    const auto text = value.get<std::string>();
    if (const auto name = value_of(names, text)) return *name;
    const auto number = parse_number(text);
    if (!number) throw StepFailure(fmt::format("\"{}\" is no number", text));
    return *number;
  }
  std::uint64_t all = 0;
  for (const json& name : value) all |= value_of(names, name.get<std::string>()).value_or(0);
  return all;
}

void ScenarioRunner::create(const Call& call) {
  const std::string name = call.text("name");
  if (const auto it = objects_.find(name); it != objects_.end() && it->second.live)
    throw StepFailure(fmt::format("'{}' exists", name));
  DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT args{};
  args.hPhysicalMemoryObject = args.hAdapterMemoryObject = &args;  // a failure must clear both (R45)
  static constexpr std::array<const char*, 3> kCaches{"non_cached", "cached", "write_combined"};
  static constexpr std::array<const char*, 4> kTypes{"mdl", "contiguous", "section", "io_space"};
  args.hAdapter = device_handle(call);
  const bool opened = args.hAdapter != nullptr;
  args.Size = call.number("size");
  args.Context = call.number("context");
  args.CacheType = static_cast<DXGK_MEMORY_CACHING_TYPE>(
      enumerator(call.has("cache") ? call.args["cache"] : json("cached"), kCaches));
  args.Type = static_cast<DXGK_PHYSICAL_MEMORY_TYPE>(enumerator(call.args["type"], kTypes));
  switch (args.Type) {
    case DXGK_PHYSICAL_MEMORY_TYPE_MDL:
      args.Mdl.LowAddress = physical(call.number("low"));
      args.Mdl.HighAddress = physical(call.number("high", ~0ULL));
      args.Mdl.SkipBytes = physical(call.number("step"));
      args.Mdl.Flags = call.has("flags") ? static_cast<UINT>(flags(call.args["flags"], mdl_flag_names())) : 0;
      break;
    case DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY:
      args.ContiguousMemory.LowestAcceptableAddress = physical(call.number("low"));
      args.ContiguousMemory.HighestAcceptableAddress = physical(call.number("high", ~0ULL));
      args.ContiguousMemory.BoundaryAddressMultiple = physical(call.number("boundary"));
      break;
    case DXGK_PHYSICAL_MEMORY_TYPE_SECTION:
      args.Section.DesiredAccess = static_cast<ACCESS_MASK>(call.number("access", SECTION_ALL_ACCESS));
      args.Section.PageProtection =
          call.has("protection") ? static_cast<ULONG>(flags(call.args["protection"], protection_names()))
                                 : PAGE_READWRITE;
      args.Section.AllocationAttributes = SEC_COMMIT;
      break;
    default:
      args.IOSpace.BaseAddress = physical(call.number("base"));
      break;
  }
  const NTSTATUS status = expect(call, [&] { return callbacks_.DxgkCbCreatePhysicalMemoryObject(&args); });
  if (down_) return;
  if (!NT_SUCCESS(status)) {
    if (args.hPhysicalMemoryObject != nullptr || args.hAdapterMemoryObject != nullptr)
      throw StepFailure("it failed and left a handle");
    objects_[name] = {nullptr, nullptr, false, false, args.Size};
    return;
  }
  if (args.hPhysicalMemoryObject == nullptr || (args.hAdapterMemoryObject != nullptr) != opened)
    throw StepFailure("it succeeded without the handles that were asked for");
  objects_[name] = {args.hPhysicalMemoryObject, args.hAdapterMemoryObject, opened, true, args.Size};
}

void ScenarioRunner::open(const Call& call) {
  Object& target = object(call.text("name"));
  DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT args{};
  args.hPhysicalMemoryObject = given_handle(call, target.physical, target.adapter);
  args.hAdapter = device_handle(call);
  const NTSTATUS status = expect(call, [&] { return callbacks_.DxgkCbOpenPhysicalMemoryObject(&args); });
  if (down_ || !NT_SUCCESS(status)) return;
  target.adapter = args.hAdapterMemoryObject;
  target.open = true;
}

void ScenarioRunner::close(const Call& call) {
  Object& target = object(call.text("name"));
  const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT args{given_handle(call, target.adapter, target.physical)};
  expect(call, [&] {
    callbacks_.DxgkCbClosePhysicalMemoryObject(&args);
    return STATUS_SUCCESS;
  });
  target.open = false;
}

void ScenarioRunner::destroy(const Call& call) {
  Object& target = object(call.text("name"));
  const std::string form = call.text("form", "combined");
  expect(call, [&] {
    DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT args{given_handle(call, target.physical, target.adapter),
                                                  nullptr};
    if (form == "split" && target.open) {
      const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT close_args{target.adapter};
      callbacks_.DxgkCbClosePhysicalMemoryObject(&close_args);
      target.open = false;
    }
    if ((form == "combined" && target.open) || form == "stale") args.hAdapterMemoryObject = target.adapter;
    if (form == "other") args.hAdapterMemoryObject = object(call.text("other")).adapter;
    callbacks_.DxgkCbDestroyPhysicalMemoryObject(&args);
    return STATUS_SUCCESS;
  });
  target.open = target.live = false;
}

dxgkrnl::ProcessId ScenarioRunner::process(const Call& call) {
  if (!call.has("process")) return dxgkrnl::kSystemProcess;
  const std::string name = call.text("process");
  auto it = processes_.find(name);
  if (it == processes_.end()) it = processes_.emplace(name, kernel_->processes().create(name)).first;
  return it->second;
}

void ScenarioRunner::exit_process(const Call& call) {
  const dxgkrnl::ProcessId id = process(call);
  expect(call, [&] {
    const replay::Recorder::Action action(choices_.recorder, "exit_process",
                                          {{"process", call.text("process")}});
    kernel_->exit_process(id);
    return STATUS_SUCCESS;
  });
  processes_.erase(call.text("process"));
}

void ScenarioRunner::trim(const Call& call) {
  const std::uint64_t pages = call.number("pages", ~0ULL >> 1);
  const replay::Recorder::Action action(choices_.recorder, "trim", {{"pages", pages}});
  const std::uint64_t written = kernel_->trim(pages);
  if (written < call.number("at_least"))
    throw StepFailure(
        fmt::format("{} pages went to the page file, fewer than {}", written, call.number("at_least")));
}

void ScenarioRunner::require_writable(HANDLE physical, const void* base) const {
  const auto object = kernel_->memory().object(physical);
  if (!object) return;
  for (const auto& mapping : object->mappings)
    if (mapping.base == base && !mapping.writable) throw StepFailure("the CPU may only read there");
}

void ScenarioRunner::map(const Call& call) {
  const std::string name = call.text("name");
  const Object& target = object(name);
  const std::uint64_t offset = call.number("offset");
  if (!call.has("size") && offset > target.size) throw StepFailure("the offset is behind the object's end");
  const std::uint64_t size = call.number("size", target.size - offset);
  DXGKARGCB_MAP_PHYSICAL_MEMORY args{};
  static constexpr std::array<const char*, 2> kModes{"kernel", "user"};
  args.hPhysicalMemoryObject = given_handle(call, target.physical, target.adapter);
  args.AccessMode = static_cast<DXGK_ACCESS_MODE>(
      enumerator(call.has("mode") ? call.args["mode"] : json("kernel"), kModes));
  args.Offset = offset;
  args.Size = size;
  const dxgkrnl::ProcessScope scope(kernel_->processes(), process(call));
  const NTSTATUS status = expect(call, [&] { return callbacks_.DxgkCbMapPhysicalMemory(&args); });
  if (down_ || !NT_SUCCESS(status)) return;
  auto* base = static_cast<std::uint8_t*>(args.pMappedAddress);
  views_[call.text("view")] = {name, target.physical, base, args.Size, base + args.Offset, size, true};
}

void ScenarioRunner::unmap(const Call& call) {
  View& target = view(call.text("view"));
  const dxgkrnl::ProcessScope scope(kernel_->processes(), process(call));
  const Object& owner = object(call.text("name", target.object));
  const DXGKARGCB_UNMAP_PHYSICAL_MEMORY args{
      given_handle(call, owner.physical, owner.adapter),
      static_cast<std::uint8_t*>(target.base) + call.number("base_shift"),
      target.mapped + call.number("size_shift")};
  expect(call, [&] {
    callbacks_.DxgkCbUnmapPhysicalMemory(&args);
    return STATUS_SUCCESS;
  });
  target.live = false;
}

void ScenarioRunner::adl(const Call& call) {
  static const NameTable names{{"require_contiguous", 1}, {"prefer_contiguous", 2}};
  const Object& target = object(call.text("name"));
  DXGKARGCB_ALLOCATE_ADL args{};
  args.hAdapterMemoryObject = given_handle(call, target.adapter, target.physical);
  args.Offset = call.number("offset");
  args.Size = call.number("size", round_up(target.size) - std::min(args.Offset, round_up(target.size)));
  args.Flags.Value = call.has("flags") ? static_cast<UINT32>(flags(call.args["flags"], names)) : 0;
  const NTSTATUS status = expect(call, [&] { return callbacks_.DxgkCbAllocateAdl(&args); });
  if (down_) return;
  if (!NT_SUCCESS(status)) {
    if (args.pAdl != nullptr) throw StepFailure("it failed and left an ADL");
    adls_[call.text("adl")] = {call.text("name"), nullptr, {}};
    return;
  }
  Adl made{call.text("name"), args.pAdl, {}};
  for (std::uint64_t i = 0; i < args.pAdl->PageCount; ++i)
    made.pages.push_back(args.pAdl->Flags.Contiguous != 0 ? args.pAdl->BasePageNumber + i
                                                          : args.pAdl->Pages[i]);
  adls_[call.text("adl")] = std::move(made);
}

void ScenarioRunner::free(const Call& call) {
  const Adl& target = adl_named(call.text("adl"));
  const Object& owner = object(call.text("name", target.object));
  const DXGKARGCB_FREE_ADL args{given_handle(call, owner.adapter, owner.physical), target.adl};
  expect(call, [&] {
    callbacks_.DxgkCbFreeAdl(&args);
    return STATUS_SUCCESS;
  });
}

void ScenarioRunner::touch_bytes(const Call& call, std::uint8_t* data, std::uint64_t size, bool write) {
  if (call.has("digest")) {
    const std::string found = fmt::format("{:016x}", random::digest(data, size));
    if (found != call.text("digest")) throw StepFailure("the bytes have the digest " + found);
    result_.bytes_verified += size;
    return;
  }
  const std::uint64_t pattern = call.number("pattern");
  const std::uint64_t from = call.number("from");
  const std::uint64_t word = call.number("word");
  const bool words = call.has("word");
  for (std::uint64_t i = 0; i < size; ++i) {
    const std::uint8_t byte = words ? static_cast<std::uint8_t>(word >> (8 * ((from + i) % 4)))
                                    : random::pattern_byte(pattern, from + i);
    if (write) {
      data[i] = byte;
    } else if (data[i] != byte) {
      throw StepFailure(
          fmt::format("byte {:#x} is {:#04x} instead of {:#04x}", call.number("offset") + i, data[i], byte));
    }
  }
  if (!write) result_.bytes_verified += size;
}

void ScenarioRunner::touch(const Call& call, bool write) {
  if (call.has("allocation")) return touch_allocation(call, write);
  const std::uint64_t offset = call.number("offset");
  const auto access = [&](std::uint8_t* data, std::uint64_t available) {
    if (offset > available) throw StepFailure("the offset is behind the end");
    const std::uint64_t size = call.number("size", available - offset);
    if (size > available - offset) throw StepFailure("the range is longer than what there is");
    touch_bytes(call, data + offset, size, write);
  };
  if (call.has("view")) {
    const View& target = view(call.text("view"));
    if (!target.live) throw StepFailure("the view is not mapped any more");
    if (write) require_writable(target.physical, target.base);
    return access(target.data, target.size);
  }
  const Object& target = object(call.text("name"));
  DXGKARGCB_MAP_PHYSICAL_MEMORY args{};
  args.hPhysicalMemoryObject = target.physical;
  args.AccessMode = DXGK_ACCESS_MODE_KERNEL_MODE;
  args.Size = round_up(target.size);
  const NTSTATUS status = callbacks_.DxgkCbMapPhysicalMemory(&args);
  if (!NT_SUCCESS(status)) throw StepFailure("the object cannot be mapped: " + status_name(status));
  const DXGKARGCB_UNMAP_PHYSICAL_MEMORY back{target.physical, args.pMappedAddress, args.Size};
  try {
    if (write) require_writable(target.physical, args.pMappedAddress);
    access(static_cast<std::uint8_t*>(args.pMappedAddress) + args.Offset, target.size);
  } catch (const StepFailure&) {
    callbacks_.DxgkCbUnmapPhysicalMemory(&back);
    throw;
  }
  callbacks_.DxgkCbUnmapPhysicalMemory(&back);
}

}  // namespace gpudmar::sim
