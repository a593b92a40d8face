// SPDX-License-Identifier: Apache-2.0
// Sparse memory: checks of the memory map, the memfd and its mappings, strobed device accesses.
#include "sim/mem/sparse_memory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace gpudmar::sim {
namespace {

std::string show(const hw::MemoryRange& range) {
  return fmt::format("{:#x}..{:#x}", range.base, range.base + range.size);
}

void check(const std::string& name, const std::vector<hw::MemoryRange>& ranges, unsigned address_bits) {
  if (ranges.empty()) throw std::invalid_argument(name + ": no memory at all");
  if (address_bits < 12 || address_bits > 62)
    throw std::invalid_argument(
        fmt::format("{}: {} address bits (12 to 62 are possible)", name, address_bits));
  const std::uint64_t limit = 1ULL << address_bits;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const hw::MemoryRange& range = ranges[i];
    if (range.size == 0)
      throw std::invalid_argument(fmt::format("{}: empty range at {:#x}", name, range.base));
    if (range.base % hw::kPageSize != 0 || range.size % hw::kPageSize != 0)
      throw std::invalid_argument(fmt::format("{}: range {} is not made of whole pages", name, show(range)));
    if (range.base >= limit || range.size > limit - range.base)
      throw std::invalid_argument(
          fmt::format("{}: range {} needs more than {} address bits", name, show(range), address_bits));
    if (i > 0 && range.base < ranges[i - 1].end())
      throw std::invalid_argument(
          fmt::format("{}: ranges {} and {} overlap", name, show(ranges[i - 1]), show(range)));
  }
}

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

SparseMemory::SparseMemory(std::string name, std::vector<hw::MemoryRange> ranges, unsigned address_bits)
    : name_(std::move(name)), ranges_(std::move(ranges)) {
  std::sort(ranges_.begin(), ranges_.end(), [](const auto& a, const auto& b) { return a.base < b.base; });
  check(name_, ranges_, address_bits);
  fd_ = ::memfd_create(name_.c_str(), MFD_CLOEXEC);
  if (fd_ < 0) fail(name_ + ": memfd_create");
  try {
    if (::ftruncate(fd_, static_cast<off_t>(ranges_.back().end())) != 0)
      fail(fmt::format("{}: ftruncate to {:#x} bytes", name_, ranges_.back().end()));
    for (const auto& range : ranges_) {
      void* view = ::mmap(nullptr, range.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd_,
                          static_cast<off_t>(range.base));
      if (view == MAP_FAILED) fail(fmt::format("{}: mmap of {}", name_, show(range)));
      views_.push_back(static_cast<std::byte*>(view));
    }
  } catch (...) {
    release();
    throw;
  }
}

SparseMemory::~SparseMemory() { release(); }

void SparseMemory::release() {
  for (std::size_t i = 0; i < views_.size(); ++i) ::munmap(views_[i], ranges_[i].size);
  views_.clear();
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

bool SparseMemory::read(std::uint64_t address, void* to, std::size_t bytes) const {
  const std::byte* from = find(address, bytes);
  if (from == nullptr) return false;
  std::memcpy(to, from, bytes);
  return true;
}

bool SparseMemory::write(std::uint64_t address, const void* from, std::size_t bytes) {
  std::byte* to = find(address, bytes);
  if (to == nullptr) return false;
  std::memcpy(to, from, bytes);
  return true;
}

bool SparseMemory::write(std::uint64_t address, const void* from, std::uint64_t strobe, std::size_t bytes) {
  const std::uint64_t all = bytes >= 64 ? ~0ULL : (1ULL << bytes) - 1;
  strobe &= all;
  if (strobe == all) return write(address, from, bytes);
  if (strobe == 0) return true;
  // Only the span from the first to the last strobed byte has to exist.
  const auto first = static_cast<std::size_t>(__builtin_ctzll(strobe));
  const auto last = 63U - static_cast<std::size_t>(__builtin_clzll(strobe));
  std::byte* to = find(address + first, last - first + 1);
  if (to == nullptr) return false;
  const auto* source = static_cast<const std::byte*>(from);
  for (std::size_t i = first; i <= last; ++i)
    if ((strobe >> i) & 1U) to[i - first] = source[i];
  return true;
}

void SparseMemory::clear() {
  for (const auto& range : ranges_) {
    if (::fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(range.base),
                    static_cast<off_t>(range.size)) != 0)
      fail(fmt::format("{}: clearing {}", name_, show(range)));
  }
}

void SparseMemory::spoil(std::uint8_t noise) {
  for (std::size_t i = 0; i < ranges_.size(); ++i) {
    const auto base = static_cast<off_t>(ranges_[i].base);
    const auto end = static_cast<off_t>(ranges_[i].end());
    std::memset(views_[i], noise, std::min<std::uint64_t>(ranges_[i].size, hw::kPageSize));
    for (off_t data = base; data < end;) {
      data = ::lseek(fd_, data, SEEK_DATA);
      if (data < 0 && errno != ENXIO) fail(name_ + ": lseek");
      if (data < 0 || data >= end) break;
      const off_t hole = std::min(::lseek(fd_, data, SEEK_HOLE), end);
      if (hole < 0) fail(name_ + ": lseek");
      std::memset(views_[i] + (data - base), noise, static_cast<std::size_t>(hole - data));
      data = hole;
    }
  }
}

std::uint64_t SparseMemory::resident_bytes() const {
  struct stat info {};
  if (::fstat(fd_, &info) != 0) fail(name_ + ": fstat");
  return static_cast<std::uint64_t>(info.st_blocks) * 512;
}

}  // namespace gpudmar::sim
