// SPDX-License-Identifier: Apache-2.0
// The mover through an IOMMU: what hints are for. Efficiency as docs/cycle-contract.md defines it, in percent
// of the bus.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <verilated.h>

#include <deque>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "Vmover_iommu.h"
#include "driver-model/hw/regs/vtd_regs.h"
#include "sim/dut/model_coverage.h"
#include "tests/rtl/dma/mover_op.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

constexpr unsigned kBytes = 32;
constexpr std::uint64_t kTables = 0x0100'0000;

class Machine {
 public:
  explicit Machine(unsigned latency)
      : data("data", kBytes, 16, ~0ULL, ~0U, 1), table("table", kBytes, 256, ~0ULL, ~0U, 2) {
    for (AxiMemory* port : {&data, &table}) port->timing.read_latency = latency;
    top_ = std::make_unique<Vmover_iommu>(&context_);
    top_->hints_on_i = 1;
    root_ = page();
    const std::uint64_t contexts = page();
    top_table_ = page();
    table.memory.set64(root_ + 16, contexts | 1);
    table.memory.set64(contexts, top_table_ | 1);
    table.memory.set64(contexts + 8, 2 | 7 << 8);  // 4 levels, domain 7
    top_->rst_ni = 0;
    for (int i = 0; i < 4; ++i) tick();
    top_->rst_ni = 1;
    tick();
  }
  ~Machine() {
    for (AxiMemory* port : {&data, &table}) {
      for (const std::string& what : port->violations) ADD_FAILURE() << what;
    }
    top_->final();
  }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  AxiMemory data, table;
  std::uint64_t done = 0, fails = 0;

  void hints(bool on) { top_->hints_on_i = on; }
  void map(std::uint64_t iova, std::uint64_t pa) {
    std::uint64_t at = top_table_;
    for (unsigned level = 3; level > 0; --level) {
      const std::uint64_t entry = at + 8 * (iova >> (12 + 9 * level) & 0x1ff);
      if (table.memory.get64(entry) == 0) table.memory.set64(entry, page() | 3);
      at = table.memory.get64(entry) & ~0xfffULL;
    }
    table.memory.set64(at + 8 * (iova >> 12 & 0x1ff), pa | 3);
  }
  /// Root table, then translation on. Both take a few cycles and have no answer that the test needs to see.
  void enable() {
    write(regs::vtd::RTADDR::kOffset, root_, 0xff);
    write(regs::vtd::GCMD::kOffset & ~7ULL, 1ULL << 30, 0x0f);
    run(50);
    write(regs::vtd::GCMD::kOffset & ~7ULL, 1ULL << 31, 0x0f);
    run(50);
  }
  void push(const Op& op) { queue_.push_back(op); }
  bool finish(std::uint64_t operations, std::uint64_t limit) {
    for (std::uint64_t i = 0; i < limit; ++i) {
      if (done == operations || fails != 0) return fails == 0;
      tick();
    }
    ADD_FAILURE() << fmt::format("{} of {} operations done in {} cycles", done, operations, limit);
    return false;
  }
  void run(unsigned cycles) {
    for (unsigned i = 0; i < cycles; ++i) tick();
  }

 private:
  std::uint64_t page() {
    const std::uint64_t at = next_;
    next_ += 0x1000;
    return at;
  }
  void write(std::uint64_t offset, std::uint64_t value, std::uint8_t strobe) {
    top_->s_axil_awaddr_i = static_cast<std::uint16_t>(offset);
    top_->s_axil_wdata_i = value;
    top_->s_axil_wstrb_i = strobe;
    top_->s_axil_awvalid_i = top_->s_axil_wvalid_i = 1;
    for (unsigned i = 0; i < 100 && (top_->s_axil_awvalid_i != 0 || top_->s_axil_wvalid_i != 0); ++i) {
      tick();
      if (aw_taken_) top_->s_axil_awvalid_i = 0;
      if (w_taken_) top_->s_axil_wvalid_i = 0;
    }
    run(5);
  }
  template <class Wide>
  static void to_pins(const std::array<std::uint8_t, 64>& from, Wide& to) {
    for (unsigned i = 0; i < kBytes / 4; ++i) {
      to[i] = from[4 * i] | from[4 * i + 1] << 8 | from[4 * i + 2] << 16 |
              static_cast<std::uint32_t>(from[4 * i + 3]) << 24;
    }
  }
  void tick() {
    const SlavePins& d = data.drive(cycle_);
    top_->m_axi_data_arready_i = d.arready;
    top_->m_axi_data_rvalid_i = d.rvalid;
    top_->m_axi_data_rid_i = static_cast<std::uint8_t>(d.rid);
    to_pins(d.rdata, top_->m_axi_data_rdata_i);
    top_->m_axi_data_rresp_i = static_cast<std::uint8_t>(d.rresp);
    top_->m_axi_data_rlast_i = d.rlast;
    top_->m_axi_data_awready_i = d.awready;
    top_->m_axi_data_wready_i = d.wready;
    top_->m_axi_data_bvalid_i = d.bvalid;
    top_->m_axi_data_bid_i = static_cast<std::uint8_t>(d.bid);
    top_->m_axi_data_bresp_i = static_cast<std::uint8_t>(d.bresp);
    const SlavePins& t = table.drive(cycle_);
    top_->m_axi_table_arready_i = t.arready;
    top_->m_axi_table_rvalid_i = t.rvalid;
    top_->m_axi_table_rid_i = static_cast<std::uint8_t>(t.rid);
    to_pins(t.rdata, top_->m_axi_table_rdata_i);
    top_->m_axi_table_rresp_i = static_cast<std::uint8_t>(t.rresp);
    top_->m_axi_table_rlast_i = t.rlast;
    top_->op_push_i = 0;
    top_->clk_i = 0;
    top_->eval();
    if (top_->rst_ni != 0 && !queue_.empty() && top_->op_full_o == 0) {
      top_->op_push_i = 1;
      const auto bits = queue_.front().bits();
      for (unsigned i = 0; i < bits.size(); ++i) top_->op_i[i] = bits[i];
      queue_.pop_front();
      top_->eval();
    }
    if (top_->rst_ni != 0) sample();
    top_->clk_i = 1;
    top_->eval();
    ++cycle_;
  }
  void sample() {
    MasterPins p;
    p.arvalid = top_->m_axi_data_arvalid_o != 0;
    p.arid = top_->m_axi_data_arid_o;
    p.araddr = top_->m_axi_data_araddr_o;
    p.arlen = top_->m_axi_data_arlen_o;
    p.arsize = top_->m_axi_data_arsize_o;
    p.rready = top_->m_axi_data_rready_o != 0;
    p.awvalid = top_->m_axi_data_awvalid_o != 0;
    p.awid = top_->m_axi_data_awid_o;
    p.awaddr = top_->m_axi_data_awaddr_o;
    p.awlen = top_->m_axi_data_awlen_o;
    p.awsize = top_->m_axi_data_awsize_o;
    p.wvalid = top_->m_axi_data_wvalid_o != 0;
    p.wlast = top_->m_axi_data_wlast_o != 0;
    p.wstrb = top_->m_axi_data_wstrb_o;
    for (unsigned i = 0; i < kBytes; ++i) {
      p.wdata[i] = static_cast<std::uint8_t>(top_->m_axi_data_wdata_o[i / 4] >> (8 * (i % 4)));
    }
    p.bready = top_->m_axi_data_bready_o != 0;
    data.sample(p, cycle_);
    MasterPins q;
    q.arvalid = top_->m_axi_table_arvalid_o != 0;
    q.arid = top_->m_axi_table_arid_o;
    q.araddr = top_->m_axi_table_araddr_o;
    q.arlen = top_->m_axi_table_arlen_o;
    q.arsize = top_->m_axi_table_arsize_o;
    q.rready = top_->m_axi_table_rready_o != 0;
    q.bready = true;
    table.sample(q, cycle_);
    aw_taken_ = top_->s_axil_awvalid_i != 0 && top_->s_axil_awready_o != 0;
    w_taken_ = top_->s_axil_wvalid_i != 0 && top_->s_axil_wready_o != 0;
    done += top_->done_o;
    fails += top_->fail_o;
  }

  VerilatedContext context_;
  std::unique_ptr<Vmover_iommu> top_;
  sim::ModelCoverage coverage_{context_};
  std::uint64_t cycle_ = 0, next_ = kTables, root_ = 0, top_table_ = 0;
  bool aw_taken_ = false, w_taken_ = false;
  std::deque<Op> queue_;
};

enum class Pages { Hit, Cold };

/// Percent of the bus that `count` queued copies of `bytes` reach at L = 100, without the first and last
/// tenth. Those that are not aligned go from offset 3 to offset 5.
double efficiency(unsigned bytes, unsigned count, Pages pages, bool hints, std::uint64_t span,
                  bool aligned = true) {
  Machine machine(100);
  machine.hints(hints);
  std::mt19937_64 random(11);
  std::set<std::uint64_t> used;
  const auto fresh = [&] {
    std::uint64_t page = random() % (span >> 12);
    while (!used.insert(page).second) page = random() % (span >> 12);
    return page << 12;
  };
  std::vector<Op> ops;
  std::uint64_t pa = 0x1'0000'0000;
  const unsigned step = aligned ? bytes : 2 * bytes;
  const unsigned each = pages == Pages::Cold ? 1 : 4096 / step;  // copies to a pair of pages
  std::uint64_t src = 0, dst = 0;
  if (pages == Pages::Hit) {
    // Eight pages each way, round and round.
    for (unsigned i = 0; i < 16; ++i) machine.map(0x4000'0000 + 0x1000 * i, 0x1'0000'0000 + 0x1000 * i);
  }
  for (unsigned i = 0; i < count; ++i) {
    Op op;
    op.src_space = op.dst_space = dma::space::LOGICAL;
    op.bytes = bytes;
    if (pages == Pages::Cold) {
      src = fresh();
      dst = fresh();
      machine.map(src, pa);
      machine.map(dst, pa + 0x1000);
      pa += 0x2000;
      op.src = src;
      op.dst = dst;
    } else {
      op.src = 0x4000'0000 + 0x1000 * (i / each % 8) + i % each * step;
      op.dst = op.src + 0x8000;
    }
    if (!aligned) {
      op.src += 3;
      op.dst += 5;
    }
    ops.push_back(op);
  }
  machine.enable();
  machine.data.log.clear();
  for (const Op& op : ops) machine.push(op);
  EXPECT_TRUE(machine.finish(count, 40ULL * count * (bytes / kBytes + 50)));
  std::vector<std::uint64_t> beats;
  for (const BusEvent& e : machine.data.log) {
    if (e.kind == BusEvent::Kind::W) beats.push_back(e.cycle);
  }
  if (beats.size() != std::size_t{count} * (bytes / kBytes + (aligned ? 0 : 1))) {
    ADD_FAILURE() << beats.size() << " beats";
    return 0;
  }
  // Warm pages are those of the second half.
  const std::size_t from = beats.size() / (pages == Pages::Hit ? 2 : 10), to = beats.size() * 9 / 10;
  return 100.0 * static_cast<double>(to - from + 1) / static_cast<double>(beats[to] - beats[from] + 1);
}

TEST(MoverIommu, ColdPagesRunAtBusSpeedWithHints) {
  covers("contract.dma.queued.cold", "contract.dma.hints");
  // Over 1 TiB each walk reads three levels.
  for (const std::uint64_t span : {1ULL << 26, 1ULL << 32, 1ULL << 40}) {
    const double with = efficiency(4096, 300, Pages::Cold, true, span);
    const double without = efficiency(4096, 300, Pages::Cold, false, span);
    fmt::print("queued 4 KiB, cold pages over {} MiB, 256 bit, L=100: {:.1f} %, without hints {:.1f} %\n",
               span >> 20, with, without);
    EXPECT_GE(with, 95.0) << span;
    EXPECT_LT(without, 60.0);
    EXPECT_LT(without, with);
  }
}

TEST(MoverIommu, HitsRunAtBusSpeed) {
  covers("contract.dma.queued");
  for (const unsigned bytes : {64U, 256U, 4096U}) {
    const double result = efficiency(bytes, bytes == 4096 ? 200 : 2000, Pages::Hit, true, 0);
    fmt::print("queued {} B, IOTLB hits, 256 bit, L=100: {:.1f} %\n", bytes, result);
    EXPECT_GE(result, 95.0) << bytes;
  }
}

// The last of their bursts has one beat, whose address must not come after it.
TEST(MoverIommu, UnalignedHitsRunAtBusSpeed) {
  covers("contract.dma.queued");
  const double result = efficiency(1024, 400, Pages::Hit, true, 0, false);
  fmt::print("queued 1024 B from offset 3 to 5, IOTLB hits, 256 bit, L=100: {:.1f} %\n", result);
  EXPECT_GE(result, 99.9);
}

// From the first address at memory to the last answer there. It leaves the mover 1 cycle after the operation
// came and the unit 2 later, so all in all L + beats + 8.
TEST(MoverIommu, ASingleCopyWaitsForNothingButMemory) {
  covers("contract.dma.single");
  for (const unsigned latency : {1U, 20U, 100U}) {
    for (const unsigned beats : {1U, 2U, 16U}) {
      Machine machine(latency);
      machine.map(0x4000'0000, 0x1'0000'0000);
      machine.map(0x4000'1000, 0x1'0000'1000);
      machine.enable();
      Op op;
      op.src_space = op.dst_space = dma::space::LOGICAL;
      op.bytes = kBytes * beats;
      op.src = 0x4000'0000;
      op.dst = 0x4000'1000;
      machine.push(op);
      EXPECT_TRUE(machine.finish(1, 2000));  // the pages are in the IOTLB
      machine.run(20);
      machine.data.log.clear();
      machine.push(op);
      EXPECT_TRUE(machine.finish(2, 2000));
      ASSERT_FALSE(machine.data.log.empty());
      std::uint64_t address = 0, answer = 0;
      for (const BusEvent& e : machine.data.log) {
        if (e.kind == BusEvent::Kind::Ar) address = e.cycle;
        if (e.kind == BusEvent::Kind::B) answer = e.cycle;
      }
      EXPECT_EQ(answer - address, latency + beats + 5) << "L " << latency << ", " << beats << " beats";
    }
  }
}

// Two walks a copy; at 64 bytes they are the bound: 16 of requests at a time, of 2L + 14 cycles each.
TEST(MoverIommu, ColdSmallCopiesAreAsFastAsTheWalks) {
  covers("contract.dma.queued.cold");
  const double kilobyte = efficiency(1024, 600, Pages::Cold, true, 1ULL << 32);
  const double small = efficiency(64, 600, Pages::Cold, true, 1ULL << 32);
  fmt::print("queued cold pages, 256 bit, L=100: 1 KiB {:.1f} %, 64 B {:.1f} %\n", kilobyte, small);
  EXPECT_GE(kilobyte, 95.0);
  EXPECT_GE(small, 7.0);
}

}  // namespace
}  // namespace gpudmar::test
