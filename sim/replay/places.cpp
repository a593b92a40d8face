// SPDX-License-Identifier: Apache-2.0
// Places, both ways.
#include "sim/replay/places.h"

#include <algorithm>

#include "sim/scenario/names.h"

namespace gpudmar::sim::replay {
namespace {

using nlohmann::json;

std::uint64_t offset_of(const json& place) { return place.value("offset", std::uint64_t{0}); }

/// Engines of a link are its members in order; one without segments has no dummy page.
std::optional<std::uint64_t> dummy_page(const dxgkrnl::Paging& paging, std::size_t engine) {
  try {
    const std::uint64_t page = paging.dummy_page(engine);
    return page == 0 ? std::nullopt : std::optional(page);
  } catch (const std::out_of_range&) {
    return std::nullopt;  // paging has stopped
  }
}

}  // namespace

std::size_t link_number(const dxgkrnl::AdapterView& link) {
  return link.members.empty() ? 0 : *std::min_element(link.members.begin(), link.members.end());
}

std::vector<std::size_t> links_by_adapter(const dxgkrnl::Kernel& kernel, std::size_t adapters) {
  std::vector<std::size_t> links(adapters);
  for (std::size_t i = 0; i < adapters; ++i) links[i] = i;
  for (const dxgkrnl::AdapterView& view : kernel.adapters())
    for (const std::size_t member : view.members)
      if (member < links.size()) links[member] = link_number(view);
  return links;
}

std::optional<std::size_t> link_index(const dxgkrnl::Kernel& kernel, std::size_t adapter) {
  const auto views = kernel.adapters();
  for (std::size_t i = 0; i < views.size(); ++i)
    if (std::count(views[i].members.begin(), views[i].members.end(), adapter) != 0) return i;
  return std::nullopt;
}

json shifted(json place, std::uint64_t bytes) {
  if (place.contains("address"))
    place["address"] = hex(parse_number(place["address"].get<std::string>()).value_or(0) + bytes);
  else
    place["offset"] = offset_of(place) + bytes;
  return place;
}

void Places::attach(dxgkrnl::Kernel* kernel) {
  kernel_ = kernel;
  pages_.clear();
  names_.clear();
  buffers_.clear();
}

void Places::name_allocation(const std::string& name, const Allocation& allocation) {
  allocations_[name] = allocation;
  names_[{allocation.link, allocation.id}] = name;
}

std::optional<Places::Allocation> Places::allocation(const std::string& name) const {
  const auto it = allocations_.find(name);
  return it == allocations_.end() ? std::nullopt : std::optional(it->second);
}

std::string Places::name_of(const Allocation& allocation) const {
  const auto it = names_.find({allocation.link, allocation.id});
  return it == names_.end() ? hex(allocation.id) : it->second;
}

void Places::submitted(std::size_t link, unsigned engine, std::uint64_t address, std::uint64_t bytes) {
  buffers_[{link, engine}] = {address, bytes};
}

std::optional<json> Places::paging_place(std::size_t link, std::uint64_t address) const {
  for (const auto& [key, buffer] : buffers_)
    if (key.first == link && address >= buffer.address && address - buffer.address < buffer.bytes)
      return json{{"buffer", key.second}, {"offset", address - buffer.address}};
  if (kernel_ == nullptr) return std::nullopt;
  const auto index = link_index(*kernel_, link);
  const dxgkrnl::Paging* const paging = index ? kernel_->paging(*index) : nullptr;
  if (paging == nullptr) return std::nullopt;
  const std::uint64_t number = address >> hw::kPageShift;
  const std::uint64_t within = address % hw::kPageSize;
  for (const dxgkrnl::AllocationId id : paging->allocations()) {
    const auto name = names_.find({link, id});
    const auto view = paging->view(id);
    if (name == names_.end() || !view) continue;
    const auto& pages = view->logical_pages;
    const auto page = std::find(pages.begin(), pages.end(), number);
    if (page == pages.end()) continue;
    const auto offset = static_cast<std::uint64_t>(page - pages.begin()) * hw::kPageSize + within;
    return json{{"allocation", name->second}, {"offset", offset}};
  }
  const std::size_t engines = kernel_->adapters()[*index].members.size();
  for (std::size_t engine = 0; engine < engines; ++engine)
    if (dummy_page(*paging, engine) == number) return json{{"dummy", engine}, {"offset", within}};
  return std::nullopt;
}

json Places::place(std::size_t link, std::uint64_t address) const {
  if (!pages_.is_live(link, address))
    if (const auto found = paging_place(link, address)) return *found;
  return pages_.place(link, address);
}

std::optional<std::uint64_t> Places::address(std::size_t link, const json& place) const {
  if (place.contains("adl") || place.contains("address")) return pages_.address(place);
  if (place.contains("buffer")) {
    const auto it = buffers_.find({link, place["buffer"].get<unsigned>()});
    return it == buffers_.end() ? std::nullopt : std::optional(it->second.address + offset_of(place));
  }
  if (kernel_ == nullptr) return std::nullopt;
  std::size_t number = link;
  dxgkrnl::AllocationId id = 0;
  if (place.contains("allocation")) {
    const auto known = allocation(place["allocation"].get<std::string>());
    if (!known) return std::nullopt;
    number = known->link;
    id = known->id;
  }
  const auto index = link_index(*kernel_, number);
  const dxgkrnl::Paging* const paging = index ? kernel_->paging(*index) : nullptr;
  if (paging == nullptr) return std::nullopt;
  const std::uint64_t offset = offset_of(place);
  if (place.contains("dummy")) {
    const auto page = dummy_page(*paging, place["dummy"].get<std::size_t>());
    return page ? std::optional((*page << hw::kPageShift) + offset) : std::nullopt;
  }
  const auto view = paging->view(id);
  if (!view || offset >> hw::kPageShift >= view->logical_pages.size()) return std::nullopt;
  return (view->logical_pages[offset >> hw::kPageShift] << hw::kPageShift) + offset % hw::kPageSize;
}

std::uint64_t Places::physical(std::size_t link, std::uint64_t address) const {
  if (const auto known = pages_.frame_address(link, address)) return *known;
  const auto index = kernel_ == nullptr ? std::nullopt : link_index(*kernel_, link);
  if (!index) return address;
  const std::string name = kernel_->adapters()[*index].name;
  const std::uint64_t number = address >> hw::kPageShift;
  for (const dxgkrnl::ObjectView& object : kernel_->objects()) {
    if (object.adapter != name) continue;
    for (const dxgkrnl::AdlView& adl : object.adls)
      for (std::size_t i = 0; i < adl.logical_pages.size(); ++i)
        if (adl.logical_pages[i] == number && i < adl.page_frames.size())
          return (adl.page_frames[i] << hw::kPageShift) + address % hw::kPageSize;
  }
  return address;
}

}  // namespace gpudmar::sim::replay
