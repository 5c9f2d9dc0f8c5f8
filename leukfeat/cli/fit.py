"""``leukfeat fit``: labelled cells to a model file."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from leukfeat.cli import options as opt
from leukfeat.cli.advice import in_options
from leukfeat.cli.output import say, say_skipped, show
from leukfeat.cli.writing import file_to_write

__all__ = ["fit"]


def fit(
    context: typer.Context,
    data: opt.DataSource,
    out: Annotated[Path, typer.Option("--out", "-o", help="The model file to write.")],
    head: opt.HeadName = "svm",
    ensemble: opt.Ensemble = None,
    strategy: Annotated[
        str,
        typer.Option(
            help="With --ensemble: weighted, soft_vote or stack.",
            callback=opt.one_of("weighted", "soft_vote", "stack"),
        ),
    ] = "weighted",
    nested: Annotated[
        int,
        typer.Option(
            help="With --ensemble: outer folds in which it is compared with its best member; each takes "
            "the time of a whole fit, and 0 leaves that out."
        ),
    ] = 5,
    at_sensitivity: Annotated[
        float | None,
        typer.Option(
            callback=opt.part_of_one,
            help="Choose the threshold for this sensitivity, such as 0.95, on training subjects; "
            "default: for the balanced accuracy. For two classes.",
        ),
    ] = None,
    at_specificity: Annotated[
        float | None,
        typer.Option(
            callback=opt.part_of_one, help="The same for this specificity; give one of the two."
        ),
    ] = None,
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
    skip_bad: opt.SkipBad = False,
    random_state: opt.RandomState = 0,
    n_jobs: opt.NJobs = None,
    as_json: opt.AsJson = False,
) -> None:
    """Fit a head on labelled cells, tuned and calibrated by subject, and save the classifier.

    Examples: leukfeat fit C-NMC_training_data --cache features -o cnmc.leukfeat
    and, for several heads that decide together,
    leukfeat fit C-NMC_training_data --cache features -o cnmc.leukfeat --ensemble svm,random_forest
    """
    from leukfeat.classifier import CellClassifier, save_model
    from leukfeat.evaluation.positive import settle_positive
    from leukfeat.heads import fit_ensemble, fit_head
    from leukfeat.heads.decision_rule import check_threshold

    file_to_write(out)
    _check_choice(context, ensemble, nested)
    threshold = _threshold(at_sensitivity, at_specificity)
    cells = opt.labelled_cells_from(
        data,
        layout,
        positive,
        subject_pattern,
        cnmc_split,
        class_names=class_names,
        skip_bad=skip_bad,
    )
    check_threshold(threshold, len(cells.class_names))
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
        device=device,
    )
    features = settings.extract(cells)
    say_skipped(features.skipped)
    common: dict[str, Any] = {
        "threshold": threshold,
        "random_state": random_state,
        "n_jobs": n_jobs,
    }
    fitted: Any
    if ensemble is None:
        with _told_in_the_notes():
            fitted = fit_head(features, head, **common)
        about = {"head": head, "best_params": fitted.best_params_}
        words = f"{head} on {len(features)} cells, {fitted.best_params_}: "
    else:
        names = [name.strip() for name in ensemble.split(",")]
        with _told_in_the_notes():
            fitted = fit_ensemble(features, heads=names, strategy=strategy, nested=nested, **common)
        about = {
            "ensemble": names,
            "weights": dict(zip(fitted.member_names_, fitted.weights_.tolist(), strict=True)),
            "out_of_fold_score": fitted.member_scores_,
            "difference": fitted.difference_,
            "remarks": fitted.remarks(),
        }
        words = "".join(f"- {remark}\n" for remark in fitted.remarks())
        words = f"An ensemble on {len(features)} cells\n{words}"
    if threshold != "auto":
        what, level = threshold
        words += (
            f"\nCells are called {_positive_name(fitted)} from a probability of {fitted.threshold_:.3f} on, "
            f"where {what} is {level:g} on training subjects (each judged by heads that had not "
            "seen it); on others it will differ.\n"
        )
    own = weights if features.spec.weights == "file" else None
    path = save_model(CellClassifier(fitted, features, weights=own), out)
    for note in (fitted.split_note_, *settle_positive(features, ())[1]):
        if note:
            say(f"Note: {in_options(note)}.")
    show(
        {
            "model": path,
            **about,
            "cells": len(features),
            "skipped": features.skipped.to_dict("records"),
            "threshold": fitted.threshold_,
            "class_names": fitted.class_names_,
            "note": fitted.split_note_,
        },
        f"{words}'{path}'.\n"
        "How good is it? `leukfeat evaluate` with the same cells and options compares heads by "
        f"cross-validation; `leukfeat evaluate OTHER_CELLS --model {path}` tests this one.",
        as_json=as_json,
    )


def _check_choice(context: typer.Context, ensemble: str | None, nested: int) -> None:
    """Refuse options that do not go together, before a night of extraction."""

    def given(name: str) -> bool:
        source = context.get_parameter_source(name)
        return source is not None and source.name == "COMMANDLINE"

    if ensemble is None:
        alone = [f"--{name}" for name in ("strategy", "nested") if given(name)]
        if alone:
            raise typer.BadParameter(f"{' and '.join(alone)} can be given with --ensemble only.")
        return
    if given("head"):
        raise typer.BadParameter("Give either --head or --ensemble.")
    if len(ensemble.split(",")) < 2:
        raise typer.BadParameter(
            f"--ensemble takes two heads or more, joined by commas. Got {ensemble!r}; for one give "
            "--head."
        )
    if nested < 0 or nested == 1:
        raise typer.BadParameter(f"--nested must be 0, or 2 or more. Got {nested} instead.")


def _threshold(sensitivity: float | None, specificity: float | None) -> Any:
    """Return the threshold as `fit_head` takes it."""
    if sensitivity is not None and specificity is not None:
        raise typer.BadParameter("Give either --at-sensitivity or --at-specificity.")
    if sensitivity is not None:
        return "sensitivity", sensitivity
    return "auto" if specificity is None else ("specificity", specificity)


def _positive_name(fitted: Any) -> str:
    return dict(zip(fitted.classes_.tolist(), fitted.class_names_, strict=True))[fitted.positive_]


@contextmanager
def _told_in_the_notes() -> Iterator[None]:
    """Keep back the warning of a fit without subjects: it is among the notes that follow."""
    from leukfeat.exceptions import LeakageWarning

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Fitted by cell", LeakageWarning)
        yield
