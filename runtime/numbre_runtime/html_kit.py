"""The building blocks of every HTML report: one page that carries its pictures and loads nothing from elsewhere.

Each function escapes the text it is given and returns HTML; `page` joins the parts. The page fits a phone's width (wide
tables scroll inside their own box) and follows the reader's light or dark setting.

Example:
    >>> from numbre_runtime import html_kit
    >>> parts = [html_kit.heading("Results"), html_kit.table(("model", "right"), [("linear", "92.0%")])]
    >>> html_kit.page("A report", parts)[:15]
    b'<!doctype html>'
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

from numbre_runtime.text import html_text

_STYLE = """
:root { color-scheme: light dark; --text: #222; --quiet: #555; --line: #ccc; --paper: #fff; --bar: #0072b2; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e4e4e4; --quiet: #aaa; --line: #484848; --paper: #161616; --bar: #56b4e9; }
}
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 0 auto; padding: 1rem; color: var(--text);
  background: var(--paper); overflow-wrap: break-word; }
h1 { font-size: 1.6rem; line-height: 1.25; } h2 { font-size: 1.25rem; margin-top: 2.5rem; } h3 { font-size: 1.05rem; }
.scroll { overflow-x: auto; margin: .5rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
th { font-weight: 600; } th:first-child, td:first-child, .text td, .text th { text-align: left; }
td { white-space: nowrap; } .text td { white-space: normal; overflow-wrap: anywhere; min-width: 9rem; }
figure { margin: .75rem 0; }
img { max-width: 100%; height: auto; background: #fff; border-radius: .3rem; }
figcaption, .note { color: var(--quiet); font-size: .9rem; }
.bars { font-size: .85rem; } .bars i { display: inline-block; height: .9rem; min-width: 1px; background: var(--bar);
  margin-right: .4rem; vertical-align: middle; }
.bars div { display: grid; grid-template-columns: min(12rem, 32%) 1fr; column-gap: .75rem; align-items: center; }
.bars span { overflow-wrap: anywhere; } .bars span + span { white-space: nowrap; }
"""
_WIDEST = 60
"""Per cent of the width that the longest bar takes, which leaves room for its text."""


def page(title: str, parts: Sequence[str], style: str = "") -> bytes:
    """The whole page, encoded as UTF-8.

    Args:
        title: The document's title and its top heading, plain text.
        parts: The page's content, HTML from the functions below.
        style: More CSS rules; they may use the variables --text, --quiet, --line, --paper and --bar.
    """
    text = html_text(title)
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{text}</title><style>{_STYLE}{style}</style></head><body>",
            f"<h1>{text}</h1>",
            *parts,
            "</body></html>\n",
        )
    ).encode()


def heading(text: str, level: int = 2) -> str:
    """A heading of level 2 or 3.

    Example:
        >>> heading("Speed & size")
        '<h2>Speed &amp; size</h2>'
    """
    return f"<h{level}>{html_text(text)}</h{level}>"


def paragraph(text: str, note: bool = False) -> str:
    """A paragraph; a note is smaller and paler."""
    kind = ' class="note"' if note else ""
    return f"<p{kind}>{html_text(text)}</p>"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], text: bool = False) -> str:
    """A table inside a box that scrolls sideways where the screen is narrow.

    Args:
        heads: The column names.
        rows: The cells, row by row, as many in each row as there are column names.
        text: False aligns all columns but the first to the right, as numbers are read; True aligns all to the left and
            wraps long cells.
    """
    head = "".join(f'<th scope="col">{html_text(cell)}</th>' for cell in heads)
    body = "".join("<tr>" + "".join(f"<td>{html_text(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    kind = ' class="text"' if text else ""
    return f'<div class="scroll"><table{kind}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def image(png: bytes, alt: str, caption: str = "") -> str:
    """A figure with a PNG picture stored inside the page, shown at its own size or, if narrower, at the page's width.

    Args:
        png: The PNG file.
        alt: What the picture shows, read aloud by screen readers.
        caption: Text below the picture; none if empty.
    """
    below = f"<figcaption>{html_text(caption)}</figcaption>" if caption else ""
    return f'<figure><img alt="{html_text(alt)}" src="{png_uri(png)}">{below}</figure>'


def png_uri(png: bytes) -> str:
    """A PNG file as a data URI, the value of an `src` attribute."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def bars(values: Sequence[tuple[str, float, str]], description: str) -> str:
    """Horizontal bars, whose names and figures keep their size on a phone.

    Args:
        values: For each bar its name, its length (0 or more; the largest fills the width) and the text at its end.
        description: What the bars show, read aloud by screen readers.

    Example:
        >>> bars([("a", 2.0, "2 kB")], "sizes").count("<i ")
        1
    """
    longest = max((length for _, length, _ in values), default=0) or 1
    lines = (
        f"<div><span>{html_text(name)}</span>"
        f'<span><i style="width:{_WIDEST * length / longest:.1f}%"></i>{html_text(text)}</span></div>'
        for name, length, text in values
    )
    return f'<div class="bars" role="img" aria-label="{html_text(description)}">{"".join(lines)}</div>'
