# SPDX-License-Identifier: Apache-2.0
"""GoogleTest's XML for test cases that are runs of the program."""
import os
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass


@dataclass
class Case:
    """One run; `failure` is None when it passed."""

    name: str
    seconds: float
    covers: list
    failure: str | None = None


def write(output, suite_name, cases):
    """Write the file; 1 when a case failed, else 0."""
    root = ElementTree.Element("testsuites", name=output.stem)
    suite = ElementTree.SubElement(root, "testsuite", name=suite_name)
    for case in cases:
        entry = ElementTree.SubElement(suite, "testcase", classname=suite_name, status="run", result="completed",
                                       name=case.name, time=f"{case.seconds:.3f}")
        properties = ElementTree.SubElement(entry, "properties")
        ElementTree.SubElement(properties, "property", name="rule", value=",".join(case.covers))
        if case.failure:
            ElementTree.SubElement(entry, "failure", message=case.failure)
    output.parent.mkdir(parents=True, exist_ok=True)
    # In one step, so that a run that is cut off leaves no half file.
    partial = output.with_suffix(f".{os.getpid()}")
    partial.write_text(ElementTree.tostring(root, encoding="unicode", xml_declaration=True), encoding="utf-8")
    partial.replace(output)
    return 1 if any(case.failure for case in cases) else 0
