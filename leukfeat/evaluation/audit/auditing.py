"""`audit`: look for leaks and shortcuts before anything is fitted."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from leukfeat.data.dataset import CellDataset
from leukfeat.evaluation.audit.balance import balance_findings, balance_table, mixed_subjects
from leukfeat.evaluation.audit.cells_table import cells_table
from leukfeat.evaluation.audit.close_features import close_pairs
from leukfeat.evaluation.audit.clues import (
    clue_findings,
    clue_results,
    clue_tables,
    cross_validate_clue,
)
from leukfeat.evaluation.audit.erasing import erase_cells
from leukfeat.evaluation.audit.finding import Finding
from leukfeat.evaluation.audit.identical import (
    identical_pairs,
    pair_findings,
    pair_table,
    tied_subjects,
)
from leukfeat.evaluation.audit.perceptual import similar_pairs
from leukfeat.evaluation.audit.pixels import PixelPass, look_at_pixels
from leukfeat.evaluation.audit.report import Audit
from leukfeat.evaluation.audit.sides import as_sides, side_findings, thin_folds
from leukfeat.evaluation.cell_names import short_names
from leukfeat.evaluation.result import Evaluation
from leukfeat.evaluation.wording import counted
from leukfeat.features import FeatureSet
from leukfeat.splitting.groups import name_some

__all__ = ["audit"]

_NO_PAIRS = np.empty((0, 2), np.int64)


def audit(
    cells: CellDataset | FeatureSet,
    splits: Any = None,
    *,
    features: FeatureSet | None = None,
    extract: Callable[[CellDataset], FeatureSet] | None = None,
    digests: Any = None,
    pixels: bool | None = None,
    clues: bool = True,
    level: float = 0.95,
    random_state: int = 0,
    n_jobs: int | None = None,
) -> Audit:
    """Look for whatever would flatter a result on these cells.

    Looked for: subjects, groups and identical or near-identical images on both sides of a
    split or under several subjects, folds or labels; too few or too uneven subjects; labels
    that are told by colour, size, image size, border, file header, JPEG tables, or by the
    images with their cells erased.

    Parameters
    ----------
    cells : CellDataset or FeatureSet
        The cells. Of a `FeatureSet` the digests, measurements and features are looked at.
    splits : iterable of (train, test), or str, optional
        Splits to check, or a column each value of which is a test side. Default: the column
        ``fold``, where there is one.
    features : FeatureSet, optional
        Features of the same cells in the same order, for near copies.
    extract : callable, optional
        Takes a `CellDataset` and returns its features, for example
        ``lambda cells: extract_features(cells, weights=path)``: the cells-erased test is then
        made with the very features that are to be used. Without it colours are used.
    digests : str or array-like of shape (n_cells,), optional
        A digest of each image, or its column; default: the columns ``id``, ``digest``,
        ``sha256``, ``md5``, or the pixels.
    pixels : bool, optional
        Whether to read the images. Default: if they are arrays, or the first ones are there.
    clues : bool, default=True
        Whether to test how well the label is told by what is not the cell.
    level : float, default=0.95
        Level of the intervals.
    random_state : int, default=0
        Seed.
    n_jobs : int, optional
        Images read at once.

    Returns
    -------
    Audit

    Raises
    ------
    ValueError
        If `features` are not of as many cells.

    Examples
    --------
    >>> import pandas as pd
    >>> from leukfeat import CellDataset
    >>> from leukfeat.evaluation import audit
    >>> frame = pd.DataFrame({
    ...     "image": ["a.bmp", "b.bmp", "c.bmp"], "subject": ["20", "21", "21"],
    ...     "label": [1, 1, 0], "sha256": ["f0", "f0", "0f"]})
    >>> found = audit(CellDataset(frame, class_names=["hem", "all"]))
    >>> found.tied_subjects
    [('20', '21')]
    >>> found.is_leaky
    True
    """
    if features is not None and len(features) != len(cells):
        raise ValueError(
            f"'features' has {len(features)} rows and 'cells' {len(cells)}: give features of the "
            "same cells in the same order."
        )
    known = features if features is not None else cells if isinstance(cells, FeatureSet) else None
    not_done: list[str] = []
    seen = _pixels(cells, pixels, n_jobs, not_done)
    table = cells_table(cells, digests)
    if table["digest"].isna().all():
        for found in (None if seen is None else seen.digests, None if known is None else known.ids):
            if found is not None:
                table["digest"] = pd.Series(found, dtype=object).where(lambda d: d != "", None)
                break
    if table["digest"].isna().all():
        not_done.append("identical images (no digests, no pixels)")
    same = identical_pairs(table["digest"])
    near = _near(table, seen, known, same, not_done)
    both = np.concatenate([same, near])
    identical, alike = pair_table(same, table), pair_table(near, table)
    tied = tied_subjects(both, table)
    findings = pair_findings(identical, tied_subjects(same, table), table, kind="identical images")
    if seen is not None or known is not None:
        findings += pair_findings(
            alike, tied_subjects(near, table), table, kind="near-identical images"
        )
    sides = as_sides(splits, table, cells.column)
    findings += side_findings(sides, table, near) + thin_folds(sides, table)
    balance = balance_table(table, level)
    findings += balance_findings(balance) + mixed_subjects(table)
    if seen is not None and seen.unreadable:
        rows = list(seen.unreadable)
        unread = pd.DataFrame(
            {"cell": rows, "image": table["image"].iloc[rows], "reason": seen.unreadable.values()}
        )
        first = seen.unreadable[rows[0]]
        message = (
            f"{counted(len(rows), 'image')} could not be read: {name_some(table['shown'].iloc[rows], at_most=3)}. "
            f"The first: {first}"
        )
        findings.append(Finding("unreadable images", "warning", message, unread))
    if len(cells.skipped):
        names = short_names(cells.skipped["path"])
        message = (
            f"{len(names)} {'file was' if len(names) == 1 else 'files were'} left out when the cells "
            f"were loaded: {name_some(names, at_most=3)}."
        )
        findings.append(Finding("files left out", "note", message, cells.skipped))
    tested: dict[str, Evaluation] = {}
    if clues:
        tested = _clues(cells, table, seen, known, extract, level, random_state, not_done)
        findings += clue_findings(tested)
    else:
        not_done.append("shortcuts (the clues were switched off)")
    return Audit(
        findings,
        name=cells.name,
        n_cells=len(cells),
        cells=table,
        identical=identical,
        near=alike,
        tied=tied,
        balance=balance,
        clues=tested,
        not_done=not_done,
    )


def _pixels(
    cells: Any, pixels: bool | None, n_jobs: int | None, not_done: list[str]
) -> PixelPass | None:
    if isinstance(cells, FeatureSet):
        not_done.append("pixels (features were given, not images)")
        return None
    images = cells.images
    if pixels is None:
        first = [i for i in images[:20] if isinstance(i, str)]
        pixels = bool(images) and all(os.path.exists(path) for path in first)
        if not pixels:
            not_done.append("pixels (the image files are not there)")
    return look_at_pixels(images, n_jobs=n_jobs) if pixels else None


def _near(
    table: pd.DataFrame,
    seen: PixelPass | None,
    known: FeatureSet | None,
    same: np.ndarray,
    not_done: list[str],
) -> np.ndarray:
    """Pairs of near copies by pixels and by features, without identical ones."""
    pairs = [_NO_PAIRS]
    if seen is not None:
        readable = np.array([i for i, s in enumerate(seen.signatures) if s is not None], np.int64)
        found, _ = similar_pairs([s for s in seen.signatures if s is not None])
        pairs.append(readable[found] if len(found) else _NO_PAIRS)
    if known is not None:
        pairs.append(close_pairs(known.X)[0])
    if seen is None and known is None:
        not_done.append("near-identical images")
        return _NO_PAIRS
    joined = np.unique(np.concatenate(pairs), axis=0)
    digest = table["digest"].to_numpy(object)
    equal = np.array([digest[i] is not None and digest[i] == digest[j] for i, j in joined], bool)
    return joined[~equal] if len(joined) else _NO_PAIRS


def _clues(
    cells: Any,
    table: pd.DataFrame,
    seen: PixelPass | None,
    known: FeatureSet | None,
    extract: Callable[[CellDataset], FeatureSet] | None,
    level: float,
    random_state: int,
    not_done: list[str],
) -> dict[str, Evaluation]:
    if cells.y is None or len(np.unique(cells.y[cells.y >= 0])) < 2:
        not_done.append("clues (labels of two classes are needed)")
        return {}
    bare = FeatureSet(
        np.zeros((len(cells), 1), np.float32),
        cells.y,
        subjects=cells.subjects,
        groups=cells.groups,
        ids=[d or "" for d in table["digest"]],
        class_names=cells.class_names,
        positive=cells.positive,
    )
    controls = seen.controls if seen is not None else None if known is None else known.controls
    tables = clue_tables(controls, None if seen is None else seen.files)
    if not tables:
        not_done.append("clues (no measurements)")
    tested = clue_results(tables, bare, level=level, random_state=random_state)
    lacking = sorted(set(tables) - set(tested))
    if lacking:
        not_done.append(f"{', '.join(lacking)} as clues (too few subjects to divide)")
    if seen is None or seen.unreadable:
        not_done.append("cells erased (every image must be readable)")
        return tested
    result = _erased(cells, bare, extract, level, random_state)
    if result is not None:
        tested["cells erased"] = result
    return tested


def _erased(
    cells: CellDataset,
    bare: FeatureSet,
    extract: Callable[[CellDataset], FeatureSet] | None,
    level: float,
    random_state: int,
) -> Evaluation | None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    erased = erase_cells(cells, random_state=random_state)
    if extract is None:
        look = look_at_pixels(erased.images).controls
        X, head = look.drop(columns=["height", "width"]).to_numpy(float), None
    else:
        X = np.asarray(extract(erased), float)
        head = make_pipeline(
            StandardScaler(),
            LogisticRegression(C=0.01, class_weight="balanced", max_iter=2000),
        )
    return cross_validate_clue(
        X, bare, name="cells erased", head=head, level=level, random_state=random_state
    )
