// SPDX-License-Identifier: Apache-2.0
#include "tests/rtl/iommu/cycle_traffic.h"

#include <algorithm>

namespace gpudmar::test {
namespace {

constexpr std::uint64_t kPool = 0x4000'0000;
constexpr std::uint64_t kNoRam = 0x9000'0000;
constexpr std::uint32_t kTe = 1U << 31, kSrtp = 1U << 30, kQie = 1U << 26;

}  // namespace

CycleTraffic::CycleTraffic(IommuBench& bench, std::uint64_t seed, const TrafficMix& mix)
    : bench_(bench), mix_(mix), random_(seed) {
  for (unsigned p = 0; p < kPorts; ++p) bench_.r_ready[p] = bench_.b_ready[p] = 1.0 - mix_.stall / 1000.0;
}

std::uint64_t CycleTraffic::leaf_value(unsigned level) {
  const std::uint64_t size = 4096ULL << (9 * (level - 1));
  std::uint64_t value = (level == 1 ? kPool + pick(64) * size : pick(4) * size + (1ULL << 40)) | 3;
  if (level > 1) value |= 0x80;
  if (chance(mix_.damage)) {
    switch (pick(5)) {
      case 0:
        value &= ~3ULL;
        break;
      case 1:
        value ^= 1 + pick(2);
        break;
      case 2:
        value |= 1ULL << (pick(2) ? 62 : 46 + pick(6));
        break;
      case 3:
        value = 0xFEE0'0000 | (pick(256) << 12) | 3;
        break;
      default:
        value |= 1ULL << 11;
        break;
    }
  }
  return value;
}

std::uint64_t CycleTraffic::parts_of(unsigned level) {
  if (level == 1) return 0;
  const std::uint64_t table = bench_.tables.page();
  for (unsigned i = 0; i < 512; ++i) bench_.memory.store64(table + i * 8, leaf_value(level - 1));
  return table;
}

void CycleTraffic::make_pages() {
  std::vector<std::uint64_t> above;
  const std::uint64_t bases[] = {0, 0x10'0000'0000, 0x7FFF'FFE0'0000, 0xFEC0'0000};
  for (unsigned i = 0; i < mix_.pages; ++i) {
    const unsigned level = chance(mix_.large) ? 2 + static_cast<unsigned>(pick(2)) : 1;
    std::uint64_t iova = bases[pick(4)] + pick(1U + mix_.pages) * 4096;
    if (level > 1) {
      const std::uint64_t base = level == 2 && pick(2) != 0 ? 0x1000'0000 : 0x20'0000'0000ULL * level;
      iova = base + pick(3) * 0x20'0000 + pick(16) * 4096;
    }
    const std::uint64_t table = tables_[mix_.damage != 0 && pick(4) == 0 ? 1 : 0];
    const std::uint64_t entry = bench_.tables.entry(table, 4, iova, level);
    bench_.memory.store64(entry, leaf_value(level));
    pages_.push_back({iova, entry, level, parts_of(level)});
    above.push_back(bench_.tables.entry(table, 4, iova, level + 1));
  }
  // Once all tables are there: their entries lead nowhere or grant less.
  for (const std::uint64_t entry : above) {
    if (!chance(mix_.damage / 8)) continue;
    bench_.memory.store64(entry, pick(8) == 0 ? kNoRam | 3 : bench_.memory.load64(entry) & ~(1 + pick(2)));
  }
}

void CycleTraffic::set_context(unsigned port) {
  const auto did = static_cast<std::uint16_t>(3 + pick(2));
  if (!chance(mix_.damage))
    bench_.tables.context(kSid[port], did, tables_[did - 3]);
  else if (pick(2))
    bench_.tables.context(kSid[port], 6, 0, 2, 2);  // pass-through
  else
    bench_.tables.set_context(kSid[port], context_low(tables_[0], pick(2) ? 3 : 0) & ~pick(2),
                              context_high(did, static_cast<unsigned>(pick(4))));
}

bool CycleTraffic::bring_up() {
  for (auto& table : tables_) table = bench_.tables.page();
  make_pages();
  for (unsigned p = 0; p < kPorts; ++p) bench_.tables.context(kSid[p], 3, tables_[0]);
  return bench_.bring_up();
}

std::uint64_t CycleTraffic::an_iova() {
  const Page& page = pages_[pick(pages_.size())];
  return page.iova + (page.level > 1 ? pick(8) * 4096 : 0);
}

void CycleTraffic::request(bool write) {
  const auto port = static_cast<unsigned>(pick(mix_.ports));
  const auto id = static_cast<unsigned>(pick(mix_.ids));
  const auto beats = 1 + static_cast<unsigned>(pick(mix_.max_beats));
  std::uint64_t at = an_iova() + pick(128 - beats + 1) * 32;
  std::uint32_t user = 0;
  unsigned size = kFullSize;
  if (chance(mix_.odd)) {
    switch (pick(5)) {
      case 0:
        user = static_cast<std::uint32_t>(pick(8));
        break;
      case 1:
        at = 0xFEE0'0000 + pick(0x1000) * 4;
        break;
      case 2:
        at = (1ULL << (46 + pick(4))) + pick(16) * 4096;
        break;
      case 3:
        user = static_cast<std::uint32_t>(pick(2) * kNoSnoop + pick(2) * kZeroLength);
        break;
      default:
        at = pick(1U << 20) * 4096;
        break;
    }
  }
  const bool message = (at >> 20) == 0xFEE;
  if (message) size = 2;
  open_.push_back(write ? bench_.write(port, id, at, message ? 1 : beats, size, user)
                        : bench_.read(port, id, at, message ? 1 : beats, size, user));
}

void CycleTraffic::change() {
  if (pick(12) == 0) {
    set_context(static_cast<unsigned>(pick(mix_.ports)));
    return;
  }
  const Page& page = pages_[pick(pages_.size())];
  const bool splits = page.parts != 0 && pick(2) != 0;
  bench_.memory.store64(page.entry, splits ? page.parts | 3 : leaf_value(page.level));
}

void CycleTraffic::invalidate() {
  const auto n = 1 + static_cast<unsigned>(pick(pick(6) == 0 ? 40 : 5));
  if (descriptors_ + n + 1 > kDescriptors) return;
  for (unsigned i = 0; i < n; ++i) {
    const auto did = static_cast<std::uint16_t>(3 + pick(2));
    const bool drain = pick(2) != 0;
    switch (pick(8)) {
      case 0:
        bench_.flush_global(drain);
        break;
      case 1:
        bench_.flush_domain(did, drain);
        break;
      case 2:
        bench_.flush_contexts();
        break;
      case 3:  // device or domain of contexts
        bench_.push_descriptor((pick(2) ? 0x21 : 0x31) | (std::uint64_t{did} << 16) |
                                   (std::uint64_t{kSid[pick(kPorts)]} << 32) | (pick(4) << 48),
                               0);
        break;
      case 4:
        bench_.push_descriptor(pick(2) ? 0x05 : 0x15, 0);
        break;  // a wait without status
      default:
        bench_.flush_pages(did, an_iova(), static_cast<unsigned>(pick(4) == 0 ? pick(19) : pick(3)),
                           pick(2) != 0, drain);
        break;
    }
  }
  waits_.emplace_back(bench_.push_wait(), n + 1);
  descriptors_ += n + 1;
  bench_.ring();
}

// After a bad descriptor: another one in its place. After an unusable root pointer: just again.
void CycleTraffic::recover() {
  if ((bench_.read_register(0x034, 4) & 0x10) == 0) return;
  const std::uint64_t code = bench_.read_register(0x0B0, 4) & 0xF;
  if (code == 3 || code == 4) {
    const std::uint64_t at = (bench_.read_register(0x090, 8) & ~0xFFFULL) + bench_.read_register(0x080, 8);
    bench_.memory.store64(at, 0x11);
    bench_.memory.store64(at + 8, 0);
  }
  bench_.write_register(0x034, 0x10, 4);
}

void CycleTraffic::command() {
  switch (pick(3)) {
    case 0:
      bench_.write_register(0x020, bench_.tables.root() | (pick(4) == 0 ? 1U << 10 : 0), 8);
      bench_.write_register(0x018, kQie | kTe | kSrtp, 4);
      break;
    case 1:
      bench_.write_register(0x018, kQie, 4);
      break;
    default:
      bench_.write_register(0x018, kQie | kTe, 4);
      break;
  }
}

void CycleTraffic::step() {
  open_.erase(std::remove_if(open_.begin(), open_.end(), [](const BurstPtr& b) { return b->done; }),
              open_.end());
  for (std::size_t i = 0; i < waits_.size(); ++i) {
    if (!bench_.waited(waits_[i].first)) continue;
    for (std::size_t done = 0; done <= i; ++done) {
      descriptors_ -= waits_.front().second;
      waits_.pop_front();
    }
    break;
  }
  if (open_.size() < kOpen) {
    if (chance(mix_.read)) request(false);
    if (chance(mix_.write)) request(true);
  }
  if (chance(mix_.hint)) bench_.hint(static_cast<unsigned>(pick(mix_.ports)), an_iova());
  if (chance(mix_.store)) change();
  if (chance(mix_.invalidate)) invalidate();
  if (chance(mix_.command)) command();
  if (mix_.invalidate != 0 && bench_.cycle() % 256 == 0) recover();
  bench_.step();
}

}  // namespace gpudmar::test
