"""Text for terminals, HTML, CSV and JSON: whatever a name holds, it stays text there.

File names, class labels and what a board answers come from outside. They may hold line breaks, which forge lines, and
escape sequences, which steer terminals (ECMA-48, section 5), or bytes that are no UTF-8, which Python keeps as lone
surrogates (PEP 383) and which no UTF-8 stream takes.
"""

from __future__ import annotations

import json
import math
from typing import Any


def terminal(value: object) -> str:
    r"""One line for a terminal or a log: every character that is not printable is written as a Python escape.

    Args:
        value: Any object; its `str` is taken.

    Example:
        >>> print(terminal("7\n\x1b[2J"))
        7\n\x1b[2J
    """
    text = str(value)
    return text if text.isprintable() else "".join(map(_escaped, text))


def html_text(value: object) -> str:
    r"""Text for an HTML element or a quoted attribute; line breaks and tabs stay, other control characters are escaped.

    Example:
        >>> print(html_text("a < b\x1b"))
        a &lt; b\x1b
    """
    import html

    return html.escape("".join(char if char in "\n\t" else _escaped(char) for char in str(value)))


def csv_cell(value: object) -> str:
    """A cell for a CSV file; spreadsheets run what begins with = + - @, so that such text gets an apostrophe before it.

    Args:
        value: Text, or a number, which may begin with a minus.

    Example:
        >>> csv_cell("=1+1"), csv_cell(-1.5)
        ("'=1+1", '-1.5')
    """
    if isinstance(value, (int, float)):
        return str(value)
    text = terminal(value)
    return f"'{text}" if text.lstrip()[:1] in ("=", "+", "-", "@") else text


def json_text(value: Any, indent: int | None = None) -> str:
    r"""Strict JSON (RFC 8259) in ASCII: NaN and infinities become null, lone surrogates become escapes.

    Args:
        value: What `json.dumps` takes.
        indent: As for `json.dumps`.

    Example:
        >>> json_text({"label": "\x1b", "loss": float("nan")})
        '{"label": "\\u001b", "loss": null}'
    """
    return json.dumps(_strict(value), indent=indent, allow_nan=False)


def _strict(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else encodable(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {_strict(key) if isinstance(key, str) else key: _strict(item) for key, item in value.items()}
    return [_strict(item) for item in value] if isinstance(value, (list, tuple)) else value


def encodable(text: str) -> str:
    """The text with lone surrogates written as escapes, those of PEP 383 as the byte that they stand for."""
    return "".join(_escaped(char) if "\ud800" <= char <= "\udfff" else char for char in text)


def _escaped(char: str) -> str:
    if char.isprintable():
        return char
    if "\udc80" <= char <= "\udcff":
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")
