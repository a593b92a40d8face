// SPDX-License-Identifier: Apache-2.0
// The byte-level device: see fake_gpu.h.
#include "tests/driver-model/kmd/fake_gpu.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "driver-model/hw/regs/dma_regs.h"

namespace gpudmar::test {

namespace dma = gpudmar::regs::dma;
namespace d = gpudmar::regs::dma::descriptor;

namespace {
constexpr std::uint32_t kSlaveError = 2;
constexpr std::uint64_t kInvalid = ~0ULL;
constexpr std::uint64_t kPage = hw::kPageSize;
constexpr std::uint32_t kSource = 1;
constexpr std::uint32_t kDestination = 2;

constexpr std::uint64_t kOperations = 1ULL << dma::opcode::NOP | 1ULL << dma::opcode::COPY |
                                      1ULL << dma::opcode::FILL | 1ULL << dma::opcode::MAP_APERTURE_LIST |
                                      1ULL << dma::opcode::MAP_APERTURE_RANGE |
                                      1ULL << dma::opcode::UNMAP_APERTURE | 1ULL << dma::opcode::FENCE;

using Fields = std::vector<regs::Field>;

// The fields that an operation has besides OPCODE and TAG; all others are 0.
Fields fields_of(std::uint64_t opcode) {
  switch (opcode) {
    case dma::opcode::COPY:
      return {d::SRC_SPACE, d::SRC, d::DST_SPACE, d::DST, d::LENGTH, d::NO_SNOOP, d::PASID};
    case dma::opcode::FILL:
      return {d::DST_SPACE, d::DST,   d::LENGTH, d::ROWS, d::SLICES,    d::DST_PITCH,
              d::DST_SLICE, d::PASID, d::PARAM,  d::SRC,  d::SRC_SLICE, d::NO_SNOOP};
    case dma::opcode::MAP_APERTURE_LIST:
      return {d::SRC_SPACE, d::SRC, d::DST_SPACE, d::DST, d::LENGTH, d::PASID};
    case dma::opcode::MAP_APERTURE_RANGE:
      return {d::SRC, d::DST_SPACE, d::DST, d::LENGTH};
    case dma::opcode::UNMAP_APERTURE:
      return {d::PARAM, d::SRC, d::DST_SPACE, d::DST, d::LENGTH};
    case dma::opcode::FENCE:
      return {d::DST_SPACE, d::DST, d::SRC_SLICE, d::INTERRUPT, d::PASID};
    default:
      return {};
  }
}

bool is_map(std::uint64_t opcode) {
  return opcode == dma::opcode::MAP_APERTURE_LIST || opcode == dma::opcode::MAP_APERTURE_RANGE ||
         opcode == dma::opcode::UNMAP_APERTURE;
}
}  // namespace

FakeGpu::FakeGpu(FakeTime& time, hw::PhysAddr base, const Config& config, Access access)
    : mmio(base, 4096, &time, 1),
      vram(std::size_t{1} << config.vram_bits),
      stuck(config.channels, 0),
      time_(time),
      config_(config),
      access_(std::move(access)),
      channels_(config.channels),
      aperture_(config.aperture_pages_log2 == 0 ? 0 : std::size_t{1} << config.aperture_pages_log2,
                kInvalid) {
  mmio.poke32(dma::ID::kOffset, 0x414D4447);
  mmio.poke32(dma::VERSION::kOffset, 2u << 16);
  mmio.poke64(dma::CAPS::kOffset, dma::CAPS::ADDR_BITS.put(config.address_bits) |
                                      dma::CAPS::VRAM_BITS.put(config.vram_bits) |
                                      dma::CAPS::CHANNELS.put(config.channels) |
                                      dma::CAPS::APERTURE_PAGES_LOG2.put(config.aperture_pages_log2));
  mmio.poke64(dma::OPERATIONS::kOffset, kOperations);
  for (const std::uint64_t offset : {dma::INT_STATUS::kOffset, dma::INT_CHANNELS::kOffset})
    mmio.on_write[offset] = [this, offset](std::uint64_t value) {
      mmio.poke32(offset, mmio.peek32(offset) & ~static_cast<std::uint32_t>(value));
    };
  for (unsigned i = 0; i < channels(); ++i) connect(i);
}

std::optional<std::uint64_t> FakeGpu::aperture_page(std::uint64_t page) const {
  return page < aperture_.size() && aperture_[page] != kInvalid ? std::optional(aperture_[page])
                                                                : std::nullopt;
}

std::uint32_t FakeGpu::peek(unsigned channel, std::uint64_t offset) const {
  return mmio.peek32(offset + channel * dma::CH_CTRL::kStride);
}

void FakeGpu::poke(unsigned channel, std::uint64_t offset, std::uint64_t value) {
  mmio.poke32(offset + channel * dma::CH_CTRL::kStride, static_cast<std::uint32_t>(value));
}

void FakeGpu::connect(unsigned channel) {
  const std::uint64_t base = channel * dma::CH_CTRL::kStride;
  poke(channel, dma::CH_STATUS::kOffset, dma::CH_STATUS::IDLE.put(1));
  mmio.on_write[base + dma::CH_CTRL::kOffset] = [this, channel](std::uint64_t value) {
    control(channel, value);
  };
  mmio.on_write[base + dma::CH_TAIL::kOffset] = [this, channel](std::uint64_t value) {
    poke(channel, dma::CH_TAIL::kOffset, value);
    doorbell(channel);
  };
}

void FakeGpu::control(unsigned channel, std::uint64_t value) {
  const std::uint64_t enable = dma::CH_CTRL::ENABLE.put(dma::CH_CTRL::ENABLE.get(value));
  poke(channel, dma::CH_CTRL::kOffset, enable);
  if (dma::CH_CTRL::RESET.get(value) != 0) {
    if (hang_reset) return poke(channel, dma::CH_CTRL::kOffset, value);
    ++channels_[channel].generation;
    if (stuck[channel] != 0) --stuck[channel];
    channels_[channel].running = false;
    poke(channel, dma::CH_STATUS::kOffset, dma::CH_STATUS::IDLE.put(1));
    poke(channel, dma::CH_HEAD::kOffset, 0);
    poke(channel, dma::CH_TAIL::kOffset, 0);
    return;
  }
  const bool failed = dma::CH_STATUS::ERROR.get(peek(channel, dma::CH_STATUS::kOffset)) != 0;
  if (dma::CH_CTRL::RESUME.get(value) != 0 && failed) {
    ++resumes;
    poke(channel, dma::CH_STATUS::kOffset, 0);
  }
  doorbell(channel);
}

void FakeGpu::doorbell(unsigned channel) {
  Channel& state = channels_[channel];
  const std::uint32_t status = peek(channel, dma::CH_STATUS::kOffset);
  const bool work = peek(channel, dma::CH_HEAD::kOffset) != peek(channel, dma::CH_TAIL::kOffset);
  const bool enabled = dma::CH_CTRL::ENABLE.get(peek(channel, dma::CH_CTRL::kOffset)) != 0;
  if (dma::CH_STATUS::ERROR.get(status) != 0) return;
  if (state.running || deaf) return;
  poke(channel, dma::CH_STATUS::kOffset, dma::CH_STATUS::IDLE.put(work && enabled ? 0 : 1));
  if (!work || !enabled) return;
  state.running = true;
  time_.after(latency, [this, channel, generation = state.generation] {
    if (channels_[channel].generation == generation) step(channel);
  });
}

void FakeGpu::raise(unsigned channel, unsigned bit) {
  const std::uint32_t old = mmio.peek32(dma::INT_STATUS::kOffset);
  const regs::Field which =
      bit == dma::INT_STATUS::FENCE.lsb ? dma::INT_CHANNELS::FENCE : dma::INT_CHANNELS::ERROR;
  mmio.poke32(dma::INT_STATUS::kOffset, old | 1u << bit);
  mmio.poke32(dma::INT_CHANNELS::kOffset, mmio.peek32(dma::INT_CHANNELS::kOffset) |
                                              static_cast<std::uint32_t>(which.put(1ULL << channel)));
  const bool enabled = (mmio.peek32(dma::INT_ENABLE::kOffset) >> bit & 1) != 0;
  if ((old >> bit & 1) == 0 && enabled && !lose_interrupts && interrupt) interrupt();
}

void FakeGpu::stop(unsigned channel, const Failure& failure, std::uint64_t tag) {
  const std::uint64_t base = channel * dma::CH_CTRL::kStride;
  const std::uint32_t index = peek(channel, dma::CH_HEAD::kOffset);
  poke(channel, dma::CH_STATUS::kOffset, dma::CH_STATUS::ERROR.put(1));
  poke(channel, dma::CH_ERR_INFO::kOffset,
       dma::CH_ERR_INFO::CODE.put(failure.code) | dma::CH_ERR_INFO::OPERAND.put(failure.operand) |
           dma::CH_ERR_INFO::RESP.put(failure.response ? kSlaveError : 0) |
           dma::CH_ERR_INFO::INDEX.put(index));
  mmio.poke64(base + dma::CH_ERR_ADDR::kOffset, failure.address);
  mmio.poke64(base + dma::CH_ERR_TAG::kOffset, tag);
  raise(channel, dma::INT_STATUS::ERROR.lsb);
}

std::uint64_t FakeGpu::limit(std::uint32_t space) const {
  if (space == dma::space::VRAM) return vram.size();
  if (space == dma::space::APERTURE) return aperture_.size() * kPage;
  return 1ULL << config_.address_bits;
}

FakeGpu::Failure FakeGpu::transfer(std::uint32_t space, std::uint64_t address, void* data, std::size_t bytes,
                                   bool write) {
  auto* bytes_at = static_cast<std::uint8_t*>(data);
  const std::uint32_t operand = write ? kDestination : kSource;
  for (std::size_t done = 0; done < bytes;) {
    const std::uint64_t at = address + done;
    const std::size_t piece = std::min<std::size_t>(bytes - done, kPage - at % kPage);
    if (space == dma::space::VRAM) {
      if (write)
        std::memcpy(&vram[at], bytes_at + done, piece);
      else
        std::memcpy(bytes_at + done, &vram[at], piece);
    } else {
      std::uint64_t logical = at;
      if (space == dma::space::APERTURE) {
        if (aperture_[at / kPage] == kInvalid) return {dma::error::BAD_APERTURE, operand, at, false};
        logical = aperture_[at / kPage] * kPage + at % kPage;
      }
      if (!access_(logical, bytes_at + done, piece, write))
        return {write ? dma::error::WRITE : dma::error::READ, operand, at, true};
    }
    done += piece;
  }
  return {};
}

FakeGpu::Failure FakeGpu::check(const std::uint64_t* descriptor, std::uint64_t slot) const {
  const std::uint64_t opcode = d::OPCODE.get(descriptor);
  if (opcode > 63 || (kOperations >> opcode & 1) == 0) return {dma::error::BAD_OPCODE, 0, slot, false};
  std::array<std::uint64_t, 8> rest;
  std::copy_n(descriptor, rest.size(), rest.begin());
  d::OPCODE.set(rest.data(), 0);
  d::TAG.set(rest.data(), 0);
  for (const regs::Field& field : fields_of(opcode)) field.set(rest.data(), 0);
  const bool rows = d::ROWS.get(descriptor) != 0 || d::SLICES.get(descriptor) != 0;  // not of this model
  if (rows || d::PASID.get(descriptor) != 0 ||
      std::any_of(rest.begin(), rest.end(), [](std::uint64_t qw) { return qw != 0; }))
    return {dma::error::BAD_FIELD, 0, slot, false};
  if (opcode == dma::opcode::NOP) return {};

  const auto source = static_cast<std::uint32_t>(d::SRC_SPACE.get(descriptor));
  const auto target = static_cast<std::uint32_t>(d::DST_SPACE.get(descriptor));
  const bool reads = opcode == dma::opcode::COPY || opcode == dma::opcode::MAP_APERTURE_LIST;
  const bool list = opcode == dma::opcode::MAP_APERTURE_LIST;
  if (reads && (source > dma::space::LOGICAL || (list && source == dma::space::APERTURE)))
    return {dma::error::BAD_SPACE, kSource, slot, false};
  if (target > dma::space::LOGICAL || is_map(opcode) != (target == dma::space::APERTURE && is_map(opcode)) ||
      (opcode == dma::opcode::FENCE && target == dma::space::APERTURE))
    return {dma::error::BAD_SPACE, kDestination, slot, false};

  const std::uint64_t length = d::LENGTH.get(descriptor) + 1;
  const std::uint64_t read_bytes = list ? length * 8 : length;
  const auto beyond = [&](std::uint32_t space, std::uint64_t address, std::uint64_t bytes) {
    return address > limit(space) || bytes > limit(space) - address;
  };
  if (reads &&
      (beyond(source, d::SRC.get(descriptor), read_bytes) || (list && d::SRC.get(descriptor) % 8 != 0)))
    return {dma::error::BAD_ADDRESS, kSource, slot, false};
  if (is_map(opcode) && !list && d::SRC.get(descriptor) % kPage != 0)
    return {dma::error::BAD_ADDRESS, kSource, slot, false};
  const std::uint64_t target_address = d::DST.get(descriptor);
  if (is_map(opcode)) {
    if (target_address % kPage != 0) return {dma::error::BAD_ADDRESS, kDestination, slot, false};
    if (beyond(target, target_address, length * kPage))
      return {dma::error::BAD_APERTURE, kDestination, target_address, false};
    return {};
  }
  const std::uint64_t written = opcode == dma::opcode::FENCE ? 8 : length;
  if (beyond(target, target_address, written) || (opcode == dma::opcode::FENCE && target_address % 8 != 0))
    return {dma::error::BAD_ADDRESS, kDestination, slot, false};
  return {};
}

FakeGpu::Failure FakeGpu::copy(const std::uint64_t* descriptor) {
  const std::uint64_t length = d::LENGTH.get(descriptor) + 1;
  std::vector<std::uint8_t> piece;
  for (std::uint64_t done = 0; done < length; done += piece.size()) {
    const std::uint64_t from = d::SRC.get(descriptor) + done;
    piece.resize(std::min(length - done, kPage - from % kPage));
    Failure failure = transfer(static_cast<std::uint32_t>(d::SRC_SPACE.get(descriptor)), from, piece.data(),
                               piece.size(), false);
    if (failure.code == 0)
      failure = transfer(static_cast<std::uint32_t>(d::DST_SPACE.get(descriptor)),
                         d::DST.get(descriptor) + done, piece.data(), piece.size(), true);
    if (failure.code != 0) return failure;
  }
  no_snoop += d::NO_SNOOP.get(descriptor);
  return {};
}

FakeGpu::Failure FakeGpu::fill(const std::uint64_t* descriptor) {
  std::array<std::uint8_t, 16> pattern{};
  const std::uint64_t low = d::SRC.get(descriptor);
  const std::uint64_t high = d::SRC_SLICE.get(descriptor);
  std::memcpy(pattern.data(), &low, 8);
  std::memcpy(pattern.data() + 8, &high, 8);
  const std::uint64_t period = d::PARAM.get(descriptor) + 1;
  std::vector<std::uint8_t> row(d::LENGTH.get(descriptor) + 1);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = pattern[i % period];
  no_snoop += d::NO_SNOOP.get(descriptor);
  return transfer(static_cast<std::uint32_t>(d::DST_SPACE.get(descriptor)), d::DST.get(descriptor),
                  row.data(), row.size(), true);
}

FakeGpu::Failure FakeGpu::map(const std::uint64_t* descriptor) {
  const std::uint64_t opcode = d::OPCODE.get(descriptor);
  const std::uint64_t first = d::DST.get(descriptor) / kPage;
  const std::uint64_t pages = d::LENGTH.get(descriptor) + 1;
  std::vector<std::uint64_t> entries(pages, d::SRC.get(descriptor));
  if (opcode == dma::opcode::MAP_APERTURE_LIST) {
    const Failure failure = transfer(static_cast<std::uint32_t>(d::SRC_SPACE.get(descriptor)),
                                     d::SRC.get(descriptor), entries.data(), pages * 8, false);
    if (failure.code != 0) return failure;
  } else if (opcode == dma::opcode::MAP_APERTURE_RANGE) {
    for (std::uint64_t i = 0; i < pages; ++i) entries[i] += i * kPage;
  }
  const bool invalidate = opcode == dma::opcode::UNMAP_APERTURE && d::PARAM.get(descriptor) != 0;
  for (std::uint64_t i = 0; i < pages; ++i) aperture_[first + i] = invalidate ? kInvalid : entries[i] / kPage;
  return {};
}

FakeGpu::Failure FakeGpu::fence(unsigned channel, const std::uint64_t* descriptor) {
  std::uint64_t value = d::SRC_SLICE.get(descriptor);
  const Failure failure = transfer(static_cast<std::uint32_t>(d::DST_SPACE.get(descriptor)),
                                   d::DST.get(descriptor), &value, sizeof value, true);
  if (failure.code != 0) return failure;
  ++fences;
  mmio.poke64(channel * dma::CH_CTRL::kStride + dma::CH_FENCE::kOffset, value);
  return {};
}

FakeGpu::Failure FakeGpu::execute(unsigned channel, const std::uint64_t* descriptor, std::uint64_t slot) {
  const Failure failure = check(descriptor, slot);
  if (failure.code != 0) return failure;
  switch (d::OPCODE.get(descriptor)) {
    case dma::opcode::COPY:
      return copy(descriptor);
    case dma::opcode::FILL:
      return fill(descriptor);
    case dma::opcode::FENCE:
      return fence(channel, descriptor);
    case dma::opcode::NOP:
      return {};
    default:
      return map(descriptor);
  }
}

void FakeGpu::step(unsigned channel) {
  if (stuck[channel] != 0) return;  // it stays running
  channels_[channel].running = false;
  const std::uint32_t config = peek(channel, dma::CH_RING_CFG::kOffset);
  const std::uint32_t mask = (1u << dma::CH_RING_CFG::SIZE_LOG2.get(config)) - 1;
  const std::uint32_t head = peek(channel, dma::CH_HEAD::kOffset);
  const bool enabled = dma::CH_CTRL::ENABLE.get(peek(channel, dma::CH_CTRL::kOffset)) != 0;
  const bool stopped = dma::CH_STATUS::ERROR.get(peek(channel, dma::CH_STATUS::kOffset)) != 0;
  if (!enabled || stopped || head == peek(channel, dma::CH_TAIL::kOffset)) return doorbell(channel);

  const std::uint64_t base = mmio.peek64(channel * dma::CH_CTRL::kStride + dma::CH_RING_BASE::kOffset);
  const std::uint64_t slot = base + std::uint64_t{head} * 64;
  std::uint64_t descriptor[8];
  if (transfer(static_cast<std::uint32_t>(dma::CH_RING_CFG::SPACE.get(config)), slot, descriptor,
               sizeof descriptor, false)
          .code != 0)
    return stop(channel, {dma::error::RING_READ, 0, slot, true}, 0);
  if (on_descriptor) on_descriptor(channel, descriptor);
  const Failure failure = execute(channel, descriptor, slot);
  if (failure.code != 0) return stop(channel, failure, d::TAG.get(descriptor));
  ++descriptors;
  poke(channel, dma::CH_HEAD::kOffset, (head + 1) & mask);
  if (d::INTERRUPT.get(descriptor) != 0) raise(channel, dma::INT_STATUS::FENCE.lsb);
  doorbell(channel);
}

}  // namespace gpudmar::test
