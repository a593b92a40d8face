// SPDX-License-Identifier: Apache-2.0
// Pool in RAM: a driver's own MDL of it, built or locked, mapped to the IOMMU and taken back.
#include <gmock/gmock.h>

#include <cstring>

#include "tests/driver-model/dxgkrnl/modes.h"
#include "tests/support/covers.h"

namespace gpudmar::dxgkrnl {
namespace {

constexpr ULONG kTag = 0x6C6F6F50;

KernelConfig pool_in_ram() {
  KernelConfig config;
  config.pool_in_ram = true;
  return config;
}

class Pool : public ::testing::TestWithParam<RemappingMode> {
 protected:
  void SetUp() override { ASSERT_EQ(s_.start(), STATUS_SUCCESS) << s_.kernel->start_error(); }
  [[nodiscard]] static bool isolated() { return GetParam() == RemappingMode::kIsolation; }
  /// An MDL of the whole block.
  PMDL mdl_of(PVOID block, ULONG bytes) {
    PMDL mdl = IoAllocateMdl(block, bytes, FALSE, FALSE, nullptr);
    MmBuildMdlForNonPagedPool(mdl);
    return mdl;
  }
  ModeSystem s_{GetParam(), {}, pool_in_ram()};
};

TEST_P(Pool, AnMdlOfItIsReachedWhileItIsMapped) {
  test::covers("R142", "R222", "G8");
  auto* block = static_cast<UCHAR*>(ExAllocatePool2(POOL_FLAG_NON_PAGED, 2 * PAGE_SIZE, kTag));
  ASSERT_NE(block, nullptr);
  EXPECT_GE(s_.kernel->pool_pages(), 2U);
  std::memset(block + PAGE_SIZE, 0x5C, 8);
  PMDL mdl = mdl_of(block, 2 * PAGE_SIZE);
  const PFN_NUMBER page = MmGetMdlPfnArray(mdl)[1];
  EXPECT_EQ(static_cast<std::uint64_t>(MmGetPhysicalAddress(block + PAGE_SIZE + 5).QuadPart),
            (page << PAGE_SHIFT) + 5);
  EXPECT_EQ(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority), block);
  EXPECT_EQ(s_.reads(kGpu0, page), !isolated()) << "nobody mapped it yet";

  const HANDLE handle = s_.map_mdl(mdl);
  ASSERT_NE(handle, nullptr);
  EXPECT_EQ(s_.machine.dma_read(kGpu1, page << PAGE_SHIFT), 0x5C5C5C5C5C5C5C5CULL);
  EXPECT_TRUE(s_.machine.dma_write(kGpu0, (page << PAGE_SHIFT) + 8, 0x1234));
  EXPECT_EQ(block[PAGE_SIZE + 8], 0x34);
  s_.unmap_mdl(handle);
  EXPECT_EQ(s_.reads(kGpu0, page), !isolated());
  IoFreeMdl(mdl);
  ExFreePoolWithTag(block, kTag);
  EXPECT_FALSE(s_.kernel->pages().state(page)) << "given back";
  EXPECT_EQ(s_.kernel->stop(), STATUS_SUCCESS);
}

TEST_P(Pool, WhatADeviceReachesIsNotFreed) {
  PVOID block = ExAllocatePool2(POOL_FLAG_NON_PAGED, PAGE_SIZE, kTag);
  PMDL mdl = mdl_of(block, PAGE_SIZE);
  const HANDLE handle = s_.map_mdl(mdl);
  EXPECT_THROW(ExFreePoolWithTag(block, kTag), wdk::KernelRuleError);
  s_.unmap_mdl(handle);
  ExFreePoolWithTag(block, kTag);
  IoFreeMdl(mdl);
}

TEST_P(Pool, OfBothKindsCanBeLocked) {
  test::covers("R222", "R226");
  for (const POOL_FLAGS kind : {POOL_FLAG_NON_PAGED, POOL_FLAG_PAGED}) {
    SCOPED_TRACE(kind == POOL_FLAG_PAGED ? "paged" : "non-paged");
    auto* block = static_cast<UCHAR*>(ExAllocatePool2(kind, 2 * PAGE_SIZE, kTag));
    ASSERT_NE(block, nullptr);
    const std::uint64_t locked_before = s_.kernel->pages().locked_pages();
    // From the middle of the first page to that of the second.
    PMDL mdl = IoAllocateMdl(block + 100, PAGE_SIZE, FALSE, FALSE, nullptr);
    MmProbeAndLockPages(mdl, KernelMode, IoModifyAccess);
    EXPECT_EQ(mdl->MdlFlags, MDL_PAGES_LOCKED | MDL_WRITE_OPERATION);
    EXPECT_EQ(s_.kernel->pages().locked_pages(), locked_before + (kind == POOL_FLAG_PAGED ? 2 : 0));
    const PFN_NUMBER page = MmGetMdlPfnArray(mdl)[1];
    EXPECT_TRUE(s_.kernel->driver_memory().holds(page));
    EXPECT_EQ(static_cast<std::uint64_t>(MmGetPhysicalAddress(block + PAGE_SIZE).QuadPart),
              page << PAGE_SHIFT);
    auto* view = static_cast<UCHAR*>(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority));
    view[PAGE_SIZE - 100] = 0x5C;
    EXPECT_EQ(block[PAGE_SIZE], 0x5C) << "the same page";
    const HANDLE handle = s_.map_mdl(mdl);
    ASSERT_NE(handle, nullptr);
    EXPECT_TRUE(s_.machine.dma_write(kGpu0, (page << PAGE_SHIFT) + 8, 0x1234));
    EXPECT_EQ(block[PAGE_SIZE + 8], 0x34);
    s_.unmap_mdl(handle);
    EXPECT_EQ(s_.reads(kGpu0, page), !isolated());
    EXPECT_THROW(ExFreePoolWithTag(block, kTag), wdk::KernelRuleError) << "locked";
    MmUnlockPages(mdl);
    EXPECT_EQ(s_.kernel->pages().locked_pages(), locked_before);
    IoFreeMdl(mdl);
    ExFreePoolWithTag(block, kTag);
    EXPECT_FALSE(s_.kernel->pages().state(page)) << "given back";
  }
  EXPECT_EQ(s_.kernel->pool_pages(), 0U);
  EXPECT_EQ(s_.kernel->stop(), STATUS_SUCCESS);
}

TEST_P(Pool, PagedPoolHasNoFramesThatStayUntilItIsLocked) {
  auto* block = static_cast<UCHAR*>(ExAllocatePool2(POOL_FLAG_PAGED, 64, kTag));
  PMDL mdl = IoAllocateMdl(block, 64, FALSE, FALSE, nullptr);
  EXPECT_THROW(MmGetPhysicalAddress(block), wdk::KernelRuleError);
  EXPECT_THROW(MmBuildMdlForNonPagedPool(mdl), wdk::KernelRuleError);
  {
    const wdk::IrqlRaise raised(wdk::Runtime::active(), DISPATCH_LEVEL);
    EXPECT_THROW(MmProbeAndLockPages(mdl, KernelMode, IoReadAccess), wdk::KernelRuleError);
  }
  MmProbeAndLockPages(mdl, KernelMode, IoReadAccess);
  EXPECT_EQ(mdl->MdlFlags, MDL_PAGES_LOCKED);
  EXPECT_THROW(MmBuildMdlForNonPagedPool(mdl), wdk::KernelRuleError) << "locked or not";
  EXPECT_EQ(static_cast<std::uint64_t>(MmGetPhysicalAddress(block).QuadPart) >> PAGE_SHIFT,
            MmGetMdlPfnArray(mdl)[0]);
  EXPECT_THROW(MmProbeAndLockPages(mdl, KernelMode, IoReadAccess), wdk::KernelRuleError) << "twice";
  MmUnlockPages(mdl);
  EXPECT_THROW(MmUnlockPages(mdl), wdk::KernelRuleError) << "twice";
  EXPECT_THROW(MmGetPhysicalAddress(block), wdk::KernelRuleError);
  IoFreeMdl(mdl);
  ExFreePoolWithTag(block, kTag);
}

TEST_P(Pool, NonPagedPoolIsLockedAtDispatchLevel) {
  PVOID block = ExAllocatePool2(POOL_FLAG_NON_PAGED, PAGE_SIZE, kTag);
  PMDL mdl = IoAllocateMdl(block, PAGE_SIZE, FALSE, FALSE, nullptr);
  {
    const wdk::IrqlRaise raised(wdk::Runtime::active(), DISPATCH_LEVEL);
    MmProbeAndLockPages(mdl, KernelMode, IoReadAccess);
    MmUnlockPages(mdl);
  }
  EXPECT_THROW(MmProbeAndLockPages(mdl, UserMode, IoReadAccess), wdk::KernelRuleError);
  IoFreeMdl(mdl);
  ExFreePoolWithTag(block, kTag);
}

TEST_P(Pool, RunsOutWithTheMachinesMemory) {
  s_.kernel->pages().failures().after(0, true);
  EXPECT_EQ(ExAllocatePool2(POOL_FLAG_NON_PAGED, PAGE_SIZE, kTag), nullptr);
  EXPECT_TRUE(s_.kernel->pages().failures().disarm());
  PVOID block = ExAllocatePool2(POOL_FLAG_NON_PAGED, PAGE_SIZE, kTag);
  EXPECT_NE(block, nullptr);
  // Left to the kernel's end.
}

INSTANTIATE_TEST_SUITE_P(Modes, Pool, ::testing::Values(RemappingMode::kIsolation, RemappingMode::kPhysical),
                         [](const auto& info) { return name_of_mode(info.param); });

TEST(PoolOfTheHost, IsRefused) {
  ModeSystem s(RemappingMode::kIsolation);
  ASSERT_EQ(s.start(), STATUS_SUCCESS);
  for (const POOL_FLAGS kind : {POOL_FLAG_NON_PAGED, POOL_FLAG_PAGED}) {
    PVOID block = ExAllocatePool2(kind, PAGE_SIZE, kTag);
    EXPECT_THROW(MmGetPhysicalAddress(block), wdk::KernelRuleError);
    PMDL mdl = IoAllocateMdl(block, PAGE_SIZE, FALSE, FALSE, nullptr);
    EXPECT_THROW(MmProbeAndLockPages(mdl, KernelMode, IoReadAccess), wdk::KernelRuleError);
    IoFreeMdl(mdl);
    ExFreePoolWithTag(block, kTag);
  }
}

}  // namespace
}  // namespace gpudmar::dxgkrnl
