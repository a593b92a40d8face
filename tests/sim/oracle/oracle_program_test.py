# SPDX-License-Identifier: Apache-2.0
"""gpu-dmar-oracle from outside: without QEMU, its summary, ended by a signal."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

PROGRAM = os.environ.get("GPUDMAR_ORACLE", "")
IN_CI = os.environ.get("CI", "") in ("true", "1")
TIMEOUT = 120


class OracleProgram(unittest.TestCase):
    def setUp(self):
        self.assertTrue(Path(PROGRAM).is_file(), f"GPUDMAR_ORACLE={PROGRAM!r} is no program")
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.dir = Path(directory.name)
        self.environment = {**os.environ, "TMPDIR": directory.name}

    def program(self, *args):
        return subprocess.run([PROGRAM, *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False, timeout=TIMEOUT, env=self.environment)

    def need_qemu(self):
        if shutil.which("qemu-system-x86_64") is None and not IN_CI:
            self.skipTest("qemu-system-x86_64 is not installed")

    def test_without_qemu_it_says_so(self):
        done = self.program("--qemu", self.dir / "missing")
        self.assertEqual(done.returncode, 77)
        self.assertRegex(done.stderr, r"\Agpu-dmar-oracle: no qemu-system-x86_64 [^\n]*apt-get install qemu-system-x86\n\Z")

    def test_bad_options_are_one_line(self):
        for args in (["--cases", "-1"], ["--nonsense"], ["serve"], ["serve", "--qtest", "tcp:1"]):
            done = self.program(*args)
            self.assertEqual(done.returncode, 2, args)
            self.assertRegex(done.stderr, r"\Agpu-dmar-oracle: [^\n]+\n\Z", args)

    def test_the_summary(self):
        self.need_qemu()
        path = self.dir / "summary.json"
        done = self.program("--cases", 5, "--seed", 100, "--summary", path)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        summary = json.loads(path.read_text())
        for key in ("schema", "commit", "config", "tools", "duration_s", "reasons"):
            self.assertIn(key, summary)
        self.assertIn("QEMU", summary["qemu"])
        self.assertEqual([summary[key] for key in ("mode", "seed", "cases", "mismatches", "seeds", "violations")],
                         ["legacy", 100, 5, 0, [], False])
        self.assertGreaterEqual(summary["accesses"], 5)
        self.assertIn("one-record-a-request", summary["masked"])
        self.assertEqual(list(self.dir.iterdir()), [path], "something was left behind")

    def test_a_signal_ends_it_in_order(self):
        self.need_qemu()
        path = self.dir / "summary.json"
        process = subprocess.Popen([PROGRAM, "--cases", "100000000", "--summary", path], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment)
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=TIMEOUT)
        self.assertEqual(process.returncode, 1, out + err)
        self.assertIn("ended by a signal", err)
        summary = json.loads(path.read_text())
        self.assertLess(summary["cases"], 100000000)
        self.assertEqual(summary["mismatches"], 0)
        self.assertEqual(list(self.dir.iterdir()), [path], "something was left behind")
