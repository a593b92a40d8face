// SPDX-License-Identifier: Apache-2.0
// What the driver does with addresses: what lies at them, and what a stray one is called.
#include <fmt/format.h>

#include <csignal>
#include <string_view>

#include "driver-model/wdk/runtime/kernel_objects.h"
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

void ChildRun::watch_paged_pool() {
  wdk::Runtime& runtime = wdk::Runtime::active();
  paged_ = std::make_unique<PagedPool>(
      PagedPool::Hooks{[&runtime](const void* address) { return runtime.is_paged_pool(address); },
                       [this, &runtime](const void* address) {
                         const auto physical = platform_.memory->physical(address);
                         return physical && runtime.may_move(address, *physical);
                       },
                       [&runtime] { return runtime.irql() >= DISPATCH_LEVEL; }});
  runtime.objects().level_set = [this](KIRQL level) {
    if (level >= DISPATCH_LEVEL) paged_->close();
  };
}

bool ChildRun::serve_fault(std::uintptr_t address, std::uintptr_t pc) {
  const PagedPool::Fault fault = paged_ == nullptr ? PagedPool::Fault::kElsewhere : paged_->fault(address);
  if (fault == PagedPool::Fault::kForbidden) {
    const Frames frames = interrupted_frames(driver_.module(), pc);
    const std::string what = fmt::format("paged pool at {:#x} is accessed at IRQL {}: it may be paged out",
                                         address, wdk::Runtime::active().irql());
    events_.send({{"t", "rule"}, {"rule", "wdk"}, {"text", what}, {"f", frames}, {"in", where()}});
    break_off("kernel_rule", what, frames);
  }
  return fault == PagedPool::Fault::kServed;
}

void ChildRun::loan(const char* kind, const void* what, std::size_t bytes, bool begins) {
  const Frames frames = here();
  if (paged_ != nullptr && std::string_view(kind) == "pool") {
    if (begins)
      paged_->begins(what, bytes);
    else
      paged_->ends(what);
  }
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
  if (crash.undefined) {
    const wdk::Runtime* runtime = wdk::Runtime::active_or_null();
    const unsigned irql = runtime == nullptr ? PASSIVE_LEVEL : runtime->irql();
    found.text = "an assertion that fails (NT_ASSERT, PAGED_CODE), or __builtin_trap";
    if (irql != PASSIVE_LEVEL) found.text += fmt::format(", at IRQL {}", irql);
  } else if (crash.no_address) {
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
