// SPDX-License-Identifier: Apache-2.0
// One slot always stays free: a full ring would look empty. Each submission ends with a wait whose token is
// unique.
#include "driver-model/vtd/invalidation_queue.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "driver-model/hw/regs/vtd_regs.h"
#include "driver-model/vtd/error.h"
#include "driver-model/vtd/unit_pages.h"

namespace gpudmar::vtd {
namespace {

namespace r = regs::vtd;

constexpr std::uint64_t kSlotBytes = 16;
constexpr unsigned kTailWidth = 6;  // codes of newer revisions
constexpr unsigned kTableMode = 7;
constexpr std::uint64_t kGlobal = 1;
constexpr std::uint64_t kDomain = 2;
constexpr std::uint64_t kSelective = 3;     // device of the context cache, pages of the IOTLB
constexpr std::uint64_t kPollInterval = 8;  // cycles between two looks at the head

Descriptor iotlb(std::uint64_t granularity, std::uint16_t domain_id) {
  Descriptor d{};
  r::iotlb_inv_dsc::TYPE.set(d.data(), r::dsc_type::IOTLB);
  r::iotlb_inv_dsc::G.set(d.data(), granularity);
  r::iotlb_inv_dsc::DW.set(d.data(), 1);
  r::iotlb_inv_dsc::DR.set(d.data(), 1);
  r::iotlb_inv_dsc::DID.set(d.data(), domain_id);
  return d;
}

}  // namespace

const char* describe_iqei(unsigned iqei) {
  switch (iqei) {
    case r::iqei::NONE:
      return "no information";
    case r::iqei::TAIL:
      return "tail beyond the queue";
    case r::iqei::FETCH:
      return "descriptor could not be fetched";
    case r::iqei::TYPE:
      return "invalid descriptor type";
    case r::iqei::RESERVED:
      return "reserved field or encoding in a descriptor";
    case r::iqei::WIDTH:
      return "descriptor width unsupported";
    case kTailWidth:
      return "tail not aligned to the descriptor width";
    case kTableMode:
      return "translation table mode unsupported";
    default:
      return "unknown code";
  }
}

Descriptor context_global() {
  Descriptor d{};
  r::cc_inv_dsc::TYPE.set(d.data(), r::dsc_type::CONTEXT);
  r::cc_inv_dsc::G.set(d.data(), kGlobal);
  return d;
}

Descriptor context_device(std::uint16_t domain_id, std::uint16_t source_id) {
  Descriptor d{};
  r::cc_inv_dsc::TYPE.set(d.data(), r::dsc_type::CONTEXT);
  r::cc_inv_dsc::G.set(d.data(), kSelective);
  r::cc_inv_dsc::DID.set(d.data(), domain_id);
  r::cc_inv_dsc::SID.set(d.data(), source_id);
  return d;
}

Descriptor iotlb_global() { return iotlb(kGlobal, 0); }

Descriptor iotlb_domain(std::uint16_t domain_id) { return iotlb(kDomain, domain_id); }

Descriptor iotlb_pages(std::uint16_t domain_id, std::uint64_t page, unsigned mask, bool leaf_only) {
  Descriptor d = iotlb(kSelective, domain_id);
  r::iotlb_inv_dsc::AM.set(d.data(), mask);
  r::iotlb_inv_dsc::IH.set(d.data(), leaf_only ? 1 : 0);
  r::iotlb_inv_dsc::ADDR.set(d.data(), page);
  return d;
}

Descriptor wait_status(hw::PhysAddr address, std::uint32_t data) {
  Descriptor d = wait_nothing();
  r::wait_dsc::SW.set(d.data(), 1);
  r::wait_dsc::STDATA.set(d.data(), data);
  r::wait_dsc::STADDR.set(d.data(), address >> 2);
  return d;
}

Descriptor wait_nothing() {
  Descriptor d{};
  r::wait_dsc::TYPE.set(d.data(), r::dsc_type::WAIT);
  return d;
}

std::vector<PageBlock> cover(const mm::PageRun& run, unsigned max_mask) {
  std::vector<PageBlock> blocks;
  std::uint64_t page = run.first;
  std::uint64_t left = run.count;
  while (left != 0) {
    unsigned mask = 0;
    while (mask < max_mask && (page & ((2ULL << mask) - 1)) == 0 && (2ULL << mask) <= left) ++mask;
    blocks.push_back({page, mask});
    page += 1ULL << mask;
    left -= 1ULL << mask;
  }
  return blocks;
}

InvalidationQueue::InvalidationQueue(Registers& registers, mm::PageAllocator& pages,
                                     std::uint64_t address_limit)
    : registers_(registers), pages_(pages), memory_(pages.memory()), lock_(registers.time()) {
  own_pages_ = unit_pages(pages, 2, address_limit, "the invalidation queue");
  ring_ = own_pages_[0] << hw::kPageShift;
  status_ = own_pages_[1] << hw::kPageShift;
}

InvalidationQueue::~InvalidationQueue() { pages_.free(own_pages_); }

void InvalidationQueue::enable() {
  hw::Mmio& mmio = registers_.mmio();
  if (r::GSTS::QIES.get(mmio.read32(r::GSTS::kOffset)) != 0) disable();
  mmio.write64(r::IQA::kOffset, ring_);  // QS = 0, DW = 0
  mmio.write64(r::IQT::kOffset, 0);
  tail_ = 0;
  free_ = kSlots - 1;
  registers_.set_level(r::GCMD::QIE, true, "QIES");
}

void InvalidationQueue::disable() {
  hw::Mmio& mmio = registers_.mmio();
  const auto tail = static_cast<std::uint32_t>(mmio.read64(r::IQT::kOffset));
  registers_.poll32(r::IQH::kOffset, 0x7FFF0, tail, "the invalidation queue to run empty (IQH = IQT)");
  registers_.set_level(r::GCMD::QIE, false, "QIES");
}

InvalidationSpan InvalidationQueue::submit(const std::vector<Descriptor>& descriptors) {
  const std::lock_guard guard(lock_);
  InvalidationSpan span{registers_.time().now(), 0};
  for (const Descriptor& descriptor : descriptors) put(descriptor);
  put(wait_status(status_, ++token_));
  ring_doorbell();
  wait_for(token_);
  free_ = kSlots - 1;
  span.end = registers_.time().now();
  return span;
}

void InvalidationQueue::put(const Descriptor& descriptor) {
  if (free_ == 0) make_room();
  --free_;
  const hw::PhysAddr slot = ring_ + tail_ * kSlotBytes;
  memory_.store64(slot, descriptor[0]);
  memory_.store64(slot + 8, descriptor[1]);
  memory_.publish(slot, kSlotBytes);
  tail_ = (tail_ + 1) % kSlots;
  count(descriptor);
}

// Every slot up to the head has been fetched (VT-d 5.1): hand over what is written, and wait for some.
void InvalidationQueue::make_room() {
  ring_doorbell();
  const std::uint64_t start = registers_.time().now();
  while (true) {
    const std::uint64_t head = r::IQH::QH.get(registers_.mmio().read64(r::IQH::kOffset));
    free_ = (head + kSlots - tail_ - 1) % kSlots;
    if (free_ != 0) return;
    const std::uint64_t waited = registers_.time().now() - start;
    if (error_.load(std::memory_order_acquire) || waited >= registers_.timeout_cycles())
      throw_stopped(waited);
    registers_.time().wait(kPollInterval);
  }
}

void InvalidationQueue::ring_doorbell() { registers_.mmio().write64(r::IQT::kOffset, r::IQT::QT.put(tail_)); }

void InvalidationQueue::wait_for(std::uint32_t token) {
  const std::uint64_t start = registers_.time().now();
  const auto done = [&] {
    return memory_.load32(status_) == token || error_.load(std::memory_order_acquire);
  };
  registers_.time().wait_until(done, registers_.timeout_cycles());
  memory_.refresh(status_, sizeof(std::uint32_t));
  if (memory_.load32(status_) != token) throw_stopped(registers_.time().now() - start);
}

void InvalidationQueue::throw_stopped(std::uint64_t waited) {
  free_ = 0;  // the next submission asks the unit
  hw::Mmio& mmio = registers_.mmio();
  const std::uint32_t fsts = mmio.read32(r::FSTS::kOffset);
  const std::uint64_t head = r::IQH::QH.get(mmio.read64(r::IQH::kOffset));
  const std::uint64_t tail = r::IQT::QT.get(mmio.read64(r::IQT::kOffset));
  if (r::FSTS::IQE.get(fsts) != 0) {
    const auto iqei = static_cast<unsigned>(r::IQERCD::IQEI.get(mmio.read64(r::IQERCD::kOffset)));
    const hw::PhysAddr slot = ring_ + head * kSlotBytes;
    throw QueueError(
        fmt::format("invalidation queue stopped with IQE, code {} ({}), at slot {} ({:#018x} {:#018x}), "
                    "tail {}",
                    iqei, describe_iqei(iqei), head, memory_.load64(slot), memory_.load64(slot + 8), tail),
        iqei, head);
  }
  throw QueueError(
      fmt::format("invalidation queue: no status write after {} cycles, head {}, tail {}, FSTS {:#x}", waited,
                  head, tail, fsts),
      0, head);
}

void InvalidationQueue::recover() {
  const std::lock_guard guard(lock_);
  hw::Mmio& mmio = registers_.mmio();
  const std::uint64_t head = r::IQH::QH.get(mmio.read64(r::IQH::kOffset));
  const auto iqei = static_cast<unsigned>(r::IQERCD::IQEI.get(mmio.read64(r::IQERCD::kOffset)));
  switch (iqei) {
    case r::iqei::NONE:
    case r::iqei::FETCH:
      break;  // nothing here is wrong: fetch again
    case r::iqei::TAIL:
    case kTailWidth:
      ring_doorbell();
      break;
    case r::iqei::TYPE:
    case r::iqei::RESERVED: {
      const Descriptor nothing = wait_nothing();
      const hw::PhysAddr slot = ring_ + head * kSlotBytes;
      memory_.store64(slot, nothing[0]);
      memory_.store64(slot + 8, nothing[1]);
      memory_.publish(slot, kSlotBytes);
      break;
    }
    default:
      throw QueueError(
          fmt::format("invalidation queue: no repair for code {} ({})", iqei, describe_iqei(iqei)), iqei,
          head);
  }
  error_.store(false, std::memory_order_release);
  mmio.write32(r::FSTS::kOffset, static_cast<std::uint32_t>(r::FSTS::IQE.mask()));
}

void InvalidationQueue::count(const Descriptor& descriptor) {
  const std::uint64_t granularity = r::iotlb_inv_dsc::G.get(descriptor.data());
  switch (descriptor[0] & 0xF) {
    case r::dsc_type::CONTEXT:
      ++counters_.context;
      break;
    case r::dsc_type::IOTLB:
      ++(granularity == kGlobal   ? counters_.iotlb_global
         : granularity == kDomain ? counters_.iotlb_domain
                                  : counters_.iotlb_page);
      break;
    case r::dsc_type::WAIT:
      ++counters_.wait;
      break;
    default:
      break;
  }
}

}  // namespace gpudmar::vtd
