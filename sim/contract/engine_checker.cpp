// SPDX-License-Identifier: Apache-2.0
// Follows descriptors, read and write beats of the DMA engines on their buses.
#include "sim/contract/engine_checker.h"

#include <algorithm>
#include <cstring>

#include "driver-model/hw/regs/dma_regs.h"

namespace gpudmar::sim {
namespace {

namespace dma = regs::dma;
namespace d = dma::descriptor;

constexpr unsigned kKindData = 0, kKindRing = 1, kKindFence = 1;  // of reads, reads, writes
// Cycles without anything on an adapter's buses after which its channels are taken to be at their ends:
// behind answered fences, and otherwise.
constexpr std::uint64_t kEnded = 32, kQuiet = 256;
constexpr std::uint64_t kRegister = 8;     // cycles until a register's value counts, and some
constexpr std::uint64_t kAhead = 32;       // beats; the port allows twice as many before it waits
constexpr std::uint64_t kComing = 128;     // beats; the IOMMU keeps room for four times as many
constexpr std::uint64_t kReadToWrite = 3;  // R beat to W beat
constexpr unsigned kUnanswered = 32;       // write bursts; a channel may have twice as many

unsigned kind_of(std::uint32_t id) { return id & 3U; }
// CH_TAIL is one half of a 64-bit word; the other, CH_HEAD, is not written.
bool is_doorbell(std::uint32_t offset) {
  constexpr std::uint32_t kWord = ~std::uint32_t{7};
  return offset >= dma::CH_CTRL::kOffset &&
         (offset % dma::CH_TAIL::kStride & kWord) == (dma::CH_TAIL::kOffset % dma::CH_TAIL::kStride & kWord);
}

}  // namespace

void EngineChecker::reset() {
  adapters_ = {};
  host_ring_ = {};
}

// Software may have stopped a channel, or let one go on.
void EngineChecker::disturb(Adapter& adapter) {
  for (Channel& channel : adapter.channels) {
    channel.fresh = channel.listed = false;
    channel.launch.reset();
    channel.copies.clear();
  }
}

void EngineChecker::observe(const CycleView& view, HostPort host) {
  // A port passes beats on in memory's order. Errors of the IOMMU's own have ids that nothing is coming for.
  const AxiSlaveOut& memory = view.in.data;
  const unsigned port = memory.rid >> setup_.id_bits;
  if (memory.rvalid && view.out.data.rready && port < setup_.adapters && kind_of(memory.rid) == kKindRing)
    host_ring_.at(port).push_back({memory.rid & ((1U << setup_.id_bits) - 1), memory.rdata});
  for (unsigned number = 0; number < setup_.adapters; ++number) observe_adapter(number, view, host);
}

// Nothing waits: it would have been offered, and taken, by now.
bool EngineChecker::at_rest(const Adapter& adapter, std::uint64_t cycle) {
  const bool ended = std::all_of(adapter.channels.begin(), adapter.channels.end(),
                                 [](const Channel& channel) { return channel.ended; });
  return cycle > adapter.seen + (ended ? kEnded : kQuiet) && cycle > adapter.register_write + kRegister &&
         std::all_of(adapter.channels.begin(), adapter.channels.end(),
                     [](const Channel& channel) { return channel.owed == 0; });
}

void EngineChecker::observe_adapter(unsigned number, const CycleView& view, HostPort host) {
  Adapter& adapter = adapters_.at(number);
  if (view.in.adapter_reset[number] || view.out.adapter_busy[number]) {
    adapter = {};
    host_ring_.at(number).clear();
    adapter.seen = view.cycle;
    return;
  }
  if (host == HostPort::kClosed) adapter.seen = view.cycle;
  registers(number, view);
  check_launches(adapter, view, number, host);
  const RequesterProbe& probe = view.out.probe[number];
  const AxiMasterOut& m = view.out.vram[number];
  const AxiSlaveOut& s = view.in.vram[number];
  for (Port& port : adapter.ports)
    if (port.ahead > 0) --port.ahead;

  // Answers before addresses: what comes in a cycle may end what was under way before it.
  if (s.rvalid && m.rready) beat(adapter, view.cycle, false, s.rid, s.rresp, s.rlast, s.rdata);
  if (probe.r) {
    BeatData data{};
    auto& ring = host_ring_.at(number);
    if (!ring.empty() && ring.front().id == probe.rid) {
      data = ring.front().data;
      ring.pop_front();
    }
    beat(adapter, view.cycle, true, probe.rid, probe.rresp, probe.rlast, data);
  }
  if (m.arvalid && s.arready) address(adapter, view.cycle, false, m.arid, m.arlen + 1U);
  if (probe.ar) address(adapter, view.cycle, true, probe.arid, probe.arlen + 1U);
  vram_write(adapter, m, s, view.cycle);
  if (probe.aw) {
    Channel& channel = adapter.channels.at(channel_of(probe.awid));
    adapter.seen = view.cycle;
    ++channel.owed;
    // A fence or a write-back takes the channel's turn to write.
    if (kind_of(probe.awid) != kKindData) adapter.last_write.reset();
  }
  if (probe.b) answered(adapter, view.cycle, probe.bid);
}

void EngineChecker::registers(unsigned number, const CycleView& view) {
  const AxiLiteMasterOut& m = view.in.gpu[number];
  if (!m.wvalid || !view.out.gpu[number].wready || is_doorbell(m.awaddr)) return;
  disturb(adapters_.at(number));
  adapters_.at(number).register_write = view.cycle;
}

// A copy whose descriptor is at hand is judged unless another address, or a bus, is in its way.
void EngineChecker::check_launches(Adapter& adapter, const CycleView& view, unsigned number, HostPort host) {
  const RequesterProbe& probe = view.out.probe[number];
  const AxiMasterOut& m = view.out.vram[number];
  for (unsigned c = 0; c < kChannels; ++c) {
    auto& launch = adapter.channels.at(c).launch;
    if (!launch || view.cycle < launch->at_hand) continue;
    const Port& port = adapter.ports.at(launch->host ? 1 : 0);
    const std::uint32_t id = c << 2U | kKindData;
    bool free = port.coming <= kComing && (view.cycle != launch->at_hand || port.ahead <= kAhead);
    if (launch->host)
      free = free && host == HostPort::kOpen && !(probe.ar && probe.arid != id);
    else
      free = free && !(m.arvalid && (m.arid != id || !view.in.vram[number].arready));
    // The aperture's table is shared.
    for (unsigned other = 0; launch->aperture && other < kChannels; ++other)
      free = free && (other == c || adapter.channels.at(other).owed == 0);
    if (!free) launch.reset();
  }
}

void EngineChecker::address(Adapter& adapter, std::uint64_t cycle, bool host, std::uint32_t id,
                            unsigned beats) {
  Channel& channel = adapter.channels.at(channel_of(id));
  Port& port = adapter.ports.at(host ? 1 : 0);
  if (kind_of(id) == kKindRing && channel.held == 0 && at_rest(adapter, cycle)) {
    channel.fresh = true;
    channel.filled = 0;
    channel.fences = 0;
    channel.copies.clear();
  }
  if (kind_of(id) == kKindData && channel.launch && channel.launch->host == host) {
    const Launch& launch = *channel.launch;
    if (cycle >= launch.at_hand)
      measurements_.record(launch.aperture ? PromiseKind::kDmaLaunchAperture : PromiseKind::kDmaLaunch,
                           {launch.at_hand, cycle, 0, 0, 0, 0, 0});
    channel.launch.reset();
  }
  port.ahead += beats;
  port.coming += beats;
  adapter.seen = cycle;
  ++channel.owed;
}

void EngineChecker::beat(Adapter& adapter, std::uint64_t cycle, bool host, std::uint32_t id, AxiResp resp,
                         bool last, const BeatData& data) {
  Channel& channel = adapter.channels.at(channel_of(id));
  Port& port = adapter.ports.at(host ? 1 : 0);
  if (port.coming > 0) --port.coming;
  adapter.seen = cycle;
  if (last && channel.owed > 0) --channel.owed;
  if (resp != AxiResp::kOkay) {
    channel.fresh = channel.listed = false;
    channel.copies.clear();
  } else if (kind_of(id) == kKindRing) {
    ring_beat(channel, cycle, data);
  } else if (kind_of(id) == kKindData) {
    const auto copy = std::find_if(channel.copies.begin(), channel.copies.end(), [&](const Copy& c) {
      return c.from_host == host && c.received < c.source_beats;
    });
    if (copy == channel.copies.end()) return;
    if (copy->received == 0) copy->first = cycle;
    ++copy->received;
  }
}

void EngineChecker::ring_beat(Channel& channel, std::uint64_t cycle, const BeatData& data) {
  const unsigned bytes = std::min<unsigned>(setup_.bus_bytes, sizeof(Descriptor) - channel.filled);
  std::memcpy(reinterpret_cast<std::uint8_t*>(channel.descriptor.data()) + channel.filled, data.data(),
              bytes);
  channel.filled += bytes;
  if (channel.filled < sizeof(Descriptor)) return;
  channel.filled = 0;
  fetched(channel, cycle);
}

void EngineChecker::fetched(Channel& channel, std::uint64_t cycle) {
  const std::uint64_t* qw = channel.descriptor.data();
  const bool first = channel.fresh;
  channel.fresh = channel.ended = false;
  if (first) {
    channel.listed = true;
    channel.launch.reset();
  }
  channel.fence_last = false;
  switch (d::OPCODE.get(qw)) {
    case dma::opcode::COPY:
      break;
    case dma::opcode::FENCE:
    case dma::opcode::SEM_SIGNAL:
    case dma::opcode::TIMESTAMP:
      ++channel.fences;
      channel.fence_last = true;
      channel.listed = false;
      return;
    case dma::opcode::NOP:
    case dma::opcode::COPY_3D:
    case dma::opcode::FILL:
      channel.listed = false;
      return;
    default:
      // Nobody sees a wait or an update of the aperture end. A fence behind it waits for it.
      channel.held = channel.fences + 1;
      channel.listed = false;
      return;
  }
  const auto source = d::SRC_SPACE.get(qw), destination = d::DST_SPACE.get(qw);
  const bool aperture = source == dma::space::APERTURE || destination == dma::space::APERTURE;
  Copy copy;
  copy.from_host = source != dma::space::VRAM;
  copy.to_host = destination != dma::space::VRAM;
  const std::uint64_t source_offset = d::SRC.get(qw) % setup_.bus_bytes;
  const std::uint64_t destination_offset = d::DST.get(qw) % setup_.bus_bytes;
  copy.needs_one = source_offset <= destination_offset;
  copy.source_beats = (source_offset + d::LENGTH.get(qw)) / setup_.bus_bytes + 1;
  copy.destination_beats = (destination_offset + d::LENGTH.get(qw)) / setup_.bus_bytes + 1;
  if (first && source != dma::space::VIRTUAL) channel.launch = Launch{cycle + 1, copy.from_host, aperture};
  // Pages of the aperture are pieces of their own.
  if (aperture) channel.listed = false;
  if (!channel.listed) return;
  // One that is over is needed for the turn of the next.
  while (channel.copies.size() > 1) {
    const Copy& oldest = channel.copies[0];
    const Copy& next = channel.copies[1];
    const bool over = oldest.received == oldest.source_beats &&
                      (oldest.to_host || oldest.written == oldest.destination_beats);
    if (!over || !(oldest.to_host || next.to_host || next.written > 0)) break;
    channel.copies.pop_front();
  }
  channel.copies.push_back(copy);
}

void EngineChecker::vram_write(Adapter& adapter, const AxiMasterOut& m, const AxiSlaveOut& s,
                               std::uint64_t cycle) {
  if (m.awvalid && !adapter.aw_shown) {
    adapter.vram_writes.push_back({m.awid, m.awlen + 1U});
    Channel& channel = adapter.channels.at(channel_of(m.awid));
    adapter.seen = cycle;
    ++channel.owed;
    ++adapter.vram_unanswered;
  }
  adapter.aw_shown = m.awvalid && !s.awready;
  // Stalls are not the engine's time.
  if (adapter.aw_shown || (m.wvalid && !s.wready)) adapter.last_write.reset();
  if (m.wvalid && s.wready && !adapter.vram_writes.empty()) {
    Burst& burst = adapter.vram_writes.front();
    const std::uint32_t id = burst.id;
    if (--burst.left == 0) adapter.vram_writes.pop_front();
    written(adapter, cycle, id);
    adapter.last_write = {cycle, id};
  }
  if (s.bvalid && m.bready) {
    if (adapter.vram_unanswered > 0) --adapter.vram_unanswered;
    answered(adapter, cycle, s.bid);
  }
}

void EngineChecker::written(Adapter& adapter, std::uint64_t cycle, std::uint32_t id) {
  if (kind_of(id) != kKindData) return;
  auto& copies = adapter.channels.at(channel_of(id)).copies;
  const auto copy = std::find_if(copies.begin(), copies.end(),
                                 [](const Copy& c) { return !c.to_host && c.written < c.destination_beats; });
  if (copy == copies.end()) return;
  ++copy->written;
  if (copy->written > 1 || copy == copies.begin() || std::prev(copy)->to_host) return;
  if (!adapter.last_write || adapter.last_write->second != id || !copy->needs_one ||
      adapter.vram_unanswered > kUnanswered)
    return;
  const std::uint64_t turn = adapter.last_write->first + 1;
  if (copy->received > 0 && copy->first + kReadToWrite <= turn)
    measurements_.record(PromiseKind::kDmaGap, {turn, cycle, 0, 0, 0, 0, 0});
}

void EngineChecker::answered(Adapter& adapter, std::uint64_t cycle, std::uint32_t id) {
  Channel& channel = adapter.channels.at(channel_of(id));
  adapter.seen = cycle;
  if (channel.owed > 0) --channel.owed;
  if (kind_of(id) != kKindFence) return;
  if (channel.fences > 0) --channel.fences;
  if (channel.held > 0) --channel.held;
  channel.ended = channel.fences == 0 && channel.fence_last;
}

}  // namespace gpudmar::sim
