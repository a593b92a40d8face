/* SPDX-License-Identifier: Apache-2.0 */
/* What a driver must not do that opts into isolation (R226): it is compiled and looked at, never run. */
void* MmAllocateContiguousMemory(unsigned long long bytes, long long highest);
void MmFreeContiguousMemory(void* memory);
void MmProbeAndLockPages(void* mdl, char mode, int operation);
void MmUnlockPages(void* mdl);

void careless_driver(void* mdl) {
  MmFreeContiguousMemory(MmAllocateContiguousMemory(4096, -1));
  MmFreeContiguousMemory(MmAllocateContiguousMemory(8192, -1));
  MmProbeAndLockPages(mdl, 0, 1);
  MmUnlockPages(mdl);
}
