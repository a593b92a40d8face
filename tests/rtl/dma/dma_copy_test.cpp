// SPDX-License-Identifier: Apache-2.0
// Copies: every byte of both memories after random copies of any alignment, length and space.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/rtl/dma/dma_observe.h"
#include "tests/rtl/dma/dma_variants.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

template <class Bench>
class DmaCopy : public ::testing::Test {};
TYPED_TEST_SUITE(DmaCopy, Widths);

constexpr std::uint64_t kHostBase = 0xab'cd00'0000;  // below 2^40
constexpr std::uint64_t kSources = 0x10'0000, kTargets = 0x20'0000;

void fill(SparseBytes& memory, std::uint64_t base, std::uint64_t bytes, std::mt19937_64& random) {
  for (std::uint64_t i = 0; i < bytes; i += 8) memory.set64(base + i, random());
}

std::uint64_t base_of(unsigned space) { return space == dma::space::VRAM ? 0 : kHostBase; }

/// What the memories must hold.
struct Expected {
  SparseBytes host, vram;
  SparseBytes& of(unsigned space) { return space == dma::space::VRAM ? vram : host; }
};

constexpr unsigned kSpaces[] = {dma::space::VRAM, dma::space::LOGICAL};

// Bursts of several copies wait behind each other; ring, fence and message are always snooped.
TYPED_TEST(DmaCopy, NoSnoopIsOfTheCopyThatAsksForIt) {
  covers("contract.dma.no-snoop");
  constexpr std::uint64_t kEach = 0x2000, kBytes = 3000;
  constexpr unsigned kCopies = 24;
  const auto asks = [](std::uint64_t copy) { return copy % 3 == 1 || copy % 7 == 2; };
  TypeParam bench(5);
  bench.host.timing.ready_percent = 40;
  std::array<unsigned, 2> seen{}, with{};
  bench.on_host_address = [&](bool write, std::uint64_t address, std::uint32_t user) {
    const std::uint64_t base = kHostBase + (write ? kTargets : kSources);
    const bool copy = address >= base && address < base + kCopies * kEach;
    const bool no_snoop = copy && asks((address - base) / kEach);
    ASSERT_EQ(user, no_snoop ? 1U << 25 : 0U) << (write ? "write of " : "read of ") << std::hex << address;
    if (copy) ++seen[write ? 1 : 0];
    if (no_snoop) ++with[write ? 1 : 0];
  };
  bench.start(dma::space::LOGICAL, kHostBase, 6);
  for (unsigned i = 0; i < kCopies; ++i) {
    Descriptor d = Descriptor::copy(dma::space::LOGICAL, kHostBase + kSources + i * kEach + 40,
                                    dma::space::LOGICAL, kHostBase + kTargets + i * kEach + 72, kBytes);
    dma::descriptor::NO_SNOOP.set(d.qw.data(), asks(i) ? 1 : 0);
    bench.push(d);
  }
  bench.push(Descriptor::fence(dma::space::LOGICAL, kHostBase + 0x8000, 1, true));
  bench.doorbell();
  ASSERT_TRUE(bench.wait_idle());
  ASSERT_FALSE(bench.error());
  bench.run(100);
  unsigned asking = 0;
  for (unsigned i = 0; i < kCopies; ++i) asking += asks(i) ? 1 : 0;
  for (const unsigned write : {0U, 1U}) {
    EXPECT_GE(with[write], asking);
    EXPECT_GE(seen[write] - with[write], kCopies - asking);
  }
}

// Sources and targets are apart, targets do not touch: the queued copies may overlap in time.
TYPED_TEST(DmaCopy, RandomCopiesAreByteExact) {
  covers("contract.dma.copy");
  const std::uint64_t seed = seed_of(2024);
  SCOPED_TRACE(rerun(seed));
  std::mt19937_64 random(seed);
  for (unsigned round = 0; round < 12; ++round) {
    SCOPED_TRACE(fmt::format("round {}", round));
    TypeParam bench(random());
    for (AxiMemory* port : {&bench.host, &bench.vram}) {
      port->keep_log = false;
      port->timing.read_latency = 1 + random() % 60;
      port->timing.read_jitter = random() % 40;
      port->timing.write_latency = 1 + random() % 60;
      port->timing.write_jitter = random() % 40;
      port->timing.ready_percent = round % 3 == 0 ? 100 : 25 + random() % 75;
      port->timing.shuffle_ids = round % 2 == 1;
    }
    fill(bench.vram.memory, kSources, 0x8000, random);
    fill(bench.host.memory, kHostBase + kSources, 0x8000, random);
    const unsigned ring_space = kSpaces[random() % 2];
    const unsigned size_log2 = 2 + random() % 7;
    bench.start(ring_space, base_of(ring_space) + 0x4'0000 + 64 * (random() % 64), size_log2);
    Expected expected;
    std::uint64_t target = kTargets, bytes_total = 0;
    std::vector<Descriptor> queue;
    std::vector<std::array<std::uint64_t, 5>> copies;
    const unsigned count = 100;
    for (unsigned i = 0; i < count; ++i) {
      const std::uint64_t bytes = 1 + random() % (random() % 8 == 0 ? 9000 : random() % 2 == 0 ? 150 : 40);
      const unsigned src_space = kSpaces[random() % 2], dst_space = kSpaces[random() % 2];
      const std::uint64_t src = base_of(src_space) + kSources + random() % (0x8000 - bytes);
      const std::uint64_t dst = base_of(dst_space) + target + random() % 70;
      target += bytes + 70 + (random() % 4 == 0 ? random() % 4096 : 0);
      queue.push_back(Descriptor::copy(src_space, src, dst_space, dst, bytes, i));
      copies.push_back({src_space, src, dst_space, dst, bytes});
      bytes_total += bytes;
    }
    // The ring wraps many times; never more than fits is queued.
    std::size_t next = 0;
    std::uint64_t room = 0;
    while (next < queue.size()) {
      const unsigned size = 1U << size_log2;
      ASSERT_TRUE(bench.wait("room in the ring", [&] {
        room = (size + bench.head() - bench.tail() - 1) % size;
        return room > 0;
      }));
      for (std::uint64_t n = 1 + random() % room; n > 0 && next < queue.size(); --n)
        bench.push(queue[next++]);
      bench.doorbell();
    }
    ASSERT_TRUE(bench.wait_idle());
    EXPECT_EQ(bench.head(), bench.tail());
    EXPECT_FALSE(bench.error());
    EXPECT_EQ(bench.read64(dma::CNT_BYTES::kOffset), bytes_total);
    EXPECT_EQ(bench.read64(dma::CNT_DESCRIPTORS::kOffset), count);
    // What the memories must hold: the ring and the sources as they are, the targets as copied.
    for (const auto& c : copies) {
      SparseBytes& to = bench.memory(c[2]).memory;
      SparseBytes& from = bench.memory(c[0]).memory;
      for (std::uint64_t i = 0; i < c[4]; ++i) expected.of(c[2]).set(c[3] + i, from.get(c[1] + i));
      ASSERT_EQ(to.get(c[3] - 1), expected.of(c[2]).get(c[3] - 1)) << fmt::format("byte before {:#x}", c[3]);
      ASSERT_EQ(to.get(c[3] + c[4]), 0) << fmt::format("byte after {:#x} + {}", c[3], c[4]);
    }
    for (const unsigned space : kSpaces) {
      for (std::uint64_t a = base_of(space) + kTargets; a < base_of(space) + target + 128; ++a) {
        ASSERT_EQ(bench.memory(space).memory.get(a), expected.of(space).get(a))
            << fmt::format("space {} byte {:#x}", space, a);
      }
    }
  }
}

// Every pair of offsets, short lengths: around the edges of one to three beats.
TYPED_TEST(DmaCopy, EveryAlignmentAndShortLength) {
  covers("contract.dma.copy");
  constexpr unsigned kB = TypeParam::kBytes;
  std::mt19937_64 random(7);
  TypeParam bench;
  bench.host.keep_log = bench.vram.keep_log = false;
  fill(bench.vram.memory, kSources, 0x1000, random);
  bench.start(dma::space::LOGICAL, kHostBase, 12);
  for (unsigned so = 0; so < kB; so += 1) {
    std::vector<std::array<std::uint64_t, 3>> copies;
    std::uint64_t target = kTargets;
    SparseBytes expected;
    for (unsigned to = 0; to < kB; ++to) {
      for (const unsigned bytes : {1U, 2U, kB - 1, kB, kB + 1, 2 * kB - 1, 2 * kB, 2 * kB + 3}) {
        bench.push(Descriptor::copy(dma::space::VRAM, kSources + 256 + so, dma::space::LOGICAL,
                                    kHostBase + target + to, bytes));
        for (unsigned i = 0; i < bytes; ++i) {
          expected.set(kHostBase + target + to + i, bench.vram.memory.get(kSources + 256 + so + i));
        }
        target += 4 * kB;
      }
    }
    for (std::uint64_t a = kTargets; a < target; ++a) bench.host.memory.set(kHostBase + a, 0);
    bench.doorbell();
    ASSERT_TRUE(bench.wait_idle());
    for (std::uint64_t a = kHostBase + kTargets; a < kHostBase + target; ++a) {
      ASSERT_EQ(bench.host.memory.get(a), expected.get(a))
          << fmt::format("source offset {} byte {:#x}", so, a);
    }
  }
}

TYPED_TEST(DmaCopy, LongCopySplitsAtPagesAndBursts) {
  covers("contract.dma.copy");
  std::mt19937_64 random(3);
  TypeParam bench;
  constexpr std::uint64_t kLength = 70'001;
  fill(bench.vram.memory, kSources, 0x2'0000, random);
  bench.start(dma::space::VRAM, 0x1000, 3);
  bench.push(
      Descriptor::copy(dma::space::VRAM, kSources + 0xffb, dma::space::LOGICAL, kHostBase + 0xfc3, kLength));
  bench.doorbell();
  ASSERT_TRUE(bench.wait_idle());
  for (std::uint64_t i = 0; i < kLength; ++i) {
    ASSERT_EQ(bench.host.memory.get(kHostBase + 0xfc3 + i), bench.vram.memory.get(kSources + 0xffb + i)) << i;
  }
  // The bursts cover the range once: the memory checks 4 KiB and length, here the sums.
  std::uint64_t beats = 0, next = (kHostBase + 0xfc3) / TypeParam::kBytes * TypeParam::kBytes;
  for (const BusEvent& e : bench.host.log) {
    if (e.kind != BusEvent::Kind::Aw) continue;
    EXPECT_EQ(e.addr, next);
    next = e.addr + (e.len + 1) * TypeParam::kBytes;
    beats += e.len + 1;
  }
  EXPECT_EQ(beats, (0xfc3 % TypeParam::kBytes + kLength + TypeParam::kBytes - 1) / TypeParam::kBytes);
}

// As many reads as the engine may have in flight are in flight when no answer comes: of each channel, until
// a port has Window beats to come.
TYPED_TEST(DmaCopy, ReadsInFlightReachTheirLimit) {
  covers("contract.dma.queued");
  constexpr unsigned kB = TypeParam::kBytes, kWindow = 2 * 256;
  for (const unsigned channels : {1U, TypeParam::kChannels}) {
    SCOPED_TRACE(channels);
    TypeParam bench;
    bench.vram.silent = [](bool write, unsigned, std::uint64_t) { return !write; };
    const unsigned count = TypeParam::kReads + 40;
    for (unsigned ch = 0; ch < channels; ++ch) {
      bench.start(dma::space::LOGICAL, kHostBase + ch * 0x10'0000, 9, 0, ch);
      for (unsigned i = 0; i < count; ++i) {
        bench.vram.memory.set64(kSources + (ch * count + i) * kB, ch * 1000 + i + 1);
        bench.push(Descriptor::copy(dma::space::VRAM, kSources + (ch * count + i) * kB, dma::space::LOGICAL,
                                    kHostBase + 0x4000'0000 + (ch * count + i) * kB, kB),
                   ch);
      }
      bench.doorbell(ch);
    }
    bench.run(8000);
    unsigned all = 0;
    for (unsigned ch = 0; ch < channels; ++ch) all += bench.copy_reads(ch);
    EXPECT_EQ(all, std::min(channels * TypeParam::kReads, kWindow));
    if (channels == 1) {
      EXPECT_EQ(all, TypeParam::kReads);
    }
    bench.vram.silent = nullptr;
    for (unsigned ch = 0; ch < channels; ++ch) {
      ASSERT_TRUE(bench.wait_idle(20'000, ch));
      EXPECT_EQ(bench.head(ch), count);
      for (unsigned i = 0; i < count; ++i)
        ASSERT_EQ(bench.host.memory.get64(kHostBase + 0x4000'0000 + (ch * count + i) * kB),
                  ch * 1000 + i + 1);
    }
  }
}

// 4 GiB may end with the last logical byte, and not one behind it; on either side.
TYPED_TEST(DmaCopy, FourGibibytesAtTheEndOfTheSpace) {
  covers("contract.dma.copy");
  constexpr std::uint64_t k4G = 1ULL << 32, kEnd = 1ULL << kAddrBits;
  for (const std::uint64_t src : {kEnd - k4G, kEnd - k4G + 1, std::uint64_t{0}}) {
    for (const std::uint64_t dst : {kEnd - k4G, kEnd - k4G + 1, std::uint64_t{0}}) {
      if (src == dst) continue;
      SCOPED_TRACE(fmt::format("{:#x} to {:#x}", src, dst));
      TypeParam bench;
      bench.start(dma::space::VRAM, 0x1000, 3);
      bench.push(Descriptor::copy(dma::space::LOGICAL, src, dma::space::LOGICAL, dst, k4G));
      bench.doorbell();
      bench.run(300);
      const unsigned operand = src + k4G > kEnd ? 1 : dst + k4G > kEnd ? 2 : 0;
      ASSERT_EQ(bench.error(), operand != 0);
      if (operand != 0) {
        const std::uint32_t info = bench.read32(dma::CH_ERR_INFO::kOffset);
        EXPECT_EQ(dma::CH_ERR_INFO::CODE.get(info), dma::error::BAD_ADDRESS);
        EXPECT_EQ(dma::CH_ERR_INFO::OPERAND.get(info), operand);
        EXPECT_TRUE(events(bench.host, BusEvent::Kind::Ar, kIdData).empty());
      } else {
        const auto reads = events(bench.host, BusEvent::Kind::Ar, kIdData);
        const auto writes = events(bench.host, BusEvent::Kind::Aw, kIdData);
        ASSERT_FALSE(reads.empty());
        ASSERT_FALSE(writes.empty());
        EXPECT_EQ(reads[0].addr, src);
        EXPECT_EQ(writes[0].addr, dst);
      }
      ASSERT_TRUE(bench.reset_channel());
    }
  }
}

// 4 GiB is 2^28 beats at 128 bits: here only its beginning and the shape of its requests, then a reset.
TYPED_TEST(DmaCopy, FourGibibytesStartAndReset) {
  covers("contract.dma.copy");
  TypeParam bench;
  bench.start(dma::space::VRAM, 0x1000, 3);
  bench.push(Descriptor::copy(dma::space::LOGICAL, 0, dma::space::LOGICAL, 0x80'0000'0000, 1ULL << 32));
  bench.doorbell();
  bench.run(3000);
  EXPECT_EQ(bench.head(), 0U);
  EXPECT_FALSE(bench.error());
  std::uint64_t reads = 0, next = 0;
  for (const BusEvent& e : bench.host.log) {
    if (e.kind != BusEvent::Kind::Ar) continue;
    EXPECT_EQ(e.addr, next);
    next += (e.len + 1ULL) * TypeParam::kBytes;
    ++reads;
  }
  EXPECT_GT(reads, 1500 / TypeParam::kMaxBurst);
  ASSERT_TRUE(bench.reset_channel());
  EXPECT_TRUE(bench.host.quiet());
  EXPECT_TRUE(bench.idle());
}

// Long copies of all channels and no answer: a port has Window beats to come, and a burst beyond that at
// most.
TYPED_TEST(DmaCopy, BeatsToComeReachTheWindow) {
  covers("contract.dma.queued");
  constexpr unsigned kWindow = 2 * 256;
  TypeParam bench;
  bench.vram.silent = [](bool write, unsigned, std::uint64_t) { return !write; };
  for (unsigned ch = 0; ch < TypeParam::kChannels; ++ch) {
    bench.start(dma::space::LOGICAL, kHostBase + ch * 0x10'0000, 4, 0, ch);
    // Bursts that do not divide the window.
    bench.push(Descriptor::copy(dma::space::VRAM, kSources + ch * 0x10'0000 + 5 * TypeParam::kBytes,
                                dma::space::LOGICAL, kHostBase + 0x4000'0000 + ch * 0x10'0000, 0x8000),
               ch);
    bench.doorbell(ch);
  }
  bench.run(3000);
  std::uint64_t beats = 0;
  for (const BusEvent& e : bench.vram.log) beats += e.kind == BusEvent::Kind::Ar ? e.len + 1 : 0;
  EXPECT_GE(beats, kWindow);
  EXPECT_LT(beats, kWindow + TypeParam::kMaxBurst);
  bench.vram.silent = nullptr;
  for (unsigned ch = 0; ch < TypeParam::kChannels; ++ch) {
    ASSERT_TRUE(bench.wait_idle(20'000, ch));
    EXPECT_EQ(bench.head(ch), 1U);
  }
}

// As many copies as the datapath takes wait for a device; NOPs among them do not wait for room there.
TYPED_TEST(DmaCopy, NopsAmongCopiesThatWait) {
  covers("contract.dma.queued");
  TypeParam bench;
  bench.host.silent = [](bool write, unsigned, std::uint64_t) { return !write; };
  bench.start(dma::space::VRAM, 0x10'0000, 10);
  constexpr unsigned kCopies = std::max(TypeParam::kReads, 64U) + 20;
  for (unsigned i = 0; i < kCopies; ++i) {
    bench.host.memory.set64(kHostBase + 64ULL * i, 0x100 + i);
    bench.push(Descriptor::copy(dma::space::LOGICAL, kHostBase + 64ULL * i, dma::space::VRAM,
                                0x40'0000 + 64 * i, 8));
    bench.push(Descriptor::nop());
  }
  bench.doorbell();
  bench.run(20 * kCopies);
  EXPECT_EQ(bench.head(), 0U);
  bench.host.silent = nullptr;
  ASSERT_TRUE(bench.wait_idle());
  EXPECT_EQ(bench.head(), 2 * kCopies);
  for (unsigned i = 0; i < kCopies; ++i) EXPECT_EQ(bench.vram.memory.get64(0x40'0000 + 64 * i), 0x100U + i);
}

}  // namespace
}  // namespace gpudmar::test
