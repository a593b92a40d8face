# SPDX-License-Identifier: Apache-2.0
"""Accesses of memory that is not there: what lay there, who gave it back, and how the run ends."""
import unittest

from kmd_base import PAGER, KmdTest, covers

FILL = "  RtlFillMemory(Adapter->Source.Data, COPY_BYTES, 0xA5);"
UNLOAD = "static VOID Unload(VOID) {}"


class Views(KmdTest):
    def test_a_byte_past_the_end_of_a_view(self):
        summary = self.judge_variant((FILL, "  RtlFillMemory(Adapter->Source.Data, COPY_BYTES + 1, 0xA5);"))
        self.assertEqual((summary["status"], summary["reason_in"]), ("crash", "DxgkDdiStartDevice"))
        self.assertIn("0 bytes past the end of the CPU mapping of DxgkCbMapPhysicalMemory of 0x3000 bytes",
                      summary["reason"])
        self.at(next(place for place in summary["stack"] if "CopyOnce" in place), "COPY_BYTES + 1", "CopyOnce")
        self.at(summary["crash_at"]["given_at"][0], "DxgkCbMapPhysicalMemory(&Map)", "AllocateMemory")
        self.assertEqual(summary["crash_at"]["given_back_at"], [])
        self.assertIn("it was given\n    at ", summary["output"])

    def test_a_byte_before_the_begin_of_a_view(self):
        summary = self.judge_variant((FILL, "  Adapter->Source.Data[-1] = 1;"))
        self.assertEqual(summary["status"], "crash")
        self.assertIn("1 bytes in front of the CPU mapping of DxgkCbMapPhysicalMemory", summary["reason"])
        self.at(summary["stack"][0], "Source.Data[-1] = 1;", "CopyOnce")

    def test_far_past_the_end(self):
        summary = self.judge_variant((FILL, "  Adapter->Source.Data[COPY_BYTES + 60000] = 1;"))
        self.assertIn("60000 bytes past the end of the CPU mapping", summary["reason"])

    def test_a_view_that_is_unmapped(self):
        """Another view of the same size is made meanwhile: it lies elsewhere."""
        summary = self.judge_variant(
            ("    Adapter->Dxgk.DxgkCbUnmapPhysicalMemory(&Unmap);",
             "    Adapter->Dxgk.DxgkCbUnmapPhysicalMemory(&Unmap);\n"
             "    DXGKARGCB_MAP_PHYSICAL_MEMORY Again = {Memory->Object, DXGK_ACCESS_MODE_KERNEL_MODE, 0, Memory->MappedSize};\n"
             "    Adapter->Dxgk.DxgkCbMapPhysicalMemory(&Again);\n    Memory->Data[5] = 1;"))
        self.assertEqual((summary["status"], summary["reason_in"]), ("crash", "DxgkDdiStopDevice"))
        self.assertIn("offset 0x5 of the CPU mapping of DxgkCbMapPhysicalMemory", summary["reason"])
        self.assertIn("which was given back", summary["reason"])
        self.at(summary["crash_at"]["given_back_at"][0], "DxgkCbUnmapPhysicalMemory(&Unmap)", "FreeMemory")
        self.at(summary["stack"][0], "Memory->Data[5] = 1;", "FreeMemory")
        self.assertIn("it was given back\n    at ", summary["output"])


class PagingBuffers(KmdTest):
    driver = PAGER

    @covers("E8")
    def test_a_driver_that_does_not_look_at_the_size(self):
        summary = self.judge(
            [self.variant(("    if (Args->DmaSize < DESCRIPTOR_BYTES || ", "    if ("),
                          ("  Args->pDmaBuffer = Next;", "  Args->pDmaBuffer = (PUCHAR)Args->pDmaBuffer + 64;"))],
            "--scenario", self.plan({"do": "allocate", "name": "a", "bytes": (100 * 4096).to_bytes(8, "little").hex()},
                                    {"do": "write", "name": "a", "pattern": 3},
                                    {"do": "resident", "name": "a", "where": "vram"}))
        self.assertEqual((summary["status"], summary["reason_in"]), ("crash", "DxgkDdiBuildPagingBuffer"))
        self.assertIn("past the end of the paging buffer of 0x1000 bytes", summary["reason"])
        rule = self.rule(summary, "E8")
        self.assertIn("past the end of the paging buffer", rule["text"])
        self.assertEqual(rule["stack"], summary["stack"])
        self.assertNotIn("E8", summary["rules_kept"])


class Pool(KmdTest):
    def test_a_block_that_was_freed(self):
        summary = self.judge_variant(
            (UNLOAD, "static VOID Unload(VOID) {\n"
                     "  volatile PUCHAR P = (PUCHAR)ExAllocatePool2(POOL_FLAG_NON_PAGED, 640, EXAMPLE_TAG);\n"
                     "  ExFreePoolWithTag(P, EXAMPLE_TAG);\n  P[8] = 1;\n}"))
        self.assertEqual(summary["status"], "crash")
        self.assertIn("offset 0x8 of the pool block of 0x280 bytes", summary["reason"])
        self.at(summary["crash_at"]["given_at"][0], "ExAllocatePool2(POOL_FLAG_NON_PAGED, 640", "Unload")
        self.at(summary["crash_at"]["given_back_at"][0], "  ExFreePoolWithTag(P, EXAMPLE_TAG);", "Unload")
        self.at(summary["stack"][0], "  P[8] = 1;", "Unload")
        self.assertGreater(summary["cycles"], 3000)
        self.assertGreater(summary["rules_kept"]["E14"], 0)  # the judge's words come, too

    def test_a_null_pointer(self):
        summary = self.judge_variant((UNLOAD, "static volatile PUCHAR None;\nstatic VOID Unload(VOID) { None[16] = 1; }"))
        self.assertIn("Segmentation fault at address 0x10: a null pointer", summary["reason"])

    def test_a_pointer_from_memory_that_was_never_written(self):
        summary = self.judge_variant(
            (UNLOAD, "static VOID Unload(VOID) {\n"
                     "  PUCHAR* P = (PUCHAR*)ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_UNINITIALIZED, 64, EXAMPLE_TAG);\n"
                     "  P[2][0] = 1;\n}"))
        self.assertIn("no address at all", summary["reason"])
        self.at(summary["stack"][0], "P[2][0] = 1;", "Unload")


class Registers(KmdTest):
    def test_a_window_that_is_unmapped(self):
        summary = self.judge_variant(("    Adapter->Registers = NULL;\n  }",
                                      "    Adapter->Registers->IntEnable = 0;\n    Adapter->Registers = NULL;\n  }"))
        self.assertEqual(summary["status"], "crash")
        self.assertRegex(summary["reason"], "offset 0x[0-9a-f]+ of the register window of 0x[0-9a-f]+ bytes .*given back")
        self.at(summary["crash_at"]["given_back_at"][0], "Dxgk.DxgkCbUnmapMemory(", "StopDevice")

    def test_beyond_the_bar(self):
        summary = self.judge_variant(("  Registers->Control = 1;",
                                      "  Registers->Control = 1;\n  ((volatile ULONG*)Registers)[0x40000 / 4] = 1;"))
        self.assertEqual(summary["status"], "crash")
        self.assertRegex(summary["reason"], "[0-9]+ bytes past the end of the register window of")
        self.at(summary["stack"][0], "[0x40000 / 4] = 1;", "CopyOnce")

    def test_a_write_that_no_bus_carries(self):
        summary = self.judge_variant(
            ("  Registers->IntEnable = 3;",
             "  WRITE_REGISTER_USHORT((volatile USHORT*)&Registers->IntEnable, 3);"))
        self.assertEqual(summary["status"], "bad_access")
        self.assertIn("a 2-byte write to register offset", summary["reason"])
        self.at(summary["stack"][0], "WRITE_REGISTER_USHORT(", "CopyOnce")


class Exceptions(KmdTest):
    def test_none_of_the_drivers_own(self):
        summary = self.judge_variant((UNLOAD, "static VOID Unload(VOID) { throw 5; }"))
        self.assertEqual(summary["status"], "does_not_compile")
        self.assertRegex("\n".join(summary["warnings"]), r"broken\.cpp:\d+:\d+: error: cannot use 'throw'")

    def test_what_nothing_catches(self):
        summary = self.judge_variant(
            (UNLOAD, 'extern "C" { void* __cxa_allocate_exception(SIZE_T); extern char _ZTIi;\n'
                     "[[noreturn]] void __cxa_throw(void*, void*, void (*)(void*)); }\n"
                     "static VOID Unload(VOID) {\n  KeQueryInterruptTime();\n"
                     "  __cxa_throw(__cxa_allocate_exception(4), &_ZTIi, NULL);\n}"))
        self.assertEqual(summary["status"], "exception")
        self.assertIn("an exception of type int", summary["reason"])
        self.at(summary["stack"][0], "  KeQueryInterruptTime();", "Unload")  # the last call before it
        self.assertGreater(summary["cycles"], 3000)

    def test_memory_that_must_be_there_is_not(self):
        summary = self.judge([self.variant(
            (UNLOAD, "static VOID Unload(VOID) {\n"
                     "  ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_RAISE_ON_FAILURE, (SIZE_T)1 << 62, EXAMPLE_TAG);\n}"))])
        self.assertEqual(summary["status"], "exception")
        self.at(summary["stack"][0], "POOL_FLAG_RAISE_ON_FAILURE", "Unload")


class StaticConstructors(KmdTest):
    def test_one_that_crashes(self):
        summary = self.judge_variant(
            (UNLOAD, "static struct MADE { MADE() {\n  *(volatile int*)8 = 1;\n} } Made;\n" + UNLOAD))
        self.assertEqual((summary["status"], summary["stage"]), ("crash", "load"))
        self.assertIn("Segmentation fault at address 0x8: a null pointer", summary["reason"])
        self.at(summary["stack"][0], "  *(volatile int*)8 = 1;", "MADE")

    def test_one_that_never_returns(self):
        summary = self.judge_variant(
            (UNLOAD, "static struct MADE { MADE() {\n  for (volatile int i = 0;; ++i) {}\n} } Made;\n" + UNLOAD))
        self.assertEqual((summary["status"], summary["stage"]), ("endless_loop", "load"))
        self.at(summary["stack"][0], "for (volatile int i = 0;; ++i) {}", "MADE")

    def test_one_that_calls_the_kernel(self):
        self.judge_variant((UNLOAD, "static KEVENT Seen;\nstatic struct MADE { MADE() { KeInitializeEvent(&Seen, NotificationEvent, TRUE);\n"
                                    "  DbgPrint(\"made\"); } } Made;\n"
                                    "static VOID Unload(VOID) { if (!KeReadStateEvent(&Seen)) KeBugCheckEx(0xDEAD, 0, 0, 0, 0); }"),
                           code=0)


if __name__ == "__main__":
    unittest.main()
