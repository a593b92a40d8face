// SPDX-License-Identifier: Apache-2.0
// Pages and bytes of the copies.
#include "tests/bench/dma_operands.h"

#include <fmt/format.h>

#include <stdexcept>

#include "tests/bench/dma_rows.h"

namespace gpudmar::bench {
namespace {

namespace dma = regs::dma;

constexpr std::uint64_t kPage = 4096, kLargePage = 0x20'0000;
constexpr std::uint64_t kOffSource = 0x1000'0000, kOffDestination = 0x8000'0000;
constexpr std::uint64_t kHitSource = 0x4000'0000, kHitDestination = 0x4800'0000, kHitFrames = 0x1'0000'0000;
constexpr std::uint64_t kHitPages = 16;  // each way
constexpr std::uint64_t kColdBase = 0x10'0000'0000, kColdPages = 1ULL << 20;
constexpr std::uint64_t kFrameStep = 3 * kPage;  // no two frames in a row
constexpr std::uint64_t kStamp = 8;              // bytes looked at

}  // namespace

Operands::Operands(DmaUnit& unit, const Copies& copies, unsigned count)
    : unit_(unit),
      bytes_(copies.bytes),
      stride_(copies.aligned ? copies.bytes : 2 * copies.bytes),
      source_offset_(copies.aligned ? 0 : 3),
      destination_offset_(copies.aligned ? 0 : 5) {
  switch (copies.translation) {
    case Translation::kOff:
      off(count);
      return;
    case Translation::kHit:
      hit(count);
      break;
    case Translation::kCold:
      cold(count);
      break;
  }
  unit_.enable_translation();
}

void Operands::off(unsigned count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    pairs_.push_back(
        {kOffSource + i * stride_ + source_offset_, kOffDestination + i * stride_ + destination_offset_});
    stamp(pairs_.back().source);
  }
}

void Operands::hit(unsigned count) {
  const std::uint64_t region = kHitPages * kPage;
  const bool large = bytes_ > region;
  const std::uint64_t slots = large ? 1 : std::max<std::uint64_t>(region / stride_, 1);
  if (large) {
    unit_.map(kHitSource, kHitFrames, true);
    unit_.map(kHitDestination, kHitFrames + kLargePage, true);
  } else {
    // One more for what is not aligned.
    for (std::uint64_t i = 0; i <= kHitPages; ++i) {
      unit_.map(kHitSource + i * kPage, kHitFrames + i * kFrameStep);
      unit_.map(kHitDestination + i * kPage, kHitFrames + i * kFrameStep + kPage);
    }
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t at = i % slots * stride_;
    pairs_.push_back({kHitSource + at + source_offset_, kHitDestination + at + destination_offset_});
  }
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(slots, count); ++i) stamp(pairs_[i].source);
  warm_.push_back({kHitSource, kHitDestination});
  warm_bytes_ = large ? kPage : region + kPage;
}

std::uint64_t Operands::fresh_pages(std::uint64_t pages) {
  for (;;) {
    const std::uint64_t first = random_() % (kColdPages - pages);
    bool free = true;
    for (std::uint64_t i = 0; i < pages; ++i) free = free && used_.count(first + i) == 0;
    if (!free) continue;
    for (std::uint64_t i = 0; i < pages; ++i) {
      used_.insert(first + i);
      unit_.map(kColdBase + (first + i) * kPage, next_frame_);
      next_frame_ += kFrameStep;
    }
    return kColdBase + first * kPage;
  }
}

void Operands::cold(unsigned count) {
  const auto pages = [&](std::uint64_t offset) { return (offset + bytes_ + kPage - 1) / kPage; };
  for (unsigned i = 0; i < count; ++i) {
    const std::uint64_t source = fresh_pages(pages(source_offset_)) + source_offset_;
    const std::uint64_t destination = fresh_pages(pages(destination_offset_)) + destination_offset_;
    pairs_.push_back({source, destination});
    stamp(source);
  }
  const std::uint64_t source = fresh_pages(1);
  warm_.push_back({source, fresh_pages(1)});
}

void Operands::warm() {
  for (const Pair& pair : warm_)
    unit_.push(test::Descriptor::copy(dma::space::LOGICAL, pair.source, dma::space::LOGICAL, pair.destination,
                                      warm_bytes_));
  if (warm_.empty()) return;
  unit_.doorbell();
  unit_.settle(200'000);
}

std::uint64_t Operands::stamp_at(std::uint64_t address) const {
  std::uint64_t value = 0;
  for (std::uint64_t i = 0; i < kStamp; ++i)
    value |= std::uint64_t{unit_.host.memory.get(unit_.physical(address + i))} << (8 * i);
  return value;
}

void Operands::stamp(std::uint64_t source) {
  for (const std::uint64_t at : {source, source + bytes_ - kStamp}) {
    const std::uint64_t value = (at + 1) * 0x9e37'79b9'7f4a'7c15ULL;
    for (std::uint64_t i = 0; i < kStamp; ++i)
      unit_.host.memory.set(unit_.physical(at + i), static_cast<std::uint8_t>(value >> (8 * i)));
  }
}

void Operands::check() const {
  for (const Pair& pair : pairs_)
    for (const std::uint64_t at : {std::uint64_t{0}, bytes_ - kStamp})
      if (stamp_at(pair.destination + at) != stamp_at(pair.source + at))
        throw std::runtime_error(
            fmt::format("wrong bytes at {:#x}, copied from {:#x}", pair.destination + at, pair.source + at));
}

}  // namespace gpudmar::bench
