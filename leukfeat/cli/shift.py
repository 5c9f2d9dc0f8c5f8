"""``leukfeat shift``: how a saved model falls when the images change."""

from __future__ import annotations

from typing import Annotated

import typer

from leukfeat.cli import options as opt
from leukfeat.cli.output import say_skipped, show, write_figure
from leukfeat.cli.writing import folder_to_write

__all__ = ["shift"]


def shift(
    model: opt.ModelFile,
    data: opt.DataSource,
    kinds: Annotated[
        str, typer.Option(help="Changes to try, joined by commas.")
    ] = "brightness,stain,blur,scale,jpeg",
    metric: opt.Metric = "auroc",
    out: opt.OutFolder = None,
    layout: opt.Layout = "auto",
    positive: opt.Positive = None,
    subject_pattern: opt.SubjectPattern = None,
    cnmc_split: opt.CnmcSplit = None,
    engine: opt.Engine = "auto",
    batch_size: opt.BatchSize = 32,
    skip_bad: opt.SkipBad = False,
    as_json: opt.AsJson = False,
) -> None:
    """Show how a model falls when stain, light, focus, scale or compression change.

    The same test cells are changed step by step and classified again; nothing is fitted. Give
    cells that the model was not trained on. A steep fall on a small change says that another
    laboratory's images will cost accuracy.

    Example: leukfeat shift cnmc.leukfeat other-cells --kinds stain,brightness -o shift
    """
    from leukfeat import evaluation
    from leukfeat.evaluation.shifted_images import SHIFTS

    folder_to_write(out)
    wanted = [kind.strip() for kind in kinds.split(",")]
    unknown = [kind for kind in wanted if kind not in SHIFTS]
    if unknown:
        raise typer.BadParameter(
            f"--kinds must be among {', '.join(SHIFTS)}. Got {', '.join(unknown)} instead."
        )
    classifier = opt.classifier_from(model)
    cells = opt.labelled_cells_from(
        data, layout, positive, subject_pattern, cnmc_split, skip_bad=skip_bad
    )
    say_skipped(cells.skipped)
    sweep = evaluation.shift_sweep(
        classifier,
        cells,
        lambda changed: classifier.extract(
            changed, batch_size=batch_size, engine=engine, progress=False
        ),
        shifts={kind: SHIFTS[kind] for kind in wanted},
        metric=metric,
        errors="skip" if skip_bad else "raise",
    )
    show(sweep.to_dict(), sweep.to_markdown(), as_json=as_json)
    write_figure(sweep, out, "shift", sweep.to_dict())
