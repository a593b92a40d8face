#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run the Python tests of a directory (default: this one) or of one file as one CTest entry, results in GoogleTest's XML.

usage: run.py --gtest_output=xml:FILE [DIRECTORY | TEST.py]
"""
import os
import sys
import time
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path


class XmlResult(unittest.TextTestResult):
    """Collects one <testcase> per test method."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.nodes = []

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()
        suite, name = type(test).__name__, test.id().rsplit(".", 1)[-1]
        self.nodes.append(ElementTree.Element("testcase", classname=suite, name=name, status="run",
                                              result="completed"))

    def stopTest(self, test):
        rules = getattr(getattr(test, getattr(test, "_testMethodName", ""), None), "rules", ())
        if rules:  # as covers() of a GoogleTest program
            properties = ElementTree.SubElement(self.nodes[-1], "properties")
            ElementTree.SubElement(properties, "property", name="rule", value=",".join(rules))
        self.nodes[-1].set("time", f"{time.monotonic() - self.started:.3f}")
        super().stopTest(test)

    def fail(self, test, err):
        if not self.nodes:  # setUpClass or an import failed: no test was started
            self.nodes.append(ElementTree.Element("testcase", classname="import", name=str(test), status="run"))
        ElementTree.SubElement(self.nodes[-1], "failure", message=self._exc_info_to_string(err, test))

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.fail(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self.fail(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.fail(subtest, err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.nodes[-1].set("result", "skipped")


def main(argv):
    outputs = [a.partition("xml:")[2] for a in argv if a.startswith("--gtest_output=xml:")]
    places = [a for a in argv if not a.startswith("--")]
    if len(outputs) != 1 or len(places) > 1 or len(argv) != 1 + len(places):
        sys.exit(__doc__)
    place = Path(places[0]) if places else Path(__file__).resolve().parent
    directory, pattern = (place.parent, place.name) if place.is_file() else (place, "*_test.py")
    suite = unittest.defaultTestLoader.discover(str(directory), pattern=pattern)
    result = unittest.TextTestRunner(resultclass=XmlResult, verbosity=2, stream=sys.stdout).run(suite)
    root = ElementTree.Element("testsuites", name=Path(outputs[0]).stem)
    suites = {}
    for node in result.nodes:
        name = node.get("classname")
        if name not in suites:
            suites[name] = ElementTree.SubElement(root, "testsuite", name=name)
        suites[name].append(node)
    output = Path(outputs[0])
    output.parent.mkdir(parents=True, exist_ok=True)
    # In one step, so that a run that is cut off leaves no half file.
    partial = output.with_suffix(f".{os.getpid()}")
    partial.write_text(ElementTree.tostring(root, encoding="unicode", xml_declaration=True), encoding="utf-8")
    partial.replace(output)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
