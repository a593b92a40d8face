// SPDX-License-Identifier: Apache-2.0
// What can be wrong with an entry.
#include "sim/oracle/corrupt.h"

namespace gpudmar::oracle {
namespace {

constexpr std::uint64_t kAddress = 0x000F'FFFF'FFFF'F000;
constexpr std::uint64_t kHawBits[] = {48, 49, 50, 51};  // of an address, above both units' width

/// An address where neither machine has memory.
std::uint64_t nowhere(Dice& dice) {
  static constexpr std::uint64_t kNowhere[] = {0x1000'0000, 0x7FFF'F000, 0x1'0000'0000, 0xFFFF'FFFF'F000};
  return dice.pick(kNowhere);
}

std::uint64_t set_address(std::uint64_t value, std::uint64_t address) {
  return (value & ~kAddress) | address;
}

}  // namespace

std::uint64_t corrupt_entry(Dice& dice, std::uint64_t value, unsigned level) {
  // Ignored or reserved, by level: the bits between the permissions and the address, SNP, TM, and those
  // above.
  static constexpr std::uint64_t kLowBits[] = {2, 3, 4, 5, 6, 8, 9, 10, 11};
  static constexpr std::uint64_t kHighBits[] = {52, 53, 57, 61, 62, 63};
  switch (dice.below(10)) {
    case 0:
      return 0;
    case 1:
      return value & ~1ULL;
    case 2:
      return value & ~2ULL;
    case 3:
      return value & ~3ULL;
    case 4:
      return value | 1ULL << dice.pick(kHawBits);
    case 5:
      return value | 1ULL << dice.pick(kLowBits);
    case 6:
      return value | 1ULL << dice.pick(kHighBits);
    case 7:
      return set_address(value, nowhere(dice));
    case 8:
      return value ^ 1ULL << 7;  // PS
    default:
      // A large page that is not aligned to its size.
      return level >= 2 && (value >> 7 & 1) != 0 ? value | 1ULL << (12 + dice.below(9 * (level - 1)))
                                                 : value & ~2ULL;
  }
}

std::uint64_t corrupt_root(Dice& dice, std::uint64_t value) {
  switch (dice.below(4)) {
    case 0:
      return value & ~1ULL;
    case 1:
      return value | 1ULL << (1 + dice.below(11));
    case 2:
      return value | 1ULL << dice.pick(kHawBits);
    default:
      return set_address(value, nowhere(dice));
  }
}

bool corrupt_context(Dice& dice, std::uint64_t& low, std::uint64_t& high) {
  static constexpr std::uint64_t kReservedLow[] = {4, 5, 6, 7, 8, 9, 10, 11};
  static constexpr std::uint64_t kIgnoredHigh[] = {3, 4, 5, 6};
  static constexpr std::uint64_t kReservedHigh[] = {7, 24, 31, 32, 48, 63};
  switch (dice.below(10)) {
    case 0:
      low &= ~1ULL;
      return false;
    case 1:
      low &= ~1ULL;
      low |= 2;  // FPD
      return false;
    case 2:
      low = (low & ~0xCULL) | 2ULL << 2;  // pass-through, mostly with the width that it must have
      if (dice.percent(80)) high = (high & ~7ULL) | 2;
      return true;
    case 3:
      low = (low & ~0xCULL) | (dice.percent(50) ? 1ULL : 3ULL) << 2;
      return true;
    case 4:
      low |= 1ULL << dice.pick(kReservedLow);
      return false;
    case 5:
      high |= 1ULL << dice.pick(kReservedHigh);
      return false;
    case 6:
      high |= 1ULL << dice.pick(kIgnoredHigh);
      return false;
    case 7:
      high = (high & ~7ULL) | dice.below(8);  // width
      return true;
    case 8:
      low = set_address(low, nowhere(dice));
      return true;
    default:
      low |= 1ULL << dice.pick(kHawBits);
      return true;
  }
}

}  // namespace gpudmar::oracle
