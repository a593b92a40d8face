// SPDX-License-Identifier: Apache-2.0
// The callbacks from several real threads at once, on objects of their own and on one for all.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "tests/driver-model/dxgkrnl/scripted_miniport.h"
#include "tests/support/covers.h"

namespace gpudmar::dxgkrnl {
namespace {

constexpr unsigned kThreads = 4;

class ThreadTest : public ::testing::Test {
 protected:
  static test::ModelMachine::Options small_machine() {
    test::ModelMachine::Options options;
    options.ram = {{0, 4ULL << 20}, {1ULL << 40, 4ULL << 20}};
    return options;
  }
  void SetUp() override { ASSERT_EQ(s_.start(), STATUS_SUCCESS) << s_.kernel->start_error(); }
  void run(const std::function<void(unsigned)>& body) {
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < kThreads; ++t) threads.emplace_back(body, t);
    for (std::thread& thread : threads) thread.join();
  }
  System s_{small_machine(), {}};
};

TEST_F(ThreadTest, ObjectsOfTheirOwn) {
  test::covers("R98", "R134", "G2");
  const std::uint64_t seed = test::test_seed(98);
  const auto free = s_.kernel->pages().free_pages();
  run([&](unsigned t) {
    std::mt19937_64 random(seed * kThreads + t);
    const ProcessId process = s_.kernel->processes().create("p" + std::to_string(t));
    for (int round = 0; round < 60; ++round) {
      const auto type = static_cast<DXGK_PHYSICAL_MEMORY_TYPE>(random() % 3);
      const SIZE_T pages = 1 + random() % 12;
      auto args =
          create_request(pages << 12, type, random() % 2 == 0 ? s_.table(t % 2).DeviceHandle : nullptr);
      ASSERT_EQ(s_.table().DxgkCbCreatePhysicalMemoryObject(&args), STATUS_SUCCESS);
      HANDLE opened = args.hAdapterMemoryObject;
      if (opened == nullptr) {
        DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT open{args.hPhysicalMemoryObject, s_.table().DeviceHandle,
                                                   nullptr};
        ASSERT_EQ(s_.table().DxgkCbOpenPhysicalMemoryObject(&open), STATUS_SUCCESS);
        opened = open.hAdapterMemoryObject;
      }
      DXGK_ADL* adl = s_.allocate_adl(opened, 0, pages << 12, round % 2 == 0 ? kPreferContiguous : 0);
      const std::uint64_t number =
          adl->Flags.Contiguous != 0 ? adl->BasePageNumber + pages - 1 : adl->Pages[pages - 1];
      const std::uint64_t value = random();
      ASSERT_TRUE(s_.machine.dma_write(0x0100, (number << 12) + 8, value));
      {
        const ProcessScope scope(s_.kernel->processes(), process);
        DXGKARGCB_MAP_PHYSICAL_MEMORY view{args.hPhysicalMemoryObject, DXGK_ACCESS_MODE_USER_MODE,
                                           ((pages - 1) << 12) + 8, 8, nullptr};
        ASSERT_EQ(s_.table().DxgkCbMapPhysicalMemory(&view), STATUS_SUCCESS);
        std::uint64_t seen = 0;
        std::memcpy(&seen, static_cast<char*>(view.pMappedAddress) + view.Offset, 8);
        EXPECT_EQ(seen, value);
        const DXGKARGCB_UNMAP_PHYSICAL_MEMORY unmap{args.hPhysicalMemoryObject, view.pMappedAddress,
                                                    view.Size};
        s_.table().DxgkCbUnmapPhysicalMemory(&unmap);
      }
      s_.free_adl(opened, adl);
      if (round % 3 == 0) (void)s_.kernel->trim(8);
      s_.destroy(args.hPhysicalMemoryObject, opened);
    }
    s_.kernel->exit_process(process);
  });
  EXPECT_TRUE(s_.kernel->objects().empty());
  EXPECT_EQ(s_.kernel->pages().locked_pages(), 0U);
  EXPECT_EQ(s_.kernel->pages().committed_pages(), 0U);
  EXPECT_EQ(s_.kernel->adapters()[0].logical_pages_used, 0U);
  EXPECT_TRUE(s_.kernel->faults().empty());
  EXPECT_LE(free - s_.kernel->pages().free_pages(), 4U) << "page tables stay, nothing else";
  EXPECT_EQ(s_.kernel->stop(), STATUS_SUCCESS);
}

TEST_F(ThreadTest, OneObjectForAll) {
  test::covers("R98", "R136", "R140");
  auto args = create_request(64 << 12, DXGK_PHYSICAL_MEMORY_TYPE_SECTION, s_.table().DeviceHandle);
  ASSERT_EQ(s_.table().DxgkCbCreatePhysicalMemoryObject(&args), STATUS_SUCCESS);
  const std::uint64_t seed = test::test_seed(99);
  std::mutex mutex;
  std::set<std::uint64_t> live;  // numbers that somebody holds
  std::atomic<int> lists{0};
  run([&](unsigned t) {
    std::mt19937_64 random(seed * kThreads + t);
    for (int round = 0; round < 60; ++round) {
      const SIZE_T first = random() % 60;
      const SIZE_T count = 1 + random() % 4;
      DXGK_ADL* adl = s_.allocate_adl(args.hAdapterMemoryObject, first << 12, count << 12);
      std::vector<std::uint64_t> numbers(adl->Pages, adl->Pages + count);
      {
        const std::lock_guard guard(mutex);
        for (const std::uint64_t number : numbers)
          EXPECT_TRUE(live.insert(number).second) << "given out twice";
      }
      // A word of each page for each thread.
      for (SIZE_T i = 0; i < count; ++i)
        ASSERT_TRUE(s_.machine.dma_write(0x0100, (numbers[i] << 12) + 8 * t, seed + first + i));
      if (round % 5 == 0) (void)s_.kernel->trim(16);
      for (SIZE_T i = 0; i < count; ++i)
        EXPECT_EQ(s_.machine.dma_read(0x0200, (numbers[i] << 12) + 8 * t), seed + first + i);
      {
        const std::lock_guard guard(mutex);
        for (const std::uint64_t number : numbers) live.erase(number);
      }
      s_.free_adl(args.hAdapterMemoryObject, adl);
      ++lists;
    }
  });
  EXPECT_EQ(lists, 60 * static_cast<int>(kThreads));
  EXPECT_TRUE(s_.object(args.hPhysicalMemoryObject).adls.empty());
  EXPECT_EQ(s_.kernel->pages().locked_pages(), 0U);
  EXPECT_TRUE(s_.kernel->faults().empty());
}

TEST_F(ThreadTest, OnlyOneOpens) {
  test::covers("R98", "R81");
  const auto args = s_.create(0x1000, DXGK_PHYSICAL_MEMORY_TYPE_MDL, false);
  for (int round = 0; round < 40; ++round) {
    std::atomic<int> opened{0};
    std::atomic<HANDLE> handle{nullptr};
    run([&](unsigned t) {
      DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT open{args.hPhysicalMemoryObject, s_.table(t % 2).DeviceHandle,
                                                 nullptr};
      const NTSTATUS status = s_.table().DxgkCbOpenPhysicalMemoryObject(&open);
      if (status == STATUS_SUCCESS) {
        ++opened;
        handle = open.hAdapterMemoryObject;
      } else {
        EXPECT_EQ(status, STATUS_ALREADY_REGISTERED);
      }
    });
    ASSERT_EQ(opened, 1);
    const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT close{handle};
    s_.table().DxgkCbClosePhysicalMemoryObject(&close);
  }
}

}  // namespace
}  // namespace gpudmar::dxgkrnl
