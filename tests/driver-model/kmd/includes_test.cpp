// SPDX-License-Identifier: Apache-2.0
// The sample miniport is written as a driver for Windows would be: it sees the kit, its registers and itself.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <string>

namespace {

bool allowed(const std::string& header) {
  static const std::regex kPattern(
      "ntddk\\.h|dispmprt\\.h|stdint\\.h|driver-model/hw/regs/dma_regs\\.h|driver-model/kmd/[a-z]+\\.h");
  return std::regex_match(header, kPattern);
}

TEST(KmdIncludes, OnlyTheKitTheRegistersAndItself) {
  const std::regex include("^\\s*#\\s*include\\s*[<\"]([^>\"]+)[>\"].*");
  int found = 0;
  for (const auto& entry : std::filesystem::directory_iterator(KMD_SOURCE_DIR)) {
    const std::string extension = entry.path().extension();
    if (extension != ".cpp" && extension != ".h") continue;
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      std::smatch match;
      if (!std::regex_match(line, match, include)) continue;
      ++found;
      EXPECT_TRUE(allowed(match[1])) << entry.path() << " includes " << match[1];
    }
  }
  EXPECT_GT(found, 8);
}

TEST(KmdIncludes, TheRuleFires) {
  EXPECT_FALSE(allowed("driver-model/hw/hw.h"));
  EXPECT_FALSE(allowed("vector"));
  EXPECT_TRUE(allowed("driver-model/kmd/gdm.h"));
}

}  // namespace
