# SPDX-License-Identifier: Apache-2.0
"""Runs the test programs against one mutant after the other, what is likely to kill it quickly first.

The tests of a program are cut into chunks of about a second, from the times of a run without a mutant. A chunk ends at
its first failure, whether of a test, of an assertion in the RTL, or of a model that never settles. A chunk that takes
far longer than without the mutant is stopped: every wait in the tests is bounded, so that is a kill too, and counted.
"""
import os
import re
import subprocess
import threading
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

CHUNK_SECONDS = 1.0
# At the first failure a program ends; its children inherit no core files.
OPTIONS = ["--gtest_break_on_failure", "--gtest_color=no", "--gtest_brief=0"]


class JudgeError(Exception):
    """Something that stops the whole run."""


@dataclass
class Chunk:
    program: str
    judges: frozenset
    tests: list
    seconds: float
    number: int
    killed: dict = field(default_factory=dict)  # by file
    tried: dict = field(default_factory=dict)

    def worth(self, file):
        """Kills a second to expect, from what it did to mutants of this file and of all."""
        here = self.killed.get(file, 0), self.tried.get(file, 0)
        everywhere = sum(self.killed.values()), sum(self.tried.values())
        rate = (here[0] + 2 * (everywhere[0] + 1) / (everywhere[1] + 2)) / (here[1] + 2)
        return rate / (self.seconds + 0.05)


def run(binary, mutant, tests, seconds, output=None):
    """(status, output); status None: it was stopped."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("GTEST_", "GPUDMAR_"))}
    environment["GPUDMAR_MUTANT"] = str(mutant)
    command = [str(binary), *OPTIONS]
    if tests is not None:
        command.append(f"--gtest_filter={':'.join(tests)}")
    if output:
        command.append(f"--gtest_output=xml:{output}")
    with subprocess.Popen(["/bin/sh", "-c", 'ulimit -c 0; exec "$0" "$@"', *command], env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=binary.parent) as process:
        timer = threading.Timer(seconds, process.kill)
        timer.start()
        try:
            text = process.communicate()[0].decode("utf-8", "replace")
        finally:
            late = not timer.is_alive()
            timer.cancel()
    return (None if late and process.returncode == -9 else process.returncode), text


def baseline(binary, program, out):
    """[(seconds, test)] of a program without a mutant; it must pass."""
    output = out / f"{program}.xml"
    status, text = run(binary, 0, None, 1800, output)
    if status != 0:
        raise JudgeError(f"{program} fails without a mutant:\n{text[-2000:]}")
    cases = ElementTree.parse(output).getroot().iter("testcase")
    return [(float(case.get("time", "0")), f"{case.get('classname')}.{case.get('name')}") for case in cases
            if case.get("status") == "run" and case.get("result") != "skipped"]


def chunks(programs, times):
    """The tests of all programs, cut into chunks."""
    made = []
    for program in programs:
        held, seconds = [], 0.0
        for took, test in sorted(times[program["name"]]) + [(None, None)]:
            if held and (took is None or seconds + took > CHUNK_SECONDS):
                made.append(Chunk(program["name"], frozenset(program["judges"]), held, seconds, len(made)))
                held, seconds = [], 0.0
            if took is not None:
                held.append(test)
                seconds += took
    return made


def killer(text):
    """The test that ran when the program ended."""
    names = re.findall(r"^\[ RUN      \] (\S+)", text, re.M)
    return names[-1] if names else "?"


def judge(mutant, made, binaries, lock):
    """(program, test, how) of the kill, or None when every chunk passes."""
    left = [chunk for chunk in made if mutant.file in chunk.judges]
    while left:
        with lock:
            chunk = max(left, key=lambda chunk: chunk.worth(mutant.file))
        left.remove(chunk)
        status, text = run(binaries / chunk.program, mutant.number, chunk.tests, chunk.seconds * 15 + 30)
        with lock:
            chunk.tried[mutant.file] = chunk.tried.get(mutant.file, 0) + 1
            if status != 0:
                chunk.killed[mutant.file] = chunk.killed.get(mutant.file, 0) + 1
        if status != 0:
            how = "time" if status is None else "assertion" if "Assertion failed" in text else "test"
            return chunk.program, killer(text), how
    return None
