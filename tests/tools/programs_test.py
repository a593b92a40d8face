# SPDX-License-Identifier: Apache-2.0
"""The programs that `make mutate` and `make coverage` build name the models that they link."""
import os
import tomllib
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIST = os.environ.get("GPUDMAR_MODELS_LIST")  # from the build: "program: model model"


@unittest.skipUnless(LIST, "needs the list that CMake writes: run it by ctest")
class ProgramsTest(unittest.TestCase):
    def linked(self):
        lines = Path(LIST).read_text(encoding="utf-8").splitlines()
        return {name: set(models.split()) for name, models in (line.split(":", 1) for line in lines)}

    def check(self, file):
        linked = self.linked()
        for program in tomllib.loads((ROOT / file).read_text(encoding="utf-8"))["program"]:
            self.assertEqual(linked.get(program["name"]), set(program["models"]), f"{file}: {program['name']}")

    def test_mutate(self):
        self.check("tests/mutate/programs.toml")

    def test_coverage(self):
        self.check("tests/coverage/programs.toml")

    def test_the_list_knows_who_needs_no_model(self):
        self.assertIn(set(), self.linked().values())


if __name__ == "__main__":
    unittest.main()
