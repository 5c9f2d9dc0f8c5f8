"""Cells as QuPath's GeoJSON, out and back in."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from leukfeat.atomic_file import written_whole
from leukfeat.data.dataset import UNLABELLED, CellDataset
from leukfeat.file_kind import not_a_file
from leukfeat.imaging.counting.overlay import check_windows
from leukfeat.imaging.counting.pixel_rings import rings_of
from leukfeat.imaging.counting.polygons import REGION, cells_from_polygons

__all__ = ["names_of", "read_qupath", "write_qupath"]

_FARTHEST = 1_000_000
"""No field has so many pixels a side; drawing takes time and memory by the places."""

_LARGEST_NUMBER = (1 << 31) - 1
_OUTLINE = "outline version"
"""Measurement of an object whose outline goes along the edges of pixels: 2. Older versions wrote none,
and outlines through the middles of the outermost pixels."""

_NAMESPACE = uuid.UUID("4f1f0f9c-52c2-4a55-9f33-1f6c0c6a3b10")


def write_qupath(
    cells: CellDataset,
    path: str | os.PathLike[str],
    *,
    names: Sequence[str] | None = None,
    object_type: str = "annotation",
) -> None:
    """Write cells as GeoJSON that QuPath opens (File, Import objects from file).

    Parameters
    ----------
    cells : CellDataset
        From :func:`find_cells`.
    path : path-like
        The file, usually ``.geojson``.
    names : sequence of str, optional
        QuPath's classification of each cell. By default the class name where the cell has a
        label, else its type.
    object_type : {"annotation", "detection"}, default="annotation"
        What the cells are in QuPath: annotations, whose outlines can be changed there, or
        detections, which can be thousands but only be deleted and classified.

    Raises
    ------
    ValueError
        If `names` has not one entry a cell, or `object_type` is another.

    Notes
    -----
    One object a cell: a polygon along the edges of its pixels, from the upper left corner of
    the field, as QuPath counts, so that its area there is that of the cell and reading it back gives
    the same mask. Pixels that share no more than a corner are parts of a multipolygon. The number of
    the cell stands in the measurements, beside ``outline version``, which :func:`read_qupath` asks for.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from leukfeat.data.procedural import make_smear
    >>> from leukfeat.imaging import find_cells
    >>> smear = make_smear(2, 10, 0, size=(240, 320), um_per_px=0.2)
    >>> cells = find_cells(smear.image)
    >>> path = pathlib.Path(tempfile.mkdtemp(), "cells.geojson")
    >>> write_qupath(cells, path, names=["blast", "normal"])
    >>> read_qupath(path, smear.image).class_names
    ('blast', 'normal')
    """
    if object_type not in ("annotation", "detection"):
        raise ValueError(
            f"'object_type' must be 'annotation' or 'detection'. Got {object_type!r} instead."
        )
    if names is None:
        names = names_of(cells)
    if len(names) != len(cells):
        raise ValueError(f"'names' has {len(names)} entries, but there are {len(cells)} cells.")
    check_windows(cells)
    features = []
    for i, row in enumerate(cells.frame.to_dict("records")):
        number, shift = int(row["number"]), np.array([row["window_left"], row["window_top"]], int)
        parts = [[_closed(ring + shift) for ring in part] for part in rings_of(row["mask"])]
        if not parts:
            continue
        several = len(parts) > 1
        geometry = {
            "type": "MultiPolygon" if several else "Polygon",
            "coordinates": parts if several else parts[0],
        }
        features.append(
            {
                "type": "Feature",
                "id": str(uuid.uuid5(_NAMESPACE, f"{number}:{parts[0][0]}")),
                "geometry": geometry,
                "properties": {
                    "objectType": object_type,
                    "classification": {"name": names[i]},
                    "measurements": {"number": number, _OUTLINE: 2},
                },
            }
        )
    with written_whole(path) as partial:
        text = json.dumps({"type": "FeatureCollection", "features": features})
        partial.write_text(text, encoding="utf-8")


def read_qupath(
    path: str | os.PathLike[str],
    field: Any,
    *,
    class_names: Sequence[str] | None = None,
    positive: str | None = None,
    side: int | None = None,
    margin: float = 0.1,
    background: str = "keep",
    um_per_px: float | None = None,
    **columns: Any,
) -> CellDataset:
    """Read the cells of a field from GeoJSON, as somebody corrected them in QuPath.

    Parameters
    ----------
    path : path-like
        A feature collection, a list of features, or one feature; polygons and multipolygons.
    field : path-like or ndarray
        The field that was annotated, as for :func:`find_cells`: a large TIFF is not read whole.
    class_names : sequence of str, optional
        The classes, in order. Default: the classifications in the file, sorted. An object
        without classification, or ``Ignore*``, gets no label.
    positive : str, optional
        The positive class.
    side, margin, background
        Windows around the cells, as for :func:`find_cells`.
    um_per_px, **columns
        Further columns, as for :func:`find_cells`, such as ``subject="P1"``.

    Returns
    -------
    CellDataset
        One row an object, with the columns of :func:`find_cells` and ``classification`` (the
        name in the file). The ``number`` is that in the measurements; objects drawn in QuPath
        get the next ones. A pixel belongs to a cell if its middle lies within the polygon; of an
        object that holds no such pixel, the pixel under it is taken. Files of older versions, whose
        polygons go through the middles of pixels, give the masks that they were written from.
        Objects of QuPath's class ``Region*``, and those that cover nine tenths of the field, are
        no cells: they are left out with a warning.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not GeoJSON, an object is no polygon, a classification is not among
        `class_names`, or a setting is not allowed.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(
            f"There is no file '{path}'. In QuPath: File, Export objects as GeoJSON."
        )
    kind = not_a_file(path)
    if kind is not None:
        raise ValueError(f"'{path}' is {kind}, not a file of GeoJSON.")
    try:
        held = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"'{path}' is not GeoJSON: {error}.") from None
    features = held.get("features", [held]) if isinstance(held, dict) else held
    if not isinstance(features, list):
        raise ValueError(
            f"'{path}' is not GeoJSON: expected a feature collection, a list of features or one "
            f"feature. Got a {type(features).__name__} instead."
        )
    polygons: list[list[list[np.ndarray]]] = []
    names: list[str | None] = []
    numbers: list[int | None] = []
    older: list[bool] = []
    for i, feature in enumerate(features):
        try:
            geometry = feature["geometry"]
            parts = geometry["coordinates"]
            if geometry["type"] not in ("Polygon", "MultiPolygon"):
                raise ValueError(f"a {geometry['type']}")
            parts = parts if geometry["type"] == "MultiPolygon" else [parts]
            rings = [[np.array(ring, float)[:, :2] for ring in part] for part in parts]
            outlines = [ring for part in rings for ring in part]
            if not outlines or not all(ring.size and ring.shape[1] == 2 for ring in outlines):
                raise ValueError("a polygon without places")
            if not all(np.isfinite(ring).all() for ring in outlines):
                raise ValueError("a polygon with places that are not finite")
            if any((np.abs(ring) > _FARTHEST).any() for ring in outlines):
                raise ValueError(f"a polygon with places beyond {_FARTHEST} pixels")
            properties = feature.get("properties") or {}
            named = properties.get("classification") or {}
            name = named.get("name") or "/".join(named.get("names", [])) or None
            if not isinstance(name, str | None):
                raise ValueError(f"the classification {name!r}")
            measured = _measurements(properties.get("measurements"))
            number = _number(measured)
        except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
            raise ValueError(
                f"'{path}': object {i + 1} must be a polygon or multipolygon of GeoJSON with an "
                f"optional classification. Found {error}."
            ) from None
        polygons.append(rings)
        names.append(None if name is None or (name.endswith("*") and name != REGION) else name)
        numbers.append(number)
        older.append(number is not None and _OUTLINE not in measured)
    return cells_from_polygons(
        path,
        field,
        polygons,
        names,
        numbers,
        through_middles=older,
        class_names=class_names,
        positive=positive,
        side=side,
        margin=margin,
        background=background,
        um_per_px=um_per_px,
        columns=columns,
    )


def _measurements(held: Any) -> dict[str, Any]:
    # Newer files hold a mapping, older ones a list of names with values.
    if isinstance(held, list):
        held = {entry.get("name"): entry.get("value") for entry in held}
    return dict(held or {})


def _number(measured: dict[str, Any]) -> int | None:
    value = measured.get("number")
    if value is None or not np.isfinite(value):
        return None
    if not 0 <= value <= _LARGEST_NUMBER:
        raise ValueError(f"the number {value!r}, which is none of a cell")
    return int(value)


def names_of(cells: CellDataset) -> list[str]:
    """Return the class name of each cell where it has a label, else its type."""
    types = [str(name) for name in cells.column("type")] if len(cells) else []
    labels = cells.y
    if labels is None:
        return types
    return [
        types[i] if label == UNLABELLED else cells.class_names[label]
        for i, label in enumerate(labels)
    ]


def _closed(line: np.ndarray) -> list[list[float]]:
    ring = line.astype(int).tolist()
    return [*ring, ring[0]]
