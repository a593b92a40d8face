# SPDX-License-Identifier: Apache-2.0
"""gpu-dmar kmd and what ends in a status, a failed start or a bugcheck: the rule behind it is told, too."""
import unittest

from kmd_base import EXAMPLE, PAGER, SAVER, KmdTest, covers

COPY = "  if (NT_SUCCESS(Status)) Status = CopyOnce(Adapter);\n"
OBJECT = """  DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT Create = {};
  Create.hAdapter = Adapter->Dxgk.DeviceHandle;
  Create.Size = PAGE_SIZE;
  Create.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
"""


class Calls(KmdTest):
    driver = EXAMPLE

    @covers("R59")
    def test_io_space_over_ram(self):
        summary = self.judge_variant((COPY, COPY + OBJECT +
                                      "  Create.Type = DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE;\n"
                                      "  Create.IOSpace.BaseAddress.QuadPart = 0x100000;\n"
                                      "  Adapter->Dxgk.DxgkCbCreatePhysicalMemoryObject(&Create);\n"))
        self.assertEqual(summary["status"], "fail")
        self.assertIn("I/O space at 0x100000", self.rule(summary, "R59")["text"])

    @covers("R114")
    def test_a_section_that_may_only_be_read(self):
        summary = self.judge_variant((COPY, COPY + OBJECT + """
  Create.Type = DXGK_PHYSICAL_MEMORY_TYPE_SECTION;
  Create.Section.DesiredAccess = SECTION_MAP_READ;
  Create.Section.PageProtection = PAGE_READWRITE;
  Adapter->Dxgk.DxgkCbCreatePhysicalMemoryObject(&Create);
  DXGKARGCB_MAP_PHYSICAL_MEMORY Map = {Create.hPhysicalMemoryObject, DXGK_ACCESS_MODE_KERNEL_MODE, 0, PAGE_SIZE};
  Adapter->Dxgk.DxgkCbMapPhysicalMemory(&Map);
  DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT Destroy = {Create.hPhysicalMemoryObject, Create.hAdapterMemoryObject};
  Adapter->Dxgk.DxgkCbDestroyPhysicalMemoryObject(&Destroy);
"""))
        self.assertEqual((summary["status"], len(summary["rules_broken"])), ("fail", 1))
        self.rule(summary, "R114")

    @covers("R82")
    def test_open_on_two_links(self):
        first = "static HANDLE Object;\nstatic NTSTATUS StartDevice("
        text = """  if (Object == NULL) Object = Adapter->Source.Object;
  DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT Open = {Object, Adapter->Dxgk.DeviceHandle};
  if (Object != Adapter->Source.Object) Adapter->Dxgk.DxgkCbOpenPhysicalMemoryObject(&Open);
"""
        source = self.variant((COPY, COPY + text), ("static NTSTATUS StartDevice(", first))
        summary = self.judge([source], "--scenario", self.plan(adapters=2))
        self.assertEqual([rule["rule"] for rule in summary["rules_broken"]], ["R82"], summary["output"])

    @covers("R143")
    def test_two_threads_free_one_adl(self):
        summary = self.judge_variant(
            ("  if (!NT_SUCCESS(Status)) StopDevice(MiniportDeviceContext);\n  return Status;", """
  if (!NT_SUCCESS(Status)) {
    StopDevice(MiniportDeviceContext);
    return Status;
  }
  for (int i = 0; i < 2; ++i) {
    HANDLE Thread;
    PsCreateSystemThread(&Thread, THREAD_ALL_ACCESS, NULL, NULL, NULL, Racer, Adapter);
    ZwClose(Thread);
  }
  LARGE_INTEGER Interval;
  Interval.QuadPart = -10000;
  KeDelayExecutionThread(KernelMode, FALSE, &Interval);
  return Status;"""),
            ("static NTSTATUS StopDevice(", """static VOID Racer(PVOID Context) {
  EXAMPLE_ADAPTER* Adapter = (EXAMPLE_ADAPTER*)Context;
  if (Adapter->Source.Object) FreeMemory(Adapter, &Adapter->Source);
  PsTerminateSystemThread(0);
}
static NTSTATUS StopDevice("""))
        self.assertEqual(summary["bugcheck"]["code"], 0x113)
        rule = self.rule(summary, "R143")
        self.assertIn("Racer", rule["stack"][-1])


class Answers(KmdTest):
    driver = EXAMPLE

    @covers("R10")
    def test_capabilities_do_not_mirror_each_other(self):
        summary = self.judge_variant(("  Caps.MemoryManagementCaps.IoMmuSecureModeSupported = 1;\n", ""))
        self.assertEqual(summary["status"], "start_failed")
        self.assertIn("IoMmuSecureModeSupported = false", self.rule(summary, "R10")["text"])


class PagerAnswers(KmdTest):
    driver = PAGER

    @covers("R168")
    def test_for_the_cpu_in_an_aperture_that_it_has_not(self):
        allocate = {"do": "allocate", "name": "a", "bytes": (4096).to_bytes(8, "little").hex()}
        source = self.variant(("  Info->hAllocation = Allocation;",
                               "  Info->hAllocation = Allocation;\n  Info->FlagsWddm2.MapApertureCpuVisible = 1;"))
        summary = self.judge([source], "--scenario", self.plan(allocate))
        self.assertIn("without AccessedPhysically", self.rule(summary, "R168")["text"])

    @covers("R22")
    def test_reserves_ram(self):
        source = self.variant(("    case DXGKQAITYPE_DRIVERCAPS:\n      break;\n",
                               "    case DXGKQAITYPE_DRIVERCAPS:\n      break;\n"
                               "    case DXGKQAITYPE_HARDWARERESERVEDRANGES: {\n"
                               "      DXGK_HARDWARERESERVEDRANGES* Out = (DXGK_HARDWARERESERVEDRANGES*)Query->pOutputData;\n"
                               "      Out->NumRanges = 1;\n"
                               "      if (Out->pPhysicalRanges == NULL) return STATUS_SUCCESS;\n"
                               "      Out->pPhysicalRanges[0].BaseAddress.QuadPart = 0x100000;\n"
                               "      Out->pPhysicalRanges[0].NumberOfBytes.QuadPart = PAGE_SIZE;\n"
                               "      return STATUS_SUCCESS;\n    }\n"))
        summary = self.judge([source], "--scenario", self.plan())
        self.assertEqual(summary["status"], "start_failed")
        self.assertIn("0x100000+0x1000", self.rule(summary, "R22")["text"])


class SaverAnswers(KmdTest):
    driver = SAVER

    @covers("R19")
    def test_a_save_area_of_no_whole_pages(self):
        source = self.variant(("  DXGK_FRAMEBUFFERSAVEAREA Save = {OWN_BYTES};",
                               "  DXGK_FRAMEBUFFERSAVEAREA Save = {OWN_BYTES + 1};"))
        summary = self.judge([source], "--scenario", self.plan())
        self.assertEqual(summary["status"], "start_failed")
        self.assertIn("0x2001 bytes", self.rule(summary, "R19")["text"])


if __name__ == "__main__":
    unittest.main()
