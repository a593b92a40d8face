// SPDX-License-Identifier: Apache-2.0
// Rings, descriptors and ends of work.
#include "sim/replay/dma_log.h"

#include <fmt/format.h>

#include <algorithm>

#include "driver-model/hw/regs/dma_regs.h"
#include "sim/replay/places.h"

namespace gpudmar::sim::replay {
namespace {

namespace dma = regs::dma;
using nlohmann::json;

constexpr unsigned kChannels = dma::CH_CTRL::kCount;

bool has_source(std::uint64_t opcode) {
  return opcode == dma::opcode::COPY || opcode == dma::opcode::COPY_3D ||
         opcode == dma::opcode::MAP_APERTURE_LIST;
}

/// Its source is a page as devices see it, whatever the descriptor's space says.
bool names_pages(std::uint64_t opcode) {
  return opcode == dma::opcode::MAP_APERTURE_RANGE || opcode == dma::opcode::UNMAP_APERTURE;
}

const char* name_of(std::uint64_t opcode) {
  switch (opcode) {
    case dma::opcode::COPY:
      return "copy";
    case dma::opcode::FILL:
      return "fill";
    case dma::opcode::FENCE:
      return "fence";
    default:
      return nullptr;
  }
}

std::uint32_t space_of(const json& place) {
  if (place.contains("vram")) return dma::space::VRAM;
  if (place.contains("aperture")) return dma::space::APERTURE;
  return dma::space::LOGICAL;
}

}  // namespace

std::string to_hex(const Descriptor& descriptor) {
  std::string text;
  for (const std::uint64_t word : descriptor) text += fmt::format("{:016x}", word);
  return text;
}

std::optional<Descriptor> from_hex(const std::string& text) {
  Descriptor descriptor{};
  if (text.size() != std::size_t{2} * kDescriptorBytes ||
      text.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
    return std::nullopt;
  for (std::size_t i = 0; i < descriptor.size(); ++i)
    descriptor.at(i) = std::stoull(text.substr(16 * i, 16), nullptr, 16);
  return descriptor;
}

json operand(std::uint32_t space, std::uint64_t address, const PlaceOf& place) {
  if (space == dma::space::VRAM) return {{"vram", address}};
  if (space == dma::space::APERTURE) return {{"aperture", address}};
  return place(address);
}

json describe(const Descriptor& descriptor, const PlaceOf& place) {
  namespace d = dma::descriptor;
  const std::uint64_t* const words = descriptor.data();
  const std::uint64_t opcode = d::OPCODE.get(words);
  json work;
  if (const char* const name = name_of(opcode))
    work["op"] = name;
  else
    work["op"] = opcode;
  if (has_source(opcode))
    work["src"] = operand(static_cast<std::uint32_t>(d::SRC_SPACE.get(words)), d::SRC.get(words), place);
  if (names_pages(opcode)) work["src"] = place(d::SRC.get(words));
  work["dst"] = operand(static_cast<std::uint32_t>(d::DST_SPACE.get(words)), d::DST.get(words), place);
  if (opcode == dma::opcode::COPY || opcode == dma::opcode::FILL) work["bytes"] = d::LENGTH.get(words) + 1;
  if (d::NO_SNOOP.get(words) != 0) work["no_snoop"] = true;
  work["raw"] = to_hex(descriptor);
  return work;
}

std::string assemble(const json& work, const AddressOf& address, Descriptor& descriptor) {
  namespace d = dma::descriptor;
  descriptor = {};
  std::uint64_t* const words = descriptor.data();
  const bool raw = work.contains("raw");
  if (raw) {
    descriptor = *from_hex(work["raw"].get<std::string>());
  } else {
    d::OPCODE.set(words, work["op"] == "fill" ? dma::opcode::FILL : dma::opcode::COPY);
    d::LENGTH.set(words, work["bytes"].get<std::uint64_t>() - 1);
    d::NO_SNOOP.set(words, work.value("no_snoop", false) ? 1 : 0);
  }
  for (const bool source : {true, false}) {
    const char* const key = source ? "src" : "dst";
    if (!work.contains(key)) continue;
    const json& place = work[key];
    const std::uint32_t space = space_of(place);
    std::uint64_t value = 0;
    if (space == dma::space::VRAM) {
      value = place["vram"].get<std::uint64_t>();
    } else if (space == dma::space::APERTURE) {
      value = place["aperture"].get<std::uint64_t>();
    } else {
      const auto here = address(place);
      if (!here) return fmt::format("{} {}", key, place.dump());
      value = *here;
    }
    (source ? d::SRC : d::DST).set(words, value);
    // In a raw descriptor the space may be the virtual one.
    if (!raw) (source ? d::SRC_SPACE : d::DST_SPACE).set(words, space);
  }
  return {};
}

json describe_list(const std::vector<std::uint64_t>& entries, const PlaceOf& place) {
  json list = json::array();
  std::uint64_t pages = 0;
  json first;
  const auto flush = [&] {
    if (pages == 0) return;
    first["pages"] = pages;
    list.push_back(first);
  };
  for (const std::uint64_t entry : entries) {
    json here = place(entry);
    if (pages != 0 && here == shifted(first, pages * hw::kPageSize)) {
      ++pages;
      continue;
    }
    flush();
    first = std::move(here);
    pages = 1;
  }
  flush();
  return list;
}

std::optional<std::vector<std::uint64_t>> assemble_list(const json& list, const AddressOf& address) {
  std::vector<std::uint64_t> entries;
  for (json run : list) {
    const auto pages = run.value("pages", std::uint64_t{1});
    run.erase("pages");
    for (std::uint64_t i = 0; i < pages; ++i) {
      const auto entry = address(shifted(run, i * hw::kPageSize));
      if (!entry) return std::nullopt;
      entries.push_back(*entry);
    }
  }
  return entries;
}

std::uint64_t list_pages(const Descriptor& descriptor) {
  namespace d = dma::descriptor;
  if (d::OPCODE.get(descriptor.data()) != dma::opcode::MAP_APERTURE_LIST) return 0;
  return d::LENGTH.get(descriptor.data()) + 1;
}

std::optional<Rings::Work> Rings::write(std::uint64_t offset, std::uint64_t value,
                                        std::optional<unsigned>* reset) {
  constexpr std::uint64_t kFirst = dma::CH_CTRL::kOffset;
  constexpr std::uint64_t kStride = dma::CH_CTRL::kStride;
  if (offset < kFirst || offset >= kFirst + kChannels * kStride) return std::nullopt;
  const auto channel = static_cast<unsigned>((offset - kFirst) / kStride);
  Ring& ring = rings_[channel];
  switch (offset - channel * kStride) {
    case dma::CH_RING_BASE::kOffset:
      ring.base = value;
      break;
    case dma::CH_RING_CFG::kOffset:
      ring.size_log2 = static_cast<unsigned>(dma::CH_RING_CFG::SIZE_LOG2.get(value));
      ring.space = static_cast<std::uint32_t>(dma::CH_RING_CFG::SPACE.get(value));
      break;
    case dma::CH_CTRL::kOffset:
      if (dma::CH_CTRL::RESET.get(value) == 0) break;
      ring.tail = 0;
      if (reset != nullptr) *reset = channel;
      break;
    case dma::CH_TAIL::kOffset: {
      const auto tail = static_cast<std::uint32_t>(dma::CH_TAIL::INDEX.get(value));
      const std::uint32_t mask = (1U << ring.size_log2) - 1;
      if (ring.size_log2 == 0 || tail > mask || tail == ring.tail) break;
      Work work{channel, ring.space, {}};
      for (; ring.tail != tail; ring.tail = (ring.tail + 1) & mask)
        work.addresses.push_back(ring.base + std::uint64_t{ring.tail} * kDescriptorBytes);
      return work;
    }
    default:
      break;
  }
  return std::nullopt;
}

DmaEnds::DmaEnds(Machine& machine, Ended ended) : machine_(machine), ended_(std::move(ended)) {
  machine_.board().add_observer(*this);
}

DmaEnds::~DmaEnds() { machine_.board().remove_observer(*this); }

void DmaEnds::reset() {
  for (auto& adapter : requests_)
    for (auto& direction : adapter) direction.clear();
  work_.clear();
}

void DmaEnds::cut(unsigned adapter, unsigned channel) {
  for (auto work = work_.begin(); work != work_.end();) {
    const bool ends = work->adapter == adapter && work->channel == channel;
    if (ends) ended_(work->id, work->fenced ? "dropped" : "", false, 0);
    work = ends ? work_.erase(work) : std::next(work);
  }
}

// A channel works in order: what stands before the fence is done as well.
void DmaEnds::done(unsigned adapter, std::uint64_t address) {
  const auto here = [&](const Watched& work) {
    return work.adapter == adapter &&
           std::find(work.fences.begin(), work.fences.end(), address) != work.fences.end();
  };
  const auto it = std::find_if(work_.begin(), work_.end(), here);
  if (it == work_.end()) return;
  // One write for each fence.
  it->fences.erase(std::find(it->fences.begin(), it->fences.end(), address));
  if (!it->fences.empty()) return;
  const unsigned channel = it->channel;
  const std::size_t last = it->id;
  for (auto work = work_.begin(); work != work_.end();) {
    const bool ends = work->adapter == adapter && work->channel == channel && work->id <= last;
    if (ends) ended_(work->id, "done", false, 0);
    work = ends ? work_.erase(work) : std::next(work);
  }
}

void DmaEnds::failed(unsigned adapter, bool write, std::uint64_t address) {
  const auto names = [&](const Watched& work) {
    return work.adapter == adapter &&
           std::any_of(work.operands.begin(), work.operands.end(), [&](const auto& operand) {
             // Requests are whole beats, and reach a little further than the operand.
             return address + 4096 > operand.first && address < operand.first + operand.second;
           });
  };
  auto it = std::find_if(work_.begin(), work_.end(), names);
  if (it == work_.end())
    it = std::find_if(work_.begin(), work_.end(),
                      [&](const Watched& work) { return work.adapter == adapter; });
  if (it == work_.end()) return;
  const unsigned channel = it->channel;
  const std::size_t first = it->id;
  for (auto work = work_.begin(); work != work_.end();) {
    const bool ends = work->adapter == adapter && work->channel == channel;
    if (ends)
      ended_(work->id, work->id < first ? "done" : work->id == first ? "blocked" : "dropped", write, address);
    work = ends ? work_.erase(work) : std::next(work);
  }
}

void DmaEnds::observe(const CycleView& view) {
  for (unsigned adapter = 0; adapter < machine_.config().adapters; ++adapter) {
    const RequesterProbe& probe = view.out.probe[adapter];
    const auto answer = [&](bool write, std::uint32_t id, AxiResp response) {
      auto& queue = requests_[adapter][write ? 1 : 0][id];
      if (queue.empty()) return;
      const std::uint64_t address = queue.front();
      queue.pop_front();
      if (response != AxiResp::kOkay)
        failed(adapter, write, address);
      else if (write)
        done(adapter, address);
    };
    if (probe.r && probe.rlast) answer(false, probe.rid, probe.rresp);
    if (probe.b) answer(true, probe.bid, probe.bresp);
    if (probe.ar) requests_[adapter][0][probe.arid].push_back(probe.araddr);
    if (probe.aw) requests_[adapter][1][probe.awid].push_back(probe.awaddr);
  }
}

}  // namespace gpudmar::sim::replay
