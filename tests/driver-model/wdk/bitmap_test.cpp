// SPDX-License-Identifier: Apache-2.0
// Bitmaps, by hand and against a vector of bool.
#include <algorithm>
#include <random>

#include "tests/driver-model/wdk/kernel_test.h"

namespace {

using ::testing::HasSubstr;

constexpr ULONG kNone = 0xFFFFFFFF;

struct BitmapTest : gpudmar::test::KernelTest {
  ULONG words[4] = {};
  RTL_BITMAP map{};
  void SetUp() override { RtlInitializeBitMap(&map, words, 100); }
};

TEST_F(BitmapTest, SetsAndClearsWhatIsAskedFor) {
  words[3] = 0xFFFFFFF0;  // behind the end of the map
  RtlSetBits(&map, 30, 40);
  EXPECT_EQ(words[0], 0xC0000000u);
  EXPECT_EQ(words[1], 0xFFFFFFFFu);
  EXPECT_EQ(words[2], 0x3Fu);
  EXPECT_EQ(RtlNumberOfSetBits(&map), 40u);
  EXPECT_EQ(RtlNumberOfClearBits(&map), 60u);
  RtlClearBits(&map, 33, 2);
  EXPECT_FALSE(RtlTestBit(&map, 33));
  EXPECT_TRUE(RtlTestBit(&map, 35));
  EXPECT_EQ(RtlCheckBit(&map, 35), 1u);
  RtlSetBit(&map, 33);
  RtlClearBit(&map, 30);
  EXPECT_TRUE(RtlAreBitsSet(&map, 35, 35));
  EXPECT_FALSE(RtlAreBitsSet(&map, 34, 36));
  EXPECT_TRUE(RtlAreBitsClear(&map, 70, 30));
  EXPECT_FALSE(RtlAreBitsClear(&map, 70, 31)) << "beyond the end";
  EXPECT_FALSE(RtlAreBitsClear(&map, 70, 0));
  EXPECT_EQ(RtlNumberOfSetBitsInRange(&map, 30, 10), 8u);
  EXPECT_EQ(RtlNumberOfClearBitsInRange(&map, 30, 10), 2u);
  RtlSetAllBits(&map);
  EXPECT_EQ(words[3], 0xFFFFFFFFu);
  RtlClearAllBits(&map);
  EXPECT_EQ(RtlNumberOfSetBits(&map), 0u);
  EXPECT_EQ(words[3], 0xFFFFFFF0u) << "what lies behind it stays";
}

TEST_F(BitmapTest, SearchGoesFromTheHintAndAround) {
  RtlSetBits(&map, 0, 100);
  RtlClearBits(&map, 8, 4);
  RtlClearBits(&map, 60, 8);
  EXPECT_EQ(RtlFindClearBits(&map, 4, 0), 8u);
  EXPECT_EQ(RtlFindClearBits(&map, 4, 9), 60u);
  EXPECT_EQ(RtlFindClearBits(&map, 4, 65), 8u) << "around";
  EXPECT_EQ(RtlFindClearBits(&map, 5, 62), 62u);
  EXPECT_EQ(RtlFindClearBits(&map, 8, 62), 60u) << "it begins before the hint";
  EXPECT_EQ(RtlFindClearBits(&map, 9, 0), kNone);
  EXPECT_EQ(RtlFindClearBits(&map, 4, 1000), 8u) << "a hint beyond the end is none";
  EXPECT_EQ(RtlFindClearBitsAndSet(&map, 3, 60), 60u);
  EXPECT_EQ(RtlFindClearBitsAndSet(&map, 3, 60), 63u);
  EXPECT_EQ(RtlFindClearBitsAndSet(&map, 3, 60), 8u);
  EXPECT_EQ(RtlFindClearBitsAndSet(&map, 3, 60), kNone);
  EXPECT_EQ(RtlFindSetBits(&map, 50, 20), 12u);
  EXPECT_EQ(RtlFindSetBitsAndClear(&map, 30, 67), 68u);
  EXPECT_EQ(RtlFindSetBitsAndClear(&map, 100, 0), kNone);
}

TEST_F(BitmapTest, Runs) {
  RtlSetAllBits(&map);
  RtlClearBits(&map, 3, 5);
  RtlClearBits(&map, 20, 30);
  RtlClearBits(&map, 95, 5);
  ULONG start = 0;
  EXPECT_EQ(RtlFindFirstRunClear(&map, &start), 5u);
  EXPECT_EQ(start, 3u);
  EXPECT_EQ(RtlFindLongestRunClear(&map, &start), 30u);
  EXPECT_EQ(start, 20u);
  EXPECT_EQ(RtlFindNextForwardRunClear(&map, 25, &start), 25u);
  EXPECT_EQ(start, 25u);
  EXPECT_EQ(RtlFindNextForwardRunClear(&map, 50, &start), 5u);
  EXPECT_EQ(start, 95u);
  EXPECT_EQ(RtlFindNextForwardRunClear(&map, 100, &start), 0u);
  EXPECT_EQ(RtlFindLastBackwardRunClear(&map, 94, &start), 30u);
  EXPECT_EQ(start, 20u);
  EXPECT_EQ(RtlFindLastBackwardRunClear(&map, 2, &start), 0u);
  RTL_BITMAP_RUN runs[2];
  EXPECT_EQ(RtlFindClearRuns(&map, runs, 2, FALSE), 2u);
  EXPECT_EQ(runs[0].StartingIndex, 3u);
  EXPECT_EQ(runs[1].StartingIndex, 20u);
  EXPECT_EQ(RtlFindClearRuns(&map, runs, 2, TRUE), 2u);
  EXPECT_EQ(runs[0].StartingIndex, 20u) << "the longest first";
  EXPECT_EQ(runs[1].NumberOfBits, 5u);
  RtlSetAllBits(&map);
  EXPECT_EQ(RtlFindLongestRunClear(&map, &start), 0u);
}

TEST_F(BitmapTest, BeyondTheEndIsARule) {
  EXPECT_THAT(told([&] { RtlSetBits(&map, 96, 5); }),
              HasSubstr("RtlSetBits: 5 bits from 96 on, in a bitmap of 100"));
  EXPECT_THAT(told([&] { RtlClearBits(&map, 0xFFFFFFFF, 2); }), HasSubstr("RtlClearBits"));
  EXPECT_THAT(told([&] { RtlSetBit(&map, 100); }), HasSubstr("RtlSetBit"));
  EXPECT_THAT(told([&] { RtlClearBit(&map, 100); }), HasSubstr("RtlClearBit"));
  EXPECT_THAT(told([&] { RtlTestBit(&map, 100); }), HasSubstr("RtlTestBit"));
  EXPECT_EQ(words[3], 0u);
  EXPECT_EQ(told([&] { RtlSetBits(&map, 100, 0); }), "");
}

TEST_F(BitmapTest, BitsOfANumber) {
  EXPECT_EQ(RtlFindLeastSignificantBit(0), -1);
  EXPECT_EQ(RtlFindMostSignificantBit(0), -1);
  EXPECT_EQ(RtlFindLeastSignificantBit(0x8000000000000100), 8);
  EXPECT_EQ(RtlFindMostSignificantBit(0x8000000000000100), 63);
  EXPECT_EQ(RtlNumberOfSetBitsUlongPtr(0xF0F0), 8u);
}

// What a search finds, bit by bit.
ULONG search(const std::vector<bool>& bits, ULONG count, ULONG hint, bool value) {
  const auto fits = [&](ULONG at) {
    return at + count <= bits.size() &&
           std::all_of(bits.begin() + at, bits.begin() + at + count, [value](bool b) { return b == value; });
  };
  for (ULONG at = hint; at < bits.size(); ++at)
    if (fits(at)) return at;
  for (ULONG at = 0; at < hint; ++at)
    if (fits(at)) return at;
  return kNone;
}

TEST_F(BitmapTest, AgreesWithAVectorOfBool) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    const ULONG size = 1 + random() % 128;
    RtlInitializeBitMap(&map, words, size);
    RtlClearAllBits(&map);
    std::vector<bool> bits(size);
    for (int step = 0; step < 20; ++step) {
      const ULONG first = random() % size;
      const ULONG count = 1 + random() % (size - first);
      const bool value = random() % 2 != 0;
      value ? RtlSetBits(&map, first, count) : RtlClearBits(&map, first, count);
      std::fill_n(bits.begin() + first, count, value);
      const ULONG wanted = 1 + random() % 20;
      const ULONG hint = random() % size;
      ASSERT_EQ(RtlFindClearBits(&map, wanted, hint), search(bits, wanted, hint, false));
      ASSERT_EQ(RtlFindSetBits(&map, wanted, hint), search(bits, wanted, hint, true));
      ASSERT_EQ(RtlNumberOfSetBits(&map), std::count(bits.begin(), bits.end(), true));
      ASSERT_EQ(RtlNumberOfSetBitsInRange(&map, first, count), value ? count : 0);
    }
  }
}

}  // namespace
