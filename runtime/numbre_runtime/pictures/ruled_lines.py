"""Ruled and squared paper: straight thin lines from one side of the picture to the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from numbre_runtime.pictures.ground import quantile
from numbre_runtime.pictures.morphology import dilation, opening

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TILTS = np.tan(np.radians(np.arange(-6, 6.1, 0.5)))
_COVERAGE, _BARE = 0.85, 0.35
"""Along a line there is ink in at least this share of the picture's columns, and nothing but the line in so many."""
_THICKEST = 0.035
"""No line is thicker than this share of the picture's longer side."""
_FAINTEST = 0.12
"""Nor fainter than this share of the darkest ink."""
_DARKER = 1.5
"""Ink so many times as strong as a line is a stroke on it."""
_LEAST_SIDE = 48
"""Smaller pictures do not show whether a line is one."""


def without_lines(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """Ink (height, width) 0–255 without ruled lines; strokes that cross them stay."""
    if min(ink.shape) < _LEAST_SIDE:
        return ink
    return _without_rows(_without_rows(ink).T).T


def _without_rows(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """The ink without lines that run from left to right."""
    thickest = max(3, round(_THICKEST * max(ink.shape))) | 1
    thin = ink - opening(ink, thickest, 1)
    strong = quantile(ink, 0.995)
    least = _FAINTEST * strong
    width = ink.shape[1]
    drift = np.round(_TILTS[:, None] * (np.arange(width) - width / 2)).astype(np.intp)
    reach = int(np.abs(drift).max())
    bare, inked = (_along_tilts(levels > least, drift, reach) for levels in (thin, ink))
    lines = (inked >= _COVERAGE * width) & (bare >= _BARE * width)
    # At the lines' own tilt their whole thickness lies along it.
    tilt = int(np.argmax((inked * lines).sum(axis=1)))
    found = np.flatnonzero(lines[tilt]) - reach
    if not len(found):
        return ink
    result = ink.copy()
    for band in np.split(found, np.flatnonzero(np.diff(found) > 1) + 1):
        _erase(result, ink, band, drift[tilt], thickest)
    return result


def _along_tilts(mask: NDArray[np.bool_], drift: NDArray[np.intp], reach: int) -> NDArray[np.intp]:
    """(tilts, height + 2 · reach): in how many columns a line of that tilt and place meets the mask, or touches it."""
    rows, columns = np.nonzero(dilation(mask.astype(np.float32), 3, 1))
    size = len(mask) + 2 * reach
    return np.stack([np.bincount(rows - shift[columns] + reach, minlength=size) for shift in drift])


def _erase(
    result: NDArray[np.float32],
    ink: NDArray[np.float32],
    band: NDArray[np.intp],
    drift: NDArray[np.intp],
    thickest: int,
) -> None:
    """Takes one line out of `result`: rows `band` of the picture, shifted by `drift` in each column."""
    height, width = ink.shape
    around = np.arange(band[0] - thickest, band[-1] + thickest + 1)
    rows = around[:, None] + drift
    columns = np.arange(width)
    inside = (rows >= 0) & (rows < height)
    levels = np.where(inside, ink[np.clip(rows, 0, height - 1), columns], 0)
    line = levels[thickest:-thickest].max(axis=0)
    usual = quantile(line, 0.5)
    # Where a stroke crosses, ink is stronger than the line is elsewhere, or goes on above and below it.
    covered = levels > 0.5 * usual
    margin = thickest // 2
    crossed = covered[: margin + 1].any(axis=0) & covered[-(margin + 1) :].any(axis=0)
    erased = inside & ~crossed & (levels <= _DARKER * usual + 10)
    erased[:margin] = erased[-margin:] = False
    where = np.broadcast_to(columns, rows.shape)[erased]
    result[rows[erased], where] = 0
