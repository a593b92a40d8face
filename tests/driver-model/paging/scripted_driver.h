// SPDX-License-Identifier: Apache-2.0
// A driver that answers paging calls as the test tells it, and a system that runs it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/driver-model/paging/paging_machine.h"
#include "tests/support/covers.h"

namespace gpudmar::test {

using dxgkrnl::AllocationId;

inline constexpr std::uint64_t kPage = hw::kPageSize;
inline constexpr UINT kBufferSize = 4096;

/// A driver without a device: it completes at once what is submitted, unless the test says otherwise.
struct PagingScript {
  std::function<NTSTATUS(DXGKARG_BUILDPAGINGBUFFER&)> on_build;
  std::function<NTSTATUS(const DXGKARG_SUBMITCOMMAND&)> on_submit;
  std::function<NTSTATUS(DXGKARG_RESETENGINE&)> on_reset_engine;
  std::function<void()> on_preempt;
  std::map<std::string, NTSTATUS> status;
  DXGK_ALLOCATIONINFOFLAGS_WDDM2_0 flags{};
  UINT segments = 2;  // set: aperture
  bool gpu_mmu = false;
  bool patch = false;
  bool per_engine = true;
  bool responsive = false;
  UINT cap = 2;
  std::uint64_t carved_out =
      0;  ///< physical address of the memory segment, populated from system memory; 0: VRAM
  std::vector<std::string> calls;
  std::vector<DXGKARG_SUBMITCOMMAND> submitted;
  std::vector<DXGKARG_BUILDPAGINGBUFFER> built;
  DXGKRNL_INTERFACE dxgk{};

  NTSTATUS note(const std::string& call) {
    calls.push_back(call);
    const auto it = status.find(call);
    return it == status.end() ? STATUS_SUCCESS : it->second;
  }
};

/// What its interrupt routine tells the system: a submission is complete, a preemption has happened.
void complete(UINT fence);
void preempted(UINT preemption, UINT last);
void notify(const DXGKARGCB_NOTIFY_INTERRUPT_DATA& data);

class PagingDriver : public ::testing::Test {
 protected:
  PagingDriver();
  ~PagingDriver() override;
  void make(dxgkrnl::PagingConfig paging = {});
  void start(dxgkrnl::PagingConfig paging = {});
  AllocationId create(std::uint64_t pages) {
    const std::uint64_t bytes = pages * kPage;
    AllocationId id = 0;
    EXPECT_EQ(paging().create(&bytes, sizeof(bytes), id), STATUS_SUCCESS);
    return id;
  }
  AllocationId create_physical(std::uint64_t pages) {
    script_.flags.AccessedPhysically = 1;
    return create(pages);
  }
  AllocationId create_local(std::uint64_t pages) {
    script_.segments = 1;
    return create(pages);
  }
  dxgkrnl::Paging& paging() { return m_->paging(); }
  /// {code, parameter 1} of the bugcheck that `action` has to end in.
  std::pair<std::uint64_t, std::uint64_t> end_of(const std::function<void()>& action);
  std::pair<std::uint64_t, std::uint64_t> end_of_residency(AllocationId id) {
    return end_of([&] { (void)paging().make_resident(id); });
  }
  using Ends = std::pair<std::uint64_t, std::uint64_t>;

  PagingScript script_;
  dxgkrnl::RemappingMode mode_ = dxgkrnl::RemappingMode::kLogical;
  std::unique_ptr<PagingMachine> m_;
};

}  // namespace gpudmar::test
