// SPDX-License-Identifier: Apache-2.0
// Fields, reserved bits and scope of the invalidation descriptors.
#include "sim/model/descriptor.h"

namespace gpudmar::model {
namespace {

// Reserved bits per type: everything that VT-d 5.3 to 5.7 does not name. Type bits 3:0 and 11:9 are not among
// them.
constexpr std::uint64_t kContextReserved0 = 0xFFFC'0000'0000'F1C0;
constexpr std::uint64_t kIotlbReserved0 = 0xFFFF'FFFF'0000'F100;
constexpr std::uint64_t kIotlbReserved1 = 0x0000'0000'0000'0F80;
constexpr std::uint64_t kDeviceTlbReserved0 = 0x0000'0000'0000'01F0;  // DIT = 0 ignores MIP and PFSID
constexpr std::uint64_t kDeviceTlbReserved1 = 0x0000'0000'0000'0FFE;
constexpr std::uint64_t kWaitReserved0 = 0x0000'0000'FFFF'F180;  // PD is reserved: ECAP.PDS = 0
constexpr std::uint64_t kWaitReserved1 = 0x0000'0000'0000'0003;

}  // namespace

Descriptor decode_descriptor(const UnitConfig& config, std::uint64_t qw0, std::uint64_t qw1) {
  Descriptor d;
  const unsigned type = static_cast<unsigned>(qw0 & 0xF) | static_cast<unsigned>((qw0 >> 9) & 7) << 4;
  d.granularity = static_cast<Granularity>((qw0 >> 4) & 3);
  // Bits of a domain-id that the unit does not have are ignored here, unlike in context entries
  // (VT-d 5.3, 5.4).
  d.did = static_cast<std::uint16_t>(qw0 >> 16 & ((1U << (4 + 2 * config.nd)) - 1));
  const auto refuse = [&d](bool bad) {
    if (bad) d.error = QueueError::kReserved;
  };
  switch (type) {
    case 1:
      d.type = DescriptorType::kContext;
      d.source_id = static_cast<std::uint16_t>(qw0 >> 32);
      d.function_mask = static_cast<unsigned>((qw0 >> 48) & 3);
      refuse((qw0 & kContextReserved0) != 0 || qw1 != 0 || d.granularity == Granularity::kReserved);
      break;
    case 2:
      d.type = DescriptorType::kIotlb;
      d.drain_writes = (qw0 & 0x40) != 0 && config.dwd;
      d.drain_reads = (qw0 & 0x80) != 0 && config.drd;
      d.address_mask = static_cast<unsigned>(qw1 & 0x3F);
      d.leaf_only = (qw1 & 0x40) != 0;
      refuse((qw0 & kIotlbReserved0) != 0 || (qw1 & kIotlbReserved1) != 0 ||
             d.granularity == Granularity::kReserved);
      if (d.granularity == Granularity::kSelective) {
        refuse(!config.psi || d.address_mask > config.mamv);
        const unsigned shift = 12 + (d.address_mask > 51 ? 51 : d.address_mask);
        d.address = qw1 >> shift << shift;
      }
      break;
    case 3:
      d.type = DescriptorType::kDeviceTlb;
      d.source_id = static_cast<std::uint16_t>(qw0 >> 32);
      if (!config.dt) {
        d.error = QueueError::kType;
      } else {
        refuse((qw0 & kDeviceTlbReserved0) != 0 || (qw1 & kDeviceTlbReserved1) != 0);
      }
      break;
    case 5:
      d.type = DescriptorType::kWait;
      d.interrupt = (qw0 & 0x10) != 0;
      d.status_write = (qw0 & 0x20) != 0;
      d.status_data = static_cast<std::uint32_t>(qw0 >> 32);
      d.status_address = qw1 & ~kWaitReserved1;
      refuse((qw0 & kWaitReserved0) != 0 || (qw1 & kWaitReserved1) != 0);
      break;
    default:  // 4 needs interrupt remapping, 6 to 9 a 256-bit queue
      d.error = QueueError::kType;
      break;
  }
  return d;
}

bool Descriptor::covers_page(std::uint16_t domain, std::uint64_t input, unsigned page_shift) const {
  if (type != DescriptorType::kIotlb) return false;
  if (granularity == Granularity::kGlobal) return true;
  if (did != domain) return false;
  if (granularity == Granularity::kDomain) return true;
  // An entry is hit if its page and the range overlap (VT-d 4.3); both are aligned powers of two.
  const unsigned shift = page_shift > 12 + address_mask ? page_shift : 12 + address_mask;
  return shift >= 64 || (address >> shift) == (input >> shift);
}

bool Descriptor::covers_context(std::uint16_t domain, std::uint16_t source) const {
  if (type != DescriptorType::kContext) return false;
  if (granularity == Granularity::kGlobal) return true;
  if (did != domain)
    return false;  // device-selective too: hardware may match on the domain-id given (VT-d 5.3)
  if (granularity == Granularity::kDomain) return true;
  static constexpr std::uint16_t kIgnored[] = {0, 4, 6, 7};
  return ((source ^ source_id) & ~kIgnored[function_mask]) == 0;
}

}  // namespace gpudmar::model
