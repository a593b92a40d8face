// SPDX-License-Identifier: Apache-2.0
// One Verilated mover_top between two AxiMemory slaves, for the mover's tests: queues operations, follows
// what is done, and stops, drains and flushes after a failure as the channel does.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <verilated.h>

#include <cstdlib>
#include <deque>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "sim/dut/model_coverage.h"
#include "tests/rtl/dma/mover_op.h"

namespace gpudmar::test {

/// dma_job_pkg::fail_t.
struct Fail {
  unsigned index, code, operand, resp;
  std::uint64_t addr;
};

struct Hint {
  std::uint64_t cycle, page;
};

/// An address handshake of either port.
struct Address {
  bool host, write;
  unsigned id;
  std::uint64_t cycle, addr, user;
};

inline std::uint64_t mover_seed(std::uint64_t fallback) {
  const char* text = std::getenv("GPUDMAR_SEED");
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 0);
}
inline std::string mover_rerun(std::uint64_t seed) {
  const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
  return fmt::format("re-run: GPUDMAR_SEED={} rtl_dma_mover_test --gtest_filter={}.{}", seed,
                     info->test_suite_name(), info->name());
}

/// `V` is the Verilated class, the rest its parameters.
template <class V, unsigned Bytes, unsigned MaxBurst, unsigned Reads, unsigned PipeValue>
class MoverBench {
 public:
  static constexpr unsigned kBytes = Bytes, kReads = Reads, kMaxBurst = MaxBurst, kPipe = PipeValue;
  static constexpr unsigned kPagesLog2 = 8, kAddrBits = 40, kVramBits = 28, kVirtualBits = 48;

  explicit MoverBench(std::uint64_t seed = 1)
      : host("host", Bytes, MaxBurst, (1ULL << kVirtualBits) - 1, ~0U, seed),
        vram("vram", Bytes, MaxBurst, (1ULL << kVramBits) - 1, ~0U, seed + 1),
        random_(seed + 2) {
    context_.randReset(2);
    context_.randSeed(static_cast<int>(seed % 0x7fff'ffff) + 1);
    top_ = std::make_unique<V>(&context_);
    top_->rst_ni = 0;
    top_->flush_i = top_->stop_i = top_->op_push_i = top_->single_valid_i = 0;
    top_->bus_master_i = 1;
    for (int i = 0; i < 4; ++i) tick();
    top_->rst_ni = 1;
    tick();
  }
  ~MoverBench() {
    for (AxiMemory* port : {&host, &vram}) {
      for (const std::string& what : port->violations) ADD_FAILURE() << what;
    }
    top_->final();
  }
  MoverBench(const MoverBench&) = delete;
  MoverBench& operator=(const MoverBench&) = delete;

  AxiMemory host, vram;
  unsigned hint_percent = 100;  ///< Chance of hint_ready_i.
  bool stop_after_fail = true;
  std::vector<Hint> hints;
  std::vector<Fail> fails;
  std::vector<Address> addresses;
  std::vector<std::uint64_t> pushes;  ///< Cycle of each operation's push.
  unsigned done_vram = 0, done_host = 0, done_map = 0;

  [[nodiscard]] std::uint64_t cycle() const { return cycle_; }
  AxiMemory& memory(unsigned space) { return space == dma::space::VRAM ? vram : host; }
  void bus_master(bool on) { top_->bus_master_i = on; }
  void stop(bool on) { top_->stop_i = on; }
  [[nodiscard]] bool idle() const { return top_->idle_o != 0; }
  [[nodiscard]] bool read_wait() const { return top_->read_wait_o != 0; }
  [[nodiscard]] Fail read_wait_data() const { return unpack(top_->read_wait_data_o); }
  [[nodiscard]] unsigned b_wait() const { return top_->b_wait_o; }
  [[nodiscard]] Fail b_wait_data(bool host_port) const {
    return unpack(host_port ? top_->b_fail1_o : top_->b_fail0_o);
  }

  /// Queues an operation; it is pushed when there is room.
  void push(const Op& op) {
    queue_.push_back(op);
    ++pushed_;
  }
  void flush() {
    top_->flush_i = 1;
    tick();
    top_->flush_i = 0;
  }

  void tick() {
    const SlavePins& h = host.drive(cycle_);
    const SlavePins& v = vram.drive(cycle_);
    top_->arready_i = static_cast<std::uint8_t>(v.arready | h.arready << 1);
    top_->rvalid_i = static_cast<std::uint8_t>(v.rvalid | h.rvalid << 1);
    top_->rlast_i = static_cast<std::uint8_t>(v.rlast | h.rlast << 1);
    top_->rresp_i = static_cast<std::uint8_t>(v.rresp | h.rresp << 2);
    top_->awready_i = static_cast<std::uint8_t>(v.awready | h.awready << 1);
    top_->wready_i = static_cast<std::uint8_t>(v.wready | h.wready << 1);
    // Only answers to id 0 are the mover's; the singles' are their owners'.
    top_->bvalid_i = static_cast<std::uint8_t>((v.bvalid && v.bid == 0) | (h.bvalid && h.bid == 0) << 1);
    top_->bresp_i = static_cast<std::uint8_t>(v.bresp | h.bresp << 2);
    to_pins(v.rdata, top_->rdata0_i);
    to_pins(h.rdata, top_->rdata1_i);
    top_->hint_ready_i = random_() % 100 < hint_percent;
    top_->op_push_i = 0;
    top_->clk_i = 0;
    top_->eval();
    if (top_->rst_ni != 0 && !queue_.empty() && top_->op_full_o == 0 && top_->stop_i == 0 &&
        top_->flush_i == 0) {
      top_->op_push_i = 1;
      const auto bits = queue_.front().bits();
      for (unsigned i = 0; i < bits.size(); ++i) top_->op_i[i] = bits[i];
      queue_.pop_front();
      pushes.push_back(cycle_);
      top_->eval();
    }
    if (top_->rst_ni != 0) sample();
    const bool failed = top_->rst_ni != 0 && (top_->stream_fail_o != 0 || top_->b_fail_o != 0);
    top_->clk_i = 1;
    top_->eval();
    ++cycle_;
    if (failed && stop_after_fail) {
      top_->stop_i = 1;
      queue_.clear();
    }
    if (host.reads_in_flight(0) + vram.reads_in_flight(0) > Reads) {
      ADD_FAILURE() << "cycle " << cycle_ << ": more reads in flight than Reads";
    }
  }
  void run(std::uint64_t cycles) {
    for (std::uint64_t i = 0; i < cycles; ++i) tick();
  }
  template <class F>
  bool wait(const char* what, F done, std::uint64_t limit = 400'000) {
    const std::uint64_t end = cycle_ + limit;
    while (cycle_ < end) {
      if (done()) return true;
      tick();
    }
    ADD_FAILURE() << fmt::format("cycle {}: waited {} cycles for {}", cycle_, limit, what);
    return false;
  }
  /// Until every operation is done.
  bool finish() {
    return wait("all operations",
                [this] { return done_vram + done_host + done_map == pushed_ || !fails.empty(); });
  }
  /// Until what is in flight after a failure is answered; then forgets everything else.
  bool drain() {
    queue_.clear();
    if (!wait("silence", [this] { return idle(); })) return false;
    flush();
    top_->stop_i = 0;
    pushed_ = done_vram + done_host + done_map;
    fails.clear();
    return true;
  }

 private:
  template <class Wide>
  static void to_pins(const std::array<std::uint8_t, 64>& from, Wide& to) {
    if constexpr (std::is_integral_v<Wide>) {
      to = 0;
      for (unsigned i = 0; i < 8; ++i) to |= std::uint64_t{from[i]} << (8 * i);
    } else {
      for (unsigned i = 0; i < Bytes / 4; ++i) {
        to[i] = from[4 * i] | from[4 * i + 1] << 8 | from[4 * i + 2] << 16 |
                static_cast<std::uint32_t>(from[4 * i + 3]) << 24;
      }
    }
  }
  template <class Wide>
  static void from_pins(const Wide& from, std::array<std::uint8_t, 64>& to) {
    for (unsigned i = 0; i < Bytes; ++i) {
      if constexpr (std::is_integral_v<Wide>) {
        to[i] = static_cast<std::uint8_t>(from >> (8 * i));
      } else {
        to[i] = static_cast<std::uint8_t>(from[i / 4] >> (8 * (i % 4)));
      }
    }
  }
  template <class Wide>
  static Fail unpack(const Wide& f) {
    return {f[2] >> 12 & 0xffff, f[2] >> 4 & 0xff, f[2] >> 2 & 3, f[2] & 3, f[0] | std::uint64_t{f[1]} << 32};
  }
  MasterPins pins(unsigned port) const {
    MasterPins p;
    p.arvalid = (top_->arvalid_o >> port & 1) != 0;
    p.araddr = top_->araddr_o;
    p.arlen = top_->arlen_o;
    p.arsize = static_cast<unsigned>(__builtin_ctz(Bytes));
    p.rready = p.bready = true;
    p.awvalid = (top_->awvalid_o >> port & 1) != 0;
    p.awid = top_->awid_o;
    p.awaddr = top_->awaddr_o;
    p.awlen = top_->awlen_o;
    p.awsize = top_->awsize_o;
    p.wvalid = (top_->wvalid_o >> port & 1) != 0;
    p.wlast = top_->wlast_o != 0;
    p.wstrb = top_->wstrb_o;
    from_pins(top_->wdata_o, p.wdata);
    return p;
  }
  void sample() {
    for (const bool is_host : {false, true}) {
      const unsigned bit = is_host ? 1 : 0;
      if ((top_->arvalid_o & top_->arready_i) >> bit & 1) {
        addresses.push_back({is_host, false, 0, cycle_, top_->araddr_o, top_->aruser_o});
      }
      if ((top_->awvalid_o & top_->awready_i) >> bit & 1) {
        addresses.push_back({is_host, true, top_->awid_o, cycle_, top_->awaddr_o, top_->awuser_o});
      }
    }
    host.sample(pins(1), cycle_);
    vram.sample(pins(0), cycle_);
    if (top_->hint_valid_o && top_->hint_ready_i) hints.push_back({cycle_, top_->hint_page_o});
    done_vram += top_->done_o & 1;
    done_host += top_->done_o >> 1 & 1;
    done_map += top_->map_done_o;
    if (top_->b_fail_o & 1) fails.push_back(unpack(top_->b_fail0_o));
    if (top_->b_fail_o & 2) fails.push_back(unpack(top_->b_fail1_o));
    if (top_->stream_fail_o) fails.push_back(unpack(top_->stream_fail_data_o));
  }

  VerilatedContext context_;
  std::unique_ptr<V> top_;
  sim::ModelCoverage coverage_{context_};
  std::uint64_t cycle_ = 0;
  std::mt19937_64 random_;
  std::deque<Op> queue_;
  std::uint64_t pushed_ = 0;
};

}  // namespace gpudmar::test
