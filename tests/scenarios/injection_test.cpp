// SPDX-License-Identifier: Apache-2.0
// Lives of the sample driver on the whole machine in which the n-th something goes wrong: an allocation of
// memory, for every third n, or a paging submission that never ends, for each. Every call answers, nothing
// leaks, and no guarantee and no checker has a complaint. The same without RTL, and with more kinds of
// failure, is in tests/driver-model.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <systemc>
#include <vector>

#include "driver-model/dxgkrnl/kernel.h"
#include "driver-model/kmd/allocation.h"
#include "driver-model/kmd/escape.h"
#include "driver-model/kmd/parameters.h"
#include "sim/scenario/guarantees.h"
#include "tests/support/covers.h"
#include "tests/support/sc_harness.h"

namespace gpudmar::test {

sim::MachineConfig machine_config() {
  sim::MachineConfig config;
  config.memory.latency = 8;
  config.vram.latency = 8;
  config.ram = {{0, 32ULL << 20}, {4ULL << 30, 32ULL << 20}};  // all of it within 40 bits: any mode will do
  return config;
}

namespace {

using dxgkrnl::RemappingMode;
using ::testing::IsEmpty;

constexpr std::uint64_t kPage = hw::kPageSize;
constexpr std::uint64_t kObject = 4 * kPage;
constexpr std::uint64_t kUnitPages = 2;  // root table and queue, which a unit keeps after its stop
constexpr unsigned kMost = 400;
constexpr unsigned kStride = 3;  // allocations from one life to the next: all of them are tried without RTL

bool means_no_resources(NTSTATUS status) {
  return status == STATUS_NO_MEMORY || status == STATUS_INSUFFICIENT_RESOURCES ||
         status == STATUS_COMMITMENT_LIMIT || status == STATUS_GRAPHICS_NO_VIDEO_MEMORY;
}

class RtlInjection : public ::testing::TestWithParam<RemappingMode> {
 protected:
  void TearDown() override {
    guarantees.reset();
    kernel.reset();
    GdmParameters = GdmDefaultParameters;
    machine().board().violations().clear();
  }
  void boot() {
    guarantees.reset();
    kernel.reset();
    machine().reset(true);
    dxgkrnl::KernelConfig config;
    config.force_logical = GetParam() == RemappingMode::kLogical;
    config.isolation = GetParam() == RemappingMode::kIsolation;
    config.page_file_pages = 64;
    config.paging.tdr_delay = 20'000;
    config.paging.preemption_delay = 5'000;
    config.runtime.debug_output = [](std::string_view) {};
    config.runtime.current_thread = [] {
      return reinterpret_cast<std::uintptr_t>(sc_core::sc_get_current_process_handle().get_process_object());
    };
    kernel = std::make_unique<dxgkrnl::Kernel>(machine().platform(), config);
    guarantees = std::make_unique<sim::Guarantees>(machine(), *kernel, checked);
    ASSERT_EQ(kernel->load(&DriverEntry), STATUS_SUCCESS);
  }
  bool start() {
    const NTSTATUS status = kernel->start();
    if (NT_SUCCESS(status)) guarantees->system_started();
    EXPECT_TRUE(NT_SUCCESS(status) || means_no_resources(status) || status == STATUS_NOT_SUPPORTED)
        << kernel->start_error();
    return NT_SUCCESS(status);
  }
  void use() {
    object(GDM_OBJECT_MDL);
    object(GDM_OBJECT_SECTION);
    allocation(1, 0);
    allocation(2, GDM_ALLOCATION_ACCESSED_PHYSICALLY);
    worked(kernel->reattach(), "reattach");
  }
  void end() {
    guarantees->settle();
    guarantees->sweep();
    EXPECT_EQ(kernel->stop(), STATUS_SUCCESS);
    kernel->unload();
    EXPECT_THAT(kernel->objects(), IsEmpty());
    EXPECT_EQ(kernel->live_handles(), 0U);
    auto& pages = kernel->pages();
    EXPECT_EQ(pages.committed_pages(), 0U);
    EXPECT_EQ(pages.locked_pages(), 0U);
    EXPECT_LE(pages.total_pages() - pages.free_pages(), kUnitPages);
    EXPECT_EQ(kernel->memory().page_file_pages_used(), 0U);
    guarantees->finish();
    for (const sim::Violation& v : machine().violations().list())
      ADD_FAILURE() << "cycle " << v.cycle << ": " << v.rule << ": " << v.message;
  }
  std::unique_ptr<dxgkrnl::Kernel> kernel;
  std::unique_ptr<sim::Guarantees> guarantees;
  std::map<std::string, std::uint64_t> checked;

 private:
  template <typename Args>
  bool send(std::uint32_t command, Args& args, const char* what) {
    args.header = {GDM_ESCAPE_MAGIC, command, sizeof(Args), 0};
    const NTSTATUS status = kernel->escape(&args, sizeof(Args));
    EXPECT_EQ(status, STATUS_SUCCESS) << what;
    return worked(args.header.status, what);
  }
  bool worked(NTSTATUS status, const char* what) {
    EXPECT_TRUE(NT_SUCCESS(status) || means_no_resources(status)) << what << ": " << std::hex << status;
    EXPECT_THAT(kernel->verify(), IsEmpty()) << what;
    return NT_SUCCESS(status);
  }
  void object(GdmObjectType type) {
    GdmCreateObject create{};
    create.type = type;
    create.cache = GDM_CACHE_CACHED;
    create.protection = PAGE_READWRITE;
    create.size = kObject;
    create.high = ~0ULL;
    create.with_adapter = 1;
    if (!send(GDM_ESCAPE_CREATE_OBJECT, create, "create")) return;
    GdmAllocateAdl adl{};
    adl.object = create.object;
    adl.flags = GDM_ADL_PREFER_CONTIGUOUS;
    adl.size = kObject;
    if (send(GDM_ESCAPE_ALLOCATE_ADL, adl, "allocate ADL")) {
      GdmCopy copy{};
      copy.source = {GDM_OPERAND_ADL, adl.adl, 0};
      copy.destination = {GDM_OPERAND_VRAM, 0, 0};
      copy.size = kObject;
      (void)send(GDM_ESCAPE_COPY, copy, "copy");
      GdmFreeAdl free{};
      free.adl = adl.adl;
      EXPECT_TRUE(send(GDM_ESCAPE_FREE_ADL, free, "free ADL"));
    }
    GdmDestroyObject destroy{};
    destroy.object = create.object;
    EXPECT_TRUE(send(GDM_ESCAPE_DESTROY_OBJECT, destroy, "destroy"));
  }
  void allocation(std::uint32_t segment, std::uint32_t flags) {
    dxgkrnl::Paging& paging = *kernel->paging();
    const GdmAllocationData data{GDM_ALLOCATION_MAGIC, 0, 2 * kPage, flags, segment};
    dxgkrnl::AllocationId id = 0;
    if (!worked(paging.create(&data, sizeof data, id), "allocation")) return;
    std::uint64_t value = 0x1234'5678;
    const bool written = worked(paging.access(id, kPage, &value, sizeof value, true), "access");
    (void)worked(paging.make_resident(id), "residency");
    if (worked(paging.evict(id), "evict") && written && !paging.view(id)->content_lost) {
      value = 0;
      if (worked(paging.access(id, kPage, &value, sizeof value, false), "access")) {
        EXPECT_EQ(value, 0x1234'5678U);
      }
    }
    EXPECT_TRUE(worked(paging.destroy(id), "destroy allocation"));
  }
};

TEST_P(RtlInjection, TheNthAllocationFails) {
  covers("R44", "R137", "G5", "G20");
  unsigned n = GetParam() == RemappingMode::kLogical ? 1 : 0;
  for (bool failed = true; failed; n += kStride) {
    SCOPED_TRACE(testing::Message() << "allocation " << n);
    ASSERT_LT(n, kMost);
    boot();
    kernel->pages().failures().after(n);
    const bool started = start();
    if (started) use();
    failed = kernel->pages().failures().disarm();
    if (!started) {
      EXPECT_TRUE(failed);
      ASSERT_TRUE(start()) << "with memory it starts: " << kernel->start_error();
    }
    end();
    if (HasFailure()) return;
  }
  EXPECT_GT(n, 15U) << "allocations in one life";
  EXPECT_GT(checked["G20"], 0U);
}

TEST_P(RtlInjection, TheNthSubmissionHangs) {
  covers("E11", "E12", "G15", "G16");
  for (const bool engine_reset : {true, false}) {
    bool hung = true;
    unsigned n = 0;
    for (; hung; ++n) {
      SCOPED_TRACE(testing::Message() << "submission " << n << (engine_reset ? ", engine reset" : ""));
      ASSERT_LT(n, kMost);
      GdmParameters = GdmDefaultParameters;
      GdmParameters.PerEngineTdr = engine_reset ? TRUE : FALSE;
      boot();
      unsigned left = n;
      hung = false;
      kernel->calls().watch([&](const dxgkrnl::CallRecord& record, bool finished) {
        if (finished || record.name != "DxgkDdiSubmitCommand" || hung || left-- != 0) return;
        hung = true;
        GdmParameters.HangingSubmissions = 1;
      });
      ASSERT_TRUE(start());
      use();
      EXPECT_EQ(kernel->paging()->timeouts() != 0, hung);
      end();
      if (HasFailure()) return;
    }
    EXPECT_GT(n, 3U) << "submissions in one life";
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, RtlInjection,
                         ::testing::Values(RemappingMode::kIsolation, RemappingMode::kLogical));

}  // namespace
}  // namespace gpudmar::test
