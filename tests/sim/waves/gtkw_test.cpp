// SPDX-License-Identifier: Apache-2.0
// The text of the GTKWave view. That its signals exist in a dump is tested with the program.
#include "sim/waves/gtkw.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace gpudmar::sim {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

DutInfo info() {
  DutInfo i{};
  i.adapters = 3;
  i.bus_bytes = 16;
  i.id_bits = 5;
  i.table_id_bits = 6;
  return i;
}

std::vector<std::string> lines(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> all;
  for (std::string line; std::getline(stream, line);) all.push_back(line);
  return all;
}

TEST(Gtkw, NamesTheDumpByItsWholePath) {
  const std::string text = gtkw_text("some/waves.fst", info(), WaveView{});
  const std::string path = (std::filesystem::current_path() / "some/waves.fst").string();
  EXPECT_EQ(lines(text)[0], "[dumpfile] \"" + path + "\"");
}

TEST(Gtkw, WidthsFollowTheBuild) {
  const auto all = lines(gtkw_text("w.fst", info(), WaveView{}));
  EXPECT_THAT(all, Contains("gpu_dmar.clk_i"));
  EXPECT_THAT(all, Contains("gpu_dmar.probe_ar_o[2:0]"));            // a bit per adapter
  EXPECT_THAT(all, Contains("gpu_dmar.probe_arid_o[14:0]"));         // 3 * 5
  EXPECT_THAT(all, Contains("gpu_dmar.m_axi_data_rdata_i[127:0]"));  // 16 bytes
  EXPECT_THAT(all, Contains("gpu_dmar.m_axi_data_arvalid_o"));
  EXPECT_THAT(all, Contains("gpu_dmar.m_axi_data_arid_o[6:0]"));  // {port, id}
  EXPECT_THAT(all, Contains("gpu_dmar.m_axi_table_arid_o[5:0]"));
  EXPECT_THAT(all, Contains("gpu_dmar.m_axi_vram_wstrb_o[47:0]"));
  EXPECT_THAT(all, Contains("gpu_dmar.s_axil_gpu_awaddr_i[35:0]"));
}

TEST(Gtkw, EverySignalHasItsRadixAndStandsOnce) {
  std::set<std::string> seen;
  std::string flag;
  for (const std::string& line : lines(gtkw_text("w.fst", info(), WaveView{}))) {
    if (line[0] == '@') flag = line;
    if (line.rfind("gpu_dmar.", 0) != 0) continue;
    EXPECT_TRUE(seen.insert(line).second) << line << " twice";
    EXPECT_EQ(flag, line.back() == ']' ? "@22" : "@28") << line;
  }
  EXPECT_GT(seen.size(), 100U);
}

TEST(Gtkw, GroupsOpenAndCloseInTurn) {
  std::vector<std::string> open;
  std::set<std::string> titles;
  std::string flag;
  for (const std::string& line : lines(gtkw_text("w.fst", info(), WaveView{}))) {
    if (line[0] == '@') flag = line;
    if (line[0] != '-') continue;
    if (flag == "@800200" || flag == "@c00200") {
      EXPECT_TRUE(titles.insert(line).second);
      open.push_back(line + (flag == "@c00200" ? " closed" : ""));
    } else {
      ASSERT_EQ(open.size(), 1U);
      EXPECT_EQ(open.back(), line + (flag == "@1401200" ? " closed" : ""));
      open.pop_back();
    }
  }
  EXPECT_TRUE(open.empty());
  EXPECT_THAT(titles, Contains("-IOMMU requesters"));
  EXPECT_THAT(titles, Contains("-VRAM"));
}

TEST(Gtkw, ZoomGrowsWithTheCycle) {
  // 2^11 = 2048 ns hold 200 cycles of 10 ns; 2^14 hold 200 of 80 ns.
  EXPECT_THAT(gtkw_text("w.fst", info(), WaveView{}), HasSubstr("\n*-18.000000 "));
  EXPECT_THAT(gtkw_text("w.fst", info(), WaveView{80'000, 0, 0}), HasSubstr("\n*-21.000000 "));
}

TEST(Gtkw, IsWrittenBesideTheDumpOrThrows) {
  const std::filesystem::path directory = std::filesystem::path(::testing::TempDir()) / "gtkw_test";
  std::filesystem::create_directories(directory);
  const std::string fst = (directory / "a.b.fst").string();
  write_gtkw(fst, info(), WaveView{});
  std::ifstream file(directory / "a.b.gtkw");
  std::stringstream content;
  content << file.rdbuf();
  EXPECT_EQ(content.str(), gtkw_text(fst, info(), WaveView{}));
  std::filesystem::remove_all(directory);
  EXPECT_THROW(write_gtkw(fst, info(), WaveView{}), std::runtime_error);
}

TEST(Gtkw, StartsWhereItIsTold) {
  const std::string text = gtkw_text("w.fst", info(), WaveView{10'000, 70'000, 90'000});
  EXPECT_THAT(text, HasSubstr("\n[timestart] 70000\n"));
  EXPECT_THAT(text, HasSubstr("\n*-18.000000 90000 "));
}

}  // namespace
}  // namespace gpudmar::sim
