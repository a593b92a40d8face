# SPDX-License-Identifier: Apache-2.0
"""gpu-dmar kmd and a driver in C that saves its frame buffer: at once, in pieces, alone and in a link."""
import unittest

from kmd_base import SAVER, KmdTest, covers

FILL, CHECK = ({"do": "escape", "bytes": f"0{n}000000", "expect": "STATUS_SUCCESS"} for n in (1, 2))
DOWN, UP = ({"do": "power", "state": state} for state in ("D3", "D0"))
ONE_FAILS = {"do": "fail", "after": 0}  # the pin: no page of the save area has been there before
ALL_FAIL = {"do": "fail", "after": 0, "sticky": True}
ENOUGH = {"do": "fail"}
AT_ONCE = (FILL, DOWN, UP, CHECK)
IN_PIECES = (FILL, ONE_FAILS, DOWN, ENOUGH, UP, CHECK)
WITHOUT_MEMORY = (FILL, ALL_FAIL, DOWN, ENOUGH, UP)


class SaverTest(KmdTest):
    driver = SAVER

    def good(self, *steps, adapters=1, start=None):
        return self.judge([SAVER], "--scenario", self.plan(*steps, adapters=adapters, start=start), code=0)

    def bad(self, rule, changes, *steps, adapters=1):
        """A variant of the driver breaks a rule: the first place where it does, and the summary."""
        summary = self.judge([self.variant(*changes)], "--scenario", self.plan(*steps, adapters=adapters))
        found = [entry for entry in summary["rules_broken"] if entry["rule"] == rule]
        self.assertTrue(found, summary["output"])
        return found[0], summary


class Good(SaverTest):
    def test_at_once(self):
        for iommu in ("logical", "isolation", "off"):
            with self.subTest(iommu):
                summary = self.good(*AT_ONCE, start={"iommu": iommu})
                self.assertEqual(summary["ddi_calls"]["DxgkCbPinFrameBufferForSave2"], 2)
                for rule in ("R201", "R202", "R204", "R205", "R210", "E17"):
                    self.assertGreater(summary["rules_kept"][rule], 0, rule)

    @covers("R203")
    def test_in_pieces(self):
        summary = self.good(*IN_PIECES)
        self.assertEqual(summary["ddi_calls"]["DxgkCbMapFrameBufferPointer"], 2)
        self.assertEqual(summary["ddi_calls"]["DxgkCbUnpinFrameBufferForSave"], 1)  # on the way up there is memory
        for rule in ("R203", "R206", "R207", "R209", "R210"):
            self.assertGreater(summary["rules_kept"][rule], 0, rule)

    @covers("R208")
    def test_not_even_a_page(self):
        summary = self.good(*WITHOUT_MEMORY)
        self.assertEqual(summary["ddi_calls"]["DxgkCbMapFrameBufferPointer"], 1)
        for rule in ("R203", "R208", "E3"):
            self.assertGreater(summary["rules_kept"][rule], 0, rule)

    def test_a_link(self):
        summary = self.good(*AT_ONCE, adapters=2)
        self.assertIn("link0: 2 adapters", summary["output"])
        self.assertEqual(summary["ddi_calls"]["DxgkCbPinFrameBufferForSave2"], 4)


class Pins(SaverTest):
    @covers("R202")
    def test_reserved_bits(self):
        rule, _ = self.bad("R202", [("  Pin.CommitSize = OWN_BYTES;", "  Pin.CommitSize = OWN_BYTES;\n  Pin.Flags.Value = 2;")],
                           *AT_ONCE)
        self.at(rule["at"], "DxgkCbPinFrameBufferForSave2(Lead, &Pin)", "MoveFrameBuffer")
        self.assertEqual(rule["in"], "DxgkDdiSetPowerState")

    @covers("R203")
    def test_gives_up_without_pieces(self):
        rule, _ = self.bad("R203", [("  if (!NT_SUCCESS(Status)) return MovePieces(Adapter, Out);",
                                     "  if (!NT_SUCCESS(Status)) return Status;\n  if (FALSE) MovePieces(Adapter, Out);")],
                           *IN_PIECES)
        self.at(rule["at"], "DxgkCbPinFrameBufferForSave2(Lead, &Pin)", "MoveFrameBuffer")
        self.assertEqual(rule["in"], "DxgkDdiSetPowerState")

    @covers("R205")
    def test_twice(self):
        rule, _ = self.bad("R205", [("  Status = MovePinned(Adapter, Pin.pAdl, Out);",
                                     "  DXGKARGCB_PINFRAMEBUFFERFORSAVE2 Again = Pin;\n"
                                     "  Adapter->Dxgk.DxgkCbPinFrameBufferForSave2(Lead, &Again);\n"
                                     "  Status = MovePinned(Adapter, Pin.pAdl, Out);")], *AT_ONCE)
        self.at(rule["at"], "DxgkCbPinFrameBufferForSave2(Lead, &Again)", "MoveFrameBuffer")

    @covers("R210")
    def test_another_members_handle(self):
        rule, _ = self.bad("R210", [("return Members[0]->Dxgk.DeviceHandle;", "return Members[MemberCount - 1]->Dxgk.DeviceHandle;")],
                           *AT_ONCE, adapters=2)
        self.at(rule["at"], "DxgkCbPinFrameBufferForSave2(Lead, &Pin)", "MoveFrameBuffer")
        self.assertEqual(rule["in"], "DxgkDdiSetPowerState")

    @covers("R201", "R212")
    def test_an_adapter_without_an_area(self):
        rule, _ = self.bad("R201", [("    case DXGKQAITYPE_FRAMEBUFFERSAVESIZE:\n",
                                     "    case DXGKQAITYPE_FRAMEBUFFERSAVESIZE:\n"
                                     "      if (*(const UINT*)Query->pInputData != 0) Save.MaximumSize = 0;\n")],
                           *AT_ONCE, adapters=2)
        self.assertIn("of 0 for physical adapter 1", rule["text"])
        self.at(rule["at"], "DxgkCbPinFrameBufferForSave2(Lead, &Pin)", "MoveFrameBuffer")

    @covers("R142", "R212")
    def test_uses_what_is_not_pinned(self):
        """A pin is of the first bytes: what is behind them in the area is out of reach."""
        rule, summary = self.bad("R142", [("  Pin.CommitSize = OWN_BYTES;", "  Pin.CommitSize = PAGE_SIZE;"),
                                          ("Page < Adl->PageCount; ++Page) {", "Page < OWN_PAGES; ++Page) {"),
                                          ("Adl->Flags.Contiguous ? Adl->BasePageNumber + Page : Adl->Pages[Page];",
                                           "(Adl->Flags.Contiguous ? Adl->BasePageNumber : Adl->Pages[0]) + Page;")],
                                 *AT_ONCE)
        self.assertIn("a page that no ADL names", rule["text"])
        self.assertTrue(summary["dma_outside_adls"][0]["write"])


class Views(SaverTest):
    @covers("R206")
    def test_ignores_the_offset(self):
        rule, _ = self.bad("R206", [("(PUCHAR)Map.pBaseAddress + Map.Offset;", "(PUCHAR)Map.pBaseAddress;")], *IN_PIECES)
        self.assertIn("0x1000 bytes behind", rule["text"])
        self.at(rule["at"], "DxgkCbUnmapFrameBufferPointer(Lead, &Unmap)", "MovePiece")

    @covers("R207")
    def test_parts_of_pages_and_beyond_the_area(self):
        for old, new in (("{Adapter->Index, PAGE_SIZE, Offset, NULL}", "{Adapter->Index, PAGE_SIZE, Offset + 8, NULL}"),
                         ("Offset < OWN_BYTES; Offset", "Offset <= OWN_BYTES; Offset")):
            with self.subTest(new):
                rule, _ = self.bad("R207", [(old, new)], *IN_PIECES)
                self.at(rule["at"], "DxgkCbMapFrameBufferPointer(Lead, &Map)", "MovePiece")
                self.assertEqual(rule["in"], "DxgkDdiSetPowerState")

    @covers("R208")
    def test_goes_on_without_a_page(self):
        rule, _ = self.bad("R208", [("  for (SIZE_T Offset = 0; NT_SUCCESS(Status) && Offset < OWN_BYTES;",
                                     "  for (SIZE_T Offset = 0; Offset < OWN_BYTES;")], *WITHOUT_MEMORY)
        self.at(rule["at"], "DxgkCbMapFrameBufferPointer(Lead, &Map)", "MovePiece")
        self.assertEqual(rule["in"], "DxgkDdiSetPowerState")

    @covers("R209")
    def test_unmaps_another_address(self):
        rule, _ = self.bad("R209", [("Unmap = {Adapter->Index, Map.pBaseAddress};",
                                     "Unmap = {Adapter->Index, (PUCHAR)Map.pBaseAddress + PAGE_SIZE};")], *IN_PIECES)
        self.at(rule["at"], "DxgkCbUnmapFrameBufferPointer(Lead, &Unmap)", "MovePiece")


class Handles(SaverTest):
    @covers("E17")
    def test_the_interrupt_of_another_member(self):
        rule, _ = self.bad("E17", [("  Adapter->Dxgk.DxgkCbQueueDpc(Adapter->Dxgk.DeviceHandle);",
                                    "  Adapter->Dxgk.DxgkCbQueueDpc(Members[0]->Dxgk.DeviceHandle);")],
                           *AT_ONCE, adapters=2)
        self.at(rule["at"], "DxgkCbQueueDpc(Members[0]->Dxgk.DeviceHandle)", "InterruptRoutine")
        self.assertIn("the handle of adapter 0 in DxgkDdiInterruptRoutine of adapter 1", rule["text"])

    @covers("E17")
    def test_the_drivers_own_context(self):
        rule, summary = self.bad("E17", [("DxgkCbNotifyDpc(Adapter->Dxgk.DeviceHandle)", "DxgkCbNotifyDpc(Adapter)")], *AT_ONCE)
        self.at(rule["at"], "DxgkCbNotifyDpc(Adapter)", "DpcRoutine")
        self.assertEqual(summary["status"], "bugcheck")

    @covers("E17")
    def test_a_handle_after_the_stop(self):
        rule, _ = self.bad("E17", [("static NTSTATUS RemoveDevice(IN_CONST_PVOID MiniportDeviceContext) {\n",
                                    "static NTSTATUS RemoveDevice(IN_CONST_PVOID MiniportDeviceContext) {\n"
                                    "  DXGK_DEVICE_INFO Late;\n"
                                    "  SAVER_ADAPTER* Adapter = (SAVER_ADAPTER*)MiniportDeviceContext;\n"
                                    "  Adapter->Dxgk.DxgkCbGetDeviceInformation(Adapter->Dxgk.DeviceHandle, &Late);\n")])
        self.at(rule["at"], "DxgkCbGetDeviceInformation(Adapter->Dxgk.DeviceHandle, &Late)", "RemoveDevice")


if __name__ == "__main__":
    unittest.main()
