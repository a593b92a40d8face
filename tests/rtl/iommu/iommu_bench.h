// SPDX-License-Identifier: Apache-2.0
// The IOMMU alone under a plain C++ loop: two requesters, host memory behind both masters, registers, tables.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "sim/axi/axi_lite.h"
#include "sim/axi/axi_memory.h"
#include "sim/axi/axi_monitor.h"
#include "sim/mem/host_memory.h"
#include "sim/model/cycle/types.h"
#include "sim/model/translate.h"

namespace gpudmar::test {

// Of the variant; two ports of 256 bits if the build says nothing.
#ifndef GPUDMAR_PORTS
#define GPUDMAR_PORTS 2
#define GPUDMAR_DATA_WIDTH 256
#define GPUDMAR_ID_WIDTH 4
#endif
// Off, as the parameters' defaults.
#ifndef GPUDMAR_ZLR
#define GPUDMAR_ZLR 0
#define GPUDMAR_SNOOP_CONTROL 0
#endif
inline constexpr unsigned kPorts = GPUDMAR_PORTS;
inline constexpr unsigned kBusBytes = GPUDMAR_DATA_WIDTH / 8;
inline constexpr unsigned kIdBits = GPUDMAR_ID_WIDTH;
inline constexpr unsigned kFullSize = kBusBytes == 8    ? 3
                                      : kBusBytes == 16 ? 4
                                      : kBusBytes == 32 ? 5
                                                        : 6;     ///< AxSIZE of a whole beat
inline constexpr unsigned kEntryBeats = kBusBytes == 8 ? 2 : 1;  ///< of an entry of 16 bytes
inline constexpr std::uint16_t kSids[4] = {0x0100, 0x0200, 0x0300, 0x04FF};
inline constexpr const std::uint16_t* kSid = kSids;
inline constexpr std::uint32_t kTableQueueId = 127;  ///< id of the invalidation queue's reads at m_axi_table
// Bits of AxUSER.
inline constexpr std::uint32_t kNoSnoop = 1U << 25;
inline constexpr std::uint32_t kZeroLength = 1U << 26;

/// One burst of a requester and what became of it.
struct Burst {
  bool write = false;
  unsigned port = 0;
  unsigned id = 0;
  std::uint64_t address = 0;
  unsigned beats = 1;
  unsigned size = kFullSize;
  std::uint32_t user = 0;
  std::vector<sim::BeatData> data;  ///< written, or what came back

  bool in = false;
  std::uint64_t in_cycle = 0;  ///< address handshake
  bool out = false;
  std::uint64_t out_cycle = 0;  ///< first cycle of its valid at m_axi_data with ready high
  std::uint64_t out_address = 0;
  bool out_snoop = false;
  bool performed = false;             ///< memory has answered
  std::uint64_t performed_cycle = 0;  ///< its last beat or its B at m_axi_data
  bool done = false;
  std::uint64_t first_cycle = 0;  ///< first response beat
  std::uint64_t done_cycle = 0;   ///< last response beat
  sim::AxiResp resp = sim::AxiResp::kOkay;
};
using BurstPtr = std::shared_ptr<Burst>;

/// A write at m_axi_table: a wait's status or an event message.
struct TableWrite {
  std::uint64_t cycle = 0;  ///< the later one of its two handshakes
  std::uint64_t address = 0;
  std::uint64_t strobe = 0;
  std::uint32_t dword = 0;  ///< of the lanes that the address names
};

/// Second-stage tables and the structures above them, written bit by bit from the specification.
class Tables {
 public:
  explicit Tables(sim::HostMemory& memory) : memory_(memory), root_(page()) {}
  /// Forget all tables; the same calls give the same pages again.
  void restart() {
    next_ = kFirst;
    root_ = page();
  }
  [[nodiscard]] std::uint64_t root() const { return root_; }
  /// A zeroed page.
  std::uint64_t page();
  void set_root(unsigned bus, std::uint64_t low, std::uint64_t high = 0);
  void set_context(std::uint16_t sid, std::uint64_t low, std::uint64_t high);
  /// A good context entry: TT, AW code, domain, table.
  void context(std::uint16_t sid, std::uint16_t did, std::uint64_t table, unsigned aw = 2, unsigned tt = 0);
  /// Address of the entry of `level` for `iova` below `table` (top level `levels`), making tables on the way.
  std::uint64_t entry(std::uint64_t table, unsigned levels, std::uint64_t iova, unsigned level = 1);
  /// Map one page; flags: bit 0 R, bit 1 W.
  void map(std::uint64_t table, std::uint64_t iova, std::uint64_t pa, unsigned flags = 3, unsigned levels = 4,
           unsigned level = 1);

 private:
  sim::HostMemory& memory_;
  static constexpr std::uint64_t kFirst = 0x0100'0000;
  std::uint64_t next_ = kFirst;
  std::uint64_t root_;
};

class IommuBench {
 public:
  explicit IommuBench(unsigned latency = 20, std::uint64_t seed = 1);
  ~IommuBench();
  IommuBench(const IommuBench&) = delete;
  IommuBench& operator=(const IommuBench&) = delete;

  void step();
  void run(std::uint64_t cycles);
  /// False when `max_cycles` went by first.
  bool run_until(const std::function<bool()>& done, std::uint64_t max_cycles);
  [[nodiscard]] std::uint64_t cycle() const { return cycle_; }

  [[nodiscard]] std::uint64_t read_register(std::uint32_t offset, unsigned bytes);
  void write_register(std::uint32_t offset, std::uint64_t value, unsigned bytes);
  /// Any byte strobes; `offset` is aligned to 8.
  void write_lanes(std::uint32_t offset, std::uint64_t value, std::uint8_t strobe);
  /// Reset the unit, and with it the memories and requesters: everything under way is dropped. `power`: as at
  /// power-on; otherwise warm.
  void reset(bool power, unsigned cycles = 2);
  /// Reset the unit alone, warm: memories and requesters know nothing of it.
  void reset_unit(unsigned cycles = 2);
  /// As if new, without the cost: reset at power-on, no tables, nothing observed. Memories keep their timing
  /// and take `seed`.
  void restart(std::uint64_t seed);
  /// idle_o.
  [[nodiscard]] bool unit_idle() const;
  /// quiesce_i; it takes effect in the next cycle.
  void quiesce(bool on) { quiesce_ = on; }
  [[nodiscard]] bool quiesced() const;
  /// Reset of the unit alone while everything else goes on, from the next cycle; the unit must be quiesced.
  void hold_reset(bool hold);
  /// Quiesce, reset for `cycles`, let go. False when the unit does not come to rest in time.
  bool reset_alone(unsigned cycles = 2, std::uint64_t max_cycles = 5000);

  BurstPtr read(unsigned port, unsigned id, std::uint64_t address, unsigned beats = 1,
                unsigned size = kFullSize, std::uint32_t user = 0);
  BurstPtr write(unsigned port, unsigned id, std::uint64_t address, unsigned beats = 1,
                 unsigned size = kFullSize, std::uint32_t user = 0, std::uint8_t fill = 0x5A);
  /// Wait until every burst has its response.
  bool settle(std::uint64_t max_cycles = 20000);
  /// A page wanted soon.
  void hint(unsigned port, std::uint64_t address) { hints_[port].push_back(address >> 12); }
  /// Hints of the port that the unit has not taken.
  [[nodiscard]] unsigned hints_left(unsigned port) const {
    return static_cast<unsigned>(hints_[port].size());
  }

  /// Root pointer, queue of one page, translation on. False on a time-out. `at_once`: by one write of GCMD.
  bool bring_up(bool at_once = false);
  /// Append a descriptor without telling the unit.
  void push_descriptor(std::uint64_t low, std::uint64_t high);
  /// Write the tail (starts it; returns when the register access was started).
  void ring();
  void flush_contexts() { push_descriptor(0x11, 0); }
  void flush_global(bool drain = true) { push_descriptor(0x12 | (drain ? 0xC0 : 0), 0); }
  void flush_domain(std::uint16_t did, bool drain = true);
  void flush_pages(std::uint16_t did, std::uint64_t iova, unsigned am = 0, bool ih = true, bool drain = true);
  /// Where waits write their status from now on; a dword.
  void status_at(std::uint64_t address) { status_ = address; }
  [[nodiscard]] std::uint64_t status_address() const { return status_; }
  [[nodiscard]] std::uint64_t queue_address() const { return queue_; }
  /// The slot of the next descriptor, of 256.
  [[nodiscard]] unsigned tail() const { return tail_; }
  /// Append a wait with a fresh status value; the returned word changes to it.
  std::uint32_t push_wait(bool interrupt = false);
  [[nodiscard]] bool waited(std::uint32_t value) const;
  /// ring() and wait for a wait descriptor; false on a time-out.
  bool invalidate(std::uint64_t max_cycles = 5000);

  /// The reference's verdict on a request with the tables as they are.
  [[nodiscard]] model::Outcome expected(unsigned port, std::uint64_t address, bool is_write,
                                        std::uint32_t bytes = kBusBytes, std::uint32_t user = 0) const;

  sim::HostMemory memory;
  Tables tables;
  model::UnitConfig unit;
  bool te = false;
  std::vector<hw::MessageTarget> messages;
  std::vector<sim::Violation> violations;
  std::vector<std::array<std::uint64_t, 2>>
      faults;  ///< every fault taken, recorded or not: low, high quadword
  std::vector<std::uint64_t> fault_cycles;
  std::vector<TableWrite> table_writes;
  std::vector<std::uint64_t> message_cycles;  ///< in which memory took it
  std::uint64_t walk_reads = 0;               ///< AR handshakes of walkers
  std::uint64_t status_cycle = 0;             ///< W handshake of the last write at m_axi_table
  std::uint64_t status_strobe = 0;
  std::function<void()>
      at_status;  ///< called in the cycle of that handshake; requests made there come one later
  std::function<void(const TableWrite&)>
      at_table_write;  ///< called in the cycle that completes it; requests made there come one later
  /// Called in every cycle with what was seen in it: what went in, and what the unit did.
  std::function<void(const model::cycle::Inputs&, const std::vector<model::cycle::Event>&)> observer;
  std::uint64_t tail_cycle = 0;              ///< W handshake of the last register write
  double r_ready[4] = {1.0, 1.0, 1.0, 1.0};  ///< chance that a requester takes a beat
  double b_ready[4] = {1.0, 1.0, 1.0, 1.0};
  bool hold_w[kPorts] = {};      ///< withhold write data beyond the first beat of a burst
  bool hold_all_w[kPorts] = {};  ///< withhold all write data
  bool hold_aw[kPorts] = {};     ///< withhold write addresses, not their data
  /// A register access that nobody waits for.
  std::shared_ptr<const sim::LiteAccess> start_read(std::uint32_t offset, unsigned bytes) {
    return lite_.read(offset, bytes);
  }
  std::shared_ptr<const sim::LiteAccess> start_write(std::uint32_t offset, std::uint64_t value,
                                                     unsigned bytes) {
    return lite_.write(offset, value, bytes);
  }
  /// A read beside the accesses of the others, which must be writes meanwhile: in any cycle of theirs.
  std::shared_ptr<const sim::LiteAccess> start_read_beside(std::uint32_t offset, unsigned bytes) {
    return beside_.read(offset, bytes);
  }
  sim::AxiMemory& data_port() { return data_; }
  sim::AxiMemory& table_port() { return table_; }

 private:
  struct Wires;
  void sample();
  void sample_memory();
  void observe();
  void check_contract();
  void drive();
  bool chance(double p) { return p >= 1.0 || std::uniform_real_distribution<double>()(random_) < p; }

  std::unique_ptr<Wires> w_;
  sim::HostBus bus_;
  sim::AxiMemory data_, table_;
  sim::AxiMonitor data_monitor_, table_monitor_;
  sim::AxiLiteMaster lite_, beside_;
  std::uint64_t cycle_ = 0;
  std::mt19937_64 random_;
  std::deque<BurstPtr> ar_[kPorts], aw_[kPorts];
  BurstPtr aw_shown_[kPorts];
  std::deque<std::pair<BurstPtr, unsigned>> beats_[kPorts];  ///< W beats to send
  std::deque<std::uint64_t> hints_[kPorts];
  std::vector<BurstPtr> open_;  ///< without their last response, in order of handing in
  std::deque<std::pair<std::uint64_t, std::uint64_t>> table_aw_;  ///< cycle, address; their data is to come
  struct TableBeat {
    std::uint64_t cycle;
    std::uint64_t strobe;
    sim::BeatData data;
  };
  std::deque<TableBeat> table_w_;  ///< their address is to come
  std::uint64_t queue_ = 0, status_ = 0;
  unsigned tail_ = 0;
  bool shown_[2] = {};  ///< the address at m_axi_data (AR, AW) was there in the cycle before
  std::uint32_t status_value_ = 0;
  bool quiesce_ = false;
  bool hold_reset_ = false;
};

/// For a source-id's context entry: low and high quadword.
inline std::uint64_t context_low(std::uint64_t table, unsigned tt) { return table | (tt << 2) | 1; }
inline std::uint64_t context_high(std::uint16_t did, unsigned aw) { return (std::uint64_t{did} << 8) | aw; }

}  // namespace gpudmar::test
