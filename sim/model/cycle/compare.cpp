// SPDX-License-Identifier: Apache-2.0
#include "sim/model/cycle/compare.h"

#include <fmt/format.h>

#include <algorithm>

namespace gpudmar::model::cycle {

void Comparison::differs(const Event* expected, const Event* actual) {
  ++outside_;
  if (!report_.empty()) return;
  report_ = fmt::format("expected: {}\nactual:   {}\nthe last events:\n",
                        expected != nullptr ? describe(*expected) : "nothing",
                        actual != nullptr ? describe(*actual) : "nothing");
  for (const auto& line : history_) report_ += "  " + line + "\n";
}

void Comparison::pair(const Event& expected, const Event& actual) {
  const std::uint64_t difference =
      std::max(expected.cycle, actual.cycle) - std::min(expected.cycle, actual.cycle);
  max_difference_ = std::max(max_difference_, difference);
  if (difference != 0 || expected.address != actual.address || expected.detail != actual.detail)
    differs(&expected, &actual);
}

void Comparison::expire(std::uint64_t before) {
  for (unsigned kind = 0; kind < kKinds; ++kind) {
    auto& expected = expected_[kind];
    auto& actual = actual_[kind];
    while (!expected.empty() && expected.front().cycle < before) {
      differs(&expected.front(), nullptr);
      expected.pop_front();
    }
    while (!actual.empty() && actual.front().cycle < before) {
      differs(nullptr, &actual.front());
      actual.pop_front();
    }
  }
}

void Comparison::add(std::uint64_t cycle, const std::vector<Event>& expected,
                     const std::vector<Event>& actual) {
  const auto note = [this](const char* who, const Event& event) {
    history_.push_back(fmt::format("{} {}", who, describe(event)));
    if (history_.size() > kHistory) history_.pop_front();
  };
  for (const Event& event : expected) {
    expected_[static_cast<unsigned>(event.kind)].push_back(event);
    note("model", event);
  }
  for (const Event& event : actual) {
    ++events_;
    ++of_kind_[static_cast<unsigned>(event.kind)];
    actual_[static_cast<unsigned>(event.kind)].push_back(event);
    note("unit ", event);
  }
  for (unsigned kind = 0; kind < kKinds; ++kind) {
    while (!expected_[kind].empty() && !actual_[kind].empty()) {
      pair(expected_[kind].front(), actual_[kind].front());
      expected_[kind].pop_front();
      actual_[kind].pop_front();
    }
  }
  if (cycle > kPatience) expire(cycle - kPatience);
}

void Comparison::finish() { expire(~std::uint64_t{0}); }

}  // namespace gpudmar::model::cycle
