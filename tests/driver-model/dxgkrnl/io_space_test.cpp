// SPDX-License-Identifier: Apache-2.0
// I/O-space objects: bus ranges that are nobody's memory here.
#include <gtest/gtest.h>

#include <cstring>

#include "tests/driver-model/dxgkrnl/scripted_miniport.h"
#include "tests/support/covers.h"

namespace gpudmar::dxgkrnl {
namespace {

constexpr auto kIoSpace = DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE;
constexpr std::uint64_t kPeer = 0xD000'0000;     // device memory of the machine
constexpr std::uint64_t kNothing = 0xC000'0000;  // no device answers
constexpr std::uint16_t kGpu0 = 0x0100;
constexpr std::uint16_t kGpu1 = 0x0200;

class IoSpaceTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(s_.start(), STATUS_SUCCESS) << s_.kernel->start_error(); }
  const DXGKRNL_INTERFACE& table() { return s_.table(); }
  [[nodiscard]] static DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT request(std::uint64_t base, SIZE_T size,
                                                                       HANDLE adapter = nullptr) {
    auto args = create_request(size, kIoSpace, adapter);
    args.CacheType = DXGK_MEMORY_CACHING_TYPE_NON_CACHED;
    args.IOSpace.BaseAddress.QuadPart = static_cast<LONGLONG>(base);
    return args;
  }
  [[nodiscard]] DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT io(std::uint64_t base, SIZE_T size) {
    auto args = request(base, size, table().DeviceHandle);
    EXPECT_EQ(table().DxgkCbCreatePhysicalMemoryObject(&args), STATUS_SUCCESS);
    return args;
  }
  void refused(std::uint64_t base, SIZE_T size, NTSTATUS status) {
    auto args = request(base, size, table().DeviceHandle);
    args.hPhysicalMemoryObject = args.hAdapterMemoryObject = reinterpret_cast<HANDLE>(1);
    EXPECT_EQ(table().DxgkCbCreatePhysicalMemoryObject(&args), status) << std::hex << base << '+' << size;
    EXPECT_EQ(args.hPhysicalMemoryObject, nullptr);
    EXPECT_EQ(args.hAdapterMemoryObject, nullptr);
    EXPECT_TRUE(s_.kernel->objects().empty());
  }
  System s_;
};

TEST_F(IoSpaceTest, BadRanges) {
  test::covers("R44", "R46", "R57", "R58", "R59", "R148");
  refused(kPeer + 0x800, 0x1000, STATUS_INVALID_PARAMETER);
  refused(kPeer, 0x1800, STATUS_INVALID_PARAMETER);
  refused(kPeer, 0, STATUS_INVALID_PARAMETER);
  refused(1ULL << 46, 0x1000, STATUS_INVALID_PARAMETER);
  refused((1ULL << 46) - 0x1000, 0x2000, STATUS_INVALID_PARAMETER);
  refused(~0xFFFULL, 0x1000, STATUS_INVALID_PARAMETER);
  refused(~0xFFFULL, ~SIZE_T{0xFFF}, STATUS_INVALID_PARAMETER);
  refused(0x1000, 0x1000, STATUS_CONFLICTING_ADDRESSES);
  refused((2ULL << 30) - 0x1000, 0x2000, STATUS_CONFLICTING_ADDRESSES);
  refused(kPeer, 1ULL << 30, STATUS_CONFLICTING_ADDRESSES);  // reaches RAM at 4 GiB
  refused(0xFEE0'0000, 0x1000, STATUS_CONFLICTING_ADDRESSES);
  refused(0xFEDF'F000, 0x2000, STATUS_CONFLICTING_ADDRESSES);
  refused(0xFEEF'F000, 0x2000, STATUS_CONFLICTING_ADDRESSES);
  refused(0x800, 0x1000, STATUS_INVALID_PARAMETER);  // misaligned and RAM: alignment comes first
  const auto below = io(0xFEDF'F000, 0x1000);
  const auto above = io(0xFEF0'0000, 0x1000);
  s_.destroy(below.hPhysicalMemoryObject, below.hAdapterMemoryObject);
  s_.destroy(above.hPhysicalMemoryObject, above.hAdapterMemoryObject);
}

TEST_F(IoSpaceTest, NothingIsAllocatedClearedOrTouched) {
  test::covers("R60", "R97");
  s_.machine.memory.store64(kPeer + 0x2000, 0x0123456789ABCDEF);
  const auto free = s_.kernel->pages().free_pages();
  const auto args = io(kPeer, 0x4000);
  EXPECT_EQ(s_.kernel->pages().free_pages(), free);
  EXPECT_EQ(s_.kernel->pages().committed_pages(), 0U);
  EXPECT_EQ(s_.object(args.hPhysicalMemoryObject).io_base, kPeer);
  EXPECT_EQ(s_.machine.memory.load64(kPeer + 0x2000), 0x0123456789ABCDEFU);
  s_.destroy(args.hPhysicalMemoryObject, args.hAdapterMemoryObject);
  EXPECT_EQ(s_.machine.memory.load64(kPeer + 0x2000), 0x0123456789ABCDEFU);
}

TEST_F(IoSpaceTest, DevicesReachThePeerAtItsBusAddress) {
  test::covers("R126", "R127", "R128", "R129", "R134", "R142", "G2", "G19");
  const auto args = io(kPeer + 0x10000, 0x4000);
  DXGK_ADL* list = s_.allocate_adl(args.hAdapterMemoryObject, 0x1000, 0x2000);
  DXGK_ADL* run = s_.allocate_adl(args.hAdapterMemoryObject, 0, 0x4000, kRequireContiguous);
  EXPECT_EQ(list->Flags.Contiguous, 0U);
  ASSERT_EQ(run->Flags.Contiguous, 1U);
  const auto view = s_.object(args.hPhysicalMemoryObject);
  EXPECT_EQ(view.adls[0].page_frames[0], (kPeer + 0x11000) >> 12);
  for (UINT32 i = 0; i < 4; ++i)
    ASSERT_TRUE(s_.machine.dma_write(kGpu0, ((run->BasePageNumber + i) << 12) + 0x18, 0x600 + i));
  for (UINT32 i = 0; i < 4; ++i)
    EXPECT_EQ(s_.machine.memory.load64(kPeer + 0x10018 + i * 0x1000), 0x600U + i);
  for (UINT32 i = 0; i < 2; ++i)
    EXPECT_EQ(s_.machine.dma_read(kGpu1, (list->Pages[i] << 12) + 0x18), 0x601U + i);
  const std::uint64_t old = run->BasePageNumber << 12;
  s_.free_adl(args.hAdapterMemoryObject, run);
  EXPECT_FALSE(s_.machine.dma_read(kGpu0, old));
  EXPECT_EQ(s_.machine.dma_read(kGpu0, (list->Pages[0] << 12) + 0x18), 0x601U);
  s_.free_adl(args.hAdapterMemoryObject, list);
  s_.destroy(args.hPhysicalMemoryObject, args.hAdapterMemoryObject);
  EXPECT_EQ(s_.kernel->adapters()[0].logical_pages_used, 0U);
}

TEST_F(IoSpaceTest, MappedForTheKernelOnly) {
  test::covers("R100", "R103", "R107", "R115", "R116");
  const auto args = io(kPeer, 0x4000);
  DXGKARGCB_MAP_PHYSICAL_MEMORY view{args.hPhysicalMemoryObject, DXGK_ACCESS_MODE_USER_MODE, 0x1004, 0x10,
                                     &view};
  EXPECT_EQ(table().DxgkCbMapPhysicalMemory(&view), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(view.pMappedAddress, nullptr);
  EXPECT_EQ(view.Offset, 0x1004U);
  EXPECT_EQ(view.Size, 0x10U);
  view.AccessMode = DXGK_ACCESS_MODE_KERNEL_MODE;
  ASSERT_EQ(table().DxgkCbMapPhysicalMemory(&view), STATUS_SUCCESS);
  std::memset(static_cast<char*>(view.pMappedAddress) + view.Offset, 0x42, 4);
  EXPECT_EQ(s_.machine.memory.load32(kPeer + 0x1004), 0x42424242U);
  EXPECT_EQ(s_.object(args.hPhysicalMemoryObject).mappings[0].cache_type,
            DXGK_MEMORY_CACHING_TYPE_NON_CACHED);
  const DXGKARGCB_UNMAP_PHYSICAL_MEMORY done{args.hPhysicalMemoryObject, view.pMappedAddress, view.Size};
  table().DxgkCbUnmapPhysicalMemory(&done);
  // An ADL's number, taken for a physical address, leads nowhere.
  DXGK_ADL* adl = s_.allocate_adl(args.hAdapterMemoryObject, 0, 0x1000, kPreferContiguous);
  EXPECT_NE(adl->BasePageNumber, kPeer >> 12);
  PHYSICAL_ADDRESS number{};
  number.QuadPart = static_cast<LONGLONG>(adl->BasePageNumber << 12);
  PVOID address = nullptr;
  EXPECT_EQ(
      table().DxgkCbMapMemory(table().DeviceHandle, number, 0x1000, FALSE, FALSE, MmNonCached, &address),
      STATUS_INVALID_PARAMETER);
  EXPECT_EQ(address, nullptr);
}

TEST_F(IoSpaceTest, WhereNothingIsTheRangeExistsButDoesNotAnswer) {
  test::covers("R59", "R115");
  const auto args = io(kNothing, 0x2000);
  DXGKARGCB_MAP_PHYSICAL_MEMORY view{args.hPhysicalMemoryObject, DXGK_ACCESS_MODE_KERNEL_MODE, 0, 0x1000,
                                     &view};
  EXPECT_EQ(table().DxgkCbMapPhysicalMemory(&view), STATUS_INSUFFICIENT_RESOURCES);
  EXPECT_EQ(view.pMappedAddress, nullptr);
  DXGK_ADL* adl = s_.allocate_adl(args.hAdapterMemoryObject, 0, 0x2000);
  EXPECT_FALSE(s_.machine.dma_write(kGpu0, adl->Pages[0] << 12, 1))
      << "it leaves the unit and is answered DECERR";
  s_.machine.time.wait(1);
  EXPECT_TRUE(s_.kernel->faults().empty()) << "that is no translation fault";
}

TEST_F(IoSpaceTest, PageCountHas32Bits) {
  test::covers("R146");
  // 16 TiB and a page, above all memory: nothing but the count is wrong.
  const auto args = io(16ULL << 40, (16ULL << 40) + 0x1000);
  DXGKARGCB_ALLOCATE_ADL adl{};
  adl.hAdapterMemoryObject = args.hAdapterMemoryObject;
  adl.Size = 16ULL << 40;
  EXPECT_EQ(table().DxgkCbAllocateAdl(&adl), STATUS_INVALID_PARAMETER);
  adl.Size -= 0x1000;
  EXPECT_EQ(table().DxgkCbAllocateAdl(&adl), STATUS_INSUFFICIENT_RESOURCES) << "too much, but countable";
  EXPECT_EQ(adl.pAdl, nullptr);
}

TEST(IoSpacePhysical, NumbersAreBusPagesInPhysicalMode) {
  test::covers("R126", "R127", "R135", "G19");
  System s;
  s.script.memory_caps.HighestVisibleAddress.QuadPart = -1;
  ASSERT_EQ(s.start(), STATUS_SUCCESS);
  auto args = create_request(0x4000, kIoSpace, s.table().DeviceHandle);
  args.IOSpace.BaseAddress.QuadPart = static_cast<LONGLONG>(kPeer);
  ASSERT_EQ(s.table().DxgkCbCreatePhysicalMemoryObject(&args), STATUS_SUCCESS);
  const DXGK_ADL* adl = s.allocate_adl(args.hAdapterMemoryObject, 0x1000, 0x2000, kRequireContiguous);
  ASSERT_EQ(adl->Flags.Contiguous, 1U);
  EXPECT_EQ(adl->BasePageNumber, (kPeer + 0x1000) >> 12);
}

}  // namespace
}  // namespace gpudmar::dxgkrnl
