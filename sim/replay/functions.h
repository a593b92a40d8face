// SPDX-License-Identifier: Apache-2.0
// The functions of the driver interface as traces show them: one table from which calls are written down,
// checked, made again and documented.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dispmprt.h"
#include "sim/replay/handles.h"
#include "sim/scenario/names.h"

namespace gpudmar::sim::replay {

enum class FieldKind {
  kNumber,   ///< JSON number, or text with 0x and K, M, G, T
  kAddress,  ///< the same, written as text
  kName,     ///< one of `names`, or a number
  kBool,
  kHandle,   ///< what Handles::show() gives
  kPages,    ///< list of [first, count]
  kWords,    ///< list of words of 64 bits: handles, or texts with a number
  kObjects,  ///< list of objects
};

struct Field {
  std::string name;  ///< the WDK's, a point for a member
  FieldKind kind{};
  std::size_t offset = 0;
  std::size_t bytes = 0;
  bool in = true;
  bool out = false;
  bool required = false;             ///< of what goes in
  const NameTable* names = nullptr;  ///< kName
  std::string makes;                 ///< kHandle that comes out: kind of its name
  int type = -1;                     ///< only with this value of the function's selector
  bool by_hand = false;              ///< read and written beside the table
};

/// A callback, or an entry point.
struct Function {
  std::string name;
  std::size_t bytes = 0;  ///< of its structure; 0: it takes none
  bool device = false;    ///< takes an adapter's handle: field "hAdapter" or "DeviceHandle"
  std::string device_name;
  bool status = true;  ///< returns an NTSTATUS
  /// Made again in every replay; others belong to the hardware that the trace was made on, and are made again
  /// with its exact cycles only.
  bool always = true;
  std::vector<Field> fields;
  std::function<NTSTATUS(const DXGKRNL_INTERFACE&, HANDLE device, void* arguments)> call;  ///< callbacks
  std::string selector{};  ///< field that says which of the others there are
};

/// Null: there is no such callback, or none that traces can have.
[[nodiscard]] const Function* find_function(const std::string& name);
[[nodiscard]] const std::vector<Function>& functions();
/// Whether dxgkrnl calls the driver by this name.
[[nodiscard]] bool is_entry_point(const std::string& name);
/// Tables for docs/replay.md.
[[nodiscard]] std::string functions_markdown();

/// Fields that go in, of the structure at `arguments`.
[[nodiscard]] nlohmann::json show_in(const Function& function, const void* arguments, const Handles& handles);
/// Fields that come out. `name` says what a handle that came out is called; it gets its kind and value.
using NameHandle = std::function<nlohmann::json(const Field& field, std::uint64_t value)>;
[[nodiscard]] nlohmann::json show_out(const Function& function, const void* arguments,
                                      const NameHandle& name);
/// Fills the structure; false: a name that is not bound, left in `missing`.
[[nodiscard]] bool fill_in(const Function& function, const nlohmann::json& in, const Handles& handles,
                           void* arguments, std::string& missing);

/// Why `value` cannot stand in the field; empty: it can.
[[nodiscard]] std::string value_error(const Field& field, const nlohmann::json& value);
/// Whether the field exists, given the fields that go in.
[[nodiscard]] bool applies(const Function& function, const Field& field, const nlohmann::json& in);
/// The field of that name in this direction; null: there is none.
[[nodiscard]] const Field* find_field(const Function& function, const std::string& name, bool in,
                                      const nlohmann::json& given);
/// Puts what came out into the structure: numbers only, handles are the caller's business.
void fill_out(const Function& function, const nlohmann::json& out, void* arguments);
/// Numbers are the same whether they stand as number or as text.
[[nodiscard]] bool same_value(const nlohmann::json& a, const nlohmann::json& b);
/// The bytes as words of 64 bits; those that are handles by their names.
[[nodiscard]] nlohmann::json words_of(const void* data, std::size_t bytes, const Handles& handles);
[[nodiscard]] std::uint64_t number_of(const nlohmann::json& value);

}  // namespace gpudmar::sim::replay
