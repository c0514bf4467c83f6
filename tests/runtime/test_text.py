"""Text from outside stays text, in terminals, HTML, CSV and JSON; JSON from outside is strict."""

from __future__ import annotations

import json
import math

import pytest

from numbre_runtime.errors import DataError, one_line
from numbre_runtime.strict_json import DEEPEST, parse_json
from numbre_runtime.text import csv_cell, encodable, html_text, json_text, terminal

NASTY = [
    "7\nforged: 8 (100%)",
    "\x1b[2J\x1b]0;title\x07",
    "\x9b2J",
    "a\rb",
    "a\u2028b",
    "\u202e123",
    "\udcff",
    "\ud800",
    "\0",
    "\x7f",
    "=1+1",
    "<b>&\"'",
    "ünï 七",
]


@pytest.mark.parametrize("text", NASTY)
def test_terminal_text_is_one_printable_line(text: str) -> None:
    shown = terminal(text)
    assert shown.isprintable()
    assert one_line(ValueError(text)).isprintable()


@pytest.mark.parametrize("text", NASTY)
def test_every_encoder_gives_what_utf8_takes(text: str) -> None:
    for shown in (terminal(text), html_text(text), csv_cell(text), json_text(text), encodable(text)):
        shown.encode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain 7", "plain 7"),
        ("ünï 七", "ünï 七"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\x1b[2J", "\\x1b[2J"),
        ("mod\udcffel", "mod\\xffel"),
        ("\u202e", "\\u202e"),
        ("\xa0", "\\xa0"),
    ],
)
def test_what_is_not_printable_becomes_an_escape(text: str, shown: str) -> None:
    assert terminal(text) == shown


def test_html_text_keeps_line_breaks_alone() -> None:
    assert html_text("<a href='x'>\n\t\x1b\0") == "&lt;a href=&#x27;x&#x27;&gt;\n\t\\x1b\\x00"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM", "'@SUM"),
        (" =1", "' =1"),
        ("\t=1", "\\t=1"),
        ("a=1", "a=1"),
        (-1.5, "-1.5"),
        (7, "7"),
        ("", ""),
    ],
)
def test_a_spreadsheet_runs_no_cell(value: object, cell: str) -> None:
    assert csv_cell(value) == cell


def test_json_text_is_strict() -> None:
    value = {"a": (1.5, math.nan, -math.inf), "\udcff": "\ud800\x1b", "n": None}
    text = json_text(value)
    assert text.isascii()
    assert json.loads(text, parse_constant=pytest.fail) == {"a": [1.5, None, None], "\\xff": "\\ud800\x1b", "n": None}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"a": 1, "a": 2}', "'a' is there twice"),
        (b'{"b": {"a": 1, "a": 1}}', "'a' is there twice"),
        (b"NaN", "NaN is no JSON number"),
        (b"[-Infinity]", "-Infinity is no JSON number"),
        (b"1e400", "too large"),
        (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "nested deeper"),
        (b"[" * 100_000, "does not parse"),
        (b"\xff", "does not parse"),
        (b"9" * 5000, "does not parse"),
        (b"", "does not parse"),
    ],
)
def test_json_that_is_not_strict_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(DataError, match=rf"^x\.json: .*{reason}"):
        parse_json(content, "x.json", DataError)


def test_json_at_its_bounds_is_read() -> None:
    deep = b"[" * DEEPEST + b"]" * DEEPEST
    value = parse_json(deep, "x.json", DataError)
    for _ in range(DEEPEST - 1):
        (value,) = value
    assert value == []
    assert parse_json(b'\xef\xbb\xbf{"a": 1e308}', "x.json", DataError) == {"a": 1e308}
