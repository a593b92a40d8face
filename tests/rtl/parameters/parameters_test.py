# SPDX-License-Identifier: Apache-2.0
"""Parameters that a block does not promise stop elaboration with its message; those at the edges of what it promises are
clean under -Wall."""
import concurrent.futures
import os
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

ENGINE = ("rtl/dma.f", "dma_adapter")
IOMMU = ("rtl/iommu.f", "iommu")

# top, parameters, the message
REFUSED = [
    (ENGINE, "Channels=0", "dma_engine: Channels must be 1 to 8"),
    (ENGINE, "Channels=9 IdWidth=6", "dma_engine: Channels must be 1 to 8"),
    (ENGINE, "DataWidth=32", "dma_engine: DataWidth must be 64, 128, 256 or 512"),
    (ENGINE, "DataWidth=1024", "dma_engine: DataWidth must be 64, 128, 256 or 512"),
    (ENGINE, "AddrBits=12", "dma_engine: AddrBits must be 13 to 64"),
    (ENGINE, "VramBits=12", "dma_engine: VramBits must be 13 to 64"),
    (ENGINE, "VramBits=65", "dma_engine: VramBits must be 13 to 64"),
    (ENGINE, "VirtualBits=12", "dma_engine: VirtualBits must be 13 to 64"),
    (ENGINE, "AperturePagesLog2=21", "dma_engine: AperturePagesLog2 must be 0 to 20"),
    (ENGINE, "Reads=0", "dma_engine: Reads must be 1 to 256"),
    (ENGINE, "Reads=257", "dma_engine: Reads must be 1 to 256"),
    (ENGINE, "IdWidth=3", "dma_engine: IdWidth must be 3 to 31, and 2 + log2(Channels) at least"),
    (ENGINE, "Channels=8 IdWidth=4", "dma_engine: IdWidth must be 3 to 31, and 2 + log2(Channels) at least"),
    (ENGINE, "MaxBurst=1", "dma_engine: MaxBurst must be 512/DataWidth (one descriptor) to 256"),
    (ENGINE, "MaxBurst=257 BufferBeats=512", "dma_engine: MaxBurst must be 512/DataWidth (one descriptor) to 256"),
    (ENGINE, "BufferBeats=8", "dma_engine: BufferBeats must be MaxBurst to 4096"),
    (ENGINE, "BufferBeats=8192", "dma_engine: BufferBeats must be MaxBurst to 4096"),
    (ENGINE, "HintAhead=0", "dma_engine: HintAhead must be 1 to 64"),
    (ENGINE, "HintAhead=65", "dma_engine: HintAhead must be 1 to 64"),
    (ENGINE, "Pipe=2", "dma_engine: Pipe must be 0 or 1"),
    (IOMMU, "NumPorts=5 IdWidth=4", "iommu: NumPorts must be 1 to 4"),
    (IOMMU, "IdWidth=9", "iommu: IdWidth must be 1 to 8"),
    (IOMMU, "DataWidth=32", "iommu_table_port: DataWidth must be 64, 128, 256 or 512"),
    (IOMMU, "NumWalks=1", "iommu_walker: NumWalks must be 2 to 64"),
    (IOMMU, "HintWalks=0", "iommu_walker: HintWalks must be 1 to 16"),
    (IOMMU, "Haw=31", "iommu_walker: Haw must be 32 to 52"),
    (IOMMU, "Mgaw=58", "iommu_walker: Mgaw must be 39 to 57"),
    (IOMMU, "Sagaw=1", "iommu_walker: Sagaw may have bits 1 to 3 only, and at least one"),
    (IOMMU, "DidWidth=17", "iommu_walker: DidWidth must be 4 to 16"),
    (IOMMU, "ContextEntries=1", "iommu_context_cache: Entries must be at least 2"),
    (IOMMU, "Records=0", "iommu_faults: Records must be 1 to 256"),
    (IOMMU, "IotlbEntries=1", "iommu_iotlb_full: Entries must be at least 2"),
    (IOMMU, "IotlbWays=3 IotlbEntries=64", "iommu_iotlb: Entries must be a multiple of Ways"),
    (IOMMU, "IotlbWays=4 IotlbEntries=24", "iommu_iotlb_sets: Sets must be a power of two, at least 4"),
    (IOMMU, "IotlbWays=4 IotlbGenBits=9", "iommu_iotlb_sets: GenBits must be 1 to 8"),
    (IOMMU, "Parks=3", "iommu_lane: Parks must be 4 to 128"),
    (IOMMU, "Pipe=2", "iommu_lane: Pipe must be 0 or 1"),
    (IOMMU, "MaxBurst=257", "iommu_read_path: MaxBurst must be 1 to 256 beats, and BufBeats hold them"),
    (IOMMU, "WriteBeats=3", "iommu_write_path: BufBeats must be at least 4"),
    (IOMMU, "QueueSlots=3", "iommu_invalidation: BurstSlots must be 2, 4, 8 or 16 and fill a beat, Bursts at least 2"),
]

ACCEPTED = [
    (ENGINE, "Channels=1 IdWidth=3"),
    (ENGINE, "Channels=3"),
    (ENGINE, "Channels=8 IdWidth=5 DataWidth=512 Reads=256 MaxBurst=64"),
    (ENGINE, "DataWidth=512 MaxBurst=1 BufferBeats=2 Channels=1 IdWidth=3"),
    (ENGINE, "DataWidth=64 MaxBurst=256 Reads=256 Channels=1 IdWidth=31"),
    (ENGINE, "MaxBurst=12 BufferBeats=100 Channels=1"),
    (ENGINE, "AddrBits=13 VramBits=13 VirtualBits=13 Channels=1"),
    (ENGINE, "AddrBits=64 VramBits=64 VirtualBits=64 Channels=1 HintAhead=64"),
    (ENGINE, "AperturePagesLog2=0 Channels=1 HintAhead=1"),
    (ENGINE, "AperturePagesLog2=1 Channels=1 Reads=1"),
    (ENGINE, "AperturePagesLog2=20 Channels=1 Pipe=1"),
]


def lint(top, parameters):
    """Exit status and output of Verilator."""
    file_list, module = top
    command = ["verilator", "--lint-only", "-Wall", "--assert", "--top-module", module,
               *(f"-G{word}" for word in parameters.split()), "rtl/waivers.vlt", "-f", file_list]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout + done.stderr


class Parameters(unittest.TestCase):
    """One run of Verilator a row."""

    @classmethod
    def setUpClass(cls):
        rows = [row[:2] for row in REFUSED + ACCEPTED]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            cls.results = dict(zip(rows, pool.map(lambda row: lint(*row), rows)))

    def test_others_than_promised_are_refused_with_a_message(self):
        for top, parameters, message in REFUSED:
            with self.subTest(top=top[1], parameters=parameters):
                status, output = self.results[top, parameters]
                self.assertNotEqual(status, 0)
                self.assertIn(message, output)

    def test_the_edges_of_what_is_promised_are_clean(self):
        for top, parameters in ACCEPTED:
            with self.subTest(top=top[1], parameters=parameters):
                status, output = self.results[top, parameters]
                self.assertEqual(status, 0, output)


if __name__ == "__main__":
    unittest.main()
