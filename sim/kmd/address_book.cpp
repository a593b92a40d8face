// SPDX-License-Identifier: Apache-2.0
#include "sim/kmd/address_book.h"

#include <fmt/format.h>

#include <algorithm>

namespace gpudmar::sim::kmd {
namespace {

constexpr std::size_t kKept = 2048;                // of what is gone
constexpr std::uintptr_t kNear = 1U << 20;         // further away it is another mistake
constexpr std::uintptr_t kNullPages = 16U * 4096;  // members of a structure at address 0

std::string described(const std::string& what, std::size_t bytes, std::uintptr_t begin) {
  return fmt::format("the {} of {:#x} bytes at {:#x}", what, bytes, begin);
}

}  // namespace

void AddressBook::begins(Layer layer, const void* address, std::size_t bytes, std::string what,
                         Frames given) {
  Range range{reinterpret_cast<std::uintptr_t>(address), bytes, std::move(what), std::move(given), {}};
  const auto replaced = [&](const Range& old) { return old.begin < range.end() && range.begin < old.end(); };
  gone_.erase(std::remove_if(gone_.begin(), gone_.end(), replaced), gone_.end());
  live_[{range.begin, layer}] = std::move(range);
}

void AddressBook::ends(Layer layer, const void* address, Frames by) {
  const auto entry = live_.find({reinterpret_cast<std::uintptr_t>(address), layer});
  if (entry == live_.end()) return;
  entry->second.gone = std::move(by);
  gone_.push_back(std::move(entry->second));
  live_.erase(entry);
  if (gone_.size() > kKept) gone_.pop_front();
}

void AddressBook::name(const void* address, const std::string& what) {
  for (auto& [key, range] : live_)
    if (key.second == Layer::kPages && range.holds(reinterpret_cast<std::uintptr_t>(address)))
      range.what = what;
}

// A thing goes before the pages that it lies in: only one of them ends where the driver thinks.
const AddressBook::Range* AddressBook::nearest(std::uintptr_t address) const {
  const Range* found = nullptr;
  std::uintptr_t least = kNear;
  for (const auto& [key, range] : live_) {
    if (range.holds(address)) continue;
    const std::uintptr_t gap = address < range.begin ? range.begin - address : address - range.end();
    if (gap >= least) continue;
    least = gap;
    found = &range;
  }
  return found;
}

AddressBook::Found AddressBook::find(std::uintptr_t address) const {
  const auto told = [&](const Range& range, const std::string& how) {
    return Found{fmt::format("{} {}", how, described(range.what, range.bytes, range.begin)), range.what,
                 false, range.given, range.gone};
  };
  if (address < kNullPages) return {"a null pointer", "", false, {}, {}};
  for (const auto& [key, range] : live_)
    if (range.holds(address))
      return told(range,
                  fmt::format("offset {:#x}, where it must not be accessed so, of", address - range.begin));
  // What was in the pages, before the pages.
  const Range* gone = nullptr;
  for (const Range& range : gone_)
    if (range.holds(address) && (gone == nullptr || range.bytes <= gone->bytes)) gone = &range;
  if (gone != nullptr) {
    Found found = told(*gone, fmt::format("offset {:#x} of", address - gone->begin));
    found.text += ", which was given back";
    return found;
  }
  const Range* range = nearest(address);
  if (range == nullptr) return {"nothing that the driver was given", "", false, {}, {}};
  Found found =
      told(*range, address < range->begin ? fmt::format("{} bytes in front of", range->begin - address)
                                          : fmt::format("{} bytes past the end of", address - range->end()));
  found.outside = true;
  return found;
}

}  // namespace gpudmar::sim::kmd
