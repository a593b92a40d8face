// SPDX-License-Identifier: Apache-2.0
// Device addresses as places that are the same in every run: in ADLs, in allocations, in what the system
// keeps for paging.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "driver-model/dxgkrnl/kernel.h"
#include "sim/replay/handles.h"

namespace gpudmar::sim::replay {

/// The number of a link in traces: its lowest adapter. It stays when other links go.
[[nodiscard]] std::size_t link_number(const dxgkrnl::AdapterView& link);
/// Of each adapter; adapters without a link are their own.
[[nodiscard]] std::vector<std::size_t> links_by_adapter(const dxgkrnl::Kernel& kernel, std::size_t adapters);
/// The index in Kernel::adapters() of an adapter's link; nullopt: it is not there.
[[nodiscard]] std::optional<std::size_t> link_index(const dxgkrnl::Kernel& kernel, std::size_t adapter);

/// A place some bytes further on.
[[nodiscard]] nlohmann::json shifted(nlohmann::json place, std::uint64_t bytes);

class Places {
 public:
  struct Allocation {
    std::size_t link = 0;  ///< its number
    dxgkrnl::AllocationId id = 0;
  };

  /// Null: no kernel runs.
  void attach(dxgkrnl::Kernel* kernel);
  [[nodiscard]] PageBook& pages() { return pages_; }

  void name_allocation(const std::string& name, const Allocation& allocation);
  [[nodiscard]] std::optional<Allocation> allocation(const std::string& name) const;
  /// Its newest name, or the number as text.
  [[nodiscard]] std::string name_of(const Allocation& allocation) const;
  /// SubmitCommand names a paging buffer of an engine.
  void submitted(std::size_t link, unsigned engine, std::uint64_t address, std::uint64_t bytes);

  /// {"adl": ...}, {"allocation": name, "offset": bytes} of its backing store, {"buffer": engine, "offset":
  /// bytes} of the paging buffer submitted last, {"dummy": engine, "offset": bytes}, or {"address": "0x..."}.
  [[nodiscard]] nlohmann::json place(std::size_t link, std::uint64_t address) const;
  /// nullopt: there is no such place here.
  [[nodiscard]] std::optional<std::uint64_t> address(std::size_t link, const nlohmann::json& place) const;
  /// Where the byte behind a device address lies in memory.
  [[nodiscard]] std::uint64_t physical(std::size_t link, std::uint64_t address) const;

 private:
  struct Buffer {
    std::uint64_t address = 0;
    std::uint64_t bytes = 0;
  };
  [[nodiscard]] std::optional<nlohmann::json> paging_place(std::size_t link, std::uint64_t address) const;

  dxgkrnl::Kernel* kernel_ = nullptr;
  PageBook pages_;
  std::map<std::string, Allocation> allocations_;
  std::map<std::pair<std::size_t, dxgkrnl::AllocationId>, std::string> names_;
  std::map<std::pair<std::size_t, unsigned>, Buffer> buffers_;
};

}  // namespace gpudmar::sim::replay
