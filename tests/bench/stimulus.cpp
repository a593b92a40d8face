// SPDX-License-Identifier: Apache-2.0
// The stimulus of the speed rows.
#include "tests/bench/stimulus.h"

#include <stdexcept>

#include "driver-model/hw/regs/dma_regs.h"
#include "driver-model/hw/regs/vtd_regs.h"

namespace gpudmar::bench {
namespace {

namespace dma = regs::dma;
namespace vtd = regs::vtd;

constexpr unsigned kGpus = 2;
constexpr std::uint64_t kPages = 512;            // of data, for each engine
constexpr std::uint64_t kIova = 0x40'0000'0000;  // below 2^40, as the engines can drive
constexpr std::uint64_t kRingPage = kPages;      // behind the data
constexpr std::uint64_t kFencePage = kPages + 1;
constexpr std::uint64_t kPool = 0x2000'0000;
constexpr unsigned kRingLog2 = 6;  // one page of descriptors
constexpr std::uint64_t kBlock = 16 * 1024;
constexpr std::uint64_t kQueueEntries = 256;
constexpr std::uint64_t kLimit = 1'000'000;  // cycles that anything may take

}  // namespace

std::uint64_t Stimulus::new_page() {
  const std::uint64_t page = next_page_;
  next_page_ += hw::kPageSize;
  for (std::uint64_t i = 0; i < hw::kPageSize; i += 8) platform_.memory->store64(page + i, 0);
  platform_.memory->publish(page, hw::kPageSize);
  return page;
}

void Stimulus::store(std::uint64_t address, std::uint64_t value) {
  platform_.memory->store64(address, value);
  platform_.memory->publish(address, 8);
}

void Stimulus::wait(const std::function<bool()>& done, const char* what) {
  if (!platform_.time->wait_until(done, kLimit))
    throw std::runtime_error(std::string("stimulus: waited too long for ") + what);
}

// Scattered: neighbours in the engine's view are none in memory.
std::uint64_t Stimulus::page_of(unsigned gpu, std::uint64_t index) const {
  return kPool + (gpu * 2 * kPages + index * 37 % (2 * kPages)) * hw::kPageSize;
}

void Stimulus::map(std::uint64_t table, std::uint64_t iova, std::uint64_t pa) {
  for (unsigned level = 4; level > 1; --level) {
    const std::uint64_t at = table + (iova >> (3 + 9 * level) & 511) * 8;
    if ((platform_.memory->load64(at) & 3) == 0) store(at, new_page() | 3);
    table = platform_.memory->load64(at) & ~std::uint64_t{0xFFF};
  }
  store(table + (iova >> 12 & 511) * 8, pa | 3);
}

void Stimulus::command(std::uint32_t value, std::uint32_t status) {
  platform_.iommu->write32(vtd::GCMD::kOffset, value);
  for (unsigned tries = 0; (platform_.iommu->read32(vtd::GSTS::kOffset) & status) == 0; ++tries)
    if (tries == 1000) throw std::runtime_error("stimulus: a command has no effect");
}

void Stimulus::start() {
  root_ = new_page();
  queue_ = new_page();
  status_ = new_page();
  for (unsigned gpu = 0; gpu < kGpus; ++gpu) {
    const std::uint16_t sid = platform_.functions.at(gpu).source_id;
    const std::uint64_t contexts = new_page();
    const std::uint64_t table = new_page();
    for (std::uint64_t i = 0; i < kPages + 2; ++i) map(table, kIova + i * hw::kPageSize, page_of(gpu, i));
    store(contexts + (sid & 0xFFU) * 16 + 8, std::uint64_t{gpu + 1} << 8 | 2);
    store(contexts + (sid & 0xFFU) * 16, table | 1);
    store(root_ + (sid >> 8U) * 16, contexts | 1);
    ring_[gpu] = page_of(gpu, kRingPage);
    fence_[gpu] = page_of(gpu, kFencePage);
    for (std::uint64_t i = 0; i < kPages * hw::kPageSize; i += 8)
      platform_.memory->store64(page_of(gpu, i / hw::kPageSize) + i % hw::kPageSize,
                                i * 0x9E37'79B9'7F4A'7C15 + gpu);
  }
  platform_.iommu->write64(vtd::RTADDR::kOffset, root_);
  platform_.iommu->write64(vtd::IQA::kOffset, queue_);
  const auto qie = static_cast<std::uint32_t>(vtd::GCMD::QIE.mask());
  const auto te = static_cast<std::uint32_t>(vtd::GCMD::TE.mask());
  command(static_cast<std::uint32_t>(vtd::GCMD::SRTP.mask()),
          static_cast<std::uint32_t>(vtd::GSTS::RTPS.mask()));
  command(qie, static_cast<std::uint32_t>(vtd::GSTS::QIES.mask()));
  command(qie | te, static_cast<std::uint32_t>(vtd::GSTS::TES.mask()));
  for (unsigned gpu = 0; gpu < kGpus; ++gpu) {
    hw::Mmio& bar = *platform_.functions[gpu].bar0;
    bar.write32(dma::CFG_COMMAND::kOffset, 3);
    bar.write64(dma::CH_RING_BASE::kOffset, kIova + kRingPage * hw::kPageSize);
    bar.write32(dma::CH_RING_CFG::kOffset,
                static_cast<std::uint32_t>(dma::CH_RING_CFG::SIZE_LOG2.put(kRingLog2) |
                                           dma::CH_RING_CFG::SPACE.put(dma::space::LOGICAL)));
    bar.write32(dma::CH_CTRL::kOffset, 1);
  }
}

void Stimulus::push(unsigned gpu, const Descriptor& descriptor) {
  const std::uint64_t at = ring_[gpu] + ring_tail_[gpu] * 64U;
  for (unsigned i = 0; i < 8; ++i) platform_.memory->store64(at + i * 8, descriptor[i]);
  platform_.memory->publish(at, 64);
  ring_tail_[gpu] = (ring_tail_[gpu] + 1) % (1U << kRingLog2);
}

void Stimulus::work(unsigned gpu, unsigned batch) {
  const auto copy = [&](std::uint64_t from_space, std::uint64_t from, std::uint64_t to_space,
                        std::uint64_t to, std::uint64_t bytes) {
    Descriptor d{};
    dma::descriptor::OPCODE.set(d.data(), dma::opcode::COPY);
    dma::descriptor::SRC_SPACE.set(d.data(), from_space);
    dma::descriptor::SRC.set(d.data(), from);
    dma::descriptor::DST_SPACE.set(d.data(), to_space);
    dma::descriptor::DST.set(d.data(), to);
    dma::descriptor::LENGTH.set(d.data(), bytes - 1);
    push(gpu, d);
  };
  // Blocks of whole pages in, out to other pages, and between them small and unaligned pieces.
  const std::uint64_t blocks = kPages * hw::kPageSize / kBlock / 2;
  const std::uint64_t source = kIova + batch % blocks * kBlock;
  const std::uint64_t target = kIova + (blocks + batch % blocks) * kBlock;
  const std::uint64_t local = batch % 64 * 2 * kBlock;
  copy(dma::space::LOGICAL, source, dma::space::VRAM, local, kBlock);
  copy(dma::space::VRAM, local + kBlock, dma::space::LOGICAL, target, kBlock);
  for (unsigned i = 0; i < 8; ++i) {
    copy(dma::space::LOGICAL, source + i * 2048, dma::space::LOGICAL, target + i * 1024, 64);
    copy(dma::space::LOGICAL, source + i * 512 + 5, dma::space::VRAM, local + kBlock + i * 1024 + 11, 700);
  }
  Descriptor d{};
  dma::descriptor::OPCODE.set(d.data(), dma::opcode::FENCE);
  dma::descriptor::DST_SPACE.set(d.data(), dma::space::LOGICAL);
  dma::descriptor::DST.set(d.data(), kIova + kFencePage * hw::kPageSize);
  dma::descriptor::SRC_SLICE.set(d.data(), ++fence_value_[gpu]);
  push(gpu, d);
  platform_.functions[gpu].bar0->write32(dma::CH_TAIL::kOffset, ring_tail_[gpu]);
}

// Some pages of both domains, one wait.
void Stimulus::invalidate() {
  const auto append = [&](std::uint64_t low, std::uint64_t high) {
    const std::uint64_t at = queue_ + queue_tail_ * 16;
    platform_.memory->store64(at, low);
    platform_.memory->store64(at + 8, high);
    platform_.memory->publish(at, 16);
    queue_tail_ = (queue_tail_ + 1) % kQueueEntries;
  };
  const std::uint64_t page = kIova + batch_ % (kPages * hw::kPageSize / kBlock) * kBlock;
  for (unsigned gpu = 0; gpu < kGpus; ++gpu)
    append(0xF2 | std::uint64_t{gpu + 1} << 16, page | 2);  // a block of 4 pages, drained
  append(0x25 | std::uint64_t{++status_value_} << 32, status_);
  platform_.iommu->write32(vtd::IQT::kOffset, static_cast<std::uint32_t>(queue_tail_ * 16));
  wait([this] { return platform_.memory->load32(status_) == status_value_; }, "an invalidation");
}

void Stimulus::round(unsigned batches) {
  for (unsigned i = 0; i < batches; ++i, ++batch_) {
    for (unsigned gpu = 0; gpu < kGpus; ++gpu) work(gpu, batch_);
    wait(
        [this] {
          return platform_.memory->load64(fence_[0]) == fence_value_[0] &&
                 platform_.memory->load64(fence_[1]) == fence_value_[1];
        },
        "the fences");
    invalidate();
  }
}

std::uint64_t Stimulus::digest() const {
  std::uint64_t digest = 0;
  for (unsigned gpu = 0; gpu < kGpus; ++gpu)
    for (std::uint64_t i = 0; i < kPages * hw::kPageSize; i += 8)
      digest = (digest ^ platform_.memory->load64(page_of(gpu, i / hw::kPageSize) + i % hw::kPageSize)) *
               0x0000'0100'0000'01B3;
  return digest;
}

}  // namespace gpudmar::bench
