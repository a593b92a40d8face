// SPDX-License-Identifier: Apache-2.0
// Memory that firmware keeps for the devices: an identity in every mode that translates, from before the
// first attachment on, whatever is allocated, freed, attached or detached.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "driver-model/vtd/error.h"
#include "tests/driver-model/dxgkrnl/scripted_miniport.h"
#include "tests/support/covers.h"

namespace gpudmar::dxgkrnl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kIoSpace = DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE;
constexpr std::uint16_t kGpu0 = 0x0100;
constexpr std::uint16_t kGpu1 = 0x0200;
// Where the allocator of logical numbers would begin: RAM lies above.
constexpr hw::MemoryRange kLow{0x4000, 0x6000};
constexpr mm::Pfn kLowFirst = kLow.base >> hw::kPageShift;
constexpr std::uint64_t kLowPages = kLow.size >> hw::kPageShift;
constexpr hw::MemoryRange kLarge{0xC000'0000, 4ULL << 20};  // room for large leaves

constexpr std::uint64_t kUnitPages = 2;  // root table and queue, which a unit keeps after its stop

enum class Mode { kLogical, kShuffled, kIsolation };

class Reserved : public ::testing::TestWithParam<Mode> {
 protected:
  static test::ModelMachine::Options machine(std::vector<hw::ReservedRegion> reserved) {
    test::ModelMachine::Options options;
    options.ram = {{1ULL << 32, 16ULL << 20}};
    options.device_memory = {kLow, kLarge};
    options.reserved = std::move(reserved);
    return options;
  }
  static KernelConfig config(Mode mode) {
    KernelConfig config;
    config.force_logical = mode != Mode::kIsolation;
    config.shuffle_logical = mode == Mode::kShuffled;
    config.isolation = mode == Mode::kIsolation;
    return config;
  }
  [[nodiscard]] static bool isolation() { return GetParam() == Mode::kIsolation; }
  /// Reads and writes of the device at the page's own address reach that page.
  void identity(System& s, std::uint16_t device, mm::Pfn page, std::uint64_t value) {
    const hw::PhysAddr address = page << hw::kPageShift;
    EXPECT_TRUE(s.machine.dma_write(device, address + 16, value)) << page;
    EXPECT_EQ(s.machine.memory.load64(address + 16), value);
    EXPECT_EQ(s.machine.dma_read(device, address + 16), value);
  }
  void all_identity(System& s, std::uint64_t value) {
    for (const std::uint16_t device : {kGpu0, kGpu1}) {
      for (mm::Pfn page = kLowFirst; page < kLowFirst + kLowPages; ++page) identity(s, device, page, ++value);
      for (const mm::Pfn page : {0xC'0000, 0xC'01FF, 0xC'0200, 0xC'03FF}) identity(s, device, page, ++value);
    }
  }
  static std::vector<std::uint64_t> numbers(const DXGK_ADL& adl) {
    std::vector<std::uint64_t> all;
    for (UINT32 i = 0; i < adl.PageCount; ++i)
      all.push_back(adl.Flags.Contiguous != 0 ? adl.BasePageNumber + i : adl.Pages[i]);
    return all;
  }
};

TEST_P(Reserved, IdentityFromBeforeTheStartToTheEnd) {
  test::covers("R15", "G4", "G18");
  // One for each GPU: the link has one domain, so each reaches both.
  System s(machine({{kLow, {kGpu1}}, {kLarge, {kGpu0}}}), config(GetParam()));
  unsigned starts = 0;
  s.script.on_start = [&](std::size_t, const DXGKRNL_INTERFACE&) {
    ++starts;
    all_identity(s, 0x1000);
  };
  ASSERT_EQ(s.start(), STATUS_SUCCESS) << s.kernel->start_error();
  EXPECT_EQ(starts, 2U);
  all_identity(s, 0x2000);
  const vtd::Domain& domain = *s.kernel->remapping_unit()->domains().front();
  EXPECT_EQ(domain.mapped_pages(), kLowPages + 1024);
  EXPECT_EQ(domain.lookup(0xC'0123).value_or(vtd::Translation{}).page_shift, 21U) << "as large as it gets";
  EXPECT_FALSE(s.machine.dma_read(kGpu0, (kLowFirst - 1) << 12)) << "nothing beside it";
  EXPECT_FALSE(s.machine.dma_read(kGpu1, (kLowFirst + kLowPages) << 12));
  EXPECT_FALSE(s.machine.dma_read(kGpu1, 0xC040'0000));
  EXPECT_EQ(s.kernel->adapters()[0].logical_pages_used, 0U) << "nobody allocated it";
  EXPECT_EQ(s.kernel->reattach(), STATUS_SUCCESS);
  all_identity(s, 0x3000);
  EXPECT_EQ(s.kernel->stop(), STATUS_SUCCESS);
  ASSERT_EQ(s.kernel->start(), STATUS_SUCCESS) << s.kernel->start_error();
  all_identity(s, 0x4000);
  EXPECT_EQ(s.kernel->stop(), STATUS_SUCCESS);
  EXPECT_EQ(s.kernel->pages().total_pages() - s.kernel->pages().free_pages(), kUnitPages);
}

TEST_P(Reserved, NoNumberOfItIsGivenOutAndFreeAdlLeavesIt) {
  test::covers("R132", "R142", "G4", "G18");
  // The whole of a small logical space is given out, in several shapes.
  System s(machine({{kLow, {kGpu0, kGpu1}}, {kLarge, {kGpu0}}}), config(GetParam()));
  s.script.memory_caps.HighestVisibleAddress.QuadPart =
      isolation() ? -1LL : 0x3F'FFFF;  // logical pages 1 to 1023
  ASSERT_EQ(s.start(), STATUS_SUCCESS) << s.kernel->start_error();
  const auto args = s.create(1023ULL << 12);
  std::set<std::uint64_t> given;
  std::vector<DXGK_ADL*> lists;
  std::uint64_t offset = 0;
  for (const std::uint64_t pages : {2ULL, 7ULL, 512ULL, 300ULL, 196ULL}) {
    lists.push_back(s.allocate_adl(args.hAdapterMemoryObject, offset, pages << 12,
                                   lists.size() % 2 == 0 ? kPreferContiguous : 0));
    ASSERT_NE(lists.back(), nullptr);
    offset += pages << 12;
    for (const std::uint64_t number : numbers(*lists.back())) {
      EXPECT_TRUE(given.insert(number).second);
      EXPECT_FALSE(number >= kLowFirst && number < kLowFirst + kLowPages) << number;
    }
  }
  if (!isolation()) {
    EXPECT_EQ(given.size(), 1017U) << "all but the reserved ones";
    DXGKARGCB_ALLOCATE_ADL more{};
    more.hAdapterMemoryObject = args.hAdapterMemoryObject;
    more.Size = 0x1000;
    EXPECT_EQ(s.table().DxgkCbAllocateAdl(&more), STATUS_INSUFFICIENT_RESOURCES);
  }
  all_identity(s, 0x5000);
  for (DXGK_ADL* list : lists) {
    s.free_adl(args.hAdapterMemoryObject, list);
    all_identity(s, 0x6000);
  }
  EXPECT_EQ(s.kernel->remapping_unit()->domains().front()->mapped_pages(), kLowPages + 1024);
  s.destroy(args.hPhysicalMemoryObject, args.hAdapterMemoryObject);
  EXPECT_EQ(s.kernel->stop(), STATUS_SUCCESS);
}

TEST_P(Reserved, AnIoSpaceAdlOverItComesAndGoes) {
  test::covers("R60", "R142", "G18", "G19");
  System s(machine({{kLow, {kGpu0, kGpu1}}, {kLarge, {kGpu0}}}), config(GetParam()));
  s.script.memory_caps.HighestVisibleAddress.QuadPart = isolation() ? -1LL : (1LL << 40) - 1;
  ASSERT_EQ(s.start(), STATUS_SUCCESS) << s.kernel->start_error();
  // Part of the large leaf, and a page behind its end is not there.
  auto args = create_request(0x3000, kIoSpace, s.table().DeviceHandle);
  args.IOSpace.BaseAddress.QuadPart = 0xC010'0000;
  ASSERT_EQ(s.table().DxgkCbCreatePhysicalMemoryObject(&args), STATUS_SUCCESS);
  const auto waits = s.machine.events.size();
  DXGK_ADL* adl = s.allocate_adl(args.hAdapterMemoryObject, 0, 0x3000, kPreferContiguous);
  for (std::uint64_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(s.machine.dma_write(kGpu1, ((adl->BasePageNumber + i) << 12) + 8, 77 + i));
    EXPECT_EQ(s.machine.memory.load64(0xC010'0008 + (i << 12)), 77 + i);
  }
  EXPECT_EQ(isolation(), adl->BasePageNumber == 0xC'0100);
  const std::uint64_t number = adl->BasePageNumber;
  s.free_adl(args.hAdapterMemoryObject, adl);
  if (isolation()) {
    EXPECT_EQ(s.machine.events.size(), waits) << "no entry was touched";
  } else {
    EXPECT_FALSE(s.machine.dma_read(kGpu1, number << 12));
  }
  all_identity(s, 0x7000);
  s.destroy(args.hPhysicalMemoryObject, args.hAdapterMemoryObject);
  EXPECT_EQ(s.kernel->stop(), STATUS_SUCCESS);
}

TEST_P(Reserved, OnlyTheDevicesThatItIsFor) {
  test::covers("G13", "G18");
  System s(machine({{kLow, {kGpu1}}}), config(GetParam()));
  s.script.link = [](std::size_t index, LINKED_DEVICE& link) {
    link = {static_cast<ULONG>(100 + index), 1, TRUE};
  };
  ASSERT_EQ(s.start(), STATUS_SUCCESS) << s.kernel->start_error();
  identity(s, kGpu1, kLowFirst, 1);
  EXPECT_FALSE(s.machine.dma_read(kGpu0, kLow.base)) << "gpu0 is a link of its own";
  const auto args = s.create(0x10'000);
  DXGK_ADL* adl = s.allocate_adl(args.hAdapterMemoryObject, 0, 0x10'000);
  const auto used = numbers(*adl);
  if (GetParam() == Mode::kLogical) {
    EXPECT_EQ(std::count(used.begin(), used.end(), kLowFirst), 1) << "there the number is free";
  }
  identity(s, kGpu1, kLowFirst, 2);
  s.free_adl(args.hAdapterMemoryObject, adl);
  s.destroy(args.hPhysicalMemoryObject, args.hAdapterMemoryObject);
  EXPECT_EQ(s.kernel->stop(), STATUS_SUCCESS);
}

TEST_P(Reserved, RamOfTheSystemIsRefused) {
  test::covers("R22", "G18");
  for (const hw::MemoryRange& range : {hw::MemoryRange{1ULL << 32, 0x1000},
                                       {(1ULL << 32) - 0x1000, 0x1001},  // one byte of RAM
                                       {(1ULL << 32) + (16ULL << 20) - 1, 0x1000}}) {
    System s(machine({{range, {kGpu1}}}), config(GetParam()));
    EXPECT_EQ(s.start(), STATUS_CONFLICTING_ADDRESSES);
    EXPECT_THAT(s.kernel->start_error(), HasSubstr("is RAM of the system"));
    EXPECT_EQ(s.kernel->pages().free_pages(), s.kernel->pages().total_pages());
  }
  // Others' conflicts are not this adapter's.
  System s(machine({{{1ULL << 32, 0x1000}, {0x0900}}}), config(GetParam()));
  EXPECT_EQ(s.start(), STATUS_SUCCESS) << s.kernel->start_error();
}

TEST_P(Reserved, WhatCanNotBeTranslatedIsRefused) {
  test::covers("R148", "G18");
  for (const hw::MemoryRange& range :
       {hw::MemoryRange{hw::kInterruptWindowBase - 0x1000, 0x2000}, {1ULL << 48, 0x1000}}) {
    System s(machine({{range, {kGpu0}}}), config(GetParam()));
    EXPECT_EQ(s.start(), STATUS_NOT_SUPPORTED);
    EXPECT_TRUE(s.kernel->remapping_unit()->domains().empty());
    EXPECT_EQ(s.kernel->pages().total_pages() - s.kernel->pages().free_pages(), kUnitPages);
  }
}

TEST_P(Reserved, RangesThatTouchOrOverlapAreOne) {
  test::covers("G18");
  System s(machine({{{0x6000, 0x2000}, {kGpu0}},
                    {{0x5000, 0x1001}, {kGpu1}},
                    {{0x5000, 0x3000}, {kGpu0}},
                    {{0x9000, 0}, {kGpu0}}}),
           config(GetParam()));
  ASSERT_EQ(s.start(), STATUS_SUCCESS) << s.kernel->start_error();
  const vtd::Domain& domain = *s.kernel->remapping_unit()->domains().front();
  EXPECT_THAT(domain.reserved(), ElementsAre(mm::PageRun{5, 3}));
  EXPECT_THAT(domain.mapped_logical_pages(), ElementsAre(5, 6, 7));
}

INSTANTIATE_TEST_SUITE_P(Modes, Reserved,
                         ::testing::Values(Mode::kLogical, Mode::kShuffled, Mode::kIsolation),
                         [](const auto& info) {
                           return info.param == Mode::kLogical    ? "Logical"
                                  : info.param == Mode::kShuffled ? "Shuffled"
                                                                  : "Isolation";
                         });

TEST(ReservedModes, WithoutTranslationNothingIsAsked) {
  test::covers("R7", "R22");
  test::ModelMachine::Options options;
  options.ram = {{0, 16ULL << 20}};
  options.reserved = {{{0x10'000, 0x1000}, {kGpu0}}};
  System s(options, {});
  s.script.memory_caps.HighestVisibleAddress.QuadPart = -1;
  ASSERT_EQ(s.start(), STATUS_SUCCESS) << s.kernel->start_error();
  EXPECT_EQ(s.kernel->adapters()[0].mode, RemappingMode::kPhysical);
}

TEST(ReservedModes, IsolationThatMayFailGivesWay) {
  test::covers("R8", "R22");
  test::ModelMachine::Options options;
  options.ram = {{0, 16ULL << 20}};
  options.reserved = {{{0x10'000, 0x1000}, {kGpu0}}};
  KernelConfig config;
  config.isolation = config.isolation_may_fail = true;
  System s(options, config);
  s.script.memory_caps.HighestVisibleAddress.QuadPart = -1;
  ASSERT_EQ(s.start(), STATUS_SUCCESS) << s.kernel->start_error();
  EXPECT_EQ(s.kernel->adapters()[0].mode, RemappingMode::kPhysical);
  EXPECT_EQ(s.kernel->remapping_unit(), nullptr);
}

TEST(ReservedModes, ADomainKeepsIt) {
  test::covers("G18");
  test::ModelMachine::Options options;
  options.device_memory = {{0xC000'0000, 0x4000}};
  test::ModelMachine machine(options);
  mm::PageAllocator pages(machine.memory, machine.time);
  vtd::RemappingUnit unit(machine.iommu, machine.time, machine.interrupts, pages, {});
  vtd::Domain& domain = unit.create_domain();
  domain.reserve({{0xC'0000, 4}});
  EXPECT_TRUE(domain.reserves(0xC'0000) && domain.reserves(0xC'0003));
  EXPECT_FALSE(domain.reserves(0xB'FFFF) || domain.reserves(0xC'0004));
  domain.map({0x100}, {0x200}, {});
  EXPECT_THROW(domain.map({0x101, 0xC'0003}, {0x201, 0x202}, {}), vtd::VtdError);
  EXPECT_THROW((void)domain.unmap({0x100, 0xC'0001}), vtd::VtdError);
  EXPECT_THROW((void)domain.protect({0x100, 0xC'0000}, {true, false, false}), vtd::VtdError);
  EXPECT_THAT(domain.mapped_logical_pages(), ElementsAre(0x100, 0xC'0000, 0xC'0001, 0xC'0002, 0xC'0003));
  EXPECT_TRUE(domain.lookup(0xC'0000)->write);
  (void)domain.unmap({0x100});
  unit.destroy_domain(domain);
  unit.shut_down();
}

}  // namespace
}  // namespace gpudmar::dxgkrnl
