// SPDX-License-Identifier: Apache-2.0
#include "sim/model/cycle/machine.h"

#include <fmt/format.h>

namespace gpudmar::model::cycle {

const char* name(Kind kind) {
  switch (kind) {
    case Kind::kReadOut:
      return "read out";
    case Kind::kWriteOut:
      return "write out";
    case Kind::kWalkRead:
      return "walk read";
    case Kind::kQueueFetch:
      return "queue fetch";
    case Kind::kFault:
      return "fault";
    case Kind::kStatus:
      return "status write";
  }
  return "?";
}

std::string describe(const Event& event) {
  const auto what = fmt::format("cycle {} {} {:x}", event.cycle, name(event.kind), event.address);
  switch (event.kind) {
    case Kind::kReadOut:
    case Kind::kWriteOut:
      return what + fmt::format(" port {} id {} beats {}", event.detail >> 24, (event.detail >> 8) & 0xFFFF,
                                (event.detail & 0xFF) + 1);
    case Kind::kWalkRead:
    case Kind::kQueueFetch:
      return what + fmt::format(" id {} beats {}", event.detail >> 8, (event.detail & 0xFF) + 1);
    default:
      return what + fmt::format(" {:016x}", event.detail);
  }
}

Machine::Machine(const Config& config, const MemoryView& memory)
    : config_(config),
      queue_(config_),
      table_(config_, memory),
      contexts_(config.context_entries),
      iotlb_(config.iotlb_entries),
      paging_{PagingCache{1, config.paging_entries[0]}, PagingCache{2, config.paging_entries[1]},
              PagingCache{3, config.paging_entries[2]}},
      walker_(config_, contexts_, paging_),
      lanes_{Lane{config_, false, contexts_, iotlb_}, Lane{config_, true, contexts_, iotlb_}},
      read_path_(drains_[0]),
      write_path_(config_, drains_[1]) {}

// One of the two lanes' faults a cycle, in turns.
void Machine::take_faults(std::uint64_t cycle, std::vector<Event>& events) {
  const auto winner = fault_turn_.pick([&](unsigned lane) { return lanes_[lane].wants_fault().has_value(); });
  if (!winner) return;
  fault_turn_.moved(*winner);
  outcomes_[*winner].fault_taken = true;
  const auto [request, reason] = *lanes_[*winner].wants_fault();
  const std::uint64_t user = request.user;
  const std::uint64_t high = (1ULL << 63) | (std::uint64_t{*winner == 0} << 62) | ((user & 3) << 60) |
                             (((user >> 3) & 0xFFFFF) << 40) | (std::uint64_t{reason} << 32) |
                             (((user >> 2) & 1) << 31) | (((user >> 23) & 3) << 29) |
                             config_.source_ids[request.port];
  events.push_back({Kind::kFault, cycle, request.address & ~0xFFFULL, high});
}

void Machine::show_outputs(std::uint64_t cycle, const Inputs& in, std::vector<Event>& events) {
  for (unsigned lane = 0; lane < 2; ++lane) {
    const Request* out = lanes_[lane].out();
    const bool valid = out != nullptr && (lane == 0 || write_path_.passes());
    if (valid && !shown_[lane])
      events.push_back({lane == 0 ? Kind::kReadOut : Kind::kWriteOut, cycle, out->address,
                        out_detail(out->port, out->id, out->len)});
    outcomes_[lane].popped = valid && (lane == 0 ? in.data_arready : in.data_awready);
    shown_[lane] = valid && !outcomes_[lane].popped;
  }
}

void Machine::show_table(std::uint64_t cycle, std::vector<Event>& events) const {
  if (const auto& read = table_.address())
    events.push_back({read->id == kQueueId ? Kind::kQueueFetch : Kind::kWalkRead, cycle, read->address,
                      read_detail(read->id, table_.bus_beats() - 1)});
  if (const auto& write = table_.write())
    events.push_back({Kind::kStatus, cycle, write->address, write->data});
}

std::vector<Event> Machine::step(std::uint64_t cycle, const Inputs& in) {
  std::vector<Event> events;
  outcomes_ = {};
  const Drains queue_drained{drains_[0].done(0), drains_[1].done(0)};
  const Drains registers_drained{drains_[0].done(1), drains_[1].done(1)};
  const bool root_changes = registers_.root_changes(registers_drained);
  const Flush flush = queue_.flush();
  const auto beat = table_.beat(cycle);
  const bool for_queue = beat && beat->id == kQueueId;

  walker_.begin(for_queue ? std::nullopt : beat, flush, root_changes, registers_.root());
  std::array<std::optional<WalkRequest>, 2> walks;
  for (unsigned lane = 0; lane < 2; ++lane) {
    Lane::Seen seen;
    seen.request = lane == 0 ? in.read : in.write;
    if (lane == 0) seen.hint = in.hint;
    seen.te = registers_.te();
    seen.mode_ok = registers_.mode_ok();
    seen.flush = flush.contexts || flush.pages || root_changes;
    if (!lanes_[lane].begin(seen))
      surprises_.push_back(fmt::format("cycle {}: a {} was taken that had no place", cycle,
                                       seen.request ? (lane == 0 ? "read" : "write") : "hint"));
    walks[lane] = lanes_[lane].wants_walk();
    outcomes_[lane].told = walker_.told();
  }
  const auto granted = walker_.grant(walks);
  if (granted) outcomes_[granted->lane].walk = granted->walk;
  take_faults(cycle, events);
  show_outputs(cycle, in, events);
  show_table(cycle, events);
  outcomes_[0].error_done = read_path_.error_done(in);
  outcomes_[1].error_done = write_path_.error_done();

  // Reads of walkers and queue take turns.
  const auto walk_read = walker_.wants_read();
  const auto queue_read = queue_.wants_read(registers_);
  const bool queue_wins = queue_read && table_.queue_wins(walk_read.has_value());
  const auto status = queue_.wants_status();

  // The end of the cycle: everything moves at once. What others look at moves last.
  Queue::Seen queue_seen;
  queue_seen.read_taken = queue_wins;
  queue_seen.beat = for_queue ? &*beat : nullptr;
  queue_seen.drained = queue_drained;
  queue_seen.settled = lanes_[0].settled(true) && lanes_[1].settled(write_path_.passes());
  queue_seen.status_taken = status && table_.write_taken();
  queue_seen.status_answered = table_.write_answered(cycle);
  queue_seen.base_written = registers_.base_written(in.register_write);
  const bool queue_idle = queue_.idle(registers_);
  const bool queue_fails = queue_.fails(registers_);
  const std::array<std::optional<Request>, 2> errors{lanes_[0].wants_error(), lanes_[1].wants_error()};
  const auto queue_drains = queue_.drains();

  read_path_.step(in, errors[0]);
  write_path_.step(in, lanes_[1].out(), lanes_[1].pushed(), errors[1]);
  std::optional<Answer> answered[2] = {in.data_r_last ? in.data_r : std::nullopt, in.data_b};
  for (unsigned d = 0; d < 2; ++d)
    drains_[d].step(lanes_[d].pushed(), answered[d], {queue_drains[d], registers_.drains()[d]});
  queue_.step(registers_, queue_seen);
  iotlb_.step(walker_.told() ? walker_.told()->fill : std::nullopt, flush);
  contexts_.step(walker_.context_fill(), flush);
  for (unsigned level = 1; level <= 3; ++level) paging_[level - 1].step(walker_.paging_fill(level), flush);
  walker_.step(walk_read && !queue_wins, walks, granted);
  for (unsigned lane = 0; lane < 2; ++lane) lanes_[lane].step(outcomes_[lane]);
  table_.step(cycle, walk_read, queue_read, status);
  registers_.step(in.register_write, registers_drained, queue_idle, queue_fails);
  return events;
}

}  // namespace gpudmar::model::cycle
