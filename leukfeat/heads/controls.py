"""Control heads: what could be known without looking at the cells' texture and shape."""

from __future__ import annotations

from typing import Any

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from leukfeat.features.feature_set import COLOUR_CONTROLS, CONTROL_COLUMNS, SIZE_CONTROLS

from .rbf_svc import RbfSVC

__all__ = ["control_columns", "control_pipelines"]


def control_pipelines() -> dict[str, Any]:
    """Return the unfitted control heads, on the columns of `control_columns`.

    Returns
    -------
    dict of str to classifier
        ``"majority"`` knows the class sizes only, ``"colour"`` nine percentiles of the colours,
        ``"size"`` the size of the image and of its foreground. The latter two are RBF SVMs: on
        nine colours a linear head finds far less than there is to find.
    """
    return {
        "majority": DummyClassifier(strategy="prior"),
        "colour": _on(COLOUR_CONTROLS),
        "size": _on(SIZE_CONTROLS),
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


def _on(columns: tuple[str, ...]) -> Pipeline:
    places = [CONTROL_COLUMNS.index(name) for name in columns]
    return Pipeline(
        [
            ("columns", ColumnTransformer([("kept", "passthrough", places)])),
            ("scaler", StandardScaler()),
            ("classifier", RbfSVC(C=10.0)),
        ]
    )
