"""Where digits that touch may be cut apart: along the paths from top to bottom that cross the least ink.

For each pixel of the ink the cheapest path through it is looked at, for where two digits touch along a stroke, a path
past that place is cheaper and parts nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_ROWS = 32
"""Paths are looked for where the writing is about so many pixels tall."""
_SIDEWAYS = 0.15
"""What a path pays for a step to the side; a pixel of ink costs 1."""
_STEPS = (0, 1, -1)
"""Columns that a path may move to the right from one row to the next."""
_DEEPEST = 0.6
"""A path costs no more than so many pixels of ink, as a share of the writing's height."""
_LEAST_INK = 0.04
"""Ink on either side of a cut, and between two cuts, in squares of the writing's height."""
_MOST_CUTS = 8
"""For each height of the writing that a mask is wide."""


@dataclass(frozen=True)
class Cut:
    """One way to part a mask."""

    columns: NDArray[np.intp]
    """(rows,): what lies left of this column in each row is before the cut."""
    crossed: float
    """What its path costs, in heights of the writing: mostly the ink that it goes through."""


def find_cuts(mask: NDArray[np.bool_], height: float) -> list[Cut]:
    """Every likely cut of a mask (rows, columns), from left to right, the cheapest of those that part it alike.

    Args:
        mask: Where there is ink.
        height: How tall the writing is, in pixels.
    """
    coarse = max(1, round(height / _ROWS))
    unit = height / coarse
    ink = _reduced(mask, coarse)
    rows, columns = ink.shape
    down, above = _cheapest(ink)
    up, below = _cheapest(ink[::-1])
    costs = down + up[::-1] - ink
    row, column = np.nonzero((costs <= _DEEPEST * unit) & (ink > 0.5))
    costs = costs[row, column]
    paths = np.empty((len(row), rows), np.intp)
    _follow(paths, row, column, above)
    _follow(paths[:, ::-1], rows - 1 - row, column, below)
    # Ink left of each column in each row: what lies between two paths is a difference.
    left_of = np.zeros((rows, columns + 1), np.float32)
    np.cumsum(ink, axis=1, out=left_of[:, 1:])
    left = left_of[np.arange(rows), paths]
    before = left.sum(axis=1)
    least = _LEAST_INK * unit**2
    possible = np.flatnonzero((before >= least) & (before <= ink.sum() - least))
    possible = possible[np.argsort(costs[possible], kind="stable")]
    chosen: list[int] = []
    most = max(2, round(_MOST_CUTS * columns / unit))
    while len(possible) and len(chosen) < most:
        best = int(possible[0])
        chosen.append(best)
        possible = possible[np.abs(left[possible] - left[best]).sum(axis=1) >= least]
    chosen.sort(key=lambda index: float(before[index]))
    return [Cut(np.repeat(paths[index] * coarse, coarse)[: len(mask)], float(costs[index]) / unit) for index in chosen]


def _reduced(mask: NDArray[np.bool_], factor: int) -> NDArray[np.float32]:
    """The share of ink, 0–1, in squares of so many pixels."""
    down, across = -(-mask.shape[0] // factor), -(-mask.shape[1] // factor)
    framed = np.zeros((down * factor, across * factor), np.float32)
    framed[: mask.shape[0], : mask.shape[1]] = mask
    return np.asarray(cv2.resize(framed, (across, down), interpolation=cv2.INTER_AREA), np.float32)


def _cheapest(ink: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """For each pixel: the cost of the cheapest path to it from the first row, and the column that it comes from."""
    rows, columns = ink.shape
    costs = ink.copy()
    came = np.empty((rows, columns), np.intp)
    places = np.arange(columns)
    beside = np.full((len(_STEPS), columns), np.inf, np.float32)
    for row in range(1, rows):
        above = costs[row - 1]
        beside[0] = above
        beside[1, 1:] = above[:-1] + _SIDEWAYS
        beside[2, :-1] = above[1:] + _SIDEWAYS
        best = beside.argmin(axis=0)
        came[row] = places - np.take(_STEPS, best)
        costs[row] += beside[best, places]
    return costs, came


def _follow(paths: NDArray[np.intp], row: NDArray[np.intp], column: NDArray[np.intp], came: NDArray[np.intp]) -> None:
    """Fills in each path's columns, from its own pixel back to the first row."""
    at = column.copy()
    for index in range(paths.shape[1] - 1, -1, -1):
        inside = index <= row
        paths[inside, index] = at[inside]
        if index:
            at[inside] = came[index, at[inside]]
