// SPDX-License-Identifier: Apache-2.0
// Address decode of the device side: RAM, interrupt window, nothing.
#include "sim/axi/targets.h"

#include <cstring>

namespace gpudmar::sim {

const char* to_string(AxiResp resp) {
  switch (resp) {
    case AxiResp::kOkay:
      return "OKAY";
    case AxiResp::kExOkay:
      return "EXOKAY";
    case AxiResp::kSlvErr:
      return "SLVERR";
    case AxiResp::kDecErr:
      return "DECERR";
  }
  return "?";
}

AxiResp HostBus::read(std::uint64_t address, std::uint8_t* to, std::size_t bytes) {
  return memory_.device().read(address, to, bytes) ? AxiResp::kOkay : AxiResp::kDecErr;
}

AxiResp HostBus::write(std::uint64_t address, const std::uint8_t* from, std::uint64_t strobe,
                       std::size_t bytes) {
  if (memory_.device().write(address, from, strobe, bytes)) return AxiResp::kOkay;
  if (address < hw::kInterruptWindowBase || address >= hw::kInterruptWindowEnd || strobe == 0)
    return AxiResp::kDecErr;
  // A message is exactly one aligned dword; anything else in the window is refused, not split.
  const auto first = static_cast<unsigned>(__builtin_ctzll(strobe));
  if (strobe >> first != 0xF || (address + first) % 4 != 0) return AxiResp::kSlvErr;
  std::uint32_t data = 0;
  std::memcpy(&data, from + first, sizeof data);
  messages_({address + first, data});
  return AxiResp::kOkay;
}

AxiResp VramTarget::read(std::uint64_t address, std::uint8_t* to, std::size_t bytes) {
  return vram_.device().read(address, to, bytes) ? AxiResp::kOkay : AxiResp::kDecErr;
}

AxiResp VramTarget::write(std::uint64_t address, const std::uint8_t* from, std::uint64_t strobe,
                          std::size_t bytes) {
  return vram_.device().write(address, from, strobe, bytes) ? AxiResp::kOkay : AxiResp::kDecErr;
}

}  // namespace gpudmar::sim
