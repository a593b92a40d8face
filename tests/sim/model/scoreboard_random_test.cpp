// SPDX-License-Identifier: Apache-2.0
// A small caching unit under random mapping, unmapping and traffic: a correct one never draws a complaint,
// and one that forgets to flush, or to drop a walk that an invalidation has overtaken, does.
#include <algorithm>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <map>
#include <random>

#include "tests/sim/model/scoreboard_fixture.h"

namespace gpudmar::model::test {
namespace {

enum class Defect { kNone, kForgetsFlush, kKeepsOldWalk, kNoDrain };

class ScoreboardRandom : public ScoreboardTest {
 protected:
  /// A request inside the unit. `walked` holds its result from the moment of its lookup.
  struct Inside {
    std::uint64_t address = 0;
    unsigned id = 0;
    bool looked_up = false;
    Outcome result;
    bool out = false;
  };

  void run(Defect defect, std::uint64_t seed, int steps) {
    std::mt19937_64 rng(seed);
    const auto below = [&rng](std::uint64_t n) { return rng() % n; };
    const UnitConfig config;
    std::map<std::uint64_t, Outcome> cache;  // by page
    std::deque<Inside> inside;
    bool invalidating = false;
    std::uint64_t victim = 0;
    const auto page_of = [](std::uint64_t n) { return kIova + 0x1000 * n; };

    for (int step = 0; step < steps; ++step) {
      switch (below(6)) {
        case 0:  // CPU: map a free page, or unmap one and submit its invalidation
          if (!invalidating) {
            const std::uint64_t page = page_of(below(4));
            const std::uint64_t leaf = tables_.entry(stage_, 4, page, 1);
            if (memory_.qwords[leaf] == 0) {
              store(leaf, (kPage + 0x1000 * below(64)) | kReadWrite);
            } else {
              store(leaf, 0);
              victim = page;
              invalidating = true;
              submit(page_invalidation(kDid), page | 0x40);
            }
          }
          break;
        case 1:
          if (inside.size() < 8) {
            const auto id = static_cast<unsigned>(below(4));
            const std::uint64_t address = page_of(below(4)) + 64 * below(60);
            in(address, false, id);
            inside.push_back({address, id, false, {}, false});
          }
          break;
        case 2:  // look one up: cache, else walk
          if (auto it = pick(inside, rng, [](const Inside& i) { return !i.looked_up; }); it != inside.end()) {
            const std::uint64_t page = it->address & ~0xFFFULL;
            it->looked_up = true;
            if (const auto hit = cache.find(page); hit != cache.end()) {
              it->result = hit->second;
            } else {
              it->result = translate(config, {true, Tables::kRoot, 0}, memory_, read_of(kSid, page));
              if (std::holds_alternative<Translated>(it->result)) cache[page] = it->result;
            }
          }
          break;
        case 3:  // leave, or be blocked, in the order of the id
          if (auto it = first_of_an_id(inside, rng); it != inside.end() && it->looked_up && !it->out) {
            if (const auto* t = std::get_if<Translated>(&it->result)) {
              out(t->address + (it->address & 0xFFF), false, it->id);
              it->out = true;
            } else {
              fault(it->address, static_cast<unsigned>(std::get<Fault>(it->result).reason));
              answer(2, false, it->id);
              inside.erase(it);
            }
          }
          break;
        case 4:
          if (auto it = pick(inside, rng, [](const Inside& i) { return i.out; }); it != inside.end()) {
            done(false, it->id);
            answer(0, false, it->id);
            inside.erase(it);
          }
          break;
        default:  // the unit executes the invalidation
          if (!invalidating) break;
          if (defect != Defect::kForgetsFlush) cache.erase(victim);
          for (Inside& i : inside) {  // results looked up but not sent are looked up again
            if (defect != Defect::kKeepsOldWalk && !i.out && std::holds_alternative<Translated>(i.result)) {
              i.looked_up = false;
            }
          }
          while (defect != Defect::kNoDrain) {
            const auto it = std::find_if(inside.begin(), inside.end(), [](const Inside& i) { return i.out; });
            if (it == inside.end()) break;
            done(false, it->id);
            answer(0, false, it->id);
            inside.erase(it);
          }
          complete();
          invalidating = false;
          break;
      }
    }
  }

  template <typename Wanted>
  static std::deque<Inside>::iterator pick(std::deque<Inside>& inside, std::mt19937_64& rng, Wanted wanted) {
    if (inside.empty()) return inside.end();
    const auto start = inside.begin() + static_cast<std::ptrdiff_t>(rng() % inside.size());
    // The oldest of its id, so that answers keep their order.
    const auto it = std::find_if(start, inside.end(), wanted);
    if (it == inside.end()) return it;
    return std::find_if(inside.begin(), inside.end(),
                        [&](const Inside& i) { return i.id == it->id && wanted(i); });
  }
  static std::deque<Inside>::iterator first_of_an_id(std::deque<Inside>& inside, std::mt19937_64& rng) {
    const auto id = static_cast<unsigned>(rng() % 4);
    const auto it =
        std::find_if(inside.begin(), inside.end(), [id](const Inside& i) { return i.id == id && !i.out; });
    if (it == inside.end()) return it;
    // A blocked one is answered only when nothing of its id is before it.
    const bool first = std::find_if(inside.begin(), it, [id](const Inside& i) { return i.id == id; }) == it;
    return first || std::holds_alternative<Translated>(it->result) ? it : inside.end();
  }
  static std::uint64_t seed() {
    const char* given = std::getenv("GPUDMAR_SEED");
    const std::uint64_t value = given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device{}();
    std::cout << "GPUDMAR_SEED=" << value << " model_scoreboard_test --gtest_filter="
              << "ScoreboardRandom." << ::testing::UnitTest::GetInstance()->current_test_info()->name()
              << "\n";
    return value;
  }
  [[nodiscard]] bool saw(ViolationKind kind) const {
    return std::any_of(violations_.begin(), violations_.end(),
                       [kind](const Violation& v) { return v.kind == kind; });
  }
};

TEST_F(ScoreboardRandom, CorrectUnitDrawsNoComplaint) {
  run(Defect::kNone, seed(), 100'000);
  expect_clean();
  EXPECT_GT(board_.counters().translated, 1000U);
  EXPECT_GT(board_.counters().faulted, 1000U);
  EXPECT_GT(board_.counters().invalidations, 1000U);
}

TEST_F(ScoreboardRandom, ForgottenFlushIsFound) {
  run(Defect::kForgetsFlush, seed(), 10'000);
  EXPECT_TRUE(saw(ViolationKind::kStaleAddress));
}

TEST_F(ScoreboardRandom, OldWalkIsFound) {
  run(Defect::kKeepsOldWalk, seed(), 10'000);
  EXPECT_TRUE(saw(ViolationKind::kStaleAddress));
}

TEST_F(ScoreboardRandom, MissingDrainIsFound) {
  run(Defect::kNoDrain, seed(), 10'000);
  EXPECT_TRUE(saw(ViolationKind::kDrain));
}

}  // namespace
}  // namespace gpudmar::model::test
