"""A hash that survives JPEG, blur, brightness, scale, flips and quarter turns."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from leukfeat.imaging.conversion import RGB

__all__ = ["Signature", "hash_variants", "sign", "similar_pairs"]

_BITS = 63
_NEAR = 8
"""Bits in which the hashes of two copies may differ; unrelated cells differ in 8 or more."""

_ALIKE = 0.85
"""Correlation of fine detail. Copies of C-NMC cells reach 0.96 after JPEG at quality 60, blur or
another brightness, drawn ones of 224 pixels 0.89 in most; of 45,000 pairs of unrelated drawn cells
with near hashes the highest had 0.69."""

_ALIKE_CUT_OUT, _OUTLINE, _CUT_OUT = 0.93, 0.9, 512
"""Of images lit in fewer than half of their 1,024 points (cells that are cut out) more is asked. About
100 points of detail are left of a small one, and a crescent of cytoplasm on the same side is then
enough for a correlation of 0.89 between unrelated drawn cells (in 70 sets of 400). Copies of C-NMC's
cells have 84 to 134 points, reach 0.95 and share 0.97 of their outlines after JPEG at quality 60, blur
or another brightness."""

_SIDE, _LIT = 32, 60
_SIGNS = (-1.0) ** np.arange(8)


@dataclasses.dataclass(frozen=True, eq=False)
class Signature:
    """What copies of an image have in common.

    Parameters
    ----------
    frequencies : ndarray of float32 of shape (8, 8)
        Lowest cosine coefficients of the grey image.
    detail : ndarray of float16 of shape (32, 32, 3)
        The small image between two scales, inside the foreground; of length 1.
    """

    frequencies: np.ndarray
    detail: np.ndarray


def sign(image: RGB) -> Signature:
    """Compute the signature of an image.

    Parameters
    ----------
    image : ndarray of uint8 of shape (height, width, 3)
        RGB.

    Returns
    -------
    Signature
    """
    small = cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    # On a black background the outline is much the same for all cells, and JPEG rings along it:
    # only what is well inside tells one from another.
    lit = (small.max(2) > _LIT).astype(np.uint8)
    if lit.mean() < 0.98:
        lit = cv2.erode(lit, np.ones((3, 3), np.uint8))
    inside = lit.astype(np.float32)
    detail = _blurred(small, inside, 0.7) - _blurred(small, inside, 3.0)
    detail *= inside[..., None]
    length = float(np.linalg.norm(detail))
    return Signature(
        np.ascontiguousarray(cv2.dct(grey)[:8, :8]),
        (detail / max(length, 1e-6)).astype(np.float16),
    )


def _blurred(small: np.ndarray, inside: np.ndarray, sigma: float) -> np.ndarray:
    """Blur what is inside without letting the outside in."""
    share = cv2.GaussianBlur(inside, (0, 0), sigma)[..., None]
    return cv2.GaussianBlur(small * inside[..., None], (0, 0), sigma) / np.maximum(share, 1e-3)


def hash_variants(frequencies: np.ndarray) -> np.ndarray:
    """Return the hashes of the eight flips and turns of an image.

    A flip changes the sign of the odd coefficients, a transposition transposes them: the eight
    hashes come from one transform.

    Parameters
    ----------
    frequencies : ndarray of float32 of shape (n, 8, 8)
        Cosine coefficients.

    Returns
    -------
    ndarray of uint64 of shape (n, 8)
        One bit a coefficient but the mean, set where it is positive.
    """
    weights = np.left_shift(np.uint64(1), np.arange(_BITS, dtype=np.uint64))
    turned = []
    for block in (frequencies, frequencies.transpose(0, 2, 1)):
        for down in (np.ones(8), _SIGNS):
            for across in (np.ones(8), _SIGNS):
                signs = block * down[:, None] * across[None, :] > 0
                turned.append((signs.reshape(len(block), -1)[:, 1:] * weights).sum(1))
    return np.stack(turned, 1).astype(np.uint64)


def _turned(detail: np.ndarray, variant: int) -> np.ndarray:
    """Return details after the flip or turn whose hash has that place."""
    moved = detail.transpose(0, 2, 1, 3) if variant >= 4 else detail
    if variant & 2:
        moved = moved[:, ::-1]
    return moved[:, :, ::-1] if variant & 1 else moved


def similar_pairs(
    signatures: list[Signature], *, block: int = 512
) -> tuple[np.ndarray, np.ndarray]:
    """Find images that are copies of each other but for JPEG, blur, brightness, scale or a turn.

    Parameters
    ----------
    signatures : list of Signature
        One an image.
    block : int, default=512
        Images compared at once; it does not change the result.

    Returns
    -------
    pairs : ndarray of int64 of shape (n_pairs, 2)
        Rows, the smaller first.
    alike : ndarray of float64 of shape (n_pairs,)
        Correlation of their fine detail.
    """
    n = len(signatures)
    if n < 2:
        return np.empty((0, 2), np.int64), np.empty(0)
    hashes = hash_variants(np.stack([s.frequencies for s in signatures]))
    details = np.stack([s.detail for s in signatures])
    pairs, alike = [np.empty((0, 2), np.int64)], [np.empty(0, np.float32)]
    for start in range(0, n, block):
        mine = hashes[start : start + block, 0]
        for variant in range(8):
            apart = _differing_bits(mine[:, None] ^ hashes[None, start:, variant])
            i, j = np.nonzero(apart <= _NEAR)
            later = j > i
            i, j = i[later] + start, j[later] + start
            for part in range(0, len(i), 20_000):
                a, b = i[part : part + 20_000], j[part : part + 20_000]
                left = details[a].astype(np.float32).reshape(len(a), -1)
                right = _turned(details[b], variant).astype(np.float32).reshape(len(b), -1)
                score = np.einsum("nd,nd->n", left, right)
                good = score >= _ALIKE
                good[good] = _not_by_chance(left[good], right[good], score[good])
                pairs.append(np.stack([a[good], b[good]], 1))
                alike.append(score[good])
    found, score = np.concatenate(pairs), np.concatenate(alike).astype(float)
    # A pair may be found under several turns.
    order = np.lexsort((-score, found[:, 1], found[:, 0]))
    found, score = found[order], score[order]
    first = np.ones(len(found), bool)
    first[1:] = (np.diff(found, axis=0) != 0).any(1)
    return found[first].astype(np.int64), score[first]


def _not_by_chance(left: np.ndarray, right: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Whether pairs of cut-out cells are more alike than unrelated ones; other pairs are."""
    mine, theirs = ((one.reshape(len(one), _SIDE * _SIDE, 3) != 0).any(2) for one in (left, right))
    shared = (mine & theirs).sum(1) / np.maximum((mine | theirs).sum(1), 1)
    cut_out = np.minimum(mine.sum(1), theirs.sum(1)) < _CUT_OUT
    return ~cut_out | ((score >= _ALIKE_CUT_OUT) & (shared >= _OUTLINE))


def _differing_bits(words: np.ndarray) -> np.ndarray:
    count = getattr(np, "bitwise_count", None)
    if count is not None:
        return count(words)
    # NumPy 1 cannot count bits: by bytes, from a table.
    table = np.array([bin(i).count("1") for i in range(256)], np.uint8)
    return table[words[..., None].view(np.uint8)].sum(-1, dtype=np.uint8)
