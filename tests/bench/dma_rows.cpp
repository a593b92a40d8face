// SPDX-License-Identifier: Apache-2.0
// How each row is measured.
#include "tests/bench/dma_rows.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "tests/bench/dma_operands.h"

namespace gpudmar::bench {
namespace {

namespace dma = regs::dma;
namespace d = dma::descriptor;
using test::BusEvent;
using test::Descriptor;
using Kind = BusEvent::Kind;

constexpr unsigned kVram = dma::space::VRAM, kLogical = dma::space::LOGICAL, kAperture = dma::space::APERTURE;
constexpr unsigned kRingLog2 = 13;
constexpr std::uint64_t kRing = 0x10'0000;  // in VRAM
constexpr std::array<std::uint64_t, 6> kSizes{64, 256, 1024, 4096, 65'536, 1'048'576};
constexpr std::array<unsigned, 3> kLatencies{1, 20, 100};
constexpr std::uint64_t kRows = 16;  // of a strided copy
// A channel has up to 64 descriptors fetched and 64 decoded before they are written. Where their beats count,
// the window begins when they are fetched as fast as they are used, and ends while they still are.
constexpr unsigned kPrefetchMargin = 160;

std::vector<BusEvent> events(const test::AxiMemory& port, Kind kind, unsigned id) {
  std::vector<BusEvent> found;
  std::copy_if(port.log.begin(), port.log.end(), std::back_inserter(found),
               [&](const BusEvent& e) { return e.kind == kind && (kind == Kind::W || e.id == id); });
  return found;
}

void clear_logs(DmaUnit& unit) {
  unit.host.log.clear();
  unit.vram.log.clear();
}

/// Cycles that any of the streams may take: 4 times what walks and latency explain.
std::uint64_t limit_of(std::uint64_t count, std::uint64_t beats, unsigned latency) {
  return 4 * count * (beats + 4 * latency + 50) + 10'000;
}

/// Operations of equal cost, queued; percent of what the bus could do: `bound` beats each.
double stream_efficiency(DmaUnit& unit, const std::vector<Descriptor>& operations, const Window& window,
                         std::uint64_t write_beats, std::uint64_t bound) {
  clear_logs(unit);
  for (const Descriptor& operation : operations) unit.push(operation);
  unit.doorbell();
  unit.settle(limit_of(operations.size(), bound, unit.host.timing.read_latency));
  const auto beats = events(unit.host, Kind::W, 0);
  if (beats.size() != write_beats * operations.size())
    throw std::runtime_error(
        fmt::format("{} write beats instead of {}", beats.size(), write_beats * operations.size()));
  const BusEvent& first = beats[window.margin * write_beats];
  const BusEvent& last = beats[(window.margin + window.measured) * write_beats - 1];
  return 100.0 * static_cast<double>(window.measured * bound) /
         static_cast<double>(last.cycle - first.cycle + 1);
}

const char* name_of(Translation translation) {
  switch (translation) {
    case Translation::kOff:
      return "off";
    case Translation::kHit:
      return "hit";
    case Translation::kCold:
      return "cold";
  }
  return "";
}

std::string row_of(const std::string& what, std::uint64_t bytes, bool aligned, unsigned bus_bytes,
                   unsigned latency, Translation translation) {
  return fmt::format("dma.{}.{}.{}.w{}.L{}.{}", what, bytes, aligned ? "aligned" : "unaligned", bus_bytes * 8,
                     latency, name_of(translation));
}

}  // namespace

std::uint64_t beats_of(std::uint64_t address, std::uint64_t bytes, unsigned bus_bytes) {
  return (address % bus_bytes + bytes + bus_bytes - 1) / bus_bytes;
}

Window window_of(std::uint64_t beats, bool cold) {
  constexpr std::uint64_t kBeats = 32'768, kMost = 4096, kMostCold = 1024, kLeast = 2;
  const std::uint64_t most = cold ? kMostCold : kMost;
  Window window;
  window.measured = static_cast<unsigned>(std::clamp(kBeats / beats, kLeast, most));
  window.margin = window.measured / 16;
  return window;
}

void DmaRows::progress(const std::string& name) const {
  if (isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r{:<60}", name);
}

void DmaRows::percent(const std::string& name, double value, const std::string& promise, unsigned pipe) {
  if (promise.empty()) {
    results_.report(name, value, "% of the bound");
    return;
  }
  const sim::Rate& rate = contract_.rate(promise);
  results_.add(name, value, rate.unit, rate.promised(pipe, {}), Relation::kAtLeast);
}

void DmaRows::cycles(const std::string& name, std::uint64_t worst, const std::string& promise,
                     unsigned pipe) {
  const auto& formulas = contract_.promise(promise).pipe;
  if (pipe >= formulas.size())
    throw std::invalid_argument(fmt::format("{}: no formula for pipe {}", promise, pipe));
  results_.add(name, static_cast<double>(worst), "cycles", formulas[pipe].constant, Relation::kAtMost);
}

/// From the cycle after the descriptor's last beat to the copy's first AR.
void DmaRows::launch(const MakeUnit& make, const std::string& suffix, bool aperture) {
  const std::string name = fmt::format("dma.launch.{}{}", aperture ? "aperture" : "vram", suffix);
  if (!results_.wanted(name)) return;
  progress(name);
  std::uint64_t worst = 0;
  unsigned pipe = 0;
  for (const unsigned latency : {1U, 5U, 20U, 100U}) {
    for (const std::uint64_t bytes : {8U, 64U, 4096U}) {
      const auto unit = make(latency);
      pipe = unit->top().pipe;
      unit->start(kVram, kRing, 4);
      if (aperture) {
        Descriptor map;
        map.with(d::OPCODE, dma::opcode::MAP_APERTURE_RANGE).with(d::DST_SPACE, kAperture);
        unit->push(map.with(d::LENGTH, 3).with(d::SRC, 0x4'0000));
        unit->doorbell();
        unit->settle(10'000);
        clear_logs(*unit);
      }
      unit->push(Descriptor::copy(aperture ? kAperture : kVram, 0x1000, kVram, 0x2'0000, bytes));
      unit->doorbell();
      unit->settle(limit_of(1, bytes, latency));
      const auto ring = events(unit->vram, Kind::R, test::kIdRing);
      const auto reads = events(aperture ? unit->host : unit->vram, Kind::Ar, test::kIdData);
      if (ring.empty() || reads.empty()) throw std::runtime_error(name + ": no read");
      const std::uint64_t at_hand = ring.back().cycle + 1;
      worst = std::max(worst, reads.front().cycle - at_hand);
    }
  }
  cycles(name, worst, aperture ? "dma_launch_aperture" : "dma_launch", pipe);
}

/// Idle W beats between queued descriptors, the worst of several sizes and places.
void DmaRows::gap(const MakeUnit& make, const std::string& suffix) {
  const std::string name = "dma.gap" + suffix;
  if (!results_.wanted(name)) return;
  progress(name);
  constexpr unsigned kCount = 160, kFrom = 40, kTo = 120;
  std::uint64_t worst = 0;
  unsigned pipe = 0;
  for (const unsigned space : {kVram, kLogical}) {
    for (const unsigned bytes : {64U, 256U, 1024U, 4096U}) {
      const auto unit = make(20);
      pipe = unit->top().pipe;
      // The ring is on the other bus than the copies.
      unit->start(space == kVram ? kLogical : kVram, kRing, 10);
      for (unsigned i = 0; i < kCount; ++i)
        unit->push(Descriptor::copy(space, 0x100'0000 + i * bytes, space, 0x200'0000 + i * bytes, bytes));
      unit->doorbell();
      const unsigned beats = bytes / unit->top().bus_bytes;
      unit->settle(limit_of(kCount, beats, 20));
      const auto written = events(space == kVram ? unit->vram : unit->host, Kind::W, 0);
      if (written.size() != std::size_t{kCount} * beats) throw std::runtime_error(name + ": write beats");
      for (unsigned i = kFrom; i < kTo; ++i) {
        const std::size_t next = std::size_t{i} * beats;
        worst = std::max(worst, written[next].cycle - written[next - 1].cycle - 1);
      }
    }
  }
  cycles(name, worst, "dma_gap", pipe);
}

void DmaRows::contract_numbers(const MakeUnit& make, const std::string& suffix) {
  launch(make, suffix, false);
  launch(make, suffix, true);
  gap(make, suffix);
}

void DmaRows::queued(const MakeUnit& make, const std::string& name, const Copies& copies) {
  progress(name);
  const auto unit = make(copies.latency);
  const unsigned bus = unit->top().bus_bytes;
  const bool cold = copies.translation == Translation::kCold;
  Operands operands(*unit, copies, window_of(copies.bytes / bus, cold).count());
  const std::uint64_t read = beats_of(operands.source_offset(), copies.bytes, bus);
  const std::uint64_t write = beats_of(operands.destination_offset(), copies.bytes, bus);
  unit->start(kVram, kRing, kRingLog2);
  operands.warm();
  std::vector<Descriptor> descriptors;
  for (const Operands::Pair& pair : operands.pairs())
    descriptors.push_back(Descriptor::copy(kLogical, pair.source, kLogical, pair.destination, copies.bytes));
  const double value = stream_efficiency(*unit, descriptors, window_of(copies.bytes / bus, cold), write,
                                         std::max(read, write));
  operands.check();
  std::string promise;
  if (copies.latency == 100 && bus == 32) {
    if (!cold) promise = "dma_queued";
    if (cold && copies.bytes == 4096) promise = "dma_queued_cold";
  }
  percent(name, value, promise, unit->top().pipe);
}

/// Copies one at a time: from at hand to the last B, the slowest of them.
void DmaRows::single(const MakeUnit& make, const std::string& name, const Copies& copies) {
  progress(name);
  const auto unit = make(copies.latency);
  const unsigned bus = unit->top().bus_bytes;
  Operands operands(*unit, copies, copies.bytes > 4096 ? 1 : 4);
  const std::uint64_t bound = std::max(beats_of(operands.source_offset(), copies.bytes, bus),
                                       beats_of(operands.destination_offset(), copies.bytes, bus));
  unit->start(kVram, kRing, 4);
  operands.warm();
  std::uint64_t worst = 0;
  for (const Operands::Pair& pair : operands.pairs()) {
    clear_logs(*unit);
    unit->push(Descriptor::copy(kLogical, pair.source, kLogical, pair.destination, copies.bytes));
    unit->doorbell();
    unit->settle(limit_of(1, copies.bytes / bus, copies.latency));
    const auto ring = events(unit->vram, Kind::R, test::kIdRing);
    const auto answers = events(unit->host, Kind::B, test::kIdData);
    if (ring.empty() || answers.empty()) throw std::runtime_error(name + ": no answer");
    worst = std::max(worst, answers.back().cycle - (ring.back().cycle + 1));
  }
  operands.check();
  percent(name, 100.0 * static_cast<double>(bound) / static_cast<double>(worst), "");
}

void DmaRows::copies(const MakeUnit& make) {
  const DmaUnit::Top top = make(1)->top();
  for (const Translation translation : {Translation::kOff, Translation::kHit, Translation::kCold}) {
    if (translation != Translation::kOff && !top.iommu) continue;
    for (const unsigned latency : kLatencies) {
      for (const std::uint64_t bytes : kSizes) {
        for (const bool aligned : {true, false}) {
          const Copies copies{bytes, aligned, latency, translation};
          const auto row = [&](const char* what) {
            return row_of(what, bytes, aligned, top.bus_bytes, latency, translation);
          };
          if (results_.wanted(row("queued"))) queued(make, row("queued"), copies);
          if (results_.wanted(row("single"))) single(make, row("single"), copies);
        }
      }
    }
  }
}

void DmaRows::queued_copies(const MakeUnit& make, const std::string& suffix) {
  constexpr unsigned kLatency = 100;
  const DmaUnit::Top top = make(1)->top();
  for (const Translation translation : {Translation::kOff, Translation::kHit, Translation::kCold}) {
    for (const std::uint64_t bytes : kSizes) {
      for (const bool aligned : {true, false}) {
        const std::string name =
            row_of("queued", bytes, aligned, top.bus_bytes, kLatency, translation) + suffix;
        if (results_.wanted(name)) queued(make, name, {bytes, aligned, kLatency, translation});
      }
    }
  }
}

void DmaRows::operations(const MakeUnit& make) {
  constexpr unsigned kLatency = 100;
  const DmaUnit::Top top = make(1)->top();
  const unsigned bus = top.bus_bytes;
  const auto row = [&](const char* what, std::uint64_t bytes) {
    return row_of(what, bytes, true, bus, kLatency, Translation::kOff);
  };
  for (const std::uint64_t bytes : {64U, 256U, 1024U, 4096U}) {
    const std::uint64_t beats = bytes / bus;
    // Descriptors come over the bus that the sources are read from.
    if (const std::string name = row("queued.ring_host", bytes); results_.wanted(name)) {
      progress(name);
      Window window = window_of(beats, false);
      window.margin = std::max(window.margin, kPrefetchMargin);
      const auto unit = make(kLatency);
      unit->start(kLogical, kRing, kRingLog2);
      std::vector<Descriptor> descriptors;
      for (unsigned i = 0; i < window.count(); ++i)
        descriptors.push_back(
            Descriptor::copy(kLogical, 0x1000'0000 + i * bytes, kLogical, 0x8000'0000 + i * bytes, bytes));
      percent(name, stream_efficiency(*unit, descriptors, window, beats, beats + sizeof(Descriptor) / bus),
              "");
    }
    for (const bool fill : {false, true}) {
      const std::string name = row(fill ? "fill" : "rows", bytes);
      if (!results_.wanted(name)) continue;
      progress(name);
      const Window window = window_of(beats * kRows, false);
      const auto unit = make(kLatency);
      unit->start(kVram, kRing, kRingLog2);
      std::vector<Descriptor> descriptors;
      for (unsigned i = 0; i < window.count(); ++i) {
        Descriptor op;
        op.with(d::OPCODE, fill ? dma::opcode::FILL : dma::opcode::COPY_3D);
        op.with(d::LENGTH, bytes - 1).with(d::ROWS, kRows - 1).with(d::DST_PITCH, 2 * bytes);
        op.with(d::DST_SPACE, kLogical).with(d::DST, 0x8000'0000 + i * 2 * kRows * bytes);
        if (fill) {
          op.with(d::PARAM, 3).with(d::SRC, 0xdead'beef);
        } else {
          op.with(d::SRC_SPACE, kLogical).with(d::SRC, 0x1000'0000 + i * 3 * kRows * bytes);
          op.with(d::SRC_PITCH, 3 * bytes);
        }
        descriptors.push_back(op);
      }
      percent(name, stream_efficiency(*unit, descriptors, window, beats * kRows, beats * kRows), "");
    }
  }
}

/// Four rings that never run dry; bursts are counted from when all are under way.
void DmaRows::channels_with(const MakeUnit& make, const std::string& name,
                            const std::array<unsigned, 4>& weights) {
  constexpr std::uint64_t kFrom = 3000, kTo = 19'000, kBytes = 4096;
  constexpr unsigned kCount = 250, kLatency = 100;
  const auto row = [&](const std::string& what) {
    return fmt::format("dma.channels4.{}.{}.w256.L{}.off", name, what, kLatency);
  };
  std::vector<std::string> names{row("total")};
  for (unsigned ch = 0; ch < weights.size(); ++ch) names.push_back(row(fmt::format("share{}", ch)));
  if (!results_.wanted_any(names)) return;
  progress(names.front());
  const auto unit = make(kLatency);
  for (unsigned ch = 0; ch < weights.size(); ++ch) {
    unit->start(kVram, kRing * (ch + 1), 8, ch, weights[ch]);
    for (unsigned i = 0; i < kCount; ++i) {
      const std::uint64_t at = 0x1000'0000 * (ch + 1) + i * kBytes;
      unit->push(Descriptor::copy(kLogical, at, kLogical, at + 0x800'0000, kBytes), ch);
    }
  }
  for (unsigned ch = 0; ch < weights.size(); ++ch) unit->doorbell(ch);
  unit->run(kTo);
  unit->check_rules();
  const std::uint64_t begin = unit->cycle() - kTo + kFrom;
  std::array<double, 4> shares{};
  double bursts = 0, beats = 0;
  for (const BusEvent& e : unit->host.log) {
    if (e.cycle < begin) continue;
    if (e.kind == Kind::W) ++beats;
    if (e.kind != Kind::Aw) continue;
    shares.at(e.id >> 2) += e.len + 1;
    bursts += e.len + 1;
  }
  results_.report(names[0], 100.0 * beats / static_cast<double>(kTo - kFrom), "% of the bound");
  for (unsigned ch = 0; ch < weights.size(); ++ch)
    results_.report(names[ch + 1], 100.0 * shares.at(ch) / bursts, "% of the beats");
}

void DmaRows::channels(const MakeUnit& make) {
  channels_with(make, "equal", {1, 1, 1, 1});
  channels_with(make, "weights1234", {1, 2, 3, 4});
}

}  // namespace gpudmar::bench
