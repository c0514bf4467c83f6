"""The sheet that a picture shows: a note on a desk, a whiteboard on a wall, a screen.

It is the largest bright region with four straight sides that has something darker written on it. Its corners lie
where the region reaches farthest in four directions, a right angle apart; of four such sets of directions the one whose
corners enclose most area is taken.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from numbre_runtime.pictures.components import components
from numbre_runtime.pictures.grey import shrunk
from numbre_runtime.pictures.histogram import histogram, otsu
from numbre_runtime.pictures.mnist_form import stroke_width

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Points = NDArray[np.float64]

_SIDE = 64
"""Longest side, in pixels, at which a sheet is looked for."""
_LEAST_SIDE = 48
"""In smaller pictures a bright stroke looks like a sheet."""
_LEAST_AREA = 0.1
"""A sheet takes at least this share of the picture."""
_MOST_SHEETS = 3
"""So many bright regions are examined."""
_PLAIN_RIM = 0.93
"""Where so much of the rim is bright, the picture shows nothing beyond the sheet."""
_FADING_RIM = 0.2
"""The same where less of it is bright, and the light only fades there."""
_LEAST_STEP = 18
"""Grey levels by which the sheet is brighter than what it lies on."""
_MOST_OUTSIDE = 0.06
"""No more of the region lies outside its four corners."""
_SAMPLES = 40
"""Points along each side at which the step from the sheet to its ground is looked for."""
_INSET = 1.0
"""So many pixels inside its outermost ones the sheet is all sheet."""
_CLEAN, _COVERED = 0.85, 0.6
"""Where the whole sheet is in the picture, the step is found at this share of all points, and at this share of each
side's: a hand may cover a part of it, and writing may reach the edge."""
_CLEAN_EDGE = 0.97
"""Where the sheet goes on beyond the picture, it is found at this share of each side's points, because writing crosses
the edge of a shadow."""
_INK_STEP, _LEAST_INK, _MOST_INK = 0.25, 0.002, 0.4
"""Writing is darker than the sheet by this share of its level, and takes at least and at most such shares of it."""
_WIDEST_STROKE = 0.22
"""Its strokes are no wider than this share of the sheet's side."""
_STRAIGHT = 0.05
"""A sheet whose sides rise by less than this is cut out as it lies."""
_STRIP_PIXELS = 1 << 16
"""So many pixels are corrected at a time."""


class Sheet(NamedTuple):
    """A sheet's corners in the picture's pixels, as x and y."""

    top_left: tuple[float, float]
    top_right: tuple[float, float]
    bottom_right: tuple[float, float]
    bottom_left: tuple[float, float]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the sheet seen from the front, in pixels: the longer of two opposite sides each."""
        width = max(math.dist(self.top_left, self.top_right), math.dist(self.bottom_left, self.bottom_right))
        height = max(math.dist(self.top_left, self.bottom_left), math.dist(self.top_right, self.bottom_right))
        return max(1, round(width)), max(1, round(height))

    @property
    def is_level(self) -> bool:
        """Whether its sides are level and upright."""
        left_top, right_top, right_low, left_low = self
        level = left_top[1] == right_top[1] and left_low[1] == right_low[1]
        return level and left_top[0] == left_low[0] and right_top[0] == right_low[0]

    def in_picture(self, across: Points, down: Points) -> tuple[Points, Points]:
        """Where points of the flattened sheet lie in the picture.

        The projective map of the unit square (Heckbert, "Fundamentals of Texture Mapping and Image Warping", 1989).

        Args:
            across: x of each point, 0–1 from the sheet's left to its right side; of any shape.
            down: y of each point, 0–1 from its upper to its lower side; of the same shape.

        Returns:
            x and y in the picture's pixels.

        Example:
            >>> sheet = Sheet((10, 20), (110, 20), (110, 70), (10, 70))
            >>> x, y = sheet.in_picture(np.array([0.5]), np.array([0.0]))
            >>> float(x[0]), float(y[0])
            (60.0, 20.0)
        """
        (x0, y0), (x1, y1), (x2, y2), (x3, y3) = self
        right, low = (x1 - x2, y1 - y2), (x3 - x2, y3 - y2)
        skew = (x0 - x1 + x2 - x3, y0 - y1 + y2 - y3)
        area = right[0] * low[1] - low[0] * right[1]
        g = (skew[0] * low[1] - low[0] * skew[1]) / area
        h = (right[0] * skew[1] - skew[0] * right[1]) / area
        depth = g * across + h * down + 1
        x = ((x1 - x0 + g * x1) * across + (x3 - x0 + h * x3) * down + x0) / depth
        y = ((y1 - y0 + g * y1) * across + (y3 - y0 + h * y3) * down + y0) / depth
        return x, y


def find_sheet(grey: NDArray[np.uint8]) -> Sheet | None:
    """Finds the sheet of a picture.

    Args:
        grey: (height, width) grey levels uint8, of any size.

    Returns:
        The sheet, a little inside its edge; None where the picture shows nothing but the sheet, or none is found.

    Example:
        >>> desk = np.full((200, 300), 60, np.uint8)
        >>> desk[40:160, 80:220] = 220
        >>> desk[70:130, 140:150] = 30
        >>> [[round(value / 10) for value in corner] for corner in find_sheet(desk)]
        [[9, 5], [21, 5], [21, 15], [9, 15]]
    """
    if min(grey.shape) < _LEAST_SIDE:
        return None
    small = shrunk(grey, _SIDE)
    rim = np.concatenate([small[0], small[1:, -1], small[-1, -2::-1], small[-2:0:-1, 0]])
    for threshold in _thresholds(small):
        if _goes_on(rim, threshold):
            return None
        bright = small > threshold
        for region in _regions(bright):
            corners = _corners(region)
            if _is_sheet(corners, region, small):
                return _scaled(_inside(corners, _INSET), grey.shape, small.shape)
    return None


def _goes_on(rim: NDArray[np.uint8], threshold: int) -> bool:
    """Whether a picture's bright part reaches its rim, around which it ends nowhere, or only fades."""
    bright = rim > threshold
    share = np.count_nonzero(bright) / len(rim)
    if share < _FADING_RIM:
        return False
    ends = np.flatnonzero(bright != np.roll(bright, 1))
    steps = np.abs(rim[ends - 3].astype(np.int16) - rim[(ends + 2) % len(rim)])
    return bool(share >= _PLAIN_RIM or steps.max(initial=0) < 2 * _LEAST_STEP)


def flattened(grey: NDArray[np.uint8], sheet: Sheet) -> NDArray[np.uint8]:
    """The sheet alone, seen from the front.

    Args:
        grey: (height, width) grey levels uint8.
        sheet: Of that picture.

    Returns:
        Grey levels of `sheet.size`, bilinearly interpolated in whole numbers; a view of `grey` where the sheet is
        level.
    """
    height, width = grey.shape
    if sheet.is_level:
        (left, top), (right, bottom) = sheet.top_left, sheet.bottom_right
        return grey[round(top) : round(bottom), round(left) : round(right)]
    columns, rows = sheet.size
    flat = np.empty((rows, columns), np.uint8)
    across = (np.arange(columns) + 0.5) / columns
    step = max(1, _STRIP_PIXELS // columns)
    levels = grey.ravel()
    for first in range(0, rows, step):
        down = (np.arange(first, min(first + step, rows)) + 0.5) / rows
        x, y = sheet.in_picture(across[None, :], down[:, None])
        # Pixels' middles lie at halves; 256ths of a pixel are enough for 256 levels.
        column = np.clip(np.floor((x - 0.5) * 256), 0, (width - 1) * 256 - 1).astype(np.int64)
        row = np.clip(np.floor((y - 0.5) * 256), 0, (height - 1) * 256 - 1).astype(np.int64)
        corner = (row >> 8) * width + (column >> 8)
        rest_x, rest_y = column & 255, row & 255
        upper = levels[corner] * (256 - rest_x) + levels[corner + 1] * rest_x
        lower = levels[corner + width] * (256 - rest_x) + levels[corner + width + 1] * rest_x
        flat[first : first + step] = (upper * (256 - rest_y) + lower * rest_y + (1 << 15)) >> 16
    return flat


def _thresholds(small: NDArray[np.uint8]) -> Iterator[int]:
    """Levels that may separate a sheet from what it lies on: of all pixels, then of the brighter ones."""
    counts = histogram(small)
    for _ in range(2):
        threshold = otsu(counts)
        yield threshold
        counts = counts.copy()
        counts[: threshold + 1] = 0


def _regions(bright: NDArray[np.bool_]) -> Iterator[NDArray[np.bool_]]:
    """The largest bright regions, the largest first."""
    found = components(bright)
    areas = found.sums(bright.view(np.uint8))
    for number in np.argsort(-areas, kind="stable")[:_MOST_SHEETS].tolist():
        if areas[number] < _LEAST_AREA * bright.size:
            return
        yield found.mask_of(np.arange(len(areas)) == number)


def _corners(region: NDArray[np.bool_]) -> Points:
    """(4, 2): x and y of the region's corners, from the top left one on, clockwise; pixels' middles."""
    y, x = np.nonzero(region)
    best: Points = np.zeros((4, 2))
    most = -1.0
    for turn in range(4):
        # The directions of the four corners, whole numbers near 45°, 67°, 22° and 90°.
        right, low = ((1, 1), (5, 12), (12, 5), (0, 1))[turn]
        corners = []
        for across, down in ((-right, -low), (low, -right), (right, low), (-low, right)):
            index = int((x * across + y * down).argmax())
            corners.append((float(x[index]), float(y[index])))
        found = np.array(corners)
        ahead = np.roll(found, -1, axis=0)
        area = abs(float((found[:, 0] * ahead[:, 1] - ahead[:, 0] * found[:, 1]).sum()))
        if area > most:
            best, most = found, area
    # The top left corner is the one whose two neighbours lie to its right and below.
    first = int((best.sum(axis=1)).argmin())
    return np.roll(best, -first, axis=0)


def _is_sheet(corners: Points, region: NDArray[np.bool_], small: NDArray[np.uint8]) -> bool:
    """Whether the region between four corners has clean straight sides, and writing."""
    height, width = region.shape
    inner, outer = _inside(corners, _INSET), _inside(corners, -2.0)
    within = _between(corners, region.shape, 1.0)
    if np.count_nonzero(region & ~within) > _MOST_OUTSIDE * np.count_nonzero(region):
        return False
    shares = []
    for side in range(4):
        near, far = (_along(ends[side], ends[(side + 1) % 4]) for ends in (inner, outer))
        seen = (far >= 0).all(axis=1) & (far[:, 0] < width) & (far[:, 1] < height)
        if np.count_nonzero(seen) < _SAMPLES // 4:
            continue
        near = np.clip(near[seen], 0, [width - 1, height - 1])
        levels = [small[points[:, 1], points[:, 0]].astype(np.int64) for points in (near, far[seen])]
        clean = region[near[:, 1], near[:, 0]] & (levels[0] - levels[1] >= _LEAST_STEP)
        shares.append(float(clean.mean()))
    if not shares:
        return False
    whole = len(shares) == 4
    if min(shares) < (_COVERED if whole else _CLEAN_EDGE) or sum(shares) < _CLEAN * len(shares):
        return False
    return _is_written_on(_between(corners, region.shape, -2.5), region, small)


def _is_written_on(paper: NDArray[np.bool_], region: NDArray[np.bool_], small: NDArray[np.uint8]) -> bool:
    """Whether there are strokes on the paper, and not just a hole in it as in a broad 0."""
    bright = np.sort(small[paper & region])
    if not len(bright):
        return False
    ink = paper & (small < (1 - _INK_STEP) * int(bright[len(bright) // 2]))
    area, inked = np.count_nonzero(paper), np.count_nonzero(ink)
    if not _LEAST_INK * area < inked < _MOST_INK * area:
        return False
    return bool(stroke_width(ink) <= _WIDEST_STROKE * math.sqrt(area))


def _inside(corners: Points, distance: float) -> Points:
    """The corners moved towards each other, so that every side lies so many pixels farther in."""
    before, after = np.roll(corners, 1, axis=0), np.roll(corners, -1, axis=0)
    return corners + distance * (_towards(corners, before) + _towards(corners, after))


def _towards(start: Points, end: Points) -> Points:
    """(4, 2): steps of one pixel from each point to another."""
    way = end - start
    steps: Points = way / np.maximum(np.sqrt((way**2).sum(axis=1, keepdims=True)), 1e-9)
    return steps


def _along(start: Points, end: Points) -> NDArray[np.intp]:
    """(samples, 2): the pixels at even distances between two corners."""
    share = ((np.arange(_SAMPLES) + 0.5) / _SAMPLES)[:, None]
    return np.floor(start + share * (end - start) + 0.5).astype(np.intp)


def _between(corners: Points, shape: tuple[int, ...], beyond: float) -> NDArray[np.bool_]:
    """(height, width): the pixels between the four sides and up to so many pixels beyond them."""
    y, x = np.arange(shape[0])[:, None], np.arange(shape[1])
    inside = np.ones(shape, np.bool_)
    for start, way in zip(corners, _towards(corners, np.roll(corners, -1, axis=0)), strict=True):
        inside &= way[0] * (y - start[1]) - way[1] * (x - start[0]) >= -beyond
    return inside


def _scaled(corners: Points, shape: tuple[int, ...], small: tuple[int, ...]) -> Sheet:
    """Corners of the small picture, at pixels' middles, as those of the picture itself; level if they nearly are."""
    x = np.clip((corners[:, 0] + 0.5) * (shape[1] / small[1]), 0, shape[1])
    y = np.clip((corners[:, 1] + 0.5) * (shape[0] / small[0]), 0, shape[0])
    found = Sheet(*((float(across), float(down)) for across, down in zip(x, y, strict=True)))
    width, height = found.size
    if max(abs(y[0] - y[1]), abs(y[2] - y[3])) > _STRAIGHT * width:
        return found
    if max(abs(x[0] - x[3]), abs(x[1] - x[2])) > _STRAIGHT * height:
        return found
    left, right = math.ceil(max(x[0], x[3])), math.floor(min(x[1], x[2]))
    top, bottom = math.ceil(max(y[0], y[1])), math.floor(min(y[2], y[3]))
    return Sheet((left, top), (right, top), (right, bottom), (left, bottom))
