// SPDX-License-Identifier: Apache-2.0
// The AXI4 slave of the engine's tests.
#include "tests/rtl/dma/axi_memory.h"

#include <fmt/format.h>

#include <utility>

namespace gpudmar::test {

std::uint8_t SparseBytes::get(std::uint64_t addr) const {
  const auto it = pages_.find(addr >> 12);
  return it == pages_.end() ? 0 : it->second[addr & 0xfff];
}

void SparseBytes::set(std::uint64_t addr, std::uint8_t value) {
  pages_[addr >> 12][addr & 0xfff] = value;  // a new page is zeros
}

std::uint64_t SparseBytes::get64(std::uint64_t addr) const {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < 8; ++i) value |= std::uint64_t{get(addr + i)} << (8 * i);
  return value;
}

void SparseBytes::set64(std::uint64_t addr, std::uint64_t value) {
  for (unsigned i = 0; i < 8; ++i) set(addr + i, static_cast<std::uint8_t>(value >> (8 * i)));
}

std::uint64_t SparseBytes::first_difference(const SparseBytes& other) const {
  std::uint64_t first = ~0ULL;
  const auto scan = [&](const SparseBytes& from) {
    for (const auto& [number, page] : from.pages_) {
      for (std::uint64_t i = 0; i < page.size(); ++i) {
        const std::uint64_t addr = (number << 12) + i;
        if (get(addr) != other.get(addr) && addr < first) first = addr;
      }
    }
  };
  scan(*this);
  scan(other);
  return first;
}

AxiMemory::AxiMemory(std::string name, unsigned bytes, unsigned max_len, std::uint64_t addr_mask,
                     unsigned free_id, std::uint64_t seed)
    : name_(std::move(name)),
      bytes_(bytes),
      max_len_(max_len),
      addr_mask_(addr_mask),
      free_id_(free_id),
      random_(seed) {}

bool AxiMemory::chance() { return timing.ready_percent >= 100 || random_() % 100 < timing.ready_percent; }

unsigned AxiMemory::jitter(unsigned most) {
  return most == 0 ? 0 : static_cast<unsigned>(random_() % (most + 1));
}

/// The id to answer next, or -1. Without shuffling the one that became ready first.
template <class T>
int AxiMemory::pick(std::map<unsigned, std::deque<T>>& queues, std::uint64_t cycle) {
  std::vector<unsigned> ready;
  int oldest = -1;
  for (auto& [id, queue] : queues) {
    if (queue.empty() || queue.front().ready > cycle) continue;
    if (silent && silent(T::kWrite, id, queue.front().at(bytes_))) continue;
    ready.push_back(id);
    if (oldest < 0 || queue.front().ready < queues[static_cast<unsigned>(oldest)].front().ready) {
      oldest = static_cast<int>(id);
    }
  }
  if (ready.empty()) return -1;
  return timing.shuffle_ids ? static_cast<int>(ready[random_() % ready.size()]) : oldest;
}

const SlavePins& AxiMemory::drive(std::uint64_t cycle) {
  out_ = SlavePins{};
  out_.arready = chance() && !refuse_ar;
  out_.awready = chance() && !refuse_aw;
  out_.wready = chance() && !refuse_w;
  int id = mid_burst_ >= 0 && !timing.shuffle_ids ? mid_burst_ : pick(reads_, cycle);
  if (id >= 0 && id == mid_burst_ && silent) {
    const Read& read = reads_[static_cast<unsigned>(id)].front();
    if (silent(false, static_cast<unsigned>(id), read.at(bytes_))) id = -1;
  }
  if (id >= 0 && chance()) {
    const Read& read = reads_[static_cast<unsigned>(id)].front();
    const std::uint64_t addr = read.at(bytes_);
    out_.rvalid = true;
    out_.rid = static_cast<unsigned>(id);
    out_.rlast = read.beat == read.len;
    const auto error = read_errors.find(addr);
    if (error != read_errors.end()) {
      out_.rresp = error->second;
      for (unsigned i = 0; i < bytes_; ++i) out_.rdata[i] = 0xee;
    } else {
      // On their lanes, also when a narrow read starts within the beat.
      for (unsigned i = 0; i < bytes_; ++i) out_.rdata[i] = memory.get(addr / bytes_ * bytes_ + i);
    }
  }
  id = pick(answers_, cycle);
  if (id >= 0) {
    const Answer& answer = answers_[static_cast<unsigned>(id)].front();
    const auto error = write_errors.find(answer.write.addr);
    out_.bvalid = true;
    out_.bid = static_cast<unsigned>(id);
    out_.bresp = error == write_errors.end() ? 0 : error->second;
  }
  // What is not valid means nothing, and is anything.
  const std::uint64_t junk = random_();
  if (!out_.rvalid) {
    out_.rid = junk & 7;
    out_.rlast = (junk >> 3 & 1) != 0;
    out_.rresp = junk >> 4 & 3;
    for (unsigned i = 0; i < bytes_; ++i) out_.rdata[i] = static_cast<std::uint8_t>(junk >> (8 + i % 32));
  }
  if (!out_.bvalid) {
    out_.bid = junk >> 50 & 7;
    out_.bresp = junk >> 53 & 3;
  }
  return out_;
}

void AxiMemory::violate(std::uint64_t cycle, const char* rule, const std::string& what) {
  violations.push_back(fmt::format("{}: {}: cycle {}: {}", rule, name_, cycle, what));
}

void AxiMemory::check_address(std::uint64_t cycle, std::uint64_t addr, unsigned len, unsigned size,
                              bool free) {
  const std::uint64_t step = 1ULL << size;
  if (step > bytes_) violate(cycle, "size", fmt::format("2^{} bytes on a bus of {}", size, bytes_));
  if (addr % step != 0) violate(cycle, "aligned", fmt::format("{:#x} for beats of {}", addr, step));
  if ((addr & 0xfff) + (std::uint64_t{len} + 1) * step > 4096) {
    violate(cycle, "page", fmt::format("{:#x} + {} beats crosses 4 KiB", addr, len + 1));
  }
  if (len + 1 > max_len_) violate(cycle, "length", fmt::format("{} beats", len + 1));
  if (!free && (addr & ~addr_mask_) != 0) violate(cycle, "address bits", fmt::format("{:#x}", addr));
}

void AxiMemory::sample(const MasterPins& pins, std::uint64_t cycle) {
  using Kind = BusEvent::Kind;
  const auto note = [&](const BusEvent& event) {
    if (keep_log) log.push_back(event);
  };
  if (held_ar_ && (!pins.arvalid || pins.araddr != last_.araddr || pins.arlen != last_.arlen ||
                   pins.arid != last_.arid)) {
    violate(cycle, "held", "AR changed before it was taken");
  }
  if (held_aw_ && (!pins.awvalid || pins.awaddr != last_.awaddr || pins.awlen != last_.awlen ||
                   pins.awid != last_.awid)) {
    violate(cycle, "held", "AW changed before it was taken");
  }
  if (held_w_ &&
      (!pins.wvalid || pins.wdata != last_.wdata || pins.wstrb != last_.wstrb || pins.wlast != last_.wlast)) {
    violate(cycle, "held", "W changed before it was taken");
  }
  if (!pins.rready || !pins.bready) violate(cycle, "ready", "RREADY or BREADY is not 1");

  if (out_.rvalid && pins.rready) {
    auto& queue = reads_[out_.rid];
    Read& read = queue.front();
    note({Kind::R, cycle, out_.rid, read.at(bytes_), 0, out_.rlast, 0, out_.rresp});
    mid_burst_ = out_.rlast ? -1 : static_cast<int>(out_.rid);
    if (out_.rlast) {
      queue.pop_front();
    } else {
      ++read.beat;
    }
  }
  if (out_.bvalid && pins.bready) {
    auto& queue = answers_[out_.bid];
    note({Kind::B, cycle, out_.bid, queue.front().write.addr, 0, true, 0, out_.bresp});
    if (out_.bresp == 0) apply(queue.front());
    queue.pop_front();
  }
  if (pins.arvalid && out_.arready) {
    check_address(cycle, pins.araddr, pins.arlen, pins.arsize, false);
    note({Kind::Ar, cycle, pins.arid, pins.araddr, pins.arlen, false, 0, 0});
    reads_[pins.arid].push_back(
        {pins.araddr, cycle + timing.read_latency + jitter(timing.read_jitter), pins.arlen, 0});
  }
  if (pins.awvalid && out_.awready) {
    check_address(cycle, pins.awaddr, pins.awlen, pins.awsize, pins.awid == free_id_);
    note({Kind::Aw, cycle, pins.awid, pins.awaddr, pins.awlen, false, 0, 0});
    addresses_.push_back({pins.awid, pins.awlen, pins.awsize, pins.awaddr});
  }
  if (pins.wvalid && out_.wready) {
    note({Kind::W, cycle, 0, 0, 0, pins.wlast, pins.wstrb, 0});
    data_.push_back({Beat{pins.wdata, pins.wstrb, pins.wlast}, cycle});
  }
  match_writes(cycle);
  held_ar_ = pins.arvalid && !out_.arready;
  held_aw_ = pins.awvalid && !out_.awready;
  held_w_ = pins.wvalid && !out_.wready;
  last_ = pins;
}

void AxiMemory::match_writes(std::uint64_t cycle) {
  while (!addresses_.empty() && !data_.empty()) {
    const Write write = addresses_.front();
    current_.push_back(data_.front().first);
    data_.pop_front();
    const bool end = current_.size() == write.len + 1U;
    if (current_.back().last != end)
      violate(cycle, "last", fmt::format("WLAST of the burst at {:#x}", write.addr));
    if ((1U << write.size) < bytes_) {
      const std::uint64_t lanes = ((1ULL << (1U << write.size)) - 1) << (write.addr % bytes_);
      if ((current_.back().strb & ~lanes) != 0)
        violate(cycle, "lanes", fmt::format("strobes at {:#x}", write.addr));
    }
    if (!end) continue;
    answers_[write.id].push_back(
        {cycle + timing.write_latency + jitter(timing.write_jitter), write, std::move(current_)});
    current_.clear();
    addresses_.pop_front();
  }
}

void AxiMemory::apply(const Answer& answer) {
  std::uint64_t addr = answer.write.addr / bytes_ * bytes_;
  for (const Beat& beat : answer.beats) {
    for (unsigned i = 0; i < bytes_; ++i) {
      if ((beat.strb >> i & 1) != 0) memory.set(addr + i, beat.data[i]);
    }
    addr += bytes_;
  }
}

unsigned AxiMemory::reads_in_flight(unsigned id) const {
  const auto it = reads_.find(id);
  return it == reads_.end() ? 0 : static_cast<unsigned>(it->second.size());
}

bool AxiMemory::quiet() const {
  for (const auto& [id, queue] : reads_) {
    if (!queue.empty()) return false;
  }
  for (const auto& [id, queue] : answers_) {
    if (!queue.empty()) return false;
  }
  return addresses_.empty() && data_.empty() && current_.empty();
}

}  // namespace gpudmar::test
