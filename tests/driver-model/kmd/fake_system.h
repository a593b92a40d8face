// SPDX-License-Identifier: Apache-2.0
// A scripted dxgkrnl for tests of the miniport: it records what the driver asks for, backs memory objects
// with plain memory, and counts what is alive. Its addresses are page numbers that only its fake GPUs know.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "dispmprt.h"
#include "driver-model/kmd/escape.h"
#include "driver-model/kmd/parameters.h"
#include "driver-model/wdk/runtime/runtime.h"
#include "tests/driver-model/kmd/fake_gpu.h"

namespace gpudmar::test {

/// One system with a link of GPUs; loads the driver in its constructor. One at a time: callbacks carry no
/// pointer.
class FakeSystem {
 public:
  explicit FakeSystem(unsigned gpus = 2, const FakeGpu::Config& gpu = {});
  ~FakeSystem();
  FakeSystem(const FakeSystem&) = delete;
  FakeSystem& operator=(const FakeSystem&) = delete;

  void add_devices();  ///< AddDevice and LinkDevice of each
  NTSTATUS start();    ///< add_devices(), then StartDevice of each, the lead (GPU 0) last
  void stop();         ///< StopDevice, the lead first, and RemoveDevice
  NTSTATUS start_device(unsigned gpu);

  NTSTATUS query(DXGK_QUERYADAPTERINFOTYPE type, void* out, UINT size, void* in = nullptr, UINT in_size = 0);
  /// Sends a command with its header filled in; returns the command's own status.
  template <typename T>
  NTSTATUS escape(std::uint32_t command, T& args) {
    args.header = {GDM_ESCAPE_MAGIC, command, sizeof(T), 0};
    const NTSTATUS status = raw_escape(&args, sizeof(T));
    return NT_SUCCESS(status) ? args.header.status : status;
  }
  NTSTATUS raw_escape(void* data, UINT size);

  // Script
  bool contiguous = true;                ///< shape of ADLs when contiguity is preferred
  std::map<std::string, NTSTATUS> fail;  ///< callbacks that fail, by name
  ULONG interface_size = sizeof(DXGKRNL_INTERFACE);

  // Record
  struct Object {
    std::vector<std::uint8_t> storage;
    std::uint8_t* data = nullptr;  // page-aligned
    DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT args{};
    bool open = false;
    unsigned maps = 0;
  };
  struct Adl {
    DXGK_ADL adl{};
    std::vector<DXGK_PAGE_NUMBER> pages;
    Object* object = nullptr;
  };
  std::map<std::uintptr_t, std::unique_ptr<Object>> objects;
  std::map<DXGK_ADL*, std::unique_ptr<Adl>> adls;
  std::vector<std::string> calls;
  struct Notification {
    unsigned gpu;
    DXGKARGCB_NOTIFY_INTERRUPT_DATA data;
    bool seen;  ///< a NotifyDpc followed
  };
  std::vector<Notification> notifications;
  std::vector<std::string> misuse;  ///< what a real dxgkrnl would stop the system for

  FakePlatform platform;
  wdk::Runtime runtime;
  std::vector<std::unique_ptr<FakeGpu>> gpus;
  std::vector<void*> contexts;
  DRIVER_INITIALIZATION_DATA driver{};

  [[nodiscard]] static FakeSystem& active();
  [[nodiscard]] HANDLE device_handle(unsigned gpu) const { return reinterpret_cast<HANDLE>(0xD000ull + gpu); }
  std::uint8_t* resolve(std::uint64_t logical);
  bool access(std::uint64_t logical, void* data, std::size_t bytes, bool write);
  std::uint64_t failing_accesses = 0;                   ///< the n-th access from now fails; 0: none
  std::map<std::uint64_t, std::uint8_t*> translations;  ///< logical page to memory
  bool translations_survive = false;                    ///< FreeAdl leaves them: a missing invalidation
  std::uint64_t next_page = 0x4000;
  std::uintptr_t next_handle = 0x100;

 private:
  void interrupt(unsigned gpu);
  std::string printed_;
};

}  // namespace gpudmar::test
