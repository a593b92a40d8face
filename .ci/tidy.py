#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run clang-tidy on the project's own sources, in parallel, skipping what passed before and has not changed.

usage: tidy.py BUILD JOBS [--tests]

Sources come from the build's compile_commands.json; without --tests those under tests/ are left out (GoogleTest's
macros make them slow). What passed is kept in BUILD/tidy/, keyed by everything the result depends on: the source,
all project headers, .clang-tidy and the compile command.
"""
import concurrent.futures
import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def own_sources(build, with_tests):
    """{path relative to the root: compile command} of what is to be checked."""
    entries = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    places = ("sim/", "driver-model/") + (("tests/",) if with_tests else ())
    sources = {}
    for entry in entries:
        path = Path(entry["directory"], entry["file"]).resolve()
        if path.is_relative_to(ROOT):
            name = str(path.relative_to(ROOT))
            if name.startswith(places) and path.is_file():
                sources[name] = entry["command"]
    return sources


def headers_digest():
    """One digest over everything that any source may include, and the configuration."""
    digest = hashlib.sha256()
    paths = sorted(ROOT.glob(".clang-tidy")) + sorted((ROOT / "driver-model").rglob(".clang-tidy"))
    for place in ("sim", "driver-model", "tests"):
        paths += sorted((ROOT / place).rglob("*.h"))
    for path in paths:
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def main(argv):
    if len(argv) < 2:
        sys.exit(__doc__)
    build, jobs, with_tests = Path(argv[0]).resolve(), int(argv[1]), "--tests" in argv[2:]
    sources = own_sources(build, with_tests)
    if not sources:
        sys.exit("tidy.py: compile_commands.json names no source of this project")
    common, passed = headers_digest(), build / "tidy"
    passed.mkdir(exist_ok=True)
    started, failures, ran = time.monotonic(), 0, 0

    def run(name):
        key = hashlib.sha256((common + sources[name]).encode() + (ROOT / name).read_bytes()).hexdigest()
        stamp = passed / key
        if stamp.exists():
            return name, None
        done = subprocess.run(["clang-tidy", "--quiet", "-p", str(build), name], cwd=ROOT, capture_output=True,
                              text=True, check=False)
        if done.returncode == 0:
            stamp.touch()
        return name, done

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for name, done in pool.map(run, sorted(sources)):
            ran += done is not None
            if done is not None and done.returncode:
                failures += 1
                print(done.stdout.strip() or done.stderr.strip() or f"{name}: clang-tidy ended with {done.returncode}")
    print(f"clang-tidy: {len(sources)} files, {ran} looked at in {time.monotonic() - started:.0f} s, {failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
