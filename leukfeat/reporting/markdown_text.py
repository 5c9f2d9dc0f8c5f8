"""Markdown that shows names and makes nothing of them."""

from __future__ import annotations

__all__ = ["inert_markdown"]


def inert_markdown(text: str) -> str:
    r"""Take the power out of HTML, links and pictures in a Markdown text.

    A class or a file may be named ``<img src=x onerror=...>``, and whoever opens the text in a
    program that renders it would run that. leukfeat's own texts hold no HTML and no links.

    Parameters
    ----------
    text : str
        As a ``to_markdown`` method returns it.

    Returns
    -------
    str
        What is to be written to a file.

    Examples
    --------
    >>> print(inert_markdown("| <img src=x onerror=alert(1)> | [a](javascript:b) |"))
    | &lt;img src=x onerror=alert(1)> | [a]\(javascript:b) |
    """
    return text.replace("<", "&lt;").replace("](", "]\\(")
