// SPDX-License-Identifier: Apache-2.0
// The unit's register page: capabilities, and the command handshake of GCMD/GSTS.
#pragma once

#include <cstdint>
#include <string>

#include "driver-model/hw/hw.h"
#include "driver-model/hw/regs/vtd_regs.h"

namespace gpudmar::vtd {

/// What VER, CAP and ECAP say, decoded (VT-d 1.3 to 1.5).
struct Capabilities {
  std::uint64_t cap = 0;
  std::uint64_t ecap = 0;
  unsigned major_version = 0;
  unsigned domain_id_bits = 0;
  unsigned mgaw = 0;         ///< bits
  unsigned levels = 0;       ///< of the second-stage tables that this driver builds: 4 if supported, else 3
  unsigned widest = 0;       ///< AW code of the widest tables that the unit supports
  unsigned large_pages = 0;  ///< SLLPS: bit 0 = 2 MiB, bit 1 = 1 GiB leaves
  unsigned max_address_mask = 0;
  unsigned fault_records = 0;
  std::uint64_t fault_record_offset = 0;  ///< bytes
  bool page_selective = false;
  bool caching_mode = false;
  bool write_buffer_flush = false;
  bool drain_reads = false;
  bool drain_writes = false;
  bool srtp_invalidates = false;  ///< ESRTPS
  bool snoop_control = false;
  bool pass_through = false;
  bool extended_interrupts = false;

  /// Lowest input address that no table can map, as a page number.
  [[nodiscard]] std::uint64_t input_page_limit() const;
};

/// Register access with the waits that go with it. Every poll is bounded and throws VtdError with what it
/// waited for.
class Registers {
 public:
  Registers(hw::Mmio& mmio, hw::Time& time, std::uint64_t timeout_cycles)
      : mmio_(mmio), time_(time), timeout_(timeout_cycles) {}

  /// Read and check the capabilities. Throws VtdError when the unit lacks what this driver needs: queued
  /// invalidation, 3 or 4 levels within MGAW, fault records inside the page.
  [[nodiscard]] Capabilities read_capabilities();

  /// Change one level bit (TE, QIE) of GCMD and wait until its status in GSTS has the same value.
  void set_level(const regs::Field& bit, bool value, const char* name);
  /// Set one one-shot bit (SRTP, WBF) and wait until its GSTS bit is `final_value`.
  void one_shot(const regs::Field& bit, bool final_value, const char* name);

  /// Poll until (read32(offset) & mask) == value.
  void poll32(std::uint64_t offset, std::uint32_t mask, std::uint32_t value, const std::string& what);

  [[nodiscard]] hw::Mmio& mmio() { return mmio_; }
  [[nodiscard]] hw::Time& time() { return time_; }
  [[nodiscard]] std::uint64_t timeout_cycles() const { return timeout_; }

 private:
  /// The level bits as they stand, ready to have one bit changed: one-shot status bits are dropped
  /// (VT-d 1.6).
  [[nodiscard]] std::uint32_t levels();

  hw::Mmio& mmio_;
  hw::Time& time_;
  std::uint64_t timeout_;
};

}  // namespace gpudmar::vtd
