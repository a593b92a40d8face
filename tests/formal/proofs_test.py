# SPDX-License-Identifier: Apache-2.0
"""The proofs that end within seconds; `make formal` runs all of them."""
import json
import os
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from formal_case import FormalCase


class QuickProofsTest(FormalCase):
    def test_quick_tasks(self):
        with tempfile.TemporaryDirectory() as scratch:
            directory = Path(os.environ.get("GPUDMAR_FORMAL_DIR", scratch))
            done = self.prove(directory, "--quick")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            summary = json.loads((directory / "formal" / "summary.json").read_text(encoding="utf-8"))
        self.assertEqual(summary["failed"], 0)
        self.assertGreater(summary["proved"], 40)
        self.assertGreater(summary["covers"], 10)
        blocks = {entry["block"] for entry in summary["properties"]}
        for block in ("lib/fifo", "lib/rr_arbiter", "iommu/iommu_drain", "iommu/iommu_faults", "dma/dma_burst"):
            self.assertIn(block, blocks)


if __name__ == "__main__":
    unittest.main()
