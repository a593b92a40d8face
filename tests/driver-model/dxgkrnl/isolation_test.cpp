// SPDX-License-Identifier: Apache-2.0
// 1:1 isolation and off: order of the switch-over, identity, reference counts, permissions, failure paths.
#include <gmock/gmock.h>

#include <functional>
#include <set>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "driver-model/hw/regs/vtd_regs.h"
#include "driver-model/vtd/error.h"
#include "tests/driver-model/dxgkrnl/scripted_miniport.h"
#include "tests/support/covers.h"

namespace gpudmar::dxgkrnl {
namespace {

namespace r = regs::vtd;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::uint16_t kGpu0 = 0x0100;
constexpr std::uint16_t kGpu1 = 0x0200;

KernelConfig isolation() {
  KernelConfig config;
  config.isolation = true;
  return config;
}

// All memory is visible, so the policy decides.
struct IsolatedSystem : System {
  explicit IsolatedSystem(test::ModelMachine::Options options = {}, const KernelConfig& config = isolation())
      : System(std::move(options), config) {
    script.memory_caps.HighestVisibleAddress.QuadPart = -1;
  }
  [[nodiscard]] bool reads(std::uint16_t device, std::uint64_t page) {
    return machine.dma_read(device, page << hw::kPageShift).has_value();
  }
  [[nodiscard]] const vtd::Domain& domain() { return *kernel->remapping_unit()->domains().front(); }
  [[nodiscard]] bool translation_on() {
    return r::GSTS::TES.get(machine.iommu.read32(r::GSTS::kOffset)) != 0;
  }
};

TEST(Isolation, AttachComesAfterStartDeviceUnderExclusiveAccess) {
  test::covers("R1", "R8", "R15", "R180", "R182", "R186");
  IsolatedSystem s;
  int ends = 0;
  s.script.on_begin = [&](std::size_t) {
    EXPECT_EQ(s.kernel->remapping_unit()->domain_count(), 1U) << "made at initialisation";
    EXPECT_TRUE(s.domain().devices().empty());
  };
  s.script.on_end = [&](std::size_t) {
    ++ends;
    EXPECT_THAT(s.domain().devices(), ElementsAre(kGpu0, kGpu1));
  };
  ASSERT_EQ(s.start(), STATUS_SUCCESS) << s.kernel->start_error();
  EXPECT_THAT(
      s.script.calls,
      ElementsAre("AddDevice 0", "LinkDevice 0", "AddDevice 1", "LinkDevice 1", "QueryAdapterInfo 34",
                  "QueryAdapterInfo 35", "QueryAdapterInfo 1", "StartDevice 1", "StartDevice 0",
                  "QueryAdapterInfo 15", "QueryAdapterInfo 21", "QueryAdapterInfo 15", "QueryAdapterInfo 21",
                  "QueryAdapterInfo 22", "QueryAdapterInfo 22", "BeginExclusiveAccess 1",
                  "BeginExclusiveAccess 0", "EndExclusiveAccess 0", "EndExclusiveAccess 1"));
  EXPECT_EQ(ends, 2);
  EXPECT_EQ(s.kernel->adapters()[0].mode, RemappingMode::kIsolation);
  EXPECT_THAT(s.kernel->adapters()[0].source_ids, ElementsAre(kGpu0, kGpu1));
  EXPECT_EQ(s.kernel->stop(), STATUS_SUCCESS);
  EXPECT_FALSE(s.translation_on());
}

TEST(Isolation, WhatWasAllocatedBeforeIsMappedOneToOneAtTheSwitch) {
  test::covers("R135", "R180", "R184", "G1", "G8", "G12");
  IsolatedSystem s;
  DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT early{};
  DXGK_ADL* adl = nullptr;
  s.script.on_start = [&](std::size_t index, const DXGKRNL_INTERFACE&) {
    if (index != 0) return;
    early = s.create(0x8000);
    adl = s.allocate_adl(early.hAdapterMemoryObject, 0, 0x8000);
    EXPECT_TRUE(s.reads(kGpu0, adl->Pages[0])) << "the boot configuration: an identity path";
    EXPECT_TRUE(s.reads(kGpu1, 0x12345));
  };
  ASSERT_EQ(s.start(), STATUS_SUCCESS) << s.kernel->start_error();
  const auto view = s.object(early.hPhysicalMemoryObject);
  std::set<std::uint64_t> frames(view.page_frames.begin(), view.page_frames.end());
  for (UINT32 i = 0; i < 8; ++i) {
    EXPECT_EQ(adl->Pages[i], view.page_frames[i]);
    for (const std::uint16_t gpu : {kGpu0, kGpu1}) {
      const std::uint64_t value = 0x1000U * gpu + i;
      EXPECT_TRUE(s.machine.dma_write(gpu, (adl->Pages[i] << 12) + 8, value));
      EXPECT_EQ(s.machine.memory.load64((view.page_frames[i] << 12) + 8), value);
      for (const std::uint64_t beside : {adl->Pages[i] - 1, adl->Pages[i] + 1})
        EXPECT_EQ(s.reads(gpu, beside), frames.count(beside) != 0);
    }
  }
  EXPECT_EQ(s.domain().mapped_logical_pages(), std::vector<std::uint64_t>(frames.begin(), frames.end()));
  EXPECT_EQ(s.kernel->adapters()[0].logical_pages_used, 8U);
  s.free_adl(early.hAdapterMemoryObject, adl);
  for (const std::uint64_t frame : frames) EXPECT_FALSE(s.reads(kGpu1, frame));
  s.destroy(early.hPhysicalMemoryObject, early.hAdapterMemoryObject);
  EXPECT_EQ(s.kernel->stop(), STATUS_SUCCESS);
}

TEST(Isolation, OverlappingAdlsKeepWhatTheOtherHolds) {
  test::covers("R135", "R140", "R142", "G4", "G8");
  IsolatedSystem s;
  ASSERT_EQ(s.start(), STATUS_SUCCESS);
  // 4 MiB and a half, so that large leaves come into being and have to give way.
  const SIZE_T size = 0x480'000;
  const auto args = s.create(size, DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY);
  const auto frames = s.object(args.hPhysicalMemoryObject).page_frames;
  const std::uint64_t tables = s.domain().table_pages();
  DXGK_ADL* whole = s.allocate_adl(args.hAdapterMemoryObject, 0, size, kRequireContiguous);
  EXPECT_EQ(whole->BasePageNumber, frames[0]);
  // The second begins in the middle of a large leaf.
  DXGK_ADL* part = s.allocate_adl(args.hAdapterMemoryObject, 0x101'000, 0x200'000);
  EXPECT_EQ(part->Pages[0], frames[0x101]);
  const auto check = [&](auto&& expected) {
    for (std::size_t i = 0; i < frames.size(); i += 7)
      ASSERT_EQ(s.reads(i % 2 == 0 ? kGpu0 : kGpu1, frames[i]), expected(i)) << "page " << i;
  };
  check([](std::size_t) { return true; });
  s.free_adl(args.hAdapterMemoryObject, whole);
  check([](std::size_t i) { return i >= 0x101 && i < 0x301; });
  whole = s.allocate_adl(args.hAdapterMemoryObject, 0, size, kRequireContiguous);
  s.free_adl(args.hAdapterMemoryObject, part);
  check([](std::size_t) { return true; });
  s.free_adl(args.hAdapterMemoryObject, whole);
  check([](std::size_t) { return false; });
  EXPECT_EQ(s.domain().mapped_pages(), 0U);
  EXPECT_EQ(s.domain().table_pages(), tables) << "no table is left behind";
  s.destroy(args.hPhysicalMemoryObject, args.hAdapterMemoryObject);
  EXPECT_EQ(s.kernel->stop(), STATUS_SUCCESS);
}

// The space alone: permissions of ranges that share pages.
struct SpaceFixture {
  SpaceFixture() {
    unit = std::make_unique<vtd::RemappingUnit>(machine.iommu, machine.time, machine.interrupts, pages,
                                                vtd::RemappingUnit::Config{2000, 46});
    space = DmaSpace::isolated(machine.time, *unit, pages.highest_address(), {});
    space->attach({kGpu0});
  }
  std::pair<bool, bool> allowed(std::uint64_t page) {
    return {machine.dma_read(kGpu0, page << 12).has_value(), machine.dma_write(kGpu0, page << 12, 1)};
  }
  test::ModelMachine machine;
  mm::PageAllocator pages{machine.memory, machine.time};
  std::unique_ptr<vtd::RemappingUnit> unit;
  std::unique_ptr<DmaSpace> space;
};

TEST(Isolation, APageHasTheUnionOfItsRangesPermissions) {
  test::covers("R135", "R140", "G10");
  SpaceFixture f;
  const auto read_only = f.space->map({0x1000, 0x1001}, Contiguity::kAny, {true, false, false});
  ASSERT_TRUE(read_only);
  EXPECT_EQ(f.allowed(0x1000), std::pair(true, false)) << "and it is cached now";
  const auto both = f.space->map({0x1001, 0x1002}, Contiguity::kAny, {true, true, false});
  EXPECT_EQ(f.allowed(0x1000), std::pair(true, false));
  EXPECT_EQ(f.allowed(0x1001), std::pair(true, true));
  const auto write_only = f.space->map({0x1000}, Contiguity::kAny, {false, true, false});
  EXPECT_EQ(f.allowed(0x1000), std::pair(true, true));
  f.space->unmap(*both);
  EXPECT_EQ(f.allowed(0x1001), std::pair(true, false)) << "narrower, and invalidated";
  EXPECT_EQ(f.allowed(0x1002), std::pair(false, false));
  f.space->unmap(*read_only);
  EXPECT_EQ(f.allowed(0x1000), std::pair(false, true));
  f.space->unmap(*write_only);
  EXPECT_EQ(f.space->domain()->mapped_pages(), 0U);
  EXPECT_EQ(f.space->domain()->table_pages(), 1U);
}

TEST(Isolation, APageTwiceInOneRangeCountsTwice) {
  SpaceFixture f;
  const auto aliased = f.space->map({0x1000, 0x1000}, Contiguity::kAny, {});
  const auto once = f.space->map({0x1000}, Contiguity::kAny, {});
  f.space->unmap(*aliased);
  EXPECT_EQ(f.allowed(0x1000), std::pair(true, true));
  f.space->unmap(*once);
  EXPECT_EQ(f.allowed(0x1000), std::pair(false, false));
}

TEST(Isolation, SeveralRangesLeaveAtTheCostOfOneWait) {
  SpaceFixture f;
  const auto a = f.space->map({0x1000, 0x1001, 0x1002}, Contiguity::kAny, {});
  const auto b = f.space->map({0x1002, 0x1003}, Contiguity::kAny, {});
  const auto c = f.space->map({0x5000, 0x1003}, Contiguity::kAny, {true, false, false});
  const auto waits = f.unit->queue().counters().wait;
  f.space->unmap({&*a, &*b});
  EXPECT_EQ(f.unit->queue().counters().wait, waits + 1);
  EXPECT_EQ(f.allowed(0x1002), std::pair(false, false));
  EXPECT_EQ(f.allowed(0x1003), std::pair(true, false));
  f.space->unmap(*c);
}

TEST(Isolation, FreeingAPartOfALargePageNeedsNoMemory) {
  test::covers("R142", "G5");
  SpaceFixture f;
  std::vector<mm::Pfn> large(512);
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = 0x10'0000 + i;
  const auto whole = f.space->map(large, Contiguity::kAny, {});
  const auto part = f.space->map({large[5]}, Contiguity::kAny, {});
  ASSERT_TRUE(whole && part);
  const auto rest = f.pages.allocate(f.pages.free_pages(), {0, ~0ULL}, false, mm::Placement::kAscending);
  ASSERT_TRUE(rest);
  f.space->unmap(*whole);
  EXPECT_EQ(f.allowed(large[4]), std::pair(false, false));
  EXPECT_EQ(f.allowed(large[5]), std::pair(true, true));
  f.space->unmap(*part);
  f.pages.free(*rest);
}

TEST(Isolation, FailedMapLeavesTheTablesAsTheyWere) {
  test::covers("G20");
  SpaceFixture f;
  // One large leaf, held by a read-only range.
  std::vector<mm::Pfn> large(512);
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = 0x10'0000 + i;
  const auto range = f.space->map(large, Contiguity::kAny, {true, false, false});
  ASSERT_TRUE(range);
  EXPECT_EQ(f.space->domain()->lookup(large[5])->page_shift, 21U);
  const auto rest = f.pages.allocate(f.pages.free_pages(), {0, ~0ULL}, false, mm::Placement::kAscending);
  ASSERT_TRUE(rest);
  const auto tables = f.space->domain()->table_pages();
  const auto mapped = f.space->domain()->mapped_logical_pages();
  EXPECT_FALSE(f.space->map({large[5], large[6]}, Contiguity::kAny, {})) << "the split needs a table";
  EXPECT_FALSE(f.space->map({0x7'0000}, Contiguity::kAny, {})) << "so does a new page";
  EXPECT_FALSE(f.space->map({0xFEE00}, Contiguity::kAny, {})) << "and the interrupt window is left out";
  EXPECT_EQ(f.space->domain()->table_pages(), tables);
  EXPECT_EQ(f.space->domain()->mapped_logical_pages(), mapped);
  EXPECT_EQ(f.allowed(large[5]), std::pair(true, false));
  EXPECT_EQ(f.space->pages_used(), 512U);
  // One page for the split, none for the new page: what was split stays, the translation does not change.
  f.pages.free({rest->back()});
  EXPECT_FALSE(f.space->map({large[5], 0x7'0000'0000}, Contiguity::kAny, {}));
  EXPECT_EQ(f.allowed(large[5]), std::pair(true, false));
  EXPECT_EQ(f.space->domain()->mapped_logical_pages(), mapped);
  f.space->unmap(*range);
  EXPECT_EQ(f.space->domain()->table_pages(), 1U);
}

std::pair<std::uint32_t, std::uint64_t> bugcheck_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const wdk::BugCheck& bugcheck) {
    return {bugcheck.code(), bugcheck.parameter(0)};
  }
  return {};
}

TEST(Isolation, OnlyPhysicalModeBecomesIsolation) {
  test::covers("R25");
  SpaceFixture f;
  EXPECT_EQ(bugcheck_of([&] { f.space->isolate(*f.unit, f.pages.highest_address(), {}, {}); }),
            std::pair(0x1E4U, std::uint64_t{0x2}));
}

TEST(Isolation, IsNotTakenBackFromDevicesThatHaveIt) {
  test::covers("R25");
  SpaceFixture f;
  EXPECT_EQ(bugcheck_of([&] { f.space->leave_isolation(); }), std::pair(0x1E4U, std::uint64_t{0x3}));
  EXPECT_EQ(f.space->mode(), RemappingMode::kIsolation);
  f.space->detach();
  f.space->leave_isolation();
  EXPECT_EQ(f.space->mode(), RemappingMode::kPhysical);
  EXPECT_EQ(bugcheck_of([&] { f.space->leave_isolation(); }), std::pair(0x1E4U, std::uint64_t{0x3}))
      << "it is not isolated any more";
}

TEST(Isolation, APageThatNobodyWasGivenDoesNotOutliveTheDomain) {
  test::covers("R96");
  SpaceFixture f;
  const auto range = f.space->map({0x1000}, Contiguity::kAny, {});
  ASSERT_TRUE(range);
  EXPECT_EQ(bugcheck_of([&] { f.space->close(); }), std::pair(0x1E4U, std::uint64_t{0x8}));
  f.space->unmap(*range);
  const_cast<vtd::Domain*>(f.space->domain())->map({0x77}, {0x77}, {});
  EXPECT_EQ(bugcheck_of([&] { f.space->close(); }), std::pair(0x1E4U, std::uint64_t{0x9}));
}

TEST(Logical, NumbersKeepThePhaseOfContiguousMemory) {
  test::covers("R134", "G2", "G7", "G9");
  test::ModelMachine machine;
  mm::PageAllocator pages(machine.memory, machine.time);
  vtd::RemappingUnit unit(machine.iommu, machine.time, machine.interrupts, pages,
                          vtd::RemappingUnit::Config{2000, 46});
  DmaSpace space(machine.time, unit, (1ULL << 40) - 1, {}, {});
  // Two stray pages, then 5 MiB from an odd page on.
  std::vector<mm::Pfn> frames{0x77, 0x33};
  for (std::uint64_t i = 0; i < 1280; ++i) frames.push_back((1ULL << 28) + 0x1F5 + i);
  for (const Contiguity contiguity : {Contiguity::kPrefer, Contiguity::kAny}) {
    const auto range = space.map(frames, contiguity, {});
    ASSERT_TRUE(range);
    EXPECT_EQ(range->contiguous, contiguity == Contiguity::kPrefer);
    unsigned large = 0;
    for (std::size_t i = 0; i < frames.size(); ++i) {
      const auto found = space.domain()->lookup(range->pages[i]);
      ASSERT_EQ(found->pfn, frames[i]);
      large += found->page_shift == 21 ? 1 : 0;
    }
    EXPECT_EQ(large, 1024U);
    space.unmap(*range);
  }
  EXPECT_EQ(space.domain()->table_pages(), 1U);
  EXPECT_EQ(space.pages_used(), 0U);
  space.close();
}

TEST(Isolation, TheInterruptWindowIsLeftOut) {
  test::covers("R148", "G23");
  SpaceFixture f;
  for (const mm::Pfn page : {0xFEE00, 0xFEE77, 0xFEEFF})
    EXPECT_FALSE(f.space->map({0xFEDFF, page}, Contiguity::kAny, {})) << page;
  EXPECT_EQ(f.space->domain()->mapped_pages(), 0U);
  EXPECT_TRUE(f.space->map({0xFEDFF, 0xFEF00}, Contiguity::kAny, {}));
}

TEST(Isolation, ADriverWithoutExclusiveAccessDoesNotStart) {
  test::covers("R13", "R180");
  IsolatedSystem s;
  s.script.exclusive_access = false;
  EXPECT_EQ(s.start(), STATUS_NOT_SUPPORTED);
  EXPECT_THAT(s.kernel->start_error(), HasSubstr("exclusive"));
  EXPECT_THAT(s.script.calls, Contains("StopDevice 0"));
  EXPECT_FALSE(s.translation_on());
}

TEST(Isolation, ARefusedBeginEndsWhatHadBegun) {
  test::covers("R185");
  IsolatedSystem s;
  s.script.status["BeginExclusiveAccess 0"] = STATUS_IO_TIMEOUT;
  EXPECT_EQ(s.start(), STATUS_IO_TIMEOUT);
  EXPECT_THAT(s.script.calls, Contains("EndExclusiveAccess 1"));
  EXPECT_THAT(s.script.calls, Not(Contains("EndExclusiveAccess 0")));
  EXPECT_FALSE(s.translation_on());
  s.script.status.clear();
  EXPECT_EQ(s.kernel->start(), STATUS_SUCCESS) << "nothing is left of the failed start";
}

// The unit's queue dies at the second member's switch-over.
struct FailingAttach {
  explicit FailingAttach(System& system, unsigned tail_writes) : left(tail_writes) {
    system.machine.iommu.on_write = [this](std::uint64_t offset, std::uint64_t) {
      return offset != r::IQT::kOffset || left-- > 0;
    };
  }
  int left;
};

TEST(Isolation, RequiredIsolationThatCanNotBeAttachedStopsTheStart) {
  test::covers("R13");
  KernelConfig config;
  config.isolation_may_fail = true;  // not for what the driver requires
  IsolatedSystem s({}, config);
  s.script.iommu_caps.IommuIsolationRequired = 1;
  s.script.driver_caps.MemoryManagementCaps.IoMmuSecureModeRequired = 1;
  std::unique_ptr<FailingAttach> fault;
  s.script.on_begin = [&](std::size_t index) {
    if (index == 0) fault = std::make_unique<FailingAttach>(s, 0);
  };
  s.script.on_end = [&](std::size_t) {
    // The failed switch left the entry as it was: pass-through.
    EXPECT_EQ(s.kernel->remapping_unit()->context_entry(kGpu0)[0], 0x9U);
    s.machine.iommu.on_write = nullptr;
  };
  EXPECT_EQ(s.start(), STATUS_NOT_SUPPORTED);
  EXPECT_THAT(s.kernel->start_error(), HasSubstr("isolation"));
  EXPECT_THAT(s.script.calls, Contains("StopDevice 0"));
}

TEST(Isolation, WhereItMayFailTheAdapterStartsWithoutIt) {
  test::covers("R8");
  KernelConfig config = isolation();
  config.isolation_may_fail = true;
  IsolatedSystem s({}, config);
  DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT early{};
  DXGK_ADL* adl = nullptr;
  s.script.on_start = [&](std::size_t index, const DXGKRNL_INTERFACE&) {
    if (index != 0) return;
    early = s.create(0x1000);
    adl = s.allocate_adl(early.hAdapterMemoryObject, 0, 0x1000);
  };
  s.script.status["BeginExclusiveAccess 0"] = STATUS_IO_TIMEOUT;
  ASSERT_EQ(s.start(), STATUS_SUCCESS) << s.kernel->start_error();
  EXPECT_EQ(s.kernel->adapters()[0].mode, RemappingMode::kPhysical);
  EXPECT_TRUE(s.reads(kGpu0, 0x4321)) << "everything is reachable, as without a unit";
  s.free_adl(early.hAdapterMemoryObject, adl);
  s.destroy(early.hPhysicalMemoryObject, early.hAdapterMemoryObject);
  EXPECT_EQ(s.kernel->stop(), STATUS_SUCCESS);
}

TEST(Isolation, WithoutPassThroughTheDomainComesBeforeStartDevice) {
  test::covers("R187", "G1");
  test::ModelMachine::Options options;
  options.unit.pt = false;
  IsolatedSystem s(options);
  s.script.on_start = [&](std::size_t, const DXGKRNL_INTERFACE&) {
    EXPECT_FALSE(s.reads(kGpu0, 0x4321));
    EXPECT_EQ(s.domain().devices().size(), 2U);
  };
  ASSERT_EQ(s.start(), STATUS_SUCCESS) << s.kernel->start_error();
  EXPECT_THAT(s.script.calls, Not(Contains("BeginExclusiveAccess 0")));
  EXPECT_EQ(s.kernel->stop(), STATUS_SUCCESS);
}

TEST(Isolation, MemoryBeyondTheUnitsWidthCanNotBeIsolated) {
  test::covers("R13");
  test::ModelMachine::Options options;
  options.unit.sagaw = 0b00010;  // 39 bits, and RAM lies above 1 TiB
  options.unit.mgaw = 39;
  IsolatedSystem s(options);
  EXPECT_EQ(s.start(), STATUS_NOT_SUPPORTED);
  EXPECT_THAT(s.kernel->start_error(), HasSubstr("input width"));
}

TEST(Isolation, OneLinkIsolatedBesideOneThatIsNot) {
  test::covers("G13", "R149");
  KernelConfig config;
  IsolatedSystem s({}, config);
  s.script.link = [](std::size_t index, LINKED_DEVICE& link) { link = {static_cast<ULONG>(index), 1, TRUE}; };
  // The first link sees everything and runs physically when the second needs logical mode.
  int asked = 0;
  s.script.on_query = [&](int type) {
    if (type == DXGKQAITYPE_PHYSICAL_MEMORY_CAPS && asked++ == 1)
      s.script.memory_caps.HighestVisibleAddress.QuadPart = (1LL << 40) - 1;
  };
  s.script.on_start = [&](std::size_t index, const DXGKRNL_INTERFACE&) {
    if (index == 1) {
      EXPECT_TRUE(s.reads(kGpu0, 0x4321)) << "still runs";
    }
  };
  ASSERT_EQ(s.start(), STATUS_SUCCESS) << s.kernel->start_error();
  EXPECT_EQ(s.kernel->adapters()[0].mode, RemappingMode::kPhysical);
  EXPECT_EQ(s.kernel->adapters()[1].mode, RemappingMode::kLogical);
  EXPECT_TRUE(s.reads(kGpu0, 0x4321));
  EXPECT_FALSE(s.reads(kGpu1, 0x4321));
  EXPECT_EQ(s.kernel->stop(), STATUS_SUCCESS);
}

TEST(Off, TheUnitIsNotTouched) {
  test::covers("R8", "R17", "R135");
  for (const bool iommu : {true, false}) {
    test::ModelMachine::Options options;
    options.iommu = iommu;
    IsolatedSystem s(options, {});
    bool touched = false;
    s.machine.iommu.on_write = [&](std::uint64_t, std::uint64_t) { return touched = true; };
    ASSERT_EQ(s.start(), STATUS_SUCCESS);
    const auto args = s.create(0x2000);
    DXGK_ADL* adl = s.allocate_adl(args.hAdapterMemoryObject, 0, 0x2000);
    EXPECT_EQ(adl->Pages[1], s.object(args.hPhysicalMemoryObject).page_frames[1]);
    EXPECT_TRUE(s.reads(kGpu0, adl->Pages[1]));
    EXPECT_TRUE(s.reads(kGpu0, adl->Pages[1] + 1)) << "nothing limits the device";
    s.free_adl(args.hAdapterMemoryObject, adl);
    s.destroy(args.hPhysicalMemoryObject, args.hAdapterMemoryObject);
    EXPECT_EQ(s.kernel->stop(), STATUS_SUCCESS);
    EXPECT_FALSE(touched);
    EXPECT_EQ(s.kernel->adapters().size(), 0U);
  }
}

TEST(LateDriverCaps, AContradictionStopsWhatWasStarted) {
  test::covers("R9", "R10", "R11", "R12");
  KernelConfig config;
  config.late_driver_caps = true;
  System s({}, config);
  s.script.driver_caps.MemoryManagementCaps.MapAperture2Supported = 0;
  EXPECT_EQ(s.start(), STATUS_NOT_SUPPORTED);
  EXPECT_THAT(s.script.calls,
              ElementsAre("AddDevice 0", "LinkDevice 0", "AddDevice 1", "LinkDevice 1", "QueryAdapterInfo 34",
                          "QueryAdapterInfo 35", "QueryAdapterInfo 22", "QueryAdapterInfo 22",
                          "StartDevice 1", "StartDevice 0", "QueryAdapterInfo 1", "StopDevice 0",
                          "StopDevice 1", "RemoveDevice 1", "RemoveDevice 0"));
  s.script.driver_caps.MemoryManagementCaps.MapAperture2Supported = 1;
  s.script.driver_caps.MemoryManagementCaps.IoMmuSecureModeRequired = 1;
  EXPECT_EQ(s.kernel->start(), STATUS_INVALID_PARAMETER);
  s.script.driver_caps.MemoryManagementCaps.IoMmuSecureModeRequired = 0;
  EXPECT_EQ(s.kernel->start(), STATUS_SUCCESS) << s.kernel->start_error();
  EXPECT_EQ(s.kernel->adapters()[0].mode, RemappingMode::kLogical);
}

TEST(Reattach, NumbersStayValid) {
  test::covers("R147", "R180");
  for (const bool logical : {true, false}) {
    KernelConfig config = isolation();
    config.force_logical = logical;
    IsolatedSystem s({}, config);
    ASSERT_EQ(s.start(), STATUS_SUCCESS);
    const auto args = s.create(0x4000);
    DXGK_ADL* adl = s.allocate_adl(args.hAdapterMemoryObject, 0, 0x4000);
    const std::vector<std::uint64_t> before(adl->Pages, adl->Pages + 4);
    const auto frames = s.object(args.hPhysicalMemoryObject).page_frames;
    s.script.calls.clear();
    EXPECT_EQ(s.kernel->reattach(), STATUS_SUCCESS);
    EXPECT_THAT(s.script.calls, ElementsAre("BeginExclusiveAccess 1", "BeginExclusiveAccess 0",
                                            "EndExclusiveAccess 0", "EndExclusiveAccess 1"));
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(adl->Pages[i], before[i]);
      ASSERT_TRUE(s.machine.dma_write(kGpu1, adl->Pages[i] << 12, 77 + i));
      EXPECT_EQ(s.machine.memory.load64(frames[i] << 12), 77 + i);
    }
  }
}

TEST(Reattach, AFailureStopsTheSystem) {
  test::covers("R147");
  System s;
  ASSERT_EQ(s.start(), STATUS_SUCCESS);
  FailingAttach fault(s, 1);
  EXPECT_EQ(bugcheck_of([&] { (void)s.kernel->reattach(); }), std::pair(0x1E4U, std::uint64_t{0xA}));
  s.machine.iommu.on_write = nullptr;
}

}  // namespace
}  // namespace gpudmar::dxgkrnl
