// SPDX-License-Identifier: Apache-2.0
// Address descriptor lists in logical mode: shapes, translations, and the way back.
#include <gmock/gmock.h>

#include <random>
#include <set>
#include <vector>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "driver-model/hw/regs/vtd_regs.h"
#include "tests/driver-model/dxgkrnl/scripted_miniport.h"
#include "tests/support/covers.h"

namespace gpudmar::dxgkrnl {
namespace {

namespace r = regs::vtd;
using Code = std::pair<std::uint32_t, std::uint64_t>;
constexpr auto kContiguous = DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY;
constexpr std::uint16_t kGpu0 = 0x0100;
constexpr std::uint16_t kGpu1 = 0x0200;

std::uint64_t page_of(const DXGK_ADL& adl, UINT32 i) {
  return adl.Flags.Contiguous != 0 ? adl.BasePageNumber + i : adl.Pages[i];
}

class AdlTest : public ::testing::Test {
 protected:
  void SetUp() override { start({}); }
  void start(KernelConfig config) {
    s_.reset();
    s_ = std::make_unique<System>(test::ModelMachine::Options{}, config);
    ASSERT_EQ(s_->start(), STATUS_SUCCESS) << s_->kernel->start_error();
  }
  void refused(HANDLE adapter_object, SIZE_T offset, SIZE_T size, UINT32 flags, NTSTATUS status) {
    const auto used = s_->kernel->adapters()[0].logical_pages_used;
    const auto locked = s_->kernel->pages().locked_pages();
    DXGKARGCB_ALLOCATE_ADL args{};
    args.hAdapterMemoryObject = adapter_object;
    args.Offset = offset;
    args.Size = size;
    args.Flags.Value = flags;
    args.pAdl = reinterpret_cast<DXGK_ADL*>(1);
    EXPECT_EQ(s_->table().DxgkCbAllocateAdl(&args), status);
    EXPECT_EQ(args.pAdl, nullptr);
    EXPECT_EQ(s_->kernel->adapters()[0].logical_pages_used, used);
    EXPECT_EQ(s_->kernel->pages().locked_pages(), locked);
  }
  std::unique_ptr<System> s_;
};

TEST_F(AdlTest, PagesTranslateToTheObjectForEveryMember) {
  test::covers("R120", "R132", "R133", "R134", "R139", "G2", "G3", "G7", "G12");
  const auto args = s_->create(0x10000);
  DXGK_ADL* adl = s_->allocate_adl(args.hAdapterMemoryObject, 0x4000, 0x8000);
  ASSERT_EQ(adl->PageCount, 8U);
  EXPECT_EQ(adl->Flags.Reserved, 0U);
  const auto frames = s_->object(args.hPhysicalMemoryObject).page_frames;
  for (UINT32 i = 0; i < 8; ++i) {
    const std::uint64_t address = page_of(*adl, i) << 12;
    EXPECT_LE(address + 0xFFF, (1ULL << 40) - 1);
    ASSERT_TRUE(s_->machine.dma_write(kGpu0, address + 0x100, 0xA000 + i));
    EXPECT_EQ(s_->machine.memory.load64((frames[4 + i] << 12) + 0x100), 0xA000U + i);
    EXPECT_EQ(s_->machine.dma_read(kGpu1, address + 0x100), 0xA000U + i);
  }
}

TEST_F(AdlTest, ShapesFollowTheFlags) {
  test::covers("R127", "R128", "R129", "R130", "G9");
  const auto mdl = s_->create(0x8000);
  const auto run = s_->create(0x8000, kContiguous);
  EXPECT_EQ(s_->allocate_adl(mdl.hAdapterMemoryObject, 0, 0x8000)->Flags.Contiguous, 0U);
  EXPECT_EQ(s_->allocate_adl(run.hAdapterMemoryObject, 0, 0x8000)->Flags.Contiguous, 0U) << "none asked for";
  EXPECT_EQ(s_->allocate_adl(mdl.hAdapterMemoryObject, 0, 0x8000, kPreferContiguous)->Flags.Contiguous, 1U)
      << "a logical run over scattered pages";
  EXPECT_EQ(s_->allocate_adl(run.hAdapterMemoryObject, 0, 0x8000, kRequireContiguous)->Flags.Contiguous, 1U);
  const DXGK_ADL* both =
      s_->allocate_adl(run.hAdapterMemoryObject, 0, 0x8000, kRequireContiguous | kPreferContiguous);
  EXPECT_EQ(both->Flags.Contiguous, 1U);
  const auto frames = s_->object(run.hPhysicalMemoryObject).page_frames;
  for (UINT32 i = 0; i < 8; ++i) {
    ASSERT_TRUE(s_->machine.dma_write(kGpu0, (both->BasePageNumber + i) << 12, i + 1));
    EXPECT_EQ(s_->machine.memory.load64(frames[i] << 12), i + 1);
  }
}

TEST_F(AdlTest, BadRequests) {
  test::covers("R29", "R121", "R122", "R123", "R124", "R125", "R126", "R131", "R146", "G20");
  const auto args = s_->create(0x8000);
  const HANDLE open = args.hAdapterMemoryObject;
  EXPECT_EQ(s_->table().DxgkCbAllocateAdl(nullptr), STATUS_INVALID_PARAMETER);
  refused(open, 0x800, 0x1000, 0, STATUS_INVALID_PARAMETER);
  refused(open, 0, 0x1800, 0, STATUS_INVALID_PARAMETER);
  refused(open, 0, 0, 0, STATUS_INVALID_PARAMETER);
  refused(open, 0, 0x9000, 0, STATUS_INVALID_PARAMETER);
  refused(open, 0x8000, 0x1000, 0, STATUS_INVALID_PARAMETER);
  refused(open, 0x1000, ~SIZE_T{0xFFF}, 0, STATUS_INVALID_PARAMETER);
  refused(open, 0, 0x1000ULL << 32, 0, STATUS_INVALID_PARAMETER);
  refused(open, 0, 0x1000, 4, STATUS_INVALID_PARAMETER);
  refused(open, 0, 0x8000, kRequireContiguous, STATUS_INVALID_PARAMETER);
  refused(nullptr, 0, 0x1000, 0, STATUS_INVALID_PARAMETER);
  refused(reinterpret_cast<HANDLE>(0x1230), 0, 0x1000, 0, STATUS_INVALID_HANDLE);
  refused(args.hPhysicalMemoryObject, 0, 0x1000, 0, STATUS_OBJECT_TYPE_MISMATCH);
  refused(args.hPhysicalMemoryObject, 1, 1, 4, STATUS_OBJECT_TYPE_MISMATCH);  // the handle comes first
  const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT close{open};
  s_->table().DxgkCbClosePhysicalMemoryObject(&close);
  refused(open, 0, 0x1000, 0, STATUS_INVALID_HANDLE);
}

TEST_F(AdlTest, FreeAdlTakesEverythingBackBeforeItReturns) {
  test::covers("R136", "R142", "G4", "G5", "G6", "G12");
  const auto args = s_->create(0x8000);
  const auto frames = s_->object(args.hPhysicalMemoryObject).page_frames;
  DXGK_ADL* adl = s_->allocate_adl(args.hAdapterMemoryObject, 0, 0x8000);
  std::vector<std::uint64_t> numbers;
  for (UINT32 i = 0; i < 8; ++i) numbers.push_back(page_of(*adl, i));
  for (const mm::Pfn pfn : frames) EXPECT_EQ(s_->kernel->pages().state(pfn)->locks, 1U);
  const auto before = s_->kernel->remapping_unit()->queue().counters().invalidations();
  s_->free_adl(args.hAdapterMemoryObject, adl);
  EXPECT_GT(s_->kernel->remapping_unit()->queue().counters().invalidations(), before);
  for (const mm::Pfn pfn : frames) EXPECT_EQ(s_->kernel->pages().state(pfn)->locks, 0U);
  for (const std::uint64_t page : numbers) {
    EXPECT_FALSE(s_->machine.dma_write(kGpu0, page << 12, 1));
    s_->machine.time.wait(1);
    EXPECT_FALSE(s_->machine.dma_read(kGpu1, page << 12));
    s_->machine.time.wait(1);
  }
  const auto faults = s_->kernel->faults();
  ASSERT_EQ(faults.size(), 16U);
  EXPECT_EQ(faults[0].source_id, kGpu0);
  EXPECT_EQ(faults[0].address, numbers[0] << 12);
  EXPECT_EQ(faults[0].reason, r::fault::WRITE);
  EXPECT_EQ(faults[1].source_id, kGpu1);
  EXPECT_EQ(faults[1].reason, r::fault::READ);
  // The order of the object's own record: cleared, invalidated, complete, unlocked.
  std::vector<ObjectEvent::Kind> kinds;
  const auto events = s_->object(args.hPhysicalMemoryObject).events;
  for (const ObjectEvent& event : events) kinds.push_back(event.kind);
  using K = ObjectEvent::Kind;
  EXPECT_THAT(kinds, ::testing::ElementsAre(K::kCreate, K::kOpen, K::kLock, K::kPteWrite, K::kPteWrite,
                                            K::kInvalidateBegin, K::kInvalidateDone, K::kUnlock));
  for (std::size_t i = 1; i < events.size(); ++i) EXPECT_GE(events[i].cycle, events[i - 1].cycle);
}

TEST_F(AdlTest, ThePagesStayLockedUntilTheInvalidationIsComplete) {
  test::covers("G6", "R97");
  const auto args = s_->create(0x1000);
  const auto frame = s_->object(args.hPhysicalMemoryObject).page_frames[0];
  DXGK_ADL* adl = s_->allocate_adl(args.hAdapterMemoryObject, 0, 0x1000);
  bool looked = false;
  s_->machine.iommu.on_write = [&](std::uint64_t offset, std::uint64_t) {
    if (offset == r::IQT::kOffset) {
      looked = true;
      EXPECT_EQ(s_->kernel->pages().state(frame)->locks, 1U);
      EXPECT_EQ(s_->kernel->adapters()[0].logical_pages_used, 1U);
    }
    return true;
  };
  s_->free_adl(args.hAdapterMemoryObject, adl);
  s_->machine.iommu.on_write = nullptr;
  EXPECT_TRUE(looked);
  EXPECT_EQ(s_->kernel->adapters()[0].logical_pages_used, 0U);
}

TEST_F(AdlTest, AUnitThatDoesNotAnswerStopsTheSystemWithThePagesHeld) {
  test::covers("G6");
  const auto args = s_->create(0x1000);
  const auto frame = s_->object(args.hPhysicalMemoryObject).page_frames[0];
  DXGK_ADL* adl = s_->allocate_adl(args.hAdapterMemoryObject, 0, 0x1000);
  s_->machine.iommu.on_write = [](std::uint64_t offset, std::uint64_t) { return offset != r::IQT::kOffset; };
  EXPECT_EQ(bugcheck_of([&] { s_->free_adl(args.hAdapterMemoryObject, adl); }), Code(0x1D9, 1));
  EXPECT_EQ(s_->kernel->pages().state(frame)->locks, 1U);
  s_->machine.iommu.on_write = nullptr;
}

TEST_F(AdlTest, OverlappingAdlsAreSeparate) {
  test::covers("R140", "R141");
  const auto args = s_->create(0x4000);
  DXGK_ADL* a = s_->allocate_adl(args.hAdapterMemoryObject, 0, 0x3000);
  DXGK_ADL* b = s_->allocate_adl(args.hAdapterMemoryObject, 0x1000, 0x3000);
  std::set<std::uint64_t> numbers;
  for (UINT32 i = 0; i < 3; ++i) {
    numbers.insert(page_of(*a, i));
    numbers.insert(page_of(*b, i));
  }
  EXPECT_EQ(numbers.size(), 6U);
  ASSERT_TRUE(s_->machine.dma_write(kGpu0, page_of(*a, 1) << 12, 0x99));
  const std::uint64_t old = page_of(*a, 1);
  s_->free_adl(args.hAdapterMemoryObject, a);
  EXPECT_FALSE(s_->machine.dma_read(kGpu0, old << 12));
  EXPECT_EQ(s_->machine.dma_read(kGpu0, page_of(*b, 0) << 12), 0x99U);
  s_->free_adl(args.hAdapterMemoryObject, b);
}

TEST_F(AdlTest, WrongFreesStopTheSystem) {
  test::covers("R29", "R143");
  const auto a = s_->create(0x1000);
  const auto b = s_->create(0x1000);
  DXGK_ADL* adl = s_->allocate_adl(a.hAdapterMemoryObject, 0, 0x1000);
  DXGK_ADL copy = *adl;
  EXPECT_EQ(bugcheck_of([&] { s_->table().DxgkCbFreeAdl(nullptr); }), Code(0x113, 0));
  EXPECT_EQ(bugcheck_of([&] { s_->free_adl(b.hAdapterMemoryObject, adl); }), Code(0x113, 0));
  EXPECT_EQ(bugcheck_of([&] { s_->free_adl(a.hPhysicalMemoryObject, adl); }), Code(0x113, 0));
  EXPECT_EQ(bugcheck_of([&] { s_->free_adl(a.hAdapterMemoryObject, &copy); }), Code(0x113, 0));
  EXPECT_EQ(bugcheck_of([&] { s_->free_adl(a.hAdapterMemoryObject, nullptr); }), Code(0x113, 0));
  EXPECT_TRUE(s_->machine.dma_read(kGpu0, page_of(*adl, 0) << 12)) << "still mapped";
  s_->free_adl(a.hAdapterMemoryObject, adl);
  EXPECT_EQ(bugcheck_of([&] { s_->free_adl(a.hAdapterMemoryObject, adl); }), Code(0x113, 0));
}

TEST_F(AdlTest, LogicalSpaceRunsOutWithoutLosses) {
  test::covers("R138", "R128", "G20", "G23");
  s_.reset();
  s_ = std::make_unique<System>();
  s_->script.memory_caps.HighestVisibleAddress.QuadPart = 0x10'FFF;  // pages 1 to 16
  ASSERT_EQ(s_->start(), STATUS_SUCCESS);
  const auto run = s_->create(0x20000, kContiguous);
  refused(run.hAdapterMemoryObject, 0, 0x11000, 0, STATUS_INSUFFICIENT_RESOURCES);
  DXGK_ADL* a = s_->allocate_adl(run.hAdapterMemoryObject, 0, 0x4000, kRequireContiguous);
  DXGK_ADL* b = s_->allocate_adl(run.hAdapterMemoryObject, 0, 0x4000, kRequireContiguous);
  s_->free_adl(run.hAdapterMemoryObject, a);  // free: 1..4 and 9..16
  refused(run.hAdapterMemoryObject, 0, 0xA000, kRequireContiguous, STATUS_INSUFFICIENT_RESOURCES);
  DXGK_ADL* c = s_->allocate_adl(run.hAdapterMemoryObject, 0, 0xA000, kPreferContiguous);
  ASSERT_NE(c, nullptr);
  EXPECT_EQ(c->Flags.Contiguous, 0U) << "a hint, when there is no run";
  s_->free_adl(run.hAdapterMemoryObject, b);
  s_->free_adl(run.hAdapterMemoryObject, c);
  EXPECT_EQ(s_->kernel->adapters()[0].logical_pages_used, 0U);
}

TEST_F(AdlTest, TheInterruptWindowIsNeverGivenOut) {
  test::covers("R138", "R148", "G7", "G23");
  s_.reset();
  s_ = std::make_unique<System>();
  s_->script.memory_caps.HighestVisibleAddress.QuadPart = 0xFF0F'FFFF;
  ASSERT_EQ(s_->start(), STATUS_SUCCESS) << s_->kernel->start_error();
  // Nothing there, and as large as all numbers: 1 to FF0FF less the window.
  constexpr std::uint64_t kNumbers = 0xFF0FF - 0x100;
  auto io = create_request(4ULL << 30, DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE, s_->table().DeviceHandle);
  io.IOSpace.BaseAddress.QuadPart = 1LL << 41;
  ASSERT_EQ(s_->table().DxgkCbCreatePhysicalMemoryObject(&io), STATUS_SUCCESS);
  const HANDLE opened = io.hAdapterMemoryObject;
  DXGK_ADL* low = s_->allocate_adl(opened, 0, (0xFEE00ULL - 1 - 4) << 12, kRequireContiguous);
  EXPECT_EQ(low->BasePageNumber, 1U);
  // Four numbers are left below the window: a run of five has to lie above, single pages go around it.
  DXGK_ADL* run = s_->allocate_adl(opened, 0, 5 << 12, kRequireContiguous);
  EXPECT_EQ(run->BasePageNumber, 0xFEF00U);
  DXGK_ADL* pages = s_->allocate_adl(opened, 0, 8 << 12);
  EXPECT_EQ(
      std::vector<std::uint64_t>(pages->Pages, pages->Pages + 8),
      (std::vector<std::uint64_t>{0xFEDFC, 0xFEDFD, 0xFEDFE, 0xFEDFF, 0xFEF05, 0xFEF06, 0xFEF07, 0xFEF08}));
  const std::uint64_t left = kNumbers - s_->kernel->adapters()[0].logical_pages_used;
  refused(opened, 0, (left + 1) << 12, 0, STATUS_INSUFFICIENT_RESOURCES);
  DXGK_ADL* rest = s_->allocate_adl(opened, 0, left << 12);
  for (UINT32 i = 0; i < rest->PageCount; ++i) EXPECT_GE(rest->Pages[i], 0xFEF09U);
  refused(opened, 0, 0x1000, 0, STATUS_INSUFFICIENT_RESOURCES);
  for (DXGK_ADL* adl : {low, run, pages, rest}) s_->free_adl(opened, adl);
  EXPECT_EQ(s_->kernel->adapters()[0].logical_pages_used, 0U);
}

TEST_F(AdlTest, CachedObjectsAreSnooped) {
  test::covers("G11", "R107");
  s_.reset();
  s_ = std::make_unique<System>();
  // A unit with snoop control, as far as software can see.
  s_->machine.iommu.on_read = [](std::uint64_t offset, std::uint64_t value) {
    return offset == r::ECAP::kOffset ? value | r::ECAP::SC.put(1) : value;
  };
  ASSERT_EQ(s_->start(), STATUS_SUCCESS) << s_->kernel->start_error();
  const auto snooped = [&](DXGK_MEMORY_CACHING_TYPE cache) {
    auto args = create_request(0x1000, DXGK_PHYSICAL_MEMORY_TYPE_MDL, s_->table().DeviceHandle);
    args.CacheType = cache;
    EXPECT_EQ(s_->table().DxgkCbCreatePhysicalMemoryObject(&args), STATUS_SUCCESS);
    const DXGK_ADL* adl = s_->allocate_adl(args.hAdapterMemoryObject, 0, 0x1000);
    const auto context = s_->kernel->remapping_unit()->context_entry(kGpu0);
    std::uint64_t entry = context[0] & ~0xFFFULL;
    for (unsigned level = static_cast<unsigned>(context[1] & 7) + 2; level > 0; --level)
      entry = s_->machine.memory.load64((entry & 0x000F'FFFF'FFFF'F000) +
                                        ((adl->Pages[0] >> (9 * (level - 1))) & 511) * 8);
    EXPECT_EQ(entry >> 12, s_->object(args.hPhysicalMemoryObject).page_frames[0]);
    return r::ss_entry::SNP.get(entry) != 0;
  };
  EXPECT_TRUE(snooped(DXGK_MEMORY_CACHING_TYPE_CACHED));
  EXPECT_FALSE(snooped(DXGK_MEMORY_CACHING_TYPE_NON_CACHED));
  EXPECT_FALSE(snooped(DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED));
}

TEST_F(AdlTest, NoMemoryForTablesLeavesNothing) {
  test::covers("R44", "G20");
  const auto args = s_->create(0x2000);
  auto& pages = s_->kernel->pages();
  // Tables stand below 2^46, which is all of memory: take what is left.
  const auto rest = pages.allocate(pages.free_pages(), {0, ~0ULL}, false, mm::Placement::kAscending);
  ASSERT_TRUE(rest);
  refused(args.hAdapterMemoryObject, 0, 0x2000, 0, STATUS_INSUFFICIENT_RESOURCES);
  pages.free(*rest);
  EXPECT_NE(s_->allocate_adl(args.hAdapterMemoryObject, 0, 0x2000), nullptr);
}

TEST_F(AdlTest, ContentDoesNotReachTheNextOwner) {
  test::covers("G22", "R61");
  const auto a = s_->create(0x4000);
  const auto frames = s_->object(a.hPhysicalMemoryObject).page_frames;
  DXGK_ADL* adl = s_->allocate_adl(a.hAdapterMemoryObject, 0, 0x4000);
  for (UINT32 i = 0; i < 4; ++i) ASSERT_TRUE(s_->machine.dma_write(kGpu0, page_of(*adl, i) << 12, 0x5EC4E7));
  s_->free_adl(a.hAdapterMemoryObject, adl);
  s_->destroy(a.hPhysicalMemoryObject, a.hAdapterMemoryObject);
  for (const mm::Pfn pfn : frames) {
    auto request = create_request(0x1000);
    request.Mdl.LowAddress.QuadPart = static_cast<LONGLONG>(pfn << 12);
    request.Mdl.HighAddress.QuadPart = static_cast<LONGLONG>((pfn << 12) + 0xFFF);
    ASSERT_EQ(s_->table().DxgkCbCreatePhysicalMemoryObject(&request), STATUS_SUCCESS);
    EXPECT_EQ(s_->machine.memory.load64(pfn << 12), 0U);
  }
}

// An address that is the page's own, or that was freed, must not reach what somebody else has mapped.
TEST_F(AdlTest, FreshNumbersAreNoPageFramesAndComeBackLate) {
  test::covers("R134", "R140");
  KernelConfig config;
  config.fresh_logical = true;
  start(config);
  const auto args = s_->create(0x4000);
  const auto other = s_->create(0x4000);
  const auto frames = s_->object(args.hPhysicalMemoryObject).page_frames;
  DXGK_ADL* old = s_->allocate_adl(args.hAdapterMemoryObject, 0, 0x4000);
  std::vector<std::uint64_t> numbers;
  for (UINT32 i = 0; i < 4; ++i) numbers.push_back(page_of(*old, i));
  for (const std::uint64_t number : numbers)
    for (const hw::MemoryRange& ram : s_->machine.memory.ram())
      EXPECT_TRUE(number << hw::kPageShift < ram.base || number << hw::kPageShift >= ram.end()) << number;
  s_->free_adl(args.hAdapterMemoryObject, old);
  const DXGK_ADL* next = s_->allocate_adl(other.hAdapterMemoryObject, 0, 0x4000);
  for (UINT32 i = 0; i < 4; ++i) {
    EXPECT_TRUE(s_->machine.dma_write(kGpu0, page_of(*next, i) << 12, 1));
    EXPECT_FALSE(s_->machine.dma_write(kGpu0, numbers[i] << 12, 2)) << "freed";
    EXPECT_FALSE(s_->machine.dma_write(kGpu0, frames[i] << 12, 3)) << "a physical address";
  }
}

// The device drives no address that is not RAM: where the numbers begin is a matter of the seed.
TEST_F(AdlTest, FreshNumbersOfANarrowDevice) {
  test::covers("R6");
  constexpr std::uint64_t kHighest = (1ULL << 24) - 1;
  std::set<std::uint64_t> begins;
  KernelConfig config;
  config.fresh_logical = true;
  for (config.seed = 1; config.seed <= 4; ++config.seed) {
    s_.reset();
    s_ = std::make_unique<System>(test::ModelMachine::Options{}, config);
    s_->script.memory_caps.HighestVisibleAddress.QuadPart = kHighest;
    ASSERT_EQ(s_->start(), STATUS_SUCCESS) << s_->kernel->start_error();
    ASSERT_GT(s_->machine.memory.ram().front().end(), kHighest);
    const auto args = s_->create(0x1000);
    const std::uint64_t number = page_of(*s_->allocate_adl(args.hAdapterMemoryObject, 0, 0x1000), 0);
    EXPECT_LE(number << hw::kPageShift, kHighest);
    begins.insert(number);
  }
  EXPECT_GE(begins.size(), 3U);
}

TEST_F(AdlTest, RandomTrafficAgreesWithTheReference) {
  test::covers("R98", "R134", "R140", "G2", "G4");
  KernelConfig config;
  config.seed = test::test_seed(77);
  config.shuffle_logical = true;
  start(config);
  std::mt19937_64 random(config.seed);
  struct Live {
    HANDLE object, opened;
    std::vector<DXGK_ADL*> adls;
  };
  std::vector<Live> live;
  for (int step = 0; step < 300; ++step) {
    const std::uint64_t what = random() % 4;
    if (what == 0 || live.empty()) {
      const auto args = s_->create((1 + random() % 16) << 12,
                                   random() % 2 == 0 ? kContiguous : DXGK_PHYSICAL_MEMORY_TYPE_MDL);
      live.push_back({args.hPhysicalMemoryObject, args.hAdapterMemoryObject, {}});
    } else if (what <= 2) {
      Live& l = live[random() % live.size()];
      const std::uint64_t pages = s_->object(l.object).page_frames.size();
      const std::uint64_t first = random() % pages;
      const std::uint64_t count = 1 + random() % (pages - first);
      l.adls.push_back(
          s_->allocate_adl(l.opened, first << 12, count << 12, random() % 2 == 0 ? kPreferContiguous : 0));
    } else {
      const std::size_t i = random() % live.size();
      for (DXGK_ADL* adl : live[i].adls) s_->free_adl(live[i].opened, adl);
      s_->destroy(live[i].object, live[i].opened);
      live.erase(live.begin() + static_cast<std::ptrdiff_t>(i));
    }
    // Every live page is where it should be; the unit holds exactly the live pages.
    std::set<std::uint64_t> numbers;
    for (const ObjectView& view : s_->kernel->objects())
      for (const AdlView& adl : view.adls)
        for (std::size_t i = 0; i < adl.logical_pages.size(); ++i) {
          ASSERT_TRUE(numbers.insert(adl.logical_pages[i]).second);
          ASSERT_EQ(adl.page_frames[i], view.page_frames[adl.first_object_page + i]);
          model::Request request;
          request.source_id = random() % 2 == 0 ? kGpu0 : kGpu1;
          request.address = adl.logical_pages[i] << 12;
          ASSERT_EQ(model::outgoing_address(s_->machine.unit.access(request)), adl.page_frames[i] << 12);
        }
    ASSERT_EQ(s_->kernel->adapters()[0].logical_pages_used, numbers.size());
  }
  for (const Live& l : live) {
    for (DXGK_ADL* adl : l.adls) s_->free_adl(l.opened, adl);
    s_->destroy(l.object, l.opened);
  }
  EXPECT_EQ(s_->kernel->stop(), STATUS_SUCCESS);
  EXPECT_TRUE(s_->kernel->faults().empty());
}

}  // namespace
}  // namespace gpudmar::dxgkrnl
