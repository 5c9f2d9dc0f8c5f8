"""Control heads: what could be known without looking at the cells' texture and shape."""

from __future__ import annotations

from typing import Any

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from leukfeat.features.feature_set import COLOUR_CONTROLS, CONTROL_COLUMNS, SIZE_CONTROLS

from .rbf_svc import MAX_GRAM_ROWS, RbfSVC

__all__ = ["control_columns", "control_pipelines"]

_COMPONENTS = 300
"""Rows whose kernel stands for all: on nine colours more of them find no more."""


def control_pipelines(n_rows: int = 0) -> dict[str, Any]:
    """Return the unfitted control heads, on the columns of `control_columns`.

    Parameters
    ----------
    n_rows : int, default=0
        Training rows.

    Returns
    -------
    dict of str to classifier
        ``"majority"`` knows the class sizes only, ``"colour"`` nine percentiles of the colours,
        ``"size"`` the size of the image and of its foreground. The latter two are RBF SVMs: on
        nine colours a linear head finds far less than there is to find. Above 16,000 rows, where
        an RBF SVM takes long, their kernel is that of `_COMPONENTS` rows (Nystroem's method).
    """
    return {
        "majority": DummyClassifier(strategy="prior"),
        "colour": _on(COLOUR_CONTROLS, n_rows),
        "size": _on(SIZE_CONTROLS, n_rows),
    }


def control_columns(controls: pd.DataFrame) -> pd.DataFrame:
    """Return the control measurements, in the order of `CONTROL_COLUMNS`.

    Parameters
    ----------
    controls : DataFrame
        With the columns `CONTROL_COLUMNS`.

    Returns
    -------
    DataFrame of shape (n_rows, n_controls)

    Raises
    ------
    ValueError
        If a column is missing, or a colour or size is not known of some cell.
    """
    missing = [name for name in CONTROL_COLUMNS if name not in controls.columns]
    if missing:
        raise ValueError(
            f"'controls' must have the columns {list(CONTROL_COLUMNS)}. Missing: {missing}."
        )
    measured = controls[list(CONTROL_COLUMNS)]
    if not measured.isna().to_numpy().any():
        return measured
    needed = measured[[*COLOUR_CONTROLS, *SIZE_CONTROLS]].isna()
    if needed.to_numpy().any():
        raise ValueError(
            f"The colour and size of {int(needed.any(axis=1).sum())} of {len(measured)} cells are "
            f"not known ({[name for name in needed if needed[name].any()]}): their features were "
            "stored by an older leukfeat, and the colour-only and size-only heads need them. "
            "Extract these cells again with if_cached='overwrite', or set features.controls = None "
            "to do without those heads."
        )
    # No control head reads these.
    return measured.fillna(0.0)


def _on(columns: tuple[str, ...], n_rows: int) -> Pipeline:
    places = [CONTROL_COLUMNS.index(name) for name in columns]
    steps: list[tuple[str, Any]] = [
        ("columns", ColumnTransformer([("kept", "passthrough", places)])),
        ("scaler", StandardScaler()),
    ]
    if n_rows <= MAX_GRAM_ROWS:
        return Pipeline([*steps, ("classifier", RbfSVC(C=10.0))])
    kernel = Nystroem(n_components=_COMPONENTS, random_state=0)
    return Pipeline(
        [*steps, ("kernel", kernel), ("classifier", LogisticRegression(C=10.0, max_iter=5000))]
    )
