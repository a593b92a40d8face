// SPDX-License-Identifier: Apache-2.0
// Serves qtest on a unix socket of this user, to one client at a time.
#pragma once

#include <csignal>
#include <functional>
#include <string>

#include "sim/serve/qtest.h"

namespace gpudmar::sim {

/// SIGTERM and SIGINT end the server instead of the process while one of these lives; one at a time.
class EndSignals {
 public:
  EndSignals();
  ~EndSignals();
  EndSignals(const EndSignals&) = delete;
  EndSignals& operator=(const EndSignals&) = delete;
  /// One has arrived.
  [[nodiscard]] static bool seen();
  /// The mask for ppoll() where they are blocked around the wait, so that none is missed between a look and
  /// it.
  [[nodiscard]] const sigset_t& waiting() const { return old_mask_; }

 private:
  sigset_t old_mask_{};
  struct sigaction old_term_ {};
  struct sigaction old_int_ {};
};

/// A listening socket of mode 0600 at `path`, gone with this object.
class QtestServer {
 public:
  /// Throws std::runtime_error when there is something at `path`, or it cannot be made.
  explicit QtestServer(std::string path);
  ~QtestServer();
  QtestServer(const QtestServer&) = delete;
  QtestServer& operator=(const QtestServer&) = delete;

  /// Serves until a signal arrives or, unless `keep`, until the first client is gone. `after` runs behind
  /// every command, before its answer is sent.
  void run(QtestTarget& target, const EndSignals& signals, bool keep, const std::function<void()>& after);

 private:
  /// False: a signal came first.
  [[nodiscard]] bool wait_readable(int fd, const EndSignals& signals) const;
  void serve(int client, QtestTarget& target, const EndSignals& signals, const std::function<void()>& after);

  std::string path_;
  int socket_ = -1;
};

}  // namespace gpudmar::sim
