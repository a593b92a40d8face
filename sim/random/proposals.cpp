// SPDX-License-Identifier: Apache-2.0
// Random steps, by kind of call.
#include "sim/random/proposals.h"

#include <fmt/format.h>

#include <algorithm>

namespace gpudmar::random {
namespace {

using Object = Reference::Object;

bool alive(const Object& o) { return o.alive; }

}  // namespace

void Proposals::use_thread(unsigned thread, unsigned threads) {
  thread_ = thread;
  threads_ = threads;
  if (threads == 1) {
    owner_.clear();
    maker_.clear();
  }
}

void Proposals::share_out(unsigned threads) {
  owner_.clear();
  maker_.clear();
  for (const auto& [name, o] : reference_.objects()) {
    if (!o.alive) continue;
    const int owner = static_cast<int>(dice_.below(threads + 1)) - 1;
    owner_[name] = o.type == ObjectType::kIoSpace ? kEverybody : owner;  // two may lie over the same bytes
  }
}

bool Proposals::mine(const std::string& object, bool change) const {
  if (threads_ == 1) return true;
  const auto it = owner_.find(object);
  if (it == owner_.end()) return false;  // dead before the threads began
  return it->second == static_cast<int>(thread_) || (!change && it->second == kEverybody);
}

std::string Proposals::fresh(char kind) {
  std::string name = fmt::format("{}{}", kind, next_name_++);
  if (threads_ > 1) {
    owner_[name] = static_cast<int>(thread_);
    maker_[name] = thread_;
  }
  return name;
}

std::string Proposals::pick(const ObjectTest& test, bool change) {
  std::vector<std::string> found;
  for (const auto& [name, o] : reference_.objects())
    if (mine(name, change) && test(o)) found.push_back(name);
  return found.empty() ? std::string() : dice_.of(found);
}

// Views and ADLs on a shared object belong to the thread that made them.
std::string Proposals::pick_view(const std::function<bool(const Reference::View&)>& test, bool change) {
  std::vector<std::string> found;
  for (const auto& [name, view] : reference_.views()) {
    const auto maker = maker_.find(name);
    const bool own =
        threads_ == 1 || mine(view.object, true) || (maker != maker_.end() && maker->second == thread_);
    if ((own || (!change && mine(view.object, false))) && test(view)) found.push_back(name);
  }
  return found.empty() ? std::string() : dice_.of(found);
}

std::string Proposals::pick_adl(const std::function<bool(const Reference::Adl&)>& test, bool change) {
  std::vector<std::string> found;
  for (const auto& [name, adl] : reference_.adls()) {
    const auto maker = maker_.find(name);
    const bool own =
        threads_ == 1 || mine(adl.object, true) || (maker != maker_.end() && maker->second == thread_);
    // Another thread may free its ADL at any time: only those from before the threads began are for
    // everybody.
    if ((own || (!change && mine(adl.object, false) && maker == maker_.end())) && test(adl))
      found.push_back(name);
  }
  return found.empty() ? std::string() : dice_.of(found);
}

std::uint64_t Proposals::place(std::uint64_t limit) {
  if (limit == 0) return 0;
  switch (dice_.below(4)) {
    case 0:
      return 0;
    case 1:
      return limit - dice_.below(std::min<std::uint64_t>(limit, 65));
    case 2:
      return std::min(limit, dice_.below(limit / kPage + 1) * kPage);
    default:
      return dice_.below(limit + 1);
  }
}

Step Proposals::any() {
  std::size_t living = 0;
  for (const auto& [name, o] : reference_.objects()) living += o.alive && mine(name, true) ? 1 : 0;
  const Weights& weights = options_.profile.weights;
  const bool many = living * threads_ > options_.profile.objects;
  struct Kind {
    unsigned weight;
    Step (Proposals::*make)();
  };
  const Kind kinds[] = {{many ? (weights.create + 4) / 5 : weights.create, &Proposals::create},
                        {weights.open, &Proposals::open},
                        {weights.close, &Proposals::close},
                        {many ? weights.destroy * 16 / 5 : weights.destroy, &Proposals::destroy},
                        {weights.map, &Proposals::map},
                        {weights.unmap, &Proposals::unmap},
                        {weights.adl, &Proposals::adl},
                        {weights.free, &Proposals::free},
                        {weights.fill, &Proposals::fill},
                        {weights.check, &Proposals::check},
                        {options_.copies ? weights.copy : 0, &Proposals::copy},
                        {options_.copies ? weights.probe : 0, &Proposals::probe},
                        {threads_ == 1 ? weights.reattach : 0, &Proposals::reattach}};
  unsigned total = 0;
  for (const Kind& kind : kinds) total += kind.weight;
  std::uint64_t roll = dice_.below(total);
  for (const Kind& kind : kinds) {
    if (roll < kind.weight) return (this->*kind.make)();
    roll -= kind.weight;
  }
  return {};
}

Step Proposals::ending() {
  ending_ = true;
  switch (dice_.below(6)) {
    case 0:
      return {};  // stop, with whatever is left
    case 1:
      return close();
    case 2:
      return unmap();
    case 3:
      return free();
    default:
      return destroy();
  }
}

void Proposals::wrong_handle(Step& step) {
  step.handle = dice_.of<Handle>({Handle::kNull, Handle::kGarbage, Handle::kSwapped, Handle::kSwapped});
}

Step Proposals::create() {
  Step step;
  step.what = Do::kCreate;
  step.name = fresh('o');
  step.size = (1 + dice_.below(options_.profile.max_pages)) * kPage;
  if (dice_.chance(0.2)) step.size -= dice_.below(kPage);
  step.cache = static_cast<std::uint32_t>(dice_.below(3));
  step.adapter = dice_.chance(0.75) ? member() : kNoAdapter;
  const std::uint64_t type = dice_.below(20);
  if (type >= 9 && type < 15) {
    contiguous(step);
  } else if (type >= 15 && type < 18 && options_.profile.sections) {
    section(step);
  } else if (type >= 15 && options_.profile.io_space && threads_ == 1) {
    io_space(step);
  } else {
    mdl(step);
  }
  if (!bad() || dice_.chance(0.6)) return step;
  switch (dice_.below(5)) {
    case 0:
      step.adapter = kBadAdapter;
      break;
    case 1:
      step.cache = dice_.chance(0.5) ? 3 : 0xFFFF'FFFF;
      break;
    case 2:
      step.size = 0;
      break;
    case 3:
      step.type = dice_.chance(0.5) ? 4 : 0x8000'0000;
      break;
    default:
      step.type = dice_.chance(0.5) ? 4 : 9;
      step.adapter = kBadAdapter;
      break;
  }
  return step;
}

void Proposals::mdl(Step& step) {
  step.type = static_cast<std::uint32_t>(ObjectType::kMdl);
  const auto ram = dice_.of(options_.machine.ram);
  if (dice_.chance(0.4)) {
    step.low = ram.first;
    step.high = ram.first + ram.second - 1;
  } else if (dice_.chance(0.2)) {  // the first window has no memory, a later one has
    const auto& target = options_.machine.ram.back();
    step.step = dice_.of<std::uint64_t>({1ULL << 30, 3ULL << 30, 4ULL << 30});
    step.low = target.first - step.step;
    step.high = step.low + (1U << 20) - 1;
  }
  static const std::vector<std::uint32_t> harmless = {0x0, 0x1, 0x2, 0x4, 0x8, 0x10, 0x80, 0x1, 0x0, 0x0};
  step.flags = dice_.of(harmless);
  if (step.step == 0 && dice_.chance(0.15)) {
    step.flags |= 0x20;
    if (dice_.chance(0.5)) {
      step.step = kPage << dice_.below(3);
      step.size = (1 + dice_.below(3)) * step.step;
    }
  }
  if (bad()) break_mdl(step);
}

void Proposals::break_mdl(Step& step) {
  const auto ram = dice_.of(options_.machine.ram);
  switch (dice_.below(7)) {
    case 0:
      step.step = dice_.of<std::uint64_t>({1, 0x800, 0x1001});
      step.flags = 0;
      break;
    case 1:
      step.size = (4ULL << 30) - kPage + 1 + dice_.below(1ULL << 40);
      break;
    case 2:
      step.flags |= 0x100;
      break;
    case 3:
      step.flags |= 0x20;
      step.step = dice_.of<std::uint64_t>({3 * kPage, 0x800, 0x3000, 0x10'0000'0000});
      break;
    case 4:
      step.flags = 0x40 | (dice_.chance(0.5) ? 0x20 : 0);
      step.step = kPage;
      step.size = kPage;
      break;
    default:  // a window that is too small
      step.low = ram.first + (1ULL << 24);
      step.size = (2 + dice_.below(options_.profile.max_pages)) * kPage;
      step.high = step.low + (dice_.chance(0.3) ? 0xFFE : step.size - kPage - 1);
      step.step = 0;
      step.flags = dice_.chance(0.3) ? 0x20 : 0;
      break;
  }
}

void Proposals::contiguous(Step& step) {
  step.type = static_cast<std::uint32_t>(ObjectType::kContiguous);
  const auto ram = dice_.of(options_.machine.ram);
  if (dice_.chance(0.5)) {
    step.low = ram.first + dice_.below(ram.second / 2);
    step.high = ram.first + ram.second - 1;
  }
  if (dice_.chance(0.5)) {
    step.step = kPage;
    while (step.step < step.size) step.step <<= 1U;
    step.step <<= dice_.below(4);
  }
  if (bad()) break_contiguous(step);
}

void Proposals::break_contiguous(Step& step) {
  const auto ram = dice_.of(options_.machine.ram);
  switch (dice_.below(5)) {
    case 0:
      step.step = dice_.of<std::uint64_t>({3 * kPage, 0x1001, 0x60000, ~0ULL});
      break;
    case 1:
      step.low = ram.first + kPage;
      step.high = ram.first;
      break;
    case 2:
      step.step = kPage;
      step.size = 2 * kPage + dice_.below(kPage);
      break;
    case 3:
      step.low = ram.first + (1ULL << 24);
      step.high = step.low + step.size - 2;
      break;
    default:
      step.size = 1ULL << (36 + dice_.below(10));
      step.step = 0;
      break;
  }
}

void Proposals::section(Step& step) {
  step.type = static_cast<std::uint32_t>(ObjectType::kSection);
  step.cache = 1 + static_cast<std::uint32_t>(dice_.below(2));
  step.protection = dice_.of<std::uint32_t>({2, 4, 4, 4, 8, 0x10});
  if (!bad()) return;
  if (dice_.chance(0.4)) {
    step.cache = 0;
  } else {
    step.protection = dice_.of<std::uint32_t>({0, 1, 3, 0x20, 0x40, 0x80, 0x102, 0x204, 0x404, 0x0800'0004});
  }
}

void Proposals::io_space(Step& step) {
  step.type = static_cast<std::uint32_t>(ObjectType::kIoSpace);
  const auto ram = dice_.of(options_.machine.ram);
  step.size = (1 + dice_.below(4)) * kPage;
  step.low = options_.machine.device_base + dice_.below(options_.machine.device_bytes / kPage - 3) * kPage;
  if (!bad()) return;
  switch (dice_.below(3)) {
    case 0:
      step.low |= 0x10;
      break;
    case 1:
      step.size += 0x200;
      break;
    default:
      step.low = ram.first + dice_.below(64) * kPage;
      break;
  }
}

Step Proposals::open() {
  Step step;
  step.what = Do::kOpen;
  step.adapter = member();
  const bool wrong = bad();
  step.name = pick([&](const Object& o) { return wrong ? o.open || !o.alive : o.alive && !o.open; });
  if (wrong && dice_.chance(0.3)) step.name = pick(alive);
  if (wrong && dice_.chance(0.3)) wrong_handle(step);
  if (wrong && dice_.chance(0.3)) step.adapter = dice_.chance(0.5) ? kNoAdapter : kBadAdapter;
  return step;
}

Step Proposals::close() {
  Step step;
  step.what = Do::kClose;
  const bool wrong = bad();
  step.name = pick([&](const Object& o) { return wrong ? !o.open || o.adls > 0 : o.open && o.adls == 0; });
  if (wrong && dice_.chance(0.3)) wrong_handle(step);
  return step;
}

Step Proposals::destroy() {
  Step step;
  step.what = Do::kDestroy;
  const bool wrong = bad();
  step.name = pick([&](const Object& o) { return wrong || (o.alive && o.adls == 0 && o.views == 0); });
  const auto it = reference_.objects().find(step.name);
  const bool open = it != reference_.objects().end() && it->second.open;
  step.form =
      dice_.of<Step::Form>({Step::Form::kCombined, open ? Step::Form::kSplit : Step::Form::kPhysicalOnly});
  if (!wrong) return step;
  if (dice_.chance(0.2)) wrong_handle(step);
  if (dice_.chance(0.5)) step.form = static_cast<Step::Form>(dice_.below(5));
  if (step.form == Step::Form::kStale)
    step.name = pick([](const Object& o) { return o.alive && o.was_open && !o.open; });
  if (step.form == Step::Form::kOther) step.other = pick([](const Object& o) { return o.open; });
  return step;
}

Step Proposals::map() {
  Step step;
  step.what = Do::kMap;
  step.item = fresh('v');
  step.name = pick(alive, false);
  step.mode = static_cast<std::uint32_t>(dice_.below(2));
  const auto it = reference_.objects().find(step.name);
  if (it == reference_.objects().end()) return step;
  const std::uint64_t size = it->second.asked;
  step.offset = std::min(place(size), size - 1);
  step.size = std::max<std::uint64_t>(1, place(size - step.offset));
  if (!bad()) return step;
  switch (dice_.below(6)) {
    case 0:
      step.size = 0;
      break;
    case 1:
      step.size = it->second.size - step.offset + 1 + dice_.below(3) * kPage;
      break;
    case 2:
      step.offset = dice_.chance(0.5) ? it->second.size : ~0ULL - dice_.below(kPage);
      break;
    case 3:
      step.mode = dice_.chance(0.5) ? 2 : 0xFFFF'FFFF;
      break;
    case 4:
      step.name = pick([](const Object& o) { return !o.alive; });
      break;
    default:
      wrong_handle(step);
      break;
  }
  return step;
}

Step Proposals::unmap() {
  Step step;
  step.what = Do::kUnmap;
  const bool wrong = bad();
  step.item = pick_view([&](const Reference::View& view) { return view.alive || (wrong && view.made); });
  if (!wrong) return step;
  switch (dice_.below(4)) {
    case 0:
      step.base_shift =
          dice_.of<std::int64_t>({1, static_cast<std::int64_t>(kPage), -static_cast<std::int64_t>(kPage)});
      break;
    case 1:
      step.size_shift = dice_.of<std::int64_t>({1, -1, static_cast<std::int64_t>(kPage)});
      break;
    case 2:
      step.name = pick(alive);
      break;
    default:
      wrong_handle(step);
      break;
  }
  return step;
}

Step Proposals::adl() {
  Step step;
  step.what = Do::kAdl;
  step.item = fresh('a');
  step.name = pick([](const Object& o) { return o.open; }, false);
  const auto it = reference_.objects().find(step.name);
  if (it == reference_.objects().end()) return step;
  const Object& o = it->second;
  const std::uint64_t pages = o.size / kPage;
  step.offset = dice_.below(pages) * kPage;
  step.size = (1 + dice_.below(pages - step.offset / kPage)) * kPage;
  if (dice_.chance(0.3)) {
    step.offset = 0;
    step.size = o.size;
  }
  const bool run = o.type == ObjectType::kContiguous || o.type == ObjectType::kIoSpace;
  step.flags = dice_.of<std::uint32_t>(run ? std::vector<std::uint32_t>{0, 1, 2, 3}
                                           : std::vector<std::uint32_t>{0, 2});
  if (!bad()) return step;
  switch (dice_.below(9)) {
    case 0:
      step.offset += 1 + dice_.below(kPage - 1);
      break;
    case 1:
      step.size += 1 + dice_.below(kPage - 1);
      break;
    case 2:
      step.size = 0;
      break;
    case 3:
      step.size = o.size - step.offset + (1 + dice_.below(3)) * kPage;
      break;
    case 4:
      step.offset = ~0ULL - kPage + 1;
      break;
    case 5:
      step.flags |= 4U << dice_.below(30);
      break;
    case 6:
      step.flags |= 1;
      break;
    case 7:
      step.size = kPage << (32 + dice_.below(8));
      break;
    default:
      if (dice_.chance(0.5)) step.name = pick([](const Object& p) { return !p.open; });
      if (dice_.chance(0.5)) wrong_handle(step);
      break;
  }
  return step;
}

Step Proposals::free() {
  Step step;
  step.what = Do::kFree;
  const bool wrong = bad();
  step.item = pick_adl([&](const Reference::Adl& adl) { return adl.alive || wrong; });
  if (!wrong) return step;
  if (dice_.chance(0.3)) wrong_handle(step);
  if (dice_.chance(0.3)) step.name = pick(alive);
  return step;
}

Step Proposals::fill() {
  Step step;
  step.what = Do::kFill;
  step.pattern = dice_.any() >> 16;
  if (dice_.chance(0.4)) {
    step.item = pick_view([](const Reference::View& view) { return view.alive; });
    if (step.item.empty()) return step;
    const std::uint64_t size = reference_.views().at(step.item).size;
    if (!mine(reference_.views().at(step.item).object, true))
      return step;  // undecided: no object has no name
    step.offset = std::min(place(size), size - 1);
    step.size = std::max<std::uint64_t>(1, place(size - step.offset));
    step.name = reference_.views().at(step.item).object;
    return step;
  }
  step.name = pick(alive);
  const auto it = reference_.objects().find(step.name);
  if (it == reference_.objects().end()) return step;
  const std::uint64_t size = it->second.asked;
  step.offset = std::min(place(size), size - 1);
  step.size = std::max<std::uint64_t>(1, dice_.chance(0.5) ? size - step.offset : place(size - step.offset));
  return step;
}

Step Proposals::check() {
  Step step;
  step.what = Do::kCheck;
  std::uint64_t base = 0;
  std::uint64_t limit = 0;
  if (dice_.chance(0.4)) {
    step.item = pick_view([](const Reference::View& view) { return view.alive; }, false);
    if (step.item.empty()) return step;
    const Reference::View& view = reference_.views().at(step.item);
    const auto maker = maker_.find(step.item);
    if (maker != maker_.end() && maker->second != thread_) return step;  // it may be gone by then
    step.name = view.object;
    base = view.offset;
    limit = view.size;
  } else {
    step.name = pick(alive, false);
    if (step.name.empty()) return step;
    limit = reference_.objects().at(step.name).asked;
  }
  if (limit == 0) return step;
  const auto [content, start] = reference_.bytes(step.name);
  base += start;
  const std::uint64_t at = base + std::min(place(limit), limit - 1);
  if (at >= content->size()) return step;
  const auto [first, end] = content->known_run(at);
  const std::uint64_t from = std::max(first, base);
  const std::uint64_t to = std::min(end, base + limit);
  step.offset = from - base;
  step.size = to > from ? to - from : 0;
  return step;
}

}  // namespace gpudmar::random
