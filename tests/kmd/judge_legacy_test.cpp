// SPDX-License-Identifier: Apache-2.0
// The judge's rules of the 2.4 callbacks, of frame-buffer save and of paging buffers: kept by a good sequence
// of calls, broken by one wrong call.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sim/kmd/judge.h"
#include "tests/support/covers.h"

namespace {

using gpudmar::sim::kmd::Judge;
using gpudmar::test::covers;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

HANDLE handle(std::uintptr_t value) { return reinterpret_cast<HANDLE>(value); }

const HANDLE kLead = handle(0x10);
const HANDLE kOther = handle(0x18);
const HANDLE kMemory = handle(0x20);

struct JudgeLegacyTest : ::testing::Test {
  JudgeLegacyTest() {
    mdl()->MdlFlags = MDL_PAGES_LOCKED;
    mdl()->ByteCount = 2 * PAGE_SIZE;
    storage[sizeof(MDL) / 8] = 100;
    storage[sizeof(MDL) / 8 + 1] = 200;
    adl.PageCount = 2;
    adl.Flags.Contiguous = 1;
    adl.BasePageNumber = 300;
  }
  Judge::Hooks hooks() {
    Judge::Hooks h;
    h.broken = [this](const std::string& rule, const std::string&) { broken.push_back(rule); };
    h.broken_at = [this](const std::string& rule, const std::string&, std::size_t call) {
      broken.push_back(rule + " at " + std::to_string(call));
    };
    h.here = [this] { return remembered++; };
    h.loan = [this](const char* kind, std::uint64_t, std::uint64_t, bool begins) {
      loans[kind] += begins ? 1 : -1;
    };
    h.freed = [this](unsigned, const std::vector<std::uint64_t>& pages) { freed += pages.size(); };
    h.link_of = [](HANDLE adapter) { return adapter == kLead ? std::optional<unsigned>(0) : std::nullopt; };
    h.is_lead = [](HANDLE adapter) { return adapter == kLead; };
    h.function_of = [](HANDLE adapter) {
      return adapter == kLead    ? std::optional<int>(0)
             : adapter == kOther ? std::optional<int>(1)
                                 : std::nullopt;
    };
    h.pages_of = [](HANDLE) { return std::vector<std::uint64_t>{50, 51}; };
    h.irql = [this] { return irql; };
    h.thread = [] { return std::uint64_t{1}; };
    return h;
  }
  template <typename Args>
  void call(const char* name, const Args& args, NTSTATUS status = STATUS_SUCCESS, HANDLE adapter = kLead) {
    judge.begins(name, &args, adapter);
    judge.ends(name, &args, status, false, adapter);
  }
  PMDL mdl() { return reinterpret_cast<PMDL>(storage.data()); }
  void contiguous(const std::function<void(DXGKARGCB_ALLOCATECONTIGUOUSMEMORY&)>& change = {}) {
    DXGKARGCB_ALLOCATECONTIGUOUSMEMORY args{};
    args.NumberOfBytes = 2 * PAGE_SIZE;
    args.HighestAcceptableAddress.QuadPart = -1;
    args.hMemoryHandle = kMemory;
    if (change) change(args);
    call("DxgkCbAllocateContiguousMemory", args);
  }
  void pages(const std::function<void(DXGKARGCB_ALLOCATEPAGESFORMDL&)>& change = {}) {
    DXGKARGCB_ALLOCATEPAGESFORMDL args{};
    args.TotalBytes = 2 * PAGE_SIZE;
    args.hMemoryHandle = kMemory;
    args.pMdl = mdl();
    if (change) change(args);
    call("DxgkCbAllocatePagesForMdl", args);
  }
  void free_contiguous(HANDLE memory, NTSTATUS status = STATUS_SUCCESS) {
    call("DxgkCbFreeContiguousMemory", DXGKARGCB_FREECONTIGUOUSMEMORY{memory}, status);
  }
  void map_mdl(PMDL which, NTSTATUS status = STATUS_SUCCESS) {
    call("DxgkCbMapMdlToIoMmu", DXGKARGCB_MAPMDLTOIOMMU{which, kMemory}, status);
  }
  void unmap_mdl() { call("DxgkCbUnmapMdlFromIoMmu", DXGKARGCB_UNMAPMDLFROMIOMMU{kMemory}); }
  void pin2(SIZE_T size, UINT flags = 0, NTSTATUS status = STATUS_SUCCESS) {
    DXGKARGCB_PINFRAMEBUFFERFORSAVE2 args{};
    args.CommitSize = size;
    args.Flags.Value = flags;
    args.pAdl = &adl;
    call("DxgkCbPinFrameBufferForSave2", args, status);
  }
  void unpin(HANDLE adapter = kLead) {
    call("DxgkCbUnpinFrameBufferForSave", DXGKARGCB_UNPINFRAMEBUFFERFORSAVE{0}, STATUS_SUCCESS, adapter);
  }
  // Of one or more pages; the view shows the buffer.
  void map_view(SIZE_T offset, SIZE_T size, NTSTATUS status = STATUS_SUCCESS) {
    call("DxgkCbMapFrameBufferPointer", DXGKARGCB_MAPFRAMEBUFFERPOINTER{0, size, offset, buffer.data()},
         status);
  }
  void unmap_view() {
    call("DxgkCbUnmapFrameBufferPointer", DXGKARGCB_UNMAPFRAMEBUFFERPOINTER{0, buffer.data()});
  }
  void power(const std::function<void()>& routine) {
    judge.begins("DxgkDdiSetPowerState", nullptr, nullptr, 0);
    routine();
    judge.ends("DxgkDdiSetPowerState", nullptr, STATUS_SUCCESS, false, nullptr, 0);
  }
  void build(SIZE_T written, NTSTATUS status, UINT passes = 0) {
    DXGKARG_BUILDPAGINGBUFFER args{};
    args.pDmaBuffer = buffer.data();
    args.DmaSize = static_cast<UINT>(buffer.size());
    judge.begins("DxgkDdiBuildPagingBuffer", &args);
    args.pDmaBuffer = buffer.data() + written;
    args.MultipassOffset += passes;
    judge.ends("DxgkDdiBuildPagingBuffer", &args, status, false);
  }

  std::vector<std::string> broken;
  std::map<std::string, int> loans;
  std::size_t freed = 0;
  std::size_t remembered = 0;
  unsigned irql = PASSIVE_LEVEL;
  std::vector<std::uint64_t> storage = std::vector<std::uint64_t>(sizeof(MDL) / 8 + 2);
  DXGK_ADL adl{};
  std::vector<UCHAR> buffer = std::vector<UCHAR>(2 * PAGE_SIZE);
  Judge judge{hooks()};
};

TEST_F(JudgeLegacyTest, AGoodLifeBreaksNothingAndLeavesNothing) {
  covers("R227");
  contiguous();
  EXPECT_TRUE(judge.is_live(0, 51));
  EXPECT_EQ(judge.left().reachable, 2U);
  EXPECT_EQ(loans["2.4 memory"], 1);
  free_contiguous(kMemory);
  EXPECT_FALSE(judge.is_live(0, 51));
  pages();
  EXPECT_TRUE(judge.is_live(0, 200));
  call("DxgkCbFreePagesFromMdl", DXGKARGCB_FREEPAGESFROMMDL{kMemory});
  map_mdl(mdl());
  EXPECT_TRUE(judge.is_live(0, 100));
  unmap_mdl();
  EXPECT_FALSE(judge.is_live(0, 100));
  pin2(2 * PAGE_SIZE, 1);
  EXPECT_TRUE(judge.is_live(0, 301));
  EXPECT_EQ(judge.left().reachable, 2U);
  unpin();
  EXPECT_FALSE(judge.is_live(0, 301));
  const DXGKARGCB_PINFRAMEBUFFERFORSAVE first{0, 2 * PAGE_SIZE, mdl()};
  call("DxgkCbPinFrameBufferForSave", first);
  EXPECT_TRUE(judge.is_live(0, 100));
  unpin();
  map_view(PAGE_SIZE, PAGE_SIZE);
  unmap_view();
  build(64, STATUS_SUCCESS);
  build(0, STATUS_GRAPHICS_ALLOCATION_BUSY);
  build(buffer.size(), STATUS_GRAPHICS_INSUFFICIENT_DMA_BUFFER, 3);
  EXPECT_THAT(broken, IsEmpty());
  EXPECT_EQ(freed, 10U);
  EXPECT_EQ(judge.left().reachable, 0U);
  for (const auto& [kind, count] : loans) EXPECT_EQ(count, 0) << kind;
  for (const char* rule :
       {"R28",  "R29",  "R171", "R172", "R201", "R202", "R204", "R205", "R206", "R207", "R209",
        "R210", "R220", "R221", "R222", "R223", "R224", "R26",  "R27",  "E8",   "E17"})
    EXPECT_GT(judge.kept()[rule], 0U) << rule;
}

TEST_F(JudgeLegacyTest, AnotherHandleThanTheLeads) {
  covers("R210", "E17");
  call("DxgkCbMapMdlToIoMmu", DXGKARGCB_MAPMDLTOIOMMU{mdl(), nullptr}, STATUS_INVALID_PARAMETER, kOther);
  EXPECT_THAT(broken, ElementsAre("E17"));
  broken.clear();
  pin2(PAGE_SIZE);
  unpin(kOther);
  EXPECT_THAT(broken, ElementsAre("R210"));
}

TEST_F(JudgeLegacyTest, LevelsAndArguments) {
  covers("R28", "R29");
  irql = DISPATCH_LEVEL;
  judge.begins("DxgkCbMapMdlToIoMmu", nullptr, kLead);
  judge.ends("DxgkCbMapMdlToIoMmu", nullptr, STATUS_INVALID_PARAMETER, false, kLead);
  EXPECT_THAT(broken, ElementsAre("R28", "R29"));
}

TEST_F(JudgeLegacyTest, WhatIsAskedFor) {
  covers("R220", "R221");
  contiguous([](auto& args) { args.NumberOfBytes = 0; });
  contiguous([](auto& args) { args.BoundaryAddressMultiple.QuadPart = 0x3000; });
  contiguous([](auto& args) {
    args.HighestAcceptableAddress.QuadPart = -2, args.LowestAcceptableAddress.QuadPart = -1;
  });
  pages([](auto& args) { args.TotalBytes = 0; });
  pages([](auto& args) { args.TotalBytes = 4ULL << 30; });
  pages([](auto& args) { args.SkipBytes.QuadPart = 100; });
  EXPECT_THAT(broken, ElementsAre("R221", "R221", "R221", "R220", "R220", "R220"));
}

TEST_F(JudgeLegacyTest, AnMdlHoldsItsPagesAndKeepsThem) {
  covers("R222");
  map_mdl(nullptr, STATUS_INVALID_PARAMETER);
  EXPECT_THAT(broken, ElementsAre("R222"));
  mdl()->MdlFlags = 0;
  map_mdl(mdl(), STATUS_INVALID_PARAMETER);
  EXPECT_THAT(broken, ElementsAre("R222", "R222"));
  broken.clear();
  mdl()->MdlFlags = MDL_IO_SPACE;
  map_mdl(mdl());
  storage.back() = 201;
  unmap_mdl();
  EXPECT_THAT(broken, ElementsAre("R222"));
}

TEST_F(JudgeLegacyTest, EachIsTakenBackByItsOwn) {
  covers("R223", "R224");
  pages();
  free_contiguous(kMemory, STATUS_INVALID_HANDLE);
  EXPECT_THAT(broken, ElementsAre("R223"));
  EXPECT_TRUE(judge.is_live(0, 100)) << "nothing was freed";
  broken.clear();
  call("DxgkCbFreePagesFromMdl", DXGKARGCB_FREEPAGESFROMMDL{kMemory});
  EXPECT_THAT(broken, IsEmpty());
  call("DxgkCbFreePagesFromMdl", DXGKARGCB_FREEPAGESFROMMDL{kMemory}, STATUS_INVALID_HANDLE);
  EXPECT_THAT(broken, ElementsAre("R224"));
}

TEST_F(JudgeLegacyTest, WhatLogicalRemappingDoesNotHave) {
  covers("R26", "R27");
  map_mdl(mdl(), STATUS_NOT_SUPPORTED);
  EXPECT_FALSE(judge.is_live(0, 100));
  const DXGKARGCB_PINFRAMEBUFFERFORSAVE first{0, PAGE_SIZE, nullptr};
  call("DxgkCbPinFrameBufferForSave", first, STATUS_NOT_SUPPORTED);
  EXPECT_THAT(broken, ElementsAre("R26", "R27"));
}

TEST_F(JudgeLegacyTest, SaveAreas) {
  covers("R201", "R202", "R204", "R205", "R207", "R209");
  pin2(100, 0, STATUS_INVALID_PARAMETER);
  pin2(PAGE_SIZE, 2, STATUS_INVALID_PARAMETER);
  unpin();
  pin2(PAGE_SIZE);
  pin2(PAGE_SIZE, 0, STATUS_INVALID_DEVICE_STATE);
  call("DxgkCbMapFrameBufferPointer", DXGKARGCB_MAPFRAMEBUFFERPOINTER{0, PAGE_SIZE, 12, nullptr},
       STATUS_INVALID_PARAMETER);
  call("DxgkCbUnmapFrameBufferPointer", DXGKARGCB_UNMAPFRAMEBUFFERPOINTER{0, &adl}, STATUS_NOT_MAPPED_VIEW);
  EXPECT_THAT(broken, ElementsAre("R201", "R202", "R204", "R205", "R207", "R209"));
}

TEST_F(JudgeLegacyTest, SaveAreasAreAsLargeAsTheDriverSaid) {
  covers("R201", "R207", "R212");
  DXGK_FRAMEBUFFERSAVEAREA area{2 * PAGE_SIZE};
  DXGKARG_QUERYADAPTERINFO query{};
  query.Type = DXGKQAITYPE_FRAMEBUFFERSAVESIZE;
  query.pOutputData = &area;
  query.OutputDataSize = sizeof(area);
  query.InputDataSize = sizeof(UINT);
  for (UINT index : {0U, 1U}) {
    query.pInputData = &index;
    judge.begins("DxgkDdiQueryAdapterInfo", &query, nullptr, 0);
    judge.ends("DxgkDdiQueryAdapterInfo", &query, index == 0 ? STATUS_SUCCESS : STATUS_NOT_SUPPORTED, false,
               nullptr, 0);
  }
  pin2(2 * PAGE_SIZE);
  unpin();
  map_view(PAGE_SIZE, PAGE_SIZE);
  EXPECT_THAT(broken, IsEmpty());
  pin2(3 * PAGE_SIZE, 0, STATUS_INVALID_PARAMETER);
  map_view(PAGE_SIZE, 2 * PAGE_SIZE, STATUS_INVALID_PARAMETER);
  map_view(~SIZE_T{0} - PAGE_SIZE + 1, PAGE_SIZE, STATUS_INVALID_PARAMETER);
  for (const UINT index : {1U, 2U}) {  // no area; no such adapter
    DXGKARGCB_PINFRAMEBUFFERFORSAVE2 args{};
    args.PhysicalAdapterIndex = index;
    args.CommitSize = PAGE_SIZE;
    call("DxgkCbPinFrameBufferForSave2", args, STATUS_INVALID_PARAMETER);
  }
  EXPECT_THAT(broken, ElementsAre("R201", "R207", "R207", "R201", "R201"));
}

TEST_F(JudgeLegacyTest, DataBeginsAtTheOffset) {
  covers("R206");
  map_view(PAGE_SIZE, PAGE_SIZE);
  buffer[PAGE_SIZE] = 1;
  unmap_view();
  EXPECT_THAT(broken, IsEmpty());
  map_view(PAGE_SIZE, PAGE_SIZE);
  buffer[100] = 1;
  unmap_view();
  EXPECT_THAT(broken, ElementsAre("R206"));
  broken.clear();
  map_view(PAGE_SIZE, PAGE_SIZE);
  pin2(2 * PAGE_SIZE);
  buffer[100] = 2;
  unmap_view();
  EXPECT_THAT(broken, IsEmpty()) << "that may have been the device";
  map_view(PAGE_SIZE, PAGE_SIZE);
  buffer[100] = 3;
  unmap_view();
  EXPECT_THAT(broken, IsEmpty()) << "still pinned";
}

TEST_F(JudgeLegacyTest, TheAdlOfAPinIsNotChanged) {
  covers("R141");
  pin2(PAGE_SIZE);
  unpin();
  EXPECT_THAT(broken, IsEmpty());
  EXPECT_EQ(judge.kept().at("R141"), 1u);
  remembered = 7;
  pin2(PAGE_SIZE);
  ++adl.PageCount;
  judge.run_ends();
  EXPECT_THAT(broken, ElementsAre("R141 at 7"));
  broken.clear();
  unpin();
  EXPECT_THAT(broken, ElementsAre("R141"));
}

TEST_F(JudgeLegacyTest, WithoutMemoryForAPinThereArePieces) {
  covers("R203");
  power([&] { pin2(PAGE_SIZE, 0, STATUS_INSUFFICIENT_RESOURCES); });
  EXPECT_THAT(broken, ElementsAre("R203 at 0"));
  broken.clear();
  power([&] { pin2(PAGE_SIZE, 0, STATUS_INVALID_PARAMETER); });
  EXPECT_THAT(broken, IsEmpty());
  for (const bool again : {false, true})
    power([&] {
      pin2(PAGE_SIZE, 0, STATUS_INSUFFICIENT_RESOURCES);
      if (again)
        pin2(PAGE_SIZE);
      else
        map_view(0, PAGE_SIZE);
    });
  EXPECT_THAT(broken, IsEmpty());
}

TEST_F(JudgeLegacyTest, WithoutMemoryForAPageTheTransferIsCancelled) {
  covers("R208");
  const auto fails = STATUS_INSUFFICIENT_RESOURCES;
  power([&] {
    map_view(0, 2 * PAGE_SIZE, fails);
    map_view(0, PAGE_SIZE, fails);
  });
  power([&] { map_view(0, PAGE_SIZE); });
  EXPECT_THAT(broken, IsEmpty());
  EXPECT_EQ(judge.kept()["R208"], 1U);
  power([&] {
    map_view(0, PAGE_SIZE, fails);
    map_view(PAGE_SIZE, PAGE_SIZE, fails);
  });
  EXPECT_THAT(broken, ElementsAre("R208"));
}

TEST_F(JudgeLegacyTest, PagingBuffers) {
  covers("R171", "R172", "E8");
  build(0, STATUS_NO_MEMORY);
  EXPECT_THAT(broken, ElementsAre("R172"));
  broken.clear();
  build(buffer.size() + 1, STATUS_SUCCESS);
  EXPECT_THAT(broken, ElementsAre("E8"));
  broken.clear();
  build(0, STATUS_GRAPHICS_INSUFFICIENT_DMA_BUFFER);
  EXPECT_THAT(broken, ElementsAre("R171"));
  broken.clear();
  build(0, STATUS_GRAPHICS_INSUFFICIENT_DMA_BUFFER, 1);
  EXPECT_THAT(broken, IsEmpty()) << "it came further without the GPU";
}

}  // namespace
