// SPDX-License-Identifier: Apache-2.0
// The AXI4 rules.
#include "sim/axi/axi_monitor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace gpudmar::sim {
namespace {

// More data than this ahead of its address is data that no address asked for.
constexpr std::size_t kMaxEarlyBeats = 256;

std::string show(std::uint32_t id, std::uint64_t address, unsigned len, unsigned size) {
  return fmt::format("id {:#x} address {:#x} len {} size {}", id, address, len, size);
}

}  // namespace

const std::vector<std::string>& AxiMonitor::rules() {
  static const std::vector<std::string> all{
      "axi.ar_stable", "axi.aw_stable", "axi.w_stable", "axi.r_stable",   "axi.b_stable",
      "axi.ar_4k",     "axi.aw_4k",     "axi.ar_size",  "axi.aw_size",    "axi.wlast",
      "axi.w_count",   "axi.strobe",    "axi.r_id",     "axi.rlast",      "axi.b_id",
      "axi.b_early",   "axi.rready",    "axi.hang",     "axi.incomplete", "axi.reset"};
  return all;
}

AxiMonitor::AxiMonitor(AxiMonitorConfig config, Report report)
    : config_(std::move(config)), report_(std::move(report)) {}

void AxiMonitor::violate(const char* rule, const std::string& what) {
  report_({cycle_, std::string("axi.") + rule, config_.name + ": " + what});
}

void AxiMonitor::reset() {
  reads_.clear();
  writes_.clear();
  early_.clear();
  have_previous_ = false;
  after_reset_ = true;
}

void AxiMonitor::check_ar_stable(const AxiMasterOut& m, const AxiSlaveOut& /*s*/) {
  if (!m_.arvalid || s_.arready) return;
  if (!m.arvalid) return violate("ar_stable", "ARVALID fell before ARREADY");
  if (m.arid != m_.arid || m.araddr != m_.araddr || m.arlen != m_.arlen || m.arsize != m_.arsize ||
      m.arsnoop != m_.arsnoop)
    violate("ar_stable",
            fmt::format("AR changed before ARREADY: {} to {}", show(m_.arid, m_.araddr, m_.arlen, m_.arsize),
                        show(m.arid, m.araddr, m.arlen, m.arsize)));
}

void AxiMonitor::check_aw_stable(const AxiMasterOut& m, const AxiSlaveOut& /*s*/) {
  if (!m_.awvalid || s_.awready) return;
  if (!m.awvalid) return violate("aw_stable", "AWVALID fell before AWREADY");
  if (m.awid != m_.awid || m.awaddr != m_.awaddr || m.awlen != m_.awlen || m.awsize != m_.awsize ||
      m.awsnoop != m_.awsnoop)
    violate("aw_stable",
            fmt::format("AW changed before AWREADY: {} to {}", show(m_.awid, m_.awaddr, m_.awlen, m_.awsize),
                        show(m.awid, m.awaddr, m.awlen, m.awsize)));
}

void AxiMonitor::check_w_stable(const AxiMasterOut& m, const AxiSlaveOut& /*s*/) {
  if (!m_.wvalid || s_.wready) return;
  if (!m.wvalid) return violate("w_stable", "WVALID fell before WREADY");
  if (m.wstrb != m_.wstrb || m.wlast != m_.wlast ||
      std::memcmp(m.wdata.data(), m_.wdata.data(), config_.bus_bytes) != 0)
    violate("w_stable", "W changed before WREADY");
}

void AxiMonitor::check_r_stable(const AxiMasterOut& /*m*/, const AxiSlaveOut& s) {
  if (!s_.rvalid || m_.rready) return;
  if (!s.rvalid) return violate("r_stable", "RVALID fell before RREADY");
  if (s.rid != s_.rid || s.rresp != s_.rresp || s.rlast != s_.rlast ||
      std::memcmp(s.rdata.data(), s_.rdata.data(), config_.bus_bytes) != 0)
    violate("r_stable", "R changed before RREADY");
}

void AxiMonitor::check_b_stable(const AxiMasterOut& /*m*/, const AxiSlaveOut& s) {
  if (!s_.bvalid || m_.bready) return;
  if (!s.bvalid) return violate("b_stable", "BVALID fell before BREADY");
  if (s.bid != s_.bid || s.bresp != s_.bresp) violate("b_stable", "B changed before BREADY");
}

void AxiMonitor::check_boundary(const char* rule, const Burst& burst) {
  const std::uint64_t last = burst_last(burst.address, burst.size, burst.len);
  if (burst.address >> 12U != last >> 12U)
    violate(rule, "burst crosses 4 KiB: " + show(burst.id, burst.address, burst.len, burst.size));
}

void AxiMonitor::check_size(const char* rule, const Burst& burst) {
  if ((1U << burst.size) > config_.bus_bytes)
    violate(rule, fmt::format("beat of {} bytes on a bus of {}: {}", 1U << burst.size, config_.bus_bytes,
                              show(burst.id, burst.address, burst.len, burst.size)));
}

void AxiMonitor::check_rready(const AxiMasterOut& m) {
  if (config_.rready_constant && !m.rready) violate("rready", "RREADY is low");
}

// A3.1.2: the earliest VALID after reset is one cycle after its rising edge.
void AxiMonitor::check_reset(const AxiMasterOut& m) {
  if (after_reset_ && (m.arvalid || m.awvalid || m.wvalid))
    violate("reset", "VALID in the first cycle after reset");
  after_reset_ = false;
}

void AxiMonitor::check_hang() {
  if (config_.hang_cycles == 0 || cycle_ < next_hang_check_) return;
  next_hang_check_ = cycle_ + std::max<std::uint64_t>(1, config_.hang_cycles / 8);
  for (auto* bursts : {&reads_, &writes_}) {
    for (Burst& burst : *bursts) {
      if (burst.hang_reported || cycle_ - burst.cycle < config_.hang_cycles) continue;
      burst.hang_reported = true;
      violate("hang",
              fmt::format("{} unanswered for {} cycles: {}", bursts == &reads_ ? "read" : "write",
                          cycle_ - burst.cycle, show(burst.id, burst.address, burst.len, burst.size)));
    }
  }
}

void AxiMonitor::check_strobe(const Burst& burst, std::uint64_t strobe) {
  const std::uint64_t address = beat_address(burst.address, burst.size, burst.beats);
  const std::uint64_t lanes = beat_lanes(address, burst.size, config_.bus_bytes);
  if ((strobe & ~lanes) != 0)
    violate("strobe", fmt::format("strobes {:#x} outside the beat's lanes {:#x}, beat {} of {}", strobe,
                                  lanes, burst.beats, show(burst.id, burst.address, burst.len, burst.size)));
}

void AxiMonitor::check_wlast(const Burst& burst, bool last) {
  if (last != (burst.beats == burst.len))
    violate("wlast", fmt::format("WLAST {} on beat {} of {}", last ? "set" : "missing", burst.beats,
                                 show(burst.id, burst.address, burst.len, burst.size)));
}

void AxiMonitor::check_w_count() {
  if (early_.size() <= kMaxEarlyBeats || early_reported_) return;
  early_reported_ = true;
  violate("w_count", fmt::format("{} W beats without an address", early_.size()));
}

void AxiMonitor::bind_write_data() {
  for (Burst& burst : writes_) {
    while (burst.beats <= burst.len && !early_.empty()) {
      const WBeat beat = early_.front();
      early_.pop_front();
      check_strobe(burst, beat.strobe);
      check_wlast(burst, beat.last);
      ++burst.beats;
    }
    if (burst.beats <= burst.len) return;
  }
}

void AxiMonitor::take_read_data(const AxiSlaveOut& s) {
  const auto burst =
      std::find_if(reads_.begin(), reads_.end(), [&](const Burst& b) { return b.id == s.rid; });
  if (burst == reads_.end())
    return violate("r_id", fmt::format("R with id {:#x}, which nobody asked for", s.rid));
  ++beats_;
  const bool last = burst->beats == burst->len;
  if (s.rlast != last)
    violate("rlast", fmt::format("RLAST {} on beat {} of {}", s.rlast ? "set" : "missing", burst->beats,
                                 show(burst->id, burst->address, burst->len, burst->size)));
  ++burst->beats;
  if (last || s.rlast) reads_.erase(burst);
}

void AxiMonitor::take_response(const AxiSlaveOut& s) {
  const auto burst =
      std::find_if(writes_.begin(), writes_.end(), [&](const Burst& b) { return b.id == s.bid; });
  if (burst == writes_.end())
    return violate("b_id", fmt::format("B with id {:#x}, which nobody asked for", s.bid));
  if (burst->beats <= burst->len)
    violate("b_early", "B before WLAST: " + show(burst->id, burst->address, burst->len, burst->size));
  writes_.erase(burst);
}

void AxiMonitor::observe(std::uint64_t cycle, const AxiMasterOut& m, const AxiSlaveOut& s) {
  cycle_ = cycle;
  check_reset(m);
  if (have_previous_) {
    check_ar_stable(m, s);
    check_aw_stable(m, s);
    check_w_stable(m, s);
    check_r_stable(m, s);
    check_b_stable(m, s);
  }
  check_rready(m);
  // Answers before questions: an answer in the cycle of its own AR, AW or WLAST handshake is too early.
  if (s.rvalid && m.rready) take_read_data(s);
  if (s.bvalid && m.bready) take_response(s);
  if (m.arvalid && s.arready) {
    reads_.push_back({m.arid, m.araddr, m.arlen, m.arsize, 0, cycle, false});
    ++read_bursts_;
    check_boundary("ar_4k", reads_.back());
    check_size("ar_size", reads_.back());
  }
  if (m.awvalid && s.awready) {
    writes_.push_back({m.awid, m.awaddr, m.awlen, m.awsize, 0, cycle, false});
    ++write_bursts_;
    check_boundary("aw_4k", writes_.back());
    check_size("aw_size", writes_.back());
  }
  if (m.wvalid && s.wready) {
    early_.push_back({m.wstrb, m.wlast});
    ++beats_;
  }
  bind_write_data();
  check_w_count();
  check_hang();
  m_ = m;
  s_ = s;
  have_previous_ = true;
}

void AxiMonitor::finish(std::uint64_t cycle) {
  cycle_ = cycle;
  for (const Burst& burst : reads_)
    violate("incomplete", "read never answered: " + show(burst.id, burst.address, burst.len, burst.size));
  for (const Burst& burst : writes_)
    violate("incomplete", "write never answered: " + show(burst.id, burst.address, burst.len, burst.size));
  if (!early_.empty()) violate("incomplete", fmt::format("{} W beats without an address", early_.size()));
}

}  // namespace gpudmar::sim
