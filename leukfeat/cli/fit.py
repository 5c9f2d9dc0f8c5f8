"""``leukfeat fit``: labelled cells to a model file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leukfeat.cli import options as opt
from leukfeat.cli.advice import in_options
from leukfeat.cli.output import say, say_skipped, show

__all__ = ["fit"]


def fit(
    data: opt.DataSource,
    out: Annotated[Path, typer.Option("--out", "-o", help="The model file to write.")],
    head: opt.HeadName = "svm",
    cache: opt.Cache = None,
    layout: opt.Layout = "auto",
    class_names: opt.ClassNames = None,
    positive: opt.Positive = None,
    subject_pattern: opt.SubjectPattern = None,
    cnmc_split: opt.CnmcSplit = None,
    backbone: opt.Backbone = "resnet50",
    weights: opt.Weights = "imagenet",
    layers: opt.Layers = "avg_pool",
    pooling: opt.Pooling = "avg",
    mask: opt.Mask = None,
    input_size: opt.InputSize = None,
    crop: opt.Crop = None,
    preparation: opt.PreparationFile = None,
    views: opt.Views = "1",
    engine: opt.Engine = "auto",
    precision: opt.Precision = "float32",
    calibration: opt.Calibration = None,
    batch_size: opt.BatchSize = 32,
    skip_bad: opt.SkipBad = False,
    random_state: opt.RandomState = 0,
    n_jobs: opt.NJobs = None,
    as_json: opt.AsJson = False,
) -> None:
    """Fit a head on labelled cells, tuned and calibrated by subject, and save the classifier.

    Example: leukfeat fit C-NMC_training_data --cache features -o cnmc.leukfeat
    """
    from leukfeat.classifier import CellClassifier, save_model
    from leukfeat.evaluation.predicting import positive_note
    from leukfeat.heads import fit_head
    from leukfeat.heads.registry import check_head_name

    if not out.expanduser().absolute().parent.is_dir():
        raise typer.BadParameter(f"There is no folder '{out.parent}' to write the model to.")
    check_head_name(head)
    cells = opt.labelled_cells_from(
        data,
        layout,
        positive,
        subject_pattern,
        cnmc_split,
        class_names=class_names,
        skip_bad=skip_bad,
    )
    settings = opt.ExtractionOptions(
        cache,
        backbone,
        weights,
        layers,
        pooling,
        mask,
        input_size,
        crop,
        views,
        engine,
        precision,
        batch_size,
        skip_bad=skip_bad,
        preparation=preparation,
        calibration=calibration,
    )
    features = settings.extract(cells)
    say_skipped(features.skipped)
    fitted = fit_head(features, head, random_state=random_state, n_jobs=n_jobs)
    own = weights if features.spec.weights == "file" else None
    path = save_model(CellClassifier(fitted, features, weights=own), out)
    for note in (fitted.split_note_, *positive_note(features)):
        if note:
            say(f"Note: {in_options(note)}.")
    show(
        {
            "model": path,
            "head": head,
            "cells": len(features),
            "skipped": features.skipped.to_dict("records"),
            "best_params": fitted.best_params_,
            "threshold": fitted.threshold_,
            "class_names": fitted.class_names_,
            "note": fitted.split_note_,
        },
        f"{fitted.head} on {len(features)} cells, {fitted.best_params_}: '{path}'.\n"
        "How good is it? `leukfeat evaluate` with the same cells and options compares heads by "
        f"cross-validation; `leukfeat evaluate OTHER_CELLS --model {path}` tests this one.",
        as_json=as_json,
    )
