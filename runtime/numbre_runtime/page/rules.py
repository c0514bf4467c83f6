"""Takes the lines of ruled and squared paper out of a page's ink, and leaves the strokes that cross them.

As staff lines are taken out of scanned music (Dalitz et al., "A comparative study of staff removal algorithms", 2008):
a line is followed by the short runs of ink across it; where a run is longer, something crosses, and it stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

_THICKEST, _THICKEST_OF_WRITING = 1 / 250, 1 / 12
"""Of the picture's longest side, and of the writing's height: what is thicker than both is no line of the paper."""
_WINDOWS = 6
"""The page is searched in so many strips side by side, for perspective and curled paper bend its lines."""
_CHAIN = 3
"""A line runs on through so many neighbouring strips at least, more where it takes them to be longer than a digit."""
_LONGER_THAN_DIGIT = 1.5
"""Heights of the writing that no 2's foot and no 7's bar is as long as."""
_FEW = 6.0
"""A page that is no higher than so many heights of the writing is not searched for lines down, which a 1 looks like."""
_STEEPEST = 0.27
"""Slope of the steepest line that is looked for, 15°."""
_LEAST_COVERED = 0.5
"""Share of a strip's columns in which a line is seen."""
_MOST_POINTS = 100_000
_MOST_LINES = 150
"""Bounds on the time that noise can cost, for each strip."""
_MEETING = 5.0
"""Pixels that a line may jump between two strips."""
_NEAR = 2.5
"""Pixels between a line and the middle of a run that belongs to it."""


@dataclass(frozen=True)
class _Runs:
    """Runs of ink down the columns of a mask."""

    column: NDArray[np.intp]
    start: NDArray[np.intp]
    """Their first row."""
    length: NDArray[np.intp]
    """Rows."""

    @property
    def middle(self) -> NDArray[np.float64]:
        """The row of their middle."""
        return self.start + (self.length - 1) / 2

    def where(self, chosen: NDArray[np.bool_]) -> _Runs:
        """Some of them."""
        return _Runs(self.column[chosen], self.start[chosen], self.length[chosen])


@dataclass(frozen=True)
class _Line:
    """A straight piece of a line, in one strip."""

    left: float
    """The strip's first column."""
    right: float
    """The column behind its last."""
    middle: float
    """The line's row half-way."""
    slope: float
    """Rows for each column."""

    def row(self, column: NDArray[np.intp]) -> NDArray[np.float64]:
        """Where the line is at each column."""
        return np.asarray(self.middle + self.slope * (column - (self.left + self.right) / 2), np.float64)


def ruled_pixels(mask: NDArray[np.uint8], writing: float, fills: bool = False) -> NDArray[np.uint8]:
    """Where the paper's own lines are, across and down, in a mask (height, width) of ink; 1 there, 0 elsewhere.

    Args:
        mask: 1 where there is ink.
        writing: The writing's usual height in pixels.
        fills: Few digits fill the page, and a line must be longer than one of them.
    """
    thickest = max(3, round(max(mask.shape) * _THICKEST), round(writing * _THICKEST_OF_WRITING))
    across = _lines_across(mask, thickest, writing if fills else 0.0)
    if fills and mask.shape[0] <= _FEW * writing:
        return across
    down = _lines_across(np.ascontiguousarray(mask.T), thickest, writing if fills else 0.0).T
    return np.asarray(cv2.bitwise_or(across, np.ascontiguousarray(down)), np.uint8)


def _lines_across(mask: NDArray[np.uint8], thickest: int, writing: float) -> NDArray[np.uint8]:
    chain = int(np.clip(np.ceil(_LONGER_THAN_DIGIT * writing * _WINDOWS / mask.shape[1]), _CHAIN, _WINDOWS))
    runs = _runs_down(mask)
    thin = runs.where(runs.length <= thickest)
    edges = np.linspace(0, mask.shape[1], _WINDOWS + 1)
    strips = [
        _lines_in_strip(thin, float(left), float(right), mask.shape[0], thickest) for left, right in pairwise(edges)
    ]
    found = np.zeros((mask.shape[0] + 1, mask.shape[1]), np.int8)
    for line in _chained(strips, chain):
        inside = thin.where((thin.column >= line.left) & (thin.column < line.right))
        near = inside.where(np.abs(inside.middle - line.row(inside.column)) <= _NEAR)
        if near.length.size:
            taken = near.where(near.length <= np.median(near.length) + 2)
            found[taken.start, taken.column] = 1
            found[taken.start + taken.length, taken.column] = -1
    return np.cumsum(found, axis=0, dtype=np.int8)[:-1].astype(np.uint8)


def _runs_down(mask: NDArray[np.uint8]) -> _Runs:
    height = mask.shape[0]
    columns = np.zeros((mask.shape[1], height + 1), np.int8)
    columns[:, :height] = mask.T
    change = np.diff(columns.ravel(), prepend=np.int8(0))
    start = np.flatnonzero(change == 1)
    return _Runs(start // (height + 1), start % (height + 1), np.flatnonzero(change == -1) - start)


def _lines_in_strip(thin: _Runs, left: float, right: float, height: int, thickest: int) -> list[_Line]:
    """Lines that a Hough transform of the thin runs' middles finds in a strip."""
    inside = thin.where((thin.column >= left) & (thin.column < right))
    columns = right - left
    if inside.column.size < _LEAST_COVERED * columns:
        return []
    step = inside.column.size // _MOST_POINTS + 1
    chosen = inside.where(inside.column % step == 0)
    x, y = chosen.column - (left + right) / 2, chosen.middle
    steepest = min(_STEEPEST, height / columns)
    slopes = np.arange(-steepest, steepest, 2 / columns)
    votes = np.empty((len(slopes), height), np.float32)
    for index, slope in enumerate(slopes):
        rows = np.clip(np.rint(y - slope * x), 0, height - 1).astype(np.intp)
        votes[index] = np.bincount(rows, minlength=height)
    votes = cv2.blur(votes, (3, 1), borderType=cv2.BORDER_CONSTANT) * 3
    needed = _LEAST_COVERED * columns / step
    lines: list[_Line] = []
    while len(lines) < _MOST_LINES:
        best = int(votes.argmax())
        turn, row = divmod(best, height)
        if votes[turn, row] < needed:
            break
        lines.append(_Line(left, right, float(row), float(slopes[turn])))
        votes[:, max(0, row - thickest - 2) : row + thickest + 3] = 0
    return lines


def _chained(strips: list[list[_Line]], least: int) -> list[_Line]:
    """The lines that run on through enough strips."""
    before: list[list[int]] = []
    for index, lines in enumerate(strips):
        earlier = list(zip(strips[index - 1], before[-1], strict=True)) if index else []
        before.append([1 + max((n for other, n in earlier if _meet(other, line)), default=0) for line in lines])
    after: list[list[int]] = [[] for _ in strips]
    for index in reversed(range(len(strips))):
        later = list(zip(strips[index + 1], after[index + 1], strict=True)) if index + 1 < len(strips) else []
        after[index] = [1 + max((n for other, n in later if _meet(line, other)), default=0) for line in strips[index]]
    return [
        line
        for lines, back, on in zip(strips, before, after, strict=True)
        for line, b, a in zip(lines, back, on, strict=True)
        if a + b - 1 >= least
    ]


def _meet(first: _Line, second: _Line) -> bool:
    """Whether the second line goes on where the first, in the strip before it, ends."""
    ends = first.middle + first.slope * (first.right - first.left) / 2
    begins = second.middle - second.slope * (second.right - second.left) / 2
    return abs(ends - begins) <= _MEETING
