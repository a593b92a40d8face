// SPDX-License-Identifier: Apache-2.0
// What a scenario has its GPUs do: copies and probes, through the driver's escapes.
#include <fmt/format.h>

#include <algorithm>

#include "sim/scenario/names.h"
#include "sim/scenario/runner.h"

namespace gpudmar::sim {
namespace {

constexpr std::uint64_t kPage = hw::kPageSize;
constexpr std::uint64_t kRecordCycles = 50'000;    // until a record has reached the operating system
constexpr std::uint64_t kJobCycles = 200'000'000;  // a copy that lasts longer hangs
constexpr std::uint64_t kDefaultProbe = 64;

}  // namespace

unsigned ScenarioRunner::gpu_of(const Call& call) const {
  const std::uint64_t gpu = call.number("gpu");
  if (gpu >= platform_.functions.size()) throw StepFailure(fmt::format("there is no GPU {}", gpu));
  return static_cast<unsigned>(gpu);
}

std::uint64_t ScenarioRunner::adl_address(const std::string& name, std::uint64_t offset) {
  const Adl& target = adl_named(name);
  if (offset / kPage >= target.pages.size())
    throw StepFailure(fmt::format("offset {:#x} is behind the end of ADL '{}'", offset, name));
  return target.pages[offset / kPage] * kPage + offset % kPage;
}

ScenarioRunner::Place ScenarioRunner::place(const Call& call, const char* key, std::uint64_t size) {
  const Call where{call.step, call.args[key]};
  Place place;
  if (where.has("vram")) {
    place.kind = GDM_OPERAND_VRAM;
    place.runs.emplace_back(where.number("vram"), size);
    return place;
  }
  if (where.has("allocation"))
    return allocation_place(where.text("allocation"), where.number("offset"), size);
  place.kind = GDM_OPERAND_LOGICAL;
  if (where.has("address")) {
    place.runs.emplace_back(where.number("address"), size);
    return place;
  }
  const std::uint64_t offset = where.number("offset");
  for (std::uint64_t done = 0; done < size;) {
    const std::uint64_t address = adl_address(where.text("adl"), offset + done);
    const std::uint64_t piece = std::min(size - done, kPage - address % kPage);
    if (!place.runs.empty() && place.runs.back().first + place.runs.back().second == address)
      place.runs.back().second += piece;
    else
      place.runs.emplace_back(address, piece);
    done += piece;
  }
  return place;
}

NTSTATUS ScenarioRunner::move(unsigned gpu, const Place& from, const Place& to, std::uint64_t size,
                              bool no_snoop, GdmChannelError& error) {
  const std::size_t link = link_of(gpu);
  std::size_t i = 0;
  std::size_t j = 0;
  std::uint64_t in = 0;  // done of runs i and j
  std::uint64_t out = 0;
  for (std::uint64_t done = 0; done < size;) {
    const std::uint64_t piece = std::min(from.runs[i].second - in, to.runs[j].second - out);
    GdmCopy args{};
    args.header = {GDM_ESCAPE_MAGIC, GDM_ESCAPE_COPY, sizeof args, 0};
    args.adapter_index = scenario_.linked ? gpu : 0;
    args.source = {from.kind, 0, from.runs[i].first + in};
    args.destination = {to.kind, 0, to.runs[j].first + out};
    args.size = piece;
    args.flags = no_snoop ? GDM_COPY_NO_SNOOP : 0;
    const NTSTATUS sent = kernel_->escape(&args, sizeof args, link);
    if (!NT_SUCCESS(sent)) return sent;
    error = args.error;
    if (!NT_SUCCESS(args.header.status)) return args.header.status;
    done += piece;
    in += piece;
    out += piece;
    if (in == from.runs[i].second) {
      ++i;
      in = 0;
    }
    if (out == to.runs[j].second) {
      ++j;
      out = 0;
    }
  }
  return STATUS_SUCCESS;
}

void ScenarioRunner::copy(const Call& call) {
  const unsigned gpu = gpu_of(call);
  const std::uint64_t size = call.number("size");
  if (size == 0) throw StepFailure("a copy of no byte");
  if (call.has("expect") && call.args["expect"].is_object()) throw StepFailure("a copy ends in a status");
  const Place from = place(call, "from", size);
  const Place to = place(call, "to", size);
  const bool no_snoop = call.has("no_snoop") && call.args["no_snoop"].get<bool>();
  const auto run = [this, gpu, from, to, size, no_snoop, args = call.args] {
    GdmChannelError error{};
    const NTSTATUS status = move(gpu, from, to, size, no_snoop, error);
    const std::string what =
        error.code != 0 ? fmt::format("device error {} at {:#x}: ", error.code, error.address) : "";
    expect_status(args, status, what);
  };
  if (!call.has("wait") || call.args["wait"].get<bool>()) return run();
  const auto job = std::make_shared<Job>();
  job->gpu = gpu;
  jobs_.push_back(job);
  spawn([job, run, line = call.step.line] {
    try {
      run();
    } catch (const std::exception& error) {
      job->failure = fmt::format("the copy of line {}: {}", line, error.what());
    }
    job->done = true;
  });
}

void ScenarioRunner::wait_jobs(std::optional<unsigned> gpu) {
  const auto mine = [&](const std::shared_ptr<Job>& job) { return !gpu || job->gpu == *gpu; };
  const auto quiet = [&] {
    return std::all_of(jobs_.begin(), jobs_.end(), [&](const auto& job) { return job->done || !mine(job); });
  };
  if (!machine_.engine().run_until(quiet, kJobCycles))
    throw StepFailure(fmt::format("copies did not end within {} cycles", kJobCycles));
  std::string failure;
  for (const auto& job : jobs_)
    if (mine(job) && failure.empty()) failure = job->failure;
  jobs_.remove_if(mine);
  if (!failure.empty()) throw StepFailure(failure);
}

void ScenarioRunner::wait_gpu(const Call& call) {
  wait_jobs(call.has("gpu") ? std::optional(gpu_of(call)) : std::nullopt);
}

void ScenarioRunner::probe(const Call& call) {
  const unsigned gpu = gpu_of(call);
  const bool write = call.text("access") == "write";
  const bool blocked = call.text("expect") == "blocked";
  const std::uint64_t size = call.number("size", kDefaultProbe);
  const std::uint64_t address =
      call.has("adl") ? adl_address(call.text("adl"), call.number("offset")) : call.number("address");
  if (size == 0 || address % kPage + size > kPage) throw StepFailure("a probe stays within a page");
  const std::string reason_text = call.text("reason", write ? "05" : "06");
  const auto reason = static_cast<unsigned>(std::stoul(reason_text, nullptr, 16));

  const std::size_t before = kernel_->faults().size();
  const Place memory{GDM_OPERAND_LOGICAL, {{address, size}}};
  const Place vram{GDM_OPERAND_VRAM, {{machine_.config().vram_bytes - kPage, size}}};
  GdmChannelError error{};
  const NTSTATUS status = move(gpu, write ? vram : memory, write ? memory : vram, size, false, error);
  const std::string what = fmt::format("{} of {:#x} by GPU {}", write ? "write" : "read", address, gpu);
  if (!blocked) {
    if (!NT_SUCCESS(status))
      throw StepFailure(fmt::format("the {} was blocked: {}", what, status_name(status)));
    return;
  }
  if (status != STATUS_DEVICE_DATA_ERROR)
    throw StepFailure(fmt::format("the {} was not blocked: {}", what, status_name(status)));
  if (error.address < address || error.address >= address + size)
    throw StepFailure(fmt::format("the {} failed at {:#x}", what, error.address));
  if (call.has("record") && !call.args["record"].get<bool>()) return;
  ++result_.faults_expected;
  const std::uint16_t source = platform_.functions[gpu].source_id;
  const auto count = [&] {
    const auto faults = kernel_->faults();
    std::size_t matching = 0;
    for (std::size_t i = before; i < faults.size(); ++i)
      if (faults[i].source_id == source && faults[i].is_write == write && faults[i].reason == reason &&
          faults[i].address == address / kPage * kPage)
        ++matching;
    return matching;
  };
  if (!platform_.time->wait_until([&] { return count() > 0; }, kRecordCycles)) {
    std::string others;
    const auto faults = kernel_->faults();
    for (std::size_t i = before; i < faults.size(); ++i)
      others += fmt::format("; recorded: {} of {:#x} by {:#06x}, reason {:02X}h",
                            faults[i].is_write ? "write" : "read", faults[i].address, faults[i].source_id,
                            faults[i].reason);
    throw StepFailure(fmt::format("no record of the {} with reason {:02X}h in {} cycles{}", what, reason,
                                  kRecordCycles, others));
  }
  // In threads beside this one others may probe the same page.
  if (threads_ == 0 && jobs_.empty() && count() != 1)
    throw StepFailure(fmt::format("{} records of the {} instead of 1", count(), what));
  guarantees_->count("G21");
}

}  // namespace gpudmar::sim
