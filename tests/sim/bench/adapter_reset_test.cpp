// SPDX-License-Identifier: Apache-2.0
// Resets of a machine at work: one adapter in every phase of its copies while the other copies on and the
// operating system invalidates; the IOMMU alone under both adapters' copies; and the whole machine, warm.
#include <gtest/gtest.h>

#include <memory>
#include <numeric>

#include "driver-model/hw/regs/dma_regs.h"
#include "driver-model/vtd/remapping_unit.h"
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

namespace dma = regs::dma;

class AdapterReset : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kVram = 0, kLogical = 2;
  static constexpr std::uint64_t kSource = 0x8000, kTarget = 0x20'0000;  ///< in VRAM
  static constexpr std::uint32_t kBytes = 5000;
  static constexpr std::uint64_t kPages = 2;  ///< of each buffer

  /// Buffers of one adapter: a source, a target and a fence word in host memory, mapped in this order.
  struct Buffers {
    std::vector<std::uint64_t> logical;
    std::vector<mm::Pfn> pfns;
    [[nodiscard]] std::uint64_t source() const { return logical[0] * 4096 + 17; }
    [[nodiscard]] std::uint64_t target() const { return logical[kPages] * 4096 + 101; }
    [[nodiscard]] std::uint64_t fence() const { return logical[2 * kPages] * 4096; }
  };

  void SetUp() override {
    machine().reset(true);
    bring_up();
  }
  void TearDown() override {
    unit.reset();
    for (const auto& violation : machine().violations().list())
      ADD_FAILURE() << "cycle " << violation.cycle << " " << violation.rule << ": " << violation.message;
    machine().board().violations().clear();
  }
  void bring_up() {
    pages = std::make_unique<mm::PageAllocator>(*p.memory, *p.time);
    vtd::RemappingUnit::Config config;
    config.timeout_cycles = 20'000;
    unit = std::make_unique<vtd::RemappingUnit>(*p.iommu, *p.time, *p.interrupts, *pages, config);
    domain = &unit->create_domain();
    for (unsigned n = 0; n < 2; ++n) {
      unit->attach(*domain, p.functions[n].source_id);
      Buffers& b = buffers[n];
      b.pfns = pages->allocate(2 * kPages + 1, {}, true).value();
      b.logical.resize(b.pfns.size());
      std::iota(b.logical.begin(), b.logical.end(), 0x100 + 0x100 * n);
      domain->map(b.logical, b.pfns, {});
    }
    // Through the pages' own addresses; the buffers are not consecutive in memory.
    for (unsigned n = 0; n < 2; ++n) {
      for (std::uint64_t i = 0; i < kPages * 4096; i += 8)
        p.memory->store64(buffers[n].pfns[i / 4096] * 4096 + i % 4096,
                          (0x11ULL * (n + 1)) << 56 | i * 0x0101'0101);
      std::vector<std::uint8_t> vram(kBytes + 64);
      for (std::size_t i = 0; i < vram.size(); ++i) vram[i] = static_cast<std::uint8_t>(i * 13 + n);
      ASSERT_TRUE(machine().board().vram(n).device().write(kSource, vram.data(), vram.size()));
    }
  }
  std::uint8_t host_byte(const Buffers& b, std::uint64_t logical) {
    const std::uint64_t index = logical / 4096 - b.logical[0];
    std::uint8_t value = 0;
    EXPECT_TRUE(machine().board().memory().device().read(b.pfns[index] * 4096 + logical % 4096, &value, 1));
    return value;
  }
  std::uint64_t fence_word(unsigned n) { return p.memory->load64(buffers[n].pfns[2 * kPages] * 4096); }
  std::uint8_t vram_byte(unsigned n, std::uint64_t at) {
    std::uint8_t value = 0;
    EXPECT_TRUE(machine().board().vram(n).device().read(at, &value, 1));
    return value;
  }

  /// Copy in, copy out, then `value` to the fence word.
  void work(unsigned n, std::uint64_t value) {
    auto& bar = *p.functions[n].bar0;
    const Buffers& b = buffers[n];
    using Descriptor = std::array<std::uint64_t, 8>;
    const auto copy = [](std::uint64_t from, std::uint64_t source, std::uint64_t to, std::uint64_t target) {
      return Descriptor{1U | from << 16 | to << 20, source, target, kBytes - 1};
    };
    Descriptor fence{8U | kLogical << 20};
    fence[2] = b.fence();
    fence[5] = value;
    const std::array<Descriptor, 3> list{copy(kLogical, b.source(), kVram, kTarget),
                                         copy(kVram, kSource + 5, kLogical, b.target()), fence};
    bar.write32(dma::CH_CTRL::kOffset, 2);
    unsigned polls = 0;
    while ((bar.read32(dma::CH_CTRL::kOffset) & 2) != 0 && ++polls < 500) p.time->wait(10);
    ASSERT_LT(polls, 500U) << "the channel does not come to rest";
    ASSERT_TRUE(machine().board().vram(n).device().write(0, list.data(), sizeof list));
    bar.write64(dma::CH_RING_BASE::kOffset, 0);
    bar.write32(dma::CH_RING_CFG::kOffset, static_cast<std::uint32_t>(dma::CH_RING_CFG::SIZE_LOG2.put(6)));
    bar.write32(dma::CFG_COMMAND::kOffset, 3);
    bar.write32(dma::CH_CTRL::kOffset, 1);
    bar.write32(dma::CH_TAIL::kOffset, 3);
  }
  void expect_done(unsigned n, std::uint64_t value) {
    ASSERT_TRUE(p.time->wait_until([&] { return fence_word(n) == value; }, 20'000)) << "adapter " << n;
    const Buffers& b = buffers[n];
    for (std::uint32_t i = 0; i < kBytes; i += 7) {
      ASSERT_EQ(vram_byte(n, kTarget + i), host_byte(b, b.source() + i)) << i;
      ASSERT_EQ(host_byte(b, b.target() + i), vram_byte(n, kSource + 5 + i)) << i;
    }
  }
  void clear_targets(unsigned n) {
    for (std::uint64_t page = kPages; page <= 2 * kPages; ++page)
      for (std::uint64_t i = 0; i < 4096; i += 8) p.memory->store64(buffers[n].pfns[page] * 4096 + i, 0);
    const std::vector<std::uint8_t> zeros(kBytes + 64);
    ASSERT_TRUE(machine().board().vram(n).device().write(kTarget, zeros.data(), zeros.size()));
  }
  void reset_adapter(unsigned n, std::uint64_t cycles) {
    machine().board().hold_adapter_reset(n, true);
    p.time->wait(cycles);
    machine().board().hold_adapter_reset(n, false);
  }

  const hw::Platform& p = machine().platform();
  std::unique_ptr<mm::PageAllocator> pages;
  std::unique_ptr<vtd::RemappingUnit> unit;
  vtd::Domain* domain = nullptr;
  Buffers buffers[2];
};

TEST_F(AdapterReset, OneInEveryPhaseWhileTheOtherCopiesOn) {
  covers("contract.dma.reset", "vtd.drain", "G21");
  unsigned cut_off = 0;
  for (unsigned offset = 0; offset < 420; offset += 3) {
    SCOPED_TRACE(testing::Message() << "offset " << offset);
    const std::uint64_t value = 0xF000 + offset;
    clear_targets(0);
    clear_targets(1);
    work(1, value);
    work(0, value);
    p.time->wait(offset);
    reset_adapter(0, 1 + offset % 5);
    // Meanwhile a page that it may be using goes away: the wait, with its drain, completes.
    const std::vector<std::uint64_t> gone{buffers[0].logical[kPages]};
    domain->unmap(gone);
    ASSERT_TRUE(p.time->wait_until([&] { return !machine().board().adapter_busy(0); }, 5000));
    expect_done(1, value);
    ASSERT_TRUE(p.time->wait_until([&] { return machine().board().idle(); }, 5000));
    cut_off += fence_word(0) == value ? 0 : 1;
    EXPECT_EQ(p.functions[0].bar0->read32(dma::CFG_COMMAND::kOffset), 0U)
        << "its registers are as after reset";
    domain->map(gone, {buffers[0].pfns[kPages]}, {});
    if (offset % 4 == 0) {  // it works again
      clear_targets(0);
      work(0, value + 1);
      expect_done(0, value + 1);
    }
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_GT(cut_off, 100U) << "most resets met the adapter at work";
}

TEST_F(AdapterReset, RegistersOfAnAdapterInResetAnswerWithAnError) {
  covers("contract.dma.reset");
  machine().board().hold_adapter_reset(0, true);
  p.time->wait(5);
  EXPECT_TRUE(machine().board().adapter_busy(0));
  EXPECT_THROW((void)p.functions[0].bar0->read32(dma::ID::kOffset), hw::HardwareError);
  EXPECT_EQ(p.functions[1].bar0->read32(dma::ID::kOffset), 0x414D4447U);
  machine().board().hold_adapter_reset(0, false);
  ASSERT_TRUE(p.time->wait_until([&] { return !machine().board().adapter_busy(0); }, 100));
  EXPECT_EQ(p.functions[0].bar0->read32(dma::ID::kOffset), 0x414D4447U);
}

// Both adapters copy; the unit is reset below them, and the operating system sets it up again. Every copy
// ends with the right bytes, and nothing is reported.
TEST_F(AdapterReset, TheIommuAloneInEveryPhaseOfBothAdaptersCopies) {
  covers("vtd.registers.quiesce", "vtd.drain", "G5");
  sim::Board& board = machine().board();
  unsigned held = 0;
  for (unsigned offset = 0; offset < 400; offset += 7) {
    SCOPED_TRACE(testing::Message() << "offset " << offset);
    const std::uint64_t value = 0xE000 + offset;
    for (unsigned n = 0; n < 2; ++n) {
      clear_targets(n);
      work(n, value);
    }
    p.time->wait(offset);
    board.quiesce_iommu(true);
    ASSERT_TRUE(p.time->wait_until([&] { return board.iommu_quiesced(); }, 5000));
    EXPECT_TRUE(board.data_port().idle() && board.table_port().idle());
    board.hold_iommu_reset(true);
    p.time->wait(1 + offset % 3);
    board.hold_iommu_reset(false);
    p.time->wait(1);
    board.quiesce_iommu(false);
    p.time->wait(50);
    EXPECT_TRUE(board.data_port().idle()) << "nobody passes a unit that is off";
    EXPECT_EQ(p.iommu->read32(0xF40), 1U);
    held += fence_word(0) == value && fence_word(1) == value ? 0 : 1;
    unit->restore();
    for (unsigned n = 0; n < 2; ++n) expect_done(n, value);
    const std::vector<std::uint64_t> gone{buffers[0].logical[kPages]};
    domain->unmap(gone);
    domain->map(gone, {buffers[0].pfns[kPages]}, {});
    ASSERT_TRUE(p.time->wait_until([&] { return board.idle(); }, 5000));
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_GT(held, 20U) << "most resets met both at work";
}

TEST_F(AdapterReset, FaultsFromBeforeAResetOfTheIommuReachTheOperatingSystem) {
  covers("vtd.registers.quiesce", "vtd.registers.sticky", "G21");
  sim::Board& board = machine().board();
  domain->unmap({buffers[0].logical[0]});
  unit->faults().disable();
  work(0, 1);
  unsigned polls = 0;
  while ((p.iommu->read32(0x34) & 2) == 0 && ++polls < 500) p.time->wait(10);
  ASSERT_LT(polls, 500U) << "nothing was recorded";
  board.quiesce_iommu(true);
  ASSERT_TRUE(p.time->wait_until([&] { return board.iommu_quiesced(); }, 5000));
  board.hold_iommu_reset(true);
  p.time->wait(2);
  board.hold_iommu_reset(false);
  p.time->wait(1);
  board.quiesce_iommu(false);
  EXPECT_TRUE(unit->faults().records().empty());
  unit->restore();
  ASSERT_FALSE(unit->faults().records().empty());
  EXPECT_EQ(unit->faults().records()[0].address, buffers[0].source() & ~0xFFFULL);
}

TEST_F(AdapterReset, WarmResetOfTheMachineUnderTraffic) {
  covers("vtd.registers.reset");
  for (unsigned offset = 20; offset < 400; offset += 31) {
    SCOPED_TRACE(testing::Message() << "offset " << offset);
    work(0, 1);
    work(1, 1);
    p.time->wait(offset);
    machine().board().warm_reset();
    unit.reset();  // what it still wanted to do finds a unit that is off
    machine().board().warm_reset();
    bring_up();
    for (unsigned n = 0; n < 2; ++n) {
      clear_targets(n);
      work(n, 0xF00D);
    }
    for (unsigned n = 0; n < 2; ++n) expect_done(n, 0xF00D);
    ASSERT_TRUE(p.time->wait_until([&] { return machine().board().idle(); }, 5000));
    ASSERT_FALSE(HasFailure());
  }
}

// Both adapters are reset, one a while after the other, and the first one comes back first, or last.
TEST_F(AdapterReset, BothAtEveryDistance) {
  covers("contract.dma.reset", "vtd.drain");
  sim::Board& board = machine().board();
  for (unsigned offset = 0; offset < 300; offset += 7) {
    SCOPED_TRACE(testing::Message() << "offset " << offset);
    const unsigned first = offset % 2, last = offset % 3 == 0 ? first : 1 - first;
    for (unsigned n = 0; n < 2; ++n) {
      clear_targets(n);
      work(n, 0xD000 + offset);
    }
    p.time->wait(offset);
    board.hold_adapter_reset(first, true);
    p.time->wait(offset % 40);
    board.hold_adapter_reset(1 - first, true);
    p.time->wait(1 + offset % 5);
    board.hold_adapter_reset(1 - last, false);
    p.time->wait(offset % 11);
    board.hold_adapter_reset(last, false);
    ASSERT_TRUE(p.time->wait_until([&] { return !board.adapter_busy(0) && !board.adapter_busy(1); }, 5000));
    ASSERT_TRUE(p.time->wait_until([&] { return board.idle(); }, 5000));
    for (unsigned n = 0; n < 2; ++n) {
      EXPECT_EQ(p.functions[n].bar0->read32(dma::CFG_COMMAND::kOffset), 0U);
      clear_targets(n);
      work(n, 0xD800 + offset);
    }
    for (unsigned n = 0; n < 2; ++n) expect_done(n, 0xD800 + offset);
    ASSERT_FALSE(HasFailure());
  }
}

// An adapter is reset while the unit comes to rest, rests, and is reset: what the adapter had shown still
// goes out when the unit is set up again, and then its reset ends.
TEST_F(AdapterReset, OneWhileTheIommuRests) {
  covers("contract.dma.reset", "vtd.registers.quiesce");
  sim::Board& board = machine().board();
  for (unsigned offset = 0; offset < 400; offset += 9) {
    SCOPED_TRACE(testing::Message() << "offset " << offset);
    const std::uint64_t value = 0xC000 + offset;
    for (unsigned n = 0; n < 2; ++n) {
      clear_targets(n);
      work(n, value);
    }
    p.time->wait(offset);
    const bool before = offset % 2 == 0;  // in reset before the unit comes to rest, or only then
    if (before) board.hold_adapter_reset(0, true);
    board.quiesce_iommu(true);
    ASSERT_TRUE(p.time->wait_until([&] { return board.iommu_quiesced(); }, 5000));
    board.hold_adapter_reset(0, true);
    board.hold_iommu_reset(true);
    p.time->wait(1 + offset % 3);
    board.hold_iommu_reset(false);
    p.time->wait(1);
    board.quiesce_iommu(false);
    p.time->wait(20);
    EXPECT_TRUE(board.adapter_busy(0));
    board.hold_adapter_reset(0, false);
    unit->restore();
    ASSERT_TRUE(p.time->wait_until([&] { return !board.adapter_busy(0); }, 5000));
    expect_done(1, value);
    ASSERT_TRUE(p.time->wait_until([&] { return board.idle(); }, 5000));
    clear_targets(0);
    work(0, value + 1);
    expect_done(0, value + 1);
    ASSERT_FALSE(HasFailure());
  }
}

}  // namespace
}  // namespace gpudmar::test
