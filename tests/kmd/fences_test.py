# SPDX-License-Identifier: Apache-2.0
"""gpu-dmar kmd and drivers that tell the system of their interrupts and fences: wrongly, too early, never."""
import unittest

from kmd_base import EXAMPLE, PAGER, KmdTest, covers

NOTIFY_DPC = "  Adapter->Dxgk.DxgkCbNotifyDpc(Adapter->Dxgk.DeviceHandle);"
FENCE = "    Data.DmaCompleted.SubmissionFenceId = Seen;"


def allocate(pages=2):
    return {"do": "allocate", "name": "a", "bytes": (pages * 4096).to_bytes(8, "little").hex()}


RESIDENT = (allocate(), {"do": "write", "name": "a", "pattern": 3}, {"do": "resident", "name": "a", "where": "vram"})


class FencesTest(KmdTest):
    driver = PAGER

    def run_pager(self, *changes, steps=RESIDENT, code=1):
        plan = self.plan(*steps, start={"tdr_delay": 20_000})
        return self.judge([self.variant(*changes)], "--scenario", plan, code=code)


class Told(FencesTest):
    def test_all_is_well(self):
        summary = self.run_pager(steps=(*RESIDENT, {"do": "evict", "name": "a"}), code=0)
        self.assertGreater(summary["rules_kept"]["E14"], 0)
        self.assertGreater(summary["rules_kept"]["E15"], 0)
        self.assertNotIn("time-out", summary["output"])

    @covers("E14")
    def test_another_node(self):
        summary = self.run_pager((FENCE, FENCE + "\n    Data.DmaCompleted.NodeOrdinal = 7;"))
        self.assertEqual(summary["status"], "fail")
        rule = self.rule(summary, "E14")
        self.assertIn("DMA_COMPLETED of node 7, fence 1 was submitted to node 0", rule["text"])
        self.at(rule["at"], "Adapter->Dxgk.DxgkCbNotifyInterrupt(", "Report")

    @covers("E14")
    def test_a_fence_that_was_not_submitted(self):
        summary = self.run_pager((FENCE, "    Data.DmaCompleted.SubmissionFenceId = Seen + 1;"))
        self.assertEqual(summary["bugcheck"]["code"], 0x119)
        self.assertIn("fence 2: complete are 0 of 1", self.rule(summary, "E14")["text"])

    @covers("E14")
    def test_in_the_dpc(self):
        summary = self.run_pager(("  Report(Adapter);\n  Adapter->Dxgk.DxgkCbQueueDpc",
                                  "  Adapter->Dxgk.DxgkCbQueueDpc"), (NOTIFY_DPC, "  Report(Adapter);\n" + NOTIFY_DPC))
        self.assertEqual(summary["bugcheck"]["code"], 0x113)
        self.assertIn("DxgkCbNotifyInterrupt at IRQL 2", self.rule(summary, "E14")["text"])

    @covers("E14")
    def test_before_the_gpu_is_through(self):
        early = ("static BOOLEAN TellAll(PVOID Context) {\n"
                 "  PAGER_ADAPTER* Adapter = (PAGER_ADAPTER*)Context;\n"
                 "  DXGKARGCB_NOTIFY_INTERRUPT_DATA Data = {0};\n"
                 "  Data.InterruptType = DXGK_INTERRUPT_DMA_COMPLETED;\n"
                 "  Data.DmaCompleted.SubmissionFenceId = Adapter->Completed = Adapter->Submitted;\n"
                 "  Adapter->Dxgk.DxgkCbNotifyInterrupt(Adapter->Dxgk.DeviceHandle, &Data);\n"
                 "  return TRUE;\n"
                 "}\n\nstatic NTSTATUS SubmitCommand(")
        rung = "  Doorbell(Adapter);\n  KeReleaseSpinLockFromDpcLevel(&Adapter->RingLock);\n"
        summary = self.run_pager(
            ("static NTSTATUS SubmitCommand(", early),
            (rung, rung + "  BOOLEAN Told;\n"
             "  Adapter->Dxgk.DxgkCbSynchronizeExecution(Adapter->Dxgk.DeviceHandle, TellAll, Adapter, 0, &Told);\n"
             "  Adapter->Dxgk.DxgkCbQueueDpc(Adapter->Dxgk.DeviceHandle);\n"),
            steps=(allocate(16), {"do": "resident", "name": "a", "where": "vram"},
                   {"do": "fill_resident", "name": "a", "word": 5}, {"do": "evict", "name": "a"}))
        found = [rule for rule in summary["rules_broken"] if rule["rule"] == "E14"]
        self.assertTrue(found, summary["output"])
        self.assertIn("whose descriptors the GPU has not completed", found[0]["text"])
        self.assertIn("TellAll", found[0]["at"])


class NotTold(FencesTest):
    """Time-outs, and what the driver owed by then."""

    def times_out(self, *changes):
        summary = self.run_pager(*changes)
        self.assertEqual(summary["bugcheck"]["code"], 0x116)
        self.assertIn("submitted up to fence", summary["reason"])
        self.assertIn("time-out: link0, engine 0: ", summary["output"])
        return summary

    @covers("E15")
    def test_no_notify_dpc(self):
        summary = self.times_out((NOTIFY_DPC, "  UNREFERENCED_PARAMETER(Adapter);"))
        rule = self.rule(summary, "E15")
        self.assertIn("the DPC returns without DxgkCbNotifyDpc", rule["text"])
        self.assertEqual(rule["in"], "DxgkDdiDpcRoutine")
        self.assertIn("confirmed by DxgkCbNotifyDpc", summary["reason"])

    @covers("E14")
    def test_one_fence_too_few(self):
        summary = self.times_out((FENCE, "    Data.DmaCompleted.SubmissionFenceId = Seen - 1;"))
        self.assertRegex(summary["output"], r"E14: the GPU is through with fence 1, and DxgkCbNotifyInterrupt never "
                                            r"told so; the last that it told: DMA_COMPLETED of fence 0")

    @covers("E14")
    def test_another_type(self):
        summary = self.times_out(("    Data.InterruptType = DXGK_INTERRUPT_DMA_COMPLETED;",
                                  "    Data.InterruptType = DXGK_INTERRUPT_CRTC_VSYNC;"))
        self.assertIn("the adapter has no video present source", summary["output"])
        self.assertIn("the GPU is through with fence 1", summary["output"])

    @covers("E15")
    def test_no_dpc(self):
        summary = self.times_out(("  Report(Adapter);\n  Adapter->Dxgk.DxgkCbQueueDpc(Adapter->Dxgk.DeviceHandle);",
                                  "  Report(Adapter);"))
        self.assertIn("no DxgkCbNotifyDpc since adapter 0", self.rule(summary, "E15")["text"])

    def test_a_channel_that_hangs_is_no_rule(self):
        summary = self.run_pager(steps=(allocate(), {"do": "hang", "submissions": 100},
                                        {"do": "resident", "name": "a"}))
        self.assertEqual((summary["bugcheck"]["code"], summary["rules_broken"]), (0x116, []))


class Levels(KmdTest):
    driver = EXAMPLE

    def at_start(self, code):
        line = "  if (NT_SUCCESS(Status)) Status = CopyOnce(Adapter);\n"
        return self.judge_variant((line, line + code))

    @covers("E15")
    def test_notify_dpc_at_passive_level(self):
        summary = self.at_start("  Adapter->Dxgk.DxgkCbNotifyDpc(Adapter->Dxgk.DeviceHandle);\n")
        self.assertEqual(summary["status"], "fail")
        self.assertIn("at IRQL 0", self.rule(summary, "E15")["text"])

    @covers("E14")
    def test_notify_interrupt_at_passive_level(self):
        summary = self.at_start("  DXGKARGCB_NOTIFY_INTERRUPT_DATA Data = {};\n"
                                "  Data.InterruptType = DXGK_INTERRUPT_MONITORED_FENCE_SIGNALED;\n"
                                "  Adapter->Dxgk.DxgkCbNotifyInterrupt(Adapter->Dxgk.DeviceHandle, &Data);\n")
        self.assertEqual(summary["bugcheck"]["code"], 0x113)
        self.assertIn("at IRQL 0", self.rule(summary, "E14")["text"])


if __name__ == "__main__":
    unittest.main()
