# SPDX-License-Identifier: Apache-2.0
"""Chooses the mutants and writes the RTL that has all of them, each behind its number."""
import fnmatch
import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path

import source

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
# Packages hold constants and types, whose mutants would not elaborate or be others' business.
DIRECTORIES = ("rtl/iommu", "rtl/dma", "rtl/lib")
SELECT = """// Which mutant runs: GPUDMAR_MUTANT of the environment (tests/mutate/select.cpp).
package mutant_pkg;
  import "DPI-C" function int gpudmar_mutant();
  int unsigned id = gpudmar_mutant();
endpackage
"""


class PlanError(Exception):
    """What cannot be planned, with the reason."""


@dataclass
class Mutant:
    file: str
    line: int
    kind: str
    site: source.Site
    variant: source.Variant
    number: int = 0

    @property
    def key(self):
        return self.variant.key[:12]

    def describe(self):
        """What it changes, on one line."""
        was = source.squeeze(self.original)
        now = "nothing" if self.site.statement else source.squeeze(self.variant.text)
        return f"{was}  ->  {now}"

    original: str = ""


def list_files(path):
    """The sources that a file list names."""
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith(("//", "#", "+", "-"))]


def load_programs(path=HERE / "programs.toml"):
    programs = tomllib.loads(path.read_text(encoding="utf-8")).get("program", [])
    for program in programs:
        if program.keys() - {"name", "models", "list", "files"} or not {"name", "models", "list"} <= program.keys():
            raise PlanError(f"{path.name}: program {program.get('name', '?')}: unknown or missing key")
        listed = set(list_files(program["list"]))
        if "files" in program:
            stems = {Path(file).stem: file for file in listed}
            unknown = set(program["files"]) - stems.keys()
            if unknown:
                raise PlanError(f"{path.name}: program {program['name']}: no file {', '.join(sorted(unknown))}")
            listed = {stems[stem] for stem in program["files"]}
        program["judges"] = listed
    return programs


def sources():
    return [str(path.relative_to(ROOT)) for directory in DIRECTORIES
            for path in sorted((ROOT / directory).glob("*.sv")) if not path.stem.endswith("_pkg")]


def candidates(files):
    """Every mutant of the files: {kind: [Mutant]}, one a site and kind."""
    found = {}
    for file in files:
        text = (ROOT / file).read_text(encoding="utf-8")
        for site in source.sites(file, text):
            for variant in site.variants:
                mutant = Mutant(file, text.count("\n", 0, site.start) + 1, variant.kind, site, variant)
                mutant.original = text[site.start:site.end]
                found.setdefault(variant.kind, []).append(mutant)
    return found


def choose(found, count, seed):
    """The same number of every kind, by a hash, so that an edit elsewhere changes no choice; one mutant a site."""
    taken, chosen = set(), []
    kinds = sorted(found, key=lambda kind: len(found[kind]))
    for index, kind in enumerate(kinds):
        share = (count - len(chosen)) // (len(kinds) - index)
        order = sorted(found[kind], key=lambda m: hashlib.sha256(f"{seed}|{m.variant.key}".encode()).digest())
        for mutant in order:
            place = (mutant.file, mutant.site.start, mutant.site.end)
            if share == 0:
                break
            if place not in taken:
                taken.add(place)
                chosen.append(mutant)
                share -= 1
    chosen.sort(key=lambda m: (m.file, m.site.start, -m.site.end))
    for number, mutant in enumerate(chosen, 1):
        mutant.number = number
    return chosen


def write(path, text):
    """Left alone when it says the same, so that nothing is built anew."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def emit(chosen, out):
    """Writes out/rtl: the whole of rtl/ with the mutants in it."""
    for path in sorted((ROOT / "rtl").rglob("*.sv")):
        file = str(path.relative_to(ROOT))
        here = [(m.number, m.site, m.variant) for m in chosen if m.file == file]
        text = path.read_text(encoding="utf-8")
        write(out / file, source.select(text, here) if here else text)
    write(out / "rtl" / "mutant_pkg.sv", SELECT)


def matching(files, pattern):
    return [file for file in files if not pattern or any(fnmatch.fnmatch(Path(file).stem, p) for p in pattern.split(","))]
