// SPDX-License-Identifier: Apache-2.0
// Exceptions that are raised, and the routines that raise them for addresses of processes.
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "driver-model/wdk/runtime/runtime.h"

namespace hw = gpudmar::hw;
using gpudmar::wdk::Runtime;

namespace {

const char* name_of(NTSTATUS status) {
  switch (status) {
    case STATUS_ACCESS_VIOLATION:
      return " (STATUS_ACCESS_VIOLATION)";
    case STATUS_DATATYPE_MISALIGNMENT:
      return " (STATUS_DATATYPE_MISALIGNMENT)";
    case STATUS_INSUFFICIENT_RESOURCES:
      return " (STATUS_INSUFFICIENT_RESOURCES)";
    default:
      return "";
  }
}

[[noreturn]] void raise(const std::string& what, NTSTATUS status) {
  Runtime::active().rule_broken(fmt::format("{} raises {:#x}{}, and nothing here catches it", what,
                                            static_cast<ULONG>(status), name_of(status)));
}

// Asks the host about single bytes: its calls answer EFAULT where a driver would fault.
class Prober {
 public:
  Prober() {
    if (pipe(ends_.data()) != 0)
      throw std::system_error(errno, std::generic_category(), "a pipe to probe memory with");
  }
  ~Prober() {
    close(ends_[0]);
    close(ends_[1]);
  }
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;
  // A byte that is written goes out and back again, so that it stays as it is.
  [[nodiscard]] bool reaches(std::uintptr_t address, bool write) const {
    auto* byte = reinterpret_cast<char*>(address);
    char kept = 0;
    if (::write(ends_[1], byte, 1) != 1) return false;
    if (!write) return ::read(ends_[0], &kept, 1) == 1;
    if (::read(ends_[0], byte, 1) == 1) return true;
    (void)!::read(ends_[0], &kept, 1);
    return false;
  }

 private:
  std::array<int, 2> ends_{};
};

void probe(const char* routine, std::uintptr_t address, SIZE_T length, ULONG alignment, bool write) {
  const Runtime& runtime = Runtime::enter(routine);
  runtime.require_at_most(APC_LEVEL, routine);
  if (length == 0) return;
  if (alignment != 1 && alignment != 2 && alignment != 4 && alignment != 8 && alignment != 16)
    runtime.rule_broken(fmt::format("{} with an alignment of {}", routine, alignment));
  const std::string what = fmt::format("{} of {} bytes at {:#x}", routine, length, address);
  if (address % alignment != 0) raise(what, STATUS_DATATYPE_MISALIGNMENT);
  const std::uintptr_t last = address + length - 1;
  if (last < address) raise(what, STATUS_ACCESS_VIOLATION);
  const Prober prober;
  for (std::uintptr_t at = address;; at = (at & ~std::uintptr_t{hw::kPageSize - 1}) + hw::kPageSize) {
    auto* there = reinterpret_cast<void*>(at);
    const bool of_kernel = runtime.platform().memory->physical(there).has_value() ||
                           runtime.find_register(there).mmio != nullptr;
    if (of_kernel) raise(what + ", memory of the kernel,", STATUS_ACCESS_VIOLATION);
    if (!prober.reaches(at, write)) raise(what, STATUS_ACCESS_VIOLATION);
    if ((at | (hw::kPageSize - 1)) >= last) return;
  }
}

}  // namespace

extern "C" {

VOID ExRaiseStatus(NTSTATUS Status) { raise("ExRaiseStatus", Status); }
VOID RtlRaiseStatus(NTSTATUS Status) { raise("RtlRaiseStatus", Status); }
VOID ExRaiseAccessViolation(VOID) { raise("ExRaiseAccessViolation", STATUS_ACCESS_VIOLATION); }
VOID ExRaiseDatatypeMisalignment(VOID) { raise("ExRaiseDatatypeMisalignment", STATUS_DATATYPE_MISALIGNMENT); }

VOID ProbeForRead(const volatile VOID* Address, SIZE_T Length, ULONG Alignment) {
  probe("ProbeForRead", reinterpret_cast<std::uintptr_t>(Address), Length, Alignment, false);
}

VOID ProbeForWrite(volatile VOID* Address, SIZE_T Length, ULONG Alignment) {
  probe("ProbeForWrite", reinterpret_cast<std::uintptr_t>(Address), Length, Alignment, true);
}

}  // extern "C"
