// SPDX-License-Identifier: Apache-2.0
// Commands from several threads: the GPUs of a link work at the same time, one GPU does one command after the
// other, and nothing that a GPU works on goes away meanwhile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <vector>

#include "tests/driver-model/kmd/fake_system.h"
#include "tests/support/covers.h"
#include "tests/support/turns.h"

namespace {

using gpudmar::test::covers;
using gpudmar::test::FakeSystem;
using gpudmar::test::Turns;

constexpr std::uint64_t kLatency = 5000;  // of each of a copy's two descriptors
constexpr std::uint64_t kBytes = 2 * PAGE_SIZE;

struct Span {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  NTSTATUS status = STATUS_UNSUCCESSFUL;
};

struct KmdParallel : ::testing::Test {
  FakeSystem system;
  Turns turns;
  std::uint32_t object_id = 0;
  std::uint32_t list[2] = {};  // ADLs of the object

  void SetUp() override {
    ASSERT_EQ(system.start(), STATUS_SUCCESS);
    for (const auto& gpu : system.gpus) gpu->latency = kLatency;
    GdmCreateObject create{};
    create.size = kBytes;
    create.high = ~0ull;
    create.with_adapter = 1;
    ASSERT_EQ(system.escape(GDM_ESCAPE_CREATE_OBJECT, create), STATUS_SUCCESS);
    object_id = create.object;
    for (std::uint32_t& id : list) id = allocate();
    system.platform.time.on_wait = [this] { turns.pass(); };
  }
  void TearDown() override {
    system.platform.time.on_wait = {};
    if (system.contexts.empty()) return;
    system.stop();
    EXPECT_TRUE(system.objects.empty());
    EXPECT_THAT(system.misuse, ::testing::IsEmpty());
  }
  std::uint32_t allocate() {
    GdmAllocateAdl args{};
    args.object = object_id;
    args.size = kBytes;
    args.flags = GDM_ADL_PREFER_CONTIGUOUS;
    EXPECT_EQ(system.escape(GDM_ESCAPE_ALLOCATE_ADL, args), STATUS_SUCCESS);
    return args.adl;
  }
  [[nodiscard]] std::uint64_t now() const { return system.platform.time.now(); }
  void wait(std::uint64_t cycles) { system.platform.time.wait(cycles); }
  Span timed(const std::function<NTSTATUS()>& command) {
    Span span;
    span.begin = now();
    span.status = command();
    span.end = now();
    return span;
  }
  Span copy(std::uint32_t gpu, std::uint32_t adl) {
    return timed([&] {
      GdmCopy args{};
      args.adapter_index = gpu;
      args.source = {GDM_OPERAND_ADL, adl, 0};
      args.destination = {GDM_OPERAND_VRAM, 0, 0};
      args.size = kBytes;
      return system.escape(GDM_ESCAPE_COPY, args);
    });
  }
  Span free(std::uint32_t adl) {
    return timed([&] {
      GdmFreeAdl args{};
      args.adl = adl;
      return system.escape(GDM_ESCAPE_FREE_ADL, args);
    });
  }
};

TEST_F(KmdParallel, TwoGpusOfALinkCopyAtTheSameTime) {
  covers("kmd.parallel");
  const Span alone = copy(0, list[0]);
  ASSERT_EQ(alone.status, STATUS_SUCCESS);
  const std::uint64_t cycles = alone.end - alone.begin;
  ASSERT_GE(cycles, 2 * kLatency);
  Span span[2];
  turns.run({[&] { span[0] = copy(0, list[0]); }, [&] { span[1] = copy(1, list[0]); }});
  for (const Span& s : span) EXPECT_EQ(s.status, STATUS_SUCCESS);
  const std::uint64_t both = std::min(span[0].end, span[1].end) - std::max(span[0].begin, span[1].begin);
  EXPECT_GT(both, cycles * 9 / 10) << "cycles that both were under way";
  EXPECT_LT(std::max(span[0].end, span[1].end) - std::min(span[0].begin, span[1].begin), cycles * 12 / 10);
}

TEST_F(KmdParallel, OneGpuDoesOneCopyAfterTheOther) {
  covers("kmd.parallel");
  Span span[2];
  turns.run({[&] { span[0] = copy(1, list[0]); }, [&] { span[1] = copy(1, list[1]); }});
  for (const Span& s : span) EXPECT_EQ(s.status, STATUS_SUCCESS);
  EXPECT_EQ(system.gpus[1]->descriptors, 4u);
  EXPECT_GE(std::max(span[0].end, span[1].end) - std::min(span[0].begin, span[1].begin), 4 * kLatency);
}

TEST_F(KmdParallel, AnAdlIsFreedAfterTheCopyThatUsesIt) {
  covers("R142", "kmd.parallel");
  Span copies[3];
  Span frees[2];
  turns.run({[&] { copies[0] = copy(0, list[0]); },
             [&] {
               wait(1000);
               frees[0] = free(list[0]);
             },
             [&] {
               wait(2000);
               copies[1] = copy(1, list[0]);  // too late: somebody frees it
               frees[1] = free(list[0]);
               copies[2] = copy(1, list[1]);  // another one's use goes on
             }});
  EXPECT_EQ(copies[0].status, STATUS_SUCCESS) << "its pages stayed";
  EXPECT_EQ(frees[0].status, STATUS_SUCCESS);
  EXPECT_GE(frees[0].end, copies[0].begin + 2 * kLatency);
  EXPECT_EQ(copies[1].status, STATUS_INVALID_HANDLE);
  EXPECT_LT(copies[1].end, copies[0].end);
  EXPECT_EQ(frees[1].status, STATUS_INVALID_HANDLE);
  EXPECT_EQ(copies[2].status, STATUS_SUCCESS);
  EXPECT_LT(copies[2].begin, copies[0].end);
}

TEST_F(KmdParallel, WhatNoChannelUsesIsFreedAtOnce) {
  covers("kmd.parallel");
  Span copied;
  Span freed;
  turns.run({[&] { copied = copy(0, list[0]); },
             [&] {
               wait(1000);
               freed = free(list[1]);
               list[1] = allocate();
             }});
  EXPECT_EQ(copied.status, STATUS_SUCCESS);
  EXPECT_EQ(freed.status, STATUS_SUCCESS);
  EXPECT_LT(freed.end, copied.begin + kLatency);
}

TEST_F(KmdParallel, FreeAdlAndTouchHasAllGpusForItself) {
  covers("G5", "G12", "kmd.parallel");
  Span copied;
  GdmFreeAdlAndTouch touch{};
  turns.run({[&] { copied = copy(1, list[0]); },
             [&] {
               wait(1000);
               touch.adl = list[0];
               touch.bytes = 64;
               EXPECT_EQ(system.escape(GDM_ESCAPE_FREE_ADL_AND_TOUCH, touch), STATUS_SUCCESS);
             },
             [&] {
               wait(2 * kLatency + 2000);  // while the other one touches
               EXPECT_EQ(free(list[0]).status, STATUS_INVALID_HANDLE);
             }});
  EXPECT_EQ(copied.status, STATUS_SUCCESS);
  for (unsigned gpu = 0; gpu < 2; ++gpu) {
    EXPECT_EQ(touch.result[gpu].live_status, STATUS_SUCCESS);
    EXPECT_EQ(touch.result[gpu].read_status, STATUS_DEVICE_DATA_ERROR);
    EXPECT_EQ(touch.result[gpu].write_status, STATUS_DEVICE_DATA_ERROR);
  }
}

TEST_F(KmdParallel, ExclusiveAccessWaitsForItsOwnChannelOnly) {
  covers("R180", "G14", "kmd.parallel");
  Span copied;
  Span begun[2];
  DXGKARG_BEGINEXCLUSIVEACCESS begin{};
  DXGKARG_ENDEXCLUSIVEACCESS end{};
  turns.run({[&] { copied = copy(0, list[0]); },
             [&] {
               wait(1000);
               for (const unsigned gpu : {1u, 0u})
                 begun[gpu] = timed(
                     [&] { return system.driver.DxgkDdiBeginExclusiveAccess(system.contexts[gpu], &begin); });
             }});
  EXPECT_EQ(copied.status, STATUS_SUCCESS);
  EXPECT_EQ(begun[1].status, STATUS_SUCCESS);
  EXPECT_LT(begun[1].end, copied.end);
  EXPECT_EQ(begun[0].status, STATUS_SUCCESS);
  EXPECT_GE(begun[0].end, copied.begin + 2 * kLatency);
  EXPECT_EQ(copy(0, list[0]).status, STATUS_DEVICE_BUSY);
  for (const unsigned gpu : {0u, 1u})
    EXPECT_EQ(system.driver.DxgkDdiEndExclusiveAccess(system.contexts[gpu], &end), STATUS_SUCCESS);
  EXPECT_EQ(copy(0, list[0]).status, STATUS_SUCCESS);
}

TEST_F(KmdParallel, TheLeadStopsWhenAllChannelsAreDone) {
  covers("E2", "kmd.parallel");
  Span copied;
  Span freed;
  Span stopped;
  turns.run({[&] { copied = copy(1, list[0]); },
             [&] {
               wait(1000);
               freed = free(list[0]);
             },
             [&] {
               wait(1500);
               stopped = timed([&] { return system.driver.DxgkDdiStopDevice(system.contexts[0]); });
               EXPECT_TRUE(system.gpus[1]->descriptors >= 2);
             }});
  EXPECT_EQ(copied.status, STATUS_SUCCESS);
  EXPECT_GE(stopped.end, copied.begin + 2 * kLatency);
  // Whoever came first.
  EXPECT_THAT(freed.status, ::testing::AnyOf(STATUS_SUCCESS, STATUS_INVALID_HANDLE));
  EXPECT_EQ(copy(1, list[1]).status, STATUS_INVALID_DEVICE_STATE);
}

}  // namespace
