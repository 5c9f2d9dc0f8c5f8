"""Cells to rows in bounded memory: reading ahead in threads, computing, writing block by block."""

from __future__ import annotations

import collections
import concurrent.futures
import itertools
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leukfeat.features.cell_reading import CellRead, CellReader
from leukfeat.features.engines import Engine
from leukfeat.interrupts import interrupts_wait

__all__ = ["BLOCK_ROWS", "read_ahead", "stream_rows"]

BLOCK_ROWS = 64
"""Rows that a kill can cost at most, those not yet written and those being computed; with a larger
batch, that batch."""

BLOCK_SECONDS = 5.0
"""Seconds of work that a kill can cost, about: a block is written when it is so old."""


def read_ahead(
    reader: CellReader, cells: Iterable[tuple[int, Any]], ahead: int
) -> Generator[CellRead, None, None]:
    """Read cells in threads, a bounded number ahead, and give them back in order.

    Parameters
    ----------
    reader : CellReader
        Reads one.
    cells : iterable of (int, image)
        Place and image of each cell.
    ahead : int
        How many may be read before they are asked for.

    Yields
    ------
    CellRead
    """
    waiting: collections.deque[concurrent.futures.Future[CellRead]] = collections.deque()
    source = iter(cells)
    threads = min(4, os.cpu_count() or 1)
    pool = concurrent.futures.ThreadPoolExecutor(threads, thread_name_prefix="leukfeat-read")
    try:
        for index, image in itertools.islice(source, max(ahead, threads)):
            waiting.append(pool.submit(reader.read, index, image))
        while waiting:
            cell = waiting.popleft().result()
            for index, image in itertools.islice(source, 1):
                waiting.append(pool.submit(reader.read, index, image))
            yield cell
    finally:
        with interrupts_wait():
            pool.shutdown(wait=True, cancel_futures=True)


def stream_rows(
    cells: Iterator[CellRead],
    load: Callable[[], Engine],
    keep: Callable[[list[CellRead], NDArray[np.float32], Engine], None],
    *,
    n_views: int,
    batch_size: int,
) -> None:
    """Compute the rows of cells and hand them on in blocks.

    Parameters
    ----------
    cells : iterator of CellRead
        Only those with `inputs`.
    load : callable
        Gives the engine; called only when there is a cell.
    keep : callable
        Takes each block: its cells, their rows ``(n, n_features)``, the engine.
    n_views : int
        Inputs a cell, averaged to its row.
    batch_size : int
        Inputs computed together.
    """
    first = next(cells, None)
    if first is None:
        return
    engine = load()
    pending: collections.deque[CellRead] = collections.deque()

    def inputs() -> Iterator[NDArray[np.uint8]]:
        for cell in itertools.chain([first], cells):
            pending.append(cell)
            assert cell.inputs is not None
            views, cell.inputs = cell.inputs, None
            yield from views

    block: list[tuple[CellRead, NDArray[np.float32]]] = []

    def write() -> None:
        # An interrupt in the middle would lose the block: it is no longer here, not yet there.
        with interrupts_wait():
            if block:
                done = block[:]
                block.clear()
                keep([cell for cell, _ in done], np.stack([row for _, row in done]), engine)

    # Rows that wait together with the batch being computed: no more than a block, or none. Half a
    # block is worth the writing whatever the batch: row by row it costs more than the network.
    a_batch = -(-batch_size // n_views)
    full = max(BLOCK_ROWS - a_batch, BLOCK_ROWS // 2)
    rows = engine.stream(inputs(), batch_size)
    written, computed = time.monotonic(), 0
    try:
        while views := list(itertools.islice(rows, n_views)):
            row = views[0] if n_views == 1 else np.mean(views, axis=0)
            block.append((pending.popleft(), row))
            computed += n_views
            # Rows of a batch arrive together: do not write the first one by itself.
            batch_ends = computed % batch_size < n_views
            late = time.monotonic() - written > BLOCK_SECONDS
            too_many = len(block) + a_batch > BLOCK_ROWS
            if len(block) >= full or (batch_ends and (late or too_many)):
                write()
                written = time.monotonic()
    finally:
        # Also after Ctrl-C or an unreadable image: what was computed is kept.
        write()
        # Not left to the end of its life, where an interrupt cannot be raised.
        if hasattr(rows, "close"):
            rows.close()
