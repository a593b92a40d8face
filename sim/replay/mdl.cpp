// SPDX-License-Identifier: Apache-2.0
#include "sim/replay/mdl.h"

#include <algorithm>
#include <set>

#include "sim/replay/functions.h"

namespace gpudmar::sim::replay {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMostPages = 1U << 20;  // what 32 bits of bytes can be

}  // namespace

json describe_mdl(const MDL& mdl) {
  const auto* const list = MmGetMdlPfnArray(&mdl);
  const std::size_t count =
      ADDRESS_AND_SIZE_TO_SPAN_PAGES(MmGetMdlVirtualAddress(&mdl), MmGetMdlByteCount(&mdl));
  return {{"ByteCount", mdl.ByteCount},
          {"ByteOffset", mdl.ByteOffset},
          {"MdlFlags", static_cast<std::uint16_t>(mdl.MdlFlags)},
          {"Pages", runs(std::vector<std::uint64_t>(list, list + count))}};
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
  std::vector<PFN_NUMBER> frames;
  for (const json& run : words["Pages"])
    for (std::uint64_t i = 0; i < number_of(run[1]); ++i) frames.push_back(page(number_of(run[0]) + i));
  std::vector<std::uint64_t> storage(sizeof(MDL) / sizeof(std::uint64_t) + frames.size());
  auto* const mdl = reinterpret_cast<PMDL>(storage.data());
  mdl->Size = static_cast<CSHORT>(storage.size() * sizeof(std::uint64_t));  // as wide as the field is
  mdl->ByteCount = static_cast<ULONG>(number_of(words["ByteCount"]));
  mdl->ByteOffset = static_cast<ULONG>(number_of(words["ByteOffset"]));
  mdl->MdlFlags = static_cast<CSHORT>(number_of(words["MdlFlags"]));
  std::copy(frames.begin(), frames.end(), MmGetMdlPfnArray(mdl));
  return storage;
}

}  // namespace gpudmar::sim::replay
