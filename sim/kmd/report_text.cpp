// SPDX-License-Identifier: Apache-2.0
// The verdict for programs and for people.
#include <fmt/format.h>

#include <map>
#include <utility>

#include "sim/kmd/report.h"

namespace gpudmar::sim::kmd {
namespace {

using nlohmann::json;

std::vector<std::string> stack(const Frames& frames, Symbols* symbols) {
  std::vector<std::string> places;
  if (symbols == nullptr) return places;
  for (const std::uint64_t frame : frames)
    for (const std::string& place : symbols->places(frame)) places.push_back(place);
  return places;
}

std::string indented(const std::vector<std::string>& places) {
  std::string text;
  for (const std::string& place : places)
    text += fmt::format("    {} {}\n", text.empty() ? "at" : "by", place);
  return text;
}

}  // namespace

json Report::summary(Symbols* symbols) const {
  json rules = json::array();
  for (const Broken& broken : broken_) {
    const auto places = stack(broken.frames, symbols);
    rules.push_back({{"rule", broken.rule},
                     {"text", broken.text},
                     {"in", broken.in},
                     {"at", places.empty() ? "" : places.front()},
                     {"stack", places},
                     {"times", broken.times}});
  }
  json leaks = json::array();
  for (const Loan& leak : leaks_) {
    const auto places = stack(leak.frames, symbols);
    leaks.push_back({{"kind", leak.kind},
                     {leak.pages ? "pages" : "bytes", leak.amount},
                     {"at", places.empty() ? "" : places.front()},
                     {"stack", places}});
  }
  json dma = json::array();
  for (const json& event : dma_) {
    json entry = event;
    entry.erase("t");
    entry.erase("f");
    entry.erase("in");
    entry["freed_at"] = stack(event.value("f", Frames()), symbols);
    entry["rung"] = stack(event.value("rung", Frames()), symbols);
    dma.push_back(entry);
  }
  json faults = json::array();
  for (const json& event : faults_) {
    json entry = event;
    entry.erase("t");
    entry["rung"] = stack(event.value("rung", Frames()), symbols);
    faults.push_back(entry);
  }
  json polls = json::array();
  for (const json& event : polls_) {
    const auto places = stack(event.value("f", Frames()), symbols);
    polls.push_back({{"at", places.empty() ? "" : places.front()}, {"in", event.at("in")}});
  }
  json root{{"status", status_},
            {"reason", reason_},
            {"reason_in", reason_in_},
            {"stage", stage_},
            {"stack", stack(reason_frames_, symbols)},
            {"rules_broken", rules},
            {"rules_kept", end_.is_null() ? json::object() : end_.value("kept", json::object())},
            {"leaks", leaks_.size()},
            {"leak_list", leaks},
            {"pages_reachable", end_.is_null() ? 0 : end_.value("reachable", std::uint64_t{0})},
            {"pages_unreachable", end_.is_null() ? 0 : end_.value("unreachable", std::uint64_t{0})},
            {"dma_outside_adls", dma},
            {"device_faults", faults},
            {"unbounded_polls", polls},
            {"reproducible", polls_.empty()},
            {"ddi_calls", end_.is_null() || !end_.contains("calls") ? json(calls_) : end_.at("calls")},
            {"cycles", cycles()},
            {"problems", problems_},
            {"warnings", warnings_},
            {"prints", prints_}};
  if (!bugcheck_.is_null())
    root["bugcheck"] = {{"code", bugcheck_.at("code")}, {"parameters", bugcheck_.at("parameters")}};
  if (!crash_at_.is_null() && !crash_at_.at("text").get<std::string>().empty())
    root["crash_at"] = {{"what", crash_at_.at("text")},
                        {"given_at", stack(crash_at_.value("given", Frames()), symbols)},
                        {"given_back_at", stack(crash_at_.value("gone", Frames()), symbols)}};
  root["kernel_warnings"] = end_.is_null() ? json::array() : end_.value("kernel_warnings", json::array());
  if (!dump_.empty()) root["dump"] = dump_;
  if (!end_.is_null() && end_.contains("guarantees")) root["guarantees"] = end_.at("guarantees");
  return root;
}

std::string Report::reason_text() const {
  std::string text = status_;
  if (!stage_.empty() && stage_ != "unloaded") text += " during " + stage_;
  if (!reason_in_.empty()) text += " in " + reason_in_;
  return text + ": " + reason_ + "\n";
}

std::string Report::text(Symbols* symbols) const {
  std::string text;
  for (const std::string& warning : warnings_) text += "warning: " + warning + "\n";
  for (const std::string& note : notes_) text += note + "\n";
  for (const std::string& print : prints_)
    text += "DbgPrint: " + print + (print.empty() || print.back() != '\n' ? "\n" : "");
  if (!end_.is_null() && end_.contains("kept")) {
    text += "rules kept:";
    for (const auto& [rule, times] : end_.at("kept").items())
      text += fmt::format(" {} ({})", rule, times.get<std::uint64_t>());
    text += "\n";
  }
  for (const Broken& broken : broken_) {
    text += fmt::format("RULE BROKEN {}{}: {}{}\n", broken.rule, broken.in.empty() ? "" : " in " + broken.in,
                        broken.text, broken.times > 1 ? fmt::format(" ({} times)", broken.times) : "");
    text += indented(stack(broken.frames, symbols));
  }
  std::map<std::pair<std::string, Frames>, std::pair<std::uint64_t, std::uint64_t>>
      places;  // to how many, how much
  for (const Loan& leak : leaks_) {
    auto& [count, amount] = places[{leak.kind + (leak.pages ? " of {} pages" : " of {} bytes"), leak.frames}];
    ++count;
    amount += leak.amount;
  }
  for (const auto& [key, found] : places) {
    std::string what = key.first.substr(0, key.first.find(" of {}"));
    if (found.second != 0) what = fmt::format(fmt::runtime(key.first), found.second);
    text +=
        fmt::format("LEAK: {}{}\n", what, found.first > 1 ? fmt::format(", {} of them", found.first) : "");
    text += indented(stack(key.second, symbols));
  }
  if (!leaks_.empty() && !end_.is_null())
    text +=
        fmt::format("pages left: {} that devices still reach, {} that nobody does\n",
                    end_.value("reachable", std::uint64_t{0}), end_.value("unreachable", std::uint64_t{0}));
  for (const json& event : dma_) {
    text +=
        fmt::format("DMA OUTSIDE ANY ADL: adapter {} {} {:#x} in cycle {}{}\n",
                    event.at("adapter").get<unsigned>(), event.at("write").get<bool>() ? "writes" : "reads",
                    event.at("address").get<std::uint64_t>(), event.at("cycle").get<std::uint64_t>(),
                    event.at("freed").get<bool>() ? ", of an ADL that was freed" : "");
    text += indented(stack(event.value("f", Frames()), symbols));
  }
  for (const json& event : polls_) {
    text += "unbounded poll, not reproducible from here\n";
    text += indented(stack(event.value("f", Frames()), symbols));
  }
  if (!end_.is_null() && end_.contains("kernel_warnings"))
    for (const json& warning : end_.at("kernel_warnings"))
      text += "kernel warning: " + warning.get<std::string>() + "\n";
  for (const std::string& problem : problems_) text += "FAILED: " + problem + "\n";
  if (!reason_.empty()) text += reason_text() + indented(stack(reason_frames_, symbols));
  if (!crash_at_.is_null()) {
    const std::pair<const char*, const char*> places[] = {{"given", "it was given\n"},
                                                          {"gone", "it was given back\n"}};
    for (const auto& [key, what] : places) {
      const auto found = stack(crash_at_.value(key, Frames()), symbols);
      if (!found.empty()) text += what + indented(found);
    }
  }
  if (!dump_.empty()) text += "the kernel's objects:\n" + dump_;
  std::uint64_t calls = 0;
  for (const auto& [name, count] : calls_) calls += count;
  text += fmt::format("{} calls, {} cycles, {} rules broken, {} leaks\n", calls, cycles(), broken_.size(),
                      leaks_.size());
  return text + (passed() ? "PASS\n" : "FAIL\n");
}

}  // namespace gpudmar::sim::kmd
