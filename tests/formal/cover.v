// SPDX-License-Identifier: Apache-2.0
// yosys techmap: a cover becomes an assertion that it never happens, so that a model checker which refutes it has
// reached it.
module \$cover (input A, input EN);
  \$assert _TECHMAP_REPLACE_ (.A(!A), .EN(EN));
endmodule
