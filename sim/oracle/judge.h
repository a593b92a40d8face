// SPDX-License-Identifier: Apache-2.0
// Two machines, one case: do they agree?
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sim/oracle/case.h"
#include "sim/oracle/machine.h"

namespace gpudmar::oracle {

/// A difference that is none of the RTL's, by its name in docs/qemu-differences.md.
struct Mask {
  std::string_view name;
  std::string_view reason;
};
/// All that a verdict may name.
[[nodiscard]] const std::vector<Mask>& masks();

struct Verdict {
  std::string mismatch;                         ///< empty: they agree
  std::size_t access = ~std::size_t{0};         ///< where, counted over the case; ~0: at its end
  std::map<std::string, std::uint64_t> masked;  ///< differences that were looked away from, by mask
};

/// `qemu` is believed, but for the masks.
[[nodiscard]] Verdict judge(const Case& test, const Outcome& qemu, const Outcome& rtl);

}  // namespace gpudmar::oracle
