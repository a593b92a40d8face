// SPDX-License-Identifier: Apache-2.0
// A kernel over the fake platform, with threads of execution that a test switches by hand.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "driver-model/wdk/runtime/kernel_objects.h"
#include "ntddk.h"
#include "tests/support/fake_platform.h"

namespace gpudmar::test {

struct KernelTest : ::testing::Test {
  FakePlatform fake;
  std::uintptr_t thread = 1;
  std::uintptr_t spawned = 100;
  std::map<std::string, std::set<const void*>> loans;
  std::vector<std::string> broken;
  wdk::Runtime runtime{fake.platform, options()};

  wdk::Runtime::Options options() {
    wdk::Runtime::Options o;
    o.infinite_wait_cycles = 5000;
    o.current_thread = [this] { return thread; };
    // The body runs when time passes next, as a thread of its own as far as identity goes.
    o.spawn = [this](const std::string&, std::function<void()> body) {
      fake.time.after(1, [this, body = std::move(body), id = ++spawned] { as(id, body); });
    };
    o.on_rule_error = [this](const std::string& what) { broken.push_back(what); };
    o.on_loan = [this](const char* kind, const void* what, std::size_t, bool begins) {
      if (begins) {
        EXPECT_TRUE(loans[kind].insert(what).second) << kind << " is lent twice";
      } else {
        EXPECT_EQ(loans[kind].erase(what), 1u) << kind << " was not lent";
      }
    };
    return o;
  }
  /// Run something as another thread.
  void as(std::uintptr_t id, const std::function<void()>& body) {
    const std::uintptr_t outer = std::exchange(thread, id);
    body();
    thread = outer;
  }
  /// What the kernel says of a rule that `body` breaks; empty: it breaks none.
  std::string told(const std::function<void()>& body) {
    broken.clear();
    try {
      body();
    } catch (const wdk::KernelRuleError& error) {
      EXPECT_THAT(broken, ::testing::ElementsAre(error.what()));
      return error.what();
    }
    EXPECT_TRUE(broken.empty());
    return {};
  }
};

}  // namespace gpudmar::test
