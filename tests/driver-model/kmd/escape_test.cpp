// SPDX-License-Identifier: Apache-2.0
// The escape interface: what it refuses, and the life cycle of objects through it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/driver-model/kmd/fake_system.h"
#include "tests/support/covers.h"

namespace {

using gpudmar::test::covers;
using gpudmar::test::FakeSystem;

struct KmdEscape : ::testing::Test {
  FakeSystem system;
  void SetUp() override { ASSERT_EQ(system.start(), STATUS_SUCCESS); }
  void TearDown() override {
    system.stop();
    EXPECT_THAT(system.misuse, ::testing::IsEmpty());
  }
  GdmCreateObject create(bool with_adapter) {
    GdmCreateObject args{};
    args.size = 2 * PAGE_SIZE;
    args.high = ~0ull;
    args.with_adapter = with_adapter;
    args.adapter_index = 1;
    EXPECT_EQ(system.escape(GDM_ESCAPE_CREATE_OBJECT, args), STATUS_SUCCESS);
    return args;
  }
  NTSTATUS command(std::uint32_t code, std::uint32_t object) {
    GdmObjectCommand args{};
    args.object = object;
    return system.escape(code, args);
  }
  NTSTATUS destroy(std::uint32_t object, std::uint32_t form) {
    GdmDestroyObject args{};
    args.object = object;
    args.form = form;
    return system.escape(GDM_ESCAPE_DESTROY_OBJECT, args);
  }
};

TEST_F(KmdEscape, MalformedBuffersAreRefused) {
  GdmReadAdl args{};
  args.header = {GDM_ESCAPE_MAGIC, GDM_ESCAPE_READ_ADL, sizeof args, 0};
  EXPECT_EQ(system.raw_escape(nullptr, sizeof args), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(system.raw_escape(&args, sizeof args.header - 1), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(system.raw_escape(&args, sizeof args - 1), STATUS_INVALID_BUFFER_SIZE);
  args.header.size = 4096;
  EXPECT_EQ(system.raw_escape(&args, sizeof args), STATUS_INVALID_BUFFER_SIZE);
  args.header = {GDM_ESCAPE_MAGIC, 99, sizeof args, 0};
  EXPECT_EQ(system.raw_escape(&args, sizeof args), STATUS_INVALID_PARAMETER);
  args.header = {0, GDM_ESCAPE_READ_ADL, sizeof args, 0};
  EXPECT_EQ(system.raw_escape(&args, sizeof args), STATUS_INVALID_PARAMETER);
}

TEST_F(KmdEscape, SplitFormClosesThenDestroys) {
  covers("R90");
  const auto object = create(true);
  system.calls.clear();
  EXPECT_EQ(destroy(object.object, GDM_DESTROY_SPLIT), STATUS_SUCCESS);
  EXPECT_THAT(system.calls, ::testing::ElementsAre("Close", "Destroy"));
}

TEST_F(KmdEscape, CombinedFormNamesBothHandles) {
  const auto object = create(true);
  system.calls.clear();
  EXPECT_EQ(destroy(object.object, GDM_DESTROY_COMBINED), STATUS_SUCCESS);
  EXPECT_THAT(system.calls, ::testing::ElementsAre("Destroy+"));
}

TEST_F(KmdEscape, ObjectWithoutAdapterIsOpenedLater) {
  const auto object = create(false);
  GdmAllocateAdl adl{};
  adl.object = object.object;
  adl.size = PAGE_SIZE;
  EXPECT_EQ(system.escape(GDM_ESCAPE_ALLOCATE_ADL, adl), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(command(GDM_ESCAPE_OPEN_OBJECT, object.object), STATUS_SUCCESS);
  EXPECT_EQ(system.escape(GDM_ESCAPE_ALLOCATE_ADL, adl), STATUS_SUCCESS);
  GdmFreeAdl free{};
  free.adl = adl.adl;
  EXPECT_EQ(system.escape(GDM_ESCAPE_FREE_ADL, free), STATUS_SUCCESS);
  EXPECT_EQ(command(GDM_ESCAPE_CLOSE_OBJECT, object.object), STATUS_SUCCESS);
  EXPECT_EQ(command(GDM_ESCAPE_CLOSE_OBJECT, object.object), STATUS_INVALID_DEVICE_STATE);
  EXPECT_EQ(command(GDM_ESCAPE_OPEN_OBJECT, object.object), STATUS_SUCCESS);
}

TEST_F(KmdEscape, UserModeCannotStopTheSystem) {
  const auto object = create(true);
  GdmAllocateAdl adl{};
  adl.object = object.object;
  adl.size = PAGE_SIZE;
  ASSERT_EQ(system.escape(GDM_ESCAPE_ALLOCATE_ADL, adl), STATUS_SUCCESS);
  EXPECT_EQ(command(GDM_ESCAPE_CLOSE_OBJECT, object.object), STATUS_INVALID_DEVICE_STATE);
  EXPECT_EQ(destroy(object.object, GDM_DESTROY_COMBINED), STATUS_INVALID_DEVICE_STATE);
  EXPECT_EQ(destroy(12345, GDM_DESTROY_COMBINED), STATUS_INVALID_HANDLE);
  GdmFreeAdl free{};
  free.adl = adl.adl + 1;
  EXPECT_EQ(system.escape(GDM_ESCAPE_FREE_ADL, free), STATUS_INVALID_HANDLE);
}

TEST_F(KmdEscape, MappingsAddTheReturnedOffset) {
  covers("R101");
  const auto object = create(true);
  GdmMapObject map{};
  map.object = object.object;
  map.offset = 0x123;
  map.size = 0x100;
  ASSERT_EQ(system.escape(GDM_ESCAPE_MAP_OBJECT, map), STATUS_SUCCESS);
  GdmAllocateAdl adl{};
  adl.object = object.object;
  adl.size = PAGE_SIZE;
  ASSERT_EQ(system.escape(GDM_ESCAPE_ALLOCATE_ADL, adl), STATUS_SUCCESS);
  EXPECT_EQ(reinterpret_cast<std::uint8_t*>(map.address), system.resolve(adl.first_page) + 0x123);
  map.address += 1;
  EXPECT_EQ(system.escape(GDM_ESCAPE_UNMAP_OBJECT, map), STATUS_NOT_MAPPED_VIEW);
  map.address -= 1;
  EXPECT_EQ(system.escape(GDM_ESCAPE_UNMAP_OBJECT, map), STATUS_SUCCESS);
}

TEST_F(KmdEscape, ReadAdlGivesEveryPage) {
  const auto object = create(true);
  GdmAllocateAdl adl{};
  adl.object = object.object;
  adl.size = 2 * PAGE_SIZE;
  ASSERT_EQ(system.escape(GDM_ESCAPE_ALLOCATE_ADL, adl), STATUS_SUCCESS);
  GdmReadAdl read{};
  read.adl = adl.adl;
  read.page = 1;
  ASSERT_EQ(system.escape(GDM_ESCAPE_READ_ADL, read), STATUS_SUCCESS);
  EXPECT_EQ(system.resolve(read.address), system.resolve(adl.first_page) + PAGE_SIZE);
  read.page = 2;
  EXPECT_EQ(system.escape(GDM_ESCAPE_READ_ADL, read), STATUS_INVALID_PARAMETER);
}

TEST_F(KmdEscape, CopyOutsideTheAdlIsRefusedBeforeTheDevice) {
  const auto object = create(true);
  GdmAllocateAdl adl{};
  adl.object = object.object;
  adl.size = PAGE_SIZE;
  ASSERT_EQ(system.escape(GDM_ESCAPE_ALLOCATE_ADL, adl), STATUS_SUCCESS);
  GdmCopy copy{};
  copy.source = {GDM_OPERAND_ADL, adl.adl, 1};
  copy.size = PAGE_SIZE;
  EXPECT_EQ(system.escape(GDM_ESCAPE_COPY, copy), STATUS_INVALID_PARAMETER);
  copy.source.address = ~0ull;
  EXPECT_EQ(system.escape(GDM_ESCAPE_COPY, copy), STATUS_INTEGER_OVERFLOW);
  copy.size = 0;
  EXPECT_EQ(system.escape(GDM_ESCAPE_COPY, copy), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(system.gpus[0]->descriptors, 0u);
}

TEST_F(KmdEscape, OutOfPoolLeavesNothingBehind) {
  const std::size_t before = system.objects.size();
  system.runtime.fail_pool_after(0);
  GdmCreateObject args{};
  args.size = PAGE_SIZE;
  args.high = ~0ull;
  EXPECT_EQ(system.escape(GDM_ESCAPE_CREATE_OBJECT, args), STATUS_NO_MEMORY);
  system.runtime.fail_pool_after(-1);
  EXPECT_EQ(system.objects.size(), before);
}

}  // namespace
