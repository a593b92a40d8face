# SPDX-License-Identifier: Apache-2.0
"""A whole run on one file, with programs that only play the tests."""
import contextlib
import io
import json
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent))
import plan
import prove
import run

# Kills every mutant but those in SPARED.
PROGRAM = """#!/bin/sh
echo "[ RUN      ] Suite.only"
for argument; do
  case $argument in
    --gtest_output=xml:*) echo '<testsuites><testsuite><testcase name="only" classname="Suite" status="run" time="0.1"/>
      </testsuite></testsuites>' >"${argument#--gtest_output=xml:}" ;;
  esac
done
case " 0 SPARED " in *" $GPUDMAR_MUTANT "*) exit 0 ;; esac
exit 1
"""


class RunTest(unittest.TestCase):
    COUNT = 16

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.build = Path(scratch.name) / "build"
        self.chosen = plan.choose(plan.candidates(["rtl/lib/fifo.sv"]), self.COUNT, 1)

    def programs(self, spared):
        for program in plan.load_programs():
            path = self.build / program["name"]
            path.parent.mkdir(exist_ok=True)
            path.write_text(PROGRAM.replace("SPARED", " ".join(map(str, spared))), encoding="utf-8")
            path.chmod(0o755)

    def go(self, verdicts, task=None, known=None, *options):
        """(exit status, summary, results) of a run in which the proofs say this."""
        with mock.patch.object(run, "build", lambda *_: self.build), \
                mock.patch.object(run, "reasons", lambda: known or {}), \
                mock.patch.object(prove, "missing", lambda: []), \
                mock.patch.object(prove, "equivalent", lambda mutant, *_: verdicts[mutant.number]), \
                mock.patch.object(prove, "killed_by_proof", lambda *_: task), \
                contextlib.redirect_stdout(io.StringIO()):
            status = run.main([str(self.build), "--files", "fifo", "--count", str(self.COUNT), "--jobs", "2", *options])
        directory = self.build / "mutate"
        return (status, json.loads((directory / "summary.json").read_text(encoding="utf-8")),
                json.loads((directory / "results.json").read_text(encoding="utf-8")))

    def test_everything_is_killed(self):
        self.programs([])
        status, summary, results = self.go({})
        self.assertEqual((status, summary["mutants"], summary["killed"], summary["score"]), (0, self.COUNT, self.COUNT, 1))
        self.assertTrue(all(result["by"].endswith("Suite.only") for result in results))

    def test_survivors(self):
        self.programs([3, 5])
        status, summary, results = self.go({3: "equivalent", 5: "different"})
        self.assertEqual((status, summary["equivalent"], summary["survived"]), (1, 1, 1))
        self.assertEqual(summary["score"], round((self.COUNT - 2) / (self.COUNT - 1), 4))
        self.assertEqual([r["result"] for r in results if r["number"] in (3, 5)], ["equivalent", "survived"])
        # Killed by a proof.
        _, summary, _ = self.go({3: "equivalent", 5: "different"}, "fifo")
        self.assertEqual((summary["killed"], summary["survived"]), (self.COUNT - 1, 0))

    def test_a_reason_does_not_better_the_score(self):
        self.programs([5])
        known = {self.chosen[4].key: {"why": "so"}}
        status, summary, _ = self.go({5: "undecided"}, None, known)
        self.assertEqual((summary["survived"], summary["reasons"], summary["score"]), (1, 1, round(1 - 1 / self.COUNT, 4)))
        # 15 of 16 is less than 95 %.
        self.assertEqual(status, 1)

    def test_no_time_is_left(self):
        self.programs([5])
        status, summary, results = self.go({}, None, None, "--minutes", "0")
        self.assertEqual((status, summary["survived"]), (1, 1))
        self.assertEqual([r["how"] for r in results if r["number"] == 5], ["no time was left to compare it"])

    def test_again(self):
        self.programs([5])
        self.go({5: "different"})
        # The next run meets only the survivor: all others would survive these programs.
        self.programs([number for number in range(1, self.COUNT + 1) if number != 5])
        status, summary, _ = self.go({}, None, None, "--again")
        self.assertEqual((status, summary["killed"]), (0, self.COUNT))

    def test_what_nobody_judges_is_refused(self):
        with mock.patch.object(plan, "load_programs", lambda: []), self.assertRaises(SystemExit) as stop:
            self.go({})
        self.assertIn("judges rtl/lib/fifo.sv", str(stop.exception.code))


if __name__ == "__main__":
    unittest.main()
