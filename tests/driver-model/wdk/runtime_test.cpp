// SPDX-License-Identifier: Apache-2.0
// The kernel runtime: register windows, pool, debug output, one instance.
#include "driver-model/wdk/runtime/runtime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "tests/support/fake_platform.h"

namespace {

using gpudmar::test::FakeMmio;
using gpudmar::wdk::BugCheck;
using gpudmar::wdk::Runtime;

constexpr ULONG kTag = 'tseT';

struct RuntimeTest : ::testing::Test {
  gpudmar::test::FakePlatform fake;
  std::string printed;
  Runtime runtime{fake.platform, [this] {
                    Runtime::Options options;
                    options.debug_output = [this](std::string_view text) { printed += text; };
                    return options;
                  }()};
};

volatile ULONG* at(void* base, std::size_t offset) {
  return reinterpret_cast<volatile ULONG*>(static_cast<char*>(base) + offset);
}

TEST_F(RuntimeTest, RegisterAccessesReachTheWindowTheyPointInto) {
  FakeMmio first(0x1000, 4096);
  FakeMmio second(0x2000, 4096);
  void* a = runtime.map_mmio(first);
  void* b = runtime.map_mmio(second);
  WRITE_REGISTER_ULONG(at(a, 0x10), 0x11);
  WRITE_REGISTER_ULONG64(reinterpret_cast<volatile ULONG64*>(at(b, 0xFF8)), 0x2233445566778899);
  EXPECT_EQ(first.peek32(0x10), 0x11u);
  EXPECT_EQ(second.peek64(0xFF8), 0x2233445566778899u);
  EXPECT_EQ(READ_REGISTER_ULONG(at(b, 0xFFC)), 0x22334455u);
  EXPECT_EQ(READ_REGISTER_USHORT(reinterpret_cast<volatile USHORT*>(at(b, 0xFFA))), 0x6677);
  EXPECT_EQ(READ_REGISTER_UCHAR(reinterpret_cast<volatile UCHAR*>(at(b, 0xFFB)) + 0), 0x66);
  EXPECT_EQ(first.log.size(), 1u);
}

TEST_F(RuntimeTest, SmallRegisterWritesAreRefused) {
  FakeMmio mmio(0x1000, 4096);
  void* base = runtime.map_mmio(mmio);
  EXPECT_THROW(WRITE_REGISTER_UCHAR(static_cast<volatile UCHAR*>(base), 1), gpudmar::hw::HardwareError);
  EXPECT_TRUE(mmio.log.empty());
}

TEST_F(RuntimeTest, RegisterFunctionsWorkOnMemory) {
  ULONG word = 7;
  EXPECT_EQ(READ_REGISTER_ULONG(&word), 7u);
  WRITE_REGISTER_ULONG(&word, 9);
  EXPECT_EQ(word, 9u);
}

TEST_F(RuntimeTest, UnmappedWindowIsGone) {
  FakeMmio mmio(0x1000, 4096);
  void* base = runtime.map_mmio(mmio);
  runtime.unmap_mmio(base);
  EXPECT_EQ(runtime.find_register(base).mmio, nullptr);
  EXPECT_THROW(runtime.unmap_mmio(base), std::invalid_argument);
}

TEST_F(RuntimeTest, PartOfAWindowIsAWindow) {
  FakeMmio mmio(0x10000, 0x3000);
  void* part = runtime.map_mmio(mmio, 0x1F00, 0x200);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(part) % 0x1000, 0xF00u)
      << "as deep in its page as the registers";
  WRITE_REGISTER_ULONG(at(part, 0x104), 0x77);
  EXPECT_EQ(mmio.peek32(0x2004), 0x77u);
  EXPECT_EQ(runtime.find_register(static_cast<char*>(part) + 0x1100).mmio, nullptr) << "behind its pages";
  EXPECT_THROW(runtime.unmap_mmio(static_cast<char*>(part) + 4), std::invalid_argument);
  runtime.unmap_mmio(part);
  EXPECT_EQ(runtime.find_register(part).mmio, nullptr);
}

using RuntimeDeathTest = RuntimeTest;
TEST_F(RuntimeDeathTest, PlainDereferenceOfARegisterFaults) {
  FakeMmio mmio(0x1000, 4096);
  void* base = runtime.map_mmio(mmio);
  EXPECT_DEATH(*at(base, 0) = 1, "");
}

TEST_F(RuntimeTest, OnlyOneRuntimeLives) { EXPECT_THROW(Runtime{fake.platform}, std::logic_error); }

TEST(Runtime, NoneMeansAnError) {
  EXPECT_THROW(KeGetCurrentIrql(), std::logic_error);
  EXPECT_EQ(Runtime::active_or_null(), nullptr);
}

TEST_F(RuntimeTest, Pool2ZeroesAndWithTagDoesNot) {
  auto* zeroed = static_cast<unsigned char*>(ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, kTag));
  auto* raw = static_cast<unsigned char*>(ExAllocatePoolWithTag(NonPagedPoolNx, 100, kTag));
  ASSERT_NE(zeroed, nullptr);
  ASSERT_NE(raw, nullptr);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(zeroed[i], 0);
  EXPECT_NE(raw[50], 0);
  EXPECT_EQ(runtime.pool_blocks(), 2u);
  EXPECT_EQ(runtime.pool_bytes(), 200u);
  ExFreePoolWithTag(zeroed, kTag);
  ExFreePool(raw);
  EXPECT_EQ(runtime.pool_blocks(), 0u);
}

TEST_F(RuntimeTest, PoolAlignment) {
  void* page = ExAllocatePool2(POOL_FLAG_NON_PAGED, PAGE_SIZE, kTag);
  EXPECT_EQ(BYTE_OFFSET(page), 0u);
  for (int i = 0; i < 64; ++i) {
    void* small = ExAllocatePool2(POOL_FLAG_NON_PAGED, 200, kTag);
    EXPECT_EQ(reinterpret_cast<ULONG_PTR>(small) % 16, 0u);
    EXPECT_LE(BYTE_OFFSET(small) + 200, ULONG{PAGE_SIZE});
  }
}

TEST_F(RuntimeTest, PoolMisuse) {
  EXPECT_EQ(ExAllocatePool2(POOL_FLAG_NON_PAGED, 16, 0), nullptr);
  EXPECT_EQ(ExAllocatePool2(0, 16, kTag), nullptr);
  EXPECT_EQ(ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_PAGED, 16, kTag), nullptr);
  EXPECT_EQ(ExAllocatePool2(POOL_FLAG_NON_PAGED | 0x40000000, 16, kTag), nullptr);
  EXPECT_THROW(ExFreePool(&printed), BugCheck);
  void* block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 16, kTag);
  EXPECT_THROW(ExFreePoolWithTag(block, kTag + 1), BugCheck);
  runtime.fail_pool_after(1);
  EXPECT_NE(ExAllocatePool2(POOL_FLAG_NON_PAGED, 16, kTag), nullptr);
  EXPECT_EQ(ExAllocatePool2(POOL_FLAG_NON_PAGED, 16, kTag), nullptr);
}

TEST_F(RuntimeTest, BugCheckCarriesItsParameters) {
  try {
    KeBugCheckEx(0x113, 1, 2, 3, 4);
    FAIL() << "KeBugCheckEx returned";
  } catch (const BugCheck& stop) {
    EXPECT_EQ(stop.code(), 0x113u);
    EXPECT_EQ(stop.parameter(3), 4u);
    EXPECT_THAT(stop.what(), ::testing::HasSubstr("0x113"));
  }
}

TEST_F(RuntimeTest, DebugPrintKnowsTheKernelsFormats) {
  WCHAR text[] = {'a', 'b', 'c', 0};
  UNICODE_STRING string;
  RtlInitUnicodeString(&string, text);
  string.Length = 4;
  DbgPrint("%u %I64x %Iu %wZ|%ws|%-5s|%05d|%lu|%p %%", 7u, 0x123456789ABCull, SIZE_T{9}, &string, text, "x",
           -12, 3u, nullptr);
  EXPECT_EQ(printed, "7 123456789abc 9 ab|abc|x    |-0012|3|0000000000000000 %");
}

}  // namespace
