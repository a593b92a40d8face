// SPDX-License-Identifier: Apache-2.0
// The ring on a byte-level device: copies over both ADL shapes, fences, errors, time-outs, full rings.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "driver-model/hw/regs/dma_regs.h"
#include "tests/driver-model/kmd/fake_system.h"
#include "tests/support/covers.h"

namespace {

using gpudmar::test::covers;
using gpudmar::test::FakeSystem;
namespace dma = gpudmar::regs::dma;

struct KmdCopy : ::testing::Test {
  FakeSystem system;

  std::uint32_t object(std::uint64_t size) {
    GdmCreateObject args{};
    args.size = size;
    args.high = ~0ull;
    args.with_adapter = 1;
    EXPECT_EQ(system.escape(GDM_ESCAPE_CREATE_OBJECT, args), STATUS_SUCCESS);
    return args.object;
  }
  std::uint8_t* map(std::uint32_t id, std::uint64_t size) {
    GdmMapObject args{};
    args.object = id;
    args.size = size;
    EXPECT_EQ(system.escape(GDM_ESCAPE_MAP_OBJECT, args), STATUS_SUCCESS);
    return reinterpret_cast<std::uint8_t*>(args.address);
  }
  GdmAllocateAdl adl(std::uint32_t id, std::uint64_t size, std::uint32_t flags) {
    GdmAllocateAdl args{};
    args.object = id;
    args.size = size;
    args.flags = flags;
    EXPECT_EQ(system.escape(GDM_ESCAPE_ALLOCATE_ADL, args), STATUS_SUCCESS);
    return args;
  }
  static GdmOperand vram(std::uint64_t offset) { return {GDM_OPERAND_VRAM, 0, offset}; }
  static GdmOperand in(const GdmAllocateAdl& adl, std::uint64_t offset) {
    return {GDM_OPERAND_ADL, adl.adl, offset};
  }
  GdmCopy copy(std::uint32_t gpu, GdmOperand from, GdmOperand to, std::uint64_t size, NTSTATUS expected) {
    GdmCopy args{};
    args.adapter_index = gpu;
    args.source = from;
    args.destination = to;
    args.size = size;
    EXPECT_EQ(system.escape(GDM_ESCAPE_COPY, args), expected);
    return args;
  }
  void TearDown() override {
    if (system.contexts.empty()) return;
    system.stop();
    EXPECT_TRUE(system.objects.empty());
    EXPECT_THAT(system.misuse, ::testing::IsEmpty());
  }
};

TEST_F(KmdCopy, ContiguousAndPageArrayAdlsCarryTheSameBytes) {
  covers("R133");
  ASSERT_EQ(system.start(), STATUS_SUCCESS);
  constexpr std::uint64_t kBytes = 5 * PAGE_SIZE;
  const std::uint32_t from = object(kBytes);
  const std::uint32_t to = object(kBytes);
  std::uint8_t* source = map(from, kBytes);
  std::uint8_t* target = map(to, kBytes);
  for (std::uint64_t i = 0; i < kBytes; ++i) source[i] = static_cast<std::uint8_t>(i * 7 + i / 256);
  const auto run = adl(from, kBytes, GDM_ADL_PREFER_CONTIGUOUS);
  const auto array = adl(to, kBytes, 0);
  EXPECT_EQ(run.contiguous, 1u);
  EXPECT_EQ(array.contiguous, 0u);
  constexpr std::uint64_t kSize = 3 * PAGE_SIZE + 11;
  EXPECT_EQ(copy(0, in(run, 5), vram(3), kSize, STATUS_SUCCESS).descriptors, 1u);
  EXPECT_EQ(std::memcmp(&system.gpus[0]->vram[3], source + 5, kSize), 0);
  // Page array from byte 4090 on: 6 bytes, three whole pages, 5 bytes.
  EXPECT_EQ(copy(0, vram(3), in(array, 4090), kSize, STATUS_SUCCESS).descriptors, 5u);
  EXPECT_EQ(std::memcmp(target + 4090, source + 5, kSize), 0);
  EXPECT_EQ(target[4089], 0);
  EXPECT_EQ(target[4090 + kSize], 0);
}

TEST_F(KmdCopy, EachGpuOfTheLinkUsesItsOwnRing) {
  ASSERT_EQ(system.start(), STATUS_SUCCESS);
  const std::uint32_t id = object(PAGE_SIZE);
  std::memset(map(id, PAGE_SIZE), 0x5A, PAGE_SIZE);
  const auto list = adl(id, PAGE_SIZE, 0);
  copy(1, in(list, 0), vram(0), PAGE_SIZE, STATUS_SUCCESS);
  EXPECT_EQ(system.gpus[0]->descriptors, 0u);
  EXPECT_EQ(system.gpus[1]->descriptors, 2u);
  EXPECT_EQ(system.gpus[1]->vram[PAGE_SIZE - 1], 0x5A);
  copy(2, in(list, 0), vram(0), PAGE_SIZE, STATUS_INVALID_PARAMETER);
}

TEST_F(KmdCopy, NoSnoopGoesIntoEveryDescriptorOfTheCopy) {
  covers("contract.dma.no-snoop");
  ASSERT_EQ(system.start(), STATUS_SUCCESS);
  const auto list = adl(object(4 * PAGE_SIZE), 4 * PAGE_SIZE, 0);
  GdmCopy args = copy(0, in(list, 0), vram(0), 3 * PAGE_SIZE, STATUS_SUCCESS);
  EXPECT_EQ(system.gpus[0]->no_snoop, 0u);
  args.flags = GDM_COPY_NO_SNOOP;
  EXPECT_EQ(system.escape(GDM_ESCAPE_COPY, args), STATUS_SUCCESS);
  EXPECT_EQ(system.gpus[0]->no_snoop, args.descriptors);
}

TEST_F(KmdCopy, ErrorIsReportedAndTheRingGoesOn) {
  ASSERT_EQ(system.start(), STATUS_SUCCESS);
  const GdmCopy failed =
      copy(0, {GDM_OPERAND_LOGICAL, 0, 0x77770000}, vram(0), 256, STATUS_DEVICE_DATA_ERROR);
  EXPECT_EQ(failed.error.code, dma::error::READ);
  EXPECT_EQ(failed.error.operand, 1u);
  EXPECT_EQ(failed.error.address, 0x77770000u);
  EXPECT_EQ(failed.error.response, 2u);
  const GdmCopy good = copy(0, vram(0), vram(512), 256, STATUS_SUCCESS);
  EXPECT_EQ(good.error.code, 0u);
  EXPECT_GT(good.fence, failed.fence);
}

TEST_F(KmdCopy, LostErrorInterruptIsFoundInTheStatus) {
  ASSERT_EQ(system.start(), STATUS_SUCCESS);
  system.gpus[0]->lose_interrupts = true;
  const GdmCopy failed = copy(0, vram(0), {GDM_OPERAND_LOGICAL, 0, 0x1000}, 8, STATUS_DEVICE_DATA_ERROR);
  EXPECT_EQ(failed.error.code, dma::error::WRITE);
  EXPECT_EQ(failed.error.operand, 2u);
}

TEST_F(KmdCopy, DeafDeviceTimesOutWithinTheLimit) {
  ASSERT_EQ(system.start(), STATUS_SUCCESS);
  GdmParameters.FenceTimeout = 1000;  // 100 us
  system.gpus[0]->deaf = true;
  const std::uint64_t start = system.platform.time.now();
  copy(0, vram(0), vram(64), 8, STATUS_IO_TIMEOUT);
  EXPECT_GE(system.platform.time.now() - start, 100'000u);
  EXPECT_LT(system.platform.time.now() - start, 110'000u);
  system.gpus[0]->deaf = false;
  copy(0, vram(0), vram(64), 8, STATUS_SUCCESS);
}

TEST_F(KmdCopy, MoreDescriptorsThanTheRingHolds) {
  GdmParameters.RingSizeLog2 = 3;
  ASSERT_EQ(system.start(), STATUS_SUCCESS);
  constexpr std::uint64_t kPages = 50;
  const std::uint32_t id = object(kPages * PAGE_SIZE);
  std::memset(map(id, kPages * PAGE_SIZE), 0xA5, kPages * PAGE_SIZE);
  const auto list = adl(id, kPages * PAGE_SIZE, 0);
  EXPECT_EQ(copy(0, in(list, 0), vram(0), kPages * PAGE_SIZE, STATUS_SUCCESS).descriptors, kPages);
  EXPECT_EQ(system.gpus[0]->vram[kPages * PAGE_SIZE - 1], 0xA5);
  EXPECT_EQ(system.gpus[0]->vram[kPages * PAGE_SIZE], 0);
}

TEST_F(KmdCopy, ErrorWhileTheRingIsFull) {
  GdmParameters.RingSizeLog2 = 2;
  ASSERT_EQ(system.start(), STATUS_SUCCESS);
  const std::uint32_t id = object(20 * PAGE_SIZE);
  const auto list = adl(id, 20 * PAGE_SIZE, 0);
  system.translations.erase((list.first_page >> PAGE_SHIFT) + 4);  // page 2 of the array
  const GdmCopy failed = copy(0, in(list, 0), vram(0), 20 * PAGE_SIZE, STATUS_DEVICE_DATA_ERROR);
  EXPECT_EQ(failed.error.address, list.first_page + 4 * PAGE_SIZE);
  copy(0, vram(0), vram(64), 8, STATUS_SUCCESS);
}

TEST_F(KmdCopy, RingOnScatteredPagesIsCutToItsFirstRun) {
  system.contiguous = false;
  ASSERT_EQ(system.start(), STATUS_SUCCESS);
  EXPECT_EQ(dma::CH_RING_CFG::SIZE_LOG2.get(system.gpus[0]->mmio.peek32(dma::CH_RING_CFG::kOffset)), 6u);
  copy(0, vram(0), vram(64), 8, STATUS_SUCCESS);
}

TEST_F(KmdCopy, FreeAdlAndTouchShowsThatEveryGpuIsBlocked) {
  ASSERT_EQ(system.start(), STATUS_SUCCESS);
  for (const std::uint32_t write_first : {0u, 1u}) {
    const std::uint32_t id = object(4 * PAGE_SIZE);
    const auto list = adl(id, 4 * PAGE_SIZE, GDM_ADL_PREFER_CONTIGUOUS);
    GdmFreeAdlAndTouch touch{};
    touch.adl = list.adl;
    touch.offset = PAGE_SIZE + 64;
    touch.bytes = 64;
    touch.write_first = write_first;
    ASSERT_EQ(system.escape(GDM_ESCAPE_FREE_ADL_AND_TOUCH, touch), STATUS_SUCCESS);
    ASSERT_EQ(touch.adapters, 2u);
    EXPECT_EQ(touch.address, list.first_page + PAGE_SIZE + 64);
    for (unsigned gpu = 0; gpu < 2; ++gpu) {
      EXPECT_EQ(touch.result[gpu].live_status, STATUS_SUCCESS);
      EXPECT_EQ(touch.result[gpu].read_status, STATUS_DEVICE_DATA_ERROR);
      EXPECT_EQ(touch.result[gpu].read_error.address, touch.address);
      EXPECT_EQ(touch.result[gpu].read_error.code, dma::error::READ);
      EXPECT_EQ(touch.result[gpu].write_status, STATUS_DEVICE_DATA_ERROR);
      EXPECT_EQ(touch.result[gpu].write_error.address, touch.address);
      EXPECT_EQ(touch.result[gpu].write_error.code, dma::error::WRITE);
    }
  }
}

TEST_F(KmdCopy, FreeAdlAndTouchTellsWhenAnAccessGoesThrough) {
  ASSERT_EQ(system.start(), STATUS_SUCCESS);
  const std::uint32_t id = object(PAGE_SIZE);
  const auto list = adl(id, PAGE_SIZE, 0);
  GdmFreeAdlAndTouch touch{};
  touch.adl = list.adl;
  touch.bytes = 64;
  system.translations_survive = true;
  ASSERT_EQ(system.escape(GDM_ESCAPE_FREE_ADL_AND_TOUCH, touch), STATUS_SUCCESS);
  EXPECT_EQ(touch.result[0].read_status, STATUS_SUCCESS);
  EXPECT_EQ(touch.result[1].write_status, STATUS_SUCCESS);
}

}  // namespace
