// SPDX-License-Identifier: Apache-2.0
// The invalidation queue in races with itself: tails written while it fetches, the wrap, every error at the
// first, a middle and the last slot, and recovery, each at every distance; waits with interrupt and their
// status.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "tests/rtl/iommu/race_sweep.h"
#include "tests/support/covers.h"

namespace gpudmar::test::race {
namespace {

constexpr std::uint32_t kGcmd = 0x018, kRtaddr = 0x020, kFsts = 0x034, kIqh = 0x080, kIqt = 0x088,
                        kIqa = 0x090, kIcs = 0x09C, kIectl = 0x0A0, kIedata = 0x0A4, kIeaddr = 0x0A8,
                        kIqercd = 0x0B0, kCntInvalidations = 0xF30;
constexpr std::uint32_t kTe = 1U << 31, kSrtp = 1U << 30, kQie = 1U << 26, kIqe = 0x10;
constexpr unsigned kSlots = 256;

class RaceQueue : public ::testing::Test {
 protected:
  RaceQueue() : bench(7) {}
  ~RaceQueue() override { record(tally); }

  /// A fresh unit whose next descriptor stands in `slot`.
  void start(unsigned slot, std::uint64_t seed) {
    bench.restart(seed);
    ASSERT_TRUE(bench.bring_up(true));
    if (slot == 0) return;
    while (bench.tail() != slot) bench.push_descriptor(0x11, 0);
    bench.ring();
    ASSERT_TRUE(bench.run_until([&] { return bench.unit_idle() && head() == slot * 16; }, 3000));
    invalidations = count();
  }
  std::uint64_t head() { return bench.read_register(kIqh, 8); }
  std::uint64_t count() { return bench.read_register(kCntInvalidations, 8); }
  bool stops(unsigned code) {
    return bench.run_until([&] { return (bench.read_register(kFsts, 4) & kIqe) != 0; }, 500) &&
           bench.read_register(kIqercd, 4) == code;
  }
  /// Runs `play` at each offset; what it says is wrong is a failure of that offset.
  void each(const std::string& name, int first, int last, const std::function<std::string(int)>& play) {
    if (only_case().value_or(name) != name) return;
    if (const auto only = only_offset()) first = last = *only;
    ++tally.cases;
    for (int offset = first; offset <= last; ++offset) {
      const std::uint64_t from = bench.cycle();
      std::string wrong = play(offset);
      for (const auto& v : bench.violations) wrong += fmt::format(" {}: {}: {};", v.cycle, v.rule, v.message);
      count_offset(!wrong.empty());
      if (!wrong.empty() && ++told <= 5)
        ADD_FAILURE() << fmt::format("{} at offset {}, cycles {} to {}: {}\n  re-run: {}", name, offset, from,
                                     bench.cycle(), wrong, rerun_line(name, offset));
    }
  }
  void count_offset(bool failed) { race::count(tally, failed); }

  IommuBench bench;
  Tally tally;
  std::uint64_t invalidations = 0;
  unsigned told = 0;
};

// A second tail comes at every distance behind the first, around the end of the queue and the bursts of its
// fetches: each descriptor is executed once, in order.
TEST_F(RaceQueue, TailsWhileFetchingAndWrapping) {
  covers("vtd.queue.tail", "vtd.queue.wrap", "vtd.race.queue");
  for (const unsigned slot : {0U, 14U, 252U, 254U, 255U}) {
    for (const unsigned length : {1U, 3U, 17U}) {
      each(fmt::format("tails.{}.{}", slot, length), 0, 40, [&](int offset) -> std::string {
        start(slot, static_cast<std::uint64_t>(offset));
        const auto before = count();
        for (unsigned i = 0; i + 1 < length; ++i) bench.flush_pages(3, i * 4096ULL);
        const auto first = bench.push_wait();
        bench.ring();
        bench.run(static_cast<std::uint64_t>(offset));
        for (unsigned i = 0; i + 1 < length; ++i) bench.flush_pages(3, i * 4096ULL);
        const auto second = bench.push_wait();
        bench.table_writes.clear();
        std::vector<std::uint32_t> order;
        if (bench.waited(first)) order.push_back(first);
        bench.at_table_write = [&](const TableWrite& w) { order.push_back(w.dword); };
        bench.ring();
        const bool done = bench.run_until([&] { return bench.waited(second); }, 1000);
        bench.at_table_write = nullptr;
        if (!done) return "the second wait never completed";
        if (!(order.size() <= 2 && order.back() == second))
          return "the waits completed out of order or twice";
        bench.run(20);
        if (head() != bench.read_register(kIqt, 8)) return "head and tail differ";
        if (count() - before != 2 * (length - 1)) return fmt::format("{} invalidations", count() - before);
        return "";
      });
    }
  }
}

// Each error, at the first, a middle and the last slot, with a further tail written at every distance from
// the one that uncovers it: the head stays, nothing behind is executed, and the repair runs everything once.
TEST_F(RaceQueue, ErrorsAtEverySlotAndDistance) {
  covers("vtd.iqe.1", "vtd.iqe.2", "vtd.iqe.3", "vtd.iqe.4", "vtd.iqe.7", "vtd.queue.wrap", "vtd.race.queue");
  for (const unsigned code : {1U, 2U, 3U, 4U, 7U}) {
    for (const unsigned slot : {0U, 100U, 255U}) {
      each(fmt::format("error{}.slot{}", code, slot), 0, slot == 0 ? 40 : 24, [&](int offset) -> std::string {
        start(slot, static_cast<std::uint64_t>(offset));
        const std::uint64_t queue = bench.queue_address();
        const auto before = count();
        if (code == 7) {  // a table mode that this unit lacks
          bench.write_register(kRtaddr, bench.tables.root() | 1 << 10, 8);
          bench.write_register(kGcmd, kTe | kQie | kSrtp, 4);
        }
        if (code == 2) bench.table_port().add_error({queue, 4096}, sim::AxiResp::kDecErr, true, false);
        bench.push_descriptor(code == 3 ? 0 : code == 4 ? 0x01 : 0x11, 0);
        const auto wait = bench.push_wait();
        if (code == 1)
          bench.write_register(kIqt, kSlots * 16, 4);
        else
          bench.ring();
        bench.run(static_cast<std::uint64_t>(offset));
        bench.flush_global();
        const auto last = bench.push_wait();
        if (code != 1) bench.ring();  // a good tail would be the repair
        const bool stopped = stops(code);
        std::string wrong;
        if (!stopped) wrong += fmt::format(" no error {};", code);
        if (head() != slot * 16) wrong += " the head moved;";
        bench.run(60);
        if (count() != before || bench.waited(wait) || bench.waited(last))
          wrong += " something ran behind the error;";
        // Not repaired: the same again.
        bench.write_register(kFsts, kIqe, 4);
        if (!stops(code)) wrong += " the error did not come again;";
        bench.table_port().clear_errors();
        if (code == 7) {
          bench.write_register(kRtaddr, bench.tables.root(), 8);
          bench.write_register(kGcmd, kTe | kQie | kSrtp, 4);
          bench.run(40);
        }
        if (code == 1) bench.ring();
        bench.memory.store64(queue + slot * 16ULL, 0x11);
        bench.run(static_cast<std::uint64_t>(offset));  // the repair itself has no time
        bench.write_register(kFsts, kIqe, 4);
        if (!bench.run_until([&] { return bench.waited(last); }, 500))
          wrong += " the repaired queue does not run;";
        if (count() - before != 2) wrong += fmt::format(" {} invalidations;", count() - before);
        return wrong;
      });
    }
  }
}

// IQA with wide descriptors can be written while the queue is stopped only, and starts it over: slot 0.
TEST_F(RaceQueue, WidthFoundWrongAtEveryDistance) {
  covers("vtd.iqe.5", "vtd.race.queue");
  each("error5.slot0", 0, 30, [&](int offset) -> std::string {
    start(255, static_cast<std::uint64_t>(offset));
    const std::uint64_t queue = bench.queue_address();
    bench.push_descriptor(0, 0);
    bench.ring();
    std::string wrong;
    if (!stops(3)) wrong += " no error 3;";
    bench.write_register(kIqa, queue | 0x800, 8);
    bench.write_register(kFsts, kIqe, 4);
    bench.run(static_cast<std::uint64_t>(offset));
    bench.write_register(kIqt, 0x20, 4);
    if (!stops(5)) wrong += " no error 5;";
    if (head() != 0) wrong += " the head is not at the start;";
    const auto before = count();
    bench.memory.store64(queue, 0x11);
    bench.memory.store64(queue + 8, 0);
    bench.write_register(kIqa, queue, 8);
    bench.write_register(kIqt, 0x10, 4);
    bench.write_register(kFsts, kIqe, 4);
    if (!bench.run_until([&] { return count() == before + 1; }, 300))
      wrong += " the repaired queue does not run;";
    return wrong;
  });
}

// Two waits with interrupt, the second at every distance behind the first, statuses at every alignment: each
// status stands before its message, four bytes of it, and there is no message while IWC stands.
TEST_F(RaceQueue, WaitsWithInterruptAtEveryDistanceAndAlignment) {
  covers("vtd.wait.interrupt", "vtd.wait.status", "vtd.race.queue");
  for (unsigned dword = 0; dword < 16; ++dword) {
    each(fmt::format("interrupt.{}", dword), 0, 30, [&](int offset) -> std::string {
      start(0, static_cast<std::uint64_t>(offset));
      bench.write_register(kIedata, 0x77, 4);
      bench.write_register(kIeaddr, 0xFEE0'2000, 4);
      bench.write_register(kIectl, 0, 4);
      const std::uint64_t page = bench.tables.page();
      for (unsigned i = 0; i < 64; ++i) bench.memory.store32(page + i * 4, 0xA5A5'A5A5);
      bench.status_at(page + 64 + dword * 4);
      bench.table_writes.clear();
      bench.push_wait(true);
      bench.ring();
      bench.run(static_cast<std::uint64_t>(offset));
      const auto second = bench.push_wait(true);
      bench.ring();
      std::string wrong;
      if (!bench.run_until([&] { return bench.waited(second); }, 500))
        wrong += " the second wait never completed;";
      bench.run(30);
      if (bench.messages.size() != 1) wrong += fmt::format(" {} messages;", bench.messages.size());
      if (bench.read_register(kIcs, 4) != 1) wrong += " IWC is not set;";
      std::vector<std::uint64_t> statuses;
      for (const TableWrite& w : bench.table_writes) {
        if (w.address != bench.status_address()) continue;
        statuses.push_back(w.cycle);
        if (w.strobe != 0xFULL << (w.address & (kBusBytes - 1)))
          wrong += fmt::format(" strobes {:x};", w.strobe);
      }
      if (statuses.size() != 2) wrong += fmt::format(" {} statuses;", statuses.size());
      if (!bench.message_cycles.empty() && !statuses.empty() && bench.message_cycles[0] <= statuses[0])
        wrong += " the message came before the status;";
      for (unsigned i = 0; i < 64; ++i)
        if (i != 16 + dword && bench.memory.load32(page + i * 4) != 0xA5A5'A5A5)
          wrong += " a neighbour changed;";
      bench.write_register(kIcs, 1, 4);
      bench.push_wait(true);
      bench.ring();
      if (!bench.run_until([&] { return bench.messages.size() == 2; }, 300))
        wrong += " no message after IWC was cleared;";
      return wrong;
    });
  }
}

}  // namespace
}  // namespace gpudmar::test::race
