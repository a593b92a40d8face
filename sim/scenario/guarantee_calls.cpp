// SPDX-License-Identifier: Apache-2.0
// From calls to the events of the rules: what the driver calls, what the system calls, and what the system
// does for itself.
#include <fmt/format.h>

#include <algorithm>

#include "sim/scenario/guarantees.h"

namespace gpudmar::sim {
namespace {

// With more live pages than kFewPages, so many callbacks between two sweeps, and live pages / kSweepShare.
constexpr std::uint64_t kFewPages = 64;
constexpr std::uint64_t kSweepCalls = 16;
constexpr std::uint64_t kSweepShare = 8;

/// What a call does to who may reach what.
enum class Effect { kNone, kGives, kTakes };

const std::map<std::string, Effect>& memory_calls() {
  static const std::map<std::string, Effect> calls{{"DxgkCbCreatePhysicalMemoryObject", Effect::kNone},
                                                   {"DxgkCbDestroyPhysicalMemoryObject", Effect::kNone},
                                                   {"DxgkCbOpenPhysicalMemoryObject", Effect::kNone},
                                                   {"DxgkCbClosePhysicalMemoryObject", Effect::kNone},
                                                   {"DxgkCbMapPhysicalMemory", Effect::kNone},
                                                   {"DxgkCbUnmapPhysicalMemory", Effect::kNone},
                                                   {"DxgkCbMapFrameBufferPointer", Effect::kNone},
                                                   {"DxgkCbUnmapFrameBufferPointer", Effect::kNone},
                                                   {"DxgkCbAllocateAdl", Effect::kGives},
                                                   {"DxgkCbFreeAdl", Effect::kTakes},
                                                   {"DxgkCbPinFrameBufferForSave", Effect::kGives},
                                                   {"DxgkCbPinFrameBufferForSave2", Effect::kGives},
                                                   {"DxgkCbUnpinFrameBufferForSave", Effect::kTakes},
                                                   {"DxgkCbAllocateContiguousMemory", Effect::kGives},
                                                   {"DxgkCbFreeContiguousMemory", Effect::kTakes},
                                                   {"DxgkCbAllocatePagesForMdl", Effect::kGives},
                                                   {"DxgkCbFreePagesFromMdl", Effect::kTakes},
                                                   {"DxgkCbMapMdlToIoMmu", Effect::kGives},
                                                   {"DxgkCbUnmapMdlFromIoMmu", Effect::kTakes}};
  return calls;
}

template <typename T>
const T& arguments(const dxgkrnl::CallRecord& record) {
  return *static_cast<const T*>(record.arguments);
}

std::vector<std::uint64_t> numbers_of(const DXGK_ADL& adl) {
  std::vector<std::uint64_t> numbers(adl.PageCount);
  for (std::uint64_t i = 0; i < adl.PageCount; ++i)
    numbers[i] = adl.Flags.Contiguous != 0 ? adl.BasePageNumber + i : adl.Pages[i];
  return numbers;
}

std::vector<std::uint64_t> numbers_of(PMDL mdl, std::uint64_t first, std::uint64_t count) {
  const PFN_NUMBER* pfns = MmGetMdlPfnArray(mdl) + first;
  return {pfns, pfns + count};
}

std::uint64_t pages_of(std::uint64_t bytes) { return (bytes + hw::kPageSize - 1) / hw::kPageSize; }

}  // namespace

GuaranteeRules::Snapshot Guarantees::snapshot() const {
  const mm::PageAllocator& pages = kernel_.pages();
  // Pool comes and goes beside the calls; it is the system's own.
  return {pages.free_pages() + kernel_.pool_pages(), rules_.locked_pages(), pages.committed_pages(),
          queue_commands_};
}

std::vector<std::uint16_t> Guarantees::source_ids() const {
  std::vector<std::uint16_t> ids;
  for (const auto& function : machine_.platform().functions) ids.push_back(function.source_id);
  return ids;
}

void Guarantees::call(const dxgkrnl::CallRecord& record, bool finished) {
  if (record.bugcheck) rules_.end();
  const auto known = memory_calls().find(record.name);
  if (known == memory_calls().end()) {
    if (finished)
      device_call_ends(record);
    else
      device_call_begins(record);
    return;
  }
  if (!finished) {
    for (auto& [id, other] : open_calls_) other.alone = false;
    const bool alone = open_calls_.empty();
    open_calls_[record.id] = {snapshot(), alone, nullptr};
    if (known->second == Effect::kGives) rules_.allocate_begins();
    if (known->second == Effect::kTakes && record.arguments != nullptr) {
      const void* id = what_goes(record);
      open_calls_[record.id].going = id;
      rules_.free_begins(id);
    }
    return;
  }
  memory_call_ends(record);
  if (known->second == Effect::kGives) rules_.allocate_ends();
  const Open open = open_calls_[record.id];
  open_calls_.erase(record.id);
  const bool failed = record.status < 0 && !record.bugcheck;
  if (failed && open.going != nullptr) rules_.free_failed(open.going);
  if (failed && open.alone) {
    GuaranteeRules::Snapshot after = snapshot();
    // Pages of sections may have come or gone: that is no change that anybody can see.
    if (sections_ > 0 || !pins_.empty() || record.name.find("FrameBuffer") != std::string::npos)
      after.free_pages = open.before.free_pages;
    rules_.call_failed(record.name, open.before, after);
  }
  const std::uint64_t pages = rules_.live_pages();
  if (pages > kFewPages && ++calls_since_sweep_ < kSweepCalls + pages / kSweepShare && !failed) return;
  calls_since_sweep_ = 0;
  sweep();
}

// ---- The driver's devices

void Guarantees::device_call_begins(const dxgkrnl::CallRecord& record) {
  const std::string& name = record.name;
  const std::string& what = record.args;
  if (name == "DxgkDdiAddDevice") {
    rules_.before_attach(source_ids());
  } else if (name == "DxgkDdiStartDevice") {
    device_starts(what);
  } else if (name == "DxgkDdiEndExclusiveAccess") {
    if (const auto port = port_of(what)) rules_.exclusive_ends(*port);
  } else if (name == "DxgkDdiRemoveDevice") {
    if (const auto port = port_of(what)) device_is_removed(*port);
  } else if (name == "DxgkDdiBuildPagingBuffer" && record.arguments != nullptr) {
    paging_buffers_[record.id] = arguments<DXGKARG_BUILDPAGINGBUFFER>(record).pDmaBuffer;
  } else if (name == "DxgkDdiSubmitCommand" && record.arguments != nullptr) {
    // Its completion may be told before the call returns.
    if (const dxgkrnl::AdapterSpace* space = kernel_.space_of_lead(record.adapter))
      rules_.paging_submitted(space->name, record.engine,
                              arguments<DXGKARG_SUBMITCOMMAND>(record).SubmissionFenceId);
  }
}

void Guarantees::device_call_ends(const dxgkrnl::CallRecord& record) {
  const bool good = record.status >= 0;
  if (record.name == "DxgkDdiBeginExclusiveAccess") {
    if (const auto port = port_of(record.args); port && good) rules_.exclusive_begins(*port);
  } else if (record.name == "DxgkDdiStartDevice") {
    // "name, lead"
    if (const auto port = port_of(record.args.substr(0, record.args.find(',')))) {
      if (good) started_.insert(*port);
      if (!good) device_stopped(*port);
    }
  } else if (record.name == "DxgkDdiStopDevice") {
    if (const auto port = port_of(record.args)) device_stopped(*port);
  } else if (record.arguments != nullptr || record.adapter != nullptr) {
    paging_call_ends(record);
  }
}

void Guarantees::device_starts(const std::string& what) {
  const auto starting = port_of(what.substr(0, what.find(',')));
  const auto& functions = machine_.platform().functions;
  for (const dxgkrnl::AdapterView& adapter : kernel_.adapters()) {
    // Links that come later are not decided yet.
    const auto& members = adapter.members;
    if (!starting || std::find(members.begin(), members.end(), *starting) == members.end()) continue;
    GuaranteeRules::Link link;
    link.name = adapter.name;
    link.remapped = adapter.mode == dxgkrnl::RemappingMode::kLogical ||
                    (adapter.mode == dxgkrnl::RemappingMode::kIsolation && attaches_);
    link.identity = adapter.mode != dxgkrnl::RemappingMode::kLogical;
    link.late = adapter.mode == dxgkrnl::RemappingMode::kIsolation && unit_.pt;
    for (const std::size_t member : members) {
      link.ports.push_back(static_cast<unsigned>(member));
      link.source_ids.push_back(functions[member].source_id);
      std::uint64_t highest = (1ULL << info_.dma_addr_bits) - 1;
      if (member < highest_visible_.size() && highest_visible_[member] != 0)
        highest = highest_visible_[member];
      link.highest_visible = std::min(link.highest_visible, highest);
      // As the machine is built, not as the kernel was told.
      for (const ReservedMemory& entry : machine_.config().reserved)
        if (std::count(entry.adapters.begin(), entry.adapters.end(), member) != 0)
          link.reserved.push_back({entry.range.base / hw::kPageSize, entry.range.size / hw::kPageSize});
    }
    rules_.link_starts(link);
  }
}

// A link has ended when none of its members is started any more: what follows takes its domain apart.
void Guarantees::device_stopped(unsigned port) {
  started_.erase(port);
  const std::string link = rules_.link_of_port(port);
  if (link.empty()) return;
  for (const unsigned other : started_)
    if (rules_.link_of_port(other) == link) return;
  rules_.link_stopped(link);
}

// The first of its members takes the link along: none of them is attached any more.
void Guarantees::device_is_removed(unsigned port) {
  const std::string link = rules_.link_of_port(port);
  if (link.empty()) return;
  std::vector<std::uint16_t> ids;
  const auto& functions = machine_.platform().functions;
  for (unsigned i = 0; i < functions.size(); ++i)
    if (rules_.link_of_port(i) == link) ids.push_back(functions[i].source_id);
  const bool attached = rules_.attached(link);
  rules_.link_ends(link);
  // Whoever was never attached may still be passed through, as without a unit.
  if (attached) rules_.before_attach(ids);
}

std::optional<unsigned> Guarantees::port_of(const std::string& function) const {
  const auto& functions = machine_.platform().functions;
  for (std::size_t i = 0; i < functions.size(); ++i)
    if (functions[i].name == function) return static_cast<unsigned>(i);
  return std::nullopt;
}

void Guarantees::system_started() {
  for (const dxgkrnl::AdapterView& adapter : kernel_.adapters())
    if (adapter.domain_id) rules_.link_started(adapter.name);
}

// ---- Memory

const void* Guarantees::what_goes(const dxgkrnl::CallRecord& record) const {
  if (record.name == "DxgkCbFreeAdl") return arguments<DXGKARGCB_FREE_ADL>(record).pAdl;
  if (record.name == "DxgkCbUnpinFrameBufferForSave") {
    const dxgkrnl::AdapterSpace* space = kernel_.space_of_lead(record.adapter);
    const UINT index = arguments<DXGKARGCB_UNPINFRAMEBUFFERFORSAVE>(record).PhysicalAdapterIndex;
    const auto pin = space != nullptr ? pins_.find({space->name, index}) : pins_.end();
    return pin != pins_.end() ? pin->second : nullptr;
  }
  // The structures of the other three consist of the handle; which kind it is was noted when it was given.
  const HANDLE handle = arguments<DXGKARGCB_UNMAPMDLFROMIOMMU>(record).hMemoryHandle;
  const auto block = blocks_.find(handle);
  return block != blocks_.end() && block->second == record.name ? handle : nullptr;
}

void Guarantees::memory_call_ends(const dxgkrnl::CallRecord& record) {
  if (record.arguments == nullptr || record.status < 0 || record.bugcheck) return;
  const std::string& name = record.name;
  if (name == "DxgkCbCreatePhysicalMemoryObject") return object_created(record);
  if (name == "DxgkCbAllocateAdl") return adl_allocated(record);
  if (name == "DxgkCbFreeAdl") return adl_freed(record);
  if (name == "DxgkCbDestroyPhysicalMemoryObject") {
    const HANDLE handle = arguments<DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT>(record).hPhysicalMemoryObject;
    rules_.object_destroyed(handle);
    if (made_[handle].type == DXGK_PHYSICAL_MEMORY_TYPE_SECTION) --sections_;
    made_.erase(handle);
  } else if (name == "DxgkCbPinFrameBufferForSave" || name == "DxgkCbPinFrameBufferForSave2") {
    frame_buffer_pinned(record);
  } else if (name == "DxgkCbUnpinFrameBufferForSave") {
    const void* id = open_calls_[record.id].going;
    rules_.freed(id, {record.begin, record.end, false});
    for (auto it = pins_.begin(); it != pins_.end();) it = it->second == id ? pins_.erase(it) : std::next(it);
  } else if (const auto& calls = memory_calls(); calls.at(name) == Effect::kGives) {
    block_given(record);
  } else if (calls.at(name) == Effect::kTakes) {
    const void* id = open_calls_[record.id].going;
    rules_.freed(id, {record.begin, record.end, false});
    rules_.object_destroyed(id);
    blocks_.erase(const_cast<HANDLE>(id));
  }
}

void Guarantees::object_created(const dxgkrnl::CallRecord& record) {
  const auto& args = arguments<DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT>(record);
  const auto object = kernel_.memory().object(args.hPhysicalMemoryObject);
  if (!object) return;
  Made made{args.Type, 0, true};
  if (args.Type == DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE)
    made.io_frame = static_cast<std::uint64_t>(args.IOSpace.BaseAddress.QuadPart) / hw::kPageSize;
  if (args.Type == DXGK_PHYSICAL_MEMORY_TYPE_SECTION)
    made.writable =
        args.Section.PageProtection == PAGE_READWRITE || args.Section.PageProtection == PAGE_EXECUTE;
  if (args.Type == DXGK_PHYSICAL_MEMORY_TYPE_SECTION) ++sections_;
  made_[args.hPhysicalMemoryObject] = made;
  // Contiguous memory need not be (R73).
  const bool zeroed =
      args.Type == DXGK_PHYSICAL_MEMORY_TYPE_SECTION ||
      (args.Type == DXGK_PHYSICAL_MEMORY_TYPE_MDL && (args.Mdl.Flags & MM_DONT_ZERO_ALLOCATION) == 0);
  rules_.object_created(args.hPhysicalMemoryObject, object->page_frames, zeroed);
}

void Guarantees::adl_allocated(const dxgkrnl::CallRecord& record) {
  const auto& args = arguments<DXGKARGCB_ALLOCATE_ADL>(record);
  const auto object = kernel_.memory().object(args.hAdapterMemoryObject);
  if (!object || args.pAdl == nullptr) return;
  const auto view = std::find_if(object->adls.begin(), object->adls.end(),
                                 [&](const auto& candidate) { return candidate.adl == args.pAdl; });
  if (view == object->adls.end()) return;
  GuaranteeRules::Adl adl;
  adl.id = args.pAdl;
  adl.object = object->handle;
  adl.link = object->adapter;
  adl.contiguous = args.pAdl->Flags.Contiguous != 0;
  adl.required = args.Flags.RequireContiguous != 0;
  adl.numbers = numbers_of(*args.pAdl);
  // The object's pages, not what the ADL is said to lead to.
  const Made& made = made_[object->handle];
  for (std::uint64_t i = 0; i < args.Size / hw::kPageSize; ++i) {
    const std::uint64_t index = args.Offset / hw::kPageSize + i;
    if (made.type == DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE)
      adl.frames.push_back(made.io_frame + index);
    else
      adl.frames.push_back(index < object->page_frames.size() ? object->page_frames[index]
                                                              : mm::kNotResident);
  }
  adl.io_space = made.type == DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE;
  adl.writable = made.writable;
  adl.cached = object->cache_type == DXGK_MEMORY_CACHING_TYPE_CACHED;
  rules_.allocated(adl, record.end);
}

void Guarantees::adl_freed(const dxgkrnl::CallRecord& record) {
  const auto& args = arguments<DXGKARGCB_FREE_ADL>(record);
  GuaranteeRules::FreeTimes times;
  if (const auto object = kernel_.memory().object(args.hAdapterMemoryObject)) {
    using Kind = dxgkrnl::ObjectEvent::Kind;
    for (const dxgkrnl::ObjectEvent& event : object->events) {
      if (event.kind == Kind::kInvalidateBegin) times.invalidate_begin = event.cycle;
      if (event.kind == Kind::kInvalidateDone) times.invalidate_done = event.cycle;
    }
  }
  rules_.freed(args.pAdl, times);
}

// The first bytes of the save area's section, as long as they are pinned (G17).
void Guarantees::frame_buffer_pinned(const dxgkrnl::CallRecord& record) {
  const dxgkrnl::AdapterSpace* space = kernel_.space_of_lead(record.adapter);
  if (space == nullptr) return;
  GuaranteeRules::Adl adl;
  UINT index = 0;
  std::uint64_t pages = 0;
  if (record.name == "DxgkCbPinFrameBufferForSave2") {
    const auto& args = arguments<DXGKARGCB_PINFRAMEBUFFERFORSAVE2>(record);
    index = args.PhysicalAdapterIndex;
    pages = pages_of(args.CommitSize);
    adl.id = args.pAdl;
    adl.contiguous = args.pAdl->Flags.Contiguous != 0;
    adl.numbers = numbers_of(*args.pAdl);
  } else {
    const auto& args = arguments<DXGKARGCB_PINFRAMEBUFFERFORSAVE>(record);
    index = args.PhysicalAdapterIndex;
    pages = pages_of(args.CommitSize);
    adl.id = args.pMdl;
    adl.numbers = numbers_of(args.pMdl, 0, pages);
  }
  const auto area = kernel_.memory().save_area(*space, index);
  if (!area) return;
  adl.object = area->handle;
  adl.link = space->name;
  adl.frames.assign(
      area->page_frames.begin(),
      area->page_frames.begin() + static_cast<std::ptrdiff_t>(std::min(pages, area->page_frames.size())));
  adl.cached = true;
  pins_[{space->name, index}] = adl.id;
  rules_.count("G17", pages);
  rules_.allocated(adl, record.end);
}

// Memory of the 2.4 callbacks: within reach at its own addresses from here to its end.
void Guarantees::block_given(const dxgkrnl::CallRecord& record) {
  const dxgkrnl::AdapterSpace* space = kernel_.space_of_lead(record.adapter);
  if (space == nullptr) return;
  GuaranteeRules::Adl adl;
  HANDLE handle = nullptr;
  bool zeroed = false;
  PMDL mdl = nullptr;
  const char* ends = "DxgkCbFreeContiguousMemory";
  if (record.name == "DxgkCbAllocateContiguousMemory") {
    handle = arguments<DXGKARGCB_ALLOCATECONTIGUOUSMEMORY>(record).hMemoryHandle;
    adl.contiguous = adl.required = true;
  } else if (record.name == "DxgkCbAllocatePagesForMdl") {
    const auto& args = arguments<DXGKARGCB_ALLOCATEPAGESFORMDL>(record);
    handle = args.hMemoryHandle;
    mdl = args.pMdl;
    zeroed = (args.Flags & MM_DONT_ZERO_ALLOCATION) == 0;
    ends = "DxgkCbFreePagesFromMdl";
  } else {
    const auto& args = arguments<DXGKARGCB_MAPMDLTOIOMMU>(record);
    handle = args.hMemoryHandle;
    mdl = args.pMdl;
    ends = "DxgkCbUnmapMdlFromIoMmu";
  }
  const auto object = kernel_.memory().object(handle);
  if (!object) return;
  blocks_[handle] = ends;
  adl.id = adl.object = handle;
  adl.link = space->name;
  adl.io_space = object->type == DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE;
  adl.cached = object->cache_type == DXGK_MEMORY_CACHING_TYPE_CACHED && !adl.io_space;
  if (mdl != nullptr) {
    const std::uint64_t pages =
        ADDRESS_AND_SIZE_TO_SPAN_PAGES(MmGetMdlVirtualAddress(mdl), MmGetMdlByteCount(mdl));
    adl.numbers = numbers_of(mdl, 0, pages);
  } else {
    adl.numbers = object->page_frames;
  }
  // An MDL that the driver brought is all that is known of its pages.
  const bool own = record.name != "DxgkCbMapMdlToIoMmu";
  adl.frames = own ? object->page_frames : adl.numbers;
  if (own) rules_.object_created(handle, object->page_frames, zeroed);
  rules_.allocated(adl, record.end);
}

// ---- Paging

void Guarantees::paging_call_ends(const dxgkrnl::CallRecord& record) {
  if (record.name == "DxgkCbNotifyInterrupt" && record.arguments != nullptr) {
    const dxgkrnl::PhysicalAdapter* adapter = kernel_.find_adapter(record.adapter);
    const auto& data = arguments<DXGKARGCB_NOTIFY_INTERRUPT_DATA>(record);
    if (adapter == nullptr) return;
    const std::string link = rules_.link_of_port(static_cast<unsigned>(adapter->index()));
    if (data.InterruptType == DXGK_INTERRUPT_DMA_COMPLETED)
      rules_.paging_completed(link, data.DmaCompleted.EngineOrdinal, data.DmaCompleted.SubmissionFenceId);
    if (data.InterruptType == DXGK_INTERRUPT_DMA_PREEMPTED)
      rules_.paging_completed(link, data.DmaPreempted.EngineOrdinal, data.DmaPreempted.LastCompletedFenceId);
    return;
  }
  const auto buffer = paging_buffers_.extract(record.id);
  const dxgkrnl::AdapterSpace* space = kernel_.space_of_lead(record.adapter);
  // A full buffer: there is work in it all the same.
  const bool done = record.status >= 0 || record.status == STATUS_GRAPHICS_INSUFFICIENT_DMA_BUFFER;
  if (space == nullptr || !done) return;
  if (record.name == "DxgkDdiBuildPagingBuffer") {
    paging_buffer_built(record, space->name, buffer.empty() ? nullptr : buffer.mapped());
  } else if (record.name == "DxgkDdiResetFromTimeout") {
    rules_.paging_aborted(space->name);
  } else if (record.name == "DxgkDdiResetEngine") {
    rules_.paging_aborted(space->name, record.engine,
                          arguments<DXGKARG_RESETENGINE>(record).LastAbortedFenceId);
  }
}

void Guarantees::paging_buffer_built(const dxgkrnl::CallRecord& record, const std::string& link,
                                     const void* buffer) {
  const auto& args = arguments<DXGKARG_BUILDPAGINGBUFFER>(record);
  using Kind = GuaranteeRules::PagingOperation::Kind;
  GuaranteeRules::PagingOperation operation;
  operation.link = link;
  operation.engine = record.engine;
  operation.at_once = args.pDmaBuffer == buffer;
  if (operation.at_once && record.status < 0) return;  // asked again with more room
  switch (args.Operation) {
    case DXGK_OPERATION_TRANSFER:
      for (const PMDL mdl :
           {args.Transfer.Source.SegmentId == 0 ? args.Transfer.Source.pMdl : nullptr,
            args.Transfer.Destination.SegmentId == 0 ? args.Transfer.Destination.pMdl : nullptr})
        if (mdl != nullptr && args.Transfer.TransferSize != 0)
          operation.numbers = numbers_of(mdl, args.Transfer.MdlOffset, pages_of(args.Transfer.TransferSize));
      break;
    case DXGK_OPERATION_MAP_APERTURE_SEGMENT: {
      const auto& map = args.MapApertureSegment;
      operation.kind = Kind::kMapAperture;
      operation.numbers = numbers_of(map.pMdl, map.MdlOffset, map.NumberOfPages);
      operation.aperture_first = map.OffsetInPages;
      operation.aperture_pages = map.NumberOfPages;
      break;
    }
    case DXGK_OPERATION_MAP_APERTURE_SEGMENT2: {
      const auto& map = args.MapApertureSegment2;
      operation.kind = Kind::kMapAperture;
      const auto all = numbers_of(map.Adl);
      const auto first = all.begin() + static_cast<std::ptrdiff_t>(map.AdlOffset);
      operation.numbers.assign(first, first + static_cast<std::ptrdiff_t>(map.NumberOfPages));
      operation.aperture_first = map.OffsetInPages;
      operation.aperture_pages = map.NumberOfPages;
      break;
    }
    case DXGK_OPERATION_UNMAP_APERTURE_SEGMENT: {
      const auto& unmap = args.UnmapApertureSegment;
      operation.kind = Kind::kUnmapAperture;
      operation.numbers = {static_cast<std::uint64_t>(unmap.DummyPage.QuadPart) >> hw::kPageShift};
      operation.aperture_first = unmap.OffsetInPages;
      operation.aperture_pages = unmap.NumberOfPages;
      break;
    }
    default:
      return;
  }
  if (!operation.numbers.empty()) rules_.paging_built(operation);
}

}  // namespace gpudmar::sim
