"""From a picture of one digit to MNIST's form.

MNIST's own preparation (LeCun et al., "Gradient-based learning applied to document recognition", 1998, section III.A):
ink bright on 0, fitted into a 20×20 box with its aspect ratio kept, its centre of mass at the centre of 28×28.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from numbre_runtime.errors import ImageError
from numbre_runtime.pictures.digit_pieces import digit_parts
from numbre_runtime.pictures.frame import inside_frame
from numbre_runtime.pictures.grey import grey_levels
from numbre_runtime.pictures.ground import has_dark_ink, ink_of
from numbre_runtime.pictures.histogram import histogram, otsu, quantile
from numbre_runtime.pictures.mnist_form import SIDE, in_mnist_form
from numbre_runtime.pictures.picture import PictureSource, orientation, picture_name, upright_size, with_picture

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from numbre_runtime.pictures.sheet import Sheet

_WORK_SIZE = 256
"""Longest side, in pixels, at which a picture is examined."""
_LEAST_SIZE = 112
"""Longest side, in pixels, to which small pictures are enlarged."""
_EDGE_SHARE = 0.4
"""A stroke's blurred edge still counts as ink from this share of Otsu's threshold on."""
_FAINTEST = 0.4
"""Nothing of a digit is fainter than this share of its usual ink."""
_MIN_CONTRAST = 12
"""Ink must differ from its background by so many of 255 grey levels."""


class Found(NamedTuple):
    """Where the digit of a picture is."""

    box: tuple[int, int, int, int]
    """left, top, right, bottom in the upright picture's pixels; right and bottom lie just outside."""
    dark_ink: bool
    """True: dark ink on a lighter ground; False: light ink on a darker one."""
    others: int = 0
    """Signs about as large as the digit that are in the picture too; `numbre_runtime.read` reads all of them."""


def find_digit(source: PictureSource) -> tuple[NDArray[np.uint8], Found | None]:
    """Finds the digit of a picture and brings it to MNIST's form.

    Args:
        source: A picture, see `PictureSource`, of any size, mode, polarity and EXIF orientation.

    Returns:
        (28, 28) uint8, ink up to 255 on 0, and where it was found; all zeros and None for a blank picture.

    Raises:
        ImageError: It is no picture, damaged or too large.
    """
    return with_picture(source, _digit_of, draft=_WORK_SIZE)


def to_mnist(source: PictureSource) -> NDArray[np.uint8]:
    """Brings a picture of one digit to MNIST's form.

    Args:
        source: A picture, see `PictureSource`, of any size, mode, polarity and EXIF orientation.

    Returns:
        (28, 28) uint8, ink up to 255 on 0.

    Raises:
        ImageError: It is no picture, damaged, too large, or has no ink.
    """
    pixels, found = find_digit(source)
    if found is None:
        raise ImageError(f"{picture_name(source)}: no digit found, the picture is blank")
    return pixels


def _digit_of(picture: Image, size: tuple[int, int]) -> tuple[NDArray[np.uint8], Found | None]:
    """As `find_digit`, of an opened picture, or a draft of it, and its own width and height as they are stored."""
    # Read once, because it takes a tenth of a small picture's time.
    turn = orientation(picture)
    grey = grey_levels(picture, _WORK_SIZE, 2 * _WORK_SIZE, turn)
    sheet = _sheet(grey)
    pixels, found = from_grey(grey) if sheet is None else _on_sheet(grey, sheet)
    if found is None:
        return pixels, None
    width, height = upright_size(picture, size, turn)
    across, down = width / grey.shape[1], height / grey.shape[0]
    left, top, right, bottom = found.box
    box = (int(left * across), int(top * down), math.ceil(right * across), math.ceil(bottom * down))
    return pixels, found._replace(box=box)


def _sheet(grey: NDArray[np.uint8]) -> Sheet | None:
    """The sheet that a picture shows; one of the network's own size is too small for any."""
    if min(grey.shape) <= SIDE:
        return None
    # Imported here and below, because small pictures, which need neither, then start faster.
    from numbre_runtime.pictures.sheet import find_sheet

    return find_sheet(grey)


def _on_sheet(grey: NDArray[np.uint8], sheet: Sheet) -> tuple[NDArray[np.uint8], Found | None]:
    """As `from_grey`, of the sheet in a picture."""
    from numbre_runtime.pictures.sheet import flattened

    flat = flattened(grey, sheet)
    pixels, found = from_grey(flat)
    if found is None:
        return pixels, None
    left, top, right, bottom = found.box
    across = np.array([left, right, right, left]) / flat.shape[1]
    down = np.array([top, top, bottom, bottom]) / flat.shape[0]
    x, y = sheet.in_picture(across, down)
    box = (max(0, int(x.min())), max(0, int(y.min())), math.ceil(x.max()), math.ceil(y.max()))
    return pixels, found._replace(box=(box[0], box[1], min(box[2], grey.shape[1]), min(box[3], grey.shape[0])))


def from_grey(grey: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Found | None]:
    """As `find_digit`, of grey levels (height, width) uint8."""
    rows, columns = inside_frame(grey)
    dark_ink = has_dark_ink(grey[rows, columns])
    inner, enlarged = _enlarged(grey[rows, columns])
    ink = ink_of(inner, dark_ink, small=enlarged > 1)
    counts = histogram(ink)
    if enlarged == 1:
        from numbre_runtime.pictures.ruled_lines import without_lines

        clean = without_lines(ink, counts)
        if clean is not ink:
            ink, counts = clean, histogram(clean)
    if quantile(counts, 1) < _MIN_CONTRAST:
        return np.zeros((SIDE, SIDE), np.uint8), None
    threshold = _EDGE_SHARE * otsu(counts)
    # Leftovers of lines hang on a digit and are fainter than it.
    usual = quantile(np.where(np.arange(256) > threshold, counts, 0), 0.75)
    mask, (left, top, right, bottom), others = digit_parts(ink, ink > max(threshold, _FAINTEST * usual))
    cut = slice(top, bottom), slice(left, right)
    full = max(_usual(ink[cut], mask[cut]), 1)
    strength = np.minimum(np.arange(256) * 255 // full, 255).astype(np.uint8)
    digit = strength.take(ink[cut]) * mask[cut]
    box = (
        int(columns.start + left / enlarged),
        int(rows.start + top / enlarged),
        math.ceil(columns.start + right / enlarged),
        math.ceil(rows.start + bottom / enlarged),
    )
    return in_mnist_form(digit), Found(box, dark_ink, others)


def _usual(ink: NDArray[np.uint8], mask: NDArray[np.bool_]) -> int:
    """How strong the ink of a mask is in the middle of its strokes: a quarter of it is stronger."""
    counts = histogram(ink * mask)
    counts[0] -= mask.size - int(np.count_nonzero(mask))
    return quantile(counts, 0.75)


def _enlarged(grey: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    """Small pictures are enlarged, so that their strokes have edges; also how many times."""
    from PIL import Image

    times = _LEAST_SIZE // max(grey.shape)
    if times < 2:
        return grey, 1
    size = (grey.shape[1] * times, grey.shape[0] * times)
    return np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BICUBIC)), times
