// SPDX-License-Identifier: Apache-2.0
// State of the reference: what each step changes, and the rules about data.
#include "sim/random/reference.h"

#include <algorithm>
#include <stdexcept>

#include "sim/random/ruling.h"

namespace gpudmar::random {
namespace {

/// Distance from the highest visible address within which no logical page is given out: the allocator starts
/// below.
constexpr std::uint64_t kFarRange = 16ULL << 20;
/// Where writes are interrupts.
constexpr std::uint64_t kWindowBase = 0xFEE0'0000;
constexpr std::uint64_t kWindowEnd = 0xFEF0'0000;

bool inside(std::uint64_t offset, std::uint64_t size, std::uint64_t limit) {
  return size <= limit && offset <= limit - size;
}

}  // namespace

bool Content::known(std::uint64_t offset, std::uint64_t size) const {
  const auto first = known_.begin() + static_cast<std::ptrdiff_t>(offset);
  return std::all_of(first, first + static_cast<std::ptrdiff_t>(size), [](std::uint8_t k) { return k != 0; });
}

std::pair<std::uint64_t, std::uint64_t> Content::known_run(std::uint64_t offset) const {
  std::uint64_t first = offset;
  std::uint64_t end = offset;
  while (end < size() && known_[end] != 0) ++end;
  while (end > offset && first > 0 && known_[first - 1] != 0) --first;
  return {first, end};
}

void Content::fill(std::uint64_t offset, std::uint64_t size, std::uint64_t pattern) {
  for (std::uint64_t i = 0; i < size; ++i) {
    bytes_.at(offset + i) = pattern_byte(pattern, i);
    known_[offset + i] = 1;
  }
}

void Content::forget(std::uint64_t offset, std::uint64_t size) {
  for (std::uint64_t i = 0; i < size; ++i) known_.at(offset + i) = 0;
}

void Content::copy(std::uint64_t offset, const Content& source, std::uint64_t source_offset,
                   std::uint64_t size) {
  for (std::uint64_t i = 0; i < size; ++i) {
    bytes_.at(offset + i) = source.bytes_.at(source_offset + i);
    known_[offset + i] = source.known_[source_offset + i];
  }
}

template <typename Self>
auto Reference::bytes_of(Self& self, const std::string& name) {
  auto& o = self.objects_.at(name);
  const bool device = o.type == ObjectType::kIoSpace;
  return std::pair{device ? &self.device_ : &o.content, device ? o.base : std::uint64_t{0}};
}

std::pair<const Content*, std::uint64_t> Reference::bytes(const std::string& name) const {
  return bytes_of(*this, name);
}

template <typename Self>
auto Reference::place(Self& self, const Operand& operand, unsigned gpu) {
  auto* content = operand.kind == Operand::Kind::kVram ? &self.vram_.at(gpu) : nullptr;
  std::uint64_t offset = operand.offset;
  if (operand.kind == Operand::Kind::kAdl) {
    const auto adl = self.adls_.find(operand.adl);
    if (adl != self.adls_.end() && adl->second.alive) {
      const auto [whole, base] = bytes_of(self, adl->second.object);
      content = whole;
      offset += base + adl->second.offset;
    }
  }
  return std::pair{content, offset};
}

Reference::Reference(Machine machine) : machine_(std::move(machine)), device_(machine_.device_bytes, false) {
  for (unsigned i = 0; i < machine_.adapters; ++i) vram_.emplace_back(machine_.vram_bytes, false);
}

const Reference::Object* Reference::object(const std::string& name) const {
  const auto it = objects_.find(name);
  return it == objects_.end() ? nullptr : &it->second;
}

Verdict Reference::judge(const Step& step, bool alone) const {
  Ruling ruling;
  const bool names = step.what == Do::kOpen || step.what == Do::kClose || step.what == Do::kDestroy ||
                     step.what == Do::kMap || step.what == Do::kAdl;
  if (names && object(step.name) == nullptr) {
    ruling.undecided("no such object");
    return ruling.decide();
  }
  switch (step.what) {
    case Do::kCreate:
      judge_create(step, ruling);
      break;
    case Do::kOpen:
      judge_open(step, ruling);
      break;
    case Do::kClose:
      judge_close(step, ruling);
      break;
    case Do::kDestroy:
      judge_destroy(step, ruling);
      break;
    case Do::kMap:
      judge_map(step, ruling);
      break;
    case Do::kUnmap:
      judge_unmap(step, ruling);
      break;
    case Do::kAdl:
      judge_adl(step, ruling);
      break;
    case Do::kFree:
      judge_free(step, ruling);
      break;
    case Do::kFill:
    case Do::kCheck:
      judge_data(step, ruling);
      break;
    case Do::kCopy:
      judge_copy(step, ruling);
      break;
    case Do::kProbe:
      judge_probe(step, alone, ruling);
      break;
    case Do::kReattach:
      judge_reattach(alone, ruling);
      break;
    case Do::kStop:
      judge_stop(ruling);
      break;
    case Do::kWait:
      break;  // whatever it is good for
  }
  return ruling.decide();
}

void Reference::judge_data(const Step& step, Ruling& ruling) const {
  std::uint64_t offset = step.offset;
  std::string name = step.name;
  if (!step.item.empty()) {
    const auto view = views_.find(step.item);
    if (view == views_.end() || !view->second.alive) return ruling.undecided("no such view");
    if (!inside(step.offset, step.size, view->second.size)) return ruling.undecided("outside the view");
    name = view->second.object;
    offset += view->second.offset;
    ruling.rule("R100");
    if (objects_.at(name).views > 1) ruling.rule("R113");
  }
  const Object* o = object(name);
  if (o == nullptr || !o->alive) return ruling.undecided("no such object");
  if (step.size == 0 || !inside(offset, step.size, o->asked)) return ruling.undecided("outside the object");
  if (step.what == Do::kFill) {
    if (!o->cpu_writable) ruling.undecided("read-only");
    return;
  }
  const auto [content, base] = bytes(name);
  if (!content->known(base + offset, step.size)) return ruling.undecided("content not known");
  ruling.verdict().digest = digest(content->data() + base + offset, step.size);
}

void Reference::judge_copy(const Step& step, Ruling& ruling) const {
  if (step.gpu >= machine_.adapters) return ruling.undecided("no such GPU");
  const auto [source, source_offset] = place(*this, step.from, step.gpu);
  const auto [target, target_offset] = place(*this, step.to, step.gpu);
  if (source == nullptr || target == nullptr) return ruling.undecided("no such place");
  if (step.size == 0) return ruling.undecided("nothing to copy");
  for (const Operand* operand : {&step.from, &step.to}) {
    const std::uint64_t limit =
        operand->kind == Operand::Kind::kVram ? machine_.vram_bytes : adls_.at(operand->adl).size;
    if (!inside(operand->offset, step.size, limit)) return ruling.undecided("outside the place");
    if (operand->kind != Operand::Kind::kAdl) continue;
    const Object& o = objects_.at(adls_.at(operand->adl).object);
    if (o.type == ObjectType::kIoSpace) ruling.rule("G19");
    if (operand == &step.to && !o.device_writable) return ruling.undecided("stops half way");
    ruling.rule(address_rule());
    ruling.rule("G2");
    if (step.gpu > 0) ruling.rule("R139");
    if (o.adls > 1) ruling.rule("R140");
  }
  if (source == target && source_offset < target_offset + step.size &&
      target_offset < source_offset + step.size)
    return ruling.undecided("overlaps itself");
}

bool Reference::device_page_held(std::uint64_t offset) const {
  return std::any_of(adls_.begin(), adls_.end(), [&](const auto& entry) {
    const Adl& adl = entry.second;
    if (!adl.alive || objects_.at(adl.object).type != ObjectType::kIoSpace) return false;
    const std::uint64_t begin = objects_.at(adl.object).base + adl.offset;
    return offset >= begin && offset - begin < adl.size;
  });
}

bool Reference::page_held(const Adl& adl, std::uint64_t offset) const {
  const std::uint64_t at = adl.offset + offset;
  if (objects_.at(adl.object).type == ObjectType::kIoSpace)
    return device_page_held(objects_.at(adl.object).base + at);
  return std::any_of(adls_.begin(), adls_.end(), [&](const auto& entry) {
    const Adl& other = entry.second;
    return other.alive && other.object == adl.object && at >= other.offset && at - other.offset < other.size;
  });
}

void Reference::judge_address(const Step& step, bool alone, Ruling& ruling) const {
  const std::uint64_t address = step.from.offset;
  const std::uint64_t top = machine_.highest_visible;
  if (!machine_.translated) return ruling.undecided("nothing is blocked");
  if (address % kProbeBytes != 0 || address > top - kProbeBytes) return ruling.undecided("beyond the limit");
  if (!machine_.identity) {
    if (address < top - kFarRange) return ruling.undecided("may be in use");
  } else {
    // Numbers are those of pages: what is neither memory nor a peer's never has an ADL.
    for (const auto& [base, bytes] : machine_.ram)
      if (address >= base && address - base < bytes) return ruling.undecided("somebody's page");
    if (address >= kWindowBase && address < kWindowEnd) return ruling.undecided("the interrupt window");
    if (address >= machine_.device_base && address - machine_.device_base < machine_.device_bytes) {
      if (!alone) return ruling.undecided("another thread may have it");
      if (device_page_held(address - machine_.device_base)) {
        for (const char* rule : {address_rule(), "G8", "G19"}) ruling.rule(rule);
        return;
      }
    }
  }
  ruling.rule("G4");
  ruling.verdict().blocked = true;
}

void Reference::judge_probe(const Step& step, bool alone, Ruling& ruling) const {
  if (step.gpu >= machine_.adapters) return ruling.undecided("no such GPU");
  if (step.from.kind == Operand::Kind::kAddress) return judge_address(step, alone, ruling);
  const auto it = step.from.kind == Operand::Kind::kAdl ? adls_.find(step.from.adl) : adls_.end();
  if (it == adls_.end() || !it->second.made) return ruling.undecided("no such ADL");
  const Adl& adl = it->second;
  if (step.from.offset % kProbeBytes != 0 || !inside(step.from.offset, kProbeBytes, adl.size))
    return ruling.undecided("outside the ADL");
  const Object& o = objects_.at(adl.object);
  if (!adl.alive) {
    if (!machine_.translated) return ruling.undecided("nothing is blocked");
    if (!alone) return ruling.undecided("the address may have a new owner");
    // A page is its object's until Destroy; a section's may go to the page file, and come back elsewhere.
    const bool own =
        machine_.identity && (o.type == ObjectType::kIoSpace || (o.alive && o.type != ObjectType::kSection));
    if (!own && adl.freed_at != adls_made_) return ruling.undecided("the address may have a new owner");
    if (!machine_.identity || !page_held(adl, step.from.offset)) {
      ruling.rule("R142");
      ruling.rule("G5");
      ruling.verdict().blocked = true;
      return;
    }
    ruling.rule("R140");
  }
  ruling.rule(step.gpu > 0 ? "R139" : address_rule());
  if (step.write && !o.device_writable) {
    if (!machine_.translated) return ruling.undecided("nothing is blocked");
    ruling.rule("G10");
    ruling.verdict().blocked = true;
  }
}

void Reference::apply(const Step& step, const Verdict& verdict) {
  if (!verdict.undecided.empty() || verdict.expected.bugcheck != 0)
    throw std::logic_error("a step without a next state");
  const bool ok = verdict.expected.ok();
  switch (step.what) {
    case Do::kCreate: {
      Object& o = objects_[step.name];
      if (!ok) return;
      o.created = o.alive = true;
      o.was_open = o.open = step.adapter >= 0;
      o.type = static_cast<ObjectType>(step.type);
      o.asked = step.size;
      o.size = (step.size + kPage - 1) / kPage * kPage;
      constexpr std::uint32_t kDontZero = 1;
      const bool zeroed =
          o.type == ObjectType::kSection || (o.type == ObjectType::kMdl && (step.flags & kDontZero) == 0);
      if (o.type == ObjectType::kIoSpace)
        o.base = step.low - machine_.device_base;
      else
        o.content = Content(o.size, zeroed);
      if (o.type == ObjectType::kSection) {
        // Who sees what the CPU writes to a write-copy section is not said: streams do not do it.
        o.cpu_writable = step.protection == kPageReadWrite || step.protection == kPageExecute;
        o.device_writable = step.protection == kPageReadWrite || step.protection == kPageExecute;
      }
      return;
    }
    case Do::kOpen:
      if (ok) objects_.at(step.name).was_open = objects_.at(step.name).open = true;
      return;
    case Do::kClose:
      objects_.at(step.name).open = false;
      return;
    case Do::kDestroy: {
      Object& o = objects_.at(step.name);
      // 1:1, its pages were its own until now: nobody has them before the next ADL.
      if (machine_.identity && o.type != ObjectType::kSection)
        for (auto& [item, adl] : adls_)
          if (adl.made && adl.object == step.name) adl.freed_at = adls_made_;
      o.alive = o.open = false;
      o.content = Content(0, false);
      return;
    }
    case Do::kMap: {
      View& view = views_[step.item];
      if (!ok) return;
      view = {step.name, step.offset, step.size, true, true};
      ++objects_.at(step.name).views;
      return;
    }
    case Do::kUnmap: {
      View& view = views_.at(step.item);
      view.alive = false;
      --objects_.at(view.object).views;
      return;
    }
    case Do::kAdl: {
      Adl& adl = adls_[step.item];
      if (!ok) return;
      adl = {step.name, step.offset, step.size, true, true, 0};
      ++objects_.at(step.name).adls;
      ++adls_made_;
      return;
    }
    case Do::kFree: {
      Adl& adl = adls_.at(step.item);
      adl.alive = false;
      adl.freed_at = adls_made_;
      --objects_.at(adl.object).adls;
      return;
    }
    case Do::kFill: {
      const bool view = !step.item.empty();
      const auto [content, base] = bytes_of(*this, view ? views_.at(step.item).object : step.name);
      content->fill(base + step.offset + (view ? views_.at(step.item).offset : 0), step.size, step.pattern);
      return;
    }
    case Do::kCopy: {
      const auto [source, source_offset] = place(*this, step.from, step.gpu);
      const auto [target, target_offset] = place(*this, step.to, step.gpu);
      const Content bytes = *source;  // both may be one
      target->copy(target_offset, bytes, source_offset, step.size);
      return;
    }
    case Do::kProbe:
      if (step.write && !verdict.blocked) {  // what a probe writes is nobody's business
        if (step.from.kind == Operand::Kind::kAddress) {
          device_.forget(step.from.offset - machine_.device_base, kProbeBytes);
          return;
        }
        const Adl& adl = adls_.at(step.from.adl);  // freed, perhaps, and the page another's
        const auto [target, base] = bytes_of(*this, adl.object);
        target->forget(base + adl.offset + step.from.offset, kProbeBytes);
      }
      return;
    case Do::kCheck:
    case Do::kReattach:
    case Do::kWait:
    case Do::kStop:
      return;
  }
}

}  // namespace gpudmar::random
