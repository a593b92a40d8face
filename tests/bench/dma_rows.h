// SPDX-License-Identifier: Apache-2.0
// The DMA engine's rows of the benchmark: its cycle numbers, and how near streams of copies come to the bound
// of the bus, docs/bench.md.
#pragma once

#include "sim/contract/contract.h"
#include "tests/bench/dma_unit.h"
#include "tests/bench/results.h"

namespace gpudmar::bench {

/// What stands between the engine and memory: nothing that translates, an IOTLB that has every page, or walks
/// for every page.
enum class Translation { kOff, kHit, kCold };

/// One kind of copies.
struct Copies {
  std::uint64_t bytes = 64;
  bool aligned = true;  ///< otherwise source + 3, destination + 5
  unsigned latency = 1;
  Translation translation = Translation::kOff;
};

/// How many of equal operations are measured, with as many before and behind that are not.
struct Window {
  unsigned measured = 0, margin = 0;
  [[nodiscard]] unsigned count() const { return measured + 2 * margin; }
};
/// 4096 descriptors with 256 before and behind, or as many as make 32768 beats, 2 at least; a sixteenth of
/// them before and behind. Where each one needs walks, a quarter is enough.
[[nodiscard]] Window window_of(std::uint64_t beats, bool cold);

/// Beats of a bus that `bytes` at `address` touch.
[[nodiscard]] std::uint64_t beats_of(std::uint64_t address, std::uint64_t bytes, unsigned bus_bytes);

class DmaRows {
 public:
  DmaRows(const sim::Contract& contract, Results& results) : contract_(contract), results_(results) {}

  /// Launch and gap of one engine; `suffix` tells its Pipe.
  void contract_numbers(const MakeUnit& make, const std::string& suffix);
  /// Queued and single copies; those with translation only where the top has an IOMMU.
  void copies(const MakeUnit& make);
  /// Queued copies at L = 100.
  void queued_copies(const MakeUnit& make, const std::string& suffix);
  /// Ring in system memory, strided copies, fills.
  void operations(const MakeUnit& make);
  /// Four channels at once.
  void channels(const MakeUnit& make);

 private:
  void launch(const MakeUnit& make, const std::string& suffix, bool aperture);
  void gap(const MakeUnit& make, const std::string& suffix);
  void queued(const MakeUnit& make, const std::string& name, const Copies& copies);
  void single(const MakeUnit& make, const std::string& name, const Copies& copies);
  void channels_with(const MakeUnit& make, const std::string& name, const std::array<unsigned, 4>& weights);
  void percent(const std::string& name, double value, const std::string& promise, unsigned pipe = 0);
  void cycles(const std::string& name, std::uint64_t worst, const std::string& promise, unsigned pipe);
  void progress(const std::string& name) const;

  const sim::Contract& contract_;
  Results& results_;
};

}  // namespace gpudmar::bench
