// SPDX-License-Identifier: Apache-2.0
// The facade's implementation for one Verilated variant; the build compiles this file once per variant with
// GPUDMAR_MODEL (class), GPUDMAR_MODEL_HEADER, GPUDMAR_CREATE (factory) and the parameters it was elaborated
// with.
#include GPUDMAR_MODEL_HEADER
#include <verilated.h>
#include <verilated_cov.h>
#if GPUDMAR_WAVES
#include <verilated_fst_c.h>
#endif

#include <array>
#include <stdexcept>
#include <string>
#include <vector>

#include "sim/dut/dut.h"
#include "sim/dut/model_coverage.h"
#include "sim/dut/variants.h"
#include "sim/dut/verilated_bits.h"
#include "sim/dut/visible_register.h"

namespace gpudmar::sim {
namespace {

constexpr unsigned kAdapters = GPUDMAR_ADAPTERS;
constexpr unsigned kBusBytes = GPUDMAR_DATA_WIDTH / 8;
constexpr unsigned kIdBits = GPUDMAR_ID_WIDTH;
constexpr unsigned kDataIdBits = kIdBits + 2;
constexpr unsigned kTableIdBits = GPUDMAR_TABLE_ID_WIDTH;
constexpr unsigned kUserBits = 27;

// Field `width` bits wide of adapter n.
#define GET(port, n, width) get_bits(model_->port, (n) * (width), width)
#define PUT(port, n, width, value) \
  set_bits(model_->port, (n) * (width), width, static_cast<std::uint64_t>(value))

/// The FST of one model; a variant without waves can only say so.
class Waves {
 public:
#if GPUDMAR_WAVES
  [[nodiscard]] bool on() const { return file_ != nullptr; }
  void open(GPUDMAR_MODEL& model, const std::string& path) {
    file_ = std::make_unique<VerilatedFstC>();
    model.trace(file_.get(), 99);
    file_->open(path.c_str());
    if (file_->isOpen()) return;
    file_.reset();
    throw std::runtime_error("cannot write waves to " + path);
  }
  void dump(std::uint64_t time) { file_->dump(time); }
  void close() {
    if (file_) file_->close();
    file_.reset();
  }

 private:
  std::unique_ptr<VerilatedFstC> file_;
#else
  [[nodiscard]] static constexpr bool on() { return false; }
  [[noreturn]] void open(GPUDMAR_MODEL& /*model*/, const std::string& path) {
    throw std::runtime_error("this variant of the RTL is built without waves: none in " + path);
  }
  void dump(std::uint64_t /*time*/) {}
  void close() {}
#endif
};

/// Registers of a translation cache, an element or a bit for each entry.
struct CacheRegisters {
  VisibleRegister valid, did, tag, frame, r, w;
  CacheRegisters() = default;
  CacheRegisters(const VerilatedContext& context, const std::string& scope, const char* tag_name)
      : valid(context, scope, "valid_q"),
        did(context, scope, "did_q"),
        tag(context, scope, tag_name),
        frame(context, scope, "frame_q"),
        r(context, scope, "r_q"),
        w(context, scope, "w_q") {}
};

/// Registers of the walkers, an element or a bit for each.
struct WalkerRegisters {
  VisibleRegister valid, hint, write, source_id, page, state, level;
  WalkerRegisters() = default;
  WalkerRegisters(const VerilatedContext& context, const std::string& scope)
      : valid(context, scope, "valid_q"),
        hint(context, scope, "hint_q"),
        write(context, scope, "write_q"),
        source_id(context, scope, "sid_q"),
        page(context, scope, "page_q"),
        state(context, scope, "state_q"),
        level(context, scope, "level_q") {}

  /// The states of iommu_walker.sv.
  [[nodiscard]] WalkEntry entry(unsigned slot) const {
    const std::uint64_t now = state[slot];
    if (now <= 1) return WalkEntry::kRoot;
    if (now <= 3) return WalkEntry::kContext;
    return static_cast<WalkEntry>(static_cast<unsigned>(WalkEntry::kContext) + level[slot]);
  }
};

class VariantDut final : public Dut {
 public:
  explicit VariantDut(std::uint64_t seed) {
    context_->threads(1);  // 5.006 starts worker threads otherwise
    context_->traceEverOn(true);
    context_->randReset(2);
    context_->randSeed(static_cast<int>(seed % 0x7FFF'FFFE) + 1);
    context_->fatalOnError(false);  // a failed assertion is a violation of the run, not an abort
    model_ = std::make_unique<GPUDMAR_MODEL>(context_.get(), "");
    const std::string iotlb = "gpu_dmar.i_iommu.i_iotlb.gen_full.i_full";
    iotlb_ = {*context_, iotlb, "page_q"};
    iotlb_size_ = {*context_, iotlb, "size_q"};
    iotlb_snoop_ = {*context_, iotlb, "snp_q"};
    for (unsigned level = 1; level <= 3; ++level)
      paging_caches_[level - 1] = {
          *context_,
          "gpu_dmar.i_iommu.gen_paging_cache[" + std::to_string(level) + "].i_paging_cache.gen_cache",
          "tag_q"};
    walkers_ = {*context_, "gpu_dmar.i_iommu.i_walker"};
    activity_.walks.resize(walkers_.page.elements());
    queue_head_ = {*context_, "gpu_dmar.i_iommu.i_invalidation", "head_q"};
    for (unsigned n = 0; n < kAdapters; ++n) {
      const std::string engine = "gpu_dmar.gen_adapter[" + std::to_string(n) + "].i_dma.i_engine.";
      for (unsigned c = 0; c < GPUDMAR_CHANNELS; ++c)
        heads_[n].emplace_back(
            *context_, engine + "gen_channel[" + std::to_string(c) + "].u_channel.u_complete", "head_q");
      activity_.heads[n].resize(GPUDMAR_CHANNELS);
    }
    info_ = {GPUDMAR_PIPE,      kAdapters,
             kBusBytes,         GPUDMAR_HAW,
             GPUDMAR_MGAW,      GPUDMAR_DMA_ADDR_BITS,
             GPUDMAR_VRAM_BITS, GPUDMAR_IOTLB_ENTRIES,
             GPUDMAR_WALKS,     kIdBits,
             kTableIdBits,      GPUDMAR_SNOOP_CONTROL != 0,
             GPUDMAR_ZLR != 0};
    drive({}, DutReset::kPower);
    model_->clk_i = 0;
    model_->eval();
  }

  ~VariantDut() override {
    waves_.close();
    model_->final();
    // The model takes its scopes out of the thread's context, which may be that of another model, long gone.
    Verilated::threadContextp(context_.get());
  }
  VariantDut(const VariantDut&) = delete;
  VariantDut& operator=(const VariantDut&) = delete;

  const DutInfo& info() const override { return info_; }

  const DutOutputs& sample() override {
    sample_lite_iommu();
    for (unsigned n = 0; n < kAdapters; ++n) {
      sample_lite_gpu(n);
      sample_vram(n);
      sample_probe(n);
    }
    for (unsigned n = 0; n < kAdapters; ++n) out_.adapter_busy[n] = GET(adapter_busy_o, n, 1) != 0;
    out_.iommu_idle = model_->iommu_idle_o != 0;
    out_.iommu_quiesced = model_->iommu_quiesced_o != 0;
    sample_data();
    sample_table();
    out_.fault.valid = model_->probe_fault_o;
    if (out_.fault.valid) {
      out_.fault.recorded = model_->probe_fault_recorded_o;
      out_.fault.record = {get_bits(model_->probe_fault_record_o, 0, 64),
                           get_bits(model_->probe_fault_record_o, 64, 64)};
    }
    return out_;
  }

  void clock(const DutInputs& inputs, DutReset reset) override {
    model_->clk_i = 1;
    model_->eval();
    drive(inputs, reset);
    if (waves_.on()) {
      model_->eval();  // so that the waves show this cycle's combinational values from its beginning
      waves_.dump(cycle_ * cycle_ps_);
    }
    model_->clk_i = 0;
    model_->eval();
    if (waves_.on()) waves_.dump(cycle_ * cycle_ps_ + cycle_ps_ / 2);
    ++cycle_;
    if (context_->gotError() || context_->gotFinish()) {
      ++assertions_;
      context_->gotError(false);
      context_->gotFinish(false);
    }
  }

  std::vector<CachedTranslation> cached_translations() const override {
    std::vector<CachedTranslation> found;
    for (unsigned i = 0; i < iotlb_.did.elements(); ++i) {
      if (!iotlb_.valid.bit(i)) continue;
      CachedTranslation entry;
      const auto size = static_cast<unsigned>(iotlb_size_[i]);
      const std::uint64_t offset = low_bits(9 * size);  // of a page in it: registers keep any
      entry.did = static_cast<std::uint16_t>(iotlb_.did[i]);
      entry.page = iotlb_.tag[i] & ~offset;
      entry.page_shift = 12 + 9 * size;
      entry.frame = iotlb_.frame[i] & ~offset;
      entry.readable = iotlb_.r.bit(i);
      entry.writable = iotlb_.w.bit(i);
      entry.snoop = iotlb_snoop_.bit(i);
      found.push_back(entry);
    }
    for (unsigned level = 1; level <= 3; ++level) {
      const CacheRegisters& cache = paging_caches_[level - 1];
      for (unsigned i = 0; i < cache.did.elements(); ++i) {
        if (!cache.valid.bit(i)) continue;
        CachedTranslation entry;
        entry.table_level = level;
        entry.did = static_cast<std::uint16_t>(cache.did[i]);
        entry.page = cache.tag[i] << (9 * level);
        entry.page_shift = 12 + 9 * level;
        entry.frame = cache.frame[i];
        entry.readable = cache.r.bit(i);
        entry.writable = cache.w.bit(i);
        found.push_back(entry);
      }
    }
    return found;
  }

  const DutActivity& activity() override {
    for (unsigned i = 0; i < activity_.walks.size(); ++i) {
      WalkActivity& walk = activity_.walks[i];
      walk.active = walkers_.valid.bit(i);
      if (!walk.active) continue;
      walk.hint = walkers_.hint.bit(i);
      walk.write = walkers_.write.bit(i);
      walk.source_id = static_cast<std::uint16_t>(walkers_.source_id[i]);
      walk.page = walkers_.page[i];
      walk.entry = walkers_.entry(i);
    }
    activity_.queue_head = static_cast<std::uint16_t>(queue_head_[0]);
    for (unsigned n = 0; n < kAdapters; ++n)
      for (std::size_t c = 0; c < heads_[n].size(); ++c)
        activity_.heads[n][c] = static_cast<std::uint16_t>(heads_[n][c][0]);
    return activity_;
  }

  unsigned take_assertions() override {
    const unsigned count = assertions_;
    assertions_ = 0;
    return count;
  }

  void open_waves(const std::string& path, std::uint64_t cycle_ps) override {
    waves_.close();
    cycle_ps_ = cycle_ps;
    waves_.open(*model_, path);
  }

  void close_waves() override { waves_.close(); }

  bool write_coverage(const std::string& path) override {
#if VM_COVERAGE
    context_->coveragep()->write(path.c_str());
    return true;
#else
    (void)path;
    return false;
#endif
  }

 private:
  void sample_lite_iommu() {
    constexpr unsigned n = 0;
    AxiLiteSlaveOut& o = out_.iommu;
    o.awready = GET(s_axil_iommu_awready_o, n, 1) != 0;
    o.wready = GET(s_axil_iommu_wready_o, n, 1) != 0;
    o.bvalid = GET(s_axil_iommu_bvalid_o, n, 1) != 0;
    o.arready = GET(s_axil_iommu_arready_o, n, 1) != 0;
    o.rvalid = GET(s_axil_iommu_rvalid_o, n, 1) != 0;
    o.bresp = static_cast<AxiResp>(GET(s_axil_iommu_bresp_o, n, 2));
    o.rresp = static_cast<AxiResp>(GET(s_axil_iommu_rresp_o, n, 2));
    o.rdata = GET(s_axil_iommu_rdata_o, n, 64);
  }

  void sample_lite_gpu(unsigned n) {
    AxiLiteSlaveOut& o = out_.gpu[n];
    o.awready = GET(s_axil_gpu_awready_o, n, 1) != 0;
    o.wready = GET(s_axil_gpu_wready_o, n, 1) != 0;
    o.bvalid = GET(s_axil_gpu_bvalid_o, n, 1) != 0;
    o.arready = GET(s_axil_gpu_arready_o, n, 1) != 0;
    o.rvalid = GET(s_axil_gpu_rvalid_o, n, 1) != 0;
    o.bresp = static_cast<AxiResp>(GET(s_axil_gpu_bresp_o, n, 2));
    o.rresp = static_cast<AxiResp>(GET(s_axil_gpu_rresp_o, n, 2));
    o.rdata = GET(s_axil_gpu_rdata_o, n, 64);
  }

  void sample_data() {
    constexpr unsigned n = 0;
    AxiMasterOut& o = out_.data;
    o.arvalid = GET(m_axi_data_arvalid_o, n, 1) != 0;
    if (o.arvalid) {
      o.arid = static_cast<std::uint32_t>(GET(m_axi_data_arid_o, n, kDataIdBits));
      o.araddr = GET(m_axi_data_araddr_o, n, 64);
      o.arlen = static_cast<std::uint8_t>(GET(m_axi_data_arlen_o, n, 8));
      o.arsize = static_cast<std::uint8_t>(GET(m_axi_data_arsize_o, n, 3));
      o.arsnoop = GET(m_axi_data_arsnoop_o, n, 1) != 0;
    }
    o.awvalid = GET(m_axi_data_awvalid_o, n, 1) != 0;
    if (o.awvalid) {
      o.awid = static_cast<std::uint32_t>(GET(m_axi_data_awid_o, n, kDataIdBits));
      o.awaddr = GET(m_axi_data_awaddr_o, n, 64);
      o.awlen = static_cast<std::uint8_t>(GET(m_axi_data_awlen_o, n, 8));
      o.awsize = static_cast<std::uint8_t>(GET(m_axi_data_awsize_o, n, 3));
      o.awsnoop = GET(m_axi_data_awsnoop_o, n, 1) != 0;
    }
    o.rready = GET(m_axi_data_rready_o, n, 1) != 0;
    o.wvalid = GET(m_axi_data_wvalid_o, n, 1) != 0;
    if (o.wvalid) {
      get_bytes(model_->m_axi_data_wdata_o, n * kBusBytes, kBusBytes, o.wdata.data());
      o.wstrb = GET(m_axi_data_wstrb_o, n, kBusBytes);
      o.wlast = GET(m_axi_data_wlast_o, n, 1) != 0;
    }
    o.bready = GET(m_axi_data_bready_o, n, 1) != 0;
  }

  void sample_table() {
    constexpr unsigned n = 0;
    AxiMasterOut& o = out_.table;
    o.arvalid = GET(m_axi_table_arvalid_o, n, 1) != 0;
    if (o.arvalid) {
      o.arid = static_cast<std::uint32_t>(GET(m_axi_table_arid_o, n, kTableIdBits));
      o.araddr = GET(m_axi_table_araddr_o, n, 64);
      o.arlen = static_cast<std::uint8_t>(GET(m_axi_table_arlen_o, n, 8));
      o.arsize = static_cast<std::uint8_t>(GET(m_axi_table_arsize_o, n, 3));
    }
    o.awvalid = GET(m_axi_table_awvalid_o, n, 1) != 0;
    if (o.awvalid) {
      o.awid = static_cast<std::uint32_t>(GET(m_axi_table_awid_o, n, kTableIdBits));
      o.awaddr = GET(m_axi_table_awaddr_o, n, 64);
      o.awlen = static_cast<std::uint8_t>(GET(m_axi_table_awlen_o, n, 8));
      o.awsize = static_cast<std::uint8_t>(GET(m_axi_table_awsize_o, n, 3));
    }
    o.rready = GET(m_axi_table_rready_o, n, 1) != 0;
    o.wvalid = GET(m_axi_table_wvalid_o, n, 1) != 0;
    if (o.wvalid) {
      get_bytes(model_->m_axi_table_wdata_o, n * kBusBytes, kBusBytes, o.wdata.data());
      o.wstrb = GET(m_axi_table_wstrb_o, n, kBusBytes);
      o.wlast = GET(m_axi_table_wlast_o, n, 1) != 0;
    }
    o.bready = GET(m_axi_table_bready_o, n, 1) != 0;
  }

  void sample_vram(unsigned n) {
    AxiMasterOut& o = out_.vram[n];
    o.arvalid = GET(m_axi_vram_arvalid_o, n, 1) != 0;
    if (o.arvalid) {
      o.arid = static_cast<std::uint32_t>(GET(m_axi_vram_arid_o, n, kIdBits));
      o.araddr = GET(m_axi_vram_araddr_o, n, 64);
      o.arlen = static_cast<std::uint8_t>(GET(m_axi_vram_arlen_o, n, 8));
      o.arsize = static_cast<std::uint8_t>(GET(m_axi_vram_arsize_o, n, 3));
    }
    o.awvalid = GET(m_axi_vram_awvalid_o, n, 1) != 0;
    if (o.awvalid) {
      o.awid = static_cast<std::uint32_t>(GET(m_axi_vram_awid_o, n, kIdBits));
      o.awaddr = GET(m_axi_vram_awaddr_o, n, 64);
      o.awlen = static_cast<std::uint8_t>(GET(m_axi_vram_awlen_o, n, 8));
      o.awsize = static_cast<std::uint8_t>(GET(m_axi_vram_awsize_o, n, 3));
    }
    o.rready = GET(m_axi_vram_rready_o, n, 1) != 0;
    o.wvalid = GET(m_axi_vram_wvalid_o, n, 1) != 0;
    if (o.wvalid) {
      get_bytes(model_->m_axi_vram_wdata_o, n * kBusBytes, kBusBytes, o.wdata.data());
      o.wstrb = GET(m_axi_vram_wstrb_o, n, kBusBytes);
      o.wlast = GET(m_axi_vram_wlast_o, n, 1) != 0;
    }
    o.bready = GET(m_axi_vram_bready_o, n, 1) != 0;
  }

  void sample_probe(unsigned n) {
    RequesterProbe& o = out_.probe[n];
    o.ar = GET(probe_ar_o, n, 1) != 0;
    if (o.ar) {
      o.arid = static_cast<std::uint32_t>(GET(probe_arid_o, n, kIdBits));
      o.araddr = GET(probe_araddr_o, n, 64);
      o.arlen = static_cast<std::uint8_t>(GET(probe_arlen_o, n, 8));
      o.aruser = static_cast<std::uint32_t>(GET(probe_aruser_o, n, kUserBits));
    }
    o.aw = GET(probe_aw_o, n, 1) != 0;
    if (o.aw) {
      o.awid = static_cast<std::uint32_t>(GET(probe_awid_o, n, kIdBits));
      o.awaddr = GET(probe_awaddr_o, n, 64);
      o.awlen = static_cast<std::uint8_t>(GET(probe_awlen_o, n, 8));
      o.awsize = static_cast<std::uint8_t>(GET(probe_awsize_o, n, 3));
      o.awuser = static_cast<std::uint32_t>(GET(probe_awuser_o, n, kUserBits));
    }
    o.wlast = GET(probe_wlast_o, n, 1) != 0;
    o.r = GET(probe_r_o, n, 1) != 0;
    if (o.r) {
      o.rid = static_cast<std::uint32_t>(GET(probe_rid_o, n, kIdBits));
      o.rresp = static_cast<AxiResp>(GET(probe_rresp_o, n, 2));
      o.rlast = GET(probe_rlast_o, n, 1) != 0;
    }
    o.b = GET(probe_b_o, n, 1) != 0;
    if (o.b) {
      o.bid = static_cast<std::uint32_t>(GET(probe_bid_o, n, kIdBits));
      o.bresp = static_cast<AxiResp>(GET(probe_bresp_o, n, 2));
    }
  }

  void drive(const DutInputs& in, DutReset reset) {
    model_->rst_ni = reset == DutReset::kNone ? 1 : 0;
    model_->por_ni = reset == DutReset::kPower ? 0 : 1;
    for (unsigned n = 0; n < kAdapters; ++n) PUT(adapter_rst_ni, n, 1, !in.adapter_reset[n]);
    model_->iommu_rst_ni = in.iommu_reset ? 0 : 1;
    model_->iommu_quiesce_i = in.iommu_quiesce ? 1 : 0;
    drive_lite_iommu(in.iommu);
    drive_data(in.data);
    drive_table(in.table);
    for (unsigned n = 0; n < kAdapters; ++n) {
      drive_lite_gpu(n, in.gpu[n]);
      drive_vram(n, in.vram[n]);
    }
  }

  void drive_lite_iommu(const AxiLiteMasterOut& i) {
    constexpr unsigned n = 0;
    PUT(s_axil_iommu_awvalid_i, n, 1, i.awvalid);
    PUT(s_axil_iommu_awaddr_i, n, 12, i.awaddr);
    PUT(s_axil_iommu_wvalid_i, n, 1, i.wvalid);
    PUT(s_axil_iommu_wdata_i, n, 64, i.wdata);
    PUT(s_axil_iommu_wstrb_i, n, 8, i.wstrb);
    PUT(s_axil_iommu_bready_i, n, 1, i.bready);
    PUT(s_axil_iommu_arvalid_i, n, 1, i.arvalid);
    PUT(s_axil_iommu_araddr_i, n, 12, i.araddr);
    PUT(s_axil_iommu_rready_i, n, 1, i.rready);
  }

  void drive_lite_gpu(unsigned n, const AxiLiteMasterOut& i) {
    PUT(s_axil_gpu_awvalid_i, n, 1, i.awvalid);
    PUT(s_axil_gpu_awaddr_i, n, 12, i.awaddr);
    PUT(s_axil_gpu_wvalid_i, n, 1, i.wvalid);
    PUT(s_axil_gpu_wdata_i, n, 64, i.wdata);
    PUT(s_axil_gpu_wstrb_i, n, 8, i.wstrb);
    PUT(s_axil_gpu_bready_i, n, 1, i.bready);
    PUT(s_axil_gpu_arvalid_i, n, 1, i.arvalid);
    PUT(s_axil_gpu_araddr_i, n, 12, i.araddr);
    PUT(s_axil_gpu_rready_i, n, 1, i.rready);
  }

  void drive_data(const AxiSlaveOut& i) {
    constexpr unsigned n = 0;
    PUT(m_axi_data_arready_i, n, 1, i.arready);
    PUT(m_axi_data_rvalid_i, n, 1, i.rvalid);
    if (i.rvalid) {
      PUT(m_axi_data_rid_i, n, kDataIdBits, i.rid);
      PUT(m_axi_data_rresp_i, n, 2, i.rresp);
      PUT(m_axi_data_rlast_i, n, 1, i.rlast);
      set_bytes(model_->m_axi_data_rdata_i, n * kBusBytes, kBusBytes, i.rdata.data());
    }
    PUT(m_axi_data_awready_i, n, 1, i.awready);
    PUT(m_axi_data_wready_i, n, 1, i.wready);
    PUT(m_axi_data_bvalid_i, n, 1, i.bvalid);
    PUT(m_axi_data_bid_i, n, kDataIdBits, i.bid);
    PUT(m_axi_data_bresp_i, n, 2, i.bresp);
  }

  void drive_table(const AxiSlaveOut& i) {
    constexpr unsigned n = 0;
    PUT(m_axi_table_arready_i, n, 1, i.arready);
    PUT(m_axi_table_rvalid_i, n, 1, i.rvalid);
    if (i.rvalid) {
      PUT(m_axi_table_rid_i, n, kTableIdBits, i.rid);
      PUT(m_axi_table_rresp_i, n, 2, i.rresp);
      PUT(m_axi_table_rlast_i, n, 1, i.rlast);
      set_bytes(model_->m_axi_table_rdata_i, n * kBusBytes, kBusBytes, i.rdata.data());
    }
    PUT(m_axi_table_awready_i, n, 1, i.awready);
    PUT(m_axi_table_wready_i, n, 1, i.wready);
    PUT(m_axi_table_bvalid_i, n, 1, i.bvalid);
    PUT(m_axi_table_bid_i, n, kTableIdBits, i.bid);
    PUT(m_axi_table_bresp_i, n, 2, i.bresp);
  }

  void drive_vram(unsigned n, const AxiSlaveOut& i) {
    PUT(m_axi_vram_arready_i, n, 1, i.arready);
    PUT(m_axi_vram_rvalid_i, n, 1, i.rvalid);
    if (i.rvalid) {
      PUT(m_axi_vram_rid_i, n, kIdBits, i.rid);
      PUT(m_axi_vram_rresp_i, n, 2, i.rresp);
      PUT(m_axi_vram_rlast_i, n, 1, i.rlast);
      set_bytes(model_->m_axi_vram_rdata_i, n * kBusBytes, kBusBytes, i.rdata.data());
    }
    PUT(m_axi_vram_awready_i, n, 1, i.awready);
    PUT(m_axi_vram_wready_i, n, 1, i.wready);
    PUT(m_axi_vram_bvalid_i, n, 1, i.bvalid);
    PUT(m_axi_vram_bid_i, n, kIdBits, i.bid);
    PUT(m_axi_vram_bresp_i, n, 2, i.bresp);
  }

  std::unique_ptr<VerilatedContext> context_ = std::make_unique<VerilatedContext>();
  std::unique_ptr<GPUDMAR_MODEL> model_;
  ModelCoverage coverage_{*context_};
  CacheRegisters iotlb_;
  VisibleRegister iotlb_size_;
  VisibleRegister iotlb_snoop_;
  std::array<CacheRegisters, 3> paging_caches_;  // by level - 1
  WalkerRegisters walkers_;
  VisibleRegister queue_head_;
  std::array<std::vector<VisibleRegister>, kAdapters> heads_;  // of each channel
  DutActivity activity_;
  Waves waves_;
  DutInfo info_;
  DutOutputs out_;
  std::uint64_t cycle_ = 0;
  std::uint64_t cycle_ps_ = 10'000;
  unsigned assertions_ = 0;
};

#undef GET
#undef PUT

}  // namespace

std::unique_ptr<Dut> GPUDMAR_CREATE(std::uint64_t seed) { return std::make_unique<VariantDut>(seed); }

}  // namespace gpudmar::sim
