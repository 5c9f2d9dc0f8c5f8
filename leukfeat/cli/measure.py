"""``leukfeat measure``: images to hand-crafted features, cached and as a table."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leukfeat.cli import options as opt
from leukfeat.cli.output import say, say_skipped, show

if TYPE_CHECKING:
    from leukfeat.data import CellDataset
    from leukfeat.features import FeatureSet

__all__ = ["measure"]

_MEASURED = "What is measured"


def _segmentation(value: str) -> str:
    from leukfeat.features.handcrafted.spec import SEGMENTATIONS

    return opt.one_of(*SEGMENTATIONS)(value)


def _families(value: str) -> str:
    from leukfeat.features.handcrafted.spec import FAMILIES

    names = [name.strip() for name in value.split(",")]
    if set(names) - set(FAMILIES) or len(set(names)) < len(names):
        raise typer.BadParameter(
            f"must be different names of {', '.join(FAMILIES)}, joined by commas. "
            f"Got {value!r} instead."
        )
    return ",".join(names)


def measure(
    data: opt.DataSource,
    cache: opt.Cache = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="A table with a row a cell, .csv or .parquet."),
    ] = None,
    families: Annotated[
        str,
        typer.Option(
            help="What is measured: texture, shape, colour, joined by commas.",
            rich_help_panel=_MEASURED,
            callback=_families,
        ),
    ] = "texture,shape,colour",
    segmentation: Annotated[
        str,
        typer.Option(
            help="How the cell is found: default, another method of segmentation such as "
            "kmeans_lab or otsu, background (what is not black), or none (the whole image).",
            rich_help_panel=_MEASURED,
            callback=_segmentation,
        ),
    ] = "default",
    unit: Annotated[
        str,
        typer.Option(
            help="Unit of lengths: um, px, or auto: um where the scale of every cell is known "
            "(um_per_px in a table).",
            rich_help_panel=_MEASURED,
            callback=opt.one_of("auto", "px", "um"),
        ),
    ] = "auto",
    preparation: opt.PreparationFile = None,
    layout: opt.Layout = "auto",
    class_names: opt.ClassNames = None,
    positive: opt.Positive = None,
    subject_pattern: opt.SubjectPattern = None,
    cnmc_split: opt.CnmcSplit = None,
    if_cached: opt.IfCached = "resume",
    skip_bad: opt.SkipBad = False,
    n_jobs: opt.NJobs = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            help="Say how many rows are missing, and what they take in bytes and time; compute nothing."
        ),
    ] = False,
    as_json: opt.AsJson = False,
) -> None:
    """Measure texture, shape and colour of cells: into a cache, a table, or both.

    No network is needed. Stopped half-way, it goes on from its cache when called again. Example:

    leukfeat measure C-NMC_training_data --cache features -o measured.csv --n-jobs -1
    """
    from leukfeat.data.table_file import table_writer
    from leukfeat.features import extract_handcrafted
    from leukfeat.features.handcrafted.extraction import MANY_WITHOUT, rows_without_cell

    if cache is None and out is None and not dry_run:
        raise typer.BadParameter(
            "--cache or --out is needed: without them the measurements would be lost."
        )
    wanted = families.split(",")
    if segmentation == "none" and "shape" in wanted:
        raise typer.BadParameter(
            "--segmentation none knows no cell whose shape could be measured: give --families "
            "texture,colour with it."
        )
    if out is not None:
        table_writer(out)
    cells = opt.cells_from(
        data,
        layout,
        positive,
        subject_pattern,
        cnmc_split,
        class_names=class_names,
        skip_bad=skip_bad,
    )
    if out is not None:
        _refuse_taken_names(cells, wanted, segmentation)
    settings: dict[str, Any] = {
        "families": wanted,
        "segmentation": segmentation,
        "unit": unit,
        "preparation": preparation,
        "cache": cache,
        "if_cached": if_cached,
        "errors": "skip" if skip_bad else "raise",
        "n_jobs": n_jobs,
    }
    if dry_run:
        plan = extract_handcrafted(cells, **settings, dry_run=True)
        show({**dataclasses.asdict(plan), "spec": plan.spec.digest}, str(plan), as_json=as_json)
        return
    features = extract_handcrafted(cells, **settings)
    say_skipped(features.skipped)
    n_empty = len(rows_without_cell(features, features.spec))
    if 0 < n_empty <= MANY_WITHOUT * len(features):  # of more it is said by the call
        say(
            f"In {n_empty} of {len(features)} images no cell was found: all their measurements are "
            "0. Look at them (leukfeat segment), or give another --segmentation."
        )
    if out is not None:
        _write(features, out)
    show(
        {
            "cells": features.shape[0],
            "features": features.shape[1],
            "feature_names": list(features.feature_names or ()),
            "no_cell_found": n_empty,
            "skipped": features.skipped[["path", "reason"]].to_dict("records"),
            "cache": cache,
            "table": out,
            "spec": dataclasses.asdict(features.spec),
            "spec_digest": features.spec.digest,
        },
        f"{features.shape[0]} cells x {features.shape[1]} features in "
        f"{' and '.join(repr(str(place)) for place in (cache, out) if place is not None)}, "
        f"{len(features.skipped)} left out.",
        as_json=as_json,
    )


def _refuse_taken_names(cells: CellDataset, families: list[str], segmentation: str) -> None:
    from leukfeat.features.handcrafted.spec import HandcraftedSpec

    names: set[str] = set()
    for unit in ("px", "um"):
        spec = HandcraftedSpec(families=tuple(families), segmentation=segmentation, unit=unit)
        names |= set(spec.columns)
    if taken := sorted(names & {*cells.frame}):
        raise ValueError(
            f"The cells' own table has the columns {taken}, as the measurements would: rename them."
        )


def _write(features: FeatureSet, out: Path) -> None:
    import pandas as pd

    from leukfeat.data import export_table

    measured = pd.DataFrame(features.X, columns=list(features.feature_names or ()))
    known = [] if features.columns is None else [features.columns]
    wide = copy.copy(features)
    wide.columns = pd.concat([*known, measured], axis=1)
    export_table(wide, out)
