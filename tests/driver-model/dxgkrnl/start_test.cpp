// SPDX-License-Identifier: Apache-2.0
// Loading, adapter start and stop: order of the calls, attachment before StartDevice, undoing.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "driver-model/hw/regs/dma_regs.h"
#include "tests/driver-model/dxgkrnl/scripted_miniport.h"
#include "tests/support/covers.h"

namespace gpudmar::dxgkrnl {
namespace {

namespace r = regs::dma;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Start, CallsComeInTheDocumentedOrder) {
  test::covers("R1", "R3", "R149", "E1", "E2");
  System s;
  std::vector<std::string> links;
  s.script.link = [&](std::size_t index, LINKED_DEVICE& link) {
    links.push_back(fmt::format("{}: {} of {}{}", index, link.ChainUid, link.NumberOfLinksInChain,
                                link.LeadLink != FALSE ? ", lead" : ""));
  };
  ASSERT_EQ(s.start(), STATUS_SUCCESS) << s.kernel->start_error();
  EXPECT_THAT(links, ElementsAre("0: 1 of 2, lead", "1: 1 of 2")) << "what the bus knows";
  EXPECT_THAT(s.script.calls,
              ElementsAre("AddDevice 0", "LinkDevice 0", "AddDevice 1", "LinkDevice 1", "QueryAdapterInfo 34",
                          "QueryAdapterInfo 35", "QueryAdapterInfo 1", "QueryAdapterInfo 22",
                          "QueryAdapterInfo 22", "StartDevice 1", "StartDevice 0", "QueryAdapterInfo 15",
                          "QueryAdapterInfo 21", "QueryAdapterInfo 15", "QueryAdapterInfo 21"));
  s.script.calls.clear();
  EXPECT_EQ(s.kernel->stop(), STATUS_SUCCESS);
  s.kernel->unload();
  EXPECT_THAT(s.script.calls,
              ElementsAre("StopDevice 0", "StopDevice 1", "RemoveDevice 1", "RemoveDevice 0", "Unload"));
}

TEST(Start, AFunctionThatTheDriverDeclinesIsLeftAlone) {
  test::covers("E18", "R149");
  System s;
  s.script.declined = {1};
  s.script.link = [](std::size_t, LINKED_DEVICE& link) { link.NumberOfLinksInChain = 1; };
  ASSERT_EQ(s.start(), STATUS_SUCCESS) << s.kernel->start_error();
  EXPECT_THAT(s.script.calls, ::testing::Contains("AddDevice 1"));
  for (const char* call : {"LinkDevice 1", "StartDevice 1"})
    EXPECT_THAT(s.script.calls, ::testing::Not(::testing::Contains(call)));
  EXPECT_FALSE(s.machine.dma_read(0x0200, 0x1000)) << "and it has no path";
  EXPECT_EQ(s.kernel->stop(), STATUS_SUCCESS);
  EXPECT_THAT(s.script.calls, ::testing::Not(::testing::Contains("RemoveDevice 1")));
  s.script.declined = {2, 3};
  EXPECT_EQ(s.kernel->start(), STATUS_NO_SUCH_DEVICE);
}

TEST(Start, OneDomainForTheLinkAttachedBeforeAnyStartDevice) {
  test::covers("R6", "R15", "R16", "G1");
  System s;
  int seen = 0;
  s.script.on_start = [&](std::size_t, const DXGKRNL_INTERFACE&) {
    ++seen;
    vtd::RemappingUnit* unit = s.kernel->remapping_unit();
    ASSERT_NE(unit, nullptr);
    EXPECT_EQ(unit->domain_count(), 1U);
    const auto a = unit->context_entry(0x0100);
    EXPECT_EQ(a[0] & 1, 1U);
    EXPECT_EQ(a, unit->context_entry(0x0200));
  };
  ASSERT_EQ(s.start(), STATUS_SUCCESS);
  EXPECT_EQ(seen, 2);
  const auto adapters = s.kernel->adapters();
  ASSERT_EQ(adapters.size(), 1U);
  EXPECT_EQ(adapters[0].mode, RemappingMode::kLogical);
  EXPECT_THAT(adapters[0].source_ids, ElementsAre(0x0100, 0x0200));
  EXPECT_EQ(adapters[0].highest_visible_address, (1ULL << 40) - 1);
}

TEST(Start, MessageInterruptAndBusMasterAreSetBeforeStartDevice) {
  System s;
  s.script.on_start = [&](std::size_t index, const DXGKRNL_INTERFACE& table) {
    auto& bar = *s.machine.bars[index];
    EXPECT_EQ(bar.read64(r::CFG_MSI_ADDR::kOffset), hw::kInterruptWindowBase);
    EXPECT_EQ(bar.read32(r::CFG_COMMAND::kOffset), 3U);
    DXGK_DEVICE_INFO info{};
    ASSERT_EQ(table.DxgkCbGetDeviceInformation(table.DeviceHandle, &info), STATUS_SUCCESS);
    EXPECT_EQ(info.SystemMemorySize.QuadPart, 8LL << 30);
    EXPECT_EQ(info.HighestPhysicalAddress.QuadPart, (1LL << 40) + (4LL << 30) - 1);
    const auto& resources = info.TranslatedResourceList->List[0].PartialResourceList;
    ASSERT_EQ(resources.Count, 2U);
    EXPECT_EQ(resources.PartialDescriptors[0].Type, CmResourceTypeMemory);
    const PHYSICAL_ADDRESS start = resources.PartialDescriptors[0].u.Memory.Start;
    EXPECT_EQ(static_cast<std::uint64_t>(start.QuadPart), bar.base());
    const auto* interrupt = &resources.PartialDescriptors[0] + 1;
    EXPECT_EQ(interrupt->Type, CmResourceTypeInterrupt);
    PVOID registers = nullptr;
    ASSERT_EQ(table.DxgkCbMapMemory(table.DeviceHandle, start, 0x1000, FALSE, FALSE, MmNonCached, &registers),
              STATUS_SUCCESS);
    WRITE_REGISTER_ULONG(reinterpret_cast<volatile ULONG*>(static_cast<char*>(registers) + 0x14), 0x55);
    EXPECT_EQ(bar.read32(0x14), 0x55U);
    EXPECT_EQ(table.DxgkCbUnmapMemory(table.DeviceHandle, registers), STATUS_SUCCESS);
    EXPECT_EQ(table.DxgkCbUnmapMemory(table.DeviceHandle, registers), STATUS_INVALID_PARAMETER);
    PHYSICAL_ADDRESS inside = start;
    inside.QuadPart += 0x14;
    ASSERT_EQ(table.DxgkCbMapMemory(table.DeviceHandle, inside, 4, FALSE, FALSE, MmNonCached, &registers),
              STATUS_SUCCESS);
    EXPECT_EQ(READ_REGISTER_ULONG(static_cast<volatile ULONG*>(registers)), 0x55U);
    EXPECT_EQ(table.DxgkCbUnmapMemory(table.DeviceHandle, registers), STATUS_SUCCESS);
    inside.QuadPart = start.QuadPart + resources.PartialDescriptors[0].u.Memory.Length - 4;
    EXPECT_EQ(table.DxgkCbMapMemory(table.DeviceHandle, inside, 8, FALSE, FALSE, MmNonCached, &registers),
              STATUS_INVALID_PARAMETER);
    PHYSICAL_ADDRESS elsewhere{};
    EXPECT_EQ(
        table.DxgkCbMapMemory(table.DeviceHandle, elsewhere, 0x1000, FALSE, FALSE, MmNonCached, &registers),
        STATUS_INVALID_PARAMETER);
    EXPECT_EQ(registers, nullptr);
  };
  ASSERT_EQ(s.start(), STATUS_SUCCESS);
  (void)s.kernel->stop();
  EXPECT_EQ(s.machine.bars[0]->read32(r::CFG_COMMAND::kOffset), 0U);
  EXPECT_EQ(s.machine.interrupts.connected(), 1U) << "the fault message of the unit";
}

TEST(Start, TheDecisionStopsTheStartBeforeStartDevice) {
  test::covers("R5", "R9", "R10");
  System s;
  s.script.iommu_caps.DmaRemappingSupported = 0;
  EXPECT_EQ(s.start(), STATUS_NOT_SUPPORTED);
  EXPECT_THAT(s.kernel->start_error(), HasSubstr("DmaRemappingSupported"));
  EXPECT_THAT(s.script.calls, ::testing::Not(::testing::Contains(HasSubstr("StartDevice"))));
  EXPECT_EQ(s.script.calls.back(), "RemoveDevice 0");
  EXPECT_EQ(s.kernel->remapping_unit(), nullptr);
  s.script.iommu_caps.DmaRemappingSupported = 1;
  s.script.iommu_caps.IommuIsolationSupported = 0;
  EXPECT_EQ(s.kernel->start(), STATUS_INVALID_PARAMETER) << "differs from IoMmuSecureModeSupported";
  s.script.iommu_caps.IommuIsolationSupported = 1;
  EXPECT_EQ(s.kernel->start(), STATUS_SUCCESS) << "nothing is left of the failed starts";
}

TEST(Start, PhysicalModeUsesPageFrameNumbers) {
  test::covers("R8", "R17", "R135");
  System s;
  s.script.memory_caps.HighestVisibleAddress.QuadPart = -1;
  ASSERT_EQ(s.start(), STATUS_SUCCESS);
  EXPECT_EQ(s.kernel->adapters()[0].mode, RemappingMode::kPhysical);
  EXPECT_EQ(s.kernel->remapping_unit(), nullptr) << "translation stays off";
  const auto args = s.create(0x8000);
  DXGK_ADL* adl = s.allocate_adl(args.hAdapterMemoryObject, 0, 0x8000);
  const auto view = s.object(args.hPhysicalMemoryObject);
  ASSERT_EQ(adl->PageCount, 8U);
  for (UINT32 i = 0; i < 8; ++i) EXPECT_EQ(adl->Pages[i], view.page_frames[i]);
  s.free_adl(args.hAdapterMemoryObject, adl);
  s.destroy(args.hPhysicalMemoryObject, args.hAdapterMemoryObject);
  EXPECT_EQ(s.kernel->stop(), STATUS_SUCCESS);
}

TEST(Start, AFailingStartDeviceIsUndone) {
  System s;
  s.script.status["StartDevice 0"] = STATUS_UNSUCCESSFUL;
  EXPECT_EQ(s.start(), STATUS_UNSUCCESSFUL);
  EXPECT_THAT(s.kernel->start_error(), HasSubstr("gpu0"));
  EXPECT_THAT(s.script.calls, ::testing::Contains("StopDevice 1"));
  EXPECT_THAT(s.script.calls, ::testing::Not(::testing::Contains("StopDevice 0")));
  EXPECT_EQ(s.kernel->escape(nullptr, 0), STATUS_INVALID_DEVICE_STATE);
  s.kernel.reset();
  EXPECT_EQ(s.machine.interrupts.connected(), 0U);
}

TEST(Start, InconsistentLinksDoNotStart) {
  test::covers("E1", "R149");
  System s;
  s.script.link = [](std::size_t, LINKED_DEVICE& link) { link.LeadLink = FALSE; };
  EXPECT_EQ(s.start(), STATUS_GRAPHICS_LEADLINK_NOT_ENUMERATED);
  s.script.link = [](std::size_t, LINKED_DEVICE& link) { link.LeadLink = TRUE; };
  EXPECT_EQ(s.kernel->start(), STATUS_GRAPHICS_INCONSISTENT_DEVICE_LINK_STATE);
  s.script.link = [](std::size_t, LINKED_DEVICE& link) { link.NumberOfLinksInChain = 3; };
  EXPECT_EQ(s.kernel->start(), STATUS_GRAPHICS_CHAINLINKS_NOT_ENUMERATED);
}

TEST(Start, UnlinkedAdaptersHaveDomainsOfTheirOwn) {
  test::covers("R82", "R149", "G13");
  System s;
  s.script.link = [](std::size_t index, LINKED_DEVICE& link) { link = {static_cast<ULONG>(index), 1, TRUE}; };
  ASSERT_EQ(s.start(), STATUS_SUCCESS);
  const auto adapters = s.kernel->adapters();
  ASSERT_EQ(adapters.size(), 2U);
  EXPECT_NE(adapters[0].domain_id, adapters[1].domain_id);
  const auto args = s.create(0x1000);
  DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT open{args.hPhysicalMemoryObject, s.table(1).DeviceHandle, nullptr};
  EXPECT_EQ(s.table().DxgkCbOpenPhysicalMemoryObject(&open), STATUS_NOT_SUPPORTED)
      << "open on another adapter";
  EXPECT_EQ(open.hAdapterMemoryObject, nullptr);
  DXGK_ADL* adl = s.allocate_adl(args.hAdapterMemoryObject, 0, 0x1000, kPreferContiguous);
  EXPECT_TRUE(s.machine.dma_write(0x0100, adl->BasePageNumber << 12, 1));
  EXPECT_FALSE(s.machine.dma_write(0x0200, adl->BasePageNumber << 12, 1));
}

TEST(Start, WithoutLinkDeviceAdaptersAreUnlinked) {
  test::covers("R149", "G13");
  System s;
  s.script.link_device = false;
  ASSERT_EQ(s.start(), STATUS_SUCCESS) << s.kernel->start_error();
  const auto adapters = s.kernel->adapters();
  ASSERT_EQ(adapters.size(), 2U);
  for (const auto& adapter : adapters) EXPECT_EQ(adapter.members.size(), 1U) << adapter.name;
  EXPECT_NE(adapters[0].domain_id, adapters[1].domain_id);
  const auto args = s.create(0x1000);
  const DXGK_ADL* adl = s.allocate_adl(args.hAdapterMemoryObject, 0, 0x1000);
  EXPECT_TRUE(s.machine.dma_read(0x0100, adl->Pages[0] << 12));
  EXPECT_FALSE(s.machine.dma_read(0x0200, adl->Pages[0] << 12));
}

TEST(Start, TheModeIsFixedWhileAdaptersRun) {
  test::covers("R16");
  System s;
  ASSERT_EQ(s.start(), STATUS_SUCCESS);
  const auto args = s.create(0x1000);
  const DXGK_ADL* adl = s.allocate_adl(args.hAdapterMemoryObject, 0, 0x1000);
  s.script.calls.clear();
  EXPECT_EQ(s.kernel->start(), STATUS_INVALID_DEVICE_STATE);
  EXPECT_THAT(s.script.calls, IsEmpty());
  EXPECT_EQ(s.kernel->adapters()[0].mode, RemappingMode::kLogical);
  EXPECT_TRUE(s.machine.dma_read(0x0100, adl->Pages[0] << 12)) << "nothing was touched";
}

TEST(Start, LeaksStopTheSystem) {
  test::covers("R96");
  {
    System s;
    ASSERT_EQ(s.start(), STATUS_SUCCESS);
    (void)s.create(0x1000);
    EXPECT_EQ(bugcheck_of([&] { (void)s.kernel->stop(); }), std::pair(0x1E4U, std::uint64_t{6}));
  }
  System s;
  ASSERT_EQ(s.start(), STATUS_SUCCESS);
  const auto args = s.create(0x1000);
  (void)s.allocate_adl(args.hAdapterMemoryObject, 0, 0x1000);
  EXPECT_EQ(bugcheck_of([&] { (void)s.kernel->stop(); }), std::pair(0x1E4U, std::uint64_t{7}));
}

TEST(Load, DriversThatDoNotFit) {
  System s;
  s.script.refuse_initialize = true;
  EXPECT_EQ(s.kernel->load(scripted_driver_entry), STATUS_DRIVER_UNABLE_TO_LOAD);
  s.script.refuse_initialize = false;
  s.script.version = DXGKDDI_INTERFACE_VERSION_WDDM2_3;
  EXPECT_EQ(s.kernel->load(scripted_driver_entry), STATUS_REVISION_MISMATCH);
  EXPECT_THAT(s.kernel->start_error(), HasSubstr("interface version 0x"));
  EXPECT_EQ(s.kernel->start(), STATUS_INVALID_DEVICE_STATE);
  s.script.version = DXGKDDI_INTERFACE_VERSION_WDDM2_9;
  EXPECT_EQ(s.kernel->load(scripted_driver_entry), STATUS_SUCCESS);
  EXPECT_EQ(s.kernel->start_error(), "");
  EXPECT_EQ(s.kernel->load(scripted_driver_entry), STATUS_INVALID_DEVICE_STATE);
}

TEST(Load, OneKernelAtATime) {
  System s;
  EXPECT_THROW(Kernel(s.machine.platform(), {}), std::logic_error);
}

TEST(Load, EscapeReachesTheLead) {
  System s;
  s.script.on_escape = [](const DXGKARG_ESCAPE& args) {
    ++*static_cast<int*>(args.pPrivateDriverData);
    return args.PrivateDriverDataSize == sizeof(int) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
  };
  EXPECT_EQ(s.kernel->escape(nullptr, 0), STATUS_INVALID_DEVICE_STATE);
  ASSERT_EQ(s.start(), STATUS_SUCCESS);
  int value = 41;
  EXPECT_EQ(s.kernel->escape(&value, sizeof(value)), STATUS_SUCCESS);
  EXPECT_EQ(value, 42);
  EXPECT_EQ(s.script.calls.back(), "Escape 0");
}

TEST(Log, CountsTimesAndObserves) {
  System s;
  std::vector<std::string> ends;
  const void* arguments = nullptr;
  std::size_t frames = 0;
  s.kernel->calls().observe([&](const CallRecord& record, bool finished) {
    if (finished) ends.push_back(record.name);
    if (record.name != "DxgkCbCreatePhysicalMemoryObject" || !finished || record.status < 0) return;
    arguments = record.arguments;
    const auto* made = static_cast<const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT*>(record.arguments);
    const auto view = s.kernel->memory().object(made->hAdapterMemoryObject);
    if (view && view->handle == made->hPhysicalMemoryObject) frames = view->page_frames.size();
  });
  ASSERT_EQ(s.start(), STATUS_SUCCESS);
  const auto args = s.create(0x1000);
  EXPECT_NE(arguments, nullptr);
  EXPECT_EQ(frames, 1U);
  EXPECT_FALSE(s.kernel->memory().object(nullptr));
  auto bad = create_request(0);
  EXPECT_EQ(s.table().DxgkCbCreatePhysicalMemoryObject(&bad), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(s.kernel->calls().counts().at("DxgkCbCreatePhysicalMemoryObject"), 2U);
  EXPECT_EQ(s.kernel->calls().counts().at("DxgkDdiStartDevice"), 2U);
  const auto records = s.kernel->calls().records();
  EXPECT_EQ(records.back().status, STATUS_INVALID_PARAMETER);
  EXPECT_EQ(records.back().arguments, nullptr);
  EXPECT_GE(records.back().end, records.back().begin);
  EXPECT_EQ(ends.back(), "DxgkCbCreatePhysicalMemoryObject");
  (void)bugcheck_of([&] { s.destroy(nullptr, nullptr); });
  EXPECT_TRUE(s.kernel->calls().records().back().bugcheck);
  s.destroy(args.hPhysicalMemoryObject, args.hAdapterMemoryObject);
}

}  // namespace
}  // namespace gpudmar::dxgkrnl
