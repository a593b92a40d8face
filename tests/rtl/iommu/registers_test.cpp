// SPDX-License-Identifier: Apache-2.0
// Every register and field of the generated description: reset value, access type, access sizes, reserved
// space.
#include <gtest/gtest.h>

#include <array>
#include <set>

#include "tests/rtl/iommu/status_fixture.h"
#include "tests/rtl/iommu/vtd_fields.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

class Registers : public StatusFixture {
 protected:
  std::uint64_t get(const RegisterRow& r, unsigned n = 0) { return bench.read_register(r.at(n), r.bytes()); }
  std::vector<std::uint64_t> page() {
    std::vector<std::uint64_t> words;
    for (std::uint32_t at = 0; at < 4096; at += 8) words.push_back(bench.read_register(at, 8));
    return words;
  }
};

bool is(const RegisterRow& r, const char* name) { return std::string(r.name) == name; }

TEST_F(Registers, ResetValues) {
  covers("vtd.registers.reset");
  for (const auto& r : kVtdRegisters) {
    SCOPED_TRACE(r.name);
    for (unsigned n = 0; n < r.count; ++n) {
      const std::uint64_t value = get(r, n);
      if (r.reset_known) {
        EXPECT_EQ(value, r.reset);
      }
      EXPECT_EQ(value & ~r.readable(), 0U) << "reserved, write-only and unsupported bits";
      // In halves too.
      for (unsigned half = 0; half < r.bytes(); half += 4) {
        EXPECT_EQ(bench.read_register(r.at(n) + half, 4), (value >> (half * 8)) & 0xFFFF'FFFF);
      }
    }
  }
}

TEST_F(Registers, CapabilitiesThatAreSupportedSaySo) {
  covers("vtd.registers.cap");
  for (const auto& r : kVtdRegisters) {
    if (r.reset_known) continue;
    for (const auto& f : r.fields) {
      const bool on = std::string(f.name) == "ZLR"  ? bench.unit.zlr
                      : std::string(f.name) == "SC" ? bench.unit.sc
                                                    : f.supported;
      EXPECT_EQ((get(r) & f.mask()) != 0, on) << r.name << "." << f.name;
    }
  }
}

TEST_F(Registers, OnlyWritableFieldsTakeWhatIsWritten) {
  covers("vtd.registers.access");
  for (const auto& r : kVtdRegisters) {
    if (is(r, "GCMD")) continue;  // commands, not state
    SCOPED_TRACE(r.name);
    const std::uint64_t all = ~0ULL >> (64 - r.width);
    for (unsigned n = 0; n < r.count; ++n) {
      const std::uint64_t reset = get(r, n);
      for (const std::uint64_t pattern :
           {~0ULL, 0ULL, 0xA5A5'5A5A'C3C3'3C3CULL, 0x5A5A'A5A5'3C3C'C3C3ULL, 1ULL << 63 | 1ULL << 31}) {
        const std::uint64_t expected = (reset & ~r.writable()) | (pattern & r.writable() & all);
        bench.write_register(r.at(n), pattern & all, r.bytes());
        EXPECT_EQ(get(r, n), expected) << std::hex << pattern;
        for (unsigned half = 0; half < r.bytes(); half += 4) {
          const std::uint64_t lanes = 0xFFFF'FFFFULL << (half * 8);
          const std::uint64_t before = get(r, n);
          bench.write_register(r.at(n) + half, (~pattern >> (half * 8)) & 0xFFFF'FFFF, 4);
          const std::uint64_t after =
              (before & ~(lanes & r.writable())) | (~pattern & lanes & r.writable() & all);
          EXPECT_EQ(get(r, n), after) << "dword " << half << std::hex << " " << pattern;
        }
      }
      bench.write_register(r.at(n), reset, r.bytes());
    }
  }
}

TEST_F(Registers, AWriteChangesItsOwnRegister) {
  covers("vtd.registers.access");
  for (const auto& r : kVtdRegisters) {
    if (r.writable() == 0) continue;
    SCOPED_TRACE(r.name);
    auto before = page();
    const std::uint64_t value = get(r) ^ r.writable();
    bench.write_register(r.offset, value, r.bytes());
    const auto after = page();
    const std::uint64_t shift = (r.offset & 4) * 8;
    before[r.offset / 8] ^= r.writable() << shift;
    if (is(r, "IQA")) before[kIqt / 8] = before[kIqh / 8] = 0;  // documented: they start over
    EXPECT_EQ(before, after);
    bench.write_register(r.offset, get(r) ^ r.writable(), r.bytes());
  }
}

TEST_F(Registers, LessThanADwordChangesNothing) {
  covers("vtd.registers.size");
  for (const auto& r : kVtdRegisters) {
    if (r.writable() == 0) continue;
    SCOPED_TRACE(r.name);
    for (unsigned strobe = 1; strobe < 0x100; ++strobe) {
      const std::uint32_t base = r.offset & ~7U;
      const std::uint64_t before = bench.read_register(base, 8);
      std::uint64_t expected = before;
      for (unsigned half = 0; half < 2; ++half) {
        if (((strobe >> (half * 4)) & 15) != 15) continue;
        for (const auto& other : kVtdRegisters) {
          if ((other.offset & ~7U) != base) continue;
          expected ^= (other.writable() << ((other.offset & 4) * 8)) & (0xFFFF'FFFFULL << (half * 32));
        }
      }
      bench.write_lanes(base, ~before, static_cast<std::uint8_t>(strobe));
      EXPECT_EQ(bench.read_register(base, 8), expected) << "strobes " << std::hex << strobe;
      bench.write_register(base, before, 8);
    }
  }
}

TEST_F(Registers, ReservedSpaceReadsZeroAndIgnoresWrites) {
  covers("vtd.registers.reserved");
  std::set<std::uint32_t> there;
  for (const auto& r : kVtdRegisters) {
    for (unsigned n = 0; n < r.count; ++n) {
      for (unsigned half = 0; half < r.bytes(); half += 4) there.insert(r.at(n) + half);
    }
  }
  for (const auto& absent : kVtdAbsent) {
    for (unsigned i = 0; i < absent.dwords; ++i) {
      EXPECT_EQ(there.count(absent.offset + 4 * i), 0U) << absent.name << " is described as absent";
    }
  }
  const auto before = page();
  for (std::uint32_t at = 0; at < 4096; at += 4) {
    if (there.count(at) == 0) bench.write_register(at, 0xFFFF'FFFF, 4);
  }
  EXPECT_EQ(page(), before);
  for (std::uint32_t at = 0; at < 4096; at += 4) {
    if (there.count(at) != 0) continue;
    EXPECT_EQ(bench.read_register(at, 4), 0U) << std::hex << at;
  }
}

TEST_F(Registers, StatusIsReadOnlyAndClearsByOnesOnly) {
  covers("vtd.registers.status");
  ASSERT_TRUE(bench.bring_up());
  set_every_status();
  // Every status field that this unit has is set somewhere.
  for (const auto& r : kVtdRegisters) {
    std::uint64_t seen = 0;
    for (unsigned n = 0; n < r.count; ++n) seen |= get(r, n);
    for (const auto& f : r.fields) {
      if (f.sticky() && std::string(f.name) != "T2") {
        EXPECT_NE(seen & f.mask(), 0U) << r.name << "." << f.name;
      }
    }
  }
  // Ones everywhere but in fields that ones clear; then zeros everywhere: nothing happens.
  for (const auto& r : kVtdRegisters) {
    const std::uint64_t clears =
        r.mask([](const FieldRow& f) { return f.access == Access::kRW1C || f.access == Access::kRW1CS; });
    if ((r.sticky() | clears) == 0) continue;
    SCOPED_TRACE(r.name);
    for (unsigned n = 0; n < r.count; ++n) {
      const std::uint64_t value = get(r, n);
      bench.write_register(r.at(n), ~clears & (~0ULL >> (64 - r.width)), r.bytes());
      EXPECT_EQ(get(r, n), value) << "ones";
      bench.write_register(r.at(n), 0, r.bytes());
      EXPECT_EQ(get(r, n), value) << "zeros";
    }
  }
  // One status at a time.
  bench.write_register(kIcs, 1, 4);
  EXPECT_EQ(status(kIcs), 0U);
  EXPECT_EQ(status(), kPfo | kPpf | kIqe | 3U << 8);
  bench.write_register(kFsts, kPfo, 4);
  EXPECT_EQ(status(), kPpf | kIqe | 3U << 8);
  for (unsigned i = 0; i < 8; ++i) {
    EXPECT_EQ(status() & kPpf, kPpf) << "the OR of the records";
    const std::uint64_t high = bench.read_register(kFrcd + 16 * i + 8, 8);
    clear_record(i);
    EXPECT_EQ(bench.read_register(kFrcd + 16 * i + 8, 8), high & ~(1ULL << 63)) << "only F is cleared";
  }
  EXPECT_EQ(status(), kIqe) << "FRI reads 0 without PPF";
  EXPECT_EQ(bench.read_register(kIqercd, 8), 3U);
  bench.write_register(kFsts, kIqe, 4);
  // The bad descriptor is still there.
  ASSERT_TRUE(bench.run_until([&] { return (status() & kIqe) != 0; }, 300));
}

TEST_F(Registers, RecordsGoOnInOrderAfterAnOverflow) {
  covers("vtd.records.order");
  ASSERT_TRUE(bench.bring_up());
  set_every_status();  // the next record is number 3, and the overflow stands
  const auto record_page = [&](unsigned n) { return bench.read_register(kFrcd + 16 * n, 8); };
  clear_record(3);
  const std::uint64_t old = record_page(3);
  fault(40);
  EXPECT_EQ(record_page(3), old) << "nothing is recorded while PFO stands";
  EXPECT_EQ(bench.read_register(kFrcd + 16 * 3 + 12, 4) >> 31, 0U);
  bench.write_register(kFsts, kPfo, 4);
  fault(41);
  EXPECT_EQ(record_page(3), kIova + 42 * 4096ULL) << "the round goes on where it was";
  EXPECT_EQ(status() & kPfo, 0U);
  EXPECT_EQ((status() >> 8) & 0xFF, 3U) << "FRI stays while PPF stands";
  fault(42);
  EXPECT_EQ(status() & kPfo, kPfo) << "record 4 is in use";
}

}  // namespace
}  // namespace gpudmar::test
