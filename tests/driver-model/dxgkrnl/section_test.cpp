// SPDX-License-Identifier: Apache-2.0
// Section objects: what Create accepts, views, device permissions, paging around ADLs.
#include <gmock/gmock.h>

#include <cstring>

#include "driver-model/hw/regs/vtd_regs.h"
#include "tests/driver-model/dxgkrnl/scripted_miniport.h"
#include "tests/support/covers.h"

namespace gpudmar::dxgkrnl {
namespace {

constexpr auto kSection = DXGK_PHYSICAL_MEMORY_TYPE_SECTION;
constexpr std::uint16_t kGpu0 = 0x0100;
constexpr std::uint16_t kGpu1 = 0x0200;

class SectionObjectTest : public ::testing::Test {
 protected:
  static test::ModelMachine::Options small_machine() {
    test::ModelMachine::Options options;
    options.ram = {{0, 1ULL << 20}, {1ULL << 40, 1ULL << 20}};  // 512 pages
    return options;
  }
  static KernelConfig config() {
    KernelConfig config;
    config.page_file_pages = 128;
    return config;
  }
  void SetUp() override { ASSERT_EQ(s_.start(), STATUS_SUCCESS) << s_.kernel->start_error(); }
  const DXGKRNL_INTERFACE& table() { return s_.table(); }
  NTSTATUS create(DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT& args) {
    return table().DxgkCbCreatePhysicalMemoryObject(&args);
  }
  void refused(DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT args, NTSTATUS status) {
    const auto committed = s_.kernel->pages().committed_pages();
    const auto free = s_.kernel->pages().free_pages();
    args.hPhysicalMemoryObject = args.hAdapterMemoryObject = reinterpret_cast<HANDLE>(1);
    EXPECT_EQ(create(args), status);
    EXPECT_EQ(args.hPhysicalMemoryObject, nullptr);
    EXPECT_EQ(args.hAdapterMemoryObject, nullptr);
    EXPECT_EQ(s_.kernel->pages().committed_pages(), committed);
    EXPECT_EQ(s_.kernel->pages().free_pages(), free);
  }
  [[nodiscard]] DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT section(SIZE_T size,
                                                                ULONG protection = PAGE_READWRITE) {
    auto args = create_request(size, kSection, table().DeviceHandle);
    args.Section.PageProtection = protection;
    EXPECT_EQ(create(args), STATUS_SUCCESS);
    return args;
  }
  DXGKARGCB_MAP_PHYSICAL_MEMORY map(HANDLE object, SIZE_T offset, SIZE_T size,
                                    NTSTATUS status = STATUS_SUCCESS) {
    DXGKARGCB_MAP_PHYSICAL_MEMORY args{object, DXGK_ACCESS_MODE_KERNEL_MODE, offset, size, nullptr};
    EXPECT_EQ(table().DxgkCbMapPhysicalMemory(&args), status);
    return args;
  }
  void unmap(const DXGKARGCB_MAP_PHYSICAL_MEMORY& view) {
    const DXGKARGCB_UNMAP_PHYSICAL_MEMORY args{view.hPhysicalMemoryObject, view.pMappedAddress, view.Size};
    table().DxgkCbUnmapPhysicalMemory(&args);
  }
  System s_{small_machine(), config()};
};

TEST_F(SectionObjectTest, CommitIsChargedAtCreateAndPagesComeLater) {
  test::covers("R47", "R53", "R54", "R55", "R56");
  auto args = create_request(0x3001, kSection);
  args.Section.AllocationAttributes = 0xFFFF'FFFF;  // ignored: always committed, backed by the page file
  ASSERT_EQ(args.Section.ObjectAttributes, nullptr);
  const auto free = s_.kernel->pages().free_pages();
  ASSERT_EQ(create(args), STATUS_SUCCESS);
  EXPECT_EQ(s_.kernel->pages().committed_pages(), 4U);
  EXPECT_EQ(s_.kernel->pages().free_pages(), free);
  const auto frames = s_.object(args.hPhysicalMemoryObject).page_frames;
  EXPECT_THAT(frames,
              ::testing::ElementsAre(mm::kNotResident, mm::kNotResident, mm::kNotResident, mm::kNotResident));
  unmap(map(args.hPhysicalMemoryObject, 0x3000, 1));
  EXPECT_NE(s_.object(args.hPhysicalMemoryObject).page_frames[3], mm::kNotResident);
  s_.destroy(args.hPhysicalMemoryObject, nullptr);
  EXPECT_EQ(s_.kernel->pages().committed_pages(), 0U);
  EXPECT_EQ(s_.kernel->pages().free_pages(), free);
}

TEST_F(SectionObjectTest, BadArguments) {
  test::covers("R44", "R46", "R50", "R51", "R52", "R55");
  refused(create_request(0, kSection), STATUS_INVALID_PARAMETER);
  auto args = create_request(0x1000, kSection);
  args.CacheType = DXGK_MEMORY_CACHING_TYPE_NON_CACHED;
  refused(args, STATUS_INVALID_PARAMETER);
  args.Section.PageProtection = 0;
  refused(args, STATUS_INVALID_PARAMETER);  // both wrong: the cache type comes first
  for (const ULONG protection :
       {0UL, 0x01UL, 0x03UL, 0x20UL, 0x40UL, 0x80UL, 0x104UL, 0x204UL, 0x404UL, 0x10000004UL, 0x40000004UL}) {
    args = create_request(0x1000, kSection);
    args.Section.PageProtection = static_cast<ULONG>(protection);
    refused(args, STATUS_INVALID_PAGE_PROTECTION);
  }
  for (const ULONG protection : {PAGE_READONLY, PAGE_READWRITE, PAGE_WRITECOPY, PAGE_EXECUTE})
    for (const auto cache : {DXGK_MEMORY_CACHING_TYPE_CACHED, DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED}) {
      args = create_request(0x1000, kSection);
      args.CacheType = cache;
      args.Section.PageProtection = protection;
      EXPECT_EQ(create(args), STATUS_SUCCESS);
      s_.destroy(args.hPhysicalMemoryObject, nullptr);
    }
  refused(create_request((1ULL << 44) + 1, kSection), STATUS_SECTION_TOO_BIG);
  refused(create_request(1ULL << 44, kSection), STATUS_COMMITMENT_LIMIT);
  const auto limit = s_.kernel->pages().commit_limit();
  EXPECT_EQ(limit, 512U + 128U);
  refused(create_request((limit + 1) << 12, kSection), STATUS_COMMITMENT_LIMIT);
  args = create_request(limit << 12, kSection);
  EXPECT_EQ(create(args), STATUS_SUCCESS) << "more than there is memory";
  refused(create_request(1, kSection), STATUS_COMMITMENT_LIMIT);
  refused(create_request(0x1000), STATUS_COMMITMENT_LIMIT);
}

TEST_F(SectionObjectTest, ViewsBeginAtTheAllocationGranularity) {
  test::covers("R100", "R101", "R102", "R113");
  const auto args = section(0x30000);
  const auto whole = map(args.hPhysicalMemoryObject, 0, 0x30000);
  EXPECT_EQ(whole.Offset, 0U);
  const auto view = map(args.hPhysicalMemoryObject, 0x1F004, 0x1000);  // page-aligned would be 1F000h
  EXPECT_EQ(view.Offset, 0xF004U);
  EXPECT_GE(view.Size, view.Offset + 0x1000);
  std::memset(static_cast<char*>(view.pMappedAddress) + view.Offset, 0x5A, 0x1000);
  const char* bytes = static_cast<char*>(whole.pMappedAddress);
  EXPECT_EQ(bytes[0x1F003], 0);
  EXPECT_EQ(bytes[0x1F004], 0x5A);
  EXPECT_EQ(bytes[0x20003], 0x5A);
  EXPECT_EQ(bytes[0x20004], 0);
  const auto aligned = map(args.hPhysicalMemoryObject, 0x11000, 0x1000);
  EXPECT_EQ(aligned.Offset, 0x1000U) << "page-aligned, and yet not 0";
  unmap(view);
  unmap(aligned);
  unmap(whole);
  EXPECT_EQ(s_.machine.memory.mappings(), 0U);
  EXPECT_EQ(s_.kernel->pages().locked_pages(), 0U);
}

TEST_F(SectionObjectTest, DesiredAccessLimitsTheViews) {
  test::covers("R114", "R115");
  struct Case {
    ULONG protection;
    ACCESS_MASK access;
    bool allowed;
  };
  for (const Case& c :
       {Case{PAGE_READWRITE, SECTION_MAP_READ | SECTION_MAP_WRITE, true},
        Case{PAGE_READWRITE, SECTION_ALL_ACCESS, true}, Case{PAGE_READWRITE, SECTION_MAP_READ, false},
        Case{PAGE_READWRITE, SECTION_MAP_WRITE, false}, Case{PAGE_READWRITE, 0, false},
        Case{PAGE_READONLY, SECTION_MAP_READ, true}, Case{PAGE_READONLY, SECTION_MAP_WRITE, false},
        Case{PAGE_WRITECOPY, SECTION_MAP_READ, true},
        Case{PAGE_EXECUTE, SECTION_MAP_READ | SECTION_MAP_EXECUTE, false}}) {
    auto args = create_request(0x2000, kSection);
    args.Section.PageProtection = c.protection;
    args.Section.DesiredAccess = c.access;
    ASSERT_EQ(create(args), STATUS_SUCCESS);
    DXGKARGCB_MAP_PHYSICAL_MEMORY view{args.hPhysicalMemoryObject, DXGK_ACCESS_MODE_KERNEL_MODE, 0x1008, 8,
                                       &view};
    EXPECT_EQ(table().DxgkCbMapPhysicalMemory(&view), c.allowed ? STATUS_SUCCESS : STATUS_ACCESS_DENIED)
        << "protection " << c.protection << ", access " << c.access;
    if (c.allowed) {
      unmap(view);
    } else {
      EXPECT_EQ(view.pMappedAddress, nullptr);
      EXPECT_EQ(view.Offset, 0x1008U);
      EXPECT_EQ(view.Size, 8U);
    }
    s_.destroy(args.hPhysicalMemoryObject, nullptr);
  }
}

TEST_F(SectionObjectTest, ProtectionBindsTheCpuAndTheDevice) {
  test::covers("R114", "G10", "vtd.fault.05");
  struct Case {
    ULONG protection;
    bool writable;
  };
  for (const Case& c : {Case{PAGE_READWRITE, true}, Case{PAGE_EXECUTE, true}, Case{PAGE_READONLY, false},
                        Case{PAGE_WRITECOPY, false}}) {
    const auto args = section(0x2000, c.protection);
    DXGK_ADL* adl = s_.allocate_adl(args.hAdapterMemoryObject, 0x1000, 0x1000);
    const std::uint64_t address = adl->Pages[0] << 12;
    const auto frame = s_.object(args.hPhysicalMemoryObject).page_frames[1];
    s_.machine.memory.store64(frame << 12, 0x1111);
    const auto faults = s_.kernel->faults().size();
    EXPECT_EQ(s_.machine.dma_write(kGpu0, address, 0x2222), c.writable);
    s_.machine.time.wait(1);
    EXPECT_EQ(s_.machine.memory.load64(frame << 12), c.writable ? 0x2222U : 0x1111U);
    EXPECT_EQ(s_.machine.dma_read(kGpu1, address), c.writable ? 0x2222U : 0x1111U);
    if (!c.writable) {
      ASSERT_EQ(s_.kernel->faults().size(), faults + 1);
      EXPECT_EQ(s_.kernel->faults().back().reason, regs::vtd::fault::WRITE);
      EXPECT_EQ(s_.kernel->faults().back().address, address);
    } else {
      EXPECT_EQ(s_.kernel->faults().size(), faults);
    }
    const auto view = map(args.hPhysicalMemoryObject, 0x1000, 8);
    auto* word =
        reinterpret_cast<volatile std::uint64_t*>(static_cast<char*>(view.pMappedAddress) + view.Offset);
    EXPECT_EQ(*word, c.writable ? 0x2222U : 0x1111U);
    EXPECT_EQ(s_.object(args.hPhysicalMemoryObject).mappings[0].writable, c.writable);
    if (c.writable) {
      *word = 3;
    } else {
      EXPECT_DEATH(*word = 3, "");
    }
    unmap(view);
    s_.free_adl(args.hAdapterMemoryObject, adl);
    s_.destroy(args.hPhysicalMemoryObject, args.hAdapterMemoryObject);
  }
}

TEST_F(SectionObjectTest, PagesMoveOnlyWhileNoAdlHoldsThem) {
  test::covers("R56", "R136", "R141", "G2");
  const auto args = section(0x8000);
  DXGK_ADL* adl = s_.allocate_adl(args.hAdapterMemoryObject, 0x2000, 0x4000);
  const std::vector<std::uint64_t> numbers(adl->Pages, adl->Pages + 4);
  for (UINT32 i = 0; i < 4; ++i) ASSERT_TRUE(s_.machine.dma_write(kGpu0, adl->Pages[i] << 12, 0xB0 + i));
  const auto before = s_.object(args.hPhysicalMemoryObject).page_frames;
  EXPECT_EQ(s_.kernel->trim(100), 0U) << "nothing else was ever touched";
  EXPECT_EQ(s_.object(args.hPhysicalMemoryObject).page_frames, before);
  for (UINT32 i = 0; i < 4; ++i) {
    EXPECT_EQ(adl->Pages[i], numbers[i]);
    EXPECT_EQ(s_.machine.dma_read(kGpu1, adl->Pages[i] << 12), 0xB0U + i);
  }
  s_.free_adl(args.hAdapterMemoryObject, adl);
  EXPECT_EQ(s_.kernel->trim(100), 4U);
  EXPECT_EQ(s_.kernel->memory().page_file_pages_used(), 4U);
  // Others overwrite the old frames.
  for (std::size_t i = 2; i < 6; ++i) {
    const std::uint64_t address = before[i] << 12;
    ASSERT_TRUE(s_.kernel->pages().allocate(1, {address, address + 0xFFF}, true));
  }
  adl = s_.allocate_adl(args.hAdapterMemoryObject, 0, 0x8000);
  const auto after = s_.object(args.hPhysicalMemoryObject).page_frames;
  for (UINT32 i = 0; i < 8; ++i) {
    const bool used = i >= 2 && i < 6;
    EXPECT_TRUE(!used || after[i] != before[i]);
    EXPECT_EQ(s_.machine.dma_read(kGpu0, adl->Pages[i] << 12), used ? 0xB0U + i - 2 : 0U);
  }
}

TEST_F(SectionObjectTest, FailingPageInLeavesNothing) {
  test::covers("R115", "R137", "G20");
  const auto args = section(0x8000);
  auto view = map(args.hPhysicalMemoryObject, 0, 0x2000);
  std::memset(view.pMappedAddress, 0x77, 0x2000);
  unmap(view);
  auto& pages = s_.kernel->pages();
  const auto rest = pages.allocate(pages.free_pages(), {}, false);
  ASSERT_TRUE(rest);
  const auto frames = s_.object(args.hPhysicalMemoryObject).page_frames;
  const auto used = s_.kernel->adapters()[0].logical_pages_used;
  DXGKARGCB_ALLOCATE_ADL adl{};
  adl.hAdapterMemoryObject = args.hAdapterMemoryObject;
  adl.Size = 0x8000;
  adl.pAdl = reinterpret_cast<DXGK_ADL*>(1);
  EXPECT_EQ(table().DxgkCbAllocateAdl(&adl), STATUS_INSUFFICIENT_RESOURCES);
  EXPECT_EQ(adl.pAdl, nullptr);
  view = {args.hPhysicalMemoryObject, DXGK_ACCESS_MODE_KERNEL_MODE, 0x1004, 0x2000, &view};
  EXPECT_EQ(table().DxgkCbMapPhysicalMemory(&view), STATUS_INSUFFICIENT_RESOURCES);
  EXPECT_EQ(view.pMappedAddress, nullptr);
  EXPECT_EQ(view.Offset, 0x1004U);
  EXPECT_EQ(view.Size, 0x2000U);
  EXPECT_EQ(s_.object(args.hPhysicalMemoryObject).page_frames, frames);
  EXPECT_EQ(s_.kernel->adapters()[0].logical_pages_used, used);
  EXPECT_EQ(pages.locked_pages(), 0U);
  EXPECT_EQ(pages.free_pages(), 0U);
  EXPECT_EQ(s_.kernel->memory().page_file_pages_used(), 0U);
  pages.free(*rest);
  EXPECT_EQ(table().DxgkCbAllocateAdl(&adl), STATUS_SUCCESS);
  EXPECT_EQ(s_.machine.dma_read(kGpu0, adl.pAdl->Pages[1] << 12), 0x7777777777777777U);
}

TEST_F(SectionObjectTest, AnMdlMayTakeFramesFromSections) {
  test::covers("R64", "R56");
  const auto args = section(0x10000);
  auto view = map(args.hPhysicalMemoryObject, 0, 0x10000);
  std::memset(view.pMappedAddress, 0x33, 0x10000);
  unmap(view);
  auto& pages = s_.kernel->pages();
  auto mdl = create_request((pages.free_pages() + 4) << 12);
  refused(mdl, STATUS_NO_MEMORY);
  mdl.Mdl.Flags = MM_ALLOCATE_TRIM_IF_NECESSARY;
  ASSERT_EQ(create(mdl), STATUS_SUCCESS);
  s_.destroy(mdl.hPhysicalMemoryObject, nullptr);
  view = map(args.hPhysicalMemoryObject, 0, 0x10000);
  for (std::size_t i = 0; i < 0x10000; ++i) ASSERT_EQ(static_cast<char*>(view.pMappedAddress)[i], 0x33) << i;
}

}  // namespace
}  // namespace gpudmar::dxgkrnl
