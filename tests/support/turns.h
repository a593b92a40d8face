// SPDX-License-Identifier: Apache-2.0
// Threads that run one at a time, as the processes of the bench do: another one goes on only where a thread
// says so.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <vector>

namespace gpudmar::test {

class Turns {
 public:
  /// Runs each body in a thread of its own, the first one first; returns when all have ended. What one throws
  /// is thrown here.
  void run(const std::vector<std::function<void()>>& bodies);
  /// Called in a body: the next one goes on, and this one when its turn comes again. Elsewhere it does
  /// nothing.
  void pass();

 private:
  void wait_for_turn(std::unique_lock<std::mutex>& lock, std::size_t me);
  void next();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<bool> alive_;
  std::size_t turn_ = 0;
};

}  // namespace gpudmar::test
