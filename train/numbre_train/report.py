"""Parts of a report: one HTML page that carries its pictures and needs nothing from elsewhere."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; margin-top: 2.5rem; } h3 { font-size: 1.05rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .5rem 0; }
th, td { padding: .3rem .8rem; border-bottom: 1px solid #ccc; text-align: right; vertical-align: top; }
th { font-weight: 600; } th:first-child, td:first-child, .text td, .text th { text-align: left; }
td { white-space: nowrap; } .text td { white-space: normal; overflow-wrap: anywhere; } .scroll { overflow-x: auto; }
figure { margin: .75rem 0; } img { max-width: 100%; height: auto; }
figcaption, .note { color: #555; font-size: .9rem; }
"""


def page(title: str, parts: Sequence[str]) -> bytes:
    """The page, as UTF-8."""
    text = html.escape(title)
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{text}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{text}</h1>",
            *parts,
            "</body></html>\n",
        )
    ).encode()


def heading(text: str, level: int = 2) -> str:
    """A heading of level 2 or 3."""
    return f"<h{level}>{html.escape(text)}</h{level}>"


def paragraph(text: str, note: bool = False) -> str:
    """A paragraph; a note is set smaller."""
    kind = ' class="note"' if note else ""
    return f"<p{kind}>{html.escape(text)}</p>"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], text: bool = False) -> str:
    """A table: figures to the right of its first column, or only text."""
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in heads)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    kind = ' class="text"' if text else ""
    return f'<div class="scroll"><table{kind}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def image(png: bytes, alt: str, caption: str = "") -> str:
    """A PNG picture inside the page, at the size that it was drawn for."""
    below = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    data = base64.b64encode(png).decode()
    return f'<figure><img alt="{html.escape(alt)}" src="data:image/png;base64,{data}">{below}</figure>'
