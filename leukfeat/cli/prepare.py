"""``leukfeat prepare``: what is learnt from training images, as a file for ``--preparation``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from leukfeat.cli import options as opt
from leukfeat.cli.output import say_skipped, show
from leukfeat.cli.writing import file_to_write

__all__ = ["prepare"]


def prepare(
    data: opt.DataSource,
    out: Annotated[Path, typer.Option("--out", "-o", help="The .json file to write.")],
    steps: Annotated[
        str,
        typer.Option(
            help="Steps in their order, joined by commas, reinhard or macenko among them; or a "
            "JSON or TOML file of steps, where arguments can be given."
        ),
    ] = "macenko",
    layout: opt.Layout = "auto",
    cnmc_split: opt.CnmcSplit = None,
    skip_bad: opt.SkipBad = False,
    n_images: Annotated[int, typer.Option(min=1, help="Learn from at most so many images.")] = 300,
    random_state: opt.RandomState = 0,
    as_json: opt.AsJson = False,
) -> None:
    """Fit a stain normaliser on training cells, and write the file that --preparation takes.

    Then, for training and test cells alike: leukfeat extract CELLS --preparation FILE. Examples:

    leukfeat prepare my-training-cells -o stain.json --steps gray_world,reinhard

    leukfeat prepare my-training-cells -o stain.json --steps steps.toml
    """
    from leukfeat.imaging import fit_preparation, write_preparation

    if out.suffix.lower() != ".json":
        raise typer.BadParameter(f"--out must end in .json. Got '{out}' instead.")
    file_to_write(out)
    asked = _steps(steps)
    cells = opt.cells_from(data, layout, None, None, cnmc_split, skip_bad=skip_bad)
    say_skipped(cells.skipped)
    chain = fit_preparation(cells, *asked, n_images=n_images, random_state=random_state)
    write_preparation(chain, out)
    drawn = min(n_images, len(cells))
    show(
        {
            "file": out,
            "digest": chain.digest,
            "steps": [name for name, _ in chain.steps],
            "images": drawn,
        },
        f"'{out}': {chain!r}, from {drawn} of {len(cells)} images, which must all be training "
        f"cells. Digest {chain.digest[:8]}.",
        as_json=as_json,
    )


def _steps(given: str) -> list[Any]:
    from leukfeat.imaging.preparation_file import read_steps

    if given.lower().endswith((".json", ".toml")):
        return read_steps(given)
    return [name.strip() for name in given.split(",")]
