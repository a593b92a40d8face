// SPDX-License-Identifier: Apache-2.0
// From lines to events. Every error names file, line and field.
#include "sim/replay/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <system_error>

#include "sim/replay/dma_log.h"
#include "sim/replay/entry_points.h"
#include "sim/replay/mdl.h"
#include "sim/replay/recorder.h"

namespace gpudmar::sim::replay {
namespace {

using nlohmann::json;
using Kind = Event::Kind;

/// Actions, and what goes into them. All that name an allocation name an adapter, too.
const std::map<std::string, std::set<std::string>> kActions{
    {"load", {}},
    {"start", {}},
    {"stop", {}},
    {"unload", {}},
    {"reattach", {}},
    {"reboot", {}},
    {"reset_unit", {}},
    {"exit_process", {"process"}},
    {"trim", {"pages"}},
    {"fail", {"after", "sticky"}},
    {"allocate", {"adapter", "private_data", "bytes"}},
    {"deallocate", {"adapter", "allocation"}},
    {"resident", {"adapter", "allocation"}},
    {"evict", {"adapter", "allocation"}},
    {"discard", {"adapter", "allocation"}},
    {"fill", {"adapter", "allocation", "pattern"}},
    {"access", {"adapter", "allocation", "offset", "bytes", "write"}},
    {"power", {"adapter", "state", "action"}},
    {"remove", {"adapter"}},
    {"isolate", {"adapter"}}};
constexpr std::uint64_t kMostWait = 1'000'000;
constexpr std::uint64_t kMostPrivateData = 1U << 16;
constexpr std::uint64_t kMostAccess = 1U << 30;
const std::set<std::string> kKinds{"call", "system", "register", "dma", "fault", "end"};

class Reader {
 public:
  Reader(std::string file, Trace& trace) : file_(std::move(file)), trace_(trace) {}

  void read(const std::string& text);

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw TraceError(fmt::format("{}:{}: {}", file_, line_, what));
  }
  [[noreturn]] void fail(const std::string& field, const std::string& what) const {
    fail(fmt::format("'{}': {}", field, what));
  }
  [[nodiscard]] json parse(const std::string& text, bool complete) const;
  void head(const json& line);
  void event(const json& line);
  void common(const json& line, Event& event) const;
  void call(const json& line, Event& event) const;
  void callback(const Function& function, Event& event) const;
  void system(const json& line, Event& event) const;
  void action_in(const Event& event, const std::set<std::string>& keys) const;
  void action_out(const Event& event) const;
  void access(const json& line, Event& event) const;
  void work(const json& line, Event& event) const;
  void fault(const json& line, Event& event) const;
  void place(const json& value, const std::string& field) const;
  void page_list(const json& list, const std::string& field) const;
  void names(const Event& event);
  void order();
  void nest();

  [[nodiscard]] const json& member(const json& object, const std::string& prefix,
                                   const std::string& key) const;
  [[nodiscard]] std::uint64_t number(const json& object, const std::string& prefix, const std::string& key,
                                     std::uint64_t most = ~0ULL) const;
  [[nodiscard]] bool boolean(const json& object, const std::string& prefix, const std::string& key) const;
  void only(const json& object, const std::string& prefix, const std::set<std::string>& keys) const;
  void value(const json& value, const std::string& name, FieldKind kind) const;
  [[nodiscard]] unsigned adapters() const { return trace_.system.machine.adapters; }

  std::string file_;
  Trace& trace_;
  unsigned line_ = 0;
  bool any_order_ = false;
  bool any_without_order_ = false;
};

std::string full(const std::string& prefix, const std::string& key) {
  return prefix.empty() ? key : prefix + "." + key;
}

const json& Reader::member(const json& object, const std::string& prefix, const std::string& key) const {
  const auto it = object.find(key);
  if (it == object.end()) fail(full(prefix, key), "is missing");
  return *it;
}

std::uint64_t Reader::number(const json& object, const std::string& prefix, const std::string& key,
                             std::uint64_t most) const {
  const json& given = member(object, prefix, key);
  value(given, full(prefix, key), FieldKind::kNumber);
  if (number_of(given) > most) fail(full(prefix, key), fmt::format("{} is more than {}", given.dump(), most));
  return number_of(given);
}

bool Reader::boolean(const json& object, const std::string& prefix, const std::string& key) const {
  const json& value = member(object, prefix, key);
  if (!value.is_boolean()) fail(full(prefix, key), value.dump() + " is neither true nor false");
  return value.get<bool>();
}

void Reader::only(const json& object, const std::string& prefix, const std::set<std::string>& keys) const {
  if (!object.is_object()) fail(prefix.empty() ? "the line" : prefix, "must be an object");
  for (const auto& [key, value] : object.items())
    if (keys.count(key) == 0)
      fail(full(prefix, key), fmt::format("unknown field ({})", fmt::join(keys, ", ")));
}

void Reader::value(const json& value, const std::string& name, FieldKind kind) const {
  Field field;
  field.kind = kind;
  field.bytes = 8;
  if (const std::string error = value_error(field, value); !error.empty()) fail(name, error);
}

json Reader::parse(const std::string& text, bool complete) const {
  try {
    return json::parse(text);
  } catch (const json::parse_error& error) {
    const std::string what = error.what();
    const std::size_t colon = what.find(": ");
    const std::string why = colon == std::string::npos ? what : what.substr(colon + 2);
    if (!complete) fail("the last line is cut off: " + why);
    fail("no JSON: " + why);
  }
}

void Reader::read(const std::string& text) {
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line)) {
    ++line_;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const json value = parse(line, !lines.eof());
    if (!value.is_object()) fail("a line is an object");
    if (trace_.head.is_null())
      head(value);
    else
      event(value);
  }
  if (trace_.head.is_null()) {
    line_ = 1;
    fail("the file is empty: the first line is the head");
  }
  order();
  nest();
}

void Reader::head(const json& line) {
  const std::uint64_t version = number(line, "", "gpu_dmar_trace");
  if (version != kTraceVersion)
    fail("gpu_dmar_trace", fmt::format("version {}, this program reads version {}", version, kTraceVersion));
  only(line, "",
       {"gpu_dmar_trace", "source", "commit", "about", "interface", "machine", "start", "call_cycles",
        "reset_cycles"});
  json document{{"schema", 1},
                {"name", "trace"},
                {"about", "trace"},
                {"steps", json::array({{{"do", "wait"}, {"cycles", 1}}})}};
  for (const char* const key : {"machine", "start"})
    if (line.contains(key)) document[key] = line[key];
  try {
    trace_.system = parse_scenario(document, file_);
  } catch (const ScenarioError& error) {
    // "file:line: 'key': what": the line is that of another document.
    const std::string what = error.what();
    const std::size_t colon = what.find(": ");
    fail(colon == std::string::npos ? what : what.substr(colon + 2));
  }
  if (line.contains("interface")) (void)number(line, "", "interface");
  if (line.contains("call_cycles")) trace_.call_cycles = number(line, "", "call_cycles", kMostWait);
  if (line.contains("reset_cycles")) trace_.reset_cycles = number(line, "", "reset_cycles", kMostWait);
  trace_.head = line;
}

void Reader::event(const json& line) {
  std::string kind;
  for (const std::string& name : kKinds) {
    if (!line.contains(name)) continue;
    if (!kind.empty()) fail(name, fmt::format("a line is one event, and this one is '{}' too", kind));
    kind = name;
  }
  if (kind.empty()) fail(fmt::format("no event: one of {} is missing", fmt::join(kKinds, ", ")));
  Event event;
  event.line = line_;
  event.text = line;
  common(line, event);
  if (kind == "call") call(line, event);
  if (kind == "system") system(line, event);
  if (kind == "register") access(line, event);
  if (kind == "dma") work(line, event);
  if (kind == "fault") fault(line, event);
  if (kind == "end") {
    event.kind = Kind::kEnd;
    event.data = line["end"];
  }
  trace_.events.push_back(std::move(event));
}

void Reader::common(const json& line, Event& event) const {
  only(line, "",
       {"call", "system", "register", "dma", "fault", "end", "seq", "cycle", "thread", "adapter", "irql",
        "process", "null", "in", "out", "status", "bugcheck"});
  const auto pair = [&](const char* key, std::uint64_t& first, std::optional<std::uint64_t>& second) {
    const json& value = line[key];
    const json list = value.is_array() ? value : json::array({value});
    if (list.empty() || list.size() > 2) fail(key, "a number, or a list of two: of the begin and of the end");
    for (const json& entry : list)
      if (!entry.is_number_unsigned()) fail(key, entry.dump() + " is no number");
    first = list[0].get<std::uint64_t>();
    if (list.size() == 2) second = list[1].get<std::uint64_t>();
  };
  if (line.contains("seq")) {
    std::optional<std::uint64_t> end;
    pair("seq", event.begin, end);
    if (event.begin == 0) fail("seq", "counts from 1");
    event.end = end.value_or(0);
    if (end && *end < event.begin) fail("seq", "the end comes before the begin");
  }
  if (line.contains("cycle")) {
    std::uint64_t begin = 0;
    pair("cycle", begin, event.end_cycle);
    event.begin_cycle = begin;
  }
  if (line.contains("thread")) {
    const json& thread = line["thread"];
    if (!thread.is_string() && !thread.is_number_unsigned()) fail("thread", "a text or a number");
    event.thread = thread.is_string() ? thread.get<std::string>() : thread.dump();
  }
  if (line.contains("irql")) event.irql = static_cast<unsigned>(number(line, "", "irql", 15));
  if (line.contains("process")) {
    if (!line["process"].is_string()) fail("process", "a text");
    event.process = line["process"].get<std::string>();
  }
  if (line.contains("status")) {
    const json& status = line["status"];
    std::optional<std::uint64_t> number;
    if (status.is_number_integer()) number = static_cast<std::uint64_t>(status.get<std::int64_t>());
    if (status.is_string()) number = value_of(status_names(), status.get<std::string>());
    if (status.is_string() && !number) number = parse_number(status.get<std::string>());
    if (!number) fail("status", status.dump() + " is neither a status that is known here nor a number");
    event.status = status_name(static_cast<std::int32_t>(*number));
  }
  if (line.contains("bugcheck")) {
    only(line["bugcheck"], "bugcheck", {"code", "parameters"});
    (void)number(line["bugcheck"], "bugcheck", "code");
    event.bugcheck = line["bugcheck"];
    const json parameters = event.bugcheck.value("parameters", json::array());
    const auto good = [](const json& entry) {
      return entry.is_null() || entry.is_string() || entry.is_number_unsigned();
    };
    if (!parameters.is_array() || !std::all_of(parameters.begin(), parameters.end(), good))
      fail("bugcheck.parameters", "a list of numbers and names");
  }
}

void Reader::call(const json& line, Event& event) const {
  if (!line["call"].is_string()) fail("call", "a text: the function's name");
  event.name = line["call"].get<std::string>();
  for (const char* const key : {"in", "out"})
    if (line.contains(key) && !line[key].is_object()) fail(key, "must be an object");
  if (line.contains("in")) event.in = line["in"];
  if (line.contains("out")) event.out = line["out"];
  if (line.contains("null")) event.null = boolean(line, "", "null");
  if (const Function* function = find_function(event.name)) return callback(*function, event);
  if (!is_entry_point(event.name))
    fail("call",
         fmt::format("'{}' is no function of the driver interface that a trace can have", event.name));
  event.kind = Kind::kEntryPoint;
  if (line.contains("adapter")) event.adapter = static_cast<int>(number(line, "", "adapter", adapters() - 1));
  if (const std::string error = entry_point_error(event.name, event.in, event.out); !error.empty())
    fail(error);
}

void Reader::callback(const Function& function, Event& event) const {
  event.kind = Kind::kCallback;
  Field device;
  device.name = function.device_name;
  device.kind = FieldKind::kHandle;
  const auto find = [&](const std::string& name, bool in) -> const Field* {
    if (in && function.device && name == device.name) return &device;
    return find_field(function, name, in, event.in);
  };
  const bool maps = event.name == "DxgkCbMapMdlToIoMmu";
  const bool has_mdl = maps || event.name == "DxgkCbUnmapMdlFromIoMmu";
  if (has_mdl && event.in.contains("Mdl"))
    if (const std::string error = mdl_error(event.in["Mdl"]); !error.empty()) fail("in.Mdl", error);
  for (const auto& [name, value] : event.in.items()) {
    if (has_mdl && name == "Mdl") continue;
    const Field* field = find(name, true);
    if (field == nullptr) fail("in." + name, fmt::format("no field that goes into {}", function.name));
    if (const std::string error = value_error(*field, value); !error.empty()) fail("in." + name, error);
  }
  if (function.device && !event.in.contains(device.name))
    fail("in." + device.name, fmt::format("is missing: {} takes it", function.name));
  if (maps && event.in.contains("pMdl") && !event.in["pMdl"].is_null() &&
      Handles::name_in(event.in["pMdl"]).empty())
    fail("in.pMdl", "an MDL of the driver's own needs a name, and 'in.Mdl'");
  if (event.null) return;
  for (const Field& field : function.fields)
    if (field.in && field.required && applies(function, field, event.in) && !event.in.contains(field.name))
      fail("in." + field.name, fmt::format("is missing: {} takes it", function.name));
  if (!event.out.is_object()) return;
  static const std::map<std::string, FieldKind> more{{"PageFrames", FieldKind::kPages},
                                                     {"PageCount", FieldKind::kNumber},
                                                     {"Contiguous", FieldKind::kBool},
                                                     {"Pages", FieldKind::kPages}};
  for (const auto& [name, shown] : event.out.items()) {
    if (const auto behind = more.find(name); behind != more.end()) {
      value(shown, "out." + name, behind->second);
      continue;
    }
    const Field* field = find(name, false);
    if (field == nullptr) fail("out." + name, fmt::format("no field that comes out of {}", function.name));
    if (const std::string error = value_error(*field, shown); !error.empty()) fail("out." + name, error);
    if (field->kind == FieldKind::kHandle && !shown.is_null() && Handles::name_in(shown) != shown)
      fail("out." + name, shown.dump() + " is no name: what comes out has one of its own");
  }
}

void Reader::system(const json& line, Event& event) const {
  event.kind = Kind::kSystem;
  const auto action =
      line["system"].is_string() ? kActions.find(line["system"].get<std::string>()) : kActions.end();
  if (action == kActions.end()) {
    std::vector<std::string> names;
    names.reserve(kActions.size());
    for (const auto& [name, keys] : kActions) names.push_back(name);
    fail("system", fmt::format("{} is none of {}", line["system"].dump(), fmt::join(names, ", ")));
  }
  event.name = action->first;
  if (line.contains("in")) event.in = line["in"];
  if (line.contains("out")) event.out = line["out"];
  if (!event.in.is_object()) fail("in", "must be an object");
  for (const auto& [key, value] : event.in.items())
    if (action->second.count(key) == 0)
      fail("in." + key, fmt::format("nothing that goes into {}", event.name));
  action_in(event, action->second);
  if (!event.out.is_null()) action_out(event);
}

void Reader::action_in(const Event& event, const std::set<std::string>& keys) const {
  if (event.name == "fail") {
    if (event.in.contains("after")) (void)number(event.in, "in", "after");
    if (event.in.contains("sticky")) (void)boolean(event.in, "in", "sticky");
    return;
  }
  static const std::map<std::string, std::uint64_t> most{{"pattern", 0xFFFF'FFFF},
                                                         {"state", PowerDeviceD3},
                                                         {"action", PowerActionShutdownOff},
                                                         {"pages", ~0ULL},
                                                         {"offset", ~0ULL}};
  for (const std::string& key : keys) {
    const auto limit = most.find(key);
    if (limit != most.end()) (void)number(event.in, "in", key, limit->second);
    if (key == "adapter") (void)number(event.in, "in", key, adapters() - 1);
    if (key == "bytes")
      (void)number(event.in, "in", key, event.name == "allocate" ? kMostPrivateData : kMostAccess);
    if (key == "write") (void)boolean(event.in, "in", key);
    if ((key == "allocation" || key == "process") && !member(event.in, "in", key).is_string())
      fail("in." + key, "a text");
    if (key == "private_data") value(member(event.in, "in", key), "in." + key, FieldKind::kWords);
  }
}

void Reader::action_out(const Event& event) const {
  only(event.out, "out",
       event.name == "allocate" ? std::set<std::string>{"allocation"}
       : event.name == "load"   ? std::set<std::string>{"Version", "entry_points"}
                                : std::set<std::string>());
  if (event.out.contains("allocation") && !event.out["allocation"].is_string())
    fail("out.allocation", "a name");
  if (event.out.contains("Version")) (void)number(event.out, "out", "Version", 0xFFFF'FFFF);
  if (!event.out.contains("entry_points")) return;
  const json& list = event.out["entry_points"];
  const auto known = [](const json& name) {
    return name.is_string() && is_entry_point(name.get<std::string>());
  };
  if (!list.is_array() || !std::all_of(list.begin(), list.end(), known))
    fail("out.entry_points", "a list of names of entry points");
}

void Reader::access(const json& line, Event& event) const {
  event.kind = Kind::kRegister;
  event.data = line["register"];
  only(event.data, "register", {"window", "offset", "bytes", "write", "value"});
  const json& window = member(event.data, "register", "window");
  if (!window.is_string()) fail("register.window", "a text");
  event.name = window.get<std::string>();
  if (event.name != "iommu") {
    const auto adapter = adapter_named(event.name);
    if (!adapter || *adapter >= adapters())
      fail("register.window", fmt::format("'{}' is no window", event.name));
    event.adapter = static_cast<int>(*adapter);
  }
  const std::uint64_t bytes = number(event.data, "register", "bytes");
  if (bytes != 4 && bytes != 8) fail("register.bytes", "4 or 8");
  if (number(event.data, "register", "offset", 0xFFF) % bytes != 0) fail("register.offset", "is not aligned");
  if (boolean(event.data, "register", "write") || event.data.contains("value"))
    (void)number(event.data, "register", "value");
}

void Reader::place(const json& value, const std::string& field) const {
  static const char* const wanted =
      R"(must be {"adl", "offset"}, {"allocation", "offset"}, {"vram"}, {"aperture"}, {"buffer", "offset"}, {"dummy", "offset"} or {"address"})";
  if (!value.is_object()) fail(field, wanted);
  unsigned kinds = 0;
  for (const char* const key : {"adl", "allocation", "vram", "aperture", "buffer", "dummy", "address"})
    kinds += value.contains(key) ? 1 : 0;
  if (kinds != 1) fail(field, wanted);
  only(value, field, {"adl", "allocation", "offset", "vram", "aperture", "buffer", "dummy", "address"});
  for (const auto& [key, entry] : value.items()) {
    if (key == "adl" || key == "allocation") {
      if (!entry.is_string()) fail(full(field, key), "a name");
    } else if (key == "address") {
      if (!entry.is_string() || !parse_number(entry.get<std::string>()))
        fail(field + ".address", entry.dump() + " is no text with a number");
    } else if (!entry.is_number_unsigned()) {
      fail(full(field, key), entry.dump() + " is no number");
    }
  }
}

void Reader::page_list(const json& list, const std::string& field) const {
  if (!list.is_array()) fail(field, "must be a list");
  for (const json& entry : list) {
    json where = entry;
    if (where.is_object() && where.contains("pages")) {
      if (!entry["pages"].is_number_unsigned())
        fail(field + ".pages", entry["pages"].dump() + " is no number");
      (void)number(entry, field, "pages", 1U << 20);
      where.erase("pages");
    }
    place(where, field);
    if (where.contains("vram") || where.contains("aperture")) fail(field, "pages of the system's memory");
  }
}

void Reader::work(const json& line, Event& event) const {
  event.kind = Kind::kDma;
  event.data = line["dma"];
  only(event.data, "dma", {"adapter", "channel", "work", "result", "write", "address"});
  event.adapter = static_cast<int>(number(event.data, "dma", "adapter", adapters() - 1));
  const json& list = member(event.data, "dma", "work");
  if (!list.is_array()) fail("dma.work", "must be a list");
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string prefix = fmt::format("dma.work[{}]", i);
    only(list[i], prefix, {"op", "src", "dst", "bytes", "no_snoop", "raw", "at", "list"});
    const json& op = member(list[i], prefix, "op");
    if (!op.is_number_unsigned() && op != "copy" && op != "fill" && op != "fence")
      fail(prefix + ".op", op.dump() + " is none of copy, fill, fence, and no opcode");
    const bool raw = list[i].contains("raw");
    if (raw && (!list[i]["raw"].is_string() || !from_hex(list[i]["raw"].get<std::string>())))
      fail(prefix + ".raw", fmt::format("{} hexadecimal digits", 2 * kDescriptorBytes));
    if (!raw && op != "copy" && op != "fill")
      fail(prefix + ".raw", "is missing: only copy and fill go without it");
    if (!raw || list[i].contains("bytes")) {
      const std::uint64_t bytes = number(list[i], prefix, "bytes", 1ULL << 32);
      if (bytes == 0) fail(prefix + ".bytes", "at least 1");
    }
    if (!raw && op == "copy") (void)member(list[i], prefix, "src");
    if (!raw) (void)member(list[i], prefix, "dst");
    if (list[i].contains("no_snoop")) (void)boolean(list[i], prefix, "no_snoop");
    for (const char* const key : {"src", "dst", "at"})
      if (list[i].contains(key)) place(list[i][key], full(prefix, key));
    if (list[i].contains("list")) page_list(list[i]["list"], prefix + ".list");
  }
  if (!event.data.contains("result")) return;
  const json& result = event.data["result"];
  if (result != "done" && result != "blocked" && result != "dropped")
    fail("dma.result", result.dump() + " is none of done, blocked, dropped");
  if (event.data.contains("address")) place(event.data["address"], "dma.address");
  if (event.data.contains("write")) (void)boolean(event.data, "dma", "write");
}

void Reader::fault(const json& line, Event& event) const {
  event.kind = Kind::kFault;
  event.data = line["fault"];
  only(event.data, "fault", {"adapter", "write", "address", "reason"});
  event.adapter = static_cast<int>(number(event.data, "fault", "adapter", adapters() - 1));
  (void)boolean(event.data, "fault", "write");
  place(member(event.data, "fault", "address"), "fault.address");
  const json& reason = member(event.data, "fault", "reason");
  if (!reason.is_string() || reason.get<std::string>().size() != 2 ||
      reason.get<std::string>().find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
    fail("fault.reason", "two hexadecimal digits");
}

// By begin; without "seq" each event ends before the next line's begins.
void Reader::order() {
  auto& events = trace_.events;
  std::uint64_t next = 1;
  for (Event& event : events) {
    line_ = event.line;
    (event.begin != 0 ? any_order_ : any_without_order_) = true;
    if (any_order_ && any_without_order_) fail("seq", "either every line has it, or none");
    if (event.begin != 0) continue;
    event.begin = next++;
    event.end = next++;
  }
  std::stable_sort(events.begin(), events.end(),
                   [](const Event& a, const Event& b) { return a.begin < b.begin; });
  for (std::size_t i = 1; i < events.size(); ++i)
    if (events[i].begin == events[i - 1].begin) {
      line_ = std::max(events[i].line, events[i - 1].line);
      fail("seq", fmt::format("{} stands twice", events[i].begin));
    }
  bool exact = !events.empty();
  unsigned epoch = 0;
  std::map<std::string, bool> known;
  for (unsigned i = 0; i < adapters(); ++i) known[fmt::format("gpu{}", i)] = true;
  for (Event& event : events) {
    line_ = event.line;
    event.epoch = epoch;
    if (event.kind == Kind::kSystem) {
      trace_.has_actions = trace_.has_actions || event.name == "load";
      if (event.name == "reboot") ++epoch;
    }
    exact = exact && event.begin_cycle.has_value();
    for (const std::string& name : names_used(event))
      if (known.count(name) == 0)
        fail(key_of(event.text, name),
             fmt::format("'{}': no earlier call returned a handle of this name", name));
    for (const std::string& name : names_made(event)) known[name] = true;
  }
  trace_.exact = exact && any_order_ && trace_.has_actions;
}

void Reader::nest() {
  std::map<std::string, std::vector<std::size_t>> open;
  for (std::size_t i = 0; i < trace_.events.size(); ++i) {
    Event& event = trace_.events[i];
    if (event.kind == Kind::kFault || event.kind == Kind::kEnd) continue;
    auto& stack = open[event.thread];
    while (!stack.empty() && trace_.events[stack.back()].end != 0 &&
           trace_.events[stack.back()].end < event.begin)
      stack.pop_back();
    if (!stack.empty()) {
      event.parent = stack.back();
      trace_.events[stack.back()].children.push_back(i);
    }
    // Work goes on beside its thread.
    if (event.kind != Kind::kDma && event.kind != Kind::kRegister) stack.push_back(i);
  }
}

}  // namespace

Trace parse_trace(const std::string& text, const std::string& file) {
  Trace trace;
  trace.file = file;
  Reader(file, trace).read(text);
  return trace;
}

Trace load_trace(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::error_code error;
  if (!file || std::filesystem::is_directory(path, error)) throw TraceError(path + ": cannot be read");
  std::ostringstream text;
  text << file.rdbuf();
  return parse_trace(text.str(), path);
}

std::string place_of(const Trace& trace, const Event& event) {
  return fmt::format("{}:{}", trace.file, event.line);
}

}  // namespace gpudmar::sim::replay
