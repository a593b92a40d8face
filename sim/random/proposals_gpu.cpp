// SPDX-License-Identifier: Apache-2.0
// Random steps of the GPUs, and of the system with them.
#include <algorithm>

#include "sim/random/proposals.h"

namespace gpudmar::random {
namespace {

constexpr std::uint64_t kFarPages = 4096;

}  // namespace

Operand Proposals::operand(std::uint64_t& size, bool target) {
  Operand operand;
  if (dice_.chance(0.3)) {
    const std::uint64_t window = options_.machine.vram_bytes / threads_;
    size = std::min(size, window);
    operand.offset = thread_ * window + place(window - size);
    return operand;
  }
  operand.kind = Operand::Kind::kAdl;
  operand.adl = pick_adl([](const Reference::Adl& adl) { return adl.alive; }, target);
  if (operand.adl.empty()) return operand;
  const Reference::Adl& adl = reference_.adls().at(operand.adl);
  if (target && !mine(adl.object, true)) {
    operand.adl.clear();
    return operand;
  }
  size = std::min(size, adl.size);
  operand.offset = place(adl.size - size);
  return operand;
}

Step Proposals::copy() {
  Step step;
  step.what = Do::kCopy;
  step.gpu = gpu();
  step.size = 1 + (dice_.chance(0.5) ? dice_.below(256) : dice_.below(options_.profile.max_pages * kPage));
  if (dice_.chance(0.2)) step.size = (1 + step.size / kPage) * kPage;
  step.from = operand(step.size, false);
  std::uint64_t size = step.size;
  step.to = operand(size, true);
  step.size = std::min(step.size, size);
  return step;
}

Step Proposals::reattach() {
  Step step;
  step.what = Do::kReattach;
  return step;
}

// A device address that no stream knows by an ADL: far up; 1:1 in a peer's memory, too, in an object and
// beside.
std::uint64_t Proposals::address() {
  const std::uint64_t within = dice_.below(kPage / kProbeBytes) * kProbeBytes;
  if (options_.machine.identity && dice_.chance(0.6)) {
    const std::string name =
        pick([](const Reference::Object& o) { return o.alive && o.type == ObjectType::kIoSpace; }, false);
    if (!name.empty()) {
      const Reference::Object& o = reference_.objects().at(name);
      return options_.machine.device_base + o.base + dice_.below(o.size / kPage + 2) * kPage - kPage + within;
    }
  }
  return options_.machine.highest_visible + 1 - (1 + dice_.below(kFarPages)) * kPage + within;
}

Step Proposals::probe() {
  Step step;
  step.what = Do::kProbe;
  step.gpu = gpu();
  step.write = dice_.chance(0.4);
  if (dice_.chance(0.15)) {
    step.from.kind = Operand::Kind::kAddress;
    step.from.offset = address();
    return step;
  }
  const bool freed = dice_.chance(0.5);
  step.from.kind = Operand::Kind::kAdl;
  step.from.adl =
      pick_adl([&](const Reference::Adl& adl) { return adl.made && adl.alive != freed; }, step.write);
  if (step.from.adl.empty()) return step;
  if (step.write && !mine(reference_.adls().at(step.from.adl).object, true)) step.write = false;
  step.from.offset =
      place(reference_.adls().at(step.from.adl).size - kProbeBytes) / kProbeBytes * kProbeBytes;
  return step;
}

}  // namespace gpudmar::random
