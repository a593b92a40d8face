// SPDX-License-Identifier: Apache-2.0
// Architectural reference of VT-d legacy-mode DMA remapping: one request in, its outcome out. A pure
// function.
//
// Its bit positions are written here once more, from the specification, on purpose: neither the register
// source of the RTL nor the driver's tables can pass a mistake on to it.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "sim/model/memory_view.h"

namespace gpudmar::model {

/// What a remapping unit can do (CAP, ECAP) as far as translation, queue and faults depend on it.
struct UnitConfig {
  unsigned haw = 46;              ///< host address width, bits (up to 52)
  unsigned mgaw = 48;             ///< guest address width, bits (CAP.MGAW + 1)
  unsigned sagaw = 0b00110;       ///< CAP.SAGAW: bit 1 = 39, bit 2 = 48, bit 3 = 57 bits
  unsigned sllps = 0b0011;        ///< CAP.SLLPS: bit 0 = 2 MiB, bit 1 = 1 GiB pages
  unsigned nd = 6;                ///< CAP.ND: domain-ids have 4 + 2*nd bits
  bool pt = true;                 ///< ECAP.PT: pass-through translation type
  bool dt = false;                ///< ECAP.DT: device-TLBs, translation type 01
  bool zlr = false;               ///< CAP.ZLR: zero-length reads of write-only pages succeed
  bool sc = false;                ///< ECAP.SC: SNP honoured in leaf entries
  bool psi = true;                ///< CAP.PSI: page-selective IOTLB invalidation
  unsigned mamv = 18;             ///< CAP.MAMV: greatest address mask
  bool drd = true;                ///< CAP.DRD: reads can be drained
  bool dwd = true;                ///< CAP.DWD: writes can be drained
  bool coherent = true;           ///< ECAP.C
  bool esrtps = false;            ///< CAP.ESRTPS
  unsigned fault_records = 8;     ///< CAP.NFR + 1
  unsigned fault_offset = 0x400;  ///< bytes, multiple of 16 (CAP.FRO * 16)
};

/// What software has made effective: GSTS.TES and the root pointer adopted by the last SRTP.
struct RootState {
  bool te = false;
  std::uint64_t root = 0;  ///< root table, byte address, 4 KiB aligned (RTADDR 63:12)
  unsigned ttm = 0;        ///< RTADDR 11:10
};
inline bool operator==(const RootState& a, const RootState& b) {
  return a.te == b.te && a.root == b.root && a.ttm == b.ttm;
}

/// Address types of a request (PCIe AT).
inline constexpr unsigned kAtUntranslated = 0;
inline constexpr unsigned kAtTranslationRequest = 1;
inline constexpr unsigned kAtTranslated = 2;

/// One DMA request. It never crosses a 4 KiB boundary (VT-d 2.5).
struct Request {
  std::uint16_t source_id = 0;
  std::uint64_t address = 0;  ///< byte address
  bool is_write = false;
  bool atomic = false;  ///< read-modify-write: needs both permissions
  unsigned at = kAtUntranslated;
  bool pasid_valid = false;
  std::uint32_t pasid = 0;
  bool execute = false;
  bool privileged = false;
  bool zero_length = false;  ///< read without any byte enabled
  bool no_snoop = false;     ///< PCIe no-snoop attribute
  std::uint32_t bytes = 8;
};

/// Fault reasons of legacy mode (VT-d 6.4, 6.5).
enum class Reason : std::uint8_t {
  kNone = 0x00,
  kRootNotPresent = 0x01,
  kContextNotPresent = 0x02,
  kContextInvalid = 0x03,
  kAddressWidth = 0x04,
  kWrite = 0x05,
  kRead = 0x06,
  kPagingFetch = 0x07,
  kRootFetch = 0x08,
  kContextFetch = 0x09,
  kRootReserved = 0x0A,
  kContextReserved = 0x0B,
  kPagingReserved = 0x0C,
  kTypeBlocked = 0x0D,
  kOutputInInterruptRange = 0x0E,
  kRootAddressMode = 0x30,
  kPasidInLegacyMode = 0x31,
};

/// The address goes out unchanged: remapping is off, the context says pass-through, or it was translated
/// before.
struct Pass {
  std::uint64_t address = 0;
  bool remapping_off = false;  ///< true: TE = 0, no context was looked at
  std::uint16_t did = 0;       ///< valid if !remapping_off
};
/// Second-stage translation.
struct Translated {
  std::uint64_t address = 0;  ///< host physical byte address
  std::uint16_t did = 0;
  bool readable = false;  ///< accumulated over all levels
  bool writable = false;
  unsigned page_shift = 12;  ///< 12, 21 or 30
  bool snoop = false;        ///< SNP of the leaf
};
/// Blocked, with a reason. `alternate` is another reason that the specification leaves legal here (kNone: no
/// other).
struct Fault {
  Reason reason = Reason::kNone;
  Reason alternate = Reason::kNone;
  bool suppressed = false;  ///< qualified and FPD = 1: neither record nor event
};
/// A 4-byte write into the interrupt window: it leaves unchanged.
struct Message {
  std::uint64_t address = 0;
};
/// Blocked, never recorded: another access to the interrupt window, or a request that is no legal request at
/// all.
struct Aborted {};
/// Answer to a translation request (ATS); readable = writable = false means "nothing there", which is no
/// fault.
struct Completion {
  std::uint64_t address = 0;
  std::uint16_t did = 0;
  bool readable = false;
  bool writable = false;
  unsigned page_shift = 12;
};

using Outcome = std::variant<Pass, Translated, Fault, Message, Aborted, Completion>;

/// Interrupt window, VT-d 2.5. The end is exclusive.
inline constexpr std::uint64_t kInterruptBase = 0xFEE0'0000;
inline constexpr std::uint64_t kInterruptEnd = 0xFEF0'0000;

/// Translate one request against the tables as they are in `memory` now. Checks in the order of VT-d 6.8
/// and 2.4. Loads: root entry low/high qword, context entry low/high qword, then one qword a level, in this
/// order.
[[nodiscard]] Outcome translate(const UnitConfig& config, const RootState& root, const MemoryView& memory,
                                const Request& request);

/// The address that leaves towards memory; nullopt for requests that do not leave.
[[nodiscard]] std::optional<std::uint64_t> outgoing_address(const Outcome& outcome);
/// Must the access that leaves be snooped? Of requests that do not leave: false.
[[nodiscard]] bool outgoing_snoop(const Outcome& outcome, const Request& request);
/// "fault 05h", "translated to 1234000h (domain 7, 4 KiB, RW)", ... for messages.
[[nodiscard]] std::string describe(const Outcome& outcome);
[[nodiscard]] std::string describe(const Request& request);

}  // namespace gpudmar::model
