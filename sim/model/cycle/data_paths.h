// SPDX-License-Identifier: Apache-2.0
// The data paths as far as they time something that is predicted: error answers free parked requests, and the
// order of the write data holds addresses back. Requesters send their data in time: nobody is cut off.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "sim/model/cycle/drain.h"
#include "sim/model/cycle/types.h"

namespace gpudmar::model::cycle {

using Ports = std::array<bool, kMaxPorts>;

class ReadPath {
 public:
  explicit ReadPath(const Drain& drain) : drain_(drain) {}
  /// The last error beat of the port's blocked read is taken in this cycle.
  [[nodiscard]] Ports error_done(const Inputs& in) const;
  void step(const Inputs& in, const std::optional<Request>& error);

 private:
  struct Port {
    unsigned buffered = 0;  ///< beats
    bool pending = false, active = false;
    unsigned id = 0, len = 0, left = 0;
  };
  const Drain& drain_;
  std::array<Port, kMaxPorts> ports_{};
};

class WritePath {
 public:
  WritePath(const Config& config, const Drain& drain) : config_(config), drain_(drain) {}
  [[nodiscard]] Ports error_done() const;
  /// Whether AWVALID stands for the request at the lane's output.
  [[nodiscard]] bool passes() const { return told_ || order_.size() < kOrders; }
  /// `out`: the request at the lane's output.
  void step(const Inputs& in, const Request* out, const std::vector<Answer>& pushed,
            const std::optional<Request>& error);

 private:
  static constexpr std::size_t kOrders = 16;
  struct Order {
    unsigned port = 0, len = 0;
  };
  struct Port {
    unsigned buffered = 0;   ///< W beats
    int unclaimed = 0;       ///< beats here minus beats that taken addresses need
    unsigned bursts = 0;     ///< with an address and not sent
    unsigned responses = 0;  ///< buffered
    bool active = false, swallowing = false, answering = false, answered = false;
    unsigned id = 0, left = 0;
  };
  void step_error(unsigned number, bool taken, const std::optional<Request>& error, const Port& before);

  const Config& config_;
  const Drain& drain_;
  std::array<Port, kMaxPorts> ports_{};
  std::deque<Order> order_;
  bool told_ = false;    ///< the address at the output has its place in the order
  bool w_full_ = false;  ///< the register towards memory, Pipe 1 only
  unsigned sent_ = 0;
};

}  // namespace gpudmar::model::cycle
