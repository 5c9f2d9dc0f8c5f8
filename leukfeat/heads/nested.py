"""By how much an ensemble beats its best member, on subjects that neither has seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from leukfeat.metrics import difference, figures_of_merit

from .class_labels import named_weights
from .inner_folds import inner_splits
from .training_data import TrainingData

if TYPE_CHECKING:
    from .ensemble import Ensemble

__all__ = ["nested_difference"]


def nested_difference(ensemble: Ensemble, data: TrainingData) -> dict[str, Any]:
    """Fit the ensemble again in outer folds, and compare it there with its best member.

    The best member is chosen in each outer fold from that fold's own training subjects, as a
    user would choose it, so neither side has an advantage from the cells that they are compared
    on.

    Parameters
    ----------
    ensemble : Ensemble
        Its parameters are used; ``nested`` is the number of outer folds.
    data : TrainingData
        Its rows.

    Returns
    -------
    dict
        ``"best_member"``: the member chosen in most folds; ``"chosen"``: how often each was;
        ``"folds"``; and a dict for each metric with ``estimate``, ``low``, ``high``, ``level``,
        ``method``, ``n_subjects``, ``n_cells``, ``note``, ``ensemble`` and ``member``.
    """
    seed = None if ensemble.random_state is None else 1
    splits, notes = inner_splits(
        data, int(ensemble.nested), split=ensemble.split, random_state=seed
    )
    n_rows, n_classes = len(data.y), len(data.classes)
    predicted = np.full((2, n_rows), -1)
    proba = np.zeros((2, n_rows, n_classes))
    chosen: dict[str, int] = {}
    cv: Any = ensemble.cv if isinstance(ensemble.cv, (int, np.integer)) else 5
    for train, test in splits:
        folds = cv
        if data.is_view.any():  # plain arrays would not tell which rows are augmented
            inside = data.take(train)
            folds, _ = inner_splits(inside, cv, split=ensemble.split, random_state=seed)
        refit = clone(ensemble).set_params(
            nested=0,
            controls=False,
            cv=folds,
            positive=data.classes[data.positive],
            class_weight=named_weights(ensemble.class_weight, data.classes, data.class_names),
        )
        refit.fit(data.X[train], data.labels[train], groups=data.groups[train])
        best = refit.best_member_
        chosen[best] = chosen.get(best, 0) + 1
        member = dict(zip(refit.member_names_, refit.members_, strict=True))[best]
        for side, model in enumerate((refit, member)):
            predicted[side, test] = np.searchsorted(data.classes, model.predict(data.X[test]))
            proba[side, test] = model.predict_proba(data.X[test])
    cells = np.flatnonzero(~data.is_view)
    y, groups = data.y[cells], data.groups[cells]
    alone = len(np.unique(groups)) == len(cells)
    both = [
        figures_of_merit(
            y,
            predicted[side][cells],
            proba[side][cells],
            None if alone else groups.astype(str),
            class_names=data.class_names,
            positive=data.positive if n_classes == 2 else None,
        )
        for side in (0, 1)
    ]
    result: dict[str, Any] = {
        "best_member": max(chosen, key=lambda name: chosen[name]),
        "chosen": chosen,
        "folds": len(splits),
        "notes": list(notes),
    }
    for metric in ("balanced_accuracy", "auroc") if n_classes == 2 else ("balanced_accuracy",):
        ours, theirs = both[0][metric], both[1][metric]
        result[metric] = {
            **difference(ours, theirs).interval().to_dict(),
            "ensemble": float(ours.estimate),
            "member": float(theirs.estimate),
        }
    return result
