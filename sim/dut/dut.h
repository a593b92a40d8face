// SPDX-License-Identifier: Apache-2.0
// The Verilated top behind plain structs: no Verilator type leaves this directory, so it mixes with SystemC.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/axi/axi.h"

namespace gpudmar::sim {

inline constexpr unsigned kMaxAdapters = 4;

/// What the model was elaborated with.
struct DutInfo {
  unsigned pipe = 0;
  unsigned adapters = 0;
  unsigned bus_bytes = 0;      ///< of every AXI4 data bus
  unsigned haw = 0;            ///< host address bits
  unsigned mgaw = 0;           ///< guest address bits
  unsigned dma_addr_bits = 0;  ///< logical address bits that a GPU drives
  unsigned vram_bits = 0;      ///< log2 of the VRAM bytes of an adapter
  unsigned iotlb_entries = 0;
  unsigned walks = 0;          ///< in parallel
  unsigned id_bits = 0;        ///< AXI id bits of one requester
  unsigned table_id_bits = 0;  ///< AXI id bits of m_axi_table
  bool snoop_control = false;  ///< ECAP.SC
  bool zlr = false;            ///< CAP.ZLR
  unsigned iotlb_sets = 1;     ///< of the IOTLB; 1: fully associative
};

/// One requester port of the IOMMU in one cycle; each flag is a handshake.
struct RequesterProbe {
  bool ar = false;
  std::uint32_t arid = 0;
  std::uint64_t araddr = 0;
  std::uint8_t arlen = 0;
  std::uint32_t aruser = 0;
  bool aw = false;
  std::uint32_t awid = 0;
  std::uint64_t awaddr = 0;
  std::uint8_t awlen = 0;
  std::uint8_t awsize = 0;
  std::uint32_t awuser = 0;
  bool wlast = false;
  bool r = false;
  std::uint32_t rid = 0;
  AxiResp rresp = AxiResp::kOkay;
  bool rlast = false;
  bool b = false;
  std::uint32_t bid = 0;
  AxiResp bresp = AxiResp::kOkay;
};

/// The fault record written in a cycle.
struct FaultProbe {
  bool valid = false;
  bool recorded = false;  ///< false: dropped by overflow or disabled processing
  std::array<std::uint64_t, 2> record{};
};

/// A valid entry of the IOMMU's IOTLB or of its paging-structure caches, as the RTL holds it.
struct CachedTranslation {
  unsigned table_level = 0;  ///< 0: IOTLB, the entry is a page; 1 to 3: the way to a table of that level
  std::uint16_t did = 0;
  std::uint64_t page = 0;    ///< the first input page (of 4 KiB) that it stands for
  unsigned page_shift = 12;  ///< of what it stands for: 12, 21, 30 or 39
  std::uint64_t frame = 0;   ///< host page: of that first page, or of the table
  bool readable = false;     ///< over all levels that it stands for
  bool writable = false;
  bool snoop = false;  ///< pages only
};

/// What a walker reads or wants to read: a root or context entry, or an entry of a table of that level.
enum class WalkEntry : std::uint8_t { kRoot, kContext, kLevel1, kLevel2, kLevel3, kLevel4, kLevel5 };
inline constexpr unsigned kWalkEntries = 7;

/// A walker in one cycle.
struct WalkActivity {
  bool active = false;
  bool hint = false;  ///< only hinted at so far
  bool write = false;
  WalkEntry entry = WalkEntry::kRoot;
  std::uint16_t source_id = 0;
  std::uint64_t page = 0;  ///< of 4 KiB, as the request has it
};

/// What is under way inside the RTL in one cycle, as its registers say.
struct DutActivity {
  std::vector<WalkActivity> walks;  ///< by the id of their table reads; those for hints behind the others
  std::uint16_t queue_head = 0;     ///< index of the next invalidation descriptor, in units of IQH
  std::array<std::vector<std::uint16_t>, kMaxAdapters> heads;  ///< HEAD of each channel of each engine
};

/// Everything the model drives in one cycle.
struct DutOutputs {
  AxiLiteSlaveOut iommu;
  std::array<AxiLiteSlaveOut, kMaxAdapters> gpu;
  AxiMasterOut data;
  AxiMasterOut table;
  std::array<AxiMasterOut, kMaxAdapters> vram;
  std::array<RequesterProbe, kMaxAdapters> probe;
  FaultProbe fault;
  std::array<bool, kMaxAdapters> adapter_busy{};  ///< in reset, or what it had begun is ending
  bool iommu_idle = false;                        ///< nothing under way at the IOMMU's masters
  bool iommu_quiesced = false;                    ///< it may be reset alone
};

/// Everything the bench drives in one cycle.
struct DutInputs {
  AxiLiteMasterOut iommu;
  std::array<AxiLiteMasterOut, kMaxAdapters> gpu;
  AxiSlaveOut data;
  AxiSlaveOut table;
  std::array<AxiSlaveOut, kMaxAdapters> vram;
  std::array<bool, kMaxAdapters> adapter_reset{};  ///< reset of one DMA engine
  bool iommu_quiesce = false;                      ///< the IOMMU takes nothing more
  bool iommu_reset = false;                        ///< of the IOMMU alone, while it is quiesced
};

/// Reset in a cycle. Warm keeps the IOMMU's sticky status.
enum class DutReset { kNone, kWarm, kPower };

/// One instance of the top. The order of a cycle: sample(), step the memories, clock(inputs).
class Dut {
 public:
  virtual ~Dut() = default;

  /// `pipe` picks the variant; `seed` sets the values of registers and memories before reset. Throws
  /// std::invalid_argument on a variant that this build does not have.
  [[nodiscard]] static std::unique_ptr<Dut> create(unsigned pipe, std::uint64_t seed);
  /// Values of `pipe` in this build.
  [[nodiscard]] static std::vector<unsigned> pipes();

  [[nodiscard]] virtual const DutInfo& info() const = 0;
  /// Outputs of the present cycle.
  virtual const DutOutputs& sample() = 0;
  /// Rising edge, new inputs, falling edge. `reset` is that of the cycle that begins.
  virtual void clock(const DutInputs& inputs, DutReset reset) = 0;
  /// What the translation caches hold in the present cycle.
  [[nodiscard]] virtual std::vector<CachedTranslation> cached_translations() const = 0;
  /// What is under way in the present cycle.
  [[nodiscard]] virtual const DutActivity& activity() = 0;
  /// Immediate assertions that failed since the last call.
  [[nodiscard]] virtual unsigned take_assertions() = 0;

  /// Write an FST of all signals from now on; time is in ps from cycle 0. Throws std::runtime_error when the
  /// file cannot be opened.
  virtual void open_waves(const std::string& path, std::uint64_t cycle_ps) = 0;
  virtual void close_waves() = 0;
  /// Write collected coverage; false when the model was built without.
  [[nodiscard]] virtual bool write_coverage(const std::string& path) = 0;
};

}  // namespace gpudmar::sim
