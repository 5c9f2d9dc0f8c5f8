"""A chain whose stain normalisers are learnt from training images, one after the other."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone

from leukfeat.data.dataset import CellDataset
from leukfeat.imaging.conversion import RGB, check_rgb
from leukfeat.imaging.preparation import FITTED_STEPS, Preparation
from leukfeat.imaging.reading import read_image
from leukfeat.imaging.stain import StainNormalizer

__all__ = ["fit_preparation"]


def fit_preparation(
    images: CellDataset | Sequence[Any],
    *steps: Any,
    n_images: int | None = 300,
    random_state: int = 0,
) -> Preparation:
    """Learn the stain normalisers of a chain, each from images prepared by the steps before it.

    Images are read one at a time, once for each step that is learnt.

    Parameters
    ----------
    images : CellDataset, or sequence of paths or of ndarray of uint8, shape (height, width, 3)
        Training cells, and no others.
    *steps : str, tuple of (str, dict), or normaliser
        As for :class:`Preparation`, and besides: ``"reinhard"`` and ``"macenko"`` by name or with
        their parameters, ``("macenko", {"percentile": 2})``, and normalisers that are not fitted.
        One that is fitted already stays as it is.
    n_images : int or None, default=300
        Most images to learn from; more are drawn from. ``None``: all.
    random_state : int, default=0
        Seed of that draw.

    Returns
    -------
    Preparation
        Write it with :func:`write_preparation`.

    Raises
    ------
    ValueError
        If no step is learnt, there is no image, a step is unknown, or one cannot be applied to an
        image, which is named.
    ImageReadError
        If an image cannot be read.

    Examples
    --------
    >>> import leukfeat as lf
    >>> cells = lf.make_cells(4, 6, size=64, random_state=0)
    >>> fit_preparation(cells, ("median_blur", {"size": 3}), "reinhard")
    Preparation(median_blur(size=3) -> reinhard fitted on 6 images)
    """
    if not steps:
        raise ValueError("fit_preparation needs at least one step, such as 'macenko'. Got none.")
    learners = [_learner(step) for step in steps]
    if all(learner is None for learner in learners):
        Preparation(*steps)  # says which step is unknown, if one is
        raise ValueError(
            f"No step of {steps!r} is learnt from images; of these there are "
            f"{tuple(FITTED_STEPS)}. A chain without them needs no fitting: Preparation(...)."
        )
    if n_images is not None and (
        isinstance(n_images, bool) or not isinstance(n_images, int) or n_images < 1
    ):
        raise ValueError(
            f"The 'n_images' parameter must be None or a positive integer. Got {n_images!r} instead."
        )
    listed = images.images if isinstance(images, CellDataset) else list(images)
    if not listed:
        raise ValueError("There is no image to fit the preparation on.")
    # In the order of the draw, so that the same seed learns the same to the last digit.
    drawn = np.random.default_rng(random_state).permutation(len(listed))[:n_images]
    chosen = [(int(place), listed[place]) for place in drawn]
    made: list[Any] = []
    for step, learner in zip(steps, learners, strict=True):
        made.append(step if learner is None else learner.fit(_prepared(chosen, Preparation(*made))))
    return Preparation(*made)


def _learner(step: Any) -> Any:
    """Return a normaliser to be fitted; ``None`` for a step that needs no fitting."""
    if isinstance(step, StainNormalizer):
        return None if hasattr(step, "n_images_") else clone(step)
    pair = (step, {}) if isinstance(step, str) else step
    if not isinstance(pair, (tuple, list)) or len(pair) != 2 or pair[0] not in FITTED_STEPS:
        return None
    name, arguments = pair
    if "n_images_" in arguments:
        return None
    try:
        return FITTED_STEPS[name](**arguments)
    except TypeError as error:
        raise ValueError(
            f"The step {name!r} cannot be learnt with {arguments!r}: {error}"
        ) from error


def _prepared(chosen: Iterable[tuple[int, Any]], chain: Preparation) -> Iterator[RGB]:
    for place, image in chosen:
        is_path = isinstance(image, (str, os.PathLike))
        name = repr(os.fspath(image)) if is_path else f"image {place}"
        pixels = read_image(image) if is_path else image
        try:
            prepared = chain(check_rgb(pixels, most=None))
        except ValueError as error:
            raise ValueError(
                f"{name} cannot be prepared: {error} Leave it out of the images to fit on."
            ) from error
        yield prepared
