// SPDX-License-Identifier: Apache-2.0
// Entry points of the scripted paging driver.
#include "tests/driver-model/paging/scripted_driver.h"

#include <cstring>

#include "driver-model/dxgkrnl/bugcheck.h"

namespace gpudmar::test {
namespace {

PagingScript* g_script = nullptr;

}  // namespace

/// At the device's interrupt level, as an interrupt routine would.
void notify(const DXGKARGCB_NOTIFY_INTERRUPT_DATA& data) {
  struct Context {
    DXGKARGCB_NOTIFY_INTERRUPT_DATA data;
  } context{data};
  BOOLEAN result = FALSE;
  const auto routine = [](PVOID pointer) -> BOOLEAN {
    g_script->dxgk.DxgkCbNotifyInterrupt(g_script->dxgk.DeviceHandle, &static_cast<Context*>(pointer)->data);
    return TRUE;
  };
  g_script->dxgk.DxgkCbSynchronizeExecution(g_script->dxgk.DeviceHandle, routine, &context, 0, &result);
  g_script->dxgk.DxgkCbQueueDpc(g_script->dxgk.DeviceHandle);
}

void complete(UINT fence) {
  DXGKARGCB_NOTIFY_INTERRUPT_DATA data{};
  data.InterruptType = DXGK_INTERRUPT_DMA_COMPLETED;
  data.DmaCompleted.SubmissionFenceId = fence;
  notify(data);
}

void preempted(UINT preemption, UINT last) {
  DXGKARGCB_NOTIFY_INTERRUPT_DATA data{};
  data.InterruptType = DXGK_INTERRUPT_DMA_PREEMPTED;
  data.DmaPreempted.PreemptionFenceId = preemption;
  data.DmaPreempted.LastCompletedFenceId = last;
  notify(data);
}

namespace {

NTSTATUS add_device(const PDEVICE_OBJECT, PVOID* context) {
  *context = g_script;
  return STATUS_SUCCESS;
}

NTSTATUS start_device(const PVOID, PDXGK_START_INFO, PDXGKRNL_INTERFACE table, PULONG sources,
                      PULONG children) {
  g_script->dxgk = *table;
  *sources = *children = 0;
  return STATUS_SUCCESS;
}

template <typename T>
NTSTATUS answer(IN_CONST_PDXGKARG_QUERYADAPTERINFO args, const T& value) {
  std::memcpy(args->pOutputData, &value, sizeof(value));
  return STATUS_SUCCESS;
}

NTSTATUS query_segments(DXGK_QUERYSEGMENTOUT4& out) {
  if (out.NbSegment == 0) {
    out.NbSegment = 2;
    return STATUS_SUCCESS;
  }
  for (UINT i = 0; i < 2; ++i) {
    DXGK_SEGMENTDESCRIPTOR4 segment{};
    segment.Size = 16 * kPage;
    segment.BaseAddress.QuadPart = i == 0 ? 0x100000 : 0;
    segment.Flags.Aperture = i;
    segment.Flags.CacheCoherent = i;
    if (i == 0 && g_script->carved_out != 0) {
      segment.Flags.PopulatedFromSystemMemory = 1;
      segment.CpuTranslatedAddress.QuadPart = static_cast<LONGLONG>(g_script->carved_out);
    }
    std::memcpy(out.pSegmentDescriptor + i * out.SegmentDescriptorStride, &segment, sizeof(segment));
  }
  out.PagingBufferSize = kBufferSize;
  out.PagingBufferPrivateDataSize = 64;
  return STATUS_SUCCESS;
}

NTSTATUS query(const HANDLE, IN_CONST_PDXGKARG_QUERYADAPTERINFO args) {
  switch (args->Type) {
    case DXGKQAITYPE_PHYSICAL_MEMORY_CAPS: {
      DXGK_PHYSICAL_MEMORY_CAPS caps{};
      caps.HighestVisibleAddress.QuadPart = (1LL << 40) - 1;
      return answer(args, caps);
    }
    case DXGKQAITYPE_IOMMU_CAPS: {
      DXGK_IOMMU_CAPS caps{};
      caps.IommuIsolationSupported = 1;
      caps.DmaRemappingSupported = 1;
      return answer(args, caps);
    }
    case DXGKQAITYPE_DRIVERCAPS: {
      DXGK_DRIVERCAPS caps{};
      caps.MemoryManagementCaps.IoMmuSecureModeSupported = 1;
      caps.MemoryManagementCaps.MapAperture2Supported = 1;
      caps.MemoryManagementCaps.GpuMmuSupported = g_script->gpu_mmu ? 1 : 0;
      caps.MemoryManagementCaps.PagingNode = 5;
      caps.SchedulingCaps.HwQueuePacketCap = g_script->cap;
      caps.SupportPerEngineTDR = g_script->per_engine ? TRUE : FALSE;
      return answer(args, caps);
    }
    case DXGKQAITYPE_QUERYSEGMENT4:
      return query_segments(*static_cast<DXGK_QUERYSEGMENTOUT4*>(args->pOutputData));
    default:
      return STATUS_NOT_SUPPORTED;
  }
}

NTSTATUS begin_exclusive(const PVOID, IN_PDXGKARG_BEGINEXCLUSIVEACCESS) {
  return g_script->note("BeginExclusive");
}
NTSTATUS end_exclusive(const PVOID, IN_PDXGKARG_ENDEXCLUSIVEACCESS) { return g_script->note("EndExclusive"); }
NTSTATUS stop_device(const PVOID) { return STATUS_SUCCESS; }
VOID dpc(const PVOID) { g_script->dxgk.DxgkCbNotifyDpc(g_script->dxgk.DeviceHandle); }

NTSTATUS create_allocation(const HANDLE, INOUT_PDXGKARG_CREATEALLOCATION args) {
  const NTSTATUS status = g_script->note("CreateAllocation");
  if (!NT_SUCCESS(status)) return status;
  DXGK_ALLOCATIONINFO& info = args->pAllocationInfo[0];
  info.Size = *static_cast<const std::uint64_t*>(info.pPrivateDriverData);
  info.SupportedReadSegmentSet = info.SupportedWriteSegmentSet = g_script->segments;
  info.FlagsWddm2 = g_script->flags;
  info.hAllocation = g_script;
  return STATUS_SUCCESS;
}

NTSTATUS destroy_allocation(const HANDLE, IN_CONST_PDXGKARG_DESTROYALLOCATION args) {
  EXPECT_EQ(args->NumAllocations, 1U);
  EXPECT_EQ(args->pAllocationList[0], g_script);
  return g_script->note("DestroyAllocation");
}

NTSTATUS build(const HANDLE, IN_PDXGKARG_BUILDPAGINGBUFFER args) {
  g_script->calls.push_back("Build " + std::to_string(args->Operation));
  g_script->built.push_back(*args);
  EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
  if (g_script->on_build) return g_script->on_build(*args);
  std::memset(args->pDmaBuffer, 0, 16);
  args->pDmaBuffer = static_cast<UCHAR*>(args->pDmaBuffer) + 16;
  return STATUS_SUCCESS;
}

NTSTATUS submit(const HANDLE, IN_CONST_PDXGKARG_SUBMITCOMMAND args) {
  EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
  EXPECT_EQ(args->hDevice, nullptr);
  EXPECT_EQ(args->Flags.Paging, 1U);
  EXPECT_EQ(args->NodeOrdinal, 5U);
  g_script->submitted.push_back(*args);
  const NTSTATUS status = g_script->note("Submit " + std::to_string(args->SubmissionFenceId));
  if (!NT_SUCCESS(status)) return status;
  if (g_script->on_submit) return g_script->on_submit(*args);
  complete(args->SubmissionFenceId);
  return STATUS_SUCCESS;
}

NTSTATUS patch(const HANDLE, IN_CONST_PDXGKARG_PATCH args) {
  EXPECT_EQ(args->AllocationListSize, 0U);
  EXPECT_EQ(args->PatchLocationListSize, 0U);
  EXPECT_EQ(args->Flags.Paging, 1U);
  return g_script->note("Patch");
}

NTSTATUS preempt(const HANDLE, IN_CONST_PDXGKARG_PREEMPTCOMMAND) {
  EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
  const NTSTATUS status = g_script->note("Preempt");
  if (g_script->on_preempt) g_script->on_preempt();
  return status;
}

NTSTATUS reset_from_timeout(const HANDLE) { return g_script->note("ResetFromTimeout"); }
NTSTATUS restart_from_timeout(const HANDLE) { return g_script->note("RestartFromTimeout"); }
NTSTATUS reset_engine(const HANDLE, INOUT_PDXGKARG_RESETENGINE args) {
  const NTSTATUS status = g_script->note("ResetEngine");
  return NT_SUCCESS(status) && g_script->on_reset_engine ? g_script->on_reset_engine(*args) : status;
}
NTSTATUS engine_status(const HANDLE, INOUT_PDXGKARG_QUERYENGINESTATUS args) {
  args->EngineStatus.Responsive = g_script->responsive ? 1 : 0;
  return g_script->note("EngineStatus");
}

NTSTATUS scripted_entry(PDRIVER_OBJECT driver, PUNICODE_STRING path) {
  DRIVER_INITIALIZATION_DATA data{};
  data.Version = DXGKDDI_INTERFACE_VERSION;
  data.DxgkDdiAddDevice = add_device;
  data.DxgkDdiStartDevice = start_device;
  data.DxgkDdiStopDevice = stop_device;
  data.DxgkDdiRemoveDevice = stop_device;
  data.DxgkDdiDpcRoutine = dpc;
  data.DxgkDdiQueryAdapterInfo = query;
  data.DxgkDdiCreateAllocation = create_allocation;
  data.DxgkDdiDestroyAllocation = destroy_allocation;
  data.DxgkDdiBuildPagingBuffer = build;
  data.DxgkDdiSubmitCommand = submit;
  if (g_script->patch) data.DxgkDdiPatch = patch;
  data.DxgkDdiPreemptCommand = preempt;
  data.DxgkDdiResetFromTimeout = reset_from_timeout;
  data.DxgkDdiRestartFromTimeout = restart_from_timeout;
  data.DxgkDdiResetEngine = reset_engine;
  data.DxgkDdiQueryEngineStatus = engine_status;
  data.DxgkDdiBeginExclusiveAccess = begin_exclusive;
  data.DxgkDdiEndExclusiveAccess = end_exclusive;
  return DxgkInitialize(driver, path, &data);
}

}  // namespace

PagingDriver::PagingDriver() { g_script = &script_; }

PagingDriver::~PagingDriver() {
  m_.reset();
  g_script = nullptr;
}

void PagingDriver::make(dxgkrnl::PagingConfig paging) {
  PagingMachine::Options options;
  options.gpus = 1;
  options.driver = scripted_entry;
  options.high_memory = mode_ == dxgkrnl::RemappingMode::kLogical;
  options.kernel.isolation = mode_ == dxgkrnl::RemappingMode::kIsolation;
  options.kernel.paging = paging;
  options.kernel.paging.tdr_delay = 1000;
  options.kernel.paging.preemption_delay = 100;
  m_ = std::make_unique<PagingMachine>(std::move(options));
}

void PagingDriver::start(dxgkrnl::PagingConfig paging) {
  make(paging);
  ASSERT_EQ(m_->start(), STATUS_SUCCESS) << m_->kernel->start_error();
}

std::pair<std::uint64_t, std::uint64_t> PagingDriver::end_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const dxgkrnl::BugCheck& bugcheck) {
    EXPECT_NE(std::strlen(bugcheck.what()), 0U);
    return {bugcheck.code(), bugcheck.parameter(0)};
  }
  ADD_FAILURE() << "no bugcheck";
  return {};
}

}  // namespace gpudmar::test
