"""Data sets that published figures stand on: how to get them, and what a whole copy holds."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import re
import tomllib
from collections.abc import Iterable
from importlib import resources
from typing import Any

from leukfeat.recipes.tables import wrong_key

__all__ = ["KnownData", "check_dataset", "data_advice", "known_data", "recognise"]


_ALIKE = 0.8
"""Of difflib: a letter that is missing, changed or exchanged, as in ``"taleqany"``."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class KnownData:
    """A data set that figures were published on.

    Parameters
    ----------
    name : str
        Short name, as recipes use it.
    title : str
        Its own name.
    task : str
        What is told apart.
    get : str
        Where it is to be had.
    layout : str
        How it must lie on disk.
    cells : int
        Images (samples) in a whole copy.
    subjects : int or None, default=None
        Subjects in a whole copy, if they are known.
    class_counts : dict of str to int
        Images a class in a whole copy, if known.
    named : str, default=""
        How its loader names it.
    """

    name: str
    title: str
    task: str
    get: str
    layout: str
    cells: int
    subjects: int | None = None
    class_counts: dict[str, int] = dataclasses.field(default_factory=dict)
    named: str = ""

    def how_to_get(self) -> str:
        """Return what to do to have it, and what a whole copy holds."""
        whole = f"{self.cells:,} {'images' if self.class_counts else 'samples'}"
        if self.subjects is not None:
            whole += f" of {self.subjects} subjects"
        if self.class_counts:
            counts = ", ".join(f"{name} {count:,}" for name, count in self.class_counts.items())
            whole += f" ({counts})"
        return f"{self.title}: get it from {self.get}; layout: {self.layout}. A whole copy has {whole}."

    def differences(self, data: Any) -> str:
        """Say in what a copy differs from the whole.

        Parameters
        ----------
        data : CellDataset or FeatureSet
            The copy.

        Returns
        -------
        str
            Empty if the counts are those of the whole.
        """
        found = []
        if len(data) != self.cells:
            found.append(f"{len(data):,} of {self.cells:,} images")
        if self.subjects is not None:
            subjects = len({s for s in data.subjects if s is not None}) if _known(data) else 0
            if subjects != self.subjects:
                found.append(f"{subjects} of {self.subjects} subjects")
        for name, count in self.class_counts.items():
            if name in data.class_names and data.y is not None:
                here = int((data.y == data.class_names.index(name)).sum())
                if here != count:
                    found.append(f"{here:,} of {count:,} {name}")
        return ", ".join(found)


@functools.cache
def known_data() -> dict[str, KnownData]:
    """Return the known data sets by name.

    Returns
    -------
    dict of str to KnownData

    Examples
    --------
    >>> known_data()["cnmc-2019"].cells
    10661
    """
    text = (resources.files("leukfeat.recipes") / "known_data.toml").read_text(encoding="utf-8")
    return {name: KnownData(name=name, **facts) for name, facts in tomllib.loads(text).items()}


def check_dataset(key: str, name: str) -> None:
    """Refuse the name of a data set that is nearly one of those known here.

    Parameters
    ----------
    key : str
        Where it stands in a recipe, for the message.
    name : str
        Names of other data sets, and words, are as good as any.

    Raises
    ------
    ValueError
        If it differs from a known one in case or punctuation, or in a letter or two.

    Examples
    --------
    >>> check_dataset("dataset", "CNMC 2019")
    Traceback (most recent call last):
    ...
    ValueError: 'dataset' of the recipe must be 'cnmc-2019' (did you mean that?), or the name of another set. Got 'CNMC 2019' instead.
    """
    if name in known_data():
        return
    for known in known_data():
        if _nearly(name, known):
            raise wrong_key(
                key, name, f"{known!r} (did you mean that?), or the name of another set"
            )


def _nearly(name: str, known: str) -> bool:
    one, other = (re.sub(r"[^a-z0-9]", "", text.lower()) for text in (name, known))
    if one == other:
        return True
    # Another number is another set, and so is a longer name that begins with a known one.
    if re.sub(r"[a-z]", "", one) != re.sub(r"[a-z]", "", other) or one.startswith(other):
        return False
    return difflib.SequenceMatcher(None, one, other).ratio() >= _ALIKE


def recognise(data: Any) -> KnownData | None:
    """Tell which known data set some cells are from, by the names of their classes.

    Parameters
    ----------
    data : CellDataset or FeatureSet

    Returns
    -------
    KnownData or None
        Of several with the same classes the one that its loader named, else the one whose size is
        nearest. Cells that were made by rule are of none, whatever their classes are called.
    """
    classes, name = set(data.class_names), str(data.name)
    if name.startswith("procedural"):
        return None
    alike = [k for k in known_data().values() if k.class_counts and set(k.class_counts) == classes]
    called = [known for known in alike if known.named and name.startswith(known.named)]
    return min(called or alike, key=lambda known: abs(known.cells - len(data)), default=None)


def data_advice(datasets: Iterable[str], *, matrix: bool = False) -> str:
    """Say how to get what recipes were published on.

    Parameters
    ----------
    datasets : iterable of str
        Names of known data sets; others say nothing.
    matrix : bool, default=False
        Whether a table is asked for rather than cells.

    Returns
    -------
    str
        Where none of them is known, what else can be given.

    Examples
    --------
    >>> data_advice(["pbc"])[:51]
    'Normal peripheral blood cells, Barcelona: get it fr'
    """
    known = [known_data()[name] for name in dict.fromkeys(datasets) if name in known_data()]
    if known:
        return " ".join(one.how_to_get() for one in known)
    if matrix:
        return "Give a CSV file: one row a sample, one column a feature, a column 'label'."
    return (
        "Its data are not known here: give labelled cells of your own, for example a folder a class, "
        f"or these. {known_data()['cnmc-2019'].how_to_get()}"
    )


def _known(data: Any) -> bool:
    return data.subjects is not None
