// SPDX-License-Identifier: Apache-2.0
// What the driver does with addresses: what lies at them, and what a stray one is called.
#include <fmt/format.h>

#include <csignal>

#include "sim/kmd/child_run.h"

namespace gpudmar::sim::kmd {
namespace {

/// What the kernel lends that the driver reaches by an address, and its name in messages.
const char* thing_of(const std::string& kind) {
  if (kind == "pool") return "pool block";
  if (kind == "registers") return "register window";
  if (kind == "MDL mapping") return "MDL mapping";
  if (kind == "contiguous memory") return "contiguous memory";
  return nullptr;
}

}  // namespace

void ChildRun::watch_memory() {
  memory_ = std::make_unique<WatchedMemory>(
      *platform_.memory,
      WatchedMemory::Hooks{
          [this](const void* address, std::size_t bytes) {
            const Thread* now = known_thread();
            const std::string call = now == nullptr || now->calls.empty() ? "" : now->calls.back();
            // Within an entry point it is for something that has a name of its own.
            const bool callback = call.rfind("DxgkCb", 0) == 0;
            addresses_.begins(AddressBook::Layer::kPages, address, bytes,
                              callback ? "CPU mapping of " + call : "system's memory",
                              callback ? call_frames_ : Frames());
          },
          [this](const void* address) { addresses_.ends(AddressBook::Layer::kPages, address, here()); }});
  platform_.memory = memory_.get();
}

void ChildRun::loan(const char* kind, const void* what, std::size_t bytes, bool begins) {
  const Frames frames = here();
  if (const char* thing = thing_of(kind); thing != nullptr) {
    if (begins)
      addresses_.begins(AddressBook::Layer::kThing, what, bytes, thing, frames);
    else
      addresses_.ends(AddressBook::Layer::kThing, what, frames);
  }
  events_.send({{"t", "loan"},
                {"kind", kind},
                {"id", reinterpret_cast<std::uintptr_t>(what)},
                {"bytes", bytes},
                {"begins", begins},
                {"f", begins ? frames : Frames()}});
}

void ChildRun::crashed(const Traps::Crash& crash) {
  AddressBook::Found found;
  if (crash.no_address) {
    found.text = "no address at all: a pointer from memory that was never written, or was overwritten?";
  } else if (crash.signal == SIGSEGV || crash.signal == SIGBUS) {
    found = addresses_.find(crash.address);
  }
  events_.send({{"t", "crash_at"},
                {"text", found.text},
                {"ddi", where()},
                {"given", found.given},
                {"gone", found.gone}});
  if (found.what == kPagingBuffer && found.outside) {
    judge_->note_broken("E8");
    events_.send({{"t", "rule"},
                  {"rule", "E8"},
                  {"text", "BuildPagingBuffer writes " + found.text},
                  {"f", crash.frames},
                  {"in", where()}});
  }
  end(kChildBroken);
}

}  // namespace gpudmar::sim::kmd
