// SPDX-License-Identifier: Apache-2.0
// The rules of frame-buffer save: what pins and views may be of, and how a driver goes on where there is no
// memory for them.
#include <fmt/format.h>

#include <functional>
#include <limits>
#include <string_view>
#include <utility>

#include "sim/kmd/judge_arguments.h"

namespace gpudmar::sim::kmd {
namespace {

std::size_t hash_of(const void* bytes, std::size_t count) {
  return std::hash<std::string_view>{}({static_cast<const char*>(bytes), count});
}

}  // namespace

// What the driver has answered; it is asked for each physical adapter.
std::uint64_t Judge::save_size(HANDLE adapter, UINT index) const {
  constexpr std::uint64_t kUnknown = std::numeric_limits<std::uint64_t>::max();
  const std::optional<int> function = hooks_.function_of(adapter);
  if (!function) return kUnknown;
  const auto first = save_sizes_.lower_bound({*function, 0});
  if (first == save_sizes_.end() || first->first.first != *function) return kUnknown;
  const auto size = save_sizes_.find({*function, index});
  return size == save_sizes_.end() ? 0 : size->second;
}

void Judge::frame_buffer_begins(const std::string& name, const void* arguments, unsigned link,
                                HANDLE adapter) {
  Thread& thread = threads_[hooks_.thread()];
  const auto goes_on = [&](const Place& place) {
    if (thread.unpinned.erase(place) != 0) check("R203", true, {});
  };
  const auto pins = [&](UINT index, SIZE_T size) {
    goes_on({link, index});
    const std::uint64_t most = save_size(adapter, index);
    check("R201", size != 0 && page_multiple(size) && size <= most,
          fmt::format("{} of {} bytes{}", name, size,
                      size > most ? fmt::format(" of {} for physical adapter {}", most, index) : ""));
    check("R205", pins_.count({link, index}) == 0, name + " of a frame buffer that is pinned");
  };
  if (name == "DxgkCbPinFrameBufferForSave") {
    const auto& args = as<DXGKARGCB_PINFRAMEBUFFERFORSAVE>(arguments);
    pins(args.PhysicalAdapterIndex, args.CommitSize);
  } else if (name == "DxgkCbPinFrameBufferForSave2") {
    const auto& args = as<DXGKARGCB_PINFRAMEBUFFERFORSAVE2>(arguments);
    pins(args.PhysicalAdapterIndex, args.CommitSize);
    check("R202", args.Flags.Reserved == 0, fmt::format("{} with flags {:#x}", name, args.Flags.Value));
  } else if (name == "DxgkCbUnpinFrameBufferForSave") {
    const auto pin =
        pins_.find({link, as<DXGKARGCB_UNPINFRAMEBUFFERFORSAVE>(arguments).PhysicalAdapterIndex});
    check("R204", pin != pins_.end(), "Unpin of a frame buffer that is not pinned");
    if (pin == pins_.end() || !pin->second.pages.readable) return;
    const std::string change = change_of(*pin->second.adl, pin->second.pages);
    check("R141", change.empty(), "Unpin with an ADL that was changed: " + change);
    pin->second.pages.readable = false;
  } else if (name == "DxgkCbMapFrameBufferPointer") {
    const auto& args = as<DXGKARGCB_MAPFRAMEBUFFERPOINTER>(arguments);
    const Place place{link, args.PhysicalAdapterIndex};
    goes_on(place);
    const std::uint64_t most = save_size(adapter, args.PhysicalAdapterIndex);
    check("R207",
          args.Size != 0 && page_multiple(args.Size) && page_multiple(args.Offset) && args.Size <= most &&
              args.Offset <= most - args.Size,
          fmt::format("{} of {:#x} bytes at {:#x}", name, args.Size, args.Offset));
    if (thread.cancelled.count(place) != 0)
      check("R208", false,
            name + " goes on where not even a page could be mapped: the transfer is to be cancelled");
  } else {
    const auto& args = as<DXGKARGCB_UNMAPFRAMEBUFFERPOINTER>(arguments);
    const auto view = views_.find({{link, args.PhysicalAdapterIndex}, args.pBaseAddress});
    check("R209", view != views_.end(),
          fmt::format("{} of {}, where nothing is mapped", name, fmt::ptr(args.pBaseAddress)));
    if (view == views_.end() || !view->second.alone || view->second.before == 0) return;
    check("R206", hash_of(args.pBaseAddress, view->second.before) == view->second.hash,
          fmt::format("the driver wrote at pBaseAddress: its data begins {:#x} bytes behind, at Offset",
                      view->second.before));
  }
}

// No memory: R203, R208.
void Judge::frame_buffer_failed(const std::string& name, const void* arguments, unsigned link,
                                NTSTATUS status) {
  if (status != STATUS_INSUFFICIENT_RESOURCES) return;
  Thread& thread = threads_[hooks_.thread()];
  if (name == "DxgkCbMapFrameBufferPointer") {
    const auto& args = as<DXGKARGCB_MAPFRAMEBUFFERPOINTER>(arguments);
    if (args.Size == PAGE_SIZE) thread.cancelled.insert({link, args.PhysicalAdapterIndex});
  } else if (name != "DxgkCbUnmapFrameBufferPointer" && name != "DxgkCbUnpinFrameBufferForSave") {
    // Both structures begin alike.
    thread.unpinned[{link, as<DXGKARGCB_PINFRAMEBUFFERFORSAVE>(arguments).PhysicalAdapterIndex}] =
        hooks_.here();
  }
}

// An entry point returns.
void Judge::saving_ends(Thread& thread, const std::string& name) {
  for (const auto& [place, call] : thread.unpinned) {
    ++looks_["R203"];
    broken_.insert("R203");
    hooks_.broken_at("R203",
                     "there was no memory for the pin, and " + name +
                         " returns without a try in pieces (DxgkCbMapFrameBufferPointer)",
                     call);
  }
  for (std::size_t i = 0; i < thread.cancelled.size(); ++i) check("R208", true, {});
  thread.unpinned.clear();
  thread.cancelled.clear();
}

// Somebody else may write to what these views show.
void Judge::share_views(const Place& place) {
  for (auto& [at, view] : views_)
    if (at.first == place) view.alone = false;
}

void Judge::frame_buffer_ends(const std::string& name, const void* arguments, unsigned link) {
  if (name == "DxgkCbPinFrameBufferForSave" || name == "DxgkCbPinFrameBufferForSave2") {
    // Both structures begin alike.
    const UINT index = as<DXGKARGCB_PINFRAMEBUFFERFORSAVE>(arguments).PhysicalAdapterIndex;
    Pin& pin = pins_[{link, index}] = {};
    if (name == "DxgkCbPinFrameBufferForSave2") {
      pin.adl = as<DXGKARGCB_PINFRAMEBUFFERFORSAVE2>(arguments).pAdl;
      pin.pages = {pages_of(*pin.adl), *pin.adl, hooks_.here(), true};
    } else {
      pin.pages.numbers = pages_of(as<DXGKARGCB_PINFRAMEBUFFERFORSAVE>(arguments).pMdl);
    }
    make_live(link, pin.pages.numbers);
    share_views({link, index});
    loan("pinned frame buffer", &pin, pin.pages.numbers.size(), true);
  } else if (name == "DxgkCbUnpinFrameBufferForSave") {
    const auto pin =
        pins_.find({link, as<DXGKARGCB_UNPINFRAMEBUFFERFORSAVE>(arguments).PhysicalAdapterIndex});
    if (pin == pins_.end()) return;
    end_live(link, pin->second.pages.numbers);
    loan("pinned frame buffer", &pin->second, 0, false);
    pins_.erase(pin);
  } else if (name == "DxgkCbMapFrameBufferPointer") {
    const auto& args = as<DXGKARGCB_MAPFRAMEBUFFERPOINTER>(arguments);
    const Place place{link, args.PhysicalAdapterIndex};
    const bool alone = pins_.count(place) == 0 && [&] {
      const auto next = views_.lower_bound({place, nullptr});
      return next == views_.end() || next->first.first != place;
    }();
    share_views(place);
    views_[{place, args.pBaseAddress}] = {args.Offset, hash_of(args.pBaseAddress, args.Offset), alone};
    loan("frame-buffer pointer", args.pBaseAddress, BYTES_TO_PAGES(args.Size), true);
  } else {
    const auto& args = as<DXGKARGCB_UNMAPFRAMEBUFFERPOINTER>(arguments);
    if (views_.erase({{link, args.PhysicalAdapterIndex}, args.pBaseAddress}) != 0)
      loan("frame-buffer pointer", args.pBaseAddress, 0, false);
  }
}

}  // namespace gpudmar::sim::kmd
