// SPDX-License-Identifier: Apache-2.0
// The kit's pool functions and KeBugCheckEx.
#include "driver-model/wdk/runtime/runtime.h"

using gpudmar::wdk::BugCheck;
using gpudmar::wdk::Runtime;

namespace {

// What an allocation that must not fail raises (STATUS_INSUFFICIENT_RESOURCES); there is no __except to catch
// it.
[[noreturn]] void raise_allocation_failure() { throw std::bad_alloc(); }

constexpr POOL_FLAGS kKnownRequired =
    POOL_FLAG_USE_QUOTA | POOL_FLAG_UNINITIALIZED | POOL_FLAG_SESSION | POOL_FLAG_CACHE_ALIGNED |
    POOL_FLAG_RESERVED1 | POOL_FLAG_RAISE_ON_FAILURE | POOL_FLAG_NON_PAGED | POOL_FLAG_NON_PAGED_EXECUTE |
    POOL_FLAG_PAGED | POOL_FLAG_RESERVED2 | POOL_FLAG_RESERVED3;
constexpr POOL_FLAGS kRequiredBits = 0xFFFFFFFF;
constexpr ULONG kNoTag = 0x656E6F4E;  // 'None', as Windows marks them

}  // namespace

extern "C" {

PVOID ExAllocatePool2(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag) {
  Runtime& runtime = Runtime::enter("ExAllocatePool2");
  runtime.require_at_most((Flags & POOL_FLAG_PAGED) != 0 ? APC_LEVEL : DISPATCH_LEVEL, "ExAllocatePool2");
  const int kinds = ((Flags & POOL_FLAG_NON_PAGED) != 0) + ((Flags & POOL_FLAG_NON_PAGED_EXECUTE) != 0) +
                    ((Flags & POOL_FLAG_PAGED) != 0);
  PVOID address = nullptr;
  if ((Flags & kRequiredBits & ~kKnownRequired) == 0 && kinds == 1) {
    address = runtime.pool_allocate(
        NumberOfBytes, Tag, (Flags & POOL_FLAG_UNINITIALIZED) == 0,
        (Flags & POOL_FLAG_PAGED) == 0 ? Runtime::Pool::kNonPaged : Runtime::Pool::kPaged);
  }
  if (address == nullptr && (Flags & POOL_FLAG_RAISE_ON_FAILURE) != 0) raise_allocation_failure();
  return address;
}

PVOID ExAllocatePoolWithTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag) {
  Runtime& runtime = Runtime::enter("ExAllocatePoolWithTag");
  runtime.require_at_most((static_cast<ULONG>(PoolType) & PagedPool) != 0 ? APC_LEVEL : DISPATCH_LEVEL,
                          "ExAllocatePoolWithTag");
  const bool zero = (static_cast<ULONG>(PoolType) & POOL_ZERO_ALLOCATION) != 0;
  const bool paged = (static_cast<ULONG>(PoolType) & PagedPool) != 0;
  PVOID address = runtime.pool_allocate(NumberOfBytes, Tag, zero,
                                        paged ? Runtime::Pool::kPaged : Runtime::Pool::kNonPaged);
  if (address == nullptr && (static_cast<ULONG>(PoolType) & POOL_RAISE_IF_ALLOCATION_FAILURE) != 0) {
    raise_allocation_failure();
  }
  return address;
}

PVOID ExAllocatePool(POOL_TYPE PoolType, SIZE_T NumberOfBytes) {
  return ExAllocatePoolWithTag(PoolType, NumberOfBytes, kNoTag);
}

PVOID ExAllocatePoolWithTagPriority(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag, EX_POOL_PRIORITY) {
  return ExAllocatePoolWithTag(PoolType, NumberOfBytes, Tag);
}

PVOID ExAllocatePoolWithQuotaTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag) {
  const auto type = static_cast<ULONG>(PoolType);
  const bool may_fail = (type & POOL_QUOTA_FAIL_INSTEAD_OF_RAISE) != 0;
  PVOID address = ExAllocatePoolWithTag(
      static_cast<POOL_TYPE>(type & ~ULONG{POOL_QUOTA_FAIL_INSTEAD_OF_RAISE}), NumberOfBytes, Tag);
  if (address == nullptr && !may_fail) raise_allocation_failure();
  return address;
}

PVOID ExAllocatePoolWithQuota(POOL_TYPE PoolType, SIZE_T NumberOfBytes) {
  return ExAllocatePoolWithQuotaTag(PoolType, NumberOfBytes, kNoTag);
}

VOID ExFreePoolWithTag(PVOID P, ULONG Tag) { Runtime::enter("ExFreePoolWithTag").pool_free(P, Tag, true); }

VOID ExFreePool(PVOID P) { Runtime::enter("ExFreePool").pool_free(P, 0, false); }

VOID KeBugCheckEx(ULONG BugCheckCode, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4) {
  const BugCheck bugcheck(BugCheckCode, P1, P2, P3, P4);
  const Runtime& runtime = Runtime::active();
  if (runtime.options().on_rule_error) runtime.options().on_rule_error(bugcheck.what());
  throw bugcheck;
}

VOID KeBugCheck(ULONG BugCheckCode) { KeBugCheckEx(BugCheckCode, 0, 0, 0, 0); }

}  // extern "C"
