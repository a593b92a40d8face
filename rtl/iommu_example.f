// SPDX-License-Identifier: Apache-2.0
// The example of docs/iommu-integration.md; paths from the repository root.
rtl/pkg/vtd_pkg.sv
rtl/lib/fifo.sv
rtl/lib/fifo_2in.sv
rtl/lib/rr_arbiter.sv
rtl/lib/ram_1r1w.sv
rtl/iommu/iommu_iotlb_full.sv
rtl/iommu/iommu_iotlb_sets.sv
rtl/iommu/iommu_iotlb.sv
rtl/iommu/iommu_context_cache.sv
rtl/iommu/iommu_paging_cache.sv
rtl/iommu/iommu_entry_check.sv
rtl/iommu/iommu_request_check.sv
rtl/iommu/iommu_hints.sv
rtl/iommu/iommu_lane.sv
rtl/iommu/iommu_walker.sv
rtl/iommu/iommu_drain.sv
rtl/iommu/iommu_read_path.sv
rtl/iommu/iommu_write_path.sv
rtl/iommu/iommu_faults.sv
rtl/iommu/iommu_invalidation.sv
rtl/iommu/iommu_table_halves.sv
rtl/iommu/iommu_table_port.sv
rtl/iommu/iommu_regs.sv
rtl/iommu/iommu_quiesce.sv
rtl/iommu/iommu.sv
rtl/example/iommu_example.sv
