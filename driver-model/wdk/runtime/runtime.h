// SPDX-License-Identifier: Apache-2.0
// The kernel under a miniport: what Ke*, Ex*, Dbg* and the register macros of the kit need, over one
// hw::Platform.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>

#include "driver-model/hw/hw.h"
#include "driver-model/wdk/runtime/pool_arena.h"
#include "wdm.h"

namespace gpudmar::wdk {

/// A driver broke a rule of the kernel that a checked Windows would stop on: waiting at DISPATCH_LEVEL,
/// lowering the IRQL by raising it, taking a fast mutex twice.
class KernelRuleError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// A wait without end went past Options::infinite_wait_cycles.
class WaitBoundExceeded : public std::runtime_error {
 public:
  WaitBoundExceeded(std::string object, std::uint64_t cycles);
  /// What was waited for, as named by Runtime::name_object, or its address.
  [[nodiscard]] const std::string& object() const { return object_; }
  [[nodiscard]] std::uint64_t cycles() const { return cycles_; }

 private:
  std::string object_;
  std::uint64_t cycles_;
};

/// KeBugCheckEx: the end of the system, as an event that tests can catch.
class BugCheck : public std::runtime_error {
 public:
  BugCheck(ULONG code, ULONG_PTR p1, ULONG_PTR p2, ULONG_PTR p3, ULONG_PTR p4);
  [[nodiscard]] ULONG code() const { return code_; }
  /// Parameter 1 to 4 by index 0 to 3.
  [[nodiscard]] ULONG_PTR parameter(unsigned index) const { return parameters_[index]; }
  /// Code and parameters of the newest one, for observers that an exception passes by; all 0: there was none.
  struct Stop {
    ULONG code = 0;
    std::array<ULONG_PTR, 4> parameters{};
  };
  [[nodiscard]] static Stop newest();

 private:
  ULONG code_;
  ULONG_PTR parameters_[4];
};

/// One kernel. While an instance lives, the C functions of the kit act on it; a second one is refused.
class Runtime {
 public:
  struct Options {
    /// Bound of waits that the driver asked to be endless: infinite timeouts, fast mutexes, spin locks. In
    /// cycles.
    std::uint64_t infinite_wait_cycles = 100'000'000;
    /// Identity of the running thread of execution; each has its own IRQL. Empty: the host thread's. A
    /// SystemC bench gives its current process here, since all of those share one host thread.
    std::function<std::uintptr_t()> current_thread;
    /// Pages for non-paged pool, mapped for the CPU one behind the other, and back again (PoolArena): so that
    /// MDLs of it have page frames, and devices can reach it. Empty: pool is the host's memory and has none.
    PoolArena::Take take_pool_pages;
    PoolArena::Give give_pool_pages;
    /// Receives the text of DbgPrint. Empty: standard error.
    std::function<void(std::string_view)> debug_output;
    /// Begins a thread of execution, for system threads, timers, DPCs and work items. Empty: those routines
    /// break a rule.
    std::function<void(std::string name, std::function<void()> body)> spawn;
    /// Called at the begin of each kernel routine, by its name; may let time pass.
    std::function<void(const char* routine)> on_call;
    /// A rule is broken, as KernelRuleError will say: called where it happens.
    std::function<void(const std::string& what)> on_rule_error;
    /// What the kernel lends came to be or is gone. `kind`: "pool", "registers", "thread", "timer", "work
    /// item", "MDL mapping".
    std::function<void(const char* kind, const void* what, std::size_t bytes, bool begins)> on_loan;
  };

  /// Throws std::logic_error if another instance lives or if the platform has no time.
  explicit Runtime(const hw::Platform& platform) : Runtime(platform, Options()) {}
  Runtime(const hw::Platform& platform, Options options);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  /// The living instance. Throws std::logic_error if there is none.
  [[nodiscard]] static Runtime& active();
  /// The same, or null.
  [[nodiscard]] static Runtime* active_or_null();
  /// active(), at the begin of a kernel routine that the driver called.
  static Runtime& enter(const char* routine);
  /// Throws KernelRuleError.
  [[noreturn]] void rule_broken(const std::string& what) const;
  void lend(const char* kind, const void* what, std::size_t bytes = 0) const;
  void take_back(const char* kind, const void* what) const;

  [[nodiscard]] hw::Time& time() const { return *platform_.time; }
  [[nodiscard]] const Options& options() const { return options_; }

  // ---- Register windows (MmMapIoSpace, DxgkCbMapMemory) ----

  /// Reserve inaccessible addresses that stand for the window, or for `bytes` of it from `offset` on, with
  /// the pages around them. READ_REGISTER_* and WRITE_REGISTER_* on them reach `mmio`; a plain dereference
  /// faults, as it should: register accesses take bus time. Throws std::system_error.
  [[nodiscard]] void* map_mmio(hw::Mmio& mmio) { return map_mmio(mmio, 0, mmio.size()); }
  [[nodiscard]] void* map_mmio(hw::Mmio& mmio, std::uint64_t offset, std::uint64_t bytes);
  /// Take a window back. Throws std::invalid_argument if map_mmio did not return `address`.
  void unmap_mmio(void* address);
  struct RegisterPlace {
    hw::Mmio* mmio = nullptr;  ///< null: ordinary memory
    std::uint64_t offset = 0;  ///< bytes
  };
  [[nodiscard]] RegisterPlace find_register(const volatile void* address) const;

  // ---- IRQL ----

  [[nodiscard]] KIRQL irql() const;
  /// Set the level of the running thread of execution; returns the old one.
  KIRQL set_irql(KIRQL level);
  [[nodiscard]] std::uintptr_t current_thread() const;

  // ---- Time ----

  /// Cycles that cover `ticks` of 100 ns; saturates.
  [[nodiscard]] std::uint64_t cycles_from_100ns(std::uint64_t ticks) const;
  /// Cycles until a time-out in 100 ns: negative from now on, positive an absolute time.
  [[nodiscard]] std::uint64_t cycles_from_now(LONGLONG timeout) const;
  /// 100 ns units since reset: the interrupt time, and in this kernel also the system time.
  [[nodiscard]] std::uint64_t now_100ns() const;

  /// Give a dispatcher object a name for messages.
  void name_object(const void* object, std::string name);
  [[nodiscard]] std::string object_name(const void* object) const;

  // ---- Pool ----

  /// Where a block comes from: the source of pages for its kind, if there is one, else the host's memory.
  enum class Pool { kHost, kNonPaged, kPaged };
  [[nodiscard]] void* pool_allocate(std::size_t bytes, ULONG tag, bool zero, Pool pool = Pool::kHost);
  void pool_free(void* address, ULONG tag, bool check_tag);
  [[nodiscard]] std::size_t pool_blocks() const { return pool_.size(); }  ///< allocations alive
  [[nodiscard]] std::size_t pool_bytes() const;                           ///< bytes in them
  /// Looks at the ends of what is still allocated, as pool_free() does. Throws KernelRuleError.
  void check_pool() const;
  /// Let pool allocations fail from the n-th on (0 = the next); negative: never. For tests of failure paths.
  void fail_pool_after(std::int64_t allocations) { pool_failure_countdown_ = allocations; }
  /// Give up everything that is still allocated: for owners that the source of pages does not outlive.
  void drop_pool();

  /// Pages for paged pool, too, which Options::give_pool_pages takes back: nobody has locked them. They count
  /// as page frames while `is_locked`: somebody keeps the page at that physical address where it is.
  void give_paged_pool_frames(PoolArena::Take take, std::function<bool(hw::PhysAddr)> is_locked);
  /// The address is in paged pool that has page frames.
  [[nodiscard]] bool is_paged_pool(const void* address) const;
  /// Of such an address, and where it is in physical memory: nobody keeps it there.
  [[nodiscard]] bool may_move(const void* address, hw::PhysAddr physical) const {
    return is_paged_pool(address) && !is_locked_(physical);
  }

  void debug_print(std::string_view text) const;

  // ---- Objects with a life of their own (kernel_objects.h)

  struct Objects;
  [[nodiscard]] Objects& objects() { return *objects_; }
  [[nodiscard]] const hw::Platform& platform() const { return platform_; }
  /// Throws KernelRuleError if the IRQL is above `level`.
  void require_at_most(KIRQL level, const char* what) const;
  /// Let time pass until `take` succeeds; it is tried again after each wake-up, since another waiter may have
  /// been faster. `ready` looks only. Throws WaitBoundExceeded.
  void wait_bounded(const void* object, const std::function<bool()>& ready,
                    const std::function<bool()>& take);

 private:
  struct Window {
    hw::Mmio* mmio;
    std::uint64_t offset;  // of the first page
    std::size_t reserved;
    void* given;  // what the caller got
  };
  struct PoolBlock {
    std::size_t bytes;
    ULONG tag;
    PoolArena* arena;  // null: the host's memory
  };

  static void release(void* address, const PoolBlock& block);
  void check_end(const void* address, const PoolBlock& block) const;

  hw::Platform platform_;
  Options options_;
  std::map<std::uintptr_t, Window> windows_;
  mutable std::mutex irql_mutex_;
  std::map<std::uintptr_t, KIRQL> irql_;  // threads above PASSIVE_LEVEL only
  std::map<const void*, std::string> names_;
  std::map<void*, PoolBlock> pool_;
  std::unique_ptr<PoolArena> arena_;  // null: no source of pages
  std::int64_t pool_failure_countdown_ = -1;
  std::unique_ptr<Objects> objects_;
  std::unique_ptr<PoolArena> paged_arena_;  // null: paged pool is the host's memory
  std::function<bool(hw::PhysAddr)> is_locked_;
};

/// Raises the running thread's IRQL and restores it: around interrupt routines, DPCs and synchronised
/// routines.
class IrqlRaise {
 public:
  /// Throws KernelRuleError if the thread is above `level` already.
  IrqlRaise(Runtime& runtime, KIRQL level);
  ~IrqlRaise();
  IrqlRaise(const IrqlRaise&) = delete;
  IrqlRaise& operator=(const IrqlRaise&) = delete;

 private:
  Runtime& runtime_;
  KIRQL old_;
};

/// The level at which this kernel runs interrupt routines.
inline constexpr KIRQL kDeviceIrql = 5;

}  // namespace gpudmar::wdk
