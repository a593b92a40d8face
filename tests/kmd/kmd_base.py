# SPDX-License-Identifier: Apache-2.0
"""What the tests of gpu-dmar kmd share: a driver, variants of it, the summary of its run."""
import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

PROGRAM = os.environ.get("GPUDMAR_PROGRAM", "")
HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
EXAMPLE = HERE / "drivers" / "example.cpp"
PAGER = HERE / "drivers" / "pager.c"
SAVER = HERE / "drivers" / "saver.c"
TIMEOUT = 240


def covers(*rules):
    def mark(test):
        test.rules = rules
        return test
    return mark


class KmdTest(unittest.TestCase):
    driver = EXAMPLE

    def setUp(self):
        self.assertTrue(Path(PROGRAM).is_file(), f"GPUDMAR_PROGRAM={PROGRAM!r} is no program")
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.dir = Path(directory.name)

    def run_program(self, *args):
        return subprocess.run([PROGRAM, "kmd", *map(str, args)], cwd=ROOT, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False, timeout=TIMEOUT)

    def judge(self, sources, *args, code=1):
        """Runs a driver; the summary, with the text of the run beside it."""
        done = self.run_program(*sources, "--dir", self.dir, *args)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertEqual(done.stdout.splitlines()[-1], "PASS" if code == 0 else "FAIL")
        summary = json.loads((self.dir / "summary.json").read_text())
        summary["output"] = done.stdout
        return summary

    def variant(self, *changes):
        """The driver with some of its text replaced, each piece exactly once."""
        text = self.driver.read_text()
        for old, new in changes:
            self.assertEqual(text.count(old), 1, old)
            text = text.replace(old, new)
        path = self.dir / self.broken
        path.write_text(text)
        return path

    @property
    def broken(self):
        return "broken" + self.driver.suffix

    def plan(self, *steps, start=None, adapters=1):
        """A plan's file: the adapters start, the steps, and what the program does at the end."""
        plan = {"schema": 1, "name": "test", "machine": {"adapters": adapters, "memory": {"latency": 20}},
                "start": start or {}, "steps": [{"do": "start"}, *steps]}
        if plan["start"].get("iommu", "logical") != "logical":
            plan["machine"]["ram"] = [["0", "2G"], ["4G", "2G"]]  # all of it within what the devices drive
        path = self.dir / "plan.json"
        path.write_text(json.dumps(plan))
        return path

    def judge_variant(self, *changes, args=(), code=1):
        return self.judge([self.variant(*changes)], "--scenario", HERE / "short.json", *args, code=code)

    def line_of(self, text):
        lines = (self.dir / self.broken).read_text().splitlines()
        found = [i + 1 for i, line in enumerate(lines) if text in line]
        self.assertEqual(len(found), 1, text)
        return found[0]

    def at(self, place, text, function):
        self.assertRegex(place, rf"broken\{self.driver.suffix}:{self.line_of(text)} \({function}")

    def rule(self, summary, name):
        found = [entry for entry in summary["rules_broken"] if entry["rule"] == name]
        self.assertEqual(len(found), 1, summary["output"])
        return found[0]
