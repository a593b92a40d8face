# SPDX-License-Identifier: Apache-2.0
"""From counts to numbers: waivers, the table, what genhtml reads, and the comparison with the baseline."""
import json
import tomllib
from pathlib import Path

SLACK = 0.2  # percent
NUMBERS = ("rtl_line", "rtl_toggle", "rtl_user", "cpp_line")


class FigureError(Exception):
    """Waivers or figures that do not fit, with the reason."""


def load_waivers(path):
    waivers = tomllib.loads(path.read_text(encoding="utf-8")).get("waiver", [])
    for waiver in waivers:
        if waiver.keys() != {"file", "kind", "text", "reason"} or waiver["kind"] not in ("line", "toggle", "user"):
            raise FigureError(f"{path.name}: {waiver.get('file', '?')}: file, kind (line, toggle, user), text and reason "
                              "are wanted")
        if not all(waiver.values()):
            raise FigureError(f"{path.name}: {waiver['file']}: an empty entry")
    return waivers


def covers(waiver, kind, text):
    """Whether a waiver is about what was not met: a line by a part of it, a point or signal by its name."""
    if waiver["kind"] != kind:
        return False
    return waiver["text"] in text if kind == "line" else text.partition("[")[0] == waiver["text"]


def waive(missed, waivers, whole=True):
    """(what is left of [(kind, file, line, text)], what was waived). A waiver that waives nothing is an error, unless
    only a part was run."""
    left, waived, used = [], [], set()
    for kind, file, line, text in missed:
        hits = [n for n, waiver in enumerate(waivers) if waiver["file"] == file and covers(waiver, kind, text)]
        used.update(hits)
        (waived if hits else left).append((kind, file, line, text))
    for number, waiver in enumerate(waivers):
        if whole and number not in used:
            raise FigureError(f"a waiver of {waiver['file']} waives nothing: {waiver['kind']} {waiver['text']!r}")
    return left, waived


class Part:
    """What one number counts: {(file, line, text): count}."""

    def __init__(self, kind, counts):
        self.kind, self.counts, self.waived = kind, counts, set()

    def missed(self):
        return [(self.kind, *key) for key, count in sorted(self.counts.items()) if not count]

    def without(self, waived):
        self.waived = {entry[1:] for entry in waived if entry[0] == self.kind}

    def judged(self, file=None):
        return [count for key, count in self.counts.items() if key not in self.waived and file in (None, key[0])]

    def percent(self, file=None):
        judged = self.judged(file)
        return round(100 * sum(count > 0 for count in judged) / len(judged), 2) if judged else None

    def files(self):
        return sorted({key[0] for key in self.counts})


def with_text(lines, root):
    """{file: {line: count}} as {(file, line, text): count}, with the line itself as its text."""
    counts = {}
    for file, here in lines.items():
        source = (root / file).read_text(encoding="utf-8").splitlines()
        for line, count in here.items():
            if line > len(source):
                raise FigureError(f"{file} has no line {line}: the counts are of another version")
            counts[file, line, source[line - 1].strip()] = count
    return counts


def table(parts, most=12):
    """The files with the most that was not met, all numbers of each."""
    names = list(parts)
    files = sorted({file for part in parts.values() for file in part.files()})
    holes = {file: sum(not count for part in parts.values() for count in part.judged(file)) for file in files}
    rows = [f"{'file':52}" + "".join(f" {name:>14}" for name in names)]
    for file in sorted(files, key=lambda f: (-holes[f], f))[:most]:
        if not holes[file]:
            break
        cells = []
        for part in parts.values():
            judged = part.judged(file)
            cells.append(f" {sum(count > 0 for count in judged):>6} of {len(judged):<4}" if judged else " " * 15)
        rows.append(f"{file:52}" + "".join(cells))
    return "\n".join(rows)


def info(part, root):
    """What genhtml reads. A line with several entries has the least of their counts; waived ones are left out."""
    out = []
    for file in part.files():
        lines = {}
        for (name, line, text), count in part.counts.items():
            if name == file and (name, line, text) not in part.waived:
                lines[line] = min(lines.get(line, count), count)
        out += [f"SF:{root / file}", *(f"DA:{line},{count}" for line, count in sorted(lines.items())),
                f"LF:{len(lines)}", f"LH:{sum(count > 0 for count in lines.values())}", "end_of_record"]
    return "\n".join(out) + "\n"


def worse(measured, path):
    """What is less than the baseline by more than the slack, in words."""
    accepted = tomllib.loads(path.read_text(encoding="utf-8"))
    unknown = accepted.keys() - set(NUMBERS)
    if unknown:
        raise FigureError(f"{path.name}: {', '.join(sorted(unknown))}: no such number")
    return [f"{name} {measured[name]} %, accepted {least} %" for name, least in accepted.items()
            if measured.get(name) is not None and measured[name] < least - SLACK]


def accept(measured, path):
    """The measured figures are the new baseline; those that were not measured stay."""
    accepted = tomllib.loads(path.read_text(encoding="utf-8"))
    accepted.update({name: measured[name] for name in NUMBERS if measured.get(name) is not None})
    head = [row for row in path.read_text(encoding="utf-8").splitlines() if row.startswith("#")]
    path.write_text("\n".join([*head, *(f"{name} = {accepted[name]}" for name in NUMBERS if name in accepted)]) + "\n",
                    encoding="utf-8")


def write(path, content):
    """A file in one step; what is not text becomes JSON."""
    text = content if isinstance(content, str) else json.dumps(content, indent=1) + "\n"
    partial = Path(f"{path}.new")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
