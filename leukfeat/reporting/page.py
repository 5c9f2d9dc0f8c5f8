"""One self-contained HTML page: sections of tables, words and figures, with no network."""

from __future__ import annotations

import base64
import html
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from leukfeat.atomic_file import written_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Page"]

_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1d1d1f; background: #fff;
  max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid #ddd; padding-bottom: .2rem; }
p, li { max-width: 46rem; }
.scroll { overflow-x: auto; margin: .6rem 0; }
.tall { max-height: 24rem; overflow-y: auto; }
table { border-collapse: collapse; font-size: .86rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid #e5e5e5;
  vertical-align: top; }
thead th { border-bottom: 2px solid #999; }
tbody th { font-weight: 500; }
td:not(.long), th { white-space: nowrap; }
td.long { min-width: 16rem; }
figure { margin: 1rem 0; }
img { max-width: 100%; height: auto; }
.notes { background: #fff6e0; border-left: 4px solid #c77700; padding: .5rem .9rem; margin: .8rem 0; }
.verdict { background: #eef4fa; border-left: 4px solid #0072b2; padding: .5rem .9rem; }
.verdict.bad { background: #fdeee6; border-left-color: #d55e00; }
nav a { margin-right: .9rem; white-space: nowrap; }
footer { margin-top: 3rem; font-size: .82rem; color: #555; }
pre { font-size: .8rem; overflow-x: auto; background: #f6f6f6; padding: .6rem; }
@media print { body { max-width: none; padding: 0; font-size: 10.5pt; } nav { display: none; }
  h2 { break-after: avoid; } figure, tr { break-inside: avoid; } .scroll { overflow: visible; max-height: none; } td:not(.long), th { white-space: normal; } }
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
        held = io.BytesIO()
        figure.savefig(held, format="png", dpi=144)
        data = base64.b64encode(held.getvalue()).decode()
        width = round(figure.get_figwidth() * 96)
        self._parts.append(
            f'<figure><img width="{width}" alt="{html.escape(description, quote=True)}" '
            f'src="data:image/png;base64,{data}"></figure>'
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
