// SPDX-License-Identifier: Apache-2.0
// Measures the DMA engines: how soon a copy's first read address follows its descriptor, and the idle write
// beats between queued copies.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>

#include "sim/bench/cycle_view.h"
#include "sim/contract/contract_setup.h"
#include "sim/contract/measurements.h"

namespace gpudmar::sim {

/// Reads the descriptors as they come over the buses, and judges only what has no other reason to wait. Where
/// nothing of an adapter was seen for a while, and it is owed nothing, its channels have come to the ends of
/// their rings.
class EngineChecker {
 public:
  EngineChecker(const ContractSetup& setup, Measurements& measurements)
      : setup_(setup), measurements_(measurements) {}

  enum class HostPort : std::uint8_t { kOpen, kBusy, kClosed };
  /// `host`: the IOMMU takes a read in the cycle in which it is offered; others are inside; or it takes none.
  void observe(const CycleView& view, HostPort host);
  void reset();

 private:
  static constexpr unsigned kChannels = 8;
  using Descriptor = std::array<std::uint64_t, 8>;
  /// An AXI id is {channel, kind}.
  static unsigned channel_of(std::uint32_t id) { return (id >> 2U) % kChannels; }

  struct Copy {
    bool from_host = false, to_host = false;
    bool needs_one = false;  ///< the first written beat needs only the first read one
    std::uint64_t source_beats = 0, destination_beats = 0;
    std::uint64_t received = 0, written = 0;
    std::uint64_t first = 0;  ///< cycle of the first beat that was read
  };
  struct Launch {
    std::uint64_t at_hand = 0;
    bool host = false;      ///< where its source is read
    bool aperture = false;  ///< an operand lies there
  };
  struct Channel {
    unsigned owed = 0;        ///< bursts without their answer
    unsigned fences = 0;      ///< fetched and not answered
    unsigned held = 0;        ///< answers of fences until an end that shows on no bus is known
    bool ended = true;        ///< an answered fence is the last that was fetched
    bool fence_last = false;  ///< the last that was fetched is a fence
    bool fresh = false;       ///< the next descriptor finds nothing before it
    Descriptor descriptor{};  ///< coming
    unsigned filled = 0;      ///< bytes of it
    std::optional<Launch> launch;
    bool listed = false;  ///< `copies` has every descriptor since the channel was empty
    std::deque<Copy> copies;
  };
  /// Read addresses of one adapter's port.
  struct Port {
    std::uint64_t ahead = 0;   ///< beats asked for, less one a cycle
    std::uint64_t coming = 0;  ///< beats asked for and not here
  };
  struct Burst {
    std::uint32_t id = 0;
    unsigned left = 0;  ///< beats
  };
  struct Adapter {
    std::uint64_t seen = 0;  ///< cycle of the last address or beat
    std::array<Channel, kChannels> channels;
    std::array<Port, 2> ports;      ///< VRAM, host
    std::deque<Burst> vram_writes;  ///< shown, data to come
    bool aw_shown = false;
    std::optional<std::pair<std::uint64_t, std::uint32_t>> last_write;  ///< cycle and id of a beat to VRAM
    unsigned vram_unanswered = 0;                                       ///< bursts
    std::uint64_t register_write = 0;  ///< cycle of the last, doorbells apart
  };

  void observe_adapter(unsigned number, const CycleView& view, HostPort host);
  [[nodiscard]] static bool at_rest(const Adapter& adapter, std::uint64_t cycle);
  void disturb(Adapter& adapter);
  void registers(unsigned number, const CycleView& view);
  void check_launches(Adapter& adapter, const CycleView& view, unsigned number, HostPort host);
  void address(Adapter& adapter, std::uint64_t cycle, bool host, std::uint32_t id, unsigned beats);
  void beat(Adapter& adapter, std::uint64_t cycle, bool host, std::uint32_t id, AxiResp resp, bool last,
            const BeatData& data);
  void ring_beat(Channel& channel, std::uint64_t cycle, const BeatData& data);
  void fetched(Channel& channel, std::uint64_t cycle);
  void vram_write(Adapter& adapter, const AxiMasterOut& m, const AxiSlaveOut& s, std::uint64_t cycle);
  void written(Adapter& adapter, std::uint64_t cycle, std::uint32_t id);
  void answered(Adapter& adapter, std::uint64_t cycle, std::uint32_t id);

  ContractSetup setup_;
  Measurements& measurements_;
  std::array<Adapter, kMaxAdapters> adapters_;
  struct RingBeat {
    std::uint32_t id = 0;
    BeatData data{};
  };
  /// Descriptors' beats that memory has sent and the port has not passed on.
  std::array<std::deque<RingBeat>, kMaxAdapters> host_ring_;
};

}  // namespace gpudmar::sim
