// SPDX-License-Identifier: Apache-2.0
// What holds for all eight callbacks: IRQL, NULL arguments, handles of the wrong kind and handles gone stale.
#include <gtest/gtest.h>

#include <set>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "tests/driver-model/dxgkrnl/scripted_miniport.h"
#include "tests/support/covers.h"

namespace gpudmar::dxgkrnl {
namespace {

using Code = std::pair<std::uint32_t, std::uint64_t>;

class CallbackTest : public ::testing::Test {
 protected:
  void SetUp() override {
    s_.script.link = [](std::size_t index, LINKED_DEVICE& link) {
      link = {static_cast<ULONG>(index), 1, TRUE};
    };
    ASSERT_EQ(s_.start(), STATUS_SUCCESS) << s_.kernel->start_error();
  }
  const DXGKRNL_INTERFACE& table(std::size_t device = 0) { return s_.table(device); }
  NTSTATUS open(HANDLE object, HANDLE adapter, HANDLE* opened = nullptr) {
    DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT args{object, adapter, reinterpret_cast<HANDLE>(1)};
    const NTSTATUS status = table().DxgkCbOpenPhysicalMemoryObject(&args);
    EXPECT_EQ(NT_SUCCESS(status), args.hAdapterMemoryObject != nullptr);
    if (opened != nullptr) *opened = args.hAdapterMemoryObject;
    return status;
  }
  NTSTATUS map(HANDLE object) {
    DXGKARGCB_MAP_PHYSICAL_MEMORY args{object, DXGK_ACCESS_MODE_KERNEL_MODE, 0, 8, nullptr};
    return table().DxgkCbMapPhysicalMemory(&args);
  }
  NTSTATUS adl(HANDLE opened, DXGK_ADL** out = nullptr) {
    DXGKARGCB_ALLOCATE_ADL args{};
    args.hAdapterMemoryObject = opened;
    args.Size = 0x1000;
    const NTSTATUS status = table().DxgkCbAllocateAdl(&args);
    if (out != nullptr) *out = args.pAdl;
    return status;
  }
  NTSTATUS create(HANDLE adapter) {
    auto args = create_request(0x1000, DXGK_PHYSICAL_MEMORY_TYPE_MDL, adapter);
    return table().DxgkCbCreatePhysicalMemoryObject(&args);
  }
  void close(HANDLE opened) {
    const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT args{opened};
    table().DxgkCbClosePhysicalMemoryObject(&args);
  }
  void unmap(HANDLE object, void* base, SIZE_T size) {
    const DXGKARGCB_UNMAP_PHYSICAL_MEMORY args{object, base, size};
    table().DxgkCbUnmapPhysicalMemory(&args);
  }
  Code code(const std::function<void()>& action) { return bugcheck_of(action); }
  System s_;
};

TEST_F(CallbackTest, NoneAtDispatchLevel) {
  test::covers("R28");
  const auto& t = table();
  auto create = create_request(0x1000);
  DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT open{};
  const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT close{};
  const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT destroy{};
  DXGKARGCB_MAP_PHYSICAL_MEMORY map{};
  const DXGKARGCB_UNMAP_PHYSICAL_MEMORY unmap{};
  DXGKARGCB_ALLOCATE_ADL allocate{};
  const DXGKARGCB_FREE_ADL free{};
  KIRQL old = PASSIVE_LEVEL;
  KeRaiseIrql(APC_LEVEL, &old);
  EXPECT_EQ(t.DxgkCbCreatePhysicalMemoryObject(&create), STATUS_SUCCESS) << "below it is allowed";
  KeLowerIrql(old);
  for (const KIRQL level : {KIRQL{DISPATCH_LEVEL}, KIRQL{5}}) {
    KeRaiseIrql(level, &old);
    const Code expected(0x113, level);
    EXPECT_EQ(code([&] { (void)t.DxgkCbCreatePhysicalMemoryObject(&create); }), expected);
    EXPECT_EQ(code([&] { (void)t.DxgkCbOpenPhysicalMemoryObject(&open); }), expected);
    EXPECT_EQ(code([&] { t.DxgkCbClosePhysicalMemoryObject(&close); }), expected);
    EXPECT_EQ(code([&] { t.DxgkCbDestroyPhysicalMemoryObject(&destroy); }), expected);
    EXPECT_EQ(code([&] { (void)t.DxgkCbMapPhysicalMemory(&map); }), expected);
    EXPECT_EQ(code([&] { t.DxgkCbUnmapPhysicalMemory(&unmap); }), expected);
    EXPECT_EQ(code([&] { (void)t.DxgkCbAllocateAdl(&allocate); }), expected);
    EXPECT_EQ(code([&] { t.DxgkCbFreeAdl(&free); }), expected);
    EXPECT_EQ(code([&] { (void)t.DxgkCbAllocateAdl(nullptr); }), expected) << "the level comes first";
    KeLowerIrql(old);
  }
}

TEST_F(CallbackTest, NoneWithoutArguments) {
  test::covers("R29");
  const auto& t = table();
  EXPECT_EQ(t.DxgkCbCreatePhysicalMemoryObject(nullptr), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(t.DxgkCbOpenPhysicalMemoryObject(nullptr), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(t.DxgkCbMapPhysicalMemory(nullptr), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(t.DxgkCbAllocateAdl(nullptr), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(code([&] { t.DxgkCbClosePhysicalMemoryObject(nullptr); }), Code(0x113, 0));
  EXPECT_EQ(code([&] { t.DxgkCbDestroyPhysicalMemoryObject(nullptr); }), Code(0x113, 0));
  EXPECT_EQ(code([&] { t.DxgkCbUnmapPhysicalMemory(nullptr); }), Code(0x113, 0));
  EXPECT_EQ(code([&] { t.DxgkCbFreeAdl(nullptr); }), Code(0x113, 0));
}

TEST_F(CallbackTest, EveryKindOfHandleInEveryPlace) {
  test::covers("R43", "R84", "R90", "R95", "R106", "R111", "R124", "R125", "R143");
  const auto live = s_.create(0x1000);
  const auto gone = s_.create(0x1000);
  DXGK_ADL* list = s_.allocate_adl(live.hAdapterMemoryObject, 0, 0x1000);
  s_.destroy(gone.hPhysicalMemoryObject, gone.hAdapterMemoryObject);
  const HANDLE adapter = table().DeviceHandle;
  const HANDLE object = live.hPhysicalMemoryObject;
  const HANDLE opened = live.hAdapterMemoryObject;
  const HANDLE unknown = reinterpret_cast<HANDLE>(0x1234);
  constexpr NTSTATUS kInvalid = STATUS_INVALID_PARAMETER;
  constexpr NTSTATUS kHandle = STATUS_INVALID_HANDLE;
  constexpr NTSTATUS kType = STATUS_OBJECT_TYPE_MISMATCH;
  struct Place {
    HANDLE handle;
    NTSTATUS as_adapter, as_object, as_opened;
  };
  for (const Place& p :
       {Place{nullptr, kInvalid, kHandle, kInvalid}, Place{unknown, kInvalid, kHandle, kHandle},
        Place{list, kInvalid, kHandle, kHandle}, Place{adapter, STATUS_SUCCESS, kType, kType},
        Place{object, kInvalid, STATUS_SUCCESS, kType}, Place{opened, kInvalid, kType, STATUS_SUCCESS},
        Place{gone.hPhysicalMemoryObject, kInvalid, kHandle, kHandle},
        Place{gone.hAdapterMemoryObject, kInvalid, kHandle, kHandle}}) {
    if (p.handle != nullptr) {
      EXPECT_EQ(create(p.handle), p.as_adapter);
    }
    EXPECT_EQ(open(live.hPhysicalMemoryObject, p.handle),
              p.as_adapter == STATUS_SUCCESS ? STATUS_ALREADY_REGISTERED : p.as_adapter);
    EXPECT_EQ(open(p.handle, adapter),
              p.as_object == STATUS_SUCCESS ? STATUS_ALREADY_REGISTERED : p.as_object);
    EXPECT_EQ(map(p.handle), p.as_object);
    EXPECT_EQ(adl(p.handle), p.as_opened);
    if (p.as_object != STATUS_SUCCESS) {
      EXPECT_EQ(code([&] { s_.destroy(p.handle, nullptr); }), Code(0x113, 0));
      EXPECT_EQ(code([&] { unmap(p.handle, nullptr, 0x1000); }), Code(0x113, 0));
    }
    if (p.as_opened != STATUS_SUCCESS) {
      EXPECT_EQ(code([&] { close(p.handle); }), Code(0x113, 0));
      EXPECT_EQ(code([&] { s_.free_adl(p.handle, list); }), Code(0x113, 0));
      if (p.handle != nullptr) {
        EXPECT_EQ(code([&] { s_.destroy(object, p.handle); }), Code(0x113, 0));
      }
    }
  }
  EXPECT_EQ(s_.object(object).adls.front().adl, list) << "all of that changed nothing";
}

TEST_F(CallbackTest, HandlesAreNeverUsedTwice) {
  test::covers("R86", "R95", "R125");
  std::set<HANDLE> seen;
  for (int i = 0; i < 200; ++i) {
    const auto args = s_.create(0x1000);
    EXPECT_TRUE(seen.insert(args.hPhysicalMemoryObject).second);
    EXPECT_TRUE(seen.insert(args.hAdapterMemoryObject).second);
    close(args.hAdapterMemoryObject);
    HANDLE again = nullptr;
    ASSERT_EQ(open(args.hPhysicalMemoryObject, table().DeviceHandle, &again), STATUS_SUCCESS);
    EXPECT_TRUE(seen.insert(again).second);
    s_.destroy(args.hPhysicalMemoryObject, again);
  }
}

TEST_F(CallbackTest, OneAdapterAtATime) {
  test::covers("R81", "R82", "R85", "R86", "G13");
  const auto args = s_.create(0x1000);
  const HANDLE other = table(1).DeviceHandle;
  EXPECT_EQ(open(args.hPhysicalMemoryObject, other), STATUS_NOT_SUPPORTED);
  EXPECT_EQ(open(args.hPhysicalMemoryObject, table().DeviceHandle), STATUS_ALREADY_REGISTERED);
  DXGK_ADL* first = s_.allocate_adl(args.hAdapterMemoryObject, 0, 0x1000);
  const std::uint64_t old = first->Pages[0] << 12;
  ASSERT_TRUE(s_.machine.dma_write(0x0100, old, 0xAA));
  EXPECT_FALSE(s_.machine.dma_read(0x0200, old));
  s_.free_adl(args.hAdapterMemoryObject, first);
  close(args.hAdapterMemoryObject);
  HANDLE opened = nullptr;
  ASSERT_EQ(open(args.hPhysicalMemoryObject, other, &opened), STATUS_SUCCESS)
      << "closed, it may change adapters";
  EXPECT_EQ(s_.object(args.hPhysicalMemoryObject).adapter, "link1");
  EXPECT_EQ(open(args.hPhysicalMemoryObject, table().DeviceHandle), STATUS_NOT_SUPPORTED);
  DXGK_ADL* second = nullptr;
  ASSERT_EQ(adl(opened, &second), STATUS_SUCCESS);
  EXPECT_EQ(s_.machine.dma_read(0x0200, second->Pages[0] << 12), 0xAAU);
  EXPECT_FALSE(s_.machine.dma_read(0x0100, old));
  // An ADL belongs to its own adapter memory object, on whichever adapter.
  const auto elsewhere = s_.create(0x1000);
  EXPECT_EQ(code([&] { s_.free_adl(elsewhere.hAdapterMemoryObject, second); }), Code(0x113, 0));
  s_.free_adl(opened, second);
}

TEST_F(CallbackTest, AdapterHandlesEndWithTheAdapter) {
  test::covers("R43", "R84", "R96");
  const HANDLE adapter = table().DeviceHandle;
  const auto object = s_.create(0x1000, DXGK_PHYSICAL_MEMORY_TYPE_MDL, false);
  ASSERT_EQ(s_.kernel->stop(), STATUS_SUCCESS) << "an object that is open nowhere holds no adapter back";
  EXPECT_EQ(create(adapter), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(open(object.hPhysicalMemoryObject, adapter), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(code([&] { s_.kernel->unload(); }), Code(0x1E4, 6)) << "but it must not outlive the driver";
}

TEST_F(CallbackTest, LeaksAreFoundOnTheAdapterThatStops) {
  test::covers("R96", "R87", "R92");
  auto on_second = create_request(0x1000, DXGK_PHYSICAL_MEMORY_TYPE_MDL, table(1).DeviceHandle);
  ASSERT_EQ(table().DxgkCbCreatePhysicalMemoryObject(&on_second), STATUS_SUCCESS);
  DXGK_ADL* list = s_.allocate_adl(on_second.hAdapterMemoryObject, 0, 0x1000);
  EXPECT_EQ(code([&] { (void)s_.kernel->stop(); }), Code(0x1E4, 7));
  s_.free_adl(on_second.hAdapterMemoryObject, list);
  EXPECT_EQ(code([&] { (void)s_.kernel->stop(); }), Code(0x1E4, 6));
  s_.destroy(on_second.hPhysicalMemoryObject, on_second.hAdapterMemoryObject);
  EXPECT_EQ(s_.kernel->stop(), STATUS_SUCCESS);
}

}  // namespace
}  // namespace gpudmar::dxgkrnl
