"""Ink and its ground: which of the two is darker, and how far each pixel stands out from the ground around it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from numbre_runtime.pictures.grey import shrunk
from numbre_runtime.pictures.histogram import histogram, quantile
from numbre_runtime.pictures.morphology import opening

if TYPE_CHECKING:
    from numpy.typing import NDArray

_POLARITY_SIZE = 64
"""Longest side, in pixels, at which ink is told from ground."""
_WIDEST_STROKE, _WIDEST_IN_SMALL = 0.35, 0.65
"""No stroke is wider than this share of the picture's longer side; small pictures show a digit and no shadow."""
_NOISE_SPANS = 4
"""How many of the background's lesser deviations count as its noise; 1.3 standard deviations of white noise."""
_RIM = 0.8
"""What takes less of the rim than this share of the picture's longer side is ink that touches it, not ground."""
_DARKEST_GROUND = 40
"""In deeper shadow ink is not made any darker, because it would be noise."""


def has_dark_ink(grey: NDArray[np.uint8]) -> bool:
    """Whether ink is darker than its ground.

    Seen from most pixels of the ink, the picture's border is of another level in nearly every direction; a shadow's
    edge, however hard, leaves the border on the pixel's own side in some.
    """
    small = shrunk(grey, _POLARITY_SIZE)
    # One direction of the eight may lead along a stroke, so the second lowest and the second highest level decide.
    lowest = second_lowest = np.full(small.shape, 255, np.uint8)
    highest = second_highest = np.zeros(small.shape, np.uint8)
    for seen in _border_levels(small):
        second_lowest = np.minimum(second_lowest, np.maximum(lowest, seen))
        lowest = np.minimum(lowest, seen)
        second_highest = np.maximum(second_highest, np.minimum(highest, seen))
        highest = np.maximum(highest, seen)
    darker = (np.maximum(second_lowest, small) - small).ravel().astype(np.int64)
    lighter = (small - np.minimum(second_highest, small)).ravel().astype(np.int64)
    return bool(darker @ darker >= lighter @ lighter)


def _border_levels(levels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """What each pixel sees at the picture's border in the four straight and the four slanting directions."""
    straight = [
        np.broadcast_to(side, levels.shape) for side in (levels[:1], levels[-1:], levels[:, :1], levels[:, -1:])
    ]
    return [*straight, *levels.ravel().take(_slanting_ends(*levels.shape))]


@functools.lru_cache(maxsize=8)
def _slanting_ends(height: int, width: int) -> NDArray[np.intp]:
    """(4, height, width): where each pixel's slanting directions end, as an index of the flattened picture."""
    row, column = np.arange(height)[:, None], np.arange(width)
    ends = []
    for down in (row, height - 1 - row):
        for right in (column, width - 1 - column):
            steps = np.minimum(down, right)
            across = -steps if right is column else steps
            along = -steps if down is row else steps
            ends.append((row + along) * width + column + across)
    return np.stack(ends)


def ink_of(grey: NDArray[np.uint8], dark_ink: bool, small: bool) -> NDArray[np.uint8]:
    """How far each pixel stands out from its ground towards the ink's side, 0–255.

    The ground is what is left of the picture when everything is taken away that a square wider than any stroke does
    not fit into: shadows stay in it, with their edges. Dark ink in a shadow counts as in full light.
    """
    levels = 255 - grey if dark_ink else grey
    size = round((_WIDEST_IN_SMALL if small else _WIDEST_STROKE) * max(grey.shape)) | 1
    ground = np.minimum(opening(_with_plain_rim(levels), size, size), levels)
    ink = levels - ground
    if dark_ink:
        light = np.maximum(255 - ground, _DARKEST_GROUND)
        # Floats divide many pixels at a time, and a quotient of such whole numbers never rounds up to the next one.
        ink = (np.multiply(ink, 255, dtype=np.float32) / light).astype(np.uint8)
    rest = _border_histogram(ink)
    # Up to two thirds of the border may be ink where a picture is cut along its digit.
    middle = quantile(rest, 0.3)
    away = rest[middle:].copy()
    below = rest[:middle][::-1]
    away[1 : 1 + len(below)] += below[: len(away) - 1]
    noise = quantile(away, 0.3)
    least = np.uint8(min(middle + _NOISE_SPANS * noise, 255))
    return np.maximum(ink, least) - least


def _with_plain_rim(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The levels with the outermost pixels cleared of ink, because the rim tells the ground beyond the border."""
    height, width = levels.shape
    if min(height, width) < 2:
        return levels
    top, right, bottom, left = levels[0, :-1], levels[:-1, -1], levels[-1, :0:-1], levels[:0:-1, 0]
    rim = np.concatenate([top, right, bottom, left])
    window = min(round(_RIM * max(levels.shape)), len(rim) - 1) | 1
    half = window // 2
    around = np.concatenate([rim[-half:], rim, rim[:half]]) if half else rim
    clear = opening(around[None], 1, window)[0, half : half + len(rim)]
    plain = levels.copy()
    plain[0, :-1], plain[:-1, -1], plain[-1, :0:-1], plain[:0:-1, 0] = np.split(
        clear, np.cumsum([width - 1, height - 1, width - 1])
    )
    return plain


def _border_histogram(levels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The histogram of the pixels along the picture's four sides, a sixteenth of it deep."""
    edge = max(1, min(levels.shape) // 16)
    sides = (levels[:edge], levels[-edge:], levels[:, :edge], levels[:, -edge:])
    return histogram(np.concatenate([side.ravel() for side in sides])[None])
