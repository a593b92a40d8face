// SPDX-License-Identifier: Apache-2.0
// Register access as TLM-2.0 transactions: the bridge from a target socket to the AXI4-Lite ports, and the
// CPU side that turns hw::Mmio calls into transactions.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include <cstdint>
#include <string>
#include <systemc>
#include <tlm>

#include "driver-model/hw/hw.h"
#include "sim/bench/access_observer.h"
#include "sim/bench/board.h"
#include "sim/bench/clock_engine.h"

namespace gpudmar::sim {

/// b_transport target. Reads and writes of 4 or 8 naturally aligned bytes inside one window; others get
/// TLM_ADDRESS_ERROR_RESPONSE (no window), TLM_BURST_ERROR_RESPONSE (size, alignment) or
/// TLM_BYTE_ENABLE_ERROR_RESPONSE. Blocks until the register port answered; an error response or none within
/// MachineConfig::mmio_cycles is TLM_GENERIC_ERROR_RESPONSE.
class MmioBridge : public sc_core::sc_module {
 public:
  tlm_utils::simple_target_socket<MmioBridge> socket;

  MmioBridge(const sc_core::sc_module_name& name, Board& board, ClockEngine& engine);

 private:
  void b_transport(tlm::tlm_generic_payload& transaction, sc_core::sc_time& delay);
  [[nodiscard]] AxiLiteMaster* decode(std::uint64_t address);

  Board& board_;
  ClockEngine& engine_;
};

/// Initiates transactions on behalf of the software.
class HostPort : public sc_core::sc_module {
 public:
  tlm_utils::simple_initiator_socket<HostPort> socket;

  explicit HostPort(const sc_core::sc_module_name& name);
  /// One access at a bus address; `what` names it in the hw::HardwareError of a failure.
  std::uint64_t access(bool write, std::uint64_t address, unsigned bytes, std::uint64_t value,
                       const std::string& what);
  [[nodiscard]] std::uint64_t accesses() const { return accesses_; }
  /// Null: nobody watches any more.
  void watch(AccessObserver* observer) { observer_ = observer; }

 private:
  std::uint64_t accesses_ = 0;
  AccessObserver* observer_ = nullptr;
};

/// One register window.
class MmioWindow final : public hw::Mmio {
 public:
  MmioWindow(HostPort& port, std::string name, hw::PhysAddr base, std::uint64_t size)
      : port_(port), name_(std::move(name)), base_(base), size_(size) {}
  [[nodiscard]] hw::PhysAddr base() const override { return base_; }
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  [[nodiscard]] std::uint32_t read32(std::uint64_t offset) override {
    return static_cast<std::uint32_t>(access(false, offset, 4, 0));
  }
  [[nodiscard]] std::uint64_t read64(std::uint64_t offset) override { return access(false, offset, 8, 0); }
  void write32(std::uint64_t offset, std::uint32_t value) override { access(true, offset, 4, value); }
  void write64(std::uint64_t offset, std::uint64_t value) override { access(true, offset, 8, value); }

 private:
  std::uint64_t access(bool write, std::uint64_t offset, unsigned bytes, std::uint64_t value);

  HostPort& port_;
  std::string name_;
  hw::PhysAddr base_;
  std::uint64_t size_;
};

}  // namespace gpudmar::sim
