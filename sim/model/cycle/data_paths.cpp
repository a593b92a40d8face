// SPDX-License-Identifier: Apache-2.0
#include "sim/model/cycle/data_paths.h"

namespace gpudmar::model::cycle {

Ports ReadPath::error_done(const Inputs& in) const {
  Ports done{};
  for (unsigned p = 0; p < kMaxPorts; ++p) done[p] = ports_[p].active && in.r[p] && ports_[p].left == 0;
  return done;
}

// The error beats come when nothing of the port is buffered and nothing of the id is at memory.
void ReadPath::step(const Inputs& in, const std::optional<Request>& error) {
  for (unsigned p = 0; p < kMaxPorts; ++p) {
    const Port before = ports_[p];
    Port& port = ports_[p];
    const bool arrives = in.data_r && in.data_r->port == p;
    if (arrives) ++port.buffered;
    // A beat may be taken in the cycle in which it comes (Pipe 0).
    if (in.r[p] && !before.active && port.buffered > 0) --port.buffered;
    if (error && error->port == p) {
      port.pending = true;
      port.id = error->id;
      port.len = error->len;
    } else if (before.pending && before.buffered == 0 && !arrives && drain_.idle(p, before.id)) {
      port.pending = false;
      port.active = true;
      port.left = before.len;
    }
    if (before.active && in.r[p]) {
      if (before.left == 0)
        port.active = false;
      else
        port.left = before.left - 1;
    }
  }
}

Ports WritePath::error_done() const {
  Ports done{};
  for (unsigned p = 0; p < kMaxPorts; ++p)
    done[p] = ports_[p].active && ports_[p].answered && !ports_[p].swallowing;
  return done;
}

void WritePath::step_error(unsigned number, bool taken, const std::optional<Request>& error,
                           const Port& before) {
  Port& port = ports_[number];
  if (error && error->port == number) {
    port.active = port.swallowing = true;
    port.answered = false;
    port.id = error->id;
    port.left = error->len;
    return;
  }
  // The blocked write's data is at the head once all older bursts of the port have been sent.
  if (before.swallowing && before.bursts == 0 && before.buffered > 0) {
    --port.buffered;
    if (before.left == 0)
      port.swallowing = false;
    else
      port.left = before.left - 1;
  }
  if (taken) {
    port.answering = false;
    port.answered = true;
  } else if (before.active && !before.answered && before.responses == 0 &&
             (!before.swallowing || before.unclaimed >= 0) && drain_.idle(number, before.id)) {
    port.answering = true;
  }
  if (before.active && before.answered && !before.swallowing) port.active = false;
}

void WritePath::step(const Inputs& in, const Request* out, const std::vector<Answer>& pushed,
                     const std::optional<Request>& error) {
  const auto before = ports_;
  const bool valid = out != nullptr && passes();
  const bool joins = valid && !told_;
  // One beat a cycle towards memory (Pipe 1: into the register there), in the order of the addresses.
  std::optional<Order> order;
  if (!order_.empty())
    order = order_.front();
  else if (joins)
    order = Order{out->port, out->len};
  const bool ready = in.data_wready || (config_.pipe != 0 && !w_full_);
  const bool loads = order && before[order->port].buffered > 0 && ready;
  if (joins) order_.push_back({out->port, out->len});
  std::optional<unsigned> sends;
  if (loads) {
    --ports_[order->port].buffered;
    if (sent_ == order->len) sends = order->port;
    sent_ = sends ? 0 : sent_ + 1;
  }
  if (loads)
    w_full_ = true;
  else if (in.data_wready)
    w_full_ = false;
  if (sends) {
    --ports_[*sends].bursts;
    order_.pop_front();
  }
  if (valid) told_ = !in.data_awready;
  for (const auto& push : pushed) ++ports_[push.port].bursts;
  for (unsigned p = 0; p < kMaxPorts; ++p) {
    Port& port = ports_[p];
    if (in.w[p]) {
      ++port.buffered;
      ++port.unclaimed;
    }
    if (in.write && in.write->port == p) port.unclaimed -= static_cast<int>(in.write->len) + 1;
    const bool error_taken = before[p].answering && in.b[p];
    if (in.data_b && in.data_b->port == p) ++port.responses;
    if (in.b[p] && !before[p].answering && before[p].responses > 0) --port.responses;
    step_error(p, error_taken, error, before[p]);
  }
}

}  // namespace gpudmar::model::cycle
