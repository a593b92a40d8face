// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/targets.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstring>
#include <optional>

#include "sim/replay/trace.h"
#include "sim/scenario/scenario.h"
#include "sim/serve/qtest.h"

namespace gpudmar::fuzz {
namespace {

/// A refusal says where and something about what.
void check_refusal(const std::string& what, const std::string& file) {
  if (what.find(file) == std::string::npos || what.size() < file.size() + 4)
    throw Accusation(fmt::format("a refusal that does not say where: '{}'", what));
}

void read_scenario(std::string_view bytes) {
  const std::string file = "fuzz.json";
  try {
    (void)sim::parse_scenario(std::string(bytes), file);
  } catch (const sim::ScenarioError& error) {
    check_refusal(error.what(), file);
  }
}

void read_trace(std::string_view bytes) {
  const std::string file = "fuzz.jsonl";
  try {
    const sim::replay::Trace trace = sim::replay::parse_trace(std::string(bytes), file);
    const std::size_t count = trace.events.size();
    for (std::size_t i = 0; i < count; ++i) {
      const sim::replay::Event& event = trace.events[i];
      for (const std::size_t child : event.children) {
        if (child <= i || child >= count || trace.events[child].parent != i)
          throw Accusation(fmt::format("event {} has a child {}", i, child));
      }
      if (event.parent && *event.parent >= i)
        throw Accusation(fmt::format("event {} precedes its parent", i));
      if (sim::replay::place_of(trace, event).find(file) != 0) throw Accusation("an event without a place");
      (void)sim::replay::names_made(event);
      (void)sim::replay::names_used(event);
    }
  } catch (const sim::replay::TraceError& error) {
    check_refusal(error.what(), file);
  }
}

/// 64 KiB at 0 and a clock; nothing elsewhere.
class Memory final : public sim::QtestTarget {
 public:
  std::uint64_t load(std::uint64_t address, unsigned bytes) override {
    std::uint64_t value = 0;
    std::memcpy(&value, at(address, bytes), bytes);
    return value;
  }
  void store(std::uint64_t address, std::uint64_t value, unsigned bytes) override {
    std::memcpy(at(address, bytes), &value, bytes);
  }
  void read(std::uint64_t address, std::uint8_t* to, std::size_t bytes) override {
    std::memcpy(to, at(address, bytes), bytes);
  }
  void write(std::uint64_t address, const std::uint8_t* from, std::size_t bytes) override {
    std::memcpy(at(address, bytes), from, bytes);
  }
  std::uint64_t clock_step(std::optional<std::uint64_t> ns) override { return now_ += ns.value_or(10); }
  std::uint64_t violations() override { return 0; }

 private:
  std::uint8_t* at(std::uint64_t address, std::size_t bytes) {
    if (address >= bytes_.size() || bytes > bytes_.size() - address) throw sim::QtestError("nothing there");
    return bytes_.data() + address;
  }
  std::vector<std::uint8_t> bytes_ = std::vector<std::uint8_t>(65536);
  std::uint64_t now_ = 0;
};

/// The first byte says in what pieces the stream arrives.
void serve_qtest(std::string_view bytes) {
  constexpr std::size_t kLimit = 4096;
  if (bytes.empty()) return;
  const std::size_t piece = static_cast<std::uint8_t>(bytes[0]) + std::size_t{1};
  bytes.remove_prefix(1);
  sim::QtestLines lines(kLimit);
  Memory memory;
  std::size_t expected = 0;
  std::size_t answered = 0;
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    for (const char c : part) expected += c == '\n' ? 1 : 0;
    lines.feed(part);
    if (lines.pending() > kLimit) throw Accusation("a line that does not end is kept beyond the limit");
    while (const auto line = lines.next()) {
      ++answered;
      if (line->text.size() > kLimit) throw Accusation("a line beyond the limit");
      const std::string answer = sim::answer_qtest(memory, line->text);
      const bool known =
          answer.rfind("OK", 0) == 0 || answer.rfind("ERR", 0) == 0 || answer.rfind("FAIL", 0) == 0;
      if (!known || answer.find('\n') != std::string::npos)
        throw Accusation(fmt::format("'{}' is no answer to '{}'", answer, line->text));
    }
  }
  if (answered != expected) throw Accusation(fmt::format("{} lines, {} answers", expected, answered));
}

}  // namespace

const std::vector<Target>& targets() {
  static const std::vector<Target> all{
      {"scenario", read_scenario}, {"trace", read_trace}, {"qtest", serve_qtest}};
  return all;
}

}  // namespace gpudmar::fuzz
