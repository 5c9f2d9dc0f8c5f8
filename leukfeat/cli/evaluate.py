"""``leukfeat evaluate``: heads by cross-validation, or a saved model on cells it has not seen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from leukfeat.cli import options as opt
from leukfeat.cli.advice import in_options
from leukfeat.cli.output import say_skipped, show
from leukfeat.cli.writing import folder_to_write, write_picture, write_text

__all__ = ["evaluate"]

_NOT_WITH_MODEL = (
    "heads",
    "split",
    "n_splits",
    "n_repeats",
    "by",
    "embargo",
    "backbone",
    "weights",
    "layers",
    "pooling",
    "mask",
    "input_size",
    "crop",
    "preparation",
    "views",
    "precision",
    "calibration",
)


def evaluate(
    context: typer.Context,
    data: opt.DataSource,
    model: Annotated[
        Path | None,
        typer.Option(help="A model file, tested on these cells; without it, heads are compared."),
    ] = None,
    heads: opt.HeadNames = "svm,random_forest,logistic_regression",
    split: Annotated[
        str, typer.Option(help="group (by subject), leave_one_out, official, or random.")
    ] = "group",
    n_splits: opt.NSplits = 5,
    n_repeats: Annotated[int, typer.Option(help="Repeats with other folds.")] = 1,
    by: Annotated[
        str | None, typer.Option(help="Column that is kept on one side, such as site.")
    ] = None,
    embargo: Annotated[
        bool, typer.Option(help="With --split official: drop what shares a group with the test.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for figures, tables and the report.")
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
    """Compare heads by subject, or test a saved model, with intervals and control heads.

    Examples: leukfeat evaluate C-NMC_training_data --cache features
    and leukfeat evaluate C-NMC_test_prelim_phase_data --model cnmc.leukfeat
    """
    from leukfeat import evaluation
    from leukfeat.evaluation.predicting import check_classes
    from leukfeat.splitting.splitters import SplitMethod

    # What is wrong with the question is said before a night of extraction, not after it.
    folder_to_write(out)
    names = [head.strip() for head in heads.split(",")]
    if split not in get_args(SplitMethod):
        raise typer.BadParameter(
            f"--split must be one of {', '.join(get_args(SplitMethod))}. Got {split!r} instead."
        )
    cells = opt.labelled_cells_from(
        data,
        layout,
        positive,
        subject_pattern,
        cnmc_split,
        class_names=class_names,
        skip_bad=skip_bad,
    )
    result: Any
    if model is not None:
        _refuse_settings_of_the_model(context)
        classifier = opt.classifier_from(model)
        check_classes(classifier.head, cells)
        features = classifier.extract(
            cells,
            cache=cache,
            batch_size=batch_size,
            engine=engine,
            device=device,
            errors="skip" if skip_bad else "raise",
        )
        result = evaluation.evaluate(classifier.head, features)
    else:
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
        result = evaluation.cross_validate_heads(
            features,
            names,
            split=split,  # type: ignore[arg-type]
            n_splits=n_splits,
            n_repeats=n_repeats,
            by=by,
            embargo=embargo,
            random_state=random_state,
            n_jobs=n_jobs,
            progress=not as_json,
        )
    say_skipped(features.skipped)
    found = result.to_dict()
    found["skipped"] = features.skipped.to_dict("records")
    show(found, in_options(result.to_markdown()), as_json=as_json)
    if out is not None:
        _write(result, out)


def _refuse_settings_of_the_model(context: typer.Context) -> None:
    given = [
        name
        for name in _NOT_WITH_MODEL
        if (source := context.get_parameter_source(name)) is not None
        and source.name == "COMMANDLINE"
    ]
    if given:
        raise typer.BadParameter(
            f"{', '.join('--' + name.replace('_', '-') for name in given)} cannot be given with "
            "--model: the model file says how it was made, and is tested as it is."
        )


def _write(result: Any, folder: Path) -> None:
    from leukfeat.data.table_file import table_writer
    from leukfeat.reporting.markdown_text import inert_markdown

    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "results.md", inert_markdown(result.to_markdown()))
    result.to_html(folder / "report.html")
    table_writer(folder / "scores.csv")(result.to_frame())
    for name in ("plot_roc", "plot_confusion", "plot_per_subject"):
        if hasattr(result, name):
            write_picture(folder / f"{name.removeprefix('plot_')}.png", getattr(result, name)())
