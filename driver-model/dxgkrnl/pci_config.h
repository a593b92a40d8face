// SPDX-License-Identifier: Apache-2.0
// The function's configuration space as the bus driver would show it. The register block of the adapter has
// no such space of its own; what software finds there follows from its BAR, its source-id and its message.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "driver-model/hw/hw.h"

namespace gpudmar::dxgkrnl::pci {

inline constexpr std::uint16_t kVendor = 0x1234;  // nobody's
inline constexpr std::uint16_t kDevice = 0x4744;  // "GD"
inline constexpr std::uint8_t kRevision = 2;      // VERSION.MAJOR
inline constexpr std::uint8_t kClass = 0x03;      // display controller,
inline constexpr std::uint8_t kSubclass = 0x80;   // neither VGA nor 3D
inline constexpr std::size_t kConfigBytes = 256;

/// A type 0 header, behind it one message-interrupt capability. `message`: of a function whose bus is
/// enabled.
[[nodiscard]] std::array<std::uint8_t, kConfigBytes> config_space(
    const hw::Function& function, const std::optional<hw::MessageTarget>& message);

}  // namespace gpudmar::dxgkrnl::pci
