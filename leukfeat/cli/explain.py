"""``leukfeat explain``: where in each image a saved model finds its evidence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leukfeat.cli import options as opt
from leukfeat.cli.output import say, say_skipped, show
from leukfeat.cli.writing import folder_to_write

if TYPE_CHECKING:
    import pandas as pd

    from leukfeat.evaluation import EvidenceMap

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
            help="gradient (what each place adds), occlusion (what covering it costs), or auto.",
            callback=opt.one_of("auto", "gradient", "occlusion"),
        ),
    ] = "auto",
    window: Annotated[
        int, typer.Option(min=1, help="With occlusion: side of the cover, pixels of the image.")
    ] = 32,
    stride: Annotated[
        int, typer.Option(min=1, help="With occlusion: distance of its positions, pixels.")
    ] = 16,
    limit: Annotated[int, typer.Option(min=1, help="At most so many images, the first ones.")] = 20,
    layout: opt.Layout = "auto",
    subject_pattern: opt.SubjectPattern = None,
    cnmc_split: opt.CnmcSplit = None,
    skip_bad: opt.SkipBad = False,
    as_json: opt.AsJson = False,
) -> None:
    """Show where a model finds its evidence: a picture of each cell with its map over it.

    Orange is evidence for the class, blue against it; the scale below a picture says how much.
    Evidence on the background, the border or a mark is a warning that the cell is not what was
    learnt. A map shows where a head looks, not that it is right; of a cell far from all training
    cells it shows where the head guesses.

    Example: leukfeat explain cnmc.leukfeat new-cells -o maps --limit 12
    """
    from leukfeat.evaluation import EvidenceMap
    from leukfeat.evaluation.evidence_pictures import write_evidence

    folder_to_write(out)
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
    shown = cells[:limit]
    errors: Any = "skip" if skip_bad else "raise"
    called = classifier.predict(shown, errors=errors, progress=False).drop_duplicates("image")
    called = called.set_index("image").reindex([str(image) for image in shown.images])
    written = write_evidence(
        maps,
        shown.images,
        out,
        titles=[_title(row, maps) for _, row in called.iterrows()],
        warnings=[_warning(row) for _, row in called.iterrows()],
        errors=errors,
    )
    table = _beside(written, called, maps)
    found: dict[str, Any] = {
        "class": maps.target,
        "method": maps.method,
        "meaning": _meanings(maps),
        "images": table.to_dict("records"),
    }
    drawn = table[table["file"] != ""]
    show(
        found,
        "\n".join(
            [
                f"Evidence for '{maps.target}' by {maps.method}: {len(drawn)} pictures in '{out}'.",
                *(f"- {name}: {said}" for name, said in _meanings(maps).items()),
                "",
                *(_said(row, maps) for _, row in table.iterrows()),
            ]
        ),
        as_json=as_json,
    )


def _beside(written: pd.DataFrame, called: pd.DataFrame, maps: EvidenceMap) -> pd.DataFrame:
    """Put what each cell was called beside its picture."""
    table = written.copy()
    table.insert(2, "label", called["label"].to_numpy())
    table.insert(3, "probability", called[f"p_{maps.target}"].to_numpy(float))
    table.insert(4, "distance", called["distance"].to_numpy(float))
    table.insert(5, "far", called["far"].fillna(False).to_numpy(bool))
    table.insert(6, "warning", [_warning(row) for _, row in called.iterrows()])
    return table


def _meanings(maps: EvidenceMap) -> dict[str, str]:
    """Say what each number that is printed means, one sentence each."""
    meanings = {
        "probability": f"what the model gives for '{maps.target}'; it decides by its threshold, which "
        "need not be 0.5.",
        "strongest place": f"the number of the map that lies farthest from 0. {maps.meaning}",
        "distance": "how far the cell lies from the training cells: 1 is as far as a new patient's "
        "cell ordinarily gets, and beyond it the model guesses.",
    }
    if maps.method == "gradient":
        meanings["evidence"] = (
            f"the sum over all places: above 0 the cell as a whole speaks for '{maps.target}'."
        )
    return meanings


def _title(row: pd.Series, maps: EvidenceMap) -> str:
    said = Path(str(row.name)).name
    if isinstance(row["label"], str):
        p = row[f"p_{maps.target}"]
        said += f": called '{row['label']}', probability of '{maps.target}' {p:.2f}"
    return said


def _warning(row: pd.Series) -> str:
    """Say why a map is not to be believed; nothing where nothing speaks against it."""
    if not isinstance(row["label"], str):
        return ""
    said = []
    reason = str(row["reason"]).removeprefix("far from all training cells").lstrip("; ")
    if row["distance"] > 1:
        said.append(
            f"FAR from all training cells (distance {row['distance']:.1f}; 1 is as far as a new "
            "patient's cell ordinarily gets): the map shows where the model guesses."
        )
    if reason:
        said.append(f"{reason[0].upper()}{reason[1:]}.")
    return " ".join(said)


def _said(row: pd.Series, maps: EvidenceMap) -> str:
    """Say of one image what was found."""
    if not row["file"]:
        return f"{row['image']}: no picture: {row['reason']}"
    evidence = f"evidence {row['evidence']:+.2f}, " if maps.method == "gradient" else ""
    warning = f" {row['warning']}" if row["warning"] else ""
    return (
        f"{row['file']}: called '{row['label']}', probability {row['probability']:.2f}, {evidence}"
        f"strongest place {row['strongest']:+.3f}, distance {row['distance']:.2f}.{warning}"
    )
