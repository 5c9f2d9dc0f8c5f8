"""One thing that an audit found."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import pandas as pd

__all__ = ["Finding", "Severity"]

Severity = Literal["leak", "shortcut", "warning", "note"]


@dataclasses.dataclass(frozen=True, eq=False)
class Finding:
    """One thing that an audit found.

    Parameters
    ----------
    kind : str
        What was looked for, for example ``"identical images"``.
    severity : {"leak", "shortcut", "warning", "note"}
        "leak": results on this split, or on a split by subject, would be too high. "shortcut":
        the label can be told without the cell. "warning": to be known before believing a
        result. "note": as it should be, or for information.
    message : str
        The finding in words, with what to do.
    table : pandas.DataFrame, optional
        The rows behind it.
    """

    kind: str
    severity: Severity
    message: str
    table: pd.DataFrame | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as plain values that JSON can hold."""
        rows = None
        if self.table is not None:
            clean = self.table.astype(object).where(self.table.notna(), None)
            rows = clean.to_dict("records")
        return {
            "kind": self.kind,
            "severity": self.severity,
            "message": self.message,
            "table": rows,
        }
