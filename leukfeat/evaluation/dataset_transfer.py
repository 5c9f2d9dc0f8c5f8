"""Leave one dataset out: what is left of a result in another laboratory."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from leukfeat.evaluation.cell_names import cell_paths
from leukfeat.evaluation.comparison import Comparison
from leukfeat.evaluation.cross_validation import cross_validate_heads
from leukfeat.evaluation.result import Evaluation
from leukfeat.evaluation.wording import html_table, markdown_table
from leukfeat.exceptions import SpecMismatchError
from leukfeat.features import FeatureSet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["DatasetTransfer", "leave_one_dataset_out"]

COLUMN = "dataset"


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
    """

    def __init__(
        self,
        pooled: Comparison,
        held_out: Mapping[str, Mapping[str, Evaluation]],
        *,
        metric: str,
    ) -> None:
        self.pooled = pooled
        self.held_out = {name: dict(found) for name, found in held_out.items()}
        self.metric = metric

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
            "held_out": {
                name: {head: one.to_dict() for head, one in results.items()}
                for name, results in self.held_out.items()
            },
        }

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
        return f"Each dataset tested by heads fitted on the others.\n\n{markdown_table(*self._rows())}\n"

    def _repr_html_(self) -> str:
        said = html.escape("Each dataset tested by heads fitted on the others.")
        return f"<p>{said}</p>{html_table(*self._rows())}"

    def __repr__(self) -> str:
        return f"DatasetTransfer({', '.join(self.held_out)}; {len(self.pooled)} heads)"

    def plot(self) -> Figure:
        """Draw the figure of merit of each head on each held-out dataset.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from leukfeat.evaluation.scoring import figure_name
        from leukfeat.reporting import draw_forest

        table = self.table
        name = figure_name(self.metric)
        table["metric"] = [f"{name}, tested on {dataset}" for dataset in table["dataset"]]
        return draw_forest(table, text="heads fitted on the other datasets; bars: 95 % intervals")


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
        taken as different people, also where they bear one name.
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
    held_out: dict[str, dict[str, Evaluation]] = {}
    for name in datasets:
        parts = {
            head: Evaluation(
                one.predictions.take(of[one.predictions.cells] == name),
                name=head,
                notes=one.notes,
                level=level,
                about=one.about,
            )
            for head, one in pooled.all.items()
        }
        held_out[name] = parts
    if metric is None:
        first = next(iter(next(iter(held_out.values())).values()))
        metric = "auroc" if ("auroc", "cells") in first.figures else "balanced_accuracy"
    return DatasetTransfer(pooled, held_out, metric=metric)


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

    def stacked(what: str, prefix: bool = False) -> Any:
        values = [getattr(one, what) for one in labelled]
        if any(v is None for v in values):
            return None
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
        subjects=stacked("subjects", prefix=True),
        groups=stacked("groups", prefix=True),
        ids=stacked("ids"),
        controls=stacked("controls"),
        spec=first.spec,
        class_names=first.class_names,
        positive=first.positive,
        columns=columns,
        skipped=pd.concat([one.skipped for one in sets], ignore_index=True),
        name=" + ".join(names),
    )
