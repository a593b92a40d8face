# SPDX-License-Identifier: Apache-2.0
"""gpu-dmar kmd and what the device makes of a driver's mistakes: requests that are blocked, work that it refuses, silence that
it was to keep, what is left on; each with the place of the doorbell that began it."""
import unittest

from kmd_base import EXAMPLE, HERE, PAGER, SAVER, KmdTest, covers
from paging_test import PagerTest, allocate, data, escape, power, step

DOORBELL = "WRITE_REGISTER_ULONG(&Adapter->Registers->Tail, Adapter->Tail); KeStallExecutionProcessor(5);"
SHORT = ("--scenario", HERE / "short.json")


class ExampleTest(KmdTest):
    def after_the_copy(self, code, *changes, args=(), code_of_exit=1):
        """The example, which does something more in StartDevice, after its copy."""
        return self.judge_variant(("  if (NT_SUCCESS(Status)) Status = CopyOnce(Adapter);",
                                   "  if (NT_SUCCESS(Status)) Status = CopyOnce(Adapter);\n  {" + code + "}"),
                                  *changes, args=args, code=code_of_exit)

    def rung_at(self, place):
        self.at(place, DOORBELL, "StartDevice")


READ_ONLY = (
    ("  Create.Type = DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY;",
     "  Create.Type = Size == COPY_BYTES ? DXGK_PHYSICAL_MEMORY_TYPE_SECTION : DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY;"),
    ("  Create.ContiguousMemory.HighestAcceptableAddress.QuadPart = -1;",
     "  if (Size == COPY_BYTES) {\n    Create.Section.DesiredAccess = SECTION_ALL_ACCESS;\n"
     "    Create.Section.PageProtection = PAGE_READONLY;\n  } else {\n"
     "    Create.ContiguousMemory.HighestAcceptableAddress.QuadPart = -1;\n  }"),
    ("  Allocate.Flags.RequireContiguous = 1;",
     "  if (Size == COPY_BYTES) Allocate.Flags.PreferContiguous = 1; else Allocate.Flags.RequireContiguous = 1;"),
    ("  RtlFillMemory(Adapter->Source.Data, COPY_BYTES, 0xA5);\n", ""))


class Blocked(ExampleTest):
    @covers("G10")
    def test_a_write_to_a_section_for_reading(self):
        summary = self.after_the_copy("Submit(Adapter, COPY_FROM_LOCAL, 0, DeviceAddress(&Adapter->Source), 63, 0); " + DOORBELL,
                                      *READ_ONLY)
        self.assertEqual([entry["rule"] for entry in summary["rules_broken"]], ["G10"], summary["output"])
        rule = self.rule(summary, "G10")
        self.assertIn("no write permission", rule["text"])
        self.assertEqual(rule["in"], "DxgkDdiStartDevice")
        self.rung_at(rule["at"])
        fault, = summary["device_faults"]
        self.assertTrue(fault["write"])
        self.assertEqual((fault["adapter"], fault["address"] % 4096), (0, 0))
        self.assertGreater(fault["cycle"], 0)
        self.rung_at(fault["rung"][0])
        self.assertNotIn("G10", summary["rules_kept"])

    def test_reading_it_is_good(self):
        summary = self.after_the_copy("", *READ_ONLY, code_of_exit=0)
        self.assertEqual(summary["device_faults"], [])

    @covers("R142")
    def test_a_stray_request_has_a_place(self):
        summary = self.after_the_copy(
            "Submit(Adapter, COPY_TO_LOCAL, MmGetPhysicalAddress(Adapter->Source.Data).QuadPart, 0, COPY_BYTES - 1, 0); " + DOORBELL)
        self.assertEqual([entry["rule"] for entry in summary["rules_broken"]], ["R142"], summary["output"])
        self.rung_at(self.rule(summary, "R142")["at"])
        self.rung_at(summary["dma_outside_adls"][0]["rung"][0])
        self.assertTrue(summary["device_faults"])


class Refused(ExampleTest):
    def refused(self, submit, error, *changes):
        summary = self.after_the_copy(submit + " " + DOORBELL, *changes)
        rule = self.rule(summary, "dma.error")
        self.assertRegex(rule["text"], "adapter 0: channel 0 has stopped at descriptor 4, " + error)
        self.rung_at(rule["at"])
        self.assertEqual(len(summary["rules_broken"]), 1, summary["output"])
        return summary

    def test_beyond_the_address_bits(self):
        self.refused("Submit(Adapter, COPY_TO_LOCAL, 0x100000000000ull, 0, 63, 0);", "BAD_ADDRESS.*operand: source")

    def test_beyond_local_memory(self):
        self.refused("Submit(Adapter, COPY_TO_LOCAL, DeviceAddress(&Adapter->Source), 0x20000000, 63, 0);",
                     "BAD_ADDRESS.*operand: destination")

    def test_an_unknown_operation(self):
        self.refused("Submit(Adapter, 0x77, DeviceAddress(&Adapter->Source), 0, 63, 0);", "BAD_OPCODE")

    def test_an_error_that_is_cleared_at_once(self):
        """Reset before anybody looks: the reset is where it is seen."""
        self.refused("Submit(Adapter, 0x77, 0, 0, 63, 0);", "BAD_OPCODE",
                     ("  if (!NT_SUCCESS(Status)) StopDevice(MiniportDeviceContext);",
                      "  Quiesce(Adapter);\n  if (!NT_SUCCESS(Status)) StopDevice(MiniportDeviceContext);"))

    def test_a_ring_where_no_ring_is(self):
        """BasePageNumber of an ADL with a list of pages: the start times out, and the error says why."""
        summary = self.judge_variant(("  Allocate.Flags.RequireContiguous = 1;\n", ""))
        self.assertEqual(summary["status"], "start_failed")
        rule = self.rule(summary, "dma.error")
        self.assertRegex(rule["text"], "BAD_ADDRESS.*operand: ring")
        self.at(rule["at"], "WRITE_REGISTER_ULONG(&Registers->Tail", "CopyOnce")

    def test_a_wait_for_work_that_was_refused(self):
        summary = self.judge_variant(
            ("  Submit(Adapter, COPY_TO_LOCAL, DeviceAddress(&Adapter->Source), 0, COPY_BYTES - 1, 0);",
             "  Submit(Adapter, 0x77, DeviceAddress(&Adapter->Source), 0, COPY_BYTES - 1, 0);"),
            ("  Registers->IntEnable = 3;", "  Registers->IntEnable = 1;"),
            ("Executive, KernelMode, FALSE, &Timeout)", "Executive, KernelMode, FALSE, NULL)"),
            args=("--wait-cycles", 100_000))
        self.assertEqual(summary["status"], "endless_wait")
        self.assertIn("BAD_OPCODE", self.rule(summary, "dma.error")["text"])


class LeftOn(ExampleTest):
    @covers("E18")
    def test_a_stop_that_leaves_the_device_on(self):
        summary = self.judge_variant(("    Quiesce(Adapter);\n", ""))
        rule = self.rule(summary, "E18")
        self.assertIn("DxgkDdiStopDevice of adapter 0 leaves enabled: channel 0, interrupts", rule["text"])
        self.at(rule["at"], "Registers->Control = 1", "CopyOnce")

    @covers("E18")
    def test_a_stop_that_leaves_interrupts_on(self):
        summary = self.judge_variant(("  Adapter->Registers->IntEnable = 0;\n", ""))
        self.assertIn("leaves enabled: interrupts;", self.rule(summary, "E18")["text"])

    @covers("E18")
    def test_a_failed_start_that_leaves_the_device_on(self):
        summary = self.judge_variant(("    Quiesce(Adapter);\n", ""),
                                     ("  if (NT_SUCCESS(Status)) Status = CopyOnce(Adapter);",
                                      "  if (NT_SUCCESS(Status)) Status = CopyOnce(Adapter);\n"
                                      "  if (NT_SUCCESS(Status)) Status = STATUS_DEVICE_NOT_READY;"))
        self.assertEqual(summary["status"], "start_failed")
        self.assertIn("DxgkDdiStartDevice of adapter 0 leaves enabled", self.rule(summary, "E18")["text"])


class Interrupts(ExampleTest):
    @covers("E14")
    def test_takes_every_interrupt(self):
        summary = self.judge_variant(("  if (Causes == 0) return FALSE;\n", ""))
        rule = self.rule(summary, "E14")
        self.assertIn("takes an interrupt that adapter 0 has not raised", rule["text"])
        self.assertIn("InterruptRoutine", rule["at"])

    @covers("E14")
    def test_the_routine_is_asked(self):
        asked = self.judge([EXAMPLE], *SHORT, code=0)
        recorded = self.judge([EXAMPLE], *SHORT, "--record", self.dir / "trace.jsonl", code=0)
        calls = [run["ddi_calls"]["DxgkDdiInterruptRoutine"] for run in (asked, recorded)]
        self.assertEqual(calls[0], calls[1] + 1)
        self.assertEqual(asked["rules_kept"]["E14"], recorded["rules_kept"]["E14"] + 1)


class Exclusive(PagerTest):
    @covers("R183")
    def test_a_doorbell_before_exclusive_access(self):
        summary = self.bad(("  UNREFERENCED_PARAMETER(Args);\n  Quiesce((PAGER_ADAPTER*)hAdapter);\n  return STATUS_SUCCESS;",
                            "  UNREFERENCED_PARAMETER(Args);\n  PAGER_ADAPTER* Adapter = (PAGER_ADAPTER*)hAdapter;\n"
                            "  for (ULONG i = 0; i < 100; ++i) PushFence(Adapter, 1, i);\n  Doorbell(Adapter);\n"
                            "  return STATUS_SUCCESS;"), {"do": "reattach"})
        rule = self.rule(summary, "R183")
        self.assertIn("after DxgkDdiBeginExclusiveAccess has returned", rule["text"])
        self.assertEqual(rule["in"], "DxgkDdiBeginExclusiveAccess")
        self.at(rule["at"], "WRITE_REGISTER_ULONG(&Adapter->Registers->Tail", "Doorbell")

    @covers("R183")
    def test_silence_is_noted(self):
        summary = self.good({"do": "reattach"}, allocate(), step("resident"))
        self.assertEqual(summary["rules_kept"]["R183"], 1)

    @covers("R183")
    def test_isolation_enabled_under_way(self):
        self.assertEqual(self.good({"do": "isolate"}, start={"iommu": "physical"})["rules_kept"]["R183"], 1)


class Asleep(PagerTest):
    ID = ("      return FillOwn(Adapter);",
          "      return Adapter->Registers->Id == 0x414D4447 ? STATUS_SUCCESS\n"
          "             : Adapter->Registers->Id == 0xFFFFFFFF ? STATUS_IO_TIMEOUT : STATUS_DATA_ERROR;")

    def test_registers_are_gone_below_d0(self):
        source = self.variant(self.ID)
        plan = self.plan(escape(1, expect="STATUS_SUCCESS"), power("D3"), escape(1, expect="STATUS_IO_TIMEOUT"),
                         power("D0"), escape(1, expect="STATUS_SUCCESS"))
        self.judge([source], "--scenario", plan, code=0)

    def test_writes_are_lost_below_d0(self):
        change = ("      return FillOwn(Adapter);", "      Adapter->Registers->IntEnable = 0;\n      return STATUS_SUCCESS;")
        check = ("      return CheckOwn(Adapter);",
                 "      return Adapter->Registers->IntEnable == 3 ? STATUS_SUCCESS : STATUS_DATA_ERROR;")
        keep = ("    MoveThroughPower(Adapter, TRUE);\n    Quiesce(Adapter);", "    MoveThroughPower(Adapter, TRUE);")
        enable = ("PowerDeviceD0) {\n    Enable(Adapter);", "PowerDeviceD0) {")
        source = self.variant(change, check, keep, enable)
        plan = self.plan(power("D3"), escape(1), power("D0"), escape(2, expect="STATUS_SUCCESS"))
        self.judge([source], "--scenario", plan, code=0)

    def test_the_system_powers_up_what_it_stops(self):
        source = self.variant(("    Quiesce(Adapter);\n    Adapter->Dxgk.DxgkCbUnmapMemory",
                               "    if (Adapter->Registers->Id == 0xFFFFFFFF) return STATUS_IO_TIMEOUT;\n"
                               "    Quiesce(Adapter);\n    Adapter->Dxgk.DxgkCbUnmapMemory"))
        self.judge([source], "--scenario", self.plan(power("D3"), {"do": "stop"}), code=0)


class GoodDrivers(KmdTest):
    def test_nothing_is_found(self):
        for driver, args in ((EXAMPLE, ()), (SAVER, ()), (PAGER, ("--allocation", data(3)))):
            with self.subTest(driver.name):
                summary = self.judge([driver], *args, code=0)
                self.assertEqual(summary["device_faults"], [])
                self.assertGreater(summary["rules_kept"]["E18"], 0)
                self.assertGreater(summary["rules_kept"]["dma.error"], 0)


if __name__ == "__main__":
    unittest.main()
