"""What ``leukfeat predict --smear`` does: a saved model on whole fields."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leukfeat.cli.output import say, say_skipped, show

__all__ = ["predict_smears"]


def predict_smears(
    classifier: Any,
    fields: Path,
    *,
    positive: str | None,
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
    from leukfeat.cli.segment import image_files
    from leukfeat.data.table_file import table_writer
    from leukfeat.exceptions import ImageReadError

    names = classifier.class_names
    if positive is not None and positive not in names:
        raise ValueError(f"--positive must be a class of the model: {', '.join(names)}.")
    suspicious = positive or positive_class(classifier)
    if suspicious is None:
        say(
            f"The model has {len(names)} classes and was fitted without a positive one: the cells of "
            "each class are counted. --positive CLASS says which is the suspicious one."
        )
    write = None if out is None else table_writer(out)
    tables: list[pd.DataFrame] = []
    summary: list[dict[str, Any]] = []
    skipped: list[tuple[str, str]] = []
    for path in image_files([fields]):
        try:
            analysis = analyse_smear(
                path,
                classifier,
                suspicious=suspicious or names[0],
                side=side,
                background="remove" if cut_out else "keep",
                tile=tile,
                um_per_px=um_per_px,
                **settings,
            )
        except ImageReadError as error:
            if not skip_bad:
                raise
            skipped.append((str(path), str(error)))
            continue
        table = analysis.to_frame()
        tables.append(table)
        summary.append(
            {
                "field": str(path),
                "white_cells": analysis.n_cells,
                **{
                    f"called_{name}": int((analysis.predictions["label"] == name).sum())
                    for name in ([suspicious] if suspicious else names)
                },
                "far": int(table["far"].sum()),
            }
        )
    say_skipped(pd.DataFrame(skipped, columns=["path", "reason"]))
    kept = [table for table in tables if len(table)]
    cells = pd.concat(kept or tables or [pd.DataFrame(columns=["field"])], ignore_index=True)
    if write is not None:
        write(cells)
    n_far = sum(row["far"] for row in summary)
    if n_far:
        say(f"{n_far} of {len(cells)} cells stand far from all training cells: look at them.")
    text = pd.DataFrame(summary).to_string(index=False, max_rows=60)
    if out is not None:
        text += f"\nWritten to '{out}'."
    result = {"fields": summary, "cells": cells.to_dict("records")}
    show(result, text, as_json=as_json)
