// SPDX-License-Identifier: Apache-2.0
// AXI4 and AXI4-Lite signals as plain structs, one side each, and the few rules of burst arithmetic.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace gpudmar::sim {

inline constexpr std::size_t kMaxBusBytes = 64;

enum class AxiResp : std::uint8_t { kOkay = 0, kExOkay = 1, kSlvErr = 2, kDecErr = 3 };
[[nodiscard]] const char* to_string(AxiResp resp);

using BeatData = std::array<std::uint8_t, kMaxBusBytes>;

/// What a master drives. All bursts are INCR.
struct AxiMasterOut {
  bool arvalid = false;
  std::uint32_t arid = 0;
  std::uint64_t araddr = 0;
  std::uint8_t arlen = 0;   ///< beats - 1
  std::uint8_t arsize = 0;  ///< log2 of the bytes of a beat
  bool arsnoop = true;      ///< must be snooped; a bus without the attribute leaves it at 1
  bool rready = false;
  bool awvalid = false;
  std::uint32_t awid = 0;
  std::uint64_t awaddr = 0;
  std::uint8_t awlen = 0;
  std::uint8_t awsize = 0;
  bool awsnoop = true;
  bool wvalid = false;
  BeatData wdata{};
  std::uint64_t wstrb = 0;
  bool wlast = false;
  bool bready = false;
};

/// What a slave drives.
struct AxiSlaveOut {
  bool arready = false;
  bool rvalid = false;
  std::uint32_t rid = 0;
  BeatData rdata{};
  AxiResp rresp = AxiResp::kOkay;
  bool rlast = false;
  bool awready = false;
  bool wready = false;
  bool bvalid = false;
  std::uint32_t bid = 0;
  AxiResp bresp = AxiResp::kOkay;
};

/// AXI4-Lite, 64-bit data.
struct AxiLiteMasterOut {
  bool awvalid = false;
  std::uint32_t awaddr = 0;
  bool wvalid = false;
  std::uint64_t wdata = 0;
  std::uint8_t wstrb = 0;
  bool bready = false;
  bool arvalid = false;
  std::uint32_t araddr = 0;
  bool rready = false;
};

struct AxiLiteSlaveOut {
  bool awready = false;
  bool wready = false;
  bool bvalid = false;
  AxiResp bresp = AxiResp::kOkay;
  bool arready = false;
  bool rvalid = false;
  std::uint64_t rdata = 0;
  AxiResp rresp = AxiResp::kOkay;
};

/// Address of beat `index` of an INCR burst: the first as given, later ones aligned to the beat size (IHI0022
/// A3.4.1).
[[nodiscard]] constexpr std::uint64_t beat_address(std::uint64_t address, unsigned size, unsigned index) {
  return index == 0 ? address : ((address >> size) + index) << size;
}

/// Byte lanes that a beat at `address` of 2^size bytes may carry on a bus of `bus_bytes`: bit per lane.
[[nodiscard]] constexpr std::uint64_t beat_lanes(std::uint64_t address, unsigned size,
                                                 std::size_t bus_bytes) {
  const std::uint64_t bytes = 1ULL << size;
  const std::uint64_t low = address & (bus_bytes - 1);
  const std::uint64_t end = (low & ~(bytes - 1)) + bytes;  // of the aligned container, exclusive
  const std::uint64_t below_end = end >= 64 ? ~0ULL : (1ULL << end) - 1;
  return below_end & ~((1ULL << low) - 1);
}

/// Last byte address of an INCR burst.
[[nodiscard]] constexpr std::uint64_t burst_last(std::uint64_t address, unsigned size, unsigned len) {
  return (((address >> size) + len + 1) << size) - 1;
}

}  // namespace gpudmar::sim
