"""From a picture of any size to a network's input shape: all of it is resized, none of it is looked for."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.errors import ImageError
from numbre_runtime.image import MAX_PIXELS

if TYPE_CHECKING:
    from PIL.Image import Image

_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
_MODES = {1: "L", 3: "RGB"}


def to_shape(source: str | os.PathLike[str] | Image, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Resizes a picture, bilinearly over all pixels that fall into one, without keeping its aspect ratio.

    Args:
        source: A file's path or a PIL image, of any size and EXIF orientation; what is transparent counts as black.
        shape: (height, width) for grey levels, (height, width, 1) as well, (height, width, 3) for red, green, blue.

    Returns:
        `shape` uint8. A picture of that very size keeps its values.

    Raises:
        ImageError: It is no picture, damaged or too large, or the shape is none of a picture.
    """
    channels = shape[2] if len(shape) == 3 else 1
    if len(shape) not in (2, 3) or channels not in _MODES:
        raise ImageError(f"a picture; this model takes arrays of shape {shape}")
    if not isinstance(source, (str, os.PathLike)):
        if not hasattr(source, "convert"):
            raise ImageError(f"a {type(source).__name__}; expected an array, a path or a PIL image")
        return _resized(source, "the picture", shape, _MODES[channels])
    from PIL import Image, UnidentifiedImageError

    path = Path(source)
    if not path.is_file():
        raise ImageError(f"{path}: {'is a directory' if path.is_dir() else 'no such file'}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as picture:
                return _resized(picture, str(path), shape, _MODES[channels])
    except ImageError:
        raise
    except Image.DecompressionBombError as cause:
        raise ImageError(f"{path}: too large; at most {MAX_PIXELS:,} pixels are read") from cause
    except UnidentifiedImageError as cause:
        raise ImageError(f"{path}: not a picture in a known format ({', '.join(_FORMATS)})") from cause
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, OverflowError) as cause:
        # Pillow's decoders let all of these through on damaged files.
        raise ImageError(f"{path}: damaged or cut short ({cause})") from cause


def _resized(picture: Image, name: str, shape: tuple[int, ...], mode: str) -> NDArray[np.uint8]:
    from PIL import Image, ImageOps

    width, height = picture.size
    if not 0 < width * height <= MAX_PIXELS:
        raise ImageError(f"{name}: {width}×{height} pixels; 1 to {MAX_PIXELS:,} are read")
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith(("I", "F")):
        levels: NDArray[Any] = np.asarray(picture, np.float32)
        top = 65535 if picture.mode.startswith("I") and levels.max() > 255 else 255
        picture = Image.fromarray(np.clip(levels * (255 / top), 0, 255).astype(np.uint8))
    elif picture.has_transparency_data:
        shown = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", shown.size, (0, 0, 0, 255)), shown)
    picture = picture.convert(mode)
    size = (shape[1], shape[0])
    if picture.size != size:
        picture = picture.resize(size, Image.Resampling.BILINEAR)
    return np.asarray(picture, np.uint8).reshape(shape)
