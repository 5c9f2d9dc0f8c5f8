"""``leukfeat export``: a table with a row a cell."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from leukfeat.cli import options as opt
from leukfeat.cli.output import say, say_skipped, show

__all__ = ["export"]


def export(
    data: opt.DataSource,
    out: Annotated[Path, typer.Option("--out", "-o", help="The table, .csv or .parquet.")],
    model: Annotated[
        Path | None, typer.Option(help="A model file, whose predictions are added.")
    ] = None,
    cache: opt.Cache = None,
    layout: opt.Layout = "auto",
    positive: opt.Positive = None,
    subject_pattern: opt.SubjectPattern = None,
    cnmc_split: opt.CnmcSplit = None,
    skip_bad: opt.SkipBad = False,
    as_json: opt.AsJson = False,
) -> None:
    """Write a table with a row a cell: path, label, subject, fold, and a model's predictions.

    Correct the labels in it and read them back with leukfeat.apply_corrections. Example:

    leukfeat export my-cells -o cells.csv --model cnmc.leukfeat
    """
    from leukfeat.data import export_table
    from leukfeat.data.table_file import table_writer

    table_writer(out)
    cells: Any = opt.cells_from(
        data, layout, positive, subject_pattern, cnmc_split, skip_bad=skip_bad
    )
    given: dict[str, Any] = {}
    if model is not None:
        from leukfeat.classifier.cell_classifier import IN_TRAINING

        classifier = opt.classifier_from(model)
        cells = classifier.extract(cells, cache=cache, errors="skip" if skip_bad else "raise")
        say_skipped(cells.skipped)
        known = classifier.predict(cells).iloc[: len(cells)]
        if n_seen := int(known["reason"].str.contains(IN_TRAINING, regex=False).sum()):
            say(
                f"{n_seen} of {len(known)} images, or their subjects, were in the training of this "
                "model: what it says of them is no prediction."
            )
        if tuple(cells.class_names) in ((), classifier.class_names):
            cells.class_names = classifier.class_names
        places = [classifier.class_names.index(name) for name in cells.class_names]
        names = [classifier.class_names[i] for i in places]
        given["probabilities"] = known[[f"p_{name}" for name in names]].to_numpy()
        given["predictions"] = [cells.class_names.index(label) for label in known["label"]]
    table = export_table(cells, out, **given)
    show(
        {"table": out, "cells": len(table), "columns": list(table.columns)},
        f"{len(table)} cells in '{out}': {', '.join(table.columns)}.",
        as_json=as_json,
    )
