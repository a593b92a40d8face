// SPDX-License-Identifier: Apache-2.0
// A whole life of allocations in which the n-th something goes wrong, for each n: an allocation of memory, an
// access of a GPU, a translation of one, a descriptor that never ends. Every call answers or ends the system
// cleanly, nothing leaks, and nothing stays mapped that is not owned.
#include <set>
#include <tuple>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "tests/driver-model/paging/scripted_driver.h"

namespace gpudmar::test {
namespace {

using dxgkrnl::RemappingMode;
using dxgkrnl::Residency;
using ::testing::IsEmpty;

constexpr std::uint64_t kUnitPages = 2;  // root table and queue, which a unit keeps after its stop
constexpr unsigned kMost = 400;          // failures of one kind in one life

enum class Driver { kSample, kWithPageTables };

bool means_no_resources(NTSTATUS status) {
  return status == STATUS_NO_MEMORY || status == STATUS_INSUFFICIENT_RESOURCES ||
         status == STATUS_COMMITMENT_LIMIT || status == STATUS_GRAPHICS_NO_VIDEO_MEMORY;
}

class PagedLife : public PagingDriver {
 protected:
  using Code = std::pair<std::uint64_t, std::uint64_t>;

  void begin(RemappingMode mode, Driver driver) {
    m_.reset();
    mode_ = mode;
    driver_ = driver;
    gpu_may_fail_ = false;
    written_.clear();
    script_ = {};
    if (driver == Driver::kWithPageTables) {
      script_.gpu_mmu = true;
      make();
    } else {
      PagingMachine::Options options;
      options.gpus = 1;
      options.high_memory = mode == RemappingMode::kLogical;
      options.kernel.isolation = mode == RemappingMode::kIsolation;
      options.kernel.paging.tdr_delay = 10'000;
      options.kernel.paging.preemption_delay = 1'000;
      m_ = std::make_unique<PagingMachine>(std::move(options));
    }
  }
  /// True when the adapter started.
  bool start_up() {
    const NTSTATUS status = std::exchange(loaded_, true) ? m_->kernel->start() : m_->start();
    if (NT_SUCCESS(status)) return true;
    EXPECT_TRUE(means_no_resources(status) || status == STATUS_NOT_SUPPORTED || gpu_may_fail_)
        << m_->kernel->start_error();
    return false;
  }
  void use() {
    const AllocationId local = create(3, true, false);
    const AllocationId shown = create(2, false, true);
    const AllocationId system = create(5, false, false);
    for (const AllocationId id : {local, shown, system}) write(id);
    for (const AllocationId id : {local, shown, system}) step(id, paging().make_resident(id), "residency");
    step(local, paging().evict(local), "evict");
    check(local);
    step(local, paging().make_resident(local), "residency again");
    step(local, paging().fill(local, 0x5A5A5A5A), "fill");
    step(shown, paging().evict(shown), "evict");
    check(shown);
    step(shown, paging().discard(shown), "discard");
    step(system, paging().evict(system), "evict");
    check(system);
    step(shown, paging().make_resident(shown), "residency again");
    for (const AllocationId id : {local, shown, system})
      if (id != 0) step(id, paging().destroy(id), "destroy");
  }
  /// Stop, unload; what is left over is an error.
  void end(NTSTATUS other = STATUS_SUCCESS) {
    m_->kernel->pages().failures().disarm();
    const NTSTATUS stopped = m_->kernel->stop();
    EXPECT_TRUE(NT_SUCCESS(stopped) || stopped == other) << std::hex << stopped;
    m_->kernel->unload();
    EXPECT_TRUE(m_->kernel->objects().empty());
    EXPECT_EQ(m_->kernel->live_handles(), 0U);
    auto& pages = m_->kernel->pages();
    EXPECT_EQ(pages.committed_pages(), 0U);
    EXPECT_EQ(pages.locked_pages(), 0U);
    EXPECT_LE(pages.total_pages() - pages.free_pages(), kUnitPages);
    EXPECT_EQ(m_->kernel->memory().page_file_pages_used(), 0U);
    EXPECT_EQ(m_->fake.memory.mapped_pages, mapped_before_);
    if (m_->kernel->remapping_unit() != nullptr) {
      EXPECT_EQ(m_->kernel->remapping_unit()->domain_count(), 0U);
    }
  }
  /// No page is free that the GPU might reach.
  void nothing_free_is_mapped() {
    if (m_->kernel->remapping_unit() == nullptr) return;
    for (const vtd::Domain* domain : m_->kernel->remapping_unit()->domains()) {
      if (domain->devices().empty()) continue;
      for (const std::uint64_t number : domain->mapped_logical_pages()) {
        const mm::Pfn page = domain->lookup(number)->pfn;
        if (!m_->kernel->pages().is_ram(page)) continue;
        EXPECT_TRUE(m_->kernel->pages().state(page))
            << "page " << page << " has no owner, and " << number << " translates to it";
      }
    }
  }
  /// The whole life; the bugcheck that ended it, or {0, 0}.
  Code live(NTSTATUS stop_status = STATUS_SUCCESS) {
    loaded_ = false;
    mapped_before_ = m_->fake.memory.mapped_pages;
    Code code{};
    try {
      if (start_up()) {
        use();
        end(stop_status);
      }
    } catch (const dxgkrnl::BugCheck& stop) {
      code = {stop.code(), stop.parameter(0)};
      EXPECT_TRUE(gpu_may_fail_) << stop.what();
    }
    nothing_free_is_mapped();
    return code;
  }

  bool gpu_may_fail_ = false;
  bool loaded_ = false;
  std::size_t mapped_before_ = 0;

 private:
  AllocationId create(std::uint64_t pages, bool local, bool physically) {
    AllocationId id = 0;
    NTSTATUS status = STATUS_SUCCESS;
    if (driver_ == Driver::kSample) {
      const GdmAllocationData data =
          allocation_data(pages * kPage, local ? 1 : 2, physically ? GDM_ALLOCATION_ACCESSED_PHYSICALLY : 0);
      status = paging().create(&data, sizeof(data), id);
    } else {
      script_.segments = local ? 1 : 2;
      script_.flags.AccessedPhysically = physically ? 1 : 0;
      script_.flags.MapApertureCpuVisible = physically ? 1 : 0;
      const std::uint64_t bytes = pages * kPage;
      status = paging().create(&bytes, sizeof(bytes), id);
    }
    EXPECT_EQ(id != 0, NT_SUCCESS(status));
    consistent(status, "create");
    return id;
  }
  void consistent(NTSTATUS status, const char* what) {
    EXPECT_TRUE(NT_SUCCESS(status) || means_no_resources(status) ||
                (gpu_may_fail_ && status == STATUS_INVALID_DEVICE_STATE))
        << what << ": " << std::hex << status;
    EXPECT_THAT(m_->kernel->verify(), IsEmpty()) << what;
  }
  void step(AllocationId id, NTSTATUS status, const char* what) {
    if (id == 0) {
      EXPECT_EQ(status, STATUS_INVALID_HANDLE) << what;
      return;
    }
    if (std::string(what) == "fill" && status == STATUS_INVALID_DEVICE_STATE) {  // it is not resident
      EXPECT_EQ(paging().view(id)->residency, Residency::kNone);
      return;
    }
    consistent(status, what);
    if (!NT_SUCCESS(status)) written_.erase(id);
  }
  // The scripted GPU moves nothing.
  [[nodiscard]] bool moves() const { return driver_ == Driver::kSample; }
  void write(AllocationId id) {
    if (id == 0) return;
    const std::uint64_t value = 0x1000 + id;
    std::uint64_t copy = value;
    const NTSTATUS status = paging().access(id, kPage + 8, &copy, sizeof copy, true);
    consistent(status, "access");
    if (NT_SUCCESS(status) && moves()) written_.insert(id);
  }
  void check(AllocationId id) {
    if (id == 0 || written_.count(id) == 0 || paging().view(id)->content_lost) return;
    std::uint64_t value = 0;
    const NTSTATUS status = paging().access(id, kPage + 8, &value, sizeof value, false);
    if (status == STATUS_GRAPHICS_ALLOCATION_BUSY) return;  // it could not be evicted
    consistent(status, "access");
    EXPECT_TRUE(!NT_SUCCESS(status) || value == 0x1000 + id) << std::hex << value;
  }

  Driver driver_ = Driver::kSample;
  std::set<AllocationId> written_;
};

// ---- Memory

class PagingMemoryFails : public PagedLife,
                          public ::testing::WithParamInterface<std::tuple<RemappingMode, Driver>> {};

TEST_P(PagingMemoryFails, AtTheNthAllocation) {
  covers("R44", "R137", "R174", "G20");
  for (const bool sticky : {false, true}) {
    unsigned n = 0;
    for (bool failed = true; failed; ++n) {
      SCOPED_TRACE(testing::Message() << "allocation " << n << (sticky ? " and all later ones" : ""));
      ASSERT_LT(n, kMost);
      begin(std::get<0>(GetParam()), std::get<1>(GetParam()));
      loaded_ = false;
      mapped_before_ = m_->fake.memory.mapped_pages;
      m_->kernel->pages().failures().after(n, sticky);
      const bool started = start_up();
      if (started) use();
      failed = m_->kernel->pages().failures().disarm();
      if (!started) {
        EXPECT_TRUE(failed);
        ASSERT_TRUE(start_up()) << "with memory it starts: " << m_->kernel->start_error();
        use();
      }
      end();
      if (HasFailure()) return;
    }
    EXPECT_GT(n, 15U) << "allocations in one life";
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, PagingMemoryFails,
                         ::testing::Combine(::testing::Values(RemappingMode::kPhysical,
                                                              RemappingMode::kIsolation,
                                                              RemappingMode::kLogical),
                                            ::testing::Values(Driver::kSample, Driver::kWithPageTables)));

// ---- The GPU and the unit

class GpuFails : public PagedLife, public ::testing::WithParamInterface<RemappingMode> {
 protected:
  /// For each n: a life with what `arm` prepares for the n-th time, until it does not come to it; `armed`
  /// says so. Which bugchecks ended lives.
  template <typename Arm, typename Armed>
  std::set<Code> each(Arm arm, Armed armed, unsigned at_least, NTSTATUS stop_status = STATUS_SUCCESS) {
    std::set<Code> ends;
    unsigned n = 0;
    for (bool happened = true; happened; ++n) {
      SCOPED_TRACE(testing::Message() << "number " << n);
      if (n == kMost) {
        ADD_FAILURE() << "no end";
        break;
      }
      begin(GetParam(), Driver::kSample);
      gpu_may_fail_ = true;
      arm(n);
      const Code code = live(stop_status);
      happened = armed();
      if (code.first != 0) {
        EXPECT_TRUE(happened);
        ends.insert(code);
      }
      m_.reset();
      if (HasFailure()) break;
    }
    EXPECT_GT(n, at_least);
    return ends;
  }
};

TEST_P(GpuFails, TheNthAccessGetsAnErrorAndIsMadeAgain) {
  covers("E10", "G20");
  const auto ends =
      each([&](unsigned n) { m_->fail_access = n + 1; }, [&] { return m_->fail_access == 0; }, 20);
  for (const Code& code : ends)
    EXPECT_EQ(code, Code(0x119, 5)) << "the driver reports what it can not repeat";
}

TEST_P(GpuFails, EveryAccessFromTheNthOnGetsAnError) {
  covers("E10", "G20");
  const auto ends = each(
      [&](unsigned n) {
        m_->fail_access = n + 1;
        m_->keep_failing = ~0ULL;
      },
      [&] { return m_->keep_failing != ~0ULL; }, 10, STATUS_IO_TIMEOUT);
  EXPECT_THAT(ends, ::testing::Contains(Code(0x119, 5)));
  for (const Code& code : ends) EXPECT_TRUE(code == Code(0x119, 5) || code.first == 0x116) << code.first;
}

TEST_P(GpuFails, FromTheNthDescriptorOnItNeedsAReset) {
  covers("E11", "E12", "R175", "G15");
  unsigned left = 0;
  bool hung = false;
  const auto ends = each(
      [&](unsigned n) {
        left = n;
        hung = false;
        m_->gpus[0]->on_descriptor = [&](unsigned channel, const std::uint64_t*) {
          if (hung || left-- != 0) return;
          hung = true;
          m_->gpus[0]->stuck[channel] = 1;
        };
      },
      [&] { return hung; }, 8);
  EXPECT_THAT(ends, IsEmpty()) << "work goes on";
}

TEST_P(GpuFails, FromTheNthDescriptorOnItDoesNotStop) {
  covers("E11", "G5", "G6");
  unsigned left = 0;
  bool hung = false;
  const auto ends = each(
      [&](unsigned n) {
        left = n;
        hung = false;
        m_->gpus[0]->on_descriptor = [&](unsigned channel, const std::uint64_t*) {
          if (hung || left-- != 0) return;
          hung = true;
          m_->gpus[0]->stuck[channel] = 1;
          m_->gpus[0]->hang_reset = true;
        };
      },
      [&] { return hung; }, 8, STATUS_IO_TIMEOUT);
  EXPECT_THAT(ends, ::testing::SizeIs(1));
  for (const Code& code : ends) EXPECT_EQ(code.first, 0x116U) << "E11: it did not reset";
}

INSTANTIATE_TEST_SUITE_P(Modes, GpuFails,
                         ::testing::Values(RemappingMode::kPhysical, RemappingMode::kIsolation,
                                           RemappingMode::kLogical));

using UnitFaults = GpuFails;

TEST_P(UnitFaults, AtTheNthAccess) {
  covers("G21", "E10");
  for (const bool keep : {false, true}) {
    const auto ends = each(
        [&](unsigned n) {
          m_->fault_access = n + 1;
          m_->keep_faulting = keep;
          m_->kernel->on_fault([&](const vtd::FaultRecord& record) {
            EXPECT_EQ(record.source_id, 0x0100U);
            EXPECT_NE(m_->blocked, 0U);
          });
        },
        [&] {
          EXPECT_TRUE(keep || m_->kernel->faults().size() <= 1);
          EXPECT_EQ(m_->kernel->faults().empty(), m_->blocked == 0) << "the system hears of it";
          return m_->blocked != 0;
        },
        keep ? 10 : 20, keep ? STATUS_IO_TIMEOUT : STATUS_SUCCESS);
    for (const Code& code : ends) EXPECT_TRUE(code == Code(0x119, 5) || code.first == 0x116) << code.first;
    EXPECT_TRUE(!keep || !ends.empty());
  }
}

INSTANTIATE_TEST_SUITE_P(Translated, UnitFaults,
                         ::testing::Values(RemappingMode::kIsolation, RemappingMode::kLogical));

}  // namespace
}  // namespace gpudmar::test
