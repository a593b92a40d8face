// SPDX-License-Identifier: Apache-2.0
// 1:1 isolation on the whole machine: GPUs that see all memory start passing through, are switched over under
// exclusive access, copy at page frame addresses, and reach nothing else.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <systemc>
#include <vector>

#include "driver-model/dxgkrnl/kernel.h"
#include "driver-model/hw/regs/vtd_regs.h"
#include "driver-model/kmd/escape.h"
#include "driver-model/kmd/parameters.h"
#include "tests/support/covers.h"
#include "tests/support/sc_harness.h"

namespace gpudmar::test {

sim::MachineConfig machine_config() {
  sim::MachineConfig config;
  config.memory.latency = 20;
  config.vram.latency = 20;
  config.ram = {{0, 2ULL << 30}, {4ULL << 30, 2ULL << 30}};  // all of it within 40 bits
  return config;
}

namespace {

namespace r = regs::vtd;

constexpr std::uint64_t kSize = 0x10'4000;  // 260 pages
constexpr std::uint64_t kVram = 1ULL << 20;
constexpr std::uint64_t kFaultCycles = 50'000;  // until a record has reached software

class Isolation : public ::testing::Test {
 protected:
  void SetUp() override {
    machine().reset(true);
    dxgkrnl::KernelConfig config;
    config.isolation = true;
    config.runtime.current_thread = [] {
      return reinterpret_cast<std::uintptr_t>(sc_core::sc_get_current_process_handle().get_process_object());
    };
    kernel.emplace(machine().platform(), config);
    ASSERT_EQ(kernel->load(&DriverEntry), STATUS_SUCCESS);
    ASSERT_EQ(kernel->start(), STATUS_SUCCESS) << kernel->start_error();
  }
  void TearDown() override {
    if (kernel) {
      EXPECT_EQ(kernel->stop(), STATUS_SUCCESS);
    }
    kernel.reset();
    for (const sim::Violation& v : machine().violations().list())
      ADD_FAILURE() << "cycle " << v.cycle << ": " << v.rule << ": " << v.message;
  }
  template <typename Args>
  NTSTATUS send(std::uint32_t command, Args& args) {
    args.header = {GDM_ESCAPE_MAGIC, command, sizeof(Args), 0};
    const NTSTATUS status = kernel->escape(&args, sizeof(Args));
    if (!NT_SUCCESS(status)) throw std::runtime_error(fmt::format("escape {} was not understood", command));
    return args.header.status;
  }
  template <typename Args>
  void call(std::uint32_t command, Args& args) {
    if (const NTSTATUS status = send(command, args); !NT_SUCCESS(status))
      throw std::runtime_error(
          fmt::format("escape {}: status {:#010x}", command, static_cast<std::uint32_t>(status)));
  }
  std::uint32_t create(GdmObjectType type) {
    GdmCreateObject args{};
    args.type = type;
    args.cache = GDM_CACHE_CACHED;
    args.size = kSize;
    args.high = ~0ULL;
    args.with_adapter = 1;
    call(GDM_ESCAPE_CREATE_OBJECT, args);
    return args.object;
  }
  void with_content(std::uint32_t object, const std::function<void(std::uint8_t*)>& use) {
    GdmMapObject mapping{};
    mapping.object = object;
    mapping.size = kSize;
    call(GDM_ESCAPE_MAP_OBJECT, mapping);
    use(reinterpret_cast<std::uint8_t*>(static_cast<std::uintptr_t>(mapping.address)));
    call(GDM_ESCAPE_UNMAP_OBJECT, mapping);
  }
  GdmAllocateAdl allocate(std::uint32_t object) {
    GdmAllocateAdl args{};
    args.object = object;
    args.flags = GDM_ADL_PREFER_CONTIGUOUS;
    args.size = kSize;
    call(GDM_ESCAPE_ALLOCATE_ADL, args);
    return args;
  }
  NTSTATUS copy(unsigned gpu, GdmOperand source, GdmOperand destination, std::uint64_t size) {
    GdmCopy args{};
    args.adapter_index = gpu;
    args.source = source;
    args.destination = destination;
    args.size = size;
    return send(GDM_ESCAPE_COPY, args);
  }
  std::optional<dxgkrnl::Kernel> kernel;
};

TEST_F(Isolation, CopiesAtPageFrameAddressesAndNowhereElse) {
  covers("R8", "R135", "R139", "R142", "R180", "G4", "G5", "G8", "G12", "G14");
  ASSERT_EQ(kernel->adapters().front().mode, dxgkrnl::RemappingMode::kIsolation);
  EXPECT_EQ(kernel->adapters().front().source_ids.size(), 2U);
  std::mt19937_64 random(machine().config().seed);
  std::vector<std::uint8_t> data(kSize);
  for (std::uint8_t& byte : data) byte = static_cast<std::uint8_t>(random());

  const std::uint32_t from = create(GDM_OBJECT_MDL);
  const std::uint32_t to = create(GDM_OBJECT_CONTIGUOUS);
  with_content(from, [&](std::uint8_t* at) { std::memcpy(at, data.data(), kSize); });
  const GdmAllocateAdl source = allocate(from);
  const GdmAllocateAdl target = allocate(to);
  EXPECT_EQ(source.contiguous, 0U);
  EXPECT_EQ(target.contiguous, 1U);
  std::uint64_t low = ~0ULL;
  std::uint64_t high = 0;
  for (const dxgkrnl::ObjectView& object : kernel->objects())
    for (const dxgkrnl::AdlView& adl : object.adls) {
      EXPECT_EQ(adl.logical_pages, adl.page_frames);
      for (const mm::Pfn pfn : adl.page_frames) {
        low = std::min(low, pfn);
        high = std::max(high, pfn);
      }
    }

  ASSERT_EQ(copy(0, {GDM_OPERAND_ADL, source.adl, 0}, {GDM_OPERAND_VRAM, 0, kVram}, kSize), STATUS_SUCCESS);
  ASSERT_EQ(copy(0, {GDM_OPERAND_VRAM, 0, kVram}, {GDM_OPERAND_ADL, target.adl, 0}, kSize), STATUS_SUCCESS);
  with_content(to, [&](std::uint8_t* at) { EXPECT_EQ(std::memcmp(at, data.data(), kSize), 0); });

  // Beside what is mapped: below everything, and above.
  ASSERT_GT(low, 0U);
  for (const unsigned gpu : {0U, 1U})
    for (const std::uint64_t page : {low - 1, high + 1}) {
      const auto faults = kernel->faults().size();
      EXPECT_FALSE(NT_SUCCESS(
          copy(gpu, {GDM_OPERAND_LOGICAL, 0, page << hw::kPageShift}, {GDM_OPERAND_VRAM, 0, 0}, 64)));
      (void)machine().platform().time->wait_until([&] { return kernel->faults().size() > faults; },
                                                  kFaultCycles);
      ASSERT_EQ(kernel->faults().size(), faults + 1);
      EXPECT_EQ(kernel->faults().back().reason, r::fault::READ);
      EXPECT_EQ(kernel->faults().back().address >> hw::kPageShift, page);
    }

  // Switched out and in: the numbers stay good.
  EXPECT_EQ(kernel->reattach(), STATUS_SUCCESS);
  EXPECT_EQ(copy(1, {GDM_OPERAND_ADL, target.adl, 0}, {GDM_OPERAND_VRAM, 0, 0}, 4096), STATUS_SUCCESS);

  for (const std::uint32_t adl : {source.adl, target.adl}) {
    GdmFreeAdlAndTouch touch{};
    touch.adl = adl;
    touch.bytes = 64;
    call(GDM_ESCAPE_FREE_ADL_AND_TOUCH, touch);
    for (unsigned gpu = 0; gpu < touch.adapters; ++gpu) {
      EXPECT_EQ(touch.result[gpu].live_status, STATUS_SUCCESS);
      EXPECT_EQ(touch.result[gpu].read_status, STATUS_DEVICE_DATA_ERROR);
      EXPECT_EQ(touch.result[gpu].write_status, STATUS_DEVICE_DATA_ERROR);
    }
  }
  for (const std::uint32_t object : {from, to}) {
    GdmDestroyObject destroy{};
    destroy.object = object;
    call(GDM_ESCAPE_DESTROY_OBJECT, destroy);
  }
}

}  // namespace
}  // namespace gpudmar::test
