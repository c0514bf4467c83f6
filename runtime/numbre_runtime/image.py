"""From a picture of one digit to MNIST's form.

MNIST's own preparation (LeCun et al., "Gradient-based learning applied to document recognition", 1998, section III.A):
ink bright on 0, fitted into a 20×20 box with its aspect ratio kept, its centre of mass at the centre of 28×28.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.errors import ImageError

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 50_000_000
"""Larger pictures are refused from their header, before they are decoded."""

_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
"""Read by Pillow's own decoders; formats that start other programs (EPS) are left out."""

_WORK_SIZE = 256
"""Longest side, in pixels, at which a picture is examined."""
_SIDE, _BOX = 28, 20
_SHADOW_SIZE = 64
"""Shortest side, in pixels, from which on slow changes of the background are taken out."""
_MIN_CONTRAST = 12
"""Ink must differ from its background by so many of 255 grey levels."""


def to_mnist(source: str | os.PathLike[str] | Image) -> NDArray[np.uint8]:
    """Brings a picture of one digit to MNIST's form.

    Args:
        source: A file's path or a PIL image, of any size, mode, polarity and EXIF orientation.

    Returns:
        (28, 28) uint8, ink up to 255 on 0.

    Raises:
        ImageError: It is no picture, damaged, too large, or has no ink.
    """
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        return _from_file(path)
    if not hasattr(source, "convert"):
        raise ImageError(f"a {type(source).__name__}; expected an array, a path or a PIL image")
    return from_grey(_grey(source, "the picture"), "the picture")


def _from_file(path: Path) -> NDArray[np.uint8]:
    from PIL import Image, UnidentifiedImageError

    if not path.is_file():
        raise ImageError(f"{path}: {'is a directory' if path.is_dir() else 'no such file'}")
    if path.stat().st_size == 0:
        raise ImageError(f"{path}: the file is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as picture:
                grey = _grey(picture, str(path))
    except Image.DecompressionBombError as cause:
        raise ImageError(f"{path}: too large; at most {MAX_PIXELS:,} pixels are read") from cause
    except UnidentifiedImageError as cause:
        raise ImageError(f"{path}: not a picture in a known format ({', '.join(_FORMATS)})") from cause
    except ImageError:
        raise
    except (
        OSError,
        SyntaxError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        EOFError,
        OverflowError,
    ) as cause:
        # Pillow's decoders let all of these through on damaged files.
        raise ImageError(f"{path}: damaged or cut short ({cause})") from cause
    return from_grey(grey, str(path))


def _grey(picture: Image, name: str) -> NDArray[np.float32]:
    """The picture upright, reduced to the size it is examined at, as grey levels 0–255."""
    from PIL import Image, ImageOps

    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise ImageError(f"{name}: {width}×{height} pixels; at most {MAX_PIXELS:,} are read")
    if width == 0 or height == 0:
        raise ImageError(f"{name}: {width}×{height} pixels, nothing to read")
    picture.draft("L", (2 * _WORK_SIZE, 2 * _WORK_SIZE))
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith(("I", "F")):
        levels = np.asarray(picture, np.float32)
        top = 65535 if picture.mode.startswith("I") and levels.max() > 255 else 255
        picture = Image.fromarray(np.clip(levels * (255 / top), 0, 255).astype(np.uint8))
    elif _is_transparent(picture):
        picture = _on_plain_ground(picture.convert("RGBA"))
    picture = picture.convert("L")
    if max(picture.size) > _WORK_SIZE:
        picture.thumbnail((_WORK_SIZE, _WORK_SIZE), Image.Resampling.BOX, reducing_gap=2.0)
    return np.asarray(picture, np.float32)


def _is_transparent(picture: Image) -> bool:
    """Pillow's has_transparency_data, which version 9.4 of Debian 12 does not have yet."""
    in_palette = picture.palette is not None and picture.palette.mode.endswith("A")
    return "A" in picture.getbands() or "transparency" in picture.info or in_palette


def _on_plain_ground(picture: Image) -> Image:
    """A picture with transparency, laid on white or, where what it shows is bright, on black."""
    from PIL import Image

    levels = np.asarray(picture.convert("LA"), np.float32)
    weight = levels[..., 1]
    brightness = (levels[..., 0] * weight).sum() / max(weight.sum(), 1.0)
    ground = 0 if brightness > 127 and weight.min() < 255 else 255
    backing = Image.new("RGBA", picture.size, (ground, ground, ground, 255))
    return Image.alpha_composite(backing, picture)


def from_grey(grey: NDArray[np.float32], name: str) -> NDArray[np.uint8]:
    """Finds the ink in grey levels 0–255 of any size and brings it to MNIST's form, (28, 28) uint8.

    Raises:
        ImageError: There is no ink.
    """
    ink = _ink(grey)
    strength = float(ink.max())
    if strength < _MIN_CONTRAST:
        raise ImageError(f"{name}: no digit found, the picture is blank")
    threshold = _otsu(ink)
    mask = _without_specks(ink > threshold)
    if not mask.any():
        raise ImageError(f"{name}: no digit found, only specks")
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, bottom = max(rows[0] - 1, 0), min(rows[-1] + 2, len(ink))
    left, right = max(columns[0] - 1, 0), min(columns[-1] + 2, ink.shape[1])
    full = float(np.percentile(ink[mask], 75))
    digit = np.clip(ink[top:bottom, left:right] / max(full, 1.0), 0, 1)
    digit[digit < 0.5 * threshold / full] = 0
    return _centred(digit)


def _ink(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far each pixel is from its background, towards the ink's side, 0–255.

    What lies along the border is background; a slow change of it (a shadow) is taken out of pictures that are large
    enough to tell a shadow from a stroke.
    """
    height, width = grey.shape
    edge = max(1, min(height, width) // 16)
    border = np.concatenate(
        [grey[:edge].ravel(), grey[-edge:].ravel(), grey[:, :edge].ravel(), grey[:, -edge:].ravel()]
    )
    ground = float(np.median(border))
    bright_ink = float(grey.max()) - ground > ground - float(grey.min())
    levels = grey if bright_ink else 255 - grey
    base = ground if bright_ink else 255 - ground
    shadowed = min(height, width) >= _SHADOW_SIZE
    ink: NDArray[np.float32] = levels - (_slow_background(levels) if shadowed else np.float32(base))
    ink -= 2 * float(np.median(np.abs(ink - np.median(ink))))
    return np.maximum(ink, 0)


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
