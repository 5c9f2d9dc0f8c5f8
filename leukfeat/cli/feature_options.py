"""The options by which labelled cells become features, for commands that only look at features."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from leukfeat.cli import options as opt
from leukfeat.cli.output import say_skipped

__all__ = ["with_feature_options"]


def with_feature_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of cells and features.

    Parameters
    ----------
    command : callable
        Its first parameter is a function from the path of labelled cells to their features; the
        others are its own arguments and options.

    Returns
    -------
    callable
        The command as typer takes it: its own options, then those of cells and features.
    """
    own = inspect.signature(command, eval_str=True).parameters
    shared = inspect.signature(_load, eval_str=True).parameters
    kept = [p for name, p in list(own.items())[1:]]
    added = [p for name, p in shared.items() if name != "data"]
    every = [
        p.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for p in sorted(kept + added, key=lambda p: p.default is not inspect.Parameter.empty)
    ]

    @functools.wraps(command)
    def run(**given: Any) -> None:
        settings = {name: given.pop(name) for name in shared if name != "data"}
        command(functools.partial(_load, **settings), **given)

    run.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in every}
    del run.__wrapped__  # type: ignore[attr-defined]
    return run


def _load(
    data: Path,
    *,
    cache: opt.Cache = None,
    layout: opt.Layout = "auto",
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
) -> Any:
    """Load labelled cells and extract their features."""
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
    cells = opt.labelled_cells_from(
        data, layout, positive, subject_pattern, cnmc_split, skip_bad=skip_bad
    )
    features = settings.extract(cells)
    say_skipped(features.skipped)
    return features
