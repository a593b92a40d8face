// SPDX-License-Identifier: Apache-2.0
// The tables.
#include "sim/scenario/schema.h"

#include <fmt/format.h>

#include "sim/scenario/names.h"

namespace gpudmar::sim {
namespace {

using K = ValueKind;

std::vector<std::string> names_of(const NameTable& table) {
  std::vector<std::string> names;
  for (const auto& [name, value] : table) names.push_back(name);
  return names;
}

const KeyRule kExpectRule{"expect", K::kExpect, false, "what the call answers; `STATUS_SUCCESS`"};

// Misuse: what no driver should do.
const KeyRule kHandleRule{
    "handle",
    K::kChoice,
    false,
    "misuse: NULL, a handle that none is, or the object's other handle instead of the right one",
    {"null", "garbage", "swapped"}};
const KeyRule kBadAdapterRule{"bad_adapter", K::kBool, false, "misuse: a handle that is no adapter's; false"};

const KeyRule kNoHandleRule{
    "handle", K::kChoice, false, "misuse: NULL, or a handle that none is", {"null", "garbage"}};
const KeyRule kOfAdapterRule{"adapter", K::kAdapter, false, "whose handle is given, the lead's is right; 0"};

const KeyRule kWhereRule{
    "where", K::kChoice, false, "where it must be", {"none", "system", "aperture", "vram"}};

std::vector<KeyRule> range_keys(const std::string& what) {
  return {{"view", K::kText, false, "a mapped view"},
          {"name", K::kText, false, "an object: mapped for the time of the step"},
          {"allocation", K::kText, false, "an allocation's backing store; not while it is in local memory"},
          {"offset", K::kNumber, false, "from the begin of the view or object; 0"},
          {"size", K::kNumber, false, "bytes; up to the end"},
          {"pattern", K::kNumber, false, what + "; 0 = zeroes"},
          {"word", K::kNumber, false, "instead of a pattern: these 32 bits again and again"},
          {"from", K::kNumber, false, "first byte within the pattern; 0"}};
}

std::vector<KeyRule> check_keys() {
  auto keys = range_keys("which bytes");
  keys.push_back(
      {"digest", K::kText, false, "instead of a pattern: FNV-1a of the bytes, 64 bits, hexadecimal"});
  return keys;
}

std::vector<ObjectRule> make_steps() {
  return {
      {"create",
       "CreatePhysicalMemoryObject",
       {{"name", K::kText, true, "of the object"},
        {"type", K::kName, true, "memory type", {"mdl", "contiguous", "section", "io_space"}},
        {"size", K::kNumber, true, "bytes"},
        {"cache", K::kName, false, "`cached`", {"cached", "non_cached", "write_combined"}},
        {"low", K::kNumber, false, "mdl, contiguous: lowest physical address; 0"},
        {"high", K::kNumber, false, "mdl, contiguous: highest, inclusive; no limit"},
        {"step", K::kNumber, false, "mdl: SkipBytes; 0"},
        {"boundary", K::kNumber, false, "contiguous: BoundaryAddressMultiple; 0"},
        {"flags", K::kNames, false, "mdl: 0", names_of(mdl_flag_names())},
        {"protection", K::kName, false, "section: `PAGE_READWRITE`", names_of(protection_names())},
        {"access", K::kNumber, false, "section: DesiredAccess; SECTION_ALL_ACCESS"},
        {"base", K::kNumber, false, "io_space: bus address; 0"},
        {"context", K::kNumber, false, "Context; 0"},
        {"adapter", K::kAdapter, false, "created open on this adapter, null = not open; 0"},
        kBadAdapterRule,
        kExpectRule}},
      {"open",
       "OpenPhysicalMemoryObject",
       {{"name", K::kText, true, "object"},
        {"adapter", K::kAdapter, false, "null = NULL; 0"},
        kBadAdapterRule,
        kHandleRule,
        kExpectRule}},
      {"close", "ClosePhysicalMemoryObject", {{"name", K::kText, true, "object"}, kHandleRule, kExpectRule}},
      {"destroy",
       "DestroyPhysicalMemoryObject; every name of it ends",
       {{"name", K::kText, true, "object"},
        {"form",
         K::kChoice,
         false,
         "`combined`: one call with both handles; `split`: Close first; `physical_only`: without the adapter "
         "handle; misuse: `stale`: with the handle that was closed, `other`: with that of another object",
         {"combined", "split", "physical_only", "stale", "other"}},
        {"other", K::kText, false, "object of form `other`"},
        kHandleRule,
        kExpectRule}},
      {"map",
       "MapPhysicalMemory",
       {{"name", K::kText, true, "object"},
        {"view", K::kText, true, "name of the view"},
        {"offset", K::kNumber, false, "0"},
        {"size", K::kNumber, false, "bytes; up to the object's end"},
        {"mode", K::kName, false, "`kernel`", {"kernel", "user"}},
        {"process", K::kText, false,
         "user: in whose address space, made when it is first named; the system's"},
        kHandleRule,
        kExpectRule}},
      {"unmap",
       "UnmapPhysicalMemory",
       {{"view", K::kText, true, "view"},
        {"process", K::kText, false, "the process that calls"},
        {"name", K::kText, false, "misuse: another object"},
        {"base_shift", K::kNumber, false, "misuse: added to the base, modulo 2^64; 0"},
        {"size_shift", K::kNumber, false, "misuse: added to the size, modulo 2^64; 0"},
        kHandleRule,
        kExpectRule}},
      {"adl",
       "AllocateAdl",
       {{"name", K::kText, true, "object"},
        {"adl", K::kText, true, "name of the ADL"},
        {"offset", K::kNumber, false, "0"},
        {"size", K::kNumber, false, "bytes; up to the object's last page"},
        {"flags", K::kNames, false, "0", {"require_contiguous", "prefer_contiguous"}},
        kHandleRule,
        kExpectRule}},
      {"free",
       "FreeAdl; the numbers stay known to `probe` and `copy`",
       {{"adl", K::kText, true, "ADL"},
        {"name", K::kText, false, "misuse: another object"},
        kHandleRule,
        kExpectRule}},
      {"fill",
       "the CPU writes",
       range_keys("which bytes"),
       {{"view", "name", "allocation"}, {"pattern", "word"}}},
      {"check",
       "the CPU compares",
       check_keys(),
       {{"view", "name", "allocation"}, {"pattern", "word", "digest"}}},
      {"copy",
       "a GPU copies, one descriptor list for each run of consecutive numbers",
       {{"gpu", K::kNumber, false, "0"},
        {"from", K::kPlace, true, "source"},
        {"to", K::kPlace, true, "destination"},
        {"size", K::kNumber, true, "bytes"},
        {"no_snoop", K::kBool, false, "true: the GPU asks for no snooping of its requests; false"},
        {"wait", K::kBool, false, "false: go on, and end it with `wait_gpu`; true"},
        {"expect", K::kExpect, false, "`STATUS_SUCCESS`; `STATUS_DEVICE_DATA_ERROR` when it was blocked"}}},
      {"wait_gpu",
       "until the GPU's copies without `wait` have ended as expected",
       {{"gpu", K::kNumber, false, "all"}}},
      {"probe",
       "one access by a GPU, and what became of it: data, or an error and the right fault record",
       {{"gpu", K::kNumber, false, "0"},
        {"adl", K::kText, false, "an ADL, live or freed"},
        {"offset", K::kNumber, false, "bytes from the ADL's begin; 0"},
        {"address", K::kNumber, false, "device address instead"},
        {"access", K::kChoice, true, "direction", {"read", "write"}},
        {"size", K::kNumber, false, "bytes, within a page; 64"},
        {"expect", K::kChoice, true, "outcome", {"done", "blocked"}},
        {"reason", K::kText, false, "two hex digits; `06` for a read, `05` for a write"},
        {"record", K::kBool, false, "false: do not ask for its record, which may overflow; true"}},
       {{"adl", "address"}}},
      {"wait", "time passes", {{"cycles", K::kNumber, true, "clock cycles"}}},
      {"trim",
       "memory pressure: unlocked pages of sections go to the page file",
       {{"pages", K::kNumber, false, "at most; all"}, {"at_least", K::kNumber, false, "fewer fail; 0"}}},
      {"exit_process", "a process ends", {{"process", K::kText, true, "its name"}, kExpectRule}},
      {"fail",
       "memory runs out: page frames, commit and device-visible numbers of whoever allocates, or the "
       "driver's "
       "pool",
       {{"after", K::kNumber, false,
         "allocations that succeed before one fails; without it nothing fails any more"},
        {"of", K::kChoice, false, "`memory`", {"memory", "pool"}},
        {"sticky", K::kBool, false,
         "every one after it fails, too, until the next `fail`; false, of pool always"},
        {"failed", K::kBool, false, "whether one of `memory` must have failed since the last `fail`"}}},
      {"allocate",
       "CreateAllocation: memory that the system moves",
       {{"name", K::kText, true, "of the allocation"},
        {"size", K::kNumber, true, "bytes"},
        {"gpu", K::kNumber, false, "whose memory it goes to; 0"},
        {"segments", K::kNames, false, "where it may be; everywhere", {"vram", "aperture"}},
        {"flags",
         K::kNames,
         false,
         "0",
         {"accessed_physically", "cpu_visible_mapped", "cached", "cpu_visible"}},
        kExpectRule}},
      {"deallocate", "DestroyAllocation", {{"name", K::kText, true, "allocation"}, kExpectRule}},
      {"resident",
       "an allocation comes to where the driver wants it, and pushes others out if need be",
       {{"name", K::kText, true, "allocation"}, kWhereRule, kExpectRule}},
      {"evict",
       "an allocation leaves its segment; its content goes to the backing store",
       {{"name", K::kText, true, "allocation"}, kExpectRule}},
      {"fill_resident",
       "an allocation in a segment is filled by its GPU",
       {{"name", K::kText, true, "allocation"}, {"word", K::kNumber, true, "32 bits"}, kExpectRule}},
      {"discard",
       "an allocation's content is not needed any more",
       {{"name", K::kText, true, "allocation"}, kExpectRule}},
      {"hang",
       "the next submissions of paging work hang: their engine waits for ever",
       {{"submissions", K::kNumber, false, "1"}}},
      {"check_paging",
       "compares what the system has to say of paging",
       {{"gpu", K::kNumber, false, "whose link; 0"},
        {"timeouts", K::kNumber, false, "since the start"},
        {"resets", K::kNumber, false, "of the adapter, since the start"},
        {"name", K::kText, false, "allocation"},
        kWhereRule,
        {"lost", K::kBool, false, "its content went with a reset or a removal"}}},
      {"check_calls",
       "how often a DDI or a callback was called since the kernel was made",
       {{"name", K::kText, true, "as the kit spells it"},
        {"at_least", K::kNumber, false, "0"},
        {"at_most", K::kNumber, false, "no limit"}}},
      {"contiguous",
       "AllocateContiguousMemory; its name is that of an ADL and of a view, too",
       {{"name", K::kText, true, "of the memory"},
        {"size", K::kNumber, true, "bytes"},
        {"cache", K::kName, false, "`cached`", {"cached", "non_cached", "write_combined"}},
        {"low", K::kNumber, false, "lowest physical address; 0"},
        {"high", K::kNumber, false, "highest, inclusive; no limit"},
        {"boundary", K::kNumber, false, "BoundaryAddressMultiple; 0"},
        kOfAdapterRule,
        kBadAdapterRule,
        kExpectRule}},
      {"free_contiguous",
       "FreeContiguousMemory; the numbers stay known to `probe` and `copy`",
       {{"name", K::kText, true, "memory, of whatever kind"},
        kOfAdapterRule,
        kBadAdapterRule,
        kNoHandleRule,
        kExpectRule}},
      {"pages",
       "AllocatePagesForMdl; its name is that of an ADL and of a view, too",
       {{"name", K::kText, true, "of the memory"},
        {"size", K::kNumber, true, "bytes"},
        {"cache", K::kName, false, "`cached`", {"cached", "non_cached", "write_combined"}},
        {"low", K::kNumber, false, "lowest physical address; 0"},
        {"high", K::kNumber, false, "highest, inclusive; no limit"},
        {"step", K::kNumber, false, "SkipBytes; 0"},
        {"flags", K::kNames, false, "0", names_of(mdl_flag_names())},
        kOfAdapterRule,
        kBadAdapterRule,
        kExpectRule}},
      {"free_pages",
       "FreePagesFromMdl; the numbers stay known to `probe` and `copy`",
       {{"name", K::kText, true, "memory, of whatever kind"},
        kOfAdapterRule,
        kBadAdapterRule,
        kNoHandleRule,
        kExpectRule}},
      {"map_mdl",
       "MapMdlToIoMmu of an MDL that the driver has, or builds; its name is that of an ADL, too",
       {{"name", K::kText, true, "of what is mapped"},
        {"pages", K::kText, false, "the MDL of memory of `pages`"},
        {"view", K::kText, false, "a new MDL over a view of memory that is locked"},
        {"io", K::kNumber, false, "a new MDL over bus addresses from here on"},
        {"offset", K::kNumber, false, "from the view's begin; 0"},
        {"size", K::kNumber, false, "bytes; up to the view's end, one page of bus addresses"},
        {"locked", K::kBool, false, "misuse, false: an MDL that says nothing of locked pages; true"},
        kOfAdapterRule,
        kBadAdapterRule,
        kExpectRule},
       {{"pages", "view", "io"}}},
      {"unmap_mdl",
       "UnmapMdlFromIoMmu; the numbers stay known to `probe` and `copy`",
       {{"name", K::kText, true, "what is mapped"},
        {"changed", K::kBool, false, "misuse: the MDL has other pages by now; false"},
        kOfAdapterRule,
        kBadAdapterRule,
        kNoHandleRule,
        kExpectRule}},
      {"pin",
       "PinFrameBufferForSave2: a save area (`save` of the start) within the GPUs' reach",
       {{"adl", K::kText, true, "name of its ADL"},
        {"index", K::kNumber, false, "physical adapter; 0"},
        {"size", K::kNumber, true, "bytes"},
        {"flags", K::kNames, false, "0", {"prefer_contiguous"}},
        {"mdl", K::kBool, false, "PinFrameBufferForSave instead, which gives an MDL; false"},
        kOfAdapterRule,
        kBadAdapterRule,
        kExpectRule}},
      {"unpin",
       "UnpinFrameBufferForSave; the numbers stay known to `probe` and `copy`",
       {{"index", K::kNumber, false, "physical adapter; 0"}, kOfAdapterRule, kBadAdapterRule, kExpectRule}},
      {"map_frame_buffer",
       "MapFrameBufferPointer: the CPU's view of a save area",
       {{"view", K::kText, true, "name of the view"},
        {"index", K::kNumber, false, "physical adapter; 0"},
        {"offset", K::kNumber, false, "0"},
        {"size", K::kNumber, true, "bytes"},
        kOfAdapterRule,
        kBadAdapterRule,
        kExpectRule}},
      {"unmap_frame_buffer",
       "UnmapFrameBufferPointer",
       {{"view", K::kText, true, "view"},
        {"index", K::kNumber, false, "physical adapter; 0"},
        {"base_shift", K::kNumber, false, "misuse: added to the base, modulo 2^64; 0"},
        kOfAdapterRule,
        kBadAdapterRule,
        kExpectRule}},
      {"power",
       "SetPowerState of a link. In D3 local memory loses its content; while every link sleeps or hibernates "
       "the remapping unit loses its registers",
       {{"gpu", K::kNumber, false, "whose link; 0"},
        {"state", K::kChoice, true, "power state", {"D0", "D1", "D2", "D3"}},
        {"action", K::kChoice, false, "`none`", {"none", "sleep", "hibernate", "shutdown"}},
        kExpectRule}},
      {"remove",
       "surprise removal of a link: its registers give all ones from here on. It comes back with `start` "
       "after `stop`",
       {{"gpu", K::kNumber, false, "whose link; 0"}, kExpectRule}},
      {"isolate",
       "a link that reaches all memory gets 1:1 isolation, under exclusive access; numbers stay good",
       {{"gpu", K::kNumber, false, "whose link; 0"}, kExpectRule}},
      {"stop", "StopDevice and RemoveDevice of all adapters", {kExpectRule}},
      {"start", "the adapters again, as `start` of the file says", {kExpectRule}},
      {"reattach",
       "every adapter leaves its domain and comes back, under exclusive access; numbers stay good. A copy "
       "that "
       "is under way holds it up",
       {kExpectRule}},
      {"reboot",
       "a new system on reset hardware with cleared memory, started; every name ends. The only step that may "
       "follow a bugcheck",
       {}},
      {"repeat",
       "steps again and again; `${i}` in their texts is the round, from 0",
       {{"times", K::kNumber, true, "rounds, at most 1000000"},
        {"as", K::kText, false, "another name than `i`, for repeats inside repeats"},
        {"steps", K::kSteps, true, "steps"}}},
      {"parallel",
       "lists of steps, each in a thread of its own; ends with the last",
       {{"threads", K::kThreads, true, "lists of steps"}}},
  };
}

std::string keys_markdown(const ObjectRule& rule) {
  std::string text;
  for (const KeyRule& key : rule.keys) {
    std::string kind = to_string(key.kind);
    if (!key.choices.empty() && key.choices.size() <= 4) {
      kind += ":";
      for (const auto& choice : key.choices) kind += " `" + choice + "`";
    }
    text += fmt::format("| `{}`{} | {} | {} |\n", key.name, key.required ? " *" : "", kind, key.about);
  }
  return text;
}

}  // namespace

const ObjectRule& scenario_rule() {
  static const ObjectRule rule{"scenario",
                               "the file",
                               {{"schema", K::kNumber, true, "1"},
                                {"name", K::kText, true, "of the scenario"},
                                {"about", K::kText, true, "one line"},
                                {"covers", K::kTextList, false, "rules that a pass shows"},
                                {"machine", K::kMachine, false, "the hardware"},
                                {"start", K::kStart, false, "the system"},
                                {"steps", K::kSteps, true, "what happens, in order"}}};
  return rule;
}

const ObjectRule& machine_rule() {
  static const ObjectRule rule{
      "machine",
      "the hardware",
      {{"adapters", K::kNumber, false, "2"},
       {"pipe", K::kNumber, false, "variant of the RTL; 0"},
       {"host_width", K::kNumber, false, "host address bits; 46"},
       {"ram", K::kRam, false, "[[\"0\", \"2G\"], [\"4G\", \"2G\"], [\"1T\", \"4G\"]]"},
       {"device_memory", K::kRam, false, "memory of peers on the bus; [[\"0xD0000000\", \"16M\"]]"},
       {"reserved", K::kReserved, false, "memory that firmware keeps for adapters; none"},
       {"vram", K::kNumber, false, "bytes for each adapter; 256M"},
       {"memory", K::kMemory, false, "timing of host memory"},
       {"seed", K::kNumber, false, "of page placement, power-on state and jitter; 1"},
       {"links", K::kLinks, false, "all adapters in one list (the default), or each in its own"}}};
  return rule;
}

const ObjectRule& memory_rule() {
  static const ObjectRule rule{"memory",
                               "timing of host memory",
                               {{"latency", K::kNumber, false, "cycles; 100"},
                                {"jitter", K::kNumber, false, "cycles; 0"},
                                {"write_latency", K::kNumber, false, "cycles; 1"},
                                {"stall", K::kNumber, false, "percent of cycles without a handshake; 0"},
                                {"out_of_order", K::kBool, false, "false"},
                                {"interleave", K::kBool, false, "false"},
                                {"read_at_first_beat", K::kBool, false, "false"},
                                {"write_at_wlast", K::kBool, false, "false"}}};
  return rule;
}

const ObjectRule& reserved_rule() {
  static const ObjectRule rule{"reserved",
                               "memory that firmware keeps for adapters",
                               {{"base", K::kNumber, true, "physical address, of a page"},
                                {"size", K::kNumber, true, "bytes, whole pages"},
                                {"adapters", K::kAdapters, false, "whose it is; all"}}};
  return rule;
}

const ObjectRule& start_rule() {
  static const ObjectRule rule{
      "start",
      "the system",
      {{"iommu",
        K::kChoice,
        false,
        "how devices reach memory, `physical`: as it is, with a driver that takes isolation later; `logical`",
        {"logical", "isolation", "physical", "off"}},
       {"iommu_flags",
        K::kNames,
        false,
        "with `physical`: the registry value IOMMUFlags; 0",
        {"enabled", "mappings", "attach", "bypass_driver_cap", "allow_failure"}},
       {"placement", K::kChoice, false, "of MDL pages; `scattered`", {"scattered", "ascending"}},
       {"shuffle_logical", K::kBool, false, "numbers of page lists in no order; false"},
       {"fresh_logical", K::kBool, false,
        "numbers outside RAM, each reused as late as it can be: stale and physical addresses fault; false, "
        "in "
        "`make kmd` true"},
       {"visible_bits", K::kBits, false,
        "address bits that the driver reports, one number or a list by adapter; 40"},
       {"page_file", K::kNumber, false, "bytes; 1G"},
       {"paging", K::kBool, false, "the driver takes part in paging; true"},
       {"paging_buffer", K::kNumber, false, "bytes of a paging buffer, whole pages; 8K"},
       {"operation_pages", K::kNumber, false, "of one paging operation at most; no limit"},
       {"first_pages", K::kNumber, false, "of the first of several such operations; as the others"},
       {"tdr_delay", K::kNumber, false, "cycles without an answer that make a time-out; 5000000"},
       {"engine_reset", K::kBool, false, "the driver can reset one engine alone; true"},
       {"save", K::kNumber, false, "bytes of local memory, from its begin, that it keeps; 0"},
       {"expect", K::kExpect, false, "of the start; `STATUS_SUCCESS`"}}};
  return rule;
}

const std::vector<ObjectRule>& step_rules() {
  static const std::vector<ObjectRule> rules = make_steps();
  return rules;
}

const ObjectRule* find_step(const std::string& name) {
  for (const ObjectRule& rule : step_rules())
    if (rule.name == name) return &rule;
  return nullptr;
}

std::string to_string(ValueKind kind) {
  switch (kind) {
    case K::kText:
      return "text";
    case K::kNumber:
      return "number";
    case K::kBool:
      return "true or false";
    case K::kChoice:
      return "one of";
    case K::kNames:
      return "number, or list of names";
    case K::kName:
      return "name, or number";
    case K::kTextList:
      return "list of texts";
    case K::kRam:
      return "list of [base, size]";
    case K::kReserved:
      return "list of objects";
    case K::kLinks:
      return "list of lists of adapters";
    case K::kAdapters:
      return "list of adapters";
    case K::kAdapter:
      return "number or null";
    case K::kBits:
      return "number, or list of numbers";
    case K::kMemory:
    case K::kMachine:
    case K::kStart:
      return "object";
    case K::kExpect:
      return "outcome";
    case K::kPlace:
      return "place";
    case K::kSteps:
      return "list of steps";
    case K::kThreads:
      return "list of lists of steps";
  }
  return "value";
}

std::string schema_markdown() {
  constexpr const char* kHead = "\n| key | value | |\n|---|---|---|\n";
  std::string text = "### The file\n" + std::string(kHead) + keys_markdown(scenario_rule());
  text += "\n### `machine`\n" + std::string(kHead) + keys_markdown(machine_rule());
  text += "\n### `memory`\n" + std::string(kHead) + keys_markdown(memory_rule());
  text += "\n### `reserved`\n" + std::string(kHead) + keys_markdown(reserved_rule());
  text += "\n### `start`\n" + std::string(kHead) + keys_markdown(start_rule());
  text += "\n### Steps\n";
  for (const ObjectRule& rule : step_rules()) {
    text += fmt::format("\n**`{}`**: {}.\n", rule.name, rule.about);
    if (!rule.keys.empty()) text += kHead + keys_markdown(rule);
  }
  return text;
}

}  // namespace gpudmar::sim
