"""make_smear: a whole microscope field, with the exact place of every cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from .appearance import LEVELS, Look, combine_levels
from .checks import check_number
from .drawing import draw_cell
from .hierarchy import Stream, stream
from .kinds import KIND_SHARES
from .optics import expose
from .other_cells import Piece, as_piece, draw_neutrophil, draw_platelet, draw_red_cell
from .placing import Board, measure_places
from .sampling import draw_traits_of_one
from .surroundings import PLASMA

__all__ = ["Smear", "make_smear"]

_LIGHT = (232.0, 226.0, 216.0)
"""Grey levels of empty plasma in red, green and blue: a field is brighter than a C-NMC crop."""

_NEUTROPHILS = 0.5
_TYPES = ("white", "red", "platelet")


@dataclass(frozen=True, eq=False)
class Smear:
    """A microscope field, and what is where on it.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        The field, RGB.
    cells : pandas.DataFrame
        One row a cell that can be seen: ``number`` (from 1), ``type`` (``"white"``, ``"red"`` or
        ``"platelet"``), ``kind``, ``label`` (1 for a leukemic blast, 0 for any other white cell,
        -1 for the rest), the box ``top``, ``left``, ``bottom``, ``right`` (pixels, ends
        excluded), ``area`` (visible pixels), ``touching`` (whether it touches or overlaps
        another cell) and ``at_border`` (whether the edge of the field cuts it); for lymphoid
        cells their true traits (``true_...``, as in `make_cells`).
    owner : ndarray of int32, shape (height, width)
        ``number`` of the uppermost cell at each pixel, 0 for plasma.
    nucleus : ndarray of bool, shape (height, width)
        True in the nuclei of white cells.
    um_per_px : float
        Micrometres a pixel.

    Examples
    --------
    >>> smear = make_smear(3, 10, 2, size=(240, 320), um_per_px=0.2)
    >>> smear
    Smear(240x320 px at 0.2 µm: 3 white cells (2 blasts), 10 red cells, 2 platelets)
    >>> smear.count("white")
    3
    """

    image: np.ndarray
    cells: pd.DataFrame
    owner: np.ndarray
    nucleus: np.ndarray
    um_per_px: float

    def count(self, kind_of_cell: str) -> int:
        """Count the cells of one type.

        Parameters
        ----------
        kind_of_cell : {"white", "red", "platelet"}
            Which.

        Returns
        -------
        int

        Raises
        ------
        ValueError
            If there is no such type.
        """
        return int((self.cells["type"] == _known_type(kind_of_cell)).sum())

    def labels(self, kind_of_cell: str = "white") -> np.ndarray:
        """Return the cells of one type as a label image.

        Parameters
        ----------
        kind_of_cell : {"white", "red", "platelet"}, default="white"
            Which.

        Returns
        -------
        ndarray of int32, shape (height, width)
            0 elsewhere; 1, 2, ... in the order of the rows of that type.

        Raises
        ------
        ValueError
            If there is no such type.
        """
        wanted = self.cells.loc[self.cells["type"] == _known_type(kind_of_cell), "number"]
        new = np.zeros(int(self.cells["number"].max()) + 1 if len(self.cells) else 1, np.int32)
        new[wanted] = np.arange(1, len(wanted) + 1)
        return new[self.owner]

    def __repr__(self) -> str:
        height, width = self.owner.shape
        blasts = int((self.cells["label"] == 1).sum())
        return (
            f"Smear({height}x{width} px at {self.um_per_px:g} µm: {self.count('white')} white "
            f"cells ({blasts} blasts), {self.count('red')} red cells, "
            f"{self.count('platelet')} platelets)"
        )


def make_smear(
    n_white: int = 10,
    n_red: int = 90,
    n_platelets: int = 8,
    *,
    size: tuple[int, int] = (960, 1280),
    um_per_px: float = 0.11,
    blast_share: float = 0.5,
    touching: float = 0.15,
    subject_shift: float = 1.0,
    random_state: int = 0,
) -> Smear:
    """Draw a field of a blood smear: white cells, red cells and platelets in plasma.

    Parameters
    ----------
    n_white, n_red, n_platelets : int, default=10, 90 and 8
        How many cells of each type, all visible and with their middle in the field.
    size : tuple of int, default=(960, 1280)
        Height and width of the field (pixels).
    um_per_px : float, default=0.11
        Micrometres a pixel.
    blast_share : float, default=0.5
        Share of the white cells that are leukemic blasts (rounded to whole cells). Half of the
        others are neutrophils, the rest lymphocytes and haematogones.
    touching : float, default=0.15
        Probability that a cell is put against another, and overlaps it a little. At 0 no cell
        touches another.
    subject_shift : float, default=1.0
        How far stain, focus and light depart from the usual; see `make_cells`.
    random_state : int, default=0
        The seed.

    Returns
    -------
    Smear
        Image, table of cells, and exact masks.

    Raises
    ------
    ValueError
        If a parameter is outside its range, or the field is too small for so many cells.
    """
    counts = {"n_white": n_white, "n_red": n_red, "n_platelets": n_platelets}
    for name, value in {**counts, "random_state": random_state}.items():
        check_number(value, name, "make_smear", low=0, integer=True)
    check_number(um_per_px, "um_per_px", "make_smear", low=0.01, high=2)
    check_number(subject_shift, "subject_shift", "make_smear", low=0)
    check_number(blast_share, "blast_share", "make_smear", low=0, high=1)
    check_number(touching, "touching", "make_smear", low=0, high=1)
    height, width = _checked_size(size)
    look = _look(subject_shift, random_state)
    board = Board(height, width, 1 / um_per_px, PLASMA)
    kinds = _white_kinds(n_white, blast_share, random_state)
    kinds += ["red"] * n_red + ["platelet"] * n_platelets
    rows: list[dict[str, Any]] = []
    for i, kind in enumerate(kinds):
        rng = stream(random_state, Stream.SMEAR, 1, i)
        piece, row = _draw(rng, kind, look, 1 / um_per_px)
        if not board.lay(rng, piece, touching=bool(rng.random() < touching)):
            asked = ", ".join(f"{name}={value}" for name, value in counts.items())
            raise ValueError(
                f"make_smear found no room for cell {i + 1} of {len(kinds)} ({row['kind']}) on "
                f"{height}x{width} pixels of {um_per_px:g} µm: ask for fewer cells than {asked}, "
                "or for a larger 'size'."
            )
        rows.append({"number": i + 1, **row})
    dyes, owner, nucleus = board.cropped()
    noise = stream(random_state, Stream.SMEAR, 2)
    image = expose(noise, dyes, look, 1 / um_per_px, light=_LIGHT)
    cells = pd.DataFrame(rows, columns=None if rows else ["number", "type", "kind", "label"])
    cells = pd.concat([cells, measure_places(owner, len(cells))], axis=1)
    return Smear(image, cells, owner, nucleus, um_per_px)


def _draw(
    rng: np.random.Generator, kind: str, look: Look, px_per_um: float
) -> tuple[Piece, dict[str, Any]]:
    if kind == "red":
        return draw_red_cell(rng, look, px_per_um), {"type": "red", "kind": kind, "label": -1}
    if kind == "platelet":
        return draw_platelet(rng, px_per_um), {"type": "platelet", "kind": kind, "label": -1}
    if kind == "neutrophil":
        return draw_neutrophil(rng, look, px_per_um), {"type": "white", "kind": kind, "label": 0}
    label = int(kind == "all")
    traits = draw_traits_of_one(rng, KIND_SHARES[label])
    truth = {f"true_{name}": value for name, value in traits._asdict().items() if name != "kind"}
    piece = as_piece(draw_cell(rng, traits, look, look.scale * px_per_um))
    return piece, {"type": "white", "kind": traits.kind, "label": label, **truth}


def _white_kinds(n_white: int, blast_share: float, random_state: int) -> list[str]:
    n_blasts = round(n_white * blast_share)
    n_neutrophils = round((n_white - n_blasts) * _NEUTROPHILS)
    kinds = ["all"] * n_blasts + ["neutrophil"] * n_neutrophils
    kinds += ["hem"] * (n_white - len(kinds))
    return stream(random_state, Stream.SMEAR, 0).permutation(kinds).tolist()


def _look(shift: float, random_state: int) -> Look:
    n = len(Look._fields)
    deviates = {
        level: stream(random_state, Stream.SMEAR, 3, i).standard_normal((1, n))
        for i, level in enumerate(LEVELS)
    }
    return Look(*combine_levels(deviates, shift=shift)[0].tolist())


def _checked_size(size: Any) -> tuple[int, int]:
    try:
        height, width = size
    except TypeError:
        raise ValueError(
            "The 'size' parameter of make_smear must be (height, width) in pixels. "
            f"Got {size!r} instead."
        ) from None
    for side in (height, width):
        check_number(side, "size", "make_smear", low=64, integer=True, note="a side")
    return int(height), int(width)


def _known_type(name: str) -> str:
    if name not in _TYPES:
        raise ValueError(
            f"The 'kind_of_cell' parameter must be one of {_TYPES}. Got {name!r} instead."
        )
    return name
