// SPDX-License-Identifier: Apache-2.0
// The counts of all models that a process has had, in one file for each process, so that tests may run side
// by side: $GPUDMAR_COVERAGE_DIR/<program>.XXXXXX. Without that variable nothing is counted.
#include "sim/dut/model_coverage.h"

#include <unistd.h>
#include <verilated_cov.h>

#include <cerrno>  // program_invocation_short_name
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <mutex>
#include <string>

namespace gpudmar::sim {
namespace {

/// A run whose counts are lost must not pass for one that reached little.
[[noreturn]] void fail(const std::string& what) {
  std::perror(("coverage: " + what).c_str());
  std::abort();
}

class Total {
 public:
  Total() {
    const char* directory = std::getenv("GPUDMAR_COVERAGE_DIR");
    if (directory != nullptr) directory_ = directory;
  }
  Total(const Total&) = delete;
  Total& operator=(const Total&) = delete;

  ~Total() {
    if (counts_.empty()) return;
    const std::string path = unique_file();
    std::ofstream out(path);
    out << kHead << '\n';
    for (const auto& [point, count] : counts_) out << point << ' ' << count << '\n';
    out.close();
    if (!out) fail("cannot write " + path);
  }

  void add(VerilatedCovContext& coverage) {
    if (directory_.empty()) return;
    const std::lock_guard guard(mutex_);
    // Verilator gives its counts to a file only.
    const std::string path = unique_file();
    coverage.write(path.c_str());
    std::ifstream in(path);
    std::string line;
    if (!std::getline(in, line) || line != kHead) fail("no counts in " + path);
    while (std::getline(in, line)) {
      const std::size_t space = line.rfind(' ');
      if (space == std::string::npos) fail("no count in a line of " + path);
      counts_[line.substr(0, space)] += std::stoull(line.substr(space + 1));
    }
    ::unlink(path.c_str());
  }

 private:
  static constexpr const char* kHead = "# SystemC::Coverage-3";

  [[nodiscard]] std::string unique_file() const {
    std::string path = directory_ + "/" + program_invocation_short_name + ".XXXXXX";
    const int file = ::mkstemp(path.data());
    if (file < 0) fail("cannot make " + path);
    ::close(file);
    return path;
  }

  std::string directory_;
  std::mutex mutex_;
  std::map<std::string, std::uint64_t> counts_;  // what Verilator says of a point, and how often it was met
};

Total& total() {
  static Total all;
  return all;
}

}  // namespace

ModelCoverage::~ModelCoverage() { total().add(*context_.coveragep()); }

}  // namespace gpudmar::sim
