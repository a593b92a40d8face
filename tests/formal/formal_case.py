# SPDX-License-Identifier: Apache-2.0
"""What the tests of the proofs share."""
import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUN = ROOT / "tests" / "formal" / "run.py"
MISSING = [tool for tool in ("yosys", "yosys-abc", "yosys-smtbmc", "z3") if not shutil.which(tool)]


class FormalCase(unittest.TestCase):
    """Skipped where the tools are missing; in continuous integration they must be there."""

    def setUp(self):
        if MISSING:
            message = f"{', '.join(MISSING)} not installed: run `make deps`"
            if os.environ.get("CI") in ("true", "1"):
                self.fail(message)
            self.skipTest(message)

    def prove(self, directory, *options):
        return subprocess.run([sys.executable, str(RUN), str(directory), *options], capture_output=True, text=True,
                              check=False, timeout=500)
