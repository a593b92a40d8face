// SPDX-License-Identifier: Apache-2.0
// Domains: attachment, mapping, unmapping, and the invalidations and orders that each needs.
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

constexpr std::uint16_t kGpu0 = 0x0100;
constexpr std::uint16_t kGpu1 = 0x0200;

unsigned last_fault(UnitFixture& f) {
  f.machine.time.wait(1);
  const auto records = f.unit->faults().records();
  return records.empty() ? 0 : records.back().reason;
}

TEST(DomainTest, MappedPagesAndNothingElseTranslate) {
  test::covers("R15", "R139", "G2", "G4", "G12");
  UnitFixture f;
  Domain& domain = f.unit->create_domain();
  f.unit->attach(domain, kGpu0);
  f.unit->attach(domain, kGpu1);
  domain.map({0x10, 0x11, 0x12345}, {0x1'0000'123, 0x77, 0x10}, {});
  EXPECT_EQ(domain.lookup(0x11)->pfn, 0x77U);
  // 1 TiB and 291 pages: memory that no 40-bit device could drive.
  ASSERT_TRUE(f.machine.dma_write(kGpu0, 0x10'000 + 8, 0x1111));
  EXPECT_EQ(f.machine.memory.load64((1ULL << 40) + 0x123'008), 0x1111U);
  EXPECT_EQ(f.machine.dma_read(kGpu1, 0x10'000 + 8), 0x1111U);
  EXPECT_FALSE(f.machine.dma_write(kGpu0, 0xF'000, 1));
  EXPECT_EQ(last_fault(f), r::fault::WRITE);
  EXPECT_FALSE(f.machine.dma_read(kGpu1, 0x13'000));
  EXPECT_EQ(last_fault(f), r::fault::READ);
  EXPECT_FALSE(f.machine.dma_read(0x0300, 0x10'000)) << "a device that is not attached";
}

TEST(DomainTest, DomainsAreApart) {
  test::covers("G13");
  UnitFixture f;
  Domain& a = f.unit->create_domain();
  Domain& b = f.unit->create_domain();
  EXPECT_NE(a.id(), b.id());
  EXPECT_NE(a.id(), 0U);
  f.unit->attach(a, kGpu0);
  f.unit->attach(b, kGpu1);
  EXPECT_THROW(f.unit->attach(b, kGpu0), VtdError);
  EXPECT_THROW(f.unit->detach(b, kGpu0), VtdError);
  a.map({5}, {0x100}, {});
  EXPECT_TRUE(f.machine.dma_write(kGpu0, 0x5000, 1));
  EXPECT_FALSE(f.machine.dma_write(kGpu1, 0x5000, 1));
  EXPECT_THROW(f.unit->destroy_domain(a), VtdError) << "a device is attached";
  f.unit->detach(a, kGpu0);
  EXPECT_FALSE(f.machine.dma_write(kGpu0, 0x5000, 1));
  EXPECT_EQ(last_fault(f), r::fault::CONTEXT_NOT_PRESENT);
  const auto id = a.id();
  f.unit->destroy_domain(a);
  EXPECT_EQ(f.unit->create_domain().id(), id) << "the id is free again";
}

TEST(DomainTest, Permissions) {
  UnitFixture f;
  Domain& domain = f.unit->create_domain();
  f.unit->attach(domain, kGpu0);
  domain.map({1}, {0x100}, {true, false, false});
  domain.map({2}, {0x101}, {false, true, true});
  EXPECT_TRUE(f.machine.dma_read(kGpu0, 0x1000));
  EXPECT_FALSE(f.machine.dma_write(kGpu0, 0x1000, 1));
  EXPECT_EQ(last_fault(f), r::fault::WRITE);
  EXPECT_TRUE(f.machine.dma_write(kGpu0, 0x2000, 1)) << "SNP stays out of the entry without ECAP.SC";
  EXPECT_FALSE(f.machine.dma_read(kGpu0, 0x2000));
  EXPECT_EQ(last_fault(f), r::fault::READ);
  EXPECT_THROW(domain.map({3}, {0x102}, {false, false, false}), VtdError);
}

TEST(DomainTest, UnmapClearsThenInvalidatesThenReturns) {
  test::covers("R142", "G5", "vtd.invalidation.order");
  UnitFixture f;
  Domain& domain = f.unit->create_domain();
  f.unit->attach(domain, kGpu0);
  domain.map({0x40, 0x41, 0x42, 0x50}, {0x100, 0x200, 0x300, 0x400}, {});
  f.machine.events.clear();
  (void)domain.unmap({0x40, 0x41, 0x42});
  EXPECT_FALSE(f.machine.dma_read(kGpu0, 0x40'000));
  // Three leaves, then the descriptors and the wait in the ring, then the unit's work: 2 + 1 pages.
  const hw::PhysAddr ring = f.unit->queue().ring_address();
  std::vector<std::string> story;
  for (const auto& event : f.machine.events) {
    if (event.kind == test::MachineEvent::Kind::kInvalidate)
      story.emplace_back("invalidate");
    else
      story.emplace_back(event.address >= ring && event.address < ring + hw::kPageSize ? "ring" : "leaf");
  }
  EXPECT_THAT(story, ::testing::ElementsAre("leaf", "leaf", "leaf", "ring", "ring", "ring", "invalidate",
                                            "invalidate"));
  EXPECT_EQ(f.unit->queue().counters().iotlb_page, 2U);
}

TEST(DomainTest, ManyScatteredPagesTakeOneDomainInvalidation) {
  UnitFixture f;
  Domain& domain = f.unit->create_domain();
  std::vector<std::uint64_t> logical;
  std::vector<mm::Pfn> pfns;
  for (std::uint64_t i = 0; i < 100; ++i) {
    logical.push_back(2 * i + 1);
    pfns.push_back(0x1000 + i);
  }
  domain.map(logical, pfns, {});
  const auto before = f.unit->queue().counters();
  (void)domain.unmap(logical);
  EXPECT_EQ(f.unit->queue().counters().iotlb_domain, before.iotlb_domain + 1);
  EXPECT_EQ(f.unit->queue().counters().iotlb_page, before.iotlb_page);
}

TEST(DomainTest, WithoutPageSelectiveInvalidation) {
  test::ModelMachine::Options options;
  options.unit.psi = false;
  UnitFixture f(options);
  Domain& domain = f.unit->create_domain();
  domain.map({1}, {0x100}, {});
  (void)domain.unmap({1});
  EXPECT_EQ(f.unit->queue().counters().iotlb_page, 0U);
  EXPECT_EQ(f.unit->queue().counters().iotlb_domain, 1U);
}

TEST(DomainTest, CachingModeInvalidatesWhatBecomesPresent) {
  test::covers("G3", "vtd.invalidation.caching-mode");
  test::ModelMachine::Options options;
  UnitFixture plain(options);
  options.caching_mode = true;
  UnitFixture caching(options);
  for (UnitFixture* f : {&plain, &caching}) {
    const bool cm = f == &caching;
    Domain& domain = f->unit->create_domain();
    const auto before = f->unit->queue().counters();
    f->unit->attach(domain, kGpu0);
    EXPECT_EQ(f->unit->queue().counters().context - before.context, cm ? 1U : 0U);
    EXPECT_EQ(f->unit->queue().counters().iotlb_domain - before.iotlb_domain, cm ? 1U : 0U);
    domain.map({8, 9}, {0x100, 0x101}, {});
    EXPECT_EQ(f->unit->queue().counters().iotlb_page - before.iotlb_page, cm ? 1U : 0U);
  }
}

TEST(DomainTest, FailedMapChangesNothing) {
  test::covers("G20");
  UnitFixture f;
  Domain& domain = f.unit->create_domain();
  domain.map({7}, {0x100}, {});
  EXPECT_THROW(domain.map({5, 6, 7}, {1, 2, 3}, {}), VtdError) << "7 is mapped";
  EXPECT_THROW(domain.map({5, 1ULL << 36}, {1, 2}, {}), VtdError) << "beyond 48 bits";
  EXPECT_THROW(domain.map({5, 6}, {1}, {}), VtdError);
  EXPECT_THAT(domain.mapped_logical_pages(), ::testing::ElementsAre(7));
  EXPECT_EQ(domain.lookup(7)->pfn, 0x100U);
  EXPECT_THROW((void)domain.unmap({7, 8}), VtdError) << "8 is not mapped";
  EXPECT_TRUE(domain.lookup(7));
}

TEST(DomainTest, MapWithoutMemoryForTablesChangesNothing) {
  test::covers("G20");
  UnitFixture f;
  Domain& domain = f.unit->create_domain();
  domain.map({0}, {0x100}, {});
  auto rest = f.pages.allocate(f.pages.free_pages() - 1, {0, ~0ULL}, false, mm::Placement::kAscending);
  ASSERT_TRUE(rest);
  EXPECT_THROW(domain.map({1, 1ULL << 27}, {1, 2}, {}), VtdError);
  EXPECT_THAT(domain.mapped_logical_pages(), ::testing::ElementsAre(0));
  f.pages.free(*rest);
  domain.map({1, 1ULL << 27}, {1, 2}, {});
  EXPECT_EQ(domain.mapped_pages(), 3U);
}

TEST(DomainTest, InterruptWindowIsNeverMapped) {
  test::covers("R148", "G23");
  UnitFixture f;
  Domain& domain = f.unit->create_domain();
  for (const std::uint64_t page : {0xFEE00ULL, 0xFEE80ULL, 0xFEEFFULL}) {
    EXPECT_THROW(domain.map({page}, {0x100}, {}), VtdError);
    EXPECT_THROW(domain.map({0x100}, {page}, {}), VtdError);
  }
  domain.map({0xFEDFF, 0xFEF00}, {0x100, 0x101}, {});
  EXPECT_EQ(domain.mapped_pages(), 2U);
}

TEST(DomainTest, DomainIdsRunOut) {
  test::ModelMachine::Options options;
  options.unit.nd = 0;  // 16 ids, of which 0 stays unused
  UnitFixture f(options);
  for (int i = 0; i < 15; ++i) (void)f.unit->create_domain();
  EXPECT_THROW((void)f.unit->create_domain(), VtdError);
}

TEST(DomainTest, RandomMappingsAgreeWithTheReference) {
  test::covers("G2", "G4", "vtd.walk.random");
  std::mt19937_64 random(test::test_seed(31));
  UnitFixture f;
  Domain& domain = f.unit->create_domain();
  f.unit->attach(domain, kGpu0);
  std::map<std::uint64_t, mm::Pfn> truth;
  for (int step = 0; step < 400; ++step) {
    // Clusters far apart: tables at every level come into being.
    const std::uint64_t base =
        (random() % 4 << 34) | (random() % 3 << 25) | (random() % 3 << 16) | (random() % 64);
    std::vector<std::uint64_t> logical;
    std::vector<mm::Pfn> pfns;
    const bool map = random() % 3 != 0;
    const std::uint64_t count = 1 + random() % 16;
    for (std::uint64_t page = base; page < base + count; ++page)
      if ((truth.count(page) == 0) == map) {
        logical.push_back(page);
        pfns.push_back((1ULL << 28) + random() % (1U << 20));  // above 1 TiB
      }
    if (logical.empty()) continue;
    if (map) {
      domain.map(logical, pfns, {});
      for (std::size_t i = 0; i < logical.size(); ++i) truth[logical[i]] = pfns[i];
    } else {
      (void)domain.unmap(logical);
      for (const std::uint64_t page : logical) truth.erase(page);
    }
    for (std::uint64_t page = base == 0 ? 0 : base - 1; page < base + 17; ++page) {
      model::Request request;
      request.source_id = kGpu0;
      request.address = page << 12;
      const auto out = model::outgoing_address(f.machine.unit.access(request));
      const auto it = truth.find(page);
      ASSERT_EQ(out.has_value(), it != truth.end()) << "page " << std::hex << page;
      if (out) {
        ASSERT_EQ(*out, it->second << 12);
      }
    }
  }
  std::vector<std::uint64_t> expected;
  for (const auto& [page, pfn] : truth) expected.push_back(page);
  EXPECT_EQ(domain.mapped_logical_pages(), expected);
}

}  // namespace
}  // namespace gpudmar::vtd
