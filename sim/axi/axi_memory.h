// SPDX-License-Identifier: Apache-2.0
// A cycle-stepped AXI4 slave with the timing of a memory: latency, jitter, back-pressure, reordering, errors.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "sim/axi/axi.h"
#include "sim/axi/targets.h"

namespace gpudmar::sim {

/// Timing and ordering of an AxiMemory. Cycles are clock cycles; probabilities are per cycle, 0 to 1.
struct AxiMemoryConfig {
  unsigned bus_bytes = 32;  ///< 8, 16, 32 or 64
  unsigned latency = 100;   ///< L: AR handshake to first R beat, at least 1
  unsigned jitter = 0;      ///< a read takes latency + 0..jitter cycles more, uniform
  unsigned b_latency = 1;   ///< later of AW and WLAST handshake to B, at least 1
  double ar_stall = 0;      ///< chance that ARREADY is low in a cycle
  double aw_stall = 0;
  double w_stall = 0;
  double r_stall = 0;  ///< chance that a beat that could go waits a cycle
  double b_stall = 0;
  bool out_of_order = false;        ///< answers of different ids may overtake; within an id never
  bool interleave = false;          ///< R beats of different ids may mix; needs out_of_order
  bool read_at_first_beat = false;  ///< memory is looked at when the first R beat is built, instead of at AR
  bool write_at_wlast = false;      ///< memory changes once AW and WLAST are in, instead of when B shows
  std::size_t max_reads = 256;      ///< bursts in flight; ARREADY falls beyond
  std::size_t max_writes = 256;
  std::uint64_t seed = 1;

  /// Throws std::invalid_argument, starting with `name`.
  void check(const std::string& name) const;
};

/// The slave. Call step() once a cycle with what the master drives in that cycle; it returns what the slave
/// drives in the next one.
class AxiMemory {
 public:
  /// `target` must outlive this object. Throws std::invalid_argument on an impossible configuration.
  AxiMemory(std::string name, AxiTarget& target, const AxiMemoryConfig& config);

  const AxiSlaveOut& step(const AxiMasterOut& master);
  /// What the slave drives now.
  [[nodiscard]] const AxiSlaveOut& out() const { return out_; }
  /// Forget everything in flight and restart the random stream.
  void reset();

  /// Errors: the first function that returns other than OKAY decides. Called per beat with the beat's
  /// address; a failed write beat changes nothing, a failed read beat carries no data of the memory.
  using ErrorRule = std::function<AxiResp(bool write, std::uint64_t address)>;
  void add_error(ErrorRule rule) { errors_.push_back(std::move(rule)); }
  /// Beats that touch [range) answer `resp`.
  void add_error(hw::MemoryRange range, AxiResp resp, bool reads = true, bool writes = true);
  void clear_errors() { errors_.clear(); }

  [[nodiscard]] const AxiMemoryConfig& config() const { return config_; }
  void set_latency(unsigned latency);  ///< for bursts from now on
  /// Another timing from the next cycle on; bursts in flight keep the time they were given. The random stream
  /// goes on; reset() restarts it with the new seed. The bus width stays.
  void configure(const AxiMemoryConfig& config);
  /// Cycles that a read takes beyond latency and jitter; nullptr = none.
  using DelayRule = std::function<unsigned(std::uint32_t id, std::uint64_t address)>;
  void set_read_delay(DelayRule rule) { read_delay_ = std::move(rule); }
  /// Cycles between two R beats of a burst, in which others may come; takes effect with interleave.
  void set_beat_delay(DelayRule rule) { beat_delay_ = std::move(rule); }
  /// The id that an answer carries, from the one that it should: a slave that answers wrongly. nullptr = the
  /// right one.
  using IdRule = std::function<std::uint32_t(bool write, std::uint32_t id)>;
  void set_answer_id(IdRule rule) { answer_id_ = std::move(rule); }
  [[nodiscard]] bool idle() const { return reads_.empty() && writes_.empty() && beats_.empty(); }
  [[nodiscard]] std::uint64_t read_beats() const { return read_beats_; }
  [[nodiscard]] std::uint64_t write_beats() const { return write_beats_; }

 private:
  struct Beat {
    BeatData data{};
    std::uint64_t strobe = 0;
    AxiResp resp = AxiResp::kOkay;
    bool last = false;
  };
  struct Read {
    std::uint32_t id = 0;
    std::uint64_t address = 0;
    unsigned len = 0;
    unsigned size = 0;
    std::uint64_t ready_at = 0;
    unsigned sent = 0;
    bool sampled = false;
    std::vector<Beat> beats;
  };
  struct Write {
    std::uint32_t id = 0;
    std::uint64_t address = 0;
    unsigned len = 0;
    unsigned size = 0;
    bool complete = false;   ///< all data here
    bool committed = false;  ///< memory has changed
    std::uint64_t ready_at = 0;
    AxiResp resp = AxiResp::kOkay;
    std::vector<Beat> beats;
  };
  static constexpr std::size_t kNone = ~std::size_t{0};

  [[nodiscard]] bool chance(double probability) {
    return probability > 0 && std::uniform_real_distribution<double>()(random_) < probability;
  }
  void take(const AxiMasterOut& master);
  void sample(Read& read);
  void commit(Write& write);
  void assign_data();
  void drive_read();
  void drive_write();
  template <typename Burst>
  [[nodiscard]] std::size_t pick(const std::deque<Burst>& bursts);
  [[nodiscard]] AxiResp injected(bool write, std::uint64_t address) const;

  std::string name_;
  AxiTarget& target_;
  AxiMemoryConfig config_;
  AxiSlaveOut out_;
  std::uint64_t cycle_ = 0;
  std::mt19937_64 random_;
  std::deque<Read> reads_;
  std::deque<Write> writes_;  ///< AW accepted, B not yet taken
  std::deque<Beat> beats_;    ///< W beats not yet with their address
  std::vector<std::vector<Beat>> spare_;
  std::size_t current_read_ = kNone;   ///< burst whose beat is on the bus, or that is part way
  std::size_t current_write_ = kNone;  ///< burst whose B is on the bus
  std::vector<ErrorRule> errors_;
  DelayRule read_delay_, beat_delay_;
  IdRule answer_id_;
  std::uint64_t read_beats_ = 0;
  std::uint64_t write_beats_ = 0;
};

}  // namespace gpudmar::sim
