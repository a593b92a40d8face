# SPDX-License-Identifier: Apache-2.0
"""A mutant that is the same design, one that is not, and one that a proof sees."""
import os
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import plan
import prove
import source


def mutant(file, what, instead):
    """Made by hand: the first place where `what` stands."""
    text = (plan.ROOT / file).read_text(encoding="utf-8")
    start = text.index(what)
    return plan.Mutant(file, 1, "operator", source.Site(start, start + len(what), False),
                       source.Variant("operator", instead, "0123456789abcdef"))


class ProveTest(unittest.TestCase):
    def setUp(self):
        if prove.missing():
            message = f"{', '.join(prove.missing())} not installed: run `make deps`"
            if os.environ.get("CI") in ("true", "1"):
                self.fail(message)
            self.skipTest(message)
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.directory = Path(scratch.name)

    def verdict(self, what, instead):
        return prove.equivalent(mutant("rtl/lib/fifo.sv", what, instead), prove.load_blocks(), self.directory, 30)

    def test_the_same(self):
        # What is not pushed when full is not pushed: the count tells it as well as the flag.
        self.assertEqual(self.verdict("push_i & ~full_q", "push_i & (count_q != CountWidth'(Depth))"), "equivalent")

    def test_another(self):
        self.assertEqual(self.verdict("count_d == '0", "count_d != '0"), "different")

    def test_every_size_counts(self):
        # With one word of memory the pointers have nowhere to go.
        blocks = {"fifo": [{"Width": 2, "Depth": 2}]}
        same = mutant("rtl/lib/fifo.sv", "(rptr_q == LastPtr) ? '0 : rptr_q + 1'b1", "rptr_q")
        self.assertEqual(prove.equivalent(same, blocks, self.directory, 30), "equivalent")
        self.assertEqual(prove.equivalent(same, prove.load_blocks(), self.directory, 30), "different")

    def test_blocks_are_cut_out(self):
        blocks = {"dma_map": [{"DataWidth": 64, "PagesLog2": 3, "Depth": 2}], "cut_only": ["dma_map"]}
        same = mutant("rtl/dma/dma_map.sv", "beat_valid_i & ~empty & good & ~over", "~over & good & ~empty & beat_valid_i")
        self.assertEqual(prove.equivalent(same, blocks, self.directory, 30), "equivalent")
        another = mutant("rtl/dma/dma_map.sv", "beat_valid_i & ~empty & good & ~over", "beat_valid_i & good & ~over")
        self.assertEqual(prove.equivalent(another, blocks, self.directory, 30), "undecided")

    def test_the_proofs_kill(self):
        tasks = prove.formal_tasks()["rtl/lib/rr_arbiter.sv"]
        self.assertEqual(tasks[0], "rr_arbiter")
        broken = mutant("rtl/lib/rr_arbiter.sv", "accept_i && req_i != '0", "1'b0")
        self.assertEqual(prove.killed_by_proof(broken, ["rr_arbiter"], self.directory, 60), "rr_arbiter")
        whole = mutant("rtl/lib/rr_arbiter.sv", "accept_i && req_i != '0", "accept_i && req_i != '0")
        self.assertIsNone(prove.killed_by_proof(whole, ["rr_arbiter"], self.directory, 60))


if __name__ == "__main__":
    unittest.main()
