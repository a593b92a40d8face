# SPDX-License-Identifier: Apache-2.0
# The few build helpers that every directory uses.

# gpudmar_library(name SOURCES ... [LIBS ...]): a static library of this project, included from the repository root.
function(gpudmar_library name)
  cmake_parse_arguments(A "" "" "SOURCES;LIBS" ${ARGN})
  add_library(${name} STATIC ${A_SOURCES})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${A_LIBS})
  gpudmar_warnings(${name})
  gpudmar_count_lines(${name})
endfunction()

# Counts which lines of it run (tests/coverage). Unoptimised, so that a count belongs to its line.
function(gpudmar_count_lines name)
  if(GPUDMAR_COVERAGE STREQUAL "line")
    target_compile_options(${name} PRIVATE -O0 -g0 --coverage -fprofile-update=prefer-atomic)
  endif()
endfunction()
if(GPUDMAR_COVERAGE STREQUAL "line")
  add_link_options(--coverage)
endif()

# How our own code is compiled, apart from what Verilator makes.
function(gpudmar_warnings name)
  # In continuous integration nobody steps through variables: their debug information is a third of the build.
  target_compile_options(${name} PRIVATE -Wall -Wextra "$<$<BOOL:${GPUDMAR_WERROR}>:-Werror;-g1>")
  if(GPUDMAR_SANITIZE)
    target_compile_options(${name} PRIVATE -O1 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined
      -fno-sanitize-recover=all
      -fno-sanitize=enum  # a driver may pass any number, and gcc, as the kit's compiler, takes it as one
      -Wno-maybe-uninitialized)  # gcc 12 finds it in its own <regex> once the checks are in
  endif()
endfunction()
if(GPUDMAR_SANITIZE)
  add_link_options(-fsanitize=address,undefined)
endif()
add_custom_target(smoke_programs)

# gpudmar_test(name SOURCES ... [LIBS ...] [TIMEOUT seconds] [MAIN] [SMOKE]): one GoogleTest program, one CTest entry.
# Its XML goes to <build>/test/xml/<name>.xml, from which tests/report.py makes junit.xml and rules.json.
# MAIN: the sources bring main() or sc_main() themselves. SMOKE: it needs no model of the RTL, and is one of those that
# `make sanitize` runs on every push.
function(gpudmar_test name)
  cmake_parse_arguments(A "MAIN;SMOKE" "TIMEOUT" "SOURCES;LIBS" ${ARGN})
  if(NOT A_TIMEOUT)
    set(A_TIMEOUT 120)
  endif()
  add_executable(${name} ${A_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${A_LIBS} GTest::gmock)
  if(NOT A_MAIN)
    target_link_libraries(${name} PRIVATE GTest::gmock_main)
  endif()
  gpudmar_warnings(${name})
  if(GPUDMAR_MUTANTS OR GPUDMAR_COVERAGE)
    target_compile_options(${name} PRIVATE -O1 -g0)  # quicker to build, hardly slower to run
  endif()
  if(GPUDMAR_COVERAGE)
    math(EXPR A_TIMEOUT "${A_TIMEOUT} * 4")  # counting takes time
  endif()
  add_test(NAME ${name} COMMAND ${name} --gtest_output=xml:${CMAKE_BINARY_DIR}/test/xml/${name}.xml)
  set_tests_properties(${name} PROPERTIES TIMEOUT ${A_TIMEOUT})
  if(A_SMOKE)
    set_tests_properties(${name} PROPERTIES LABELS smoke)
    add_dependencies(smoke_programs ${name})
  endif()
endfunction()

# gpudmar_verilate(name TOP module FILELIST file.f PREFIX Vname [TRACE] [QUICK] [PARAMS -GX=1 ...]): a library with the
# Verilated model; TRACE compiles FST waves in, which costs build time; QUICK builds faster and runs slower.
function(gpudmar_verilate name)
  cmake_parse_arguments(A "TRACE;QUICK" "TOP;FILELIST;PREFIX" "PARAMS" ${ARGN})
  if(NOT GPUDMAR_MODELS)
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${CMAKE_SOURCE_DIR})
    return()
  endif()
  set(trace)
  if(A_TRACE)
    set(trace TRACE_FST)
  endif()
  set(fast -O3)
  if(A_QUICK)
    set(fast -O1)
  endif()
  file(STRINGS ${A_FILELIST} lines REGEX "^[^/#+-]")
  set(sources)
  foreach(line ${lines})
    list(APPEND sources ${CMAKE_SOURCE_DIR}/${line})
  endforeach()
  set(lint -Wall)
  # A model that nobody asked for: its programs are not built either.
  if((GPUDMAR_MUTANTS OR GPUDMAR_COVERAGE) AND NOT name IN_LIST GPUDMAR_CHOSEN_MODELS)
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${CMAKE_SOURCE_DIR})
    return()
  endif()
  if(GPUDMAR_COVERAGE)
    set(fast -O1)
    set(trace)
  endif()
  set(count)
  if(GPUDMAR_COVERAGE STREQUAL "toggle")
    set(count --coverage-toggle --coverage-max-width 64)  # wider signals are data: they take most of the time
  elseif(GPUDMAR_COVERAGE)
    set(count --coverage-line --coverage-user)
    # The points of a block stand in a file of its name and are bound to it.
    foreach(source ${sources})
      get_filename_component(stem ${source} NAME_WE)
      if(EXISTS ${CMAKE_SOURCE_DIR}/tests/coverage/points/${stem}_points.sv)
        list(APPEND sources ${CMAKE_SOURCE_DIR}/tests/coverage/points/${stem}_points.sv)
      endif()
    endforeach()
  endif()
  if(GPUDMAR_MUTANTS)
    set(lint -Wno-lint -Wno-fatal)
    set(fast -O1)
    list(TRANSFORM sources REPLACE "^${CMAKE_SOURCE_DIR}/rtl/" "${GPUDMAR_MUTANTS}/rtl/")
    list(PREPEND sources ${GPUDMAR_MUTANTS}/rtl/mutant_pkg.sv)
  endif()
  add_library(${name} STATIC)
  verilate(${name} SOURCES ${sources} TOP_MODULE ${A_TOP} PREFIX ${A_PREFIX} ${trace}
    OPT_FAST ${fast} OPT_SLOW -O0  # the slow files run once; optimised they take minutes to compile
    VERILATOR_ARGS ${lint} ${count} --assert --x-assign unique --x-initial unique --no-timing ${A_PARAMS}
      ${CMAKE_SOURCE_DIR}/rtl/waivers.vlt)
  target_compile_options(${name} PRIVATE -w -g0)
  if(GPUDMAR_MUTANTS)
    target_link_libraries(${name} PUBLIC gpudmar_mutant)
  elseif(GPUDMAR_COVERAGE)
    target_link_libraries(${name} PUBLIC gpudmar_model_coverage)
  endif()
endfunction()
