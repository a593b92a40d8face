// SPDX-License-Identifier: Apache-2.0
// Steps as JSON, patterns and digests.
#include "sim/random/steps.h"

#include <fmt/format.h>

namespace gpudmar::random {
namespace {

using nlohmann::json;

json to_json(const Operand& operand) {
  switch (operand.kind) {
    case Operand::Kind::kVram:
      return {{"vram", operand.offset}};
    case Operand::Kind::kAdl:
      return {{"adl", operand.adl}, {"offset", operand.offset}};
    case Operand::Kind::kAddress:
      break;
  }
  return {{"address", operand.offset}};
}

json to_json(const Expected& expected) {
  if (expected.bugcheck == 0) return expected.status;
  return {{"bugcheck", expected.bugcheck}, {"parameter", expected.parameter}};
}

void add_create(const Step& step, json& out) {
  static const char* const types[] = {"mdl", "contiguous", "section", "io_space"};
  static const char* const caches[] = {"non_cached", "cached", "write_combined"};
  out["type"] = step.type < 4 ? json(types[step.type]) : json(step.type);
  out["cache"] = step.cache < 3 ? json(caches[step.cache]) : json(step.cache);
  out["size"] = step.size;
  const Step defaults;
  if (step.type == 3) {
    out["base"] = step.low;
  } else if (step.type == 2) {
    out["protection"] = step.protection;
  } else {
    if (step.low != defaults.low) out["low"] = step.low;
    if (step.high != defaults.high) out["high"] = step.high;
    if (step.step != 0) out[step.type == 1 ? "boundary" : "step"] = step.step;
    if (step.type != 1 && step.flags != 0) out["flags"] = step.flags;
  }
}

}  // namespace

const char* to_string(Do what) {
  static const char* const names[] = {"create", "open", "close", "destroy", "map",   "unmap", "adl",
                                      "free",   "fill", "check", "copy",    "probe", "stop"};
  return names[static_cast<int>(what)];
}

std::string to_string(const Expected& expected) {
  if (expected.bugcheck == 0) return expected.status;
  return fmt::format("bugcheck {:X}h/{:X}", expected.bugcheck, expected.parameter);
}

std::uint8_t pattern_byte(std::uint64_t pattern, std::uint64_t index) {
  std::uint64_t x = pattern + (index / 8 + 1) * 0x9E37'79B9'7F4A'7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58'476D'1CE4'E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D0'49BB'1331'11EBULL;
  x ^= x >> 31;
  return static_cast<std::uint8_t>(x >> (8 * (index % 8)));
}

std::uint64_t digest(const std::uint8_t* data, std::size_t size) {
  std::uint64_t hash = 0xCBF2'9CE4'8422'2325ULL;
  for (std::size_t i = 0; i < size; ++i) hash = (hash ^ data[i]) * 0x100'0000'01B3ULL;
  return hash;
}

std::size_t Stream::steps() const {
  std::size_t count = 0;
  for (const Section& section : sections)
    for (const auto& thread : section.threads) count += thread.size();
  return count;
}

json to_json(const Step& step) {
  json out{{"do", to_string(step.what)}};
  if (!step.name.empty()) out["name"] = step.name;
  static const char* const handles[] = {"", "null", "garbage", "swapped"};
  if (step.handle != Handle::kRight) out["handle"] = handles[static_cast<int>(step.handle)];
  const auto range = [&] {
    out["offset"] = step.offset;
    out["size"] = step.size;
  };
  switch (step.what) {
    case Do::kCreate:
      add_create(step, out);
      out["adapter"] = step.adapter < 0 ? json(nullptr) : json(step.adapter);
      break;
    case Do::kOpen:
      out["adapter"] = step.adapter < 0 ? json(nullptr) : json(step.adapter);
      break;
    case Do::kClose:
    case Do::kStop:
      break;
    case Do::kDestroy: {
      static const char* const forms[] = {"combined", "split", "physical_only", "other"};
      out["form"] = forms[static_cast<int>(step.form)];
      if (step.form == Step::Form::kOther) out["other"] = step.other;
      break;
    }
    case Do::kMap:
      out["view"] = step.item;
      range();
      out["mode"] = step.mode == 0 ? json("kernel") : step.mode == 1 ? json("user") : json(step.mode);
      break;
    case Do::kUnmap:
      out["view"] = step.item;
      if (step.base_shift != 0) out["base_shift"] = step.base_shift;
      if (step.size_shift != 0) out["size_shift"] = step.size_shift;
      break;
    case Do::kAdl:
      out["adl"] = step.item;
      range();
      out["flags"] = step.flags;
      break;
    case Do::kFree:
      out["adl"] = step.item;
      break;
    case Do::kFill:
    case Do::kCheck:
      if (!step.item.empty()) out["view"] = step.item;
      range();
      if (step.what == Do::kFill) out["pattern"] = step.pattern;
      if (step.what == Do::kCheck) out["digest"] = fmt::format("{:016x}", step.digest);
      return out;
    case Do::kCopy:
      out["gpu"] = step.gpu;
      out["from"] = to_json(step.from);
      out["to"] = to_json(step.to);
      out["size"] = step.size;
      return out;
    case Do::kProbe:
      out["gpu"] = step.gpu;
      out.update(to_json(step.from));
      out["access"] = step.write ? "write" : "read";
      out["expect"] = step.blocked ? "blocked" : "done";
      return out;
  }
  if (!step.expect.ok()) out["expect"] = to_json(step.expect);
  return out;
}

json to_json(const Stream& stream) {
  json steps = json::array();
  for (const Section& section : stream.sections) {
    json threads = json::array();
    for (const auto& thread : section.threads) {
      json list = json::array();
      for (const Step& step : thread) list.push_back(to_json(step));
      threads.push_back(list);
    }
    if (threads.size() == 1) {
      for (json& step : threads[0]) steps.push_back(std::move(step));
    } else {
      steps.push_back({{"do", "parallel"}, {"threads", std::move(threads)}});
    }
  }
  json machine = stream.machine;
  machine["seed"] = stream.seed;
  return {{"schema", 1},
          {"name", stream.name},
          {"machine", machine},
          {"start", {{"iommu", stream.iommu}}},
          {"steps", steps}};
}

}  // namespace gpudmar::random
