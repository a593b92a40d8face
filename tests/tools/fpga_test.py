# SPDX-License-Identifier: Apache-2.0
"""rtl/fpga: the harness, the reading of reports, and what fails a run; the tools themselves are not needed."""
import contextlib
import io
import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "rtl"))
from fpga import chroot, flow, harness, report, timing

MODULE = """
module block #(
    parameter int unsigned Width = 4,  // bits
    // of both
    parameter int unsigned Twice = 2 * Width  // derived
) (
    input  logic             clk_i,
    input  logic [Width-1:0] a_i,
    input  logic             fixed_i,
    output logic [Twice-1:0] b_o,  // sum
    output logic             probe_o
);
"""


class HarnessTest(unittest.TestCase):
    def test_shift_registers_on_every_port(self):
        text = harness.write(MODULE, "block", {"Width": 9}, {"fixed_i": "1'b1"}, "probe_")
        self.assertIn("localparam int unsigned Width = 9;", text)
        self.assertIn("localparam int unsigned Twice = 2 * Width;", text)
        self.assertIn("localparam int unsigned InBits = ((Width-1) + 1);", text)
        self.assertIn("localparam int unsigned OutBits = ((Twice-1) + 1);", text)
        self.assertIn("assign {a_i} = in_q;", text)
        self.assertIn("assign fixed_i = 1'b1;", text)
        self.assertIn("out_q <= {b_o};", text)
        self.assertIn(".Width(9)", text)

    def test_what_the_module_has_not(self):
        for settings, tie in (({"Wdith": 1}, {}), ({}, {"b_o": "1'b0"})):
            with self.assertRaises(harness.HarnessError):
                harness.write(MODULE, "block", settings, tie, None)
        with self.assertRaises(harness.HarnessError):
            harness.write(MODULE, "other", {}, {}, None)
        with self.assertRaises(harness.HarnessError):
            harness.write(MODULE.replace("output logic             probe_o", "output wire_t probe_o"), "block", {}, {}, None)

    def test_every_configuration_fits_its_top(self):
        configs = flow.load(ROOT / "rtl" / "fpga" / "configs.toml")
        self.assertLessEqual({"small", "default", "full"}, configs.keys())
        for config in configs.values():
            text = harness.write((ROOT / config["source"]).read_text(encoding="utf-8"), config["top"], config["set"],
                                 config.get("tie", {}), config.get("leave_open"))
            self.assertIn(f"  {config['top']} #(", text)

    @unittest.skipUnless(shutil.which("yosys"), "no yosys")
    def test_yosys_reads_it(self):
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "harness.sv"
            source = ROOT / "rtl" / "lib" / "rr_arbiter.sv"
            path.write_text(harness.write(source.read_text(encoding="utf-8"), "rr_arbiter", {"N": 3}, {}, None),
                            encoding="utf-8")
            done = subprocess.run(["yosys", "-q", "-p", f"read_verilog -sv {source} {path}; hierarchy -check -top "
                                   f"{harness.NAME}; proc; flatten; select -assert-count 1 w:in_q s:5 %i; "
                                   "select -assert-count 1 w:out_q s:5 %i"], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)


def sdf(wires, cells):
    """An SDF file: wires [(from, to, ps)], cells {name: (arcs, checks)}."""
    lines = ["(DELAYFILE", "  (CELL", '    (CELLTYPE "top")', "    (INSTANCE )"]
    lines += [f"        (INTERCONNECT {a} {b} ({ps}:{ps}:{ps}) (0:0:{ps}))" for a, b, ps in wires]
    for name, (arcs, checks) in cells.items():
        lines += ["  (CELL", '    (CELLTYPE "X")', f"    (INSTANCE {name})"]
        lines += [f"        (IOPATH {a} {b} (1:2:{ps}) (1:2:{ps - 1}))" for a, b, ps in arcs]
        lines += [f"      (SETUPHOLD (posedge {pin}) (posedge CLK) (1:2:{ps}) (9:9:9))" for pin, ps in checks]
    return lines


FLOP = ([("CLK", "Q", 400)], [("DI", 200)])
CELLS = {"a_q\\[0\\]": FLOP, "b_q": FLOP, "c_q": FLOP, "lut1": ([("A", "F", 150), ("B", "F", 180)], []),
         "lut2": ([("A", "F", 150)], [])}
WIRES = [("a_q\\[0\\]/Q", "lut1/A", 1000), ("b_q/Q", "lut1/B", 100), ("lut1/F", "lut2/A", 500), ("lut2/F", "c_q/DI", 300),
         ("lut1/F", "b_q/DI", 50)]


class TimingTest(unittest.TestCase):
    def test_the_worst_path_first(self):
        first, second = timing.worst_paths(sdf(WIRES, CELLS), lambda cell: cell)
        self.assertEqual(first.ps, 400 + 1000 + 150 + 500 + 150 + 300 + 200)
        self.assertEqual((first.start, first.end), (("a_q[0]", "Q"), ("c_q", "DI")))
        self.assertEqual(first.cells, ["a_q[0]", "lut1", "lut2", "c_q"])
        self.assertEqual((second.ps, second.end), (400 + 1000 + 150 + 50 + 200, ("b_q", "DI")))

    def test_one_path_of_a_family(self):
        self.assertEqual(len(timing.worst_paths(sdf(WIRES, CELLS), lambda cell: "all")), 1)
        self.assertEqual(len(timing.worst_paths(sdf(WIRES, CELLS), lambda cell: cell, 1)), 1)

    def test_a_loop(self):
        with self.assertRaisesRegex(timing.TimingError, "loop"):
            timing.worst_paths(sdf([*WIRES, ("lut2/F", "lut1/B", 10)], CELLS), lambda cell: cell)

    def test_what_is_no_timing(self):
        with self.assertRaises(timing.TimingError):
            timing.worst_paths([], lambda cell: cell)
        with self.assertRaises(timing.TimingError):
            timing.worst_paths(["(INTERCONNECT broken)"], lambda cell: cell)


NETLIST = {
    "netnames": {
        "in_q": {"bits": [1]}, "valid_i": {"bits": [1]}, "dut.valid_i": {"bits": [1]},
        "dut.i_iommu.walk": {"bits": [2]}, "dut.i_iommu.i_lane.walk_o": {"bits": [2]},
        "dut.i_iommu.i_walker.req_i": {"bits": [2]},
        "dut.gen_adapter[1].i_dma.u_engine.count_q": {"bits": [3]},
        "dut.bus": {"bits": [4, 5]}, "dut.i_iommu.half_o": {"bits": [4]}, "dut.gen_adapter[1].i_dma.half_o": {"bits": [5]},
    },
    "cells": {
        "in_q_TRELLIS_FF_Q_3": {"type": "TRELLIS_FF"},
        "dut.i_iommu.walk_LUT4_Z": {"type": "LUT4"},
        "dut.i_iommu.walk_LUT4_Z_A_PFUMX_Z": {"type": "PFUMX"},
        "dut.i_iommu.walk_LUT4_Z_1_B_LUT4_Z": {"type": "LUT4"},
        "dut.gen_adapter[1].i_dma.u_engine.count_q_TRELLIS_FF_Q": {"type": "TRELLIS_FF"},
        "dut.gen_adapter[1].i_dma.u_engine.count_q_TRELLIS_FF_Q_DI_CCU2C_S0": {"type": "CCU2C"},
        "dut.gen_adapter[1].i_dma.mem.0.0": {"type": "DP16KD"},
        # Both named after a bus that two blocks drive.
        "dut.bus_TRELLIS_FF_Q": {"type": "TRELLIS_FF", "port_directions": {"CLK": "input", "Q": "output"},
                                 "connections": {"CLK": [9], "Q": [4]}},
        "dut.bus_TRELLIS_FF_Q_1": {"type": "TRELLIS_FF", "port_directions": {"CLK": "input", "Q": "output"},
                                   "connections": {"CLK": [9], "Q": [5]}},
    },
}
USED = {"TRELLIS_COMB": {"used": 100, "available": 9}, "TRELLIS_FF": {"used": 40}, "DP16KD": {"used": 2}}


class ReportTest(unittest.TestCase):
    def test_area_by_block(self):
        blocks = report.area_by_block(NETLIST, report.Names(NETLIST, "dut", ()))
        self.assertEqual(blocks["iommu/lane"], {"lut": 2, "ff": 0, "bram": 0})  # it drives what the walker takes
        self.assertEqual(blocks["iommu"], {"lut": 2, "ff": 1, "bram": 0})
        self.assertEqual(blocks["dma[1]/engine"], {"lut": 2, "ff": 1, "bram": 0})
        self.assertEqual(blocks["dma[1]"], {"lut": 2, "ff": 2, "bram": 1})
        self.assertNotIn("dma[1]/mem", blocks)
        self.assertEqual(blocks["harness"], {"lut": 0, "ff": 1, "bram": 0})

    def test_names_for_people(self):
        names = report.Names(NETLIST, "dut", ("top",))
        self.assertEqual(names.path("dut.i_iommu.walk_LUT4_Z_1_B_LUT4_Z"), "top/iommu/lane.walk_o")
        self.assertEqual(names.path("dut.gen_adapter[1].i_dma.u_engine.count_q_TRELLIS_FF_Q"), "top/dma[1]/engine.count_q")
        self.assertEqual(names.path("in_q_TRELLIS_FF_Q_3"), "harness.in_q")
        self.assertEqual(names.path("dut.bus_TRELLIS_FF_Q_1"), "top/dma[1].half_o")

    def test_totals(self):
        found = report.totals({"utilization": USED, "fmax": {"clk": {"achieved": 87.654, "constraint": 150}}})
        self.assertEqual(found, {"lut": 100, "ff": 40, "bram": 2, "fmax_mhz": 87.65})
        for wrong in ({}, {"utilization": {}, "fmax": {}}, {"utilization": USED, "fmax": {}}):
            with self.assertRaises(report.ReportError):
                report.totals(wrong)

    def test_the_baseline(self):
        base = {"lut": 1000, "ff": 100, "bram": 20, "fmax_mhz": 100.0}
        self.assertEqual(report.compare({"lut": 1050, "ff": 105, "bram": 21, "fmax_mhz": 95.0}, base), [])
        self.assertEqual(report.compare({"lut": 10, "ff": 10, "bram": 0, "fmax_mhz": 200.0}, base), [])
        for key, value in (("lut", 1051), ("ff", 106), ("bram", 22), ("fmax_mhz", 94.9)):
            self.assertEqual(len(report.compare({**base, key: value}, base)), 1, key)


class ChrootTest(unittest.TestCase):
    """The set-up, with a debootstrap and a chroot that only look so."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.directory = Path(scratch.name)
        self.tree = self.directory / "cache" / f"fpga-{chroot.SUITE}"
        (self.directory / "bin").mkdir()
        self.program("unshare", "exit 0")
        self.program("chroot", 'echo "yosys 1.2"; echo "nextpnr-ecp5 3.4"')
        for patch in (mock.patch.object(chroot, "as_root", return_value=[]),
                      mock.patch.dict("os.environ", {"GPUDMAR_CACHE": str(self.directory / "cache"),
                                                     "PATH": f"{self.directory}/bin:/usr/bin:/bin"})):
            patch.start()
            self.addCleanup(patch.stop)

    def program(self, name, script):
        path = self.directory / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

    def tools(self):
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            return chroot.Tools(ROOT, self.directory), output.getvalue()

    def test_set_up_once(self):
        self.program("debootstrap", 'mkdir "$4"; echo "I: Retrieving a"; echo "I: Retrieving b"; echo "I: Unpacking c"')
        tools, output = self.tools()
        self.assertEqual(tools.version, "yosys 1.2, nextpnr-ecp5 3.4")
        self.assertEqual((output.count("retrieving"), output.count("unpacking")), (1, 1))
        self.assertTrue((self.tree / "src").is_dir() and (self.tree / "out").is_dir())
        self.program("debootstrap", "exit 1")
        self.assertEqual(self.tools()[1], "")  # it is there

    def test_set_up_that_fails_leaves_nothing_to_be_taken_for_whole(self):
        self.program("debootstrap", 'mkdir "$4"; echo "E: Couldn\'t download packages: yosys"; exit 1')
        with self.assertRaisesRegex(chroot.Unavailable, "download packages: yosys"):
            self.tools()
        self.assertFalse(self.tree.exists())
        self.program("debootstrap", 'mkdir "$4"')  # fails if something were left in its place
        self.tools()

    def test_no_mounts_no_debootstrap(self):
        with mock.patch.object(shutil, "which", side_effect=lambda name: None if name == "debootstrap" else name):
            with self.assertRaisesRegex(chroot.Unavailable, "debootstrap is not installed"):
                self.tools()
        self.program("unshare", "exit 1")
        with self.assertRaisesRegex(chroot.Unavailable, "mounts are not allowed"):
            self.tools()

    def test_nobody_who_may(self):
        with mock.patch.object(chroot, "as_root", side_effect=chroot.Unavailable("needs root")):
            with self.assertRaisesRegex(chroot.Unavailable, "needs root"):
                self.tools()


class FlowTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.build = Path(scratch.name)

    def run_flow(self, *arguments):
        """(exit status, all output, summary or None)."""
        output = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            try:
                status = flow.main([str(self.build), *arguments])
            except SystemExit as end:
                status = end.code
        path = self.build / "fpga" / "summary.json"
        return status, output.getvalue(), json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def test_what_there_is_not(self):
        for arguments, word in ((("--conf", "huge"), "huge"), (("--part", "abacus"), "abacus"),
                                (("--part", "xc7a200t"), "not here yet")):
            status, _, summary = self.run_flow(*arguments)
            self.assertIn(word, str(status))
            self.assertIsNone(summary)

    def test_a_configuration_that_is_wrong(self):
        path = self.build / "configs.toml"
        path.write_text('[x]\nabout = ""\ntop = "t"\nlist = "rtl/gone.f"\nsett = {}\n', encoding="utf-8")
        status, _, _ = self.run_flow("--configs", str(path))
        for word in ("unknown key sett", "source is missing", "no file rtl/gone.f"):
            self.assertIn(word, str(status))

    def test_no_tools(self):
        with mock.patch.object(chroot, "Tools", side_effect=chroot.Unavailable("no root here")):
            status, output, summary = self.run_flow("--conf", "small")
        self.assertEqual(status, 0)
        self.assertIn("skipped: no root here", output)
        self.assertEqual((summary["skipped"], summary["runs"]), ("no root here", []))

    def measured(self, fmax, accepted=50.0):
        """Runs the flow with this result in the place of the tools."""
        run = {"part": "ecp5-85", "config": "small", "lut": 100, "ff": 100, "bram": 1, "fmax_mhz": fmax, "blocks": {},
               "paths": []}
        with mock.patch.object(chroot, "Tools", return_value=mock.Mock(version="v")), \
             mock.patch.object(flow, "build", return_value=run), \
             mock.patch.object(flow, "accepted", return_value={"ecp5-85": {"small": {**run, "fmax_mhz": accepted}}}
                               if accepted else {}):
            return self.run_flow("--conf", "small")

    def test_as_accepted(self):
        status, output, summary = self.measured(48.0)
        self.assertEqual(status, 0, output)
        self.assertEqual(summary["runs"][0]["fmax_mhz"], 48.0)
        self.assertNotIn("skipped", summary)

    def test_nothing_accepted_yet(self):
        status, output, summary = self.measured(10.0, None)
        self.assertEqual(status, 0)
        self.assertIn("no accepted figures", output)
        self.assertNotIn("accepted", summary["runs"][0])

    def test_accepting(self):
        path = self.build / "baseline.json"
        with mock.patch.object(flow, "BASELINE", path):
            run = {"part": "ecp5-85", "config": "small", "lut": 1, "ff": 2, "bram": 3, "fmax_mhz": 4.5, "blocks": {}, "paths": []}
            with mock.patch.object(chroot, "Tools", return_value=mock.Mock(version="v")), \
                 mock.patch.object(flow, "build", return_value=run), mock.patch.object(flow, "accepted", return_value={}):
                status, _, _ = self.run_flow("--conf", "small", "--accept")
        self.assertEqual(status, 0)
        self.assertEqual(json.loads(path.read_text(encoding="utf-8")),
                         {"ecp5-85": {"small": {"lut": 1, "ff": 2, "bram": 3, "fmax_mhz": 4.5}}})

    def test_slower_than_accepted(self):
        status, output, summary = self.measured(47.0)
        self.assertEqual(status, 1)
        self.assertIn("small: 47.0 MHz, accepted 50.0", output)
        self.assertEqual(len(summary["runs"]), 1)

    def test_a_run_that_fails(self):
        with mock.patch.object(chroot, "Tools", return_value=mock.Mock(version="v")), \
             mock.patch.object(flow, "build", side_effect=flow.FlowError("small: synthesis failed")):
            status, output, summary = self.run_flow("--conf", "small")
        self.assertEqual((status, summary["runs"]), (1, []))
        self.assertIn("synthesis failed", output)

    def test_two_figures_that_differ(self):
        (self.build / "netlist.json").write_text(json.dumps({"modules": {harness.NAME: NETLIST}}), encoding="utf-8")
        (self.build / "delays.sdf").write_text("\n".join(sdf(WIRES, CELLS)), encoding="utf-8")
        written = {"utilization": USED, "fmax": {"clk": {"achieved": 1e6 / 2700}}}
        (self.build / "report.json").write_text(json.dumps(written), encoding="utf-8")
        self.assertEqual(flow.measure(self.build, {})["paths"][0]["ns"], 2.7)
        written["fmax"]["clk"]["achieved"] = 300
        (self.build / "report.json").write_text(json.dumps(written), encoding="utf-8")
        with self.assertRaises(flow.FlowError):
            flow.measure(self.build, {})


if __name__ == "__main__":
    unittest.main()
