"""One self-contained HTML page: sections of tables, words and figures, with no network."""

from __future__ import annotations

import base64
import html
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from leukfeat.atomic_file import written_whole

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

__all__ = ["Page"]

_WIDE = 620

_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1d1d1f; background: #fff;
  max-width: 72rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid #ddd; padding-bottom: .2rem; }
p, li { max-width: 46rem; }
.scroll { overflow-x: auto; margin: .6rem 0; }
@media screen { .scroll { background: linear-gradient(90deg, #fff 30%, #fff0) 0 0,
  linear-gradient(270deg, #fff 30%, #fff0) 100% 0, linear-gradient(90deg, #0003, #0000) 0 0,
  linear-gradient(270deg, #0003, #0000) 100% 0; background-repeat: no-repeat;
  background-size: 2.5rem 100%, 2.5rem 100%, .8rem 100%, .8rem 100%;
  background-attachment: local, local, scroll, scroll; } }
.tall { max-height: 24rem; overflow-y: auto; }
table { border-collapse: collapse; font-size: .86rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid #e5e5e5;
  vertical-align: top; }
thead th { border-bottom: 2px solid #999; }
tbody th { font-weight: 500; }
td, tbody th, td span { white-space: nowrap; }
td.long, td.bounds { white-space: normal; }
td.long { min-width: 16rem; }
.figures { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: flex-start; }
figure { margin: .6rem 0; overflow-x: auto; max-width: 100%; }
figure.half { flex: 1 1 22rem; max-width: 32rem; }
img { max-width: 100%; height: auto; }
figcaption { font-size: .75rem; overflow-wrap: anywhere; color: #444; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: .8rem; }
.gallery figure { margin: 0; } .gallery img { width: 100%; background: #000; }
.notes { background: #fff6e0; border-left: 4px solid #c77700; padding: .5rem .9rem; margin: .8rem 0; }
.notes ul { margin: 0; padding-left: 1.1rem; }
.verdict { background: #eef4fa; border-left: 4px solid #0072b2; padding: .5rem .9rem; }
.verdict.bad { background: #fdeee6; border-left-color: #d55e00; }
.finding { border-left: 4px solid #bbb; padding: .1rem .9rem; margin: .7rem 0; }
.finding.leak, .finding.shortcut { border-left-color: #d55e00; }
.finding.warning { border-left-color: #c77700; }
.finding b { text-transform: uppercase; font-size: .75rem; letter-spacing: .04em; }
.finding p { margin: .1rem 0; font-size: .92rem; }
nav a { margin-right: .9rem; white-space: nowrap; }
footer { margin-top: 3rem; font-size: .82rem; color: #555; }
pre { font-size: .8rem; overflow-x: auto; background: #f6f6f6; padding: .6rem; }
@media screen and (max-width: 40rem) { figure.wide img { max-width: none; width: 40rem; } }
@media print { body { max-width: none; padding: 0; font-size: 10.5pt; } nav { display: none; }
  footer { margin-top: .5rem; break-before: avoid; }
  h2, h2 + p, p:has(+ .scroll), p:has(+ figure), p:has(+ .figures) { break-after: avoid; }
  figure, tr, .finding, .notes, .scroll:not(.tall) { break-inside: avoid; }
  .scroll, pre, figure { overflow: visible; } .tall { max-height: none; }
  pre { white-space: pre-wrap; font-size: 7.5pt; } table { font-size: 7.5pt; }
  th, td { padding-right: .35rem; } td.long { min-width: 0; }
  .figures { display: block; } figure.half { display: inline-block; width: 48%; vertical-align: top; }
  .gallery { grid-template-columns: repeat(5, 1fr); } }
"""


class Page:
    """An HTML page that is built section by section.

    Parameters
    ----------
    title : str
        Heading of the page.

    Examples
    --------
    >>> from leukfeat.reporting import Page
    >>> page = Page("Result")
    >>> page.section("Words").words("1 < 2")
    >>> "1 &lt; 2" in page.render()
    True
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self._sections: list[str] = []
        self._parts: list[str] = []

    def section(self, name: str) -> Page:
        """Start a section.

        Parameters
        ----------
        name : str
            Its heading, which the contents list shows.

        Returns
        -------
        Page
            The page itself.
        """
        self._sections.append(name)
        number = len(self._sections)
        self._parts.append(f'<h2 id="s{number}">{html.escape(name)}</h2>')
        return self

    def words(self, text: str, *, kind: str = "") -> None:
        """Write a paragraph.

        Parameters
        ----------
        text : str
            Plain text; it is escaped.
        kind : {"", "verdict", "verdict bad"}
            How it is set off.
        """
        mark = f' class="{html.escape(kind)}"' if kind else ""
        self._parts.append(f"<p{mark}>{html.escape(text)}</p>")

    def notes(self, notes: tuple[str, ...] | list[str]) -> None:
        """Write what must be known before believing a number; nothing where there is nothing.

        Parameters
        ----------
        notes : sequence of str
            Plain text.
        """
        if notes:
            items = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
            self._parts.append(f'<div class="notes" role="note"><ul>{items}</ul></div>')

    def table(self, markup: str, *, tall: bool = False) -> None:
        """Write a table that scrolls by itself on a narrow window.

        Parameters
        ----------
        markup : str
            A ``<table>`` whose text is escaped already.
        tall : bool, default=False
            Whether it may be very long, and then scrolls downwards by itself too.
        """
        mark = "scroll tall" if tall else "scroll"
        self._parts.append(f'<div class="{mark}" tabindex="0">{markup}</div>')

    def figure(self, figure: Figure, description: str) -> None:
        """Write a figure into the page itself.

        Parameters
        ----------
        figure : matplotlib.figure.Figure
            The figure.
        description : str
            What it shows, for those who cannot see it.
        """
        self._parts.append(_figure(figure, description))

    def figures(self, pairs: Sequence[tuple[Figure, str]]) -> None:
        """Write figures side by side where there is room.

        Parameters
        ----------
        pairs : sequence of (matplotlib.figure.Figure, str)
            Figures and what they show.
        """
        inside = "".join(_figure(figure, said, kind="half") for figure, said in pairs)
        self._parts.append(f'<div class="figures">{inside}</div>')

    def gallery(self, images: Sequence[tuple[np.ndarray, str]]) -> None:
        """Write small images with a line below each.

        Parameters
        ----------
        images : sequence of (ndarray of uint8 of shape (height, width, 3), str)
            RGB images and their captions.
        """
        inside = "".join(
            f'<figure><img alt="{html.escape(said, quote=True)}" src="{_png(image)}">'
            f"<figcaption>{html.escape(said)}</figcaption></figure>"
            for image, said in images
        )
        self._parts.append(f'<div class="gallery">{inside}</div>')

    def finding(self, mark: str, name: str, text: str) -> None:
        """Write one thing that was looked for, and what was found.

        Parameters
        ----------
        mark : {"leak", "shortcut", "warning", "note"}
            How bad it is.
        name, text : str
            What was looked for, and what was found.
        """
        self._parts.append(
            f'<div class="finding {html.escape(mark)}"><b>{html.escape(mark)}</b> '
            f"{html.escape(name)}<p>{html.escape(text)}</p></div>"
        )

    def preformatted(self, text: str) -> None:
        """Write text as it stands.

        Parameters
        ----------
        text : str
            Plain text.
        """
        self._parts.append(f"<pre>{html.escape(text)}</pre>")

    def render(self) -> str:
        """Return the page.

        Returns
        -------
        str
        """
        links = " ".join(
            f'<a href="#s{i}">{html.escape(name)}</a>' for i, name in enumerate(self._sections, 1)
        )
        title = html.escape(self.title)
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{title}</title><style>{_STYLE}</style></head><body>"
            f"<h1>{title}</h1><nav>{links}</nav>{''.join(self._parts)}"
            "<footer>Made with leukfeat. For research; not a medical device.</footer>"
            "</body></html>\n"
        )

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to a file, which is whole or not there.

        Parameters
        ----------
        path : path-like
            The file; an older one is replaced.

        Returns
        -------
        Path
        """
        target = Path(path)
        with written_whole(target) as partial:
            # A file name that is shown need not be Unicode.
            partial.write_text(self.render(), encoding="utf-8", errors="backslashreplace")
        return target


def _figure(figure: Figure, description: str, *, kind: str = "") -> str:
    held = io.BytesIO()
    figure.savefig(held, format="png", dpi=144)
    data = base64.b64encode(held.getvalue()).decode()
    width = round(figure.get_figwidth() * 96)
    kind = kind or ("wide" if width > _WIDE else "")
    mark = f' class="{kind}"' if kind else ""
    # What is wide scrolls by itself on a narrow window, and must be reached by key.
    return (
        f'<figure{mark} tabindex="0"><img width="{width}" '
        f'alt="{html.escape(description, quote=True)}" src="data:image/png;base64,{data}"></figure>'
    )


def _png(image: np.ndarray) -> str:
    import cv2

    done, coded = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    if not done:
        raise ValueError(f"An image of shape {image.shape} cannot be written as PNG.")
    return f"data:image/png;base64,{base64.b64encode(coded.tobytes()).decode()}"
