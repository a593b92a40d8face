// SPDX-License-Identifier: Apache-2.0
// Frame-buffer save: how large, pinned for the device, in pieces for the CPU, and what is between the two.
#include <gmock/gmock.h>

#include <cstring>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "tests/driver-model/dxgkrnl/modes.h"
#include "tests/support/covers.h"

namespace gpudmar::dxgkrnl {
namespace {

using Code = std::pair<std::uint32_t, std::uint64_t>;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr SIZE_T kPage = PAGE_SIZE;
constexpr SIZE_T kSave0 = 40 * kPage;  // of the first physical adapter: more than one unit of views
constexpr SIZE_T kSave1 = 3 * kPage;

test::ModelMachine::Options small_machine() {
  test::ModelMachine::Options options;
  options.ram = {{0, 1ULL << 20}, {1ULL << 40, 1ULL << 20}};
  return options;
}

class FrameBuffer : public ::testing::TestWithParam<RemappingMode> {
 protected:
  static KernelConfig config() {
    KernelConfig config;
    config.page_file_pages = 128;
    return config;
  }
  void SetUp() override {
    s_.script.save_size = {{0, kSave0}, {1, kSave1}};
    ASSERT_EQ(s_.start(), STATUS_SUCCESS) << s_.kernel->start_error();
  }
  [[nodiscard]] static bool logical() { return GetParam() == RemappingMode::kLogical; }
  [[nodiscard]] static bool translated() { return GetParam() != RemappingMode::kPhysical; }
  [[nodiscard]] ObjectView area(std::size_t index) {
    std::vector<ObjectView> areas;
    for (const ObjectView& view : s_.kernel->objects())
      if (view.origin == Origin::kSaveArea) areas.push_back(view);
    return areas.at(index);
  }
  [[nodiscard]] std::vector<mm::Pfn> hold_all_but(std::uint64_t pages) {
    auto& allocator = s_.kernel->pages();
    const std::uint64_t count = allocator.free_pages() - pages;
    if (count == 0) return {};
    return *allocator.allocate(count, {}, false, mm::Placement::kAscending);
  }
  ModeSystem s_{GetParam(), small_machine(), config()};
};

TEST_P(FrameBuffer, CommitIsChargedAtTheStart) {
  test::covers("R20", "R212");
  EXPECT_EQ(s_.kernel->pages().committed_pages(), 43U);
  EXPECT_EQ(area(0).page_frames, std::vector<mm::Pfn>(40, mm::kNotResident)) << "pageable, and not used yet";
  EXPECT_EQ(s_.kernel->stop(), STATUS_SUCCESS);
  EXPECT_EQ(s_.kernel->pages().committed_pages(), 0U);
}

TEST_P(FrameBuffer, PinnedPagesTranslateBetweenPinAndUnpin) {
  test::covers("R200", "R204", "G17");
  DXGK_ADL* adl = s_.pin2(0, 5 * kPage);
  ASSERT_NE(adl, nullptr);
  EXPECT_EQ(adl->PageCount, 5U);
  const std::vector<std::uint64_t> numbers = numbers_of(*adl);
  const std::vector<mm::Pfn> frames = area(0).page_frames;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    for (const std::uint16_t gpu : {kGpu0, kGpu1}) EXPECT_TRUE(s_.reads(gpu, numbers[i]));
    EXPECT_TRUE(s_.machine.dma_write(kGpu1, (numbers[i] << 12) + 0x18, 0x100 + i));
    EXPECT_EQ(s_.machine.memory.load64((frames[i] << 12) + 0x18), 0x100 + i) << "in the section's order";
    EXPECT_GE(s_.kernel->pages().state(frames[i])->locks, 1U);
    if (!logical()) {
      EXPECT_EQ(numbers[i], frames[i]);
    }
  }
  EXPECT_EQ(s_.kernel->trim(100), 0U) << "none of it moves";
  EXPECT_EQ(s_.unpin(0), STATUS_SUCCESS);
  for (const std::uint64_t number : numbers) EXPECT_EQ(s_.reads(kGpu0, number), !translated());
  EXPECT_EQ(s_.kernel->trim(100), 5U) << "it is ordinary memory again";
  EXPECT_EQ(s_.kernel->stop(), STATUS_SUCCESS);
}

TEST_P(FrameBuffer, TheOlderPinGivesAnMdl) {
  test::covers("R27", "R200", "R204", "G17");
  if (logical()) {
    EXPECT_EQ(s_.pin(0, kPage, STATUS_NOT_SUPPORTED), nullptr);
    EXPECT_EQ(s_.unpin(0), STATUS_INVALID_DEVICE_STATE) << "nothing was pinned";
    return;
  }
  const PMDL mdl = s_.pin(1, kSave1);
  ASSERT_NE(mdl, nullptr);
  EXPECT_EQ(MmGetMdlByteCount(mdl), kSave1);
  EXPECT_NE(mdl->MdlFlags & MDL_PAGES_LOCKED, 0);
  const std::vector<mm::Pfn> pages = pages_of(mdl);
  EXPECT_EQ(pages, area(1).page_frames);
  for (const mm::Pfn page : pages) EXPECT_TRUE(s_.reads(kGpu0, page));
  EXPECT_EQ(s_.unpin(1), STATUS_SUCCESS);
  for (const mm::Pfn page : pages) EXPECT_EQ(s_.reads(kGpu0, page), !translated());
}

TEST_P(FrameBuffer, PinChecksSizeIndexAndState) {
  test::covers("R201", "R202", "R205", "G20");
  const auto refused = [&](UINT index, SIZE_T bytes, NTSTATUS status, UINT flags = 0) {
    EXPECT_EQ(s_.pin2(index, bytes, status, flags), nullptr) << index << " " << bytes;
    if (!logical() && flags == 0) {
      EXPECT_EQ(s_.pin(index, bytes, status), nullptr);
    }
  };
  const auto free = s_.kernel->pages().free_pages();
  refused(0, 0, STATUS_INVALID_PARAMETER);
  refused(0, kPage + 1, STATUS_INVALID_PARAMETER);
  refused(0, kSave0 + kPage, STATUS_INVALID_PARAMETER);
  refused(1, kSave0, STATUS_INVALID_PARAMETER);
  refused(2, kPage, STATUS_INVALID_PARAMETER);
  refused(0, kPage, STATUS_INVALID_PARAMETER, 2);
  if (logical()) {
    EXPECT_EQ(s_.pin(0, 0, STATUS_INVALID_PARAMETER), nullptr) << "arguments come before the mode";
  }
  EXPECT_EQ(s_.kernel->pages().free_pages(), free);
  EXPECT_EQ(s_.unpin(0), STATUS_INVALID_DEVICE_STATE);
  EXPECT_EQ(s_.unpin(2), STATUS_INVALID_PARAMETER);
  ASSERT_NE(s_.pin2(0, kPage), nullptr);
  refused(0, kPage, STATUS_INVALID_DEVICE_STATE);
  EXPECT_NE(s_.pin2(1, kPage), nullptr) << "each index for itself";
  EXPECT_EQ(s_.unpin(0), STATUS_SUCCESS);
  EXPECT_NE(s_.pin2(0, 2 * kPage), nullptr);
  EXPECT_EQ(s_.unpin(0), STATUS_SUCCESS);
  EXPECT_EQ(s_.unpin(1), STATUS_SUCCESS);
}

TEST_P(FrameBuffer, ContiguityIsAHint) {
  test::covers("R202", "R128", "R129");
  DXGK_ADL* adl = s_.pin2(0, 8 * kPage, STATUS_SUCCESS, 1);
  ASSERT_NE(adl, nullptr);
  EXPECT_EQ(numbers_of(*adl).size(), 8U);
  if (logical()) {
    EXPECT_EQ(adl->Flags.Contiguous, 1U) << "there is a run of numbers";
  }
  EXPECT_EQ(s_.unpin(0), STATUS_SUCCESS);
  adl = s_.pin2(0, 8 * kPage);
  EXPECT_EQ(adl->Flags.Contiguous, 0U);
  EXPECT_EQ(s_.unpin(0), STATUS_SUCCESS);
}

TEST_P(FrameBuffer, MemoryPressureFailsThePinAndChunksGoOn) {
  test::covers("R203", "R206", "R208", "G20");
  const auto held = hold_all_but(20);  // 17 and tables, but not 40
  const auto before = s_.kernel->pages().free_pages();
  EXPECT_EQ(s_.pin2(0, kSave0, STATUS_INSUFFICIENT_RESOURCES), nullptr);
  EXPECT_EQ(s_.kernel->pages().free_pages(), before) << "all or nothing (R212)";
  EXPECT_EQ(area(0).adls.size(), 0U);
  for (SIZE_T offset = 0; offset < kSave0; offset += kPage) {
    const auto view = s_.map_pointer(0, offset, kPage);
    ASSERT_NE(view.pBaseAddress, nullptr) << offset;
    std::memset(static_cast<char*>(view.pBaseAddress) + view.Offset, static_cast<int>(offset / kPage + 1),
                kPage);
    EXPECT_EQ(s_.unmap_pointer(0, view.pBaseAddress), STATUS_SUCCESS);
  }
  EXPECT_GT(s_.kernel->memory().page_file_pages_used(), 0U) << "it does not fit into memory";
  // Even a single page may be too much.
  std::vector<mm::Pfn> rest = hold_all_but(0);
  while (s_.kernel->trim(1) != 0) {
    const std::vector<mm::Pfn> more = hold_all_but(0);
    rest.insert(rest.end(), more.begin(), more.end());
  }
  const auto failed = s_.map_pointer(0, 4 * kPage, kPage, STATUS_INSUFFICIENT_RESOURCES);
  EXPECT_EQ(failed.pBaseAddress, nullptr);
  EXPECT_EQ(failed.Offset, 4 * kPage);
  s_.kernel->pages().free(rest);
  s_.kernel->pages().free(held);
  // The same bytes through the pinned pages.
  DXGK_ADL* adl = s_.pin2(0, kSave0);
  ASSERT_NE(adl, nullptr);
  for (std::size_t i = 0; i < 40; ++i)
    EXPECT_EQ(s_.machine.dma_read(kGpu0, (numbers_of(*adl)[i] << 12) + 0xFF8), 0x0101010101010101U * (i + 1));
  EXPECT_EQ(s_.unpin(0), STATUS_SUCCESS);
}

TEST_P(FrameBuffer, PointersShowTheSameBytesAsThePin) {
  test::covers("R206", "R209", "R211");
  DXGK_ADL* adl = s_.pin2(0, kSave0);
  const std::vector<std::uint64_t> numbers = numbers_of(*adl);
  for (std::size_t i = 0; i < numbers.size(); ++i)
    ASSERT_TRUE(s_.machine.dma_write(kGpu0, (numbers[i] << 12) + 8 * i, 0xF00D + i));
  EXPECT_EQ(s_.unpin(0), STATUS_SUCCESS);
  EXPECT_EQ(s_.kernel->trim(40), 40U) << "to the page file";
  for (const SIZE_T first : {SIZE_T{0}, SIZE_T{15}, SIZE_T{16}, SIZE_T{39}}) {
    const auto view = s_.map_pointer(0, first * kPage, kPage);
    ASSERT_NE(view.pBaseAddress, nullptr);
    std::uint64_t word = 0;
    std::memcpy(&word, static_cast<char*>(view.pBaseAddress) + view.Offset + 8 * first, sizeof(word));
    EXPECT_EQ(word, 0xF00D + first);
    EXPECT_EQ(s_.unmap_pointer(1, view.pBaseAddress), STATUS_NOT_MAPPED_VIEW) << "of the other adapter";
    EXPECT_EQ(s_.unmap_pointer(0, static_cast<char*>(view.pBaseAddress) + kPage), STATUS_NOT_MAPPED_VIEW);
    EXPECT_EQ(s_.unmap_pointer(2, view.pBaseAddress), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(s_.unmap_pointer(0, view.pBaseAddress), STATUS_SUCCESS);
    EXPECT_EQ(s_.unmap_pointer(0, view.pBaseAddress), STATUS_NOT_MAPPED_VIEW) << "once";
  }
}

TEST_P(FrameBuffer, PointersAreWholePagesInRange) {
  test::covers("R207");
  struct Wrong {
    UINT index;
    SIZE_T offset, size;
  };
  for (const Wrong& w : {Wrong{0, 8, kPage}, Wrong{0, 0, 8}, Wrong{0, 0, 0}, Wrong{0, 0, kSave0 + kPage},
                         Wrong{0, kSave0, kPage}, Wrong{0, ~SIZE_T{0xFFF}, 2 * kPage}, Wrong{2, 0, kPage}}) {
    const auto args = s_.map_pointer(w.index, w.offset, w.size, STATUS_INVALID_PARAMETER);
    EXPECT_EQ(args.pBaseAddress, nullptr);
    EXPECT_EQ(args.Offset, w.offset);
  }
}

TEST_P(FrameBuffer, OnlyTheLeadsHandleWillDo) {
  test::covers("R210", "R28", "R29");
  const auto& t = s_.table();
  ASSERT_NE(s_.pin2(0, kPage), nullptr);
  for (const HANDLE wrong : {s_.adapter(1), HANDLE{nullptr}}) {
    DXGKARGCB_PINFRAMEBUFFERFORSAVE2 pin2{};
    pin2.PhysicalAdapterIndex = 1;
    pin2.CommitSize = kPage;
    pin2.pAdl = reinterpret_cast<DXGK_ADL*>(1);
    EXPECT_EQ(t.DxgkCbPinFrameBufferForSave2(wrong, &pin2), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(pin2.pAdl, nullptr);
    DXGKARGCB_PINFRAMEBUFFERFORSAVE pin{1, kPage, reinterpret_cast<PMDL>(1)};
    EXPECT_EQ(t.DxgkCbPinFrameBufferForSave(wrong, &pin), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(pin.pMdl, nullptr);
    const DXGKARGCB_UNPINFRAMEBUFFERFORSAVE unpin{0};
    EXPECT_EQ(t.DxgkCbUnpinFrameBufferForSave(wrong, &unpin), STATUS_INVALID_PARAMETER);
    DXGKARGCB_MAPFRAMEBUFFERPOINTER map{0, kPage, 0, this};
    EXPECT_EQ(t.DxgkCbMapFrameBufferPointer(wrong, &map), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(map.pBaseAddress, nullptr);
    const DXGKARGCB_UNMAPFRAMEBUFFERPOINTER unmap{0, this};
    EXPECT_EQ(t.DxgkCbUnmapFrameBufferPointer(wrong, &unmap), STATUS_INVALID_PARAMETER);
  }
  EXPECT_EQ(s_.unpin(0), STATUS_SUCCESS);
  EXPECT_EQ(t.DxgkCbPinFrameBufferForSave(s_.adapter(), nullptr), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(t.DxgkCbPinFrameBufferForSave2(s_.adapter(), nullptr), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(t.DxgkCbUnpinFrameBufferForSave(s_.adapter(), nullptr), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(t.DxgkCbMapFrameBufferPointer(s_.adapter(), nullptr), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(t.DxgkCbUnmapFrameBufferPointer(s_.adapter(), nullptr), STATUS_INVALID_PARAMETER);
  KIRQL old = PASSIVE_LEVEL;
  KeRaiseIrql(DISPATCH_LEVEL, &old);
  EXPECT_EQ(bugcheck_of([&] { (void)t.DxgkCbPinFrameBufferForSave(s_.adapter(), nullptr); }), Code(0x113, 2));
  EXPECT_EQ(bugcheck_of([&] { (void)t.DxgkCbPinFrameBufferForSave2(s_.adapter(), nullptr); }),
            Code(0x113, 2));
  EXPECT_EQ(bugcheck_of([&] { (void)t.DxgkCbUnpinFrameBufferForSave(s_.adapter(), nullptr); }),
            Code(0x113, 2));
  EXPECT_EQ(bugcheck_of([&] { (void)t.DxgkCbMapFrameBufferPointer(s_.adapter(), nullptr); }), Code(0x113, 2));
  EXPECT_EQ(bugcheck_of([&] { (void)t.DxgkCbUnmapFrameBufferPointer(s_.adapter(), nullptr); }),
            Code(0x113, 2));
  KeLowerIrql(old);
}

TEST_P(FrameBuffer, WhatIsPinnedOrMappedMustNotOutliveTheAdapter) {
  test::covers("R204", "R209", "R96");
  ASSERT_NE(s_.pin2(1, kPage), nullptr);
  EXPECT_EQ(bugcheck_of([&] { (void)s_.kernel->stop(); }), Code(0x1E4, 7));
  EXPECT_EQ(s_.unpin(1), STATUS_SUCCESS);
  const auto view = s_.map_pointer(1, 0, kPage);
  EXPECT_EQ(bugcheck_of([&] { (void)s_.kernel->stop(); }), Code(0x113, 0));
  EXPECT_NE(view.pBaseAddress, nullptr);
}

INSTANTIATE_TEST_SUITE_P(Modes, FrameBuffer,
                         ::testing::Values(RemappingMode::kPhysical, RemappingMode::kIsolation,
                                           RemappingMode::kLogical),
                         [](const auto& info) { return name_of_mode(info.param); });

TEST(SaveSize, IsAskedOfEachPhysicalAdapterRightAfterItsCaps) {
  test::covers("R18");
  ModeSystem s(RemappingMode::kPhysical);
  std::vector<HANDLE> handles;
  s.script.physical_caps = [&](UINT index, DXGK_PHYSICALADAPTERCAPS& caps) {
    caps.DxgkPhysicalAdapterHandle = s.adapter(index);
  };
  ASSERT_EQ(s.start(), STATUS_SUCCESS) << s.kernel->start_error();
  EXPECT_THAT(s.script.queries,
              ElementsAre("15 of 0", "21 of 0", "15 of 1", "21 of 1", "22 of 0", "22 of 1"));
  EXPECT_EQ(s.kernel->objects().size(), 0U) << "who does not answer has nothing to save";
}

TEST(SaveSize, IsNotAskedOfADriverWithoutSecureMode) {
  test::covers("R18");
  ModeSystem s(RemappingMode::kPhysical);
  s.script.iommu_caps.IommuIsolationSupported = 0;
  s.script.driver_caps.MemoryManagementCaps.IoMmuSecureModeSupported = 0;
  s.script.save_size = {{0, kPage}};
  ASSERT_EQ(s.start(), STATUS_SUCCESS) << s.kernel->start_error();
  EXPECT_THAT(s.script.queries, ElementsAre("15 of 0", "15 of 1", "22 of 0", "22 of 1"));
  EXPECT_EQ(s.pin2(0, kPage, STATUS_INVALID_PARAMETER), nullptr);
}

TEST(SaveSize, OfNoWholePagesStopsTheStart) {
  test::covers("R19");
  ModeSystem s(RemappingMode::kLogical);
  s.script.save_size = {{1, kPage + 8}};
  EXPECT_EQ(s.start(), STATUS_INVALID_PARAMETER);
  EXPECT_THAT(s.kernel->start_error(), HasSubstr("save area"));
  EXPECT_THAT(s.script.calls, ::testing::Contains("StopDevice 0"));
  s.script.save_size = {{1, 0}};
  EXPECT_EQ(s.kernel->start(), STATUS_SUCCESS) << "nothing is left of the failed start";
}

TEST(SaveSize, BeyondTheCommitStopsTheStart) {
  test::covers("R20");
  KernelConfig config;
  config.page_file_pages = 10;
  ModeSystem s(RemappingMode::kLogical, small_machine(), config);
  s.script.save_size = {{0, 500 * kPage}, {1, 100 * kPage}};
  EXPECT_EQ(s.start(), STATUS_COMMITMENT_LIMIT);
  EXPECT_EQ(s.kernel->pages().committed_pages(), 0U);
  s.script.save_size = {{0, 600 * kPage}};
  EXPECT_EQ(s.kernel->start(), STATUS_COMMITMENT_LIMIT);
  s.script.save_size = {{0, 400 * kPage}};
  EXPECT_EQ(s.kernel->start(), STATUS_SUCCESS);
}

TEST(SaveSize, OneSectionForAllIsLegal) {
  test::covers("R212");
  ModeSystem s(RemappingMode::kLogical);
  s.script.save_size = {{0, 64 * kPage}, {1, 0}};
  ASSERT_EQ(s.start(), STATUS_SUCCESS);
  EXPECT_NE(s.pin2(0, 64 * kPage), nullptr);
  EXPECT_EQ(s.pin2(1, kPage, STATUS_INVALID_PARAMETER), nullptr);
  EXPECT_EQ(s.unpin(0), STATUS_SUCCESS);
}

TEST(PhysicalCaps, NameTheMemberByItsHandle) {
  test::covers("E17");
  ModeSystem s(RemappingMode::kPhysical);
  HANDLE given = nullptr;
  s.script.physical_caps = [&](UINT, DXGK_PHYSICALADAPTERCAPS& caps) {
    caps.DxgkPhysicalAdapterHandle = given;
  };
  EXPECT_EQ(s.start(), STATUS_INVALID_PARAMETER) << "no handle";
  s.script.on_start = [&](std::size_t index, const DXGKRNL_INTERFACE& table) {
    if (index == 0) given = table.DeviceHandle;
  };
  EXPECT_EQ(s.kernel->start(), STATUS_INVALID_PARAMETER) << "one member twice";
  s.script.physical_caps = [&](UINT index, DXGK_PHYSICALADAPTERCAPS& caps) {
    caps.DxgkPhysicalAdapterHandle = s.kernel->functions()[1 - index]->device_handle;
  };
  EXPECT_EQ(s.kernel->start(), STATUS_SUCCESS) << "the driver counts as it likes";
}

}  // namespace
}  // namespace gpudmar::dxgkrnl
