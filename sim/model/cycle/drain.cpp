// SPDX-License-Identifier: Apache-2.0
#include "sim/model/cycle/drain.h"

namespace gpudmar::model::cycle {

// A drain is taken when none is active, with what is under way at the end of that cycle; it is over once
// nothing of that is owed. Within an id the first answers belong to the older requests.
void Drain::step(const std::vector<Answer>& pushed, const std::optional<Answer>& answered,
                 const std::array<bool, 2>& wanted) {
  const bool active = active_[0] || active_[1];
  const bool takes = !active && (wanted[0] || wanted[1]);
  const bool over = owed_total_ == 0;
  for (const auto& push : pushed) {
    ++under_way_[push.port * kIds + push.id];
    ++total_;
  }
  if (answered) {
    const unsigned key = answered->port * kIds + answered->id;
    if (under_way_[key] > 0) {
      --under_way_[key];
      --total_;
    }
    if (owed_[key] > 0) {
      --owed_[key];
      --owed_total_;
    }
  }
  if (takes) {
    owed_ = under_way_;
    owed_total_ = total_;
    active_ = wanted;
  } else if (over) {
    active_ = {};
  }
}

}  // namespace gpudmar::model::cycle
