// SPDX-License-Identifier: Apache-2.0
// Looking at itself: faults and whose they were, everything that is alive, and whether it fits together.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "driver-model/dxgkrnl/kernel.h"

namespace gpudmar::dxgkrnl {
namespace {

const char* name_of(RemappingMode mode) {
  switch (mode) {
    case RemappingMode::kPhysical:
      return "physical";
    case RemappingMode::kIsolation:
      return "1:1 isolation";
    case RemappingMode::kLogical:
      return "logical";
  }
  return "?";
}

std::string runs_of(const std::vector<std::uint64_t>& pages) {
  std::string text;
  for (const mm::PageRun& run : mm::to_runs(pages)) {
    text += text.empty() ? "" : " ";
    if (run.first == mm::kNotResident)
      text += "absent";
    else
      text +=
          run.count == 1 ? fmt::format("{:#x}", run.first) : fmt::format("{:#x}+{}", run.first, run.count);
  }
  return text;
}

void describe(const ObjectView& object, std::string& out) {
  out += fmt::format("{} {}: {} bytes, type {}, cache type {}, context {:#x}", to_string(object.origin),
                     fmt::ptr(object.handle), object.size, static_cast<int>(object.type),
                     static_cast<int>(object.cache_type), object.context);
  if (!object.adapter.empty())
    out += fmt::format(", open on {} as {}", object.adapter, fmt::ptr(object.adapter_object));
  out += fmt::format("\n  pages: {}\n", object.type == DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE
                                            ? fmt::format("I/O space at {:#x}", object.io_base)
                                            : runs_of(object.page_frames));
  for (const AdlView& adl : object.adls)
    out += fmt::format("  ADL {}: from page {}, {}{} -> {}\n", fmt::ptr(adl.adl), adl.first_object_page,
                       adl.contiguous ? "contiguous " : "", runs_of(adl.logical_pages),
                       runs_of(adl.page_frames));
  for (const MappingView& mapping : object.mappings)
    out += fmt::format("  CPU mapping {}: {} bytes, {}, process {}{}\n", fmt::ptr(mapping.base),
                       mapping.bytes, mapping.user_mode ? "user" : "kernel", mapping.process,
                       mapping.writable ? "" : ", read-only");
}

}  // namespace

std::optional<std::size_t> Kernel::function_of(std::uint16_t source_id) const {
  for (std::size_t i = 0; i < platform_.functions.size(); ++i)
    if (platform_.functions[i].source_id == source_id) return i;
  return std::nullopt;
}

std::vector<DeviceFault> Kernel::device_faults() const {
  std::vector<DeviceFault> all;
  for (const vtd::FaultRecord& record : faults()) all.push_back({record, function_of(record.source_id)});
  return all;
}

// Runs in the fault interrupt: what it has to say is said by the next call.
void Kernel::note_fault(const vtd::FaultRecord& record) {
  if (!config_.faults_are_fatal) return;
  const std::lock_guard guard(notification_mutex_);
  if (!fatal_fault_) fatal_fault_ = record;
}

void Kernel::raise_fatal_fault() {
  std::optional<vtd::FaultRecord> record;
  {
    const std::lock_guard guard(notification_mutex_);
    std::swap(record, fatal_fault_);
  }
  if (!record) return;
  std::uint64_t device = 0;
  for (const auto& function : functions_)
    if (function->function().source_id == record->source_id)
      device = reinterpret_cast<std::uintptr_t>(function->device_object());
  throw BugCheck(bugcheck::kDriverVerifierDma,
                 {bugcheck::kIommuFault, device, record->address, record->reason}, vtd::describe(*record));
}

void Kernel::warn(const std::string& what) {
  const std::lock_guard guard(notification_mutex_);
  if (std::find(warnings_.begin(), warnings_.end(), what) == warnings_.end()) warnings_.push_back(what);
}

std::vector<std::string> Kernel::warnings() const {
  const std::lock_guard guard(notification_mutex_);
  return warnings_;
}

NTSTATUS Kernel::supervise(const char* name, const std::function<NTSTATUS()>& action) {
  try {
    const NTSTATUS status = action();
    raise_fatal_fault();
    if (config_.verifier) {
      const std::vector<std::string> found = verify();
      if (!found.empty())
        throw BugCheck(bugcheck::kVideoDxgkrnlFatalError, {0, 0, 0, 0},
                       fmt::format("after {}: {}", name, found.front()));
    }
    return status;
  } catch (const wdk::BugCheck& stop) {
    if (config_.verifier)
      wdk::Runtime::active().debug_print(fmt::format("*** {} in {}\n{}", stop.what(), name, dump()));
    throw;
  }
}

std::string Kernel::dump() const {
  std::string out;
  for (const AdapterView& adapter : adapters()) {
    out += fmt::format("{}: {}, visible up to {:#x}", adapter.name, name_of(adapter.mode),
                       adapter.highest_visible_address);
    if (adapter.domain_id)
      out += fmt::format(", domain {}, {} numbers in use", *adapter.domain_id, adapter.logical_pages_used);
    out += '\n';
    for (const std::size_t member : adapter.members) {
      const hw::Function& function = platform_.functions[member];
      const bool attached =
          std::count(adapter.source_ids.begin(), adapter.source_ids.end(), function.source_id) != 0;
      out += fmt::format("  {} {:04x}{}\n", function.name, function.source_id, attached ? ", attached" : "");
    }
  }
  memory_.with_objects([&](const std::vector<ObjectView>& objects) {
    for (const ObjectView& object : objects) describe(object, out);
  });
  out += fmt::format("{} of {} pages free, {} locked; {} of {} committed; {} handles; {} faults\n",
                     pages_.free_pages(), pages_.total_pages(), pages_.locked_pages(),
                     pages_.committed_pages(), pages_.commit_limit(), handles_.size(), faults().size());
  return out;
}

std::vector<std::string> Kernel::verify() const {
  std::vector<std::string> found;
  memory_.with_objects([&](const std::vector<ObjectView>& objects) {
    std::map<mm::Pfn, std::uint32_t> reached;
    std::uint64_t committed = 0;
    for (const ObjectView& object : objects) {
      if (object.type == DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE) continue;
      if (object.origin != Origin::kMappedMdl) committed += object.page_frames.size();
      for (const AdlView& adl : object.adls)
        for (const mm::Pfn pfn : adl.page_frames) ++reached[pfn];
    }
    for (const auto& [pfn, lists] : reached) {
      const auto state = pages_.state(pfn);
      if (!state || state->locks == 0)
        found.push_back(fmt::format("page {:#x} is in {} ADLs and not locked", pfn, lists));
      else if (state->devices < lists)
        found.push_back(
            fmt::format("page {:#x} is in {} ADLs, the allocator knows of {}", pfn, lists, state->devices));
    }
    if (pages_.committed_pages() < committed)
      found.push_back(
          fmt::format("objects of {} pages, and {} are committed", committed, pages_.committed_pages()));
    for (const auto& link : links_) verify_space(*link, objects, found);
  });
  return found;
}

// The numbers of the link's ADLs, and what they translate to: that and the reserved pages are the whole
// domain.
void Kernel::verify_space(const LogicalAdapter& link, const std::vector<ObjectView>& objects,
                          std::vector<std::string>& found) const {
  const DmaSpace* space = link.memory.space.get();
  if (space == nullptr || space->mode() == RemappingMode::kPhysical || space->domain() == nullptr) return;
  const vtd::Domain& domain = *space->domain();
  const auto note = [&](const std::string& what) { found.push_back(link.memory.name + ": " + what); };
  std::map<std::uint64_t, mm::Pfn> expected;
  for (const ObjectView& object : objects) {
    if (object.adapter != link.memory.name) continue;
    for (const AdlView& adl : object.adls)
      for (std::size_t i = 0; i < adl.logical_pages.size(); ++i) {
        const auto [it, fresh] = expected.emplace(adl.logical_pages[i], adl.page_frames[i]);
        if (!fresh && it->second != adl.page_frames[i])
          note(fmt::format("number {:#x} stands for two pages", it->first));
      }
  }
  const std::uint64_t limit = link.caps.highest_visible_address >> hw::kPageShift;
  for (const auto& [number, pfn] : expected) {
    const auto translation = domain.lookup(number);
    if (!translation || translation->pfn != pfn)
      note(fmt::format("number {:#x} does not translate to page {:#x}", number, pfn));
    if (number > limit) note(fmt::format("number {:#x} is beyond what the devices drive", number));
    if (space->mode() == RemappingMode::kIsolation && number != pfn)
      note(fmt::format("page {:#x} has the number {:#x}", pfn, number));
  }
  for (const std::uint64_t number : domain.mapped_logical_pages())
    if (expected.count(number) == 0 && !domain.reserves(number))
      note(fmt::format("number {:#x} translates, and is nobody's", number));
  const std::uint64_t reserved = static_cast<std::uint64_t>(std::count_if(
      expected.begin(), expected.end(), [&](const auto& e) { return domain.reserves(e.first); }));
  if (space->pages_used() != expected.size() - reserved)
    note(fmt::format("{} numbers are handed out, ADLs have {}", space->pages_used(),
                     expected.size() - reserved));
  if (domain.devices().empty()) return;
  for (const PhysicalAdapter* member : link.members)
    if (unit_->context_entry(member->function().source_id) !=
        unit_->context_entry(link.lead->function().source_id))
      note(fmt::format("{} is not attached as the lead is", member->function().name));
}

}  // namespace gpudmar::dxgkrnl
