// SPDX-License-Identifier: Apache-2.0
// Lives of the sample driver on the whole machine in which the n-th something goes wrong: an allocation of
// memory, for every third n; for each n a paging submission that never ends, a page of a copy or a transfer
// of the paging work that the IOMMU stops. Every call answers, nothing leaks, nothing stays mapped, and no
// guarantee and no checker has a complaint. The same without RTL, and with more kinds of failure, is in
// tests/driver-model.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <systemc>
#include <vector>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "driver-model/dxgkrnl/kernel.h"
#include "driver-model/hw/regs/dma_regs.h"
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
constexpr std::uint64_t kWork = 5;  // pages of a copy that faults
constexpr std::uint64_t kNowhere =
    0x7F'F000'0000;              // a logical address within what the GPU drives, never given out
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
  /// No page is free that a device might reach.
  void nothing_free_is_mapped() {
    for (const vtd::Domain* domain : kernel->remapping_unit()->domains())
      for (const std::uint64_t number : domain->mapped_logical_pages()) {
        const mm::Pfn page = domain->lookup(number)->pfn;
        if (kernel->pages().is_ram(page)) {
          EXPECT_TRUE(kernel->pages().state(page))
              << number << " translates to " << page << ", which is free";
        }
      }
  }
  std::unique_ptr<dxgkrnl::Kernel> kernel;
  std::unique_ptr<sim::Guarantees> guarantees;
  std::map<std::string, std::uint64_t> checked;

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

  // ---- Faults
  GdmCreateObject contiguous() {
    GdmCreateObject create{};
    create.type = GDM_OBJECT_CONTIGUOUS;
    create.cache = GDM_CACHE_CACHED;
    create.size = kWork * kPage;
    create.high = ~0ULL;
    create.with_adapter = 1;
    EXPECT_TRUE(send(GDM_ESCAPE_CREATE_OBJECT, create, "create"));
    return create;
  }
  GdmAllocateAdl first_pages(const GdmCreateObject& of, std::uint64_t pages) {
    GdmAllocateAdl adl{};
    adl.object = of.object;
    adl.flags = GDM_ADL_REQUIRE_CONTIGUOUS;
    adl.size = pages * kPage;
    EXPECT_TRUE(send(GDM_ESCAPE_ALLOCATE_ADL, adl, "allocate ADL"));
    return adl;
  }
  void free_adl(const GdmAllocateAdl& which) {
    GdmFreeAdl free{};
    free.adl = which.adl;
    EXPECT_TRUE(send(GDM_ESCAPE_FREE_ADL, free, "free ADL"));
  }
  /// Between local memory and logical addresses; the driver's status.
  NTSTATUS copy(std::uint64_t logical, std::uint64_t pages, bool write) {
    GdmCopy copy{};
    copy.header = {GDM_ESCAPE_MAGIC, GDM_ESCAPE_COPY, sizeof(copy), 0};
    const GdmOperand local{GDM_OPERAND_VRAM, 0, 0};
    const GdmOperand memory{GDM_OPERAND_LOGICAL, 0, logical};
    copy.source = write ? local : memory;
    copy.destination = write ? memory : local;
    copy.size = pages * kPage;
    EXPECT_EQ(kernel->escape(&copy, sizeof(copy)), STATUS_SUCCESS);
    EXPECT_THAT(kernel->verify(), IsEmpty()) << "copy";
    return copy.header.status;
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

// The first n pages of the work are mapped and no more; of none of them: they were, until just before.
TEST_P(RtlInjection, TheNthPageOfACopyIsNotMapped) {
  covers("G4", "G5", "G21");
  for (const bool write : {false, true}) {
    for (std::uint64_t n = 0; n < kWork; ++n) {
      SCOPED_TRACE(testing::Message() << (write ? "write" : "read") << ", page " << n);
      boot();
      ASSERT_TRUE(start());
      const GdmCreateObject object = contiguous();
      const GdmAllocateAdl adl = first_pages(object, std::max<std::uint64_t>(n, 1));
      ASSERT_EQ(copy(adl.first_page, adl.page_count, write), STATUS_SUCCESS) << "what is mapped is reached";
      if (n == 0) free_adl(adl);
      EXPECT_EQ(copy(adl.first_page, kWork, write), STATUS_DEVICE_DATA_ERROR);
      guarantees->settle();
      const std::uint64_t first = adl.first_page + n * kPage;
      const auto faults = kernel->faults();
      EXPECT_FALSE(faults.empty());
      bool at_first = false;
      for (const vtd::FaultRecord& fault : faults) {
        EXPECT_EQ(fault.is_write, write);
        EXPECT_GE(fault.address, first) << "what is mapped faults as well";
        EXPECT_LT(fault.address, adl.first_page + kWork * kPage);
        at_first = at_first || fault.address == first;
      }
      EXPECT_TRUE(at_first);
      nothing_free_is_mapped();
      if (n != 0) {
        EXPECT_EQ(copy(adl.first_page, adl.page_count, write), STATUS_SUCCESS) << "the GPU goes on";
        free_adl(adl);
      }
      GdmDestroyObject destroy{};
      destroy.object = object.object;
      EXPECT_TRUE(send(GDM_ESCAPE_DESTROY_OBJECT, destroy, "destroy"));
      use();
      end();
      if (HasFailure()) return;
    }
  }
  EXPECT_GT(checked["G21"], 0U);
}

// A descriptor of the paging work loses its way to memory between the driver and its ring. The driver tries
// it again and then reports it, which ends the system.
TEST_P(RtlInjection, TheNthPagingTransferFaults) {
  covers("E10", "G21");
  namespace descriptor = regs::dma::descriptor;
  constexpr std::size_t kQuadwords = descriptor::kWidth / 64;
  bool astray = true;
  unsigned n = 0;
  for (; astray; ++n) {
    SCOPED_TRACE(testing::Message() << "transfer " << n);
    ASSERT_LT(n, kMost);
    boot();
    ASSERT_TRUE(start());
    unsigned left = n;
    astray = false;
    void* begin = nullptr;
    kernel->calls().watch([&](const dxgkrnl::CallRecord& record, bool finished) {
      if (record.name != "DxgkDdiBuildPagingBuffer") return;
      const auto& args = *static_cast<const DXGKARG_BUILDPAGINGBUFFER*>(record.arguments);
      if (!finished) begin = args.pDmaBuffer;
      if (!finished || args.Operation != DXGK_OPERATION_TRANSFER) return;
      for (auto* words = static_cast<std::uint64_t*>(begin); words != args.pDmaBuffer; words += kQuadwords) {
        if (astray || left-- != 0) continue;
        astray = true;
        std::uint64_t(&lost)[kQuadwords] = *reinterpret_cast<std::uint64_t(*)[kQuadwords]>(words);
        if (descriptor::SRC_SPACE.get(lost) == regs::dma::space::LOGICAL)
          descriptor::SRC.set(lost, kNowhere);
        else
          descriptor::DST.set(lost, kNowhere);
      }
    });
    bool ended = false;
    try {
      allocation(1, 0);
    } catch (const dxgkrnl::BugCheck& stop) {
      ended = true;
      EXPECT_EQ(stop.code(), 0x119U);
      EXPECT_EQ(stop.parameter(0), 5U) << "a paging command failed";
    }
    EXPECT_EQ(ended, astray);
    guarantees->settle();
    EXPECT_EQ(kernel->faults().empty(), !astray);
    for (const vtd::FaultRecord& fault : kernel->faults())
      EXPECT_EQ(fault.address & ~(2 * kPage - 1), kNowhere);
    nothing_free_is_mapped();
    if (!ended) {
      end();
    } else {
      guarantees->finish();
      for (const sim::Violation& v : machine().violations().list())
        ADD_FAILURE() << "cycle " << v.cycle << ": " << v.rule << ": " << v.message;
    }
    if (HasFailure()) return;
  }
  EXPECT_GT(n, 2U) << "transfers in one life: in and out";
}

INSTANTIATE_TEST_SUITE_P(Modes, RtlInjection,
                         ::testing::Values(RemappingMode::kIsolation, RemappingMode::kLogical));

}  // namespace
}  // namespace gpudmar::test
