# SPDX-License-Identifier: Apache-2.0
"""`gpu-dmar serve` from outside: the socket, the address map, registers, clock, clients that go, signals."""
import json
import os
import signal
import socket
import stat
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = os.environ.get("GPUDMAR_PROGRAM", "")
TIMEOUT = 60
IOMMU = 0xFED90000
BAR0 = 0xE0000000
VRAM = 0x80_0000_0000


class Client:
    """One connection; a command, its answer."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(TIMEOUT)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, line):
        self.send(line.encode() + b"\n")
        return self.answer()

    def answer(self):
        return self.file.readline().decode().rstrip("\n")

    def close(self):
        self.file.close()
        self.socket.close()


class ServeTest(unittest.TestCase):
    def setUp(self):
        self.assertTrue(Path(PROGRAM).is_file(), f"GPUDMAR_PROGRAM={PROGRAM!r} is no program")
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.dir = Path(directory.name)
        self.path = self.dir / "qtest"

    def start(self, *args):
        process = subprocess.Popen([PROGRAM, "serve", "--qtest", f"unix:{self.path}", *args], cwd=self.dir,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), f"serving at unix:{self.path}\n")
        return process

    def client(self):
        client = Client(self.path)
        self.addCleanup(client.close)
        return client

    def ended(self, process, status=0):
        out, err = process.communicate(timeout=TIMEOUT)
        self.assertEqual(process.returncode, status, out + err)
        self.assertFalse(self.path.exists(), "the socket is still there")
        return out, err


class Socket(ServeTest):
    def test_it_is_this_users_alone_and_gone_with_the_client(self):
        process = self.start()
        mode = self.path.lstat().st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o600)
        client = self.client()
        self.assertEqual(client.ask("endianness"), "OK little")
        client.close()
        out, err = self.ended(process)
        self.assertIn("0 violations", out)
        self.assertEqual(err, "")

    def test_a_path_that_is_taken_is_refused_and_left_alone(self):
        self.path.write_text("mine")
        done = subprocess.run([PROGRAM, "serve", "--qtest", f"unix:{self.path}"], capture_output=True, text=True,
                              check=False, timeout=TIMEOUT)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"\Agpu-dmar: [^\n]*exists already[^\n]*\n\Z")
        self.assertEqual(self.path.read_text(), "mine")

    def test_bad_options_are_one_line(self):
        for args in (["--qtest", "tcp:1"], ["--qtest", "unix:"], ["--qtest", f"unix:{'x' * 200}"],
                     ["--qtest", f"unix:{self.dir}/no/where"], [], ["--qtest", f"unix:{self.path}", "--pipe", "9"]):
            done = subprocess.run([PROGRAM, "serve", *args], capture_output=True, text=True, check=False,
                                  timeout=TIMEOUT)
            self.assertEqual(done.returncode, 2, args)
            self.assertRegex(done.stderr, r"\Agpu-dmar: [^\n]+\n\Z", args)
            self.assertFalse(self.path.exists())

    def test_sigterm_ends_it_while_it_waits_and_while_it_works(self):
        for work in (None, "clock_step 0xffffffffffffffff"):
            process = self.start()
            client = self.client()
            self.assertEqual(client.ask("endianness"), "OK little")
            if work:
                client.send(work.encode() + b"\n")
                time.sleep(0.2)
            process.send_signal(signal.SIGTERM)
            self.ended(process)
            client.close()

    def test_a_client_may_go_in_the_middle_of_a_line(self):
        process = self.start("--keep")
        for rest in (b"writeq 0x1000 0x55", b"", b"x" * 100_000):
            client = self.client()
            self.assertEqual(client.ask("writeq 0x1000 0x11"), "OK")
            client.send(rest)
            client.close()
        client = self.client()
        self.assertEqual(client.ask("readq 0x1000"), "OK 0x0000000000000011")
        process.terminate()
        self.ended(process)

    def test_a_line_without_end_is_refused_and_the_next_one_works(self):
        self.start()
        client = self.client()
        client.send(b"write 0 1 0x" + b"0" * (3 << 20) + b"\n")
        self.assertRegex(client.answer(), r"^ERR a line of more than")
        self.assertEqual(client.ask("nonsense"), "FAIL Unknown command 'nonsense'")
        self.assertEqual(client.ask("endianness"), "OK little")


class Machine(ServeTest):
    def setUp(self):
        super().setUp()
        self.args = ("--memory", "latency=10")

    def number(self, client, line):
        answer = client.ask(line)
        self.assertRegex(answer, r"^OK 0x[0-9a-f]{16}$")
        return int(answer.split()[1], 16)

    def test_what_is_where(self):
        for pipe in ("0", "1"):
            process = self.start("-m", "1M", "--pipe", pipe, *self.args)
            client = self.client()
            self.assertEqual(self.number(client, f"readl {IOMMU:#x}"), 0x60)
            self.assertEqual(self.number(client, f"readl {BAR0:#x}"), 0x414D4447)
            self.assertEqual(self.number(client, f"readl {BAR0 + 0x100000:#x}"), 0x414D4447)
            self.assertEqual(client.ask(f"write {VRAM + (1 << 32):#x} 3 0x010203"), "OK")
            self.assertEqual(client.ask(f"read {VRAM + (1 << 32):#x} 4"), "OK 0x01020300")
            self.assertEqual(client.ask(f"read {VRAM:#x} 4"), "OK 0x00000000")
            # The end of memory: behind it is nothing, as in QEMU.
            self.assertEqual(client.ask("write 0xffffe 4 0xaabbccdd"), "OK")
            self.assertEqual(client.ask("read 0xffffe 4"), "OK 0xaabb0000")
            self.assertEqual(self.number(client, "readq 0x100000"), 0)
            client.close()
            self.ended(process)

    def test_registers_take_dwords_and_qwords_and_nothing_else(self):
        self.start(*self.args)
        client = self.client()
        self.assertEqual(client.ask(f"writeq {IOMMU + 0x20:#x} 0x1234567000"), "OK")
        self.assertEqual(self.number(client, f"readq {IOMMU + 0x20:#x}"), 0x1234567000)
        self.assertEqual(self.number(client, f"readl {IOMMU + 0x24:#x}"), 0x12)
        self.assertEqual(client.ask(f"read {IOMMU + 0x20:#x} 8"), "OK 0x0070563412000000")
        self.assertEqual(client.ask(f"write {IOMMU + 0x20:#x} 4 0x00f00000"), "OK")
        self.assertEqual(self.number(client, f"readq {IOMMU + 0x20:#x}"), 0x120000f000)
        for line in (f"readb {IOMMU:#x}", f"readl {IOMMU + 2:#x}", f"readq {IOMMU + 4:#x}", f"read {IOMMU:#x} 3",
                     f"writew {BAR0:#x} 1", f"memset {IOMMU + 1:#x} 4 0"):
            self.assertRegex(client.ask(line), r"^FAIL registers ", line)

    def test_the_clock_stands_but_for_steps_and_registers(self):
        self.start(*self.args)
        client = self.client()
        stamp = f"readq {BAR0 + 0x30:#x}"
        self.assertEqual(client.ask("clock_step"), "OK 10")
        before = self.number(client, stamp)
        time.sleep(0.1)
        between = self.number(client, stamp)
        self.assertLess(between - before, 50, "only what the register access takes")
        client.ask("clock_step 10000")
        self.assertGreaterEqual(self.number(client, stamp) - between, 1000)

    def copy(self, client, source, source_space, to, to_space, length):
        """One COPY through channel 0 of adapter 0, its ring at 64 KiB in local memory; CH_STATUS.ERROR at its end."""
        words = [1 | source_space << 16 | to_space << 20, source, to, length - 1, 0, 0, 0, 0]
        data = b"".join(word.to_bytes(8, "little") for word in words)
        self.assertEqual(client.ask(f"write {VRAM + 0x10000:#x} 64 0x{data.hex()}"), "OK")
        for offset, value in ((0xF0C, 1), (0x100, 2)):
            self.assertEqual(client.ask(f"writel {BAR0 + offset:#x} {value}"), "OK")
        client.ask("clock_step 1000")
        for line in (f"writeq {BAR0 + 0x108:#x} 0x10000", f"writel {BAR0 + 0x110:#x} 4", f"writel {BAR0 + 0x100:#x} 1",
                     f"writel {BAR0 + 0x11C:#x} 1"):
            self.assertEqual(client.ask(line), "OK")
        for _ in range(100):
            client.ask("clock_step 1000")
            status = self.number(client, f"readl {BAR0 + 0x104:#x}")
            if status & 3:
                return status & 2
        return self.fail("the copy does not end")

    def test_a_gpu_copies_and_the_iommu_stops_it(self):
        process = self.start(*self.args)
        client = self.client()
        data = bytes(range(100)).hex()
        self.assertEqual(client.ask(f"write {VRAM + 5:#x} 100 0x{data}"), "OK")
        self.assertEqual(self.copy(client, 5, 0, 0x12345, 2, 100), 0)
        self.assertEqual(client.ask("read 0x12345 100"), f"OK 0x{data}")
        # A root table of zeros: no device is known.
        client.ask(f"writeq {IOMMU + 0x20:#x} 0x200000")
        for command in (1 << 30, 1 << 31):
            client.ask(f"writel {IOMMU + 0x18:#x} {command:#x}")
            client.ask("clock_step 1000")
        self.assertEqual(self.number(client, f"readl {IOMMU + 0x1C:#x}"), 0xC0000000)
        self.assertEqual(self.copy(client, 5, 0, 0x54321, 2, 4), 2)
        self.assertEqual(client.ask("read 0x54321 4"), "OK 0x00000000")
        self.assertEqual(self.number(client, f"readl {IOMMU + 0x34:#x}"), 2)
        record = self.number(client, f"readq {IOMMU + 0x408:#x}")
        self.assertEqual(record & 0xFFFF, 0x0100)
        self.assertEqual(record >> 32 & 0xFF, 1)
        client.close()
        out, _ = self.ended(process)
        self.assertIn("0 violations", out)

    def translate(self, client):
        """Translation on, 4 KiB at 0 of adapter 0 lead to 300000h."""
        client.ask("memset 0x200000 0x6000 0")
        for address, value in ((0x200010, 0x201001), (0x201000, 0x202001), (0x201008, 0x102), (0x202000, 0x203003),
                               (0x203000, 0x204003), (0x204000, 0x205003), (0x205000, 0x300003)):
            client.ask(f"writeq {address:#x} {value:#x}")
        client.ask(f"writeq {IOMMU + 0x20:#x} 0x200000")
        for command in (1 << 30, 1 << 31):
            client.ask(f"writel {IOMMU + 0x18:#x} {command:#x}")
            client.ask("clock_step 1000")

    def test_what_the_checkers_find_is_told_and_is_the_exit_status(self):
        contract = json.loads((ROOT / "sim/contract/contract.json").read_text())
        next(p for p in contract["promises"] if p["name"] == "iotlb_hit")["pipe"] = [{"const": 3}, {"const": 4}]
        (self.dir / "late.json").write_text(json.dumps(contract))
        process = self.start("--contract", "late.json", *self.args)
        client = self.client()
        self.translate(client)
        self.assertEqual(client.ask("violations"), "OK 0")
        self.assertEqual(self.copy(client, 5, 0, 0x10, 2, 4), 0)  # the engine's hint has walked: a hit
        self.assertEqual(client.ask("violations"), "OK 1")
        client.close()
        out, err = self.ended(process, 1)
        self.assertIn("1 violations", out)
        self.assertRegex(err, r"\Acycle [0-9]+: contract\.iotlb_hit: [^\n]+\n\Z")
