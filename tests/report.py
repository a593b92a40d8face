#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gather what the test programs left behind: junit.xml, rules.json, contract.json, and the last line "N passed, N failed".

usage: report.py --build DIR [--rules FILE] [--contract FILE] [--filter REGEX] [--case]

Each test program writes GoogleTest's XML to the path it was given with --gtest_output; CTest's own record
(<build>/test/ctest.xml) tells how the process ended. A program that left no readable XML, ran no test, crashed, timed
out or was never started counts as one failed test, so nothing passes by vanishing. The programs also leave what they measured
of the cycle contract (<build>/test/contract/*.jsonl); it is added up and printed. Exit status: 0 when nothing
failed, 1 otherwise, 2 when the build directory cannot be read.
"""
import argparse
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

OUTPUT_FLAG = "--gtest_output=xml:"


class ReportError(Exception):
    """The report itself cannot be made."""


@dataclass
class Case:
    """One test case; `failure` is None when it passed."""

    suite: str
    name: str
    seconds: float = 0.0
    failure: str | None = None
    skipped: bool = False
    program: str = ""
    rules: list = field(default_factory=list)

    @property
    def full_name(self):
        return f"{self.suite}.{self.name}"

    @property
    def where(self):
        """With the program: one source may be built into several, for example per value of Pipe."""
        return f"{self.program}: {self.full_name}" if self.program else self.full_name


class Rules:
    """The names that covers() may use, and those of them that a whole run must cover: tests/rules.txt."""

    def __init__(self, text, source="rules.txt"):
        self.names, self.patterns, self.required = set(), [], set()
        for number, line in enumerate(text.splitlines(), 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            where = f"{source}:{number}"
            required = line.split()[0] == "required"
            if required:
                line = line.removeprefix("required").strip()
            span = re.fullmatch(r"([A-Za-z]+)(\d+)-\1(\d+)", line)
            if span:
                low, high = int(span[2]), int(span[3])
                if low > high:
                    raise ReportError(f"{where}: the range {line} is upside down")
                names = {f"{span[1]}{n}" for n in range(low, high + 1)}
                self.names |= names
                if required:
                    self.required |= names
            elif required and not re.fullmatch(r"[A-Za-z0-9_.]+", line):
                raise ReportError(f"{where}: \"required\" goes with a name or a range, not with \"{line}\"")
            elif required:
                self.names.add(line)
                self.required.add(line)
            elif len(line) > 2 and line.startswith("/") and line.endswith("/"):
                try:
                    self.patterns.append(re.compile(line[1:-1]))
                except re.error as e:
                    raise ReportError(f"{where}: {line} is no regular expression: {e}") from None
            elif re.fullmatch(r"[A-Za-z0-9_.]+", line):
                self.names.add(line)
            else:
                raise ReportError(f"{where}: \"{line}\" is neither a name, a range nor a /pattern/")

    def knows(self, name):
        return name in self.names or any(p.fullmatch(name) for p in self.patterns)


def read_program(path):
    """The cases of one GoogleTest XML file. Raises ReportError when it is missing or cut short."""
    try:
        root = ElementTree.parse(path).getroot()
    except FileNotFoundError:
        raise ReportError("left no result file") from None
    except (OSError, ElementTree.ParseError) as e:
        raise ReportError(f"left an unreadable result file: {e}") from None
    cases = []
    for node in root.iter("testcase"):
        case = Case(node.get("classname", ""), node.get("name", ""), float(node.get("time") or 0))
        problems = [f.get("message") or f.text or "failed" for f in node if f.tag in ("failure", "error")]
        if problems:
            case.failure = "\n".join(problems)
        elif node.get("status") == "notrun":
            if node.get("result") == "suppressed":
                continue  # disabled or filtered out: not part of this run
            case.skipped = True
        case.skipped = case.failure is None and (
            case.skipped or node.get("result") == "skipped" or node.find("skipped") is not None)
        for prop in node.iter("property"):
            if prop.get("name") == "rule":
                case.rules += [r.strip() for r in prop.get("value", "").split(",") if r.strip()]
        cases.append(case)
    # A suite that failed outside its cases (SetUpTestSuite, an exception in the environment).
    for suite in root.iter("testsuite"):
        for f in suite:
            if f.tag in ("failure", "error"):
                cases.append(Case(suite.get("name", ""), "suite", failure=f.get("message") or f.text or "failed"))
    return cases


def read_ctest(path):
    """How each CTest entry ended: {name: (passed, note, output)}; empty when CTest left no record."""
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError):
        return {}
    ends = {}
    for node in root.iter("testcase"):
        failure = node.find("failure")
        note = (failure.get("message") if failure is not None else "") or node.get("status", "")
        ends[node.get("name")] = (node.get("status") == "run", note, (node.findtext("system-out") or "").rstrip())
    return ends


def expected_programs(build, selection):
    """The CTest entries of this run: {name: path of its XML, or None}."""
    command = ["ctest", "--test-dir", str(build), "--show-only=json-v1"] + (["-R", selection] if selection else [])
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        listing = json.loads(done.stdout)
    except FileNotFoundError:
        raise ReportError("ctest is not installed: run `make deps`") from None
    except (subprocess.CalledProcessError, json.JSONDecodeError) as e:
        raise ReportError(f"{' '.join(command)}: {getattr(e, 'stderr', None) or e}") from None
    return parse_listing(listing)


def parse_listing(listing):
    programs = {}
    for test in listing.get("tests", []):
        outputs = [a[len(OUTPUT_FLAG):] for a in test.get("command", []) if a.startswith(OUTPUT_FLAG)]
        programs[test["name"]] = Path(outputs[-1]) if outputs else None
    return programs


def gather(programs, ends, allow_empty=False):
    """All cases of the run, with one failed case for every program that did not end well."""
    cases = []
    for name, path in programs.items():
        own = cases_of(name, path, ends.get(name, (False, "was not run", "")), allow_empty)
        for case in own:
            case.program = name
        cases += own
    if not cases:
        cases.append(Case("run", "program", failure="no test was selected"))
    return cases


def cases_of(name, path, end, allow_empty):
    """The cases of one CTest entry."""
    passed, note, output = end
    tail = "\n".join(output.splitlines()[-20:])
    if path is None:  # not a GoogleTest program: the process is the test
        return [Case("ctest", name, failure=None if passed else f"{note}\n{tail}")]
    try:
        own = read_program(path)
    except ReportError as e:
        return [Case(name, "program", failure=f"{e} (process: {note or 'ended'})\n{tail}")]
    if not own and not allow_empty:
        return [Case(name, "program", failure="ran no test")]
    if not passed and not any(c.failure for c in own):
        own.append(Case(name, "program", failure=f"every test passed, but the process did not: {note}\n{tail}"))
    return own


def rule_table(cases, rules):
    """rules.json's content, and one failed case per name that rules.txt does not know."""
    table, unknown = {}, {}
    for case in cases:
        for rule in case.rules:
            if not rules.knows(rule):
                unknown.setdefault(rule, Case("rules", rule, failure=f"{case.where} covers \"{rule}\", which is not in "
                                                                     "tests/rules.txt"))
                continue
            if case.skipped:
                continue  # a skipped test proves nothing
            entry = table.setdefault(rule, {"tests": [], "status": "pass"})
            if case.full_name not in entry["tests"]:
                entry["tests"].append(case.full_name)
            if case.failure:
                entry["status"] = "fail"

    def natural(item):
        return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", item[0])]

    return dict(sorted(table.items(), key=natural)), list(unknown.values())


def uncovered(table, rules):
    """One failed case per required rule that no test of the run names."""
    return [Case("rules", rule, failure=f"no test covers \"{rule}\", which tests/rules.txt requires")
            for rule in sorted(rules.required - table.keys(), key=lambda r: (r[0], len(r), r))]


def read_contract(directory):
    """What the run's checkers measured, added up: {promise: {pipe: {"deviation": Counter, "cycles": Counter}}}."""
    total = {}
    for path in sorted(directory.glob("*.jsonl")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                entry = json.loads(line)
                for name, measured in entry["promises"].items():
                    own = total.setdefault(name, {}).setdefault(
                        entry["pipe"], {"deviation": Counter(), "cycles": Counter()})
                    for kind, counter in own.items():
                        counter.update({int(key): count for key, count in measured[kind].items()})
            except (json.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as e:
                raise ReportError(f"{path}:{number}: not a line of measurements: {e!r}") from None
    return total


def contract_promises(path):
    """{name: whether its formula is a bound} of a contract file."""
    try:
        promises = json.loads(path.read_text(encoding="utf-8"))["promises"]
        return {p["name"]: p.get("relation", "exact") == "at_most" for p in promises}
    except (OSError, json.JSONDecodeError, KeyError, TypeError) as e:
        raise ReportError(f"{path}: no contract: {e!r}") from None


def histogram(counter, most=6):
    """The frequent values of a counter in order, the rest as one sum."""
    common = dict(counter.most_common(most))
    parts = [f"{key:+d}: {common[key]}" if key else f"0: {common[key]}" for key in sorted(common)]
    rest = sum(counter.values()) - sum(common.values())
    return ", ".join(parts) + (f", other: {rest}" if rest else "")


def contract_table(promises, total, pipes=(0, 1)):
    """Lines for people, and the promises that never occurred, with the pipe."""
    lines, missing = ["contract: occurrences, and cycles measured less cycles promised to how often"], []
    for name, bound in promises.items():
        for pipe in pipes:
            deviation = total.get(name, {}).get(pipe, {}).get("deviation", Counter())
            count = sum(deviation.values())
            if not count:
                missing.append(f"{name} (Pipe {pipe})")
            shape = histogram(deviation)
            lines.append(f"  {name + (' <=' if bound else ' =='):22} Pipe {pipe} {count:9}  {shape}".rstrip())
    return lines, missing


def junit(cases):
    """One JUnit document: a <testsuite> per program."""
    suites = {}
    for case in cases:
        suites.setdefault(case.program or case.suite, []).append(case)

    def counts(some):
        return {"tests": str(len(some)), "failures": str(sum(c.failure is not None for c in some)),
                "skipped": str(sum(c.skipped for c in some)), "errors": "0",
                "time": f"{sum(c.seconds for c in some):.3f}"}

    root = ElementTree.Element("testsuites", name="gpu-dmar", **counts(cases))
    for name, members in suites.items():
        suite = ElementTree.SubElement(root, "testsuite", name=name, **counts(members))
        for case in members:
            node = ElementTree.SubElement(suite, "testcase", classname=case.suite, name=case.name,
                                          time=f"{case.seconds:.3f}")
            if case.rules:
                properties = ElementTree.SubElement(node, "properties")
                ElementTree.SubElement(properties, "property", name="rule", value=",".join(case.rules))
            if case.failure is not None:
                failure = ElementTree.SubElement(node, "failure", message=printable(case.failure.split("\n")[0]))
                failure.text = printable(case.failure)
            elif case.skipped:
                ElementTree.SubElement(node, "skipped")
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def printable(text):
    """Without the control characters that XML 1.0 cannot hold."""
    return re.sub(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD]", "?", text)


def write_report(build, rules, programs, ends, allow_empty=False, out=sys.stdout, whole=False, promises=None):
    """Write junit.xml, rules.json and contract.json, print what failed and the last line; the number of failures. In a
    whole run every required rule must be covered and every promise of the contract have occurred."""
    cases = gather(programs, ends, allow_empty)
    table, unknown = rule_table(cases, rules)
    cases += unknown
    contract = read_contract(build / "test" / "contract")
    lines, missing = contract_table(promises or {}, contract)
    if whole:
        cases += uncovered(table, rules)
        cases += [Case("contract", name, failure="the promise never occurred in this run") for name in missing]
    target = build / "test"
    target.mkdir(parents=True, exist_ok=True)
    (target / "junit.xml").write_text(junit(cases), encoding="utf-8")
    (target / "rules.json").write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    (target / "contract.json").write_text(json.dumps(contract, indent=1) + "\n", encoding="utf-8")
    if promises and contract:
        print("\n".join(lines), file=out)
    failed = [c for c in cases if c.failure is not None]
    skipped = [c for c in cases if c.skipped]
    for case in failed:
        print(f"FAILED {case.where}: {case.failure}", file=out)
    for case in skipped:
        print(f"skipped {case.where}", file=out)
    print(f"{len(table)} rules covered, {sum(e['status'] == 'fail' for e in table.values())} of them failing: "
          f"{target / 'rules.json'}", file=out)
    print(f"{len(cases) - len(failed) - len(skipped)} passed, {len(failed)} failed", file=out)
    return len(failed)


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=Path, required=True, help="the build directory")
    parser.add_argument("--rules", type=Path, default=Path(__file__).with_name("rules.txt"))
    parser.add_argument("--contract", type=Path,
                        default=Path(__file__).resolve().parents[1] / "sim" / "contract" / "contract.json")
    parser.add_argument("--filter", default="", help="the regular expression that ctest -R was given")
    parser.add_argument("--case", action="store_true", help="single cases were selected: a program may run none")
    args = parser.parse_args(argv)
    try:
        rules = Rules(args.rules.read_text(encoding="utf-8"), str(args.rules))
        programs = expected_programs(args.build, args.filter)
        ends = read_ctest(args.build / "test" / "ctest.xml")
        whole = not args.filter and not args.case
        promises = contract_promises(args.contract)
        return 1 if write_report(args.build, rules, programs, ends, args.case, whole=whole, promises=promises) else 0
    except (ReportError, OSError) as e:
        print(f"report.py: {e}")
        print("0 passed, 1 failed")
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
