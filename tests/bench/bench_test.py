# SPDX-License-Identifier: Apache-2.0
"""tests/bench/bench.py: merging, filters, exit status, the peer's column; and the programs on a small filter.

The programs are those of GPUDMAR_BUILD, which CTest sets; without it their tests are skipped.
"""
import contextlib
import importlib.util
import io
import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
spec = importlib.util.spec_from_file_location("bench", HERE / "bench.py")
bench = importlib.util.module_from_spec(spec)
spec.loader.exec_module(bench)

def row(name, value=1, promise=1, ok=True):
    return {"name": name, "value": value, "unit": "cycles", "promise": promise, "ok": ok}


class BenchTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.build = Path(directory.name)
        (self.build / "bench").mkdir()
        self.lines, self.fakes = [], {}

    def program(self, name, rows, commit="abc", status=None):
        """A program that writes these rows, as far as the filter wants them."""
        def run(command, _):
            arguments = dict(zip(command[1::2], command[2::2]))
            wanted = [r for r in rows if re.search(arguments["--filter"], r["name"])]
            document = {"schema": 1, "commit": commit, "config": {"pipe": 0}, "seed": 1, "tools": {},
                        "duration_s": 0.1, "results": wanted}
            Path(arguments["--out"]).write_text(json.dumps(document))
            return status if status is not None else 0 if all(r["ok"] for r in wanted) else 1
        if name not in self.fakes:
            self.lines.append(f"rows {name}")
        self.fakes[name] = run

    def counter(self, kind, text, status=0, suffix=""):
        """A program that leaves `text` where its environment says."""
        def run(_, environment):
            if text:
                Path(environment[bench.COUNTS[kind][0]]).write_text(text)
            return status
        self.fakes[kind + suffix] = run
        self.lines.append(f"{kind} {kind}{suffix} {suffix}")

    def start(self, command, env=None, **_):
        """Instead of subprocess.run: an interpreter for each would take minutes on a busy host."""
        return mock.Mock(returncode=self.fakes[command[0]](command, env))

    def run_bench(self, *arguments):
        """(exit status, output, errors)"""
        (self.build / "bench/programs.txt").write_text("\n".join(self.lines) + "\n")
        out, err = io.StringIO(), io.StringIO()
        with mock.patch.object(bench.subprocess, "run", self.start), contextlib.redirect_stdout(out), \
                contextlib.redirect_stderr(err):
            status = bench.main(["--build", str(self.build), *arguments])
        return status, out.getvalue(), err.getvalue()

    def summary(self):
        return json.loads((self.build / "bench/summary.json").read_text())

    def names(self):
        return [r["name"] for r in self.summary()["results"]]

    def test_summary_and_table(self):
        self.program("one", [row("iommu.miss.leaf.L100", 107, 107), row("iommu.miss.leaf.L20", 27, 27)])
        self.program("two", [row("iommu.miss.leaf.L20.pipe1", 29, 29), row("sim.speed.monitors", 0.5123456, 0.5)])
        status, out, _ = self.run_bench()
        self.assertEqual(status, 0)
        text = (self.build / "bench/summary.json").read_text()
        self.assertTrue(text.lstrip("{ \n").startswith('"schema": 1'), text[:40])
        self.assertEqual(list(self.summary())[:6], list(bench.HEAD))
        self.assertEqual(self.summary()["config"], {"one": {"pipe": 0}, "two": {"pipe": 0}})
        self.assertEqual(self.names(), ["iommu.miss.leaf.L20", "iommu.miss.leaf.L100", "sim.speed.monitors",
                                        "iommu.miss.leaf.L20.pipe1"])
        self.assertRegex(out, r"iommu\.miss\.leaf\.L20 +27 +27 +66 \(3\*L\+6\) +cycles\n")
        self.assertRegex(out, r"iommu\.miss\.leaf\.L20\.pipe1 +29 +29 +66 ")
        self.assertRegex(out, r"sim\.speed\.monitors +0\.5123 +0\.5 ")
        self.assertIn("riscv-iommu, commit 18ad30a", out)
        self.assertTrue(out.endswith("4 measured, 0 missed\n"), out)

    def test_other_engines_stand_beside_queued_copies(self):
        self.program("one", [row("dma.queued.64.unaligned.w256.L100.off", 99.5, 95),
                             row("dma.queued.64.aligned.w256.L100.hit", 99, 95)])
        _, out, _ = self.run_bench()
        self.assertRegex(out, r"this +axi_cdma/16 +axi_cdma/256 +axidma +iDMA/3 +iDMA/32\n")
        self.assertRegex(out, r"unaligned\.w256\.L100\.off +99\.5 +6\.0 +6\.0 +3\.0 +9\.0 +91\.5\n")
        self.assertEqual(len(re.findall(r"w256\.L100\.hit", out)), 1, "nobody else has an IOMMU")

    def test_no_table_of_other_engines_without_queued_copies(self):
        self.program("one", [row("a")])
        self.assertNotIn("axi_cdma", self.run_bench()[1])

    def test_a_missed_promise_fails(self):
        self.program("one", [row("a"), row("b", 3, 2, False)])
        status, out, _ = self.run_bench()
        self.assertEqual(status, 1)
        self.assertRegex(out, r"b +3 +2 .*MISSED")
        self.assertTrue(out.endswith("2 measured, 1 missed: b\n"), out)
        self.assertFalse(self.summary()["results"][1]["ok"])

    def test_a_row_without_a_promise(self):
        self.program("one", [{**row("a", 0.25), "promise": None}])
        status, out, _ = self.run_bench()
        self.assertEqual(status, 0)
        self.assertRegex(out, r"a +0\.25 +cycles\n")
        self.assertIsNone(self.summary()["results"][0]["promise"])

    def test_a_filtered_run_replaces_only_what_it_measured(self):
        self.program("one", [row("a", 1), row("b", 1)])
        self.run_bench()
        self.program("one", [row("a", 5), row("b", 5)])
        status, out, _ = self.run_bench("--filter", "^b$")
        self.assertEqual(status, 0)
        self.assertEqual([(r["name"], r["value"]) for r in self.summary()["results"]], [("a", 1), ("b", 5)])
        self.assertIn("a *", out)
        self.assertNotIn("b *", out)

    def test_rows_of_another_commit_go(self):
        self.program("one", [row("a"), row("b")])
        self.run_bench()
        self.program("one", [row("a"), row("b")], commit="def")
        self.run_bench("--filter", "b")
        self.assertEqual(self.names(), ["b"])
        self.assertEqual(self.summary()["commit"], "def")

    def test_a_whole_run_drops_rows_that_nobody_measures_any_more(self):
        self.program("one", [row("a"), row("b")])
        self.run_bench()
        self.program("one", [row("a")])
        self.run_bench()
        self.assertEqual(self.names(), ["a"])

    def test_an_older_miss_does_not_fail_a_filtered_run(self):
        self.program("one", [row("a", 3, 2, False), row("b")])
        self.assertEqual(self.run_bench()[0], 1)
        self.assertEqual(self.run_bench("--filter", "b")[0], 0)
        self.assertEqual([r["ok"] for r in self.summary()["results"]], [False, True])

    def test_a_broken_summary_is_replaced(self):
        (self.build / "bench/summary.json").write_text("{")
        self.program("one", [row("a")])
        self.assertEqual(self.run_bench("--filter", "a")[0], 0)
        self.assertEqual(self.names(), ["a"])

    def test_what_cannot_be_measured(self):
        for rows, commit_status, words in (([row("a")], 2, "ended with status 2"),
                                           ([row("a", 3, 2, False)], 0, "contradicts"),
                                           ([row("a")], 1, "contradicts"),
                                           ([{**row("a"), "promise": "x"}], 0, "no number"),
                                           ([{**row("a", ok=False), "promise": None}], 0, "nothing was promised"),
                                           ([{"name": "a"}], 0, "without exactly"),
                                           ([row("a"), row("a")], None, "measured twice"),
                                           ([], None, "no row matches")):
            with self.subTest(words=words):
                self.program("one", rows, status=commit_status)
                status, _, err = self.run_bench()
                self.assertEqual(status, 2)
                self.assertIn(words, err)
                self.assertFalse((self.build / "bench/summary.json").exists())

    def test_programs_of_different_commits(self):
        self.program("one", [row("a")])
        self.program("two", [row("b")], commit="def")
        status, _, err = self.run_bench()
        self.assertEqual(status, 2)
        self.assertIn("different commits", err)

    def test_bad_filter_and_list(self):
        self.program("one", [row("a")])
        self.assertEqual(self.run_bench("--filter", "(")[0], 2)
        self.lines.append("guess /bin/true")
        self.assertEqual(self.run_bench()[0], 2)

    def test_counts_of_races(self):
        self.program("one", [row("a")])
        self.counter("race", '{"offsets_swept": 5000, "failures": 0}')
        self.counter("race", '{"offsets_swept": 5000, "failures": 3}', 1, ".pipe1")
        self.counter("cyclemodel", '{"max_difference": 0}')
        status, out, _ = self.run_bench()
        self.assertEqual(status, 1)
        self.assertTrue(out.endswith("missed: iommu.race.failures.pipe1\n"), out)
        rows = {r["name"]: r for r in self.summary()["results"]}
        self.assertEqual(rows["iommu.race.offsets_swept"]["value"], 5000)
        self.assertTrue(rows["iommu.race.failures"]["ok"])
        self.assertFalse(rows["iommu.race.failures.pipe1"]["ok"])
        self.assertTrue(rows["iommu.cyclemodel.max_difference"]["ok"])

    def test_a_sweep_of_nothing_is_a_miss(self):
        self.program("one", [row("a")])
        self.counter("race", '{"offsets_swept": 0, "failures": 0}')
        self.assertEqual(self.run_bench()[0], 1)

    def test_counts_are_not_run_for_other_rows(self):
        self.program("one", [row("a")])
        self.counter("race", "", 3)
        self.assertEqual(self.run_bench("--filter", "^a$")[0], 0)

    def test_counts_that_do_not_come(self):
        self.program("one", [row("a")])
        for text, status, words in (("", 0, "left no result"), ("{}", 0, "no count"), ("[]", 0, "no count"),
                                    ('{"offsets_swept": 9, "failures": 0}', 1, "ended with status 1")):
            with self.subTest(text=text):
                self.lines = self.lines[:1]
                self.counter("race", text, status)
                status, _, err = self.run_bench()
                self.assertEqual(status, 2)
                self.assertIn(words, err)


class PeersTest(unittest.TestCase):
    def test_values_are_those_of_the_formulas(self):
        peers = json.loads((HERE / "peers.json").read_text())
        for name, peer in peers["rows"].items():
            formula = peer["formula"]
            self.assertRegex(formula, r"^[0-9L+*/()]+$")
            value = eval(formula, {"__builtins__": {}}, {"L": peer.get("L")})  # pylint: disable=eval-used
            self.assertAlmostEqual(value, peer["value"], delta=0.0001, msg=name)
            if f".L{peer.get('L')}" not in name:
                self.assertNotRegex(name, r"\.L\d+$")


    def test_figures_of_other_engines(self):
        dma = json.loads((HERE / "peers.json").read_text())["dma"]
        for name, figures in dma["rows"].items():
            self.assertEqual(len(figures), len(dma["columns"]), name)
            bound = dma["bounds"].get(name.partition(".w")[0], 100)
            for figure in figures:
                self.assertGreater(figure, 0)
                self.assertLessEqual(figure, bound + 0.5, name)


@unittest.skipUnless("GPUDMAR_BUILD" in os.environ, "needs the built programs")
class ProgramsTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.programs = Path(os.environ["GPUDMAR_BUILD"]) / "bench/programs.txt"

    def run_bench(self, *arguments):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            status = bench.main(["--build", str(self.directory), "--programs", str(self.programs), *arguments])
        path = self.directory / "bench/summary.json"
        return status, json.loads(path.read_text())["results"] if path.exists() else None

    def test_a_few_rows(self):
        status, rows = self.run_bench("--filter", r"^iommu\.(hit\.latency|miss\.leaf\.L20|fault)")
        self.assertEqual(status, 0)
        self.assertEqual([r["name"] for r in rows],
                         ["iommu.fault.latency.L20", "iommu.hit.latency", "iommu.miss.leaf.L20",
                          "iommu.fault.latency.L20.pipe1", "iommu.hit.latency.pipe1", "iommu.miss.leaf.L20.pipe1"])
        self.assertEqual([r["value"] for r in rows if r["name"] == "iommu.hit.latency"], [2])

    def test_a_few_rows_of_the_engine(self):
        status, rows = self.run_bench(
            "--filter", r"^dma\.(launch|single\.64\.aligned\.w(64|256)\.L1\.off|queued\.64\.unaligned\.w64\.L1\.)")
        self.assertEqual(status, 0)
        self.assertEqual([(r["name"], r["value"]) for r in rows if "launch" in r["name"]],
                         [("dma.launch.aperture", 3), ("dma.launch.vram", 1),
                          ("dma.launch.aperture.pipe1", 4), ("dma.launch.vram.pipe1", 2)])
        shares = {r["name"]: r["value"] for r in rows if r["unit"] == "% of the bound"}
        self.assertEqual(set(shares), {"dma.single.64.aligned.w64.L1.off", "dma.single.64.aligned.w256.L1.off",
                                       "dma.queued.64.unaligned.w64.L1.off", "dma.queued.64.unaligned.w64.L1.hit",
                                       "dma.queued.64.unaligned.w64.L1.cold"})
        # Through the IOMMU on 64 bits: 8 beats in L + 8 + 12 cycles at most.
        self.assertGreater(shares["dma.single.64.aligned.w64.L1.off"], 100 * 8 / 21.5)
        for translation in ("off", "hit", "cold"):
            self.assertGreater(shares[f"dma.queued.64.unaligned.w64.L1.{translation}"], 95)
        self.assertTrue(all(0 < value <= 100 for value in shares.values()))

    def test_the_whole_table_of_the_engine_is_there(self):
        program = next(line.split()[1] for line in self.programs.read_text().splitlines() if line.endswith("/bench_dma"))
        path = self.directory / "names"
        subprocess.run([program, "--list", path], check=True, timeout=60, stderr=subprocess.DEVNULL)
        names = path.read_text().split()
        self.assertEqual(len(names), len(set(names)))
        table = {f"dma.{what}.{size}.{place}.w{width}.L{latency}.{translation}"
                 for what in ("queued", "single") for size in (64, 256, 1024, 4096, 65536, 1048576)
                 for place in ("aligned", "unaligned") for width in (64, 256) for latency in (1, 20, 100)
                 for translation in ("off", "hit", "cold")}
        self.assertEqual(len(table), 432)
        self.assertEqual(table - set(names), set())
        self.assertIn("dma.queued.4096.unaligned.w256.L100.cold.pipe1", names)

    def test_the_speed_of_the_bench_is_measured(self):
        # Not whether it is kept: a loaded machine or a build with coverage tells nothing about it.
        status, rows = self.run_bench("--filter", r"^sim\.speed\..*[a-z]$", "--rounds", "1")
        self.assertIn(status, (0, 1))
        self.assertEqual([r["name"] for r in rows], ["sim.speed.monitors", "sim.speed.vs_pure_cpp"])
        for measured in rows:
            self.assertGreater(measured["value"], 0)
            self.assertLess(measured["value"], 2)

    def test_a_harder_promise_is_missed(self):
        contract = json.loads((ROOT / "sim/contract/contract.json").read_text())
        for promise in contract["promises"]:
            if promise["name"] == "miss_leaf":
                promise["pipe"][0]["const"] -= 1
        path = self.directory / "contract.json"
        path.write_text(json.dumps(contract))
        status, rows = self.run_bench("--filter", r"^iommu\.(hit\.latency|miss\.leaf\.L20)$", "--contract", str(path))
        self.assertEqual(status, 1)
        self.assertEqual({r["name"]: r["ok"] for r in rows},
                         {"iommu.hit.latency": True, "iommu.miss.leaf.L20": False})


if __name__ == "__main__":
    unittest.main()
