// SPDX-License-Identifier: Apache-2.0
// Streams out of proposals and verdicts.
#include "sim/random/generator.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sim/random/proposals.h"

namespace gpudmar::random {
namespace {

constexpr unsigned kTries = 400;  // proposals in a row that nobody can use, before a stream ends early
constexpr std::size_t kParallelEvery = 40;  // serial steps between sections of threads
constexpr std::size_t kThreadSteps = 20;
constexpr double kPauses = 0.1;             // between steps of threads
constexpr double kLongPauses = 0.2;         // of those
constexpr std::uint64_t kLongPause = 4000;  // cycles
constexpr std::uint64_t kShortPause = 200;

void settle(Step& step, const Verdict& verdict) {
  step.expect = verdict.expected;
  step.blocked = verdict.blocked;
  step.digest = verdict.digest;
}

class Generator {
 public:
  Generator(const GenerateOptions& options, RuleCounts* rules)
      : options_(options),
        rules_(rules),
        dice_(options.seed),
        reference_(options.machine),
        proposals_(options, reference_, dice_) {}

  Stream run() {
    stream_.name = fmt::format("random-{}", options_.seed);
    stream_.seed = options_.seed;
    stream_.iommu = options_.iommu;
    machine();
    while (made_ < options_.steps) {
      serial(std::min(kParallelEvery, options_.steps - made_));
      if (options_.threads > 1 && made_ < options_.steps) parallel();
    }
    verify_all();
    if (!dice_.chance(options_.profile.endings) || !end()) take_down();
    return std::move(stream_);
  }

 private:
  void machine();
  void serial(std::size_t steps);
  void parallel();
  void verify_all();
  void take_down();
  bool end();
  bool use(std::vector<Step>& list, Step step, bool alone);
  void must(Step step);
  [[nodiscard]] Step pause();

  const GenerateOptions& options_;
  RuleCounts* rules_;
  Dice dice_;
  Reference reference_;
  Proposals proposals_;
  Stream stream_;
  std::size_t made_ = 0;
};

// Times of the memory: the default ones, or rough ones.
void Generator::machine() {
  stream_.machine["pipe"] = options_.pipe;
  if (options_.machine.identity) stream_.machine["ram"] = options_.machine.ram;  // what the GPUs can address
  if (!options_.rough) return;
  nlohmann::json memory;
  const Timing& timing = options_.profile.timing;
  memory["latency"] = dice_.of(timing.latency);
  memory["jitter"] = dice_.of(timing.jitter);
  memory["write_latency"] = dice_.of(timing.write_latency);
  memory["stall"] = dice_.of(timing.stall);
  const bool reorder = dice_.chance(timing.out_of_order);
  memory["out_of_order"] = reorder;
  memory["interleave"] = reorder && dice_.chance(timing.interleave);
  memory["read_at_first_beat"] = dice_.chance(timing.read_at_first_beat);
  memory["write_at_wlast"] = dice_.chance(timing.write_at_wlast);
  stream_.machine["memory"] = memory;
}

bool Generator::use(std::vector<Step>& list, Step step, bool alone) {
  const Verdict verdict = reference_.judge(step, alone);
  if (!verdict.undecided.empty()) return false;
  if (verdict.expected.bugcheck != 0) return false;
  settle(step, verdict);
  reference_.apply(step, verdict);
  if (rules_ != nullptr)
    for (const std::string& rule : verdict.rules) ++(*rules_)[rule];
  list.push_back(std::move(step));
  ++made_;
  return true;
}

void Generator::must(Step step) { use(stream_.sections.back().threads[0], std::move(step), true); }

void Generator::serial(std::size_t steps) {
  proposals_.use_thread(0, 1);
  stream_.sections.push_back({{{}}});
  auto& list = stream_.sections.back().threads[0];
  const std::size_t until = made_ + steps;
  for (unsigned tries = 0; made_ < until && tries < kTries; ++tries)
    if (use(list, proposals_.any(), true)) tries = 0;
}

// Threads start and go on at times that have nothing to do with each other: mostly within another's call,
// sometimes past it.
Step Generator::pause() {
  Step step;
  step.what = Do::kWait;
  step.size = 1 + dice_.below(dice_.chance(kLongPauses) ? kLongPause : kShortPause);
  return step;
}

// Threads change only what is theirs, so that their order does not matter; the reference lets them go one
// after the other.
void Generator::parallel() {
  Section section;
  proposals_.share_out(options_.threads);
  for (unsigned thread = 0; thread < options_.threads; ++thread) {
    proposals_.use_thread(thread, options_.threads);
    auto& list = section.threads.emplace_back();
    list.push_back(pause());
    for (unsigned tries = 0; list.size() < kThreadSteps && tries < kTries; ++tries) {
      if (use(list, proposals_.any(), false)) tries = 0;
      if (dice_.chance(kPauses)) list.push_back(pause());
    }
  }
  reference_.join();
  stream_.sections.push_back(std::move(section));
}

// Every byte that is known, at the end.
void Generator::verify_all() {
  proposals_.use_thread(0, 1);
  stream_.sections.push_back({{{}}});
  for (const auto& [name, o] : reference_.objects()) {
    if (!o.alive) continue;
    const auto [content, base] = reference_.bytes(name);
    for (std::uint64_t at = 0; at < o.asked;) {
      const std::uint64_t end = std::min(content->known_run(base + at).second - base, o.asked);
      if (end > at) {
        Step step;
        step.what = Do::kCheck;
        step.name = name;
        step.offset = at;
        step.size = end - at;
        must(step);
      }
      at = std::max(end, at + 1);
    }
  }
}

void Generator::take_down() {
  const auto adls = reference_.adls();
  for (const auto& [name, adl] : adls) {
    if (!adl.alive) continue;
    Step step;
    step.what = Do::kFree;
    step.item = name;
    must(step);
  }
  const auto views = reference_.views();
  for (const auto& [name, view] : views) {
    if (!view.alive) continue;
    Step step;
    step.what = Do::kUnmap;
    step.item = name;
    must(step);
  }
  const auto objects = reference_.objects();
  for (const auto& [name, o] : objects) {
    if (!o.alive) continue;
    Step step;
    step.what = Do::kDestroy;
    step.name = name;
    step.form = !o.open             ? Step::Form::kPhysicalOnly
                : dice_.chance(0.5) ? Step::Form::kSplit
                                    : Step::Form::kCombined;
    must(step);
  }
  must({});  // stop
}

// One step that the system does not survive: of the kind that the dice say, else of any.
bool Generator::end() {
  const auto wish =
      dice_.of<std::string>({"R87", "R90", "R91", "R92", "R93", "R94", "R95", "R96", "R111", "R112", "R143"});
  for (unsigned tries = 0; tries < 2 * kTries; ++tries) {
    Step step = proposals_.ending();
    const Verdict verdict = reference_.judge(step, true);
    if (!verdict.undecided.empty() || verdict.expected.bugcheck == 0) continue;
    const auto& rules = verdict.rules;
    if (tries < kTries && std::find(rules.begin(), rules.end(), wish) == rules.end()) continue;
    settle(step, verdict);
    if (rules_ != nullptr)
      for (const std::string& rule : rules) ++(*rules_)[rule];
    stream_.sections.back().threads[0].push_back(std::move(step));
    return true;
  }
  return false;
}

}  // namespace

namespace {

/// Names of what has not ended; what is done with them changes the table.
template <typename Table>
std::vector<std::string> alive(const Table& table) {
  std::vector<std::string> names;
  for (const auto& [name, entry] : table)
    if (entry.alive) names.push_back(name);
  return names;
}

const Step& last(const Stream& stream) { return stream.sections.back().threads.back().back(); }

/// A stop, which finds what was left behind. Objects that no adapter has are none of its business: they go
/// before.
void finish(Stream& stream, Reference& reference) {
  if (stream.sections.back().threads.size() > 1) stream.sections.push_back({{{}}});
  auto& list = stream.sections.back().threads[0];
  const auto add = [&](Step step) {
    const Verdict verdict = reference.judge(step, true);
    settle(step, verdict);
    list.push_back(step);
    if (step.what != Do::kStop) reference.apply(step, verdict);
  };
  Step step;
  if (!reference.judge(step, true).undecided.empty()) {
    step.what = Do::kUnmap;
    for (const std::string& name : alive(reference.views())) {
      step.item = name;
      add(step);
    }
    step = {};
    step.what = Do::kDestroy;
    step.form = Step::Form::kPhysicalOnly;
    for (const std::string& name : alive(reference.objects())) {
      step.name = name;
      add(step);
    }
  }
  add({});
}

}  // namespace

Stream generate(const GenerateOptions& options, RuleCounts* rules) { return Generator(options, rules).run(); }

Stream annotate(const Stream& stream, const Reference::Machine& machine) {
  Reference reference(machine);
  Stream out = stream;
  out.sections.clear();
  for (const Section& section : stream.sections) {
    const bool alone = section.threads.size() == 1;
    Section kept;
    bool ended = false;
    for (const auto& thread : section.threads) {
      std::vector<Step> list;
      for (Step step : thread) {
        const Verdict verdict = reference.judge(step, alone);
        if (!verdict.undecided.empty()) continue;
        ended = verdict.expected.bugcheck != 0;
        if (ended && !alone) continue;
        settle(step, verdict);
        list.push_back(step);
        if (ended || step.what == Do::kStop) break;
        reference.apply(step, verdict);
      }
      if (!list.empty()) kept.threads.push_back(std::move(list));
    }
    if (!alone) {
      reference.join();
      ended = false;
    }
    if (!kept.threads.empty()) out.sections.push_back(std::move(kept));
    if (ended) return out;
  }
  if (!out.sections.empty() && last(out).what != Do::kStop) finish(out, reference);
  return out;
}

}  // namespace gpudmar::random
