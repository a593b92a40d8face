// SPDX-License-Identifier: Apache-2.0
// The rules R40 to R149 as far as a stream of calls can reach them.
#include "sim/random/reference.h"
#include "sim/random/ruling.h"

namespace gpudmar::random {
namespace {

constexpr std::uint32_t kFatal = 0x113;        // handle misuse
constexpr std::uint32_t kMemoryFatal = 0x1E4;  // of the memory manager
constexpr std::uint64_t kObjectsLeaked = 6;
constexpr std::uint64_t kAdlLeaked = 7;

constexpr char kInvalidParameter[] = "STATUS_INVALID_PARAMETER";
constexpr char kInvalidHandle[] = "STATUS_INVALID_HANDLE";
constexpr char kTypeMismatch[] = "STATUS_OBJECT_TYPE_MISMATCH";

constexpr std::uint32_t kMdlRequireChunks = 0x20;
constexpr std::uint32_t kMdlFastLarge = 0x40;
constexpr std::uint32_t kMdlHotRemove = 0x100;
constexpr std::uint32_t kMdlKnownFlags = 0x1FF;
constexpr std::uint64_t kLargePage = 2ULL << 20;
constexpr std::uint64_t kMdlLimit = (4ULL << 30) - kPage;

constexpr std::uint64_t kSkipWindows = 64;
/// Pages that are sure to be found in a window: streams use few, spread over all memory.
constexpr std::uint64_t kAmpleRun = 16384;

bool power_of_two(std::uint64_t value) { return value != 0 && (value & (value - 1)) == 0; }
std::uint64_t pages_of(std::uint64_t size) { return size / kPage + (size % kPage != 0 ? 1 : 0); }
/// Neither wraps nor leaves `limit`.
bool outside(std::uint64_t offset, std::uint64_t size, std::uint64_t limit) {
  return size > limit || offset > limit - size;
}

/// What stands in a handle argument.
enum class Given { kNothing, kUnknown, kRight, kWrongKind };

Given object_handle(const Reference::Object* o, Handle handle) {
  if (handle == Handle::kNull) return Given::kNothing;
  if (handle == Handle::kGarbage) return Given::kUnknown;
  if (o == nullptr || !o->created) return Given::kNothing;
  if (handle == Handle::kSwapped)
    return !o->was_open ? Given::kNothing : o->open ? Given::kWrongKind : Given::kUnknown;
  return o->alive ? Given::kRight : Given::kUnknown;
}

Given adapter_handle(const Reference::Object* o, Handle handle) {
  if (handle == Handle::kNull) return Given::kNothing;
  if (handle == Handle::kGarbage) return Given::kUnknown;
  if (o == nullptr || !o->created) return Given::kNothing;
  if (handle == Handle::kSwapped) return o->alive ? Given::kWrongKind : Given::kUnknown;
  return !o->was_open ? Given::kNothing : o->open ? Given::kRight : Given::kUnknown;
}

}  // namespace

/// Whole pages of RAM in [low, high].
std::uint64_t Reference::ram_pages(std::uint64_t low, std::uint64_t high) const {
  std::uint64_t pages = 0;
  for (const auto& [base, bytes] : machine_.ram) {
    const std::uint64_t first = std::max(low, base);
    const std::uint64_t last = std::min(high, base + bytes - 1);
    if (first > last) continue;
    const std::uint64_t from = pages_of(first);
    const std::uint64_t to = last / kPage + (last % kPage == kPage - 1 ? 1 : 0);
    if (to > from) pages += to - from;
  }
  return pages;
}

void Reference::judge_create(const Step& step, Ruling& ruling) const {
  if (objects_.count(step.name) != 0) return ruling.undecided("the name is taken");
  if (step.adapter >= static_cast<int>(machine_.adapters))
    ruling.fail(Rank::kHandle, kInvalidParameter, "R43");
  if (step.cache > 2) ruling.fail(Rank::kEnum, kInvalidParameter, "R49");
  if (step.size == 0) ruling.fail(Rank::kRange, kInvalidParameter, "R46");
  ruling.rule(step.adapter < 0 ? "R41" : "R40");
  if (step.adapter > 0) ruling.rule("R42");
  if (step.size % kPage != 0) ruling.rule("R47");
  if (step.type > 3) return ruling.fail(Rank::kEnum, kInvalidParameter, "R48");
  const std::uint64_t pages = pages_of(step.size);
  switch (static_cast<ObjectType>(step.type)) {
    case ObjectType::kMdl: {
      if ((step.flags & ~kMdlKnownFlags) != 0) return ruling.undecided("flags without a rule");
      if (step.step % kPage != 0) ruling.fail(Rank::kAlignment, kInvalidParameter, "R62");
      if (step.size > kMdlLimit) return ruling.fail(Rank::kRange, kInvalidParameter, "R69");
      const bool chunks = (step.flags & kMdlRequireChunks) != 0;
      if ((step.flags & kMdlHotRemove) != 0) ruling.fail(Rank::kType, kInvalidParameter, "R65");
      if (chunks && step.step != 0 &&
          (!power_of_two(step.step) || step.step < kPage || step.size % step.step != 0))
        ruling.fail(Rank::kType, kInvalidParameter, "R67");
      if ((step.flags & kMdlFastLarge) != 0) {
        if (chunks && step.step != 0 && step.step % kLargePage == 0) return ruling.undecided("large pages");
        ruling.fail(Rank::kType, kInvalidParameter, "R68");
      }
      ruling.rule("R61");
      if (chunks) {
        ruling.rule(step.step == 0 ? "R66" : "R67");
        const std::uint64_t found = ram_pages(step.low, step.high);
        if (found < pages) return ruling.fail(Rank::kResources, "STATUS_NO_MEMORY", "R66");
        if (found < kAmpleRun) ruling.undecided("depends on what is free");
        return;
      }
      ruling.rule("R63");
      std::uint64_t low = step.low;
      std::uint64_t high = step.high;
      for (std::uint64_t i = 0; i < kSkipWindows && low <= high; ++i) {
        const std::uint64_t found = ram_pages(low, high);
        if (found >= 4 * pages && found >= 64) return;
        if (found != 0 && (found >= pages || step.step != 0))
          return ruling.undecided("depends on what is free");
        if (step.step == 0 || high > ~0ULL - step.step) break;
        low += step.step;
        high += step.step;
      }
      ruling.fail(Rank::kResources, "STATUS_NO_MEMORY", "R64");
      return;
    }
    case ObjectType::kContiguous: {
      if (step.step != 0 && !power_of_two(step.step)) ruling.fail(Rank::kType, kInvalidParameter, "R71");
      if (step.low > step.high) ruling.fail(Rank::kRange, kInvalidParameter, "R72");
      if (step.step != 0 && step.size > step.step) ruling.fail(Rank::kRange, kInvalidParameter, "R72");
      if (step.step != 0 && step.step < kPage) return ruling.undecided("no page fits between the multiples");
      ruling.rule("R70");
      const std::uint64_t found = ram_pages(step.low, step.high);
      if (found < pages) return ruling.fail(Rank::kResources, "STATUS_INSUFFICIENT_RESOURCES", "R72");
      if (found < kAmpleRun || pages > kAmpleRun / 4) ruling.undecided("depends on what is free");
      return;
    }
    case ObjectType::kSection: {
      if (step.cache == 0) ruling.fail(Rank::kType, kInvalidParameter, "R50");
      const bool modifiers = (step.protection & ~0xFFU) != 0;
      const std::uint32_t p = step.protection & 0xFF;
      if (modifiers) {
        ruling.fail(Rank::kType, "STATUS_INVALID_PAGE_PROTECTION", "R52");
      } else if (p != kPageReadOnly && p != kPageReadWrite && p != kPageWriteCopy && p != kPageExecute) {
        ruling.fail(Rank::kType, "STATUS_INVALID_PAGE_PROTECTION", "R51");
      }
      if (pages > kAmpleRun) return ruling.undecided("depends on the limits");
      ruling.rule("R54");
      return;
    }
    case ObjectType::kIoSpace: {
      if (step.low % kPage != 0) ruling.fail(Rank::kAlignment, kInvalidParameter, "R57");
      if (step.size % kPage != 0) ruling.fail(Rank::kAlignment, kInvalidParameter, "R58");
      if (step.size > ~0ULL - step.low) return ruling.undecided("wraps");
      for (const auto& [base, bytes] : machine_.ram)
        if (step.low < base + bytes && base < step.low + step.size)
          return ruling.fail(Rank::kType, "STATUS_CONFLICTING_ADDRESSES", "R59");
      if (step.low < machine_.device_base || step.low - machine_.device_base >= machine_.device_bytes ||
          step.size > machine_.device_bytes - (step.low - machine_.device_base))
        return ruling.undecided("nothing there, or something else");
      ruling.rule("R60");
      return;
    }
  }
}

void Reference::judge_open(const Step& step, Ruling& ruling) const {
  const Object* o = object(step.name);
  switch (object_handle(o, step.handle)) {
    case Given::kWrongKind:
      return ruling.undecided("no rule");
    case Given::kNothing:
    case Given::kUnknown:
      ruling.fail(Rank::kHandle, kInvalidHandle, "R84");
      break;
    case Given::kRight:
      if (o->open) ruling.fail(Rank::kState, "STATUS_ALREADY_REGISTERED", step.adapter > 0 ? "R83" : "R81");
      ruling.rule(o->was_open ? "R86" : "R80");
      break;
  }
  if (step.adapter < 0 || step.adapter >= static_cast<int>(machine_.adapters))
    ruling.fail(Rank::kHandle, kInvalidParameter, "R84");
}

void Reference::judge_close(const Step& step, Ruling& ruling) const {
  const Object* o = object(step.name);
  if (adapter_handle(o, step.handle) != Given::kRight) return ruling.stop(Rank::kHandle, kFatal, 0, "R95");
  if (o->adls > 0) ruling.stop(Rank::kState, kMemoryFatal, kAdlLeaked, "R87");
  ruling.rule("R97");
}

void Reference::judge_destroy(const Step& step, Ruling& ruling) const {
  const Object* o = object(step.name);
  // Close comes first, with the adapter object's own handle.
  if (step.form == Step::Form::kSplit && o->open && o->adls > 0)
    return ruling.stop(Rank::kState, kMemoryFatal, kAdlLeaked, "R87");
  if (object_handle(o, step.handle) != Given::kRight) return ruling.stop(Rank::kHandle, kFatal, 0, "R95");
  switch (step.form) {
    case Step::Form::kCombined:
      ruling.rule(o->open ? "R89" : "R88");
      break;
    case Step::Form::kSplit:
      if (!o->open) return ruling.undecided("not open");
      ruling.rule("R88");
      break;
    case Step::Form::kPhysicalOnly:
      if (o->open) ruling.stop(Rank::kState, kMemoryFatal, kObjectsLeaked, "R91");
      ruling.rule("R88");
      break;
    case Step::Form::kStale:
      if (!o->was_open || o->open) return ruling.undecided("no closed handle");
      ruling.stop(Rank::kHandle, kFatal, 0, "R90");
      break;
    case Step::Form::kOther: {
      const Object* other = object(step.other);
      if (other == nullptr || other == o || !other->open)
        return ruling.undecided("nothing of another object");
      ruling.stop(Rank::kHandle, kFatal, 0, "R93");
      break;
    }
  }
  if (o->adls > 0) ruling.stop(Rank::kState, kMemoryFatal, kAdlLeaked, "R92");
  if (o->views > 0) ruling.stop(Rank::kState, kFatal, 0, "R94");
}

void Reference::judge_map(const Step& step, Ruling& ruling) const {
  if (views_.count(step.item) != 0) return ruling.undecided("the name is taken");
  const Object* o = object(step.name);
  switch (object_handle(o, step.handle)) {
    case Given::kWrongKind:
      return ruling.fail(Rank::kHandle, kTypeMismatch, "R106");
    case Given::kNothing:
    case Given::kUnknown:
      return ruling.fail(Rank::kHandle, kInvalidHandle, "R106");
    case Given::kRight:
      break;
  }
  if (step.mode > 1) ruling.fail(Rank::kEnum, kInvalidParameter, "R104");
  if (step.size == 0 || outside(step.offset, step.size, o->size)) {
    ruling.fail(Rank::kRange, kInvalidParameter, "R105");
  } else if (outside(step.offset, step.size, o->asked)) {
    ruling.undecided("between the size asked for and the page's end");
  }
  if (o->type == ObjectType::kIoSpace && step.mode == 1) ruling.fail(Rank::kType, kInvalidParameter, "R103");
  ruling.rule("R100");
  if (step.offset % kPage != 0 || step.size % kPage != 0) ruling.rule("R101");
  if (!o->open) ruling.rule("R108");
  if (step.mode == 1) ruling.rule("R109");
  if (o->views > 0) ruling.rule("R113");
}

void Reference::judge_unmap(const Step& step, Ruling& ruling) const {
  const auto it = views_.find(step.item);
  if (it == views_.end() || !it->second.made) return ruling.undecided("no such view");
  const View& view = it->second;
  const Object& owner = objects_.at(view.object);
  const bool foreign = !step.name.empty() && step.name != view.object;
  if (step.handle != Handle::kRight || !owner.alive) return ruling.stop(Rank::kHandle, kFatal, 0, "R111");
  if (foreign) {
    const Object* o = object(step.name);
    if (o == nullptr || o->views > 0) return ruling.undecided("the other may have that mapping");
    return ruling.stop(Rank::kHandle, kFatal, 0, "R111");
  }
  if (!view.alive) {
    if (owner.views > 0) return ruling.undecided("the address may have a new owner");
    return ruling.stop(Rank::kState, kFatal, 0, "R112");
  }
  if (step.base_shift != 0 || step.size_shift != 0) {
    if (owner.views > 1) return ruling.undecided("another mapping may stand there");
    return ruling.stop(Rank::kRange, kFatal, 0, "R111");
  }
  ruling.rule("R111");
}

void Reference::judge_adl(const Step& step, Ruling& ruling) const {
  if (adls_.count(step.item) != 0) return ruling.undecided("the name is taken");
  const Object* o = object(step.name);
  switch (adapter_handle(o, step.handle)) {
    case Given::kNothing:
      return ruling.fail(Rank::kHandle, kInvalidParameter, "R124");
    case Given::kUnknown:
      return ruling.fail(Rank::kHandle, kInvalidHandle, "R125");
    case Given::kWrongKind:
      return ruling.fail(Rank::kHandle, kTypeMismatch, "R125");
    case Given::kRight:
      break;
  }
  if ((step.flags & ~3U) != 0) ruling.fail(Rank::kReserved, kInvalidParameter, "R131");
  if (step.offset % kPage != 0) ruling.fail(Rank::kAlignment, kInvalidParameter, "R121");
  if (step.size % kPage != 0 || step.size == 0) ruling.fail(Rank::kAlignment, kInvalidParameter, "R122");
  if (step.size / kPage > 0xFFFF'FFFFULL) ruling.fail(Rank::kRange, kInvalidParameter, "R146");
  if (outside(step.offset, step.size, o->size)) ruling.fail(Rank::kRange, kInvalidParameter, "R123");
  const bool run = o->type == ObjectType::kContiguous || o->type == ObjectType::kIoSpace;
  if ((step.flags & 1) != 0 && !run) ruling.fail(Rank::kType, kInvalidParameter, "R126");
  for (const char* rule : {"R120", "R133", "R136", "R148", address_rule()}) ruling.rule(rule);
  if (machine_.translated && machine_.identity) ruling.rule("G8");
  const char* const shapes[] = {"R129", "R127", "R128", "R130"};
  ruling.rule(shapes[step.flags & 3]);
  if ((step.flags & 3) == 0) ruling.rule("R132");
  if (o->adls > 0) ruling.rule("R140");
}

void Reference::judge_free(const Step& step, Ruling& ruling) const {
  const auto it = adls_.find(step.item);
  if (it == adls_.end()) return ruling.undecided("no such ADL");
  const Adl& adl = it->second;
  if (!adl.made || step.handle != Handle::kRight) return ruling.stop(Rank::kHandle, kFatal, 0, "R143");
  if (!step.name.empty() && step.name != adl.object) {
    const Object* o = object(step.name);
    if (o == nullptr || !adl.alive) return ruling.undecided("the pointer may have a new owner");
    return ruling.stop(Rank::kHandle, kFatal, 0, "R143");
  }
  if (!adl.alive) {
    if (adl.freed_at != adls_made_) return ruling.undecided("the pointer may have a new owner");
    return ruling.stop(Rank::kState, kFatal, 0, "R143");
  }
  ruling.rule("R142");
}

// Every adapter leaves its domain and comes back: nobody sees a difference.
void Reference::judge_reattach(bool alone, Ruling& ruling) const {
  if (!machine_.translated) return ruling.undecided("there is no domain");
  if (!alone) return ruling.undecided("GPUs may be at work");
  ruling.rule("R180");
  ruling.rule("R184");
}

void Reference::judge_stop(Ruling& ruling) const {
  bool adls = false;
  bool open = false;
  for (const auto& [name, o] : objects_) {
    adls = adls || (o.alive && o.adls > 0);
    open = open || o.open;
    if (o.alive && !o.open) ruling.undecided("an object that no adapter has");
  }
  if (adls) {
    ruling.verdict().undecided.clear();
    ruling.stop(Rank::kState, kMemoryFatal, kAdlLeaked, "R96");
  } else if (open) {
    ruling.verdict().undecided.clear();
    ruling.stop(Rank::kState, kMemoryFatal, kObjectsLeaked, "R96");
  }
}

}  // namespace gpudmar::random
