// SPDX-License-Identifier: Apache-2.0
// Calls and register accesses by thread.
#include "sim/timeline/software_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <systemc>
#include <utility>

#include "driver-model/hw/regs/dma_names.h"
#include "driver-model/hw/regs/vtd_names.h"
#include "sim/bench/machine_config.h"

namespace gpudmar::sim::timeline {
namespace {

std::string register_name(std::uint64_t address) {
  const std::uint64_t offset = address % kWindowBytes;
  const bool iommu = address - kIommuBase < kWindowBytes;
  const std::string name = iommu ? regs::name_register(regs::vtd::kRegisterNames, offset)
                                 : regs::name_register(regs::dma::kRegisterNames, offset);
  const std::string window = iommu ? "iommu" : fmt::format("gpu{}", (address - kBarBase) / kBarStride);
  return fmt::format("{}.{}", window, name.empty() ? hex(offset) : name);
}

}  // namespace

using nlohmann::json;

SoftwareRows::SoftwareRows(TraceFile& file, std::function<std::uint64_t()> now, Figures& figures)
    : file_(file), now_(std::move(now)), figures_(figures), group_(file.add_group("software")) {}

SoftwareRows::Thread& SoftwareRows::thread() {
  const sc_core::sc_process_handle process = sc_core::sc_get_current_process_handle();
  const auto [it, added] = threads_.try_emplace(process.get_process_object());
  if (added) {
    const std::string name = process.valid() ? process.basename() : "elaboration";
    it->second.row = file_.add_row(group_, name, static_cast<unsigned>(threads_.size()));
  }
  return it->second;
}

void SoftwareRows::call(const dxgkrnl::CallRecord& record, bool finished) {
  Thread& caller = thread();
  if (!finished) {
    caller.calls.push_back({record, 0});
    return;
  }
  const auto found = std::find_if(caller.calls.rbegin(), caller.calls.rend(),
                                  [&](const Call& call) { return call.record.id == record.id; });
  if (found == caller.calls.rend()) return;  // it began before anybody looked
  found->record.status = record.status;
  found->record.bugcheck = record.bugcheck;
  write(caller, *found, record.end);
  figures_.call(record.name, record.end - record.begin, record.status < 0);
  if (caller.calls.size() > 1) {
    Call& outer = *(caller.calls.end() - 2);
    outer.published += found->published;
  }
  caller.calls.erase(std::next(found).base());
}

void SoftwareRows::write(const Thread& thread, const Call& call, std::uint64_t end) {
  json arguments{{"call", call.record.id}};
  if (!call.record.args.empty()) arguments["arguments"] = call.record.args;
  arguments["status"] = hex(static_cast<std::uint32_t>(call.record.status));
  if (call.record.bugcheck) arguments["bugcheck"] = true;
  if (call.published != 0) arguments["published bytes"] = call.published;
  file_.span(thread.row, call.record.name, call.record.begin, end, std::move(arguments));
}

void SoftwareRows::access_begins(const RegisterAccess& access) {
  thread().accesses.push_back({access, now_()});
}

void SoftwareRows::access_ends(const RegisterAccess& access) {
  Thread& caller = thread();
  if (caller.accesses.empty()) return;
  const Access begun = caller.accesses.back();
  caller.accesses.pop_back();
  file_.span(caller.row, fmt::format("{} {}", access.write ? "write" : "read", register_name(access.address)),
             begun.begin, now_(),
             {{"value", hex(access.value)}, {"bytes", access.bytes}, {"address", hex(access.address)}});
}

void SoftwareRows::published(hw::PhysAddr /*address*/, std::size_t bytes) {
  Thread& caller = thread();
  if (!caller.calls.empty()) caller.calls.back().published += bytes;
}

std::optional<Point> SoftwareRows::writing(std::uint64_t address) const {
  for (const auto& [process, thread] : threads_)
    for (const Access& open : thread.accesses)
      if (open.access.write && open.access.address <= address &&
          address < open.access.address + open.access.bytes)
        return Point{thread.row, open.begin};
  return std::nullopt;
}

void SoftwareRows::finish() {
  for (auto& [process, thread] : threads_) {
    for (const Call& call : thread.calls) write(thread, call, now_());
    thread.calls.clear();
  }
}

}  // namespace gpudmar::sim::timeline
