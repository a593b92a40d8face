# SPDX-License-Identifier: Apache-2.0
"""One step of induction over an AIGER model, all its assertions together, by cadical, or z3's SAT solver without it.

What is proved holds in the first cycle, and in every cycle behind one in which all assertions hold.
"""
import re
import shutil
import subprocess
from pathlib import Path

SOLVER = ["cadical", "-q"] if shutil.which("cadical") else ["z3", "-dimacs"]


class Model:
    """A binary AIGER file: literal 2n is variable n, 2n + 1 its opposite, 0 false."""

    def __init__(self, path):
        with open(path, "rb") as file:
            numbers = [int(word) for word in file.readline().split()[1:]]
            _, self.inputs, latches, outputs, ands = numbers[:5]
            bad, constraints = (numbers[5:] + [0, 0])[:2]
            words = [[int(word) for word in file.readline().split()] for _ in range(latches)]
            self.next = [word[0] for word in words]
            self.reset = [word[1] if len(word) > 1 else 0 for word in words]
            for _ in range(outputs):
                file.readline()
            self.bad = [int(file.readline()) for _ in range(bad)]
            self.constraints = [int(file.readline()) for _ in range(constraints)]
            data = iter(file.read())
        self.first_and = self.inputs + latches + 1
        self.size = self.first_and + ands
        self.ands = []
        for left in range(2 * self.first_and, 2 * self.size, 2):
            right = left - self.delta(data)
            self.ands.append((right, right - self.delta(data)))

    @staticmethod
    def delta(data):
        value = shift = 0
        for byte in data:
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
        raise ValueError("the AIGER file ends early")

    def cone(self, roots):
        """Every variable that the literals depend on in their cycle."""
        found, waiting = set(), [root >> 1 for root in roots]
        while waiting:
            variable = waiting.pop()
            if variable not in found and variable:
                found.add(variable)
                if variable >= self.first_and:
                    waiting += [literal >> 1 for literal in self.ands[variable - self.first_and]]
        return found

    def is_latch(self, variable):
        return self.inputs < variable < self.first_and

    def lit(self, literal, cycle):
        """As DIMACS has it; its variable 1 is true."""
        variable = literal >> 1
        if not variable:
            return 1 if literal & 1 else -1
        number = 1 + cycle * self.size + variable
        return -number if literal & 1 else number

    def logic(self, cone, cycle):
        """Clauses of the gates in the cone, and of the assumptions."""
        clauses = [[self.lit(literal, cycle)] for literal in self.constraints]
        for variable in cone:
            if variable >= self.first_and:
                out = self.lit(2 * variable, cycle)
                one, two = (self.lit(literal, cycle) for literal in self.ands[variable - self.first_and])
                clauses += [[-out, one], [-out, two], [out, -one, -two]]
        return clauses

    def base(self, wanted):
        """Clauses that can be satisfied when one of the assertions fails in the first cycle."""
        cone = self.cone(self.bad + self.constraints)
        clauses = [[1]] + self.logic(cone, 0) + [[self.lit(self.bad[k], 0) for k in wanted]]
        for variable in filter(self.is_latch, cone):
            reset = self.reset[variable - self.inputs - 1]
            if reset < 2:
                clauses.append([self.lit(2 * variable, 0) * (1 if reset else -1)])
        return clauses

    def step(self, wanted):
        """Clauses that can be satisfied when one of the assertions fails behind a cycle in which all hold."""
        second = self.cone([self.bad[k] for k in wanted] + self.constraints)
        latches = [variable for variable in second if self.is_latch(variable)]
        first = self.cone(self.bad + self.constraints + [self.next[v - self.inputs - 1] for v in latches])
        clauses = [[1]] + self.logic(first, 0) + self.logic(second, 1) + [[-self.lit(b, 0)] for b in self.bad]
        for variable in latches:
            now, before = self.lit(2 * variable, 1), self.lit(self.next[variable - self.inputs - 1], 0)
            clauses += [[-now, before], [now, -before]]
        return clauses + [[self.lit(self.bad[k], 1) for k in wanted]]


def solve(clauses, variables, path, seconds):
    """None when they cannot be satisfied, else the true variables; subprocess.TimeoutExpired."""
    path.write_text(f"p cnf {variables} {len(clauses)}\n" +
                    "".join(" ".join(map(str, clause)) + " 0\n" for clause in clauses), encoding="ascii")
    output = subprocess.run([*SOLVER, str(path)], capture_output=True, text=True, timeout=seconds,
                            check=False).stdout
    path.unlink()
    if output.startswith("s UNSAT"):
        return None
    if not output.startswith("s SAT"):
        raise ValueError(f"{SOLVER[0]} says {output[:80]!r}")
    return {int(word) for line in output.splitlines() if line.startswith("v") for word in line.split()[1:]}


def show(model, stem, true, path):
    """Write the registers of both cycles."""
    words = {}
    for line in Path(f"{stem}.aim").read_text(encoding="utf-8").splitlines():
        found = re.match(r"(inv)?latch (\d+) (\d+) (\S+)$", line)
        if found:
            literal = 2 * (model.inputs + 1 + int(found[2])) + (found[1] is not None)
            words.setdefault(found[4], {})[int(found[3])] = literal
    with open(path, "w", encoding="utf-8") as file:
        for name in sorted(words):
            values = [sum((model.lit(literal, cycle) in true) << bit for bit, literal in words[name].items())
                      for cycle in (0, 1)]
            file.write(f"{name:60} {values[0]:x} -> {values[1]:x}\n")


def prove(stem, seconds, group=4):
    """({number of an assertion that is not kept}, {number of one undecided}), registers of the first failure in
    <stem>.step.txt."""
    model = Model(f"{stem}.aig")
    numbers = list(range(len(model.bad)))
    wrong, late = set(), set()
    queries = [(model.base, numbers)] + [(model.step, numbers[k:k + group]) for k in range(0, len(numbers), group)]
    while queries:
        query, wanted = queries.pop(0)
        try:
            true = solve(query(wanted), 2 * model.size + 1, Path(f"{stem}.cnf"), seconds)
        except subprocess.TimeoutExpired:
            late.update(wanted)
            continue
        if true is None:
            continue
        cycle = 0 if query == model.base else 1
        failed = [k for k in wanted if model.lit(model.bad[k], cycle) in true]
        if not wrong:
            show(model, stem, true, Path(f"{stem}.step.txt"))
        wrong.update(failed)
        rest = [k for k in wanted if k not in failed]
        if rest:
            queries.insert(0, (query, rest))
    return wrong, late
