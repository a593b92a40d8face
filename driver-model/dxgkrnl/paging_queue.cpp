// SPDX-License-Identifier: Apache-2.0
// Paging buffers from the driver's BuildPagingBuffer to its SubmitCommand and back by its fences.
#include "driver-model/dxgkrnl/paging_queue.h"

#include <fmt/format.h>

#include <new>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "driver-model/wdk/runtime/runtime.h"

namespace gpudmar::dxgkrnl {
namespace {

constexpr unsigned kBuffers = 2;
constexpr unsigned kBusyTries = 8;  // of STATUS_GRAPHICS_ALLOCATION_BUSY for one operation
constexpr UINT kWorthFilling = 4;   // a buffer is left when less than one of so many parts is free
constexpr std::uint64_t kSettleCycles = 50'000;  // for what QueryCurrentFence sets off

}  // namespace

PagingMemory::PagingMemory(const PagingPort& port, std::uint64_t bytes, bool contiguous) : port_(port) {
  DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT create{};
  create.hAdapter = port.device_handle;
  create.Size = bytes;
  create.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
  create.Type = contiguous ? DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY : DXGK_PHYSICAL_MEMORY_TYPE_MDL;
  if (contiguous)
    create.ContiguousMemory.HighestAcceptableAddress.QuadPart = -1;
  else
    create.Mdl.HighAddress.QuadPart = -1;
  if (!NT_SUCCESS(port.memory.create(&create))) throw std::bad_alloc();
  object_ = create.hPhysicalMemoryObject;
  adapter_object_ = create.hAdapterMemoryObject;
  DXGKARGCB_MAP_PHYSICAL_MEMORY map{};
  map.hPhysicalMemoryObject = object_;
  map.AccessMode = DXGK_ACCESS_MODE_KERNEL_MODE;
  map.Size = bytes;
  DXGKARGCB_ALLOCATE_ADL allocate{};
  allocate.hAdapterMemoryObject = adapter_object_;
  allocate.Size = (bytes + hw::kPageSize - 1) / hw::kPageSize * hw::kPageSize;
  allocate.Flags.RequireContiguous = contiguous ? 1 : 0;
  bool good = NT_SUCCESS(port.memory.map(&map));
  if (good) {
    view_ = map.pMappedAddress;
    view_size_ = map.Size;
    data_ = static_cast<UCHAR*>(map.pMappedAddress) + map.Offset;
    good = NT_SUCCESS(port.memory.allocate_adl(&allocate));
    adl_ = allocate.pAdl;
  }
  if (good) return;
  if (view_ != nullptr) {
    const DXGKARGCB_UNMAP_PHYSICAL_MEMORY unmap{object_, view_, view_size_};
    port.memory.unmap(&unmap);
  }
  const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT destroy{object_, adapter_object_};
  port.memory.destroy(&destroy);
  throw std::bad_alloc();
}

PagingMemory::~PagingMemory() {
  try {
    const DXGKARGCB_FREE_ADL free{adapter_object_, adl_};
    port_.memory.free_adl(&free);
    const DXGKARGCB_UNMAP_PHYSICAL_MEMORY unmap{object_, view_, view_size_};
    port_.memory.unmap(&unmap);
    const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT destroy{object_, adapter_object_};
    port_.memory.destroy(&destroy);
  } catch (const std::exception&) {
    // The remapping unit does not answer; the end of its domain is where that is reported.
  }
}

std::uint64_t PagingMemory::device_address() const {
  return (adl_->Flags.Contiguous != 0 ? adl_->BasePageNumber : adl_->Pages[0]) << hw::kPageShift;
}

PagingQueue::Buffer::Buffer(const PagingPort& port, const Config& config)
    : memory(port, config.buffer_size, true), private_data(config.private_size) {}

PagingQueue::PagingQueue(const PagingPort& port, const Config& config, Wait wait)
    : port_(port), config_(config), wait_(std::move(wait)) {
  for (unsigned i = 0; i < kBuffers; ++i) buffers_.emplace_back(port, config_);
  buffer_ = buffers_.begin();
}

// The next buffer, when the GPU is through with it. While nothing may be submitted it is one that nothing has
// been written to since the reset, or a new one; without memory for that the reset has failed.
PagingQueue::Buffer& PagingQueue::advance() {
  const auto old = buffer_;
  if (++buffer_ == buffers_.end()) buffer_ = buffers_.begin();
  if (deferring_) {
    if (buffer_ == old || buffer_->busy) {
      try {
        buffer_ = buffers_.emplace(std::next(old), port_, config_);
      } catch (const std::bad_alloc&) {
        throw BugCheck(bugcheck::kVideoTdrFailure,
                       {0, 0, static_cast<std::uint32_t>(STATUS_INSUFFICIENT_RESOURCES), 0},
                       "no memory for the paging buffers of a reset's clean-up");
      }
    }
    return *buffer_;
  }
  if (buffer_->busy) wait_(*this, buffer_->last_fence);
  buffer_->used = buffer_->private_used = 0;
  buffer_->busy = false;
  return *buffer_;
}

PagingQueue::Buffer& PagingQueue::current() {
  return config_.buffer_size - buffer_->used < config_.buffer_size / kWorthFilling ? advance() : *buffer_;
}

std::optional<UINT> PagingQueue::run(DXGK_BUILDPAGINGBUFFER_OPERATION operation, const Describe& describe,
                                     std::uint64_t failure) {
  std::optional<UINT> fence;
  UINT multipass = 0;
  unsigned busy = 0;
  Buffer* buffer = &current();
  for (;;) {
    const bool fresh = buffer->used == 0;
    DXGKARG_BUILDPAGINGBUFFER args{};
    args.pDmaBuffer = buffer->memory.data() + buffer->used;
    args.DmaSize = config_.buffer_size - buffer->used;
    args.pDmaBufferPrivateData = buffer->private_data.data() + buffer->private_used;
    args.DmaBufferPrivateDataSize = config_.private_size - buffer->private_used;
    args.Operation = operation;
    args.MultipassOffset = multipass;
    describe(args);
    NTSTATUS status = STATUS_SUCCESS;
    {
      const DdiGate::Call inside(port_.gate);
      CallScope call(port_.calls, "DxgkDdiBuildPagingBuffer",
                     fmt::format("operation {}, pass {:#x}", static_cast<int>(operation), multipass),
                     {&args, port_.device_handle, -1, config_.engine});
      status = call.done(port_.driver.DxgkDdiBuildPagingBuffer(port_.context, &args));
    }
    const auto submitted = take(*buffer, args);
    if (submitted) fence = submitted;
    if (status == STATUS_SUCCESS) return fence;
    if (status == STATUS_GRAPHICS_INSUFFICIENT_DMA_BUFFER) {
      if (fresh && !submitted && args.MultipassOffset == multipass)
        throw BugCheck(bugcheck::kVideoMemoryManagementInternal,
                       {failure, static_cast<std::uint32_t>(status), 0, 0},
                       fmt::format("BuildPagingBuffer finds a whole buffer too small for operation {}",
                                   static_cast<int>(operation)));
      multipass = args.MultipassOffset;
      buffer = &advance();
    } else if (status == STATUS_GRAPHICS_ALLOCATION_BUSY && ++busy <= kBusyTries) {
      if (!idle() && !deferring_) wait_(*this, submitted_);
    } else {
      const bool allowed = status == STATUS_GRAPHICS_ALLOCATION_BUSY;
      throw BugCheck(bugcheck::kVideoMemoryManagementInternal,
                     {allowed ? failure : bugcheck::kBadPagingStatus, static_cast<std::uint32_t>(status), 0,
                      static_cast<std::uint64_t>(operation)},
                     fmt::format("BuildPagingBuffer answers {:#x} to operation {}",
                                 static_cast<std::uint32_t>(status), static_cast<int>(operation)));
    }
  }
}

// What a call of BuildPagingBuffer left behind, submitted. nullopt: it wrote nothing.
std::optional<UINT> PagingQueue::take(Buffer& buffer, const DXGKARG_BUILDPAGINGBUFFER& args) {
  const UCHAR* start = buffer.memory.data() + buffer.used;
  const auto written = static_cast<UCHAR*>(args.pDmaBuffer) - start;
  if (written < 0 || written > static_cast<std::ptrdiff_t>(config_.buffer_size - buffer.used))
    throw BugCheck(bugcheck::kVideoMemoryManagementInternal, {bugcheck::kDmaBufferOverflow, 0, 0, 0},
                   "the driver wrote beyond its paging buffer");
  const UCHAR* private_start = buffer.private_data.data() + buffer.private_used;
  const auto noted = static_cast<UCHAR*>(args.pDmaBufferPrivateData) - private_start;
  if (noted < 0 || noted > static_cast<std::ptrdiff_t>(config_.private_size - buffer.private_used))
    throw BugCheck(bugcheck::kVideoMemoryManagementInternal, {bugcheck::kPrivateDataOverflow, 0, 0, 0},
                   "the driver wrote beyond the private data of its paging buffer");
  if (written == 0) return std::nullopt;

  DXGKARG_SUBMITCOMMAND command{};
  command.DmaBufferPhysicalAddress.QuadPart = static_cast<LONGLONG>(buffer.memory.device_address());
  command.DmaBufferSize = config_.buffer_size;
  command.DmaBufferSubmissionStartOffset = buffer.used;
  command.DmaBufferSubmissionEndOffset = buffer.used + static_cast<UINT>(written);
  command.pDmaBufferPrivateData = buffer.private_data.data();
  command.DmaBufferPrivateDataSize = config_.private_size;
  command.DmaBufferPrivateDataSubmissionStartOffset = buffer.private_used;
  command.DmaBufferPrivateDataSubmissionEndOffset = buffer.private_used + static_cast<UINT>(noted);
  command.Flags.Paging = 1;
  command.EngineOrdinal = config_.engine;
  command.NodeOrdinal = config_.node;
  buffer.used += static_cast<UINT>(written);
  buffer.private_used += static_cast<UINT>(noted);
  buffer.busy = true;
  const Packet packet{command, buffer.memory.data()};
  if (deferring_) {
    deferred_.push_back(packet);
    buffer.last_fence = submitted_;
    return submitted_;
  }
  buffer.last_fence = submitted_ + 1;  // before a reset may end this
  return submit(packet);
}

UINT PagingQueue::submit(Packet packet) {
  if (config_.packets != 0 && submitted_ - visible_ >= config_.packets)
    wait_(*this, submitted_ - config_.packets + 1);
  while (!outstanding_.empty() && reached(visible_, outstanding_.front().args.SubmissionFenceId))
    outstanding_.pop_front();
  packet.args.SubmissionFenceId = ++submitted_;
  outstanding_.push_back(packet);
  if (config_.patch) {  // E7: no patch lists
    DXGKARG_PATCH patch{};
    patch.DmaBufferPhysicalAddress = packet.args.DmaBufferPhysicalAddress;
    patch.pDmaBuffer = packet.data;
    patch.DmaBufferSize = packet.args.DmaBufferSize;
    patch.DmaBufferSubmissionStartOffset = packet.args.DmaBufferSubmissionStartOffset;
    patch.DmaBufferSubmissionEndOffset = packet.args.DmaBufferSubmissionEndOffset;
    patch.pDmaBufferPrivateData = packet.args.pDmaBufferPrivateData;
    patch.DmaBufferPrivateDataSize = packet.args.DmaBufferPrivateDataSize;
    patch.DmaBufferPrivateDataSubmissionStartOffset = packet.args.DmaBufferPrivateDataSubmissionStartOffset;
    patch.DmaBufferPrivateDataSubmissionEndOffset = packet.args.DmaBufferPrivateDataSubmissionEndOffset;
    patch.SubmissionFenceId = packet.args.SubmissionFenceId;
    patch.Flags.Paging = 1;
    patch.EngineOrdinal = config_.engine;
    const DdiGate::Call inside(port_.gate);
    CallScope call(port_.calls, "DxgkDdiPatch", {}, {&patch});
    if (const NTSTATUS status = call.done(port_.driver.DxgkDdiPatch(port_.context, &patch));
        !NT_SUCCESS(status))
      throw BugCheck(bugcheck::kVideoSchedulerInternalError,
                     {bugcheck::kPatchFailed, static_cast<std::uint32_t>(status), 0, 0}, "Patch failed");
  }
  call_submit(packet);
  return packet.args.SubmissionFenceId;
}

void PagingQueue::call_submit(const Packet& packet) {
  CallScope call(
      port_.calls, "DxgkDdiSubmitCommand",
      fmt::format("engine {}, fence {}, bytes {:#x} to {:#x}", config_.engine, packet.args.SubmissionFenceId,
                  packet.args.DmaBufferSubmissionStartOffset, packet.args.DmaBufferSubmissionEndOffset),
      {&packet.args, port_.device_handle, -1, config_.engine});
  NTSTATUS status = STATUS_SUCCESS;
  {
    const wdk::IrqlRaise raised(wdk::Runtime::active(), DISPATCH_LEVEL);
    status = call.done(port_.driver.DxgkDdiSubmitCommand(port_.context, &packet.args));
  }
  port_.left_dispatch();
  if (!NT_SUCCESS(status))  // E10
    throw BugCheck(bugcheck::kVideoSchedulerInternalError,
                   {bugcheck::kSubmissionFailed, static_cast<std::uint32_t>(status),
                    reinterpret_cast<std::uintptr_t>(&packet.args), 0},
                   fmt::format("SubmitCommand failed: {:#x}", static_cast<std::uint32_t>(status)));
}

PagingQueue::Outcome PagingQueue::wait(UINT fence, std::uint64_t cycles) {
  const auto ended = [&] { return faulted_.load() || reached(visible_, fence); };
  bool done = port_.time.wait_until(ended, cycles);
  if (!done) {  // an interrupt may have been lost
    query_fence();
    done = port_.time.wait_until(ended, kSettleCycles);
  }
  if (faulted_) {
    const std::lock_guard guard(mutex_);
    throw BugCheck(
        bugcheck::kVideoSchedulerInternalError,
        {bugcheck::kPagingCommandFailed, static_cast<std::uint32_t>(fault_status_), faulted_fence_, 0},
        fmt::format("the driver reports paging command {} as failed: {:#x}", faulted_fence_,
                    static_cast<std::uint32_t>(fault_status_)));
  }
  return done ? Outcome::kDone : Outcome::kTimeout;
}

void PagingQueue::query_fence() {
  if (port_.driver.DxgkDdiQueryCurrentFence == nullptr) return;
  DXGKARG_QUERYCURRENTFENCE args{0, config_.node, config_.engine};
  const DdiGate::Call inside(port_.gate);
  CallScope call(port_.calls, "DxgkDdiQueryCurrentFence", {}, {&args});
  (void)call.done(port_.driver.DxgkDdiQueryCurrentFence(port_.context, &args));
}

bool PagingQueue::preempt(std::uint64_t cycles) {
  if (port_.driver.DxgkDdiPreemptCommand == nullptr) return false;
  DXGKARG_PREEMPTCOMMAND args{++preemptions_, config_.node, config_.engine, {}};
  NTSTATUS status = STATUS_SUCCESS;
  {
    CallScope call(port_.calls, "DxgkDdiPreemptCommand", fmt::format("fence {}", args.PreemptionFenceId),
                   {&args});
    const wdk::IrqlRaise raised(wdk::Runtime::active(), DISPATCH_LEVEL);
    status = call.done(port_.driver.DxgkDdiPreemptCommand(port_.context, &args));
  }
  port_.left_dispatch();
  if (!NT_SUCCESS(status))  // E10
    throw BugCheck(bugcheck::kVideoSchedulerInternalError,
                   {bugcheck::kSubmissionFailed, static_cast<std::uint32_t>(status),
                    reinterpret_cast<std::uintptr_t>(&args), 0},
                   fmt::format("PreemptCommand failed: {:#x}", static_cast<std::uint32_t>(status)));
  return port_.time.wait_until([&] { return preempted_visible_ == preemptions_; }, cycles);
}

void PagingQueue::ignore_notifications(bool ignore) {
  const std::lock_guard guard(mutex_);
  ignoring_ = ignore;
}

bool PagingQueue::engine_was_reset(UINT fence) {
  {
    const std::lock_guard guard(mutex_);
    if (!reached(fence, completed_) || !reached(submitted_, fence))
      throw BugCheck(
          bugcheck::kVideoSchedulerInternalError, {bugcheck::kInvalidAbortedFence, fence, completed_, 0},
          fmt::format("the driver aborted fence {}, completed are {} of {}", fence, completed_, submitted_));
    if (fence != completed_) {
      completed_ = visible_ = fence;
      return true;
    }
  }
  // Nothing was under way: whatever came too late goes to the node again, in its order.
  ignore_notifications(false);
  while (!outstanding_.empty() && reached(completed_, outstanding_.front().args.SubmissionFenceId))
    outstanding_.pop_front();
  for (Packet& packet : outstanding_) {
    packet.args.Flags.Resubmission = 1;
    call_submit(packet);
  }
  return false;
}

void PagingQueue::adapter_was_reset() {
  const std::lock_guard guard(mutex_);
  completed_ = visible_ = submitted_.load();
  preempted_ = preempted_visible_ = preemptions_;
  faulted_ = false;
  outstanding_.clear();
  for (Buffer& buffer : buffers_) {
    buffer.used = buffer.private_used = 0;
    buffer.busy = false;
  }
}

void PagingQueue::submit_deferred() {
  deferring_ = false;
  std::vector<Packet> packets;
  packets.swap(deferred_);
  for (const Packet& packet : packets) (void)submit(packet);
  for (Buffer& buffer : buffers_) buffer.last_fence = submitted_;
}

void PagingQueue::note_interrupt(const DXGKARGCB_NOTIFY_INTERRUPT_DATA& data) {
  const std::lock_guard guard(mutex_);
  if (ignoring_) return;
  const auto complete = [&](UINT fence) {
    if (!reached(fence, completed_) || !reached(submitted_, fence))
      throw BugCheck(
          bugcheck::kVideoSchedulerInternalError, {bugcheck::kInvalidFence, fence, completed_, submitted_},
          fmt::format("the driver reports fence {}, completed are {} of {}", fence, completed_, submitted_));
    completed_ = fence;
  };
  switch (data.InterruptType) {
    case DXGK_INTERRUPT_DMA_COMPLETED:
      complete(data.DmaCompleted.SubmissionFenceId);
      break;
    case DXGK_INTERRUPT_DMA_PREEMPTED:
      complete(data.DmaPreempted.LastCompletedFenceId);
      if (data.DmaPreempted.PreemptionFenceId != preemptions_)
        throw BugCheck(bugcheck::kVideoSchedulerInternalError,
                       {bugcheck::kInvalidFence, data.DmaPreempted.PreemptionFenceId, preemptions_, 0},
                       "the driver reports a preemption that nobody asked for");
      preempted_ = data.DmaPreempted.PreemptionFenceId;
      break;
    case DXGK_INTERRUPT_DMA_FAULTED:
      faulted_fence_ = data.DmaFaulted.FaultedFenceId;
      fault_status_ = data.DmaFaulted.Status;
      faulted_ = true;
      break;
    default:
      break;
  }
}

void PagingQueue::note_dpc() {
  const std::lock_guard guard(mutex_);
  visible_ = completed_.load();
  preempted_visible_ = preempted_.load();
}

}  // namespace gpudmar::dxgkrnl
