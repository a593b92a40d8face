// SPDX-License-Identifier: Apache-2.0
// The memory callbacks of WDDM 2.4: 1:1 isolation, nothing translated, and logical mode, where they are of no
// use.
#include <gmock/gmock.h>

#include <cstring>
#include <optional>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "tests/driver-model/dxgkrnl/modes.h"
#include "tests/support/covers.h"

namespace gpudmar::dxgkrnl {
namespace {

using Code = std::pair<std::uint32_t, std::uint64_t>;
using ::testing::Each;

constexpr SIZE_T kMaxMdlBytes = (4ULL << 30) - PAGE_SIZE;

class Legacy : public ::testing::TestWithParam<RemappingMode> {
 protected:
  void SetUp() override { ASSERT_EQ(s_.start(), STATUS_SUCCESS) << s_.kernel->start_error(); }
  [[nodiscard]] static bool isolated() { return GetParam() == RemappingMode::kIsolation; }
  /// Both GPUs reach exactly these pages, as far as anything limits them.
  void expect_reach(const std::vector<mm::Pfn>& pages, bool reach) {
    for (const mm::Pfn page : pages)
      for (const std::uint16_t gpu : {kGpu0, kGpu1})
        EXPECT_EQ(s_.reads(gpu, page), reach || !isolated()) << page;
  }
  ModeSystem s_{GetParam()};
};

TEST_P(Legacy, PagesForAnMdlAreMappedOneToOneForTheirLifetime) {
  test::covers("R220", "R225", "G8", "G12");
  const auto args = s_.pages_for_mdl(0x5000);
  ASSERT_NE(args.pMdl, nullptr);
  EXPECT_EQ(MmGetMdlByteCount(args.pMdl), 0x5000U);
  EXPECT_EQ(MmGetMdlByteOffset(args.pMdl), 0U);
  EXPECT_NE(args.pMdl->MdlFlags & MDL_PAGES_LOCKED, 0);
  EXPECT_EQ(args.pMdl->Size, static_cast<CSHORT>(sizeof(MDL) + 5 * sizeof(PFN_NUMBER)));
  const std::vector<mm::Pfn> pages = pages_of(args.pMdl);
  ASSERT_EQ(pages.size(), 5U);
  for (const mm::Pfn page : pages) {
    EXPECT_GE(s_.kernel->pages().state(page)->locks, 1U);
    EXPECT_EQ(s_.machine.memory.load64(page << 12), 0U) << "zeroed";
  }
  EXPECT_TRUE(s_.machine.dma_write(kGpu1, pages[3] << 12, 0x77));
  EXPECT_EQ(s_.machine.memory.load64(pages[3] << 12), 0x77U);
  expect_reach(pages, true);
  EXPECT_EQ(s_.free_pages(args.hMemoryHandle), STATUS_SUCCESS);
  expect_reach(pages, false);
  for (const mm::Pfn page : pages) EXPECT_FALSE(s_.kernel->pages().state(page));
  EXPECT_EQ(s_.free_pages(args.hMemoryHandle), STATUS_INVALID_HANDLE) << "once";
  EXPECT_EQ(s_.kernel->stop(), STATUS_SUCCESS);
}

TEST_P(Legacy, PagesForAnMdlAreNeverFewer) {
  test::covers("R220");
  (void)s_.pages_for_mdl(kMaxMdlBytes + 1, STATUS_INVALID_PARAMETER);
  (void)s_.pages_for_mdl(0, STATUS_INVALID_PARAMETER);
  (void)s_.pages_for_mdl(0x1000, STATUS_INVALID_PARAMETER, MM_ALLOCATE_AND_HOT_REMOVE);
  DXGKARGCB_ALLOCATEPAGESFORMDL args{};
  args.HighAddress.QuadPart = 0x3FFF;  // four pages, of which some are free
  args.TotalBytes = 0x5000;
  args.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
  const auto free = s_.kernel->pages().free_pages();
  EXPECT_EQ(s_.table().DxgkCbAllocatePagesForMdl(s_.adapter(), &args), STATUS_NO_MEMORY);
  EXPECT_EQ(args.pMdl, nullptr);
  EXPECT_EQ(args.hMemoryHandle, nullptr);
  args.SkipBytes.QuadPart = 0x1000;
  EXPECT_EQ(s_.table().DxgkCbAllocatePagesForMdl(s_.adapter(), &args), STATUS_SUCCESS) << "the next window";
  EXPECT_EQ(pages_of(args.pMdl).size(), 5U);
  EXPECT_EQ(s_.free_pages(args.hMemoryHandle), STATUS_SUCCESS);
  EXPECT_EQ(s_.kernel->pages().free_pages(), free);
}

TEST_P(Legacy, ContiguousMemoryIsMappedForTheCpuAndOneToOne) {
  test::covers("R221", "R70", "G8");
  DXGKARGCB_ALLOCATECONTIGUOUSMEMORY args{};
  args.NumberOfBytes = 0x3000;
  args.LowestAcceptableAddress.QuadPart = 0x10'F000;
  args.HighestAcceptableAddress.QuadPart = 0x1F'FFFF;
  args.BoundaryAddressMultiple.QuadPart = 0x1'0000;
  args.CacheType = DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED;
  ASSERT_EQ(s_.table().DxgkCbAllocateContiguousMemory(s_.adapter(), &args), STATUS_SUCCESS);
  const auto views = s_.kernel->objects();
  ASSERT_EQ(views.size(), 1U);
  EXPECT_EQ(views[0].origin, Origin::kContiguousMemory);
  const std::vector<mm::Pfn> pages = views[0].page_frames;
  EXPECT_THAT(pages, ::testing::ElementsAre(0x110, 0x111, 0x112)) << "the first run that keeps all limits";
  auto* words = static_cast<volatile std::uint64_t*>(args.pMemory);
  words[0x2000 / 8] = 0x1234;
  EXPECT_EQ(s_.machine.dma_read(kGpu0, 0x11'2000), 0x1234U);
  EXPECT_TRUE(s_.machine.dma_write(kGpu1, 0x11'1008, 0x55));
  EXPECT_EQ(words[0x1008 / 8], 0x55U);
  expect_reach(pages, true);
  const auto mappings = s_.machine.memory.mappings();
  EXPECT_EQ(s_.free_contiguous(args.hMemoryHandle), STATUS_SUCCESS);
  EXPECT_LT(s_.machine.memory.mappings(), mappings) << "the view goes with it";
  expect_reach(pages, false);
  EXPECT_FALSE(s_.kernel->pages().state(pages[0]));
}

TEST_P(Legacy, ContiguousMemoryHasTheLimitsOfTheRawCall) {
  test::covers("R221", "R71", "R72", "R49");
  const auto fails = [&](NTSTATUS status,
                         const std::function<void(DXGKARGCB_ALLOCATECONTIGUOUSMEMORY&)>& change) {
    DXGKARGCB_ALLOCATECONTIGUOUSMEMORY args{};
    args.NumberOfBytes = 0x2000;
    args.HighestAcceptableAddress.QuadPart = -1;
    args.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
    args.hMemoryHandle = args.pMemory = &args;
    change(args);
    EXPECT_EQ(s_.table().DxgkCbAllocateContiguousMemory(s_.adapter(), &args), status);
    EXPECT_EQ(args.hMemoryHandle, nullptr);
    EXPECT_EQ(args.pMemory, nullptr);
  };
  fails(STATUS_INVALID_PARAMETER, [](auto& a) { a.NumberOfBytes = 0; });
  fails(STATUS_INVALID_PARAMETER, [](auto& a) { a.BoundaryAddressMultiple.QuadPart = 0x3000; });
  fails(STATUS_INVALID_PARAMETER, [](auto& a) { a.BoundaryAddressMultiple.QuadPart = 0x1000; });
  fails(STATUS_INVALID_PARAMETER, [](auto& a) {
    a.LowestAcceptableAddress.QuadPart = 0x2000;
    a.HighestAcceptableAddress.QuadPart = 0x1000;
  });
  fails(STATUS_INVALID_PARAMETER, [](auto& a) { a.CacheType = static_cast<DXGK_MEMORY_CACHING_TYPE>(3); });
  fails(STATUS_INSUFFICIENT_RESOURCES, [](auto& a) { a.HighestAcceptableAddress.QuadPart = 0x1FFE; });
  EXPECT_EQ(s_.kernel->objects().size(), 0U);
}

TEST_P(Legacy, AnMdlOfTheDriversIsMappedAsLongAsItWants) {
  test::covers("R222", "G8");
  // The pages are those of another MDL: they have an owner, and are locked.
  const auto owner = s_.pages_for_mdl(0x4000);
  const std::vector<mm::Pfn> pages = pages_of(owner.pMdl);
  std::vector<std::uint64_t> storage(sizeof(MDL) / 8 + 2);
  auto* mdl = reinterpret_cast<PMDL>(storage.data());
  mdl->MdlFlags = MDL_PAGES_LOCKED;
  mdl->StartVa = reinterpret_cast<PVOID>(0x7000);
  mdl->ByteOffset = 0x800;
  mdl->ByteCount = 0x1000;  // two pages, since it begins in the middle of the first
  MmGetMdlPfnArray(mdl)[0] = pages[1];
  MmGetMdlPfnArray(mdl)[1] = pages[3];
  const HANDLE handle = s_.map_mdl(mdl);
  ASSERT_NE(handle, nullptr);
  EXPECT_EQ(s_.kernel->pages().state(pages[1])->devices, 2U);
  expect_reach(pages, true);
  // Its end is not the owner's, and the other way round.
  s_.unmap_mdl(handle);
  expect_reach(pages, true);
  const HANDLE again = s_.map_mdl(mdl);
  EXPECT_NE(again, handle);
  EXPECT_EQ(bugcheck_of([&] { (void)s_.free_pages(owner.hMemoryHandle); }), Code(0x1E4, 5))
      << "memory goes while the device reaches it";
}

TEST_P(Legacy, AnMdlOfIoSpaceReachesThePeer) {
  test::covers("R222", "G19");
  std::vector<std::uint64_t> storage(sizeof(MDL) / 8 + 1);
  auto* mdl = reinterpret_cast<PMDL>(storage.data());
  mdl->MdlFlags = MDL_IO_SPACE;
  mdl->ByteCount = 0x1000;
  const mm::Pfn peer = s_.machine.memory.device_memory().front().base >> 12;
  MmGetMdlPfnArray(mdl)[0] = peer;
  const HANDLE handle = s_.map_mdl(mdl);
  EXPECT_TRUE(s_.machine.dma_write(kGpu0, peer << 12, 0x99));
  s_.unmap_mdl(handle);
  expect_reach({peer}, false);
  MmGetMdlPfnArray(mdl)[0] = 0x100;  // RAM is no I/O space
  EXPECT_EQ(s_.map_mdl(mdl, STATUS_INVALID_PARAMETER), nullptr);
}

TEST_P(Legacy, AnMdlWithoutValidPagesIsRefused) {
  test::covers("R222");
  EXPECT_EQ(s_.map_mdl(nullptr, STATUS_INVALID_PARAMETER), nullptr);
  std::vector<std::uint64_t> storage(sizeof(MDL) / 8 + 1);
  auto* mdl = reinterpret_cast<PMDL>(storage.data());
  mdl->MdlFlags = MDL_PAGES_LOCKED;
  EXPECT_EQ(s_.map_mdl(mdl, STATUS_INVALID_PARAMETER), nullptr) << "no pages";
  mdl->ByteCount = 0x1000;
  MmGetMdlPfnArray(mdl)[0] = 0xC0000;  // no RAM
  EXPECT_EQ(s_.map_mdl(mdl, STATUS_INVALID_PARAMETER), nullptr);
  DXGKARGCB_MAPMDLTOIOMMU args{mdl, nullptr};
  const auto maps = [&] { (void)s_.table().DxgkCbMapMdlToIoMmu(s_.adapter(), &args); };
  MmGetMdlPfnArray(mdl)[0] = 0x100;  // RAM, but nobody's
  EXPECT_EQ(bugcheck_of(maps), Code(0x1A, 0x1236));
  // A section's page that nobody has locked may go at any time.
  const auto section = s_.create(0x1000, DXGK_PHYSICAL_MEMORY_TYPE_SECTION);
  s_.free_adl(section.hAdapterMemoryObject, s_.allocate_adl(section.hAdapterMemoryObject, 0, 0x1000));
  MmGetMdlPfnArray(mdl)[0] = s_.object(section.hPhysicalMemoryObject).page_frames[0];
  EXPECT_EQ(bugcheck_of(maps), Code(0x1A, 0x1236));
  const auto owner = s_.pages_for_mdl(0x1000);
  MmGetMdlPfnArray(mdl)[0] = pages_of(owner.pMdl)[0];
  mdl->MdlFlags = 0;
  EXPECT_EQ(bugcheck_of(maps), Code(0x1A, 0x1236)) << "it says itself that nothing is locked";
}

TEST_P(Legacy, AnMdlMustNotChangeWhileItIsMapped) {
  test::covers("R222");
  const auto a = s_.pages_for_mdl(0x2000);
  const HANDLE handle = s_.map_mdl(a.pMdl);
  std::swap(MmGetMdlPfnArray(a.pMdl)[0], MmGetMdlPfnArray(a.pMdl)[1]);
  EXPECT_EQ(bugcheck_of([&] { s_.unmap_mdl(handle); }), Code(0x113, 0));
  std::swap(MmGetMdlPfnArray(a.pMdl)[0], MmGetMdlPfnArray(a.pMdl)[1]);
  s_.unmap_mdl(handle);
  EXPECT_EQ(s_.free_pages(a.hMemoryHandle), STATUS_SUCCESS);
}

TEST_P(Legacy, EachHandleIsForItsOwnCall) {
  test::covers("R223", "R224");
  const auto memory = s_.contiguous(0x1000);
  const auto pages = s_.pages_for_mdl(0x1000);
  const HANDLE mapped = s_.map_mdl(pages.pMdl);
  const auto object = s_.create(0x1000);
  const std::vector<HANDLE> all{nullptr,
                                reinterpret_cast<HANDLE>(0x1234),
                                s_.adapter(),
                                memory.hMemoryHandle,
                                pages.hMemoryHandle,
                                mapped,
                                object.hPhysicalMemoryObject,
                                object.hAdapterMemoryObject};
  for (const HANDLE handle : all) {
    if (handle != memory.hMemoryHandle) {
      EXPECT_EQ(s_.free_contiguous(handle), STATUS_INVALID_HANDLE);
    }
    if (handle != pages.hMemoryHandle) {
      EXPECT_EQ(s_.free_pages(handle), STATUS_INVALID_HANDLE);
    }
    if (handle != mapped) {
      EXPECT_EQ(bugcheck_of([&] { s_.unmap_mdl(handle); }), Code(0x113, 0));
    }
  }
  // The 2.9 family does not know them.
  for (const HANDLE handle : {memory.hMemoryHandle, pages.hMemoryHandle, mapped}) {
    DXGKARGCB_ALLOCATE_ADL adl{};
    adl.hAdapterMemoryObject = handle;
    adl.Size = 0x1000;
    EXPECT_EQ(s_.table().DxgkCbAllocateAdl(&adl), STATUS_OBJECT_TYPE_MISMATCH);
    DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT open{handle, s_.adapter(), nullptr};
    EXPECT_EQ(s_.table().DxgkCbOpenPhysicalMemoryObject(&open), STATUS_OBJECT_TYPE_MISMATCH);
    EXPECT_EQ(bugcheck_of([&] { s_.destroy(handle, nullptr); }), Code(0x113, 0));
  }
  s_.unmap_mdl(mapped);
  EXPECT_EQ(s_.free_pages(pages.hMemoryHandle), STATUS_SUCCESS);
  EXPECT_EQ(s_.free_contiguous(memory.hMemoryHandle), STATUS_SUCCESS);
  s_.destroy(object.hPhysicalMemoryObject, object.hAdapterMemoryObject);
  EXPECT_EQ(s_.kernel->stop(), STATUS_SUCCESS);
}

TEST_P(Legacy, OnlyTheLeadsHandleWillDo) {
  test::covers("R210", "R223");
  const auto mine = s_.pages_for_mdl(0x1000);
  for (const HANDLE wrong : {HANDLE{nullptr}, s_.adapter(1), mine.hMemoryHandle}) {
    DXGKARGCB_ALLOCATECONTIGUOUSMEMORY memory{};
    memory.NumberOfBytes = 0x1000;
    memory.hMemoryHandle = memory.pMemory = &memory;
    EXPECT_EQ(s_.table().DxgkCbAllocateContiguousMemory(wrong, &memory), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(memory.hMemoryHandle, nullptr);
    EXPECT_EQ(memory.pMemory, nullptr);
    DXGKARGCB_ALLOCATEPAGESFORMDL pages{};
    pages.TotalBytes = 0x1000;
    EXPECT_EQ(s_.table().DxgkCbAllocatePagesForMdl(wrong, &pages), STATUS_INVALID_PARAMETER);
    DXGKARGCB_MAPMDLTOIOMMU map{mine.pMdl, nullptr};
    EXPECT_EQ(s_.table().DxgkCbMapMdlToIoMmu(wrong, &map), STATUS_INVALID_PARAMETER);
    const DXGKARGCB_FREEPAGESFROMMDL free{mine.hMemoryHandle};
    EXPECT_EQ(s_.table().DxgkCbFreePagesFromMdl(wrong, &free), STATUS_INVALID_PARAMETER);
    const DXGKARGCB_FREECONTIGUOUSMEMORY release{mine.hMemoryHandle};
    EXPECT_EQ(s_.table().DxgkCbFreeContiguousMemory(wrong, &release), STATUS_INVALID_PARAMETER);
    const DXGKARGCB_UNMAPMDLFROMIOMMU unmap{mine.hMemoryHandle};
    EXPECT_EQ(bugcheck_of([&] { s_.table().DxgkCbUnmapMdlFromIoMmu(wrong, &unmap); }), Code(0x113, 0));
  }
  EXPECT_EQ(s_.free_pages(mine.hMemoryHandle), STATUS_SUCCESS);
}

TEST_P(Legacy, LeaksStopTheSystemWhenTheAdapterGoes) {
  test::covers("R227", "R223");
  for (int kind = 0; kind < 3; ++kind) {
    HANDLE handle = nullptr;
    const auto pages = s_.pages_for_mdl(0x1000);
    if (kind == 0) handle = s_.contiguous(0x1000).hMemoryHandle;
    if (kind == 1) handle = s_.map_mdl(pages.pMdl);
    if (kind < 2) {
      EXPECT_NE(handle, nullptr);
    }
    EXPECT_EQ(bugcheck_of([&] { (void)s_.kernel->stop(); }), Code(0x1E4, 6));
    if (kind == 0) {
      EXPECT_EQ(s_.kernel->memory().objects().size(), 2U);
    }
    s_.kernel.reset();
    s_.kernel = std::make_unique<Kernel>(s_.machine.platform(), ModeSystem::with(GetParam(), {}));
    ASSERT_EQ(s_.start(), STATUS_SUCCESS);
  }
}

TEST_P(Legacy, ArgumentsAndLevelAsForTheOthers) {
  test::covers("R28", "R29");
  const auto& t = s_.table();
  EXPECT_EQ(t.DxgkCbAllocateContiguousMemory(s_.adapter(), nullptr), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(t.DxgkCbFreeContiguousMemory(s_.adapter(), nullptr), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(t.DxgkCbAllocatePagesForMdl(s_.adapter(), nullptr), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(t.DxgkCbFreePagesFromMdl(s_.adapter(), nullptr), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(t.DxgkCbMapMdlToIoMmu(s_.adapter(), nullptr), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(bugcheck_of([&] { t.DxgkCbUnmapMdlFromIoMmu(s_.adapter(), nullptr); }), Code(0x113, 0));
  KIRQL old = PASSIVE_LEVEL;
  KeRaiseIrql(DISPATCH_LEVEL, &old);
  const Code expected(0x113, DISPATCH_LEVEL);
  EXPECT_EQ(bugcheck_of([&] { (void)t.DxgkCbAllocateContiguousMemory(s_.adapter(), nullptr); }), expected);
  EXPECT_EQ(bugcheck_of([&] { (void)t.DxgkCbFreeContiguousMemory(s_.adapter(), nullptr); }), expected);
  EXPECT_EQ(bugcheck_of([&] { (void)t.DxgkCbAllocatePagesForMdl(s_.adapter(), nullptr); }), expected);
  EXPECT_EQ(bugcheck_of([&] { (void)t.DxgkCbFreePagesFromMdl(s_.adapter(), nullptr); }), expected);
  EXPECT_EQ(bugcheck_of([&] { (void)t.DxgkCbMapMdlToIoMmu(s_.adapter(), nullptr); }), expected);
  EXPECT_EQ(bugcheck_of([&] { t.DxgkCbUnmapMdlFromIoMmu(s_.adapter(), nullptr); }), expected);
  KeLowerIrql(old);
}

INSTANTIATE_TEST_SUITE_P(Modes, Legacy,
                         ::testing::Values(RemappingMode::kPhysical, RemappingMode::kIsolation),
                         [](const auto& info) { return name_of_mode(info.param); });

TEST(LegacyLogical, NothingOfItWorks) {
  test::covers("R26", "G20");
  ModeSystem s(RemappingMode::kLogical);
  ASSERT_EQ(s.start(), STATUS_SUCCESS);
  const auto free = s.kernel->pages().free_pages();
  const auto memory = s.contiguous(0x1000, STATUS_NOT_SUPPORTED);
  EXPECT_EQ(memory.hMemoryHandle, nullptr);
  EXPECT_EQ(memory.pMemory, nullptr);
  const auto pages = s.pages_for_mdl(0x1000, STATUS_NOT_SUPPORTED);
  EXPECT_EQ(pages.hMemoryHandle, nullptr);
  EXPECT_EQ(pages.pMdl, nullptr);
  (void)s.pages_for_mdl(0, STATUS_INVALID_PARAMETER);  // the argument comes before the mode
  std::vector<std::uint64_t> storage(sizeof(MDL) / 8 + 1);
  auto* mdl = reinterpret_cast<PMDL>(storage.data());
  mdl->MdlFlags = MDL_PAGES_LOCKED;
  mdl->ByteCount = 0x1000;
  MmGetMdlPfnArray(mdl)[0] = 0x100;
  EXPECT_EQ(s.map_mdl(mdl, STATUS_NOT_SUPPORTED), nullptr);
  EXPECT_EQ(s.kernel->pages().free_pages(), free);
  EXPECT_EQ(s.kernel->adapters()[0].logical_pages_used, 0U);
  EXPECT_EQ(s.kernel->stop(), STATUS_SUCCESS);
}

}  // namespace
}  // namespace gpudmar::dxgkrnl
