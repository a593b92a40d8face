# SPDX-License-Identifier: Apache-2.0
"""tests/coverage: reading of counts, waivers, numbers and the baseline; nothing is built."""
import importlib.util
import json
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "coverage"))
import counts
import figures

spec = importlib.util.spec_from_file_location("coverage_run", ROOT / "tests" / "coverage" / "run.py")
run = importlib.util.module_from_spec(spec)
spec.loader.exec_module(run)


def row(file, line, page, name, count, lines="", hier="TOP.a", column=3):
    """A line of Verilator's counts."""
    fields = {"f": file, "l": line, "n": column, "page": page, "o": name, "S": lines, "h": hier}
    return "C '" + "".join(f"\x01{key}\x02{value}" for key, value in fields.items() if value != "") + f"' {count}\n"


HEAD = "# SystemC::Coverage-3\n"


class CountsTest(unittest.TestCase):
    def test_instances_and_models_are_one(self):
        found = counts.points(HEAD + row("/t/rtl/lib/fifo.sv", 5, "v_line/fifo", "block", 0, "5-6")
                              + row("/t/rtl/lib/fifo.sv", 5, "v_line/fifo__pi1", "block", 3, "5-6", "TOP.b"), "/t")
        self.assertEqual([(p.file, p.kind, p.count, p.lines) for p in found], [("rtl/lib/fifo.sv", "line", 3, {5, 6})])

    def test_what_stands_elsewhere(self):
        self.assertEqual(counts.points(row("/other/a.sv", 1, "v_line/a", "block", 1, "1"), "/t"), [])
        found = counts.points(row("/t/tests/a.sv", 1, "v_line/a", "block", 1, "1"), "/t")
        self.assertEqual(counts.rtl_lines(found), {})

    def test_a_line_has_run_when_all_of_it_has(self):
        found = counts.points(row("rtl/a.sv", 1, "v_line/a", "block", 9, "1-3,5")
                              + row("rtl/a.sv", 2, "v_branch/a", "if", 0, "2")
                              + row("rtl/a.sv", 2, "v_branch/a", "else", 9, column=4), "/t")
        self.assertEqual(counts.rtl_lines(found), {"rtl/a.sv": {1: 9, 2: 0, 3: 9, 5: 9}})
        self.assertEqual(counts.branches(found), (1, 2))

    def test_toggles(self):
        found = counts.points(row("rtl/a.sv", 1, "v_toggle/a", "x[0]", 0) + row("rtl/a.sv", 1, "v_toggle/a", "x[1]", 2), "/t")
        self.assertEqual(counts.toggles(found), {("rtl/a.sv", 1, "x[0]"): 0, ("rtl/a.sv", 1, "x[1]"): 2})

    def test_what_is_no_count(self):
        for text in ("C 'x' many\n", "C '\x01f\x02a.sv' 1\n", row("a.sv", 1, "v_fsm/a", "x", 1)):
            with self.assertRaises(counts.CountError):
                counts.points(text, "/t")

    def test_points_that_no_model_has_were_not_met(self):
        with tempfile.TemporaryDirectory() as scratch:
            root = Path(scratch)
            path = root / "tests/coverage/points/a_points.sv"
            path.parent.mkdir(parents=True)
            path.write_text("module a_points;\n  c_one: cover (x);\n  c_two: cover (y);\n  // c_three: cover (z);\n")
            found = counts.points(row(str(path), 2, "v_user/a_points", "c_one", 4), scratch)
            file = "tests/coverage/points/a_points.sv"
            self.assertEqual(counts.user(found, root), {(file, 2, "c_one"): 4, (file, 3, "c_two"): 0})
            path.write_text("c_one: cover (x);\nc_one: cover (y);\n")
            with self.assertRaisesRegex(counts.CountError, "c_one stands twice"):
                counts.user(found, root)

    def test_cpp(self):
        def unit(file, *lines):
            return json.dumps({"current_working_directory": "/t/build", "files": [
                {"file": file, "lines": [{"line_number": n, "count": c} for n, c in lines]}]}) + "\n"
        text = (unit("../sim/a.h", (1, 0), (2, 1)) + unit("/t/sim/a.h", (1, 5)) + unit("/usr/b.h", (1, 1))
                + unit("../tests/c.cpp", (1, 1)))
        self.assertEqual(counts.cpp_lines(text, "/t"), {"sim/a.h": {1: 5, 2: 1}})


class FiguresTest(unittest.TestCase):
    MISSED = [("line", "rtl/a.sv", 4, "default: x = y;"), ("toggle", "rtl/a.sv", 1, "x[3]"), ("user", "p.sv", 2, "c_one")]

    def waiver(self, **changes):
        return {"file": "rtl/a.sv", "kind": "line", "text": "default:", "reason": "never", **changes}

    def test_waivers(self):
        left, waived = figures.waive(self.MISSED, [self.waiver(), self.waiver(kind="toggle", text="x")])
        self.assertEqual([entry[0] for entry in left], ["user"])
        self.assertEqual(len(waived), 2)

    def test_a_waiver_that_waives_nothing(self):
        for changes in ({"text": "gone"}, {"file": "rtl/b.sv"}, {"kind": "user", "text": "c_on"}):
            with self.assertRaisesRegex(figures.FigureError, "waives nothing"):
                figures.waive(self.MISSED, [self.waiver(**changes)])
            self.assertEqual(figures.waive(self.MISSED, [self.waiver(**changes)], whole=False)[1], [])

    def test_waivers_have_reasons(self):
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "waivers.toml"
            for text in ('[[waiver]]\nfile = "a"\nkind = "line"\ntext = "x"\n',
                         '[[waiver]]\nfile = "a"\nkind = "line"\ntext = "x"\nreason = ""\n',
                         '[[waiver]]\nfile = "a"\nkind = "fsm"\ntext = "x"\nreason = "y"\n'):
                path.write_text(text, encoding="utf-8")
                with self.assertRaises(figures.FigureError):
                    figures.load_waivers(path)

    def test_percent_without_what_is_waived(self):
        part = figures.Part("line", {("a", 1, "x"): 1, ("a", 2, "y"): 0, ("a", 3, "z"): 0, ("b", 1, "w"): 1})
        self.assertEqual((part.percent(), part.percent("a"), part.percent("c")), (50.0, 33.33, None))
        part.without([("line", "a", 2, "y"), ("user", "a", 3, "z")])
        self.assertEqual((part.percent(), part.percent("a")), (66.67, 50.0))
        self.assertIn("DA:3,0\n", figures.info(part, Path("/t")))
        self.assertNotIn("DA:2,", figures.info(part, Path("/t")))

    def test_table_has_the_worst_first_and_nothing_whole(self):
        parts = {"rtl_line": figures.Part("line", {("a", 1, "x"): 0, ("b", 1, "x"): 0, ("b", 2, "x"): 0, ("c", 1, "x"): 1})}
        rows = figures.table(parts).splitlines()
        self.assertEqual([line.split()[0] for line in rows], ["file", "b", "a"])

    def test_counts_of_another_version(self):
        with self.assertRaisesRegex(figures.FigureError, "another version"):
            figures.with_text({"tests/coverage/waivers.toml": {100000: 1}}, ROOT)

    def test_baseline(self):
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "baseline.toml"
            path.write_text("# kept\nrtl_line = 90.0\nrtl_toggle = 50.0\n", encoding="utf-8")
            self.assertEqual(figures.worse({"rtl_line": 89.9, "rtl_toggle": None}, path), [])
            self.assertEqual(len(figures.worse({"rtl_line": 89.7, "rtl_toggle": 40.0}, path)), 2)
            figures.accept({"rtl_line": 95.5, "rtl_toggle": None, "rtl_user": 70.0}, path)
            self.assertEqual(path.read_text(encoding="utf-8"), "# kept\nrtl_line = 95.5\nrtl_toggle = 50.0\nrtl_user = 70.0\n")
            path.write_text("lines = 1\n", encoding="utf-8")
            with self.assertRaisesRegex(figures.FigureError, "lines: no such number"):
                figures.worse({}, path)


class ListsTest(unittest.TestCase):
    def test_every_points_file_is_about_a_block(self):
        blocks = {path.stem for path in (ROOT / "rtl").rglob("*.sv")}
        for path in (ROOT / "tests/coverage/points").glob("*.sv"):
            self.assertIn(path.stem.removesuffix("_points"), blocks)
            self.assertTrue(counts.declared(path), path)

    def test_programs(self):
        programs = run.load_programs()
        self.assertTrue(any(program.get("toggle") for program in programs))
        self.assertEqual(len({program["name"] for program in programs}), len(programs))
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "programs.toml"
            for text in ('[[program]]\nname = "a"\n', '[[program]]\nname = "a"\nmodels = ["b"]\nquick = true\n'):
                path.write_text(text, encoding="utf-8")
                with self.assertRaises(run.RunError):
                    run.load_programs(path)

    def test_the_tree_s_own_lists(self):
        figures.load_waivers(ROOT / "tests/coverage/waivers.toml")
        figures.worse({}, ROOT / "tests/coverage/baseline.toml")


if __name__ == "__main__":
    unittest.main()
