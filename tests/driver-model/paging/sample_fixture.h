// SPDX-License-Identifier: Apache-2.0
// The sample miniport on a paging machine, and shorthand for its allocations.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "driver-model/hw/regs/dma_regs.h"
#include "tests/driver-model/paging/paging_machine.h"
#include "tests/support/covers.h"

namespace gpudmar::test {

namespace dma = regs::dma;
using dxgkrnl::AllocationId;
using dxgkrnl::AllocationView;
using dxgkrnl::Residency;

inline constexpr std::uint64_t kPage = hw::kPageSize;
inline constexpr std::uint32_t kVram = 1;
inline constexpr std::uint32_t kAperture = 2;
inline constexpr std::uint32_t kPhysically = GDM_ALLOCATION_ACCESSED_PHYSICALLY;

inline std::vector<std::uint8_t> pattern(std::uint64_t bytes, unsigned seed) {
  std::vector<std::uint8_t> data(bytes);
  std::mt19937 random(seed);
  for (auto& byte : data) byte = static_cast<std::uint8_t>(random());
  return data;
}

class SamplePaging : public ::testing::Test {
 protected:
  void start(PagingMachine::Options options = {}) {
    m_ = std::make_unique<PagingMachine>(std::move(options));
    ASSERT_EQ(m_->start(), STATUS_SUCCESS) << m_->kernel->start_error();
    ASSERT_NE(m_->kernel->paging(), nullptr);
  }
  void TearDown() override {
    if (m_ == nullptr || m_->kernel->functions().empty()) return;
    m_->on_access = nullptr;
    for (const auto& gpu : m_->gpus) gpu->on_descriptor = nullptr;
    EXPECT_EQ(m_->kernel->stop(), STATUS_SUCCESS);
    m_->kernel->unload();
    EXPECT_TRUE(m_->kernel->objects().empty());
    EXPECT_EQ(m_->kernel->live_handles(), 0U);
  }
  dxgkrnl::Paging& paging() { return m_->paging(); }
  AllocationId create(std::uint64_t pages, std::uint32_t segments, std::uint32_t flags = 0,
                      std::uint32_t adapter = 0) {
    const GdmAllocationData data = allocation_data(pages * kPage, segments, flags, adapter);
    AllocationId id = 0;
    EXPECT_EQ(paging().create(&data, sizeof(data), id), STATUS_SUCCESS);
    return id;
  }
  void write(AllocationId id, const std::vector<std::uint8_t>& data) {
    auto copy = data;
    ASSERT_EQ(paging().access(id, 0, copy.data(), copy.size(), true), STATUS_SUCCESS);
  }
  std::vector<std::uint8_t> read(AllocationId id, std::uint64_t bytes) {
    std::vector<std::uint8_t> data(bytes);
    EXPECT_EQ(paging().access(id, 0, data.data(), bytes, false), STATUS_SUCCESS);
    return data;
  }
  std::vector<std::uint8_t> vram(unsigned gpu, std::uint64_t address, std::uint64_t bytes) {
    const auto begin = m_->gpus[gpu]->vram.begin() + static_cast<std::ptrdiff_t>(address);
    return {begin, begin + static_cast<std::ptrdiff_t>(bytes)};
  }
  AllocationView view(AllocationId id) { return *paging().view(id); }
  static GdmOperand aperture(std::uint64_t offset) { return {GDM_OPERAND_APERTURE, 0, offset}; }
  static GdmOperand local(std::uint64_t offset) { return {GDM_OPERAND_VRAM, 0, offset}; }

  std::unique_ptr<PagingMachine> m_;
};

}  // namespace gpudmar::test
