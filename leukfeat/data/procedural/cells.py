"""make_cells: a procedural dataset of single cells, with everything known about them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..dataset import CellDataset
from .appearance import Look
from .checks import check_number
from .defects import (
    BACKGROUND_GREY,
    SHORTCUTS,
    plant_duplicates,
    plant_label_noise,
    plant_shortcut,
)
from .drawing import draw_cell
from .hierarchy import Stream, draw_hierarchy, fold_of_subjects, stream
from .kinds import CLASS_NAMES
from .masking import cut_out, paste
from .optics import expose
from .oracle import oracle_score
from .sampling import draw_looks, draw_traits
from .surroundings import put_into_plasma

__all__ = ["make_cells"]

FIELD_OF_VIEW_UM = 24.75
"""Side of a crop: 450 pixels of 0.055 µm, at which the cells are as large as in C-NMC 2019."""

_SMALLEST_SIZE = 16
_NAMES = ["subject", "site", "stain", "slide", "field", "cell"]


def make_cells(
    n_subjects: int = 24,
    n_cells: int = 240,
    *,
    size: int = 450,
    um_per_px: float | None = None,
    n_sites: int = 2,
    n_stains: int = 3,
    subject_shift: float = 1.0,
    duplicates: float = 0.0,
    label_noise: float = 0.0,
    shortcut: str | None = None,
    random_state: int = 0,
) -> CellDataset:
    """Draw a dataset of lymphoid cells in the manner of C-NMC 2019.

    Every image is a crop with one stained cell in its middle and a background of exactly 0.
    The cells come from sites, stain batches, subjects, slides and fields, each with a look of
    its own, and each subject has cells of one class only: a classifier that knows the subject
    knows the class, so that a random split flatters it. How it would do on new subjects, and
    how well any classifier could do, is known, since the cells are drawn from known laws.

    Parameters
    ----------
    n_subjects : int, default=24
        Subjects; 47 of 73 have leukemia, as in C-NMC. At least 2.
    n_cells : int, default=240
        Cells in all, shared out as unevenly as in C-NMC (9 to 757 a subject at its full size).
    size : int, default=450
        Height and width of the crops (pixels), at least 16.
    um_per_px : float, optional
        Micrometres a pixel. Default: ``24.75 / size``, so that a smaller `size` shows the same
        field in fewer pixels. Give 0.055 to keep the scale of C-NMC and crop the field instead.
    n_sites : int, default=2
        Sites; both classes are found at every one.
    n_stains : int, default=3
        Stain batches a site.
    subject_shift : float, default=1.0
        Strength of all that cells of one site, stain batch, subject, slide or field have in
        common: stain, focus, scale, fixation, mask edge, JPEG, mix of kinds. At 0 the cells of
        a subject are no more alike than any others of their class, and a random split is fair.
    duplicates : float, default=0.0
        Share of the cells that are exact copies of a cell of another subject of their class.
    label_noise : float, default=0.0
        Share of the cells whose ``label`` is wrong; ``true_label`` is not.
    shortcut : {"colour", "size", "background"}, optional
        Plant a cue that tells the class without the cell: `all` cells are bluer, larger, or
        stand on a background of 3 instead of 0.
    random_state : int, default=0
        The seed. The n-th cell of the n-th subject is the same whatever `n_subjects` and
        `n_cells` are, if nothing is planted.

    Returns
    -------
    CellDataset
        Class names ``("hem", "all")``, positive class ``"all"``, images RGB ``uint8`` of shape
        ``(size, size, 3)``. Columns beside ``label``: ``subject`` (``"H102"`` is healthy),
        ``site``, ``stain``, ``slide``, ``field`` (names, each unique), ``cell`` (number in the
        field), ``fold`` (three folds by subject), ``um_per_px``, and the truth: ``true_label``,
        ``true_kind`` (haematogone, lymphocyte, l1, l2, l3, smudge), ``true_clipped`` (a part is
        cut off), ``true_duplicate_of`` (field and cell of the original as ``"101.s1.f2.c1"``,
        or None), ``true_log_odds`` (what `oracle_score` returns), the traits ``true_nucleus_um``, ``true_nc_ratio``,
        ``true_grain_um``, ``true_contrast``, ``true_clumping``, ``true_cleft``,
        ``true_irregularity``, ``true_basophilia``, ``true_density``, ``true_nucleoli``,
        ``true_vacuoles``, and the look of the picture in ``true_look_...`` (stain, camera,
        focus, mask; the fields of `leukfeat.data.procedural.Look`).

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Notes
    -----
    The same seed gives the same bytes wherever the versions of NumPy and OpenCV (with its JPEG
    coder) and the instruction set are the same; elsewhere a grey level may be rounded otherwise.

    Examples
    --------
    >>> cells = make_cells(6, 30, size=64)
    >>> cells
    CellDataset('procedural': 30 cells of 6 subjects; hem 13, all 17; positive='all')
    >>> cells.images[0].shape
    (64, 64, 3)
    >>> sorted(set(cells.subjects))[:3]
    ['101', '103', '104']
    """
    whole = [
        (n_subjects, "n_subjects", 2, ""),
        (n_cells, "n_cells", n_subjects, "one cell a subject"),
        (size, "size", _SMALLEST_SIZE, ""),
        (n_sites, "n_sites", 1, ""),
        (n_stains, "n_stains", 1, ""),
        (random_state, "random_state", 0, ""),
    ]
    for value, name, low, note in whole:
        check_number(value, name, "make_cells", low=low, integer=True, note=note)
    if um_per_px is None:
        um_per_px = FIELD_OF_VIEW_UM / size
    check_number(um_per_px, "um_per_px", "make_cells", low=0.01, high=2)
    check_number(subject_shift, "subject_shift", "make_cells", low=0)
    check_number(duplicates, "duplicates", "make_cells", low=0, high=1)
    check_number(label_noise, "label_noise", "make_cells", low=0, high=1)
    if shortcut is not None and shortcut not in SHORTCUTS:
        raise ValueError(
            f"The 'shortcut' parameter of make_cells must be None or one of {SHORTCUTS}. "
            f"Got {shortcut!r} instead."
        )
    rows = draw_hierarchy(
        n_subjects, n_cells, n_sites=n_sites, n_stains=n_stains, random_state=random_state
    )
    labels = rows["label"].to_numpy()
    traits = draw_traits(rows, shift=subject_shift, random_state=random_state)
    looks = draw_looks(rows, shift=subject_shift, random_state=random_state)
    if shortcut is not None:
        looks = plant_shortcut(looks, labels, shortcut)
    source = plant_duplicates(rows, duplicates, random_state)
    original = source == np.arange(len(rows))
    images: list[Any] = [None] * len(rows)
    clipped = np.zeros(len(rows), bool)
    streams = rows[["subject_no", "cell_no"]].to_numpy().tolist()
    prepared = looks.to_numpy().tolist()
    for i in np.flatnonzero(original):
        # A stream each for shape, mask and noise: the number of pixels, and so of the values that
        # the noise takes, then changes neither the shape nor the truth.
        shape, mask, noise = (
            stream(random_state, purpose, *streams[i])
            for purpose in (Stream.SHAPE, Stream.MASK, Stream.NOISE)
        )
        look = Look(*prepared[i])
        drawn = draw_cell(shape, traits[i], look, look.scale / um_per_px)
        scene = put_into_plasma(shape, drawn)
        picture = expose(noise, scene, look, drawn.patch.px_per_um)
        picture, clipped[i] = cut_out(mask, picture, drawn.depth, look, drawn.patch)
        images[i] = paste(picture, size)
        if shortcut == "background" and labels[i] == 1:
            images[i][~images[i].any(axis=2)] = BACKGROUND_GREY
    for i in np.flatnonzero(~original):
        images[i] = images[source[i]].copy()
    truth = pd.concat(
        [pd.DataFrame(traits), looks.add_prefix("look_"), pd.DataFrame({"clipped": clipped})],
        axis=1,
    )
    truth = truth.iloc[source].reset_index(drop=True).add_prefix("true_")
    truth["true_log_odds"] = oracle_score(truth)
    frame = pd.concat([rows[_NAMES], truth], axis=1)
    frame["true_label"] = labels
    names = (rows["field"] + ".c" + rows["cell"].astype(str)).to_numpy(object)
    names = names[source]
    names[original] = None
    frame["true_duplicate_of"] = names
    frame["fold"] = fold_of_subjects(rows)
    frame["um_per_px"] = um_per_px
    return CellDataset.from_arrays(
        images,
        plant_label_noise(labels, label_noise, random_state),
        frame.pop("subject"),
        class_names=CLASS_NAMES,
        positive="all",
        name="procedural",
        **{name: frame[name] for name in frame.columns},
    )
