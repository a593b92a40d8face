// SPDX-License-Identifier: Apache-2.0
// A baton that goes round.
#include "tests/support/turns.h"

#include <algorithm>
#include <exception>
#include <thread>

namespace gpudmar::test {
namespace {

constexpr std::size_t kNobody = ~std::size_t{0};
thread_local std::size_t this_body = kNobody;

}  // namespace

void Turns::wait_for_turn(std::unique_lock<std::mutex>& lock, std::size_t me) {
  changed_.wait(lock, [&] { return turn_ == me; });
}

void Turns::next() {
  for (std::size_t i = 0; i < alive_.size(); ++i) {
    turn_ = (turn_ + 1) % alive_.size();
    if (alive_[turn_]) break;
  }
  changed_.notify_all();
}

void Turns::pass() {
  if (this_body == kNobody) return;
  std::unique_lock lock(mutex_);
  next();
  wait_for_turn(lock, this_body);
}

void Turns::run(const std::vector<std::function<void()>>& bodies) {
  alive_.assign(bodies.size(), true);
  turn_ = 0;
  std::exception_ptr thrown;
  std::vector<std::thread> threads;
  threads.reserve(bodies.size());
  for (std::size_t i = 0; i < bodies.size(); ++i)
    threads.emplace_back([&, i] {
      this_body = i;
      {
        std::unique_lock lock(mutex_);
        wait_for_turn(lock, i);
      }
      std::exception_ptr mine;
      try {
        bodies[i]();
      } catch (...) {
        mine = std::current_exception();
      }
      const std::lock_guard lock(mutex_);
      if (mine && !thrown) thrown = mine;
      alive_[i] = false;
      next();
    });
  for (std::thread& thread : threads) thread.join();
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace gpudmar::test
