"""``leukfeat audit``: what would flatter a result on these cells, looked for before there is one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from leukfeat.cli import options as opt
from leukfeat.cli.advice import in_options
from leukfeat.cli.output import as_json_text, say_skipped, say_written, show
from leukfeat.cli.writing import folder_to_write, write_picture, write_text

__all__ = ["audit"]

EXIT_LEAKY = 3
"""A leak or a shortcut: what the verdict says of the cells before any number of warnings."""


def audit(
    data: opt.DataSource,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for audit.md, audit.json and clues.png."),
    ] = None,
    layout: opt.Layout = "auto",
    class_names: opt.ClassNames = None,
    positive: opt.Positive = None,
    subject_pattern: opt.SubjectPattern = None,
    cnmc_split: opt.CnmcSplit = None,
    skip_bad: opt.SkipBad = False,
    folds: Annotated[
        str | None,
        typer.Option(
            help="Column that tells the fold of each cell; default: the column fold, if there is one."
        ),
    ] = None,
    clues: Annotated[
        bool,
        typer.Option(
            help="Test how well colour, size, border and file headers alone tell the label."
        ),
    ] = True,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Exit with code 3 if there is a leak, or the label is told without the cell.",
        ),
    ] = False,
    random_state: opt.RandomState = 0,
    n_jobs: opt.NJobs = None,
    as_json: opt.AsJson = False,
) -> None:
    """Look for shared patients, copied images and shortcuts, and say so in words.

    Example: leukfeat audit C-NMC_training_data -o audit
    """
    from leukfeat.evaluation import audit as look

    folder_to_write(out)
    cells = opt.cells_from(
        data,
        layout,
        positive,
        subject_pattern,
        cnmc_split,
        class_names=class_names,
        skip_bad=skip_bad,
    )
    say_skipped(cells.skipped)
    found = look(cells, folds, clues=clues, random_state=random_state, n_jobs=n_jobs)
    written = [] if out is None else _write(found, out)
    result = {**found.to_dict(), "skipped": cells.skipped[["path", "reason"]].to_dict("records")}
    show(result, in_options(found.to_markdown()), as_json=as_json)
    say_written(written)
    if strict and (found.is_leaky or found.has_shortcut):
        raise typer.Exit(EXIT_LEAKY)


def _write(found: Any, folder: Path) -> list[Path]:
    from leukfeat.reporting.markdown_text import inert_markdown

    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "audit.md", inert_markdown(found.to_markdown()))
    write_text(folder / "audit.json", as_json_text(found.to_dict()))
    if found.clues:
        write_picture(folder / "clues.png", found.plot())
    names = ["audit.md", "audit.json", *(["clues.png"] if found.clues else [])]
    return [folder / name for name in names]
