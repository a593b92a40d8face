// SPDX-License-Identifier: Apache-2.0
// Create, open, close and destroy of physical memory objects.
#include <gmock/gmock.h>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "tests/driver-model/dxgkrnl/scripted_miniport.h"
#include "tests/support/covers.h"

namespace gpudmar::dxgkrnl {
namespace {

using Code = std::pair<std::uint32_t, std::uint64_t>;
constexpr auto kContiguous = DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY;

class ObjectTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(s_.start(), STATUS_SUCCESS) << s_.kernel->start_error();
    free_pages_ = s_.kernel->pages().free_pages();
  }
  const DXGKRNL_INTERFACE& table() { return s_.table(); }
  /// A create request that must fail and change nothing.
  void refused(DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT args, NTSTATUS status) {
    args.hPhysicalMemoryObject = args.hAdapterMemoryObject = reinterpret_cast<HANDLE>(1);
    EXPECT_EQ(table().DxgkCbCreatePhysicalMemoryObject(&args), status);
    EXPECT_EQ(args.hPhysicalMemoryObject, nullptr);
    EXPECT_EQ(args.hAdapterMemoryObject, nullptr);
    EXPECT_EQ(s_.kernel->pages().free_pages(), free_pages_);
    EXPECT_EQ(s_.kernel->pages().committed_pages(), 0U);
    EXPECT_TRUE(s_.kernel->objects().empty());
  }
  NTSTATUS open(HANDLE object, HANDLE adapter, HANDLE* opened = nullptr) {
    DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT args{object, adapter, reinterpret_cast<HANDLE>(1)};
    const NTSTATUS status = table().DxgkCbOpenPhysicalMemoryObject(&args);
    if (NT_SUCCESS(status))
      EXPECT_NE(args.hAdapterMemoryObject, nullptr);
    else
      EXPECT_EQ(args.hAdapterMemoryObject, nullptr);
    if (opened != nullptr) *opened = args.hAdapterMemoryObject;
    return status;
  }
  void close(HANDLE opened) {
    const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT args{opened};
    table().DxgkCbClosePhysicalMemoryObject(&args);
  }
  System s_;
  std::uint64_t free_pages_ = 0;
};

TEST_F(ObjectTest, CreateWithAndWithoutAdapter) {
  test::covers("R40", "R41", "R42", "R45");
  auto request = create_request(0x4000, DXGK_PHYSICAL_MEMORY_TYPE_MDL, s_.table(1).DeviceHandle);
  request.Context = 0xDEAD;
  ASSERT_EQ(table().DxgkCbCreatePhysicalMemoryObject(&request), STATUS_SUCCESS);
  EXPECT_NE(request.hPhysicalMemoryObject, nullptr);
  EXPECT_NE(request.hAdapterMemoryObject, nullptr);
  const ObjectView view = s_.object(request.hPhysicalMemoryObject);
  EXPECT_EQ(view.context, 0xDEADU);
  EXPECT_EQ(view.adapter, "link0") << "the handle of any member opens for the link";
  EXPECT_EQ(view.page_frames.size(), 4U);
  // ... so that an ADL of it serves the other member as well.
  DXGK_ADL* adl = s_.allocate_adl(request.hAdapterMemoryObject, 0, 0x4000);
  EXPECT_TRUE(s_.machine.dma_write(0x0100, adl->Pages[2] << 12, 0x77));
  EXPECT_EQ(s_.machine.memory.load64(view.page_frames[2] << 12), 0x77U);
  const auto closed = s_.create(0x1000, kContiguous, false);
  EXPECT_EQ(closed.hAdapterMemoryObject, nullptr);
  EXPECT_NE(closed.hPhysicalMemoryObject, nullptr);
}

TEST_F(ObjectTest, HandlesAreOpaque) {
  const auto a = s_.create(0x1000);
  const auto b = s_.create(0x1000);
  for (const HANDLE handle : {a.hPhysicalMemoryObject, a.hAdapterMemoryObject, b.hPhysicalMemoryObject}) {
    const auto value = reinterpret_cast<std::uintptr_t>(handle);
    EXPECT_NE(value >> 47, 0U) << "no user-space address";
    EXPECT_NE(value >> 47, 0x1FFFFU) << "no kernel-space address";
  }
  const auto distance = reinterpret_cast<std::uintptr_t>(b.hPhysicalMemoryObject) -
                        reinterpret_cast<std::uintptr_t>(a.hPhysicalMemoryObject);
  EXPECT_TRUE(distance > 0x10000 && distance < ~std::uintptr_t{0x10000}) << "not counted up";
}

TEST_F(ObjectTest, BadArgumentsOfCreate) {
  test::covers("R29", "R43", "R44", "R46", "R48", "R49", "R62", "R65", "R67", "R68", "R69", "R71", "R72");
  EXPECT_EQ(table().DxgkCbCreatePhysicalMemoryObject(nullptr), STATUS_INVALID_PARAMETER);
  refused(create_request(0x1000, DXGK_PHYSICAL_MEMORY_TYPE_MDL, reinterpret_cast<HANDLE>(0x1234)),
          STATUS_INVALID_PARAMETER);
  refused(create_request(0), STATUS_INVALID_PARAMETER);
  refused(create_request(0, kContiguous), STATUS_INVALID_PARAMETER);
  refused(create_request(~SIZE_T{0}), STATUS_INVALID_PARAMETER);
  refused(create_request(0x1000, static_cast<DXGK_PHYSICAL_MEMORY_TYPE>(4)), STATUS_INVALID_PARAMETER);
  refused(create_request(0x1000, static_cast<DXGK_PHYSICAL_MEMORY_TYPE>(-1)), STATUS_INVALID_PARAMETER);
  auto args = create_request(0x1000);
  args.CacheType = static_cast<DXGK_MEMORY_CACHING_TYPE>(3);
  refused(args, STATUS_INVALID_PARAMETER);
  args = create_request(0x1000);
  args.Mdl.SkipBytes.QuadPart = 0x800;
  refused(args, STATUS_INVALID_PARAMETER);
  args = create_request(0x1000);
  args.Mdl.Flags = MM_ALLOCATE_AND_HOT_REMOVE;
  refused(args, STATUS_INVALID_PARAMETER);
  args = create_request(0x6000);
  args.Mdl.Flags = MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS;
  args.Mdl.SkipBytes.QuadPart = 0x3000;
  refused(args, STATUS_INVALID_PARAMETER);
  args.Mdl.SkipBytes.QuadPart = 0x4000;
  refused(args, STATUS_INVALID_PARAMETER);
  args = create_request(0x1000);
  args.Mdl.Flags = MM_ALLOCATE_FAST_LARGE_PAGES;
  refused(args, STATUS_INVALID_PARAMETER);
  refused(create_request((4ULL << 30) - 0xFFF), STATUS_INVALID_PARAMETER);
  args = create_request(0x1000, kContiguous);
  args.ContiguousMemory.BoundaryAddressMultiple.QuadPart = 0x3000;
  refused(args, STATUS_INVALID_PARAMETER);
  args.ContiguousMemory.BoundaryAddressMultiple.QuadPart = 0x1000;
  args.Size = 0x2000;
  refused(args, STATUS_INVALID_PARAMETER);
  args.ContiguousMemory.BoundaryAddressMultiple.QuadPart = 0x800;  // every page crosses it
  args.Size = 0x100;
  refused(args, STATUS_INVALID_PARAMETER);
  args = create_request(0x1000, kContiguous);
  args.ContiguousMemory.LowestAcceptableAddress.QuadPart = 0x2000;
  args.ContiguousMemory.HighestAcceptableAddress.QuadPart = 0x1FFF;
  refused(args, STATUS_INVALID_PARAMETER);
}

TEST_F(ObjectTest, NotEnoughMemory) {
  test::covers("R44", "R64", "R72");
  auto args = create_request(0x4000);
  args.Mdl.LowAddress.QuadPart = 0x10'0000;
  args.Mdl.HighAddress.QuadPart = 0x10'2FFF;
  refused(args, STATUS_NO_MEMORY);
  args = create_request(0x4000, kContiguous);
  args.ContiguousMemory.LowestAcceptableAddress.QuadPart = 0x10'0000;
  args.ContiguousMemory.HighestAcceptableAddress.QuadPart = 0x10'2FFF;
  refused(args, STATUS_INSUFFICIENT_RESOURCES);
}

TEST_F(ObjectTest, SizesRoundUpToPages) {
  test::covers("R47");
  for (const auto type : {DXGK_PHYSICAL_MEMORY_TYPE_MDL, kContiguous, DXGK_PHYSICAL_MEMORY_TYPE_SECTION}) {
    const auto args = s_.create(0x2001, type);
    EXPECT_EQ(s_.object(args.hPhysicalMemoryObject).page_frames.size(), 3U) << type;
    const DXGK_ADL* adl = s_.allocate_adl(args.hAdapterMemoryObject, 0, 0x3000);
    EXPECT_EQ(adl->PageCount, 3U) << type;
    // The last byte of the last page can be mapped as well.
    DXGKARGCB_MAP_PHYSICAL_MEMORY view{args.hPhysicalMemoryObject, DXGK_ACCESS_MODE_KERNEL_MODE, 0x2FFF, 1,
                                       nullptr};
    EXPECT_EQ(table().DxgkCbMapPhysicalMemory(&view), STATUS_SUCCESS) << type;
  }
}

TEST_F(ObjectTest, AddressLimitsArePhysicalAndUnsigned) {
  test::covers("R61", "R70", "R74", "E20");
  auto args = create_request(64 * 0x1000, DXGK_PHYSICAL_MEMORY_TYPE_MDL, table().DeviceHandle);
  args.Mdl.LowAddress.QuadPart = 1LL << 40;
  args.Mdl.HighAddress.QuadPart = -1;
  ASSERT_EQ(table().DxgkCbCreatePhysicalMemoryObject(&args), STATUS_SUCCESS);
  const auto view = s_.object(args.hPhysicalMemoryObject);
  for (const mm::Pfn pfn : view.page_frames) {
    EXPECT_GE(pfn, 1ULL << 28);
    EXPECT_EQ(s_.machine.memory.load64(pfn << 12), 0U);
  }
  EXPECT_GT(mm::to_runs(view.page_frames).size(), 32U) << "scattered";
  DXGK_ADL* adl = s_.allocate_adl(args.hAdapterMemoryObject, 0, 64 * 0x1000);
  for (UINT32 i = 0; i < 64; ++i)
    EXPECT_LT(adl->Pages[i], 1ULL << 28) << "logical pages have 40-bit addresses";

  auto run = create_request(8 * 0x1000, kContiguous);
  run.ContiguousMemory.LowestAcceptableAddress.QuadPart = 0x10'1000;
  run.ContiguousMemory.HighestAcceptableAddress.QuadPart = 0x1F'FFFF;
  run.ContiguousMemory.BoundaryAddressMultiple.QuadPart = 0x8000;
  ASSERT_EQ(table().DxgkCbCreatePhysicalMemoryObject(&run), STATUS_SUCCESS);
  const auto frames = s_.object(run.hPhysicalMemoryObject).page_frames;
  EXPECT_EQ(mm::to_runs(frames).size(), 1U);
  EXPECT_EQ(frames.front() % 8, 0U);
  EXPECT_GE(frames.front(), 0x101U);
  EXPECT_LE(frames.back(), 0x1FFU);
}

TEST_F(ObjectTest, OpenOnceForALink) {
  test::covers("R80", "R81", "R83", "R84", "R85");
  const auto args = s_.create(0x1000, kContiguous, false);
  EXPECT_EQ(open(nullptr, table().DeviceHandle), STATUS_INVALID_HANDLE);
  EXPECT_EQ(open(table().DeviceHandle, table().DeviceHandle), STATUS_OBJECT_TYPE_MISMATCH);
  EXPECT_EQ(open(args.hPhysicalMemoryObject, nullptr), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(open(args.hPhysicalMemoryObject, args.hPhysicalMemoryObject), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(open(args.hPhysicalMemoryObject, table().DeviceHandle), STATUS_SUCCESS);
  EXPECT_EQ(open(args.hPhysicalMemoryObject, table().DeviceHandle), STATUS_ALREADY_REGISTERED);
  EXPECT_EQ(open(args.hPhysicalMemoryObject, s_.table(1).DeviceHandle), STATUS_ALREADY_REGISTERED);
  const auto opened = s_.create(0x1000);
  EXPECT_EQ(open(opened.hPhysicalMemoryObject, table().DeviceHandle), STATUS_ALREADY_REGISTERED);
}

TEST_F(ObjectTest, CloseAndReopenThenDestroyInBothForms) {
  test::covers("R86", "R88", "R89", "R97");
  const auto args = s_.create(0x3000);
  close(args.hAdapterMemoryObject);
  HANDLE again = nullptr;
  EXPECT_EQ(open(args.hPhysicalMemoryObject, table().DeviceHandle, &again), STATUS_SUCCESS);
  EXPECT_NE(again, args.hAdapterMemoryObject) << "a fresh handle";
  close(again);
  s_.destroy(args.hPhysicalMemoryObject, nullptr);
  const auto combined = s_.create(0x3000);
  s_.destroy(combined.hPhysicalMemoryObject, combined.hAdapterMemoryObject);
  EXPECT_TRUE(s_.kernel->objects().empty());
  EXPECT_EQ(s_.kernel->pages().free_pages(), free_pages_);
  EXPECT_EQ(s_.kernel->pages().committed_pages(), 0U);
}

TEST_F(ObjectTest, MisuseOfHandlesStopsTheSystem) {
  test::covers("R29", "R90", "R93", "R95");
  const auto a = s_.create(0x1000);
  const auto b = s_.create(0x1000);
  EXPECT_EQ(bugcheck_of([&] { table().DxgkCbDestroyPhysicalMemoryObject(nullptr); }), Code(0x113, 0));
  EXPECT_EQ(bugcheck_of([&] { table().DxgkCbClosePhysicalMemoryObject(nullptr); }), Code(0x113, 0));
  EXPECT_EQ(bugcheck_of([&] { s_.destroy(a.hPhysicalMemoryObject, b.hAdapterMemoryObject); }),
            Code(0x113, 0));
  EXPECT_EQ(bugcheck_of([&] { s_.destroy(a.hAdapterMemoryObject, nullptr); }), Code(0x113, 0));
  EXPECT_EQ(bugcheck_of([&] { close(a.hPhysicalMemoryObject); }), Code(0x113, 0));
  close(a.hAdapterMemoryObject);
  EXPECT_EQ(bugcheck_of([&] { close(a.hAdapterMemoryObject); }), Code(0x113, 0));
  EXPECT_EQ(bugcheck_of([&] { s_.destroy(a.hPhysicalMemoryObject, a.hAdapterMemoryObject); }),
            Code(0x113, 0));
  s_.destroy(a.hPhysicalMemoryObject, nullptr);
  EXPECT_EQ(bugcheck_of([&] { s_.destroy(a.hPhysicalMemoryObject, nullptr); }), Code(0x113, 0));
}

TEST_F(ObjectTest, LiveAdlsAndOpenObjectsStopTheSystem) {
  test::covers("R87", "R91", "R92");
  const auto args = s_.create(0x2000);
  EXPECT_EQ(bugcheck_of([&] { s_.destroy(args.hPhysicalMemoryObject, nullptr); }), Code(0x1E4, 6));
  DXGK_ADL* adl = s_.allocate_adl(args.hAdapterMemoryObject, 0, 0x1000);
  EXPECT_EQ(bugcheck_of([&] { close(args.hAdapterMemoryObject); }), Code(0x1E4, 7));
  EXPECT_EQ(bugcheck_of([&] { s_.destroy(args.hPhysicalMemoryObject, args.hAdapterMemoryObject); }),
            Code(0x1E4, 7));
  EXPECT_EQ(bugcheck_of([&] { s_.destroy(args.hPhysicalMemoryObject, nullptr); }), Code(0x1E4, 7));
  EXPECT_TRUE(s_.machine.dma_read(0x0100, adl->Pages[0] << 12)) << "nothing was torn down";
}

TEST_F(ObjectTest, CallbacksNeedALowIrql) {
  test::covers("R28");
  auto args = create_request(0x1000);
  const KIRQL old = KeRaiseIrqlToDpcLevel();
  EXPECT_EQ(bugcheck_of([&] { (void)table().DxgkCbCreatePhysicalMemoryObject(&args); }),
            Code(0x113, DISPATCH_LEVEL));
  KeLowerIrql(old);
  EXPECT_EQ(table().DxgkCbCreatePhysicalMemoryObject(&args), STATUS_SUCCESS);
}

}  // namespace
}  // namespace gpudmar::dxgkrnl
