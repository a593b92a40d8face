// SPDX-License-Identifier: Apache-2.0
// A row for each channel of each DMA engine: its descriptors one after the other.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/bench/cycle_view.h"
#include "sim/replay/dma_log.h"
#include "sim/timeline/figures.h"
#include "sim/timeline/software_rows.h"
#include "sim/timeline/trace_file.h"

namespace gpudmar::sim::timeline {

/// A descriptor's span begins when it is the oldest of its channel and ends when HEAD goes past it. What it
/// is comes from the bus, where its channel fetched it.
class EngineRows {
 public:
  EngineRows(TraceFile& file, const DutInfo& info, const SoftwareRows& software, Figures& figures);

  void observe(const CycleView& view, const DutActivity& activity);
  /// The engine was reset: what it had is gone.
  void cut(unsigned adapter, std::uint64_t cycle);
  /// Descriptors that HEAD went past.
  [[nodiscard]] std::uint64_t retired() const { return retired_; }
  /// Handed over and not retired, in the present cycle.
  [[nodiscard]] std::uint64_t waiting() const;

 private:
  struct Waiting {
    std::uint64_t address = 0;  ///< in the ring's space
    std::uint64_t since = 0;    ///< its doorbell
    std::optional<Point> rung;  ///< where the doorbell stands
  };
  struct Channel {
    RowId row = 0;
    std::uint16_t head = 0;
    std::uint64_t free_from = 0;  ///< the one before it retired
    std::deque<Waiting> waiting;
    std::map<std::uint64_t, replay::Descriptor> fetched;  ///< by address
  };
  struct Fetch {
    std::uint64_t address = 0;
    unsigned size = 0;  ///< log2 of the bytes of a beat
    unsigned beat = 0;
  };
  struct Engine {
    unsigned group = 0;
    std::vector<Channel> channels;
    replay::Rings rings;
    std::array<std::map<unsigned, std::deque<Fetch>>, 2> fetches;  ///< VRAM, host; by channel
  };

  void registers(const CycleView& view, unsigned adapter);
  void doorbell(std::uint64_t cycle, unsigned adapter, const replay::Rings::Work& work);
  void fetches(const CycleView& view, unsigned adapter);
  void fetched(unsigned adapter, unsigned channel, unsigned port, const BeatData& data, bool last);
  void heads(const CycleView& view, unsigned adapter, const std::vector<std::uint16_t>& heads);
  void retire(Channel& channel, std::uint64_t cycle);

  TraceFile& file_;
  DutInfo info_;
  const SoftwareRows& software_;
  Figures& figures_;
  std::vector<Engine> engines_;
  std::uint64_t retired_ = 0;
};

}  // namespace gpudmar::sim::timeline
