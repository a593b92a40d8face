// SPDX-License-Identifier: Apache-2.0
// See iommu_bench.h: what an observer is told. Compiled once per Verilated variant, as iommu_bench.cpp.
#include <cstring>

#include "sim/dut/verilated_bits.h"
#include "tests/rtl/iommu/iommu_bench_wires.h"

namespace gpudmar::test {

using sim::get_bits;

void IommuBench::observe() {
  namespace cycle = model::cycle;
  auto& d = w_->dut;
  const auto& m = w_->data;
  const auto& t = w_->table;
  const auto& s = data_.out();
  cycle::Inputs in;
  std::vector<cycle::Event> events;
  const auto answer = [](std::uint32_t id) {
    return cycle::Answer{id >> kIdBits, id & ((1U << kIdBits) - 1)};
  };
  const auto once = [this](std::optional<cycle::Request>& place, const cycle::Request& request) {
    if (place)
      violations.push_back({cycle_, "bench.two", "two address handshakes of a direction in a cycle"});
    place = request;
  };
  for (unsigned p = 0; p < kPorts; ++p) {
    const auto bits = [p](const auto& wires, unsigned width) {
      return static_cast<unsigned>(get_bits(wires, p * width, width));
    };
    if (bits(d.s_axi_arvalid_i, 1) && bits(d.s_axi_arready_o, 1))
      once(in.read, {p, bits(d.s_axi_arid_i, kIdBits), get_bits(d.s_axi_araddr_i, p * 64, 64),
                     bits(d.s_axi_arlen_i, 8), bits(d.s_axi_arsize_i, 3), bits(d.s_axi_aruser_i, 27)});
    if (bits(d.s_axi_awvalid_i, 1) && bits(d.s_axi_awready_o, 1))
      once(in.write, {p, bits(d.s_axi_awid_i, kIdBits), get_bits(d.s_axi_awaddr_i, p * 64, 64),
                      bits(d.s_axi_awlen_i, 8), bits(d.s_axi_awsize_i, 3), bits(d.s_axi_awuser_i, 27)});
    if (bits(d.hint_valid_i, 1) && bits(d.hint_ready_o, 1))
      in.hint = {p, get_bits(d.hint_page_i, p * 52, 52)};
    in.w[p] = bits(d.s_axi_wvalid_i, 1) && bits(d.s_axi_wready_o, 1);
    in.r[p] = bits(d.s_axi_rvalid_o, 1) && bits(d.s_axi_rready_i, 1);
    in.b[p] = bits(d.s_axi_bvalid_o, 1) && bits(d.s_axi_bready_i, 1);
  }
  in.data_arready = s.arready;
  in.data_awready = s.awready;
  in.data_wready = s.wready;
  if (s.rvalid) in.data_r = answer(s.rid);
  in.data_r_last = s.rlast;
  if (s.bvalid) in.data_b = answer(s.bid);
  if (d.s_axil_wvalid_i && d.s_axil_wready_o)
    in.register_write = {static_cast<std::uint32_t>(d.s_axil_awaddr_i),
                         static_cast<std::uint64_t>(d.s_axil_wdata_i),
                         static_cast<std::uint8_t>(d.s_axil_wstrb_i)};

  const auto leaves = [&](cycle::Kind kind, bool valid, bool ready, std::uint32_t id, std::uint64_t address,
                          unsigned len) {
    bool& shown = shown_[kind == cycle::Kind::kWriteOut];
    const auto whose = answer(id);
    if (valid && !shown)
      events.push_back({kind, cycle_, address, cycle::out_detail(whose.port, whose.id, len)});
    shown = valid && !ready;
  };
  leaves(cycle::Kind::kReadOut, m.arvalid, s.arready, m.arid, m.araddr, m.arlen);
  leaves(cycle::Kind::kWriteOut, m.awvalid, s.awready, m.awid, m.awaddr, m.awlen);
  if (t.arvalid && table_.out().arready)
    events.push_back({t.arid == kTableQueueId ? cycle::Kind::kQueueFetch : cycle::Kind::kWalkRead, cycle_,
                      t.araddr, cycle::read_detail(t.arid, t.arlen)});
  if (d.probe_fault_o)
    events.push_back({cycle::Kind::kFault, cycle_, get_bits(d.probe_fault_record_o, 0, 64),
                      get_bits(d.probe_fault_record_o, 64, 64)});
  if (t.wvalid && table_.out().wready) {
    std::uint32_t word = 0;
    std::memcpy(&word, t.wdata.data() + (t.awaddr & (kBusBytes - 1)), sizeof(word));
    events.push_back({cycle::Kind::kStatus, cycle_, t.awaddr, word});
  }
  observer(in, events);
}

}  // namespace gpudmar::test
