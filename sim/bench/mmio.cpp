// SPDX-License-Identifier: Apache-2.0
// The MMIO bridge and the CPU side.
#include "sim/bench/mmio.h"

#include <fmt/format.h>

#include <cstring>

namespace gpudmar::sim {

MmioBridge::MmioBridge(const sc_core::sc_module_name& name, Board& board, ClockEngine& engine)
    : sc_module(name), socket("socket"), board_(board), engine_(engine) {
  socket.register_b_transport(this, &MmioBridge::b_transport);
}

AxiLiteMaster* MmioBridge::decode(std::uint64_t address) {
  if (address - kIommuBase < kWindowBytes) return &board_.iommu_registers();
  for (unsigned n = 0; n < board_.config().adapters; ++n)
    if (address - (kBarBase + n * kBarStride) < kWindowBytes) return &board_.gpu_registers(n);
  return nullptr;
}

void MmioBridge::b_transport(tlm::tlm_generic_payload& transaction, sc_core::sc_time& delay) {
  const std::uint64_t address = transaction.get_address();
  const unsigned bytes = transaction.get_data_length();
  AxiLiteMaster* port = decode(address);
  if (port == nullptr) return transaction.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
  if (transaction.get_byte_enable_ptr() != nullptr)
    return transaction.set_response_status(tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
  if ((bytes != 4 && bytes != 8) || address % bytes != 0 || transaction.get_streaming_width() < bytes)
    return transaction.set_response_status(tlm::TLM_BURST_ERROR_RESPONSE);
  if (transaction.get_command() == tlm::TLM_IGNORE_COMMAND)
    return transaction.set_response_status(tlm::TLM_COMMAND_ERROR_RESPONSE);
  if (delay != sc_core::SC_ZERO_TIME) {
    // Whole cycles of the initiator's own time pass first.
    const auto cycle_ps = static_cast<double>(board_.config().cycle_ps);
    engine_.wait_cycles(static_cast<std::uint64_t>(delay.to_seconds() * 1e12 / cycle_ps));
    delay = sc_core::SC_ZERO_TIME;
  }
  const auto offset = static_cast<std::uint32_t>(address % kWindowBytes);
  std::shared_ptr<const LiteAccess> access;
  if (transaction.is_write()) {
    std::uint64_t value = 0;
    std::memcpy(&value, transaction.get_data_ptr(), bytes);
    access = port->write(offset, value, bytes);
  } else {
    access = port->read(offset, bytes);
  }
  const bool answered = engine_.run_until([&] { return access->done; }, board_.config().mmio_cycles);
  if (!answered || access->resp != AxiResp::kOkay)
    return transaction.set_response_status(tlm::TLM_GENERIC_ERROR_RESPONSE);
  if (transaction.is_read()) std::memcpy(transaction.get_data_ptr(), &access->data, bytes);
  transaction.set_response_status(tlm::TLM_OK_RESPONSE);
}

HostPort::HostPort(const sc_core::sc_module_name& name) : sc_module(name), socket("socket") {}

std::uint64_t HostPort::access(bool write, std::uint64_t address, unsigned bytes, std::uint64_t value,
                               const std::string& what) {
  tlm::tlm_generic_payload transaction;
  transaction.set_command(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
  transaction.set_address(address);
  transaction.set_data_ptr(reinterpret_cast<unsigned char*>(&value));
  transaction.set_data_length(bytes);
  transaction.set_streaming_width(bytes);
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  ++accesses_;
  if (observer_ != nullptr) observer_->access_begins({write, address, bytes, value});
  socket->b_transport(transaction, delay);
  if (observer_ != nullptr) observer_->access_ends({write, address, bytes, value});
  if (!transaction.is_response_ok())
    throw hw::HardwareError(fmt::format("{}: {}", what, transaction.get_response_string()));
  return value;
}

std::uint64_t MmioWindow::access(bool write, std::uint64_t offset, unsigned bytes, std::uint64_t value) {
  const std::string what =
      fmt::format("{} of {} bytes at {}+{:#x}", write ? "write" : "read", bytes, name_, offset);
  if (offset % bytes != 0) throw hw::HardwareError(what + ": misaligned");
  if (offset >= size_ || bytes > size_ - offset) throw hw::HardwareError(what + ": outside the window");
  return port_.access(write, base_ + offset, bytes, value, what);
}

}  // namespace gpudmar::sim
