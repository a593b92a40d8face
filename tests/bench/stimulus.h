// SPDX-License-Identifier: Apache-2.0
// Software that keeps the whole machine busy: both engines copy through the IOMMU while pages are
// invalidated. It sees hardware only through hw::Platform, so the SystemC bench and the bare loop run the
// very same program.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "driver-model/hw/hw.h"

namespace gpudmar::bench {

class Stimulus {
 public:
  explicit Stimulus(const hw::Platform& platform) : platform_(platform) {}

  /// Tables, queue, remapping on, engines on. Throws std::runtime_error when the hardware does not answer.
  void start();
  /// `batches` times: work for both engines up to a fence, then invalidations. Throws std::runtime_error.
  void round(unsigned batches);
  /// Over everything that the engines wrote to host memory: two runs that did the same agree.
  [[nodiscard]] std::uint64_t digest() const;

 private:
  using Descriptor = std::array<std::uint64_t, 8>;

  void map(std::uint64_t table, std::uint64_t iova, std::uint64_t pa);
  void store(std::uint64_t address, std::uint64_t value);
  void command(std::uint32_t value, std::uint32_t status);
  void invalidate();
  void push(unsigned gpu, const Descriptor& descriptor);
  void work(unsigned gpu, unsigned batch);
  [[nodiscard]] std::uint64_t page_of(unsigned gpu, std::uint64_t index) const;
  std::uint64_t new_page();
  void wait(const std::function<bool()>& done, const char* what);

  const hw::Platform& platform_;
  std::uint64_t next_page_ = 0x0100'0000;
  std::uint64_t root_ = 0;
  std::uint64_t queue_ = 0;
  std::uint64_t status_ = 0;
  std::uint64_t queue_tail_ = 0;
  std::uint32_t status_value_ = 0;
  std::array<std::uint64_t, 2> ring_{};  ///< physical
  std::array<std::uint64_t, 2> fence_{};
  std::array<std::uint32_t, 2> ring_tail_{};
  std::array<std::uint64_t, 2> fence_value_{};
  unsigned batch_ = 0;
};

}  // namespace gpudmar::bench
