"""Letters, signs and digits of the fonts that come with Matplotlib."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from numbre_train.wild.ink import Ink, as_ink, cut_out, sharpened
from numbre_train.wild.strokes import bent, with_width

FIT_FONTS = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSansMono",
    "DejaVuSansMono-BoldOblique",
    "DejaVuSerif",
    "DejaVuSerif-BoldItalic",
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralItalic",
    "cmb10",
    "cmmi10",
    "cmss10",
)
VALIDATION_FONTS = ("DejaVuSerif-Italic", "STIXGeneralBolIta", "cmr10", "cmti10", "cmtt10", "DejaVuSansMono-Bold")
"""Are looked at only when choices are made."""

LETTERS = "ACEFHKMNPRTUVWXYacdefhjkmnprtuvwx"
"""Latin letters but for those that look like a digit in some hand: B D G I J L O Q S Z b g i l o q s y z."""
SIGNS = "ΓΔΞΠΣΦΨΩΛγηλμπτυφχψωЖДИЙКМНПТФЦШЩЫЮЯждикмнптфцшщюя#%@+=*<>~{}←→↑♥★♣"
"""Signs that only the DejaVu fonts have all of."""

_SIZE = 64


def none_glyph(generator: np.random.Generator, fonts: tuple[str, ...] = FIT_FONTS) -> Ink:
    """A letter or a sign, more or less distorted."""
    font = fonts[generator.integers(len(fonts))]
    known = LETTERS * 3 + SIGNS if font.startswith("DejaVu") else LETTERS
    return _distorted(font, known[generator.integers(len(known))], generator)


def digit_glyph(generator: np.random.Generator, fonts: tuple[str, ...] = FIT_FONTS) -> tuple[Ink, int]:
    """A printed digit, more or less distorted, and which one it is."""
    digit = int(generator.integers(10))
    font = fonts[generator.integers(len(fonts))]
    return _distorted(font, str(digit), generator), digit


def _distorted(font: str, text: str, generator: np.random.Generator) -> Ink:
    ink = _printed(font, text)
    ink = bent(ink, generator, float(generator.uniform(0, 1.5)))
    ink = with_width(ink, float(np.clip(generator.normal(0, 2.0), -3, 5)))
    return cut_out(sharpened(ink, float(generator.uniform(1, 3))))


@cache
def _printed(font: str, text: str) -> Ink:
    picture = Image.new("L", (2 * _SIZE, 2 * _SIZE))
    ImageDraw.Draw(picture).text((_SIZE, _SIZE), text, fill=255, font=_font(font), anchor="mm")
    return cut_out(as_ink(picture))


@cache
def _font(name: str) -> ImageFont.FreeTypeFont:
    from matplotlib import get_data_path

    return ImageFont.truetype(Path(get_data_path()) / "fonts" / "ttf" / f"{name}.ttf", _SIZE)
