"""A head together with the extractor that feeds it: images in, labels out."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pandas as pd

from leukfeat.classifier.bound_backbone import backbone_of_spec
from leukfeat.classifier.extraction import extract_space, own_network_part, own_weights_part
from leukfeat.classifier.novelty import TrainingReference
from leukfeat.classifier.subject_level import subject_table
from leukfeat.classifier.training_cells import check_trained_on, was_in_training
from leukfeat.exceptions import WeightsError
from leukfeat.features import FeatureSet, FeatureSpec
from leukfeat.features.backbones import find_backbone
from leukfeat.features.feature_space import FeatureSpace
from leukfeat.features.own_backbone import Backbone
from leukfeat.features.seen_data import read_facts, remember_seen, seen_facts
from leukfeat.features.weights import find_weights

__all__ = ["IN_TRAINING", "CellClassifier"]

IN_TRAINING = "was in the training, itself or its subject: this is no prediction"
"""What is said of a cell that the head was fit on."""


class CellClassifier:
    """A fitted head and all that is needed to apply it to images.

    Parameters
    ----------
    head : Head
        Fitted on features with a known space (from :func:`leukfeat.extract_features`).
    features : FeatureSet, optional
        The cells that the head was fit on, or some of them. From them the classifier learns what
        is usual, and tells of each new cell how far it stands from all of them. Others are
        refused: a cell among them would never look far.
    weights : path-like, optional
        The weights file, if the features were extracted with one of your own. It goes into the
        model file.
    backbone : Backbone, optional
        The network, if the features were extracted with one of your own that is not
        registered. It goes into the model file.

    Attributes
    ----------
    head : Head
    spec : FeatureSpace
        The feature space.
    reference : TrainingReference or None
        Without it, distances are not known.
    weights : str or None
        Path of the user's own weights.
    backbone : Backbone or None
        The user's own network.

    Raises
    ------
    ValueError
        If the head is not fitted on features of a known space, gives no probabilities, or was
        not fit on `features`.
    WeightsError
        If the features need weights or a network of your own that are not given, or other ones
        are.

    Examples
    --------
    >>> import leukfeat as lf
    >>> cells = lf.make_cells(8, 40, size=64, random_state=0)
    >>> given = {"weights": "random", "layers": "conv2", "input_size": 64, "progress": False}
    >>> features = lf.extract_features(cells, **given)
    >>> head = lf.fit_head(features, "logistic_regression", tune=False)
    >>> classifier = lf.CellClassifier(head, features)
    >>> classifier.predict(cells[:2]).columns.tolist()
    ['image', 'subject', 'label', 'p_hem', 'p_all', 'distance', 'far', 'reason']
    """

    def __init__(
        self,
        head: Any,
        features: FeatureSet | None = None,
        *,
        weights: str | os.PathLike[str] | None = None,
        backbone: Backbone | None = None,
    ) -> None:
        spec = getattr(head, "spec_", None)
        if spec is None:
            raise ValueError(
                "CellClassifier needs a head fitted on features whose space is known. Got "
                f"{head!r}; fit it with fit_head(extract_features(...), ...)."
            )
        _check_probabilities(head)
        network = own_network_part(spec)
        file = own_weights_part(spec)
        if network is not None:
            given = None if file is not None else weights
            backbone = backbone_of_spec(network, backbone, given)
        elif backbone is not None:
            raise ValueError(
                f"The head was fit on {spec.title}, and not on features of the backbone "
                f"{backbone.name!r}: leave 'backbone' out."
            )
        if file is not None and weights is None:
            raise WeightsError(_own_weights_needed(file))
        reference = None
        if features is not None:
            head.check_spec(features)
            check_trained_on(head, features)
            # Measured columns have units of their own; those of a network are of one kind.
            own_units = not isinstance(spec, FeatureSpec)
            reference = TrainingReference(standardize=own_units).fit(features.X, features.groups)
        self._set(head, reference, None if weights is None else os.fspath(weights), backbone)
        if self.weights is not None:
            self._check_weights(self.weights)

    @classmethod
    def from_parts(
        cls,
        head: Any,
        reference: TrainingReference | None,
        weights: str | None,
        backbone: Backbone | None = None,
    ) -> CellClassifier:
        """Build a classifier from what a model file holds.

        Parameters
        ----------
        head : Head
        reference : TrainingReference or None
        weights : str or None
            Path of the user's own weights.
        backbone : Backbone or None
            The user's own network.

        Returns
        -------
        CellClassifier
        """
        new = object.__new__(cls)
        new._set(head, reference, weights, backbone)
        return new

    @property
    def spec(self) -> FeatureSpace:
        """The feature space that the head was fit on."""
        return self.head.spec_  # type: ignore[no-any-return]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the labels."""
        return tuple(self.head.class_names_)

    def extract(self, images: Any, **settings: Any) -> FeatureSet:
        """Extract features of the classifier's own space.

        Parameters
        ----------
        images : CellDataset, list of paths or of RGB uint8 arrays
            The cells.
        **settings
            ``cache``, ``batch_size``, ``errors``, ``progress``, ``engine``, as for
            :func:`leukfeat.extract_features`; ``n_jobs`` for hand-crafted features.

        Returns
        -------
        FeatureSet
        """
        return extract_space(
            images, self.spec, self._weights_path(), settings, backbone=self.backbone
        )

    def predict(self, images: Any, **settings: Any) -> pd.DataFrame:
        """Classify images of cells.

        Parameters
        ----------
        images : CellDataset, list of paths or of RGB uint8 arrays, or FeatureSet
            The cells; features of the classifier's space are taken as they are.
        **settings
            As for :meth:`extract`; ``errors="skip"`` keeps a row, without label, for an image
            that cannot be read, and for what the loader of the cells left out.

        Returns
        -------
        pandas.DataFrame
            One row a cell: ``image`` (path or position), ``subject`` where known, ``label``,
            ``p_<class>`` (probability), ``distance`` from the training cells (1 is as far as a
            new patient's cell ordinarily gets; missing if the classifier has no reference),
            ``far`` (whether it is farther: an image that is no cell, another stain, a kind
            never seen), ``reason`` (why a cell is flagged or has no label; else empty). For a
            cell that was in the training, itself or its subject, label and probability are what
            the head learnt of it and no prediction: `reason` says so.
        """
        features = images if isinstance(images, FeatureSet) else self.extract(images, **settings)
        self.head.check_spec(features)
        _check_probabilities(self.head)
        probabilities = self.head.predict_proba(features)
        predicted = np.asarray(self.head.predict(features))
        # As objects: pandas' own type of text cannot hold a file name that is no UTF-8.
        table = pd.DataFrame({"image": pd.Series(_names(features), dtype=object)})
        if features.subjects is not None:
            table["subject"] = features.subjects
        names = np.array(self.class_names, object)
        # Labels need not be positions: a head may know the classes 1 and 3 of four, or text.
        table["label"] = names[np.searchsorted(self.head.classes_, predicted)]
        for i, name in enumerate(names):
            table[f"p_{name}"] = probabilities[:, i]
        table["distance"] = np.nan
        if self.reference is not None and len(features):
            table["distance"] = self.reference.distance(features.X)
        table["far"] = table["distance"] > 1
        table["reason"] = np.where(table["far"], "far from all training cells", "")
        empty = _without_foreground(features)
        table.loc[empty, "far"] = True
        table.loc[empty, "reason"] = "no cell: the image is empty or of one colour"
        seen = was_in_training(self.head, features)
        table.loc[seen, "reason"] = [
            f"{r}; {IN_TRAINING}".lstrip("; ") for r in table["reason"][seen]
        ]
        return _with_skipped(table, features.skipped)

    def predict_subjects(self, images: Any, **settings: Any) -> pd.DataFrame:
        """Sum up the cells of each subject.

        Parameters
        ----------
        images : CellDataset or FeatureSet
            Cells with subjects, or the table that :meth:`predict` returned.
        **settings
            As for :meth:`extract`.

        Returns
        -------
        pandas.DataFrame
            One row a subject: cells, cells flagged as far, images that could not be read, share
            of cells of each class and mean probability of each class. What is far or unread is
            counted but not averaged.

        Raises
        ------
        ValueError
            If the subjects are not known.
        """
        table = images if isinstance(images, pd.DataFrame) else self.predict(images, **settings)
        return subject_table(table, self.class_names)

    def __repr__(self) -> str:
        kind = getattr(self.head, "head", type(self.head).__name__)
        return f"CellClassifier({kind!r} on {self.spec.title}, classes {list(self.class_names)})"

    def _set(
        self,
        head: Any,
        reference: TrainingReference | None,
        weights: str | None,
        backbone: Backbone | None,
    ) -> None:
        self.head = head
        self.reference = reference
        self.weights = weights
        self.backbone = backbone
        own = None if weights is None else own_weights_part(head.spec_)
        if own is not None:
            # A warm cache never opens the file, and evaluate() is to know what it has seen.
            remember_seen(own.weights_digest, seen_facts(read_facts(weights)))

    def _check_weights(self, path: str) -> None:
        deep = [part for part in self.spec.parts if isinstance(part, FeatureSpec)]
        own = own_weights_part(self.spec) or next(iter(deep), None)
        if own is None:
            raise WeightsError(
                f"'weights' is {path!r}, but the head was fit on {self.spec.title}, which needs no "
                "weights file of your own. Leave it out."
            )
        digest = find_weights(find_backbone(own.backbone), path).digest
        if digest != own.weights_digest:
            raise WeightsError(
                f"The weights file {path!r} has the digest {digest}, but the head was fit on "
                f"features of weights {own.weights_digest}: give the same file."
            )

    def _weights_path(self) -> str | None:
        own = own_weights_part(self.spec)
        if own is not None and self.weights is None:
            raise WeightsError(_own_weights_needed(own))
        return self.weights


def _check_probabilities(head: Any) -> None:
    if not hasattr(head, "predict_proba"):
        raise ValueError(
            "CellClassifier needs a head that gives probabilities, and "
            f"{getattr(head, 'head', type(head).__name__)!r} was fitted without. Fit it with "
            "fit_head(..., calibrate=True), which is the default."
        )


def _own_weights_needed(spec: FeatureSpec) -> str:
    return (
        f"The head was fit on features of a weights file of your own ({spec.weights_digest}): give "
        "its path, CellClassifier(head, features, weights=PATH)."
    )


def _names(features: FeatureSet) -> list[Any]:
    paths = None
    if features.columns is not None and "path" in features.columns:
        paths = features.columns["path"].tolist()
    return [
        i if paths is None or not isinstance(paths[i], str) else paths[i]
        for i in range(len(features))
    ]


def _without_foreground(features: FeatureSet) -> np.ndarray:
    # One colour throughout: the percentiles meet, whatever the network makes of it.
    controls = features.controls
    if controls is None or "foreground_fraction" not in controls:
        return np.zeros(len(features), bool)
    flat = np.ones(len(features), bool)
    for colour in "rgb":
        flat &= (controls[f"{colour}_p10"] == controls[f"{colour}_p90"]).to_numpy()
    return flat | (controls["foreground_fraction"].to_numpy() == 0)


def _with_skipped(table: pd.DataFrame, skipped: pd.DataFrame) -> pd.DataFrame:
    if not len(skipped):
        return table
    rows = pd.DataFrame(
        {"image": skipped["path"].to_numpy(), "reason": skipped["reason"].to_numpy()}, dtype=object
    )
    rows["far"] = False
    if "subject" in skipped:
        rows["subject"] = skipped["subject"].to_numpy()
    return pd.concat([table, rows], ignore_index=True)[table.columns.tolist()]
