// SPDX-License-Identifier: Apache-2.0
// What the fuzzers drive: each target takes any bytes, and returns or accuses. libFuzzer runs one
// (fuzz_main.cpp), the corpus test all of them over the inputs kept in corpus/.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace gpudmar::fuzz {

/// A reader did what its documentation rules out.
class Accusation : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

struct Target {
  const char* name;  ///< as its folder in corpus/
  std::function<void(std::string_view)> run;
};

/// Any other exception than Accusation that leaves a target is a fault of the reader, too.
[[nodiscard]] const std::vector<Target>& targets();

}  // namespace gpudmar::fuzz
