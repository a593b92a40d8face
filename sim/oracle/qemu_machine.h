// SPDX-License-Identifier: Apache-2.0
// QEMU with its intel-iommu and two edu devices, each behind a root port so that its bus is 1 or 2.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "sim/oracle/machine.h"

namespace gpudmar::oracle {

class QemuMachine final : public Machine {
 public:
  /// `directory` takes its firmware, socket and log. Throws EndpointError.
  QemuMachine(const std::string& program, const std::string& directory);
  ~QemuMachine() override;

  [[nodiscard]] std::string version() const override { return version_; }
  [[nodiscard]] int end() override;

 private:
  QtestClient& bus() override { return *bus_; }
  void settle() override {}  // its clock runs by itself
  void root_changed(std::uint64_t root) override;
  void dma(const Access& access, const std::vector<std::uint8_t>& bytes, Observation& result) override;

  [[nodiscard]] std::uint32_t config_read(unsigned bus, unsigned device, unsigned offset);
  void config_write(unsigned bus, unsigned device, unsigned offset, std::uint32_t value);
  void start_devices();
  void write_escape();
  /// From now on the device's requests come from this bus; nothing is cached.
  void move_to_bus(unsigned device, unsigned number);
  /// One transfer between the device's buffer and a bus address.
  void transfer(unsigned device, bool to_bus, std::uint64_t address, unsigned bytes);

  std::string version_;
  std::unique_ptr<Child> child_;
  std::unique_ptr<QtestClient> bus_;
};

/// The path of a QEMU for x86: `given`, or the first on PATH; empty: there is none.
[[nodiscard]] std::string find_qemu(const std::string& given);

}  // namespace gpudmar::oracle
