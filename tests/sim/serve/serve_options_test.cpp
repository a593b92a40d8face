// SPDX-License-Identifier: Apache-2.0
// Words of `serve`: sizes, memory maps, what is refused.
#include "sim/serve/serve_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <stdexcept>

namespace gpudmar::sim {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

ServeOptions parse(const std::vector<std::string>& words) {
  CLI::App app;
  ServeOptions options;
  (void)add_serve(app, options);
  std::vector<std::string> all(words.rbegin(), words.rend());
  all.emplace_back("serve");
  app.parse(all);
  finish_serve(options);
  return options;
}

TEST(ServeOptions, the_default_is_qemus_256_mib_from_0) {
  const ServeOptions options = parse({"--qtest", "unix:a"});
  ASSERT_EQ(options.machine.ram.size(), 1U);
  EXPECT_EQ(options.machine.ram[0].base, 0U);
  EXPECT_EQ(options.machine.ram[0].size, 256ULL << 20);
  EXPECT_TRUE(options.machine.device_memory.empty());
  EXPECT_FALSE(options.keep);
}

TEST(ServeOptions, memory_above_2_gib_goes_on_at_4_gib) {
  const ServeOptions options = parse({"--qtest", "unix:a", "-m", "5G", "--memory", "latency=7,stall=0.5"});
  ASSERT_EQ(options.machine.ram.size(), 2U);
  EXPECT_EQ(options.machine.ram[0].size, 2ULL << 30);
  EXPECT_EQ(options.machine.ram[1].base, 4ULL << 30);
  EXPECT_EQ(options.machine.ram[1].size, 3ULL << 30);
  EXPECT_EQ(options.machine.memory.latency, 7U);
  EXPECT_EQ(options.machine.memory.r_stall, 0.5);
}

TEST(ServeOptions, sizes) {
  EXPECT_EQ(parse_size("4096"), 4096U);
  EXPECT_EQ(parse_size("3K"), 3072U);
  EXPECT_EQ(parse_size("1T"), 1ULL << 40);
  for (const char* text : {"", "M", "1X", "1MB", "-1", "99999999999G", "0x1000"})
    EXPECT_THAT([&] { (void)parse_size(text); },
                ThrowsMessage<std::invalid_argument>(HasSubstr("is no size")))
        << text;
}

TEST(ServeOptions, what_cannot_be_is_refused) {
  const auto refused = [](std::vector<std::string> words, const char* why) {
    words.insert(words.begin(), {"--qtest", "unix:a"});
    EXPECT_THAT([&] { (void)parse(words); }, ThrowsMessage<std::invalid_argument>(HasSubstr(why)));
  };
  refused({"-m", "0"}, "0 bytes of memory");
  refused({"-m", "4097"}, "whole pages");
  refused({"-m", "1T"}, "reach into the adapters' windows");
  refused({"--memory", "speed=1"}, "'speed' is unknown");
  EXPECT_THAT(
      [] {
        (void)parse({"--qtest", "tcp:localhost:1"});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("only unix:PATH")));
  EXPECT_THROW((void)parse({}), CLI::RequiredError);
}

}  // namespace
}  // namespace gpudmar::sim
