// SPDX-License-Identifier: Apache-2.0
#include "sim/model/cycle/caches.h"

namespace gpudmar::model::cycle {
namespace {

constexpr std::uint64_t kPageMask = (1ULL << (kGuestBits - 12)) - 1;

std::uint64_t tag_mask(unsigned size) { return kPageMask & ~((1ULL << (9 * size)) - 1); }

bool taken(const Translation& entry, const Flush& flush) {
  if (!flush.pages) return false;
  if (flush.granularity == 1) return true;
  if (entry.did != flush.did) return false;
  return flush.granularity == 2 || ((entry.page ^ flush.page) & flush.mask & tag_mask(entry.size)) == 0;
}

bool taken(const ContextCache::Entry& entry, const Flush& flush) {
  if (!flush.contexts) return false;
  if (flush.granularity == 1) return true;
  if (flush.granularity == 2) return entry.context.did == flush.did;
  return ((entry.sid ^ flush.sid) & ~flush.functions & 0xFFFF) == 0;
}

template <typename Entry, typename Gone>
void drop(std::vector<std::optional<Entry>>& entries, const Gone& gone) {
  for (auto& entry : entries)
    if (entry && gone(*entry)) entry.reset();
}

}  // namespace

std::optional<Translation> Iotlb::find(std::uint16_t did, std::uint64_t page) const {
  page &= kPageMask;
  for (const auto& entry : entries_) {
    if (!entry || entry->did != did || ((entry->page ^ page) & tag_mask(entry->size)) != 0) continue;
    Translation found = *entry;
    const std::uint64_t low = (1ULL << (9 * entry->size)) - 1;
    found.frame = (entry->frame & ~low) | (page & low);
    return found;
  }
  return std::nullopt;
}

// The place of an entry that the fill overlaps, else the lowest free one, else the next in turn; the turn
// moves on only when its place is used.
void Iotlb::step(const std::optional<Translation>& fill, const Flush& flush) {
  std::optional<unsigned> place, free;
  const auto overlaps = [&](const Translation& entry) {
    return entry.did == fill->did &&
           ((entry.page ^ fill->page) & tag_mask(entry.size) & tag_mask(fill->size)) == 0;
  };
  const bool fills = fill && !taken(*fill, flush);
  if (fills) {
    for (unsigned i = 0; i < entries_.size(); ++i) {
      if (entries_[i] && overlaps(*entries_[i]) && !place) place = i;
      if (!entries_[i] && !free) free = i;
    }
    if (!place) place = free ? *free : next_;
  }
  drop(entries_, [&](const Translation& entry) { return taken(entry, flush) || (fills && overlaps(entry)); });
  if (fills) {
    entries_[*place] = *fill;
    if (*place == next_) next_ = (next_ + 1) % static_cast<unsigned>(entries_.size());
  }
}

std::optional<Context> ContextCache::find(std::uint16_t sid) const {
  for (const auto& entry : entries_)
    if (entry && entry->sid == sid) return entry->context;
  return std::nullopt;
}

// A fill that meets any flush of contexts is dropped; a tag that is there is replaced in place.
void ContextCache::step(const std::optional<Entry>& fill, const Flush& flush) {
  if (flush.contexts) {
    drop(entries_, [&](const Entry& entry) { return taken(entry, flush); });
    return;
  }
  if (!fill) return;
  for (auto& entry : entries_) {
    if (entry && entry->sid == fill->sid) {
      entry = *fill;
      return;
    }
  }
  entries_[next_] = *fill;
  next_ = (next_ + 1) % static_cast<unsigned>(entries_.size());
}

bool PagingCache::taken(const Entry& entry, const Flush& flush) const {
  if (!flush.pages) return false;
  if (flush.granularity == 1) return true;
  if (entry.did != flush.did) return false;
  if (flush.granularity == 2) return true;
  return !flush.leaves_only && same((entry.page ^ flush.page) & flush.mask, 0);
}

std::optional<PagingCache::Entry> PagingCache::find(std::uint16_t did, std::uint64_t page,
                                                    const Flush& flush) const {
  page &= kPageMask;
  for (const auto& entry : entries_)
    if (entry && entry->did == did && same(entry->page, page) && !taken(*entry, flush)) return entry;
  return std::nullopt;
}

void PagingCache::step(const std::optional<Entry>& fill, const Flush& flush) {
  const bool fills = fill && !taken(*fill, flush);
  std::optional<unsigned> place;
  if (fills) {
    for (unsigned i = 0; i < entries_.size(); ++i)
      if (entries_[i] && entries_[i]->did == fill->did && same(entries_[i]->page, fill->page)) place = i;
  }
  drop(entries_, [&](const Entry& entry) { return taken(entry, flush); });
  if (!fills) return;
  if (!place) {
    place = next_;
    next_ = (next_ + 1) % static_cast<unsigned>(entries_.size());
  }
  entries_[*place] = *fill;
}

}  // namespace gpudmar::model::cycle
