// SPDX-License-Identifier: Apache-2.0
// Entry points as traces show them: what the system hands to the driver, and what the driver hands back.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "dispmprt.h"
#include "sim/replay/functions.h"

namespace gpudmar::sim::replay {

/// Its fields; null: there is no such entry point, or nothing goes in or out of it.
[[nodiscard]] const Function* find_entry_point(const std::string& name);
/// Why what a line says of an entry point cannot be: "in.Size: ..."; empty: it can.
[[nodiscard]] std::string entry_point_error(const std::string& name, const nlohmann::json& in,
                                            const nlohmann::json& out);
/// Tables for docs/replay.md.
[[nodiscard]] std::string entry_points_markdown();

/// What a call was given, as far as its end needs it: the driver moves pointers and overwrites data.
struct EntryPointBegin {
  const void* dma_buffer = nullptr;
  const void* private_data = nullptr;
  nlohmann::json words;
};
[[nodiscard]] EntryPointBegin entry_point_begins(const std::string& name, const void* arguments,
                                                 const Handles& handles);
/// "in".
[[nodiscard]] nlohmann::json entry_point_arguments(const std::string& name, const void* arguments,
                                                   const Handles& handles);
/// "out", of a call that is over. `name` says what a handle that came out is called.
[[nodiscard]] nlohmann::json entry_point_result(const std::string& name, const void* arguments,
                                                const EntryPointBegin& begin, const Handles& handles,
                                                std::int32_t status, const NameHandle& handle_name);
/// The other way: the driver's answer as "out" has it. `value` gives the value of a handle that comes out.
using HandleValue = std::function<std::uint64_t(const nlohmann::json& name)>;
void answer_entry_point(const std::string& name, const nlohmann::json& out, void* arguments,
                        const HandleValue& value);
/// What depends on where memory was to be had: it is the same only in the recorded cycles.
[[nodiscard]] bool is_placement(const std::string& field);
/// A notification of the paging work's progress.
[[nodiscard]] bool is_paging_notice(const std::string& name, const nlohmann::json& in);
/// Called by the kernel of its own accord, while it pages or recovers.
[[nodiscard]] bool is_paging_entry_point(const std::string& name);

}  // namespace gpudmar::sim::replay
