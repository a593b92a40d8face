// SPDX-License-Identifier: Apache-2.0
// Bugchecks as a typed event: the system stops, a test or the program catches.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "driver-model/wdk/runtime/runtime.h"

namespace gpudmar::dxgkrnl {

/// Codes that dxgkrnl raises.
namespace bugcheck {
inline constexpr std::uint32_t kVideoDxgkrnlFatalError = 0x113;       ///< handle misuse, wrong IRQL
inline constexpr std::uint32_t kVideoDxgkrnlSysmmFatalError = 0x1E4;  ///< system-memory manager violation
inline constexpr std::uint32_t kHalIommuInternalError =
    0x1D9;  ///< the IOMMU back end failed where it must not
inline constexpr std::uint32_t kProcessHasLockedPages = 0x76;  ///< a process ends with user mappings alive
inline constexpr std::uint32_t kMemoryManagement = 0x1A;
inline constexpr std::uint32_t kIrqlUnexpectedValue = 0xC8;  ///< the driver came back at another level
inline constexpr std::uint32_t kDriverVerifierDma = 0xE6;    ///< a device did what it may not

// Parameter 1 of 0x1A.
inline constexpr std::uint64_t kMdlWithUnlockedPages = 0x1236;
// Parameter 1 of 0xE6.
inline constexpr std::uint64_t kIommuFault = 0x26;
inline constexpr std::uint32_t kVideoMemoryManagementInternal = 0x10E;  ///< the video memory manager
inline constexpr std::uint32_t kVideoSchedulerInternalError = 0x119;
inline constexpr std::uint32_t kVideoTdrFailure =
    0x116;  ///< a hung GPU can not be recovered; parameter 3: a status

// Parameter 1 of 0x10E.
inline constexpr std::uint64_t kApertureUnmapFailed = 0x3;
inline constexpr std::uint64_t kBadPagingStatus = 0xB;
inline constexpr std::uint64_t kSegmentLeak = 0xC;
inline constexpr std::uint64_t kSegmentMisuse = 0xD;
inline constexpr std::uint64_t kApertureMapFailed = 0xE;
inline constexpr std::uint64_t kDmaBufferOverflow = 0x12;
inline constexpr std::uint64_t kPrivateDataOverflow = 0x13;
inline constexpr std::uint64_t kApertureReleasedInUse = 0x1B;
inline constexpr std::uint64_t kDummyPageWritten = 0x25;

// Parameter 1 of 0x119.
inline constexpr std::uint64_t kInvalidFence = 0x1;
inline constexpr std::uint64_t kSubmissionFailed = 0x2;
inline constexpr std::uint64_t kPatchFailed = 0x3;
inline constexpr std::uint64_t kPagingCommandFailed = 0x5;
inline constexpr std::uint64_t kInvalidAbortedFence = 0xA;

// Parameter 1 of 0x1E4.
inline constexpr std::uint64_t kInvalidObjectType = 0x1;
inline constexpr std::uint64_t kIommuEnabledWrongly = 0x2;
inline constexpr std::uint64_t kIommuDisabledWrongly = 0x3;
inline constexpr std::uint64_t kAdlOnUnlockedMemory = 0x4;
inline constexpr std::uint64_t kUnlockWithAdls = 0x5;
inline constexpr std::uint64_t kAdapterObjectsLeaked = 0x6;
inline constexpr std::uint64_t kAdlLeaked = 0x7;
inline constexpr std::uint64_t kLogicalBlockLeaked = 0x8;
inline constexpr std::uint64_t kLogicalAllocatorLeaked = 0x9;
inline constexpr std::uint64_t kDomainReattachFailed = 0xA;

// Parameter 1 of 0x1D9.
inline constexpr std::uint64_t kDomainDeleteFailed = 0;
inline constexpr std::uint64_t kUnmapFailed = 1;
inline constexpr std::uint64_t kLeaveDomainFailed = 2;
}  // namespace bugcheck

/// The system stopped. Thrown out of the callback or DDI call that caused it; nothing after it is reliable.
/// It is a wdk::BugCheck, as KeBugCheckEx throws, with a text that says what was wrong.
class BugCheck : public wdk::BugCheck {
 public:
  BugCheck(std::uint32_t code, std::array<std::uint64_t, 4> params, const std::string& what);
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

}  // namespace gpudmar::dxgkrnl
