// SPDX-License-Identifier: Apache-2.0
// Operations from descriptor to memory: strided copies, fills, the aperture, virtual operands; fields that
// are wrong. The mover's own tests go deeper.
#include <gtest/gtest.h>

#include <vector>

#include "tests/rtl/dma/dma_observe.h"
#include "tests/rtl/dma/dma_variants.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

namespace d = dma::descriptor;
constexpr unsigned kVram = dma::space::VRAM, kLogical = dma::space::LOGICAL, kAperture = dma::space::APERTURE,
                   kVirtual = dma::space::VIRTUAL;

template <class Bench>
class DmaOp : public ::testing::Test {
 protected:
  static Descriptor map(unsigned opcode, std::uint64_t page, unsigned pages, std::uint64_t src,
                        unsigned src_space = 0) {
    Descriptor m;
    m.with(d::OPCODE, opcode)
        .with(d::DST_SPACE, kAperture)
        .with(d::DST, page * 4096)
        .with(d::LENGTH, pages - 1);
    return m.with(d::SRC, src).with(d::SRC_SPACE, src_space);
  }
};
TYPED_TEST_SUITE(DmaOp, Widths);

TYPED_TEST(DmaOp, StridedCopiesAndFills) {
  covers("contract.dma.rows");
  const std::uint64_t seed = seed_of(61);
  SCOPED_TRACE(rerun(seed));
  std::mt19937_64 random(seed);
  TypeParam bench(seed);
  bench.start(kLogical, 0x1'0000, 7);
  for (unsigned i = 0; i < 0x1'0000; i += 8) bench.host.memory.set64(0x10'0000 + i, random());
  SparseBytes expected;
  std::uint64_t payload = 0;
  for (unsigned n = 0; n < 40; ++n) {
    const std::uint64_t to = 0x100'0000 + n * 0x1'0000 + random() % 64, from = 0x10'0000 + random() % 64;
    const unsigned length = 1 + random() % 90, rows = 1 + random() % 6, slices = 1 + random() % 4;
    const unsigned to_pitch = length + random() % 100, to_slice = to_pitch * rows + random() % 100;
    const unsigned from_pitch = random() % 200, from_slice = random() % 2000;
    const bool fill = random() % 2 == 0;
    const unsigned pattern = 1 + random() % 16;
    const std::array<std::uint64_t, 2> bytes{random(), random()};
    Descriptor op;
    op.with(d::OPCODE, fill ? dma::opcode::FILL : dma::opcode::COPY_3D).with(d::DST, to);
    op.with(d::LENGTH, length - 1).with(d::ROWS, rows - 1).with(d::SLICES, slices - 1);
    op.with(d::DST_PITCH, to_pitch).with(d::DST_SLICE, to_slice);
    if (fill) {
      op.with(d::PARAM, pattern - 1).with(d::SRC, bytes[0]).with(d::SRC_SLICE, bytes[1]);
    } else {
      op.with(d::SRC_SPACE, kLogical)
          .with(d::SRC, from)
          .with(d::SRC_PITCH, from_pitch)
          .with(d::SRC_SLICE, from_slice);
    }
    for (unsigned s = 0; s < slices; ++s) {
      for (unsigned r = 0; r < rows; ++r) {
        for (unsigned i = 0; i < length; ++i) {
          const unsigned p = i % pattern;
          expected.set(to + s * to_slice + r * to_pitch + i,
                       fill ? static_cast<std::uint8_t>(bytes[p / 8] >> (8 * (p % 8)))
                            : bench.host.memory.get(from + s * from_slice + r * from_pitch + i));
          ++payload;
        }
      }
    }
    bench.push(op);
  }
  bench.doorbell();
  ASSERT_TRUE(bench.wait_idle());
  ASSERT_FALSE(bench.error()) << error_code(bench);
  for (std::uint64_t a = 0x100'0000; a < 0x100'0000 + 40 * 0x1'0000; ++a) {
    ASSERT_EQ(bench.vram.memory.get(a), expected.get(a)) << std::hex << a;
  }
  EXPECT_EQ(bench.read64(dma::CNT_BYTES::kOffset), payload);
}

// A list, a range and a dummy page; copies through the aperture both ways, by another channel too.
TYPED_TEST(DmaOp, Aperture) {
  covers("contract.dma.aperture");
  TypeParam bench;
  bench.start(kVram, 0x1'0000, 6);
  bench.start(kVram, 0x2'0000, 6, 3, 3);
  const std::vector<std::uint64_t> pages = {0x77'7000, 0x12'3000, 0xab'cdef'0000, 0x50'0000, 0x20'0000};
  for (unsigned i = 0; i < pages.size(); ++i) {
    bench.host.memory.set64(0x9008 + 8 * i, pages[i] | 0x5a5);  // bits 11:0 are not looked at
    for (unsigned a = 0; a < 4096; a += 8) bench.host.memory.set64(pages[i] + a, (i + 1) * 0x1'0000 + a);
  }
  bench.push(this->map(dma::opcode::MAP_APERTURE_LIST, 100, 5, 0x9008, kLogical));
  bench.push(this->map(dma::opcode::MAP_APERTURE_RANGE, 105, 2, 0x60'0000));
  bench.push(Descriptor::copy(kAperture, 100 * 4096 + 40, kVram, 0x40'0000, 5 * 4096 - 80));
  bench.push(Descriptor::copy(kVram, 0x40'0000, kAperture, 105 * 4096 + 8, 6000));
  bench.push(Descriptor::fence(kVram, 0x9000, 1, false));
  bench.doorbell();
  ASSERT_TRUE(bench.wait_idle());
  ASSERT_FALSE(bench.error()) << error_code(bench);
  for (unsigned a = 40; a < 5 * 4096 - 40; a += 8) {
    ASSERT_EQ(bench.vram.memory.get64(0x40'0000 + a - 40),
              bench.host.memory.get64(pages[a / 4096] + a % 4096))
        << a;
  }
  for (unsigned a = 0; a < 6000; a += 8)
    ASSERT_EQ(bench.host.memory.get64(0x60'0008 + a), bench.vram.memory.get64(0x40'0000 + a));
  bench.push(Descriptor::copy(kAperture, 101 * 4096, kVram, 0x50'0000, 64), 3);
  bench.doorbell(3);
  ASSERT_TRUE(bench.wait_idle(400'000, 3));
  EXPECT_EQ(bench.vram.memory.get64(0x50'0008), bench.host.memory.get64(pages[1] + 8));
  // The dummy page, then nothing.
  bench.push(this->map(dma::opcode::UNMAP_APERTURE, 100, 4, 0x20'0000));
  bench.push(Descriptor::copy(kAperture, 101 * 4096, kVram, 0x51'0000, 64));
  bench.push(this->map(dma::opcode::UNMAP_APERTURE, 102, 1, 0).with(d::PARAM, 1));
  bench.push(Descriptor::copy(kAperture, 101 * 4096 + 4000, kVram, 0x52'0000, 200));
  bench.doorbell();
  ASSERT_TRUE(bench.wait_error());
  EXPECT_EQ(bench.vram.memory.get64(0x51'0000), bench.host.memory.get64(0x20'0000));
  EXPECT_EQ(error_code(bench), dma::error::BAD_APERTURE);
  EXPECT_EQ(bench.head(), 8U);
  EXPECT_EQ(bench.read64(dma::CH_ERR_ADDR::kOffset), 102U * 4096);
  EXPECT_EQ(bench.vram.memory.get64(0x52'0000 + 88), bench.host.memory.get64(0x20'0000 + 4088))
      << "what was before";
  EXPECT_EQ(bench.vram.memory.get64(0x52'0000 + 96), 0U);
  // Beyond the table: no wrap.
  ASSERT_TRUE(bench.reset_channel());
  bench.push(Descriptor::copy(kAperture, (4096 + 101) * 4096ULL, kVram, 0x53'0000, 64));
  bench.doorbell();
  ASSERT_TRUE(bench.wait_error());
  EXPECT_EQ(error_code(bench), dma::error::BAD_APERTURE);
  EXPECT_EQ(bench.read64(dma::CH_ERR_ADDR::kOffset), (4096 + 101) * 4096ULL);
  // The adapter's reset forgets all entries.
  bench.schedule_adapter_reset(0, 1);
  bench.run(50);
  bench.start(kVram, 0x1'0000, 6);
  bench.push(Descriptor::copy(kAperture, 101 * 4096, kVram, 0x54'0000, 64));
  bench.write32(dma::CH_TAIL::kOffset, bench.tail());
  ASSERT_TRUE(bench.wait_error());
  EXPECT_EQ(error_code(bench), dma::error::BAD_APERTURE);
}

TYPED_TEST(DmaOp, VirtualOperandsCarryTheirPasid) {
  covers("contract.dma.pasid");
  TypeParam bench;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> seen;
  bench.on_host_address = [&](bool, std::uint64_t address, std::uint32_t user) {
    seen.emplace_back(address, user);
  };
  bench.start(kVram, 0x1'0000, 4);
  bench.host.memory.set64(0x5000, 0x77);
  bench.push(Descriptor::copy(kVirtual, 0x5000, kLogical, 0x6000, 8).with(d::PASID, 0xabcde));
  bench.push(Descriptor::wait(kVirtual, 0x5000, dma::condition::EQUAL, 0x77).with(d::PASID, 0x12345));
  bench.push(Descriptor::fence(kVirtual, 0x7000, 1, false).with(d::PASID, 0xfffff));
  bench.doorbell();
  ASSERT_TRUE(bench.wait_idle());
  ASSERT_FALSE(bench.error()) << error_code(bench);
  const auto user = [](std::uint32_t pasid) { return pasid << 3 | 4U; };
  ASSERT_EQ(seen.size(), 4U);
  for (const auto& [address, is] : seen) {
    const std::uint64_t page = address & ~0xfffULL;
    EXPECT_EQ(is, page == 0x6000        ? 0
                  : page == 0x7000      ? user(0xfffff)
                  : is == user(0xabcde) ? is
                                        : user(0x12345));
  }
}

// Every field that an operation does not have, bit by bit; values that do not exist; spaces that it does not
// take.
TYPED_TEST(DmaOp, WrongFieldsAreRefused) {
  covers("contract.dma.fields");
  struct Kind {
    const char* name;
    Descriptor good;
    std::vector<regs::Field> fields;  // besides OPCODE and TAG
  };
  Descriptor rows, fill;
  rows.with(d::OPCODE, dma::opcode::COPY_3D).with(d::DST, 0x6000);
  fill.with(d::OPCODE, dma::opcode::FILL).with(d::DST, 0x6000);
  const std::vector<Kind> kinds = {
      {"nop", Descriptor::nop(), {}},
      {"copy",
       Descriptor::copy(kVram, 0, kVram, 0x6000, 8),
       {d::NO_SNOOP, d::SRC_SPACE, d::DST_SPACE, d::SRC, d::DST, d::LENGTH}},
      {"rows",
       rows,
       {d::NO_SNOOP, d::SRC_SPACE, d::DST_SPACE, d::SRC, d::DST, d::LENGTH, d::ROWS, d::SLICES, d::SRC_PITCH,
        d::DST_PITCH, d::SRC_SLICE, d::DST_SLICE}},
      {"fill",
       fill,
       {d::NO_SNOOP, d::PARAM, d::DST_SPACE, d::SRC, d::DST, d::LENGTH, d::ROWS, d::SLICES, d::DST_PITCH,
        d::SRC_SLICE, d::DST_SLICE}},
      {"list",
       this->map(dma::opcode::MAP_APERTURE_LIST, 1, 1, 0x8000),
       {d::SRC_SPACE, d::DST_SPACE, d::SRC, d::DST, d::LENGTH}},
      {"range",
       this->map(dma::opcode::MAP_APERTURE_RANGE, 1, 1, 0x8000),
       {d::DST_SPACE, d::SRC, d::DST, d::LENGTH}},
      {"unmap",
       this->map(dma::opcode::UNMAP_APERTURE, 1, 1, 0x8000),
       {d::DST_SPACE, d::SRC, d::DST, d::LENGTH}},
      {"fence",
       Descriptor::fence(kVram, 0x9000, 1, false),
       {d::INTERRUPT, d::DST_SPACE, d::DST, d::SRC_SLICE}},
      {"wait",
       Descriptor::wait(kVram, 0x9000, 1, 0),
       {d::PARAM, d::SRC_SPACE, d::SRC, d::SRC_SLICE, d::DST_SLICE, d::LENGTH, d::SRC_PITCH}},
      {"signal", Descriptor::signal(kVram, 0x9000, 1), {d::INTERRUPT, d::DST_SPACE, d::DST, d::SRC_SLICE}},
      {"timestamp", Descriptor::timestamp(kVram, 0x9000), {d::INTERRUPT, d::DST_SPACE, d::DST}},
      {"link", Descriptor::link(kVram, 0x8000, 1), {d::DST_SPACE, d::DST, d::LENGTH}},
  };
  TypeParam bench;
  bench.start(kVram, 0x1'0000, 4);
  const auto verdict = [&](const Descriptor& descriptor) {
    bench.push(descriptor);
    bench.doorbell();
    EXPECT_TRUE(bench.wait_error());
    const unsigned code = error_code(bench);
    EXPECT_EQ(bench.read64(dma::CH_ERR_ADDR::kOffset), 0x1'0000U);
    EXPECT_TRUE(bench.reset_channel());
    return code;
  };
  for (const Kind& k : kinds) {
    for (unsigned bit = 8; bit < 448; ++bit) {
      bool has = false;
      for (const regs::Field& f : k.fields) has = has || (bit >= f.lsb && bit < f.lsb + f.width);
      if (has) continue;
      Descriptor wrong = k.good;
      wrong.qw[bit / 64] ^= 1ULL << (bit % 64);
      ASSERT_EQ(verdict(wrong), dma::error::BAD_FIELD) << k.name << " bit " << bit;
    }
  }
  Descriptor wait = Descriptor::wait(kVram, 0x9000, 5, 0);
  EXPECT_EQ(verdict(wait), dma::error::BAD_FIELD) << "unknown condition";
  EXPECT_EQ(verdict(this->map(dma::opcode::UNMAP_APERTURE, 1, 1, 0).with(d::PARAM, 2)),
            dma::error::BAD_FIELD);
  EXPECT_EQ(verdict(Descriptor::link(kVram, 0x8000, 1).with(d::LENGTH, 0x1'0000)), dma::error::BAD_FIELD);
  EXPECT_EQ(verdict(Descriptor::nop().with(d::OPCODE, 7)), dma::error::BAD_OPCODE);
  EXPECT_EQ(verdict(Descriptor::link(kAperture, 0x8000, 1)), dma::error::BAD_SPACE);
  EXPECT_EQ(verdict(Descriptor::link(kVirtual, 0x8000, 1)), dma::error::BAD_SPACE);
  EXPECT_EQ(verdict(Descriptor::signal(kAperture, 0x8000, 1)), dma::error::BAD_SPACE);
  EXPECT_EQ(verdict(Descriptor::wait(kAperture, 0x8000, 1, 0)), dma::error::BAD_SPACE);
  EXPECT_EQ(verdict(this->map(dma::opcode::MAP_APERTURE_RANGE, 1, 1, 0x8000).with(d::DST_SPACE, kLogical)),
            dma::error::BAD_SPACE);
  EXPECT_EQ(verdict(this->map(dma::opcode::MAP_APERTURE_LIST, 1, 1, 0x8000, kAperture)),
            dma::error::BAD_SPACE);
  EXPECT_EQ(verdict(this->map(dma::opcode::MAP_APERTURE_RANGE, 1, 1, 0x8800)), dma::error::BAD_ADDRESS);
  EXPECT_EQ(verdict(this->map(dma::opcode::MAP_APERTURE_LIST, 1, 1, 0x8004)), dma::error::BAD_ADDRESS);
  EXPECT_EQ(verdict(this->map(dma::opcode::MAP_APERTURE_RANGE, 4095, 2, 0x8000)), dma::error::BAD_ADDRESS);
  EXPECT_EQ(verdict(Descriptor::wait(kVram, 0x8004, 1, 0)), dma::error::BAD_ADDRESS);
  EXPECT_EQ(verdict(Descriptor::link(kVram, 0x8020, 1)), dma::error::BAD_ADDRESS);
}

// The other ways to be wrong, each with the operand that is named; the source comes first.
TYPED_TEST(DmaOp, WrongPlacesAreRefused) {
  covers("contract.dma.fields");
  constexpr std::uint64_t kTop = ~0ULL - 0xfff, kVramEnd = 1ULL << kVramBits, kLogicalEnd = 1ULL << kAddrBits,
                          kVirtualEnd = 1ULL << 48, kTableEnd = 4096ULL << 12;
  constexpr unsigned kUnknown = 4, kSpace = dma::error::BAD_SPACE, kAddress = dma::error::BAD_ADDRESS;
  struct Case {
    const char* name;
    Descriptor descriptor;
    unsigned code, operand;
  };
  const auto rows = [](unsigned from, unsigned to) {
    return Descriptor::copy(from, 0, to, 0x6000, 8).with(d::OPCODE, dma::opcode::COPY_3D);
  };
  const auto fill = [](unsigned to) {
    return Descriptor::copy(0, 0, to, 0x6000, 8).with(d::OPCODE, dma::opcode::FILL);
  };
  const auto list = [this](unsigned from, std::uint64_t at, std::uint64_t page, unsigned pages) {
    return this->map(dma::opcode::MAP_APERTURE_LIST, page, pages, at, from);
  };
  const auto range = [this](std::uint64_t page, unsigned pages, std::uint64_t at) {
    return this->map(dma::opcode::MAP_APERTURE_RANGE, page, pages, at);
  };
  const auto unmap = [this](std::uint64_t page, unsigned pages, std::uint64_t at) {
    return this->map(dma::opcode::UNMAP_APERTURE, page, pages, at);
  };
  const std::vector<Case> cases = {
      {"copy to unknown", Descriptor::copy(kVram, 0, kUnknown, 0, 8), kSpace, 2},
      {"copy from and to unknown", Descriptor::copy(kUnknown, 0, kUnknown, 0, 8), kSpace, 1},
      {"rows from unknown", rows(kUnknown, kVram), kSpace, 1},
      {"rows to unknown", rows(kVram, kUnknown), kSpace, 2},
      {"fill of unknown", fill(kUnknown), kSpace, 2},
      {"list to memory", list(kLogical, 0x8000, 1, 1).with(d::DST_SPACE, kLogical), kSpace, 2},
      {"unmap of memory", unmap(1, 1, 0x8000).with(d::DST_SPACE, kVram), kSpace, 2},
      {"timestamp in aperture", Descriptor::timestamp(kAperture, 0x8000), kSpace, 2},
      {"space and address", Descriptor::copy(kUnknown, kTop, kVram, kTop, 0x2000), kSpace, 1},
      {"field and space", Descriptor::copy(kUnknown, 0, kVram, 0, 8).with(d::ROWS, 1), dma::error::BAD_FIELD,
       0},
      {"copy from virtual end", Descriptor::copy(kVirtual, kVirtualEnd - 7, kVram, 0, 8), kAddress, 1},
      {"copy to virtual end", Descriptor::copy(kVram, 0, kVirtual, kVirtualEnd - 7, 8), kAddress, 2},
      {"copy to behind 64 bits", Descriptor::copy(kVram, 0, kLogical, kTop, 0x2000), kAddress, 2},
      {"copy, both ends", Descriptor::copy(kVram, kVramEnd, kLogical, kLogicalEnd, 8), kAddress, 1},
      {"list behind VRAM", list(kVram, kVramEnd - 8, 1, 2), kAddress, 1},
      {"list behind the table", list(kLogical, 0x8000, 4095, 2), kAddress, 2},
      {"range of logical end", range(1, 2, kLogicalEnd - 4096), kAddress, 1},
      {"range behind 64 bits", range(1, 2, kTop), kAddress, 1},
      {"range to behind 64 bits", range(1, 2, 0x8000).with(d::DST, kTop), kAddress, 2},
      {"crooked range", range(1, 1, 0x8000).with(d::DST, 0x1008), kAddress, 2},
      {"dummy page at logical end", unmap(1, 1, kLogicalEnd), kAddress, 1},
      {"crooked dummy page", unmap(1, 1, 0x8010), kAddress, 1},
      {"unmap behind the table", unmap(4095, 2, 0x8000), kAddress, 2},
      {"unmap of the next table", unmap(1, 1, 0x8000).with(d::DST, kTableEnd), kAddress, 2},
      {"wait at logical end", Descriptor::wait(kLogical, kLogicalEnd, 1, 0), kAddress, 1},
      {"wait at virtual end", Descriptor::wait(kVirtual, kVirtualEnd, 1, 0), kAddress, 1},
      {"wait behind 64 bits", Descriptor::wait(kLogical, ~0ULL - 3, 1, 0), kAddress, 1},
      {"fence behind 64 bits", Descriptor::fence(kLogical, ~0ULL - 3, 1, false), kAddress, 2},
      {"signal at logical end", Descriptor::signal(kLogical, kLogicalEnd, 1), kAddress, 2},
      {"crooked signal", Descriptor::signal(kLogical, 0x8004, 1), kAddress, 2},
      {"timestamp at virtual end", Descriptor::timestamp(kVirtual, kVirtualEnd), kAddress, 2},
      {"crooked timestamp", Descriptor::timestamp(kVram, 0x8004), kAddress, 2},
      {"link to VRAM end", Descriptor::link(kVram, kVramEnd - 64, 2), kAddress, 2},
      {"link behind 64 bits", Descriptor::link(kLogical, ~0ULL - 63, 2), kAddress, 2},
  };
  TypeParam bench;
  bench.start(kVram, 0x1'0000, 4);
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    bench.push(c.descriptor);
    bench.doorbell();
    ASSERT_TRUE(bench.wait_error(0, 1000));
    const std::uint32_t info = bench.read32(dma::CH_ERR_INFO::kOffset);
    EXPECT_EQ(dma::CH_ERR_INFO::CODE.get(info), c.code);
    EXPECT_EQ(dma::CH_ERR_INFO::OPERAND.get(info), c.operand);
    ASSERT_TRUE(bench.reset_channel());
  }
  for (const AxiMemory* port : {&bench.host, &bench.vram})
    EXPECT_TRUE(events(*port, BusEvent::Kind::Ar, kIdData).empty());
}

}  // namespace
}  // namespace gpudmar::test
