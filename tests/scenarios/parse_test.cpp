// SPDX-License-Identifier: Apache-2.0
// Scenario files: what is read from them, and that every error names file, line and key.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "sim/scenario/names.h"
#include "sim/scenario/scenario.h"
#include "sim/scenario/schema.h"

namespace gpudmar::sim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// A scenario with these steps, which begin in line 5.
std::string with_steps(const std::string& steps) {
  return "{\n\"schema\": 1, \"name\": \"x\",\n\"about\": \"y\",\n\"steps\": [\n" + steps + "\n]}\n";
}

std::string error_of(const std::string& text) {
  try {
    (void)parse_scenario(text, "f.json");
  } catch (const ScenarioError& error) {
    return error.what();
  }
  return "no error";
}

void wrong(const std::string& text, const std::string& where, const std::string& what) {
  const std::string error = error_of(text);
  EXPECT_THAT(error, StartsWith("f.json:" + where + ": ")) << text;
  EXPECT_THAT(error, HasSubstr(what)) << text;
}

TEST(ScenarioParse, WhatNoMachineCanHaveIsNamedWithItsPlace) {
  const auto machine = [](const std::string& key, const std::string& what) {
    wrong("{\n\"schema\": 1, \"name\": \"x\",\n\"about\": \"y\",\n\"machine\": {\n" + key +
              "},\n\"steps\": []}\n",
          "5", what);
  };
  machine(R"("ram": [["0", "2G"], ["1G", "2G"]])", "'ram': host memory: range 0x40000000..0xc0000000");
  machine(R"("vram": "1T")", "'vram': 1099511627776 bytes of VRAM");
  machine(R"("vram": "5K")", "'vram': vram0: 5120 bytes is no");
  machine(R"("pipe": 77)", "'pipe': pipe 77");
  machine(R"("adapters": 9)", "'adapters': 9 adapters");
  machine(R"("host_width": 31)", "'host_width': host width 31");
  machine(R"("host_width": 63)", "'host_width': ");
  machine(R"("device_memory": [["0xE0000000", "4K"]])", "'device_memory': device memory 0xe0000000");
}

TEST(ScenarioParse, ARepeatEnds) {
  wrong(with_steps(R"({"do": "repeat", "times": 10, "steps": []})"), "5", "nothing to repeat");
  wrong(
      with_steps("{\"do\": \"repeat\",\n\"times\": \"1T\", \"steps\": [{\"do\": \"wait\", \"cycles\": 1}]}"),
      "6", "'times': \"1T\" rounds would never end");
}

TEST(ScenarioParse, ReadsWhatIsThere) {
  const Scenario s = parse_scenario(std::string(R"({
    "schema": 1, "name": "n", "about": "a", "covers": ["G2"],
    "machine": {"adapters": 1, "pipe": 1, "host_width": 40, "ram": [["0", "16M"]], "vram": "1M",
                "device_memory": [["0xC0000000", "4K"]],
                "reserved": [{"base": "0xC0001000", "size": "8K"}, {"base": "1M", "size": "4K", "adapters": [0]}],
                "memory": {"latency": 7, "jitter": 3, "stall": 25, "out_of_order": true}, "links": [[0]]},
    "start": {"iommu": "off", "placement": "ascending", "shuffle_logical": true, "visible_bits": [30, 40],
              "page_file": "1M", "expect": ["STATUS_SUCCESS", "STATUS_NOT_SUPPORTED"]},
    "steps": [
      {"do": "repeat", "times": "0x10", "steps": [
        {"do": "wait", "cycles": "${i}0"}]},
      {"do": "parallel", "threads": [[{"do": "wait", "cycles": 1}],
                                     []]}]
  })"),
                                    "f.json");
  EXPECT_EQ(s.machine.adapters, 1U);
  EXPECT_EQ(s.machine.pipe, 1U);
  EXPECT_EQ(s.machine.host_address_width, 40U);
  ASSERT_EQ(s.machine.ram.size(), 1U);
  EXPECT_EQ(s.machine.ram[0].size, 16U << 20);
  EXPECT_EQ(s.machine.device_memory.at(0).base, 0xC000'0000U);
  ASSERT_EQ(s.machine.reserved.size(), 2U);
  EXPECT_EQ(s.machine.reserved[0].range.size, 0x2000U);
  EXPECT_THAT(s.machine.reserved[0].adapters, ElementsAre(0));
  EXPECT_EQ(s.machine.reserved[1].range.base, 1U << 20);
  EXPECT_EQ(s.machine.vram_bytes, 1U << 20);
  EXPECT_EQ(s.machine.memory.latency, 7U);
  EXPECT_EQ(s.machine.memory.jitter, 3U);
  EXPECT_DOUBLE_EQ(s.machine.memory.b_stall, 0.25);
  EXPECT_TRUE(s.machine.memory.out_of_order);
  EXPECT_TRUE(s.linked);
  EXPECT_EQ(s.start.iommu, ScenarioStart::Iommu::kOff);
  EXPECT_EQ(s.start.placement, mm::Placement::kAscending);
  EXPECT_THAT(s.start.visible_bits, ElementsAre(30, 40));
  EXPECT_EQ(s.start.page_file.value_or(0), 1U << 20);
  EXPECT_EQ(s.start.expect.size(), 2U);
  EXPECT_THAT(s.covers, ElementsAre("G2"));
  ASSERT_EQ(s.steps.size(), 2U);
  EXPECT_EQ(s.steps[0].line, 10U);
  EXPECT_EQ(s.steps[0].steps.at(0).line, 11U);
  EXPECT_EQ(s.steps[1].line, 12U);
  EXPECT_EQ(s.steps[1].threads.size(), 2U);
  const std::string text =
      R"({"schema": 1, "name": "n", "about": "a", "start": {"iommu": "isolation"}, "steps": [{"do": "reattach"}]})";
  EXPECT_EQ(parse_scenario(text, "f.json").start.iommu, ScenarioStart::Iommu::kIsolation);
}

TEST(ScenarioParse, ADocumentInMemoryIsTheSame) {
  const nlohmann::json document = nlohmann::json::parse(with_steps(R"({"do": "wait", "cycles": 5})"));
  const Scenario s = parse_scenario(document, "g.json");
  EXPECT_EQ(s.steps.at(0).act, "wait");
  EXPECT_GT(s.steps[0].line, 1U);
}

TEST(ScenarioParse, SyntaxErrorsHaveALine) {
  wrong("", "1", "unexpected end of input");
  wrong("{\n\"schema\": 1,\n\"name\" \"x\"\n}", "3", "unexpected string literal");
  wrong("{\n\"schema\": 1,\n\"name\": \"x\"", "3", "unexpected end of input");
}

TEST(ScenarioParse, TheFileItself) {
  wrong("[]", "1", "scenario must be an object");
  wrong("{\n\"name\": \"x\", \"about\": \"\", \"steps\": []}", "2",
        "'about': must be a text that is not empty");
  wrong("{\"schema\": 1, \"about\": \"y\",\n\"steps\": []}", "1", "'name' is missing");
  wrong("{\"schema\": 2, \"name\": \"x\", \"about\": \"y\", \"steps\": []}", "1", "'schema': must be 1");
  wrong("{\"schema\": 1, \"name\": \"x y\", \"about\": \"y\", \"steps\": []}", "1", "'name': letters");
  wrong("{\"schema\": 1, \"name\": \"x\", \"about\": \"y\",\n\n\"step\": []}", "3",
        "'step': unknown key of scenario");
  wrong("{\"schema\": 1,\n\"name\": \"x\",\n\"name\": \"z\"}", "3", "'name': this key stands twice");
  wrong("{\"schema\": 1, \"name\": \"x\", \"about\": \"y\",\n\"steps\": {}}", "2",
        "'steps': must be a list of steps");
}

TEST(ScenarioParse, MachineAndStart) {
  const auto with = [](const std::string& part) {
    return "{\"schema\": 1, \"name\": \"x\", \"about\": \"y\", \"steps\": [],\n" + part + "}";
  };
  wrong(with("\"machine\": {\n\"adaptors\": 2}"), "3", "'adaptors': unknown key of machine (adapters, ");
  wrong(with("\"machine\": {\"memory\": {\n\n\"latency\": \"fast\"}}"), "4",
        "'latency': \"fast\" is no number");
  wrong(with("\"machine\": {\"memory\": {\"stall\": 100}}"), "2", "'stall': 100 percent would stop the bus");
  wrong(with("\"machine\": {\"ram\": [[\"0\",\n\"2G\", 1]]}"), "2", "must be [base, size]");
  wrong(with("\"machine\": {\"links\": [[0], [0]]}"), "2", "'links': must name each of the 2 adapters once");
  wrong(with("\"machine\": {\"adapters\": 3, \"links\": [[0, 1], [2]]}"), "2", "all adapters as one link");
  wrong(with("\"machine\": {\"reserved\": [\n{\"base\": 0}]}"), "3", "reserved: 'size' is missing");
  wrong(with("\"machine\": {\"reserved\": [[0, 1]]}"), "2", "reserved must be an object");
  wrong(with("\"machine\": {\"reserved\": [{\"base\": 0,\n\"sise\": 1}]}"), "3",
        "'sise': unknown key of reserved (base, size, adapters)");
  wrong(with("\"machine\": {\"reserved\": [{\"base\": 0, \"size\": \"4K\", \"adapters\": 0}]}"), "2",
        "'adapters': must be a list of adapters");
  wrong(with("\"machine\": {\"reserved\": [\n{\"base\": \"3G\", \"size\": 100}]}"), "3",
        "is not page-aligned");
  wrong(with("\"machine\": {\"reserved\": [{\"base\": \"3G\", \"size\": \"4K\",\n\"adapters\": [2]}]}"), "2",
        "is for adapter 2, there are 2");
  wrong(with("\"start\": {\"iommu\": \"on\"}"), "2", "'iommu': \"on\" is none of logical, ");
  wrong(with("\"start\": {\"visible_bits\": 99}"), "2", "'visible_bits': 99 address bits");
  wrong(with("\"start\": {\"save\": 5000}"), "2", "'save': 5000 bytes are no whole pages");
  wrong(with("\"start\": {\"paging_buffer\": 0}"), "2", "'paging_buffer': a buffer of no page");
  wrong(with("\"start\": {\"iommu\": \"physical\",\n\"iommu_flags\": [\"all\"]}"), "3",
        "'iommu_flags': \"all\" is none of enabled, mappings, ");
  wrong(with("\"start\": {\"iommu\": \"isolation\",\n\"iommu_flags\": 3}"), "3",
        "goes with iommu physical only");
  wrong(with("\"start\": {\"expect\": \"STATUS_FINE\"}"), "2", "'STATUS_FINE' is no status");
}

TEST(ScenarioParse, Steps) {
  wrong(with_steps("5"), "5", "a step must be an object");
  wrong(with_steps("{}"), "5", "a step needs 'do'");
  wrong(with_steps("{\"do\": \"wait\", \"cycles\": 1},\n{\"do\":\n\"dance\"}"), "7",
        "'do': 'dance' is no step (create, ");
  wrong(with_steps("{\"do\": \"wait\"}"), "5", "wait: 'cycles' is missing");
  wrong(with_steps("{\"do\": \"wait\",\n\"cycles\": -1}"), "6", "'cycles': -1 is no number");
  wrong(with_steps("{\"do\": \"wait\", \"cycles\": \"1P\"}"), "5", "'cycles': \"1P\" is no number");
  wrong(with_steps("{\"do\": \"wait\", \"cycles\": \"0x10000000000000000\"}"), "5", "is no number");
  wrong(with_steps("{\"do\": \"wait\", \"cycles\": 1,\n\"cycle\": 1}"), "6",
        "'cycle': unknown key of wait (cycles)");
  wrong(with_steps("{\"do\": \"create\", \"name\": \"\", \"type\": \"mdl\", \"size\": 1}"), "5",
        "'name': must be a text");
  wrong(with_steps("{\"do\": \"create\", \"name\": \"a\",\n\"type\": \"mld\", \"size\": 1}"), "6",
        "'type': \"mld\" is none of mdl, contiguous, section, io_space");
  wrong(with_steps(
            "{\"do\": \"create\", \"name\": \"a\", \"type\": \"mdl\", \"size\": 1, \"flags\": [\"MM_X\"]}"),
        "5", "'flags': \"MM_X\" is none of MM_DONT_ZERO_ALLOCATION");
  wrong(with_steps("{\"do\": \"free\", \"adl\": \"a\", \"expect\": {\"bugcheck\": 1, \"params\": 2}}"), "5",
        "'params': unknown key");
  wrong(with_steps("{\"do\": \"free\", \"adl\": \"a\", \"expect\": {}}"), "5", "'bugcheck' is missing");
  wrong(with_steps("{\"do\": \"free\", \"adl\": \"a\", \"expect\": []}"), "5", "an empty list");
  wrong(with_steps("{\"do\": \"fill\", \"pattern\": 1}"), "5",
        "fill: exactly one of view, name, allocation is needed");
  wrong(
      with_steps(
          "{\"do\": \"probe\", \"adl\": \"a\", \"address\": 1, \"access\": \"read\", \"expect\": \"done\"}"),
      "5", "exactly one of adl, address is needed");
  wrong(with_steps("{\"do\": \"copy\", \"from\": {\"vram\": 0},\n\"to\": {\"offset\": 0}, \"size\": 1}"), "6",
        "'to': exactly one of adl, allocation, vram and address");
  wrong(with_steps(
            "{\"do\": \"copy\", \"from\": {\"vram\": 0, \"offset\": 1}, \"to\": {\"vram\": 0}, \"size\": 1}"),
        "5", "'offset': goes with adl and allocation only");
  wrong(with_steps("{\"do\": \"copy\", \"from\": {\"allocation\": 5}, \"to\": {\"vram\": 0}, \"size\": 1}"),
        "5", "'allocation': must be a text");
  wrong(with_steps("{\"do\": \"resident\", \"name\": \"v\", \"where\": \"disk\"}"), "5",
        "'where': \"disk\" is none of none, system, aperture, vram");
  wrong(with_steps("{\"do\": \"power\"}"), "5", "power: 'state' is missing");
  wrong(with_steps("{\"do\": \"check\", \"allocation\": \"v\", \"word\": 1, \"pattern\": 1}"), "5",
        "check: exactly one of pattern, word, digest is needed");
  for (const char* step : {"power\", \"state\": \"D0", "remove", "isolate"})
    wrong(with_steps(std::string("{\"do\": \"parallel\", \"threads\": [[\n{\"do\": \"") + step + "\"}]]}"),
          "6", "cannot be part of parallel");
  wrong(with_steps("{\"do\": \"copy\", \"from\": {\"vram\": 0}, \"to\": {\"where\": 0}, \"size\": 1}"), "5",
        "'where': unknown key (adl, allocation, offset, vram, address)");
  wrong(with_steps(
            "{\"do\": \"copy\", \"from\": {\"vram\": 0}, \"to\": {\"vram\": 0}, \"size\": 1, \"wait\": 1}"),
        "5", "'wait': must be true or false");
  wrong(with_steps("{\"do\": \"repeat\", \"times\": 2, \"steps\": [\n{\"do\": \"wait\"}]}"), "6",
        "'cycles' is missing");
  wrong(with_steps("{\"do\": \"parallel\", \"threads\": [[],\n5]}"), "6", "a thread must be a list of steps");
  wrong(with_steps("{\"do\": \"parallel\", \"threads\": [[\n{\"do\": \"reboot\"}]]}"), "6",
        "'reboot' cannot be part of parallel");
  wrong(with_steps("{\"do\": \"parallel\", \"threads\": [[\n{\"do\": \"reattach\"}]]}"), "6",
        "'reattach' cannot be part of parallel");
}

TEST(ScenarioParse, AFileThatIsNotThere) {
  try {
    (void)load_scenario("/nowhere/x.json");
    FAIL();
  } catch (const ScenarioError& error) {
    EXPECT_STREQ(error.what(), "/nowhere/x.json: cannot be read");
  }
}

TEST(ScenarioParse, Numbers) {
  EXPECT_EQ(parse_number("0").value_or(1), 0U);
  EXPECT_EQ(parse_number("0xFee").value_or(0), 0xFEEU);
  EXPECT_EQ(parse_number("3K").value_or(0), 3072U);
  EXPECT_EQ(parse_number("0x1T").value_or(0), 1ULL << 40);
  EXPECT_EQ(parse_number("18446744073709551615").value_or(0), ~0ULL);
  for (const char* bad :
       {"", "x", "0x", "-1", "1.5", "1KB", "K", "18446744073709551616", "0xFFFFFFFFFFFFFFFFK", " 1"})
    EXPECT_FALSE(parse_number(bad)) << bad;
}

TEST(ScenarioFiles, AllParseAndAreNamedAsTheirFile) {
  unsigned files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(GPUDMAR_SOURCE_DIR "/tests/scenarios")) {
    if (entry.path().extension() != ".json") continue;
    ++files;
    EXPECT_NO_THROW(EXPECT_EQ(load_scenario(entry.path()).name, entry.path().stem())) << entry.path();
  }
  EXPECT_GE(files, 10U);
}

TEST(ScenarioFiles, TheDocumentationHasTheTables) {
  std::ifstream file(GPUDMAR_SOURCE_DIR "/docs/scenarios.md");
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_THAT(text.str(), HasSubstr(schema_markdown())) << "put this into docs/scenarios.md:\n"
                                                        << schema_markdown();
}

}  // namespace
}  // namespace gpudmar::sim
