// SPDX-License-Identifier: Apache-2.0
// The GPUs of a link copy at the same time: one reads host memory while the other one writes it, so that each
// has a data channel of the bus for itself, and two copies take hardly longer than the longer one.
#ifndef SC_INCLUDE_DYNAMIC_PROCESSES
#define SC_INCLUDE_DYNAMIC_PROCESSES
#endif
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <optional>
#include <stdexcept>
#include <systemc>
#include <vector>

#include "driver-model/dxgkrnl/kernel.h"
#include "driver-model/kmd/escape.h"
#include "driver-model/kmd/parameters.h"
#include "sim/scenario/system.h"
#include "tests/support/covers.h"
#include "tests/support/sc_harness.h"

namespace gpudmar::test {

sim::MachineConfig machine_config() {
  sim::MachineConfig config;
  config.memory.latency = 50;
  config.vram.latency = 20;
  return config;
}

namespace {

constexpr std::uint64_t kSize = 128ULL << 10;
constexpr std::uint64_t kMaxCycles = 1'000'000;  // a copy that takes longer hangs
constexpr int kStackBytes = 1 << 20;

/// When each GPU's requests are under way.
class Activity final : public sim::CycleObserver {
 public:
  struct Span {
    std::uint64_t first = ~0ULL;
    std::uint64_t last = 0;
    std::uint64_t requests = 0;
  };
  explicit Activity(sim::Board& board) : board_(board) { board_.add_observer(*this); }
  ~Activity() override { board_.remove_observer(*this); }
  Activity(const Activity&) = delete;
  Activity& operator=(const Activity&) = delete;
  void observe(const sim::CycleView& view) override {
    for (unsigned port = 0; port < spans.size(); ++port) {
      const sim::RequesterProbe& probe = view.out.probe[port];
      if (!probe.ar && !probe.aw && !probe.r && !probe.b) continue;
      spans[port].first = std::min(spans[port].first, view.cycle);
      spans[port].last = view.cycle;
      if (probe.ar || probe.aw) ++spans[port].requests;
    }
  }
  void reset() override {}
  void finish(std::uint64_t) override {}
  std::array<Span, 2> spans;

 private:
  sim::Board& board_;
};

struct Timed {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  NTSTATUS status = STATUS_UNSUCCESSFUL;
  [[nodiscard]] std::uint64_t cycles() const { return end - begin; }
};

class LinkedCopies : public ::testing::Test {
 protected:
  void SetUp() override {
    machine().reset(true);
    kernel_.emplace(machine().platform(), sim::kernel_config(machine().config().seed));
    ASSERT_EQ(kernel_->load(&DriverEntry), STATUS_SUCCESS);
    ASSERT_EQ(kernel_->start(), STATUS_SUCCESS) << kernel_->start_error();
    for (std::uint32_t& id : object_) id = create();
    for (unsigned i = 0; i < 2; ++i) adl_[i] = allocate(object_[i]);
  }
  void TearDown() override {
    EXPECT_EQ(kernel_->stop(), STATUS_SUCCESS);
    kernel_->unload();
    kernel_.reset();
    for (const sim::Violation& v : machine().violations().list())
      ADD_FAILURE() << "cycle " << v.cycle << ": " << v.rule << ": " << v.message;
  }
  template <typename Args>
  NTSTATUS send(std::uint32_t command, Args& args) {
    args.header = {GDM_ESCAPE_MAGIC, command, sizeof(Args), 0};
    if (!NT_SUCCESS(kernel_->escape(&args, sizeof(Args))))
      throw std::runtime_error(fmt::format("escape {} was not understood", command));
    return args.header.status;
  }
  std::uint32_t create() {
    GdmCreateObject args{};
    args.type = GDM_OBJECT_MDL;
    args.size = kSize;
    args.high = ~0ULL;
    args.with_adapter = 1;
    EXPECT_EQ(send(GDM_ESCAPE_CREATE_OBJECT, args), STATUS_SUCCESS);
    return args.object;
  }
  std::uint32_t allocate(std::uint32_t object) {
    GdmAllocateAdl args{};
    args.object = object;
    args.flags = GDM_ADL_PREFER_CONTIGUOUS;
    args.size = kSize;
    EXPECT_EQ(send(GDM_ESCAPE_ALLOCATE_ADL, args), STATUS_SUCCESS);
    return args.adl;
  }
  void with_content(std::uint32_t object, const std::function<void(std::uint8_t*)>& use) {
    GdmMapObject args{};
    args.object = object;
    args.size = kSize;
    ASSERT_EQ(send(GDM_ESCAPE_MAP_OBJECT, args), STATUS_SUCCESS);
    use(reinterpret_cast<std::uint8_t*>(static_cast<std::uintptr_t>(args.address)));
    ASSERT_EQ(send(GDM_ESCAPE_UNMAP_OBJECT, args), STATUS_SUCCESS);
  }
  [[nodiscard]] static std::uint64_t now() { return machine().platform().time->now(); }
  /// GPU 0 reads object 0 into its memory; GPU 1 writes its memory to object 1.
  Timed copy(unsigned gpu) {
    GdmCopy args{};
    args.adapter_index = gpu;
    args.size = kSize;
    (gpu == 0 ? args.source : args.destination) = {GDM_OPERAND_ADL, adl_[gpu], 0};
    (gpu == 0 ? args.destination : args.source) = {GDM_OPERAND_VRAM, 0, 0};
    Timed run;
    run.begin = now();
    run.status = send(GDM_ESCAPE_COPY, args);
    run.end = now();
    return run;
  }
  /// Runs the actions at the same time, each in a process of its own.
  void together(const std::vector<std::function<void()>>& actions) {
    std::size_t running = actions.size();
    for (const auto& action : actions) {
      sc_core::sc_spawn_options options;
      options.set_stack_size(kStackBytes);
      sc_core::sc_spawn(
          [&running, action] {
            try {
              action();
            } catch (const std::exception& error) {
              ADD_FAILURE() << error.what();
            }
            --running;
          },
          sc_core::sc_gen_unique_name("copy_thread"), &options);
    }
    ASSERT_TRUE(machine().engine().run_until([&] { return running == 0; }, kMaxCycles))
        << "waiting for copies";
  }
  std::optional<dxgkrnl::Kernel> kernel_;
  std::array<std::uint32_t, 2> object_{};
  std::array<std::uint32_t, 2> adl_{};
};

TEST_F(LinkedCopies, OverlapInTime) {
  covers("R139", "G12", "kmd.parallel");
  with_content(object_[0], [](std::uint8_t* at) {
    for (std::uint64_t i = 0; i < kSize; ++i) at[i] = static_cast<std::uint8_t>(i * 13 + i / 4096);
  });
  Timed alone[2];
  for (unsigned gpu = 0; gpu < 2; ++gpu) {
    alone[gpu] = copy(gpu);
    ASSERT_EQ(alone[gpu].status, STATUS_SUCCESS);
  }
  Timed run[2];
  const Activity activity(machine().board());
  together({[&] { run[0] = copy(0); }, [&] { run[1] = copy(1); }});
  for (const Timed& r : run) EXPECT_EQ(r.status, STATUS_SUCCESS);

  const std::uint64_t one_by_one = alone[0].cycles() + alone[1].cycles();
  const std::uint64_t both = std::max(run[0].end, run[1].end) - std::min(run[0].begin, run[1].begin);
  const auto& [a, b] = activity.spans;
  ASSERT_GT(std::min(a.requests, b.requests), kSize / 4096);
  const std::uint64_t overlap = std::min(a.last, b.last) > std::max(a.first, b.first)
                                    ? std::min(a.last, b.last) - std::max(a.first, b.first)
                                    : 0;
  const std::uint64_t shorter = std::min(a.last - a.first, b.last - b.first);
  fmt::print("alone {} and {} cycles; together {}; the buses' {} cycles overlap in {}\n", alone[0].cycles(),
             alone[1].cycles(), both, shorter, overlap);
  EXPECT_GE(overlap * 10, shorter * 9) << "cycles that both GPUs' requests were under way";
  EXPECT_LE(both * 4, one_by_one * 3) << "a quarter less time than one after the other";
  // GPU 1 wrote its own memory, which nothing had filled.
  with_content(object_[1], [](std::uint8_t* at) {
    EXPECT_TRUE(std::all_of(at, at + kSize, [](std::uint8_t byte) { return byte == 0; }));
  });
}

TEST_F(LinkedCopies, FreeAdlWaitsForTheGpuThatUsesIt) {
  covers("R142", "G5", "kmd.parallel");
  Timed run[2];
  Timed freed[2];
  const auto free = [&](unsigned which) {
    GdmFreeAdl args{};
    args.adl = adl_[which];
    freed[which].begin = now();
    freed[which].status = send(GDM_ESCAPE_FREE_ADL, args);
    freed[which].end = now();
  };
  const std::uint32_t unused = allocate(object_[0]);
  Timed other;
  together({[&] { run[0] = copy(0); }, [&] { run[1] = copy(1); },
            [&] {
              machine().engine().wait_cycles(500);
              GdmFreeAdl args{};
              args.adl = unused;
              other.status = send(GDM_ESCAPE_FREE_ADL, args);
              other.end = now();
              free(0);
              free(1);
            }});
  EXPECT_EQ(other.status, STATUS_SUCCESS);
  EXPECT_LT(other.end, run[0].end) << "nobody used that one";
  for (unsigned i = 0; i < 2; ++i) {
    EXPECT_EQ(run[i].status, STATUS_SUCCESS) << "GPU " << i;
    EXPECT_EQ(freed[i].status, STATUS_SUCCESS);
    EXPECT_LT(freed[0].begin, run[i].end);
    EXPECT_GE(freed[i].end, run[i].end);
  }
  EXPECT_TRUE(kernel_->faults().empty());
}

}  // namespace
}  // namespace gpudmar::test
