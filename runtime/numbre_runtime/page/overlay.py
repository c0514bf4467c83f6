"""Draws what was read onto the photo."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from numbre_runtime.pictures.picture import PictureSource, orientation, upright, with_picture

if TYPE_CHECKING:
    from PIL.Image import Image

    from numbre_runtime.page.result import Page

_MOST_PIXELS = 12_000_000
"""A larger photo is drawn smaller."""
_BOX, _TEXT, _BACKING = (220, 30, 30), (20, 70, 220), (255, 255, 255)


def overlay_png(source: PictureSource, page: Page) -> bytes:
    """The photo as a PNG file, with each digit's box, its label on a white backing, and a line below each number.

    Raises:
        ImageError: It is no picture, damaged or too large.
    """
    stream = io.BytesIO()
    with_picture(source, lambda picture, _: drawn(picture, page)).save(stream, "PNG", compress_level=3)
    return stream.getvalue()


def drawn(picture: Image, page: Page) -> Image:
    """The picture upright, in colour, with what was read on it."""
    from PIL import ImageDraw, ImageFont

    stored, factor = orientation(picture), 1
    while page.width * page.height // factor**2 > _MOST_PIXELS:
        factor += 1
    if factor > 1:
        picture = picture.convert("RGB").reduce(factor)
    shown = upright(picture, stored).convert("RGB")
    canvas = ImageDraw.Draw(shown)
    width = max(1, round(max(shown.size) / 700))
    for number in page.numbers:
        for digit in number.digits:
            left, top, right, bottom = (value / factor for value in digit.box)
            canvas.rectangle((left, top, right - 1, bottom - 1), outline=_BOX, width=width)
            size = max(10.0, 0.4 * (bottom - top))
            font = ImageFont.load_default(size)
            # At the picture's upper edge there is no room above the box.
            at = (left, top) if top >= size else (left, bottom + size)
            canvas.rectangle(canvas.textbbox(at, digit.label, font, anchor="lb"), _BACKING)
            canvas.text(at, digit.label, _TEXT, font, anchor="lb")
        left, _, right, bottom = (value / factor for value in number.box)
        canvas.line((left, bottom + 2 * width, right, bottom + 2 * width), _TEXT, width)
    return shown
