// SPDX-License-Identifier: Apache-2.0
// gpu-dmar-oracle: compares the RTL with QEMU. It serves the RTL itself, in a process of its own.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "sim/dut/variants.h"
#include "sim/main/summary_head.h"
#include "sim/oracle/campaign.h"
#include "sim/oracle/qemu_machine.h"
#include "sim/oracle/rtl_machine.h"
#include "sim/serve/serve.h"
#include "sim/serve/server.h"

namespace gpudmar::oracle {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kWideVariant = 2;  // beside the pipes 0 and 1
constexpr int kNoQemu = 77;           // as automake's and CTest's "skipped"
constexpr unsigned kLatency = 4;      // of host memory, cycles: it is walked often

struct Options {
  CampaignOptions campaign;
  std::string qemu;
  std::string summary;
};

/// Sockets, firmware and logs: gone at the end.
class Scratch {
 public:
  Scratch() {
    std::string name = (fs::temp_directory_path() / "gpu-dmar-oracle-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a temporary directory");
    path = name;
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  fs::path path;
};

void progress(std::uint64_t done, std::uint64_t cases, std::uint64_t mismatches, double seconds) {
  fmt::print(stderr, "\r\033[K{} of {} cases, {} mismatches, {:.0f} cases/s", done, cases, mismatches,
             static_cast<double>(done) / seconds);
}

int compare(Options options) {
  const std::string qemu_program = find_qemu(options.qemu);
  if (qemu_program.empty()) {
    fmt::print(stderr, "gpu-dmar-oracle: no qemu-system-x86_64 {}: apt-get install qemu-system-x86\n",
               options.qemu.empty() ? "on PATH" : "at " + options.qemu);
    return kNoQemu;
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto seconds = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  const sim::EndSignals signals;
  options.campaign.stop = sim::EndSignals::seen;
  const Scratch scratch;
  const std::string self = fs::read_symlink("/proc/self/exe").string();
  RtlMachine rtl({self, "serve"}, scratch.path.string(), options.campaign.seed);
  QemuMachine qemu(qemu_program, scratch.path.string());
  if (::isatty(STDERR_FILENO) != 0)
    options.campaign.progress = [&, last = 0.0](std::uint64_t done, std::uint64_t mismatches) mutable {
      if (const double now = seconds(); now - last > 0.2 || done == options.campaign.cases) {
        last = now;
        progress(done, options.campaign.cases, mismatches, now);
      }
    };
  options.campaign.again = fmt::format("{} --cases 1 --seed SEED", self);
  const CampaignResult result = run_campaign(qemu, rtl, options.campaign, std::cout);
  if (options.campaign.progress) fmt::print(stderr, "\r\033[K");
  (void)qemu.end();
  const int status = rtl.end();
  if (status != 0) {
    std::ifstream log(scratch.path / "rtl.log");
    std::cout << "the RTL's server ends with status " << status << ":\n" << log.rdbuf() << std::flush;
  }
  fmt::print("{} cases with {} accesses, {} of them blocked, {} mismatches, {:.0f} cases/s\n", result.cases,
             result.accesses, result.blocked, result.mismatches.size(),
             static_cast<double>(result.cases) / seconds());
  for (const auto& [reason, count] : result.reasons) fmt::print("  fault {:02X}h: {}\n", reason, count);
  for (const auto& [name, count] : result.masked) fmt::print("  masked, {}: {}\n", name, count);
  if (!options.summary.empty()) {
    nlohmann::json summary = sim::summary_head({{"latency", kLatency}}, options.campaign.seed, seconds());
    summary["qemu"] = qemu.version();
    summary["mode"] = "legacy";
    summary["cases"] = result.cases;
    summary["accesses"] = result.accesses;
    summary["blocked"] = result.blocked;
    summary["mismatches"] = result.mismatches.size();
    summary["violations"] = status != 0;
    summary["seeds"] = result.mismatches;
    summary["masked"] = nlohmann::json::object();
    for (const Mask& mask : masks()) summary["masked"][std::string(mask.name)] = 0;
    for (const auto& [name, count] : result.masked) summary["masked"][name] = count;
    summary["reasons"] = nlohmann::json::object();
    for (const auto& [reason, count] : result.reasons)
      summary["reasons"][fmt::format("{:02X}", reason)] = count;
    std::ofstream file(options.summary);
    file << summary.dump(1) << '\n';
    if (!file.flush()) throw std::runtime_error("cannot write " + options.summary);
  }
  if (sim::EndSignals::seen()) fmt::print(stderr, "gpu-dmar-oracle: ended by a signal\n");
  return result.mismatches.empty() && status == 0 && !sim::EndSignals::seen() ? 0 : 1;
}

int run(int argc, char** argv) {
  sim::add_dut_variant(kWideVariant, sim::create_dut_wide);
  CLI::App app{"Compares the RTL's IOMMU with QEMU's, case by case", "gpu-dmar-oracle"};
  Options options;
  sim::ServeOptions serve_options;
  serve_options.machine.pipe = kWideVariant;
  serve_options.machine.memory.latency = kLatency;
  const CLI::App* serve = sim::add_serve(app, serve_options);
  const auto not_negative = [](const std::string& text) {
    return text[0] == '-' ? text + " is negative" : std::string();
  };
  app.add_option("--cases", options.campaign.cases, "how many")->check(not_negative)->capture_default_str();
  app.add_option("--seed", options.campaign.seed, "of the first case; the others count on")
      ->check(not_negative)
      ->capture_default_str();
  app.add_option("--qemu", options.qemu, "the program (default: qemu-system-x86_64 on PATH)");
  app.add_option("--give-up", options.campaign.give_up, "after so many mismatches")->capture_default_str();
  app.add_option("--shrink-runs", options.campaign.shrink_runs,
                 "for each mismatch at most; 0: show it as it is")
      ->capture_default_str();
  app.add_option("--json,--summary", options.summary, "write the results as JSON");
  try {
    app.parse(argc, argv);
    if (serve->parsed()) {
      finish_serve(serve_options);
      return run_serve(serve_options);
    }
    return compare(options);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const std::exception& error) {
    fmt::print(stderr, "gpu-dmar-oracle: {}\n", error.what());
    return 2;
  }
}

}  // namespace
}  // namespace gpudmar::oracle

int main(int argc, char** argv) { return gpudmar::oracle::run(argc, argv); }
