// SPDX-License-Identifier: Apache-2.0
// Machines that cannot exist are refused with one line that says why.
#include "sim/bench/machine_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "sim/bench/board.h"

namespace gpudmar::sim {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string refusal(const std::function<void(MachineConfig&)>& change) {
  MachineConfig config;
  change(config);
  try {
    Board board(config, [](hw::MessageTarget) {});
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), Not(HasSubstr("\n")));
    return error.what();
  }
  return "accepted";
}

TEST(MachineConfig, DefaultIsAccepted) {
  EXPECT_EQ(refusal([](MachineConfig&) {}), "accepted");
  EXPECT_EQ(refusal([](MachineConfig& c) { c.pipe = 1; }), "accepted");
}

TEST(MachineConfig, ReservedMemory) {
  const auto with = [](hw::MemoryRange range, std::vector<unsigned> adapters = {0}) {
    return refusal([&](auto& c) { c.reserved = {{{0xC000'0000, 0x2000}, {1}}, {range, adapters}}; });
  };
  EXPECT_EQ(with({0xC000'2000, 0x1000}), "accepted");
  EXPECT_EQ(with({0xC000'0000, 0x2000}), "accepted") << "shared";
  EXPECT_EQ(with({0x1000, 0x1000}), "accepted") << "in RAM: the system's start will refuse it";
  EXPECT_EQ(with({0xD000'1000, 0x1000}, {0, 1}), "accepted") << "in a peer's memory";
  EXPECT_THAT(with({0xC800'0000, 0}), HasSubstr("is empty"));
  EXPECT_THAT(with({~0xFFFULL, 0x2000}), HasSubstr("wraps around"));
  EXPECT_THAT(with({0xC800'0800, 0x1000}), HasSubstr("is not page-aligned"));
  EXPECT_THAT(with({1ULL << 46, 0x1000}), HasSubstr("46 address bits"));
  EXPECT_THAT(with({0xFEDF'F000, 0x2000}), HasSubstr("interrupt window"));
  EXPECT_THAT(with({kBarBase, 0x1000}), HasSubstr("register windows"));
  EXPECT_THAT(with({kIommuBase, 0x1000}), HasSubstr("register windows"));
  EXPECT_THAT(with({0xC800'0000, 0x1000}, {}), HasSubstr("is nobody's"));
  EXPECT_THAT(with({0xC800'0000, 0x1000}, {0, 2}), HasSubstr("adapter 2, there are 2"));
  EXPECT_THAT(with({0x7FFF'F000, 0x2000}), HasSubstr("lies half in"));
  EXPECT_THAT(with({0xC000'1000, 0x1000}), HasSubstr("which is another range"));

  MachineConfig config;
  config.reserved = {{{0xC000'0000, 0x2000}, {0}}, {{0xC000'0000, 0x2000}, {1}}, {{0x1000, 0x1000}, {0}}};
  const auto memory = config.bus_memory();
  ASSERT_EQ(memory.size(), 2U) << "the peer's, and the reserved memory once";
  EXPECT_EQ(memory[1].base, 0xC000'0000U);
}

TEST(MachineConfig, RefusesWhatCannotBe) {
  EXPECT_THAT(refusal([](auto& c) { c.adapters = 0; }), HasSubstr("zero adapters"));
  EXPECT_THAT(refusal([](auto& c) { c.adapters = 9; }), HasSubstr("9 adapters"));
  EXPECT_THAT(refusal([](auto& c) { c.host_address_width = 48; }), HasSubstr("host width 48"));
  EXPECT_THAT(refusal([](auto& c) { c.host_address_width = 20; }), HasSubstr("host width 20"));
  EXPECT_THAT(refusal([](auto& c) { c.host_address_width = 40; }), HasSubstr("more than 40 address bits"));
  EXPECT_THAT(refusal([](auto& c) { c.ram.clear(); }), HasSubstr("no memory at all"));
  EXPECT_THAT(refusal([](auto& c) {
                c.device_memory = {{kBarBase, 0x1000}};
              }),
              HasSubstr("register windows"));
  EXPECT_THAT(refusal([](auto& c) { c.pipe = 7; }), HasSubstr("pipe 7"));
  EXPECT_THAT(refusal([](auto& c) { c.vram_bytes = 1ULL << 40; }), HasSubstr("VRAM"));
  EXPECT_THAT(refusal([](auto& c) { c.vram_bytes = 12345; }), HasSubstr("power of two"));
  EXPECT_THAT(refusal([](auto& c) { c.memory.latency = 0; }), HasSubstr("latency 0"));
  EXPECT_THAT(refusal([](auto& c) { c.vram.r_stall = 2; }), HasSubstr("stall"));
  EXPECT_THAT(refusal([](auto& c) { c.batch = 0; }), HasSubstr("batch"));
  EXPECT_THAT(refusal([](auto& c) { c.reset_cycles = 0; }), HasSubstr("reset"));
  EXPECT_THAT(refusal([](auto& c) { c.cycle_ps = 1; }), HasSubstr("cycle"));
}

}  // namespace
}  // namespace gpudmar::sim
