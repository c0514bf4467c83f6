"""From an opened picture of any mode and orientation to grey levels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from numbre_runtime.errors import ImageError
from numbre_runtime.pictures.picture import is_transparent, orientation, upright

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

_STRIP_PIXELS = 1_000_000
"""About so many pixels of a picture with transparency are copied at a time."""


def grey_levels(picture: Image, longest: int, decoded: int, turn: int | None = None) -> NDArray[np.uint8]:
    """The picture upright, its longest side at most `longest` pixels, as grey levels (height, width) uint8.

    It is turned by its `orientation`, which the caller may have read already.

    Whole factors bring it near `decoded` pixels first, from above, so that no later step needs more memory than that.

    Raises:
        ImageError: It has NaN or infinite levels.
    """
    from PIL import Image

    picture = upright(_reduced(picture, decoded), turn or orientation(picture))
    if picture.mode.startswith(("I", "F")):
        picture = Image.fromarray(_as_bytes(np.asarray(picture, np.float32), picture.mode))
    if picture.mode == "La":
        picture = picture.convert("LA")
    if is_transparent(picture):
        picture = _on_plain_ground(picture.convert("RGBA"))
    if picture.mode == "LAB":
        picture = picture.getchannel(0)
    picture = picture.convert("L")
    if max(picture.size) > longest:
        picture.thumbnail((longest, longest), Image.Resampling.BOX, reducing_gap=2.0)
    return np.asarray(picture)


def shrunk(grey: NDArray[np.uint8], longest: int) -> NDArray[np.uint8]:
    """Grey levels (height, width) averaged over whole squares until no side is longer than `longest` pixels."""
    from PIL import Image

    factor = -(-max(grey.shape) // longest)
    return grey if factor == 1 else np.asarray(Image.fromarray(grey).reduce(factor))


def _reduced(picture: Image, least: int) -> Image:
    """The picture at no less than `least` pixels on its longest side, by whole factors; the caller's is untouched."""
    from PIL import Image

    factor = max(picture.size) // least
    if factor < 2:
        return picture
    if picture.mode in ("LA", "RGBA"):
        smaller = _reduced_by_strips(picture, factor)
    elif picture.mode in ("L", "RGB", "CMYK", "YCbCr", "F", "I"):
        smaller = picture.reduce(factor)
    else:
        # Palettes, single bits and I;16 cannot be averaged as they are stored.
        size = (max(1, picture.width // factor), max(1, picture.height // factor))
        smaller = picture.resize(size, Image.Resampling.NEAREST)
    smaller.info = picture.info
    return smaller


def _reduced_by_strips(picture: Image, factor: int) -> Image:
    """As `Image.reduce`, which copies a picture with transparency as a whole."""
    from PIL import Image

    width, height = picture.size
    smaller = Image.new(picture.mode, (-(-width // factor), -(-height // factor)))
    depth = factor * max(1, _STRIP_PIXELS // (width * factor))
    for top in range(0, height, depth):
        strip = picture.crop((0, top, width, min(top + depth, height)))
        smaller.paste(strip.reduce(factor), (0, top // factor))
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
    """A picture (RGBA) with transparency, laid on white or, where what it shows is bright, on black."""
    from PIL import Image, ImageStat

    alpha = picture.getchannel("A")
    faintest, _ = alpha.getextrema()
    if faintest == 255:
        return picture.convert("L")
    # A picture of one level laid on another needs no copies in colour.
    levels = picture.convert("L")
    weight = ImageStat.Stat(alpha).sum[0]
    shown = Image.composite(levels, Image.new("L", levels.size), alpha)
    brightness = 255 * ImageStat.Stat(shown).sum[0] / max(weight, 1.0)
    if brightness > 127:
        return shown
    return Image.composite(levels, Image.new("L", levels.size, 255), alpha)
