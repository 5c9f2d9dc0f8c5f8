"""`cross_validate_heads`: every cell predicted by heads that never saw its patient."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from leukfeat.evaluation.compared_heads import named_heads, own_folds_notes
from leukfeat.evaluation.comparison import Comparison
from leukfeat.evaluation.controls import CONTROL_NAMES, control_predictions, missing_controls
from leukfeat.evaluation.left_out import left_out_cells
from leukfeat.evaluation.positive import settle_positive
from leukfeat.evaluation.predicting import as_labelled_features, predict_cells
from leukfeat.evaluation.predictions import Predictions, join_predictions, with_units
from leukfeat.evaluation.prepared import fitted_preparation_notes
from leukfeat.evaluation.provenance import about_head, remarks_of
from leukfeat.evaluation.result import Evaluation
from leukfeat.evaluation.seen import seen_by_backbone
from leukfeat.exceptions import SeenByBackboneWarning
from leukfeat.features import FeatureSet
from leukfeat.features.progress import progress_bar
from leukfeat.heads.class_labels import named_weights
from leukfeat.heads.control_fitting import fit_controls_alone
from leukfeat.heads.registry import own_heads, with_heads
from leukfeat.metrics.interval import check_level
from leukfeat.splitting.splitters import Split, SplitMethod, make_splits

__all__ = ["cross_validate_heads", "fit_one", "out_of_fold"]


def cross_validate_heads(
    features: Any,
    heads: Any = ("svm", "random_forest", "logistic_regression"),
    y: Any = None,
    *,
    subjects: Any = None,
    split: SplitMethod = "group",
    n_splits: int = 5,
    n_repeats: int = 1,
    by: str | None = None,
    embargo: bool = False,
    random_state: int = 0,
    n_jobs: int | None = None,
    level: float = 0.95,
    progress: bool = False,
    **head_settings: Any,
) -> Comparison:
    """Compare heads by nested cross-validation, beside heads that know colour or size only.

    Everything that is learnt (scaling, settings, calibration, threshold) is learnt inside the
    training side of each split. Predictions of all test sides are pooled, so a test side may
    lack a class.

    Parameters
    ----------
    features : FeatureSet or array-like of shape (n_cells, n_features)
        Labelled cells.
    heads : str, Head, or a sequence or mapping of them
        Names from the registry, unfitted heads or scikit-learn classifiers. A mapping gives
        them names of your own.
    y, subjects : array-like of shape (n_cells,), optional
        Labels and subjects, for an array of features.
    split : {"group", "random", "official", "leave_one_out"}, default="group"
        How the cells are divided, see :func:`leukfeat.splitting.make_splits`. Without known
        subjects "group" keeps identical images together, and the result says what it cannot
        rule out.
    n_splits, n_repeats : int, default=5 and 1
        Folds, and repeats with other folds; figures are averaged over repeats.
    by : str, optional
        Column that is kept together, or held out.
    embargo : bool, default=False
        With ``split="official"``: drop from training what shares a group with the test side.
    random_state : int, default=0
        Seed of the splits and of heads given by name.
    n_jobs : int, optional
        Splits fitted at once (joblib).
    level : float, default=0.95
        Level of the intervals.
    progress : bool, default=False
        Show a bar over the splits.
    **head_settings
        Settings of heads given by name, for example ``tune=False``.

    Returns
    -------
    Comparison

    Raises
    ------
    LeakageError
        If the split asked for would put a patient, or identical images, on both sides.
    ValueError
        If no split can be trained on, or heads bear the same name.

    Warns
    -----
    SeenByBackboneWarning
        If the weights behind the features were trained on these cells, their subjects or their
        data set.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from leukfeat import cross_validate_heads
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(np.arange(30) % 2, 5)
    >>> subjects = np.repeat([f"S{i}" for i in range(30)], 5)
    >>> X = rng.normal(size=(150, 4)) + y[:, None]
    >>> cross_validate_heads(X, LogisticRegression(), y, subjects=subjects)
    Comparison(1 heads, 150 cells, 30 subjects, split='group', 5 folds x 1)
    """
    cells, notes = as_labelled_features(features, y, subjects=subjects)
    left_out = left_out_cells(features) if isinstance(features, FeatureSet) else None
    check_level(level)
    _check_two_classes(cells)
    named = named_heads(heads, random_state=random_state, **head_settings)
    own_folds = own_folds_notes(named)
    cells, of_positive = settle_positive(cells, named.values())
    splits = make_splits(
        cells,
        split=split,
        n_splits=n_splits,
        n_repeats=n_repeats,
        by=by,
        embargo=embargo,
        random_state=random_state,
    )
    # What is kept together outside is kept together when heads are tuned inside.
    together = cells.column(by) if by is not None and split == "group" else None
    predictions, fitted = out_of_fold(
        cells, named, splits, together=together, n_jobs=n_jobs, progress=progress
    )
    seen = seen_by_backbone(cells)
    if seen:
        warnings.warn("; ".join(seen), SeenByBackboneWarning, stacklevel=2)
    inside = (getattr(model, "split_note_", "") for model in fitted.values())
    within = tuple(f"training: {note}" for note in inside if note and note not in splits.notes)
    within += tuple(
        f"{name}, as fitted on the first training side: {remark}"
        for name, model in fitted.items()
        for remark in remarks_of(model)
    )
    predictions, counted = with_units(predictions, cells, by)
    said = (*counted, *of_positive, *own_folds)
    learnt = fitted_preparation_notes(cells)
    notes = (*splits.notes, *notes, *said, *within, *seen, *learnt)
    controls = {
        name: Evaluation(predictions.pop(name), name=name, level=level)
        for name in CONTROL_NAMES.values()
        if name in predictions
    }
    notes = (*notes, *missing_controls(controls, cells))
    plan = {
        "split": split,
        "n_splits": len({one.fold for one in splits}),
        "n_repeats": len({one.repeat for one in splits}),
        "by": by,
        "embargo": embargo,
        "random_state": random_state,
    }
    results = {
        name: Evaluation(
            predictions[name],
            name=name,
            controls=controls,
            notes=notes,
            level=level,
            about={
                "of": f"the head fitted on the first of {len(splits)} training sides; what is "
                "tuned may differ on the others",
                "split": plan,
                **about_head(fitted[name], cells),
            },
            left_out=left_out,
        )
        for name in named
    }
    return Comparison(results, controls=controls, notes=notes, plan=plan, level=level)


def _check_two_classes(cells: FeatureSet) -> None:
    present = np.unique(cells.y if cells.y is not None else [])
    if len(present) < 2:
        names = [cells.class_names[int(label)] for label in present]
        raise ValueError(
            "A comparison of heads needs cells of two classes or more. "
            f"Got 1 class: {', '.join(names)} ({len(cells)} cells)."
        )


def out_of_fold(
    features: FeatureSet,
    heads: Mapping[str, Any],
    splits: Sequence[Split],
    *,
    together: Any = None,
    controls: bool = True,
    n_jobs: int | None = None,
    progress: bool = False,
) -> tuple[dict[str, Predictions], dict[str, Any]]:
    """Fit every head on every training side and predict the test side.

    Parameters
    ----------
    features : FeatureSet
        Labelled cells.
    heads : mapping of str to estimator
        Unfitted heads.
    splits : sequence of Split
        Training and test rows.
    together : array-like of shape (n_cells,), optional
        What heads keep on one side when they are tuned, besides subjects and groups.
    controls : bool, default=True
        Whether control heads are wanted: those of the first `Head`, else some of their own.
    n_jobs : int, optional
        Splits fitted at once (joblib).
    progress : bool, default=False
        Show a bar over the splits.

    Returns
    -------
    predictions : dict of str to Predictions
        Pooled over splits: the heads, and the control heads.
    fitted : dict of str to estimator
        Each head as fitted on the first split.
    """
    # Another process knows only what it imports, not the names that this one has registered.
    split_of = with_heads(_one_split, own_heads())
    work = (
        delayed(split_of)(features, heads, one, together, controls=controls, keep=i == 0)
        for i, one in enumerate(splits)
    )
    if progress:
        done = []
        with progress_bar(len(splits), ", ".join(heads), wanted=True, unit="split") as bar:
            for of_split in Parallel(n_jobs=n_jobs, return_as="generator")(work):
                done.append(of_split)
                bar.update()
    else:  # not every backend of joblib gives results as they come
        done = Parallel(n_jobs=n_jobs)(work)
    names = list(done[0][0])
    pooled = {name: join_predictions([found[name] for found, _ in done]) for name in names}
    return pooled, done[0][1]


def _one_split(
    features: FeatureSet,
    heads: Mapping[str, Any],
    split: Split,
    together: Any,
    *,
    controls: bool,
    keep: bool,
) -> tuple[dict[str, Predictions], dict[str, Any]]:
    train, test = features[split.train], features[split.test]
    where: dict[str, Any] = {"rows": split.test, "repeat": split.repeat, "fold": split.fold}
    found: dict[str, Predictions] = {}
    fitted: dict[str, Any] = {}
    groups = None if together is None else np.asarray(together, object)[split.train]
    for name, head in heads.items():
        wanted = controls and not set(found) & set(CONTROL_NAMES.values())
        model = fit_one(head, train, groups=groups, controls=wanted)
        found[name] = predict_cells(model, test, **where)
        for control, predictions in control_predictions(model, test, **where).items():
            found.setdefault(control, predictions)
        if keep:
            fitted[name] = model
    if controls and not any(hasattr(head, "check_spec") for head in heads.values()):
        found |= control_predictions(fit_controls_alone(train), test, **where)
    return found, fitted


def fit_one(head: Any, train: FeatureSet, *, groups: Any = None, controls: bool = True) -> Any:
    """Fit a copy of a head, or of a scikit-learn classifier, on training cells.

    Parameters
    ----------
    head : estimator
        Not changed.
    train : FeatureSet
        Labelled training cells.
    groups : array-like of shape (n_cells,), optional
        What a `Head` keeps together besides what the cells tell themselves.
    controls : bool, default=True
        Whether a `Head` is to fit its control heads; those of one head serve all.

    Returns
    -------
    estimator
        Fitted.
    """
    from sklearn.base import clone

    model = clone(head) if hasattr(head, "get_params") else copy.deepcopy(head)
    if hasattr(model, "check_spec"):
        # A Head wants the whole: subjects to tune by, controls for the control heads.
        if not controls and "controls" in model.get_params(deep=False):
            model.set_params(controls=False)
        return model.fit(train) if groups is None else model.fit(train, groups=groups)
    _weigh_codes(model, train)
    return model.fit(np.asarray(train), train.y)


def _weigh_codes(model: Any, train: FeatureSet) -> None:
    """Let class weights that name classes, or labels, weigh the codes that the model is fit on."""
    names = train.class_names
    for key, value in model.get_params(deep=True).items() if hasattr(model, "get_params") else ():
        if key.split("__")[-1] == "class_weight" and isinstance(value, dict) and names:
            model.set_params(**{key: named_weights(value, np.arange(len(names)), names)})
