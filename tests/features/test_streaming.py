"""Rows are written in blocks that a kill can afford and a disk too, whatever the batch."""

import itertools

import numpy as np
import pytest

from leukfeat.features.cell_reading import CellRead
from leukfeat.features.streaming import BLOCK_ROWS, stream_rows

N_CELLS = 300


class BatchEngine:
    """Computes whole batches, and notes how many rows were not written when each began."""

    n_features = 1
    versions = {}  # noqa: RUF012

    def __init__(self, n_views):
        self.n_views, self.given, self.written, self.at_stake = n_views, 0, 0, []

    def stream(self, inputs, batch_size):
        source = iter(inputs)
        while batch := list(itertools.islice(source, batch_size)):
            self.given += len(batch)
            self.at_stake.append(-(-self.given // self.n_views) - self.written)
            for pixels in batch:
                yield np.array([pixels[0, 0, 0]], np.float32)


@pytest.mark.parametrize("n_views", [1, 8])
@pytest.mark.parametrize("batch_size", [1, 7, 32, 33, 60, 64, 100, 128, 1000])
def test_blocks_are_neither_single_rows_nor_more_than_a_kill_may_cost(batch_size, n_views):
    engine, blocks, rows = BatchEngine(n_views), [], []

    def keep(block, features, _):
        blocks.append(len(block))
        engine.written += len(block)
        rows.extend(features[:, 0].tolist())

    pixels = [np.full((n_views, 1, 1, 3), i % 256, np.uint8) for i in range(N_CELLS)]
    cells = (CellRead(i, bytes(32), inputs=one) for i, one in enumerate(pixels))
    stream_rows(cells, lambda: engine, keep, n_views=n_views, batch_size=batch_size)
    assert rows == [i % 256 for i in range(N_CELLS)]
    of_batch = -(-batch_size // n_views)
    assert max(engine.at_stake) <= max(BLOCK_ROWS, of_batch + (n_views > 1))
    # Half a block, and what is left at the end of a batch that is larger.
    assert len(blocks) <= 2 + N_CELLS / (BLOCK_ROWS // 2) + N_CELLS / max(of_batch, BLOCK_ROWS // 2)
