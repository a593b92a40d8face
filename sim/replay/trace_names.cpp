// SPDX-License-Identifier: Apache-2.0
// Which names an event brings into being, and which it uses.
#include <fmt/format.h>

#include <algorithm>

#include "sim/replay/entry_points.h"
#include "sim/replay/trace.h"

namespace gpudmar::sim::replay {
namespace {

using nlohmann::json;
using Kind = Event::Kind;
using Names = std::vector<std::string>;

void add(const json& value, Names& names) {
  if (const std::string name = Handles::name_in(value); !name.empty()) names.push_back(name);
}

void add_place(const json& place, Names& names) {
  if (!place.is_object()) return;
  for (const char* const key : {"adl", "allocation"})
    if (place.contains(key)) names.push_back(place[key].get<std::string>());
}

void add_work(const json& data, Names& names) {
  for (const json& work : data["work"]) {
    for (const char* const key : {"src", "dst", "at"})
      if (work.contains(key)) add_place(work[key], names);
    if (work.contains("list"))
      for (const json& place : work["list"]) add_place(place, names);
  }
  if (data.contains("address")) add_place(data["address"], names);
}

/// Handles among the fields of one direction.
void add_handles(const Function& function, const json& values, bool in, Names& names) {
  if (!values.is_object()) return;
  for (const auto& [key, value] : values.items()) {
    const auto field = std::find_if(function.fields.begin(), function.fields.end(),
                                    [&, &name = key](const Field& f) { return f.name == name; });
    const bool handle = (in && function.device && key == function.device_name) ||
                        (field != function.fields.end() && field->kind == FieldKind::kHandle);
    if (handle) add(value, names);
  }
}

}  // namespace

std::optional<unsigned> adapter_named(const std::string& name) {
  if (name.rfind("gpu", 0) != 0) return std::nullopt;
  const auto number = parse_number(name.substr(3));
  return number && *number < kMaxAdapters ? std::optional(static_cast<unsigned>(*number)) : std::nullopt;
}

std::string key_of(const json& object, const std::string& name) {
  for (const auto& [key, value] : object.items()) {
    std::string shown = object.is_array() ? fmt::format("[{}]", key) : key;
    if (value.is_string() && Handles::name_in(value) == name) return shown;
    const std::string inside = value.is_structured() ? key_of(value, name) : "";
    if (!inside.empty()) return fmt::format("{}{}{}", shown, inside[0] == '[' ? "" : ".", inside);
  }
  return "";
}

Names names_made(const Event& event) {
  Names names;
  if (event.kind == Kind::kSystem && event.name == "allocate" && event.out.is_object() &&
      event.out.contains("allocation"))
    names.push_back(event.out["allocation"].get<std::string>());
  if (event.kind == Kind::kEntryPoint && event.name == "DxgkDdiCreateAllocation" && event.out.is_object() &&
      event.out.contains("pAllocationInfo"))
    for (const json& info : event.out["pAllocationInfo"])
      if (info.contains("hAllocation")) add(info["hAllocation"], names);
  const Function* const function = event.kind == Kind::kCallback ? find_function(event.name) : nullptr;
  if (function == nullptr) return names;
  if (event.in.contains("Mdl") && event.in.contains("pMdl")) add(event.in["pMdl"], names);
  if (!event.out.is_object()) return names;
  for (const Field& field : function->fields)
    if (field.out && field.kind == FieldKind::kHandle && event.out.contains(field.name))
      add(event.out[field.name], names);
  return names;
}

Names names_used(const Event& event) {
  Names names;
  if (event.kind == Kind::kDma) add_work(event.data, names);
  if (event.kind == Kind::kFault) add_place(event.data["address"], names);
  if (event.kind == Kind::kSystem && event.in.contains("allocation") && event.in["allocation"].is_string())
    names.push_back(event.in["allocation"].get<std::string>());
  if (event.kind == Kind::kEntryPoint) {
    if (const Function* const function = find_entry_point(event.name)) {
      add_handles(*function, event.in, true, names);
      add_handles(*function, event.out, false, names);
    }
    if (event.name == "DxgkDdiDestroyAllocation" && event.in.contains("pAllocationList"))
      for (const json& handle : event.in["pAllocationList"]) add(handle, names);
  }
  const Function* const function = event.kind == Kind::kCallback ? find_function(event.name) : nullptr;
  if (function == nullptr) return names;
  json in = event.in;
  if (in.contains("Mdl")) in.erase("pMdl");  // it comes into being here
  add_handles(*function, in, true, names);
  return names;
}

}  // namespace gpudmar::sim::replay
