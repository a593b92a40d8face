# SPDX-License-Identifier: Apache-2.0
"""gpu-dmar kmd and what a driver's memory manager asks the kernel for: lookaside lists, tables, bitmaps, locks, strings."""
import unittest

from kmd_base import KmdTest, covers

INCLUDES = "#include <ntintsafe.h>\n#include <ntstrsafe.h>\n"

ADD = """  *MiniportDeviceContext = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(EXAMPLE_ADAPTER), EXAMPLE_TAG);
"""
REMOVE = """  ExFreePoolWithTag(MiniportDeviceContext, EXAMPLE_TAG);
  return STATUS_SUCCESS;
"""
BEFORE = "static NTSTATUS AddDevice(IN_CONST_PDEVICE_OBJECT, OUT_PPVOID MiniportDeviceContext) {\n"

# Address ranges in a table, their numbers from a bitmap, their nodes from a lookaside list.
MANAGER = """
struct RANGE { ULONG64 Start; ULONG Number; };
static LOOKASIDE_LIST_EX Nodes;
static NPAGED_LOOKASIDE_LIST Packets;
static SLIST_HEADER FreePackets;
static RTL_AVL_TABLE Ranges;
static RTL_BITMAP Numbers;
static ULONG NumberBits[4];
static EX_PUSH_LOCK RangesLock;
static EX_SPIN_LOCK PacketsLock;
static RTL_GENERIC_COMPARE_RESULTS Compare(struct _RTL_AVL_TABLE*, PVOID First, PVOID Second) {
  const ULONG64 A = ((RANGE*)First)->Start, B = ((RANGE*)Second)->Start;
  return A < B ? GenericLessThan : A > B ? GenericGreaterThan : GenericEqual;
}
static PVOID NewNode(struct _RTL_AVL_TABLE*, CLONG ByteSize) {
  return ByteSize <= 64 ? ExAllocateFromLookasideListEx(&Nodes) : NULL;
}
static VOID FreeNode(struct _RTL_AVL_TABLE*, PVOID Node) { ExFreeToLookasideListEx(&Nodes, Node); }
static NTSTATUS UseManager() {
  NTSTATUS Status = ExInitializeLookasideListEx(&Nodes, NULL, NULL, NonPagedPoolNx, 0, 64, EXAMPLE_TAG, 0);
  if (!NT_SUCCESS(Status)) return Status;
  ExInitializeNPagedLookasideList(&Packets, NULL, NULL, POOL_NX_ALLOCATION, 64, EXAMPLE_TAG, 0);
  ExInitializeSListHead(&FreePackets);
  ExInitializePushLock(&RangesLock);
  RtlInitializeGenericTableAvl(&Ranges, Compare, NewNode, FreeNode, NULL);
  RtlInitializeBitMap(&Numbers, NumberBits, 128);
  RtlClearAllBits(&Numbers);
  KeEnterCriticalRegion();
  ExAcquirePushLockExclusive(&RangesLock);
  for (ULONG i = 0; i < 10; ++i) {
    RANGE Range = {(i * 7 % 10) * 0x1000ull, RtlFindClearBitsAndSet(&Numbers, 1, 0)};
    BOOLEAN New = FALSE;
    if (RtlInsertElementGenericTableAvl(&Ranges, &Range, sizeof(Range), &New) == NULL || !New) Status = STATUS_NO_MEMORY;
  }
  ExReleasePushLockExclusive(&RangesLock);
  KeLeaveCriticalRegion();
  ULONG64 Last = 0;
  for (RANGE* Range = (RANGE*)RtlEnumerateGenericTableAvl(&Ranges, TRUE); Range != NULL;
       Range = (RANGE*)RtlEnumerateGenericTableAvl(&Ranges, FALSE)) {
    if (Range->Start < Last || !RtlTestBit(&Numbers, Range->Number)) Status = STATUS_DATA_ERROR;
    Last = Range->Start;
  }
  PSLIST_ENTRY Packet = (PSLIST_ENTRY)ExAllocateFromNPagedLookasideList(&Packets);
  const KIRQL Irql = ExAcquireSpinLockExclusive(&PacketsLock);
  ExInterlockedPushEntrySList(&FreePackets, Packet, NULL);
  ExReleaseSpinLockExclusive(&PacketsLock, Irql);
  SIZE_T Bytes;
  if (NT_SUCCESS(RtlSizeTMult(MAXSIZE_T, 2, &Bytes))) Status = STATUS_DATA_ERROR;
  WCHAR Text[32];
  if (!NT_SUCCESS(RtlStringCbPrintfW(Text, sizeof(Text), L"%u ranges, %s", RtlNumberGenericTableElementsAvl(&Ranges), L"up")))
    Status = STATUS_DATA_ERROR;
  DbgPrintEx(DPFLTR_IHVVIDEO_ID, DPFLTR_ERROR_LEVEL, "%ws, last %p\\n", Text, (PVOID)(ULONG_PTR)Last);
  return Status;
}
static VOID EndManager() {
  while (RtlNumberGenericTableElementsAvl(&Ranges) != 0) {
    RANGE Range = *(RANGE*)RtlGetElementGenericTableAvl(&Ranges, 0);
    RtlClearBit(&Numbers, Range.Number);
    RtlDeleteElementGenericTableAvl(&Ranges, &Range);
  }
  while (PSLIST_ENTRY Packet = ExInterlockedPopEntrySList(&FreePackets, NULL))
    ExFreeToNPagedLookasideList(&Packets, Packet);
  ExDeleteNPagedLookasideList(&Packets);
  ExDeleteLookasideListEx(&Nodes);
}
"""


class MemoryManager(KmdTest):
    def manager(self, *changes, code=1):
        text = MANAGER
        for old, new in changes:
            self.assertEqual(text.count(old), 1, old)
            text = text.replace(old, new)
        return self.judge_variant(
            ('#include <ntddk.h>\n', '#include <ntddk.h>\n' + INCLUDES),
            (BEFORE, text + BEFORE),
            (ADD, "  NTSTATUS Used = UseManager();\n  if (!NT_SUCCESS(Used)) return Used;\n" + ADD),
            (REMOVE, "  EndManager();\n" + REMOVE), code=code)

    def test_a_memory_manager_works_and_leaves_nothing(self):
        summary = self.manager(code=0)
        self.assertEqual((summary["status"], summary["leaks"]), ("pass", 0))
        self.assertIn("10 ranges, up, last 0000000000009000", summary["output"])

    @covers("E18")
    def test_a_lost_entry_is_pool_from_its_place(self):
        summary = self.manager(("  while (PSLIST_ENTRY Packet = ExInterlockedPopEntrySList(&FreePackets, NULL))\n"
                                "    ExFreeToNPagedLookasideList(&Packets, Packet);\n", ""))
        self.assertEqual([leak["kind"] for leak in summary["leak_list"]], ["pool"])
        self.at(summary["leak_list"][0]["at"], "ExAllocateFromNPagedLookasideList(&Packets)", "UseManager")
        self.assertEqual({entry["rule"] for entry in summary["rules_broken"]}, {"E18"})

    @covers("E18")
    def test_a_list_that_nobody_deletes(self):
        summary = self.manager(("  ExDeleteLookasideListEx(&Nodes);\n", ""))
        self.assertEqual([leak["kind"] for leak in summary["leak_list"]], ["lookaside list"])
        self.at(summary["leak_list"][0]["at"], "ExInitializeLookasideListEx(&Nodes", "UseManager")

    def test_an_entry_freed_twice(self):
        summary = self.manager(("    ExFreeToNPagedLookasideList(&Packets, Packet);\n",
                                "    ExFreeToNPagedLookasideList(&Packets, Packet), "
                                "ExFreeToNPagedLookasideList(&Packets, Packet);\n"))
        self.assertEqual(summary["status"], "kernel_rule")
        self.assertRegex(summary["reason"], "is no entry that .* gave out, or it is freed twice")
        self.assertIn("(EndManager", summary["stack"][0])

    def test_a_packet_pushed_twice(self):
        push = "  ExInterlockedPushEntrySList(&FreePackets, Packet, NULL);\n"
        summary = self.manager((push, push + "  InterlockedPushEntrySList(&FreePackets, Packet);\n"))
        self.assertEqual(summary["status"], "kernel_rule")
        self.assertRegex(summary["reason"], "the entry at 0x[0-9a-f]+ is in .* already")
        self.at(summary["stack"][0], "  InterlockedPushEntrySList(&FreePackets", "UseManager")

    def test_a_push_lock_outside_a_critical_region(self):
        summary = self.manager(("  KeEnterCriticalRegion();\n", ""))
        self.assertEqual(summary["status"], "kernel_rule")
        self.assertIn("ExAcquirePushLockExclusive outside a critical region", summary["reason"])
        self.at(summary["stack"][0], "ExAcquirePushLockExclusive(&RangesLock)", "UseManager")

    def test_a_region_that_is_not_left(self):
        summary = self.manager(("  KeLeaveCriticalRegion();\n", ""))
        self.assertRegex(self.rule(summary, "wdk")["text"], "returns and is in a critical region that it entered")

    def test_a_bitmap_has_an_end(self):
        summary = self.manager(("RtlClearAllBits(&Numbers);", "RtlClearBits(&Numbers, 0, 129);"))
        self.assertEqual(summary["status"], "kernel_rule")
        self.assertIn("RtlClearBits: 129 bits from 0 on, in a bitmap of 128", summary["reason"])


if __name__ == "__main__":
    unittest.main()
