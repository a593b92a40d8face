// SPDX-License-Identifier: Apache-2.0
// The Runtime class: the one living kernel, register windows, IRQL, time and pool bookkeeping.
#include "driver-model/wdk/runtime/runtime.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <system_error>
#include <utility>

#include "driver-model/wdk/runtime/kernel_objects.h"

namespace gpudmar::wdk {

namespace {

Runtime* active_runtime = nullptr;

// Its address differs from host thread to host thread.
thread_local char host_thread_mark;

// Code and subcodes of the pool's own bugcheck.
constexpr ULONG kBadPoolCaller = 0xC2;
constexpr ULONG_PTR kFreeOfUnknownAddress = 0x46;
constexpr ULONG_PTR kFreeWithWrongTag = 0xA;

// Fills what a block was rounded up by; whoever changes it wrote past the block's end.
constexpr unsigned char kPastEnd = 0xFB;

// The documented alignment: pages for a page and more, else 16 bytes without crossing a page.
std::size_t pool_alignment(std::size_t bytes) {
  if (bytes >= hw::kPageSize) return hw::kPageSize;
  std::size_t alignment = 16;
  while (alignment < bytes) alignment *= 2;
  return alignment;
}

std::size_t rounded_up(std::size_t bytes) {
  const std::size_t alignment = pool_alignment(bytes);
  return (bytes + alignment - 1) / alignment * alignment;
}

// As debuggers show it: the first character is the lowest byte.
std::string tag_text(ULONG tag) {
  std::string text;
  for (unsigned i = 0; i < 4; ++i) {
    const auto c = static_cast<char>(tag >> (8 * i) & 0xFF);
    text += c >= ' ' && c <= '~' ? c : '.';
  }
  return text;
}

// On both sides of a register window: what is beyond a BAR is nobody's memory.
constexpr std::size_t kNoRegisters = 1U << 20;

void* reserve_window(std::size_t bytes) {
  void* address =
      mmap(nullptr, bytes + 2 * kNoRegisters, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return address == MAP_FAILED ? nullptr : static_cast<char*>(address) + kNoRegisters;
}

void give_window_back(std::uintptr_t address, std::size_t bytes) {
  munmap(reinterpret_cast<void*>(address - kNoRegisters), bytes + 2 * kNoRegisters);
}

BugCheck::Stop& newest_stop() {
  thread_local BugCheck::Stop stop;
  return stop;
}

}  // namespace

WaitBoundExceeded::WaitBoundExceeded(std::string object, std::uint64_t cycles)
    : std::runtime_error(fmt::format("waited {} cycles for {}, which nobody signalled", cycles, object)),
      object_(std::move(object)),
      cycles_(cycles) {}

BugCheck::BugCheck(ULONG code, ULONG_PTR p1, ULONG_PTR p2, ULONG_PTR p3, ULONG_PTR p4)
    : std::runtime_error(
          fmt::format("bugcheck {:#x} (parameters {:#x}, {:#x}, {:#x}, {:#x})", code, p1, p2, p3, p4)),
      code_(code),
      parameters_{p1, p2, p3, p4} {
  newest_stop() = {code, {p1, p2, p3, p4}};
}

BugCheck::Stop BugCheck::newest() { return newest_stop(); }

Runtime::Runtime(const hw::Platform& platform, Options options)
    : platform_(platform), options_(std::move(options)), objects_(std::make_unique<Objects>()) {
  if (active_runtime != nullptr) throw std::logic_error("a WDK runtime is active already");
  if (platform_.time == nullptr) throw std::logic_error("the WDK runtime needs a platform with time");
  if (options_.take_pool_pages && options_.give_pool_pages)
    arena_ = std::make_unique<PoolArena>(options_.take_pool_pages, options_.give_pool_pages);
  active_runtime = this;
}

Runtime::~Runtime() {
  for (const auto& [address, window] : windows_) give_window_back(address, window.reserved);
  drop_pool();
  active_runtime = nullptr;
}

void Runtime::drop_pool() {
  for (const auto& [address, block] : pool_) {
    try {
      release(address, block);
    } catch (const std::logic_error&) {
      // Pages that a device still reaches: whoever owns the machine's memory takes them along.
    }
  }
  pool_.clear();
}

void Runtime::release(void* address, const PoolBlock& block) {
  if (block.arena != nullptr)
    block.arena->free(address);
  else
    std::free(address);
}

Runtime& Runtime::active() {
  if (active_runtime == nullptr) throw std::logic_error("a kernel routine was called without a WDK runtime");
  return *active_runtime;
}

Runtime* Runtime::active_or_null() { return active_runtime; }

Runtime& Runtime::enter(const char* routine) {
  Runtime& runtime = active();
  if (runtime.options_.on_call) runtime.options_.on_call(routine);
  return runtime;
}

void Runtime::rule_broken(const std::string& what) const {
  if (options_.on_rule_error) options_.on_rule_error(what);
  throw KernelRuleError(what);
}

void Runtime::lend(const char* kind, const void* what, std::size_t bytes) const {
  if (options_.on_loan) options_.on_loan(kind, what, bytes, true);
}

void Runtime::take_back(const char* kind, const void* what) const {
  if (options_.on_loan) options_.on_loan(kind, what, 0, false);
}

void Runtime::require_at_most(KIRQL level, const char* what) const {
  if (irql() > level) rule_broken(fmt::format("{} at IRQL {}, allowed up to {}", what, irql(), level));
}

void Runtime::wait_bounded(const void* object, const std::function<bool()>& ready,
                           const std::function<bool()>& take) {
  const std::uint64_t bound = options_.infinite_wait_cycles;
  const std::uint64_t start = time().now();
  while (!take()) {
    const std::uint64_t gone = time().now() - start;
    if (gone >= bound || !time().wait_until(ready, bound - gone)) {
      if (options_.on_rule_error)
        options_.on_rule_error(
            fmt::format("waited {} cycles for {}, which nobody signalled", bound, object_name(object)));
      throw WaitBoundExceeded(object_name(object), bound);
    }
  }
}

void* Runtime::map_mmio(hw::Mmio& mmio, std::uint64_t offset, std::uint64_t bytes) {
  const std::uint64_t in_page = (mmio.base() + offset) % hw::kPageSize;
  const std::size_t reserved = (in_page + bytes + hw::kPageSize - 1) & ~(hw::kPageSize - 1);
  void* address = reserve_window(reserved);
  if (address == nullptr) {
    throw std::system_error(
        errno, std::generic_category(),
        fmt::format("reserving {} bytes for the registers at {:#x}", reserved, mmio.base()));
  }
  void* given = static_cast<char*>(address) + in_page;
  windows_[reinterpret_cast<std::uintptr_t>(address)] = {&mmio, offset - in_page, reserved, given};
  lend("registers", given, bytes);
  return given;
}

void Runtime::unmap_mmio(void* address) {
  const auto window =
      windows_.find(reinterpret_cast<std::uintptr_t>(address) & ~std::uintptr_t{hw::kPageSize - 1});
  if (window == windows_.end() || window->second.given != address) {
    throw std::invalid_argument(fmt::format("unmapping {}, which is no register window", address));
  }
  take_back("registers", address);
  give_window_back(window->first, window->second.reserved);
  windows_.erase(window);
}

Runtime::RegisterPlace Runtime::find_register(const volatile void* address) const {
  const auto place = reinterpret_cast<std::uintptr_t>(address);
  auto window = windows_.upper_bound(place);
  if (window == windows_.begin()) return {};
  --window;
  const std::uint64_t offset = place - window->first;
  if (offset >= window->second.reserved) return {};
  return {window->second.mmio, window->second.offset + offset};
}

std::uintptr_t Runtime::current_thread() const {
  return options_.current_thread ? options_.current_thread()
                                 : reinterpret_cast<std::uintptr_t>(&host_thread_mark);
}

KIRQL Runtime::irql() const {
  const std::lock_guard guard(irql_mutex_);
  const auto entry = irql_.find(current_thread());
  return entry == irql_.end() ? PASSIVE_LEVEL : entry->second;
}

KIRQL Runtime::set_irql(KIRQL level) {
  const KIRQL old = irql();
  if (level < DISPATCH_LEVEL) give_processor(*objects_, current_thread());
  {
    const std::lock_guard guard(irql_mutex_);
    if (level == PASSIVE_LEVEL) {
      irql_.erase(current_thread());
    } else {
      irql_[current_thread()] = level;
    }
  }
  if (objects_->level_set) objects_->level_set(level);
  return old;
}

std::uint64_t Runtime::cycles_from_100ns(std::uint64_t ticks) const {
  const long double cycles = std::ceil(static_cast<long double>(ticks) * 100 / time().cycle_ns());
  constexpr auto kMax = std::numeric_limits<std::uint64_t>::max();
  return cycles >= static_cast<long double>(kMax) ? kMax : static_cast<std::uint64_t>(cycles);
}

std::uint64_t Runtime::cycles_from_now(LONGLONG timeout) const {
  if (timeout <= 0) return cycles_from_100ns(-static_cast<std::uint64_t>(timeout));
  const auto due = static_cast<std::uint64_t>(timeout);
  const std::uint64_t now = now_100ns();
  return due > now ? cycles_from_100ns(due - now) : 0;
}

std::uint64_t Runtime::now_100ns() const {
  return static_cast<std::uint64_t>(static_cast<long double>(time().now()) * time().cycle_ns() / 100);
}

void Runtime::name_object(const void* object, std::string name) { names_[object] = std::move(name); }

std::string Runtime::object_name(const void* object) const {
  const auto name = names_.find(object);
  return name == names_.end() ? fmt::format("the object at {}", object) : name->second;
}

void* Runtime::pool_allocate(std::size_t bytes, ULONG tag, bool zero, Pool pool) {
  if (tag == 0 || bytes == 0) return nullptr;
  if (pool_failure_countdown_ == 0) return nullptr;
  if (pool_failure_countdown_ > 0) --pool_failure_countdown_;
  if (bytes > std::numeric_limits<std::size_t>::max() - hw::kPageSize) return nullptr;
  std::size_t rounded = rounded_up(bytes);
  PoolArena* const arena = pool == Pool::kNonPaged ? arena_.get()
                           : pool == Pool::kPaged  ? paged_arena_.get()
                                                   : nullptr;
  void* address =
      arena != nullptr ? arena->allocate(bytes) : std::aligned_alloc(pool_alignment(bytes), rounded);
  if (address == nullptr) return nullptr;
  if (arena != nullptr) rounded = arena->size_of(address);
  // Drivers that forget to initialise shall see it.
  memset(address, zero ? 0 : 0xCD, bytes);
  memset(static_cast<unsigned char*>(address) + bytes, kPastEnd, rounded - bytes);
  pool_[address] = {bytes, tag, arena};
  lend("pool", address, bytes);
  return address;
}

void Runtime::pool_free(void* address, ULONG tag, bool check_tag) {
  const auto block = pool_.find(address);
  const auto refuse = [this](const BugCheck& bugcheck, const char* why) {
    if (options_.on_rule_error) options_.on_rule_error(fmt::format("{}: {}", bugcheck.what(), why));
    throw bugcheck;
  };
  if (block == pool_.end()) {
    refuse({kBadPoolCaller, kFreeOfUnknownAddress, reinterpret_cast<ULONG_PTR>(address), 0, 0},
           "freeing what the pool did not give out, or twice");
  }
  if (check_tag && block->second.tag != tag) {
    refuse({kBadPoolCaller, kFreeWithWrongTag, reinterpret_cast<ULONG_PTR>(address), block->second.tag, tag},
           "freeing with another tag");
  }
  check_end(address, block->second);
  const std::size_t bytes = block->second.bytes;
  const auto* const begin = static_cast<const unsigned char*>(address);
  for (const auto& [lookaside, state] : objects_->lookasides) {
    if (std::find(state.kept.begin(), state.kept.end(), address) == state.kept.end()) continue;
    rule_broken(fmt::format("freeing pool at {} that was freed to {}, a lookaside list, already", address,
                            object_name(lookaside)));
  }
  const auto list = objects_->lookasides.lower_bound(address);
  if (list != objects_->lookasides.end() && static_cast<const unsigned char*>(list->first) < begin + bytes) {
    rule_broken(fmt::format("freeing pool at {} with {}, a lookaside list that is in use", address,
                            object_name(list->first)));
  }
  // Whoever ends the timer, or gives the lock back, would write to memory of somebody else.
  const auto timer = objects_->timers.lower_bound(static_cast<const KTIMER*>(address));
  if (timer != objects_->timers.end() && reinterpret_cast<const unsigned char*>(timer->first) < begin + bytes)
    rule_broken(
        fmt::format("freeing pool at {} with {}, a timer that is set", address, object_name(timer->first)));
  const KSPIN_LOCK* held = nullptr;
  {
    const std::lock_guard guard(objects_->spin_mutex);
    const auto lock = objects_->spin_held.lower_bound(static_cast<const KSPIN_LOCK*>(address));
    if (lock != objects_->spin_held.end() &&
        reinterpret_cast<const unsigned char*>(lock->first) < begin + bytes)
      held = lock->first;
  }
  if (held != nullptr)
    rule_broken(
        fmt::format("freeing pool at {} with {}, a spin lock that is held", address, object_name(held)));
  if (is_paged_pool(address)) require_at_most(APC_LEVEL, "freeing paged pool");
  try {
    release(address, block->second);
  } catch (const std::logic_error& error) {
    rule_broken(fmt::format("freeing pool at {} that is locked or that a device can still reach: {}", address,
                            error.what()));
  }
  pool_.erase(block);
  for (auto& [lookaside, state] : objects_->lookasides) state.given.erase(address);
  take_back("pool", address);
}

void Runtime::check_end(const void* address, const PoolBlock& block) const {
  const std::size_t rounded =
      block.arena != nullptr ? block.arena->size_of(address) : rounded_up(block.bytes);
  const auto* const begin = static_cast<const unsigned char*>(address);
  const auto* const changed =
      std::find_if(begin + block.bytes, begin + rounded, [](unsigned char byte) { return byte != kPastEnd; });
  if (changed != begin + rounded)
    rule_broken(fmt::format("pool at {} of {} bytes, tag '{}', was written past its end: at offset {}",
                            address, block.bytes, tag_text(block.tag), changed - begin));
}

void Runtime::check_pool() const {
  for (const auto& [address, block] : pool_) check_end(address, block);
}

std::size_t Runtime::pool_bytes() const {
  std::size_t bytes = 0;
  for (const auto& [address, block] : pool_) bytes += block.bytes;
  return bytes;
}

void Runtime::give_paged_pool_frames(PoolArena::Take take, std::function<bool(hw::PhysAddr)> is_locked) {
  paged_arena_ = std::make_unique<PoolArena>(std::move(take), options_.give_pool_pages);
  is_locked_ = std::move(is_locked);
}

bool Runtime::is_paged_pool(const void* address) const {
  return paged_arena_ != nullptr && paged_arena_->holds(address);
}

void Runtime::debug_print(std::string_view text) const {
  if (options_.debug_output) {
    options_.debug_output(text);
  } else {
    std::fwrite(text.data(), 1, text.size(), stderr);
  }
}

IrqlRaise::IrqlRaise(Runtime& runtime, KIRQL level) : runtime_(runtime), old_(runtime.irql()) {
  if (old_ > level)
    runtime_.rule_broken(fmt::format("raising the IRQL from {} to the lower {}", old_, level));
  runtime_.set_irql(level);
}

IrqlRaise::~IrqlRaise() { runtime_.set_irql(old_); }

}  // namespace gpudmar::wdk
