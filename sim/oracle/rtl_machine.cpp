// SPDX-License-Identifier: Apache-2.0
// Starts the server, moves bytes with channel 0 of a GPU.
#include "sim/oracle/rtl_machine.h"

#include <fmt/format.h>

#include <cstring>

#include "driver-model/hw/regs/dma_regs.h"
#include "sim/bench/machine_config.h"
#include "sim/serve/address_map.h"

namespace gpudmar::oracle {
namespace {

namespace dma = regs::dma;

// In an adapter's local memory. The buffer begins where the bus address does within a line of 64 bytes, or
// elsewhere: the copy is then shifted.
constexpr std::uint64_t kRing = 0x1'0000;
constexpr std::uint64_t kBuffer = 0x2'0000;
constexpr unsigned kRingLog2 = 4;
constexpr std::uint64_t kStepNs = 400;  ///< less than any access takes

std::uint64_t bar(unsigned device) { return sim::kBarBase + device * sim::kBarStride; }
std::uint64_t vram(unsigned device) { return sim::kVramBase + device * sim::kVramStride; }

}  // namespace

RtlMachine::RtlMachine(std::vector<std::string> server, const std::string& directory, std::uint64_t seed) {
  const std::string socket = directory + "/rtl.qtest";
  for (std::string word :
       {std::string("--qtest"), "unix:" + socket, std::string("--seed"), fmt::format("{}", seed)})
    server.push_back(std::move(word));
  child_ = std::make_unique<Child>(std::move(server), directory + "/rtl.log");
  bus_ = std::make_unique<QtestClient>("RTL", socket, *child_);
  for (unsigned device = 0; device < kSourceIds.size(); ++device) {
    if ((bus_->read32(bar(device) + dma::CFG_SID::kOffset)) != kSourceIds.at(device))
      throw EndpointError("RTL: an adapter has another source-id than the cases");
    bus_->write32(bar(device) + dma::CFG_COMMAND::kOffset,
                  static_cast<std::uint32_t>(dma::CFG_COMMAND::BUS_MASTER.put(1)));
    bus_->write64(bar(device) + dma::CH_RING_BASE::kOffset, kRing);
    bus_->write32(bar(device) + dma::CH_RING_CFG::kOffset,
                  static_cast<std::uint32_t>(dma::CH_RING_CFG::SIZE_LOG2.put(kRingLog2) |
                                             dma::CH_RING_CFG::SPACE.put(dma::space::VRAM)));
    start_channel(device);
  }
  start_unit();
}

RtlMachine::~RtlMachine() = default;

void RtlMachine::settle() { bus_->clock_step(kStepNs); }

std::uint64_t RtlMachine::violations() { return bus_->number("violations"); }

int RtlMachine::end() {
  bus_.reset();  // the server ends with its client
  return child_->wait(60'000);
}

void RtlMachine::start_channel(unsigned device) {
  const std::uint64_t ctrl = bar(device) + dma::CH_CTRL::kOffset;
  bus_->write32(ctrl, static_cast<std::uint32_t>(dma::CH_CTRL::RESET.put(1)));
  wait_for([&] { return dma::CH_CTRL::RESET.get(bus_->read32(ctrl)) == 0; }, "the reset of a channel");
  bus_->write32(ctrl, static_cast<std::uint32_t>(dma::CH_CTRL::ENABLE.put(1)));
  tail_.at(device) = 0;
}

void RtlMachine::dma(const Access& access, const std::vector<std::uint8_t>& bytes, Observation& result) {
  const unsigned device = access.source;
  const std::uint64_t buffer = kBuffer + access.pattern % 64;
  if (access.write) bus_->write(vram(device) + buffer, bytes);
  std::array<std::uint64_t, 8> descriptor{};
  dma::descriptor::OPCODE.set(descriptor.data(), dma::opcode::COPY);
  dma::descriptor::SRC_SPACE.set(descriptor.data(), access.write ? dma::space::VRAM : dma::space::LOGICAL);
  dma::descriptor::DST_SPACE.set(descriptor.data(), access.write ? dma::space::LOGICAL : dma::space::VRAM);
  dma::descriptor::SRC.set(descriptor.data(), access.write ? buffer : access.address);
  dma::descriptor::DST.set(descriptor.data(), access.write ? access.address : buffer);
  dma::descriptor::LENGTH.set(descriptor.data(), access.bytes - 1);
  for (unsigned i = 0; i < descriptor.size(); ++i)
    bus_->write64(vram(device) + kRing + tail_.at(device) * 64 + i * 8, descriptor.at(i));
  tail_.at(device) = (tail_.at(device) + 1) % (1U << kRingLog2);
  bus_->write32(bar(device) + dma::CH_TAIL::kOffset, tail_.at(device));
  std::uint32_t status = 0;
  settle();
  wait_for(
      [&] {
        status = bus_->read32(bar(device) + dma::CH_STATUS::kOffset);
        return dma::CH_STATUS::IDLE.get(status) != 0 ||
               (dma::CH_STATUS::ERROR.get(status) != 0 && dma::CH_STATUS::HUNG.get(status) == 0);
      },
      "a copy");
  result.failed = dma::CH_STATUS::ERROR.get(status) != 0;
  if (*result.failed) start_channel(device);
  if (!access.write) result.data = bus_->read(vram(device) + buffer, access.bytes);
}

}  // namespace gpudmar::oracle
