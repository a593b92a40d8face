// SPDX-License-Identifier: Apache-2.0
// The AXI4-Lite master against a small register slave: lanes, order, errors, exact cycles.
#include "sim/axi/axi_lite.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/support/covers.h"

namespace gpudmar::sim {
namespace {

/// Answers `delay` cycles after the last of AW and W (or AR); takes AW and W in different cycles.
class Registers {
 public:
  explicit Registers(unsigned delay) : delay_(delay) {}
  AxiLiteSlaveOut out;
  std::map<std::uint32_t, std::uint64_t> values;
  AxiResp resp = AxiResp::kOkay;

  void step(const AxiLiteMasterOut& m) {
    if (out.bvalid && m.bready) out.bvalid = false;
    if (out.rvalid && m.rready) out.rvalid = false;
    if (m.awvalid && out.awready) aw_ = true;
    if (m.wvalid && out.wready) w_ = true, last_ = m;
    if (m.awvalid) address_ = m.awaddr;
    if (m.arvalid && out.arready) ar_ = true, read_ = m.araddr;
    out.awready = !aw_;
    out.wready = aw_ && !w_;
    out.arready = !ar_;
    if (((aw_ && w_) || ar_) && count_++ >= delay_) {
      count_ = 0;
      if (ar_) {
        out.rvalid = true, out.rdata = values[read_], out.rresp = resp;
      } else {
        out.bvalid = true, out.bresp = resp;
        for (unsigned i = 0; i < 8; ++i) {
          const std::uint64_t lane = 0xFFULL << (8 * i);
          if ((last_.wstrb >> i) & 1U) values[address_] = (values[address_] & ~lane) | (last_.wdata & lane);
        }
      }
      aw_ = w_ = ar_ = false;
    }
  }

 private:
  unsigned delay_;
  unsigned count_ = 0;
  bool aw_ = false, w_ = false, ar_ = false;
  std::uint32_t address_ = 0, read_ = 0;
  AxiLiteMasterOut last_;
};

struct Bench {
  explicit Bench(unsigned delay = 2) : slave(delay) {}
  AxiLiteMaster master;
  Registers slave;
  std::uint64_t cycle = 0;
  void run(int cycles) {
    for (int i = 0; i < cycles; ++i) {
      const AxiLiteMasterOut m = master.out();
      const AxiLiteSlaveOut s = slave.out;
      master.step(cycle++, s);
      slave.step(m);
    }
  }
};

TEST(AxiLiteMaster, AccessesFinishInTheOrderAskedFor) {
  Bench bench;
  auto w0 = bench.master.write(0x10, 0x1122334455667788, 8);
  auto w1 = bench.master.write(0x14, 0xAABBCCDD, 4);
  auto r0 = bench.master.read(0x10, 8);
  auto r1 = bench.master.read(0x14, 4);
  auto r2 = bench.master.read(0x10, 4);
  bench.run(60);
  ASSERT_TRUE(r2->done);
  EXPECT_EQ(r0->data, 0xAABBCCDD55667788U);
  EXPECT_EQ(r1->data, 0xAABBCCDDU);
  EXPECT_EQ(r2->data, 0x55667788U);
  EXPECT_LT(w0->finished, w1->started);
  EXPECT_LT(w1->finished, r0->started);  // a read is behind every earlier write
  EXPECT_LT(r0->finished, r1->started);
  EXPECT_TRUE(bench.master.idle());
}

TEST(AxiLiteMaster, ReportsErrorResponses) {
  Bench bench;
  bench.slave.resp = AxiResp::kSlvErr;
  auto access = bench.master.read(0, 8);
  bench.run(10);
  ASSERT_TRUE(access->done);
  EXPECT_EQ(access->resp, AxiResp::kSlvErr);
}

TEST(AxiLiteMaster, RefusesSizesAndAlignmentsThatDoNotExist) {
  AxiLiteMaster master;
  EXPECT_THROW(master.read(0x10, 2), std::invalid_argument);
  EXPECT_THROW(master.read(0x12, 4), std::invalid_argument);
  EXPECT_THROW(master.write(0x14, 0, 8), std::invalid_argument);
}

TEST(AxiLiteMaster, ResetEndsWhatIsUnderWay) {
  Bench bench(1000);
  auto access = bench.master.write(0, 1, 8);
  bench.run(5);
  EXPECT_FALSE(access->done);
  bench.master.reset();
  EXPECT_TRUE(access->done);
  EXPECT_EQ(access->resp, AxiResp::kSlvErr);
  EXPECT_FALSE(bench.master.out().awvalid);
}

}  // namespace
}  // namespace gpudmar::sim
