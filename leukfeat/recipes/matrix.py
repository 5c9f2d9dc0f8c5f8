"""Feature matrices that no image stands behind: gene expression and the like."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leukfeat.data.delimited import read_text_table
from leukfeat.features import FeatureSet

__all__ = ["load_matrix", "make_expression_matrix"]

_MISSING = frozenset({"", "NA", "N/A", "NaN", "nan", "null", "NULL"})


def load_matrix(
    path: str | os.PathLike[str],
    *,
    label: str = "label",
    subject: str | None = "subject",
    positive: str | None = None,
) -> FeatureSet:
    r"""Load a table of measurements, one row a sample, one column a feature.

    Parameters
    ----------
    path : path-like
        A CSV file in UTF-8 with a header, separated by commas, semicolons or tabs.
    label : str, default="label"
        Column of the class; empty or ``NA`` where it is not known.
    subject : str or None, default="subject"
        Column of the patient, taken as the text that stands there: ``007`` and ``7`` are two. It
        may be absent, and every row is then a patient of its own.
    positive : str, optional
        The positive class.

    Returns
    -------
    FeatureSet
        Columns of numbers are features; other columns are kept as ``columns``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no such table, there is no such column, no feature, a row has no patient, or a
        feature has a missing or infinite value.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "genes.csv")
    >>> _ = path.write_text("label,TP53,FLT3\nAML,1.5,8\nnormal,2.5,3\n")
    >>> load_matrix(path, positive="AML").shape
    (2, 2)
    """
    file = Path(path)
    if not file.is_file():
        there = "is a folder" if file.is_dir() else "is not there"
        raise FileNotFoundError(
            f"{str(path)!r} {there}; a table of features is one CSV file: a row a sample, a column "
            f"a feature, and a column {label!r}."
        )
    table = read_text_table(file)
    if label not in table.columns:
        raise ValueError(
            f"{file.name} has no column {label!r} for the class; it has "
            f"{list(table.columns[:8])}{'...' if len(table.columns) > 8 else ''}. Name it with "
            "'label'."
        )
    known = subject is not None and subject in table.columns
    given = [label, *([subject] if known else [])]
    numbers = _numbers(table.drop(columns=given))
    if not numbers.shape[1]:
        raise ValueError(f"{file.name} has no column of numbers beside {given}.")
    if numbers.isna().to_numpy().any():
        gaps = numbers.columns[numbers.isna().any()].tolist()
        raise ValueError(
            f"{file.name} has missing values in {len(gaps)} features ({', '.join(gaps[:5])}): "
            "fill or drop them, on training rows alone."
        )
    X = _single_precision(numbers, file.name)
    labels = table[label].str.strip()
    names = sorted(set(labels) - _MISSING)
    codes = np.array([-1 if v in _MISSING else names.index(v) for v in labels], np.int64)
    subjects = [f"row {i}" for i in range(len(table))]
    if known:
        subjects = table[subject].str.strip().tolist()
        if "" in subjects:
            lines = [i + 2 for i, name in enumerate(subjects) if not name]
            raise ValueError(
                f"{file.name} does not say whose {len(lines)} of its rows are (column {subject!r}, "
                f"lines {', '.join(map(str, lines[:5]))}): they could stand on both sides of a split. "
                "Name the patients, or leave these rows out."
            )
    rest = [name for name in table.columns if name not in numbers.columns and name not in given]
    return FeatureSet(
        X,
        codes,
        subjects=np.array(subjects, object),
        class_names=names,
        positive=positive,
        columns=table[rest].replace("", None) if rest else None,
        name=file.stem,
        feature_names=[str(name) for name in numbers.columns],
    )


def _numbers(table: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that hold nothing but numbers and gaps."""
    found = {}
    for name in table:
        texts = table[name].str.strip()
        known = texts.where(~texts.isin(_MISSING))
        if known.notna().any():
            with contextlib.suppress(ValueError, TypeError):
                found[name] = pd.to_numeric(known).astype(np.float64)
    return pd.DataFrame(found, index=table.index)


def _single_precision(numbers: pd.DataFrame, name: str) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        X = numbers.to_numpy(np.float32)
    if not np.isfinite(X).all():
        row, column = np.argwhere(~np.isfinite(X))[0]
        raise ValueError(
            f"{name}, line {row + 2}: the feature {numbers.columns[column]!r} is "
            f"{numbers.to_numpy()[row, column]:g}; a finite number that float32 can hold is expected. Correct "
            "it, or leave the row or the feature out."
        )
    return X


def make_expression_matrix(
    n_samples: int = 64,
    n_genes: int = 2000,
    *,
    n_informative: int = 20,
    effect: float = 1.0,
    random_state: int = 0,
) -> FeatureSet:
    """Draw a table in the manner of a small expression study, by rule.

    A few genes differ between the classes; groups of genes go up and down together; samples
    come from batches with a shift of their own. It shows what a recipe does, and proves nothing
    about leukemia.

    Parameters
    ----------
    n_samples : int, default=64
        Samples, each of another patient; 26 of 64 are of the positive class.
    n_genes : int, default=2000
    n_informative : int, default=20
        Genes whose mean differs, by `effect` standard deviations. 0 for a study in which there
        is nothing to find.
    effect : float, default=1.0
    random_state : int, default=0

    Returns
    -------
    FeatureSet
        Classes ``("normal", "AML")``, positive ``"AML"``, log2 expression.

    Examples
    --------
    >>> make_expression_matrix(20, 50)
    FeatureSet('procedural expression': 20 cells x 50 features, 20 subjects, labelled)
    """
    rng = np.random.default_rng(random_state)
    y = rng.permutation(np.arange(n_samples) < round(n_samples * 26 / 64)).astype(np.int64)
    modules = rng.integers(0, max(1, n_genes // 40), n_genes)
    loadings = rng.normal(0, 0.7, n_genes)
    activity = rng.normal(size=(n_samples, modules.max() + 1))
    X = 8 + loadings * activity[:, modules] + rng.normal(0, 0.7, (n_samples, n_genes))
    X += rng.normal(0, 0.3, (4, n_genes))[rng.integers(0, 4, n_samples)]
    chosen = rng.permutation(n_genes)[:n_informative]
    X[:, chosen] += effect * rng.choice([-1, 1], len(chosen)) * y[:, None]
    return FeatureSet(
        X,
        y,
        subjects=[f"P{i:03d}" for i in range(n_samples)],
        class_names=("normal", "AML"),
        positive="AML",
        name="procedural expression",
        feature_names=[f"gene_{i:05d}" for i in range(n_genes)],
    )
