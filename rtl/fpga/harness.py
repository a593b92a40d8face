# SPDX-License-Identifier: Apache-2.0
"""A harness of four pins around a module with more ports than a chip has pins: a shift register feeds every input, and
another carries every output away. Both end in registers, so that only paths within the module are between them."""
import re

PORT = re.compile(r"\s*(?P<way>input|output)\s+logic\s*(?:\[(?P<high>[^\]]+):0\])?\s*(?P<name>\w+)\s*,?\s*(?://.*)?$")
PARAMETER = re.compile(r"\s*parameter\s+(?P<type>.+?)\s+(?P<name>\w+)\s*=\s*(?P<value>[^,/]+?)\s*,?\s*(?://.*)?$")
NAME = "fpga_harness"
DUT = "dut"


class HarnessError(Exception):
    """A module that no harness can be made for."""


def header(text, module):
    """([(type, name, default)], [(way, highest bit or None, name)]) of a module; expressions stay text."""
    start = text.find(f"module {module} #(")
    middle = text.find("\n) (", start)
    end = text.find("\n);", middle)
    if min(start, middle, end) < 0:
        raise HarnessError(f"no module {module} with parameters and ports")
    found = []
    for pattern, part in ((PARAMETER, text[start:middle]), (PORT, text[middle + 1:end])):
        lines = [line for line in part.split("\n")[1:] if line.strip() and not line.strip().startswith("//")]
        matches = [(pattern.match(line), line) for line in lines]
        wrong = [line.strip() for match, line in matches if not match]
        if wrong:
            raise HarnessError(f"module {module}: not understood: {wrong[0]}")
        found.append([match for match, _ in matches])
    return [(m["type"], m["name"], m["value"]) for m in found[0]], [(m["way"], m["high"], m["name"]) for m in found[1]]


def write(text, module, settings, tie, leave_open):
    """The harness as SystemVerilog. settings: {parameter: value}, tie: {input: value},
    leave_open: prefix of outputs that lead nowhere."""
    parameters, ports = header(text, module)
    unknown = settings.keys() - {name for _, name, _ in parameters}
    unknown |= tie.keys() - {name for way, _, name in ports if way == "input"}
    if unknown:
        raise HarnessError(f"module {module} has no {', '.join(sorted(unknown))}")
    if "clk_i" not in (name for _, _, name in ports):
        raise HarnessError(f"module {module} has no clk_i")
    inputs = [p for p in ports if p[0] == "input" and p[2] != "clk_i" and p[2] not in tie]
    outputs = [p for p in ports if p[0] == "output" and not (leave_open and p[2].startswith(leave_open))]
    out = [f"// Written by rtl/fpga/harness.py around {module}.", f"module {NAME} (",
           "    input  logic clk_i,", "    input  logic serial_i,", "    input  logic load_i,",
           "    output logic serial_o", ");"]
    # Derived parameters follow from the others; so in the harness, where the ranges of the ports name them.
    out += [f"  localparam {kind} {name} = {settings.get(name, value)};" for kind, name, value in parameters]
    for way, high, name in ports:
        if name != "clk_i":
            out.append(f"  logic {f'[{high}:0] ' if high else ''}{name};")

    def width(ports):
        return " + ".join(f"(({high}) + 1)" if high else "1" for _, high, _ in ports)

    out += [f"  localparam int unsigned InBits = {width(inputs)};", f"  localparam int unsigned OutBits = {width(outputs)};",
            "  logic [InBits-1:0] in_q;", "  logic [OutBits-1:0] out_q, shift_q;", "  logic load_q;",
            f"  assign {{{', '.join(name for _, _, name in inputs)}}} = in_q;"]
    out += [f"  assign {name} = {value};" for name, value in sorted(tie.items())]
    out += ["  always_ff @(posedge clk_i) begin", "    in_q <= {in_q[InBits-2:0], serial_i};", "    load_q <= load_i;",
            f"    out_q <= {{{', '.join(name for _, _, name in outputs)}}};",
            "    shift_q <= load_q ? out_q : {shift_q[OutBits-2:0], 1'b0};", "  end",
            "  assign serial_o = shift_q[OutBits-1];",
            f"  {module} #(", ",\n".join(f"      .{name}({settings[name]})" for name in settings), f"  ) {DUT} (.*);",
            "endmodule"]
    return "\n".join(out) + "\n"
