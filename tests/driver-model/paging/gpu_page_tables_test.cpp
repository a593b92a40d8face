// SPDX-License-Identifier: Apache-2.0
// A GPU with page tables of its own, in each mode: the driver writes what operation 11 gives it, and the GPU
// walks tables and pages with addresses from there and nothing else, every access through the remapping unit.
#include <algorithm>
#include <cstring>
#include <set>

#include "tests/driver-model/paging/scripted_driver.h"

namespace gpudmar::test {
namespace {

using dxgkrnl::RemappingMode;
using dxgkrnl::Residency;
using ::testing::Contains;
using ::testing::Not;

// The scripted GPU's own entries.
constexpr std::uint64_t kValid = 1, kCoherent = 2;
constexpr unsigned kSegmentShift = 4;
constexpr std::uint64_t kEntries = 512;

std::uint64_t encode(const DXGK_PTE& entry) {
  return entry.PageAddress << 12 | entry.Segment << kSegmentShift |
         (entry.CacheCoherent != 0 ? kCoherent : 0) | (entry.Valid != 0 ? kValid : 0);
}

struct Leaf {
  std::uint64_t page = 0;
  unsigned segment = 0;
  bool coherent = false;
};

class GpuTables : public PagingDriver, public ::testing::WithParamInterface<RemappingMode> {
 protected:
  GpuTables() {
    mode_ = GetParam();
    script_.gpu_mmu = true;
    script_.on_build = [this](DXGKARG_BUILDPAGINGBUFFER& args) {
      if (args.Operation == DXGK_OPERATION_UPDATE_PAGE_TABLE) return update(args.UpdatePageTable);
      std::memset(args.pDmaBuffer, 0, 16);
      args.pDmaBuffer = static_cast<UCHAR*>(args.pDmaBuffer) + 16;
      return STATUS_SUCCESS;
    };
  }
  NTSTATUS update(const DXGK_BUILDPAGINGBUFFER_UPDATEPAGETABLE& args) {
    EXPECT_EQ(args.UpdateMode, DXGK_PAGETABLEUPDATE_CPU_VIRTUAL);
    EXPECT_EQ(args.Reserved0, 0U);
    EXPECT_LE(args.StartIndex + args.NumPageTableEntries, kEntries);
    EXPECT_EQ(args.FirstPteVirtualAddress / kPage % kEntries, args.PageTableLevel == 0 ? args.StartIndex : 0);
    auto* table = static_cast<UCHAR*>(args.PageTableAddress.CpuVirtual);
    // Nobody is led to a table that was never filled.
    EXPECT_TRUE(args.Flags.InitialUpdate != 0 || filled_.count(table) != 0);
    filled_.insert(table);
    for (UINT i = 0; i < args.NumPageTableEntries; ++i) {
      const std::uint64_t entry = encode(args.pPageTableEntries[args.Flags.Repeat != 0 ? 0 : i]);
      std::memcpy(table + 8 * (args.StartIndex + i), &entry, sizeof entry);
    }
    return STATUS_SUCCESS;
  }
  /// What the GPU finds; nullopt: no valid entry. An access that the unit blocks fails the test.
  std::optional<Leaf> walk(std::uint64_t virtual_page) {
    const auto load = [&](std::uint64_t table, std::uint64_t index) {
      std::uint64_t entry = 0;
      EXPECT_TRUE(m_->device_access(0, table + 8 * index, &entry, 8, false)) << std::hex << table;
      return entry;
    };
    const std::uint64_t above = load(paging().root_page_table(0), virtual_page / kEntries);
    if ((above & kValid) == 0) return std::nullopt;
    const std::uint64_t entry = load(above >> 12 << 12, virtual_page % kEntries);
    if ((entry & kValid) == 0) return std::nullopt;
    return Leaf{entry >> 12, static_cast<unsigned>(entry >> kSegmentShift & 31), (entry & kCoherent) != 0};
  }
  std::uint64_t mark(std::uint64_t page) { return 0x1234'0000'0000ULL + page; }
  void write_marks(AllocationId id, std::uint64_t pages) {
    for (std::uint64_t i = 0; i < pages; ++i) {
      std::uint64_t value = mark(i);
      ASSERT_EQ(paging().access(id, i * kPage, &value, sizeof value, true), STATUS_SUCCESS);
    }
  }
  unsigned count(const std::string& call) const {
    return static_cast<unsigned>(std::count(script_.calls.begin(), script_.calls.end(), call));
  }
  std::set<const void*> filled_;
};

TEST_P(GpuTables, EntriesAreWhatTheDeviceHasToUse) {
  covers("R174", "R173", "R165");
  start();
  constexpr std::uint64_t kPages = 600;  // over the border of two tables
  script_.flags.Cached = 1;
  const AllocationId id = create(kPages);
  write_marks(id, kPages);
  EXPECT_EQ(count("Build 11"), 0U) << "nothing is where the GPU could use it";
  ASSERT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  const auto view = *paging().view(id);
  ASSERT_EQ(view.residency, Residency::kSystem);
  ASSERT_TRUE(view.virtual_valid);
  ASSERT_EQ(view.logical_pages.size(), kPages);
  bool moved = false;
  for (std::uint64_t i = 0; i < kPages; ++i) {
    const auto leaf = walk(view.virtual_page + i);
    ASSERT_TRUE(leaf) << i;
    EXPECT_EQ(leaf->page, view.logical_pages[i]) << "page " << i << " of the ADL";
    EXPECT_EQ(leaf->segment, 0U);
    EXPECT_TRUE(leaf->coherent);
    std::uint64_t value = 0;
    ASSERT_TRUE(m_->device_access(0, leaf->page << 12, &value, sizeof value, false)) << i;
    ASSERT_EQ(value, mark(i));
    value = ~mark(i);
    ASSERT_TRUE(m_->device_access(0, leaf->page << 12, &value, sizeof value, true)) << i;
    if (mode_ == RemappingMode::kPhysical) continue;
    const auto frame = m_->kernel->remapping_unit()->domains().front()->lookup(leaf->page);
    ASSERT_TRUE(frame);
    EXPECT_TRUE(mode_ == RemappingMode::kLogical || frame->pfn == leaf->page);
    moved = moved || frame->pfn != leaf->page;
    EXPECT_LT(leaf->page, 1ULL << 28) << "within what the device drives";
  }
  EXPECT_EQ(moved, mode_ == RemappingMode::kLogical) << "numbers of a domain, not page frames";
  EXPECT_FALSE(walk(view.virtual_page - 1));
  EXPECT_FALSE(walk(view.virtual_page + kPages));
  ASSERT_EQ(paging().evict(id), STATUS_SUCCESS);
  std::uint64_t value = 0;
  ASSERT_EQ(paging().access(id, 555 * kPage, &value, sizeof value, false), STATUS_SUCCESS);
  EXPECT_EQ(value, ~mark(555)) << "what the GPU wrote";
  EXPECT_EQ(m_->kernel->stop(), STATUS_SUCCESS);
}

TEST_P(GpuTables, NumbersOutliveTheirEntries) {
  covers("R174", "R173", "G15");
  start();
  const AllocationId id = create(3);
  write_marks(id, 3);
  ASSERT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  const auto view = *paging().view(id);
  unsigned flushes = 0;
  script_.on_submit = [&](const DXGKARG_SUBMITCOMMAND& args) {
    const auto& built = script_.built.back();
    EXPECT_EQ(built.Operation, DXGK_OPERATION_FLUSH_TLB) << "only a flush needs the GPU";
    EXPECT_EQ(built.FlushTlb.RootPageTableAddress.SegmentId, 0U);
    EXPECT_EQ(built.FlushTlb.RootPageTableAddress.SegmentOffset, paging().root_page_table(0));
    EXPECT_EQ(built.FlushTlb.StartVirtualAddress, view.virtual_page * kPage);
    EXPECT_EQ(built.FlushTlb.EndVirtualAddress, (view.virtual_page + 3) * kPage);
    for (std::uint64_t i = 0; i < 3; ++i) {
      EXPECT_FALSE(walk(view.virtual_page + i)) << "its entry went first";
      std::uint64_t value = 0;
      EXPECT_TRUE(m_->device_access(0, view.logical_pages[i] << 12, &value, sizeof value, false))
          << "the GPU's TLB may still have it";
      EXPECT_EQ(value, mark(i));
    }
    ++flushes;
    complete(args.SubmissionFenceId);
    return STATUS_SUCCESS;
  };
  ASSERT_EQ(paging().evict(id), STATUS_SUCCESS);
  EXPECT_EQ(flushes, 1U);
  EXPECT_FALSE(paging().view(id)->virtual_valid);
  std::uint64_t value = 0;
  for (const std::uint64_t number : view.logical_pages)
    EXPECT_EQ(m_->device_access(0, number << 12, &value, sizeof value, false),
              mode_ == RemappingMode::kPhysical);
  script_.on_submit = nullptr;
  EXPECT_EQ(m_->kernel->stop(), STATUS_SUCCESS);
}

TEST_P(GpuTables, SegmentsHaveTheirOwnAddresses) {
  covers("R174");
  start();
  script_.segments = 1;
  const AllocationId local = create(2);
  script_.segments = 2;
  script_.flags.AccessedPhysically = 1;
  const AllocationId aperture = create(2);
  ASSERT_EQ(paging().make_resident(local), STATUS_SUCCESS);
  ASSERT_EQ(paging().make_resident(aperture), STATUS_SUCCESS);
  const auto there = *paging().view(local);
  const auto seen = *paging().view(aperture);
  for (std::uint64_t i = 0; i < 2; ++i) {
    const auto leaf = walk(there.virtual_page + i);
    ASSERT_TRUE(leaf);
    EXPECT_EQ(leaf->segment, 1U);
    EXPECT_EQ(leaf->page, there.segment_address / kPage + i);
    const auto system = walk(seen.virtual_page + i);
    ASSERT_TRUE(system);
    EXPECT_EQ(system->segment, 0U) << "the backing store itself";
    EXPECT_EQ(system->page, seen.logical_pages[i]);
  }
  EXPECT_THAT(script_.calls, Contains("Build 17")) << "and the aperture shows it as well";
  ASSERT_EQ(paging().destroy(local), STATUS_SUCCESS);
  EXPECT_FALSE(walk(there.virtual_page));
  const AllocationId next = create(1);
  EXPECT_EQ(paging().view(next)->virtual_page, there.virtual_page) << "given out again";
  EXPECT_EQ(m_->kernel->stop(), STATUS_SUCCESS);
}

TEST_P(GpuTables, AResetsCleanUpTakesTheEntriesAlong) {
  covers("R174", "E11");
  start();
  script_.segments = 1;
  const AllocationId local = create(2);
  script_.segments = 2;
  const AllocationId system = create(1);
  ASSERT_EQ(paging().make_resident(local), STATUS_SUCCESS);
  ASSERT_EQ(paging().make_resident(system), STATUS_SUCCESS);
  const std::uint64_t page = paging().view(local)->virtual_page;
  bool hung = true;
  script_.status["ResetEngine"] = STATUS_UNSUCCESSFUL;
  script_.on_submit = [&](const DXGKARG_SUBMITCOMMAND& args) {
    if (!std::exchange(hung, false)) complete(args.SubmissionFenceId);
    return STATUS_SUCCESS;
  };
  ASSERT_EQ(paging().fill(local, 7), STATUS_INVALID_DEVICE_STATE) << "a reset took it out";
  EXPECT_EQ(paging().adapter_resets(), 1U);
  EXPECT_FALSE(walk(page));
  EXPECT_FALSE(walk(page + 1));
  const auto kept = *paging().view(system);
  ASSERT_EQ(kept.residency, Residency::kSystem);
  const auto leaf = walk(kept.virtual_page);
  ASSERT_TRUE(leaf) << "system memory and its tables have lost nothing";
  EXPECT_EQ(leaf->page, kept.logical_pages[0]);
  ASSERT_EQ(paging().make_resident(local), STATUS_SUCCESS);
  EXPECT_TRUE(walk(page));
  EXPECT_EQ(m_->kernel->stop(), STATUS_SUCCESS);
}

TEST_P(GpuTables, ADriverWithoutAnMmuHearsNothingOfThem) {
  covers("R174");
  script_.gpu_mmu = false;
  start();
  const AllocationId id = create(2);
  ASSERT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  ASSERT_EQ(paging().evict(id), STATUS_SUCCESS);
  EXPECT_EQ(paging().root_page_table(0), 0U);
  EXPECT_THAT(script_.calls, Not(Contains("Build 11")));
  EXPECT_THAT(script_.calls, Not(Contains("Build 12")));
  EXPECT_EQ(m_->kernel->stop(), STATUS_SUCCESS);
}

INSTANTIATE_TEST_SUITE_P(Modes, GpuTables,
                         ::testing::Values(RemappingMode::kPhysical, RemappingMode::kIsolation,
                                           RemappingMode::kLogical),
                         [](const auto& info) {
                           return info.param == RemappingMode::kPhysical    ? "Physical"
                                  : info.param == RemappingMode::kIsolation ? "Isolation"
                                                                            : "Logical";
                         });

}  // namespace
}  // namespace gpudmar::test
