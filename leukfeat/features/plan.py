"""What an extraction would do, and how long it would take."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from typing import Any

from leukfeat.exceptions import ImageReadError
from leukfeat.features.extraction_run import ExtractionRun
from leukfeat.features.feature_space import FeatureSpace
from leukfeat.features.rates import estimate_rate, estimate_start
from leukfeat.features.store.layout import KEY_BYTES
from leukfeat.imaging.controls import CONTROL_COLUMNS
from leukfeat.imaging.pixel_key import pixel_key
from leukfeat.imaging.reading import check_encoded, read_bytes

__all__ = ["ExtractionPlan", "make_plan"]


_MOST_SHOWN = 10


@dataclasses.dataclass(frozen=True)
class ExtractionPlan:
    """What ``extract_features(..., dry_run=True)`` found, without computing or writing.

    Attributes
    ----------
    images : int
        Images asked for.
    rows_held : int
        Images whose row the store holds.
    rows_missing : int
        Rows to compute, at most: images that turn out to have equal pixels share one.
    unreadable : int
        Files that cannot be read, are cut short or are no image.
    bytes_to_read : int
        Size of the files of missing rows.
    bytes_to_store : int
        Growth of the store.
    seconds : float
        Time that it will take, about, the start of the network included.
    measured : bool
        Whether the images a second are those of the last run with this network on this machine;
        otherwise they come from the network's size and the number of cores, which may be wrong
        by a factor of three. What else the machine does now is not known.
    fetch_weights : bool
        Whether the weights are not on this machine and would be fetched first.
    spec : FeatureSpace
        The feature space.
    path : str or None
        The store.
    problems : tuple of str
        Why each unreadable file is so, with its path.
    start_seconds : float
        Of `seconds`, the time until the first image: the network is loaded, built, and for
        OpenVINO converted once.
    """

    images: int
    rows_held: int
    rows_missing: int
    unreadable: int
    bytes_to_read: int
    bytes_to_store: int
    seconds: float
    measured: bool
    fetch_weights: bool
    spec: FeatureSpace
    path: str | None
    problems: tuple[str, ...] = ()
    start_seconds: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.images} images: {self.rows_held} rows held, {self.rows_missing} to compute, "
            f"{self.unreadable} unreadable; {self.bytes_to_read / 1e6:.1f} MB to read, "
            f"{self.bytes_to_store / 1e6:.1f} MB to store; {self._time()}"
            f"{self._weights()}; feature space {self.spec.digest[:12]}"
            f"{self._reasons()}"
        )

    def _time(self) -> str:
        if not self.rows_missing:
            return "nothing to compute"
        rate = (self.seconds - self.start_seconds) and self.rows_missing / (
            self.seconds - self.start_seconds
        )
        source = (
            f"{rate:.3g} images/s, as in the last extraction with this network on this machine"
            if self.measured
            else f"{rate:.3g} images/s, guessed from the network's size and the number of cores, "
            "nothing measured: may be wrong by a factor of three"
        )
        return f"about {self.seconds:.0f} s: {self.start_seconds:.0f} s to start, then {source}"

    def _reasons(self) -> str:
        more = len(self.problems) - _MOST_SHOWN
        shown = [*self.problems[:_MOST_SHOWN], *([f"... and {more} more."] if more > 0 else [])]
        return "".join(f"\n{one}" for one in shown)

    def _weights(self) -> str:
        if not (self.fetch_weights and self.rows_missing):
            return ""
        return (
            "; the network's weights are NOT on this machine and must be fetched first "
            "(leukfeat doctor tells where they go)"
        )


def make_plan(run: ExtractionRun) -> ExtractionPlan:
    """Find out what is missing. Files not seen before are read, but not decoded.

    Parameters
    ----------
    run : ExtractionRun
        Its feature space settled.

    Returns
    -------
    ExtractionPlan

    Raises
    ------
    ImportError, ValueError, WeightsError
        If there are rows to compute, and this machine has not what their engine needs: its
        package, the arithmetic, the device, or the network in 8 bits.
    """
    run.refresh()
    missing: set[bytes] = set()
    problems: list[str] = []
    held = size = 0
    for i, image in enumerate(run.images):
        try:
            name = run.keys[i].tobytes() if run.keys[i].any() else _name_of(image, run)
        except ImageReadError as error:
            problems.append(str(error))
            continue
        if run.is_held(name):
            held += 1
        elif name not in missing:
            missing.add(name)
            size += image.nbytes if not isinstance(image, str) else os.path.getsize(image)
    if missing:
        run.check_engine()
    # A cluster's workers are counted only for something to compute.
    n_workers = run.n_workers if missing else 1
    rate, measured = estimate_rate(run.spec, n_workers, run.device)
    start = estimate_start(run.spec, n_workers, run.device) if missing else 0.0
    n_features = run.count_features()
    row_bytes = 4 * (n_features + len(CONTROL_COLUMNS)) + 8 + 3 * KEY_BYTES
    return ExtractionPlan(
        images=len(run.images),
        rows_held=held,
        rows_missing=len(missing),
        unreadable=len(problems),
        bytes_to_read=size,
        bytes_to_store=len(missing) * row_bytes,
        seconds=start + len(missing) / rate,
        measured=measured,
        fetch_weights=run.must_fetch_weights,
        spec=run.spec,
        path=run.path,
        problems=tuple(problems),
        start_seconds=start,
    )


def _name_of(image: Any, run: ExtractionRun) -> bytes:
    """Key of the pixels where it can be had without decoding, else the file's digest."""
    if not isinstance(image, str):
        return pixel_key(image)
    data, _ = read_bytes(image)
    digest = hashlib.sha256(data).digest()
    known = run.key_of_file(digest)
    if known is None:
        check_encoded(data, image)
    return known or digest
