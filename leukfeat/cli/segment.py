"""``leukfeat segment``: the cells of images and whole smear fields."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from leukfeat.cli import options as opt
from leukfeat.cli.output import say, show
from leukfeat.cli.writing import folder_to_write, write_image

__all__ = ["image_files", "segment", "stems"]


def segment(
    images: Annotated[list[Path], typer.Argument(help="Images or fields, or folders of them.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for masks, overlays and cells.csv.")
    ],
    types: Annotated[
        str, typer.Option(help="Kinds of cells: white, red, platelet, joined by commas, or all.")
    ] = "white",
    tile: Annotated[
        int | None, typer.Option(help="Side in pixels of the tiles of a large field.")
    ] = None,
    qupath: Annotated[
        bool, typer.Option("--qupath", help="Also write GeoJSON for QuPath.")
    ] = False,
    overlay: Annotated[
        bool,
        typer.Option(
            "--overlay/--no-overlay", help="Also write each image with the outlines drawn on it."
        ),
    ] = True,
    skip_bad: opt.SkipBad = False,
    as_json: opt.AsJson = False,
) -> None:
    """Find the cells of images: label images, overlays and a table with a row a cell.

    Example: leukfeat segment smear.jpg -o cells --types all --qupath
    """
    import pandas as pd

    from leukfeat.data.table_file import table_writer
    from leukfeat.exceptions import ImageReadError
    from leukfeat.imaging.counting.field_cells import CELL_TYPES

    wanted = CELL_TYPES if types == "all" else tuple(t.strip() for t in types.split(","))
    if set(wanted) - set(CELL_TYPES):
        raise typer.BadParameter(f"--types must be among {', '.join(CELL_TYPES)}. Got {types!r}.")
    paths = image_files(images)
    folder_to_write(out)
    out.mkdir(parents=True, exist_ok=True)
    write = table_writer(out / "cells.csv")
    tables: list[pd.DataFrame] = []
    summary: list[dict[str, Any]] = []
    for path, stem in zip(paths, stems(paths), strict=True):
        try:
            cells = _segmented(path, out, stem, wanted, tile, qupath, overlay)
        except ImageReadError as error:
            if not skip_bad:
                raise
            say(f"left out: {path}: {error}")
            continue
        counts = cells["type"].value_counts()
        summary.append({"image": str(path), **{n: int(counts.get(n, 0)) for n in wanted}})
        tables.append(cells)
    kept = [table for table in tables if len(table)]
    table = pd.concat(kept or tables or [pd.DataFrame(columns=["image"])], ignore_index=True)
    write(table)
    counted = pd.DataFrame(summary, columns=["image", *wanted])
    show(
        {"folder": out, "images": summary},
        f"{counted.to_string(index=False, max_rows=60)}\nWritten to '{out}'.",
        as_json=as_json,
    )


def _segmented(
    path: Path,
    out: Path,
    stem: str,
    wanted: tuple[str, ...],
    tile: int | None,
    qupath: bool,
    overlay: bool,
) -> Any:
    from leukfeat.imaging import (
        draw_cells,
        find_cells,
        label_image,
        write_qupath,
    )
    from leukfeat.imaging.conversion import MAX_PIXELS
    from leukfeat.imaging.counting.counting import open_field

    regions = open_field(path, tile)
    try:
        height, width = regions.shape
        is_small = height * width <= MAX_PIXELS
        image = regions.read(slice(0, height), slice(0, width)) if is_small else None
        regions.check_range()
    finally:
        regions.close()
    cells = find_cells(path if image is None else image, types=wanted, tile=tile)
    pictures = {}
    if image is None:
        say(
            f"'{path}' has {height} x {width} pixels: no mask and no overlay is written, only "
            f"the table{' and the GeoJSON' if qupath else ' (--qupath writes the outlines)'}."
        )
    else:
        pictures["mask"] = label_image(cells, (height, width))
        if overlay:
            pictures["overlay"] = draw_cells(image, cells)
    for name, pixels in pictures.items():
        write_image(out / f"{stem}_{name}.png", pixels)
    if qupath:
        write_qupath(cells, out / f"{stem}.geojson")
    frame = cells.frame.drop(columns=["image", "mask", "field"], errors="ignore")
    frame.insert(0, "image", str(path))
    return frame


def image_files(given: list[Path]) -> list[Path]:
    """Return the files given, and the images in the folders given."""
    from leukfeat.data.scanning import IMAGE_EXTENSIONS, is_litter

    found: list[Path] = []
    for path in given:
        if path.is_dir():
            listed = sorted(p for p in path.iterdir() if not is_litter(p.name))
            inside = [p for p in listed if p.suffix.lower() in IMAGE_EXTENSIONS]
            for other in listed:
                if other not in inside:
                    say(f"left out: {other}: its ending is none of an image that leukfeat reads")
            if not inside:
                raise FileNotFoundError(f"The folder '{path}' holds no image.")
            found += inside
        else:
            found.append(path)
    return found


def stems(paths: list[Path]) -> list[str]:
    """Return names of files for images, of which two of one name do not overwrite each other."""
    found: list[str] = []
    for path in paths:
        stem, k = path.stem, 2
        while stem in found:
            stem, k = f"{path.stem}-{k}", k + 1
        found.append(stem)
    return found
