"""From any picture to the grey levels that a page is examined at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from numbre_runtime.pictures.grey import grey_levels
from numbre_runtime.pictures.picture import PictureSource, upright_size, with_picture

if TYPE_CHECKING:
    from PIL.Image import Image

_WORK_PIXELS = 4_000_000
"""A larger picture is reduced by a whole factor to no more than so many pixels."""
_DRAFT = 1200
"""A JPEG file may be decoded at a half, a quarter or an eighth, with its short side no shorter than this."""
_SMALL = 1000
"""A smaller picture is enlarged until its longest side has about so many pixels."""
_MOST_ENLARGED = 4.0


@dataclass(frozen=True)
class Levels:
    """A page as it is examined."""

    grey: NDArray[np.uint8]
    """(height, width) grey levels 0–255."""
    width: int
    """Width of the upright picture itself, in its own pixels."""
    height: int
    """Its height."""


def page_levels(source: PictureSource) -> Levels:
    """Grey levels of a picture, reduced or enlarged to a size at which digits on a page are found.

    Args:
        source: A file's path, a PIL image, or pixels (height, width) or (height, width, 3 or 4) uint8.

    Raises:
        ImageError: It is no picture, damaged or too large.
    """
    grey, (width, height) = with_picture(source, _reduced, draft=_DRAFT)
    enlarged = min(_SMALL / max(grey.shape), _MOST_ENLARGED)
    if enlarged > 1.5:
        grey = cv2.resize(grey, None, fx=enlarged, fy=enlarged, interpolation=cv2.INTER_CUBIC)
    return Levels(np.asarray(grey, np.uint8), width, height)


def _reduced(picture: Image, size: tuple[int, int]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """The grey levels of a picture or a draft of it, upright, and its stored width and height `size` upright too."""
    factor = math.ceil(math.sqrt(picture.width * picture.height / _WORK_PIXELS))
    longest = max(1, max(picture.size) // factor)
    upright = upright_size(picture, size)
    return grey_levels(picture, longest, longest), upright
