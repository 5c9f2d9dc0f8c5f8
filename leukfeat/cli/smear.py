"""What ``leukfeat predict --smear`` does: a saved model on whole fields."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from leukfeat.cli.output import say, say_skipped, show
from leukfeat.cli.writing import folder_to_write, write_image

__all__ = ["predict_smears"]


def predict_smears(
    classifier: Any,
    fields: Path,
    *,
    positive: str | None,
    sensitivity: str | None,
    specificity: str | None,
    overlay: Path | None,
    out: Path | None,
    side: int | None,
    cut_out: bool,
    tile: int | None,
    um_per_px: float | None,
    skip_bad: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Classify the white cells of one field, or of every field in a folder."""
    import pandas as pd

    from leukfeat.classifier import analyse_smear
    from leukfeat.classifier.smear import positive_class
    from leukfeat.cli.segment import image_files, stems
    from leukfeat.data.table_file import table_writer
    from leukfeat.exceptions import ImageReadError
    from leukfeat.features.progress import progress_bar

    names = classifier.class_names
    if positive is not None and positive not in names:
        raise ValueError(f"--positive must be a class of the model: {', '.join(names)}.")
    suspicious = positive or positive_class(classifier)
    if suspicious is None:
        say(
            f"The model has {len(names)} classes and was fitted without a positive one: the cells of "
            "each class are counted. --positive CLASS says which is the suspicious one."
        )
    errors = _errors(sensitivity, specificity)
    if errors is not None and suspicious is None:
        raise typer.BadParameter("--sensitivity and --specificity need --positive, whose they are.")
    write = None if out is None else table_writer(out)
    paths = image_files([fields])
    if overlay is not None:
        folder_to_write(overlay)
        overlay.mkdir(parents=True, exist_ok=True)
    tables: list[pd.DataFrame] = []
    summary: list[dict[str, Any]] = []
    skipped: list[tuple[str, str]] = []
    several = len(paths) > 1
    with progress_bar(len(paths), "fields", several, unit="field") as bar:
        for path, stem in zip(paths, stems(paths), strict=True):
            try:
                analysis = analyse_smear(
                    path,
                    classifier,
                    errors=errors,
                    suspicious=suspicious or names[0],
                    side=side,
                    background="remove" if cut_out else "keep",
                    tile=tile,
                    um_per_px=um_per_px,
                    progress=not several,
                    **settings,
                )
            except ImageReadError as error:
                if not skip_bad:
                    raise
                skipped.append((str(path), str(error)))
                bar.update()
                continue
            table = analysis.to_frame()
            tables.append(table)
            summary.append(_row(path, analysis, [suspicious] if suspicious else names))
            if overlay is not None:
                drawn = overlay / f"{stem}_overlay.png"
                _draw(analysis, path, drawn, by_class=suspicious is None)
            bar.update()
    say_skipped(pd.DataFrame(skipped, columns=["path", "reason"]))
    kept = [table for table in tables if len(table)]
    cells = pd.concat(kept or tables or [pd.DataFrame(columns=["field"])], ignore_index=True)
    if write is not None:
        write(cells)
    n_far = sum(row["far"] for row in summary)
    if n_far:
        say(f"{n_far} of {len(cells)} cells stand far from all training cells: look at them.")
    text = pd.DataFrame(summary).to_string(index=False, max_rows=60)
    for written in (out, overlay):
        if written is not None:
            text += f"\nWritten to '{written}'."
    result = {"fields": summary, "cells": cells.to_dict("records")}
    show(result, text, as_json=as_json)


def _row(path: Path, analysis: Any, counted: Sequence[str]) -> dict[str, Any]:
    """Return what is said of a field."""
    labels = analysis.predictions["label"]
    row: dict[str, Any] = {"field": str(path), "white_cells": analysis.n_cells}
    row |= {f"called_{name}": int((labels == name).sum()) for name in counted}
    if analysis.suspicious.known:
        name, number = analysis.suspicious_class, analysis.suspicious
        row |= {f"{name}_low": int(number.low), f"{name}_high": int(number.high)}
        if number.note:
            say(f"{path}: {number.note}")
    return row | {"far": int(analysis.predictions["far"].sum())}


def _draw(analysis: Any, path: Path, target: Path, *, by_class: bool) -> None:
    from leukfeat.imaging import draw_cells

    try:
        if by_class:  # none is suspicious, so none has its colour
            labels = analysis.predictions["label"].tolist()
            write_image(target, draw_cells(path, analysis.cells, texts=labels))
        else:
            write_image(target, analysis.overlay(path))
    except ValueError as error:  # the field is too large to be drawn on
        say(f"no overlay: {error}")


def _errors(sensitivity: str | None, specificity: str | None) -> Any:
    """Return the error rates of the classifier, where both are given."""
    from leukfeat.classifier import ClassifierErrors

    if sensitivity is None and specificity is None:
        return None
    if sensitivity is None or specificity is None:
        raise typer.BadParameter("--sensitivity and --specificity belong together.")
    right, of = _share("--sensitivity", sensitivity)
    spared, among = _share("--specificity", specificity)
    return ClassifierErrors(
        sensitivity=right / of, n_sensitivity=of, specificity=spared / among, n_specificity=among
    )


def _share(option: str, text: str) -> tuple[float, float]:
    numbers = re.fullmatch(r"(\d+(?:\.\d+)?)/(\d+(?:\.\d+)?)", text.strip(), re.ASCII)
    right, of = (float(numbers[1]), float(numbers[2])) if numbers else (1.0, 0.0)
    if not (0 <= right <= of and of >= 1):
        raise typer.BadParameter(
            f"{option} must be how many were right of how many independent trials, such as 35/40. "
            f"Got {text!r} instead."
        )
    return right, of
