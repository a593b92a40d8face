// SPDX-License-Identifier: Apache-2.0
// Command line parsing.
#include "sim/main/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdlib>
#include <sstream>
#include <stdexcept>

namespace gpudmar::sim {
namespace {

std::uint64_t cycle(const std::string& text) {
  std::uint64_t value = 0;
  std::istringstream stream(text);
  stream >> value;
  if (text.empty() || text[0] == '-' || stream.fail() || !stream.eof())
    throw std::invalid_argument(text + " is not a number");
  return value;
}

/// The conversion alone wraps -1 round, and takes the last number there is for one beyond it.
std::string not_negative(const std::string& text) {
  if (text[0] == '-') return text + " is negative";
  errno = 0;
  (void)std::strtoull(text.c_str(), nullptr, 0);
  return errno == ERANGE ? text + " is more than 2^64-1" : std::string();
}

/// What a replay changes of its trace's machine.
struct MachineChoices {
  std::string memory;
  std::string window;
  unsigned latency = 0;
  CLI::Option* latency_option = nullptr;
  CLI::Option* pipe_option = nullptr;
  MachineConfig machine;
};

CLI::App* add_random(CLI::App& app, RandomOptions& options) {
  CLI::App* random =
      app.add_subcommand("random", "run random streams of calls and DMA, each in a process of its own");
  random->add_option("--seed", options.seed, "of the first stream; the others count on")
      ->check(not_negative)
      ->capture_default_str();
  random->add_option("--steps", options.steps, "of each stream, about")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  CLI::Option* threads =
      random->add_option("--threads", options.threads, "that some steps run in side by side")
          ->check(CLI::Range(1, 8))
          ->capture_default_str();
  random->add_option("--runs", options.runs, "streams")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  CLI::Option* cycles =
      random->add_option("--cycles", options.cycles, "more streams until so many cycles are simulated")
          ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 50));
  CLI::Option* pipe = random->add_option("--pipe", options.pipe, "variant of the RTL, 0 or 1")
                          ->check(CLI::Range(0, 1))
                          ->capture_default_str();
  CLI::Option* iommu = random->add_option("--iommu", options.iommu, "how devices reach memory")
                           ->check(CLI::IsMember({"logical", "isolation", "off"}))
                           ->capture_default_str();
  random
      ->add_option("--profile", options.profile,
                   "file with the weights of the steps and the choice of machines")
      ->excludes(threads)
      ->excludes(pipe)
      ->excludes(iommu);
  random->add_flag("--plain", options.plain, "the default timing of memory instead of one by seed");
  random->add_flag("--shrink", options.shrink, "make what fails short");
  random->add_flag("--generate", options.generate_only, "write the streams and do not run them")
      ->excludes(cycles);  // what does not run takes none
  random->add_option("--dir", options.directory,
                     "keep every stream there (default: here, and only what fails)");
  random->add_option("--record", options.record, "write the trace of each stream into this directory");
  random->add_option("--json,--summary", options.summary, "write the results as JSON");
  return random;
}

CLI::App* add_threads(CLI::App& app, Options& options) {
  CLI::App* threads = app.add_subcommand("threads", "several threads in the driver at once, by a seed");
  ThreadsOptions& given = options.threads;
  threads->add_option("--seed", given.seed, "of what each thread does and when")
      ->check(not_negative)
      ->capture_default_str();
  threads->add_option("--threads", given.threads, "side by side")
      ->check(CLI::Range(1, 16))
      ->capture_default_str();
  threads->add_option("--steps", given.steps, "of each thread")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  threads->add_option("--pipe", options.machine.pipe, "variant of the RTL, 0 or 1")
      ->check(CLI::Range(0, 1))
      ->capture_default_str();
  threads
      ->add_option_function<std::string>(
          "--iommu", [&given](const std::string& mode) { given.isolation = mode == "isolation"; },
          "how devices reach memory (default: logical)")
      ->check(CLI::IsMember({"logical", "isolation"}));
  threads->add_flag("--planted-race", given.planted_race,
                    "with a driver whose copies do not hold their ADLs: to see it found");
  threads->add_flag("--removal", given.removal, "half-way the adapters are pulled out");
  threads->add_option("--json,--summary", options.summary, "write the results as JSON");
  return threads;
}

CLI::App* add_kmd(CLI::App& app, KmdOptions& options) {
  CLI::App* kmd = app.add_subcommand("kmd", "build a driver from its sources, run it here, judge it");
  kmd->add_option("sources", options.sources, "C and C++ files of the driver")->required();
  kmd->add_option("--scenario", options.scenario, "what to do with it, JSON (default: the standard plan)");
  kmd->add_option("--allocation", options.allocations,
                  "private data of an allocation for the standard plan, hexadecimal, may be repeated");
  kmd->add_flag("--verifier", options.verifier, "the graphics kernel verifies itself after each callback");
  kmd->add_flag("--strict", options.strict, "a fault of a device stops the system");
  kmd->add_option("--cflag", options.flags, "for the compiler, may be repeated: --cflag=-Iinclude");
  kmd->add_option("--interface", options.version, "version of the driver interface")
      ->check(CLI::IsMember({"2.4", "2.9", "3.0", "3.1"}))
      ->capture_default_str();
  kmd->add_option("--dir", options.directory, "where the driver and the results go")->capture_default_str();
  kmd->add_option("--wdk", options.wdk, "directory of the kit's headers (default: those of this tree)");
  kmd->add_option("--seed", options.seed, "of page placement, power-on state and jitter")
      ->check(not_negative)
      ->capture_default_str();
  kmd->add_option(
         "--call-jitter", options.call_jitter,
         "each call into the kernel takes up to so many cycles more, by the seed: other interleavings of "
         "the driver's threads")
      ->check(CLI::Range(0, 1'000'000));
  kmd->add_option("--pipe", options.pipe, "variant of the RTL, 0 or 1")
      ->check(CLI::Range(0, 1))
      ->capture_default_str();
  kmd->add_option("--latency", options.latency, "of host memory in cycles")->check(CLI::Range(1, 1'000'000));
  kmd->add_option("--waves", options.waves, "write an FST");
  kmd->add_option("--record", options.record, "write a trace, for gpu-dmar replay");
  kmd->add_option("--timeout", options.timeout, "seconds that all of it may take")
      ->check(CLI::Range(1, 86'400))
      ->capture_default_str();
  kmd->add_option("--ddi-cycles", options.ddi_cycles, "that an entry point may take")->check(not_negative);
  kmd->add_option("--wait-cycles", options.wait_cycles, "that a wait without time-out may take")
      ->check(not_negative);
  kmd->add_option("--json,--summary", options.summary,
                  "write the results there (default: summary.json in --dir)");
  return kmd;
}

void finish_replay(ReplayOptions& options, const MachineChoices& choices) {
  if (options.shrink &&
      (options.cycles || options.until != 0 || options.limit != 0 || !choices.machine.waves.empty()))
    throw std::invalid_argument("--shrink goes without --cycles, --until, --limit and --waves");
  MachineConfig given = choices.machine;
  if (!choices.window.empty()) given.waves_window = parse_window(choices.window);
  AxiMemoryConfig tried;
  if (!choices.memory.empty()) parse_memory(choices.memory, tried);
  const bool latency = choices.latency_option->count() > 0;
  const bool pipe = choices.pipe_option->count() > 0;
  if (!choices.memory.empty()) options.words.insert(options.words.end(), {"--memory", choices.memory});
  if (latency) options.words.insert(options.words.end(), {"--latency", std::to_string(choices.latency)});
  if (pipe) options.words.insert(options.words.end(), {"--pipe", std::to_string(given.pipe)});
  options.apply = [given, memory = choices.memory, latency, cycles = choices.latency,
                   pipe](MachineConfig& machine) {
    if (pipe) machine.pipe = given.pipe;
    machine.waves = given.waves;
    machine.waves_window = given.waves_window;
    if (!memory.empty()) parse_memory(memory, machine.memory);
    if (latency) machine.memory.latency = cycles;
  };
}

CLI::App* add_replay(CLI::App& app, ReplayOptions& options, MachineChoices& choices) {
  CLI::App* replay =
      app.add_subcommand("replay", "make the calls of a trace again, up to the first difference");
  replay->add_option("trace", options.trace, "a trace, JSON Lines (docs/replay.md)")->required();
  replay->add_flag("--cycles", options.cycles,
                   "everything in its recorded cycle, registers too, and compare those");
  replay->add_option("--until", options.until, "line of the trace: what comes after it is left out")
      ->check(CLI::Range(2, 1'000'000'000));
  replay->add_option("--limit", options.limit, "cycles that it may take (default: as many as it wants)")
      ->check(CLI::Range(1, 1'000'000'000));
  replay->add_flag("--shrink", options.shrink, "make a failing trace short");
  replay->add_option("--runs", options.runs, "that shrinking may take")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  replay->add_option("--output", options.output, "where the short trace goes (default: FILE.min.jsonl)");
  replay->add_option("--memory", choices.memory, "other timing of host memory than the trace's, as with run");
  choices.latency_option =
      replay->add_option("--latency", choices.latency, "the same as --memory latency=...");
  choices.pipe_option =
      replay->add_option("--pipe", choices.machine.pipe, "another variant of the RTL, 0 or 1");
  replay->add_option("--waves", choices.machine.waves, "write an FST and its GTKWave view");
  replay->add_option("--waves-window", choices.window, "only these cycles of it: FIRST:LAST")
      ->needs("--waves");
  replay->add_option("--json,--summary", options.summary, "write the results as JSON");
  return replay;
}

}  // namespace

CycleWindow parse_window(const std::string& text, const std::string& option) {
  const std::size_t colon = text.find(':');
  try {
    const CycleWindow window{cycle(text.substr(0, colon)),
                             cycle(colon == std::string::npos ? "" : text.substr(colon + 1))};
    if (window.first <= window.last) return window;
  } catch (const std::invalid_argument&) {  // told below
  }
  throw std::invalid_argument(fmt::format("{}: '{}' is not FIRST:LAST, two cycles in order", option, text));
}

int parse_options(int argc, char** argv, Options& options) {
  CLI::App app{"A GPU DMA engine and a VT-d IOMMU in Verilog under a model of the Windows graphics kernel",
               "gpu-dmar"};
  app.require_subcommand(1);
  CLI::App* run = app.add_subcommand("run", "copy a file through the whole machine and check everything");
  CLI::App* info = app.add_subcommand("info", "what this build consists of");
  const CLI::App* random = add_random(app, options.random);
  const CLI::App* threads = add_threads(app, options);
  const CLI::App* kmd = add_kmd(app, options.kmd);
  const CLI::App* serve = add_serve(app, options.serve);
  MachineChoices choices;
  const CLI::App* replay = add_replay(app, options.replay, choices);
  std::string memory;
  std::string window;
  std::string timeline_cycles;
  unsigned latency = 0;
  MachineConfig given;  // only what stands on the command line counts
  run->add_option("scenario", options.scenario, "a scenario, JSON (default: the demonstration)");
  run->add_option("--file", options.file,
                  "what the demonstration copies (default: this program, cut to 4 MiB)");
  CLI::Option* adapters = run->add_option("--adapters", given.adapters, "GPUs, one linked adapter");
  run->add_option("--memory", memory,
                  "timing of host memory: latency=100,jitter=0,write-latency=1,stall=0.0,...");
  CLI::Option* latency_option = run->add_option("--latency", latency, "the same as --memory latency=...");
  CLI::Option* seed = run->add_option("--seed", given.seed, "of page placement, power-on state and jitter")
                          ->check(not_negative);
  CLI::Option* pipe = run->add_option("--pipe", given.pipe, "variant of the RTL, 0 or 1");
  CLI::Option* width = run->add_option("--host-width", given.host_address_width, "host address bits");
  for (CLI::Option* option : {adapters, seed, pipe, width}) option->capture_default_str();
  run->add_option("--waves", given.waves, "write an FST and its GTKWave view");
  CLI::Option* window_option =
      run->add_option("--waves-window", window, "only these cycles of it: FIRST:LAST")->needs("--waves");
  run->add_option("--failure-waves", options.failure_waves,
                  "after a failure run again and write the cycles around it, an FST and its view");
  run->add_option("--contract", given.contract_file, "another cycle contract (sim/contract/contract.json)");
  run->add_option("--record", options.record, "write a trace, for gpu-dmar replay");
  run->add_option("--timeline", options.timeline, "write what happened when, for ui.perfetto.dev");
  CLI::Option* timeline_window =
      run->add_option("--timeline-window", timeline_cycles, "only these cycles of it: FIRST:LAST")
          ->needs("--timeline");
  run->add_option("--report", options.report, "write a report, one HTML page");
  run->add_option("--json,--summary", options.summary, "write the results as JSON");
  run->add_flag(
      "--verifier", options.verifier,
      "the graphics kernel verifies itself after each callback, and shows its objects after a failure");
  run->add_flag("--strict", options.strict, "a fault of a device stops the system: bugcheck 0xE6");
  run->add_flag("-v,--verbose", options.verbose, "list DDI calls and contract histograms");
  try {
    app.parse(argc, argv);
    if (!options.scenario.empty() && !options.file.empty())
      throw std::invalid_argument(options.scenario +
                                  ": a scenario brings its own data, --file is for the demonstration");
    const auto there = [](const CLI::Option* option) { return option->count() > 0; };
    if (window_option->count() > 0) given.waves_window = parse_window(window);
    if (timeline_window->count() > 0)
      options.timeline_window = parse_window(timeline_cycles, "--timeline-window");
    options.apply = [given, memory, latency, adapters = there(adapters), seed = there(seed),
                     pipe = there(pipe), width = there(width),
                     latency_given = there(latency_option)](MachineConfig& machine) {
      if (adapters) machine.adapters = given.adapters;
      if (seed) machine.seed = given.seed;
      if (pipe) machine.pipe = given.pipe;
      if (width) machine.host_address_width = given.host_address_width;
      if (!given.waves.empty()) machine.waves = given.waves;
      machine.waves_window = given.waves_window;
      if (!given.contract_file.empty()) machine.contract_file = given.contract_file;
      if (!memory.empty()) parse_memory(memory, machine.memory);
      if (latency_given) machine.memory.latency = latency;
    };
    options.apply(options.machine);
    if (serve->parsed()) finish_serve(options.serve);
    finish_replay(options.replay, choices);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::Error& error) {
    fmt::print(stderr, "gpu-dmar: {}\n", error.what());
    return 2;
  } catch (const std::invalid_argument& error) {
    fmt::print(stderr, "gpu-dmar: {}\n", error.what());
    return 2;
  }
  options.command = info->parsed()      ? Options::Command::kInfo
                    : random->parsed()  ? Options::Command::kRandom
                    : threads->parsed() ? Options::Command::kThreads
                    : kmd->parsed()     ? Options::Command::kKmd
                    : serve->parsed()   ? Options::Command::kServe
                    : replay->parsed()  ? Options::Command::kReplay
                                        : Options::Command::kRun;
  return -1;
}

}  // namespace gpudmar::sim
