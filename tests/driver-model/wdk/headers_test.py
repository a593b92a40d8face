# SPDX-License-Identifier: Apache-2.0
"""The kit's headers as other compilers see them: clang as drivers are built, C11, and MinGW, whose `long` has 32 bits."""
import os
import shutil
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
WDK = ROOT / "driver-model/wdk"
VERSIONS = ("0x9006", "0xE003", "0xF003", "0x10004")
CHECKS = tuple(path.name for path in sorted(WDK.glob("layout_checks_*.cpp")))
DRIVER = ("-fms-extensions", "-fshort-wchar", "-DGPUDMAR_KMD=1", "-DGPUDMAR_WDK_OLD_SAL=1")
MINGW = "x86_64-w64-mingw32-g++"


def covers(*rules):
    """A skipped test covers nothing, so that a whole run without these compilers fails."""
    def mark(test):
        test.rules = rules
        return test
    return mark


class Headers(unittest.TestCase):
    def accept(self, *command, text=None):
        if not shutil.which(command[0]):
            self.skipTest(f"{command[0]} is not installed: run `make deps`")
        done = subprocess.run([*command, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{ROOT}",
                               f"-I{WDK / 'include'}"], input=text, capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stderr[:3000]}")

    @covers("headers.mingw")
    def test_mingw_agrees_with_every_layout(self):
        for version in VERSIONS:
            for check in CHECKS:
                self.accept(MINGW, "-std=c++17", f"-DDXGKDDI_INTERFACE_VERSION={version}", str(WDK / check))

    def test_mingw_finds_a_wrong_layout(self):
        if not shutil.which(MINGW):
            self.skipTest(f"{MINGW} is not installed: run `make deps`")
        text = '#include "driver-model/wdk/layout_checks.h"\nGPUDMAR_OFFSET(DXGK_ADL, Pages, 16);\n'
        done = subprocess.run([MINGW, "-x", "c++", "-std=c++17", "-fsyntax-only", f"-I{ROOT}", f"-I{WDK / 'include'}",
                               "-"], input=text, capture_output=True, text=True, check=False, timeout=60)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("DXGK_ADL.Pages is not at byte 16", done.stderr)

    @covers("headers.clang")
    def test_clang_as_drivers_are_built(self):
        for version in VERSIONS:
            for check in CHECKS:
                self.accept("clang++", "-std=c++17", *DRIVER, f"-DDXGKDDI_INTERFACE_VERSION={version}",
                            str(WDK / check))
            self.accept("clang", "-std=c11", *DRIVER, f"-DDXGKDDI_INTERFACE_VERSION={version}",
                        str(WDK / "layout_checks.c"))

    @covers("headers.clang")
    def test_entries_of_parts_that_are_not_declared_take_functions(self):
        text = """
#include "dispmprt.h"
static NTSTATUS APIENTRY IsSupported(IN_CONST_HANDLE Adapter, PVOID Args) { return Adapter == Args ? 1 : 0; }
static VOID Unload(VOID) {}
static NTSTATUS APIENTRY Render(IN_CONST_HANDLE Context, INOUT_PDXGKARG_RENDER Args) {
  return Context != NULL && Args->DmaSize > 0;
}
NTSTATUS Fill(DRIVER_INITIALIZATION_DATA* Data, KMDDOD_INITIALIZATION_DATA* Displays) {
  RtlZeroMemory(Data, sizeof(*Data));
  Data->DxgkDdiIsSupportedVidPn = IsSupported;
  Data->DxgkDdiSetPointerShape = (PVOID)IsSupported;
  Data->DxgkDdiStopCapture = NULL;
  Data->DxgkDdiRender = Render;
  Data->DxgkDdiRenderKm = &Render;
  Data->DxgkDdiUnload = Unload;
  Displays->DxgkDdiPresentDisplayOnly = IsSupported;
  return Data->DxgkDdiIsSupportedVidPn != NULL;
}
"""
        for compiler, standard, language in (("clang++", "-std=c++17", "c++"), ("clang", "-std=c11", "c")):
            for version in VERSIONS:
                with self.subTest(compiler=compiler, version=version):
                    self.accept(compiler, standard, *DRIVER, f"-DDXGKDDI_INTERFACE_VERSION={version}", "-x", language,
                                "-", text=text)

    @covers("headers.clang")
    def test_intrinsics_and_older_names_as_drivers_use_them(self):
        body = """
#define RTL_USE_AVL_TABLES 0
#include <ntddk.h>
#include <ntintsafe.h>
#include <emmintrin.h>
static LONG random(VOID) { return 4; }  // <stdlib.h> has another one
static DECLSPEC_ALIGN(16) LONG64 Pair[2];
static RTL_GENERIC_TABLE Table;
UCHAR Use(ULONG64* Fence) {
  LONG64 Old[2] = {0, 0};
  SIZE_T Bytes;
  _mm_pause();
  _mm_lfence();
  _mm_mfence();
  _mm_clflush(Fence);
  WriteULong64Release(Fence, ReadULong64Acquire(Fence) + (ULONG)random());
  _mm_sfence();
  YieldProcessor();
  if (!NT_SUCCESS(RtlSizeTMult(4, RtlNumberGenericTableElements(&Table), &Bytes))) __fastfail(FAST_FAIL_INVALID_ARG);
  return InterlockedCompareExchange128(Pair, 1, 2, Old);
}
"""
        for compiler, standard, language in (("clang++", "-std=c++17", "c++"), ("clang", "-std=c11", "c")):
            # Whoever includes that one first has <stdlib.h>, too.
            for early in ("", "#include <wdm.h>\n", "#include <emmintrin.h>\n"):
                text = early + (body.replace("random", "Random") if "emmintrin" in early else body)
                with self.subTest(compiler=compiler, early=early):
                    self.accept(compiler, standard, *DRIVER, "-x", language, "-", text=text)

    def test_every_header_stands_alone(self):
        for header in sorted((WDK / "include").glob("*.h")):
            if "\n// Part of " in header.read_text()[:200]:
                continue  # its whole includes it
            with self.subTest(header=header.name):
                for command in (("clang", "-std=c11", *DRIVER), ("clang++", "-std=c++17", *DRIVER)):
                    self.accept(*command, "-include", str(header), "-x", "c" if command[0] == "clang" else "c++",
                                os.devnull)


if __name__ == "__main__":
    unittest.main()
