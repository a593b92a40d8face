// SPDX-License-Identifier: Apache-2.0
// The machine's interrupts as a run with somebody's driver has them.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "driver-model/hw/hw.h"

namespace gpudmar::sim::kmd {

/// Off the thread of the plan nobody above a handler catches what stops the system: the guard does.
class GuardedInterrupts final : public hw::Interrupts {
 public:
  using Guard = std::function<void(const std::function<void()>&)>;
  GuardedInterrupts(hw::Interrupts& inner, Guard guard) : inner_(inner), guard_(std::move(guard)) {}

  [[nodiscard]] hw::MessageTarget connect(std::string name, std::function<void()> handler) override {
    const auto guarded = [this, handler = std::move(handler)] { guard_(handler); };
    const hw::MessageTarget target = inner_.connect(name, guarded);
    handlers_[key(target)] = {std::move(name), guarded};
    return target;
  }
  void disconnect(const hw::MessageTarget& target) override {
    handlers_.erase(key(target));
    inner_.disconnect(target);
  }
  /// The handler runs as if its message had come; on the caller's thread.
  void raise(const std::string& name) {
    for (const auto& [target, entry] : handlers_) {
      if (entry.first != name) continue;
      const auto handler = entry.second;
      return handler();
    }
  }

 private:
  using Key = std::pair<hw::PhysAddr, std::uint32_t>;
  static Key key(const hw::MessageTarget& target) { return {target.address, target.data}; }

  hw::Interrupts& inner_;
  Guard guard_;
  std::map<Key, std::pair<std::string, std::function<void()>>> handlers_;
};

}  // namespace gpudmar::sim::kmd
