"""Images standardised as a batch, then measured: what the random-forest route is reported to do.

What comes out for one image depends on the others in its batch, so it is no part of a feature space:
what is cached are rows of the standardised pixels. Mean and deviation are those of the training cells
of a fold, and the test cells are brought to the same scale; only with the habit
``standardise_before_split`` are they those of all.
"""

from __future__ import annotations

import os
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from leukfeat.cnn import CellImages
from leukfeat.data import CellDataset
from leukfeat.features import FeatureSet, extract_handcrafted
from leukfeat.recipes.steps import HandcraftedStep

__all__ = ["ChannelMoments", "channel_moments", "measure_standardised", "standardise"]

_BLOCK = 256
"""Images in memory at once."""

_CENTRE, _SPREAD = 128.0, 40.0
"""Grey levels that a mean and a standard deviation become: three deviations each way fit."""


class ChannelMoments(NamedTuple):
    """Mean and standard deviation of each channel over the pixels of a batch."""

    mean: NDArray[np.float64]
    std: NDArray[np.float64]

    def whole(self) -> ChannelMoments:
        """Return them rounded to whole grey levels, as images are.

        Returns
        -------
        ChannelMoments
            A deviation below 1 that is not 0 becomes 1.

        Examples
        --------
        >>> ChannelMoments(np.array([99.6, 7.0, 0.0]), np.array([20.2, 0.1, 0.0])).whole()
        ChannelMoments(mean=array([100.,   7.,   0.]), std=array([20.,  1.,  0.]))
        """
        spread = np.where(self.std > 0, np.maximum(np.rint(self.std), 1), 0.0)
        return ChannelMoments(np.rint(self.mean), spread)


def channel_moments(images: CellImages) -> ChannelMoments:
    """Return the moments of a batch, as :func:`leukfeat.imaging.standardize_batch` takes them.

    Parameters
    ----------
    images : CellImages
        At least one.

    Returns
    -------
    ChannelMoments
        In grey levels. All pixels count, the background of cut-out cells too.

    Raises
    ------
    ValueError
        If there is no image.
    """
    if not len(images):
        raise ValueError("'images' must hold at least one image to be standardised by. Got none.")
    counts = np.zeros((3, 256), np.int64)
    for start in range(0, len(images), _BLOCK):
        pixels = images.pixels(slice(start, start + _BLOCK))
        for channel in range(3):
            counts[channel] += np.bincount(pixels[..., channel].ravel(), minlength=256)
    levels = np.arange(256)
    shares = counts / counts.sum(axis=1, keepdims=True)
    mean = shares @ levels
    return ChannelMoments(mean, np.sqrt((shares * (levels - mean[:, None]) ** 2).sum(axis=1)))


def standardise(pixels: NDArray[np.uint8], moments: ChannelMoments) -> NDArray[np.uint8]:
    """Bring images to a mean of 128 and a standard deviation of 40 grey levels a channel.

    Parameters
    ----------
    pixels : ndarray of uint8 of shape (n, height, width, 3)
        RGB.
    moments : ChannelMoments
        Of the batch that they are standardised by.

    Returns
    -------
    ndarray of uint8 of shape (n, height, width, 3)
        What was exactly black stays so, since that is the background of cut-out cells, and
        nothing else becomes so. A channel without variance becomes 128.

    Examples
    --------
    >>> moments = ChannelMoments(np.full(3, 100.0), np.full(3, 20.0))
    >>> standardise(np.full((1, 1, 1, 3), 120, np.uint8), moments).ravel().tolist()
    [168, 168, 168]
    """
    std = np.where(moments.std > 0, moments.std, np.inf)[:, None]
    z = (np.arange(256) - moments.mean[:, None]) / std
    table = np.clip(np.rint(_CENTRE + _SPREAD * z), 1, 255).astype(np.uint8)
    table = np.ascontiguousarray(table.T)[None]
    black = ~pixels.any(axis=-1)
    done = np.stack([cv2.LUT(np.ascontiguousarray(image), table) for image in pixels])
    done[black] = 0
    return done


def measure_standardised(
    images: CellImages,
    moments: ChannelMoments,
    step: HandcraftedStep,
    *,
    cache: str | os.PathLike[str] | None = None,
    n_jobs: int | None = None,
) -> FeatureSet:
    """Standardise images and measure them.

    Parameters
    ----------
    images : CellImages
    moments : ChannelMoments
        Of the training cells.
    step : HandcraftedStep
        What to measure.
    cache : path-like, optional
        Where rows are kept, each under the digest of its standardised pixels: images that are
        standardised otherwise have rows of their own.
    n_jobs : int, optional
        Images measured at the same time.

    Returns
    -------
    FeatureSet
        One row an image, with the ids, labels, subjects and controls of the images as they were.
        It has no spec: these features are of no space that another fold shares.
    """
    parts = []
    for start in range(0, len(images), _BLOCK):
        pixels = standardise(images.pixels(slice(start, start + _BLOCK)), moments)
        parts.append(
            extract_handcrafted(
                CellDataset.from_arrays(list(pixels)),
                step.families,
                cache=cache,
                segmentation=step.segmentation,
                unit="px",
                n_jobs=n_jobs,
                progress=False,
            )
        )
    return FeatureSet(
        np.concatenate([part.X for part in parts]),
        images.y,
        subjects=images.subjects,
        groups=images.groups,
        ids=images.ids,
        controls=images.controls,
        class_names=images.class_names,
        positive=images.positive,
        columns=images.columns,
        name=images.name,
        feature_names=parts[0].feature_names,
    )
