// SPDX-License-Identifier: Apache-2.0
// Everything that is watched, into one file.
#include "sim/timeline/timeline.h"

#include <algorithm>
#include <exception>

#include "sim/bench/checkers.h"

namespace gpudmar::sim::timeline {
namespace {

constexpr std::uint64_t kSampleCycles = 256;

}  // namespace

Timeline::Timeline(Machine& machine, const std::string& path, Window window)
    : machine_(machine),
      file_(
          path, [&machine](std::uint64_t cycle) { return machine.board().wave_time(cycle); }, window),
      software_(
          file_, [&machine] { return machine.board().cycles(); }, figures_),
      engines_(file_, machine.board().info(), software_, figures_),
      iommu_(file_, machine.board().info(), contract_setup(machine.board().info()).queue_id, software_,
             figures_),
      counter_group_(file_.add_group("figures")),
      violation_row_(file_.add_row(counter_group_, "violations", 0)) {
  machine_.board().add_observer(*this);
  machine_.board().memory().add_observer(software_);
  machine_.watch_registers(&software_);
}

Timeline::~Timeline() {
  try {
    close();                         // a run that broke off is worth looking at
  } catch (const std::exception&) {  // told by whoever closes it
  }
  machine_.watch_registers(nullptr);
  machine_.board().memory().remove_observer(software_);
  machine_.board().remove_observer(*this);
}

void Timeline::attach(dxgkrnl::Kernel& kernel) {
  kernel.calls().watch([this](const dxgkrnl::CallRecord& record, bool finished) {
    if (!closed_) software_.call(record, finished);
  });
}

void Timeline::observe(const CycleView& view) {
  cycle_ = view.cycle;
  const DutActivity& activity = machine_.board().dut().activity();
  engines_.observe(view, activity);
  iommu_.observe(view, activity);
  sample(view, activity);
}

void Timeline::sample(const CycleView& view, const DutActivity& activity) {
  Figures::Cycle now;
  if (view.in.data.rvalid && view.out.data.rready) now.read_bytes = machine_.board().info().bus_bytes;
  if (view.out.data.wvalid && view.in.data.wready)
    now.written_bytes = static_cast<std::uint64_t>(__builtin_popcountll(view.out.data.wstrb));
  now.requests = iommu_.inside();
  now.walks = static_cast<std::uint64_t>(std::count_if(activity.walks.begin(), activity.walks.end(),
                                                       [](const WalkActivity& walk) { return walk.active; }));
  now.batches = iommu_.batches();
  now.descriptors = engines_.waiting();
  figures_.cycle(view.cycle, now);
  read_bytes_ += now.read_bytes;
  written_bytes_ += now.written_bytes;
  walking_ += now.walks;
  const std::uint64_t cycles = view.cycle - sample_begin_;
  if (cycles < kSampleCycles) return;
  const auto mean = [&](std::uint64_t sum) { return static_cast<double>(sum) / static_cast<double>(cycles); };
  file_.counter(counter_group_, "bytes read a cycle", sample_begin_, mean(read_bytes_));
  file_.counter(counter_group_, "bytes written a cycle", sample_begin_, mean(written_bytes_));
  file_.counter(counter_group_, "walks under way", sample_begin_, mean(walking_));
  read_bytes_ = written_bytes_ = walking_ = 0;
  sample_begin_ = view.cycle;
}

void Timeline::reset() {
  for (unsigned n = 0; n < machine_.board().info().adapters; ++n) engines_.cut(n, cycle_);
  iommu_.cut(cycle_);
}

void Timeline::iommu_reset() { iommu_.cut(cycle_); }

void Timeline::close() {
  if (closed_) return;
  closed_ = true;
  reset();
  software_.finish();
  for (const Violation& violation : machine_.board().violations().list())
    file_.instant(violation_row_, violation.rule, violation.cycle, {{"what", violation.message}});
  file_.close({{"cycles", cycle_},
               {"cycle_ps", machine_.config().cycle_ps},
               {"pipe", machine_.board().info().pipe},
               {"seed", machine_.config().seed}});
}

}  // namespace gpudmar::sim::timeline
