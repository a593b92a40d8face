// SPDX-License-Identifier: Apache-2.0
// The gpu-dmar program: builds a machine from the command line, runs the demonstration, reports.
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <systemc>
#include <vector>

#include "gpudmar_commit.h"
#include "sim/bench/machine.h"
#include "sim/main/options.h"
#include "sim/main/random.h"
#include "sim/main/summary.h"
#include "sim/scenario/first_light.h"
#include "sim/scenario/scenario.h"
#include "sim/waves/gtkw.h"

namespace gpudmar::sim {
namespace {

constexpr std::size_t kStackBytes = 8U << 20;
constexpr std::uint64_t kDefaultBytes = 4ULL << 20;

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

/// The software of the machine: one thread.
class Software : public sc_core::sc_module {
 public:
  Software(const sc_core::sc_module_name& name, std::function<void()> body)
      : sc_module(name), body_(std::move(body)) {
    SC_HAS_PROCESS(Software);
    SC_THREAD(run);
    set_stack_size(kStackBytes);
  }
  bool ended = false;

 private:
  void run() {
    body_();
    ended = true;
    sc_core::sc_stop();
  }
  std::function<void()> body_;
};

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

void print_details(const RunResult& result, const ContractChecker& contract) {
  for (const auto& [name, count] : result.ddi_calls) fmt::print("{:>8} {}\n", count, name);
  for (const auto& [name, m] : contract.measurements()) {
    fmt::print("contract {}: {} occurrences, {} breaches\n", name, m.occurrences, m.breaches);
    for (const auto& [cycles, count] : m.histogram) fmt::print("    {:>6} cycles: {}\n", cycles, count);
  }
}

/// Runs `body` as the machine's software, then closes the waves.
void simulate(Machine& machine, const std::function<void()>& body) {
  Software software("software", body);
  sc_core::sc_start();
  if (!software.ended)
    throw std::runtime_error("the simulation ended before the software did: every thread waits");
  const std::string& waves = machine.config().waves;
  if (waves.empty()) return;
  machine.board().dut().close_waves();
  write_gtkw(waves, machine.board().info(), machine.config().cycle_ps);
}

int report(const Options& options, Machine& machine, const RunResult& result,
           std::chrono::steady_clock::time_point begin, const ScenarioResult* scenario) {
  fmt::print("{}", run_table(result, machine.engine().khz()));
  if (options.verbose) print_details(result, machine.contract());
  const std::chrono::duration<double> duration = std::chrono::steady_clock::now() - begin;
  if (!options.summary.empty()) write_summary(options.summary, result, machine, duration.count(), scenario);
  return result.passed ? 0 : 1;
}

int run_demonstration(const Options& options) {
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<std::uint8_t> data = load(options.file);
  Machine machine("machine", options.machine);
  if (!options.summary.empty()) prepare_summary(options.summary);
  FirstLightResult result;
  simulate(machine, [&] { result = run_first_light(machine, data, machine.config().seed); });
  return report(options, machine, result, begin, nullptr);
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
  if (options.verbose) choices.debug_output = [](std::string_view text) { fmt::print(stderr, "{}", text); };
  simulate(machine, [&] { result = run_scenario(machine, scenario, config.seed, choices); });
  return report(options, machine, result, begin, &result);
}

}  // namespace
}  // namespace gpudmar::sim

int sc_main(int argc, char* argv[]) {
  using namespace gpudmar::sim;
  Options options;
  if (const int code = parse_options(argc, argv, options); code >= 0) return code;
  // The default stream reports "stopped by user" at every end.
  sc_core::sc_report_handler::set_actions(sc_core::SC_INFO, sc_core::SC_DO_NOTHING);
  try {
    if (options.command == Options::Command::kInfo) return info();
    if (options.command == Options::Command::kRandom) return run_random(options.random);
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
