// SPDX-License-Identifier: Apache-2.0
// Profiles: what they say comes through, and what they must not say is refused with its key.
#include "sim/random/profile.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "sim/random/generator.h"

namespace gpudmar::random {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Why a text is refused; empty: it is not.
std::string refusal(const std::string& text) {
  try {
    (void)parse_profile(text, "p.json");
  } catch (const ProfileError& error) {
    return error.what();
  }
  return "";
}

std::map<Do, std::size_t> kinds(const GenerateOptions& options) {
  std::map<Do, std::size_t> count;
  for (const Section& section : generate(options).sections)
    for (const auto& thread : section.threads)
      for (const Step& step : thread) ++count[step.what];
  return count;
}

TEST(Profile, SaysWhatItSays) {
  const Profile profile = parse_profile(R"({"schema": 1, "about": "x", "steps": {"copy": 70, "reattach": 0},
      "memory": {"latency": [7], "stall": [0, 95], "interleave": 1}, "illegal": 0, "endings": 1, "objects": 3,
      "max_pages": 2, "sections": false, "io_space": false, "iommu": ["off", "isolation"], "pipe": [1],
      "threads": [2, 8]})",
                                        "p.json");
  EXPECT_EQ(profile.weights.copy, 70U);
  EXPECT_EQ(profile.weights.reattach, 0U);
  EXPECT_EQ(profile.weights.adl, Weights{}.adl);
  EXPECT_THAT(profile.timing.latency, ElementsAre(7));
  EXPECT_THAT(profile.timing.stall, ElementsAre(0, 95));
  EXPECT_EQ(profile.timing.interleave, 1);
  EXPECT_EQ(profile.illegal, 0);
  EXPECT_EQ(profile.endings, 1);
  EXPECT_EQ(profile.objects, 3U);
  EXPECT_EQ(profile.max_pages, 2U);
  EXPECT_FALSE(profile.sections || profile.io_space);
  EXPECT_THAT(profile.iommu, ElementsAre("off", "isolation"));
  EXPECT_THAT(profile.pipe, ElementsAre(1));
  EXPECT_THAT(profile.threads, ElementsAre(2, 8));
}

TEST(Profile, RefusalsNameTheKey) {
  EXPECT_EQ(refusal(R"({"schema": 1})"), "");
  EXPECT_THAT(refusal("{\n\"schema\": 1,\n!"), HasSubstr("p.json:3: "));
  EXPECT_THAT(refusal("[]"), HasSubstr("p.json: the profile: an object"));
  EXPECT_THAT(refusal("{}"), HasSubstr("schema: 1 is expected"));
  EXPECT_THAT(refusal(R"({"schema": 2})"), HasSubstr("schema: a number from 1 to 1"));
  EXPECT_THAT(refusal(R"({"schema": 1, "ilegal": 0.1})"), HasSubstr("ilegal: no such key"));
  EXPECT_THAT(refusal(R"({"schema": 1, "steps": {"frobnicate": 1}})"),
              HasSubstr("steps.frobnicate: no such key"));
  EXPECT_THAT(refusal(R"({"schema": 1, "steps": {"copy": -1}})"), HasSubstr("steps.copy: a number from 0"));
  EXPECT_THAT(refusal(R"({"schema": 1, "steps": {"create": 0}})"),
              HasSubstr("steps.create: without new objects"));
  EXPECT_THAT(refusal(R"({"schema": 1, "memory": {"stall": [96]}})"),
              HasSubstr("memory.stall: a number from 0 to 95"));
  EXPECT_THAT(refusal(R"({"schema": 1, "memory": {"latency": []}})"), HasSubstr("memory.latency: a list"));
  EXPECT_THAT(refusal(R"({"schema": 1, "memory": {"latency": 5}})"), HasSubstr("memory.latency: a list"));
  EXPECT_THAT(refusal(R"({"schema": 1, "illegal": 1.5})"), HasSubstr("illegal: a number from 0 to 1"));
  EXPECT_THAT(refusal(R"({"schema": 1, "sections": 1})"), HasSubstr("sections: true or false"));
  EXPECT_THAT(refusal(R"({"schema": 1, "iommu": ["on"]})"),
              HasSubstr("iommu: one of isolation, logical, off"));
  EXPECT_THAT(refusal(R"({"schema": 1, "about": 5})"), HasSubstr("about: a text"));
  EXPECT_THROW((void)load_profile("/nonexistent/p.json"), ProfileError);
}

TEST(Profile, WeightsDecideWhatComes) {
  GenerateOptions options;
  options.steps = 600;
  options.profile.weights.reattach = 0;
  options.profile.weights.probe = 0;
  options.profile.weights.copy = 100;
  const auto copies = kinds(options);
  EXPECT_EQ(copies.count(Do::kReattach) + copies.count(Do::kProbe), 0U);
  options.profile.weights.copy = 1;
  EXPECT_GT(copies.at(Do::kCopy), 3 * kinds(options)[Do::kCopy]);
}

TEST(Profile, TimingAndEndingsAreTheProfiles) {
  GenerateOptions options;
  options.steps = 20;
  options.profile.timing.latency = {77};
  options.profile.timing.out_of_order = 0;
  for (const double endings : {0.0, 1.0}) {
    options.profile.endings = endings;
    const Stream stream = generate(options);
    EXPECT_EQ(stream.machine["memory"]["latency"], 77U);
    EXPECT_EQ(stream.machine["memory"]["interleave"], false);
    EXPECT_EQ(stream.sections.back().threads.back().back().expect.bugcheck != 0,
              options.profile.endings == 1);
  }
}

TEST(Profile, ThoseOfTheTreeAreGood) {
  std::size_t found = 0;
  for (const auto& entry : std::filesystem::directory_iterator(GPUDMAR_PROFILES)) {
    if (entry.path().extension() != ".json") continue;
    ++found;
    GenerateOptions options;
    options.steps = 50;
    EXPECT_NO_THROW(options.profile = load_profile(entry.path().string())) << entry.path();
    EXPECT_GE(generate(options).steps(), 50U);
  }
  EXPECT_GE(found, 5U);
}

}  // namespace
}  // namespace gpudmar::random
