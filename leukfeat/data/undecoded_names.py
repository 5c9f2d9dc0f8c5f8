"""File names that are no UTF-8, in tables that are."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["read_escapes", "write_escapes"]

_ESCAPE = re.compile(r"\\udc([89a-f][0-9a-f])")


def write_escapes(value: Any) -> Any:
    r"""Write the bytes of a name that are no UTF-8 as ``\udcXX``.

    Linux allows any bytes in a name; Python stands surrogates for those that it cannot decode, and
    no table can hold these.

    Parameters
    ----------
    value : object
        What is no text is returned as it is.

    Returns
    -------
    object

    Examples
    --------
    >>> print(write_escapes(b"caf\xe9.png".decode(errors="surrogateescape")))
    caf\udce9.png
    """
    if not isinstance(value, str):
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "backslashreplace").decode()
    return value


def read_escapes(text: str) -> str:
    r"""Take the escapes of `write_escapes` back, so that the name finds its file again.

    Parameters
    ----------
    text : str

    Returns
    -------
    str

    Examples
    --------
    >>> read_escapes(r"caf\udce9.png").encode(errors="surrogateescape")
    b'caf\xe9.png'
    """
    return _ESCAPE.sub(lambda found: chr(0xDC00 + int(found[1], 16)), text)
