// SPDX-License-Identifier: Apache-2.0
// The command line of `serve`.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <string>

#include "sim/bench/machine_config.h"

namespace gpudmar::sim {

struct ServeOptions {
  std::string socket;         ///< "unix:PATH", as in QEMU's -qtest
  std::string size = "256M";  ///< of host memory
  std::string timing;         ///< of host memory, as parse_memory() takes it
  bool keep = false;          ///< go on when a client has gone
  MachineConfig machine;
};

/// "256M", "4G", "65536": bytes. Throws std::invalid_argument.
[[nodiscard]] std::uint64_t parse_size(const std::string& text);
/// As QEMU's -m: below 2 GiB from 0 on, what is more from 4 GiB on. Throws std::invalid_argument on a size
/// that is 0, no multiple of a page, or too much.
[[nodiscard]] std::vector<hw::MemoryRange> memory_map(std::uint64_t bytes);

/// The subcommand; it fills `options`.
[[nodiscard]] CLI::App* add_serve(CLI::App& app, ServeOptions& options);
/// After the parse: makes `options.machine` what the words say. Throws std::invalid_argument.
void finish_serve(ServeOptions& options);

}  // namespace gpudmar::sim
