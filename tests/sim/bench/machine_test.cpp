// SPDX-License-Identifier: Apache-2.0
// The machine from software's side: register windows, their errors, time, interrupts, reset, one copy by
// hand.
#include "sim/bench/machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "driver-model/hw/regs/dma_regs.h"
#include "driver-model/hw/regs/vtd_regs.h"
#include "tests/support/covers.h"
#include "tests/support/sc_harness.h"

namespace gpudmar::test {

sim::MachineConfig machine_config() {
  sim::MachineConfig config;
  config.memory.latency = 20;
  config.vram.latency = 10;
  return config;
}

namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;
namespace dma = regs::dma;
namespace vtd = regs::vtd;

class MachineTest : public ::testing::Test {
 protected:
  void SetUp() override { machine().reset(true); }
  void TearDown() override {
    for (const auto& violation : machine().violations().list())
      ADD_FAILURE() << "cycle " << violation.cycle << " " << violation.rule << ": " << violation.message;
    machine().board().violations().clear();
  }
  const hw::Platform& p = machine().platform();
};

TEST_F(MachineTest, PlatformDescribesTheMachine) {
  ASSERT_NE(p.iommu, nullptr);
  EXPECT_EQ(p.iommu->base(), 0xFED9'0000U);
  ASSERT_EQ(p.functions.size(), 2U);
  EXPECT_EQ(p.functions[0].source_id, 0x0100);
  EXPECT_EQ(p.functions[1].source_id, 0x0200);
  EXPECT_EQ(p.functions[1].bar0->base(), 0xE010'0000U);
  EXPECT_EQ(p.host_address_width, 46U);
}

TEST_F(MachineTest, RegistersAnswer) {
  EXPECT_EQ(p.iommu->read32(vtd::IMPL_ID::kOffset), 0x524D4447U);
  for (std::size_t n = 0; n < 2; ++n) {
    EXPECT_EQ(p.functions[n].bar0->read32(dma::ID::kOffset), 0x414D4447U);
    EXPECT_EQ(p.functions[n].bar0->read32(dma::CFG_SID::kOffset), p.functions[n].source_id);
    const std::uint64_t caps = p.functions[n].bar0->read64(dma::CAPS::kOffset);
    EXPECT_EQ(dma::CAPS::ADDR_BITS.get(caps), machine().board().info().dma_addr_bits);
    EXPECT_EQ(dma::CAPS::BUS_BYTES.get(caps), machine().board().info().bus_bytes);
    EXPECT_EQ(dma::CAPS::VRAM_BITS.get(caps), machine().board().info().vram_bits);
  }
  EXPECT_EQ(vtd::CAP::MGAW.get(p.iommu->read64(vtd::CAP::kOffset)) + 1, machine().board().info().mgaw);
}

TEST_F(MachineTest, DwordWritesKeepTheOtherHalf) {
  auto& bar = *p.functions[0].bar0;
  bar.write64(dma::CH_RING_BASE::kOffset, 0x1122'3344'5566'7780);
  bar.write32(dma::CH_RING_BASE::kOffset + 4, 0xAABB'CCDD);
  EXPECT_EQ(bar.read64(dma::CH_RING_BASE::kOffset), 0xAABB'CCDD'5566'7780U);
  EXPECT_EQ(bar.read32(dma::CH_RING_BASE::kOffset + 4), 0xAABB'CCDDU);
  EXPECT_EQ(p.functions[1].bar0->read64(dma::CH_RING_BASE::kOffset) == 0xAABB'CCDD'5566'7780U, false);
}

TEST_F(MachineTest, AccessesThatCannotBeServedThrow) {
  EXPECT_THAT([&] { (void)p.iommu->read32(2); }, ThrowsMessage<hw::HardwareError>(HasSubstr("misaligned")));
  EXPECT_THAT([&] { (void)p.iommu->read64(0x1000); }, ThrowsMessage<hw::HardwareError>(HasSubstr("outside")));
  EXPECT_THAT([&] { (void)p.functions[0].bar0->read64(0xFFC); },
              ThrowsMessage<hw::HardwareError>(HasSubstr("misaligned")));
}

TEST_F(MachineTest, TimePassesOnlyInWaitsAndExactly) {
  const std::uint64_t start = p.time->now();
  p.time->wait(1);
  EXPECT_EQ(p.time->now(), start + 1);
  p.time->wait(1000);
  EXPECT_EQ(p.time->now(), start + 1001);
  EXPECT_TRUE(p.time->wait_until([&] { return p.time->now() == start + 1037; }, 500));
  EXPECT_EQ(p.time->now(), start + 1037);  // woken in the very cycle
  EXPECT_FALSE(p.time->wait_until([] { return false; }, 70));
  EXPECT_EQ(p.time->now(), start + 1107);
  EXPECT_TRUE(p.time->wait_until([] { return true; }, 0));
  EXPECT_DOUBLE_EQ(p.time->cycle_ns(), 10.0);
}

TEST_F(MachineTest, ClockingOutsideAThreadIsRefused) {
  // The clocking method itself is the one place where a test can be outside a thread.
  bool refused = false;
  (void)p.time->wait_until(
      [&] {
        try {
          p.time->wait(1);
        } catch (const std::logic_error&) {
          refused = true;
        }
        return refused;
      },
      2);
  EXPECT_TRUE(refused);
}

TEST_F(MachineTest, SpuriousMessagesAreViolations) {
  machine().interrupts().post({hw::kInterruptWindowBase, 0x77});
  p.time->wait(3);
  ASSERT_EQ(machine().violations().count(), 1U);
  EXPECT_EQ(machine().violations().list()[0].rule, "interrupt.spurious");
  machine().board().violations().clear();
}

TEST_F(MachineTest, HandlersMayUseRegistersAndRunOneAfterTheOther) {
  std::vector<std::uint32_t> seen;
  const auto a = p.interrupts->connect("a", [&] {
    seen.push_back(p.functions[0].bar0->read32(dma::ID::kOffset));
    seen.push_back(1);
  });
  const auto b = p.interrupts->connect("b", [&] { seen.push_back(2); });
  EXPECT_NE(a.data, b.data);
  machine().interrupts().post(a);
  machine().interrupts().post(b);
  ASSERT_TRUE(p.time->wait_until([&] { return seen.size() == 3; }, 1000));
  EXPECT_THAT(seen, ::testing::ElementsAre(0x414D4447U, 1U, 2U));
  p.interrupts->disconnect(a);
  p.interrupts->disconnect(b);
  EXPECT_THROW(p.interrupts->disconnect(a), hw::HardwareError);
}

TEST_F(MachineTest, AHandlerThatThrowsIsAViolation) {
  const auto line = p.interrupts->connect("bad", [] { throw std::runtime_error("no such fence"); });
  machine().interrupts().post(line);
  p.time->wait(3);
  ASSERT_EQ(machine().violations().count(), 1U);
  EXPECT_THAT(machine().violations().list()[0].message, HasSubstr("bad: no such fence"));
  machine().board().violations().clear();
  p.interrupts->disconnect(line);
}

/// Lays a descriptor of `qws` into VRAM slot `index` of a ring at VRAM offset 0.
class DmaTest : public MachineTest {
 protected:
  using Descriptor = std::array<std::uint64_t, 8>;
  void submit(unsigned adapter, const std::vector<Descriptor>& list) {
    auto& bar = *p.functions[adapter].bar0;
    ASSERT_TRUE(machine().board().vram(adapter).device().write(0, list.data(), list.size() * 64));
    bar.write64(dma::CH_RING_BASE::kOffset, 0);
    bar.write32(dma::CH_RING_CFG::kOffset, static_cast<std::uint32_t>(dma::CH_RING_CFG::SIZE_LOG2.put(6)));
    bar.write32(dma::CFG_COMMAND::kOffset, 3);
    bar.write32(dma::CH_CTRL::kOffset, 1);
    ring(adapter, list.size());
  }
  void ring(unsigned adapter, std::size_t tail) {
    p.functions[adapter].bar0->write32(dma::CH_TAIL::kOffset, static_cast<std::uint32_t>(tail));
  }
  static Descriptor copy(std::uint64_t source_space, std::uint64_t source, std::uint64_t target_space,
                         std::uint64_t target, std::uint32_t bytes) {
    Descriptor d{};
    d[0] = 1U | source_space << 16 | target_space << 20;
    d[1] = source;
    d[2] = target;
    d[3] = bytes - 1;
    return d;
  }
  static Descriptor fence(std::uint64_t space, std::uint64_t target, std::uint64_t value, bool interrupt) {
    Descriptor d{};
    d[0] = 8U | (interrupt ? 1U << 8 : 0U) | space << 20;
    d[2] = target;
    d[5] = value;
    return d;
  }
  static constexpr std::uint64_t kVram = 0;
  static constexpr std::uint64_t kLogical = 2;
};

TEST_F(DmaTest, CopiesWithRemappingOffAndInterrupts) {
  std::array<std::uint8_t, 3000> data{};
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::uint8_t>(i * 7 + 3);
  auto& memory = machine().board().memory();
  ASSERT_TRUE(memory.device().write(0x10'0011, data.data(), data.size()));
  bool interrupted = false;
  const auto line = p.interrupts->connect("gpu0", [&] { interrupted = true; });
  auto& bar = *p.functions[0].bar0;
  bar.write64(dma::CFG_MSI_ADDR::kOffset, line.address);
  bar.write32(dma::CFG_MSI_DATA::kOffset, line.data);
  bar.write32(dma::INT_ENABLE::kOffset, 3);
  // Copies of one channel may overlap in time, so the second one is handed over after the first one's fence.
  submit(0, {copy(kLogical, 0x10'0011, kVram, 0x8005, 3000), fence(kLogical, 0x30'0000, 0xF00D, true)});
  ASSERT_TRUE(p.time->wait_until([&] { return interrupted; }, 20'000));
  EXPECT_EQ(memory.load64(0x30'0000), 0xF00DU);
  bar.write32(dma::INT_STATUS::kOffset, 3);
  interrupted = false;
  const std::vector<Descriptor> back{copy(kVram, 0x8005, kLogical, 0x20'0FF3, 3000),
                                     fence(kLogical, 0x30'0000, 0x1234'5678'9ABC'DEF0, true)};
  ASSERT_TRUE(machine().board().vram(0).device().write(128, back.data(), 128));
  ring(0, 4);
  ASSERT_TRUE(p.time->wait_until([&] { return interrupted; }, 20'000));
  EXPECT_EQ(memory.load64(0x30'0000), 0x1234'5678'9ABC'DEF0U);
  std::array<std::uint8_t, 3000> copied{};
  ASSERT_TRUE(memory.device().read(0x20'0FF3, copied.data(), copied.size()));
  EXPECT_EQ(copied, data);
  EXPECT_EQ(bar.read64(dma::CH_FENCE::kOffset), 0x1234'5678'9ABC'DEF0U);
  p.interrupts->disconnect(line);
}

}  // namespace
}  // namespace gpudmar::test
