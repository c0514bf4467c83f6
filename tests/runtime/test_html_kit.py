"""Every report's building blocks: text is escaped, the page stands alone, and fits a phone and the dark."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from io import BytesIO

import pytest
from PIL import Image

from numbre_runtime import html_kit

HOSTILE = "<script>alert('x')</script> & \"quotes\""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.values: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.values += [value or "" for _, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def _read(page: bytes) -> _Reader:
    reader = _Reader()
    reader.feed(page.decode())
    return reader


def _png() -> bytes:
    stream = BytesIO()
    Image.new("L", (4, 3), 200).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize(
    "part",
    [
        html_kit.heading(HOSTILE),
        html_kit.paragraph(HOSTILE, note=True),
        html_kit.table((HOSTILE,), [(HOSTILE,)]),
        html_kit.image(_png(), HOSTILE, HOSTILE),
        html_kit.bars([(HOSTILE, 1.0, HOSTILE)], HOSTILE),
        "",
    ],
)
def test_text_is_escaped_everywhere(part: str) -> None:
    page = _read(html_kit.page(HOSTILE, [part]))
    assert "script" not in page.tags
    assert HOSTILE in page.text


def test_a_page_loads_nothing_and_fits_a_phone_and_the_dark() -> None:
    page = html_kit.page("A report", [html_kit.image(_png(), "grey"), html_kit.table(("a", "b"), [("1", "2")])])
    text = page.decode()
    assert not re.search(r"https?:|url\(|@import|<link", text)
    assert "width=device-width" in text
    assert "prefers-color-scheme: dark" in text
    assert '<div class="scroll"><table>' in text


def test_an_image_comes_back_as_it_went_in() -> None:
    uri = next(value for value in _read(html_kit.page("t", [html_kit.image(_png(), "x")])).values if "base64" in value)
    assert base64.b64decode(uri.partition(",")[2]) == _png()


def test_bars_are_as_long_as_their_values() -> None:
    widths = re.findall(r"width:([\d.]+)%", html_kit.bars([("a", 1, ""), ("b", 4, ""), ("c", 0, "")], ""))
    assert [float(width) for width in widths] == [15.0, 60.0, 0.0]
    assert "<i " not in html_kit.bars([], "nothing")
