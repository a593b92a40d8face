// SPDX-License-Identifier: Apache-2.0
// Runs streams in processes of their own: SystemC elaborates once in each.
#include "sim/main/random.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <stdexcept>
#include <vector>

#include "sim/main/directories.h"
#include "sim/main/process.h"
#include "sim/main/summary_head.h"
#include "sim/random/dice.h"
#include "sim/random/generator.h"
#include "sim/random/shrinker.h"

namespace gpudmar::sim {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

void write_file(const fs::path& path, const json& document) {
  std::ofstream file(path);
  file << document.dump(1) << '\n';
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

constexpr std::size_t kMostFailures = 20;  // then the rest of the cycles would not say more

struct Outcome {
  std::string failure;  ///< the first one; empty: passed
  std::uint64_t cycles = 0;
};

Outcome run_stream(const random::Stream& stream, const Scratch& scratch, const std::string& trace = {}) {
  const fs::path scenario = scratch.path / "stream.json";
  const fs::path summary = scratch.path / "summary.json";
  const fs::path log = scratch.path / "log";
  write_file(scenario, random::to_json(stream));
  fs::remove(summary);
  std::vector<std::string> words{"run", scenario.string(), "--summary", summary.string()};
  if (!trace.empty()) words.insert(words.end(), {"--record", trace});
  const int status = run_again(std::move(words), log);
  if (status == -1) return {"the run did not end", 0};
  if (WIFSIGNALED(status)) return {fmt::format("ended by signal {}", WTERMSIG(status)), 0};
  const json result = json::parse(std::ifstream(summary), nullptr, false);
  if (result.is_discarded()) return {"no summary: " + last_line(log), 0};
  Outcome outcome{"", result.value("cycles", std::uint64_t{0})};
  if (WEXITSTATUS(status) == 0) return outcome;
  const json& failures = result.at("failures");
  outcome.failure = failures.empty() ? "failed without a reason" : failures[0].get<std::string>();
  return outcome;
}

class Campaign {
 public:
  explicit Campaign(const RandomOptions& options) : options_(options) {
    generate_.steps = options.steps;
    generate_.rough = !options.plain;
    if (!options.profile.empty()) {
      generate_.profile = random::load_profile(options.profile);
      return;
    }
    generate_.profile.threads = {options.threads};
    generate_.profile.pipe = {options.pipe};
    generate_.profile.iommu = {options.iommu};
  }
  int run();

 private:
  json one(std::uint64_t seed);
  void choose(std::uint64_t seed);
  void shrink(const random::Stream& stream, const Outcome& outcome, json& row);
  [[nodiscard]] std::string path(const std::string& name) const {
    return options_.directory.empty() ? name : (fs::path(options_.directory) / name).string();
  }

  const RandomOptions& options_;
  random::GenerateOptions generate_;
  random::RuleCounts rules_;
  Scratch scratch_;
};

void Campaign::shrink(const random::Stream& stream, const Outcome& outcome, json& row) {
  const std::string kind = failure_kind(outcome.failure);
  const auto fails = [&](const random::Stream& candidate) {
    const std::string failure = run_stream(candidate, scratch_).failure;
    return failure.empty() ? failure : failure_kind(failure);
  };
  const auto result =
      random::shrink(stream, generate_.machine, fails, 500, [](std::size_t runs, std::size_t steps) {
        progress(fmt::format("shrinking: {} runs, {} steps", runs, steps));
      });
  progress("");
  if (result.failure != kind) {
    fmt::print("the stream fails otherwise when it runs again: {}\n", result.failure);
    return;
  }
  const std::string file = path(fmt::format("random-{}.min.json", stream.seed));
  write_file(file, random::to_json(result.stream));
  fmt::print("{} runs: {} steps became {}; again: gpu-dmar run {}\n", result.runs, stream.steps(),
             result.stream.steps(), file);
  row["shrunk"] = {{"file", file}, {"steps", result.stream.steps()}, {"runs", result.runs}};
}

// What the profile leaves open. The stream's own numbers begin with the same seed: these are others.
void Campaign::choose(std::uint64_t seed) {
  random::Dice dice(seed ^ 0x9E37'79B9'7F4A'7C15);
  const random::Profile& profile = generate_.profile;
  generate_.seed = seed;
  generate_.threads = dice.of(profile.threads);
  generate_.pipe = dice.of(profile.pipe);
  generate_.iommu = dice.of(profile.iommu);
  generate_.machine = {};
  generate_.machine.translated = generate_.iommu != "off";
  generate_.machine.identity = generate_.iommu != "logical";
  if (generate_.machine.identity) generate_.machine.ram.pop_back();  // the GPUs must see everything
}

json Campaign::one(std::uint64_t seed) {
  choose(seed);
  const random::Stream stream = random::generate(generate_, &rules_);
  const std::string file = path(fmt::format("random-{}.json", seed));
  json row{{"seed", seed}, {"steps", stream.steps()}};
  if (!options_.profile.empty()) {
    row["iommu"] = generate_.iommu;
    row["pipe"] = generate_.pipe;
    row["threads"] = generate_.threads;
  }
  if (!options_.directory.empty() || options_.generate_only) write_file(file, random::to_json(stream));
  if (options_.generate_only) {
    fmt::print("seed {}: {} steps in {}\n", seed, stream.steps(), file);
    return row;
  }
  progress(fmt::format("seed {}: {} steps", seed, stream.steps()));
  const std::string trace = options_.record.empty()
                                ? ""
                                : (fs::path(options_.record) / fmt::format("random-{}.jsonl", seed)).string();
  const Outcome outcome = run_stream(stream, scratch_, trace);
  progress("");
  row["passed"] = outcome.failure.empty();
  row["cycles"] = outcome.cycles;
  if (outcome.failure.empty()) {
    fmt::print("seed {}: {} steps, {} cycles: PASS\n", seed, stream.steps(), outcome.cycles);
    return row;
  }
  row["failure"] = outcome.failure;
  row["file"] = file;
  write_file(file, random::to_json(stream));
  fmt::print("seed {}: {} steps: FAIL\n{}\nagain: gpu-dmar run {}\n", seed, stream.steps(), outcome.failure,
             file);
  if (options_.shrink) shrink(stream, outcome, row);
  return row;
}

int Campaign::run() {
  const auto begin = std::chrono::steady_clock::now();
  if (!options_.directory.empty()) make_directory("--dir", options_.directory);
  if (!options_.record.empty()) make_directory("--record", options_.record);
  json rows = json::array();
  std::size_t failed = 0;
  std::uint64_t cycles = 0;
  for (std::size_t i = 0; i < options_.runs || (cycles < options_.cycles && failed < kMostFailures); ++i) {
    rows.push_back(one(options_.seed + i));
    failed += rows.back().value("passed", true) ? 0 : 1;
    cycles += rows.back().value("cycles", std::uint64_t{0});
    std::fflush(stdout);
  }
  if (!options_.generate_only)
    fmt::print("{} of {} runs passed, {} cycles\n", rows.size() - failed, rows.size(), cycles);
  if (!options_.summary.empty()) {
    const std::chrono::duration<double> duration = std::chrono::steady_clock::now() - begin;
    json summary = summary_head({{"steps", options_.steps},
                                 {"threads", options_.threads},
                                 {"pipe", options_.pipe},
                                 {"iommu", options_.iommu},
                                 {"profile", options_.profile},
                                 {"plain", options_.plain}},
                                options_.seed, duration.count());
    summary["cycles"] = cycles;
    summary["failed"] = failed;
    summary["runs"] = rows;
    summary["rules"] = rules_;
    write_file(options_.summary, summary);
  }
  return failed == 0 ? 0 : 1;
}

}  // namespace

std::string failure_kind(const std::string& failure) {
  static const std::regex place(R"(^\S*\.json:[0-9]+: )");
  static const std::regex when(R"( \(cycle [^)]*\)$)");
  static const std::regex numbers(R"(\b(0x[0-9a-fA-F]+|[a-z]?[0-9][0-9a-fA-F]*h?)\b)");
  std::string kind = std::regex_replace(failure, place, "");
  kind = std::regex_replace(kind, when, "");
  return std::regex_replace(kind, numbers, "#");
}

int run_random(const RandomOptions& options) { return Campaign(options).run(); }

}  // namespace gpudmar::sim
