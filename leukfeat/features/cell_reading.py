"""From one cell's image to its key, its controls and the pixels for the network."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leukfeat.exceptions import ImageReadError
from leukfeat.features.geometry import central_window, dihedral_views, resize
from leukfeat.features.preparing import prepare_image
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.store.file_index import FileIndex
from leukfeat.features.store.stat_index import Seen
from leukfeat.imaging.controls import measure_controls
from leukfeat.imaging.conversion import check_size
from leukfeat.imaging.pixel_key import pixel_key
from leukfeat.imaging.reading import decode_image, read_bytes

__all__ = ["CellRead", "CellReader", "network_inputs"]


def network_inputs(image: NDArray[np.uint8], spec: FeatureSpec) -> NDArray[np.uint8]:
    """Bring an image to what the network takes in a feature space.

    Parameters
    ----------
    image : ndarray of uint8 of shape (height, width, 3)
        RGB.
    spec : FeatureSpec
        The feature space.

    Returns
    -------
    ndarray of uint8 of shape (n_views, *input_size, 3)
        One view, or the eight of ``views="dihedral"``.

    Raises
    ------
    ImageReadError
        If the preparation of the space cannot be applied to the image.
    """
    image = prepare_image(image, spec.preparation)
    window = image if spec.crop is None else central_window(image, spec.crop)
    sized = resize(window, spec.input_size)
    return dihedral_views(sized) if spec.views == "dihedral" else sized[np.newaxis]


@dataclasses.dataclass(slots=True)
class CellRead:
    """One cell after reading.

    Attributes
    ----------
    index : int
        Its place among the cells.
    key : bytes
        Digest of its pixels; empty where it could not be read.
    inputs : ndarray of uint8 of shape (n_views, height, width, 3), optional
        For the network; ``None`` where its row is held already.
    controls : ndarray of float32, optional
        Beside `inputs`.
    seen : Seen, optional
        For a file: what the indices should remember.
    problem : ImageReadError, optional
        Why it could not be read.
    """

    index: int
    key: bytes = b""
    inputs: NDArray[np.uint8] | None = None
    controls: NDArray[np.float32] | None = None
    seen: Seen | None = None
    problem: ImageReadError | None = None


class CellReader:
    """Reads cells in several threads; each image is prepared for the network once.

    Parameters
    ----------
    files : FileIndex
        Keys by digest of the file: such files are not decoded.
    is_held : callable
        Tells whether the row of a key is there already.
    prepare : callable
        From the pixels to what is computed with, of shape ``(n_views, height, width, 3)``; raises
        ImageReadError, without a name, where it cannot.
    """

    def __init__(
        self,
        files: FileIndex,
        is_held: Callable[[bytes], bool],
        prepare: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
    ) -> None:
        self._prepare = prepare
        self._files = files
        self._decoded: dict[bytes, bytes] = {}
        self._is_held = is_held
        self._claimed: set[bytes] = set()
        self._lock = threading.Lock()

    def read(self, index: int, image: Any) -> CellRead:
        """Read one cell.

        Parameters
        ----------
        index : int
            Its place among the cells.
        image : str or ndarray
            Path, or RGB ``uint8``.

        Returns
        -------
        CellRead
            Without `inputs` where the same pixels were read before.
        """
        if isinstance(image, np.ndarray):
            try:
                check_size(image, name=f"image {index}")
            except ValueError as error:
                return CellRead(index, problem=ImageReadError(str(error)))
            return self._with_pixels(CellRead(index), image, pixel_key(image), f"image {index}")
        try:
            checked = time.time_ns()
            data, state = read_bytes(image)
            digest = hashlib.sha256(data).digest()
            key = self._decoded.get(digest) or self._files.get(digest)
            if key is not None and (key in self._claimed or self._is_held(key)):
                return CellRead(index, key, seen=Seen(image, state, checked, digest, key))
            pixels = decode_image(data, image)
        except ImageReadError as problem:
            return CellRead(index, problem=problem)
        key = pixel_key(pixels)
        self._decoded[digest] = key
        seen = Seen(image, state, checked, digest, key)
        return self._with_pixels(CellRead(index, seen=seen), pixels, key, image)

    def _with_pixels(
        self, cell: CellRead, pixels: NDArray[np.uint8], key: bytes, name: str
    ) -> CellRead:
        cell.key = key
        if key in self._claimed or self._is_held(key):
            return cell
        try:
            inputs = self._prepare(pixels)
        except ImageReadError as problem:
            return CellRead(cell.index, problem=ImageReadError(f"{name!r}: {problem}"))
        controls = measure_controls(pixels)
        # Claimed only now that there are inputs: a copy of what cannot be prepared says so too.
        with self._lock:
            known = key in self._claimed
            self._claimed.add(key)
        if not known:
            cell.controls, cell.inputs = controls, inputs
        return cell
