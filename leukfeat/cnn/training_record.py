"""What a network was trained on: it goes into its file, and results speak of it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd

__all__ = ["TrainingRecord"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingRecord:
    """What a network was trained on and how that went.

    Parameters
    ----------
    history : pandas.DataFrame
        Loss, accuracy, learning rate and seconds of each epoch.
    subjects : frozenset of str
        SHA-256 of the name of every subject trained or validated on.
    ids : frozenset of str
        Digests of the images trained or validated on.
    n_training, n_validation : int
        Cells on the two sides.
    notes : tuple of str
        What a result of this network must say.
    random_state : int
        The seed.
    """

    history: pd.DataFrame
    subjects: frozenset[str]
    ids: frozenset[str]
    n_training: int
    n_validation: int
    notes: tuple[str, ...]
    random_state: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold; no name of a subject is among them."""
        return {
            **{field.name: getattr(self, field.name) for field in dataclasses.fields(self)},
            "history": self.history.to_dict("list"),
            "subjects": sorted(self.subjects),
            "ids": sorted(self.ids),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainingRecord:
        """Read a record back.

        Parameters
        ----------
        values : dict
            As :meth:`to_dict` gave them.
        """
        return cls(
            **{
                **values,
                "history": pd.DataFrame(values["history"]),
                "subjects": frozenset(values["subjects"]),
                "ids": frozenset(values["ids"]),
                "notes": tuple(values["notes"]),
            }
        )
