"""From any picture to the grey levels that a page is examined at."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from numbre_runtime.pictures.grey import grey_levels
from numbre_runtime.pictures.picture import PictureSource, upright_size, with_picture
from numbre_runtime.pictures.sheet import Sheet, find_sheet

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
    """A page as it is examined: the whole picture, or the sheet that it shows, seen from the front."""

    grey: NDArray[np.uint8]
    """(height, width) grey levels 0–255."""
    width: int
    """Width of the upright picture itself, in its own pixels."""
    height: int
    """Its height."""
    matrix: NDArray[np.float64]
    """(3, 3), the projective map from x and y in `grey` to those in the picture; pixels' middles lie at halves."""

    def turned(self, quarters: int) -> Levels:
        """The page turned counter-clockwise by so many quarters of a turn, 0–3."""
        height, width = self.grey.shape
        # From the turned page's x and y to those before the turn.
        back = {
            0: np.eye(3),
            1: np.array([[0.0, -1, width], [1, 0, 0], [0, 0, 1]]),
            2: np.array([[-1.0, 0, width], [0, -1, height], [0, 0, 1]]),
            3: np.array([[0.0, 1, 0], [-1, 0, height], [0, 0, 1]]),
        }[quarters]
        return replace(self, grey=np.ascontiguousarray(np.rot90(self.grey, quarters)), matrix=self.matrix @ back)


def page_levels(source: PictureSource) -> list[Levels]:
    """Grey levels of a picture, reduced or enlarged to a size at which digits on a page are found.

    Returns:
        The whole picture and, before it, the sheet that it seems to show, if any: a shadow's edge may look like one's.

    Args:
        source: A file's path, a PIL image, or pixels (height, width) or (height, width, 3 or 4) uint8.

    Raises:
        ImageError: It is no picture, damaged or too large.
    """
    grey, (width, height) = with_picture(source, _reduced, draft=_DRAFT)
    whole = Levels(grey, width, height, _scaling(width / grey.shape[1], height / grey.shape[0]))
    sheet = find_sheet(grey)
    found = [whole] if sheet is None else [_seen_from_the_front(whole, sheet), whole]
    return [_enlarged(levels) for levels in found]


def _enlarged(levels: Levels) -> Levels:
    """Levels that are large enough to find digits in."""
    height, width = levels.grey.shape
    enlarged = min(_SMALL / max(height, width), _MOST_ENLARGED)
    if enlarged <= 1.5:
        return levels
    flags = cv2.INTER_CUBIC
    grey = np.asarray(cv2.resize(levels.grey, None, fx=enlarged, fy=enlarged, interpolation=flags), np.uint8)
    matrix = levels.matrix @ _scaling(width / grey.shape[1], height / grey.shape[0])
    return replace(levels, grey=grey, matrix=matrix)


def _scaling(across: float, down: float) -> NDArray[np.float64]:
    return np.diag([across, down, 1.0])


def _seen_from_the_front(whole: Levels, sheet: Sheet) -> Levels:
    """The sheet alone."""
    width, height = sheet.size
    front = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    matrix = np.asarray(cv2.getPerspectiveTransform(front, np.array(sheet, np.float32)), np.float64)
    # OpenCV counts from pixels' middles.
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    there = np.linalg.inv(half) @ matrix @ half
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    flat = cv2.warpPerspective(whole.grey, there, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return replace(whole, grey=np.asarray(flat, np.uint8), matrix=whole.matrix @ matrix)


def _reduced(picture: Image, size: tuple[int, int]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """The grey levels of a picture or a draft of it, upright, and its stored width and height `size` upright too."""
    factor = math.ceil(math.sqrt(picture.width * picture.height / _WORK_PIXELS))
    longest = max(1, max(picture.size) // factor)
    upright = upright_size(picture, size)
    return grey_levels(picture, longest, longest), upright
