// SPDX-License-Identifier: Apache-2.0
#include "sim/kmd/watched_bar.h"

#include "driver-model/hw/regs/dma_regs.h"

namespace gpudmar::sim::kmd {
namespace {

namespace dma = regs::dma;

constexpr std::uint64_t kFirstChannel = dma::CH_CTRL::kOffset;
constexpr std::uint64_t kEnd = kFirstChannel + dma::CH_CTRL::kCount * dma::CH_CTRL::kStride;

}  // namespace

bool WatchedBar::passes(std::uint64_t offset, std::uint64_t value, unsigned bytes) {
  if (offset < kFirstChannel || offset >= kEnd) return true;
  const std::uint64_t channel = (offset - kFirstChannel) / dma::CH_CTRL::kStride;
  const std::uint64_t begin = offset - channel * dma::CH_CTRL::kStride;
  const auto covers = [&](std::uint64_t place) { return begin <= place && place < begin + bytes; };
  if (covers(dma::CH_CTRL::kOffset) && dma::CH_CTRL::RESET.get(static_cast<std::uint32_t>(value)) != 0)
    deaf_.erase(channel);
  if (!covers(dma::CH_TAIL::kOffset)) return true;
  if (hooks_.doorbell()) deaf_.insert(channel);
  return deaf_.count(channel) == 0;
}

std::uint32_t WatchedBar::read32(std::uint64_t offset) {
  hooks_.used();
  return bar_.read32(offset);
}

std::uint64_t WatchedBar::read64(std::uint64_t offset) {
  hooks_.used();
  return bar_.read64(offset);
}

void WatchedBar::write32(std::uint64_t offset, std::uint32_t value) {
  hooks_.used();
  if (passes(offset, value, 4)) bar_.write32(offset, value);
}

void WatchedBar::write64(std::uint64_t offset, std::uint64_t value) {
  hooks_.used();
  if (passes(offset, value, 8)) bar_.write64(offset, value);
}

}  // namespace gpudmar::sim::kmd
