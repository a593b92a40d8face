// SPDX-License-Identifier: Apache-2.0
// How fast the SystemC bench is: against a bare C++ loop over the same Verilated model, memories and
// software, and with everything that checks against nothing that checks. Exit status as of iommu_main.cpp.
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <exception>
#include <systemc>
#include <vector>

#include "sim/bench/machine.h"
#include "tests/bench/bare_loop.h"
#include "tests/bench/results.h"
#include "tests/bench/stimulus.h"

namespace gpudmar::bench {
namespace {

constexpr unsigned kRounds = 31;  // many short ones: what else the host does hits all three alike
constexpr unsigned kBatches = 4;  // of a round
constexpr std::size_t kStackBytes = 8U << 20;
constexpr double kPromiseBare = 0.9;
constexpr double kPromiseMonitors = 0.5;

double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 != 0 ? values[half] : (values[half - 1] + values[half]) / 2;
}

sim::MachineConfig machine_config(unsigned pipe, bool checked) {
  sim::MachineConfig config;
  config.pipe = pipe;
  config.monitors = config.scoreboard = config.contract = checked;
  return config;
}

/// One of the things compared, and its speed in each round.
struct Runner {
  explicit Runner(const hw::Platform& platform) : stimulus(platform), time(*platform.time) {}
  void round() {
    const std::uint64_t from = time.now();
    const double begin = cpu_seconds();
    stimulus.round(kBatches);
    const double seconds = cpu_seconds() - begin;
    khz.push_back(static_cast<double>(time.now() - from) / seconds / 1000);
  }
  Stimulus stimulus;
  hw::Time& time;
  std::vector<double> khz;
};

struct Speeds {
  double bare = 0;
  double bench = 0;
  double checked = 0;
};

/// The software of both machines and of the loop: one thread, round after round.
class Race : public sc_core::sc_module {
 public:
  Race(const sc_core::sc_module_name& name, unsigned pipe, unsigned rounds)
      : sc_module(name),
        bench_("bench", machine_config(pipe, false)),
        checked_("checked", machine_config(pipe, true)),
        rounds_(rounds) {
    const sim::MachineConfig& config = bench_.config();
    const LoopConfig loop{config.memory, config.vram, config.seed};
    bare_ = pipe == 0 ? create_bare_loop_pipe0(loop) : create_bare_loop_pipe1(loop);
    SC_HAS_PROCESS(Race);
    SC_THREAD(run);
    set_stack_size(kStackBytes);
  }
  [[nodiscard]] const std::string& error() const { return error_; }
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] const Speeds& speeds() const { return speeds_; }

 private:
  void run() {
    try {
      race();
    } catch (const std::exception& error) {
      error_ = error.what();
    }
    ended_ = true;
    sc_core::sc_stop();
  }

  void race() {
    Runner bare(bare_->platform());
    Runner bench(bench_.platform());
    Runner checked(checked_.platform());
    const std::array<Runner*, 3> all{&bare, &bench, &checked};
    for (Runner* runner : all) {
      runner->stimulus.start();
      runner->round();  // caches, host pages and tables warm up
      runner->khz.clear();
    }
    // Each goes first, second and third equally often.
    for (unsigned i = 0; i < rounds_; ++i)
      for (unsigned k = 0; k < all.size(); ++k) all[(i + k) % all.size()]->round();
    for (const Runner* runner : all)
      if (runner->time.now() != bare.time.now() || runner->stimulus.digest() != bare.stimulus.digest())
        throw std::runtime_error("the runs compared did not do the same");
    checked_.finish();
    if (checked_.violations().count() != 0)
      throw std::runtime_error(fmt::format("a checker objected: {}: {}", checked_.violations().list()[0].rule,
                                           checked_.violations().list()[0].message));
    const auto counters = checked_.scoreboard().counters();
    if (counters.translated == 0 || counters.invalidations == 0)
      throw std::runtime_error("the scoreboard saw nothing");
    speeds_ = {median(bare.khz), median(bench.khz), median(checked.khz)};
    fmt::print("kHz: bare loop {:.1f}, bench {:.1f}, with monitors {:.1f}; {} rounds of {} cycles\n",
               speeds_.bare, speeds_.bench, speeds_.checked, rounds_, bare.time.now() / (rounds_ + 1));
  }

  sim::Machine bench_;
  sim::Machine checked_;
  std::unique_ptr<BareLoop> bare_;
  unsigned rounds_;
  Speeds speeds_;
  std::string error_;
  bool ended_ = false;
};

int run(int argc, char** argv) {
  const Arguments arguments = parse_arguments(argc, argv);
  Results results(arguments.filter, GPUDMAR_PIPE == 0 ? "" : fmt::format(".pipe{}", GPUDMAR_PIPE));
  if (!arguments.list.empty()) results.list_to(arguments.list);
  const std::string bare = "sim.speed.vs_pure_cpp";
  const std::string monitors = "sim.speed.monitors";
  const unsigned rounds = arguments.rounds != 0 ? arguments.rounds : kRounds;
  if (results.wanted_any({bare, monitors})) {
    Race race("race", GPUDMAR_PIPE, rounds);
    sc_core::sc_start();
    if (!race.error().empty()) throw std::runtime_error(race.error());
    if (!race.ended()) throw std::runtime_error("the simulation ended before its software did");
    const Speeds& speeds = race.speeds();
    results.add(bare, speeds.bench / speeds.bare, "ratio", kPromiseBare, Relation::kAtLeast);
    results.add(monitors, speeds.checked / speeds.bench, "ratio", kPromiseMonitors, Relation::kAtLeast);
  }
  if (!arguments.out.empty())
    results.write(arguments.out, {{"pipe", GPUDMAR_PIPE}, {"rounds", rounds}, {"batches", kBatches}}, 1);
  return results.all_kept() ? 0 : 1;
}

}  // namespace
}  // namespace gpudmar::bench

int sc_main(int argc, char* argv[]) {
  sc_core::sc_report_handler::set_actions(sc_core::SC_INFO, sc_core::SC_DO_NOTHING);
  try {
    return gpudmar::bench::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", argv[0], error.what());
    return 2;
  }
}

// Instead of the library's main(): its banner would stand before every error line.
int main(int argc, char* argv[]) {
  ::setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 0);
  return sc_core::sc_elab_and_sim(argc, argv);
}
