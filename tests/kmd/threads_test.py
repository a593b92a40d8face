# SPDX-License-Identifier: Apache-2.0
"""gpu-dmar kmd: threads, interrupts and time, and what a driver does with registers."""
import subprocess
import time
import unittest
from pathlib import Path

from kmd_base import EXAMPLE, PROGRAM, ROOT, KmdTest, covers


class Threads(KmdTest):
    def test_timeout(self):
        plan = self.plan({"do": "wait", "cycles": 100_000_000})
        summary = self.judge([EXAMPLE], "--scenario", plan, "--timeout", 5)
        self.assertEqual((summary["status"], summary["stage"]), ("timeout", "wait"))

    def test_the_child_goes_with_its_parent(self):
        def children_of(process):
            return Path(f"/proc/{process}/task/{process}/children").read_text().split()

        def is_child(process):
            return b"kmd-child" in Path(f"/proc/{process}/cmdline").read_bytes()

        def ended(process):
            try:
                return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
            except FileNotFoundError:
                return True

        def until(condition):
            end = time.monotonic() + 60
            while not condition():
                self.assertLess(time.monotonic(), end)
                time.sleep(0.05)

        plan = self.plan({"do": "wait", "cycles": 100_000_000})
        with subprocess.Popen([PROGRAM, "kmd", EXAMPLE, "--scenario", plan, "--dir", self.dir], cwd=ROOT,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as parent:
            until(lambda: any(map(is_child, children_of(parent.pid))))
            child, = filter(is_child, children_of(parent.pid))
            parent.kill()
        until(lambda: ended(child))

    def test_wait_that_takes_too_long(self):
        summary = self.judge_variant(
            ("static VOID DpcRoutine(IN_CONST_PVOID MiniportDeviceContext) {\n",
             "static VOID DpcRoutine(IN_CONST_PVOID MiniportDeviceContext) {\n"
             "  KSPIN_LOCK Lock = 1;  // nobody has initialised it\n"
             "  KeAcquireSpinLockAtDpcLevel(&Lock);  // for ever\n"),
            ("KernelMode, FALSE, &Timeout) != STATUS_SUCCESS)", "KernelMode, FALSE, NULL) != STATUS_SUCCESS)"),
            args=("--wait-cycles", 4_000_000_000, "--timeout", 10))
        self.assertEqual((summary["status"], summary["reason_in"]), ("timeout", "DxgkDdiDpcRoutine"))
        self.at(summary["stack"][0], "// for ever", "DpcRoutine")

    def test_endless_loop_without_a_call(self):
        summary = self.judge_variant(("static VOID Quiesce(EXAMPLE_ADAPTER* Adapter) {",
                                      "static volatile int Forever = 1;\n"
                                      "static VOID Quiesce(EXAMPLE_ADAPTER* Adapter) {\n  while (Forever) {\n  }"))
        self.assertEqual(summary["status"], "endless_loop")
        self.at(summary["stack"][0], "while (Forever) {", "Quiesce")
        self.assertIn("(StopDevice", summary["stack"][1])
        self.assertEqual(len(summary["unbounded_polls"]), 1)
        self.assertFalse(summary["reproducible"])

    def test_endless_loop_on_a_register(self):
        summary = self.judge_variant(
            ("  while (Adapter->Registers->Control & 2) KeStallExecutionProcessor(1);",
             "  while (!(Adapter->Registers->Control & 0x80000000)) KeStallExecutionProcessor(1);"),
            args=("--ddi-cycles", 100_000))
        self.assertEqual(summary["status"], "endless_loop")
        self.assertRegex(summary["reason"], r"DxgkDdiStopDevice has not returned after 1\d{5} cycles")
        self.assertIn("(Quiesce", summary["stack"][0])

    def test_endless_wait(self):
        summary = self.judge_variant(
            ("KernelMode, FALSE, &Timeout) != STATUS_SUCCESS)", "KernelMode, FALSE, NULL) != STATUS_SUCCESS)"),
            ("  Registers->IntEnable = 3;\n", ""), args=("--wait-cycles", 50_000))
        self.assertEqual(summary["status"], "endless_wait")
        self.assertIn("(CopyOnce", summary["stack"][0])

    def test_poll_of_plain_memory(self):
        summary = self.judge_variant(
            ("    if (KeWaitForSingleObject(&Adapter->FenceSeen, Executive, KernelMode, FALSE, &Timeout) != STATUS_SUCCESS)\n"
             "      return STATUS_IO_TIMEOUT;\n", ""), code=0)
        self.assertEqual(summary["status"], "pass")
        self.assertFalse(summary["reproducible"])
        self.at(summary["unbounded_polls"][0]["at"], "while (*FenceWord != 2) {", "CopyOnce")
        self.assertIn("unbounded poll, not reproducible from here", summary["output"])

    def test_crash(self):
        summary = self.judge_variant(("static VOID Quiesce(EXAMPLE_ADAPTER* Adapter) {",
                                      "static VOID Quiesce(EXAMPLE_ADAPTER* Adapter) {\n"
                                      "  *(volatile ULONG*)(ULONG_PTR)Adapter->Tail = 1;"))
        self.assertEqual(summary["status"], "crash")
        self.assertIn("Segmentation fault", summary["reason"])
        self.at(summary["stack"][0], "(volatile ULONG*)(ULONG_PTR)Adapter->Tail", "Quiesce")
        self.assertGreater(summary["ddi_calls"]["DxgkCbAllocateAdl"], 0)  # what came before is known

    def test_call_to_nowhere(self):
        summary = self.judge_variant(("static VOID Quiesce(EXAMPLE_ADAPTER* Adapter) {",
                                      "static VOID (*volatile Missing)(VOID);\n"
                                      "static VOID Quiesce(EXAMPLE_ADAPTER* Adapter) {\n  Missing();"))
        self.assertEqual(summary["status"], "crash")
        self.assertIn("Segmentation fault at address 0x0", summary["reason"])
        self.at(summary["stack"][0], "  Missing();", "Quiesce")
        self.assertIn("(StopDevice", summary["stack"][1])

    def test_ends_the_process(self):
        summary = self.judge_variant(("static VOID Quiesce(EXAMPLE_ADAPTER* Adapter) {",
                                      'extern "C" void exit(int);\n'
                                      "static VOID Quiesce(EXAMPLE_ADAPTER* Adapter) {\n  exit(0);"))
        self.assertEqual((summary["status"], summary["reason"]), ("crash", "the driver ends the process"))
        self.assertEqual(summary["reason_in"], "DxgkDdiStopDevice")
        self.at(summary["stack"][0], "  exit(0);", "Quiesce")
        self.assertIn("(StopDevice", summary["stack"][1])

    def test_stack_overflow(self):
        summary = self.judge_variant(("static VOID Unload(VOID) {}",
                                      "static int Deep(volatile int* p) { volatile char a[4096]; a[0] = (char)*p;"
                                      " return Deep(p) + a[0]; }\n"
                                      "static volatile int One = 1;\nstatic VOID Unload(VOID) { One = Deep(&One); }"))
        self.assertEqual(summary["status"], "crash")

    def test_wait_at_dispatch_level(self):
        summary = self.judge_variant(("  while (*FenceWord != 2) {", "  KeRaiseIrqlToDpcLevel();\n  while (*FenceWord != 2) {"))
        self.assertEqual(summary["status"], "kernel_rule")
        self.assertIn("KeWaitForSingleObject at IRQL 2", summary["reason"])
        self.assertIn("(CopyOnce", summary["stack"][0])

    def test_callback_under_a_spin_lock(self):
        summary = self.judge_variant(
            ("    Adapter->Dxgk.DxgkCbUnmapMemory(Adapter->Dxgk.DeviceHandle, Adapter->Registers);\n",
             "    KSPIN_LOCK Lock;\n    KIRQL Old;\n    KeInitializeSpinLock(&Lock);\n"
             "    KeAcquireSpinLock(&Lock, &Old);\n"
             "    Adapter->Dxgk.DxgkCbUnmapMemory(Adapter->Dxgk.DeviceHandle, Adapter->Registers);\n"
             "    KeReleaseSpinLock(&Lock, Old);\n"))
        self.assertEqual((summary["status"], summary["bugcheck"]["code"]), ("bugcheck", 0x113))
        rule = self.rule(summary, "wdk.irql")
        self.assertEqual(rule["text"], "DxgkCbUnmapMemory at IRQL 2")
        self.at(rule["at"], "DxgkCbUnmapMemory(Adapter", "StopDevice")

    def test_spin_lock_twice(self):
        summary = self.judge_variant(
            ("static VOID Quiesce(EXAMPLE_ADAPTER* Adapter) {",
             "static KSPIN_LOCK Lock;\nstatic VOID Quiesce(EXAMPLE_ADAPTER* Adapter) {\n  KIRQL Irql;\n"
             "  KeAcquireSpinLock(&Lock, &Irql);\n  KeAcquireSpinLockAtDpcLevel(&Lock);"))
        self.assertEqual(summary["status"], "kernel_rule")
        self.assertIn("is a spin lock and its holder acquires it again", summary["reason"])
        self.at(summary["stack"][0], "KeAcquireSpinLockAtDpcLevel(&Lock)", "Quiesce")

    def test_dpc_keeps_a_spin_lock(self):
        summary = self.judge_variant(
            ("static VOID DpcRoutine(IN_CONST_PVOID MiniportDeviceContext) {",
             "static KSPIN_LOCK Lock;\nstatic VOID DpcRoutine(IN_CONST_PVOID MiniportDeviceContext) {\n"
             "  KeAcquireSpinLockAtDpcLevel(&Lock);"))
        rule = self.rule(summary, "wdk")
        self.assertRegex(rule["text"], "DxgkDdiDpcRoutine returns and holds the object at 0x[0-9a-f]+, a spin lock")
        self.at(rule["at"], "KeAcquireSpinLockAtDpcLevel(&Lock)", "DpcRoutine")

    @covers("E14")
    def test_interrupt_routine_calls_what_it_may_not(self):
        summary = self.judge_variant(("  Adapter->Registers->IntStatus = Causes;  // written ones clear\n",
                                      "  Adapter->Registers->IntStatus = Causes;\n"
                                      "  Adapter->Dxgk.DxgkCbNotifyDpc(Adapter->Dxgk.DeviceHandle);\n"))
        self.assertIn("(InterruptRoutine", self.rule(summary, "E14")["at"])

    def test_system_thread(self):
        summary = self.judge_variant(
            ("static VOID Unload(VOID) {}",
             "static volatile LONG Ran;\n"
             "static VOID Worker(PVOID Context) { LARGE_INTEGER Time; Time.QuadPart = -100;\n"
             "  KeDelayExecutionThread(KernelMode, FALSE, &Time); Ran = 1; KeSetEvent((PRKEVENT)Context, 0, FALSE); }\n"
             "static VOID Unload(VOID) { KEVENT Done; HANDLE Thread; KeInitializeEvent(&Done, NotificationEvent, FALSE);\n"
             "  PsCreateSystemThread(&Thread, THREAD_ALL_ACCESS, NULL, NULL, NULL, Worker, &Done);\n"
             "  KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL); ZwClose(Thread); NT_VERIFY(Ran); }"), code=0)
        self.assertEqual(summary["status"], "pass")


class Interleaving(KmdTest):
    # Each of two threads notes its letter with every call.
    CHANGE = ("static VOID Unload(VOID) {}", """
static CHAR Order[33];
static volatile LONG Used, Living;
static VOID Worker(PVOID Context) {
  for (int i = 0; i < 16; ++i) {
    KeQueryPerformanceCounter(NULL);
    Order[Used++] = *(const CHAR*)Context;
  }
  --Living;
}
static VOID Unload(VOID) {
  LARGE_INTEGER Time;
  Time.QuadPart = -100;
  HANDLE Thread;
  Living = 2;
  for (const CHAR* Name = "ab"; *Name != 0; ++Name) {
    PsCreateSystemThread(&Thread, THREAD_ALL_ACCESS, NULL, NULL, NULL, Worker, (PVOID)Name);
    ZwClose(Thread);
  }
  while (Living != 0) KeDelayExecutionThread(KernelMode, FALSE, &Time);
  DbgPrint("order %s", Order);
}""")

    def order(self, seed, jitter):
        summary = self.judge_variant(self.CHANGE, args=("--seed", seed, "--call-jitter", jitter), code=0)
        return summary["prints"][-1]

    def test_a_seed_is_an_interleaving(self):
        orders = [self.order(seed, 500) for seed in (1, 2, 3)]
        self.assertGreater(len(set(orders)), 1, orders)
        self.assertEqual(self.order(3, 500), orders[-1], "the same seed again")
        self.assertEqual(self.order(1, 0), self.order(2, 0), "without jitter the seed is not theirs")

    def test_a_trace_has_no_room_for_it(self):
        done = self.run_program(EXAMPLE, "--dir", self.dir, "--call-jitter", 5, "--record", self.dir / "t.jsonl")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--call-jitter goes without --record", done.stderr)


class Registers(KmdTest):
    def test_a_byte_write_is_refused(self):
        summary = self.judge_variant(("  Registers->IntEnable = 3;", "  *(volatile UCHAR*)&Registers->IntEnable = 3;"))
        self.assertEqual(summary["status"], "bad_access")
        self.assertRegex(summary["reason"], "register offset 0x14: a write of 1 bytes")
        self.assertIn("(CopyOnce", summary["stack"][0])

    def test_read_modify_write_and_small_reads(self):
        summary = self.judge_variant(
            ("  Registers->IntEnable = 3;\n",
             "  Registers->IntEnable |= 1;\n  Registers->IntEnable |= 2;\n"
             "  if (*((volatile UCHAR*)&Registers->Id + 1) != 'D') return STATUS_DATA_ERROR;\n"
             "  if (*((volatile USHORT*)&Registers->Id + 1) != 0x414D) return STATUS_DATA_ERROR;\n"), code=0)
        self.assertEqual(summary["status"], "pass")


if __name__ == "__main__":
    unittest.main()
