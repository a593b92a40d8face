// SPDX-License-Identifier: Apache-2.0
// Builds the machine, serves it, tells what the checkers found.
#include "sim/serve/serve.h"

#include <fmt/format.h>

#include <cstdio>
#include <string_view>

#include "sim/serve/board_target.h"
#include "sim/serve/server.h"

namespace gpudmar::sim {
namespace {

/// Tells new violations as they appear.
class Reporter {
 public:
  explicit Reporter(ViolationLog& log) : log_(log) {}
  void tell() {
    for (; told_ < log_.list().size(); ++told_) {
      const Violation& violation = log_.list()[told_];
      fmt::print(stderr, "cycle {}: {}: {}\n", violation.cycle, violation.rule, violation.message);
    }
  }

 private:
  ViolationLog& log_;
  std::size_t told_ = 0;
};

}  // namespace

int run_serve(const ServeOptions& options) {
  const EndSignals signals;
  BoardTarget target(options.machine, EndSignals::seen);
  Reporter reporter(target.board().violations());
  {
    QtestServer server(options.socket.substr(std::string_view("unix:").size()));
    fmt::print("serving at {}\n", options.socket);
    std::fflush(stdout);
    server.run(target, signals, options.keep, [&] { reporter.tell(); });
  }
  target.finish();
  reporter.tell();
  const std::uint64_t found = target.violations();
  fmt::print("{} cycles, {} interrupt messages, {} violations\n", target.board().cycles(), target.messages(),
             found);
  return found == 0 ? 0 : 1;
}

}  // namespace gpudmar::sim
