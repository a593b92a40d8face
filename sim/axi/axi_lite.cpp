// SPDX-License-Identifier: Apache-2.0
// The AXI4-Lite master.
#include "sim/axi/axi_lite.h"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

namespace gpudmar::sim {

std::shared_ptr<const LiteAccess> AxiLiteMaster::push(LiteAccess access) {
  if ((access.bytes != 4 && access.bytes != 8) || access.address % access.bytes != 0)
    throw std::invalid_argument(
        fmt::format("register access of {} bytes at {:#x}", access.bytes, access.address));
  queue_.push_back(std::make_shared<LiteAccess>(access));
  return queue_.back();
}

std::shared_ptr<const LiteAccess> AxiLiteMaster::write(std::uint32_t address, std::uint64_t data,
                                                       unsigned bytes) {
  LiteAccess access;
  access.write = true;
  access.address = address;
  access.bytes = bytes;
  access.data = data;
  return push(access);
}

std::shared_ptr<const LiteAccess> AxiLiteMaster::read(std::uint32_t address, unsigned bytes) {
  LiteAccess access;
  access.address = address;
  access.bytes = bytes;
  return push(access);
}

std::shared_ptr<const LiteAccess> AxiLiteMaster::write_lanes(std::uint32_t address, std::uint64_t data,
                                                             std::uint8_t strobe) {
  LiteAccess access;
  access.write = true;
  access.address = address;
  access.data = data;
  access.strobe = strobe;
  return push(access);
}

void AxiLiteMaster::reset() {
  for (auto& access : queue_) {
    access->resp = AxiResp::kSlvErr;
    access->done = true;
  }
  queue_.clear();
  active_ = false;
  out_ = {};
}

const AxiLiteMasterOut& AxiLiteMaster::step(std::uint64_t cycle, const AxiLiteSlaveOut& slave) {
  if (active_) {
    LiteAccess& access = *queue_.front();
    const bool upper = access.bytes == 4 && (access.address & 4U) != 0;
    if (slave.awready) out_.awvalid = false;
    if (slave.wready) out_.wvalid = false;
    if (slave.arready) out_.arvalid = false;
    bool done = false;
    if (out_.bready && slave.bvalid) {
      access.resp = slave.bresp;
      done = true;
    }
    if (out_.rready && slave.rvalid) {
      access.resp = slave.rresp;
      access.data = upper ? slave.rdata >> 32U : slave.rdata;
      if (access.bytes == 4) access.data &= 0xFFFF'FFFFU;
      done = true;
    }
    if (done) {
      access.finished = cycle;
      access.done = true;
      queue_.pop_front();
      active_ = false;
      out_ = {};
    }
  }
  if (!active_ && !queue_.empty()) {
    LiteAccess& access = *queue_.front();
    active_ = true;
    access.started = cycle + 1;
    const bool upper = access.bytes == 4 && (access.address & 4U) != 0;
    out_ = {};
    if (access.write) {
      out_.awvalid = out_.wvalid = out_.bready = true;
      out_.awaddr = access.address & ~7U;
      out_.wdata = upper ? access.data << 32U : access.data;
      out_.wstrb = access.bytes == 8 ? 0xFF : (upper ? 0xF0 : 0x0F);
      if (access.strobe != 0) out_.wstrb = access.strobe;
    } else {
      out_.arvalid = out_.rready = true;
      out_.araddr = access.address & ~7U;
    }
  }
  return out_;
}

}  // namespace gpudmar::sim
