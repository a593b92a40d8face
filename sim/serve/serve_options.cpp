// SPDX-License-Identifier: Apache-2.0
// Words of `serve` to a machine.
#include "sim/serve/serve_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <string_view>

#include "sim/axi/memory_timing.h"
#include "sim/serve/address_map.h"

namespace gpudmar::sim {

std::uint64_t parse_size(const std::string& text) {
  std::uint64_t value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  const std::string_view unit(end, static_cast<std::size_t>(last - end));
  unsigned shift = 0;
  if (unit == "K" || unit == "k") shift = 10;
  if (unit == "M") shift = 20;
  if (unit == "G") shift = 30;
  if (unit == "T") shift = 40;
  if (error != std::errc() || (shift == 0 && !unit.empty()) || value << shift >> shift != value)
    throw std::invalid_argument(
        fmt::format("'{}' is no size: a number of bytes, or with K, M, G or T", text));
  return value << shift;
}

std::vector<hw::MemoryRange> memory_map(std::uint64_t bytes) {
  if (bytes == 0 || bytes % hw::kPageSize != 0)
    throw std::invalid_argument(fmt::format("{} bytes of memory: whole pages, and at least one", bytes));
  std::vector<hw::MemoryRange> map{{0, std::min<std::uint64_t>(bytes, 2 * kGiB)}};
  if (bytes > 2 * kGiB) map.push_back({4 * kGiB, bytes - 2 * kGiB});
  if (map.back().end() > kVramBase)
    throw std::invalid_argument(fmt::format("{} bytes of memory reach into the adapters' windows", bytes));
  return map;
}

CLI::App* add_serve(CLI::App& app, ServeOptions& options) {
  const auto not_negative = [](const std::string& text) {
    return text[0] == '-' ? text + " is negative" : std::string();
  };
  CLI::App* serve =
      app.add_subcommand("serve", "let a client drive the hardware through qtest, as QEMU does");
  serve->add_option("--qtest", options.socket, "unix:PATH, a socket of this user that is made there")
      ->required();
  serve->add_option("-m,--size", options.size, "host memory: bytes, or with K, M, G, T")
      ->capture_default_str();
  serve->add_option("--memory", options.timing, "timing of host memory: latency=100,jitter=0,...");
  serve->add_option("--seed", options.machine.seed, "of power-on state and jitter")
      ->check(not_negative)
      ->capture_default_str();
  serve->add_option("--pipe", options.machine.pipe, "variant of the RTL")->capture_default_str();
  serve->add_option("--contract", options.machine.contract_file, "another cycle contract");
  serve->add_option("--waves", options.machine.waves, "write an FST");
  serve->add_flag("--keep", options.keep, "wait for the next client when one has gone");
  return serve;
}

void finish_serve(ServeOptions& options) {
  if (options.socket.rfind("unix:", 0) != 0)
    throw std::invalid_argument(
        fmt::format("--qtest {}: only unix:PATH, a socket of this user", options.socket));
  options.machine.ram = memory_map(parse_size(options.size));
  options.machine.device_memory.clear();
  if (!options.timing.empty()) parse_memory(options.timing, options.machine.memory);
}

}  // namespace gpudmar::sim
