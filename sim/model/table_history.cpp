// SPDX-License-Identifier: Apache-2.0
// History of table qwords.
#include "sim/model/table_history.h"

namespace gpudmar::model {

const std::vector<Version>& TableHistory::versions(std::uint64_t pa) {
  auto [it, inserted] = qwords_.try_emplace(pa);
  if (inserted) {
    it->second.push_back({memory_.load64(pa), 0, kForever});
    pages_[pa >> 12].push_back(pa);
  }
  return it->second;
}

bool TableHistory::update(Sequence now, std::uint64_t pa) {
  std::vector<Version>& history = qwords_.at(pa);
  const auto value = memory_.load64(pa);
  if (history.back().value == value) return false;
  history.back().end = now;
  history.push_back({value, now, kForever});
  if (history.size() > kMaxVersions) history.erase(history.begin());
  return true;
}

bool TableHistory::changed(Sequence now, std::uint64_t pa, std::uint64_t bytes) {
  if (bytes == 0) return false;
  bool any = false;
  const std::uint64_t last = pa + bytes - 1;
  for (std::uint64_t page = pa >> 12; page <= last >> 12; ++page) {
    const auto followed = pages_.find(page);
    if (followed == pages_.end()) continue;
    for (const std::uint64_t qword : followed->second) {
      if (qword + 7 >= pa && qword <= last) any = update(now, qword) || any;
    }
  }
  return any;
}

bool TableHistory::refresh(Sequence now, const std::vector<std::uint64_t>& qwords) {
  bool any = false;
  for (const std::uint64_t pa : qwords) any = update(now, pa) || any;
  return any;
}

}  // namespace gpudmar::model
