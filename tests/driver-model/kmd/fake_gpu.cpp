// SPDX-License-Identifier: Apache-2.0
// The byte-level device: see fake_gpu.h.
#include "tests/driver-model/kmd/fake_gpu.h"

#include <cstring>
#include <utility>

#include "driver-model/hw/regs/dma_regs.h"

namespace gpudmar::test {

namespace dma = gpudmar::regs::dma;

namespace {
constexpr unsigned kVramBits = 20;
constexpr std::uint32_t kSlaveError = 2;
}  // namespace

FakeGpu::FakeGpu(FakeTime& time, hw::PhysAddr base, unsigned address_bits, Resolve resolve)
    : mmio(base, 4096, &time, 1), vram(1u << kVramBits), time_(time), resolve_(std::move(resolve)) {
  mmio.poke32(dma::ID::kOffset, 0x414D4447);
  mmio.poke32(dma::VERSION::kOffset, 2u << 16);
  mmio.poke64(dma::CAPS::kOffset,
              dma::CAPS::ADDR_BITS.put(address_bits) | dma::CAPS::VRAM_BITS.put(kVramBits));
  mmio.on_write[dma::INT_STATUS::kOffset] = [this](std::uint64_t value) {
    mmio.poke32(dma::INT_STATUS::kOffset,
                mmio.peek32(dma::INT_STATUS::kOffset) & ~static_cast<std::uint32_t>(value));
  };
  mmio.on_write[dma::CH_CTRL::kOffset] = [this](std::uint64_t value) {
    mmio.poke32(dma::CH_CTRL::kOffset, static_cast<std::uint32_t>(value));
    if (dma::CH_CTRL::RESET.get(value) == 0 || hang_reset) return;
    mmio.poke32(dma::CH_CTRL::kOffset, static_cast<std::uint32_t>(dma::CH_CTRL::ENABLE.put(value)));
    mmio.poke32(dma::CH_STATUS::kOffset, static_cast<std::uint32_t>(dma::CH_STATUS::IDLE.put(1)));
    mmio.poke32(dma::CH_HEAD::kOffset, 0);
    mmio.poke32(dma::CH_TAIL::kOffset, 0);
  };
  mmio.on_write[dma::CH_TAIL::kOffset] = [this](std::uint64_t value) {
    mmio.poke32(dma::CH_TAIL::kOffset, static_cast<std::uint32_t>(value));
    doorbell();
  };
}

void FakeGpu::doorbell() {
  if (running_ || deaf) return;
  running_ = true;
  time_.after(latency, [this] { step(); });
}

void FakeGpu::raise(unsigned bit) {
  mmio.poke32(dma::INT_STATUS::kOffset, mmio.peek32(dma::INT_STATUS::kOffset) | 1u << bit);
  const bool enabled = (mmio.peek32(dma::INT_ENABLE::kOffset) >> bit & 1) != 0;
  if (enabled && !lose_interrupts && interrupt) interrupt();
}

void FakeGpu::stop(std::uint32_t code, std::uint32_t operand, std::uint64_t address, std::uint64_t tag) {
  const std::uint32_t index = mmio.peek32(dma::CH_HEAD::kOffset);
  mmio.poke32(dma::CH_STATUS::kOffset, static_cast<std::uint32_t>(dma::CH_STATUS::ERROR.put(1)));
  mmio.poke32(dma::CH_ERR_INFO::kOffset, static_cast<std::uint32_t>(dma::CH_ERR_INFO::CODE.put(code) |
                                                                    dma::CH_ERR_INFO::OPERAND.put(operand) |
                                                                    dma::CH_ERR_INFO::RESP.put(kSlaveError) |
                                                                    dma::CH_ERR_INFO::INDEX.put(index)));
  mmio.poke64(dma::CH_ERR_ADDR::kOffset, address);
  mmio.poke64(dma::CH_ERR_TAG::kOffset, tag);
  raise(dma::INT_STATUS::ERROR.lsb);
}

std::uint8_t* FakeGpu::byte_of(std::uint32_t space, std::uint64_t address, bool write) {
  if (space == dma::space::VRAM) return address < vram.size() ? &vram[address] : nullptr;
  return space == dma::space::LOGICAL ? resolve_(address, write) : nullptr;
}

bool FakeGpu::copy(const std::uint64_t* descriptor) {
  const auto source_space = static_cast<std::uint32_t>(dma::descriptor::SRC_SPACE.get(descriptor));
  const auto target_space = static_cast<std::uint32_t>(dma::descriptor::DST_SPACE.get(descriptor));
  const std::uint64_t source = dma::descriptor::SRC.get(descriptor);
  const std::uint64_t target = dma::descriptor::DST.get(descriptor);
  const std::uint64_t tag = dma::descriptor::TAG.get(descriptor);
  for (std::uint64_t i = 0; i <= dma::descriptor::LENGTH.get(descriptor); ++i) {
    const std::uint8_t* from = byte_of(source_space, source + i, false);
    if (from == nullptr) return stop(dma::error::READ, 1, source + i, tag), false;
    std::uint8_t* to = byte_of(target_space, target + i, true);
    if (to == nullptr) return stop(dma::error::WRITE, 2, target + i, tag), false;
    *to = *from;
  }
  no_snoop += dma::descriptor::NO_SNOOP.get(descriptor);
  return true;
}

bool FakeGpu::fence(const std::uint64_t* descriptor) {
  const std::uint64_t target = dma::descriptor::DST.get(descriptor);
  std::uint8_t* to =
      byte_of(static_cast<std::uint32_t>(dma::descriptor::DST_SPACE.get(descriptor)), target, true);
  if (to == nullptr) return stop(dma::error::WRITE, 2, target, dma::descriptor::TAG.get(descriptor)), false;
  const std::uint64_t value = dma::descriptor::SRC_SLICE.get(descriptor);
  std::memcpy(to, &value, sizeof value);
  if (dma::descriptor::INTERRUPT.get(descriptor) != 0) raise(dma::INT_STATUS::FENCE.lsb);
  return true;
}

void FakeGpu::step() {
  running_ = false;
  const std::uint32_t config = mmio.peek32(dma::CH_RING_CFG::kOffset);
  const std::uint32_t mask = (1u << dma::CH_RING_CFG::SIZE_LOG2.get(config)) - 1;
  const std::uint32_t head = mmio.peek32(dma::CH_HEAD::kOffset);
  const bool enabled = dma::CH_CTRL::ENABLE.get(mmio.peek32(dma::CH_CTRL::kOffset)) != 0;
  const bool stopped = dma::CH_STATUS::ERROR.get(mmio.peek32(dma::CH_STATUS::kOffset)) != 0;
  if (!enabled || stopped || head == mmio.peek32(dma::CH_TAIL::kOffset)) return;

  const std::uint64_t slot = mmio.peek64(dma::CH_RING_BASE::kOffset) + std::uint64_t{head} * 64;
  const std::uint8_t* place =
      byte_of(static_cast<std::uint32_t>(dma::CH_RING_CFG::SPACE.get(config)), slot, false);
  if (place == nullptr) return stop(dma::error::RING_READ, 0, slot, 0);
  std::uint64_t descriptor[8];
  std::memcpy(descriptor, place, sizeof descriptor);
  bool done = true;
  const auto opcode = dma::descriptor::OPCODE.get(descriptor);
  if (opcode == dma::opcode::COPY) {
    done = copy(descriptor);
  } else if (opcode == dma::opcode::FENCE) {
    done = fence(descriptor);
  } else if (opcode != dma::opcode::NOP) {
    return stop(dma::error::BAD_OPCODE, 0, slot, dma::descriptor::TAG.get(descriptor));
  }
  if (!done) return;
  ++descriptors;
  mmio.poke32(dma::CH_HEAD::kOffset, (head + 1) & mask);
  doorbell();
}

}  // namespace gpudmar::test
