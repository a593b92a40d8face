# SPDX-License-Identifier: Apache-2.0
"""The choice of mutants over the real RTL, what is written for it, and the reasons that stand."""
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import plan
import run

FOUND = plan.candidates(plan.sources())


class PlanTest(unittest.TestCase):
    def test_every_file_has_places(self):
        files = {mutant.file for mutants in FOUND.values() for mutant in mutants}
        self.assertEqual(files, set(plan.sources()))
        self.assertEqual(set(FOUND), {"operator", "operand", "negation", "constant", "condition", "stuck", "reset",
                                      "assignment"})

    def test_choice(self):
        chosen = plan.choose(FOUND, 80, 1)
        self.assertEqual(len(chosen), 80)
        for kind in FOUND:
            self.assertEqual(sum(mutant.kind == kind for mutant in chosen), 10, kind)
        places = {(mutant.file, mutant.site.start, mutant.site.end) for mutant in chosen}
        self.assertEqual(len(places), 80)
        self.assertEqual([m.key for m in chosen], [m.key for m in plan.choose(FOUND, 80, 1)])
        self.assertNotEqual([m.key for m in chosen], [m.key for m in plan.choose(FOUND, 80, 2)])

    def test_every_file_is_judged(self):
        judged = set().union(*(program["judges"] for program in plan.load_programs()))
        self.assertEqual(set(plan.sources()) - judged, set())

    def test_every_reason_names_a_mutant(self):
        keys = {mutant.key: mutant.file for mutants in FOUND.values() for mutant in mutants}
        for key, reason in run.reasons().items():
            self.assertEqual(keys.get(key), reason["file"], f"reasons.toml: {key} is no longer there")

    def test_what_is_written_elaborates(self):
        if not shutil.which("verilator"):
            self.skipTest("verilator is not installed")
        with tempfile.TemporaryDirectory() as scratch:
            plan.emit(plan.choose(FOUND, 400, 3), Path(scratch))
            for files, top in (("rtl/iommu.f", "iommu"), ("rtl/dma.f", "dma_adapter")):
                done = subprocess.run(["verilator", "--lint-only", "-Wno-lint", "-Wno-style", "-Wno-fatal", "--assert", "--no-timing",
                                       "--top-module", top, "rtl/mutant_pkg.sv", *plan.list_files(files)],
                                      cwd=scratch, capture_output=True, text=True, check=False)
                self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
