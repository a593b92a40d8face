// SPDX-License-Identifier: Apache-2.0
// The miniport's entry points: capabilities of a link, start, stop, failure paths.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "driver-model/hw/regs/dma_regs.h"
#include "tests/driver-model/kmd/fake_system.h"
#include "tests/support/covers.h"

namespace {

using gpudmar::test::covers;
using gpudmar::test::FakeSystem;
namespace dma = gpudmar::regs::dma;

TEST(KmdCaps, AnswersTheMinimumOfTheLink) {
  covers("R2");
  GdmParameters.HighestVisibleAddress[0] = (1ull << 39) - 1;
  GdmParameters.HighestVisibleAddress[1] = (1ull << 37) - 1;
  FakeSystem system;
  system.add_devices();
  DXGK_PHYSICAL_MEMORY_CAPS caps{};
  ASSERT_EQ(system.query(DXGKQAITYPE_PHYSICAL_MEMORY_CAPS, &caps, sizeof caps), STATUS_SUCCESS);
  EXPECT_EQ(caps.HighestVisibleAddress.QuadPart, (1ll << 37) - 1);
  system.stop();
}

TEST(KmdCaps, TooSmallABufferIsRefusedAndUntouched) {
  covers("R3");
  FakeSystem system;
  system.add_devices();
  std::uint8_t buffer[sizeof(DXGK_DRIVERCAPS)] = {};
  EXPECT_EQ(system.query(DXGKQAITYPE_PHYSICAL_MEMORY_CAPS, buffer, 7), STATUS_BUFFER_TOO_SMALL);
  EXPECT_EQ(system.query(DXGKQAITYPE_IOMMU_CAPS, buffer, 3), STATUS_BUFFER_TOO_SMALL);
  EXPECT_EQ(system.query(DXGKQAITYPE_DRIVERCAPS, buffer, sizeof buffer - 1), STATUS_BUFFER_TOO_SMALL);
  EXPECT_EQ(system.query(DXGKQAITYPE_IOMMU_CAPS, nullptr, 4), STATUS_INVALID_PARAMETER);
  EXPECT_THAT(buffer, ::testing::Each(0));
  system.stop();
}

TEST(KmdCaps, MirroredBitsAgreeAndTheLimitIsTheAsics) {
  FakeSystem system;
  system.add_devices();
  DXGK_PHYSICAL_MEMORY_CAPS memory{};
  DXGK_IOMMU_CAPS iommu{};
  DXGK_DRIVERCAPS caps{};
  ASSERT_EQ(system.query(DXGKQAITYPE_PHYSICAL_MEMORY_CAPS, &memory, sizeof memory), STATUS_SUCCESS);
  ASSERT_EQ(system.query(DXGKQAITYPE_IOMMU_CAPS, &iommu, sizeof iommu), STATUS_SUCCESS);
  ASSERT_EQ(system.query(DXGKQAITYPE_DRIVERCAPS, &caps, sizeof caps), STATUS_SUCCESS);
  EXPECT_EQ(memory.HighestVisibleAddress.QuadPart, (1ll << 40) - 1);
  EXPECT_EQ(iommu.Value, 5u);
  EXPECT_EQ(caps.MemoryManagementCaps.IoMmuSecureModeSupported, iommu.IommuIsolationSupported);
  EXPECT_EQ(caps.MemoryManagementCaps.IoMmuSecureModeRequired, iommu.IommuIsolationRequired);
  EXPECT_EQ(caps.MemoryManagementCaps.MapAperture2Supported, 1u);
  EXPECT_EQ(caps.WDDMVersion, DXGKDDI_WDDMv3_0);
  system.stop();
}

TEST(KmdCaps, OldDriverAnswersNeither) {
  GdmParameters.NoMemoryCaps = TRUE;
  FakeSystem system;
  system.add_devices();
  DXGK_PHYSICAL_MEMORY_CAPS memory{};
  EXPECT_EQ(system.query(DXGKQAITYPE_PHYSICAL_MEMORY_CAPS, &memory, sizeof memory), STATUS_NOT_SUPPORTED);
  EXPECT_EQ(system.query(DXGKQAITYPE_IOMMU_CAPS, &memory, sizeof memory), STATUS_NOT_SUPPORTED);
  system.stop();
}

TEST(KmdCaps, PhysicalAdapterHandlesAreTheDeviceHandles) {
  FakeSystem system;
  DXGK_QUERYPHYSICALADAPTERCAPSIN in{1};
  DXGK_PHYSICALADAPTERCAPS caps{};
  system.add_devices();
  EXPECT_EQ(system.query(DXGKQAITYPE_PHYSICALADAPTERCAPS, &caps, sizeof caps, &in, sizeof in),
            STATUS_INVALID_DEVICE_STATE);
  ASSERT_EQ(system.start_device(1), STATUS_SUCCESS);
  ASSERT_EQ(system.query(DXGKQAITYPE_PHYSICALADAPTERCAPS, &caps, sizeof caps, &in, sizeof in),
            STATUS_SUCCESS);
  EXPECT_EQ(caps.DxgkPhysicalAdapterHandle, system.device_handle(1));
  in.PhysicalAdapterIndex = 2;
  EXPECT_EQ(system.query(DXGKQAITYPE_PHYSICALADAPTERCAPS, &caps, sizeof caps, &in, sizeof in),
            STATUS_INVALID_PARAMETER);
  system.stop();
}

TEST(KmdStart, StopFreesEverything) {
  covers("R96", "E19");
  FakeSystem system;
  ASSERT_EQ(system.start(), STATUS_SUCCESS);
  EXPECT_EQ(system.objects.size(), 6u);  // two rings and a fence page each
  GdmCreateObject create{};
  create.size = 3 * PAGE_SIZE;
  create.high = ~0ull;
  create.with_adapter = 1;
  ASSERT_EQ(system.escape(GDM_ESCAPE_CREATE_OBJECT, create), STATUS_SUCCESS);
  GdmMapObject map{};
  map.object = create.object;
  map.size = PAGE_SIZE;
  ASSERT_EQ(system.escape(GDM_ESCAPE_MAP_OBJECT, map), STATUS_SUCCESS);
  GdmAllocateAdl adl{};
  adl.object = create.object;
  adl.size = 3 * PAGE_SIZE;
  ASSERT_EQ(system.escape(GDM_ESCAPE_ALLOCATE_ADL, adl), STATUS_SUCCESS);
  system.stop();
  EXPECT_TRUE(system.objects.empty());
  EXPECT_TRUE(system.adls.empty());
  EXPECT_THAT(system.misuse, ::testing::IsEmpty());
  EXPECT_EQ(system.runtime.pool_blocks(), 0u);
  for (const auto& gpu : system.gpus) EXPECT_EQ(gpu->mmio.peek32(dma::INT_ENABLE::kOffset), 0u);
}

TEST(KmdStart, DeviceWithFewerAddressBitsIsRefused) {
  gpudmar::test::FakeGpu::Config config;
  config.address_bits = 39;
  FakeSystem system(1, config);
  EXPECT_EQ(system.start(), STATUS_DEVICE_CONFIGURATION_ERROR);
  system.stop();
  EXPECT_TRUE(system.objects.empty());
}

TEST(KmdStart, UnknownDeviceIsRefused) {
  FakeSystem system(1);
  system.gpus[0]->mmio.poke32(dma::ID::kOffset, 0xFFFFFFFF);
  EXPECT_EQ(system.start(), STATUS_DEVICE_CONFIGURATION_ERROR);
  system.stop();
}

TEST(KmdStart, ShortCallbackTableIsRefused) {
  FakeSystem system(1);
  system.interface_size = 0x1F0;  // ends before the memory objects
  EXPECT_EQ(system.start(), STATUS_REVISION_MISMATCH);
  system.stop();
}

TEST(KmdStart, EveryFailingCallbackIsUndone) {
  for (const char* name : {"Create", "Map", "AllocateAdl"}) {
    FakeSystem system(1);
    system.fail[name] = STATUS_INSUFFICIENT_RESOURCES;
    EXPECT_EQ(system.start(), STATUS_INSUFFICIENT_RESOURCES) << name;
    EXPECT_TRUE(system.objects.empty()) << name;
    EXPECT_TRUE(system.adls.empty()) << name;
    EXPECT_THAT(system.misuse, ::testing::IsEmpty()) << name;
    system.stop();
    EXPECT_EQ(system.runtime.pool_blocks(), 0u) << name;
  }
}

TEST(KmdStart, HungResetFailsTheStart) {
  FakeSystem system(1);
  system.gpus[0]->hang_reset = true;
  EXPECT_EQ(system.start(), STATUS_IO_TIMEOUT);
  system.stop();
  EXPECT_TRUE(system.objects.empty());
}

TEST(KmdLink, UnlinkedAdapterAnswersWithItsOwnChain) {
  covers("R149");
  GdmParameters.Unlinked = TRUE;
  FakeSystem system(1);
  void* context = nullptr;
  ASSERT_EQ(system.driver.DxgkDdiAddDevice(nullptr, &context), STATUS_SUCCESS);
  LINKED_DEVICE link{7, 2, FALSE};
  ASSERT_EQ(system.driver.DxgkDdiLinkDevice(nullptr, context, &link), STATUS_SUCCESS);
  EXPECT_EQ(link.NumberOfLinksInChain, 1u);
  EXPECT_EQ(link.LeadLink, TRUE);
  EXPECT_NE(link.ChainUid, 7u);
  system.driver.DxgkDdiRemoveDevice(context);
}

TEST(KmdInterrupt, ForeignInterruptIsNotClaimed) {
  covers("E14");
  FakeSystem system(1);
  ASSERT_EQ(system.start(), STATUS_SUCCESS);
  EXPECT_EQ(system.driver.DxgkDdiInterruptRoutine(system.contexts[0], 0), FALSE);
  system.gpus[0]->mmio.poke32(dma::INT_STATUS::kOffset, 1);
  EXPECT_EQ(system.driver.DxgkDdiInterruptRoutine(system.contexts[0], 0), TRUE);
  EXPECT_EQ(system.gpus[0]->mmio.peek32(dma::INT_STATUS::kOffset), 0u);
  system.stop();
}

TEST(KmdPower, SleepAndWakeNeverFailAndKeepTheRingUsable) {
  covers("E3", "E4");
  FakeSystem system(1);
  ASSERT_EQ(system.start(), STATUS_SUCCESS);
  const auto set = [&](ULONG uid, DEVICE_POWER_STATE state) {
    return system.driver.DxgkDdiSetPowerState(system.contexts[0], uid, state, PowerActionNone);
  };
  EXPECT_EQ(set(DISPLAY_ADAPTER_HW_ID, PowerDeviceD3), STATUS_SUCCESS);
  EXPECT_EQ(system.gpus[0]->mmio.peek32(dma::CH_CTRL::kOffset), 0u);
  EXPECT_EQ(set(12345, PowerDeviceD0), STATUS_SUCCESS);
  EXPECT_EQ(system.gpus[0]->mmio.peek32(dma::CH_CTRL::kOffset), 0u);
  EXPECT_EQ(set(DISPLAY_ADAPTER_HW_ID, PowerDeviceD0), STATUS_SUCCESS);
  GdmCopy copy{};
  copy.destination.address = 64;
  copy.size = 64;
  EXPECT_EQ(system.escape(GDM_ESCAPE_COPY, copy), STATUS_SUCCESS);
  system.stop();
}

class KmdExclusive : public ::testing::Test {
 protected:
  NTSTATUS begin(unsigned gpu) {
    DXGKARG_BEGINEXCLUSIVEACCESS args{};
    return system.driver.DxgkDdiBeginExclusiveAccess(system.contexts[gpu], &args);
  }
  NTSTATUS end(unsigned gpu) {
    DXGKARG_ENDEXCLUSIVEACCESS args{};
    return system.driver.DxgkDdiEndExclusiveAccess(system.contexts[gpu], &args);
  }
  NTSTATUS copy(unsigned gpu) {
    GdmCopy args{};
    args.adapter_index = gpu;
    args.destination.address = 64;
    args.size = 64;
    return system.escape(GDM_ESCAPE_COPY, args);
  }
  FakeSystem system{2};
};

TEST_F(KmdExclusive, NothingIsSubmittedBetweenBeginAndEnd) {
  covers("R180", "R181", "R183", "G14");
  ASSERT_EQ(system.start(), STATUS_SUCCESS);
  ASSERT_EQ(copy(1), STATUS_SUCCESS);
  EXPECT_EQ(begin(1), STATUS_SUCCESS);
  const std::uint64_t done = system.gpus[1]->descriptors;
  EXPECT_EQ(system.gpus[1]->mmio.peek32(dma::CH_CTRL::kOffset), 0u) << "stopped and drained";
  EXPECT_EQ(system.gpus[1]->mmio.peek32(dma::INT_ENABLE::kOffset), 0u) << "no message either";
  EXPECT_EQ(copy(1), STATUS_DEVICE_BUSY);
  EXPECT_EQ(copy(0), STATUS_SUCCESS) << "the other member has not been asked";
  system.platform.time.wait(10'000);
  EXPECT_EQ(system.gpus[1]->descriptors, done);
  EXPECT_EQ(begin(1), STATUS_INVALID_DEVICE_STATE) << "a strict pair";
  EXPECT_EQ(end(1), STATUS_SUCCESS);
  EXPECT_EQ(end(1), STATUS_INVALID_DEVICE_STATE);
  EXPECT_EQ(copy(1), STATUS_SUCCESS);
  EXPECT_NE(system.gpus[1]->mmio.peek32(dma::INT_ENABLE::kOffset), 0u);
  system.stop();
}

TEST_F(KmdExclusive, ADeviceThatDoesNotBecomeIdleRefuses) {
  covers("R185");
  ASSERT_EQ(system.start(), STATUS_SUCCESS);
  system.gpus[0]->hang_reset = true;
  EXPECT_EQ(begin(0), STATUS_IO_TIMEOUT);
  EXPECT_EQ(end(0), STATUS_INVALID_DEVICE_STATE);
  system.gpus[0]->hang_reset = false;
  system.stop();
}

TEST_F(KmdExclusive, NotBeforeTheStart) {
  system.add_devices();
  EXPECT_EQ(begin(0), STATUS_INVALID_DEVICE_STATE);
  system.stop();
}

}  // namespace
