// SPDX-License-Identifier: Apache-2.0
// Doorbells as positions that only grow, so that a ring's wrap and a reset are no riddle to HEAD.
#include "sim/kmd/fence_watch.h"

#include <algorithm>

#include "driver-model/hw/regs/dma_regs.h"

namespace gpudmar::sim::kmd {
namespace {

namespace dma = regs::dma;

constexpr std::uint64_t kFirstChannel = dma::CH_CTRL::kOffset;
constexpr std::uint64_t kEnd = kFirstChannel + dma::CH_CTRL::kCount * dma::CH_CTRL::kStride;
constexpr std::uint64_t kIndexMask = 0xFFFF;
constexpr std::uint32_t kNobody = 0xFFFF'FFFF;  // what a device that is not there reads as
constexpr std::size_t kKept = 64;               // submissions of an engine

}  // namespace

void RingBar::written(std::uint64_t offset, std::uint64_t value, unsigned bytes) {
  if (offset < kFirstChannel || offset >= kEnd) return;
  const std::uint64_t channel = (offset - kFirstChannel) / dma::CH_CTRL::kStride;
  const std::uint64_t begin = offset - channel * dma::CH_CTRL::kStride;
  // What a register of 32 bits gets of it.
  const auto part = [&](std::uint64_t place) -> std::optional<std::uint32_t> {
    if (place < begin || place >= begin + bytes) return std::nullopt;
    return static_cast<std::uint32_t>(value >> 8 * (place - begin));
  };
  Ring& ring = rings_[channel];
  if (const auto config = part(dma::CH_RING_CFG::kOffset))
    ring.size_log2 = static_cast<unsigned>(dma::CH_RING_CFG::SIZE_LOG2.get(*config));
  if (const auto control = part(dma::CH_CTRL::kOffset); control && dma::CH_CTRL::RESET.get(*control) != 0) {
    ++ring.resets;
    ring.tail = 0;
  }
  const auto tail = part(dma::CH_TAIL::kOffset);
  if (!tail || ring.size_log2 == 0) return;
  const std::uint64_t mask = (1ULL << ring.size_log2) - 1;
  ring.position += (*tail - ring.tail) & mask;
  ring.tail = *tail & mask;
  rung_({channel, ring.resets, ring.position});
}

void RingBar::write32(std::uint64_t offset, std::uint32_t value) {
  written(offset, value, 4);
  bar_.write32(offset, value);
}

void RingBar::write64(std::uint64_t offset, std::uint64_t value) {
  written(offset, value, 8);
  bar_.write64(offset, value);
}

std::optional<bool> RingBar::is_done(const Bell& bell) {
  if (rings_[bell.channel].resets != bell.resets) return std::nullopt;
  const std::uint32_t head = bar_.read32(dma::CH_HEAD::kOffset + bell.channel * dma::CH_CTRL::kStride);
  const Ring& ring = rings_[bell.channel];  // as it is after the read
  if (head == kNobody || ring.resets != bell.resets) return std::nullopt;
  const std::uint64_t mask = (1ULL << ring.size_log2) - 1;
  return ring.position - ((ring.tail - (head & kIndexMask)) & mask) >= bell.position;
}

hw::Mmio& FenceWatch::watch(hw::Mmio& bar, const std::function<std::optional<Submission>()>& under_way) {
  const std::size_t adapter = bars_.size();
  bars_.push_back(std::make_unique<RingBar>(bar, [this, adapter, under_way](const RingBar::Bell& bell) {
    if (const auto submission = under_way()) rung(adapter, bell, *submission);
  }));
  return *bars_.back();
}

void FenceWatch::rung(std::size_t adapter, const RingBar::Bell& bell, const Submission& submission) {
  auto& fences = submissions_[{submission.link, submission.engine}];
  // Fences begin anew when an adapter does, and a reset gives one a second time.
  auto& places = fences[submission.fence];
  const auto old = std::find_if(places.begin(), places.end(), [&](const Rung& rung) {
    return rung.adapter == adapter && rung.bell.channel == bell.channel;
  });
  if (old != places.end())
    old->bell = bell;
  else
    places.push_back({adapter, bell});
  while (fences.size() > kKept) {
    const auto oldest = std::min_element(fences.begin(), fences.end(), [&](const auto& a, const auto& b) {
      return submission.fence - a.first > submission.fence - b.first;  // they wrap
    });
    fences.erase(oldest);
  }
}

void FenceWatch::forget(std::size_t adapter) {
  for (auto& [engine, fences] : submissions_)
    for (auto& [fence, places] : fences)
      places.erase(std::remove_if(places.begin(), places.end(),
                                  [adapter](const Rung& rung) { return rung.adapter == adapter; }),
                   places.end());
}

std::optional<bool> FenceWatch::is_done(const Submission& submission) {
  const auto engine = submissions_.find({submission.link, submission.engine});
  if (engine == submissions_.end()) return std::nullopt;
  const auto fence = engine->second.find(submission.fence);
  if (fence == engine->second.end() || fence->second.empty()) return std::nullopt;
  bool done = true;
  for (const Rung& rung : std::vector<Rung>(fence->second)) {  // a read takes time
    const auto answer = bars_[rung.adapter]->is_done(rung.bell);
    if (!answer) return std::nullopt;
    done = done && *answer;
  }
  return done;
}

}  // namespace gpudmar::sim::kmd
