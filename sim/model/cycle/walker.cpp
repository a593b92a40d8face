// SPDX-License-Identifier: Apache-2.0
#include "sim/model/cycle/walker.h"

namespace gpudmar::model::cycle {
namespace {

constexpr std::uint64_t kPageMask = (1ULL << (kGuestBits - 12)) - 1;

std::uint64_t entry_address(std::uint64_t table, std::uint64_t page, unsigned level) {
  return (table << 12) | (((page >> (9 * (level - 1))) & 511) << 3);
}

}  // namespace

Walker::Walker(const Config& config, const ContextCache& contexts, const std::array<PagingCache, 3>& paging)
    : config_(config),
      contexts_(contexts),
      paging_(paging),
      walks_(config.walks + config.hint_walks),
      asks_(config.walks + config.hint_walks) {}

bool Walker::reading(const Walk& walk) {
  return walk.state == State::kRootRead || walk.state == State::kContextRead ||
         walk.state == State::kPageRead;
}

// It may have read second-stage entries.
bool Walker::paging(const Walk& walk) {
  return walk.state == State::kPageAsk || walk.state == State::kPageRead;
}

// The flush covers something that the walk has read.
bool Walker::kills(const Walk& walk) const {
  if (now_.contexts_flushed) return true;
  const Flush& flush = now_.flush;
  if (!flush.pages || !paging(walk)) return false;
  if (flush.granularity == 1) return true;
  if (walk.did != flush.did) return false;
  return flush.granularity == 2 || !flush.leaves_only ||
         ((walk.page ^ flush.page) & flush.mask & kPageMask) == 0;
}

// A flush of pages within the largest page around the walk's.
bool Walker::near(const Walk& walk) const {
  const Flush& flush = now_.flush;
  return flush.pages && flush.granularity == 3 && paging(walk) && walk.did == flush.did &&
         (((walk.page ^ flush.page) & flush.mask & kPageMask) >> 18) == 0;
}

bool Walker::wants(const Walk& walk) const { return walk.valid && !kills(walk) && !reading(walk); }

bool Walker::idle() const {
  for (const Walk& walk : walks_)
    if (walk.valid) return false;
  return true;
}

// The deepest cached table on whose way the walk's own permission was granted.
Walker::Begin Walker::where_to_begin(const Walk& walk, const Context& context) const {
  Begin begin;
  begin.level = context.width + 2;
  begin.table = context.table;
  for (unsigned level = 1; level <= 3; ++level) {
    const auto way = paging_[level - 1].find(context.did, walk.page, now_.flush);
    if (!way || !(walk.write ? way->w : way->r)) continue;
    begin = {level, way->table, way->r, way->w, false};
    break;
  }
  return begin;
}

void Walker::take_beat(const std::optional<TableBeat>& beat) {
  if (!beat) return;
  now_.beat_of = beat->id;
  const Walk& walk = walks_[beat->id];
  now_.beat_live = !walk.killed && !kills(walk);
  const std::uint64_t low = beat->data[0];
  if (walk.state == State::kRootRead) {
    now_.verdict = root_verdict(beat->error, low, beat->data[1]);
    now_.verdict.fpd = walk.fpd;
    if (now_.verdict.table) now_.next_address = (*now_.verdict.table << 12) | ((walk.sid & 0xFFU) << 4);
  } else if (walk.state == State::kContextRead) {
    now_.verdict = context_verdict(beat->error, low, beat->data[1], walk.page, walk.at);
    if (now_.beat_live && now_.verdict.context)
      now_.context_fill = ContextCache::Entry{walk.sid, *now_.verdict.context};
  } else {
    now_.verdict = paging_verdict(beat->error, low, {walk.page, walk.level, walk.top, walk.write});
    now_.verdict.fpd = walk.fpd;
    if (now_.beat_live && now_.verdict.table && walk.level <= 4) {
      now_.paging_level = walk.level - 1;
      now_.paging_fill = PagingCache::Entry{walk.did, walk.page & kPageMask, *now_.verdict.table,
                                            walk.r && now_.verdict.r, walk.w && now_.verdict.w};
    }
  }
  if (now_.verdict.table && walk.state != State::kRootRead)
    now_.next_address = entry_address(*now_.verdict.table, walk.page, now_.verdict.level);
}

// A beat's successor first, then waiting walks in turn; requests before hints. A start that needs no read and
// would end at once waits for a cycle without a beat.
void Walker::choose_read() {
  bool request_wants = false;
  for (const Walk& walk : walks_) request_wants |= wants(walk) && !walk.hint;
  now_.asks = asks_.pick([&](unsigned i) { return wants(walks_[i]) && !(request_wants && walks_[i].hint); });
  now_.beat_reads = now_.beat_live && now_.verdict.table && !(walks_[*now_.beat_of].hint && request_wants);
  if (now_.asks) {
    const Walk& walk = walks_[*now_.asks];
    if (walk.state == State::kStart) {
      now_.start_context = contexts_.find(walk.sid);
      if (now_.start_context) now_.start = where_to_begin(walk, *now_.start_context);
    }
    const bool ends = now_.start_context && (now_.start_context->pass ||
                                             request_fault(*now_.start_context, walk.page, walk.at) != 0);
    now_.start_ends = ends && !now_.beat_of;
    now_.ask_reads = !ends && !now_.beat_reads;
  }
  TableRead read;
  if (now_.beat_reads) {
    read.id = *now_.beat_of;
    read.address = now_.next_address;
    read.bytes = walks_[read.id].state == State::kRootRead ? 16 : 8;
  } else if (now_.ask_reads) {
    const Walk& walk = walks_[*now_.asks];
    read.id = *now_.asks;
    if (walk.state != State::kStart) {
      read.address = walk.address;
      read.bytes = walk.state == State::kContextAsk ? 16 : 8;
    } else if (now_.start_context) {
      read.address = entry_address(now_.start.table, walk.page, now_.start.level);
    } else {
      read.address = (now_.root << 12) | ((walk.sid >> 8) << 4);
      read.bytes = 16;
    }
  } else {
    return;
  }
  now_.read = read;
}

void Walker::tell() {
  const bool by_beat = now_.beat_live && !now_.verdict.table;
  if (by_beat || now_.start_ends) {
    const unsigned index = by_beat ? *now_.beat_of : *now_.asks;
    const Walk& walk = walks_[index];
    WalkEnd end;
    end.walk = index;
    if (index < config_.walks) end.lane = walk.write ? 1 : 0;
    end.slot = walk.slot;
    end.fault = by_beat ? now_.verdict.fault : request_fault(*now_.start_context, walk.page, walk.at);
    end.fpd = by_beat ? now_.verdict.fpd : now_.start_context->fpd;
    if (by_beat && now_.verdict.frame) {
      Translation fill;
      fill.did = walk.did;
      fill.page = walk.page & kPageMask;
      fill.frame = *now_.verdict.frame;
      fill.size = walk.small || near(walk) ? 0 : walk.level - 1;
      fill.r = walk.r && now_.verdict.r;
      fill.w = walk.w && now_.verdict.w;
      end.fill = fill;
    }
    now_.end = end;
  }
  now_.told = config_.pipe == 0 ? ended_ : now_.end;
  if (!now_.told) return;
  // A verdict that meets a flush may be older than the repair.
  if (now_.contexts_flushed || now_.flush.pages) now_.told->fault = 0;
  if (now_.contexts_flushed) now_.told->fill.reset();
}

void Walker::begin(const std::optional<TableBeat>& beat, const Flush& flush, bool root_changes,
                   std::uint64_t root) {
  now_ = Now{};
  now_.flush = flush;
  now_.contexts_flushed = flush.contexts || root_changes;
  now_.root = root;
  arrived_ = beat;
  take_beat(config_.pipe == 0 ? beat : beat_);
  choose_read();
  tell();
}

std::optional<WalkGrant> Walker::grant(const std::array<std::optional<WalkRequest>, 2>& requests) const {
  // A hint stands back for the other lane.
  const auto lane =
      lanes_.pick([&](unsigned l) { return requests[l] && !(requests[l]->hint && requests[1]); });
  if (!lane) return std::nullopt;
  const WalkRequest& request = *requests[*lane];
  std::optional<unsigned> free;
  for (unsigned i = 0; i < walks_.size(); ++i) {
    const Walk& walk = walks_[i];
    // With Pipe 1 the end is told in this very cycle: whoever joined now would miss it.
    const bool told = config_.pipe != 0 && now_.end && now_.end->walk == i;
    if (walk.valid && !told && walk.sid == request.sid && walk.page == request.page && walk.at == request.at)
      return WalkGrant{*lane, i};
    if (!walk.valid && (i >= config_.walks) == request.hint && !free) free = i;
  }
  if (!free) return std::nullopt;
  return WalkGrant{*lane, *free};
}

void Walker::step_beat(const Walk& before, Walk& walk, bool read_taken) const {
  if (!now_.beat_live) {
    walk.state = State::kStart;
    walk.killed = false;
    return;
  }
  if (!now_.verdict.table) return;
  const bool goes = now_.beat_reads && read_taken;
  walk.address = now_.next_address;
  if (before.state == State::kRootRead) {
    walk.state = goes ? State::kContextRead : State::kContextAsk;
    return;
  }
  walk.state = goes ? State::kPageRead : State::kPageAsk;
  walk.level = now_.verdict.level;
  walk.top = before.state == State::kContextRead;
  if (walk.top) {
    walk.did = now_.verdict.context->did;
    walk.fpd = now_.verdict.fpd;
    walk.r = walk.w = true;
  } else {
    walk.r = before.r && now_.verdict.r;
    walk.w = before.w && now_.verdict.w;
  }
}

void Walker::step(bool read_taken, const std::array<std::optional<WalkRequest>, 2>& requests,
                  const std::optional<WalkGrant>& granted) {
  const std::vector<Walk> before = walks_;
  for (unsigned i = 0; i < walks_.size(); ++i) {
    Walk& walk = walks_[i];
    if (before[i].state == State::kStart)
      walk.small = false;
    else if (near(before[i]))
      walk.small = true;
    if (before[i].valid && kills(before[i])) {
      if (reading(before[i]))
        walk.killed = true;
      else
        walk.state = State::kStart;
    }
  }
  if (now_.ask_reads && read_taken) {
    Walk& walk = walks_[*now_.asks];
    if (walk.state == State::kStart) {
      walk.state = now_.start_context ? State::kPageRead : State::kRootRead;
      walk.did = now_.start_context ? now_.start_context->did : 0;
      walk.fpd = now_.start_context && now_.start_context->fpd;
      walk.level = now_.start.level;
      walk.r = now_.start.r;
      walk.w = now_.start.w;
      walk.top = now_.start.top;
      walk.address = now_.read->address;
    } else {
      walk.state = walk.state == State::kContextAsk ? State::kContextRead : State::kPageRead;
    }
  }
  if ((now_.ask_reads && read_taken) || now_.start_ends) asks_.moved(*now_.asks);
  if (now_.beat_of) step_beat(before[*now_.beat_of], walks_[*now_.beat_of], read_taken);
  if (now_.end) walks_[now_.end->walk].valid = false;

  if (granted) {
    const WalkRequest& request = *requests[granted->lane];
    if (!request.hint) lanes_.moved(granted->lane);
    Walk& walk = walks_[granted->walk];
    if (before[granted->walk].valid) {
      if (!request.hint) walk.hint = false;
    } else {
      const bool small = walk.small;
      const auto did = walk.did;
      walk = Walk{};
      walk.valid = true;
      walk.hint = request.hint;
      walk.write = granted->lane == 1;
      walk.slot = request.slot;
      walk.sid = request.sid;
      walk.page = request.page;
      walk.at = request.at;
      walk.small = small;
      walk.did = did;
    }
  }
  ended_ = now_.end;
  beat_ = arrived_;
}

}  // namespace gpudmar::model::cycle
