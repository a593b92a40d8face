// SPDX-License-Identifier: Apache-2.0
// See iommu_bench.h: every cycle of every test of the unit under the cycle contract. Compiled once per
// Verilated variant, as iommu_bench.cpp.
#include "sim/dut/verilated_bits.h"
#include "tests/rtl/iommu/iommu_bench_wires.h"

namespace gpudmar::test {

using sim::get_bits;

void IommuBench::check_contract() {
  if (hold_reset_) return;
  auto& d = w_->dut;
  for (unsigned p = 0; p < kPorts; ++p) {
    const auto bits = [p](const auto& wires, unsigned width) {
      return static_cast<std::uint32_t>(get_bits(wires, p * width, width));
    };
    const auto both = [&](const auto& valid, const auto& ready) { return bits(valid, 1) && bits(ready, 1); };
    sim::RequesterProbe& probe = w_->out.probe[p];
    probe = {};
    if (both(d.s_axi_arvalid_i, d.s_axi_arready_o)) {
      probe.ar = true;
      probe.arid = bits(d.s_axi_arid_i, kIdBits);
      probe.araddr = get_bits(d.s_axi_araddr_i, p * 64, 64);
    }
    if (both(d.s_axi_awvalid_i, d.s_axi_awready_o)) {
      probe.aw = true;
      probe.awid = bits(d.s_axi_awid_i, kIdBits);
      probe.awaddr = get_bits(d.s_axi_awaddr_i, p * 64, 64);
    }
    probe.wlast = both(d.s_axi_wvalid_i, d.s_axi_wready_o) && bits(d.s_axi_wlast_i, 1);
    // Answers count when they are shown: the requester's time is not the unit's.
    const auto first = [&](bool& shown, const auto& valid, const auto& ready) {
      const bool new_one = bits(valid, 1) && !shown;
      shown = bits(valid, 1) && !bits(ready, 1);
      return new_one;
    };
    if (first(w_->r_shown[p], d.s_axi_rvalid_o, d.s_axi_rready_i)) {
      probe.r = true;
      probe.rid = bits(d.s_axi_rid_o, kIdBits);
      probe.rresp = static_cast<sim::AxiResp>(bits(d.s_axi_rresp_o, 2));
      probe.rlast = bits(d.s_axi_rlast_o, 1) != 0;
    }
    if (first(w_->b_shown[p], d.s_axi_bvalid_o, d.s_axi_bready_i)) {
      probe.b = true;
      probe.bid = bits(d.s_axi_bid_o, kIdBits);
      probe.bresp = static_cast<sim::AxiResp>(bits(d.s_axi_bresp_o, 2));
    }
  }
  w_->out.iommu.wready = d.s_axil_wready_o;
  w_->in.iommu.wvalid = d.s_axil_wvalid_i;
  w_->in.iommu.awaddr = d.s_axil_awaddr_i;
  w_->in.iommu.wdata = d.s_axil_wdata_i;
  w_->in.iommu.wstrb = d.s_axil_wstrb_i;
  w_->in.data = data_.out();
  w_->in.table = table_.out();
  w_->contract.observe({cycle_, w_->out, w_->in});
}

}  // namespace gpudmar::test
