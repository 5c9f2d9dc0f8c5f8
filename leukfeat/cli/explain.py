"""``leukfeat explain``: where in each image a saved model finds its evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from leukfeat.cli import options as opt
from leukfeat.cli.output import say, say_skipped, show
from leukfeat.cli.writing import folder_to_write

__all__ = ["explain"]


def explain(
    model: opt.ModelFile,
    data: opt.DataSource,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the pictures.")],
    target: Annotated[
        str | None,
        typer.Option(help="Class that the evidence is for; default: the positive one."),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="gradient (what each place adds), occlusion (what covering it costs), or auto."
        ),
    ] = "auto",
    window: Annotated[int, typer.Option(help="Side of the cover, pixels of the image.")] = 32,
    stride: Annotated[int, typer.Option(help="Distance of its positions, pixels.")] = 16,
    limit: Annotated[int, typer.Option(help="At most so many images, the first ones.")] = 20,
    layout: opt.Layout = "auto",
    subject_pattern: opt.SubjectPattern = None,
    cnmc_split: opt.CnmcSplit = None,
    skip_bad: opt.SkipBad = False,
    as_json: opt.AsJson = False,
) -> None:
    """Show where a model finds its evidence: a picture of each cell with its map over it.

    Orange is evidence for the class, blue against it; strengths are within one picture. Evidence
    on the background, the border or a mark is a warning that the cell is not what was learnt. A
    map shows where a head looks, not that it is right.

    Example: leukfeat explain cnmc.leukfeat new-cells -o maps --limit 12
    """
    from leukfeat.evaluation import EvidenceMap
    from leukfeat.evaluation.evidence_pictures import write_evidence

    folder_to_write(out)
    if limit < 1:
        raise typer.BadParameter(f"--limit must be at least 1. Got {limit} instead.")
    classifier = opt.classifier_from(model)
    maps = EvidenceMap(
        classifier,
        target=target,
        method=method,  # type: ignore[arg-type]
        window=window,
        stride=stride,
    )
    cells = opt.cells_from(data, layout, None, subject_pattern, cnmc_split, skip_bad=skip_bad)
    say_skipped(cells.skipped)
    if len(cells) > limit:
        say(f"The first {limit} of {len(cells)} images; --limit takes more.")
    written = write_evidence(
        maps, cells[:limit].images, out, errors="skip" if skip_bad else "raise"
    )
    found: dict[str, Any] = {
        "class": maps.target,
        "method": maps.method,
        "images": written.to_dict("records"),
    }
    show(
        found,
        f"Evidence for {maps.target!r} by {maps.method}: {len(written)} pictures in '{out}'.\n"
        + written.to_string(index=False),
        as_json=as_json,
    )
