// SPDX-License-Identifier: Apache-2.0
// The DMA engine alone; top module dma_adapter.
rtl/pkg/dma_pkg.sv
rtl/lib/fifo.sv
rtl/lib/rr_arbiter.sv
rtl/lib/ram_1r1w.sv
rtl/dma/dma_job_pkg.sv
rtl/dma/dma_burst.sv
rtl/dma/dma_ar_mux.sv
rtl/dma/dma_regs.sv
rtl/dma/dma_msi.sv
rtl/dma/dma_ring.sv
rtl/dma/dma_decode.sv
rtl/dma/dma_rows.sv
rtl/dma/dma_fill.sv
rtl/dma/dma_map.sv
rtl/dma/dma_hint.sv
rtl/dma/dma_aperture.sv
rtl/dma/dma_read.sv
rtl/dma/dma_align.sv
rtl/dma/dma_write.sv
rtl/dma/dma_mover.sv
rtl/dma/dma_fence.sv
rtl/dma/dma_complete.sv
rtl/lib/axi_isolate.sv
rtl/lib/axil_isolate.sv
rtl/dma/dma_engine.sv
rtl/dma/dma_adapter.sv
