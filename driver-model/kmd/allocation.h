/* SPDX-License-Identifier: Apache-2.0 */
/* Private data of an allocation of the gdmkmd driver: what a user-mode driver hands to
 * DxgkDdiCreateAllocation through the system. Plain C, as escape.h.
 */
#ifndef GPUDMAR_KMD_ALLOCATION_H
#define GPUDMAR_KMD_ALLOCATION_H

#include <stdint.h>

#define GDM_ALLOCATION_MAGIC 0x414D4447u /* 'GDMA' in memory order */

/* Segment ids, as the driver reports them: bit id - 1 of a segment set. */
enum GdmSegment {
  GDM_SEGMENT_VRAM = 1,     /* the part of local memory that the system manages */
  GDM_SEGMENT_APERTURE = 2, /* present when the device has an aperture */
};

enum GdmAllocationFlags {
  GDM_ALLOCATION_ACCESSED_PHYSICALLY = 1, /* by aperture address: AccessedPhysically */
  GDM_ALLOCATION_CPU_VISIBLE_MAPPED = 2,  /* MapApertureCpuVisible */
  GDM_ALLOCATION_CACHED = 4,
  GDM_ALLOCATION_CPU_VISIBLE = 8,
};

struct GdmAllocationData {
  uint32_t magic;
  uint32_t adapter_index; /* member of the link that uses it */
  uint64_t size;          /* bytes */
  uint32_t flags;         /* enum GdmAllocationFlags */
  uint32_t segments;      /* set of segments that it may live in; 0 = all */
};

#endif
