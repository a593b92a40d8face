// SPDX-License-Identifier: Apache-2.0
// Parser of --memory.
#include "sim/axi/memory_timing.h"

#include <fmt/format.h>

#include <sstream>
#include <stdexcept>

namespace gpudmar::sim {
namespace {

template <typename T>
T number(const std::string& key, const std::string& text) {
  T value{};
  std::istringstream stream(text);
  stream >> value;
  if (text.empty() || text[0] == '-' || stream.fail() || !stream.eof())
    throw std::invalid_argument(fmt::format("--memory: {}={} is not a number", key, text));
  return value;
}

}  // namespace

void parse_memory(const std::string& text, AxiMemoryConfig& memory) {
  std::istringstream items(text);
  for (std::string item; std::getline(items, item, ',');) {
    const std::size_t equals = item.find('=');
    const std::string key = item.substr(0, equals);
    const std::string value = equals == std::string::npos ? "1" : item.substr(equals + 1);
    if (key == "latency") {
      memory.latency = number<unsigned>(key, value);
    } else if (key == "jitter") {
      memory.jitter = number<unsigned>(key, value);
    } else if (key == "write-latency") {
      memory.b_latency = number<unsigned>(key, value);
    } else if (key == "stall") {
      memory.ar_stall = memory.aw_stall = memory.w_stall = memory.r_stall = memory.b_stall =
          number<double>(key, value);
      if (memory.ar_stall == 1) throw std::invalid_argument("--memory: stall=1 would stop the bus for good");
    } else if (key == "out-of-order") {
      memory.out_of_order = number<unsigned>(key, value) != 0;
    } else if (key == "interleave") {
      memory.interleave = number<unsigned>(key, value) != 0;
    } else if (key == "read-at-first-beat") {
      memory.read_at_first_beat = number<unsigned>(key, value) != 0;
    } else if (key == "write-at-wlast") {
      memory.write_at_wlast = number<unsigned>(key, value) != 0;
    } else {
      throw std::invalid_argument(
          fmt::format("--memory: '{}' is unknown (latency, jitter, write-latency, stall, "
                      "out-of-order, interleave, read-at-first-beat, write-at-wlast)",
                      key));
    }
  }
}

}  // namespace gpudmar::sim
