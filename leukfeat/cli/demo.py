"""``leukfeat demo``: the main route once, on procedural cells or the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leukfeat.cli import options as opt
from leukfeat.cli.output import say, show

__all__ = ["demo"]


def demo(
    data: Annotated[
        Path | None,
        typer.Option(
            help="Your own cells: a CSV table, C-NMC's tree or one folder per class. "
            "Without it, procedural cells are made."
        ),
    ] = None,
    n_cells: Annotated[
        int | None,
        typer.Option("--cells", min=96, help="How many procedural cells to make; default: 1200."),
    ] = None,
    layout: opt.Layout = "auto",
    positive: opt.Positive = None,
    subject_pattern: opt.SubjectPattern = None,
    cnmc_split: opt.CnmcSplit = None,
    weights: opt.Weights = "imagenet",
    out: Annotated[Path, typer.Option(help="Folder for figures, tables and the cache.")] = Path(
        "leukfeat-demo"
    ),
    random_state: opt.RandomState = 0,
    as_json: opt.AsJson = False,
) -> None:
    """Run the whole route: cells, ResNet50 features, heads by subject, beside a random split.

    It needs no data and no network. On two cores it takes some minutes; with --cells 200, about one.
    """
    from leukfeat.recipes.demo import run_demo

    cells = None
    if data is not None:
        if n_cells is not None:
            raise typer.BadParameter("--cells is for procedural cells; leave out --data or it.")
        cells = opt.labelled_cells_from(data, layout, positive, subject_pattern, cnmc_split)
    result = run_demo(
        cells,
        n_cells=n_cells,
        weights=weights,
        out=out,
        random_state=random_state,
        progress=not as_json,
        say=say,
    )
    total = sum(result.seconds.values())
    files = "\n".join(f"  {path}" for path in result.files)
    show(
        result.to_dict(),
        f"\n{result.to_markdown()}\nWritten in {total:.0f} s:\n{files}",
        as_json=as_json,
    )
