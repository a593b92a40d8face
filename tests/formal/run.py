#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prove the properties of the RTL: run.py BUILD [--only NAME[,NAME...]] [--quick] [--jobs N] [--list] [--tasks FILE]

tests/formal/tasks.toml (or FILE) lists the tasks: a harness around a block, with its parameters. yosys makes an AIGER
model of each; abc proves every assertion in it, in the harness and in the RTL alike, by property-directed
reachability (no bound, invariants found and verified by abc), or up to a depth where the task says so. Every cover must
be reached, so that no proof is empty. A trace of what fails stands in BUILD/formal/<task>.vcd.

Writes BUILD/formal/summary.json; the exit status is 0 when nothing failed. docs/formal.md says more.
"""
import argparse
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import induction

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("yosys", "yosys-abc", "yosys-smtbmc", "z3")
KEYS = {"name", "block", "top", "files", "set", "depth", "cover_depth", "cover_set", "seconds", "quick", "zero", "always",
        "inside", "about"}


# Before any search: registers that always agree become one.
SIMPLER = "scleanup; scorr; dc2; "


class TaskError(Exception):
    """A task that could not be run, with the reason."""


class Crash(TaskError):
    """A tool that a signal ended."""


def load_tasks(path):
    """The tasks of the file, checked."""
    tasks = tomllib.loads(path.read_text(encoding="utf-8")).get("task", [])
    names = set()
    for task in tasks:
        name = task.get("name", "?")
        unknown = task.keys() - KEYS
        missing = {"name", "block", "files"} - task.keys()
        if unknown or missing:
            raise TaskError(f"{path.name}: task {name}: " +
                            ", ".join([f"unknown key {k}" for k in sorted(unknown)] +
                                      [f"{k} is missing" for k in sorted(missing)]))
        if name in names:
            raise TaskError(f"{path.name}: task {name} stands twice")
        names.add(name)
        for file in task["files"]:
            if not (ROOT / file).is_file():
                raise TaskError(f"{path.name}: task {name}: no file {file}")
    return tasks


def sources(task):
    """A file list stands for what it lists."""
    found = []
    for file in task["files"]:
        if file.endswith(".f"):
            lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
            found += [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("//")]
        else:
            found.append(file)
    return found


def run(command, log, timeout=None, good=(0,)):
    """Run it with its output in the log; returns the output."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired as late:
        raise TaskError(f"{command[0]}: no end after {timeout} s") from late
    output = done.stdout + done.stderr
    log.write_text(output, encoding="utf-8")
    if done.returncode not in good:
        if done.returncode < 0:
            raise Crash(f"{command[0]}: ended by signal {-done.returncode} (see {log})")
        errors = [line for line in output.splitlines() if "ERROR" in line]
        raise TaskError(f"{command[0]}: {errors[0] if errors else f'exit status {done.returncode}'} (see {log})")
    return output


# The harness names registers of the block: arrays become registers, every name must be one, and only the harness's own
# assertions count.
INSIDE = ["select -assert-none w:* a:hierconn %i", "delete t:$assert c:*dut.* %i"]


def elaborate(task, parameters, zero):
    """Commands of yosys: the harness with these parameters, flat."""
    top = task.get("top", task["name"] + "_fv")
    inside = task.get("inside")
    chparam = " ".join(f"-set {key} {value}" for key, value in parameters.items())
    # What is large is not made small here: that takes longer than the proof.
    flat = [f"hierarchy -check -top {top}", "proc", "flatten", "opt_clean", "opt_expr", "opt_merge", *INSIDE, "async2sync",
            "opt_clean"] if inside else [f"prep -flatten -top {top}", "async2sync", "memory_map", "opt -full"]
    return [
        f"read_verilog -formal -sv {'-mem2reg' if inside else ''} {' '.join(sources(task))}",
        f"chparam {chparam} {top}" if chparam else "", *flat, "setundef -init -zero" if zero else ""]


def build_models(task, out):
    """{kind: (stem, properties in abc's order)} of the AIGER models of the assertions, and of the covers as assertions."""
    script = [*elaborate(task, task.get("set", {}), task.get("zero")), "design -save both"]
    models = {"assert": "chformal -cover -remove",
              "cover": "chformal -assert -remove; techmap -map tests/formal/cover.v"}
    stems = {kind: out / f"{task['name']}.{kind}" for kind in models}
    for kind, choose in models.items():
        if kind == "cover" and "cover_set" in task:
            # Fewer free bits, registers that begin with 0: what is reached so is reached with all of them free.
            script += ["design -reset", *elaborate(task, {**task.get("set", {}), **task["cover_set"]}, True),
                       "design -save both"]
        script += [
            "design -load both", choose, "setundef -undriven -anyseq", "dffunmap", "opt_clean",
            f"write_smt2 -wires {stems[kind]}.smt2" if kind == "assert" and not task.get("inside") else "",
            # What is left undefined now are bits beyond the end of an indexed vector.
            "simplemap" if task.get("inside") else "", "techmap", "" if task.get("inside") else "opt -fast", "dffunmap",
            "setundef -zero", "aigmap", "opt_clean",
            f"tee -q -o {stems[kind]}.list select -list t:$assert",
            # Induction begins anywhere: no register needs a first value.
            f"write_aiger {'' if kind == 'assert' and task.get('inside') else '-zinit'} -map {stems[kind]}.aim "
            f"{stems[kind]}.aig"]
    run(["yosys", "-q", "-p", "; ".join(filter(None, script))], out / f"{task['name']}.yosys.log")
    return {kind: (stem, [line.split("/", 1)[1] for line in Path(f"{stem}.list").read_text(encoding="utf-8").split()])
            for kind, stem in stems.items()}


def abc(stem, command, log, seconds, only=None):
    """The output of abc; only: the number of the one output that the model is cut down to."""
    cone = "" if only is None else f"cone -s -O {only}; "
    output = run(["yosys-abc", "-c", f"read_aiger {stem}.aig; fold; {cone}{SIMPLER}{command}"], log, seconds * 2 + 300)
    if "Cannot read" in output or "Error" in output:
        raise TaskError(f"yosys-abc could not read {stem}.aig (see {log})")
    return output


FAILED = re.compile(r"^Output\s+(\d+) .*?was asserted in frame\s+(\d+)", re.M)


def refuted(output):
    """{output number: frame} of what abc reached."""
    return {int(number): int(frame) for number, frame in FAILED.findall(output)}


def bounded(stem, log, bound, seconds, names):
    """({output number: frame of its failure}, cycles that all the others were looked at)."""
    def depth(output):
        # Out of time, it says how far it came; nothing to look for, no cycle.
        if "constant 0" in output:
            return bound
        reached = re.findall(r"(?:after|asserted in) (\d+) frames", output)
        if not reached:
            raise TaskError(f"yosys-abc says no depth (see {log})")
        return int(reached[-1])

    try:
        # -x: the ways to failures are not kept; abc was seen to crash while it stored them.
        output = abc(stem, f"bmc3 -a -x -F {bound} -T {seconds}", log, seconds)
        wrong = refuted(output)
        return wrong, bound if len(wrong) == len(names) else depth(output)
    except Crash:
        wrong, least = {}, bound
        until = time.monotonic() + seconds
        for number in range(len(names)):
            limit = max(1, int(until - time.monotonic()))
            output = abc(stem, f"bmc3 -F {bound} -T {limit}", log, limit, number)
            frame = refuted(output).get(0)
            if frame is None:
                least = min(least, depth(output))
            else:
                wrong[number] = frame
        return wrong, least


def unbounded(stem, log, seconds, names):
    """({output number: frame of its failure}, whether all the others are proved)."""
    try:
        output = abc(stem, f"pdr -a -T {seconds}", log, seconds)
        summary = re.search(r"Undecided = (\d+)", output)
        # Each output is proved only with all the others: what is left undecided is not told by number.
        return refuted(output), bool(summary) and int(summary.group(1)) == 0
    except Crash:
        wrong, good = {}, True
        until = time.monotonic() + seconds
        for number in range(len(names)):
            limit = max(1, int(until - time.monotonic()))
            output = abc(stem, f"pdr -T {limit}", log, limit, number)
            frame = refuted(output).get(0)
            if frame is not None:
                wrong[number] = frame
            elif "Property proved" not in output:
                good = False
        return wrong, good


def trace(task, stem, number, frame, out, log):
    """(cycle, path of a VCD) of one refuted property, replayed by yosys-smtbmc on the word-level model."""
    raw, witness, vcd = Path(f"{stem}.cex"), Path(f"{stem}.aiw"), out / f"{task['name']}.vcd"
    # The frame of property-directed reachability is not the length of the way: a bounded search finds the shortest.
    limit = 4 * frame + 40
    output = abc(stem, f"bmc3 -F {limit}; write_cex -a {raw}", log, 600, number)
    reached = re.search(r"was asserted in frame (\d+)", output)
    if not reached:
        raise TaskError(f"no way to the failure within {limit} cycles (see {log})")
    cycle = int(reached.group(1))
    header = Path(f"{stem}.aig").read_bytes().split(b"\n", 1)[0].split()
    inputs, latches = int(header[2]), int(header[3])
    lines = raw.read_text(encoding="utf-8").split("#")[0].split()
    # abc's folding of the assumptions adds latches behind the model's own; it prints what changed nothing as 0.
    steps = [line[:inputs] for line in lines[1:]]
    witness.write_text("\n".join(["1", "b0", "0" * latches, *steps, "."]) + "\n", encoding="utf-8")
    run(["yosys-smtbmc", "--noprogress", "--unroll", "-s", "z3", "--aig", f"{stem}.aim:{witness}", "--dump-vcd",
         str(vcd), "-t", str(cycle + 1), f"{stem}.smt2"], log, 600, good=(0, 1))
    return cycle, vcd


def step(task, stem, names):
    """[{name, block, result, depth}] of the assertions of a task that names registers of the block."""
    try:
        wrong, late = induction.prove(stem, task.get("seconds", 120))
    except ValueError as error:
        raise TaskError(str(error)) from error
    if wrong:
        print(f"formal: {task['name']}.{names[min(wrong)]} is not kept; the registers in the cycle before and in that of "
              f"the failure: {stem}.step.txt", file=sys.stderr)
    return [{"name": f"{task['name']}.{name}", "block": task["block"], "depth": 0,
             "result": "failed" if number in wrong else "undecided" if number in late or wrong else "proved"}
            for number, name in enumerate(names)]


def prove(task, out, stem, names):
    """[{name, block, result, depth}] of the assertions of a task."""
    if not names:
        raise TaskError("no assertion in it")
    if task.get("inside"):
        return step(task, stem, names)
    log, seconds = Path(f"{stem}.abc.log"), task.get("seconds", 120)
    bound = task.get("depth")
    if bound:
        wrong, depth = bounded(stem, log, bound, seconds, names)
        good, note = ("bounded", depth) if depth >= bound else ("undecided", depth)
    else:
        wrong, proved = unbounded(stem, log, seconds, names)
        good, note = ("proved" if proved else "undecided", 0)
    always = {}
    for name in task.get("always", []):
        if name not in names:
            raise TaskError(f"no assertion {name} in it")
        number = names.index(name)
        output = abc(stem, f"pdr -T {seconds}", Path(f"{stem}.{name}.log"), seconds, number)
        if refuted(output):
            wrong.setdefault(number, refuted(output)[0])
        always[number] = "proved" if "Property proved" in output else "undecided"
    if wrong:
        first = min(wrong, key=wrong.get)
        try:
            wrong[first], vcd = trace(task, stem, first, wrong[first], out, Path(f"{stem}.trace.log"))
            shown = f"; the way there: {vcd}"
        except TaskError as error:
            shown = f"; without a trace: {error}"
        print(f"formal: {task['name']}.{names[first]} fails in cycle {wrong[first]}{shown}", file=sys.stderr)
    properties = []
    for number, name in enumerate(names):
        frame = wrong.get(number)
        if frame is not None:
            result, depth = "failed", frame
        else:
            result, depth = (always[number], 0) if number in always else (good, note)
        properties.append({"name": f"{task['name']}.{name}", "block": task["block"], "result": result, "depth": depth})
    return properties


def reach(task, stem, names):
    """[{name, block, result, depth}] of the covers of a task."""
    if not names:
        raise TaskError("no cover in it: its proofs may be empty")
    depth = task.get("cover_depth", 30)
    wrong, _ = bounded(stem, Path(f"{stem}.abc.log"), depth, task.get("seconds", 120), names)
    return [{"name": f"{task['name']}.{name}", "block": task["block"],
             "result": "covered" if number in wrong else "not reached", "depth": wrong.get(number, depth)}
            for number, name in enumerate(names)]


def work(task, out):
    started = time.monotonic()
    try:
        models = build_models(task, out)
        found = reach(task, *models["cover"]) + prove(task, out, *models["assert"])
    except TaskError as error:
        found = [{"name": task["name"], "block": task["block"], "result": "failed", "depth": 0}]
        print(f"formal: {task['name']}: {error}", file=sys.stderr)
    return found, time.monotonic() - started


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("--only", help="tasks, by comma")
    parser.add_argument("--quick", action="store_true", help="only the tasks that `make test` runs")
    parser.add_argument("--tasks", type=Path, default=ROOT / "tests" / "formal" / "tasks.toml")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--list", action="store_true", help="name the tasks and end")
    options = parser.parse_args(argv)
    try:
        tasks = load_tasks(options.tasks)
    except (OSError, TaskError, tomllib.TOMLDecodeError) as error:
        sys.exit(f"formal: {error}")
    if options.only:
        wanted = options.only.split(",")
        unknown = set(wanted) - {task["name"] for task in tasks}
        if unknown:
            sys.exit(f"formal: no task {', '.join(sorted(unknown))} (--list names them)")
        tasks = [task for task in tasks if task["name"] in wanted]
    if options.quick:
        tasks = [task for task in tasks if task.get("quick")]
    if options.list:
        print("\n".join(task["name"] for task in tasks))
        return 0
    absent = [tool for tool in TOOLS if not shutil.which(tool)]
    if absent:
        sys.exit(f"formal: {', '.join(absent)} not installed: run `make deps`")
    out = options.build.resolve() / "formal"
    out.mkdir(parents=True, exist_ok=True)
    summary = {"proved": 0, "bounded": 0, "failed": 0, "covers": 0, "properties": []}
    kinds = {"proved": "proved", "bounded": "bounded", "covered": "covers"}
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        # The long ones first: they decide when the last one ends.
        order = sorted(tasks, key=lambda task: -task.get("seconds", 120))
        runs = {pool.submit(work, task, out): task for task in order}
        for done in concurrent.futures.as_completed(runs):
            found, seconds = done.result()
            count = {}
            for item in found:
                kind = kinds.get(item["result"], "failed")
                summary[kind] += 1
                count[item["result"]] = count.get(item["result"], 0) + 1
            depths = {item["depth"] for item in found if item["result"] == "bounded"}
            print(f"{runs[done]['name']:24} {', '.join(f'{n} {what}' for what, n in sorted(count.items()))}"
                  f"{f', to depth {min(depths)}' if depths else ''}  {seconds:.1f} s", flush=True)
            for item in found:
                if item["result"] not in kinds:
                    print(f"  {item['result']}: {item['name']}", flush=True)
            summary["properties"] += found
    summary["properties"].sort(key=lambda item: item["name"])
    (out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    print(f"formal: {summary['proved']} proved, {summary['bounded']} bounded, {summary['failed']} failed, "
          f"{summary['covers']} covers reached")
    return 1 if summary["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
