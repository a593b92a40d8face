// SPDX-License-Identifier: Apache-2.0
#include "sim/replay/mdl.h"

#include <algorithm>
#include <set>

#include "sim/replay/functions.h"

namespace gpudmar::sim::replay {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMostPages = 1U << 20;  // what 32 bits of bytes can be
/// What a view of an MDL changes in it.
constexpr int kOfViews = MDL_MAPPED_TO_SYSTEM_VA | MDL_PARTIAL_HAS_BEEN_MAPPED | MDL_WRITE_OPERATION;

std::size_t pages_of(const MDL& mdl) {
  return ADDRESS_AND_SIZE_TO_SPAN_PAGES(MmGetMdlVirtualAddress(&mdl), MmGetMdlByteCount(&mdl));
}

std::vector<PFN_NUMBER> frames_of(const json& words, const FrameHere& page) {
  std::vector<PFN_NUMBER> frames;
  for (const json& run : words["Pages"])
    for (std::uint64_t i = 0; i < number_of(run[1]); ++i) frames.push_back(page(number_of(run[0]) + i));
  return frames;
}

void fill(const json& words, const std::vector<PFN_NUMBER>& frames, MDL& mdl) {
  mdl.ByteCount = static_cast<ULONG>(number_of(words["ByteCount"]));
  mdl.ByteOffset = static_cast<ULONG>(number_of(words["ByteOffset"]));
  mdl.MdlFlags = static_cast<CSHORT>(number_of(words["MdlFlags"]));
  std::copy(frames.begin(), frames.end(), MmGetMdlPfnArray(&mdl));
}

}  // namespace

json describe_mdl(const MDL& mdl) {
  const auto* const list = MmGetMdlPfnArray(&mdl);
  return {{"ByteCount", mdl.ByteCount},
          {"ByteOffset", mdl.ByteOffset},
          {"MdlFlags", static_cast<std::uint16_t>(mdl.MdlFlags)},
          {"Pages", runs(std::vector<std::uint64_t>(list, list + pages_of(mdl)))}};
}

std::string mdl_error(const json& words) {
  if (!words.is_object()) return "no object";
  static const std::set<std::string> known{"ByteCount", "ByteOffset", "MdlFlags", "Pages"};
  for (const std::string& key : known)
    if (!words.contains(key)) return "'" + key + "' is missing";
  for (const auto& [key, value] : words.items()) {
    if (known.count(key) == 0) return "'" + key + "' is unknown";
    Field field;
    field.kind = key == "Pages" ? FieldKind::kPages : FieldKind::kNumber;
    field.bytes = 4;
    if (std::string error = value_error(field, value); !error.empty()) return error;
  }
  std::uint64_t pages = 0;
  for (const json& run : words["Pages"]) {
    if (number_of(run[1]) > kMostPages) return "too many pages";
    pages += number_of(run[1]);
  }
  if (number_of(words["ByteOffset"]) >= PAGE_SIZE ||
      pages != (number_of(words["ByteOffset"]) + number_of(words["ByteCount"]) + PAGE_SIZE - 1) / PAGE_SIZE)
    return "its pages are not as many as its bytes take";
  return "";
}

std::vector<std::uint64_t> build_mdl(const json& words, const FrameHere& page) {
  const std::vector<PFN_NUMBER> frames = frames_of(words, page);
  std::vector<std::uint64_t> storage(sizeof(MDL) / sizeof(std::uint64_t) + frames.size());
  auto* const mdl = reinterpret_cast<PMDL>(storage.data());
  mdl->Size = static_cast<CSHORT>(storage.size() * sizeof(std::uint64_t));  // as wide as the field is
  fill(words, frames, *mdl);
  return storage;
}

bool change_mdl(const json& words, const FrameHere& page, MDL& mdl) {
  const std::vector<PFN_NUMBER> frames = frames_of(words, page);
  if (frames.size() > pages_of(mdl)) return false;
  fill(words, frames, mdl);
  return true;
}

void MdlNotes::tell(const std::string& name, const MDL& mdl, const std::string& handle) {
  told_[name] = describe_mdl(mdl);
  if (!handle.empty()) owned_[handle] = name;
}

bool MdlNotes::is_told(const std::string& name, const MDL& mdl) const {
  const auto it = told_.find(name);
  if (it == told_.end()) return false;
  json now = describe_mdl(mdl);
  json before = it->second;
  for (json* const words : {&now, &before}) {
    const std::uint64_t flags = number_of((*words)["MdlFlags"]);
    (*words)["MdlFlags"] = flags & ~static_cast<std::uint64_t>(kOfViews);
  }
  return now == before;
}

void MdlNotes::freed(const std::string& handle) {
  if (const auto it = owned_.find(handle); it != owned_.end()) told_.erase(it->second);
}

void MdlNotes::map(const std::string& handle, const MDL& mdl) { mapped_[handle] = {&mdl, describe_mdl(mdl)}; }

std::optional<json> MdlNotes::changed(const std::string& handle) const {
  const auto it = mapped_.find(handle);
  if (it == mapped_.end()) return std::nullopt;
  json now = describe_mdl(*it->second.mdl);
  if (now["Pages"] == it->second.words["Pages"]) return std::nullopt;
  return now;
}

}  // namespace gpudmar::sim::replay
