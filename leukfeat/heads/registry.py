"""Names of heads: a name gives a pipeline and its search space."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from .selection import SELECTORS, put_selector_before, split_name

__all__ = [
    "HeadFactory",
    "build_head",
    "check_head_name",
    "own_heads",
    "register_head",
    "registered_heads",
    "with_heads",
]

HeadFactory = Callable[[], tuple[BaseEstimator, Mapping[str, Sequence[Any]]]]

_FACTORIES: dict[str, HeadFactory] = {}


def register_head(name: str, factory: HeadFactory, *, overwrite: bool = False) -> None:
    """Give a name to a head, for `fit_head` and everything that takes heads by name.

    Parameters
    ----------
    name : str
        The name.
    factory : callable
        Called without arguments; returns an unfitted classifier (or a pipeline that ends in one)
        and its search space: a dict of parameter names to values to try, ``{}`` for none. A name
        without ``__`` is a parameter of the last step.
    overwrite : bool, default=False
        Whether a name that is taken may be given anew.

    Raises
    ------
    ValueError
        If the name is taken, is no text, or has a ``+`` in it.
    TypeError
        If `factory` cannot be called.

    Notes
    -----
    leukfeat's own functions bring the name to the processes that ``n_jobs`` starts.
    scikit-learn's do not: give ``cross_val_score(..., n_jobs=2)`` the classifier itself.

    Examples
    --------
    >>> from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    >>> from leukfeat import register_head
    >>> register_head(
    ...     "lda_example",
    ...     lambda: (LinearDiscriminantAnalysis(solver="lsqr"), {"shrinkage": [0.1, 0.5]}),
    ...     overwrite=True,
    ... )
    """
    if not isinstance(name, str) or not name:
        raise ValueError(f"The 'name' of a head must be a text. Got {name!r} instead.")
    if not callable(factory):
        raise TypeError(
            "The 'factory' of register_head must be callable and return (classifier, search "
            f"space). Got {factory!r} instead."
        )
    if "+" in name:
        raise ValueError(
            f"A '+' in a name puts a selector before a head ('pca+svm'). Got {name!r}; leave it out."
        )
    if name in _FACTORIES and not overwrite:
        raise ValueError(f"A head named {name!r} exists; give overwrite=True to replace it.")
    _FACTORIES[name] = factory


def own_heads() -> dict[str, HeadFactory]:
    """Return the names that the user has registered, and their factories.

    Returns
    -------
    dict of str to callable
    """
    return {
        name: factory
        for name, factory in _FACTORIES.items()
        if not str(getattr(factory, "__module__", "")).startswith("leukfeat.")
    }


def with_heads(call: Callable[..., Any], heads: Mapping[str, HeadFactory]) -> Callable[..., Any]:
    """Make a call know registered names in whatever process it runs.

    Parameters
    ----------
    call : callable
        Of a module, so that a worker can import it.
    heads : mapping of str to callable
        From :func:`own_heads`.

    Returns
    -------
    callable
    """
    return functools.partial(_call_with_heads, call, dict(heads)) if heads else call


def _call_with_heads(
    call: Callable[..., Any], heads: Mapping[str, HeadFactory], *args: Any, **kwargs: Any
) -> Any:
    _FACTORIES.update(heads)
    return call(*args, **kwargs)


def registered_heads() -> tuple[str, ...]:
    """Return the names that `fit_head` knows.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> "svm" in registered_heads()
    True
    """
    return tuple(_FACTORIES)


def check_head_name(name: str) -> None:
    """Raise if no head is known by a name: before a night of extraction, not after it.

    Parameters
    ----------
    name : str
        A registered name, or such a name with a selector before it.

    Raises
    ------
    ValueError
        If it is not; the message lists the names, and the nearest one.

    Examples
    --------
    >>> from leukfeat.heads.registry import check_head_name
    >>> check_head_name("pca+svm")
    """
    selected = split_name(name) if name not in _FACTORIES else None
    if name in _FACTORIES or (selected is not None and selected[2] in _FACTORIES):
        return
    near = difflib.get_close_matches(name.replace(" ", "_").lower(), _FACTORIES, n=1)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(
        f"The 'head' parameter must be one of {sorted(_FACTORIES)}, one of these with "
        f"{' or '.join(f'{selector!r}' for selector in SELECTORS)} before it ('pca150+svm'), a "
        f"classifier, or a name given to register_head(). Got {name!r} instead.{meant}"
    )


def build_head(head: Any) -> tuple[Pipeline, dict[str, Sequence[Any]]]:
    """Return the unfitted pipeline and search space of a head.

    Parameters
    ----------
    head : str or classifier
        A registered name, such a name with a selector before it (``"pca+svm"``,
        ``"anova100+naive_bayes"``), or a classifier (or pipeline) of one's own.

    Returns
    -------
    pipeline : Pipeline
    space : dict
        Values to try, by parameter name; empty for a classifier of one's own.

    Raises
    ------
    ValueError
        If the name is not registered.
    TypeError
        If it is neither, or a factory does not return (classifier, dict).
    """
    space: Any = {}
    if isinstance(head, str):
        check_head_name(head)
        if head not in _FACTORIES:
            selector, number, plain = split_name(head)  # type: ignore[misc]
            return put_selector_before(*build_head(plain), selector, number)
        made = _FACTORIES[head]()
        if not (isinstance(made, tuple) and len(made) == 2 and isinstance(made[1], Mapping)):
            raise TypeError(
                f"The factory of head {head!r} must return (classifier, search space dict). "
                f"It returned {made!r}."
            )
        estimator, space = made
    else:
        estimator = head
    if isinstance(estimator, type) or not hasattr(estimator, "fit"):
        raise TypeError(
            "The 'head' parameter must be a registered name or an unfitted classifier. "
            f"Got {head!r} instead."
        )
    if not isinstance(estimator, Pipeline):
        estimator = Pipeline([("classifier", estimator)])
    return estimator, dict(space)
