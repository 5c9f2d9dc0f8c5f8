"""A map of the cells: what they have most in common, and whether that is the patient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from leukfeat.features import FeatureSet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_feature_map"]


def plot_feature_map(features: FeatureSet, by: str = "label", *, random_state: int = 0) -> Figure:
    """Draw cells on the first two principal components of their features.

    Where cells lie together by subject or fold rather than by class, a random split will flatter.

    Parameters
    ----------
    features : FeatureSet
        The cells.
    by : str, default="label"
        What colours them: ``"label"``, ``"subject"``, ``"group"``, or a column such as ``"fold"``.
    random_state : int, default=0
        Seed of the randomised decomposition.

    Returns
    -------
    matplotlib.figure.Figure
        The caption tells the part of the variance that `by` explains on these two axes
        (between-group sum of squares over the total).

    Raises
    ------
    ValueError
        If there are fewer than three cells or two features, or nothing is known under `by`.

    Examples
    --------
    >>> import leukfeat as lf
    >>> from leukfeat.evaluation import plot_feature_map
    >>> cells = lf.make_cells(6, 24, size=32)
    >>> given = {"weights": "random", "layers": "conv2", "input_size": 32, "progress": False}
    >>> figure = plot_feature_map(lf.extract_features(cells, **given), "subject")
    >>> len(figure.axes)
    1
    """
    from leukfeat.reporting import caption
    from leukfeat.reporting.scatter import draw_scatter

    if len(features) < 3 or features.shape[1] < 2:
        raise ValueError(
            f"A map needs three cells and two features at least. Got {len(features)} cells and "
            f"{features.shape[1]} features."
        )
    values = features.column(by)
    if by == "label" and features.class_names:
        values = np.array([*features.class_names, "not labelled"], object)[values]
    names = np.where(pd.isna(values), "not known", np.asarray(values, object).astype(str))
    scaled = StandardScaler().fit_transform(features.X)
    pca = PCA(2, svd_solver="randomized", random_state=random_state).fit(scaled)
    points = pca.transform(scaled)
    share = 100 * pca.explained_variance_ratio_
    n_subjects = None
    if features.subjects is not None:
        n_subjects = len(pd.unique(features.subjects[~pd.isna(features.subjects)]))
    told = f"{by} explains {100 * _explained(points, names):.0f} % of the variance on these axes"
    return draw_scatter(
        points,
        list(names),
        x_label=f"first principal component ({share[0]:.0f} % of the variance)",
        y_label=f"second ({share[1]:.0f} %)",
        text=caption(len(features), n_subjects, told),
    )


def _explained(points: np.ndarray, names: np.ndarray) -> float:
    total = float(((points - points.mean(0)) ** 2).sum())
    if total == 0:
        return 0.0
    means = pd.DataFrame(points).groupby(names).transform("mean").to_numpy()
    return float(((means - points.mean(0)) ** 2).sum()) / total
