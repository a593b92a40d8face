// SPDX-License-Identifier: Apache-2.0
// The paging node of a physical adapter: paging buffers, their submission, and the fences that tell how far
// the GPU is.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <vector>

#include "dispmprt.h"
#include "driver-model/dxgkrnl/call_log.h"
#include "driver-model/dxgkrnl/ddi_gate.h"
#include "driver-model/dxgkrnl/system_memory.h"
#include "driver-model/hw/hw.h"

namespace gpudmar::dxgkrnl {

/// What all paging of a link goes through.
struct PagingPort {
  const DRIVER_INITIALIZATION_DATA& driver;
  PVOID context = nullptr;         ///< the lead's MiniportDeviceContext
  HANDLE device_handle = nullptr;  ///< the lead's, for memory objects
  CallLog& calls;
  hw::Time& time;
  SystemMemory& memory;
  DdiGate& gate;                        ///< of the entry points at PASSIVE_LEVEL
  std::function<void()> left_dispatch;  ///< called when a DDI at DISPATCH_LEVEL has returned
};

/// Memory of the system's own that devices reach: an object, a CPU mapping, an ADL. Freed on destruction.
class PagingMemory {
 public:
  /// `contiguous`: for the device too. Throws std::bad_alloc when there is none.
  PagingMemory(const PagingPort& port, std::uint64_t bytes, bool contiguous);
  ~PagingMemory();
  PagingMemory(const PagingMemory&) = delete;
  PagingMemory& operator=(const PagingMemory&) = delete;
  [[nodiscard]] UCHAR* data() const { return data_; }
  [[nodiscard]] std::uint64_t device_address() const;  ///< of its first byte

 private:
  const PagingPort& port_;
  HANDLE object_ = nullptr;
  HANDLE adapter_object_ = nullptr;
  DXGK_ADL* adl_ = nullptr;
  void* view_ = nullptr;
  SIZE_T view_size_ = 0;
  UCHAR* data_ = nullptr;
};

/// Fence a is b or a later one; fences wrap.
[[nodiscard]] inline bool reached(UINT a, UINT b) { return static_cast<INT>(a - b) >= 0; }

/// One node. Not thread-safe but for note_interrupt() and note_dpc().
class PagingQueue {
 public:
  struct Config {
    UINT node = 0;
    UINT engine = 0;
    UINT buffer_size = 0;
    UINT private_size = 0;
    unsigned packets = 0;  ///< submissions that may be incomplete at a time
    bool patch = false;    ///< the driver wants DxgkDdiPatch
  };
  /// Waits for a fence; may end in a reset of the adapter, which it reports by an exception.
  using Wait = std::function<void(PagingQueue&, UINT fence)>;
  PagingQueue(const PagingPort& port, const Config& config, Wait wait);

  using Describe = std::function<void(DXGKARG_BUILDPAGINGBUFFER&)>;
  /// Have the driver build an operation, in as many buffers as it takes, and submit what it wrote. The fence
  /// behind it; nullopt when it needed no work of the GPU. `failure`: parameter 1 of bugcheck 0x10E when the
  /// driver makes no progress.
  [[nodiscard]] std::optional<UINT> run(DXGK_BUILDPAGINGBUFFER_OPERATION operation, const Describe& describe,
                                        std::uint64_t failure);

  enum class Outcome { kDone, kTimeout };
  /// Raises BugCheck 0x119/5 when the driver reports the paging work as failed.
  [[nodiscard]] Outcome wait(UINT fence, std::uint64_t cycles);

  // ---- Time-outs
  /// Ask for preemption; true when the driver reported it in time.
  bool preempt(std::uint64_t cycles);
  /// From here on the driver's notifications are not looked at.
  void ignore_notifications(bool ignore);
  /// The node was reset: `fence` is what the driver aborted last. Raises BugCheck 0x119/0xA when that can not
  /// be. True: a packet was lost; false: what is left was submitted again, under its fences.
  bool engine_was_reset(UINT fence);
  /// The adapter was reset: nothing is outstanding any more.
  void adapter_was_reset();
  /// Between a reset and the restart: what is built waits for submit_deferred().
  void defer(bool on) { deferring_ = on; }
  void submit_deferred();
  [[nodiscard]] bool deferring() const { return deferring_; }

  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] UINT last_submitted() const { return submitted_; }
  [[nodiscard]] UINT last_completed() const { return completed_; }
  [[nodiscard]] bool done(UINT fence) const { return reached(visible_, fence); }
  [[nodiscard]] bool idle() const { return reached(visible_, submitted_); }

  // ---- The driver's notifications
  void note_interrupt(const DXGKARGCB_NOTIFY_INTERRUPT_DATA& data);
  void note_dpc();

 private:
  struct Buffer {
    Buffer(const PagingPort& port, const Config& config);
    PagingMemory memory;
    std::vector<UCHAR> private_data;
    UINT used = 0;
    UINT private_used = 0;
    UINT last_fence = 0;
    bool busy = false;  // last_fence is one of ours
  };
  struct Packet {
    DXGKARG_SUBMITCOMMAND args;
    UCHAR* data;
  };

  [[nodiscard]] Buffer& current();
  Buffer& advance();
  std::optional<UINT> take(Buffer& buffer, const DXGKARG_BUILDPAGINGBUFFER& args);
  UINT submit(Packet packet);
  void call_submit(const Packet& packet);
  void query_fence();

  const PagingPort& port_;
  Config config_;
  Wait wait_;
  std::list<Buffer> buffers_;
  std::list<Buffer>::iterator buffer_;
  bool deferring_ = false;
  std::vector<Packet> deferred_;
  std::deque<Packet> outstanding_;
  UINT preemptions_ = 0;

  // Shared with the interrupt routine; no time passes under the mutex.
  mutable std::mutex mutex_;
  bool ignoring_ = false;
  std::atomic<UINT> submitted_{0};
  std::atomic<UINT> completed_{0};  // as the interrupt routine told
  std::atomic<UINT> visible_{0};    // as the DPC confirmed
  std::atomic<UINT> preempted_{0};
  std::atomic<UINT> preempted_visible_{0};
  std::atomic<bool> faulted_{false};
  UINT faulted_fence_ = 0;
  NTSTATUS fault_status_ = STATUS_SUCCESS;
};

}  // namespace gpudmar::dxgkrnl
