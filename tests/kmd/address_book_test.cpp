// SPDX-License-Identifier: Apache-2.0
// What a stray address is called.
#include "sim/kmd/address_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using gpudmar::sim::kmd::AddressBook;
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

}  // namespace
