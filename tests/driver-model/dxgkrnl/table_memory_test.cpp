// SPDX-License-Identifier: Apache-2.0
// AllocateAdl when no page frame is left for a page table: sections give up pages that nobody has locked, as
// many as the tables take; where those are too few the call fails and nothing has changed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "tests/driver-model/dxgkrnl/scripted_miniport.h"
#include "tests/support/covers.h"

namespace gpudmar::dxgkrnl {
namespace {

using ::testing::Contains;
using ::testing::Not;

constexpr auto kMdl = DXGK_PHYSICAL_MEMORY_TYPE_MDL;
constexpr auto kContiguous = DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY;
constexpr auto kSection = DXGK_PHYSICAL_MEMORY_TYPE_SECTION;
constexpr std::uint64_t kTables = 3;  // of the first ADL of a domain: levels 3, 2 and 1

struct State {
  std::uint64_t free_pages, locked, committed, in_page_file, logical_pages, table_pages;
  std::vector<std::vector<mm::Pfn>> frames;  // of every object
  [[nodiscard]] bool operator==(const State& o) const {
    return free_pages == o.free_pages && locked == o.locked && committed == o.committed &&
           in_page_file == o.in_page_file && logical_pages == o.logical_pages &&
           table_pages == o.table_pages && frames == o.frames;
  }
};

class TableMemory : public ::testing::TestWithParam<bool> {  // in 1:1 isolation
 protected:
  static test::ModelMachine::Options machine() {
    test::ModelMachine::Options options;
    options.ram = {{0, 16ULL << 20}};
    return options;
  }
  static KernelConfig config() {
    KernelConfig config;
    config.force_logical = !GetParam();
    config.isolation = GetParam();
    config.page_file_pages = 64;
    return config;
  }
  void SetUp() override {
    s_.script.memory_caps.HighestVisibleAddress.QuadPart = GetParam() ? -1LL : (1LL << 40) - 1;
    ASSERT_EQ(s_.start(), STATUS_SUCCESS) << s_.kernel->start_error();
  }
  /// A section whose pages are in memory, with content, and unlocked.
  DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT section(std::uint64_t pages) {
    const auto args = s_.create(pages << 12, kSection);
    touch(args.hPhysicalMemoryObject, pages, [](std::uint64_t page, std::uint64_t& word) { word = ~page; });
    EXPECT_THAT(s_.object(args.hPhysicalMemoryObject).page_frames, Not(Contains(mm::kNotResident)));
    return args;
  }
  void touch(HANDLE object, std::uint64_t pages,
             const std::function<void(std::uint64_t page, std::uint64_t& word)>& use) {
    DXGKARGCB_MAP_PHYSICAL_MEMORY view{object, DXGK_ACCESS_MODE_KERNEL_MODE, 0, pages << 12, nullptr};
    ASSERT_EQ(s_.table().DxgkCbMapPhysicalMemory(&view), STATUS_SUCCESS);
    for (std::uint64_t page = 0; page < pages; ++page)
      use(page, *reinterpret_cast<std::uint64_t*>(static_cast<char*>(view.pMappedAddress) + view.Offset +
                                                  (page << 12)));
    const DXGKARGCB_UNMAP_PHYSICAL_MEMORY unmap{object, view.pMappedAddress, view.Size};
    s_.table().DxgkCbUnmapPhysicalMemory(&unmap);
  }
  void take_all_but(std::uint64_t pages) {
    auto& allocator = s_.kernel->pages();
    const auto got = allocator.allocate(allocator.free_pages() - pages, {}, false, mm::Placement::kAscending);
    ASSERT_TRUE(got);
    taken_.insert(taken_.end(), got->begin(), got->end());
  }
  void give_back() {
    s_.kernel->pages().free(taken_);
    taken_.clear();
  }
  [[nodiscard]] const vtd::Domain& domain() { return *s_.kernel->remapping_unit()->domains().front(); }
  [[nodiscard]] State look() {
    State now{s_.kernel->pages().free_pages(),
              s_.kernel->pages().locked_pages(),
              s_.kernel->pages().committed_pages(),
              in_page_file(),
              s_.kernel->adapters()[0].logical_pages_used,
              domain().table_pages(),
              {}};
    for (const ObjectView& view : s_.kernel->objects()) now.frames.push_back(view.page_frames);
    return now;
  }
  [[nodiscard]] std::uint64_t in_page_file() { return s_.kernel->memory().page_file_pages_used(); }
  DXGKARGCB_ALLOCATE_ADL request(HANDLE opened, std::uint64_t first, std::uint64_t pages) {
    DXGKARGCB_ALLOCATE_ADL args{};
    args.hAdapterMemoryObject = opened;
    args.Offset = first << 12;
    args.Size = pages << 12;
    return args;
  }
  void fails(HANDLE opened, std::uint64_t first, std::uint64_t pages) {
    const State before = look();
    const std::size_t events = s_.machine.events.size();
    auto args = request(opened, first, pages);
    EXPECT_EQ(s_.table().DxgkCbAllocateAdl(&args), STATUS_INSUFFICIENT_RESOURCES);
    EXPECT_EQ(args.pAdl, nullptr);
    EXPECT_TRUE(look() == before);
    for (; events < s_.machine.events.size(); s_.machine.events.pop_back())
      EXPECT_EQ(s_.machine.events.back().kind, test::MachineEvent::Kind::kPublish) << "no invalidation";
  }
  /// Both GPUs reach the list's pages, which hold what the section was filled with.
  void reaches(const DXGK_ADL& adl, std::uint64_t first) {
    for (std::uint64_t i = 0; i < adl.PageCount; ++i)
      for (const std::uint16_t gpu : {0x0100, 0x0200})
        EXPECT_EQ(s_.machine.dma_read(gpu, adl.Pages[i] << 12), ~(first + i)) << "page " << i;
  }
  System s_{machine(), config()};
  std::vector<mm::Pfn> taken_;
};

TEST_P(TableMemory, AnotherSectionMakesRoom) {
  test::covers("R56", "R136", "R138", "G2", "G3");
  const auto idle = section(8);
  const auto used = section(4);
  take_all_but(0);
  DXGK_ADL* adl = s_.allocate_adl(used.hAdapterMemoryObject, 0, 4ULL << 12);
  ASSERT_NE(adl, nullptr);
  const auto tables = domain().table_pages() - 1;  // but the root
  EXPECT_GE(tables, kTables);
  EXPECT_EQ(in_page_file(), tables) << "as many pages as the tables take";
  EXPECT_EQ(s_.kernel->pages().free_pages(), 0U);
  EXPECT_THAT(s_.object(used.hPhysicalMemoryObject).page_frames, Not(Contains(mm::kNotResident)));
  const auto& frames = s_.object(idle.hPhysicalMemoryObject).page_frames;
  EXPECT_EQ(static_cast<std::uint64_t>(std::count(frames.begin(), frames.end(), mm::kNotResident)), tables);
  reaches(*adl, 0);
  give_back();
  touch(idle.hPhysicalMemoryObject, 8,
        [](std::uint64_t page, std::uint64_t& word) { EXPECT_EQ(word, ~page); });
  s_.free_adl(used.hAdapterMemoryObject, adl);
}

TEST_P(TableMemory, TheRestOfTheSameSectionMakesRoom) {
  test::covers("R56", "R136", "R138", "G2");
  const auto object = section(16);
  take_all_but(0);
  DXGK_ADL* adl = s_.allocate_adl(object.hAdapterMemoryObject, 5ULL << 12, 3ULL << 12);
  ASSERT_NE(adl, nullptr);
  const auto frames = s_.object(object.hPhysicalMemoryObject).page_frames;
  for (std::uint64_t page = 5; page < 8; ++page)
    EXPECT_NE(frames[page], mm::kNotResident) << "locked by the list";
  EXPECT_GE(std::count(frames.begin(), frames.end(), mm::kNotResident), static_cast<std::ptrdiff_t>(kTables));
  reaches(*adl, 5);
  // While the list lives, pressure takes the others and never its pages.
  (void)s_.kernel->trim(16);
  const auto squeezed = s_.object(object.hPhysicalMemoryObject).page_frames;
  for (std::uint64_t page = 0; page < 16; ++page)
    EXPECT_EQ(squeezed[page] == mm::kNotResident, page < 5 || page >= 8) << "page " << page;
  reaches(*adl, 5);
  s_.free_adl(object.hAdapterMemoryObject, adl);
}

TEST_P(TableMemory, PagesThatComeInAndTablesTogether) {
  test::covers("R56", "R137", "R138");
  const auto idle = section(16);
  const auto absent = section(6);
  EXPECT_GE(s_.kernel->trim(22), 22U);
  touch(idle.hPhysicalMemoryObject, 16, [](std::uint64_t, std::uint64_t&) {});
  take_all_but(0);
  DXGK_ADL* adl = s_.allocate_adl(absent.hAdapterMemoryObject, 0, 6ULL << 12);
  ASSERT_NE(adl, nullptr);
  reaches(*adl, 0);
  EXPECT_EQ(in_page_file(), 6 + domain().table_pages() - 1);
  s_.free_adl(absent.hAdapterMemoryObject, adl);
}

TEST_P(TableMemory, ResidentMemoryGetsItsTablesToo) {
  test::covers("R61", "R138");
  const auto idle = section(32);
  const auto args = s_.create(0x4000, kMdl);
  take_all_but(1);
  DXGK_ADL* adl = s_.allocate_adl(args.hAdapterMemoryObject, 0, 0x4000);
  ASSERT_NE(adl, nullptr);
  EXPECT_EQ(in_page_file(), domain().table_pages() - 2) << "one page was free";
  s_.free_adl(args.hAdapterMemoryObject, adl);
  s_.destroy(idle.hPhysicalMemoryObject, idle.hAdapterMemoryObject);
}

TEST_P(TableMemory, NothingToTrim) {
  test::covers("R138", "G20");
  const auto object = section(4);
  take_all_but(0);
  fails(object.hAdapterMemoryObject, 0, 4);
  // A view locks as well.
  const auto other = s_.create(8ULL << 12, kSection);
  give_back();
  DXGKARGCB_MAP_PHYSICAL_MEMORY view{other.hPhysicalMemoryObject, DXGK_ACCESS_MODE_KERNEL_MODE, 0, 8ULL << 12,
                                     nullptr};
  ASSERT_EQ(s_.table().DxgkCbMapPhysicalMemory(&view), STATUS_SUCCESS);
  take_all_but(0);
  fails(object.hAdapterMemoryObject, 0, 4);
  const DXGKARGCB_UNMAP_PHYSICAL_MEMORY unmap{other.hPhysicalMemoryObject, view.pMappedAddress, view.Size};
  s_.table().DxgkCbUnmapPhysicalMemory(&unmap);
  DXGK_ADL* adl = s_.allocate_adl(object.hAdapterMemoryObject, 0, 4ULL << 12);
  ASSERT_NE(adl, nullptr) << "now there is something";
  reaches(*adl, 0);
  s_.free_adl(object.hAdapterMemoryObject, adl);
}

TEST_P(TableMemory, TooFewToTrimTakesNone) {
  test::covers("R138", "G20");
  const auto object = section(4);
  const auto idle = section(2);
  take_all_but(0);
  fails(object.hAdapterMemoryObject, 0, 4);
  EXPECT_EQ(in_page_file(), 0U);
  s_.destroy(idle.hPhysicalMemoryObject, idle.hAdapterMemoryObject);
}

TEST_P(TableMemory, TheFullPageFileTakesNone) {
  test::covers("R138", "G20");
  const auto stored = section(62);
  EXPECT_EQ(s_.kernel->trim(62), 62U);
  const auto object = section(4);
  const auto idle = section(8);
  take_all_but(0);
  fails(object.hAdapterMemoryObject, 0, 4);
  EXPECT_EQ(in_page_file(), 62U);
  s_.destroy(stored.hPhysicalMemoryObject, stored.hAdapterMemoryObject);
  s_.destroy(idle.hPhysicalMemoryObject, idle.hAdapterMemoryObject);
}

INSTANTIATE_TEST_SUITE_P(Modes, TableMemory, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Isolation" : "Logical"; });

TEST(TableMemorySplit, ALargeLeafGivesWay) {
  test::covers("R135", "R138", "G8");
  test::ModelMachine::Options options;
  options.ram = {{0, 16ULL << 20}};
  KernelConfig config;
  config.isolation = true;
  System s(options, config);
  s.script.memory_caps.HighestVisibleAddress.QuadPart = -1;
  ASSERT_EQ(s.start(), STATUS_SUCCESS) << s.kernel->start_error();
  const auto idle = s.create(0x4000, kSection);
  DXGK_ADL* lock = s.allocate_adl(idle.hAdapterMemoryObject, 0, 0x4000);
  s.free_adl(idle.hAdapterMemoryObject, lock);  // in memory now
  auto aligned = create_request(0x20'0000, kContiguous, s.table().DeviceHandle);
  aligned.ContiguousMemory.BoundaryAddressMultiple.QuadPart = 0x20'0000;
  ASSERT_EQ(s.table().DxgkCbCreatePhysicalMemoryObject(&aligned), STATUS_SUCCESS);
  DXGK_ADL* whole = s.allocate_adl(aligned.hAdapterMemoryObject, 0, 0x20'0000, kRequireContiguous);
  const vtd::Domain& domain = *s.kernel->remapping_unit()->domains().front();
  ASSERT_EQ(domain.lookup(whole->BasePageNumber).value_or(vtd::Translation{}).page_shift, 21U);
  auto& pages = s.kernel->pages();
  const auto taken = pages.allocate(pages.free_pages(), {}, false, mm::Placement::kAscending);
  ASSERT_TRUE(taken);
  DXGK_ADL* part = s.allocate_adl(aligned.hAdapterMemoryObject, 0x3000, 0x2000);
  ASSERT_NE(part, nullptr);
  EXPECT_EQ(s.kernel->memory().page_file_pages_used(), 1U) << "one table";
  EXPECT_EQ(domain.lookup(whole->BasePageNumber).value_or(vtd::Translation{}).page_shift, 12U);
  s.free_adl(aligned.hAdapterMemoryObject, whole);
  EXPECT_TRUE(s.machine.dma_read(0x0100, part->Pages[1] << 12));
  EXPECT_FALSE(s.machine.dma_read(0x0100, (part->Pages[1] + 1) << 12));
  s.free_adl(aligned.hAdapterMemoryObject, part);
  pages.free(*taken);
}

}  // namespace
}  // namespace gpudmar::dxgkrnl
