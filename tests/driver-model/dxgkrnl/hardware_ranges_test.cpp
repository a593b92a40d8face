// SPDX-License-Identifier: Apache-2.0
// Ranges that the hardware reserves, as the driver names them (QueryAdapterInfo 22).
#include <gmock/gmock.h>

#include "tests/driver-model/dxgkrnl/modes.h"
#include "tests/support/covers.h"

namespace gpudmar::dxgkrnl {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr hw::MemoryRange kStolen{0xC000'0000, 4ULL << 20};

DXGK_PHYSICAL_MEMORY_RANGE range(std::uint64_t base, std::uint64_t bytes) {
  DXGK_PHYSICAL_MEMORY_RANGE out{};
  out.BaseAddress.QuadPart = static_cast<LONGLONG>(base);
  out.NumberOfBytes.QuadPart = static_cast<LONGLONG>(bytes);
  return out;
}

test::ModelMachine::Options machine() {
  test::ModelMachine::Options options;
  options.ram = {{1ULL << 32, 16ULL << 20}};
  options.device_memory = {{0x4000, 0x6000}, kStolen};
  return options;
}

class HardwareRanges : public ::testing::TestWithParam<RemappingMode> {
 protected:
  [[nodiscard]] static bool translated() { return GetParam() != RemappingMode::kPhysical; }
  ModeSystem s_{GetParam(), machine()};
};

TEST_P(HardwareRanges, AreIdentitiesBeforeTheDevicesAreAttached) {
  test::covers("R21", "R23", "G4", "G18");
  s_.script.reserved = {{0, {range(kStolen.base, 0x2000), range(kStolen.base + 0x10'0800, 0x100)}},
                        {1, {range(kStolen.base + 0x1000, 0x2000), range(0x4000, 0)}}};
  const auto stands = [&] {
    for (const std::uint16_t gpu : {kGpu0, kGpu1}) {
      for (const std::uint64_t page : {0xC'0000, 0xC'0001, 0xC'0002, 0xC'0100}) {
        EXPECT_TRUE(s_.machine.dma_write(gpu, (page << 12) + 8, page));
        EXPECT_EQ(s_.machine.memory.load64((page << 12) + 8), page);
      }
      for (const std::uint64_t beside : {0xC'0003, 0xC'00FF, 0xC'0101, 0x4})
        EXPECT_EQ(s_.reads(gpu, beside), !translated()) << beside;
    }
  };
  bool checked = false;
  s_.script.on_start = [&](std::size_t, const DXGKRNL_INTERFACE&) {
    if (GetParam() == RemappingMode::kLogical) stands();
  };
  s_.script.on_end = [&](std::size_t) {
    checked = true;
    stands();
  };
  ASSERT_EQ(s_.start(), STATUS_SUCCESS) << s_.kernel->start_error();
  EXPECT_EQ(checked, GetParam() == RemappingMode::kIsolation);
  std::vector<std::string> asked;
  for (const std::string& query : s_.script.queries)
    if (query.rfind("22", 0) == 0) asked.push_back(query);
  EXPECT_THAT(asked, ElementsAre("22 of 0", "22 of 0 for 2 ranges", "22 of 1", "22 of 1 for 2 ranges"));
  stands();
  if (translated()) {
    EXPECT_EQ(s_.kernel->adapters()[0].logical_pages_used, 0U) << "nobody allocated them";
  }
  EXPECT_EQ(s_.kernel->reattach(), STATUS_SUCCESS);
  stands();
  EXPECT_EQ(s_.kernel->stop(), STATUS_SUCCESS);
  ASSERT_EQ(s_.kernel->start(), STATUS_SUCCESS);
  stands();
  EXPECT_EQ(s_.kernel->stop(), STATUS_SUCCESS);
}

TEST_P(HardwareRanges, NoNumberOfThemIsGivenOut) {
  test::covers("R23", "R134", "G18");
  if (GetParam() != RemappingMode::kLogical) return;
  s_.script.reserved = {{0, {range(0x4000, 0x3000)}}};
  s_.script.memory_caps.HighestVisibleAddress.QuadPart = 0x3'FFFF;  // pages 1 to 63
  ASSERT_EQ(s_.start(), STATUS_SUCCESS) << s_.kernel->start_error();
  const auto args = s_.create(60ULL << 12);
  const DXGK_ADL* adl = s_.allocate_adl(args.hAdapterMemoryObject, 0, 60ULL << 12);
  ASSERT_NE(adl, nullptr);
  for (const std::uint64_t number : numbers_of(*adl)) EXPECT_FALSE(number >= 4 && number < 7) << number;
  DXGKARGCB_ALLOCATE_ADL more{};
  more.hAdapterMemoryObject = args.hAdapterMemoryObject;
  more.Size = 0x1000;
  EXPECT_EQ(s_.table().DxgkCbAllocateAdl(&more), STATUS_INSUFFICIENT_RESOURCES) << "63 pages less those 3";
}

TEST_P(HardwareRanges, OverRamTheyStopTheStart) {
  test::covers("R22");
  for (const auto& wrong : {range(1ULL << 32, 0x1000), range((1ULL << 32) + (16ULL << 20) - 1, 1),
                            range((1ULL << 32) - 0x1000, 0x1001), range(0xFEEF'F000, 0x1000)}) {
    SCOPED_TRACE(wrong.BaseAddress.QuadPart);
    s_.script.reserved = {{1, {wrong}}};
    EXPECT_EQ(s_.script.calls.empty() ? s_.start() : s_.kernel->start(), STATUS_CONFLICTING_ADDRESSES);
    EXPECT_THAT(s_.kernel->start_error(), HasSubstr("reserves"));
    if (GetParam() == RemappingMode::kLogical)
      EXPECT_THAT(s_.script.calls, ::testing::Not(Contains("StartDevice 0")));
    else
      EXPECT_THAT(s_.script.calls, Contains("StopDevice 0"));
  }
  s_.script.reserved = {{0, {range(1ULL << 46, 0x1000)}}};
  EXPECT_EQ(s_.kernel->start(), STATUS_INVALID_PARAMETER) << "beyond the machine's width";
  s_.script.reserved = {{0, {range((1ULL << 46) - 0x1000, 0x1001)}}};
  EXPECT_EQ(s_.kernel->start(), STATUS_INVALID_PARAMETER);
  s_.script.reserved.clear();
  EXPECT_EQ(s_.kernel->start(), STATUS_SUCCESS) << "nothing is left of the failed starts";
}

TEST_P(HardwareRanges, AnswersThatDoNotFitTogether) {
  test::covers("R21");
  // More between the two calls.
  s_.script.reserved = {{0, {range(kStolen.base, 0x1000)}}};
  int asked = 0;
  s_.script.on_query = [&](int type) {
    if (type == DXGKQAITYPE_HARDWARERESERVEDRANGES && ++asked == 2)
      s_.script.reserved[0].push_back(range(kStolen.base + 0x1000, 0x1000));
  };
  EXPECT_EQ(s_.start(), STATUS_INVALID_PARAMETER);
  s_.script.on_query = {};
  EXPECT_EQ(s_.kernel->start(), STATUS_SUCCESS) << s_.kernel->start_error();
  EXPECT_EQ(s_.kernel->stop(), STATUS_SUCCESS);
  s_.script.reserved[0].assign(5000, range(kStolen.base, 0x1000));
  EXPECT_EQ(s_.kernel->start(), STATUS_INVALID_PARAMETER) << "so many are none";
  asked = 0;
  s_.script.reserved[0].resize(1);
  s_.script.on_query = [&](int type) {
    s_.script.query_status.clear();
    if (type == DXGKQAITYPE_HARDWARERESERVEDRANGES && ++asked == 2)
      s_.script.query_status[type] = STATUS_NO_MEMORY;
  };
  EXPECT_EQ(s_.kernel->start(), STATUS_NO_MEMORY) << "the second call fails";
}

TEST_P(HardwareRanges, StayWhenIsolationIsEnabledLater) {
  test::covers("R23", "R25");
  if (GetParam() != RemappingMode::kPhysical) return;
  s_.script.reserved = {{0, {range(kStolen.base, 4ULL << 20)}}};
  ASSERT_EQ(s_.start(), STATUS_SUCCESS);
  ASSERT_EQ(s_.kernel->enable_isolation(), STATUS_SUCCESS) << s_.kernel->start_error();
  EXPECT_TRUE(s_.reads(kGpu1, 0xC'03FF));
  EXPECT_FALSE(s_.reads(kGpu1, 0xC'0400));
  // An ADL over the range neither makes nor ends its identity.
  auto io = create_request(0x1000, DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE, s_.adapter());
  io.IOSpace.BaseAddress.QuadPart = static_cast<LONGLONG>(kStolen.base);
  ASSERT_EQ(s_.table().DxgkCbCreatePhysicalMemoryObject(&io), STATUS_SUCCESS);
  DXGK_ADL* adl = s_.allocate_adl(io.hAdapterMemoryObject, 0, 0x1000);
  s_.free_adl(io.hAdapterMemoryObject, adl);
  EXPECT_TRUE(s_.reads(kGpu0, 0xC'0000));
  s_.destroy(io.hPhysicalMemoryObject, io.hAdapterMemoryObject);
  EXPECT_EQ(s_.kernel->stop(), STATUS_SUCCESS);
}

INSTANTIATE_TEST_SUITE_P(Modes, HardwareRanges,
                         ::testing::Values(RemappingMode::kPhysical, RemappingMode::kIsolation,
                                           RemappingMode::kLogical),
                         [](const auto& info) { return name_of_mode(info.param); });

}  // namespace
}  // namespace gpudmar::dxgkrnl
