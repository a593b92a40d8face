// SPDX-License-Identifier: Apache-2.0
// The AXI4 slave: handshakes of the cycle first, then what the next cycle shows.
#include "sim/axi/axi_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace gpudmar::sim {
namespace {

// Lanes outside the transfer, and failed beats, carry this: a master that looks at them is found out.
constexpr std::uint8_t kPoison = 0xEE;

}  // namespace

void AxiMemoryConfig::check(const std::string& name) const {
  const auto refuse = [&](const std::string& why) { throw std::invalid_argument(name + ": " + why); };
  if (bus_bytes != 8 && bus_bytes != 16 && bus_bytes != 32 && bus_bytes != 64)
    refuse(fmt::format("a bus of {} bytes (8, 16, 32 or 64 are possible)", bus_bytes));
  if (latency < 1 || latency > 1'000'000) refuse(fmt::format("latency {} (1 to 1000000)", latency));
  if (jitter > 1'000'000) refuse(fmt::format("jitter {} (0 to 1000000)", jitter));
  if (b_latency < 1 || b_latency > 1'000'000)
    refuse(fmt::format("write latency {} (1 to 1000000)", b_latency));
  for (double p : {ar_stall, aw_stall, w_stall, r_stall, b_stall})
    if (!(p >= 0 && p <= 1)) refuse(fmt::format("a stall probability of {} (0 to 1)", p));
  if (interleave && !out_of_order) refuse("interleave needs out-of-order");
  if (max_reads == 0 || max_writes == 0) refuse("no burst may be in flight");
}

AxiMemory::AxiMemory(std::string name, AxiTarget& target, const AxiMemoryConfig& config)
    : name_(std::move(name)), target_(target), config_(config) {
  config_.check(name_);
  reset();
}

void AxiMemory::reset() {
  reads_.clear();
  writes_.clear();
  beats_.clear();
  out_ = {};
  cycle_ = 0;
  current_read_ = current_write_ = kNone;
  random_.seed(config_.seed);
}

void AxiMemory::set_latency(unsigned latency) {
  AxiMemoryConfig changed = config_;
  changed.latency = latency;
  configure(changed);
}

void AxiMemory::configure(const AxiMemoryConfig& config) {
  config.check(name_);
  if (config.bus_bytes != config_.bus_bytes) throw std::invalid_argument(name_ + ": the bus keeps its width");
  config_ = config;
}

void AxiMemory::add_error(hw::MemoryRange range, AxiResp resp, bool reads, bool writes) {
  const unsigned bus = config_.bus_bytes;
  add_error([=](bool write, std::uint64_t address) {
    const bool hit = (address | (bus - 1)) >= range.base && address < range.end();
    return hit && (write ? writes : reads) ? resp : AxiResp::kOkay;
  });
}

AxiResp AxiMemory::injected(bool write, std::uint64_t address) const {
  for (const auto& rule : errors_) {
    const AxiResp resp = rule(write, address);
    if (resp != AxiResp::kOkay) return resp;
  }
  return AxiResp::kOkay;
}

void AxiMemory::sample(Read& read) {
  if (!spare_.empty()) {
    read.beats = std::move(spare_.back());
    spare_.pop_back();
  }
  read.beats.resize(read.len + 1);
  for (unsigned i = 0; i <= read.len; ++i) {
    Beat& beat = read.beats[i];
    const std::uint64_t address = beat_address(read.address, read.size, i);
    const std::uint64_t bytes = 1ULL << read.size;
    const std::uint64_t aligned = address & ~(bytes - 1);
    if (bytes < config_.bus_bytes) beat.data.fill(kPoison);
    beat.resp = injected(false, address);
    if (beat.resp == AxiResp::kOkay)
      beat.resp = target_.read(aligned, beat.data.data() + (aligned & (config_.bus_bytes - 1)), bytes);
    if (beat.resp != AxiResp::kOkay) beat.data.fill(kPoison);
  }
  read.sampled = true;
}

void AxiMemory::commit(Write& write) {
  write.committed = true;
  for (unsigned i = 0; i < write.beats.size(); ++i) {
    const Beat& beat = write.beats[i];
    const std::uint64_t address = beat_address(write.address, write.size, i);
    const std::uint64_t base = address & ~std::uint64_t{config_.bus_bytes - 1};
    const std::uint64_t strobe = beat.strobe & beat_lanes(address, write.size, config_.bus_bytes);
    AxiResp resp = injected(true, address);
    if (resp == AxiResp::kOkay && strobe != 0)
      resp = target_.write(base, beat.data.data(), strobe, config_.bus_bytes);
    write.resp = std::max(write.resp, resp);
  }
}

// W data binds to addresses in the order of the addresses (AXI4 has no W id).
void AxiMemory::assign_data() {
  for (Write& write : writes_) {
    if (write.complete) continue;
    while (!write.complete && !beats_.empty()) {
      write.beats.push_back(beats_.front());
      beats_.pop_front();
      write.complete = write.beats.size() == write.len + 1U;
    }
    if (!write.complete) return;
    write.ready_at = cycle_ + config_.b_latency;
    if (config_.write_at_wlast) commit(write);
  }
}

void AxiMemory::take(const AxiMasterOut& master) {
  // Writes first: a read whose AR comes with the B of a write sees it.
  if (out_.bvalid && master.bready) {
    Write& done = writes_[current_write_];
    spare_.push_back(std::move(done.beats));
    writes_.erase(writes_.begin() + static_cast<std::ptrdiff_t>(current_write_));
    current_write_ = kNone;
    out_.bvalid = false;
  }
  if (out_.awready && master.awvalid) {
    Write write;
    write.id = master.awid;
    write.address = master.awaddr;
    write.len = master.awlen;
    write.size = master.awsize;
    if (!spare_.empty()) {
      write.beats = std::move(spare_.back());
      spare_.pop_back();
    }
    write.beats.clear();
    writes_.push_back(std::move(write));
  }
  if (out_.wready && master.wvalid) {
    beats_.push_back({master.wdata, master.wstrb, AxiResp::kOkay, master.wlast});
    ++write_beats_;
  }
  assign_data();
  if (out_.rvalid && master.rready) {
    Read& read = reads_[current_read_];
    ++read_beats_;
    out_.rvalid = false;
    if (++read.sent == read.len + 1) {
      spare_.push_back(std::move(read.beats));
      reads_.erase(reads_.begin() + static_cast<std::ptrdiff_t>(current_read_));
      current_read_ = kNone;
    } else if (config_.interleave) {
      current_read_ = kNone;
      if (beat_delay_) read.ready_at = cycle_ + 1 + beat_delay_(read.id, read.address);
    }
  }
  if (out_.arready && master.arvalid) {
    Read read;
    read.id = master.arid;
    read.address = master.araddr;
    read.len = master.arlen;
    read.size = master.arsize;
    read.ready_at = cycle_ + config_.latency;
    if (config_.jitter > 0)
      read.ready_at += std::uniform_int_distribution<unsigned>(0, config_.jitter)(random_);
    if (read_delay_) read.ready_at += read_delay_(read.id, read.address);
    if (!config_.read_at_first_beat) sample(read);
    reads_.push_back(std::move(read));
  }
}

// In order: only the oldest may answer. Out of order: any that is ready and has no older one of its id.
template <typename Burst>
std::size_t AxiMemory::pick(const std::deque<Burst>& bursts) {
  if (bursts.empty()) return kNone;
  if (!config_.out_of_order) return bursts.front().ready_at <= cycle_ ? 0 : kNone;
  std::vector<std::size_t> ready;
  std::vector<std::uint32_t> seen;
  for (std::size_t i = 0; i < bursts.size(); ++i) {
    if (std::find(seen.begin(), seen.end(), bursts[i].id) != seen.end()) continue;
    seen.push_back(bursts[i].id);
    if (bursts[i].ready_at <= cycle_) ready.push_back(i);
  }
  if (ready.empty()) return kNone;
  return ready[std::uniform_int_distribution<std::size_t>(0, ready.size() - 1)(random_)];
}

void AxiMemory::drive_read() {
  if (out_.rvalid) return;  // not taken yet
  if (current_read_ == kNone) current_read_ = pick(reads_);
  if (current_read_ == kNone) return;
  if (chance(config_.r_stall)) {
    if (config_.interleave) current_read_ = kNone;
    return;
  }
  Read& read = reads_[current_read_];
  if (!read.sampled) sample(read);
  const Beat& beat = read.beats[read.sent];
  out_.rvalid = true;
  out_.rid = answer_id_ ? answer_id_(false, read.id) : read.id;
  out_.rdata = beat.data;
  out_.rresp = beat.resp;
  out_.rlast = read.sent == read.len;
}

void AxiMemory::drive_write() {
  if (out_.bvalid) return;
  // A burst without all of its data has no time yet; it also holds back those behind it when in order.
  for (Write& write : writes_)
    if (!write.complete) write.ready_at = ~std::uint64_t{0};
  const std::size_t index = pick(writes_);
  if (index == kNone || chance(config_.b_stall)) return;
  Write& write = writes_[index];
  if (!write.committed) commit(write);
  current_write_ = index;
  out_.bvalid = true;
  out_.bid = answer_id_ ? answer_id_(true, write.id) : write.id;
  out_.bresp = write.resp;
}

const AxiSlaveOut& AxiMemory::step(const AxiMasterOut& master) {
  take(master);
  ++cycle_;
  drive_read();
  drive_write();
  out_.arready = reads_.size() < config_.max_reads && !chance(config_.ar_stall);
  out_.awready = writes_.size() < config_.max_writes && !chance(config_.aw_stall);
  out_.wready = beats_.size() < std::size_t{256} && !chance(config_.w_stall);
  return out_;
}

}  // namespace gpudmar::sim
