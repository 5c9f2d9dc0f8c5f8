"""Every cell predicted by a classifier of a variant that did not train on it."""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from collections import Counter
from typing import Any

import numpy as np

from leukfeat.cnn.checkpoint import digest_of
from leukfeat.evaluation import Evaluation, Predictions
from leukfeat.evaluation.controls import CONTROL_NAMES, control_predictions
from leukfeat.evaluation.positive import settle_positive
from leukfeat.evaluation.predicting import predict_cells
from leukfeat.evaluation.predictions import join_predictions, with_units
from leukfeat.evaluation.prepared import fitted_preparation_notes
from leukfeat.recipes.route import Route
from leukfeat.recipes.run_folder import Fold, RunFolder
from leukfeat.splitting import Split, make_splits

__all__ = ["CrossResult", "cross_predict"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CrossResult:
    """A variant under one way of splitting.

    Parameters
    ----------
    evaluation : Evaluation
        Predictions of all test sides pooled, beside the control heads.
    seconds : float
        Time of fitting and predicting, when it was computed.
    facts : dict of str to float
        What was noted of the fits, mean over the folds.
    """

    evaluation: Evaluation
    seconds: float
    facts: dict[str, float]


def cross_predict(
    route: Route,
    folder: RunFolder,
    *,
    split: str,
    n_splits: int,
    n_repeats: int = 1,
    level: float = 0.95,
    random_state: int = 0,
    progress: bool = False,
) -> CrossResult:
    """Fit a variant on every training side and predict the test side.

    Parameters
    ----------
    route : Route
        The variant.
    folder : RunFolder
        Folds that are there are not computed again.
    split : {"group", "random", "official"}
        How cells are divided.
    n_splits, n_repeats : int
    level : float, default=0.95
        Level of the intervals.
    random_state : int, default=0
        Seed of the splits.
    progress : bool, default=False

    Returns
    -------
    CrossResult
    """
    from tqdm.auto import tqdm

    classes, rows = _known_of_classes(route.data), _known_of_rows(route.data)
    splits = make_splits(
        route.data,
        split=split,  # type: ignore[arg-type]
        n_splits=n_splits,
        n_repeats=n_repeats,
        embargo=split == "official",
        random_state=random_state,
    )
    parts: list[dict[str, Predictions]] = []
    by_others: list[str] = []
    seconds = 0.0
    facts: list[dict[str, float]] = []
    label = f"{route.variant}, {split}"
    for one in tqdm(splits, desc=label, disable=not progress):
        key = (
            *route.identity,
            split,
            *classes,
            digest_of(rows[one.train]),
            digest_of(rows[one.test]),
            one.repeat,
            one.fold,
        )

        def compute(one: Split = one, key: tuple[Any, ...] = key) -> Fold:
            return _compute(route, one, split, folder, key)

        found = folder.fold(key, compute)
        parts.append(found.predictions)
        seconds += found.seconds
        facts.append(found.facts)
        by_others.extend(found.other_versions())
    joined = {name: join_predictions([part[name] for part in parts]) for name in parts[0]}
    pooled, counted = with_units(joined, route.data)
    controls = {
        name: Evaluation(pooled[name], name=name, level=level)
        for name in CONTROL_NAMES.values()
        if name in pooled
    }
    evaluation = Evaluation(
        pooled[route.variant],
        name=route.variant,
        controls=controls,
        notes=(
            *splits.notes,
            *counted,
            *settle_positive(route.data, ())[1],
            *fitted_preparation_notes(route.data),
            *_versions_note(by_others, len(parts)),
        ),
        level=level,
    )
    means = {name: float(np.mean([one[name] for one in facts])) for name in _shared(facts)}
    return CrossResult(evaluation=evaluation, seconds=seconds, facts=means)


def _shared(facts: list[dict[str, float]]) -> list[str]:
    return [name for name in facts[0] if all(name in one for one in facts)]


def _compute(route: Route, one: Split, split: str, folder: RunFolder, key: tuple[Any, ...]) -> Fold:
    started = time.perf_counter()
    place = folder.place(key)
    model, asked, facts = route.fit(one.train, one.test, split, place)
    where: dict[str, Any] = {"rows": one.test, "repeat": one.repeat, "fold": one.fold}
    found = {route.variant: predict_cells(model, asked, **where)}
    found |= control_predictions(model, asked, **where)
    if place is not None and place.exists():
        shutil.rmtree(place)
    return Fold(found, time.perf_counter() - started, facts)


def _known_of_classes(data: Any) -> tuple[Any, ...]:
    # Thresholds, sensitivity and names follow these: another positive class is another fold.
    return ("classes", *data.class_names, "positive", data.positive)


def _known_of_rows(data: Any) -> np.ndarray:
    """Return a text for each row with image, class, subject and group."""
    unknown = [None] * len(data)
    columns = (
        data.ids if data.ids is not None else [row.tobytes().hex() for row in data.X],
        data.y,
        unknown if data.subjects is None else data.subjects,
        unknown if data.groups is None else data.groups,
    )
    texts = [json.dumps([*map(_text, row)]) for row in zip(*columns, strict=True)]
    return np.array(texts, object)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _versions_note(others: list[str], n_folds: int) -> tuple[str, ...]:
    if not others:
        return ()
    named = "; ".join(f"{n} with {words}" for words, n in Counter(others).items())
    return (
        f"{len(others)} of {n_folds} folds were computed earlier, with other versions ({named}): "
        "delete the recipe's folder in the output folder to compute all of them with today's",
    )
