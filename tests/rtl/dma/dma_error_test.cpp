// SPDX-License-Identifier: Apache-2.0
// Errors: what is reported, what was written, and that the channel works again after a reset.
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "tests/rtl/dma/dma_variants.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

using Kind = BusEvent::Kind;
namespace info = dma::CH_ERR_INFO;

template <class Bench>
class DmaError : public ::testing::Test {
 protected:
  struct Report {
    unsigned code, operand, resp, index;
    std::uint64_t addr, tag;
    bool operator==(const Report& o) const {
      return code == o.code && operand == o.operand && resp == o.resp && index == o.index && addr == o.addr &&
             tag == o.tag;
    }
    friend std::ostream& operator<<(std::ostream& out, const Report& r) {
      return out << fmt::format("code {} operand {} resp {} index {} addr {:#x} tag {:#x}", r.code, r.operand,
                                r.resp, r.index, r.addr, r.tag);
    }
  };
  static Report report(Bench& bench) {
    const std::uint32_t word = bench.read32(info::kOffset);
    return {static_cast<unsigned>(info::CODE.get(word)), static_cast<unsigned>(info::OPERAND.get(word)),
            static_cast<unsigned>(info::RESP.get(word)), static_cast<unsigned>(info::INDEX.get(word)),
            bench.read64(dma::CH_ERR_ADDR::kOffset),     bench.read64(dma::CH_ERR_TAG::kOffset)};
  }
  /// After an error: reset, then one good copy.
  static void works_again(Bench& bench) {
    bench.host.read_errors.clear();
    bench.vram.read_errors.clear();
    bench.host.write_errors.clear();
    bench.vram.write_errors.clear();
    bench.write32(dma::INT_STATUS::kOffset, 3);
    ASSERT_TRUE(bench.reset_channel());
    EXPECT_FALSE(bench.error());
    EXPECT_EQ(bench.head(), 0U);
    EXPECT_EQ(bench.read32(info::kOffset), 0U);
    const std::uint64_t value = 0x0102'0304'0506'0708;
    bench.vram.memory.set64(0xf'0003, value);
    bench.push(Descriptor::copy(dma::space::VRAM, 0xf'0003, dma::space::VRAM, 0xf'1001, 8));
    bench.push(Descriptor::fence(dma::space::VRAM, 0xf'2000, 99, true));
    bench.doorbell();
    ASSERT_TRUE(bench.wait_idle());
    EXPECT_EQ(bench.vram.memory.get64(0xf'1001), value);
    EXPECT_EQ(bench.read64(dma::CH_FENCE::kOffset), 99U);
    EXPECT_EQ(bench.head(), 2U);
  }
};
TYPED_TEST_SUITE(DmaError, Widths);

/// Random rounds; the largest engine is a slow one.
template <class Bench>
constexpr unsigned kRounds = Bench::kBytes == 64 ? 40 : 150;

constexpr unsigned kVram = dma::space::VRAM, kLogical = dma::space::LOGICAL;

TYPED_TEST(DmaError, RefusedDescriptors) {
  covers("contract.dma.error");
  using Report = typename TestFixture::Report;
  const std::uint64_t ring = 0x1000, logical_end = 1ULL << kAddrBits, vram_end = 1ULL << kVramBits;
  struct Case {
    const char* name;
    Descriptor descriptor;
    unsigned code, operand;
    bool bus_master = true;
  };
  Descriptor unknown = Descriptor::nop(5);
  dma::descriptor::OPCODE.set(unknown.qw.data(), 0x77);
  const std::vector<Case> cases = {
      {"opcode", unknown, dma::error::BAD_OPCODE, 0},
      {"unknown space", Descriptor::copy(7, 0, kVram, 0, 4, 5), dma::error::BAD_SPACE, 1},
      {"fence space", Descriptor::fence(dma::space::APERTURE, 0, 0, true, 5), dma::error::BAD_SPACE, 2},
      {"logical source end", Descriptor::copy(kLogical, logical_end - 8, kVram, 0, 9, 5),
       dma::error::BAD_ADDRESS, 1},
      {"logical target", Descriptor::copy(kVram, 0, kLogical, logical_end, 1, 5), dma::error::BAD_ADDRESS, 2},
      {"VRAM source end", Descriptor::copy(kVram, vram_end - 1, kVram, 0, 2, 5), dma::error::BAD_ADDRESS, 1},
      {"VRAM target end", Descriptor::copy(kVram, 0, kVram, vram_end - 1, 2, 5), dma::error::BAD_ADDRESS, 2},
      {"wrap", Descriptor::copy(kLogical, ~0ULL - 3, kVram, 0, 8, 5), dma::error::BAD_ADDRESS, 1},
      {"fence alignment", Descriptor::fence(kVram, 0x44, 0, true, 5), dma::error::BAD_ADDRESS, 2},
      {"fence end", Descriptor::fence(kVram, vram_end, 0, true, 5), dma::error::BAD_ADDRESS, 2},
      {"no bus master, source", Descriptor::copy(kLogical, 0, kVram, 0, 8, 5), dma::error::BUS_MASTER, 1,
       false},
      {"no bus master, target", Descriptor::copy(kVram, 0, kLogical, 0, 8, 5), dma::error::BUS_MASTER, 2,
       false},
      {"no bus master, fence", Descriptor::fence(kLogical, 0, 0, true, 5), dma::error::BUS_MASTER, 2, false},
      {"no bus master, both", Descriptor::copy(kLogical, 0, kLogical, 64, 8, 5), dma::error::BUS_MASTER, 1,
       false},
      {"no bus master, crooked fence", Descriptor::fence(kLogical, 4, 0, true, 5), dma::error::BAD_ADDRESS, 2,
       false},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    TypeParam bench;
    bench.start(kVram, ring, 4);
    if (!c.bus_master) bench.write32(dma::CFG_COMMAND::kOffset, 2);
    bench.vram.memory.set64(0x5000, 0x1111);
    bench.push(Descriptor::copy(kVram, 0x5000, kVram, 0x6000, 8));
    bench.push(Descriptor::nop());
    bench.push(c.descriptor);
    bench.push(Descriptor::copy(kVram, 0x5000, kVram, 0x7000, 8));
    bench.doorbell();
    ASSERT_TRUE(bench.wait_idle());
    EXPECT_TRUE(bench.error());
    EXPECT_EQ(bench.head(), 2U);
    EXPECT_EQ(this->report(bench), (Report{c.code, c.operand, 0, 2, ring + 128, 5}));
    EXPECT_EQ(bench.vram.memory.get64(0x6000), 0x1111U) << "the one before is done";
    EXPECT_EQ(bench.vram.memory.get64(0x7000), 0U) << "the one behind is not";
    EXPECT_EQ(bench.read32(dma::INT_STATUS::kOffset), 2U);
    this->works_again(bench);
  }
}

TYPED_TEST(DmaError, RingCannotBeRead) {
  covers("contract.dma.error");
  using Report = typename TestFixture::Report;
  const unsigned beats = 64 / TypeParam::kBytes;
  for (unsigned beat = 0; beat < beats; ++beat) {
    TypeParam bench;
    bench.start(kLogical, 0x1'0000, 4);
    const std::uint64_t bad = 0x1'0000 + 3 * 64 + beat * TypeParam::kBytes;
    bench.host.read_errors[bad] = 2;
    for (unsigned i = 0; i < 6; ++i) bench.push(Descriptor::nop(i));
    bench.doorbell();
    ASSERT_TRUE(bench.wait_idle());
    EXPECT_EQ(this->report(bench), (Report{dma::error::RING_READ, 0, 2, 3, bad, 0}));
    EXPECT_EQ(bench.head(), 3U);
    this->works_again(bench);
  }
  // A ring that cannot be: named with its first descriptor.
  for (const auto& [space, base, code] :
       {std::tuple<unsigned, std::uint64_t, unsigned>{dma::space::APERTURE, 0, dma::error::BAD_SPACE},
        {kVram, (1ULL << kVramBits) - 512, dma::error::BAD_ADDRESS},
        {kLogical, (1ULL << kAddrBits) - 512, dma::error::BAD_ADDRESS},
        {kLogical, ~0ULL - 63, dma::error::BAD_ADDRESS}}) {
    TypeParam bench;
    bench.start(space, base, 4);
    bench.push(Descriptor::nop());
    bench.doorbell();
    ASSERT_TRUE(bench.wait_idle());
    EXPECT_EQ(this->report(bench), (Report{code, 0, 0, 0, base, 0}));
    EXPECT_TRUE(bench.vram.log.empty());
  }
}

// A random beat of a random copy in a queue fails: exactly the bytes before it are written.
TYPED_TEST(DmaError, FailedReadWritesNothingFromTheFailedBeatOn) {
  covers("contract.dma.error");
  using Report = typename TestFixture::Report;
  const std::uint64_t seed = seed_of(11);
  SCOPED_TRACE(rerun(seed));
  std::mt19937_64 random(seed);
  for (unsigned round = 0; round < kRounds<TypeParam>; ++round) {
    SCOPED_TRACE(fmt::format("round {}", round));
    TypeParam bench(random());
    constexpr std::uint64_t kB = TypeParam::kBytes;
    for (AxiMemory* port : {&bench.host, &bench.vram}) {
      port->timing.read_latency = 1 + random() % 30;
      port->timing.read_jitter = random() % 10;
      port->timing.write_latency = 1 + random() % 60;
      port->timing.ready_percent = round % 2 == 0 ? 100 : 40;
      port->timing.shuffle_ids = round % 4 > 1;
    }
    bench.start(kVram, 0x1000, 5, 0);  // no message: quiet() counts it
    const unsigned count = 1 + random() % 12, failing = random() % count;
    struct Copy {
      unsigned src_space, dst_space;
      std::uint64_t src, dst, bytes;
    };
    std::vector<Copy> copies;
    for (unsigned i = 0; i < count; ++i) {
      copies.push_back({random() % 2 == 0 ? kVram : kLogical, random() % 2 == 0 ? kVram : kLogical,
                        0x10'0000 + i * 0x4000 + random() % 64, 0x40'0000 + i * 0x4000 + random() % 64,
                        1 + random() % (random() % 2 == 0 ? 100 : 6000)});
      const Copy& c = copies.back();
      for (std::uint64_t a = 0; a < c.bytes; ++a) {
        bench.memory(c.src_space).memory.set(c.src + a, static_cast<std::uint8_t>(1 + random() % 255));
      }
      bench.push(Descriptor::copy(c.src_space, c.src, c.dst_space, c.dst, c.bytes, 0x7700 + i));
    }
    const Copy& bad = copies[failing];
    const std::uint64_t bad_beat = (bad.src + random() % bad.bytes) / kB * kB;
    const unsigned resp = 2 + random() % 2;
    bench.memory(bad.src_space).read_errors[bad_beat] = resp;
    bench.doorbell();
    ASSERT_TRUE(bench.wait_idle());
    EXPECT_TRUE(bench.host.quiet() && bench.vram.quiet()) << "drained";
    ASSERT_EQ(this->report(bench), (Report{dma::error::READ, 1, resp, failing, bad_beat, 0x7700 + failing}));
    EXPECT_EQ(bench.head(), failing);
    for (unsigned i = 0; i < count; ++i) {
      const Copy& c = copies[i];
      const std::uint64_t good = i < failing        ? c.bytes
                                 : i > failing      ? 0
                                 : bad_beat > c.src ? bad_beat - c.src
                                                    : 0;
      for (std::uint64_t a = 0; a < c.bytes; ++a) {
        ASSERT_EQ(bench.memory(c.dst_space).memory.get(c.dst + a),
                  a < good ? bench.memory(c.src_space).memory.get(c.src + a) : 0)
            << fmt::format("copy {} byte {} of {}, good {}", i, a, c.bytes, good);
      }
    }
    this->works_again(bench);
  }
}

// A random burst is answered with an error: reported exactly, everything before it complete, later copies not
// begun after the failure was seen.
TYPED_TEST(DmaError, FailedWriteIsReportedExactly) {
  covers("contract.dma.error");
  using Report = typename TestFixture::Report;
  const std::uint64_t seed = seed_of(12);
  SCOPED_TRACE(rerun(seed));
  std::mt19937_64 random(seed);
  for (unsigned round = 0; round < kRounds<TypeParam>; ++round) {
    SCOPED_TRACE(fmt::format("round {}", round));
    TypeParam bench(random());
    for (AxiMemory* port : {&bench.host, &bench.vram}) {
      port->timing.read_latency = 1 + random() % 30;
      port->timing.write_latency = 1 + random() % 60;
      port->timing.write_jitter = random() % 60;
      port->timing.ready_percent = round % 2 == 0 ? 100 : 40;
      port->timing.shuffle_ids = true;
    }
    bench.start(kLogical, 0x1000, 5, 0);
    const unsigned count = 2 + random() % 20, failing = random() % count, also = random() % count;
    std::uint64_t bad_burst = 0;
    unsigned resp = 2 + random() % 2;
    for (unsigned i = 0; i < count; ++i) {
      const unsigned space = random() % 2 == 0 ? kVram : kLogical;
      const std::uint64_t bursts = 1 + random() % 3, step = TypeParam::kMaxBurst * TypeParam::kBytes;
      const std::uint64_t dst = 0x40'0000 + i * 0x4000;
      for (std::uint64_t a = 0; a < bursts * step; a += 8)
        bench.vram.memory.set64(0x10'0000 + i * 0x4000 + a, ~a);
      bench.push(Descriptor::copy(kVram, 0x10'0000 + i * 0x4000, space, dst, bursts * step, 0x7700 + i));
      if (i == failing || i == also) {
        const std::uint64_t burst = dst + random() % bursts * step;
        bench.memory(space).write_errors[burst] = resp;
        if (i == std::min(failing, also)) bad_burst = burst;
      }
    }
    const unsigned first = std::min(failing, also);
    bench.doorbell();
    ASSERT_TRUE(bench.wait_idle());
    EXPECT_TRUE(bench.host.quiet() && bench.vram.quiet());
    ASSERT_EQ(this->report(bench), (Report{dma::error::WRITE, 2, resp, first, bad_burst, 0x7700 + first}));
    EXPECT_EQ(bench.head(), first);
    // No burst starts more than a few cycles after the answer of the failed one.
    std::uint64_t failed_at = ~0ULL;
    for (const AxiMemory* port : {&bench.host, &bench.vram}) {
      for (const BusEvent& e : port->log) {
        if (e.kind == Kind::B && e.resp != 0) failed_at = std::min(failed_at, e.cycle);
      }
    }
    for (const AxiMemory* port : {&bench.host, &bench.vram}) {
      for (const BusEvent& e : port->log) {
        if (e.kind == Kind::Aw && e.id == kIdData && port->timing.ready_percent == 100) {
          EXPECT_LE(e.cycle, failed_at + 2) << "a burst after the failure";
        }
      }
    }
    this->works_again(bench);
  }
}

TYPED_TEST(DmaError, FailedFence) {
  covers("contract.dma.error");
  using Report = typename TestFixture::Report;
  TypeParam bench;
  bench.start(kVram, 0x1000, 4);
  bench.host.write_errors[0x9008] = 3;
  bench.push(Descriptor::fence(kLogical, 0x9008, 7, true, 0xabc));
  bench.push(Descriptor::copy(kVram, 0, kVram, 0x7000, 8));
  bench.doorbell();
  ASSERT_TRUE(bench.wait_idle());
  EXPECT_EQ(this->report(bench), (Report{dma::error::WRITE, 2, 3, 0, 0x9008, 0xabc}));
  EXPECT_EQ(bench.read64(dma::CH_FENCE::kOffset), 0U);
  EXPECT_EQ(bench.read32(dma::INT_STATUS::kOffset), 2U);
  this->works_again(bench);
}

// Bus mastering is taken away in the middle of work: host requests stop and the error names the descriptor.
TYPED_TEST(DmaError, BusMasterTakenAwayInTheMiddle) {
  covers("contract.dma.error");
  using Report = typename TestFixture::Report;
  for (const bool read : {true, false}) {
    for (unsigned offset = 40; offset < 140; offset += 7) {
      SCOPED_TRACE(fmt::format("{} offset {}", read ? "read" : "write", offset));
      TypeParam bench;
      bench.start(kVram, 0x1000, 4);
      bench.push(Descriptor::copy(kVram, 0, kVram, 0x10'0000, 100));
      bench.push(
          Descriptor::copy(read ? kLogical : kVram, 0, read ? kVram : kLogical, 0x20'0000, 1 << 20, 0x99));
      bench.doorbell();
      bench.run(offset);
      bench.write32(dma::CFG_COMMAND::kOffset, 2);
      const std::uint64_t taken = bench.cycle();
      ASSERT_TRUE(bench.wait_idle());
      EXPECT_EQ(this->report(bench), (Report{dma::error::BUS_MASTER, read ? 1U : 2U, 0, 1, 0x1040, 0x99}));
      for (const BusEvent& e : bench.host.log) {
        if (e.kind == Kind::Ar || e.kind == Kind::Aw) {
          // What waits for the bus by then still goes out; reads wait for a burst's time at most.
          EXPECT_LE(e.cycle, taken + 2 + TypeParam::kMaxBurst);
        }
      }
      bench.write32(dma::CFG_COMMAND::kOffset, 3);
      this->works_again(bench);
    }
  }
}

// Reset at any moment of a busy queue, with slow answers and back-pressure: drained, never stuck, usable.
TYPED_TEST(DmaError, ResetAtAnyMoment) {
  covers("contract.dma.reset");
  const std::uint64_t seed = seed_of(13);
  SCOPED_TRACE(rerun(seed));
  std::mt19937_64 random(seed);
  for (unsigned round = 0; round < kRounds<TypeParam>; ++round) {
    SCOPED_TRACE(fmt::format("round {}", round));
    TypeParam bench(random());
    for (AxiMemory* port : {&bench.host, &bench.vram}) {
      port->timing.read_latency = 1 + random() % 50;
      port->timing.write_latency = 1 + random() % 50;
      port->timing.ready_percent = 20 + random() % 81;
      port->timing.shuffle_ids = true;
    }
    bench.start(random() % 2 == 0 ? kVram : kLogical, 0x1000, 5);
    for (unsigned i = 0; i < 30; ++i) {
      if (random() % 4 == 0) {
        bench.push(Descriptor::fence(random() % 2 == 0 ? kVram : kLogical, 0x8000, i, true));
      } else {
        bench.push(Descriptor::copy(random() % 2 == 0 ? kVram : kLogical, 0x10'0000 + random() % 64,
                                    random() % 2 == 0 ? kVram : kLogical, 0x20'0000 + random() % 64,
                                    1 + random() % 3000));
      }
    }
    bench.doorbell();
    bench.run(random() % 400);
    this->works_again(bench);
    EXPECT_EQ(bench.host.reads_in_flight(kIdData) + bench.vram.reads_in_flight(kIdData), 0U);
  }
}

// A signal holds nothing back, so the copy behind it may fail before it is answered, or even out. It still
// ends as if it were alone, and what is told is the older of the two failures.
TYPED_TEST(DmaError, SignalBeforeACopyThatFails) {
  covers("contract.dma.error");
  using Report = typename TestFixture::Report;
  for (const bool held : {false, true}) {  // its address is not taken, or its answer is late
    for (const bool bad : {false, true}) {
      for (unsigned wait = 0; wait < 60; ++wait) {
        SCOPED_TRACE(fmt::format("{} {} for {} cycles", bad ? "bad signal" : "signal",
                                 held ? "held" : "unanswered", wait));
        TypeParam bench;
        bench.host.timing.write_latency = held ? 1 : 1 + wait;
        bench.host.refuse_aw = held;
        if (bad) bench.host.write_errors[0x8000] = 2;
        bench.vram.write_errors[0x2'0000] = 2;
        bench.start(kVram, 0x1000, 4);
        bench.push(Descriptor::signal(kLogical, 0x8000, 7));
        bench.push(Descriptor::copy(kVram, 0x1'0000, kVram, 0x2'0000, 8, 5));
        bench.doorbell();
        if (held) {
          bench.run(wait);
          bench.host.refuse_aw = false;
        }
        ASSERT_TRUE(bench.wait_error());
        EXPECT_EQ(bench.head(), bad ? 0U : 1U);
        EXPECT_EQ(this->report(bench).index, bench.head());
        EXPECT_EQ(this->report(bench).addr, bad ? 0x8000U : 0x2'0000U);
        EXPECT_EQ(bench.host.memory.get64(0x8000), bad ? 0U : 7U);
        EXPECT_EQ(this->report(bench),
                  (Report{dma::error::WRITE, 2, 2, bench.head(), bad ? 0x8000U : 0x2'0000U, bad ? 0U : 5U}));
      }
    }
  }
}

// Times so short that one is over a few cycles behind the answer with which the first descriptor retires:
// whatever is told is of the descriptor at HEAD.
TYPED_TEST(DmaError, TimeIsOverAsHeadMoves) {
  covers("contract.dma.timeout");
  std::array<unsigned, 2> told{};
  for (const unsigned latency : {1U, 2U, 3U, 4U, 6U, 12U, 30U, 60U}) {
    for (unsigned time = 1; time < 40; ++time) {
      SCOPED_TRACE(fmt::format("time {}, latency {}", time, latency));
      TypeParam bench;
      bench.host.timing.write_latency = latency;
      bench.vram.silent = [](bool write, unsigned, std::uint64_t addr) { return write && addr == 0x2'0000; };
      bench.start(kVram, 0x1000, 4);
      bench.write32(dma::TIMEOUT::kOffset, time);
      bench.push(Descriptor::signal(kLogical, 0x8000, 7));
      bench.push(Descriptor::copy(kVram, 0x1'0000, kVram, 0x2'0000, 8, 5));
      bench.doorbell();
      ASSERT_TRUE(bench.wait_error());
      EXPECT_EQ(this->report(bench).code, static_cast<unsigned>(dma::error::TIMEOUT));
      EXPECT_EQ(this->report(bench).index, bench.head());
      ++told.at(bench.head());
    }
  }
  EXPECT_GT(told[0], 0U);
  EXPECT_GT(told[1], 0U);
}

// The ring itself lies in the host's memory: what was fetched does not count, and the ring goes on later.
TYPED_TEST(DmaError, BusMasterTakenFromTheRing) {
  covers("contract.dma.error");
  using Report = typename TestFixture::Report;
  for (unsigned offset = 0; offset < 40; ++offset) {
    SCOPED_TRACE(offset);
    TypeParam bench;
    bench.host.timing.read_latency = 12;
    bench.start(kLogical, 0x1'0000, 4);
    for (unsigned i = 0; i < 6; ++i) bench.push(Descriptor::signal(kVram, 0x8000 + 8 * i, 1 + i));
    bench.doorbell();
    bench.run(offset);
    bench.write32(dma::CFG_COMMAND::kOffset, 2);
    ASSERT_TRUE(bench.wait_idle());
    const unsigned head = bench.head();
    if (head < 6) {
      ASSERT_TRUE(bench.error());
      EXPECT_EQ(this->report(bench), (Report{dma::error::BUS_MASTER, 0, 0, head, 0x1'0000 + 64 * head, 0}));
    }
    for (unsigned i = 0; i < 6; ++i)
      EXPECT_EQ(bench.vram.memory.get64(0x8000 + 8 * i), i < head ? 1 + i : 0U);
    bench.write32(dma::CFG_COMMAND::kOffset, 3);
    ASSERT_TRUE(bench.command(4));
    ASSERT_TRUE(bench.wait_idle());
    EXPECT_EQ(bench.head(), 6U);
    EXPECT_FALSE(bench.error());
  }
}

// Bus mastering falls at every point of a fence to the host: it was written, or it was not and says so.
TYPED_TEST(DmaError, BusMasterTakenFromAFence) {
  covers("contract.dma.error");
  unsigned failed = 0;
  for (unsigned offset = 0; offset < 24; ++offset) {
    SCOPED_TRACE(offset);
    TypeParam bench;
    bench.start(kVram, 0x1000, 4);
    bench.push(Descriptor::fence(kLogical, 0x8000, 5, true));
    bench.doorbell();
    bench.run(offset);
    bench.write32(dma::CFG_COMMAND::kOffset, 2);
    ASSERT_TRUE(bench.wait_idle());
    const bool error = bench.error();
    EXPECT_EQ(bench.head(), error ? 0U : 1U);
    EXPECT_EQ(bench.host.memory.get64(0x8000), error ? 0U : 5U);
    EXPECT_EQ(bench.read64(dma::CH_FENCE::kOffset), error ? 0U : 5U);
    failed += error ? 1 : 0;
    if (error) {
      EXPECT_EQ(info::CODE.get(bench.read32(info::kOffset)), dma::error::BUS_MASTER);
      EXPECT_EQ(bench.read64(dma::CH_ERR_ADDR::kOffset), 0x1000U);
    }
    bench.write32(dma::CFG_COMMAND::kOffset, 3);
    this->works_again(bench);
  }
  EXPECT_GE(failed, 1U);
  EXPECT_LT(failed, 24U);
}

// Answers with errors at both ports, and a failed read, at every distance: the oldest descriptor is named.
TYPED_TEST(DmaError, FailuresInOneCycle) {
  covers("contract.dma.error");
  using Report = typename TestFixture::Report;
  for (const bool read : {false, true}) {
    for (unsigned latency = 20; latency < 60; ++latency) {
      SCOPED_TRACE(fmt::format("read {} latency {}", read, latency));
      TypeParam bench;
      bench.host.timing.write_latency = latency;
      bench.vram.timing.write_latency = 40;
      bench.start(kVram, 0x1000, 4);
      // The older one writes to the host, the younger one to VRAM, or it reads there.
      bench.host.write_errors[0x2'0000] = 2;
      bench.vram.write_errors[0x2'1000] = 3;
      if (read) {
        bench.vram.timing.read_latency = 40;
        bench.vram.read_errors[0x1'1000] = 3;
      }
      bench.push(Descriptor::copy(read ? kLogical : kVram, 0x1'0000, kLogical, 0x2'0000, 8, 0x70));
      bench.push(Descriptor::copy(kVram, 0x1'1000, kVram, 0x2'1000, 8, 0x71));
      bench.doorbell();
      ASSERT_TRUE(bench.wait_idle());
      EXPECT_EQ(this->report(bench), (Report{dma::error::WRITE, 2, 2, 0, 0x2'0000, 0x70}));
      EXPECT_EQ(bench.head(), 0U);
      this->works_again(bench);
    }
  }
}

// A reset at every point of work that fails: nothing is reported, nothing is left.
TYPED_TEST(DmaError, ResetAtEveryPointOfAFailure) {
  covers("contract.dma.reset");
  for (const bool write : {false, true}) {
    for (unsigned offset = 0; offset < 60; ++offset) {
      SCOPED_TRACE(fmt::format("write {} offset {}", write, offset));
      TypeParam bench;
      bench.vram.timing.read_latency = bench.vram.timing.write_latency = 8;
      bench.start(kVram, 0x1000, 4);
      if (write) {
        bench.vram.write_errors[0x2'0000] = 2;
      } else {
        bench.vram.read_errors[0x1'0000] = 2;
      }
      bench.push(Descriptor::copy(kVram, 0x1'0000, kVram, 0x2'0000, 64));
      bench.push(Descriptor::copy(kVram, 0x1'1000, kVram, 0x2'1000, 700));
      bench.push(Descriptor::fence(kVram, 0x8000, 5, true));
      bench.doorbell();
      bench.run(offset);
      ASSERT_TRUE(bench.reset_channel());
      EXPECT_FALSE(bench.error());
      EXPECT_EQ(bench.vram.memory.get64(0x8000), 0U);
      this->works_again(bench);
    }
  }
}

}  // namespace
}  // namespace gpudmar::test
