"""``leukfeat extract``: images to cached features."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from leukfeat.cli import options as opt
from leukfeat.cli.output import say_skipped, show

__all__ = ["extract"]


def extract(
    data: opt.DataSource,
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
    device: opt.Device = "auto",
    precision: opt.Precision = "float32",
    calibration: opt.Calibration = None,
    batch_size: opt.BatchSize = 32,
    if_cached: opt.IfCached = "resume",
    skip_bad: opt.SkipBad = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            help="Say how many rows are missing, and what they take in bytes and time; compute nothing."
        ),
    ] = False,
    as_json: opt.AsJson = False,
) -> None:
    """Extract deep features and keep them in a cache.

    Stopped half-way, it goes on where it was when called again. Example:

    leukfeat extract C-NMC_training_data --cache features
    """
    if cache is None and not dry_run:
        raise typer.BadParameter("--cache is needed: without it the features would be lost.")
    cells = opt.cells_from(
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
        if_cached,
        skip_bad,
        preparation,
        calibration,
        device,
    )
    if dry_run:
        plan = settings.extract(cells, dry_run=True)
        show({**dataclasses.asdict(plan), "spec": plan.spec.digest}, str(plan), as_json=as_json)
        return
    features = settings.extract(cells)
    say_skipped(features.skipped)
    show(
        {
            "cells": features.shape[0],
            "features": features.shape[1],
            "skipped": features.skipped[["path", "reason"]].to_dict("records"),
            "cache": cache,
            "spec": dataclasses.asdict(features.spec),
            "spec_digest": features.spec.digest,
        },
        f"{features.shape[0]} cells x {features.shape[1]} features in {str(cache)!r}, "
        f"{len(features.skipped)} left out.",
        as_json=as_json,
    )
