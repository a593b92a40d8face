// SPDX-License-Identifier: Apache-2.0
// What goes into the cycle model and what comes out of it. Nothing here is from inside the IOMMU.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "sim/model/memory_view.h"

namespace gpudmar::model::cycle {

inline constexpr unsigned kMaxPorts = 4;
inline constexpr unsigned kHostBits = 46;
inline constexpr unsigned kGuestBits = 48;

/// The unit's parameters, and the memory behind it.
struct Config {
  unsigned pipe = 0;
  unsigned ports = 2;
  std::array<std::uint16_t, kMaxPorts> source_ids{};
  unsigned parks = 24;
  unsigned walks = 16;
  unsigned hint_walks = 4;
  unsigned iotlb_entries = 64;
  unsigned context_entries = 8;
  std::array<unsigned, 3> paging_entries{8, 4, 4};  ///< ways to tables of level 1, 2, 3
  unsigned write_beats = 64;                        ///< write buffer of a port
  unsigned bus_bytes = 32;                          ///< 8: an entry of 16 bytes is two beats of the table bus
  unsigned latency = 20;                            ///< of the table memory, AR to first R
  unsigned b_latency = 1;                           ///< of the table memory, last of AW and W to B
};

/// An address handshake at a requester port.
struct Request {
  unsigned port = 0;
  unsigned id = 0;
  std::uint64_t address = 0;
  unsigned len = 0;
  unsigned size = 0;
  std::uint32_t user = 0;
};

struct Hint {
  unsigned port = 0;
  std::uint64_t page = 0;
};

/// A response of the data memory.
struct Answer {
  unsigned port = 0;
  unsigned id = 0;
};

struct RegisterWrite {
  std::uint32_t offset = 0;
  std::uint64_t data = 0;
  std::uint8_t strobe = 0;
};

/// What was seen at the unit's ports in one cycle.
struct Inputs {
  std::optional<Request> read, write;  ///< address handshakes
  std::optional<Hint> hint;            ///< handshake
  std::array<bool, kMaxPorts> w{};     ///< W handshakes of the requesters
  std::array<bool, kMaxPorts> r{};     ///< R handshakes
  std::array<bool, kMaxPorts> b{};     ///< B handshakes
  bool data_arready = true;
  bool data_awready = true;
  bool data_wready = true;
  std::optional<Answer> data_r;  ///< an R beat of the data memory ...
  bool data_r_last = false;      ///< ... and whether it ends its burst
  std::optional<Answer> data_b;
  std::optional<RegisterWrite> register_write;
};

/// What is predicted.
enum class Kind : std::uint8_t { kReadOut, kWriteOut, kWalkRead, kQueueFetch, kFault, kStatus };
inline constexpr unsigned kKinds = 6;

/// One event. `detail`: {port, id, len} of a request that leaves, {id, len} of a table read, the high
/// quadword of a fault record, the data of a status write.
struct Event {
  Kind kind = Kind::kReadOut;
  std::uint64_t cycle = 0;
  std::uint64_t address = 0;
  std::uint64_t detail = 0;
};

[[nodiscard]] constexpr std::uint64_t out_detail(unsigned port, unsigned id, unsigned len) {
  return (std::uint64_t{port} << 24) | (id << 8) | len;
}
[[nodiscard]] constexpr std::uint64_t read_detail(unsigned id, unsigned len) {
  return (std::uint64_t{id} << 8) | len;
}

[[nodiscard]] const char* name(Kind kind);
[[nodiscard]] std::string describe(const Event& event);

/// Round robin over n: the one after the last winner is the most favoured.
class RoundRobin {
 public:
  explicit RoundRobin(unsigned n) : n_(n), last_(n - 1) {}
  /// The winner among those for whom `asks(i)` holds.
  template <typename Asks>
  [[nodiscard]] std::optional<unsigned> pick(const Asks& asks) const {
    for (unsigned step = 1; step <= n_; ++step) {
      const unsigned i = (last_ + step) % n_;
      if (asks(i)) return i;
    }
    return std::nullopt;
  }
  /// The turn moves past `winner`.
  void moved(unsigned winner) { last_ = winner; }

 private:
  unsigned n_;
  unsigned last_;
};

/// A flush by the queue, in the cycle in which it happens.
struct Flush {
  bool contexts = false;
  bool pages = false;  ///< IOTLB and paging-structure caches
  unsigned granularity = 0;
  std::uint16_t did = 0;
  std::uint16_t sid = 0;
  std::uint16_t functions = 0;  ///< bits of the source-id that do not count
  std::uint64_t page = 0;
  std::uint64_t mask = 0;  ///< page bits that count
  bool leaves_only = false;
};

}  // namespace gpudmar::model::cycle
