// SPDX-License-Identifier: Apache-2.0
// Names of handles and places of device addresses, both ways.
#include "sim/replay/handles.h"

#include <gtest/gtest.h>

namespace gpudmar::sim::replay {
namespace {

using nlohmann::json;

TEST(Handles, EveryValueHasATextThatLeadsBack) {
  Handles handles;
  EXPECT_EQ(handles.make("object", 0x2A00), "object1");
  EXPECT_EQ(handles.make("object", 0x2B00), "object2");
  EXPECT_EQ(handles.make("view", 0x7000'0000, 0x2000), "view1");
  EXPECT_EQ(handles.show(0), json());
  EXPECT_EQ(handles.show(0x2B00), "object2");
  EXPECT_EQ(handles.show(0x7000'1000), "view1+0x1000");
  EXPECT_EQ(handles.show(0x6FFF'F000), "view1+0xfffffffffffff000");
  EXPECT_EQ(handles.show(0x2C00), "0x2c00");
  for (const std::uint64_t value : {0x0ULL, 0x2A00ULL, 0x7000'1000ULL, 0x6FFF'F000ULL, 0x2C00ULL})
    EXPECT_EQ(handles.read(handles.show(value)), value);
  EXPECT_EQ(handles.read("object3"), std::nullopt);
  EXPECT_EQ(handles.read(7), std::nullopt);
  EXPECT_EQ(Handles::name_in("view1+0x1000"), "view1");
  EXPECT_EQ(Handles::name_in("0x10"), "");
  EXPECT_EQ(Handles::name_in(nullptr), "");
}

TEST(Handles, AValueThatComesAgainBelongsToTheNewestName) {
  Handles handles;
  (void)handles.make("adl", 0x1000);
  (void)handles.make("adl", 0x1000);
  EXPECT_EQ(handles.show(0x1000), "adl2");
  EXPECT_EQ(handles.value("adl1"), 0x1000U);
}

TEST(PageBook, AddressesArePlacesInAdls) {
  PageBook book;
  book.add({"adl1", 0, {100, 7}, {0x5000, 0x6000}, true});
  book.add({"adl2", 1, {100}, {0x9000}, true});
  EXPECT_EQ(book.place(0, 7 * 4096 + 5), json({{"adl", "adl1"}, {"offset", 4101}}));
  EXPECT_EQ(book.place(1, 100 * 4096), json({{"adl", "adl2"}, {"offset", 0}}));
  EXPECT_EQ(book.place(1, 7 * 4096), json({{"address", "0x7000"}}));
  EXPECT_EQ(book.address({{"adl", "adl1"}, {"offset", 4101}}), 7U * 4096 + 5);
  EXPECT_EQ(book.address({{"adl", "adl1"}, {"offset", 8192}}), std::nullopt);
  EXPECT_EQ(book.address({{"adl", "none"}}), std::nullopt);
  EXPECT_EQ(book.address({{"address", "0x7000"}}), 0x7000U);
  EXPECT_EQ(book.physical(0, 7 * 4096 + 5), 0x6000U * 4096 + 5);
  EXPECT_EQ(book.physical(0, 0x123), 0x123U);
}

TEST(PageBook, ALiveAdlComesBeforeOneThatHasEnded) {
  PageBook book;
  book.add({"adl1", 0, {5}, {50}, true});
  book.add({"adl2", 0, {5}, {60}, true});
  EXPECT_EQ(book.place(0, 5 * 4096)["adl"], "adl2");
  book.end("adl2");
  EXPECT_EQ(book.place(0, 5 * 4096)["adl"], "adl1");
  book.end("adl1");
  EXPECT_EQ(book.place(0, 5 * 4096)["adl"], "adl2");
}

}  // namespace
}  // namespace gpudmar::sim::replay
