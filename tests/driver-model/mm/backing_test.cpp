// SPDX-License-Identifier: Apache-2.0
// Backing memory of objects: the searches of MDL and CONTIGUOUS memory, commit, CPU mappings.
#include "driver-model/mm/backing.h"

#include <gmock/gmock.h>

#include <cstring>

#include "tests/support/covers.h"
#include "tests/support/model_machine.h"

namespace gpudmar::mm {
namespace {

constexpr std::uint64_t kMiB = 1ULL << 20;

class BackingTest : public ::testing::Test {
 protected:
  test::FakeInterrupts interrupts_;
  test::FakeTime time_{interrupts_};
  sim::HostMemory memory_{{{0, kMiB}, {4ULL << 30, kMiB}}};
  PageAllocator pages_{memory_, time_};
  Pager pager_{pages_, 0};
};

TEST_F(BackingTest, MdlSearchMovesUpBySkipBytes) {
  test::covers("R63", "R64");
  BackingRequest request;
  request.pages = 24;
  request.window = {0, 0xFFFF};  // 16 pages
  EXPECT_EQ(make_backing(pager_, request).error, BackingError::kNoMemory) << "one window only";
  EXPECT_EQ(pages_.free_pages(), pages_.total_pages());
  request.skip_bytes = 0x10000;
  const BackingResult result = make_backing(pager_, request);
  ASSERT_NE(result.backing, nullptr);
  const auto pages = result.backing->pages();
  ASSERT_EQ(pages.size(), 24U);
  for (std::size_t i = 0; i < 16; ++i) EXPECT_LT(pages[i], 16U);
  for (std::size_t i = 16; i < 24; ++i) {
    EXPECT_GE(pages[i], 16U);
    EXPECT_LT(pages[i], 32U);
  }
}

// 4 GiB of hole in steps of a page: a million windows with nothing in them, and none when no memory is left.
TEST_F(BackingTest, MdlSearchPassesHoles) {
  test::covers("R63", "R64");
  const auto low = pages_.allocate(256, {0, kMiB - 1}, false);
  ASSERT_TRUE(low);
  BackingRequest request;
  request.pages = 3;
  request.window = {0x1000, 0x1FFF};
  request.skip_bytes = 0x2000;
  const BackingResult result = make_backing(pager_, request);
  ASSERT_NE(result.backing, nullptr);
  // Every second page: the windows do not become larger by moving.
  const Pfn first = (4ULL << 30) / hw::kPageSize;
  EXPECT_THAT(result.backing->pages(), ::testing::ElementsAre(first + 1, first + 3, first + 5));
  request.window = {kMiB, kMiB + 0xFFF};
  request.pages = 129;
  EXPECT_EQ(make_backing(pager_, request).error, BackingError::kNoMemory);
  request.window = {0x2000, 0x1000};
  EXPECT_EQ(make_backing(pager_, request).error, BackingError::kNoMemory) << "low above high";
  pages_.free(*low);
}

TEST_F(BackingTest, ContiguousChunks) {
  test::covers("R66", "R67");
  BackingRequest request;
  request.pages = 32;
  request.contiguous_chunks = true;
  {
    const BackingResult whole = make_backing(pager_, request);
    ASSERT_NE(whole.backing, nullptr);
    EXPECT_EQ(to_runs(whole.backing->pages()).size(), 1U);
  }
  request.skip_bytes = 0x8000;
  const BackingResult chunks = make_backing(pager_, request);
  ASSERT_NE(chunks.backing, nullptr);
  const auto pages = chunks.backing->pages();
  for (std::size_t i = 0; i < pages.size(); ++i) {
    if (i % 8 == 0)
      EXPECT_EQ(pages[i] % 8, 0U);
    else
      EXPECT_EQ(pages[i], pages[i - 1] + 1);
  }
}

TEST_F(BackingTest, ContiguousMemoryShowsNoOldData) {
  test::covers("R73");
  memory_.store64(0, 0x5EC4E7);
  BackingRequest request;
  request.type = BackingType::kContiguous;
  request.pages = 1;
  const BackingResult result = make_backing(pager_, request);
  ASSERT_NE(result.backing, nullptr);
  EXPECT_EQ(result.backing->pages().front(), 0U);
  EXPECT_EQ(memory_.load64(0), 0xA5A5A5A5A5A5A5A5U) << "neither old data nor zeroes to rely on";
}

TEST_F(BackingTest, CommitFollowsTheMemory) {
  test::covers("R44");
  BackingRequest request;
  request.pages = 100;
  {
    const BackingResult result = make_backing(pager_, request);
    ASSERT_NE(result.backing, nullptr);
    EXPECT_EQ(pages_.committed_pages(), 100U);
  }
  EXPECT_EQ(pages_.committed_pages(), 0U);
  ASSERT_TRUE(pages_.charge_commit(pages_.total_pages() - 50));
  EXPECT_EQ(make_backing(pager_, request).error, BackingError::kCommitmentLimit);
  EXPECT_EQ(pages_.free_pages(), pages_.total_pages());
}

TEST_F(BackingTest, MappingShowsThePagesInObjectOrder) {
  test::covers("R100", "R113");
  BackingRequest request;
  request.pages = 8;
  BackingResult result = make_backing(pager_, request);
  ASSERT_NE(result.backing, nullptr);
  const auto pages = result.backing->pages();
  {
    const auto a = result.backing->map(2, 4, AccessMode::kKernel);
    const auto b = result.backing->map(0, 8, AccessMode::kUser);
    EXPECT_EQ(a->bytes(), 4 * hw::kPageSize);
    EXPECT_EQ(b->mode(), AccessMode::kUser);
    for (std::uint64_t i = 0; i < 4; ++i)
      std::memset(static_cast<char*>(a->base()) + i * hw::kPageSize, static_cast<int>(i + 1), 8);
    for (std::uint64_t i = 0; i < 4; ++i) {
      EXPECT_EQ(memory_.load64(pages[2 + i] << hw::kPageShift), (i + 1) * 0x0101010101010101ULL);
      EXPECT_EQ(*(static_cast<char*>(b->base()) + (2 + i) * hw::kPageSize), static_cast<char>(i + 1));
    }
    EXPECT_EQ(memory_.mappings(), 2U);
  }
  EXPECT_EQ(memory_.mappings(), 0U);
  EXPECT_THROW((void)result.backing->map(7, 2, AccessMode::kKernel), PageStateError);
}

TEST_F(BackingTest, LockedPagesOutliveTheirObject) {
  test::covers("G6");
  BackingRequest request;
  request.pages = 2;
  BackingResult result = make_backing(pager_, request);
  const auto locked = result.backing->lock(0, 2);
  EXPECT_THROW(result.backing->release(), PageStateError);
  result.backing.reset();
  for (const Pfn pfn : *locked)
    EXPECT_TRUE(pages_.state(pfn)) << "a page a device can reach found a new owner";
}

}  // namespace
}  // namespace gpudmar::mm
