// SPDX-License-Identifier: Apache-2.0
// Descriptors of the engine's rings, and the AXI ids of its channels.
#pragma once

#include <array>
#include <cstdint>

#include "driver-model/hw/regs/dma_regs.h"

namespace gpudmar::test {

namespace dma = regs::dma;

/// AXI ids are {channel, kind}: reads 0 data, 1 ring, 2 semaphore; writes 0 data, 1 fence, 2 message, 3
/// write-back.
inline constexpr unsigned kIdData = 0, kIdRing = 1, kIdSem = 2, kIdFence = 1, kIdMsi = 2, kIdWb = 3;
inline constexpr unsigned kChannels = 4;  ///< Of an engine with default parameters.
inline constexpr unsigned kChannelStride = 0x100;
inline constexpr unsigned id_of(unsigned channel, unsigned kind) { return channel << 2 | kind; }

/// A ring descriptor.
struct Descriptor {
  std::array<std::uint64_t, 8> qw{};

  static Descriptor nop(std::uint64_t tag = 0) {
    Descriptor d;
    dma::descriptor::OPCODE.set(d.qw.data(), dma::opcode::NOP);
    dma::descriptor::TAG.set(d.qw.data(), tag);
    return d;
  }
  static Descriptor copy(unsigned src_space, std::uint64_t src, unsigned dst_space, std::uint64_t dst,
                         std::uint64_t bytes, std::uint64_t tag = 0) {
    Descriptor d;
    dma::descriptor::OPCODE.set(d.qw.data(), dma::opcode::COPY);
    dma::descriptor::SRC_SPACE.set(d.qw.data(), src_space);
    dma::descriptor::SRC.set(d.qw.data(), src);
    dma::descriptor::DST_SPACE.set(d.qw.data(), dst_space);
    dma::descriptor::DST.set(d.qw.data(), dst);
    dma::descriptor::LENGTH.set(d.qw.data(), bytes - 1);
    dma::descriptor::TAG.set(d.qw.data(), tag);
    return d;
  }
  static Descriptor fence(unsigned space, std::uint64_t addr, std::uint64_t value, bool interrupt,
                          std::uint64_t tag = 0) {
    Descriptor d;
    dma::descriptor::OPCODE.set(d.qw.data(), dma::opcode::FENCE);
    dma::descriptor::INTERRUPT.set(d.qw.data(), interrupt ? 1 : 0);
    dma::descriptor::DST_SPACE.set(d.qw.data(), space);
    dma::descriptor::DST.set(d.qw.data(), addr);
    dma::descriptor::SRC_SLICE.set(d.qw.data(), value);
    dma::descriptor::TAG.set(d.qw.data(), tag);
    return d;
  }
  static Descriptor signal(unsigned space, std::uint64_t addr, std::uint64_t value, bool interrupt = false) {
    Descriptor d = fence(space, addr, value, interrupt);
    return d.with(dma::descriptor::OPCODE, dma::opcode::SEM_SIGNAL);
  }
  static Descriptor timestamp(unsigned space, std::uint64_t addr, bool interrupt = false) {
    Descriptor d = fence(space, addr, 0, interrupt);
    return d.with(dma::descriptor::OPCODE, dma::opcode::TIMESTAMP);
  }
  static Descriptor wait(unsigned space, std::uint64_t addr, unsigned condition, std::uint64_t value,
                         std::uint64_t mask = ~0ULL, std::uint32_t timeout = 0, std::uint32_t interval = 0) {
    Descriptor d;
    d.with(dma::descriptor::OPCODE, dma::opcode::SEM_WAIT).with(dma::descriptor::PARAM, condition);
    d.with(dma::descriptor::SRC_SPACE, space).with(dma::descriptor::SRC, addr);
    d.with(dma::descriptor::SRC_SLICE, value).with(dma::descriptor::DST_SLICE, mask);
    return d.with(dma::descriptor::LENGTH, timeout).with(dma::descriptor::SRC_PITCH, interval);
  }
  static Descriptor link(unsigned space, std::uint64_t addr, std::uint32_t count) {
    Descriptor d;
    d.with(dma::descriptor::OPCODE, dma::opcode::LINK).with(dma::descriptor::DST_SPACE, space);
    return d.with(dma::descriptor::DST, addr).with(dma::descriptor::LENGTH, count - 1);
  }
  /// The same with one field changed.
  Descriptor& with(const regs::Field& field, std::uint64_t value) {
    field.set(qw.data(), value);
    return *this;
  }
};

}  // namespace gpudmar::test
