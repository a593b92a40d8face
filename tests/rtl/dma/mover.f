// SPDX-License-Identifier: Apache-2.0
// The mover alone; top module mover_top.
rtl/pkg/dma_pkg.sv
rtl/lib/fifo.sv
rtl/lib/rr_arbiter.sv
rtl/lib/ram_1r1w.sv
rtl/dma/dma_job_pkg.sv
rtl/dma/dma_burst.sv
rtl/dma/dma_rows.sv
rtl/dma/dma_fill.sv
rtl/dma/dma_map.sv
rtl/dma/dma_hint.sv
rtl/dma/dma_aperture.sv
rtl/dma/dma_read.sv
rtl/dma/dma_align.sv
rtl/dma/dma_write.sv
rtl/dma/dma_mover.sv
tests/rtl/dma/mover_top.sv
