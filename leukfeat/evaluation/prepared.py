"""What a result must say of images that were prepared by what was learnt from images."""

from __future__ import annotations

from leukfeat.features import FeatureSet
from leukfeat.features.preparing import fitted_steps

__all__ = ["fitted_preparation_notes"]


def fitted_preparation_notes(features: FeatureSet) -> tuple[str, ...]:
    """Tell on how many images the stain normalisers of a feature space were fitted.

    Which images they were is not known here, and one fitted preparation serves all folds: that
    they are training images is the user's word, and the result says so.

    Parameters
    ----------
    features : FeatureSet
        The test cells.

    Returns
    -------
    tuple of str
        What the result must say; empty where nothing was fitted.

    Examples
    --------
    >>> from leukfeat import FeatureSet, FeatureSpec
    >>> spec = FeatureSpec(preparation='{"steps":[["macenko",{"n_images_":20}]],"version":1}')
    >>> fitted_preparation_notes(FeatureSet([[0.0]], spec=spec))
    ("preparation: 'macenko' was fitted on 20 images, which must not be among these cells",)
    """
    # Images of a network have no space, and carry their preparation themselves.
    prepared = (features,) if features.spec is None else features.spec.parts
    found = [
        f"preparation: {name!r} was fitted on {n_images} images, which must not be among these cells"
        for preparation in (getattr(one, "preparation", None) for one in prepared)
        if preparation is not None
        for name, n_images in fitted_steps(preparation)
    ]
    return tuple(dict.fromkeys(found))
