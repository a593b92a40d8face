// SPDX-License-Identifier: Apache-2.0
// See iommu_bench.h. Compiled once per Verilated variant: GPUDMAR_MODEL, GPUDMAR_MODEL_HEADER.
#include "tests/rtl/iommu/iommu_bench.h"

#include <algorithm>
#include <cstring>

#include "sim/dut/verilated_bits.h"
#include "tests/rtl/iommu/iommu_bench_wires.h"

namespace gpudmar::test {

using sim::get_bits;
using sim::get_bytes;
using sim::set_bits;
using sim::set_bytes;

namespace {
constexpr unsigned kDataIdBits = kIdBits + 2;
constexpr unsigned kTableIdBits = 7;

sim::AxiMemoryConfig memory_config(unsigned latency, std::uint64_t seed) {
  sim::AxiMemoryConfig config;
  config.bus_bytes = kBusBytes;
  config.latency = latency;
  config.seed = seed;
  return config;
}
sim::AxiMonitorConfig monitor_config(const char* name) {
  sim::AxiMonitorConfig config;
  config.name = name;
  config.bus_bytes = kBusBytes;
  return config;
}
}  // namespace

IommuBench::IommuBench(unsigned latency, std::uint64_t seed)
    : memory(),
      tables(memory),
      w_(std::make_unique<Wires>(seed, [this](const sim::Violation& v) { violations.push_back(v); })),
      bus_(memory,
           [this](hw::MessageTarget m) {
             messages.push_back(m);
             message_cycles.push_back(cycle_);
           }),
      data_("data", bus_, memory_config(latency, seed)),
      table_("table", bus_, memory_config(latency, seed + 1)),
      data_monitor_(monitor_config("data"), [this](const sim::Violation& v) { violations.push_back(v); }),
      table_monitor_(monitor_config("table"), [this](const sim::Violation& v) { violations.push_back(v); }),
      random_(seed) {
  unit.zlr = GPUDMAR_ZLR != 0;
  unit.sc = GPUDMAR_SNOOP_CONTROL != 0;
  auto& d = w_->dut;
  for (unsigned p = 0; p < kPorts; ++p) set_bits(d.source_id_i, p * 16, 16, kSid[p]);
  d.clk_i = 0;
  reset(true, 4);
}

void IommuBench::reset(bool power, unsigned cycles) {
  auto& d = w_->dut;
  for (unsigned p = 0; p < kPorts; ++p) {
    ar_[p].clear();
    aw_[p].clear();
    beats_[p].clear();
    hints_[p].clear();
  }
  open_.clear();
  table_aw_.clear();
  table_w_.clear();
  data_.reset();
  table_.reset();
  data_monitor_.reset();
  table_monitor_.reset();
  lite_.reset();
  beside_.reset();
  d.por_ni = !power;
  quiesce_ = hold_reset_ = false;
  reset_unit(cycles);
}

bool IommuBench::quiesced() const { return w_->dut.quiesced_o != 0; }

void IommuBench::hold_reset(bool hold) {
  hold_reset_ = hold;
  w_->contract.reset();
  tail_ = 0;
  te = false;
}

bool IommuBench::reset_alone(unsigned cycles, std::uint64_t max_cycles) {
  quiesce(true);
  if (!run_until([this] { return quiesced(); }, max_cycles)) return false;
  hold_reset(true);
  run(cycles);
  hold_reset(false);
  step();
  quiesce(false);
  step();
  return true;
}

void IommuBench::restart(std::uint64_t seed) {
  for (sim::AxiMemory* port : {&data_, &table_}) {
    sim::AxiMemoryConfig config = port->config();
    config.seed = port == &data_ ? seed : seed + 1;
    port->configure(config);
  }
  random_.seed(seed);
  reset(true);
  tables.restart();
  messages.clear();
  message_cycles.clear();
  violations.clear();
  faults.clear();
  fault_cycles.clear();
  table_writes.clear();
  walk_reads = 0;
  status_value_ = 0;
  at_status = nullptr;
  at_table_write = nullptr;
}

bool IommuBench::unit_idle() const { return w_->dut.idle_o != 0; }

void IommuBench::reset_unit(unsigned cycles) {
  auto& d = w_->dut;
  w_->contract.reset();
  tail_ = 0;
  te = false;
  d.rst_ni = 0;
  drive();
  d.eval();
  for (unsigned i = 0; i < cycles; ++i) {
    d.clk_i = 1;
    d.eval();
    d.clk_i = 0;
    d.eval();
    ++cycle_;
  }
  d.rst_ni = 1;
  d.por_ni = 1;
  d.eval();
}

IommuBench::~IommuBench() {
  w_->contract.finish(cycle_);
  w_->dut.final();
}

void IommuBench::step() {
  sample();
  check_contract();
  if (observer) observe();
  auto& d = w_->dut;
  data_monitor_.observe(cycle_, w_->data, data_.out());
  table_monitor_.observe(cycle_, w_->table, table_.out());
  sim::AxiLiteSlaveOut lite;
  lite.awready = d.s_axil_awready_o;
  lite.wready = d.s_axil_wready_o;
  lite.bvalid = d.s_axil_bvalid_o;
  lite.bresp = static_cast<sim::AxiResp>(d.s_axil_bresp_o);
  lite.arready = d.s_axil_arready_o;
  lite.rvalid = d.s_axil_rvalid_o;
  lite.rdata = d.s_axil_rdata_o;
  lite.rresp = static_cast<sim::AxiResp>(d.s_axil_rresp_o);
  if (d.s_axil_wvalid_i && d.s_axil_wready_o) tail_cycle = cycle_;
  data_.step(w_->data);
  table_.step(w_->table);
  lite_.step(cycle_, lite);
  beside_.step(cycle_, lite);
  d.clk_i = 1;
  d.eval();
  drive();
  d.rst_ni = !hold_reset_;
  d.clk_i = 0;
  d.eval();
  ++cycle_;
}

void IommuBench::sample() {
  auto& d = w_->dut;
  auto& m = w_->data;
  const auto& s = data_.out();
  m.arvalid = d.m_axi_data_arvalid_o;
  m.arid = d.m_axi_data_arid_o;
  m.araddr = d.m_axi_data_araddr_o;
  m.arlen = d.m_axi_data_arlen_o;
  m.arsize = d.m_axi_data_arsize_o;
  m.rready = d.m_axi_data_rready_o;
  m.awvalid = d.m_axi_data_awvalid_o;
  m.awid = d.m_axi_data_awid_o;
  m.awaddr = d.m_axi_data_awaddr_o;
  m.awlen = d.m_axi_data_awlen_o;
  m.awsize = d.m_axi_data_awsize_o;
  m.wvalid = d.m_axi_data_wvalid_o;
  get_bytes(d.m_axi_data_wdata_o, 0, kBusBytes, m.wdata.data());
  m.wstrb = d.m_axi_data_wstrb_o;
  m.wlast = d.m_axi_data_wlast_o;
  m.bready = d.m_axi_data_bready_o;
  auto& t = w_->table;
  t.arvalid = d.m_axi_table_arvalid_o;
  t.arid = d.m_axi_table_arid_o;
  t.araddr = d.m_axi_table_araddr_o;
  t.arlen = d.m_axi_table_arlen_o;
  t.arsize = d.m_axi_table_arsize_o;
  t.rready = d.m_axi_table_rready_o;
  t.awvalid = d.m_axi_table_awvalid_o;
  t.awid = d.m_axi_table_awid_o;
  t.awaddr = d.m_axi_table_awaddr_o;
  t.awlen = d.m_axi_table_awlen_o;
  t.awsize = d.m_axi_table_awsize_o;
  t.wvalid = d.m_axi_table_wvalid_o;
  get_bytes(d.m_axi_table_wdata_o, 0, kBusBytes, t.wdata.data());
  t.wstrb = d.m_axi_table_wstrb_o;
  t.wlast = d.m_axi_table_wlast_o;
  t.bready = d.m_axi_table_bready_o;

  // Requests that leave: the oldest of the port and id that has come in and has not left.
  const auto leaves = [this](bool is_write, std::uint32_t id, std::uint64_t address, bool snoop) {
    for (const auto& b : open_) {
      if (b->write == is_write && b->in && !b->out && !b->done && b->port == id >> kIdBits &&
          b->id == (id & ((1U << kIdBits) - 1))) {
        b->out = true;
        b->out_cycle = cycle_;
        b->out_address = address;
        b->out_snoop = snoop;
        return;
      }
    }
    violations.push_back({cycle_, "bench.unexpected", "a request left that nobody made"});
  };
  for (unsigned p = 0; p < kPorts; ++p) {
    if (!ar_[p].empty() && get_bits(d.s_axi_arvalid_i, p, 1) && get_bits(d.s_axi_arready_o, p, 1)) {
      ar_[p].front()->in = true;
      ar_[p].front()->in_cycle = cycle_;
      ar_[p].pop_front();
    }
    if (!aw_[p].empty() && get_bits(d.s_axi_awvalid_i, p, 1) && get_bits(d.s_axi_awready_o, p, 1)) {
      aw_[p].front()->in = true;
      aw_[p].front()->in_cycle = cycle_;
      aw_[p].pop_front();
    }
    if (get_bits(d.s_axi_wvalid_i, p, 1) && get_bits(d.s_axi_wready_o, p, 1)) beats_[p].pop_front();
    if (get_bits(d.hint_valid_i, p, 1) && get_bits(d.hint_ready_o, p, 1)) hints_[p].pop_front();
  }
  if (m.arvalid && s.arready) leaves(false, m.arid, m.araddr, d.m_axi_data_arsnoop_o != 0);
  if (m.awvalid && s.awready) leaves(true, m.awid, m.awaddr, d.m_axi_data_awsnoop_o != 0);
  sample_memory();
  if (d.probe_fault_o) {
    fault_cycles.push_back(cycle_);
    faults.push_back({get_bits(d.probe_fault_record_o, 0, 64), get_bits(d.probe_fault_record_o, 64, 64)});
  }
  // Responses.
  const auto answered = [this](bool is_write, unsigned port, unsigned id) -> BurstPtr {
    for (const auto& b : open_) {
      if (b->write == is_write && b->in && !b->done && b->port == port && b->id == id) return b;
    }
    violations.push_back({cycle_, "bench.unexpected", "a response that nobody waits for"});
    return nullptr;
  };
  for (unsigned p = 0; p < kPorts; ++p) {
    if (get_bits(d.s_axi_rvalid_o, p, 1) && get_bits(d.s_axi_rready_i, p, 1)) {
      if (auto b = answered(false, p, get_bits(d.s_axi_rid_o, p * kIdBits, kIdBits))) {
        if (b->data.empty()) b->first_cycle = cycle_;
        sim::BeatData beat{};
        get_bytes(d.s_axi_rdata_o, std::size_t{p} * kBusBytes, kBusBytes, beat.data());
        b->data.push_back(beat);
        b->resp = std::max(b->resp, static_cast<sim::AxiResp>(get_bits(d.s_axi_rresp_o, p * 2, 2)));
        const bool last = get_bits(d.s_axi_rlast_o, p, 1) != 0;
        if (last != (b->data.size() == b->beats))
          violations.push_back({cycle_, "bench.rlast", "RLAST at the wrong beat"});
        if (last) {
          b->done = true;
          b->done_cycle = cycle_;
        }
      }
    }
    if (get_bits(d.s_axi_bvalid_o, p, 1) && get_bits(d.s_axi_bready_i, p, 1)) {
      if (auto b = answered(true, p, get_bits(d.s_axi_bid_o, p * kIdBits, kIdBits))) {
        b->resp = static_cast<sim::AxiResp>(get_bits(d.s_axi_bresp_o, p * 2, 2));
        b->done = true;
        b->first_cycle = b->done_cycle = cycle_;
      }
    }
  }
  open_.erase(std::remove_if(open_.begin(), open_.end(), [](const BurstPtr& b) { return b->done; }),
              open_.end());
}

// Answers of the data memory, and what the unit does at its own port.
void IommuBench::sample_memory() {
  const auto& m = w_->data;
  const auto& s = data_.out();
  const auto performed = [this](bool is_write, std::uint32_t id) {
    for (const auto& b : open_) {
      if (b->write == is_write && b->out && !b->performed && b->port == id >> kIdBits &&
          b->id == (id & ((1U << kIdBits) - 1))) {
        b->performed = true;
        b->performed_cycle = cycle_;
        return;
      }
    }
  };
  if (s.rvalid && m.rready && s.rlast) performed(false, s.rid);
  if (s.bvalid && m.bready) performed(true, s.bid);

  const auto& t = w_->table;
  if (t.arvalid && table_.out().arready && t.arid != kTableQueueId) ++walk_reads;
  if (t.awvalid && table_.out().awready) table_aw_.emplace_back(cycle_, t.awaddr);
  if (t.wvalid && table_.out().wready) {
    status_cycle = cycle_;
    status_strobe = t.wstrb;
    table_w_.push_back({cycle_, t.wstrb, t.wdata});
    if (at_status) at_status();
  }
  while (!table_aw_.empty() && !table_w_.empty()) {
    const auto [aw_cycle, address] = table_aw_.front();
    const TableBeat& beat = table_w_.front();
    TableWrite write{std::max(aw_cycle, beat.cycle), address, beat.strobe, 0};
    std::memcpy(&write.dword, beat.data.data() + (address & (kBusBytes - 4)), 4);
    table_aw_.pop_front();
    table_w_.pop_front();
    table_writes.push_back(write);
    if (at_table_write) at_table_write(write);
  }
}

void IommuBench::drive() {
  auto& d = w_->dut;
  d.quiesce_i = quiesce_;
  for (unsigned p = 0; p < kPorts; ++p) {
    const bool ar = !ar_[p].empty();
    set_bits(d.s_axi_arvalid_i, p, 1, ar);
    if (ar) {
      const Burst& b = *ar_[p].front();
      set_bits(d.s_axi_arid_i, p * kIdBits, kIdBits, b.id);
      set_bits(d.s_axi_araddr_i, p * 64, 64, b.address);
      set_bits(d.s_axi_arlen_i, p * 8, 8, b.beats - 1);
      set_bits(d.s_axi_arsize_i, p * 3, 3, b.size);
      set_bits(d.s_axi_aruser_i, p * 27, 27, b.user);
    }
    // An address that is shown stays.
    const bool shown = get_bits(d.s_axi_awvalid_i, p, 1) && !aw_[p].empty() && aw_shown_[p] == aw_[p].front();
    const bool aw = !aw_[p].empty() && (shown || !hold_aw[p]);
    aw_shown_[p] = aw ? aw_[p].front() : nullptr;
    set_bits(d.s_axi_awvalid_i, p, 1, aw);
    if (aw) {
      const Burst& b = *aw_[p].front();
      set_bits(d.s_axi_awid_i, p * kIdBits, kIdBits, b.id);
      set_bits(d.s_axi_awaddr_i, p * 64, 64, b.address);
      set_bits(d.s_axi_awlen_i, p * 8, 8, b.beats - 1);
      set_bits(d.s_axi_awsize_i, p * 3, 3, b.size);
      set_bits(d.s_axi_awuser_i, p * 27, 27, b.user);
    }
    const bool wv = !beats_[p].empty() && !hold_all_w[p] && !(hold_w[p] && beats_[p].front().second > 0);
    set_bits(d.s_axi_wvalid_i, p, 1, wv);
    if (wv) {
      const auto& [burst, index] = beats_[p].front();
      set_bytes(d.s_axi_wdata_i, std::size_t{p} * kBusBytes, kBusBytes, burst->data[index].data());
      const std::uint64_t at = sim::beat_address(burst->address, burst->size, index);
      set_bits(d.s_axi_wstrb_i, p * kBusBytes, kBusBytes, sim::beat_lanes(at, burst->size, kBusBytes));
      set_bits(d.s_axi_wlast_i, p, 1, index + 1 == burst->beats);
    }
    set_bits(d.s_axi_rready_i, p, 1, chance(r_ready[p]));
    set_bits(d.s_axi_bready_i, p, 1, chance(b_ready[p]));
    const bool hint = !hints_[p].empty();
    set_bits(d.hint_valid_i, p, 1, hint);
    if (hint) set_bits(d.hint_page_i, p * 52, 52, hints_[p].front());
  }
  const auto& lite = lite_.out();
  d.s_axil_awvalid_i = lite.awvalid;
  d.s_axil_awaddr_i = lite.awaddr;
  d.s_axil_wvalid_i = lite.wvalid;
  d.s_axil_wdata_i = lite.wdata;
  d.s_axil_wstrb_i = lite.wstrb;
  d.s_axil_bready_i = lite.bready;
  const auto& reads = beside_.idle() ? lite : beside_.out();
  d.s_axil_arvalid_i = reads.arvalid;
  d.s_axil_araddr_i = reads.araddr;
  d.s_axil_rready_i = reads.rready;
  const auto& s = data_.out();
  d.m_axi_data_arready_i = s.arready;
  d.m_axi_data_rvalid_i = s.rvalid;
  d.m_axi_data_rid_i = s.rid & ((1U << kDataIdBits) - 1);
  set_bytes(d.m_axi_data_rdata_i, 0, kBusBytes, s.rdata.data());
  d.m_axi_data_rresp_i = static_cast<unsigned>(s.rresp);
  d.m_axi_data_rlast_i = s.rlast;
  d.m_axi_data_awready_i = s.awready;
  d.m_axi_data_wready_i = s.wready;
  d.m_axi_data_bvalid_i = s.bvalid;
  d.m_axi_data_bid_i = s.bid & ((1U << kDataIdBits) - 1);
  d.m_axi_data_bresp_i = static_cast<unsigned>(s.bresp);
  const auto& t = table_.out();
  d.m_axi_table_arready_i = t.arready;
  d.m_axi_table_rvalid_i = t.rvalid;
  d.m_axi_table_rid_i = t.rid & ((1U << kTableIdBits) - 1);
  set_bytes(d.m_axi_table_rdata_i, 0, kBusBytes, t.rdata.data());
  d.m_axi_table_rresp_i = static_cast<unsigned>(t.rresp);
  d.m_axi_table_rlast_i = t.rlast;
  d.m_axi_table_awready_i = t.awready;
  d.m_axi_table_wready_i = t.wready;
  d.m_axi_table_bvalid_i = t.bvalid;
}

void IommuBench::run(std::uint64_t cycles) {
  for (std::uint64_t i = 0; i < cycles; ++i) step();
}

bool IommuBench::run_until(const std::function<bool()>& done, std::uint64_t max_cycles) {
  for (std::uint64_t i = 0; i < max_cycles; ++i) {
    if (done()) return true;
    step();
  }
  return done();
}

std::uint64_t IommuBench::read_register(std::uint32_t offset, unsigned bytes) {
  const auto access = lite_.read(offset, bytes);
  if (!run_until([&] { return access->done; }, 1000)) throw std::runtime_error("register read hangs");
  return access->data;
}

void IommuBench::write_register(std::uint32_t offset, std::uint64_t value, unsigned bytes) {
  const auto access = lite_.write(offset, value, bytes);
  if (!run_until([&] { return access->done; }, 1000)) throw std::runtime_error("register write hangs");
}

void IommuBench::write_lanes(std::uint32_t offset, std::uint64_t value, std::uint8_t strobe) {
  const auto access = lite_.write_lanes(offset, value, strobe);
  if (!run_until([&] { return access->done; }, 1000)) throw std::runtime_error("register write hangs");
}

BurstPtr IommuBench::read(unsigned port, unsigned id, std::uint64_t address, unsigned beats, unsigned size,
                          std::uint32_t user) {
  auto b = std::make_shared<Burst>();
  b->port = port;
  b->id = id;
  b->address = address;
  b->beats = beats;
  b->size = size;
  b->user = user;
  ar_[port].push_back(b);
  open_.push_back(b);
  return b;
}

BurstPtr IommuBench::write(unsigned port, unsigned id, std::uint64_t address, unsigned beats, unsigned size,
                           std::uint32_t user, std::uint8_t fill) {
  auto b = std::make_shared<Burst>();
  b->write = true;
  b->port = port;
  b->id = id;
  b->address = address;
  b->beats = beats;
  b->size = size;
  b->user = user;
  for (unsigned i = 0; i < beats; ++i) {
    sim::BeatData beat{};
    beat.fill(static_cast<std::uint8_t>(fill + i));
    b->data.push_back(beat);
    beats_[port].emplace_back(b, i);
  }
  aw_[port].push_back(b);
  open_.push_back(b);
  return b;
}

bool IommuBench::settle(std::uint64_t max_cycles) {
  return run_until([this] { return open_.empty(); }, max_cycles);
}

bool IommuBench::bring_up(bool at_once) {
  queue_ = tables.page();
  status_ = tables.page();
  const auto command = [this](std::uint32_t value, std::uint32_t status_bit) {
    write_register(0x018, value, 4);
    return run_until([&] { return (read_register(0x01C, 4) & status_bit) == status_bit; }, 5000);
  };
  write_register(0x020, tables.root(), 8);
  write_register(0x090, queue_, 8);
  constexpr std::uint32_t kSrtp = 1U << 30, kQie = 1U << 26, kTe = 1U << 31;
  if (at_once) {
    if (!command(kSrtp | kQie | kTe, kSrtp | kQie | kTe)) return false;
  } else if (!command(kSrtp, kSrtp) || !command(kQie, kQie) || !command(kQie | kTe, kTe)) {
    return false;
  }
  te = true;
  return true;
}

void IommuBench::push_descriptor(std::uint64_t low, std::uint64_t high) {
  memory.store64(queue_ + tail_ * 16, low);
  memory.store64(queue_ + tail_ * 16 + 8, high);
  tail_ = (tail_ + 1) % 256;
}

void IommuBench::ring() { lite_.write(0x088, tail_ * 16, 4); }

void IommuBench::flush_domain(std::uint16_t did, bool drain) {
  push_descriptor(0x22 | (drain ? 0xC0 : 0) | (std::uint64_t{did} << 16), 0);
}

void IommuBench::flush_pages(std::uint16_t did, std::uint64_t iova, unsigned am, bool ih, bool drain) {
  push_descriptor(0x32 | (drain ? 0xC0 : 0) | (std::uint64_t{did} << 16),
                  (iova & ~0xFFFULL) | (ih ? 0x40 : 0) | am);
}

std::uint32_t IommuBench::push_wait(bool interrupt) {
  ++status_value_;
  push_descriptor(0x25 | (interrupt ? 0x10 : 0) | (std::uint64_t{status_value_} << 32), status_);
  return status_value_;
}

bool IommuBench::waited(std::uint32_t value) const {
  return const_cast<sim::HostMemory&>(memory).load32(status_) == value;
}

bool IommuBench::invalidate(std::uint64_t max_cycles) {
  const std::uint32_t value = push_wait();
  ring();
  return run_until([&] { return waited(value); }, max_cycles);
}

model::Outcome IommuBench::expected(unsigned port, std::uint64_t address, bool is_write, std::uint32_t bytes,
                                    std::uint32_t user) const {
  struct View final : model::MemoryView {
    sim::HostMemory& memory;
    explicit View(sim::HostMemory& m) : memory(m) {}
    [[nodiscard]] std::optional<std::uint64_t> load64(std::uint64_t pa) const override {
      std::uint64_t value = 0;
      if (!memory.device().read(pa, &value, 8)) return std::nullopt;
      return value;
    }
  };
  model::Request request;
  request.source_id = kSid[port];
  request.address = address;
  request.is_write = is_write;
  request.bytes = bytes;
  request.at = user & 3;
  request.pasid_valid = (user >> 2) & 1;
  request.zero_length = !is_write && (user & kZeroLength) != 0;
  model::RootState root;
  root.te = te;
  root.root = tables.root();
  return model::translate(unit, root, View(const_cast<sim::HostMemory&>(memory)), request);
}

}  // namespace gpudmar::test
