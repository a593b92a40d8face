# SPDX-License-Identifier: Apache-2.0
"""What a run of yosys and nextpnr-ecp5 says: area, clock, area by block, the worst paths by hierarchical name, and how
that stands to the accepted baseline."""
import re

# What a cell of the mapped netlist takes: LUT, flip-flop, block RAM.
COST = {"LUT4": ("lut", 1), "CCU2C": ("lut", 2), "TRELLIS_DPR16X4": ("lut", 4), "TRELLIS_FF": ("ff", 1),
        "DP16KD": ("bram", 1), "PDPW16KD": ("bram", 1)}
# yosys names a cell after the signal that it drives, or that it is on the way to or from.
MADE_UP = re.compile(r"_(?:LUT4|PFUMX|L6MUX21|CCU2C|TRELLIS_FF|TRELLIS_DPR16X4|DP16KD|PDPW16KD|INV|MULT18X18D)_.*$|\$.*$")
SLACK = 0.05
HARNESS = "harness"


class ReportError(Exception):
    """A report that lacks what it must have."""


def signal_of(cell):
    """The signal that a cell of the netlist is named after."""
    return MADE_UP.sub("", cell)


class Names:
    """Where signals belong. A wire between blocks has a name in each; it belongs to the innermost that drives it."""

    def __init__(self, module, dut, prefix):
        self.dut, self.prefix, self.best, self.driven = dut, prefix, {}, {}
        by_bit = {}
        own = {name: net["bits"] for name, net in module["netnames"].items() if not MADE_UP.search(name)}
        for name, bits in own.items():
            if name.startswith(dut + ".") and not name.endswith(("_i", "_ni")):
                for bit in bits:
                    if bit not in by_bit or name.count(".") > by_bit[bit].count("."):
                        by_bit[bit] = name
        # A signal of which another block drives every bit.
        for name, bits in own.items():
            drivers = {by_bit.get(bit, name) for bit in bits}
            self.best[name] = drivers.pop() if len(drivers) == 1 else name
        for cell, body in module["cells"].items():
            for port, bits in body.get("connections", {}).items():
                if body["port_directions"][port] == "output" and bits and bits[0] in by_bit:
                    self.driven[cell] = by_bit[bits[0]]

    def signal(self, cell):
        name = signal_of(cell)
        return self.driven.get(cell) or self.best.get(name, name)

    def block(self, cell):
        """("iommu", "read_lane"): the instances above the cell; the harness for what is not in the design."""
        parts = self.signal(cell).split(".")
        if parts[0] != self.dut:
            return (HARNESS,)
        blocks, index = [], ""
        for part in parts[1:-1]:
            loop = re.fullmatch(r"gen_\w+?(\[\d+\])?", part)
            if loop:
                index += loop[1] or ""
            elif re.match(r"[iu]_", part):
                blocks.append(part[2:] + index)
                index = ""
            else:
                break  # a memory; its cells have numbers behind it
        return (*self.prefix, *blocks) or ("top",)

    def path(self, cell):
        """A name for people: iommu/read_lane.a_addr_q."""
        return "/".join(self.block(cell)) + "." + self.signal(cell).rsplit(".", 1)[-1]


def area_by_block(module, names, depth=3):
    """{block: {"lut", "ff", "bram"}}, each with what is in it, down to a depth."""
    blocks = {}
    for cell, body in module["cells"].items():
        kind, cost = COST.get(body["type"], (None, 0))
        if kind is None:
            continue
        path = names.block(cell)
        for level in range(1, min(len(path), depth) + 1):
            area = blocks.setdefault("/".join(path[:level]), {"lut": 0, "ff": 0, "bram": 0})
            area[kind] += cost
    return dict(sorted(blocks.items()))


def totals(report):
    """{"lut", "ff", "bram", "fmax_mhz"} of nextpnr's report."""
    try:
        used = {kind: report["utilization"][name]["used"]
                for kind, name in (("lut", "TRELLIS_COMB"), ("ff", "TRELLIS_FF"), ("bram", "DP16KD"))}
        clocks = [clock["achieved"] for clock in report["fmax"].values()]
    except (KeyError, TypeError) as error:
        raise ReportError(f"no {error} in the report of nextpnr") from error
    if len(clocks) != 1:
        raise ReportError(f"{len(clocks)} clocks in the report of nextpnr, not one")
    return {**used, "fmax_mhz": round(clocks[0], 2)}


def compare(measured, accepted):
    """What is worse than accepted by more than the slack, in words."""
    wrong = []
    for key in ("lut", "ff", "bram"):
        if measured[key] > accepted[key] * (1 + SLACK):
            wrong.append(f"{key} {measured[key]}, accepted {accepted[key]} + {SLACK:.0%}")
    if measured["fmax_mhz"] < accepted["fmax_mhz"] * (1 - SLACK):
        wrong.append(f"{measured['fmax_mhz']:.1f} MHz, accepted {accepted['fmax_mhz']:.1f} - {SLACK:.0%}")
    return wrong


def text(run, blocks=True):
    """The short table of one run."""
    lines = [f"{run['config']} on {run['part']}: {run['fmax_mhz']:.1f} MHz, {run['lut']} LUT, {run['ff']} FF, "
             f"{run['bram']} block RAM"]
    if blocks:
        lines += [f"  {'block':42} {'LUT':>7} {'FF':>7} {'RAM':>5}"]
        lines += [f"  {name:42} {area['lut']:7} {area['ff']:7} {area['bram']:5}" for name, area in run["blocks"].items()
                  if name.count("/") < 2]
    lines += ["  worst paths:"] + [f"  {path['ns']:6.2f} ns, {path['levels']:2} cells  {path['from']} -> {path['to']}"
                                   for path in run["paths"]]
    return "\n".join(lines)
