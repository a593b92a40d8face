// SPDX-License-Identifier: Apache-2.0
// What adapters are told to do: rings as their registers describe them, descriptors in words, and how the
// work ended as seen at the ports.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "sim/bench/machine.h"
#include "sim/replay/handles.h"

namespace gpudmar::sim::replay {

inline constexpr unsigned kDescriptorBytes = 64;
using Descriptor = std::array<std::uint64_t, kDescriptorBytes / 8>;

/// A descriptor in words: {"op", "src", "dst", "bytes", ...}. `place` tells device addresses of operands.
using PlaceOf = std::function<nlohmann::json(std::uint64_t address)>;
[[nodiscard]] nlohmann::json describe(const Descriptor& descriptor, const PlaceOf& place);
/// The other way, from {"op": "copy" or "fill"} or from "raw", with addresses as they are here. Empty text:
/// done; else what is missing.
using AddressOf = std::function<std::optional<std::uint64_t>(const nlohmann::json& place)>;
[[nodiscard]] std::string assemble(const nlohmann::json& work, const AddressOf& address,
                                   Descriptor& descriptor);

[[nodiscard]] std::string to_hex(const Descriptor& descriptor);
[[nodiscard]] std::optional<Descriptor> from_hex(const std::string& text);

/// Entries of a page list in words: places, each with "pages".
[[nodiscard]] nlohmann::json describe_list(const std::vector<std::uint64_t>& entries, const PlaceOf& place);
/// The other way; nullopt: one of the places is not there.
[[nodiscard]] std::optional<std::vector<std::uint64_t>> assemble_list(const nlohmann::json& list,
                                                                      const AddressOf& address);
/// Whether a descriptor has a page list behind its source; its pages.
[[nodiscard]] std::uint64_t list_pages(const Descriptor& descriptor);

/// Where an operand lies, as a trace says it.
[[nodiscard]] nlohmann::json operand(std::uint32_t space, std::uint64_t address, const PlaceOf& place);

/// Shadows of an adapter's ring registers, fed with the driver's writes.
class Rings {
 public:
  struct Work {
    unsigned channel = 0;
    std::uint32_t space = 0;               ///< of the ring
    std::vector<std::uint64_t> addresses;  ///< of the new descriptors, in it
  };
  /// A register write; what a doorbell hands to the engine. `reset` gets the channel that it resets.
  [[nodiscard]] std::optional<Work> write(std::uint64_t offset, std::uint64_t value,
                                          std::optional<unsigned>* reset = nullptr);

 private:
  struct Ring {
    std::uint64_t base = 0;
    std::uint32_t space = 0;
    unsigned size_log2 = 0;
    std::uint32_t tail = 0;
  };
  std::map<unsigned, Ring> rings_;
};

/// Work under way, and its end: a fence that was answered, or an error at the adapter's port.
class DmaEnds final : public CycleObserver {
 public:
  struct Watched {
    std::size_t id = 0;
    unsigned adapter = 0;
    unsigned channel = 0;
    std::vector<std::uint64_t> fences;                              ///< device addresses
    std::vector<std::pair<std::uint64_t, std::uint64_t>> operands;  ///< device addresses, bytes
    bool fenced = false;                                            ///< it has a fence whose answer is seen
  };
  /// "done"; "blocked" with the failed request; "dropped": behind one that was, or its channel was reset.
  /// Empty: nobody knows.
  using Ended =
      std::function<void(std::size_t id, const std::string& result, bool write, std::uint64_t address)>;

  DmaEnds(Machine& machine, Ended ended);
  ~DmaEnds() override;
  DmaEnds(const DmaEnds&) = delete;
  DmaEnds& operator=(const DmaEnds&) = delete;
  void watch(Watched work) {
    work.fenced = !work.fences.empty();
    work_.push_back(std::move(work));
  }
  /// The driver resets a channel: what it was given is gone.
  void cut(unsigned adapter, unsigned channel);

  void observe(const CycleView& view) override;
  void reset() override;
  void finish(std::uint64_t /*cycle*/) override {}

 private:
  void done(unsigned adapter, std::uint64_t address);
  void failed(unsigned adapter, bool write, std::uint64_t address);

  Machine& machine_;
  Ended ended_;
  std::list<Watched> work_;
  std::array<std::array<std::map<std::uint32_t, std::deque<std::uint64_t>>, 2>, kMaxAdapters> requests_;
};

}  // namespace gpudmar::sim::replay
