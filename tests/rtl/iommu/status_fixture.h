// SPDX-License-Identifier: Apache-2.0
// A unit whose every status field can be set by what really sets it.
#pragma once

#include <gtest/gtest.h>

#include "tests/rtl/iommu/iommu_bench.h"

namespace gpudmar::test {

class StatusFixture : public ::testing::Test {
 protected:
  static constexpr std::uint32_t kGcmd = 0x018, kGsts = 0x01C, kRtaddr = 0x020, kFsts = 0x034, kFectl = 0x038,
                                 kIqh = 0x080, kIqt = 0x088, kIqa = 0x090, kIcs = 0x09C, kIectl = 0x0A0,
                                 kIqercd = 0x0B0, kFrcd = 0x400;
  static constexpr std::uint32_t kTe = 1U << 31, kSrtp = 1U << 30, kQie = 1U << 26;
  static constexpr std::uint32_t kPfo = 1, kPpf = 2, kIqe = 0x10;
  static constexpr std::uint64_t kIova = 0x12'3456'7000, kPool = 0x4000'0000;

  StatusFixture() : bench(10) { map(); }
  ~StatusFixture() override {
    for (const auto& v : bench.violations) ADD_FAILURE() << v.cycle << " " << v.rule << ": " << v.message;
  }

  void map() {
    table = bench.tables.page();
    for (unsigned p = 0; p < kPorts; ++p) bench.tables.context(kSid[p], 3, table);
    bench.tables.map(table, kIova, kPool);
  }
  std::uint32_t status(std::uint32_t offset = kFsts) {
    return static_cast<std::uint32_t>(bench.read_register(offset, 4));
  }
  void fault(unsigned n = 0, std::uint32_t user = 0) {
    bench.read(1, 2, kIova + (n + 1) * 4096ULL, 1, 5, user);
    ASSERT_TRUE(bench.settle());
  }
  void clear_record(unsigned n) { bench.write_register(kFrcd + 16 * n + 12, 1U << 31, 4); }
  void clear_faults() {
    for (unsigned i = 0; i < 8; ++i) clear_record(i);
    bench.write_register(kFsts, kPfo | kIqe, 4);
  }

  /// PFO, PPF, FRI = 3, all records with all their fields, IWC, IQE with its code.
  void set_every_status() {
    for (unsigned i = 0; i < 3; ++i) fault(i);
    for (unsigned i = 0; i < 3; ++i) clear_record(i);
    for (unsigned i = 0; i < 4; ++i)
      fault(i, 4 | (0xFFFFFU << 3) | (1U << 23) | (1U << 24));  // PASID, EXE, PRIV
    for (unsigned i = 0; i < 2; ++i) fault(i, 1);
    for (unsigned i = 0; i < 3; ++i) fault(i, 2);
    bench.push_wait(true);
    bench.push_descriptor(0, 0);
    bench.ring();
    ASSERT_TRUE(bench.run_until([&] { return (status() & kIqe) != 0; }, 300));
  }

  IommuBench bench;
  std::uint64_t table = 0;
};

}  // namespace gpudmar::test
