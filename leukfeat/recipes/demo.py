"""The demo: cells to features to heads, by subject beside a random split, in one call."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from leukfeat.atomic_file import written_whole
from leukfeat.data import CellDataset, make_cells
from leukfeat.data.procedural import oracle_score
from leukfeat.evaluation import Comparison, LeakageMeter, cross_validate_heads
from leukfeat.exceptions import WeightsUnavailableError
from leukfeat.features import FeatureSet, extract_features
from leukfeat.imaging.reading import read_image
from leukfeat.reporting.markdown_text import inert_markdown
from leukfeat.reporting.montage import draw_montage

__all__ = ["DEMO_HEADS", "Demo", "demo_cells", "run_demo"]

DEMO_HEADS = ("svm", "random_forest", "logistic_regression")
"""The heads that the demo compares."""

DEMO_SETTINGS = {"n_subjects": 48, "n_cells": 1200, "size": 224, "subject_shift": 1.2}
"""The procedural dataset: what two cores extract in about a minute, with subjects and cells
enough that what a random split adds stands out of its interval."""

_FEWEST_CELLS = 96
"""Two a subject."""

DEMO_INNER_FOLDS = 3
"""Folds in which each head is tuned and calibrated; fewer than usual, since a demo is short."""


@dataclasses.dataclass(frozen=True)
class Demo:
    """What the demo found, and where it wrote it.

    Attributes
    ----------
    cells : CellDataset
    features : FeatureSet
    by_subject : Comparison
        Heads cross-validated by subject.
    random : Comparison or None
        The same heads on a random split; ``None`` without subjects.
    meter : LeakageMeter or None
        The gap between the two for the first head.
    oracle_auroc : float or None
        AUROC of the exact likelihood ratio of the true traits (procedural cells only).
    weights_note : str
        Which weights were used, in words.
    seconds : dict of str to float
        Time of each step.
    files : tuple of pathlib.Path
        What was written.
    """

    cells: CellDataset
    features: FeatureSet
    by_subject: Comparison
    random: Comparison | None
    meter: LeakageMeter | None
    oracle_auroc: float | None
    weights_note: str
    seconds: dict[str, float]
    files: tuple[Path, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values that JSON can hold.

        Returns
        -------
        dict
        """
        return {
            "cells": repr(self.cells),
            "weights": self.weights_note,
            "oracle_auroc": self.oracle_auroc,
            "gap": None if self.meter is None else self.meter.to_dict(),
            "by_subject": self.by_subject.to_dict(),
            "random": None if self.random is None else self.random.to_dict(),
            "seconds": self.seconds,
        }

    def to_markdown(self) -> str:
        """Return the demo's findings as Markdown.

        Returns
        -------
        str
        """
        ceiling = (
            ""
            if self.oracle_auroc is None
            else f"\nCeiling: an oracle that knows each cell's true traits has AUROC "
            f"{self.oracle_auroc:.3f}.\n"
        )
        gap = (
            ""
            if self.meter is None
            else f"\n## What a random split adds\n\n{self.meter.to_markdown()}"
        )
        return (
            f"# leukfeat demo\n\n{self.cells!r}\n\n{self.weights_note}\n\n"
            f"## Heads\n\n{self.by_subject.to_markdown()}{ceiling}{gap}"
        )


def demo_cells(*, random_state: int = 0, **settings: Any) -> CellDataset:
    """Make the procedural cells of the demo.

    Parameters
    ----------
    random_state : int, default=0
        Seed.
    **settings
        Passed to :func:`leukfeat.make_cells` in place of the demo's own.

    Returns
    -------
    CellDataset
    """
    return make_cells(**(DEMO_SETTINGS | settings), random_state=random_state)


def run_demo(
    cells: CellDataset | None = None,
    *,
    n_cells: int | None = None,
    weights: str | os.PathLike[str] = "imagenet",
    out: str | os.PathLike[str] = "leukfeat-demo",
    heads: Sequence[str] = DEMO_HEADS,
    random_state: int = 0,
    progress: bool = True,
    say: Callable[[str], object] = lambda text: None,
) -> Demo:
    """Run the main route once, from cells to a figure.

    Parameters
    ----------
    cells : CellDataset, optional
        Labelled cells. Default: procedural ones, made from `random_state`.
    n_cells : int, optional
        How many procedural cells to make, 96 or more. Default: 1,200. With few the demo is
        quick, and its figures are wide.
    weights : {"imagenet", "random"} or path-like, default="imagenet"
        Weights of the ResNet50. Where the ImageNet weights cannot be had, seeded random ones
        are used and the result says so.
    out : path-like, default="leukfeat-demo"
        Folder for the cache, the figures and the tables; made if absent.
    heads : sequence of str, default=("svm", "random_forest", "logistic_regression")
        Heads to compare; the gap is that of the first.
    random_state : int, default=0
        Seed of cells, splits and heads.
    progress : bool, default=True
        Show bars.
    say : callable, optional
        Told in a line what is being done.

    Returns
    -------
    Demo

    Raises
    ------
    ValueError
        If the cells have no labels, or `n_cells` is given beside cells or is below 96.
    """
    settings = {} if n_cells is None else {"n_cells": n_cells}
    if n_cells is not None and (cells is not None or n_cells < _FEWEST_CELLS):
        raise ValueError(
            f"The 'n_cells' parameter says how many procedural cells to make, {_FEWEST_CELLS} or "
            f"more. Got {n_cells!r}{'' if cells is None else ' beside cells of your own'}."
        )
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    seconds: dict[str, float] = {}
    clock = time.perf_counter()

    def lap(step: str) -> None:
        nonlocal clock
        now = time.perf_counter()
        seconds[step], clock = now - clock, now

    procedural = cells is None
    if cells is None:
        say("Making procedural cells (no patient's data) ...")
        cells = demo_cells(random_state=random_state, **settings)
    if cells.y is None:
        raise ValueError(
            f"{cells.name!r} has no labels, and the demo compares heads. Use a folder a class, or "
            "a table with a column 'label'."
        )
    lap("cells")
    say(f"{cells!r}")
    features, note = _features(cells, weights, folder / "cache", random_state, progress, say)
    lap("features")
    say(
        "Comparing heads, split by subject ..."
        if cells.subjects is not None
        else "Comparing heads ..."
    )
    given: dict[str, Any] = {
        "random_state": random_state,
        "cv": DEMO_INNER_FOLDS,
        "progress": progress,
    }
    by_subject = cross_validate_heads(features, heads, **given)
    lap("heads by subject")
    random = meter = None
    if features.subjects is not None:
        say("The same heads on a random split of cells ...")
        random = cross_validate_heads(features, heads, split="random", **given)
        meter = LeakageMeter(random, by_subject, metric="auroc", level=by_subject.level)
        lap("heads at random")
    oracle = _auroc(cells.y, oracle_score(cells)) if procedural else None
    demo = Demo(cells, features, by_subject, random, meter, oracle, note, seconds)
    files = _write(demo, folder)
    lap("figures")
    return dataclasses.replace(demo, files=files)


def _features(
    cells: CellDataset,
    weights: str | os.PathLike[str],
    cache: Path,
    random_state: int,
    progress: bool,
    say: Callable[[str], object],
) -> tuple[FeatureSet, str]:
    given: dict[str, Any] = {"cache": cache, "random_state": random_state, "progress": progress}
    try:
        features = extract_features(cells, weights=weights, **given)
    except WeightsUnavailableError as error:
        note = (
            "ImageNet weights could not be had, so the ResNet50 has seeded random weights and its "
            "features are weaker than they could be. Give --weights FILE for real ones. "
            f"({error})"
        )
        say(note)  # before minutes are spent on it
        return extract_features(cells, weights="random", **given), note
    words = {"imagenet": "ImageNet weights", "random": "seeded random weights"}
    note = f"ResNet50 with {words.get(str(weights), f'the weights in {weights}')}."
    say(note)
    return features, note


def _auroc(y: np.ndarray, score: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(y, score))


def _write(demo: Demo, folder: Path) -> tuple[Path, ...]:
    montage = folder / "cells.png"
    figure = draw_montage(
        _some_of_each(demo.cells), text=f"{demo.cells.name}: {len(demo.cells)} cells"
    )
    with written_whole(montage) as partial:
        figure.savefig(partial, dpi=150)
    written = [montage]
    if demo.meter is not None:
        written.append(folder / "gap.png")
        with written_whole(written[-1]) as partial:
            demo.meter.plot().savefig(partial, dpi=150)
    for name, text in (
        ("results.md", inert_markdown(demo.to_markdown())),
        ("results.json", json.dumps(demo.to_dict(), indent=2)),
    ):
        written.append(folder / name)
        with written_whole(written[-1]) as partial:
            partial.write_text(text, encoding="utf-8")
    written.append(folder / "report.html")
    demo.by_subject.to_html(written[-1])
    return tuple(written)


def _some_of_each(cells: CellDataset, n: int = 6) -> dict[str, list[np.ndarray]]:
    # One cell a subject, so that the row shows how patients differ.
    y = cells.y if cells.y is not None else np.zeros(len(cells), int)
    subjects = cells.subjects if cells.subjects is not None else np.arange(len(cells)).astype(str)
    rows = {}
    for label, name in enumerate(cells.class_names):
        here = np.flatnonzero(y == label)
        _, first = np.unique(subjects[here].astype(str), return_index=True)
        chosen = [cells.images[i] for i in here[np.sort(first)[:n]]]
        rows[name] = [c if isinstance(c, np.ndarray) else read_image(c) for c in chosen]
    return {name: row for name, row in rows.items() if row}
