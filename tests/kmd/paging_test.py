# SPDX-License-Identifier: Apache-2.0
"""gpu-dmar kmd and a driver in C that takes part in paging: its operations, time-outs, power, removal, domains."""
import unittest

from kmd_base import PAGER, KmdTest, covers

SHORT_TDR = {"tdr_delay": 20_000}
BLOCKED = ("--cflag=-DPAGER_BLOCKS",)


def data(pages):
    """The driver's private data of an allocation: its size."""
    return (pages * 4096).to_bytes(8, "little").hex()


def allocate(pages=2, name="a", **more):
    return {"do": "allocate", "name": name, "bytes": data(pages), **more}


def step(do, name="a", **more):
    return {"do": do, "name": name, **more}


def escape(command, **more):
    return {"do": "escape", "bytes": command.to_bytes(4, "little").hex(), **more}


def power(state, action="none"):
    return {"do": "power", "state": state, "action": action}


OUT_AND_BACK = (allocate(), step("write", pattern=3), step("resident", where="vram"), step("evict"),
                step("check", pattern=3))


class PagerTest(KmdTest):
    driver = PAGER

    def good(self, *steps, args=(), start=None, adapters=1):
        return self.judge([PAGER], "--scenario", self.plan(*steps, start=start, adapters=adapters), *args, code=0)

    def bad(self, change, *steps, args=(), start=None):
        """A variant of the driver; `change`: text and its replacement, or none."""
        sources = [self.variant(*([change] if change else []))]
        return self.judge(sources, "--scenario", self.plan(*steps, start=start), *args)


class Good(PagerTest):
    def test_the_standard_plan_pages(self):
        # 80 pages: more than a paging buffer has descriptors for.
        summary = self.judge([PAGER], "--allocation", data(80), "--allocation", data(3), code=0)
        for rule in ("R171", "R172", "R142", "E3", "E5", "E8", "E10", "R226"):
            self.assertGreater(summary["rules_kept"][rule], 0, rule)
        self.assertGreater(summary["ddi_calls"]["DxgkDdiBuildPagingBuffer"], 10)
        self.assertEqual(summary["ddi_calls"]["DxgkDdiCreateAllocation"], 2)
        self.assertNotIn("no paging", summary["output"])

    def test_an_offset_is_not_heeded(self):
        """Every word comes from the first pages of the list, or goes to the first of the place; the old content does not hide it."""
        for right, wrong in (("[Args->Transfer.MdlOffset + Page]", "[Page]"), ("Args->Transfer.TransferOffset + Offset", "Offset")):
            with self.subTest(right):
                summary = self.judge([self.variant((right, wrong))], "--allocation", data(3))
                self.assertEqual(summary["status"], "fail")
                self.assertTrue(any("check allocation 0" in problem for problem in summary["problems"]), summary["problems"])

    def test_without_private_data_it_says_so(self):
        summary = self.judge([PAGER], code=0)
        self.assertIn("no paging: STATUS_INVALID_PARAMETER to an allocation without private data", summary["output"])

    def test_every_interface_version(self):
        for version in ("2.9", "3.1"):
            with self.subTest(version):
                self.good(*OUT_AND_BACK, args=("--interface", version))

    def test_modes(self):
        for iommu, name in (("logical", "logical remapping"), ("isolation", "1:1 isolation"), ("off", "physical")):
            with self.subTest(iommu):
                summary = self.good(*OUT_AND_BACK, {"do": "reattach"}, start={"iommu": iommu})
                self.assertIn(f"link0: 1 adapter, {name}", summary["output"])
                self.assertTrue(summary["guarantees"])

    def test_isolation_comes_later(self):
        summary = self.good(*OUT_AND_BACK[:3], {"do": "isolate"}, *OUT_AND_BACK[3:], start={"iommu": "physical"})
        self.assertEqual(summary["ddi_calls"]["DxgkDdiBeginExclusiveAccess"], 1)

    def test_operations_are_cut(self):
        summary = self.good(*OUT_AND_BACK, start={"operation_pages": 1})
        self.assertEqual(summary["ddi_calls"]["DxgkDdiBuildPagingBuffer"], 4)

    def test_verifier(self):
        self.good(*OUT_AND_BACK, args=("--verifier", "--strict"))


class Operations(PagerTest):
    @covers("E8")
    def test_writes_beyond_the_buffer(self):
        summary = self.bad(("  Args->pDmaBuffer = Next;", "  Args->pDmaBuffer = Next + PAGE_SIZE;"), *OUT_AND_BACK)
        self.assertEqual((summary["status"], summary["bugcheck"]["code"]), ("bugcheck", 0x10E))
        self.assertEqual(self.rule(summary, "E8")["in"], "DxgkDdiBuildPagingBuffer")

    @covers("R171")
    def test_wants_another_buffer_for_nothing(self):
        summary = self.bad(("  PUCHAR Next = (PUCHAR)Args->pDmaBuffer;",
                            "  if (Pages != 0) return STATUS_GRAPHICS_INSUFFICIENT_DMA_BUFFER;\n"
                            "  PUCHAR Next = (PUCHAR)Args->pDmaBuffer;"), *OUT_AND_BACK)
        self.assertEqual(summary["bugcheck"]["code"], 0x10E)
        self.rule(summary, "R171")

    @covers("R172")
    def test_answers_what_it_may_not(self):
        summary = self.bad(("  PUCHAR Next = (PUCHAR)Args->pDmaBuffer;",
                            "  if (Pages != 0) return STATUS_NO_MEMORY;\n"
                            "  PUCHAR Next = (PUCHAR)Args->pDmaBuffer;"), *OUT_AND_BACK)
        self.assertEqual(summary["bugcheck"]["code"], 0x10E)
        self.rule(summary, "R172")

    def test_moves_the_wrong_page(self):
        summary = self.bad(("Args->Transfer.TransferOffset + Offset;", "Args->Transfer.TransferOffset;"),
                           *OUT_AND_BACK)
        self.assertEqual((summary["status"], summary["stage"]), ("fail", "unloaded"))
        self.assertRegex(summary["problems"][0], r"check a: byte 0x\w+ is 0x\w+ instead of 0x")

    @covers("E10")
    def test_refuses_a_submission(self):
        summary = self.bad(("  Doorbell(Adapter);\n  KeReleaseSpinLockFromDpcLevel(&Adapter->RingLock);\n"
                            "  return STATUS_SUCCESS;",
                            "  Doorbell(Adapter);\n  KeReleaseSpinLockFromDpcLevel(&Adapter->RingLock);\n"
                            "  return STATUS_DEVICE_NOT_READY;"), *OUT_AND_BACK)
        self.assertEqual(summary["bugcheck"]["code"], 0x119)
        self.assertEqual(self.rule(summary, "E10")["in"], "DxgkDdiSubmitCommand")

    def test_a_plan_names_what_is_not_there(self):
        summary = self.bad(None, step("resident", name="b"), allocate(expect="STATUS_NO_MEMORY"))
        self.assertEqual(summary["problems"], ["resident b: there is no such allocation",
                                               "allocate a: STATUS_SUCCESS instead of STATUS_NO_MEMORY"])


class Timeouts(PagerTest):
    def test_work_that_hangs_is_built_again(self):
        summary = self.good(allocate(), step("write", pattern=5), {"do": "hang"}, step("resident", where="vram"),
                            step("evict"), step("check", pattern=5), start=SHORT_TDR)
        self.assertEqual(summary["ddi_calls"]["DxgkDdiResetFromTimeout"], 1)
        self.assertEqual(summary["ddi_calls"]["DxgkDdiRestartFromTimeout"], 1)
        self.assertGreater(summary["rules_kept"]["E11"], 0)

    def test_it_hangs_for_ever(self):
        summary = self.bad(None, allocate(), {"do": "hang", "submissions": 100}, step("resident"), start=SHORT_TDR)
        self.assertEqual((summary["status"], summary["bugcheck"]["code"]), ("bugcheck", 0x116))

    def test_nobody_made_it_hang(self):
        summary = self.bad(("  PushFence(Adapter, 0, Args->SubmissionFenceId);\n",
                            "  static LONG Submissions;\n"
                            "  if (++Submissions != 1) PushFence(Adapter, 0, Args->SubmissionFenceId);\n"),
                           allocate(), step("resident"), start=SHORT_TDR)
        self.assertEqual(summary["status"], "fail")
        self.assertEqual(summary["problems"], ["resident a: paging work did not end in time, 1 times"])

    @covers("E11")
    def test_the_reset_fails(self):
        summary = self.bad(("  FenceWords(Adapter)[0] = Adapter->Submitted;\n  return STATUS_SUCCESS;",
                            "  FenceWords(Adapter)[0] = Adapter->Submitted;\n  return STATUS_IO_TIMEOUT;"),
                           allocate(), {"do": "hang"}, step("resident"), start=SHORT_TDR)
        self.assertEqual(summary["bugcheck"]["code"], 0x116)
        self.rule(summary, "E11")

    @covers("E11")
    def test_the_gpu_goes_on_after_the_reset(self):
        summary = self.bad(("  FenceWords(Adapter)[0] = Adapter->Submitted;\n  return STATUS_SUCCESS;",
                            "  FenceWords(Adapter)[0] = Adapter->Submitted;\n  Enable(Adapter);\n"
                            "  PushFence(Adapter, 1, 1);\n  Doorbell(Adapter);\n  return STATUS_SUCCESS;"),
                           allocate(), {"do": "hang"}, step("resident"), start=SHORT_TDR)
        self.assertIn("DxgkDdiResetFromTimeout has returned", self.rule(summary, "E11")["text"])


class Power(PagerTest):
    def test_local_memory_comes_back(self):
        summary = self.good(escape(1), allocate(), step("write", pattern=9), step("resident"), power("D3", "sleep"),
                            power("D0"), escape(2, expect="STATUS_SUCCESS"), step("resident", where="vram"),
                            step("evict"), step("check", pattern=9), args=("--cflag=-DPAGER_SAVE",))
        self.assertEqual(summary["ddi_calls"]["DxgkCbPinFrameBufferForSave2"], 2)

    def test_forgets_to_restore(self):
        summary = self.bad(None, escape(1), power("D3"), power("D0"), escape(2, expect="STATUS_SUCCESS"))
        self.assertEqual(summary["problems"], ["escape: STATUS_DEVICE_DATA_ERROR instead of STATUS_SUCCESS"])

    def test_forgets_to_enable_its_ring(self):
        summary = self.bad(("PowerDeviceD0) {\n    Enable(Adapter);", "PowerDeviceD0) {"), allocate(), power("D3"),
                           power("D0"), step("resident"), start=SHORT_TDR)
        self.assertEqual(summary["problems"], ["resident a: paging work did not end in time, 1 times"])

    @covers("E3")
    def test_power_fails(self):
        summary = self.bad(("    Quiesce(Adapter);\n  }\n  return STATUS_SUCCESS;",
                            "    Quiesce(Adapter);\n  }\n  return STATUS_DEVICE_NOT_READY;"), power("D3"))
        self.assertEqual((summary["status"], summary["bugcheck"]["code"]), ("bugcheck", 0x113))
        self.rule(summary, "E3")

    @covers("E5")
    def test_dma_goes_on_below_d0(self):
        summary = self.bad(("    MoveThroughPower(Adapter, TRUE);\n    Quiesce(Adapter);",
                            "    for (ULONG i = 0; i < 100; ++i) PushFence(Adapter, 1, i);\n    Doorbell(Adapter);"),
                           power("D3"))
        self.assertIn("DxgkDdiSetPowerState has taken it to D3", self.rule(summary, "E5")["text"])

    @covers("E5")
    def test_a_doorbell_below_d0(self):
        summary = self.bad(None, power("D3"), escape(1, expect="STATUS_IO_TIMEOUT"))
        rule = self.rule(summary, "E5")
        self.assertIn("which is below D0", rule["text"])
        self.at(rule["at"], "WRITE_REGISTER_ULONG(&Adapter->Registers->Tail", "Doorbell")

    @covers("R204")
    def test_unpins_what_is_not_pinned(self):
        summary = self.bad(("  if (Pin.pAdl->Flags.Contiguous) MoveOwn(",
                            "  const DXGKARGCB_UNPINFRAMEBUFFERFORSAVE First = {0};\n"
                            "  Adapter->Dxgk.DxgkCbUnpinFrameBufferForSave(Adapter->Dxgk.DeviceHandle, &First);\n"
                            "  if (FALSE) MoveOwn("), power("D3"), args=("--cflag=-DPAGER_SAVE",))
        self.at(self.rule(summary, "R204")["at"], "DxgkCbUnpinFrameBufferForSave(Adapter->Dxgk.DeviceHandle, &Unpin)",
                "MoveThroughPower")

    @covers("R201")
    def test_pins_a_part_of_a_page(self):
        summary = self.bad(("  Pin.CommitSize = OWN_BYTES;", "  Pin.CommitSize = OWN_BYTES - 8;"), power("D3"),
                           args=("--cflag=-DPAGER_SAVE",))
        self.rule(summary, "R201")


class Removal(PagerTest):
    def test_one_of_two_goes(self):
        summary = self.good(allocate(name="a"), step("resident", name="a"), allocate(name="b", link=1),
                            step("write", name="b", pattern=2), {"do": "remove", "link": 0},
                            step("resident", name="b", where="vram"), step("evict", name="b"),
                            step("check", name="b", pattern=2), adapters=2)
        self.assertEqual(summary["ddi_calls"]["DxgkDdiNotifySurpriseRemoval"], 1)
        self.assertEqual(summary["dma_outside_adls"], [])

    def test_all_of_them_go_and_come_back(self):
        summary = self.good(allocate(), step("resident"), {"do": "remove"}, {"do": "start"}, *OUT_AND_BACK)
        self.assertEqual(summary["ddi_calls"]["DxgkDdiStartDevice"], 2)

    @covers("R96")
    def test_forgets_its_memory_at_a_removal(self):
        summary = self.bad(("static NTSTATUS StopDevice(IN_CONST_PVOID MiniportDeviceContext) {",
                            "static NTSTATUS StopDevice(IN_CONST_PVOID MiniportDeviceContext) {\n"
                            "  if (((PAGER_ADAPTER*)MiniportDeviceContext)->Registers->Id == 0xFFFFFFFF) "
                            "return STATUS_SUCCESS;"), {"do": "remove"})
        self.assertEqual(summary["bugcheck"]["code"], 0x1E4)


class Blocks(PagerTest):
    """Memory of the callbacks of 2.4."""
    USE = (escape(3, expect="STATUS_SUCCESS"),)
    ISOLATED = {"iommu": "isolation"}

    def test_isolation(self):
        summary = self.good(*self.USE, *OUT_AND_BACK, args=BLOCKED, start=self.ISOLATED)
        for rule in ("R220", "R221", "R222", "R223", "R224", "R26"):
            self.assertGreater(summary["rules_kept"][rule], 0, rule)

    @covers("R26")
    def test_not_with_logical_remapping(self):
        summary = self.bad(None, args=BLOCKED)
        self.assertEqual(summary["status"], "start_failed")
        self.at(self.rule(summary, "R26")["at"], "DxgkCbAllocateContiguousMemory(Lead", "AllocateBlocks")

    def broken_block(self, rule, old, new):
        summary = self.bad((old, new), *self.USE, args=BLOCKED, start=self.ISOLATED)
        self.assertIn(rule, [entry["rule"] for entry in summary["rules_broken"]], summary["output"])
        return summary

    @covers("R220")
    def test_pages_of_nothing(self):
        self.broken_block("R220", "  Adapter->Pages.TotalBytes = 2 * PAGE_SIZE;", "  Adapter->Pages.TotalBytes = 0;")

    @covers("R221")
    def test_a_boundary_of_three_pages(self):
        self.broken_block("R221", "  Adapter->Block.NumberOfBytes = PAGE_SIZE;",
                          "  Adapter->Block.NumberOfBytes = PAGE_SIZE;\n"
                          "  Adapter->Block.BoundaryAddressMultiple.QuadPart = 3 * PAGE_SIZE;")

    @covers("R222")
    def test_the_mdl_changes_while_it_is_mapped(self):
        self.broken_block("R222", "  if (Unmap.hMemoryHandle != NULL) ",
                          "  if (Unmap.hMemoryHandle != NULL) ++MmGetMdlPfnArray(Adapter->Mapped.pMdl)[1];\n"
                          "  if (Unmap.hMemoryHandle != NULL) ")

    @covers("R223")
    def test_another_call_takes_it_back(self):
        self.broken_block("R223", "DXGKARGCB_FREEPAGESFROMMDL Pages = {Adapter->Pages.hMemoryHandle}",
                          "DXGKARGCB_FREEPAGESFROMMDL Pages = {Adapter->Block.hMemoryHandle}")

    @covers("R224")
    def test_twice(self):
        self.broken_block("R224", "  if (Block.hMemoryHandle != NULL) Adapter->Dxgk.DxgkCbFreeContiguousMemory(Lead, &Block);",
                          "  if (Block.hMemoryHandle != NULL) Adapter->Dxgk.DxgkCbFreeContiguousMemory(Lead, &Block);\n"
                          "  if (Block.hMemoryHandle != NULL) Adapter->Dxgk.DxgkCbFreeContiguousMemory(Lead, &Block);")

    @covers("R227")
    def test_left_behind(self):
        summary = self.broken_block("R227", "  if (Block.hMemoryHandle != NULL) ", "  if (FALSE) ")
        self.assertEqual(summary["bugcheck"]["code"], 0x1E4)


class Failures(PagerTest):
    def each(self, of, times):
        """A start in which the n-th allocation fails, for each n; then one that must come about."""
        steps = []
        for n in range(times):
            steps += [{"do": "fail", "after": n, "of": of}, {"do": "start"}, {"do": "fail"}, {"do": "stop"}]
        plan = self.plan(*steps, {"do": "start"}, *OUT_AND_BACK)
        text = plan.read_text().replace('"steps": [{"do": "start"}, ', '"steps": [', 1)
        plan.write_text(text)
        return self.judge([PAGER], "--scenario", plan, code=0)

    def test_every_allocation_of_memory(self):
        summary = self.each("memory", 30)
        failed = summary["output"].count("start: STATUS_") // 2
        self.assertGreater(failed, 10)
        self.assertLess(failed, 30)  # the last ones fail nothing any more
        self.assertEqual(summary["leaks"], 0)

    def test_every_allocation_of_pool(self):
        summary = self.each("pool", 2)
        self.assertEqual(summary["output"].count("start: STATUS_NO_MEMORY: "), 2)

    def test_paging_without_memory(self):
        summary = self.good(allocate(), step("write", pattern=4), {"do": "fail", "after": 0, "sticky": True},
                            step("resident"), {"do": "fail"}, step("resident", where="vram"), step("evict"),
                            step("check", pattern=4))
        self.assertRegex(summary["output"], r"resident a: STATUS_\w+: memory has run out")


if __name__ == "__main__":
    unittest.main()
