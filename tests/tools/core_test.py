# SPDX-License-Identifier: Apache-2.0
"""The FuseSoC core files: what they list is what the file lists and the modules have."""
import re
import subprocess
import sys
import unittest
from pathlib import Path

RTL = Path(__file__).resolve().parents[2] / "rtl"


def section(text, *keys):
    """Lines below nested keys of a YAML file in block style."""
    lines = text.splitlines()
    for depth, key in enumerate(keys):
        indent = "  " * depth
        start = lines.index(f"{indent}{key}:") + 1
        end = next((i for i in range(start, len(lines)) if lines[i] and not lines[i].startswith(indent + "  ")), len(lines))
        lines = lines[start:end]
    return lines


def files(core):
    text = (RTL / f"{core}.core").read_text()
    listed = [line.strip()[2:] for line in section(text, "filesets", "rtl", "files")]
    needs = [line.strip()[2:] for line in section(text, "filesets", "rtl", "depend")] if "    depend:" in text else []
    for need in needs:
        name, version = re.fullmatch(r"gpudmar:ip:(\w+):([\d.]+)", need).groups()
        assert f"name: gpudmar:ip:{name}:{version}\n" in (RTL / f"{name}.core").read_text(), need
        listed += files(name)
    return listed


def listed(name):
    lines = (RTL / f"{name}.f").read_text().splitlines()
    return [line.strip()[4:] for line in lines if line.strip() and not line.startswith("//")]


class CoreTest(unittest.TestCase):
    def test_current(self):
        done = subprocess.run([sys.executable, str(RTL / "cores.py"), "--check"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_files(self):
        for name in ("iommu", "gpu_dmar"):
            self.assertEqual(sorted(files(name)), sorted(listed(name)), name)
            for path in files(name):
                self.assertTrue((RTL / path).exists(), path)

    def test_headers(self):
        for name in ("iommu", "gpu_dmar"):
            text = (RTL / f"{name}.core").read_text()
            self.assertTrue(text.startswith("CAPI=2:\n"), name)
            for target in ("default", "lint", "synth"):
                self.assertTrue(section(text, "targets", target), target)

    def test_parameters(self):
        for name, path in (("iommu", "iommu/iommu.sv"), ("gpu_dmar", "gpu_dmar.sv")):
            core = (RTL / f"{name}.core").read_text()
            module = (RTL / path).read_text()
            given = [line[2:-1] for line in section(core, "parameters") if re.match(r"  \w", line)]
            self.assertGreater(len(given), 5)
            header = module[module.index(f"module {name} #("):module.index("\n) (")]
            for parameter in given:
                self.assertRegex(header, rf"parameter [^=]*\b{parameter}\s*=")
                default = int(next(line for line in section(core, "parameters", parameter) if "default:" in line).split()[1])
                text = re.search(rf"\b{parameter}\s*=\s*([\w']+)", header).group(1)
                value = int(text.split("'b")[1], 2) if "'b" in text else int(text)
                self.assertEqual(default, value, parameter)
            # What a user may set and the core file does not offer: nothing but what is derived or too wide.
            every = set(re.findall(r"^\s*parameter [^=]*?(\w+)\s*=", header, re.M))
            self.assertLessEqual(every - set(given), {"PortWidth", "IdWidth", "DataIdWidth", "TableIdWidth", "SourceIds"})


if __name__ == "__main__":
    unittest.main()
