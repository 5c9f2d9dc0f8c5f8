"""What a number must be that is given to a function on pixels."""

from __future__ import annotations

import math
import numbers
from typing import Any

__all__ = ["is_finite", "is_positive"]


def is_finite(value: Any) -> bool:
    """Tell whether a value is a real number, neither NaN nor infinite.

    Examples
    --------
    >>> is_finite(-2), is_finite(float("nan")), is_finite("3")
    (True, False, False)
    """
    return isinstance(value, numbers.Real) and math.isfinite(value)


def is_positive(value: Any) -> bool:
    """Tell whether a value is a finite number above 0.

    Examples
    --------
    >>> is_positive(0.5), is_positive(0), is_positive(None)
    (True, False, False)
    """
    return is_finite(value) and value > 0
