// SPDX-License-Identifier: Apache-2.0
// Reading traces: what they say, and one line for each thing that is wrong with one.
#include "sim/replay/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "sim/replay/dma_log.h"

namespace gpudmar::sim::replay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

const std::string kHead = R"({"gpu_dmar_trace":1,"machine":{"adapters":2},"start":{"iommu":"logical"}})";
const std::string kCreate =
    R"({"call":"DxgkCbCreatePhysicalMemoryObject","in":{"hAdapter":"gpu0","Size":8192,)"
    R"("Type":"DXGK_PHYSICAL_MEMORY_TYPE_MDL","CacheType":"DXGK_MEMORY_CACHING_TYPE_CACHED",)"
    R"("Mdl.LowAddress":"0x0","Mdl.HighAddress":"0xffffffffffffffff"},)"
    R"("out":{"hPhysicalMemoryObject":"o","hAdapterMemoryObject":"a"},"status":"STATUS_SUCCESS"})";
const std::string kAdl =
    R"({"call":"DxgkCbAllocateAdl","in":{"hAdapterMemoryObject":"a","Offset":0,"Size":"8K"},"out":{"pAdl":"l"}})";

std::string lines(const std::vector<std::string>& all) {
  std::string text;
  for (const std::string& line : all) text += line + "\n";
  return text;
}

Trace parsed(const std::vector<std::string>& all) { return parse_trace(lines(all), "t"); }

/// What the reader says of a trace that is wrong.
std::string refused(const std::string& text) {
  try {
    (void)parse_trace(text, "t");
  } catch (const TraceError& error) {
    return error.what();
  }
  return "accepted";
}
std::string refused(const std::vector<std::string>& all) { return refused(lines(all)); }

/// A line with one piece of text exchanged.
std::string with(std::string line, const std::string& old, const std::string& now) {
  const std::size_t at = line.find(old);
  EXPECT_NE(at, std::string::npos) << old;
  return line.replace(at, old.size(), now);
}

std::string read_page() {
  std::ifstream file(GPUDMAR_SOURCE_DIR "/docs/replay.md");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(TraceReader, SparseLinesFollowEachOther) {
  const Trace trace = parsed({kHead, kCreate, "", kAdl});
  ASSERT_EQ(trace.events.size(), 2U);
  EXPECT_FALSE(trace.has_actions);
  EXPECT_FALSE(trace.exact);
  EXPECT_EQ(trace.events[1].line, 4U);
  EXPECT_LT(trace.events[0].end, trace.events[1].begin);
  EXPECT_THAT(names_made(trace.events[0]), UnorderedElementsAre("a", "o"));
  EXPECT_THAT(names_used(trace.events[0]), ElementsAre("gpu0"));
  EXPECT_THAT(names_used(trace.events[1]), ElementsAre("a"));
  EXPECT_EQ(trace.system.machine.adapters, 2U);
}

TEST(TraceReader, CallsNestByTheirOrderWithinAThread) {
  const Trace trace = parsed(
      {kHead, R"({"system":"load","seq":[1,2],"cycle":[0,1],"thread":"1"})",
       R"({"call":"DxgkCbGetDeviceInformation","in":{"DeviceHandle":"gpu0"},"seq":[5,6],"cycle":[3,4],"thread":"1"})",
       R"({"call":"DxgkDdiInterruptRoutine","adapter":0,"seq":[7,8],"cycle":[4,5],"thread":"2"})",
       R"({"call":"DxgkDdiStartDevice","adapter":0,"seq":[4,9],"cycle":[3,6],"thread":"1"})",
       R"({"system":"start","seq":[3,10],"cycle":[2,7],"thread":"1"})"});
  EXPECT_TRUE(trace.exact);
  ASSERT_EQ(trace.events.size(), 5U);
  EXPECT_EQ(trace.events[1].name, "start");
  EXPECT_THAT(trace.events[1].children, ElementsAre(2U));
  EXPECT_THAT(trace.events[2].children, ElementsAre(3U));
  EXPECT_FALSE(trace.events[4].parent.has_value());
}

TEST(TraceReader, ALineThatIsNoJsonIsNamed) {
  EXPECT_THAT(refused(std::vector<std::string>{kHead, "{\"call\": }", kCreate}),
              StartsWith("t:2: no JSON: "));
  EXPECT_THAT(refused(lines({kHead, kCreate}) + kAdl.substr(0, 40)),
              StartsWith("t:3: the last line is cut off: "));
  EXPECT_EQ(refused(std::vector<std::string>{kHead, "[1]"}), "t:2: a line is an object");
  EXPECT_EQ(refused(std::string()), "t:1: the file is empty: the first line is the head");
}

TEST(TraceReader, TheHeadIsChecked) {
  EXPECT_EQ(refused(std::vector<std::string>{"{\"gpu_dmar_trace\":2}"}),
            "t:1: 'gpu_dmar_trace': version 2, this program reads version 1");
  EXPECT_EQ(refused(std::vector<std::string>{kCreate}), "t:1: 'gpu_dmar_trace': is missing");
  EXPECT_THAT(refused(std::vector<std::string>{with(kHead, "adapters", "adaptors")}),
              StartsWith("t:1: 'adaptors': unknown key of machine"));
  EXPECT_THAT(refused(std::vector<std::string>{with(kHead, "\"start\"", "\"begin\"")}),
              StartsWith("t:1: 'begin': unknown field"));
}

TEST(TraceReader, EachWrongFieldOfACallIsNamed) {
  const auto second = [](const std::string& line) { return refused(std::vector<std::string>{kHead, line}); };
  EXPECT_EQ(second(with(kCreate, "DxgkCbCreate", "DxgkCbMake")),
            "t:2: 'call': 'DxgkCbMakePhysicalMemoryObject' is no function of the driver interface that a "
            "trace can have");
  EXPECT_EQ(second(with(kCreate, "\"Size\":8192,", "")),
            "t:2: 'in.Size': is missing: DxgkCbCreatePhysicalMemoryObject takes it");
  EXPECT_THAT(second(with(kCreate, "8192", "true")), StartsWith("t:2: 'in.Size': true is no number"));
  EXPECT_THAT(second(with(kCreate, "8192", "-1")), StartsWith("t:2: 'in.Size': -1 is no number"));
  EXPECT_THAT(second(with(kCreate, "TYPE_MDL", "TYPE_SWAP")),
              HasSubstr("is none of DXGK_PHYSICAL_MEMORY_TYPE_MDL"));
  EXPECT_THAT(second(with(kCreate, "\"gpu0\"", "7")), StartsWith("t:2: 'in.hAdapter': 7 is no handle"));
  EXPECT_EQ(second(with(kCreate, "Mdl.LowAddress", "Mdl.LowestAddress")),
            "t:2: 'in.Mdl.LowestAddress': no field that goes into DxgkCbCreatePhysicalMemoryObject");
  EXPECT_EQ(second(with(kCreate, "hPhysicalMemoryObject", "hObject")),
            "t:2: 'out.hObject': no field that comes out of DxgkCbCreatePhysicalMemoryObject");
  EXPECT_THAT(second(with(kCreate, "STATUS_SUCCESS", "STATUS_FINE")),
              StartsWith("t:2: 'status': \"STATUS_FINE\""));
  EXPECT_THAT(second(with(kCreate, "\"status\"", "\"result\"")), StartsWith("t:2: 'result': unknown field"));
  EXPECT_THAT(second(with(kCreate, "\"call\"", "\"dma\":{},\"call\"")),
              StartsWith("t:2: 'dma': a line is one event, and this one is 'call' too"));
  EXPECT_THAT(second("{\"thread\":1}"), StartsWith("t:2: no event: one of "));
  // A field of another type of object.
  EXPECT_EQ(second(with(kCreate, "Mdl.LowAddress", "IOSpace.BaseAddress")),
            "t:2: 'in.IOSpace.BaseAddress': no field that goes into DxgkCbCreatePhysicalMemoryObject");
}

TEST(TraceReader, HandlesMustHaveBeenReturned) {
  EXPECT_EQ(refused(std::vector<std::string>{kHead, kAdl}),
            "t:2: 'in.hAdapterMemoryObject': 'a': no earlier call returned a handle of this name");
  EXPECT_EQ(refused(std::vector<std::string>{kHead, with(kCreate, "gpu0", "gpu2")}),
            "t:2: 'in.hAdapter': 'gpu2': no earlier call returned a handle of this name");
  EXPECT_EQ(
      refused(std::vector<std::string>{
          kHead,
          R"({"dma":{"adapter":0,"work":[{"op":"copy","src":{"adl":"l"},"dst":{"vram":0},"bytes":8}]}})"}),
      "t:2: 'dma.work[0].src.adl': 'l': no earlier call returned a handle of this name");
  EXPECT_EQ(refused(std::vector<std::string>{kHead, with(kCreate, "\"o\"", "\"0xffff8000\"")}),
            "t:2: 'out.hPhysicalMemoryObject': \"0xffff8000\" is no name: what comes out has one of its own");
  // What nobody returned is a number, and NULL is null.
  EXPECT_EQ(refused(std::vector<std::string>{kHead, with(kCreate, "\"gpu0\"", "null"),
                                             with(kAdl, "\"a\"", "\"0x50\"")}),
            "accepted");
}

TEST(TraceReader, OrderIsCheckedAsAWhole) {
  const std::string first = with(kCreate, "{", R"({"seq":[1,2],)");
  EXPECT_EQ(refused(std::vector<std::string>{kHead, first, kAdl}),
            "t:3: 'seq': either every line has it, or none");
  EXPECT_EQ(refused(std::vector<std::string>{kHead, first, with(kAdl, "{", R"({"seq":[1,3],)")}),
            "t:3: 'seq': 1 stands twice");
  EXPECT_EQ(refused(std::vector<std::string>{kHead, with(kCreate, "{", R"({"seq":[4,2],)")}),
            "t:2: 'seq': the end comes before the begin");
  EXPECT_EQ(refused(std::vector<std::string>{kHead, with(kCreate, "{", R"({"cycle":"7",)")}),
            "t:2: 'cycle': \"7\" is no number");
}

TEST(TraceReader, WorkRegistersAndFaultsAreChecked) {
  const auto second = [](const std::string& line) { return refused(std::vector<std::string>{kHead, line}); };
  const std::string copy =
      R"({"dma":{"adapter":0,"work":[{"op":"copy","src":{"vram":0},"dst":{"vram":64},"bytes":8}]}})";
  EXPECT_EQ(second(copy), "accepted");
  EXPECT_EQ(second(with(copy, "\"adapter\":0", "\"adapter\":2")), "t:2: 'dma.adapter': 2 is more than 1");
  EXPECT_EQ(second(with(copy, ",\"bytes\":8", "")), "t:2: 'dma.work[0].bytes': is missing");
  EXPECT_THAT(second(with(copy, "copy", "move")), StartsWith("t:2: 'dma.work[0].op': \"move\" is none of"));
  EXPECT_THAT(second(with(copy, "{\"vram\":0}", "{}")), StartsWith("t:2: 'dma.work[0].src': must be"));
  EXPECT_THAT(second(with(copy, "\"work\"", "\"result\":\"lost\",\"work\"")),
              StartsWith("t:2: 'dma.result': \"lost\""));
  const std::string access = R"({"register":{"window":"gpu1","offset":"0x10","bytes":4,"write":false}})";
  EXPECT_EQ(second(access), "accepted");
  EXPECT_EQ(second(with(access, "gpu1", "gpu9")), "t:2: 'register.window': 'gpu9' is no window");
  EXPECT_EQ(second(with(access, "0x10", "0x12")), "t:2: 'register.offset': is not aligned");
  EXPECT_EQ(second(with(access, "false", "true")), "t:2: 'register.value': is missing");
  const std::string fault =
      R"({"fault":{"adapter":0,"write":true,"address":{"address":"0x1000"},"reason":"05"}})";
  EXPECT_EQ(second(fault), "accepted");
  EXPECT_EQ(second(with(fault, "05", "5")), "t:2: 'fault.reason': two hexadecimal digits");
  EXPECT_THAT(second(R"({"system":"crash"})"), StartsWith("t:2: 'system': \"crash\" is none of"));
  EXPECT_EQ(second(R"({"system":"trim"})"), "t:2: 'in.pages': is missing");
}

TEST(TraceReader, ActionsAreChecked) {
  const auto second = [](const std::string& line) { return refused(std::vector<std::string>{kHead, line}); };
  EXPECT_EQ(second(R"({"system":"trim","in":{"pages":4}})"), "accepted");
  EXPECT_EQ(second(R"({"system":"trim","in":{"pages":4,"page":1}})"),
            "t:2: 'in.page': nothing that goes into trim");
  EXPECT_EQ(second(R"({"system":"start","in":{"adapter":0}})"),
            "t:2: 'in.adapter': nothing that goes into start");
  EXPECT_EQ(second(R"({"system":"remove","in":{"adapter":2}})"), "t:2: 'in.adapter': 2 is more than 1");
  EXPECT_EQ(second(R"({"system":"exit_process","in":{"process":1}})"), "t:2: 'in.process': a text");
  EXPECT_EQ(second(R"({"system":"fail","in":{"sticky":1}})"),
            "t:2: 'in.sticky': 1 is neither true nor false");
  EXPECT_EQ(second(R"({"system":"load","out":{"entry_points":["Fly"]}})"),
            "t:2: 'out.entry_points': a list of names of entry points");
  EXPECT_THAT(second(R"({"system":"stop","out":{"entry_points":[]}})"),
              StartsWith("t:2: 'out.entry_points': unknown field"));
}

TEST(TraceReader, ResultsAreChecked) {
  const auto third = [](const std::string& line) {
    return refused(std::vector<std::string>{kHead, kCreate, line});
  };
  EXPECT_EQ(third(with(kAdl, "\"pAdl\"", "\"Pages\":[[\"0x10\",2]],\"pAdl\"")), "accepted");
  EXPECT_EQ(third(with(kAdl, "\"pAdl\"", "\"Pages\":[16],\"pAdl\"")),
            "t:3: 'out.Pages': [16] is no list of [first, count]");
  EXPECT_THAT(third(with(kAdl, "\"pAdl\"", "\"PageCount\":true,\"pAdl\"")),
              StartsWith("t:3: 'out.PageCount': true is no number"));
  EXPECT_THAT(third(with(kAdl, "{\"call\"", "{\"bugcheck\":{\"code\":1,\"parameters\":7},\"call\"")),
              StartsWith("t:3: 'bugcheck.parameters': a list"));
}

TEST(TraceReader, AStatusIsANameOrANumber) {
  const auto status = [](const std::string& words) {
    return parsed({kHead, with(kCreate, "\"STATUS_SUCCESS\"", words)}).events.front().status;
  };
  EXPECT_EQ(status("0"), "STATUS_SUCCESS");
  EXPECT_EQ(status("\"0xc0000017\""), "STATUS_NO_MEMORY");
  EXPECT_EQ(status("3221225495"), "STATUS_NO_MEMORY");
  EXPECT_EQ(status("-1073741801"), "STATUS_NO_MEMORY");
  EXPECT_EQ(status("\"0xc0000fff\""), "0xc0000fff");
}

TEST(TraceReader, TheExampleOfTheDocumentationIsATrace) {
  const std::string page = read_page();
  const std::size_t begin = page.find("```json\n") + 8;
  const Trace trace = parse_trace(page.substr(begin, page.find("```", begin) - begin), "docs/replay.md");
  EXPECT_EQ(trace.events.size(), 5U);
}

TEST(TraceReader, TheDocumentationHasEveryFunction) {
  EXPECT_THAT(read_page(), HasSubstr(functions_markdown())) << "put this into docs/replay.md:\n"
                                                            << functions_markdown();
}

TEST(TraceReader, AFileThatIsNotThere) {
  EXPECT_THROW(
      {
        try {
          (void)load_trace("/nonexistent.jsonl");
        } catch (const TraceError& error) {
          EXPECT_STREQ(error.what(), "/nonexistent.jsonl: cannot be read");
          throw;
        }
      },
      TraceError);
}

TEST(Descriptors, GoIntoWordsAndBack) {
  const auto place = [](std::uint64_t address) { return nlohmann::json{{"address", hex(address)}}; };
  const auto address = [](const nlohmann::json& at) {
    return parse_number(at["address"].get<std::string>());
  };
  const nlohmann::json copy{{"op", "copy"},
                            {"src", {{"address", "0x12345"}}},
                            {"dst", {{"vram", 64}}},
                            {"bytes", 100},
                            {"no_snoop", true}};
  Descriptor descriptor{};
  ASSERT_EQ(assemble(copy, address, descriptor), "");
  nlohmann::json words = describe(descriptor, place);
  EXPECT_EQ(words["raw"], to_hex(descriptor));
  words.erase("raw");
  EXPECT_EQ(words, copy);
  EXPECT_EQ(from_hex(to_hex(descriptor)), descriptor);
  // Places are looked up anew, whatever the raw descriptor says.
  nlohmann::json moved = describe(descriptor, place);
  moved["src"]["address"] = "0x99000";
  Descriptor other{};
  ASSERT_EQ(assemble(moved, address, other), "");
  EXPECT_EQ(describe(other, place)["src"]["address"], "0x99000");
}

TEST(Rings, ADoorbellHandsOverWhatIsNew) {
  Rings rings;
  EXPECT_FALSE(rings.write(0x108, 0x10000));  // CH_RING_BASE
  EXPECT_FALSE(rings.write(0x110, 0x202));    // CH_RING_CFG: 4 descriptors, logical
  const auto first = rings.write(0x11C, 3);   // CH_TAIL
  ASSERT_TRUE(first);
  EXPECT_THAT(first->addresses, ElementsAre(0x10000, 0x10040, 0x10080));
  EXPECT_FALSE(rings.write(0x11C, 3));
  const auto around = rings.write(0x11C, 1);
  ASSERT_TRUE(around);
  EXPECT_THAT(around->addresses, ElementsAre(0x100C0, 0x10000));
  EXPECT_FALSE(rings.write(0x100, 2));  // CH_CTRL.RESET
  const auto again = rings.write(0x11C, 1);
  ASSERT_TRUE(again);
  EXPECT_THAT(again->addresses, ElementsAre(0x10000));
}

}  // namespace
}  // namespace gpudmar::sim::replay
