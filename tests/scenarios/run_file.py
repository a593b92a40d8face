#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run one scenario file as a CTest entry, a test case for each variant of the RTL, results in GoogleTest's XML.

usage: run_file.py --gtest_output=xml:FILE --program PROGRAM [--pipes 0,1] SCENARIO

A case covers what the file's "covers" names. A guarantee (G...) that the run did not check even once fails it.
"""
import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import results


def run(program, scenario, pipe):
    """What went wrong, or nothing."""
    with tempfile.TemporaryDirectory() as directory:
        summary = Path(directory) / "summary.json"
        done = subprocess.run([program, "run", str(scenario), "--pipe", pipe, "--summary", str(summary)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        print(done.stdout + done.stderr, flush=True)
        if done.returncode != 0:
            return f"exit status {done.returncode}\n" + "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        result = json.loads(summary.read_text(encoding="utf-8"))
    if result["status"] != "pass":
        return f"status {result['status']}"
    checked = result["guarantees"]
    idle = [rule for rule in json.loads(scenario.read_text(encoding="utf-8")).get("covers", [])
            if rule.startswith("G") and checked.get(rule, 0) == 0]
    return f"never checked: {', '.join(idle)}" if idle else None


def main(argv):
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--gtest_output", required=True)
    parser.add_argument("--program", required=True)
    parser.add_argument("--pipes", default="0")
    parser.add_argument("scenario", type=Path)
    args = parser.parse_args(argv)
    output = Path(args.gtest_output.partition("xml:")[2])
    covers = json.loads(args.scenario.read_text(encoding="utf-8")).get("covers", [])
    cases = []
    for pipe in args.pipes.split(","):
        begin = time.monotonic()
        failure = run(args.program, args.scenario, pipe)
        cases.append(results.Case(f"{args.scenario.stem}_pipe{pipe}", time.monotonic() - begin, covers, failure))
    return results.write(output, "Scenario", cases)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
