// SPDX-License-Identifier: Apache-2.0
// The reference's own decoder of 128-bit invalidation queue descriptors (VT-d 5.2 to 5.7).
#pragma once

#include <cstdint>

#include "sim/model/translate.h"

namespace gpudmar::model {

/// IQERCD.IQEI, VT-d 5.9. 0 = the descriptor is valid.
enum class QueueError : std::uint8_t {
  kNone = 0,
  kTail = 1,
  kFetch = 2,
  kType = 3,
  kReserved = 4,
  kWidth = 5,
  kTableMode = 7,
};

enum class DescriptorType : std::uint8_t { kContext = 1, kIotlb = 2, kDeviceTlb = 3, kWait = 5 };
/// G of context-cache and IOTLB descriptors; kSelective is device (context) or page (IOTLB).
enum class Granularity : std::uint8_t { kReserved = 0, kGlobal = 1, kDomain = 2, kSelective = 3 };

struct Descriptor {
  QueueError error = QueueError::kNone;
  DescriptorType type = DescriptorType::kWait;
  Granularity granularity = Granularity::kReserved;
  std::uint16_t did = 0;
  std::uint16_t source_id = 0;
  unsigned function_mask = 0;  ///< FM: 1 ignores bit 2, 2 bits 2:1, 3 bits 2:0 of the source-id
  bool drain_reads = false;
  bool drain_writes = false;
  bool leaf_only = false;  ///< IH
  unsigned address_mask = 0;
  std::uint64_t address = 0;  ///< page-selective: first byte, aligned to 2^address_mask pages
  bool interrupt = false;     ///< wait: IF
  bool status_write = false;  ///< wait: SW
  std::uint32_t status_data = 0;
  std::uint64_t status_address = 0;

  /// Does a page-selective (or wider) IOTLB descriptor touch a page of 2^page_shift bytes of this domain at
  /// `address`?
  [[nodiscard]] bool covers_page(std::uint16_t domain, std::uint64_t input, unsigned page_shift) const;
  /// Does a context-cache descriptor remove what is cached of this source-id (in this domain)?
  [[nodiscard]] bool covers_context(std::uint16_t domain, std::uint16_t source) const;
};

/// Decode one descriptor; `error` says why the unit must refuse it.
[[nodiscard]] Descriptor decode_descriptor(const UnitConfig& config, std::uint64_t qw0, std::uint64_t qw1);

}  // namespace gpudmar::model
