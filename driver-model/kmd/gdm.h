// SPDX-License-Identifier: Apache-2.0
// Inside of the gdmkmd miniport: adapters, links, the ring, driver memory, and the objects of user mode.
#pragma once

#include "dispmprt.h"
#include "driver-model/kmd/allocation.h"
#include "driver-model/kmd/escape.h"
#include "driver-model/kmd/parameters.h"
#include "ntddk.h"

constexpr ULONG kGdmPoolTag = 'kmdG';
constexpr ULONG kGdmAddressBits = 40;  // what the ASIC drives; CAPS.ADDR_BITS has to confirm it

/// Memory of the driver itself: an object, one ADL over all of it, and a kernel mapping.
struct GDM_MEMORY {
  HANDLE Physical;
  HANDLE Adapter;
  DXGK_ADL* Adl;
  PVOID MapBase;  // as mapped; Data = MapBase + offset
  SIZE_T MapSize;
  UCHAR* Data;
  SIZE_T Size;
};

struct GDM_LINK;

// ---- The paging channel: channel 1, the only node that the system schedules. Channel 0 is the driver's own.

constexpr ULONG kGdmPagingNode = 0;     // its NodeOrdinal
constexpr ULONG kGdmQueuedPackets = 4;  // HwQueuePacketCap: submissions that are not complete
constexpr ULONG kGdmPackets = 16;       // these, and preemption requests

/// A submission or a preemption request in the ring; it ends with the fence of its number.
struct GDM_PACKET {
  ULONG64 Sequence;
  UINT FenceId;
  BOOLEAN Preemption;
};

/// What BuildPagingBuffer leaves in the private data of a paging buffer: one call's descriptors.
struct GDM_PAGING_RECORD {
  UCHAR* First;
  ULONG Count;
};

/// Tail is SubmitCommand's and PreemptCommand's; the system calls one of them at a time. All below it belongs
/// to the device's interrupt level.
struct GDM_PAGING {
  BOOLEAN Present;      // the device has a second channel with the operations that paging takes
  ULONG AperturePages;  // 0: no aperture
  UCHAR* Coherent;      // for each aperture page: mapped with CacheCoherent
  GDM_MEMORY RingMemory;
  ULONG RingSizeLog2;
  ULONG RingTail;

  BOOLEAN Halted;    // between a reset and its end, and while powered down: takes no work
  ULONG64 Sequence;  // last fence value that was used
  GDM_PACKET Packets[kGdmPackets];
  ULONG FirstPacket;
  ULONG PacketCount;
  UINT LastSubmitted;
  UINT LastCompleted;
  ULONG64 RetriedSequence;  // packet whose failed descriptor was run a second time
  ULONG Retries;
  ULONG Faults;
  GdmChannelError LastError;
  volatile LONG Notified;  // the DPC owes a DxgkCbNotifyDpc
};

/// One function: the MiniportDeviceContext.
struct GDM_ADAPTER {
  LIST_ENTRY LinkEntry;  // GDM_LINK::Adapters
  GDM_LINK* Link;
  PDEVICE_OBJECT PhysicalDeviceObject;
  ULONG Index;  // within the link
  BOOLEAN Lead;
  ULONGLONG HighestVisibleAddress;

  // From StartDevice to StopDevice.
  BOOLEAN Started;
  BOOLEAN Exclusive;  // between BeginExclusiveAccess and EndExclusiveAccess
  BOOLEAN Halted;     // between ResetFromTimeout and RestartFromTimeout
  DXGKRNL_INTERFACE Dxgk;
  DXGK_START_INFO StartInfo;
  DXGK_DEVICE_INFO DeviceInfo;
  UCHAR* Registers;
  ULONGLONG VramSize;  // bytes
  ULONG Channels;

  // Interrupt routine -> DPC -> waiting thread.
  volatile LONG PendingCauses;
  volatile LONG ErrorSeen;
  KEVENT WorkEvent;

  // Channel 0.
  KEVENT ChannelLock;
  GDM_MEMORY RingMemory;
  ULONG RingSizeLog2;
  ULONG RingTail;  // next free slot; the doorbell may be behind it
  GDM_MEMORY FenceMemory;
  ULONG64 LastFence;
  ULONG64 NextTag;

  GDM_PAGING Paging;

  // Power states.
  SIZE_T SaveSize;  // of local memory, from its begin; 0: nothing is kept
  BOOLEAN Saved;
  GDM_MEMORY SaveBuffer;
};

/// An allocation: hAllocation of the system's calls.
struct GDM_ALLOCATION {
  LIST_ENTRY Entry;  // GDM_LINK::Allocations
  GdmAllocationData Data;
};

// Locks are synchronization events: unlike a fast mutex, their holder stays at PASSIVE_LEVEL. Their order:
// the channel locks of members by ascending index, then the link's lock; with the link's lock held nobody
// waits for a channel lock. What each is for:
//   ChannelLock  the ring, Started and Exclusive of one member. Held from the first descriptor of a command
//   to the
//                end of the wait for its fence: commands of other members go on meanwhile.
//   Link::Lock   objects, mappings and ADLs of user mode. Held while they are looked up and changed, never
//   while the
//                device works. An ADL that a channel uses is marked (GDM_USER_ADL::Users), and whoever frees
//                it waits for those channels first.

struct GDM_LINK {
  LIST_ENTRY Entry;     // all links
  LIST_ENTRY Adapters;  // GDM_ADAPTER::LinkEntry
  ULONG ChainUid;
  ULONG ExpectedMembers;
  ULONG Members;
  KEVENT Lock;
  LIST_ENTRY Objects;
  LIST_ENTRY Allocations;
  ULONG NextId;
};

/// One side of a copy, resolved against the link's ADLs.
struct GDM_OPERAND {
  ULONG Space;          // the device's
  const DXGK_ADL* Adl;  // Address counts from its start; NULL: Address is the device's
  ULONGLONG Address;
};

// ---- device.cpp

NTSTATUS GdmDeviceStart(GDM_ADAPTER* Adapter);
/// Stop the channel, drain it and mask interrupts; the device makes no request afterwards. STATUS_IO_TIMEOUT:
/// it does not become idle.
NTSTATUS GdmDeviceQuiesce(GDM_ADAPTER* Adapter);
/// Back from a quiesced or powered-down state, with an empty ring.
NTSTATUS GdmDeviceResume(GDM_ADAPTER* Adapter);
/// Like quiesce, without waiting; any IRQL.
VOID GdmDeviceReset(GDM_ADAPTER* Adapter);
VOID GdmDeviceStop(GDM_ADAPTER* Adapter);
BOOLEAN GdmDeviceInterrupt(GDM_ADAPTER* Adapter);
VOID GdmDeviceDpc(GDM_ADAPTER* Adapter);

// ---- ring.cpp

NTSTATUS GdmRingCreate(GDM_ADAPTER* Adapter);
VOID GdmRingDestroy(GDM_ADAPTER* Adapter);
/// Bring the channel from any state to an empty, enabled ring. STATUS_IO_TIMEOUT if the device does not
/// finish.
NTSTATUS GdmRingRestart(GDM_ADAPTER* Adapter);
/// Write the descriptors of a copy, split where an operand's pages are not consecutive. Does not ring.
NTSTATUS GdmRingCopy(GDM_ADAPTER* Adapter, const GDM_OPERAND* Source, const GDM_OPERAND* Destination,
                     ULONGLONG Size, bool NoSnoop, ULONG* Descriptors);
/// Write a fence descriptor; Value receives what it will write. Does not ring.
NTSTATUS GdmRingFence(GDM_ADAPTER* Adapter, ULONG64* Value);
VOID GdmRingDoorbell(GDM_ADAPTER* Adapter);
/// The channel stopped: keep what it said and make the ring usable again. STATUS_DEVICE_DATA_ERROR, or why
/// not.
NTSTATUS GdmRingRecover(GDM_ADAPTER* Adapter, GdmChannelError* Error);
/// Wait for a fence. STATUS_DEVICE_DATA_ERROR: the channel stopped, Error says why and the ring is empty
/// again. STATUS_IO_TIMEOUT: neither came. Bytes: of the work before the fence; the more, the longer the
/// wait.
NTSTATUS GdmRingWait(GDM_ADAPTER* Adapter, ULONG64 Value, ULONGLONG Bytes, GdmChannelError* Error);

// ---- channel.cpp: the paging channel. What the system's calls mean stands with the DDIs.

NTSTATUS GdmPagingCreate(GDM_ADAPTER* Adapter);
VOID GdmPagingDestroy(GDM_ADAPTER* Adapter);
/// Stop the channel and wait until it has nothing in flight. STATUS_IO_TIMEOUT: it does not end.
NTSTATUS GdmPagingQuiesce(GDM_ADAPTER* Adapter);
/// Back from that with an empty ring.
VOID GdmPagingResume(GDM_ADAPTER* Adapter);
/// The device's interrupt, at its level. Causes: INT_STATUS.
VOID GdmPagingInterrupt(GDM_ADAPTER* Adapter, ULONG Causes);
/// Its DPC.
VOID GdmPagingDpc(GDM_ADAPTER* Adapter);
NTSTATUS GdmPagingSubmit(GDM_ADAPTER* Adapter, const DXGKARG_SUBMITCOMMAND* Args);
NTSTATUS GdmPagingPreempt(GDM_ADAPTER* Adapter, UINT PreemptionFenceId);
NTSTATUS GdmPagingCurrentFence(GDM_ADAPTER* Adapter, UINT* Fence);
/// Forget every packet. LastAborted: the one that was under way, or the last completed one.
NTSTATUS GdmPagingResetEngine(GDM_ADAPTER* Adapter, UINT* LastAborted);
/// The first half of an adapter's reset; GdmPagingResume is the second. All packets count as completed.
NTSTATUS GdmPagingHalt(GDM_ADAPTER* Adapter);
BOOLEAN GdmPagingResponsive(GDM_ADAPTER* Adapter);

// ---- paging.cpp

NTSTATUS GdmBuildPagingBuffer(GDM_ADAPTER* Lead, DXGKARG_BUILDPAGINGBUFFER* Args);
/// Bytes of a paging buffer, and of the private data that its worst case takes.
UINT GdmPagingBufferSize(VOID);
UINT GdmPagingPrivateSize(VOID);

// ---- allocation.cpp

NTSTATUS GdmQuerySegments(GDM_LINK* Link, const DXGKARG_QUERYADAPTERINFO* Query);
NTSTATUS GdmCreateAllocation(GDM_LINK* Link, DXGKARG_CREATEALLOCATION* Args);
NTSTATUS GdmDestroyAllocation(GDM_LINK* Link, const DXGKARG_DESTROYALLOCATION* Args);
/// Where the system's part of local memory begins: the part below is for escapes.
ULONGLONG GdmVramSegmentBase(const GDM_ADAPTER* Adapter);

// ---- power.cpp

NTSTATUS GdmSaveCreate(GDM_ADAPTER* Adapter);
VOID GdmSaveDestroy(GDM_ADAPTER* Adapter);
/// Keeps what has to be kept of local memory, then as GdmDeviceQuiesce. The caller has the channel.
VOID GdmPowerDown(GDM_ADAPTER* Adapter);
VOID GdmPowerUp(GDM_ADAPTER* Adapter);

// ---- memory.cpp

/// Contiguous: the device sees one run of pages, in every mode; else that is only preferred.
NTSTATUS GdmMemoryCreate(GDM_ADAPTER* Adapter, SIZE_T Size, bool Contiguous, GDM_MEMORY* Memory);
VOID GdmMemoryDestroy(GDM_ADAPTER* Adapter, GDM_MEMORY* Memory);
/// Logical address of byte Offset of an ADL, and how many bytes from there on lie in consecutive pages.
ULONGLONG GdmAdlAddress(const DXGK_ADL* Adl, ULONGLONG Offset, ULONGLONG* Run);

// ---- objects.cpp: what user mode asked for; all under the link's lock

struct GDM_OBJECT;
struct GDM_USER_ADL {
  LIST_ENTRY Entry;  // GDM_OBJECT::Adls
  ULONG Id;
  GDM_OBJECT* Object;
  DXGK_ADL* Adl;
  ULONG Users;    // a bit for each member, by index, whose channel works on its pages
  BOOLEAN Going;  // somebody frees it: no new users
};

NTSTATUS GdmObjectCreate(GDM_ADAPTER* Lead, GdmCreateObject* Args);
NTSTATUS GdmObjectOpen(GDM_ADAPTER* Lead, const GdmObjectCommand* Args);
NTSTATUS GdmObjectClose(GDM_ADAPTER* Lead, const GdmObjectCommand* Args);
NTSTATUS GdmObjectDestroy(GDM_ADAPTER* Lead, const GdmDestroyObject* Args);
NTSTATUS GdmObjectMap(GDM_ADAPTER* Lead, GdmMapObject* Args);
NTSTATUS GdmObjectUnmap(GDM_ADAPTER* Lead, const GdmMapObject* Args);
NTSTATUS GdmObjectAllocateAdl(GDM_ADAPTER* Lead, GdmAllocateAdl* Args);
/// NULL: there is none, or Going is the other way.
GDM_USER_ADL* GdmObjectFindAdl(GDM_LINK* Link, ULONG Id, BOOLEAN Going);
VOID GdmObjectFreeAdl(GDM_ADAPTER* Lead, GDM_USER_ADL* Adl);
/// Free everything user mode left behind.
VOID GdmObjectDestroyAll(GDM_ADAPTER* Lead);

// ---- escape.cpp

NTSTATUS GdmEscape(GDM_ADAPTER* Lead, const DXGKARG_ESCAPE* Escape);

// ---- link.cpp

VOID GdmLinkInitialize(VOID);
NTSTATUS GdmLinkJoin(GDM_ADAPTER* Adapter, LINKED_DEVICE* LinkedDevice);
VOID GdmLinkLeave(GDM_ADAPTER* Adapter);
/// Member of a link by index; NULL if there is none.
GDM_ADAPTER* GdmLinkMember(GDM_LINK* Link, ULONG Index);
/// The smallest limit of all members: what the link as a whole can address, inclusive.
ULONGLONG GdmLinkHighestVisibleAddress(const GDM_LINK* Link);
VOID GdmLinkLock(GDM_LINK* Link);
VOID GdmLinkUnlock(GDM_LINK* Link);
VOID GdmChannelLock(GDM_ADAPTER* Adapter);
VOID GdmChannelUnlock(GDM_ADAPTER* Adapter);
/// The channels of all members.
VOID GdmLinkLockChannels(GDM_LINK* Link);
VOID GdmLinkUnlockChannels(GDM_LINK* Link);
