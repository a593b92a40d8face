#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run one scenario file as a CTest entry, a test case for each variant of the RTL, results in GoogleTest's XML.

usage: run_file.py --gtest_output=xml:FILE --program PROGRAM [--pipes 0,1] SCENARIO

A case covers what the file's "covers" names. A guarantee (G...) that the run did not check even once fails it.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path


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
    root = ElementTree.Element("testsuites", name=output.stem)
    suite = ElementTree.SubElement(root, "testsuite", name="Scenario")
    bad = 0
    for pipe in args.pipes.split(","):
        begin = time.monotonic()
        failure = run(args.program, args.scenario, pipe)
        case = ElementTree.SubElement(suite, "testcase", classname="Scenario", status="run", result="completed",
                                      name=f"{args.scenario.stem}_pipe{pipe}", time=f"{time.monotonic() - begin:.3f}")
        properties = ElementTree.SubElement(case, "properties")
        ElementTree.SubElement(properties, "property", name="rule", value=",".join(covers))
        if failure:
            bad += 1
            ElementTree.SubElement(case, "failure", message=failure)
    output.parent.mkdir(parents=True, exist_ok=True)
    # In one step, so that a run that is cut off leaves no half file.
    partial = output.with_suffix(f".{os.getpid()}")
    partial.write_text(ElementTree.tostring(root, encoding="unicode", xml_declaration=True), encoding="utf-8")
    partial.replace(output)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
