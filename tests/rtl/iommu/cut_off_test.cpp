// SPDX-License-Identifier: Apache-2.0
// A write is cut off in the cycle in which its data comes after all, in which software clears the cut-off
// before, and while the answer to an older write comes.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/rtl/iommu/status_fixture.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

constexpr std::uint32_t kImplWLimit = 0xF08, kImplCutoff = 0xF0C;
constexpr unsigned kLimit = 40;

class CutOff : public StatusFixture {
 protected:
  CutOff() {
    EXPECT_TRUE(bench.bring_up());
    bench.write_register(kImplWLimit, kLimit, 4);
    bench.read(0, 1, kIova);
    EXPECT_TRUE(bench.settle());
    bench.write(0, 1, kIova);
    EXPECT_TRUE(bench.settle());
  }
  /// First byte of each beat from the beginning of the pool.
  std::vector<unsigned> beats(unsigned count, std::uint64_t from = 0) {
    std::vector<std::uint8_t> bytes(std::size_t{count} * kBusBytes);
    EXPECT_TRUE(bench.memory.device().read(kPool + from, bytes.data(), bytes.size()));
    std::vector<unsigned> first;
    for (unsigned i = 0; i < count; ++i) first.push_back(bytes[std::size_t{i} * kBusBytes]);
    return first;
  }
  void answers_after(unsigned cycles) {
    auto config = bench.data_port().config();
    config.b_latency = cycles;
    config.out_of_order = true;
    bench.data_port().configure(config);
  }
};

// The rest of the data comes at every distance from the end of the patience: the burst is whole or cut off,
// never in between, and the next one of the port has its own data.
TEST_F(CutOff, DataThatComesAroundTheEndOfThePatience) {
  covers("vtd.isolation.write");
  std::string ends;
  for (unsigned offset = 0; offset < 24; ++offset) {
    SCOPED_TRACE(offset);
    const std::vector<std::uint8_t> zeros(4096);
    ASSERT_TRUE(bench.memory.device().write(kPool, zeros.data(), zeros.size()));
    bench.hold_w[0] = true;
    const auto held = bench.write(0, 1, kIova, 4, kFullSize, 0, 0x70);
    const auto next = bench.write(0, 1, kIova + 2048, 2, kFullSize, 0, 0x30);
    ASSERT_TRUE(bench.run_until([&] { return held->in; }, 20));
    bench.run(kLimit - 12 + offset);
    bench.hold_w[0] = false;
    ASSERT_TRUE(bench.settle());
    const bool cut = held->resp != sim::AxiResp::kOkay;
    ends += cut ? 'c' : 'w';
    EXPECT_EQ(bench.read_register(kImplCutoff, 4), cut ? 1U : 0U);
    EXPECT_EQ(beats(4),
              cut ? (std::vector<unsigned>{0x70, 0, 0, 0}) : (std::vector<unsigned>{0x70, 0x71, 0x72, 0x73}));
    EXPECT_EQ(beats(3, 2048), (std::vector<unsigned>{0x30, 0x31, 0}));
    EXPECT_EQ(next->resp, held->resp) << "until software clears it";
    bench.write_register(kImplCutoff, 1, 4);
    EXPECT_EQ(bench.read_register(kImplCutoff, 4), 0U);
  }
  const auto turn = ends.find('c');
  ASSERT_NE(turn, std::string::npos);
  EXPECT_GT(turn, 0U);
  EXPECT_EQ(ends, std::string(turn, 'w') + std::string(24 - turn, 'c'));
}

// Software clears the cut-off at every distance from the next one: that one stands, and its answer is an
// error, unless it came before.
TEST_F(CutOff, IsClearedAroundTheNextOne) {
  covers("vtd.isolation.write");
  answers_after(120);
  std::string bits;
  for (unsigned offset = 0; offset < 24; ++offset) {
    SCOPED_TRACE(offset);
    bench.hold_w[0] = true;
    const auto held = bench.write(0, 1, kIova, 4);
    ASSERT_TRUE(bench.run_until([&] { return held->in; }, 20));
    bench.run(kLimit - 12 + offset);
    bench.write_register(kImplCutoff, 1, 4);
    bench.run(30);
    const bool stands = bench.read_register(kImplCutoff, 4) != 0;
    bits += stands ? '1' : '0';
    bench.hold_w[0] = false;
    ASSERT_TRUE(bench.settle());
    EXPECT_EQ(held->resp, stands ? sim::AxiResp::kSlvErr : sim::AxiResp::kOkay);
    bench.run(10);
    bench.write_register(kImplCutoff, 1, 4);
    EXPECT_EQ(bench.read_register(kImplCutoff, 4), 0U);
  }
  const auto turn = bits.find('0');
  ASSERT_NE(turn, std::string::npos);
  EXPECT_GT(turn, 0U);
  EXPECT_EQ(bits, std::string(turn, '1') + std::string(24 - turn, '0'));
}

// An older write of the port is answered before, while and after a long burst is filled up: it is performed,
// and its answer is an error from the cut-off on.
TEST_F(CutOff, AnswersThatComeWhileABurstIsFilledUp) {
  covers("vtd.isolation.write");
  constexpr unsigned kBeats = 60;
  unsigned before = 0, within = 0, behind = 0;
  for (unsigned answered = 10; answered < 160; answered += 10) {
    SCOPED_TRACE(answered);
    answers_after(answered);
    const auto older = bench.write(0, 2, kIova + 2048, 1, kFullSize, 0, static_cast<std::uint8_t>(answered));
    ASSERT_TRUE(bench.run_until([&] { return older->out; }, 50));
    bench.run(4);
    answers_after(1);
    bench.hold_w[0] = true;
    const auto held = bench.write(0, 1, kIova, kBeats, kFullSize, 0, 0x70);
    ASSERT_TRUE(bench.run_until([&] { return older->done && held->done; }, 600));
    // What fills up takes a cycle a beat.
    const auto filled_from = held->performed_cycle - kBeats;
    if (older->performed_cycle + 2 < filled_from) {
      EXPECT_EQ(older->resp, sim::AxiResp::kOkay);
      ++before;
    } else if (older->performed_cycle > filled_from + 2) {
      EXPECT_EQ(older->resp, sim::AxiResp::kSlvErr);
      (older->performed_cycle < held->performed_cycle ? within : behind) += 1;
    }
    EXPECT_EQ(held->resp, sim::AxiResp::kSlvErr);
    EXPECT_EQ(beats(1, 2048), std::vector<unsigned>{answered});
    EXPECT_EQ(bench.read_register(kImplCutoff, 4), 1U);
    bench.hold_w[0] = false;
    bench.run(kBeats + 10);
    bench.write_register(kImplCutoff, 1, 4);
  }
  EXPECT_GT(before, 0U);
  EXPECT_GT(within, 0U);
  EXPECT_GT(behind, 0U);
}

}  // namespace
}  // namespace gpudmar::test
