// SPDX-License-Identifier: Apache-2.0
// A whole life of an adapter in which the n-th allocation fails, for each n: every call answers or ends
// cleanly, nothing leaks, nothing stays mapped. The same for mappings of the host, for a unit that stops
// answering, and for a driver whose GPU does not start, stop or come to rest.
#include <gmock/gmock.h>

#include <set>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "driver-model/hw/regs/dma_regs.h"
#include "driver-model/hw/regs/vtd_regs.h"
#include "tests/driver-model/dxgkrnl/modes.h"
#include "tests/support/covers.h"
#include "tests/support/failing_memory.h"

namespace gpudmar::dxgkrnl {
namespace {

namespace r = regs::vtd;
using ::testing::IsEmpty;

constexpr SIZE_T kPage = PAGE_SIZE;
constexpr std::uint64_t kUnitPages = 2;  // root table and queue, which a unit keeps after its stop
constexpr unsigned kMost = 400;          // failures of one kind in one life

bool means_no_resources(NTSTATUS status) {
  return status == STATUS_NO_MEMORY || status == STATUS_INSUFFICIENT_RESOURCES ||
         status == STATUS_COMMITMENT_LIMIT;
}

/// One life: what a driver of this family does from start to stop, each call with whatever answer.
class Life {
 public:
  explicit Life(RemappingMode mode) : s(mode, machine(), config()), mode_(mode) {
    s.kernel.reset();
    hw::Platform platform = s.machine.platform();
    platform.memory = &memory;
    s.kernel = std::make_unique<Kernel>(platform, ModeSystem::with(mode, config()));
    s.script.save_size = {{0, 4 * kPage}};
    EXPECT_EQ(s.kernel->load(scripted_driver_entry), STATUS_SUCCESS);
  }
  ~Life() { s.kernel.reset(); }  // it uses memory
  Life(const Life&) = delete;
  Life& operator=(const Life&) = delete;

  /// True when the adapters started.
  bool start() {
    s.script.interfaces.clear();
    const NTSTATUS status = s.kernel->start();
    // The script counts its devices on through every start.
    std::map<std::size_t, DXGKRNL_INTERFACE> tables;
    for (const auto& [index, table] : s.script.interfaces) tables.emplace(tables.size(), table);
    s.script.interfaces = tables;
    if (NT_SUCCESS(status)) return true;
    EXPECT_TRUE(means_no_resources(status) || status == STATUS_NOT_SUPPORTED ||
                (driver_may_fail && status == STATUS_IO_TIMEOUT))
        << s.kernel->start_error();
    EXPECT_EQ(s.kernel->adapters().size(), 0U);
    return false;
  }
  void use() {
    for (const auto type : {DXGK_PHYSICAL_MEMORY_TYPE_MDL, DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY,
                            DXGK_PHYSICAL_MEMORY_TYPE_SECTION, DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE})
      object(type);
    if (mode_ != RemappingMode::kLogical) blocks();
    frame_buffer();
    if (mode_ == RemappingMode::kPhysical) {
      const NTSTATUS status = s.kernel->enable_isolation();
      EXPECT_TRUE(NT_SUCCESS(status) || status == STATUS_NOT_SUPPORTED ||
                  (driver_may_fail && status == STATUS_IO_TIMEOUT));
    }
    (void)s.kernel->reattach();
    consistent("reattach");
    undo();
  }
  /// Give back what was had, stop, unload; what is left over is an error.
  void end() {
    memory.disarm();
    const NTSTATUS stopped = s.kernel->stop();
    EXPECT_TRUE(NT_SUCCESS(stopped) || (driver_may_fail && stopped == STATUS_IO_TIMEOUT));
    s.kernel->unload();
    EXPECT_EQ(s.kernel->objects().size(), 0U);
    EXPECT_EQ(s.kernel->live_handles(), 0U);
    auto& pages = s.kernel->pages();
    EXPECT_EQ(pages.committed_pages(), 0U);
    EXPECT_EQ(pages.locked_pages(), 0U);
    EXPECT_LE(pages.total_pages() - pages.free_pages(), kUnitPages);
    EXPECT_EQ(s.kernel->memory().page_file_pages_used(), 0U);
    EXPECT_EQ(s.machine.memory.mappings(), mappings_) << "CPU mappings";
    for (const std::uint16_t gpu : {kGpu0, kGpu1})
      if (s.kernel->remapping_unit() != nullptr) {
        EXPECT_EQ(s.kernel->remapping_unit()->domain_count(), 0U) << gpu;
      }
  }
  /// No page is free that a device might reach: in a domain that one is attached to.
  void nothing_free_is_mapped() {
    if (s.kernel->remapping_unit() == nullptr) return;
    for (const vtd::Domain* domain : s.kernel->remapping_unit()->domains()) {
      if (domain->devices().empty()) continue;
      for (const std::uint64_t number : domain->mapped_logical_pages()) {
        const mm::Pfn page = domain->lookup(number)->pfn;
        if (!s.kernel->pages().is_ram(page)) continue;
        EXPECT_TRUE(s.kernel->pages().state(page))
            << "page " << page << " has no owner, and " << number << " translates to it";
      }
    }
  }

  ModeSystem s;
  test::FailingMemory memory{s.machine.memory};
  bool unit_may_die = false;
  bool driver_may_fail = false;

 private:
  static test::ModelMachine::Options machine() {
    test::ModelMachine::Options options;
    options.ram = {{0, 1ULL << 18}, {1ULL << 40, 1ULL << 18}};
    return options;
  }
  static KernelConfig config() {
    KernelConfig config;
    config.page_file_pages = 32;
    config.timeout_cycles = 50;
    return config;
  }
  bool worked(NTSTATUS status, const char* what) {
    if (!NT_SUCCESS(status)) {
      EXPECT_TRUE(means_no_resources(status) || (unit_may_die && status == STATUS_DEVICE_HARDWARE_ERROR))
          << what << ": " << std::hex << status;
    }
    consistent(what);
    return NT_SUCCESS(status);
  }
  void consistent(const char* what) { EXPECT_THAT(s.kernel->verify(), IsEmpty()) << what; }

  void object(DXGK_PHYSICAL_MEMORY_TYPE type) {
    auto args = create_request(5 * kPage, type);
    if (type == DXGK_PHYSICAL_MEMORY_TYPE_MDL) args.Mdl.SkipBytes.QuadPart = 1 << 16;
    if (type == DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE)
      args.IOSpace.BaseAddress.QuadPart =
          static_cast<LONGLONG>(s.machine.memory.device_memory().front().base);
    if (!worked(s.table().DxgkCbCreatePhysicalMemoryObject(&args), "create")) return;
    DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT open{args.hPhysicalMemoryObject, s.adapter(1), nullptr};
    ASSERT_TRUE(worked(s.table().DxgkCbOpenPhysicalMemoryObject(&open), "open"));
    const HANDLE opened = open.hAdapterMemoryObject;
    const HANDLE handle = args.hPhysicalMemoryObject;
    undo_.emplace_back([this, handle, opened] { s.destroy(handle, opened); });
    DXGKARGCB_MAP_PHYSICAL_MEMORY map{handle, DXGK_ACCESS_MODE_KERNEL_MODE, kPage, 2 * kPage, nullptr};
    if (worked(s.table().DxgkCbMapPhysicalMemory(&map), "map"))
      undo_.emplace_back([this, handle, map] {
        const DXGKARGCB_UNMAP_PHYSICAL_MEMORY unmap{handle, map.pMappedAddress, map.Size};
        s.table().DxgkCbUnmapPhysicalMemory(&unmap);
      });
    for (const UINT32 flags : {0U, kPreferContiguous}) {
      DXGKARGCB_ALLOCATE_ADL adl{};
      adl.hAdapterMemoryObject = opened;
      adl.Offset = kPage;
      adl.Size = 4 * kPage;
      adl.Flags.Value = flags;
      const NTSTATUS status = s.table().DxgkCbAllocateAdl(&adl);
      EXPECT_EQ(adl.pAdl != nullptr, NT_SUCCESS(status));
      if (worked(status, "allocate ADL"))
        undo_.emplace_back([this, opened, list = adl.pAdl] { s.free_adl(opened, list); });
    }
  }
  void blocks() {
    DXGKARGCB_ALLOCATECONTIGUOUSMEMORY memory_args{};
    memory_args.NumberOfBytes = 3 * kPage;
    memory_args.HighestAcceptableAddress.QuadPart = -1;
    if (worked(s.table().DxgkCbAllocateContiguousMemory(s.adapter(), &memory_args), "contiguous memory"))
      undo_.emplace_back([this, handle = memory_args.hMemoryHandle] {
        EXPECT_EQ(s.free_contiguous(handle), STATUS_SUCCESS);
      });
    DXGKARGCB_ALLOCATEPAGESFORMDL pages{};
    pages.HighAddress.QuadPart = -1;
    pages.TotalBytes = 4 * kPage;
    if (!worked(s.table().DxgkCbAllocatePagesForMdl(s.adapter(), &pages), "pages for an MDL")) return;
    undo_.emplace_back(
        [this, handle = pages.hMemoryHandle] { EXPECT_EQ(s.free_pages(handle), STATUS_SUCCESS); });
    DXGKARGCB_MAPMDLTOIOMMU map{pages.pMdl, nullptr};
    if (worked(s.table().DxgkCbMapMdlToIoMmu(s.adapter(), &map), "map MDL"))
      undo_.emplace_back([this, handle = map.hMemoryHandle] { s.unmap_mdl(handle); });
  }
  void frame_buffer() {
    DXGKARGCB_PINFRAMEBUFFERFORSAVE2 pin{};
    pin.CommitSize = 4 * kPage;
    if (worked(s.table().DxgkCbPinFrameBufferForSave2(s.adapter(), &pin), "pin"))
      undo_.emplace_back([this] { EXPECT_EQ(s.unpin(0), STATUS_SUCCESS); });
    DXGKARGCB_MAPFRAMEBUFFERPOINTER map{0, kPage, kPage, nullptr};
    if (worked(s.table().DxgkCbMapFrameBufferPointer(s.adapter(), &map), "map frame buffer"))
      undo_.emplace_back(
          [this, base = map.pBaseAddress] { EXPECT_EQ(s.unmap_pointer(0, base), STATUS_SUCCESS); });
    (void)s.kernel->trim(3);
    consistent("trim");
  }
  void undo() {
    for (; !undo_.empty(); undo_.pop_back()) {
      undo_.back()();
      consistent("undo");
    }
  }

  RemappingMode mode_;
  std::size_t mappings_ = s.machine.memory.mappings();
  std::vector<std::function<void()>> undo_;
};

class Injection : public ::testing::TestWithParam<RemappingMode> {};

TEST_P(Injection, TheNthAllocationFails) {
  test::covers("R44", "R96", "R115", "R137", "R138", "R203", "G20");
  for (const bool sticky : {false, true}) {
    unsigned n = 0;
    for (bool failed = true; failed; ++n) {
      SCOPED_TRACE(testing::Message() << "allocation " << n << (sticky ? " and all later ones" : ""));
      ASSERT_LT(n, kMost);
      Life life(GetParam());
      mm::FailurePoint& failures = life.s.kernel->pages().failures();
      failures.after(n, sticky);
      const bool started = life.start();
      if (started) life.use();
      failed = failures.disarm();
      if (!started) {
        EXPECT_TRUE(failed);
        ASSERT_TRUE(life.start()) << "with memory it starts: " << life.s.kernel->start_error();
        life.use();
      }
      life.end();
      if (HasFailure()) return;
    }
    EXPECT_GT(n, 20U) << "allocations in one life";
  }
}

TEST_P(Injection, TheNthMappingOfTheHostFails) {
  test::covers("R44", "R115", "R137", "R208", "G20");
  unsigned n = 0;
  for (bool failed = true; failed; ++n) {
    SCOPED_TRACE(testing::Message() << "mapping " << n);
    ASSERT_LT(n, kMost);
    Life life(GetParam());
    life.memory.fail_after(n);
    const bool started = life.start();
    if (started) life.use();
    failed = !life.memory.disarm();
    if (!started) {
      ASSERT_TRUE(life.start()) << life.s.kernel->start_error();
      life.use();
    }
    life.end();
    if (HasFailure()) return;
  }
  EXPECT_GT(n, 15U);
}

TEST_P(Injection, TheUnitStopsAnsweringAtTheNthInvalidation) {
  test::covers("R97", "R142", "G5", "G6", "G20");
  std::set<std::pair<std::uint32_t, std::uint64_t>> ends;
  unsigned n = 0;
  for (bool dead = true; dead; ++n) {
    SCOPED_TRACE(testing::Message() << "invalidation " << n);
    ASSERT_LT(n, kMost);
    Life life(GetParam());
    life.unit_may_die = true;
    unsigned left = n;
    dead = false;
    life.s.machine.iommu.on_write = [&](std::uint64_t offset, std::uint64_t) {
      if (offset != r::IQT::kOffset || left-- > 0) return true;
      left = 0;
      dead = true;
      return false;
    };
    try {
      if (life.start()) {
        life.use();
        life.end();
      }
    } catch (const BugCheck& stop) {
      ends.emplace(stop.code(), stop.parameter(0));
      EXPECT_TRUE(dead) << stop.what();
    }
    life.nothing_free_is_mapped();
    life.s.machine.iommu.on_write = nullptr;
    if (HasFailure()) return;
  }
  for (const auto& [code, parameter] : ends)
    EXPECT_TRUE(code == 0x1D9 || (code == 0x1E4 && parameter == 0xA)) << std::hex << code << "/" << parameter;
  EXPECT_FALSE(ends.empty());
}

// Bringing it up, attaching, switching over, invalidating, detaching: whatever write it was.
TEST_P(Injection, TheUnitTakesNoRegisterWriteFromTheNthOn) {
  test::covers("R15", "R25", "R97", "G1", "G6", "G20");
  std::set<std::pair<std::uint32_t, std::uint64_t>> ends;
  unsigned refused = 0;  // starts
  unsigned n = 0;
  for (bool dead = true; dead; ++n) {
    SCOPED_TRACE(testing::Message() << "register write " << n);
    ASSERT_LT(n, kMost);
    Life life(GetParam());
    life.unit_may_die = true;
    unsigned left = n;
    dead = false;
    life.s.machine.iommu.on_write = [&](std::uint64_t, std::uint64_t) {
      if (left != 0)
        --left;
      else
        dead = true;
      return !dead;
    };
    try {
      if (life.start()) {
        life.use();
        life.end();
      } else {
        EXPECT_TRUE(dead);
        ++refused;
        life.nothing_free_is_mapped();
        EXPECT_EQ(life.s.kernel->live_handles(), 0U);
        EXPECT_EQ(life.s.kernel->pages().locked_pages(), 0U);
      }
    } catch (const BugCheck& stop) {
      ends.emplace(stop.code(), stop.parameter(0));
      EXPECT_TRUE(dead) << stop.what();
    }
    life.nothing_free_is_mapped();
    life.s.machine.iommu.on_write = nullptr;
    if (HasFailure()) return;
  }
  for (const auto& [code, parameter] : ends)
    EXPECT_TRUE(code == 0x1D9 || (code == 0x1E4 && parameter == 0xA)) << std::hex << code << "/" << parameter;
  EXPECT_FALSE(ends.empty());
  // Root pointer, queue, translation, first attachment; a physical start needs no unit.
  EXPECT_EQ(refused > 3, GetParam() != RemappingMode::kPhysical) << refused;
}

TEST_P(Injection, TheNthAnswerOfTheDriverIsAFailure) {
  test::covers("R185", "R96", "R97", "G20", "G22");
  std::set<std::string> failed;
  unsigned n = 0;
  for (bool happened = true; happened; ++n) {
    SCOPED_TRACE(testing::Message() << "call " << n);
    ASSERT_LT(n, kMost);
    Life life(GetParam());
    life.driver_may_fail = true;
    life.s.script.fail_after = n;
    if (life.start()) {
      life.use();
    } else {
      EXPECT_FALSE(life.s.script.failed_call.empty());
      life.nothing_free_is_mapped();
      ASSERT_TRUE(life.start()) << "now it answers: " << life.s.kernel->start_error();
      life.use();
    }
    life.end();
    happened = !life.s.script.failed_call.empty();
    if (happened) failed.insert(life.s.script.failed_call.substr(0, life.s.script.failed_call.find(' ')));
    life.s.script.fail_after.reset();
    for (const auto& bar : life.s.machine.bars) EXPECT_EQ(bar->read32(regs::dma::CFG_COMMAND::kOffset), 0U);
    if (HasFailure()) return;
  }
  EXPECT_THAT(failed, ::testing::IsSupersetOf({"AddDevice", "StartDevice", "BeginExclusiveAccess",
                                               "EndExclusiveAccess", "StopDevice"}));
}

TEST_P(Injection, AGpuThatDoesNotStopLosesItsPath) {
  test::covers("R96", "R97", "G22");
  ModeSystem s(GetParam());
  ASSERT_EQ(s.start(), STATUS_SUCCESS);
  const auto args = s.create(0x1000);
  DXGK_ADL* adl = s.allocate_adl(args.hAdapterMemoryObject, 0, 0x1000);
  const std::uint64_t number = numbers_of(*adl)[0];
  s.free_adl(args.hAdapterMemoryObject, adl);
  s.destroy(args.hPhysicalMemoryObject, args.hAdapterMemoryObject);
  bool told = false;
  s.script.status["StopDevice 0"] = STATUS_IO_TIMEOUT;
  s.script.on_stop = [&](std::size_t) { told = true; };
  EXPECT_EQ(s.kernel->stop(), STATUS_IO_TIMEOUT);
  EXPECT_TRUE(told);
  EXPECT_THAT(s.script.calls, ::testing::Contains("StopDevice 1"));
  EXPECT_THAT(s.script.calls, ::testing::Contains("RemoveDevice 0"));
  for (const auto& bar : s.machine.bars) EXPECT_EQ(bar->read32(regs::dma::CFG_COMMAND::kOffset), 0U);
  EXPECT_EQ(s.kernel->live_handles(), 0U);
  EXPECT_NE(number, 0U);
}

INSTANTIATE_TEST_SUITE_P(Modes, Injection,
                         ::testing::Values(RemappingMode::kPhysical, RemappingMode::kIsolation,
                                           RemappingMode::kLogical),
                         [](const auto& info) { return name_of_mode(info.param); });

}  // namespace
}  // namespace gpudmar::dxgkrnl
