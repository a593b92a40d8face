// SPDX-License-Identifier: Apache-2.0
// Legacy-mode lookup: root entry, context entry, second-stage walk, with every check of VT-d 2 and 6.
#include "sim/model/translate.h"

#include <fmt/format.h>

#include <algorithm>

namespace gpudmar::model {
namespace {

constexpr std::uint64_t bit(unsigned n) { return std::uint64_t{1} << n; }
/// Bits hi..lo set, inclusive; empty when hi < lo.
constexpr std::uint64_t mask(unsigned hi, unsigned lo) {
  if (hi < lo) return 0;
  const std::uint64_t upto = hi >= 63 ? ~std::uint64_t{0} : bit(hi + 1) - 1;
  return upto & ~(bit(lo) - 1);
}
constexpr std::uint64_t field(std::uint64_t value, unsigned hi, unsigned lo) {
  return (value & mask(hi, lo)) >> lo;
}

constexpr std::uint64_t kAddressField = mask(63, 12);

bool in_interrupt_window(std::uint64_t address) {
  return address >= kInterruptBase && address < kInterruptEnd;
}

/// One lookup in progress: what is known so far decides whether a fault is suppressed.
class Lookup {
 public:
  Lookup(const UnitConfig& config, const RootState& root, const MemoryView& memory, const Request& request)
      : config_(config), root_(root), memory_(memory), request_(request) {}

  Outcome run() {
    if (request_.at > kAtTranslated) return Aborted{};
    const bool window = !request_.pasid_valid && in_interrupt_window(request_.address);
    const bool message = window && request_.is_write && !request_.atomic && request_.bytes == 4;
    if (message) return Message{request_.address};
    if (!root_.te) {
      // Nobody serves translation requests while remapping is off; translated requests are addresses already
      // (1.6).
      if (request_.at != kAtTranslationRequest) return Pass{request_.address, true, 0};
      return Aborted{};
    }
    if (window) return Aborted{};
    // No table mode but legacy is offered: 01 needs SMTS, 11 needs ADMS, 10 is reserved (VT-d 1.7).
    if (root_.ttm != 0) return unqualified(Reason::kRootAddressMode);
    if (request_.pasid_valid) return unqualified(Reason::kPasidInLegacyMode);
    return root_entry();
  }

 private:
  std::optional<std::uint64_t> fetch(std::uint64_t pa) const {
    if ((pa & mask(63, config_.haw)) != 0) return std::nullopt;
    return memory_.load64(pa);
  }

  static Outcome unqualified(Reason reason) { return Fault{reason, Reason::kNone, false}; }
  Outcome qualified(Reason reason, Reason alternate = Reason::kNone) const {
    return Fault{reason, alternate, fpd_};
  }

  Outcome root_entry() {
    const std::uint64_t at = root_.root + field(request_.source_id, 15, 8) * 16;
    const auto low = fetch(at);
    const auto high = low ? fetch(at + 8) : std::nullopt;
    if (!low || !high) return unqualified(Reason::kRootFetch);
    if ((*low & bit(0)) == 0) return unqualified(Reason::kRootNotPresent);
    if ((*low & (mask(11, 1) | mask(63, config_.haw))) != 0 || *high != 0) {
      return unqualified(Reason::kRootReserved);
    }
    return context_entry(*low & kAddressField);
  }

  Outcome context_entry(std::uint64_t table) {
    const std::uint64_t at = table + field(request_.source_id, 7, 0) * 16;
    const auto low = fetch(at);
    const auto high = low ? fetch(at + 8) : std::nullopt;
    if (!low || !high) return unqualified(Reason::kContextFetch);
    fpd_ = (*low & bit(1)) != 0;
    if ((*low & bit(0)) == 0) return qualified(Reason::kContextNotPresent);
    const unsigned did_bits = 4 + 2 * config_.nd;
    const std::uint64_t reserved_high = bit(7) | mask(63, 24) | mask(23, 8 + did_bits);
    if ((*low & mask(11, 4)) != 0 || (*high & reserved_high) != 0) return qualified(Reason::kContextReserved);

    did_ = static_cast<std::uint16_t>(field(*high, 23, 8));
    const auto aw = static_cast<unsigned>(field(*high, 2, 0));
    const auto tt = static_cast<unsigned>(field(*low, 3, 2));
    if (aw < 1 || aw > 3 || (config_.sagaw & (1U << aw)) == 0) return qualified(Reason::kContextInvalid);
    if (tt == 3 || (tt == 1 && !config_.dt) || (tt == 2 && !config_.pt)) {
      return qualified(Reason::kContextInvalid);
    }
    if (tt == 2 && (config_.sagaw >> (aw + 1)) != 0)
      return qualified(Reason::kContextInvalid);  // not the widest

    const bool blocked = request_.at != kAtUntranslated && tt != 1;
    const std::uint64_t pointer = *low & kAddressField;
    const bool pointer_bad = tt != 2 && (pointer & mask(63, config_.haw)) != 0;
    const std::uint64_t limit = mask(63, std::min(config_.mgaw, 30 + 9 * aw));
    const bool too_wide = tt == 2 || request_.at == kAtTranslated
                              ? (request_.address & mask(63, config_.haw)) != 0
                              : (request_.address & limit) != 0;
    if (pointer_bad) {
      // 6.4 calls it an invalid context entry, 2.4 the failing fetch of the top table: both orders are legal.
      return qualified(Reason::kContextInvalid, blocked    ? Reason::kTypeBlocked
                                                : too_wide ? Reason::kAddressWidth
                                                           : Reason::kNone);
    }
    if (blocked) return qualified(Reason::kTypeBlocked);
    if (too_wide) {
      if (request_.at == kAtTranslationRequest) return Completion{0, did_, false, false, 12};
      return qualified(Reason::kAddressWidth);
    }
    if (tt == 2 || request_.at == kAtTranslated) return Pass{request_.address, false, did_};
    return walk(pointer, aw + 2);
  }

  /// Reserved bits of a present entry, table in VT-d 2.3.
  std::uint64_t reserved_bits(unsigned level, bool leaf) const {
    std::uint64_t reserved = mask(51, config_.haw) | bit(62);
    if (!leaf || !config_.sc) reserved |= bit(11);
    if (level >= 4) reserved |= bit(7);
    if (leaf && level == 2) reserved |= mask(20, 12) | ((config_.sllps & 1) != 0 ? 0 : bit(7));
    if (leaf && level == 3) reserved |= mask(29, 12) | ((config_.sllps & 2) != 0 ? 0 : bit(7));
    return reserved;
  }

  /// The reason why this entry denies the request; kNone = it does not.
  Fault denial(bool r, bool w) const {
    if (request_.at == kAtTranslationRequest) return {r || w ? Reason::kNone : Reason::kRead};
    if (request_.atomic) {
      if (!w) return {Reason::kWrite, r ? Reason::kNone : Reason::kRead};
      return {r ? Reason::kNone : Reason::kRead};
    }
    if (request_.is_write) return {w ? Reason::kNone : Reason::kWrite};
    if (request_.zero_length && config_.zlr && w) return {};
    return {r ? Reason::kNone : Reason::kRead};
  }

  Outcome walk(std::uint64_t table, unsigned levels) {
    bool readable = true;
    bool writable = true;
    for (unsigned level = levels;; --level) {
      const unsigned shift = 12 + 9 * (level - 1);
      const auto entry = fetch(table + 8 * field(request_.address, shift + 8, shift));
      if (!entry) return qualified(level == levels ? Reason::kContextInvalid : Reason::kPagingFetch);
      const bool r = (*entry & bit(0)) != 0;
      const bool w = (*entry & bit(1)) != 0;
      // A zero-length read, or a translation request, looks at what all levels grant together; R or W of one
      // entry decide for the others (an upper entry that denied has ended the walk).
      readable = readable && r;
      writable = writable && w;
      const bool together = request_.zero_length || request_.at == kAtTranslationRequest;
      if (const Fault denied = together ? denial(readable, writable) : denial(r, w);
          denied.reason != Reason::kNone) {
        if (request_.at == kAtTranslationRequest) return Completion{0, did_, false, false, 12};
        return qualified(denied.reason, denied.alternate);
      }
      const bool leaf = level == 1 || (level <= 3 && (*entry & bit(7)) != 0);
      if ((*entry & reserved_bits(level, leaf)) != 0) return qualified(Reason::kPagingReserved);
      const std::uint64_t target = *entry & mask(51, 12);
      if (!leaf) {
        table = target;
        continue;
      }
      const std::uint64_t size = bit(shift);
      if (target < kInterruptEnd && target + size > kInterruptBase) {
        if (request_.at == kAtTranslationRequest) return Completion{0, did_, false, false, 12};
        return qualified(Reason::kOutputInInterruptRange);
      }
      const std::uint64_t address = target | (request_.address & (size - 1));
      if (request_.at == kAtTranslationRequest) return Completion{address, did_, readable, writable, shift};
      return Translated{address, did_, readable, writable, shift, (*entry & bit(11)) != 0};
    }
  }

  const UnitConfig& config_;
  const RootState& root_;
  const MemoryView& memory_;
  const Request& request_;
  bool fpd_ = false;
  std::uint16_t did_ = 0;
};

template <typename... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <typename... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

}  // namespace

Outcome translate(const UnitConfig& config, const RootState& root, const MemoryView& memory,
                  const Request& request) {
  return Lookup(config, root, memory, request).run();
}

std::optional<std::uint64_t> outgoing_address(const Outcome& outcome) {
  if (const auto* pass = std::get_if<Pass>(&outcome)) return pass->address;
  if (const auto* translated = std::get_if<Translated>(&outcome)) return translated->address;
  if (const auto* message = std::get_if<Message>(&outcome)) return message->address;
  return std::nullopt;
}

bool outgoing_snoop(const Outcome& outcome, const Request& request) {
  if (!outgoing_address(outcome)) return false;
  // SNP overrides no-snoop (VT-d 2.6); where there is no leaf the request's own attribute stands.
  const auto* translated = std::get_if<Translated>(&outcome);
  return !request.no_snoop || (translated != nullptr && translated->snoop);
}

std::string describe(const Outcome& outcome) {
  const auto rights = [](bool r, bool w) { return std::string(r ? "R" : "-") + (w ? "W" : "-"); };
  return std::visit(
      Overloaded{
          [](const Pass& p) {
            return p.remapping_off ? fmt::format("passed at {:#x} (remapping off)", p.address)
                                   : fmt::format("passed at {:#x} (domain {})", p.address, p.did);
          },
          [&](const Translated& t) {
            return fmt::format("translated to {:#x} (domain {}, page of 2^{} bytes, {}{})", t.address, t.did,
                               t.page_shift, rights(t.readable, t.writable), t.snoop ? ", SNP" : "");
          },
          [](const Fault& f) {
            std::string text = fmt::format("fault {:02X}h", static_cast<unsigned>(f.reason));
            if (f.alternate != Reason::kNone)
              text += fmt::format(" or {:02X}h", static_cast<unsigned>(f.alternate));
            return text + (f.suppressed ? " (not recorded)" : "");
          },
          [](const Message& m) { return fmt::format("interrupt message at {:#x}", m.address); },
          [](const Aborted&) { return std::string("aborted without record"); },
          [&](const Completion& c) {
            return fmt::format("translation completion {:#x} ({})", c.address,
                               rights(c.readable, c.writable));
          },
      },
      outcome);
}

std::string describe(const Request& request) {
  std::string text = fmt::format("{} of {} bytes at {:#x} from source-id {:04x}",
                                 request.atomic     ? "atomic"
                                 : request.is_write ? "write"
                                                    : "read",
                                 request.bytes, request.address, request.source_id);
  if (request.at != kAtUntranslated) text += fmt::format(", AT {}", request.at);
  if (request.pasid_valid) text += fmt::format(", PASID {:#x}", request.pasid);
  if (request.zero_length) text += ", zero-length";
  if (request.no_snoop) text += ", no-snoop";
  return text;
}

}  // namespace gpudmar::model
