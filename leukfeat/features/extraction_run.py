"""One extraction: what is known of each image, what is missing, and filling the gap."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import time
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leukfeat.exceptions import CacheError, ImageReadError, WeightsError
from leukfeat.features.backbones import find_backbone
from leukfeat.features.cell_reading import CellRead, CellReader, network_inputs
from leukfeat.features.engines import Engine, check_engine, load_engine
from leukfeat.features.engines.workers import WorkersEngine, count_workers
from leukfeat.features.feature_space import FeatureSpace
from leukfeat.features.memory_rows import MemoryRows
from leukfeat.features.progress import NoBar, pausing, progress_bar
from leukfeat.features.rates import remember_rate
from leukfeat.features.row_length import count_features
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.store import StatIndex, StoreReader, StoreWriter
from leukfeat.features.store.file_index import FileIndex
from leukfeat.features.store.layout import KEY_BYTES
from leukfeat.features.store.reader import Rows
from leukfeat.features.store.row_index import RowIndex
from leukfeat.features.store.stat_index import Seen
from leukfeat.features.streaming import read_ahead, stream_rows
from leukfeat.features.weights import WeightsSource, must_be_fetched
from leukfeat.imaging.reading import read_bytes
from leukfeat.interrupts import interrupts_wait

__all__ = ["ExtractionRun"]

logger = logging.getLogger("leukfeat")

_ATTEMPTS = 3
_REMEMBER_EVERY = 1000
_RATE_FROM = 64
_ENTRIES_A_READ = 1000
"""Entries of a store's index of files for which a file is read once more (60 kB of memory)."""


class ExtractionRun:
    """The state of one call of extract_features.

    Parameters
    ----------
    images : list of str or ndarray
        Paths or RGB ``uint8``.
    source : WeightsSource or None
        Weights of the network; a run without one loads its own engine.
    batch_size : int
        Inputs computed together.
    progress : bool
        Whether to show a bar.
    trust_stat : bool
        Whether files that look unchanged need not be read.
    device : str, default="auto"
        Where the engine computes.

    Attributes
    ----------
    device : str
        As given.
    keys : ndarray of uint8 of shape (n_images, 32)
        Digest of each image's pixels, zeros where not known yet.
    problems : dict of int to ImageReadError
        Images that cannot be read.
    """

    spec: FeatureSpace
    path: str | None = None

    def __init__(
        self,
        images: list[Any],
        source: WeightsSource | None,
        batch_size: int,
        progress: bool,
        *,
        trust_stat: bool,
        device: str = "auto",
    ) -> None:
        self.images = images
        self.keys = np.zeros((len(images), KEY_BYTES), np.uint8)
        self.problems: dict[int, ImageReadError] = {}
        self._source = source
        self._batch_size = batch_size
        self._progress = progress
        self._trust_stat = trust_stat
        self.device = device
        self._place = {} if device == "auto" else {"device": device}
        self._index = RowIndex(self.keys[:0])
        self._files = FileIndex.empty()
        self._stat = StatIndex()
        self._bar: Any = NoBar()

    @functools.cached_property
    def _workers(self) -> int:
        # Counted only where there is something to compute: a cluster may have to start first.
        return 0 if self._source is None else count_workers()

    @property
    def n_workers(self) -> int:
        """How many processes compute."""
        return max(1, self._workers)

    @property
    def must_fetch_weights(self) -> bool:
        """Whether computing rows would first fetch the network's weights."""
        if self._source is None or not isinstance(self.spec, FeatureSpec):
            return False
        if self._source.own is not None:
            return False
        return must_be_fetched(find_backbone(self.spec.backbone), self._source)

    def recall(self) -> None:
        """Fill in the keys of files that look unchanged since they were last read."""
        if not self._trust_stat:
            return
        places = [i for i, image in enumerate(self.images) if isinstance(image, str)]
        known = self._stat.look_up([self.images[i] for i in places])
        found = [(i, entry.key) for i, entry in zip(places, known, strict=True) if entry]
        if found:
            rows = np.frombuffer(b"".join(key for _, key in found), np.uint8)
            self.keys[[i for i, _ in found]] = rows.reshape(len(found), KEY_BYTES)

    def count_held(self, store: StoreReader) -> int:
        """Count the images that a store is known to hold."""
        return int((store.index.find(self.keys) >= 0).sum())

    def rows(self, *, skip: bool) -> Rows:
        """Compute what is missing, and return the rows of all images that can be read.

        Parameters
        ----------
        skip : bool
            Whether an unreadable image is left out instead of raised.

        Returns
        -------
        Rows

        Raises
        ------
        ImageReadError
            If an image cannot be read and `skip` is false, or if none can be.
        """
        if self.path is None:
            memory = MemoryRows(len(self.images))
            self._fill([*range(len(self.images))], memory, skip=skip)
            rows = memory.take([self.keys[i].tobytes() for i in self._kept()])
            assert rows is not None
            return rows
        for _ in range(_ATTEMPTS):
            self.refresh()
            todo = [
                i for i in np.flatnonzero(self._places() < 0).tolist() if i not in self.problems
            ]
            if todo:
                self._fill(todo, None, skip=skip)
            kept = self._kept()
            if not os.path.exists(self.path):
                raise CacheError(
                    f"The feature store {self.path!r} was removed while it was used. Call again."
                )
            with StoreReader(self.path) as store:
                places = store.index.find(self.keys[kept])
                if (places < 0).any():  # another process removed rows meanwhile
                    continue
                rows = store.read(places)
            if not rows.damaged.any():
                return rows
            logger.warning(
                "%d rows of %s are damaged and are computed again", rows.damaged.sum(), self.path
            )
            with StoreWriter(self.path, self.spec) as writer:
                writer.drop({self.keys[i].tobytes() for i in kept[rows.damaged]})
        raise CacheError(
            f"The feature store {self.path!r} loses rows while it is used: the disk may be failing, "
            "or another process keeps overwriting them. Give another 'cache'."
        )

    def is_held(self, key: bytes) -> bool:
        """Tell whether the store held a row when it was last looked at."""
        return self._index.find_one(key) >= 0

    def key_of_file(self, digest: bytes) -> bytes | None:
        """Return the key of a file whose bytes are known to the store, and whose row it holds."""
        return self._files.get(digest)

    def _prepare(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        assert isinstance(self.spec, FeatureSpec)
        return network_inputs(pixels, self.spec)

    def _reader(self, is_held: Callable[[bytes], bool]) -> CellReader:
        return CellReader(self._files, is_held, self._prepare)

    def _load_engine(self) -> Engine:
        assert self._source is not None
        assert isinstance(self.spec, FeatureSpec)
        if self._workers:
            n_features = self.count_features()
            return WorkersEngine(self.spec, self._source, self._workers, n_features, **self._place)
        return load_engine(self.spec, self._source, **self._place)

    def check_engine(self) -> None:
        """Raise as computing a row would, if what the engine needs is not here.

        Workers of a cluster are not asked: what they have is their own.
        """
        if self._source is not None and isinstance(self.spec, FeatureSpec) and not self._workers:
            check_engine(self.spec, self._source, **self._place)

    def count_features(self) -> int:
        """Return the length of a row; a network of the user's own is loaded to tell it."""
        if self._source is not None and self._source.own is not None:
            assert isinstance(self.spec, FeatureSpec)
            return load_engine(self.spec, self._source, **self._place).n_features
        return count_features(self.spec)

    def _check_finite(self, block: list[CellRead], features: NDArray[np.float32]) -> None:
        wrong = np.flatnonzero(~np.isfinite(features).all(axis=1))
        if len(wrong):
            image = self.images[block[wrong[0]].index]
            name = repr(image) if isinstance(image, str) else f"image {block[wrong[0]].index}"
            raise WeightsError(
                f"The backbone {self.spec.label!r} gives NaN or infinite features for {name}: "
                "its weights or its declared preprocessing are wrong. Nothing of this block is kept."
            )

    def _places(self) -> NDArray[np.int64]:
        return self._index.find(self.keys)

    def _kept(self) -> NDArray[np.int64]:
        kept = [i for i in range(len(self.images)) if i not in self.problems]
        if not kept:
            first = next(iter(self.problems.values()), None)
            raise ImageReadError(
                "There is no image to extract features from"
                + (f": none of {len(self.images)} can be read. First: {first}" if first else ".")
            )
        return np.array(kept, np.int64)

    def refresh(self, *, files: bool = True) -> None:
        """Look at the store again: rows held, and files known where an image is missing.

        Parameters
        ----------
        files : bool, default=True
            Whether files will be looked up.
        """
        if self.path is None or not os.path.exists(self.path):
            return
        with StoreReader(self.path) as store:
            self._index = store.index
            missing = np.flatnonzero(self._places() < 0) if files else ()
            paths = [self.images[i] for i in missing if isinstance(self.images[i], str)]
            if paths:
                # Few files are read twice rather than that millions of entries are kept.
                is_few = len(paths) * _ENTRIES_A_READ < store.n_files
                self._files = store.file_index(_digests_of(paths) if is_few else None)

    def _read(
        self, reader: CellReader, places: list[int], *, skip: bool, label: str
    ) -> Generator[CellRead, None, None]:
        """Read images ahead, with a bar; the files seen are remembered for the next call."""
        cells = ((i, self.images[i]) for i in places)
        ahead = read_ahead(reader, cells, 2 * self._batch_size // self.spec.n_views)
        seen: list[Seen] = []
        try:
            with contextlib.closing(ahead), progress_bar(len(places), label, self._progress) as bar:
                self._bar = bar
                for cell in ahead:
                    bar.update()
                    if cell.problem is not None:
                        if not skip:
                            raise ImageReadError(
                                f"{cell.problem} To leave out what cannot be read, and have it "
                                "listed in '.skipped', give errors='skip'."
                            ) from cell.problem
                        self.problems[cell.index] = cell.problem
                        continue
                    if cell.seen is not None and self.path is not None:
                        seen.append(cell.seen)
                    yield cell
                    if len(seen) >= _REMEMBER_EVERY:
                        self._stat.record(seen)
                        seen.clear()
        finally:
            with interrupts_wait():
                self._stat.record(seen)

    def _fill(self, todo: list[int], memory: MemoryRows | None, *, skip: bool) -> None:
        reader = self._reader(self.is_held)
        pairs: list[tuple[bytes, bytes]] = []
        paired: set[bytes] = set()
        writer: StoreWriter | None = None
        computed, started, start_seconds = 0, 0.0, 0.0

        def load() -> Engine:
            nonlocal started, start_seconds
            asked = time.monotonic()
            # Seconds, or a minute where a network is converted: no part of the time an image takes.
            what = "starting the network" if isinstance(self.spec, FeatureSpec) else "starting"
            with pausing(self._bar, what):
                engine = self._load_engine()
            started = time.monotonic()
            start_seconds = started - asked
            return engine

        def keep(block: list[CellRead], features: NDArray[np.float32], engine: Engine) -> None:
            nonlocal computed
            self._check_finite(block, features)
            controls = np.stack([cell.controls for cell in block if cell.controls is not None])
            sink = writer if writer is not None else memory
            assert sink is not None
            sink.append([cell.key for cell in block], features, controls, engine.versions)
            computed += len(block)
            if writer is not None:
                writer.append_files(pairs)
            pairs.clear()

        with contextlib.ExitStack() as stack:

            def missing() -> Generator[CellRead, None, None]:
                # Closed by name: what an interrupt raises at the end of a generator's life is lost.
                with contextlib.closing(
                    self._read(reader, todo, skip=skip, label=self.spec.label)
                ) as cells:
                    yield from wanted(cells)

            def wanted(cells: Generator[CellRead, None, None]) -> Generator[CellRead, None, None]:
                nonlocal writer
                for cell in cells:
                    self.keys[cell.index] = np.frombuffer(cell.key, np.uint8)
                    if cell.seen is not None and cell.seen.digest not in paired:
                        paired.add(cell.seen.digest)
                        if self._files.get(cell.seen.digest) is None:
                            pairs.append((cell.seen.digest, cell.key))
                    if cell.inputs is None:
                        continue
                    if self.path is not None and writer is None:
                        # Only now that there is something to write: a call that finds every
                        # row neither waits for a writer nor needs a folder it may write to.
                        writer = stack.enter_context(StoreWriter(self.path, self.spec))
                        self.refresh(files=False)
                    if not self.is_held(cell.key):
                        yield cell

            cells = stack.enter_context(contextlib.closing(missing()))
            try:
                stream_rows(
                    cells, load, keep, n_views=self.spec.n_views, batch_size=self._batch_size
                )
            except KeyboardInterrupt:
                if self.path is not None and computed:
                    logger.warning("stopped: %d new rows are kept in %s", computed, self.path)
                elif self.path is not None:
                    logger.warning("stopped before a new row was computed")
                raise
            if writer is not None:
                writer.append_files(pairs)
            if computed >= _RATE_FROM:
                rate = computed / (time.monotonic() - started)
                remember_rate(self.spec, rate, self.n_workers, start_seconds, self.device)


def _digests_of(paths: list[str]) -> set[bytes]:
    digests = set()
    for path in paths:
        with contextlib.suppress(ImageReadError):  # said where it is read for its pixels
            digests.add(hashlib.sha256(read_bytes(path)[0]).digest())
    return digests
