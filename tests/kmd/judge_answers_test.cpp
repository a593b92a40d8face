// SPDX-License-Identifier: Apache-2.0
// What a driver answers, and calls that the kernel refuses for what lies elsewhere: RAM, another link,
// another thread.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "sim/kmd/judge.h"
#include "tests/support/covers.h"

namespace {

using gpudmar::sim::kmd::Judge;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

HANDLE handle(std::uintptr_t value) { return reinterpret_cast<HANDLE>(value); }

const HANDLE kAdapter = handle(0x10);
const HANDLE kOther = handle(0x18);  // of link 1
const HANDLE kObject = handle(0x20);
const HANDLE kOpened = handle(0x30);
constexpr std::uint64_t kRamEnd = 0x8000'0000;

struct JudgeAnswersTest : ::testing::Test {
  std::vector<std::string> broken;
  std::uint64_t thread = 1;
  Judge judge{hooks()};

  Judge::Hooks hooks() {
    Judge::Hooks h;
    h.broken = [this](const std::string& rule, const std::string&) { broken.push_back(rule); };
    h.here = [] { return std::size_t{0}; };
    h.loan = [](const char*, std::uint64_t, std::uint64_t, bool) {};
    h.freed = [](unsigned, const std::vector<std::uint64_t>&) {};
    h.link_of = [](HANDLE adapter) {
      return adapter == kAdapter ? std::optional<unsigned>(0)
             : adapter == kOther ? std::optional<unsigned>(1)
                                 : std::nullopt;
    };
    h.is_taken = [](std::uint64_t base, std::uint64_t) { return base < kRamEnd; };
    h.irql = [] { return unsigned{PASSIVE_LEVEL}; };
    h.thread = [this] { return thread; };
    return h;
  }
  template <typename Args>
  std::vector<std::string> call(const char* name, const Args& args, NTSTATUS status = STATUS_SUCCESS,
                                int function = -1) {
    broken.clear();
    judge.begins(name, &args, nullptr, function);
    judge.ends(name, &args, status, false, nullptr, function);
    return broken;
  }
  template <typename Answer>
  std::vector<std::string> answer(DXGK_QUERYADAPTERINFOTYPE type, Answer out,
                                  NTSTATUS status = STATUS_SUCCESS, int function = 0) {
    UINT index = 0;
    DXGKARG_QUERYADAPTERINFO query{};
    query.Type = type;
    query.pInputData = &index;
    query.InputDataSize = sizeof(index);
    query.pOutputData = &out;
    query.OutputDataSize = sizeof(out);
    return call("DxgkDdiQueryAdapterInfo", query, status, function);
  }
  static DXGK_DRIVERCAPS driver(bool supported, bool required = false) {
    DXGK_DRIVERCAPS caps{};
    caps.MemoryManagementCaps.IoMmuSecureModeSupported = supported ? 1 : 0;
    caps.MemoryManagementCaps.IoMmuSecureModeRequired = required ? 1 : 0;
    return caps;
  }
  static DXGK_IOMMU_CAPS iommu(bool supported, bool required = false, bool remapping = false) {
    DXGK_IOMMU_CAPS caps{};
    caps.IommuIsolationSupported = supported ? 1 : 0;
    caps.IommuIsolationRequired = required ? 1 : 0;
    caps.DmaRemappingSupported = remapping ? 1 : 0;
    return caps;
  }
  static DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT object(DXGK_PHYSICAL_MEMORY_TYPE type) {
    DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT args{};
    args.hAdapter = kAdapter;
    args.Size = PAGE_SIZE;
    args.Type = type;
    args.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
    args.hPhysicalMemoryObject = kObject;
    args.hAdapterMemoryObject = kOpened;
    return args;
  }
};

TEST_F(JudgeAnswersTest, CapabilitiesThatHaveToMirrorEachOther) {
  gpudmar::test::covers("R10", "R11");
  EXPECT_THAT(answer(DXGKQAITYPE_IOMMU_CAPS, iommu(true, true)), IsEmpty());
  EXPECT_THAT(answer(DXGKQAITYPE_DRIVERCAPS, driver(true, true)), IsEmpty());
  EXPECT_EQ(judge.kept().at("R10"), 1u);
  EXPECT_THAT(answer(DXGKQAITYPE_DRIVERCAPS, driver(false)), IsEmpty()) << "its counterpart is not known yet";
  EXPECT_THAT(answer(DXGKQAITYPE_IOMMU_CAPS, iommu(true), STATUS_SUCCESS, 1), IsEmpty())
      << "another adapter's";
  EXPECT_THAT(answer(DXGKQAITYPE_IOMMU_CAPS, iommu(true), STATUS_NOT_SUPPORTED), IsEmpty()) << "no answer";
  EXPECT_THAT(answer(DXGKQAITYPE_IOMMU_CAPS, iommu(true)), ElementsAre("R10"));
  EXPECT_THAT(answer(DXGKQAITYPE_IOMMU_CAPS, iommu(true, true)), IsEmpty());
  EXPECT_THAT(answer(DXGKQAITYPE_DRIVERCAPS, driver(true, false)), ElementsAre("R11"));
}

TEST_F(JudgeAnswersTest, CapabilitiesThatNeedEachOther) {
  gpudmar::test::covers("R12", "R14");
  EXPECT_THAT(answer(DXGKQAITYPE_IOMMU_CAPS, iommu(false, true)), ElementsAre("R12"));
  EXPECT_THAT(answer(DXGKQAITYPE_IOMMU_CAPS, iommu(false, false, true)), ElementsAre("R14"));
  EXPECT_THAT(answer(DXGKQAITYPE_IOMMU_CAPS, iommu(false)), IsEmpty());
}

TEST_F(JudgeAnswersTest, SaveSizes) {
  gpudmar::test::covers("R19");
  EXPECT_THAT(answer(DXGKQAITYPE_FRAMEBUFFERSAVESIZE, DXGK_FRAMEBUFFERSAVEAREA{2 * PAGE_SIZE}), IsEmpty());
  EXPECT_THAT(answer(DXGKQAITYPE_FRAMEBUFFERSAVESIZE, DXGK_FRAMEBUFFERSAVEAREA{PAGE_SIZE + 1}),
              ElementsAre("R19"));
  EXPECT_THAT(answer(DXGKQAITYPE_FRAMEBUFFERSAVESIZE, DXGK_FRAMEBUFFERSAVEAREA{1}, STATUS_NOT_SUPPORTED),
              IsEmpty());
}

TEST_F(JudgeAnswersTest, ReservedRanges) {
  gpudmar::test::covers("R22");
  DXGK_PHYSICAL_MEMORY_RANGE ranges[2] = {};
  ranges[0].BaseAddress.QuadPart = kRamEnd;
  ranges[0].NumberOfBytes.QuadPart = PAGE_SIZE;  // the second one is empty
  const auto ask = [&](DXGK_PHYSICAL_MEMORY_RANGE* list) {
    return answer(DXGKQAITYPE_HARDWARERESERVEDRANGES, DXGK_HARDWARERESERVEDRANGES{2, list});
  };
  EXPECT_THAT(ask(nullptr), IsEmpty());
  EXPECT_THAT(ask(ranges), IsEmpty());
  ranges[0].BaseAddress.QuadPart -= PAGE_SIZE;
  EXPECT_THAT(ask(ranges), ElementsAre("R22"));
}

TEST_F(JudgeAnswersTest, AllocationsForTheCpuInAnAperture) {
  gpudmar::test::covers("R168");
  DXGK_ALLOCATIONINFO info{};
  DXGKARG_CREATEALLOCATION args{};
  args.NumAllocations = 1;
  args.pAllocationInfo = &info;
  const auto create = [&](NTSTATUS status = STATUS_SUCCESS) {
    return call("DxgkDdiCreateAllocation", args, status);
  };
  EXPECT_THAT(create(), IsEmpty());
  info.FlagsWddm2.MapApertureCpuVisible = 1;
  info.FlagsWddm2.AccessedPhysically = 1;
  EXPECT_THAT(create(), ElementsAre("R168")) << "MapAperture2Supported";
  EXPECT_THAT(create(STATUS_NO_MEMORY), IsEmpty());
  DXGK_DRIVERCAPS caps{};
  caps.MemoryManagementCaps.MapAperture2Supported = 1;
  (void)answer(DXGKQAITYPE_DRIVERCAPS, caps);
  EXPECT_THAT(create(), IsEmpty());
  info.FlagsWddm2.AccessedPhysically = 0;
  EXPECT_THAT(create(), ElementsAre("R168"));
}

TEST_F(JudgeAnswersTest, IoSpaceOverRam) {
  gpudmar::test::covers("R59");
  auto args = object(DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE);
  args.IOSpace.BaseAddress.QuadPart = kRamEnd;
  EXPECT_THAT(call("DxgkCbCreatePhysicalMemoryObject", args), IsEmpty());
  args.IOSpace.BaseAddress.QuadPart = kRamEnd - PAGE_SIZE;
  EXPECT_THAT(call("DxgkCbCreatePhysicalMemoryObject", args, STATUS_CONFLICTING_ADDRESSES),
              ElementsAre("R59"));
}

TEST_F(JudgeAnswersTest, OpenOnAnotherLink) {
  gpudmar::test::covers("R81", "R82");
  (void)call("DxgkCbCreatePhysicalMemoryObject", object(DXGK_PHYSICAL_MEMORY_TYPE_MDL));
  DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT open{};
  open.hPhysicalMemoryObject = kObject;
  open.hAdapter = kAdapter;
  EXPECT_THAT(call("DxgkCbOpenPhysicalMemoryObject", open, STATUS_INVALID_PARAMETER), ElementsAre("R81"));
  open.hAdapter = kOther;
  EXPECT_THAT(call("DxgkCbOpenPhysicalMemoryObject", open, STATUS_NOT_SUPPORTED), ElementsAre("R82"));
}

TEST_F(JudgeAnswersTest, ViewsThatASectionDoesNotAllow) {
  gpudmar::test::covers("R114");
  const auto maps = [this](ULONG protection, ACCESS_MASK access) {
    auto create = object(DXGK_PHYSICAL_MEMORY_TYPE_SECTION);
    create.Section.PageProtection = protection;
    create.Section.DesiredAccess = access;
    EXPECT_THAT(call("DxgkCbCreatePhysicalMemoryObject", create), IsEmpty());
    DXGKARGCB_MAP_PHYSICAL_MEMORY map{};
    map.hPhysicalMemoryObject = kObject;
    map.AccessMode = DXGK_ACCESS_MODE_KERNEL_MODE;
    map.Size = PAGE_SIZE;
    return call("DxgkCbMapPhysicalMemory", map, STATUS_ACCESS_DENIED);
  };
  EXPECT_THAT(maps(PAGE_READWRITE, SECTION_MAP_READ | SECTION_MAP_WRITE), IsEmpty());
  EXPECT_THAT(maps(PAGE_READONLY, SECTION_MAP_READ), IsEmpty());
  EXPECT_THAT(maps(PAGE_WRITECOPY, SECTION_MAP_READ), IsEmpty());
  EXPECT_THAT(maps(PAGE_READWRITE, SECTION_MAP_READ), ElementsAre("R114"));
  EXPECT_THAT(maps(PAGE_EXECUTE, SECTION_MAP_READ), ElementsAre("R114"));
  EXPECT_THAT(maps(PAGE_READONLY, SECTION_MAP_WRITE), ElementsAre("R114"));
}

// Both calls began while the ADL was alive.
TEST_F(JudgeAnswersTest, TwoThreadsFreeOneAdl) {
  gpudmar::test::covers("R143");
  DXGK_PAGE_NUMBER number = 100;
  DXGK_ADL adl{};
  adl.PageCount = 1;
  adl.Pages = &number;
  (void)call("DxgkCbCreatePhysicalMemoryObject", object(DXGK_PHYSICAL_MEMORY_TYPE_MDL));
  DXGKARGCB_ALLOCATE_ADL allocate{};
  allocate.hAdapterMemoryObject = kOpened;
  allocate.Size = PAGE_SIZE;
  allocate.pAdl = &adl;
  EXPECT_THAT(call("DxgkCbAllocateAdl", allocate), IsEmpty());
  const DXGKARGCB_FREE_ADL free{kOpened, &adl};
  judge.begins("DxgkCbFreeAdl", &free);
  thread = 2;
  judge.begins("DxgkCbFreeAdl", &free);
  thread = 1;
  judge.ends("DxgkCbFreeAdl", &free, STATUS_SUCCESS, false);
  EXPECT_THAT(broken, IsEmpty());
  thread = 2;
  judge.ends("DxgkCbFreeAdl", &free, STATUS_SUCCESS, true);
  EXPECT_THAT(broken, ElementsAre("R143"));
}

TEST_F(JudgeAnswersTest, WhatIsRefusedWithoutARule) {
  auto args = object(DXGK_PHYSICAL_MEMORY_TYPE_MDL);
  EXPECT_THAT(call("DxgkCbCreatePhysicalMemoryObject", args, STATUS_INVALID_PARAMETER),
              ElementsAre("wdk.arguments"));
  EXPECT_THAT(call("DxgkCbCreatePhysicalMemoryObject", args, STATUS_NO_MEMORY), IsEmpty());
  args.Size = 0;
  EXPECT_THAT(call("DxgkCbCreatePhysicalMemoryObject", args, STATUS_INVALID_PARAMETER), ElementsAre("R46"));
}

}  // namespace
