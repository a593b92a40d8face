// SPDX-License-Identifier: Apache-2.0
// Registers, tables and rings of the unit.
#include "tests/bench/dma_unit.h"

#include <fmt/format.h>

#include <stdexcept>

#include "driver-model/hw/regs/vtd_regs.h"

namespace gpudmar::bench {
namespace {

namespace dma = regs::dma;

constexpr unsigned kMaxBurst = 16;
constexpr unsigned kTableBurst = 256;
constexpr std::uint64_t kTables = 0x0100'0000;
constexpr std::uint64_t kPage = 4096, kLargePage = 0x20'0000;
constexpr unsigned kBus = 1;  // the adapter's source-id is 01:00.0
constexpr std::uint64_t kDomain = 7;
constexpr std::uint64_t kReadWrite = 3, kPageSize = 1 << 7;
constexpr unsigned kAnswer = 1000;  // cycles that a register access may take

std::uint64_t reg(std::uint64_t offset, unsigned channel) {
  return offset + std::uint64_t{channel} * test::kChannelStride;
}

}  // namespace

DmaUnit::DmaUnit(const Top& top, unsigned latency)
    : host("host", top.bus_bytes, kMaxBurst, ~0ULL, ~0U, 1),
      vram("vram", top.bus_bytes, kMaxBurst, ~0ULL, ~0U, 2),
      table("table", top.bus_bytes, kTableBurst, ~0ULL, ~0U, 3),
      top_(top),
      next_table_(kTables) {
  for (test::AxiMemory* port : {&host, &vram, &table}) port->timing.read_latency = latency;
  table.keep_log = false;
  root_ = new_table();
  const std::uint64_t contexts = new_table();
  top_table_ = new_table();
  table.memory.set64(root_ + 16 * kBus, contexts | 1);
  table.memory.set64(contexts, top_table_ | 1);
  table.memory.set64(contexts + 8, 2 | kDomain << 8);  // 4 levels
}

void DmaUnit::tick() {
  clock(cycle_);
  ++cycle_;
}

void DmaUnit::run(std::uint64_t cycles) {
  for (std::uint64_t i = 0; i < cycles; ++i) tick();
}

std::uint64_t DmaUnit::new_table() {
  const std::uint64_t at = next_table_;
  next_table_ += kPage;
  return at;
}

void DmaUnit::map(std::uint64_t iova, std::uint64_t pa, bool large) {
  std::uint64_t at = top_table_;
  const unsigned leaf = large ? 1 : 0;
  for (unsigned level = 3; level > leaf; --level) {
    const std::uint64_t entry = at + 8 * (iova >> (12 + 9 * level) & 0x1ff);
    if (table.memory.get64(entry) == 0) table.memory.set64(entry, new_table() | kReadWrite);
    at = table.memory.get64(entry) & ~(kPage - 1);
  }
  table.memory.set64(at + 8 * (iova >> (12 + 9 * leaf) & 0x1ff), pa | kReadWrite | (large ? kPageSize : 0));
  (large ? large_pages_[iova / kLargePage] : pages_[iova / kPage]) = pa;
}

std::uint64_t DmaUnit::physical(std::uint64_t logical) const {
  if (pages_.empty() && large_pages_.empty()) return logical;
  const auto small = pages_.find(logical / kPage);
  if (small != pages_.end()) return small->second + logical % kPage;
  return large_pages_.at(logical / kLargePage) + logical % kLargePage;
}

void DmaUnit::enable_translation() {
  // Root table, then translation on. Both take a few cycles and have no answer to wait for but time.
  write(iommu_, regs::vtd::RTADDR::kOffset, root_, 8);
  write(iommu_, regs::vtd::GCMD::kOffset, 1ULL << 30, 4);
  run(50);
  write(iommu_, regs::vtd::GCMD::kOffset, 1ULL << 31, 4);
  run(50);
}

void DmaUnit::write(LitePins& port, std::uint64_t offset, std::uint64_t value, unsigned bytes) {
  port.awvalid = port.wvalid = true;
  port.addr = static_cast<std::uint16_t>(offset);
  port.wdata = value << (8 * (offset % 8));
  port.wstrb = static_cast<std::uint8_t>(((1U << bytes) - 1) << (offset % 8));
  for (unsigned i = 0; i < kAnswer; ++i) {
    tick();
    if (port.awready) port.awvalid = false;
    if (port.wready) port.wvalid = false;
    if (port.bvalid) return;
  }
  throw std::runtime_error(fmt::format("cycle {}: no answer to a register write", cycle_));
}

std::uint32_t DmaUnit::read32(std::uint64_t offset) {
  gpu_.arvalid = true;
  gpu_.addr = static_cast<std::uint16_t>(offset & ~7ULL);
  for (unsigned i = 0; i < kAnswer; ++i) {
    tick();
    if (gpu_.arready) gpu_.arvalid = false;
    if (gpu_.rvalid) return static_cast<std::uint32_t>(gpu_.rdata >> (8 * (offset % 8)));
  }
  throw std::runtime_error(fmt::format("cycle {}: no answer to a register read", cycle_));
}

void DmaUnit::start(unsigned space, std::uint64_t base, unsigned size_log2, unsigned channel,
                    unsigned weight) {
  rings_.at(channel) = {space, base, 1U << size_log2, 0};
  write(gpu_, dma::CFG_COMMAND::kOffset, dma::CFG_COMMAND::BUS_MASTER.put(1), 4);
  write(gpu_, reg(dma::CH_RING_BASE::kOffset, channel), base, 8);
  write(gpu_, reg(dma::CH_RING_CFG::kOffset, channel),
        dma::CH_RING_CFG::SIZE_LOG2.put(size_log2) | dma::CH_RING_CFG::SPACE.put(space), 4);
  write(gpu_, reg(dma::CH_CFG::kOffset, channel), dma::CH_CFG::WEIGHT.put(weight), 4);
  write(gpu_, reg(dma::CH_CTRL::kOffset, channel), dma::CH_CTRL::ENABLE.put(1), 4);
}

void DmaUnit::push(const test::Descriptor& descriptor, unsigned channel) {
  Ring& ring = rings_.at(channel);
  test::AxiMemory& memory = ring.space == dma::space::VRAM ? vram : host;
  for (unsigned i = 0; i < descriptor.qw.size(); ++i) {
    const std::uint64_t at = ring.base + ring.tail * 64ULL + i * 8ULL;
    memory.memory.set64(ring.space == dma::space::VRAM ? at : physical(at), descriptor.qw[i]);
  }
  ring.tail = (ring.tail + 1) % ring.size;
}

void DmaUnit::doorbell(unsigned channel) {
  write(gpu_, reg(dma::CH_TAIL::kOffset, channel), rings_.at(channel).tail, 4);
}

void DmaUnit::settle(std::uint64_t limit, unsigned channel) {
  const std::uint64_t end = cycle_ + limit;
  for (;;) {
    const std::uint32_t status = read32(reg(dma::CH_STATUS::kOffset, channel));
    if (dma::CH_STATUS::ERROR.get(status) != 0)
      throw std::runtime_error(fmt::format("the channel stopped with error {:#x}",
                                           read32(reg(dma::CH_ERR_INFO::kOffset, channel))));
    if (dma::CH_STATUS::IDLE.get(status) != 0) break;
    if (cycle_ > end) throw std::runtime_error(fmt::format("work takes more than {} cycles", limit));
    run(100);
  }
  check_rules();
}

void DmaUnit::check_rules() const {
  for (const test::AxiMemory* port : {&host, &vram, &table})
    if (!port->violations.empty()) throw std::runtime_error(port->violations.front());
}

}  // namespace gpudmar::bench
