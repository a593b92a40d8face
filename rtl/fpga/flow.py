#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Synthesise, place and route: flow.py BUILD [--part NAME] [--conf NAME[,NAME...]] [--seed N] [--accept] [--list]

rtl/fpga/configs.toml names the configurations. Each is put into a harness of four pins, goes through yosys and
nextpnr, and is measured: LUT, flip-flops, block RAM, clock, area by block, the ten worst paths. What is worse than
rtl/fpga/baseline.json by more than 5 % fails; --accept writes the measured figures there instead.

Writes BUILD/fpga/summary.json. The exit status is 0 when nothing failed, and when the tools cannot be had: then the
summary says why in "skipped". docs/fpga.md says more.
"""
import argparse
import json
import subprocess
import sys
import time
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent))
from fpga import chroot, harness, report, timing

BASELINE = HERE / "baseline.json"
PARTS = {"ecp5-85": {"about": "LFE5U-85F, speed 8", "options": ["--85k", "--package", "CABGA756", "--speed", "8"]},
         "ecp5-85-6": {"about": "LFE5U-85F, speed 6", "options": ["--85k", "--package", "CABGA756", "--speed", "6"]}}
NOT_YET = {"xc7a200t": "the flow for it needs Debian's unreleased tools and is not here yet; "
                       "docs/fpga.md says how to bring the RTL to Vivado"}
KEYS = {"about", "top", "source", "list", "leave_open", "tie", "set", "prefix"}


class FlowError(Exception):
    """A run that failed, with the reason."""


def load(path):
    configs = tomllib.loads(path.read_text(encoding="utf-8"))
    for name, config in configs.items():
        wrong = [f"unknown key {key}" for key in sorted(config.keys() - KEYS)]
        wrong += [f"{key} is missing" for key in ("about", "top", "source", "list", "set") if key not in config]
        wrong += [f"no file {config[key]}" for key in ("source", "list") if key in config and not (ROOT / config[key]).is_file()]
        if wrong:
            raise FlowError(f"{path.name}: {name}: {', '.join(wrong)}")
    return configs


def sources(file_list):
    lines = (ROOT / file_list).read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("//")]


def build(tools, name, config, part, seed, out):
    """One configuration through the flow; what was measured."""
    out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    text = harness.write((ROOT / config["source"]).read_text(encoding="utf-8"), config["top"], config["set"],
                         config.get("tie", {}), config.get("leave_open"))
    (out / "harness.sv").write_text(text, encoding="utf-8")
    inside = f"/out/{out.name}"
    script = (f"read_verilog -sv {' '.join(sources(config['list']))} {inside}/harness.sv; "
              f"hierarchy -check -top {harness.NAME}; chformal -remove; "
              f"synth_ecp5 -top {harness.NAME} -json {inside}/netlist.json")
    print(f"fpga: {name}: synthesis", flush=True)
    if not tools.run(["yosys", "-q", "-l", f"{inside}/yosys.log", "-p", script], out / "yosys.err"):
        raise FlowError(f"{name}: synthesis failed")
    print(f"fpga: {name}: place and route, {time.monotonic() - started:.0f} s so far", flush=True)
    # The clock asked for is beyond reach, so that the worst path is worked on to the end.
    if not tools.run(["nextpnr-ecp5", *PARTS[part]["options"], "--freq", "150", "--timing-allow-fail", "--seed", str(seed),
                      "--json", f"{inside}/netlist.json", "--report", f"{inside}/report.json", "--sdf",
                      f"{inside}/delays.sdf", "--textcfg", f"{inside}/config.txt"], out / "nextpnr.log"):
        raise FlowError(f"{name}: place and route failed")
    measured = measure(out, config)
    return {"part": part, "config": name, "seed": seed, **measured, "duration_s": round(time.monotonic() - started, 1)}


def measure(out, config):
    """What stands in the files of a run."""
    module = json.loads((out / "netlist.json").read_text(encoding="utf-8"))["modules"][harness.NAME]
    names = report.Names(module, harness.DUT, tuple(config.get("prefix", ())))
    measured = report.totals(json.loads((out / "report.json").read_text(encoding="utf-8")))
    with open(out / "delays.sdf", encoding="utf-8") as lines:
        paths = timing.worst_paths(lines, names.path)
    # Two ways to the same figure: when they differ, the paths are not those that limit the clock.
    if not paths or abs(1e6 / paths[0].ps - measured["fmax_mhz"]) > 0.02 * measured["fmax_mhz"]:
        raise FlowError(f"the worst path found takes {paths[0].ps / 1000 if paths else 0:.2f} ns, "
                        f"but nextpnr says {measured['fmax_mhz']} MHz")
    return {**measured, "blocks": report.area_by_block(module, names),
            "paths": [{"ns": round(path.ps / 1000, 2), "from": names.path(path.start[0]), "to": names.path(path.end[0]),
                       "levels": len(path.cells), "cells": path.cells} for path in paths]}


def git(*arguments):
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def accepted(path=BASELINE):
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("--part", default="ecp5-85")
    parser.add_argument("--conf", default="default", help="configurations, by comma")
    parser.add_argument("--seed", type=int, default=1, help="of the placement")
    parser.add_argument("--accept", action="store_true", help="the measured figures are the new baseline")
    parser.add_argument("--list", action="store_true", help="name configurations and parts, and end")
    parser.add_argument("--configs", type=Path, default=HERE / "configs.toml")
    options = parser.parse_args(argv)
    try:
        configs = load(options.configs)
    except (OSError, FlowError, tomllib.TOMLDecodeError) as error:
        sys.exit(f"fpga: {error}")
    if options.list:
        for name, config in configs.items():
            print(f"{name:16} {config['about']}")
        for name, part in PARTS.items():
            print(f"PART={name:11} {part['about']}")
        return 0
    if options.part in NOT_YET:
        sys.exit(f"fpga: PART={options.part}: {NOT_YET[options.part]}")
    if options.part not in PARTS:
        sys.exit(f"fpga: no part {options.part} (there are {', '.join(PARTS)})")
    wanted = options.conf.split(",")
    unknown = [name for name in wanted if name not in configs]
    if unknown:
        sys.exit(f"fpga: no configuration {', '.join(unknown)} (there are {', '.join(configs)})")
    out = options.build.resolve() / "fpga"
    out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    summary = {"schema": 1, "commit": git("rev-parse", "HEAD"), "config": ",".join(wanted), "seed": options.seed,
               "tools": "", "duration_s": 0, "runs": []}
    failed = []
    try:
        tools = chroot.Tools(ROOT, out)
        summary["tools"] = tools.version
        baseline = accepted()
        for name in wanted:
            try:
                run = build(tools, name, configs[name], options.part, options.seed, out / f"{options.part}.{name}")
            except (FlowError, harness.HarnessError, report.ReportError, timing.TimingError) as error:
                failed.append(str(error))
                continue
            print(report.text(run), flush=True)
            summary["runs"].append(run)
            if options.accept:
                baseline.setdefault(options.part, {})[name] = {key: run[key] for key in ("lut", "ff", "bram", "fmax_mhz")}
                BASELINE.write_text(json.dumps(baseline, indent=1, sort_keys=True) + "\n", encoding="utf-8")
            elif name in baseline.get(options.part, {}):
                run["accepted"] = baseline[options.part][name]
                failed += [f"{name}: {wrong}" for wrong in report.compare(run, run["accepted"])]
            else:
                print(f"fpga: {name} on {options.part} has no accepted figures: nothing to compare with", flush=True)
    except chroot.Unavailable as reason:
        summary["skipped"] = str(reason)
    summary["duration_s"] = round(time.monotonic() - started, 1)
    (out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    for line in failed:
        print(f"fpga: {line}", file=sys.stderr)
    if "skipped" in summary:
        print(f"fpga: skipped: {summary['skipped']}")
    elif not failed:
        print(f"fpga: {len(summary['runs'])} built{', the new baseline' if options.accept else ', none worse than accepted'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
