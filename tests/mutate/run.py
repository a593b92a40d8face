#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Mutate the RTL and see whether tests and proofs notice: run.py BUILD [--count N] [--seed N] [--files GLOBS]
[--jobs N] [--minutes N] [--again] [--list]

Builds the programs of programs.toml once, against a copy of rtl/ that has all the mutants behind a run-time select, runs
them against each, and asks of those that nothing killed whether they are equivalent and whether a proof fails on them.
--again: with the mutants of the last run, only those that survived it.

Writes BUILD/mutate/summary.json, table.txt and results.json. The exit status is 0 when at least 95 % of the mutants that
are not equivalent are killed and every survivor has its reason in reasons.toml. docs/mutate.md says more.
"""
import argparse
import concurrent.futures
import json
import os
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path

import judge
import plan
import prove
import source

WANTED = 0.95


def reasons(path=plan.HERE / "reasons.toml"):
    """{key: reason} of the survivors that were looked at."""
    found = {}
    for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("survivor", []):
        if entry.keys() != {"key", "file", "what", "why"}:
            raise plan.PlanError(f"{path.name}: {entry.get('key', '?')}: key, file, what and why are wanted")
        found[entry["key"]] = entry
    return found


def build(out, directory, programs, jobs):
    models = sorted({model for program in programs for model in program["models"]})
    configure = ["cmake", "-G", "Ninja", "-S", str(plan.ROOT), "-B", str(directory), "--log-level=NOTICE",
                 f"-DGPUDMAR_MUTANTS={out}", f"-DGPUDMAR_CHOSEN_MODELS={';'.join(models)}"]
    log = out / "build.log"
    with open(log, "w", encoding="utf-8") as sink:
        for command in (configure, ["ninja", "-C", str(directory), f"-j{jobs}", *(p["name"] for p in programs)]):
            if subprocess.run(command, stdout=sink, stderr=subprocess.STDOUT, check=False).returncode:
                raise judge.JudgeError(f"the mutated models do not build (see {log})")
    return directory / "bin"


def measure(out, binaries, programs, jobs):
    """The chunks of all programs."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        runs = {p["name"]: pool.submit(judge.baseline, binaries / p["name"], p["name"], out) for p in programs}
        return judge.chunks(programs, {name: done.result() for name, done in runs.items()})


def entry(mutant, result, by, how, seconds):
    return {"key": mutant.key, "file": mutant.file, "line": mutant.line, "kind": mutant.kind, "what": mutant.describe(),
            "context": mutant.site.context, "number": mutant.number, "result": result, "by": by, "how": how,
            "seconds": round(seconds, 1)}


def table(results, known):
    """The numbers by file and by kind, and the survivors."""
    lines = []
    for title in ("file", "kind"):
        lines.append(f"{title:32} mutants  equivalent  killed  survived")
        for name in sorted({r[title] for r in results}):
            here = [r for r in results if r[title] == name]
            count = {what: sum(r["result"] == what for r in here) for what in ("equivalent", "killed", "survived")}
            lines.append(f"{name:32} {len(here):7}  {count['equivalent']:10}  {count['killed']:6}  {count['survived']:8}")
        lines.append("")
    for r in results:
        if r["result"] == "survived":
            lines.append(f"{r['key']}  {r['file']}:{r['line']}  {r['kind']}: {r['what']}")
            lines.append(f"    {known[r['key']]['why'] if r['key'] in known else 'no reason yet'}")
    return "\n".join(lines) + "\n"


def summarize(out, results, known, seconds):
    count = {what: sum(r["result"] == what for r in results) for what in ("equivalent", "killed", "survived")}
    rest = len(results) - count["equivalent"]
    score = count["killed"] / rest if rest else 1.0
    summary = {"mutants": len(results), **count, "score": round(score, 4), "reasons": sum(
        r["result"] == "survived" and r["key"] in known for r in results), "seconds": round(seconds)}
    plan.write(out / "summary.json", json.dumps(summary, indent=1) + "\n")
    plan.write(out / "results.json", json.dumps(results, indent=1) + "\n")
    plan.write(out / "table.txt", table(results, known))
    return summary


class Run:
    """One run over the chosen mutants."""

    def __init__(self, out, made, binaries, options, until):
        self.out, self.made, self.binaries, self.options = out, made, binaries, options
        self.lock, self.done = threading.Lock(), []
        self.until = until
        self.blocks, self.tasks = prove.load_blocks(), prove.formal_tasks()

    def test(self, mutant):
        """By the test programs; None when it survives them."""
        started = time.monotonic()
        found = judge.judge(mutant, self.made, self.binaries, self.lock)
        if not found:
            return None
        program, test, how = found
        return entry(mutant, "killed", f"{program} {test}", how, time.monotonic() - started)

    def prove(self, mutant):
        """What the tests let live."""
        started = time.monotonic()
        if started > self.until:
            return entry(mutant, "survived", "", "no time was left to compare it", 0)
        verdict = prove.equivalent(mutant, self.blocks, self.out / "proofs", self.options.proof_seconds)
        if verdict == "equivalent":
            return entry(mutant, "equivalent", "yosys and abc", "proof", time.monotonic() - started)
        task = prove.killed_by_proof(mutant, self.tasks.get(mutant.file, []), self.out / "proofs",
                                     self.options.proof_seconds * 2)
        result = entry(mutant, "killed" if task else "survived", f"make formal ONLY={task}" if task else "", "proof",
                       time.monotonic() - started)
        result["compared"] = verdict
        return result

    def each(self, what, step, mutants):
        """step() of each of them; those for which it says nothing."""
        left = []
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            runs = {pool.submit(step, mutant): mutant for mutant in mutants}
            for number, done in enumerate(concurrent.futures.as_completed(runs), 1):
                result = done.result()
                if result is None:
                    left.append(runs[done])
                else:
                    self.done.append(result)
                if number % 20 == 0 or number == len(runs):
                    print(f"mutate: {what}: {number} of {len(runs)}, {len(left)} of them survive", flush=True)
                elif result and result["result"] == "survived":
                    print(f"  {result['file']}:{result['line']} {result['kind']}: {result['what'][:150]}", flush=True)
        return left

    def all(self, mutants):
        left = self.each("tests", self.test, mutants)
        self.each("proofs", self.prove, left)
        return sorted(self.done, key=lambda r: r["number"])


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("--count", type=int, default=360)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--files", help="only of these files, globs of their names without .sv, by comma")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--proof-seconds", type=int, default=60)
    parser.add_argument("--minutes", type=float, default=55, help="after which no further survivor is compared")
    parser.add_argument("--again", action="store_true", help="only the survivors of the last run, with what is new")
    parser.add_argument("--list", action="store_true", help="name the mutants and end")
    options = parser.parse_args(argv)
    started = time.monotonic()
    out = options.build.resolve() / "mutate"
    try:
        files = plan.matching(plan.sources(), options.files)
        if not files:
            sys.exit(f"mutate: no file like {options.files}")
        chosen = plan.choose(plan.candidates(files), options.count, options.seed)
        if options.list:
            for mutant in chosen:
                print(f"{mutant.key}  {mutant.file}:{mutant.line}  {mutant.kind}: {mutant.describe()}")
            return 0
        absent = prove.missing()
        if absent:
            sys.exit(f"mutate: {', '.join(absent)} not installed: run `make deps`")
        known = reasons()
        touched = {mutant.file for mutant in chosen}
        programs = [program for program in plan.load_programs() if program["judges"] & touched]
        blind = touched - set().union(*(program["judges"] for program in programs))
        if blind:
            raise plan.PlanError(f"no program of programs.toml judges {', '.join(sorted(blind))}")
        plan.emit(chosen, out)
        print(f"mutate: {len(chosen)} mutants in {len(touched)} files; building {len(programs)} programs", flush=True)
        # Beside the build directory: ccache knows what is the same there.
        base = options.build.resolve()
        binaries = build(out, base.with_name(f"{base.name}-mutate"), programs, options.jobs)
        print(f"mutate: built in {time.monotonic() - started:.0f} s", flush=True)
        made = measure(out, binaries, programs, options.jobs)
        print(f"mutate: {sum(len(chunk.tests) for chunk in made)} tests, "
              f"{sum(chunk.seconds for chunk in made):.0f} s without a mutant", flush=True)
        kept = []
        if options.again:
            last = {r["key"]: r for r in json.loads((out / "results.json").read_text(encoding="utf-8"))}
            kept = [dict(last[m.key], line=m.line, number=m.number) for m in chosen
                    if last.get(m.key, {}).get("result", "survived") != "survived"]
        old = {r["key"] for r in kept}
        results = Run(out, made, binaries, options, started + 60 * options.minutes).all([m for m in chosen if m.key not in old])
        results = sorted(kept + results, key=lambda r: r["number"])
        summary = summarize(out, results, known, time.monotonic() - started)
    except (plan.PlanError, judge.JudgeError, source.SourceError, tomllib.TOMLDecodeError, OSError) as error:
        sys.exit(f"mutate: {error}")
    print((out / "table.txt").read_text(encoding="utf-8"))
    print(f"mutate: {summary['mutants']} mutants: {summary['equivalent']} equivalent, {summary['killed']} killed, "
          f"{summary['survived']} survived, {summary['reasons']} of these with a reason; score {summary['score']:.3f}; "
          f"{summary['seconds']} s")
    return 0 if summary["score"] >= WANTED and summary["reasons"] == summary["survived"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
