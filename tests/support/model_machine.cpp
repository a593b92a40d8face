// SPDX-License-Identifier: Apache-2.0
// The machine of tests without clock.
#include "tests/support/model_machine.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <thread>

namespace gpudmar::test {
namespace {

constexpr std::uint64_t kCapOffset = 0x008;
constexpr std::uint64_t kCapCachingMode = 1ULL << 7;
constexpr hw::PhysAddr kBarBase = 0xA000'0000;

}  // namespace

hw::MessageTarget FakeInterrupts::connect(std::string, std::function<void()> handler) {
  const std::lock_guard guard(mutex_);
  const hw::MessageTarget target{hw::kInterruptWindowBase, next_data_++};
  handlers_.emplace(target.data, std::move(handler));
  return target;
}

void FakeInterrupts::disconnect(const hw::MessageTarget& target) {
  const std::lock_guard guard(mutex_);
  handlers_.erase(target.data);
}

void FakeInterrupts::send(hw::PhysAddr address, std::uint32_t data) {
  const std::lock_guard guard(mutex_);
  pending_.push_back({address, data});
}

std::size_t FakeInterrupts::connected() const {
  const std::lock_guard guard(mutex_);
  return handlers_.size();
}

std::function<void()> FakeInterrupts::next() {
  const std::lock_guard guard(mutex_);
  while (!pending_.empty()) {
    const hw::MessageTarget message = pending_.front();
    pending_.pop_front();
    const auto it = handlers_.find(message.data);
    if (it != handlers_.end() && message.address == hw::kInterruptWindowBase) return it->second;
    ++spurious_;
  }
  return {};
}

void FakeInterrupts::deliver() {
  if (delivering_.exchange(true)) return;  // a handler never runs inside or beside another
  while (const auto handler = next()) handler();
  delivering_ = false;
}

void FakeTime::wait(std::uint64_t cycles) {
  now_ += cycles;
  interrupts_.deliver();
  std::this_thread::yield();  // where threads wait for each other, this is what they do meanwhile
}

bool FakeTime::wait_until(const std::function<bool()>& done, std::uint64_t max_cycles) {
  for (std::uint64_t i = 0; i < max_cycles; ++i) {
    if (done()) return true;
    wait(1);
  }
  return done();
}

std::uint32_t TamperMmio::read32(std::uint64_t offset) {
  const std::lock_guard guard(mutex_);
  const std::uint32_t value = inner_.read32(offset);
  return on_read ? static_cast<std::uint32_t>(on_read(offset, value)) : value;
}

std::uint64_t TamperMmio::read64(std::uint64_t offset) {
  const std::lock_guard guard(mutex_);
  const std::uint64_t value = inner_.read64(offset);
  return on_read ? on_read(offset, value) : value;
}

void TamperMmio::write32(std::uint64_t offset, std::uint32_t value) {
  const std::lock_guard guard(mutex_);
  if (!on_write || on_write(offset, value)) inner_.write32(offset, value);
}

void TamperMmio::write64(std::uint64_t offset, std::uint64_t value) {
  const std::lock_guard guard(mutex_);
  if (!on_write || on_write(offset, value)) inner_.write64(offset, value);
}

std::uint64_t PlainMmio::read64(std::uint64_t offset) {
  return words_[offset] | static_cast<std::uint64_t>(words_[offset + 4]) << 32;
}

void PlainMmio::write64(std::uint64_t offset, std::uint64_t value) {
  words_[offset] = static_cast<std::uint32_t>(value);
  words_[offset + 4] = static_cast<std::uint32_t>(value >> 32);
}

ModelMachine::ModelMachine(Options options)
    : memory(options.ram, options.unit.haw, options.device_memory),
      unit(options.unit, unit_memory, unit_memory),
      options_(std::move(options)) {
  memory.add_observer(*this);
  model::Unit::Hooks hooks;
  hooks.message = [this](std::uint64_t address, std::uint32_t data) { interrupts.send(address, data); };
  hooks.invalidated = [this](const model::Descriptor& descriptor) {
    const std::lock_guard guard(events_mutex_);
    events.push_back({MachineEvent::Kind::kInvalidate, 0, 0, descriptor});
  };
  unit.set_hooks(std::move(hooks));
  if (options_.caching_mode)
    iommu.on_read = [](std::uint64_t offset, std::uint64_t value) {
      return offset == kCapOffset ? value | kCapCachingMode : value;
    };
  for (std::size_t i = 0; i < options_.functions; ++i)
    bars.push_back(std::make_unique<PlainMmio>(kBarBase + i * hw::kPageSize));
}

ModelMachine::~ModelMachine() { memory.remove_observer(*this); }

hw::Platform ModelMachine::platform() {
  hw::Platform platform;
  platform.iommu = options_.iommu ? &iommu : nullptr;
  for (std::size_t i = 0; i < bars.size(); ++i)
    platform.functions.push_back(
        {"gpu" + std::to_string(i), static_cast<std::uint16_t>((i + 1) << 8), bars[i].get()});
  platform.memory = &memory;
  platform.interrupts = &interrupts;
  platform.time = &time;
  platform.host_address_width = options_.unit.haw;
  platform.reserved = options_.reserved;
  return platform;
}

void ModelMachine::published(hw::PhysAddr address, std::size_t bytes) {
  const std::lock_guard guard(events_mutex_);
  events.push_back({MachineEvent::Kind::kPublish, address, bytes, {}});
}

std::optional<hw::PhysAddr> ModelMachine::translate(std::uint16_t source_id, std::uint64_t address,
                                                    bool write) {
  model::Request request;
  request.source_id = source_id;
  request.address = address;
  request.is_write = write;
  const std::lock_guard guard(iommu.mutex());
  return model::outgoing_address(unit.access(request));
}

bool ModelMachine::dma_write(std::uint16_t source_id, std::uint64_t address, std::uint64_t value) {
  const auto out = translate(source_id, address, true);
  return out && memory.device().write(*out, &value, sizeof(value));
}

std::optional<std::uint64_t> ModelMachine::dma_read(std::uint16_t source_id, std::uint64_t address) {
  const auto out = translate(source_id, address, false);
  std::uint64_t value = 0;
  if (!out || !memory.device().read(*out, &value, sizeof(value))) return std::nullopt;
  return value;
}

std::uint64_t test_seed(std::uint64_t fallback) {
  const char* given = std::getenv("GPUDMAR_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 0) : fallback;
  const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
  std::cout << "seed " << seed << "; again: GPUDMAR_SEED=" << seed
            << " <this program> --gtest_filter=" << info->test_suite_name() << '.' << info->name() << '\n';
  return seed;
}

}  // namespace gpudmar::test
