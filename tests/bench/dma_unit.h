// SPDX-License-Identifier: Apache-2.0
// A DMA engine for the benchmark, alone or before an IOMMU, between memories of fixed latency: what its
// programs of registers, tables and rings look like, whatever Verilated top is behind.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "tests/rtl/dma/axi_memory.h"
#include "tests/rtl/dma/dma_descriptor.h"

namespace gpudmar::bench {

/// The pins of an AXI4-Lite port in one cycle; its BREADY and RREADY are constantly 1.
struct LitePins {
  bool awvalid = false, wvalid = false, arvalid = false;
  std::uint16_t addr = 0;
  std::uint64_t wdata = 0;
  std::uint8_t wstrb = 0;
  bool awready = false, wready = false, bvalid = false, arready = false, rvalid = false;
  std::uint64_t rdata = 0;
};

/// Whatever does not come in time, or breaks a bus rule, is a std::runtime_error.
class DmaUnit {
 public:
  /// What a Verilated top is.
  struct Top {
    unsigned bus_bytes = 32;
    unsigned pipe = 0;
    bool iommu = false;
  };

  /// Latency of all memories: cycles from AR to first R. B comes a cycle after WLAST.
  DmaUnit(const Top& top, unsigned latency);
  virtual ~DmaUnit() = default;
  DmaUnit(const DmaUnit&) = delete;
  DmaUnit& operator=(const DmaUnit&) = delete;

  [[nodiscard]] const Top& top() const { return top_; }
  [[nodiscard]] std::uint64_t cycle() const { return cycle_; }
  void run(std::uint64_t cycles);

  /// Maps one page of 4 KiB, or of 2 MiB. Before enable_translation().
  void map(std::uint64_t iova, std::uint64_t pa, bool large = false);
  void enable_translation();
  /// Where a logical address is in memory.
  [[nodiscard]] std::uint64_t physical(std::uint64_t logical) const;

  /// Sets up the ring of a channel, 2^size_log2 descriptors, and starts it.
  void start(unsigned space, std::uint64_t base, unsigned size_log2, unsigned channel = 0,
             unsigned weight = 1);
  void push(const test::Descriptor& descriptor, unsigned channel = 0);
  void doorbell(unsigned channel = 0);
  /// Until the channel has nothing to do; checks its error bit and the bus rules.
  void settle(std::uint64_t limit, unsigned channel = 0);
  void check_rules() const;

  test::AxiMemory host, vram, table;

 protected:
  /// Drives the pins of the three memories and of both register ports, one cycle, and samples them.
  virtual void clock(std::uint64_t cycle) = 0;
  LitePins gpu_, iommu_;

 private:
  struct Ring {
    unsigned space = 0;
    std::uint64_t base = 0;
    unsigned size = 2, tail = 0;
  };
  void tick();
  void write(LitePins& port, std::uint64_t offset, std::uint64_t value, unsigned bytes);
  std::uint32_t read32(std::uint64_t offset);
  std::uint64_t new_table();

  Top top_;
  std::uint64_t cycle_ = 0;
  std::uint64_t next_table_ = 0, root_ = 0, top_table_ = 0;
  std::unordered_map<std::uint64_t, std::uint64_t> pages_, large_pages_;
  std::array<Ring, test::kChannels> rings_;
};

/// Makes a unit just out of reset.
using MakeUnit = std::function<std::unique_ptr<DmaUnit>(unsigned latency)>;

/// The Verilated tops of the program: the engine alone on 256 bits, on 128 with Pipe 1, and before an IOMMU
/// on 64 and 256.
[[nodiscard]] std::unique_ptr<DmaUnit> make_engine256(unsigned latency);
[[nodiscard]] std::unique_ptr<DmaUnit> make_engine128_pipe1(unsigned latency);
[[nodiscard]] std::unique_ptr<DmaUnit> make_machine64(unsigned latency);
[[nodiscard]] std::unique_ptr<DmaUnit> make_machine256(unsigned latency);
[[nodiscard]] std::unique_ptr<DmaUnit> make_machine256_pipe1(unsigned latency);

}  // namespace gpudmar::bench
