# SPDX-License-Identifier: Apache-2.0
"""Traces of what the system does of its own accord: paging, time-outs, power, removal, isolation; and of the 2.4 callbacks."""
import copy
import json
import subprocess
import tempfile
import unittest
from pathlib import Path

from replay_test import HEAD, PROGRAM, ROOT, SCENARIOS, TIMEOUT, ReplayTest, covers


class SystemRoundTrips(ReplayTest):
    """Recorded, then made again in the recorded cycles and in whatever cycles it takes."""

    def both_ways(self, *args):
        self.record(*args)
        exact = self.replay("--cycles")
        self.assertIsNone(exact["difference"])
        self.assertGreater(exact["events"], 100)
        self.assertGreater(self.replay()["events"], 20)
        return self.read()

    def actions(self, lines):
        return {line["system"] for line in lines if "system" in line}

    @covers("R160", "R171", "G15", "G16")
    def test_paging(self):
        lines = self.both_ways(SCENARIOS / "paging.json")
        self.assertLessEqual({"allocate", "resident", "evict", "access"}, self.actions(lines))
        # As slow as it may be, it is no time-out.
        self.replay("--latency", 400)
        self.replay("--pipe", 1)

    def test_paging_with_page_lists(self):
        lines = self.both_ways(SCENARIOS / "paging_frames.json")
        lists = [work["list"] for line in lines if "dma" in line for work in line["dma"]["work"] if "list" in work]
        self.assertTrue(lists)
        self.assertTrue(all("allocation" in place for entries in lists for place in entries), lists[0])

    @covers("R171", "R172")
    def test_time_outs(self):
        lines = self.both_ways(SCENARIOS / "hang.json")
        calls = {line["call"] for line in lines if "call" in line}
        self.assertLessEqual({"DxgkDdiResetEngine", "DxgkDdiResetFromTimeout", "DxgkDdiRestartFromTimeout"}, calls)
        self.assertIn("dropped", {line["dma"].get("result") for line in lines if "dma" in line})

    @covers("E2", "E5", "R211")
    def test_power(self):
        lines = self.both_ways(SCENARIOS / "power.json")
        self.assertLessEqual({"power", "reset_unit"}, self.actions(lines))

    def test_power_under_memory_pressure(self):
        self.both_ways(SCENARIOS / "power_pressure.json")

    def test_removal(self):
        lines = self.both_ways(SCENARIOS / "removal.json")
        self.assertIn("remove", self.actions(lines))

    def test_memory_that_runs_out(self):
        self.assertIn("fail", self.actions(self.both_ways(SCENARIOS / "fail.json")))

    def test_isolation_that_comes_later(self):
        self.assertIn("isolate", self.actions(self.both_ways(SCENARIOS / "switch.json")))
        self.both_ways(SCENARIOS / "iommu_flags.json")

    @covers("R220", "R221", "R222", "R225")
    def test_memory_of_wddm_2_4(self):
        lines = self.both_ways(SCENARIOS / "legacy_isolation.json")
        mapped = [line for line in lines if line.get("call") == "DxgkCbMapMdlToIoMmu" and "Mdl" in line["in"]]
        self.assertTrue(mapped, "no MDL of the driver's own")
        # The driver writes to one while it is mapped: nothing but the trace can tell.
        changed = [line for line in lines if line.get("call") == "DxgkCbUnmapMdlFromIoMmu" and "Mdl" in line["in"]]
        self.assertEqual([line["bugcheck"]["code"] for line in changed], ["0x113"])
        self.both_ways(SCENARIOS / "legacy_off.json")

    def kmd(self, *args):
        done = self.program("kmd", ROOT / "tests" / "kmd" / "drivers" / "pager.c", "--dir", "kmd", "--record", "trace.jsonl",
                            *args)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.replay("--cycles")
        self.replay()
        return self.read()

    def test_somebodys_own_driver_that_pages(self):
        # Its private data of an allocation: three pages.
        lines = self.kmd("--allocation", "0030000000000000")
        self.assertLessEqual({"allocate", "resident", "evict", "fill", "discard", "deallocate", "access", "power", "reset_unit"},
                             self.actions(lines))

    @covers("E11", "R220")
    def test_a_plan_of_all_that_can_happen_to_it(self):
        allocate = {"do": "allocate", "name": "a", "bytes": "0020000000000000"}
        steps = [allocate, {"do": "write", "name": "a", "pattern": 5}, {"do": "hang"}, {"do": "resident", "name": "a"},
                 {"do": "fail", "after": 0, "sticky": True}, {"do": "evict", "name": "a"}, {"do": "fail"},
                 {"do": "escape", "bytes": "03000000"}, {"do": "trim", "pages": 16}, {"do": "isolate"},
                 {"do": "resident", "name": "a"}, {"do": "stop"}, {"do": "start"}, dict(allocate, link=1), {"do": "remove"}]
        plan = {"schema": 1, "name": "all", "machine": {"adapters": 2, "ram": [["0", "2G"]]},
                "start": {"iommu": "physical", "tdr_delay": 20_000}, "steps": [{"do": "start"}, *steps]}
        (self.dir / "plan.json").write_text(json.dumps(plan))
        lines = self.kmd("--scenario", "plan.json", "--cflag=-DPAGER_BLOCKS")
        self.assertLessEqual({"fail", "trim", "isolate", "remove", "resident", "evict"}, self.actions(lines))
        calls = {line["call"] for line in lines if "call" in line}
        self.assertLessEqual({"DxgkDdiResetFromTimeout", "DxgkCbMapMdlToIoMmu", "DxgkDdiNotifySurpriseRemoval"}, calls)


class Arguments(ReplayTest):
    """Every entry point has its arguments, and a replay compares them."""

    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "trace.jsonl"
            subprocess.run([PROGRAM, "run", SCENARIOS / "paging.json", "--record", path], check=True,
                           stdout=subprocess.DEVNULL, timeout=TIMEOUT)
            cls.lines = [json.loads(line) for line in path.read_text().splitlines()]

    def test_what_goes_in(self):
        without = {"DriverEntry", "DxgkInitialize", "DxgkUnInitialize", "DxgkDdiAddDevice", "DxgkDdiLinkDevice", "DxgkDdiStopDevice",
                   "DxgkDdiRemoveDevice", "DxgkDdiUnload", "DxgkDdiDpcRoutine"}
        for line in self.lines:
            name = line.get("call", "")
            if name.startswith("DxgkDdi") and name not in without:
                self.assertTrue(line.get("in"), line)

    def changed(self, name, find, change):
        lines = copy.deepcopy(self.lines)
        index = next(i for i, line in enumerate(lines) if line.get("call") == name and find(line))
        change(lines[index])
        self.write(lines)
        difference = self.replay(code=1)["difference"]
        self.assertEqual(difference["line"], index + 1)
        return difference

    def test_another_operation(self):
        def change(line):
            line["in"]["Operation"] = "DXGK_OPERATION_DISCARD_CONTENT"
            for key in [key for key in line["in"] if key.startswith("Fill.")]:
                line["in"].pop(key)
        d = self.changed("DxgkDdiBuildPagingBuffer", lambda l: l["in"]["Operation"] == "DXGK_OPERATION_FILL", change)
        self.assertEqual((d["field"], d["got"]), ("in.Operation", '"DXGK_OPERATION_FILL"'))

    def test_another_fence(self):
        d = self.changed("DxgkDdiSubmitCommand", lambda l: True, lambda l: l["in"].update(SubmissionFenceId=77))
        self.assertEqual((d["field"], d["expected"]), ("in.SubmissionFenceId", "77"))

    def test_another_range_of_the_aperture(self):
        d = self.changed("DxgkDdiBuildPagingBuffer", lambda l: "MapApertureSegment2.OffsetInPages" in l["in"],
                         lambda l: l["in"].update({"MapApertureSegment2.OffsetInPages": 9999}))
        self.assertEqual(d["field"], "in.MapApertureSegment2.OffsetInPages")

    def test_a_driver_that_writes_too_much(self):
        lines = copy.deepcopy(self.lines)
        index = next(i for i, line in enumerate(lines) if line.get("call") == "DxgkDdiBuildPagingBuffer")
        lines[index]["out"]["DmaBytes"] = 1 << 20
        self.write(lines)
        d = self.replay(code=1)["difference"]
        self.assertEqual(d["field"], "bugcheck")
        self.assertTrue(d["got"].startswith("0x10e"), d)

    def test_allocations_that_are_not_there(self):
        self.write([HEAD, {"system": "evict", "in": {"adapter": 0, "allocation": "a"}}])
        self.assertIn("'a': no earlier call returned a handle of this name", self.refused())
        self.write([HEAD, {"system": "allocate", "in": {"adapter": 0, "bytes": 8, "private_data": "x"}}])
        self.assertIn("'in.private_data'", self.refused())
        self.write([HEAD, {"system": "power", "in": {"adapter": 0, "state": 9, "action": 0}}])
        self.assertIn("'in.state': 9 is more than 4", self.refused())
        self.write([HEAD, {"call": "DxgkDdiSubmitCommand", "in": {"Fence": 1}}])
        self.assertIn("'in.Fence': no field that goes into DxgkDdiSubmitCommand", self.refused())

    def test_an_action_that_fails_becomes_short(self):
        lines = copy.deepcopy(self.lines)
        index = next(i for i, line in enumerate(lines) if line.get("system") == "resident" and line["status"] == "STATUS_SUCCESS")
        lines[index]["status"] = "STATUS_NO_MEMORY"
        self.write(lines)
        done = self.program("replay", "trace.jsonl", "--shrink", "--runs", 150)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        small = self.read("trace.jsonl.min.jsonl")
        self.assertLess(len(small), 100)
        actions = [line.get("system") for line in small if "system" in line]
        # Without the access there is nothing to transfer, and resident has the driver do something else.
        self.assertEqual(sorted(actions), ["access", "allocate", "load", "resident", "start"])
        difference = self.replay(name="trace.jsonl.min.jsonl", code=1)["difference"]
        self.assertEqual((difference["name"], difference["field"], difference["expected"]),
                         ("resident", "status", "STATUS_NO_MEMORY"))


class Mdls(ReplayTest):
    """MDLs that the driver made itself, as its own logger may write them."""

    def trace(self, mdl, iommu="isolation", **more):
        head = dict(HEAD, start={"iommu": iommu}, machine={"adapters": 1, "ram": [[0, "1G"]]})
        pages = {"call": "DxgkCbAllocatePagesForMdl", "in": {"hAdapter": "gpu0", "LowAddress": 0, "HighAddress": "0xffffffffffffffff",
                                                             "TotalBytes": 8192, "CacheType": 1},
                 "out": {"hMemoryHandle": "m", "pMdl": "p", "Pages": [["0x77", 2]]}, "status": "STATUS_SUCCESS"}
        mapped = {"call": "DxgkCbMapMdlToIoMmu", "in": {"hAdapter": "gpu0", "pMdl": "own", "Mdl": mdl},
                  "out": {"hMemoryHandle": "n"}, "status": "STATUS_SUCCESS"}
        mapped.update(more)
        unmapped = {"call": "DxgkCbUnmapMdlFromIoMmu", "in": {"hAdapter": "gpu0", "hMemoryHandle": "n"}}
        freed = {"call": "DxgkCbFreePagesFromMdl", "in": {"hAdapter": "gpu0", "hMemoryHandle": "m"}, "status": "STATUS_SUCCESS"}
        copied = {"dma": {"adapter": 0, "work": [{"op": "copy", "src": {"adl": "n", "offset": 0}, "dst": {"vram": 0}, "bytes": 4096}],
                          "result": "done"}}
        return [head, pages, mapped] + ([] if more else [copied, unmapped]) + [freed]

    MDL = {"ByteCount": 4096, "ByteOffset": 0, "MdlFlags": 2, "Pages": [["0x78", 1]]}

    def test_pages_are_those_of_the_memory_that_stands_for_theirs(self):
        self.write(self.trace(self.MDL))
        self.assertEqual(self.replay()["events"], 5)

    def test_what_nobody_has_is_nobodys(self):
        self.write(self.trace(dict(self.MDL, Pages=[["0x99", 1]]), bugcheck={"code": "0x1a", "parameters": ["0x1236"]}, out={}))
        self.assertEqual(self.replay()["bugcheck"], "bugcheck 0x1a")

    def test_a_change_while_it_is_mapped(self):
        lines = self.trace(self.MDL)
        lines[4]["in"]["Mdl"] = dict(self.MDL, Pages=[["0x99", 1]])
        self.write(lines)
        self.assertIn("0x113", self.replay(code=1)["difference"]["got"])
        lines[4]["bugcheck"] = {"code": "0x113"}
        self.write(lines[:5])
        self.assertEqual(self.replay()["bugcheck"], "bugcheck 0x113")
        # No more pages than it was made with.
        lines[4]["in"]["Mdl"] = dict(self.MDL, ByteCount=8192, Pages=[["0x78", 2]])
        self.write(lines[:5])
        self.assertEqual(self.replay(code=1)["difference"]["field"], "in.Mdl")
        lines[4]["in"]["Mdl"] = 1
        self.write(lines)
        self.assertIn("trace.jsonl:5: 'in.Mdl': no object", self.refused())

    def test_another_mdl_in_the_same_place(self):
        # The name comes out again, as the address does, and means the new one from there on.
        lines = self.trace(self.MDL)
        again = copy.deepcopy(lines[2:5])
        again[0]["in"]["Mdl"]["Pages"] = [["0x77", 1]]
        self.write(lines[:5] + again + lines[5:])
        self.assertEqual(self.replay()["events"], 8)

    def test_refusals(self):
        self.write(self.trace(dict(self.MDL, ByteCount=9000)))
        self.assertIn("its pages are not as many as its bytes take", self.refused())
        self.write(self.trace({"ByteCount": 1}))
        self.assertIn("'in.Mdl': 'ByteOffset' is missing", self.refused())
        lines = self.trace(self.MDL)
        lines[2]["in"].pop("Mdl")
        self.write(lines)
        self.assertIn("'own': no earlier call returned a handle of this name", self.refused())


if __name__ == "__main__":
    unittest.main()
