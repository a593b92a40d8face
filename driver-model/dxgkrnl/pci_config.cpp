// SPDX-License-Identifier: Apache-2.0
#include "driver-model/dxgkrnl/pci_config.h"

namespace gpudmar::dxgkrnl::pci {
namespace {

// Offsets and bits of the PCI header and of the message-interrupt capability.
constexpr std::size_t kCommand = 0x04;
constexpr std::size_t kStatus = 0x06;
constexpr std::size_t kBar0 = 0x10;
constexpr std::size_t kSubsystem = 0x2C;
constexpr std::size_t kCapabilities = 0x34;
constexpr std::size_t kMessage = 0x50;
constexpr std::uint16_t kMemorySpace = 1 << 1;
constexpr std::uint16_t kBusMaster = 1 << 2;
constexpr std::uint16_t kNoLineInterrupt = 1 << 10;
constexpr std::uint16_t kHasCapabilities = 1 << 4;
constexpr std::uint64_t kBar64Bit = 0b100;
constexpr std::uint8_t kMessageCapability = 0x05;
constexpr std::uint16_t kMessageEnable = 1 << 0;
constexpr std::uint16_t kMessage64Bit = 1 << 7;

}  // namespace

std::array<std::uint8_t, kConfigBytes> config_space(const hw::Function& function,
                                                    const std::optional<hw::MessageTarget>& message) {
  std::array<std::uint8_t, kConfigBytes> space{};
  const auto put = [&space](std::size_t at, std::uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i) space[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
  };
  put(0x00, kVendor, 2);
  put(0x02, kDevice, 2);
  put(kCommand, kMemorySpace | kNoLineInterrupt | (message ? kBusMaster : 0), 2);
  put(kStatus, kHasCapabilities, 2);
  put(0x08, kRevision, 1);
  put(0x0A, kSubclass, 1);
  put(0x0B, kClass, 1);
  put(kBar0, function.bar0->base() | kBar64Bit, 8);
  put(kSubsystem, kVendor, 2);
  put(kSubsystem + 2, kDevice, 2);
  put(kCapabilities, kMessage, 1);
  put(kMessage, kMessageCapability, 1);
  put(kMessage + 2, kMessage64Bit | (message ? kMessageEnable : 0), 2);
  if (message) {
    put(kMessage + 4, message->address, 8);
    put(kMessage + 12, message->data, 2);
  }
  return space;
}

}  // namespace gpudmar::dxgkrnl::pci
