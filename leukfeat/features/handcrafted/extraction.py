"""extract_handcrafted: cells to measured features, cached like deep ones."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

import joblib
import numpy as np
from numpy.typing import NDArray

from leukfeat.data.dataset import CellDataset
from leukfeat.exceptions import ImageReadError
from leukfeat.features.carrying_out import carry_out, check_choices
from leukfeat.features.cells_input import as_dataset
from leukfeat.features.engines import Engine
from leukfeat.features.extraction_run import ExtractionRun
from leukfeat.features.feature_set import FeatureSet
from leukfeat.features.handcrafted.engine import HandcraftedEngine
from leukfeat.features.handcrafted.measuring import columns_of
from leukfeat.features.handcrafted.shape import in_micrometres
from leukfeat.features.handcrafted.spec import FAMILIES, HandcraftedSpec
from leukfeat.features.handcrafted.texture import TextureSettings
from leukfeat.features.plan import ExtractionPlan
from leukfeat.features.preparing import (
    check_preparation,
    check_scales,
    prepare_image,
    scale_after,
)
from leukfeat.features.space import choose_file
from leukfeat.imaging.segmentation.segment import MAX_SEGMENT_PIXELS

if TYPE_CHECKING:
    from leukfeat.imaging import Preparation

__all__ = ["MANY_WITHOUT", "extract_handcrafted", "rows_without_cell"]

logger = logging.getLogger("leukfeat")

_IMAGES_PER_WORKER = 4
_MOST_IMAGES = 32
MANY_WITHOUT = 0.1
"""Share of images without a cell from which it is said: the segmentation does not fit them."""


@overload
def extract_handcrafted(
    cells: Any, families: Any = ..., *, dry_run: Literal[True], **settings: Any
) -> ExtractionPlan: ...
@overload
def extract_handcrafted(
    cells: Any, families: Any = ..., *, dry_run: bool = ..., **settings: Any
) -> FeatureSet: ...
def extract_handcrafted(  # type: ignore[misc]
    cells: Any,
    families: str | Sequence[str] = FAMILIES,
    *,
    cache: str | os.PathLike[str] | None = None,
    segmentation: str = "default",
    texture: TextureSettings | None = None,
    preparation: Preparation | str | os.PathLike[str] | None = None,
    unit: Literal["auto", "px", "um"] = "auto",
    if_cached: Literal["resume", "overwrite", "error"] = "resume",
    errors: Literal["raise", "skip"] = "raise",
    n_jobs: int | None = None,
    dry_run: bool = False,
    progress: bool = True,
    verify: Literal["stat", "digest"] = "stat",
) -> FeatureSet | ExtractionPlan:
    """Measure texture, shape and colour of cells, or take them from the cache.

    The cell is found first; then it is measured as :func:`leukfeat.texture_features`,
    :func:`leukfeat.shape_features` and :func:`leukfeat.colour_features` do. Rows are kept in the
    same kind of store as deep features, under the digest of the pixels: a run that was stopped
    goes on where it was, and a run with nothing new only reads.

    Parameters
    ----------
    cells : CellDataset, list of paths or of RGB uint8 arrays, or array (n, height, width, 3)
        The images. Masks that a dataset brings are not used.
    families : str or sequence of str, default=("texture", "shape", "colour")
        What to measure.
    cache : path-like, optional
        Folder for the feature stores, which may hold deep features too; or a name ending in
        ``.h5`` for exactly one space. By default nothing is kept.
    segmentation : str, default="default"
        How the cell is found: a method of :func:`leukfeat.imaging.segment` (the white cell near
        the middle; where the background is exactly 0, as in C-NMC, what is not 0 is the cell);
        ``"background"``: what is not exactly 0, without looking for a nucleus, so without its
        columns; ``"none"``: the whole image, for texture and colour only.
    texture : TextureSettings, optional
        Radii, frequencies and distances of the texture.
    preparation : Preparation or path-like, optional
        What is done to the image before the cell is found and measured: colour constancy, stain
        normalisation, a common scale (:class:`leukfeat.imaging.Preparation`, or its JSON or TOML
        file). It is part of the feature space, with all that a stain normaliser learnt, which
        must have been from training cells only. Keys and controls stay those of the image as it
        is. Default: nothing.
    unit : {"auto", "px", "um"}, default="auto"
        Unit of lengths. ``"auto"``: micrometres where ``um_per_px`` is known of every cell, else
        pixels. The store holds pixels, so that the same rows serve both. After ``"rescale"`` the
        scale is that step's; after ``"resize"``, which stretches, it is not known.
    if_cached : {"resume", "overwrite", "error"}, default="resume"
        What to do with rows that the cache holds.
    errors : {"raise", "skip"}, default="raise"
        With ``"skip"``, images that cannot be read or prepared, or are too large to be
        segmented, are left out and listed in ``.skipped``.
    n_jobs : int, optional
        Images measured at the same time, in processes, as joblib takes it (also from
        ``joblib.parallel_config``). No more than 32 wait in memory for their turn, besides twice
        as many that are read ahead.
    dry_run : bool, default=False
        Return an `ExtractionPlan` instead: rows missing, bytes, time.
    progress : bool, default=True
        Show a bar while computing.
    verify : {"stat", "digest"}, default="stat"
        ``"digest"`` reads every file again instead of trusting size, times and inode.

    Returns
    -------
    FeatureSet
        One row a cell, in the order of `cells`, with ``feature_names``. There is no NaN: a cell
        that is not found has 0 in every column, and so has a nucleus; in how many images, and in
        which first, is logged if it is more than a tenth of them.

    Raises
    ------
    ImageReadError
        If an image cannot be read or prepared, or is too large to be segmented.
    CacheError
        If the cache cannot be used.
    SpecMismatchError
        If `cache` is one file and holds another feature space.
    ValueError
        If a setting is not allowed, or the scale that a unit or a step needs is not there.

    Examples
    --------
    >>> import leukfeat as lf
    >>> cells = lf.make_cells(2, 4, size=96, random_state=0)
    >>> features = lf.extract_handcrafted(cells, ["shape", "colour"], progress=False)
    >>> features.shape
    (4, 107)
    >>> features.feature_names[:2]
    ('cell_area_um2', 'cell_perimeter_um')
    """
    check_choices(if_cached=if_cached, errors=errors, verify=verify)
    dataset = as_dataset(cells)
    given: Any = families if isinstance(families, str) else tuple(families)
    spec = HandcraftedSpec(
        families=given,
        segmentation=segmentation,
        texture=texture,
        preparation=check_preparation(preparation),
    )
    check_scales(spec.preparation, dataset)
    if unit == "auto":
        unit = "um" if "shape" in spec.families and _scales_known(dataset, spec) else "px"
    final = dataclasses.replace(spec, unit=unit)
    if unit == "um" and not _scales_known(dataset, spec):
        reason = (
            "the preparation stretches them ('resize')"
            if scale_after(spec.preparation) == "lost"
            else f"{dataset.name!r} has no complete column 'um_per_px'"
        )
        raise ValueError(
            f"unit='um' needs the scale of every cell as it is measured, and {reason}. Give it "
            "(micrometres a pixel; 'rescale' keeps it), or unit='px'."
        )
    run = _HandcraftedRun(dataset.images, n_jobs, progress, trust_stat=verify == "stat")
    if cache is not None:
        run.recall()
    run.spec, run.path = choose_file([spec], cache, run.count_held)
    found = carry_out(run, dataset, if_cached=if_cached, errors=errors, dry_run=dry_run)
    if isinstance(found, FeatureSet):
        _say_where_no_cell_is(found, spec)
        _name_columns(found, spec, final)
    return found


class _HandcraftedRun(ExtractionRun):
    def __init__(
        self, images: list[Any], n_jobs: int | None, progress: bool, *, trust_stat: bool
    ) -> None:
        self._n_jobs = n_jobs
        self._n_processes = joblib.effective_n_jobs(n_jobs)
        batch = min(_IMAGES_PER_WORKER * self._n_processes, _MOST_IMAGES)
        super().__init__(images, None, batch, progress, trust_stat=trust_stat)

    @property
    def n_workers(self) -> int:
        """How many processes measure."""
        return self._n_processes

    def _prepare(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        assert isinstance(self.spec, HandcraftedSpec)
        prepared = prepare_image(pixels, self.spec.preparation)
        size = prepared.shape[0] * prepared.shape[1]
        if size > MAX_SEGMENT_PIXELS and self.spec.finds_nucleus:
            raise ImageReadError(
                f"{size:,} pixels are too many to be segmented; up to {MAX_SEGMENT_PIXELS:,} are "
                "taken. Crop the cell, or give segmentation='background' or 'none'."
            )
        return prepared[np.newaxis]

    def _load_engine(self) -> Engine:
        assert isinstance(self.spec, HandcraftedSpec)
        return HandcraftedEngine(self.spec, self._n_jobs)


def _scales_known(dataset: CellDataset, spec: HandcraftedSpec) -> bool:
    after = scale_after(spec.preparation)
    if after is not None:
        return after != "lost"
    frame = dataset.frame
    return "um_per_px" in frame and bool(frame["um_per_px"].notna().all())


def rows_without_cell(features: FeatureSet, spec: HandcraftedSpec) -> NDArray[np.int64]:
    """Return which rows are of images in which no cell was found.

    Parameters
    ----------
    features : FeatureSet
        Hand-crafted ones.
    spec : HandcraftedSpec
        Their space.

    Returns
    -------
    ndarray of int64
        None where no cell was looked for. A cell that was found has an area and a colour.
    """
    if spec.segmentation == "none":
        return np.empty(0, np.int64)
    return np.flatnonzero(~features.X.any(axis=1))


def _say_where_no_cell_is(features: FeatureSet, spec: HandcraftedSpec) -> None:
    empty = rows_without_cell(features, spec)
    if len(empty) <= MANY_WITHOUT * len(features):
        return
    known = features.columns
    path = known["path"].iloc[empty[0]] if known is not None and "path" in known else None
    logger.warning(
        "In %d of %d images no cell was found, first in %s: all their measurements are 0. Look at "
        "the masks, or take another segmentation than %r.",
        len(empty),
        len(features),
        f"{path!r}" if isinstance(path, str) else f"row {empty[0]}",
        spec.segmentation,
    )


def _name_columns(features: FeatureSet, spec: HandcraftedSpec, final: HandcraftedSpec) -> None:
    names = columns_of(spec)
    if final.unit == "um":
        after = scale_after(spec.preparation)
        if isinstance(after, float):
            scales = np.full(len(features), after)
        else:
            scales = features.column("um_per_px").astype(np.float64)
        names, features.X = in_micrometres(names, features.X, scales)
    features.spec, features.feature_names = final, names
