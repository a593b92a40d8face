// SPDX-License-Identifier: Apache-2.0
#include "sim/model/cycle/entry.h"

#include "sim/model/cycle/types.h"

namespace gpudmar::model::cycle {
namespace {

constexpr std::uint64_t bits(std::uint64_t value, unsigned high, unsigned low) {
  return (value >> low) & ((high - low == 63) ? ~0ULL : (1ULL << (high - low + 1)) - 1);
}
constexpr unsigned kLargestWidth = 2;  // 48 bits

// 2.4.7: the whole page counts, whatever its size.
bool meets_interrupt_window(std::uint64_t base_page, std::uint64_t pages) {
  return base_page <= 0xFEEFF && base_page + pages - 1 >= 0xFEE00;
}

}  // namespace

unsigned request_fault(const Context& context, std::uint64_t page, unsigned at) {
  if (at != 0) return 0x0D;
  const unsigned width = context.pass ? kHostBits : context.width == 1 ? 39 : kGuestBits;
  return (page >> (width - 12)) != 0 ? 0x04 : 0;
}

Verdict root_verdict(bool error, std::uint64_t low, std::uint64_t high) {
  Verdict v;
  if (error) {
    v.fault = 0x08;
  } else if ((low & 1) == 0) {
    v.fault = 0x01;
  } else if (bits(low, 11, 1) != 0 || bits(low, 63, kHostBits) != 0 || high != 0) {
    v.fault = 0x0A;
  } else {
    v.table = low >> 12;
  }
  return v;
}

Verdict context_verdict(bool error, std::uint64_t low, std::uint64_t high, std::uint64_t page, unsigned at) {
  Verdict v;
  if (error) {
    v.fault = 0x09;
    return v;
  }
  v.fpd = (low & 2) != 0;
  const auto type = bits(low, 3, 2);
  const auto width = static_cast<unsigned>(bits(high, 2, 0));
  const bool pass = type == 2;
  if ((low & 1) == 0) {
    v.fault = 0x02;
  } else if (bits(low, 11, 4) != 0 || bits(high, 7, 7) != 0 || bits(high, 63, 24) != 0) {
    v.fault = 0x0B;
  } else if (type == 1 || type == 3 || (width != 1 && width != 2) || (pass && width != kLargestWidth) ||
             (!pass && bits(low, 63, kHostBits) != 0)) {
    v.fault = 0x03;
  } else {
    Context context;
    context.did = static_cast<std::uint16_t>(bits(high, 23, 8));
    context.pass = pass;
    context.fpd = v.fpd;
    context.width = width;
    context.table = bits(low, kHostBits - 1, 12);
    v.context = context;
    v.fault = request_fault(context, page, at);
    if (v.fault == 0 && !pass) {
      v.table = context.table;
      v.level = width + 2;
    }
  }
  return v;
}

Verdict paging_verdict(bool error, std::uint64_t entry, const PagingAsk& ask) {
  Verdict v;
  if (error) {
    v.fault = ask.top ? 0x03 : 0x07;
    return v;
  }
  v.r = (entry & 1) != 0;
  v.w = (entry & 2) != 0;
  const bool ps = bits(entry, 7, 7) != 0;
  const bool leaf = ask.level == 1 || (ps && ask.level <= 3);
  const unsigned page_bits = leaf ? 9 * (ask.level - 1) : 0;  // of the page number
  const std::uint64_t frame = bits(entry, 51, 12);
  const std::uint64_t low_mask = (1ULL << page_bits) - 1;
  const bool reserved = bits(entry, 11, 11) != 0 || bits(entry, 62, 62) != 0 ||
                        bits(entry, 51, kHostBits) != 0 || (ask.level > 3 && ps) || (frame & low_mask) != 0;
  if (ask.write ? !v.w : !v.r) {
    v.fault = ask.write ? 0x05 : 0x06;
  } else if (reserved) {
    v.fault = 0x0C;
  } else if (!leaf) {
    v.table = frame;
    v.level = ask.level - 1;
  } else if (meets_interrupt_window(frame, 1ULL << page_bits)) {
    v.fault = 0x0E;
  } else {
    v.frame = frame | (ask.page & low_mask);
  }
  return v;
}

}  // namespace gpudmar::model::cycle
