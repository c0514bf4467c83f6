"""From a picture of one digit to MNIST's form.

MNIST's own preparation (LeCun et al., "Gradient-based learning applied to document recognition", 1998, section III.A):
ink bright on 0, fitted into a 20×20 box with its aspect ratio kept, its centre of mass at the centre of 28×28.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from numbre_runtime.errors import ImageError
from numbre_runtime.picture import is_transparent, picture_name, with_picture

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

_WORK_SIZE = 256
"""Longest side, in pixels, at which a picture is examined."""
_SIDE, _BOX = 28, 20
_ORIENTATION, _LYING = 0x0112, (5, 6, 7, 8)
"""EXIF's tag, and those of its values that say that the picture lies on its side."""
_SHADOW_SIZE = 64
"""Shortest side, in pixels, from which on slow changes of the background are taken out."""
_EDGE_SHARE = 0.4
"""A stroke's blurred edge still counts as ink from this share of Otsu's threshold on."""
_NOISE_SPANS = 2.0
"""How many median deviations of the background count as its noise."""
_MIN_CONTRAST = 12
"""Ink must differ from its background by so many of 255 grey levels."""


@dataclass(frozen=True, slots=True)
class Found:
    """Where the digit of a picture is."""

    box: tuple[int, int, int, int]
    """left, top, right, bottom in the upright picture's pixels; right and bottom lie just outside."""
    dark_ink: bool
    """True: dark ink on a lighter ground; False: light ink on a darker one."""


def find_digit(source: str | os.PathLike[str] | Image) -> tuple[NDArray[np.uint8], Found | None]:
    """Finds the digit of a picture and brings it to MNIST's form.

    Args:
        source: A file's path or a PIL image, of any size, mode, polarity and EXIF orientation.

    Returns:
        (28, 28) uint8, ink up to 255 on 0, and where it was found; all zeros and None for a blank picture.

    Raises:
        ImageError: It is no picture, damaged or too large.
    """
    return with_picture(source, _digit_of, draft=2 * _WORK_SIZE)


def to_mnist(source: str | os.PathLike[str] | Image) -> NDArray[np.uint8]:
    """Brings a picture of one digit to MNIST's form.

    Args:
        source: A file's path or a PIL image, of any size, mode, polarity and EXIF orientation.

    Returns:
        (28, 28) uint8, ink up to 255 on 0.

    Raises:
        ImageError: It is no picture, damaged, too large, or has no ink.
    """
    pixels, found = find_digit(source)
    if found is None:
        raise ImageError(f"{picture_name(source)}: no digit found, the picture is blank")
    return pixels


def _digit_of(picture: Image) -> tuple[NDArray[np.uint8], Found | None]:
    """As `find_digit`, of an opened picture."""
    size = picture.size
    grey = _grey(picture)
    pixels, found = from_grey(grey)
    if found is None:
        return pixels, None
    if picture.getexif().get(_ORIENTATION) in _LYING:
        size = size[::-1]
    across, down = size[0] / grey.shape[1], size[1] / grey.shape[0]
    left, top, right, bottom = found.box
    box = (int(left * across), int(top * down), math.ceil(right * across), math.ceil(bottom * down))
    return pixels, replace(found, box=box)


def _grey(picture: Image) -> NDArray[np.float32]:
    """The picture upright, reduced to the size it is examined at, as grey levels 0–255."""
    from PIL import Image, ImageOps

    # Before anything else, so that no later step needs more memory than the decoded picture.
    picture = ImageOps.exif_transpose(_reduced(picture))
    if picture.mode.startswith(("I", "F")):
        picture = Image.fromarray(_as_bytes(np.asarray(picture, np.float32), picture.mode))
    if picture.mode == "La":
        picture = picture.convert("LA")
    if is_transparent(picture):
        picture = _on_plain_ground(picture.convert("RGBA"))
    if picture.mode == "LAB":
        picture = picture.getchannel(0)
    picture = picture.convert("L")
    if max(picture.size) > _WORK_SIZE:
        picture.thumbnail((_WORK_SIZE, _WORK_SIZE), Image.Resampling.BOX, reducing_gap=2.0)
    return np.asarray(picture, np.float32)


def _reduced(picture: Image) -> Image:
    """The picture at no less than twice the size it is examined at, by whole factors; the caller's is untouched."""
    from PIL import Image

    factor = max(picture.size) // (2 * _WORK_SIZE)
    if factor < 2:
        return picture
    if picture.mode in ("L", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "F", "I"):
        smaller = picture.reduce(factor)
    else:
        # Palettes, single bits and I;16 cannot be averaged as they are stored.
        size = (max(1, picture.width // factor), max(1, picture.height // factor))
        smaller = picture.resize(size, Image.Resampling.NEAREST)
    smaller.info = picture.info
    exif = picture.getexif()
    if exif:
        smaller.getexif().update(exif)
    return smaller


def _as_bytes(levels: NDArray[np.float32], mode: str) -> NDArray[np.uint8]:
    """16-bit, 32-bit and floating-point levels as 0–255; a picture's own largest value tells its range."""
    if not np.isfinite(levels).all():
        raise ImageError("a picture with NaN or infinite levels")
    top = float(levels.max())
    full = 65535 if mode.startswith("I") and top > 255 else 1 if mode == "F" and top <= 1 else 255
    pixels: NDArray[np.uint8] = np.clip(levels * (255 / full), 0, 255).astype(np.uint8)
    return pixels


def _on_plain_ground(picture: Image) -> Image:
    """A picture with transparency, laid on white or, where what it shows is bright, on black."""
    from PIL import Image

    levels = np.asarray(picture.convert("LA"), np.float32)
    weight = levels[..., 1]
    brightness = (levels[..., 0] * weight).sum() / max(weight.sum(), 1.0)
    ground = 0 if brightness > 127 and weight.min() < 255 else 255
    backing = Image.new("RGBA", picture.size, (ground, ground, ground, 255))
    return Image.alpha_composite(backing, picture)


def from_grey(grey: NDArray[np.float32]) -> tuple[NDArray[np.uint8], Found | None]:
    """As `find_digit`, of grey levels (height, width) float32 0–255."""
    ink, dark_ink = _ink(grey)
    if float(ink.max()) < _MIN_CONTRAST:
        return np.zeros((_SIDE, _SIDE), np.uint8), None
    threshold = _EDGE_SHARE * _otsu(ink)
    mask = _without_specks(ink > threshold)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    digit = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    full = _quantile(ink[mask], 0.75)
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    return _centred(np.where(digit > threshold, np.minimum(digit / full, 1), 0)), Found(box, dark_ink)


def _ink(grey: NDArray[np.float32]) -> tuple[NDArray[np.float32], bool]:
    """How far each pixel is from its background, towards the ink's side, 0–255, and whether that side is the dark one.

    What lies along the border is background; a slow change of it (a shadow) is taken out of pictures that are large
    enough to tell a shadow from a stroke.
    """
    ground = _quantile(_border(grey), 0.5)
    bright_ink = float(grey.max()) - ground > ground - float(grey.min())
    levels = grey if bright_ink else 255 - grey
    shadowed = min(grey.shape) >= _SHADOW_SIZE
    ink: NDArray[np.float32] = levels - (_slow_background(levels) if shadowed else _quantile(_border(levels), 0.5))
    rest = _border(ink)
    middle = _quantile(rest, 0.5)
    noise = _quantile(np.abs(rest - middle), 0.5)
    ink = np.maximum(ink - (middle + _NOISE_SPANS * noise), 0)
    return ink, not bright_ink


def _border(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """The pixels along the picture's four sides, a sixteenth of it deep."""
    edge = max(1, min(levels.shape) // 16)
    sides = (levels[:edge], levels[-edge:], levels[:, :edge], levels[:, -edge:])
    return np.concatenate([side.ravel() for side in sides])


def _quantile(values: NDArray[np.float32], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed; np.median would import np.ma, 10 ms."""
    index = round(share * (values.size - 1))
    return float(np.partition(values.ravel(), index)[index])


def _slow_background(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """The background below bright strokes: a grey opening wider than any stroke, smoothed."""
    from PIL import Image, ImageFilter

    size = (levels.shape[1], levels.shape[0])
    small = Image.fromarray(levels.astype(np.uint8)).resize((48, 48), Image.Resampling.BOX)
    opened = small.filter(ImageFilter.MinFilter(15)).filter(ImageFilter.MaxFilter(15))
    smooth = opened.filter(ImageFilter.GaussianBlur(4))
    return np.asarray(smooth.resize(size, Image.Resampling.BILINEAR), np.float32)


def _otsu(ink: NDArray[np.float32]) -> float:
    """The threshold that separates two groups best (Otsu, 1979)."""
    counts = np.bincount(np.clip(ink, 0, 255).astype(np.intp).ravel(), minlength=256).astype(np.float64)
    below = counts.cumsum()
    above = below[-1] - below
    total = (counts * np.arange(256)).cumsum()
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (total / below - (total[-1] - total) / above) ** 2
    return float(np.nanargmax(np.where(np.isfinite(between), between, -1)))


def _without_specks(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask without pixels that have fewer than three neighbours of their own kind."""
    padded = np.pad(mask, 1).astype(np.int8)
    height, width = mask.shape
    around: NDArray[Any] = np.zeros(mask.shape, np.int8)
    for row in range(3):
        for column in range(3):
            around += padded[row : row + height, column : column + width]
    kept: NDArray[np.bool_] = mask & (around >= 4)
    return kept if kept.any() else mask


def _centred(digit: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Ink 0–1 fitted into 20×20, with its centre of mass at the centre of 28×28."""
    from PIL import Image

    height, width = digit.shape
    shrink = _BOX / max(height, width)
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    picture = Image.fromarray((digit * 255).astype(np.uint8))
    if size != picture.size:
        picture = picture.resize(size, Image.Resampling.BILINEAR if shrink > 1 else Image.Resampling.BOX)
    small = np.asarray(picture, np.float64)
    small = small * (255 / max(small.max(), 1.0))
    mass = max(small.sum(), 1.0)
    row = (small.sum(axis=1) * np.arange(size[1])).sum() / mass
    column = (small.sum(axis=0) * np.arange(size[0])).sum() / mass
    top = int(np.clip(round(_SIDE / 2 - 0.5 - row), 0, _SIDE - size[1]))
    left = int(np.clip(round(_SIDE / 2 - 0.5 - column), 0, _SIDE - size[0]))
    framed = np.zeros((_SIDE, _SIDE), np.uint8)
    framed[top : top + size[1], left : left + size[0]] = np.round(small)
    return framed
