// SPDX-License-Identifier: Apache-2.0
// Every operation of the engine in the whole machine, in every channel of both adapters at once, under all
// monitors; and what a driver reads after a translation fault. Built for Pipe 0 and for Pipe 1, which differ
// in the number of channels.
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>
#include <numeric>

#include "driver-model/hw/regs/dma_regs.h"
#include "driver-model/vtd/remapping_unit.h"
#include "tests/support/covers.h"
#include "tests/support/sc_harness.h"

namespace gpudmar::test {

sim::MachineConfig machine_config() {
  sim::MachineConfig config;
  config.pipe = GPUDMAR_TEST_PIPE;
  config.memory.latency = 20;
  config.vram.latency = 10;
  return config;
}

namespace {

namespace dma = regs::dma;
namespace op = regs::dma::opcode;
namespace space = regs::dma::space;
using Descriptor = std::array<std::uint64_t, 8>;

constexpr std::uint64_t kPage = 4096;

/// Fields of a descriptor by name.
class Build {
 public:
  explicit Build(std::uint32_t opcode) { put(dma::descriptor::OPCODE, opcode); }
  Build& put(const regs::Field& field, std::uint64_t value) {
    field.set(words_.data(), value);
    return *this;
  }
  Build& source(std::uint32_t in, std::uint64_t address) {
    return put(dma::descriptor::SRC_SPACE, in).put(dma::descriptor::SRC, address);
  }
  Build& target(std::uint32_t in, std::uint64_t address) {
    return put(dma::descriptor::DST_SPACE, in).put(dma::descriptor::DST, address);
  }
  Build& length(std::uint64_t less_one) { return put(dma::descriptor::LENGTH, less_one); }
  Build& value(std::uint64_t value) { return put(dma::descriptor::SRC_SLICE, value); }
  [[nodiscard]] const Descriptor& words() const { return words_; }

 private:
  Descriptor words_{};
};

class MachineOperations : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kHostPages = 6;  ///< of a channel, scattered
  static constexpr std::uint64_t kWords = 0,
                                 kRows = kPage;  ///< in a channel's pages: words, rows, ring, list, aperture
  static constexpr std::uint64_t kRing = 2 * kPage, kList = 3 * kPage, kWindow = 4 * kPage;
  static constexpr std::uint64_t kVramOfChannel = 0x4'0000;  ///< bytes of VRAM of a channel
  static constexpr std::uint64_t kFilled = 0x1'0000, kBack = 0x2'0000, kVramRing = 0;

  void SetUp() override {
    machine().reset(true);
    pages = std::make_unique<mm::PageAllocator>(*p.memory, *p.time);
    unit = std::make_unique<vtd::RemappingUnit>(*p.iommu, *p.time, *p.interrupts, *pages,
                                                vtd::RemappingUnit::Config{});
    channels =
        static_cast<unsigned>(dma::CAPS::CHANNELS.get(p.functions[0].bar0->read64(dma::CAPS::kOffset)));
    for (unsigned n = 0; n < 2; ++n) {
      domains[n] = &unit->create_domain();
      unit->attach(*domains[n], p.functions[n].source_id);
      pfns[n] = pages->allocate(kHostPages * channels, {}, true).value();
      std::vector<std::uint64_t> logical(pfns[n].size());
      std::iota(logical.begin(), logical.end(), kFirstLogical / kPage);
      domains[n]->map(logical, pfns[n], {});
      const hw::MessageTarget target = p.interrupts->connect("gpu", [this, n] { service(n); });
      auto& bar = *p.functions[n].bar0;
      bar.write64(dma::CFG_MSI_ADDR::kOffset, target.address);
      bar.write32(dma::CFG_MSI_DATA::kOffset, target.data);
      bar.write32(dma::CFG_COMMAND::kOffset, 3);
      bar.write32(dma::INT_ENABLE::kOffset, 3);
      targets.push_back(target);
    }
  }
  void TearDown() override {
    for (const hw::MessageTarget& target : targets) p.interrupts->disconnect(target);
    unit.reset();
    for (const auto& violation : machine().violations().list())
      ADD_FAILURE() << "cycle " << violation.cycle << " " << violation.rule << ": " << violation.message;
    machine().board().violations().clear();
  }

  void service(unsigned n) {
    auto& bar = *p.functions[n].bar0;
    const std::uint32_t causes = bar.read32(dma::INT_STATUS::kOffset);
    bar.write32(dma::INT_STATUS::kOffset, causes);
    const std::uint32_t from = bar.read32(dma::INT_CHANNELS::kOffset);
    bar.write32(dma::INT_CHANNELS::kOffset, from);
    told[n] |= from;
  }

  static constexpr std::uint64_t kFirstLogical = 0x100 * kPage;
  [[nodiscard]] static std::uint64_t logical(unsigned c, std::uint64_t at) {
    return kFirstLogical + c * kHostPages * kPage + at;
  }
  [[nodiscard]] hw::PhysAddr host(unsigned n, unsigned c, std::uint64_t at) const {
    return pfns[n][c * kHostPages + at / kPage] * kPage + at % kPage;
  }
  [[nodiscard]] std::uint64_t host_word(unsigned n, unsigned c, std::uint64_t at) const {
    return p.memory->load64(host(n, c, at));
  }
  [[nodiscard]] std::uint8_t host_byte(unsigned n, unsigned c, std::uint64_t at) const {
    return static_cast<std::uint8_t>(host_word(n, c, at & ~7ULL) >> at % 8 * 8);
  }
  [[nodiscard]] static std::uint8_t vram_byte(unsigned n, std::uint64_t at) {
    std::uint8_t value = 0;
    EXPECT_TRUE(machine().board().vram(n).device().read(at, &value, 1));
    return value;
  }
  [[nodiscard]] std::uint32_t status(unsigned n, unsigned c) const {
    return p.functions[n].bar0->read32(dma::CH_STATUS::kOffset + c * dma::CH_STATUS::kStride);
  }
  void write(unsigned n, unsigned c, std::uint64_t offset, std::uint64_t value) const {
    auto& bar = *p.functions[n].bar0;
    const std::uint64_t at = offset + c * dma::CH_CTRL::kStride;
    if (offset == dma::CH_RING_BASE::kOffset || offset == dma::CH_WB_ADDR::kOffset)
      bar.write64(at, value);
    else
      bar.write32(at, static_cast<std::uint32_t>(value));
  }
  /// The descriptors at `at` of the channel's host pages or of its VRAM.
  void place(unsigned n, unsigned c, bool in_vram, std::uint64_t at,
             const std::vector<Descriptor>& list) const {
    const std::size_t bytes = list.size() * sizeof(Descriptor);
    if (in_vram) {
      ASSERT_TRUE(machine().board().vram(n).device().write(c * kVramOfChannel + at, list.data(), bytes));
      return;
    }
    for (std::size_t i = 0; i < bytes / 8; ++i) p.memory->store64(host(n, c, at + 8 * i), list[i / 8][i % 8]);
    p.memory->publish(host(n, c, at), bytes);
  }

  const hw::Platform& p = machine().platform();
  std::unique_ptr<mm::PageAllocator> pages;
  std::unique_ptr<vtd::RemappingUnit> unit;
  std::array<vtd::Domain*, 2> domains{};
  std::array<std::vector<mm::Pfn>, 2> pfns;
  std::vector<hw::MessageTarget> targets;
  std::array<std::uint32_t, 2> told{};  ///< channels whose cause a message told
  unsigned channels = 0;
};

constexpr std::array<std::uint8_t, 5> kPattern{0x11, 0x22, 0x33, 0x44, 0x55};

TEST_F(MachineOperations, EveryOneInEveryChannelOfBothAdaptersAtOnce) {
  covers("contract.dma_launch", "G1", "G5");
  EXPECT_EQ(channels, GPUDMAR_TEST_PIPE == 0 ? 2U : 4U);
  constexpr unsigned kFirst = 6;  // descriptors of the first segment
  unsigned total = 0;
  for (unsigned n = 0; n < 2; ++n) {
    for (unsigned c = 0; c < channels; ++c) {
      const bool in_vram = (c + n) % 2 != 0;
      const std::uint64_t mark = 0x50 + 16 * n + c;
      const std::uint64_t vram = c * kVramOfChannel;
      const std::uint64_t window = c * 8 * kPage;  // in the aperture
      const std::uint64_t rest = (in_vram ? kVramRing : kRing) + 1024;
      const std::uint32_t ring_space = in_vram ? space::VRAM : space::LOGICAL;
      const std::uint64_t ring = in_vram ? vram + kVramRing : logical(c, kRing);
      std::uint64_t pattern = 0;
      for (std::size_t i = 0; i < kPattern.size(); ++i) pattern |= std::uint64_t{kPattern[i]} << 8 * i;
      const std::vector<Descriptor> first{
          Build(op::FILL)
              .target(space::VRAM, vram + kFilled + 3)
              .length(4999)
              .put(dma::descriptor::PARAM, 4)
              .put(dma::descriptor::SRC, pattern)
              .words(),
          Build(op::FENCE).target(space::LOGICAL, logical(c, kWords)).value(mark).words(),
          Build(op::COPY_3D)
              .source(space::VRAM, vram + kFilled + 3)
              .target(space::LOGICAL, logical(c, kRows + 5))
              .length(36)
              .put(dma::descriptor::ROWS, 2)
              .put(dma::descriptor::SLICES, 1)
              .put(dma::descriptor::SRC_PITCH, 61)
              .put(dma::descriptor::DST_PITCH, 83)
              .put(dma::descriptor::SRC_SLICE, 500)
              .put(dma::descriptor::DST_SLICE, 700)
              .words(),
          Build(op::TIMESTAMP).target(space::LOGICAL, logical(c, kWords + 8)).words(),
          Build(op::SEM_SIGNAL).target(space::LOGICAL, logical(c, kWords + 16)).value(mark + 1).words(),
          Build(op::LINK).target(ring_space, ring + 1024).length(25).words()};
      std::vector<Descriptor> second{
          Build(op::NOP).words(),
          Build(op::SEM_WAIT)
              .source(space::LOGICAL, logical(c, kWords + 16))
              .value(mark + 1)
              .put(dma::descriptor::DST_SLICE, ~0ULL)
              .put(dma::descriptor::SRC_PITCH, 20)
              .length(20'000)
              .words(),
          Build(op::MAP_APERTURE_RANGE)
              .source(0, logical(c, kRows))
              .target(space::APERTURE, window)
              .length(0)
              .words(),
          Build(op::COPY)
              .source(space::APERTURE, window + 5)
              .target(space::VRAM, vram + kBack)
              .length(36)
              .words(),
          Build(op::MAP_APERTURE_LIST)
              .source(space::LOGICAL, logical(c, kList))
              .target(space::APERTURE, window)
              .length(1)
              .words(),
          Build(op::COPY)
              .source(space::VRAM, vram + kFilled + 3)
              .target(space::APERTURE, window + 100)
              .length(4999)
              .words(),
          Build(op::FENCE).target(space::VRAM, vram + kBack + 64).value(mark + 2).words(),
          Build(op::UNMAP_APERTURE)
              .put(dma::descriptor::PARAM, 1)
              .target(space::APERTURE, window)
              .length(1)
              .words(),
          Build(op::FENCE)
              .target(space::LOGICAL, logical(c, kWords + 24))
              .value(mark + 3)
              .put(dma::descriptor::INTERRUPT, 1)
              .words()};
      total = static_cast<unsigned>(first.size() + second.size());
      // The aperture's two pages, in an order that is not the memory's.
      p.memory->store64(host(n, c, kList), logical(c, kWindow + kPage));
      p.memory->store64(host(n, c, kList + 8), logical(c, kWindow));
      p.memory->publish(host(n, c, kList), 16);
      place(n, c, in_vram, in_vram ? kVramRing : kRing, first);
      place(n, c, in_vram, rest, second);
      write(n, c, dma::CH_RING_BASE::kOffset, ring);
      write(n, c, dma::CH_RING_CFG::kOffset,
            dma::CH_RING_CFG::SIZE_LOG2.put(5) | dma::CH_RING_CFG::SPACE.put(ring_space));
      write(n, c, dma::CH_RING_SEG::kOffset, kFirst);
      write(n, c, dma::CH_COALESCE::kOffset,
            dma::CH_COALESCE::COUNT.put(4) | dma::CH_COALESCE::CYCLES.put(100));
      write(n, c, dma::CH_WB_ADDR::kOffset, logical(c, kWords + 64));
      write(n, c, dma::CH_WB_CFG::kOffset, 1 | dma::CH_WB_CFG::SPACE.put(space::LOGICAL));
      write(n, c, dma::CH_CTRL::kOffset, 1);
    }
  }
  for (unsigned n = 0; n < 2; ++n)
    for (unsigned c = 0; c < channels; ++c) write(n, c, dma::CH_TAIL::kOffset, total);

  for (unsigned n = 0; n < 2; ++n) {
    for (unsigned c = 0; c < channels; ++c) {
      SCOPED_TRACE(testing::Message() << "adapter " << n << " channel " << c);
      const std::uint64_t mark = 0x50 + 16 * n + c;
      const std::uint64_t vram = c * kVramOfChannel;
      // The write-back tells of fence and head; the message comes after it.
      ASSERT_TRUE(p.time->wait_until(
          [&] {
            return host_word(n, c, kWords + 72) == mark + 3 &&
                   (host_word(n, c, kWords + 64) & 0xFFFF) == total;
          },
          60'000))
          << "error "
          << p.functions[n].bar0->read32(dma::CH_ERR_INFO::kOffset + c * dma::CH_ERR_INFO::kStride);
      ASSERT_TRUE(p.time->wait_until([&] { return (told[n] >> c & 1) != 0; }, 5000)) << "no message";
      EXPECT_EQ(status(n, c), 1U) << "idle, no error";
      EXPECT_EQ(host_word(n, c, kWords), mark);
      EXPECT_NE(host_word(n, c, kWords + 8), 0U);
      EXPECT_LT(host_word(n, c, kWords + 8), p.time->now());
      EXPECT_EQ(host_word(n, c, kWords + 16), mark + 1);
      EXPECT_EQ(host_word(n, c, kWords + 24), mark + 3);
      for (unsigned i = 0; i < 5000; ++i)
        ASSERT_EQ(vram_byte(n, vram + kFilled + 3 + i), kPattern[i % 5]) << i;
      for (unsigned slice = 0; slice < 2; ++slice) {
        for (unsigned row = 0; row < 3; ++row) {
          for (unsigned i = 0; i < 37; ++i) {
            ASSERT_EQ(host_byte(n, c, kRows + 5 + 700 * slice + 83 * row + i),
                      kPattern[(500 * slice + 61 * row + i) % 5])
                << slice << " " << row << " " << i;
          }
        }
      }
      for (unsigned i = 0; i < 37; ++i) ASSERT_EQ(vram_byte(n, vram + kBack + i), kPattern[i % 5]) << i;
      for (unsigned i = 0; i < 5000; ++i) {
        const std::uint64_t at = 100 + i;
        const std::uint64_t in_window = at < kPage ? kWindow + kPage + at : kWindow + at - kPage;
        ASSERT_EQ(host_byte(n, c, in_window), kPattern[i % 5]) << i;
      }
      const std::uint64_t mark_in_vram = vram_byte(n, vram + kBack + 64);
      EXPECT_EQ(mark_in_vram, mark + 2);
    }
    EXPECT_EQ(told[n], (1U << channels) - 1);
  }
  ASSERT_TRUE(p.time->wait_until([&] { return machine().board().idle(); }, 5000));
}

/// What stops a channel when the IOMMU refuses, and what the unit records.
struct Refusal {
  const char* what;
  bool write;
  std::uint32_t in;
  std::uint64_t address;
  unsigned reason;
};

TEST_F(MachineOperations, TranslationFaultsAreReportedByTheEngineAndByTheUnit) {
  covers("vtd.fault.05", "vtd.fault.06", "vtd.fault.31", "G21");
  constexpr std::uint64_t kNowhere = 0x4000 * kPage;
  const Refusal refusals[] = {
      {"a read of a page that is not mapped", false, space::LOGICAL, kNowhere + 0x123, 6},
      {"a write to a page that is not mapped", true, space::LOGICAL, kNowhere + 0x5123, 5},
      {"a read with a PASID, in legacy mode", false, space::VIRTUAL, kNowhere + 0x8010, 0x31},
      {"a write with a PASID, in legacy mode", true, space::VIRTUAL, kNowhere + 0x9010, 0x31},
  };
  unsigned tail = 0;
  std::size_t records = 0;
  write(0, 0, dma::CH_RING_BASE::kOffset, 0);
  write(0, 0, dma::CH_RING_CFG::kOffset, dma::CH_RING_CFG::SIZE_LOG2.put(6));
  write(0, 0, dma::CH_CTRL::kOffset, 1);
  for (const Refusal& refusal : refusals) {
    SCOPED_TRACE(refusal.what);
    Build copy(op::COPY);
    if (refusal.write)
      copy.source(space::VRAM, kFilled).target(refusal.in, refusal.address);
    else
      copy.source(refusal.in, refusal.address).target(space::VRAM, kFilled);
    if (refusal.in == space::VIRTUAL) copy.put(dma::descriptor::PASID, 0x12345);
    copy.length(99).put(dma::descriptor::TAG, 0xABCD'0000 + tail);
    place(0, 0, true, tail * 64, {copy.words()});
    write(0, 0, dma::CH_TAIL::kOffset, ++tail);
    ASSERT_TRUE(p.time->wait_until([&] { return unit->faults().records().size() > records; }, 20'000));
    unsigned polls = 0;
    while ((status(0, 0) & 2) == 0 && ++polls < 500) p.time->wait(10);
    ASSERT_LT(polls, 500U) << "the channel goes on";
    const vtd::FaultRecord record = unit->faults().records().at(records);
    EXPECT_EQ(record.reason, refusal.reason);
    EXPECT_EQ(record.address, refusal.address & ~(kPage - 1));
    EXPECT_EQ(record.source_id, p.functions[0].source_id);
    records = unit->faults().records().size();
    auto& bar = *p.functions[0].bar0;
    const std::uint64_t beat = dma::CAPS::BUS_BYTES.get(bar.read64(dma::CAPS::kOffset));
    const std::uint32_t info = bar.read32(dma::CH_ERR_INFO::kOffset);
    EXPECT_EQ(dma::CH_ERR_INFO::CODE.get(info), refusal.write ? dma::error::WRITE : dma::error::READ);
    EXPECT_EQ(dma::CH_ERR_INFO::OPERAND.get(info), refusal.write ? 2U : 1U);
    EXPECT_EQ(dma::CH_ERR_INFO::RESP.get(info), 2U);
    EXPECT_EQ(dma::CH_ERR_INFO::INDEX.get(info), tail - 1);
    EXPECT_EQ(bar.read64(dma::CH_ERR_ADDR::kOffset), refusal.address & ~(beat - 1));
    EXPECT_EQ(bar.read64(dma::CH_ERR_TAG::kOffset), 0xABCD'0000 + tail - 1);
    write(0, 0, dma::CH_CTRL::kOffset, 1 | 1U << dma::CH_CTRL::SKIP.lsb);
    ASSERT_TRUE(p.time->wait_until([&] { return machine().board().idle(); }, 5000));
  }
}

}  // namespace
}  // namespace gpudmar::test
