// SPDX-License-Identifier: Apache-2.0
// CPU mappings of objects.
#include <gtest/gtest.h>

#include <cstring>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "tests/driver-model/dxgkrnl/scripted_miniport.h"
#include "tests/support/covers.h"

namespace gpudmar::dxgkrnl {
namespace {

using Code = std::pair<std::uint32_t, std::uint64_t>;

class MappingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(s_.start(), STATUS_SUCCESS);
    object_ = s_.create(0x4000, DXGK_PHYSICAL_MEMORY_TYPE_MDL, false).hPhysicalMemoryObject;
  }
  NTSTATUS map(DXGKARGCB_MAP_PHYSICAL_MEMORY& args) { return s_.table().DxgkCbMapPhysicalMemory(&args); }
  void unmap(void* base, SIZE_T size) {
    const DXGKARGCB_UNMAP_PHYSICAL_MEMORY args{object_, base, size};
    s_.table().DxgkCbUnmapPhysicalMemory(&args);
  }
  void refused(HANDLE object, int mode, SIZE_T offset, SIZE_T size, NTSTATUS status) {
    DXGKARGCB_MAP_PHYSICAL_MEMORY args{object, static_cast<DXGK_ACCESS_MODE>(mode), offset, size, &args};
    EXPECT_EQ(map(args), status);
    EXPECT_EQ(args.pMappedAddress, nullptr);
    EXPECT_EQ(args.Offset, offset);
    EXPECT_EQ(args.Size, size);
  }
  System s_;
  HANDLE object_ = nullptr;
};

TEST_F(MappingTest, DataStandAtBasePlusOffset) {
  test::covers("R100", "R101", "R102", "R108");
  DXGKARGCB_MAP_PHYSICAL_MEMORY args{object_, DXGK_ACCESS_MODE_KERNEL_MODE, 0x1FF8, 0x10, nullptr};
  ASSERT_EQ(map(args), STATUS_SUCCESS);
  EXPECT_GE(args.Size, args.Offset + 0x10);
  auto* data = static_cast<char*>(args.pMappedAddress) + args.Offset;
  std::memset(data, 0x11, 8);
  std::memset(data + 8, 0x22, 8);
  const auto frames = s_.object(object_).page_frames;
  EXPECT_EQ(s_.machine.memory.load64((frames[1] << 12) + 0xFF8), 0x1111111111111111U);
  EXPECT_EQ(s_.machine.memory.load64(frames[2] << 12), 0x2222222222222222U);
  unmap(args.pMappedAddress, args.Size);
  EXPECT_EQ(s_.machine.memory.mappings(), 0U);
}

TEST_F(MappingTest, SeveralMappingsShowTheSameBytes) {
  test::covers("R109", "R113");
  DXGKARGCB_MAP_PHYSICAL_MEMORY kernel{object_, DXGK_ACCESS_MODE_KERNEL_MODE, 0, 0x4000, nullptr};
  DXGKARGCB_MAP_PHYSICAL_MEMORY user{object_, DXGK_ACCESS_MODE_USER_MODE, 0x3000, 0x1000, nullptr};
  ASSERT_EQ(map(kernel), STATUS_SUCCESS);
  ASSERT_EQ(map(user), STATUS_SUCCESS);
  static_cast<char*>(kernel.pMappedAddress)[0x3123] = 'x';
  EXPECT_EQ(static_cast<char*>(user.pMappedAddress)[user.Offset + 0x123], 'x');
  const auto mappings = s_.object(object_).mappings;
  ASSERT_EQ(mappings.size(), 2U);
  EXPECT_FALSE(mappings[0].user_mode);
  EXPECT_TRUE(mappings[1].user_mode);
}

TEST_F(MappingTest, AMappingHasTheObjectsCacheType) {
  test::covers("R107");
  for (const auto cache : {DXGK_MEMORY_CACHING_TYPE_NON_CACHED, DXGK_MEMORY_CACHING_TYPE_CACHED,
                           DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED}) {
    auto request = create_request(0x1000);
    request.CacheType = cache;
    ASSERT_EQ(s_.table().DxgkCbCreatePhysicalMemoryObject(&request), STATUS_SUCCESS);
    DXGKARGCB_MAP_PHYSICAL_MEMORY args{request.hPhysicalMemoryObject, DXGK_ACCESS_MODE_KERNEL_MODE, 0, 8,
                                       nullptr};
    ASSERT_EQ(map(args), STATUS_SUCCESS);
    EXPECT_EQ(s_.object(request.hPhysicalMemoryObject).mappings[0].cache_type, cache);
  }
}

TEST_F(MappingTest, AddressesOfAnAdlAreNoSourceForAMapping) {
  test::covers("R116");
  const auto args = s_.create(0x1000);
  const DXGK_ADL* adl = s_.allocate_adl(args.hAdapterMemoryObject, 0, 0x1000);
  const auto frame = s_.object(args.hPhysicalMemoryObject).page_frames[0];
  ASSERT_NE(adl->Pages[0], frame) << "a logical page is no page frame";
  PHYSICAL_ADDRESS number{};
  number.QuadPart = static_cast<LONGLONG>(adl->Pages[0] << 12);
  PVOID address = &address;
  EXPECT_EQ(
      s_.table().DxgkCbMapMemory(s_.table().DeviceHandle, number, 0x1000, FALSE, FALSE, MmCached, &address),
      STATUS_INVALID_PARAMETER);
  EXPECT_EQ(address, nullptr);
}

TEST_F(MappingTest, BadRequestsChangeNothing) {
  test::covers("R29", "R104", "R105", "R106", "R115");
  EXPECT_EQ(s_.table().DxgkCbMapPhysicalMemory(nullptr), STATUS_INVALID_PARAMETER);
  refused(object_, 2, 0, 0x1000, STATUS_INVALID_PARAMETER);
  refused(object_, 0, 0, 0, STATUS_INVALID_PARAMETER);
  refused(object_, 0, 0x3000, 0x1001, STATUS_INVALID_PARAMETER);
  refused(object_, 0, 0x4000, 1, STATUS_INVALID_PARAMETER);
  refused(object_, 0, 0x1000, ~SIZE_T{0}, STATUS_INVALID_PARAMETER);
  refused(nullptr, 0, 0, 0x1000, STATUS_INVALID_HANDLE);
  refused(s_.create(0x1000).hAdapterMemoryObject, 0, 0, 0x1000, STATUS_OBJECT_TYPE_MISMATCH);
  refused(nullptr, 2, 0, 0, STATUS_INVALID_HANDLE);  // the handle comes first
  EXPECT_EQ(s_.machine.memory.mappings(), 0U);
}

TEST_F(MappingTest, WrongUnmapsStopTheSystem) {
  test::covers("R94", "R111", "R112");
  DXGKARGCB_MAP_PHYSICAL_MEMORY args{object_, DXGK_ACCESS_MODE_KERNEL_MODE, 0x100, 0x100, nullptr};
  ASSERT_EQ(map(args), STATUS_SUCCESS);
  EXPECT_EQ(bugcheck_of([&] { s_.table().DxgkCbUnmapPhysicalMemory(nullptr); }), Code(0x113, 0));
  EXPECT_EQ(bugcheck_of([&] { unmap(static_cast<char*>(args.pMappedAddress) + args.Offset, args.Size); }),
            Code(0x113, 0));
  EXPECT_EQ(bugcheck_of([&] { unmap(args.pMappedAddress, 0x100); }), Code(0x113, 0));
  EXPECT_EQ(bugcheck_of([&] { s_.destroy(object_, nullptr); }), Code(0x113, 0)) << "a mapping is alive";
  unmap(args.pMappedAddress, args.Size);
  EXPECT_EQ(bugcheck_of([&] { unmap(args.pMappedAddress, args.Size); }), Code(0x113, 0));
  s_.destroy(object_, nullptr);
}

}  // namespace
}  // namespace gpudmar::dxgkrnl
