"""The preparation of a feature space: checked once, carried as text, applied to every image."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from leukfeat.exceptions import ImageReadError

if TYPE_CHECKING:
    from leukfeat.data.dataset import CellDataset
    from leukfeat.imaging import Preparation

__all__ = [
    "check_preparation",
    "check_preparation_text",
    "check_scales",
    "fitted_steps",
    "name_preparation",
    "prepare_image",
    "scale_after",
]


def check_preparation(given: Any) -> str | None:
    """Return a preparation as the text that enters a feature space.

    Parameters
    ----------
    given : Preparation, path-like, str or None
        A path is that of a JSON or TOML file; a text that begins with ``{`` is canonical JSON, as
        a feature space holds it.

    Returns
    -------
    str or None
        Canonical JSON; ``None`` for no preparation, and for one without steps.

    Raises
    ------
    ValueError
        If it is neither, or the file cannot be used.

    Examples
    --------
    >>> from leukfeat.imaging import Preparation
    >>> check_preparation(Preparation("invert"))
    '{"steps":[["invert",{}]],"version":2}'
    >>> check_preparation(Preparation()) is None
    True
    """
    if given is None:
        return None
    from leukfeat.imaging import PREPARATION_STEPS, Preparation, read_preparation

    if isinstance(given, str) and given.startswith("{"):
        given = _chain(given)
    if isinstance(given, (str, os.PathLike)):
        if given in PREPARATION_STEPS:
            raise ValueError(
                f"The 'preparation' parameter must be a Preparation or the path of its file. Got the "
                f"name of a step, {given!r}: give Preparation({given!r})."
            )
        try:
            given = read_preparation(given)
        except (ValueError, FileNotFoundError) as error:
            raise ValueError(f"The 'preparation' parameter: {error}") from error
    if not isinstance(given, Preparation):
        raise ValueError(
            "The 'preparation' parameter must be None, a leukfeat.imaging.Preparation, or the path of "
            f"its JSON or TOML file. Got {type(given).__name__} instead."
        )
    return given.to_json() if given.steps else None


def check_preparation_text(text: Any) -> None:
    """Raise if the setting of a feature space is neither ``None`` nor text.

    Parameters
    ----------
    text : str or None

    Raises
    ------
    ValueError
        If it is something else: what a user gives goes through :func:`check_preparation`.
    """
    if text is not None and not isinstance(text, str):
        raise ValueError(
            f"'preparation' must be None or the JSON of a Preparation. Got {text!r} instead."
        )


def scale_after(preparation: str | None) -> float | str | None:
    """Tell the scale of images that were prepared.

    Parameters
    ----------
    preparation : str or None
        As :func:`check_preparation` gave it.

    Returns
    -------
    float, str or None
        Micrometres a pixel where a step brings the images to a scale; ``"lost"`` where the last
        such step is ``"resize"``, which stretches each image by its own factor; ``None`` where the
        scale stays that of the image.

    Examples
    --------
    >>> from leukfeat.imaging import Preparation
    >>> step = ("rescale", {"um_per_px": 0.1, "target_um_per_px": 0.2})
    >>> scale_after(Preparation(step, "invert").to_json())
    0.2
    >>> scale_after(Preparation(("resize", {"size": [64, 64]})).to_json())
    'lost'
    """
    scale: float | str | None = None
    for name, arguments in [] if preparation is None else json.loads(preparation)["steps"]:
        if name == "resize":
            scale = "lost"
        elif name == "rescale":
            # After a resize it counts on a scale that no image has any more.
            scale = scale if scale == "lost" else float(arguments["target_um_per_px"])
    return scale


def check_scales(preparation: str | None, cells: CellDataset) -> None:
    """Raise if a step counts on another scale than the cells have.

    Parameters
    ----------
    preparation : str or None
        As :func:`check_preparation` gave it.
    cells : CellDataset
        Nothing is known where it has no column ``um_per_px``.

    Raises
    ------
    ValueError
        If a cell's scale is known and differs from a step's ``um_per_px`` by more than 1 %.
    """
    if preparation is None or "um_per_px" not in cells.frame:
        return
    known = cells.frame["um_per_px"].to_numpy(dtype=np.float64, na_value=np.nan)
    for name, arguments in json.loads(preparation)["steps"]:
        said = arguments.get("um_per_px")
        if said is not None:
            other = known[np.isfinite(known) & (np.abs(known - said) > 0.01 * said)]
            if len(other):
                raise ValueError(
                    f"The step {name!r} of the preparation counts on {said:g} micrometres a pixel, "
                    f"and {len(other)} of {len(known)} cells of {cells.name!r} have another scale "
                    f"(column 'um_per_px' and the steps before: such as {other[0]:g}). Make a "
                    "preparation for each scale, and extract each part by itself."
                )
        # The steps that follow see the scale that this one leaves.
        if name == "rescale":
            known = np.full(len(known), float(arguments["target_um_per_px"]))
        elif name == "resize":
            known = np.full(len(known), np.nan)


def prepare_image(image: NDArray[np.uint8], preparation: str | None) -> NDArray[np.uint8]:
    """Apply a preparation to one image.

    Parameters
    ----------
    image : ndarray of uint8 of shape (height, width, 3)
        RGB; it is not changed.
    preparation : str or None
        As :func:`check_preparation` gave it.

    Returns
    -------
    ndarray of uint8 of shape (height, width, 3)
        Perhaps of another size.

    Raises
    ------
    ImageReadError
        If a step cannot be applied to this image, such as ``"cut_out_cell"`` where there is no
        cell.
    """
    if preparation is None:
        return image
    try:
        return _chain(preparation)(image)
    except ValueError as problem:
        raise ImageReadError(f"it cannot be prepared: {problem}") from problem


def name_preparation(preparation: str) -> str:
    """Name a preparation for people, shortly, without loading what would apply it.

    Parameters
    ----------
    preparation : str
        As :func:`check_preparation` gave it.

    Returns
    -------
    str
        Its steps and the first digits of its digest, which tell apart what fitted steps learnt.

    Examples
    --------
    >>> from leukfeat.imaging import Preparation
    >>> name_preparation(Preparation("invert", ("median_blur", {"size": 5})).to_json())
    'invert -> median_blur(size=5) [4ed1ab4f]'
    """
    digest = hashlib.sha256(preparation.encode()).hexdigest()[:8]
    try:
        steps = json.loads(preparation)["steps"]
        return f"{' -> '.join(_step_name(*step) for step in steps)} [{digest}]"
    except (ValueError, TypeError, KeyError, AttributeError):
        return f"not a preparation [{digest}]"


def fitted_steps(preparation: str) -> list[tuple[str, int]]:
    """List the steps that were learnt from images.

    Parameters
    ----------
    preparation : str
        As :func:`check_preparation` gave it.

    Returns
    -------
    list of (str, int)
        Name, and number of images.

    Examples
    --------
    >>> fitted_steps('{"steps":[["invert",{}],["macenko",{"n_images_":20}]],"version":1}')
    [('macenko', 20)]
    """
    steps = json.loads(preparation)["steps"]
    return [(name, given["n_images_"]) for name, given in steps if "n_images_" in given]


def _step_name(name: str, arguments: dict[str, Any]) -> str:
    if "n_images_" in arguments:
        return f"{name} fitted on {arguments['n_images_']} images"
    inner = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
    return f"{name}({inner})" if inner else name


@functools.lru_cache(maxsize=8)
def _chain(preparation: str) -> Preparation:
    from leukfeat.imaging import Preparation

    return Preparation.from_json(preparation)
