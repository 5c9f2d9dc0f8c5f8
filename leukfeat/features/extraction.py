"""extract_features: cells to cached features, in one call."""

from __future__ import annotations

import dataclasses
import os
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, overload

from leukfeat.features.carrying_out import carry_out, check_choices
from leukfeat.features.cells_input import as_dataset
from leukfeat.features.engines import ENGINES
from leukfeat.features.engines.devices import check_device
from leukfeat.features.extraction_run import ExtractionRun
from leukfeat.features.feature_set import FeatureSet
from leukfeat.features.int8_file import check_calibration, read_calibration
from leukfeat.features.own_backbone import Backbone
from leukfeat.features.own_registry import resolve_backbone
from leukfeat.features.plan import ExtractionPlan
from leukfeat.features.preparing import check_scales
from leukfeat.features.space import choose_space, make_spec
from leukfeat.features.weights import find_weights

if TYPE_CHECKING:
    from leukfeat.imaging import Preparation

__all__ = ["extract_features"]


@overload
def extract_features(cells: Any, *, dry_run: Literal[True], **settings: Any) -> ExtractionPlan: ...
@overload
def extract_features(cells: Any, *, dry_run: bool = ..., **settings: Any) -> FeatureSet: ...
def extract_features(  # type: ignore[misc]
    cells: Any,
    *,
    cache: str | os.PathLike[str] | None = None,
    backbone: str | Backbone = "resnet50",
    weights: str | os.PathLike[str] = "imagenet",
    layers: str | list[str] | tuple[str, ...] = "avg_pool",
    pooling: Literal["avg", "gem"] = "avg",
    mask: Literal["background"] | None = None,
    input_size: int | tuple[int, int] | None = None,
    crop: int | str | None = None,
    preparation: Preparation | str | os.PathLike[str] | None = None,
    views: Literal[1, "dihedral"] = 1,
    engine: str = "auto",
    precision: str = "float32",
    calibration: str | os.PathLike[str] | None = None,
    device: str = "auto",
    random_state: int = 0,
    batch_size: int = 32,
    if_cached: Literal["resume", "overwrite", "error"] = "resume",
    errors: Literal["raise", "skip"] = "raise",
    dry_run: bool = False,
    progress: bool = True,
    verify: Literal["stat", "digest"] = "stat",
) -> FeatureSet | ExtractionPlan:
    """Compute deep features of cells with a frozen network, or take them from the cache.

    Images with equal pixels are computed once. With `cache`, rows are kept as they are
    computed: a run that was stopped goes on where it was, and a run with nothing new only
    reads. This process computes with all cores; inside ``joblib.parallel_config("dask")`` the
    workers of that cluster do.

    Parameters
    ----------
    cells : CellDataset, list of paths or of RGB uint8 arrays, or array (n, height, width, 3)
        The images. Floating point and grey arrays are refused; channels must be in RGB order.
    cache : path-like, optional
        Folder for the feature stores, one HDF5 file a feature space; or a name ending in
        ``.h5`` for exactly one space. By default nothing is kept.
    backbone : str or Backbone, default="resnet50"
        The network; each comes with its own preprocessing. ``"resnet50"``, ``"resnet101"``,
        ``"resnet152"``, ``"vgg16"``, ``"vgg19"``, ``"densenet121"``, ``"mobilenetv2"``,
        ``"inceptionv3"``, ``"efficientnetb0"`` or ``"convnexttiny"``; or one of your own
        (:class:`Backbone`, or a name given to :func:`register_backbone`), which declares its
        weights, output, pooling and input size itself.
    weights : {"imagenet", "random"} or path-like, default="imagenet"
        Keras's ImageNet weights, seeded random ones, or a weights file of this network
        without its top.
    layers : str or sequence of str, default="avg_pool"
        Stages whose pooled maps are joined: ``"conv2"`` to ``"conv5"`` (strides 4 to 32;
        InceptionV3 has no ``"conv2"``) and ``"avg_pool"`` (what the network's own classifier
        sees).
    pooling : {"avg", "gem"}, default="avg"
        How a stage's map becomes a vector: the mean over its positions, or the generalised
        mean (Radenovic et al. 2019), the cube root of the mean of cubes, which stresses what
        is strong in few places.
    mask : {"background"}, optional
        Leave positions out of the pooling whose part of the image is exactly 0, as around the
        cells of C-NMC. Default: all positions count.
    input_size : int or tuple of int, optional
        Height and width given to the network, in pixels. Default: what it was trained with.
    crop : int or str, optional
        Side of a central window in the image's own pixels (``224`` or ``"center:224"``), so
        that the scale is the same for every cell. Default: the whole image, stretched.
    preparation : Preparation or path-like, optional
        What is done to the whole image before crop and resize: colour constancy, stain
        normalisation, cutting out the cell (:class:`leukfeat.imaging.Preparation`, or its JSON or
        TOML file). It is part of the feature space, with all that a stain normaliser learnt,
        which must have been from training cells only. Keys and controls stay those of the image
        as it is. Default: nothing.
    views : {1, "dihedral"}, default=1
        ``"dihedral"`` averages the eight rotations and flips, at eight times the work.
    engine : str, default="auto"
        What runs the network: ``"keras"``, ``"openvino"`` (``pip install leukfeat[fast]``), or
        ``"auto"``: the one whose rows the cache holds, else the fastest installed. In float32
        they agree to 1e-5 of a row's largest value.
    precision : {"float32", "bfloat16", "int8"}, default="float32"
        Arithmetic of the engine. ``"bfloat16"`` (OpenVINO, on a processor that has it) takes
        about half the time, ``"int8"`` less; their rows are feature spaces of their own.
    calibration : path-like, optional
        With ``precision="int8"``: the network in 8 bits, a file of :func:`calibrate_int8` made
        with the same settings, on training cells.
    device : str, default="auto"
        Where the engine computes: ``"CPU"``, ``"GPU"`` or ``"GPU:1"``. ``"auto"`` is the
        processor for OpenVINO, whose graphics cards are Intel's, and TensorFlow's choice for
        Keras. It is no part of the feature space.
    random_state : int, default=0
        Seed of ``weights="random"``.
    batch_size : int, default=32
        Images computed together. It does not change the features.
    if_cached : {"resume", "overwrite", "error"}, default="resume"
        What to do with rows that the cache holds: use them; compute these images again; or
        refuse when it holds any row of this feature space. Rows that are computed again take
        the place of the old ones together, when all are there; stopped before, the same call
        goes on where it was.
    errors : {"raise", "skip"}, default="raise"
        With ``"skip"``, images that cannot be read are left out and listed in ``.skipped``.
    dry_run : bool, default=False
        Return an `ExtractionPlan` instead: rows missing, bytes, time. What the engine needs and
        this machine has not is refused as the extraction would refuse it.
    progress : bool, default=True
        Show a bar while computing.
    verify : {"stat", "digest"}, default="stat"
        ``"digest"`` reads every file again instead of trusting size, times and inode.

    Returns
    -------
    FeatureSet
        One row a cell, in the order of `cells`.

    Raises
    ------
    ImageReadError
        If an image cannot be read, or not be prepared.
    WeightsError
        If the weights cannot be had.
    CacheError
        If the cache cannot be used.
    SpecMismatchError
        If `cache` is one file and holds another feature space.
    ValueError
        If a setting is not allowed, or the device is not there.

    Examples
    --------
    >>> import numpy as np
    >>> import leukfeat as lf
    >>> images = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 3), dtype=np.uint8)
    >>> features = lf.extract_features(
    ...     images, weights="random", layers="conv2", input_size=32, progress=False
    ... )
    >>> features.shape
    (3, 256)
    """
    check_choices(if_cached=if_cached, errors=errors, verify=verify)
    check_device(device)
    if isinstance(batch_size, bool) or not isinstance(batch_size, Integral) or batch_size < 1:
        raise ValueError(
            f"The 'batch_size' parameter must be a positive integer. Got {batch_size!r} instead."
        )
    dataset = as_dataset(cells)
    network = resolve_backbone(backbone)
    source = find_weights(network, weights, random_state)
    measured = None if calibration is None else read_calibration(calibration)
    spec = make_spec(
        network,
        source,
        layers=layers,
        pooling=pooling,
        mask=mask,
        input_size=input_size,
        crop=crop,
        preparation=preparation,
        views=views,
        precision=precision,
        calibration=None if measured is None else measured.digest,
    )
    if measured is not None:
        check_calibration(measured, spec)
        source = dataclasses.replace(source, calibration=measured.path)
    check_scales(spec.preparation, dataset)
    run = ExtractionRun(
        dataset.images,
        source,
        batch_size,
        progress,
        trust_stat=verify == "stat",
        device=device,
    )
    if cache is not None:
        run.recall()
    engines = network.engines if isinstance(network, Backbone) else tuple(ENGINES)
    run.spec, run.path = choose_space(spec, engine, cache, run.count_held, engines=engines)
    return carry_out(run, dataset, if_cached=if_cached, errors=errors, dry_run=dry_run)
