"""Options that several commands share, and the calls they stand for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leukfeat.cli.advice import in_options

if TYPE_CHECKING:
    from leukfeat.classifier import CellClassifier
    from leukfeat.data import CellDataset

__all__ = [
    "AsJson",
    "Backbone",
    "BatchSize",
    "Cache",
    "Calibration",
    "ClassNames",
    "CnmcSplit",
    "Crop",
    "DataSource",
    "Device",
    "Engine",
    "Ensemble",
    "ExtractionOptions",
    "HeadName",
    "HeadNames",
    "IfCached",
    "InputSize",
    "Layers",
    "Layout",
    "Mask",
    "Metric",
    "ModelFile",
    "NJobs",
    "NSplits",
    "OutFolder",
    "Pooling",
    "Positive",
    "Precision",
    "PreparationFile",
    "RandomState",
    "SkipBad",
    "SubjectPattern",
    "Views",
    "Weights",
    "cells_from",
    "classifier_from",
    "labelled_cells_from",
    "numbers",
    "one_of",
    "part_of_one",
]

_CELLS = "The cells"
_FEATURES = "The features"


def one_of(*allowed: str) -> Callable[[str], str]:
    """Return what refuses an option's other values: as a usage error, before anything is read."""

    def check(value: str) -> str:
        if value not in allowed:
            listed = f"{', '.join(allowed[:-1])} or {allowed[-1]}"
            raise typer.BadParameter(f"must be {listed}. Got {value!r} instead.")
        return value

    return check


def part_of_one(value: float | None) -> float | None:
    """Refuse what is no fraction, as a sensitivity or a level is."""
    if value is not None and not 0 < value < 1:
        raise typer.BadParameter(f"must lie between 0 and 1, such as 0.95. Got {value:g} instead.")
    return value


def _device(value: str) -> str:
    from leukfeat.features.engines.devices import check_device

    try:
        check_device(value)
    except ValueError as error:
        raise typer.BadParameter(in_options(str(error))) from None
    return value


def _known_head(value: str) -> str:
    from leukfeat.heads.registry import check_head_name

    try:
        check_head_name(value)
    except ValueError as error:
        raise typer.BadParameter(in_options(str(error))) from None
    return value


def _known_heads(value: str | None) -> str | None:
    for name in () if value is None else value.split(","):
        _known_head(name.strip())
    return value


DataSource = Annotated[
    Path,
    typer.Argument(
        help="The cells: a CSV table, C-NMC's tree or one of its parts, a folder with one folder per "
        "class, or a folder of images."
    ),
]
Layout = Annotated[
    str,
    typer.Option(
        help="How the cells are stored: csv (a table), cnmc (C-NMC's tree), folder (one folder per "
        "class), images (without labels), or auto: look and see.",
        rich_help_panel=_CELLS,
        callback=one_of("auto", "csv", "cnmc", "folder", "images"),
    ),
]
Positive = Annotated[
    str | None,
    typer.Option(
        help="The class whose detection is reported as sensitivity, such as the disease.",
        rich_help_panel=_CELLS,
    ),
]
SubjectPattern = Annotated[
    str | None,
    typer.Option(
        help="How the file name tells the patient: a regular expression with a group named "
        r"subject, such as '(?P<subject>P\d+)_'.",
        rich_help_panel=_CELLS,
    ),
]
ClassNames = Annotated[
    str | None,
    typer.Option(
        help="The classes in the order of their labels, joined by commas; default: all that are "
        "found, sorted.",
        rich_help_panel=_CELLS,
    ),
]
CnmcSplit = Annotated[
    str | None,
    typer.Option(
        help="Which part of C-NMC 2019: train, prelim or final; default: as the folder's name says.",
        rich_help_panel=_CELLS,
    ),
]
Cache = Annotated[
    Path | None,
    typer.Option(
        help="Folder that keeps the features; without it they are computed anew each time.",
        rich_help_panel=_FEATURES,
    ),
]
Backbone = Annotated[str, typer.Option(help="The pretrained network.", rich_help_panel=_FEATURES)]
Weights = Annotated[
    str,
    typer.Option(
        help="imagenet, random, or the path of a weights file.", rich_help_panel=_FEATURES
    ),
]
Layers = Annotated[
    str,
    typer.Option(
        help="Where features are taken: avg_pool, or stages joined by commas, such as conv3,conv4.",
        rich_help_panel=_FEATURES,
    ),
]
Pooling = Annotated[
    str,
    typer.Option(
        help="How the map of a stage becomes a vector: avg, or gem (the generalised mean).",
        rich_help_panel=_FEATURES,
    ),
]
Mask = Annotated[
    str | None,
    typer.Option(
        help="background: leave black places out of the pooling (cells that are cut out).",
        rich_help_panel=_FEATURES,
    ),
]
InputSize = Annotated[
    int | None,
    typer.Option(
        help="Side in pixels of the image that the network is given; default: as in its training.",
        rich_help_panel=_FEATURES,
    ),
]
Crop = Annotated[
    int | None,
    typer.Option(
        help="Side in pixels of a fixed central window; without it the whole image is taken.",
        rich_help_panel=_FEATURES,
    ),
]
PreparationFile = Annotated[
    Path | None,
    typer.Option(
        "--preparation",
        help="A JSON or TOML file that says what is done to every image first (colour, stain, cutting "
        "out).",
        rich_help_panel=_FEATURES,
    ),
]
Views = Annotated[
    str,
    typer.Option(
        help="1, or dihedral: the mean over eight rotations and flips of each image.",
        rich_help_panel=_FEATURES,
    ),
]
Engine = Annotated[
    str,
    typer.Option(
        help="What runs the network: keras, openvino, or auto.",
        rich_help_panel=_FEATURES,
        callback=one_of("auto", "keras", "openvino"),
    ),
]
Device = Annotated[
    str,
    typer.Option(
        help="Where the network computes: auto, CPU, GPU or GPU:1.",
        rich_help_panel=_FEATURES,
        callback=_device,
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        help="Numbers that the network computes with: float32, bfloat16 or int8.",
        rich_help_panel=_FEATURES,
        callback=one_of("float32", "bfloat16", "int8"),
    ),
]
Calibration = Annotated[
    Path | None,
    typer.Option(
        help="With --precision int8: the file that `leukfeat calibrate` wrote.",
        rich_help_panel=_FEATURES,
    ),
]
BatchSize = Annotated[
    int, typer.Option(help="Images given to the network at once.", rich_help_panel=_FEATURES)
]
IfCached = Annotated[
    str,
    typer.Option(
        help="If features are cached: resume (use them, compute the rest), overwrite, or error.",
        rich_help_panel=_FEATURES,
        callback=one_of("resume", "overwrite", "error"),
    ),
]
SkipBad = Annotated[
    bool,
    typer.Option(
        "--skip-bad-images",
        help="Leave out, and list, images that cannot be read and files whose names do not tell what "
        "they should; without it, the first one stops the work.",
        rich_help_panel=_FEATURES,
    ),
]
ModelFile = Annotated[Path, typer.Argument(help="A model file that `leukfeat fit` wrote.")]
HeadName = Annotated[
    str,
    typer.Option(
        help="The head, which is the classifier on the features: svm, linear_svm, "
        "logistic_regression, random_forest, nystroem, knn, gradient_boosting, naive_bayes, adaboost "
        "or mlp; with a selection of features before it, such as pca+svm.",
        callback=_known_head,
    ),
]
HeadNames = Annotated[
    str,
    typer.Option(
        help="Heads to compare, joined by commas. A head is the classifier on the features: svm, "
        "linear_svm, logistic_regression, random_forest, nystroem, knn, gradient_boosting, "
        "naive_bayes, adaboost or mlp; with a selection of features before it, such as pca+svm.",
        callback=_known_heads,
    ),
]
Ensemble = Annotated[
    str | None,
    typer.Option(
        help="In place of --head: heads that decide together, joined by commas, such as "
        "svm,random_forest,logistic_regression.",
        callback=_known_heads,
    ),
]
Metric = Annotated[
    str,
    typer.Option(
        help="Figure of merit: auroc, balanced_accuracy, accuracy, weighted_f1, sensitivity, "
        "specificity, ...; a wrong name lists all."
    ),
]
NSplits = Annotated[int, typer.Option(help="Number of folds.")]
OutFolder = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="Folder for the figure (PNG) and the numbers (JSON)."),
]
RandomState = Annotated[int, typer.Option(help="Seed of all that is random.")]
NJobs = Annotated[int | None, typer.Option(help="Processes at once; -1: one per core.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON, and nothing else, on standard output.")
]


def cells_from(
    data: Path,
    layout: str,
    positive: str | None,
    subject_pattern: str | None,
    cnmc_split: str | None = None,
    *,
    class_names: str | None = None,
    skip_bad: bool = False,
) -> CellDataset:
    """Load the cells that the shared options name."""
    from leukfeat.data import load_cells

    return load_cells(
        data,
        layout=layout,
        class_names=None if class_names is None else _listed(class_names),
        positive=positive,
        subject_pattern=subject_pattern,
        cnmc_split=cnmc_split,
        errors="skip" if skip_bad else "raise",
    )


def labelled_cells_from(
    data: Path,
    layout: str,
    positive: str | None,
    subject_pattern: str | None,
    cnmc_split: str | None = None,
    *,
    class_names: str | None = None,
    skip_bad: bool = False,
) -> CellDataset:
    """Load the cells for a command that cannot do without their labels.

    Extraction may take a night: that there is no label is said before it.
    """
    cells = cells_from(
        data,
        layout,
        positive,
        subject_pattern,
        cnmc_split,
        class_names=class_names,
        skip_bad=skip_bad,
    )
    if cells.y is None:
        raise ValueError(
            f"The cells of '{data}' have no labels, which this command needs. Put them in a folder "
            "a class, or in a CSV table with the columns image and label. C-NMC's preliminary test "
            "set needs its table C-NMC_test_prelim_phase_data_labels.csv in or beside the folder of "
            "its images; the labels of the final one were never published. `leukfeat predict` "
            "takes cells without labels."
        )
    return cells


def _listed(names: str) -> list[str]:
    listed = [name.strip() for name in names.split(",")]
    if not all(listed) or len(set(listed)) < len(listed):
        raise typer.BadParameter(
            f"--class-names must be different names joined by commas. Got {names!r} instead."
        )
    return listed


def classifier_from(model: Path) -> CellClassifier:
    """Load the model file that the command names."""
    from leukfeat.classifier import CellClassifier, ModelFileError, load_model
    from leukfeat.classifier.model_file import UntrustedModelError

    try:
        classifier = load_model(model)
    except UntrustedModelError:
        raise ModelFileError(
            f"'{model}' is not a leukfeat model file, as `leukfeat fit` writes it. Pickle and joblib "
            "files are read by no command: they run whatever their author put into them."
        ) from None
    if not isinstance(classifier, CellClassifier):
        raise ModelFileError(
            f"The model file '{model}' holds a network of fit_cnn, which this command does not "
            "take; in Python: leukfeat.load_model(path).predict(cells)."
        )
    return classifier


def numbers(option: str, text: str) -> list[float]:
    """Read numbers that are joined by commas."""
    try:
        return [float(one) for one in text.split(",")]
    except ValueError:
        raise typer.BadParameter(
            f"{option} takes numbers joined by commas, such as 0.2,0.5,1. Got {text!r} instead."
        ) from None


@dataclasses.dataclass(frozen=True)
class ExtractionOptions:
    """The options of extraction, as the call wants them."""

    cache: Path | None
    backbone: str = "resnet50"
    weights: str = "imagenet"
    layers: str = "avg_pool"
    pooling: str = "avg"
    mask: str | None = None
    input_size: int | None = None
    crop: int | None = None
    views: str = "1"
    engine: str = "auto"
    precision: str = "float32"
    batch_size: int = 32
    if_cached: str = "resume"
    skip_bad: bool = False
    preparation: Path | None = None
    calibration: Path | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.views not in ("1", "dihedral"):
            raise typer.BadParameter(f"--views must be 1 or dihedral. Got {self.views!r} instead.")

    def network(self) -> dict[str, Any]:
        """Return what says which network looks at what, as the library's calls name it."""
        layers = [layer.strip() for layer in self.layers.split(",")]
        return {
            "backbone": self.backbone,
            "weights": self.weights,
            "layers": layers[0] if len(layers) == 1 else layers,
            "pooling": self.pooling,
            "mask": self.mask,
            "input_size": self.input_size,
            "crop": self.crop,
            "preparation": self.preparation,
        }

    def extract(self, cells: Any, **more: Any) -> Any:
        """Call :func:`leukfeat.extract_features` with these options."""
        from leukfeat.features import extract_features

        return extract_features(
            cells,
            **self.network(),
            cache=self.cache,
            views="dihedral" if self.views == "dihedral" else 1,
            engine=self.engine,
            device=self.device,
            precision=self.precision,
            calibration=self.calibration,
            batch_size=self.batch_size,
            if_cached=self.if_cached,
            errors="skip" if self.skip_bad else "raise",
            **more,
        )
