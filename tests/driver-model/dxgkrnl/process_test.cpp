// SPDX-License-Identifier: Apache-2.0
// User-mode mappings and the processes they belong to.
#include "driver-model/dxgkrnl/process.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/driver-model/dxgkrnl/scripted_miniport.h"
#include "tests/support/covers.h"

namespace gpudmar::dxgkrnl {
namespace {

using Code = std::pair<std::uint32_t, std::uint64_t>;

class ProcessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(s_.start(), STATUS_SUCCESS);
    object_ = s_.create(0x4000, DXGK_PHYSICAL_MEMORY_TYPE_MDL, false).hPhysicalMemoryObject;
    first_ = s_.kernel->processes().create("first");
    second_ = s_.kernel->processes().create("second");
  }
  DXGKARGCB_MAP_PHYSICAL_MEMORY map(DXGK_ACCESS_MODE mode) {
    DXGKARGCB_MAP_PHYSICAL_MEMORY args{object_, mode, 0x1000, 0x1000, nullptr};
    EXPECT_EQ(s_.table().DxgkCbMapPhysicalMemory(&args), STATUS_SUCCESS);
    return args;
  }
  void unmap(const DXGKARGCB_MAP_PHYSICAL_MEMORY& view) {
    const DXGKARGCB_UNMAP_PHYSICAL_MEMORY args{object_, view.pMappedAddress, view.Size};
    s_.table().DxgkCbUnmapPhysicalMemory(&args);
  }
  [[nodiscard]] ProcessScope in(ProcessId process) { return {s_.kernel->processes(), process}; }

  System s_;
  HANDLE object_ = nullptr;
  ProcessId first_ = 0;
  ProcessId second_ = 0;
};

TEST_F(ProcessTest, AUserMappingBelongsToTheCurrentProcess) {
  test::covers("R109", "R110");
  DXGKARGCB_MAP_PHYSICAL_MEMORY user{};
  DXGKARGCB_MAP_PHYSICAL_MEMORY kernel{};
  {
    const ProcessScope scope = in(first_);
    user = map(DXGK_ACCESS_MODE_USER_MODE);
    kernel = map(DXGK_ACCESS_MODE_KERNEL_MODE);
    const auto views = s_.object(object_).mappings;
    ASSERT_EQ(views.size(), 2U);
    EXPECT_EQ(views[0].process, first_);
    EXPECT_EQ(views[1].process, kSystemProcess) << "kernel addresses are the same in every process";
  }
  EXPECT_EQ(bugcheck_of([&] { unmap(user); }), Code(0x113, 0)) << "from the system process";
  {
    const ProcessScope scope = in(second_);
    EXPECT_EQ(bugcheck_of([&] { unmap(user); }), Code(0x113, 0));
    unmap(kernel);
  }
  static_cast<char*>(user.pMappedAddress)[user.Offset] = 1;  // still there
  const ProcessScope scope = in(first_);
  unmap(user);
  EXPECT_TRUE(s_.object(object_).mappings.empty());
}

TEST_F(ProcessTest, AProcessMustNotEndWithMappings) {
  test::covers("R94", "R109");
  DXGKARGCB_MAP_PHYSICAL_MEMORY user{};
  {
    const ProcessScope scope = in(first_);
    user = map(DXGK_ACCESS_MODE_USER_MODE);
  }
  EXPECT_EQ(bugcheck_of([&] { s_.kernel->exit_process(first_); }), Code(0x76, 0));
  EXPECT_EQ(bugcheck_of([&] { s_.destroy(object_, nullptr); }), Code(0x113, 0)) << "nor the object";
  s_.kernel->exit_process(second_);
  EXPECT_FALSE(s_.kernel->processes().exists(second_));
  {
    const ProcessScope scope = in(first_);
    unmap(user);
    EXPECT_THROW(s_.kernel->exit_process(first_), std::logic_error) << "a thread is in it";
  }
  s_.kernel->exit_process(first_);
  EXPECT_THROW((void)in(first_), std::logic_error);
  EXPECT_THROW(s_.kernel->exit_process(kSystemProcess), std::logic_error);
  EXPECT_NE(s_.kernel->processes().create("third"), first_) << "numbers are not used again";
}

TEST_F(ProcessTest, ScopesNest) {
  ProcessTable& table = s_.kernel->processes();
  EXPECT_EQ(table.current(), kSystemProcess);
  {
    const ProcessScope outer = in(first_);
    {
      const ProcessScope inner = in(second_);
      EXPECT_EQ(table.current(), second_);
    }
    EXPECT_EQ(table.current(), first_);
    EXPECT_EQ(table.name(first_), "first");
  }
  EXPECT_EQ(table.current(), kSystemProcess);
}

}  // namespace
}  // namespace gpudmar::dxgkrnl
