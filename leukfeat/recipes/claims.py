"""The sentences of the literature, each with an experiment and a verdict."""

from __future__ import annotations

import dataclasses
import functools
import os
import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd

from leukfeat.data import CellDataset, make_cells
from leukfeat.evaluation.wording import html_table, markdown_table, notes_html
from leukfeat.features import extract_features
from leukfeat.metrics import Interval
from leukfeat.recipes.claim_experiments import EXPERIMENTS, ON_FEATURES, Bench
from leukfeat.recipes.tables import check_keys

__all__ = ["Claim", "ClaimVerdict", "ClaimsResult", "known_claims", "try_claims"]

PROCEDURAL = {"n_subjects": 24, "n_cells": 240}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Claim:
    """A sentence that can be tested.

    Parameters
    ----------
    name : str
        Short name.
    sentence : str
        What is claimed.
    experiment : {"cnn", "heads", "noise_features", "memory", "segmentation"}
        How it is tested.
    with_, without : dict
        The two sides.
    figure : str
        What is compared, as `with_` less `without`.
    expected : {"higher", "lower"}
        What the sentence says of that difference.
    """

    name: str
    sentence: str
    experiment: str
    with_: dict[str, Any]
    without: dict[str, Any]
    figure: str
    expected: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClaimVerdict:
    """What came out of one experiment.

    Parameters
    ----------
    claim : Claim
    verdict : {"holds", "contradicted", "not shown", "not tested"}
        ``"not shown"``: the interval holds 0.
    difference : Interval or None
        `with_` less `without`.
    with_, without : float or None
        The two figures.
    note : str
        What was compared on what, or why it was not.
    """

    claim: Claim
    verdict: str
    difference: Interval | None = None
    with_: float | None = None
    without: float | None = None
    note: str = ""


class ClaimsResult:
    """The verdicts, as a table.

    Parameters
    ----------
    verdicts : sequence of ClaimVerdict
    notes : sequence of str
        What a reader must know.
    """

    def __init__(self, verdicts: Sequence[ClaimVerdict], notes: Sequence[str] = ()) -> None:
        self.verdicts = tuple(verdicts)
        self.notes = tuple(notes)

    @property
    def table(self) -> pd.DataFrame:
        """One row a claim."""
        return pd.DataFrame(
            [
                {
                    "claim": one.claim.sentence,
                    "figure": one.claim.figure,
                    "with": _number(one.with_),
                    "without": _number(one.without),
                    "difference": _interval(one.difference),
                    "verdict": one.verdict,
                    "how": one.note,
                }
                for one in self.verdicts
            ]
        )

    def __getitem__(self, name: str) -> ClaimVerdict:
        return {one.claim.name: one for one in self.verdicts}[name]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values that JSON can hold."""
        return {
            "claims": [
                {
                    **dataclasses.asdict(one.claim),
                    "verdict": one.verdict,
                    "difference": None if one.difference is None else one.difference.to_dict(),
                    "with": one.with_,
                    "without": one.without,
                    "note": one.note,
                }
                for one in self.verdicts
            ],
            "notes": list(self.notes),
        }

    def to_markdown(self) -> str:
        """Return the table and the notes as Markdown."""
        rows = [list(map(str, row)) for row in self.table.to_numpy()]
        notes = "".join(f"\n- {note}" for note in self.notes)
        return f"{markdown_table(list(self.table.columns), rows)}\n{notes}\n"

    def _repr_html_(self) -> str:
        rows = [list(map(str, row)) for row in self.table.to_numpy()]
        return html_table(list(self.table.columns), rows) + notes_html(self.notes)


@functools.cache
def known_claims() -> dict[str, Claim]:
    """Return the claims by name.

    Returns
    -------
    dict of str to Claim

    Examples
    --------
    >>> known_claims()["relu-converges-faster"].expected
    'lower'
    """
    text = (resources.files("leukfeat.recipes") / "claims.toml").read_text(encoding="utf-8")
    claims = {}
    for name, facts in tomllib.loads(text).items():
        needed = ["sentence", "experiment", "with", "without", "figure", "expected"]
        check_keys(name, facts, needed, needed=needed)
        facts["with_"] = facts.pop("with")
        claims[name] = Claim(name=name, **facts)
    return claims


def try_claims(
    cells: CellDataset | None = None,
    *,
    names: Sequence[str] | None = None,
    masks: CellDataset | None = None,
    weights: str | os.PathLike[str] = "imagenet",
    cache: str | os.PathLike[str] | None = None,
    n_runs: int = 5,
    cnn: dict[str, Any] | None = None,
    extraction: dict[str, Any] | None = None,
    output: str | os.PathLike[str] | None = None,
    level: float = 0.95,
    random_state: int = 0,
    progress: bool = True,
) -> ClaimsResult:
    """Put the sentences of the literature to the test.

    Parameters
    ----------
    cells : CellDataset, optional
        Labelled cells. Without them procedural ones are made, and the result says so.
    names : sequence of str, optional
        Claims to test; all of :func:`known_claims` by default.
    masks : CellDataset, optional
        Cells with a column ``mask``, for segmentation; without it that claim is not tested.
    weights : {"imagenet", "random"} or path-like, default="imagenet"
        Weights of the ResNet50.
    cache : path-like, optional
        Where features are kept.
    n_runs : int, default=5
        Networks on each side, each with other subjects set aside for the test.
    cnn : dict, optional
        Settings of :class:`CNNConfig` that both sides share.
    extraction : dict, optional
        Settings of `extract_features` in place of the defaults.
    output : path-like, optional
        Folder for the figures of trained networks: a call that was stopped goes on from there.
    level : float, default=0.95
        Level of the intervals.
    random_state : int, default=0
    progress : bool, default=True

    Returns
    -------
    ClaimsResult

    Raises
    ------
    ValueError
        If a claim is not known, or `masks` has no column ``mask``.
    """
    chosen = list(known_claims()) if names is None else list(names)
    unknown = sorted(set(chosen) - set(known_claims()))
    if unknown:
        raise ValueError(f"'names' holds {unknown}; the claims are {list(known_claims())}.")
    if masks is not None and "mask" not in masks.frame.columns:
        raise ValueError(
            f"'masks' needs a column 'mask' beside the images; {masks.name!r} has "
            f"{list(masks.frame.columns)}."
        )
    notes = []
    if cells is None:
        cells = make_cells(**PROCEDURAL, random_state=random_state)  # type: ignore[arg-type]
        notes.append(
            "No cells were given: these are procedural. Verdicts on them are of the procedure, "
            "not of leukemia."
        )

    def features() -> Any:
        return extract_features(
            cells,
            **{
                "weights": weights,
                "cache": cache,
                "random_state": random_state,
                "progress": progress,
                **(extraction or {}),
            },
        )

    bench = Bench(
        cells=cells,
        features=features,
        masks=masks,
        cnn=dict(cnn or {}),
        n_runs=n_runs,
        level=level,
        random_state=random_state,
        progress=progress,
        folder=None if output is None else Path(output, "claims"),
    )
    if any(known_claims()[name].experiment in ON_FEATURES for name in chosen):
        # Before the networks, which take hours: weights that are not there are told now.
        _ = bench.extracted
    return ClaimsResult([_try(known_claims()[name], bench) for name in chosen], notes)


def _try(claim: Claim, bench: Bench) -> ClaimVerdict:
    found = EXPERIMENTS[claim.experiment](bench, claim.with_, claim.without, claim.figure)
    if found is None:
        return ClaimVerdict(claim=claim, verdict="not tested", note="needs cells with masks")
    difference = found.difference
    verdict = "not shown"
    if difference.known and 0 not in difference:
        side = "higher" if difference.estimate > 0 else "lower"
        verdict = "holds" if side == claim.expected else "contradicted"
    return ClaimVerdict(
        claim=claim,
        verdict=verdict,
        difference=difference,
        with_=found.with_,
        without=found.without,
        note=found.note,
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _interval(one: Interval | None) -> str:
    if one is None:
        return ""
    if not one.known:
        return f"{one.estimate:+.3f} (no interval)"
    return f"{one.estimate:+.3f} ({one.low:+.3f} to {one.high:+.3f})"
