// SPDX-License-Identifier: Apache-2.0
// Drives the contract's checker with hand-made signals.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "sim/contract/contract_checker.h"

namespace gpudmar::sim {

inline constexpr std::uint64_t kQueue = 0x10000;
inline constexpr std::uint32_t kQueueId = 0x7F;

/// Drives the signals of a unit by hand, one cycle after the other.
class ContractTest : public ::testing::Test {
 protected:
  ContractTest() { idle(); }
  void idle() {
    out = {};
    in = {};
    out.data.rready = out.data.bready = out.table.rready = out.table.bready = true;
    in.data.arready = in.data.awready = in.data.wready = true;
    in.table.arready = in.table.awready = in.table.wready = true;
    out.iommu.wready = true;
  }
  void step() {
    checker.observe({cycle++, out, in});
    idle();
  }
  void step(unsigned count) {
    for (unsigned i = 0; i < count; ++i) step();
  }
  void write_register(std::uint32_t offset, std::uint64_t value, std::uint8_t strobe) {
    in.iommu.wvalid = true;
    in.iommu.awaddr = offset;
    in.iommu.wdata = value;
    in.iommu.wstrb = strobe;
    step();
  }
  /// Remapping is on, and the command over.
  void remapping_on() {
    write_register(0x18, 0x8000'0000, 0x0F);
    step(20);
  }
  void read_in(unsigned port, std::uint32_t id) {
    out.probe[port].ar = true;
    out.probe[port].arid = id;
  }
  void write_in(unsigned port, std::uint32_t id) {
    out.probe[port].aw = true;
    out.probe[port].awid = id;
  }
  /// With the page that is asked for.
  void read_in(unsigned port, std::uint32_t id, std::uint64_t page) {
    read_in(port, id);
    out.probe[port].araddr = page << 12;
  }
  void read_out(unsigned port, std::uint32_t id) {
    out.data.arvalid = true;
    out.data.arid = port << 4 | id;
  }
  /// One table read of `latency` cycles; the next one may follow in the cycle after `gap`.
  void table_read(unsigned latency, unsigned gap = 1, unsigned size = 3) {
    out.table.arvalid = true;
    out.table.arsize = static_cast<std::uint8_t>(size);
    step();
    step(latency - 1);
    in.table.rvalid = true;
    in.table.rlast = true;
    for (unsigned i = 0; i < gap; ++i) step();
  }
  void read_answer(unsigned port, std::uint32_t id, AxiResp resp) {
    out.probe[port].r = true;
    out.probe[port].rid = id;
    out.probe[port].rresp = resp;
    out.probe[port].rlast = true;
  }
  /// A miss of `reads` table reads, the first `cold` of them above the second stage, that leaves `extra`
  /// cycles later than promised at pipe 0.
  void miss(unsigned reads, unsigned extra, unsigned cold = 0) {
    remapping_on();
    read_in(0, 1);
    step();  // in at t
    step(2);
    for (unsigned i = 0; i < reads; ++i) table_read(10, 1, i < cold ? 4 : 3);
    // 10 n + n after t + 3 here; promised 10 n + n + 6 after t.
    step(3 + extra);
    read_out(0, 1);
    step();
  }
  using Descriptor = std::array<std::uint64_t, 2>;
  static Descriptor wait() { return {5U | 1U << 5 | 1ULL << 32, 0x5000}; }
  /// A doorbell for the descriptors; the status write comes `cycles` after it. The memory makes a pause
  /// before each beat but the first.
  void batch(const std::vector<Descriptor>& descriptors, unsigned latency, unsigned cycles,
             unsigned pause = 0) {
    write_register(0x90, kQueue, 0xFF);
    step(5);
    write_register(0x88, 16 * descriptors.size(), 0x0F);
    const std::uint64_t at = cycle - 1;
    step(2);
    out.table.arvalid = true;
    out.table.arid = kQueueId;
    out.table.araddr = kQueue;
    out.table.arsize = 5;
    out.table.arlen = static_cast<std::uint8_t>((descriptors.size() + 1) / 2 - 1);
    step();
    step(latency - 1);
    for (std::size_t i = 0; i < descriptors.size(); i += 2) {
      if (i != 0) step(pause);
      in.table.rvalid = true;
      in.table.rid = kQueueId;
      in.table.rlast = i + 2 >= descriptors.size();
      std::memcpy(in.table.rdata.data(), &descriptors[i],
                  std::min<std::size_t>(2, descriptors.size() - i) * sizeof(Descriptor));
      step();
    }
    while (cycle < at + cycles) step();
    out.table.awvalid = out.table.wvalid = true;
    out.table.awaddr = 0x5000;
    out.table.wdata[0] = 1;
    step();
  }
  /// One invalidation of the type and its wait.
  void invalidate(std::uint64_t type, unsigned latency, unsigned cycles) {
    batch({{type | 1U << 4, 0}, wait()}, latency, cycles);
  }
  /// One table read of an entry: its address, and what it holds.
  void entry_in(std::uint32_t id, std::uint64_t address) {
    out.table.arvalid = true;
    out.table.arid = id;
    out.table.araddr = address;
    out.table.arsize = 3;
  }
  void entry_out(std::uint32_t id, std::uint64_t address, std::uint64_t value) {
    in.table.rvalid = in.table.rlast = true;
    in.table.rid = id;
    std::memcpy(in.table.rdata.data() + (address & 31), &value, sizeof(value));
  }
  const Measurement& of(const std::string& name) { return checker.measurements().at(name); }

  DutOutputs out;
  DutInputs in;
  std::uint64_t cycle = 100;
  std::vector<std::string> broken;
  ContractChecker checker{Contract::standard(), {0, 2, 32, 4, kQueueId}, [this](const Violation& v) {
                            broken.push_back(v.rule + ": " + v.message);
                          }};
};

}  // namespace gpudmar::sim
