"""Leave one dataset out: what is left of a result in another laboratory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from leukfeat.classifier.novelty import TrainingReference
from leukfeat.evaluation.cell_names import cell_paths
from leukfeat.evaluation.comparison import Comparison
from leukfeat.evaluation.cross_validation import cross_validate_heads
from leukfeat.evaluation.result import Evaluation
from leukfeat.evaluation.shared_images import check_no_shared_images
from leukfeat.evaluation.wording import html_table, markdown_table, notes_html
from leukfeat.exceptions import SpecMismatchError
from leukfeat.features import FeatureSet, FeatureSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["DatasetTransfer", "leave_one_dataset_out"]

COLUMN = "dataset"

_SAID = "Each dataset tested by heads fitted on the others."
_MANY = 0.1


class DatasetTransfer:
    """Results on each dataset of heads that were fitted on the others.

    Made by :func:`leave_one_dataset_out`.

    Parameters
    ----------
    pooled : Comparison
        All the cells, each predicted by heads that saw no cell of its dataset.
    held_out : mapping of str to mapping of str to Evaluation
        For each dataset the heads and the control heads.
    metric : str
        Figure of merit that is shown.
    far : mapping of str to float, optional
        For each dataset the part of its cells that lie farther from those of the other datasets
        than 99 % of these lie from the cells of other subjects.
    without_subjects : sequence of str, default=()
        Datasets whose subjects are not known.
    """

    def __init__(
        self,
        pooled: Comparison,
        held_out: Mapping[str, Mapping[str, Evaluation]],
        *,
        metric: str,
        far: Mapping[str, float] | None = None,
        without_subjects: Sequence[str] = (),
    ) -> None:
        self.pooled = pooled
        self.held_out = {name: dict(found) for name, found in held_out.items()}
        self.metric = metric
        self.far = dict(far or {})
        self.without_subjects = tuple(without_subjects)

    @property
    def table(self) -> pd.DataFrame:
        """One row a dataset and head: ``dataset``, ``head``, ``estimate``, ``low``, ``high``."""
        rows = []
        for name, results in self.held_out.items():
            for head, one in results.items():
                if (self.metric, "cells") in one.figures:
                    found = one[self.metric]
                    rows.append((name, head, found.estimate, found.low, found.high))
        return pd.DataFrame(rows, columns=["dataset", "head", "estimate", "low", "high"])

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values that JSON can hold."""
        return {
            "metric": self.metric,
            "far": self.far,
            "without_subjects": list(self.without_subjects),
            "held_out": {
                name: {head: one.to_dict() for head, one in results.items()}
                for name, results in self.held_out.items()
            },
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know before believing the numbers."""
        return (
            *self.pooled.notes,
            *(_bare_note(name) for name in self.without_subjects),
            *(_far_note(name, part) for name, part in self.far.items()),
        )

    def _rows(self) -> tuple[list[str], list[list[str]]]:
        heads = list(next(iter(self.held_out.values())))
        rows = []
        for name, results in self.held_out.items():
            shown = [
                str(results[h][self.metric]) if (self.metric, "cells") in results[h].figures else ""
                for h in heads
            ]
            rows.append([name, *shown])
        return [f"tested on ({self.metric})", *heads], rows

    def to_markdown(self) -> str:
        """Return the table of datasets and heads as Markdown."""
        notes = "".join(f"\n- {note}" for note in self.notes)
        return f"{_SAID}\n\n{markdown_table(*self._rows())}\n{notes}\n"

    def _repr_html_(self) -> str:
        return f"<p>{_SAID}</p>{html_table(*self._rows())}{notes_html(self.notes)}"

    def __repr__(self) -> str:
        return f"DatasetTransfer({', '.join(self.held_out)}; {len(self.pooled)} heads)"

    def plot(self) -> Figure:
        """Draw the figure of merit of each head on each held-out dataset.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from leukfeat.evaluation.scoring import figure_name
        from leukfeat.reporting import caption, draw_forest

        table = self.table
        name = figure_name(self.metric)
        table["metric"] = [f"{name}, tested on {dataset}" for dataset in table["dataset"]]
        first = self.pooled[next(iter(self.pooled))]
        p = first.predictions
        words = f"bars: {100 * first.level:g} % intervals by {p.unit}"
        text = caption(p.n_cells, p.n_subjects, "heads fitted on the other datasets", words)
        return draw_forest(table, text="\n".join([text, *self.notes]))


def leave_one_dataset_out(
    datasets: Mapping[str, FeatureSet],
    heads: Any = ("svm", "random_forest", "logistic_regression"),
    *,
    metric: str | None = None,
    embargo: bool = False,
    random_state: int = 0,
    n_jobs: int | None = None,
    level: float = 0.95,
    **head_settings: Any,
) -> DatasetTransfer:
    """Test heads on each dataset after fitting them on the others.

    Parameters
    ----------
    datasets : mapping of str to FeatureSet
        Two or more, of one feature space, with the same class names. Subjects of two datasets are
        taken as different people, also where they bear one name; of a dataset without subjects
        every cell counts alone, which is said.
    heads : str, Head, or a sequence or mapping of them
        As :func:`cross_validate_heads` takes them.
    metric : str, optional
        Figure of merit that is shown; default: AUROC where there is one.
    embargo : bool, default=False
        Drop from training the images that are in the held-out dataset too; without it they are an
        error.
    random_state : int, default=0
        Seed of heads given by name.
    n_jobs : int, optional
        Datasets held out at once (joblib).
    level : float, default=0.95
        Level of the intervals.
    **head_settings
        Settings of heads given by name.

    Returns
    -------
    DatasetTransfer

    Raises
    ------
    ValueError
        If there are fewer than two datasets, one has no labels, or their classes differ.
    SpecMismatchError
        If their feature spaces differ.
    LeakageError
        If an image is in two datasets.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from leukfeat import FeatureSet
    >>> from leukfeat.evaluation import leave_one_dataset_out
    >>> rng = np.random.default_rng(0)
    >>> def laboratory(shift):
    ...     y = np.repeat(np.arange(24) % 2, 5)
    ...     X = rng.normal(size=(120, 3)) + 2 * y[:, None] + shift
    ...     return FeatureSet(X, y, subjects=np.repeat(np.arange(24), 5).astype(str),
    ...                       class_names=["hem", "all"], positive="all")
    >>> found = leave_one_dataset_out({"Bonn": laboratory(0.0), "Pune": laboratory(0.3)},
    ...                               LogisticRegression())
    >>> found.table["dataset"].unique().tolist()
    ['Bonn', 'Pune']
    """
    joined = _joined(datasets)
    if not embargo:
        check_no_shared_images({name: one[one.y >= 0] for name, one in datasets.items()})  # type: ignore[operator]
    pooled = cross_validate_heads(
        joined,
        heads,
        split="leave_one_out",
        by=COLUMN,
        embargo=embargo,
        random_state=random_state,
        n_jobs=n_jobs,
        level=level,
        **head_settings,
    )
    of = joined.column(COLUMN)
    bare = {name: _bare_note(name) for name, one in datasets.items() if one.subjects is None}
    far = {name: _far_part(joined, of == name) for name in datasets}
    held_out: dict[str, dict[str, Evaluation]] = {}
    for name in datasets:
        parts = {
            head: Evaluation(
                one.predictions.take(of[one.predictions.cells] == name),
                name=head,
                notes=(
                    *one.notes,
                    *((bare[name],) if name in bare else ()),
                    *((_far_note(name, far[name]),) if far[name] > _MANY else ()),
                ),
                level=level,
                about=one.about,
            )
            for head, one in pooled.all.items()
        }
        held_out[name] = parts
    first = next(iter(pooled.results.values()))
    if metric is None:
        metric = "auroc" if ("auroc", "cells") in first.figures else "balanced_accuracy"
    first.interval(metric)  # is there such a figure?
    return DatasetTransfer(pooled, held_out, metric=metric, far=far, without_subjects=tuple(bare))


def _bare_note(name: str) -> str:
    return (
        f"{name} does not tell its subjects: its cells are taken as independent, and intervals there "
        "are too narrow"
    )


def _far_part(joined: FeatureSet, here: np.ndarray) -> float:
    """Part of the cells of a dataset that are far from the cells of the others."""
    labelled = joined.y >= 0  # type: ignore[operator]
    train = joined[~here & labelled]
    # Measured columns have units of their own; those of a network are of one kind.
    own_units = not isinstance(joined.spec, FeatureSpec)
    reference = TrainingReference(standardize=own_units).fit(train.X, train.groups)
    return float((reference.distance(joined[here & labelled].X) > 1).mean())


def _far_note(name: str, part: float) -> str:
    said = (
        f"{100 * part:.0f} % of the cells of {name} lie farther from those that the heads were "
        "fitted on than 99 % of these lie from each other's subjects"
    )
    if part <= _MANY:
        return said
    return (
        f"{said}: of such cells a head knows nothing, whatever its probabilities say (an RBF SVM "
        "falls back on its constant, and may be worse than chance)"
    )


def _joined(datasets: Mapping[str, FeatureSet]) -> FeatureSet:
    """Put the datasets below each other, with a column that tells them apart."""
    if len(datasets) < 2:
        raise ValueError(f"Two datasets or more are needed. Got {len(datasets)}: {list(datasets)}.")
    names, sets = list(datasets), list(datasets.values())
    first = sets[0]
    for name, one in datasets.items():
        if one.y is None:
            raise ValueError(f"{name!r} has no labels: there is no truth to test against.")
        if one.class_names != first.class_names:
            raise ValueError(
                f"{name!r} has the classes {one.class_names}, {names[0]!r} has "
                f"{first.class_names}. Give the cells the same names in the same order: select the "
                "shared classes and rename_classes before extract_features."
            )
        if first.spec is not None and one.spec is not None:
            if not first.spec.is_interchangeable_with(one.spec):
                raise SpecMismatchError(
                    f"{name!r} and {names[0]!r} are of two feature spaces "
                    f"({'; '.join(first.spec.differences(one.spec))}). Extract both with the same "
                    "settings."
                )
        elif one.shape[1] != first.shape[1]:
            raise ValueError(
                f"{name!r} has {one.shape[1]} features, {names[0]!r} has {first.shape[1]}."
            )
    labelled = [one[one.y >= 0] for one in sets]  # type: ignore[operator]

    def stacked(what: str, *, prefix: bool = False, gaps: bool = False) -> Any:
        values = [getattr(one, what) for one in labelled]
        if all(v is None for v in values) or (not gaps and any(v is None for v in values)):
            return None
        if gaps:  # what one dataset does not tell is missing there, and is kept of the others
            values = [
                np.full(len(one), None, object) if v is None else v
                for one, v in zip(labelled, values, strict=True)
            ]
        if prefix:
            values = [
                np.array([None if v is None else f"{name}/{v}" for v in column], object)
                for name, column in zip(names, values, strict=True)
            ]
        if isinstance(values[0], pd.DataFrame):
            return pd.concat(values, ignore_index=True)
        return np.concatenate(values)

    paths = [cell_paths(one) for one in labelled]
    known = [
        np.full(len(o), None, object) if p is None else p
        for o, p in zip(labelled, paths, strict=True)
    ]
    columns = pd.DataFrame(
        {
            "path": pd.Series(np.concatenate(known), dtype=object),
            COLUMN: np.repeat(names, [len(one) for one in labelled]),
        }
    )
    return FeatureSet(
        stacked("X"),
        stacked("y"),
        subjects=stacked("subjects", prefix=True, gaps=True),
        groups=stacked("groups", prefix=True, gaps=True),
        ids=stacked("ids"),
        controls=stacked("controls"),
        spec=first.spec,
        class_names=first.class_names,
        positive=first.positive,
        columns=columns,
        skipped=pd.concat([one.skipped for one in sets], ignore_index=True),
        name=" + ".join(names),
    )
