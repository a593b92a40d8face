# SPDX-License-Identifier: Apache-2.0
"""What is asked about a mutant that no test killed: is it a different design at all, and do the proofs see it?

Equivalence: yosys makes a miter of the block and its mutant, with the same inputs for both, in every size that
blocks.toml names; abc proves without bound that no output ever differs, whatever the inputs are, a reset at any time
among them. Registers begin with 0 in both. The block's own assertions are assumed to hold: `make formal` proves them or
every simulation checks them.

A block made of others is first compared with these cut out: what they say is the same for both and free, what they are
told is an output. That decides quickly, and what is the same then is the same for sure; where it differs the whole is
compared, unless it is among blocks.toml's `cut_only`, which are too large.
"""
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import plan
import source

TOOLS = ("yosys", "yosys-abc")
MOST_KIB = 6 << 20  # of memory, for one tool
PROVED = re.compile(r"Property proved|The network is trivially unsat|Networks are equivalent|Undecided = 0.*")


def load_blocks(path=plan.HERE / "blocks.toml"):
    """{module: [parameters]} of the sizes to compare, without an entry its default size; and the list `cut_only`."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def missing():
    return [tool for tool in TOOLS if not shutil.which(tool)]


def run(command, log, seconds):
    """The output, or None; the time is the processor's, so that a busy machine changes no verdict."""
    limited = ["/bin/sh", "-c", f'ulimit -t {seconds}; ulimit -v {MOST_KIB}; exec "$0" "$@"', *command]
    done = subprocess.run(limited, cwd=plan.ROOT, capture_output=True, text=True, check=False)
    log.write_text(done.stdout + done.stderr, encoding="utf-8")
    return done.stdout if done.returncode == 0 else None


def read(module, files, parameters, name, assertions, cut):
    """yosys commands: the block as one flat netlist, called `name`. cut: the blocks in it become ports."""
    chparam = " ".join(f"-set {key} {value}" for key, value in parameters.items())
    inside = ([f"select -module {name}", "expose -evert t:*", "select -clear", f"hierarchy -top {name}"]
              if cut else ["flatten"])
    return [f"read_verilog -formal -sv {' '.join(files)}",
            f"chparam {chparam} {module}" if chparam else "",
            f"hierarchy -top {module}", f"rename -top {name}", "proc", *inside, "async2sync", "memory_map", "setundef -undriven -zero",
            "setundef -zero", "setundef -init -zero", "opt -fast", "chformal -cover -remove", assertions, "opt_clean",
            f"design -stash {name}"]


def needed(file, listed):
    """The files of the list that the block wants, in the list's order."""
    by_stem = {Path(path).stem: path for path in listed}
    wanted, left = set(), [file]
    while left:
        path = left.pop()
        if path not in wanted:
            wanted.add(path)
            words = set(re.findall(r"\w+", (plan.ROOT / path).read_text(encoding="utf-8")))
            left += [by_stem[stem] for stem in by_stem.keys() & words]
    return [path for path in listed if path in wanted]


def same(mutant, parameters, out, seconds, cut):
    """'equivalent', 'different' or 'undecided' for one size of the block."""
    module = Path(mutant.file).stem
    listed = parts(mutant)
    size = "_".join(f"{key}{value}" for key, value in parameters.items()).replace("'", "")
    stem = out / "_".join(filter(None, (mutant.key, module, size, "cut" if cut else "")))
    text = (plan.ROOT / mutant.file).read_text(encoding="utf-8")
    changed = Path(f"{stem}.sv")
    changed.write_text(source.apply(text, mutant.site, mutant.variant), encoding="utf-8")
    other = [str(changed) if file == mutant.file else file for file in listed]
    script = read(module, listed, parameters, "gold", "chformal -assert2assume", cut)
    script += read(module, other, parameters, "gate", "chformal -assert -remove; chformal -assume -remove", cut)
    script += ["design -copy-from gold -as gold gold", "design -copy-from gate -as gate gate",
               "miter -equiv -flatten -make_assert gold gate miter", "hierarchy -top miter", "opt -fast", "techmap",
               "opt -fast", "dffunmap", "setundef -zero", "aigmap", "opt_clean", f"write_aiger -zinit {stem}.aig"]
    if run(["yosys", "-q", "-p", "; ".join(filter(None, script))], Path(f"{stem}.yosys.log"), seconds) is None:
        return "undecided"
    found = run(["yosys-abc", "-c", f"read_aiger {stem}.aig; fold; scleanup; scorr; dc2; scorr; print_stats; "
                                    f"bmc3 -F 12 -T {max(5, seconds // 6)}; pdr -T {seconds}"],
                Path(f"{stem}.abc.log"), seconds * 3)
    if found is None:
        return "undecided"
    if re.search(r"was asserted in frame", found):
        return "different"
    return "equivalent" if PROVED.search(found) else "undecided"


def parts(mutant):
    """The files of its block."""
    lists = [plan.list_files(name) for name in ("rtl/iommu.f", "rtl/dma.f")]
    return needed(mutant.file, next(files for files in lists if mutant.file in files))


def equivalent(mutant, blocks, out, seconds):
    """Whether every size of the block is proved to be the same with this mutant."""
    out.mkdir(parents=True, exist_ok=True)
    module = Path(mutant.file).stem
    composed = any(not Path(file).stem.endswith("_pkg") for file in parts(mutant) if file != mutant.file)
    verdict = "undecided"
    for parameters in blocks.get(module, [{}]):
        verdict = "undecided"
        if composed and same(mutant, parameters, out, seconds, True) == "equivalent":
            verdict = "equivalent"
        elif not composed or module not in blocks.get("cut_only", []):
            verdict = same(mutant, parameters, out, seconds, False)
        if verdict != "equivalent":
            break
    return verdict


def all_tasks():
    return tomllib.loads((plan.ROOT / "tests" / "formal" / "tasks.toml").read_text(encoding="utf-8"))["task"]


def about(task):
    """The files that it is about."""
    return {f"rtl/{block}.sv" for block in (task["block"], *task.get("about", []))}


def formal_tasks():
    """{file: [task]} of the proofs that are about it, and of quick ones in which it is a part; the quick ones first."""
    found = {}
    for task in sorted(all_tasks(), key=lambda task: (not task.get("quick", False), task.get("seconds", 120))):
        for file in task["files"]:
            if task.get("quick") or file in about(task):
                found.setdefault(file, []).append(task["name"])
    return found


def killed_by_proof(mutant, tasks, out, seconds):
    """The first of the proofs that fails on the mutant, or None; tests/formal/run.py runs on a tree that has it."""
    tree = out / f"{mutant.key}.tree"
    if tree.exists():
        shutil.rmtree(tree)
    tree.mkdir(parents=True)
    shutil.copytree(plan.ROOT / "rtl", tree / "rtl")
    shutil.copytree(plan.ROOT / "tests" / "formal", tree / "tests" / "formal", ignore=shutil.ignore_patterns("__pycache__"))
    text = (plan.ROOT / mutant.file).read_text(encoding="utf-8")
    (tree / mutant.file).write_text(source.apply(text, mutant.site, mutant.variant), encoding="utf-8")
    own = {task["name"]: 60 + 2 * task.get("seconds", 120) for task in all_tasks() if mutant.file in about(task)}
    killer = None
    for task in tasks:
        try:
            # A proof of its own may take its own time.
            done = subprocess.run([sys.executable, str(tree / "tests" / "formal" / "run.py"), str(tree), "--only", task,
                                   "--jobs", "1"], capture_output=True, text=True, timeout=max(seconds, own.get(task, 0)), check=False)
        except subprocess.TimeoutExpired:
            continue
        (tree / f"{task}.log").write_text(done.stdout + done.stderr, encoding="utf-8")
        # Undecided is no verdict; a property that fails or a state that is no longer reached is one.
        if done.returncode == 1 and re.search(r"^  (failed|not reached): ", done.stdout, re.M):
            if not re.search(rf"^formal: {re.escape(task)}: ", done.stderr, re.M):
                killer = task
                break
    shutil.rmtree(tree / "rtl")
    return killer
