"""Opening untrusted pictures, whatever is made of them then."""

from __future__ import annotations

import io
import math
import os
import stat
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

import numpy as np

from numbre_runtime.errors import ImageError, NumbreError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

    from numbre_runtime.pictures.metered_file import MeteredFile

_Result = TypeVar("_Result")

MAX_PIXELS = 50_000_000
"""Larger pictures are refused from their header, before they are decoded, unless `PIXEL_LIMIT` says otherwise."""
PIXEL_LIMIT = "NUMBRE_MAX_PIXELS"
"""The environment variable that sets another limit. Pillow has one of its own, Image.MAX_IMAGE_PIXELS · 2."""
_SLOW_PIXELS = 1_000_000
"""Most pixels of a file that Pillow decodes in Python (plain PPM, BMP with run lengths), some 5 seconds' work."""
_WEBP_PIXELS = 2_000_000
"""Most pixels of a WebP file, which cost some 25 bytes each, the file among them, against the picture's 4."""
_HEIF_PIXELS = 25_000_000
"""Most pixels of a HEIC or AVIF file, whose decoders hold some 9 bytes for each."""

_ORIENTATION, _LYING = 0x0112, (5, 6, 7, 8)
"""EXIF's tag, and those of its values that say that the picture lies on its side."""

_SMALL_FILE = 64 << 10
"""Bytes up to which no file takes long, however it is made."""
_MOST_SCANNED = 2_000_000_000
"""Most coefficients that the scans of a JPEG go through, some 2 seconds' work; a camera's progressive file has 10
scans."""
_START_OF_SCAN = b"\xff\xda"

_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
"""Read by Pillow's own decoders; formats that start other programs (EPS) are left out."""


PictureSource: TypeAlias = "NDArray[Any] | str | os.PathLike[str] | bytes | bytearray | IO[bytes] | Image"
"""A picture: an array of its pixels, see `picture_of_array`, a file's path, an encoded picture as bytes or as an open
binary file, or a PIL image."""


def is_photo(pixels: NDArray[Any], shape: tuple[int, ...]) -> bool:
    """Whether an array holds one picture as cameras give it, (height, width) or (height, width, 3 or 4) uint8.

    Args:
        pixels: The array.
        shape: The shape of a model's own input; that shape, flat or in a batch, is no photo.
    """
    own = (shape, (math.prod(shape),), (*shape, 1))
    if pixels.dtype != np.uint8 or pixels.shape in own or pixels.shape[1:] in own:
        return False
    return pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))


def picture_of_array(pixels: NDArray[Any]) -> Image:
    """A PIL image of grey, RGB or RGBA pixels.

    Args:
        pixels: (height, width), or (height, width, 3 or 4) in the order red, green, blue, alpha; uint8.

    Raises:
        ImageError: Another shape or dtype.
    """
    from PIL import Image

    if pixels.dtype != np.uint8 or not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))):
        raise ImageError(
            f"an array of {pixels.dtype} {pixels.shape}; a picture is uint8, (height, width) or (height, width, 3 or 4)"
        )
    return Image.fromarray(np.ascontiguousarray(pixels))


def picture_name(source: object) -> str:
    """What messages call a picture: its path, the name of an open file, or "the picture" for one in memory."""
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "the picture"


_MOST_COEFFICIENTS = 80_000_000
"""Of two bytes each: 53 megapixels with colours at a quarter, 26 with colours at full size."""


def max_pixels() -> int:
    """How many pixels a picture may have.

    Raises:
        ImageError: `PIXEL_LIMIT` is set and no positive whole number.
    """
    text = os.environ.get(PIXEL_LIMIT)
    if text is None:
        return MAX_PIXELS
    if not text.isdecimal() or int(text) < 1:
        raise ImageError(f"{PIXEL_LIMIT}={text:.40}: expected a positive whole number of pixels")
    return int(text)


def with_picture(
    source: PictureSource,
    use: Callable[[Image, tuple[int, int]], _Result],
    draft: int | None = None,
) -> _Result:
    """What `use` makes of a picture; a file is closed afterwards, a PIL image is the caller's.

    Args:
        source: See `PictureSource`.
        use: Takes the picture, which it must not change, and its stored width and height, because a draft is smaller.
        draft: A JPEG file may be decoded straight to grey and a smaller size, no smaller than this side in pixels.

    Raises:
        ImageError: It is no picture, damaged or too large; all that Pillow lets through on damaged files becomes this.
    """
    from PIL import Image, UnidentifiedImageError

    name = picture_name(source)
    opened: str | MeteredFile = ""
    try:
        if isinstance(source, np.ndarray):
            source = picture_of_array(source)
        if isinstance(source, Image.Image):
            _check_size(source, name)
            return use(source, source.size)
        opened = _opened(source, name)
        with _open(opened, name) as picture:
            _check_size(picture, name)
            _check_decoder(picture, name)
            if picture.format in ("JPEG", "MPO"):
                _check_scans(picture, opened, name)
            if not isinstance(opened, str):
                opened.decode()
            size = picture.size
            if draft is not None:
                picture.draft("L", (draft, draft))
            return use(picture, size)
    except ImageError:
        raise
    except Image.DecompressionBombError as cause:
        raise ImageError(f"{name}: too large; at most {max_pixels():,} pixels are read") from cause
    except UnidentifiedImageError as cause:
        known = ", ".join(_FORMATS)
        raise ImageError(
            f"{name}: no picture in a known format ({known}, HEIC, AVIF), or its header is damaged"
        ) from cause
    except PermissionError as cause:
        raise ImageError(f"{name}: cannot be read ({cause.strerror})") from cause
    except NumbreError:
        raise
    except Exception as cause:
        # Pillow lets a dozen kinds of errors through on damaged files, AttributeError and struct.error among them.
        raise ImageError(f"{name}: damaged or cut short ({cause})") from cause
    finally:
        if isinstance(source, (str, os.PathLike)) and not isinstance(opened, str):
            opened.release()


def _open(file: str | MeteredFile, name: str) -> ImageFile:
    """The picture, opened by Pillow or, where Pillow does not know its format, by another decoder."""
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(cast("str | IO[bytes]", file), formats=_FORMATS)
    except UnidentifiedImageError:
        from numbre_runtime.pictures.more_formats import HEAD, open_by_head

        picture = open_by_head(cast("str | IO[bytes]", file), _first_bytes(file, HEAD), name)
        if picture is None:
            raise
        return picture


def _first_bytes(file: str | MeteredFile, count: int) -> bytes:
    if isinstance(file, str):
        with open(file, "rb") as stream:  # noqa: PTH123 - Path would cost an import
            return stream.read(count)
    file.seek(0)
    head = file.read(count)
    file.seek(0)
    return head


def _opened(source: object, name: str) -> str | MeteredFile:
    """A picture as `Image.open` takes it.

    A small file by its name, because Pillow then imports only the decoder for its ending; what is done with it is
    bounded by its size.
    """
    if isinstance(source, (str, os.PathLike)) and _check_file(name) <= _SMALL_FILE:
        return name
    from numbre_runtime.pictures.metered_file import MeteredFile

    if isinstance(source, (str, os.PathLike)):
        return MeteredFile(open(name, "rb"))  # noqa: PTH123 - closed by the caller; Path would cost an import
    if isinstance(source, (bytes, bytearray, memoryview)):
        return MeteredFile(io.BytesIO(source))
    if hasattr(source, "read"):
        return MeteredFile(cast("IO[bytes]", source))
    raise ImageError(f"a {type(source).__name__}; expected an array, a path, bytes, a binary file or a PIL image")


def upright_size(picture: Image, size: tuple[int, int], turn: int | None = None) -> tuple[int, int]:
    """A stored width and height as they are once the picture is turned upright, by its `orientation` if not given."""
    return size[::-1] if (turn or orientation(picture)) in _LYING else size


def orientation(picture: Image) -> int:
    """The EXIF orientation, 1 to 8; 1, upright, where there is none, or an EXIF block that does not read."""
    try:
        found = picture.getexif().get(_ORIENTATION)
    except Exception:  # noqa: BLE001 - Pillow lets many kinds of errors through on damaged blocks
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def upright(picture: Image, stored: int) -> Image:
    """A picture turned upright, given its `orientation`; `ImageOps.exif_transpose` reads all other tags too."""
    from PIL import Image

    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    turn = turns.get(stored)
    return picture if turn is None else picture.transpose(turn)


def is_transparent(picture: Image) -> bool:
    """Pillow's has_transparency_data, which version 9.4 of Debian 12 does not have yet."""
    if picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info:
        return True
    return picture.palette is not None and picture.palette.mode.endswith("A")


def _check_file(name: str) -> int:
    """The size of a regular file in bytes."""
    try:
        found = os.stat(name)  # noqa: PTH116 - Path would cost an import
    except (OSError, ValueError) as cause:
        missing = isinstance(cause, FileNotFoundError)
        raise ImageError(f"{name}: {'no such file' if missing else f'cannot be read ({cause})'}") from cause
    if not stat.S_ISREG(found.st_mode):
        directory = stat.S_ISDIR(found.st_mode)
        raise ImageError(f"{name}: {'is a directory' if directory else 'not a regular file; save the picture first'}")
    if found.st_size == 0:
        raise ImageError(f"{name}: the file is empty")
    return found.st_size


def _check_size(picture: Image, name: str) -> None:
    width, height = picture.size
    limit = max_pixels()
    if width * height > limit:
        raise ImageError(f"{name}: {width}×{height} pixels; at most {limit:,} are read ({PIXEL_LIMIT} sets it)")
    if width == 0 or height == 0:
        raise ImageError(f"{name}: {width}×{height} pixels, nothing to read")


def _check_decoder(picture: ImageFile, name: str) -> None:
    from PIL import Image

    slow = any(tile[0] in Image.DECODERS for tile in picture.tile)
    if slow and picture.width * picture.height > _SLOW_PIXELS:
        raise ImageError(
            f"{name}: {picture.width}×{picture.height} pixels in a form that takes long to decode; save it as PNG"
        )
    if picture.format == "WEBP" and picture.width * picture.height > _WEBP_PIXELS:
        raise ImageError(
            f"{name}: a WebP file of {picture.width}×{picture.height} pixels takes too much memory; at most "
            f"{_WEBP_PIXELS:,} are read; save it as PNG or JPEG"
        )
    if picture.format in ("HEIF", "AVIF") and picture.width * picture.height > _HEIF_PIXELS:
        raise ImageError(
            f"{name}: a HEIC or AVIF file of {picture.width}×{picture.height} pixels takes too much memory; at most "
            f"{_HEIF_PIXELS:,} are read; save it as JPEG"
        )
    if picture.format == "TIFF":
        from numbre_runtime.pictures.more_formats import check_single_page

        check_single_page(picture, name)
    if picture.info.get("progressive") and _coefficients(picture) > _MOST_COEFFICIENTS:
        raise ImageError(
            f"{name}: a progressive JPEG of {picture.width}×{picture.height} pixels takes too much memory; "
            "save it as a plain one"
        )


def _check_scans(picture: ImageFile, opened: str | MeteredFile, name: str) -> None:
    """Bounds the work of a JPEG that is stored in many passes over all its pixels."""
    if not isinstance(opened, str):
        scans = opened.count(_START_OF_SCAN)
    else:
        with open(opened, "rb") as stream:  # noqa: PTH123
            scans = stream.read(_SMALL_FILE).count(_START_OF_SCAN)
    if scans * _coefficients(picture) > _MOST_SCANNED and scans > 1:
        raise ImageError(f"{name}: a JPEG of {scans:,} scans takes too long to decode; save it as a plain one")


def _coefficients(picture: ImageFile) -> float:
    """How many coefficients a progressive JPEG's decoder holds, by the sampling of each of its channels."""
    layers: list[tuple[int, int]] = [(across, down) for _, across, down, _ in getattr(picture, "layer", [])]
    full = max((across for across, _ in layers), default=1) * max((down for _, down in layers), default=1)
    return picture.width * picture.height * sum(across * down for across, down in layers) / full
