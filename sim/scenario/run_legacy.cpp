// SPDX-License-Identifier: Apache-2.0
// The memory callbacks of WDDM 2.4 and those of save areas, called as a driver does. What they make is known
// to the other steps as ADLs and views.
#include <fmt/format.h>

#include <algorithm>
#include <array>

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

DXGK_MEMORY_CACHING_TYPE cache_of(const json& args) {
  static const NameTable names{{"non_cached", DXGK_MEMORY_CACHING_TYPE_NON_CACHED},
                               {"cached", DXGK_MEMORY_CACHING_TYPE_CACHED},
                               {"write_combined", DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED}};
  if (!args.contains("cache")) return DXGK_MEMORY_CACHING_TYPE_CACHED;
  const json& value = args["cache"];
  if (value.is_number()) return static_cast<DXGK_MEMORY_CACHING_TYPE>(value.get<std::uint32_t>());
  const auto text = value.get<std::string>();
  const auto name = value_of(names, text);
  return static_cast<DXGK_MEMORY_CACHING_TYPE>(name ? *name : parse_number(text).value_or(0));
}

std::vector<std::uint64_t> pages_of(PMDL mdl) {
  const PFN_NUMBER* const first = MmGetMdlPfnArray(mdl);
  return {first, first + ADDRESS_AND_SIZE_TO_SPAN_PAGES(MmGetMdlVirtualAddress(mdl), MmGetMdlByteCount(mdl))};
}

}  // namespace

bool ScenarioRunner::dispatch_legacy(const Call& call) {
  using Action = void (ScenarioRunner::*)(const Call&);
  static const std::map<std::string, Action> actions{
      {"contiguous", &ScenarioRunner::contiguous},
      {"free_contiguous", &ScenarioRunner::free_contiguous},
      {"pages", &ScenarioRunner::pages_for_mdl},
      {"free_pages", &ScenarioRunner::free_pages},
      {"map_mdl", &ScenarioRunner::map_mdl},
      {"unmap_mdl", &ScenarioRunner::unmap_mdl},
      {"pin", &ScenarioRunner::pin},
      {"unpin", &ScenarioRunner::unpin},
      {"map_frame_buffer", &ScenarioRunner::map_frame_buffer},
      {"unmap_frame_buffer", &ScenarioRunner::unmap_frame_buffer}};
  const auto it = actions.find(call.step.act);
  if (it == actions.end()) return false;
  if (!started_) throw StepFailure("the adapters are not started");
  (this->*it->second)(call);
  return true;
}

ScenarioRunner::Block& ScenarioRunner::block(const std::string& name) {
  const auto it = blocks_.find(name);
  if (it == blocks_.end()) throw StepFailure(fmt::format("there is no memory '{}'", name));
  return it->second;
}

HANDLE ScenarioRunner::block_handle(const Call& call) {
  return given_handle(call, block(call.text("name")).handle, nullptr);
}

void ScenarioRunner::require_new(const std::string& name) {
  if (const auto it = blocks_.find(name); it != blocks_.end() && it->second.live)
    throw StepFailure(fmt::format("'{}' exists", name));
}

void ScenarioRunner::drop_view(const std::string& name) {
  if (const auto it = views_.find(name); it != views_.end()) it->second.live = false;
}

void ScenarioRunner::contiguous(const Call& call) {
  const std::string name = call.text("name");
  require_new(name);
  DXGKARGCB_ALLOCATECONTIGUOUSMEMORY args{};
  args.hMemoryHandle = args.pMemory = &args;  // a failure must clear both
  args.NumberOfBytes = call.number("size");
  args.LowestAcceptableAddress = physical(call.number("low"));
  args.HighestAcceptableAddress = physical(call.number("high", ~0ULL));
  args.BoundaryAddressMultiple = physical(call.number("boundary"));
  args.CacheType = cache_of(call.args);
  const HANDLE adapter = device_handle(call);
  const NTSTATUS status =
      expect(call, [&] { return callbacks_.DxgkCbAllocateContiguousMemory(adapter, &args); });
  if (down_) return;
  if (!NT_SUCCESS(status)) {
    if (args.hMemoryHandle != nullptr || args.pMemory != nullptr)
      throw StepFailure("it failed and left a handle or an address");
    return;
  }
  const auto object = kernel_->memory().object(args.hMemoryHandle);
  if (!object) throw StepFailure("it succeeded without memory");
  blocks_[name] = {args.hMemoryHandle, nullptr, false, true};
  adls_[name] = {name, nullptr, object->page_frames};
  auto* const base = static_cast<std::uint8_t*>(args.pMemory);
  views_[name] = {name, nullptr, base, args.NumberOfBytes, base, args.NumberOfBytes, true};
}

void ScenarioRunner::free_contiguous(const Call& call) {
  const DXGKARGCB_FREECONTIGUOUSMEMORY args{block_handle(call)};
  const HANDLE adapter = device_handle(call);
  const NTSTATUS status = expect(call, [&] { return callbacks_.DxgkCbFreeContiguousMemory(adapter, &args); });
  if (down_ || !NT_SUCCESS(status)) return;
  block(call.text("name")).live = false;
  drop_view(call.text("name"));
}

void ScenarioRunner::pages_for_mdl(const Call& call) {
  const std::string name = call.text("name");
  require_new(name);
  DXGKARGCB_ALLOCATEPAGESFORMDL args{};
  args.hMemoryHandle = &args;
  args.pMdl = reinterpret_cast<PMDL>(&args);
  args.LowAddress = physical(call.number("low"));
  args.HighAddress = physical(call.number("high", ~0ULL));
  args.SkipBytes = physical(call.number("step"));
  args.TotalBytes = call.number("size");
  args.CacheType = cache_of(call.args);
  args.Flags = call.has("flags") ? static_cast<UINT>(flags(call.args["flags"], mdl_flag_names())) : 0;
  const HANDLE adapter = device_handle(call);
  const NTSTATUS status = expect(call, [&] { return callbacks_.DxgkCbAllocatePagesForMdl(adapter, &args); });
  if (down_) return;
  if (!NT_SUCCESS(status)) {
    if (args.hMemoryHandle != nullptr || args.pMdl != nullptr)
      throw StepFailure("it failed and left a handle or an MDL");
    return;
  }
  if (args.hMemoryHandle == nullptr || args.pMdl == nullptr) throw StepFailure("it succeeded without memory");
  blocks_[name] = {args.hMemoryHandle, args.pMdl, false, true};
  adls_[name] = {name, nullptr, pages_of(args.pMdl)};
  auto* const base = static_cast<std::uint8_t*>(
      MmMapLockedPagesSpecifyCache(args.pMdl, KernelMode, MmCached, nullptr, FALSE, NormalPagePriority));
  if (base == nullptr) throw StepFailure("the MDL cannot be mapped");
  const std::uint64_t size = MmGetMdlByteCount(args.pMdl);
  views_[name] = {name, nullptr, base, size, base, size, true};
}

void ScenarioRunner::free_pages(const Call& call) {
  Block& target = block(call.text("name"));
  const auto view = views_.find(call.text("name"));
  const bool mapped = target.live && target.mdl != nullptr && !call.has("handle") && view != views_.end() &&
                      view->second.live;
  if (mapped) MmUnmapLockedPages(view->second.base, target.mdl);
  const DXGKARGCB_FREEPAGESFROMMDL args{block_handle(call)};
  const HANDLE adapter = device_handle(call);
  if (mapped) view->second.live = false;
  const NTSTATUS status = expect(call, [&] { return callbacks_.DxgkCbFreePagesFromMdl(adapter, &args); });
  if (!down_ && NT_SUCCESS(status)) target.live = false;
}

// As drivers come by MDLs: the system's, one over memory that they have mapped, one over another device.
PMDL ScenarioRunner::make_mdl(const Call& call) {
  if (call.has("pages")) {
    PMDL const mdl = block(call.text("pages")).mdl;
    if (mdl == nullptr) throw StepFailure(fmt::format("'{}' has no MDL", call.text("pages")));
    return mdl;
  }
  std::uint8_t* address = nullptr;
  std::uint64_t size = call.number("size", kPage);
  if (call.has("view")) {
    const View& source = view(call.text("view"));
    const std::uint64_t offset = call.number("offset");
    if (!source.live || offset >= source.size) throw StepFailure("there is nothing of the view");
    address = source.data + offset;
    size = call.number("size", source.size - offset);
  }
  PMDL const mdl = IoAllocateMdl(address, static_cast<ULONG>(size), FALSE, FALSE, nullptr);
  if (mdl == nullptr) throw StepFailure("no memory for an MDL");
  if (call.has("view")) {
    MmBuildMdlForNonPagedPool(mdl);
  } else {
    const std::uint64_t first = call.number("io") >> hw::kPageShift;
    for (ULONG i = 0; i < ADDRESS_AND_SIZE_TO_SPAN_PAGES(address, size); ++i)
      MmGetMdlPfnArray(mdl)[i] = first + i;
    mdl->MdlFlags = MDL_IO_SPACE;
  }
  if (call.has("locked") && !call.args["locked"].get<bool>()) mdl->MdlFlags = 0;
  return mdl;
}

void ScenarioRunner::map_mdl(const Call& call) {
  const std::string name = call.text("name");
  require_new(name);
  const bool own = !call.has("pages");
  PMDL const mdl = make_mdl(call);
  DXGKARGCB_MAPMDLTOIOMMU args{};
  args.hMemoryHandle = &args;
  args.pMdl = mdl;
  const HANDLE adapter = device_handle(call);
  const NTSTATUS status = expect(call, [&] { return callbacks_.DxgkCbMapMdlToIoMmu(adapter, &args); });
  if (down_) return;
  adls_[name] = {name, nullptr, pages_of(mdl)};
  blocks_[name] = {args.hMemoryHandle, mdl, own, NT_SUCCESS(status)};
  if (NT_SUCCESS(status)) return;
  if (own) IoFreeMdl(mdl);
  if (args.hMemoryHandle != nullptr) throw StepFailure("it failed and left a handle");
}

void ScenarioRunner::unmap_mdl(const Call& call) {
  Block& target = block(call.text("name"));
  const DXGKARGCB_UNMAPMDLFROMIOMMU args{block_handle(call)};
  const HANDLE adapter = device_handle(call);
  if (call.has("changed") && call.args["changed"].get<bool>() && target.mdl != nullptr)
    ++MmGetMdlPfnArray(target.mdl)[0];
  expect(call, [&] {
    callbacks_.DxgkCbUnmapMdlFromIoMmu(adapter, &args);
    return STATUS_SUCCESS;
  });
  if (down_) return;
  if (target.live && target.own) IoFreeMdl(target.mdl);
  target.live = false;
}

// ---- Save areas

void ScenarioRunner::pin(const Call& call) {
  static const NameTable names{{"prefer_contiguous", 1}};
  const auto index = static_cast<UINT>(call.number("index"));
  const HANDLE adapter = device_handle(call);
  const std::string name = call.text("adl");
  if (call.has("mdl") && call.args["mdl"].get<bool>()) {
    DXGKARGCB_PINFRAMEBUFFERFORSAVE args{};
    args.PhysicalAdapterIndex = index;
    args.CommitSize = call.number("size");
    args.pMdl = reinterpret_cast<PMDL>(&args);
    const NTSTATUS status =
        expect(call, [&] { return callbacks_.DxgkCbPinFrameBufferForSave(adapter, &args); });
    if (down_) return;
    if (NT_SUCCESS(status) != (args.pMdl != nullptr))
      throw StepFailure("its MDL does not go with its status");
    if (NT_SUCCESS(status)) adls_[name] = {name, nullptr, pages_of(args.pMdl)};
    return;
  }
  DXGKARGCB_PINFRAMEBUFFERFORSAVE2 args{};
  args.PhysicalAdapterIndex = index;
  args.CommitSize = call.number("size");
  args.Flags.Value = call.has("flags") ? static_cast<UINT32>(flags(call.args["flags"], names)) : 0;
  const NTSTATUS status =
      expect(call, [&] { return callbacks_.DxgkCbPinFrameBufferForSave2(adapter, &args); });
  if (down_) return;
  if (NT_SUCCESS(status) != (args.pAdl != nullptr)) throw StepFailure("its ADL does not go with its status");
  if (!NT_SUCCESS(status)) return;
  Adl made{name, nullptr, {}};
  for (std::uint64_t i = 0; i < args.pAdl->PageCount; ++i)
    made.pages.push_back(args.pAdl->Flags.Contiguous != 0 ? args.pAdl->BasePageNumber + i
                                                          : args.pAdl->Pages[i]);
  adls_[name] = std::move(made);
}

void ScenarioRunner::unpin(const Call& call) {
  const DXGKARGCB_UNPINFRAMEBUFFERFORSAVE args{static_cast<UINT>(call.number("index"))};
  const HANDLE adapter = device_handle(call);
  expect(call, [&] { return callbacks_.DxgkCbUnpinFrameBufferForSave(adapter, &args); });
}

void ScenarioRunner::map_frame_buffer(const Call& call) {
  DXGKARGCB_MAPFRAMEBUFFERPOINTER args{};
  args.PhysicalAdapterIndex = static_cast<UINT>(call.number("index"));
  args.Size = call.number("size");
  args.Offset = call.number("offset");
  const HANDLE adapter = device_handle(call);
  const NTSTATUS status =
      expect(call, [&] { return callbacks_.DxgkCbMapFrameBufferPointer(adapter, &args); });
  if (down_) return;
  if (NT_SUCCESS(status) != (args.pBaseAddress != nullptr))
    throw StepFailure("its address does not go with its status");
  if (!NT_SUCCESS(status)) return;
  auto* const base = static_cast<std::uint8_t*>(args.pBaseAddress);
  views_[call.text("view")] = {
      call.text("view"),   nullptr, base, args.Offset + call.number("size"), base + args.Offset,
      call.number("size"), true};
}

void ScenarioRunner::unmap_frame_buffer(const Call& call) {
  View& target = view(call.text("view"));
  const DXGKARGCB_UNMAPFRAMEBUFFERPOINTER args{
      static_cast<UINT>(call.number("index")),
      static_cast<std::uint8_t*>(target.base) + call.number("base_shift")};
  const HANDLE adapter = device_handle(call);
  const NTSTATUS status =
      expect(call, [&] { return callbacks_.DxgkCbUnmapFrameBufferPointer(adapter, &args); });
  if (!down_ && NT_SUCCESS(status)) target.live = false;
}

}  // namespace gpudmar::sim
