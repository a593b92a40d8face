#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fuzz the readers with libFuzzer: run.py BUILD [--runs N] [--seed N] [--only NAME[,NAME...]] [--jobs N] [--keep]

Builds the programs of tests/fuzz with clang and its sanitizers under BUILD/fuzz, and runs each target for N executions from
the inputs in tests/fuzz/corpus/<target> (and tests/scenarios for the scenario reader). What it finds worth keeping grows in
BUILD/fuzz/corpus/<target>; --keep takes the smallest set that covers as much into tests/fuzz/corpus. An input that a
reader fails on stands in BUILD/fuzz/<target>/, with the line that runs it again.

Writes BUILD/fuzz/summary.json; the exit status is 0 when nothing failed.
"""
import argparse
import concurrent.futures
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "tests/fuzz"
# Where the words of a target's language stand.
LANGUAGES = {
    "scenario": ["sim/scenario/parse.cpp", "sim/scenario/names.cpp", "sim/scenario/schema.cpp"],
    "trace": ["sim/replay/trace.cpp", "sim/replay/functions.cpp", "sim/scenario/parse.cpp", "sim/scenario/names.cpp"],
    "qtest": ["sim/serve/qtest.cpp"],
}
LONGEST = {"scenario": 4096, "trace": 8192, "qtest": 8192}


def build(directory):
    """The programs; their output stands in a log."""
    log = directory / "build.log"
    with log.open("w", encoding="utf-8") as out:
        for command in (["cmake", "-G", "Ninja", "-S", HERE, "-B", directory / "programs", "-DCMAKE_CXX_COMPILER=clang++"],
                        ["ninja", "-C", directory / "programs"]):
            if subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, check=False).returncode != 0:
                sys.exit(f"fuzz: the programs do not build: see {log}")


def dictionary(target, path):
    """Every quoted word of the sources that read the language."""
    words = set()
    for source in LANGUAGES[target]:
        text = (ROOT / source).read_text(encoding="utf-8")
        words.update(re.findall(r'"([A-Za-z_][A-Za-z0-9_.]{1,39})"', text))
    path.write_text("".join(f'"{word}"\n' for word in sorted(words)), encoding="utf-8")


def inputs(target):
    """The folders with kept inputs."""
    return [HERE / "corpus" / target] + ([ROOT / "tests/scenarios"] if target == "scenario" else [])


def fuzz(target, directory, runs, seed):
    """Run one target; its row of the summary."""
    place = directory / target
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    grown = directory / "corpus" / target
    grown.mkdir(parents=True, exist_ok=True)
    dictionary(target, place / "words.dict")
    program = directory / "programs" / f"fuzz_{target}"
    command = [program, f"-runs={runs}", f"-seed={seed}", f"-max_len={LONGEST[target]}", f"-dict={place / 'words.dict'}",
               "-timeout=100", "-rss_limit_mb=2048", "-print_final_stats=1", f"-artifact_prefix={place}/", grown, *inputs(target)]
    started = time.monotonic()
    with (place / "log").open("w", encoding="utf-8") as out:
        status = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, check=False).returncode
    text = (place / "log").read_text(encoding="utf-8", errors="replace")
    executed = re.search(r"stat::number_of_executed_units:\s*(\d+)", text)
    covered = re.findall(r"cov: (\d+)", text)
    found = sorted(path.name for path in place.iterdir() if re.match(r"(crash|timeout|oom|leak|slow-unit)-", path.name))
    row = {"name": target, "result": "passed" if status == 0 else "failed", "executions": int(executed[1]) if executed else 0,
           "edges": int(covered[-1]) if covered else 0, "kept": sum(1 for _ in grown.iterdir()),
           "seconds": round(time.monotonic() - started, 1)}
    if status != 0:
        row["inputs"] = found
        print(f"{target}: failed, see {place / 'log'}" +
              "".join(f"\n  again: {program} {place / name}" for name in found), flush=True)
    return row


def keep(target, directory):
    """The smallest set of inputs that covers as much as all of them goes to the repository."""
    merged = directory / f"{target}.merged"
    shutil.rmtree(merged, ignore_errors=True)
    merged.mkdir()
    program = directory / "programs" / f"fuzz_{target}"
    subprocess.run([program, "-merge=1", f"-max_len={LONGEST[target]}", merged, *inputs(target), directory / "corpus" / target],
                   check=True, capture_output=True)
    old = inputs(target)[1:]
    known = {path.read_bytes() for folder in old for path in folder.glob("*.json")}
    shutil.rmtree(HERE / "corpus" / target)
    (HERE / "corpus" / target).mkdir()
    for path in merged.iterdir():
        if path.read_bytes() not in known:
            shutil.copy(path, HERE / "corpus" / target / path.name)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default=",".join(LANGUAGES))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    chosen = options.only.split(",")
    unknown = [name for name in chosen if name not in LANGUAGES]
    if unknown:
        parser.error(f"no target {unknown[0]}: there are {', '.join(LANGUAGES)}")
    if options.runs < 1:
        parser.error("--runs is at least 1")
    directory = (options.build / "fuzz").resolve()
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "summary.json").unlink(missing_ok=True)
    build(directory)
    print(f"fuzz: {', '.join(chosen)}: {options.runs} executions each, seed {options.seed}", flush=True)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        rows = list(pool.map(lambda name: fuzz(name, directory, options.runs, options.seed), chosen))
    print(f"{'target':<12}{'result':<9}{'executions':>12}{'edges':>8}{'kept':>7}{'seconds':>9}")
    for row in rows:
        print(f"{row['name']:<12}{row['result']:<9}{row['executions']:>12}{row['edges']:>8}{row['kept']:>7}{row['seconds']:>9}")
    failed = sum(row["result"] != "passed" for row in rows)
    (directory / "summary.json").write_text(
        json.dumps({"status": "failed" if failed else "passed", "seed": options.seed, "failed": failed, "targets": rows}, indent=1) + "\n",
        encoding="utf-8")
    if options.keep and not failed:
        for name in chosen:
            keep(name, directory)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
