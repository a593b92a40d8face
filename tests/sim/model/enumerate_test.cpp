// SPDX-License-Identifier: Apache-2.0
// What the enumeration finds in tables made by hand is what translate() answers for the same tables.
#include "sim/model/enumerate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/sim/model/tables.h"

namespace gpudmar::model::test {
namespace {

constexpr std::uint16_t kSource = 0x0208;
constexpr std::uint64_t kAddress = 0x1234'5678'9000;

class Enumerate : public ::testing::Test {
 protected:
  [[nodiscard]] ContextEntry context() const {
    return find_context({true, Tables::kRoot, 0}, memory, kSource).value();
  }
  SparseMemory memory;
  Tables tables{memory};
};

TEST_F(Enumerate, FindsAContextOrNone) {
  EXPECT_FALSE(find_context({true, Tables::kRoot, 0}, memory, kSource));
  const std::uint64_t stage = tables.attach(kSource, 0x77, 2);
  const ContextEntry entry = context();
  EXPECT_EQ(entry.table, stage);
  EXPECT_EQ(entry.levels, 4U);
  EXPECT_EQ(entry.did, 0x77U);
  EXPECT_EQ(entry.type, 0U);
  EXPECT_FALSE(find_context({true, Tables::kRoot, 0}, memory, kSource + 1));
}

TEST_F(Enumerate, FindsTheWayToATable) {
  const std::uint64_t stage = tables.attach(kSource, 1, 2);
  EXPECT_FALSE(find_table(context(), memory, kAddress, 3)) << "nothing is there";
  for (unsigned level = 1; level <= 3; ++level) {
    const std::uint64_t entry = tables.entry(stage, 4, kAddress, level);
    const auto way = find_table(context(), memory, kAddress, level);
    ASSERT_TRUE(way) << level;
    EXPECT_EQ(way->table, entry & ~std::uint64_t{0xFFF}) << level;
    EXPECT_TRUE(way->readable && way->writable) << level;
  }
  EXPECT_FALSE(find_table(context(), memory, kAddress, 4)) << "the root is the context entry's";
  EXPECT_FALSE(find_table(context(), memory, kAddress, 0));
  EXPECT_FALSE(find_table(context(), memory, kAddress + (1ULL << 39), 3)) << "another entry of the root";
}

TEST_F(Enumerate, RightsOfAWayAreThoseOfAllLevels) {
  const std::uint64_t stage = tables.attach(kSource, 1, 2);
  (void)tables.entry(stage, 4, kAddress, 1);
  memory.qwords[tables.entry(stage, 4, kAddress, 4)] &= ~kWrite;
  EXPECT_TRUE(find_table(context(), memory, kAddress, 1)->readable);
  EXPECT_FALSE(find_table(context(), memory, kAddress, 1)->writable);
  memory.qwords[tables.entry(stage, 4, kAddress, 3)] &= ~kRead;
  EXPECT_FALSE(find_table(context(), memory, kAddress, 1)) << "no access gets there";
  EXPECT_TRUE(find_table(context(), memory, kAddress, 3)) << "as far as that one is still open";
}

TEST_F(Enumerate, ALargePageIsNoWay) {
  const std::uint64_t stage = tables.attach(kSource, 1, 2);
  memory.qwords[tables.entry(stage, 4, kAddress, 2)] = 0x4000'0000 | kLarge | kReadWrite;
  EXPECT_FALSE(find_table(context(), memory, kAddress, 1));
  EXPECT_TRUE(find_table(context(), memory, kAddress, 2));
  std::vector<Leaf> leaves;
  for_each_leaf(context(), memory, [&](const Leaf& leaf) { leaves.push_back(leaf); });
  ASSERT_EQ(leaves.size(), 1U);
  EXPECT_EQ(leaves[0].shift, 21U);
  Request request;
  request.source_id = kSource;
  request.address = kAddress;
  const Outcome outcome = translate({}, {true, Tables::kRoot, 0}, memory, request);
  const auto* page = std::get_if<Translated>(&outcome);
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(page->address, leaves[0].output + (kAddress - leaves[0].input));
}

TEST_F(Enumerate, ThreeLevels) {
  const std::uint64_t stage = tables.attach(kSource, 1, 1);
  constexpr std::uint64_t kLow = 0x12'3456'7000;
  const std::uint64_t entry = tables.entry(stage, 3, kLow, 1);
  EXPECT_EQ(find_table(context(), memory, kLow, 1)->table, entry & ~std::uint64_t{0xFFF});
  EXPECT_FALSE(find_table(context(), memory, kLow, 3)) << "that is the root";
}

}  // namespace
}  // namespace gpudmar::model::test
