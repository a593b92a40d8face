/* SPDX-License-Identifier: Apache-2.0 */
/* Private interface between user mode and the gdmkmd driver, carried by DxgkDdiEscape. Plain C: a user-mode
 * driver includes it without the kit. Sizes and offsets are in bytes, addresses as the named party sees them.
 */
#ifndef GPUDMAR_KMD_ESCAPE_H
#define GPUDMAR_KMD_ESCAPE_H

#include <stdint.h>

#define GDM_ESCAPE_MAGIC 0x4B4D4447u /* 'GDMK' in memory order */
#define GDM_MAX_ADAPTERS 8u

enum GdmEscapeCommand {
  GDM_ESCAPE_CREATE_OBJECT = 1,
  GDM_ESCAPE_OPEN_OBJECT = 2,
  GDM_ESCAPE_CLOSE_OBJECT = 3,
  GDM_ESCAPE_DESTROY_OBJECT = 4,
  GDM_ESCAPE_MAP_OBJECT = 5,
  GDM_ESCAPE_UNMAP_OBJECT = 6,
  GDM_ESCAPE_ALLOCATE_ADL = 7,
  GDM_ESCAPE_READ_ADL = 8,
  GDM_ESCAPE_FREE_ADL = 9,
  GDM_ESCAPE_FREE_ADL_AND_TOUCH = 10,
  GDM_ESCAPE_COPY = 11,
};

/* First member of every command. The escape itself fails only when the driver cannot understand the buffer;
 * what became of the command stands in `status` (an NTSTATUS), and out members hold only when that is a
 * success, unless noted. */
struct GdmEscapeHeader {
  uint32_t magic;   /* in */
  uint32_t command; /* in */
  uint32_t size;    /* in: of the whole structure */
  int32_t status;   /* out */
};

/* Object types and cache types carry the numbers of DXGK_PHYSICAL_MEMORY_TYPE and DXGK_MEMORY_CACHING_TYPE.
 */
enum GdmObjectType {
  GDM_OBJECT_MDL = 0,
  GDM_OBJECT_CONTIGUOUS = 1,
  GDM_OBJECT_SECTION = 2,
  GDM_OBJECT_IO_SPACE = 3
};
enum GdmCacheType { GDM_CACHE_NON_CACHED = 0, GDM_CACHE_CACHED = 1, GDM_CACHE_WRITE_COMBINED = 2 };

struct GdmCreateObject {
  struct GdmEscapeHeader header;
  uint32_t type;          /* in */
  uint32_t cache;         /* in */
  uint64_t size;          /* in */
  uint64_t low;           /* in: lowest physical address; IO_SPACE: its base */
  uint64_t high;          /* in: highest physical address, inclusive; all ones = no limit */
  uint64_t step;          /* in: MDL: SkipBytes; CONTIGUOUS: BoundaryAddressMultiple */
  uint32_t mdl_flags;     /* in: MM_ALLOCATE_* of an MDL */
  uint32_t protection;    /* in: PAGE_* of a section */
  uint32_t with_adapter;  /* in: 1 = created open, 0 = without an adapter */
  uint32_t adapter_index; /* in: the member of the link whose handle is named */
  uint64_t context;       /* in: kept with the object for debugging */
  uint32_t object;        /* out: id */
  uint32_t reserved;
};

struct GdmObjectCommand { /* OPEN_OBJECT, CLOSE_OBJECT */
  struct GdmEscapeHeader header;
  uint32_t object;        /* in */
  uint32_t adapter_index; /* in: OPEN only */
};

enum GdmDestroyForm {
  GDM_DESTROY_COMBINED = 0, /* one call that names both handles (only the physical one when it is closed) */
  GDM_DESTROY_SPLIT = 1,    /* close, then destroy */
};

struct GdmDestroyObject {
  struct GdmEscapeHeader header;
  uint32_t object; /* in */
  uint32_t form;   /* in: enum GdmDestroyForm */
};

struct GdmMapObject { /* MAP_OBJECT, UNMAP_OBJECT */
  struct GdmEscapeHeader header;
  uint32_t object;    /* in */
  uint32_t user_mode; /* in: MAP: 1 = into the calling process, 0 = into the kernel */
  uint64_t offset;    /* in: MAP */
  uint64_t size;      /* in: MAP */
  uint64_t address;   /* out of MAP, in of UNMAP: where byte `offset` of the object stands */
};

enum GdmAdlFlags { GDM_ADL_REQUIRE_CONTIGUOUS = 1, GDM_ADL_PREFER_CONTIGUOUS = 2 };

struct GdmAllocateAdl {
  struct GdmEscapeHeader header;
  uint32_t object;     /* in */
  uint32_t flags;      /* in: enum GdmAdlFlags */
  uint64_t offset;     /* in */
  uint64_t size;       /* in */
  uint32_t adl;        /* out: id */
  uint32_t page_count; /* out */
  uint32_t contiguous; /* out */
  uint32_t reserved;
  uint64_t first_page; /* out: logical address of page 0 */
};

struct GdmReadAdl {
  struct GdmEscapeHeader header;
  uint32_t adl;     /* in */
  uint32_t page;    /* in */
  uint64_t address; /* out: its logical address */
};

struct GdmFreeAdl {
  struct GdmEscapeHeader header;
  uint32_t adl; /* in */
  uint32_t reserved;
};

enum GdmOperandKind {
  GDM_OPERAND_VRAM = 0,     /* offset in the adapter's local memory */
  GDM_OPERAND_ADL = 1,      /* byte offset from the start of an ADL */
  GDM_OPERAND_LOGICAL = 2,  /* raw logical address */
  GDM_OPERAND_APERTURE = 3, /* byte offset in the aperture, which the system maps */
};

struct GdmOperand {
  uint32_t kind; /* enum GdmOperandKind */
  uint32_t adl;  /* of kind ADL */
  uint64_t address;
};

/* What the device reported about a stopped channel; all 0 when it did not stop. */
struct GdmChannelError {
  uint32_t code;     /* the device's error code; 0 = no error */
  uint32_t operand;  /* 0 ring, 1 source, 2 destination */
  uint32_t response; /* bus response */
  uint32_t index;    /* ring index of the descriptor */
  uint64_t address;  /* failed address */
  uint64_t tag;      /* of the descriptor */
};

enum GdmCopyFlags { GDM_COPY_NO_SNOOP = 1 /* the GPU's requests need not be snooped */ };

struct GdmCopy {
  struct GdmEscapeHeader header;
  uint32_t adapter_index; /* in: which GPU copies */
  uint32_t descriptors;   /* out: copy descriptors used */
  uint32_t flags;         /* in: enum GdmCopyFlags */
  uint32_t reserved;
  struct GdmOperand source;      /* in */
  struct GdmOperand destination; /* in */
  uint64_t size;                 /* in */
  uint64_t fence;                /* out: value that was waited for */
  struct GdmChannelError error;  /* out: also when status is STATUS_DEVICE_DATA_ERROR */
};

struct GdmTouchResult {
  int32_t
      read_status; /* STATUS_SUCCESS = the access went through; STATUS_DEVICE_DATA_ERROR = it was blocked */
  int32_t write_status; /* the same for the write */
  int32_t live_status;  /* the same for a read before the ADL was freed */
  int32_t reserved;
  struct GdmChannelError read_error;
  struct GdmChannelError write_error;
};

/* Has every GPU of the link read an ADL's addresses, so that their translations are cached; frees the ADL;
 * and at once has them use the old addresses: a read on each, prepared before the free and rung right after
 * it, then a write on each. */
struct GdmFreeAdlAndTouch {
  struct GdmEscapeHeader header;
  uint32_t adl;          /* in */
  uint32_t bytes;        /* in: of each access; stays inside the page */
  uint64_t offset;       /* in: from the start of the ADL */
  uint64_t vram_scratch; /* in: VRAM offset of the other operand */
  uint64_t address;      /* out: the logical address that was used */
  uint32_t adapters;     /* out: entries of `result` */
  uint32_t write_first;  /* in: 1 = the writes race with the free, the reads follow */
  struct GdmTouchResult result[GDM_MAX_ADAPTERS]; /* out, by adapter index */
};

#endif
