# SPDX-License-Identifier: Apache-2.0
"""The gpu-dmar program from outside: bad input, the summary, the waves."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = os.environ.get("GPUDMAR_PROGRAM", "")
MAX_BYTES = 64 << 20
BYTES = 20_001  # odd, and a last page that is not full
TIMEOUT = 100


class ProgramTest(unittest.TestCase):
    def setUp(self):
        self.assertTrue(Path(PROGRAM).is_file(), f"GPUDMAR_PROGRAM={PROGRAM!r} is no program")
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.dir = Path(directory.name)
        self.file = self.dir / "file"
        self.file.write_bytes(bytes(i * 131 % 251 for i in range(BYTES)))

    def program(self, *args):
        return subprocess.run([PROGRAM, *map(str, args)], cwd=self.dir, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False, timeout=TIMEOUT)

    def good_run(self, *args):
        done = self.program("run", "--file", self.file, "--latency", 20, *args)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done


class BadInput(ProgramTest):
    """Each: one line that names the reason, exit code 2, nothing run and nothing left behind."""

    def refused(self, *args, reason):
        before = sorted(self.dir.iterdir())
        done = self.program(*args)
        with self.subTest(args=args):
            self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
            self.assertEqual(done.stdout, "")
            self.assertRegex(done.stderr, r"\Agpu-dmar: [^\n]+\n\Z")
            self.assertIn(reason, done.stderr)
            self.assertEqual(sorted(self.dir.iterdir()), before)

    def run_refused(self, *args, reason):
        self.refused("run", "--file", self.file, *args, reason=reason)

    def test_files(self):
        empty = self.dir / "empty"
        empty.touch()
        big = self.dir / "big"
        with big.open("wb") as f:
            f.truncate(MAX_BYTES + 1)  # a hole: takes no room
        self.refused("run", "--file", "missing", reason="missing: no such file")
        self.refused("run", "--file", self.dir, reason="not a regular file")
        self.refused("run", "--file", "/dev/null", reason="not a regular file")
        self.refused("run", "--file", empty, reason="empty file")
        self.refused("run", "--file", big, reason=f"{MAX_BYTES + 1} bytes, more than the {MAX_BYTES}")

    @unittest.skipIf(os.geteuid() == 0, "root reads everything")
    def test_unreadable_file(self):
        self.file.chmod(0)
        self.run_refused(reason="cannot be read")

    def test_impossible_machines(self):
        self.run_refused("--host-width", 48, reason="host width 48: the remapping unit drives at most 46")
        self.run_refused("--host-width", 31, reason="host width 31: at least 32 bits")
        self.run_refused("--host-width", 40, reason="needs more than 40 address bits")
        self.run_refused("--adapters", 0, reason="zero adapters")
        self.run_refused("--adapters", 3, reason="3 adapters: this build of the RTL has 2")
        self.run_refused("--pipe", 2, reason="pipe 2: this build has 0 and 1")

    def test_impossible_memories(self):
        self.run_refused("--latency", 0, reason="latency 0 (1 to 1000000)")
        self.run_refused("--memory", "latency=0", reason="latency 0 (1 to 1000000)")
        self.run_refused("--memory", "latency=x", reason="latency=x is not a number")
        self.run_refused("--memory", "latency=99999999999", reason="is not a number")
        self.run_refused("--memory", "latency=5,colour=red", reason="'colour' is unknown")
        self.run_refused("--memory", "stall=1.5", reason="a stall probability of 1.5")
        self.run_refused("--memory", "stall=1", reason="stall=1 would stop the bus for good")
        self.run_refused("--memory", "interleave", reason="interleave needs out-of-order")

    def test_bad_options(self):
        self.refused(reason="A subcommand is required")
        self.refused("walk", reason="A subcommand is required")
        self.run_refused("--bogus", reason="--bogus")
        self.run_refused("extra", reason="extra")
        self.run_refused("--seed", "abc", reason="--seed = abc")
        self.run_refused("--seed", "-1", reason="--seed")
        self.run_refused("--adapters", "-1", reason="--adapters = -1")
        self.run_refused("--latency", reason="--latency")

    def test_bad_windows_and_contracts(self):
        for window in ("5", "9:3", "a:b", ":", "-1:4"):
            self.run_refused("--waves", "w.fst", "--waves-window", window, reason="--waves-window")
        self.run_refused("--waves-window", "1:2", reason="--waves")
        self.run_refused("--contract", "missing.json", reason="missing.json: cannot be read")

    def test_outputs_that_cannot_be_written(self):
        for option in ("--waves", "--summary"):
            self.run_refused(option, self.dir, reason="cannot write")
            self.run_refused(option, self.dir / "no" / "such" / "directory", reason="cannot write")


class Informs(ProgramTest):
    def test_help(self):
        done = self.program("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("run", done.stdout)
        self.assertIn("--file", self.program("run", "--help").stdout)

    def test_info_names_both_pipes(self):
        done = self.program("info")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(re.findall(r"^pipe (\d):", done.stdout, re.M), ["0", "1"])


class Summary(ProgramTest):
    def is_count(self, value, what):
        self.assertIs(type(value), int, what)
        self.assertGreaterEqual(value, 0, what)

    def test_good_run(self):
        path = self.dir / "summary.json"
        done = self.good_run("--summary", path, "--seed", 5)
        self.assertEqual(done.stdout.splitlines()[-1], "PASS")
        summary = json.loads(path.read_text())
        self.assertEqual(summary["status"], "pass")
        self.assertEqual(summary["seed"], 5)
        for key in ("bytes_verified", "cycles", "walks", "invalidations", "faults_expected", "faults_recorded"):
            self.is_count(summary[key], key)
        self.assertIs(type(summary["khz"]), float)
        self.assertGreater(summary["khz"], 0)
        self.assertEqual(set(summary["iotlb"]), {"hits", "misses"})
        for key in ("hits", "misses"):
            self.is_count(summary["iotlb"][key], key)
        self.assertEqual(summary["bytes_verified"], 2 * BYTES)
        self.assertEqual(summary["faults_recorded"], summary["faults_expected"])
        self.assertGreaterEqual(summary["faults_expected"], 4)  # a read and a write of each GPU after FreeAdl
        self.assertGreater(summary["cycles"], 4 * BYTES / 32)
        self.assertGreaterEqual(summary["walks"], 2 * -(-BYTES // 4096))  # both objects, with their pages cold
        self.assertEqual((summary["failures"], summary["violations"]), ([], []))
        calls = summary["ddi_calls"]
        for name, count in calls.items():
            self.assertRegex(name, r"^(Dxgk|DriverEntry$)")
            self.is_count(count, name)
        for name in ("CreatePhysicalMemoryObject", "DestroyPhysicalMemoryObject", "OpenPhysicalMemoryObject",
                     "ClosePhysicalMemoryObject", "MapPhysicalMemory", "UnmapPhysicalMemory", "AllocateAdl", "FreeAdl"):
            self.assertGreater(calls.get(f"DxgkCb{name}", 0), 0, name)

    def test_steps_are_in_the_table(self):
        path = self.dir / "summary.json"
        table = self.good_run("--summary", path).stdout.splitlines()
        for step in json.loads(path.read_text())["steps"]:
            rows = [line for line in table if line.startswith(step["name"].ljust(32))]
            self.assertTrue(any(row.split()[-8:] == [str(step[k]) if k in step else str(step["iotlb"][k]) for k in (
                "calls", "cycles", "bytes", "hits", "misses", "walks", "invalidations", "faults")] for row in rows),
                            f"{step} is not in\n" + "\n".join(table))

    def test_the_seed_decides_everything(self):
        def run(seed):
            path = self.dir / "summary.json"
            self.good_run("--summary", path, "--seed", seed, "--memory", "jitter=30,stall=0.1,out-of-order")
            summary = json.loads(path.read_text())
            for key in ("khz", "duration_s"):  # of the host
                del summary[key]
            return summary
        first = run(3)
        self.assertEqual(run(3), first)
        self.assertNotEqual(run(4)["cycles"], first["cycles"])

    def test_a_failed_run_says_so(self):
        path = self.dir / "summary.json"
        scenario = {"schema": 1, "name": "wrong", "about": "expects what does not happen",
                    "steps": [{"do": "create", "name": "a", "type": "mdl", "size": 0}]}
        (self.dir / "wrong.json").write_text(json.dumps(scenario))
        done = self.program("run", "wrong.json", "--summary", path)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertEqual(done.stdout.splitlines()[-1], "FAIL")
        summary = json.loads(path.read_text())
        self.assertEqual(summary["status"], "fail")
        self.assertTrue(summary["failures"])


class Waves(ProgramTest):
    def test_every_signal_of_the_view_is_in_the_waves(self):
        fst = self.dir / "waves.fst"
        self.good_run("--waves", fst)
        tool = shutil.which("fst2vcd")
        self.assertIsNotNone(tool, "fst2vcd of the gtkwave package is needed: run `make deps`")
        view = fst.with_suffix(".gtkw").read_text().splitlines()
        self.assertIn(f'[dumpfile] "{fst.resolve()}"', view)
        shown = {line for line in view if line.startswith("gpu_dmar.")}
        self.assertGreater(len(shown), 100)
        dumped, clock = self.read(tool, fst)
        self.assertEqual(sorted(shown - dumped), [])
        self.assertGreater(clock, 1000)  # edges: time passed in the waves

    def test_a_breach_of_the_contract_shows_its_cycles(self):
        contract = json.loads((ROOT / "sim/contract/contract.json").read_text())
        hit = next(p for p in contract["promises"] if p["name"] == "iotlb_hit")
        hit["pipe"][0]["const"] += 1
        (self.dir / "late.json").write_text(json.dumps(contract))
        fst, path = self.dir / "failure.fst", self.dir / "summary.json"
        done = self.program("run", "--file", self.file, "--latency", 20, "--contract", "late.json", "--summary", path,
                            "--failure-waves", fst)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"iotlb_hit +\d+ +2, \d+ BREACHES")
        first = json.loads(path.read_text())["violations"][0]
        self.assertEqual(first["rule"], "contract.iotlb_hit")
        begin, end = max(0, first["cycle"] - 1500), first["cycle"] + 200
        self.assertIn(f"cycles {begin} to {end} in {fst}", done.stderr)
        _, edges = self.read(shutil.which("fst2vcd"), fst)
        self.assertIn(edges // 2 - (end - begin), range(1, 12), "no more than those, and the reset")
        self.assertTrue(fst.with_suffix(".gtkw").exists())

    def test_a_window_in_the_middle(self):
        fst = self.dir / "part.fst"
        self.good_run("--waves", fst, "--waves-window", "3000:3099")
        _, edges = self.read(shutil.which("fst2vcd"), fst)
        self.assertIn(edges, (199, 200))
        self.assertIn(f"[timestart] {(3000 + 8) * 10_000}", fst.with_suffix(".gtkw").read_text())

    def test_a_failure_tells_its_window(self):
        contract = json.loads((ROOT / "sim/contract/contract.json").read_text())
        for promise in contract["promises"]:
            promise["pipe"][0]["const"] += 1
        (self.dir / "late.json").write_text(json.dumps(contract))
        done = self.program("run", "--file", self.file, "--latency", 20, "--contract", "late.json")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"--waves FILE --waves-window \d+:\d+\n\Z")

    def read(self, tool, fst):
        """The names of all signals, as GTKWave spells them, and how often the clock changed."""
        names, scopes, clock, edges = set(), [], None, 0
        with subprocess.Popen([tool, "-f", str(fst)], stdout=subprocess.PIPE, text=True) as vcd:
            for line in vcd.stdout:
                words = line.split()
                if line.startswith("$scope"):
                    scopes.append(words[2])
                elif line.startswith("$upscope"):
                    scopes.pop()
                elif line.startswith("$var"):
                    name = ".".join([*scopes, "".join(words[4:-1])])
                    names.add(name)
                    if name == "gpu_dmar.clk_i":
                        clock = words[3]
                elif clock is not None and line.rstrip() in ("0" + clock, "1" + clock):
                    edges += 1
        self.assertEqual(vcd.returncode, 0)
        return names, edges


if __name__ == "__main__":
    unittest.main()
