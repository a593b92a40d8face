// SPDX-License-Identifier: Apache-2.0
// Tables, links and an ADL made by hand, for the tests of the guarantees' rules.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "sim/scenario/guarantee_rules.h"

namespace gpudmar::sim {

inline constexpr std::uint16_t kGpu0 = 0x0100, kGpu1 = 0x0200, kOther = 0x0300;
inline constexpr std::uint64_t kFrame = 0x9'0000;  // of the object's first page
inline constexpr std::uint64_t kRw = 3, kSnoop = 1ULL << 11;

struct TableMemory final : model::MemoryView {
  std::map<std::uint64_t, std::uint64_t> qwords;
  [[nodiscard]] std::optional<std::uint64_t> load64(std::uint64_t pa) const override {
    const auto it = qwords.find(pa);
    return it == qwords.end() ? 0 : it->second;
  }
};

/// GPUs 0 and 1 are link0 on one domain; GPU 2 is link1. Numbers below 512 have their leaf tables.
class GuaranteeRulesTest : public ::testing::Test {
 protected:
  GuaranteeRulesTest()
      : rules(
            config(), memory,
            [this](const auto& rule, const auto& text) {
              fired.push_back(rule);
              texts.push_back(text);
            },
            checked) {
    attach(kGpu0, 0x2000, 0x4000, 1);
    attach(kGpu1, 0x3000, 0x4000, 1);
    attach(kOther, 0x8000, 0xA000, 2);
    tables(0x4000);
    tables(0xA000);
    rules.root_is({true, 0x1000, 0});
    rules.link_starts(link());
    GuaranteeRules::Link other{"link1", {2}, {kOther}, true, false, 0xFF'FFFF'FFFF};
    rules.link_starts(other);
    rules.object_created(&object, {kFrame, kFrame + 7, kFrame + 2}, true);
  }
  static model::UnitConfig config() {
    model::UnitConfig unit;
    unit.sc = true;
    return unit;
  }
  static GuaranteeRules::Link link() {
    return {"link0", {0, 1}, {kGpu0, kGpu1}, true, false, 0xFF'FFFF'FFFF};
  }
  void attach(std::uint16_t id, std::uint64_t context, std::uint64_t table, std::uint64_t did) {
    memory.qwords[0x1000 + 16ULL * (id >> 8)] = context | 1;
    memory.qwords[context] = table | 1;
    memory.qwords[context + 8] = did << 8 | 2;  // 48 bits
  }
  void tables(std::uint64_t top) {
    for (std::uint64_t level = 0; level < 3; ++level)
      memory.qwords[top + level * 0x1000] = (top + (level + 1) * 0x1000) | kRw;
  }
  std::uint64_t& leaf(std::uint64_t number, std::uint64_t top = 0x4000) {
    return memory.qwords[top + 0x3000 + 8 * number];
  }
  /// Three pages at numbers 16, 17, 18, as they should be.
  GuaranteeRules::Adl promise() {
    GuaranteeRules::Adl adl;
    adl.id = &adl_id;
    adl.object = &object;
    adl.link = "link0";
    adl.numbers = {16, 17, 18};
    adl.frames = {kFrame, kFrame + 7, kFrame + 2};
    adl.cached = true;
    for (std::size_t i = 0; i < 3; ++i) leaf(adl.numbers[i]) = adl.frames[i] << 12 | kSnoop | kRw;
    return adl;
  }
  void allocate(const GuaranteeRules::Adl& adl) {
    rules.allocate_begins();
    rules.allocated(adl, 100);
    rules.allocate_ends();
  }
  void unmap() {
    for (const std::uint64_t number : {16, 17, 18}) leaf(number) = 0;
  }
  void free_well() {
    rules.free_begins(&adl_id);
    unmap();
    rules.status_written(210);
    rules.page_event({mm::PageEvent::Kind::kUnlock, 230, {{kFrame, 8}}});
    rules.freed(&adl_id, {200, 220});
  }
  void end_links() {
    for (const char* name : {"link0", "link1"}) rules.link_ends(name);
  }
  void only(const char* rule) {
    EXPECT_THAT(fired, ::testing::Contains(std::string("guarantee.") + rule))
        << ::testing::PrintToString(texts);
    EXPECT_THAT(fired, ::testing::Each(std::string("guarantee.") + rule)) << ::testing::PrintToString(texts);
    EXPECT_GT(checked[rule], 0U);
  }

  TableMemory memory;
  std::vector<std::string> fired, texts;
  std::map<std::string, std::uint64_t> checked;
  GuaranteeRules rules;
  int object = 0, adl_id = 0, second_id = 0;
};

}  // namespace gpudmar::sim
