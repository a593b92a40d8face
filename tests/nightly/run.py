#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Everything that is too long for a push, with fresh seeds: run.py BUILD [--seed N] [--only STAGE,...] [--cycles N] [--cases N] [--runs N] [--jobs N]

The stages run one after the other, each with its log BUILD/nightly/<stage>.log; one that fails does not keep the others from
running. Without --seed it is the number of the day, so that every night is another one and tells how to have it again.

Writes BUILD/nightly/summary.json: {"status","seed","stages":[{"name","status","seconds","command","figures",...}]}; the exit
status is 0 when every stage passed.
"""
import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROFILES = ROOT / "tests/random"
SEEDS_OF_A_PROFILE = 100_000  # apart, so that no two profiles share a stream
LAST_LINES = 12


class Stage:
    """A make target with what it is given; `figures` picks from its summary what is worth a look in the morning."""

    def __init__(self, name, words, summary=None, figures=None, environment=None):
        self.name, self.words, self.summary, self.figures = name, words, summary, figures or (lambda summary: {})
        self.environment = environment or {}

    @property
    def command(self):
        return " ".join([*(f"{key}={value}" for key, value in self.environment.items()), *self.words])

    def run(self, log):
        with log.open("w", encoding="utf-8") as out:
            return subprocess.run(self.words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                  env={**os.environ, **self.environment}, check=False).returncode


class Random(Stage):
    """Streams by every profile, until all together have simulated so many cycles."""

    def __init__(self, build, seed, cycles, jobs, profiles):
        super().__init__("random", [], build / "nightly/random.json",
                         lambda summary: {key: summary[key] for key in ("cycles", "runs", "failed")})
        self.build, self.seed, self.cycles, self.jobs, self.profiles = build, seed, cycles, jobs, profiles

    @property
    def command(self):
        return f"make nightly ONLY=random SEED={self.seed} CYCLES={self.cycles}"

    def one(self, index, profile):
        place = self.build / "nightly" / f"random-{profile.stem}"
        place.mkdir(parents=True, exist_ok=True)
        summary = place / "summary.json"
        summary.unlink(missing_ok=True)
        words = [self.build / "bin/gpu-dmar", "random", "--profile", profile, "--seed", self.seed + index * SEEDS_OF_A_PROFILE,
                 "--cycles", max(1, self.cycles // len(self.profiles)), "--shrink", "--summary", summary]
        done = subprocess.run([str(word) for word in words], cwd=place, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False)
        rows = json.loads(summary.read_text(encoding="utf-8")) if summary.is_file() else None
        return profile.stem, done, rows

    def run(self, log):
        total = {"cycles": 0, "runs": 0, "failed": 0, "profiles": {}}
        status = 0
        with log.open("w", encoding="utf-8") as out, concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            for name, done, rows in pool.map(self.one, range(len(self.profiles)), self.profiles):
                place = self.build / "nightly" / f"random-{name}"
                # Told from the folder it ran in; read anywhere.
                text = re.sub(r"(?<= run )(?=random-)", f"{place}/", done.stdout + done.stderr)
                out.write(f"== {name}\n{text}")
                if done.returncode != 0 or rows is None:
                    status = 1
                if rows is None:
                    continue
                figures = {"cycles": rows["cycles"], "runs": len(rows["runs"]), "failed": rows["failed"]}
                total["profiles"][name] = figures
                for key, value in figures.items():
                    total[key] += value
        self.summary.write_text(json.dumps(total, indent=1) + "\n", encoding="utf-8")
        return status


def stages(build, options):
    """All of them, in the order in which a failure is worth most."""
    seed, at = options.seed, (f"BUILD={build}", f"JOBS={options.jobs}")
    pick = lambda *keys: lambda summary: {key: summary[key] for key in keys if key in summary}  # noqa: E731
    return [
        Stage("build", ["make", "build", *at]),
        Random(build, seed, options.cycles, options.jobs, sorted(PROFILES.glob("*.json"))),
        Stage("test", ["make", "test", *at], environment={"GPUDMAR_SEED": str(seed)}),
        Stage("oracle", ["make", "oracle", *at, f"CASES={options.cases}", f"SEED={seed}"], build / "oracle/summary.json",
              pick("cases", "mismatches", "masked")),
        Stage("fuzz", ["make", "fuzz", *at, f"RUNS={options.runs}", f"SEED={seed}"], build / "fuzz/summary.json",
              lambda summary: {row["name"]: row["executions"] for row in summary["targets"]}),
        Stage("formal", ["make", "formal", *at], build / "formal/summary.json", pick("proved", "bounded", "failed", "covers")),
        Stage("sanitize", ["make", "sanitize", *at, "ALL=1"], build / "sanitize/summary.json", pick("programs", "failed")),
        Stage("bench", ["make", "bench", *at], build / "bench/summary.json", pick("missed")),
        Stage("coverage", ["make", "coverage", *at], build / "coverage/summary.json",
              pick("rtl_line", "rtl_toggle", "rtl_user", "cpp_line", "waived")),
        Stage("mutate", ["make", "mutate", *at, f"SEED={seed}"], build / "mutate/summary.json",
              pick("mutants", "equivalent", "killed", "survived", "score")),
        Stage("fpga", ["make", "fpga", *at], build / "fpga/summary.json", pick("status")),
    ]


def figures_of(stage):
    """What the stage's summary says; a broken or missing one says nothing."""
    if stage.summary is None or not stage.summary.is_file():
        return {}
    try:
        return stage.figures(json.loads(stage.summary.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError):
        return {}


def again(text):
    """The lines of a log that run a failure again."""
    return [line.strip() for line in text.splitlines() if re.search(r"\bagain: ", line)]


def run(stage, directory):
    """Run a stage; its row of the summary."""
    log = directory / f"{stage.name}.log"
    if stage.summary is not None:
        stage.summary.unlink(missing_ok=True)  # that of another night says nothing
    print(f"nightly: {stage.name}: {stage.command}", flush=True)
    started = time.monotonic()
    status = stage.run(log)
    row = {"name": stage.name, "status": "passed" if status == 0 else "failed", "seconds": round(time.monotonic() - started),
           "command": stage.command, "figures": figures_of(stage)}
    shown = ", ".join(f"{key} {value}" for key, value in row["figures"].items())
    print(f"nightly: {stage.name}: {row['status']} after {row['seconds']} s{': ' + shown if shown else ''}", flush=True)
    if status != 0:
        text = log.read_text(encoding="utf-8", errors="replace")
        row["again"] = again(text) or [stage.command]
        for line in [*text.splitlines()[-LAST_LINES:], *row["again"], f"all of it: {log}"]:
            print(f"  {line}", flush=True)
    return row


def number(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return value


def main(argv=None, known=stages):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("--seed", type=number)
    parser.add_argument("--only", default="")
    parser.add_argument("--cycles", type=number, default=100_000_000, help="of the random streams, all together")
    parser.add_argument("--cases", type=number, default=1_000_000, help="of the comparison with QEMU")
    parser.add_argument("--runs", type=number, default=1_000_000, help="of each fuzzing target")
    parser.add_argument("--jobs", type=number, default=os.cpu_count() or 1)
    options = parser.parse_args(argv)
    # A million seeds apart: those of one night end before those of the next begin.
    options.seed = options.seed or int(time.time() // 86_400) * 1_000_000
    build = options.build.resolve()
    every = known(build, options)
    chosen = options.only.split(",") if options.only else [stage.name for stage in every]
    unknown = [name for name in chosen if name not in {stage.name for stage in every}]
    if unknown:
        parser.error(f"no stage {unknown[0]}: there are {', '.join(stage.name for stage in every)}")
    directory = build / "nightly"
    directory.mkdir(parents=True, exist_ok=True)
    rows = []
    for stage in every:
        if stage.name not in chosen:
            continue
        rows.append(run(stage, directory))
        failed = [row["name"] for row in rows if row["status"] != "passed"]
        # Written after each: a night that is cut off has said so much.
        (directory / "summary.json").write_text(
            json.dumps({"status": "failed" if failed else "passed", "seed": options.seed, "stages": rows}, indent=1) + "\n",
            encoding="utf-8")
        if failed == ["build"]:
            break
    print(f"nightly: seed {options.seed}: {len(rows)} stages, {len(failed)} failed" + "".join(f"\n  {name}" for name in failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
