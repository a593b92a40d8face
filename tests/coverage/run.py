#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Count what the tests reach: run.py BUILD [--kind line,toggle] [--only REGEX] [--jobs N] [--accept]

Builds the programs of programs.toml with counters, in BUILD/coverage/line (lines and points of the RTL, lines of the C++)
and BUILD/coverage/toggle (every bit of the RTL), runs them, and writes what was met to BUILD/coverage: summary.json,
missed.txt and html-*/index.html. What is less than baseline.toml fails; --accept writes the figures there instead.
--only: these programs of the list, nothing is compared. docs/coverage.md says more.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import counts
import figures

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BASELINE = HERE / "baseline.toml"
TOOLS = ("cmake", "ninja", "ctest", "verilator_coverage", "gcov", "genhtml")


class RunError(Exception):
    """A step that failed, with the reason."""


def load_programs(path=HERE / "programs.toml"):
    programs = tomllib.loads(path.read_text(encoding="utf-8")).get("program", [])
    for program in programs:
        wrong = program.keys() - {"name", "models", "toggle"}
        if wrong or not {"name", "models"} <= program.keys():
            raise RunError(f"{path.name}: program {program.get('name', '?')}: unknown or missing key")
    return programs


def step(command, log, what, allow=0):
    """Runs a command, its output behind that of others."""
    with open(log, "a", encoding="utf-8") as sink:
        sink.write(f"$ {' '.join(map(str, command))}\n")
        sink.flush()
        status = subprocess.run(command, stdout=sink, stderr=subprocess.STDOUT, check=False).returncode
    if status not in (0, allow):
        raise RunError(f"{what} failed (see {log})")
    return status


def labelled(tree, label):
    """The tests that carry a label."""
    done = subprocess.run(["ctest", "--test-dir", str(tree), "-L", f"^{label}$", "--show-only=json-v1"],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise RunError(f"ctest: {done.stderr.strip()}")
    return [test["name"] for test in json.loads(done.stdout)["tests"]]


def build(tree, kind, programs, everything, log, jobs):
    """The programs with their counters; the names of the tests."""
    models = sorted({model for program in programs for model in program["models"]})
    step(["cmake", "-G", "Ninja", "-S", ROOT, "-B", tree, "--log-level=NOTICE", "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
          f"-DGPUDMAR_COVERAGE={kind}", f"-DGPUDMAR_CHOSEN_MODELS={';'.join(models)}"], log, "configuring")
    names = [program["name"] for program in programs]
    smoke = labelled(tree, "smoke") if kind == "line" and programs == everything else []
    targets = names + (["smoke_programs"] if smoke else [])
    step(["ninja", "-C", tree, f"-j{jobs}", *targets], log, "the build")
    return sorted({*names, *smoke})


def run(tree, names, log, jobs):
    """Runs the tests; a file of Verilator's counts, and whether a test failed."""
    data = tree / "counts"
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir()
    for old in tree.rglob("*.gcda"):
        old.unlink()
    os.environ["GPUDMAR_COVERAGE_DIR"] = str(data)
    (tree / "test" / "xml").mkdir(parents=True, exist_ok=True)
    wanted = "^(" + "|".join(map(re.escape, names)) + ")$"
    failed = step(["ctest", "--test-dir", tree, f"-j{jobs}", "-R", wanted, "--no-tests=error", "--output-on-failure"], log,
                  "ctest", allow=8)
    merged = tree / "merged.dat"
    files = sorted(data.iterdir())
    if not files:
        raise RunError("no program counted anything")
    step(["verilator_coverage", "--write", merged, *files], log, "merging")
    return merged, failed != 0


def measure(tree, kind, merged):
    """{number: Part} of one build."""
    found = counts.points(merged.read_text(encoding="utf-8"), ROOT)
    if kind == "toggle":
        return {"rtl_toggle": figures.Part("toggle", counts.toggles(found))}, {}
    taken, sides = counts.branches(found)
    lines = counts.rtl_lines(found)
    parts = {"rtl_line": figures.Part("line", figures.with_text(lines, ROOT)),
             "rtl_user": figures.Part("user", counts.user(found, ROOT)),
             "cpp_line": figures.Part("line", figures.with_text(counts.cpp_lines(counts.gcov(tree, ROOT), ROOT), ROOT))}
    rtl = [path for where in ("rtl", "rtl/iommu", "rtl/dma", "rtl/lib") for path in (ROOT / where).glob("*.sv")]
    cpp = [path for where in ("sim", "driver-model") for path in (ROOT / where).rglob("*.cpp")]
    # What no chosen program builds has no lines that could be missed: it is told apart.
    absent = {"rtl": names(p for p in rtl if "always" in p.read_text(encoding="utf-8") and rel(p) not in lines),
              "cpp": names(p for p in cpp if rel(p) not in parts["cpp_line"].files())}
    return parts, {"rtl_branch": round(100 * taken / sides, 2) if sides else None, "absent": absent}


def rel(path):
    return str(path.relative_to(ROOT))


def names(paths):
    return sorted(map(rel, paths))


def judge(parts, whole, kinds):
    """Waives; what is left, and how much was waived."""
    waivers = [w for w in figures.load_waivers(HERE / "waivers.toml") if w["kind"] == "toggle" and "toggle" in kinds
               or w["kind"] != "toggle" and "line" in kinds]
    missed = [entry for part in parts.values() for entry in part.missed()]
    left, waived = figures.waive(missed, waivers, whole)
    for part in parts.values():
        part.without(waived)
    return left, len(waived)


def publish(out, parts, log):
    for name, part in parts.items():
        html = out / f"html-{name.replace('_', '-')}"
        shutil.rmtree(html, ignore_errors=True)
        figures.write(out / f"{name}.info", figures.info(part, ROOT))
        step(["genhtml", "--quiet", "--prefix", ROOT, "--title", name, "-o", html, out / f"{name}.info"], log, "genhtml")


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("--kind", default="line,toggle", help="line, toggle or both, by comma")
    parser.add_argument("--only", help="programs of the list whose name matches")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--accept", action="store_true", help="the measured figures are the new baseline")
    options = parser.parse_args(argv)
    kinds, started = options.kind.split(","), time.monotonic()
    if not set(kinds) <= {"line", "toggle"}:
        sys.exit(f"coverage: no kind {options.kind} (line, toggle or both)")
    absent = [tool for tool in TOOLS if not shutil.which(tool)]
    if absent:
        sys.exit(f"coverage: {', '.join(absent)} not installed: run `make deps`")
    out = options.build.resolve() / "coverage"
    out.mkdir(parents=True, exist_ok=True)
    (out / "summary.json").unlink(missing_ok=True)
    log, wrong, parts, more = out / "run.log", [], {}, {}
    log.write_text("", encoding="utf-8")
    try:
        everything = load_programs()
        whole = options.only is None
        for kind in kinds:
            listed = [p for p in everything if kind == "line" or p.get("toggle")]
            programs = [p for p in listed if whole or re.search(options.only, p["name"])]
            if not programs:
                raise RunError(f"no program like {options.only} for {kind}")
            print(f"coverage: {kind}: building {len(programs)} programs", flush=True)
            tests = build(out / kind, kind, programs, listed, log, options.jobs)
            print(f"coverage: {kind}: running {len(tests)} tests, {time.monotonic() - started:.0f} s so far", flush=True)
            merged, failed = run(out / kind, tests, log, options.jobs)
            if failed:
                wrong.append(f"tests failed in the {kind} build (see {log})")
            found, about = measure(out / kind, kind, merged)
            parts.update(found)
            more.update(about)
        left, waived = judge(parts, whole, kinds)
        publish(out, parts, log)
        summary = {name: parts[name].percent() if name in parts else None for name in figures.NUMBERS}
        summary.update(waived=waived, **more, whole=whole, seconds=round(time.monotonic() - started))
        figures.write(out / "summary.json", summary)
        figures.write(out / "missed.txt", "".join(f"{file}:{line}: {kind}: {text}\n" for kind, file, line, text in left))
        print(figures.table(parts))
        if options.accept and whole and not wrong:
            figures.accept(summary, BASELINE)
        elif whole:
            wrong += figures.worse(summary, BASELINE)
    except (RunError, counts.CountError, figures.FigureError, tomllib.TOMLDecodeError, OSError) as error:
        sys.exit(f"coverage: {error}")
    for where, files in more.get("absent", {}).items():
        if files:
            print(f"coverage: {len(files)} {where} files are in no chosen program (summary.json names them)")
    print("coverage: " + ", ".join(f"{name} {summary[name]} %" for name in figures.NUMBERS if summary[name] is not None)
          + f"; {waived} waived, {len(left)} not met (see {out}/missed.txt); {summary['seconds']} s"
          + ("" if whole else "; a part only: nothing compared"))
    for line in wrong:
        print(f"coverage: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
