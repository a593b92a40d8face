// SPDX-License-Identifier: Apache-2.0
// See queue_checker.h.
#include "sim/contract/queue_checker.h"

#include <algorithm>
#include <cstring>

namespace gpudmar::sim {
namespace {

// Registers (VT-d 11.4), and what is read of descriptors (VT-d 5.x).
constexpr std::uint32_t kIqt = 0x88;
constexpr std::uint32_t kIqa = 0x90;
constexpr std::uint64_t kTypeIotlb = 2;
constexpr std::uint64_t kTypeWait = 5;
constexpr std::uint64_t kGranularityPage = 3;
constexpr std::uint64_t kWaitStatus = 1ULL << 5;
constexpr std::uint64_t kQueueWide = 1ULL << 11;  // IQA.DW: 256-bit descriptors
constexpr std::uint64_t kBytes = 16;

std::uint64_t type(std::uint64_t low) { return low & 0xF; }
bool writes_status(std::uint64_t low) { return type(low) == kTypeWait && (low & kWaitStatus) != 0; }
bool by_page(std::uint64_t low) { return (low >> 4 & 3) == kGranularityPage; }
unsigned address_mask(const std::array<std::uint64_t, 2>& d) {
  return by_page(d[0]) ? static_cast<unsigned>(d[1] & 0x3F) : 0;
}

}  // namespace

void QueueChecker::reset() {
  reads_.clear();
  seen_.clear();
  batch_.reset();
  base_ = tail_ = 0;
  busy_ = false;
}

void QueueChecker::disturb() {
  if (batch_) batch_->valid = false;
}

void QueueChecker::take(const Read& read, const BeatData& data) {
  const std::uint64_t address = beat_address(read.address, read.size, read.beat);
  const std::uint64_t line = address & ~std::uint64_t{setup_.bus_bytes - 1};
  const std::uint64_t lanes = beat_lanes(address, read.size, setup_.bus_bytes);
  for (unsigned lane = 0; lane < setup_.bus_bytes; lane += 8) {
    if ((lanes >> lane & 0xFF) != 0xFF) continue;
    const std::uint64_t offset = line + lane - start();
    std::memcpy(&seen_[offset / kBytes * kBytes][offset / 8 % 2], data.data() + lane, 8);
  }
}

void QueueChecker::table_bus(const CycleView& view) {
  const AxiMasterOut& m = view.out.table;
  const AxiSlaveOut& s = view.in.table;
  if (s.rvalid && m.rready && s.rid == setup_.queue_id && !reads_.empty()) {
    Read& read = reads_.front();  // one id: in order
    // A beat a cycle is the bus's time; what they come later is memory's.
    const std::uint64_t latency = view.cycle - read.cycle;
    if (batch_)
      batch_->latency = std::max(batch_->latency, latency - std::min(latency, read.behind + read.beat));
    if (busy_) take(read, s.rdata);
    ++read.beat;
    if (s.rlast) reads_.pop_front();
  }
  if (m.arvalid && s.arready) {
    if (m.arid == setup_.queue_id) {
      std::uint64_t behind = 0;
      for (const Read& read : reads_) behind += read.beats - read.beat;
      reads_.push_back({view.cycle, m.araddr, m.arsize, m.arlen + 1U, 0, behind});
      if (batch_) ++batch_->reads;
    } else {
      disturb();
    }
  }
  if (m.awvalid) write_address_ = m.awaddr;
  if (m.wvalid && s.wready) status_write(view.cycle, write_address_, m);
}

// The status of the last descriptor that was handed over: everything before it has been executed.
void QueueChecker::status_write(std::uint64_t cycle, std::uint64_t address, const AxiMasterOut& bus) {
  if (!busy_) return;
  const auto last = seen_.find((tail_ + bytes() - kBytes) % bytes());
  if (last == seen_.end() || !writes_status(last->second[0])) return;
  std::uint32_t written = 0;
  std::memcpy(&written, bus.wdata.data() + (address & (setup_.bus_bytes - 1) & ~std::uint64_t{3}), 4);
  if ((last->second[1] & ~std::uint64_t{3}) != address || written != last->second[0] >> 32) return;
  if (batch_ && batch_->valid) measure(cycle);
  batch_.reset();
  seen_.clear();
  busy_ = false;
}

void QueueChecker::measure(std::uint64_t cycle) {
  const Batch& batch = *batch_;
  std::uint64_t extra = 0;
  bool ranges = false;
  for (unsigned i = 0; i + 1 < batch.count; ++i) {
    const auto found = seen_.find((batch.first + i * kBytes) % bytes());
    if (found == seen_.end() || type(found->second[0]) != kTypeIotlb) return;
    const unsigned mask = address_mask(found->second);
    ranges = ranges || mask != 0;
    if (!by_page(found->second[0])) extra += setup_.scrub;
    if (i != 0) extra += std::max<std::uint64_t>(2, kBytes / setup_.bus_bytes);
    if (mask != 0)
      extra += mask < 32 ? std::min<std::uint64_t>(1ULL << mask, setup_.iotlb_sets) : setup_.iotlb_sets;
  }
  const Occurrence of{batch.cycle, cycle, batch.reads, batch.latency, 0, extra, 0};
  if (batch.count == 2 && batch.reads == 1 && !ranges) {
    measurements_.record(PromiseKind::kInvalidate, of);
  } else if (batch.count > 2) {
    measurements_.record(PromiseKind::kInvalidateBatch, of);
  }
}

void QueueChecker::tail_write(std::uint64_t cycle, std::uint64_t tail, bool quiet) {
  const std::uint64_t old = tail_;
  tail_ = tail % bytes();
  const bool was_busy = busy_;
  batch_.reset();
  if (tail_ == old) return;
  busy_ = true;
  const auto count = static_cast<unsigned>((tail_ + bytes() - old) % bytes() / kBytes);
  if (!quiet || was_busy || (base_ & kQueueWide) != 0 || count < 2) return;
  batch_ = Batch{cycle, old, count, 0, 0, true};
}

void QueueChecker::register_write(const CycleView& view, bool quiet) {
  const AxiLiteMasterOut& m = view.in.iommu;
  if (m.awaddr == kIqa) {
    for (unsigned i = 0; i < 8; ++i) {
      const std::uint64_t lane = 0xFFULL << (8 * i);
      if ((m.wstrb >> i) & 1U) base_ = (base_ & ~lane) | (m.wdata & lane);
    }
    reads_.clear();
    seen_.clear();
    batch_.reset();
    tail_ = 0;
    busy_ = false;
  } else if (m.awaddr == kIqt && (m.wstrb & 0xFU) != 0) {
    tail_write(view.cycle, m.wdata & 0x7FFF0, quiet);
  } else {
    disturb();
  }
}

}  // namespace gpudmar::sim
