// SPDX-License-Identifier: Apache-2.0
// Capability decoding and the GCMD/GSTS handshake.
#include "driver-model/vtd/registers.h"

#include <fmt/format.h>

#include <algorithm>

#include "driver-model/vtd/error.h"

namespace gpudmar::vtd {
namespace {

namespace r = regs::vtd;

constexpr std::uint32_t kLevelStatusMask = 0x96FF'FFFF;  // drops WBFS, FLS, IRTPS and RTPS
constexpr std::uint64_t kPollInterval = 8;               // cycles between two reads of a poll
constexpr unsigned kLevels3 = 1U << 1;
constexpr unsigned kLevels4 = 1U << 2;
constexpr unsigned kWidestCode = 3;      // 57 bits
constexpr unsigned kLargePages = 0b011;  // the other bits of SLLPS are no longer defined

}  // namespace

std::uint64_t Capabilities::input_page_limit() const {
  const unsigned table_bits = hw::kPageShift + 9 * levels;
  return 1ULL << (std::min(table_bits, mgaw) - hw::kPageShift);
}

Capabilities Registers::read_capabilities() {
  Capabilities c;
  c.major_version = static_cast<unsigned>(r::VER::MAX.get(mmio_.read32(r::VER::kOffset)));
  c.cap = mmio_.read64(r::CAP::kOffset);
  c.ecap = mmio_.read64(r::ECAP::kOffset);
  c.domain_id_bits = 4 + 2 * static_cast<unsigned>(r::CAP::ND.get(c.cap));
  c.mgaw = static_cast<unsigned>(r::CAP::MGAW.get(c.cap)) + 1;
  c.max_address_mask = static_cast<unsigned>(r::CAP::MAMV.get(c.cap));
  c.fault_records = static_cast<unsigned>(r::CAP::NFR.get(c.cap)) + 1;
  c.fault_record_offset = r::CAP::FRO.get(c.cap) * 16;
  c.page_selective = r::CAP::PSI.get(c.cap) != 0;
  c.caching_mode = r::CAP::CM.get(c.cap) != 0;
  c.write_buffer_flush = r::CAP::RWBF.get(c.cap) != 0;
  c.drain_reads = r::CAP::DRD.get(c.cap) != 0;
  c.drain_writes = r::CAP::DWD.get(c.cap) != 0;
  c.srtp_invalidates = r::CAP::ESRTPS.get(c.cap) != 0;
  c.snoop_control = r::ECAP::SC.get(c.ecap) != 0;
  c.extended_interrupts = r::ECAP::EIM.get(c.ecap) != 0;

  c.pass_through = r::ECAP::PT.get(c.ecap) != 0;
  c.large_pages = static_cast<unsigned>(r::CAP::SLLPS.get(c.cap)) & kLargePages;

  const auto sagaw = static_cast<unsigned>(r::CAP::SAGAW.get(c.cap));
  c.levels = (sagaw & kLevels4) != 0 ? 4 : (sagaw & kLevels3) != 0 ? 3 : 0;
  for (unsigned code = 1; code <= kWidestCode; ++code)
    if ((sagaw >> code & 1) != 0) c.widest = code;
  const std::string unit = fmt::format("remapping unit at {:#x}", mmio_.base());
  if (c.cap == 0 || c.cap == ~0ULL || c.major_version == 0)
    throw VtdError(fmt::format("{}: no unit answers (VER.MAX {}, CAP {:#x})", unit, c.major_version, c.cap));
  if (r::ECAP::QI.get(c.ecap) == 0)
    throw VtdError(fmt::format("{}: no queued invalidation (ECAP {:#x})", unit, c.ecap));
  if (c.levels == 0)
    throw VtdError(fmt::format("{}: neither 3 nor 4 levels supported (SAGAW {:#x})", unit, sagaw));
  if (c.domain_id_bits > 16) throw VtdError(fmt::format("{}: reserved ND (CAP {:#x})", unit, c.cap));
  if (c.mgaw <= hw::kPageShift || c.mgaw > 57)
    throw VtdError(fmt::format("{}: impossible MGAW {}", unit, c.mgaw));
  if (c.fault_record_offset + 16ULL * c.fault_records > mmio_.size())
    throw VtdError(fmt::format("{}: {} fault records at {:#x} lie outside its page", unit, c.fault_records,
                               c.fault_record_offset));
  return c;
}

std::uint32_t Registers::levels() { return mmio_.read32(r::GSTS::kOffset) & kLevelStatusMask; }

void Registers::set_level(const regs::Field& bit, bool value, const char* name) {
  const auto mask = static_cast<std::uint32_t>(bit.mask());
  const std::uint32_t now = levels();
  mmio_.write32(r::GCMD::kOffset, value ? now | mask : now & ~mask);
  poll32(r::GSTS::kOffset, mask, value ? mask : 0, fmt::format("GSTS.{} = {}", name, value ? 1 : 0));
}

void Registers::one_shot(const regs::Field& bit, bool final_value, const char* name) {
  const auto mask = static_cast<std::uint32_t>(bit.mask());
  mmio_.write32(r::GCMD::kOffset, levels() | mask);
  poll32(r::GSTS::kOffset, mask, final_value ? mask : 0,
         fmt::format("GSTS.{} = {}", name, final_value ? 1 : 0));
}

void Registers::poll32(std::uint64_t offset, std::uint32_t mask, std::uint32_t value,
                       const std::string& what) {
  const std::uint64_t start = time_.now();
  while (true) {
    const std::uint32_t seen = mmio_.read32(offset);
    if ((seen & mask) == value) return;
    if (time_.now() - start >= timeout_)
      throw VtdError(
          fmt::format("remapping unit at {:#x}: waited {} cycles for {}; register {:#x} reads {:#x}",
                      mmio_.base(), time_.now() - start, what, offset, seen));
    time_.wait(kPollInterval);
  }
}

}  // namespace gpudmar::vtd
