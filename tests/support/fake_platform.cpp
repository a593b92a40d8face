// SPDX-License-Identifier: Apache-2.0
// The fake platform: see fake_platform.h.
#include "tests/support/fake_platform.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace gpudmar::test {

void FakeTime::advance_to(std::uint64_t cycle) {
  while (!events_.empty() && events_.begin()->first <= cycle) {
    auto node = events_.extract(events_.begin());
    now_ = std::max(now_, node.key());
    node.mapped()();
  }
  now_ = std::max(now_, cycle);
}

void FakeTime::wait(std::uint64_t cycles) {
  if (!on_wait) return advance_to(now_ + cycles);
  for (const std::uint64_t end = now_ + cycles; now_ < end;) {
    on_wait();
    advance_to(now_ + 1);
  }
}

bool FakeTime::wait_until(const std::function<bool()>& done, std::uint64_t max_cycles) {
  const std::uint64_t end = now_ + std::min(max_cycles, ~std::uint64_t{0} - now_);
  for (;;) {
    if (done()) return true;
    if (now_ >= end) return false;
    if (on_wait) {
      on_wait();
      advance_to(now_ + 1);
      continue;
    }
    // Nothing changes between events, so the next one is the next cycle worth a look.
    advance_to(events_.empty() ? end : std::clamp(events_.begin()->first, now_ + 1, end));
  }
}

void FakeTime::after(std::uint64_t cycles, std::function<void()> event) {
  events_.emplace(now_ + cycles, std::move(event));
}

FakeMemory::FakeMemory(std::vector<hw::MemoryRange> ranges)
    : ranges_(std::move(ranges)), fd_(memfd_create("fake-ram", MFD_CLOEXEC)) {
  const std::uint64_t end = ranges_.empty() ? 0 : ranges_.back().end();
  if (fd_ < 0 || ftruncate(fd_, static_cast<off_t>(end)) != 0) {
    throw std::system_error(errno, std::generic_category(), "making the RAM of a fake platform");
  }
}

FakeMemory::~FakeMemory() { close(fd_); }

void FakeMemory::check(hw::PhysAddr address, std::size_t bytes, const char* what) const {
  for (const hw::MemoryRange& range : ranges_) {
    if (address >= range.base && address + bytes <= range.end()) return;
  }
  throw hw::HardwareError(fmt::format("{} of {} bytes at {:#x}, where no RAM is", what, bytes, address));
}

void* FakeMemory::map(const std::vector<hw::PhysAddr>& pages, bool writable) {
  for (const hw::PhysAddr page : pages) check(page, hw::kPageSize, "mapping");
  const std::size_t bytes = pages.size() * hw::kPageSize;
  auto* base =
      static_cast<std::uint8_t*>(mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (base == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mapping fake RAM");
  const int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  for (std::size_t i = 0; i < pages.size(); ++i) {
    if (mmap(base + i * hw::kPageSize, hw::kPageSize, protection, MAP_SHARED | MAP_FIXED, fd_,
             static_cast<off_t>(pages[i])) == MAP_FAILED) {
      throw std::system_error(errno, std::generic_category(), "mapping a page of fake RAM");
    }
  }
  mapped_pages += pages.size();
  for (std::size_t i = 0; i < pages.size(); ++i) frames_[base + i * hw::kPageSize] = pages[i];
  return base;
}

void FakeMemory::unmap(void* address, std::size_t pages) {
  munmap(address, pages * hw::kPageSize);
  mapped_pages -= pages;
  for (std::size_t i = 0; i < pages; ++i) {
    frames_.erase(static_cast<const std::uint8_t*>(address) + i * hw::kPageSize);
  }
}

std::optional<hw::PhysAddr> FakeMemory::physical(const void* address) const {
  const std::uint64_t offset = reinterpret_cast<std::uintptr_t>(address) % hw::kPageSize;
  const auto frame = frames_.find(static_cast<const std::uint8_t*>(address) - offset);
  if (frame == frames_.end()) return std::nullopt;
  return frame->second + offset;
}

void FakeMemory::read(hw::PhysAddr address, void* to, std::size_t bytes) {
  check(address, bytes, "reading");
  if (pread(fd_, to, bytes, static_cast<off_t>(address)) != static_cast<ssize_t>(bytes)) {
    throw std::system_error(errno, std::generic_category(), "reading fake RAM");
  }
}

void FakeMemory::write(hw::PhysAddr address, const void* from, std::size_t bytes) {
  check(address, bytes, "writing");
  if (pwrite(fd_, from, bytes, static_cast<off_t>(address)) != static_cast<ssize_t>(bytes)) {
    throw std::system_error(errno, std::generic_category(), "writing fake RAM");
  }
}

std::uint64_t FakeMemory::load64(hw::PhysAddr address) {
  std::uint64_t value = 0;
  read(address, &value, sizeof value);
  return value;
}
void FakeMemory::store64(hw::PhysAddr address, std::uint64_t value) { write(address, &value, sizeof value); }
std::uint32_t FakeMemory::load32(hw::PhysAddr address) {
  std::uint32_t value = 0;
  read(address, &value, sizeof value);
  return value;
}
void FakeMemory::store32(hw::PhysAddr address, std::uint32_t value) { write(address, &value, sizeof value); }

void FakeMmio::begin(std::uint64_t offset, unsigned bytes) const {
  if (offset % bytes != 0 || offset + bytes > size_) {
    throw hw::HardwareError(
        fmt::format("{}-byte access at offset {:#x} of a {}-byte window", bytes, offset, size_));
  }
  if (time_ != nullptr) time_->wait(access_cycles_);
}

std::uint32_t FakeMmio::peek32(std::uint64_t offset) const {
  const auto word = words_.find(offset);
  return word == words_.end() ? 0 : word->second;
}
std::uint64_t FakeMmio::peek64(std::uint64_t offset) const {
  return peek32(offset) | std::uint64_t{peek32(offset + 4)} << 32;
}
void FakeMmio::poke64(std::uint64_t offset, std::uint64_t value) {
  words_[offset] = static_cast<std::uint32_t>(value);
  words_[offset + 4] = static_cast<std::uint32_t>(value >> 32);
}

std::uint32_t FakeMmio::read32(std::uint64_t offset) {
  begin(offset, 4);
  log.push_back({false, offset, 4, peek32(offset)});
  return peek32(offset);
}
std::uint64_t FakeMmio::read64(std::uint64_t offset) {
  begin(offset, 8);
  log.push_back({false, offset, 8, peek64(offset)});
  return peek64(offset);
}

void FakeMmio::write(std::uint64_t offset, unsigned bytes, std::uint64_t value) {
  begin(offset, bytes);
  log.push_back({true, offset, bytes, value});
  const auto hook = on_write.find(offset);
  if (hook != on_write.end()) {
    hook->second(value);
  } else if (bytes == 8) {
    poke64(offset, value);
  } else {
    poke32(offset, static_cast<std::uint32_t>(value));
  }
}
void FakeMmio::write32(std::uint64_t offset, std::uint32_t value) { write(offset, 4, value); }
void FakeMmio::write64(std::uint64_t offset, std::uint64_t value) { write(offset, 8, value); }

hw::MessageTarget FakeInterrupts::connect(std::string name, std::function<void()> handler) {
  const std::uint32_t vector = next_++;
  handlers_[vector] = {std::move(name), std::move(handler)};
  return {hw::kInterruptWindowBase, vector};
}

void FakeInterrupts::disconnect(const hw::MessageTarget& target) { handlers_.erase(target.data); }

bool FakeInterrupts::raise(const hw::MessageTarget& target) {
  const auto handler = handlers_.find(target.data);
  if (handler == handlers_.end()) {
    ++spurious;
    return false;
  }
  handler->second.second();
  return true;
}

}  // namespace gpudmar::test
