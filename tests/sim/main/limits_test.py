# SPDX-License-Identifier: Apache-2.0
"""Numbers beyond all, directories where files belong, files where directories belong: one line each, exit code 2."""
import json
import unittest

from program_test import ROOT, ProgramTest

DRIVER = ROOT / "tests" / "kmd" / "drivers" / "example.cpp"


class Limits(ProgramTest):
    def refused(self, *args, reason):
        done = self.program(*args)
        with self.subTest(args=args):
            self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
            self.assertEqual(done.stdout, "")
            self.assertRegex(done.stderr, r"\Agpu-dmar: [^\n]+\n\Z")
            self.assertIn(reason, done.stderr)

    def test_numbers_that_do_not_fit(self):
        for args in (("random", "--seed"), ("threads", "--seed"), ("run", "--seed"), ("kmd", DRIVER, "--seed"),
                     ("kmd", DRIVER, "--ddi-cycles"), ("kmd", DRIVER, "--wait-cycles")):
            for number in ("99999999999999999999999", "18446744073709551616", "0x10000000000000000"):
                self.refused(*args, number, reason=f"{number} is more than 2^64-1")
            self.refused(*args, "-1", reason="-1 is negative")
        self.refused("random", "--seed", "seven", reason="seven")

    def test_a_directory_is_no_trace(self):
        self.refused("replay", self.dir, reason=f"{self.dir}: cannot be read")

    def test_where_no_directory_can_be(self):
        for path in ("/proc/none", self.file, self.file / "below"):
            for option, args in (("--dir", ("kmd", DRIVER)), ("--dir", ("random", "--generate")),
                                 ("--record", ("random",))):
                self.refused(*args, option, path, reason=f"{option} {path}: cannot be made a directory")

    def test_a_kit_that_is_none(self):
        self.refused("kmd", DRIVER, "--dir", self.dir, "--wdk", self.dir, reason=f"--wdk {self.dir}: there is no ntddk.h")

    def test_machines_that_cannot_be(self):
        scenario = self.dir / "s.json"
        for machine, reason in (({"ram": [["0", "2G"], ["1G", "2G"]]}, "'ram': host memory: range"),
                                ({"vram": "1T"}, "'vram': 1099511627776 bytes of VRAM")):
            scenario.write_text(json.dumps({"schema": 1, "name": "x", "about": "x", "machine": machine,
                                            "steps": [{"do": "wait", "cycles": 1}]}))
            self.refused("run", scenario, reason=f"{scenario}:1: {reason}")
            self.refused("kmd", DRIVER, "--dir", self.dir, "--scenario", scenario, reason=reason)


if __name__ == "__main__":
    unittest.main()
