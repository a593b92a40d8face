# SPDX-License-Identifier: Apache-2.0
"""Reads what Verilator and gcov counted, and says of every line, point and signal how often it was met."""
import json
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

POINT = re.compile(r"\s*(c_\w+)\s*:\s*cover\b")
KINDS = ("line", "branch", "toggle", "user")


class CountError(Exception):
    """Counts that cannot be read, with the reason."""


@dataclass
class Point:
    """One thing that Verilator counts, over all instances and models that have it."""
    file: str
    line: int
    kind: str
    name: str
    lines: set = field(default_factory=set)  # what runs when it is met
    count: int = 0


def numbers(text):
    """"4-6,9" as {4, 5, 6, 9}."""
    found = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def points(text, root):
    """The points of a file of Verilator's counts that stand under `root`."""
    found = {}
    for number, row in enumerate(text.splitlines(), 1):
        if row.startswith("#"):
            continue
        match = re.fullmatch(r"C '(.*)' (\d+)", row)
        if not match:
            raise CountError(f"line {number} of the counts: {row[:80]!r}")
        fields = dict(part.split("\x02", 1) for part in match[1].split("\x01") if part)
        kind = fields.get("page", "").partition("/")[0].removeprefix("v_")
        if kind not in KINDS or not {"f", "l", "o"} <= fields.keys():
            raise CountError(f"line {number} of the counts: {row[:80]!r}")
        path = os.path.normpath(os.path.join(root, fields["f"]))
        if not path.startswith(f"{root}/"):
            continue
        file = path[len(str(root)) + 1:]
        key = (file, fields["l"], fields.get("n"), kind, fields["o"])
        point = found.setdefault(key, Point(file, int(fields["l"]), kind, fields["o"]))
        point.lines |= numbers(fields.get("S", ""))
        point.count += int(match[2])
    return list(found.values())


def rtl_lines(found):
    """{file: {line: count}}: a line has run when all that begins on it or holds it has."""
    lines = {}
    for point in found:
        if point.kind in ("line", "branch") and point.file.startswith("rtl/"):
            here = lines.setdefault(point.file, {})
            for line in point.lines:
                here[line] = min(here.get(line, point.count), point.count)
    return lines


def branches(found):
    """(taken, all): both sides of every if."""
    counts = [point.count for point in found if point.kind == "branch" and point.file.startswith("rtl/")]
    return sum(count > 0 for count in counts), len(counts)


def toggles(found):
    """{(file, line, signal): count} of every bit."""
    return {(point.file, point.line, point.name): point.count for point in found
            if point.kind == "toggle" and point.file.startswith("rtl/")}


def declared(path):
    """{label: line} of the points that a source has."""
    labels = {}
    for number, row in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = POINT.match(row)
        if match and labels.setdefault(match[1], number) != number:
            raise CountError(f"{path}:{number}: {match[1]} stands twice")
    return labels


def user(found, root, directory="tests/coverage/points"):
    """{(file, line, label): count}. A point that no model has was not met."""
    met, counts = {}, {}
    for point in found:
        if point.kind == "user":
            met[point.file, point.name] = met.get((point.file, point.name), 0) + point.count
    for path in sorted((root / directory).glob("*.sv")):
        file = f"{directory}/{path.name}"
        for label, line in declared(path).items():
            counts[file, line, label] = met.get((file, label), 0)
    return counts


def cpp_lines(text, root, under=("sim/", "driver-model/")):
    """{file: {line: count}} of gcov's JSON, an object a line."""
    lines = {}
    for row in filter(None, text.splitlines()):
        unit = json.loads(row)
        for entry in unit["files"]:
            path = os.path.normpath(os.path.join(unit["current_working_directory"], entry["file"]))
            file = path[len(str(root)) + 1:] if path.startswith(f"{root}/") else ""
            if not file.startswith(under):
                continue
            here = lines.setdefault(file, {})
            for line in entry["lines"]:
                here[line["line_number"]] = here.get(line["line_number"], 0) + line["count"]
    return lines


def gcov(tree, root):
    """gcov's JSON of every object of a build, also of those that never ran."""
    notes = sorted(path for path in Path(tree).rglob("*.gcno"))
    if not notes:
        raise CountError(f"no object in {tree} counts its lines")
    out = []
    for first in range(0, len(notes), 32):
        some = [str(data if (data := note.with_suffix(".gcda")).exists() else note) for note in notes[first:first + 32]]
        done = subprocess.run(["gcov", "--json-format", "--stdout", "--relative-only", "--source-prefix", str(root), *some],
                              cwd=tree, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CountError(f"gcov: {done.stderr.strip()[-300:]}")
        out.append(done.stdout)
    return "".join(out)
