// SPDX-License-Identifier: Apache-2.0
// The qtest protocol against a memory of a few pages: QEMU's answers to the letter, and an answer to
// anything.
#include "sim/serve/qtest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <random>

namespace gpudmar::sim {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

/// 64 KiB at 0; nothing elsewhere.
class Memory final : public QtestTarget {
 public:
  std::uint64_t load(std::uint64_t address, unsigned bytes) override {
    std::uint64_t value = 0;
    read(address, reinterpret_cast<std::uint8_t*>(&value), bytes);
    return value;
  }
  void store(std::uint64_t address, std::uint64_t value, unsigned bytes) override {
    write(address, reinterpret_cast<const std::uint8_t*>(&value), bytes);
  }
  void read(std::uint64_t address, std::uint8_t* to, std::size_t count) override {
    if (address >= bytes.size() || count > bytes.size() - address) throw QtestError("nothing there");
    std::memcpy(to, bytes.data() + address, count);
  }
  void write(std::uint64_t address, const std::uint8_t* from, std::size_t count) override {
    if (address >= bytes.size() || count > bytes.size() - address) throw QtestError("nothing there");
    std::memcpy(bytes.data() + address, from, count);
  }
  std::uint64_t clock_step(std::optional<std::uint64_t> ns) override { return now += ns.value_or(10); }
  std::uint64_t violations() override { return 3; }

  std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(65536);
  std::uint64_t now = 0;
};

class Qtest : public ::testing::Test {
 protected:
  std::string ask(const std::string& line) { return answer_qtest(memory_, line); }
  Memory memory_;
};

TEST_F(Qtest, every_width_reads_back_zero_extended_as_qemu_prints_it) {
  EXPECT_EQ(ask("writeq 0x100 0x1122334455667788"), "OK");
  EXPECT_EQ(ask("readb 0x100"), "OK 0x0000000000000088");
  EXPECT_EQ(ask("readw 0x100"), "OK 0x0000000000007788");
  EXPECT_EQ(ask("readl 0x100"), "OK 0x0000000055667788");
  EXPECT_EQ(ask("readq 0x100"), "OK 0x1122334455667788");
  EXPECT_EQ(ask("writeb 0x107 0xff"), "OK");
  EXPECT_EQ(ask("writew 0x105 0xaabb"), "OK");
  EXPECT_EQ(ask("writel 0x100 0"), "OK");
  EXPECT_EQ(ask("readq 256"), "OK 0xffaabb4400000000") << "decimal addresses too";
}

TEST_F(Qtest, numbers_have_the_bases_of_c) {
  memory_.bytes[8] = 1;
  EXPECT_EQ(ask("readb 010"), "OK 0x0000000000000001");
  EXPECT_EQ(ask("readb 0X8"), "OK 0x0000000000000001");
  EXPECT_EQ(ask("readb  \t8"), "OK 0x0000000000000001");
  for (const char* word : {"8x", "0x", "-1", "", "0x10000000000000000", "08"})
    EXPECT_THAT(ask("readb " + std::string(word)), StartsWith("ERR")) << word;
}

TEST_F(Qtest, blocks_go_as_hex_or_base64_and_short_hex_is_continued_with_zeros) {
  EXPECT_EQ(ask("write 0x10 4 0xDEadBEef"), "OK");
  EXPECT_EQ(ask("read 0x10 4"), "OK 0xdeadbeef");
  EXPECT_EQ(ask("write 0x10 4 0x01"), "OK");
  EXPECT_EQ(ask("read 0x10 4"), "OK 0x01000000");
  const char* const encoded[] = {"AQ==", "AQI=", "AQID", "AQIDBA=="};
  for (unsigned n = 1; n <= 4; ++n) {
    const std::string text = encoded[n - 1];
    memory_.bytes.assign(65536, 0xEE);
    EXPECT_EQ(ask("b64write 0x20 " + std::to_string(n) + " " + text), "OK");
    EXPECT_EQ(ask("b64read 0x20 " + std::to_string(n)), "OK " + text);
    EXPECT_EQ(memory_.bytes[0x20 + n - 1], n);
    EXPECT_EQ(memory_.bytes[0x20 + n], 0xEE);
  }
  EXPECT_EQ(ask("memset 0x20 3 0x1ff"), "OK");
  EXPECT_EQ(ask("read 0x1f 5"), "OK 0xeeffffff04");
}

TEST_F(Qtest, malformed_commands_are_answered_and_change_nothing) {
  const std::vector<std::uint8_t> before = memory_.bytes;
  for (const char* line : {"",
                           "   ",
                           "readb",
                           "readb 1 2",
                           "writeb 1",
                           "write 0 4",
                           "write 0 4 deadbeef",
                           "write 0 1 0xabcd",
                           "write 0 2 0xabc",
                           "write 0 1 0xzz",
                           "read 0 0",
                           "read 0 0x200000",
                           "read 0xffffffffffffffff 2",
                           "memset 0 0 1",
                           "b64write 0 3 AQI",
                           "b64write 0 3 AQI=",
                           "b64write 0 3 A===",
                           "b64write 0 3 AQ=B",
                           "b64write 0 3 AQI*",
                           "clock_step x",
                           "clock_step 1 2",
                           "endianness 1"})
    EXPECT_THAT(ask(line), StartsWith("ERR ")) << line;
  EXPECT_EQ(memory_.bytes, before);
}

TEST_F(Qtest, what_the_target_refuses_and_what_nobody_knows_fails) {
  EXPECT_EQ(ask("readb 0x10000"), "FAIL nothing there");
  EXPECT_EQ(ask("write 0xffff 2 0xabcd"), "FAIL nothing there");
  EXPECT_EQ(ask("outl 0xcf8 0"), "FAIL Unknown command 'outl'");
  EXPECT_EQ(ask("readx 0"), "FAIL Unknown command 'readx'");
  EXPECT_THAT(ask(std::string(100, '\x01')), HasSubstr("???...'"));
}

TEST_F(Qtest, clock_endianness_and_violations) {
  EXPECT_EQ(ask("clock_step 100"), "OK 100");
  EXPECT_EQ(ask("clock_step"), "OK 110");
  EXPECT_EQ(ask("endianness"), "OK little");
  EXPECT_EQ(ask("violations"), "OK 3");
}

TEST(QtestLines, lines_come_out_whole_however_they_came_in) {
  const std::string stream = "readb 0\r\n\nwriteb 1 2\nrest";
  for (std::size_t step = 1; step <= stream.size(); ++step) {
    QtestLines lines;
    std::vector<std::string> got;
    for (std::size_t i = 0; i < stream.size(); i += step) {
      lines.feed(std::string_view(stream).substr(i, step));
      while (const auto line = lines.next()) got.push_back(line->text);
    }
    EXPECT_EQ(got, (std::vector<std::string>{"readb 0", "", "writeb 1 2"}));
    EXPECT_EQ(lines.pending(), 4U);
  }
}

TEST(QtestLines, a_line_beyond_the_limit_is_dropped_alone) {
  QtestLines lines(8);
  lines.feed("12345678\n123456789\n");
  lines.feed(std::string(1000, 'x'));
  EXPECT_LE(lines.pending(), 8U) << "no more is kept of a line than the limit";
  lines.feed("\nafter\n");
  auto line = lines.next();
  ASSERT_TRUE(line);
  EXPECT_FALSE(line->too_long);
  for (int n = 0; n < 2; ++n) {
    line = lines.next();
    ASSERT_TRUE(line);
    EXPECT_TRUE(line->too_long);
  }
  line = lines.next();
  ASSERT_TRUE(line);
  EXPECT_FALSE(line->too_long);
  EXPECT_EQ(line->text, "after");
  EXPECT_FALSE(lines.next());
}

// Words of the protocol and rubbish in any order: one line of answer each, and nothing but that.
TEST_F(Qtest, random_lines_always_have_one_answer) {
  const char* const given = std::getenv("GPUDMAR_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 0) : 1;
  std::mt19937_64 random(seed);
  const std::vector<std::string> words = {"readb",
                                          "readq",
                                          "writel",
                                          "read",
                                          "write",
                                          "memset",
                                          "b64read",
                                          "b64write",
                                          "clock_step",
                                          "0",
                                          "1",
                                          "0x",
                                          "0x1f",
                                          "AQID",
                                          "=",
                                          "0xabcd",
                                          "-1",
                                          "65535",
                                          "endianness",
                                          "0x100000",
                                          "\t",
                                          "\x80",
                                          "0xffffffffffffffff"};
  for (int n = 0; n < 50'000; ++n) {
    std::string line;
    for (std::uint64_t count = random() % 6; count > 0; --count)
      line += (random() % 8 == 0 ? std::string(random() % 5, static_cast<char>(random()))
                                 : words[random() % words.size()]) +
              " ";
    const std::string answer = ask(line);
    const bool known =
        answer.rfind("OK", 0) == 0 || answer.rfind("ERR ", 0) == 0 || answer.rfind("FAIL ", 0) == 0;
    ASSERT_TRUE(known && answer.find('\n') == std::string::npos)
        << "GPUDMAR_SEED=" << seed << ", line " << n << ": " << answer;
  }
}

}  // namespace
}  // namespace gpudmar::sim
