// SPDX-License-Identifier: Apache-2.0
// Every input that fuzzing kept runs through its reader, in the ordinary build.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <set>

#include "tests/fuzz/targets.h"

// SystemC's library wants it; these tests simulate nothing.
extern "C" int sc_main(int /*argc*/, char* /*argv*/[]) { return 1; }

namespace gpudmar::fuzz {
namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

class Corpus : public ::testing::TestWithParam<std::size_t> {
 protected:
  [[nodiscard]] static const Target& target() { return targets().at(GetParam()); }
  [[nodiscard]] static fs::path folder() { return fs::path(GPUDMAR_CORPUS) / target().name; }
};

TEST_P(Corpus, every_kept_input_is_read_or_refused) {
  std::size_t inputs = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder())) {
    ++inputs;
    EXPECT_NO_THROW(target().run(content(entry.path()))) << entry.path();
  }
  EXPECT_GT(inputs, 0U);
}

/// What a reader that stops in the middle would leave, and what a broken file system would.
TEST_P(Corpus, cut_and_damaged_inputs_are_refused) {
  std::mt19937 random(7);
  std::size_t inputs = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder())) {
    if (++inputs > 40) break;
    const std::string whole = content(entry.path());
    for (int i = 0; i < 20 && !whole.empty(); ++i) {
      EXPECT_NO_THROW(target().run(whole.substr(0, random() % whole.size()))) << entry.path();
      std::string damaged = whole;
      damaged[random() % whole.size()] = static_cast<char>(random());
      EXPECT_NO_THROW(target().run(damaged)) << entry.path() << ": " << damaged;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Readers, Corpus, ::testing::Range(std::size_t{0}, targets().size()),
                         [](const auto& info) { return std::string(targets().at(info.param).name); });

}  // namespace
}  // namespace gpudmar::fuzz
