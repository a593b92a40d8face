// SPDX-License-Identifier: Apache-2.0
// The registry value IOMMUFlags, all of it, and isolation that is enabled while the adapter runs.
#include <gmock/gmock.h>

#include <set>

#include "driver-model/hw/regs/vtd_regs.h"
#include "driver-model/vtd/error.h"
#include "tests/driver-model/dxgkrnl/modes.h"
#include "tests/support/covers.h"

namespace gpudmar::dxgkrnl {
namespace {

namespace r = regs::vtd;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

void drop_cap(Script& script) {
  script.iommu_caps.Value = 0;
  script.driver_caps.MemoryManagementCaps.IoMmuSecureModeSupported = 0;
}

KernelConfig with_flags(std::uint32_t flags) {
  KernelConfig config;
  config.iommu_flags = flags;
  return config;
}

TEST(IommuFlags, TruthTable) {
  test::covers("R24");
  for (std::uint32_t flags = 0; flags < 32; ++flags)
    for (const bool cap : {true, false})
      for (const bool iommu : {true, false}) {
        SCOPED_TRACE(testing::Message()
                     << "flags " << flags << (cap ? ", cap" : "") << (iommu ? ", IOMMU" : ""));
        test::ModelMachine::Options options;
        options.iommu = iommu;
        ModeSystem s(RemappingMode::kPhysical, options, with_flags(flags));
        if (!cap) drop_cap(s.script);
        // Said once more, from the table: each bit needs the one before, and the cap or its bypass.
        const bool allowed = cap || (flags & 8) != 0;
        const bool domain = allowed && (flags & 1) != 0;
        const bool mappings = domain && (flags & 2) != 0;
        const bool attached = mappings && (flags & 4) != 0;
        const bool starts = !domain || iommu || (flags & 16) != 0;
        const NTSTATUS status = s.start();
        ASSERT_EQ(NT_SUCCESS(status), starts) << s.kernel->start_error();
        if (!starts) {
          EXPECT_EQ(status, STATUS_NOT_SUPPORTED);
          continue;
        }
        const AdapterView view = s.kernel->adapters()[0];
        EXPECT_EQ(view.domain_id.has_value(), domain && iommu);
        EXPECT_EQ(view.source_ids.size(), attached && iommu ? 2U : 0U);
        const auto args = s.create(0x2000);
        DXGK_ADL* adl = s.allocate_adl(args.hAdapterMemoryObject, 0, 0x2000);
        const std::uint64_t page = adl->Pages[0];
        EXPECT_EQ(page, s.object(args.hPhysicalMemoryObject).page_frames[0]);
        EXPECT_TRUE(s.reads(kGpu0, page));
        EXPECT_EQ(s.reads(kGpu0, 0x4321), !(attached && iommu)) << "everything else";
        if (domain && iommu) {
          const vtd::Domain& made = *s.kernel->remapping_unit()->domains().front();
          EXPECT_EQ(made.mapped_pages(), mappings ? 2U : 0U);
        } else {
          EXPECT_EQ(s.kernel->remapping_unit(), nullptr) << "the unit is not touched";
        }
        if (attached && iommu)
          EXPECT_THAT(s.script.calls, Contains("BeginExclusiveAccess 0"));
        else
          EXPECT_THAT(s.script.calls, Not(Contains("BeginExclusiveAccess 0")));
        s.free_adl(args.hAdapterMemoryObject, adl);
        s.destroy(args.hPhysicalMemoryObject, args.hAdapterMemoryObject);
        EXPECT_EQ(s.kernel->stop(), STATUS_SUCCESS);
      }
}

TEST(IommuFlags, AFailureFailsTheStartUnlessItMay) {
  test::covers("R24", "R185");
  for (const std::uint32_t flags : {7U, 0x17U}) {
    ModeSystem s(RemappingMode::kPhysical, {}, with_flags(flags));
    s.script.status["BeginExclusiveAccess 0"] = STATUS_IO_TIMEOUT;
    EXPECT_EQ(s.start(), flags == 7 ? STATUS_IO_TIMEOUT : STATUS_SUCCESS);
    if (flags == 7) continue;
    EXPECT_TRUE(s.reads(kGpu0, 0x4321)) << "as if it had never been tried";
    EXPECT_EQ(s.kernel->stop(), STATUS_SUCCESS);
  }
  // What the driver requires is no matter of flags.
  ModeSystem s(RemappingMode::kPhysical, {}, with_flags(0x10));
  s.script.iommu_caps.IommuIsolationRequired = 1;
  s.script.driver_caps.MemoryManagementCaps.IoMmuSecureModeRequired = 1;
  s.script.status["BeginExclusiveAccess 0"] = STATUS_IO_TIMEOUT;
  EXPECT_EQ(s.start(), STATUS_IO_TIMEOUT);
}

TEST(IommuFlags, AUnitWithoutPassThroughKnowsNoHalfMeasures) {
  test::covers("R24");
  for (const std::uint32_t flags : {1U, 3U, 7U, 0x11U, 0x13U}) {
    SCOPED_TRACE(flags);
    test::ModelMachine::Options options;
    options.unit.pt = false;
    ModeSystem s(RemappingMode::kPhysical, options, with_flags(flags));
    const NTSTATUS status = s.start();
    EXPECT_EQ(status, flags == 1 || flags == 3 ? STATUS_NOT_SUPPORTED : STATUS_SUCCESS);
    if (!NT_SUCCESS(status)) continue;
    EXPECT_EQ(s.kernel->adapters()[0].source_ids.size(), flags == 7 ? 2U : 0U);
    EXPECT_EQ(s.reads(kGpu0, 0x4321), flags != 7);
    EXPECT_EQ(s.kernel->stop(), STATUS_SUCCESS);
  }
}

// Isolation while the adapter runs.
TEST(EnableIsolation, MapsEverythingThatTheDriverHas) {
  test::covers("R25", "R225", "R180", "R184", "G8", "G12");
  ModeSystem s(RemappingMode::kPhysical);
  s.script.save_size = {{1, 0x4000}};
  ASSERT_EQ(s.start(), STATUS_SUCCESS);
  const auto object = s.create(0x4000);
  const auto unlisted = s.create(0x1000);
  DXGK_ADL* first = s.allocate_adl(object.hAdapterMemoryObject, 0, 0x3000);
  DXGK_ADL* second = s.allocate_adl(object.hAdapterMemoryObject, 0x2000, 0x2000);
  auto section = create_request(0x1000, DXGK_PHYSICAL_MEMORY_TYPE_SECTION, s.adapter());
  section.Section.PageProtection = PAGE_READONLY;
  ASSERT_EQ(s.table().DxgkCbCreatePhysicalMemoryObject(&section), STATUS_SUCCESS);
  DXGK_ADL* read_only = s.allocate_adl(section.hAdapterMemoryObject, 0, 0x1000);
  const auto block = s.contiguous(0x2000);
  const auto pages = s.pages_for_mdl(0x2000);
  const HANDLE mapped = s.map_mdl(pages.pMdl);
  DXGK_ADL* pinned = s.pin2(1, 0x2000);
  std::set<mm::Pfn> expected;
  for (const ObjectView& view : s.kernel->objects())
    for (const AdlView& adl : view.adls) expected.insert(adl.page_frames.begin(), adl.page_frames.end());
  EXPECT_EQ(expected.size(), 4U + 1 + 2 + 2 + 2);

  s.script.calls.clear();
  s.script.on_begin = [&](std::size_t) { EXPECT_TRUE(s.reads(kGpu0, 0x4321)) << "not yet"; };
  s.script.on_end = [&](std::size_t) { EXPECT_FALSE(s.reads(kGpu0, 0x4321)); };
  ASSERT_EQ(s.kernel->enable_isolation(), STATUS_SUCCESS) << s.kernel->start_error();
  EXPECT_THAT(s.script.calls, ElementsAre("BeginExclusiveAccess 1", "BeginExclusiveAccess 0",
                                          "EndExclusiveAccess 0", "EndExclusiveAccess 1"));
  const vtd::Domain& domain = *s.kernel->remapping_unit()->domains().front();
  EXPECT_EQ(domain.mapped_logical_pages(), std::vector<std::uint64_t>(expected.begin(), expected.end()));
  for (const mm::Pfn page : expected)
    for (const std::uint16_t gpu : {kGpu0, kGpu1}) EXPECT_TRUE(s.reads(gpu, page));
  EXPECT_FALSE(s.machine.dma_write(kGpu0, numbers_of(*read_only)[0] << 12, 1)) << "permissions hold as well";
  EXPECT_FALSE(s.reads(kGpu0, s.object(unlisted.hPhysicalMemoryObject).page_frames[0]));
  EXPECT_EQ(s.kernel->enable_isolation(), STATUS_SUCCESS) << "and it stays";
  EXPECT_EQ(s.script.calls.size(), 4U);

  // From here on as in any isolated system.
  s.free_adl(object.hAdapterMemoryObject, first);
  const auto frames = s.object(object.hPhysicalMemoryObject).page_frames;
  EXPECT_FALSE(s.reads(kGpu0, frames[0]));
  EXPECT_TRUE(s.reads(kGpu0, frames[2])) << "the other ADL's";
  s.free_adl(object.hAdapterMemoryObject, second);
  s.free_adl(section.hAdapterMemoryObject, read_only);
  s.unmap_mdl(mapped);
  EXPECT_TRUE(s.reads(kGpu0, pages_of(pages.pMdl)[0]));
  EXPECT_EQ(s.free_pages(pages.hMemoryHandle), STATUS_SUCCESS);
  EXPECT_EQ(s.free_contiguous(block.hMemoryHandle), STATUS_SUCCESS);
  EXPECT_EQ(numbers_of(*pinned).size(), 2U);
  EXPECT_EQ(s.unpin(1), STATUS_SUCCESS);
  EXPECT_EQ(domain.mapped_pages(), 0U);
  s.destroy(object.hPhysicalMemoryObject, object.hAdapterMemoryObject);
  s.destroy(unlisted.hPhysicalMemoryObject, unlisted.hAdapterMemoryObject);
  s.destroy(section.hPhysicalMemoryObject, section.hAdapterMemoryObject);
  EXPECT_EQ(s.kernel->stop(), STATUS_SUCCESS);
}

TEST(EnableIsolation, GoesOnFromWhereTheFlagsLeftOff) {
  test::covers("R24", "R25");
  for (const std::uint32_t flags : {1U, 3U}) {
    SCOPED_TRACE(flags);
    ModeSystem s(RemappingMode::kPhysical, {}, with_flags(flags));
    ASSERT_EQ(s.start(), STATUS_SUCCESS);
    const auto args = s.create(0x1000);
    DXGK_ADL* adl = s.allocate_adl(args.hAdapterMemoryObject, 0, 0x1000);
    ASSERT_EQ(s.kernel->enable_isolation(), STATUS_SUCCESS);
    EXPECT_EQ(s.kernel->remapping_unit()->domain_count(), 1U) << "the one there was";
    EXPECT_TRUE(s.reads(kGpu1, adl->Pages[0]));
    EXPECT_FALSE(s.reads(kGpu1, 0x4321));
    s.free_adl(args.hAdapterMemoryObject, adl);
    s.destroy(args.hPhysicalMemoryObject, args.hAdapterMemoryObject);
    EXPECT_EQ(s.kernel->stop(), STATUS_SUCCESS);
  }
}

TEST(EnableIsolation, WhereItCanNotBeHadNothingChanges) {
  test::covers("R25", "R185", "G20");
  {
    ModeSystem s(RemappingMode::kPhysical);
    drop_cap(s.script);
    ASSERT_EQ(s.start(), STATUS_SUCCESS);
    EXPECT_EQ(s.kernel->enable_isolation(), STATUS_NOT_SUPPORTED)
        << "AllowFailure and bypass are for the start";
    EXPECT_EQ(s.kernel->enable_isolation(1), STATUS_INVALID_DEVICE_STATE);
  }
  {
    test::ModelMachine::Options options;
    options.iommu = false;
    ModeSystem s(RemappingMode::kPhysical, options);
    ASSERT_EQ(s.start(), STATUS_SUCCESS);
    EXPECT_EQ(s.kernel->enable_isolation(), STATUS_NOT_SUPPORTED);
  }
  {
    ModeSystem s(RemappingMode::kLogical);
    ASSERT_EQ(s.start(), STATUS_SUCCESS);
    EXPECT_EQ(s.kernel->enable_isolation(), STATUS_SUCCESS) << "it is isolated";
    EXPECT_THAT(s.script.calls, Not(Contains("BeginExclusiveAccess 0")));
  }
  ModeSystem s(RemappingMode::kPhysical);
  ASSERT_EQ(s.start(), STATUS_SUCCESS);
  const auto args = s.create(0x1000);
  DXGK_ADL* adl = s.allocate_adl(args.hAdapterMemoryObject, 0, 0x1000);
  s.script.status["BeginExclusiveAccess 0"] = STATUS_IO_TIMEOUT;
  EXPECT_EQ(s.kernel->enable_isolation(), STATUS_IO_TIMEOUT);
  EXPECT_TRUE(s.reads(kGpu0, 0x4321));
  EXPECT_EQ(s.kernel->adapters()[0].mode, RemappingMode::kPhysical);
  s.script.status.clear();
  // No memory for tables.
  auto& pages = s.kernel->pages();
  const auto held = *pages.allocate(pages.free_pages() - 3, {}, false, mm::Placement::kAscending);
  EXPECT_EQ(s.kernel->enable_isolation(), STATUS_NOT_SUPPORTED);
  EXPECT_THAT(s.kernel->start_error(), HasSubstr("isolation"));
  EXPECT_TRUE(s.reads(kGpu0, 0x4321)) << "the adapter goes on as before";
  EXPECT_TRUE(s.reads(kGpu1, 0x4321));
  EXPECT_THAT(s.script.calls, Contains("EndExclusiveAccess 0"));
  pages.free(held);
  EXPECT_EQ(s.kernel->enable_isolation(), STATUS_SUCCESS) << s.kernel->start_error();
  EXPECT_TRUE(s.reads(kGpu0, adl->Pages[0]));
  EXPECT_FALSE(s.reads(kGpu0, 0x4321));
  s.free_adl(args.hAdapterMemoryObject, adl);
  s.destroy(args.hPhysicalMemoryObject, args.hAdapterMemoryObject);
  EXPECT_EQ(s.kernel->stop(), STATUS_SUCCESS);
}

TEST(EnableIsolation, IsNoMatterOfACallIntoTheDriver) {
  test::covers("R182");
  ModeSystem s(RemappingMode::kPhysical);
  ASSERT_EQ(s.start(), STATUS_SUCCESS);
  NTSTATUS inside = STATUS_SUCCESS;
  s.script.on_escape = [&](const DXGKARG_ESCAPE&) {
    inside = s.kernel->enable_isolation();
    return STATUS_SUCCESS;
  };
  EXPECT_EQ(s.kernel->escape(nullptr, 0), STATUS_SUCCESS);
  EXPECT_EQ(inside, STATUS_INVALID_DEVICE_STATE);
}

// A driver of WDDM 2.4: it knows nothing of the later queries, and has the short table.
TEST(Wddm24, IsIsolatedByItsVidMmCaps) {
  test::covers("R4", "R18", "R24", "R220");
  ModeSystem s(RemappingMode::kIsolation);
  s.script.version = DXGKDDI_INTERFACE_VERSION_WDDM2_4;
  s.script.save_size = {{0, 0x2000}};
  ASSERT_EQ(s.start(), STATUS_SUCCESS) << s.kernel->start_error();
  EXPECT_THAT(s.script.calls, Not(Contains("QueryAdapterInfo 34")));
  EXPECT_THAT(s.script.calls, Not(Contains("QueryAdapterInfo 35")));
  EXPECT_EQ(s.kernel->adapters()[0].mode, RemappingMode::kIsolation);
  EXPECT_EQ(s.table().Size, 0x1C8U);
  EXPECT_EQ(s.table().Version, static_cast<ULONG>(DXGKDDI_INTERFACE_VERSION_WDDM2_4));
  EXPECT_EQ(s.table().DxgkCbCreatePhysicalMemoryObject, nullptr);
  const auto block = s.contiguous(0x2000);
  EXPECT_TRUE(s.reads(kGpu1, s.kernel->objects().back().page_frames[1]));
  EXPECT_NE(s.pin(0, 0x2000), nullptr);
  EXPECT_EQ(s.unpin(0), STATUS_SUCCESS);
  EXPECT_EQ(s.free_contiguous(block.hMemoryHandle), STATUS_SUCCESS);
  EXPECT_EQ(s.kernel->stop(), STATUS_SUCCESS);
}

TEST(Wddm24, RequiredWithoutSupportedMakesNoSense) {
  test::covers("R12", "R13");
  ModeSystem s(RemappingMode::kPhysical);
  s.script.version = DXGKDDI_INTERFACE_VERSION_WDDM2_4;
  s.script.driver_caps.MemoryManagementCaps.IoMmuSecureModeRequired = 1;
  ASSERT_EQ(s.start(), STATUS_SUCCESS) << s.kernel->start_error();
  EXPECT_EQ(s.kernel->adapters()[0].mode, RemappingMode::kIsolation);
  EXPECT_EQ(s.kernel->stop(), STATUS_SUCCESS);
  s.script.driver_caps.MemoryManagementCaps.IoMmuSecureModeSupported = 0;
  EXPECT_EQ(s.kernel->start(), STATUS_INVALID_PARAMETER);
}

}  // namespace
}  // namespace gpudmar::dxgkrnl
