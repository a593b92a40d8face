// SPDX-License-Identifier: Apache-2.0
// One replay in this process; shrinking runs many, each in its own.
#include "sim/main/replay.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "sim/main/process.h"
#include "sim/main/simulate.h"
#include "sim/main/summary.h"
#include "sim/main/summary_head.h"
#include "sim/replay/player.h"
#include "sim/replay/shrinker.h"

namespace gpudmar::sim {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::uint64_t kAllowance = 50'000;  // cycles

void write_text(const fs::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

json to_json(const replay::Difference& difference) {
  return {{"line", difference.line},         {"name", difference.name}, {"field", difference.field},
          {"expected", difference.expected}, {"got", difference.got},   {"cycle", difference.cycle}};
}

void print(const ReplayOptions& options, const replay::Trace& trace, const replay::PlayResult& result) {
  for (const std::string& note : result.notes) fmt::print("{}\n", note);
  if (result.difference) {
    const replay::Difference& d = *result.difference;
    const std::string place = d.line == 0 ? trace.file : fmt::format("{}:{}", trace.file, d.line);
    fmt::print("{}: {}: {}: {} in the trace, {} here (cycle {})\n", place, d.name, d.field, d.expected, d.got,
               d.cycle);
  }
  for (const std::string& failure : result.failures) fmt::print("FAILED: {}\n", failure);
  if (!result.bugcheck.empty() && !result.difference) fmt::print("{}, as in the trace\n", result.bugcheck);
  fmt::print("{} events made again in {} cycles{}; {:.0f} kHz\n{}\n", result.events, result.cycles,
             options.cycles ? ", each in its own" : "", result.khz, result.passed ? "PASS" : "FAIL");
}

int replay_once(const ReplayOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  const replay::Trace trace = replay::load_trace(options.trace);
  MachineConfig config = trace.system.machine;
  options.apply(config);
  if (!options.summary.empty()) prepare_summary(options.summary);
  Machine machine("machine", config);
  replay::PlayOptions play{options.cycles, options.until};
  if (options.limit != 0) play.limit = options.limit;
  replay::Player player(machine, trace, play);
  replay::PlayResult result;
  simulate(machine, [&] { result = player.run(); });
  print(options, trace, result);
  if (!options.summary.empty()) {
    const std::chrono::duration<double> duration = std::chrono::steady_clock::now() - begin;
    json summary =
        summary_head({{"trace", options.trace}, {"cycles", options.cycles}, {"until", options.until}},
                     config.seed, duration.count());
    summary["status"] = result.passed ? "pass" : result.difference ? "difference" : "fail";
    summary["difference"] = result.difference ? to_json(*result.difference) : json();
    summary["failures"] = result.failures;
    summary["notes"] = result.notes;
    summary["bugcheck"] = result.bugcheck;
    summary["kind"] = replay::kind_of(result);
    summary["events"] = result.events;
    summary["cycles"] = result.cycles;
    write_text(options.summary, summary.dump(2) + "\n");
  }
  return result.passed ? 0 : 1;
}

class Shrinking {
 public:
  explicit Shrinking(const ReplayOptions& options) : options_(options) {}

  int run() {
    const replay::Trace trace = replay::load_trace(options_.trace);
    const auto fails = [this](const std::string& text) { return replayed(text); };
    const replay::ShrunkTrace shrunk =
        replay::shrink(trace, fails, options_.runs, [](std::size_t runs, std::size_t events) {
          progress(fmt::format("shrinking: {} runs, {} events", runs, events));
        });
    progress("");
    if (shrunk.kind.empty()) {
      fmt::print("{}: nothing fails when its calls are made again without their cycles: nothing to shrink\n",
                 options_.trace);
      return 0;
    }
    const std::string output = options_.output.empty() ? options_.trace + ".min.jsonl" : options_.output;
    write_text(output, shrunk.text);
    fmt::print("{}\n{} runs: {} events became {}; again: gpu-dmar replay {}\n", shrunk.kind, shrunk.runs,
               trace.events.size(), shrunk.events, output);
    if (!options_.summary.empty()) {
      const json summary{{"schema", 1},
                         {"kind", shrunk.kind},
                         {"runs", shrunk.runs},
                         {"events", shrunk.events},
                         {"given", trace.events.size()},
                         {"file", output}};
      write_text(options_.summary, summary.dump(2) + "\n");
    }
    return 1;
  }

 private:
  replay::RunOutcome replayed(const std::string& text) {
    const fs::path candidate = scratch_.path / "trace.jsonl";
    const fs::path summary = scratch_.path / "summary.json";
    const fs::path log = scratch_.path / "log";
    write_text(candidate, text);
    fs::remove(summary);
    std::vector<std::string> words{"replay", candidate.string(), "--json", summary.string()};
    words.insert(words.end(), options_.words.begin(), options_.words.end());
    if (limit_ != 0) words.insert(words.end(), {"--limit", std::to_string(limit_)});
    const int status = run_again(std::move(words), log);
    if (status == -1) return {"the run does not end"};
    if (WIFSIGNALED(status)) return {fmt::format("signal {}", WTERMSIG(status))};
    const json result = json::parse(std::ifstream(summary), nullptr, false);
    if (!result.is_object()) return {};
    // The given trace sets the measure: what takes many times as long waits for something that went.
    if (limit_ == 0) limit_ = 2 * result.value("cycles", kAllowance) + kAllowance;
    const json difference = result.value("difference", json());
    return {result.value("kind", std::string()), difference.is_object() ? difference.value("line", 0U) : 0};
  }

  const ReplayOptions& options_;
  Scratch scratch_;
  std::uint64_t limit_ = 0;  // cycles of a run; 0: none yet
};

}  // namespace

int run_replay(const ReplayOptions& options) {
  return options.shrink ? Shrinking(options).run() : replay_once(options);
}

}  // namespace gpudmar::sim
