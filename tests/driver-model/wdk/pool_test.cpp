// SPDX-License-Identifier: Apache-2.0
// Pool over a source of pages: sizes, alignment, pages that come and go; and I/O ports, which are not there.
#include <gmock/gmock.h>

#include <cstdlib>
#include <map>
#include <string>
#include <utility>

#include "driver-model/wdk/runtime/runtime.h"
#include "tests/support/fake_platform.h"

namespace {

using gpudmar::wdk::PoolArena;
using gpudmar::wdk::Runtime;
using ::testing::HasSubstr;

struct Source {
  std::size_t left = 8;  // pages
  std::map<void*, std::size_t> given;
  std::size_t refusals = 0;  // of taking back
  [[nodiscard]] void* take(std::size_t pages) {
    if (pages > left) return nullptr;
    left -= pages;
    void* address = std::aligned_alloc(PAGE_SIZE, pages * PAGE_SIZE);
    given[address] = pages;
    return address;
  }
  void give(void* address, std::size_t pages) {
    if (refusals > 0) {
      --refusals;
      throw std::logic_error("locked");
    }
    EXPECT_EQ(given.at(address), pages);
    left += pages;
    given.erase(address);
    std::free(address);
  }
  PoolArena arena{[this](std::size_t pages) { return take(pages); },
                  [this](void* address, std::size_t pages) { give(address, pages); }};
};

TEST(PoolArena, SmallBlocksShareAPageAndCrossNone) {
  Source source;
  void* a = source.arena.allocate(24);
  void* b = source.arena.allocate(30);
  void* c = source.arena.allocate(100);
  EXPECT_EQ(source.given.size(), 2u) << "one page for blocks of 32, one for those of 128";
  EXPECT_EQ(source.arena.size_of(a), 32u);
  EXPECT_EQ(PAGE_ALIGN(a), PAGE_ALIGN(b));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(c) % 128, 0u);
  source.arena.free(a);
  EXPECT_EQ(source.arena.allocate(17), a) << "the freed block";
  EXPECT_TRUE(source.arena.holds(a));
  EXPECT_TRUE(source.arena.holds(static_cast<UCHAR*>(c) + 127));
  EXPECT_FALSE(source.arena.holds(&source));
  source.arena.free(a);
  source.arena.free(b);
  source.arena.free(c);
  EXPECT_FALSE(source.arena.holds(a));
  EXPECT_TRUE(source.given.empty());
  EXPECT_EQ(source.left, 8u);
}

TEST(PoolArena, OthersHavePagesOfTheirOwn) {
  Source source;
  void* a = source.arena.allocate(PAGE_SIZE / 2 + 1);
  void* b = source.arena.allocate(2 * PAGE_SIZE + 1);
  EXPECT_EQ(source.given.at(a), 1u);
  EXPECT_EQ(source.given.at(b), 3u);
  EXPECT_EQ(source.arena.allocate(5 * PAGE_SIZE), nullptr) << "four are left";
  source.refusals = 1;
  EXPECT_THROW(source.arena.free(b), std::logic_error);
  EXPECT_EQ(source.arena.size_of(b), 3u * PAGE_SIZE) << "it stays";
  source.arena.free(b);
  source.arena.free(a);
  EXPECT_EQ(source.left, 8u);
}

TEST(PoolArena, APageFillsBeforeTheNextIsTaken) {
  Source source;
  std::vector<void*> blocks;
  for (int i = 0; i < 256; ++i) blocks.push_back(source.arena.allocate(16));
  EXPECT_EQ(source.given.size(), 1u);
  blocks.push_back(source.arena.allocate(16));
  EXPECT_EQ(source.given.size(), 2u);
  for (void* block : blocks) source.arena.free(block);
  EXPECT_TRUE(source.given.empty());
}

struct PoolTest : ::testing::Test {
  gpudmar::test::FakePlatform fake;
  Source source;
  std::string printed;
  Runtime runtime{fake.platform, [this] {
                    Runtime::Options options;
                    options.take_pool_pages = [this](std::size_t pages) { return source.take(pages); };
                    options.give_pool_pages = [this](void* address, std::size_t pages) {
                      source.give(address, pages);
                    };
                    options.debug_output = [this](std::string_view text) { printed += text; };
                    return options;
                  }()};
};

TEST_F(PoolTest, OnlyNonPagedPoolComesFromTheSource) {
  PVOID paged = ExAllocatePool2(POOL_FLAG_PAGED, PAGE_SIZE, 'tseT');
  PVOID old = ExAllocatePoolWithTag(PagedPool, 64, 'tseT');
  EXPECT_TRUE(source.given.empty());
  auto* block = static_cast<UCHAR*>(ExAllocatePool2(POOL_FLAG_NON_PAGED, PAGE_SIZE, 'tseT'));
  EXPECT_EQ(source.given.count(block), 1u);
  EXPECT_EQ(block[PAGE_SIZE - 1], 0) << "zeroed";
  auto* raw = static_cast<UCHAR*>(ExAllocatePoolWithTag(NonPagedPoolNx, 64, 'tseT'));
  EXPECT_EQ(raw[63], 0xCD) << "not zeroed, and that shows";
  EXPECT_EQ(ExAllocatePool2(POOL_FLAG_NON_PAGED, 8 * PAGE_SIZE, 'tseT'), nullptr);
  EXPECT_THROW(ExFreePoolWithTag(block, 'rehT'), gpudmar::wdk::BugCheck);
  EXPECT_EQ(runtime.pool_blocks(), 4u);
  for (PVOID each : {paged, old, static_cast<PVOID>(block), static_cast<PVOID>(raw)}) ExFreePool(each);
  EXPECT_TRUE(source.given.empty());
  EXPECT_THROW(ExFreePool(block), gpudmar::wdk::BugCheck) << "twice";
}

TEST_F(PoolTest, WhatIsWrittenPastABlockIsFoundWhenItIsFreed) {
  for (const SIZE_T bytes : {SIZE_T{100}, SIZE_T{PAGE_SIZE + 100}})
    for (const POOL_FLAGS kind : {POOL_FLAG_NON_PAGED, POOL_FLAG_PAGED})  // of the source, of the host
      for (const SIZE_T past : {SIZE_T{0}, SIZE_T{19}, SIZE_T{27}}) {
        auto* block = static_cast<UCHAR*>(ExAllocatePool2(kind, bytes, 'baTt'));
        ASSERT_NE(block, nullptr);
        const UCHAR old = std::exchange(block[bytes + past], 0);
        std::string told;
        try {
          ExFreePoolWithTag(block, 'baTt');
        } catch (const gpudmar::wdk::KernelRuleError& error) {
          told = error.what();
        }
        EXPECT_THAT(told, HasSubstr("of " + std::to_string(bytes) +
                                    " bytes, tag 'tTab', was written past its end: "
                                    "at offset " +
                                    std::to_string(bytes + past)));
        block[bytes + past] = old;
        block[bytes - 1] = 1;
        EXPECT_NO_THROW(ExFreePoolWithTag(block, 'baTt'));
      }
  EXPECT_EQ(runtime.pool_blocks(), 0u);
}

TEST_F(PoolTest, WhatTheSourceDoesNotTakeBackIsARule) {
  PVOID block = ExAllocatePool2(POOL_FLAG_NON_PAGED, PAGE_SIZE, 'tseT');
  source.refusals = 1;
  EXPECT_THROW(ExFreePool(block), gpudmar::wdk::KernelRuleError);
  EXPECT_EQ(runtime.pool_blocks(), 1u);
  runtime.drop_pool();
  EXPECT_EQ(runtime.pool_blocks(), 0u);
  EXPECT_TRUE(source.given.empty());
}

TEST_F(PoolTest, OlderCalls) {
  auto* plain = static_cast<UCHAR*>(ExAllocatePool(NonPagedPoolNx, 64));
  EXPECT_EQ(source.given.size(), 1u) << "non-paged";
  ExFreePoolWithTag(plain, 'enoN');
  for (auto* zeroed :
       {static_cast<UCHAR*>(ExAllocatePoolQuotaZero(NonPagedPoolNx, 64, 'tseT')),
        static_cast<UCHAR*>(ExAllocatePoolPriorityZero(NonPagedPoolNx, 64, 'tseT', NormalPoolPriority))}) {
    EXPECT_EQ(zeroed[63], 0);
    ExFreePoolWithTag(zeroed, 'tseT');
  }
  auto* raw = static_cast<UCHAR*>(ExAllocatePoolQuotaUninitialized(NonPagedPoolNx, 64, 'tseT'));
  EXPECT_EQ(raw[63], 0xCD);
  ExFreePool(raw);
  ExFreePool(ExAllocatePoolWithQuota(PagedPool, 64));
  EXPECT_EQ(ExAllocatePoolWithTagPriority(NonPagedPoolNx, 9 * PAGE_SIZE, 'tseT', HighPoolPriority), nullptr);
  EXPECT_THROW((void)ExAllocatePoolWithQuotaTag(NonPagedPoolNx, 9 * PAGE_SIZE, 'tseT'), std::bad_alloc);
  const auto may_fail = static_cast<POOL_TYPE>(NonPagedPoolNx | POOL_QUOTA_FAIL_INSTEAD_OF_RAISE);
  EXPECT_EQ(ExAllocatePoolWithQuotaTag(may_fail, 9 * PAGE_SIZE, 'tseT'), nullptr);
  EXPECT_EQ(runtime.pool_blocks(), 0u);
}

TEST_F(PoolTest, NothingAnswersAtAPort) {
  auto* port = reinterpret_cast<PUCHAR>(ULONG_PTR{0x3C4});
  EXPECT_EQ(READ_PORT_UCHAR(port), 0xFF);
  WRITE_PORT_UCHAR(port, 1);
  EXPECT_EQ(READ_PORT_ULONG(reinterpret_cast<PULONG>(ULONG_PTR{0xCF8})), 0xFFFFFFFFu);
  USHORT words[2] = {};
  READ_PORT_BUFFER_USHORT(reinterpret_cast<PUSHORT>(ULONG_PTR{0x1F0}), words, 2);
  EXPECT_EQ(words[1], 0xFFFF);
  EXPECT_THAT(printed, HasSubstr("READ_PORT_UCHAR: nothing answers at port 0x3c4"));
  EXPECT_EQ(printed.find("WRITE_PORT_UCHAR"), std::string::npos) << "told once";
}

}  // namespace
