#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run random streams on the whole machine as a CTest entry, a test case for each variant of the RTL and number of threads.

usage: run_random.py --gtest_output=xml:FILE --program PROGRAM [--iommu MODE] [--runs N] [--steps N] [--pipes 0,1]
                     [--threads 1,3] [--covers R135,G8]

A case covers what --covers names; a rule of these that decided no step fails it. GPUDMAR_SEED sets the first seed.
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


def run(args, pipe, threads, seed, covers):
    """What went wrong, or nothing."""
    with tempfile.TemporaryDirectory() as directory:
        summary = Path(directory) / "summary.json"
        command = [args.program, "random", "--iommu", args.iommu, "--seed", seed, "--runs", args.runs,
                   "--steps", args.steps, "--threads", threads, "--pipe", pipe]
        done = subprocess.run([*command, "--summary", str(summary)], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, cwd=directory)
        again = f"again: {' '.join(command)}"
        print(f"{done.stdout}{done.stderr}{again}", flush=True)
        if done.returncode != 0:
            lines = (done.stdout + done.stderr).splitlines()[-20:]
            return "\n".join([f"exit status {done.returncode}", *lines, again])
        decided = json.loads(summary.read_text(encoding="utf-8"))["rules"]
    idle = [rule for rule in covers if decided.get(rule, 0) == 0]
    return f"decided no step: {', '.join(idle)}" if idle else None


def main(argv):
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--gtest_output", required=True)
    parser.add_argument("--program", required=True)
    parser.add_argument("--iommu", default="logical")
    parser.add_argument("--runs", default="1")
    parser.add_argument("--steps", default="100")
    parser.add_argument("--pipes", default="0")
    parser.add_argument("--threads", default="1")
    parser.add_argument("--covers", default="")
    args = parser.parse_args(argv)
    seed = os.environ.get("GPUDMAR_SEED", "1")
    # One seed alone need not reach every rule.
    covers = args.covers.split(",") if args.covers and "GPUDMAR_SEED" not in os.environ else []
    cases = []
    for pipe in args.pipes.split(","):
        for threads in args.threads.split(","):
            begin = time.monotonic()
            failure = run(args, pipe, threads, seed, covers)
            cases.append(results.Case(f"{args.iommu}_pipe{pipe}_threads{threads}", time.monotonic() - begin, covers,
                                      failure))
    return results.write(Path(args.gtest_output.partition("xml:")[2]), "Random", cases)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
