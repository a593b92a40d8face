# SPDX-License-Identifier: Apache-2.0
# The front door: GNU make over CMake, Ninja and CTest. `make help` lists what there is.

BUILD  := build
CONFIG := RelWithDebInfo
JOBS   ?= $(shell nproc)
# Warnings fail the build in continuous integration.
WERROR := $(if $(filter true 1,$(CI)),ON,OFF)

# User text goes to the recipes through the environment, so that no path or argument is read by the shell twice.
export FILE SEED WAVES TIMELINE REPORT L ARGS FILTER CASE CASES STEPS RUNS THREADS KMD SCENARIO ONLY ALL PART CONF COUNT FILES KIND PROFILE CYCLES

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.PHONY: help deps configure build sim waves random kmd oracle test bench formal fuzz sanitize lint lint-rtl format registers clean fpga mutate coverage nightly

help: ## this list
	@echo "gpu-dmar: a GPU DMA engine and a VT-d IOMMU in Verilog, driven by a model of the Windows graphics kernel"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  sim:   FILE=path what is copied   SEED=n   L=n memory latency in cycles   WAVES=1   TIMELINE=1   REPORT=1   ARGS='...' see docs/running.md"
	@echo "  random: SEED=n the first   RUNS=n   STEPS=n   THREADS=n or PROFILE=file   ARGS='--pipe 1 ...' see docs/testing.md"
	@echo "  kmd:   KMD='a.cpp b.cpp'   SCENARIO=file   SEED=n   L=n   ARGS='--cflag=-Iinclude ...' see docs/bring-your-driver.md"
	@echo "  oracle: CASES=n   SEED=n the first   ARGS='--qemu path ...' see docs/oracle.md"
	@echo "  test:  FILTER=regex of test programs   CASE=Suite.case* (a GoogleTest filter)   JOBS=n"
	@echo "  bench: FILTER=regex of result names, see docs/bench.md"
	@echo "  formal: ONLY=tasks, by comma   JOBS=n   see docs/formal.md"
	@echo "  fuzz:  RUNS=executions of each   SEED=n   ONLY=targets, by comma   ARGS=--keep   see docs/testing.md"
	@echo "  sanitize: ALL=1 every test, some hours"
	@echo "  fpga:  CONF=small,default by comma   PART=ecp5-85   SEED=n of the placement   ARGS='--accept' see docs/fpga.md"
	@echo "  mutate: COUNT=n mutants   SEED=n   FILES='globs of RTL files, by comma'   ARGS=--again   see docs/mutate.md"
	@echo "  coverage: KIND=line,toggle   ONLY=regex of programs   JOBS=n   ARGS='--accept' see docs/coverage.md"
	@echo "  nightly: ONLY=stages, by comma   SEED=n   CYCLES=n of the random streams   CASES=n of the oracle   RUNS=n of the fuzzers"
	@echo "  lint:  TIDY=all also runs clang-tidy on the tests"
	@echo "  all:   BUILD=directory (build)   CONFIG=Debug|RelWithDebInfo   CI=true makes warnings errors"

deps: ## install what is missing (Debian 12)
	@.ci/deps

# A file list that names another file: the models are described anew before ninja sees them.
configure:
	@.ci/deps build
	@args="-DCMAKE_BUILD_TYPE=$(CONFIG) -DGPUDMAR_WERROR=$(WERROR)"; \
	mkdir -p '$(BUILD)'; \
	new=$$(find rtl -name '*.f' -newer '$(BUILD)/build.ninja' 2>/dev/null || true); \
	if [ ! -f '$(BUILD)/build.ninja' ] || [ -n "$$new" ] || [ "$$(cat '$(BUILD)/.configured' 2>/dev/null)" != "$$args" ]; then \
	  rm -f '$(BUILD)/.configured'; \
	  cmake -G Ninja -S . -B '$(BUILD)' --log-level=NOTICE $$args; \
	  echo "$$args" >'$(BUILD)/.configured'; \
	fi; \
	ninja -C '$(BUILD)' --quiet build.ninja  # the compile commands follow the CMake files

build: configure ## build everything
	@ninja -C '$(BUILD)' -j$(JOBS)

sim: configure ## build the machine and run the demonstration
	@ninja -C '$(BUILD)' -j$(JOBS) --quiet gpu-dmar
	@mkdir -p '$(BUILD)/sim'; rm -f '$(BUILD)/sim/summary.json' '$(BUILD)/sim/failure.fst'
	@set -- --summary '$(BUILD)/sim/summary.json' --failure-waves '$(BUILD)/sim/failure.fst'; \
	if [ -n "$$FILE" ]; then set -- "$$@" --file "$$FILE"; fi; \
	if [ -n "$$SEED" ]; then set -- "$$@" --seed "$$SEED"; fi; \
	if [ -n "$$L" ]; then set -- "$$@" --latency "$$L"; fi; \
	if [ -n "$$WAVES" ] && [ "$$WAVES" != 0 ]; then set -- "$$@" --waves '$(BUILD)/sim/waves.fst'; fi; \
	if [ -n "$$TIMELINE" ] && [ "$$TIMELINE" != 0 ]; then set -- "$$@" --timeline '$(BUILD)/sim/timeline.json'; fi; \
	if [ -n "$$REPORT" ] && [ "$$REPORT" != 0 ]; then set -- "$$@" --report '$(BUILD)/sim/report.html'; fi; \
	exec '$(BUILD)/bin/gpu-dmar' run "$$@" $$ARGS

waves: ## open the waves of `make sim WAVES=1` in GTKWave
	@[ -f '$(BUILD)/sim/waves.fst' ] || { echo "no waves yet: run \`make sim WAVES=1\` first" >&2; exit 1; }
	@.ci/deps view
	@command -v gtkwave >/dev/null || { echo "gtkwave is not installed: run \`make deps\`" >&2; exit 1; }
	@gtkwave '$(BUILD)/sim/waves.fst' $$(ls '$(BUILD)/sim/waves.gtkw' 2>/dev/null)

random: configure ## run random streams of calls and DMA against the whole machine
	@ninja -C '$(BUILD)' -j$(JOBS) --quiet gpu-dmar
	@mkdir -p '$(BUILD)/random'; rm -f '$(BUILD)/random/summary.json'
	@set -- --shrink --dir '$(BUILD)/random' --summary '$(BUILD)/random/summary.json'; \
	if [ -n "$$SEED" ]; then set -- "$$@" --seed "$$SEED"; fi; \
	if [ -n "$$STEPS" ]; then set -- "$$@" --steps "$$STEPS"; fi; \
	if [ -n "$$RUNS" ]; then set -- "$$@" --runs "$$RUNS"; fi; \
	if [ -n "$$THREADS" ]; then set -- "$$@" --threads "$$THREADS"; fi; \
	if [ -n "$$PROFILE" ]; then set -- "$$@" --profile "$$PROFILE"; fi; \
	exec '$(BUILD)/bin/gpu-dmar' random "$$@" $$ARGS

kmd: configure ## build KMD="driver sources", run the driver on the machine, judge it
	@[ -n "$$KMD" ] || { echo 'which driver? make kmd KMD="a.cpp b.cpp"' >&2; exit 1; }
	@ninja -C '$(BUILD)' -j$(JOBS) --quiet gpu-dmar
	@mkdir -p '$(BUILD)/kmd'; rm -f '$(BUILD)/kmd/summary.json'
	@set -- --dir '$(BUILD)/kmd'; \
	if [ -n "$$SCENARIO" ]; then set -- "$$@" --scenario "$$SCENARIO"; fi; \
	if [ -n "$$SEED" ]; then set -- "$$@" --seed "$$SEED"; fi; \
	if [ -n "$$L" ]; then set -- "$$@" --latency "$$L"; fi; \
	if [ -n "$$WAVES" ] && [ "$$WAVES" != 0 ]; then set -- "$$@" --waves '$(BUILD)/kmd/waves.fst'; fi; \
	exec '$(BUILD)/bin/gpu-dmar' kmd $$KMD "$$@" $$ARGS

oracle: configure ## compare the IOMMU with QEMU's
	@.ci/deps judge
	@ninja -C '$(BUILD)' -j$(JOBS) --quiet gpu-dmar-oracle
	@mkdir -p '$(BUILD)/oracle'; rm -f '$(BUILD)/oracle/summary.json'
	@set -- --summary '$(BUILD)/oracle/summary.json'; \
	if [ -n "$$CASES" ]; then set -- "$$@" --cases "$$CASES"; fi; \
	if [ -n "$$SEED" ]; then set -- "$$@" --seed "$$SEED"; fi; \
	exec '$(BUILD)/bin/gpu-dmar-oracle' "$$@" $$ARGS

test: configure ## build and run all tests
	@.ci/deps formal judge || echo "test: without them the proofs and the comparison with QEMU are skipped" >&2
	@ninja -C '$(BUILD)' -j$(JOBS) --quiet || { echo "the build failed"; echo "0 passed, 1 failed"; exit 1; }
	@rm -rf '$(BUILD)/test'; mkdir -p '$(BUILD)/test/xml' '$(BUILD)/test/contract'
	@set -- ; [ -z "$$FILTER" ] || set -- -R "$$FILTER"; [ -z "$$CASE" ] || export GTEST_FILTER="$$CASE"; \
	export GPUDMAR_CONTRACT_DIR="$$(realpath '$(BUILD)/test/contract')"; \
	ctest --test-dir '$(BUILD)' -j$(JOBS) --no-tests=ignore --output-junit test/ctest.xml "$$@" || true
	@set -- --build '$(BUILD)'; [ -z "$$FILTER" ] || set -- "$$@" --filter "$$FILTER"; [ -z "$$CASE" ] || set -- "$$@" --case; \
	exec python3 tests/report.py "$$@"

bench: configure ## measure every promise and the speed of the bench; not 0 when one is missed
	@ninja -C '$(BUILD)' -j$(JOBS) --quiet bench_programs
	@set -- --build '$(BUILD)'; [ -z "$$FILTER" ] || set -- "$$@" --filter "$$FILTER"; \
	exec python3 tests/bench/bench.py "$$@"

formal: ## prove the properties of the RTL; not 0 when one fails
	@.ci/deps build formal
	@set -- --jobs $(JOBS); [ -z "$$ONLY" ] || set -- "$$@" --only "$$ONLY"; \
	exec python3 tests/formal/run.py '$(BUILD)' "$$@"

fuzz: ## feed the readers with what nobody would write; not 0 when one fails
	@.ci/deps build
	@set -- --jobs $(JOBS); [ -z "$$RUNS" ] || set -- "$$@" --runs "$$RUNS"; [ -z "$$SEED" ] || set -- "$$@" --seed "$$SEED"; \
	[ -z "$$ONLY" ] || set -- "$$@" --only "$$ONLY"; \
	exec python3 tests/fuzz/run.py '$(BUILD)' "$$@" $$ARGS

sanitize: ## run the tests that need no RTL under AddressSanitizer and UBSan (ALL=1: every test)
	@.ci/deps build
	@exec tests/tools/sanitize.sh '$(BUILD)' $(JOBS) "$${ALL:-0}"

fpga: ## synthesise, place and route; not 0 when area or clock are worse than accepted
	@.ci/deps fpga || true  # what is missing then is said where it is needed
	@set -- ; [ -z "$$CONF" ] || set -- "$$@" --conf "$$CONF"; [ -z "$$PART" ] || set -- "$$@" --part "$$PART"; \
	if [ -n "$$SEED" ]; then set -- "$$@" --seed "$$SEED"; fi; \
	exec python3 rtl/fpga/flow.py '$(BUILD)' "$$@" $$ARGS

mutate: ## change the RTL at random and see whether the tests notice (long); not 0 when too few do
	@.ci/deps build formal
	@set -- --jobs $(JOBS); [ -z "$$COUNT" ] || set -- "$$@" --count "$$COUNT"; [ -z "$$SEED" ] || set -- "$$@" --seed "$$SEED"; \
	[ -z "$$FILES" ] || set -- "$$@" --files "$$FILES"; \
	exec python3 tests/mutate/run.py '$(BUILD)' "$$@" $$ARGS

coverage: ## count what the tests reach of the RTL and the C++ (long); not 0 when less than accepted
	@.ci/deps build coverage
	@set -- --jobs $(JOBS); [ -z "$$KIND" ] || set -- "$$@" --kind "$$KIND"; [ -z "$$ONLY" ] || set -- "$$@" --only "$$ONLY"; \
	exec python3 tests/coverage/run.py '$(BUILD)' "$$@" $$ARGS

nightly: ## what is too long for a push, with fresh seeds (hours); not 0 when a stage fails
	@.ci/deps build
	@set -- --jobs $(JOBS); [ -z "$$ONLY" ] || set -- "$$@" --only "$$ONLY"; [ -z "$$SEED" ] || set -- "$$@" --seed "$$SEED"; \
	[ -z "$$CYCLES" ] || set -- "$$@" --cycles "$$CYCLES"; [ -z "$$CASES" ] || set -- "$$@" --cases "$$CASES"; \
	[ -z "$$RUNS" ] || set -- "$$@" --runs "$$RUNS"; \
	exec env -u ONLY -u SEED -u CYCLES -u CASES -u RUNS -u MAKEFLAGS -u MAKEOVERRIDES python3 tests/nightly/run.py '$(BUILD)' "$$@"

lint: configure ## check formats, clang-tidy, generated files and the RTL
	@.ci/deps lint
	@bad=0; .ci/lint-rtl || bad=1; .ci/lint '$(BUILD)' || bad=1; exit $$bad

lint-rtl: ## check the RTL only (about a minute on two cores)
	@.ci/deps build lint
	@.ci/lint-rtl

format: ## run clang-format on the C++
	@.ci/deps lint
	@git ls-files --cached --others --exclude-standard -- '*.cpp' '*.h' | xargs -r clang-format -i

registers: ## generate register packages, headers, tables and FuseSoC cores
	@python3 rtl/pkg/generate.py
	@python3 rtl/cores.py

clean: ## remove the build directory
	@[ ! -e '$(BUILD)' ] || [ -f '$(BUILD)/CMakeCache.txt' ] || [ '$(BUILD)' = build ] || \
	  { echo "$(BUILD) is no build directory of CMake: left alone" >&2; exit 1; }
	@rm -rf '$(BUILD)' '$(BUILD)-mutate'
