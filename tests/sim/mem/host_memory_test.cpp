// SPDX-License-Identifier: Apache-2.0
// Host memory and VRAM: maps, mappings of scattered pages, strobes, observers, impossible configurations.
#include "sim/mem/host_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "tests/support/covers.h"

namespace gpudmar::sim {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

std::string refusal(std::vector<hw::MemoryRange> ranges, unsigned bits = 46) {
  try {
    HostMemory memory(std::move(ranges), bits);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "accepted";
}

TEST(HostMemory, DefaultMapHasMemoryAboveOneTiBAndAHoleForMmio) {
  HostMemory memory;
  EXPECT_TRUE(memory.device().contains(0, 2 * kGiB));
  EXPECT_FALSE(memory.device().contains(2 * kGiB, 1));
  EXPECT_FALSE(memory.device().contains(4 * kGiB - 1, 1));
  EXPECT_TRUE(memory.device().contains(4 * kGiB, 2 * kGiB));
  EXPECT_TRUE(memory.device().contains(kTiB + 4 * kGiB - 1, 1));
  EXPECT_FALSE(memory.device().contains(kTiB + 4 * kGiB - 1, 2));
}

TEST(HostMemory, CostsHostMemoryOnlyForTouchedPages) {
  HostMemory memory;
  EXPECT_EQ(memory.device().resident_bytes(), 0U);
  memory.store64(kTiB, 1);
  EXPECT_LE(memory.device().resident_bytes(), 2U << 20);  // at most one huge page
  memory.clear();
  EXPECT_EQ(memory.device().resident_bytes(), 0U);
  EXPECT_EQ(memory.load64(kTiB), 0U);
}

TEST(HostMemory, SpoilingTakesWhateverWasWritten) {
  SparseMemory memory("vram", {{0, kGiB}}, 46);
  const std::vector<std::uint64_t> places{kGiB / 2 + 5, kGiB - 1};
  for (const std::uint64_t place : places) ASSERT_TRUE(memory.write(place, "x", 1));
  memory.spoil(0xA5);
  std::uint8_t byte = 0;
  for (const std::uint64_t place :
       {std::uint64_t{0}, std::uint64_t{4095}, places[0], places[1], places[1] - 4095}) {
    ASSERT_TRUE(memory.read(place, &byte, 1));
    EXPECT_EQ(byte, 0xA5) << place;
  }
  EXPECT_LE(memory.resident_bytes(), 6U << 20);  // at most a huge page for each
}

TEST(HostMemory, MapsScatteredPagesToOneRun) {
  HostMemory memory;
  const std::vector<hw::PhysAddr> pages{kTiB + 5 * hw::kPageSize, 3 * hw::kPageSize, 4 * hw::kPageSize,
                                        kTiB + 2 * hw::kPageSize};
  auto* view = static_cast<char*>(memory.map(pages, true));
  for (std::size_t i = 0; i < pages.size(); ++i)
    std::memset(view + i * hw::kPageSize, static_cast<int>('a' + i), hw::kPageSize);
  for (std::size_t i = 0; i < pages.size(); ++i) {
    std::array<char, 2> edge{};
    ASSERT_TRUE(memory.device().read(pages[i], edge.data(), 1));
    ASSERT_TRUE(memory.device().read(pages[i] + hw::kPageSize - 1, edge.data() + 1, 1));
    EXPECT_EQ(edge[0], static_cast<char>('a' + i));
    EXPECT_EQ(edge[1], static_cast<char>('a' + i));
  }
  ASSERT_TRUE(memory.device().write(pages[3] + 7, "Z", 1));  // and the other way
  EXPECT_EQ(view[3 * hw::kPageSize + 7], 'Z');
  EXPECT_EQ(memory.mappings(), 1U);
  memory.unmap(view, pages.size());
  EXPECT_EQ(memory.mappings(), 0U);
}

TEST(HostMemory, TheSamePageMayBeMappedTwice) {
  HostMemory memory;
  auto* first = static_cast<char*>(memory.map({kTiB}, true));
  const auto* second = static_cast<const char*>(memory.map({kTiB, kTiB}, false));
  first[9] = 'x';
  EXPECT_EQ(second[9], 'x');
  EXPECT_EQ(second[hw::kPageSize + 9], 'x');
  memory.unmap(first, 1);
}

TEST(HostMemory, KnowsThePageBehindAnAddress) {
  HostMemory memory;
  auto* view = static_cast<char*>(memory.map({kTiB, 3 * hw::kPageSize}, true));
  EXPECT_EQ(memory.physical(view), kTiB);
  EXPECT_EQ(memory.physical(view + hw::kPageSize + 17), 3 * hw::kPageSize + 17);
  EXPECT_EQ(memory.physical(view + 2 * hw::kPageSize), std::nullopt);
  EXPECT_EQ(memory.physical(view - 1), std::nullopt);
  memory.unmap(view, 2);
  EXPECT_EQ(memory.physical(view), std::nullopt);
}

// What the kernel cannot read from there, a stray pointer cannot either.
bool is_there(const char* address) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe(ends.data()), 0);
  const bool there = ::write(ends[1], address, 1) == 1;
  EXPECT_TRUE(there || errno == EFAULT);
  ::close(ends[0]);
  ::close(ends[1]);
  return there;
}

TEST(HostMemory, NothingLiesBesideAView) {
  HostMemory memory;
  const std::size_t bytes = 2 * hw::kPageSize;
  std::vector<char*> views(8);
  for (char*& view : views) view = static_cast<char*>(memory.map({kTiB, 3 * hw::kPageSize}, true));
  for (const char* view : views) {
    EXPECT_TRUE(is_there(view));
    EXPECT_TRUE(is_there(view + bytes - 1));
    for (const std::size_t beyond : {std::size_t{0}, hw::kPageSize, 15 * hw::kPageSize}) {
      EXPECT_FALSE(is_there(view + bytes + beyond)) << beyond;
      EXPECT_FALSE(is_there(view - 1 - beyond)) << beyond;
    }
  }
  const char* const gone = views.front();
  memory.unmap(views.front(), 2);
  for (std::size_t page = 0; page < 2 + 2 * 15; ++page)
    EXPECT_FALSE(is_there(gone - 15 * hw::kPageSize + page * hw::kPageSize)) << page;
}

TEST(HostMemory, RefusesMappingsThatCannotBe) {
  HostMemory memory;
  EXPECT_THAT([&] { (void)memory.map({3 * kGiB}, true); },
              ThrowsMessage<hw::HardwareError>(HasSubstr("0xc0000000 is not RAM")));
  EXPECT_THAT([&] { (void)memory.map({12}, true); },
              ThrowsMessage<hw::HardwareError>(HasSubstr("not page-aligned")));
  EXPECT_THAT([&] { (void)memory.map({}, true); }, ThrowsMessage<hw::HardwareError>(HasSubstr("no pages")));
  void* view = memory.map({0, 4096}, true);
  EXPECT_THAT([&] { memory.unmap(view, 1); },
              ThrowsMessage<hw::HardwareError>(HasSubstr("1 pages, but 2 were mapped")));
  EXPECT_THAT([&] { memory.unmap(&memory, 1); },
              ThrowsMessage<hw::HardwareError>(HasSubstr("not given out")));
}

TEST(HostMemory, WordAccessesAreAlignedAndInRam) {
  HostMemory memory;
  memory.store64(kTiB + 8, 0x1122334455667788);
  EXPECT_EQ(memory.load64(kTiB + 8), 0x1122334455667788U);
  EXPECT_EQ(memory.load32(kTiB + 12), 0x11223344U);
  memory.store32(kTiB + 8, 0);
  EXPECT_EQ(memory.load64(kTiB + 8), 0x1122334400000000U);
  EXPECT_THROW((void)memory.load64(4), hw::HardwareError);
  EXPECT_THROW(memory.store32(2 * kGiB, 1), hw::HardwareError);
}

TEST(HostMemory, DeviceWritesFollowStrobes) {
  HostMemory memory;
  const std::array<unsigned char, 8> data{1, 2, 3, 4, 5, 6, 7, 8};
  ASSERT_TRUE(memory.device().write(64, data.data(), 0b01011010, 8));
  EXPECT_EQ(memory.load64(64), 0x0007000504000200U);
  // Bytes without a strobe need not exist: the last word of a range, written from its lower half.
  EXPECT_TRUE(memory.device().write(2 * kGiB - 4, data.data(), 0x0F, 8));
  EXPECT_FALSE(memory.device().write(2 * kGiB - 4, data.data(), 0x1F, 8));
  EXPECT_TRUE(memory.device().write(3 * kGiB, data.data(), 0x00, 8));
  EXPECT_FALSE(memory.device().read(3 * kGiB, nullptr, 8));
}

class Recorder : public MemoryObserver {
 public:
  void published(hw::PhysAddr address, std::size_t bytes) override { events.emplace_back(address, bytes); }
  void refreshed(hw::PhysAddr address, std::size_t bytes) override { events.emplace_back(~address, bytes); }
  std::vector<std::pair<hw::PhysAddr, std::size_t>> events;
};

TEST(HostMemory, ObserversSeePublishAndRefreshInOrder) {
  HostMemory memory;
  Recorder recorder;
  memory.add_observer(recorder);
  memory.publish(0x1000, 8);
  memory.refresh(0x2000, 16);
  EXPECT_THROW(memory.publish(3 * kGiB, 8), hw::HardwareError);
  memory.remove_observer(recorder);
  memory.publish(0x3000, 8);
  ASSERT_EQ(recorder.events.size(), 2U);
  EXPECT_EQ(recorder.events[0], std::make_pair(hw::PhysAddr{0x1000}, std::size_t{8}));
  EXPECT_EQ(recorder.events[1], std::make_pair(~hw::PhysAddr{0x2000}, std::size_t{16}));
}

TEST(HostMemory, RefusesImpossibleConfigurations) {
  EXPECT_THAT(refusal({}), HasSubstr("no memory at all"));
  EXPECT_THAT(refusal({{0, 0x2000}, {0x1000, 0x1000}}), HasSubstr("overlap"));
  EXPECT_THAT(refusal({{0x800, 0x1000}}), HasSubstr("whole pages"));
  EXPECT_THAT(refusal({{0, 0x1001}}), HasSubstr("whole pages"));
  EXPECT_THAT(refusal({{0, 0}}), HasSubstr("empty range"));
  EXPECT_THAT(refusal({{kTiB, kGiB}}, 40), HasSubstr("more than 40 address bits"));
  EXPECT_THAT(refusal({{kTiB - kGiB, 2 * kGiB}}, 40), HasSubstr("more than 40 address bits"));
  EXPECT_THAT(refusal({{~0ULL << 12, 0x2000}}), HasSubstr("address bits"));
  EXPECT_THAT(refusal({{kGiB, 2 * kGiB}}), HasSubstr("MMIO hole"));
  EXPECT_THAT(refusal({{0, kGiB}}, 70), HasSubstr("70 address bits"));
  EXPECT_EQ(refusal({{kTiB - kGiB, kGiB}, {0, kGiB}}, 40), "accepted");
}

TEST(HostMemory, DeviceMemoryAnswersButIsNotRam) {
  test::covers("R60", "G19");
  HostMemory memory(default_memory_map(), 46, default_device_memory());
  EXPECT_EQ(memory.ram().size(), 3U);
  ASSERT_EQ(memory.device_memory().size(), 1U);
  const hw::MemoryRange peer = memory.device_memory().front();
  for (const hw::MemoryRange& ram : memory.ram())
    EXPECT_TRUE(ram.end() <= peer.base || ram.base >= peer.end());
  void* view = memory.map({peer.base + 0x1000}, true);
  std::memcpy(view, "peer 123", 8);
  std::array<char, 8> seen{};
  EXPECT_TRUE(memory.device().read(peer.base + 0x1000, seen.data(), 8));
  EXPECT_EQ(std::string(seen.data(), 8), "peer 123");
  memory.unmap(view, 1);
  EXPECT_FALSE(memory.device().read(peer.end(), seen.data(), 8));
  EXPECT_THROW(HostMemory({{0, kGiB}}, 46, {{0x1000, 0x1000}}), std::invalid_argument) << "over RAM";
  EXPECT_THROW(HostMemory({{0, kGiB}}, 46, {{0xFEE0'0000, 0x1000}}), std::invalid_argument);
}

TEST(Vram, HasAPowerOfTwoOfBytes) {
  Vram vram(1, 256ULL << 20);
  EXPECT_EQ(vram.size(), 256ULL << 20);
  EXPECT_TRUE(vram.device().write(vram.size() - 1, "x", 1));
  EXPECT_FALSE(vram.device().write(vram.size(), "x", 1));
  EXPECT_THROW(Vram(0, 3 * hw::kPageSize), std::invalid_argument);
  EXPECT_THROW(Vram(0, 1024), std::invalid_argument);
}

}  // namespace
}  // namespace gpudmar::sim
