// SPDX-License-Identifier: Apache-2.0
// The shrinker.
#include "sim/oracle/shrink.h"

#include <algorithm>
#include <utility>

namespace gpudmar::oracle {
namespace {

class Shrinker {
 public:
  Shrinker(Case test, const std::function<bool(const Case&)>& fails, std::size_t limit)
      : best_(std::move(test)), fails_(fails), limit_(limit) {}

  Shrunk run() {
    wide_ = with_wide_invalidations();
    for (bool better = true; better && runs_ < limit_;) {
      better = drop_accesses();
      if (wide_) {
        better = drop_steps() || better;
        better = drop_stores() || better;
      }
      better = shorten() || better;
    }
    for (std::size_t step = 0; step < best_.steps.size(); ++step)
      if (best_.steps[step].accesses.empty() && step + 1 == best_.steps.size()) best_.steps.pop_back();
    return {best_, runs_};
  }

 private:
  bool attempt(Case candidate) {
    if (runs_ >= limit_) return false;
    ++runs_;
    if (!fails_(candidate)) return false;
    best_ = std::move(candidate);
    return true;
  }

  /// Everything is forgotten at every step: then a change may go without the invalidations of others being
  /// wrong.
  bool with_wide_invalidations() {
    Case candidate = best_;
    for (Step& step : candidate.steps) {
      Invalidation contexts;
      contexts.kind = Invalidation::Kind::kContext;
      step.invalidations = {contexts, Invalidation{}};
    }
    return attempt(std::move(candidate));
  }

  bool drop_accesses() {
    bool better = false;
    for (std::size_t step = best_.steps.size(); step-- > 0;)
      for (std::size_t i = best_.steps[step].accesses.size(); i-- > 0;) {
        Case candidate = best_;
        auto& accesses = candidate.steps[step].accesses;
        accesses.erase(accesses.begin() + static_cast<std::ptrdiff_t>(i));
        better = attempt(std::move(candidate)) || better;
      }
    return better;
  }

  bool drop_steps() {
    bool better = false;
    for (std::size_t step = best_.steps.size(); step-- > 0;) {
      Case candidate = best_;
      candidate.steps.erase(candidate.steps.begin() + static_cast<std::ptrdiff_t>(step));
      better = attempt(std::move(candidate)) || better;
    }
    return better;
  }

  bool drop_stores() {
    bool better = false;
    for (std::size_t i = best_.memory.size(); i-- > 0;) {
      Case candidate = best_;
      candidate.memory.erase(candidate.memory.begin() + static_cast<std::ptrdiff_t>(i));
      better = attempt(std::move(candidate)) || better;
    }
    for (std::size_t step = best_.steps.size(); step-- > 0;)
      for (std::size_t i = best_.steps[step].stores.size(); i-- > 0;) {
        Case candidate = best_;
        auto& stores = candidate.steps[step].stores;
        stores.erase(stores.begin() + static_cast<std::ptrdiff_t>(i));
        better = attempt(std::move(candidate)) || better;
      }
    return better;
  }

  bool shorten() {
    bool better = false;
    for (std::size_t step = 0; step < best_.steps.size(); ++step)
      for (std::size_t i = 0; i < best_.steps[step].accesses.size(); ++i)
        for (const unsigned bytes : {1U, 4U, 64U}) {
          if (best_.steps[step].accesses[i].bytes <= bytes) break;
          Case candidate = best_;
          candidate.steps[step].accesses[i].bytes = bytes;
          if (!attempt(std::move(candidate))) continue;
          better = true;
          break;
        }
    return better;
  }

  Case best_;
  const std::function<bool(const Case&)>& fails_;
  std::size_t limit_;
  std::size_t runs_ = 0;
  bool wide_ = false;
};

}  // namespace

Shrunk shrink(const Case& test, const std::function<bool(const Case&)>& fails, std::size_t limit) {
  return Shrinker(test, fails, limit).run();
}

}  // namespace gpudmar::oracle
