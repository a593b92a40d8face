// SPDX-License-Identifier: Apache-2.0
// R226 on object files, a static-free shared library, and what is neither.
#include "driver-model/dxgkrnl/driver_imports.h"

#include <gmock/gmock.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "tests/support/covers.h"

namespace gpudmar::dxgkrnl {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(DriverImports, FindsWhatGoesAroundTheCallbacks) {
  test::covers("R226");
  const auto expected =
      ElementsAre("MmAllocateContiguousMemory", "MmFreeContiguousMemory", "MmProbeAndLockPages");
  EXPECT_THAT(forbidden_imports(CARELESS_DRIVER_OBJECT), expected);
  EXPECT_THAT(forbidden_imports(CARELESS_DRIVER_LIBRARY), expected) << "each once, from both symbol tables";
}

TEST(DriverImports, TheSampleMiniportHasNone) {
  test::covers("R226");
  std::istringstream objects(SAMPLE_DRIVER_OBJECTS);
  std::string path;
  unsigned count = 0;
  while (std::getline(objects, path, '|')) {
    EXPECT_THAT(forbidden_imports(path), IsEmpty()) << path;
    ++count;
  }
  EXPECT_GT(count, 3U);
}

TEST(DriverImports, WhatIsNoImageIsAnError) {
  const std::string path = testing::TempDir() + "driver_imports_test.bin";
  EXPECT_THROW((void)forbidden_imports(path + ".none"), ImageError);
  std::ofstream(path) << "not an image at all, but longer than the header of one would be, by some bytes";
  EXPECT_THROW((void)forbidden_imports(path), ImageError);
  std::ifstream whole(CARELESS_DRIVER_OBJECT, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(whole), {});
  ASSERT_GT(bytes.size(), 200U);
  std::ofstream(path, std::ios::binary) << bytes.substr(0, 100);
  EXPECT_THROW((void)forbidden_imports(path), ImageError) << "cut short";
  std::remove(path.c_str());
}

}  // namespace
}  // namespace gpudmar::dxgkrnl
