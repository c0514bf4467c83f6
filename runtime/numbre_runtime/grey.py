"""From an opened picture of any mode and orientation to grey levels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from numbre_runtime.errors import ImageError
from numbre_runtime.picture import is_transparent

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image


def grey_levels(picture: Image, longest: int, decoded: int) -> NDArray[np.float32]:
    """The picture upright, its longest side at most `longest` pixels, as grey levels (height, width) float32 0–255.

    Whole factors bring it near `decoded` pixels first, from above, so that no later step needs more memory than that.

    Raises:
        ImageError: It has NaN or infinite levels.
    """
    from PIL import Image, ImageOps

    picture = ImageOps.exif_transpose(_reduced(picture, decoded))
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
    return np.asarray(picture, np.float32)


def _reduced(picture: Image, least: int) -> Image:
    """The picture at no less than `least` pixels on its longest side, by whole factors; the caller's is untouched."""
    from PIL import Image

    factor = max(picture.size) // least
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
