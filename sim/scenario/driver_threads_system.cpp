// SPDX-License-Identifier: Apache-2.0
// What the system does among the driver's threads: paging, exclusive access, power, memory pressure, removal.
#include "sim/scenario/driver_threads_inside.h"
#include "sim/scenario/power_loss.h"

namespace gpudmar::sim {
namespace {

constexpr std::uint64_t kPage = hw::kPageSize;
constexpr std::uint64_t kMaxPages = 16;            // of an allocation
constexpr std::uint64_t kTurnCycles = 10'000'000;  // until copies and paging under way have ended
constexpr std::uint64_t kShortCycles = 5000;       // of memory pressure
constexpr std::uint64_t kAllocations = 12;         // that may succeed in it before one fails

}  // namespace

// An allocation of the thread's own goes round.
bool DriverThreads::page(Thread& thread) {
  if (turn_) return false;
  const Use use(system_uses_);
  dxgkrnl::Paging& paging = *kernel_.paging();
  if (!thread.allocation) {
    GdmAllocationData data{};
    data.magic = GDM_ALLOCATION_MAGIC;
    data.adapter_index = static_cast<std::uint32_t>(thread.dice.below(gpus()));
    data.size = (1 + thread.dice.below(kMaxPages)) * kPage;
    const bool aperture = thread.dice.chance(0.5);
    data.segments = 1U << ((aperture ? GDM_SEGMENT_APERTURE : GDM_SEGMENT_VRAM) - 1);
    data.flags = aperture ? GDM_ALLOCATION_ACCESSED_PHYSICALLY : 0;
    Allocation made;
    made.size = data.size;
    must("create allocation", paging.create(&data, sizeof data, made.id));
    made.pattern = fresh_pattern();
    std::vector<std::uint8_t> bytes(made.size);
    for (std::uint64_t i = 0; i < made.size; ++i) bytes[i] = random::pattern_byte(made.pattern, i);
    must("write allocation", paging.access(made.id, 0, bytes.data(), made.size, true));
    thread.allocation = made;
    return true;
  }
  const Allocation target = *thread.allocation;
  must("make resident", paging.make_resident(target.id));
  pause(thread);
  must("evict", paging.evict(target.id));
  std::vector<std::uint8_t> bytes(target.size);
  must("read allocation", paging.access(target.id, 0, bytes.data(), target.size, false));
  for (std::uint64_t i = 0; i < target.size; ++i)
    if (bytes[i] != random::pattern_byte(target.pattern, i))
      throw std::runtime_error(fmt::format("byte {:#x} of an allocation is {:#04x}", i, bytes[i]));
  result_.bytes_verified += target.size;
  if (!thread.dice.chance(0.3)) return true;
  must("destroy allocation", paging.destroy(target.id));
  thread.allocation.reset();
  return true;
}

// The system has the adapters to itself for a while, whatever the others do.
bool DriverThreads::reattach(Thread& /*thread*/) {
  if (turn_) return false;
  const Use use(system_uses_);
  must("reattach", kernel_.reattach());
  return true;
}

bool DriverThreads::take_turn(bool copies_too) {
  if (turn_) return false;
  turn_ = true;
  const auto quiet = [&] { return system_uses_ == 0 && (!copies_too || copying_ == 0); };
  if (!machine_.engine().run_until(quiet, kTurnCycles))
    throw std::runtime_error("copies or paging do not end: the system does not get its turn");
  return true;
}

// The adapters sleep, and local memory is lost but for what the driver keeps; other threads go on with their
// memory.
bool DriverThreads::power(Thread& thread) {
  if (!take_turn(true)) return false;
  must("power down", kernel_.set_power_state(PowerDeviceD3, PowerActionNone));
  for (unsigned gpu = 0; gpu < gpus(); ++gpu) lose_local_memory(machine_, gpu);
  pause(thread);
  must("power up", kernel_.set_power_state(PowerDeviceD0, PowerActionNone));
  turn_ = false;
  return true;
}

// For a while one allocation of memory fails, whoever makes it.
bool DriverThreads::run_short(Thread& thread) {
  if (!take_turn(true)) return false;
  armed_ = true;
  ++armings_;
  kernel_.pages().failures().after(thread.dice.below(kAllocations));
  machine_.engine().wait_cycles(1 + thread.dice.below(kShortCycles));
  if (kernel_.pages().failures().disarm()) ++result_.refusals;
  armed_ = false;
  turn_ = false;
  return true;
}

// Whatever the other threads are in the middle of.
void DriverThreads::remove(Thread& thread) {
  while (!take_turn(false)) pause(thread);
  gone_ = true;
  if (const NTSTATUS status = remove_link(kernel_, *guarantees_, bars_, 0, nullptr); !NT_SUCCESS(status))
    throw std::runtime_error("removal: " + status_name(status));
}

}  // namespace gpudmar::sim
