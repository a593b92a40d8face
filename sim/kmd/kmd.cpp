// SPDX-License-Identifier: Apache-2.0
// Build, look at the imports, run in a child, tell.
#include "sim/kmd/kmd.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include "sim/kmd/build.h"
#include "sim/kmd/child.h"
#include "sim/kmd/report.h"
#include "sim/main/directories.h"
#include "sim/main/summary_head.h"

namespace gpudmar::sim {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kLastWords{5};  // for a child that was asked where it is

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
      throw std::system_error(errno, std::generic_category(), "a pipe");
    read = ends[0];
    write = ends[1];
  }
  ~Pipe() {
    ::close(read);
    if (write >= 0) ::close(write);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int read = -1;
  int write = -1;
};

pid_t spawn_child(const std::string& arguments, const std::string& log, const Pipe& pipe) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  ::posix_spawn_file_actions_adddup2(&actions, 1, 2);
  ::posix_spawn_file_actions_adddup2(&actions, pipe.write, 3);
  std::array<char*, 4> argv{const_cast<char*>("gpu-dmar"), const_cast<char*>("kmd-child"),
                            const_cast<char*>(arguments.c_str()), nullptr};
  pid_t child = 0;
  const int error = ::posix_spawn(&child, "/proc/self/exe", &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::system_error(error, std::generic_category(), "starting the driver's process");
  return child;
}

/// Reads events until the child's end of the pipe is closed. True: that took too long, and the child was
/// stopped.
bool read_events(int fd, pid_t child, std::chrono::seconds timeout, kmd::Report& report) {
  std::string pending;
  std::array<char, 1U << 16> buffer{};
  Clock::time_point deadline = Clock::now() + timeout;
  bool asked = false;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd wait{fd, POLLIN, 0};
    if (left <= 0 || ::poll(&wait, 1, static_cast<int>(std::min<long long>(left, 1000))) == 0) {
      if (left > 0) continue;
      if (asked) {
        ::kill(child, SIGKILL);
        return true;
      }
      ::kill(child, SIGUSR1);  // where are you?
      asked = true;
      deadline = Clock::now() + kLastWords;
      continue;
    }
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return asked;
    pending.append(buffer.data(), static_cast<std::size_t>(count));
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = pending.find('\n', begin)) != std::string::npos; begin = end + 1) {
      const json event = json::parse(pending.begin() + static_cast<std::ptrdiff_t>(begin),
                                     pending.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
      if (event.is_object()) report.take(event);
    }
    pending.erase(0, begin);
  }
}

void run_driver(const KmdOptions& options, const std::string& driver, kmd::Report& report) {
  const json arguments{{"parent", ::getpid()},
                       {"driver", fs::absolute(driver).string()},
                       {"scenario", options.scenario},
                       {"allocations", options.allocations},
                       {"verifier", options.verifier},
                       {"strict", options.strict},
                       {"seed", options.seed},
                       {"pipe", options.pipe},
                       {"latency", options.latency},
                       {"waves", options.waves},
                       {"record", options.record.empty() ? "" : fs::absolute(options.record).string()},
                       {"call_jitter", options.call_jitter},
                       {"ddi_cycles", options.ddi_cycles},
                       {"wait_cycles", options.wait_cycles}};
  Pipe pipe;
  const pid_t child =
      spawn_child(arguments.dump(), (fs::path(options.directory) / "child.log").string(), pipe);
  ::close(pipe.write);
  pipe.write = -1;
  kmd::ChildEnd end;
  end.timeout = read_events(pipe.read, child, std::chrono::seconds(options.timeout), report);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
  if (WIFEXITED(status)) end.exit_code = WEXITSTATUS(status);
  report.finish(end);
}

/// Builds, and runs what was built. The path of the driver, empty without one.
std::string build_and_run(const KmdOptions& options, kmd::Report& report) {
  const kmd::BuildResult built =
      kmd::build_driver({options.sources, options.flags, options.wdk.empty() ? GPUDMAR_WDK : options.wdk,
                         options.version, options.directory});
  for (const std::string& line : built.diagnostics) report.warn(line);
  for (const std::string& use : built.long_uses) report.warn(use);
  if (!built.ok) {
    report.refuse("does_not_compile", "the compiler's words are above");
    return "";
  }
  if (!kmd::exports(built.driver, "DriverEntry"))
    report.refuse("no_entry_point", "the driver has no DriverEntry with C linkage");
  else
    run_driver(options, built.driver, report);
  return built.driver;
}

kmd::Plan plan_of(const std::string& scenario, const std::vector<std::string>& allocations) {
  if (!scenario.empty()) return kmd::load_plan(scenario);
  std::vector<std::vector<std::uint8_t>> data;
  data.reserve(allocations.size());
  for (const std::string& bytes : allocations) data.push_back(kmd::hex_bytes(bytes, "--allocation"));
  return kmd::standard_plan(data);
}

}  // namespace

int run_kmd(const KmdOptions& options) {
  const auto begin = Clock::now();
  // Errors of the plan before anything runs.
  if (!options.scenario.empty() && !options.allocations.empty())
    throw std::invalid_argument("--allocation is for the standard plan: a plan allocates by its own steps");
  if (options.call_jitter != 0 && !options.record.empty())
    throw std::invalid_argument("--call-jitter goes without --record: in a trace every call costs the same");
  if (!options.wdk.empty() && !fs::is_regular_file(fs::path(options.wdk) / "ntddk.h"))
    throw std::invalid_argument(fmt::format("--wdk {}: there is no ntddk.h in it", options.wdk));
  const kmd::Plan plan = plan_of(options.scenario, options.allocations);
  make_directory("--dir", options.directory);
  const std::string path =
      options.summary.empty() ? (fs::path(options.directory) / "summary.json").string() : options.summary;
  if (!std::ofstream(path)) throw std::runtime_error("cannot write " + path);
  kmd::Report report;
  const std::string driver = build_and_run(options, report);
  kmd::Symbols symbols(driver);
  symbols.load(report.addresses());
  kmd::Symbols* const known = driver.empty() ? nullptr : &symbols;
  json summary = summary_head({{"sources", options.sources},
                               {"version", options.version},
                               {"scenario", options.scenario},
                               {"pipe", options.pipe}},
                              options.seed, std::chrono::duration<double>(Clock::now() - begin).count());
  summary.update(report.summary(known));
  std::ofstream file(path);
  file << summary.dump(2) << "\n";
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
  fmt::print("{}", report.text(known));
  return report.passed() ? 0 : 1;
}

void run_kmd_child(const std::string& arguments) {
  const json given = json::parse(arguments);
  // Nobody would hear it any more, nor end it.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != given.at("parent").get<pid_t>()) ::_exit(kmd::kChildBroken);
  kmd::ChildRequest request;
  request.driver = given.at("driver").get<std::string>();
  request.record = given.at("record").get<std::string>();
  request.plan = plan_of(given.at("scenario").get<std::string>(),
                         given.at("allocations").get<std::vector<std::string>>());
  request.verifier = given.at("verifier").get<bool>();
  request.strict = given.at("strict").get<bool>();
  MachineConfig& machine = request.plan.system.machine;
  machine.seed = given.at("seed").get<std::uint64_t>();
  machine.pipe = given.at("pipe").get<unsigned>();
  machine.waves = given.at("waves").get<std::string>();
  if (const auto latency = given.at("latency").get<unsigned>(); latency != 0)
    machine.memory.latency = latency;
  request.limits.call_jitter = given.at("call_jitter").get<std::uint64_t>();
  if (const auto cycles = given.at("ddi_cycles").get<std::uint64_t>(); cycles != 0)
    request.limits.ddi_cycles = cycles;
  if (const auto cycles = given.at("wait_cycles").get<std::uint64_t>(); cycles != 0)
    request.limits.wait_cycles = cycles;
  request.events = 3;
  kmd::run_child(request);
}

}  // namespace gpudmar::sim
