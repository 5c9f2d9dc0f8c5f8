"""What must be said of an ensemble: its members' weights, and by how much it beats the best."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .ensemble import Ensemble

__all__ = ["difference_words", "ensemble_html", "ensemble_remarks", "tie_words", "weights_words"]

_METRICS = ("balanced_accuracy", "auroc")


def weights_words(ensemble: Ensemble) -> str:
    """Name the members with their weights, the largest first.

    Parameters
    ----------
    ensemble : Ensemble
        Fitted.

    Returns
    -------
    str
    """
    table = ensemble.summary()
    shown = ", ".join(f"{name} {weight:.2f}" for name, weight in table["weight"].items() if weight)
    left = [str(name) for name, weight in table["weight"].items() if not weight]
    unused = f"; not used: {', '.join(left)}" if left else ""
    return f"weights ({ensemble.strategy}): {shown}{unused}"


def difference_words(ensemble: Ensemble) -> tuple[str, ...]:
    """Tell the paired, nested difference from the best member, a sentence a metric.

    Parameters
    ----------
    ensemble : Ensemble
        Fitted.

    Returns
    -------
    tuple of str
        Empty where it was not measured.
    """
    found = ensemble.difference_
    told = []
    for metric in _METRICS:
        if metric not in found:
            continue
        one = found[metric]
        shown = one["low"] > 0 or one["high"] < 0
        told.append(
            f"{metric.replace('_', ' ')}: {one['estimate']:+.3f} ({one['low']:+.3f} to "
            f"{one['high']:+.3f}) against its best member {found['best_member']}, "
            f"{one['ensemble']:.3f} against {one['member']:.3f}, on {one['n_cells']} cells of "
            f"{one['n_subjects']} subjects that neither had seen ({found['folds']} outer folds)"
            + ("" if shown else ": not shown to be better or worse")
        )
    return tuple(told)


def tie_words(scores: dict[str, float], n_best: int | None) -> tuple[str, ...]:
    """Say which heads score alike where one of them had to be taken.

    Parameters
    ----------
    scores : dict of str to float
        Out-of-fold score of every head, in the order in which they were given.
    n_best : int or None
        How many are kept.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> tie_words({"svm": 0.9, "knn": 0.9, "mlp": 0.5}, None)
    ('tie: svm, knn have the best out-of-fold score (0.900); the first named counts as the best',)
    """
    ranked = sorted(scores, key=lambda name: -scores[name])
    told = []
    best = [name for name in scores if scores[name] == scores[ranked[0]]]
    if len(best) > 1:
        told.append(
            f"tie: {', '.join(best)} have the best out-of-fold score ({scores[best[0]]:.3f}); the "
            "first named counts as the best"
        )
    if n_best is not None and n_best < len(ranked):
        last, next_one = scores[ranked[n_best - 1]], scores[ranked[n_best]]
        if last == next_one:
            alike = [name for name in scores if scores[name] == last]
            told.append(
                f"tie: of {', '.join(alike)}, alike out of fold ({last:.3f}), the first named are "
                f"kept to make {n_best}"
            )
    return tuple(told)


def ensemble_remarks(ensemble: Ensemble) -> tuple[str, ...]:
    """Return all that a result of an ensemble must say of it.

    Parameters
    ----------
    ensemble : Ensemble
        Fitted.

    Returns
    -------
    tuple of str
        The weights, the difference from the best member, and its notes.
    """
    return (weights_words(ensemble), *difference_words(ensemble), *ensemble.notes_)


def ensemble_html(ensemble: Ensemble) -> str:
    """Return the table of the heads, and what must be said, as HTML.

    Parameters
    ----------
    ensemble : Ensemble
        Fitted.

    Returns
    -------
    str
    """
    told = (*difference_words(ensemble), *ensemble.notes_)
    items = "".join(f"<li>{html.escape(one)}</li>" for one in told)
    said = f"<ul>{items}</ul>" if items else ""
    shown = ensemble.summary().rename(
        columns={"out_of_fold_score": f"out-of-fold {ensemble.scoring}"}
    )
    return f"{shown.to_html(float_format='{:.3f}'.format)}{said}"
