// SPDX-License-Identifier: Apache-2.0
// Whether a link takes part in paging: its driver has the entry points, and a member has segments.
#include <fmt/format.h>

#include <new>

#include "driver-model/dxgkrnl/kernel.h"

namespace gpudmar::dxgkrnl {
namespace {

bool has_paging(const DRIVER_INITIALIZATION_DATA& driver) {
  return driver.DxgkDdiBuildPagingBuffer != nullptr && driver.DxgkDdiSubmitCommand != nullptr &&
         driver.DxgkDdiCreateAllocation != nullptr && driver.DxgkDdiDestroyAllocation != nullptr;
}

}  // namespace

NTSTATUS Kernel::start_paging(LogicalAdapter& link) {
  if (!has_paging(driver_)) return STATUS_SUCCESS;
  std::vector<SegmentTable> tables(link.members.size());
  bool any = false;
  for (std::size_t i = 0; i < tables.size(); ++i) {
    std::string why;
    const NTSTATUS status = read_segments(
        [&](DXGK_QUERYSEGMENTIN4& in, DXGK_QUERYSEGMENTOUT4& out) {
          return query(*link.lead, DXGKQAITYPE_QUERYSEGMENT4, &out, sizeof(out), &in, sizeof(in));
        },
        static_cast<UINT>(i), tables[i], why);
    if (!NT_SUCCESS(status)) return fail(status, why);
    any = any || !tables[i].segments.empty();
  }
  if (!any) return STATUS_SUCCESS;

  DXGK_DRIVERCAPS driver_caps{};
  const NTSTATUS status = query(*link.lead, DXGKQAITYPE_DRIVERCAPS, &driver_caps, sizeof(driver_caps));
  if (!NT_SUCCESS(status)) return fail(status, "no DRIVERCAPS of a driver that has segments");
  Paging::Caps caps;
  caps.logical = link.memory.space->mode() == RemappingMode::kLogical;
  caps.map_aperture2 = driver_caps.MemoryManagementCaps.MapAperture2Supported != 0;
  caps.gpu_mmu = driver_caps.MemoryManagementCaps.GpuMmuSupported != 0;
  caps.per_engine_tdr = driver_caps.SupportPerEngineTDR != FALSE;
  caps.patch = driver_.DxgkDdiPatch != nullptr && driver_caps.SchedulingCaps.NoDmaPatching == 0;
  caps.node = driver_caps.MemoryManagementCaps.PagingNode;
  caps.packets = driver_caps.SchedulingCaps.HwQueuePacketCap;
  try {
    link.paging = std::make_unique<Paging>(PagingPort{driver_, link.lead->context, link.lead->device_handle,
                                                      calls_, *platform_.time, system_memory_, gate_,
                                                      [&link] {
                                                        for (PhysicalAdapter* member : link.members)
                                                          member->run_dpcs();
                                                      }},
                                           caps, std::move(tables), config_.paging);
  } catch (const std::bad_alloc&) {
    return fail(STATUS_INSUFFICIENT_RESOURCES, "no memory for paging buffers");
  }
  return STATUS_SUCCESS;
}

void Kernel::stop_paging(LogicalAdapter& link) {
  if (link.paging == nullptr) return;
  if (link.lead->started) link.paging->stop();
  const std::lock_guard guard(notification_mutex_);
  link.paging.reset();
}

Paging* Kernel::paging(std::size_t link) const {
  return link < links_.size() ? links_[link]->paging.get() : nullptr;
}

LogicalAdapter* Kernel::link_of(const PhysicalAdapter& adapter) const {
  for (const auto& link : links_)
    for (const PhysicalAdapter* member : link->members)
      if (member == &adapter) return link.get();
  return nullptr;
}

}  // namespace gpudmar::dxgkrnl
