// SPDX-License-Identifier: Apache-2.0
// The address space of a board.
#include "sim/serve/board_target.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "sim/bench/checkers.h"

namespace gpudmar::sim {

BoardTarget::BoardTarget(const MachineConfig& config, std::function<bool()> stop)
    : stop_(std::move(stop)), board_(config, [this](hw::MessageTarget) { ++messages_; }) {
  const auto report = [this](const Violation& violation) { board_.violations().add(violation); };
  const DutInfo& info = board_.info();
  if (config.contract) {
    contract_ = std::make_unique<ContractChecker>(
        config.contract_file.empty() ? Contract::standard() : Contract::load(config.contract_file),
        contract_setup(info), report);
    board_.add_observer(*contract_);
  }
  if (config.scoreboard) {
    scoreboard_ =
        std::make_unique<ScoreboardFeed>(info, tied_source_ids(info.adapters), board_.memory(), report);
    board_.add_observer(*scoreboard_);
  }
  for (const hw::MemoryRange& range : board_.memory().device().ranges())
    regions_.push_back({range.base, range.size, &board_.memory().device(), nullptr, true});
  regions_.push_back({kIommuBase, kWindowBytes, nullptr, &board_.iommu_registers(), false});
  for (unsigned n = 0; n < config.adapters; ++n) {
    regions_.push_back({kBarBase + n * kBarStride, kWindowBytes, nullptr, &board_.gpu_registers(n), false});
    regions_.push_back(
        {kVramBase + n * kVramStride, board_.vram(n).size(), &board_.vram(n).device(), nullptr, false});
  }
  std::sort(regions_.begin(), regions_.end(),
            [](const Region& a, const Region& b) { return a.base < b.base; });
}

BoardTarget::~BoardTarget() = default;

void BoardTarget::cycle() {
  if (stop_()) throw QtestError("the server was told to end");
  board_.cycle();
}

BoardTarget::Piece BoardTarget::piece(std::uint64_t address, std::size_t bytes) const {
  for (const Region& region : regions_) {
    if (address < region.base) return {nullptr, std::min<std::uint64_t>(bytes, region.base - address)};
    if (const std::uint64_t offset = address - region.base; offset < region.size)
      return {&region, std::min<std::uint64_t>(bytes, region.size - offset)};
  }
  return {nullptr, bytes};
}

void BoardTarget::each(
    std::uint64_t address, std::size_t bytes,
    const std::function<void(const Region&, std::uint64_t, std::size_t, std::size_t)>& visit) const {
  for (std::size_t done = 0; done < bytes;) {
    const Piece next = piece(address + done, bytes - done);
    if (next.region != nullptr) visit(*next.region, address + done, done, next.bytes);
    done += next.bytes;
  }
}

std::uint64_t BoardTarget::access(const Region& region, std::uint64_t address, unsigned bytes, bool write,
                                  std::uint64_t value) {
  const auto offset = static_cast<std::uint32_t>(address - region.base);
  if ((bytes != 4 && bytes != 8) || offset % bytes != 0)
    throw QtestError(
        fmt::format("registers take aligned accesses of 4 or 8 bytes, not {} at {:#x}", bytes, address));
  const auto done =
      write ? region.registers->write(offset, value, bytes) : region.registers->read(offset, bytes);
  for (std::uint64_t cycles = 0; !done->done; ++cycles) {
    if (cycles == board_.config().mmio_cycles)
      throw QtestError(fmt::format("no answer from {:#x} in {} cycles", address, cycles));
    cycle();
  }
  if (done->resp != AxiResp::kOkay)
    throw QtestError(fmt::format("{:#x} answers {}", address, to_string(done->resp)));
  return done->data;
}

void BoardTarget::read(std::uint64_t address, std::uint8_t* to, std::size_t bytes) {
  std::memset(to, 0, bytes);
  each(address, bytes, [&](const Region& region, std::uint64_t at, std::size_t done, std::size_t count) {
    if (region.memory != nullptr) {
      if (region.host) board_.memory().refresh(at, count);
      std::memcpy(to + done, region.memory->at(region.host ? at : at - region.base, count), count);
      return;
    }
    if (at % 4 != 0 || count % 4 != 0)
      throw QtestError(fmt::format("registers are read in aligned dwords, not {} bytes at {:#x}", count, at));
    for (std::size_t i = 0; i < count; i += 4) {
      const auto dword = static_cast<std::uint32_t>(access(region, at + i, 4, false, 0));
      std::memcpy(to + done + i, &dword, sizeof dword);
    }
  });
}

void BoardTarget::write(std::uint64_t address, const std::uint8_t* from, std::size_t bytes) {
  each(address, bytes, [&](const Region& region, std::uint64_t at, std::size_t done, std::size_t count) {
    if (region.memory != nullptr) {
      std::memcpy(region.memory->at(region.host ? at : at - region.base, count), from + done, count);
      if (region.host) board_.memory().publish(at, count);
      return;
    }
    if (at % 4 != 0 || count % 4 != 0)
      throw QtestError(
          fmt::format("registers are written in aligned dwords, not {} bytes at {:#x}", count, at));
    for (std::size_t i = 0; i < count; i += 4) {
      std::uint32_t dword = 0;
      std::memcpy(&dword, from + done + i, sizeof dword);
      access(region, at + i, 4, true, dword);
    }
  });
}

std::uint64_t BoardTarget::load(std::uint64_t address, unsigned bytes) {
  if (const Piece where = piece(address, bytes);
      where.region != nullptr && where.region->registers != nullptr)
    return access(*where.region, address, bytes, false, 0);
  std::uint64_t value = 0;
  read(address, reinterpret_cast<std::uint8_t*>(&value), bytes);
  return value;
}

void BoardTarget::store(std::uint64_t address, std::uint64_t value, unsigned bytes) {
  if (const Piece where = piece(address, bytes);
      where.region != nullptr && where.region->registers != nullptr) {
    access(*where.region, address, bytes, true, value);
    return;
  }
  write(address, reinterpret_cast<const std::uint8_t*>(&value), bytes);
}

std::uint64_t BoardTarget::clock_step(std::optional<std::uint64_t> ns) {
  const std::uint64_t cycle_ps = board_.config().cycle_ps;
  const auto now = [&] { return board_.cycles() * cycle_ps / 1000; };
  if (!ns) {
    cycle();
    return now();
  }
  // No product: the time may be as large as a qword, and SIGTERM is how such a step ends.
  for (const std::uint64_t begin = board_.cycles(); (board_.cycles() - begin) * cycle_ps / 1000 < *ns;)
    cycle();
  return now();
}

void BoardTarget::finish(std::uint64_t max_cycles) {
  for (std::uint64_t n = 0; n < max_cycles && !board_.idle(); ++n) board_.cycle();
  if (!board_.idle())
    board_.violations().add({board_.cycles(), "bench.rest",
                             fmt::format("the hardware did not come to rest within {} cycles", max_cycles)});
  board_.finish();
}

}  // namespace gpudmar::sim
