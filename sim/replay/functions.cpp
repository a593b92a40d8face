// SPDX-License-Identifier: Apache-2.0
// The table of callbacks.
#include "sim/replay/functions.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <set>
#include <type_traits>
#include <utility>

#include "driver-model/dxgkrnl/interface_calls.h"

namespace gpudmar::sim::replay {
namespace {

using Create = DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT;
using Destroy = DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT;
using Open = DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT;
using Close = DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT;
using Map = DXGKARGCB_MAP_PHYSICAL_MEMORY;
using Unmap = DXGKARGCB_UNMAP_PHYSICAL_MEMORY;
using AllocateAdl = DXGKARGCB_ALLOCATE_ADL;
using FreeAdl = DXGKARGCB_FREE_ADL;
using AllocateContiguous = DXGKARGCB_ALLOCATECONTIGUOUSMEMORY;
using FreeContiguous = DXGKARGCB_FREECONTIGUOUSMEMORY;
using AllocatePages = DXGKARGCB_ALLOCATEPAGESFORMDL;
using FreePages = DXGKARGCB_FREEPAGESFROMMDL;
using MapMdl = DXGKARGCB_MAPMDLTOIOMMU;
using UnmapMdl = DXGKARGCB_UNMAPMDLFROMIOMMU;
using Pin = DXGKARGCB_PINFRAMEBUFFERFORSAVE;
using Pin2 = DXGKARGCB_PINFRAMEBUFFERFORSAVE2;
using Unpin = DXGKARGCB_UNPINFRAMEBUFFERFORSAVE;
using MapFrameBuffer = DXGKARGCB_MAPFRAMEBUFFERPOINTER;
using UnmapFrameBuffer = DXGKARGCB_UNMAPFRAMEBUFFERPOINTER;
using MapMemory = dxgkrnl::MapMemoryArguments;
using UnmapMemory = dxgkrnl::UnmapMemoryArguments;
using Synchronize = dxgkrnl::SynchronizeArguments;
using NotifyInterrupt = DXGKARGCB_NOTIFY_INTERRUPT_DATA;

const NameTable kTypes{
    {"DXGK_PHYSICAL_MEMORY_TYPE_MDL", DXGK_PHYSICAL_MEMORY_TYPE_MDL},
    {"DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY", DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY},
    {"DXGK_PHYSICAL_MEMORY_TYPE_SECTION", DXGK_PHYSICAL_MEMORY_TYPE_SECTION},
    {"DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE", DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE}};
const NameTable kCaches{{"DXGK_MEMORY_CACHING_TYPE_NON_CACHED", DXGK_MEMORY_CACHING_TYPE_NON_CACHED},
                        {"DXGK_MEMORY_CACHING_TYPE_CACHED", DXGK_MEMORY_CACHING_TYPE_CACHED},
                        {"DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED", DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED}};
const NameTable kModes{{"DXGK_ACCESS_MODE_KERNEL_MODE", DXGK_ACCESS_MODE_KERNEL_MODE},
                       {"DXGK_ACCESS_MODE_USER_MODE", DXGK_ACCESS_MODE_USER_MODE}};

const NameTable kInterrupts{{"DXGK_INTERRUPT_DMA_COMPLETED", DXGK_INTERRUPT_DMA_COMPLETED},
                            {"DXGK_INTERRUPT_DMA_PREEMPTED", DXGK_INTERRUPT_DMA_PREEMPTED},
                            {"DXGK_INTERRUPT_DMA_FAULTED", DXGK_INTERRUPT_DMA_FAULTED},
                            {"DXGK_INTERRUPT_DMA_PAGE_FAULTED", DXGK_INTERRUPT_DMA_PAGE_FAULTED}};

// Where a member stands in its structure, and how long it is.
// NOLINTBEGIN(bugprone-macro-parentheses): the names of a type and of its member
#define GPUDMAR_MEMBER(type, member) offsetof(type, member), sizeof(std::declval<type&>().member)
// NOLINTEND(bugprone-macro-parentheses)
// NOLINTBEGIN(bugprone-sizeof-expression): some members are pointers

Field given(const char* name, FieldKind kind, std::size_t offset, std::size_t bytes, int type = -1) {
  return {name, kind, offset, bytes, true, false, true, nullptr, "", type};
}
Field optional(Field field) {
  field.required = false;
  return field;
}
Field named(const char* name, const NameTable& names, std::size_t offset, std::size_t bytes) {
  return {name, FieldKind::kName, offset, bytes, true, false, true, &names, "", -1};
}
Field made(const char* name, const char* kind, std::size_t offset, std::size_t bytes) {
  return {name, FieldKind::kHandle, offset, bytes, false, true, false, nullptr, kind, -1};
}
Field changed(const char* name, std::size_t offset, std::size_t bytes) {
  return {name, FieldKind::kNumber, offset, bytes, true, true, true, nullptr, "", -1};
}

Function selected(const char* selector, Function function) {
  function.selector = selector;
  return function;
}

constexpr auto kNumber = FieldKind::kNumber;
constexpr auto kAddress = FieldKind::kAddress;
constexpr auto kHandle = FieldKind::kHandle;
constexpr int kMdl = DXGK_PHYSICAL_MEMORY_TYPE_MDL;
constexpr int kContiguous = DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY;
constexpr int kSection = DXGK_PHYSICAL_MEMORY_TYPE_SECTION;
constexpr int kIoSpace = DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE;
constexpr int kCompleted = DXGK_INTERRUPT_DMA_COMPLETED;
constexpr int kPreempted = DXGK_INTERRUPT_DMA_PREEMPTED;
constexpr int kFaulted = DXGK_INTERRUPT_DMA_FAULTED;

/// A number that goes with one type of interrupt.
Field notice(const char* name, int type, std::size_t offset, std::size_t bytes) {
  return optional(given(name, kNumber, offset, bytes, type));
}

/// A callback of the family of memory objects.
template <typename Args, typename Member>
Function object_call(const char* name, Member member, std::vector<Field> fields) {
  Function function{name, sizeof(Args), false, "", true, true, std::move(fields), {}};
  function.call = [member](const DXGKRNL_INTERFACE& table, HANDLE, void* args) -> NTSTATUS {
    auto* const callback = table.*member;
    if constexpr (std::is_void_v<decltype(callback(static_cast<Args*>(args)))>) {
      callback(static_cast<Args*>(args));
      return STATUS_SUCCESS;
    } else {
      return callback(static_cast<Args*>(args));
    }
  };
  using Result = decltype((std::declval<const DXGKRNL_INTERFACE&>().*member)(std::declval<Args*>()));
  function.status = !std::is_void_v<Result>;
  return function;
}

/// One that takes the lead adapter's handle beside its structure.
template <typename Args, typename Member>
Function lead_call(const char* name, Member member, std::vector<Field> fields) {
  Function function{name, sizeof(Args), true, "hAdapter", true, true, std::move(fields), {}};
  function.call = [member](const DXGKRNL_INTERFACE& table, HANDLE device, void* args) -> NTSTATUS {
    auto* const callback = table.*member;
    if constexpr (std::is_void_v<decltype(callback(device, static_cast<Args*>(args)))>) {
      callback(device, static_cast<Args*>(args));
      return STATUS_SUCCESS;
    } else {
      return callback(device, static_cast<Args*>(args));
    }
  };
  using Result =
      decltype((std::declval<const DXGKRNL_INTERFACE&>().*member)(HANDLE(), std::declval<Args*>()));
  function.status = !std::is_void_v<Result>;
  return function;
}

void add_object_calls(std::vector<Function>& all) {
  all.push_back(selected(
      "Type",
      object_call<Create>(
          "DxgkCbCreatePhysicalMemoryObject", &DXGKRNL_INTERFACE::DxgkCbCreatePhysicalMemoryObject,
          {given("hAdapter", kHandle, GPUDMAR_MEMBER(Create, hAdapter)),
           given("Size", kNumber, GPUDMAR_MEMBER(Create, Size)),
           optional(given("Context", FieldKind::kName, GPUDMAR_MEMBER(Create, Context))),
           named("Type", kTypes, GPUDMAR_MEMBER(Create, Type)),
           named("CacheType", kCaches, GPUDMAR_MEMBER(Create, CacheType)),
           given("Mdl.LowAddress", kAddress, GPUDMAR_MEMBER(Create, Mdl.LowAddress), kMdl),
           given("Mdl.HighAddress", kAddress, GPUDMAR_MEMBER(Create, Mdl.HighAddress), kMdl),
           optional(given("Mdl.SkipBytes", kAddress, GPUDMAR_MEMBER(Create, Mdl.SkipBytes), kMdl)),
           optional(given("Mdl.Flags", kAddress, GPUDMAR_MEMBER(Create, Mdl.Flags), kMdl)),
           given("ContiguousMemory.LowestAcceptableAddress", kAddress,
                 GPUDMAR_MEMBER(Create, ContiguousMemory.LowestAcceptableAddress), kContiguous),
           given("ContiguousMemory.HighestAcceptableAddress", kAddress,
                 GPUDMAR_MEMBER(Create, ContiguousMemory.HighestAcceptableAddress), kContiguous),
           optional(given("ContiguousMemory.BoundaryAddressMultiple", kAddress,
                          GPUDMAR_MEMBER(Create, ContiguousMemory.BoundaryAddressMultiple), kContiguous)),
           given("Section.DesiredAccess", kAddress, GPUDMAR_MEMBER(Create, Section.DesiredAccess), kSection),
           given("Section.PageProtection", kAddress, GPUDMAR_MEMBER(Create, Section.PageProtection),
                 kSection),
           optional(given("Section.AllocationAttributes", kAddress,
                          GPUDMAR_MEMBER(Create, Section.AllocationAttributes), kSection)),
           given("IOSpace.BaseAddress", kAddress, GPUDMAR_MEMBER(Create, IOSpace.BaseAddress), kIoSpace),
           made("hPhysicalMemoryObject", "object", GPUDMAR_MEMBER(Create, hPhysicalMemoryObject)),
           made("hAdapterMemoryObject", "opened", GPUDMAR_MEMBER(Create, hAdapterMemoryObject))})));
  all.push_back(object_call<Destroy>(
      "DxgkCbDestroyPhysicalMemoryObject", &DXGKRNL_INTERFACE::DxgkCbDestroyPhysicalMemoryObject,
      {given("hPhysicalMemoryObject", kHandle, GPUDMAR_MEMBER(Destroy, hPhysicalMemoryObject)),
       given("hAdapterMemoryObject", kHandle, GPUDMAR_MEMBER(Destroy, hAdapterMemoryObject))}));
  all.push_back(object_call<Open>(
      "DxgkCbOpenPhysicalMemoryObject", &DXGKRNL_INTERFACE::DxgkCbOpenPhysicalMemoryObject,
      {given("hPhysicalMemoryObject", kHandle, GPUDMAR_MEMBER(Open, hPhysicalMemoryObject)),
       given("hAdapter", kHandle, GPUDMAR_MEMBER(Open, hAdapter)),
       made("hAdapterMemoryObject", "opened", GPUDMAR_MEMBER(Open, hAdapterMemoryObject))}));
  all.push_back(object_call<Close>(
      "DxgkCbClosePhysicalMemoryObject", &DXGKRNL_INTERFACE::DxgkCbClosePhysicalMemoryObject,
      {given("hAdapterMemoryObject", kHandle, GPUDMAR_MEMBER(Close, hAdapterMemoryObject))}));
  all.push_back(object_call<Map>(
      "DxgkCbMapPhysicalMemory", &DXGKRNL_INTERFACE::DxgkCbMapPhysicalMemory,
      {given("hPhysicalMemoryObject", kHandle, GPUDMAR_MEMBER(Map, hPhysicalMemoryObject)),
       named("AccessMode", kModes, GPUDMAR_MEMBER(Map, AccessMode)),
       changed("Offset", GPUDMAR_MEMBER(Map, Offset)), changed("Size", GPUDMAR_MEMBER(Map, Size)),
       made("pMappedAddress", "view", GPUDMAR_MEMBER(Map, pMappedAddress))}));
  all.push_back(object_call<Unmap>(
      "DxgkCbUnmapPhysicalMemory", &DXGKRNL_INTERFACE::DxgkCbUnmapPhysicalMemory,
      {given("hPhysicalMemoryObject", kHandle, GPUDMAR_MEMBER(Unmap, hPhysicalMemoryObject)),
       given("pBaseAddress", kHandle, GPUDMAR_MEMBER(Unmap, pBaseAddress)),
       given("Size", kNumber, GPUDMAR_MEMBER(Unmap, Size))}));
  all.push_back(object_call<AllocateAdl>(
      "DxgkCbAllocateAdl", &DXGKRNL_INTERFACE::DxgkCbAllocateAdl,
      {given("hAdapterMemoryObject", kHandle, GPUDMAR_MEMBER(AllocateAdl, hAdapterMemoryObject)),
       given("Offset", kNumber, GPUDMAR_MEMBER(AllocateAdl, Offset)),
       given("Size", kNumber, GPUDMAR_MEMBER(AllocateAdl, Size)),
       optional(given("Flags.Value", kNumber, GPUDMAR_MEMBER(AllocateAdl, Flags))),
       made("pAdl", "adl", GPUDMAR_MEMBER(AllocateAdl, pAdl))}));
  all.push_back(object_call<FreeAdl>(
      "DxgkCbFreeAdl", &DXGKRNL_INTERFACE::DxgkCbFreeAdl,
      {given("hAdapterMemoryObject", kHandle, GPUDMAR_MEMBER(FreeAdl, hAdapterMemoryObject)),
       given("pAdl", kHandle, GPUDMAR_MEMBER(FreeAdl, pAdl))}));
}

void add_legacy_calls(std::vector<Function>& all) {
  all.push_back(lead_call<AllocateContiguous>(
      "DxgkCbAllocateContiguousMemory", &DXGKRNL_INTERFACE::DxgkCbAllocateContiguousMemory,
      {given("NumberOfBytes", kNumber, GPUDMAR_MEMBER(AllocateContiguous, NumberOfBytes)),
       given("LowestAcceptableAddress", kAddress,
             GPUDMAR_MEMBER(AllocateContiguous, LowestAcceptableAddress)),
       given("HighestAcceptableAddress", kAddress,
             GPUDMAR_MEMBER(AllocateContiguous, HighestAcceptableAddress)),
       optional(given("BoundaryAddressMultiple", kAddress,
                      GPUDMAR_MEMBER(AllocateContiguous, BoundaryAddressMultiple))),
       named("CacheType", kCaches, GPUDMAR_MEMBER(AllocateContiguous, CacheType)),
       made("hMemoryHandle", "memory", GPUDMAR_MEMBER(AllocateContiguous, hMemoryHandle)),
       made("pMemory", "view", GPUDMAR_MEMBER(AllocateContiguous, pMemory))}));
  all.push_back(lead_call<FreeContiguous>(
      "DxgkCbFreeContiguousMemory", &DXGKRNL_INTERFACE::DxgkCbFreeContiguousMemory,
      {given("hMemoryHandle", kHandle, GPUDMAR_MEMBER(FreeContiguous, hMemoryHandle))}));
  all.push_back(lead_call<AllocatePages>(
      "DxgkCbAllocatePagesForMdl", &DXGKRNL_INTERFACE::DxgkCbAllocatePagesForMdl,
      {given("LowAddress", kAddress, GPUDMAR_MEMBER(AllocatePages, LowAddress)),
       given("HighAddress", kAddress, GPUDMAR_MEMBER(AllocatePages, HighAddress)),
       optional(given("SkipBytes", kAddress, GPUDMAR_MEMBER(AllocatePages, SkipBytes))),
       given("TotalBytes", kNumber, GPUDMAR_MEMBER(AllocatePages, TotalBytes)),
       named("CacheType", kCaches, GPUDMAR_MEMBER(AllocatePages, CacheType)),
       optional(given("Flags", kAddress, GPUDMAR_MEMBER(AllocatePages, Flags))),
       made("hMemoryHandle", "memory", GPUDMAR_MEMBER(AllocatePages, hMemoryHandle)),
       made("pMdl", "mdl", GPUDMAR_MEMBER(AllocatePages, pMdl))}));
  all.push_back(
      lead_call<FreePages>("DxgkCbFreePagesFromMdl", &DXGKRNL_INTERFACE::DxgkCbFreePagesFromMdl,
                           {given("hMemoryHandle", kHandle, GPUDMAR_MEMBER(FreePages, hMemoryHandle))}));
  all.push_back(lead_call<MapMdl>("DxgkCbMapMdlToIoMmu", &DXGKRNL_INTERFACE::DxgkCbMapMdlToIoMmu,
                                  {given("pMdl", kHandle, GPUDMAR_MEMBER(MapMdl, pMdl)),
                                   made("hMemoryHandle", "memory", GPUDMAR_MEMBER(MapMdl, hMemoryHandle))}));
  all.push_back(
      lead_call<UnmapMdl>("DxgkCbUnmapMdlFromIoMmu", &DXGKRNL_INTERFACE::DxgkCbUnmapMdlFromIoMmu,
                          {given("hMemoryHandle", kHandle, GPUDMAR_MEMBER(UnmapMdl, hMemoryHandle))}));
  all.push_back(
      lead_call<Pin>("DxgkCbPinFrameBufferForSave", &DXGKRNL_INTERFACE::DxgkCbPinFrameBufferForSave,
                     {given("PhysicalAdapterIndex", kNumber, GPUDMAR_MEMBER(Pin, PhysicalAdapterIndex)),
                      given("CommitSize", kNumber, GPUDMAR_MEMBER(Pin, CommitSize)),
                      made("pMdl", "mdl", GPUDMAR_MEMBER(Pin, pMdl))}));
  all.push_back(
      lead_call<Pin2>("DxgkCbPinFrameBufferForSave2", &DXGKRNL_INTERFACE::DxgkCbPinFrameBufferForSave2,
                      {given("PhysicalAdapterIndex", kNumber, GPUDMAR_MEMBER(Pin2, PhysicalAdapterIndex)),
                       given("CommitSize", kNumber, GPUDMAR_MEMBER(Pin2, CommitSize)),
                       optional(given("Flags.Value", kNumber, GPUDMAR_MEMBER(Pin2, Flags))),
                       made("pAdl", "adl", GPUDMAR_MEMBER(Pin2, pAdl))}));
  all.push_back(lead_call<Unpin>(
      "DxgkCbUnpinFrameBufferForSave", &DXGKRNL_INTERFACE::DxgkCbUnpinFrameBufferForSave,
      {given("PhysicalAdapterIndex", kNumber, GPUDMAR_MEMBER(Unpin, PhysicalAdapterIndex))}));
  all.push_back(lead_call<MapFrameBuffer>(
      "DxgkCbMapFrameBufferPointer", &DXGKRNL_INTERFACE::DxgkCbMapFrameBufferPointer,
      {given("PhysicalAdapterIndex", kNumber, GPUDMAR_MEMBER(MapFrameBuffer, PhysicalAdapterIndex)),
       given("Size", kNumber, GPUDMAR_MEMBER(MapFrameBuffer, Size)),
       changed("Offset", GPUDMAR_MEMBER(MapFrameBuffer, Offset)),
       made("pBaseAddress", "view", GPUDMAR_MEMBER(MapFrameBuffer, pBaseAddress))}));
  all.push_back(lead_call<UnmapFrameBuffer>(
      "DxgkCbUnmapFrameBufferPointer", &DXGKRNL_INTERFACE::DxgkCbUnmapFrameBufferPointer,
      {given("PhysicalAdapterIndex", kNumber, GPUDMAR_MEMBER(UnmapFrameBuffer, PhysicalAdapterIndex)),
       given("pBaseAddress", kHandle, GPUDMAR_MEMBER(UnmapFrameBuffer, pBaseAddress))}));
}

/// What a driver says to its device's handle.
Function device_call(const char* name, std::size_t bytes, bool status, std::vector<Field> fields,
                     std::function<NTSTATUS(const DXGKRNL_INTERFACE&, HANDLE, void*)> call) {
  return {name, bytes, true, "DeviceHandle", status, false, std::move(fields), std::move(call)};
}

void add_device_calls(std::vector<Function>& all) {
  Function information =
      device_call("DxgkCbGetDeviceInformation", sizeof(DXGK_DEVICE_INFO), true, {},
                  [](const DXGKRNL_INTERFACE& table, HANDLE device, void* args) {
                    return table.DxgkCbGetDeviceInformation(device, static_cast<DXGK_DEVICE_INFO*>(args));
                  });
  information.always = true;
  all.push_back(std::move(information));
  all.push_back(device_call(
      "DxgkCbMapMemory", sizeof(MapMemory), true,
      {given("TranslatedAddress", kAddress, GPUDMAR_MEMBER(MapMemory, translated_address)),
       given("Length", kAddress, GPUDMAR_MEMBER(MapMemory, length)),
       optional(given("InIoSpace", FieldKind::kBool, GPUDMAR_MEMBER(MapMemory, in_io_space))),
       optional(given("MapToUserMode", FieldKind::kBool, GPUDMAR_MEMBER(MapMemory, map_to_user_mode))),
       made("VirtualAddress", "registers", GPUDMAR_MEMBER(MapMemory, address))},
      [](const DXGKRNL_INTERFACE& table, HANDLE device, void* args) {
        auto& a = *static_cast<MapMemory*>(args);
        PHYSICAL_ADDRESS address{};
        address.QuadPart = static_cast<LONGLONG>(a.translated_address);
        PVOID mapped = nullptr;
        const NTSTATUS status =
            table.DxgkCbMapMemory(device, address, a.length, a.in_io_space ? TRUE : FALSE,
                                  a.map_to_user_mode ? TRUE : FALSE, MmNonCached, &mapped);
        a.address = static_cast<PVOID*>(mapped);  // as show_out() takes it
        return status;
      }));
  all.push_back(device_call("DxgkCbUnmapMemory", sizeof(UnmapMemory), true,
                            {given("VirtualAddress", kHandle, GPUDMAR_MEMBER(UnmapMemory, address))},
                            [](const DXGKRNL_INTERFACE& table, HANDLE device, void* args) {
                              return table.DxgkCbUnmapMemory(device,
                                                             static_cast<UnmapMemory*>(args)->address);
                            }));
  all.push_back(device_call("DxgkCbQueueDpc", 0, false, {},
                            [](const DXGKRNL_INTERFACE& table, HANDLE device, void*) -> NTSTATUS {
                              (void)table.DxgkCbQueueDpc(device);
                              return STATUS_SUCCESS;
                            }));
  all.push_back(device_call("DxgkCbNotifyDpc", 0, false, {},
                            [](const DXGKRNL_INTERFACE& table, HANDLE device, void*) -> NTSTATUS {
                              table.DxgkCbNotifyDpc(device);
                              return STATUS_SUCCESS;
                            }));
  all.push_back(selected(
      "InterruptType",
      device_call("DxgkCbNotifyInterrupt", sizeof(NotifyInterrupt), false,
                  {named("InterruptType", kInterrupts, GPUDMAR_MEMBER(NotifyInterrupt, InterruptType)),
                   notice("DmaCompleted.SubmissionFenceId", kCompleted,
                          GPUDMAR_MEMBER(NotifyInterrupt, DmaCompleted.SubmissionFenceId)),
                   notice("DmaCompleted.NodeOrdinal", kCompleted,
                          GPUDMAR_MEMBER(NotifyInterrupt, DmaCompleted.NodeOrdinal)),
                   notice("DmaCompleted.EngineOrdinal", kCompleted,
                          GPUDMAR_MEMBER(NotifyInterrupt, DmaCompleted.EngineOrdinal)),
                   notice("DmaPreempted.PreemptionFenceId", kPreempted,
                          GPUDMAR_MEMBER(NotifyInterrupt, DmaPreempted.PreemptionFenceId)),
                   notice("DmaPreempted.LastCompletedFenceId", kPreempted,
                          GPUDMAR_MEMBER(NotifyInterrupt, DmaPreempted.LastCompletedFenceId)),
                   notice("DmaPreempted.NodeOrdinal", kPreempted,
                          GPUDMAR_MEMBER(NotifyInterrupt, DmaPreempted.NodeOrdinal)),
                   notice("DmaPreempted.EngineOrdinal", kPreempted,
                          GPUDMAR_MEMBER(NotifyInterrupt, DmaPreempted.EngineOrdinal)),
                   notice("DmaFaulted.FaultedFenceId", kFaulted,
                          GPUDMAR_MEMBER(NotifyInterrupt, DmaFaulted.FaultedFenceId)),
                   notice("DmaFaulted.Status", kFaulted, GPUDMAR_MEMBER(NotifyInterrupt, DmaFaulted.Status)),
                   notice("DmaFaulted.NodeOrdinal", kFaulted,
                          GPUDMAR_MEMBER(NotifyInterrupt, DmaFaulted.NodeOrdinal)),
                   notice("DmaFaulted.EngineOrdinal", kFaulted,
                          GPUDMAR_MEMBER(NotifyInterrupt, DmaFaulted.EngineOrdinal))},
                  [](const DXGKRNL_INTERFACE& table, HANDLE device, void* args) -> NTSTATUS {
                    table.DxgkCbNotifyInterrupt(device, static_cast<NotifyInterrupt*>(args));
                    return STATUS_SUCCESS;
                  })));
  all.push_back(device_call(
      "DxgkCbSynchronizeExecution", sizeof(Synchronize), true,
      {optional(given("MessageNumber", kNumber, GPUDMAR_MEMBER(Synchronize, message_number)))},
      [](const DXGKRNL_INTERFACE& table, HANDLE device, void* args) {
        const auto& a = *static_cast<Synchronize*>(args);
        // What the routine does comes from the trace: the player's own is called with its context in
        // `result`.
        return table.DxgkCbSynchronizeExecution(device, a.routine, a.result, a.message_number, a.result);
      }));
}
// NOLINTEND(bugprone-sizeof-expression): the table ends

#undef GPUDMAR_MEMBER

constexpr std::size_t kMostBytes = 4096;  // of private data that a line shows

/// A number for a text, the same each time (FNV-1a): names without a table are the driver's own values.
std::uint64_t stand_in(const std::string& text) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001B3;
  return hash;
}

std::uint64_t load(const Field& field, const void* arguments) {
  std::uint64_t value = 0;
  std::memcpy(&value, static_cast<const std::uint8_t*>(arguments) + field.offset, field.bytes);
  return value;
}

nlohmann::json show(const Field& field, std::uint64_t value) {
  switch (field.kind) {
    case FieldKind::kAddress:
      return hex(value);
    case FieldKind::kBool:
      return value != 0;
    case FieldKind::kName:
      if (field.names == nullptr) return hex(value);
      for (const auto& [name, number] : *field.names)
        if (number == value) return name;
      return value;
    default:
      return value;
  }
}

}  // namespace

const std::vector<Function>& functions() {
  static const std::vector<Function> all = [] {
    std::vector<Function> table;
    add_object_calls(table);
    add_legacy_calls(table);
    add_device_calls(table);
    return table;
  }();
  return all;
}

const Function* find_function(const std::string& name) {
  const auto& all = functions();
  const auto it = std::find_if(all.begin(), all.end(), [&](const Function& f) { return f.name == name; });
  return it == all.end() ? nullptr : &*it;
}

bool is_entry_point(const std::string& name) {
  static const std::set<std::string> others{"DriverEntry", "DxgkInitialize", "DxgkUnInitialize"};
  return name.rfind("DxgkDdi", 0) == 0 || others.count(name) != 0;
}

bool applies(const Function& function, const Field& field, const nlohmann::json& in) {
  if (field.type < 0) return true;
  const auto it = in.find(function.selector);
  if (it == in.end()) return false;
  for (const Field& selector : function.fields)
    if (selector.name == function.selector && selector.names != nullptr && it->is_string())
      if (const auto value = value_of(*selector.names, it->get<std::string>()))
        return static_cast<int>(*value) == field.type;
  return number_of(*it) == static_cast<std::uint64_t>(field.type);
}

const Field* find_field(const Function& function, const std::string& name, bool in,
                        const nlohmann::json& given) {
  for (const Field& field : function.fields)
    if (field.name == name && (in ? field.in && applies(function, field, given) : field.out)) return &field;
  return nullptr;
}

bool same_value(const nlohmann::json& a, const nlohmann::json& b) {
  if (a == b) return true;
  const auto number = [](const nlohmann::json& value) -> std::optional<std::uint64_t> {
    if (value.is_number_unsigned()) return value.get<std::uint64_t>();
    return value.is_string() ? parse_number(value.get<std::string>()) : std::nullopt;
  };
  const auto x = number(a);
  return x && x == number(b);
}

nlohmann::json words_of(const void* data, std::size_t bytes, const Handles& handles) {
  nlohmann::json words = nlohmann::json::array();
  for (std::size_t at = 0; data != nullptr && at < std::min(bytes, kMostBytes); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, static_cast<const std::uint8_t*>(data) + at, std::min<std::size_t>(8, bytes - at));
    words.push_back(word == 0 ? nlohmann::json("0x0") : handles.show(word));
  }
  return words;
}

std::uint64_t number_of(const nlohmann::json& value) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  if (value.is_string()) return parse_number(value.get<std::string>()).value_or(0);
  return 0;
}

nlohmann::json show_in(const Function& function, const void* arguments, const Handles& handles) {
  nlohmann::json in = nlohmann::json::object();
  if (arguments == nullptr) return in;
  for (const Field& field : function.fields)
    if (field.name == function.selector) in[field.name] = show(field, load(field, arguments));
  for (const Field& field : function.fields) {
    if (!field.in || field.by_hand || !applies(function, field, in)) continue;
    const std::uint64_t value = load(field, arguments);
    in[field.name] = field.kind == FieldKind::kHandle ? handles.show(value) : show(field, value);
  }
  return in;
}

nlohmann::json show_out(const Function& function, const void* arguments, const NameHandle& name) {
  nlohmann::json out = nlohmann::json::object();
  if (arguments == nullptr) return out;
  for (const Field& field : function.fields) {
    if (!field.out || field.by_hand) continue;
    const std::uint64_t value = load(field, arguments);
    out[field.name] = field.kind == FieldKind::kHandle ? name(field, value) : show(field, value);
  }
  return out;
}

bool fill_in(const Function& function, const nlohmann::json& in, const Handles& handles, void* arguments,
             std::string& missing) {
  for (const Field& field : function.fields) {
    const auto it = in.find(field.name);
    if (!field.in || it == in.end()) continue;
    std::uint64_t value = 0;
    if (field.kind == FieldKind::kHandle) {
      const auto bound = handles.read(*it);
      if (!bound) {
        missing = it->is_string() ? it->get<std::string>() : it->dump();
        return false;
      }
      value = *bound;
    } else if (field.kind == FieldKind::kName && field.names == nullptr && it->is_string() &&
               !parse_number(it->get<std::string>())) {
      value = stand_in(it->get<std::string>());
    } else if (field.kind == FieldKind::kBool) {
      value = it->get<bool>() ? 1 : 0;
    } else if (field.kind == FieldKind::kName && field.names != nullptr && it->is_string() &&
               value_of(*field.names, it->get<std::string>())) {
      value = *value_of(*field.names, it->get<std::string>());
    } else {
      value = number_of(*it);
    }
    std::memcpy(static_cast<std::uint8_t*>(arguments) + field.offset, &value, field.bytes);
  }
  return true;
}

void fill_out(const Function& function, const nlohmann::json& out, void* arguments) {
  if (!out.is_object()) return;
  for (const Field& field : function.fields) {
    const auto it = out.find(field.name);
    if (!field.out || field.by_hand || field.kind == FieldKind::kHandle || it == out.end()) continue;
    std::uint64_t value = number_of(*it);
    if (it->is_boolean()) value = it->get<bool>() ? 1 : 0;
    std::memcpy(static_cast<std::uint8_t*>(arguments) + field.offset, &value, field.bytes);
  }
}

std::string value_error(const Field& field, const nlohmann::json& value) {
  const bool number = value.is_number_unsigned() ||
                      (value.is_string() && parse_number(value.get_ref<const std::string&>()).has_value());
  switch (field.kind) {
    case FieldKind::kBool:
      return value.is_boolean() ? "" : value.dump() + " is neither true nor false";
    case FieldKind::kHandle:
      if (value.is_null() || value.is_string()) return "";
      return value.dump() + " is no handle: null, a name, or a text with 0x";
    case FieldKind::kName: {
      if (number || (field.names == nullptr && value.is_string())) return "";
      if (field.names == nullptr) break;
      if (value.is_string() && value_of(*field.names, value.get<std::string>())) return "";
      std::string all;
      for (const auto& [name, n] : *field.names) all += (all.empty() ? "" : ", ") + name;
      return value.dump() + " is none of " + all + ", and no number";
    }
    case FieldKind::kPages: {
      const auto run = [](const nlohmann::json& entry) {
        const auto good = [](const nlohmann::json& n) {
          return n.is_number_unsigned() || (n.is_string() && parse_number(n.get_ref<const std::string&>()));
        };
        return entry.is_array() && entry.size() == 2 && good(entry[0]) && good(entry[1]);
      };
      if (value.is_array() && std::all_of(value.begin(), value.end(), run)) return "";
      return value.dump() + " is no list of [first, count]";
    }
    case FieldKind::kWords:
      if (value.is_array() && std::all_of(value.begin(), value.end(), [](const nlohmann::json& word) {
            return word.is_null() || word.is_string();
          }))
        return "";
      return value.dump() + " is no list of texts";
    case FieldKind::kObjects:
      if (value.is_array() && std::all_of(value.begin(), value.end(),
                                          [](const nlohmann::json& entry) { return entry.is_object(); }))
        return "";
      return value.dump() + " is no list of objects";
    default:
      break;
  }
  if (!number) return value.dump() + " is no number from 0 to 2^64-1, with 0x or K, M, G, T if it is a text";
  if (field.bytes < 8 && number_of(value) >> (8 * field.bytes) != 0)
    return value.dump() + " does not fit into " + std::to_string(8 * field.bytes) + " bits";
  return "";
}

std::string functions_markdown() {
  std::string text = "| function | `in` | `out` |\n|---|---|---|\n";
  for (const Function& function : functions()) {
    std::string in;
    std::string out;
    if (function.device) in = fmt::format("`{}`*", function.device_name);
    for (const Field& field : function.fields) {
      if (field.in)
        in += fmt::format("{}`{}`{}", in.empty() ? "" : " ", field.name, field.required ? "*" : "");
      if (field.out) out += fmt::format("{}`{}`", out.empty() ? "" : " ", field.name);
    }
    text += fmt::format("| `{}` | {} | {} |\n", function.name, in, out);
  }
  return text;
}

}  // namespace gpudmar::sim::replay
