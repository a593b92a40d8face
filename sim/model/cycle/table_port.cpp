// SPDX-License-Identifier: Apache-2.0
#include "sim/model/cycle/table_port.h"

namespace gpudmar::model::cycle {

std::optional<TableBeat> TablePort::beat(std::uint64_t cycle) const {
  if (flights_.empty() || flights_.front().ready_at > cycle) return std::nullopt;
  return flights_.front().beats.front();
}

TablePort::Flight TablePort::sample(std::uint64_t cycle) const {
  Flight flight;
  flight.ready_at = cycle + config_.latency;
  for (unsigned i = 0; i < address_->beats; ++i) {
    TableBeat beat;
    beat.id = address_->id;
    beat.last = i + 1 == address_->beats;
    for (unsigned byte = 0; byte < address_->bytes; byte += 8) {
      const auto word = memory_.load64(address_->address + i * address_->bytes + byte);
      beat.error |= !word.has_value();
      beat.data.push_back(word.value_or(0));
    }
    for (unsigned part = 1; part < parts(); ++part) flight.beats.emplace_back();
    flight.beats.emplace_back(beat);
  }
  return flight;
}

void TablePort::step(std::uint64_t cycle, const std::optional<TableRead>& walk,
                     const std::optional<TableRead>& queue, const std::optional<StatusWrite>& status) {
  if (!flights_.empty() && flights_.front().ready_at <= cycle) {
    flights_.front().beats.pop_front();
    if (flights_.front().beats.empty()) flights_.pop_front();
  }
  if (address_) flights_.push_back(sample(cycle));
  address_.reset();
  if (walk || queue) {
    queue_was_last_ = queue && queue_wins(walk.has_value());
    address_ = queue_was_last_ ? queue : walk;
  }

  if (write_) answer_at_ = cycle + config_.b_latency;
  write_.reset();
  if (!busy_ && status) {
    busy_ = true;
    write_ = status;
    answer_at_ = 0;
  } else if (write_answered(cycle)) {
    busy_ = false;
  }
}

}  // namespace gpudmar::model::cycle
