// SPDX-License-Identifier: Apache-2.0
// The judge: each difference is told, each mask covers exactly its condition.
#include "sim/oracle/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gpudmar::oracle {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

using Bytes = std::vector<std::uint8_t>;

class Judge : public ::testing::Test {
 protected:
  /// One access, both machines did the same.
  void both(const Access& access, const Observation& observation) {
    test_.steps = {Step{}};
    test_.steps[0].accesses = {access};
    qemu_.accesses = rtl_.accesses = {observation};
    qemu_.accesses[0].failed.reset();  // edu does not say
    qemu_.data_pages = rtl_.data_pages = Bytes(16, 1);
  }
  Observation& qemu() { return qemu_.accesses[0]; }
  Observation& rtl() { return rtl_.accesses[0]; }
  Verdict verdict() { return judge(test_, qemu_, rtl_); }

  Case test_;
  Outcome qemu_;
  Outcome rtl_;
};

Access reading(std::uint64_t address, unsigned bytes) { return {0, false, address, bytes, 1}; }
Access writing(std::uint64_t address, unsigned bytes) { return {0, true, address, bytes, 1}; }

Observation seen(bool failed, std::vector<Fault> faults, Bytes data, std::vector<Bytes> after) {
  return {true, std::move(faults), false, failed, std::move(data), std::move(after)};
}

TEST_F(Judge, the_same_is_the_same) {
  both(reading(0x1000, 2), seen(false, {}, {1, 2}, {{}}));
  EXPECT_EQ(verdict().mismatch, "");
  both(writing(0x1000, 2), seen(false, {}, {}, {{1, 2}}));
  EXPECT_EQ(verdict().mismatch, "");
  both(reading(0x1000, 2), seen(true, {{6, 0x100, false, 0x1000}}, {0, 0}, {{}}));
  const Verdict verdict = this->verdict();
  EXPECT_EQ(verdict.mismatch, "");
  EXPECT_THAT(verdict.masked, IsEmpty());
}

TEST_F(Judge, other_data_is_a_mismatch) {
  both(reading(0x1000, 2), seen(false, {}, {1, 2}, {{}}));
  rtl().data[1] = 3;
  EXPECT_THAT(verdict().mismatch, HasSubstr("byte 1 is 02 in QEMU, 03 in the RTL"));
  EXPECT_EQ(verdict().access, 0U);
  both(writing(0x1000, 2), seen(false, {}, {}, {{1, 2}}));
  rtl().after[0][0] = 9;
  EXPECT_THAT(verdict().mismatch, HasSubstr("byte 0"));
  both(writing(0x1000, 2), seen(false, {}, {}, {{1, 2}}));
  rtl_.data_pages[3] = 7;
  EXPECT_THAT(verdict().mismatch, HasSubstr("at the end: byte 3"));
}

TEST_F(Judge, every_field_of_a_record_counts) {
  const Fault fault{6, 0x100, false, 0x1000};
  for (const Fault& other : {Fault{5, 0x100, false, 0x1000}, Fault{6, 0x200, false, 0x1000},
                             Fault{6, 0x100, true, 0x1000}, Fault{6, 0x100, false, 0x2000}}) {
    both(reading(0x1000, 2), seen(true, {fault}, {0, 0}, {{}}));
    rtl().faults = {other};
    EXPECT_THAT(verdict().mismatch, HasSubstr(to_string(other)));
  }
  for (Observation* one : {&qemu(), &rtl()}) {
    both(reading(0x1000, 2), seen(true, {fault}, {0, 0}, {{}}));
    one->faults.clear();
    EXPECT_THAT(verdict().mismatch, HasSubstr("no fault"));
    both(reading(0x1000, 2), seen(true, {fault}, {0, 0}, {{}}));
    one->overflow = true;
    EXPECT_THAT(verdict().mismatch, HasSubstr("overflow"));
  }
}

TEST_F(Judge, blocked_by_one_of_them_only) {
  both(reading(0x1000, 2), seen(true, {}, {1, 2}, {{}}));
  EXPECT_THAT(verdict().mismatch, HasSubstr("the RTL blocks the read, QEMU does not"));
  both(reading(0x1000, 2), seen(false, {}, {1, 2}, {{}}));
  qemu().data = {0, 0};
  EXPECT_THAT(verdict().mismatch, HasSubstr("byte 0"));
  both(reading(0x1000, 2), seen(false, {{6, 0x100, false, 0x1000}}, {0, 0}, {{}}));
  EXPECT_THAT(verdict().mismatch, HasSubstr("the device knows nothing of it"));
}

TEST_F(Judge, a_suppressed_fault_is_seen_by_the_data) {
  both(reading(0x1000, 2), seen(true, {}, {0, 0}, {{}}));
  EXPECT_EQ(verdict().mismatch, "");
  both(writing(0x1000, 2), seen(true, {}, {}, {{5, 5}}));
  EXPECT_EQ(verdict().mismatch, "");
  qemu().after[0] = {1, 2};
  EXPECT_THAT(verdict().mismatch, HasSubstr("written"));
}

TEST_F(Judge, a_second_record_is_masked_for_the_next_page_and_nothing_else) {
  const Fault first{6, 0x100, false, 0x1000};
  const Fault second{7, 0x100, false, 0x2000};
  both(reading(0x1FFF, 2), seen(true, {first}, {0, 0}, {{}, {}}));
  rtl().faults = {first, second};
  EXPECT_EQ(verdict().mismatch, "");
  EXPECT_THAT(verdict().masked, ::testing::Contains(Pair("one-record-a-request", 1)));
  rtl().faults = {second, first};
  EXPECT_EQ(verdict().mismatch, "") << "walks may end in any order";
  for (const Fault& other :
       {Fault{7, 0x100, false, 0x3000}, Fault{7, 0x200, false, 0x2000}, Fault{7, 0x100, true, 0x2000}}) {
    rtl().faults = {first, other};
    EXPECT_THAT(verdict().mismatch, HasSubstr("QEMU: "));
  }
  rtl().faults = {first, second, second};
  EXPECT_THAT(verdict().mismatch, HasSubstr("QEMU: "));
  rtl().faults = {second};
  EXPECT_THAT(verdict().mismatch, HasSubstr("QEMU: ")) << "the first page's is missing";
}

TEST_F(Judge, behind_a_blocked_page_nothing_is_compared_but_before_it_all) {
  const Fault first{5, 0x100, true, 0x1000};
  const Fault second{5, 0x100, true, 0x2000};
  both(writing(0x1FFF, 2), seen(true, {first}, {}, {{9}, {9}}));
  qemu().after[1] = {1};  // QEMU went on
  EXPECT_EQ(verdict().mismatch, "");
  EXPECT_THAT(verdict().masked, ElementsAre(Pair("behind-a-blocked-page", 1)));
  both(writing(0x1FFF, 2), seen(true, {second}, {}, {{1}, {9}}));
  rtl().after[0] = {2};
  EXPECT_THAT(verdict().mismatch, HasSubstr("written"));
  both(reading(0x1FFF, 2), seen(true, {{6, 0x100, false, 0x2000}}, {7, 0}, {{}, {}}));
  rtl().data = {3, 3};
  EXPECT_EQ(verdict().mismatch, "");
  qemu().data = {7, 7};
  EXPECT_THAT(verdict().mismatch, HasSubstr("the RTL blocks the read"));
}

TEST_F(Judge, every_mask_has_a_reason) {
  for (const Mask& mask : masks()) EXPECT_FALSE(mask.reason.empty()) << mask.name;
}

}  // namespace
}  // namespace gpudmar::oracle
