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
_MOST_CUTS = 8
_INK, _SIDEWAYS = 1.0, 0.15
"""What a path pays for a pixel of ink, and for a step to the side."""
_DEEPEST = 0.42
"""A cut crosses no more ink than this share of the writing's height."""


def cut(piece: Piece, height: float) -> tuple[list[Piece], list[float]]:
    """The piece cut at every likely place.

    Args:
        piece: One digit or several.
        height: How tall the writing is there, in pixels.

    Returns:
        What it falls into, from left to right, and how much ink each cut between them crosses, in heights.
    """
    width = piece.mask.shape[1]
    if not _LEAST_WIDTH * height <= width <= _MOST_WIDTH * height or piece.mask.shape[0] > 2 * height:
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
    costs, steps = _cheapest_paths(mask)
    margin = max(2, round(_MARGIN * height))
    paths: list[NDArray[np.intp]] = []
    middles: list[float] = []
    for column in np.argsort(costs, kind="stable"):
        if costs[column] > _DEEPEST * height or len(paths) >= _MOST_CUTS:
            break
        # Neighbouring columns' paths join further up.
        if any(abs(int(column) - int(path[-1])) < margin // 2 for path in paths):
            continue
        path = _path(steps, int(column))
        middle = float(path.mean())
        if margin <= middle <= mask.shape[1] - margin and all(abs(middle - other) >= margin for other in middles):
            paths.append(path)
            middles.append(middle)
    return [paths[index] for index in np.argsort(middles)]


def _cheapest_paths(mask: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """For each column of the last row the cost of the cheapest path to it from the first row, and the steps there."""
    ink = mask.astype(np.float32) * _INK
    cost = ink[0]
    steps = np.zeros(mask.shape, np.int8)
    for row in range(1, len(mask)):
        from_left = np.concatenate(([np.inf], cost[:-1])) + _SIDEWAYS
        from_right = np.concatenate((cost[1:], [np.inf])) + _SIDEWAYS
        best = np.minimum(np.minimum(from_left, from_right), cost)
        steps[row] = np.where(best == cost, 0, np.where(best == from_left, -1, 1))
        cost = (best + ink[row]).astype(np.float32)
    return cost, steps


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
