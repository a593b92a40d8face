// SPDX-License-Identifier: Apache-2.0
#include "sim/model/cycle/queue.h"

#include <algorithm>

namespace gpudmar::model::cycle {
namespace {

constexpr unsigned kContext = 1, kIotlb = 2, kWait = 5, kMaxMask = 18;

unsigned type(std::uint64_t low) { return static_cast<unsigned>((low & 0xF) | (((low >> 9) & 7) << 4)); }
std::uint64_t bits(std::uint64_t value, unsigned high, unsigned low) {
  return (value >> low) & ((1ULL << (high - low + 1)) - 1);
}

}  // namespace

Flush Queue::flush() const { return state_ == State::kFlush ? flush_ : Flush{}; }

Drains Queue::drains() const { return state_ == State::kDrain ? waits_ : Drains{}; }

std::optional<StatusWrite> Queue::wants_status() const {
  if (state_ != State::kStatus) return std::nullopt;
  return status_;
}

Queue::Burst Queue::next_burst(const Registers& registers) const {
  const unsigned limit = registers.tail() >= fetch_ ? registers.tail() : registers.queue_slots();
  Burst burst;
  burst.first_lane = fetch_ % lanes_;
  burst.count = std::min(limit - fetch_, kBurst - fetch_ % kBurst);
  return burst;
}

std::optional<TableRead> Queue::wants_read(const Registers& registers) const {
  if (!registers.queue_on() || stopped_ || registers.queue_error() || !registers.mode_ok() ||
      registers.queue_wide() || registers.tail() >= registers.queue_slots() || fetch_ == registers.tail() ||
      held_ == kBursts)
    return std::nullopt;
  const Burst burst = next_burst(registers);
  TableRead read;
  read.id = kQueueId;
  read.address = registers.queue_base() + (fetch_ - burst.first_lane) * 16;
  read.beats = (burst.first_lane + burst.count - 1) / lanes_ + 1;
  read.bytes = lanes_ * 16;
  return read;
}

bool Queue::idle(const Registers& registers) const {
  if (state_ == State::kStopped) return flying_ == 0;
  return state_ == State::kIdle && (registers.queue_error() || head_ == registers.tail()) &&
         bursts_.empty() && flying_ == 0;
}

Queue::Descriptor Queue::descriptor() const {
  const auto& data = beats_.front().data;
  return {data[lane() * 2], data[lane() * 2 + 1]};
}

// Noticed when there is something to do.
bool Queue::unusable(const Registers& registers) const {
  const bool shape = registers.queue_wide() || registers.tail() >= registers.queue_slots();
  return registers.queue_on() && !registers.queue_error() && state_ == State::kIdle &&
         head_ != registers.tail() && ((bursts_.empty() && shape) || !registers.mode_ok());
}

bool Queue::bad() const {
  if (beats_.front().error) return true;
  const auto [low, high] = descriptor();
  const unsigned granularity = static_cast<unsigned>(bits(low, 5, 4));
  switch (type(low)) {
    case kContext:
      return bits(low, 8, 6) != 0 || bits(low, 15, 12) != 0 || bits(low, 63, 50) != 0 || high != 0 ||
             granularity == 0;
    case kIotlb:
      return bits(low, 8, 8) != 0 || bits(low, 15, 12) != 0 || bits(low, 63, 32) != 0 ||
             bits(high, 11, 7) != 0 || granularity == 0 || (granularity == 3 && bits(high, 5, 0) > kMaxMask);
    case kWait:
      return bits(low, 8, 7) != 0 || bits(low, 31, 12) != 0 || bits(high, 1, 0) != 0;
    default:
      return true;
  }
}

bool Queue::fails(const Registers& registers) const { return unusable(registers) || (at_hand() && bad()); }

void Queue::execute(const Descriptor& descriptor, bool settled) {
  const auto [low, high] = descriptor;
  if (type(low) == kWait) {
    writes_status_ = bits(low, 5, 5) != 0;
    status_ = {high & ~3ULL, static_cast<std::uint32_t>(low >> 32)};
    const bool drain = owed_[0] || owed_[1];
    state_ = writes_status_ && !drain && settled ? State::kStatus : State::kDrain;
    waits_ = owed_;
    owed_ = {};
    return;
  }
  state_ = State::kFlush;
  flush_ = {};
  flush_.granularity = static_cast<unsigned>(bits(low, 5, 4));
  flush_.did = static_cast<std::uint16_t>(bits(low, 31, 16));
  if (type(low) == kContext) {
    flush_.contexts = true;
    flush_.sid = static_cast<std::uint16_t>(bits(low, 47, 32));
    constexpr std::uint16_t kFunctions[4] = {0, 4, 6, 7};
    flush_.functions = kFunctions[bits(low, 49, 48)];
  } else {
    flush_.pages = true;
    flush_.page = bits(high, kGuestBits - 1, 12);
    flush_.mask = ~0ULL << bits(high, 5, 0);
    flush_.leaves_only = bits(high, 6, 6) != 0 && flush_.granularity == 3;
    owed_[0] = owed_[0] || bits(low, 7, 7) != 0;
    owed_[1] = owed_[1] || bits(low, 6, 6) != 0;
  }
}

void Queue::advance(const Registers& registers, const Seen& seen, bool accepts, bool fails) {
  switch (state_) {
    case State::kIdle:
      if (accepts) execute(descriptor(), seen.settled);
      if (fails) {
        state_ = State::kStopped;
        stopped_ = true;
      }
      break;
    case State::kFlush:
      state_ = State::kIdle;
      break;
    case State::kDrain: {
      for (unsigned i = 0; i < 2; ++i) waits_[i] = waits_[i] && !seen.drained[i];
      if (!waits_[0] && !waits_[1] && seen.settled) state_ = writes_status_ ? State::kStatus : State::kIdle;
      break;
    }
    case State::kStatus:
      if (seen.status_taken) state_ = State::kAnswer;
      break;
    case State::kAnswer:
      if (seen.status_answered) state_ = State::kIdle;
      break;
    case State::kStopped:
      done_ = 0;
      if (!registers.queue_error() && flying_ == 0) {
        state_ = State::kIdle;
        stopped_ = false;
        fetch_ = head_;
      }
      break;
  }
}

void Queue::step(const Registers& registers, const Seen& seen) {
  const bool fails_now = fails(registers);
  const bool accepts = at_hand() && !fails_now;
  const bool drops = stopped_ || fails_now;
  const Burst fetched = next_burst(registers);
  const bool ends_burst = accepts && done_ + 1 == bursts_.front().count;
  const bool ends_beat = accepts && (lane() == lanes_ - 1 || ends_burst);
  const unsigned flying = flying_;

  advance(registers, seen, accepts, fails_now);

  held_ = drops ? 0 : held_ + (seen.read_taken ? 1 : 0) - (ends_burst ? 1 : 0);
  flying_ = flying + (seen.read_taken ? 1 : 0) - (seen.beat != nullptr && seen.beat->last ? 1 : 0);
  if (ends_beat) beats_.pop_front();
  if (ends_burst) bursts_.pop_front();
  if (seen.read_taken) {
    bursts_.push_back(fetched);
    fetch_ = (fetch_ + fetched.count) % registers.queue_slots();
  }
  if (seen.beat != nullptr) beats_.push_back(*seen.beat);
  if (drops) {
    bursts_.clear();
    beats_.clear();
  }
  if (accepts) {
    head_ = (head_ + 1) % registers.queue_slots();
    done_ = ends_burst ? 0 : done_ + 1;
  }
  if (!registers.queue_on() || seen.base_written) fetch_ = head_ = done_ = 0;
}

}  // namespace gpudmar::model::cycle
