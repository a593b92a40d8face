// SPDX-License-Identifier: Apache-2.0
// Descriptors, texts, and the look ahead at where accesses go.
#include "sim/oracle/case.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

namespace gpudmar::oracle {
namespace {

constexpr std::uint64_t kFrame = 0x0000'FFFF'FFFF'F000;  // bits 47:12
constexpr std::uint64_t kPageSize = 1U << 7;             // PS of a second-stage entry

bool data_page(std::uint64_t address) { return address >= kData && address < kData + kDataPages * kPage; }

/// Neither memory of a machine nor anything else, in both of them.
bool hole(std::uint64_t address) {
  return (address >= kMemoryBytes && address < 0x8000'0000) || address >= 0x1'0000'0000;
}

/// Memory that reads the same in both machines: not what a PC has below 1 MiB, not what differs by purpose.
bool plain_memory(std::uint64_t address) {
  return address < 0xA'0000 || (address >= 0x10'0000 && address < kQueue) ||
         (address >= kPrivateEnd && address < kMemoryBytes);
}

}  // namespace

std::array<std::uint64_t, 2> Invalidation::encode() const {
  std::array<std::uint64_t, 2> qw = {static_cast<std::uint64_t>(kind) | std::uint64_t{granularity} << 4, 0};
  qw[0] |= std::uint64_t{did} << 16;
  if (kind == Kind::kContext) {
    qw[0] |= std::uint64_t{source} << 32 | std::uint64_t{function_mask} << 48;
    return qw;
  }
  if (drain) qw[0] |= 3U << 6;
  if (granularity == kSelective) qw[1] = address | (leaf_only ? 1U << 6 : 0U) | address_mask;
  return qw;
}

std::size_t Case::accesses() const {
  std::size_t count = 0;
  for (const Step& step : steps) count += step.accesses.size();
  return count;
}

std::string to_string(const Invalidation& i) {
  const bool context = i.kind == Invalidation::Kind::kContext;
  std::string text = context ? "context cache, " : "IOTLB, ";
  if (i.granularity == Invalidation::kGlobal) text += "global";
  if (i.granularity == Invalidation::kDomain) text += fmt::format("domain {:#x}", i.did);
  if (i.granularity == Invalidation::kSelective && context)
    text += fmt::format("device {:#06x} mask {} domain {:#x}", i.source, i.function_mask, i.did);
  if (i.granularity == Invalidation::kSelective && !context)
    text += fmt::format("domain {:#x} page {:#x} AM {} IH {}", i.did, i.address, i.address_mask,
                        i.leaf_only ? 1 : 0);
  return text + (i.drain ? ", drain" : "");
}

std::string to_string(const Access& access) {
  const std::uint16_t source = kSourceIds.at(access.source);
  return fmt::format("{:02x}:{:02x}.{} {} {} bytes at {:#x}", source >> 8, source >> 3 & 0x1F, source & 7,
                     access.write ? "writes" : "reads", access.bytes, access.address);
}

std::string describe(const Case& test, std::size_t marked) {
  std::string text = fmt::format("seed {}\nroot table {:#x}\n", test.seed, test.root);
  const auto stores = [&](const std::vector<Store>& list) {
    for (const Store& store : list)
      if (store.value != 0 || &list != &test.memory)
        text += fmt::format("  [{:#x}] = {:#018x}  {}\n", store.address, store.value, store.what);
  };
  stores(test.memory);
  std::size_t number = 0;
  for (const Step& step : test.steps) {
    if (!step.what.empty()) text += step.what + "\n";
    stores(step.stores);
    if (step.root) text += fmt::format("  root table {:#x}\n", *step.root);
    for (const Invalidation& invalidation : step.invalidations)
      text += "  invalidate " + to_string(invalidation) + "\n";
    for (const Access& access : step.accesses)
      text += fmt::format("{} {}\n", number++ == marked ? "=>" : "  ", to_string(access));
  }
  return text;
}

std::vector<std::uint8_t> pattern_bytes(std::uint64_t seed, std::size_t bytes) {
  std::mt19937_64 random(seed);
  std::vector<std::uint8_t> data(bytes);
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < bytes; ++i) {
    if (i % 8 == 0) word = random();
    data[i] = static_cast<std::uint8_t>(1 + (word >> (8 * (i % 8)) & 0xFF) % 255);
  }
  return data;
}

TableImage::TableImage(const Case& test) : root_(test.root) {
  for (const Store& store : test.memory) memory_[store.address] = store.value;
}

void TableImage::apply(const Step& step) {
  for (const Store& store : step.stores) memory_[store.address] = store.value;
  if (step.root) root_ = *step.root;
}

std::uint64_t TableImage::at(std::uint64_t address) const {
  const auto found = memory_.find(address);
  return found == memory_.end() ? 0 : found->second;
}

std::optional<TableImage::Context> TableImage::context(std::uint16_t source) const {
  const std::uint64_t root = at((root_ & kFrame) + (source >> 8) * 16U);
  if ((root & 1) == 0) return std::nullopt;
  const std::uint64_t entry = (root & kFrame) + (source & 0xFFU) * 16U;
  return Context{at(entry), at(entry + 8)};
}

TableImage::Reach TableImage::target(std::uint16_t source, std::uint64_t address) const {
  const auto entry = context(source);
  if (!entry) return {};
  const auto [low, high] = *entry;
  if ((low & 1) == 0) return {};
  if ((low >> 2 & 3) == 2) return {address};
  const auto levels = static_cast<unsigned>(high & 7) + 2;
  if (levels < 3 || levels > 4 || address >> (12 + 9 * levels) != 0) return {};
  std::uint64_t table = low & kFrame;
  for (unsigned level = levels; level > 0; --level) {
    const unsigned shift = 12 + 9 * (level - 1);
    if (data_page(table)) return {std::nullopt, true};
    const std::uint64_t value = at(table + (address >> shift & 0x1FF) * 8);
    if ((value & 3) == 0) return {};
    const std::uint64_t offset = address & ((1ULL << shift) - 1);
    if (level == 1 || (level <= 3 && (value & kPageSize) != 0))
      return {(value & kFrame & ~((1ULL << shift) - 1)) | offset};
    table = value & kFrame;
  }
  return {};
}

std::optional<std::vector<Target>> plan(const TableImage& image, const Access& access) {
  std::vector<Target> targets;
  for (unsigned done = 0; done < access.bytes;) {
    const std::uint64_t address = access.address + done;
    const auto bytes =
        static_cast<unsigned>(std::min<std::uint64_t>(access.bytes - done, kPage - address % kPage));
    Target next{address & ~(kPage - 1), 0, bytes, false};
    const TableImage::Reach reach = image.target(kSourceIds.at(access.source), address);
    if (reach.odd) return std::nullopt;
    if (reach.address) {
      next.address = *reach.address;
      next.data = data_page(next.address);
      const bool plain = !access.write && plain_memory(next.address);
      if (!next.data && !hole(next.address) && !plain) return std::nullopt;
    }
    targets.push_back(next);
    done += bytes;
  }
  return targets;
}

}  // namespace gpudmar::oracle
