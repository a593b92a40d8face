// SPDX-License-Identifier: Apache-2.0
#include "sim/model/cycle/registers.h"

namespace gpudmar::model::cycle {
namespace {

constexpr std::uint32_t kGcmd = 0x018, kRtaddr = 0x020, kFsts = 0x030, kIqt = 0x088, kIqa = 0x090;

bool low(const RegisterWrite& write, std::uint32_t offset) {
  return (write.offset & ~7U) == offset && (write.strobe & 0x0F) == 0x0F;
}
bool high(const RegisterWrite& write, std::uint32_t offset) {
  return (write.offset & ~7U) == offset && (write.strobe & 0xF0) == 0xF0;
}
std::uint64_t merge(std::uint64_t old, const RegisterWrite& write) {
  const std::uint64_t mask = ((write.strobe & 0x0F) == 0x0F ? 0xFFFF'FFFFULL : 0) |
                             ((write.strobe & 0xF0) == 0xF0 ? ~0xFFFF'FFFFULL : 0);
  return (old & ~mask) | (write.data & mask);
}

}  // namespace

bool Registers::base_written(const std::optional<RegisterWrite>& write) const {
  return write && (!queue_on_ || queue_error_) && (low(*write, kIqa) || high(*write, kIqa));
}

void Registers::step(const std::optional<RegisterWrite>& write, const Drains& drained, bool queue_idle,
                     bool queue_fails) {
  const bool base = base_written(write);
  const bool is_quiet = quiet(drained);
  const bool adopts = root_changes(drained);
  const Step before = step_;
  for (unsigned i = 0; i < 2; ++i) drains_[i] = drains_[i] && !drained[i];
  switch (before) {
    case Step::kRoot:
      if (adopts) {
        want_root_ = false;
        root_ = (root_pointer_ >> 12) & kFrames;
        mode_ = (root_pointer_ >> 10) & 3;
        drains_ = {true, true};
      } else if (is_quiet) {
        step_ = Step::kTranslation;
      }
      break;
    case Step::kTranslation:
      if (is_quiet && te_ != want_te_) {
        te_ = want_te_;
        drains_ = {true, true};
      } else if (is_quiet) {
        step_ = Step::kQueue;
      }
      break;
    case Step::kQueue:
      if (want_queue_ || queue_idle || !queue_on_) {
        queue_on_ = want_queue_;
        step_ = Step::kIdle;
      }
      break;
    case Step::kIdle:
      break;
  }
  if (write && low(*write, kGcmd)) {
    // A root pointer that is still owed stays so; its step is gone through again.
    const auto value = static_cast<std::uint32_t>(write->data);
    const bool set_root = ((value >> 30) & 1) != 0;
    want_root_ = set_root || want_root_;
    want_te_ = (value >> 31) != 0;
    want_queue_ = ((value >> 26) & 1) != 0;
    step_ = (set_root || before == Step::kRoot) ? Step::kRoot : Step::kTranslation;
  }
  if (queue_fails)
    queue_error_ = true;
  else if (write && high(*write, kFsts) && ((write->data >> 36) & 1) != 0)
    queue_error_ = false;
  if (!write) return;
  if ((write->offset & ~7U) == kRtaddr) root_pointer_ = merge(root_pointer_, *write);
  if (low(*write, kIqt)) tail_ = (write->data >> 4) & 0x7FFF;
  if (base) {
    queue_address_ = merge(queue_address_, *write);
    tail_ = 0;
  }
}

}  // namespace gpudmar::model::cycle
