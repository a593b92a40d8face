// SPDX-License-Identifier: Apache-2.0
// Drives the unit: tables, commands, invalidation queue, fault records.
#include "sim/oracle/machine.h"

#include <fmt/format.h>

#include <algorithm>

#include "driver-model/hw/regs/vtd_regs.h"

namespace gpudmar::oracle {
namespace {

constexpr std::uint64_t kUnit = 0xFED9'0000;
constexpr unsigned kPolls = 100'000;
constexpr unsigned kQueueLength = kPage / 16;
constexpr std::uint64_t kWaitDescriptor = 5;
constexpr std::uint64_t kWaitStatusWrite = 1U << 5;
constexpr std::uint64_t kRecordValid = 1ULL << 63;

namespace vtd = regs::vtd;

// In GCMD and in GSTS.
constexpr auto kQueueOn = static_cast<std::uint32_t>(vtd::GCMD::QIE.mask());
constexpr auto kLevels = static_cast<std::uint32_t>(vtd::GCMD::QIE.mask() | vtd::GCMD::TE.mask());
constexpr auto kSetRoot = static_cast<std::uint32_t>(vtd::GCMD::SRTP.mask());

// Each data page is full of another byte, none of them 0.
std::uint8_t data_fill(std::size_t page) { return static_cast<std::uint8_t>(0xA1 + page); }

}  // namespace

bool operator==(const Fault& a, const Fault& b) {
  return a.reason == b.reason && a.source == b.source && a.write == b.write && a.page == b.page;
}

std::string to_string(const Fault& fault) {
  return fmt::format("fault {:02X}h of {:#06x}, {} {:#x}", fault.reason, fault.source,
                     fault.write ? "write" : "read", fault.page);
}

void Machine::wait_for(const std::function<bool()>& done, const char* what) {
  for (unsigned n = 0; !done(); ++n) {
    if (n == kPolls) throw EndpointError(fmt::format("{}: no end of waiting for {}", version(), what));
    settle();
  }
}

void Machine::start_unit() {
  const std::uint64_t cap = bus().read64(kUnit + vtd::CAP::kOffset);
  records_at_ = kUnit + vtd::CAP::FRO.get(cap) * 16;
  records_ = static_cast<unsigned>(vtd::CAP::NFR.get(cap)) + 1;
  if (vtd::CAP::MGAW.get(cap) + 1 != kAddressBits || vtd::CAP::SAGAW.get(cap) != 6)
    throw EndpointError(fmt::format("{}: CAP is {:#x}, not the unit that the cases are for", version(), cap));
  bus().write64(kUnit + vtd::IQT::kOffset, 0);
  bus().write64(kUnit + vtd::IQA::kOffset, kQueue);
  command(kQueueOn, 0);
  set_root(kTables);
  command(kLevels, 0);
}

/// `levels` hold; `once` is what is done now.
void Machine::command(std::uint32_t levels, std::uint32_t once) {
  bus().write32(kUnit + vtd::GCMD::kOffset, levels | once);
  wait_for(
      [&] {
        const std::uint32_t status = bus().read32(kUnit + vtd::GSTS::kOffset);
        return (status & kLevels) == levels && (status & once) == once;
      },
      "GSTS");
  levels_ = levels;
}

void Machine::set_root(std::uint64_t root) {
  bus().write64(kUnit + vtd::RTADDR::kOffset, root);
  command(levels_, kSetRoot);
  root_changed(root);
}

void Machine::store(Store store) {
  if (tamper_.store) tamper_.store(store);
  bus().write64(store.address, store.value);
}

void Machine::invalidate(std::vector<Invalidation> invalidations) {
  if (invalidations.empty()) return;
  if (tamper_.invalidation)
    for (Invalidation& invalidation : invalidations) tamper_.invalidation(invalidation);
  submit(invalidations, true);
}

void Machine::submit(const std::vector<Invalidation>& invalidations, bool wait) {
  // As few commands as the end of the ring allows.
  std::vector<std::uint8_t> bytes;
  const auto flush = [&] {
    const auto count = static_cast<unsigned>(bytes.size() / 16);
    if (count > 0) bus().write(kQueue + (tail_ + kQueueLength - count) % kQueueLength * 16, bytes);
    bytes.clear();
  };
  const auto push = [&](const std::array<std::uint64_t, 2>& descriptor) {
    for (const std::uint64_t qw : descriptor)
      for (unsigned i = 0; i < 8; ++i) bytes.push_back(static_cast<std::uint8_t>(qw >> (8 * i)));
    tail_ = (tail_ + 1) % kQueueLength;
    if (tail_ == 0) flush();
  };
  for (const Invalidation& invalidation : invalidations) push(invalidation.encode());
  ++ticket_;
  push({kWaitDescriptor | kWaitStatusWrite | std::uint64_t{ticket_} << 32, kStatus});
  flush();
  bus().write64(kUnit + vtd::IQT::kOffset, tail_ * 16);
  if (wait) wait_for([&] { return bus().read32(kStatus) == ticket_; }, "the status of a wait descriptor");
}

void Machine::fill_data_page(std::uint64_t address) {
  const std::uint64_t page = (address - kData) / kPage;
  bus().fill(kData + page * kPage, kPage, data_fill(page));
}

void Machine::take_faults(Observation& result) {
  const std::uint32_t status = bus().read32(kUnit + vtd::FSTS::kOffset);
  result.overflow = vtd::FSTS::PFO.get(status) != 0;
  if (vtd::FSTS::PPF.get(status) != 0) {
    auto index = static_cast<unsigned>(vtd::FSTS::FRI.get(status));
    for (unsigned n = 0; n < records_; ++n, index = (index + 1) % records_) {
      const std::uint64_t at = records_at_ + index * 16;
      const std::uint64_t high = bus().read64(at + 8);
      if ((high & kRecordValid) == 0) break;
      const std::uint64_t low = bus().read64(at);
      const auto type = vtd::FRCD_HI::T1.get(high);  // 1: read
      result.faults.push_back({static_cast<unsigned>(vtd::FRCD_HI::FR.get(high)),
                               static_cast<std::uint16_t>(vtd::FRCD_HI::SID.get(high)), type == 0,
                               low & ~(kPage - 1)});
      bus().write32(at + 12, static_cast<std::uint32_t>(kRecordValid >> 32));
    }
  }
  if (result.overflow)
    bus().write32(kUnit + vtd::FSTS::kOffset, static_cast<std::uint32_t>(vtd::FSTS::PFO.mask()));
}

Observation Machine::access(const TableImage& image, const Access& access) {
  Observation result;
  const auto targets = plan(image, access);
  if (!targets) return result;
  result.made = true;
  std::vector<std::uint8_t> bytes = pattern_bytes(access.pattern, access.bytes);
  if (!access.write) {
    std::size_t done = 0;
    for (const Target& target : *targets) {
      const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(done);
      if (target.data) bus().write(target.address, {from, from + target.bytes});
      done += target.bytes;
    }
  }
  dma(access, bytes, result);
  take_faults(result);
  for (const Target& target : *targets) {
    const bool look = target.data && access.write;
    result.after.push_back(look ? bus().read(target.address, target.bytes) : std::vector<std::uint8_t>());
  }
  // What one of them wrote and the other need not have written is seen now, and not once more by later
  // accesses.
  for (const Target& target : *targets)
    if (target.data) fill_data_page(target.address);
  if (tamper_.observation) tamper_.observation(access, result);
  return result;
}

Outcome Machine::run(const Case& test) {
  bus().fill(kTables, kTablePages * kPage, 0);
  if (dirty_)
    for (unsigned page = 0; page < kDataPages; ++page) fill_data_page(kData + page * kPage);
  for (const Store& one : test.memory) store(one);
  set_root(test.root);
  Invalidation contexts;
  contexts.kind = Invalidation::Kind::kContext;
  submit({contexts, Invalidation{}}, true);
  Outcome outcome;
  TableImage image(test);
  for (const Step& step : test.steps) {
    for (const Store& one : step.stores) store(one);
    if (step.root) set_root(*step.root);
    invalidate(step.invalidations);
    image.apply(step);
    for (const Access& one : step.accesses) outcome.accesses.push_back(access(image, one));
  }
  outcome.data_pages = bus().read(kData, kDataPages * kPage);
  dirty_ = false;
  for (std::size_t i = 0; i < outcome.data_pages.size(); ++i)
    dirty_ = dirty_ || outcome.data_pages[i] != data_fill(i / kPage);
  return outcome;
}

}  // namespace gpudmar::oracle
