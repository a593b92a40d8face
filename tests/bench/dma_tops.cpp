// SPDX-License-Identifier: Apache-2.0
// The Verilated tops behind DmaUnit.
#include <verilated.h>

#include "Vbench_dma.h"
#include "Vbench_dma64.h"
#include "Vbench_dma_pipe1.h"
#include "Vdma128.h"
#include "Vdma256.h"
#include "tests/bench/dma_unit.h"

namespace gpudmar::bench {
namespace {

using Beat = std::array<std::uint8_t, 64>;

template <class Wide>
void to_pins(const Beat& from, Wide& to) {
  for (unsigned i = 0; i < sizeof(to) / 4; ++i) {
    to[i] = from[4 * i] | from[4 * i + 1] << 8 | from[4 * i + 2] << 16 |
            static_cast<std::uint32_t>(from[4 * i + 3]) << 24;
  }
}
template <class Wide>
void from_pins(const Wide& from, Beat& to) {
  for (unsigned i = 0; i < sizeof(from); ++i) to[i] = static_cast<std::uint8_t>(from[i / 4] >> (8 * (i % 4)));
}
// Up to 64 bits a port is a number, not an array.
void to_pins(const Beat& from, std::uint64_t& to) {
  to = 0;
  for (unsigned i = 0; i < 8; ++i) to |= std::uint64_t{from[i]} << (8 * i);
}
void from_pins(const std::uint64_t& from, Beat& to) {
  for (unsigned i = 0; i < 8; ++i) to[i] = static_cast<std::uint8_t>(from >> (8 * i));
}

// The names of the ports of one bus differ from those of another in one word.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define GPUDMAR_APPLY(top, port, s)                                      \
  do {                                                                   \
    (top).m_axi_##port##_arready_i = (s).arready;                        \
    (top).m_axi_##port##_rvalid_i = (s).rvalid;                          \
    (top).m_axi_##port##_rid_i = static_cast<std::uint8_t>((s).rid);     \
    (top).m_axi_##port##_rresp_i = static_cast<std::uint8_t>((s).rresp); \
    (top).m_axi_##port##_rlast_i = (s).rlast;                            \
    if ((s).rvalid) to_pins((s).rdata, (top).m_axi_##port##_rdata_i);    \
    (top).m_axi_##port##_awready_i = (s).awready;                        \
    (top).m_axi_##port##_wready_i = (s).wready;                          \
    (top).m_axi_##port##_bvalid_i = (s).bvalid;                          \
    (top).m_axi_##port##_bid_i = static_cast<std::uint8_t>((s).bid);     \
    (top).m_axi_##port##_bresp_i = static_cast<std::uint8_t>((s).bresp); \
  } while (false)

#define GPUDMAR_SAMPLE(top, port, p)                                    \
  do {                                                                  \
    (p).arvalid = (top).m_axi_##port##_arvalid_o != 0;                  \
    (p).arid = (top).m_axi_##port##_arid_o;                             \
    (p).araddr = (top).m_axi_##port##_araddr_o;                         \
    (p).arlen = (top).m_axi_##port##_arlen_o;                           \
    (p).arsize = (top).m_axi_##port##_arsize_o;                         \
    (p).rready = (top).m_axi_##port##_rready_o != 0;                    \
    (p).awvalid = (top).m_axi_##port##_awvalid_o != 0;                  \
    (p).awid = (top).m_axi_##port##_awid_o;                             \
    (p).awaddr = (top).m_axi_##port##_awaddr_o;                         \
    (p).awlen = (top).m_axi_##port##_awlen_o;                           \
    (p).awsize = (top).m_axi_##port##_awsize_o;                         \
    (p).wvalid = (top).m_axi_##port##_wvalid_o != 0;                    \
    (p).wlast = (top).m_axi_##port##_wlast_o != 0;                      \
    (p).wstrb = (top).m_axi_##port##_wstrb_o;                           \
    (p).bready = (top).m_axi_##port##_bready_o != 0;                    \
    if ((p).wvalid) from_pins((top).m_axi_##port##_wdata_o, (p).wdata); \
  } while (false)

#define GPUDMAR_APPLY_LITE(top, port, l)               \
  do {                                                 \
    (top).port##_awvalid_i = (l).awvalid;              \
    (top).port##_awaddr_i = (l).addr;                  \
    (top).port##_wvalid_i = (l).wvalid;                \
    (top).port##_wdata_i = (l).wdata;                  \
    (top).port##_wstrb_i = (l).wstrb;                  \
    (top).port##_arvalid_i = (l).arvalid;              \
    (top).port##_araddr_i = (l).addr;                  \
    (top).port##_bready_i = (top).port##_rready_i = 1; \
  } while (false)

#define GPUDMAR_SAMPLE_LITE(top, port, l)      \
  do {                                         \
    (l).awready = (top).port##_awready_o != 0; \
    (l).wready = (top).port##_wready_o != 0;   \
    (l).bvalid = (top).port##_bvalid_o != 0;   \
    (l).arready = (top).port##_arready_o != 0; \
    (l).rvalid = (top).port##_rvalid_o != 0;   \
    (l).rdata = (top).port##_rdata_o;          \
  } while (false)
// NOLINTEND(bugprone-macro-parentheses): its arguments are names of ports

/// What all tops have in common: model, clock, reset, VRAM.
template <class V>
class Verilated : public DmaUnit {
 public:
  Verilated(const Top& top, unsigned latency) : DmaUnit(top, latency), model_(&context_) {}
  ~Verilated() override { model_.final(); }
  Verilated(const Verilated&) = delete;
  Verilated& operator=(const Verilated&) = delete;

 protected:
  virtual void apply(std::uint64_t cycle) = 0;
  virtual void sample(std::uint64_t cycle) = 0;
  void reset() {
    model_.rst_ni = 0;
    model_.adapter_rst_ni = 1;
    run(4);
    model_.rst_ni = 1;
    run(1);
  }
  void clock(std::uint64_t cycle) final {
    const test::SlavePins& s = vram.drive(cycle);
    GPUDMAR_APPLY(model_, vram, s);
    apply(cycle);
    model_.clk_i = 0;
    model_.eval();
    if (model_.rst_ni != 0) {
      test::MasterPins p;
      GPUDMAR_SAMPLE(model_, vram, p);
      vram.sample(p, cycle);
      sample(cycle);
    }
    model_.clk_i = 1;
    model_.eval();
  }
  VerilatedContext context_;
  V model_;
};

template <class V>
class Engine final : public Verilated<V> {
 public:
  Engine(const DmaUnit::Top& top, unsigned latency) : Verilated<V>(top, latency) {
    this->model_.hint_ready_i = 1;
    this->reset();
  }

 private:
  void apply(std::uint64_t cycle) override {
    const test::SlavePins& s = this->host.drive(cycle);
    GPUDMAR_APPLY(this->model_, host, s);
    GPUDMAR_APPLY_LITE(this->model_, s_axil, this->gpu_);
  }
  void sample(std::uint64_t cycle) override {
    test::MasterPins p;
    GPUDMAR_SAMPLE(this->model_, host, p);
    this->host.sample(p, cycle);
    GPUDMAR_SAMPLE_LITE(this->model_, s_axil, this->gpu_);
  }
};

template <class V>
class Machine final : public Verilated<V> {
 public:
  Machine(unsigned bus_bytes, unsigned pipe, unsigned latency)
      : Verilated<V>({bus_bytes, pipe, true}, latency) {
    this->model_.por_ni = 0;
    this->model_.iommu_rst_ni = 1;
    this->model_.iommu_quiesce_i = 0;
    this->reset();
  }

 private:
  void apply(std::uint64_t cycle) override {
    this->model_.por_ni = cycle != 0;
    const test::SlavePins& d = this->host.drive(cycle);
    GPUDMAR_APPLY(this->model_, data, d);
    const test::SlavePins& t = this->table.drive(cycle);
    GPUDMAR_APPLY(this->model_, table, t);
    GPUDMAR_APPLY_LITE(this->model_, s_axil_gpu, this->gpu_);
    GPUDMAR_APPLY_LITE(this->model_, s_axil_iommu, this->iommu_);
  }
  void sample(std::uint64_t cycle) override {
    test::MasterPins d;
    GPUDMAR_SAMPLE(this->model_, data, d);
    this->host.sample(d, cycle);
    test::MasterPins t;
    GPUDMAR_SAMPLE(this->model_, table, t);
    t.bready = true;  // nothing is written there: no queue, no messages
    this->table.sample(t, cycle);
    GPUDMAR_SAMPLE_LITE(this->model_, s_axil_gpu, this->gpu_);
    GPUDMAR_SAMPLE_LITE(this->model_, s_axil_iommu, this->iommu_);
  }
};

#undef GPUDMAR_APPLY
#undef GPUDMAR_SAMPLE
#undef GPUDMAR_APPLY_LITE
#undef GPUDMAR_SAMPLE_LITE

}  // namespace

std::unique_ptr<DmaUnit> make_engine256(unsigned latency) {
  return std::make_unique<Engine<Vdma256>>(DmaUnit::Top{32, 0, false}, latency);
}
std::unique_ptr<DmaUnit> make_engine128_pipe1(unsigned latency) {
  return std::make_unique<Engine<Vdma128>>(DmaUnit::Top{16, 1, false}, latency);
}
std::unique_ptr<DmaUnit> make_machine256_pipe1(unsigned latency) {
  return std::make_unique<Machine<Vbench_dma_pipe1>>(32, 1, latency);
}
std::unique_ptr<DmaUnit> make_machine64(unsigned latency) {
  return std::make_unique<Machine<Vbench_dma64>>(8, 0, latency);
}
std::unique_ptr<DmaUnit> make_machine256(unsigned latency) {
  return std::make_unique<Machine<Vbench_dma>>(32, 0, latency);
}

}  // namespace gpudmar::bench
