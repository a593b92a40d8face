# SPDX-License-Identifier: Apache-2.0
"""gpu-dmar kmd from outside: the example driver passes, and each way to break it gets its own verdict."""
import json
import unittest

from kmd_base import EXAMPLE, HERE, ROOT, KmdTest, covers


class Good(KmdTest):
    def test_the_example_passes_the_standard_plan(self):
        summary = self.judge([EXAMPLE], code=0)
        self.assertEqual((summary["status"], summary["leaks"]), ("pass", 0))
        for key in ("rules_broken", "dma_outside_adls", "problems", "warnings", "unbounded_polls"):
            self.assertEqual(summary[key], [], key)
        self.assertGreater(summary["cycles"], 40_000)
        calls = summary["ddi_calls"]
        self.assertEqual(calls["DxgkCbAllocateAdl"], 6)  # three for each of the two adapters
        self.assertEqual(calls["DxgkCbFreeAdl"], 6)
        self.assertGreaterEqual(calls["DxgkDdiDpcRoutine"], 2)
        for rule in ("R28", "R92", "R121", "R143", "E14", "E19"):
            self.assertGreater(summary["rules_kept"][rule], 0, rule)
        self.assertTrue(summary["reproducible"])

    def test_the_same_seed_is_the_same_run(self):
        def run():
            summary = self.judge([EXAMPLE], "--scenario", HERE / "short.json", "--seed", 7, code=0)
            return summary["cycles"], summary["ddi_calls"]
        self.assertEqual(run(), run())

    def test_the_sample_miniport_of_this_tree(self):
        sources = sorted((ROOT / "driver-model" / "kmd").glob("*.cpp"))
        # Its register fields are written with uint64_t, as the rest of the tree.
        summary = self.judge(sources, f"--cflag=-I{ROOT}", "--cflag=-UGPUDMAR_KMD", code=0)
        self.assertEqual(summary["status"], "pass")
        self.assertGreater(summary["ddi_calls"]["DxgkDdiBeginExclusiveAccess"], 0)
        self.assertGreater(summary["ddi_calls"]["DxgkDdiSetPowerState"], 0)


class Sources(KmdTest):
    def test_does_not_compile(self):
        summary = self.judge_variant(("static VOID Unload(VOID) {}", "static VOID Unload(VOID) { return 5 }"))
        self.assertEqual(summary["status"], "does_not_compile")
        self.assertRegex("\n".join(summary["warnings"]), r"broken\.cpp:\d+:\d+: error: expected ';'")

    def test_no_entry_point(self):
        summary = self.judge_variant(('extern "C" NTSTATUS DriverEntry', 'extern "C" NTSTATUS DriverMain'))
        self.assertEqual(summary["status"], "no_entry_point")

    def test_unknown_kernel_function(self):
        summary = self.judge_variant(
            ("static VOID Unload(VOID) {}",
             'extern "C" VOID KeFlushEverything(VOID);\nstatic VOID Unload(VOID) { KeFlushEverything(); }'))
        self.assertEqual(summary["status"], "does_not_load")
        self.assertIn("KeFlushEverything", summary["reason"])

    @covers("R226")
    def test_forbidden_imports(self):
        summary = self.judge_variant(("static VOID Unload(VOID) {}",
                                      "static VOID Unload(VOID) { MmFreeContiguousMemory(NULL); }"))
        self.assertEqual(summary["status"], "does_not_load")
        rule = self.rule(summary, "R226")
        self.assertIn("MmFreeContiguousMemory", rule["text"])
        self.assertEqual(rule["in"], "DxgkDdiQueryAdapterInfo")

    @covers("R226")
    def test_the_same_imports_without_isolation(self):
        """Contiguous memory behind the system's back is good where the driver does not opt in; the GPU reaches it."""
        summary = self.judge([self.variant(
            ("  Caps.MemoryManagementCaps.IoMmuSecureModeSupported = 1;\n", ""),
            ("  Iommu.IommuIsolationSupported = Iommu.DmaRemappingSupported = 1;\n", ""),
            ("  Submit(Adapter, COPY_TO_LOCAL, DeviceAddress(&Adapter->Source), 0, COPY_BYTES - 1, 0);\n",
             "  PHYSICAL_ADDRESS Any;\n  Any.QuadPart = -1;\n"
             "  const PVOID Own = MmAllocateContiguousMemory(COPY_BYTES, Any);\n"
             "  RtlCopyMemory(Own, Adapter->Source.Data, COPY_BYTES);\n"
             "  Submit(Adapter, COPY_TO_LOCAL, (ULONG64)MmGetPhysicalAddress(Own).QuadPart, 0, COPY_BYTES - 1, 0);\n"),
            ("  return RtlEqualMemory(Adapter->Source.Data,",
             "  MmFreeContiguousMemory(Own);\n  return RtlEqualMemory(Adapter->Source.Data,"),
            ("static VOID Unload(VOID) {}", """
static BOOLEAN OwnMemory(VOID) {
  PHYSICAL_ADDRESS Low, High, Skip;
  Low.QuadPart = Skip.QuadPart = 0;
  High.QuadPart = -1;
  PMDL Pages = MmAllocatePagesForMdlEx(Low, High, Skip, 3 * PAGE_SIZE, MmCached, 0);
  if (Pages == NULL || MmGetMdlByteCount(Pages) != 3 * PAGE_SIZE) return FALSE;
  PUCHAR View = (PUCHAR)MmMapLockedPagesSpecifyCache(Pages, KernelMode, MmCached, NULL, FALSE, NormalPagePriority);
  PMDL Again = IoAllocateMdl(View + 100, PAGE_SIZE, FALSE, FALSE, NULL);
  MmProbeAndLockPages(Again, KernelMode, IoWriteAccess);
  const BOOLEAN Same = MmGetMdlPfnArray(Again)[1] == MmGetMdlPfnArray(Pages)[1];
  MmUnlockPages(Again);
  IoFreeMdl(Again);
  MmUnmapLockedPages(View, Pages);
  MmFreePagesFromMdl(Pages);
  ExFreePool(Pages);
  return Same;
}
static VOID Unload(VOID) { if (!OwnMemory()) KeBugCheckEx(0xDEAD, 0, 0, 0, 0); }"""))],
            "--scenario", self.plan(start={"iommu": "off"}), code=0)
        self.assertNotIn("R226", summary["rules_kept"])
        self.assertGreater(summary["rules_kept"]["R142"], 0)

    @covers("R226")
    def test_pool_is_locked_for_the_gpu(self):
        """The source is paged pool under an MDL that the driver has locked itself; unlocked, it is no memory of a device."""
        def changes(lock):
            return (
                ("  Caps.MemoryManagementCaps.IoMmuSecureModeSupported = 1;\n", ""),
                ("  Iommu.IommuIsolationSupported = Iommu.DmaRemappingSupported = 1;\n", ""),
                ("  Submit(Adapter, COPY_TO_LOCAL, DeviceAddress(&Adapter->Source), 0, COPY_BYTES - 1, 0);\n",
                 "  const PVOID Own = ExAllocatePool2(POOL_FLAG_PAGED, COPY_BYTES, EXAMPLE_TAG);\n"
                 "  PMDL Mdl = IoAllocateMdl(Own, COPY_BYTES, FALSE, FALSE, NULL);\n"
                 "  RtlCopyMemory(Own, Adapter->Source.Data, COPY_BYTES);\n"
                 "  MmProbeAndLockPages(Mdl, KernelMode, IoReadAccess);\n"
                 + ("" if lock else "  MmUnlockPages(Mdl);\n") +
                 "  for (ULONG Page = 0; Page < COPY_BYTES / PAGE_SIZE; ++Page)\n"
                 "    Submit(Adapter, COPY_TO_LOCAL, MmGetMdlPfnArray(Mdl)[Page] << PAGE_SHIFT, Page * PAGE_SIZE, PAGE_SIZE - 1, 0);\n"),
                ("  return RtlEqualMemory(Adapter->Source.Data,",
                 ("  MmUnlockPages(Mdl);\n" if lock else "") +
                 "  IoFreeMdl(Mdl);\n  ExFreePoolWithTag(Own, EXAMPLE_TAG);\n"
                 "  return RtlEqualMemory(Adapter->Source.Data,"))
        plan = self.plan(start={"iommu": "off"})
        self.judge([self.variant(*changes(True))], "--scenario", plan, code=0)
        summary = self.judge([self.variant(*changes(False))], "--scenario", plan)
        self.assertEqual({entry["rule"] for entry in summary["rules_broken"]}, {"R142"})
        self.assertTrue(all(not entry["write"] for entry in summary["dma_outside_adls"]))

    @covers("E18")
    def test_memory_of_the_system_is_left(self):
        summary = self.judge([self.variant(
            ("  Caps.MemoryManagementCaps.IoMmuSecureModeSupported = 1;\n", ""),
            ("  Iommu.IommuIsolationSupported = Iommu.DmaRemappingSupported = 1;\n", ""),
            ("static VOID Unload(VOID) {}",
             "static VOID Unload(VOID) { PHYSICAL_ADDRESS Any; Any.QuadPart = -1; MmAllocateContiguousMemory(100, Any); }"))],
            "--scenario", self.plan(start={"iommu": "off"}))
        self.assertEqual([leak["kind"] for leak in summary["leak_list"]], ["contiguous memory"])

    def test_long_is_diagnosed(self):
        summary = self.judge_variant(("static VOID Unload(VOID) {}",
                                      "static unsigned long Flags = 1UL;\nstatic long long Wide;\n"
                                      "static VOID Unload(VOID) { Wide += Flags; }"), code=0)
        self.assertEqual(len(summary["warnings"]), 2, summary["warnings"])
        line = self.line_of("static unsigned long Flags")
        for warning in summary["warnings"]:
            self.assertIn(f"broken.cpp:{line}: ", warning)

    def test_structured_exception_handling_compiles(self):
        self.judge_variant(("static VOID Unload(VOID) {}", """
static LONG Seh(VOID) {
  LONG n = 0;
  __try { n = 1; __leave; } __finally { n += 10; }
  __try { n += 100; } __except (EXCEPTION_EXECUTE_HANDLER) { n = GetExceptionCode(); }
  return n;
}
#pragma alloc_text(PAGE, Seh)
__declspec(noinline) static VOID Unload(VOID) { if (Seh() != 111) KeBugCheckEx(0xDEAD, 0, 0, 0, 0); }"""), code=0)

    def test_bad_commands(self):
        for args, reason in ((("missing.cpp",), "missing.cpp: no such file"),
                             ((HERE / "short.json",), "neither C nor C++"),
                             ((EXAMPLE, "--scenario", "missing.json"), "cannot be read"),
                             ((EXAMPLE, "--interface", "2.8"), "--interface"),
                             ((EXAMPLE, "--allocation", "xy"), "hexadecimal"),
                             ((EXAMPLE, "--allocation", "00", "--scenario", HERE / "short.json"), "standard plan")):
            done = self.run_program(*args, "--dir", self.dir)
            self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
            self.assertIn(reason, done.stderr)

    def test_start_keys_of_the_sample_driver_are_refused(self):
        for start, reason in (({"paging_buffer": 8192}, "'paging_buffer' is a matter of the driver"),
                              ({"visible_bits": 40}, "'visible_bits' is a matter"),
                              ({"save": 4096}, "'save' is a matter")):
            done = self.run_program(EXAMPLE, "--scenario", self.plan(start=start), "--dir", self.dir)
            self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
            self.assertIn(reason, done.stderr)

    def test_bad_plans(self):
        for steps, reason in (([{"do": "fly"}], "step 1: there is no step 'fly'"),
                              ([{"do": "start"}, {"do": "wait"}], "step 2: wait needs 'cycles'"),
                              ([{"do": "power", "state": "D9"}], "none of D0"),
                              ([{"do": "stop", "now": 1}], "unknown key"),
                              ([{"do": "escape", "bytes": "abc"}], "hexadecimal"),
                              ([{"do": "allocate", "name": "a", "bytes": "0g"}], "hexadecimal"),
                              ([{"do": "check", "name": "a"}], "either 'pattern' or 'word'"),
                              ([{"do": "isolate", "expect": "STATUS_NICE"}], "is no status"),
                              ([{"do": "fail", "after": 1, "of": "luck"}], "none of memory, pool")):
            plan = self.dir / "plan.json"
            plan.write_text(json.dumps({"schema": 1, "name": "bad", "steps": steps}))
            done = self.run_program(EXAMPLE, "--scenario", plan, "--dir", self.dir)
            self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
            self.assertIn(reason, done.stderr)


class Starts(KmdTest):
    def test_entry_returns_early(self):
        summary = self.judge_variant(("return DxgkInitialize(DriverObject, RegistryPath, &Data);",
                                      "return STATUS_SUCCESS;"))
        self.assertEqual(summary["status"], "entry_failed")
        self.assertIn("DxgkInitialize was never called", summary["reason"])

    def test_entry_points_are_missing(self):
        query = "  Data.DxgkDdiQueryAdapterInfo = QueryAdapterInfo;\n"
        summary = self.judge_variant((query, ""))
        self.assertEqual(summary["status"], "entry_failed")
        self.assertTrue(summary["reason"].endswith("DxgkInitialize without DxgkDdiQueryAdapterInfo"), summary["reason"])
        summary = self.judge_variant((query, ""), ("  Data.DxgkDdiAddDevice = AddDevice;\n", ""))
        self.assertIn("DxgkInitialize without DxgkDdiAddDevice, DxgkDdiQueryAdapterInfo", summary["reason"])

    def test_nobody_takes_the_interrupt(self):
        summary = self.judge_variant(("  Data.DxgkDdiInterruptRoutine = InterruptRoutine;\n", ""))
        self.assertEqual(summary["status"], "start_failed")
        self.assertRegex(summary["reason"], r"nobody took (\d+) of its \1 interrupts: "
                                            "the driver has no DxgkDdiInterruptRoutine")
        self.assertIn("DbgPrint: gpu0 interrupts, and the driver has no DxgkDdiInterruptRoutine", summary["output"])
        summary = self.judge_variant(("  if (Causes == 0) return FALSE;\n", "  if (Causes != 0) return FALSE;\n"))
        self.assertRegex(summary["reason"], r"nobody took (\d+) of its \1 interrupts$")

    def test_nobody_runs_the_dpc(self):
        summary = self.judge_variant(("  Data.DxgkDdiDpcRoutine = DpcRoutine;\n", ""))
        self.assertEqual(summary["status"], "start_failed")
        self.assertIn("DbgPrint: gpu0 has a DPC queued, and the driver has no DxgkDdiDpcRoutine", summary["output"])

    def test_start_returns_early(self):
        summary = self.judge_variant(("Status = CopyOnce(Adapter);", "Status = STATUS_DEVICE_NOT_READY;"))
        self.assertEqual(summary["status"], "start_failed")
        self.assertIn("StartDevice of gpu0 failed", summary["reason"])

    ERROR_PATH = ("  if (!NT_SUCCESS(Status)) StopDevice(MiniportDeviceContext);\n  return Status;", "  return Status;")
    FAILURE = ("  if (NT_SUCCESS(Status)) Status = CopyOnce(Adapter);", "  if (NT_SUCCESS(Status)) Status = STATUS_IO_TIMEOUT;")

    @covers("R96")
    def test_a_failed_start_leaves_adls(self):
        summary = self.judge_variant(self.ERROR_PATH, self.FAILURE)
        self.assertEqual(summary["status"], "bugcheck")
        self.assertEqual([leak["kind"] for leak in summary["leak_list"]].count("ADL"), 3, summary["output"])
        leak = next(leak for leak in summary["leak_list"] if leak["kind"] == "ADL")
        self.at(leak["at"], "DxgkCbAllocateAdl(&Allocate)", "AllocateMemory")
        self.assertIn("R96", [entry["rule"] for entry in summary["rules_broken"]])

    @covers("E18")
    def test_a_failed_start_leaves_pool(self):
        summary = self.judge_variant((self.FAILURE[0], "  ExAllocatePool2(POOL_FLAG_NON_PAGED, 64, EXAMPLE_TAG);\n" + self.FAILURE[1]))
        self.assertEqual((summary["status"], summary["stage"]), ("start_failed", "start"))
        self.assertIn("StartDevice of gpu0 failed", summary["reason"])
        self.assertEqual([leak["kind"] for leak in summary["leak_list"]], ["pool"])
        self.at(self.rule(summary, "E18")["at"], "ExAllocatePool2(POOL_FLAG_NON_PAGED, 64", "StartDevice")

    @covers("R96")
    def test_a_failed_start_leaves_an_object_of_no_adapter(self):
        summary = self.judge_variant(self.ERROR_PATH, self.FAILURE, (
            "  if (NT_SUCCESS(Status)) Status = AllocateMemory(Adapter, RING_BYTES, &Adapter->Ring);", """
  DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT Create = {};
  Create.Size = PAGE_SIZE;
  Create.Type = DXGK_PHYSICAL_MEMORY_TYPE_MDL;
  Create.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
  Create.Mdl.HighAddress.QuadPart = -1;
  Adapter->Dxgk.DxgkCbCreatePhysicalMemoryObject(&Create);
  Status = STATUS_NO_MEMORY;"""))
        self.assertEqual((summary["status"], summary["stage"]), ("bugcheck", "unload"))
        self.assertIn("StartDevice of gpu0 failed", summary["output"], "why it came to the unload at all")
        self.assertRegex(summary["leak_list"][0]["at"], r"\(StartDevice")

    def test_capabilities_that_contradict_each_other(self):
        summary = self.judge_variant(("Caps.MemoryManagementCaps.IoMmuSecureModeSupported = 1;", ""))
        self.assertEqual(summary["status"], "start_failed")
        self.assertIn("IoMmuSecureModeSupported", summary["reason"])


class Memory(KmdTest):
    @covers("R143")
    def test_wrong_handle(self):
        summary = self.judge_variant(("DXGKARGCB_FREE_ADL Free = {Memory->AdapterObject, Memory->Adl};",
                                      "DXGKARGCB_FREE_ADL Free = {Memory->Object, Memory->Adl};"))
        self.assertEqual(summary["status"], "bugcheck")
        self.assertEqual(summary["bugcheck"]["code"], 0x113)
        rule = self.rule(summary, "R143")
        self.at(rule["at"], "DxgkCbFreeAdl(&Free)", "FreeMemory")
        self.assertEqual(rule["in"], "DxgkDdiStopDevice")
        self.assertGreaterEqual(len(rule["stack"]), 2)

    @covers("R92")
    def test_forgets_free_adl(self):
        summary = self.judge_variant(("    Adapter->Dxgk.DxgkCbFreeAdl(&Free);\n", "    (void)Free;\n"))
        self.assertEqual(summary["status"], "bugcheck")
        self.assertEqual(summary["bugcheck"]["code"], 0x1E4)
        self.at(self.rule(summary, "R92")["at"], "DxgkCbDestroyPhysicalMemoryObject(&Destroy)", "FreeMemory")
        self.assertEqual(summary["reason_in"], "DxgkDdiStopDevice")
        self.assertEqual(summary["leaks"], 0)  # the system went down before the rest could be freed

    @covers("R96")
    def test_forgets_everything(self):
        summary = self.judge_variant(("static VOID FreeMemory(EXAMPLE_ADAPTER* Adapter, EXAMPLE_MEMORY* Memory) {",
                                      "static VOID FreeMemory(EXAMPLE_ADAPTER* Adapter, EXAMPLE_MEMORY* Memory) {\n"
                                      "  if (Adapter != NULL) return;"))
        self.assertEqual(summary["bugcheck"]["code"], 0x1E4)
        kinds = [leak["kind"] for leak in summary["leak_list"]]
        self.assertEqual(sorted(set(kinds)), ["ADL", "CPU mapping", "adapter memory object", "memory object"])
        self.assertEqual(summary["leaks"], 12)
        adls = [leak for leak in summary["leak_list"] if leak["kind"] == "ADL"]
        self.assertEqual(sorted(leak["pages"] for leak in adls), [1, 3, 4])
        self.at(adls[0]["at"], "DxgkCbAllocateAdl(&Allocate)", "AllocateMemory")
        self.assertEqual((summary["pages_reachable"], summary["pages_unreachable"]), (8, 0))
        self.assertIn("R96", [entry["rule"] for entry in summary["rules_broken"]])

    @covers("R141")
    def test_changes_an_adl(self):
        change = "    Memory->Adl->PageCount = 77;\n"
        keeps = "  if (NT_SUCCESS(Status)) Memory->Adl = Allocate.pAdl;\n"
        kept = ("  if (NT_SUCCESS(Status)) {\n    Memory->Adl = Allocate.pAdl;\n" + change + "  }\n")
        summary = self.judge_variant((keeps, kept))
        self.assertEqual(summary["status"], "fail")
        self.assertEqual([entry["rule"] for entry in summary["rules_broken"]], ["R141"] * 3)
        for rule in summary["rules_broken"]:
            self.assertIn("PageCount is 77, it was", rule["text"])
            self.assertEqual(rule["in"], "DxgkDdiStopDevice")
            self.at(rule["at"], "DxgkCbFreeAdl(&Free)", "FreeMemory")

    @covers("R141")
    def test_changes_an_adl_and_leaves_it(self):
        summary = self.judge_variant(
            ("  if (NT_SUCCESS(Status)) Memory->Adl = Allocate.pAdl;\n",
             "  if (NT_SUCCESS(Status)) Memory->Adl = Allocate.pAdl;\n"
             "  if (Size == RING_BYTES) Memory->Adl->BasePageNumber ^= 1;\n"),
            ("Status = CopyOnce(Adapter);", "Status = STATUS_SUCCESS;"),
            ("    Adapter->Dxgk.DxgkCbFreeAdl(&Free);\n", "    (void)Free;\n"))
        self.assertEqual(summary["bugcheck"]["code"], 0x1E4)
        self.at(self.rule(summary, "R141")["at"], "DxgkCbAllocateAdl(&Allocate)", "AllocateMemory")

    def test_wrong_order(self):
        summary = self.judge_variant(
            ("  if (Memory->Base != NULL) {\n", "  if (Memory->Base != NULL && Memory->Object == NULL) {\n"))
        self.assertEqual(summary["bugcheck"]["code"], 0x113)
        self.at(self.rule(summary, "R94")["at"], "DxgkCbDestroyPhysicalMemoryObject(&Destroy)", "FreeMemory")

    def test_adl_size(self):
        summary = self.judge_variant(("  Allocate.Size = Create.Size;", "  Allocate.Size = Create.Size - 8;"))
        self.assertEqual(summary["status"], "start_failed")
        self.at(self.rule(summary, "R122")["at"], "DxgkCbAllocateAdl(&Allocate)", "AllocateMemory")

    @covers("E18")
    def test_pool_and_window_leak(self):
        summary = self.judge_variant(
            ("  ExFreePoolWithTag(MiniportDeviceContext, EXAMPLE_TAG);\n", "  UNREFERENCED_PARAMETER(MiniportDeviceContext);\n"),
            ("    Adapter->Dxgk.DxgkCbUnmapMemory(Adapter->Dxgk.DeviceHandle, Adapter->Registers);\n", ""))
        self.assertEqual(summary["status"], "fail")
        leaks = {leak["kind"]: leak for leak in summary["leak_list"]}
        self.assertEqual(set(leaks), {"pool", "registers"})
        self.at(leaks["pool"]["at"], "ExAllocatePool2(", "AddDevice")
        self.assertRegex(leaks["registers"]["at"], r"\(StartDevice")
        self.assertEqual({entry["rule"] for entry in summary["rules_broken"]}, {"E18"})

    # In a DPC the thread is the interrupt's, not the plan's.
    def test_what_stops_the_system_in_a_dpc(self):
        signal = "  KeSetEvent(&((EXAMPLE_ADAPTER*)MiniportDeviceContext)->FenceSeen, IO_NO_INCREMENT, FALSE);"
        summary = self.judge_variant((signal, "  FAST_MUTEX Mutex; ExInitializeFastMutex(&Mutex); ExAcquireFastMutex(&Mutex);"))
        self.assertEqual(summary["status"], "kernel_rule")
        self.assertEqual(summary["reason"], "ExAcquireFastMutex at IRQL 2, allowed up to 1")
        self.at(summary["stack"][0], "ExAcquireFastMutex(&Mutex)", "DpcRoutine")
        summary = self.judge_variant((signal, "  KeBugCheckEx(0xDEAD, 1, 2, 3, (ULONG_PTR)MiniportDeviceContext);"))
        self.assertEqual((summary["status"], summary["reason_in"]), ("bugcheck", "DxgkDdiDpcRoutine"))
        self.assertEqual((summary["bugcheck"]["code"], summary["bugcheck"]["parameters"][:3]), (0xDEAD, [1, 2, 3]))

    def test_pool_is_overrun(self):
        summary = self.judge_variant(
            ("  FreeMemory(Adapter, &Adapter->Ring);\n",
             "  FreeMemory(Adapter, &Adapter->Ring);\n"
             "  PUCHAR Block = (PUCHAR)ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, EXAMPLE_TAG);\n"
             "  for (volatile int i = 0; i < 120; ++i) Block[i] = 7;\n"
             "  ExFreePoolWithTag(Block, EXAMPLE_TAG);\n"))
        self.assertEqual(summary["status"], "kernel_rule")
        self.assertRegex(summary["reason"], "pool at 0x[0-9a-f]+ of 100 bytes, tag 'Expl', "
                                            "was written past its end: at offset 100")
        self.at(summary["stack"][0], "ExFreePoolWithTag(Block", "StopDevice")

    def test_leaked_pool_is_overrun(self):
        summary = self.judge_variant(("static VOID Unload(VOID) {}",
                                      "static VOID Unload(VOID) {\n"
                                      "  volatile CHAR* Left = (CHAR*)ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, EXAMPLE_TAG);\n"
                                      "  Left[105] = 7;\n}"))
        self.assertEqual(summary["status"], "kernel_rule")
        self.assertRegex(summary["reason"], "of 100 bytes, tag 'Expl', was written past its end: at offset 105")

    @covers("R142")
    def test_dma_after_free(self):
        summary = self.judge_variant(("  WRITE_REGISTER_ULONG(&Registers->Tail, Adapter->Tail);",
                                      "  FreeMemory(Adapter, &Adapter->Source);\n"
                                      "  WRITE_REGISTER_ULONG(&Registers->Tail, Adapter->Tail);"))
        self.assertEqual(summary["status"], "start_failed")
        self.assertIn("R142", [entry["rule"] for entry in summary["rules_broken"]])
        stray = summary["dma_outside_adls"]
        self.assertTrue(stray and all(not entry["write"] and entry["freed"] for entry in stray), stray)
        self.at(stray[0]["freed_at"][0], "DxgkCbFreeAdl(&Free)", "FreeMemory")

    # A number that comes back at once would hide it: the descriptor names the source of a moment ago.
    @covers("R142")
    def test_dma_after_free_and_allocation(self):
        change = ("  WRITE_REGISTER_ULONG(&Registers->Tail, Adapter->Tail);",
                  "  FreeMemory(Adapter, &Adapter->Source);\n"
                  "  AllocateMemory(Adapter, COPY_BYTES, &Adapter->Source);\n"
                  "  RtlFillMemory(Adapter->Source.Data, COPY_BYTES, 0xA5);\n"
                  "  WRITE_REGISTER_ULONG(&Registers->Tail, Adapter->Tail);")
        summary = self.judge_variant(change)
        self.assertIn("R142", [entry["rule"] for entry in summary["rules_broken"]])
        self.assertTrue(all(entry["freed"] for entry in summary["dma_outside_adls"]))
        # With the lowest number each time it is the same number again.
        plan = self.plan(start={"fresh_logical": False})
        summary = self.judge([self.variant(change)], "--scenario", plan, code=0)
        self.assertEqual(summary["dma_outside_adls"], [])

    # Ring, source and target lie one behind the other, but not side by side.
    @covers("R142")
    def test_dma_past_the_end_of_an_adl(self):
        read = "DeviceAddress(&Adapter->Source), 0, COPY_BYTES - 1, 0);"
        write = "Submit(Adapter, COPY_FROM_LOCAL, 0, Target, COPY_BYTES - 1, 0);"
        for line, bad in ((read, read.replace("COPY_BYTES - 1", "COPY_BYTES")),
                          (read, read.replace("COPY_BYTES - 1", "COPY_BYTES + PAGE_SIZE - 1")),
                          (read, read.replace("DeviceAddress(&Adapter->Source)", "DeviceAddress(&Adapter->Source) - 1")),
                          (write, write.replace("Target,", "Target + PAGE_SIZE + 1,"))):
            summary = self.judge_variant((line, bad))
            self.assertIn("R142", [entry["rule"] for entry in summary["rules_broken"]], bad + summary["output"])
            self.assertTrue(all(not entry["freed"] for entry in summary["dma_outside_adls"]))

    # Low page frames have the numbers that a first fit gives to ADLs.
    @covers("R142")
    def test_a_physical_address_given_to_the_device(self):
        changes = (("Create.ContiguousMemory.HighestAcceptableAddress.QuadPart = -1;",
                    "Create.ContiguousMemory.HighestAcceptableAddress.QuadPart = Size == COPY_BYTES ? 200 * PAGE_SIZE - 1 : -1;"),
                   ("  Submit(Adapter, COPY_TO_LOCAL, DeviceAddress(&Adapter->Source), 0, COPY_BYTES - 1, 0);",
                    "  Submit(Adapter, COPY_TO_LOCAL, MmGetPhysicalAddress(Adapter->Source.Data).QuadPart, 0, COPY_BYTES - 1, 0);"),
                   ("AllocateMemory(Adapter, COPY_BYTES + PAGE_SIZE, &Adapter->Target)",
                    "AllocateMemory(Adapter, COPY_BYTES + 256 * PAGE_SIZE, &Adapter->Target)"))
        summary = self.judge([self.variant(*changes)], "--scenario", HERE / "short.json")
        self.assertIn("R142", [entry["rule"] for entry in summary["rules_broken"]], summary["output"])
        self.assertTrue(all(entry["address"] < 200 << 12 for entry in summary["dma_outside_adls"]))
        # The lowest numbers are those of low page frames: here even the same ones, and the driver looks right.
        summary = self.judge([self.variant(*changes)], "--scenario", self.plan(start={"fresh_logical": False}), code=0)
        self.assertEqual(summary["dma_outside_adls"], [])

    def test_strict(self):
        summary = self.judge_variant(("  WRITE_REGISTER_ULONG(&Registers->Tail, Adapter->Tail);",
                                      "  FreeMemory(Adapter, &Adapter->Source);\n"
                                      "  WRITE_REGISTER_ULONG(&Registers->Tail, Adapter->Tail);"),
                                     args=("--strict", "--verifier"))
        self.assertEqual((summary["status"], summary["bugcheck"]["code"]), ("bugcheck", 0xE6))
        self.assertEqual(summary["bugcheck"]["parameters"][0], 0x26)
        self.assertIn("link0: logical", summary["dump"])





if __name__ == "__main__":
    unittest.main()
