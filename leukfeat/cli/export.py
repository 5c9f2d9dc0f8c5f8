"""``leukfeat export``: a table with a row a cell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leukfeat.cli import options as opt
from leukfeat.cli.output import say, say_skipped, show

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["export"]


def export(
    data: opt.DataSource,
    out: Annotated[Path, typer.Option("--out", "-o", help="The table, .csv or .parquet.")],
    model: Annotated[
        Path | None, typer.Option(help="A model file whose predictions are added.")
    ] = None,
    cache: opt.Cache = None,
    layout: opt.Layout = "auto",
    class_names: opt.ClassNames = None,
    positive: opt.Positive = None,
    subject_pattern: opt.SubjectPattern = None,
    cnmc_split: opt.CnmcSplit = None,
    skip_bad: opt.SkipBad = False,
    as_json: opt.AsJson = False,
) -> None:
    """Write a table with a row a cell: path, label, subject, fold, digest, a model's predictions.

    Correct the labels in it and read them back with leukfeat.apply_corrections. Example:

    leukfeat export my-cells -o cells.csv --model cnmc.leukfeat
    """
    from leukfeat.data import export_table
    from leukfeat.data.table_file import table_writer

    table_writer(out)
    cells: Any = opt.cells_from(
        data,
        layout,
        positive,
        subject_pattern,
        cnmc_split,
        class_names=class_names,
        skip_bad=skip_bad,
    )
    given: dict[str, Any] = {}
    if model is None:
        say_skipped(cells.skipped)
    if model is not None:
        from leukfeat.classifier.cell_classifier import IN_TRAINING

        classifier = opt.classifier_from(model)
        cells = classifier.extract(cells, cache=cache, errors="skip" if skip_bad else "raise")
        say_skipped(cells.skipped)
        known = classifier.predict(cells).iloc[: len(cells)]
        if n_seen := int(known["reason"].str.contains(IN_TRAINING, regex=False).sum()):
            say(
                f"{n_seen} of {len(known)} images, or their subjects, were in the training of this "
                "model: what it says of them is no prediction; the column 'reason' marks them."
            )
        given["predictions"] = known
    else:
        cells, given["digests"], unread = _with_digests(cells, skip_bad=skip_bad)
        say_skipped(unread)
    table = export_table(cells, out, **given)
    show(
        {
            "table": out,
            "cells": len(table),
            "columns": list(table.columns),
            "skipped": cells.skipped[["path", "reason"]].to_dict("records"),
        },
        f"{len(table)} cells in '{out}': {', '.join(table.columns)}.",
        as_json=as_json,
    )


def _with_digests(cells: Any, *, skip_bad: bool) -> tuple[Any, list[str], pd.DataFrame]:
    """Return the cells that can be read, the digests of their pixels, and what was left out."""
    import pandas as pd

    from leukfeat.exceptions import ImageReadError
    from leukfeat.imaging.pixel_key import pixel_key
    from leukfeat.imaging.reading import read_image

    digests, kept, unread = [], [], []
    for row, path in enumerate(cells.images):
        try:
            digests.append(pixel_key(read_image(path)).hex())
            kept.append(row)
        except ImageReadError as error:
            if not skip_bad:
                raise ImageReadError(f"{error} To leave it out, give errors='skip'.") from error
            unread.append((path, str(error)))
    left_out = pd.DataFrame(unread, columns=["path", "reason"])
    listed = pd.concat([t for t in (cells.skipped, left_out) if len(t)] or [left_out])
    return cells if not unread else cells[kept], digests, listed
