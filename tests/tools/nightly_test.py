# SPDX-License-Identifier: Apache-2.0
"""tests/nightly: stages that pass, fail and leave nothing behind; none of the real ones runs."""
import contextlib
import importlib.util
import io
import json
import stat
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("nightly_run", ROOT / "tests" / "nightly" / "run.py")
nightly = importlib.util.module_from_spec(spec)
spec.loader.exec_module(nightly)

# A gpu-dmar whose streams of the profile "bad" fail.
PROGRAM = """#!{python}
import json, sys
words = sys.argv[1:]
value = lambda name: words[words.index(name) + 1]
bad = "bad" in value("--profile")
print("again: gpu-dmar run random-7.json" if bad else "fine")
rows = [{{"seed": int(value("--seed")), "passed": not bad}}]
json.dump({{"cycles": int(value("--cycles")) + 5, "failed": int(bad), "runs": rows}}, open(value("--summary"), "w"))
sys.exit(1 if bad else 0)
"""


class Nightly(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.build = Path(directory.name).resolve()

    def night(self, known, *words):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            code = nightly.main([str(self.build), *words], known)
        return code, json.loads((self.build / "nightly/summary.json").read_text()), out.getvalue()

    def shell(self, name, text, **more):
        return nightly.Stage(name, ["sh", "-c", text], **more)

    def test_a_failure_does_not_stop_the_night(self):
        marker = self.build / "marker"
        code, summary, out = self.night(lambda build, options: [
            self.shell("one", "echo 'again: do this'; echo why; exit 3"), self.shell("two", f"touch {marker}")])
        self.assertEqual(code, 1)
        self.assertTrue(marker.is_file())
        self.assertEqual(summary["status"], "failed")
        self.assertEqual([(row["name"], row["status"]) for row in summary["stages"]], [("one", "failed"), ("two", "passed")])
        self.assertEqual(summary["stages"][0]["again"], ["again: do this"])
        self.assertIn("why", out)
        self.assertIn("one.log", out)

    def test_without_a_program_there_is_no_night(self):
        marker = self.build / "marker"
        code, summary, _ = self.night(lambda build, options: [self.shell("build", "exit 1"), self.shell("two", f"touch {marker}")])
        self.assertEqual((code, len(summary["stages"])), (1, 1))
        self.assertFalse(marker.exists())

    def test_figures_are_of_this_night(self):
        path = self.build / "figures.json"
        path.write_text('{"score": 1}')
        pick = lambda summary: {"score": summary["score"]}  # noqa: E731
        known = lambda text: lambda build, options: [self.shell("a", text, summary=path, figures=pick)]  # noqa: E731
        self.assertEqual(self.night(known("true"))[1]["stages"][0]["figures"], {})
        write = lambda text: f"echo '{text}' >{path}"  # noqa: E731
        self.assertEqual(self.night(known(write('{"score": 2}')))[1]["stages"][0]["figures"], {"score": 2})
        for broken in ('{"score"', "{}", "[]"):
            self.assertEqual(self.night(known(write(broken)))[1]["stages"][0]["figures"], {})

    def test_chosen_stages_and_the_seed(self):
        seen = []

        def known(build, options):
            seen.append(options.seed)
            return [self.shell("a", "exit 1"), self.shell("b", "true")]
        code, summary, _ = self.night(known, "--only", "b", "--seed", "77")
        self.assertEqual((code, [row["name"] for row in summary["stages"]], summary["seed"]), (0, ["b"], 77))
        self.night(known, "--only", "b")
        self.assertEqual(seen[0], 77)
        self.assertGreater(seen[1], 1_000_000)
        for words in (["--only", "c"], ["--seed", "0"], ["--cycles", "x"]):
            with self.assertRaises(SystemExit), contextlib.redirect_stderr(io.StringIO()):
                self.night(known, *words)

    def random(self, *names):
        program = self.build / "bin/gpu-dmar"
        program.parent.mkdir(exist_ok=True)
        program.write_text(PROGRAM.format(python=sys.executable))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        profiles = [self.build / f"{name}.json" for name in names]
        return self.night(lambda build, options: [nightly.Random(build, options.seed, options.cycles, 2, profiles)],
                          "--seed", "3", "--cycles", "1000")

    def test_random_streams_share_the_cycles(self):
        code, summary, _ = self.random("good", "fair")
        self.assertEqual((code, summary["stages"][0]["figures"]), (0, {"cycles": 1010, "runs": 2, "failed": 0}))
        seeds = {json.loads((self.build / f"nightly/random-{name}/summary.json").read_text())["runs"][0]["seed"]
                 for name in ("good", "fair")}
        self.assertEqual(seeds, {3, 3 + nightly.SEEDS_OF_A_PROFILE})

    def test_a_stream_that_fails_runs_again_from_anywhere(self):
        code, summary, _ = self.random("good", "bad")
        row = summary["stages"][0]
        self.assertEqual((code, row["status"], row["figures"]["failed"]), (1, "failed", 1))
        self.assertEqual(row["again"], [f"again: gpu-dmar run {self.build}/nightly/random-bad/random-7.json"])

    def test_the_real_stages(self):
        class Options:
            seed, cycles, cases, runs, jobs = 5, 6, 7, 8, 2
        found = nightly.stages(self.build, Options)
        self.assertEqual(len({stage.name for stage in found}), len(found))
        targets = (ROOT / "Makefile").read_text()
        for stage in found:
            if stage.words:
                self.assertIn(f"\n{stage.words[1]}:", targets)
        self.assertGreaterEqual(len(found[1].profiles), 5)


if __name__ == "__main__":
    unittest.main()
