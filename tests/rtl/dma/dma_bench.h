// SPDX-License-Identifier: Apache-2.0
// One Verilated dma_adapter between two AxiMemory slaves, with MMIO and a ring, for the engine's tests.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <verilated.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "sim/dut/model_coverage.h"
#include "tests/rtl/dma/axi_memory.h"
#include "tests/rtl/dma/dma_descriptor.h"

namespace gpudmar::test {

inline constexpr unsigned kAddrBits = 40, kVramBits = 28;

/// The seed of a random test: GPUDMAR_SEED, or `fallback`.
inline std::uint64_t seed_of(std::uint64_t fallback) {
  const char* text = std::getenv("GPUDMAR_SEED");
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 0);
}

/// The line that tells how to run a random test again.
inline std::string rerun(std::uint64_t seed) {
  const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
  return fmt::format("re-run: GPUDMAR_SEED={} rtl_dma_test --gtest_filter={}.{}", seed,
                     info->test_suite_name(), info->name());
}

/// A write of BAR 0: an aligned place, and 4 or 8 bytes.
struct LiteWrite {
  std::uint64_t offset, value;
  unsigned bytes = 4;
};

/// The engine, its two memories and its channels. `V` is the Verilated class, `Bytes` the bytes of a beat,
/// the rest as the engine's parameters.
template <class V, unsigned Bytes, unsigned Pipe = 0, unsigned Channels = 4, unsigned Reads = 64,
          unsigned MaxBurst = 16>
class DmaBench {
 public:
  static constexpr unsigned kBytes = Bytes, kPipe = Pipe, kChannels = Channels, kReads = Reads,
                            kMaxBurst = MaxBurst;
  static constexpr std::uint64_t kMsiAddr = 0xfee0'1004;
  static constexpr std::uint32_t kMsiData = 0x4041;

  /// With a seed hints are taken at random, without one at once.
  explicit DmaBench(std::uint64_t seed = 1)
      : host("host", Bytes, kMaxBurst, (1ULL << kAddrBits) - 1, kIdMsi, seed),
        vram("vram", Bytes, kMaxBurst, (1ULL << kVramBits) - 1, ~0U, seed + 1),
        hint_percent(seed == 1 ? 100 : 10 + static_cast<unsigned>(seed % 91)),
        random_(seed + 2) {
    context_.randReset(2);
    context_.randSeed(static_cast<int>(seed % 0x7fff'ffff) + 1);
    top_ = std::make_unique<V>(&context_);
    top_->rst_ni = 0;
    top_->adapter_rst_ni = 1;
    top_->s_axil_awvalid_i = top_->s_axil_wvalid_i = top_->s_axil_arvalid_i = 0;
    top_->s_axil_bready_i = top_->s_axil_rready_i = 1;
    for (int i = 0; i < 4; ++i) tick();
    top_->rst_ni = 1;
    tick();
  }
  ~DmaBench() {
    for (AxiMemory* port : {&host, &vram}) {
      for (const std::string& what : port->violations) ADD_FAILURE() << what;
    }
    top_->final();
  }
  DmaBench(const DmaBench&) = delete;
  DmaBench& operator=(const DmaBench&) = delete;

  AxiMemory host, vram;
  unsigned hint_percent;              ///< Chance of hint_ready.
  std::uint64_t hint_cycles = 0;      ///< With hint_valid.
  std::uint64_t lite_last_write = 0;  ///< Cycle of the last W handshake at BAR 0.
  /// Called at each address handshake of the host port.
  std::function<void(bool write, std::uint64_t address, std::uint32_t user)> on_host_address;

  [[nodiscard]] std::uint64_t cycle() const { return cycle_; }

  /// adapter_rst_ni is low for `cycles` cycles, `from` cycles from now, whatever else goes on.
  void schedule_adapter_reset(std::uint64_t from, std::uint64_t cycles) {
    reset_from_ = cycle_ + from;
    reset_to_ = reset_from_ + cycles;
  }
  [[nodiscard]] bool adapter_busy() const { return top_->adapter_busy_o != 0; }
  /// The response of the last AXI-Lite access.
  [[nodiscard]] unsigned lite_resp() const { return lite_resp_; }

  void tick() {
    top_->adapter_rst_ni = cycle_ < reset_from_ || cycle_ >= reset_to_;
    apply_host(host.drive(cycle_));
    apply_vram(vram.drive(cycle_));
    top_->hint_ready_i = chance(hint_percent);
    top_->clk_i = 0;
    top_->eval();
    if (top_->rst_ni != 0) {
      sample();
      hint_cycles += top_->hint_valid_o;
    }
    lite_aw_ = top_->s_axil_awready_o != 0 && top_->s_axil_awvalid_i != 0;
    lite_w_ = top_->s_axil_wready_o != 0 && top_->s_axil_wvalid_i != 0;
    if (lite_w_) lite_last_write = cycle_;
    lite_read_taken_ = top_->s_axil_arready_o != 0;
    lite_b_ = top_->s_axil_bvalid_o != 0 && top_->s_axil_bready_i != 0;
    lite_r_ = top_->s_axil_rvalid_o != 0;
    lite_data_ = top_->s_axil_rdata_o;
    if (lite_b_) lite_resp_ = top_->s_axil_bresp_o;
    if (lite_r_) lite_resp_ = top_->s_axil_rresp_o;
    top_->clk_i = 1;
    top_->eval();
    ++cycle_;
    for (unsigned ch = 0; ch < Channels; ++ch) {
      if (copy_reads(ch) > Reads) {
        ADD_FAILURE() << "cycle " << cycle_ << ": channel " << ch
                      << " has more copy reads in flight than Reads";
      }
    }
  }
  /// Reads of operations in flight.
  [[nodiscard]] unsigned copy_reads(unsigned ch) const {
    return host.reads_in_flight(id_of(ch, kIdData)) + vram.reads_in_flight(id_of(ch, kIdData));
  }
  void run(std::uint64_t cycles) {
    for (std::uint64_t i = 0; i < cycles; ++i) tick();
  }
  /// Ticks until `done()`, at most `limit` cycles; false and a failure when it did not come.
  template <class F>
  bool wait(const char* what, F done, std::uint64_t limit = 200'000) {
    for (std::uint64_t i = 0; i < limit; ++i) {
      if (done()) return true;
      tick();
    }
    ADD_FAILURE() << "waited " << limit << " cycles for " << what << "; head " << head() << " status "
                  << read32(dma::CH_STATUS::kOffset);
    return false;
  }

  /// MMIO. An access that is not answered within 1000 cycles throws std::runtime_error.
  void write(std::uint64_t offset, std::uint64_t value, unsigned bytes) {
    top_->s_axil_awvalid_i = 1;
    top_->s_axil_wvalid_i = 1;
    top_->s_axil_bready_i = 1;
    top_->s_axil_awaddr_i = static_cast<std::uint16_t>(offset);
    const auto strobes = static_cast<std::uint8_t>(((1U << bytes) - 1) << (offset % 8));
    top_->s_axil_wdata_i = with_junk(value << (8 * (offset % 8)), strobes);
    top_->s_axil_wstrb_i = strobes;
    until("AXI-Lite write", [this] { return lite_aw_ && lite_w_; });
    top_->s_axil_awvalid_i = 0;
    top_->s_axil_wvalid_i = 0;
    until("AXI-Lite B", [this] { return lite_b_; });
  }
  /// All of them without waiting for an answer: AW and W as fast as they are taken (`valid_percent` 100), or
  /// each after a pause of its own; BREADY at random. Returns the number of answers.
  unsigned write_all(const std::vector<LiteWrite>& list, unsigned valid_percent, unsigned b_percent) {
    std::size_t aw = 0, w = 0;
    unsigned answers = 0;
    for (unsigned i = 0; i < 10'000 && answers < list.size(); ++i) {
      if (aw < list.size() && top_->s_axil_awvalid_i == 0) top_->s_axil_awvalid_i = chance(valid_percent);
      if (w < list.size() && top_->s_axil_wvalid_i == 0) top_->s_axil_wvalid_i = chance(valid_percent);
      if (aw < list.size()) top_->s_axil_awaddr_i = static_cast<std::uint16_t>(list[aw].offset);
      if (w < list.size()) {
        const unsigned lane = list[w].offset % 8;
        top_->s_axil_wdata_i = list[w].value << (8 * lane);
        top_->s_axil_wstrb_i = static_cast<std::uint8_t>(((1U << list[w].bytes) - 1) << lane);
      }
      top_->s_axil_bready_i = chance(b_percent);
      tick();
      if (lite_aw_) ++aw;
      if (lite_w_) ++w;
      if (lite_aw_) top_->s_axil_awvalid_i = 0;
      if (lite_w_) top_->s_axil_wvalid_i = 0;
      answers += lite_b_ ? 1 : 0;
    }
    top_->s_axil_bready_i = 1;
    return answers;
  }
  /// Reads all of them as fast as they are taken; RREADY at random. Data and response of each.
  std::vector<std::pair<std::uint64_t, unsigned>> read_all(const std::vector<std::uint64_t>& list,
                                                           unsigned r_percent) {
    std::vector<std::pair<std::uint64_t, unsigned>> answers;
    std::size_t ar = 0;
    for (unsigned i = 0; i < 10'000 && answers.size() < list.size(); ++i) {
      top_->s_axil_arvalid_i = ar < list.size();
      if (ar < list.size()) top_->s_axil_araddr_i = static_cast<std::uint16_t>(list[ar]);
      top_->s_axil_rready_i = chance(r_percent);
      tick();
      if (ar < list.size() && lite_read_taken_) ++ar;
      if (lite_r_ && top_->s_axil_rready_i != 0) answers.emplace_back(lite_data_, lite_resp_);
    }
    top_->s_axil_arvalid_i = 0;
    top_->s_axil_rready_i = 1;
    return answers;
  }
  /// A write and a read in the same cycle; the data of the read.
  std::uint64_t write_and_read(const LiteWrite& access, std::uint64_t offset) {
    top_->s_axil_arvalid_i = 1;
    top_->s_axil_araddr_i = static_cast<std::uint16_t>(offset);
    top_->s_axil_awvalid_i = top_->s_axil_wvalid_i = 1;
    top_->s_axil_awaddr_i = static_cast<std::uint16_t>(access.offset);
    top_->s_axil_wdata_i = access.value << (8 * (access.offset % 8));
    top_->s_axil_wstrb_i = static_cast<std::uint8_t>(((1U << access.bytes) - 1) << (access.offset % 8));
    tick();
    EXPECT_TRUE(lite_read_taken_ && lite_aw_ && lite_w_);
    top_->s_axil_arvalid_i = top_->s_axil_awvalid_i = top_->s_axil_wvalid_i = 0;
    until("AXI-Lite R", [this] { return lite_r_; });
    return lite_data_;
  }
  void write32(std::uint64_t offset, std::uint32_t value) { write(offset, value, 4); }
  void write64(std::uint64_t offset, std::uint64_t value) { write(offset, value, 8); }
  std::uint64_t read64(std::uint64_t offset) {
    top_->s_axil_arvalid_i = 1;
    top_->s_axil_rready_i = 1;
    top_->s_axil_araddr_i = static_cast<std::uint16_t>(offset);
    until("AXI-Lite read", [this] { return lite_read_taken_; });
    top_->s_axil_arvalid_i = 0;
    until("AXI-Lite R", [this] { return lite_r_; });
    return lite_data_;
  }
  std::uint32_t read32(std::uint64_t offset) {
    return static_cast<std::uint32_t>(read64(offset & ~7ULL) >> (8 * (offset % 8)));
  }

  /// Register `offset` (of channel 0) of channel `ch`.
  static std::uint64_t reg(std::uint64_t offset, unsigned ch) {
    return offset + std::uint64_t{ch} * kChannelStride;
  }
  /// Sets up a channel's ring (empty, enabled), messages and bus mastering.
  void start(unsigned space, std::uint64_t base, unsigned size_log2, std::uint32_t interrupts = 3,
             unsigned ch = 0) {
    rings_[ch] = {space, base, 1U << size_log2, 0};
    write64(dma::CFG_MSI_ADDR::kOffset, kMsiAddr);
    write32(dma::CFG_MSI_DATA::kOffset, kMsiData);
    write32(dma::CFG_COMMAND::kOffset, 3);
    write32(dma::INT_ENABLE::kOffset, interrupts);
    write64(reg(dma::CH_RING_BASE::kOffset, ch), base);
    write32(reg(dma::CH_RING_CFG::kOffset, ch),
            static_cast<std::uint32_t>(dma::CH_RING_CFG::SIZE_LOG2.put(size_log2) |
                                       dma::CH_RING_CFG::SPACE.put(space)));
    write32(reg(dma::CH_CTRL::kOffset, ch), 1);
  }
  /// Writes a descriptor at `addr`.
  void place(unsigned space, std::uint64_t addr, const Descriptor& d) {
    for (unsigned i = 0; i < 8; ++i) memory(space).memory.set64(addr + i * 8ULL, d.qw[i]);
  }
  /// Writes a descriptor at the tail, without the doorbell.
  void push(const Descriptor& d, unsigned ch = 0) {
    Ring& ring = rings_[ch];
    place(ring.space, ring.base + ring.tail * 64ULL, d);
    ring.tail = (ring.tail + 1) % ring.size;
  }
  void doorbell(unsigned ch = 0) { write32(reg(dma::CH_TAIL::kOffset, ch), rings_[ch].tail); }
  [[nodiscard]] unsigned tail(unsigned ch = 0) const { return rings_[ch].tail; }
  unsigned head(unsigned ch = 0) { return read32(reg(dma::CH_HEAD::kOffset, ch)); }
  std::uint32_t status(unsigned ch = 0) { return read32(reg(dma::CH_STATUS::kOffset, ch)); }
  bool idle(unsigned ch = 0) { return dma::CH_STATUS::IDLE.get(status(ch)) != 0; }
  bool error(unsigned ch = 0) { return dma::CH_STATUS::ERROR.get(status(ch)) != 0; }
  bool wait_idle(std::uint64_t limit = 400'000, unsigned ch = 0) {
    return wait(
        "the channel to be idle", [this, ch] { return idle(ch); }, limit);
  }
  bool wait_error(unsigned ch = 0, std::uint64_t limit = 100'000) {
    return wait(
        "the error", [this, ch] { return error(ch); }, limit);
  }
  /// Writes a command (CH_CTRL bits, with ENABLE) and waits until it is done.
  bool command(std::uint32_t bits, unsigned ch = 0) {
    write32(reg(dma::CH_CTRL::kOffset, ch), bits | 1);
    return wait("the command",
                [this, bits, ch] { return (read32(reg(dma::CH_CTRL::kOffset, ch)) & bits & ~1U) == 0; });
  }
  bool reset_channel(unsigned ch = 0) {
    write32(reg(dma::CH_CTRL::kOffset, ch), 3);
    rings_[ch].tail = 0;
    return wait("CH_CTRL.RESET", [this, ch] { return (read32(reg(dma::CH_CTRL::kOffset, ch)) & 2) == 0; });
  }
  AxiMemory& memory(unsigned space) { return space == dma::space::VRAM ? vram : host; }

 protected:
  V& top() { return *top_; }

 private:
  /// Anything in the bytes that are not written.
  static std::uint64_t with_junk(std::uint64_t value, std::uint8_t strobes) {
    for (unsigned i = 0; i < 8; ++i) {
      if ((strobes >> i & 1) != 0) continue;
      value &= ~(0xffULL << (8 * i));
      value |= std::uint64_t{0xa5U + i} << (8 * i);
    }
    return value;
  }
  bool chance(unsigned percent) { return percent >= 100 || random_() % 100 < percent; }
  template <class F>
  void until(const char* what, F done) {
    for (int i = 0; i < 1000; ++i) {
      tick();
      if (done()) return;
    }
    throw std::runtime_error(fmt::format("cycle {}: no answer to {}", cycle_, what));
  }
  template <class Wide>
  static void to_pins(const std::array<std::uint8_t, 64>& from, Wide& to) {
    for (unsigned i = 0; i < Bytes / 4; ++i) {
      to[i] = from[4 * i] | from[4 * i + 1] << 8 | from[4 * i + 2] << 16 |
              static_cast<std::uint32_t>(from[4 * i + 3]) << 24;
    }
  }
  // Up to 64 bits a port is a number, not an array.
  static void to_pins(const std::array<std::uint8_t, 64>& from, std::uint64_t& to) {
    to = 0;
    for (unsigned i = 0; i < 8; ++i) to |= std::uint64_t{from[i]} << (8 * i);
  }
  static void from_pins(const std::uint64_t& from, std::array<std::uint8_t, 64>& to) {
    for (unsigned i = 0; i < 8; ++i) to[i] = static_cast<std::uint8_t>(from >> (8 * i));
  }
  template <class Wide>
  static void from_pins(const Wide& from, std::array<std::uint8_t, 64>& to) {
    for (unsigned i = 0; i < Bytes; ++i) to[i] = static_cast<std::uint8_t>(from[i / 4] >> (8 * (i % 4)));
  }

#define GPUDMAR_APPLY(port)                                            \
  void apply_##port(const SlavePins& s) {                              \
    top_->m_axi_##port##_arready_i = s.arready;                        \
    top_->m_axi_##port##_rvalid_i = s.rvalid;                          \
    top_->m_axi_##port##_rid_i = static_cast<std::uint8_t>(s.rid);     \
    top_->m_axi_##port##_rresp_i = static_cast<std::uint8_t>(s.rresp); \
    top_->m_axi_##port##_rlast_i = s.rlast;                            \
    to_pins(s.rdata, top_->m_axi_##port##_rdata_i);                    \
    top_->m_axi_##port##_awready_i = s.awready;                        \
    top_->m_axi_##port##_wready_i = s.wready;                          \
    top_->m_axi_##port##_bvalid_i = s.bvalid;                          \
    top_->m_axi_##port##_bid_i = static_cast<std::uint8_t>(s.bid);     \
    top_->m_axi_##port##_bresp_i = static_cast<std::uint8_t>(s.bresp); \
  }                                                                    \
  MasterPins pins_##port() const {                                     \
    MasterPins p;                                                      \
    p.arvalid = top_->m_axi_##port##_arvalid_o != 0;                   \
    p.arid = top_->m_axi_##port##_arid_o;                              \
    p.araddr = top_->m_axi_##port##_araddr_o;                          \
    p.arlen = top_->m_axi_##port##_arlen_o;                            \
    p.arsize = top_->m_axi_##port##_arsize_o;                          \
    p.rready = top_->m_axi_##port##_rready_o != 0;                     \
    p.awvalid = top_->m_axi_##port##_awvalid_o != 0;                   \
    p.awid = top_->m_axi_##port##_awid_o;                              \
    p.awaddr = top_->m_axi_##port##_awaddr_o;                          \
    p.awlen = top_->m_axi_##port##_awlen_o;                            \
    p.awsize = top_->m_axi_##port##_awsize_o;                          \
    p.wvalid = top_->m_axi_##port##_wvalid_o != 0;                     \
    p.wlast = top_->m_axi_##port##_wlast_o != 0;                       \
    p.wstrb = top_->m_axi_##port##_wstrb_o;                            \
    p.bready = top_->m_axi_##port##_bready_o != 0;                     \
    from_pins(top_->m_axi_##port##_wdata_o, p.wdata);                  \
    return p;                                                          \
  }
  GPUDMAR_APPLY(host)
  GPUDMAR_APPLY(vram)
#undef GPUDMAR_APPLY

  void sample() {
    if (on_host_address && top_->m_axi_host_arvalid_o && top_->m_axi_host_arready_i)
      on_host_address(false, top_->m_axi_host_araddr_o, top_->m_axi_host_aruser_o);
    if (on_host_address && top_->m_axi_host_awvalid_o && top_->m_axi_host_awready_i)
      on_host_address(true, top_->m_axi_host_awaddr_o, top_->m_axi_host_awuser_o);
    host.sample(pins_host(), cycle_);
    vram.sample(pins_vram(), cycle_);
  }

  VerilatedContext context_;
  std::unique_ptr<V> top_;
  sim::ModelCoverage coverage_{context_};
  std::mt19937_64 random_;
  std::uint64_t cycle_ = 0;
  bool lite_aw_ = false, lite_w_ = false, lite_b_ = false;  // handshakes of the last cycle
  bool lite_read_taken_ = false, lite_r_ = false;
  std::uint64_t lite_data_ = 0;
  unsigned lite_resp_ = 0;
  std::uint64_t reset_from_ = 0, reset_to_ = 0;
  struct Ring {
    unsigned space = 0;
    std::uint64_t base = 0;
    unsigned size = 2, tail = 0;
  };
  std::array<Ring, Channels> rings_;
};

}  // namespace gpudmar::test
