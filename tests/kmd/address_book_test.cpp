// SPDX-License-Identifier: Apache-2.0
// What a stray address is called; and paged pool's pages by level.
#include "sim/kmd/address_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "sim/kmd/paged_pool.h"

namespace {

using gpudmar::sim::kmd::AddressBook;
using gpudmar::sim::kmd::PagedPool;
using ::testing::ElementsAre;
using ::testing::StartsWith;
using Layer = AddressBook::Layer;

const void* at(std::uintptr_t address) { return reinterpret_cast<const void*>(address); }

TEST(AddressBook, NamesWhatIsNear) {
  AddressBook book;
  book.begins(Layer::kPages, at(0x7000'0000), 0x3000, "mapping", {1, 2});
  const auto past = book.find(0x7000'3005);
  EXPECT_EQ(past.text, "5 bytes past the end of the mapping of 0x3000 bytes at 0x70000000");
  EXPECT_TRUE(past.outside);
  EXPECT_THAT(past.given, ElementsAre(1, 2));
  EXPECT_THAT(book.find(0x6FFF'FFF0).text, StartsWith("16 bytes in front of the mapping"));
  const auto inside = book.find(0x7000'0004);
  EXPECT_THAT(inside.text, StartsWith("offset 0x4, where"));
  EXPECT_FALSE(inside.outside);
  EXPECT_EQ(book.find(0x7020'0000).text, "nothing that the driver was given");
  EXPECT_EQ(book.find(0x20).text, "a null pointer");
}

TEST(AddressBook, TheNearerOneIsMeant) {
  AddressBook book;
  book.begins(Layer::kPages, at(0x7000'0000), 0x1000, "first", {});
  book.begins(Layer::kPages, at(0x7001'0000), 0x1000, "second", {});
  EXPECT_EQ(book.find(0x7000'1000).what, "first");
  EXPECT_EQ(book.find(0x7000'FFFF).what, "second");
}

TEST(AddressBook, TellsWhoGaveItBack) {
  AddressBook book;
  book.begins(Layer::kPages, at(0x7000'0000), 0x1000, "pages", {});
  book.begins(Layer::kThing, at(0x7000'0040), 0x40, "block", {3});
  book.ends(Layer::kThing, at(0x7000'0040), {4});
  book.ends(Layer::kPages, at(0x7000'0000), {5});
  const auto gone = book.find(0x7000'0048);
  EXPECT_EQ(gone.text, "offset 0x8 of the block of 0x40 bytes at 0x70000040, which was given back");
  EXPECT_THAT(gone.given, ElementsAre(3));
  EXPECT_THAT(gone.gone, ElementsAre(4));
  EXPECT_THAT(book.find(0x7000'0000).gone, ElementsAre(5));
  book.begins(Layer::kPages, at(0x7000'0000), 0x2000, "next", {});
  EXPECT_EQ(book.find(0x7000'0048).what, "next") << "what lay there before is history";
}

TEST(AddressBook, PagesGetTheirNameLater) {
  AddressBook book;
  book.begins(Layer::kPages, at(0x7000'0000), 0x2000, "system's memory", {});
  book.name(at(0x7000'1000), "paging buffer");
  EXPECT_EQ(book.find(0x7000'2000).what, "paging buffer");
}

// A read by the host's kernel tells what a read by the driver would.
bool is_open(const char* address) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe(ends.data()), 0);
  const bool there = ::write(ends[1], address, 1) == 1;
  EXPECT_TRUE(there || errno == EFAULT);
  ::close(ends[0]);
  ::close(ends[1]);
  return there;
}

struct PagedPoolTest : ::testing::Test {
  static constexpr std::size_t kPages = 4;
  char* pool = static_cast<char*>(
      ::mmap(nullptr, kPages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  bool high = false;
  bool locked = false;
  PagedPool paged{{[this](const void* address) { return address >= pool && address < pool + kPages * 4096; },
                   [this](const void*) { return !locked; }, [this] { return high; }}};
  ~PagedPoolTest() override { ::munmap(pool, kPages * 4096); }
  PagedPool::Fault fault(const char* address) {
    return paged.fault(reinterpret_cast<std::uintptr_t>(address));
  }
};

TEST_F(PagedPoolTest, ClosedAtDispatchLevelOpenBelow) {
  paged.begins(pool + 100, 4096);  // two pages
  paged.close();
  EXPECT_FALSE(is_open(pool));
  EXPECT_FALSE(is_open(pool + 4096));
  EXPECT_TRUE(is_open(pool + 2 * 4096)) << "nobody's block";
  high = true;
  EXPECT_EQ(fault(pool + 4200), PagedPool::Fault::kForbidden);
  EXPECT_EQ(fault(pool + 2 * 4096), PagedPool::Fault::kElsewhere);
  high = false;
  EXPECT_EQ(fault(pool + 4200), PagedPool::Fault::kServed);
  EXPECT_TRUE(is_open(pool));
  EXPECT_TRUE(is_open(pool + 4096));
  EXPECT_EQ(fault(pool + 4200), PagedPool::Fault::kElsewhere) << "it is open: the fault has another cause";
}

TEST_F(PagedPoolTest, LockedPagesStayOpen) {
  paged.begins(pool, 64);
  locked = true;
  paged.close();
  EXPECT_TRUE(is_open(pool));
  locked = false;
  paged.open();
  paged.close();
  high = locked = true;  // locked after the level was raised
  EXPECT_EQ(fault(pool), PagedPool::Fault::kServed);
  EXPECT_TRUE(is_open(pool));
}

TEST_F(PagedPoolTest, NoPageStaysBehindClosed) {
  paged.begins(pool, 64);
  paged.begins(pool + 64, 64);
  paged.ends(pool);
  paged.close();
  EXPECT_FALSE(is_open(pool)) << "the other block is there yet";
  paged.ends(pool + 64);
  EXPECT_TRUE(is_open(pool));
  paged.close();
  EXPECT_TRUE(is_open(pool));
}

}  // namespace
