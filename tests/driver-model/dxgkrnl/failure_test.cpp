// SPDX-License-Identifier: Apache-2.0
// A call that fails changes nothing: pages, locks, commit, page file, handles, tables, invalidations.
#include <gtest/gtest.h>

#include <map>

#include "tests/driver-model/dxgkrnl/scripted_miniport.h"
#include "tests/support/covers.h"
#include "tests/support/failing_memory.h"

namespace gpudmar::dxgkrnl {
namespace {

constexpr auto kMdl = DXGK_PHYSICAL_MEMORY_TYPE_MDL;
constexpr auto kContiguous = DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY;
constexpr auto kSection = DXGK_PHYSICAL_MEMORY_TYPE_SECTION;
constexpr auto kIoSpace = DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE;

/// Everything that a failed call might leave behind.
struct Snapshot {
  std::uint64_t free_pages, committed, locked, in_page_file, logical_pages;
  std::size_t handles, cpu_mappings, invalidations, objects, faults;
  std::vector<std::vector<mm::Pfn>> frames;       // of every object
  std::map<std::uint64_t, std::uint64_t> tables;  // entry address to value, empty tables left out
};

class FailureTest : public ::testing::Test {
 protected:
  static test::ModelMachine::Options small_machine() {
    test::ModelMachine::Options options;
    options.ram = {{0, 1ULL << 20}, {1ULL << 40, 1ULL << 20}};
    return options;
  }
  static KernelConfig config() {
    KernelConfig config;
    config.page_file_pages = 64;
    config.timeout_cycles = 2000;
    return config;
  }
  void SetUp() override {
    s_.kernel.reset();
    hw::Platform platform = s_.machine.platform();
    platform.memory = &memory_;
    s_.kernel = std::make_unique<Kernel>(platform, config());
    s_.script.memory_caps.HighestVisibleAddress.QuadPart = 0x3F'FFFF;  // pages 1 to 1023
    ASSERT_EQ(s_.start(), STATUS_SUCCESS) << s_.kernel->start_error();
    mdl_ = s_.create(0x8000);
    // Tables for a few numbers exist, as in any running system.
    s_.free_adl(mdl_.hAdapterMemoryObject, s_.allocate_adl(mdl_.hAdapterMemoryObject, 0, 0x8000));
    (void)s_.allocate_adl(mdl_.hAdapterMemoryObject, 0, 0x2000);
  }
  void TearDown() override { s_.kernel.reset(); }  // it uses memory_
  /// Entries below `table`; false = there is none.
  bool walk(std::uint64_t table, unsigned level, std::map<std::uint64_t, std::uint64_t>& out) {
    bool any = false;
    for (std::uint64_t i = 0; i < 512; ++i) {
      const std::uint64_t value = s_.machine.memory.load64(table + 8 * i);
      if (value == 0) continue;
      const bool leaf = level == 1 || (value & 0x80) != 0;
      if (!leaf && !walk(value & 0x000F'FFFF'FFFF'F000, level - 1, out)) continue;
      out[table + 8 * i] = value;
      any = true;
    }
    return any;
  }
  [[nodiscard]] Snapshot look() {
    auto& pages = s_.kernel->pages();
    Snapshot now{};
    now.free_pages = pages.free_pages();
    now.committed = pages.committed_pages();
    now.locked = pages.locked_pages();
    now.in_page_file = s_.kernel->memory().page_file_pages_used();
    now.logical_pages = s_.kernel->adapters()[0].logical_pages_used;
    now.handles = s_.kernel->live_handles();
    now.cpu_mappings = s_.machine.memory.mappings();
    for (const test::MachineEvent& event : s_.machine.events)
      now.invalidations += event.kind == test::MachineEvent::Kind::kInvalidate ? 1 : 0;
    for (const ObjectView& view : s_.kernel->objects()) now.frames.push_back(view.page_frames);
    now.objects = now.frames.size();
    now.faults = s_.kernel->faults().size();
    const auto context = s_.kernel->remapping_unit()->context_entry(0x0100);
    walk(context[0] & ~0xFFFULL, static_cast<unsigned>(context[1] & 7) + 2, now.tables);
    return now;
  }
  /// `call` fails with `status`, and nothing else happens.
  void fails(NTSTATUS status, const std::function<NTSTATUS()>& call, const char* what) {
    const Snapshot before = look();
    EXPECT_EQ(call(), status) << what;
    expect_same(look(), before, what);
  }
  static void expect_same(const Snapshot& after, const Snapshot& before, const char* what) {
    SCOPED_TRACE(what);
    EXPECT_EQ(after.free_pages, before.free_pages);
    EXPECT_EQ(after.committed, before.committed);
    EXPECT_EQ(after.locked, before.locked);
    EXPECT_EQ(after.in_page_file, before.in_page_file);
    EXPECT_EQ(after.logical_pages, before.logical_pages);
    EXPECT_EQ(after.handles, before.handles);
    EXPECT_EQ(after.cpu_mappings, before.cpu_mappings);
    EXPECT_EQ(after.invalidations, before.invalidations);
    EXPECT_EQ(after.faults, before.faults);
    EXPECT_EQ(after.frames, before.frames);
    EXPECT_EQ(after.tables, before.tables);
  }
  void create_fails(NTSTATUS status, DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT args, const char* what) {
    args.hAdapter = args.hAdapter == nullptr ? s_.table().DeviceHandle : args.hAdapter;
    args.hPhysicalMemoryObject = args.hAdapterMemoryObject = reinterpret_cast<HANDLE>(1);
    fails(
        status, [&] { return s_.table().DxgkCbCreatePhysicalMemoryObject(&args); }, what);
    EXPECT_EQ(args.hPhysicalMemoryObject, nullptr);
    EXPECT_EQ(args.hAdapterMemoryObject, nullptr);
  }
  void map_fails(NTSTATUS status, DXGKARGCB_MAP_PHYSICAL_MEMORY args, const char* what) {
    const DXGKARGCB_MAP_PHYSICAL_MEMORY given = args;
    args.pMappedAddress = &args;
    fails(
        status, [&] { return s_.table().DxgkCbMapPhysicalMemory(&args); }, what);
    EXPECT_EQ(args.pMappedAddress, nullptr);
    EXPECT_EQ(args.Offset, given.Offset);
    EXPECT_EQ(args.Size, given.Size);
  }
  void adl_fails(NTSTATUS status, HANDLE opened, SIZE_T offset, SIZE_T size, UINT32 flags, const char* what) {
    DXGKARGCB_ALLOCATE_ADL args{};
    args.hAdapterMemoryObject = opened;
    args.Offset = offset;
    args.Size = size;
    args.Flags.Value = flags;
    args.pAdl = reinterpret_cast<DXGK_ADL*>(1);
    fails(
        status, [&] { return s_.table().DxgkCbAllocateAdl(&args); }, what);
    EXPECT_EQ(args.pAdl, nullptr);
  }
  /// `call` with each of the host's mappings that it makes failing in turn, at least `least`: every time it
  /// answers STATUS_INSUFFICIENT_RESOURCES and nothing else happens. In the end it works.
  void fails_at_each_mapping(unsigned least, const std::function<NTSTATUS()>& call, const char* what) {
    unsigned maps = 0;
    for (;; ++maps) {
      ASSERT_LT(maps, 100U) << what;
      const Snapshot before = look();
      memory_.fail_after(maps);
      const NTSTATUS status = call();
      if (memory_.disarm()) {  // it made no more than that
        EXPECT_EQ(status, STATUS_SUCCESS) << what;
        break;
      }
      EXPECT_EQ(status, STATUS_INSUFFICIENT_RESOURCES) << what << ", mapping " << maps;
      expect_same(look(), before, what);
    }
    EXPECT_GE(maps, least) << what;
  }
  [[nodiscard]] std::vector<mm::Pfn> take_all_but(std::uint64_t pages) {
    auto& allocator = s_.kernel->pages();
    return *allocator.allocate(allocator.free_pages() - pages, {}, false, mm::Placement::kAscending);
  }
  System s_{small_machine(), config()};
  test::FailingMemory memory_{s_.machine.memory};
  DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT mdl_{};
};

TEST_F(FailureTest, Create) {
  test::covers("R43", "R44", "G20");
  auto args = create_request(0x1000, kMdl, reinterpret_cast<HANDLE>(0x1234));
  create_fails(STATUS_INVALID_PARAMETER, args, "adapter handle");
  create_fails(STATUS_INVALID_PARAMETER, create_request(0), "size");
  create_fails(STATUS_INVALID_PARAMETER, create_request(0x1000, static_cast<DXGK_PHYSICAL_MEMORY_TYPE>(4)),
               "type");
  args = create_request(0x1000);
  args.CacheType = static_cast<DXGK_MEMORY_CACHING_TYPE>(3);
  create_fails(STATUS_INVALID_PARAMETER, args, "cache type");
  args = create_request(0x40000);
  args.Mdl.HighAddress.QuadPart = 0x1FFFF;  // some, but not enough; no zeroed page may stay behind
  create_fails(STATUS_NO_MEMORY, args, "MDL window");
  args.Mdl.SkipBytes.QuadPart = 0x1000;
  args.Mdl.LowAddress.QuadPart = (1LL << 40) + 0xF0000;  // it runs off the top of memory
  args.Mdl.HighAddress.QuadPart = (1LL << 40) + 0xF1FFF;
  create_fails(STATUS_NO_MEMORY, args, "moving MDL window");
  args = create_request(1 << 21);
  args.Mdl.Flags = MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS;
  create_fails(STATUS_NO_MEMORY, args, "one block");
  args.Mdl.SkipBytes.QuadPart = 1 << 20;
  create_fails(STATUS_NO_MEMORY, args, "chunks, of which the first can be had");
  args = create_request(0x40000, kContiguous);
  args.ContiguousMemory.HighestAcceptableAddress.QuadPart = 0x1FFFF;
  create_fails(STATUS_INSUFFICIENT_RESOURCES, args, "contiguous window");
  create_fails(STATUS_COMMITMENT_LIMIT, create_request(600 << 12, kSection), "commit, of a section");
  const auto rest = create_request(500 << 12, kSection);
  auto filler = rest;
  ASSERT_EQ(s_.table().DxgkCbCreatePhysicalMemoryObject(&filler), STATUS_SUCCESS);
  create_fails(STATUS_COMMITMENT_LIMIT, create_request(100 << 12), "commit, of an MDL");
  create_fails(STATUS_COMMITMENT_LIMIT, create_request(100 << 12, kContiguous),
               "commit, of contiguous memory");
  args = create_request(0x1000, kSection);
  args.Section.PageProtection = 0;
  create_fails(STATUS_INVALID_PAGE_PROTECTION, args, "protection");
  args = create_request(0x1000, kIoSpace);
  args.IOSpace.BaseAddress.QuadPart = 0x1000;
  create_fails(STATUS_CONFLICTING_ADDRESSES, args, "I/O space over RAM");
}

TEST_F(FailureTest, Open) {
  test::covers("R84", "R85", "G20");
  const auto opens = [&](HANDLE object, HANDLE adapter, NTSTATUS status, const char* what) {
    DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT args{object, adapter, reinterpret_cast<HANDLE>(1)};
    fails(
        status, [&] { return s_.table().DxgkCbOpenPhysicalMemoryObject(&args); }, what);
    EXPECT_EQ(args.hAdapterMemoryObject, nullptr);
  };
  const HANDLE adapter = s_.table().DeviceHandle;
  opens(nullptr, adapter, STATUS_INVALID_HANDLE, "no object");
  opens(mdl_.hAdapterMemoryObject, adapter, STATUS_OBJECT_TYPE_MISMATCH, "adapter memory object");
  opens(mdl_.hPhysicalMemoryObject, nullptr, STATUS_INVALID_PARAMETER, "no adapter");
  opens(mdl_.hPhysicalMemoryObject, adapter, STATUS_ALREADY_REGISTERED, "open already");
  opens(mdl_.hPhysicalMemoryObject, s_.table(1).DeviceHandle, STATUS_ALREADY_REGISTERED,
        "through the other member");
}

TEST_F(FailureTest, Map) {
  test::covers("R103", "R104", "R105", "R106", "R114", "R115", "G20");
  const HANDLE object = mdl_.hPhysicalMemoryObject;
  constexpr auto kernel = DXGK_ACCESS_MODE_KERNEL_MODE;
  map_fails(STATUS_INVALID_HANDLE, {nullptr, kernel, 0, 8, nullptr}, "handle");
  map_fails(STATUS_OBJECT_TYPE_MISMATCH, {mdl_.hAdapterMemoryObject, kernel, 0, 8, nullptr}, "kind");
  map_fails(STATUS_INVALID_PARAMETER, {object, static_cast<DXGK_ACCESS_MODE>(2), 0, 8, nullptr}, "mode");
  map_fails(STATUS_INVALID_PARAMETER, {object, kernel, 0x1234, 0, nullptr}, "size 0");
  map_fails(STATUS_INVALID_PARAMETER, {object, kernel, 0x7FF9, 8, nullptr}, "beyond the end");
  map_fails(STATUS_INVALID_PARAMETER, {object, kernel, ~SIZE_T{0}, 2, nullptr}, "overflow");
  auto io = create_request(0x2000, kIoSpace);
  io.IOSpace.BaseAddress.QuadPart = 0xC000'0000;
  ASSERT_EQ(s_.table().DxgkCbCreatePhysicalMemoryObject(&io), STATUS_SUCCESS);
  map_fails(STATUS_INVALID_PARAMETER, {io.hPhysicalMemoryObject, DXGK_ACCESS_MODE_USER_MODE, 0, 8, nullptr},
            "I/O space for user mode");
  map_fails(STATUS_INSUFFICIENT_RESOURCES, {io.hPhysicalMemoryObject, kernel, 0x1008, 8, nullptr},
            "nothing there");
  auto section = create_request(0x8000, kSection);
  section.Section.DesiredAccess = SECTION_QUERY;
  ASSERT_EQ(s_.table().DxgkCbCreatePhysicalMemoryObject(&section), STATUS_SUCCESS);
  map_fails(STATUS_ACCESS_DENIED, {section.hPhysicalMemoryObject, kernel, 0x1008, 8, nullptr}, "access");
  section = create_request(0x8000, kSection);
  ASSERT_EQ(s_.table().DxgkCbCreatePhysicalMemoryObject(&section), STATUS_SUCCESS);
  const auto held = take_all_but(5);
  map_fails(STATUS_INSUFFICIENT_RESOURCES, {section.hPhysicalMemoryObject, kernel, 0x1008, 0x6000, nullptr},
            "page-in");
}

TEST_F(FailureTest, AllocateAdl) {
  test::covers("R121", "R122", "R123", "R124", "R125", "R126", "R131", "R137", "R138", "G20");
  const HANDLE opened = mdl_.hAdapterMemoryObject;
  adl_fails(STATUS_INVALID_PARAMETER, nullptr, 0, 0x1000, 0, "no handle");
  adl_fails(STATUS_OBJECT_TYPE_MISMATCH, mdl_.hPhysicalMemoryObject, 0, 0x1000, 0, "kind of handle");
  adl_fails(STATUS_INVALID_PARAMETER, opened, 1, 0x1000, 0, "offset");
  adl_fails(STATUS_INVALID_PARAMETER, opened, 0, 0x1001, 0, "size");
  adl_fails(STATUS_INVALID_PARAMETER, opened, 0, 0, 0, "nothing");
  adl_fails(STATUS_INVALID_PARAMETER, opened, 0x7000, 0x2000, 0, "range");
  adl_fails(STATUS_INVALID_PARAMETER, opened, 0, 0x1000, 0x8000'0000, "reserved bits");
  adl_fails(STATUS_INVALID_PARAMETER, opened, 0, 0x2000, kRequireContiguous, "contiguous MDL");

  auto io = create_request(0x800000, kIoSpace, s_.table().DeviceHandle);
  io.IOSpace.BaseAddress.QuadPart = 0xC000'0000;
  ASSERT_EQ(s_.table().DxgkCbCreatePhysicalMemoryObject(&io), STATUS_SUCCESS);
  adl_fails(STATUS_INSUFFICIENT_RESOURCES, io.hAdapterMemoryObject, 0, 1024 << 12, 0, "too many numbers");
  adl_fails(STATUS_INSUFFICIENT_RESOURCES, io.hAdapterMemoryObject, 0, 1024 << 12, kPreferContiguous,
            "preferred run");
  adl_fails(STATUS_INSUFFICIENT_RESOURCES, io.hAdapterMemoryObject, 0, 1023 << 12, kRequireContiguous,
            "required run");
  auto section = create_request(0x8000, kSection, s_.table().DeviceHandle);
  ASSERT_EQ(s_.table().DxgkCbCreatePhysicalMemoryObject(&section), STATUS_SUCCESS);
  {
    const auto held = take_all_but(5);
    adl_fails(STATUS_INSUFFICIENT_RESOURCES, section.hAdapterMemoryObject, 0, 0x6000, 0, "page-in");
    s_.kernel->pages().free(held);
  }
  {
    // 600 numbers reach beyond the one table that exists.
    const auto held = take_all_but(0);
    adl_fails(STATUS_INSUFFICIENT_RESOURCES, io.hAdapterMemoryObject, 0, 600 << 12, 0, "tables");
    s_.kernel->pages().free(held);
  }
  EXPECT_NE(s_.allocate_adl(io.hAdapterMemoryObject, 0, 600 << 12), nullptr) << "with memory it works";
}

TEST_F(FailureTest, AHostThatCanNotMapLeavesNothing) {
  test::covers("R44", "R115", "R137", "R138", "G20");
  const auto create = [&](DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT& args) {
    args.hAdapter = s_.table().DeviceHandle;
    args.hPhysicalMemoryObject = args.hAdapterMemoryObject = reinterpret_cast<HANDLE>(1);
    const NTSTATUS status = s_.table().DxgkCbCreatePhysicalMemoryObject(&args);
    EXPECT_EQ(args.hPhysicalMemoryObject != nullptr, NT_SUCCESS(status));
    EXPECT_EQ(args.hAdapterMemoryObject != nullptr, NT_SUCCESS(status));
    return status;
  };
  auto args = create_request(0x4000);
  args.Mdl.HighAddress.QuadPart = 0x7FFFF;
  fails_at_each_mapping(
      1, [&] { return create(args); }, "an MDL to be zeroed");
  s_.destroy(args.hPhysicalMemoryObject, args.hAdapterMemoryObject);
  args.Mdl.Flags = MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS;
  args.Mdl.SkipBytes.QuadPart = 0x1000;
  fails_at_each_mapping(
      4, [&] { return create(args); }, "an MDL of chunks");
  const auto frames = s_.object(args.hPhysicalMemoryObject).page_frames;
  s_.destroy(args.hPhysicalMemoryObject, args.hAdapterMemoryObject);
  args = create_request(0x1000);
  args.Mdl.Flags = MM_DONT_ZERO_ALLOCATION;
  args.Mdl.LowAddress.QuadPart = static_cast<LONGLONG>(frames[0] << 12);
  args.Mdl.HighAddress.QuadPart = args.Mdl.LowAddress.QuadPart + 0xFFF;
  fails_at_each_mapping(
      1, [&] { return create(args); }, "an MDL over what had an owner");
  args = create_request(0x1000, kContiguous);
  args.ContiguousMemory.LowestAcceptableAddress.QuadPart = static_cast<LONGLONG>(frames[1] << 12);
  args.ContiguousMemory.HighestAcceptableAddress.QuadPart = static_cast<LONGLONG>((frames[1] << 12) + 0xFFF);
  fails_at_each_mapping(
      2, [&] { return create(args); }, "contiguous memory");

  auto section = create_request(0x8000, kSection);
  ASSERT_EQ(create(section), STATUS_SUCCESS);
  DXGKARGCB_MAP_PHYSICAL_MEMORY view{};
  const auto map = [&](HANDLE object) {
    view = {object, DXGK_ACCESS_MODE_KERNEL_MODE, 0x1008, 0x2000, &view};
    const NTSTATUS status = s_.table().DxgkCbMapPhysicalMemory(&view);
    if (!NT_SUCCESS(status)) {
      EXPECT_EQ(view.pMappedAddress, nullptr);
      EXPECT_EQ(view.Offset, 0x1008U);
      EXPECT_EQ(view.Size, 0x2000U);
    }
    return status;
  };
  fails_at_each_mapping(
      1, [&] { return map(mdl_.hPhysicalMemoryObject); }, "a view of an MDL");
  const auto adl = [&](HANDLE opened, SIZE_T size) {
    DXGKARGCB_ALLOCATE_ADL request{};
    request.hAdapterMemoryObject = opened;
    request.Size = size;
    request.pAdl = reinterpret_cast<DXGK_ADL*>(1);
    const NTSTATUS status = s_.table().DxgkCbAllocateAdl(&request);
    EXPECT_EQ(request.pAdl != nullptr, NT_SUCCESS(status));
    return status;
  };
  // Pages 0 to 3 come in, and stay when the view goes.
  const auto unmap = [&] {
    const DXGKARGCB_UNMAP_PHYSICAL_MEMORY done{section.hPhysicalMemoryObject, view.pMappedAddress, view.Size};
    s_.table().DxgkCbUnmapPhysicalMemory(&done);
  };
  ASSERT_EQ(map(section.hPhysicalMemoryObject), STATUS_SUCCESS);
  unmap();
  fails_at_each_mapping(
      1, [&] { return map(section.hPhysicalMemoryObject); }, "a view of a section");
  unmap();
  fails_at_each_mapping(
      1, [&] { return adl(section.hAdapterMemoryObject, 0x8000); }, "pages that are there, and fresh ones");
  for (const AdlView& list : s_.object(section.hPhysicalMemoryObject).adls)
    s_.free_adl(section.hAdapterMemoryObject, const_cast<DXGK_ADL*>(list.adl));
  ASSERT_EQ(s_.kernel->trim(2), 2U);
  fails_at_each_mapping(
      2, [&] { return adl(section.hAdapterMemoryObject, 0x8000); },
      "pages that are there, and two of the page file");
  auto io = create_request(0x800000, kIoSpace);
  io.IOSpace.BaseAddress.QuadPart = 0xC000'0000;
  ASSERT_EQ(create(io), STATUS_SUCCESS);
  fails_at_each_mapping(
      1, [&] { return adl(io.hAdapterMemoryObject, 600 << 12); }, "numbers that need a table");
}

TEST_F(FailureTest, AfterAllOfItTheSystemStillStops) {
  test::covers("R96", "R138");
  adl_fails(STATUS_INVALID_PARAMETER, mdl_.hAdapterMemoryObject, 0, 0x9000, 0, "range");
  for (const AdlView& adl : s_.object(mdl_.hPhysicalMemoryObject).adls)
    s_.free_adl(mdl_.hAdapterMemoryObject, const_cast<DXGK_ADL*>(adl.adl));
  s_.destroy(mdl_.hPhysicalMemoryObject, mdl_.hAdapterMemoryObject);
  EXPECT_EQ(s_.kernel->stop(), STATUS_SUCCESS);
  EXPECT_EQ(s_.kernel->live_handles(), 0U);
  s_.kernel->unload();
}

}  // namespace
}  // namespace gpudmar::dxgkrnl
