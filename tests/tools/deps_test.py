# SPDX-License-Identifier: Apache-2.0
""".ci/deps on machines that lack things: one clear line, and nothing done when nothing is missing."""
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class DepsTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.bin = Path(directory.name)
        for tool in ("bash", "cat", "dirname", "env", "grep", "mktemp", "rm"):
            (self.bin / tool).symlink_to(shutil.which(tool))

    def tool(self, name, script):
        path = self.bin / name
        path.write_text(f"#!{self.bin}/bash\n{script}\n")
        path.chmod(0o755)

    def deps(self, *groups):
        return subprocess.run([str(self.bin / "bash"), str(ROOT / ".ci/deps"), *groups], env={"PATH": str(self.bin)},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60)

    def all_installed_but(self, *missing):
        """A dpkg-query that knows every package it is asked about except the given ones."""
        self.tool("dpkg-query", f'for p in "${{@:3}}"; do [[ " {" ".join(missing)} " == *" $p "* ]] || '
                                'echo "$p installed"; done')

    def test_nothing_missing_is_silent(self):
        self.all_installed_but()
        self.tool("apt-get", "echo called >&2; exit 1")
        done = self.deps()
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_no_apt(self):
        self.all_installed_but("verilator", "yosys")
        done = self.deps()
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.splitlines(), ["deps: missing and no apt-get to install them: verilator yosys"])

    def test_groups(self):
        self.all_installed_but("yosys")
        self.assertEqual(self.deps("build").returncode, 0)
        self.assertEqual(self.deps("lint").returncode, 1)
        self.assertIn("no packages", self.deps("nonsense").stderr)

    @unittest.skipUnless(os.geteuid() == 0, "apt-get is only called by root")
    def test_no_network(self):
        self.all_installed_but("verilator")
        self.tool("apt-get", 'echo "E: Could not resolve deb.debian.org"; exit 100')
        done = self.deps()
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.splitlines(),
                         ["deps: apt-get cannot install verilator: E: Could not resolve deb.debian.org"])

    @unittest.skipUnless(os.geteuid() == 0, "apt-get is only called by root")
    def test_stale_lists_are_refreshed_once(self):
        self.all_installed_but("verilator")
        state = self.bin / "state"
        self.tool("apt-get", f'if [[ $1 == update ]]; then echo x >{state}; exit 0; fi; [[ -f {state} ]]')
        self.assertEqual(self.deps().returncode, 0)
        self.assertTrue(state.exists())

    def test_not_debian(self):
        done = self.deps()
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        for tool in ("cmake", "ninja", "verilator", "c++", "python3"):
            self.tool(tool, "exit 0")
        self.assertEqual(self.deps().returncode, 0)


if __name__ == "__main__":
    unittest.main()
