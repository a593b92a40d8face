// SPDX-License-Identifier: Apache-2.0
// The checkers of a machine fire there too, not only on signals made by hand, and each of them fails a run.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <systemc>
#include <vector>

#include "driver-model/dxgkrnl/kernel.h"
#include "driver-model/kmd/escape.h"
#include "driver-model/kmd/parameters.h"
#include "sim/scenario/first_light.h"
#include "tests/support/covers.h"
#include "tests/support/sc_harness.h"

namespace gpudmar::test {

constexpr unsigned kLatency = 20;
constexpr unsigned kHangCycles = 400;

sim::MachineConfig machine_config() {
  sim::MachineConfig config;
  config.memory.latency = kLatency;
  config.vram.latency = kLatency;
  config.hang_cycles = kHangCycles;
  return config;
}

namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr std::uint64_t kBytes = 3 * hw::kPageSize + 77;
constexpr std::uint64_t kSize = 4 * hw::kPageSize;
constexpr std::uint64_t kVram = 1ULL << 20;

std::vector<std::uint8_t> pattern() {
  std::mt19937_64 random(machine().config().seed);
  std::vector<std::uint8_t> data(kBytes);
  for (std::uint8_t& byte : data) byte = static_cast<std::uint8_t>(random());
  return data;
}

/// Makes one table read return what memory never held: swaps the qword in the cycle in which the memory takes
/// the read, and back in the next.
class BadRead final : public sim::CycleObserver {
 public:
  void arm(hw::PhysAddr address, std::uint64_t value) {
    address_ = address;
    value_ = value;
    armed_ = true;
    done = false;
  }
  void observe(const sim::CycleView& view) override {
    sim::SparseMemory& memory = machine().board().memory().device();
    if (good_) {
      (void)memory.write(address_, &*good_, sizeof *good_);
      good_.reset();
      done = true;
    }
    const auto& m = view.out.table;
    if (!armed_ || !m.arvalid || !view.in.table.arready) return;
    const std::uint64_t bytes = (m.arlen + 1ULL) << m.arsize;
    if (address_ < m.araddr || address_ >= m.araddr + bytes) return;
    std::uint64_t good = 0;
    (void)memory.read(address_, &good, sizeof good);
    (void)memory.write(address_, &value_, sizeof value_);
    good_ = good;
    armed_ = false;
  }
  void reset() override {
    armed_ = false;
    good_.reset();
  }
  void finish(std::uint64_t /*cycle*/) override {}
  bool done = false;

 private:
  hw::PhysAddr address_ = 0;
  std::uint64_t value_ = 0;
  std::optional<std::uint64_t> good_;
  bool armed_ = false;
};

class Checkers : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    static BadRead bad;  // observers stay with the board
    bad_read = &bad;
    machine().board().add_observer(bad);
  }
  void SetUp() override {
    machine().reset(true);
    machine().board().violations().clear();
  }
  void TearDown() override {
    machine().board().data_port().set_latency(kLatency);
    machine().board().violations().clear();
  }
  static std::vector<std::string> rules() {
    std::vector<std::string> all;
    for (const sim::Violation& violation : machine().violations().list()) all.push_back(violation.rule);
    return all;
  }
  static std::string texts() {
    std::string all;
    for (const sim::Violation& v : machine().violations().list())
      all += fmt::format("cycle {}: {}: {}\n", v.cycle, v.rule, v.message);
    return all;
  }
  static inline BadRead* bad_read = nullptr;
};

/// A started system with one filled object and its ADL.
class WithSystem : public Checkers {
 protected:
  void SetUp() override {
    Checkers::SetUp();
    start_kernel();
    ASSERT_EQ(kernel->load(&DriverEntry), STATUS_SUCCESS);
    ASSERT_EQ(kernel->start(), STATUS_SUCCESS) << kernel->start_error();
    data = pattern();
    GdmCreateObject create{};
    create.type = GDM_OBJECT_MDL;
    create.cache = GDM_CACHE_CACHED;
    create.size = kSize;
    create.high = ~0ULL;
    create.with_adapter = 1;
    call(GDM_ESCAPE_CREATE_OBJECT, create);
    object = create.object;
    GdmMapObject mapping{};
    mapping.object = object;
    mapping.size = kSize;
    call(GDM_ESCAPE_MAP_OBJECT, mapping);
    std::memcpy(reinterpret_cast<void*>(static_cast<std::uintptr_t>(mapping.address)), data.data(), kBytes);
    call(GDM_ESCAPE_UNMAP_OBJECT, mapping);
    adl = allocate();
  }
  void TearDown() override {
    kernel.reset();
    Checkers::TearDown();
  }
  void start_kernel() {
    dxgkrnl::KernelConfig config;
    // As in the scenario: every SystemC process has an IRQL of its own.
    config.runtime.current_thread = [] {
      return reinterpret_cast<std::uintptr_t>(sc_core::sc_get_current_process_handle().get_process_object());
    };
    kernel.emplace(machine().platform(), config);
  }
  template <typename Args>
  void call(std::uint32_t command, Args& args) {
    args.header = {GDM_ESCAPE_MAGIC, command, sizeof(Args), 0};
    if (!NT_SUCCESS(kernel->escape(&args, sizeof(Args))) || !NT_SUCCESS(args.header.status))
      throw std::runtime_error(
          fmt::format("escape {}: status {:#010x}", command, static_cast<std::uint32_t>(args.header.status)));
  }
  GdmAllocateAdl allocate() {
    GdmAllocateAdl args{};
    args.object = object;
    args.size = kSize;
    call(GDM_ESCAPE_ALLOCATE_ADL, args);
    return args;
  }
  /// GPU 0 copies the object into its VRAM; what arrived.
  std::vector<std::uint8_t> copy() {
    GdmCopy args{};
    args.source = {GDM_OPERAND_ADL, adl.adl, 0};
    args.destination = {GDM_OPERAND_VRAM, 0, kVram};
    args.size = kBytes;
    call(GDM_ESCAPE_COPY, args);
    std::vector<std::uint8_t> content(kBytes);
    (void)machine().board().vram(0).device().read(kVram, content.data(), content.size());
    return content;
  }
  void invalidate() { (void)kernel->remapping_unit()->queue().submit({vtd::iotlb_global()}); }

  /// Where the leaf entry of a logical address lies: the walk of VT-d 3.7 by hand, 4 or 3 levels.
  hw::PhysAddr leaf(std::uint64_t logical) {
    const auto context = kernel->remapping_unit()->context_entry(machine().platform().functions[0].source_id);
    std::uint64_t table = context[0] & ~0xFFFULL;
    for (unsigned level = static_cast<unsigned>(context[1] & 7) + 2; level > 1; --level)
      table = load(table + index(logical, level)) & kAddress;
    return table + index(logical, 1);
  }
  static std::uint64_t load(hw::PhysAddr address) {
    std::uint64_t value = 0;
    (void)machine().board().memory().device().read(address, &value, sizeof value);
    return value;
  }
  static std::uint64_t index(std::uint64_t logical, unsigned level) {
    return (logical >> (12 + 9 * (level - 1)) & 0x1FF) * 8;
  }
  static constexpr std::uint64_t kAddress = 0x000F'FFFF'FFFF'F000;

  std::optional<dxgkrnl::Kernel> kernel;
  std::vector<std::uint8_t> data;
  std::uint32_t object = 0;
  GdmAllocateAdl adl{};
};

TEST_F(WithSystem, AttachmentPrecedesEveryStartDevice) {
  covers("R1", "R16", "G1");
  kernel.reset();
  machine().reset(true);
  start_kernel();
  std::vector<std::string> calls;
  std::vector<vtd::Descriptor> contexts;  // of both functions at each StartDevice
  kernel->calls().observe([&](const dxgkrnl::CallRecord& record, bool finished) {
    if (finished || record.name.rfind("DxgkDdi", 0) != 0) return;
    calls.push_back(record.name + " " + record.args);
    if (record.name == "DxgkDdiStartDevice")
      for (const auto& function : machine().platform().functions)
        contexts.push_back(kernel->remapping_unit()->context_entry(function.source_id));
  });
  ASSERT_EQ(kernel->load(&DriverEntry), STATUS_SUCCESS);
  ASSERT_EQ(kernel->start(), STATUS_SUCCESS) << kernel->start_error();
  kernel->calls().observe({});
  ASSERT_EQ(calls.size(), 22U);
  EXPECT_THAT(std::vector(calls.begin(), calls.begin() + 4),
              ElementsAre("DxgkDdiAddDevice gpu0", "DxgkDdiLinkDevice gpu0", "DxgkDdiAddDevice gpu1",
                          "DxgkDdiLinkDevice gpu1"));
  EXPECT_THAT(std::vector(calls.begin() + 4, calls.begin() + 11),
              Each(StartsWith("DxgkDdiQueryAdapterInfo")));
  EXPECT_THAT(calls[11], StartsWith("DxgkDdiStartDevice gpu1"));
  EXPECT_THAT(calls[12], StartsWith("DxgkDdiStartDevice gpu0"));
  EXPECT_THAT(std::vector(calls.begin() + 13, calls.end()), Each(StartsWith("DxgkDdiQueryAdapterInfo")));
  ASSERT_EQ(contexts.size(), 4U);
  EXPECT_EQ(contexts[0][0] & 1, 1U);         // present
  EXPECT_THAT(contexts, Each(contexts[0]));  // the same domain and tables
}

TEST_F(WithSystem, AGoodCopyGivesNoViolation) {
  EXPECT_EQ(copy(), data);
  invalidate();
  EXPECT_EQ(copy(), data);
  EXPECT_THAT(rules(), IsEmpty()) << texts();
}

TEST_F(WithSystem, ATableReadThatMemoryNeverHeldIsAWrongAddress) {
  EXPECT_EQ(copy(), data);
  const hw::PhysAddr entry = leaf(adl.first_page);
  ASSERT_NE(load(entry), load(entry + 8));
  invalidate();
  bad_read->arm(entry, load(entry + 8));  // page 0 now leads where page 1 does
  const std::vector<std::uint8_t> content = copy();
  EXPECT_TRUE(bad_read->done) << "the entry was not read again after its invalidation";
  EXPECT_NE(content, data);
  EXPECT_THAT(rules(), AllOf(Contains("scoreboard.wrong-address"), Each(StartsWith("scoreboard."))))
      << texts();
}

TEST_F(WithSystem, ATableReadOfAnOlderValueIsStale) {
  const hw::PhysAddr entry = leaf(adl.first_page);
  const std::uint64_t before = load(entry);
  EXPECT_EQ(copy(), data);
  // The CPU points page 0 elsewhere and invalidates; the unit then gets to see the value of before.
  machine().board().memory().store64(entry, load(entry + 8));
  machine().board().memory().publish(entry, 8);
  invalidate();
  bad_read->arm(entry, before);
  EXPECT_EQ(copy(), data);
  EXPECT_TRUE(bad_read->done);
  EXPECT_THAT(rules(), AllOf(Contains("scoreboard.stale-address"), Each(StartsWith("scoreboard."))))
      << texts();
}

TEST_F(WithSystem, AStoreThatNobodyPublishedIsCounted) {
  EXPECT_EQ(copy(), data);
  const hw::PhysAddr entry = leaf(adl.first_page);
  // A page of nobody: one that another address leads to as well would be taken for that address out of order.
  const std::uint64_t other = (load(entry) & ~kAddress) | 0x1000'0000;
  (void)machine().board().memory().device().write(entry, &other, sizeof other);
  invalidate();
  EXPECT_NE(copy(), data);
  // The memory did hold the value when the unit read it, so the unit is not to blame.
  EXPECT_GT(machine().scoreboard().counters().unannounced_changes, 0U);
  EXPECT_THAT(rules(), IsEmpty()) << texts();
}

TEST_F(WithSystem, TheSameLogicalPageWorksAfterItsFault) {
  covers("G3");
  // Touching the freed pages makes the unit look at entries that are not present; nothing of that may stay.
  for (int round = 0; round < 3; ++round) {
    GdmFreeAdlAndTouch touch{};
    touch.adl = adl.adl;
    touch.bytes = 64;
    call(GDM_ESCAPE_FREE_ADL_AND_TOUCH, touch);
    ASSERT_EQ(touch.adapters, 2U);
    EXPECT_EQ(touch.result[0].read_status, STATUS_DEVICE_DATA_ERROR);
    const std::uint64_t old = adl.first_page;
    adl = allocate();
    EXPECT_EQ(adl.first_page, old) << "another address: what is tested here does not happen";
    EXPECT_EQ(copy(), data);
  }
  EXPECT_THAT(rules(), IsEmpty()) << texts();
}

TEST_F(Checkers, AMemoryThatHangsFailsTheRun) {
  covers("axi.hang", "watchdog.stalled");
  machine().board().data_port().set_latency(kHangCycles + 100);
  const sim::FirstLightResult result = sim::run_first_light(machine(), pattern(), 1);
  EXPECT_EQ(result.bytes_verified, 2 * kBytes);  // all data is right, and still
  EXPECT_FALSE(result.passed);
  EXPECT_THAT(rules(), Contains("axi.hang"));
  EXPECT_THAT(rules(), Contains("watchdog.stalled"));
  EXPECT_THAT(result.failures, Contains(HasSubstr("watchdog.stalled: the IOMMU waits at m_axi_data")));
  EXPECT_THAT(sim::run_table(result, 1), HasSubstr("\nFAIL\n"));
}

TEST_F(Checkers, ABrokenPromiseFailsTheRun) {
  covers("contract.iotlb_hit");
  // The RTL keeps its contract, so the contract is made one cycle tighter.
  static bool listening = false;
  static sim::ContractChecker tighter(sim::Contract::parse(R"({"schema": 1, "promises": [{
        "name": "iotlb_hit", "text": "one cycle too fast", "start": "request_in", "end": "request_out",
        "kind": "hit", "applies": "always", "pipe": [{"const": 1}, {"const": 2}], "min": {}}]})"),
                                      {machine().board().info().pipe, machine().board().info().adapters,
                                       machine().board().info().bus_bytes, machine().board().info().id_bits},
                                      [](const sim::Violation& violation) {
                                        if (listening) machine().board().violations().add(violation);
                                      });
  machine().board().add_observer(tighter);
  listening = true;
  const sim::FirstLightResult result = sim::run_first_light(machine(), pattern(), 1);
  listening = false;
  EXPECT_EQ(result.bytes_verified, 2 * kBytes);
  EXPECT_FALSE(result.passed);
  EXPECT_THAT(rules(), Contains("contract.iotlb_hit"));
  EXPECT_THAT(result.failures, Contains(HasSubstr("contract.iotlb_hit: 2 cycles instead of 1")));
}

TEST_F(Checkers, AViolationOfAnySourceFailsTheRun) {
  machine().board().violations().add({0, "rtl.assertion", "made by hand"});
  const sim::FirstLightResult result = sim::run_first_light(machine(), pattern(), 1);
  EXPECT_FALSE(result.passed);
  EXPECT_THAT(result.failures, Contains("cycle 0: rtl.assertion: made by hand"));
}

TEST_F(Checkers, ADataErrorOnTheBusFailsTheRunWithTheDevicesReason) {
  machine().board().data_port().add_error(
      [](bool write, std::uint64_t) { return write ? sim::AxiResp::kOkay : sim::AxiResp::kSlvErr; });
  const sim::FirstLightResult result = sim::run_first_light(machine(), pattern(), 1);
  machine().board().data_port().clear_errors();
  EXPECT_FALSE(result.passed);
  ASSERT_FALSE(result.failures.empty());
  EXPECT_THAT(result.failures[0], StartsWith("copy on GPU 0: status"));
  EXPECT_EQ(result.bytes_verified, 0U);
}

}  // namespace
}  // namespace gpudmar::test
