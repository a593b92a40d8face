// SPDX-License-Identifier: Apache-2.0
// A small AXI4 slave with memory behind it, for the tests of one engine: latency, jitter, back-pressure,
// order between ids, error responses; it checks the master's bus rules as it goes.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

namespace gpudmar::test {

/// Byte-addressed sparse memory; unwritten bytes read 0.
class SparseBytes {
 public:
  [[nodiscard]] std::uint8_t get(std::uint64_t addr) const;
  void set(std::uint64_t addr, std::uint8_t value);
  [[nodiscard]] std::uint64_t get64(std::uint64_t addr) const;
  void set64(std::uint64_t addr, std::uint64_t value);
  /// Address of the first byte that differs, or -1 (all ones) when equal.
  [[nodiscard]] std::uint64_t first_difference(const SparseBytes& other) const;

 private:
  using Page = std::array<std::uint8_t, 4096>;
  std::unordered_map<std::uint64_t, Page> pages_;
};

/// What the master drives in a cycle. `bytes` wide data in `wdata`.
struct MasterPins {
  bool arvalid = false, rready = false, awvalid = false, wvalid = false, wlast = false, bready = false;
  unsigned arid = 0, arlen = 0, arsize = 0, awid = 0, awlen = 0, awsize = 0;
  std::uint64_t araddr = 0, awaddr = 0, wstrb = 0;
  std::array<std::uint8_t, 64> wdata{};
};

/// What the slave drives in a cycle.
struct SlavePins {
  bool arready = false, rvalid = false, rlast = false, awready = false, wready = false, bvalid = false;
  unsigned rid = 0, rresp = 0, bid = 0, bresp = 0;
  std::array<std::uint8_t, 64> rdata{};
};

struct MemoryTiming {
  unsigned read_latency = 1;   ///< Cycles from AR to the first R beat, at least 1.
  unsigned read_jitter = 0;    ///< Added at random, 0 to this.
  unsigned write_latency = 1;  ///< Cycles from WLAST to B, at least 1.
  unsigned write_jitter = 0;
  unsigned ready_percent = 100;  ///< Chance of each READY, and of an R beat when there is one.
  bool shuffle_ids = false;      ///< Responses of different ids in any order, R beats interleaved.
};

/// One handshake, as logged.
struct BusEvent {
  enum class Kind { Ar, R, Aw, W, B };
  Kind kind;
  std::uint64_t cycle;
  unsigned id;
  std::uint64_t addr;  ///< Of the burst; R, W: of the beat.
  unsigned len;        ///< Ar, Aw: beats - 1.
  bool last;           ///< R, W.
  std::uint64_t strb;  ///< W.
  unsigned resp;       ///< R, B.
};

class AxiMemory {
 public:
  /// `bytes`: of a beat. `max_len`: beats of a burst at most. `addr_mask`: bits an address may have, except
  /// id `free_id` of writes.
  AxiMemory(std::string name, unsigned bytes, unsigned max_len, std::uint64_t addr_mask, unsigned free_id,
            std::uint64_t seed);

  /// The pins for this cycle; call once per cycle, then sample().
  const SlavePins& drive(std::uint64_t cycle);
  /// The master's pins of the same cycle: takes handshakes, checks rules.
  void sample(const MasterPins& pins, std::uint64_t cycle);

  SparseBytes memory;
  MemoryTiming timing;
  std::map<std::uint64_t, unsigned> read_errors;   ///< Beat address -> RRESP.
  std::map<std::uint64_t, unsigned> write_errors;  ///< Burst address -> BRESP.
  std::vector<BusEvent> log;
  std::vector<std::string> violations;  ///< Bus rules broken by the master, "rule: what".
  bool keep_log = true;
  /// READY of a channel never comes while it is set: a device that takes nothing.
  bool refuse_ar = false, refuse_aw = false, refuse_w = false;
  /// Answers for which this is true do not come while it is: a dead device. Of a burst, the beats.
  std::function<bool(bool write, unsigned id, std::uint64_t addr)> silent;

  [[nodiscard]] unsigned reads_in_flight(unsigned id) const;
  [[nodiscard]] bool quiet() const;  ///< Nothing accepted is unanswered.

 private:
  struct Read {
    std::uint64_t addr, ready;
    unsigned len, beat;
    [[nodiscard]] std::uint64_t at(unsigned bytes) const { return addr + std::uint64_t{beat} * bytes; }
    static constexpr bool kWrite = false;
  };
  struct Write {
    unsigned id, len, size;
    std::uint64_t addr;
  };
  struct Beat {
    std::array<std::uint8_t, 64> data;
    std::uint64_t strb;
    bool last;
  };
  struct Answer {
    std::uint64_t ready;
    Write write;
    std::vector<Beat> beats;
    [[nodiscard]] std::uint64_t at(unsigned /*bytes*/) const { return write.addr; }
    static constexpr bool kWrite = true;
  };
  bool chance();
  unsigned jitter(unsigned most);
  template <class T>
  int pick(std::map<unsigned, std::deque<T>>& queues, std::uint64_t cycle);
  void violate(std::uint64_t cycle, const char* rule, const std::string& what);
  void check_address(std::uint64_t cycle, std::uint64_t addr, unsigned len, unsigned size, bool free);
  void match_writes(std::uint64_t cycle);
  void apply(const Answer& answer);

  std::string name_;
  unsigned bytes_, max_len_;
  std::uint64_t addr_mask_;
  unsigned free_id_;
  std::mt19937_64 random_;
  SlavePins out_;
  MasterPins last_;
  bool held_ar_ = false, held_aw_ = false, held_w_ = false;
  std::map<unsigned, std::deque<Read>> reads_;
  std::deque<Write> addresses_;
  std::deque<std::pair<Beat, std::uint64_t>> data_;  // with the cycle of arrival
  std::vector<Beat> current_;
  std::map<unsigned, std::deque<Answer>> answers_;
  int mid_burst_ = -1;  // id of an R burst under way, when ids are not interleaved
};

}  // namespace gpudmar::test
