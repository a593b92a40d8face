// SPDX-License-Identifier: Apache-2.0
// Doorbells, descriptors as they are fetched, HEAD.
#include "sim/timeline/engine_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "driver-model/hw/regs/dma_names.h"
#include "driver-model/hw/regs/dma_regs.h"
#include "sim/bench/machine_config.h"

namespace gpudmar::sim::timeline {
namespace {

using nlohmann::json;
namespace dma = regs::dma;

constexpr unsigned kDescriptorReads = 1;  // the kind among the ids of reads

std::string space_name(std::uint64_t space) { return regs::name_value(dma::kSpaceNames, space); }

json describe(const replay::Descriptor& descriptor) {
  namespace d = dma::descriptor;
  const std::uint64_t* const words = descriptor.data();
  const std::uint64_t opcode = d::OPCODE.get(words);
  json arguments{{"tag", hex(d::TAG.get(words))}};
  const bool reads =
      opcode == dma::opcode::COPY || opcode == dma::opcode::COPY_3D || opcode == dma::opcode::SEM_WAIT;
  if (reads) arguments["source"] = space_name(d::SRC_SPACE.get(words)) + " " + hex(d::SRC.get(words));
  if (opcode != dma::opcode::NOP && opcode != dma::opcode::SEM_WAIT)
    arguments["destination"] = space_name(d::DST_SPACE.get(words)) + " " + hex(d::DST.get(words));
  if (opcode == dma::opcode::COPY) arguments["bytes"] = d::LENGTH.get(words) + 1;
  if (opcode == dma::opcode::COPY_3D || opcode == dma::opcode::FILL)
    arguments["bytes"] = (d::LENGTH.get(words) + 1) * (d::ROWS.get(words) + 1) * (d::SLICES.get(words) + 1);
  if (opcode == dma::opcode::FENCE || opcode == dma::opcode::SEM_SIGNAL || opcode == dma::opcode::SEM_WAIT)
    arguments["value"] = d::SRC_SLICE.get(words);
  return arguments;
}

}  // namespace

EngineRows::EngineRows(TraceFile& file, const DutInfo& info, const SoftwareRows& software, Figures& figures)
    : file_(file), info_(info), software_(software), figures_(figures), engines_(info.adapters) {
  for (unsigned adapter = 0; adapter < info.adapters; ++adapter)
    engines_[adapter].group = file.add_group(fmt::format("gpu{}", adapter));
}

void EngineRows::observe(const CycleView& view, const DutActivity& activity) {
  for (unsigned adapter = 0; adapter < info_.adapters; ++adapter) {
    Engine& engine = engines_[adapter];
    const std::vector<std::uint16_t>& now = activity.heads.at(adapter);
    while (engine.channels.size() < now.size()) {
      const auto number = static_cast<unsigned>(engine.channels.size());
      Channel channel;
      channel.row = file_.add_row(engine.group, fmt::format("channel {}", number), number);
      channel.head = now[number];
      engine.channels.push_back(std::move(channel));
    }
    if (view.in.adapter_reset.at(adapter)) cut(adapter, view.cycle);
    registers(view, adapter);
    fetches(view, adapter);
    heads(view, adapter, now);
  }
}

void EngineRows::registers(const CycleView& view, unsigned adapter) {
  const AxiLiteMasterOut& m = view.in.gpu.at(adapter);
  if (!m.wvalid || !view.out.gpu.at(adapter).wready) return;
  Engine& engine = engines_[adapter];
  const bool high = m.wstrb == 0xF0;
  const std::uint64_t offset = (m.awaddr & ~7ULL) + (high ? 4 : 0);
  const std::uint64_t value = high ? m.wdata >> 32 : m.wstrb == 0x0F ? m.wdata & 0xFFFF'FFFF : m.wdata;
  std::optional<unsigned> reset;
  const auto work = engine.rings.write(offset, value, &reset);
  if (reset && *reset < engine.channels.size()) {
    engine.channels[*reset].waiting.clear();
    engine.channels[*reset].fetched.clear();
  }
  if (work && work->channel < engine.channels.size()) doorbell(view.cycle, adapter, *work);
}

void EngineRows::doorbell(std::uint64_t cycle, unsigned adapter, const replay::Rings::Work& work) {
  Channel& channel = engines_[adapter].channels[work.channel];
  const std::uint64_t tail =
      kBarBase + adapter * kBarStride + dma::CH_TAIL::kOffset + work.channel * dma::CH_TAIL::kStride;
  const std::optional<Point> rung = software_.writing(tail);
  for (const std::uint64_t address : work.addresses) {
    channel.fetched.erase(address);  // the one that stood there a round ago
    channel.waiting.push_back({address, cycle, rung});
  }
}

void EngineRows::fetches(const CycleView& view, unsigned adapter) {
  Engine& engine = engines_[adapter];
  const unsigned mask = (1U << info_.id_bits) - 1;
  const auto ask = [&](unsigned port, std::uint32_t id, std::uint64_t address, unsigned size) {
    if ((id & 3) == kDescriptorReads) engine.fetches.at(port)[id >> 2].push_back({address, size, 0});
  };
  const auto answer = [&](unsigned port, std::uint32_t id, const BeatData& data, bool last) {
    if ((id & 3) == kDescriptorReads) fetched(adapter, id >> 2, port, data, last);
  };
  const AxiMasterOut& vram = view.out.vram.at(adapter);
  const AxiSlaveOut& local = view.in.vram.at(adapter);
  if (local.rvalid && vram.rready) answer(0, local.rid, local.rdata, local.rlast);
  if (vram.arvalid && local.arready) ask(0, vram.arid, vram.araddr, vram.arsize);
  // The addresses are the requester's, the data comes at the memory side in the same order.
  const AxiSlaveOut& host = view.in.data;
  if (host.rvalid && view.out.data.rready && host.rid >> info_.id_bits == adapter)
    answer(1, host.rid & mask, host.rdata, host.rlast);
  const RequesterProbe& probe = view.out.probe.at(adapter);
  if (probe.ar) ask(1, probe.arid, probe.araddr, static_cast<unsigned>(__builtin_ctz(info_.bus_bytes)));
}

void EngineRows::fetched(unsigned adapter, unsigned number, unsigned port, const BeatData& data, bool last) {
  Engine& engine = engines_[adapter];
  std::deque<Fetch>& open = engine.fetches.at(port)[number];
  if (open.empty() || number >= engine.channels.size()) return;
  Fetch& fetch = open.front();
  const std::uint64_t address = beat_address(fetch.address, fetch.size, fetch.beat);
  const std::uint64_t line = address & ~std::uint64_t{info_.bus_bytes - 1};
  for (unsigned lane = 0; lane < info_.bus_bytes; lane += 8) {
    const std::uint64_t at = line + lane;
    replay::Descriptor& descriptor =
        engine.channels[number].fetched[at & ~std::uint64_t{replay::kDescriptorBytes - 1}];
    std::memcpy(&descriptor.at(at / 8 % descriptor.size()), data.data() + lane, 8);
  }
  ++fetch.beat;
  if (last) open.pop_front();
}

void EngineRows::retire(Channel& channel, std::uint64_t cycle) {
  const Waiting done = channel.waiting.front();
  channel.waiting.pop_front();
  const std::uint64_t begin = std::max(done.since, channel.free_from);
  const auto found = channel.fetched.find(done.address);
  json arguments = json::object();
  std::string name = "descriptor";
  if (found != channel.fetched.end()) {
    arguments = describe(found->second);
    name = regs::name_value(dma::kOpcodeNames, dma::descriptor::OPCODE.get(found->second.data()));
  }
  arguments["ring address"] = hex(done.address);
  arguments["doorbell"] = done.since;
  file_.span(channel.row, name, begin, cycle, std::move(arguments));
  if (done.rung) file_.arrow(*done.rung, {channel.row, begin});
  channel.free_from = std::max(cycle, begin + 1);
  ++retired_;
  figures_.descriptor(name, cycle - begin);
}

void EngineRows::heads(const CycleView& view, unsigned adapter, const std::vector<std::uint16_t>& heads) {
  Engine& engine = engines_[adapter];
  for (std::size_t c = 0; c < heads.size(); ++c) {
    Channel& channel = engine.channels[c];
    if (heads[c] == channel.head) continue;
    channel.head = heads[c];
    // HEAD moves on by one; a reset that takes it to 0 has emptied the list.
    if (!channel.waiting.empty()) retire(channel, view.cycle);
  }
}

std::uint64_t EngineRows::waiting() const {
  std::uint64_t count = 0;
  for (const Engine& engine : engines_)
    for (const Channel& channel : engine.channels) count += channel.waiting.size();
  return count;
}

void EngineRows::cut(unsigned adapter, std::uint64_t cycle) {
  Engine& engine = engines_[adapter];
  for (Channel& channel : engine.channels) {
    if (!channel.waiting.empty()) {
      const std::uint64_t begin = std::max(channel.waiting.front().since, channel.free_from);
      file_.span(channel.row, "not finished", begin, cycle, {{"descriptors", channel.waiting.size()}});
      channel.free_from = std::max(cycle, begin + 1);
    }
    channel.waiting.clear();
    channel.fetched.clear();
  }
  engine.rings = replay::Rings();
  engine.fetches = {};
}

}  // namespace gpudmar::sim::timeline
