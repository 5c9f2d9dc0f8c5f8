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
        str | None,
        typer.Option(
            help="Kinds of cells: white, red, platelet, joined by commas, or all. Default: white."
        ),
    ] = None,
    tile: Annotated[
        int | None, typer.Option(help="Side in pixels of the tiles of a large field.")
    ] = None,
    central: Annotated[
        bool,
        typer.Option(
            "--central",
            help="The images show one cell each: find the white cell near the middle. The masks then "
            "hold 1 for its cytoplasm and 2 for its nucleus.",
        ),
    ] = False,
    method: Annotated[
        str | None,
        typer.Option(
            help="With --central: how, such as kmeans_hsi or otsu; a wrong name lists all."
        ),
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

    Whole fields are meant, unless --central says that each image shows one cell. Examples:

    leukfeat segment smear.jpg -o cells --types all --qupath; leukfeat segment my-cells -o masks --central
    """
    import pandas as pd

    from leukfeat.data.table_file import table_writer
    from leukfeat.exceptions import ImageReadError
    from leukfeat.imaging.counting.field_cells import CELL_TYPES

    _check_kind(central=central, method=method, types=types, tile=tile)
    named = "white" if types is None else types
    wanted = CELL_TYPES if named == "all" else tuple(t.strip() for t in named.split(","))
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
            if central:
                found = _one_cell(path, method or "default", overlay)
            else:
                found = _field(path, wanted, tile, qupath, overlay)
            cells = _written(path, out / stem, *found, qupath=qupath)
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


def _check_kind(*, central: bool, method: str | None, types: str | None, tile: int | None) -> None:
    from leukfeat.imaging import SEGMENTATION_METHODS

    if central and (types is not None or tile is not None):
        raise typer.BadParameter("--types and --tile are for fields, not for --central.")
    if method is not None and not central:
        raise typer.BadParameter("--method is for --central: fields have one method.")
    if method is not None and method not in SEGMENTATION_METHODS:
        listed = ", ".join(SEGMENTATION_METHODS)
        raise typer.BadParameter(f"--method must be one of {listed}. Got {method!r} instead.")


def _one_cell(path: Path, method: str, overlay: bool) -> tuple[Any, dict[str, Any]]:
    """Return the central cell of an image, as a row or none, and its pictures."""
    import numpy as np

    from leukfeat.data import CellDataset
    from leukfeat.imaging import draw_cells, read_image
    from leukfeat.imaging import segment as segment_image
    from leukfeat.imaging.counting.polygons import cells_from_masks
    from leukfeat.imaging.counting.tiff_regions import ArrayRegions

    image = read_image(path)
    found = segment_image(image, method=method)
    masks, n_cells = [(found.cell, 0, 0)][: found.n_cells], found.n_cells
    regions = ArrayRegions(image, str(path))
    cells = cells_from_masks(regions, masks, ["white"] * n_cells, [1] * n_cells)
    frame = cells.frame.drop(columns=["classification", "votes"])
    frame["nucleus_area"] = [int(found.nucleus.sum())] * n_cells
    cells = CellDataset(frame)
    pictures = {"mask": np.where(found.nucleus, 2, found.cell).astype(np.uint8)}
    if overlay:
        pictures["overlay"] = draw_cells(image, cells)
    return cells, pictures


def _field(
    path: Path, wanted: tuple[str, ...], tile: int | None, qupath: bool, overlay: bool
) -> tuple[Any, dict[str, Any]]:
    """Return the cells of a field, and its pictures."""
    from leukfeat.imaging import draw_cells, find_cells, label_image
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
    return cells, pictures


def _written(path: Path, stem: Path, cells: Any, pictures: dict[str, Any], *, qupath: bool) -> Any:
    """Write the files of an image, and return its rows of the table."""
    from leukfeat.imaging import write_qupath

    for name, pixels in pictures.items():
        ending = "tif" if pixels.dtype.itemsize > 2 else "png"  # a PNG holds numbers up to 65,535
        write_image(stem.with_name(f"{stem.name}_{name}.{ending}"), pixels)
    if qupath:
        write_qupath(cells, stem.with_name(f"{stem.name}.geojson"))
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
