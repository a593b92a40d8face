// SPDX-License-Identifier: Apache-2.0
// Steps as JSON, patterns and digests.
#include "sim/random/steps.h"

#include <fmt/format.h>

namespace gpudmar::random {
namespace {

using nlohmann::json;

constexpr std::uint64_t kVramBase = 64ULL << 20;  // clear of what the driver keeps there

json to_json(const Operand& operand) {
  switch (operand.kind) {
    case Operand::Kind::kVram:
      return {{"vram", kVramBase + operand.offset}};
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
  static const char* const names[] = {"create", "open",  "close",    "destroy", "map",
                                      "unmap",  "adl",   "free",     "fill",    "check",
                                      "copy",   "probe", "reattach", "wait",    "stop"};
  return names[static_cast<int>(what)];
}

std::string to_string(const Expected& expected) {
  if (expected.bugcheck == 0) return expected.status;
  return fmt::format("bugcheck {:X}h/{:X}", expected.bugcheck, expected.parameter);
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
      if (step.adapter == kBadAdapter)
        out["bad_adapter"] = true;
      else
        out["adapter"] = step.adapter < 0 ? json(nullptr) : json(step.adapter);
      break;
    case Do::kOpen:
      if (step.adapter == kBadAdapter)
        out["bad_adapter"] = true;
      else
        out["adapter"] = step.adapter < 0 ? json(nullptr) : json(step.adapter);
      break;
    case Do::kClose:
    case Do::kReattach:
    case Do::kStop:
      break;
    case Do::kWait:
      out["cycles"] = step.size;
      return out;
    case Do::kDestroy: {
      static const char* const forms[] = {"combined", "split", "physical_only", "stale", "other"};
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
      // Modulo 2^64.
      if (step.base_shift != 0) out["base_shift"] = static_cast<std::uint64_t>(step.base_shift);
      if (step.size_shift != 0) out["size_shift"] = static_cast<std::uint64_t>(step.size_shift);
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
      if (!step.item.empty()) {
        out.erase("name");
        out["view"] = step.item;
      }
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
      out["size"] = kProbeBytes;
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
          {"about", "a random stream; its seed is that of the generator, too"},
          {"machine", machine},
          {"start", {{"iommu", stream.iommu}}},
          {"steps", steps}};
}

}  // namespace gpudmar::random
