"""Images that two datasets hold both: whoever fits on one would test on its training images."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np

from leukfeat.evaluation.cell_names import cell_names, short_names
from leukfeat.evaluation.wording import counted
from leukfeat.exceptions import LeakageError
from leukfeat.features import FeatureSet
from leukfeat.splitting.groups import name_some

__all__ = ["check_no_shared_images"]


def check_no_shared_images(datasets: Mapping[str, FeatureSet]) -> None:
    """Raise if an image is in two datasets.

    Parameters
    ----------
    datasets : mapping of str to FeatureSet
        By name.

    Raises
    ------
    LeakageError
        It names the images, in the first of the two datasets.
    """
    for (a, first), (b, second) in itertools.combinations(datasets.items(), 2):
        if first.ids is None or second.ids is None:
            continue
        both = np.isin(first.ids, second.ids) & (first.ids != "")
        if both.any():
            images = name_some(short_names(cell_names(first)[both]), at_most=3)
            raise LeakageError(
                f"{counted(int(both.sum()), 'image')} of {a!r} {'is' if both.sum() == 1 else 'are'} in {b!r} too ({images}): heads fitted on the "
                "one and tested on the other would be tested on training images. Give embargo=True "
                "to drop them from training, or take them out of one of the two."
            )
