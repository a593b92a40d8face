// SPDX-License-Identifier: Apache-2.0
// The miniport's paging alone, on a byte-level device: descriptors of each operation, submissions, fences,
// preemption, resets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

#include "driver-model/hw/regs/dma_regs.h"
#include "driver-model/kmd/allocation.h"
#include "tests/driver-model/kmd/fake_system.h"
#include "tests/support/covers.h"

namespace {

using gpudmar::test::covers;
using gpudmar::test::FakeSystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
namespace dma = gpudmar::regs::dma;
namespace d = gpudmar::regs::dma::descriptor;

constexpr UINT kVram = GDM_SEGMENT_VRAM;
constexpr UINT kAperture = GDM_SEGMENT_APERTURE;
constexpr std::uint64_t kBufferPage = 0x9000;  // logical, of the paging buffer

/// An MDL over page numbers.
struct TestMdl {
  explicit TestMdl(const std::vector<PFN_NUMBER>& numbers) : storage(6 + numbers.size()) {
    mdl()->ByteCount = static_cast<ULONG>(numbers.size() * PAGE_SIZE);
    std::copy(numbers.begin(), numbers.end(), MmGetMdlPfnArray(mdl()));
  }
  PMDL mdl() { return reinterpret_cast<PMDL>(storage.data()); }
  std::vector<std::uint64_t> storage;
};

struct KmdPaging : ::testing::Test {
  FakeSystem system;
  alignas(4096) UCHAR buffer[8192] = {};
  UCHAR private_data[4096] = {};
  UINT used = 0;
  UINT private_used = 0;
  std::vector<std::unique_ptr<std::vector<std::uint8_t>>> pages;

  void SetUp() override {
    ASSERT_EQ(system.start(), STATUS_SUCCESS);
    // Where the device finds the paging buffer.
    for (unsigned i = 0; i < sizeof(buffer) / PAGE_SIZE; ++i)
      system.translations[kBufferPage + i] = buffer + i * PAGE_SIZE;
  }
  void TearDown() override {
    system.stop();
    EXPECT_TRUE(system.objects.empty());
    EXPECT_THAT(system.misuse, IsEmpty());
  }
  gpudmar::test::FakeGpu& gpu(unsigned index = 0) { return *system.gpus[index]; }
  /// Memory at a logical page.
  std::uint8_t* page(std::uint64_t number) {
    pages.push_back(std::make_unique<std::vector<std::uint8_t>>(PAGE_SIZE));
    return system.translations[number] = pages.back()->data();
  }
  DXGKARG_BUILDPAGINGBUFFER request(DXGK_BUILDPAGINGBUFFER_OPERATION operation, UINT room = sizeof(buffer)) {
    DXGKARG_BUILDPAGINGBUFFER args{};
    args.pDmaBuffer = buffer + used;
    args.DmaSize = std::min<UINT>(room, sizeof(buffer) - used);
    args.pDmaBufferPrivateData = private_data + private_used;
    args.DmaBufferPrivateDataSize = sizeof(private_data) - private_used;
    args.Operation = operation;
    return args;
  }
  NTSTATUS build(DXGKARG_BUILDPAGINGBUFFER& args) {
    const NTSTATUS status = system.driver.DxgkDdiBuildPagingBuffer(system.contexts[0], &args);
    used = static_cast<UINT>(static_cast<UCHAR*>(args.pDmaBuffer) - buffer);
    private_used = static_cast<UINT>(static_cast<UCHAR*>(args.pDmaBufferPrivateData) - private_data);
    return status;
  }
  /// Descriptor i of the buffer.
  std::vector<std::uint64_t> descriptor(unsigned i) {
    std::vector<std::uint64_t> qws(8);
    std::memcpy(qws.data(), buffer + i * 64, 64);
    return qws;
  }
  NTSTATUS submit(UINT fence, UINT engine = 0, UINT from = 0, UINT private_from = 0) {
    DXGKARG_SUBMITCOMMAND args{};
    args.DmaBufferPhysicalAddress.QuadPart = kBufferPage << PAGE_SHIFT;
    args.DmaBufferSize = sizeof(buffer);
    args.DmaBufferSubmissionStartOffset = from;
    args.DmaBufferSubmissionEndOffset = used;
    args.pDmaBufferPrivateData = private_data;
    args.DmaBufferPrivateDataSize = sizeof(private_data);
    args.DmaBufferPrivateDataSubmissionStartOffset = private_from;
    args.DmaBufferPrivateDataSubmissionEndOffset = private_used;
    args.SubmissionFenceId = fence;
    args.Flags.Paging = 1;
    args.EngineOrdinal = engine;
    const gpudmar::wdk::IrqlRaise raised(system.runtime, DISPATCH_LEVEL);
    return system.driver.DxgkDdiSubmitCommand(system.contexts[0], &args);
  }
  void wait() { system.platform.time.wait(20'000); }
  /// {type, fence} of each notification.
  std::vector<std::pair<int, UINT>> told() {
    std::vector<std::pair<int, UINT>> all;
    for (const auto& n : system.notifications) {
      if (n.data.InterruptType == DXGK_INTERRUPT_DMA_COMPLETED) {
        EXPECT_EQ(n.data.DmaCompleted.NodeOrdinal, 0U);
      }
      all.emplace_back(n.data.InterruptType, n.data.DmaCompleted.SubmissionFenceId);  // every type begins so
      EXPECT_TRUE(n.seen) << "NotifyDpc is owed";
    }
    return all;
  }
};

TEST_F(KmdPaging, ReportsItsSegments) {
  DXGK_QUERYSEGMENTIN4 in{1};
  DXGK_QUERYSEGMENTOUT4 out{};
  ASSERT_EQ(system.query(DXGKQAITYPE_QUERYSEGMENT4, &out, sizeof out, &in, sizeof in), STATUS_SUCCESS);
  ASSERT_EQ(out.NbSegment, 2U);
  std::vector<BYTE> descriptors(2 * 128);
  out.pSegmentDescriptor = descriptors.data();
  out.SegmentDescriptorStride = 128;
  ASSERT_EQ(system.query(DXGKQAITYPE_QUERYSEGMENT4, &out, sizeof out, &in, sizeof in), STATUS_SUCCESS);
  DXGK_SEGMENTDESCRIPTOR4 segment;
  std::memcpy(&segment, descriptors.data(), sizeof segment);
  EXPECT_EQ(segment.Flags.Value, 0U);
  EXPECT_EQ(segment.BaseAddress.QuadPart, 1 << 19);
  EXPECT_EQ(segment.Size, 1U << 19);
  std::memcpy(&segment, descriptors.data() + 128, sizeof segment);
  EXPECT_EQ(segment.Flags.Aperture, 1U);
  EXPECT_EQ(segment.Size, 256U * PAGE_SIZE);
  EXPECT_EQ(out.PagingBufferSegmentId, 0U);
  in.PhysicalAdapterIndex = 2;
  EXPECT_EQ(system.query(DXGKQAITYPE_QUERYSEGMENT4, &out, sizeof out, &in, sizeof in),
            STATUS_INVALID_PARAMETER);
  EXPECT_EQ(system.query(DXGKQAITYPE_QUERYSEGMENT4, &out, sizeof out), STATUS_INVALID_PARAMETER);
  out.NbSegment = 3;
  in.PhysicalAdapterIndex = 0;
  EXPECT_EQ(system.query(DXGKQAITYPE_QUERYSEGMENT4, &out, sizeof out, &in, sizeof in),
            STATUS_INVALID_PARAMETER);
}

TEST_F(KmdPaging, TransfersFollowTheRunsOfTheMdl) {
  covers("E8");
  TestMdl mdl({0x50, 0x61, 0x62, 0x63, 0x70});
  auto args = request(DXGK_OPERATION_TRANSFER);
  args.Transfer.TransferSize = 3 * PAGE_SIZE + 100;
  args.Transfer.TransferOffset = PAGE_SIZE;
  args.Transfer.MdlOffset = 1;
  args.Transfer.Source.pMdl = mdl.mdl();
  args.Transfer.Destination.SegmentId = kVram;
  args.Transfer.Destination.SegmentAddress.QuadPart = 0x80000;
  ASSERT_EQ(build(args), STATUS_SUCCESS);
  EXPECT_EQ(used, 2U * 64);
  EXPECT_EQ(d::SRC_SPACE.get(descriptor(0).data()), dma::space::LOGICAL);
  EXPECT_EQ(d::SRC.get(descriptor(0).data()), 0x61000U);
  EXPECT_EQ(d::DST_SPACE.get(descriptor(0).data()), dma::space::VRAM);
  EXPECT_EQ(d::DST.get(descriptor(0).data()), 0x81000U) << "TransferOffset counts on this side";
  EXPECT_EQ(d::LENGTH.get(descriptor(0).data()), 3U * PAGE_SIZE - 1);
  EXPECT_EQ(d::SRC.get(descriptor(1).data()), 0x70000U);
  EXPECT_EQ(d::DST.get(descriptor(1).data()), 0x84000U);
  EXPECT_EQ(d::LENGTH.get(descriptor(1).data()), 99U);

  std::memset(page(0x61), 1, PAGE_SIZE);
  std::memset(page(0x62), 2, PAGE_SIZE);
  std::memset(page(0x63), 3, PAGE_SIZE);
  std::memset(page(0x70), 4, PAGE_SIZE);
  ASSERT_EQ(submit(1), STATUS_SUCCESS);
  wait();
  EXPECT_EQ(gpu().vram[0x81000], 1);
  EXPECT_EQ(gpu().vram[0x83FFF], 3);
  EXPECT_EQ(gpu().vram[0x84063], 4);
  EXPECT_EQ(gpu().vram[0x84064], 0);
  EXPECT_THAT(told(), ElementsAre(std::pair(1, 1U)));
}

TEST_F(KmdPaging, TransfersBeyondTheMdlAreRefused) {
  TestMdl mdl({0x50, 0x51});
  for (const auto& [offset, size] :
       {std::pair<UINT, SIZE_T>{0, 2 * PAGE_SIZE + 1}, {1, PAGE_SIZE + 1}, {3, 1}}) {
    auto args = request(DXGK_OPERATION_TRANSFER);
    args.Transfer.TransferSize = size;
    args.Transfer.MdlOffset = offset;
    args.Transfer.Source.SegmentId = kVram;
    args.Transfer.Destination.pMdl = mdl.mdl();
    EXPECT_EQ(build(args), STATUS_INVALID_PARAMETER);
  }
  auto args = request(DXGK_OPERATION_TRANSFER);
  args.Transfer.TransferSize = 1;
  args.Transfer.Source.SegmentId = 3;
  args.Transfer.Destination.SegmentId = kVram;
  EXPECT_EQ(build(args), STATUS_INVALID_PARAMETER) << "no such segment";
  args.Transfer.Source.SegmentId = 0;
  EXPECT_EQ(build(args), STATUS_INVALID_PARAMETER) << "no MDL";
  EXPECT_EQ(used, 0U);
}

TEST_F(KmdPaging, OperationsWithoutWorkWriteNothing) {
  covers("E8", "E11");
  for (const auto operation : {DXGK_OPERATION_DISCARD_CONTENT, DXGK_OPERATION_READ_PHYSICAL,
                               DXGK_OPERATION_WRITE_PHYSICAL, DXGK_OPERATION_NOTIFY_RESIDENCY}) {
    auto args = request(operation);
    EXPECT_EQ(build(args), STATUS_SUCCESS);
  }
  auto lost = request(DXGK_OPERATION_TRANSFER);  // of size 0: content that a reset took
  lost.Transfer.Source.SegmentId = kVram;
  EXPECT_EQ(build(lost), STATUS_SUCCESS);
  auto unknown = request(DXGK_OPERATION_UPDATE_PAGE_TABLE);
  EXPECT_EQ(build(unknown), STATUS_NOT_SUPPORTED);
  EXPECT_EQ(used, 0U);
  EXPECT_EQ(private_used, 0U);
}

TEST_F(KmdPaging, FillsAndLockTransfersReachTheAperture) {
  auto map = request(DXGK_OPERATION_MAP_APERTURE_SEGMENT2);
  map.MapApertureSegment2.SegmentId = kAperture;
  map.MapApertureSegment2.OffsetInPages = 4;
  map.MapApertureSegment2.NumberOfPages = 2;
  map.MapApertureSegment2.Adl.PageCount = 5;
  map.MapApertureSegment2.Adl.Flags.Contiguous = 1;
  map.MapApertureSegment2.Adl.BasePageNumber = 0x200;
  map.MapApertureSegment2.AdlOffset = 3;
  ASSERT_EQ(build(map), STATUS_SUCCESS);
  const std::uint8_t* first = page(0x203);
  const std::uint8_t* second = page(0x204);
  auto fill = request(DXGK_OPERATION_FILL);
  fill.Fill.FillSize = PAGE_SIZE + 8;
  fill.Fill.FillPattern = 0xA1B2C3D4;
  fill.Fill.Destination.SegmentId = kAperture;
  fill.Fill.Destination.SegmentAddress.QuadPart = 4 * PAGE_SIZE;
  ASSERT_EQ(build(fill), STATUS_SUCCESS);
  auto lock = request(DXGK_OPERATION_SPECIAL_LOCK_TRANSFER);
  lock.SpecialLockTransfer.TransferSize = 16;
  lock.SpecialLockTransfer.Source.SegmentId = kAperture;
  lock.SpecialLockTransfer.Source.SegmentAddress.QuadPart = 5 * PAGE_SIZE;
  lock.SpecialLockTransfer.Destination.SegmentId = kVram;
  lock.SpecialLockTransfer.Destination.SegmentAddress.QuadPart = 0x80000;
  ASSERT_EQ(build(lock), STATUS_SUCCESS);
  ASSERT_EQ(submit(1), STATUS_SUCCESS) << "three operations, each behind the one before it";
  wait();
  EXPECT_EQ(gpu().fences, 3U);
  EXPECT_EQ(first[0], 0xD4);
  EXPECT_EQ(first[PAGE_SIZE - 1], 0xA1);
  EXPECT_EQ(second[7], 0xA1);
  EXPECT_EQ(second[8], 0);
  EXPECT_EQ(gpu().vram[0x80000], 0xD4);
  EXPECT_EQ(gpu().vram[0x80008], 0);
  EXPECT_THAT(told(), ElementsAre(std::pair(1, 1U)));
}

TEST_F(KmdPaging, PageArraysStandInThePagingBuffer) {
  covers("R162", "R164", "R171");
  std::vector<DXGK_PAGE_NUMBER> numbers(200);
  std::iota(numbers.rbegin(), numbers.rend(), 0x1000);  // descending
  auto before = request(DXGK_OPERATION_FILL);           // so that the list is not at the buffer's begin
  before.Fill.FillSize = 4;
  before.Fill.Destination.SegmentId = kVram;
  ASSERT_EQ(build(before), STATUS_SUCCESS);
  const UINT from = used;
  const UINT private_from = private_used;
  auto map = request(DXGK_OPERATION_MAP_APERTURE_SEGMENT2, 64 + 64 * 10);  // 80 entries
  map.MapApertureSegment2.SegmentId = kAperture;
  map.MapApertureSegment2.OffsetInPages = 30;
  map.MapApertureSegment2.NumberOfPages = 150;
  map.MapApertureSegment2.Adl.PageCount = 200;
  map.MapApertureSegment2.Adl.Pages = numbers.data();
  map.MapApertureSegment2.AdlOffset = 50;
  UINT multipass = 0;
  std::vector<UINT> passes;
  NTSTATUS status = STATUS_SUCCESS;
  do {
    auto again = request(map.Operation, 64 + 64 * 10);
    again.MapApertureSegment2 = map.MapApertureSegment2;
    again.MultipassOffset = multipass;
    status = build(again);
    multipass = again.MultipassOffset;
    passes.push_back(multipass);
  } while (status == STATUS_GRAPHICS_INSUFFICIENT_DMA_BUFFER && passes.size() < 10);
  ASSERT_EQ(status, STATUS_SUCCESS);
  EXPECT_THAT(passes, ElementsAre(80U, 150U));
  ASSERT_EQ(submit(1, 0, from, private_from), STATUS_SUCCESS);
  wait();
  for (unsigned i = 0; i < 150; ++i) ASSERT_EQ(gpu().aperture_page(30 + i), numbers[50 + i]) << i;
  EXPECT_EQ(gpu().aperture_page(29), std::nullopt);
  EXPECT_EQ(gpu().aperture_page(180), std::nullopt);
}

TEST_F(KmdPaging, MdlsMapAndTheDummyPageUnmaps) {
  covers("R161", "R169");
  TestMdl mdl({0x31, 0x22, 0x45});
  auto map = request(DXGK_OPERATION_MAP_APERTURE_SEGMENT);
  map.MapApertureSegment.SegmentId = kAperture;
  map.MapApertureSegment.OffsetInPages = 8;
  map.MapApertureSegment.NumberOfPages = 2;
  map.MapApertureSegment.pMdl = mdl.mdl();
  map.MapApertureSegment.MdlOffset = 1;
  ASSERT_EQ(build(map), STATUS_SUCCESS);
  ASSERT_EQ(submit(1), STATUS_SUCCESS);
  wait();
  EXPECT_EQ(gpu().aperture_page(8), 0x22U);
  EXPECT_EQ(gpu().aperture_page(9), 0x45U);
  map.MapApertureSegment.NumberOfPages = 3;
  EXPECT_EQ(build(map), STATUS_INVALID_PARAMETER) << "beyond the MDL";
  const UINT from = used;
  const UINT private_from = private_used;
  auto unmap = request(DXGK_OPERATION_UNMAP_APERTURE_SEGMENT);
  unmap.UnmapApertureSegment.SegmentId = kAperture;
  unmap.UnmapApertureSegment.OffsetInPages = 8;
  unmap.UnmapApertureSegment.NumberOfPages = 2;
  unmap.UnmapApertureSegment.DummyPage.QuadPart = 0x77000;
  ASSERT_EQ(build(unmap), STATUS_SUCCESS);
  ASSERT_EQ(submit(2, 0, from, private_from), STATUS_SUCCESS);
  wait();
  EXPECT_EQ(gpu().aperture_page(8), 0x77U);
  EXPECT_EQ(gpu().aperture_page(9), 0x77U);
  EXPECT_THAT(told(), ElementsAre(std::pair(1, 1U), std::pair(1, 2U)));
}

TEST_F(KmdPaging, RangesBeyondTheApertureOrTheAdlAreRefused) {
  const auto attempt = [&](UINT segment, SIZE_T offset, SIZE_T count, ULONG adl_offset) {
    auto map = request(DXGK_OPERATION_MAP_APERTURE_SEGMENT2);
    map.MapApertureSegment2.SegmentId = segment;
    map.MapApertureSegment2.OffsetInPages = offset;
    map.MapApertureSegment2.NumberOfPages = count;
    map.MapApertureSegment2.Adl.PageCount = 10;
    map.MapApertureSegment2.Adl.Flags.Contiguous = 1;
    map.MapApertureSegment2.AdlOffset = adl_offset;
    return build(map);
  };
  EXPECT_EQ(attempt(kAperture, 250, 6, 0), STATUS_SUCCESS);
  EXPECT_EQ(attempt(kAperture, 251, 6, 0), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(attempt(kAperture, 257, 1, 0), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(attempt(kAperture, 0, 0, 0), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(attempt(kVram, 0, 1, 0), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(attempt(kAperture, 0, 4, 6), STATUS_SUCCESS);
  EXPECT_EQ(attempt(kAperture, 0, 5, 6), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(attempt(kAperture, 0, 1, 11), STATUS_INVALID_PARAMETER);
}

TEST_F(KmdPaging, NoRoomIsSaidWithoutWriting) {
  covers("R171");
  auto fill = request(DXGK_OPERATION_FILL, 63);
  fill.Fill.FillSize = 4;
  fill.Fill.Destination.SegmentId = kVram;
  EXPECT_EQ(build(fill), STATUS_GRAPHICS_INSUFFICIENT_DMA_BUFFER);
  auto without_private = request(DXGK_OPERATION_FILL);
  without_private.Fill = fill.Fill;
  without_private.DmaBufferPrivateDataSize = 0;
  EXPECT_EQ(build(without_private), STATUS_GRAPHICS_INSUFFICIENT_DMA_BUFFER);
  EXPECT_EQ(used, 0U);
}

TEST_F(KmdPaging, BadSubmissionsAreRefused) {
  covers("E10");
  auto fill = request(DXGK_OPERATION_FILL);
  fill.Fill.FillSize = 4;
  fill.Fill.Destination.SegmentId = kVram;
  ASSERT_EQ(build(fill), STATUS_SUCCESS);
  EXPECT_EQ(submit(1, 2), STATUS_INVALID_PARAMETER) << "no such engine";
  EXPECT_EQ(submit(1, 0, used + 64), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(submit(1, 0, used), STATUS_INVALID_PARAMETER) << "the record lies outside";
  EXPECT_EQ(submit(1, 0, 0, 8), STATUS_INVALID_PARAMETER) << "half a record";
  EXPECT_EQ(submit(1), STATUS_SUCCESS);
  wait();
  EXPECT_THAT(told(), ElementsAre(std::pair(1, 1U)));
}

TEST_F(KmdPaging, TheRingIsUsedManyTimesOver) {
  constexpr UINT kRounds = 400;
  auto fill = request(DXGK_OPERATION_FILL);
  fill.Fill.FillSize = 4;
  fill.Fill.Destination.SegmentId = kVram;
  for (unsigned i = 0; i < 10; ++i) {
    auto args = request(DXGK_OPERATION_FILL);
    args.Fill = fill.Fill;
    args.Fill.Destination.SegmentAddress.QuadPart = 0x80000 + 4 * i;
    args.Fill.FillPattern = i + 1;
    ASSERT_EQ(build(args), STATUS_SUCCESS);
  }
  for (UINT fence = 1; fence <= kRounds; ++fence) {
    ASSERT_EQ(submit(fence), STATUS_SUCCESS);
    wait();
  }
  EXPECT_EQ(told().size(), kRounds);
  EXPECT_EQ(told().back().second, kRounds);
  EXPECT_EQ(gpu().vram[0x80000 + 36], 10);
}

TEST_F(KmdPaging, PreemptionWaitsForTheQueueOrIsReportedAtOnce) {
  covers("E13");
  const auto preempt = [&](UINT id) {
    const DXGKARG_PREEMPTCOMMAND args{id, 0, 0, {}};
    const gpudmar::wdk::IrqlRaise raised(system.runtime, DISPATCH_LEVEL);
    return system.driver.DxgkDdiPreemptCommand(system.contexts[0], &args);
  };
  ASSERT_EQ(preempt(1), STATUS_SUCCESS);
  wait();
  EXPECT_THAT(told(), ElementsAre(std::pair(2, 1U))) << "nothing to preempt";
  EXPECT_EQ(system.notifications[0].data.DmaPreempted.LastCompletedFenceId, 0U);
  auto fill = request(DXGK_OPERATION_FILL);
  fill.Fill.FillSize = 4;
  fill.Fill.Destination.SegmentId = kVram;
  ASSERT_EQ(build(fill), STATUS_SUCCESS);
  ASSERT_EQ(submit(7), STATUS_SUCCESS);
  ASSERT_EQ(preempt(2), STATUS_SUCCESS);
  EXPECT_EQ(system.notifications.size(), 1U) << "not yet";
  wait();
  EXPECT_THAT(told(), ElementsAre(std::pair(2, 1U), std::pair(1, 7U), std::pair(2, 2U)));
  EXPECT_EQ(system.notifications[2].data.DmaPreempted.LastCompletedFenceId, 7U);
}

TEST_F(KmdPaging, EngineResetNamesWhatWasUnderWayAndTakesNewWork) {
  covers("E12");
  auto fill = request(DXGK_OPERATION_FILL);
  fill.Fill.FillSize = 4;
  fill.Fill.Destination.SegmentId = kVram;
  ASSERT_EQ(build(fill), STATUS_SUCCESS);
  ASSERT_EQ(submit(1), STATUS_SUCCESS);
  wait();
  gpu().stuck[1] = 1;
  ASSERT_EQ(submit(2), STATUS_SUCCESS);
  ASSERT_EQ(submit(3), STATUS_SUCCESS);
  wait();
  DXGKARG_QUERYENGINESTATUS state{};
  ASSERT_EQ(system.driver.DxgkDdiQueryEngineStatus(system.contexts[0], &state), STATUS_SUCCESS);
  EXPECT_EQ(state.EngineStatus.Responsive, 0U);
  DXGKARG_QUERYDEPENDENTENGINEGROUP group{};
  ASSERT_EQ(system.driver.DxgkDdiQueryDependentEngineGroup(system.contexts[0], &group), STATUS_SUCCESS);
  EXPECT_EQ(group.DependentNodeOrdinalMask, 1U) << "itself alone";
  DXGKARG_RESETENGINE reset{};
  ASSERT_EQ(system.driver.DxgkDdiResetEngine(system.contexts[0], &reset), STATUS_SUCCESS);
  EXPECT_EQ(reset.LastAbortedFenceId, 2U);
  ASSERT_EQ(system.driver.DxgkDdiQueryEngineStatus(system.contexts[0], &state), STATUS_SUCCESS);
  EXPECT_EQ(state.EngineStatus.Responsive, 1U);
  ASSERT_EQ(submit(3), STATUS_SUCCESS) << "the one behind it, again";
  wait();
  EXPECT_THAT(told(), ElementsAre(std::pair(1, 1U), std::pair(1, 3U)));
  ASSERT_EQ(system.driver.DxgkDdiResetEngine(system.contexts[0], &reset), STATUS_SUCCESS);
  EXPECT_EQ(reset.LastAbortedFenceId, 3U) << "nothing under way: the last completed one";
  reset.NodeOrdinal = 1;
  EXPECT_EQ(system.driver.DxgkDdiResetEngine(system.contexts[0], &reset), STATUS_INVALID_PARAMETER);
  reset.NodeOrdinal = 0;
  gpu().hang_reset = true;
  EXPECT_EQ(system.driver.DxgkDdiResetEngine(system.contexts[0], &reset), STATUS_IO_TIMEOUT);
  gpu().hang_reset = false;
  ASSERT_EQ(system.driver.DxgkDdiResetEngine(system.contexts[0], &reset), STATUS_SUCCESS);
}

TEST_F(KmdPaging, AdapterResetSilencesEveryGpuUntilTheRestart) {
  covers("E11");
  auto fill = request(DXGK_OPERATION_FILL);
  fill.Fill.FillSize = 4;
  fill.Fill.Destination.SegmentId = kVram;
  ASSERT_EQ(build(fill), STATUS_SUCCESS);
  gpu(1).stuck[1] = 1;
  ASSERT_EQ(submit(1, 1), STATUS_SUCCESS);
  wait();
  std::uint64_t report[64] = {};
  DXGKARG_COLLECTDBGINFO info{VIDEO_TDR_TIMEOUT_DETECTED, report, sizeof report, nullptr};
  EXPECT_EQ(system.driver.DxgkDdiCollectDbgInfo(system.contexts[0], &info), STATUS_SUCCESS);
  EXPECT_NE(std::accumulate(std::begin(report), std::end(report), std::uint64_t{0}), 0U);
  info.Reason = 1;
  EXPECT_EQ(system.driver.DxgkDdiCollectDbgInfo(system.contexts[0], &info), STATUS_NOT_SUPPORTED);
  ASSERT_EQ(system.driver.DxgkDdiResetFromTimeout(system.contexts[0]), STATUS_SUCCESS);
  EXPECT_EQ(submit(2), STATUS_DEVICE_NOT_READY);
  GdmCopy copy{};
  copy.size = 4;
  EXPECT_EQ(system.escape(GDM_ESCAPE_COPY, copy), STATUS_DEVICE_BUSY);
  ASSERT_EQ(system.driver.DxgkDdiRestartFromTimeout(system.contexts[0]), STATUS_SUCCESS);
  EXPECT_EQ(system.escape(GDM_ESCAPE_COPY, copy), STATUS_SUCCESS);
  DXGKARG_QUERYCURRENTFENCE current{0, 0, 1};
  ASSERT_EQ(system.driver.DxgkDdiQueryCurrentFence(system.contexts[0], &current), STATUS_SUCCESS);
  EXPECT_EQ(current.CurrentFence, 1U) << "what the reset took counts as completed";
  ASSERT_EQ(submit(2, 1), STATUS_SUCCESS);
  wait();
  EXPECT_THAT(told(), ElementsAre(std::pair(1, 2U)));
  gpu(1).hang_reset = true;
  EXPECT_EQ(system.driver.DxgkDdiResetFromTimeout(system.contexts[0]), STATUS_IO_TIMEOUT);
  gpu(1).hang_reset = false;
}

TEST_F(KmdPaging, ErrorsOfPagingAndOfEscapesDoNotTouchEachOther) {
  auto transfer = request(DXGK_OPERATION_TRANSFER);
  TestMdl mdl({0xDEAD});
  transfer.Transfer.TransferSize = 8;
  transfer.Transfer.Source.pMdl = mdl.mdl();
  transfer.Transfer.Destination.SegmentId = kVram;
  ASSERT_EQ(build(transfer), STATUS_SUCCESS);
  ASSERT_EQ(submit(5), STATUS_SUCCESS);
  wait();
  EXPECT_EQ(gpu().resumes, 1U) << "tried once more";
  EXPECT_THAT(told(), ElementsAre(std::pair(4, 5U)));
  EXPECT_EQ(system.notifications[0].data.DmaFaulted.Status, STATUS_DEVICE_DATA_ERROR);
  GdmCopy copy{};
  copy.size = 64;
  EXPECT_EQ(system.escape(GDM_ESCAPE_COPY, copy), STATUS_SUCCESS) << "channel 0 goes on";
  copy.source = {GDM_OPERAND_APERTURE, 0, 0};
  EXPECT_EQ(system.escape(GDM_ESCAPE_COPY, copy), STATUS_DEVICE_DATA_ERROR);
  EXPECT_EQ(copy.error.code, dma::error::BAD_APERTURE);
  DXGKARG_RESETENGINE reset{};
  ASSERT_EQ(system.driver.DxgkDdiResetEngine(system.contexts[0], &reset), STATUS_SUCCESS);
}

TEST_F(KmdPaging, AllocationsDescribeWhatUserModeAskedFor) {
  GdmAllocationData data{GDM_ALLOCATION_MAGIC, 1, 5000, GDM_ALLOCATION_ACCESSED_PHYSICALLY, 0};
  DXGK_ALLOCATIONINFO info{};
  info.pPrivateDriverData = &data;
  info.PrivateDriverDataSize = sizeof data;
  DXGKARG_CREATEALLOCATION args{};
  args.NumAllocations = 1;
  args.pAllocationInfo = &info;
  const auto create = [&] { return system.driver.DxgkDdiCreateAllocation(system.contexts[0], &args); };
  ASSERT_EQ(create(), STATUS_SUCCESS);
  EXPECT_EQ(info.Size, 2U * PAGE_SIZE);
  EXPECT_EQ(info.SupportedReadSegmentSet, 3U);
  EXPECT_EQ(info.PreferredSegment.SegmentId0, kVram);
  EXPECT_EQ(info.PhysicalAdapterIndex, 1U);
  EXPECT_EQ(info.FlagsWddm2.AccessedPhysically, 1U);
  DXGKARG_DESTROYALLOCATION destroy{};
  destroy.NumAllocations = 1;
  destroy.pAllocationList = &info.hAllocation;
  EXPECT_EQ(system.driver.DxgkDdiDestroyAllocation(system.contexts[0], &destroy), STATUS_SUCCESS);
  const GdmAllocationData good = data;
  for (int bad = 0; bad < 4; ++bad) {
    data = good;
    info.PrivateDriverDataSize = sizeof data;
    if (bad == 0) data.magic = 0;
    if (bad == 1) data.adapter_index = 2;
    if (bad == 2) data.segments = 4;
    if (bad == 3) info.PrivateDriverDataSize = 8;
    EXPECT_EQ(create(), STATUS_INVALID_PARAMETER) << bad;
  }
}

TEST(KmdPagingOff, NeedsASecondChannelAndItsOperations) {
  gpudmar::test::FakeGpu::Config config;
  config.channels = 1;
  FakeSystem system(1, config);
  ASSERT_EQ(system.start(), STATUS_SUCCESS);
  DXGK_QUERYSEGMENTIN4 in{0};
  DXGK_QUERYSEGMENTOUT4 out{};
  ASSERT_EQ(system.query(DXGKQAITYPE_QUERYSEGMENT4, &out, sizeof out, &in, sizeof in), STATUS_SUCCESS);
  EXPECT_EQ(out.NbSegment, 0U);
  EXPECT_EQ(system.objects.size(), 2U) << "no ring for it";
  system.stop();
}

}  // namespace
