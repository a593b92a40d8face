#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run the benchmark, merge its rows into build/bench/summary.json and print them beside the peer's.

usage: bench.py --build DIRECTORY [--filter REGEX] [--programs FILE] [--contract FILE] [--rounds N]

Exit status: 0 every promise measured now is kept, 1 one is missed, 2 something could not be measured.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

HEAD = ("schema", "commit", "config", "seed", "tools", "duration_s")
FIELDS = {"name", "value", "unit", "promise", "ok"}
# Counts that programs of other directories leave in a file named by an environment variable:
# kind: (variable, (row, key, unit, promise, whether the value keeps the promise)).
COUNTS = {
    "race": ("GPUDMAR_RACE_JSON", (
        ("iommu.race.offsets_swept", "offsets_swept", "offsets", 1, lambda value, promise: value >= promise),
        ("iommu.race.failures", "failures", "failures", 0, lambda value, promise: value <= promise))),
    "cyclemodel": ("GPUDMAR_CYCLEMODEL_JSON", (
        ("iommu.cyclemodel.max_difference", "max_difference", "cycles", 0,
         lambda value, promise: value <= promise),)),
}
PEERS = Path(__file__).resolve().parent / "peers.json"


class BenchError(Exception):
    """A program that did not measure what it should."""


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def check_row(row, program):
    if not isinstance(row, dict) or set(row) != FIELDS:
        raise BenchError(f"{program}: a row without exactly {sorted(FIELDS)}: {row}")
    promised = row["promise"] is not None  # null: reported without one
    if not is_number(row["value"]) or not isinstance(row["ok"], bool) or (promised and not is_number(row["promise"])):
        raise BenchError(f"{program}: {row['name']}: no number")
    if not promised and not row["ok"]:
        raise BenchError(f"{program}: {row['name']}: nothing was promised, so nothing can be missed")


def read_json(path, program):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchError(f"{program}: left no result ({error})") from error


def run_rows(program, part, options):
    """A program that writes rows with their promises itself: (head, rows)."""
    command = [program, "--out", str(part), "--filter", options.filter]
    for name in ("contract", "rounds"):
        if getattr(options, name) is not None:
            command += [f"--{name}", str(getattr(options, name))]
    part.unlink(missing_ok=True)
    status = subprocess.run(command, check=False).returncode
    if status not in (0, 1):
        raise BenchError(f"{program}: ended with status {status}")
    document = read_json(part, program)
    rows = document.get("results")
    if not isinstance(rows, list) or any(key not in document for key in HEAD):
        raise BenchError(f"{program}: its summary lacks its head or its results")
    for row in rows:
        check_row(row, program)
    if (status == 0) != all(row["ok"] for row in rows):
        raise BenchError(f"{program}: its status {status} contradicts its rows")
    return {key: document[key] for key in HEAD}, rows


def run_counts(kind, program, suffix, part, options):
    """A program that leaves counts: rows."""
    variable, specifications = COUNTS[kind]
    wanted = [s for s in specifications if re.search(options.filter, s[0] + suffix)]
    if not wanted:
        return []
    part.unlink(missing_ok=True)
    log = part.with_suffix(".log")
    with log.open("w", encoding="utf-8") as output:
        status = subprocess.run([program], env={**os.environ, variable: str(part)}, stdout=output,
                                stderr=subprocess.STDOUT, check=False).returncode
    counts = read_json(part, f"{program} (see {log})")
    rows = []
    for name, key, unit, promise, keeps in wanted:
        value = counts.get(key) if isinstance(counts, dict) else None
        if not is_number(value):
            raise BenchError(f"{program}: no count {key}")
        rows.append({"name": name + suffix, "value": value, "unit": unit, "promise": promise,
                     "ok": keeps(value, promise)})
    if status != 0 and all(row["ok"] for row in rows):
        raise BenchError(f"{program}: ended with status {status}, see {log}")
    return rows


def merge(previous, head, rows, filtered):
    """The new summary. Rows of an earlier run stay only beside a filtered run of the same commit."""
    names = [row["name"] for row in rows]
    if len(set(names)) != len(names):
        raise BenchError("a row was measured twice: " + ", ".join(sorted({n for n in names if names.count(n) > 1})))
    kept = []
    if filtered and isinstance(previous, dict) and previous.get("commit") == head["commit"]:
        kept = [row for row in previous.get("results", []) if row["name"] not in names]
    results = sorted(kept + rows, key=lambda row: order(row["name"]))
    return {**{key: head[key] for key in HEAD}, "results": results}


def order(name):
    """Pipe 0 first, then as the groups and their parts are named."""
    base, _, pipe = name.partition(".pipe")
    return pipe, [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", base)]


def number(value):
    return f"{value:.4f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def table(results, peers, measured):
    """Lines for people: what was not measured now is marked."""
    lines = [("", "value", "promise", "peer", "unit", "")]
    for row in results:
        peer = peers["rows"].get(row["name"].partition(".pipe")[0])
        lines.append((row["name"] + ("" if row["name"] in measured else " *"), number(row["value"]),
                      "" if row["promise"] is None else number(row["promise"]), f"{number(peer['value'])} ({peer['formula']})" if peer else "",
                      row["unit"], "" if row["ok"] else "MISSED"))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        cells = [line[0].ljust(widths[0]), line[1].rjust(widths[1]), line[2].rjust(widths[2]),
                 line[3].rjust(widths[3]), line[4].ljust(widths[4]), line[5]]
        yield "  ".join(cells).rstrip()
    yield ""
    yield "peer: " + peers["source"]
    yield from engines(results, peers["dma"])
    if any(row["name"] not in measured for row in results):
        yield "* of an earlier run of the same commit"


def engines(results, peers):
    """Queued copies beside those of other engines, in percent of the bound; empty when there is nothing to compare."""
    lines = [["", "this", *peers["columns"]]]
    for row in results:
        figures = peers["rows"].get(row["name"])
        if figures is not None:
            bound = peers["bounds"].get(row["name"].partition(".w")[0], 100)
            # What was measured is rounded, so a peer at its bound may come out above it.
            lines.append([row["name"], f"{row['value']:.1f}", *(f"{min(100, 100 * f / bound):.1f}" for f in figures)])
    if len(lines) == 1:
        return
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    yield ""
    yield "queued copies, translation off, % of the bound"
    for line in lines:
        yield "  ".join([line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:]))]).rstrip()
    yield ""
    yield "others: " + peers["source"]


def read_programs(path):
    programs = []
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = line.split()
        if not fields:
            continue
        if len(fields) not in (2, 3) or fields[0] not in ("rows", *COUNTS):
            raise BenchError(f"{path}: what is '{line}'?")
        programs.append((fields[0], fields[1], fields[2] if len(fields) == 3 else ""))
    return programs


def run(options):
    directory = options.build / "bench"
    directory.mkdir(parents=True, exist_ok=True)
    summary = directory / "summary.json"
    begin = time.monotonic()
    heads, rows = {}, []
    for kind, program, suffix in read_programs(options.programs or directory / "programs.txt"):
        name = Path(program).name
        if kind == "rows":
            head, found = run_rows(program, directory / f"{name}.json", options)
            heads[name] = head
        else:
            found = run_counts(kind, program, suffix, directory / f"{kind}{suffix}.json", options)
        rows += found
    if not rows:
        raise BenchError(f"no row matches '{options.filter}'")
    if not heads:
        raise BenchError("no program told the commit")
    head = dict(next(iter(heads.values())))
    if any(other["commit"] != head["commit"] for other in heads.values()):
        raise BenchError("the programs were built from different commits")
    head["config"] = {name: other["config"] for name, other in heads.items()}
    head["duration_s"] = round(time.monotonic() - begin, 3)
    try:
        previous = json.loads(summary.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        previous = None
    document = merge(previous, head, rows, bool(options.filter))
    partial = summary.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    partial.replace(summary)
    peers = json.loads(PEERS.read_text(encoding="utf-8"))
    measured = {row["name"] for row in rows}
    print("\n".join(table(document["results"], peers, measured)))
    missed = [row["name"] for row in rows if not row["ok"]]
    print(f"{len(rows)} measured, {len(missed)} missed" + (": " + ", ".join(missed) if missed else ""))
    return 1 if missed else 0


def main(argv):
    parser = argparse.ArgumentParser(description="run the benchmark")
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--filter", default="")
    parser.add_argument("--programs", type=Path)
    parser.add_argument("--contract", type=Path)
    parser.add_argument("--rounds", type=int)
    options = parser.parse_args(argv)
    try:
        re.compile(options.filter)
        return run(options)
    except (BenchError, re.error, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
