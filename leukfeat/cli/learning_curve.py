"""``leukfeat learning-curve``: whether more patients would help."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from leukfeat.cli import options as opt
from leukfeat.cli.feature_options import with_feature_options
from leukfeat.cli.output import show, write_figure
from leukfeat.cli.writing import folder_to_write

__all__ = ["learning_curve"]


@with_feature_options
def learning_curve(
    load: Callable[[Path], Any],
    data: opt.DataSource,
    head: opt.HeadName = "svm",
    fractions: Annotated[
        str, typer.Option(help="Parts of the training subjects, joined by commas.")
    ] = "0.2,0.4,0.6,0.8,1",
    metric: opt.Metric = "auroc",
    n_splits: opt.NSplits = 5,
    out: opt.OutFolder = None,
    random_state: opt.RandomState = 0,
    n_jobs: opt.NJobs = None,
    as_json: opt.AsJson = False,
) -> None:
    """Show whether more patients would help: a head trained on growing numbers of subjects.

    The test cells are the same at every point; only the number of training subjects grows. Where
    the figure with all of them is shown to be above that with half, more patients are likely to
    help. The guess for twice as many subjects is a power law, no promise.

    Example: leukfeat learning-curve C-NMC_training_data --cache features -o curve
    """
    from leukfeat import evaluation
    from leukfeat.heads.registry import check_head_name

    folder_to_write(out)
    parts = opt.numbers("--fractions", fractions)
    check_head_name(head)
    curve = evaluation.learning_curve(
        load(data),
        head,
        fractions=parts,
        metric=metric,
        n_splits=n_splits,
        random_state=random_state,
        n_jobs=n_jobs,
    )
    twice = curve.more_subjects(2.0)
    found = {**curve.to_dict(), "twice_as_many_subjects": None if twice != twice else twice}
    show(found, curve.to_markdown(), as_json=as_json)
    write_figure(curve, out, "learning_curve", found)
