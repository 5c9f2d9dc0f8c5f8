"""One pass over the images of an audit: digest, signature, measurements."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from leukfeat.evaluation.audit.file_clues import FILE_COLUMNS, file_clues
from leukfeat.evaluation.audit.perceptual import Signature, sign
from leukfeat.exceptions import ImageReadError
from leukfeat.imaging.controls import CONTROL_COLUMNS, measure_controls
from leukfeat.imaging.pixel_key import pixel_key
from leukfeat.imaging.reading import decode_image, read_bytes

__all__ = ["PixelPass", "look_at_pixels"]


@dataclasses.dataclass(frozen=True, eq=False)
class PixelPass:
    """What one pass over the images gave.

    Parameters
    ----------
    digests : ndarray of object of shape (n_cells,)
        Digest of the decoded pixels; ``None`` where an image could not be read.
    signatures : list of Signature or None
        For near copies.
    controls : DataFrame of n_cells rows
        Colour, size and border, as the features carry them.
    files : DataFrame of n_cells rows or None
        Header and size of the files; ``None`` where images are arrays.
    unreadable : dict of int to str
        Row and reason of each image that could not be read.
    """

    digests: np.ndarray
    signatures: list[Signature | None]
    controls: pd.DataFrame
    files: pd.DataFrame | None
    unreadable: dict[int, str]


def look_at_pixels(images: list[Any], *, n_jobs: int | None = None) -> PixelPass:
    """Read every image once.

    Parameters
    ----------
    images : list of path or ndarray
        The images of a dataset.
    n_jobs : int, optional
        Images read at once (joblib, threads: decoding frees the interpreter).

    Returns
    -------
    PixelPass
    """
    done = Parallel(n_jobs=n_jobs, prefer="threads")(delayed(_look)(image) for image in images)
    nothing = np.full(len(CONTROL_COLUMNS), np.nan, np.float32)
    controls = np.array([nothing if one[2] is None else one[2] for one in done])
    files = None
    if any(one[3] is not None for one in done):
        blank = np.full(len(FILE_COLUMNS), np.nan, np.float32)
        rows = np.array([blank if one[3] is None else one[3] for one in done])
        files = pd.DataFrame(rows, columns=list(FILE_COLUMNS))
    return PixelPass(
        np.array([one[0] for one in done], object),
        [one[1] for one in done],
        pd.DataFrame(controls, columns=list(CONTROL_COLUMNS)),
        files,
        {row: one[4] for row, one in enumerate(done) if one[4]},
    )


def _look(image: Any) -> tuple[Any, Any, Any, Any, str]:
    clues = None
    if isinstance(image, (str, os.PathLike)):
        try:
            data, _ = read_bytes(os.fspath(image))
            clues = file_clues(data)
            image = decode_image(data, os.fspath(image))
        except ImageReadError as error:
            return None, None, None, clues, str(error)
    return pixel_key(image).hex(), sign(image), measure_controls(image), clues, ""
