// SPDX-License-Identifier: Apache-2.0
// The gpu-dmar program: builds a machine from the command line, runs the demonstration, reports.
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>
#include <systemc>
#include <vector>

#include "gpudmar_commit.h"
#include "sim/bench/machine.h"
#include "sim/main/options.h"
#include "sim/main/random.h"
#include "sim/main/replay.h"
#include "sim/main/simulate.h"
#include "sim/main/summary.h"
#include "sim/replay/recorder.h"
#include "sim/report/report.h"
#include "sim/scenario/driver_threads.h"
#include "sim/scenario/first_light.h"
#include "sim/scenario/scenario.h"
#include "sim/serve/serve.h"
#include "sim/timeline/timeline.h"

namespace gpudmar::sim {
namespace {

constexpr std::uint64_t kDefaultBytes = 4ULL << 20;
/// Options that name what a run writes.
constexpr std::string_view kOutputs[] = {"--json",     "--summary",         "--failure-waves", "--record",
                                         "--timeline", "--timeline-window", "--report"};

/// The file, checked before anything runs.
std::vector<std::uint8_t> load(const std::string& given) {
  const std::filesystem::path path = given.empty() ? "/proc/self/exe" : given;
  const std::string name = given.empty() ? "this program" : given;
  std::error_code error;
  if (!std::filesystem::exists(path, error)) throw std::invalid_argument(name + ": no such file");
  if (!std::filesystem::is_regular_file(path, error))
    throw std::invalid_argument(name + ": not a regular file");
  std::uint64_t size = std::filesystem::file_size(path, error);
  if (error) throw std::invalid_argument(name + ": " + error.message());
  if (size == 0) throw std::invalid_argument(name + ": empty file");
  if (given.empty()) size = std::min(size, kDefaultBytes);
  if (size > kFirstLightMaxBytes)
    throw std::invalid_argument(fmt::format("{}: {} bytes, more than the {} that the demonstration takes",
                                            name, size, kFirstLightMaxBytes));
  std::vector<std::uint8_t> data(size);
  std::ifstream file(path, std::ios::binary);
  if (!file.read(reinterpret_cast<char*>(data.data()), static_cast<std::streamsize>(size)))
    throw std::invalid_argument(name + ": cannot be read");
  return data;
}

int info() {
  for (const unsigned pipe : Dut::pipes()) {
    const DutInfo i = Dut::create(pipe, 1)->info();
    fmt::print(
        "pipe {}: {} adapters, {}-bit buses, host addresses {} bits, guest addresses {} bits, GPU addresses "
        "{} bits,\n"
        "        {} bytes of VRAM, {} IOTLB entries, {} walks in parallel\n",
        i.pipe, i.adapters, i.bus_bytes * 8, i.haw, i.mgaw, i.dma_addr_bits, 1ULL << i.vram_bits,
        i.iotlb_entries, i.walks);
  }
  fmt::print("commit {}, {}, SystemC {}\n", GPUDMAR_COMMIT, GPUDMAR_VERILATOR, sc_core::sc_release());
  return 0;
}

/// Each promise that occurred: how often, and in how many cycles; its histogram on demand.
void print_contract(const ContractChecker& contract, bool histograms) {
  fmt::print("cycle contract         occurrences    cycles\n");
  for (const auto& [name, m] : contract.measurements()) {
    if (m.occurrences == 0) continue;
    const std::uint64_t least = m.histogram.begin()->first;
    const std::uint64_t most = m.histogram.rbegin()->first;
    fmt::print("  {:20} {:>11}    {}{}\n", name, m.occurrences,
               least == most ? fmt::format("{}", least) : fmt::format("{} to {}", least, most),
               m.breaches != 0 ? fmt::format(", {} BREACHES", m.breaches) : "");
    if (!histograms) continue;
    for (const auto& [cycles, count] : m.histogram) fmt::print("    {:>6} cycles: {}\n", cycles, count);
  }
}

void print_details(const RunResult& result) {
  for (const auto& [name, count] : result.ddi_calls) fmt::print("{:>8} {}\n", count, name);
}

/// The cycles around the first violation.
CycleWindow window_of(std::uint64_t cycle) {
  return {cycle > kWavesBefore ? cycle - kWavesBefore : 0, cycle + kWavesAfter};
}

/// The command line without what it wants written, waves apart.
std::vector<std::string> without_outputs(const std::vector<std::string>& given) {
  std::vector<std::string> words;
  bool skip = false;
  for (const std::string& word : given) {
    const bool value_follows =
        std::find(std::begin(kOutputs), std::end(kOutputs), word) != std::end(kOutputs);
    const bool drop = skip || value_follows ||
                      std::any_of(std::begin(kOutputs), std::end(kOutputs), [&](std::string_view option) {
                        return word.rfind(std::string(option) + "=", 0) == 0;
                      });
    skip = value_follows && !skip;
    if (!drop) words.push_back(word);
  }
  return words;
}

/// This run once more, for its waves alone: the same seed gives the same cycles.
void run_again(const Options& options, const CycleWindow& window) {
  std::vector<std::string> words = without_outputs(options.words);
  for (std::string word : {std::string("--waves"), options.failure_waves, std::string("--waves-window"),
                           fmt::format("{}:{}", window.first, window.last)})
    words.push_back(std::move(word));
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (const int stream : {1, 2})
    posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const int error = posix_spawn(&child, "/proc/self/exe", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0)
    throw std::runtime_error(fmt::format("cannot run again for the waves: {}", strerror(error)));
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!std::filesystem::exists(options.failure_waves))
    throw std::runtime_error("the run for the waves wrote none: " + options.failure_waves);
  fmt::print(stderr, "cycles {} to {} in {}\n", window.first, window.last, options.failure_waves);
}

/// Where to look after a failure.
void show_failure(const Options& options, Machine& machine) {
  if (machine.violations().list().empty() || !machine.config().waves.empty()) return;
  const CycleWindow window = window_of(machine.violations().list().front().cycle);
  if (!options.failure_waves.empty()) {
    run_again(options, window);
    return;
  }
  fmt::print(stderr, "for the waves around the first one: --waves FILE --waves-window {}:{}\n", window.first,
             window.last);
}

/// The command line, for a shell.
std::string command_line(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) {
    const bool plain = word.find_first_not_of(
                           "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                           "-_./=:,+") == std::string::npos;
    if (!line.empty()) line += ' ';
    line += plain && !word.empty() ? word : "'" + word + "'";
  }
  return line;
}

int report(const Options& options, Machine& machine, const RunResult& result,
           std::chrono::steady_clock::time_point begin, const ScenarioResult* scenario,
           const timeline::Timeline* shown) {
  print_contract(machine.contract(), options.verbose);
  fmt::print("{}", run_table(result, machine.engine().khz()));
  if (!result.dump.empty()) fmt::print(stderr, "the kernel's objects:\n{}", result.dump);
  if (options.verbose) print_details(result);
  const std::chrono::duration<double> duration = std::chrono::steady_clock::now() - begin;
  const nlohmann::json summary = summarize(result, machine, duration.count(), scenario);
  if (!options.summary.empty()) write_file(options.summary, summary.dump(2) + "\n");
  if (!options.report.empty())
    write_file(options.report, report_page(summary, shown->figures(), machine.contract(),
                                           command_line(without_outputs(options.words))));
  if (!result.passed) show_failure(options, machine);
  return result.passed ? 0 : 1;
}

/// Null: no trace is wanted.
std::unique_ptr<replay::Recorder> record(const Options& options, Machine& machine, bool linked,
                                         const ScenarioStart& start, const std::string& source) {
  if (options.record.empty()) return nullptr;
  return std::make_unique<replay::Recorder>(
      machine, options.record,
      nlohmann::json{{"source", source},
                     {"commit", GPUDMAR_COMMIT},
                     {"machine", replay::machine_to_json(machine.config(), linked)},
                     {"start", start_to_json(start)}});
}

/// Null: neither timeline nor report is wanted.
std::unique_ptr<timeline::Timeline> watch(const Options& options, Machine& machine) {
  if (options.timeline.empty() && options.report.empty()) return nullptr;
  if (!options.report.empty()) prepare_summary(options.report);
  const auto& [first, last] = options.timeline_window;
  return std::make_unique<timeline::Timeline>(machine, options.timeline, timeline::Window{first, last});
}

int run_demonstration(const Options& options) {
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<std::uint8_t> data = load(options.file);
  Machine machine("machine", options.machine);
  if (!options.summary.empty()) prepare_summary(options.summary);
  FirstLightResult result;
  const auto recorder = record(options, machine, true, {}, "the demonstration");
  const auto shown = watch(options, machine);
  const auto on_kernel = [&](dxgkrnl::Kernel& kernel) {
    if (shown) shown->attach(kernel);
  };
  simulate(machine, [&] {
    result = run_first_light(machine, data, machine.config().seed, recorder.get(), on_kernel);
  });
  if (shown) shown->close();
  return report(options, machine, result, begin, nullptr, shown.get());
}

int run_file(const Options& options) {
  const auto begin = std::chrono::steady_clock::now();
  const Scenario scenario = load_scenario(options.scenario);
  MachineConfig config = scenario.machine;
  options.apply(config);
  Machine machine("machine", config);
  if (!options.summary.empty()) prepare_summary(options.summary);
  ScenarioResult result;
  RunChoices choices;
  const auto recorder = record(options, machine, scenario.linked, scenario.start, options.scenario);
  choices.recorder = recorder.get();
  choices.verifier = options.verifier;
  choices.strict = options.strict;
  const auto shown = watch(options, machine);
  choices.on_kernel = [&](dxgkrnl::Kernel& kernel) {
    if (shown) shown->attach(kernel);
  };
  if (options.verbose) choices.debug_output = [](std::string_view text) { fmt::print(stderr, "{}", text); };
  simulate(machine, [&] { result = run_scenario(machine, scenario, config.seed, choices); });
  if (shown) shown->close();
  return report(options, machine, result, begin, &result, shown.get());
}

/// Memory that answers now earlier and now later: more ways for threads to meet.
int run_threads(const Options& options) {
  const auto begin = std::chrono::steady_clock::now();
  MachineConfig config = options.machine;
  config.seed = options.threads.seed;
  config.memory.latency = 30;
  config.memory.jitter = 30;
  config.memory.out_of_order = true;
  if (options.threads.isolation) config.ram.pop_back();  // the GPUs must see everything
  Machine machine("machine", config);
  if (!options.summary.empty()) prepare_summary(options.summary);
  ScenarioResult result;
  simulate(machine, [&] { result = run_driver_threads(machine, options.threads); });
  fmt::print("digest of all calls: {}\n", result.digest);
  return report(options, machine, result, begin, &result, nullptr);
}

}  // namespace
}  // namespace gpudmar::sim

int sc_main(int argc, char* argv[]) {
  using namespace gpudmar::sim;
  // The default stream reports "stopped by user" at every end.
  sc_core::sc_report_handler::set_actions(sc_core::SC_INFO, sc_core::SC_DO_NOTHING);
  if (argc == 3 && std::string_view(argv[1]) == "kmd-child") run_kmd_child(argv[2]);
  Options options;
  options.words.assign(argv, argv + argc);
  if (const int code = parse_options(argc, argv, options); code >= 0) return code;
  try {
    if (options.command == Options::Command::kInfo) return info();
    if (options.command == Options::Command::kRandom) return run_random(options.random);
    if (options.command == Options::Command::kThreads) return run_threads(options);
    if (options.command == Options::Command::kKmd) return run_kmd(options.kmd);
    if (options.command == Options::Command::kServe) return run_serve(options.serve);
    if (options.command == Options::Command::kReplay) return run_replay(options.replay);
    return options.scenario.empty() ? run_demonstration(options) : run_file(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "gpu-dmar: {}\n", error.what());
    return 2;
  }
}

// Instead of the library's main(): its banner would stand before every error line.
int main(int argc, char* argv[]) {
  ::setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 0);
  return sc_core::sc_elab_and_sim(argc, argv);
}
