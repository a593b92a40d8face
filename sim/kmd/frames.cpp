// SPDX-License-Identifier: Apache-2.0
// dlopen, backtrace, write.
#include "sim/kmd/frames.h"

#include <dlfcn.h>
#include <elf.h>
#include <execinfo.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace gpudmar::sim::kmd {
namespace {

constexpr int kDepth = 64;

struct Search {
  const char* path;
  DriverModule* module;
};

int find_segments(dl_phdr_info* info, std::size_t, void* argument) {
  const auto* search = static_cast<Search*>(argument);
  if (std::strcmp(info->dlpi_name, search->path) != 0) return 0;
  DriverModule& module = *search->module;
  module.base = info->dlpi_addr;
  for (unsigned i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    if (header.p_type != PT_LOAD || (header.p_flags & PF_X) == 0) continue;
    const std::uintptr_t begin = info->dlpi_addr + header.p_vaddr;
    module.begin = module.begin == 0 ? begin : std::min(module.begin, begin);
    module.end = std::max(module.end, begin + header.p_memsz);
  }
  return 1;
}

Frames frames_of(const DriverModule& module, std::uintptr_t exact) {
  std::array<void*, kDepth> addresses{};
  const int count = ::backtrace(addresses.data(), kDepth);
  Frames frames;
  if (exact != 0 && module.contains(exact)) frames.push_back(exact - module.base);
  for (int i = 0; i < count; ++i) {
    const auto address = reinterpret_cast<std::uintptr_t>(addresses[static_cast<std::size_t>(i)]);
    // A return address is behind the call that it belongs to.
    if (module.contains(address) && address != exact) frames.push_back(address - 1 - module.base);
  }
  return frames;
}

}  // namespace

LoadedDriver::LoadedDriver(std::string path) : path_(std::move(path)) {
  (void)driver_frames(module_);  // the unwinder loads itself now, not in a signal handler
}

void LoadedDriver::load() {
  handle_ = ::dlopen(path_.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle_ == nullptr) throw std::runtime_error(::dlerror());
}

// Not from dlopen's answer: static constructors run before there is one.
const DriverModule& LoadedDriver::module() const {
  if (module_.end == 0) {
    Search search{path_.c_str(), &module_};
    ::dl_iterate_phdr(find_segments, &search);
  }
  return module_;
}

void* LoadedDriver::symbol(const char* name) const { return ::dlsym(handle_, name); }

Frames driver_frames(const DriverModule& module) { return frames_of(module, 0); }

Frames interrupted_frames(const DriverModule& module, std::uintptr_t pc) { return frames_of(module, pc); }

void EventSink::send(const nlohmann::json& event) const {
  const std::string line = event.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  send_raw(line.data(), line.size());
}

void EventSink::send_raw(const char* line, std::size_t bytes) const {
  while (bytes > 0) {
    const ssize_t count = ::write(fd_, line, bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;  // the parent is gone
    line += count;
    bytes -= static_cast<std::size_t>(count);
  }
}

}  // namespace gpudmar::sim::kmd
