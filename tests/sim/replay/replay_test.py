# SPDX-License-Identifier: Apache-2.0
"""Traces of whole runs: recorded, made again, changed so that each kind of difference shows, shrunk."""
import copy
import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

PROGRAM = os.environ.get("GPUDMAR_PROGRAM", "")
ROOT = Path(__file__).resolve().parents[3]
SCENARIOS = ROOT / "tests" / "scenarios"
TIMEOUT = 200

HEAD = {"gpu_dmar_trace": 1, "machine": {"adapters": 1}, "start": {"iommu": "logical"}}


PAGE = (ROOT / "docs" / "replay.md").read_text()


def covers(*rules):
    def mark(test):
        test.rules = rules
        return test
    return mark


def create(name="o", size=8192, **more):
    given = {"hAdapter": "gpu0", "Size": size, "Type": "DXGK_PHYSICAL_MEMORY_TYPE_MDL",
             "CacheType": "DXGK_MEMORY_CACHING_TYPE_CACHED", "Mdl.LowAddress": 0, "Mdl.HighAddress": "0xffffffffffffffff"}
    given.update(more)
    return {"call": "DxgkCbCreatePhysicalMemoryObject", "in": given,
            "out": {"hPhysicalMemoryObject": name, "hAdapterMemoryObject": name + "a"}, "status": "STATUS_SUCCESS"}


def adl(name="o", size=8192):
    return {"call": "DxgkCbAllocateAdl", "in": {"hAdapterMemoryObject": name + "a", "Offset": 0, "Size": size},
            "out": {"pAdl": name + "l", "PageCount": size // 4096}, "status": "STATUS_SUCCESS"}


def copy_from(name="o", offset=0, size=4096, **more):
    return {"dma": {"adapter": 0, "work": [{"op": "copy", "src": {"adl": name + "l", "offset": offset},
                                            "dst": {"vram": 0}, "bytes": size}], **more}}


def free(name="o"):
    return {"call": "DxgkCbFreeAdl", "in": {"hAdapterMemoryObject": name + "a", "pAdl": name + "l"}}


def destroy(name="o"):
    return {"call": "DxgkCbDestroyPhysicalMemoryObject",
            "in": {"hPhysicalMemoryObject": name, "hAdapterMemoryObject": name + "a"}}


class ReplayTest(unittest.TestCase):
    def setUp(self):
        self.assertTrue(Path(PROGRAM).is_file(), f"GPUDMAR_PROGRAM={PROGRAM!r} is no program")
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.dir = Path(directory.name)

    def program(self, *args):
        return subprocess.run([PROGRAM, *map(str, args)], cwd=self.dir, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False, timeout=TIMEOUT)

    def write(self, lines, name="trace.jsonl"):
        (self.dir / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
        return name

    def read(self, name="trace.jsonl"):
        return [json.loads(line) for line in (self.dir / name).read_text().splitlines()]

    def replay(self, *args, code=0, name="trace.jsonl"):
        done = self.program("replay", name, "--json", "result.json", *args)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertEqual(done.stdout.splitlines()[-1], "FAIL" if code else "PASS", done.stdout)
        result = json.loads((self.dir / "result.json").read_text())
        result["output"] = done.stdout
        return result

    def record(self, *args):
        done = self.program("run", *args, "--record", "trace.jsonl")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def refused(self, *args, name="trace.jsonl"):
        done = self.program("replay", name, *args)
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        return done.stderr.strip()


class RoundTrips(ReplayTest):
    def both_ways(self, *args):
        self.record(*args)
        exact = self.replay("--cycles")
        self.assertIsNone(exact["difference"])
        self.assertGreater(exact["events"], 100)
        loose = self.replay()
        self.assertGreater(loose["events"], 20)
        return self.read()

    @covers("R40", "R120", "R142")
    def test_the_demonstration(self):
        (self.dir / "file").write_bytes(bytes(i % 251 for i in range(20_001)))
        lines = self.both_ways("--file", "file")
        kinds = {key for line in lines for key in ("call", "system", "register", "dma", "fault", "end") if key in line}
        self.assertEqual(kinds, {"call", "system", "register", "dma", "fault", "end"})
        results = {line["dma"].get("result") for line in lines if "dma" in line}
        self.assertLessEqual({"done", "blocked"}, results)
        self.told_in_full(lines)
        # Made again in other surroundings, it is still the same for the driver.
        self.replay("--latency", 31)
        self.replay("--pipe", 1)

    def told_in_full(self, lines):
        """Every call with its arguments, results, thread and cycle."""
        of_types = {"Mdl": "MDL", "ContiguousMemory": "CONTIGUOUS_MEMORY", "Section": "SECTION", "IOSpace": "IO_SPACE"}
        nothing = {"DxgkCbDestroyPhysicalMemoryObject", "DxgkCbClosePhysicalMemoryObject", "DxgkCbUnmapPhysicalMemory",
                   "DxgkCbFreeAdl", "DxgkCbQueueDpc", "DxgkCbNotifyDpc", "DxgkCbNotifyInterrupt", "DxgkDdiDpcRoutine",
                   "DxgkDdiUnload", "DxgkDdiInterruptRoutine"}
        fields = dict(re.findall(r"^\| `(DxgkCb\w+)` \| (.*\|.*) \|$", PAGE, re.MULTILINE))
        calls = [line for line in lines if "call" in line]
        self.assertGreater(len(calls), 100)
        for line in calls:
            self.assertEqual((len(line["seq"]), len(line["cycle"])), (2, 2), line)
            self.assertTrue(line["thread"], line)
            self.assertTrue("status" in line or line["call"] in nothing, line)
            if line["call"] not in fields:
                continue
            given, made = (re.findall(r"`([\w.]+)`", half) for half in fields[line["call"]].split("|"))
            of = line.get("in", {}).get("Type", "")
            given = [name for name in given if "." not in name or of.endswith(f"TYPE_{of_types.get(name.split('.')[0])}")]
            self.assertLessEqual(set(given) - {"DmaCompleted"}, set(line.get("in", {})), line)
            self.assertLessEqual(set(made), set(line.get("out", {})), line)

    @covers("R142", "G5")
    def test_an_adl_that_ends_under_work(self):
        self.both_ways(SCENARIOS / "lifetime.json")

    @covers("R87", "R96", "G20")
    def test_misuse_bugchecks_and_reboots(self):
        lines = self.both_ways(SCENARIOS / "life_cycle.json")
        self.assertTrue(any("bugcheck" in line for line in lines))
        self.assertTrue(any(line.get("system") == "reboot" for line in lines))

    @covers("G1", "G14")
    def test_isolation(self):
        self.both_ways(SCENARIOS / "isolation.json")

    def test_threads(self):
        done = self.program("random", "--seed", 5, "--steps", 60, "--threads", 3, "--record", ".")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        name = "random-5.jsonl"
        self.assertGreater(len({line["thread"] for line in self.read(name) if "thread" in line}), 3)
        self.replay("--cycles", name=name)
        self.replay(name=name)

    def test_the_same_run_writes_the_same_trace(self):
        self.record(SCENARIOS / "permissions.json")
        first = (self.dir / "trace.jsonl").read_bytes()
        self.record(SCENARIOS / "permissions.json")
        self.assertEqual(first, (self.dir / "trace.jsonl").read_bytes())
        self.assertEqual(self.replay()["cycles"], self.replay()["cycles"])

    def test_recording_takes_no_time(self):
        counts = []
        for args in ([], ["--record", "trace.jsonl"]):
            done = self.program("run", SCENARIOS / "permissions.json", "--summary", "summary.json", *args)
            self.assertEqual(done.returncode, 0, done.stdout)
            counts.append(json.loads((self.dir / "summary.json").read_text())["cycles"])
        self.assertEqual(*counts)

    def test_somebodys_own_driver(self):
        done = self.program("kmd", ROOT / "tests" / "kmd" / "drivers" / "example.cpp", "--dir", "kmd", "--record",
                            "trace.jsonl")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertTrue(any("dma" in line for line in self.read()))
        self.replay("--cycles")
        self.replay()


class Differences(ReplayTest):
    """One recorded run; one change to its trace each."""

    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "trace.jsonl"
            subprocess.run([PROGRAM, "run", SCENARIOS / "permissions.json", "--record", path], check=True,
                           stdout=subprocess.DEVNULL, timeout=TIMEOUT)
            cls.lines = [json.loads(line) for line in path.read_text().splitlines()]

    def changed(self, find, change, *args):
        lines = copy.deepcopy(self.lines)
        index = next(i for i, line in enumerate(lines) if find(line))
        change(lines[index])
        self.write(lines)
        difference = self.replay(*args, code=1)["difference"]
        self.assertEqual(difference["line"], index + 1)
        return difference

    def test_a_status(self):
        d = self.changed(lambda l: l.get("call") == "DxgkCbAllocateAdl" and l["status"] == "STATUS_SUCCESS",
                         lambda l: l.update(status="STATUS_NO_MEMORY"))
        self.assertEqual((d["name"], d["field"], d["expected"], d["got"]),
                         ("DxgkCbAllocateAdl", "status", "STATUS_NO_MEMORY", "STATUS_SUCCESS"))

    def test_a_field_that_comes_out(self):
        d = self.changed(lambda l: "PageCount" in l.get("out", {}), lambda l: l["out"].update(PageCount=99))
        self.assertEqual((d["field"], d["expected"]), ("PageCount", "99"))

    def test_a_handle_that_should_not_be(self):
        lines = [HEAD, create()]
        lines[1]["out"]["hAdapterMemoryObject"] = None
        self.write(lines)
        self.assertEqual(self.replay(code=1)["difference"]["field"], "hAdapterMemoryObject")

    def test_page_numbers_with_cycles_only(self):
        def find(line):
            return "Pages" in line.get("out", {})

        def change(line):
            line["out"]["Pages"][0][1] += 1
        self.assertEqual(self.changed(find, change, "--cycles")["field"], "Pages")
        self.replay()

    def test_a_cycle(self):
        def change(line):
            line["cycle"][1] += 1
        d = self.changed(lambda l: l.get("call") == "DxgkCbAllocateAdl", change, "--cycles")
        self.assertEqual(d["field"], "return cycle")
        self.assertEqual(int(d["expected"]), int(d["got"]) + 1)

    def test_a_register(self):
        d = self.changed(lambda l: l.get("register", {}).get("window") == "gpu0" and not l["register"]["write"],
                         lambda l: l["register"].update(value="0x1234"), "--cycles")
        self.assertEqual(d["expected"], "0x1234")

    def test_a_fault(self):
        d = self.changed(lambda l: "fault" in l, lambda l: l["fault"].update(reason="07"), "--cycles")
        self.assertEqual(d["name"], "fault")
        d = self.changed(lambda l: "fault" in l, lambda l: l["fault"].update(reason="07"))
        self.assertEqual((d["name"], d["field"]), ("fault", "reason"))

    def test_how_work_ended(self):
        d = self.changed(lambda l: l.get("dma", {}).get("result") == "blocked",
                         lambda l: l["dma"].update(result="done"))
        self.assertEqual((d["name"], d["field"], d["expected"]), ("dma", "result", "done"))

    def test_an_interrupt_that_does_not_come(self):
        last = max(line["seq"][1] for line in self.lines if len(line.get("seq", [])) == 2)
        index = next(i for i, line in enumerate(self.lines) if line.get("call") == "DxgkDdiInterruptRoutine")
        lines = copy.deepcopy(self.lines)
        lines.append({"call": "DxgkDdiInterruptRoutine", "adapter": 0, "thread": lines[index]["thread"],
                      "cycle": [10**9, 10**9], "seq": [last + 10, last + 11]})
        self.write(lines)
        self.assertEqual(self.replay("--cycles", code=1)["difference"]["got"], "nothing by the end")

    def test_a_call_that_the_trace_does_not_have(self):
        lines = [line for line in copy.deepcopy(self.lines) if line.get("call") != "DxgkDdiLinkDevice"]
        self.write(lines)
        d = self.replay(code=1)["difference"]
        self.assertEqual(d["expected"], "none")
        self.assertIn("DxgkDdiLinkDevice", d["got"])

    def test_bugchecks(self):
        self.write([HEAD, create(), adl(), destroy()])
        d = self.replay(code=1)["difference"]
        self.assertEqual((d["line"], d["field"], d["expected"]), (4, "bugcheck", "none"))
        self.assertTrue(d["got"].startswith("0x1e4"))
        told = dict(destroy(), bugcheck={"code": "0x1e4", "parameters": ["0x7"]})
        self.write([HEAD, create(), adl(), told])
        self.assertEqual(self.replay()["bugcheck"], "bugcheck 0x1e4")
        told["bugcheck"]["parameters"] = ["0x6"]
        self.write([HEAD, create(), adl(), told])
        self.assertEqual(self.replay(code=1)["difference"]["field"], "bugcheck.parameters[0]")
        self.write([HEAD, create(), dict(destroy(), bugcheck={"code": "0x1e4"})])
        self.assertEqual(self.replay(code=1)["difference"]["got"], "none: STATUS_SUCCESS")


class Sparse(ReplayTest):
    """As a driver's own logger writes them: no cycles, no threads, no results that nobody noted."""

    def test_results_are_optional(self):
        lines = [HEAD, create(), adl(), copy_from(), free(), destroy()]
        for line in lines[1:]:
            line.pop("status", None)
        lines[2]["out"].pop("PageCount")
        self.write(lines)
        self.assertEqual(self.replay()["events"], 5)

    def test_the_example_of_the_documentation(self):
        (self.dir / "trace.jsonl").write_text(PAGE.split("```json\n")[1].split("```")[0])
        self.assertEqual(self.replay()["events"], 5)

    LOG = """\
{"gpu_dmar_trace":1}
{"seq":[1,3],"thread":4660,"call":"DxgkCbCreatePhysicalMemoryObject","in":{"hAdapter":"gpu0","Size":8192,"Type":0,"CacheType":1,\
"Mdl.LowAddress":"0x0","Mdl.HighAddress":"0xffffffffffffffff"},"out":{"hPhysicalMemoryObject":"hFFFF8001",\
"hAdapterMemoryObject":"hFFFF8002"},"status":"0x0"}
{"seq":[2,4],"thread":4661,"call":"DxgkCbCreatePhysicalMemoryObject","in":{"hAdapter":"gpu0","Size":4096,"Type":0,"CacheType":1,\
"Mdl.LowAddress":"0x0","Mdl.HighAddress":"0xffffffffffffffff"},"out":{"hPhysicalMemoryObject":"hFFFF9001",\
"hAdapterMemoryObject":"hFFFF9002"},"status":0}
{"seq":[5,7],"thread":4660,"call":"DxgkCbAllocateAdl","in":{"hAdapterMemoryObject":"hFFFF8002","Offset":0,"Size":8192,\
"Flags.Value":0},"out":{"pAdl":"adlFFFFA000"},"status":"0x0"}
{"seq":[9,10],"thread":4660,"dma":{"adapter":0,"work":[{"op":"fill","dst":{"adl":"adlFFFFA000","offset":4096},"bytes":4096}]}}
{"seq":[11,12],"thread":4660,"call":"DxgkCbFreeAdl","in":{"hAdapterMemoryObject":"hFFFF8002","pAdl":"adlFFFFA000"}}
{"seq":[6,8],"thread":4661,"call":"DxgkCbOpenPhysicalMemoryObject","in":{"hPhysicalMemoryObject":"hFFFF9001",\
"hAdapter":"hFFFF9002"},"out":{},"status":"0xc000000d"}
{"seq":[13,14],"thread":4661,"call":"DxgkCbDestroyPhysicalMemoryObject","in":{"hPhysicalMemoryObject":"hFFFF9001",\
"hAdapterMemoryObject":"hFFFF9002"}}
{"seq":[15,16],"thread":4660,"call":"DxgkCbDestroyPhysicalMemoryObject","in":{"hPhysicalMemoryObject":"hFFFF8001",\
"hAdapterMemoryObject":"hFFFF8002"}}
"""

    def test_a_drivers_own_log(self):
        """No recorder: numbers for names of constants, addresses for handles, lines by their end, two threads."""
        (self.dir / "trace.jsonl").write_text(self.LOG)
        result = self.replay()
        self.assertEqual((result["events"], result["notes"], result["bugcheck"]), (8, [], ""))
        # What the driver did wrong shows where it did.
        wrong = self.LOG.replace('"seq":[11,12]', '"seq":[17,18]')
        (self.dir / "trace.jsonl").write_text(wrong)
        difference = self.replay(code=1)["difference"]
        self.assertEqual((difference["line"], difference["field"]), (9, "bugcheck"))
        self.assertTrue(difference["got"].startswith("0x1e4"), difference)

    def test_the_first_difference_is_the_end(self):
        wrong = dict(adl(), status="STATUS_NO_MEMORY")
        lines = [HEAD, create(), adl(), free(), wrong, free(), wrong, destroy()]
        self.write(lines)
        result = self.replay(code=1)
        self.assertEqual((result["difference"]["line"], result["events"]), (5, 4))
        self.assertEqual(result["output"].splitlines()[0],
                         f"trace.jsonl:5: DxgkCbAllocateAdl: status: STATUS_NO_MEMORY in the trace, STATUS_SUCCESS here "
                         f"(cycle {result['difference']['cycle']})")

    def test_work_that_is_blocked(self):
        self.write([HEAD, create(), adl(), free(), copy_from(), destroy()])
        result = self.replay()
        self.assertEqual(len(result["notes"]), 1)
        self.assertIn('trace.jsonl:5: gpu0 read blocked at {"adl":"ol","offset":0}', result["notes"][0])
        self.write([HEAD, create(), adl(), free(), copy_from(result="done"), destroy()])
        self.assertEqual(self.replay(code=1)["difference"]["line"], 5)
        self.write([HEAD, create(), adl(), free(), copy_from(result="blocked", address={"adl": "ol", "offset": 0}),
                    destroy()])
        self.assertEqual(self.replay()["notes"], [])

    def test_isolation_and_off(self):
        for mode in ("isolation", "off"):
            head = dict(HEAD, start={"iommu": mode}, machine={"adapters": 1, "ram": [[0, "1G"]]})
            self.write([head, create(), adl(), copy_from(result="done"), free(), destroy()])
            self.replay()

    def test_until(self):
        self.write([HEAD, create(), adl(), destroy()])
        self.assertEqual(self.replay("--until", 3)["events"], 2)
        self.assertIn("--until 9: there is no event in this line", self.refused("--until", 9))

    def test_a_limit(self):
        self.write([HEAD, create(), adl(), copy_from(result="done"), free(), destroy()])
        self.assertEqual(self.replay("--limit", 1_000_000)["status"], "pass")
        failed = self.replay("--limit", 10, code=1)
        self.assertEqual(failed["failures"], ["the replay does not end within 10 cycles"])
        self.assertEqual(failed["kind"], "")

    def test_waves(self):
        self.write([HEAD, create(), adl()])
        self.replay("--waves", "w.fst")
        self.assertGreater((self.dir / "w.fst").stat().st_size, 1000)
        self.assertTrue((self.dir / "w.gtkw").exists() or (self.dir / "w.fst.gtkw").exists())


class Refusals(ReplayTest):
    """The reader's own errors are in trace_test.cpp; these are the program's."""

    def test_each_is_one_line_that_names_the_place(self):
        self.assertIn("none.jsonl: cannot be read", self.refused(name="none.jsonl"))
        (self.dir / "trace.jsonl").write_text(json.dumps(HEAD) + "\n" + json.dumps(create())[:60])
        self.assertIn("trace.jsonl:2: the last line is cut off", self.refused())
        self.write([HEAD, create(Sise=1)])
        self.assertIn("trace.jsonl:2: 'in.Sise'", self.refused())
        self.write([HEAD, create()])
        self.assertIn("--cycles needs a trace with", self.refused("--cycles"))
        self.assertIn("--shrink goes without --cycles", self.refused("--cycles", "--shrink"))
        self.write([dict(HEAD, machine={"adapters": 9}), create()])
        self.assertIn("9 adapters", self.refused())


class Shrinking(ReplayTest):
    def shrink(self, *args, code=1):
        done = self.program("replay", "trace.jsonl", "--shrink", *args)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def many(self, wrong):
        lines = [HEAD]
        for i in range(6):
            name = f"o{i}_"
            lines += [create(name), adl(name), copy_from(name)]
            if i != wrong:
                lines.append(free(name))
            lines.append(destroy(name))
        return lines

    def test_a_missing_free_becomes_three_calls(self):
        lines = self.many(3)
        lines[-1 - 10] = dict(lines[-1 - 10])
        self.write(lines)
        out = self.shrink("--runs", 60)
        self.assertIn("DxgkCbDestroyPhysicalMemoryObject bugcheck", out)
        small = self.read("trace.jsonl.min.jsonl")
        self.assertEqual([line.get("call") for line in small[1:]],
                         ["DxgkCbCreatePhysicalMemoryObject", "DxgkCbAllocateAdl", "DxgkCbDestroyPhysicalMemoryObject"])
        self.assertEqual(small[3]["in"]["hPhysicalMemoryObject"], "o3_")
        self.replay(code=1, name="trace.jsonl.min.jsonl")

    def test_work_behind_a_free_becomes_four_lines(self):
        lines = [HEAD]
        for i in range(3):
            name = f"o{i}_"
            lines += [create(name), adl(name), copy_from(name), free(name)] + ([copy_from(name)] if i == 1 else [])
        self.write(lines)
        self.shrink("--output", "small.jsonl", "--runs", 60)
        small = self.read("small.jsonl")
        self.assertEqual(["dma" if "dma" in line else line["call"] for line in small[1:]],
                         ["DxgkCbCreatePhysicalMemoryObject", "DxgkCbAllocateAdl", "DxgkCbFreeAdl", "dma"])

    def test_a_recorded_run_with_a_wrong_status(self):
        self.record(SCENARIOS / "permissions.json")
        lines = self.read()
        index = next(i for i, line in enumerate(lines)
                     if line.get("call") == "DxgkCbOpenPhysicalMemoryObject"
                     or (line.get("call") == "DxgkCbMapPhysicalMemory" and line["status"] == "STATUS_SUCCESS"))
        lines[index]["status"] = "STATUS_NO_MEMORY"
        wrong = lines[index]["call"]
        self.write(lines)
        self.shrink("--runs", 120)
        small = self.read("trace.jsonl.min.jsonl")
        self.assertEqual([line.get("call") for line in small[1:]], ["DxgkCbCreatePhysicalMemoryObject", wrong])

    def test_nothing_to_shrink(self):
        self.write([HEAD, create(), destroy()])
        self.assertIn("nothing to shrink", self.shrink(code=0))


if __name__ == "__main__":
    unittest.main()
