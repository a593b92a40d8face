# SPDX-License-Identifier: Apache-2.0
"""How tests are cut, ordered and run, on a program that plays a GoogleTest one."""
import sys
import tempfile
import threading
import unittest
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parent))
import judge
import run

# Fails for mutant 7, at once; hangs for mutant 8; says what it was asked.
PROGRAM = """#!/bin/sh
echo "[ RUN      ] Suite.first"
echo "[ RUN      ] Suite.second"
case $GPUDMAR_MUTANT in
  7) echo "%Error: x.sv:1: Assertion failed in top"; kill -6 $$ ;;
  8) exec sleep 30 ;;
  9) exit 1 ;;
esac
for argument; do
  case $argument in
    --gtest_output=xml:*) echo '<testsuites><testsuite><testcase name="first" classname="Suite" status="run" time="0.4"/>
      <testcase name="second" classname="Suite" status="run" time="0.9"/>
      <testcase name="third" classname="Suite" status="run" time="0.1"/>
      <testcase name="off" classname="Suite" status="notrun" time="0"/></testsuite></testsuites>' >"${argument#--gtest_output=xml:}" ;;
  esac
done
"""


class JudgeTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.directory = Path(scratch.name)
        binary = self.directory / "program"
        binary.write_text(PROGRAM, encoding="utf-8")
        binary.chmod(0o755)
        self.programs = [{"name": "program", "judges": {"rtl/a.sv"}}]
        times = judge.baseline(binary, "program", self.directory)
        self.chunks = judge.chunks(self.programs, {"program": times})

    def judge(self, number, file="rtl/a.sv"):
        return judge.judge(SimpleNamespace(number=number, file=file), self.chunks, self.directory, threading.Lock())

    def test_quick_tests_stand_together(self):
        self.assertEqual([chunk.tests for chunk in self.chunks], [["Suite.third", "Suite.first"], ["Suite.second"]])

    def test_survivor(self):
        self.assertIsNone(self.judge(1))

    def test_a_program_judges_its_files_only(self):
        self.assertIsNone(self.judge(7, "rtl/b.sv"))

    def test_kills(self):
        self.assertEqual(self.judge(7), ("program", "Suite.second", "assertion"))
        self.assertEqual(self.judge(9), ("program", "Suite.second", "test"))

    def test_time(self):
        binary = self.directory / "program"
        status, text = judge.run(binary, 8, ["Suite.second"], 0.5)
        self.assertIsNone(status)
        self.assertIn("Suite.second", text)

    def test_a_failing_baseline_stops_everything(self):
        binary = self.directory / "program"
        binary.write_text("#!/bin/sh\necho broken\nexit 1\n", encoding="utf-8")
        with self.assertRaisesRegex(judge.JudgeError, "broken"):
            judge.baseline(binary, "program", self.directory)

    def test_what_kills_comes_first(self):
        slow, quick = judge.Chunk("p", frozenset(), [], 1.0, 0), judge.Chunk("p", frozenset(), [], 0.2, 1)
        self.assertGreater(quick.worth("f"), slow.worth("f"))
        slow.tried["f"], slow.killed["f"] = 10, 10
        quick.tried["f"] = 10
        self.assertGreater(slow.worth("f"), quick.worth("f"))


class SummaryTest(unittest.TestCase):
    def result(self, key, what):
        return {"key": key, "file": "rtl/a.sv", "line": 1, "kind": "stuck", "what": "a  ->  b", "result": what}

    def test_score_and_table(self):
        results = [self.result("1", "killed"), self.result("2", "killed"), self.result("3", "equivalent"),
                   self.result("4", "survived"), self.result("5", "survived")]
        with tempfile.TemporaryDirectory() as scratch:
            summary = run.summarize(Path(scratch), results, {"4": {"why": "because"}}, 60)
            table = (Path(scratch) / "table.txt").read_text(encoding="utf-8")
        self.assertEqual((summary["mutants"], summary["equivalent"], summary["killed"], summary["survived"]), (5, 1, 2, 2))
        self.assertEqual((summary["score"], summary["reasons"]), (0.5, 1))
        self.assertIn("because", table)
        self.assertIn("no reason yet", table)


if __name__ == "__main__":
    unittest.main()
