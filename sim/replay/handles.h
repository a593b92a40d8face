// SPDX-License-Identifier: Apache-2.0
// What a trace says instead of handles, pointers and device addresses: names that are the same in every run.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gpudmar::sim::replay {

/// Handles and pointers by name. A name stays bound after its object has ended, so that misuse can be told
/// and repeated; a value that comes again belongs to the newest name.
class Handles {
 public:
  /// `bytes`: of what a pointer leads to.
  void bind(const std::string& name, std::uint64_t value, std::uint64_t bytes = 0);
  /// A name that no other value has: `kind` and a number.
  std::string make(const std::string& kind, std::uint64_t value, std::uint64_t bytes = 0);
  [[nodiscard]] std::optional<std::uint64_t> value(const std::string& name) const;
  /// null, a name, a name and what is added to it ("view1+0x1000", modulo 2^64), or "0x..." for a value that
  /// nobody returned.
  [[nodiscard]] nlohmann::json show(std::uint64_t value) const;
  /// The other way; nullopt: a name that is not bound.
  [[nodiscard]] std::optional<std::uint64_t> read(const nlohmann::json& text) const;
  /// The name that a text like those of show() refers to; empty: none.
  [[nodiscard]] static std::string name_in(const nlohmann::json& text);

 private:
  struct Value {
    std::uint64_t value = 0;
    std::uint64_t bytes = 0;
  };
  std::map<std::string, Value> values_;
  std::map<std::uint64_t, std::string> names_;
  std::map<std::string, unsigned> made_;
};

/// Device addresses as places in ADLs.
class PageBook {
 public:
  struct Entry {
    std::string name;
    std::size_t link = 0;
    std::vector<std::uint64_t> numbers;  ///< as devices see the pages
    std::vector<std::uint64_t> frames;
    bool live = true;
  };

  void add(Entry entry);
  void end(const std::string& name);
  /// What a call that does not name the list is to end: `what` says whose it is.
  void keep(const std::string& what, const std::string& name) { kept_[what] = name; }
  void end_kept(const std::string& what);
  void clear();
  /// {"adl": name, "offset": bytes}, of a live one before one that has ended; {"address": "0x..."} without
  /// one.
  [[nodiscard]] nlohmann::json place(std::size_t link, std::uint64_t address) const;
  /// The address that such a place means here; nullopt: no such ADL, or not so long.
  [[nodiscard]] std::optional<std::uint64_t> address(const nlohmann::json& place) const;
  /// Whether a live ADL names it.
  [[nodiscard]] bool is_live(std::size_t link, std::uint64_t address) const;
  /// Where the byte behind a device address lies in memory; nullopt: no live ADL names it.
  [[nodiscard]] std::optional<std::uint64_t> frame_address(std::size_t link, std::uint64_t address) const;
  /// The same; what no ADL names lies at its own address.
  [[nodiscard]] std::uint64_t physical(std::size_t link, std::uint64_t address) const;

 private:
  [[nodiscard]] const Entry* find(std::size_t link, std::uint64_t number, std::size_t& index) const;

  std::vector<Entry> entries_;
  std::map<std::string, std::size_t> by_name_;
  std::map<std::string, std::string> kept_;
  /// All that name a page, the newest last: entry, index in it.
  std::map<std::pair<std::size_t, std::uint64_t>, std::vector<std::pair<std::size_t, std::size_t>>> by_page_;
};

/// "0x..." with as many digits as it takes.
[[nodiscard]] std::string hex(std::uint64_t value);
/// A list of pages as [[first, count], ...].
[[nodiscard]] nlohmann::json runs(const std::vector<std::uint64_t>& pages);

}  // namespace gpudmar::sim::replay
