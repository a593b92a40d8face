// SPDX-License-Identifier: Apache-2.0
// The text of a bugcheck: code, parameters, and what happened.
#include "driver-model/dxgkrnl/bugcheck.h"

#include <fmt/format.h>

namespace gpudmar::dxgkrnl {

BugCheck::BugCheck(std::uint32_t code, std::array<std::uint64_t, 4> params, const std::string& what)
    : wdk::BugCheck(code, params[0], params[1], params[2], params[3]),
      text_(fmt::format("bugcheck {:#x} ({:#x}, {:#x}, {:#x}, {:#x}): {}", code, params[0], params[1],
                        params[2], params[3], what)) {}

}  // namespace gpudmar::dxgkrnl
