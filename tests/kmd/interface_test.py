# SPDX-License-Identifier: Apache-2.0
"""gpu-dmar kmd over versions of the interface: a WDDM 2.4 driver in C, isolated, with MDLs of its own pool."""
import json

from kmd_test import EXAMPLE, HERE, KmdTest, covers

ISOLATED = HERE / "drivers" / "isolated.c"


class Isolated(KmdTest):
    def isolated(self, *changes, iommu="isolation", code=0):
        """The 2.4 driver, with some of its text replaced, under a plan that isolates it."""
        text = ISOLATED.read_text()
        for old, new in changes:
            self.assertEqual(text.count(old), 1, old)
            text = text.replace(old, new)
        source = self.dir / "broken.c"
        source.write_text(text)
        plan = self.dir / "plan.json"
        plan.write_text(json.dumps({
            "schema": 1, "name": "isolated", "machine": {"adapters": 1, "ram": [["0", "2G"], ["4G", "2G"]], "memory": {"latency": 20}},
            "start": {"iommu": iommu},
            "steps": [{"do": "start"}, {"do": "escape", "bytes": "00"}, {"do": "wait", "cycles": 2000}, {"do": "stop"}]}))
        return self.judge([source], "--interface", "2.4", "--scenario", plan, code=code)


class Versions(Isolated):
    @covers("R220", "R221", "R222")
    def test_a_2_4_driver_in_isolation(self):
        summary = self.isolated()
        self.assertEqual((summary["status"], summary["leaks"]), ("pass", 0))
        for key in ("rules_broken", "dma_outside_adls", "problems"):
            self.assertEqual(summary[key], [], key)
        self.assertEqual(summary["ddi_calls"]["DxgkCbMapMdlToIoMmu"], 1)
        self.assertNotIn("DxgkCbCreatePhysicalMemoryObject", summary["ddi_calls"])
        self.assertIn("1:1 isolation", summary["output"])
        self.assertIn("escape: STATUS_SUCCESS", summary["output"])  # the same copy, translated
        self.assertIn("isolated: device 1234:4744\n", "".join(summary["prints"]))
        for rule in ("R220", "R221", "R222", "E19"):
            self.assertGreater(summary["rules_kept"][rule], 0, rule)

    def test_what_came_later_is_not_declared(self):
        for interface, name in (("2.4", "DXGKARGCB_ALLOCATE_ADL"), ("2.9", "DXGK_ALLOCATIONINFOFLAGS2")):
            source = self.dir / "later.cpp"
            source.write_text(f'#include <ntddk.h>\n#include <dispmprt.h>\n{name} Value;\n'
                              'extern "C" NTSTATUS DriverEntry(PDRIVER_OBJECT, PUNICODE_STRING) { return 0; }\n')
            summary = self.judge([source], "--interface", interface)
            self.assertEqual(summary["status"], "does_not_compile")
            self.assertIn(name, "\n".join(summary["warnings"]))

    def test_the_example_at_each_version_that_has_its_calls(self):
        for interface in ("2.9", "3.1"):
            summary = self.judge([EXAMPLE], "--scenario", HERE / "short.json", "--interface", interface, code=0)
            self.assertEqual(summary["status"], "pass")


class Pool(Isolated):
    @covers("R142")
    def test_pool_that_was_never_mapped_is_not_reached(self):
        summary = self.isolated(
            ("  Status = Device->Dxgk.DxgkCbMapMdlToIoMmu(Adapter, &Target);\n", ""), code=1)
        self.assertIn("R142", [entry["rule"] for entry in summary["rules_broken"]])
        stray = summary["dma_outside_adls"]
        self.assertTrue(stray and all(entry["write"] for entry in stray), stray)
        self.assertNotIn("escape: STATUS_SUCCESS", summary["output"])  # the IOMMU stops it

    @covers("R142")
    def test_nor_may_it_be_where_nothing_is_translated(self):
        summary = self.isolated(
            ("  Status = Device->Dxgk.DxgkCbMapMdlToIoMmu(Adapter, &Target);\n", ""), iommu="off", code=1)
        self.assertIn("R142", [entry["rule"] for entry in summary["rules_broken"]])
        self.assertTrue(summary["dma_outside_adls"])

    def test_mapped_pool_is_not_freed(self):
        summary = self.isolated(
            ("  if (Device->TargetHandle != NULL) {\n", "  if (Device->TargetHandle != NULL && Device->Target == NULL) {\n"),
            code=1)
        self.assertEqual(summary["status"], "kernel_rule")
        self.assertIn("that a device can still reach", summary["reason"])
        self.assertRegex(summary["stack"][0], r"broken\.c:\d+ \(StopDevice")

    def test_paged_pool_has_no_frames(self):
        summary = self.isolated(("ExAllocatePool2(POOL_FLAG_NON_PAGED, (PAGES", "ExAllocatePool2(POOL_FLAG_PAGED, (PAGES"),
                                code=1)
        self.assertEqual(summary["status"], "kernel_rule")
        self.assertIn("MmBuildMdlForNonPagedPool", summary["reason"])
