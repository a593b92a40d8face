// SPDX-License-Identifier: Apache-2.0
// The threads' work. What a thread has for itself must always work; what it shares may have been taken away
// by another thread, but only before it is used or after: a copy that was accepted is a copy that arrives.
#ifndef SC_INCLUDE_DYNAMIC_PROCESSES
#define SC_INCLUDE_DYNAMIC_PROCESSES
#endif
#include <systemc>

#include "driver-model/kmd/parameters.h"
#include "sim/scenario/driver_threads_inside.h"

namespace gpudmar::sim {
namespace {

constexpr std::uint64_t kPage = hw::kPageSize;
constexpr std::uint64_t kLocalBytes = 1ULL << 20;  // of VRAM, for each thread
constexpr std::uint64_t kMaxPages = 16;            // of an object: a copy of it takes a while
constexpr std::size_t kMaxOwn = 5;                 // objects of a thread
constexpr std::size_t kMaxShared = 6;
constexpr int kStackBytes = 1 << 20;
constexpr std::uint64_t kRunCycles = 400'000'000;  // a run that lasts longer hangs
constexpr SIZE_T kSaved = 64U << 10;               // of local memory, through power states

}  // namespace

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
  if (gone_) throw Gone();
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
  try {
    write(piece, fresh_pattern());
  } catch (const Refused&) {
    destroy(piece, thread);
    throw;
  }
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
  if (turn_ || from == nullptr || to == nullptr || from->size < to->size) return false;
  const Use use(copying_);
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
  if (turn_ || to == nullptr || shared_.empty()) return false;
  const Piece from = shared_[thread.dice.below(shared_.size())];
  if (from.size < to->size) return false;
  const Use use(copying_);
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

// ---- The run

void DriverThreads::pause(Thread& thread) {
  // Mostly short: within other threads' calls. Sometimes long: past them.
  const std::uint64_t limit = thread.dice.chance(0.2) ? 4000 : 200;
  machine_.engine().wait_cycles(1 + thread.dice.below(limit));
}

void DriverThreads::work(Thread& thread) {
  struct Choice {
    Action action;
    unsigned weight;
  };
  static const std::vector<Choice> choices{
      {&DriverThreads::create, 4},      {&DriverThreads::open_one, 2},    {&DriverThreads::map_one, 2},
      {&DriverThreads::unmap_one, 2},   {&DriverThreads::adl_one, 4},     {&DriverThreads::free_one, 1},
      {&DriverThreads::close_one, 1},   {&DriverThreads::destroy_one, 2}, {&DriverThreads::copy_own, 3},
      {&DriverThreads::copy_shared, 6}, {&DriverThreads::publish, 3},     {&DriverThreads::withdraw, 3},
      {&DriverThreads::page, 2},        {&DriverThreads::reattach, 1},    {&DriverThreads::power, 1},
      {&DriverThreads::run_short, 1}};
  std::vector<Action> bag;
  for (const Choice& choice : choices) bag.insert(bag.end(), choice.weight, choice.action);
  while (thread.step < options_.steps && result_.failures.empty()) {
    pause(thread);
    if (gone_) return;
    if (options_.removal && thread.index == 0 && 2 * thread.step >= options_.steps) return remove(thread);
    try {
      if ((this->*thread.dice.of(bag))(thread)) ++thread.step;
    } catch (const Refused&) {
      ++thread.step;  // memory ran out, and everything is as it was
    }
  }
  if (!result_.failures.empty() || gone_) return;
  // With removal the others stay busy until it comes.
  while (!thread.own.empty()) clean_up(thread);
  if (thread.allocation) must("destroy allocation", kernel_.paging()->destroy(thread.allocation->id));
}

// Not while memory runs out: it is to succeed.
void DriverThreads::clean_up(Thread& thread) {
  while (armed_) pause(thread);
  if (gone_) throw Gone();
  try {
    (void)destroy_one(thread);
  } catch (const Refused&) {
    // It began meanwhile.
  }
}

void DriverThreads::body(Thread& thread) {
  try {
    work(thread);
  } catch (const Gone&) {
    // So is everything that it had.
  }
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
    if (options_.removal && !gone_) throw std::runtime_error("nothing was removed");
    if (gone_) shared_.clear();
    while (!shared_.empty()) (void)withdraw(*threads.front());
    guarantees_->settle();
    guarantees_->sweep();
    if (!gone_) must("stop", kernel_.stop());
    kernel_.unload();
  }
  guarantees_->finish();
  result_.digest = digest();
  result_.ddi_calls = kernel_.calls().counts();
  result_.faults_recorded = kernel_.faults().size();
  result_.total = read_counters(machine_.platform());
  for (const auto& [name, count] : result_.ddi_calls) result_.total.calls += count;
}

namespace {

/// The driver's parameters, put back at the end.
class Parameters {
 public:
  explicit Parameters(bool race) {
    GdmParameters = GdmDefaultParameters;
    GdmParameters.UnmarkedCopies = race ? TRUE : FALSE;
    GdmParameters.FrameBufferSave = kSaved;
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
  if (options.removal) result.again += " --removal";
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
