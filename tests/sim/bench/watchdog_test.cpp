// SPDX-License-Identifier: Apache-2.0
// Faults from outside, on each port of the machine: slaves that do not answer, do not take, or answer for
// somebody else. The watchdog says who waits for whom; the monitors name a wrong answer.
#include "sim/bench/watchdog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>

#include "driver-model/hw/regs/dma_regs.h"
#include "driver-model/vtd/remapping_unit.h"
#include "tests/support/covers.h"
#include "tests/support/sc_harness.h"

namespace gpudmar::test {

constexpr std::uint64_t kHang = 2000;

sim::MachineConfig machine_config() {
  sim::MachineConfig config;
  config.hang_cycles = kHang;
  config.memory.latency = 20;
  config.vram.latency = 10;
  return config;
}

namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
namespace dma = regs::dma;
using sim::AxiMemory;
using sim::AxiMemoryConfig;

class Outside : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kLogical = 0x100'0000, kVramSource = 0x8000, kVramTarget = 0x2'0000;

  void SetUp() override {
    machine().reset(true);
    board.violations().clear();
    pages = std::make_unique<mm::PageAllocator>(*p.memory, *p.time);
    vtd::RemappingUnit::Config config;
    config.timeout_cycles = 5000;
    unit = std::make_unique<vtd::RemappingUnit>(*p.iommu, *p.time, *p.interrupts, *pages, config);
    domain = &unit->create_domain();
    unit->attach(*domain, p.functions[0].source_id);
    domain->map({kLogical / 4096, kLogical / 4096 + 1}, pages->allocate(2, {}, true).value(), {});
    normal = {board.data_port().config(), board.table_port().config(), board.vram_port(0).config()};
  }
  void TearDown() override {
    for (AxiMemory* port : ports()) {
      port->set_read_delay(nullptr);
      port->set_answer_id(nullptr);
    }
    for (std::size_t i = 0; i < normal.size(); ++i) ports()[i]->configure(normal[i]);
    machine().reset(true);
    unit.reset();
    board.violations().clear();
  }
  [[nodiscard]] std::array<AxiMemory*, 3> ports() {
    return {&board.data_port(), &board.table_port(), &board.vram_port(0)};
  }

  /// A copy in and a copy out of 256 bytes each, in one ring.
  void work() {
    const std::array<std::array<std::uint64_t, 8>, 2> list{
        {{1U | 2U << 16, kLogical + 32, kVramTarget, 255},
         {1U | 2U << 20, kVramSource, kLogical + 4096, 255}}};
    ASSERT_TRUE(board.vram(0).device().write(0, list.data(), sizeof list));
    auto& bar = *p.functions[0].bar0;
    bar.write64(dma::CH_RING_BASE::kOffset, 0);
    bar.write32(dma::CH_RING_CFG::kOffset, static_cast<std::uint32_t>(dma::CH_RING_CFG::SIZE_LOG2.put(4)));
    bar.write32(dma::CFG_COMMAND::kOffset, 3);
    bar.write32(dma::CH_CTRL::kOffset, 1);
    bar.write32(dma::CH_TAIL::kOffset, 2);
  }
  [[nodiscard]] std::vector<std::string> told(const std::string& rule) {
    std::vector<std::string> texts;
    for (const sim::Violation& violation : board.violations().list())
      if (violation.rule == rule) texts.push_back(violation.message);
    return texts;
  }

  const hw::Platform& p = machine().platform();
  sim::Board& board = machine().board();
  std::unique_ptr<mm::PageAllocator> pages;
  std::unique_ptr<vtd::RemappingUnit> unit;
  vtd::Domain* domain = nullptr;
  std::array<AxiMemoryConfig, 3> normal;
};

TEST_F(Outside, WorkThatEndsIsNotReported) {
  work();
  p.time->wait(4 * kHang);
  EXPECT_THAT(board.violations().list(), IsEmpty());
  EXPECT_EQ(p.functions[0].bar0->read32(dma::CH_HEAD::kOffset), 2U);
}

struct Fault {
  const char* name;
  std::size_t port;  ///< data, table, VRAM
  void (*break_it)(AxiMemory&, AxiMemoryConfig);
  const char* waits;
};

void never_answers_reads(AxiMemory& port, AxiMemoryConfig /*config*/) {
  port.set_read_delay([](std::uint32_t, std::uint64_t) { return 1U << 30U; });
}
void never_answers_writes(AxiMemory& port, AxiMemoryConfig config) {
  config.b_latency = 1'000'000;
  port.configure(config);
}
void never_takes_reads(AxiMemory& port, AxiMemoryConfig config) {
  config.ar_stall = 1;
  port.configure(config);
}
void never_takes_writes(AxiMemory& port, AxiMemoryConfig config) {
  config.aw_stall = 1;
  port.configure(config);
}
void never_takes_data(AxiMemory& port, AxiMemoryConfig config) {
  config.w_stall = 1;
  port.configure(config);
}

const std::vector<Fault> kFaults{
    {"DataReadSilent", 0, never_answers_reads, "m_axi_data for the data of the read of"},
    {"DataWriteSilent", 0, never_answers_writes, "m_axi_data for the answer to the write to"},
    {"DataReadNotTaken", 0, never_takes_reads, "m_axi_data for ARREADY"},
    {"DataWriteNotTaken", 0, never_takes_writes, "m_axi_data for AWREADY"},
    {"DataBeatNotTaken", 0, never_takes_data, "m_axi_data for WREADY"},
    {"TableReadSilent", 1, never_answers_reads, "m_axi_table for the data of the read of"},
    {"TableReadNotTaken", 1, never_takes_reads, "m_axi_table for ARREADY"},
    {"VramReadSilent", 2, never_answers_reads, "m_axi_vram0 for the data of the read of"},
    {"VramWriteSilent", 2, never_answers_writes, "m_axi_vram0 for the answer to the write to"},
    {"VramReadNotTaken", 2, never_takes_reads, "m_axi_vram0 for ARREADY"},
    {"VramWriteNotTaken", 2, never_takes_writes, "m_axi_vram0 for AWREADY"},
    {"VramBeatNotTaken", 2, never_takes_data, "m_axi_vram0 for WREADY"},
};

class DeadSlave : public Outside, public ::testing::WithParamInterface<Fault> {};

TEST_P(DeadSlave, IsNamedByTheWatchdog) {
  covers("watchdog.stalled");
  const Fault& fault = GetParam();
  fault.break_it(*ports().at(fault.port), normal.at(fault.port));
  work();
  p.time->wait(4 * kHang);
  const std::vector<std::string> texts = told("watchdog.stalled");
  const std::string user = fault.port == 2 ? "adapter 0" : "the IOMMU";
  EXPECT_THAT(texts, Contains(AllOf(HasSubstr(user + " waits at"), HasSubstr(fault.waits))));
  if (fault.port != 2) {
    EXPECT_THAT(texts, Contains(AllOf(HasSubstr("adapter 0 waits for its"), HasSubstr(fault.waits))));
  }
  EXPECT_THAT(texts, Not(Contains(HasSubstr("nothing outside"))));
  // The registers answer, so a driver can look and reset.
  EXPECT_NO_THROW((void)p.functions[0].bar0->read32(dma::CH_STATUS::kOffset));
  EXPECT_NO_THROW((void)p.iommu->read32(0x34));
  const std::size_t before = texts.size();
  p.time->wait(2 * kHang);
  EXPECT_EQ(told("watchdog.stalled").size(), before) << "each once";
}

INSTANTIATE_TEST_SUITE_P(EachPort, DeadSlave, ::testing::ValuesIn(kFaults),
                         [](const auto& info) { return std::string(info.param.name); });

struct WrongId {
  const char* name;
  std::size_t port;
  bool write;
  const char* rule;
};

class StrangeAnswer : public Outside, public ::testing::WithParamInterface<WrongId> {};

TEST_P(StrangeAnswer, IsNamedByTheMonitor) {
  const WrongId& wrong = GetParam();
  covers(wrong.rule);
  bool once = true;
  // An id that nobody uses: the top bit of the port's ids.
  const unsigned bits = wrong.port == 2   ? board.info().id_bits
                        : wrong.port == 1 ? board.info().table_id_bits
                                          : 6;
  ports().at(wrong.port)->set_answer_id([&once, &wrong, bits](bool write, std::uint32_t id) {
    if (write != wrong.write || !once) return id;
    once = false;
    return id ^ 1U << (bits - 1);
  });
  work();
  p.time->wait(2000);
  EXPECT_FALSE(once) << "no answer came";
  EXPECT_THAT(told(wrong.rule),
              Contains(HasSubstr(std::array{"m_axi_data", "m_axi_table", "m_axi_vram0"}.at(wrong.port))));
  EXPECT_NO_THROW((void)p.functions[0].bar0->read32(dma::CH_STATUS::kOffset));
}

INSTANTIATE_TEST_SUITE_P(EachPort, StrangeAnswer,
                         ::testing::Values(WrongId{"DataRead", 0, false, "axi.r_id"},
                                           WrongId{"DataWrite", 0, true, "axi.b_id"},
                                           WrongId{"TableRead", 1, false, "axi.r_id"},
                                           WrongId{"VramRead", 2, false, "axi.r_id"},
                                           WrongId{"VramWrite", 2, true, "axi.b_id"}),
                         [](const auto& info) { return std::string(info.param.name); });

/// What no machine of ours does: a request whose answer nobody outside owes.
TEST(WatchdogAlone, SaysWhenNothingOutsideIsOwed) {
  covers("watchdog.stalled");
  std::vector<sim::Violation> found;
  sim::Watchdog watchdog(1, 100, [&found](const sim::Violation& violation) { found.push_back(violation); });
  auto out = std::make_unique<sim::DutOutputs>();
  auto in = std::make_unique<sim::DutInputs>();
  for (std::uint64_t cycle = 0; cycle < 400; ++cycle) {
    out->probe[0].ar = cycle == 10;
    out->probe[0].araddr = 0x1234;
    out->probe[0].arid = 5;
    watchdog.observe({cycle, *out, *in});
  }
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].rule, "watchdog.stalled");
  EXPECT_LT(found[0].cycle, 140U);
  EXPECT_EQ(found[0].message,
            "adapter 0 waits for its read of 0x1234 (id 5) since cycle 10: the IOMMU owes it, and waits for "
            "nothing outside itself");
}

}  // namespace
}  // namespace gpudmar::test
