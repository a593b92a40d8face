// SPDX-License-Identifier: Apache-2.0
// Cycle numbers of the contract, measured at the ports.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/rtl/dma/dma_variants.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

using Kind = BusEvent::Kind;

template <class Bench>
class DmaTiming : public ::testing::Test {};
TYPED_TEST_SUITE(DmaTiming, Widths);

std::vector<BusEvent> events(const AxiMemory& port, Kind kind, unsigned id) {
  std::vector<BusEvent> found;
  std::copy_if(port.log.begin(), port.log.end(), std::back_inserter(found),
               [&](const BusEvent& e) { return e.kind == kind && (kind == Kind::W || e.id == id); });
  return found;
}

// At hand = the cycle after the last beat of the descriptor.
TYPED_TEST(DmaTiming, LaunchAndLatencyOfOneCopy) {
  covers("contract.dma.launch", "contract.dma.single");
  for (const unsigned latency : {1U, 2U, 5U, 20U, 100U}) {
    for (const unsigned beats : {1U, 2U, 7U, TypeParam::kMaxBurst}) {
      for (const bool host : {false, true}) {
        SCOPED_TRACE(fmt::format("L={} beats={} host={}", latency, beats, host));
        TypeParam bench;
        for (AxiMemory* port : {&bench.host, &bench.vram}) port->timing.read_latency = latency;
        bench.start(dma::space::VRAM, 0x1000, 3);
        const unsigned space = host ? dma::space::LOGICAL : dma::space::VRAM;
        bench.push(Descriptor::copy(space, 0x1'0000, space, 0x2'0000, beats * TypeParam::kBytes));
        bench.doorbell();
        ASSERT_TRUE(bench.wait_idle());
        const AxiMemory& port = bench.memory(space);
        const auto ring = events(bench.vram, Kind::R, kIdRing);
        const auto ar = events(port, Kind::Ar, kIdData);
        const auto r = events(port, Kind::R, kIdData);
        const auto w = events(port, Kind::W, kIdData);
        const auto b = events(port, Kind::B, kIdData);
        ASSERT_EQ(ar.size(), 1U);
        ASSERT_EQ(b.size(), 1U);
        ASSERT_EQ(w.size(), beats);
        const std::uint64_t at_hand = ring.back().cycle + 1;
        EXPECT_EQ(ar[0].cycle - at_hand, 1 + TypeParam::kPipe);
        EXPECT_EQ(w[0].cycle - r[0].cycle, 3U);
        EXPECT_EQ(b[0].cycle - at_hand, latency + beats + 4 + TypeParam::kPipe);
      }
    }
  }
}

struct Queued {
  double efficiency;   // payload / (cycles x bus bytes), percent
  std::uint64_t idle;  // write beats idle
};

/// Queued copies of `bytes` with the ring in the host's memory, counted as the design defines efficiency.
template <class Bench>
Queued queued(unsigned src_space, unsigned dst_space, unsigned latency, unsigned bytes, unsigned count,
              unsigned from, unsigned to, unsigned src_offset = 0, unsigned dst_offset = 0,
              unsigned ring = dma::space::LOGICAL) {
  Bench bench;
  for (AxiMemory* port : {&bench.host, &bench.vram}) port->timing.read_latency = latency;
  bench.start(ring, 0x10'0000, 13);
  const unsigned stride = (bytes + 127) / 64 * 64;
  for (unsigned i = 0; i < count; ++i) {
    bench.push(Descriptor::copy(src_space, 0x40'0000 + i * stride + src_offset, dst_space,
                                0x400'0000 + i * stride + dst_offset, bytes));
  }
  bench.doorbell();
  bench.wait_idle(2'000'000);
  // W beats by descriptor: each has the same number.
  const auto w = events(bench.memory(dst_space), Kind::W, kIdData);
  const unsigned beats = (dst_offset + bytes + Bench::kBytes - 1) / Bench::kBytes;
  if (w.size() != std::uint64_t{beats} * count) {
    ADD_FAILURE() << "W beats: " << w.size();
    return {0, ~0ULL};
  }
  const std::uint64_t cycles =
      w[std::uint64_t{to} * beats + beats - 1].cycle - w[std::uint64_t{from} * beats].cycle + 1;
  const std::uint64_t descriptors = to - from + 1;
  return {100.0 * bytes * descriptors / (static_cast<double>(cycles) * Bench::kBytes),
          cycles - descriptors * beats};
}

TYPED_TEST(DmaTiming, NoIdleWriteBeatBetweenQueuedDescriptors) {
  covers("contract.dma.gap");
  for (const unsigned bytes : {64U, 256U, 1024U, 4096U}) {
    for (const unsigned dst : {dma::space::VRAM, dma::space::LOGICAL}) {
      const Queued result = queued<TypeParam>(dma::space::VRAM, dst, 20, bytes, 200, 40, 180);
      EXPECT_EQ(result.idle, 0U) << fmt::format("{} bytes to space {}", bytes, dst);
    }
  }
}

TYPED_TEST(DmaTiming, QueuedSmallCopiesRunAtBusSpeed) {
  covers("contract.dma.queued");
  for (const unsigned bytes : {64U, 256U, 1024U, 4096U}) {
    const unsigned count = bytes <= 256 ? 1500 : 400;
    const Queued vram =
        queued<TypeParam>(dma::space::VRAM, dma::space::VRAM, 100, bytes, count, 128, count - 129);
    const Queued host = queued<TypeParam>(dma::space::LOGICAL, dma::space::LOGICAL, 100, bytes, count, 128,
                                          count - 129, 0, 0, dma::space::VRAM);
    fmt::print("queued {} B aligned, {} bit, L=100: VRAM {:.1f} %, logical {:.1f} %\n", bytes,
               TypeParam::kBytes * 8, vram.efficiency, host.efficiency);
    // 64 descriptors are fetched ahead: at one beat each they do not cover the latency.
    const double bound = std::min(100.0, 100.0 * 64 * bytes / TypeParam::kBytes / 108);
    EXPECT_GE(vram.efficiency, 0.95 * bound) << bytes;
    EXPECT_GE(host.efficiency, 0.95 * bound) << bytes;
  }
}

// Source + 3, destination + 5: the bound follows from the beats that the bytes touch.
TYPED_TEST(DmaTiming, QueuedUnalignedCopiesReachTheirBound) {
  covers("contract.dma.queued");
  constexpr unsigned kB = TypeParam::kBytes;
  for (const auto& [src, dst] : {std::pair{3U, 5U}, std::pair{5U, 3U}}) {
    for (const unsigned bytes : {64U, 1024U}) {
      const unsigned read = (src + bytes + kB - 1) / kB, write = (dst + bytes + kB - 1) / kB;
      const double bound = 100.0 * bytes / (std::max(read, write) * kB);
      const Queued result =
          queued<TypeParam>(dma::space::VRAM, dma::space::VRAM, 100, bytes, 600, 128, 450, src, dst);
      fmt::print("queued {} B {}->{}, {} bit, L=100: {:.1f} % of the bound {:.1f} %\n", bytes, src, dst,
                 kB * 8, 100 * result.efficiency / bound, bound);
      EXPECT_GE(result.efficiency, 0.95 * bound) << bytes;
    }
  }
}

}  // namespace
}  // namespace gpudmar::test
