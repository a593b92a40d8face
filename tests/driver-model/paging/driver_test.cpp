// SPDX-License-Identifier: Apache-2.0
// What the graphics kernel makes of a driver's answers to paging calls: the arguments of each, and the end of
// the system for those that break the rules.
#include <algorithm>

#include "tests/driver-model/paging/scripted_driver.h"

namespace gpudmar::test {
namespace {

TEST_F(PagingDriver, GetsTheDocumentedArguments) {
  covers("R160", "R162", "R164", "R167", "R169", "E7");
  dxgkrnl::PagingConfig config;
  config.map_pages = 3;
  start(config);
  script_.flags.Cached = 1;
  const AllocationId first = create_physical(2);
  const AllocationId id = create_physical(5);
  ASSERT_EQ(paging().make_resident(first), STATUS_SUCCESS);
  script_.built.clear();
  ASSERT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  ASSERT_EQ(script_.built.size(), 2U);
  for (unsigned i = 0; i < 2; ++i) {
    const auto& map = script_.built[i].MapApertureSegment2;
    EXPECT_EQ(script_.built[i].Operation, DXGK_OPERATION_MAP_APERTURE_SEGMENT2);
    EXPECT_EQ(map.hAllocation, &script_);
    EXPECT_EQ(map.SegmentId, 2U);
    EXPECT_EQ(map.OffsetInPages, 2U + 3 * i) << "from the segment's begin";
    EXPECT_EQ(map.NumberOfPages, i == 0 ? 3U : 2U);
    EXPECT_EQ(map.AdlOffset, 3U * i);
    EXPECT_EQ(map.Adl.PageCount, 5U);
    EXPECT_EQ(map.Adl.Flags.Value, 1U);
    EXPECT_EQ(map.Flags.CacheCoherent, 1U);
    EXPECT_EQ(map.CpuVisibleAddress, nullptr);
  }
  ASSERT_EQ(paging().evict(id), STATUS_SUCCESS);
  const auto& unmap = script_.built.back().UnmapApertureSegment;
  EXPECT_EQ(unmap.OffsetInPages, 5U);
  EXPECT_EQ(unmap.NumberOfPages, 2U);
  EXPECT_EQ(static_cast<std::uint64_t>(unmap.DummyPage.QuadPart) / kPage, paging().dummy_page(0));
  EXPECT_EQ(m_->kernel->stop(), STATUS_SUCCESS);
}

TEST_F(PagingDriver, ASegmentPopulatedFromSystemMemoryIsAnIdentity) {
  covers("R23", "G18");
  constexpr std::uint64_t kPlace = 0xB000'0000;
  script_.carved_out = kPlace;
  start();
  const vtd::Domain& domain = *m_->kernel->remapping_unit()->domains().front();
  for (std::uint64_t page = 0; page < 16; ++page) {
    EXPECT_TRUE(domain.reserves(kPlace / kPage + page));
    EXPECT_EQ(domain.lookup(kPlace / kPage + page)->pfn, kPlace / kPage + page);
  }
  EXPECT_FALSE(domain.reserves(kPlace / kPage + 16));
  EXPECT_FALSE(domain.reserves(0)) << "the aperture is none";
}

TEST_F(PagingDriver, ASegmentInTheSystemsMemoryStopsTheStart) {
  covers("R22", "R23");
  make();
  script_.carved_out = m_->fake.platform.memory->ram().front().base + 0x10'0000;
  EXPECT_EQ(m_->start(), STATUS_CONFLICTING_ADDRESSES);
}

TEST_F(PagingDriver, TransfersCountOffsetsOnTheSegmentSideOnly) {
  dxgkrnl::PagingConfig config;
  config.transfer_pages = 4;
  start(config);
  const AllocationId id = create_local(6);
  std::uint8_t byte = 1;
  ASSERT_EQ(paging().access(id, 0, &byte, 1, true), STATUS_SUCCESS);
  ASSERT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  ASSERT_EQ(script_.built.size(), 2U);
  for (unsigned i = 0; i < 2; ++i) {
    const auto& transfer = script_.built[i].Transfer;
    EXPECT_EQ(transfer.Source.SegmentId, 0U);
    EXPECT_NE(transfer.Source.pMdl, nullptr);
    EXPECT_EQ(transfer.Destination.SegmentId, 1U);
    EXPECT_EQ(transfer.Destination.SegmentAddress.QuadPart, 0x100000);
    EXPECT_EQ(transfer.TransferOffset, i * 4 * kPage);
    EXPECT_EQ(transfer.MdlOffset, i * 4);
    EXPECT_EQ(transfer.TransferSize, (i == 0 ? 4 : 2) * kPage);
    EXPECT_EQ(transfer.Flags.TransferStart, i == 0 ? 1U : 0U);
    EXPECT_EQ(transfer.Flags.TransferEnd, i == 0 ? 0U : 1U);
  }
  EXPECT_EQ(m_->kernel->stop(), STATUS_SUCCESS);
}

TEST_F(PagingDriver, PassesKeepTheDriversOffset) {
  covers("R171", "E8");
  start();
  const AllocationId id = create_physical(1);
  script_.on_build = [&](DXGKARG_BUILDPAGINGBUFFER& args) -> NTSTATUS {
    EXPECT_EQ(args.MultipassOffset,
              args.Operation == DXGK_OPERATION_UNMAP_APERTURE_SEGMENT ? 0 : 7 * (script_.built.size() - 1));
    EXPECT_LE(args.DmaSize, kBufferSize);
    args.MultipassOffset += 7;
    args.pDmaBuffer = static_cast<UCHAR*>(args.pDmaBuffer) + 64;
    args.pDmaBufferPrivateData = static_cast<UCHAR*>(args.pDmaBufferPrivateData) + 8;
    return script_.built.size() < 4 ? STATUS_GRAPHICS_INSUFFICIENT_DMA_BUFFER : STATUS_SUCCESS;
  };
  ASSERT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  EXPECT_EQ(script_.submitted.size(), 4U) << "each buffer is submitted";
  for (std::size_t i = 0; i + 1 < script_.submitted.size(); ++i)
    EXPECT_NE(script_.built[i].pDmaBuffer, script_.built[i + 1].pDmaBuffer);
  const auto& last = script_.submitted.back();
  EXPECT_EQ(last.DmaBufferSubmissionEndOffset - last.DmaBufferSubmissionStartOffset, 64U);
  EXPECT_EQ(last.DmaBufferPrivateDataSubmissionEndOffset - last.DmaBufferPrivateDataSubmissionStartOffset,
            8U);
  EXPECT_EQ(m_->kernel->stop(), STATUS_SUCCESS);
}

TEST_F(PagingDriver, NothingWrittenIsNothingToSubmit) {
  covers("E8", "E9");
  start();
  const AllocationId id = create_physical(1);
  script_.on_build = [](DXGKARG_BUILDPAGINGBUFFER&) { return STATUS_SUCCESS; };
  EXPECT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  EXPECT_TRUE(script_.submitted.empty());
  EXPECT_EQ(m_->kernel->stop(), STATUS_SUCCESS);
}

TEST_F(PagingDriver, BusyAllocationsAreTriedAgain) {
  covers("R172");
  start();
  const AllocationId id = create_physical(1);
  unsigned calls = 0;
  script_.on_build = [&](DXGKARG_BUILDPAGINGBUFFER&) -> NTSTATUS {
    return ++calls < 4 ? STATUS_GRAPHICS_ALLOCATION_BUSY : STATUS_SUCCESS;
  };
  EXPECT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  EXPECT_EQ(calls, 4U);
  calls = 0;
  script_.on_build = [&](DXGKARG_BUILDPAGINGBUFFER&) -> NTSTATUS { return STATUS_GRAPHICS_ALLOCATION_BUSY; };
  EXPECT_EQ(end_of([&] { (void)paging().evict(id); }), Ends(0x10E, 0x3)) << "R175: unmap failed";
}

TEST_F(PagingDriver, OtherFailuresEndTheSystem) {
  covers("R172", "R175");
  for (const NTSTATUS status : {STATUS_NO_MEMORY, STATUS_NOT_SUPPORTED, STATUS_PENDING}) {
    start();
    const AllocationId id = create_physical(1);
    script_.on_build = [&](DXGKARG_BUILDPAGINGBUFFER&) { return status; };
    EXPECT_EQ(end_of_residency(id), Ends(0x10E, 0xB)) << std::hex << status;
    script_.on_build = nullptr;
    m_.reset();
  }
  start();
  const AllocationId id = create_physical(1);
  script_.on_build = [&](DXGKARG_BUILDPAGINGBUFFER&) -> NTSTATUS {
    return STATUS_GRAPHICS_INSUFFICIENT_DMA_BUFFER;  // of a whole buffer, again and again
  };
  EXPECT_EQ(end_of_residency(id), Ends(0x10E, 0xE));
}

TEST_F(PagingDriver, OverflowingBuffersEndTheSystem) {
  start();
  const AllocationId id = create_physical(1);
  script_.on_build = [&](DXGKARG_BUILDPAGINGBUFFER& args) -> NTSTATUS {
    args.pDmaBuffer = static_cast<UCHAR*>(args.pDmaBuffer) + kBufferSize + 1;
    return STATUS_SUCCESS;
  };
  EXPECT_EQ(end_of_residency(id), Ends(0x10E, 0x12));
  m_.reset();
  start();
  const AllocationId other = create_physical(1);
  script_.on_build = [&](DXGKARG_BUILDPAGINGBUFFER& args) -> NTSTATUS {
    args.pDmaBufferPrivateData = static_cast<UCHAR*>(args.pDmaBufferPrivateData) + 65;
    return STATUS_SUCCESS;
  };
  EXPECT_EQ(end_of_residency(other), Ends(0x10E, 0x13));
}

TEST_F(PagingDriver, FailedSubmissionsEndTheSystem) {
  covers("E10");
  start();
  const AllocationId id = create_physical(1);
  script_.status["Submit 1"] = STATUS_INSUFFICIENT_RESOURCES;
  EXPECT_EQ(end_of_residency(id), Ends(0x119, 0x2));
  script_.status.clear();
  m_.reset();
  script_.patch = true;
  start();
  const AllocationId other = create_physical(1);
  ASSERT_EQ(paging().make_resident(other), STATUS_SUCCESS);
  EXPECT_EQ(std::count(script_.calls.begin(), script_.calls.end(), "Patch"), 1);
  script_.status["Patch"] = STATUS_UNSUCCESSFUL;
  EXPECT_EQ(end_of([&] { (void)paging().evict(other); }), Ends(0x119, 0x3));
}

TEST_F(PagingDriver, FencesThatCanNotBeEndTheSystem) {
  start();
  const AllocationId id = create_physical(1);
  script_.on_submit = [&](const DXGKARG_SUBMITCOMMAND& args) {
    EXPECT_EQ(end_of([&] { complete(args.SubmissionFenceId + 1); }), Ends(0x119, 0x1)) << "not submitted";
    complete(args.SubmissionFenceId);
    EXPECT_EQ(end_of([&] { complete(args.SubmissionFenceId - 1); }), Ends(0x119, 0x1)) << "backwards";
    EXPECT_EQ(end_of([&] { preempted(9, args.SubmissionFenceId); }), Ends(0x119, 0x1)) << "never asked for";
    return STATUS_SUCCESS;
  };
  ASSERT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  ASSERT_EQ(paging().evict(id), STATUS_SUCCESS);
  EXPECT_EQ(m_->kernel->stop(), STATUS_SUCCESS);
}

TEST_F(PagingDriver, FaultedCommandsEndTheSystem) {
  start();
  const AllocationId id = create_physical(1);
  script_.on_submit = [&](const DXGKARG_SUBMITCOMMAND& args) {
    DXGKARGCB_NOTIFY_INTERRUPT_DATA data{};
    data.InterruptType = DXGK_INTERRUPT_DMA_FAULTED;
    data.DmaFaulted.FaultedFenceId = args.SubmissionFenceId;
    data.DmaFaulted.Status = STATUS_DEVICE_HARDWARE_ERROR;
    notify(data);
    return STATUS_SUCCESS;
  };
  EXPECT_EQ(end_of_residency(id), Ends(0x119, 0x5));
}

TEST_F(PagingDriver, FailedCreationsLeaveNothing) {
  start();
  script_.status["CreateAllocation"] = STATUS_NO_MEMORY;
  const std::uint64_t bytes = kPage;
  AllocationId id = 0;
  EXPECT_EQ(paging().create(&bytes, sizeof(bytes), id), STATUS_NO_MEMORY);
  script_.status.clear();
  const std::size_t objects = m_->kernel->objects().size();
  script_.segments = 0;
  EXPECT_EQ(paging().create(&bytes, sizeof(bytes), id), STATUS_INVALID_PARAMETER) << "no segment";
  script_.segments = 4;
  EXPECT_EQ(paging().create(&bytes, sizeof(bytes), id), STATUS_INVALID_PARAMETER) << "an unknown one";
  script_.segments = 2;
  const std::uint64_t large = 1ULL << 32;
  EXPECT_EQ(paging().create(&large, sizeof(large), id), STATUS_INVALID_PARAMETER);
  script_.flags.ExplicitResidencyNotification = 1;
  EXPECT_EQ(paging().create(&bytes, sizeof(bytes), id), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(std::count(script_.calls.begin(), script_.calls.end(), "DestroyAllocation"), 4);
  EXPECT_EQ(m_->kernel->objects().size(), objects);
  EXPECT_EQ(paging().make_resident(17), STATUS_INVALID_HANDLE);
  EXPECT_EQ(paging().evict(17), STATUS_INVALID_HANDLE);
  EXPECT_EQ(paging().destroy(17), STATUS_INVALID_HANDLE);
}

}  // namespace
}  // namespace gpudmar::test
