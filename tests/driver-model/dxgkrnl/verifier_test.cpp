// SPDX-License-Identifier: Apache-2.0
// The kernel's view of itself: each of its checks fires on what it is for, the dump names every object, and
// faults of devices have a culprit.
#include <gmock/gmock.h>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "tests/driver-model/dxgkrnl/modes.h"
#include "tests/support/covers.h"

namespace gpudmar::dxgkrnl {
namespace {

using Code = std::pair<std::uint32_t, std::uint64_t>;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class Verifier : public ::testing::TestWithParam<RemappingMode> {
 protected:
  KernelConfig config() {
    KernelConfig config;
    config.verifier = true;
    config.runtime.debug_output = [this](std::string_view text) { output_ += text; };
    return config;
  }
  void SetUp() override {
    s_.script.save_size = {{1, 0x4000}};
    ASSERT_EQ(s_.start(), STATUS_SUCCESS) << s_.kernel->start_error();
    object_ = s_.create(0x3000);
    adl_ = s_.allocate_adl(object_.hAdapterMemoryObject, 0, 0x3000);
  }
  /// The leaf entry of a device-visible page, in memory.
  [[nodiscard]] hw::PhysAddr leaf(std::uint64_t number) {
    auto& memory = s_.machine.memory;
    hw::PhysAddr table = s_.kernel->remapping_unit()->domains().front()->root();
    for (unsigned level = 4; level > 1; --level)
      table = memory.load64(table + 8 * (number >> (9 * (level - 1)) & 0x1FF)) & 0x000F'FFFF'FFFF'F000;
    return table + 8 * (number & 0x1FF);
  }
  std::string output_;
  ModeSystem s_{GetParam(), {}, config()};
  DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT object_{};
  DXGK_ADL* adl_ = nullptr;
};

TEST_P(Verifier, HasNothingToSayOfASystemThatIsRight) {
  test::covers("G2", "G4", "G6", "G8", "G12");
  auto section = s_.create(0x8000, DXGK_PHYSICAL_MEMORY_TYPE_SECTION);
  DXGK_ADL* list = s_.allocate_adl(section.hAdapterMemoryObject, 0x1000, 0x2000);
  DXGK_ADL* overlapping = s_.allocate_adl(section.hAdapterMemoryObject, 0x2000, 0x2000, kPreferContiguous);
  EXPECT_NE(s_.pin2(1, 0x4000), nullptr);
  auto io = create_request(0x1000, DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE, s_.adapter());
  io.IOSpace.BaseAddress.QuadPart = static_cast<LONGLONG>(s_.machine.memory.device_memory().front().base);
  ASSERT_EQ(s_.table().DxgkCbCreatePhysicalMemoryObject(&io), STATUS_SUCCESS);
  (void)s_.allocate_adl(io.hAdapterMemoryObject, 0, 0x1000, kRequireContiguous);
  EXPECT_THAT(s_.kernel->verify(), IsEmpty());
  EXPECT_EQ(s_.kernel->reattach(), STATUS_SUCCESS);
  EXPECT_THAT(s_.kernel->verify(), IsEmpty());
  s_.free_adl(section.hAdapterMemoryObject, overlapping);
  s_.free_adl(section.hAdapterMemoryObject, list);
  EXPECT_THAT(s_.kernel->verify(), IsEmpty());
  EXPECT_EQ(output_, "");
}

TEST_P(Verifier, SeesATableThatSaysSomethingElse) {
  test::covers("G2", "G4");
  if (GetParam() == RemappingMode::kPhysical) return;
  auto& memory = s_.machine.memory;
  const std::uint64_t number = numbers_of(*adl_)[1];
  const hw::PhysAddr entry = leaf(number);
  const std::uint64_t right = memory.load64(entry);
  memory.store64(entry, right + 0x1000);
  EXPECT_THAT(s_.kernel->verify(), ElementsAre(HasSubstr("does not translate")));
  memory.store64(entry, 0);
  EXPECT_THAT(s_.kernel->verify(), ElementsAre(HasSubstr("does not translate")));
  // The next callback ends the system, and says what there is.
  EXPECT_EQ(bugcheck_of([&] { (void)s_.create(0x1000); }), Code(0x113, 0));
  EXPECT_THAT(output_, HasSubstr("DxgkCbCreatePhysicalMemoryObject"));
  EXPECT_THAT(output_, HasSubstr("does not translate"));
  EXPECT_THAT(output_, HasSubstr("ADL"));
  memory.store64(entry, right);
  EXPECT_THAT(s_.kernel->verify(), IsEmpty());
  const hw::PhysAddr other = leaf(number ^ 0x100);
  ASSERT_EQ(memory.load64(other), 0U);
  memory.store64(other, right);
  EXPECT_THAT(s_.kernel->verify(), ElementsAre(HasSubstr("nobody's")));
  memory.store64(other, 0);
}

TEST_P(Verifier, SeesPagesThatAreNotHeld) {
  test::covers("G6", "R144", "R145");
  auto& pages = s_.kernel->pages();
  const mm::Pfn page = s_.object(object_.hPhysicalMemoryObject).page_frames[2];
  pages.end_device_access({page});
  EXPECT_THAT(s_.kernel->verify(), ElementsAre(HasSubstr("the allocator knows of 0")));
  pages.unlock({page});
  EXPECT_THAT(s_.kernel->verify(), ElementsAre(HasSubstr("not locked")));
  pages.lock({page});
  pages.begin_device_access({page});
  EXPECT_THAT(s_.kernel->verify(), IsEmpty());
  pages.uncharge_commit(5);
  EXPECT_THAT(s_.kernel->verify(), ElementsAre(HasSubstr("committed")));
  EXPECT_TRUE(pages.charge_commit(5));
}

TEST_P(Verifier, SeesAMemberThatIsAttachedElsewhere) {
  test::covers("G12", "R15");
  if (GetParam() == RemappingMode::kPhysical) return;
  auto& memory = s_.machine.memory;
  vtd::RemappingUnit& unit = *s_.kernel->remapping_unit();
  EXPECT_EQ(unit.context_entry(kGpu0), unit.context_entry(kGpu1));
  // The context table of bus 2 holds its entry first.
  const std::uint64_t wrong = unit.context_entry(kGpu1)[0] + 0x1000;
  bool found = false;
  for (const test::MachineEvent& event : s_.machine.events) {
    if (found || event.kind != test::MachineEvent::Kind::kPublish || event.bytes != 8) continue;
    const std::uint64_t old = memory.load64(event.address);
    memory.store64(event.address, wrong);
    found = unit.context_entry(kGpu1)[0] == wrong && unit.context_entry(kGpu0)[0] != wrong;
    if (!found) memory.store64(event.address, old);
  }
  ASSERT_TRUE(found);
  EXPECT_THAT(s_.kernel->verify(), Contains(HasSubstr("gpu1 is not attached as the lead is")));
}

TEST_P(Verifier, TheDumpNamesEverything) {
  test::covers("R45");
  auto request = create_request(0x2000, DXGK_PHYSICAL_MEMORY_TYPE_SECTION);
  request.Context = 0xDEAD;
  ASSERT_EQ(s_.table().DxgkCbCreatePhysicalMemoryObject(&request), STATUS_SUCCESS);
  DXGKARGCB_MAP_PHYSICAL_MEMORY map{object_.hPhysicalMemoryObject, DXGK_ACCESS_MODE_USER_MODE, 0, 0x1000,
                                    nullptr};
  ASSERT_EQ(s_.table().DxgkCbMapPhysicalMemory(&map), STATUS_SUCCESS);
  if (GetParam() != RemappingMode::kLogical) {
    (void)s_.contiguous(0x1000);
    (void)s_.map_mdl(s_.pages_for_mdl(0x1000).pMdl);
  }
  const std::string dump = s_.kernel->dump();
  EXPECT_THAT(dump, HasSubstr("link0"));
  EXPECT_THAT(dump, HasSubstr("gpu1"));
  EXPECT_THAT(dump, HasSubstr("context 0xdead"));
  EXPECT_THAT(dump, HasSubstr("absent"));
  EXPECT_THAT(dump, HasSubstr("frame-buffer save area"));
  EXPECT_THAT(dump, HasSubstr("4096 bytes, user"));
  EXPECT_THAT(dump, HasSubstr("pages free"));
  if (GetParam() == RemappingMode::kLogical) return;
  for (const char* kind : {"contiguous memory", "pages for an MDL", "mapped MDL"})
    EXPECT_THAT(dump, HasSubstr(kind));
}

TEST_P(Verifier, ABugcheckOfTheDriversComesWithADump) {
  test::covers("R95", "R92");
  EXPECT_EQ(bugcheck_of([&] { s_.destroy(object_.hPhysicalMemoryObject, nullptr); }), Code(0x1E4, 7));
  EXPECT_THAT(output_, HasSubstr("in DxgkCbDestroyPhysicalMemoryObject"));
  EXPECT_THAT(output_, HasSubstr("ADL"));
}

INSTANTIATE_TEST_SUITE_P(Modes, Verifier,
                         ::testing::Values(RemappingMode::kPhysical, RemappingMode::kIsolation,
                                           RemappingMode::kLogical),
                         [](const auto& info) { return name_of_mode(info.param); });

TEST(Warnings, CallbacksAtApcLevel) {
  test::covers("R28");
  ModeSystem s(RemappingMode::kLogical);
  ASSERT_EQ(s.start(), STATUS_SUCCESS);
  EXPECT_THAT(s.kernel->warnings(), IsEmpty());
  KIRQL old = PASSIVE_LEVEL;
  KeRaiseIrql(APC_LEVEL, &old);
  const auto args = s.create(0x1000);
  s.destroy(args.hPhysicalMemoryObject, args.hAdapterMemoryObject);
  const auto again = s.create(0x1000);
  KeLowerIrql(old);
  s.destroy(again.hPhysicalMemoryObject, again.hAdapterMemoryObject);
  EXPECT_THAT(s.kernel->warnings(), ElementsAre("DxgkCbCreatePhysicalMemoryObject called at APC_LEVEL",
                                                "DxgkCbDestroyPhysicalMemoryObject called at APC_LEVEL"));
}

TEST(Faults, HaveAFunctionAndReachTheDriverThroughItsOwnInterrupt) {
  test::covers("G21", "E14");
  ModeSystem s(RemappingMode::kLogical);
  ASSERT_EQ(s.start(), STATUS_SUCCESS);
  std::vector<vtd::FaultRecord> seen;
  s.kernel->on_fault([&](const vtd::FaultRecord& record) { seen.push_back(record); });
  // No entry point tells of a fault: the device finds its request failed, and the driver reports that.
  s.script.on_interrupt = [&](std::size_t device) -> BOOLEAN {
    DXGKARGCB_NOTIFY_INTERRUPT_DATA data{};
    data.InterruptType = DXGK_INTERRUPT_DMA_PAGE_FAULTED;
    data.DmaPageFaulted.FaultedFenceId = 9;
    data.DmaPageFaulted.PageFaultFlags =
        static_cast<DXGK_PAGE_FAULT_FLAGS>(DXGK_PAGE_FAULT_IOMMU | DXGK_PAGE_FAULT_WRITE);
    data.DmaPageFaulted.FaultedVirtualAddress = 0x1234'5000;
    s.table(device).DxgkCbNotifyInterrupt(s.adapter(device), &data);
    return TRUE;
  };
  EXPECT_FALSE(s.machine.dma_write(kGpu1, 0x1234'5678 & ~7ULL, 1));
  const auto message = s.kernel->functions()[1]->message();
  s.machine.interrupts.send(message->address, message->data);
  s.machine.time.wait(1);
  const auto faults = s.kernel->device_faults();
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_EQ(faults[0].function, std::optional<std::size_t>(1));
  EXPECT_EQ(faults[0].record.address, 0x1234'5000U);
  EXPECT_TRUE(faults[0].record.is_write);
  EXPECT_EQ(seen.size(), 1U);
  const auto notes = s.kernel->notifications();
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_EQ(notes[0].adapter, 1U);
  EXPECT_EQ(notes[0].fence_id, 9U);
  EXPECT_EQ(notes[0].fault_address, 0x1234'5000U);
  EXPECT_EQ(notes[0].page_fault_flags, 0x21U);
  EXPECT_EQ(s.kernel->stop(), STATUS_SUCCESS) << "a fault is no reason to stop";
}

TEST(Faults, AreFatalWhereTheyAreMeantToBe) {
  test::covers("G21");
  KernelConfig config;
  config.faults_are_fatal = true;
  ModeSystem s(RemappingMode::kLogical, {}, config);
  ASSERT_EQ(s.start(), STATUS_SUCCESS);
  (void)s.create(0x1000);
  EXPECT_FALSE(s.machine.dma_read(kGpu0, 0x77'7008));
  s.machine.time.wait(1);
  try {
    (void)s.create(0x1000);
    ADD_FAILURE() << "no bugcheck";
  } catch (const BugCheck& stop) {
    EXPECT_EQ(stop.code(), 0xE6U);
    EXPECT_EQ(stop.parameter(0), 0x26U);
    EXPECT_EQ(stop.parameter(1), reinterpret_cast<std::uintptr_t>(s.kernel->functions()[0]->device_object()));
    EXPECT_EQ(stop.parameter(2), 0x77'7000U);
    EXPECT_NE(stop.parameter(3), 0U);
  }
  EXPECT_FALSE(s.machine.dma_read(kGpu1, 0x77'7008));
  s.machine.time.wait(1);
  EXPECT_EQ(bugcheck_of([&] { (void)s.kernel->escape(nullptr, 0); }), Code(0xE6, 0x26))
      << "a call into the driver says it too";
}

}  // namespace
}  // namespace gpudmar::dxgkrnl
