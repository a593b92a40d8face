// SPDX-License-Identifier: Apache-2.0
// Page tables of the GPU, and the operations that keep them (R174). Every number that the driver is given to
// put there is one of an ADL that is alive: from before the entry is written until the GPU's TLB has
// forgotten it.
#include "driver-model/dxgkrnl/gpu_page_tables.h"

#include <algorithm>
#include <new>
#include <vector>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "driver-model/dxgkrnl/paging_allocation.h"

namespace gpudmar::dxgkrnl {
namespace {

constexpr std::uint64_t kPage = hw::kPageSize;
constexpr std::uint64_t kEntries = GpuPageTables::kEntries;

/// [first, first + pages) in pieces that lie in one leaf table each.
template <typename F>
void by_table(std::uint64_t first, std::uint64_t pages, F action) {
  for (std::uint64_t done = 0; done < pages;) {
    const std::uint64_t count = std::min(pages - done, kEntries - (first + done) % kEntries);
    action(done, count);
    done += count;
  }
}

}  // namespace

std::optional<std::uint64_t> GpuPageTables::reserve(std::uint64_t pages) {
  std::uint64_t first = 1;
  for (const auto& [begin, count] : used_) {
    if (begin - first >= pages) break;
    first = begin + count;
  }
  if (pages > kEntries * kEntries - first) return std::nullopt;
  used_[first] = pages;
  return first;
}

GpuPageTables::Table& GpuPageTables::leaf(std::uint64_t page) {
  std::unique_ptr<Table>& table = leaves_[page / kEntries];
  if (table == nullptr) table = std::make_unique<Table>(port_);
  return *table;
}

void Paging::update_table(Adapter& adapter, UINT level, GpuPageTables::Table& table,
                          const PageTableUpdate& update) {
  run(
      adapter, DXGK_OPERATION_UPDATE_PAGE_TABLE,
      [&](DXGKARG_BUILDPAGINGBUFFER& args) {
        auto& out = args.UpdatePageTable;
        out.PageTableLevel = level;
        out.hAllocation = update.allocation;
        out.PageTableAddress.CpuVirtual = table.memory.data();
        out.UpdateMode = DXGK_PAGETABLEUPDATE_CPU_VIRTUAL;
        out.pPageTableEntries = update.entries;
        out.StartIndex = update.first;
        out.NumPageTableEntries = update.count;
        out.Flags.Repeat = update.repeat ? 1 : 0;
        out.Flags.InitialUpdate = update.initial ? 1 : 0;
        out.AllocationOffsetInBytes = update.offset;
        out.FirstPteVirtualAddress = update.address;
      },
      bugcheck::kBadPagingStatus);
}

NTSTATUS Paging::prepare_virtual(Allocation& a) {
  Adapter& adapter = *a.adapter;
  if (adapter.tables == nullptr) return STATUS_SUCCESS;
  try {
    by_table(a.virtual_page, a.pages,
             [&](std::uint64_t done, std::uint64_t) { (void)adapter.tables->leaf(a.virtual_page + done); });
  } catch (const std::bad_alloc&) {
    return STATUS_INSUFFICIENT_RESOURCES;
  }
  return STATUS_SUCCESS;
}

// A table is filled with invalid entries before the one above leads to it.
void Paging::validate_tables(Adapter& adapter, std::uint64_t page) {
  GpuPageTables& tables = *adapter.tables;
  const auto fill = [&](UINT level, GpuPageTables::Table& table, std::uint64_t address) {
    DXGK_PTE invalid{};
    update_table(adapter, level, table, {&invalid, 0, kEntries, true, true, nullptr, 0, address});
  };
  GpuPageTables::Table& root = tables.root();
  if (!root.valid) {
    fill(GpuPageTables::kRootLevel, root, 0);
    root.valid = true;
  }
  GpuPageTables::Table& leaf = tables.leaf(page);
  if (leaf.valid) return;
  const std::uint64_t index = page / kEntries;
  const std::uint64_t address = index * kEntries * kPage;
  fill(GpuPageTables::kLeafLevel, leaf, address);
  DXGK_PTE entry{};
  entry.Valid = 1;
  entry.CacheCoherent = 1;
  entry.PageTableAddress = leaf.memory.device_address() >> hw::kPageShift;
  update_table(adapter, GpuPageTables::kRootLevel, root,
               {&entry, static_cast<UINT>(index), 1, false, false, nullptr, 0, address});
  leaf.valid = true;
}

void Paging::map_virtual(Allocation& a) {
  Adapter& adapter = *a.adapter;
  if (adapter.tables == nullptr || a.virtual_valid) return;
  by_table(a.virtual_page, a.pages, [&](std::uint64_t done, std::uint64_t count) {
    const std::uint64_t page = a.virtual_page + done;
    validate_tables(adapter, page);
    std::vector<DXGK_PTE> entries(count);
    for (std::uint64_t i = 0; i < count; ++i) {
      DXGK_PTE& entry = entries[i];
      entry.Valid = 1;
      if (a.residency == Residency::kLocal) {
        entry.Segment = a.segment->id();
        entry.PhysicalAdapterIndex = a.info.PhysicalAdapterIndex;
        entry.PageAddress = (a.segment->address(a.first_page) >> hw::kPageShift) + done + i;
      } else {  // system memory, behind an aperture or not
        entry.CacheCoherent = a.info.FlagsWddm2.Cached;
        entry.PageAddress =
            a.adl->Flags.Contiguous != 0 ? a.adl->BasePageNumber + done + i : a.adl->Pages[done + i];
      }
    }
    update_table(adapter, GpuPageTables::kLeafLevel, adapter.tables->leaf(page),
                 {entries.data(), static_cast<UINT>(page % kEntries), static_cast<UINT>(count), false, false,
                  a.info.hAllocation, done * kPage, page * kPage});
  });
  a.virtual_valid = true;
}

void Paging::unmap_virtual(Allocation& a) {
  Adapter& adapter = *a.adapter;
  if (adapter.tables == nullptr || !a.virtual_valid) return;
  by_table(a.virtual_page, a.pages, [&](std::uint64_t done, std::uint64_t count) {
    const std::uint64_t page = a.virtual_page + done;
    DXGK_PTE invalid{};
    update_table(adapter, GpuPageTables::kLeafLevel, adapter.tables->leaf(page),
                 {&invalid, static_cast<UINT>(page % kEntries), static_cast<UINT>(count), true, false,
                  a.info.hAllocation, done * kPage, page * kPage});
  });
  run(
      adapter, DXGK_OPERATION_FLUSH_TLB,
      [&](DXGKARG_BUILDPAGINGBUFFER& args) {
        args.FlushTlb.RootPageTableAddress.SegmentId = 0;
        args.FlushTlb.RootPageTableAddress.SegmentOffset = adapter.tables->root().memory.device_address();
        args.FlushTlb.StartVirtualAddress = a.virtual_page * kPage;
        args.FlushTlb.EndVirtualAddress = (a.virtual_page + a.pages) * kPage;
      },
      bugcheck::kBadPagingStatus);
  // What was only built may be lost with another reset.
  if (!adapter.queue->deferring()) a.virtual_valid = false;
}

}  // namespace gpudmar::dxgkrnl
