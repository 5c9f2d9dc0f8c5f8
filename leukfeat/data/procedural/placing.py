"""Laying pieces on a smear, so that they touch as much as asked for and no more."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
from scipy import ndimage

from .other_cells import Piece

__all__ = ["Board", "measure_places"]

_TRIES = 300
_GAP_UM = 0.5
_DEEPEST_UM = 1.0
_HIDDEN_BY_WHITE, _HIDDEN_BY_OTHERS = 0.12, 0.35
_HALF = 0.5


class Board:
    """The field on which pieces are laid.

    Parameters
    ----------
    height, width : int
        Of the field (pixels).
    px_per_um : float
        Pixels a µm.
    plasma : tuple of float
        Azure and eosin of the empty field.
    """

    def __init__(
        self, height: int, width: int, px_per_um: float, plasma: tuple[float, float]
    ) -> None:
        # A rim about the field lets pieces stand half outside without special cases.
        self._rim = int(np.ceil(22 * px_per_um))
        self._field = (height, width)
        shape = (height + 2 * self._rim, width + 2 * self._rim)
        self.dyes = np.empty((2, *shape), np.float32)
        self.dyes[0], self.dyes[1] = plasma
        self.owner = np.zeros(shape, np.int32)
        self.nucleus = np.zeros(shape, bool)
        self._firm = np.zeros(shape, np.float32)
        self._px_per_um = px_per_um
        self._areas: list[int] = []
        self._visible: list[int] = []
        self._places: list[tuple[int, int]] = []
        self._reaches: list[int] = []

    def lay(self, rng: np.random.Generator, piece: Piece, *, touching: bool) -> bool:
        """Find room for a piece and lay it down.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of its place.
        piece : Piece
            What to lay.
        touching : bool
            Whether it must touch a piece that lies there, or must not touch any.

        Returns
        -------
        bool
            False if no room was found; the field is then unchanged.
        """
        gap = 2 * max(2, round(_GAP_UM * self._px_per_um)) + 1
        grown = cv2.copyMakeBorder(
            piece.mask.astype(np.uint8), gap, gap, gap, gap, cv2.BORDER_CONSTANT, value=0
        )
        grown = cv2.dilate(grown, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (gap, gap))) > 0
        for _ in range(_TRIES):
            if touching and self._places:
                place = self._beside_another(rng, piece)
            else:
                place = tuple(self._rim + int(rng.random() * n) for n in self._field)
                if (self.owner[self._window(place, grown.shape[0])][grown] > 0).any():
                    continue
            if place is not None and self._hides_little(place, piece):
                self._put(place, piece)
                return True
        return False

    def cropped(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what lies within the field.

        Returns
        -------
        dyes : ndarray of float32, shape (2, height, width)
        owner : ndarray of int32, shape (height, width)
            Number of the piece that lies uppermost, from 1 in the order of laying; 0 for plasma.
        nucleus : ndarray of bool, shape (height, width)
        """
        inside = tuple(slice(self._rim, self._rim + n) for n in self._field)
        return (
            self.dyes[(slice(None), *inside)],
            self.owner[inside].copy(),
            self.nucleus[inside].copy(),
        )

    def _window(self, place: tuple[int, ...], side: int) -> tuple[slice, slice]:
        top, left = (p - side // 2 for p in place)
        return slice(top, top + side), slice(left, left + side)

    def _beside_another(self, rng: np.random.Generator, piece: Piece) -> tuple[int, ...] | None:
        anchor = int(rng.integers(len(self._places)))
        angle = rng.random() * 2 * np.pi
        way = np.array([np.sin(angle), np.cos(angle)])
        side = piece.mask.shape[0]
        apart = self._reaches[anchor] + side // 2
        deeper = round(rng.random() * _DEEPEST_UM * self._px_per_um)
        step = max(1, round(0.1 * self._px_per_um))
        met = False
        # Drawn nearer until the two meet, and then a little further.
        while apart > 0:
            row, column = np.round(self._places[anchor] + way * apart).astype(int)
            if not self._inside(row, column):
                return None
            under = self.owner[self._window((row, column), side)][piece.mask]
            if not met and (under == anchor + 1).any():
                met = True
                apart -= deeper
                continue
            if met:
                return (int(row), int(column))
            apart -= step
        return None

    def _inside(self, row: int, column: int) -> bool:
        return all(
            self._rim <= p < self._rim + n for p, n in zip((row, column), self._field, strict=True)
        )

    def _hides_little(self, place: tuple[int, ...], piece: Piece) -> bool:
        # White cells are firm and hardly overlap; red cells lie on one another.
        limit = _HIDDEN_BY_WHITE if piece.cover is not None else _HIDDEN_BY_OTHERS
        under = self.owner[self._window(place, piece.mask.shape[0])][piece.mask]
        for number, n_hidden in enumerate(np.bincount(under)[1:].tolist()):
            left = self._visible[number] - n_hidden
            if n_hidden and left < (1 - limit) * self._areas[number]:
                return False
            if n_hidden > limit * piece.mask.sum():
                return False
        return True

    def _put(self, place: tuple[int, ...], piece: Piece) -> None:
        window = self._window(place, piece.mask.shape[0])
        below, firm, owner = (
            self.dyes[(slice(None), *window)],
            self._firm[window],
            self.owner[window],
        )
        if piece.cover is None:
            # Red cells and platelets lie on one another, but under white cells, which are firm.
            below += (1 - firm) * piece.dyes
            mask = piece.mask & (firm < _HALF)
        else:
            below += piece.cover * (piece.dyes - below)
            np.maximum(firm, piece.cover, out=firm)
            mask = piece.mask
            self.nucleus[window][mask] = False
        for number, n_hidden in enumerate(np.bincount(owner[mask])[1:].tolist()):
            self._visible[number] -= n_hidden
        owner[mask] = len(self._areas) + 1
        self._areas.append(int(piece.mask.sum()))
        self._visible.append(int(mask.sum()))
        self._places.append((int(place[0]), int(place[1])))
        self._reaches.append(piece.mask.shape[0] // 2)
        if piece.nucleus is not None:
            self.nucleus[window] |= piece.nucleus


def measure_places(owner: np.ndarray, n: int) -> pd.DataFrame:
    """Measure where each piece is, as far as it can be seen.

    Parameters
    ----------
    owner : ndarray of int32, shape (height, width)
        Number of the uppermost piece, 0 for none.
    n : int
        How many pieces there are.

    Returns
    -------
    pandas.DataFrame of n rows
        ``top``, ``left``, ``bottom``, ``right`` (pixels, ends excluded), ``area`` (pixels),
        ``touching``, ``at_border``.
    """
    boxes = [
        (s[0].start, s[1].start, s[0].stop, s[1].stop)
        for s in ndimage.find_objects(owner, max_label=n)
    ]
    table = pd.DataFrame(boxes, columns=["top", "left", "bottom", "right"], dtype=np.int64)
    table["area"] = np.bincount(owner.ravel(), minlength=n + 1)[1:]
    touching = np.zeros(n + 1, bool)
    for one, other in (
        (owner[1:], owner[:-1]),
        (owner[:, 1:], owner[:, :-1]),
        (owner[1:, 1:], owner[:-1, :-1]),
        (owner[1:, :-1], owner[:-1, 1:]),
    ):
        meet = (one != other) & (one > 0) & (other > 0)
        touching[one[meet]] = touching[other[meet]] = True
    table["touching"] = touching[1:]
    height, width = owner.shape
    table["at_border"] = (
        (table["top"] == 0)
        | (table["left"] == 0)
        | (table["bottom"] == height)
        | (table["right"] == width)
    )
    return table
