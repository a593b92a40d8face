// SPDX-License-Identifier: Apache-2.0
// Threads, order and time of a replay.
#ifndef SC_INCLUDE_DYNAMIC_PROCESSES
#define SC_INCLUDE_DYNAMIC_PROCESSES
#endif
#include "sim/replay/player.h"

#include <fmt/format.h>

#include <algorithm>
#include <regex>

#include "sim/replay/entry_points.h"
#include "sim/scenario/run_result.h"

namespace gpudmar::sim::replay {
namespace {

using nlohmann::json;
using Kind = Event::Kind;

constexpr int kStackBytes = 1 << 20;
/// Within one cycle threads follow each other without time; more turns than this none of them waits.
constexpr unsigned kTurns = 1000;
constexpr std::uint64_t kStallCycles = 1'000'000;   // for something that comes of itself
constexpr std::uint64_t kSlackCycles = 20'000'000;  // while another thread is in the kernel, beside time-outs
constexpr std::uint64_t kRunCycles = PlayOptions().limit;

const std::set<std::string> kPlayed{"DxgkDdiAddDevice",
                                    "DxgkDdiLinkDevice",
                                    "DxgkDdiStartDevice",
                                    "DxgkDdiStopDevice",
                                    "DxgkDdiRemoveDevice",
                                    "DxgkDdiQueryAdapterInfo",
                                    "DxgkDdiBeginExclusiveAccess",
                                    "DxgkDdiEndExclusiveAccess",
                                    "DxgkDdiSetPowerState",
                                    "DxgkDdiNotifySurpriseRemoval",
                                    "DxgkDdiQueryChildRelations",
                                    "DxgkDdiEscape",
                                    "DxgkDdiInterruptRoutine",
                                    "DxgkDdiDpcRoutine",
                                    "DxgkDdiUnload"};

bool from_interrupt(const std::string& name) {
  return name == "DxgkDdiInterruptRoutine" || name == "DxgkDdiDpcRoutine";
}

std::uintptr_t current_process() {
  return reinterpret_cast<std::uintptr_t>(sc_core::sc_get_current_process_handle().get_process_object());
}

Event system_event(const char* name) {
  Event event;
  event.kind = Kind::kSystem;
  event.name = name;
  return event;
}

/// The ADL, or the memory's handle, that a call takes from the devices.
json freed_by(const Event& event) {
  if (event.name == "DxgkCbFreeAdl") return event.in.value("pAdl", json());
  const bool block = event.name == "DxgkCbFreeContiguousMemory" || event.name == "DxgkCbFreePagesFromMdl" ||
                     event.name == "DxgkCbUnmapMdlFromIoMmu";
  return block ? event.in.value("hMemoryHandle", json()) : json();
}

Player* g_player = nullptr;  // the driver's entry points carry no pointer to it

std::string words_of(const PlayResult& result) {
  if (result.difference) {
    const Difference& d = *result.difference;
    return fmt::format("{} {}: {} instead of {}", d.name, d.field, d.got, d.expected);
  }
  if (!result.rule.empty()) return result.rule;
  return result.bugcheck.empty() ? result.blocked : result.bugcheck;
}

}  // namespace

std::string kind_of(const PlayResult& result) {
  static const std::regex numbers(R"(\b(0x[0-9a-fA-F]+|[0-9]+)\b)");
  return std::regex_replace(words_of(result), numbers, "#");
}

Player::Player(Machine& machine, const Trace& trace, const PlayOptions& options)
    : machine_(machine), trace_(trace), options_(options), platform_(machine.platform()) {
  if (g_player != nullptr) throw std::logic_error("replay: a second player");
  bars_ = make_removable(platform_);
  if (options.cycles && !trace.exact)
    throw TraceError(
        trace.file +
        ": --cycles needs a trace with \"seq\" and \"cycle\" in every line and with the system's actions, "
        "as --record writes it");
  prepare();
  g_player = this;
}

Player::~Player() { g_player = nullptr; }

Player& Player::active() { return *g_player; }

bool Player::is_active(const Event& event) const {
  switch (event.kind) {
    case Kind::kEnd:
    case Kind::kFault:
      return false;
    case Kind::kRegister:
      return options_.cycles;
    case Kind::kCallback:
      return options_.cycles || find_function(event.name)->always ||
             (paging_ && is_paging_notice(event.name, event.in));
    case Kind::kEntryPoint:
      if (!trace_.has_actions || is_orphan(event)) return false;
      if (is_paging_entry_point(event.name)) return true;
      return kPlayed.count(event.name) != 0 && (options_.cycles || !from_interrupt(event.name));
    default:
      return true;
  }
}

// The system calls these while it pages; without what it did, they do not come.
bool Player::is_orphan(const Event& event) const {
  return is_paging_entry_point(event.name) && !event.parent;
}

// Entry points that nobody calls here, and callbacks that are not made, leave what was done inside them to
// whoever did it.
void Player::hoist() {
  const auto stays = [&](const Event& event) {
    if (event.kind == Kind::kEntryPoint && event.name.rfind("DxgkDdi", 0) != 0) return true;
    return (event.kind != Kind::kEntryPoint && event.kind != Kind::kCallback) || is_active(event);
  };
  for (auto& event : events_) {
    while (event.parent && !stays(events_[*event.parent])) event.parent = events_[*event.parent].parent;
    event.children.clear();
  }
  for (std::size_t i = 0; i < events_.size(); ++i)
    if (events_[i].parent) events_[*events_[i].parent].children.push_back(i);
}

void Player::prepare() {
  events_ = trace_.events;
  const auto has = [&](const char* name) {
    return trace_.has_actions && std::any_of(events_.begin(), events_.end(), [&](const Event& event) {
             return event.kind == Kind::kEntryPoint && event.name == name;
           });
  };
  paging_ = has("DxgkDdiSubmitCommand");
  timeouts_ = has("DxgkDdiQueryCurrentFence") || has("DxgkDdiPreemptCommand") || has("DxgkDdiResetEngine") ||
              has("DxgkDdiResetFromTimeout");
  hoist();
  std::uint64_t last = ~std::uint64_t{0};
  if (options_.until != 0) {
    const auto it = std::find_if(events_.begin(), events_.end(),
                                 [&](const Event& event) { return event.line == options_.until; });
    if (it == events_.end())
      throw TraceError(
          fmt::format("{}: --until {}: there is no event in this line", trace_.file, options_.until));
    last = it->begin;
  }
  active_.resize(events_.size());
  consumed_.resize(events_.size());
  std::vector<std::pair<std::uint64_t, std::size_t>> order;
  for (std::size_t i = 0; i < events_.size(); ++i) {
    const Event& event = events_[i];
    active_[i] = is_active(event) && event.begin <= last && (!event.parent || active_[*event.parent]);
    if (options_.cycles && event.kind == Kind::kFault && event.begin <= last) faults_.push_back(&event);
    if (!active_[i]) continue;
    order.emplace_back(event.begin, i);
    const bool ends = event.kind != Kind::kDma || (!options_.cycles && event.data.contains("result"));
    if (event.end != 0 && event.end <= last && ends) order.emplace_back(event.end, i);
    if (event.parent) continue;
    if (event.kind == Kind::kEntryPoint && from_interrupt(event.name))
      from_outside_[{event.name, event.adapter}].push_back(i);
    else
      threads_[event.thread].push_back(i);
  }
  find_races();
  std::sort(order.begin(), order.end());
  order_.assign(order.begin(), order.end());
  for (unsigned i = 0; i < machine_.config().adapters; ++i)
    engines_.push_back(std::make_unique<Engine>(machine_, i));
  working_.resize(machine_.config().adapters);
}

// What becomes of work whose ADL is freed meanwhile is a matter of cycles.
void Player::find_races() {
  for (const Event& work : events_) {
    if (work.kind != Kind::kDma || work.end == 0) continue;
    const auto names = names_used(work);
    for (const Event& event : events_) {
      if (event.kind != Kind::kCallback || event.begin < work.begin || event.begin > work.end) continue;
      const std::string adl = Handles::name_in(freed_by(event));
      if (std::find(names.begin(), names.end(), adl) != names.end()) raced_.insert(adl);
    }
  }
}

std::vector<std::size_t>& Player::context() { return contexts_[current_process()]; }

bool Player::ready(std::uint64_t seq) const { return order_.empty() || order_.front().first >= seq; }

void Player::happened(std::uint64_t seq) {
  watch_violations();
  if (order_.empty() || order_.front().first != seq) {
    early_.insert(seq);
    return;
  }
  order_.pop_front();
  while (!order_.empty() && early_.erase(order_.front().first) != 0) order_.pop_front();
}

void Player::watch_violations() {
  if (machine_.violations().count() != 0) stopped_ = true;
}

void Player::differ(const Event* event, const std::string& field, const std::string& expected,
                    const std::string& got) {
  if (!stopped_ && !result_.difference) {
    Difference difference;
    if (event != nullptr) difference.line = event->line;
    difference.name = event == nullptr ? "the machine" : event->name;
    if (event != nullptr && event->kind == Kind::kDma) difference.name = "dma";
    if (event != nullptr && event->kind == Kind::kFault) difference.name = "fault";
    difference.field = field;
    difference.expected = expected;
    difference.got = got;
    difference.cycle = machine_.board().cycles();
    result_.difference = difference;
  }
  stopped_ = true;
}

void Player::check_cycle(const Event& event, const std::optional<std::uint64_t>& cycle, const char* field) {
  const std::uint64_t now = machine_.board().cycles();
  if (!options_.cycles || !cycle || *cycle == now) return;
  differ(&event, field, std::to_string(*cycle), std::to_string(now));
  stop();
}

void Player::take_turn(const Event& event, std::uint64_t seq, const std::optional<std::uint64_t>& cycle,
                       const char* when) {
  ClockEngine& engine = machine_.engine();
  const auto done = [&] { return stopped_ || (epoch_ == event.epoch && ready(seq)); };
  if (options_.cycles && cycle) {
    const auto due = [&] {
      return stopped_ || (epoch_ == event.epoch && machine_.board().cycles() >= *cycle);
    };
    (void)engine.run_until(due, kRunCycles);
    for (unsigned i = 0; i < kTurns && !done(); ++i) sc_core::wait(sc_core::SC_ZERO_TIME);
  }
  ++waiting_;
  bool came = engine.run_until(done, kStallCycles);
  for (std::uint64_t waited = kStallCycles; !came && may_come(waited); waited += kStallCycles)
    came = engine.run_until(done, kStallCycles);
  --waiting_;
  if (!came) {
    const Event& missing = events_[order_.front().second];
    differ(&missing, order_.front().first == missing.begin ? "call" : "return", "comes",
           fmt::format("nothing within {} cycles", kStallCycles));
  }
  if (stopped_) stop();
  check_cycle(event, cycle, when);
}

// Work is under way, or another thread is in the kernel: in a wait for the GPU, which may end in a time-out.
bool Player::may_come(std::uint64_t waited) const {
  const bool works = !options_.cycles && std::any_of(working_.begin(), working_.end(),
                                                     [](const Event* work) { return work != nullptr; });
  if (works) return true;
  return waiting_ < running_ && waited < kSlackCycles + 4 * trace_.system.start.tdr_delay;
}

void Player::spawn(const char* name, std::function<void()> body) {
  sc_core::sc_spawn_options options;
  options.set_stack_size(kStackBytes);
  ++running_;
  sc_core::sc_spawn(
      [this, body = std::move(body)] {
        try {
          body();
        } catch (const Stop&) {
          // Decided.
        } catch (const std::exception& error) {
          if (!stopped_) result_.failures.emplace_back(error.what());
          stopped_ = true;
        }
        contexts_.erase(current_process());
        --running_;
      },
      sc_core::sc_gen_unique_name(name), &options);
}

void Player::run_thread(const std::vector<std::size_t>& roots) {
  for (const std::size_t index : roots) {
    if (stopped_) return;
    try {
      execute(index);
    } catch (const wdk::BugCheck& bugcheck) {
      const Event& event = events_[index];
      if (event.bugcheck.is_null()) {
        differ(&event, "bugcheck", "none", fmt::format("{:#x}: {}", bugcheck.code(), bugcheck.what()));
        return;
      }
      compare_bugcheck(event, bugcheck);
      down_ = true;
      result_.bugcheck = fmt::format("bugcheck {:#x}", bugcheck.code());
      context().clear();
      over(index);
    }
  }
}

void Player::over(std::size_t index) {
  const Event& event = events_[index];
  happened(event.begin);
  if (event.end != 0) happened(event.end);
  for (const std::size_t child : event.children)
    if (active_[child]) over(child);
}

PlayResult Player::run() {
  try {
    boot();
    if (!trace_.has_actions) {
      NTSTATUS status = act(system_event("load"));
      if (NT_SUCCESS(status)) status = act(system_event("start"));
      if (!NT_SUCCESS(status))
        throw std::runtime_error(
            fmt::format("the system does not start: {}: {}", status_name(status), kernel_->start_error()));
    }
    for (const auto& [name, roots] : threads_)
      spawn("replay_thread", [this, &list = roots] { run_thread(list); });
  } catch (const Stop&) {
    // Decided.
  } catch (const std::exception& error) {
    result_.failures.emplace_back(error.what());
  }
  if (!machine_.engine().run_until([this] { return running_ == 0; }, options_.limit)) {
    // Threads are still in the kernel, so nothing can be taken down in order.
    result_.failures.push_back(fmt::format("the replay does not end within {} cycles", options_.limit));
    result_.cycles = machine_.board().cycles();
    result_.khz = machine_.engine().khz();
    return std::move(result_);
  }
  for (const auto& [key, list] : from_outside_)
    for (const std::size_t index : list)
      if (!consumed_[index] && !stopped_) differ(&events_[index], "call", "comes", "nothing by the end");
  if (!stopped_ && !faults_.empty())
    differ(faults_.front(), "fault", faults_.front()->data.dump(), "nothing by the end");
  // An interrupt's handler is the kernel's, which ends now.
  if (!machine_.engine().run_until([this] { return machine_.interrupts().idle(); }, kStallCycles))
    result_.failures.emplace_back("an interrupt's handler does not end");
  shut();
  RunResult verdict;
  conclude(machine_, verdict);
  result_.failures.insert(result_.failures.end(), verdict.failures.begin(), verdict.failures.end());
  if (!machine_.violations().list().empty()) result_.rule = machine_.violations().list().front().rule;
  result_.cycles = verdict.total.cycles;
  result_.khz = machine_.engine().khz();
  result_.passed = !result_.difference && result_.failures.empty();
  return std::move(result_);
}

}  // namespace gpudmar::sim::replay
