# SPDX-License-Identifier: Apache-2.0
"""Random streams against the RTL: every status, byte and blocked access as the reference says."""
import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

PROGRAM = os.environ.get("GPUDMAR_PROGRAM", "")
TIMEOUT = 100
STEPS = 120


def covers(*rules):
    def mark(test):
        test.rules = rules
        return test
    return mark


class RandomTest(unittest.TestCase):
    def setUp(self):
        self.assertTrue(Path(PROGRAM).is_file(), f"GPUDMAR_PROGRAM={PROGRAM!r} is no program")
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.dir = Path(directory.name)

    def program(self, *args):
        return subprocess.run([PROGRAM, *map(str, args)], cwd=self.dir, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False, timeout=TIMEOUT)

    def passes(self, fallback, *args):
        seed = os.environ.get("GPUDMAR_SEED", fallback)
        line = ["random", "--seed", seed, "--steps", STEPS, *args]
        print("again: gpu-dmar", *line)
        done = self.program(*line, "--summary", "summary.json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        summary = json.loads((self.dir / "summary.json").read_text())
        self.assertTrue(all(run["passed"] and run["cycles"] > 0 for run in summary["runs"]))
        return summary


class Streams(RandomTest):
    @covers("R40", "R80", "R100", "R120", "R134", "R139", "R140", "R142", "G2", "G4", "G5", "G20", "G21")
    def test_one_thread_pipe_0(self):
        self.passes(1, "--runs", 3)

    @covers("R40", "R134", "R142", "G2", "G4", "G5")
    def test_one_thread_pipe_1(self):
        self.passes(11, "--pipe", 1, "--runs", 2)

    @covers("R98", "R134", "R139", "R142", "G2")
    def test_three_threads(self):
        self.passes(21, "--threads", 3, "--runs", 2)
        self.passes(31, "--threads", 3, "--pipe", 1)


class Profiles(RandomTest):
    PROFILE = {"schema": 1, "steps": {"probe": 30}, "iommu": ["logical", "isolation"], "pipe": [0, 1], "threads": [1, 3],
               "memory": {"latency": [3]}}

    def profile(self, **more):
        path = self.dir / "profile.json"
        path.write_text(json.dumps({**self.PROFILE, **more}))
        return path

    def test_machines_are_the_profiles(self):
        done = self.program("random", "--profile", self.profile(), "--seed", 1, "--runs", 64, "--steps", 5, "--generate", "--dir", "d",
                            "--summary", "s.json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        runs = json.loads((self.dir / "s.json").read_text())["runs"]
        machines = {(run["iommu"], run["pipe"], run["threads"]) for run in runs}
        self.assertEqual(len(machines), 8, machines)
        streams = [json.loads(path.read_text()) for path in (self.dir / "d").iterdir()]
        self.assertEqual({stream["machine"]["memory"]["latency"] for stream in streams}, {3})
        self.assertEqual({stream["start"]["iommu"] for stream in streams}, {"logical", "isolation"})

    @covers("R142", "G5")
    def test_runs_go_on_until_the_cycles_are_there(self):
        summary = self.passes(41, "--profile", self.profile(pipe=[0]), "--cycles", 60_000)
        self.assertGreaterEqual(summary["cycles"], 60_000)
        self.assertLess(summary["cycles"] - summary["runs"][-1]["cycles"], 60_000)
        self.assertEqual(summary["failed"], 0)

    def test_a_broken_profile_is_told_by_its_key(self):
        done = self.program("random", "--profile", self.profile(memory={"latncy": [1]}))
        self.assertEqual(done.returncode, 2)
        self.assertIn("profile.json: memory.latncy: no such key", done.stderr)
        self.assertEqual(self.program("random", "--profile", "nowhere.json").returncode, 2)


class Files(RandomTest):
    def test_the_same_seed_writes_the_same_file_and_it_runs(self):
        for directory in ("a", "b"):
            done = self.program("random", "--seed", 5, "--steps", 40, "--generate", "--dir", directory)
            self.assertEqual(done.returncode, 0, done.stderr)
        text = (self.dir / "a/random-5.json").read_text()
        self.assertEqual((self.dir / "b/random-5.json").read_text(), text)
        done = self.program("run", "a/random-5.json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_another_expectation_fails(self):
        self.program("random", "--seed", 6, "--steps", 60, "--generate")
        file = self.dir / "random-6.json"
        document = json.loads(file.read_text())
        checks = [step for step in document["steps"] if step["do"] == "check"]
        self.assertTrue(checks)
        checks[-1]["digest"] = "0123456789abcdef"
        file.write_text(json.dumps(document, indent=1))
        done = self.program("run", file)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"random-6\.json:\d+: check: ")

    def test_bad_options(self):
        for args in (["--seed", "-1"], ["--threads", "0"], ["--iommu", "maybe"], ["--pipe", "2"], ["--runs", "x"]):
            done = self.program("random", *args)
            self.assertEqual(done.returncode, 2, done.stdout)
            self.assertRegex(done.stderr, r"\Agpu-dmar: [^\n]+\n\Z")
