# SPDX-License-Identifier: Apache-2.0
"""Paged pool by IRQL, assertions of a checked build, objects that were never initialized or are still in use."""
import unittest

from kmd_base import KmdTest

UNLOAD = "static VOID Unload(VOID) {}"
# What locks pages is not for a driver with isolation.
NO_ISOLATION = (("  Caps.MemoryManagementCaps.IoMmuSecureModeSupported = 1;\n", ""),
                ("  Iommu.IommuIsolationSupported = Iommu.DmaRemappingSupported = 1;\n", ""))


class Unloads(KmdTest):
    def unload(self, body, before="", args=(), code=1, locks=False):
        change = (UNLOAD, f"{before}\nstatic VOID Unload(VOID) {{\n{body}\n}}")
        if not locks:
            return self.judge_variant(change, args=args, code=code)
        return self.judge([self.variant(change, *NO_ISOLATION)], "--scenario", self.plan(start={"iommu": "off"}), *args,
                          code=code)

    def broken_rule(self, text, place, body, before="", function="Unload", locks=False):
        summary = self.unload(body, before, locks=locks)
        self.assertEqual(summary["status"], "kernel_rule")
        self.assertIn(text, summary["reason"])
        self.assertIn(text, self.rule(summary, "wdk")["text"])
        self.at(summary["stack"][0], place, function)
        return summary


class PagedPool(Unloads):
    BLOCK = "  volatile PUCHAR P = (PUCHAR)ExAllocatePool2(POOL_FLAG_PAGED, 64, EXAMPLE_TAG);\n  KIRQL Old;\n"

    def test_touched_at_dispatch_level(self):
        for access in ("P[1] = 1;", "Old += P[1];"):
            self.broken_rule("is accessed at IRQL 2: it may be paged out", access,
                             self.BLOCK + f"  KeRaiseIrql(DISPATCH_LEVEL, &Old);\n  {access}\n  KeLowerIrql(Old);")

    def test_touched_under_a_spin_lock(self):
        self.broken_rule("is accessed at IRQL 2", "P[1] = 1;",
                         self.BLOCK + "  KSPIN_LOCK Lock;\n  KeInitializeSpinLock(&Lock);\n  KeAcquireSpinLock(&Lock, &Old);\n"
                         "  P[1] = 1;\n  KeReleaseSpinLock(&Lock, Old);")

    def test_touched_by_a_dpc(self):
        self.broken_rule("is accessed at IRQL 2", "((PUCHAR)Context)[1] = 1;",
                         self.BLOCK + "  static KDPC Dpc;\n  KeInitializeDpc(&Dpc, Later, P);\n  P[0] = 1;\n"
                         "  KeInsertQueueDpc(&Dpc, NULL, NULL);\n  KeFlushQueuedDpcs();",
                         "static VOID Later(PKDPC, PVOID Context, PVOID, PVOID) {\n  ((PUCHAR)Context)[1] = 1;\n}", "Later")

    def test_freed_at_dispatch_level(self):
        self.broken_rule("freeing paged pool at IRQL 2", "  ExFreePoolWithTag((PVOID)P",
                         self.BLOCK + "  KeRaiseIrql(DISPATCH_LEVEL, &Old);\n  ExFreePoolWithTag((PVOID)P, EXAMPLE_TAG);")

    def test_what_is_good(self):
        """Below DISPATCH_LEVEL after a stay there, while a DPC runs beside it, and anywhere once it is locked."""
        self.unload(
            self.BLOCK +
            "  PUCHAR Large = (PUCHAR)ExAllocatePool2(POOL_FLAG_PAGED, 5 * PAGE_SIZE, EXAMPLE_TAG);\n"
            "  for (ULONG i = 0; i < 20; ++i) {\n"
            "    KeRaiseIrql(i % 2 ? DISPATCH_LEVEL : APC_LEVEL, &Old);\n    KeLowerIrql(Old);\n"
            "    P[i] = (UCHAR)i;\n    Large[i * 1000] = P[i];\n  }\n"
            "  static KDPC Dpc;\n  KeInitializeDpc(&Dpc, Later, NULL);\n  KeInsertQueueDpc(&Dpc, NULL, NULL);\n"
            "  for (ULONG i = 0; i < 20; ++i) {\n    KeQueryInterruptTime();\n    if (Large[i * 1000] != i) KeBugCheckEx(0xDEAD, i, 0, 0, 0);\n  }\n"
            "  PMDL Mdl = IoAllocateMdl(Large, 5 * PAGE_SIZE, FALSE, FALSE, NULL);\n"
            "  MmProbeAndLockPages(Mdl, KernelMode, IoWriteAccess);\n"
            "  KeRaiseIrql(DISPATCH_LEVEL, &Old);\n  Large[PAGE_SIZE] = 1;\n  KeLowerIrql(Old);\n"
            "  MmUnlockPages(Mdl);\n  IoFreeMdl(Mdl);\n  ExFreePoolWithTag(Large, EXAMPLE_TAG);\n"
            "  ExFreePoolWithTag((PVOID)P, EXAMPLE_TAG);",
            "static VOID Later(PKDPC, PVOID, PVOID, PVOID) { for (int i = 0; i < 50; ++i) KeStallExecutionProcessor(1); }",
            code=0, locks=True)

    def test_no_longer_locked(self):
        self.broken_rule("is accessed at IRQL 2", "P[1] = 1;",
                         self.BLOCK + "  PMDL Mdl = IoAllocateMdl(P, 64, FALSE, FALSE, NULL);\n"
                         "  MmProbeAndLockPages(Mdl, KernelMode, IoWriteAccess);\n  MmUnlockPages(Mdl);\n  IoFreeMdl(Mdl);\n"
                         "  KeRaiseIrql(DISPATCH_LEVEL, &Old);\n  P[1] = 1;\n  KeLowerIrql(Old);", locks=True)


class Assertions(Unloads):
    def test_one_that_fails(self):
        summary = self.unload("  NT_ASSERT(UnloadCount == 1);", "static ULONG UnloadCount;")
        self.assertEqual(summary["status"], "crash")
        self.assertIn("an assertion that fails (NT_ASSERT, PAGED_CODE)", summary["reason"])
        self.assertNotIn("IRQL", summary["reason"])
        self.at(summary["stack"][0], "NT_ASSERT(UnloadCount == 1);", "Unload")

    def test_paged_code_at_dispatch_level(self):
        summary = self.unload("  KIRQL Old;\n  KeRaiseIrql(DISPATCH_LEVEL, &Old);\n  PAGED_CODE();\n  KeLowerIrql(Old);")
        self.assertEqual(summary["status"], "crash")
        self.assertIn("at IRQL 2", summary["reason"])
        self.assertIn("(Unload", summary["stack"][0])

    def test_a_free_build(self):
        for flag in ("-DDBG=0", "-UDBG"):
            self.unload("  NT_ASSERT(UnloadCount == 1);", "static ULONG UnloadCount;", args=(f"--cflag={flag}",), code=0)


class Objects(Unloads):
    def test_never_initialized(self):
        wait = "  LARGE_INTEGER Soon;\n  Soon.QuadPart = -100;\n"
        for body, before, place in (
                (wait + "  KeWaitForSingleObject(&Seen, Executive, KernelMode, FALSE, &Soon);", "static KEVENT Seen;",
                 "KeWaitForSingleObject(&Seen"),
                ("  KeSetEvent(&Seen, 0, FALSE);", "static KEVENT Seen;", "KeSetEvent(&Seen"),
                ("  KeReleaseSemaphore(&Free, 0, 1, FALSE);", "static KSEMAPHORE Free;", "KeReleaseSemaphore(&Free"),
                (wait + "  KeSetTimer(&Timer, Soon, NULL);", "static KTIMER Timer;", "KeSetTimer(&Timer"),
                ("  KeInsertQueueDpc(&Dpc, NULL, NULL);", "static KDPC Dpc;", "KeInsertQueueDpc(&Dpc"),
                ("  KEVENT First, Second;\n  KeInitializeEvent(&First, NotificationEvent, TRUE);\n"
                 "  RtlCopyMemory(&Second, &First, sizeof(First));\n  KeSetEvent(&Second, 0, FALSE);", "", "KeSetEvent(&Second")):
            with self.subTest(place):
                self.broken_rule("never initialized", place, body, before)

    def test_spin_locks_at_dpc_level_only(self):
        begin = "  KSPIN_LOCK Lock;\n  KLOCK_QUEUE_HANDLE Handle;\n  KIRQL Old;\n  KeInitializeSpinLock(&Lock);\n"
        for call in ("KeAcquireSpinLockAtDpcLevel(&Lock);", "KeTryToAcquireSpinLockAtDpcLevel(&Lock);",
                     "KeAcquireInStackQueuedSpinLockAtDpcLevel(&Lock, &Handle);"):
            with self.subTest(call):
                self.broken_rule("at IRQL 0", call, f"{begin}  {call}\n  (VOID)Handle;\n  (VOID)Old;")
        for call in ("KeReleaseSpinLockFromDpcLevel(&Lock);", "KeReleaseSpinLock(&Lock, Old);"):
            with self.subTest(call):
                self.broken_rule("at IRQL 0", call, f"{begin}  KeAcquireSpinLock(&Lock, &Old);\n  KeLowerIrql(Old);\n"
                                                    f"  {call}\n  (VOID)Handle;")

    def test_a_timer_that_is_set_goes_with_its_pool(self):
        block = ("  PKTIMER Timer = (PKTIMER)ExAllocatePool2(POOL_FLAG_NON_PAGED, 2 * sizeof(KTIMER), EXAMPLE_TAG) + 1;\n"
                 "  LARGE_INTEGER Soon;\n  Soon.QuadPart = -1000;\n  KeInitializeTimer(Timer);\n  KeSetTimer(Timer, Soon, NULL);\n")
        self.broken_rule("a timer that is set", "ExFreePoolWithTag(Timer - 1", block + "  ExFreePoolWithTag(Timer - 1, EXAMPLE_TAG);")
        self.unload(block + "  KeCancelTimer(Timer);\n  ExFreePoolWithTag(Timer - 1, EXAMPLE_TAG);", code=0)
        self.unload(block + "  KeWaitForSingleObject(Timer, Executive, KernelMode, FALSE, NULL);\n"
                            "  ExFreePoolWithTag(Timer - 1, EXAMPLE_TAG);", code=0)

    def test_a_lock_that_is_held_goes_with_its_pool(self):
        self.broken_rule("a spin lock that is held", "ExFreePoolWithTag(Lock",
                         "  PKSPIN_LOCK Lock = (PKSPIN_LOCK)ExAllocatePool2(POOL_FLAG_NON_PAGED, 64, EXAMPLE_TAG);\n  KIRQL Old;\n"
                         "  KeInitializeSpinLock(Lock);\n  KeAcquireSpinLock(Lock, &Old);\n  ExFreePoolWithTag(Lock, EXAMPLE_TAG);\n")


class PagedPoolInATrace(Unloads):
    def test_pool_is_the_hosts_there(self):
        self.unload(PagedPool.BLOCK + "  P[1] = 1;\n  ExFreePoolWithTag((PVOID)P, EXAMPLE_TAG);\n  (VOID)Old;",
                    args=("--record", self.dir / "t.jsonl"), code=0)


if __name__ == "__main__":
    unittest.main()
