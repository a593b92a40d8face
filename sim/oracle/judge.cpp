// SPDX-License-Identifier: Apache-2.0
// Compares what two machines did, access by access.
#include "sim/oracle/judge.h"

#include <fmt/format.h>

#include <algorithm>

namespace gpudmar::oracle {
namespace {

constexpr std::string_view kOneRecord = "one-record-a-request";
constexpr std::string_view kBehindFault = "behind-a-blocked-page";
constexpr std::string_view kPassWidth = "pass-through-width";
constexpr std::string_view kPointerWidth = "context-pointer-width";
constexpr std::string_view kSuppressed = "suppressed-reserved-context";

// Reasons.
constexpr unsigned kInvalidContext = 0x03;
constexpr unsigned kReservedContext = 0x0B;

bool all_zero(const std::vector<std::uint8_t>& data) {
  return std::all_of(data.begin(), data.end(), [](std::uint8_t byte) { return byte == 0; });
}

std::string list(const std::vector<Fault>& faults) {
  std::string text;
  for (const Fault& fault : faults) text += (text.empty() ? "" : ", ") + to_string(fault);
  return text.empty() ? "no fault" : text;
}

/// The first byte that differs.
std::string first_difference(const std::vector<std::uint8_t>& qemu, const std::vector<std::uint8_t>& rtl) {
  if (qemu.size() != rtl.size())
    return fmt::format("{} bytes in QEMU, {} in the RTL", qemu.size(), rtl.size());
  const auto at =
      static_cast<std::size_t>(std::mismatch(qemu.begin(), qemu.end(), rtl.begin()).first - qemu.begin());
  return fmt::format("byte {} is {:02x} in QEMU, {:02x} in the RTL", at, qemu.at(at), rtl.at(at));
}

class Comparison {
 public:
  Comparison(const Access& access, TableImage::Context context, const Observation& qemu,
             const Observation& rtl, Verdict& verdict)
      : access_(access), context_(context), qemu_(qemu), rtl_(rtl), verdict_(verdict) {}
  void run() {
    if (qemu_.made != rtl_.made) return differ("made by one of them only");
    if (!qemu_.made) return;
    if (const std::string_view known = known_difference(); !known.empty()) return mask(known);
    faults();
    if (!verdict_.mismatch.empty()) return;
    if (access_.write) {
      written();
    } else {
      read();
    }
  }

 private:
  void differ(std::string how) {
    if (verdict_.mismatch.empty()) verdict_.mismatch = std::move(how);
  }
  void mask(std::string_view name) { ++verdict_.masked[std::string(name)]; }

  [[nodiscard]] bool suppressed() const { return (context_.low & 2) != 0; }
  [[nodiscard]] bool pass_through() const { return (context_.low & 0xD) == 9; }
  /// Nothing but records of this reason, or none at all where the context entry wants none.
  [[nodiscard]] bool rtl_blocks(unsigned reason) const {
    const auto other = [&](const Fault& fault) {
      return fault.reason != reason || fault.source != kSourceIds.at(access_.source) ||
             fault.write != access_.write;
    };
    return rtl_.failed == true && rtl_.faults.empty() == suppressed() &&
           std::none_of(rtl_.faults.begin(), rtl_.faults.end(), other);
  }

  /// The mask that covers the whole access; empty: none.
  [[nodiscard]] std::string_view known_difference() const {
    const bool wide = (context_.high & 7) == 2;
    if (pass_through() && !wide && qemu_.faults.empty() && rtl_blocks(kInvalidContext)) return kPassWidth;
    if (qemu_.faults.size() != 1 || qemu_.faults.front().reason != kReservedContext) return {};
    const bool pointer = context_.low >> kAddressBits != 0;
    if (pointer && !suppressed() && rtl_blocks(kInvalidContext)) return kPointerWidth;
    if (suppressed() && rtl_blocks(kReservedContext)) return kSuppressed;
    return {};
  }

  void faults() {
    const std::string both = fmt::format("QEMU: {}; RTL: {}", list(qemu_.faults), list(rtl_.faults));
    if (qemu_.overflow || rtl_.overflow) return differ("an overflow of fault records: " + both);
    if (qemu_.faults.empty() && rtl_.faults.empty()) return;
    if (qemu_.faults.size() != 1) return differ(both);
    const Fault& first = qemu_.faults.front();
    if (std::find(rtl_.faults.begin(), rtl_.faults.end(), first) == rtl_.faults.end()) return differ(both);
    // Blocked again on its second page, which is another request to the RTL.
    for (const Fault& fault : rtl_.faults) {
      if (fault == first) continue;
      const bool second =
          fault.source == first.source && fault.write == first.write && fault.page == first.page + kPage;
      if (!second || rtl_.faults.size() != 2) return differ(both);
      mask(kOneRecord);
    }
    if (rtl_.failed == false) differ("a recorded fault, and the device knows nothing of it: " + both);
  }

  [[nodiscard]] bool crosses() const {
    return access_.address / kPage != (access_.address + access_.bytes - 1) / kPage;
  }

  void read() {
    if (rtl_.failed == false) {
      if (qemu_.data != rtl_.data) differ("read: " + first_difference(qemu_.data, rtl_.data));
      return;
    }
    // edu sees zeros where it may not read; a GPU sees an error, and what it has then is nobody's business.
    if (!crosses()) {
      if (!all_zero(qemu_.data)) differ("the RTL blocks the read, QEMU does not");
      return;
    }
    const auto split = static_cast<std::ptrdiff_t>(kPage - access_.address % kPage);
    const std::vector<std::uint8_t> first(qemu_.data.begin(), qemu_.data.begin() + split);
    const std::vector<std::uint8_t> second(qemu_.data.begin() + split, qemu_.data.end());
    if (!all_zero(first) && !all_zero(second)) differ("the RTL blocks the read, QEMU does not");
    mask(kBehindFault);
  }

  void written() {
    const std::uint64_t first_page = access_.address & ~(kPage - 1);
    // Behind the page that was blocked first QEMU goes on, a GPU need not.
    std::uint64_t last = ~std::uint64_t{0};
    if (!qemu_.faults.empty()) last = qemu_.faults.front().page;
    if (qemu_.faults.empty() && rtl_.failed == true) last = first_page;
    for (std::size_t i = 0; i < qemu_.after.size() && i < rtl_.after.size(); ++i) {
      if (first_page + i * kPage > last) {
        mask(kBehindFault);
      } else if (qemu_.after[i] != rtl_.after[i]) {
        differ("written: " + first_difference(qemu_.after[i], rtl_.after[i]));
      }
    }
  }

  const Access& access_;
  TableImage::Context context_;
  const Observation& qemu_;
  const Observation& rtl_;
  Verdict& verdict_;
};

}  // namespace

const std::vector<Mask>& masks() {
  static const std::vector<Mask> all = {
      {kOneRecord, "QEMU folds a second fault of a source into the record that is pending"},
      {kBehindFault, "edu goes on behind a page that is blocked, and a GPU stops"},
      {kPassWidth, "QEMU does not look at AW of a pass-through context entry, which must be the largest"},
      {kPointerWidth,
       "a table pointer beyond the host address width: reserved bits (0Bh) to QEMU, 03h to us"},
      {kSuppressed, "QEMU records reserved bits of a context entry (0Bh) even with FPD"},
  };
  return all;
}

Verdict judge(const Case& test, const Outcome& qemu, const Outcome& rtl) {
  Verdict verdict;
  std::size_t number = 0;
  TableImage image(test);
  for (const Step& step : test.steps) {
    image.apply(step);
    for (const Access& access : step.accesses) {
      const auto context = image.context(kSourceIds.at(access.source)).value_or(TableImage::Context{});
      Comparison(access, context, qemu.accesses.at(number), rtl.accesses.at(number), verdict).run();
      if (!verdict.mismatch.empty()) {
        verdict.access = number;
        return verdict;
      }
      ++number;
    }
  }
  if (qemu.data_pages != rtl.data_pages)
    verdict.mismatch = "data pages at the end: " + first_difference(qemu.data_pages, rtl.data_pages);
  return verdict;
}

}  // namespace gpudmar::oracle
