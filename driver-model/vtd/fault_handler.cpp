// SPDX-License-Identifier: Apache-2.0
// Records are taken from FRI on while F = 1, F is cleared before PFO, and the status is read again at the
// end: a fault that came in between raises no new event while PPF is still set.
#include "driver-model/vtd/fault_handler.h"

#include <fmt/format.h>

#include "driver-model/hw/regs/vtd_regs.h"
#include "driver-model/vtd/error.h"

namespace gpudmar::vtd {
namespace {

namespace r = regs::vtd;

constexpr std::uint64_t kRecordBytes = 16;
constexpr std::uint32_t kClearF = 1U << 31;  // bit 127 of the record, in its last dword
constexpr unsigned kMaxRounds = 64;  // a device that never stops faulting does not keep us here for ever

constexpr std::uint32_t bits(const regs::Field& field) { return static_cast<std::uint32_t>(field.mask()); }

const char* name_of(unsigned reason) {
  switch (reason) {
    case r::fault::ROOT_NOT_PRESENT:
      return "no root entry";
    case r::fault::CONTEXT_NOT_PRESENT:
      return "device not attached";
    case r::fault::CONTEXT_INVALID:
      return "invalid context entry";
    case r::fault::ADDRESS_WIDTH:
      return "address beyond the width";
    case r::fault::WRITE:
      return "no write permission";
    case r::fault::READ:
      return "no read permission";
    case r::fault::PAGING_FETCH:
      return "paging entry not readable";
    case r::fault::ROOT_FETCH:
      return "root entry not readable";
    case r::fault::CONTEXT_FETCH:
      return "context entry not readable";
    case r::fault::ROOT_RESERVED:
      return "reserved field in the root entry";
    case r::fault::CONTEXT_RESERVED:
      return "reserved field in the context entry";
    case r::fault::PAGING_RESERVED:
      return "reserved field in a paging entry";
    case r::fault::TYPE_BLOCKED:
      return "request type blocked";
    case r::fault::INTERRUPT_RANGE:
      return "translated into the interrupt window";
    case r::fault::RTADDR_MODE:
      return "translation table mode unsupported";
    case r::fault::PASID_IN_LEGACY:
      return "request with PASID in legacy mode";
    default:
      return "unknown reason";
  }
}

}  // namespace

std::string describe(const FaultRecord& record) {
  return fmt::format("fault {:02X}h ({}): {} by {:02x}:{:02x}.{} {} {:X}h", record.reason,
                     name_of(record.reason), record.is_write ? "write" : "read", record.source_id >> 8,
                     record.source_id >> 3 & 0x1F, record.source_id & 7, record.is_write ? "to" : "from",
                     record.address);
}

FaultHandler::FaultHandler(Registers& registers, hw::Interrupts& interrupts, const Capabilities& capabilities,
                           std::function<void()> on_queue_error)
    : registers_(registers),
      interrupts_(interrupts),
      capabilities_(capabilities),
      on_queue_error_(std::move(on_queue_error)),
      message_(interrupts.connect("iommu fault", [this] { drain(); })) {}

FaultHandler::~FaultHandler() { interrupts_.disconnect(message_); }

void FaultHandler::enable() {
  hw::Mmio& mmio = registers_.mmio();
  if (message_.address >> 32 != 0 && !capabilities_.extended_interrupts)
    throw VtdError(fmt::format("fault event: message address {:#x} needs ECAP.EIM", message_.address));
  for (unsigned i = 0; i < capabilities_.fault_records; ++i)
    mmio.write32(capabilities_.fault_record_offset + i * kRecordBytes + 12, kClearF);
  mmio.write32(r::FSTS::kOffset,
               bits(r::FSTS::PFO) | bits(r::FSTS::IQE) | bits(r::FSTS::ICE) | bits(r::FSTS::ITE));
  mmio.write32(r::FEDATA::kOffset, message_.data);
  mmio.write32(r::FEADDR::kOffset, static_cast<std::uint32_t>(message_.address));
  if (capabilities_.extended_interrupts)
    mmio.write32(r::FEUADDR::kOffset, static_cast<std::uint32_t>(message_.address >> 32));
  enabled_ = true;
  mask(false);
}

void FaultHandler::disable() {
  enabled_ = false;
  mask(true);
}

void FaultHandler::mask(bool masked) {
  registers_.mmio().write32(r::FECTL::kOffset, masked ? bits(r::FECTL::IM) : 0);
  (void)registers_.mmio().read32(r::FECTL::kOffset);  // the write has arrived when the read returns
}

void FaultHandler::subscribe(std::function<void(const FaultRecord&)> subscriber) {
  const std::lock_guard guard(mutex_);
  subscribers_.push_back(std::move(subscriber));
}

std::vector<FaultRecord> FaultHandler::records() const {
  const std::lock_guard guard(mutex_);
  return records_;
}

void FaultHandler::drain() {
  again_.store(true);
  do {
    if (draining_.exchange(true)) return;  // whoever is at it goes round once more
    while (again_.exchange(false)) drain_once();
    draining_.store(false);
  } while (again_.load());
}

void FaultHandler::drain_once() {
  hw::Mmio& mmio = registers_.mmio();
  std::uint32_t status = mmio.read32(r::FSTS::kOffset);
  if (r::FSTS::IQE.get(status) != 0) on_queue_error_();
  bool first = true;
  for (unsigned round = 0; round < kMaxRounds && r::FSTS::PPF.get(status) != 0; ++round) {
    if (first) next_ = static_cast<unsigned>(r::FSTS::FRI.get(status)) % capabilities_.fault_records;
    first = false;
    // FRI stays as it is while PPF is set; later rounds look at every record from where the last one ended.
    bool found = false;
    for (unsigned i = 0; i < capabilities_.fault_records; ++i) {
      const unsigned index = (next_ + i) % capabilities_.fault_records;
      if (take_record(index)) {
        found = true;
      } else if (found) {
        next_ = index;
        break;
      }
    }
    if (r::FSTS::PFO.get(status) != 0) {
      ++overflows_;
      mmio.write32(r::FSTS::kOffset, bits(r::FSTS::PFO));
    }
    status = mmio.read32(r::FSTS::kOffset);
  }
  const bool left = r::FSTS::PPF.get(status) != 0;
  if (left && !storm_) ++storms_;
  if (left != storm_ && enabled_) mask(left);
  storm_ = left;
}

bool FaultHandler::take_record(unsigned index) {
  hw::Mmio& mmio = registers_.mmio();
  const std::uint64_t offset = capabilities_.fault_record_offset + index * kRecordBytes;
  const std::uint64_t high = mmio.read64(offset + 8);
  if (r::FRCD_HI::F.get(high) == 0) return false;
  const std::uint64_t low = mmio.read64(offset);
  mmio.write32(offset + 12, kClearF);
  FaultRecord record;
  record.source_id = static_cast<std::uint16_t>(r::FRCD_HI::SID.get(high));
  record.address = r::FRCD_LO::FI.get(low) << hw::kPageShift;
  record.reason = static_cast<unsigned>(r::FRCD_HI::FR.get(high));
  record.is_write = r::FRCD_HI::T1.get(high) == 0;
  record.cycle = registers_.time().now();
  std::vector<std::function<void(const FaultRecord&)>> subscribers;
  {
    const std::lock_guard guard(mutex_);
    records_.push_back(record);
    subscribers = subscribers_;
  }
  for (const auto& subscriber : subscribers) subscriber(record);
  return true;
}

}  // namespace gpudmar::vtd
