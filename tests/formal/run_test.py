# SPDX-License-Identifier: Apache-2.0
"""run.py: what is wrong in a task file or in the RTL never ends well."""
import json
import os
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from formal_case import FormalCase

# A counter that wraps at 9: a_small fails in its sixth cycle, a_wraps holds; c_five is reached, c_ten never.
DESIGN = """
module planted (input logic clk_i, input logic rst_ni, input logic go_i);
  logic started_q = 1'b0;
  logic [3:0] count_q;
  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    if (!rst_ni) count_q <= '0;
    else if (go_i) count_q <= (count_q == 4'd9) ? 4'd0 : count_q + 4'd1;
  end
  always_comb if (!started_q) m_reset: assume (!rst_ni);
  always_ff @(posedge clk_i) begin
    if (started_q && rst_ni) begin
      a_wraps: assert (count_q <= 4'd9);
      %s
    end
  end
endmodule
"""


# The same counter as a block, with an assertion of its own that is none of the task's.
INSIDE = """
module planted_block (input logic clk_i, input logic rst_ni, input logic go_i);
  logic [3:0] count_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) count_q <= '0;
    else if (go_i) count_q <= (count_q == 4'd9) ? 4'd0 : count_q + 4'd1;
    a_own: assert (count_q < 4'd3);
  end
endmodule
module planted (input logic clk_i, input logic rst_ni, input logic go_i);
  (* hierconn *) wire [3:0] \\dut.count_q ;
  logic started_q = 1'b0;
  planted_block dut (.clk_i, .rst_ni, .go_i);
  always_ff @(posedge clk_i) started_q <= 1'b1;
  always_comb if (!started_q) m_reset: assume (!rst_ni);
  always_comb begin
    if (started_q) begin
      %s
      c_three: cover (\\dut.count_q == 4'd3);
    end
  end
endmodule
"""


class RunTest(FormalCase):
    def setUp(self):
        super().setUp()
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.directory = Path(scratch.name)

    def run_task(self, properties, *lines, options=(), design=DESIGN):
        source = self.directory / "planted.sv"
        source.write_text(design % properties, encoding="utf-8")
        task = ["[[task]]", 'name = "planted"', 'top = "planted"', 'block = "b"', f'files = ["{source}"]', *lines]
        tasks = self.directory / "tasks.toml"
        tasks.write_text("\n".join(task) + "\n", encoding="utf-8")
        return self.prove(self.directory, "--tasks", str(tasks), *options)

    def results(self):
        summary = json.loads((self.directory / "formal" / "summary.json").read_text(encoding="utf-8"))
        return summary, {entry["name"].rsplit(".", 1)[-1]: entry for entry in summary["properties"]}

    def test_proved_and_covered(self):
        done = self.run_task("c_five: cover (count_q == 4'd5);")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        summary, found = self.results()
        self.assertEqual((summary["proved"], summary["covers"], summary["failed"]), (1, 1, 0))
        self.assertEqual(found["a_wraps"], {"name": "planted.a_wraps", "block": "b", "result": "proved", "depth": 0})
        self.assertEqual(found["c_five"]["result"], "covered")

    def test_bounded(self):
        done = self.run_task("c_five: cover (count_q == 4'd5);", "depth = 15")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        summary, found = self.results()
        self.assertEqual((summary["proved"], summary["bounded"]), (0, 1))
        self.assertEqual((found["a_wraps"]["result"], found["a_wraps"]["depth"]), ("bounded", 15))

    def check_failure(self, *lines):
        done = self.run_task("a_small: assert (count_q < 4'd5); c_five: cover (count_q == 4'd5);", *lines)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("planted.a_small fails", done.stderr)
        _, found = self.results()
        self.assertEqual(found["a_small"]["result"], "failed")
        self.assertNotEqual(found["a_wraps"]["result"], "failed")
        wave = (self.directory / "formal" / "planted.vcd").read_text(encoding="utf-8")
        self.assertIn("count_q", wave)
        self.assertIn("b0101 ", wave)  # the count that fails stands in the trace

    def test_a_property_that_fails_has_its_name_and_a_trace(self):
        self.check_failure()

    def test_a_property_that_fails_within_a_bound(self):
        self.check_failure("depth = 12")

    def test_some_are_proved_without_the_bound_of_the_others(self):
        done = self.run_task("a_small: assert (count_q < 4'd9); c_one: cover (count_q == 4'd1);", "depth = 4",
                             'always = ["a_wraps"]')
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        summary, found = self.results()
        self.assertEqual((summary["proved"], summary["bounded"]), (1, 1))
        self.assertEqual(found["a_wraps"]["result"], "proved")
        self.assertEqual(found["a_small"]["result"], "bounded")

    def test_one_that_fails_beyond_the_bound_of_the_others(self):
        done = self.run_task("a_small: assert (count_q < 4'd9); c_one: cover (count_q == 4'd1);", "depth = 4",
                             'always = ["a_small"]')
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("planted.a_small fails", done.stderr)
        _, found = self.results()
        self.assertEqual(found["a_small"]["result"], "failed")
        self.assertEqual(found["a_wraps"]["result"], "bounded")

    def test_a_name_that_no_assertion_has(self):
        done = self.run_task("c_one: cover (count_q == 4'd1);", 'always = ["a_nothing"]')
        self.assertEqual(done.returncode, 1)
        self.assertIn("planted: no assertion a_nothing in it", done.stderr)

    def crash(self):
        """From now on yosys-abc crashes where it is asked for all properties at once."""
        tool = self.directory / "yosys-abc"
        tool.write_text('#!/bin/sh\ncase "$*" in *"bmc3 -a "* | *"pdr -a "*) kill -SEGV $$ ;; esac\n'
                        f'exec {shutil.which("yosys-abc")} "$@"\n', encoding="utf-8")
        tool.chmod(0o755)
        before = os.environ["PATH"]
        self.addCleanup(os.environ.__setitem__, "PATH", before)
        os.environ["PATH"] = f"{self.directory}:{before}"

    def test_where_the_solver_crashes_each_property_is_looked_at_alone(self):
        self.crash()
        self.check_failure()
        self.check_failure("depth = 12")
        _, found = self.results()
        self.assertEqual((found["a_wraps"]["result"], found["a_wraps"]["depth"]), ("bounded", 12))
        self.assertEqual(found["a_small"]["depth"], 7)

    def test_a_crash_hides_no_proof(self):
        self.crash()
        done = self.run_task("c_five: cover (count_q == 4'd5); c_ten: cover (count_q == 4'd10);")
        self.assertEqual(done.returncode, 1)
        self.assertIn("not reached: planted.c_ten", done.stdout)
        _, found = self.results()
        self.assertEqual(found["a_wraps"]["result"], "proved")
        self.assertEqual(found["c_five"]["result"], "covered")

    def test_a_crash_that_stays_is_told(self):
        self.crash()
        tool = self.directory / "yosys-abc"
        tool.write_text("#!/bin/sh\nkill -SEGV $$\n", encoding="utf-8")
        done = self.run_task("c_five: cover (count_q == 4'd5);")
        self.assertEqual(done.returncode, 1)
        self.assertIn("planted: yosys-abc: ended by signal 11", done.stderr)

    def test_a_bound_too_low_to_see_it(self):
        done = self.run_task("a_small: assert (count_q < 4'd5); c_one: cover (count_q == 4'd1);", "depth = 4")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        _, found = self.results()
        self.assertEqual((found["a_small"]["result"], found["a_small"]["depth"]), ("bounded", 4))

    def run_inside(self, properties, design=INSIDE):
        return self.run_task(properties, "inside = true", design=design)

    def test_induction_over_registers_of_the_block(self):
        done = self.run_inside("a_wraps: assert (\\dut.count_q <= 4'd9);")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        _, found = self.results()
        self.assertEqual({name: entry["result"] for name, entry in found.items()},
                         {"a_wraps": "proved", "c_three": "covered"})

    def test_what_is_true_but_not_kept_is_not_proved(self):
        done = self.run_inside("a_not_twelve: assert (\\dut.count_q != 4'd12);")  # 11 goes there, but is never reached
        self.assertEqual(done.returncode, 1)
        self.assertIn("planted.a_not_twelve is not kept", done.stderr)
        registers = (self.directory / "formal" / "planted.assert.step.txt").read_text(encoding="utf-8")
        self.assertRegex(registers, r"dut\.count_q +b -> c")
        self.run_inside("a_not_twelve: assert (\\dut.count_q != 4'd12); a_wraps: assert (\\dut.count_q <= 4'd9);")
        self.assertEqual(self.results()[1]["a_not_twelve"]["result"], "proved")

    def test_a_first_cycle_that_fails(self):
        done = self.run_inside("end a_up: assert (started_q); if (started_q) begin")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(self.results()[1]["a_up"]["result"], "failed")

    def test_a_register_that_the_block_has_not(self):
        done = self.run_inside("a_x: assert (\\dut.gone_q == 4'd9);", INSIDE.replace("wire [3:0]", "wire [3:0] \\dut.gone_q ,"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("planted: yosys:", done.stderr)

    def test_a_cover_that_cannot_be_reached(self):
        done = self.run_task("c_ten: cover (count_q == 4'd10);")
        self.assertEqual(done.returncode, 1)
        self.assertIn("not reached: planted.c_ten", done.stdout)

    def test_a_task_without_cover(self):
        done = self.run_task("")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no cover in it", done.stderr)

    def test_rtl_that_cannot_be_read(self):
        done = self.run_task("a_typo: assert (coumt_q;")
        self.assertEqual(done.returncode, 1)
        self.assertIn("planted: yosys:", done.stderr)

    def test_an_unknown_key(self):
        done = self.run_task("", "dephts = 3")
        self.assertEqual(done.returncode, 1)
        self.assertIn("task planted: unknown key dephts", done.stderr)

    def test_a_missing_file(self):
        self.run_task("")
        tasks = self.directory / "tasks.toml"
        tasks.write_text(tasks.read_text(encoding="utf-8").replace("planted.sv", "gone.sv"), encoding="utf-8")
        done = self.prove(self.directory, "--tasks", str(tasks))
        self.assertEqual(done.returncode, 1)
        self.assertIn("gone.sv", done.stderr)

    def test_an_unknown_task(self):
        done = self.run_task("", options=("--only", "nobody"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("no task nobody", done.stderr)


if __name__ == "__main__":
    unittest.main()
