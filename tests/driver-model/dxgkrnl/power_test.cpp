// SPDX-License-Identifier: Apache-2.0
// Power transitions with a driver that saves its frame buffer, in one piece and in chunks; surprise removal.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cstring>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "driver-model/hw/regs/dma_regs.h"
#include "driver-model/hw/regs/vtd_regs.h"
#include "tests/driver-model/dxgkrnl/modes.h"
#include "tests/support/covers.h"

namespace gpudmar::dxgkrnl {
namespace {

namespace r = regs::vtd;
using Code = std::pair<std::uint32_t, std::uint64_t>;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr SIZE_T kPage = PAGE_SIZE;
constexpr std::size_t kVramPages = 24;  // of each GPU
constexpr std::size_t kWords = kPage / sizeof(std::uint64_t);

/// A driver of a linked pair that keeps its frame buffers over a loss of power, as section 3.5 has it: pinned
/// in one piece, or a page at a time through a small buffer of its own. Its GPUs copy through the remapping
/// unit.
class SavingDriver {
 public:
  SavingDriver(ModeSystem& system, bool legacy) : s_(system), legacy_(legacy) {
    s_.script.save_size = {{0, kVramPages * kPage}, {1, kVramPages * kPage}};
    s_.script.on_start = [this](std::size_t index, const DXGKRNL_INTERFACE&) {
      if (index == 0) make_buffer();
    };
    s_.script.on_stop = [this](std::size_t index) {
      if (index == 0) free_buffer();
    };
    s_.script.on_power = [this](std::size_t index, DEVICE_POWER_STATE state, POWER_ACTION) {
      return move(static_cast<UINT>(index), state != PowerDeviceD0);
    };
    for (auto& vram : vram) vram.assign(kVramPages * kWords, 0);
  }
  void fill(std::uint64_t seed) {
    for (auto& gpu : vram)
      for (std::uint64_t& word : gpu) word = seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
  }
  void lose() {
    for (auto& gpu : vram) gpu.assign(gpu.size(), 0xDEAD);
  }

  std::vector<std::uint64_t> vram[2];
  unsigned pieces = 0;                       ///< transfers in one piece
  unsigned chunks = 0;                       ///< transfers of a page
  unsigned resets = 0;                       ///< transfers given up
  std::vector<std::uint64_t> saved_numbers;  ///< of pinned pages, of all transfers

 private:
  void make_buffer() {
    if (legacy_) {
      const auto args = s_.contiguous(kPage);
      object_ = args.hMemoryHandle;
      small_ = static_cast<std::uint64_t*>(args.pMemory);
      number_ = s_.kernel->objects().front().page_frames[0];
      return;
    }
    const auto args = s_.create(kPage);
    object_ = args.hPhysicalMemoryObject;
    opened_ = args.hAdapterMemoryObject;
    adl_ = s_.allocate_adl(opened_, 0, kPage);
    number_ = numbers_of(*adl_)[0];
    DXGKARGCB_MAP_PHYSICAL_MEMORY map{object_, DXGK_ACCESS_MODE_KERNEL_MODE, 0, kPage, nullptr};
    ASSERT_EQ(s_.table().DxgkCbMapPhysicalMemory(&map), STATUS_SUCCESS);
    base_ = map.pMappedAddress;
    size_ = map.Size;
    small_ = reinterpret_cast<std::uint64_t*>(static_cast<char*>(base_) + map.Offset);
  }
  void free_buffer() {
    if (legacy_) {
      EXPECT_EQ(s_.free_contiguous(object_), STATUS_SUCCESS);
      return;
    }
    const DXGKARGCB_UNMAP_PHYSICAL_MEMORY unmap{object_, base_, size_};
    s_.table().DxgkCbUnmapPhysicalMemory(&unmap);
    s_.free_adl(opened_, adl_);
    s_.destroy(object_, opened_);
  }
  void gpu_copies(UINT index, std::size_t vram_page, std::uint64_t number, bool save) {
    const auto gpu = static_cast<std::uint16_t>((index + 1) << 8);
    for (std::size_t word = 0; word < kWords; ++word) {
      const std::uint64_t address = (number << 12) + word * sizeof(std::uint64_t);
      std::uint64_t& local = vram[index][vram_page * kWords + word];
      if (save) {
        ASSERT_TRUE(s_.machine.dma_write(gpu, address, local));
      } else {
        const auto value = s_.machine.dma_read(gpu, address);
        ASSERT_TRUE(value);
        local = *value;
      }
    }
  }
  NTSTATUS move(UINT index, bool save) {
    std::vector<std::uint64_t> numbers;
    const SIZE_T all = kVramPages * kPage;
    if (legacy_) {
      DXGKARGCB_PINFRAMEBUFFERFORSAVE args{index, all, nullptr};
      if (NT_SUCCESS(s_.table().DxgkCbPinFrameBufferForSave(s_.adapter(), &args)))
        numbers.assign(MmGetMdlPfnArray(args.pMdl), MmGetMdlPfnArray(args.pMdl) + kVramPages);
    } else {
      DXGKARGCB_PINFRAMEBUFFERFORSAVE2 args{};
      args.PhysicalAdapterIndex = index;
      args.CommitSize = all;
      args.Flags.PreferContiguous = 1;
      if (NT_SUCCESS(s_.table().DxgkCbPinFrameBufferForSave2(s_.adapter(), &args)))
        numbers = numbers_of(*args.pAdl);
    }
    if (numbers.empty()) return move_in_chunks(index, save);
    for (std::size_t page = 0; page < kVramPages; ++page) gpu_copies(index, page, numbers[page], save);
    saved_numbers.insert(saved_numbers.end(), numbers.begin(), numbers.end());
    ++pieces;
    return s_.unpin(index);
  }
  NTSTATUS move_in_chunks(UINT index, bool save) {
    for (std::size_t page = 0; page < kVramPages; ++page) {
      DXGKARGCB_MAPFRAMEBUFFERPOINTER map{index, kPage, page * kPage, nullptr};
      if (!NT_SUCCESS(s_.table().DxgkCbMapFrameBufferPointer(s_.adapter(), &map))) {
        ++resets;  // R208: cancel the transfer, reset the adapter; the power state changes all the same
        return STATUS_SUCCESS;
      }
      char* bytes = static_cast<char*>(map.pBaseAddress) + map.Offset;
      if (save) gpu_copies(index, page, number_, true);
      std::memcpy(save ? bytes : reinterpret_cast<char*>(small_),
                  save ? reinterpret_cast<char*>(small_) : bytes, kPage);
      if (!save) gpu_copies(index, page, number_, false);
      EXPECT_EQ(s_.unmap_pointer(index, map.pBaseAddress), STATUS_SUCCESS);
      ++chunks;
    }
    return STATUS_SUCCESS;
  }

  ModeSystem& s_;
  bool legacy_;
  HANDLE object_ = nullptr, opened_ = nullptr;
  DXGK_ADL* adl_ = nullptr;
  PVOID base_ = nullptr;
  SIZE_T size_ = 0;
  std::uint64_t* small_ = nullptr;
  std::uint64_t number_ = 0;
};

struct Way {
  RemappingMode mode;
  bool legacy;
};

class Power : public ::testing::TestWithParam<Way> {
 protected:
  static test::ModelMachine::Options machine() {
    test::ModelMachine::Options options;
    options.ram = {{0, 1ULL << 20}, {1ULL << 40, 1ULL << 20}};
    return options;
  }
  static KernelConfig config() {
    KernelConfig config;
    config.page_file_pages = 256;
    return config;
  }
  void SetUp() override {
    ASSERT_EQ(s_.start(), STATUS_SUCCESS) << s_.kernel->start_error();
    s_.script.calls.clear();
  }
  /// Off and on again; what is in the frame buffers afterwards is what was there before.
  void cycle(POWER_ACTION action, std::uint64_t seed, const std::function<void()>& between) {
    driver_.fill(seed);
    const std::vector<std::uint64_t> before[2]{driver_.vram[0], driver_.vram[1]};
    ASSERT_EQ(s_.kernel->set_power_state(PowerDeviceD3, action), STATUS_SUCCESS);
    driver_.lose();
    between();
    ASSERT_EQ(s_.kernel->set_power_state(PowerDeviceD0, action), STATUS_SUCCESS);
    EXPECT_EQ(driver_.vram[0], before[0]);
    EXPECT_EQ(driver_.vram[1], before[1]);
  }
  ModeSystem s_{GetParam().mode, machine(), config()};
  SavingDriver driver_{s_, GetParam().legacy};
};

TEST_P(Power, TheFrameBufferComesBackInOnePiece) {
  test::covers("R211", "R200", "R204", "G17", "E2", "E5");
  cycle(PowerActionSleep, 1, [&] {
    EXPECT_THAT(s_.script.calls, ElementsAre("SetPowerState 0 D3", "SetPowerState 1 D3"));
    EXPECT_EQ(s_.kernel->trim(1000), 2 * kVramPages) << "pageable between the two";
    for (const std::uint64_t number : driver_.saved_numbers)
      EXPECT_EQ(s_.reads(kGpu1, number), GetParam().mode == RemappingMode::kPhysical);
    for (const auto& bar : s_.machine.bars)
      EXPECT_EQ(bar->read32(regs::dma::CFG_COMMAND::kOffset), 0U) << "no request, no message";
    s_.script.calls.clear();
  });
  EXPECT_THAT(s_.script.calls, ElementsAre("SetPowerState 1 D0", "SetPowerState 0 D0"));
  for (const auto& bar : s_.machine.bars) EXPECT_EQ(bar->read32(regs::dma::CFG_COMMAND::kOffset), 3U);
  EXPECT_EQ(driver_.pieces, 4U);
  EXPECT_EQ(driver_.chunks, 0U);
  EXPECT_EQ(s_.kernel->stop(), STATUS_SUCCESS);
}

TEST_P(Power, UnderMemoryPressureItComesBackInChunks) {
  test::covers("R203", "R206", "R211", "G17");
  auto& pages = s_.kernel->pages();
  // The save areas do not fit: room for the views of one unit of address space and for tables.
  const auto held = *pages.allocate(pages.free_pages() - 20, {}, false, mm::Placement::kAscending);
  for (std::uint64_t round = 0; round < 2; ++round) cycle(PowerActionHibernate, 7 + round, [] {});
  EXPECT_EQ(driver_.chunks, 8 * kVramPages);
  EXPECT_EQ(driver_.pieces, 0U);
  EXPECT_EQ(driver_.resets, 0U);
  pages.free(held);
  cycle(PowerActionSleep, 9, [] {});
  EXPECT_EQ(driver_.pieces, 4U) << "with memory, in one piece again";
  EXPECT_EQ(s_.kernel->stop(), STATUS_SUCCESS);
}

TEST_P(Power, WithoutASinglePageTheDriverGivesUp) {
  test::covers("R208", "E3");
  auto& pages = s_.kernel->pages();
  const auto held = *pages.allocate(pages.free_pages(), {}, false, mm::Placement::kAscending);
  driver_.fill(3);
  EXPECT_EQ(s_.kernel->set_power_state(PowerDeviceD3, PowerActionSleep), STATUS_SUCCESS);
  EXPECT_EQ(driver_.resets, 2U);
  pages.free(held);
  EXPECT_EQ(s_.kernel->set_power_state(PowerDeviceD0, PowerActionSleep), STATUS_SUCCESS);
  EXPECT_EQ(s_.kernel->stop(), STATUS_SUCCESS) << "nothing is left over";
}

TEST_P(Power, ASleepResetsTheRemappingUnit) {
  test::covers("R211", "R147");
  cycle(PowerActionSleep, 5, [&] {
    if (GetParam().mode == RemappingMode::kPhysical) return;
    // What a loss of power leaves of its registers.
    for (const std::uint32_t offset :
         {r::GCMD::kOffset, r::RTADDR::kOffset, r::FEADDR::kOffset, r::FEDATA::kOffset})
      s_.machine.iommu.write32(offset, 0);
    s_.machine.iommu.write32(r::FECTL::kOffset, 1U << 31);
  });
  if (GetParam().mode == RemappingMode::kPhysical) return;
  EXPECT_EQ(r::GSTS::TES.get(s_.machine.iommu.read32(r::GSTS::kOffset)), 1U);
  EXPECT_FALSE(s_.reads(kGpu0, driver_.saved_numbers.back())) << "the same tables";
}

TEST_P(Power, ThereIsNothingToDoWithoutAChange) {
  test::covers("E4");
  EXPECT_EQ(s_.kernel->set_power_state(PowerDeviceD0, PowerActionNone), STATUS_SUCCESS);
  EXPECT_EQ(s_.script.calls.size(), 0U);
  EXPECT_EQ(s_.kernel->set_power_state(PowerDeviceUnspecified, PowerActionNone), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(s_.kernel->set_power_state(PowerDeviceD3, PowerActionNone, 1), STATUS_INVALID_DEVICE_STATE);
  EXPECT_EQ(s_.kernel->set_power_state(PowerDeviceD3, PowerActionNone), STATUS_SUCCESS);
  EXPECT_EQ(s_.kernel->stop(), STATUS_SUCCESS) << "an adapter may stop in any state";
  EXPECT_EQ(s_.kernel->set_power_state(PowerDeviceD0, PowerActionNone), STATUS_INVALID_DEVICE_STATE);
}

INSTANTIATE_TEST_SUITE_P(
    Ways, Power,
    ::testing::Values(Way{RemappingMode::kPhysical, false}, Way{RemappingMode::kPhysical, true},
                      Way{RemappingMode::kIsolation, false}, Way{RemappingMode::kIsolation, true},
                      Way{RemappingMode::kLogical, false}),
    [](const auto& info) {
      return std::string(name_of_mode(info.param.mode)) + (info.param.legacy ? "Legacy" : "");
    });

TEST(PowerState, ChildrenAreThoseOfQueryChildRelations) {
  test::covers("E6");
  ModeSystem s(RemappingMode::kPhysical);
  s.script.children = {7, 0x8000'0001};
  ASSERT_EQ(s.start(), STATUS_SUCCESS);
  const auto asked = [&](const std::string& name) {
    return std::count(s.script.calls.begin(), s.script.calls.end(), name);
  };
  EXPECT_EQ(asked("QueryChildRelations 0"), 1);
  EXPECT_EQ(asked("QueryChildRelations 1"), 1);
  s.script.calls.clear();
  // Children sleep first and wake last.
  ASSERT_EQ(s.kernel->set_power_state(PowerDeviceD3, PowerActionNone), STATUS_SUCCESS);
  ASSERT_EQ(s.kernel->set_power_state(PowerDeviceD0, PowerActionNone), STATUS_SUCCESS);
  std::vector<std::string> of_lead;
  for (const std::string& call : s.script.calls)
    if (call.rfind("SetPowerState 0", 0) == 0) of_lead.push_back(call);
  EXPECT_EQ(of_lead,
            (std::vector<std::string>{"SetPowerState 0 D3 child 7", "SetPowerState 0 D3 child 2147483649",
                                      "SetPowerState 0 D3", "SetPowerState 0 D0",
                                      "SetPowerState 0 D0 child 7", "SetPowerState 0 D0 child 2147483649"}));
}

TEST(PowerState, WithoutChildrenNobodyAsks) {
  test::covers("E6");
  ModeSystem s(RemappingMode::kPhysical);
  ASSERT_EQ(s.start(), STATUS_SUCCESS);
  for (const std::string& call : s.script.calls)
    EXPECT_EQ(call.rfind("QueryChildRelations", 0), std::string::npos);
}

TEST(PowerState, MustNotFail) {
  test::covers("E3");
  ModeSystem s(RemappingMode::kLogical);
  s.script.on_power = [](std::size_t index, DEVICE_POWER_STATE, POWER_ACTION) {
    return index == 1 ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS;
  };
  ASSERT_EQ(s.start(), STATUS_SUCCESS);
  EXPECT_EQ(bugcheck_of([&] { (void)s.kernel->set_power_state(PowerDeviceD3, PowerActionSleep); }),
            Code(0x113, static_cast<std::uint32_t>(STATUS_UNSUCCESSFUL)));
}

TEST(SurpriseRemoval, TheDriverIsToldAndEverythingEnds) {
  test::covers("E2", "R96", "R97", "G22");
  for (const RemappingMode mode :
       {RemappingMode::kPhysical, RemappingMode::kIsolation, RemappingMode::kLogical}) {
    SCOPED_TRACE(name_of_mode(mode));
    ModeSystem s(mode);
    ASSERT_EQ(s.start(), STATUS_SUCCESS);
    const auto args = s.create(0x2000);
    DXGK_ADL* adl = s.allocate_adl(args.hAdapterMemoryObject, 0, 0x2000);
    const std::uint64_t number = numbers_of(*adl)[0];
    EXPECT_TRUE(s.reads(kGpu0, number));
    s.script.calls.clear();
    s.script.on_removal = [&](std::size_t index) {
      EXPECT_EQ(s.reads(kGpu0, number), mode == RemappingMode::kPhysical) << "out of the domain already";
      if (index != 0) return;
      s.free_adl(args.hAdapterMemoryObject, adl);  // callbacks work on a device that is gone
      s.destroy(args.hPhysicalMemoryObject, args.hAdapterMemoryObject);
    };
    EXPECT_EQ(s.kernel->surprise_remove(), STATUS_SUCCESS);
    EXPECT_THAT(s.script.calls,
                ElementsAre("NotifySurpriseRemoval 0", "NotifySurpriseRemoval 1", "StopDevice 0",
                            "StopDevice 1", "RemoveDevice 1", "RemoveDevice 0"));
    EXPECT_EQ(s.machine.bars[0]->read32(regs::dma::CFG_COMMAND::kOffset), 3U)
        << "nobody writes to it any more";
    EXPECT_EQ(s.kernel->adapters().size(), 0U);
    EXPECT_EQ(s.kernel->live_handles(), 0U);
    EXPECT_EQ(s.kernel->surprise_remove(), STATUS_INVALID_DEVICE_STATE);
    EXPECT_EQ(s.kernel->stop(), STATUS_SUCCESS);
    EXPECT_EQ(s.kernel->start(), STATUS_SUCCESS) << "it may come back";
  }
}

TEST(SurpriseRemoval, WhatTheDriverForgetsIsALeak) {
  test::covers("R96");
  ModeSystem s(RemappingMode::kLogical);
  ASSERT_EQ(s.start(), STATUS_SUCCESS);
  const auto args = s.create(0x1000);
  (void)s.allocate_adl(args.hAdapterMemoryObject, 0, 0x1000);
  EXPECT_EQ(bugcheck_of([&] { (void)s.kernel->surprise_remove(); }), Code(0x1E4, 7));
}

TEST(SurpriseRemoval, OneLinkGoesAndTheOtherStays) {
  test::covers("G13", "R96");
  ModeSystem s(RemappingMode::kLogical);
  s.script.surprise_removal = false;  // a driver that does not want to know
  s.script.link = [](std::size_t index, LINKED_DEVICE& link) { link = {static_cast<ULONG>(index), 1, TRUE}; };
  ASSERT_EQ(s.start(), STATUS_SUCCESS);
  auto args = create_request(0x1000, DXGK_PHYSICAL_MEMORY_TYPE_MDL, s.adapter(1));
  ASSERT_EQ(s.table().DxgkCbCreatePhysicalMemoryObject(&args), STATUS_SUCCESS);
  DXGK_ADL* adl = s.allocate_adl(args.hAdapterMemoryObject, 0, 0x1000);
  const HANDLE gone = s.adapter(0);
  s.script.calls.clear();
  EXPECT_EQ(s.kernel->surprise_remove(0), STATUS_SUCCESS);
  EXPECT_THAT(s.script.calls, ElementsAre("StopDevice 0", "RemoveDevice 0"));
  EXPECT_EQ(s.kernel->find_adapter(gone), nullptr);
  EXPECT_TRUE(s.reads(kGpu1, numbers_of(*adl)[0]));
  EXPECT_FALSE(s.reads(kGpu0, numbers_of(*adl)[0]));
  s.free_adl(args.hAdapterMemoryObject, adl);
  s.destroy(args.hPhysicalMemoryObject, args.hAdapterMemoryObject);
  EXPECT_EQ(s.kernel->stop(), STATUS_SUCCESS);
}

TEST(SurpriseRemoval, RegistersThatDoNotAnswerHoldNothingUp) {
  ModeSystem s(RemappingMode::kLogical);
  ASSERT_EQ(s.start(), STATUS_SUCCESS);
  // The devices' messages are gone with them.
  const auto message = s.kernel->functions()[0]->message();
  s.script.on_removal = [&](std::size_t) {
    s.machine.interrupts.send(message->address, message->data);
    s.machine.time.wait(1);
  };
  s.script.on_interrupt = [](std::size_t) -> BOOLEAN {
    ADD_FAILURE() << "an interrupt of a device that is gone";
    return FALSE;
  };
  EXPECT_EQ(s.kernel->surprise_remove(), STATUS_SUCCESS);
  EXPECT_EQ(s.machine.interrupts.spurious(), 2U);
}

}  // namespace
}  // namespace gpudmar::dxgkrnl
