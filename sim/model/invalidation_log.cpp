// SPDX-License-Identifier: Apache-2.0
// The invalidation queue seen from outside, and the scope of what it completed.
#include "sim/model/invalidation_log.h"

#include <fmt/format.h>

#include <algorithm>

namespace gpudmar::model {
namespace {

constexpr std::uint64_t kGcmd = 0x018, kFsts = 0x034, kIqt = 0x088, kIqa = 0x090;
constexpr std::uint32_t kQie = 1U << 26, kIqe = 1U << 4;
constexpr std::size_t kMarksPerScope = 4;

std::uint64_t page_key(std::uint16_t did, std::uint64_t page) { return page << 16 | did; }

/// Pages that an entry of this level maps, as a power of two.
constexpr unsigned entry_pages(unsigned level) { return 9 * (level - 1); }

bool same_scope(const Descriptor& a, const Descriptor& b) {
  return a.granularity == b.granularity && a.did == b.did && a.source_id == b.source_id &&
         a.function_mask == b.function_mask;
}

}  // namespace

void InvalidationLog::register_write(Sequence now, std::uint64_t offset, std::uint64_t value,
                                     unsigned bytes) {
  if (bytes == 8) {
    register_write(now, offset + 4, value >> 32, 4);
    register_write(now, offset, value & 0xFFFF'FFFF, 4);
    return;
  }
  switch (offset) {
    case kGcmd: {
      const bool enable = (value & kQie) != 0;
      if (enable == enabled_) return;
      enabled_ = enable;
      head_ = 0;
      stopped_ = false;
      if (enable) decode(now);
      return;
    }
    case kIqa:
      address_ = (address_ & ~std::uint64_t{0xFFFF'FFFF}) | value;
      head_ = tail_ = 0;
      return;
    case kIqa + 4:
      address_ = (address_ & 0xFFFF'FFFF) | value << 32;
      head_ = tail_ = 0;
      return;
    case kIqt:
      tail_ = value & 0x7'FFF0;
      decode(now);
      return;
    case kFsts:
      // The unit fetches again where it stopped, with whatever software has put there meanwhile.
      if ((value & kIqe) != 0 && stopped_) {
        stopped_ = false;
        decode(now);
      }
      return;
    default:
      return;
  }
}

void InvalidationLog::decode(Sequence now) {
  if (!enabled_ || stopped_) return;
  const std::uint64_t size = std::uint64_t{4096} << (address_ & 7);
  const std::uint64_t base = address_ & ~std::uint64_t{0xFFF};
  if (head_ != tail_ && (tail_ >= size || (address_ & 0x800) != 0)) stopped_ = true;
  while (!stopped_ && head_ != tail_) {
    const auto qw0 = memory_.load64(base + head_);
    const auto qw1 = memory_.load64(base + head_ + 8);
    if (!qw0 || !qw1) {
      stopped_ = true;
      return;
    }
    const Descriptor descriptor = decode_descriptor(config_, *qw0, *qw1);
    if (descriptor.error != QueueError::kNone) {
      stopped_ = true;
      return;
    }
    pending_.push_back({descriptor, now, order_++});
    head_ = (head_ + 16) % size;
  }
}

std::size_t InvalidationLog::pending_waits() const {
  return static_cast<std::size_t>(std::count_if(pending_.begin(), pending_.end(), [](const Pending& p) {
    return p.descriptor.type == DescriptorType::kWait && p.descriptor.status_write;
  }));
}

std::vector<CompletedInvalidation> InvalidationLog::status_write(Sequence now, std::uint64_t pa,
                                                                 std::uint32_t data, std::string* error) {
  std::vector<CompletedInvalidation> done;
  const auto next = std::find_if(pending_.begin(), pending_.end(), [](const Pending& p) {
    return p.descriptor.type == DescriptorType::kWait && p.descriptor.status_write;
  });
  if (next == pending_.end()) {
    *error = fmt::format("status {:#x} written to {:#x}, but no wait descriptor is outstanding", data, pa);
    return done;
  }
  const Descriptor wait = next->descriptor;
  if (wait.status_address != pa || wait.status_data != data) {
    *error = fmt::format("status {:#x} written to {:#x}; the next wait descriptor asks for {:#x} at {:#x}",
                         data, pa, wait.status_data, wait.status_address);
    return done;
  }
  while (!pending_.empty()) {
    const Pending pending = pending_.front();
    pending_.pop_front();
    if (pending.descriptor.type != DescriptorType::kWait) {
      done.push_back({pending.descriptor, pending.tail, now, pending.order});
      complete(done.back());
    } else if (pending.descriptor.status_write) {
      ++waits_;
      break;
    }
  }
  return done;
}

void InvalidationLog::remember(Marks& marks, const CompletedInvalidation& invalidation) {
  marks.push_back(invalidation);
  if (marks.size() > kMarksPerScope) marks.erase(marks.begin());
}

void InvalidationLog::complete(const CompletedInvalidation& invalidation) {
  const Descriptor& d = invalidation.descriptor;
  ++invalidations_;
  if (d.type == DescriptorType::kContext) {
    // A scope's older invalidation still counts for IOTLB invalidations that stood before the newer one, but
    // those have their own, older marks: the two newest of a scope are enough.
    std::size_t same = 0;
    for (auto it = contexts_.rbegin(); it != contexts_.rend(); ++it) {
      if (same_scope(it->descriptor, d) && ++same == 2) {
        contexts_.erase(std::next(it).base());
        break;
      }
    }
    contexts_.push_back(invalidation);
  } else if (d.type == DescriptorType::kIotlb) {
    switch (d.granularity) {
      case Granularity::kGlobal:
        return remember(global_, invalidation);
      case Granularity::kDomain:
        return remember(domains_[d.did], invalidation);
      default:
        for (unsigned level = 2; level <= kLevels && !d.leaf_only; ++level) {
          const unsigned size = entry_pages(level);
          if (d.address_mask < size)
            remember(upper_[level][page_key(d.did, d.address >> 12 >> size)], invalidation);
        }
        return remember(pages_[d.address_mask][page_key(d.did, d.address >> 12 >> d.address_mask)],
                        invalidation);
    }
  }
}

Sequence InvalidationLog::context_floor(std::uint16_t source_id, std::uint16_t did,
                                        std::uint64_t before) const {
  Sequence floor = 0;
  for (const CompletedInvalidation& c : contexts_) {
    if (c.order < before && c.descriptor.covers_context(did, source_id)) floor = std::max(floor, c.tail);
  }
  return floor;
}

void InvalidationLog::apply(const Marks& marks, std::uint16_t source_id, std::uint16_t did, bool is_write,
                            Sequence arrival, Floors& floors) const {
  for (const CompletedInvalidation& mark : marks) {
    const bool drained = is_write ? mark.descriptor.drain_writes : mark.descriptor.drain_reads;
    if (arrival < mark.done && !drained) continue;
    floors.leaf = std::max(floors.leaf, mark.tail);
    if (!mark.descriptor.leaf_only || mark.descriptor.granularity != Granularity::kSelective) {
      floors.upper = std::max(floors.upper, mark.tail);
    }
    // A cached translation outlives the context invalidation alone; what the later IOTLB invalidation leaves
    // can only come from a context entry fetched after the former (VT-d 4.5).
    floors.context = std::max(floors.context, context_floor(source_id, did, mark.order));
  }
}

Floors InvalidationLog::floors(std::uint16_t source_id, std::uint16_t did, std::uint64_t address,
                               unsigned page_shift, bool is_write, Sequence arrival) const {
  Floors result;
  apply(global_, source_id, did, is_write, arrival, result);
  if (const auto it = domains_.find(did); it != domains_.end()) {
    apply(it->second, source_id, did, is_write, arrival, result);
  }
  for (unsigned mask = 0; mask < pages_.size(); ++mask) {
    const auto& scopes = pages_[mask];
    if (scopes.empty()) continue;
    if (12 + mask >= page_shift) {
      if (const auto it = scopes.find(page_key(did, mask + 12 >= 64 ? 0 : address >> 12 >> mask));
          it != scopes.end()) {
        apply(it->second, source_id, did, is_write, arrival, result);
      }
      continue;
    }
    for (const auto& [key, marks] : scopes) {  // a large page is hit by every range inside it
      if (marks.back().descriptor.covers_page(did, address, page_shift)) {
        apply(marks, source_id, did, is_write, arrival, result);
      }
    }
  }
  return result;
}

std::vector<UpperCut> InvalidationLog::upper_cuts(std::uint16_t did, std::uint64_t address, bool is_write,
                                                  Sequence arrival) const {
  std::vector<UpperCut> cuts;
  for (unsigned level = 2; level <= kLevels; ++level) {
    const auto it = upper_[level].find(page_key(did, address >> 12 >> entry_pages(level)));
    if (it == upper_[level].end()) continue;
    for (const CompletedInvalidation& mark : it->second) {
      const bool drained = is_write ? mark.descriptor.drain_writes : mark.descriptor.drain_reads;
      if (arrival >= mark.done || drained) cuts.push_back({level, mark.tail, mark.done});
    }
  }
  std::sort(cuts.begin(), cuts.end(), [](const UpperCut& a, const UpperCut& b) { return a.tail < b.tail; });
  return cuts;
}

}  // namespace gpudmar::model
