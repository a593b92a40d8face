// SPDX-License-Identifier: Apache-2.0
// What an AXI slave reads and writes: host memory with the interrupt window, or the memory of one adapter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "sim/axi/axi.h"
#include "sim/mem/host_memory.h"

namespace gpudmar::sim {

/// Untimed byte access behind a slave; never throws on a bad address, it answers.
class AxiTarget {
 public:
  virtual ~AxiTarget() = default;
  /// `bytes` <= 64, naturally aligned.
  [[nodiscard]] virtual AxiResp read(std::uint64_t address, std::uint8_t* to, std::size_t bytes) = 0;
  /// Bit i of `strobe` enables byte i.
  [[nodiscard]] virtual AxiResp write(std::uint64_t address, const std::uint8_t* from, std::uint64_t strobe,
                                      std::size_t bytes) = 0;
};

/// Host memory as a device sees it: RAM and other devices' memory; a 4-byte write to the interrupt window is
/// a message; all else is DECERR.
class HostBus final : public AxiTarget {
 public:
  using MessageSink = std::function<void(hw::MessageTarget)>;
  /// Both must outlive this object.
  HostBus(HostMemory& memory, MessageSink messages) : memory_(memory), messages_(std::move(messages)) {}
  [[nodiscard]] AxiResp read(std::uint64_t address, std::uint8_t* to, std::size_t bytes) override;
  [[nodiscard]] AxiResp write(std::uint64_t address, const std::uint8_t* from, std::uint64_t strobe,
                              std::size_t bytes) override;

 private:
  HostMemory& memory_;
  MessageSink messages_;
};

/// Local memory of one adapter.
class VramTarget final : public AxiTarget {
 public:
  explicit VramTarget(Vram& vram) : vram_(vram) {}
  [[nodiscard]] AxiResp read(std::uint64_t address, std::uint8_t* to, std::size_t bytes) override;
  [[nodiscard]] AxiResp write(std::uint64_t address, const std::uint8_t* from, std::uint64_t strobe,
                              std::size_t bytes) override;

 private:
  Vram& vram_;
};

}  // namespace gpudmar::sim
