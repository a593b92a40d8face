# SPDX-License-Identifier: Apache-2.0
"""tests/report.py: what counts as passed, failed and covered."""
import importlib.util
import io
import json
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("report", ROOT / "tests" / "report.py")
report = importlib.util.module_from_spec(spec)
sys.modules["report"] = report
spec.loader.exec_module(report)

GOOD = """<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="2" failures="0" name="AllTests">
  <testsuite name="Adl" tests="2">
    <testcase name="allocate" status="run" result="completed" time="0.5" classname="Adl">
      <properties><property name="rule" value="R120,vtd.fault.05"/></properties>
    </testcase>
    <testcase name="free" status="run" result="completed" time="0.25" classname="Adl"/>
  </testsuite>
</testsuites>
"""
BAD = """<testsuites><testsuite name="Adl">
    <testcase name="contiguous" status="run" result="completed" time="0" classname="Adl">
      <properties><property name="rule" value="R120"/></properties>
      <failure message="expected 1&#x0A;got 2" type=""/>
    </testcase></testsuite></testsuites>
"""
SKIPPED = """<testsuites><testsuite name="Wave">
    <testcase name="viewer" status="run" result="skipped" time="0" classname="Wave">
      <properties><property name="rule" value="R142"/></properties><skipped message="none"/>
    </testcase>
    <testcase name="DISABLED_old" status="notrun" result="suppressed" time="0" classname="Wave"/>
    </testsuite></testsuites>
"""
ENDED_WELL = (True, "run", "")


class ReportTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.build = Path(directory.name)
        self.rules = report.Rules("R120-R142\nvtd.fault.05\n/axi\\.[a-z_]+/\n")

    def run_report(self, files, ends=None, allow_empty=False, whole=False):
        """Report on {program: its XML or None when it left none}; (failures, lines, rules.json)."""
        programs = {}
        for name, text in files.items():
            programs[name] = self.build / f"{name}.xml"
            if text is not None:
                programs[name].write_text(text)
        out = io.StringIO()
        failures = report.write_report(self.build, self.rules, programs,
                                       ends or {name: ENDED_WELL for name in files}, allow_empty, out, whole)
        return failures, out.getvalue().splitlines(), json.loads((self.build / "test/rules.json").read_text())

    def test_all_pass(self):
        failures, lines, rules = self.run_report({"adl": GOOD})
        self.assertEqual(failures, 0)
        self.assertEqual(lines[-1], "2 passed, 0 failed")
        self.assertEqual(rules["R120"], {"tests": ["Adl.allocate"], "status": "pass"})
        self.assertEqual(rules["vtd.fault.05"], {"tests": ["Adl.allocate"], "status": "pass"})

    def test_one_failure_fails_the_rule(self):
        failures, lines, rules = self.run_report({"adl": GOOD, "other": BAD},
                                                 {"adl": ENDED_WELL, "other": (False, "Failed", "")})
        self.assertEqual(failures, 1)
        self.assertEqual(lines[-1], "2 passed, 1 failed")
        self.assertEqual(rules["R120"], {"tests": ["Adl.allocate", "Adl.contiguous"], "status": "fail"})
        self.assertEqual(rules["vtd.fault.05"]["status"], "pass")

    def test_missing_result_file_is_a_failure(self):
        failures, lines, _ = self.run_report({"adl": GOOD, "gone": None},
                                             {"adl": ENDED_WELL, "gone": (False, "SEGFAULT", "about to crash")})
        self.assertEqual(failures, 1)
        self.assertEqual(lines[-1], "2 passed, 1 failed")
        self.assertTrue(any("gone.program" in line and "SEGFAULT" in line for line in lines), lines)
        self.assertIn("about to crash", lines)

    def test_truncated_result_file_is_a_failure(self):
        _, lines, _ = self.run_report({"adl": GOOD[:200]})
        self.assertEqual(lines[-1], "0 passed, 1 failed")

    def test_passing_cases_of_a_failing_process_do_not_hide_it(self):
        _, lines, _ = self.run_report({"adl": GOOD}, {"adl": (False, "Timeout", "")})
        self.assertEqual(lines[-1], "2 passed, 1 failed")
        self.assertTrue(any("Timeout" in line for line in lines), lines)

    def test_program_that_was_never_started(self):
        _, lines, _ = self.run_report({"adl": GOOD}, {"something else": ENDED_WELL})
        self.assertEqual(lines[-1], "2 passed, 1 failed")

    def test_program_without_tests(self):
        empty = "<testsuites tests='0'/>"
        self.assertEqual(self.run_report({"adl": GOOD, "none": empty})[1][-1], "2 passed, 1 failed")
        self.assertEqual(self.run_report({"adl": GOOD, "none": empty}, allow_empty=True)[1][-1], "2 passed, 0 failed")

    def test_nothing_at_all(self):
        self.assertEqual(self.run_report({})[1][-1], "0 passed, 1 failed")
        self.assertEqual(self.run_report({}, allow_empty=True)[1][-1], "0 passed, 1 failed")

    def test_unknown_rule_fails_the_run(self):
        failures, lines, rules = self.run_report({"adl": GOOD.replace("R120,", "R119,")})
        self.assertEqual(failures, 1)
        self.assertNotIn("R119", rules)
        self.assertTrue(any("R119" in line and "Adl.allocate" in line for line in lines), lines)

    def test_required_rules(self):
        """A whole run has to cover them, a part of it not; a test that fails covers its rules all the same."""
        self.rules = report.Rules("R119\nrequired R120-R121\nvtd.fault.05\n")
        self.assertEqual(self.run_report({"adl": GOOD})[0], 0)
        failures, lines, _ = self.run_report({"adl": GOOD}, whole=True)
        self.assertEqual(failures, 1)
        self.assertEqual(lines[-1], "2 passed, 1 failed")
        self.assertTrue(any("R121" in line and "no test covers" in line for line in lines), lines)
        self.rules = report.Rules("required R120\nvtd.fault.05\n")
        self.assertEqual(self.run_report({"adl": GOOD}, whole=True)[0], 0)
        self.assertEqual(self.run_report({"adl": GOOD, "other": BAD}, whole=True)[0], 1)

    def test_one_source_in_two_programs(self):
        """Both count; the rule names the test once, and one failing program fails it."""
        failures, lines, rules = self.run_report({"pipe0": GOOD, "pipe1": BAD.replace("contiguous", "allocate")},
                                                 {"pipe0": ENDED_WELL, "pipe1": (False, "Failed", "")})
        self.assertEqual(failures, 1)
        self.assertEqual(lines[-1], "2 passed, 1 failed")
        self.assertEqual(rules["R120"], {"tests": ["Adl.allocate"], "status": "fail"})
        self.assertTrue(any(line.startswith("FAILED pipe1: Adl.allocate") for line in lines), lines)

    def test_an_unknown_name_counts_once(self):
        text = GOOD.replace("R120,", "R119,")
        self.assertEqual(self.run_report({"a": text, "b": text})[0], 1)

    def test_skipped_proves_nothing(self):
        failures, lines, rules = self.run_report({"adl": GOOD, "wave": SKIPPED})
        self.assertEqual(failures, 0)
        self.assertEqual(lines[-1], "2 passed, 0 failed")
        self.assertNotIn("R142", rules)
        self.assertIn("skipped wave: Wave.viewer", lines)
        self.assertFalse(any("DISABLED" in line for line in lines))

    def test_plain_ctest_entry_counts_as_one(self):
        out = io.StringIO()
        report.write_report(self.build, self.rules, {"script": None}, {"script": ENDED_WELL}, out=out)
        self.assertEqual(out.getvalue().splitlines()[-1], "1 passed, 0 failed")
        out = io.StringIO()
        report.write_report(self.build, self.rules, {"script": None}, {"script": (False, "Failed", "why")}, out=out)
        self.assertEqual(out.getvalue().splitlines()[-1], "0 passed, 1 failed")

    def contract_run(self, lines, whole=True):
        directory = self.build / "test" / "contract"
        directory.mkdir(parents=True, exist_ok=True)
        for number, line in enumerate(lines):
            (directory / f"{number}.jsonl").write_text(line + "\n")
        (self.build / "adl.xml").write_text(GOOD)
        out = io.StringIO()
        failures = report.write_report(self.build, report.Rules("R120\nvtd.fault.05\n"), {"adl": self.build / "adl.xml"},
                                       {"adl": ENDED_WELL}, out=out, whole=whole, promises={"hit": False, "flush": True})
        return failures, out.getvalue(), json.loads((self.build / "test/contract.json").read_text())

    def test_measurements_of_all_programs_add_up(self):
        line = """{"pipe": %d, "promises": {"hit": {"deviation": {"0": 3}, "cycles": {"2": 3}},
                   "flush": {"deviation": {"-2": 1, "0": 1}, "cycles": {"20": 2}}}}""".replace("\n", " ")
        failures, out, contract = self.contract_run([line % 0, line % 0, line % 1])
        self.assertEqual(failures, 0)
        self.assertEqual(contract["hit"]["0"]["deviation"], {"0": 6})
        self.assertRegex(out, r"hit == +Pipe 0 +6 +0: 6\n")
        self.assertRegex(out, r"flush <= +Pipe 1 +2 +-2: 1, 0: 1\n")

    def test_a_promise_that_never_occurred_fails_a_whole_run(self):
        line = '{"pipe": 0, "promises": {"hit": {"deviation": {"0": 3}, "cycles": {"2": 3}}}}'
        failures, out, _ = self.contract_run([line])
        self.assertEqual(failures, 3)
        self.assertIn("FAILED contract.flush (Pipe 0): the promise never occurred", out)
        self.assertEqual(self.contract_run([line], whole=False)[0], 0)

    def test_rare_values_are_one_sum(self):
        self.assertEqual(report.histogram(report.Counter({0: 9, 1: 8, 2: 7, 3: 1, 4: 1}), most=3),
                         "0: 9, +1: 8, +2: 7, other: 2")

    def test_broken_measurements_are_named(self):
        for line in ('{"pipe"', '{"pipe": 0, "promises": {"hit": {}}}', '[]'):
            with self.assertRaisesRegex(report.ReportError, "0.jsonl:1: not a line of measurements"):
                self.contract_run([line])

    def test_junit_is_wellformed_and_counts(self):
        control = BAD.replace("got 2", "got &#x1B;[31m").replace("&#x1B;", "?")
        self.run_report({"adl": GOOD, "other": control, "wave": SKIPPED},
                        {"adl": ENDED_WELL, "other": (False, "Failed", ""), "wave": ENDED_WELL})
        root = ElementTree.parse(self.build / "test/junit.xml").getroot()
        self.assertEqual((root.get("tests"), root.get("failures"), root.get("skipped")), ("4", "1", "1"))
        self.assertEqual(len(root.findall(".//failure")), 1)
        self.assertEqual(root.find(".//property[@name='rule']").get("value"), "R120,vtd.fault.05")

    def test_control_characters_do_not_break_junit(self):
        self.run_report({"gone": None}, {"gone": (False, "SEGFAULT", "\x1b[31mred\x00")})
        self.assertIn("?[31mred?", ElementTree.parse(self.build / "test/junit.xml").find(".//failure").text)


class RulesTest(unittest.TestCase):
    def test_forms(self):
        rules = report.Rules("# comment\n\nR1-R3\nG7\n/axi\\.[a-z]+/\n")
        for name in ("R1", "R2", "R3", "G7", "axi.stable"):
            self.assertTrue(rules.knows(name), name)
        for name in ("R0", "R4", "R", "G70", "axi.", "axi.stable2", "xaxi.stable", ""):
            self.assertFalse(rules.knows(name), name)

    def test_mistakes_are_named(self):
        for text in ("R9-R1", "what is this", "/(/", "required /a/", "required"):
            with self.assertRaisesRegex(report.ReportError, "rules.txt:1"):
                report.Rules(text)

    def test_the_project_list(self):
        rules = report.Rules((ROOT / "tests/rules.txt").read_text())
        for name in ("R1", "R40", "R149", "R227", "G23", "E22", "vtd.fault.0E", "vtd.fault.31", "vtd.iqe.7",
                     "contract.iotlb_hit", "axi.ar_stable", "vtd.walk", "vtd.context.tt",
                     "vtd.pages.large"):
            self.assertTrue(rules.knows(name), name)
        for name in ("R30", "R150", "R228", "G24", "E23", "vtd.fault.0F", "vtd.fault.1", "vtd.fault.0a",
                     "vtd.iqe.8", "vtd", "axi"):
            self.assertFalse(rules.knows(name), name)


class CtestTest(unittest.TestCase):
    def test_listing(self):
        listing = {"tests": [{"name": "a", "command": ["/bin/a", "--gtest_output=xml:/b/test/xml/a.xml"]},
                             {"name": "b", "command": ["/bin/b"]}, {"name": "c"}]}
        self.assertEqual(report.parse_listing(listing), {"a": Path("/b/test/xml/a.xml"), "b": None, "c": None})

    def test_a_real_ctest_run(self):
        """A crash, a time-out and a good program, through CTest itself."""
        with tempfile.TemporaryDirectory() as name:
            build = Path(name)
            (build / "good.py").write_text(
                f"import sys\nopen(sys.argv[1].partition('xml:')[2], 'w').write('''{GOOD}''')\n")
            (build / "crash.py").write_text("import os\nos.abort()\n")
            (build / "slow.py").write_text("import time\ntime.sleep(60)\n")
            lines = []
            for test in ("good", "crash", "slow"):
                lines.append(f'add_test({test} "{sys.executable}" "{build}/{test}.py" '
                             f'"--gtest_output=xml:{build}/{test}.xml")\n'
                             f"set_tests_properties({test} PROPERTIES TIMEOUT 2)\n")
            (build / "CTestTestfile.cmake").write_text("".join(lines))
            (build / "test").mkdir()
            subprocess.run(["ctest", "--test-dir", name, "-Q", "--output-junit", str(build / "test/ctest.xml")],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, timeout=60)
            (build / "rules.txt").write_text("R120\nvtd.fault.05\n")
            (build / "contract.json").write_text('{"promises": []}')
            done = subprocess.run([sys.executable, str(ROOT / "tests/report.py"), "--build", name,
                                   "--rules", str(build / "rules.txt"), "--contract", str(build / "contract.json")],
                                  capture_output=True, text=True, check=False, timeout=60)
            self.assertEqual(done.stdout.splitlines()[-1], "2 passed, 2 failed", done.stdout + done.stderr)
            self.assertEqual(done.returncode, 1)

    def test_no_build_directory(self):
        done = subprocess.run([sys.executable, str(ROOT / "tests/report.py"), "--build", "/nowhere"],
                              capture_output=True, text=True, check=False, timeout=60)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stdout.splitlines()[-1], "0 passed, 1 failed")


if __name__ == "__main__":
    unittest.main()
