// SPDX-License-Identifier: Apache-2.0
// Queue descriptors, and where accesses go.
#include "sim/oracle/case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace gpudmar::oracle {
namespace {

using ::testing::ElementsAre;

TEST(Invalidation, descriptors_have_their_fields_where_the_queue_wants_them) {
  Invalidation context;
  context.kind = Invalidation::Kind::kContext;
  EXPECT_THAT(context.encode(), ElementsAre(0x11, 0));
  context.granularity = Invalidation::kSelective;
  context.did = 0xABCD;
  context.source = 0x0102;
  context.function_mask = 3;
  EXPECT_THAT(context.encode(), ElementsAre(0x0003'0102'ABCD'0031, 0));
  Invalidation iotlb;
  iotlb.granularity = Invalidation::kSelective;
  iotlb.did = 0x1234;
  iotlb.address = 0x7FFF'FFE0'0000;
  iotlb.address_mask = 9;
  iotlb.leaf_only = true;
  iotlb.drain = true;
  EXPECT_THAT(iotlb.encode(), ElementsAre(0x1234'00F2, 0x7FFF'FFE0'0049));
}

/// Bus 1 at 4 levels: 5000h leads to data page 2, 20'0000h is a large page around the data, 40'0000h one that
/// ends nowhere.
Case small_case() {
  Case test;
  test.root = kTables;
  const std::uint64_t t = kTables;
  test.memory = {{t + 16, t + 0x1001, ""},
                 {t + 0x1000, t + 0x2001, ""},
                 {t + 0x1008, 0x102, ""},
                 {t + 0x2000, t + 0x3003, ""},
                 {t + 0x3000, t + 0x4003, ""},
                 {t + 0x4000, t + 0x5003, ""},
                 {t + 0x5000 + 5 * 8, kData + 2 * kPage + 3, ""},
                 {t + 0x4008, kData | 0x83, ""},
                 {t + 0x4010, 0x1000'0083, ""},
                 {t + 0x5000 + 6 * 8, kTables + 3, ""},
                 {t + 0x4018, kData + kPage + 3, ""}};
  return test;
}

TEST(TableImage, follows_tables_as_the_format_says) {
  const TableImage image(small_case());
  EXPECT_EQ(image.target(0x100, 0x5123).address, kData + 2 * kPage + 0x123);
  EXPECT_EQ(image.target(0x100, 0x20'3456).address, kData + 0x3456);
  EXPECT_EQ(image.target(0x100, 0x7000).address, std::nullopt) << "not present";
  EXPECT_EQ(image.target(0x100, 0x8000'0000'0000).address, std::nullopt);
  EXPECT_EQ(image.target(0x100, 0x1'0000'0000'0000).address, std::nullopt) << "wider than the tables";
  EXPECT_EQ(image.target(0x200, 0x5123).address, std::nullopt) << "no context";
  EXPECT_TRUE(image.target(0x100, 0x60'0000).odd) << "a table in the data pages";
}

TEST(TableImage, changes_and_pass_through) {
  Case test = small_case();
  TableImage image(test);
  Step step;
  step.stores = {{kTables + 0x1000, kTables + 0x2009, ""}};
  image.apply(step);
  EXPECT_EQ(image.target(0x100, 0x1234'5678'9ABC).address, 0x1234'5678'9ABCU);
  step.root = kTables + 0x8000;
  image.apply(step);
  EXPECT_EQ(image.target(0x100, 0x5123).address, std::nullopt);
}

TEST(Plan, writes_go_to_data_pages_or_nowhere_and_reads_to_memory_too) {
  const TableImage image(small_case());
  const auto planned = [&](bool write, std::uint64_t address, unsigned bytes) {
    return plan(image, {0, write, address, bytes, 1});
  };
  const auto whole = planned(true, 0x20'0FF0, 0x20);
  ASSERT_TRUE(whole);
  ASSERT_EQ(whole->size(), 2U);
  EXPECT_EQ((*whole)[0].address, kData + 0xFF0);
  EXPECT_EQ((*whole)[0].bytes, 0x10U);
  EXPECT_TRUE((*whole)[0].data);
  EXPECT_EQ((*whole)[1].page, 0x20'1000U);
  EXPECT_EQ((*whole)[1].address, kData + 0x1000);
  EXPECT_TRUE(planned(true, 0x40'0000, 1)) << "a hole";
  EXPECT_FALSE(planned(true, 0x6000, 1)) << "a table would be written";
  EXPECT_TRUE(planned(false, 0x6000, 1));
  EXPECT_FALSE(planned(false, 0x60'0000, 1)) << "data would be taken for a table";
  EXPECT_TRUE(planned(true, 0x7000, 1)) << "blocked";
}

TEST(Plan, what_a_pc_has_below_1_mib_and_behind_its_memory_is_never_touched) {
  Case test = small_case();
  test.memory.push_back({kTables + 0x1000, kTables + 0x2009, ""});  // pass-through
  const TableImage image(test);
  for (const std::uint64_t address :
       {0xA'0000ULL, 0xF'FFFFULL, 0x8000'0000ULL, 0xFED9'0000ULL, 0xFFFF'FFFFULL, 0x12'0000ULL})
    EXPECT_FALSE(plan(image, {0, false, address, 1, 1})) << std::hex << address;
  EXPECT_FALSE(plan(image, {0, true, 0x1000, 1, 1}));
  EXPECT_TRUE(plan(image, {0, false, 0x1000, 1, 1}));
}

TEST(Pattern, is_the_same_for_a_seed_and_has_no_zeros) {
  const auto bytes = pattern_bytes(7, 4095);
  EXPECT_EQ(bytes, pattern_bytes(7, 4095));
  EXPECT_NE(bytes, pattern_bytes(8, 4095));
  EXPECT_EQ(std::count(bytes.begin(), bytes.end(), 0), 0);
}

}  // namespace
}  // namespace gpudmar::oracle
