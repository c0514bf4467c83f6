"""Where digits that touch may be cut apart: along the paths from top to bottom that cross the least ink."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.page.groups import Piece

_LEAST_WIDTH = 0.55
"""What is narrower, in heights of the writing, is not cut."""
_MOST_WIDTH = 6.0
"""What is wider is no row of digits."""
_MARGIN = 0.12
"""No cut is closer to a side or to another cut, in heights of the writing."""
_MOST_CUTS = 16
_SIDEWAYS = 0.15
"""What a path pays for a step to the side; a pixel of ink costs 1."""
_STEPS = np.array([0, -1, 1], np.int8)
"""Where a path may come from: above, above to the left, above to the right."""
_ROWS = 32
"""Paths are looked for where the writing is about so many pixels tall."""
_DEEPEST = 0.4
"""A cut crosses no more ink than this share of the writing's height."""


def cut(piece: Piece, height: float) -> tuple[list[Piece], list[float]]:
    """The piece cut at every likely place.

    Args:
        piece: One digit or several.
        height: How tall the writing is there, in pixels.

    Returns:
        What it falls into, from left to right, and how much ink each cut between them crosses, in heights.
    """
    width = piece.columns
    if not _LEAST_WIDTH * height <= width <= _MOST_WIDTH * height or piece.rows > 2 * height:
        return [piece], []
    paths = _likely_paths(piece.mask, height)
    side = sum((np.arange(width)[None, :] >= path[:, None]).astype(np.int8) for path in paths)
    pieces, crossed = [piece], []
    if paths:
        found = [_trimmed(piece, piece.mask & (side == index)) for index in range(len(paths) + 1)]
        ink = [float(piece.mask[np.arange(len(path)), path].sum()) / height for path in paths]
        pieces = [each for each in found if each is not None]
        crossed = [amount for amount, behind in zip(ink, found[1:], strict=True) if behind is not None]
        crossed = crossed[len(crossed) - len(pieces) + 1 :]
    return pieces, crossed


def _likely_paths(mask: NDArray[np.bool_], height: float) -> list[NDArray[np.intp]]:
    """The cheapest paths that are not too close to each other, from left to right."""
    coarse = max(1, round(height / _ROWS))
    small = mask[::coarse, ::coarse]
    costs, starts, steps = _cheapest_paths(small)
    ends = np.arange(len(costs))
    middles = (starts + ends) / 2
    margin = max(2.0, _MARGIN * height / coarse)
    likely = (costs * coarse <= _DEEPEST * height) & (middles >= margin) & (middles <= len(costs) - margin)
    chosen: list[int] = []
    for column in np.argsort(costs, kind="stable"):
        if likely[column] and all(abs(middles[column] - middles[other]) >= margin for other in chosen):
            chosen.append(int(column))
            if len(chosen) == _MOST_CUTS:
                break
    paths = (_path(steps, column) for column in sorted(chosen, key=lambda column: float(middles[column])))
    return [np.repeat(path * coarse, coarse)[: len(mask)] for path in paths]


def _cheapest_paths(
    mask: NDArray[np.bool_],
) -> tuple[NDArray[np.float32], NDArray[np.intp], NDArray[np.int8]]:
    """Paths from the first row to the last; for each column there: the cheapest's cost, its first column, its steps."""
    ink = mask.astype(np.float32)
    cost, starts = ink[0], np.arange(mask.shape[1])
    steps = np.zeros(mask.shape, np.int8)
    beside = np.full((3, mask.shape[1]), np.inf, np.float32)
    columns = np.arange(mask.shape[1])
    for row in range(1, len(mask)):
        beside[0] = cost
        beside[1, 1:] = cost[:-1] + _SIDEWAYS
        beside[2, :-1] = cost[1:] + _SIDEWAYS
        best = beside.argmin(axis=0)
        steps[row] = _STEPS[best]
        starts = starts[columns + steps[row]]
        cost = beside[best, columns] + ink[row]
    return cost, starts, steps


def _path(steps: NDArray[np.int8], column: int) -> NDArray[np.intp]:
    """The column of each row on the path that ends in `column`."""
    path = np.empty(len(steps), np.intp)
    for row in range(len(steps) - 1, -1, -1):
        path[row] = column
        column += int(steps[row, column])
    return path


def _trimmed(piece: Piece, mask: NDArray[np.bool_]) -> Piece | None:
    """What the mask leaves of a piece, in its own box."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    inner = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Piece(piece.left + int(columns[0]), piece.top + int(rows[0]), inner)
