"""``leukfeat predict``: a saved model on images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leukfeat.cli import options as opt
from leukfeat.cli.output import say, say_skipped, show

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["predict"]


def predict(
    model: opt.ModelFile,
    data: opt.DataSource,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Table to write, .csv or .parquet. Where the patients are known, a "
            "second one beside it, NAME-subjects, has a row per patient.",
        ),
    ] = None,
    cache: opt.Cache = None,
    layout: opt.Layout = "auto",
    subject_pattern: opt.SubjectPattern = None,
    cnmc_split: opt.CnmcSplit = None,
    engine: opt.Engine = "auto",
    device: opt.Device = "auto",
    batch_size: opt.BatchSize = 32,
    calibration: Annotated[
        Path | None,
        typer.Option(
            help="For a model on features in 8 bits: the file that leukfeat calibrate wrote, once on "
            "each machine, which keeps a copy for all commands."
        ),
    ] = None,
    skip_bad: opt.SkipBad = False,
    as_json: opt.AsJson = False,
    smear: Annotated[
        bool,
        typer.Option("--smear", help="The images are whole fields: find their white cells first."),
    ] = False,
    side: Annotated[
        int | None,
        typer.Option(help="With --smear: side in pixels of the window around each cell."),
    ] = None,
    cut_out: Annotated[
        bool,
        typer.Option("--cut-out", help="With --smear: set what is outside the cell to black."),
    ] = False,
    tile: Annotated[
        int | None, typer.Option(help="With --smear: side in pixels of the tiles of a large field.")
    ] = None,
    um_per_px: Annotated[
        float | None,
        typer.Option(help="With --smear: micrometres a pixel, for a model that measures in them."),
    ] = None,
    positive: Annotated[
        str | None,
        typer.Option(
            help="With --smear: the class to count, for a model that was fitted without --positive."
        ),
    ] = None,
    sensitivity: Annotated[
        str | None,
        typer.Option(
            metavar="RIGHT/OF",
            help="With --smear: how many cells of the class to count the model found, of how many "
            "independent ones that it never saw, such as 35/40. With --specificity, the table has an "
            "interval.",
        ),
    ] = None,
    specificity: Annotated[
        str | None,
        typer.Option(metavar="RIGHT/OF", help="With --smear: the same of the other cells."),
    ] = None,
    overlay: Annotated[
        Path | None,
        typer.Option(help="With --smear: folder for each field with its cells drawn on it."),
    ] = None,
) -> None:
    r"""Classify cells, and flag those that stand far from every training cell.

    Where the patients are known, from a column subject or --subject-pattern, each is summed up in a
    row of its own: cells, cells flagged as far, the share and mean probability of each class.

    Examples: leukfeat predict cnmc.leukfeat new-cells -o predictions.csv;
    leukfeat predict cnmc.leukfeat new-cells --subject-pattern '(?P<subject>\w+?)_';
    leukfeat predict cnmc.leukfeat field.tif --smear --cut-out --overlay drawn -o cells.csv
    """
    from leukfeat.classifier.cell_classifier import IN_TRAINING
    from leukfeat.data.table_file import table_writer

    if calibration is not None:
        from leukfeat.features.int8_file import read_calibration

        read_calibration(calibration)  # keeps the copy that the model finds by its digest
    if smear:
        from leukfeat.cli.smear import predict_smears

        predict_smears(
            opt.classifier_from(model),
            data,
            positive=positive,
            sensitivity=sensitivity,
            specificity=specificity,
            overlay=overlay,
            out=out,
            side=side,
            cut_out=cut_out,
            tile=tile,
            um_per_px=um_per_px,
            skip_bad=skip_bad,
            as_json=as_json,
            cache=cache,
            batch_size=batch_size,
            engine=engine,
            device=device,
        )
        return
    of_fields = {
        "--side": side, "--cut-out": cut_out or None, "--tile": tile, "--um-per-px": um_per_px,
        "--positive": positive, "--sensitivity": sensitivity, "--specificity": specificity,
        "--overlay": overlay,
    }  # fmt: skip
    if any(given is not None for given in of_fields.values()):
        raise typer.BadParameter(f"{', '.join(of_fields)} are for --smear.")
    write = None if out is None else table_writer(out)
    classifier = opt.classifier_from(model)
    cells = opt.cells_from(data, layout, None, subject_pattern, cnmc_split, skip_bad=skip_bad)
    table = classifier.predict(
        cells,
        cache=cache,
        batch_size=batch_size,
        engine=engine,
        device=device,
        errors="skip" if skip_bad else "raise",
    )
    say_skipped(left_out := table[table["label"].isna()].rename(columns={"image": "path"}))
    texts = [f"Written to '{out}'." if out is not None else _readable(table)]
    if write is not None:
        write(table)
    subjects = None
    if "subject" in table and table["subject"].notna().any():
        by_subject = classifier.predict_subjects(table).reset_index()
        subjects = by_subject.to_dict("records")
        if out is None:
            texts.append(_readable(by_subject))
        else:
            beside = out.with_name(f"{out.stem}-subjects{out.suffix}")
            table_writer(beside)(by_subject)
            texts.append(f"{len(by_subject)} subjects, a row each: '{beside}'.")
    n_cells = len(table) - len(left_out)
    n_far = int(table["far"].sum())
    if n_far:
        say(f"{n_far} of {n_cells} images stand far from all training cells: look at them.")
    n_seen = int(table["reason"].str.contains(IN_TRAINING, regex=False).sum())
    if n_seen:
        say(
            f"{n_seen} of {n_cells} images, or their subjects, were in the training of this "
            "model: what it says of them is no prediction. `leukfeat evaluate` refuses them."
        )
    result = {
        "cells": table.to_dict("records"),
        "subjects": subjects,
        "skipped": left_out[["path", "reason"]].to_dict("records"),
    }
    show(result, "\n\n".join(texts), as_json=as_json)


def _readable(table: pd.DataFrame) -> str:
    return table.to_string(index=False, max_rows=60)
