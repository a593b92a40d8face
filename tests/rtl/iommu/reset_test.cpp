// SPDX-License-Identifier: Apache-2.0
// Warm and power-on reset: what survives, and a unit that comes up clean out of the midst of everything.
#include <gtest/gtest.h>

#include "tests/rtl/iommu/status_fixture.h"
#include "tests/rtl/iommu/vtd_fields.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

class Reset : public StatusFixture {
 protected:
  struct Value {
    const RegisterRow* row;
    unsigned n;
    std::uint64_t value;
  };
  std::vector<Value> all() {
    std::vector<Value> values;
    for (const auto& r : kVtdRegisters) {
      for (unsigned n = 0; n < r.count; ++n)
        values.push_back({&r, n, bench.read_register(r.at(n), r.bytes())});
    }
    return values;
  }
  /// Everything but the status away from its reset value.
  void set_everything() {
    ASSERT_TRUE(bench.bring_up());
    set_every_status();
    for (const auto& r : kVtdRegisters) {
      const std::string name = r.name;
      if (r.writable() == 0 || name == "IQA" || name == "IQT" || name == "RTADDR")
        continue;  // set by bring-up
      bench.write_register(r.offset, r.reset ^ r.writable(), r.bytes());
    }
  }
  /// A mapped page goes through on both ports and directions, and a wait completes.
  void works() {
    ASSERT_TRUE(bench.bring_up());
    std::vector<BurstPtr> bursts;
    for (unsigned p = 0; p < kPorts; ++p) {
      for (unsigned i = 0; i < 16; ++i) bursts.push_back(bench.read(p, i, kIova + i * 64, 2));
      bursts.push_back(bench.write(p, 1, kIova + 2048 + p * 64, 2));
    }
    ASSERT_TRUE(bench.settle(2000));
    for (const auto& b : bursts) {
      EXPECT_EQ(b->resp, sim::AxiResp::kOkay);
      EXPECT_EQ(b->out_address, b->address - kIova + kPool);
    }
    bench.flush_global();
    EXPECT_TRUE(bench.invalidate());
  }
};

TEST_F(Reset, WarmKeepsTheStickyFieldsAndNothingElse) {
  covers("vtd.registers.sticky", "vtd.registers.reset");
  set_everything();
  const auto before = all();
  unsigned moved = 0;
  bench.reset(false);
  const auto after = all();
  for (std::size_t i = 0; i < before.size(); ++i) {
    const RegisterRow& r = *before[i].row;
    SCOPED_TRACE(testing::Message() << r.name << " " << before[i].n);
    if (!r.reset_known) {
      EXPECT_EQ(after[i].value, before[i].value);
      continue;
    }
    for (const auto& f : r.fields) {
      const std::uint64_t expected = f.sticky() ? before[i].value : r.reset;
      EXPECT_EQ(after[i].value & f.mask(), expected & f.mask()) << f.name;
      moved += (before[i].value & f.mask()) != (r.reset & f.mask()) ? 1 : 0;
    }
  }
  EXPECT_GT(moved, 60U) << "most fields were away from their reset value";
  // The status is as good as before: the queue stands, and the records go on in order.
  bench.write_register(kFsts, kPfo, 4);
  clear_record(3);
  ASSERT_TRUE(bench.bring_up());
  const std::uint64_t page = kIova + 51 * 4096ULL;
  fault(50);
  EXPECT_EQ(bench.read_register(kFrcd + 16 * 3, 8), page) << "record 3 was the next";
  const auto wait = bench.push_wait();
  bench.ring();
  bench.run(300);
  EXPECT_FALSE(bench.waited(wait)) << "IQE stands";
  EXPECT_EQ(status(kIqh), 0U);
  bench.write_register(kFsts, kIqe, 4);
  EXPECT_TRUE(bench.run_until([&] { return bench.waited(wait); }, 300));
}

TEST_F(Reset, PowerOnClearsEverything) {
  covers("vtd.registers.sticky", "vtd.registers.reset");
  set_everything();
  bench.reset(true);
  for (const auto& v : all()) {
    if (v.row->reset_known) {
      EXPECT_EQ(v.value, v.row->reset) << v.row->name << " " << v.n;
    }
  }
  works();
  fault(50);
  EXPECT_EQ(bench.read_register(kFrcd, 8), kIova + 51 * 4096ULL) << "record 0 is the first";
}

TEST_F(Reset, AQueueThatStandsOnAnErrorCanBeSwitchedOff) {
  covers("vtd.registers.sticky", "vtd.gcmd.qie");
  set_everything();
  bench.reset(false);
  ASSERT_TRUE(bench.bring_up());
  bench.push_wait();
  bench.ring();
  bench.write_register(kGcmd, kTe, 4);
  EXPECT_TRUE(bench.run_until([&] { return (status(kGsts) & kQie) == 0; }, 300));
}

TEST_F(Reset, AMaskedEventDoesNotSurvive) {
  covers("vtd.event.pending");
  ASSERT_TRUE(bench.bring_up());
  fault();
  bench.push_wait(true);
  ASSERT_TRUE(bench.invalidate());
  bench.reset(false);
  EXPECT_EQ(status(kFectl), 1U << 31);
  EXPECT_EQ(status(kIectl), 1U << 31);
  EXPECT_EQ(status() & kPpf, kPpf);
  bench.write_register(kFectl, 0, 4);
  bench.write_register(kIectl, 0, 4);
  bench.run(50);
  EXPECT_TRUE(bench.messages.empty());
}

// Reset in every cycle of a stretch in which everything is under way: walks, hits, blocked requests, buffered
// data on both sides, the queue, a drain, a status write.
TEST_F(Reset, InTheMidstOfEverythingTheUnitComesUpClean) {
  covers("vtd.registers.reset", "vtd.race");
  for (unsigned offset = 0; offset <= 240; ++offset) {
    SCOPED_TRACE(offset);
    bench.reset(true);
    ASSERT_TRUE(bench.bring_up());
    bench.r_ready[0] = 0.4;
    for (unsigned i = 0; i < 24; ++i) {
      for (unsigned p = 0; p < kPorts; ++p) {
        bench.read(p, i % 16, kIova + (i % 3) * 4096ULL, 1 + i % 8);
        bench.write(p, i % 16, kIova + (i % 3) * 4096ULL, 1 + i % 4);
      }
    }
    for (unsigned i = 0; i < 12; ++i) {
      bench.flush_pages(3, kIova);
      bench.push_wait(i % 2 == 0);
    }
    bench.ring();
    bench.run(offset);
    bench.reset(false, 1 + offset % 3);
    bench.r_ready[0] = 1;
    EXPECT_EQ(status(kGsts), 0U);
    const auto untranslated = bench.read(0, 1, kPool);
    ASSERT_TRUE(bench.settle(500));
    EXPECT_EQ(untranslated->out_address, kPool);
    works();
    ASSERT_FALSE(HasFailure());
  }
}

}  // namespace
}  // namespace gpudmar::test
