"""``leukfeat transfer``: what is left of a result on another laboratory's cells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from leukfeat.cli import options as opt
from leukfeat.cli.feature_options import with_feature_options
from leukfeat.cli.output import show, write_figure
from leukfeat.cli.writing import folder_to_write

__all__ = ["transfer"]


@with_feature_options
def transfer(
    load: Callable[[Path], Any],
    datasets: Annotated[
        list[str],
        typer.Argument(
            help="Two or more sets of cells of the same classes, each a path or NAME=PATH.",
            metavar="DATA",
        ),
    ],
    heads: opt.HeadNames = "svm,random_forest,logistic_regression",
    metric: Annotated[
        str | None,
        typer.Option(
            help="Figure of merit; default: auroc, or balanced_accuracy for three classes or more."
        ),
    ] = None,
    embargo: Annotated[
        bool, typer.Option(help="Drop from training the images that the tested set holds as well.")
    ] = False,
    out: opt.OutFolder = None,
    random_state: opt.RandomState = 0,
    n_jobs: opt.NJobs = None,
    as_json: opt.AsJson = False,
) -> None:
    """Show what is left elsewhere: each dataset tested by heads fitted on the others.

    Beside the figures stands how far the tested cells lie from those that the head knows: where
    most are far, the head guesses, whatever its probabilities say.

    Example: leukfeat transfer bonn=cells-of-bonn pune=cells-of-pune --cache features -o transfer
    """
    from leukfeat import evaluation
    from leukfeat.heads.registry import check_head_name

    folder_to_write(out)
    names = [head.strip() for head in heads.split(",")]
    for name in names:
        check_head_name(name)
    found = evaluation.leave_one_dataset_out(
        {name: load(path) for name, path in _named(datasets).items()},
        names,
        metric=metric,
        embargo=embargo,
        random_state=random_state,
        n_jobs=n_jobs,
    )
    show(found.to_dict(), found.to_markdown(), as_json=as_json)
    write_figure(found, out, "transfer", found.to_dict())


def _named(given: list[str]) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for one in given:
        name, equals, path = one.partition("=")
        if not equals or Path(one).exists():
            name, path = Path(one).absolute().name, one
        if name in named:
            raise typer.BadParameter(
                f"Two datasets are called {name!r} ('{named[name]}' and '{path}'): give them names, "
                "such as bonn=PATH pune=PATH."
            )
        named[name] = Path(path)
    if len(named) < 2:
        raise typer.BadParameter(
            f"Two datasets or more are needed, to test each by heads fitted on the others. Got {given}."
        )
    return named
