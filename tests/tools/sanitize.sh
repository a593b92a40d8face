#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Build our own code under AddressSanitizer and UBSan, and run its tests: sanitize.sh BUILD JOBS ALL. With ALL = 0 the tests that
# need no model of the RTL. Results in BUILD/sanitize/summary.json; the exit status is 0 when nothing failed.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
directory=$1/sanitize jobs=$2 all=$3
mkdir -p "$directory"
directory=$(realpath "$directory")
rm -f "$directory/summary.json"

models=OFF targets=(smoke_programs) chosen=(-L smoke) tree=$directory/smoke
if [[ $all != 0 ]]; then
  models=ON targets=() chosen=() tree=$directory/all
fi
cmake -G Ninja -S "$root" -B "$tree" --log-level=NOTICE -DCMAKE_BUILD_TYPE=RelWithDebInfo -DGPUDMAR_SANITIZE=ON \
  "-DGPUDMAR_MODELS=$models"
ninja -C "$tree" "-j$jobs" --quiet "${targets[@]}"

# SystemC's threads have stacks of their own, which the check of returned frames does not know.
export ASAN_OPTIONS=detect_stack_use_after_return=0:strict_string_checks=1:detect_leaks=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
mkdir -p "$tree/test/xml"
status=0
ctest --test-dir "$tree" "-j$jobs" --timeout 1800 --output-on-failure --output-junit test/ctest.xml "${chosen[@]}" \
  >"$directory/ctest.log" 2>&1 || status=$?
python3 - "$tree/test/ctest.xml" "$directory/summary.json" <<'EOF'
import json
import sys
import xml.etree.ElementTree as tree

cases = tree.parse(sys.argv[1]).getroot().findall("testcase")
failed = [case.get("name") for case in cases if case.get("status") != "run"]
with open(sys.argv[2], "w", encoding="utf-8") as out:
    json.dump({"status": "failed" if failed or not cases else "passed", "programs": len(cases), "failed": failed}, out)
    out.write("\n")
print(f"sanitize: {len(cases)} programs, {len(failed)} failed" + "".join(f"\n  {name}" for name in failed))
EOF
if ((status != 0)); then
  echo "sanitize: see $directory/ctest.log" >&2
  exit 1
fi
