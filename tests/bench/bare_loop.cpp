// SPDX-License-Identifier: Apache-2.0
// Compiled once per Verilated variant: GPUDMAR_MODEL (class), GPUDMAR_MODEL_HEADER, GPUDMAR_CREATE_LOOP
// (factory).
#include "tests/bench/bare_loop.h"

#include <array>
#include <cstring>
#include <stdexcept>

#include GPUDMAR_MODEL_HEADER
#include "sim/axi/axi_lite.h"
#include "sim/axi/targets.h"
#include "sim/dut/verilated_bits.h"
#include "sim/mem/host_memory.h"

namespace gpudmar::bench {
namespace {

using sim::get_bits;
using sim::set_bits;

constexpr unsigned kGpus = 2;
constexpr unsigned kBytes = GPUDMAR_DATA_WIDTH / 8;
constexpr unsigned kId = GPUDMAR_ID_WIDTH;
constexpr std::uint64_t kVramBytes = 256ULL << 20;
constexpr std::uint64_t kLimit = 100'000;  // cycles of a register access
constexpr unsigned kResetCycles = 8;

sim::AxiMemoryConfig port(sim::AxiMemoryConfig config, std::uint64_t seed, unsigned stream) {
  config.bus_bytes = kBytes;
  config.seed = seed * 1'000'003 + stream;
  return config;
}

// Both directions of the AXI4 master `name`, n of N in flat vectors with ids of `ids` bits.
#define GPUDMAR_TAKE(name, n, ids, o)                                                 \
  o.arvalid = get_bits(d.name##_arvalid_o, n, 1) != 0;                                \
  if (o.arvalid) {                                                                    \
    o.arid = static_cast<std::uint32_t>(get_bits(d.name##_arid_o, (n) * (ids), ids)); \
    o.araddr = get_bits(d.name##_araddr_o, (n)*64, 64);                               \
    o.arlen = static_cast<std::uint8_t>(get_bits(d.name##_arlen_o, (n)*8, 8));        \
    o.arsize = static_cast<std::uint8_t>(get_bits(d.name##_arsize_o, (n)*3, 3));      \
  }                                                                                   \
  o.rready = get_bits(d.name##_rready_o, n, 1) != 0;                                  \
  o.awvalid = get_bits(d.name##_awvalid_o, n, 1) != 0;                                \
  if (o.awvalid) {                                                                    \
    o.awid = static_cast<std::uint32_t>(get_bits(d.name##_awid_o, (n) * (ids), ids)); \
    o.awaddr = get_bits(d.name##_awaddr_o, (n)*64, 64);                               \
    o.awlen = static_cast<std::uint8_t>(get_bits(d.name##_awlen_o, (n)*8, 8));        \
    o.awsize = static_cast<std::uint8_t>(get_bits(d.name##_awsize_o, (n)*3, 3));      \
  }                                                                                   \
  o.wvalid = get_bits(d.name##_wvalid_o, n, 1) != 0;                                  \
  if (o.wvalid) {                                                                     \
    sim::get_bytes(d.name##_wdata_o, (n)*kBytes, kBytes, o.wdata.data());             \
    o.wstrb = get_bits(d.name##_wstrb_o, (n)*kBytes, kBytes);                         \
    o.wlast = get_bits(d.name##_wlast_o, n, 1) != 0;                                  \
  }                                                                                   \
  o.bready = get_bits(d.name##_bready_o, n, 1) != 0

#define GPUDMAR_GIVE(name, n, ids, i)                                          \
  set_bits(d.name##_arready_i, n, 1, i.arready);                               \
  set_bits(d.name##_rvalid_i, n, 1, i.rvalid);                                 \
  if (i.rvalid) {                                                              \
    set_bits(d.name##_rid_i, (n) * (ids), ids, i.rid);                         \
    set_bits(d.name##_rresp_i, (n)*2, 2, static_cast<std::uint64_t>(i.rresp)); \
    set_bits(d.name##_rlast_i, n, 1, i.rlast);                                 \
    sim::set_bytes(d.name##_rdata_i, (n)*kBytes, kBytes, i.rdata.data());      \
  }                                                                            \
  set_bits(d.name##_awready_i, n, 1, i.awready);                               \
  set_bits(d.name##_wready_i, n, 1, i.wready);                                 \
  set_bits(d.name##_bvalid_i, n, 1, i.bvalid);                                 \
  set_bits(d.name##_bid_i, (n) * (ids), ids, i.bid);                           \
  set_bits(d.name##_bresp_i, (n)*2, 2, static_cast<std::uint64_t>(i.bresp))

#define GPUDMAR_TAKE_LITE(name, n, o)                                        \
  o.awready = get_bits(d.name##_awready_o, n, 1) != 0;                       \
  o.wready = get_bits(d.name##_wready_o, n, 1) != 0;                         \
  o.bvalid = get_bits(d.name##_bvalid_o, n, 1) != 0;                         \
  o.bresp = static_cast<sim::AxiResp>(get_bits(d.name##_bresp_o, (n)*2, 2)); \
  o.arready = get_bits(d.name##_arready_o, n, 1) != 0;                       \
  o.rvalid = get_bits(d.name##_rvalid_o, n, 1) != 0;                         \
  o.rresp = static_cast<sim::AxiResp>(get_bits(d.name##_rresp_o, (n)*2, 2)); \
  o.rdata = get_bits(d.name##_rdata_o, (n)*64, 64)

#define GPUDMAR_GIVE_LITE(name, n, i)                \
  set_bits(d.name##_awvalid_i, n, 1, i.awvalid);     \
  set_bits(d.name##_awaddr_i, (n)*12, 12, i.awaddr); \
  set_bits(d.name##_wvalid_i, n, 1, i.wvalid);       \
  set_bits(d.name##_wdata_i, (n)*64, 64, i.wdata);   \
  set_bits(d.name##_wstrb_i, (n)*8, 8, i.wstrb);     \
  set_bits(d.name##_bready_i, n, 1, i.bready);       \
  set_bits(d.name##_arvalid_i, n, 1, i.arvalid);     \
  set_bits(d.name##_araddr_i, (n)*12, 12, i.araddr); \
  set_bits(d.name##_rready_i, n, 1, i.rready)

class Loop final : public BareLoop {
 public:
  explicit Loop(const LoopConfig& config)
      : bus_(memory_, [](hw::MessageTarget) {}),
        data_("data", bus_, port(config.memory, config.seed, 0)),
        table_("table", bus_, port(config.memory, config.seed, 1)) {
    context_.threads(1);
    context_.randReset(2);
    context_.randSeed(static_cast<int>(config.seed % 0x7FFF'FFFE) + 1);
    dut_ = std::make_unique<GPUDMAR_MODEL>(&context_, "");
    for (unsigned n = 0; n < kGpus; ++n) {
      local_.push_back(std::make_unique<Local>(n, port(config.vram, config.seed, 2 + n)));
      windows_.emplace_back(*this, gpu_[n]);
    }
    windows_.emplace_back(*this, iommu_);
    for (unsigned n = 0; n < kGpus; ++n)
      platform_.functions.push_back({"gpu", static_cast<std::uint16_t>((n + 1) << 8U), &windows_[n]});
    platform_.iommu = &windows_[kGpus];
    platform_.memory = &memory_;
    platform_.time = &time_;
    reset();
  }
  ~Loop() override {
    dut_->final();
    Verilated::threadContextp(&context_);  // as in sim/dut/dut_variant.cpp
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  [[nodiscard]] const hw::Platform& platform() const override { return platform_; }
  [[nodiscard]] std::uint64_t cycles() const override { return cycle_; }

  void step() {
    GPUDMAR_MODEL& d = *dut_;
    sim::AxiLiteSlaveOut lite;
    GPUDMAR_TAKE(m_axi_data, 0, kId + 2, out_);
    data_.step(out_);
    GPUDMAR_TAKE(m_axi_table, 0, GPUDMAR_TABLE_ID_WIDTH, out_);
    table_.step(out_);
    GPUDMAR_TAKE_LITE(s_axil_iommu, 0, lite);
    iommu_.step(cycle_, lite);
    for (unsigned n = 0; n < kGpus; ++n) {
      GPUDMAR_TAKE(m_axi_vram, n, kId, out_);
      local_[n]->port.step(out_);
      GPUDMAR_TAKE_LITE(s_axil_gpu, n, lite);
      gpu_[n].step(cycle_, lite);
    }
    clock();
    ++cycle_;
  }

 private:
  struct Local {
    Local(unsigned n, const sim::AxiMemoryConfig& config)
        : vram(n, kVramBytes), target(vram), port("vram", target, config) {}
    sim::Vram vram;
    sim::VramTarget target;
    sim::AxiMemory port;
  };
  class Window final : public hw::Mmio {
   public:
    Window(Loop& loop, sim::AxiLiteMaster& port) : loop_(loop), port_(port) {}
    [[nodiscard]] hw::PhysAddr base() const override { return 0; }
    [[nodiscard]] std::uint64_t size() const override { return 4096; }
    [[nodiscard]] std::uint32_t read32(std::uint64_t offset) override {
      return static_cast<std::uint32_t>(wait(port_.read(static_cast<std::uint32_t>(offset), 4)));
    }
    [[nodiscard]] std::uint64_t read64(std::uint64_t offset) override {
      return wait(port_.read(static_cast<std::uint32_t>(offset), 8));
    }
    void write32(std::uint64_t offset, std::uint32_t value) override {
      (void)wait(port_.write(static_cast<std::uint32_t>(offset), value, 4));
    }
    void write64(std::uint64_t offset, std::uint64_t value) override {
      (void)wait(port_.write(static_cast<std::uint32_t>(offset), value, 8));
    }

   private:
    std::uint64_t wait(const std::shared_ptr<const sim::LiteAccess>& access) {
      for (std::uint64_t i = 0; !access->done; ++i) {
        if (i == kLimit) throw hw::HardwareError("bare loop: a register does not answer");
        loop_.step();
      }
      if (access->resp != sim::AxiResp::kOkay)
        throw hw::HardwareError("bare loop: error response of a register");
      return access->data;
    }
    Loop& loop_;
    sim::AxiLiteMaster& port_;
  };
  class LoopTime final : public hw::Time {
   public:
    explicit LoopTime(Loop& loop) : loop_(loop) {}
    [[nodiscard]] std::uint64_t now() const override { return loop_.cycle_; }
    [[nodiscard]] double cycle_ns() const override { return 10; }
    void wait(std::uint64_t cycles) override {
      for (std::uint64_t i = 0; i < cycles; ++i) loop_.step();
    }
    bool wait_until(const std::function<bool()>& done, std::uint64_t max_cycles) override {
      for (std::uint64_t i = 0; !done(); ++i) {
        if (i == max_cycles) return false;
        loop_.step();
      }
      return true;
    }

   private:
    Loop& loop_;
  };

  void clock() {
    GPUDMAR_MODEL& d = *dut_;
    d.clk_i = 1;
    d.eval();
    GPUDMAR_GIVE(m_axi_data, 0, kId + 2, data_.out());
    GPUDMAR_GIVE(m_axi_table, 0, GPUDMAR_TABLE_ID_WIDTH, table_.out());
    GPUDMAR_GIVE_LITE(s_axil_iommu, 0, iommu_.out());
    for (unsigned n = 0; n < kGpus; ++n) {
      GPUDMAR_GIVE(m_axi_vram, n, kId, local_[n]->port.out());
      GPUDMAR_GIVE_LITE(s_axil_gpu, n, gpu_[n].out());
    }
    d.clk_i = 0;
    d.eval();
  }

  void reset() {
    GPUDMAR_MODEL& d = *dut_;
    d.adapter_rst_ni = (1U << kGpus) - 1;
    d.iommu_rst_ni = 1;
    d.iommu_quiesce_i = 0;
    d.clk_i = 0;
    d.rst_ni = d.por_ni = 0;
    d.eval();
    for (unsigned i = 0; i < kResetCycles; ++i) clock();
    d.clk_i = 1;
    d.eval();
    d.rst_ni = d.por_ni = 1;
    d.clk_i = 0;
    d.eval();
  }

  VerilatedContext context_;
  std::unique_ptr<GPUDMAR_MODEL> dut_;
  sim::HostMemory memory_;
  sim::HostBus bus_;
  sim::AxiMemory data_;
  sim::AxiMemory table_;
  std::vector<std::unique_ptr<Local>> local_;
  sim::AxiLiteMaster iommu_;
  std::array<sim::AxiLiteMaster, kGpus> gpu_;
  sim::AxiMasterOut out_;
  std::deque<Window> windows_;
  LoopTime time_{*this};
  hw::Platform platform_;
  std::uint64_t cycle_ = 0;
};

}  // namespace

std::unique_ptr<BareLoop> GPUDMAR_CREATE_LOOP(const LoopConfig& config) {
  return std::make_unique<Loop>(config);
}

}  // namespace gpudmar::bench
