// SPDX-License-Identifier: Apache-2.0
// A board as one address space: host memory, the IOMMU's registers, the GPUs' registers and local memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "sim/bench/board.h"
#include "sim/bench/scoreboard_feed.h"
#include "sim/contract/contract_checker.h"
#include "sim/serve/address_map.h"
#include "sim/serve/qtest.h"

namespace gpudmar::sim {

/// Memory is accessed without the clock; a register access takes the cycles that its bus takes. Between
/// accesses the clock stands. Addresses where nothing is read as 0 and ignore writes, as QEMU's do.
class BoardTarget final : public QtestTarget {
 public:
  /// `stop` is asked while the clock runs; once it says true, the command under way fails.
  BoardTarget(const MachineConfig& config, std::function<bool()> stop);
  ~BoardTarget() override;

  [[nodiscard]] std::uint64_t load(std::uint64_t address, unsigned bytes) override;
  void store(std::uint64_t address, std::uint64_t value, unsigned bytes) override;
  void read(std::uint64_t address, std::uint8_t* to, std::size_t bytes) override;
  void write(std::uint64_t address, const std::uint8_t* from, std::size_t bytes) override;
  std::uint64_t clock_step(std::optional<std::uint64_t> ns) override;
  [[nodiscard]] std::uint64_t violations() override { return board_.violations().count(); }

  /// Lets the hardware come to rest, then every checker has its last look.
  void finish(std::uint64_t max_cycles = 100'000);
  [[nodiscard]] Board& board() { return board_; }
  /// Interrupt messages that arrived.
  [[nodiscard]] std::uint64_t messages() const { return messages_; }

 private:
  struct Region {
    std::uint64_t base = 0;
    std::uint64_t size = 0;
    SparseMemory* memory = nullptr;      ///< else:
    AxiLiteMaster* registers = nullptr;  ///< a register window
    bool host = false;                   ///< memory that the IOMMU reads
  };
  /// One piece of an access: its bytes lie in `region`, or nowhere.
  struct Piece {
    const Region* region;
    std::size_t bytes;
  };

  [[nodiscard]] Piece piece(std::uint64_t address, std::size_t bytes) const;
  std::uint64_t access(const Region& region, std::uint64_t address, unsigned bytes, bool write,
                       std::uint64_t value);
  void each(std::uint64_t address, std::size_t bytes,
            const std::function<void(const Region&, std::uint64_t address, std::size_t done,
                                     std::size_t bytes)>& visit) const;
  void cycle();

  std::function<bool()> stop_;
  std::uint64_t messages_ = 0;
  Board board_;
  std::unique_ptr<ContractChecker> contract_;
  std::unique_ptr<ScoreboardFeed> scoreboard_;
  std::vector<Region> regions_;  ///< ascending
};

}  // namespace gpudmar::sim
