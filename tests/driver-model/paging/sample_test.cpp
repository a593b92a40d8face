// SPDX-License-Identifier: Apache-2.0
// Paging with the sample miniport: what the GPU reaches while allocations move, and what is left afterwards.
#include "tests/driver-model/paging/sample_fixture.h"

namespace gpudmar::test {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;

TEST_F(SamplePaging, ContentMovesToLocalMemoryAndBack) {
  covers("G16", "R173", "E7", "E8");
  start();
  const AllocationId id = create(5, kVram);
  const auto data = pattern(5 * kPage, 1);
  write(id, data);
  m_->forget_calls();
  std::uint64_t reach = 0;
  m_->on_access = [&] { reach = std::max<std::uint64_t>(reach, view(id).logical_pages.size()); };
  ASSERT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  EXPECT_EQ(reach, 5U) << "the backing store is within reach during the transfer";
  EXPECT_TRUE(view(id).logical_pages.empty()) << "and not after it";
  EXPECT_EQ(view(id).residency, Residency::kLocal);
  EXPECT_EQ(vram(0, view(id).segment_address, data.size()), data);
  EXPECT_THAT(m_->ddi_calls(), ElementsAre("BuildPagingBuffer", "SubmitCommand"));

  // The GPU changes it; the change comes back.
  ASSERT_EQ(paging().fill(id, 0x44332211), STATUS_SUCCESS);
  ASSERT_EQ(paging().evict(id), STATUS_SUCCESS);
  const auto back = read(id, 5 * kPage);
  for (std::size_t i = 0; i < back.size(); ++i) ASSERT_EQ(back[i], 0x11 * (i % 4 + 1));
  EXPECT_EQ(m_->operations(), (std::vector<int>{0, 1, 0}));
  EXPECT_EQ(m_->blocked, 0U);
}

TEST_F(SamplePaging, AnObserverHearsOfWhatTheSystemMapsForItself) {
  covers("R173");
  start();
  const AllocationId id = create(3, kVram);
  write(id, pattern(3 * kPage, 1));
  const auto callbacks = m_->kernel->calls().counts();
  std::vector<std::string> told;
  std::set<std::uint64_t> open;
  m_->kernel->system_memory().observe([&](const dxgkrnl::CallRecord& record, bool finished) {
    EXPECT_GE(record.id, dxgkrnl::SystemMemory::kFirstId);
    EXPECT_NE(record.arguments, nullptr);
    EXPECT_EQ(finished ? open.erase(record.id) : open.insert(record.id).second, 1U);
    if (!finished) return;
    EXPECT_EQ(record.status, STATUS_SUCCESS);
    EXPECT_FALSE(record.bugcheck);
    EXPECT_GE(record.end, record.begin);
    told.push_back(record.name);
  });
  ASSERT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  EXPECT_THAT(told, ElementsAre("DxgkCbAllocateAdl", "DxgkCbFreeAdl"));
  told.clear();
  ASSERT_EQ(paging().destroy(id), STATUS_SUCCESS);
  EXPECT_THAT(told, ElementsAre("DxgkCbDestroyPhysicalMemoryObject"));
  EXPECT_TRUE(open.empty());
  for (const auto& [name, count] : m_->kernel->calls().counts())
    if (name.rfind("DxgkCb", 0) == 0 && name.find("Memory") != std::string::npos) {
      EXPECT_EQ(count, callbacks.at(name)) << name << ": no callback of the driver's";
    }
  m_->kernel->system_memory().observe({});
}

TEST_F(SamplePaging, FirstPageInFillsWithZeroes) {
  start();
  const AllocationId id = create(2, kVram);
  std::memset(m_->gpus[0]->vram.data(), 0xEE, m_->gpus[0]->vram.size());
  ASSERT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  EXPECT_THAT(vram(0, view(id).segment_address, 2 * kPage), Each(0));
  EXPECT_EQ(view(id).segment_address, m_->gpus[0]->vram.size() / 2) << "the segment's base address counts";
  EXPECT_EQ(m_->gpus[0]->vram[view(id).segment_address - 1], 0xEE);
  EXPECT_EQ(m_->gpus[0]->vram[view(id).segment_address + 2 * kPage], 0xEE);
}

TEST_F(SamplePaging, ApertureShowsTheBackingStoreUntilItIsUnmapped) {
  covers("G15", "R160", "R162", "R169");
  start();
  const AllocationId first = create(2, kAperture, kPhysically);  // so that offsets are not 0
  ASSERT_EQ(paging().make_resident(first), STATUS_SUCCESS);
  const AllocationId id = create(7, kAperture, kPhysically);
  const auto data = pattern(7 * kPage, 2);
  write(id, data);
  m_->forget_calls();
  ASSERT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  EXPECT_EQ(m_->operations(), (std::vector<int>{17}));
  const AllocationView v = view(id);
  EXPECT_EQ(v.residency, Residency::kAperture);
  ASSERT_EQ(v.logical_pages.size(), 7U);
  for (unsigned i = 0; i < 7; ++i) {
    EXPECT_EQ(v.logical_pages[i], v.logical_pages[0] + i);
    EXPECT_EQ(m_->gpus[0]->aperture_page(v.segment_address / kPage + i), v.logical_pages[i]);
  }
  // The GPU reads and writes through it.
  ASSERT_EQ(m_->copy(0, aperture(v.segment_address + 3), local(5), 7 * kPage - 3), STATUS_SUCCESS);
  EXPECT_EQ(std::memcmp(&m_->gpus[0]->vram[5], data.data() + 3, 7 * kPage - 3), 0);
  ASSERT_EQ(m_->copy(0, local(5), aperture(v.segment_address), 64), STATUS_SUCCESS);
  EXPECT_EQ(std::memcmp(read(id, 64).data(), data.data() + 3, 64), 0);

  ASSERT_EQ(paging().evict(id), STATUS_SUCCESS);
  EXPECT_EQ(m_->operations(), (std::vector<int>{17, 6}));
  for (unsigned i = 0; i < 7; ++i)
    EXPECT_EQ(m_->gpus[0]->aperture_page(v.segment_address / kPage + i), paging().dummy_page(0));
  // Accesses still go through, to nobody's data; the old numbers are out of reach.
  EXPECT_EQ(m_->copy(0, aperture(v.segment_address), local(0), kPage), STATUS_SUCCESS);
  EXPECT_NE(std::memcmp(m_->gpus[0]->vram.data(), data.data(), kPage), 0);
  EXPECT_EQ(m_->blocked, 0U);
  std::uint8_t byte = 0;
  EXPECT_FALSE(m_->device_access(0, v.logical_pages[0] * kPage, &byte, 1, false));
  EXPECT_EQ(m_->gpus[0]->aperture_page(0), view(first).logical_pages[0]) << "the neighbour stays";
}

TEST_F(SamplePaging, WithoutPhysicalAccessNothingIsMappedIntoTheAperture) {
  covers("R165");
  start();
  const AllocationId id = create(3, kAperture);
  const auto data = pattern(3 * kPage, 3);
  write(id, data);
  m_->forget_calls();
  ASSERT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  EXPECT_TRUE(m_->operations().empty());
  EXPECT_EQ(view(id).residency, Residency::kSystem);
  ASSERT_EQ(view(id).logical_pages.size(), 3U);
  std::vector<std::uint8_t> seen(kPage);
  ASSERT_TRUE(m_->device_access(0, view(id).logical_pages[2] * kPage, seen.data(), kPage, false));
  EXPECT_EQ(std::memcmp(seen.data(), data.data() + 2 * kPage, kPage), 0);
  const std::uint64_t logical = view(id).logical_pages[2] * kPage;
  ASSERT_EQ(paging().evict(id), STATUS_SUCCESS);
  EXPECT_FALSE(m_->device_access(0, logical, seen.data(), kPage, false));
}

TEST_F(SamplePaging, CpuVisibleAddressIsTheSameMemoryUntilTheUnmap) {
  covers("R166", "R167", "G15");
  start();
  const AllocationId hidden = create(1, kAperture, kPhysically);
  ASSERT_EQ(paging().make_resident(hidden), STATUS_SUCCESS);
  EXPECT_EQ(view(hidden).cpu_visible, nullptr);
  const AllocationId id = create(4, kAperture, kPhysically | GDM_ALLOCATION_CPU_VISIBLE_MAPPED);
  ASSERT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  auto* cpu = static_cast<std::uint8_t*>(view(id).cpu_visible);
  ASSERT_NE(cpu, nullptr);
  const auto data = pattern(4 * kPage, 4);
  std::copy(data.begin(), data.begin() + 4 * kPage, m_->gpus[0]->vram.begin());
  ASSERT_EQ(m_->copy(0, local(0), aperture(view(id).segment_address), 4 * kPage), STATUS_SUCCESS);
  EXPECT_EQ(std::memcmp(cpu, data.data(), 4 * kPage), 0);
  cpu[kPage] ^= 0xFF;
  ASSERT_EQ(m_->copy(0, aperture(view(id).segment_address + kPage), local(64), 1), STATUS_SUCCESS);
  EXPECT_EQ(m_->gpus[0]->vram[64], data[kPage] ^ 0xFF);
  bool valid_in_unmap = false;
  m_->gpus[0]->on_descriptor = [&](unsigned, const std::uint64_t* descriptor) {
    if (dma::descriptor::OPCODE.get(descriptor) == dma::opcode::UNMAP_APERTURE)
      valid_in_unmap = view(id).cpu_visible == cpu;
  };
  ASSERT_EQ(paging().evict(id), STATUS_SUCCESS);
  EXPECT_TRUE(valid_in_unmap);
  EXPECT_EQ(view(id).cpu_visible, nullptr);
}

TEST_F(SamplePaging, WhatTheFlagsDoNotAllowIsNotCreated) {
  covers("R168", "R166");
  start();
  AllocationId id = 0;
  auto data = allocation_data(kPage, kAperture, GDM_ALLOCATION_CPU_VISIBLE_MAPPED);
  EXPECT_EQ(paging().create(&data, sizeof(data), id), STATUS_INVALID_PARAMETER) << "not accessed physically";
  m_->kernel->stop();
  GdmParameters.MapAperture2Supported = FALSE;
  GdmParameters.DmaRemappingSupported = FALSE;
  PagingMachine::Options options;
  options.high_memory = false;
  m_.reset();
  GdmParameters.MapAperture2Supported = FALSE;
  GdmParameters.DmaRemappingSupported = FALSE;
  start(options);
  data.flags |= kPhysically;
  EXPECT_EQ(paging().create(&data, sizeof(data), id), STATUS_INVALID_PARAMETER) << "no operation 17";
  EXPECT_THAT(m_->ddi_calls(), Contains("DestroyAllocation")) << "the driver forgets it too";
  EXPECT_TRUE(paging().allocations().empty());
}

TEST_F(SamplePaging, WithoutOperation17ThePagesComeAsAnMdl) {
  covers("R161");
  GdmParameters.MapAperture2Supported = FALSE;
  GdmParameters.DmaRemappingSupported = FALSE;
  PagingMachine::Options options;
  options.high_memory = false;
  options.kernel.paging.map_pages = 3;  // MdlOffset
  start(options);
  const AllocationId id = create(8, kAperture, kPhysically);
  const auto data = pattern(8 * kPage, 5);
  write(id, data);
  m_->forget_calls();
  ASSERT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  EXPECT_EQ(m_->operations(), (std::vector<int>{5, 5, 5}));
  ASSERT_EQ(m_->copy(0, aperture(view(id).segment_address), local(0), 8 * kPage), STATUS_SUCCESS);
  EXPECT_EQ(std::memcmp(m_->gpus[0]->vram.data(), data.data(), 8 * kPage), 0);
  ASSERT_EQ(paging().evict(id), STATUS_SUCCESS);
  EXPECT_EQ(m_->operations(), (std::vector<int>{5, 5, 5, 6, 6, 6}));
}

TEST_F(SamplePaging, WithoutRemappingOperation17HasPageFrames) {
  covers("R163", "R164");
  PagingMachine::Options options;
  options.high_memory = false;
  options.kernel.paging.map_pages = 5;
  start(options);
  const AllocationId id = create(12, kAperture, kPhysically);
  const auto data = pattern(12 * kPage, 6);
  write(id, data);
  m_->forget_calls();
  ASSERT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  EXPECT_EQ(m_->operations(), (std::vector<int>{17, 17, 17}));
  const AllocationView v = view(id);
  bool scattered = false;
  for (unsigned i = 0; i < 12; ++i) {
    EXPECT_EQ(m_->gpus[0]->aperture_page(v.segment_address / kPage + i), v.logical_pages[i]);
    scattered = scattered || v.logical_pages[i] != v.logical_pages[0] + i;
  }
  EXPECT_TRUE(scattered) << "a page array";
  ASSERT_EQ(m_->copy(0, aperture(v.segment_address), local(0), 12 * kPage), STATUS_SUCCESS);
  EXPECT_EQ(std::memcmp(m_->gpus[0]->vram.data(), data.data(), 12 * kPage), 0);
}

TEST_F(SamplePaging, LogicalOperationsInPiecesHaveOffsets) {
  covers("R164", "R162");
  PagingMachine::Options options;
  options.kernel.paging.map_pages = 5;
  options.kernel.paging.transfer_pages = 4;
  start(options);
  const AllocationId mapped = create(12, kAperture, kPhysically);
  const AllocationId moved = create(11, kVram);
  const auto data = pattern(12 * kPage, 7);
  write(mapped, data);
  write(moved, pattern(11 * kPage, 8));
  m_->forget_calls();
  ASSERT_EQ(paging().make_resident(mapped), STATUS_SUCCESS);
  ASSERT_EQ(paging().make_resident(moved), STATUS_SUCCESS);
  EXPECT_EQ(m_->operations(), (std::vector<int>{17, 17, 17, 0, 0, 0}));
  const AllocationView v = view(mapped);
  for (unsigned i = 0; i < 12; ++i)
    EXPECT_EQ(m_->gpus[0]->aperture_page(v.segment_address / kPage + i), v.logical_pages[0] + i);
  EXPECT_EQ(vram(0, view(moved).segment_address, 11 * kPage), pattern(11 * kPage, 8));
  ASSERT_EQ(paging().evict(moved), STATUS_SUCCESS);
  EXPECT_EQ(read(moved, 11 * kPage), pattern(11 * kPage, 8));
}

TEST_F(SamplePaging, OperationsThatNeedSeveralBuffersKeepTheirPlace) {
  covers("R171", "E8");
  GdmParameters.PagingBufferSize = 4096;
  PagingMachine::Options options;
  options.high_memory = false;  // page arrays
  options.gpu.aperture_pages_log2 = 11;
  start(options);
  const AllocationId mapped = create(1300, kAperture, kPhysically);
  const AllocationId moved = create(100, kVram);  // about as many descriptors
  write(mapped, pattern(1300 * kPage, 9));
  write(moved, pattern(100 * kPage, 10));
  m_->forget_calls();
  ASSERT_EQ(paging().make_resident(mapped), STATUS_SUCCESS);
  EXPECT_GE(m_->operations().size(), 3U) << "a list of 504 entries fills a buffer";
  const AllocationView v = view(mapped);
  for (unsigned i = 0; i < 1300; ++i)
    ASSERT_EQ(m_->gpus[0]->aperture_page(v.segment_address / kPage + i), v.logical_pages[i]) << i;
  m_->forget_calls();
  ASSERT_EQ(paging().make_resident(moved), STATUS_SUCCESS);
  EXPECT_GE(m_->operations().size(), 2U);
  EXPECT_EQ(vram(0, view(moved).segment_address, 100 * kPage), pattern(100 * kPage, 10));
  ASSERT_EQ(paging().evict(moved), STATUS_SUCCESS);
  EXPECT_EQ(read(moved, 100 * kPage), pattern(100 * kPage, 10));
}

TEST_F(SamplePaging, CoherentMappingsAreSnooped) {
  covers("R170");
  start();
  const AllocationId coherent = create(2, kAperture, kPhysically | GDM_ALLOCATION_CACHED);
  const AllocationId other = create(2, kAperture, kPhysically);
  ASSERT_EQ(paging().make_resident(coherent), STATUS_SUCCESS);
  ASSERT_EQ(paging().make_resident(other), STATUS_SUCCESS);
  const std::uint64_t before = m_->gpus[0]->no_snoop;
  ASSERT_EQ(m_->copy(0, aperture(view(coherent).segment_address), local(0), 2 * kPage, GDM_COPY_NO_SNOOP),
            STATUS_SUCCESS);
  EXPECT_EQ(m_->gpus[0]->no_snoop, before) << "the driver enforces it";
  ASSERT_EQ(m_->copy(0, local(0), aperture(view(other).segment_address), kPage, GDM_COPY_NO_SNOOP),
            STATUS_SUCCESS);
  EXPECT_EQ(m_->gpus[0]->no_snoop, before + 1);
  const std::uint64_t address = view(coherent).segment_address;
  ASSERT_EQ(paging().evict(coherent), STATUS_SUCCESS);
  ASSERT_EQ(m_->copy(0, aperture(address), local(0), kPage, GDM_COPY_NO_SNOOP), STATUS_SUCCESS);
  EXPECT_EQ(m_->gpus[0]->no_snoop, before + 2);
}

TEST_F(SamplePaging, FullSegmentsPushOutWhoCameFirst) {
  start();
  const std::uint64_t pages = paging().segments(0).segments[0].pages();
  const AllocationId a = create(pages / 2, kVram);
  const AllocationId b = create(pages / 2, kVram);
  const AllocationId c = create(pages / 4, kVram);
  write(a, pattern(pages / 2 * kPage, 11));
  for (const AllocationId id : {a, b, c}) ASSERT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  EXPECT_EQ(view(a).residency, Residency::kNone);
  EXPECT_EQ(view(b).residency, Residency::kLocal);
  EXPECT_EQ(view(c).residency, Residency::kLocal);
  EXPECT_EQ(read(a, pages / 2 * kPage), pattern(pages / 2 * kPage, 11));
  const AllocationId large = create(pages + 1, kVram);
  EXPECT_EQ(paging().make_resident(large), STATUS_GRAPHICS_NO_VIDEO_MEMORY);
  EXPECT_EQ(view(b).residency, Residency::kLocal) << "nobody goes for what can not fit";
}

TEST_F(SamplePaging, EachMemberOfALinkPagesOnItsOwnNode) {
  covers("E16");
  start();
  const AllocationId id = create(2, kVram, 0, 1);
  write(id, pattern(2 * kPage, 12));
  ASSERT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  EXPECT_EQ(vram(1, view(id).segment_address, 2 * kPage), pattern(2 * kPage, 12));
  EXPECT_EQ(paging().queue(0).last_submitted(), 0U);
  EXPECT_EQ(paging().queue(1).last_completed(), 1U);
  const auto notes = m_->kernel->notifications();
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_EQ(notes[0].adapter, 1U);
  EXPECT_EQ(notes[0].type, DXGK_INTERRUPT_DMA_COMPLETED);
}

TEST_F(SamplePaging, ExclusiveAccessHasNoPagingAndKeepsEverything) {
  covers("R181", "R184", "R147");
  start();
  const AllocationId id = create(3, kAperture, kPhysically);
  write(id, pattern(3 * kPage, 13));
  ASSERT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  m_->forget_calls();
  ASSERT_EQ(m_->kernel->reattach(), STATUS_SUCCESS);
  for (const std::string& call : m_->ddi_calls())
    EXPECT_THAT(call, ::testing::HasSubstr("ExclusiveAccess")) << "R182";
  ASSERT_EQ(m_->copy(0, aperture(view(id).segment_address), local(0), 3 * kPage), STATUS_SUCCESS);
  EXPECT_EQ(std::memcmp(m_->gpus[0]->vram.data(), pattern(3 * kPage, 13).data(), 3 * kPage), 0);
  ASSERT_EQ(paging().evict(id), STATUS_SUCCESS) << "paging goes on";
}

TEST_F(SamplePaging, PowerDownWritesEverythingBackFirst) {
  covers("E5", "R211");
  start();
  const AllocationId id = create(3, kVram);
  const AllocationId mapped = create(3, kAperture, kPhysically);
  write(id, pattern(3 * kPage, 20));
  ASSERT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  ASSERT_EQ(paging().make_resident(mapped), STATUS_SUCCESS);
  ASSERT_EQ(m_->kernel->set_power_state(PowerDeviceD3, PowerActionSleep), STATUS_SUCCESS);
  EXPECT_EQ(view(id).residency, Residency::kNone);
  EXPECT_EQ(view(mapped).residency, Residency::kNone);
  EXPECT_EQ(paging().make_resident(id), STATUS_INVALID_DEVICE_STATE);
  std::fill(m_->gpus[0]->vram.begin(), m_->gpus[0]->vram.end(), 0x77);
  ASSERT_EQ(m_->kernel->set_power_state(PowerDeviceD0, PowerActionNone), STATUS_SUCCESS);
  ASSERT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  EXPECT_EQ(vram(0, view(id).segment_address, 3 * kPage), pattern(3 * kPage, 20));
}

TEST_F(SamplePaging, RemovedHardwareIsNotAskedAnyMore) {
  start();
  const AllocationId id = create(3, kVram);
  const AllocationId mapped = create(3, kAperture, kPhysically | GDM_ALLOCATION_CPU_VISIBLE_MAPPED);
  ASSERT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  ASSERT_EQ(paging().make_resident(mapped), STATUS_SUCCESS);
  m_->forget_calls();
  ASSERT_EQ(m_->kernel->surprise_remove(), STATUS_SUCCESS);
  EXPECT_THAT(m_->ddi_calls(), ::testing::Not(Contains("BuildPagingBuffer")));
  EXPECT_EQ(m_->kernel->paging(), nullptr);
  EXPECT_TRUE(m_->kernel->objects().empty());
}

TEST_F(SamplePaging, StopTakesEverythingAway) {
  covers("R97");
  start();
  const std::uint64_t pages = 6;
  (void)create(pages, kVram);
  const AllocationId resident = create(pages, kVram);
  const AllocationId mapped = create(pages, kAperture, kPhysically | GDM_ALLOCATION_CPU_VISIBLE_MAPPED);
  ASSERT_EQ(paging().make_resident(resident), STATUS_SUCCESS);
  ASSERT_EQ(paging().make_resident(mapped), STATUS_SUCCESS);
  // TearDown stops and looks.
}

TEST_F(SamplePaging, WritesToUnmappedApertureAreFound) {
  covers("R169", "R175");
  PagingMachine::Options options;
  options.kernel.paging.guard_dummy_page = true;
  start(options);
  const AllocationId id = create(1, kAperture, kPhysically);
  ASSERT_EQ(paging().make_resident(id), STATUS_SUCCESS);
  const std::uint64_t address = view(id).segment_address;
  ASSERT_EQ(paging().evict(id), STATUS_SUCCESS);
  ASSERT_EQ(m_->copy(0, local(0), aperture(address), 8), STATUS_SUCCESS);
  try {
    (void)m_->kernel->stop();
    ADD_FAILURE() << "nothing noticed";
  } catch (const dxgkrnl::BugCheck& bugcheck) {
    EXPECT_EQ(bugcheck.code(), 0x10EU);
    EXPECT_EQ(bugcheck.parameter(0), 0x25U);
  }
  m_.reset();
}

TEST_F(SamplePaging, WithoutChannelsOrSegmentsThereIsNoPaging) {
  PagingMachine::Options options;
  options.gpu.channels = 1;
  m_ = std::make_unique<PagingMachine>(options);
  ASSERT_EQ(m_->start(), STATUS_SUCCESS);
  EXPECT_EQ(m_->kernel->paging(), nullptr);
  TearDown();
  m_.reset();
  options = {};
  options.paging = false;
  m_ = std::make_unique<PagingMachine>(options);
  ASSERT_EQ(m_->start(), STATUS_SUCCESS);
  EXPECT_EQ(m_->kernel->paging(), nullptr);
}

TEST_F(SamplePaging, RandomMovesKeepEveryContent) {
  covers("G16", "G15");
  const char* given = std::getenv("GPUDMAR_SEED");
  const unsigned seed = given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 0)) : 7;
  std::cout << "seed " << seed << "; again: GPUDMAR_SEED=" << seed
            << " <this program> --gtest_filter=SamplePaging.RandomMovesKeepEveryContent\n";
  std::mt19937 random(seed);
  PagingMachine::Options options;
  options.kernel.paging.map_pages = random() % 4;
  options.kernel.paging.transfer_pages = random() % 5;
  options.kernel.paging.tdr_delay = 30'000;
  options.kernel.paging.preemption_delay = 2'000;
  options.high_memory = random() % 2 != 0;
  start(options);
  struct Known {
    AllocationId id;
    std::vector<std::uint8_t> data;
  };
  std::vector<Known> known;
  for (unsigned step = 0; step < 300; ++step) {
    const unsigned what = random() % 8;
    if (known.empty() || (what == 0 && known.size() < 12)) {
      const std::uint64_t pages = 1 + random() % 40;
      const bool local_only = random() % 2 != 0;
      const AllocationId id =
          create(pages, local_only ? kVram : kAperture, local_only ? 0 : kPhysically, random() % 2);
      known.push_back({id, pattern(pages * kPage, random())});
      write(id, known.back().data);
      continue;
    }
    Known& k = known[random() % known.size()];
    switch (what) {
      case 1:
        ASSERT_EQ(paging().evict(k.id), STATUS_SUCCESS);
        ASSERT_EQ(read(k.id, k.data.size()), k.data) << "step " << step;
        break;
      case 2:
        ASSERT_EQ(paging().destroy(k.id), STATUS_SUCCESS);
        std::swap(k, known.back());
        known.pop_back();
        break;
      case 3: {
        if (view(k.id).residency == Residency::kNone) break;
        const UINT fill = random();
        ASSERT_EQ(paging().fill(k.id, fill), STATUS_SUCCESS);
        for (std::size_t i = 0; i < k.data.size(); i += 4) std::memcpy(&k.data[i], &fill, 4);
        break;
      }
      case 4:
        if (random() % 8 != 0) break;
        ASSERT_EQ(m_->kernel->reattach(), STATUS_SUCCESS);
        break;
      default:
        ASSERT_EQ(paging().make_resident(k.id), STATUS_SUCCESS);
        break;
    }
    ASSERT_EQ(m_->blocked, 0U) << "step " << step;
  }
  for (const Known& k : known) {
    ASSERT_EQ(paging().evict(k.id), STATUS_SUCCESS);
    ASSERT_EQ(read(k.id, k.data.size()), k.data);
  }
}

}  // namespace
}  // namespace gpudmar::test
