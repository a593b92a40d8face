// SPDX-License-Identifier: Apache-2.0
// Order: fences, messages, the doorbell, disabling.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/rtl/dma/dma_mixed_queue.h"
#include "tests/rtl/dma/dma_variants.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

using Kind = BusEvent::Kind;

template <class Bench>
class DmaOrder : public ::testing::Test {};
TYPED_TEST_SUITE(DmaOrder, Widths);

struct Timed {
  BusEvent event;
  bool host;
};

/// Both ports' events of a kind, by cycle; W events carry no id and are left out.
template <class Bench>
std::vector<Timed> both(const Bench& bench, Kind kind) {
  std::vector<Timed> all;
  for (const BusEvent& e : bench.host.log) {
    if (e.kind == kind) all.push_back({e, true});
  }
  for (const BusEvent& e : bench.vram.log) {
    if (e.kind == kind) all.push_back({e, false});
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Timed& a, const Timed& b) { return a.event.cycle < b.event.cycle; });
  return all;
}

constexpr std::uint64_t kFenceAddr = 0x8000, kValue = 0x1234'5678'0000'0000;

/// Each message has a fence's answer of its own before it; their number.
template <class Bench>
unsigned messages_follow_fences(const Bench& bench) {
  std::vector<std::uint64_t> answers, messages;
  for (const Timed& t : both(bench, Kind::B)) {
    if (t.event.id % 4 == kIdFence) answers.push_back(t.event.cycle);
  }
  for (const BusEvent& e : bench.host.log) {
    if (e.kind == Kind::Aw && e.id == kIdMsi) messages.push_back(e.cycle);
  }
  EXPECT_LE(messages.size(), answers.size());
  for (std::size_t i = 0; i < messages.size() && i < answers.size(); ++i)
    EXPECT_GT(messages[i], answers[i]) << "message " << i << " before the answer that it tells of";
  return static_cast<unsigned>(messages.size());
}

/// Between a fence's AW and its B nothing of its channel is under way on either port.
template <class Bench>
void fences_are_alone(const Bench& bench, unsigned ch, unsigned count) {
  const auto aws = both(bench, Kind::Aw), bs = both(bench, Kind::B), ars = both(bench, Kind::Ar);
  const unsigned data = id_of(ch, kIdData), fence = id_of(ch, kIdFence);
  unsigned fences = 0;
  for (const Timed& aw : aws) {
    if (aw.event.id != fence) continue;
    ++fences;
    const auto b = std::find_if(bs.begin(), bs.end(), [&](const Timed& t) {
      return t.event.id == fence && t.event.cycle > aw.event.cycle;
    });
    ASSERT_NE(b, bs.end());
    for (const Timed& t : ars) {
      if (t.event.id != data) continue;
      EXPECT_TRUE(t.event.cycle < aw.event.cycle || t.event.cycle > b->event.cycle) << "AR under a fence";
    }
    std::size_t issued = 0, answered = 0;
    for (const Timed& t : aws) issued += t.event.id == data && t.event.cycle < b->event.cycle ? 1 : 0;
    for (const Timed& t : bs) answered += t.event.id == data && t.event.cycle < aw.event.cycle ? 1 : 0;
    EXPECT_EQ(issued, answered) << "a write is open at a fence";
  }
  EXPECT_EQ(fences, count);
}

// Random copies and fences with random answers: a fence's AW after every earlier B, nothing later before its
// B, its message after its B; and a copy behind a fence reads what the copy before it wrote.
TYPED_TEST(DmaOrder, FenceSeparatesEverything) {
  covers("contract.dma.fence");
  const std::uint64_t seed = seed_of(77);
  SCOPED_TRACE(rerun(seed));
  std::mt19937_64 random(seed);
  unsigned told = 0, raised = 0;
  for (unsigned round = 0; round < 20; ++round) {
    SCOPED_TRACE(fmt::format("round {}", round));
    TypeParam bench(random());
    for (AxiMemory* port : {&bench.host, &bench.vram}) {
      port->timing.read_latency = 1 + random() % 20;
      port->timing.read_jitter = random() % 20;
      port->timing.write_latency = 1 + random() % 80;
      port->timing.write_jitter = random() % 80;
      port->timing.ready_percent = 30 + random() % 71;
      port->timing.shuffle_ids = round % 2 == 1;
    }
    for (unsigned i = 0; i < 2048; i += 8) bench.vram.memory.set64(0x10'0000 + i, random());
    bench.start(dma::space::LOGICAL, 0x4000, 6);
    // A chain: each copy reads what the one before the fence wrote.
    const unsigned links = 6;
    unsigned from_space = dma::space::VRAM;
    std::uint64_t from = 0x10'0000;
    const unsigned bytes = 1 + random() % 2000;
    for (unsigned i = 0; i < links; ++i) {
      const unsigned to_space = random() % 2 == 0 ? dma::space::VRAM : dma::space::LOGICAL;
      const std::uint64_t to = 0x20'0000 + i * 0x1'0000 + random() % 64;
      bench.push(Descriptor::copy(from_space, from, to_space, to, bytes));
      bench.push(Descriptor::fence(random() % 2 == 0 ? dma::space::VRAM : dma::space::LOGICAL,
                                   kFenceAddr + 8 * i, kValue + i, true));
      from_space = to_space;
      from = to;
    }
    bench.doorbell();
    // The driver clears the cause as soon as it sees it, so that every fence can raise it anew.
    ASSERT_TRUE(bench.wait("the end", [&] {
      if ((bench.read32(dma::INT_STATUS::kOffset) & 1) != 0) bench.write32(dma::INT_STATUS::kOffset, 1);
      return bench.idle();
    }));
    bench.run(400);  // the last messages
    ASSERT_FALSE(bench.error());
    for (unsigned i = 0; i < bytes; ++i) {
      ASSERT_EQ(bench.memory(from_space).memory.get(from + i), bench.vram.memory.get(0x10'0000 + i)) << i;
    }
    EXPECT_EQ(bench.read64(dma::CH_FENCE::kOffset), kValue + links - 1);
    for (unsigned i = 0; i < links; ++i) {
      EXPECT_TRUE(bench.host.memory.get64(kFenceAddr + 8 * i) == kValue + i ||
                  bench.vram.memory.get64(kFenceAddr + 8 * i) == kValue + i);
    }
    fences_are_alone(bench, 0, links);
    told += messages_follow_fences(bench);
    raised += links;
  }
  EXPECT_GT(2 * told, raised) << "messages are merged too often for this to tell anything";
}

// Four channels with all kinds of work between their fences. When the driver hears of a fence, all before it
// is in memory; a fence is alone on its channel.
TYPED_TEST(DmaOrder, FencesOfFourChannelsAmongAllOperations) {
  covers("contract.dma.fence");
  const std::uint64_t seed = seed_of(78);
  SCOPED_TRACE(rerun(seed));
  std::mt19937_64 random(seed);
  for (unsigned round = 0; round < 8; ++round) {
    SCOPED_TRACE(fmt::format("round {}", round));
    TypeParam bench(random());
    for (AxiMemory* port : {&bench.host, &bench.vram}) {
      port->timing.read_latency = 1 + random() % 20;
      port->timing.read_jitter = random() % 20;
      port->timing.write_latency = 1 + random() % 80;
      port->timing.write_jitter = random() % 80;
      port->timing.ready_percent = 30 + random() % 71;
      port->timing.shuffle_ids = round % 2 == 1;
    }
    MixedQueue<TypeParam> queue(bench, random);
    for (unsigned ch = 0; ch < 4; ++ch) queue.fill(ch, 6);
    for (unsigned ch = 0; ch < 4; ++ch) bench.doorbell(ch);
    unsigned heard = 0;
    ASSERT_TRUE(bench.wait("all fences", [&] {
      if ((bench.read32(dma::INT_STATUS::kOffset) & 1) != 0) {
        bench.write32(dma::INT_STATUS::kOffset, 1);
        const std::uint32_t channels = bench.read32(dma::INT_CHANNELS::kOffset);
        bench.write32(dma::INT_CHANNELS::kOffset, channels);
        for (unsigned ch = 0; ch < 4; ++ch) {
          if ((channels >> ch & 1) != 0) heard += queue.hear(ch);
        }
      }
      return heard == 24 || ::testing::Test::HasFailure();
    }));
    ASSERT_FALSE(this->HasFailure());
    for (unsigned ch = 0; ch < 4; ++ch) {
      ASSERT_TRUE(bench.wait_idle(10'000, ch));
      ASSERT_FALSE(bench.error(ch));
      fences_are_alone(bench, ch, 6);
    }
    bench.run(400);
    EXPECT_GT(messages_follow_fences(bench), 1U);
  }
}

// AW and W of BAR 0 come back to back, or each when it likes, and the answers are taken when the bus likes:
// the doorbell acts after all that was written before it, and no write is lost.
TYPED_TEST(DmaOrder, DoorbellActsAfterAllEarlierWrites) {
  covers("contract.dma.doorbell");
  const std::uint64_t seed = seed_of(79);
  SCOPED_TRACE(rerun(seed));
  std::mt19937_64 random(seed);
  for (unsigned round = 0; round < 80; ++round) {
    SCOPED_TRACE(fmt::format("round {}", round));
    TypeParam bench(random());
    const unsigned ch = random() % TypeParam::kChannels, other = (ch + 1) % TypeParam::kChannels;
    bench.start(dma::space::VRAM, 0x1000, 5, 3, ch);
    const unsigned before = random() % 8;
    for (unsigned i = 0; i < before; ++i) bench.push(Descriptor::nop(), ch);
    bench.doorbell(ch);
    ASSERT_TRUE(bench.wait_idle(10'000, ch));
    // The ring moves to the other memory, above 4 GiB; a register that is written in halves is wrong in
    // between.
    const std::uint64_t base = 0x12'3456'7000 + 64 * (random() % 64);
    const unsigned count = 1 + random() % 12;
    for (unsigned i = 0; i < count; ++i) {
      bench.vram.memory.set64(0x8000 + 8ULL * i, 0x1111'0000 + i);
      bench.place(
          dma::space::LOGICAL, base + 64ULL * (before + i),
          Descriptor::copy(dma::space::VRAM, 0x8000 + 8ULL * i, dma::space::VRAM, 0x9000 + 8ULL * i, 8));
    }
    const auto reg = [ch](std::uint64_t offset) { return TypeParam::reg(offset, ch); };
    std::vector<LiteWrite> list = {{reg(dma::CH_CTRL::kOffset), 0}};
    if (random() % 2 == 0) {
      list.push_back({reg(dma::CH_RING_BASE::kOffset), base, 8});
    } else {
      list.push_back({reg(dma::CH_RING_BASE::kOffset), base & 0xffff'ffff});
      list.push_back({reg(dma::CH_RING_BASE::kOffset) + 4, base >> 32});
    }
    list.push_back({reg(dma::CH_RING_CFG::kOffset),
                    dma::CH_RING_CFG::SIZE_LOG2.put(5) | dma::CH_RING_CFG::SPACE.put(dma::space::LOGICAL)});
    const std::uint64_t data = random() & 0xffff'ffff, coalesce = random() & 0xffff'ffff;
    list.push_back({dma::CFG_MSI_DATA::kOffset, data});
    list.push_back({reg(dma::CH_CTRL::kOffset), 1});
    list.push_back({TypeParam::reg(dma::CH_COALESCE::kOffset, other), coalesce});
    // In one doorbell, or one for each descriptor.
    const bool once = random() % 2 == 0;
    for (unsigned i = once ? count : 1; i <= count; ++i)
      list.push_back({reg(dma::CH_TAIL::kOffset), before + i});
    const std::uint64_t from = bench.cycle();
    const unsigned valid_percent = round % 3 == 0 ? 20 + random() % 60 : 100;
    ASSERT_EQ(bench.write_all(list, valid_percent, round % 4 == 0 ? 100 : 5 + random() % 90), list.size());
    const std::uint64_t doorbell = bench.lite_last_write;
    ASSERT_TRUE(bench.wait_idle(10'000, ch));
    EXPECT_FALSE(bench.error(ch));
    EXPECT_EQ(bench.head(ch), before + count);
    EXPECT_EQ(bench.read32(dma::CFG_MSI_DATA::kOffset), data);
    EXPECT_EQ(bench.read32(TypeParam::reg(dma::CH_COALESCE::kOffset, other)), coalesce);
    for (unsigned i = 0; i < count; ++i)
      EXPECT_EQ(bench.vram.memory.get64(0x9000 + 8ULL * i), 0x1111'0000U + i);
    std::vector<BusEvent> fetches;
    for (const Timed& t : both(bench, Kind::Ar)) {
      if (t.event.id != id_of(ch, kIdRing) || t.event.cycle < from) continue;
      EXPECT_TRUE(t.host) << "a fetch from where the ring was";
      fetches.push_back(t.event);
    }
    ASSERT_FALSE(fetches.empty());
    EXPECT_EQ(fetches[0].addr, base + 64ULL * before);
    if (once) {
      EXPECT_EQ(fetches[0].cycle, doorbell + 2);
    }
  }
}

TYPED_TEST(DmaOrder, MessageAfterTheFencesAnswerAndOncePerRise) {
  covers("contract.dma.fence");
  for (const unsigned b_latency : {1U, 7U, 90U}) {
    TypeParam bench;
    bench.host.timing.write_latency = bench.vram.timing.write_latency = b_latency;
    bench.start(dma::space::VRAM, 0x1000, 4);
    bench.push(Descriptor::fence(dma::space::LOGICAL, kFenceAddr, 1, true));
    bench.push(Descriptor::fence(dma::space::LOGICAL, kFenceAddr, 2, true));
    bench.push(Descriptor::fence(dma::space::LOGICAL, kFenceAddr, 3, false));
    bench.doorbell();
    ASSERT_TRUE(bench.wait_idle());
    bench.run(2 * b_latency + 20);
    const auto messages = [&] {
      std::vector<BusEvent> found;
      for (const BusEvent& e : bench.host.log) {
        if (e.kind == Kind::Aw && e.id == kIdMsi) found.push_back(e);
      }
      return found;
    };
    // The second fence found its cause still set: one message.
    ASSERT_EQ(messages().size(), 1U);
    EXPECT_EQ(messages()[0].addr, TypeParam::kMsiAddr);
    EXPECT_EQ(messages()[0].len, 0U);
    const auto b = std::find_if(bench.host.log.begin(), bench.host.log.end(),
                                [](const BusEvent& e) { return e.kind == Kind::B && e.id == kIdFence; });
    ASSERT_NE(b, bench.host.log.end());
    EXPECT_GT(messages()[0].cycle, b->cycle);
    std::uint64_t word = bench.host.memory.get64(TypeParam::kMsiAddr & ~7ULL);
    EXPECT_EQ(word, std::uint64_t{TypeParam::kMsiData} << 32) << "four bytes, on their lanes";
    // Cleared and raised again: another message.
    EXPECT_EQ(bench.read32(dma::INT_STATUS::kOffset), 1U);
    bench.write32(dma::INT_STATUS::kOffset, 1);
    EXPECT_EQ(bench.read32(dma::INT_STATUS::kOffset), 0U);
    bench.push(Descriptor::fence(dma::space::VRAM, kFenceAddr, 4, true));
    bench.doorbell();
    ASSERT_TRUE(bench.wait_idle());
    bench.run(2 * b_latency + 20);
    EXPECT_EQ(messages().size(), 2U);
    EXPECT_EQ(bench.vram.memory.get64(kFenceAddr), 4U);
    EXPECT_EQ(bench.read64(dma::CH_FENCE::kOffset), 4U);
  }
}

// The second cause rises while the first one's message waits for its answer: one more message, after that
// answer.
TYPED_TEST(DmaOrder, CauseThatRisesUnderAMessageSendsAnother) {
  covers("contract.dma.fence");
  TypeParam bench;
  bench.host.timing.write_latency = 300;
  bench.start(dma::space::VRAM, 0x1000, 4);
  Descriptor unknown;
  dma::descriptor::OPCODE.set(unknown.qw.data(), 0x42);
  bench.push(Descriptor::fence(dma::space::VRAM, kFenceAddr, 1, true));
  bench.push(unknown);
  bench.doorbell();
  ASSERT_TRUE(bench.wait("both causes", [&] { return bench.read32(dma::INT_STATUS::kOffset) == 3; }));
  bench.run(800);
  std::vector<std::uint64_t> sent, answered;
  for (const BusEvent& e : bench.host.log) {
    if (e.kind == Kind::Aw && e.id == kIdMsi) sent.push_back(e.cycle);
    if (e.kind == Kind::B && e.id == kIdMsi) answered.push_back(e.cycle);
  }
  ASSERT_EQ(sent.size(), 2U);
  ASSERT_EQ(answered.size(), 2U);
  EXPECT_GT(sent[1], answered[0]);
}

TYPED_TEST(DmaOrder, NoMessageWhenDisabledAndOneWhenEnabledLater) {
  covers("contract.dma.fence");
  TypeParam bench;
  bench.start(dma::space::VRAM, 0x1000, 4, 0);
  bench.push(Descriptor::fence(dma::space::VRAM, kFenceAddr, 1, true));
  bench.doorbell();
  ASSERT_TRUE(bench.wait_idle());
  bench.run(50);
  const auto messages = [&] {
    return std::count_if(bench.host.log.begin(), bench.host.log.end(),
                         [](const BusEvent& e) { return e.kind == Kind::Aw && e.id == kIdMsi; });
  };
  EXPECT_EQ(messages(), 0);
  EXPECT_EQ(bench.read32(dma::INT_STATUS::kOffset), 1U);
  bench.write32(dma::CFG_COMMAND::kOffset, 1);
  bench.write32(dma::INT_ENABLE::kOffset, 3);
  bench.run(50);
  EXPECT_EQ(messages(), 0) << "MSI_ENABLE is 0";
  bench.write32(dma::CFG_COMMAND::kOffset, 3);
  bench.run(50);
  EXPECT_EQ(messages(), 1);
}

// A cause that is cleared in the very cycle in which it is raised again must not be lost: every offset is
// tried.
TYPED_TEST(DmaOrder, ClearAgainstRaiseAtEveryOffset) {
  covers("contract.dma.fence");
  for (unsigned offset = 0; offset < 40; ++offset) {
    TypeParam bench;
    bench.start(dma::space::VRAM, 0x1000, 4);
    bench.push(Descriptor::fence(dma::space::VRAM, kFenceAddr, 1, true));
    bench.doorbell();
    ASSERT_TRUE(bench.wait_idle());
    bench.push(Descriptor::fence(dma::space::VRAM, kFenceAddr, 2, true));
    bench.doorbell();
    bench.run(offset);
    bench.write32(dma::INT_STATUS::kOffset, 1);
    ASSERT_TRUE(bench.wait_idle());
    bench.run(30);
    const auto messages = std::count_if(bench.host.log.begin(), bench.host.log.end(), [](const BusEvent& e) {
      return e.kind == Kind::Aw && e.id == kIdMsi;
    });
    // Either the second fence came after the clearing (set again, a second message), or before (cleared).
    const bool set = bench.read32(dma::INT_STATUS::kOffset) == 1;
    EXPECT_EQ(messages, set ? 2 : 1) << "offset " << offset;
  }
}

TYPED_TEST(DmaOrder, DisableStopsAndEnableGoesOn) {
  covers("contract.dma.disable");
  for (unsigned offset = 0; offset < 120; offset += 3) {
    SCOPED_TRACE(fmt::format("disabled after {} cycles", offset));
    TypeParam bench;
    bench.host.timing.read_latency = bench.vram.timing.read_latency = 10;
    bench.start(dma::space::LOGICAL, 0x1000, 6);
    for (unsigned i = 0; i < 40; ++i) {
      bench.vram.memory.set64(0x1'0000 + 64 * i, 0x100 + i);
      bench.push(
          Descriptor::copy(dma::space::VRAM, 0x1'0000 + 64 * i, dma::space::VRAM, 0x2'0000 + 64 * i, 64));
    }
    bench.doorbell();
    bench.run(offset);
    bench.write32(dma::CH_CTRL::kOffset, 0);
    ASSERT_TRUE(bench.wait_idle());
    const unsigned head = bench.head();
    for (unsigned i = 0; i < 40; ++i) {
      ASSERT_EQ(bench.vram.memory.get64(0x2'0000 + 64 * i), i < head ? 0x100 + i : 0U) << i;
    }
    // What was prefetched counts no more: the descriptor at HEAD is changed before going on.
    if (head < 40) {
      const Descriptor d = Descriptor::copy(dma::space::VRAM, 0x1'0000, dma::space::VRAM, 0x3'0000, 8);
      for (unsigned i = 0; i < 8; ++i) bench.host.memory.set64(0x1000 + 64ULL * head + 8 * i, d.qw[i]);
    }
    bench.write32(dma::CH_CTRL::kOffset, 1);
    ASSERT_TRUE(bench.wait_idle());
    EXPECT_EQ(bench.head(), 40U);
    if (head < 40) {
      EXPECT_EQ(bench.vram.memory.get64(0x3'0000), 0x100U);
    }
  }
}

}  // namespace
}  // namespace gpudmar::test
