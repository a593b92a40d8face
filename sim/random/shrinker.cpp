// SPDX-License-Identifier: Apache-2.0
// Delta debugging (Zeller, Hildebrandt 2002) over the steps of a stream.
#include "sim/random/shrinker.h"

#include <algorithm>
#include <utility>

namespace gpudmar::random {
namespace {

class Shrinker {
 public:
  Shrinker(const Reference::Machine& machine, const RunStream& run, std::size_t max_runs,
           const ShrinkProgress& progress)
      : machine_(machine), run_(run), max_runs_(max_runs), progress_(progress) {}

  ShrinkResult shrink(const Stream& stream) {
    best_ = stream;
    failure_ = run_(best_);
    runs_ = 1;
    if (!failure_.empty()) {
      std::size_t before = 0;
      do {
        before = size();
        remove_steps();
        serialise();
        plain_machine();
        small_sizes();
      } while (size() < before && runs_ < max_runs_);
    }
    return {best_, failure_, runs_};
  }

 private:
  [[nodiscard]] std::size_t size() const { return best_.steps(); }
  /// Takes the candidate if it fails alike and has no more steps, or fewer if `shorter`.
  bool accept(const Stream& candidate, bool shorter = false);
  void remove_steps();
  void serialise();
  void plain_machine();
  void small_sizes();
  void edit(const std::function<void(Step&)>& change);

  const Reference::Machine& machine_;
  const RunStream& run_;
  std::size_t max_runs_;
  const ShrinkProgress& progress_;
  Stream best_;
  std::string failure_;
  std::size_t runs_ = 0;
};

bool Shrinker::accept(const Stream& candidate, bool shorter) {
  if (runs_ >= max_runs_) return false;
  Stream judged = annotate(candidate, machine_);
  if (judged.steps() == 0 || judged.steps() + (shorter ? 1 : 0) > size()) return false;
  ++runs_;
  const bool fails = run_(judged) == failure_;
  if (fails) best_ = std::move(judged);
  if (progress_) progress_(runs_, size());
  return fails;
}

/// The stream without the steps [first, end), counted over all sections and threads.
Stream without(const Stream& stream, std::size_t first, std::size_t end) {
  Stream out = stream;
  std::size_t index = 0;
  for (Section& section : out.sections) {
    for (auto& thread : section.threads) {
      std::vector<Step> kept;
      for (Step& step : thread) {
        if (index < first || index >= end) kept.push_back(std::move(step));
        ++index;
      }
      thread = std::move(kept);
    }
  }
  return out;
}

// From the end: what came after the failure goes first.
void Shrinker::remove_steps() {
  for (std::size_t chunk = std::max<std::size_t>(1, size() / 2); chunk > 0 && runs_ < max_runs_; chunk /= 2) {
    bool again = true;
    while (again && runs_ < max_runs_) {
      again = false;
      for (std::size_t end = size(); end > 0;) {
        const std::size_t first = end > chunk ? end - chunk : 0;
        if (size() > 1 && accept(without(best_, first, end), true)) again = chunk == 1;
        end = std::min(first, size());
      }
    }
  }
}

// Threads that need not run side by side: one after the other.
void Shrinker::serialise() {
  for (std::size_t i = 0; i < best_.sections.size(); ++i) {
    if (best_.sections[i].threads.size() < 2) continue;
    Stream candidate = best_;
    Section serial;
    serial.threads.emplace_back();
    for (const auto& thread : best_.sections[i].threads)
      serial.threads[0].insert(serial.threads[0].end(), thread.begin(), thread.end());
    candidate.sections[i] = std::move(serial);
    accept(candidate);
  }
}

void Shrinker::plain_machine() {
  if (best_.machine.contains("memory")) {
    Stream candidate = best_;
    candidate.machine.erase("memory");
    if (!accept(candidate)) {
      const auto keys = best_.machine["memory"];
      for (const auto& [key, value] : keys.items()) {
        candidate = best_;
        candidate.machine["memory"].erase(key);
        accept(candidate);
      }
    }
  }
}

/// Every step for itself: `change`, if the stream still fails.
void Shrinker::edit(const std::function<void(Step&)>& change) {
  for (std::size_t s = 0; s < best_.sections.size(); ++s) {
    for (std::size_t t = 0; t < best_.sections[s].threads.size(); ++t) {
      for (std::size_t i = 0; i < best_.sections[s].threads[t].size(); ++i) {
        Stream candidate = best_;
        Step& step = candidate.sections[s].threads[t][i];
        const auto before = to_json(step);
        change(step);
        if (to_json(step) == before) continue;
        if (accept(candidate) && (s >= best_.sections.size() || t >= best_.sections[s].threads.size()))
          return;
      }
    }
  }
}

// The one-page, offset-zero, plain form of each step where it does as well.
void Shrinker::small_sizes() {
  constexpr std::size_t kFew = 40;
  if (size() > kFew) return;  // too many runs; the steps go first
  edit([](Step& step) {
    if (step.what == Do::kCreate || step.what == Do::kAdl) {
      step.offset = 0;
      step.size = kPage;
    }
  });
  edit([](Step& step) {
    if (step.what != Do::kCreate) return;
    const Step defaults;
    step.low = step.type == static_cast<std::uint32_t>(ObjectType::kIoSpace) ? step.low : defaults.low;
    step.high = defaults.high;
    step.step = 0;
    step.flags = 0;
    step.cache = defaults.cache;
  });
  edit([](Step& step) {
    if (step.what == Do::kMap || step.what == Do::kFill || step.what == Do::kCheck) step.offset = 0;
    step.from.offset = step.from.kind == Operand::Kind::kAddress ? step.from.offset : 0;
    step.to.offset = 0;
  });
  edit([](Step& step) {
    const bool data = step.what == Do::kFill || step.what == Do::kCheck || step.what == Do::kCopy;
    if (data && step.size > 8) step.size = 8;
  });
}

}  // namespace

ShrinkResult shrink(const Stream& stream, const Reference::Machine& machine, const RunStream& run,
                    std::size_t max_runs, const ShrinkProgress& progress) {
  return Shrinker(machine, run, max_runs, progress).shrink(stream);
}

}  // namespace gpudmar::random
