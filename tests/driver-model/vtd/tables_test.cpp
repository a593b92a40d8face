// SPDX-License-Identifier: Apache-2.0
// Second-stage tables: large pages, splits, tables that come and go, batches; against the reference walk.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <map>
#include <random>

#include "driver-model/hw/regs/vtd_regs.h"
#include "driver-model/vtd/error.h"
#include "tests/driver-model/vtd/unit_fixture.h"
#include "tests/support/covers.h"

namespace gpudmar::vtd {
namespace {

namespace r = regs::vtd;
using ::testing::ElementsAre;

constexpr std::uint16_t kGpu = 0x0100;
constexpr std::uint64_t k2M = 512;  // pages
constexpr std::uint64_t k1G = 512 * 512;

std::vector<std::uint64_t> run(std::uint64_t first, std::uint64_t count) {
  std::vector<std::uint64_t> pages(count);
  for (std::uint64_t i = 0; i < count; ++i) pages[i] = first + i;
  return pages;
}

struct TablesFixture : UnitFixture {
  explicit TablesFixture(test::ModelMachine::Options options = {})
      : UnitFixture(std::move(options)), domain(unit->create_domain()) {
    unit->attach(domain, kGpu);
  }
  /// What the reference makes of an access to the page: the outgoing page, and its size.
  [[nodiscard]] std::optional<std::pair<mm::Pfn, unsigned>> walk(std::uint64_t page, bool write = false) {
    model::Request request;
    request.source_id = kGpu;
    request.address = page << 12;
    request.is_write = write;
    const model::Outcome outcome = machine.unit.access(request);
    const auto* translated = std::get_if<model::Translated>(&outcome);
    if (translated == nullptr) return std::nullopt;
    return std::pair(translated->address >> 12, translated->page_shift);
  }
  [[nodiscard]] unsigned size_of(std::uint64_t page) {
    const auto found = walk(page);
    return found ? found->second : 0;
  }
  Domain& domain;
};

TEST(LargePages, AreTakenWhereBothSidesAreAligned) {
  test::covers("G2", "vtd.walk.page-2m", "vtd.walk.page-1g");
  TablesFixture f;
  // 3 pages, 2 MiB, 1 GiB, 2 MiB, 5 pages; both sides at the same phase.
  const std::uint64_t first = 2 * k1G - k2M - 3;
  const std::uint64_t count = 3 + k2M + k1G + k2M + 5;
  f.domain.map(run(first, count), run(first + 4 * k1G, count), {});
  EXPECT_EQ(f.size_of(first), 12U);
  EXPECT_EQ(f.size_of(first + 3), 21U);
  EXPECT_EQ(f.size_of(first + 3 + k2M), 30U);
  EXPECT_EQ(f.size_of(first + 3 + k2M + k1G), 21U);
  EXPECT_EQ(f.size_of(first + count - 1), 12U);
  for (std::uint64_t i = 0; i < count; i += 251) ASSERT_EQ(f.walk(first + i)->first, first + 4 * k1G + i);
  EXPECT_FALSE(f.walk(first - 1));
  EXPECT_FALSE(f.walk(first + count));
  EXPECT_EQ(f.domain.mapped_pages(), count);
  (void)f.domain.unmap(run(first, count));
  EXPECT_EQ(f.domain.table_pages(), 1U);
}

TEST(LargePages, OtherPhasesAndOlderUnitsGetSmallOnes) {
  test::covers("G2");
  {
    TablesFixture f;
    f.domain.map(run(k2M, 2 * k2M), run(0x10'0001, 2 * k2M), {});
    EXPECT_EQ(f.size_of(k2M), 12U);
  }
  test::ModelMachine::Options options;
  options.unit.sllps = 0b0001;
  TablesFixture two(options);
  two.domain.map(run(k1G, k1G), run(2 * k1G, k1G), {});
  EXPECT_EQ(two.size_of(k1G + 7), 21U);
  options.unit.sllps = 0;
  TablesFixture none(options);
  none.domain.map(run(k2M, k2M), run(k1G, k2M), {});
  EXPECT_EQ(none.size_of(k2M), 12U);
}

TEST(LargePages, WorkInTheRootOfThreeLevels) {
  test::ModelMachine::Options options;
  options.unit.sagaw = 0b00010;
  options.unit.mgaw = 39;
  TablesFixture f(options);
  f.domain.map(run(k1G, k1G), run(5 * k1G, k1G), {});
  EXPECT_EQ(f.size_of(k1G + 12345), 30U);
  EXPECT_EQ(f.domain.table_pages(), 1U);
}

TEST(LargePages, APartIsSplitOffBeforeItChanges) {
  test::covers("G4", "vtd.pages.split");
  TablesFixture f;
  f.domain.map(run(k1G, k1G), run(2 * k1G, k1G), {true, true, false});
  const std::uint64_t hole = k1G + 3 * k2M + 17;
  // Whenever software publishes something, every page that stays mapped has to translate.
  f.machine.events.clear();
  bool watching = true;
  std::uint64_t looks = 0;
  const auto observe = [&] {
    for (const std::uint64_t page : {k1G, hole - 1, hole + 1, k1G + 5 * k2M, 2 * k1G - 1}) {
      ++looks;
      const auto found = f.walk(page);
      ASSERT_TRUE(found);
      ASSERT_EQ(found->first, page + k1G);
    }
  };
  struct Watch final : sim::MemoryObserver {
    std::function<void()> look;
    void published(hw::PhysAddr, std::size_t) override { look(); }
    void refreshed(hw::PhysAddr, std::size_t) override {}
  } watch;
  watch.look = [&] {
    if (watching) observe();
  };
  f.machine.memory.add_observer(watch);
  (void)f.domain.unmap({hole});
  watching = false;
  f.machine.memory.remove_observer(watch);
  EXPECT_GT(looks, 20U);
  EXPECT_FALSE(f.walk(hole));
  EXPECT_EQ(f.size_of(k1G), 21U) << "large pages again where nothing changes";
  EXPECT_EQ(f.size_of(hole - 1), 12U);
  EXPECT_EQ(f.domain.mapped_pages(), k1G - 1);
  // The split's invalidation goes before the leaf's, with IH = 0, over the whole large page.
  std::vector<std::string> invalidated;
  for (const auto& event : f.machine.events)
    if (event.kind == test::MachineEvent::Kind::kInvalidate)
      invalidated.push_back(fmt::format("{:x}+{}{}", event.descriptor.address >> 12,
                                        event.descriptor.address_mask,
                                        event.descriptor.leaf_only ? " leaf" : ""));
  EXPECT_THAT(invalidated, ElementsAre(fmt::format("{:x}+18", k1G), fmt::format("{:x}+0 leaf", hole)));
  (void)f.domain.protect(run(k1G, k2M / 2), {true, false, false});
  EXPECT_FALSE(f.walk(k1G + 1, true));
  EXPECT_TRUE(f.walk(k1G + 1, false));
  EXPECT_TRUE(f.walk(k1G + k2M / 2, true));
}

TEST(Tables, AreFreedWhenEmptyAfterAnInvalidationOfUpperEntries) {
  test::covers("vtd.invalidation.order", "vtd.hints.ih");
  TablesFixture f;
  f.domain.map({0x10, 0x11, 0x10'0000}, {1, 2, 3}, {});
  const auto tables = f.domain.table_pages();
  const auto free = f.pages.free_pages();
  f.machine.events.clear();
  (void)f.domain.unmap({0x10});
  EXPECT_EQ(f.domain.table_pages(), tables);
  InvalidationBatch batch(*f.unit);
  f.domain.unmap({0x11}, batch);
  EXPECT_EQ(f.pages.free_pages(), free) << "a walk may still be in it";
  EXPECT_FALSE(f.walk(0x11));
  (void)batch.commit();
  EXPECT_EQ(f.domain.table_pages(), tables - 2) << "the table, and the one above it";
  EXPECT_EQ(f.pages.free_pages(), free + 2);
  std::vector<bool> hints;
  for (const auto& event : f.machine.events)
    if (event.kind == test::MachineEvent::Kind::kInvalidate) hints.push_back(event.descriptor.leaf_only);
  EXPECT_THAT(hints, ElementsAre(true, false)) << "IH only where leaves alone changed";
  EXPECT_TRUE(f.walk(0x10'0000));
}

TEST(Tables, TenThousandObjectsLeaveNone) {
  test::covers("G4", "vtd.pages.leak");
  std::mt19937_64 random(test::test_seed(77));
  TablesFixture f;
  const auto free = f.pages.free_pages();
  std::vector<std::vector<std::uint64_t>> live;
  std::map<std::uint64_t, bool> used;  // 64-page slots all over the input space
  for (int i = 0; i < 10'000; ++i) {
    if (live.size() > 60 || (!live.empty() && random() % 3 == 0)) {
      std::swap(live[random() % live.size()], live.back());
      used.erase(live.back().front() & ~63ULL);
      (void)f.domain.unmap(live.back());
      live.pop_back();
    }
    const std::uint64_t slot = random() % (1ULL << 30) * 64;
    if ((slot >> 8) == 0xFEE00 >> 8 || !used.emplace(slot, true).second) continue;
    live.push_back(run(slot, 1 + random() % 64));
    f.domain.map(live.back(), run(0x10'0000 + random() % 1000, live.back().size()), {});
    ASSERT_LE(f.domain.table_pages(), 1 + 3 * live.size());
  }
  for (const auto& pages : live) (void)f.domain.unmap(pages);
  EXPECT_EQ(f.domain.table_pages(), 1U);
  EXPECT_EQ(f.pages.free_pages(), free);
}

TEST(Tables, AFailedChangeLeavesThemAsTheyWere) {
  test::covers("G20");
  TablesFixture f;
  f.domain.map(run(k2M, k2M), run(k1G, k2M), {});
  const auto rest = f.pages.allocate(f.pages.free_pages() - 1, {0, ~0ULL}, false, mm::Placement::kAscending);
  ASSERT_TRUE(rest);
  const auto tables = f.domain.table_pages();
  f.machine.events.clear();
  EXPECT_THROW(f.domain.map({3, 1ULL << 30}, {1, 2}, {}), VtdError) << "one table can be had, not all";
  EXPECT_THROW(f.domain.map({3, 3}, {1, 2}, {}), VtdError) << "twice the same page";
  EXPECT_THROW(f.domain.map(run(k2M, 1), run(0, 1), {}), VtdError) << "part of a large page";
  EXPECT_THROW((void)f.domain.unmap({k2M + 1, 1}), VtdError) << "page 1 is not mapped";
  f.pages.free({rest->front()});
  const auto last = f.pages.allocate(2, {0, ~0ULL}, false, mm::Placement::kAscending);
  ASSERT_TRUE(last);
  EXPECT_THROW((void)f.domain.unmap({k2M + 1}), VtdError) << "no table for the split";
  // Tables that came to nothing were cleared before; no entry was stored, nothing invalidated.
  for (const auto& event : f.machine.events) EXPECT_EQ(event.bytes, hw::kPageSize);
  EXPECT_EQ(f.domain.table_pages(), tables);
  EXPECT_EQ(f.size_of(k2M + 1), 21U);
}

TEST(Batch, ManyUnmapsCostOneWait) {
  test::covers("vtd.invalidation.batch");
  TablesFixture f;
  Domain& other = f.unit->create_domain();
  std::vector<std::uint64_t> scattered;
  for (std::uint64_t i = 0; i < 100; ++i) scattered.push_back(3 * i + 1);
  f.domain.map(run(0x1000, 8), run(0x1000, 8), {});
  f.domain.map({0x2000}, {0x2000}, {});
  other.map(scattered, scattered, {});
  const auto before = f.unit->queue().counters();
  {
    InvalidationBatch batch(*f.unit);
    f.domain.unmap(run(0x1000, 8), batch);
    f.domain.unmap({0x2000}, batch);
    other.unmap(scattered, batch);
    EXPECT_EQ(f.unit->queue().counters().wait, before.wait);
    EXPECT_THROW(f.domain.map({0x2000}, {1}, {}), VtdError) << "its old translation may still be cached";
    EXPECT_THROW(f.unit->destroy_domain(other), VtdError);
    const InvalidationSpan span = batch.commit();
    EXPECT_GE(span.end, span.begin);
    EXPECT_TRUE(batch.empty());
    (void)batch.commit();  // nothing left to do
  }
  const auto after = f.unit->queue().counters();
  EXPECT_EQ(after.wait, before.wait + 1);
  EXPECT_EQ(after.iotlb_page, before.iotlb_page + 2);
  EXPECT_EQ(after.iotlb_domain, before.iotlb_domain + 1) << "cheaper than a hundred blocks";
  f.domain.map({0x2000}, {1}, {});
}

TEST(Batch, TheDestructorCommits) {
  TablesFixture f;
  f.domain.map({5}, {5}, {});
  {
    InvalidationBatch batch(*f.unit);
    f.domain.unmap({5}, batch);
  }
  f.domain.map({5}, {6}, {});
  EXPECT_EQ(f.walk(5)->first, 6U);
}

TEST(Batch, AFailedCommitKeepsEverythingForTheNext) {
  test::covers("vtd.iqe.3");
  TablesFixture f;
  f.domain.map({5}, {5}, {});
  InvalidationBatch batch(*f.unit);
  f.domain.unmap({5}, batch);
  const auto tables = f.domain.table_pages();
  EXPECT_THROW(f.unit->queue().submit({Descriptor{0xF, 0}}), QueueError);
  EXPECT_THROW((void)batch.commit(), QueueError);
  EXPECT_EQ(f.domain.table_pages(), tables);
  EXPECT_THROW(f.domain.map({5}, {6}, {}), VtdError);
  f.unit->queue().recover();
  (void)batch.commit();
  EXPECT_EQ(f.domain.table_pages(), 1U);
  f.domain.map({5}, {6}, {});
}

// Streams of map, unmap and protect with runs of all sizes and phases, against a flat map.
TEST(Tables, RandomRunsAgreeWithTheReference) {
  test::covers("G2", "G4", "vtd.walk.random", "vtd.pages.leak");
  std::mt19937_64 random(test::test_seed(4711));
  TablesFixture f;
  const auto free = f.pages.free_pages();
  struct Page {
    mm::Pfn pfn = 0;
    bool write = true;
  };
  std::map<std::uint64_t, Page> truth;
  std::uint64_t large = 0;
  for (int step = 0; step < 300; ++step) {
    const std::uint64_t base = (random() % 3 << 33) | (random() % 2 << 18) | (random() % 2048);
    std::uint64_t first = random() % 2 == 0 ? base : base & ~(k2M - 1);
    const std::uint64_t lengths[] = {1 + random() % 8, 1 + random() % 700, k2M, 2 * k2M + random() % 100};
    const std::uint64_t count = lengths[random() % 4];
    const unsigned kind = random() % 5;
    std::vector<std::uint64_t> pages;
    for (std::uint64_t page = first; page < first + count; ++page)
      if ((truth.count(page) == 0) == (kind < 3)) pages.push_back(page);
    if (pages.empty()) continue;
    if (kind < 3) {
      // Mostly at the phase that large pages need.
      const std::uint64_t frame =
          (1ULL << 28) + random() % 64 * k2M + (random() % 4 != 0 ? first % k2M : random() % 9);
      std::vector<mm::Pfn> pfns;
      for (const std::uint64_t page : pages) pfns.push_back(frame + (page - first));
      f.domain.map(pages, pfns, {});
      for (std::size_t i = 0; i < pages.size(); ++i) truth[pages[i]] = {pfns[i], true};
    } else if (kind == 3) {
      (void)f.domain.unmap(pages);
      for (const std::uint64_t page : pages) truth.erase(page);
    } else {
      const bool write = random() % 2 == 0;
      (void)f.domain.protect(pages, {true, write, false});
      for (const std::uint64_t page : pages) truth[page].write = write;
    }
    for (int look = 0; look < 60; ++look) {
      const std::uint64_t page =
          look < 4 ? std::vector{first - (first != 0), first, first + count - 1, first + count}[look]
                   : first + random() % (count + 600);
      const auto it = truth.find(page);
      const auto found = f.walk(page);
      ASSERT_EQ(found.has_value(), it != truth.end()) << "step " << step << ", page " << page;
      if (!found) continue;
      ASSERT_EQ(found->first, it->second.pfn) << "step " << step << ", page " << page;
      ASSERT_EQ(f.walk(page, true).has_value(), it->second.write) << "step " << step << ", page " << page;
      large += found->second > 12 ? 1 : 0;
    }
    ASSERT_EQ(f.domain.mapped_pages(), truth.size());
  }
  EXPECT_GT(large, 100U);
  std::vector<std::uint64_t> rest;
  for (const auto& [page, entry] : truth) rest.push_back(page);
  EXPECT_EQ(f.domain.mapped_logical_pages(), rest);
  if (!rest.empty()) (void)f.domain.unmap(rest);
  EXPECT_EQ(f.domain.table_pages(), 1U);
  EXPECT_EQ(f.pages.free_pages(), free);
}

}  // namespace
}  // namespace gpudmar::vtd
