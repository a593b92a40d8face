// SPDX-License-Identifier: Apache-2.0
// Names of values, both ways.
#include "sim/replay/handles.h"

#include <fmt/format.h>

#include "driver-model/hw/hw.h"
#include "driver-model/mm/pages.h"
#include "sim/scenario/names.h"

namespace gpudmar::sim::replay {
namespace {

using nlohmann::json;

/// A pointer this far beside what a name stands for is still told by it.
constexpr std::uint64_t kNear = 1ULL << 20;

}  // namespace

std::string hex(std::uint64_t value) { return fmt::format("{:#x}", value); }

json runs(const std::vector<std::uint64_t>& pages) {
  json list = json::array();
  for (const mm::PageRun& run : mm::to_runs(pages)) list.push_back({hex(run.first), run.count});
  return list;
}

void Handles::bind(const std::string& name, std::uint64_t value, std::uint64_t bytes) {
  values_[name] = {value, bytes};
  names_[value] = name;
}

std::string Handles::make(const std::string& kind, std::uint64_t value, std::uint64_t bytes) {
  std::string name = fmt::format("{}{}", kind, ++made_[kind]);
  bind(name, value, bytes);
  return name;
}

std::optional<std::uint64_t> Handles::value(const std::string& name) const {
  const auto it = values_.find(name);
  return it == values_.end() ? std::nullopt : std::optional(it->second.value);
}

json Handles::show(std::uint64_t value) const {
  if (value == 0) return nullptr;
  const auto exact = names_.find(value);
  if (exact != names_.end()) return exact->second;
  auto next = names_.upper_bound(value);
  if (next != names_.begin()) {
    const auto& [base, name] = *std::prev(next);
    const std::uint64_t bytes = values_.at(name).bytes;
    if (bytes != 0 && value - base < bytes + kNear) return name + "+" + hex(value - base);
  }
  if (next != names_.end() && values_.at(next->second).bytes != 0 && next->first - value <= kNear)
    return next->second + "+" + hex(value - next->first);
  return hex(value);
}

std::string Handles::name_in(const json& text) {
  if (!text.is_string()) return {};
  const auto& all = text.get_ref<const std::string&>();
  if (parse_number(all)) return {};
  return all.substr(0, all.find('+'));
}

std::optional<std::uint64_t> Handles::read(const json& text) const {
  if (text.is_null()) return 0;
  if (!text.is_string()) return std::nullopt;
  const auto& all = text.get_ref<const std::string&>();
  if (const auto number = parse_number(all)) return number;
  const std::size_t plus = all.find('+');
  const auto base = value(all.substr(0, plus));
  if (!base || plus == std::string::npos) return base;
  const auto shift = parse_number(all.substr(plus + 1));
  return shift ? std::optional(*base + *shift) : std::nullopt;
}

void PageBook::add(Entry entry) {
  const std::size_t index = entries_.size();
  for (std::size_t i = 0; i < entry.numbers.size(); ++i)
    by_page_[{entry.link, entry.numbers[i]}].emplace_back(index, i);
  by_name_[entry.name] = index;
  entries_.push_back(std::move(entry));
}

void PageBook::end(const std::string& name) {
  const auto it = by_name_.find(name);
  if (it != by_name_.end()) entries_[it->second].live = false;
}

void PageBook::end_kept(const std::string& what) {
  const auto it = kept_.find(what);
  if (it != kept_.end()) end(it->second);
}

void PageBook::clear() { *this = PageBook(); }

const PageBook::Entry* PageBook::find(std::size_t link, std::uint64_t number, std::size_t& index) const {
  const auto it = by_page_.find({link, number});
  if (it == by_page_.end()) return nullptr;
  const auto& all = it->second;
  for (auto entry = all.rbegin(); entry != all.rend(); ++entry) {
    if (!entries_[entry->first].live) continue;
    index = entry->second;
    return &entries_[entry->first];
  }
  index = all.back().second;
  return &entries_[all.back().first];
}

json PageBook::place(std::size_t link, std::uint64_t address) const {
  std::size_t index = 0;
  const Entry* entry = find(link, address >> hw::kPageShift, index);
  if (entry == nullptr) return {{"address", hex(address)}};
  return {{"adl", entry->name}, {"offset", (index << hw::kPageShift) + address % hw::kPageSize}};
}

std::optional<std::uint64_t> PageBook::address(const json& place) const {
  if (place.contains("address")) return parse_number(place["address"].get<std::string>());
  const auto it = by_name_.find(place.at("adl").get<std::string>());
  if (it == by_name_.end()) return std::nullopt;
  const auto& numbers = entries_[it->second].numbers;
  const auto offset = place.value("offset", std::uint64_t{0});
  if (offset >> hw::kPageShift >= numbers.size()) return std::nullopt;
  return (numbers[offset >> hw::kPageShift] << hw::kPageShift) + offset % hw::kPageSize;
}

bool PageBook::is_live(std::size_t link, std::uint64_t address) const {
  std::size_t index = 0;
  const Entry* entry = find(link, address >> hw::kPageShift, index);
  return entry != nullptr && entry->live;
}

std::optional<std::uint64_t> PageBook::frame_address(std::size_t link, std::uint64_t address) const {
  std::size_t index = 0;
  const Entry* entry = find(link, address >> hw::kPageShift, index);
  if (entry == nullptr || !entry->live || index >= entry->frames.size()) return std::nullopt;
  return (entry->frames[index] << hw::kPageShift) + address % hw::kPageSize;
}

std::uint64_t PageBook::physical(std::size_t link, std::uint64_t address) const {
  std::size_t index = 0;
  const Entry* entry = find(link, address >> hw::kPageShift, index);
  if (entry == nullptr || index >= entry->frames.size()) return address;
  return (entry->frames[index] << hw::kPageShift) + address % hw::kPageSize;
}

}  // namespace gpudmar::sim::replay
