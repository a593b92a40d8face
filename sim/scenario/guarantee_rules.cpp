// SPDX-License-Identifier: Apache-2.0
// The account, and the comparisons.
#include "sim/scenario/guarantee_rules.h"

#include <fmt/format.h>

#include <algorithm>

namespace gpudmar::sim {
namespace {

constexpr unsigned kShift = hw::kPageShift;
constexpr std::uint64_t kWindowFirst = hw::kInterruptWindowBase >> kShift;
constexpr std::uint64_t kWindowEnd = hw::kInterruptWindowEnd >> kShift;
constexpr std::size_t kFormerKept = 256;  // freed numbers that are asked again at Destroy, by object
constexpr std::size_t kStatusWritesKept = 4096;
constexpr unsigned kPassThrough = 2;  // translation type (VT-d 2.2)

bool in_window(std::uint64_t page) { return page >= kWindowFirst && page < kWindowEnd; }

/// What an access to a page leads to.
struct Access {
  bool out = false;  ///< it leaves
  std::uint64_t frame = 0;
  bool snoop = false;
};

Access access_of(const model::Outcome& outcome) {
  const auto address = model::outgoing_address(outcome);
  const auto* translated = std::get_if<model::Translated>(&outcome);
  return {address.has_value(), address.value_or(0) >> kShift, translated != nullptr && translated->snoop};
}

}  // namespace

GuaranteeRules::GuaranteeRules(const model::UnitConfig& unit, const model::MemoryView& memory, Report report,
                               std::map<std::string, std::uint64_t>& checked)
    : unit_(unit), memory_(memory), report_(std::move(report)), checked_(checked) {}

void GuaranteeRules::violate(const std::string& rule, const std::string& message) {
  if (!ended_) report_("guarantee." + rule, message);
}

model::Outcome GuaranteeRules::ask(std::uint16_t source_id, std::uint64_t number, bool write) const {
  model::Request request;
  request.source_id = source_id;
  request.address = number << kShift;
  request.is_write = write;
  return model::translate(unit_, root_, memory_, request);
}

void GuaranteeRules::Holders::add(const Adl& adl) {
  ++adls;
  readers += adl.readable ? 1 : 0;
  writers += adl.writable ? 1 : 0;
  cached += adl.cached ? 1 : 0;
}

void GuaranteeRules::Holders::remove(const Adl& adl) {
  --adls;
  readers -= adl.readable ? 1 : 0;
  writers -= adl.writable ? 1 : 0;
  cached -= adl.cached ? 1 : 0;
}

GuaranteeRules::Space* GuaranteeRules::space_of_port(unsigned port) {
  for (auto& [name, space] : spaces_)
    for (const unsigned member : space.link.ports)
      if (member == port) return &space;
  return nullptr;
}

// ---- Objects

void GuaranteeRules::object_created(const void* object, const std::vector<std::uint64_t>& frames,
                                    bool zeroed) {
  objects_[object] = frames;
  for (const std::uint64_t frame : frames) {
    if (!zeroed || used_frames_.count(frame) == 0) continue;
    count("G22");
    for (std::uint64_t at = 0; at < hw::kPageSize; at += 8)
      if (const auto value = memory_.load64((frame << kShift) + at); value && *value != 0) {
        violate("G22", fmt::format("a new object's page {:#x} still has its former owner's data at {:#x}",
                                   frame << kShift, at));
        break;
      }
  }
}

void GuaranteeRules::object_destroyed(const void* object) {
  for (const Former& former : allocating_ == 0 ? former_[object] : std::vector<Former>{}) {
    const auto it = spaces_.find(former.link);
    if (it == spaces_.end() || !it->second.translated()) continue;
    if (it->second.numbers.count(former.number) != 0) continue;  // another object's by now
    if (it->second.reserved.count(former.number) != 0) continue;
    count("G22");
    for (const std::uint16_t id : it->second.link.source_ids)
      if (const Access access = access_of(ask(id, former.number, false)); access.out)
        violate("G22",
                fmt::format("after Destroy number {:#x} still leads to page {:#x} for source-id {:#06x}",
                            former.number, access.frame << kShift, id));
  }
  for (const std::uint64_t frame : objects_[object])
    for (const auto& [name, space] : spaces_)
      if (const auto it = space.frames.find(frame); it != space.frames.end())
        violate("G22", fmt::format("an object was destroyed while an ADL of {} names its page {:#x}", name,
                                   frame << kShift));
  former_.erase(object);
  objects_.erase(object);
}

// ---- AllocateAdl

void GuaranteeRules::check_numbers(const Space& space, const Adl& adl) {
  count("G7");
  count("G23");
  for (const std::uint64_t number : adl.numbers) {
    if ((number << kShift) + hw::kPageSize - 1 > space.link.highest_visible) {
      violate("G7", fmt::format("number {:#x} lies beyond {:#x}", number, space.link.highest_visible));
      break;
    }
  }
  for (std::size_t i = 0; i < adl.numbers.size(); ++i)
    if (in_window(adl.numbers[i]) || (i < adl.frames.size() && in_window(adl.frames[i]))) {
      violate("G23", fmt::format("number {:#x} or its page {:#x} lies in the interrupt window",
                                 adl.numbers[i], adl.frames[i]));
      break;
    }
  if (!space.reserved.empty()) count("G18", adl.numbers.size());
  for (const std::uint64_t number : adl.numbers)
    if (!space.link.identity && space.reserved.count(number) != 0) {
      violate("G18", fmt::format("number {:#x} was given out, which firmware keeps for {}", number,
                                 space.link.name));
      break;
    }
  if (!adl.contiguous && !adl.required) return;
  count("G9");
  if (!adl.contiguous) return violate("G9", "a contiguous ADL was required, and it is a list of pages");
  for (std::size_t i = 1; i < adl.numbers.size(); ++i)
    if (adl.numbers[i] != adl.numbers[i - 1] + 1) {
      violate("G9", fmt::format("page {} of a contiguous ADL has number {:#x} after {:#x}", i, adl.numbers[i],
                                adl.numbers[i - 1]));
      break;
    }
}

void GuaranteeRules::check_page(const Space& space, const Adl& adl, std::size_t index) {
  const std::uint64_t number = adl.numbers[index];
  const std::uint64_t frame = adl.frames[index];
  const Number& shared = space.numbers.at(number);
  // With another AllocateAdl under way, a page may permit what nobody knows yet.
  const bool unknown = space.link.identity && allocating_ > 1;
  if (space.link.identity && number != frame)
    violate("G8", fmt::format("number {:#x} for page {:#x} where both should be one", number, frame));
  bool first = true;
  for (const std::uint16_t id : space.link.source_ids) {
    for (const bool write : {false, true}) {
      const model::Outcome outcome = ask(id, number, write);
      const Access access = access_of(outcome);
      const bool must = !space.translated() || shared.must(write);
      const bool may = !space.translated() || shared.may(write) || unknown;
      const std::string what = fmt::format("source-id {:#06x}, {} of number {:#x}: {}", id,
                                           write ? "write" : "read", number, model::describe(outcome));
      const bool partly = write ? adl.readable : adl.writable;
      if (access.out && access.frame != frame) {
        violate(adl.io_space ? "G19"
                : first      ? "G2"
                             : "G12",
                fmt::format("{} instead of page {:#x}", what, frame << kShift));
      } else if (access.out ? !may : must) {
        // Reachable one way and not the other is a matter of permission.
        const bool other = access_of(ask(id, number, !write)).out;
        violate(access.out || (other && partly) ? "G10"
                : first                         ? "G3"
                                                : "G12",
                fmt::format("{}, when AllocateAdl returned", what));
      } else if (access.out && space.translated() && adl.cached && unit_.sc && !access.snoop) {
        violate("G11", fmt::format("{}: cached memory without snooping", what));
      }
    }
    first = false;
  }
}

void GuaranteeRules::check_neighbour(const Space& space, std::uint64_t number, const std::string& whose) {
  if (space.numbers.count(number) != 0) return;
  if (space.reserved.count(number) != 0) return check_reserved(space, number, "beside an ADL");
  if (number >> (unit_.mgaw - kShift) != 0) return;
  count("G4");
  for (const std::uint16_t id : space.link.source_ids)
    for (const bool write : {false, true})
      if (const model::Outcome outcome = ask(id, number, write); access_of(outcome).out && !in_window(number))
        violate("G4", fmt::format(
                          "number {:#x}, {}, belongs to no ADL and leads somewhere for source-id {:#06x}: {}",
                          number, whose, id, model::describe(outcome)));
}

void GuaranteeRules::check_others(const Space& space, const Adl& adl) {
  for (const auto& [name, other] : spaces_) {
    if (name == space.link.name || !other.translated()) continue;
    count("G13");
    for (const std::uint64_t number : adl.numbers) {
      if (other.numbers.count(number) != 0) continue;  // its own number of the same value
      if (other.reserved.count(number) != 0) continue;
      for (const std::uint16_t id : other.link.source_ids)
        if (const Access access = access_of(ask(id, number, false)); access.out) {
          violate("G13", fmt::format("number {:#x} of {} leads to page {:#x} for source-id {:#06x} of {}",
                                     number, space.link.name, access.frame << kShift, id, name));
          return;
        }
    }
  }
}

void GuaranteeRules::allocated(const Adl& adl, std::uint64_t cycle) {
  const auto it = spaces_.find(adl.link);
  if (it == spaces_.end()) return violate("G1", fmt::format("an ADL on {}, which has not started", adl.link));
  Space& space = it->second;
  if (adl.numbers.size() != adl.frames.size())
    return violate("G2", fmt::format("{} numbers for {} pages", adl.numbers.size(), adl.frames.size()));
  check_numbers(space, adl);
  for (std::size_t i = 0; i < adl.numbers.size(); ++i) {
    Number& number = space.numbers[adl.numbers[i]];
    if (number.held.adls != 0 && number.frame != adl.frames[i])
      violate("G2", fmt::format("number {:#x} stands for pages {:#x} and {:#x}", adl.numbers[i],
                                number.frame << kShift, adl.frames[i] << kShift));
    number.frame = adl.frames[i];
    number.held.add(adl);
    space.frames[adl.frames[i]].add(adl);
  }
  live_pages_ += adl.numbers.size();
  for (const char* rule : {"G2", "G3", "G10"}) count(rule, adl.numbers.size());
  if (adl.io_space) count("G19", adl.numbers.size());
  if (space.link.identity) count("G8", adl.numbers.size());
  if (space.link.source_ids.size() > 1) count("G12", adl.numbers.size());
  if (adl.cached && unit_.sc) count("G11", adl.numbers.size());
  for (std::size_t i = 0; i < adl.numbers.size(); ++i) check_page(space, adl, i);
  // With another AllocateAdl under way, numbers may lead somewhere that nobody knows yet.
  if (space.translated() && allocating_ <= 1) {
    for (std::size_t i = 0; i < adl.numbers.size(); ++i) {
      const std::uint64_t number = adl.numbers[i];
      if (number > 0 && (i == 0 || adl.numbers[i - 1] != number - 1))
        check_neighbour(space, number - 1, "before an ADL");
      if (i + 1 == adl.numbers.size() || adl.numbers[i + 1] != number + 1)
        check_neighbour(space, number + 1, "behind an ADL");
    }
  }
  if (allocating_ <= 1) check_others(space, adl);
  adls_[adl.id] = {adl, cycle, false};
}

void GuaranteeRules::allocate_ends() {
  if (allocating_ > 0) --allocating_;
  std::vector<Pending> open;
  open.swap(pending_);
  for (const Pending& request : open) check_owner(request);
  if (allocating_ > 0) return;
  std::vector<Former> freed;
  freed.swap(freed_meanwhile_);
  for (const Former& page : freed)
    if (const auto it = spaces_.find(page.link); it != spaces_.end()) check_freed(it->second, page);
}

// ---- FreeAdl

void GuaranteeRules::free_begins(const void* id) {
  if (const auto it = adls_.find(id); it != adls_.end() && !it->second.going) {
    it->second.going = true;
    ++freeing_;
    Space& space = spaces_.at(it->second.adl.link);
    for (const std::uint64_t number : it->second.adl.numbers)
      space.numbers.at(number).leaving.add(it->second.adl);
    check_paging(space, it->second.adl);
  }
}

void GuaranteeRules::free_failed(const void* id) {
  const auto it = adls_.find(id);
  if (it == adls_.end() || !it->second.going) return;
  it->second.going = false;
  --freeing_;
  Space& space = spaces_.at(it->second.adl.link);
  for (const std::uint64_t number : it->second.adl.numbers)
    space.numbers.at(number).leaving.remove(it->second.adl);
}

bool GuaranteeRules::forget(Space& space, const Adl& adl, bool going) {
  bool lost = false;
  live_pages_ -= adl.numbers.size();
  for (std::size_t i = 0; i < adl.numbers.size(); ++i) {
    const auto number = space.numbers.find(adl.numbers[i]);
    Number& page = number->second;
    const Holders before = page.held;
    page.held.remove(adl);
    if (going) page.leaving.remove(adl);
    const auto gone = [](unsigned was, unsigned is) { return was != 0 && is == 0; };
    if (space.reserved.count(adl.numbers[i]) == 0)  // firmware's go on
      lost = lost || page.held.adls == 0 || gone(before.readers, page.held.readers) ||
             gone(before.writers, page.held.writers) || gone(before.cached, page.held.cached);
    if (page.held.adls == 0) space.numbers.erase(number);
    if (const auto frame = space.frames.find(adl.frames[i]); frame != space.frames.end()) {
      frame->second.remove(adl);
      if (frame->second.adls == 0) space.frames.erase(frame);
    }
  }
  return lost;
}

// A number that no ADL names any more leads nowhere.
void GuaranteeRules::check_freed(const Space& space, const Former& page) {
  if (space.numbers.count(page.number) != 0) return;
  for (const std::uint16_t source : space.link.source_ids)
    for (const bool write : {false, true})
      if (access_of(ask(source, page.number, write)).out)
        violate("G5", fmt::format(
                          "FreeAdl returned and number {:#x} still leads to page {:#x} for source-id {:#06x}",
                          page.number, page.frame << kShift, source));
}

// A number that another ADL names stands for what that one wants, and for no more.
void GuaranteeRules::check_kept(const Space& space, std::uint64_t number) {
  const Number& page = space.numbers.at(number);
  count("G2");
  for (const std::uint16_t source : space.link.source_ids)
    for (const bool write : {false, true}) {
      const model::Outcome outcome = ask(source, number, write);
      const Access access = access_of(outcome);
      const std::string what = fmt::format(
          "FreeAdl returned and number {:#x}, which another ADL names: {} by source-id {:#06x}: {}", number,
          write ? "write" : "read", source, model::describe(outcome));
      if (access.out ? access.frame != page.frame : page.must(write)) violate("G2", what);
      if (access.out && !page.may(write) && allocating_ == 0) violate("G10", what);
      if (access.out && unit_.sc && page.must_snoop() && !access.snoop)
        violate("G11", what + ": cached memory without snooping");
    }
}

void GuaranteeRules::freed(const void* id, const FreeTimes& times) {
  const auto it = adls_.find(id);
  if (it == adls_.end()) return;
  const Adl adl = std::move(it->second.adl);
  const bool going = it->second.going;
  if (going) --freeing_;
  adls_.erase(it);
  Space& space = spaces_.at(adl.link);
  const bool lost = forget(space, adl, going);
  if (!space.translated()) return;

  count("G5", adl.numbers.size());
  std::vector<Former>& former = former_[adl.object];
  for (std::size_t i = 0; i < adl.numbers.size(); ++i) {
    const Former page{adl.link, adl.numbers[i], adl.frames[i]};
    if (former.size() < kFormerKept) former.push_back(page);
    if (space.reserved.count(page.number) != 0)
      check_reserved(space, page.number, "FreeAdl returned");
    else if (space.numbers.count(page.number) != 0)
      check_kept(space, page.number);
    else if (allocating_ == 0)
      check_freed(space, page);
    else
      freed_meanwhile_.push_back(page);
    if (space.frames.count(adl.frames[i]) == 0 && space.reserved.count(adl.frames[i]) == 0)
      for (const unsigned port : space.link.ports)
        if (const auto open = in_flight_.find({port, adl.frames[i]}); open != in_flight_.end())
          violate("G5", fmt::format("FreeAdl returned with {} accesses of GPU {} to page {:#x} under way",
                                    open->second, port, adl.frames[i] << kShift));
  }

  check_invalidated(space, adl, times, lost);
  if (status_writes_.size() > kStatusWritesKept)
    status_writes_.erase(status_writes_.begin(),
                         status_writes_.begin() + static_cast<std::ptrdiff_t>(kStatusWritesKept / 2));
}

void GuaranteeRules::check_invalidated(const Space& space, const Adl& adl, const FreeTimes& times,
                                       bool lost) {
  count("G6", adl.frames.size());
  const auto told = std::find_if(status_writes_.begin(), status_writes_.end(), [&](std::uint64_t cycle) {
    return cycle >= times.invalidate_begin && cycle <= times.invalidate_done;
  });
  // Pages that other ADLs keep as they are need no invalidation.
  if (lost && told == status_writes_.end() && (!space.link.identity || allocating_ == 0))
    violate("G6",
            fmt::format("an invalidation is taken for complete at {} and the unit wrote no status since {}",
                        times.invalidate_done, times.invalidate_begin));
  if (!times.exact && told == status_writes_.end()) return;
  const std::uint64_t done = times.exact ? times.invalidate_done : *told;
  for (const std::uint64_t frame : adl.frames)
    if (const auto unlock = unlocked_.find(frame);
        unlock != unlocked_.end() && unlock->second < done && space.frames.count(frame) == 0) {
      violate("G6", fmt::format("page {:#x} was unlocked at {}, its invalidation complete at {}",
                                frame << kShift, unlock->second, done));
      break;
    }
}

void GuaranteeRules::page_event(const mm::PageEvent& event) {
  using Kind = mm::PageEvent::Kind;
  if (event.kind == Kind::kAllocate) return;
  for (const mm::PageRun& run : event.runs)
    for (std::uint64_t frame = run.first; frame < run.first + run.count; ++frame) {
      if (event.kind == Kind::kLock) {
        ++locks_[frame];
        unlocked_.erase(frame);
      }
      if (event.kind == Kind::kUnlock)
        if (const auto it = locks_.find(frame); it != locks_.end() && --it->second == 0) locks_.erase(it);
      if (event.kind == Kind::kUnlock) unlocked_[frame] = event.cycle;
      if (event.kind != Kind::kFree) continue;
      used_frames_.insert(frame);
      bool leaving = false;
      for (const auto& [name, space] : spaces_) {
        if (space.frames.count(frame) == 0) continue;
        if (leaves(space, frame))
          leaving = true;
        else
          violate("G6", fmt::format("page {:#x} was given back while an ADL of {} names it", frame << kShift,
                                    name));
      }
      // Of what leaves, the end of the call compares this with the invalidation.
      if (!leaving) unlocked_.erase(frame);
    }
}

// One call of 2.4 takes a page out of the devices' reach and gives it back: 1:1, and its entry is gone.
bool GuaranteeRules::leaves(const Space& space, std::uint64_t frame) const {
  const auto number = space.numbers.find(frame);
  if (!space.link.identity || number == space.numbers.end() || number->second.must(false) ||
      number->second.must(true))
    return false;
  return !space.translated() ||
         std::none_of(space.link.source_ids.begin(), space.link.source_ids.end(), [&](std::uint16_t id) {
           return model::outgoing_address(ask(id, frame, false)).value_or(~0ULL) >> kShift == frame;
         });
}

void GuaranteeRules::call_failed(const std::string& name, const Snapshot& before, const Snapshot& after) {
  count("G20");
  const auto same = [&](const char* what, std::uint64_t was, std::uint64_t is) {
    if (was != is) violate("G20", fmt::format("{} failed and {} changed from {} to {}", name, what, was, is));
  };
  same("the number of free pages", before.free_pages, after.free_pages);
  same("the number of locked pages", before.locked_pages, after.locked_pages);
  same("the commit charge", before.committed_pages, after.committed_pages);
  same("the number of queue commands", before.queue_commands, after.queue_commands);
}

// ---- Traffic

void GuaranteeRules::check_owner(const Pending& request) {
  const Space* space = space_of_port(request.port);
  const std::string what = fmt::format("cycle {}: {} of {:#x} by GPU {}", request.cycle,
                                       request.write ? "write" : "read", request.address, request.port);
  if (space == nullptr || space->stopped)
    return violate("G1", what + " before it was started, or after its end");
  if (!space->translated()) return;
  count("G5");
  if (const auto frame = space->frames.find(request.address >> kShift); frame != space->frames.end()) {
    // Memory that is cached for one ADL and not for another may be reached by either's entries.
    if (!unit_.sc || frame->second.cached != frame->second.adls) return;
    count("G11");
    if (!request.snoop) violate("G11", what + ": cached memory without snooping");
    return;
  }
  if (space->reserved.count(request.address >> kShift) != 0)
    return;  // sweeps see that no other number leads there
  if (allocating_ > 0)
    pending_.push_back(request);  // the promise may be on its way
  else
    violate("G5", what + ": no ADL of its link names that page");
}

void GuaranteeRules::departs(unsigned port, bool write, std::uint64_t address, bool snoop,
                             std::uint64_t cycle) {
  const std::uint64_t frame = address >> kShift;
  if (const Space* space = space_of_port(port); space != nullptr && space->quiet.count(port) != 0)
    violate("G14", fmt::format("cycle {}: {} of {:#x} by GPU {} under exclusive access", cycle,
                               write ? "write" : "read", address, port));
  if (write && in_window(frame)) return;  // a message
  ++in_flight_[{port, frame}];
  check_owner({port, write, address, snoop, cycle});
}

void GuaranteeRules::completes(unsigned port, bool write, std::uint64_t address) {
  const std::uint64_t frame = address >> kShift;
  if (write && in_window(frame)) return;
  if (const auto it = in_flight_.find({port, frame}); it != in_flight_.end() && --it->second == 0)
    in_flight_.erase(it);
}

void GuaranteeRules::blocked(std::uint16_t source_id, bool write, std::uint64_t address,
                             std::uint64_t arrival) {
  for (const auto& [name, space] : spaces_) {
    const auto& ids = space.link.source_ids;
    if (!space.link.remapped || space.removed || std::find(ids.begin(), ids.end(), source_id) == ids.end())
      continue;
    if (space.reserved.count(address >> kShift) != 0)
      return violate(
          "G18", fmt::format("a {} of {:#x} by source-id {:#06x} was blocked, which firmware keeps for {}",
                             write ? "write" : "read", address, source_id, name));
    count("G3");
    const auto it = space.numbers.find(address >> kShift);
    if (it == space.numbers.end() || !it->second.must(write)) return;
    for (const auto& [id, live] : adls_) {
      if (live.going || live.cycle > arrival || live.adl.link != name) continue;
      if (!(write ? live.adl.writable : live.adl.readable)) continue;
      const auto& numbers = live.adl.numbers;
      if (std::find(numbers.begin(), numbers.end(), address >> kShift) == numbers.end()) continue;
      return violate(
          "G3", fmt::format("a {} of {:#x} by source-id {:#06x} was blocked, which an ADL had named since "
                            "cycle {}",
                            write ? "write" : "read", address, source_id, live.cycle));
    }
  }
}

// ---- Everything at once

void GuaranteeRules::sweep(const Space& space) {
  count("G4");
  std::optional<model::ContextEntry> first;
  for (const std::uint16_t id : space.link.source_ids) {
    const auto context = model::find_context(root_, memory_, id);
    if (!context) {
      violate("G12", fmt::format("source-id {:#06x} of {} has lost its context entry", id, space.link.name));
      continue;
    }
    if (context->type > 1) {
      violate("G4", fmt::format("source-id {:#06x} of {} passes everything through", id, space.link.name));
      continue;
    }
    if (first && *context == *first) continue;  // the same tables
    if (first)
      violate("G12", fmt::format("source-id {:#06x} of {} has tables of its own", id, space.link.name));
    first = context;
    std::size_t found = 0;
    std::size_t reserved = 0;
    std::size_t shown = 0;
    model::for_each_leaf(*context, memory_, [&](const model::Leaf& leaf) {
      const std::uint64_t pages = std::uint64_t{1} << (leaf.shift - kShift);
      for (std::uint64_t i = 0; i < pages; ++i) {
        const std::uint64_t number = (leaf.input >> kShift) + i;
        const std::uint64_t frame = (leaf.output >> kShift) + i;
        if (in_window(frame) || in_window(number)) {
          if (++shown <= 3)
            violate("G23",
                    fmt::format("number {:#x} leads to page {:#x}: the interrupt window", number, frame));
          continue;
        }
        const auto it = space.numbers.find(number);
        if (space.reserved.count(number) != 0) {
          ++reserved;
          if (it != space.numbers.end()) ++found;  // 1:1 mode
          if ((frame != number || !leaf.readable || !leaf.writable) && ++shown <= 3)
            violate("G18", fmt::format("number {:#x} of {} leads to page {:#x}, {}{}: it is firmware's",
                                       number, space.link.name, frame << kShift, leaf.readable ? "R" : "-",
                                       leaf.writable ? "W" : "-"));
          continue;
        }
        if (it == space.numbers.end()) {
          if (++shown <= 3)
            violate("G4", fmt::format("number {:#x} of {} belongs to no ADL and leads to page {:#x}", number,
                                      space.link.name, frame << kShift));
          continue;
        }
        ++found;
        if (it->second.frame != frame && ++shown <= 3)
          violate("G2", fmt::format("number {:#x} of {} leads to page {:#x} instead of {:#x}", number,
                                    space.link.name, frame << kShift, it->second.frame << kShift));
        const bool readable = it->second.may(false);
        const bool writable = it->second.may(true);
        if ((leaf.readable != readable || leaf.writable != writable) && ++shown <= 3)
          violate("G10", fmt::format("number {:#x} of {} permits {}{} instead of {}{}", number,
                                     space.link.name, leaf.readable ? "R" : "-", leaf.writable ? "W" : "-",
                                     readable ? "R" : "-", writable ? "W" : "-"));
        if (unit_.sc && it->second.must_snoop() && !leaf.snoop && ++shown <= 3)
          violate("G11",
                  fmt::format("number {:#x} of {}: cached memory without snooping", number, space.link.name));
      }
    });
    count("G18", space.reserved.size());
    if (reserved != space.reserved.size() && context->type != kPassThrough)
      violate("G18",
              fmt::format("{} of the {} pages that firmware keeps for {} translate for source-id {:#06x}",
                          reserved, space.reserved.size(), space.link.name, id));
    if (found != space.numbers.size() && shown == 0)
      violate("G2", fmt::format("{} of the {} numbers of {} translate for source-id {:#06x}", found,
                                space.numbers.size(), space.link.name, id));
  }
}

void GuaranteeRules::sweep() {
  if (changing()) return;
  for (const auto& [name, space] : spaces_)
    if (space.translated()) sweep(space);
}

}  // namespace gpudmar::sim
