// SPDX-License-Identifier: Apache-2.0
// The GTKWave view, from the port list of the top.
#include "sim/waves/gtkw.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <vector>

namespace gpudmar::sim {
namespace {

// Trace flags of a save file.
constexpr const char* kHex = "@22\n";
constexpr const char* kBit = "@28\n";
constexpr const char* kGroupOpen = "@800200\n-";
constexpr const char* kGroupClosed = "@c00200\n-";
constexpr const char* kGroupEnd = "@1000200\n-";
constexpr const char* kGroupEndClosed = "@1401200\n-";

struct Signal {
  std::string name;
  unsigned width;
};

std::string group(const std::string& title, const std::vector<Signal>& signals, bool open) {
  std::string text = (open ? kGroupOpen : kGroupClosed) + title + "\n";
  for (const Signal& signal : signals) {
    text += signal.width == 1 ? kBit : kHex;
    text += "gpu_dmar." + signal.name;
    if (signal.width > 1) text += fmt::format("[{}:0]", signal.width - 1);
    text += "\n";
  }
  return text + (open ? kGroupEnd : kGroupEndClosed) + title + "\n";
}

/// An AXI4 master port; `lanes` adapters side by side.
std::vector<Signal> axi(const std::string& name, unsigned id_bits, unsigned data_bits, unsigned lanes) {
  const std::string p = "m_axi_" + name + "_";
  return {{p + "arvalid_o", lanes},
          {p + "arready_i", lanes},
          {p + "arid_o", lanes * id_bits},
          {p + "araddr_o", lanes * 64},
          {p + "arlen_o", lanes * 8},
          {p + "rvalid_i", lanes},
          {p + "rid_i", lanes * id_bits},
          {p + "rdata_i", lanes * data_bits},
          {p + "rresp_i", lanes * 2},
          {p + "rlast_i", lanes},
          {p + "awvalid_o", lanes},
          {p + "awready_i", lanes},
          {p + "awid_o", lanes * id_bits},
          {p + "awaddr_o", lanes * 64},
          {p + "awlen_o", lanes * 8},
          {p + "wvalid_o", lanes},
          {p + "wready_i", lanes},
          {p + "wdata_o", lanes * data_bits},
          {p + "wstrb_o", lanes * data_bits / 8},
          {p + "wlast_o", lanes},
          {p + "bvalid_i", lanes},
          {p + "bid_i", lanes * id_bits},
          {p + "bresp_i", lanes * 2}};
}

std::vector<Signal> lite(const std::string& name, unsigned lanes) {
  const std::string p = "s_axil_" + name + "_";
  return {{p + "awvalid_i", lanes},     {p + "awaddr_i", lanes * 12}, {p + "wvalid_i", lanes},
          {p + "wready_o", lanes},      {p + "wdata_i", lanes * 64},  {p + "wstrb_i", lanes * 8},
          {p + "bvalid_o", lanes},      {p + "bresp_o", lanes * 2},   {p + "arvalid_i", lanes},
          {p + "araddr_i", lanes * 12}, {p + "rvalid_o", lanes},      {p + "rdata_o", lanes * 64},
          {p + "rresp_o", lanes * 2}};
}

std::vector<Signal> requesters(const DutInfo& info) {
  const unsigned n = info.adapters;
  const unsigned id = n * info.id_bits;
  return {{"probe_ar_o", n},          {"probe_arid_o", id},     {"probe_araddr_o", n * 64},
          {"probe_arlen_o", n * 8},   {"probe_r_o", n},         {"probe_rid_o", id},
          {"probe_rresp_o", n * 2},   {"probe_aw_o", n},        {"probe_awid_o", id},
          {"probe_awaddr_o", n * 64}, {"probe_awlen_o", n * 8}, {"probe_wlast_o", n},
          {"probe_b_o", n},           {"probe_bid_o", id},      {"probe_bresp_o", n * 2}};
}

}  // namespace

std::string gtkw_text(const std::string& fst_path, const DutInfo& info, const WaveView& view) {
  const unsigned bits = info.bus_bytes * 8;
  std::string text = fmt::format("[dumpfile] \"{}\"\n[timestart] {}\n[size] 1600 900\n[pos] -1 -1\n",
                                 std::filesystem::absolute(fst_path).string(), view.start);
  // Zoom to 100 to 200 cycles of a usual window: GTKWave shows some five times 2^zoom units of the dump.
  unsigned zoom = 0;
  while ((1ULL << zoom) < view.cycle_ps * 25) ++zoom;
  text += fmt::format("*-{}.000000 {} -1 -1\n[treeopen] gpu_dmar.\n", zoom, view.marker);
  text += std::string(kBit) + "gpu_dmar.clk_i\ngpu_dmar.rst_ni\n";
  text += group("IOMMU requesters", requesters(info), true);
  text += group("IOMMU to memory", axi("data", info.id_bits + 2, bits, 1), true);
  text += group("IOMMU tables and queue", axi("table", info.table_id_bits, bits, 1), true);
  text += group("IOMMU faults",
                {{"probe_fault_o", 1}, {"probe_fault_recorded_o", 1}, {"probe_fault_record_o", 128}}, true);
  text += group("IOMMU registers", lite("iommu", 1), false);
  text += group("GPU registers", lite("gpu", info.adapters), false);
  text += group("VRAM", axi("vram", info.id_bits, bits, info.adapters), false);
  return text;
}

void write_gtkw(const std::string& fst_path, const DutInfo& info, const WaveView& view) {
  std::filesystem::path path(fst_path);
  path.replace_extension(".gtkw");
  std::ofstream file(path);
  file << gtkw_text(fst_path, info, view);
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

}  // namespace gpudmar::sim
