"""A chain of image operations with a name: what is done to every image before the network."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import json
from collections.abc import Callable, Iterable
from typing import Any

import cv2
import numpy as np

from leukfeat.imaging import colour_constancy, cropping, filters
from leukfeat.imaging.background import remove_background
from leukfeat.imaging.conversion import RGB, check_rgb
from leukfeat.imaging.macenko import MacenkoNormalizer
from leukfeat.imaging.reinhard import ReinhardNormalizer
from leukfeat.imaging.stain import StainNormalizer

__all__ = [
    "FITTED_STEPS",
    "PREPARATION_STEPS",
    "PREPARATION_VERSION",
    "Preparation",
    "standardize_batch",
]

PREPARATION_VERSION = 2
"""Raised when the same steps would give other pixels than before. 2: filters keep a background of
exactly 0 unless told otherwise; a chain without filters is still of version 1."""


_PROBE = np.full((16, 16, 3), (90, 40, 120), np.uint8)


def _check_method(method: str = "default") -> None:
    from leukfeat.imaging.segmentation.segment import SEGMENTATION_METHODS

    if method not in SEGMENTATION_METHODS:
        raise ValueError(f"'method' must be one of {SEGMENTATION_METHODS}.")


def _cut_out_cell(image: RGB, *, method: str = "default") -> RGB:
    from leukfeat.imaging.segmentation.segment import segment

    cell = segment(image, method=method).cell
    if not cell.any():
        raise ValueError(f"cut_out_cell found no white cell in this image (method {method!r}).")
    return remove_background(image, cell)


FITTED_STEPS: dict[str, type[StainNormalizer]] = {
    "reinhard": ReinhardNormalizer,
    "macenko": MacenkoNormalizer,
}
"""Names of the steps that are learnt from images."""

_FUNCTIONS: dict[str, Callable[..., RGB]] = {
    "invert": filters.invert,
    "gaussian_blur": filters.gaussian_blur,
    "median_blur": filters.median_blur,
    "clahe": filters.clahe,
    "gray_world": colour_constancy.gray_world,
    "shades_of_gray": colour_constancy.shades_of_gray,
    "subtract_center_mean": colour_constancy.subtract_center_mean,
    "crop_window": cropping.crop_window,
    "rescale": cropping.rescale,
    "resize": cropping.resize,
    "cut_out_cell": _cut_out_cell,
}

_KEEPING = tuple(
    name
    for name, function in _FUNCTIONS.items()
    if "keep_background" in inspect.signature(function).parameters
)
"""Steps with an argument `keep_background`."""

_LIMITS: dict[str, dict[str, int]] = {
    "gaussian_blur": {"sigma": 1001},
    "median_blur": {"size": 255},
    "clahe": {"tiles": 256},
    "resize": {"size": 4096},
    "crop_window": {"side": 4096},
}
"""Most that a step may be given: a file from someone else must not fill memory or take for ever."""

_MOST_STEPS = 100
_LARGEST_FACTOR = 16

PREPARATION_STEPS = (*_FUNCTIONS, *FITTED_STEPS)
"""Names of the steps: functions of :mod:`leukfeat.imaging`, and fitted stain normalisers."""


@dataclasses.dataclass(frozen=True, init=False)
class Preparation:
    """Image operations in a fixed order, with a digest that names them.

    Parameters
    ----------
    *steps : str, tuple of (str, dict), or fitted normaliser
        A name of `PREPARATION_STEPS`, such as ``"gray_world"``; a name with its keyword
        arguments, such as ``("median_blur", {"size": 5})``; or a fitted
        :class:`~leukfeat.imaging.ReinhardNormalizer` or
        :class:`~leukfeat.imaging.MacenkoNormalizer`, whose learnt values become part of the
        chain and of its digest. ``"cut_out_cell"`` segments the image and sets all but its
        central white cell to 0. Filters (``"invert"``, ``"gaussian_blur"``, ``"median_blur"``,
        ``"clahe"``) leave pixels that are exactly 0 as they are, unless ``keep_background`` is
        False.

    Raises
    ------
    ValueError
        If a step is unknown, is not fitted, or cannot be used with its arguments: among others,
        if a side is above 4,096 pixels, the side of a median above 255, `sigma` above 1,001, or an
        image is enlarged more than sixteenfold a side; or if there are more than 100 steps.

    Examples
    --------
    >>> import numpy as np
    >>> chain = Preparation("gray_world", ("median_blur", {"size": 5}))
    >>> chain(np.full((8, 8, 3), (200, 100, 150), np.uint8))[0, 0].tolist()
    [150, 150, 150]
    >>> Preparation.from_json(chain.to_json()) == chain
    True
    """

    steps: tuple[tuple[str, str], ...]
    """Name and canonical JSON of the arguments of each step."""

    version: int
    """2 where a filter keeps the background unless told otherwise, 1 in chains without filters and in
    those that leukfeat wrote before filters did."""

    def __init__(self, *steps: Any) -> None:
        self._set(steps, PREPARATION_VERSION)

    def _set(self, steps: tuple[Any, ...], version: int) -> None:
        if len(steps) > _MOST_STEPS:
            raise ValueError(f"A Preparation has at most {_MOST_STEPS} steps. Got {len(steps)}.")
        canonical = tuple(_canonical(step) for step in steps)
        if not any(name in _KEEPING for name, _ in canonical):
            version = 1
        object.__setattr__(self, "steps", canonical)
        object.__setattr__(self, "version", version)
        callables = tuple(_bind(*step, keep_background=version > 1) for step in canonical)
        object.__setattr__(self, "_callables", callables)

    def __reduce__(self) -> tuple[Callable[[str], Preparation], tuple[str]]:
        return Preparation.from_json, (self.to_json(),)

    def __call__(self, image: RGB) -> RGB:
        """Apply the steps to one image.

        Parameters
        ----------
        image : ndarray of uint8, shape (height, width, 3)
            RGB image; it is not changed.

        Returns
        -------
        ndarray of uint8, shape (height, width, 3)
            The size may differ.

        Raises
        ------
        ValueError
            If the image is not RGB ``uint8``, or a step cannot be applied to it:
            ``"cut_out_cell"`` where there is no white cell.
        """
        # How large it may be is for each step to say: the first may cut it.
        image = check_rgb(image, most=None)
        for function in self._callables:  # type: ignore[attr-defined]
            image = function(image)
        return image

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical JSON."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """Return canonical JSON, complete with what normalisers learnt."""
        steps = [[name, json.loads(arguments)] for name, arguments in self.steps]
        content = {"version": self.version, "steps": steps}
        return json.dumps(content, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Preparation:
        """Read a chain back.

        Parameters
        ----------
        text : str
            As :meth:`to_json` wrote it.

        Returns
        -------
        Preparation

        Raises
        ------
        ValueError
            If it was written by a newer leukfeat or is not a preparation.
        """
        content = json.loads(text)
        if not isinstance(content, dict) or set(content) != {"version", "steps"}:
            raise ValueError("This text is not a preparation: it needs 'version' and 'steps'.")
        if type(content["version"]) is not int or content["version"] < 1:
            raise ValueError(
                "This text is not a preparation: its 'version' must be a number from 1 to "
                f"{PREPARATION_VERSION}. Got {content['version']!r} instead."
            )
        if content["version"] > PREPARATION_VERSION:
            raise ValueError(
                f"This preparation (version {content['version']}) was written by a newer "
                "leukfeat; install that version to use it."
            )
        try:
            steps = tuple((name, dict(arguments)) for name, arguments in content["steps"])
            chain = cls.__new__(cls)
            chain._set(steps, content["version"])
            return chain
        except (TypeError, AttributeError) as error:
            raise ValueError(f"This text is not a preparation: {error}.") from error

    def __repr__(self) -> str:
        parts = []
        for name, text in self.steps:
            arguments = json.loads(text)
            if name in FITTED_STEPS:
                parts.append(f"{name} fitted on {arguments['n_images_']} images")
            else:
                inner = ", ".join(f"{k}={v!r}" for k, v in arguments.items())
                parts.append(f"{name}({inner})" if inner else name)
        return f"Preparation({' -> '.join(parts) or 'nothing'})"


def standardize_batch(images: Iterable[RGB]) -> np.ndarray:
    """Give a batch of equal-sized images zero mean and unit variance, a channel at a time.

    The result of an image depends on its neighbours in the batch, so it is not a step of
    :class:`Preparation`, never part of a feature space and never cached. It exists for the
    random-forest route of published work, to be called on each training batch.

    Parameters
    ----------
    images : iterable of ndarray of uint8, shape (height, width, 3)
        At least one RGB image, all of one size.

    Returns
    -------
    ndarray of float32, shape (n, height, width, 3)
        A channel without any variance becomes 0.

    Raises
    ------
    ValueError
        If there is no image or the sizes differ.

    Examples
    --------
    >>> batch = standardize_batch([np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 9, np.uint8)])
    >>> batch[:, 0, 0, 0].tolist()
    [-1.0, 1.0]
    """
    listed = [check_rgb(image) for image in images]
    shapes = sorted({image.shape for image in listed})
    if len(shapes) != 1:
        raise ValueError(
            "standardize_batch needs images of one size. "
            f"Got {shapes if shapes else 'no image'} instead; resize them first."
        )
    batch = np.stack(listed).astype(np.float64)
    std = batch.std(axis=(0, 1, 2))
    return ((batch - batch.mean(axis=(0, 1, 2))) / np.where(std > 0, std, 1)).astype(np.float32)


def _canonical(step: Any) -> tuple[str, str]:
    for name, kind in FITTED_STEPS.items():
        if isinstance(step, kind):
            return name, _dump(name, step.get_fitted())
    if isinstance(step, (tuple, list)):
        if len(step) != 2 or not isinstance(step[0], str) or not isinstance(step[1], dict):
            raise ValueError(
                "A step of Preparation with arguments must be a name and a dict, such as "
                f"('median_blur', {{'size': 5}}). Got {step!r} instead; several steps are given one "
                "after the other: Preparation('gray_world', 'clahe')."
            )
        name, arguments = step
    else:
        name, arguments = step, {}
    if not isinstance(name, str) or name not in PREPARATION_STEPS:
        raise ValueError(
            f"A step of Preparation must be one of {sorted(PREPARATION_STEPS)} or a fitted "
            f"normaliser. Got {name!r} instead."
        )
    if name in _FUNCTIONS:
        allowed = [p for p in inspect.signature(_FUNCTIONS[name]).parameters if p != "image"]
        unknown = sorted(set(arguments) - set(allowed))
        if unknown:
            raise ValueError(
                f"The step {name!r} has no argument {unknown}; it takes {allowed or 'none'}."
            )
    elif "n_images_" not in arguments:
        raise ValueError(
            f"The step {name!r} is learnt from images: fit_preparation(training_images, {name!r}), or "
            f"`leukfeat prepare`, gives the chain with a fitted {FITTED_STEPS[name].__name__}."
        )
    return name, _dump(name, arguments)


def _dump(name: str, arguments: dict[str, Any]) -> str:
    try:
        return json.dumps(arguments, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError):
        raise ValueError(
            f"The arguments of the step {name!r} must be plain numbers, text or lists, so that "
            f"they can be stored. Got {arguments!r} instead."
        ) from None


def _bind(name: str, text: str, *, keep_background: bool) -> Callable[[RGB], RGB]:
    arguments = json.loads(text)
    if keep_background and name in _KEEPING:
        arguments = {"keep_background": True, **arguments}
    if name in FITTED_STEPS:
        return FITTED_STEPS[name].from_fitted(arguments).normalize
    function = _FUNCTIONS[name]

    def apply(image: RGB) -> RGB:
        return function(image, **arguments)

    # A wrong argument is told now, and not of every image later.
    try:
        _check_limits(name, arguments)
        if function is _cut_out_cell:
            _check_method(**arguments)
        else:
            apply(_PROBE)
    except (TypeError, ValueError, OverflowError, MemoryError, cv2.error) as error:
        raise ValueError(f"The step {name!r} cannot be used with {arguments}: {error}") from error
    return apply


def _check_limits(name: str, arguments: dict[str, Any]) -> None:
    """Refuse what would take more memory or time than any use of the step does."""
    for key, most in _LIMITS.get(name, {}).items():
        given = arguments.get(key)
        for value in given if isinstance(given, list) else [given]:
            if isinstance(value, (int, float)) and value > most:
                raise ValueError(f"{key!r} may be at most {most}. Got {value!r}.")
    scale = arguments.get("um_per_px")
    side, target = arguments.get("side_um"), arguments.get("target_um_per_px")
    if scale and side and side / scale > _LIMITS["crop_window"]["side"]:
        raise ValueError(
            f"the window may have at most {_LIMITS['crop_window']['side']} pixels a side."
        )
    if scale and target and scale / target > _LARGEST_FACTOR:
        raise ValueError(f"an image may grow at most {_LARGEST_FACTOR} times.")
