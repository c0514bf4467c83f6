"""Ruled and squared paper, writing lines: thin straight lines that go on beyond both sides of the picture.

A stroke of a digit may be as straight and as long. A line is told from it by where it ends, at the picture's very
border on both sides, and by what it is beside: other lines of its tilt, or writing that is darker, thicker or narrower.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from numbre_runtime.pictures.histogram import histogram, quantile
from numbre_runtime.pictures.mnist_form import stroke_width
from numbre_runtime.pictures.morphology import dilation, opening

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STEEPEST = 0.11
"""Rows per column: a tilt of 6°."""
_COVERAGE, _BARE = 0.85, 0.35
"""Along a line there is ink in at least this share of the picture's columns, and nothing but the line in so many."""
_FULL = 0.7
"""A row belongs to a line if there is ink in so many of its columns."""
_THICKEST = 0.035
"""No line is thicker than this share of the picture's longer side."""
_FAINTEST = 0.12
"""Nor fainter than this share of the darkest ink."""
_DARKER = 1.5
"""Ink so many times as strong as a line is a stroke on it."""
_LEAST_SIDE = 48
"""Smaller pictures do not show whether a line is one."""
_MOST_ENDS = 40
"""More ends than this along one side are texture, not lines."""
_SAME_TILT = 0.03
"""Two lines of a family differ by no more rows per column."""
_FAINT, _THIN = 0.75, 0.6
"""A single line is fainter or thinner than this share of the strongest ink or of the writing's strokes,"""
_BEYOND = 0.1
"""or it goes on beyond the writing by this share of the picture's width on both sides."""


class _PictureLine(NamedTuple):
    """A straight line from the left to the right border."""

    rows: NDArray[np.intp]
    """(width,) its middle in each column."""
    above: int
    """How many rows of it lie above the middle."""
    below: int
    """How many below."""
    level: int
    """How strong its ink is where nothing crosses it."""

    @property
    def tilt(self) -> float:
        """Rows per column."""
        return float(self.rows[-1] - self.rows[0]) / len(self.rows)


def without_lines(ink: NDArray[np.uint8], counts: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Ink without ruled lines; strokes that cross them stay.

    Args:
        ink: (height, width) uint8.
        counts: Its histogram.

    Returns:
        A copy without the lines; `ink` itself where there are none.

    Example:
        >>> paper = np.zeros((60, 60), np.uint8)
        >>> paper[[15, 45]] = 90
        >>> paper[10:50, 29:32] = 200
        >>> clean = without_lines(paper, histogram(paper))
        >>> bool((clean[:, 29:32] == paper[:, 29:32]).all()), int(clean[:, :20].max())
        (True, 0)
    """
    if min(ink.shape) < _LEAST_SIDE:
        return ink
    thickest = max(3, round(_THICKEST * max(ink.shape))) | 1
    strong = quantile(counts, 0.995)
    least = max(1, round(_FAINTEST * strong))
    # Lines of both directions are looked for before any is erased, because each crosses the ends of others.
    level = _ruled_rows(ink, thickest, least, strong)
    upright = _ruled_rows(ink.T, thickest, least, strong)
    if not level and not upright:
        return ink
    return _erased(_erased(ink, level, thickest).T, upright, thickest).T


def _ruled_rows(ink: NDArray[np.uint8], thickest: int, least: int, strong: int) -> list[_PictureLine]:
    """The lines of the paper that run from left to right."""
    zone = max(4, ink.shape[1] // 16)
    starts = _ends(ink[:, :zone], thickest, least)
    if not 0 < len(starts) <= _MOST_ENDS:
        return []
    stops = _ends(ink[:, -zone:], thickest, least)
    if not 0 < len(stops) <= _MOST_ENDS:
        return []
    ink = np.ascontiguousarray(ink)
    covered = ink > least
    thin = ink - opening(ink, thickest, 1) > least
    lines = _lines(ink, covered, thin, starts, stops, thickest)
    return [line for line in lines if _is_ruled(line, lines, covered, strong)]


def _erased(ink: NDArray[np.uint8], lines: list[_PictureLine], thickest: int) -> NDArray[np.uint8]:
    """The ink without some lines."""
    if not lines:
        return ink
    result = ink.copy()
    for line in lines:
        _erase(result, ink, line, thickest)
    return result


def _ends(side: NDArray[np.uint8], thickest: int, least: int) -> NDArray[np.intp]:
    """The rows of a side's outermost columns in which something thin lies: the middle of each run of them."""
    thin = side - opening(side, thickest, 1) > least
    # A line of squared paper along the border hides the ends of those that cross it.
    along = np.zeros(len(side) + 2, np.bool_)
    along[1:-1] = thin.sum(axis=1) >= thin.shape[1] // 2
    steps = np.flatnonzero(along[1:] != along[:-1])
    return (steps[::2] + steps[1::2] - 1) // 2


def _lines(
    ink: NDArray[np.uint8],
    covered: NDArray[np.bool_],
    thin: NDArray[np.bool_],
    starts: NDArray[np.intp],
    stops: NDArray[np.intp],
    thickest: int,
) -> list[_PictureLine]:
    """The straight lines from one of the starts to one of the stops, along which there is ink."""
    width = ink.shape[1]
    columns = np.arange(width)
    start, stop = (ends.ravel() for ends in np.meshgrid(starts, stops, indexing="ij"))
    near = np.abs(stop - start) <= max(2, _STEEPEST * width)
    start, stop = start[near], stop[near]
    rows = (start[:, None] * (width - 1 - columns) + stop[:, None] * columns + (width - 1) // 2) // (width - 1)
    # A line may be a row higher or lower than a straight one.
    inked = dilation(covered.view(np.uint8), 3, 1)[rows, columns]
    whole = inked[:, :2].any(axis=1) & inked[:, -2:].any(axis=1)
    inked = inked.sum(axis=1, dtype=np.intp)
    bare = dilation(thin.view(np.uint8), 3, 1)[rows, columns].sum(axis=1, dtype=np.intp)
    found: list[_PictureLine] = []
    taken_starts: set[int] = set()
    taken_stops: set[int] = set()
    for index in np.argsort(-bare, kind="stable").tolist():
        if not whole[index] or inked[index] < _COVERAGE * width or bare[index] < _BARE * width:
            continue
        if int(start[index]) in taken_starts or int(stop[index]) in taken_stops:
            continue
        taken_starts.add(int(start[index]))
        taken_stops.add(int(stop[index]))
        found.append(_measured(ink, covered, thin, rows[index], thickest))
    return found


def _measured(
    ink: NDArray[np.uint8],
    covered: NDArray[np.bool_],
    thin: NDArray[np.bool_],
    rows: NDArray[np.intp],
    thickest: int,
) -> _PictureLine:
    """A line with its thickness and its level."""
    height, width = ink.shape
    columns = np.arange(width)
    offsets = np.arange(-thickest, thickest + 1)[:, None]
    around = np.clip(rows + offsets, 0, height - 1)
    full = covered[around, columns].sum(axis=1) >= _FULL * width
    above = below = 0
    while above < thickest - 1 and full[thickest - above - 1]:
        above += 1
    while below < thickest - 1 and full[thickest + below + 1]:
        below += 1
    near = slice(thickest - above - 1, thickest + below + 2)
    # Where a stroke lies along the line, its ink says nothing about the line's.
    bare = thin[around[near], columns].any(axis=0)
    levels = ink[around[near], columns].max(axis=0)[bare]
    return _PictureLine(rows, above, below, quantile(histogram(levels[None]), 0.5))


def _is_ruled(line: _PictureLine, lines: list[_PictureLine], covered: NDArray[np.bool_], strong: int) -> bool:
    """Whether a line is one of the paper and no stroke of a digit."""
    if sum(abs(line.tilt - other.tilt) <= _SAME_TILT for other in lines) > 1:
        return True
    rest = covered.copy()
    columns = np.arange(covered.shape[1])
    for offset in range(-line.above - 2, line.below + 3):
        rest[np.clip(line.rows + offset, 0, len(covered) - 1), columns] = False
    written = np.flatnonzero(rest.sum(axis=0) >= 2)
    if not len(written):
        return False
    if line.level <= _FAINT * strong or 1 + line.above + line.below <= _THIN * stroke_width(rest):
        return True
    margin = _BEYOND * covered.shape[1]
    return bool(written[0] >= margin and written[-1] < covered.shape[1] - margin)


def _erase(result: NDArray[np.uint8], ink: NDArray[np.uint8], line: _PictureLine, thickest: int) -> None:
    """Takes one line out of `result`, where no stroke crosses it."""
    height, width = ink.shape
    around = np.arange(-line.above - 1 - thickest, line.below + 2 + thickest)
    rows = around[:, None] + line.rows
    columns = np.arange(width)
    inside = (rows >= 0) & (rows < height)
    levels = np.where(inside, ink[np.clip(rows, 0, height - 1), columns], 0)
    # Where a stroke crosses, ink is stronger than the line is elsewhere, or goes on above and below it.
    covered = levels > line.level // 2
    margin = thickest // 2
    crossed = covered[: margin + 1].any(axis=0) & covered[-(margin + 1) :].any(axis=0)
    erased = inside & ~crossed & (levels <= _DARKER * line.level + 10)
    erased[:margin] = erased[-margin:] = False
    where = np.broadcast_to(columns, rows.shape)[erased]
    result[rows[erased], where] = 0
