"""From a picture of any size to a network's input shape: all of it is resized, none of it is looked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.errors import ImageError
from numbre_runtime.pictures.picture import PictureSource, is_transparent, orientation, upright, with_picture

if TYPE_CHECKING:
    from PIL.Image import Image

_MODES = {1: "L", 3: "RGB"}


def to_shape(source: PictureSource, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Resizes a picture, bilinearly over all pixels that fall into one, without keeping its aspect ratio.

    Args:
        source: A picture, see `PictureSource`, of any size and EXIF orientation; what is transparent counts as black.
        shape: (height, width) for grey levels, (height, width, 1) as well, (height, width, 3) for red, green, blue.

    Returns:
        `shape` uint8. A picture of that very size keeps its values.

    Raises:
        ImageError: It is no picture, damaged or too large, or the shape is none of a picture.
    """
    channels = shape[2] if len(shape) == 3 else 1
    if len(shape) not in (2, 3) or channels not in _MODES:
        raise ImageError(f"a picture; this model takes arrays of shape {shape}")
    return with_picture(source, lambda picture, _: _resized(picture, shape, _MODES[channels]))


def _resized(picture: Image, shape: tuple[int, ...], mode: str) -> NDArray[np.uint8]:
    from PIL import Image

    picture = upright(picture, orientation(picture))
    if picture.mode.startswith(("I", "F")):
        levels: NDArray[Any] = np.asarray(picture, np.float32)
        top = 65535 if picture.mode.startswith("I") and levels.max() > 255 else 255
        picture = Image.fromarray(np.clip(levels * (255 / top), 0, 255).astype(np.uint8))
    elif is_transparent(picture):
        shown = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", shown.size, (0, 0, 0, 255)), shown)
    picture = picture.convert(mode)
    size = (shape[1], shape[0])
    if picture.size != size:
        picture = picture.resize(size, Image.Resampling.BILINEAR)
    return np.asarray(picture, np.uint8).reshape(shape)
