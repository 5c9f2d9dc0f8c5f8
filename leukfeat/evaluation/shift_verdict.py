"""What a shift sweep shows: for each change the first amount at which a fall is beyond doubt."""

from __future__ import annotations

import numpy as np
import pandas as pd

from leukfeat.evaluation.shifted_images import AMOUNTS, UNCHANGED

__all__ = ["shift_verdicts"]


def shift_verdicts(table: pd.DataFrame, name: str) -> tuple[str, ...]:
    """Say of each kind of change from which amount on a fall is shown.

    A fall is shown where its interval lies above 0. Amounts are looked at from the unchanged
    image outwards, smaller and larger ones apart.

    Parameters
    ----------
    table : DataFrame
        ``kind``, ``amount``, ``fall``, ``fall_low``, ``fall_high``.
    name : str
        Of the figure of merit.

    Returns
    -------
    tuple of str
        One sentence a kind.

    Examples
    --------
    >>> table = pd.DataFrame(
    ...     {
    ...         "kind": ["blur", "blur"],
    ...         "amount": [1.0, 2.0],
    ...         "fall": [0.01, 0.20],
    ...         "fall_low": [-0.02, 0.11],
    ...         "fall_high": [0.04, 0.29],
    ...     }
    ... )
    >>> shift_verdicts(table, "AUROC")
    ('blur: a fall of AUROC is first shown at a blur of 2 px (by 0.200, 0.110 to 0.290).',)
    """
    return tuple(
        f"{kind}: {_said(str(kind), rows, name)}."
        for kind, rows in table.groupby("kind", sort=False)
    )


def _said(kind: str, rows: pd.DataFrame, name: str) -> str:
    neutral, how = UNCHANGED[kind], AMOUNTS[kind]
    shown, none = [], []
    for side in (rows[rows["amount"] < neutral], rows[rows["amount"] > neutral]):
        outwards = side.iloc[np.argsort(_distance(side["amount"], neutral), kind="stable")]
        falls = outwards[outwards["fall_low"] > 0]
        if len(falls):
            first = falls.iloc[0]
            shown.append(
                f"{how.format(first['amount'])} (by {first['fall']:.3f}, "
                f"{first['fall_low']:.3f} to {first['fall_high']:.3f})"
            )
        elif len(outwards):
            none.append(how.format(outwards["amount"].iloc[-1]))
    if shown:
        said = f"a fall of {name} is first shown at {' and at '.join(shown)}"
        return said + (f"; none is shown as far as {none[0]}" if none else "")
    if none:
        return f"no fall of {name} is shown as far as {' and '.join(none)}"
    return "only the unchanged image was tested"


def _distance(amount: pd.Series, neutral: float) -> np.ndarray:
    values = amount.to_numpy(float)
    return -values if np.isinf(neutral) else np.abs(values - neutral)
