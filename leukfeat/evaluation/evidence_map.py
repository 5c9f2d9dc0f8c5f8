"""`EvidenceMap`: where in an image a fitted head finds its evidence, from pixels to a map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from leukfeat.evaluation.evidence import occlusion_evidence, pooled_evidence
from leukfeat.exceptions import SpecMismatchError
from leukfeat.features.backbones import find_backbone
from leukfeat.features.cell_reading import network_inputs
from leukfeat.features.engines.choice import load_engine
from leukfeat.features.maps import map_function, why_no_map
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.weights import find_weights
from leukfeat.imaging.reading import read_image

__all__ = ["EvidenceMap"]

Method = Literal["auto", "gradient", "occlusion"]


class EvidenceMap:
    """From an image to where a head finds its evidence for a class.

    For heads that are smooth in their features (linear ones, an RBF SVM, a network) each place of
    the backbone's map gets what it adds to the log-odds; exact for linear heads. For forests,
    neighbours and ensembles, and for features that are no mean of one map, places of the image are
    covered and the fall of the log-odds is measured.

    Parameters
    ----------
    head : Head, Ensemble or CellClassifier
        Fitted on features of a network, so that it knows its feature space. A classifier knows its
        weights and the mean of its training cells besides, which is then the default `baseline`.
    weights : {"imagenet", "random"} or path-like, default="imagenet"
        As they were given to :func:`leukfeat.extract_features`; a classifier's own are taken.
    random_state : int, default=0
        Seed of ``weights="random"``.
    target : str, optional
        Name of the class that the evidence is for; default: the positive one.
    baseline : array-like of shape (n_features,), optional
        Features from which slopes are averaged on the way to the cell, for example the mean of the
        training cells (``features.X.mean(0)``): give it for an RBF SVM, which is flat where it is
        sure.
    method : {"auto", "gradient", "occlusion"}, default="auto"
        How; by default the gradient where it is true.
    window, stride : int, default=32 and 16
        Of the cover, in pixels of the image.

    Raises
    ------
    SpecMismatchError
        If the head's features are none of a network, or the weights are others.
    ValueError
        If the gradient is asked for where it says nothing, or the class is not known.

    Examples
    --------
    >>> import leukfeat as lf
    >>> from leukfeat.evaluation import EvidenceMap
    >>> cells = lf.make_cells(6, 36, size=48)
    >>> network = {"weights": "random", "layers": "conv2", "input_size": 32}
    >>> features = lf.extract_features(cells, progress=False, **network)
    >>> head = lf.fit_head(features, "logistic_regression", tune=False, cv=3)
    >>> EvidenceMap(head, weights="random")(cells.images[0]).shape
    (8, 8)
    """

    def __init__(
        self,
        head: Any,
        *,
        weights: Any = "imagenet",
        random_state: int = 0,
        target: str | None = None,
        baseline: Any = None,
        method: Method = "auto",
        window: int = 32,
        stride: int = 16,
    ) -> None:
        if hasattr(head, "predict_subjects"):
            weights, random_state, mean = _of_classifier(head)
            baseline = mean if baseline is None else baseline
            head = head.head
        spec = getattr(head, "spec_", None)
        if not isinstance(spec, FeatureSpec):
            raise SpecMismatchError(
                "The 'head' parameter of EvidenceMap must be fitted on features of a network "
                "(extract_features), so that images can be brought to it. Got a head on "
                f"{'features of no known space' if spec is None else type(spec).__name__}."
            )
        if method not in ("auto", "gradient", "occlusion"):
            raise ValueError(f"'method' must be 'auto', 'gradient' or 'occlusion'. Got {method!r}.")
        self._head, self._spec = head, spec
        self._source = find_weights(find_backbone(spec.backbone), weights, random_state)
        if spec.weights_digest and self._source.digest != spec.weights_digest:
            raise SpecMismatchError(
                f"The head was fitted on features of the weights {spec.weights_digest}; 'weights' "
                f"are {self._source.digest}. Give those that extract_features was given."
            )
        self._column = _column(head, target)
        self.target = _names(head)[self._column]
        self._baseline = baseline
        self._window, self._stride = window, stride
        reason = why_no_map(spec, self._source) or _why_flat(head)
        if method == "gradient" and reason:
            raise ValueError(
                f"method='gradient' says nothing here: {reason}. Use method='occlusion'."
            )
        self.method = "occlusion" if reason or method == "occlusion" else "gradient"
        self._maps = map_function(spec, self._source) if self.method == "gradient" else None

    def __call__(self, image: Any) -> np.ndarray:
        """Return the evidence of one image.

        Parameters
        ----------
        image : path or ndarray of uint8 of shape (height, width, 3)
            RGB.

        Returns
        -------
        ndarray of float64 of shape (rows, columns)
            Of the backbone's map (which shows the head's crop of the image), or of the image for
            occlusion. Positive where the evidence is for the class.
        """
        pixels = image if isinstance(image, np.ndarray) else read_image(image)
        if self._maps is not None:
            return pooled_evidence(self._log_odds, self._maps(pixels), baseline=self._baseline)
        return occlusion_evidence(
            self._score_images, pixels, window=self._window, stride=self._stride
        )

    @property
    def meaning(self) -> str:
        """What the numbers of a map are, in a sentence."""
        odds = f"the log-odds of '{self.target}'"
        if self.method == "occlusion":
            return (
                f"Evidence is by how much {odds} fall when a place is covered, the mean over the "
                f"covers of {self._window} pixels that reach it; +0.7 halves the odds, +2.3 makes "
                "them a tenth."
            )
        start = (
            "All places together give the log-odds, but for the head's constant."
            if self._baseline is None
            else "All places together give by how much they are above those of the baseline (by "
            "default the mean training cell)."
        )
        return (
            f"Evidence is what a place adds to {odds}: +0.7 doubles the odds, +2.3 makes them "
            f"tenfold. {start}"
        )

    def picture(self, image: Any) -> np.ndarray:
        """Return the pixels that a map belongs to.

        Parameters
        ----------
        image : path or ndarray of uint8 of shape (height, width, 3)
            RGB.

        Returns
        -------
        ndarray of uint8 of shape (height, width, 3)
            By gradient what the network is given: prepared, cropped and resized. By occlusion the
            image itself.
        """
        pixels = image if isinstance(image, np.ndarray) else read_image(image)
        return pixels if self.method == "occlusion" else network_inputs(pixels, self._spec)[0]

    def _log_odds(self, rows: np.ndarray) -> np.ndarray:
        p = np.asarray(self._head.predict_proba(np.asarray(rows)), float)[:, self._column]
        p = np.clip(p, 1e-12, 1 - 1e-12)
        return np.log(p) - np.log1p(-p)

    def _score_images(self, images: Sequence[np.ndarray]) -> np.ndarray:
        engine = load_engine(self._spec, self._source)
        views = [network_inputs(image, self._spec) for image in images]
        rows = np.stack(list(engine.stream((one for some in views for one in some), 32)))
        return self._log_odds(rows.reshape(len(images), -1, rows.shape[1]).mean(1))


def _of_classifier(classifier: Any) -> tuple[Any, int, np.ndarray | None]:
    """Tell a classifier's weights, their seed, and the mean of its training cells."""
    mean = None if classifier.reference is None else classifier.reference.mean_
    spec = classifier.spec
    if not isinstance(spec, FeatureSpec) or spec.weights == "imagenet":
        return "imagenet", 0, mean
    if spec.weights == "random":
        return "random", int(spec.weights_digest.rsplit(":", 1)[1]), mean
    return classifier.weights, 0, mean


def _names(head: Any) -> list[str]:
    return list(getattr(head, "class_names_", None) or map(str, head.classes_))


def _column(head: Any, target: str | None) -> int:
    """Column of the class that the evidence is for."""
    names = _names(head)
    if target is not None:
        if target not in names:
            raise ValueError(f"'target' must be one of the classes {names}. Got {target!r}.")
        return names.index(target)
    positive = getattr(head, "positive_", None)
    if positive is None:
        raise ValueError(
            f"'target' must name one of the classes {names}: none is the positive one."
        )
    return [str(c) for c in head.classes_].index(str(positive))


def _why_flat(head: Any) -> str:
    """Say why the slope of a head says nothing."""
    fitted = getattr(head, "estimator_", None)
    if fitted is None:
        return "the head is an ensemble"
    last = fitted[-1] if hasattr(fitted, "steps") else fitted
    if hasattr(last, "estimators_") or hasattr(last, "tree_") or hasattr(last, "_predictors"):
        return f"{type(last).__name__} is made of trees and flat nearly everywhere"
    if hasattr(last, "kneighbors"):
        return f"{type(last).__name__} counts neighbours and is flat nearly everywhere"
    return ""
