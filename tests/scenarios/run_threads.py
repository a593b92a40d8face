#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run several threads in the driver at once, by seed, as a CTest entry, results in GoogleTest's XML.

usage: run_threads.py --gtest_output=xml:FILE --program PROGRAM [--threads N] [--steps N] [--pipes 0,1] [--iommu MODES] [--seeds N]

On each variant of the RTL, in logical mode and in 1:1 isolation: some seeds pass and differ, with power states and memory pressure
among the calls; the same seed gives the same run, cycle by cycle; the adapters may be pulled out meanwhile; and a driver whose copies
do not hold what they use is found out. GPUDMAR_SEED sets the first seed.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import results


GUARANTEES = {"G2", "G5", "G6", "G12", "G14", "G15", "G16"}


class Runs:
    def __init__(self, args, pipe, iommu):
        self.command = [args.program, "threads", "--threads", args.threads, "--pipe", pipe, "--iommu", iommu]
        self.steps = args.steps

    def run(self, seed, steps, *more):
        """Exit status, summary, output."""
        with tempfile.TemporaryDirectory() as directory:
            summary = Path(directory) / "summary.json"
            command = [*self.command, "--seed", str(seed), "--steps", str(steps), *more]
            done = subprocess.run([*command, "--summary", str(summary)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
            print(f"{' '.join(command)}\n{done.stdout}{done.stderr}", flush=True)
            text = summary.read_text(encoding="utf-8") if summary.exists() else ""
            return done.returncode, json.loads(text) if text else {}, "\n".join((done.stdout + done.stderr).splitlines()[-20:])

    def clean(self, first, seeds):
        """Seeds pass, as many more as it takes to check every guarantee, and no two are the same run; the first one again is."""
        digests = {}
        checked = set()
        powered = refused = 0
        for seed in range(first, first + 5 * seeds):
            if seed >= first + seeds and GUARANTEES <= checked:
                break
            status, summary, tail = self.run(seed, self.steps)
            if status != 0:
                return f"seed {seed}: exit status {status}\n{tail}"
            checked.update(rule for rule, times in summary["guarantees"].items() if times != 0)
            powered += summary["ddi_calls"].get("DxgkDdiSetPowerState", 0)
            refused += summary["refusals"]
            if summary["digest"] in digests:
                return f"seeds {digests[summary['digest']]} and {seed} are the same run"
            digests[summary["digest"]] = seed
        if GUARANTEES - checked:
            return f"{', '.join(sorted(GUARANTEES - checked))} was never checked"
        if powered == 0 or refused == 0:
            return f"the adapters slept {powered} times, memory ran out {refused} times"
        again = self.run(first, self.steps)[1].get("digest")
        return None if digests.get(again) == first else f"seed {first} is another run the second time: {again}"

    def removal(self, first, seeds):
        """The adapters are pulled out under the threads' hands: nobody hangs, nothing is left behind, nothing moves afterwards."""
        for seed in range(first, first + seeds):
            status, summary, tail = self.run(seed, self.steps, "--removal")
            if status != 0:
                return f"seed {seed}: exit status {status}\n{tail}"
            if summary["ddi_calls"].get("DxgkDdiRemoveDevice", 0) == 0:
                return f"seed {seed}: no adapter went"
        return None

    def race(self, first, seeds):
        """The planted race is found."""
        for seed in range(first, first + seeds):
            status, summary, tail = self.run(seed, 3 * self.steps, "--planted-race")
            if status == 0:
                continue
            found = [line for line in summary.get("failures", []) if "a copy that was accepted failed" in line]
            return None if found else f"seed {seed} failed otherwise:\n{tail}"
        return f"{seeds} seeds did not find the planted race"


def main(argv):
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--gtest_output", required=True)
    parser.add_argument("--program", required=True)
    parser.add_argument("--threads", default="4")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--pipes", default="0")
    parser.add_argument("--iommu", default="logical,isolation")
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args(argv)
    first = int(os.environ.get("GPUDMAR_SEED", "1"))
    cases = []
    rules = ["R136", "R142", "R181", "R182", "G5", "G6", "G14"]
    for pipe in args.pipes.split(","):
        for iommu in args.iommu.split(","):
            runs = Runs(args, pipe, iommu)
            mode = "" if iommu == "logical" else f"_{iommu}"
            for name, action, covers in (("clean", runs.clean, rules), ("removal", runs.removal, ["G5", "G21"]), ("race", runs.race, ["G5"])):
                if name == "race" and iommu != "logical":
                    continue
                begin = time.monotonic()
                failure = action(first, args.seeds)
                cases.append(results.Case(f"{name}{mode}_pipe{pipe}", time.monotonic() - begin, covers, failure))
    return results.write(Path(args.gtest_output.partition("xml:")[2]), "Threads", cases)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
