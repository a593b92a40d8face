// SPDX-License-Identifier: Apache-2.0
#include "sim/kmd/watched_bar.h"

#include <fmt/format.h>

#include "driver-model/hw/regs/dma_regs.h"

namespace gpudmar::sim::kmd {
namespace {

namespace dma = regs::dma;

constexpr std::uint64_t kFirstChannel = dma::CH_CTRL::kOffset;
constexpr std::uint64_t kEnd = kFirstChannel + dma::CH_CTRL::kCount * dma::CH_CTRL::kStride;
constexpr std::uint64_t kConfiguration = dma::CFG_MSI_ADDR::kOffset;

bool covers(std::uint64_t begin, unsigned bytes, std::uint64_t place) {
  return begin <= place && place < begin + bytes;
}

const char* name_of(std::uint32_t code) {
  switch (code) {
    case dma::error::RING_READ:
      return "RING_READ: a descriptor could not be read";
    case dma::error::BAD_OPCODE:
      return "BAD_OPCODE: there is no such operation";
    case dma::error::BAD_SPACE:
      return "BAD_SPACE: no address space that the operation takes";
    case dma::error::BAD_ADDRESS:
      return "BAD_ADDRESS: beyond the address bits or the local memory, or misaligned";
    case dma::error::BUS_MASTER:
      return "BUS_MASTER: it may make no requests";
    case dma::error::READ:
      return "READ: a read of the source failed";
    case dma::error::WRITE:
      return "WRITE: a write of the destination failed";
    case dma::error::BAD_FIELD:
      return "BAD_FIELD: a field that the operation does not have, or a value that does not exist";
    case dma::error::BAD_APERTURE:
      return "BAD_APERTURE: a page that is not mapped, or beyond the aperture";
    case dma::error::SEM_TIMEOUT:
      return "SEM_TIMEOUT: the semaphore's time-out";
    case dma::error::TIMEOUT:
      return "TIMEOUT: a request was not answered in time";
    case dma::error::BAD_LINK:
      return "BAD_LINK: the ring's segment ends without LINK";
    default:
      return "an unknown error";
  }
}

}  // namespace

void WatchedBar::remove() {
  bar_.remove();
  removed_ = true;
  // Nobody can switch it off any more, and what its errors are is no driver's doing.
  on_.clear();
  working_.clear();
  interrupts_ = 0;
}

void WatchedBar::insert() {
  bar_.insert();
  removed_ = asleep_ = false;
  deaf_.clear();
}

// ---- What the driver does

bool WatchedBar::reachable(std::uint64_t offset) const { return !asleep_ || offset >= kConfiguration; }

void WatchedBar::control(std::uint64_t channel, std::uint32_t value) {
  const bool reset = dma::CH_CTRL::RESET.get(value) != 0;
  const bool resumed = dma::CH_CTRL::RESUME.get(value) != 0 || dma::CH_CTRL::SKIP.get(value) != 0;
  // All three take an error away.
  if (reset || resumed) look_at(channel);
  if (reset) {
    deaf_.erase(channel);
    working_.erase(channel);
  } else if (resumed) {
    working_.insert(channel);
    hooks_.started();
  }
  if (dma::CH_CTRL::ENABLE.get(value) == 0) {
    on_.erase(channel);
  } else if (on_.insert(channel).second) {
    hooks_.started();
    hooks_.enabled();
  }
}

bool WatchedBar::passes(std::uint64_t offset, std::uint64_t value, unsigned bytes) {
  const bool there = !removed_ && reachable(offset);
  if (there && covers(offset, bytes, dma::INT_ENABLE::kOffset)) {
    interrupts_ = static_cast<std::uint32_t>(value >> 8 * (dma::INT_ENABLE::kOffset - offset));
    if (interrupts_ != 0) hooks_.enabled();
  }
  if (offset < kFirstChannel || offset >= kEnd) return there;
  const std::uint64_t channel = (offset - kFirstChannel) / dma::CH_CTRL::kStride;
  const std::uint64_t begin = offset - channel * dma::CH_CTRL::kStride;
  if (there && covers(begin, bytes, dma::CH_CTRL::kOffset))
    control(channel, static_cast<std::uint32_t>(value));
  if (!covers(begin, bytes, dma::CH_TAIL::kOffset)) return there;
  if (hooks_.doorbell()) deaf_.insert(channel);
  if (!there || deaf_.count(channel) != 0) return false;
  working_.insert(channel);
  return true;
}

void WatchedBar::note_causes(std::uint64_t offset, std::uint64_t value) {
  if (offset == dma::INT_STATUS::kOffset && static_cast<std::uint32_t>(value) != 0) ++causes_seen_;
}

std::uint32_t WatchedBar::read32(std::uint64_t offset) {
  hooks_.used();
  if (!reachable(offset)) return ~std::uint32_t{0};
  const std::uint32_t value = bar_.read32(offset);
  note_causes(offset, value);
  return value;
}

std::uint64_t WatchedBar::read64(std::uint64_t offset) {
  hooks_.used();
  if (!reachable(offset)) return ~std::uint64_t{0};
  const std::uint64_t value = bar_.read64(offset);
  note_causes(offset, value);
  return value;
}

void WatchedBar::write32(std::uint64_t offset, std::uint32_t value) {
  hooks_.used();
  if (passes(offset, value, 4)) bar_.write32(offset, value);
}

void WatchedBar::write64(std::uint64_t offset, std::uint64_t value) {
  hooks_.used();
  if (passes(offset, value, 8)) bar_.write64(offset, value);
}

// ---- What the bench sees of the device

void WatchedBar::look_at(std::uint64_t channel) {
  if (removed_ || asleep_ || working_.count(channel) == 0) return;
  const std::uint64_t at = channel * dma::CH_CTRL::kStride;
  const std::uint32_t status = raw_.read32(at + dma::CH_STATUS::kOffset);
  if (dma::CH_STATUS::ERROR.get(status) == 0) return;
  working_.erase(channel);
  const std::uint32_t info = raw_.read32(at + dma::CH_ERR_INFO::kOffset);
  const auto code = static_cast<std::uint32_t>(dma::CH_ERR_INFO::CODE.get(info));
  static const char* const operands[] = {"ring", "source", "destination", "?"};
  hooks_.error({static_cast<unsigned>(channel), code,
                fmt::format("channel {} has stopped at descriptor {}, {} (operand: {}, address {:#x})",
                            channel, dma::CH_ERR_INFO::INDEX.get(info), name_of(code),
                            operands[dma::CH_ERR_INFO::OPERAND.get(info)],
                            raw_.read64(at + dma::CH_ERR_ADDR::kOffset))});
}

void WatchedBar::look() {
  const std::set<std::uint64_t> channels = working_;
  for (const std::uint64_t channel : channels) look_at(channel);
}

std::uint32_t WatchedBar::causes() { return raw_.read32(dma::INT_STATUS::kOffset); }

std::string WatchedBar::left_on() const {
  std::string text;
  for (const std::uint64_t channel : on_)
    text += fmt::format("{}channel {}", text.empty() ? "" : ", ", channel);
  if (interrupts_ != 0) text += text.empty() ? "interrupts" : ", interrupts";
  return text;
}

}  // namespace gpudmar::sim::kmd
