"""``leukfeat leakage``: how much a random split of cells would flatter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from leukfeat.cli import options as opt
from leukfeat.cli.feature_options import with_feature_options
from leukfeat.cli.output import show, write_figure
from leukfeat.cli.writing import folder_to_write

__all__ = ["leakage"]


@with_feature_options
def leakage(
    load: Callable[[Path], Any],
    data: opt.DataSource,
    head: opt.HeadName = "svm",
    metric: opt.Metric = "auroc",
    n_splits: opt.NSplits = 5,
    n_repeats: Annotated[
        int, typer.Option(help="How often all is repeated, with other folds.")
    ] = 1,
    out: opt.OutFolder = None,
    random_state: opt.RandomState = 0,
    n_jobs: opt.NJobs = None,
    as_json: opt.AsJson = False,
) -> None:
    """Measure how much a random split flatters: one head, its cells split at random and by subject.

    The gap is what cells of the same patient on both sides add to the figure, with its interval.
    It needs the subject of each cell: --subject-pattern, or a column of a table.

    Example: leukfeat leakage my-cells --subject-pattern '(P[0-9]+)_' -o leakage
    """
    from leukfeat import evaluation
    from leukfeat.heads.registry import check_head_name

    folder_to_write(out)
    check_head_name(head)
    meter = evaluation.leakage_meter(
        load(data),
        head,
        metric=metric,
        n_splits=n_splits,
        n_repeats=n_repeats,
        random_state=random_state,
        n_jobs=n_jobs,
    )
    show(meter.to_dict(), meter.to_markdown(), as_json=as_json)
    write_figure(meter, out, "leakage", meter.to_dict())
