// SPDX-License-Identifier: Apache-2.0
// A scenario's control flow: start, steps, repeats, threads, end.
#ifndef SC_INCLUDE_DYNAMIC_PROCESSES
#define SC_INCLUDE_DYNAMIC_PROCESSES
#endif
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <systemc>

#include "driver-model/kmd/parameters.h"
#include "sim/scenario/names.h"
#include "sim/scenario/runner.h"
#include "sim/scenario/system_start.h"

namespace gpudmar::sim {
namespace {

using nlohmann::json;

constexpr int kStackBytes = 1 << 20;
constexpr std::uint64_t kThreadCycles = 200'000'000;  // a parallel step that lasts longer hangs
using replay::Recorder;
using Action = Recorder::Action;

constexpr std::uint64_t kMaxWait = 1'000'000'000;

/// The driver's parameters, put back at the end.
class Parameters {
 public:
  Parameters(const Scenario& scenario, std::size_t adapters) {
    GdmParameters = GdmDefaultParameters;
    const auto& bits = scenario.start.visible_bits;
    for (std::size_t i = 0; i < std::min<std::size_t>(adapters, GDM_MAX_ADAPTERS) && !bits.empty(); ++i)
      GdmParameters.HighestVisibleAddress[i] = (1ULL << bits[std::min(i, bits.size() - 1)]) - 1;
    GdmParameters.Unlinked = scenario.linked ? FALSE : TRUE;
    GdmParameters.NoPaging = scenario.start.paging ? FALSE : TRUE;
    GdmParameters.PagingBufferSize = scenario.start.paging_buffer;
    GdmParameters.PerEngineTdr = scenario.start.engine_reset ? TRUE : FALSE;
    GdmParameters.FrameBufferSave = scenario.start.save;
    if (scenario.start.iommu == ScenarioStart::Iommu::kOff) {
      GdmParameters.DmaRemappingSupported = FALSE;
      GdmParameters.IommuIsolationSupported = FALSE;
      GdmParameters.IoMmuSecureModeSupported = FALSE;
    }
  }
  ~Parameters() { GdmParameters = GdmDefaultParameters; }
  Parameters(const Parameters&) = delete;
  Parameters& operator=(const Parameters&) = delete;
};

std::string again(const Scenario& scenario, const MachineConfig& machine, std::uint64_t seed) {
  std::string line = fmt::format("gpu-dmar run {} --seed {}", scenario.file, seed);
  const MachineConfig& wanted = scenario.machine;
  if (machine.pipe != wanted.pipe) line += fmt::format(" --pipe {}", machine.pipe);
  const AxiMemoryConfig& m = machine.memory;
  if (m.latency != wanted.memory.latency || m.jitter != wanted.memory.jitter ||
      std::abs(m.ar_stall - wanted.memory.ar_stall) > 1e-9 || m.b_latency != wanted.memory.b_latency ||
      m.out_of_order != wanted.memory.out_of_order || m.interleave != wanted.memory.interleave ||
      m.read_at_first_beat != wanted.memory.read_at_first_beat ||
      m.write_at_wlast != wanted.memory.write_at_wlast)
    line += fmt::format(
        " --memory latency={},jitter={},write-latency={},stall={},out-of-order={},interleave={},"
        "read-at-first-beat={},write-at-wlast={}",
        m.latency, m.jitter, m.b_latency, m.ar_stall, m.out_of_order ? 1 : 0, m.interleave ? 1 : 0,
        m.read_at_first_beat ? 1 : 0, m.write_at_wlast ? 1 : 0);
  return line;
}

}  // namespace

json start_to_json(const ScenarioStart& start) {
  json value{{"iommu", start.iommu == ScenarioStart::Iommu::kLogical     ? "logical"
                       : start.iommu == ScenarioStart::Iommu::kIsolation ? "isolation"
                       : start.iommu == ScenarioStart::Iommu::kPhysical  ? "physical"
                                                                         : "off"},
             {"placement", start.placement == mm::Placement::kAscending ? "ascending" : "scattered"},
             {"shuffle_logical", start.shuffle_logical}};
  if (start.fresh_logical) value["fresh_logical"] = *start.fresh_logical;
  if (start.page_file) value["page_file"] = *start.page_file;
  const ScenarioStart plain;
  if (start.iommu_flags != 0) value["iommu_flags"] = start.iommu_flags;
  if (start.operation_pages != plain.operation_pages) value["operation_pages"] = start.operation_pages;
  if (start.first_pages != plain.first_pages) value["first_pages"] = start.first_pages;
  if (start.tdr_delay != plain.tdr_delay) value["tdr_delay"] = start.tdr_delay;
  if (!start.visible_bits.empty()) value["visible_bits"] = start.visible_bits;
  return value;
}

std::string ScenarioRunner::Call::text(const char* key, const std::string& fallback) const {
  return has(key) ? args[key].get<std::string>() : fallback;
}

std::uint64_t ScenarioRunner::Call::number(const char* key, std::uint64_t fallback) const {
  if (!has(key)) return fallback;
  const json& value = args[key];
  if (!value.is_string()) return value.get<std::uint64_t>();
  const auto number = parse_number(value.get<std::string>());
  if (!number) throw StepFailure(fmt::format("'{}': \"{}\" is no number", key, value.get<std::string>()));
  return *number;
}

ScenarioRunner::ScenarioRunner(Machine& machine, const Scenario& scenario, std::uint64_t seed,
                               const RunChoices& choices, ScenarioResult& result)
    : machine_(machine),
      kernel_platform_(choices.recorder != nullptr ? choices.recorder->watch(machine.platform())
                                                   : machine.platform()),
      platform_(choices.recorder != nullptr ? choices.recorder->watch_bench(kernel_platform_)
                                            : kernel_platform_),
      scenario_(scenario),
      seed_(seed),
      choices_(choices),
      result_(result) {
  bars_ = make_removable(kernel_platform_);
}

ScenarioRunner::~ScenarioRunner() = default;

void ScenarioRunner::note(const ScenarioStep& step, const std::string& what) {
  failed_ = true;
  result_.failures.push_back(fmt::format("{}:{}: {}: {} (cycle {}, seed {})", scenario_.file, step.line,
                                         step.act, what, machine_.board().cycles(), seed_));
}

json ScenarioRunner::substitute(const json& value, const Variables& variables) {
  if (value.is_string()) {
    std::string text = value.get<std::string>();
    for (const auto& [name, with] : variables) {
      const std::string hole = "${" + name + "}";
      for (std::size_t at = text.find(hole); at != std::string::npos; at = text.find(hole, at + with.size()))
        text.replace(at, hole.size(), with);
    }
    if (text.find("${") != std::string::npos)
      throw StepFailure(fmt::format("\"{}\": no such variable", text));
    return text;
  }
  json result = value;
  if (value.is_structured())
    for (auto& entry : result) entry = substitute(entry, variables);
  return result;
}

void ScenarioRunner::spawn(std::function<void()> action) {
  sc_core::sc_spawn_options options;
  options.set_stack_size(kStackBytes);
  sc_core::sc_spawn(std::move(action), sc_core::sc_gen_unique_name("scenario_thread"), &options);
  ++spawned_;
}

void ScenarioRunner::boot() {
  dxgkrnl::KernelConfig config = kernel_config(scenario_.start, seed_);
  config.verifier = choices_.verifier;
  config.faults_are_fatal = choices_.strict;
  // A replay has no driver whose pool would take pages.
  if (choices_.recorder != nullptr) config.pool_in_ram = false;
  config.runtime.debug_output = choices_.debug_output ? choices_.debug_output : [](std::string_view) {};
  insert_all(bars_);
  kernel_ = std::make_unique<dxgkrnl::Kernel>(kernel_platform_, config);
  if (choices_.recorder != nullptr) choices_.recorder->attach(*kernel_);
  if (choices_.on_kernel) choices_.on_kernel(*kernel_);
  std::vector<std::uint64_t> highest;
  for (std::size_t i = 0; i < platform_.functions.size() && i < GDM_MAX_ADAPTERS; ++i)
    highest.push_back(GdmParameters.HighestVisibleAddress[i]);
  guarantees_ = std::make_unique<Guarantees>(machine_, *kernel_, result_.guarantees, highest,
                                             attaches(scenario_.start));
  Action action(choices_.recorder, "load");
  const NTSTATUS loaded = action.done(kernel_->load(&DriverEntry));
  if (!NT_SUCCESS(loaded)) throw StepFailure("the driver does not load: " + status_name(loaded));
}

NTSTATUS ScenarioRunner::start_system() {
  insert_all(bars_);
  allocations_.clear();
  asleep_.clear();
  const NTSTATUS status = Action(choices_.recorder, "start").done(kernel_->start());
  started_ = NT_SUCCESS(status);
  if (!started_) return status;
  // The driver's own table, as it got it at StartDevice.
  const auto& functions = kernel_->functions();
  dxgkrnl::fill_interface(callbacks_, functions.front()->device_handle, DXGKDDI_INTERFACE_VERSION);
  for (const auto& adapter : kernel_->adapters())
    if (adapter.mode != mode_of(scenario_.start))
      throw StepFailure(adapter.name + " was started in another mode");
  guarantees_->system_started();
  return status;
}

void ScenarioRunner::shut_down() {
  wait_jobs(std::nullopt);
  guarantees_->settle();
  guarantees_->sweep();
  const NTSTATUS stopped = Action(choices_.recorder, "stop").done(kernel_->stop());
  started_ = false;
  if (!NT_SUCCESS(stopped)) throw StepFailure("stop: " + status_name(stopped));
}

void ScenarioRunner::expect_status(const json& args, NTSTATUS status, const std::string& what) {
  const std::string got = status_name(status);
  std::vector<std::string> wanted;
  if (!args.contains("expect"))
    wanted.emplace_back("STATUS_SUCCESS");
  else if (args["expect"].is_string())
    wanted.push_back(args["expect"].get<std::string>());
  else if (args["expect"].is_array())
    wanted = args["expect"].get<std::vector<std::string>>();
  else
    throw StepFailure(fmt::format("{}{} instead of a bugcheck", what, got));
  for (const std::string& name : wanted)
    if (const auto value = value_of(status_names(), name);
        value && *value == static_cast<std::uint32_t>(status))
      return;
  throw StepFailure(fmt::format("{}{} instead of {}", what, got, fmt::join(wanted, " or ")));
}

NTSTATUS ScenarioRunner::expect(const Call& call, const std::function<NTSTATUS()>& action) {
  NTSTATUS status = STATUS_SUCCESS;
  try {
    status = action();
  } catch (const wdk::BugCheck& bugcheck) {
    down_ = true;
    const auto want = call.args.find("expect");
    if (want == call.args.end() || !want->is_object())
      throw StepFailure(fmt::format("bugcheck {:#x}: {}", bugcheck.code(), bugcheck.what()));
    const Call wanted{call.step, *want};
    if (wanted.number("bugcheck") != bugcheck.code() ||
        (wanted.has("parameter") && wanted.number("parameter") != bugcheck.parameter(0)))
      throw StepFailure(fmt::format("bugcheck {:#x}, parameter {:#x}, instead of {}: {}", bugcheck.code(),
                                    bugcheck.parameter(0), want->dump(), bugcheck.what()));
    return STATUS_UNSUCCESSFUL;
  }
  expect_status(call.args, status, "");
  return status;
}

void ScenarioRunner::repeat(const Call& call, const Variables& variables) {
  Variables inner = variables;
  const std::uint64_t times = call.number("times");
  for (std::uint64_t i = 0; i < times; ++i) {
    inner[call.text("as", "i")] = std::to_string(i);
    steps(call.step.steps, inner, false);
  }
}

void ScenarioRunner::account() {
  result_.faults_recorded += kernel_->faults().size();
  for (const std::string& warning : kernel_->warnings()) result_.warnings.push_back(warning);
  for (const auto& [name, count] : kernel_->calls().counts()) {
    result_.ddi_calls[name] += count;
    result_.total.calls += count;
  }
  const StepCounts now = read_counters(platform_);
  StepCounts& total = result_.total;
  total.bytes += now.bytes;
  total.hits += now.hits;
  total.misses += now.misses;
  total.walks += now.walks;
  total.invalidations += now.invalidations;
  total.faults += now.faults;
  total.cycles += now.cycles;
}

void ScenarioRunner::parallel(const ScenarioStep& step, const Variables& variables) {
  const unsigned outside = threads_;
  for (const auto& list : step.threads) {
    ++threads_;
    spawn([this, &list, &variables] {
      try {
        steps(list, variables, false);
      } catch (const Stop&) {
        // Noted.
      }
      --threads_;
    });
  }
  if (!machine_.engine().run_until([&] { return threads_ == outside; }, kThreadCycles))
    throw StepFailure(fmt::format("threads did not end within {} cycles", kThreadCycles));
  if (failed_) throw Stop();
}

bool ScenarioRunner::dispatch_system(const Call& call) {
  using Action = void (ScenarioRunner::*)(const Call&);
  static const std::map<std::string, Action> actions{{"allocate", &ScenarioRunner::allocate},
                                                     {"deallocate", &ScenarioRunner::deallocate},
                                                     {"resident", &ScenarioRunner::resident},
                                                     {"evict", &ScenarioRunner::evict},
                                                     {"fill_resident", &ScenarioRunner::fill_resident},
                                                     {"discard", &ScenarioRunner::discard},
                                                     {"hang", &ScenarioRunner::hang},
                                                     {"check_paging", &ScenarioRunner::check_paging},
                                                     {"check_calls", &ScenarioRunner::check_calls},
                                                     {"power", &ScenarioRunner::power},
                                                     {"remove", &ScenarioRunner::remove},
                                                     {"isolate", &ScenarioRunner::isolate}};
  const auto it = actions.find(call.step.act);
  if (it == actions.end()) return false;
  if (!started_) throw StepFailure("the adapters are not started");
  (this->*it->second)(call);
  return true;
}

void ScenarioRunner::dispatch(const Call& call, const Variables& variables) {
  const std::string& act = call.step.act;
  if (down_ && act != "reboot")
    throw StepFailure("the system is down after a bugcheck: only reboot may follow");
  if (act == "create") return create(call);
  if (act == "open") return open(call);
  if (act == "close") return close(call);
  if (act == "destroy") return destroy(call);
  if (act == "map") return map(call);
  if (act == "unmap") return unmap(call);
  if (act == "adl") return adl(call);
  if (act == "free") return free(call);
  if (act == "fill") return touch(call, true);
  if (act == "check") return touch(call, false);
  if (act == "copy") return copy(call);
  if (act == "wait_gpu") return wait_gpu(call);
  if (act == "probe") return probe(call);
  if (act == "trim") return trim(call);
  if (act == "exit_process") return exit_process(call);
  if (act == "fail") return fail(call);
  if (dispatch_legacy(call) || dispatch_system(call)) return;
  if (act == "repeat") return repeat(call, variables);
  if (act == "parallel") return parallel(call.step, variables);
  if (act == "wait") {
    if (call.number("cycles") > kMaxWait) throw StepFailure("too many cycles");
    return machine_.engine().wait_cycles(call.number("cycles"));
  }
  if (act == "stop") {
    if (!started_) throw StepFailure("the adapters are not started");
    wait_jobs(std::nullopt);
    guarantees_->settle();
    guarantees_->sweep();
    expect(call, [&] {
      const NTSTATUS status = Action(choices_.recorder, "stop").done(kernel_->stop());
      started_ = false;
      return status;
    });
    return;
  }
  if (act == "reattach") {
    if (!started_) throw StepFailure("the adapters are not started");
    expect(call, [&] { return Action(choices_.recorder, "reattach").done(kernel_->reattach()); });
    return;
  }
  if (act == "start") {
    expect(call, [&] { return start_system(); });
    return;
  }
  // reboot
  wait_jobs(std::nullopt);
  account();
  guarantees_.reset();
  if (choices_.recorder != nullptr) choices_.recorder->detach();
  kernel_.reset();
  objects_.clear();
  views_.clear();
  adls_.clear();
  blocks_.clear();
  processes_.clear();
  {
    const Action action(choices_.recorder, "reboot");
    machine_.reset(true);
  }
  down_ = started_ = false;
  boot();
  expect(call, [&] { return start_system(); });
}

void ScenarioRunner::execute(const ScenarioStep& step, const Variables& variables) {
  try {
    const Call call{step, substitute(step.args, variables)};
    dispatch(call, variables);
  } catch (const Stop&) {
    throw;
  } catch (const std::exception& error) {
    note(step, error.what());
    throw Stop();
  }
}

void ScenarioRunner::steps(const std::vector<ScenarioStep>& list, const Variables& variables, bool top) {
  for (const ScenarioStep& step : list) {
    if (failed_) throw Stop();  // of another thread
    if (!top || !choices_.counters) {
      execute(step, variables);
      continue;
    }
    const auto calls = [&] {
      std::uint64_t count = 0;
      for (const auto& [name, n] : kernel_->calls().counts()) count += n;
      return count;
    };
    const bool reboot = step.act == "reboot";
    const StepCounts before = reboot ? StepCounts{} : read_counters(platform_);
    const std::uint64_t calls_before = reboot ? 0 : calls();
    const std::uint64_t begin = reboot ? 0 : platform_.time->now();
    execute(step, variables);
    StepResult row;
    std::string name = step.act;
    for (const char* key : {"name", "adl", "view"})
      if (const auto it = step.args.find(key); it != step.args.end()) {
        name += " " + it->get<std::string>();
        break;
      }
    row.name = fmt::format("{}: {}", step.line, name).substr(0, 32);
    const std::uint64_t cycles = platform_.time->now() - begin;
    row.counts = difference(before, read_counters(platform_));
    row.counts.cycles = cycles;
    row.counts.calls = calls() - calls_before;
    if (row.counts.bytes > 0) result_.copy_cycles += cycles;
    result_.steps.push_back(row);
  }
}

void ScenarioRunner::run() {
  const Parameters parameters(scenario_, platform_.functions.size());
  const ScenarioStep begin{"start", json::object(), 1, {}, {}};
  const ScenarioStep end{"end", json::object(), 1, {}, {}};
  const ScenarioStep* now = &begin;
  try {
    boot();
    expect_status({{"expect", scenario_.start.expect}}, start_system(), kernel_->start_error() + ": ");
    now = nullptr;
    steps(scenario_.steps, {}, true);
    now = &end;
    if (started_ && !down_) shut_down();
    if (!down_ && kernel_ != nullptr) {
      const Action action(choices_.recorder, "unload");
      kernel_->unload();
    }
  } catch (const Stop&) {
    // Noted.
  } catch (const std::exception& error) {
    note(now != nullptr ? *now : end, error.what());
  }
  try {
    wait_jobs(std::nullopt);  // they use this object
  } catch (const std::exception& error) {
    note(end, error.what());
  }
  if (guarantees_ != nullptr) guarantees_->finish();
  if (kernel_ == nullptr) return;
  if (failed_ && choices_.verifier) result_.dump = kernel_->dump();
  account();
  guarantees_.reset();
}

ScenarioResult run_scenario(Machine& machine, const Scenario& scenario, std::uint64_t seed,
                            const RunChoices& choices) {
  ScenarioResult result;
  result.name = scenario.name;
  result.again = again(scenario, machine.config(), seed);
  try {
    ScenarioRunner runner(machine, scenario, seed, choices, result);
    runner.run();
  } catch (const std::exception& error) {
    result.failures.emplace_back(error.what());
  }
  conclude(machine, result);
  if (choices.recorder != nullptr) choices.recorder->close(result.failures);
  if (!result.passed) result.failures.push_back("again: " + result.again);
  return result;
}

}  // namespace gpudmar::sim
