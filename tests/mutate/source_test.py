# SPDX-License-Identifier: Apache-2.0
"""What is found in a module, and what is left alone."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import source

HEAD = "module m #(parameter int W = 4) (input logic clk_i, output logic [W-1:0] q_o);\n"


def variants(body):
    """{(what stood there, kind, what stands there instead)}"""
    text = HEAD + body + "\nendmodule\n"
    return {(source.squeeze(text[s.start:s.end]), v.kind, source.squeeze(v.text)) for s in source.sites("m.sv", text)
            for v in s.variants}


class SourceTest(unittest.TestCase):
    def test_binary_operators_are_swapped_and_lose_operands(self):
        found = variants("assign a = b & c;")
        self.assertIn(("b & c", "operator", "(b) | (c)"), found)
        self.assertIn(("b & c", "operand", "(b)"), found)
        self.assertIn(("b & c", "operand", "(c)"), found)
        self.assertIn(("x < y", "operator", "(x) >= (y)"), variants("assign a = x < y;"))

    def test_what_the_preprocessor_leaves_out(self):
        found = variants("""
`ifdef VERILATOR
assign a = b & c;
`elsif FORMAL
assign a = d & e;
`else
assign a = f & g;
`endif
`ifndef VERILATOR
assign h = i & j;
`endif
assign k = l & m;""")
        self.assertEqual({what for what, kind, _ in found if kind == "operator"}, {"b & c", "l & m"})

    def test_binding(self):
        # The comparison binds more tightly than the conjunction, which takes it whole.
        found = variants("assign a = b == c & d;")
        self.assertIn(("b == c & d", "operand", "(b == c)"), found)
        self.assertIn(("b == c", "operator", "(b) != (c)"), found)

    def test_left_to_right(self):
        self.assertIn(("a - b - c", "operator", "(a - b) + (c)"), variants("assign x = a - b - c;"))

    def test_ternary(self):
        found = variants("assign a = s ? x : y;")
        self.assertIn(("s ? x : y", "negation", "(s) ? (y) : (x)"), found)
        self.assertIn(("s ? x : y", "condition", "(y)"), found)

    def test_constants(self):
        self.assertIn(("2'd3", "constant", "2'd0"), variants("assign a = 2'd3;"))
        self.assertIn(("'0", "constant", "'1"), variants("assign a = '0;"))

    def test_stuck(self):
        found = variants("assign a = b;")
        self.assertEqual(found, {("b", "stuck", "((b) >> 1) << 1"), ("b", "stuck", "(b) | 1'b1")})

    def test_a_number_is_not_stuck_at_itself(self):
        for number, stuck in (("1'b0", "(1'b0) | 1'b1"), ("'0", "('0) | 1'b1"), ("4'd3", "((4'd3) >> 1) << 1"), ("8'hfe", "(8'hfe) | 1'b1")):
            self.assertEqual({text for _, kind, text in variants(f"assign a = {number};") if kind == "stuck"}, {stuck})

    def test_dropped_assignments(self):
        found = variants("always_ff @(posedge clk_i) if (!rst_ni) q <= '0; else q <= d;")
        self.assertIn(("q <= '0;", "reset", ""), found)
        self.assertIn(("q <= d;", "assignment", ""), found)
        self.assertIn(("!rst_ni", "negation", "!(!rst_ni)"), found)

    def test_no_latch_is_made(self):
        # Only what has a value already may lose a combinational assignment.
        found = variants("always_comb begin a = b; if (c) a = d; if (c) e = f; else e = g; for (int i = 0; i < W; i++) h[i] = k[i]; end")
        dropped = {what for what, kind, _ in found if kind == "assignment"}
        self.assertEqual(dropped, {"a = d;"})

    def test_what_elaboration_needs_stays(self):
        text = """
  localparam int unsigned N = W + 1;
  logic [N-1:0] v[W - 1];
  if (W > 3) begin : gen_x
    for (genvar i = 0; i < W + 2; i++) begin : gen_y
      thing #(.Depth(W * 2)) i_thing (.clk_i, .a_i(v[i+1]), .b_o(w[i-1]));
    end
  end
  initial_t x;
"""
        self.assertEqual(variants(text), set())

    def test_indices_widths_and_counts_stay(self):
        found = variants("assign a = {x[W+1:2'd1], {(W - 1){b}}, (W+1)'(c), 4'(d)};")
        self.assertEqual({kind for _, kind, _ in found}, {"stuck"})

    def test_inputs_of_instances(self):
        found = variants("thing i_thing (.clk_i, .push_i(a & b), .full_o(c), .data_o({d, e}), .pop_i());")
        self.assertEqual({what for what, _, _ in found}, {"a & b"})

    def test_assertions_stay(self):
        text = """
  always_ff @(posedge clk_i) begin
    if (rst_ni && x) begin
      a_one: assert (!(b & c));
      if (d == 2'd1) a_two : assert (e);
    end
  end
`ifdef VERILATOR
  always_ff @(posedge clk_i) a_three: assert (f | g);
`endif
"""
        self.assertEqual(variants(text), set())

    def test_cases(self):
        found = variants("always_ff @(posedge clk_i) case (s) 2'd1, 2'd2: begin a <= b; end default: if (c) a <= '0; endcase")
        self.assertEqual({what for what, kind, _ in found if kind == "assignment"}, {"a <= b;", "a <= '0;"})
        self.assertFalse(any(what.startswith("2'd") for what, _, _ in found))

    def test_functions(self):
        found = variants("function automatic logic f(input logic a); f = a & W > 1; endfunction")
        self.assertIn(("a & W > 1", "operand", "(a)"), found)

    def test_keys_do_not_depend_on_the_lines_above(self):
        body = "assign a = b & c;\nassign d = b & c;"
        keys = [v.key for s in source.sites("m.sv", HEAD + body + "endmodule") for v in s.variants]
        self.assertEqual(len(keys), len(set(keys)))
        moved = [v.key for s in source.sites("m.sv", HEAD + "// more\nassign z = y;\n" + body + "endmodule")
                 for v in s.variants]
        self.assertTrue(set(keys) <= set(moved))

    def test_what_it_cannot_read_is_refused_with_the_line(self):
        with self.assertRaisesRegex(source.SourceError, "m.sv:2: "):
            source.sites("m.sv", HEAD + "assign a = b @ c;\nendmodule")
        with self.assertRaises(source.SourceError):
            source.sites("m.sv", HEAD + "always_comb a b;\nendmodule")


class SelectTest(unittest.TestCase):
    TEXT = HEAD + "always_ff @(posedge clk_i) if (s) a <= b & (c | d); else e <= f;\nendmodule\n"

    def pick(self, what, kind):
        for site in source.sites("m.sv", self.TEXT):
            for variant in site.variants:
                if source.squeeze(self.TEXT[site.start:site.end]) == what and variant.kind == kind:
                    return site, variant
        self.fail(f"no {kind} of {what}")

    def test_one_alone(self):
        self.assertIn("a <= b & (c | d)", source.apply(self.TEXT, *self.pick("s", "negation")))
        self.assertIn("if ((!(s))) a", source.apply(self.TEXT, *self.pick("s", "negation")))
        self.assertIn("if (s) begin end else", source.apply(self.TEXT, *self.pick("a <= b & (c | d);", "assignment")))

    def test_nested_ones_each_behind_its_number(self):
        text = source.select(self.TEXT, [(1, *self.pick("c | d", "operator")), (2, *self.pick("b & (c | d)", "operand")),
                                         (3, *self.pick("a <= b & (c | d);", "assignment"))])
        self.assertIn("if (s) begin if (mutant_pkg::id != 32'd3) a <= (mutant_pkg::id == 32'd2 ? ((b)) : "
                      "(b & ((mutant_pkg::id == 32'd1 ? ((c) & (d)) : (c | d))))); end else e <= f;", text)

    def test_without_any_it_is_the_original(self):
        self.assertEqual(source.select(self.TEXT, []), self.TEXT)


if __name__ == "__main__":
    unittest.main()
