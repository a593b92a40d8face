// SPDX-License-Identifier: Apache-2.0
// Ring, fence and error of one piece of work at a time.
#include "sim/replay/engine.h"

#include <algorithm>
#include <stdexcept>

#include "driver-model/hw/regs/dma_regs.h"

namespace gpudmar::sim::replay {
namespace {

namespace dma = regs::dma;

constexpr unsigned kSizeLog2 = 12;
constexpr std::uint64_t kRingBytes = std::uint64_t{kDescriptorBytes} << kSizeLog2;
constexpr std::uint64_t kPollCycles = 32;
constexpr std::uint64_t kFreeCycles = 200'000'000;  // until somebody else's work has ended
constexpr std::uint64_t kCycles = 1'000'000;        // and this one's, beside its bytes
constexpr std::uint64_t kCyclesOfByte = 64;
constexpr std::uint64_t kResetPolls = 10'000;
constexpr unsigned kDestination = 2;  // CH_ERR_INFO.OPERAND

}  // namespace

// The last megabyte of local memory: drivers count from its begin.
std::uint64_t Engine::base() const { return machine_.config().vram_bytes - 2 * kRingBytes; }

void Engine::reset() {
  hw::Mmio& registers = bar();
  registers.write32(dma::CH_CTRL::kOffset, static_cast<std::uint32_t>(dma::CH_CTRL::RESET.put(1)));
  for (std::uint64_t polls = 0; dma::CH_CTRL::RESET.get(registers.read32(dma::CH_CTRL::kOffset)) != 0;
       ++polls)
    if (polls == kResetPolls) throw std::runtime_error("a channel does not finish its reset");
  registers.write64(dma::CH_RING_BASE::kOffset, base());
  registers.write32(dma::CH_RING_CFG::kOffset,
                    static_cast<std::uint32_t>(dma::CH_RING_CFG::SIZE_LOG2.put(kSizeLog2) |
                                               dma::CH_RING_CFG::SPACE.put(dma::space::VRAM)));
  registers.write32(dma::CH_CTRL::kOffset, static_cast<std::uint32_t>(dma::CH_CTRL::ENABLE.put(1)));
}

void Engine::submit(const std::vector<Descriptor>& work) {
  if (!machine_.engine().run_until([this] { return !busy_; }, kFreeCycles))
    throw std::runtime_error("the work before it does not end");
  busy_ = true;
  if (work.size() + 2 > (1U << kSizeLog2)) throw std::runtime_error("more descriptors than the ring holds");
  namespace d = dma::descriptor;
  std::vector<Descriptor> ring = work;
  bytes_ = 0;
  for (Descriptor& descriptor : ring) {
    d::INTERRUPT.set(descriptor.data(), 0);  // nobody would answer it
    bytes_ += (d::LENGTH.get(descriptor.data()) + 1) * (d::ROWS.get(descriptor.data()) + 1);
  }
  Descriptor fence{};
  d::OPCODE.set(fence.data(), dma::opcode::FENCE);
  d::DST_SPACE.set(fence.data(), dma::space::VRAM);
  d::DST.set(fence.data(), base() + kRingBytes);
  d::SRC_SLICE.set(fence.data(), ++sequence_ | 1ULL << 63);  // apart from those of the trace
  ring.push_back(fence);
  reset();
  SparseMemory& vram = machine_.board().vram(adapter_).device();
  if (!vram.write(base(), ring.data(), ring.size() * kDescriptorBytes))
    throw std::runtime_error("the ring does not fit into local memory");
  bar().write32(dma::CH_TAIL::kOffset, static_cast<std::uint32_t>(dma::CH_TAIL::INDEX.put(ring.size())));
}

Engine::Result Engine::finish() {
  hw::Mmio& registers = bar();
  const std::uint64_t end = machine_.engine().cycles() + kCycles + kCyclesOfByte * bytes_;
  Result result;
  for (;;) {
    if (registers.read64(dma::CH_FENCE::kOffset) == (sequence_ | 1ULL << 63)) {
      result.done = true;
      break;
    }
    if (dma::CH_STATUS::ERROR.get(registers.read32(dma::CH_STATUS::kOffset)) != 0) {
      const std::uint32_t info = registers.read32(dma::CH_ERR_INFO::kOffset);
      result.code = static_cast<unsigned>(dma::CH_ERR_INFO::CODE.get(info));
      result.write = dma::CH_ERR_INFO::OPERAND.get(info) == kDestination;
      result.address = registers.read64(dma::CH_ERR_ADDR::kOffset);
      break;
    }
    if (machine_.engine().cycles() > end) {
      result.timeout = true;
      break;
    }
    machine_.engine().wait_cycles(kPollCycles);
  }
  if (!result.done) reset();
  busy_ = false;
  return result;
}

}  // namespace gpudmar::sim::replay
