"""Whether the backbone itself, and not only the head, has seen the cells of a test."""

from __future__ import annotations

import pandas as pd

from leukfeat.features import FeatureSet, FeatureSpec
from leukfeat.features.seen_data import seen_by
from leukfeat.splitting.groups import name_some

__all__ = ["seen_by_backbone"]


def seen_by_backbone(features: FeatureSet) -> tuple[str, ...]:
    """Tell what the weights behind the features have seen of these cells.

    A head that is tested so looks better than on new patients: the features were made to tell
    apart these very cells.

    Parameters
    ----------
    features : FeatureSet
        The test cells; the name of their data set is compared too.

    Returns
    -------
    tuple of str
        What the result must say; empty if nothing is known to have been seen.

    Examples
    --------
    >>> from leukfeat import FeatureSet, FeatureSpec
    >>> seen_by_backbone(FeatureSet([[0.0]], spec=FeatureSpec(), name="C-NMC 2019 train"))
    ()
    """
    spec = features.spec
    if spec is None:
        return ()
    return tuple(
        f"seen: the weights of {part.backbone!r} were trained on {what}"
        for part in spec.parts
        if isinstance(part, FeatureSpec)
        for what in _seen_by_part(part, features)
    )


def _seen_by_part(spec: FeatureSpec, features: FeatureSet) -> list[str]:
    seen = seen_by(spec)
    found = []
    if datasets := seen.named(features.name):
        found.append(f"the data set {features.name!r} (trained on {', '.join(datasets)})")
    if features.subjects is not None:
        known = pd.unique(features.subjects[~pd.isna(features.subjects)])
        if both := seen.seen_subjects(known):
            found.append(f"{len(both)} subjects of these cells ({name_some(both)})")
    if features.ids is not None:
        n_same = sum(one in seen.ids for one in features.ids)
        if n_same:
            found.append(f"{n_same} of {len(features)} images")
    return found
