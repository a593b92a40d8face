// SPDX-License-Identifier: Apache-2.0
// Segments: what a driver's answer has to be, and who has which pages.
#include <gtest/gtest.h>

#include <cstring>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "driver-model/dxgkrnl/paging_segments.h"
#include "tests/support/covers.h"

namespace gpudmar::dxgkrnl {
namespace {

struct Answer {
  std::vector<DXGK_SEGMENTDESCRIPTOR4> segments;
  UINT buffer_segment = 0;
  UINT buffer_size = 4096;
  UINT calls = 0;
  UINT adapter = 99;

  NTSTATUS operator()(DXGK_QUERYSEGMENTIN4& in, DXGK_QUERYSEGMENTOUT4& out) {
    adapter = in.PhysicalAdapterIndex;
    if (++calls == 1) {
      EXPECT_EQ(out.NbSegment, 0U);
      EXPECT_EQ(out.pSegmentDescriptor, nullptr);
      out.NbSegment = static_cast<UINT>(segments.size());
      return STATUS_SUCCESS;
    }
    EXPECT_EQ(out.NbSegment, segments.size());
    EXPECT_GT(out.SegmentDescriptorStride, sizeof(DXGK_SEGMENTDESCRIPTOR4))
        << "the stride counts, not sizeof";
    for (std::size_t i = 0; i < segments.size(); ++i)
      std::memcpy(out.pSegmentDescriptor + i * out.SegmentDescriptorStride, &segments[i],
                  sizeof(segments[i]));
    out.PagingBufferSegmentId = buffer_segment;
    out.PagingBufferSize = buffer_size;
    out.PagingBufferPrivateDataSize = 128;
    return STATUS_SUCCESS;
  }
};

DXGK_SEGMENTDESCRIPTOR4 segment(std::uint64_t base, std::uint64_t size, bool aperture = false) {
  DXGK_SEGMENTDESCRIPTOR4 descriptor{};
  descriptor.BaseAddress.QuadPart = static_cast<LONGLONG>(base);
  descriptor.Size = size;
  descriptor.Flags.Aperture = aperture ? 1 : 0;
  return descriptor;
}

NTSTATUS read(Answer& answer, SegmentTable& table) {
  std::string why;
  const NTSTATUS status = read_segments([&](auto& in, auto& out) { return answer(in, out); }, 3, table, why);
  EXPECT_EQ(why.empty(), NT_SUCCESS(status));
  return status;
}

TEST(Segments, AreAskedForTwiceAndWalkedByStride) {
  Answer answer{{segment(0x10000, 0x8000), segment(0, 0x4000, true)}};
  SegmentTable table;
  ASSERT_EQ(read(answer, table), STATUS_SUCCESS);
  EXPECT_EQ(answer.calls, 2U);
  EXPECT_EQ(answer.adapter, 3U);
  ASSERT_EQ(table.segments.size(), 2U);
  EXPECT_EQ(table.find(0), nullptr);
  EXPECT_EQ(table.find(3), nullptr);
  EXPECT_FALSE(table.find(1)->aperture());
  EXPECT_TRUE(table.find(2)->aperture());
  EXPECT_EQ(table.find(1)->address(2), 0x12000U);
  EXPECT_EQ(table.paging_buffer_private_size, 128U);
}

TEST(Segments, NoneIsAnAnswerToo) {
  Answer answer;
  SegmentTable table;
  EXPECT_EQ(read(answer, table), STATUS_SUCCESS);
  EXPECT_TRUE(table.segments.empty());
  EXPECT_EQ(answer.calls, 1U);
}

TEST(Segments, BadAnswersAreRefused) {
  SegmentTable table;
  Answer empty{{segment(0, 0)}};
  EXPECT_EQ(read(empty, table), STATUS_INVALID_PARAMETER);
  Answer odd{{segment(0, 0x1800)}};
  EXPECT_EQ(read(odd, table), STATUS_INVALID_PARAMETER);
  Answer base{{segment(0x800, 0x1000)}};
  EXPECT_EQ(read(base, table), STATUS_INVALID_PARAMETER);
  Answer buffer{{segment(0, 0x1000)}, 0, 100};
  EXPECT_EQ(read(buffer, table), STATUS_INVALID_PARAMETER);
  Answer elsewhere{{segment(0, 0x1000, true)}, 1, 4096};
  EXPECT_EQ(read(elsewhere, table), STATUS_NOT_SUPPORTED);
  Answer many{std::vector<DXGK_SEGMENTDESCRIPTOR4>(32, segment(0, 0x1000))};
  EXPECT_EQ(read(many, table), STATUS_INVALID_PARAMETER);
}

TEST(Segments, RunsAreGivenOutLowestFirst) {
  Segment s(1, segment(0, 10 * 4096));
  EXPECT_EQ(s.allocate(0), std::nullopt);
  EXPECT_EQ(s.allocate(4), 0U);
  EXPECT_EQ(s.allocate(4), 4U);
  EXPECT_EQ(s.allocate(3), std::nullopt);
  s.release(0, 4);
  EXPECT_EQ(s.allocate(2), 0U);
  EXPECT_EQ(s.allocate(2), 2U);
  EXPECT_EQ(s.allocate(2), 8U);
  EXPECT_EQ(s.used_pages(), 10U);
}

template <typename F>
std::uint64_t parameter(F action) {
  try {
    action();
  } catch (const BugCheck& bugcheck) {
    EXPECT_EQ(bugcheck.code(), 0x10EU);
    return bugcheck.parameter(0);
  }
  ADD_FAILURE() << "no bugcheck";
  return 0;
}

TEST(Segments, RangesInUseAreNotReleased) {
  test::covers("R175");
  Segment s(2, segment(0, 10 * 4096, true));
  ASSERT_EQ(s.allocate(4), 0U);
  ASSERT_EQ(s.allocate(4), 4U);
  EXPECT_EQ(parameter([&] { s.release(0, 3); }), 0xDU);
  s.note_mapped(2, 1);
  EXPECT_EQ(parameter([&] { s.release(0, 4); }), 0x1BU);
  s.release(4, 4);
  s.note_mapped(2, 4);  // reaches into what follows
  EXPECT_EQ(s.mapped_pages(), 4U);
  EXPECT_EQ(parameter([&] { s.release(0, 4); }), 0x1BU);
  s.note_unmapped(2);
  s.release(0, 4);
  EXPECT_EQ(s.used_pages(), 0U);
}

}  // namespace
}  // namespace gpudmar::dxgkrnl
