// SPDX-License-Identifier: Apache-2.0
// The threads' work. What a thread has for itself must always work; what it shares may have been taken away
// by another thread, but only before it is used or after: a copy that was accepted is a copy that arrives.
#ifndef SC_INCLUDE_DYNAMIC_PROCESSES
#define SC_INCLUDE_DYNAMIC_PROCESSES
#endif
#include "sim/scenario/driver_threads.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <systemc>

#include "driver-model/kmd/allocation.h"
#include "driver-model/kmd/escape.h"
#include "driver-model/kmd/parameters.h"
#include "sim/random/pattern.h"
#include "sim/random/proposals.h"
#include "sim/scenario/guarantees.h"
#include "sim/scenario/names.h"
#include "sim/scenario/system.h"

namespace gpudmar::sim {
namespace {

using random::Dice;

constexpr std::uint64_t kPage = hw::kPageSize;
constexpr std::uint64_t kLocalBytes = 1ULL << 20;  // of VRAM, for each thread
constexpr std::uint64_t kMaxPages = 16;            // of an object: a copy of it takes a while
constexpr std::size_t kMaxOwn = 5;                 // objects of a thread
constexpr std::size_t kMaxShared = 6;
constexpr int kStackBytes = 1 << 20;
constexpr std::uint64_t kRunCycles = 400'000'000;  // a run that lasts longer hangs

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
      : machine_(machine), options_(options), result_(result), kernel_(machine.platform(), config(options)) {}
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

  template <typename Args>
  NTSTATUS send(std::uint32_t command, Args& args) {
    args.header = {GDM_ESCAPE_MAGIC, command, sizeof(Args), 0};
    const NTSTATUS status = kernel_.escape(&args, sizeof(Args));
    return NT_SUCCESS(status) ? args.header.status : status;
  }
  template <typename Args>
  void must(const char* what, std::uint32_t command, Args& args) {
    if (const NTSTATUS status = send(command, args); !NT_SUCCESS(status))
      throw std::runtime_error(fmt::format("{}: {}", what, status_name(status)));
  }
  static void must(const char* what, NTSTATUS status) {
    if (!NT_SUCCESS(status)) throw std::runtime_error(fmt::format("{}: {}", what, status_name(status)));
  }

  void body(Thread& thread);
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

  [[nodiscard]] unsigned gpus() const { return static_cast<unsigned>(machine_.platform().functions.size()); }
  [[nodiscard]] std::string digest();

  Machine& machine_;
  ThreadsOptions options_;
  ScenarioResult& result_;
  dxgkrnl::Kernel kernel_;
  std::unique_ptr<Guarantees> guarantees_;  // ends before the kernel
  std::deque<Piece> shared_;
  std::uint64_t patterns_ = 0;
  unsigned running_ = 0;
};

// ---- Single calls

Piece* DriverThreads::pick(Thread& thread, const std::function<bool(const Piece&)>& test) {
  std::vector<Piece*> fit;
  for (Piece& piece : thread.own)
    if (test(piece)) fit.push_back(&piece);
  return fit.empty() ? nullptr : thread.dice.of(fit);
}

void DriverThreads::map(Piece& piece, bool user) {
  GdmMapObject args{};
  args.object = piece.object;
  args.user_mode = user ? 1 : 0;
  args.size = piece.size;
  must("map", GDM_ESCAPE_MAP_OBJECT, args);
  piece.address = args.address;
}

void DriverThreads::unmap(Piece& piece) {
  GdmMapObject args{};
  args.object = piece.object;
  args.address = piece.address;
  must("unmap", GDM_ESCAPE_UNMAP_OBJECT, args);
  piece.address = 0;
}

// The content by the CPU, through the mapping that there is or one for the purpose.
void DriverThreads::write(Piece& piece, std::uint64_t pattern) {
  const bool mapped = piece.address != 0;
  if (!mapped) map(piece, false);
  auto* data = reinterpret_cast<std::uint8_t*>(static_cast<std::uintptr_t>(piece.address));
  for (std::uint64_t i = 0; i < piece.size; ++i) data[i] = random::pattern_byte(pattern, i);
  piece.pattern = pattern;
  if (!mapped) unmap(piece);
}

void DriverThreads::compare(Piece& piece, const std::string& what) {
  const bool mapped = piece.address != 0;
  if (!mapped) map(piece, false);
  const auto* data = reinterpret_cast<const std::uint8_t*>(static_cast<std::uintptr_t>(piece.address));
  for (std::uint64_t i = 0; i < piece.size; ++i)
    if (const std::uint8_t byte = random::pattern_byte(piece.pattern, i); data[i] != byte)
      throw std::runtime_error(
          fmt::format("{}: byte {:#x} is {:#04x} instead of {:#04x}", what, i, data[i], byte));
  result_.bytes_verified += piece.size;
  if (!mapped) unmap(piece);
}

void DriverThreads::open(Piece& piece, Thread& thread) {
  GdmObjectCommand args{};
  args.object = piece.object;
  args.adapter_index = static_cast<std::uint32_t>(thread.dice.below(gpus()));
  must("open", GDM_ESCAPE_OPEN_OBJECT, args);
  piece.open = true;
}

void DriverThreads::allocate_adl(Piece& piece, Thread& thread) {
  GdmAllocateAdl args{};
  args.object = piece.object;
  args.size = piece.size;
  args.flags = thread.dice.chance(0.5) ? GDM_ADL_PREFER_CONTIGUOUS : 0;
  must("allocate ADL", GDM_ESCAPE_ALLOCATE_ADL, args);
  piece.adl = args.adl;
}

void DriverThreads::free_adl(Piece& piece) {
  GdmFreeAdl args{};
  args.adl = piece.adl;
  must("free ADL", GDM_ESCAPE_FREE_ADL, args);
  piece.adl = 0;
}

void DriverThreads::destroy(Piece& piece, Thread& thread) {
  if (piece.address != 0) unmap(piece);
  if (piece.adl != 0) free_adl(piece);
  GdmDestroyObject args{};
  args.object = piece.object;
  args.form = thread.dice.chance(0.5) ? GDM_DESTROY_COMBINED : GDM_DESTROY_SPLIT;
  must("destroy", GDM_ESCAPE_DESTROY_OBJECT, args);
}

NTSTATUS DriverThreads::copy(unsigned gpu, const GdmOperand& from, const GdmOperand& to, std::uint64_t size) {
  GdmCopy args{};
  args.adapter_index = gpu;
  args.source = from;
  args.destination = to;
  args.size = size;
  const NTSTATUS status = send(GDM_ESCAPE_COPY, args);
  if (args.error.code != 0)
    throw std::runtime_error(fmt::format("a copy that was accepted failed: GPU {}, device error {} at {:#x}",
                                         gpu, args.error.code, args.error.address));
  return status;
}

// ---- What a thread may do

bool DriverThreads::create(Thread& thread) {
  if (thread.own.size() >= kMaxOwn) return false;
  GdmCreateObject args{};
  args.type = static_cast<std::uint32_t>(thread.dice.below(3));  // MDL, contiguous, section
  args.cache = GDM_CACHE_CACHED;
  args.size = (1 + thread.dice.below(kMaxPages)) * kPage;
  args.high = ~0ULL;
  args.protection = PAGE_READWRITE;
  args.with_adapter = thread.dice.chance(0.6) ? 1 : 0;
  args.adapter_index = static_cast<std::uint32_t>(thread.dice.below(gpus()));
  must("create", GDM_ESCAPE_CREATE_OBJECT, args);
  Piece piece;
  piece.object = args.object;
  piece.size = args.size;
  piece.open = args.with_adapter != 0;
  write(piece, fresh_pattern());
  thread.own.push_back(piece);
  return true;
}

bool DriverThreads::open_one(Thread& thread) {
  Piece* piece = pick(thread, [](const Piece& p) { return !p.open; });
  if (piece != nullptr) open(*piece, thread);
  return piece != nullptr;
}

bool DriverThreads::map_one(Thread& thread) {
  Piece* piece = pick(thread, [](const Piece& p) { return p.address == 0; });
  if (piece != nullptr) map(*piece, thread.dice.chance(0.5));
  return piece != nullptr;
}

bool DriverThreads::unmap_one(Thread& thread) {
  Piece* piece = pick(thread, [](const Piece& p) { return p.address != 0; });
  if (piece == nullptr) return false;
  compare(*piece, "mapped object");
  unmap(*piece);
  return true;
}

bool DriverThreads::adl_one(Thread& thread) {
  Piece* piece = pick(thread, [](const Piece& p) { return p.open && p.adl == 0; });
  if (piece != nullptr) allocate_adl(*piece, thread);
  return piece != nullptr;
}

bool DriverThreads::free_one(Thread& thread) {
  Piece* piece = pick(thread, [](const Piece& p) { return p.adl != 0; });
  if (piece != nullptr) free_adl(*piece);
  return piece != nullptr;
}

bool DriverThreads::close_one(Thread& thread) {
  Piece* piece = pick(thread, [](const Piece& p) { return p.open && p.adl == 0; });
  if (piece == nullptr) return false;
  GdmObjectCommand args{};
  args.object = piece->object;
  must("close", GDM_ESCAPE_CLOSE_OBJECT, args);
  piece->open = false;
  return true;
}

bool DriverThreads::destroy_one(Thread& thread) {
  Piece* piece = pick(thread, [](const Piece&) { return true; });
  if (piece == nullptr) return false;
  compare(*piece, "object before its end");
  const std::uint32_t object = piece->object;
  destroy(*piece, thread);
  thread.own.erase(
      std::find_if(thread.own.begin(), thread.own.end(), [&](const Piece& p) { return p.object == object; }));
  return true;
}

// From one ADL through local memory to another.
bool DriverThreads::copy_own(Thread& thread) {
  Piece* from = pick(thread, [](const Piece& p) { return p.adl != 0; });
  Piece* to = pick(thread, [&](const Piece& p) { return p.adl != 0 && &p != from; });
  if (from == nullptr || to == nullptr || from->size < to->size) return false;
  const auto gpu = static_cast<unsigned>(thread.dice.below(gpus()));
  const GdmOperand local{GDM_OPERAND_VRAM, 0, thread.index * kLocalBytes};
  must("copy to local memory", copy(gpu, {GDM_OPERAND_ADL, from->adl, 0}, local, to->size));
  must("copy from local memory", copy(gpu, local, {GDM_OPERAND_ADL, to->adl, 0}, to->size));
  to->pattern = from->pattern;
  compare(*to, "copied object");
  return true;
}

// Somebody else's ADL, which its owner, or any other thread, may be about to free.
bool DriverThreads::copy_shared(Thread& thread) {
  Piece* to = pick(thread, [](const Piece& p) { return p.adl != 0; });
  if (to == nullptr || shared_.empty()) return false;
  const Piece from = shared_[thread.dice.below(shared_.size())];
  if (from.size < to->size) return false;
  const auto gpu = static_cast<unsigned>(thread.dice.below(gpus()));
  const NTSTATUS status = copy(gpu, {GDM_OPERAND_ADL, from.adl, 0}, {GDM_OPERAND_ADL, to->adl, 0}, to->size);
  if (status == STATUS_INVALID_HANDLE) return true;  // it was gone
  must("copy of a shared object", status);
  to->pattern = from.pattern;
  compare(*to, "copy of a shared object");
  return true;
}

bool DriverThreads::publish(Thread& thread) {
  if (shared_.size() >= kMaxShared) return false;
  Piece* piece = pick(thread, [](const Piece& p) { return p.adl != 0 && p.address == 0; });
  if (piece == nullptr) return false;
  shared_.push_back(*piece);
  thread.own.erase(thread.own.begin() + (piece - thread.own.data()));
  return true;
}

bool DriverThreads::withdraw(Thread& thread) {
  if (shared_.empty()) return false;
  const auto it = shared_.begin() + static_cast<std::ptrdiff_t>(thread.dice.below(shared_.size()));
  Piece piece = *it;
  shared_.erase(it);
  destroy(piece, thread);
  return true;
}

// An allocation of the thread's own goes round.
bool DriverThreads::page(Thread& thread) {
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
  must("reattach", kernel_.reattach());
  return true;
}

// ---- The run

void DriverThreads::pause(Thread& thread) {
  // Mostly short: within other threads' calls. Sometimes long: past them.
  const std::uint64_t limit = thread.dice.chance(0.2) ? 4000 : 200;
  machine_.engine().wait_cycles(1 + thread.dice.below(limit));
}

void DriverThreads::body(Thread& thread) {
  struct Choice {
    Action action;
    unsigned weight;
  };
  static const std::vector<Choice> choices{
      {&DriverThreads::create, 4},      {&DriverThreads::open_one, 2},    {&DriverThreads::map_one, 2},
      {&DriverThreads::unmap_one, 2},   {&DriverThreads::adl_one, 4},     {&DriverThreads::free_one, 1},
      {&DriverThreads::close_one, 1},   {&DriverThreads::destroy_one, 2}, {&DriverThreads::copy_own, 3},
      {&DriverThreads::copy_shared, 6}, {&DriverThreads::publish, 3},     {&DriverThreads::withdraw, 3},
      {&DriverThreads::page, 2},        {&DriverThreads::reattach, 1}};
  std::vector<Action> bag;
  for (const Choice& choice : choices) bag.insert(bag.end(), choice.weight, choice.action);
  while (thread.step < options_.steps && result_.failures.empty()) {
    pause(thread);
    if ((this->*thread.dice.of(bag))(thread)) ++thread.step;
  }
  if (!result_.failures.empty()) return;
  while (!thread.own.empty()) (void)destroy_one(thread);
  if (thread.allocation) must("destroy allocation", kernel_.paging()->destroy(thread.allocation->id));
}

std::string DriverThreads::digest() {
  std::string text;
  for (const dxgkrnl::CallRecord& record : kernel_.calls().records())
    text += fmt::format("{} {:x} {} {}\n", record.name, static_cast<std::uint32_t>(record.status),
                        record.begin, record.end);
  return fmt::format("{:016x}",
                     random::digest(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

void DriverThreads::run() {
  guarantees_ = std::make_unique<Guarantees>(machine_, kernel_, result_.guarantees);
  must("load", kernel_.load(&DriverEntry));
  if (!NT_SUCCESS(kernel_.start())) throw std::runtime_error("start: " + kernel_.start_error());
  guarantees_->system_started();
  std::vector<std::unique_ptr<Thread>> threads;
  sc_core::sc_spawn_options spawn;
  spawn.set_stack_size(kStackBytes);
  for (unsigned i = 0; i < options_.threads; ++i) {
    threads.push_back(std::make_unique<Thread>(Thread{i, Dice(options_.seed * 1000 + i), {}, {}, 0}));
    ++running_;
    sc_core::sc_spawn(
        [this, thread = threads.back().get()] {
          try {
            body(*thread);
          } catch (const std::exception& error) {
            result_.failures.push_back(fmt::format("thread {}, step {}: {} (cycle {}, seed {})",
                                                   thread->index, thread->step, error.what(),
                                                   machine_.board().cycles(), options_.seed));
          }
          --running_;
        },
        sc_core::sc_gen_unique_name("driver_thread"), &spawn);
  }
  if (!machine_.engine().run_until([&] { return running_ == 0; }, kRunCycles))
    throw std::runtime_error(fmt::format("the threads did not end within {} cycles", kRunCycles));
  if (result_.failures.empty()) {
    while (!shared_.empty()) (void)withdraw(*threads.front());
    guarantees_->settle();
    guarantees_->sweep();
    must("stop", kernel_.stop());
    kernel_.unload();
  }
  guarantees_->finish();
  result_.digest = digest();
  result_.ddi_calls = kernel_.calls().counts();
  result_.faults_recorded = kernel_.faults().size();
  result_.total = read_counters(machine_.platform());
  for (const auto& [name, count] : result_.ddi_calls) result_.total.calls += count;
}

/// The driver's parameters, put back at the end.
class Parameters {
 public:
  explicit Parameters(bool race) {
    GdmParameters = GdmDefaultParameters;
    GdmParameters.UnmarkedCopies = race ? TRUE : FALSE;
  }
  ~Parameters() { GdmParameters = GdmDefaultParameters; }
  Parameters(const Parameters&) = delete;
  Parameters& operator=(const Parameters&) = delete;
};

}  // namespace

ScenarioResult run_driver_threads(Machine& machine, const ThreadsOptions& options) {
  ScenarioResult result;
  result.name = "threads";
  result.again = fmt::format("gpu-dmar threads --seed {} --threads {} --steps {} --pipe {}{}{}", options.seed,
                             options.threads, options.steps, machine.config().pipe,
                             options.isolation ? " --iommu isolation" : "",
                             options.planted_race ? " --planted-race" : "");
  const Parameters parameters(options.planted_race);
  try {
    DriverThreads threads(machine, options, result);
    threads.run();
  } catch (const std::exception& error) {
    result.failures.emplace_back(error.what());
  }
  conclude(machine, result);
  if (!result.passed) result.failures.push_back("again: " + result.again);
  return result;
}

}  // namespace gpudmar::sim
