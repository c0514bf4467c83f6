"""Signs between digits: points, commas, colons, slashes and minus signs, told by their shape and by where they stand.

The set is closed: `SEPARATORS`. A plus is recognized as well, so that it is not taken for a 4. A sign is looked for
between parts that are as tall as digits; it is no broken piece of one of them, because it stands beside them and not
above or below.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.page.blobs import Parts
from numbre_runtime.page.reading_order import Place

SEPARATORS = ".,:/-"
"""All separators that are read; each is written as it stands, whatever it means there."""
_FURTHEST = 0.9
"""From a digit to a separator, in heights of the writing."""
_BESIDE = 0.35
"""A separator shares at most so much of its width with the digits beside it."""
_DOT, _SMALLEST = 0.3, 0.06
"""A point is no longer, and no separator is shorter; in heights of the writing."""
_COMMA_HEIGHT, _COMMA_WIDTH = 0.6, 0.4
"""A comma is no higher and no wider."""
_DASH_HEIGHT, _DASH_WIDTH, _FLAT = 0.3, 1.2, 1.8
"""A minus sign is no higher and no wider, and so many times as wide as high."""
_APART = -0.05
"""A minus sign is further from the digits beside it, in columns; the bar of a 4 or a 7 in two pieces overlaps more."""
_TALL_POINT, _HANGING = 1.5, 1.03
"""A point is not so many times as high as wide; what hangs lower than this, in heights below the digits' heads, may be
a comma that leans so far that it is no higher than wide."""
_LOWEST_POINT, _LARGEST_LOW_POINT = 1.2, 0.22
"""A point of this size or smaller may hang so low."""
_SLASH_HEIGHT, _LEAN, _CROOKED = 1.15, 0.25, 0.05
"""A slash is so many heights tall at least, moves so far to the right for each row up, and is straight."""
_PLUS_HEIGHT = 0.8
"""A plus is lower; a 4 that looks like one is as tall as other digits."""
_ARM, _CROSS = 0.2, 0.9
"""Half the width of a plus's strokes, as a share of its size, and the share of its ink within them."""


@dataclass(frozen=True)
class Sign:
    """A separator on the level page."""

    text: str
    """One of `SEPARATORS`, or `+`; empty for a small sign between digits that is none of them."""
    place: Place
    """Its columns, and the rows of the digits beside it."""
    parts: tuple[int, ...]
    """Which of the page's parts it is made of; none where they may be of a digit all the same."""
    corners: NDArray[np.float64]
    """(4, 2), x and y of the corners of its box, in pixels of the level page."""


def find_separators(parts: Parts, heights: NDArray[np.float64]) -> list[Sign]:
    """The separators between a page's parts.

    Args:
        parts: The page's parts.
        heights: How tall the writing is around each of them, in pixels.
    """
    ratio = parts.height / heights
    main = np.flatnonzero((ratio > 0.6) & (ratio < 1.8) & (parts.width < 1.6 * heights))
    slashes = [int(index) for index in main if _is_slash(parts, int(index), heights[index])]
    crosses = [
        int(index) for index in np.flatnonzero((ratio > 0.35) & (ratio < _PLUS_HEIGHT)) if _is_plus(parts, int(index))
    ]
    main = np.setdiff1d(main, slashes + crosses)
    small = np.flatnonzero((ratio < _COMMA_HEIGHT) & (np.maximum(parts.width, parts.height) > _SMALLEST * heights))
    small = np.setdiff1d(small, crosses)
    found: dict[int, Sign] = {}
    for index in (*map(int, small), *slashes, *crosses):
        sides = _neighbours(parts, index, main, heights[index])
        known = "/" if index in slashes else "+" if index in crosses else ""
        text = known or (_shape(parts, index, sides, heights[index]) if sides else "")
        if sides and (text or len(sides) > 1):
            top, bottom = (float(np.mean(rows[sides])) for rows in (parts.top, parts.bottom))
            place = Place(float(parts.left[index]), top, float(parts.right[index]), bottom, float(heights[index]))
            found[index] = Sign(text, place, (index,) if text else (), _corners(parts, [index]))
    return _with_colons(found, parts)


def _corners(parts: Parts, members: list[int]) -> NDArray[np.float64]:
    left, right = int(parts.left[members].min()), int(parts.right[members].max()) - 1
    top, bottom = int(parts.top[members].min()), int(parts.bottom[members].max()) - 1
    return np.array([[left, top], [right, top], [left, bottom], [right, bottom]], np.float64)


def _is_plus(parts: Parts, index: int) -> bool:
    """Whether a part is one upright and one level stroke through its middle."""
    mask = parts.mask(index)
    height, width = mask.shape
    if not 0.6 < width / height < 1.7:
        return False
    rows, columns = np.nonzero(mask)
    upright = np.abs(columns / (width - 1) - 0.5) < _ARM
    level = np.abs(rows / (height - 1) - 0.5) < _ARM
    if not upright.any() or not level.any():
        return False
    whole = np.ptp(rows[upright]) > 0.9 * (height - 1) and np.ptp(columns[level]) > 0.9 * (width - 1)
    return bool(whole and (upright | level).mean() > _CROSS)


def _is_slash(parts: Parts, index: int, height: float) -> bool:
    if parts.height[index] < _SLASH_HEIGHT * height:
        return False
    rows, columns = np.nonzero(parts.mask(index))
    slope, start = np.polyfit(rows, columns, 1)
    stroke = len(rows) / parts.height[index]
    away = np.abs(columns - slope * rows - start)
    return bool(
        -slope > _LEAN and np.quantile(away, 0.95) < 0.6 * stroke + _CROOKED * height and stroke < 0.35 * height
    )


def _neighbours(parts: Parts, index: int, main: NDArray[np.intp], height: float) -> list[int]:
    """The nearest digit-sized parts on either side; none where one stands above or below."""
    middle = (parts.top[index] + parts.bottom[index]) / 2
    line = main[(parts.top[main] - 0.35 * height < middle) & (middle < parts.bottom[main] + 0.35 * height)]
    shared = np.minimum(parts.right[line], parts.right[index]) - np.maximum(parts.left[line], parts.left[index])
    if (shared > max(1.0, _BESIDE * parts.width[index])).any():
        return []
    centres = parts.left[line] + parts.right[line]
    here = parts.left[index] + parts.right[index]
    result = []
    for side in (line[centres < here], line[centres >= here]):
        gaps = np.maximum(parts.left[side] - parts.right[index], parts.left[index] - parts.right[side])
        if len(side) and gaps.min() < _FURTHEST * height:
            result.append(int(side[gaps.argmin()]))
    return result


def _shape(parts: Parts, index: int, sides: list[int], height: float) -> str:
    """What a small part between digits is; empty for anything else; `:` stands for one of a colon's points."""
    top, bottom = float(parts.top[sides].mean()), float(parts.bottom[sides].mean())
    rows, columns = int(parts.height[index]), int(parts.width[index])
    high, low = ((float(row) - top) / max(bottom - top, 1) for row in (parts.top[index], parts.bottom[index]))
    middle = (high + low) / 2
    if columns > _FLAT * rows and rows < _DASH_HEIGHT * height and columns < _DASH_WIDTH * height:
        gaps = np.maximum(parts.left[sides] - parts.right[index], parts.left[index] - parts.right[sides])
        return "-" if 0.25 < middle < 0.75 and columns > 0.2 * height and gaps.min() > _APART * height else ""
    if len(sides) < 2:
        return ""
    size = max(rows, columns) / height
    small = (size < _LARGEST_LOW_POINT and low < _LOWEST_POINT) or (size < _DOT and low < 1.12)
    if small and middle > 0.72 and rows < _TALL_POINT * columns:
        return "."
    if columns < _COMMA_WIDTH * height and high > 0.55 and low > 0.85 and (rows > 1.2 * columns or low > _HANGING):
        return ","
    if max(rows, columns) < _DOT * height and 0.05 < middle <= 0.8:
        return ":"
    return ""


def _with_colons(found: dict[int, Sign], parts: Parts) -> list[Sign]:
    """The signs; two points above each other are one colon, half a colon is none."""
    result = []
    upper = [index for index, sign in found.items() if sign.text == ":"]
    used: set[int] = set()
    for index in upper:
        for other, sign in found.items():
            over = min(parts.right[index], parts.right[other]) - max(parts.left[index], parts.left[other])
            apart = sign.text in (".", ":") and parts.top[other] > parts.bottom[index]
            if apart and over > 0 and not {index, other} & used:
                used |= {index, other}
                result.append(Sign(":", found[index].place, (index, other), _corners(parts, [index, other])))
    return result + [sign for index, sign in found.items() if sign.text != ":" and index not in used]
