// SPDX-License-Identifier: Apache-2.0
// The pages of a register window are inaccessible. A load or store there faults; the bus access takes place,
// the page stands in for the register during one single step of the processor, and is inaccessible again.
// Handlers run on the stack of the simulated thread that they interrupt, so that it may wait for bus and time
// like any other.
#include "sim/kmd/trap.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "sim/kmd/instruction.h"

namespace gpudmar::sim::kmd {
namespace {

constexpr std::uintptr_t kPage = hw::kPageSize;
constexpr long kTickUs = 20'000;  // of processor time
constexpr unsigned kQuietTicks = 5;
constexpr int kCrashed = 3;  // exit code
constexpr unsigned kMoreWordsSeconds = 10;

Traps* g_traps = nullptr;

#if defined(__x86_64__)
std::uintptr_t program_counter(void* context) {
  return static_cast<std::uintptr_t>(static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]);
}

// A call to where no code is: no unwinder knows that place. The thread, which does not go on, is taken back
// into the call.
void undo_lost_call(const siginfo_t& info, void* context) {
  if (info.si_signo != SIGSEGV || reinterpret_cast<std::uintptr_t>(info.si_addr) != program_counter(context))
    return;
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  std::uintptr_t back = 0;
  std::memcpy(&back, reinterpret_cast<const void*>(registers[REG_RSP]), sizeof back);
  registers[REG_RIP] = static_cast<greg_t>(back - 1);  // within the call's instruction
  registers[REG_RSP] += static_cast<greg_t>(sizeof back);
}
#else
std::uintptr_t program_counter(void*) { return 0; }
void undo_lost_call(const siginfo_t&, void*) {}
#endif

// ud2, which __builtin_trap ends in.
bool is_undefined_instruction(std::uintptr_t pc) {
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(pc);
  return pc != 0 && bytes[0] == 0x0F && bytes[1] == 0x0B;
}

void handle(int signal, void (*handler)(int, siginfo_t*, void*)) {
  struct sigaction action {};
  action.sa_sigaction = handler;
  // Not blocked while it runs: the simulated thread may give way to others, which have traps of their own.
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(signal, &action, nullptr);
}

constexpr int kCrashSignals[] = {SIGBUS, SIGILL, SIGFPE, SIGABRT};
constexpr int kAllSignals[] = {SIGSEGV, SIGTRAP, SIGPROF, SIGUSR1, SIGBUS, SIGILL, SIGFPE, SIGABRT};

/// One bus access of a piece that is 1, 2, 4 or 8 bytes long.
std::uint64_t bus_read(const wdk::Runtime::RegisterPlace& place, unsigned bytes) {
  if (place.offset % bytes != 0) throw hw::HardwareError(fmt::format("a misaligned read of {} bytes", bytes));
  if (bytes == 8) return place.mmio->read64(place.offset);
  const std::uint64_t byte = place.offset % 4;
  return place.mmio->read32(place.offset - byte) >> (8 * byte);
}

void bus_write(const wdk::Runtime::RegisterPlace& place, unsigned bytes, std::uint64_t value) {
  if (bytes < 4)
    throw hw::HardwareError(fmt::format("a write of {} bytes: only 4 and 8 reach the bus", bytes));
  if (place.offset % bytes != 0)
    throw hw::HardwareError(fmt::format("a misaligned write of {} bytes", bytes));
  if (bytes == 8)
    place.mmio->write64(place.offset, value);
  else
    place.mmio->write32(place.offset, static_cast<std::uint32_t>(value));
}

/// In pieces of at most 8 bytes.
template <typename Action>
void in_pieces(const wdk::Runtime::RegisterPlace& place, unsigned bytes, Action action) {
  for (unsigned done = 0; done < bytes; done += 8) {
    wdk::Runtime::RegisterPlace piece = place;
    piece.offset += done;
    action(piece, done, bytes - done < 8 ? bytes - done : 8);
  }
}

}  // namespace

Traps::Traps(const LoadedDriver& driver, const EventSink& events, Hooks hooks)
    : driver_(driver), events_(events), hooks_(std::move(hooks)) {
  g_traps = this;
  static const int exits = std::atexit(on_exit);
  if (exits != 0) throw std::runtime_error("no room for one more exit handler");
  handle(SIGSEGV, on_fault);
  handle(SIGTRAP, on_step);
  handle(SIGPROF, on_tick);
  handle(SIGUSR1, on_question);
  for (const int signal : kCrashSignals) handle(signal, on_crash);
  const itimerval ticks{{0, kTickUs}, {0, kTickUs}};
  ::setitimer(ITIMER_PROF, &ticks, nullptr);
}

Traps::~Traps() {
  const itimerval none{};
  ::setitimer(ITIMER_PROF, &none, nullptr);
  for (const int signal : kAllSignals) ::signal(signal, SIG_DFL);
  g_traps = nullptr;
}

// ---- Register accesses

bool Traps::begin_access(std::uintptr_t address, void* context) {
#if defined(__x86_64__)
  const wdk::Runtime* runtime = wdk::Runtime::active_or_null();
  if (runtime == nullptr || access_.stepping) return false;
  const auto place = runtime->find_register(reinterpret_cast<const void*>(address));
  if (place.mmio == nullptr) return false;
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  const bool writing = (registers[REG_ERR] & 2) != 0;
  const auto access = decode_access(reinterpret_cast<const std::uint8_t*>(registers[REG_RIP]), writing);
  const Frames frames = interrupted_frames(module(), program_counter(context));
  if (!access || address % kPage + access->bytes > kPage) {
    hooks_.refuse(
        fmt::format("register offset {:#x} is accessed by an instruction that the bench does not know",
                    place.offset),
        frames);
    return true;
  }
  std::uint64_t value[4] = {};
  if (access->reads) {
    try {
      in_pieces(place, access->bytes, [&](const auto& piece, unsigned done, unsigned bytes) {
        value[done / 8] = bus_read(piece, bytes);
      });
    } catch (const std::exception& error) {
      hooks_.refuse(fmt::format("register offset {:#x}: {}", place.offset, error.what()), frames);
      return true;
    }
  }
  // From here to the end of the step nobody else runs.
  ::mprotect(reinterpret_cast<void*>(address & ~(kPage - 1)), kPage, PROT_READ | PROT_WRITE);
  if (access->reads) std::memcpy(reinterpret_cast<void*>(address), value, access->bytes);
  access_ = {true, address, access->bytes, access->writes, place};
  registers[REG_EFL] |= 0x100;  // trap flag
  return true;
#else
  (void)address;
  (void)context;
  return false;
#endif
}

void Traps::end_access(void* context) {
#if defined(__x86_64__)
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL] &= ~0x100LL;
#endif
  const Access access = access_;
  std::uint64_t value[4] = {};
  std::memcpy(value, reinterpret_cast<const void*>(access.address), access.bytes);
  ::mprotect(reinterpret_cast<void*>(access.address & ~(kPage - 1)), kPage, PROT_NONE);
  access_.stepping = false;
  if (!access.writes) return;
  try {
    in_pieces(access.place, access.bytes, [&](const auto& piece, unsigned done, unsigned bytes) {
      bus_write(piece, bytes, value[done / 8]);
    });
  } catch (const std::exception& error) {
    hooks_.refuse(fmt::format("register offset {:#x}: {}", access.place.offset, error.what()),
                  interrupted_frames(module(), program_counter(context)));
  }
}

void Traps::on_fault(int signal, siginfo_t* info, void* context) {
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  if (g_traps->begin_access(address, context)) return;
  if (g_traps->hooks_.serve(address, program_counter(context))) return;
  on_crash(signal, info, context);
}

void Traps::on_step(int signal, siginfo_t* info, void* context) {
  if (g_traps->access_.stepping) {
    g_traps->end_access(context);
    return;
  }
  on_crash(signal, info, context);
}

// ---- Preemption

void Traps::on_tick(int, siginfo_t*, void* context) {
  Traps& traps = *g_traps;
  const std::uintptr_t pc = program_counter(context);
  if (traps.access_.stepping || !traps.module().contains(pc)) return;
  const std::uint64_t activity = traps.hooks_.activity();
  if (activity != traps.last_activity_) {
    traps.last_activity_ = activity;
    traps.quiet_ticks_ = 0;
    return;
  }
  if (++traps.quiet_ticks_ < kQuietTicks) return;
  const int saved = errno;
  traps.hooks_.preempt(interrupted_frames(traps.module(), pc));
  errno = saved;
}

// ---- The end

void Traps::last_words(int signal, std::uintptr_t address, const Place& place) const {
  char line[2048];
  int used = std::snprintf(line, sizeof line,
                           R"({"t":"crash","signal":%d,"address":%llu,"cycle":%llu,"ddi":"%s","f":[)", signal,
                           static_cast<unsigned long long>(address),
                           static_cast<unsigned long long>(hooks_.cycles()), place.ddi.c_str());
  bool first = true;
  for (const std::uint64_t frame : place.frames) {
    if (used > 1900) break;
    used += std::snprintf(line + used, sizeof line - static_cast<std::size_t>(used), "%s%llu",
                          first ? "" : ",", static_cast<unsigned long long>(frame));
    first = false;
  }
  used += std::snprintf(line + used, sizeof line - static_cast<std::size_t>(used), "]}\n");
  events_.send_raw(line, static_cast<std::size_t>(used));
}

void Traps::on_crash(int signal, siginfo_t* info, void* context) {
  // What fails from here on ends the process; so does a lock that the driver's end has left behind.
  for (const int each : kAllSignals) ::signal(each, SIG_DFL);
  ::signal(SIGPROF, SIG_IGN);
  ::signal(SIGALRM, SIG_DFL);
  ::alarm(kMoreWordsSeconds);
  const std::uintptr_t pc = program_counter(context);
  Crash crash{signal, reinterpret_cast<std::uintptr_t>(info->si_addr), false, false, {}};
  crash.no_address = signal == SIGSEGV && info->si_code == SI_KERNEL;
  crash.undefined = signal == SIGILL && is_undefined_instruction(pc);
  undo_lost_call(*info, context);
  crash.frames = interrupted_frames(g_traps->module(), program_counter(context));
  g_traps->last_words(signal, crash.address, {"", crash.frames});
  g_traps->hooks_.crashed(crash);
  ::_exit(kCrashed);
}

// The parent has lost its patience.
void Traps::on_question(int signal, siginfo_t*, void* context) {
  ::signal(SIGSEGV, SIG_DFL);
  ::signal(SIGABRT, SIG_DFL);
  Place place{"", interrupted_frames(g_traps->module(), program_counter(context))};
  if (place.frames.empty()) place = g_traps->hooks_.waits();
  g_traps->last_words(signal, 0, place);
  ::_exit(kCrashed);
}

// exit() in the driver; the bench itself ends without the handlers.
void Traps::on_exit() {
  if (g_traps != nullptr) g_traps->hooks_.exits(driver_frames(g_traps->module()));
}

}  // namespace gpudmar::sim::kmd
