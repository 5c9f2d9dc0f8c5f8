"""``leukfeat evaluate``: heads by cross-validation, or a saved model on cells it has not seen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from leukfeat.cli import options as opt
from leukfeat.cli import points
from leukfeat.cli.advice import in_options
from leukfeat.cli.output import as_json_text, say_skipped, say_written, show
from leukfeat.cli.writing import file_to_write, folder_to_write, write_picture, write_text

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
        typer.Option(help="A model file to test on these cells; without it, heads are compared."),
    ] = None,
    heads: opt.HeadNames = "svm,random_forest,logistic_regression",
    split: Annotated[
        str,
        typer.Option(
            help="How cells are divided: group (by subject), leave_one_out (each value of --by once), "
            "official (the folds of the dataset) or random (cell by cell, which flatters)."
        ),
    ] = "group",
    n_splits: opt.NSplits = 5,
    n_repeats: Annotated[
        int, typer.Option(help="How often all is repeated, with other folds.")
    ] = 1,
    by: Annotated[
        str | None,
        typer.Option(help="Column whose cells of one value stay on one side, such as site."),
    ] = None,
    embargo: Annotated[
        bool,
        typer.Option(
            help="With --split official or leave_one_out: drop training cells that share a subject or "
            "an image with the test."
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Folder for results.md, report.html, scores.csv, result.json and the figures.",
        ),
    ] = None,
    model_card: points.ModelCard = None,
    at_sensitivity: points.AtSensitivity = None,
    at_specificity: points.AtSpecificity = None,
    conformal_level: points.ConformalLevel = None,
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

    A head is the classifier on top of the network's features, such as svm; the control heads know
    colour or size alone, and show what these give away.

    Examples: leukfeat evaluate C-NMC_training_data --cache features --at-sensitivity 0.95 -o results
    and leukfeat evaluate C-NMC_test_prelim_phase_data --model cnmc.leukfeat --model-card card.md
    """
    from leukfeat import evaluation
    from leukfeat.evaluation.predicting import check_classes
    from leukfeat.splitting.splitters import SplitMethod

    # What is wrong with the question is said before a night of extraction, not after it.
    folder_to_write(out)
    file_to_write(model_card, "--model-card")
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
        _refuse_points_of_one_test(at_sensitivity, at_specificity)
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
    wanted = {"sensitivity": at_sensitivity, "specificity": at_specificity}
    reached, reached_text = points.points_at(result, wanted)
    sets, sets_text = points.conformal_at(result, conformal_level)
    found |= {"operating_points": reached} if reached else {}
    found |= {"conformal_at_level": sets} if sets else {}
    text = f"{result.to_markdown()}{reached_text}{sets_text}"
    show(found, in_options(text), as_json=as_json)
    written = [] if out is None else _write(result, found, text, out)
    if model_card is not None:
        points.write_card(result, model_card)
        written.append(model_card)
    say_written(written)


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


def _refuse_points_of_one_test(*wanted: float | None) -> None:
    if any(one is not None for one in wanted):
        raise typer.BadParameter(
            "--at-sensitivity and --at-specificity cannot be given with --model: on cells that it "
            "is tested on, a threshold tells nothing. `leukfeat fit --at-sensitivity 0.95` chooses "
            "it in training."
        )


def _write(result: Any, found: dict[str, Any], text: str, folder: Path) -> list[Path]:
    """Write all that there is of a result, and return the files."""
    import pandas as pd

    from leukfeat.data.table_file import table_writer
    from leukfeat.reporting.markdown_text import inert_markdown

    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "results.md", inert_markdown(text))
    result.to_html(folder / "report.html")
    write_text(folder / "result.json", as_json_text(found))
    tables = {"scores": result.to_frame()}
    for name in ("operating_points", "conformal_at_level"):
        if name in found:
            tables[name] = pd.DataFrame(found[name])
    for name, table in tables.items():
        table_writer(folder / f"{name}.csv")(table)
    drawn = _figures(result)
    for name, figure in drawn.items():
        write_picture(folder / f"{name}.png", figure)
    names = ["results.md", "report.html", "result.json"]
    names += [f"{name}.csv" for name in tables] + [f"{name}.png" for name in drawn]
    return [folder / name for name in names]


def _figures(result: Any) -> dict[str, Any]:
    """Draw what there is to draw: no curve without scores, no subjects where none are known."""
    several = hasattr(result, "results")
    first = next(iter(result.results.values())) if several else result
    drawn = {"heads": result.plot()} if several else {"confusion": result.plot_confusion()}
    if first.predictions.scores is not None:
        drawn["roc"] = result.plot_roc()
    if not several and first.predictions.subjects is not None:
        drawn["per_subject"] = result.plot_per_subject()
    return drawn
