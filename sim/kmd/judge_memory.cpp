// SPDX-License-Identifier: Apache-2.0
// The rules of memory objects: what each callback may be given, in the state that the calls so far have made.
#include <fmt/format.h>

#include "sim/kmd/judge_arguments.h"

namespace gpudmar::sim::kmd {
namespace {

constexpr std::uint64_t kLargestMdl = (4ULL << 30) - PAGE_SIZE;

bool power_of_two(std::uint64_t value) { return value != 0 && (value & (value - 1)) == 0; }
std::uint64_t unsigned_address(const PHYSICAL_ADDRESS& address) {  // E20
  return static_cast<std::uint64_t>(address.QuadPart);
}

std::string hex(const void* handle) { return fmt::format("{}", fmt::ptr(handle)); }

}  // namespace

Judge::Object* Judge::find(HANDLE handle) {
  const auto it = objects_.find(handle);
  return it == objects_.end() ? nullptr : &it->second;
}

Judge::Object* Judge::find_adapter_object(HANDLE handle) {
  const auto it = adapter_objects_.find(handle);
  return it == adapter_objects_.end() ? nullptr : find(it->second);
}

void Judge::loan(const char* kind, const void* id, std::uint64_t pages, bool begins) {
  hooks_.loan(kind, reinterpret_cast<std::uintptr_t>(id), pages, begins);
}

void Judge::create_mdl(const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT& args) {
  const std::uint64_t skip = unsigned_address(args.Mdl.SkipBytes);
  const UINT flags = args.Mdl.Flags;
  check("R62", page_multiple(skip), fmt::format("SkipBytes {:#x} is no multiple of a page", skip));
  check("R65", (flags & MM_ALLOCATE_AND_HOT_REMOVE) == 0,
        "MM_ALLOCATE_AND_HOT_REMOVE: an object is never allocated in part");
  check("R69", args.Size <= kLargestMdl, fmt::format("an MDL object of {} bytes", args.Size));
  const bool chunks = (flags & MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS) != 0;
  if (chunks && skip != 0)
    check("R67", power_of_two(skip) && args.Size % skip == 0,
          fmt::format("contiguous chunks of {:#x} bytes for an object of {:#x}", skip, args.Size));
  if ((flags & MM_ALLOCATE_FAST_LARGE_PAGES) != 0)
    check("R68", chunks, "MM_ALLOCATE_FAST_LARGE_PAGES without MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS");
}

void Judge::create(const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT& args) {
  check("R43", args.hAdapter == nullptr || hooks_.link_of(args.hAdapter).has_value(),
        fmt::format("Create with {}, which is no adapter handle", hex(args.hAdapter)));
  check("R46", args.Size != 0, "Create of 0 bytes");
  check("R48", static_cast<unsigned>(args.Type) <= DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE,
        fmt::format("Create of the type {}", static_cast<int>(args.Type)));
  check("R49", static_cast<unsigned>(args.CacheType) <= DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED,
        fmt::format("Create with the cache type {}", static_cast<int>(args.CacheType)));
  switch (args.Type) {
    case DXGK_PHYSICAL_MEMORY_TYPE_MDL:
      create_mdl(args);
      break;
    case DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY: {
      const std::uint64_t lowest = unsigned_address(args.ContiguousMemory.LowestAcceptableAddress);
      const std::uint64_t highest = unsigned_address(args.ContiguousMemory.HighestAcceptableAddress);
      const std::uint64_t boundary = unsigned_address(args.ContiguousMemory.BoundaryAddressMultiple);
      check("R71", boundary == 0 || power_of_two(boundary),
            fmt::format("BoundaryAddressMultiple {:#x} is no power of two", boundary));
      check("R72", lowest <= highest && (boundary == 0 || args.Size <= boundary),
            fmt::format("contiguous memory from {:#x} to {:#x}, {} bytes, boundary {:#x}", lowest, highest,
                        args.Size, boundary));
      break;
    }
    case DXGK_PHYSICAL_MEMORY_TYPE_SECTION: {
      const ULONG protection = args.Section.PageProtection;
      check("R50", args.CacheType != DXGK_MEMORY_CACHING_TYPE_NON_CACHED, "a section that is not cached");
      check("R52", (protection & (PAGE_NOCACHE | PAGE_WRITECOMBINE | PAGE_GUARD)) == 0,
            fmt::format("PageProtection {:#x} with a modifier", protection));
      const ULONG plain = protection & ~static_cast<ULONG>(PAGE_NOCACHE | PAGE_WRITECOMBINE | PAGE_GUARD);
      check("R51",
            plain == PAGE_READONLY || plain == PAGE_READWRITE || plain == PAGE_WRITECOPY ||
                plain == PAGE_EXECUTE,
            fmt::format("PageProtection {:#x}", protection));
      break;
    }
    case DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE:
      check("R57", page_multiple(unsigned_address(args.IOSpace.BaseAddress)),
            fmt::format("I/O space at {:#x}, not at a page", unsigned_address(args.IOSpace.BaseAddress)));
      check("R58", page_multiple(args.Size), fmt::format("I/O space of {} bytes", args.Size));
      if (hooks_.is_taken)
        check("R59", !hooks_.is_taken(unsigned_address(args.IOSpace.BaseAddress), args.Size),
              fmt::format("I/O space at {:#x}, where RAM or the interrupt window is",
                          unsigned_address(args.IOSpace.BaseAddress)));
      break;
    default:
      break;
  }
}

void Judge::open(const DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT& args) {
  const Object* object = find(args.hPhysicalMemoryObject);
  check("R84", object != nullptr && hooks_.link_of(args.hAdapter).has_value(),
        fmt::format("Open of {} on {}", hex(args.hPhysicalMemoryObject), hex(args.hAdapter)));
  if (object == nullptr) return;
  const std::optional<unsigned> link = hooks_.link_of(args.hAdapter);
  if (object->adapter_object != nullptr && link && *link != object->link)
    check("R82", false,
          fmt::format("Open on link{} of an object that is open on link{}", *link, object->link));
  else
    check("R81", object->adapter_object == nullptr, "Open of an object that is open");
}

void Judge::close(const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT& args) {
  const Object* object = find_adapter_object(args.hAdapterMemoryObject);
  const bool before = ended_.count(args.hAdapterMemoryObject) != 0;
  check("R90", object != nullptr || !before, "Close of what is closed: by Close or by Destroy, not by both");
  check("R95", object != nullptr || before,
        fmt::format("Close of {}, which is no adapter memory object", hex(args.hAdapterMemoryObject)));
  if (object != nullptr)
    check("R87", object->adls.empty(), fmt::format("Close with {} live ADLs", object->adls.size()));
}

void Judge::destroy(const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT& args) {
  const Object* object = find(args.hPhysicalMemoryObject);
  check("R95", object != nullptr,
        fmt::format("Destroy of {}, {}", hex(args.hPhysicalMemoryObject),
                    ended_.count(args.hPhysicalMemoryObject) != 0 ? "which was destroyed before"
                                                                  : "which is no memory object"));
  if (object == nullptr) return;
  check("R92", object->adls.empty(), fmt::format("Destroy with {} live ADLs", object->adls.size()));
  check("R94", object->mappings.empty(),
        fmt::format("Destroy with {} CPU mappings", object->mappings.size()));
  if (args.hAdapterMemoryObject == nullptr) {
    check("R91", object->adapter_object == nullptr,
          "Destroy without the handle of the adapter object, which is open");
    return;
  }
  const bool closed_before = ended_.count(args.hAdapterMemoryObject) != 0;
  check("R90", !closed_before, "Destroy with an adapter object that was closed: Close or Destroy, not both");
  check("R93", closed_before || object->adapter_object == args.hAdapterMemoryObject,
        "Destroy with the adapter object of another object");
}

void Judge::map(const DXGKARGCB_MAP_PHYSICAL_MEMORY& args) {
  const Object* object = find(args.hPhysicalMemoryObject);
  check("R106", object != nullptr,
        fmt::format("Map of {}, which is no memory object", hex(args.hPhysicalMemoryObject)));
  check("R104", static_cast<unsigned>(args.AccessMode) <= DXGK_ACCESS_MODE_USER_MODE,
        fmt::format("Map with the access mode {}", static_cast<int>(args.AccessMode)));
  if (object == nullptr) return;
  const std::uint64_t bytes = object->pages() << PAGE_SHIFT;
  check("R105", args.Size != 0 && args.Offset < bytes && args.Size <= bytes - args.Offset,
        fmt::format("Map of {}+{} bytes of an object of {}", args.Offset, args.Size, object->size));
  check("R103",
        object->type != DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE || args.AccessMode != DXGK_ACCESS_MODE_USER_MODE,
        "I/O space mapped for user mode");
  if (object->type == DXGK_PHYSICAL_MEMORY_TYPE_SECTION)
    check("R114", !object->view_denied,
          "Map of a section whose DesiredAccess does not allow what its view would do: SECTION_MAP_READ, and "
          "SECTION_MAP_WRITE where it is writable");
}

void Judge::unmap(const DXGKARGCB_UNMAP_PHYSICAL_MEMORY& args) {
  const Object* object = find(args.hPhysicalMemoryObject);
  check("R95", object != nullptr,
        fmt::format("Unmap of {}, which is no memory object", hex(args.hPhysicalMemoryObject)));
  if (object == nullptr) return;
  const auto mapping = object->mappings.find(args.pBaseAddress);
  const bool other = mapping == object->mappings.end() && !object->mappings.empty();
  check("R112", mapping != object->mappings.end() || other,
        "Unmap of what is not mapped: twice, or never mapped");
  if (object->mappings.empty()) return;
  check("R111", mapping != object->mappings.end() && mapping->second == args.Size,
        mapping == object->mappings.end()
            ? fmt::format("Unmap of {}, which is not the pMappedAddress of Map", hex(args.pBaseAddress))
            : fmt::format("Unmap of {} bytes, Map returned {}", args.Size, mapping->second));
}

void Judge::allocate_adl(const DXGKARGCB_ALLOCATE_ADL& args) {
  const Object* object = find_adapter_object(args.hAdapterMemoryObject);
  check("R124", args.hAdapterMemoryObject != nullptr, "AllocateAdl of an object that is not open");
  if (args.hAdapterMemoryObject != nullptr)
    check(
        "R125", object != nullptr,
        fmt::format("AllocateAdl of {}, {}", hex(args.hAdapterMemoryObject),
                    ended_.count(args.hAdapterMemoryObject) != 0     ? "which was closed"
                    : objects_.count(args.hAdapterMemoryObject) != 0 ? "which is the object's own handle"
                                                                     : "which is no adapter memory object"));
  check("R131", args.Flags.Reserved == 0,
        fmt::format("reserved flags {:#x} of AllocateAdl", args.Flags.Value));
  check("R121", page_multiple(args.Offset), fmt::format("AllocateAdl at offset {:#x}", args.Offset));
  check("R122", page_multiple(args.Size) && args.Size != 0,
        fmt::format("AllocateAdl of {} bytes", args.Size));
  check("R146", args.Size >> PAGE_SHIFT <= 0xFFFF'FFFF, "AllocateAdl of more pages than an ADL counts");
  if (object == nullptr) return;
  const std::uint64_t bytes = object->pages() << PAGE_SHIFT;
  check("R123", args.Offset <= bytes && args.Size <= bytes - args.Offset,
        fmt::format("AllocateAdl of {}+{} bytes of an object of {}", args.Offset, args.Size, object->size));
  if (args.Flags.RequireContiguous)
    check("R126",
          object->type == DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY ||
              object->type == DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE,
          "RequireContiguous of memory that need not be contiguous");
}

// What a driver has changed of an ADL; empty: nothing. A pointer that is not the kernel's is not followed.
std::string Judge::change_of(const DXGK_ADL& now, const Adl& then) {
  const DXGK_ADL& header = then.header;
  if (now.PageCount != header.PageCount)
    return fmt::format("PageCount is {}, it was {}", now.PageCount, header.PageCount);
  if (now.Flags.Value != header.Flags.Value)
    return fmt::format("Flags is {:#x}, it was {:#x}", now.Flags.Value, header.Flags.Value);
  if (header.Flags.Contiguous != 0)
    return now.BasePageNumber == header.BasePageNumber
               ? ""
               : fmt::format("BasePageNumber is {:#x}, it was {:#x}", now.BasePageNumber,
                             header.BasePageNumber);
  if (now.Pages != header.Pages)
    return fmt::format("Pages is {}, it was {}", fmt::ptr(now.Pages), fmt::ptr(header.Pages));
  for (std::size_t i = 0; i < then.numbers.size(); ++i)
    if (now.Pages[i] != then.numbers[i])
      return fmt::format("Pages[{}] is {:#x}, it was {:#x}", i, now.Pages[i], then.numbers[i]);
  return "";
}

void Judge::run_ends() {
  const auto look = [this](const DXGK_ADL& now, const Adl& adl, const char* call) {
    if (!adl.readable) return;
    ++looks_["R141"];
    const std::string change = change_of(now, adl);
    if (change.empty()) return;
    broken_.insert("R141");
    hooks_.broken_at("R141", fmt::format("the ADL of this {} was changed: {}", call, change), adl.call);
  };
  for (const auto& [handle, object] : objects_)
    for (const auto& [pointer, adl] : object.adls)
      look(*static_cast<const DXGK_ADL*>(pointer), adl, "AllocateAdl");
  for (const auto& [place, pin] : pins_) look(*pin.adl, pin.pages, "PinFrameBufferForSave2");
}

void Judge::free_adl(const DXGKARGCB_FREE_ADL& args) {
  Object* object = find_adapter_object(args.hAdapterMemoryObject);
  check("R143", object != nullptr && object->adls.count(args.pAdl) != 0,
        object == nullptr
            ? fmt::format("FreeAdl with {}, which is no open adapter memory object",
                          hex(args.hAdapterMemoryObject))
            : fmt::format("FreeAdl of {}, which is no live ADL of that object", hex(args.pAdl)));
  if (object == nullptr) return;
  const auto adl = object->adls.find(args.pAdl);
  if (adl == object->adls.end() || !adl->second.readable) return;
  const std::string change = change_of(*args.pAdl, adl->second);
  check("R141", change.empty(), "FreeAdl of an ADL that was changed: " + change);
  adl->second.readable = false;
}

// ---- What came of the calls

void Judge::created(const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT& args) {
  Object& object = objects_[args.hPhysicalMemoryObject] = Object{};
  object.type = args.Type;
  object.size = args.Size;
  if (args.Type == DXGK_PHYSICAL_MEMORY_TYPE_SECTION) {
    const ULONG protection = args.Section.PageProtection;
    const bool writable = protection == PAGE_READWRITE || protection == PAGE_EXECUTE;
    const ACCESS_MASK needed = SECTION_MAP_READ | (writable ? SECTION_MAP_WRITE : 0);
    object.view_denied = (args.Section.DesiredAccess & needed) != needed;
  }
  loan("memory object", args.hPhysicalMemoryObject, object.pages(), true);
  if (args.hAdapterMemoryObject != nullptr) {
    adapter_objects_[args.hAdapterMemoryObject] = args.hPhysicalMemoryObject;
    opened(object, args.hAdapterMemoryObject, args.hAdapter);
  }
}

void Judge::opened(Object& object, HANDLE handle, HANDLE adapter) {
  object.adapter_object = handle;
  object.link = hooks_.link_of(adapter).value_or(0);
  for (const auto& [physical, entry] : objects_)
    if (&entry == &object) adapter_objects_[handle] = physical;
  loan("adapter memory object", handle, 0, true);
}

void Judge::closed(Object& object) {
  loan("adapter memory object", object.adapter_object, 0, false);
  adapter_objects_.erase(object.adapter_object);
  ended_.insert(object.adapter_object);
  object.adapter_object = nullptr;
}

void Judge::adl_allocated(const DXGKARGCB_ALLOCATE_ADL& args) {
  Object* object = find_adapter_object(args.hAdapterMemoryObject);
  if (object == nullptr || args.pAdl == nullptr) return;
  Adl adl{pages_of(*args.pAdl), *args.pAdl, hooks_.here(), true};
  make_live(object->link, adl.numbers);
  object->adls[args.pAdl] = std::move(adl);
  loan("ADL", args.pAdl, args.pAdl->PageCount, true);
}

void Judge::adl_freed(const DXGKARGCB_FREE_ADL& args) {
  Object* object = find_adapter_object(args.hAdapterMemoryObject);
  if (object == nullptr) return;
  const auto adl = object->adls.find(args.pAdl);
  if (adl == object->adls.end()) return;
  auto& live = live_[object->link];
  for (const std::uint64_t number : adl->second.numbers)
    if (--live[number] == 0) live.erase(number);
  hooks_.freed(object->link, adl->second.numbers);
  object->adls.erase(adl);
  loan("ADL", args.pAdl, 0, false);
}

bool Judge::is_live(unsigned link, std::uint64_t page) const {
  const auto pages = live_.find(link);
  return pages != live_.end() && pages->second.count(page) != 0;
}

Judge::Left Judge::left() const {
  Left left;
  for (const auto& [handle, object] : objects_) {
    std::uint64_t reachable = 0;
    for (const auto& [pointer, adl] : object.adls) reachable += adl.numbers.size();
    left.reachable += reachable;
    if (object.pages() > reachable) left.unreachable += object.pages() - reachable;
  }
  for (const auto& [handle, block] : blocks_) left.reachable += block.pages.size();
  for (const auto& [place, pin] : pins_) left.reachable += pin.pages.numbers.size();
  return left;
}

}  // namespace gpudmar::sim::kmd
