// SPDX-License-Identifier: Apache-2.0
#include "sim/model/cycle/lane.h"

namespace gpudmar::model::cycle {
namespace {

unsigned address_type(const Request& request) { return request.user & 3; }
bool has_pasid(const Request& request) { return ((request.user >> 2) & 1) != 0; }

}  // namespace

Lane::Lane(const Config& config, bool write, const ContextCache& contexts, const Iotlb& iotlb)
    : config_(config),
      write_(write),
      contexts_(contexts),
      iotlb_(iotlb),
      parks_(config.parks),
      replay_turn_(config.parks),
      out_turn_(config.parks),
      walk_turn_(config.parks),
      fault_turn_(config.parks),
      error_turn_(config.parks) {}

template <typename Holds>
std::optional<unsigned> Lane::pick(const RoundRobin& turn, const Holds& holds) const {
  return turn.pick([&](unsigned i) { return parks_[i].valid && holds(parks_[i]); });
}

// What the lookup says about the request at the IOTLB.
void Lane::judge(bool te, bool mode_ok) {
  const Request& request = now_.lookup->request;
  const auto& context = now_.lookup->context;
  now_.address = request.address;
  const bool in_window = (request.address >> 20) == 0xFEE && !has_pasid(request);
  const bool is_message = write_ && request.len == 0 && request.size == 2 && (request.address & 3) == 0;
  const bool passes =
      context && context->pass && (request.address >> kHostBits) == 0 && address_type(request) == 0;
  now_.verdict = Verdict::kOut;
  if (!te) return;
  if (address_type(request) == 3 || (in_window && !is_message)) {
    now_.verdict = Verdict::kAbort;
  } else if (!in_window && (!mode_ok || has_pasid(request))) {
    now_.verdict = Verdict::kFault;
    now_.reason = mode_ok ? 0x31 : 0x30;
  } else if (!in_window && !passes) {
    now_.remapped = true;
    now_.verdict = Verdict::kWalk;
    if (!context || context->pass || address_type(request) != 0 || (request.address >> kGuestBits) != 0)
      return;
    const auto found = iotlb_.find(context->did, request.address >> 12);
    if (!found || !(write_ ? found->w : found->r)) return;
    now_.verdict = Verdict::kOut;
    now_.address = (found->frame << 12) | (request.address & 0xFFF);
  }
}

// Out, unless an older request of the key is parked; or into the lowest free slot.
void Lane::place() {
  const Lookup& lookup = *now_.lookup;
  for (unsigned i = config_.parks; i-- > 0;) {
    const Park& park = parks_[i];
    if (!park.valid)
      now_.free = i;
    else if (!park.followed && same_key(park.request, lookup.request) && !now_.tail)
      now_.tail = i;
  }
  now_.push = !lookup.hint && now_.verdict == Verdict::kOut && (lookup.replay || !now_.tail);
  now_.park = !lookup.hint && !lookup.replay && !now_.push;
}

// Parked requests whose walk was not served yet go before the lookup's.
void Lane::ask_for_walk() {
  now_.asks_walk = pick(walk_turn_, [](const Park& park) { return park.state == State::kWalkRequest; });
  const bool lookup_asks = now_.lookup && now_.verdict == Verdict::kWalk;
  if (!now_.asks_walk && !lookup_asks) return;
  const Request& request = now_.asks_walk ? parks_[*now_.asks_walk].request : now_.lookup->request;
  WalkRequest walk;
  walk.sid = config_.source_ids[request.port];
  walk.page = request.address >> 12;
  walk.at = address_type(request);
  walk.slot = now_.asks_walk ? *now_.asks_walk : now_.lookup->replay.value_or(now_.free);
  walk.hint = !now_.asks_walk && now_.lookup->hint;
  now_.walk = walk;
}

bool Lane::begin(const Seen& seen) {
  now_ = Now{};
  now_.flush = seen.flush;

  // Parked requests that have their address take room at the output first, then those to be looked up again.
  if (credits_ > 0 && !seen.flush)
    now_.leaves = pick(out_turn_, [](const Park& p) { return p.state == State::kOut && !p.behind; });
  const bool room = credits_ > (now_.leaves ? 1U : 0U);
  if (room)
    now_.replays = pick(replay_turn_, [](const Park& p) { return p.state == State::kReady && !p.behind; });
  const bool hint_kept = !kept_hints_.empty();
  now_.kept_enters = hint_kept && !now_.replays && !seen.request;
  if (now_.replays)
    now_.enters = Lookup{parks_[*now_.replays].request, false, now_.replays, {}};
  else if (seen.request)
    now_.enters = Lookup{*seen.request, false, {}, {}};
  else if (hint_kept)
    now_.enters = Lookup{kept_hints_.front(), true, {}, {}};
  else if (seen.hint)
    now_.enters = Lookup{{seen.hint->port, 0, seen.hint->page << 12, 0, 0, 0}, true, {}, {}};

  // The context cache answers the first stage, the IOTLB the last.
  if (first_) first_->context = contexts_.find(config_.source_ids[first_->request.port]);
  now_.lookup = config_.pipe == 0 ? first_ : second_;
  if (now_.lookup) {
    judge(seen.te, seen.mode_ok);
    place();
  }
  ask_for_walk();
  now_.fault = pick(fault_turn_, [](const Park& p) { return p.state == State::kFault && !p.behind; });
  now_.error = pick(error_turn_, [&](const Park& p) {
    return p.state == State::kError && !p.behind && !error_busy(p.request.port);
  });
  if (leaving_) now_.pushed.push_back({leaving_->port, leaving_->id});
  if (now_.push) now_.pushed.push_back({now_.lookup->request.port, now_.lookup->request.id});
  return !(seen.request && (now_.replays || !room)) &&
         !(seen.hint && (now_.replays || seen.request || hint_kept));
}

std::optional<FaultAsk> Lane::wants_fault() const {
  if (!now_.fault || parks_[*now_.fault].fpd) return std::nullopt;
  return FaultAsk{parks_[*now_.fault].request, parks_[*now_.fault].reason};
}

std::optional<Request> Lane::wants_error() const {
  if (!now_.error) return std::nullopt;
  return parks_[*now_.error].request;
}

void Lane::step_parked(unsigned i, const Outcome& outcome, const std::vector<bool>& freed,
                       const std::vector<Park>& before) {
  const Park& was = before[i];
  Park& park = parks_[i];
  if (was.behind && freed[*was.behind]) park.behind.reset();
  const auto& told = outcome.told;
  if (told && was.valid && was.state == State::kWalk && was.walk == told->walk) {
    if (told->fault != 0 && told->lane == (write_ ? 1U : 0U) && told->slot == i) {
      park.state = State::kFault;
      park.reason = told->fault;
      park.fpd = told->fpd;
    } else {
      const bool allowed = told->fill && (write_ ? told->fill->w : told->fill->r);
      park.state = allowed && !now_.flush ? State::kOut : State::kReady;
      if (told->fill) park.frame = told->fill->frame;
    }
  }
  if (now_.asks_walk == i && outcome.walk) {
    park.state = State::kWalk;
    park.walk = *outcome.walk;
  }
  if (now_.replays == i) park.state = State::kInPipe;
  if (now_.flush && was.valid && (was.state == State::kFault || was.state == State::kOut))
    park.state = State::kReady;
  if (now_.fault == i && (was.fpd || outcome.fault_taken)) park.state = State::kError;
  if (now_.error == i) park.state = State::kErrorWait;
  if (freed[i]) park.valid = false;
}

// The verdict on a replayed or a newly parked request.
void Lane::step_lookup(const std::optional<unsigned>& walk, const std::vector<bool>& freed) {
  const Lookup& lookup = *now_.lookup;
  if (now_.park) {
    Park& park = parks_[now_.free];
    park = Park{};
    park.valid = true;
    if (now_.tail) {
      if (!freed[*now_.tail]) park.behind = now_.tail;
      parks_[*now_.tail].followed = true;
    }
    park.request = lookup.request;
    park.frame = now_.address >> 12;
  } else if (!lookup.replay || now_.push) {
    return;
  }
  Park& park = parks_[lookup.replay.value_or(now_.free)];
  park.reason = now_.reason;
  park.fpd = false;
  switch (now_.verdict) {
    case Verdict::kOut:
      park.state = now_.remapped && !now_.flush ? State::kOut : State::kReady;
      break;
    case Verdict::kFault:
      park.state = State::kFault;
      break;
    case Verdict::kAbort:
      park.state = State::kError;
      break;
    case Verdict::kWalk: {
      const bool served = !now_.asks_walk && walk;
      park.state = served ? State::kWalk : State::kWalkRequest;
      park.walk = walk.value_or(0);
      break;
    }
  }
}

void Lane::step(const Outcome& outcome) {
  const std::vector<Park> before = parks_;
  std::vector<bool> freed(parks_.size());
  if (now_.leaves) freed[*now_.leaves] = true;
  if (now_.push && now_.lookup->replay) freed[*now_.lookup->replay] = true;
  for (unsigned port = 0; port < kMaxPorts; ++port)
    if (outcome.error_done[port] && error_slot_[port]) freed[*error_slot_[port]] = true;

  for (unsigned i = 0; i < parks_.size(); ++i) step_parked(i, outcome, freed, before);
  if (now_.lookup && !now_.lookup->hint) step_lookup(outcome.walk, freed);

  for (unsigned port = 0; port < kMaxPorts; ++port)
    if (outcome.error_done[port]) error_slot_[port].reset();
  if (now_.error) {
    error_slot_[parks_[*now_.error].request.port] = now_.error;
    error_turn_.moved(*now_.error);
  }
  if (now_.replays) replay_turn_.moved(*now_.replays);
  if (now_.leaves) out_turn_.moved(*now_.leaves);
  if (now_.asks_walk && outcome.walk) walk_turn_.moved(*now_.asks_walk);
  if (now_.fault && (before[*now_.fault].fpd || outcome.fault_taken)) fault_turn_.moved(*now_.fault);

  // Room: taken when a request enters the lookup or leaves its slot, given back when the lookup did not put
  // it out.
  const bool enters = now_.enters && !now_.enters->hint;
  const bool returned = now_.lookup && !now_.lookup->hint && !now_.push;
  credits_ += (returned ? 1U : 0U) + (outcome.popped ? 1U : 0U);
  credits_ -= (enters ? 1U : 0U) + (now_.leaves ? 1U : 0U);
  if (outcome.popped) out_.pop_front();
  if (leaving_) out_.push_back(*leaving_);
  if (now_.push) {
    out_.push_back(now_.lookup->request);
    out_.back().address = now_.address;
  }
  if (now_.flush)
    older_ = out_.size();
  else if (outcome.popped && older_ > 0)
    --older_;
  leaving_.reset();
  if (now_.leaves) {
    const Park& park = before[*now_.leaves];
    leaving_ = park.request;
    leaving_->address = (park.frame << 12) | (park.request.address & 0xFFF);
  }

  if (now_.kept_enters) kept_hints_.pop_front();
  const bool walk_served = outcome.walk && !now_.asks_walk;
  if (now_.lookup && now_.lookup->hint && now_.verdict == Verdict::kWalk && !walk_served)
    kept_hints_.push_back(now_.lookup->request);
  if (config_.pipe != 0) second_ = first_;
  first_ = now_.enters;
}

}  // namespace gpudmar::model::cycle
