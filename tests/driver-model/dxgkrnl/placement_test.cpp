// SPDX-License-Identifier: Apache-2.0
// Where MDL and contiguous memory may lie, and what is in it: flags, windows, chunks, boundaries, old
// content.
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/driver-model/dxgkrnl/scripted_miniport.h"
#include "tests/support/covers.h"

namespace gpudmar::dxgkrnl {
namespace {

constexpr auto kContiguous = DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY;
constexpr std::uint64_t kMiB = 1ULL << 20;

class PlacementTest : public ::testing::Test {
 protected:
  static test::ModelMachine::Options machine() {
    test::ModelMachine::Options options;
    options.ram = {{0, 16 * kMiB}, {4ULL << 30, 16 * kMiB}, {1ULL << 40, 16 * kMiB}};
    return options;
  }
  void SetUp() override { ASSERT_EQ(s_.start(), STATUS_SUCCESS) << s_.kernel->start_error(); }
  [[nodiscard]] static DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT mdl(SIZE_T size, UINT flags,
                                                                   std::uint64_t skip = 0,
                                                                   std::uint64_t low = 0,
                                                                   std::uint64_t high = ~0ULL) {
    auto args = create_request(size);
    args.Mdl.Flags = flags;
    args.Mdl.SkipBytes.QuadPart = static_cast<LONGLONG>(skip);
    args.Mdl.LowAddress.QuadPart = static_cast<LONGLONG>(low);
    args.Mdl.HighAddress.QuadPart = static_cast<LONGLONG>(high);
    return args;
  }
  [[nodiscard]] static DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT run(SIZE_T size, std::uint64_t low,
                                                                   std::uint64_t high,
                                                                   std::uint64_t boundary) {
    auto args = create_request(size, kContiguous);
    args.ContiguousMemory.LowestAcceptableAddress.QuadPart = static_cast<LONGLONG>(low);
    args.ContiguousMemory.HighestAcceptableAddress.QuadPart = static_cast<LONGLONG>(high);
    args.ContiguousMemory.BoundaryAddressMultiple.QuadPart = static_cast<LONGLONG>(boundary);
    return args;
  }
  NTSTATUS create(DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT& args) {
    return s_.table().DxgkCbCreatePhysicalMemoryObject(&args);
  }
  NTSTATUS status(DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT args) {
    const NTSTATUS result = create(args);
    if (NT_SUCCESS(result)) s_.destroy(args.hPhysicalMemoryObject, nullptr);
    return result;
  }
  [[nodiscard]] std::vector<mm::Pfn> frames(DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT& args) {
    EXPECT_EQ(create(args), STATUS_SUCCESS);
    return s_.object(args.hPhysicalMemoryObject).page_frames;
  }
  /// Only the given word in every page?
  [[nodiscard]] bool all(const std::vector<mm::Pfn>& pages, std::uint64_t word) {
    return std::all_of(pages.begin(), pages.end(), [&](mm::Pfn pfn) {
      for (std::uint64_t i = 0; i < 0x1000; i += 8)
        if (s_.machine.memory.load64((pfn << 12) + i) != word) return false;
      return true;
    });
  }
  System s_{machine(), {}};
};

TEST_F(PlacementTest, EveryFlagOfAnMdl) {
  test::covers("R61", "R64", "R65", "R66", "R67", "R68", "R69");
  constexpr NTSTATUS kBad = STATUS_INVALID_PARAMETER;
  struct Case {
    UINT flags;
    std::uint64_t skip;
    SIZE_T size;
    NTSTATUS status;
  };
  constexpr UINT kChunks = MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS;
  constexpr UINT kLarge = MM_ALLOCATE_FAST_LARGE_PAGES;
  for (const Case& c :
       {Case{0, 0, 0x3000, STATUS_SUCCESS},
        Case{MM_DONT_ZERO_ALLOCATION, 0, 0x3000, STATUS_SUCCESS},
        Case{MM_ALLOCATE_FROM_LOCAL_NODE_ONLY, 0, 0x3000, STATUS_SUCCESS},
        Case{MM_ALLOCATE_FULLY_REQUIRED, 0, 0x3000, STATUS_SUCCESS},
        Case{MM_ALLOCATE_NO_WAIT, 0, 0x3000, STATUS_SUCCESS},
        Case{MM_ALLOCATE_PREFER_CONTIGUOUS, 0, 0x3000, STATUS_SUCCESS},
        Case{MM_ALLOCATE_TRIM_IF_NECESSARY, 0, 0x3000, STATUS_SUCCESS},
        Case{MM_ALLOCATE_AND_HOT_REMOVE, 0, 0x3000, kBad},
        Case{MM_ALLOCATE_AND_HOT_REMOVE | MM_ALLOCATE_FULLY_REQUIRED, 0, 0x3000, kBad},
        Case{kChunks, 0, 0x3000, STATUS_SUCCESS},
        Case{kChunks, 0x2000, 0x4000, STATUS_SUCCESS},
        Case{kChunks, 0x2000, 0x3000, kBad},  // no multiple
        Case{kChunks, 0x3000, 0x3000, kBad},  // no power of two
        Case{kChunks, 0x1000, 0x3000, STATUS_SUCCESS},
        Case{0, 0x3000, 0x3000, STATUS_SUCCESS},  // a step of windows may be anything ...
        Case{0, 0x0800, 0x3000, kBad},            // ... of whole pages
        Case{0, 1, 0x3000, kBad},
        Case{kLarge, 0, 0x3000, kBad},
        Case{kLarge, 2 * kMiB, 2 * kMiB, kBad},
        Case{kLarge | kChunks, 2 * kMiB, 4 * kMiB, STATUS_SUCCESS},
        Case{kLarge | kChunks, kMiB, 4 * kMiB, kBad},
        Case{kLarge | kChunks, 0, 4 * kMiB, STATUS_SUCCESS},
        Case{0, 0, (4ULL << 30) - 0x1000, STATUS_NO_MEMORY},  // allowed, but more than there is
        Case{0, 0, (4ULL << 30) - 0xFFF, kBad}})
    EXPECT_EQ(status(mdl(c.size, c.flags, c.skip)), c.status)
        << "flags " << c.flags << ", skip " << c.skip << ", size " << c.size;
}

TEST_F(PlacementTest, PreferredRunsAreTakenWhereMemoryIsFree) {
  test::covers("R61", "R64");
  auto plain = mdl(64 << 12, 0, 0, 1ULL << 40);
  EXPECT_GT(mm::to_runs(frames(plain)).size(), 16U);
  auto preferred = mdl(64 << 12, MM_ALLOCATE_PREFER_CONTIGUOUS, 0, 4ULL << 30);
  EXPECT_EQ(mm::to_runs(frames(preferred)).size(), 1U);
  auto hint = mdl(8 << 12, MM_ALLOCATE_PREFER_CONTIGUOUS, 0x10000, 0x100000, 0x103FFF);
  EXPECT_EQ(mm::to_runs(frames(hint)).size(), 2U) << "a hint, where windows are in the way";
}

TEST_F(PlacementTest, WindowsMoveUntilTheObjectIsFull) {
  test::covers("R62", "R63", "R64", "R74");
  // 8 pages of every 64 KiB: four windows are needed for 30 pages.
  auto args = mdl(30 << 12, 0, 0x10000, 4ULL << 30, (4ULL << 30) + 0x7FFF);
  const auto pages = frames(args);
  const std::uint64_t base = (4ULL << 30) >> 12;
  ASSERT_EQ(pages.size(), 30U);
  for (std::size_t i = 0; i < pages.size(); ++i) {
    EXPECT_EQ((pages[i] - base) / 16, i / 8) << "window of page " << i;
    EXPECT_LT((pages[i] - base) % 16, 8U);
  }
  EXPECT_EQ(status(mdl(9 << 12, 0, 0, 0, 0x7FFF)), STATUS_NO_MEMORY) << "one window only";
  // A window that runs off the top of memory has nothing left to give.
  EXPECT_EQ(status(mdl(9 << 12, 0, 0x10000, (1ULL << 40) + 16 * kMiB - 0x8000, (1ULL << 40) + 16 * kMiB - 1)),
            STATUS_NO_MEMORY);
  // The last byte decides whether a page belongs to the window.
  EXPECT_EQ(status(mdl(0x1000, 0, 0, 0x5000, 0x5FFE)), STATUS_NO_MEMORY);
  EXPECT_EQ(status(mdl(0x1000, 0, 0, 0x5001, 0x6FFF)), STATUS_SUCCESS);
  EXPECT_EQ(status(mdl(0x1000, 0, 0, 0x6000, 0x5FFF)), STATUS_NO_MEMORY);
}

TEST_F(PlacementTest, ChunksAreWholeAndAligned) {
  test::covers("R61", "R66", "R67", "R68", "R74");
  constexpr std::uint64_t kBase = 4ULL << 30;
  // Something stands everywhere: what is not zeroed shows.
  for (const hw::MemoryRange& ram : s_.machine.memory.ram())
    for (std::uint64_t at = ram.base; at < ram.end(); at += 0x1000)
      if (s_.kernel->pages().state(at >> 12) == std::nullopt) s_.machine.memory.store64(at + 0x7F8, at + 1);
  auto one = mdl(32 << 12, MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS, 0, kBase + 0x5000, kBase + kMiB - 1);
  const auto block = frames(one);
  EXPECT_EQ(mm::to_runs(block).size(), 1U);
  EXPECT_GE(block.front(), (kBase + 0x5000) >> 12);
  EXPECT_LT(block.back(), (kBase + kMiB) >> 12);
  EXPECT_TRUE(all(block, 0));
  EXPECT_EQ(status(mdl(32 << 12, MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS, 0, kBase, kBase + 0x1EFFF)),
            STATUS_NO_MEMORY)
      << "a page less than the block";
  for (const std::uint64_t chunk : {0x4000ULL, 0x40000ULL, 2 * static_cast<unsigned long long>(kMiB)}) {
    auto args =
        mdl(2 * chunk,
            MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS | (chunk >= 2 * kMiB ? MM_ALLOCATE_FAST_LARGE_PAGES : 0),
            chunk, kBase + 4 * kMiB + 0x1000, kBase + 12 * kMiB - 1);
    const auto pages = frames(args);
    const std::uint64_t length = chunk >> 12;
    ASSERT_EQ(pages.size(), 2 * length);
    EXPECT_GT(pages.front(), (kBase + 4 * kMiB) >> 12);
    EXPECT_LT(pages.back(), (kBase + 12 * kMiB) >> 12);
    EXPECT_TRUE(all(pages, 0));
    for (std::size_t i = 0; i < pages.size(); ++i) {
      if (i % length == 0) {
        EXPECT_EQ(pages[i] % length, 0U);
      } else {
        EXPECT_EQ(pages[i], pages[i - 1] + 1);
      }
    }
  }
}

TEST_F(PlacementTest, RunsKeepTheirBoundary) {
  test::covers("R70", "R71", "R72", "R74", "E20");
  for (const std::uint64_t boundary : {0ULL, 0x4000ULL, 0x10000ULL, 1ULL << 40, 1ULL << 63})
    for (const SIZE_T size : {0x1000ULL, 0x3000ULL, 0x4000ULL}) {
      auto args = run(size, 0x3000, ~0ULL, boundary);
      const auto pages = frames(args);
      EXPECT_EQ(mm::to_runs(pages).size(), 1U);
      EXPECT_GE(pages.front(), 3U);
      if (boundary != 0) {
        EXPECT_EQ((pages.front() << 12) / boundary, ((pages.back() << 12) + 0xFFF) / boundary);
      }
    }
  EXPECT_EQ(status(run(0x1000, 0, ~0ULL, 0x1800)), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(status(run(0x1000, 0, ~0ULL, ~0ULL)), STATUS_INVALID_PARAMETER) << "not a power of two either";
  EXPECT_EQ(status(run(0x5000, 0, ~0ULL, 0x4000)), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(status(run(0x1000, 0x2000, 0x1FFF, 0)), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(status(run(0x1000, ~0ULL - 0xFFF, ~0ULL, 0)), STATUS_INSUFFICIENT_RESOURCES)
      << "unsigned, and no RAM";
  EXPECT_EQ(status(run(0x1000, ~0ULL, 0, 0)), STATUS_INVALID_PARAMETER)
      << "unsigned: the highest is the lower";
  // 15 MiB to 17 MiB: the RAM ends within.
  EXPECT_EQ(status(run(2 * kMiB, 15 * kMiB, 17 * kMiB - 1, 0)), STATUS_INSUFFICIENT_RESOURCES);
  EXPECT_EQ(status(run(kMiB, 15 * kMiB, 17 * kMiB - 1, 0)), STATUS_SUCCESS);
  auto high = run(0x4000, 1ULL << 40, ~0ULL, 0);
  EXPECT_GE(frames(high).front(), 1ULL << 28);
}

TEST_F(PlacementTest, NobodySeesWhatAnotherLeft) {
  test::covers("R61", "R73", "G22");
  constexpr std::uint64_t kSecret = 0x5EC2E75EC2E7;
  constexpr std::uint64_t kPoison = 0xA5A5A5A5A5A5A5A5;
  auto first = mdl(0x4000, 0, 0, 0x100000, 0x103FFF);
  const auto pages = frames(first);
  EXPECT_TRUE(all(pages, 0)) << "zeroed by default";
  const auto leave_secret = [&](const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT& args) {
    for (const mm::Pfn pfn : pages)
      for (std::uint64_t i = 0; i < 0x1000; i += 8) s_.machine.memory.store64((pfn << 12) + i, kSecret);
    s_.destroy(args.hPhysicalMemoryObject, nullptr);
  };
  leave_secret(first);
  auto unzeroed = mdl(0x4000, MM_DONT_ZERO_ALLOCATION, 0, 0x100000, 0x103FFF);
  EXPECT_EQ(frames(unzeroed).size(), 4U);
  EXPECT_TRUE(all(pages, kPoison)) << "neither the secret nor zeroes to rely on";
  DXGKARGCB_MAP_PHYSICAL_MEMORY view{unzeroed.hPhysicalMemoryObject, DXGK_ACCESS_MODE_USER_MODE, 0, 8,
                                     nullptr};
  ASSERT_EQ(s_.table().DxgkCbMapPhysicalMemory(&view), STATUS_SUCCESS);
  EXPECT_EQ(*static_cast<std::uint64_t*>(view.pMappedAddress), kPoison);
  const DXGKARGCB_UNMAP_PHYSICAL_MEMORY unmap{unzeroed.hPhysicalMemoryObject, view.pMappedAddress, view.Size};
  s_.table().DxgkCbUnmapPhysicalMemory(&unmap);
  leave_secret(unzeroed);
  auto contiguous = run(0x4000, 0x100000, 0x103FFF, 0);
  EXPECT_THAT(frames(contiguous), ::testing::UnorderedElementsAreArray(pages));
  EXPECT_TRUE(all(pages, kPoison));
  leave_secret(contiguous);
  auto again = mdl(0x4000, 0, 0, 0x100000, 0x103FFF);
  (void)frames(again);
  EXPECT_TRUE(all(pages, 0));
}

}  // namespace
}  // namespace gpudmar::dxgkrnl
