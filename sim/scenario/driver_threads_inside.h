// SPDX-License-Identifier: Apache-2.0
// Inner state of a run of driver threads, shared by its source files only.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>

#include "driver-model/kmd/allocation.h"
#include "driver-model/kmd/escape.h"
#include "sim/random/pattern.h"
#include "sim/random/proposals.h"
#include "sim/scenario/driver_threads.h"
#include "sim/scenario/names.h"
#include "sim/scenario/system.h"
#include "sim/scenario/system_actions.h"

namespace gpudmar::sim {

using random::Dice;

/// An object, as far as the thread that made it has come with it.
struct Piece {
  std::uint32_t object = 0;
  std::uint64_t size = 0;
  bool open = false;
  std::uint32_t adl = 0;      ///< 0: none
  std::uint64_t address = 0;  ///< mapped there; 0: not
  std::uint64_t pattern = 0;  ///< what it holds
};

struct Allocation {
  dxgkrnl::AllocationId id = 0;
  std::uint64_t size = 0;
  std::uint64_t pattern = 0;
};

class DriverThreads {
 public:
  DriverThreads(Machine& machine, const ThreadsOptions& options, ScenarioResult& result)
      : machine_(machine),
        options_(options),
        result_(result),
        platform_(machine.platform()),
        bars_(make_removable(platform_)),
        kernel_(platform_, config(options)) {}
  void run();

 private:
  struct Thread {
    unsigned index = 0;
    Dice dice;
    std::vector<Piece> own;
    std::optional<Allocation> allocation;
    std::uint64_t step = 0;
  };
  /// One thing that a thread may do; false: there was nothing to do it with.
  using Action = bool (DriverThreads::*)(Thread&);

  static dxgkrnl::KernelConfig config(const ThreadsOptions& options) {
    dxgkrnl::KernelConfig config = kernel_config(options.seed);
    config.runtime.debug_output = [](std::string_view) {};
    config.force_logical = !options.isolation;
    config.isolation = options.isolation;
    return config;
  }

  /// What no call has to do with: it unwinds a thread, or an action.
  struct Gone {};
  struct Refused {};

  template <typename Args>
  NTSTATUS send(std::uint32_t command, Args& args) {
    args.header = {GDM_ESCAPE_MAGIC, command, sizeof(Args), 0};
    const std::uint64_t armings = armings_;
    const bool armed = armed_;
    NTSTATUS status = kernel_.escape(&args, sizeof(Args));
    if (NT_SUCCESS(status)) status = args.header.status;
    const bool short_of_memory = status == STATUS_NO_MEMORY || status == STATUS_INSUFFICIENT_RESOURCES ||
                                 status == STATUS_COMMITMENT_LIMIT;  // of a section, R55
    if (short_of_memory && (armed || armings != armings_)) throw Refused();
    return status;
  }
  template <typename Args>
  void must(const char* what, std::uint32_t command, Args& args) {
    must(what, send(command, args));
  }
  /// Throws unless it succeeded: Gone when the adapters were pulled out.
  void must(const char* what, NTSTATUS status) const {
    if (NT_SUCCESS(status)) return;
    if (gone_) throw Gone();
    throw std::runtime_error(fmt::format("{}: {}", what, status_name(status)));
  }

  /// A use of the adapters that others of the kind may go beside, but none of which the system has to itself.
  class Use {
   public:
    explicit Use(unsigned& count) : count_(count) { ++count_; }
    ~Use() { --count_; }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    unsigned& count_;
  };

  void body(Thread& thread);
  void work(Thread& thread);
  void clean_up(Thread& thread);
  void pause(Thread& thread);
  [[nodiscard]] Piece* pick(Thread& thread, const std::function<bool(const Piece&)>& test);
  [[nodiscard]] std::uint64_t fresh_pattern() { return ++patterns_; }
  void map(Piece& piece, bool user);
  void unmap(Piece& piece);
  void write(Piece& piece, std::uint64_t pattern);
  void compare(Piece& piece, const std::string& what);
  void open(Piece& piece, Thread& thread);
  void allocate_adl(Piece& piece, Thread& thread);
  void free_adl(Piece& piece);
  void destroy(Piece& piece, Thread& thread);
  NTSTATUS copy(unsigned gpu, const GdmOperand& from, const GdmOperand& to, std::uint64_t size);

  bool create(Thread& thread);
  bool open_one(Thread& thread);
  bool map_one(Thread& thread);
  bool unmap_one(Thread& thread);
  bool adl_one(Thread& thread);
  bool free_one(Thread& thread);
  bool close_one(Thread& thread);
  bool destroy_one(Thread& thread);
  bool copy_own(Thread& thread);
  bool copy_shared(Thread& thread);
  bool publish(Thread& thread);
  bool withdraw(Thread& thread);
  bool page(Thread& thread);
  bool reattach(Thread& thread);
  bool power(Thread& thread);
  bool run_short(Thread& thread);
  /// The system takes its turn: nobody begins to page, to copy or to reattach, and nobody does any more.
  [[nodiscard]] bool take_turn(bool copies_too);
  void remove(Thread& thread);

  [[nodiscard]] unsigned gpus() const { return static_cast<unsigned>(machine_.platform().functions.size()); }
  [[nodiscard]] std::string digest();

  Machine& machine_;
  ThreadsOptions options_;
  ScenarioResult& result_;
  hw::Platform platform_;  ///< with devices that can be pulled out
  RemovableBars bars_;
  dxgkrnl::Kernel kernel_;
  std::unique_ptr<Guarantees> guarantees_;  // ends before the kernel
  std::deque<Piece> shared_;
  std::uint64_t patterns_ = 0;
  unsigned running_ = 0;
  unsigned copying_ = 0;       ///< copies under way
  unsigned system_uses_ = 0;   ///< paging and reattachments under way
  bool turn_ = false;          ///< the system's
  bool armed_ = false;         ///< memory may run out
  std::uint64_t armings_ = 0;  ///< how often it could
  bool gone_ = false;          ///< the adapters were pulled out
};

}  // namespace gpudmar::sim
