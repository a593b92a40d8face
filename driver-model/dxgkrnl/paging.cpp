// SPDX-License-Identifier: Apache-2.0
// Allocations and their places. Order is the point: a backing store is within the devices' reach before the
// operation that uses it is built, and until the last one that might is complete (R173).
#include "driver-model/dxgkrnl/paging.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <mutex>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "driver-model/dxgkrnl/paging_allocation.h"

namespace gpudmar::dxgkrnl {
namespace {

constexpr std::uint64_t kPage = hw::kPageSize;
constexpr std::uint64_t kLargest = (1ULL << 32) - kPage;  // an MDL's bytes are 32 bits
constexpr UCHAR kDummyPattern = 0xD5;

}  // namespace

Paging::Paging(const PagingPort& port, const Caps& caps, std::vector<SegmentTable> tables,
               const PagingConfig& config)
    : port_(port), caps_(caps), config_(config), lock_(port.time) {
  for (std::size_t i = 0; i < tables.size(); ++i) {
    auto adapter = std::make_unique<Adapter>();
    adapter->table = std::move(tables[i]);
    if (!adapter->table.segments.empty()) {
      PagingQueue::Config queue;
      queue.node = caps.node;
      queue.engine = static_cast<UINT>(i);
      queue.buffer_size = adapter->table.paging_buffer_size;
      queue.private_size = adapter->table.paging_buffer_private_size;
      queue.packets = caps.packets;
      queue.patch = caps.patch;
      adapter->queue = std::make_unique<PagingQueue>(
          port_, queue, [this](PagingQueue& which, UINT fence) { wait(which, fence); });
      adapter->dummy = std::make_unique<PagingMemory>(port_, kPage, false);
      std::memset(adapter->dummy->data(), kDummyPattern, kPage);
      if (caps.gpu_mmu) adapter->tables = std::make_unique<GpuPageTables>(port_);
    }
    adapters_.push_back(std::move(adapter));
  }
}

Paging::~Paging() {
  for (const auto& a : allocations_) {
    try {
      drop_backing(*a);
    } catch (const std::exception&) {
      // The run ended early: whatever holds on to the memory is not trusted any more.
    }
  }
}

Paging::Allocation* Paging::find(AllocationId id) const {
  for (const auto& a : allocations_)
    if (a->id == id) return a.get();
  return nullptr;
}

// R168, and what the flags' page says about their company.
NTSTATUS Paging::check_info(const DXGK_ALLOCATIONINFO& info) const {
  const auto& flags = info.FlagsWddm2;
  if (info.Size == 0 || info.Size > kLargest) return STATUS_INVALID_PARAMETER;
  if (flags.MapApertureCpuVisible != 0 && (!caps_.map_aperture2 || flags.AccessedPhysically == 0))
    return STATUS_INVALID_PARAMETER;
  if (flags.ExplicitResidencyNotification != 0 && flags.AccessedPhysically == 0)
    return STATUS_INVALID_PARAMETER;
  if (info.PhysicalAdapterIndex >= adapters_.size()) return STATUS_INVALID_PARAMETER;
  const std::size_t segments = adapters_[info.PhysicalAdapterIndex]->table.segments.size();
  const std::uint64_t known = (1ULL << segments) - 1;
  const UINT all = info.SupportedReadSegmentSet | info.SupportedWriteSegmentSet;
  if ((info.SupportedReadSegmentSet & info.SupportedWriteSegmentSet) == 0 || (all & ~known) != 0)
    return STATUS_INVALID_PARAMETER;
  return STATUS_SUCCESS;
}

NTSTATUS Paging::make_backing(Allocation& a) {
  DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT create{};
  create.hAdapter = port_.device_handle;
  create.Size = a.pages * kPage;
  create.Type = DXGK_PHYSICAL_MEMORY_TYPE_SECTION;
  create.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
  create.Section.DesiredAccess = SECTION_ALL_ACCESS;
  create.Section.PageProtection = PAGE_READWRITE;
  const NTSTATUS status = port_.memory.create(&create);
  a.object = create.hPhysicalMemoryObject;
  a.adapter_object = create.hAdapterMemoryObject;
  return status;
}

void Paging::drop_backing(Allocation& a) {
  unmap_backing(a);
  if (a.object == nullptr) return;
  const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT destroy{a.object, a.adapter_object};
  a.object = nullptr;
  port_.memory.destroy(&destroy);
}

NTSTATUS Paging::map_backing(Allocation& a) {
  if (a.adl != nullptr) return STATUS_SUCCESS;  // of an attempt that a reset ended
  DXGKARGCB_ALLOCATE_ADL allocate{};
  allocate.hAdapterMemoryObject = a.adapter_object;
  allocate.Size = a.pages * kPage;
  allocate.Flags.PreferContiguous = caps_.logical ? 1 : 0;
  const NTSTATUS status = port_.memory.allocate_adl(&allocate);
  if (!NT_SUCCESS(status)) return status;
  a.adl = allocate.pAdl;
  if (!caps_.logical || a.adl->Flags.Contiguous != 0) return STATUS_SUCCESS;
  unmap_backing(a);  // R162: an operation's list is contiguous, or there is no operation
  return STATUS_INSUFFICIENT_RESOURCES;
}

void Paging::unmap_backing(Allocation& a) {
  if (a.view != nullptr) {
    const DXGKARGCB_UNMAP_PHYSICAL_MEMORY unmap{a.object, a.view, a.view_size};
    a.view = nullptr;
    a.cpu_visible = nullptr;
    port_.memory.unmap(&unmap);
  }
  if (a.adl == nullptr) return;
  const DXGKARGCB_FREE_ADL free{a.adapter_object, a.adl};
  a.adl = nullptr;
  port_.memory.free_adl(&free);
}

NTSTATUS Paging::create(const void* private_data, UINT bytes, AllocationId& id) {
  const std::lock_guard guard(lock_);
  std::vector<UCHAR> data(bytes);
  if (bytes != 0) std::memcpy(data.data(), private_data, bytes);
  auto a = std::make_unique<Allocation>();
  a->info.pPrivateDriverData = data.data();
  a->info.PrivateDriverDataSize = bytes;
  DXGKARG_CREATEALLOCATION args{};
  args.NumAllocations = 1;
  args.pAllocationInfo = &a->info;
  {
    const DdiGate::Call inside(port_.gate);
    CallScope call(port_.calls, "DxgkDdiCreateAllocation", {}, {&args});
    const NTSTATUS status = call.done(port_.driver.DxgkDdiCreateAllocation(port_.context, &args));
    if (!NT_SUCCESS(status)) return status;
  }
  a->info.pPrivateDriverData = nullptr;  // it was the caller's
  NTSTATUS status = check_info(a->info);
  if (NT_SUCCESS(status)) {
    a->pages = (a->info.Size + kPage - 1) / kPage;
    a->adapter = adapters_[a->info.PhysicalAdapterIndex].get();
    if (a->adapter->tables != nullptr) {
      const auto page = a->adapter->tables->reserve(a->pages);
      status = page ? STATUS_SUCCESS : STATUS_NO_MEMORY;
      a->virtual_page = page.value_or(0);
    }
    if (NT_SUCCESS(status)) status = make_backing(*a);
  }
  if (!NT_SUCCESS(status)) {
    if (a->virtual_page != 0) a->adapter->tables->release(a->virtual_page);
    call_destroy(a->info.hAllocation);
    return status;
  }
  id = a->id = next_id_++;
  allocations_.push_front(std::move(a));
  return STATUS_SUCCESS;
}

void Paging::call_destroy(HANDLE allocation) {
  DXGKARG_DESTROYALLOCATION args{};
  args.NumAllocations = 1;
  args.pAllocationList = &allocation;
  const DdiGate::Call inside(port_.gate);
  CallScope call(port_.calls, "DxgkDdiDestroyAllocation", {}, {&args});
  (void)call.done(port_.driver.DxgkDdiDestroyAllocation(port_.context, &args));
}

NTSTATUS Paging::destroy(AllocationId id) {
  const std::lock_guard guard(lock_);
  Allocation* a = find(id);
  if (a == nullptr) return STATUS_INVALID_HANDLE;
  a->content = false;  // nothing is worth moving
  const NTSTATUS status = with_retries([&] { return take_out(*a); });
  if (!NT_SUCCESS(status)) return status;
  call_destroy(a->info.hAllocation);
  drop_backing(*a);
  if (a->virtual_page != 0) a->adapter->tables->release(a->virtual_page);
  allocations_.remove_if([a](const auto& other) { return other.get() == a; });
  return STATUS_SUCCESS;
}

// After a reset everything that was resident is not, so an operation starts from its begin.
NTSTATUS Paging::with_retries(const std::function<NTSTATUS()>& action) {
  timeouts_of_operation_ = 0;
  for (;;) {
    try {
      return action();
    } catch (const AdapterWasReset&) {
      // wait() counts, and gives up.
    }
  }
}

NTSTATUS Paging::make_resident(AllocationId id) {
  const std::lock_guard guard(lock_);
  Allocation* a = find(id);
  if (a == nullptr) return STATUS_INVALID_HANDLE;
  if (!powered_ || gone_) return STATUS_INVALID_DEVICE_STATE;
  return with_retries([&] { return place(*a); });
}

NTSTATUS Paging::power_down() {
  powered_ = false;
  for (const AllocationId id : allocations())
    if (const NTSTATUS status = evict(id); !NT_SUCCESS(status)) return status;
  return STATUS_SUCCESS;
}

NTSTATUS Paging::evict(AllocationId id) {
  const std::lock_guard guard(lock_);
  Allocation* a = find(id);
  if (a == nullptr) return STATUS_INVALID_HANDLE;
  return with_retries([&] { return take_out(*a); });
}

NTSTATUS Paging::fill(AllocationId id, UINT pattern) {
  const std::lock_guard guard(lock_);
  Allocation* a = find(id);
  if (a == nullptr) return STATUS_INVALID_HANDLE;
  return with_retries([&] {
    if (a->segment == nullptr) return STATUS_INVALID_DEVICE_STATE;  // also when a reset took it out
    fill_segment(*a, pattern);
    a->content = true;
    return STATUS_SUCCESS;
  });
}

NTSTATUS Paging::discard(AllocationId id) {
  const std::lock_guard guard(lock_);
  Allocation* a = find(id);
  if (a == nullptr) return STATUS_INVALID_HANDLE;
  return with_retries([&] {
    if (a->segment != nullptr) tell_discard(*a);
    a->content = false;
    return STATUS_SUCCESS;
  });
}

NTSTATUS Paging::access(AllocationId id, std::uint64_t offset, void* data, std::uint64_t bytes, bool write) {
  const std::lock_guard guard(lock_);
  Allocation* a = find(id);
  if (a == nullptr) return STATUS_INVALID_HANDLE;
  if (bytes == 0 || offset > a->pages * kPage || bytes > a->pages * kPage - offset)
    return STATUS_INVALID_PARAMETER;
  if (a->residency == Residency::kLocal) return STATUS_GRAPHICS_ALLOCATION_BUSY;
  DXGKARGCB_MAP_PHYSICAL_MEMORY map{};
  map.hPhysicalMemoryObject = a->object;
  map.AccessMode = DXGK_ACCESS_MODE_KERNEL_MODE;
  map.Offset = offset;
  map.Size = bytes;
  if (const NTSTATUS status = port_.memory.map(&map); !NT_SUCCESS(status)) return status;
  UCHAR* place = static_cast<UCHAR*>(map.pMappedAddress) + map.Offset;
  if (write)
    std::memcpy(place, data, bytes);
  else
    std::memcpy(data, place, bytes);
  if (write) a->content = true;
  const DXGKARGCB_UNMAP_PHYSICAL_MEMORY unmap{a->object, map.pMappedAddress, map.Size};
  port_.memory.unmap(&unmap);
  return STATUS_SUCCESS;
}

// Segments by the driver's preference, then the others that it named.
std::vector<UINT> Paging::candidates(const Allocation& a) const {
  const UINT set = a.info.SupportedReadSegmentSet & a.info.SupportedWriteSegmentSet;
  const auto& wish = a.info.PreferredSegment;
  std::vector<UINT> ids;
  const auto add = [&](UINT id) {
    if (id == 0 || id > a.adapter->table.segments.size() || (set >> (id - 1) & 1) == 0) return;
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  };
  for (const UINT id : {UINT{wish.SegmentId0}, UINT{wish.SegmentId1}, UINT{wish.SegmentId2},
                        UINT{wish.SegmentId3}, UINT{wish.SegmentId4}})
    add(id);
  for (UINT id = 1; id <= a.adapter->table.segments.size(); ++id) add(id);
  return ids;
}

NTSTATUS Paging::place(Allocation& a) {
  if (a.residency != Residency::kNone) {
    map_virtual(a);  // a reset may have come in between
    return STATUS_SUCCESS;
  }
  if (const NTSTATUS status = prepare_virtual(a); !NT_SUCCESS(status)) return status;
  NTSTATUS status = STATUS_GRAPHICS_NO_VIDEO_MEMORY;
  for (const UINT id : candidates(a)) {
    Segment& segment = *a.adapter->table.find(id);
    if (!segment.aperture()) {
      status = place_local(a, segment);
    } else if (a.info.FlagsWddm2.AccessedPhysically != 0) {
      status = place_aperture(a, segment);
    } else {  // R165
      status = map_backing(a);
      if (NT_SUCCESS(status)) a.residency = Residency::kSystem;
    }
    if (NT_SUCCESS(status)) break;
  }
  if (!NT_SUCCESS(status)) return status;
  const auto it = std::find_if(allocations_.begin(), allocations_.end(),
                               [&](const auto& other) { return other.get() == &a; });
  allocations_.splice(allocations_.end(), allocations_, it);
  map_virtual(a);
  return STATUS_SUCCESS;
}

// A run of the segment; who came first goes first.
NTSTATUS Paging::take_room(Allocation& a, Segment& segment) {
  if (a.pages > segment.pages()) return STATUS_GRAPHICS_NO_VIDEO_MEMORY;
  for (;;) {
    if (const auto first = segment.allocate(a.pages)) {
      a.segment = &segment;
      a.first_page = *first;
      return STATUS_SUCCESS;
    }
    const auto victim = std::find_if(allocations_.begin(), allocations_.end(),
                                     [&](const auto& other) { return other->segment == &segment; });
    if (victim == allocations_.end()) return STATUS_GRAPHICS_NO_VIDEO_MEMORY;
    if (const NTSTATUS status = take_out(**victim); !NT_SUCCESS(status)) return status;
  }
}

NTSTATUS Paging::place_local(Allocation& a, Segment& segment) {
  if (a.content) {
    if (const NTSTATUS status = map_backing(a); !NT_SUCCESS(status)) return status;
  }
  if (const NTSTATUS status = take_room(a, segment); !NT_SUCCESS(status)) {
    unmap_backing(a);
    return status;
  }
  a.residency = Residency::kLocal;
  a.arriving = true;
  if (a.content) {
    transfer(a, true);
    // What a transfer back leaves out must not be there by chance.
    if (!gone_) port_.memory.poison(a.object);
  } else {
    fill_segment(a, 0);
  }
  a.arriving = false;
  a.content = true;
  unmap_backing(a);
  return STATUS_SUCCESS;
}

NTSTATUS Paging::place_aperture(Allocation& a, Segment& segment) {
  if (const NTSTATUS status = map_backing(a); !NT_SUCCESS(status)) return status;
  NTSTATUS status = STATUS_SUCCESS;
  if (a.info.FlagsWddm2.MapApertureCpuVisible != 0 && a.view == nullptr) {  // R166
    DXGKARGCB_MAP_PHYSICAL_MEMORY map{};
    map.hPhysicalMemoryObject = a.object;
    map.AccessMode = DXGK_ACCESS_MODE_KERNEL_MODE;
    map.Size = a.pages * kPage;
    status = port_.memory.map(&map);
    if (NT_SUCCESS(status)) {
      a.view = map.pMappedAddress;
      a.view_size = map.Size;
      a.cpu_visible = static_cast<UCHAR*>(map.pMappedAddress) + map.Offset;
    }
  }
  if (NT_SUCCESS(status)) status = take_room(a, segment);
  if (!NT_SUCCESS(status)) {
    unmap_backing(a);
    return status;
  }
  a.residency = Residency::kAperture;
  map_aperture(a, segment);
  a.content = true;  // whatever the GPU writes there
  return STATUS_SUCCESS;
}

// Without a way to write its content back an allocation stays where it is.
NTSTATUS Paging::take_out(Allocation& a) {
  const bool writes_back = a.residency == Residency::kLocal && a.content && !gone_;
  if (writes_back)
    if (const NTSTATUS status = map_backing(a); !NT_SUCCESS(status)) return status;
  unmap_virtual(a);
  if (writes_back)
    transfer(a, false);
  else if (a.residency == Residency::kLocal)
    tell_discard(a);
  else if (a.residency == Residency::kAperture)
    unmap_aperture(a, *a.segment);
  forget_place(a);
  return STATUS_SUCCESS;
}

void Paging::forget_place(Allocation& a) {
  if (gone_ && a.segment != nullptr) {
    for (const auto& run : a.segment->mapped(a.first_page, a.pages)) a.segment->note_unmapped(run.first);
    if (a.residency == Residency::kLocal && a.content) {
      a.content = false;
      a.content_lost = true;
    }
  }
  if (a.segment != nullptr) a.segment->release(a.first_page, a.pages);
  a.segment = nullptr;
  a.residency = Residency::kNone;
  a.virtual_valid = false;
  a.arriving = false;
  unmap_backing(a);
}

void Paging::stop() {
  for (const AllocationId id : allocations()) (void)destroy(id);
  const std::lock_guard guard(lock_);
  for (const auto& adapter : adapters_) {
    for (const Segment& segment : adapter->table.segments)
      if (segment.used_pages() != 0 || segment.mapped_pages() != 0)
        throw BugCheck(
            bugcheck::kVideoMemoryManagementInternal,
            {bugcheck::kSegmentLeak, segment.id(), segment.used_pages(), 0},
            fmt::format("{} pages of segment {} are still in use", segment.used_pages(), segment.id()));
    if (adapter->dummy == nullptr || !config_.guard_dummy_page) continue;
    const UCHAR* begin = adapter->dummy->data();
    if (std::any_of(begin, begin + kPage, [](UCHAR byte) { return byte != kDummyPattern; }))
      throw BugCheck(bugcheck::kVideoMemoryManagementInternal, {bugcheck::kDummyPageWritten, 0, 0, 0},
                     "the GPU wrote to a part of the aperture where nothing is mapped");
  }
  adapters_.clear();
}

void Paging::note_interrupt(const DXGKARGCB_NOTIFY_INTERRUPT_DATA& data) {
  UINT engine = 0;
  switch (data.InterruptType) {
    case DXGK_INTERRUPT_DMA_COMPLETED:
      engine = data.DmaCompleted.EngineOrdinal;
      break;
    case DXGK_INTERRUPT_DMA_PREEMPTED:
      engine = data.DmaPreempted.EngineOrdinal;
      break;
    case DXGK_INTERRUPT_DMA_FAULTED:
      engine = data.DmaFaulted.EngineOrdinal;
      break;
    default:
      return;
  }
  if (engine < adapters_.size() && adapters_[engine]->queue != nullptr)
    adapters_[engine]->queue->note_interrupt(data);
}

void Paging::note_dpc() {
  for (const auto& adapter : adapters_)
    if (adapter->queue != nullptr) adapter->queue->note_dpc();
}

std::optional<AllocationView> Paging::view(AllocationId id) const {
  const Allocation* a = find(id);
  if (a == nullptr) return std::nullopt;
  AllocationView view;
  view.id = a->id;
  view.size = a->pages * kPage;
  view.adapter = a->info.PhysicalAdapterIndex;
  view.residency = a->residency;
  if (a->segment != nullptr) {
    view.segment = a->segment->id();
    view.segment_address = a->segment->address(a->first_page);
  }
  if (a->adl != nullptr)
    for (std::uint64_t i = 0; i < a->pages; ++i)
      view.logical_pages.push_back(a->adl->Flags.Contiguous != 0 ? a->adl->BasePageNumber + i
                                                                 : a->adl->Pages[i]);
  view.cpu_visible = a->cpu_visible;
  view.virtual_page = a->virtual_page;
  view.virtual_valid = a->virtual_valid;
  view.content = a->content;
  view.content_lost = a->content_lost;
  return view;
}

std::vector<AllocationId> Paging::allocations() const {
  std::vector<AllocationId> ids;
  for (const auto& a : allocations_) ids.push_back(a->id);
  return ids;
}

std::uint64_t Paging::root_page_table(std::size_t adapter) const {
  const Adapter& a = *adapters_.at(adapter);
  return a.tables == nullptr ? 0 : a.tables->root().memory.device_address();
}

std::uint64_t Paging::dummy_page(std::size_t adapter) const {
  const Adapter& a = *adapters_.at(adapter);
  return a.dummy == nullptr ? 0 : a.dummy->device_address() >> hw::kPageShift;
}

}  // namespace gpudmar::dxgkrnl
