// SPDX-License-Identifier: Apache-2.0
// A requester that stalls for ever, on each of its channels, with requests of each kind: the others go on,
// drains end, hints are walked, and who withholds data is cut off and told of. Memory that takes nothing for
// ever, on each channel of each master: the registers stay within reach, and everything goes on afterwards.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "tests/rtl/iommu/iommu_bench.h"
#include "tests/support/covers.h"

namespace gpudmar::test {
namespace {

constexpr std::uint64_t kIova = 0x10'0000'0000;
constexpr std::uint64_t kTo = 0x4000'0000;
constexpr std::uint64_t kAbsent = kIova + 0x1000'0000;
constexpr unsigned kMapped = 512;
constexpr std::uint64_t kWLimit = 200;           // IMPL_WLIMIT
constexpr std::uint64_t kBound = kWLimit + 400;  // cycles that anything of the others may take
constexpr std::uint32_t kGcmd = 0x018, kGsts = 0x01C, kImplWLimit = 0xF08, kImplCutoff = 0xF0C;
constexpr std::uint32_t kTe = 1U << 31, kQie = 1U << 26;

struct Channel {
  const char* name;
  bool r, b;                  // READY low for ever
  bool aw, first_w, other_w;  // withheld for ever: addresses, all data, data behind the first beat
};
constexpr Channel kChannels[] = {
    {"R", true, false, false, false, false},      // AR stands once the buffer is spoken for
    {"B", false, true, false, false, false},      // and AW once the responses are
    {"Aw", false, false, true, false, false},     // data without address
    {"W", false, false, false, true, false},      // address without data
    {"WRest", false, false, false, false, true},  // address, one beat, and no more
    {"RAndB", true, true, false, false, false},  {"All", true, true, false, false, true},
};

enum class Pages { kHit, kMiss, kBlocked };
constexpr Pages kPages[] = {Pages::kHit, Pages::kMiss, Pages::kBlocked};
const char* to_string(Pages pages) {
  return pages == Pages::kHit ? "Hits" : pages == Pages::kMiss ? "Misses" : "Blocked";
}

using Case = std::tuple<unsigned, Channel, Pages>;

class Stall : public ::testing::Test {
 protected:
  Stall() : bench(10), table(bench.tables.page()) {
    for (unsigned p = 0; p < kPorts; ++p) bench.tables.context(kSid[p], 3, table);
    for (unsigned i = 0; i < kMapped; ++i) bench.tables.map(table, page(i), kTo + i * 4096ULL);
    EXPECT_TRUE(bench.bring_up());
    bench.write_register(kImplWLimit, kWLimit, 4);
  }
  ~Stall() override {
    for (const auto& v : bench.violations) ADD_FAILURE() << v.cycle << " " << v.rule << ": " << v.message;
  }
  static std::uint64_t page(unsigned i) { return kIova + i * 4096ULL; }
  /// A mapped page that nobody has asked for.
  std::uint64_t fresh() { return page(16 + fresh_++ % (kMapped - 16)); }
  bool all_done(const std::vector<BurstPtr>& bursts, std::uint64_t limit) {
    return bench.run_until(
        [&] { return std::all_of(bursts.begin(), bursts.end(), [](const auto& b) { return b->done; }); },
        limit);
  }
  static std::string not_done(const std::vector<BurstPtr>& bursts) {
    std::string text;
    for (const auto& b : bursts)
      if (!b->done)
        text +=
            fmt::format(" {} {:x}{}", b->write ? "write" : "read", b->address, b->in ? "" : " (not taken)");
    return text;
  }
  void stall(unsigned port, const Channel& channel, bool on) {
    bench.r_ready[port] = on && channel.r ? 0.0 : 1.0;
    bench.b_ready[port] = on && channel.b ? 0.0 : 1.0;
    bench.hold_aw[port] = on && channel.aw;
    bench.hold_all_w[port] = on && channel.first_w;
    bench.hold_w[port] = on && channel.other_w;
  }
  /// More of everything than the unit has room for.
  void flood(unsigned port, Pages pages) {
    for (unsigned i = 0; i < 80; ++i) {
      const std::uint64_t to = pages == Pages::kHit    ? page(i % 8)
                               : pages == Pages::kMiss ? fresh()
                                                       : kAbsent + i * 4096ULL;
      flooded.push_back(bench.read(port, i % 16, to, 16));
      flooded.push_back(bench.write(port, i % 16, to + 2048, 4));
    }
  }
  /// Reads and writes of `port` to pages of every kind, at once.
  void traffic(unsigned port, const char* when) {
    std::vector<BurstPtr> good, blocked;
    for (unsigned i = 0; i < 4; ++i) {
      good.push_back(bench.read(port, i, page(i), 1 + i));
      good.push_back(bench.write(port, i, page(i) + 1024, 1 + i));
    }
    good.push_back(bench.read(port, 4, fresh()));
    good.push_back(bench.write(port, 4, fresh() + 1024));
    blocked.push_back(bench.read(port, 5, kAbsent + 0x80'0000));
    blocked.push_back(bench.write(port, 5, kAbsent + 0x80'0000, 3));
    EXPECT_TRUE(all_done(good, kBound)) << when << ": not done after " << kBound << not_done(good);
    EXPECT_TRUE(all_done(blocked, kBound)) << when << ": not done after " << kBound << not_done(blocked);
    for (const auto& b : good) {
      EXPECT_EQ(b->resp, sim::AxiResp::kOkay) << when;
      EXPECT_EQ(b->out_address, b->address - kIova + kTo) << when;
    }
    for (const auto& b : blocked) EXPECT_EQ(b->resp, sim::AxiResp::kSlvErr) << when;
  }
  void hint(unsigned by, unsigned reader) {
    const std::uint64_t wanted = fresh();
    bench.hint(by, wanted);
    bench.run(150);
    const auto b = bench.read(reader, 6, wanted);
    EXPECT_TRUE(all_done({b}, kBound)) << "read of a hinted page";
    EXPECT_LT(b->out_cycle - b->in_cycle, 10U) << "the hint of port " << by << " was not walked";
  }

  IommuBench bench;
  std::uint64_t table;
  std::vector<BurstPtr> flooded;

 private:
  unsigned fresh_ = 0;
};

class StalledRequester : public Stall, public ::testing::WithParamInterface<Case> {};

TEST_P(StalledRequester, TheOthersGoOnAndTheCutOffIsTold) {
  covers("vtd.isolation.stall", "vtd.isolation.read", "vtd.isolation.write", "vtd.isolation.blocked",
         "vtd.drain", "vtd.hints", "G21");
  const auto& [port, channel, pages] = GetParam();
  const unsigned other = 1 - port;
  for (unsigned i = 0; i < 8; ++i) bench.read(other, i, page(i));
  ASSERT_TRUE(bench.settle());
  stall(port, channel, true);
  flood(port, pages);
  traffic(other, "at once");
  bench.run(600);  // whatever fills up is full
  traffic(other, "later");
  hint(other, other);
  hint(port, other);
  const auto ends = [&](const char* what) {
    const auto from = bench.cycle();
    ASSERT_TRUE(bench.invalidate(kBound)) << what << ": its wait never completed";
    EXPECT_LE(bench.cycle() - from, kBound);
    traffic(other, what);
  };
  bench.flush_pages(3, page(1));
  ends("page");
  bench.flush_pages(3, page(2), 9, false);
  ends("pages, IH = 0");
  bench.flush_domain(3);
  ends("domain");
  bench.flush_contexts();
  bench.flush_global();
  ends("contexts, global");
  // Commands drain too.
  bench.write_register(kGcmd, kQie, 4);
  ASSERT_TRUE(bench.run_until([&] { return (bench.read_register(kGsts, 4) & kTe) == 0; }, kBound))
      << "TE off";
  bench.write_register(kGcmd, kQie | kTe, 4);
  ASSERT_TRUE(bench.run_until([&] { return (bench.read_register(kGsts, 4) & kTe) != 0; }, kBound)) << "TE on";
  traffic(other, "after TE");

  const bool cut = channel.other_w && pages != Pages::kBlocked;
  EXPECT_EQ(bench.read_register(kImplCutoff, 4), cut ? 1U << port : 0U);
  const auto answered = std::count_if(flooded.begin(), flooded.end(), [](const auto& b) { return b->done; });
  EXPECT_LT(answered, static_cast<long>(flooded.size())) << "nothing was held up";

  stall(port, channel, false);
  ASSERT_TRUE(bench.settle(40000)) << "let go, and still not done:" << not_done(flooded);
  unsigned failed = 0;
  for (const auto& b : flooded) {
    if (!b->write)
      EXPECT_EQ(b->resp, pages == Pages::kBlocked ? sim::AxiResp::kSlvErr : sim::AxiResp::kOkay);
    else
      failed += b->resp != sim::AxiResp::kOkay ? 1 : 0;
  }
  if (pages == Pages::kBlocked)
    EXPECT_EQ(failed, flooded.size() / 2);
  else
    EXPECT_EQ(failed != 0, cut) << "writes answered with SLVERR";
  EXPECT_EQ(bench.read_register(kImplCutoff, 4), cut ? 1U << port : 0U);
  bench.write_register(kImplCutoff, 1U << port, 4);
  EXPECT_EQ(bench.read_register(kImplCutoff, 4), 0U);
  traffic(port, "afterwards");
}

INSTANTIATE_TEST_SUITE_P(EveryChannel, StalledRequester,
                         ::testing::Combine(::testing::Values(0U, 1U), ::testing::ValuesIn(kChannels),
                                            ::testing::ValuesIn(kPages)),
                         [](const auto& info) {
                           return fmt::format("Port{}{}{}", std::get<0>(info.param),
                                              std::get<1>(info.param).name,
                                              to_string(std::get<2>(info.param)));
                         });

// A limit of 0 means that nobody is cut off: then the others' reads go on, and everything once the data is
// here.
TEST_F(Stall, WithoutALimitNobodyIsCutOff) {
  covers("vtd.isolation.write");
  bench.write_register(kImplWLimit, 0, 4);
  bench.hold_w[0] = true;
  const auto held = bench.write(0, 1, page(0), 4);
  bench.run(5000);
  EXPECT_FALSE(held->done);
  const auto r = bench.read(1, 1, page(1));
  const auto w = bench.write(1, 1, page(1));
  EXPECT_TRUE(all_done({r}, kBound));
  EXPECT_FALSE(all_done({w}, 1000));
  EXPECT_EQ(bench.read_register(kImplCutoff, 4), 0U);
  bench.hold_w[0] = false;
  ASSERT_TRUE(bench.settle());
  EXPECT_EQ(held->resp, sim::AxiResp::kOkay);
}

struct Memory {
  const char* name;
  bool table;
  bool ar, aw, w;
};
constexpr Memory kMemories[] = {
    {"DataAr", false, true, false, false}, {"DataAw", false, false, true, false},
    {"DataW", false, false, false, true},  {"DataAll", false, true, true, true},
    {"TableAr", true, true, false, false}, {"TableAw", true, false, true, false},
    {"TableW", true, false, false, true},  {"TableAll", true, true, true, true},
};

class StalledMemory : public Stall {
 protected:
  sim::AxiMemory& port(bool table_port) { return table_port ? bench.table_port() : bench.data_port(); }
  void registers(const char* when) {
    for (const std::uint32_t at : {0x008U, 0x01CU, 0x034U, 0x080U, 0x088U, 0x400U, 0xF0CU, 0xF10U}) {
      const auto read = bench.start_read(at, at % 8 == 0 ? 8 : 4);
      EXPECT_TRUE(bench.run_until([&] { return read->done; }, 20)) << when << ": register " << std::hex << at;
    }
    const auto write = bench.start_write(0x0A4, ++data_, 4);
    EXPECT_TRUE(bench.run_until([&] { return write->done; }, 20)) << when;
    EXPECT_EQ(bench.read_register(0x0A4, 4), data_);
  }

 private:
  std::uint32_t data_ = 0;
};

TEST_F(StalledMemory, RegistersStayWithinReach) {
  covers("vtd.isolation.memory", "vtd.registers");
  for (const Memory& memory : kMemories) {
    SCOPED_TRACE(memory.name);
    for (unsigned i = 0; i < 8; ++i) bench.read(i % 2, i, page(i));
    ASSERT_TRUE(bench.settle());
    const sim::AxiMemoryConfig open = port(memory.table).config();
    sim::AxiMemoryConfig held = open;
    held.ar_stall = memory.ar ? 1.0 : 0.0;
    held.aw_stall = memory.aw ? 1.0 : 0.0;
    held.w_stall = memory.w ? 1.0 : 0.0;
    port(memory.table).configure(held);
    bench.step();
    // Hits, misses, blocked ones and hints of both, an invalidation: until everything that can fill up has.
    std::vector<BurstPtr> reads, writes;
    for (unsigned i = 0; i < 60; ++i) {
      for (unsigned p = 0; p < kPorts; ++p) {
        reads.push_back(bench.read(p, i % 16, i % 3 == 0 ? page(i % 8) : i % 3 == 1 ? fresh() : kAbsent, 2));
        writes.push_back(bench.write(p, i % 16,
                                     i % 3 == 0   ? page(i % 8)
                                     : i % 3 == 1 ? fresh()
                                                  : kAbsent,
                                     2));
      }
      bench.hint(i % kPorts, fresh());
    }
    registers("while it fills up");
    bench.flush_pages(3, page(1));
    const auto wait = bench.push_wait();
    bench.ring();
    bench.run(800);
    registers("full");
    // A command that drains is taken; what it asks for comes when memory lets it.
    const auto off = bench.start_write(kGcmd, kQie, 4);
    EXPECT_TRUE(bench.run_until([&] { return off->done; }, 20));
    bench.run(200);
    registers("with a command under way");
    const auto on = bench.start_write(kGcmd, kQie | kTe, 4);
    EXPECT_TRUE(bench.run_until([&] { return on->done; }, 20));
    const bool held_up =
        memory.table && !memory.ar ? !bench.waited(wait) : !not_done(memory.ar ? reads : writes).empty();
    EXPECT_TRUE(held_up) << "nothing was";
    port(memory.table).configure(open);
    ASSERT_TRUE(bench.settle(20000)) << not_done(reads) << not_done(writes);
    ASSERT_TRUE(bench.run_until([&] { return bench.waited(wait); }, 2000));
    ASSERT_TRUE(bench.run_until([&] { return (bench.read_register(kGsts, 4) & kTe) != 0; }, 2000));
    bench.te = true;
    traffic(0, "afterwards");
    traffic(1, "afterwards");
  }
}

}  // namespace
}  // namespace gpudmar::test
