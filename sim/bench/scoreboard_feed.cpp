// SPDX-License-Identifier: Apache-2.0
// Signals to scoreboard events, in the order that the scoreboard asks for.
#include "sim/bench/scoreboard_feed.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace gpudmar::sim {

std::optional<std::uint64_t> ScoreboardFeed::View::load64(std::uint64_t pa) const {
  std::uint64_t value = 0;
  if (!memory.device().read(pa, &value, sizeof value)) return std::nullopt;
  return value;
}

ScoreboardFeed::ScoreboardFeed(const DutInfo& info, std::vector<std::uint16_t> source_ids, HostMemory& memory,
                               Report report)
    : info_(info),
      source_ids_(std::move(source_ids)),
      memory_(memory),
      view_(memory),
      report_(std::move(report)) {
  reset();
  memory_.add_observer(*this);
}

ScoreboardFeed::~ScoreboardFeed() { memory_.remove_observer(*this); }

void ScoreboardFeed::start_scoreboard() {
  model::UnitConfig config;
  config.haw = info_.haw;
  config.mgaw = info_.mgaw;
  config.sc = info_.snoop_control;
  config.zlr = info_.zlr;
  scoreboard_ = std::make_unique<model::Scoreboard>(config, view_, [this](const model::Violation& violation) {
    report_(
        {violation.cycle, fmt::format("scoreboard.{}", model::to_string(violation.kind)), violation.text});
  });
  worst_read_.clear();
  table_aw_.clear();
  table_w_.clear();
  was_valid_ = {};
}

void ScoreboardFeed::reset() {
  start_scoreboard();
  before_ = {};
  cycle_ = 0;
}

void ScoreboardFeed::iommu_reset() {
  const bool held = scoreboard_->unit_reset(cycle_);
  before_ += scoreboard_->counters();
  start_scoreboard();
  if (held) scoreboard_->hold_requests();
}

void ScoreboardFeed::finish(std::uint64_t cycle) { scoreboard_->finish(cycle); }

void ScoreboardFeed::published(hw::PhysAddr address, std::size_t bytes) {
  scoreboard_->memory_changed(cycle_, address, bytes);
}

void ScoreboardFeed::observe(const CycleView& view) {
  cycle_ = view.cycle;
  memory_side(view);
  requester_responses(view);
  if (view.out.fault.valid)
    scoreboard_->fault(view.cycle, {view.out.fault.record[0], view.out.fault.record[1]},
                       view.out.fault.recorded);
  table_writes(view);
  departures(view);
  arrivals(view);
  registers(view);
}

void ScoreboardFeed::memory_side(const CycleView& view) {
  const AxiMasterOut& m = view.out.data;
  const AxiSlaveOut& s = view.in.data;
  if (s.rvalid && m.rready) {
    unsigned& worst = worst_read_[s.rid];
    worst = std::max(worst, static_cast<unsigned>(s.rresp));
    if (s.rlast) {
      scoreboard_->mem_read_done(view.cycle, port_of(s.rid), id_of(s.rid), worst);
      worst = 0;
    }
  }
  if (s.bvalid && m.bready)
    scoreboard_->mem_write_done(view.cycle, port_of(s.bid), id_of(s.bid), static_cast<unsigned>(s.bresp));
}

void ScoreboardFeed::requester_responses(const CycleView& view) {
  for (unsigned port = 0; port < info_.adapters; ++port) {
    const RequesterProbe& probe = view.out.probe[port];
    if (probe.r)
      scoreboard_->response(view.cycle, port, false, probe.rid, static_cast<unsigned>(probe.rresp),
                            probe.rlast);
    if (probe.b)
      scoreboard_->response(view.cycle, port, true, probe.bid, static_cast<unsigned>(probe.bresp), true);
  }
}

void ScoreboardFeed::table_writes(const CycleView& view) {
  const AxiMasterOut& m = view.out.table;
  const AxiSlaveOut& s = view.in.table;
  if (m.awvalid && s.awready) table_aw_.push_back({m.awaddr, m.awsize, m.awlen + 1U, 0});
  if (m.wvalid && s.wready) table_w_.emplace_back(m.wdata, m.wstrb);
  while (!table_aw_.empty() && !table_w_.empty()) {
    TableWrite& write = table_aw_.front();
    const auto& [data, strobe] = table_w_.front();
    const std::uint64_t address = beat_address(write.address, write.size, write.beat);
    const std::uint64_t base = address & ~std::uint64_t{info_.bus_bytes - 1};
    for (unsigned lane = 0; lane < info_.bus_bytes; lane += 4) {
      if (((strobe >> lane) & 0xF) == 0) continue;
      std::uint32_t dword = 0;
      std::memcpy(&dword, data.data() + lane, sizeof dword);
      if (((strobe >> lane) & 0xF) == 0xF) {
        scoreboard_->status_write(view.cycle, base + lane, dword);
      } else {
        report_({view.cycle, "scoreboard.wait_status",
                 fmt::format("part of a dword written at {:#x}, strobes {:#x}", base + lane,
                             strobe >> lane & 0xF)});
      }
    }
    table_w_.pop_front();
    ++write.beat;
    if (--write.left == 0) table_aw_.pop_front();
  }
}

void ScoreboardFeed::departures(const CycleView& view) {
  const AxiMasterOut& m = view.out.data;
  const AxiSlaveOut& s = view.in.data;
  const auto channel = [&](unsigned index, bool valid, bool ready, std::uint32_t id, std::uint64_t address,
                           bool snoop, unsigned len) {
    if (valid && !was_valid_[index]) valid_since_[index] = view.cycle;
    was_valid_[index] = valid && !ready;
    if (valid && ready)
      scoreboard_->request_out(view.cycle, port_of(id), index == 1, id_of(id), address, snoop, len + 1,
                               valid_since_[index]);
  };
  channel(0, m.arvalid, s.arready, m.arid, m.araddr, m.arsnoop, m.arlen);
  channel(1, m.awvalid, s.awready, m.awid, m.awaddr, m.awsnoop, m.awlen);
}

void ScoreboardFeed::arrivals(const CycleView& view) {
  for (unsigned port = 0; port < info_.adapters; ++port) {
    const RequesterProbe& probe = view.out.probe[port];
    // The probe has no ARSIZE: an engine reads whole bus words.
    const auto bus_size = static_cast<unsigned>(__builtin_ctz(info_.bus_bytes));
    if (probe.ar)
      scoreboard_->request_in(view.cycle, port, source_ids_[port], false, probe.arid, probe.araddr,
                              probe.arlen + 1U, bus_size, probe.aruser);
    if (probe.aw)
      scoreboard_->request_in(view.cycle, port, source_ids_[port], true, probe.awid, probe.awaddr,
                              probe.awlen + 1U, probe.awsize, probe.awuser);
  }
}

void ScoreboardFeed::registers(const CycleView& view) {
  // The register master keeps its addresses until the answer.
  const AxiLiteMasterOut& m = view.in.iommu;
  const AxiLiteSlaveOut& s = view.out.iommu;
  if (m.wvalid && s.wready) {
    if (m.wstrb == 0xFF) scoreboard_->register_write(view.cycle, m.awaddr, m.wdata, 8);
    if (m.wstrb == 0x0F) scoreboard_->register_write(view.cycle, m.awaddr, m.wdata & 0xFFFF'FFFF, 4);
    if (m.wstrb == 0xF0) scoreboard_->register_write(view.cycle, m.awaddr + 4, m.wdata >> 32, 4);
  }
  if (s.rvalid && m.rready) scoreboard_->register_read(view.cycle, m.araddr, s.rdata, 8);
}

}  // namespace gpudmar::sim
