"""``leukfeat calibrate``: a network in 8 bits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leukfeat.cli import options as opt
from leukfeat.cli.output import show
from leukfeat.cli.writing import file_to_write

__all__ = ["calibrate"]


def calibrate(
    data: opt.DataSource,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")],
    layout: opt.Layout = "auto",
    cnmc_split: opt.CnmcSplit = None,
    backbone: opt.Backbone = "resnet50",
    weights: opt.Weights = "imagenet",
    layers: opt.Layers = "avg_pool",
    pooling: opt.Pooling = "avg",
    mask: opt.Mask = None,
    input_size: opt.InputSize = None,
    crop: opt.Crop = None,
    preparation: opt.PreparationFile = None,
    n_images: Annotated[int, typer.Option(min=1, help="Measure on at most so many images.")] = 300,
    random_state: opt.RandomState = 0,
    as_json: opt.AsJson = False,
) -> None:
    """Turn the network into 8-bit integers, with ranges that are measured on training cells.

    Then: leukfeat extract CELLS --precision int8 --calibration FILE, with the same options. Example:

    leukfeat calibrate C-NMC_training_data -o resnet50.int8
    """
    from leukfeat.features import calibrate_int8

    file_to_write(out)
    cells = opt.cells_from(data, layout, None, None, cnmc_split)
    settings = opt.ExtractionOptions(
        None, backbone, weights, layers, pooling, mask, input_size, crop, preparation=preparation
    )
    made = calibrate_int8(
        cells,
        out,
        **settings.network(),
        n_images=n_images,
        random_state=random_state,
        progress=not as_json,
    )
    show(
        {
            "file": out,
            "digest": made.digest,
            "images": len(made.images),
            "difference": made.difference,
            "versions": made.versions,
        },
        f"'{out}': {made.spec.title} in 8 bits, measured on {len(made.images)} images. Its rows "
        f"differ from float32's by {made.difference:.1%} of their length (median).",
        as_json=as_json,
    )
