// SPDX-License-Identifier: Apache-2.0
// Register page, fault recording and invalidation queue of the untimed unit.
#include "sim/model/unit.h"

#include <algorithm>

namespace gpudmar::model {
namespace {

// Offsets, VT-d 1.2.
constexpr std::uint64_t kVer = 0x000, kCap = 0x008, kEcap = 0x010, kGcmd = 0x018, kGsts = 0x01C,
                        kRtaddr = 0x020;
constexpr std::uint64_t kFsts = 0x034, kFectl = 0x038, kFeaddr = 0x040, kIqh = 0x080, kIqt = 0x088,
                        kIqa = 0x090;
constexpr std::uint64_t kFedata = 0x03C, kIcs = 0x09C, kIectl = 0x0A0, kIedata = 0x0A4, kIeaddr = 0x0A8;
constexpr std::uint64_t kIqercd = 0x0B0;

constexpr std::uint32_t kVersion = 0x60;  // 6.0: no register-based invalidation (VT-d 1.3)
constexpr std::uint32_t kTe = 1U << 31, kSrtp = 1U << 30, kQie = 1U << 26;
constexpr std::uint32_t kPfo = 1U << 0, kPpf = 1U << 1, kIqe = 1U << 4;
constexpr std::uint64_t kTailField = 0x7'FFF0;
constexpr std::uint64_t kQueueAddressField = 0xFFFF'FFFF'FFFF'F807;
constexpr std::uint64_t kWideDescriptors = 1U << 11;

std::uint32_t low_half(std::uint64_t value) { return static_cast<std::uint32_t>(value); }
std::uint32_t high_half(std::uint64_t value) { return static_cast<std::uint32_t>(value >> 32); }
/// `value` with the dword at byte `offset` (0 or 4) replaced.
std::uint64_t with_dword(std::uint64_t value, std::uint64_t offset, std::uint32_t dword) {
  const unsigned shift = offset == 0 ? 0 : 32;
  return (value & ~(std::uint64_t{0xFFFF'FFFF} << shift)) | std::uint64_t{dword} << shift;
}

}  // namespace

FaultRecord make_fault_record(const Request& request, Reason reason) {
  FaultRecord record;
  record.low = request.address & ~std::uint64_t{0xFFF};
  record.high = request.source_id | std::uint64_t{static_cast<std::uint8_t>(reason)} << 32;
  record.high |= std::uint64_t{request.at & 3} << 60 | std::uint64_t{1} << 63;
  if (request.atomic || !request.is_write) record.high |= std::uint64_t{1} << 62;
  if (request.atomic) record.high |= std::uint64_t{1} << 28;
  if (request.pasid_valid) {
    record.high |= std::uint64_t{1} << 31 | std::uint64_t{request.execute} << 30 |
                   std::uint64_t{request.privileged} << 29 | std::uint64_t{request.pasid & 0xF'FFFF} << 40;
  }
  return record;
}

Unit::Unit(UnitConfig config, const MemoryView& memory, MemoryWriter& writer)
    : config_(config), memory_(memory), writer_(writer), records_(config.fault_records) {}

std::uint64_t Unit::cap() const {
  const UnitConfig& c = config_;
  return std::uint64_t{c.nd} | std::uint64_t{c.sagaw} << 8 | std::uint64_t{c.mgaw - 1} << 16 |
         std::uint64_t{c.zlr} << 22 | std::uint64_t{c.fault_offset / 16} << 24 |
         std::uint64_t{c.sllps} << 34 | std::uint64_t{c.psi} << 39 |
         std::uint64_t{c.fault_records - 1} << 40 | std::uint64_t{c.mamv} << 48 | std::uint64_t{c.dwd} << 54 |
         std::uint64_t{c.drd} << 55 | std::uint64_t{c.esrtps} << 63;
}

std::uint64_t Unit::ecap() const {
  const UnitConfig& c = config_;
  return std::uint64_t{c.coherent} | std::uint64_t{1} << 1 | std::uint64_t{c.dt} << 2 |
         std::uint64_t{c.pt} << 6 | std::uint64_t{c.sc} << 7;
}

bool Unit::pending_fault() const {
  return std::any_of(records_.begin(), records_.end(), [](const FaultRecord& r) { return r.valid(); });
}

std::uint32_t Unit::fault_status() const {
  std::uint32_t value = (overflow_ ? kPfo : 0) | (queue_stopped_ ? kIqe : 0);
  if (pending_fault()) value |= kPpf | static_cast<std::uint32_t>(first_record_) << 8;
  return value;
}

std::uint32_t Unit::read32(std::uint64_t offset) const {
  const std::uint64_t qword = offset & ~std::uint64_t{7};
  const auto pick = [offset](std::uint64_t value) {
    return (offset & 4) != 0 ? high_half(value) : low_half(value);
  };
  const auto control = [](const Event& e) {
    return (e.masked ? 0x8000'0000U : 0) | (e.pending ? 0x4000'0000U : 0);
  };
  switch (offset) {
    case kVer:
      return kVersion;
    case kGsts:
      return (root_.te ? kTe : 0) | (root_set_ ? kSrtp : 0) | (queue_enabled_ ? kQie : 0);
    case kFsts:
      return fault_status();
    case kFectl:
      return control(fault_event_);
    case kFedata:
      return fault_event_.data;
    case kFeaddr:
      return fault_event_.address;
    case kIcs:
      return wait_completed_ ? 1 : 0;
    case kIectl:
      return control(invalidation_event_);
    case kIedata:
      return invalidation_event_.data;
    case kIeaddr:
      return invalidation_event_.address;
    default:
      break;
  }
  switch (qword) {
    case kCap:
      return pick(cap());
    case kEcap:
      return pick(ecap());
    case kRtaddr:
      return pick(rtaddr_);
    case kIqh:
      return pick(queue_head_);
    case kIqt:
      return pick(queue_tail_);
    case kIqa:
      return pick(queue_address_);
    case kIqercd:
      return pick(static_cast<std::uint64_t>(queue_reason_));
    default:
      break;
  }
  if (offset >= config_.fault_offset && offset < config_.fault_offset + 16 * records_.size()) {
    const FaultRecord& record = records_[(offset - config_.fault_offset) / 16];
    return pick((offset & 8) != 0 ? record.high : record.low);
  }
  return 0;
}

std::uint64_t Unit::read64(std::uint64_t offset) const {
  return read32(offset) | std::uint64_t{read32(offset + 4)} << 32;
}

void Unit::write64(std::uint64_t offset, std::uint64_t value) {
  if (offset == kIqt) {  // one write, one look at the queue
    write32(offset + 4, high_half(value));
    write32(offset, low_half(value));
    return;
  }
  write32(offset, low_half(value));
  write32(offset + 4, high_half(value));
}

void Unit::write32(std::uint64_t offset, std::uint32_t value) {
  switch (offset) {
    case kGcmd:
      command(value);
      return;
    case kRtaddr:
    case kRtaddr + 4:
      rtaddr_ = with_dword(rtaddr_, offset & 4, value) & ~std::uint64_t{0x3FF};
      return;
    case kFsts:
      clear_fault_status(value);
      return;
    case kFectl:
    case kFedata:
    case kFeaddr:
      write_event(fault_event_, offset - kFectl, value);
      return;
    case kIqt:
      queue_tail_ = value & kTailField;
      run_queue();
      return;
    case kIqa:
    case kIqa + 4:
      queue_address_ = with_dword(queue_address_, offset & 4, value) & kQueueAddressField;
      queue_head_ = queue_tail_ = 0;
      return;
    case kIcs:
      if ((value & 1) != 0) {
        wait_completed_ = false;
        invalidation_event_.pending = false;
      }
      return;
    case kIectl:
    case kIedata:
    case kIeaddr:
      write_event(invalidation_event_, offset - kIectl, value);
      return;
    default:
      break;
  }
  // F of a fault record, in its last dword, is cleared by writing 1 to it.
  const std::uint64_t at = offset - config_.fault_offset;
  if (offset >= config_.fault_offset && at < 16 * records_.size() && (at & 15) == 12 && (value >> 31) != 0) {
    records_[at / 16].high &= ~(std::uint64_t{1} << 63);
    settle_fault_event();
  }
}

void Unit::command(std::uint32_t value) {
  // Several commands in one write are executed in this order (VT-d 1.6 leaves it open).
  if ((value & kSrtp) != 0) {
    root_.root = rtaddr_ & ~std::uint64_t{0xFFF};
    root_.ttm = static_cast<unsigned>(rtaddr_ >> 10 & 3);
    root_set_ = true;
  }
  root_.te = (value & kTe) != 0;
  const bool enable = (value & kQie) != 0;
  if (enable == queue_enabled_) return;
  queue_enabled_ = enable;
  if (enable) {
    run_queue();
  } else {
    queue_head_ = 0;
  }
}

void Unit::clear_fault_status(std::uint32_t value) {
  if ((value & kPfo) != 0) overflow_ = false;
  const bool resume = (value & kIqe) != 0 && queue_stopped_;
  if (resume) {
    queue_stopped_ = false;
    queue_reason_ = QueueError::kNone;
  }
  settle_fault_event();
  if (resume) run_queue();  // fetches again at IQH; no tail write is needed (VT-d 5.9)
}

void Unit::settle_fault_event() {
  if ((fault_status() & (kPfo | kPpf | kIqe)) == 0) fault_event_.pending = false;
}

void Unit::write_event(Event& event, std::uint64_t index, std::uint32_t value) {
  switch (index) {
    case 0:
      event.masked = (value >> 31) != 0;
      if (!event.masked && event.pending) raise(event);
      return;
    case 4:
      event.data = value & 0xFFFF;
      return;
    default:
      event.address = value & ~3U;
      return;
  }
}

void Unit::raise(Event& event) {
  event.pending = event.masked;
  if (!event.masked && hooks_.message) hooks_.message(event.address, event.data);
}

Outcome Unit::access(const Request& request) {
  const Outcome outcome = translate(config_, root_, memory_, request);
  if (const auto* fault = std::get_if<Fault>(&outcome)) {
    ++faults_;
    if (!fault->suppressed) record_fault(make_fault_record(request, fault->reason));
  }
  return outcome;
}

void Unit::record_fault(const FaultRecord& record) {
  const bool full = records_[next_record_].valid();
  if (full) overflow_ = true;  // no event by itself (VT-d 1.11)
  if (overflow_) {
    if (hooks_.faulted) hooks_.faulted(record, false);
    return;
  }
  const std::uint32_t before = fault_status();
  records_[next_record_] = record;
  if ((before & kPpf) == 0) first_record_ = next_record_;
  next_record_ = (next_record_ + 1) % records_.size();
  if (hooks_.faulted) hooks_.faulted(record, true);
  // PPF was 0 and no other status stood already: a new condition.
  if ((before & (kPfo | kPpf | kIqe)) == 0) raise(fault_event_);
}

void Unit::queue_error(QueueError error) {
  const std::uint32_t before = fault_status();
  queue_stopped_ = true;
  queue_reason_ = error;
  if ((before & (kPfo | kPpf | kIqe)) == 0) raise(fault_event_);
}

void Unit::run_queue() {
  if (!queue_enabled_ || queue_stopped_ || queue_head_ == queue_tail_) return;
  if ((queue_address_ & kWideDescriptors) != 0) return queue_error(QueueError::kWidth);
  const std::uint64_t size = std::uint64_t{4096} << (queue_address_ & 7);
  if (queue_tail_ >= size) return queue_error(QueueError::kTail);
  const std::uint64_t base = queue_address_ & ~std::uint64_t{0xFFF};
  while (queue_head_ != queue_tail_) {
    if (root_.ttm != 0) return queue_error(QueueError::kTableMode);
    const std::uint64_t at = base + queue_head_;
    const bool reachable = (at >> config_.haw) == 0;
    const auto qw0 = reachable ? memory_.load64(at) : std::nullopt;
    const auto qw1 = qw0 ? memory_.load64(at + 8) : std::nullopt;
    if (!qw0 || !qw1) return queue_error(QueueError::kFetch);
    const Descriptor descriptor = decode_descriptor(config_, *qw0, *qw1);
    if (descriptor.error != QueueError::kNone) return queue_error(descriptor.error);
    queue_head_ = (queue_head_ + 16) % size;
    execute(descriptor);
  }
}

void Unit::execute(const Descriptor& descriptor) {
  if (descriptor.type != DescriptorType::kWait) {
    if (hooks_.invalidated) hooks_.invalidated(descriptor);
    return;
  }
  // The status is written before the event of the same descriptor; a bad address is no queue error
  // (VT-d 5.7).
  if (descriptor.status_write) writer_.store32(descriptor.status_address, descriptor.status_data);
  if (descriptor.interrupt && !wait_completed_) {
    wait_completed_ = true;
    raise(invalidation_event_);
  }
}

}  // namespace gpudmar::model
