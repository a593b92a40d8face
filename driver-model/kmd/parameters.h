// SPDX-License-Identifier: Apache-2.0
// What an installed driver would read from its registry key. The defaults describe the ASIC; tests override
// them.
#pragma once

#include "driver-model/kmd/escape.h"
#include "ntddk.h"

struct GDM_PARAMETERS {
  /// Highest byte address each function drives, by order of AddDevice; 0 = the ASIC's own limit (40 bits).
  ULONGLONG HighestVisibleAddress[GDM_MAX_ADAPTERS];
  /// Every function is a chain of its own, whatever the bus says.
  BOOLEAN Unlinked;
  /// Answer no query for PHYSICAL_MEMORY_CAPS and IOMMU_CAPS, as drivers before 2.9.
  BOOLEAN NoMemoryCaps;
  BOOLEAN IommuIsolationSupported;
  BOOLEAN IommuIsolationRequired;
  BOOLEAN DmaRemappingSupported;
  BOOLEAN IoMmuSecureModeSupported;
  BOOLEAN IoMmuSecureModeRequired;
  BOOLEAN MapAperture2Supported;
  /// Longest wait for a fence or for ring space, in 100 ns.
  LONGLONG FenceTimeout;
  /// log2 of the descriptors of a ring, at most 8.
  ULONG RingSizeLog2;
  /// The driver takes no part in paging: no segments, no node for the system.
  BOOLEAN NoPaging;
  /// DRIVERCAPS.SupportPerEngineTDR.
  BOOLEAN PerEngineTdr;
  /// Bytes of a paging buffer, a multiple of a page.
  UINT PagingBufferSize;
  /// Bytes of local memory, from its begin, that the driver keeps through power states; whole pages.
  SIZE_T FrameBufferSave;

  // Planted errors, for tests of whoever watches this driver.
  /// So many submissions of paging work hang: the engine waits for a semaphore that nobody signals.
  ULONG HangingSubmissions;
  /// Copies do not mark the ADLs that they use, so that nobody who frees one waits for them.
  BOOLEAN UnmarkedCopies;
};

EXTERN_C GDM_PARAMETERS GdmParameters;
/// The defaults, for tests that put them back.
EXTERN_C const GDM_PARAMETERS GdmDefaultParameters;
EXTERN_C DRIVER_INITIALIZE DriverEntry;
