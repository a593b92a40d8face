// SPDX-License-Identifier: Apache-2.0
// The RTL behind `serve`, a process of its own: two GPUs and the IOMMU.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "sim/oracle/machine.h"

namespace gpudmar::oracle {

class RtlMachine final : public Machine {
 public:
  /// `server` is the program and its words up to and including `serve`. Throws EndpointError.
  RtlMachine(std::vector<std::string> server, const std::string& directory, std::uint64_t seed);
  ~RtlMachine() override;

  [[nodiscard]] std::string version() const override { return "RTL"; }
  [[nodiscard]] std::uint64_t violations() override;
  [[nodiscard]] int end() override;

 private:
  QtestClient& bus() override { return *bus_; }
  void settle() override;
  void dma(const Access& access, const std::vector<std::uint8_t>& bytes, Observation& result) override;
  void start_channel(unsigned device);

  std::unique_ptr<Child> child_;
  std::unique_ptr<QtestClient> bus_;
  std::array<unsigned, 2> tail_{};  ///< of each adapter's ring
};

}  // namespace gpudmar::oracle
